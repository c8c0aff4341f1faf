r"""Measures of interest of a rule X → y, each from four counts.

With n customers, :math:`n_X` holding the antecedent, :math:`n_y` the consequent and
:math:`n_{Xy}` both; s(·) = n(·)/n is support. Names, formulas and signs follow the sources given
beside each; a survey is Tan, Kumar & Srivastava (2004), doi:10.1016/S0306-4379(03)00072-3.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pmlib.inference.normal import normal_quantile
from pmlib.inference.proportions import wilson

_HYPER_LEVEL = 0.99


def measures(counts: pd.DataFrame, *, confidence_level: float = 0.95) -> pd.DataFrame:
    r"""Compute all measures of rules from their counts.

    Parameters
    ----------
    counts : pandas.DataFrame
        n, n_antecedent, n_consequent, n_both: customers; a row is a rule.
    confidence_level : float
        Of the intervals, 0 to 1.

    Returns
    -------
    pandas.DataFrame
        Same index; columns

        support
            s(Xy), a share (Agrawal, Imieliński & Swami 1993).
        confidence, confidence_low, confidence_high
            s(Xy)/s(X), a share (ibid.), with Wilson's interval (1927).
        lift, lift_low, lift_high
            s(Xy)/(s(X)s(y)) (Brin et al. 1997); interval on the log scale by the delta method.
        leverage
            s(Xy) − s(X)s(y) (Piatetsky-Shapiro 1991), a difference of shares.
        conviction
            (1 − s(y))/(1 − confidence), infinite at confidence 1 (Brin et al. 1997).
        zhang
            leverage / max(s(Xy)(1 − s(X)), s(X)(s(y) − s(Xy))), −1 to 1 (Zhang 2000).
        jaccard
            s(Xy)/(s(X) + s(y) − s(Xy)).
        kulczynski
            Mean of the confidences of X → y and y → X.
        imbalance_ratio
            abs(s(X) − s(y))/(s(X) + s(y) − s(Xy)): 0 where both are equally common.
        hyper_lift
            n(Xy)/Q, Q the 99 % quantile of the hypergeometric count under independence; above 1
            means more than chance would give (Hahsler & Hornik 2007).
        hyper_confidence
            P(C < n(Xy)) for that hypergeometric C (ibid.).

        A measure whose denominator is 0 is missing (NaN), other than as stated; Zhang's is then 0,
        as in mlxtend.

    Notes
    -----
    The variance of log lift for a multinomial sample, by the delta method:

    .. math:: \frac1n\left(\frac1{s_{Xy}} - \frac1{s_X} - \frac1{s_y}
              + \frac{2 s_{Xy}}{s_X s_y} - 1\right)

    Examples
    --------
    >>> counts = pd.DataFrame({"n": [100], "n_antecedent": [20], "n_consequent": [30],
    ...                        "n_both": [12]})
    >>> measures(counts)[["support", "confidence", "lift"]].round(3)
       support  confidence  lift
    0     0.12         0.6   2.0
    """
    from scipy.stats import hypergeom

    columns = ("n", "n_antecedent", "n_consequent", "n_both")
    n, n_x, n_y, n_xy = (counts[name].to_numpy(dtype=float) for name in columns)
    s_x, s_y, s_xy = (_ratio(part, n) for part in (n_x, n_y, n_xy))
    confidence = _ratio(s_xy, s_x)
    lift = _ratio(confidence, s_y)
    leverage = s_xy - s_x * s_y
    low, high = wilson(n_xy, n_x, confidence_level=confidence_level)
    middle = _ratio(s_xy, s_x * s_y)
    inverse_xy, inverse_x, inverse_y = (_ratio(np.ones_like(s), s) for s in (s_xy, s_x, s_y))
    variance = _ratio(inverse_xy - inverse_x - inverse_y + 2 * middle - 1, n)
    # Rounding can leave a variance of -1e-20 where lift is known exactly (X and y coincide).
    spread = np.exp(normal_quantile(confidence_level) * np.sqrt(np.maximum(variance, 0)))
    either = s_x + s_y - s_xy
    zhang = _ratio(leverage, np.maximum(s_xy * (1 - s_x), s_x * (s_y - s_xy)))
    return pd.DataFrame(
        {
            "support": s_xy,
            "confidence": confidence,
            "confidence_low": low,
            "confidence_high": high,
            "lift": lift,
            "lift_low": middle / spread,
            "lift_high": middle * spread,
            "leverage": leverage,
            "conviction": np.where(confidence == 1, np.inf, _ratio(1 - s_y, 1 - confidence)),
            "zhang": np.where(np.isnan(zhang) & ~np.isnan(leverage), 0.0, zhang),
            "jaccard": _ratio(s_xy, either),
            "kulczynski": (confidence + _ratio(s_xy, s_y)) / 2,
            "imbalance_ratio": _ratio(np.abs(s_x - s_y), either),
            "hyper_lift": _ratio(n_xy, hypergeom.ppf(_HYPER_LEVEL, n, n_y, n_x)),
            "hyper_confidence": hypergeom.cdf(n_xy - 1, n, n_y, n_x),
        },
        index=counts.index,
    )


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Divide; missing where the denominator is 0."""
    out = np.full(numerator.shape, np.nan)
    return np.divide(numerator, denominator, out=out, where=denominator != 0)
