"""Checks that come before any reading of a randomised campaign.

Faults that leave nothing to estimate raise; signs that the randomisation or the recording went
wrong are measured, reported and, when grave, stop the reading.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pmlib.canon.contacts import CONTROL
from pmlib.inference.normal import chi_square_tail
from pmlib.numbers import Finding, Number, Phrase, needs

# Sample-ratio mismatch is searched for in every campaign, so its threshold is strict.
SAMPLE_RATIO_LEVEL = 0.001
LARGE_IMBALANCE = 0.1

_MOST_SHOWN = 25


def unreadable(contacts: pd.DataFrame) -> Phrase | None:
    """Why the contacts of a randomised campaign cannot show an effect at all; None if they can.

    Propensities outside (0, 1), no outcome known, the same outcome in all rows, or an arm of which
    no outcome is known.
    """
    propensity = contacts["propensity"].astype(float)
    certain = int((~((propensity > 0) & (propensity < 1))).sum())
    outcome = contacts["responded"].astype(float)
    untold = [str(arm) for arm, rows in outcome.groupby(contacts["arm"]) if rows.isna().all()]
    section = {"section": ""}  # told anew in each
    if certain:
        return Phrase("absent.not_drawn", {"rows": Number("", certain, "count"), **section})
    if outcome.isna().all():
        return Phrase("absent.no_outcome", section)
    if untold:
        return Phrase("absent.untold_arm", {"arms": untold, **section})
    if outcome.nunique() < 2:
        return Phrase("absent.same_outcome", {"all": bool(outcome.max()), **section})
    return None


def expected_shares(contacts: pd.DataFrame) -> pd.Series:
    """Share of each arm that the recorded propensities promise.

    A row's propensity is the probability of its arm, product and channel. The sum of
    ``1 / propensity`` over the rows of one such option has the same expectation for every option
    of the same customers, so that the options' harmonic mean propensities are as their shares,
    however many products each customer could have been offered. An arm with several channels is
    one option where each customer had one channel only, and several where the channel was drawn;
    these sums tell which. The shares (0-1) are indexed by arm.
    """
    inverse = (1 / contacts["propensity"].astype(float)).groupby(contacts["arm"])
    options = pd.Series(1.0, index=inverse.size().index)
    if "channel" in contacts:
        channels = contacts.groupby("arm")["channel"].nunique().clip(lower=1)
        ratio = inverse.sum() / inverse.sum()[CONTROL]
        drawn = np.abs(np.log(ratio / channels)) < np.abs(np.log(ratio))
        options = channels.where(drawn & (contacts.groupby("arm")["channel"].count() > 0), 1.0)
        options[CONTROL] = 1.0
    promised = options / inverse.mean()
    return promised / promised.sum()


@needs(section="campaign-checks")
def check_campaign(
    contacts: pd.DataFrame, *, covariates: Mapping[str, str] | Sequence[str] = (),
    error_rate: float = 0.05,
) -> Finding:  # fmt: skip
    """Check sample ratio, balance and completeness of a randomised campaign.

    Parameters
    ----------
    covariates : mapping of str to str, or sequence of str
        Columns known before the contact (numbers, booleans or categories), and what the study
        calls them.

    Returns
    -------
    Finding
        ``arm, customers, share, expected_share, outcome_known`` (shares 0-1), one row an arm.
        Further tables: *differences* with ``attribute, arm, difference`` (mean of the arm minus
        mean of control in standard deviations), one row a covariate (or level) and treated arm;
        *balance*, those of the attributes that differ most. The fact ``campaign_checks`` is
        ``stopped`` where the arms are not those that chance would have made.
    """
    from scipy.stats import chi2_contingency, chisquare

    expected = expected_shares(contacts)
    known = contacts["responded"].notna()
    counts = contacts.groupby("arm").size()
    arms = pd.DataFrame(
        {"customers": counts, "share": counts / len(contacts), "expected_share": expected,
         "outcome_known": known.groupby(contacts["arm"]).mean()}
    )  # fmt: skip
    arms = arms.sort_index(key=lambda names: names != CONTROL, kind="stable")
    units = counts / rows_a_customer(contacts)
    ratio_p = float(chisquare(units, expected[counts.index] * units.sum()).pvalue)
    missing_p = 1.0
    if not known.all():
        table = pd.crosstab(contacts["arm"], known) * (units.sum() / counts.sum())
        missing_p = float(chi2_contingency(table).pvalue)
    differences, balance_p = _balance(contacts, covariates)
    size = differences["difference"].abs().groupby(differences["attribute"]).max()
    size = size.sort_values(ascending=False, kind="stable")
    largest = float(size.iloc[0]) if len(size) else None
    most = differences[differences["attribute"].isin(size.index[:_MOST_SHOWN])]
    drawn, alike = ratio_p >= SAMPLE_RATIO_LEVEL, missing_p >= SAMPLE_RATIO_LEVEL
    # A plan fixes the numbers of each cell; elsewhere sizes closer than chance leaves them tell
    # that numbers were fixed, or probabilities counted from the arms.
    fixed = "cell" in contacts or ratio_p > 1 - SAMPLE_RATIO_LEVEL
    facts = {
        "campaign_checks": "passed" if drawn and alike else "stopped",
        "sample_ratio": "mismatch" if not drawn else "fixed" if fixed else "as_drawn",
        "outcomes_known": "all" if known.all() else "alike" if alike else "unlike",
        "arms_balance": "not_recorded",
    }
    quotes: dict[str, Any] = {
        "limit": Number("", LARGE_IMBALANCE, decimals=1),
        "strict": Number("", SAMPLE_RATIO_LEVEL, decimals=3),
        "ratio_p": Number("", ratio_p, "p"),
    }
    if largest is not None and balance_p is not None:
        facts["arms_balance"] = "as_chance" if balance_p >= error_rate else "beyond_chance"
        facts["arms_imbalance"] = "small" if largest < LARGE_IMBALANCE else "large"
        quotes["joint_p"] = Number("", balance_p, "p")
    numbers = (
        Number("sample_ratio_p", ratio_p, "p"),
        Number("largest_imbalance", largest, decimals=3),
        Number("balance_p", balance_p, "p"),
        Number("outcome_known", float(known.mean()), "share", of=len(known)),
    )
    tables = {"balance": most.reset_index(drop=True), "differences": differences}
    return Finding(arms.reset_index(names="arm"), numbers, facts, quotes, tables)


def _balance(
    contacts: pd.DataFrame, covariates: Mapping[str, str] | Sequence[str]
) -> tuple[pd.DataFrame, float | None]:
    """Standardised differences, and one joint chi-square test over all covariates and arms."""
    columns = ["attribute", "arm", "difference"]
    design = design_matrix(contacts, covariates)
    if design.empty:
        return pd.DataFrame(columns=columns), None
    x = design.to_numpy()
    arm, names = pd.factorize(contacts["arm"], sort=True)
    sizes, parts = np.bincount(arm), [x[arm == at] for at in range(len(names))]
    means = np.array([own.mean(axis=0) for own in parts])
    variances = np.array([own.var(axis=0, ddof=1) for own in parts])
    within = sum((own - mean).T @ (own - mean) for own, mean in zip(parts, means, strict=True))
    control, rows = list(names).index(CONTROL), []
    for at in np.delete(np.arange(len(names)), control):
        gap = means[at] - means[control]
        spread = np.sqrt((variances[at] + variances[control]) / 2)
        difference = np.divide(gap, spread, out=np.zeros_like(gap), where=spread > 0)
        of = {"attribute": design.columns, "arm": names[at], "difference": difference}
        rows.append(pd.DataFrame(of))
    # Joint test: between-arm scatter of the covariates in units of their within-arm covariance
    # (Lawley-Hotelling trace, chi-square in large samples). Collinear levels: pseudo-inverse.
    within /= len(x) - len(sizes)
    inverse = np.linalg.pinv(within, rcond=1e-8, hermitian=True)
    deviation = means - x.mean(axis=0)
    statistic = float(np.einsum("a,aj,jk,ak->", sizes, deviation, inverse, deviation))
    freedom = int(np.linalg.matrix_rank(within, tol=1e-8, hermitian=True)) * (len(sizes) - 1)
    p_value = chi_square_tail(statistic / rows_a_customer(contacts), freedom)
    return pd.concat(rows, ignore_index=True)[columns], p_value


def rows_a_customer(contacts: pd.DataFrame) -> float:
    """Rows of the customer of a row drawn at random: 1 where each customer has one row.

    Rows of one customer tell the same covariates and mostly the same arm, so chi-square
    statistics counted over rows are this much too large.
    """
    size = contacts["customer_id"].value_counts().to_numpy()
    return float((size * size).sum() / size.sum())


def design_matrix(
    frame: pd.DataFrame, covariates: Mapping[str, str] | Sequence[str]
) -> pd.DataFrame:
    """Covariates as numbers: categories as one column a level but the first, missing as a level.

    Numbers are ranked to (0, 1) first: money is so skewed that a mean says little about balance
    or the outcome, and ranks need no choice of transformation. Missing numbers take the middle
    rank and an indicator column. Constant columns are left out; the others are named by what the
    study calls the covariate, as ``gender``, ``gender: M`` and ``age unknown``.
    """
    names = covariates if isinstance(covariates, Mapping) else {}
    parts: dict[str, pd.Series] = {}
    for column in covariates:
        values, label = frame[column], names.get(column, column)
        if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
            parts[label] = (values.astype(float).rank(pct=True)).fillna(0.5)
            if values.isna().any():
                parts[f"{label} unknown"] = values.isna().astype(float)
        else:
            text = values.astype(object).where(values.notna(), "unknown").astype(str)
            codes, levels = pd.factorize(text, sort=True)
            for at, level in enumerate(levels[1:], start=1):
                parts[f"{label}: {level}"] = pd.Series(codes == at, frame.index)
    design = pd.DataFrame(parts, index=frame.index, dtype=float)
    return design.loc[:, (design != design.iloc[0]).any()]
