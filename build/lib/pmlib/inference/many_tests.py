"""Corrections of p-values for the number of tests.

A missing p-value is no test: it stays missing and does not count. A test whose data cannot speak
(no event in either arm) is another thing; its p-value is 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def holm(p_values: ArrayLike) -> np.ndarray:
    """Adjust p-values by Holm's step-down method [@holm1979simple].

    Written out because statsmodels' function counts missing p-values as tests, and runs a garbage
    collection at each call.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    >>> holm([0.01, np.nan, 0.04]).tolist()
    [0.02, nan, 0.04]
    """
    p = np.asarray(p_values, float)
    order = np.argsort(p, kind="stable")[: (~np.isnan(p)).sum()]
    adjusted = np.full(p.shape, np.nan)
    raised = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(raised), 1.0)
    return adjusted


def benjamini_hochberg(p_values: ArrayLike) -> np.ndarray:
    """Adjust p-values for the false discovery rate [@benjamini1995fdr].

    Examples
    --------
    >>> benjamini_hochberg([0.01, np.nan, 0.04, 0.02]).tolist()
    [0.03, nan, 0.04, 0.03]
    """
    from scipy.stats import false_discovery_control

    p = np.asarray(p_values, float)
    adjusted, known = np.full(p.shape, np.nan), ~np.isnan(p)
    if known.any():
        adjusted[known] = false_discovery_control(p[known])
    return adjusted
