"""The campaign that is read: returned results are joined to the plan, or refused with counts."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pmlib.engine import collect
from pmlib.errors import StudyError
from pmlib.evaluation import (
    check_campaign,
    intention_to_treat,
    open_campaign,
    read_results,
)
from pmlib.evaluation.effects import outcomes_of

AS_OF = dt.date(2025, 12, 31)

PLAN = pd.DataFrame(
    {
        "customer_id": ["a", "b", "c", "d"],
        "product_id": ["card", "card", "loan", "loan"],
        "channel": ["email", "email", "phone", "phone"],
        "arm": ["offer", "control", "offer", "control"],
        "propensity": [0.9, 0.1, 0.9, 0.1],
        "cell": [1, 1, 2, 2],
    }
)
COSTS = {"email": 0.25, "phone": 6.0}

GOOD = """customer_id,arm,contacted_on,responded,value
a,offer,2026-01-14,yes,80
c,offer,2026-01-15,no,0
b,control,,0,0
d,control,,true,70.5
"""


def returned(tmp_path: Path, text: str, plan: pd.DataFrame = PLAN) -> pd.DataFrame:
    file = tmp_path / "results.csv"
    file.write_text(text)
    return read_results(file, plan, as_of=AS_OF, costs=COSTS)


def test_results_are_joined_in_the_order_of_the_plan(tmp_path):
    contacts = returned(tmp_path, GOOD)
    assert contacts["customer_id"].tolist() == ["a", "b", "c", "d"]
    assert contacts["responded"].tolist() == [True, False, False, True]
    assert contacts["value"].tolist() == [80, 0, 0, 70.5]
    assert contacts["cost"].tolist() == [0.25, 0, 6, 0]


def test_planned_customers_without_result_keep_their_arm(tmp_path):
    contacts = returned(tmp_path, "\n".join(GOOD.splitlines()[:3]))
    assert contacts["arm"].tolist() == ["offer", "control", "offer", "control"]
    assert contacts["responded"].isna().tolist() == [False, True, False, True]


def test_numeric_customer_ids_match_their_text(tmp_path):
    plan = PLAN.assign(customer_id=[11, 12, 13, 14])
    text = GOOD.replace("\na,", "\n11,").replace("\nb,", "\n12,")
    contacts = returned(tmp_path, text.replace("\nc,", "\n13,").replace("\nd,", "\n14,"), plan)
    assert contacts["customer_id"].tolist() == [11, 12, 13, 14]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("\na,", "\nz,"), "1 row not in the plan"),
        (("\nc,offer,2026-01-15", "\na,offer,2026-01-15"), "1 row more than once in the file"),
        (("b,control,,0", "b,offer,2026-01-14,0"), "1 row in another arm than was drawn"),
        (("2026-01-14", "2025-12-30"), "1 row contacted before the plan"),
        (("a,offer,2026-01-14", "a,offer,"), "1 row in the offer arm without a day of contact"),
        (("yes,80", "yes,"), "1 row with a response but no value"),
    ],
)
def test_results_that_do_not_match_the_plan_are_refused_with_counts(tmp_path, change, message):
    with pytest.raises(StudyError, match=message):
        returned(tmp_path, GOOD.replace(*change))


def test_no_value_is_nothing_earned_where_nobody_responded(tmp_path):
    contacts = returned(tmp_path, GOOD.replace("no,0", "no,").replace("0,0", "0,"))
    full = returned(tmp_path, GOOD)
    pd.testing.assert_frame_equal(outcomes_of(contacts), outcomes_of(full))


SEVERAL = pd.concat([PLAN, PLAN.assign(product_id="fund", cell=3)], ignore_index=True)


def test_a_customer_planned_for_two_products_is_joined_by_product(tmp_path):
    text = "customer_id,product_id,arm,contacted_on,responded\n" + "".join(
        f"{row.customer_id},{row.product_id},{row.arm},2026-01-14,{row.product_id == 'fund'}\n"
        for row in SEVERAL.iloc[::-1].itertuples()
    )
    contacts = returned(tmp_path, text, SEVERAL)
    assert contacts["product_id"].tolist() == SEVERAL["product_id"].tolist()
    assert contacts["responded"].tolist() == [False] * 4 + [True] * 4


def test_results_that_do_not_say_of_which_of_two_products_are_refused(tmp_path):
    with pytest.raises(StudyError, match="a column product_id where customers are planned"):
        returned(tmp_path, GOOD, SEVERAL)


def test_all_faults_are_told_at_once(tmp_path):
    text = GOOD.replace("\na,", "\nz,").replace("b,control,,0", "b,offer,2026-01-14,0")
    with pytest.raises(StudyError, match=r"not in the plan.*; .*another arm"):
        returned(tmp_path, text)


def test_another_product_than_planned_is_refused(tmp_path):
    text = "customer_id,arm,contacted_on,responded,product_id\na,offer,2026-01-14,1,loan\n"
    with pytest.raises(StudyError, match="another product than planned"):
        returned(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("customer_id,arm\na,offer\n", "The results lack columns"),
        (GOOD.replace("yes", "perhaps"), "column responded"),
        (GOOD.replace("2026-01-14", "14.01.2026"), "column contacted_on"),
        (GOOD.replace("70.5", "much"), "column value"),
        ("", "cannot be read"),
    ],
)
def test_results_that_cannot_be_read_are_refused(tmp_path, text, message):
    with pytest.raises(StudyError, match=message):
        returned(tmp_path, text)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(StudyError, match=r"nowhere\.csv"):
        read_results(tmp_path / "nowhere.csv", PLAN, as_of=AS_OF, costs=COSTS)


# --- the simulated bank -----------------------------------------------------------------------


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
    plan.to_parquet(folder / "plan.parquet")
    plan[["customer_id", "segment"]].to_parquet(folder / "assignments.parquet")
    return casebank, engine, folder


def opened(bank, **settings):
    study, engine, folder = bank
    return open_campaign(
        study, engine, assignments=folder / "assignments.parquet", seed=3, **settings
    )


def test_the_field_test_passes_the_checks(bank):
    campaign = opened(bank, plan=bank[2] / "plan.parquet")
    assert check_campaign(campaign.contacts, covariates=tuple(campaign.covariates)).passed


def test_results_of_the_field_are_read_like_the_field_test(bank, tmp_path):
    simulated = opened(bank, plan=bank[2] / "plan.parquet").contacts
    file = tmp_path / "results.csv"
    simulated[["customer_id", "arm", "contacted_on", "responded", "value"]].to_csv(
        file, index=False
    )
    campaign = opened(bank, plan=bank[2] / "plan.parquet", results=str(file))
    assert "results of the campaign in the field" in campaign.text
    effects = [intention_to_treat(contacts).table for contacts in (campaign.contacts, simulated)]
    pd.testing.assert_frame_equal(*effects)


def test_the_pilot_is_there_to_learn_from(bank):
    campaign = opened(bank, plan=bank[2] / "plan.parquet")
    assert campaign.training is not None
    assert set(campaign.training["campaign_id"]) == {"pilot"}


def test_covariates_are_those_of_the_day_before_the_contact(bank):
    study, engine, _ = bank
    campaign = opened(bank, plan=bank[2] / "plan.parquet")
    pilot = campaign.training.set_index("customer_id")
    holdings = collect(study.scan("holdings", engine), sort_by=["customer_id", "product_id"])
    customer = pilot.index[0]
    own, day = holdings[holdings["customer_id"] == customer], pilot.loc[customer, "contacted_on"]
    held = (own["opened_on"] < day) & (own["closed_on"].isna() | (own["closed_on"] >= day))
    assert pilot.loc[customer, "products_held"] == held.sum()


def test_without_a_plan_the_latest_randomised_campaign_is_read(bank):
    campaign = opened(bank)
    assert campaign.kind == "randomised"
    assert set(campaign.contacts["campaign_id"]) == {"pilot"}


def test_cells_that_cannot_hold_both_arms_are_left_out_and_counted(bank, tmp_path):
    plan = pd.read_parquet(bank[2] / "plan.parquet")
    plan.loc[0, ["cell", "arm", "propensity"]] = [99, "control", 0.3]
    plan.to_parquet(tmp_path / "plan.parquet")
    campaign = opened(bank, plan=tmp_path / "plan.parquet")
    assert 99 not in set(campaign.contacts["cell"])
    assert "1 customers of cells too small" in campaign.text


def test_a_plan_of_several_offers_a_customer_says_so(bank, tmp_path):
    plan = pd.read_parquet(bank[2] / "plan.parquet")
    again = plan.assign(product_id="life_insurance", cell=plan["cell"] + 50)
    pd.concat([plan, again]).to_parquet(tmp_path / "plan.parquet")
    campaign = opened(bank, plan=tmp_path / "plan.parquet")
    assert "6,000 offers went to 3,000 customers" in campaign.text
    assert len(campaign.contacts) == 6_000


def test_a_control_group_of_unknown_probability_shows_no_effect(bank, tmp_path):
    study, engine, folder = bank
    contacts = collect(study.scan("contacts", engine), sort_by=["customer_id"])
    contacts.assign(propensity=np.nan).to_parquet(tmp_path / "contacts.parquet")
    unknown = replace(study, tables={**study.tables, "contacts": tmp_path / "contacts.parquet"})
    campaign = opened((unknown, engine, folder))
    assert campaign.kind == "uncontrolled"
    assert "known probabilities" in campaign.text
    assert "control" not in set(campaign.contacts["arm"])


def test_an_empty_plan_is_no_campaign(bank, tmp_path):
    pd.read_parquet(bank[2] / "plan.parquet").head(0).to_parquet(tmp_path / "plan.parquet")
    campaign = opened(bank, plan=tmp_path / "plan.parquet")
    assert campaign.kind == "none"
    assert "contacts nobody" in campaign.text


def test_a_plan_without_control_shows_no_effect(bank, tmp_path):
    plan = pd.read_parquet(bank[2] / "plan.parquet").assign(arm="offer", propensity=1.0)
    plan.to_parquet(tmp_path / "plan.parquet")
    campaign = opened(bank, plan=tmp_path / "plan.parquet")
    assert campaign.kind == "uncontrolled"
    assert "kept no control group" in campaign.text


def test_an_unknown_attribute_of_the_time_before_is_refused(bank):
    campaign = opened(bank)
    with pytest.raises(StudyError, match="no such attribute"):
        campaign.before("turnover", 1.0)
