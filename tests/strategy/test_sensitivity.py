"""The budget curve, and decisions under redrawn inputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pmlib import strategy


def test_budget_curve_rises_and_flattens(case, design):
    table = strategy.budget_curve(case, design).table
    profit, budget = table["profit"].to_numpy(), table["budget"].to_numpy()
    assert (np.diff(profit) > -1e-6 * profit.max()).all()
    slopes = np.diff(profit)[np.diff(budget) > 1] / np.diff(budget)[np.diff(budget) > 1]
    # Concave, but for whole customers.
    assert (np.diff(slopes) < 0.01 * slopes.max()).all()
    assert table.loc[table["kind"] == "break_even", "price"].iloc[0] == 0


def times(case, many: float):
    """The case had its pilot been so many times as large."""
    sums = ["rows", "w", "w2", "wy", "wyy"]
    tallies = case.evidence.tallies
    tallies = tallies.assign(**{name: tallies[name] * many for name in sums})
    return replace(case, evidence=replace(case.evidence, tallies=tallies))


def test_decisions_survive_when_nothing_is_uncertain(case):
    large = times(case, 10**6)
    design = strategy.plan_study(large)
    found = strategy.survival(large, design, draws=3, draws_of_money=3)
    scenarios = found.table.set_index("scenario")
    assert scenarios.loc["pilot", "unchanged"] == pytest.approx(1.0, abs=0.01)
    # What is framed and counted is the plan itself, with its smallest cell.
    assert found.of("decisions")["planned"].sum() == design.planned["planned"].sum()
    assert found.facts["plan_firmness"] in ("firm", "fairly_firm", "not_firm")  # money still varies
    small = times(case, 1 / 25)
    found = strategy.survival(small, strategy.plan_study(case), draws=5, draws_of_money=2)
    assert found.table["unchanged"].iloc[0] < 0.9
