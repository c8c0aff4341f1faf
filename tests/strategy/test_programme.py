"""The programme: its dual, its prices and its even plan against HiGHS and hand computation."""

from __future__ import annotations

import numpy as np
import pytest

from pmlib.errors import StudyError
from pmlib.strategy.cells import Groups
from pmlib.strategy.programme import Limits, Programme, solve_by_dual, solve_directly, solve_evenly
from tests.strategy.banks import problem


@pytest.mark.parametrize("contact_limit", [1, 2])
@pytest.mark.parametrize("seed", range(4))
def test_dual_finds_the_optimum_of_highs(seed: int, contact_limit: int) -> None:
    groups, value, cost, limits = problem(seed, contact_limit=contact_limit)
    value = np.where(value > 0, value, -np.inf)
    direct = solve_directly(Programme(groups, value, cost, limits))
    dual = solve_by_dual(Programme(groups, value, cost, limits))
    assert dual.bound == pytest.approx(direct.bound, rel=1e-5)


def test_price_of_the_budget_is_what_one_more_unit_earns() -> None:
    groups, value, cost, _ = problem(3)
    limits = [Limits(b, (np.inf, 500.0, 100.0), 1) for b in (800.0, 801.0)]
    value = np.where(value > 0, value, -np.inf)
    first, second = (solve_directly(Programme(groups, value, cost, limit)) for limit in limits)
    assert second.bound - first.bound == pytest.approx(first.prices["budget"], rel=1e-6)


def test_negative_budget_is_refused() -> None:
    with pytest.raises(StudyError, match="budget"):
        Limits(budget=-1.0, capacity=(1.0,), contact_limit=1)


def test_even_plan_against_hand_computation():
    """Two groups, one offer each: 10 of 10 and 4 of 20 can be reached, so the even rate is 0.2."""
    groups = Groups(
        segment=np.array([1, 2]), state=np.ones((2, 1), dtype=np.int8), size=np.array([10, 4]),
        products=("a",), segments=(1, 2),
    )  # fmt: skip
    worth = np.array([3.0, 1.0]).reshape(2, 1, 1, 1).repeat(2, axis=1)
    settings = {"part": np.array([0, 1]), "people": np.array([10.0, 20.0])}
    limits = Limits(np.inf, (np.inf,), 1)
    even = solve_evenly(Programme(groups, worth, np.ones(1), limits), **settings)
    assert even.bound == pytest.approx(2 * 3 + 4 * 1)  # 2 of 10 and 4 of 20
    loose = solve_evenly(Programme(groups, worth, np.ones(1), limits), **settings, tolerance=0.3)
    assert loose.bound == pytest.approx(5 * 3 + 4 * 1)  # 5 of 10 and 4 of 20
