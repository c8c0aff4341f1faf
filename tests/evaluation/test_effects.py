"""What a campaign caused: effects and money against published and hand-computed numbers."""

from __future__ import annotations

import numpy as np
import pytest

from pmlib.evaluation import (
    before_after,
    cuped,
    effects_by,
    intention_to_treat,
    interim_looks,
    power_curve,
)


# Means and effects with standard errors: methods.md section 8, made with pandas.
@pytest.mark.parametrize(
    ("outcome", "arm", "mean", "effect", "error"),
    [
        ("responded", "mens", 0.182757, 0.076590, 0.003386),
        ("conversion", "mens", 0.012531, 0.006805, 0.000921),
        ("value", "mens", 1.422617, 0.769827, 0.145247),
        ("responded", "womens", 0.151400, 0.045233, 0.003234),
        ("conversion", "womens", 0.008837, 0.003111, 0.000823),
        ("value", "womens", 1.077202, 0.424412, 0.130333),
    ],
)
def test_hillstrom_effects_to_the_last_digit(hillstrom, outcome, arm, mean, effect, error):
    table = intention_to_treat(hillstrom, outcomes=["conversion"]).table
    row = table.set_index(["outcome", "arm"]).loc[(outcome, arm)]
    found = row[["mean", "effect", "standard_error"]].astype(float).round(6).tolist()
    assert found == [mean, effect, error]


# Means of methods.md section 8; interval and p-value of men's less women's from scipy:
# ttest_ind(spend, equal_var=False) gives 0.0326 to 0.6582, the pooled z test of conversion 0.00021.
def test_hillstrom_offers_are_compared_with_each_other(hillstrom):
    effects = intention_to_treat(hillstrom, outcomes=["conversion"])
    between = effects.of("between").set_index("outcome").loc[["responded", "conversion", "value"]]
    expected = [0.182757 - 0.151400, 0.012531 - 0.008837, 1.422617 - 1.077202]
    assert between["effect"].tolist() == pytest.approx(expected, abs=2e-6)
    assert between.loc["conversion", "p_adjusted"] == pytest.approx(0.0002, abs=5e-5)
    assert between.loc["value", ["low", "high"]].tolist() == pytest.approx([0.033, 0.658], abs=0.01)
    numbers = {number.key: number.value for number in effects.numbers}
    assert numbers["best_arm"] == "mens"
    assert numbers["best_arm_lead"] == pytest.approx(0.345415, abs=1e-5)


def test_what_all_offers_caused_is_the_sum_of_what_each_caused(hillstrom):
    contacts = hillstrom.assign(arm_propensity=hillstrom.groupby("arm")["arm"].transform("size"))
    contacts["arm_propensity"] /= len(contacts)
    money = intention_to_treat(contacts).of("totals").set_index("arm")["incremental_profit"]
    assert money["any_offer"] == pytest.approx(money["mens"] + money["womens"])


def test_no_offer_is_named_best_when_chance_could_make_its_lead(campaign):
    contacts = campaign()
    offered = contacts["arm"] == "offer"
    drawn = np.random.default_rng(2).choice(["a", "b", "c"], len(contacts))
    effects = intention_to_treat(contacts.assign(arm=np.where(offered, drawn, "control")))
    numbers = {number.key: number for number in effects.numbers}
    assert len(effects.of("between")) == 3 * 3
    assert effects.facts["best_offer"] == "chance"
    assert numbers["best_arm"].value is None
    lead = numbers["best_arm_lead"]
    profit = effects.table[effects.table["outcome"] == "profit"].set_index("arm")["effect"]
    ranked = profit.drop("any_offer").sort_values()
    assert lead.value == pytest.approx(ranked.iloc[-1] - ranked.iloc[-2])
    assert lead.low < 0 < lead.high


def test_profit_is_value_less_contact_cost(campaign):
    contacts = campaign()
    table = intention_to_treat(contacts).table.set_index("outcome")
    assert table.loc["profit", "effect"] == pytest.approx(table.loc["value", "effect"] - 2.0)


def test_money_totals_follow_from_the_effects_per_customer(campaign):
    contacts = campaign()
    effects = intention_to_treat(contacts)
    row, n = effects.of("totals").iloc[0], (contacts["arm"] == "offer").sum()
    profit = effects.table.set_index("outcome").loc["profit"]
    sales = effects.table.set_index("outcome").loc["responded"]
    assert row["incremental_profit_low"] == pytest.approx(profit["low"] * n)
    assert row["roi"] == pytest.approx(profit["effect"] * n / (2 * n))
    assert row["cost_per_sale_high"] == pytest.approx(2 / sales["low"])


def test_cost_a_sale_has_no_upper_end_when_there_may_be_no_effect(campaign):
    row = intention_to_treat(campaign(300, uplift=0.0)).of("totals").iloc[0]
    assert row["incremental_sales_low"] < 0
    assert row["cost_per_sale_high"] == np.inf


def test_profit_is_left_out_when_no_value_is_recorded(campaign):
    effects = intention_to_treat(campaign().assign(value=None))
    assert effects.of("totals").empty
    assert "campaign_paid" not in effects.facts
    assert set(effects.table["outcome"]) == {"responded"}


def test_a_response_without_value_leaves_profit_out(campaign):
    contacts = campaign()
    contacts.loc[contacts.index[contacts["responded"]][0], "value"] = np.nan
    assert intention_to_treat(contacts).of("totals").empty


def test_a_customer_counted_twice_makes_no_interval_shorter(trial, twice):
    contacts = trial(2_000)
    for read, exact in (
        (lambda c: intention_to_treat(c).table[["effect", "low", "high"]], 1e-3),
        (lambda c: effects_by(c, "segment").table[["effect", "low", "high"]], 1e-3),
        (lambda c: cuped(c, covariates=["x"]).table[["effect", "low", "high"]], 1e-9),
        (lambda c: before_after(c).table[["effect", "low", "high"]], 1e-3),
        (lambda c: interim_looks(c, seed=1).table[["low", "high"]], 1e-9),
        (lambda c: power_curve(c).table.groupby("effect").first().reset_index()["effect"], 1e-9),
    ):
        assert np.allclose(read(twice(contacts)), read(contacts), rtol=exact)
