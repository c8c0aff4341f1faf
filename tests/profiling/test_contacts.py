"""Past contacts, against cases counted by hand and a published file."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pmlib import profiling, studies
from pmlib.numbers import Fact, Level
from pmlib.params import Parameters
from pmlib.texts.language import open_language
from tests.findings import known


def test_responses_and_costs_of_a_campaign(lazy, campaign):
    past = pd.concat(
        [
            campaign("late", "2025-03-01", 100, 20, propensity=2 / 3),
            campaign("early", "2024-03-01", 200, 10),
            campaign("late", "2025-03-01", 50, 5, arm="control", cost=0.0, propensity=1 / 3),
        ]
    )
    past["responded"] = past["responded"].astype(object)
    past.iloc[-1, past.columns.get_loc("responded")] = None  # an outcome not yet known
    result = profiling.contact_responses({"contacts": lazy(past)})
    rows = result.table.set_index(["campaign", "arm"])
    assert list(rows.index) == [("early", "offer"), ("late", "control"), ("late", "offer")]
    assert rows.loc[("early", "offer"), "rate"] == pytest.approx(0.05)
    assert rows.loc[("early", "offer"), "cost_per_sale"] == pytest.approx(400 / 10)
    assert rows.loc[("late", "control"), "answered"] == 49
    assert np.isnan(rows.loc[("late", "control"), "cost_per_sale"])
    numbers = {number.key: number.value for number in result.numbers}
    assert numbers["past_response"] == pytest.approx(10 / 200)  # the test "late" is set apart
    assert result.quotes["tests"] == ["late"]
    assert result.facts == {"past_outcomes": "known", "past_control": "some"}
    assert numbers["past_response_tests"] == pytest.approx(20 / 100)
    assert numbers["past_response_control"] == pytest.approx(5 / 49)


@pytest.mark.parametrize(
    ("responded", "kept", "said"),
    [([i < 20 for i in range(203)], "undrawn", "9.9 % (6.5 to 14.7 %) bought anyway"),
     ([None] * 203, "unanswered", "what they bought is not on record")],
)  # fmt: skip
def test_a_control_group_is_never_denied(lazy, campaign, responded, kept, said):
    # The 203 left out, of whom 20 bought, of the cases' small bank; Wilson's interval by hand.
    left_out = campaign("x", "2025-03-01", 203, 0, arm="control", responded=responded)
    past = pd.concat([campaign("x", "2025-03-01", 197, 53), left_out]).astype({"responded": object})
    result = profiling.contact_responses({"contacts": lazy(past)})
    assert result.facts["past_control"] == kept
    english, recorded = open_language("en"), known(result)
    text = english.render("data_profiling", "responses", recorded)
    assert said in " ".join(text.replace("\u00a0", " ").split())
    assert ("`assignment: randomised`" in text) == (kept == "undrawn")
    recorded["attributes_known"] = Fact("attributes_known", "none")
    advice = english.render("data_profiling", "implications", recorded)
    assert "record wh" in advice or "record with" in advice
    assert "a control group in every campaign" not in text + advice
    assert "Nobody was deliberately left out" not in text


def test_where_every_campaign_is_a_test_all_are_counted(lazy, campaign):
    past = pd.concat(
        [
            campaign("test", "2025-03-01", 100, 20, propensity=2 / 3),
            campaign("test", "2025-03-01", 50, 5, arm="control", cost=0.0, propensity=1 / 3),
        ]
    )
    result = profiling.contact_responses({"contacts": lazy(past)})
    assert {n.key: n.value for n in result.numbers}["past_contacts"] == 100
    assert result.quotes["tests"] == []


@pytest.mark.parametrize(
    ("arm", "responded", "outcomes"),
    [("control", False, "no_contacts"), ("offer", None, "unknown")],
)
def test_what_is_not_on_record_is_said(lazy, campaign, arm, responded, outcomes):
    past = campaign("x", "2025-03-01", 20, 0, arm=arm, responded=[responded] * 20)
    result = profiling.contact_responses({"contacts": lazy(past)})
    assert result.facts == {"past_outcomes": outcomes}


def test_offers_without_product_or_channel_have_none(lazy, campaign):
    past = campaign("x", "2025-03-01", 30, 3, product_id=None, channel=None)
    past.loc[:14, ["product_id", "channel"]] = ["card", "letter"]
    products = pd.DataFrame({"product_id": ["card"], "name": ["Credit card"]})
    tables = {"contacts": lazy(past), "products": lazy(products)}
    offers = profiling.contact_responses(tables).of("offers")
    assert offers[["product", "channel"]].to_numpy().tolist() == [
        ["", ""], ["Credit card", "letter"]
    ]  # fmt: skip


def test_costs_that_were_not_recorded_are_not_shown(lazy, campaign):
    past = campaign("x", "2025-03-01", 100, 20)
    past["cost"] = past["cost"].where(past.index > 0)
    row = profiling.contact_responses({"contacts": lazy(past)}).table.iloc[0]
    assert np.isnan(row["cost"])
    assert np.isnan(row["cost_per_sale"])


def test_waste_is_counted_with_its_cost(lazy, ids, campaign):
    customers = pd.DataFrame(
        {"customer_id": ids(100), "marketing_opt_out": [True] * 30 + [False] * 70}
    )
    holdings = pd.DataFrame(
        {"customer_id": ids(100)[20:60], "product_id": "card", "opened_on": "2020-01-01",
         "closed_on": [None] * 40}
    )  # fmt: skip
    waste = profiling.wasted_contacts(
        {
            "contacts": lazy(campaign("x", "2025-03-01", 100, 5)),
            "customers": lazy(customers),
            "holdings": lazy(holdings),
        }
    )
    rows = waste.table.set_index("reason")
    assert rows.loc["already_held", "wasted"] == 40
    assert rows.loc["opted_out", "wasted"] == 30
    assert rows.loc["any", "wasted"] == 60
    assert rows.loc["any", "cost"] == 120
    assert waste.facts == {"waste": "some"}
    assert waste.quotes["untold"] == [Level("reason", "unsuitable")]
    assert [reason["of"] for reason in waste.quotes["reasons"]] == [None, None]


def test_control_rows_are_no_waste(lazy, ids, campaign):
    customers = pd.DataFrame({"customer_id": ids(20), "marketing_opt_out": [True] * 20})
    past = campaign("x", "2025-03-01", 20, 0, arm="control")
    tables = {"contacts": lazy(past), "customers": lazy(customers)}
    waste = profiling.wasted_contacts(tables)
    assert waste.table.empty
    assert waste.facts == {}


def test_where_nothing_was_wasted_that_is_a_fact(lazy, ids, campaign):
    customers = pd.DataFrame({"customer_id": ids(20), "marketing_opt_out": [False] * 20})
    past = campaign("x", "2025-03-01", 20, 0)
    waste = profiling.wasted_contacts({"contacts": lazy(past), "customers": lazy(customers)})
    assert waste.facts == {"waste": "none"}
    assert "waste_cost" not in {number.key for number in waste.numbers}


def test_bank_marketing_responds_as_counted_from_its_file(engine, raw):
    # Counted from the file's rows: 4,640 of 41,188; 2.8 % in the first tenth, 45.9 % in the last.
    study = studies.prepare("bank-marketing", Parameters(), mirror=raw("bank-marketing").parent)
    contacts = study.scan("contacts", engine)
    past = profiling.contact_responses({"contacts": contacts}).table
    drift = profiling.response_drift({"contacts": contacts})
    assert past["responded"].sum() == 4640
    assert drift.table["rate"].iloc[0] == pytest.approx(0.028, abs=5e-4)
    assert drift.table["rate"].iloc[-1] == pytest.approx(0.459, abs=5e-4)
    assert drift.facts == {"response_course": "rose", "course_over": "one_campaign"}


def test_contacts_that_should_not_be_made_may_sell_and_that_is_a_finding(lazy, ids, campaign):
    # 100 contacts and 16 sales: of the 20 customers for whom the fund is too risky 6 bought it, of
    # the 30 who object 4 (one of them both).
    customers = pd.DataFrame(
        {"customer_id": ids(100), "risk_tolerance": [1] * 20 + [5] * 80,
         "marketing_opt_out": [19 <= i < 49 for i in range(100)]}
    )  # fmt: skip
    buyers = {0, 1, 2, 3, 4, 19, 20, 21, 22, *range(60, 67)}
    past = campaign("x", "2025-03-01", 100, 0, responded=[i in buyers for i in range(100)])
    products = pd.DataFrame({"product_id": ["card"], "name": ["Fund"], "risk_rating": [4]})
    tables = {"contacts": past, "customers": customers, "products": products}
    waste = profiling.wasted_contacts({name: lazy(table) for name, table in tables.items()})
    rows = waste.table.set_index("reason")
    assert rows["sales"].to_dict() == {"unsuitable": 6, "opted_out": 4, "any": 9}
    numbers = {number.key: number for number in waste.numbers}
    assert numbers["waste_sales_share"].value == pytest.approx(9 / 16)
    assert numbers["unsuitable_sales"].value == 6
    assert waste.facts == {"waste": "some", "unsuitable_sales_made": "some"}
    text = open_language("en").render("data_profiling", "waste", known(waste), plain=True)
    assert "6 sales were of a product whose risk rating exceeds" in text.replace("\n", " ")
