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


def test_decisions_survive_when_nothing_is_uncertain(case, design):
    effects = design.effects
    sure = replace(effects, sampling=effects.sampling * 1e-12)
    # Without noise in the pilot the shrunk effects of shrunk effects are what is planned on.
    fixed = replace(sure, gain=np.eye(len(effects.cells))[:, effects.own >= 0])
    certain = replace(design, effects=fixed)
    found = strategy.survival(case, certain, draws=3, draws_of_money=3)
    scenarios = found.table.set_index("scenario")
    assert scenarios.loc["pilot", "unchanged"] == pytest.approx(1.0)
    # What is framed and counted is the plan itself, with its smallest cell.
    assert found.of("decisions")["planned"].sum() == design.planned["planned"].sum()
    assert set(found.of("decisions")["product"]) == {"Fund", "Loan"}
    assert found.facts["plan_firmness"] in ("firm", "fairly_firm", "not_firm")  # money still varies
    noisy = replace(fixed, sampling=effects.sampling * 25)
    noisy = replace(design, effects=noisy)
    found = strategy.survival(case, noisy, draws=5, draws_of_money=2)
    assert found.table["unchanged"].iloc[0] < 1.0
