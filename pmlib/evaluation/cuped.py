"""Sharper intervals from what was known before: CUPED."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from pmlib.artifacts import Finding, Number
from pmlib.evaluation.checks import CONTROL, design_matrix
from pmlib.evaluation.effects import outcomes_of, weights_of
from pmlib.evaluation.intervals import customer_codes, percent, weighted_difference


def cuped(
    contacts: pd.DataFrame,
    *,
    covariates: Sequence[str],
    predictions: Mapping[str, np.ndarray] | None = None,
    confidence_level: float = 0.95,
) -> Finding:
    r"""Adjust outcomes for covariates of the time before the contact [@deng2013cuped].

    $y - \theta' (x - \bar{x})$ has the same difference between the arms in expectation, because
    the arms' covariates differ by chance only, and less variance; $\theta$ is the within-arm
    regression coefficient that makes the variance of the difference smallest, whatever the
    sizes of the arms.

    Parameters
    ----------
    contacts : DataFrame
        ``arm, responded, value, cost`` and the covariates.
    covariates : sequence of str
        Columns known before the contact.
    predictions : mapping of str to ndarray, optional
        Further covariates, such as a response expected by a model of *another* campaign.

    Returns
    -------
    Finding
        ``outcome, adjusted`` (bool), ``effect, standard_error, low, high``: all offers against
        control, per customer.
    """
    outcomes = outcomes_of(contacts)
    outcomes = outcomes[[name for name in ("responded", "profit") if name in outcomes]]
    known = outcomes["responded"].notna().to_numpy()
    design = design_matrix(contacts[list(covariates)][known], covariates)
    for name, values in (predictions or {}).items():
        design[name] = np.asarray(values, float)[known]
    x, y = design.to_numpy(), outcomes.to_numpy()[known]
    treated = (contacts["arm"] != CONTROL).to_numpy()[known]
    weight, customers = weights_of(contacts).to_numpy()[known], customer_codes(contacts)[known]
    within_x, within_y = x.copy(), y.copy()
    for own in (treated, ~treated):
        share = weight[own] / weight[own].sum()
        # Scaled as in the variance of the difference, which this fit makes smallest.
        within_x[own] = (x[own] - share @ x[own]) * share[:, None]
        within_y[own] = (y[own] - share @ y[own]) * share[:, None]
    theta = np.linalg.lstsq(within_x, within_y, rcond=None)[0]
    sharp = y - (x - x.mean(axis=0)) @ theta
    z = stats.norm.ppf(0.5 + confidence_level / 2)
    rows = []
    for column, outcome in enumerate(outcomes):
        for adjusted, values in ((False, y[:, column]), (True, sharp[:, column])):
            effect, error = weighted_difference(values, treated, weight, customers)
            rows.append((outcome, adjusted, effect, error, effect - z * error, effect + z * error))
    columns = ["outcome", "adjusted", "effect", "standard_error", "low", "high"]
    table = pd.DataFrame(rows, columns=columns)
    return Finding(table, *_described(table))


def _described(table: pd.DataFrame) -> tuple[tuple[Number, ...], str]:
    numbers, parts, removed = [], [], []
    for outcome, part in table.groupby("outcome", sort=False):
        raw, sharp = (part[part["adjusted"] == flag].iloc[0] for flag in (False, True))
        saved = 1 - (sharp["standard_error"] / raw["standard_error"]) ** 2
        removed.append(saved)
        unit = "currency" if outcome == "profit" else "points"
        ends = (sharp["effect"], unit, sharp["low"], sharp["high"])
        what = f"effect on {outcome} per customer, adjusted for what was known before"
        numbers.append(Number(f"cuped_effect_{outcome}", *ends, what))
        what = f"variance of the effect on {outcome} that the adjustment removes"
        numbers.append(Number(f"cuped_variance_removed_{outcome}", saved, "share", meaning=what))
        name = "response" if outcome == "responded" else outcome
        parts.append(f"{saved:.1%} of the variance of the effect on {name}")
    text = f"What was known before removes {' and '.join(parts)}: "
    largest = max(removed)
    text += (
        f"as if the campaign had had {percent(1 / (1 - largest) - 1)} more customers."
        if largest > 0.005
        else "next to nothing, so the plain comparison is as good."
    )
    return tuple(numbers), text
