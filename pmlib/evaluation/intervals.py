"""Intervals for differences of proportions and means: the arithmetic under every estimate.

All functions take arrays and work element by element.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from pmlib.numbers import format_number
from pmlib.safeguards import wilson


class Difference(NamedTuple):
    """Treated minus control: arrays of the same shape."""

    effect: np.ndarray
    standard_error: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p_value: np.ndarray


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

    Examples
    --------
    >>> result = newcombe([56], [70], [48], [80])
    >>> print(result.effect.round(2), result.low.round(4), result.high.round(4))
    [0.2] [0.0524] [0.3339]
    """
    x1, n1 = np.asarray(successes, float), np.asarray(trials, float)
    x0, n0 = np.asarray(successes_control, float), np.asarray(trials_control, float)
    p1, p0 = x1 / n1, x0 / n0
    l1, u1 = wilson(x1, n1, level=confidence_level)
    l0, u0 = wilson(x0, n0, level=confidence_level)
    effect = p1 - p0
    pooled = (x1 + x0) / (n1 + n0)
    spread = np.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n0))
    z = np.divide(effect, spread, out=np.zeros_like(effect), where=spread > 0)
    return Difference(
        effect,
        np.sqrt(p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0),
        effect - np.sqrt((p1 - l1) ** 2 + (u0 - p0) ** 2),
        effect + np.sqrt((u1 - p1) ** 2 + (p0 - l0) ** 2),
        2 * stats.norm.sf(np.abs(z)),
    )


class Estimate(NamedTuple):
    """An estimate with standard error, interval and p-value of zero."""

    value: float
    standard_error: float
    low: float
    high: float
    p_value: float


def customer_codes(contacts: pd.DataFrame) -> np.ndarray:
    """Number of each row's customer, from 0.

    A customer planned for several products has several rows, usually in the same arm and with
    outcomes that go together, so the customer, not the row, is what chance drew.
    """
    if "customer_id" not in contacts or contacts["customer_id"].is_unique:
        return np.arange(len(contacts))
    return pd.factorize(contacts["customer_id"])[0]


def weighted_mean(
    values: np.ndarray, weight: np.ndarray, customers: np.ndarray
) -> tuple[float, float]:
    """Weighted mean and its standard error, with the customer as unit."""
    share = weight / weight.sum()
    mean = float(share @ values)
    sums = np.bincount(customers, weights=share * (values - mean))
    return mean, float(np.sqrt(sums @ sums))


def weighted_difference(
    values: np.ndarray, treated: np.ndarray, weight: np.ndarray, customers: np.ndarray
) -> tuple[float, float]:
    """Mean of the treated less that of the others, and its standard error."""
    (mean1, error1), (mean0, error0) = (
        weighted_mean(values[own], weight[own], customers[own]) for own in (treated, ~treated)
    )
    return mean1 - mean0, float(np.hypot(error1, error0))


def from_influence(
    value: float,
    influence: np.ndarray,
    customers: np.ndarray | None = None,
    *,
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Standard error and t interval of an estimate from its influence values.

    Few buyers in a small control group, each with a large weight, make the standard error itself
    uncertain, and the normal interval too short. The sample variance of n values with kurtosis
    $k$ varies as that of $2 n / (k - 1)$ normal ones, which gives Student's t its degrees of
    freedom (Satterthwaite's reasoning without normality).

    Parameters
    ----------
    value : float
        The estimate.
    influence : ndarray
        Influence of each row; its mean is taken out.
    customers : ndarray, optional
        As `customer_codes`: rows of a customer are added up first.

    Notes
    -----
    The interval is symmetric, an estimate from few buyers in control is not: with about four of
    them (a policy for half the customers, no effect) it held the truth in 93 % of 2,400 simulated
    campaigns, and nearly all misses were on one side. A transformation that removes the skewness
    evened the sides, held the truth no more often, and took the coverage of the Qini area, which
    is hardly skew, from 98 % to 90 %; so it is not done.
    """
    sums = influence - influence.mean()
    if customers is not None:
        sums = np.bincount(customers, weights=sums)
    n = len(sums)
    square = sums * sums * (n / len(influence)) ** 2
    variance = float(square.mean())
    if variance <= 1e-24 * max(1.0, value**2):
        return Estimate(value, 0.0, value, value, 1.0)
    kurtosis = float(square @ square) / n / variance**2
    freedom = max(2 * n / (kurtosis - 1 + 1e-12), 1.0)
    error = float(np.sqrt(variance / (n - 1)))
    half = float(stats.t.ppf(0.5 + confidence_level / 2, freedom)) * error
    p_value = 2 * float(stats.t.sf(abs(value) / error, freedom))
    return Estimate(value, error, value - half, value + half, p_value)


def percent(share: float) -> str:
    r"""Write a share in whole per cent.

    Examples
    --------
    >>> percent(0.05)
    '5\xa0%'
    """
    return format_number(share, "share", decimals=0)


class Moments(NamedTuple):
    """What is known of an outcome in one arm: arrays of the same shape; variance over n - 1."""

    mean: ArrayLike
    variance: ArrayLike
    effective: ArrayLike


def welch(treated: Moments, control: Moments, *, confidence_level: float = 0.95) -> Difference:
    """Difference of two means with unequal variances, Welch's t interval."""
    (mean1, v1, n1), (mean0, v0, n0) = (
        [np.asarray(values, float) for values in arm] for arm in (treated, control)
    )
    v1, v0 = v1 / n1, v0 / n0
    effect, error = mean1 - mean0, np.sqrt(v1 + v0)
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = (v1 + v0) ** 2 / (v1**2 / (n1 - 1) + v0**2 / (n0 - 1))
        ratio = np.where(error > 0, effect / error, 0.0)
    freedom = np.where(error > 0, np.maximum(freedom, 1.0), 1.0)
    half = stats.t.ppf(0.5 + confidence_level / 2, freedom) * error
    p_value = 2 * stats.t.sf(np.abs(ratio), freedom)
    return Difference(effect, error, effect - half, effect + half, p_value)


class Spending(NamedTuple):
    """What is known in one arm of an outcome that few customers have: arrays of the same shape.

    `share` of customers (`buyers` of them) have the outcome, `amount` is their mean and `square`
    their mean square; `typical` and `typical_square` are the same for buyers of the whole
    campaign. `mean` and `variance` are those of all customers, less costs.
    """

    mean: ArrayLike
    variance: ArrayLike
    effective: ArrayLike
    share: ArrayLike
    buyers: ArrayLike
    amount: ArrayLike
    square: ArrayLike
    typical: ArrayLike
    typical_square: ArrayLike


# So many buyers of the whole campaign are added to each arm's, in the width of intervals only.
_ADDED = 2


def newcombe_spending(
    treated: Spending, control: Spending, *, confidence_level: float = 0.95
) -> Difference:
    r"""Difference of two means of what few customers spend, by Newcombe's reasoning.

    A mean is the share of buyers $p$ times their mean amount $a$. Its limits lie apart from it by
    the root of $a^{2} (p - l)^{2} + t^{2} s^{2} p / n$, with Wilson's limit $l$ of the share and
    the amounts' variance $s^{2}$; the limits of two arms are combined as those of two shares
    [@newcombe1998difference]. In large samples this is the usual interval. In small ones it knows
    that an arm without any buyer might have had some, who would have spent what buyers of this
    campaign spend; a sample variance of 0 denies both. The p-value is 1 less the confidence at
    which the limit would reach zero, in the normal approximation.

    Notes
    -----
    Where fewer than about 4 buyers are expected in control, no count of them, not even 0, is too
    small to be believed, so that the interval can miss on one side only and holds the truth in
    more than 95 % of campaigns. In simulated segments of this kind (`pmlib.truth.coverage`)
    it did so in 95 to 98 % with effects and in 97 to 99 % without any.
    """
    z = stats.norm.ppf(0.5 + confidence_level / 2)
    sides = []
    for arm in (treated, control):
        _, _, n, share, buyers, amount, square, typical, typical_square = (
            np.nan_to_num(np.atleast_1d(values).astype(float)) for values in arm
        )
        mean = (buyers * amount + _ADDED * typical) / (buyers + _ADDED)
        squares = (buyers * square + _ADDED * typical_square) / (buyers + _ADDED)
        # As many own buyers as would tell the amounts as well as these and the campaign's many.
        worth = (buyers + _ADDED) ** 2 / np.maximum(buyers, 1)
        t = stats.t.ppf(0.5 + confidence_level / 2, worth - 1)
        scatter = t**2 * np.maximum(squares - mean**2, 0) * share / n
        limits = wilson(share * n, n, level=confidence_level)
        ends = np.sort([mean * (share - limit) for limit in limits], axis=0)
        sides.append([end**2 + scatter for end in ends[::-1]])
    (below1, above1), (below0, above0) = sides
    effect = np.atleast_1d(np.subtract(treated.mean, control.mean))
    error = np.sqrt(
        np.divide(treated.variance, treated.effective)
        + np.divide(control.variance, control.effective)
    )
    below, above = np.sqrt(below1 + above0), np.sqrt(above1 + below0)
    facing = np.where(effect > 0, below, above)
    ratio = np.divide(np.abs(effect), facing, out=np.zeros_like(effect), where=facing > 0)
    return Difference(effect, error, effect - below, effect + above, 2 * stats.norm.sf(z * ratio))


def holm(p_values: ArrayLike) -> np.ndarray:
    """Holm's step-down adjusted p-values [@holm1979simple].

    Written out because statsmodels' function runs a garbage collection at each call.

    Examples
    --------
    >>> print(holm([0.01, 0.04, 0.03]))
    [0.03 0.06 0.06]
    """
    p = np.asarray(p_values, float)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return adjusted
