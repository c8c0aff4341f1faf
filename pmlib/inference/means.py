"""Intervals of means and their differences: weighted, skew, or of what few customers spend."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit

from pmlib.inference.normal import normal_p_value, normal_quantile
from pmlib.inference.proportions import Difference, wilson

_Sums = TypeVar("_Sums", float, np.ndarray, pd.Series)


def student_quantile(confidence_level: float, freedom: ArrayLike) -> np.ndarray:
    """How many standard errors a two-sided t interval reaches to either side.

    Examples
    --------
    >>> round(float(student_quantile(0.95, 10)), 4)
    2.2281
    """
    return stdtrit(freedom, 0.5 + confidence_level / 2)


def student_p_value(t: ArrayLike, freedom: ArrayLike) -> np.ndarray:
    """Two-sided p-value of Student's t.

    Examples
    --------
    >>> round(float(student_p_value(2.2281, 10)), 4)
    0.05
    """
    return 2 * stdtr(freedom, -np.abs(t))


def effective_number(total: _Sums, squares: _Sums) -> _Sums:
    """Kish's effective number of weighted customers (1965, Survey Sampling, Wiley).

    From the sum of the weights, and of their squares.

    Examples
    --------
    >>> effective_number(6.0, 1.0 + 1.0 + 16.0)
    2.0
    """
    return total**2 / squares


class Estimate(NamedTuple):
    """An estimate with standard error, interval and p-value of zero."""

    value: float
    standard_error: float
    low: float
    high: float
    p_value: float


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
    unseen: float = 0.0,
) -> Estimate:
    r"""Standard error and t interval of an estimate from its influence values.

    Few buyers in a small control group, each with a large weight, make the standard error itself
    uncertain, and the normal interval too short. The sample variance of n values with kurtosis $k$
    varies as that of $2 n / (k - 1)$ normal ones, which gives Student's t its degrees of freedom
    (Satterthwaite's reasoning without normality).

    The mean of `influence` is taken out; with `customers`, the number of each row's customer from
    0, rows of a customer are added up first. `unseen` is further variance, of what the sample
    could not show; where it makes up for what the sample's variance misses, the normal interval is
    taken.

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
    freedom = np.inf if unseen else max(2 * n / (kurtosis - 1 + 1e-12), 1.0)
    error = float(np.sqrt(variance / (n - 1) + unseen))
    half = float(student_quantile(confidence_level, freedom)) * error
    p_value = float(student_p_value(value / error, freedom))
    return Estimate(value, error, value - half, value + half, p_value)


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
    half = student_quantile(confidence_level, freedom) * error
    p_value = student_p_value(ratio, freedom)
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
    z = normal_quantile(confidence_level)
    sides = []
    for arm in (treated, control):
        _, _, n, share, buyers, amount, square, typical, typical_square = (
            np.nan_to_num(np.atleast_1d(values).astype(float)) for values in arm
        )
        mean = (buyers * amount + _ADDED * typical) / (buyers + _ADDED)
        squares = (buyers * square + _ADDED * typical_square) / (buyers + _ADDED)
        # As many own buyers as would tell the amounts as well as these and the campaign's many.
        worth = (buyers + _ADDED) ** 2 / np.maximum(buyers, 1)
        t = student_quantile(confidence_level, worth - 1)
        scatter = t**2 * np.maximum(squares - mean**2, 0) * share / n
        limits = wilson(share * n, n, confidence_level=confidence_level)
        ends = np.sort([mean * (share - limit) for limit in limits], axis=0)
        sides.append([end**2 + scatter for end in ends[::-1]])
    (below1, above1), (below0, above0) = sides
    effect = np.atleast_1d(np.subtract(treated.mean, control.mean))
    variances = [np.divide(arm.variance, arm.effective) for arm in (treated, control)]
    error = np.sqrt(variances[0] + variances[1])
    below, above = np.sqrt(below1 + above0), np.sqrt(above1 + below0)
    facing = np.where(effect > 0, below, above)
    ratio = np.divide(np.abs(effect), facing, out=np.zeros_like(effect), where=facing > 0)
    return Difference(effect, error, effect - below, effect + above, normal_p_value(z * ratio))
