"""Rankings of later contacts, their gains and their profit."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pmlib.errors import StudyError
from pmlib.evaluation import gains_table, judge_over_time, profit_curve
from pmlib.evaluation.targeting import unjudged
from pmlib.numbers import Finding, Phrase


@pytest.fixture(scope="module")
def calls(raw: Callable[[str], Path]) -> pd.DataFrame:
    """The 41,188 calls of bank-marketing, in file order, which is the order of time."""
    outer = zipfile.ZipFile(raw("bank-marketing/bank+marketing.zip"))
    inner = zipfile.ZipFile(BytesIO(outer.read("bank-additional.zip")))
    with inner.open("bank-additional/bank-additional-full.csv") as file:
        rows = pd.read_csv(file, sep=";")
    rows["contacted_on"] = pd.Timestamp("2008-05-01") + pd.to_timedelta(rows.index, unit="s")
    return rows.assign(responded=rows["y"] == "yes")


def curve_of(gains: pd.DataFrame, *, cost: float) -> Finding:
    contacts = pd.DataFrame({"cost": [cost]})
    return profit_curve(Finding(tables={"gains": gains}), contacts, margin=50.0)


def test_gains_count_the_buyers_among_the_best():
    score = np.array([9.0, 8, 7, 6, 5, 4, 3, 2, 1, 0])
    bought = np.array([1, 1, 0, 0, 1, 0, 0, 0, 0, 0], dtype=bool)
    table = gains_table(score, bought, depths=np.array([0.2, 0.5, 1.0]))
    assert table["found"].tolist() == pytest.approx([2 / 3, 1, 1])
    assert table["lift"].tolist() == pytest.approx([10 / 3, 2, 1])


def test_gains_share_out_ties_evenly():
    table = gains_table(np.zeros(10), np.arange(10) < 4, depths=np.array([0.5]))
    assert table["found"].tolist() == pytest.approx([0.5])


def test_profit_curve_by_hand():
    bought = np.arange(10) < 4
    gains = gains_table(-np.arange(10.0), bought, depths=np.array([0.2])).assign(model="m")
    curve = curve_of(gains, cost=3.0).table
    assert curve["profit"].tolist() == pytest.approx([94.0])


def test_profit_of_calling_everybody_is_no_surer_than_their_response():
    gains = gains_table(-np.arange(100.0), np.arange(100) < 10).assign(model="m")
    found = curve_of(gains, cost=1.0)
    last = found.table.iloc[-1]
    # Wilson's interval of 10 in 100 is .0552 to .1744: times 50 less 1, for 100 customers.
    assert last[["profit_low", "profit_high"]].tolist() == pytest.approx([176, 772], abs=0.5)
    best = found.table.loc[found.table["profit"].idxmax(), "depth"]
    assert (best, found.numbers[0].value) == (0.1, 0.1)


def test_calling_everybody_may_earn_most():
    gains = gains_table(np.zeros(100), np.arange(100) < 10).assign(model="m")
    assert curve_of(gains, cost=1.0).facts["calling_pays"] == "everybody"


def test_without_a_margin_there_is_no_profit_to_show():
    assert profit_curve(Finding(), pd.DataFrame(), margin=None).absent == Phrase("absent.no_margin")


# methods.md section 8: trained on the first 70 %, logistic regression ranks the rest with AUC
# .667 (random folds .791); boosting .609 (random .804), here with settings of its own.
def test_bank_marketing_is_judged_on_later_calls(calls):
    features = [name for name in calls if name not in
                {"y", "duration", "responded", "contacted_on"}]  # fmt: skip
    result = judge_over_time(calls, features, seed=1, windows=0)
    assert result.facts == {"random_split": "flatters", "targeting_drift": "varied"}
    auc = result.table.set_index(["model", "split"])["auc"]
    assert auc["regression", "later"] == pytest.approx(0.667, abs=0.005)
    assert auc["regression", "random"] == pytest.approx(0.791, abs=0.015)
    assert auc["boosting", "later"] == pytest.approx(0.609, abs=0.02)
    assert auc["boosting", "random"] == pytest.approx(0.804, abs=0.015)
    assert result.of("drift")["response"].iloc[[0, -1]].round(3).tolist() == [0.028, 0.459]


def test_contacts_out_of_order_are_refused(campaign):
    contacts = campaign(100).assign(contacted_on=np.arange(100)[::-1])
    with pytest.raises(StudyError, match="order of time"):
        judge_over_time(contacts, ["age"], seed=1)


def test_targeting_without_an_attribute_known_before_is_refused(campaign):
    contacts = campaign(100).assign(contacted_on=np.arange(100))
    with pytest.raises(StudyError, match="known before the contact"):
        judge_over_time(contacts, [], seed=1)


@pytest.mark.parametrize(
    ("change", "features", "reason"),
    [
        ({}, ["age"], None),
        ({}, [], "no_feature"),
        ({"contacted_on": 1}, ["age"], "one_date"),
        ({"responded": False}, ["age"], "few_buyers"),
        ({"responded": np.arange(400) < 280}, ["age"], "few_buyers"),
    ],
)
def test_why_no_ranking_is_judged_over_time(change, features, reason):
    contacts = pd.DataFrame(
        {"contacted_on": np.arange(400), "responded": np.arange(400) % 3 == 0, "age": 1.0}
    )
    assert unjudged(contacts.assign(**change), features) == reason
    assert unjudged(contacts.head(0), features) == "no_outcome"
