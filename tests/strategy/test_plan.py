"""The plan in whole customers: optimal, and within every limit."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.pilots import draw_bank
from pmlib.casebank.world import World
from pmlib.strategy.cells import HOLDS, NOT_ELIGIBLE, Groups
from pmlib.strategy.plan import Plan, greedy, relax, solve
from pmlib.strategy.programme import Limits, Programme, solve_directly
from tests.strategy.banks import problem


def assert_within_limits(plan: Plan, cost: np.ndarray, limits: Limits) -> None:
    by_channel = plan.contacts.sum(axis=(0, 1, 2))
    assert by_channel @ cost <= limits.budget * (1 + 1e-12)
    assert (by_channel <= np.array(limits.capacity)).all()
    table, groups = plan.allocation, plan.groups
    size = pd.Series(groups.size)
    assert (table["customers"] >= 1).all()
    per_group = table.groupby("group")["customers"].sum()
    assert (per_group <= limits.contact_limit * size[per_group.index]).all()
    per_product = table.groupby(["group", "product"])["customers"].sum()
    group = per_product.index.get_level_values("group")
    assert (per_product.to_numpy() <= size[group].to_numpy()).all()
    assert (groups.state[table["group"], table["product"]] != NOT_ELIGIBLE).all()
    cells = plan.contacts.sum(axis=3)
    assert ((cells == 0) | (cells >= limits.min_contacts)).all()


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), contact_limit=st.integers(0, 3))
def test_no_constraint_is_ever_violated(seed: int, contact_limit: int) -> None:
    groups, value, cost, limits = problem(seed, contact_limit=contact_limit)
    assert_within_limits(solve(Programme(groups, value, cost, limits)), cost, limits)


def test_unlimited_plan_gives_every_customer_the_best_offer() -> None:
    groups, value, cost, _ = problem(1)
    limits = Limits(budget=np.inf, capacity=(np.inf,) * 3, contact_limit=1)
    expected = 0.0  # customer by customer
    for level, state, size in zip(groups.level, groups.state, groups.size, strict=True):
        offers = [value[level, int(s == HOLDS), p].max() for p, s in enumerate(state) if s]
        expected += size * max([0.0, *offers])
    assert solve(Programme(groups, value, cost, limits)).profit == pytest.approx(expected)


def test_plan_is_no_worse_than_greedy_and_no_better_than_its_bound() -> None:
    for seed in range(10):
        groups, value, cost, limits = problem(seed)
        limits = Limits(limits.budget, limits.capacity, 1)
        plan, by_hand = (
            solve(Programme(groups, value, cost, limits)),
            greedy(Programme(groups, value, cost, limits)),
        )
        assert by_hand.profit <= plan.bound * (1 + 1e-9)
        assert plan.profit >= 0.999 * plan.bound - 10  # whole customers


def test_merged_groups_lose_no_profit_and_gain_no_offer() -> None:
    """Groups merged for the plan: same optimum, and every offer is open to all of the group."""
    bank = draw_bank(World("default", 3), n_customers=1_500, seed=3)
    cost = bank.catalogue.channels["cost"].to_numpy()
    worth = np.where(bank.value > 0, bank.value, -np.inf)
    for contact_limit in (1, 2, 3):
        limits = Limits(600.0, (400.0, 300.0, 50.0), contact_limit)
        whole = solve_directly(Programme(bank.groups, worth, cost, limits))
        assert relax(Programme(bank.groups, bank.value, cost, limits)).bound == pytest.approx(
            whole.bound
        )
        plan = solve(Programme(bank.groups, bank.value, cost, limits))
        home = plan.origin >= 0
        merged = plan.groups.state[plan.origin[home]]
        kept = merged != NOT_ELIGIBLE
        np.testing.assert_array_equal(merged[kept], bank.groups.state[home][kept])


def test_small_cells_are_planned_as_well_as_by_trying_all_ways() -> None:
    """Smallest cells: the best over every choice of open cells, each choice solved by HiGHS."""
    groups = Groups(
        segment=np.ones(4, dtype=np.int64),
        state=np.array([[1, 1, 0], [1, 0, 1], [0, 1, 1], [1, 1, 1]], dtype=np.int8),
        size=np.array([9, 8, 7, 6]), products=("a", "b", "c"), segments=(1,),
    )  # fmt: skip
    values = np.full((1, 2, 3, 1), -np.inf)
    values[0, 0, :, 0] = [5.0, 4.0, 3.0]
    limits = Limits(100.0, (22.0,), 1, min_contacts=12)
    best = 0.0
    for open_ in product([False, True], repeat=3):
        worth = np.where(np.array(open_)[None, None, :, None], values, -np.inf)
        if any(open_):
            found = solve_directly(Programme(groups, worth, np.ones(1), limits))
            made = np.bincount(
                found.allocation["product"], found.allocation["customers"], minlength=3
            )
            if ((made == 0) | (made >= 12)).all():
                best = max(best, found.bound)
    plan = solve(Programme(groups, values, np.ones(1), limits))
    made = plan.contacts.sum(axis=(0, 1, 3))
    assert ((made == 0) | (made >= 12)).all()
    assert plan.profit >= best


def test_offers_not_known_to_pay_get_no_more_than_a_test() -> None:
    groups, value, cost, limits = problem(2)
    free = solve(Programme(groups, value, cost, limits))
    most = np.full(value.shape, np.inf)
    largest = np.unravel_index(free.contacts.argmax(), value.shape)
    most[largest] = free.contacts[largest] // 3
    plan = solve(Programme(groups, value, cost, limits, most))
    assert plan.contacts[largest] == most[largest]
    others = np.ones(value.shape, dtype=bool)
    others[largest] = False
    assert (plan.contacts[others] == free.contacts[others]).all()
    assert_within_limits(plan, cost, limits)
    assert plan.cut == pytest.approx((free.contacts - plan.contacts)[largest] * value[largest])
    assert plan.gap == pytest.approx(free.gap, abs=1e-9)
