"""Whether the plan is lawful and fair, against the tables themselves."""

from __future__ import annotations

import pandas as pd
import pytest

from pmlib import strategy
from pmlib.engine import collect
from pmlib.strategy import fairness
from pmlib.strategy.cells import customer_states
from pmlib.strategy.fairness import CHEAP, _decision
from tests.strategy.banks import tables, value


def test_offer_rates_and_the_price_of_equal_ones(case, design):
    found = strategy.check_plan(case, design, strategy.contact_plan(case, design))
    assert value(found.numbers, "plan_violations") == 0
    rates = found.table.set_index("group")["rate"]
    assert rates["female"] > rates["male"]  # women hold the card more often
    equal = found.of("equal-rates")
    by_gender = equal[equal["trait"] == "gender"].set_index("difference")
    assert by_gender.loc[0.0, "cost"] > 0
    assert by_gender.loc[0.0, "cost"] == by_gender["cost"].max()  # half as different costs less
    told = {row["trait"].code: row["cost"].value for row in found.quotes["equal_rates"]}
    assert told == equal[equal["difference"] == 0].set_index("trait")["cost"].to_dict()
    # The gap is of holding the card; among those who may be offered the fund it stays.
    assert found.facts == {
        "plan_lawful": True, "offer_rates": "differ", "gap_decision": "decide",
    }  # fmt: skip
    assert by_gender.loc[0.0, "cost_share"] > CHEAP
    women, men = (
        found.table.set_index("group").loc[g, "rate_eligible"] for g in ("female", "male")
    )
    assert value(found.numbers, "offer_rate_gap_eligible") == pytest.approx(women - men)
    ages = found.table.loc[found.table["trait"] == "age", "group"].tolist()
    assert ages == ["under_30", "30_to_44", "45_to_59", "60_and_over"]
    # Among the eligible: counted from the states, customer by customer.
    states = collect(customer_states(case.sources, case.catalogue, cool_down=30), sort_by=[])
    able = set(states.loc[states["code0"] > 0, "customer_id"])
    people = tables()["customers"]
    women = people.loc[people["gender"] == "female", "customer_id"]
    row = found.table.set_index("group").loc["female"]
    expected = row["offered"] / sum(customer in able for customer in women)
    assert row["rate_eligible"] == pytest.approx(expected)


def test_violations_are_counted(case, design, engine):
    wrong = engine.from_pandas(
        pd.DataFrame({"customer_id": ["c00000"], "product_id": ["fund"], "arm": ["offer"]})
    )
    people = tables()["customers"].iloc[0]
    expected = int(people["marketing_opt_out"] or people["risk_tolerance"] < 2)
    found = strategy.check_plan(case, design, wrong)
    assert value(found.numbers, "plan_violations") == expected
    assert found.facts["plan_lawful"] == (expected == 0)
    assert case.not_recorded == ()


@pytest.mark.parametrize(
    ("low", "left", "cost", "decision"),
    [
        (-0.01, 1.0, 0.01, "none"),
        (0.10, 0.4, 0.01, "explained"),
        (0.10, 0.6, 0.05, "equalise"),
        (0.10, 0.6, 0.06, "decide"),
        (0.10, float("nan"), 0.06, "decide"),  # a group too small to show explains nothing
    ],
)
def test_decision_on_a_gap(low, left, cost, decision):
    rows = [("age", 0.1, 0.001), ("age", 0.0, cost), ("gender", 0.0, 0.001)]
    equal = pd.DataFrame(rows, columns=["trait", "difference", "cost_share"])
    assert _decision(low, left, equal, "age") == decision


def test_customers_whose_trait_is_not_known_are_no_group(case, design, monkeypatch):
    found = strategy.check_plan(case, design, strategy.contact_plan(case, design))
    rates = found.table
    unknown = rates.iloc[[0]].assign(group=fairness.NOT_KNOWN, rate=0.99, rate_eligible=0.99)
    rates = pd.concat([rates, unknown], ignore_index=True)
    monkeypatch.setattr(fairness, "_rates", lambda *_: rates)
    again = strategy.check_plan(case, design, strategy.contact_plan(case, design))
    gap = "offer_rate_gap"
    assert value(again.numbers, gap) == value(found.numbers, gap)
    monkeypatch.setattr(fairness, "_rates", lambda *_: unknown)
    alone = strategy.check_plan(case, design, strategy.contact_plan(case, design))
    assert alone.facts["offer_rates"] == "not_known"
