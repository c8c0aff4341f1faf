"""The checks before any reading: sample ratio, balance, completeness; what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pmlib.evaluation import check_campaign
from pmlib.evaluation.checks import expected_shares, unreadable
from pmlib.numbers import Phrase
from pmlib.texts import open_language
from tests.findings import known


def test_hillstrom_arms_are_as_drawn(hillstrom):
    checks = check_campaign(hillstrom, covariates=["recency", "history", "channel_before"])
    assert checks.facts["campaign_checks"] == "passed"
    assert checks.table.set_index("arm")["customers"].to_dict() == {
        "control": 21_306, "mens": 21_307, "womens": 21_387,
    }  # fmt: skip


def test_expected_shares_allow_for_drawn_channels_and_products():
    # Half the customers may be offered 1 product, half 4; three channels are drawn: the control's
    # share is 0.3 although its rows' propensity is above a third of an offer row's.
    rng = np.random.default_rng(2)
    n = 20_000
    products, offered = rng.choice([1, 4], n), rng.random(n) < 0.7
    contacts = pd.DataFrame(
        {
            "arm": np.where(offered, "offer", "control"),
            "channel": np.where(offered, rng.choice(["email", "letter", "phone"], n), None),
            "propensity": np.where(offered, 0.7 / 3, 0.3) / products,
        }
    )
    assert expected_shares(contacts)["control"] == pytest.approx(0.3, abs=0.01)


def test_lost_customers_stop_the_reading(campaign):
    contacts = campaign(20_000)
    lost = contacts.index[(contacts["arm"] == "control")][:600]
    checks = check_campaign(contacts.drop(lost))
    assert checks.facts["campaign_checks"] == "stopped"
    assert checks.facts["sample_ratio"] == "mismatch"


def test_propensities_that_are_not_those_of_the_arms_stop_the_reading(campaign):
    checks = check_campaign(campaign(20_000).assign(propensity=0.5))
    assert checks.facts["campaign_checks"] == "stopped"
    assert checks.facts["sample_ratio"] == "mismatch"


def test_a_customer_counted_twice_makes_no_check_stricter(campaign):
    contacts = campaign(2_000).assign(product_id="card")
    # One arm a little larger than drawn, so that the p-value is neither 0 nor 1.
    contacts = contacts[contacts.index > 60]
    again = pd.concat([contacts, contacts.assign(product_id="loan")], ignore_index=True)
    once, twice = (check_campaign(c, covariates=["age"]).numbers for c in (contacts, again))
    for a, b in zip(once, twice, strict=True):
        assert a.value == pytest.approx(b.value, rel=1e-2)


def test_outcomes_missing_in_one_arm_stop_the_reading(campaign):
    contacts = campaign(20_000).astype({"responded": object})
    contacts.loc[contacts.index[contacts["arm"] == "offer"][:500], "responded"] = None
    checks = check_campaign(contacts)
    assert checks.facts["campaign_checks"] == "stopped"
    assert checks.facts["outcomes_known"] == "unlike"


def test_imbalance_is_measured_in_standard_deviations(campaign):
    contacts = campaign(20_000)
    contacts["old"] = np.where(
        contacts["arm"] == "offer", contacts.index % 2, contacts.index % 4 // 3
    )
    checks = check_campaign(contacts, covariates=["old"])
    # Shares 1/2 and 1/4: gap 0.25 over the pooled deviation sqrt((0.25 + 0.1875) / 2).
    assert abs(checks.of("balance")["difference"].iloc[0]) == pytest.approx(0.5345, abs=0.03)


def test_balance_test_keeps_its_level(campaign):
    p = [
        check_campaign(campaign(300, seed=seed), covariates=["age"]).numbers[2].value
        for seed in range(60)
    ]
    # 60 campaigns drawn fairly: more than 9 below 0.05 happen once in 1,000 runs.
    assert sum(value < 0.05 for value in p) <= 9


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"responded": None}, "no_outcome"),
        ({"responded": True}, "same_outcome"),
        ({"responded": False}, "same_outcome"),
        ({"propensity": 1.0}, "not_drawn"),
        ({"propensity": np.nan}, "not_drawn"),
    ],
)
def test_why_a_campaign_cannot_be_read(change, reason, campaign):
    assert unreadable(campaign(200)) is None
    assert unreadable(campaign(200).assign(**change)).block == f"absent.{reason}"


def test_an_arm_without_any_outcome_is_named(campaign):
    contacts = campaign(200).astype({"responded": object})
    contacts.loc[contacts["arm"] == "control", "responded"] = None
    reason = unreadable(contacts)
    assert reason == Phrase("absent.untold_arm", {"arms": ["control"], "section": ""})
    text = open_language("en").render("campaign_evaluation", reason.block, reason.quotes)
    assert text.startswith("Of nobody in the arm control is the outcome known")


def test_sizes_that_could_be_no_other_are_no_evidence(campaign):
    contacts = campaign(20_000)
    checks = check_campaign(contacts)
    assert checks.facts["sample_ratio"] == "as_drawn"
    # Drawn in exact numbers cell by cell, or with probabilities counted from the arms.
    counted = contacts.groupby("arm")["arm"].transform("size") / len(contacts)
    for fixed in (contacts.assign(cell=1), contacts.assign(propensity=counted)):
        checks = check_campaign(fixed)
        assert checks.facts["sample_ratio"] == "fixed"
        text = open_language("en").render(
            "campaign_evaluation", "checks", known(checks), plain=True
        )
        assert "could not fail" in text
    lost = contacts.index[(contacts["arm"] == "control")][:600]
    assert check_campaign(contacts.assign(cell=1).drop(lost)).facts["sample_ratio"] == "mismatch"
