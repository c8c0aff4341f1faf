"""Whether the plan is lawful and fair, against the tables themselves."""

from __future__ import annotations

import pandas as pd
import pytest

from pmlib import strategy
from pmlib.engine import collect
from pmlib.strategy.cells import customer_states
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
    assert found.facts == {"plan_lawful": True, "offer_rates": "differ"}
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
