"""The promise of a plan beside what its campaign brought."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from pmlib.evaluation import intention_to_treat, promise_kept
from pmlib.evaluation.campaign import Campaign
from pmlib.texts import open_language
from tests.findings import known


def held_to(contacts: pd.DataFrame, promised: float, half: float, **more: float) -> Campaign:
    """A campaign of a plan that promised so much in total, and half of it for each product."""
    offers = int((contacts["arm"] != "control").sum())
    rows = [
        ("total", "", "", 1.0),
        ("product", "card", "Card", 0.5),
        ("product", "loan", "Loan", 0.5),
    ]
    promise = pd.DataFrame(
        [(by, key, name, round(part * offers), part * promised) for by, key, name, part in rows],
        columns=["by", "key", "name", "contacts", "promised"],
    )
    low, high = promise["promised"] - half, promise["promised"] + half
    promise = promise.assign(promised_low=low, promised_high=high, **more)
    return Campaign(contacts=contacts, covariates={}, promise=promise)


@pytest.fixture
def contacts(campaign):
    rows = campaign(20_000)
    product = np.where(np.arange(len(rows)) % 2, "card", "loan")
    day = pd.Timestamp("2025-06-01")
    return rows.assign(product_id=product, contacted_on=day)


def measured(contacts: pd.DataFrame) -> tuple[float, float, float]:
    total = intention_to_treat(contacts).of("totals").iloc[0]
    names = ("incremental_profit", "incremental_profit_low", "incremental_profit_high")
    return tuple(float(total[name]) for name in names)


@pytest.mark.parametrize(("share", "verdict"), [(1.0, "kept"), (0.2, "above"), (5.0, "below")])
def test_a_promise_is_judged_by_the_difference_with_both_errors(contacts, share, verdict):
    profit, low, high = measured(contacts)
    assert low > 0.6 * profit  # a campaign that tells
    half = 0.1 * profit
    found = promise_kept(held_to(contacts, share * profit, half), contacts)
    assert found.facts == {"promise_kept": verdict}
    row = found.table.iloc[0]
    # The ends, by hand: distances squared and added.
    gap = profit - share * profit
    assert row["difference"] == pytest.approx(gap)
    assert row["low"] == pytest.approx(gap - np.hypot(profit - low, half))
    assert row["high"] == pytest.approx(gap + np.hypot(high - profit, half))
    of_card = contacts[contacts["product_id"] == "card"]
    effect = intention_to_treat(of_card).table.set_index("outcome").loc["profit", "effect"]
    card = found.table.set_index("key").loc["card"]
    assert card["measured"] == pytest.approx(effect * card["contacts"])


def test_a_promise_that_could_be_missed_by_half_is_open(contacts):
    profit, *_ = measured(contacts)
    found = promise_kept(held_to(contacts, profit, profit), contacts)
    assert found.facts == {"promise_kept": "open"}


def test_the_reader_is_told_who_rests_until_when(contacts):
    profit, *_ = measured(contacts)
    found = promise_kept(held_to(contacts, profit, 0.1 * profit), contacts, cool_down=90)
    assert found.quotes["until"] == dt.date(2025, 8, 30)
    assert found.quotes["contacted"].value == (contacts["arm"] != "control").sum()
    text = open_language("en").render(
        "campaign_evaluation", "promise-kept", known(found), plain=True
    )
    assert "The promise was kept" in text
    assert "rest for 90 days" in " ".join(text.split())


def test_an_assumed_promise_has_no_error_of_its_own(contacts):
    profit, low, _ = measured(contacts)
    assumed = held_to(contacts, profit, np.nan)
    found = promise_kept(assumed, contacts)
    assert found.table["low"].iloc[0] == pytest.approx(low - profit)
    assert not found.quotes["promised"].low


def test_without_a_plan_or_a_profit_there_is_nothing_to_hold_to(contacts):
    plain = Campaign(contacts=contacts, covariates={})
    assert promise_kept(plain, contacts).absent.block == "absent.nothing_promised"
    campaign = held_to(contacts, 1.0, 0.1)
    unpaid = contacts.assign(value=np.nan)
    assert promise_kept(campaign, unpaid).absent.block == "absent.no_profit_known"


def test_a_promise_of_too_few_contacts_to_show_is_absent(contacts):
    campaign = held_to(contacts, float("nan"), 1.0)  # as a small plan is suppressed
    assert promise_kept(campaign, contacts).absent.block == "absent.promise_hidden"
