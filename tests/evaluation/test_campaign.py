"""The campaign that is read, found in a simulated bank: its contacts and what was known before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pmlib.engine import collect
from pmlib.errors import StudyError
from pmlib.evaluation import (
    check_campaign,
    intention_to_treat,
    judge_over_time,
    open_campaign,
    readable,
)
from pmlib.evaluation.campaign import Campaign
from pmlib.numbers import Phrase
from pmlib.params import Parameters
from pmlib.texts import open_language
from tests.findings import known


@pytest.fixture(scope="module")
def bank(casebank, engine, tmp_path_factory):
    """A small simulated bank with a plan: every other customer, one product each by rule."""
    customers = collect(casebank.scan("customers", engine), sort_by=["customer_id"])
    folder = tmp_path_factory.mktemp("plan")
    rng = np.random.default_rng(1)
    plan = pd.DataFrame(
        {
            "customer_id": customers["customer_id"],
            "segment": 1 + np.arange(len(customers)) % 3,
            "product_id": np.where(np.arange(len(customers)) % 2, "credit_card", "mutual_fund"),
            "channel": "phone",
            "arm": np.where(rng.random(len(customers)) < 0.3, "control", "offer"),
        }
    )
    plan["propensity"] = np.where(plan["arm"] == "control", 0.3, 0.7)
    plan["cell"] = plan.groupby(["segment", "product_id"]).ngroup()
    plan[["customer_id", "segment"]].to_parquet(folder / "assignments.parquet")
    return casebank, engine, folder, plan


def opened(bank, plan=None, *, results=None):
    """The campaign of a bank as its chapters left it; without a plan, that of its records."""
    study, engine, folder, _ = bank
    if plan is None:
        study = replace(study, simulated=False)
    else:
        plan.to_parquet(folder / "contact_plan.parquet")
    frames = {"segments": pd.DataFrame({"segment": [1, 2, 3], "name": ["A", "B", "C"]}),
              "cells": pd.DataFrame({"cell": [], "expected_profit": []}),
              "promise": pd.DataFrame({"promised": []})}  # fmt: skip
    return open_campaign(
        study, engine, Parameters(seed=3, campaign_results=results),
        load=lambda _, frame: frames[frame],
        load_private=lambda _, table: folder / f"{table}.parquet",
    )  # fmt: skip


def test_the_field_test_passes_the_checks(bank):
    campaign = opened(bank, bank[3])
    checks = check_campaign(campaign.contacts, covariates=campaign.covariates)
    assert checks.facts["campaign_checks"] == "passed"
    assert set(campaign.contacts["segment_name"]) == {"A", "B", "C"}


def test_results_of_the_field_are_read_like_the_field_test(bank, tmp_path):
    simulated = opened(bank, bank[3]).contacts
    file = tmp_path / "results.csv"
    simulated[["customer_id", "arm", "contacted_on", "responded", "value"]].to_csv(
        file, index=False
    )
    campaign = opened(bank, bank[3], results=str(file))
    assert campaign.facts["campaign_source"] == "returned"
    effects = [intention_to_treat(contacts).table for contacts in (campaign.contacts, simulated)]
    pd.testing.assert_frame_equal(*effects)


def test_money_that_one_customer_carries_in_one_arm_is_left_out(bank, tmp_path):
    results = opened(bank, bank[3]).contacts[
        ["customer_id", "arm", "contacted_on", "responded", "value"]
    ]
    assert results["arm"].nunique() == 2
    offer = results["arm"] == "offer"
    each = results["responded"] * np.where(offer, 1.0, 100.0)
    spread = results.assign(value=each)
    whale = results.index[offer & results["responded"]][0]
    rich = results.assign(value=each.mask(results.index == whale, 10 * each[offer].sum()))
    assert rich["value"].max() < 0.75 * rich["value"].sum()  # but not of those of its arm
    shown = []
    for name, told in (("spread", spread), ("rich", rich)):
        told.to_csv(tmp_path / f"{name}.csv", index=False)
        campaign = opened(bank, bank[3], results=str(tmp_path / f"{name}.csv"))
        shown.append(bool(campaign.contacts["value"].notna().any()))
        assert campaign.quotes.get("value_dominated", False) is not shown[-1]
    assert shown == [True, False]


def test_the_pilot_is_there_to_learn_from(bank):
    campaign = opened(bank, bank[3])
    assert campaign.training is not None
    assert set(campaign.training["campaign_id"]) == {"pilot"}


def test_covariates_are_those_of_the_day_before_the_contact(bank):
    study, engine, *_ = bank
    campaign = opened(bank, bank[3])
    pilot = campaign.training.set_index("customer_id")
    holdings = collect(study.scan("holdings", engine), sort_by=["customer_id", "product_id"])
    customer = pilot.index[0]
    own, day = holdings[holdings["customer_id"] == customer], pilot.loc[customer, "contacted_on"]
    held = (own["opened_on"] < day) & (own["closed_on"].isna() | (own["closed_on"] >= day))
    assert pilot.loc[customer, "products_held"] == held.sum()


def test_without_a_plan_the_latest_randomised_campaign_is_read(bank):
    campaign = opened(bank)
    assert campaign.facts["campaign_kind"] == "randomised"
    assert campaign.later.absent == Phrase("absent.has_control")
    assert set(campaign.contacts["campaign_id"]) == {"pilot"}


def test_cells_that_cannot_hold_both_arms_are_left_out_and_counted(bank):
    plan = bank[3].copy()
    plan.loc[0, ["cell", "arm", "propensity"]] = [99, "control", 0.3]
    campaign = opened(bank, plan)
    assert 99 not in set(campaign.contacts["cell"])
    assert campaign.quotes["left_out"].value == 1


def test_a_plan_of_several_offers_a_customer_says_so(bank):
    again = bank[3].assign(product_id="life_insurance", cell=bank[3]["cell"] + 50)
    campaign = opened(bank, pd.concat([bank[3], again]))
    text = open_language("en").render("campaign_evaluation", "campaign", known(campaign))
    assert "6,000 offers went to 3,000 customers" in text
    assert len(campaign.contacts) == 6_000


def test_a_control_group_of_unknown_probability_shows_no_effect(bank, tmp_path):
    study, engine, *others = bank
    contacts = collect(study.scan("contacts", engine), sort_by=["customer_id"])
    contacts.assign(propensity=np.nan).to_parquet(tmp_path / "contacts.parquet")
    unknown = replace(study, tables={**study.tables, "contacts": tmp_path / "contacts.parquet"})
    campaign = opened((unknown, engine, *others))
    assert campaign.facts["campaign_kind"] == "undrawn"
    assert check_campaign(campaign.randomised).absent.block == "absent.undrawn"
    text = open_language("en").render("campaign_evaluation", "campaign", known(campaign))
    assert "Some customers were left out on purpose" in text
    assert "`assignment: randomised`" in text
    assert campaign.facts["campaign_source"] == "all_contacts"
    assert "control" not in set(campaign.contacts["arm"])


def test_an_empty_plan_is_no_campaign(bank):
    campaign = opened(bank, bank[3].head(0))
    assert campaign.facts["campaign_kind"] == "nothing_planned"
    checks = check_campaign(campaign.randomised)
    assert checks.absent == campaign.absent == Phrase("absent.nothing_planned")


def test_a_plan_without_control_shows_no_effect_and_says_so_in_each_section(bank):
    campaign = opened(bank, bank[3].assign(arm="offer", propensity=1.0))
    assert campaign.facts["campaign_kind"] == "uncontrolled"
    assert campaign.facts["campaign_source"] == "field_test"
    checks = check_campaign(campaign.randomised)
    effects = intention_to_treat(readable(campaign.randomised, checks))
    assert checks.absent.block == effects.absent.block == "absent.no_control"
    assert checks.absent != effects.absent


def test_an_unknown_attribute_of_the_time_before_is_refused(bank):
    campaign = opened(bank)
    with pytest.raises(StudyError, match="no such attribute"):
        campaign.before("turnover", 1.0)


def test_without_a_case_for_a_plan_nothing_was_planned(bank):
    study, engine, folder, _ = bank
    frames = {"segments": pd.DataFrame({"segment": [1], "name": ["A"]}), "cells": pd.DataFrame()}
    campaign = open_campaign(
        study, engine, Parameters(), load=lambda _, frame: frames[frame],
        load_private=lambda _, table: folder / f"{table}.parquet",
    )  # fmt: skip
    assert campaign.absent == Phrase("absent.nothing_planned")


def test_a_plan_that_the_simulated_bank_cannot_answer_is_told(bank):
    plan = bank[3].assign(product_id="mortgage")
    campaign = opened(bank, plan)
    assert campaign.absent == Phrase("absent.not_answered", {"products": ["Mortgage"]})
    assert open_language("en").render(
        "campaign_evaluation", campaign.absent.block, campaign.absent.quotes
    )


@pytest.mark.parametrize(
    ("answers", "reason"),
    [([None] * 40, "no_outcome"), ([False] * 39 + [True], "few_buyers")],
)
def test_contacts_that_can_judge_no_ranking_say_why(answers, reason):
    contacts = pd.DataFrame(
        {"contact_day": range(40), "contacted_on": pd.date_range("2025-01-01", periods=40),
         "responded": pd.Series(answers, dtype=object), "x": range(40)}
    )  # fmt: skip
    campaign = Campaign(
        facts={"campaign_kind": "uncontrolled"}, covariates={"x": "x"}, contacts=contacts
    )
    found = judge_over_time(campaign.later, campaign.features, seed=1)
    assert found.absent == Phrase(f"absent.{reason}")


def test_contacts_without_an_answer_are_no_refusals():
    answers = [True, None, False, None] * 100
    contacts = pd.DataFrame(
        {"contacted_on": range(400), "x": 1.0, "responded": pd.Series(answers, dtype=object)}
    )
    campaign = Campaign(
        facts={"campaign_kind": "uncontrolled"}, covariates={"x": "x"}, contacts=contacts
    )
    assert campaign.later["responded"].tolist() == [True, False] * 100
