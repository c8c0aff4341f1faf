"""Rules by segment: which mainly restate the segments, and which hold within them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pmlib.association.rules import as_sets
from pmlib.inference.many_tests import holm
from pmlib.inference.normal import chi_square_tail, normal_quantile

if TYPE_CHECKING:
    from pmlib.association.baskets import Baskets
    from pmlib.params import Parameters

WITHIN = (
    "holds_within", "restates_segments", "differs_between_segments", "undecided", "not_tested",
)  # fmt: skip
"""What the analysis by segment may say of a rule."""

ADDS = ("holds_within", "differs_between_segments")
"""Rules that say more than the segments do."""

# Strata whose smallest expected count is below this make the chi-squared reference of the
# Breslow-Day test unsafe; they keep their odds ratio but do not enter the test.
_SMALLEST_EXPECTED = 5


@dataclass(frozen=True)
class BySegment:
    """Odds ratios of rules within segments.

    Parameters
    ----------
    common : pandas.DataFrame
        A row a rule: antecedent, consequent; odds_ratio, odds_ratio_low, odds_ratio_high over all
        customers; common_odds_ratio, common_low, common_high (Mantel–Haenszel, within segments);
        p_common (that it is 1), p_differs (Breslow–Day–Tarone), both adjusted over rules by Holm;
        within (one of `WITHIN`).
    cells : pandas.DataFrame
        A row a rule and segment: antecedent, consequent, segment, n, n_antecedent, n_consequent,
        n_both (customers), odds_ratio, low, high (as observed), shrunk, shrunk_low, shrunk_high
        (towards the common value), p_value (Fisher, one-sided), p_adjusted (Holm over all cells),
        holds (bool).
    """

    common: pd.DataFrame
    cells: pd.DataFrame


def rules_by_segment(rules: pd.DataFrame, baskets: Baskets, params: Parameters) -> BySegment:
    r"""Ask of each rule whether it says more than the segments do.

    Parameters
    ----------
    rules : pandas.DataFrame
        antecedent, consequent.
    baskets : Baskets
        Customers the rules were not found on, with their segments.
    params : pmlib.params.Parameters
        error_rate is family-wise over the rules; a common odds ratio whose whole interval lies
        below negligible_odds_ratio counts as none.

    Notes
    -----
    Each rule X → y gives a 2 × 2 table in each segment. The Mantel–Haenszel estimate combines
    their odds ratios, with the interval of Robins, Breslow & Greenland; the Breslow–Day test,
    with Tarone's correction, asks whether they differ. A rule

    - *differs between segments* when that test rejects;
    - *mainly restates the segments* when the interval of the common odds ratio lies below
      `negligible_odds_ratio`; or when that odds ratio is not distinguishable from 1 and its
      interval lies below the square root of the overall one: less than half of the association,
      as a logarithm, is left within segments, if any;
    - *holds within segments* when the common odds ratio is above 1;
    - is *undecided* when the data say neither.

    A segment's odds ratio is shrunk towards the common one by the share of its variance that is
    noise, :math:`v_s / (v_s + \tau^2)`, with the variance between segments :math:`\tau^2` by the
    method of moments: small segments do not win by luck. A table with an empty cell gets 0.5 in
    each cell first; a segment in which nobody, or everybody, holds X or y says nothing.
    """
    from scipy.stats import hypergeom

    segments, ends = baskets.segments, as_sets(rules)
    n = np.broadcast_to(baskets.count([frozenset()], by_segment=True), (len(rules), len(segments)))
    n_x, n_y, n_xy = (
        baskets.count(itemsets, by_segment=True)
        for itemsets in ([X for X, _ in ends], [y for _, y in ends], [X | y for X, y in ends])
    )
    tables = np.stack([n_xy, n_x - n_xy, n_y - n_xy, n - n_x - n_y + n_xy], axis=-1).astype(float)

    rows = [_common(table, params.confidence_level) for table in tables]
    common = rules[["antecedent", "consequent"]].reset_index(drop=True)
    common = pd.concat([common, pd.DataFrame(rows, columns=list(_COMMON), dtype=float)], axis=1)
    for name in ("p_common", "p_differs"):
        common[name] = holm(common[name].to_numpy())
    common["within"] = [
        _verdict(row, params.error_rate, params.negligible_odds_ratio)
        for row in common.itertuples()
    ]

    log_odds, variance = _log_odds(tables)
    centre = np.log(common["common_odds_ratio"].to_numpy(dtype=float))
    z = normal_quantile(params.confidence_level)
    centre_variance = ((np.log(common["common_high"]) - centre) / z).to_numpy(dtype=float) ** 2
    shrunk, shrunk_variance = _shrink(log_odds, variance, centre, centre_variance)
    half, shrunk_half = z * np.sqrt(variance), z * np.sqrt(shrunk_variance)
    columns = {
        "segment": np.broadcast_to(np.array(segments, dtype=np.int64), n.shape),
        "n": n, "n_antecedent": n_x, "n_consequent": n_y, "n_both": n_xy,
        "odds_ratio": np.exp(log_odds),
        "low": np.exp(log_odds - half), "high": np.exp(log_odds + half),
        "shrunk": np.exp(shrunk),
        "shrunk_low": np.exp(shrunk - shrunk_half), "shrunk_high": np.exp(shrunk + shrunk_half),
        "p_value": hypergeom.sf(n_xy - 1, n, n_y, n_x),
    }  # fmt: skip
    cells = common.loc[common.index.repeat(len(segments)), ["antecedent", "consequent"]]
    cells = cells.reset_index(drop=True).assign(**{k: v.ravel() for k, v in columns.items()})
    cells["p_adjusted"] = holm(cells["p_value"].to_numpy())
    cells["holds"] = cells["p_adjusted"] <= params.error_rate
    return BySegment(common=common, cells=cells)


_COMMON = (
    "odds_ratio", "odds_ratio_low", "odds_ratio_high",
    "common_odds_ratio", "common_low", "common_high", "p_common", "p_differs",
)  # fmt: skip


def _common(table: np.ndarray, confidence_level: float) -> tuple[float, ...]:
    """Overall and common odds ratio of one rule; `table` is segments × (a, b, c, d)."""
    from statsmodels.stats.contingency_tables import StratifiedTable

    log_odds, variance = _log_odds(table.sum(axis=0))
    half = normal_quantile(confidence_level) * np.sqrt(variance)
    whole = tuple(float(x) for x in np.exp([log_odds, log_odds - half, log_odds + half]))

    def stratified(rows: np.ndarray) -> StratifiedTable | None:
        """Build the strata; nothing where the common odds ratio would be 0, infinite or unknown."""
        a, b, c, d = rows.T
        known = (a * d).any() and (b * c).any()
        return StratifiedTable(list(rows.reshape(-1, 2, 2))) if known else None

    a, b, c, d = table.T
    n = np.maximum(table.sum(axis=1), 1)
    smallest = np.minimum(a + b, c + d) * np.minimum(a + c, b + d) / n
    pooled = stratified(table[smallest > 0])
    if len(table) < 2 or pooled is None:
        return (*whole, *[np.nan] * 5)
    low, high = pooled.oddsratio_pooled_confint(alpha=1 - confidence_level)
    p_differs = np.nan
    safe = table[smallest >= _SMALLEST_EXPECTED]
    strata = stratified(safe) if len(safe) > 1 else None
    if strata is not None and strata.oddsratio_pooled == 1:
        p_differs = _differ_around_one(safe)
    elif strata is not None:
        p_differs = strata.test_equal_odds(adjust=True).pvalue
    p_common = pooled.test_null_odds().pvalue
    return (*whole, *map(float, (pooled.oddsratio_pooled, low, high, p_common, p_differs)))


def _differ_around_one(tables: np.ndarray) -> float:
    """P-value of the Breslow-Day-Tarone test where the common odds ratio is exactly 1.

    The cells expected then solve a linear equation, those of independence, and not the quadratic
    one that statsmodels solves.
    """
    a, b, c = tables.T[:3]
    n = tables.sum(axis=1)
    first, holders = (a + b) / n, (a + c) / n
    expected = n * first * holders
    variance = expected * (1 - first) * (1 - holders)
    gap = a - expected
    statistic = (gap**2 / variance).sum() - gap.sum() ** 2 / variance.sum()
    return chi_square_tail(float(statistic), len(tables) - 1)


def _verdict(row: Any, error_rate: float, negligible: float) -> str:
    if np.isnan(row.common_odds_ratio):
        return "not_tested"
    if row.p_differs <= error_rate:
        return "differs_between_segments"
    if row.common_high < negligible:
        return "restates_segments"
    if row.p_common <= error_rate:
        return "holds_within" if row.common_odds_ratio > 1 else "restates_segments"
    return "restates_segments" if row.common_high**2 < row.odds_ratio else "undecided"


def _log_odds(tables: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log odds ratio and its variance (Woolf) of tables (…, 4); missing where a margin is 0."""
    corrected = tables + 0.5 * (tables == 0).any(axis=-1, keepdims=True)
    a, b, c, d = np.moveaxis(tables, -1, 0)
    known = (a + b > 0) & (c + d > 0) & (a + c > 0) & (b + d > 0)
    signs = np.array([1.0, -1.0, -1.0, 1.0])
    log_odds = np.where(known, (np.log(corrected) * signs).sum(axis=-1), np.nan)
    return log_odds, np.where(known, (1 / corrected).sum(axis=-1), np.nan)


def _shrink(
    estimate: np.ndarray, variance: np.ndarray, centre: np.ndarray, centre_variance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Shrink each row's estimates to its centre; DerSimonian and Laird's variance between."""
    weight, filled = np.where(np.isnan(variance), 0, 1 / variance), np.nan_to_num(estimate)
    known, total = (weight > 0).sum(axis=1), weight.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (weight * filled).sum(axis=1) / total
        spread = (weight * (filled - mean[:, None]) ** 2).sum(axis=1)
        between = (spread - (known - 1)) / (total - (weight**2).sum(axis=1) / total)
    between = np.maximum(np.nan_to_num(between), 0)[:, None]
    centre, centre_variance = centre[:, None], centre_variance[:, None]
    noise = np.where(np.isnan(variance), 1.0, variance / (variance + between))
    shrunk = centre + (1 - noise) * (filled - centre)
    own = np.where(np.isnan(variance), between, noise * between)
    return shrunk, own + noise**2 * centre_variance
