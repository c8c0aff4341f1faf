"""What a two-sided test can show: its power, and the smallest difference shown with power 0.8."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from pmlib.inference.normal import normal_quantile

POWER = 0.8


def power(effect: float, standard_error: ArrayLike, *, error_rate: float) -> np.ndarray:
    """Chance that a z-test shows an effect on its right side.

    Examples
    --------
    >>> round(float(power(2.8, 1.0, error_rate=0.05)), 2)
    0.8
    """
    error = np.asarray(standard_error, dtype=float)
    # Without a standard error any effect shows, and none where there is none.
    certain = np.full(error.shape, np.sign(effect) * np.inf if effect else 0.0)
    ratio = np.divide(effect, error, out=certain, where=error > 0)
    return ndtr(ratio - normal_quantile(1 - error_rate))


def detectable_mean(*variances: float, error_rate: float) -> float:
    """Smallest difference of two means that a two-sided z-test shows with power 0.8.

    `variances` are those of the mean of each arm.
    """
    return float((normal_quantile(1 - error_rate) + ndtri(POWER)) * np.sqrt(sum(variances)))


def detectable_rate(offered: int, control: int, *, base: float, error_rate: float) -> float:
    """Smallest uplift over the rate `base`, 0 to 1, that a two-sided z-test shows with power 0.8.

    The test compares two proportions, of so many customers in each arm, on Cohen's arcsine scale.
    NaN where no rate up to 1 could be shown.
    """
    from scipy.optimize import brentq
    from statsmodels.stats.power import NormalIndPower
    from statsmodels.stats.proportion import proportion_effectsize

    if min(offered, control) < 2:
        return float("nan")
    arms = {"nobs1": control, "ratio": offered / control}
    effect = float(NormalIndPower().solve_power(**arms, alpha=error_rate, power=POWER))

    def missing(rate: float) -> float:
        return proportion_effectsize(rate, base) - effect

    shown = np.isfinite(effect) and missing(1.0) > 0
    return float(brentq(missing, base, 1.0) - base) if shown else float("nan")
