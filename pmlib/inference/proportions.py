"""Intervals of a share, and of the difference of two.

Functions take arrays and work element by element.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from pmlib.inference.normal import chi_square_tail, normal_p_value


class Difference(NamedTuple):
    """Treated minus control: arrays of the same shape."""

    effect: np.ndarray
    standard_error: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p_value: np.ndarray


def wilson(
    successes: ArrayLike, trials: ArrayLike, *, confidence_level: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's score interval of proportions [@wilson1927probable], from counts.

    Low and high ends are NaN where there were no trials or a count is missing.

    Examples
    --------
    >>> low, high = wilson([10], [100])
    >>> round(float(low[0]), 4), round(float(high[0]), 4)
    (0.0552, 0.1744)
    """
    from statsmodels.stats.proportion import proportion_confint

    counts, totals = np.asarray(successes, float), np.asarray(trials, float)
    low, high = np.full(len(counts), np.nan), np.full(len(counts), np.nan)
    known = (totals > 0) & ~np.isnan(counts)
    if known.any():
        low[known], high[known] = proportion_confint(
            counts[known], totals[known], alpha=1 - confidence_level, method="wilson"
        )
    # Exact in theory; rounding would leave 1e-17 and put the rate outside its own interval.
    low[known & (counts == 0)] = 0.0
    high[known & (counts == totals)] = 1.0
    return low, high


def equal_shares(successes: ArrayLike, trials: ArrayLike) -> float:
    """P-value of Pearson's chi-square test that all shares are one; 1 where none or all succeed.

    Examples
    --------
    >>> round(equal_shares([10, 20], [100, 100]), 4)
    0.0477
    """
    counts, totals = np.asarray(successes, float), np.asarray(trials, float)
    share = counts.sum() / totals.sum()
    if share in (0, 1):
        return 1.0
    statistic = ((counts - totals * share) ** 2 / (totals * share * (1 - share))).sum()
    return chi_square_tail(float(statistic), len(totals) - 1)


def newcombe(
    successes: ArrayLike,
    trials: ArrayLike,
    successes_control: ArrayLike,
    trials_control: ArrayLike,
    *,
    confidence_level: float = 0.95,
) -> Difference:
    r"""Difference of two proportions with Newcombe's hybrid score interval.

    The limits combine the Wilson limits `l, u` of each proportion (method 10 of
    [@newcombe1998difference]):
    ``d - sqrt((p1-l1)^2 + (u0-p0)^2)`` and ``d + sqrt((u1-p1)^2 + (p0-l0)^2)``. The p-value is
    that of the pooled z test; the standard error is the unpooled one.

    Written out because statsmodels' interval comes without its test and its standard error.

    Examples
    --------
    >>> result = newcombe([56], [70], [48], [80])
    >>> print(result.effect.round(2), result.low.round(4), result.high.round(4))
    [0.2] [0.0524] [0.3339]
    """
    x1, n1 = np.asarray(successes, float), np.asarray(trials, float)
    x0, n0 = np.asarray(successes_control, float), np.asarray(trials_control, float)
    p1, p0 = x1 / n1, x0 / n0
    l1, u1 = wilson(x1, n1, confidence_level=confidence_level)
    l0, u0 = wilson(x0, n0, confidence_level=confidence_level)
    effect = p1 - p0
    pooled = (x1 + x0) / (n1 + n0)
    spread = np.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n0))
    z = np.divide(effect, spread, out=np.zeros_like(effect), where=spread > 0)
    return Difference(
        effect,
        np.sqrt(p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0),
        effect - np.sqrt((p1 - l1) ** 2 + (u0 - p0) ** 2),
        effect + np.sqrt((u1 - p1) ** 2 + (p0 - l0) ** 2),
        normal_p_value(z),
    )
