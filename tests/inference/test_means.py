"""Intervals of means against scipy, published numbers and counted coverage."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from pmlib.inference.means import (
    Moments,
    Spending,
    effective_number,
    from_influence,
    newcombe_spending,
    weighted_difference,
    welch,
)


def test_effective_number_by_hand():
    # Weights 1, 1, 4 tell a mean as well as 36 / 18 = 2 customers of equal weight.
    assert effective_number(6.0, 18.0) == 2
    assert effective_number(5.0, 5.0) == 5


def test_weighted_difference_by_hand():
    # Treated 1, 0 with weights 1, 3: mean 1/4, error sqrt((3/16)^2 + (3/16)^2) = 0.265165;
    # control 0, 0: 0. Both rows of the treated from one customer: residuals cancel.
    values, treated = np.array([1.0, 0.0, 0.0, 0.0]), np.array([True, True, False, False])
    weight = np.array([1.0, 3.0, 1.0, 1.0])
    found = weighted_difference(values, treated, weight, np.arange(4))
    assert found == pytest.approx((0.25, 0.265165), abs=1e-6)
    found = weighted_difference(values, treated, weight, np.array([0, 0, 1, 2]))
    assert found == pytest.approx((0.25, 0.0), abs=1e-12)


def test_welch_agrees_with_scipy():
    rng = np.random.default_rng(0)
    a, b = rng.exponential(3, 50), rng.exponential(2, 80)
    found = welch(Moments(a.mean(), a.var(ddof=1), 50), Moments(b.mean(), b.var(ddof=1), 80))
    reference = stats.ttest_ind(a, b, equal_var=False)
    interval = reference.confidence_interval(0.95)
    assert np.allclose([found.p_value, found.low, found.high], [reference.pvalue, *interval])


def spending(*arms: np.ndarray, others: Sequence[float] = ()) -> list[Spending]:
    """What is known of each arm, and of the campaign's buyers: those of both arms and others."""
    everyone = np.concatenate([*arms, others])
    typical = everyone[everyone != 0]
    found = []
    for values in arms:
        bought = values[values != 0]
        own = (bought.mean(), (bought**2).mean()) if len(bought) else (0.0, 0.0)
        moments = (values.mean(), values.var(ddof=1), len(values), len(bought) / len(values))
        found.append(Spending(*moments, len(bought), *own, typical.mean(), (typical**2).mean()))
    return found


def test_spending_of_one_each_has_newcombes_interval():
    # Where every buyer spends 1, a mean is a share.
    arms = [np.repeat([1.0, 0.0], counts) for counts in ((56, 14), (48, 32))]
    found = newcombe_spending(*spending(*arms))
    assert (found.low[0].round(4), found.high[0].round(4)) == (0.0524, 0.3339)


def test_spending_of_many_has_welchs_interval():
    rng = np.random.default_rng(0)
    arms = [rng.exponential(50, n) * (rng.random(n) < 0.2) for n in (40_000, 30_000)]
    found = newcombe_spending(*spending(*arms))
    reference = stats.ttest_ind(*arms, equal_var=False)
    interval = reference.confidence_interval(0.95)
    width = interval.high - interval.low
    assert np.allclose([found.low[0], found.high[0]], list(interval), atol=0.01 * width)
    assert found.p_value[0] == pytest.approx(reference.pvalue, abs=0.01)


def test_spending_of_few_covers_where_welch_does_not():
    # A small segment: 450 offered and 50 in control, who buy in 1 of 100 cases.
    rng = np.random.default_rng(4)
    held = {"spending": 0, "welch": 0}
    for _ in range(400):
        arms = [rng.lognormal(4, 0.5, n) * (rng.random(n) < 0.01) for n in (450, 50)]
        plain = stats.ttest_ind(*arms, equal_var=False).confidence_interval(0.95)
        held["welch"] += plain.low <= 0 <= plain.high
        found = newcombe_spending(*spending(*arms, others=rng.lognormal(4, 0.5, 50)))
        held["spending"] += bool(found.low[0] <= 0 <= found.high[0])
    # 400 campaigns: 0.93 to 0.99 around nominal or above.
    assert held["spending"] / 400 > 0.93
    assert held["welch"] / 400 < 0.85


def test_few_buyers_get_a_longer_interval_than_the_usual_one():
    # 400 customers of whom about 8 buy, as in a small control group.
    rng = np.random.default_rng(6)
    draws = (rng.random((2_000, 400)) < 0.02) * 100.0
    found = [from_influence(row.mean(), row) for row in draws]
    longer = np.mean([e.low <= 2 <= e.high for e in found])
    usual = np.mean([abs(e.value - 2) <= 1.96 * e.standard_error for e in found])
    assert longer > usual


def test_many_ordinary_values_get_the_usual_interval():
    values = np.random.default_rng(7).normal(size=20_000)
    found = from_influence(0.3, values)
    assert found.high - 0.3 == pytest.approx(1.96 * found.standard_error, rel=1e-3)
    assert 0.3 - found.low == pytest.approx(1.96 * found.standard_error, rel=1e-3)
