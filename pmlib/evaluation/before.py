"""What the time before the contact is good for, CUPED, and what it is not, before and after."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from pmlib.canon.contacts import CONTROL, weights_of
from pmlib.evaluation.checks import design_matrix
from pmlib.evaluation.effects import compare_arms, customer_codes, outcomes_of
from pmlib.evaluation.learners import Expected
from pmlib.inference.means import weighted_difference, weighted_mean
from pmlib.inference.normal import normal_quantile
from pmlib.numbers import Finding, Level, Number, missing, needs

ROWS_A_COLUMN = 2
"""With fewer known outcomes a coefficient (two of them means) a regression fits any outcome."""


def fits_anything(design: pd.DataFrame) -> bool:
    """Whether a regression on so many columns would fit any outcome of so few rows."""
    return len(design) < ROWS_A_COLUMN * (design.shape[1] + 2)


@needs(section="cuped")
def cuped(
    contacts: pd.DataFrame, expected: Expected | None = None, *, covariates: Iterable[str],
    confidence_level: float = 0.95,
) -> Finding:  # fmt: skip
    r"""Adjust outcomes for covariates of the time before the contact [@deng2013cuped].

    $y - \theta' (x - \bar{x})$ has the same difference between the arms in expectation, because
    the arms' covariates differ by chance only, and less variance; $\theta$ is the within-arm
    regression coefficient that makes the variance of the difference smallest, whatever the
    sizes of the arms. The covariates are columns known before the contact and what is `expected`,
    where it was learnt on an *earlier* campaign.

    Returns
    -------
    Finding
        ``outcome, adjusted`` (bool), ``effect, standard_error, low, high``: all offers against
        control. Absent where there are too few rows for so many covariates, see `ROWS_A_COLUMN`.
    """
    outcomes = outcomes_of(contacts)
    outcomes = outcomes[[name for name in ("responded", "profit") if name in outcomes]]
    known = outcomes["responded"].notna().to_numpy()
    design = design_matrix(contacts[known], list(covariates))
    if fits_anything(design):
        return missing("fits_anything")
    if expected is not None and expected.learnt_on == "earlier_campaign":
        design = design.assign(**expected.response)  # of those whose outcome is known
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
    z = normal_quantile(confidence_level)
    rows, numbers, most = [], [], 0.0
    for column, outcome in enumerate(outcomes):
        for adjusted, values in ((False, y[:, column]), (True, sharp[:, column])):
            effect, error = weighted_difference(values, treated, weight, customers)
            low, high = effect - z * error, effect + z * error
            rows.append((outcome, adjusted, effect, error, low, high))
        removed = 1 - (error / rows[-2][3]) ** 2 if rows[-2][3] else 0.0  # of no variance, none
        most, unit = max(most, removed), "currency" if outcome == "profit" else "points"
        numbers += [
            Number(f"cuped_effect_{outcome}", effect, unit, low, high),
            Number(f"cuped_variance_removed_{outcome}", removed, "share"),
        ]
    columns = ["outcome", "adjusted", "effect", "standard_error", "low", "high"]
    table = pd.DataFrame(rows, columns=columns)
    facts = {"cuped_gain": "some" if most > 0.005 else "nothing"}
    more = Number("", 1 / (1 - most) - 1, "share", decimals=0)
    return Finding(table, tuple(numbers), facts, {"more_customers": more})


@needs(section="before-after")
def before_after(
    contacts: pd.DataFrame, *, before: pd.Series | None = None, confidence_level: float = 0.95
) -> Finding:
    """Judge the contacted by what they did before, and by the control group.

    Parameters
    ----------
    before : Series, optional
        The outcome in a period of the same length before the contact, per customer. Without it
        the period before counts as zero, which is what a campaign shows that offers customers
        only what they do not hold: all sales come after the contact.

    Returns
    -------
    Finding
        ``method`` (``before_after``, ``control``), ``outcome`` (value or response), ``effect, low,
        high`` per contacted customer.
    """
    outcomes = outcomes_of(contacts)
    name = "value" if "value" in outcomes else "responded"
    unit = "currency" if name == "value" else "points"
    earlier = np.zeros(len(contacts)) if before is None else before.to_numpy(float)
    known = outcomes[name].notna().to_numpy() & ~np.isnan(earlier)
    y, earlier = outcomes[name].to_numpy()[known], earlier[known]
    treated = (contacts["arm"] != CONTROL).to_numpy()[known]
    weight, customers = weights_of(contacts).to_numpy()[known], customer_codes(contacts)[known]
    change, had, kept = (
        weighted_mean(values[own], weight[own], customers[own])
        for values, own in ((y - earlier, treated), (earlier, treated), (y, ~treated))
    )
    z = normal_quantile(confidence_level)
    table = compare_arms(contacts, [], (), confidence_level)
    randomised = table[table["outcome"] == name].iloc[0]
    low, high = change[0] - z * change[1], change[0] + z * change[1]
    rows = [
        ("before_after", name, change[0], low, high),
        ("control", name, *randomised[["effect", "low", "high"]]),
    ]
    table = pd.DataFrame(rows, columns=["method", "outcome", "effect", "low", "high"])
    # What before and after adds: the control group's outcome, less what the treated had before.
    added, half = kept[0] - had[0], z * float(np.hypot(kept[1], had[1]))
    about = {"outcome": Level("campaign_outcome", name)}
    numbers = (
        Number("before_after_effect", change[0], unit, low, high, about=about),
        Number("before_after_error", added, unit, added - half, added + half, about=about),
    )
    time_before = "nothing_sold" if before is None else "recorded"
    facts = {"time_before": time_before, "time_before_in": name}
    return Finding(table, numbers, facts, {"randomised": Number("", randomised["effect"], unit)})
