"""What a test can show: its power, and the smallest difference shown with power 0.8.

Rates have an exact one, for the interval that campaigns are read by; money has that of a z-test.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from pmlib.inference.normal import normal_quantile
from pmlib.inference.proportions import newcombe

POWER = 0.8


def detectable_mean(*variances: float, error_rate: float) -> float:
    """Smallest difference of two means that a two-sided z-test shows with power 0.8.

    `variances` are those of the mean of each arm.
    """
    return float((normal_quantile(1 - error_rate) + ndtri(POWER)) * np.sqrt(sum(variances)))


def mean_power(effect: ArrayLike, standard_error: ArrayLike, *, error_rate: float) -> np.ndarray:
    """Chance that a two-sided z-test shows a difference of two means to be above zero.

    Examples
    --------
    >>> round(float(mean_power(2.8016, 1.0, error_rate=0.05)), 3)
    0.8
    """
    return ndtr(np.divide(effect, standard_error) - normal_quantile(1 - error_rate))


def rate_power(
    uplift: ArrayLike, offered: int, control: int, *, base: float, error_rate: float
) -> np.ndarray:
    """Chance that a campaign shows an uplift over the rate `base`.

    It does when Newcombe's interval of the uplift, by which campaigns are read, lies above 0. The
    chance is exact, from the binomial numbers of buyers in both arms: with a small control group
    and a small rate neither is near normal, and the usual formulas promise more.

    Examples
    --------
    >>> round(float(rate_power(0.0148, 8_986, 1_013, base=0.0168, error_rate=0.05)), 3)
    0.799
    """
    least, weight = _least_buyers(offered, control, base, error_rate)
    return _shown(np.asarray(uplift, dtype=float), offered, base, least, weight)


def detectable_rate(offered: int, control: int, *, base: float, error_rate: float) -> float:
    """Smallest uplift over the rate `base`, 0 to 1, that is shown with power 0.8; see `rate_power`.

    NaN where no rate up to 1 would be.
    """
    from scipy.optimize import brentq

    if min(offered, control) < 2:
        return float("nan")
    least, weight = _least_buyers(offered, control, base, error_rate)

    def spare(uplift: float) -> float:
        return float(_shown(np.asarray(uplift), offered, base, least, weight)) - POWER

    most = 1.0 - base
    return float(brentq(spare, 0.0, most, xtol=1e-9)) if spare(most) > 0 else float("nan")


def test_size(
    uplift: ArrayLike, base: ArrayLike, *, control_share: float, error_rate: float
) -> np.ndarray:
    r"""Customers, control included, whose test shows an uplift over `base` with power 0.8.

    Rounded up. The sample size of a two-sided test of two proportions with unequal arms
    (Fleiss, Tytun & Ury 1980), $k$ offered a control:

    .. math:: n_0 = \left(z_{\alpha/2} \sqrt{(1 + 1/k)\, \bar p \bar q}
              + z_\beta \sqrt{p_1 q_1 / k + p_0 q_0}\right)^2 / (p_1 - p_0)^2

    By the exact power of `rate_power` it is at most a few per cent too large. Infinite where the
    uplift is not positive.
    """
    p0, k = np.asarray(base, dtype=float), (1 - control_share) / control_share
    gain = np.asarray(uplift, dtype=float)
    p1 = np.minimum(p0 + np.maximum(gain, 0.0), 1.0)
    mean = (p0 + k * p1) / (1 + k)
    spread = normal_quantile(1 - error_rate) * np.sqrt((1 + 1 / k) * mean * (1 - mean))
    spread = spread + ndtri(POWER) * np.sqrt(p1 * (1 - p1) / k + p0 * (1 - p0))
    never = np.full(np.shape(spread), np.inf)
    control = np.divide(spread, p1 - p0, out=never, where=gain > 0) ** 2
    return np.ceil(control / control_share)


def _least_buyers(
    offered: int, control: int, base: float, error_rate: float
) -> tuple[np.ndarray, np.ndarray]:
    """Fewest buyers among the offered that show an uplift, by buyers in control, and their chance.

    One more than were offered where none do. Found by halving: more buyers never show less.
    """
    from scipy.stats import binom

    ends = binom.ppf([1e-10, 1 - 1e-10], control, base).astype(int)
    buyers = np.arange(ends[0], ends[1] + 1)
    low, high = np.zeros_like(buyers), np.full_like(buyers, offered + 1)
    sizes = [np.full_like(buyers, size) for size in (offered, control)]
    while (high - low > 1).any():
        middle = (low + high) // 2
        found = newcombe(middle, sizes[0], buyers, sizes[1], confidence_level=1 - error_rate)
        low, high = np.where(found.low > 0, low, middle), np.where(found.low > 0, middle, high)
    return high, binom.pmf(buyers, control, base)


def _shown(
    uplift: np.ndarray, offered: int, base: float, least: np.ndarray, weight: np.ndarray
) -> np.ndarray:
    from scipy.stats import binom

    rate = np.clip(base + uplift, 0.0, 1.0)[..., None]
    return np.asarray(binom.sf(least - 1, offered, rate) @ weight)
