"""Values of policies near a known truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pmlib.evaluation import candidate_policies, judge_rankings, policy_values


def test_policy_values_are_near_the_truth(trial, known):
    contacts = trial(50_000)
    expected = known(contacts)
    policies = candidate_policies(expected, {"x": contacts["x"].to_numpy()})
    table = policy_values(expected, policies).table
    robust = table[table["estimator"] == "doubly_robust"].set_index("policy")
    # Gains by hand: everybody 100 x 0.1 - 5; the better half (x of 0.15) half of 10; all with a
    # gain (x above 0.05) three quarters of 100 x 0.125 - 5.
    truth = {"nobody": 0, "everybody": 5, "best_half_by_x": 5, "all_with_an_expected_gain": 5.625}
    for name, value in truth.items():
        row = robust.loc[name]
        assert abs(row["value"] - value) <= 4 * row["standard_error"] + 1e-12


def test_doubly_robust_values_are_sharper_than_weighted_ones(trial, known):
    contacts = trial()
    expected = known(contacts)
    table = policy_values(expected, candidate_policies(expected, {})).table
    error = table.pivot_table(index="policy", columns="estimator", values="standard_error")
    row = error.loc["everybody"]
    assert row["doubly_robust"] < row["inverse_propensity"]


def test_rankings_and_policies_of_customers_counted_twice_are_no_surer(trial, known, twice):
    found = []
    for contacts in (trial(2_000), twice(trial(2_000))):
        expected = known(contacts)
        x = contacts["x"].to_numpy()
        rankings = judge_rankings(expected, {"x": x})
        policies = policy_values(expected, candidate_policies(expected, {"x": x}))
        tables = (rankings.table, rankings.of("curve"), policies.table)
        found.append([table.select_dtypes("number") for table in tables])
    for once, again in zip(*found, strict=True):
        assert np.allclose(once, again, rtol=1e-2, atol=5e-3)


def test_a_control_group_without_buyers_might_have_had_two(trial, known):
    contacts = trial(3_000)
    left_alone = (contacts["arm"] == "control").to_numpy()
    contacts["responded"] &= ~left_alone
    contacts["value"] = contacts["value"].where(contacts["responded"], 0.0)
    observed = (contacts["value"] - contacts["cost"]).to_numpy()
    expected = replace(known(contacts), judged=contacts, observed=observed)
    half = {"half": {arm: np.full(3_000, 0.5) for arm in expected.arms}}
    row = policy_values(expected, half).table.set_index("estimator").loc["inverse_propensity"]
    (offer,) = expected.arms
    own = 0.5 * expected.scores(offer, doubly_robust=False)
    bought = observed[contacts["responded"].to_numpy(bool)]
    typical = np.mean((0.5 * bought) ** 2)
    arms = sum(1 / own_arm.sum() ** 2 for own_arm in (left_alone, ~left_alone))
    seen = own.var(ddof=1) / len(own)
    assert row["standard_error"] ** 2 == pytest.approx(seen + 2 * typical * arms)
    # Of so few buyers no fourth moments are asked: 1.959964 is the normal quantile.
    assert row["high"] - row["value"] == pytest.approx(1.959964 * row["standard_error"])


def test_policies_that_lose_are_named(trial, known):
    contacts = trial(20_000)
    contacts["cost"] = contacts["cost"].where(contacts["arm"] == "control", 60.0)
    expected = known(contacts)
    expected = replace(expected, observed=(contacts["value"] - contacts["cost"]).to_numpy())
    found = policy_values(expected, candidate_policies(expected, {}))
    assert found.facts == {"best_policy": "nobody"}
    assert "everybody" in [level.code for level in found.quotes["losing"]]
