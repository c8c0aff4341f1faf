"""The course of the response, against cases counted by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency

from pmlib import profiling
from pmlib.studies import Attribute


def test_repetition_is_compared_within_campaigns(lazy, campaign):
    # Simpson's trap: within each campaign repetition changes nothing, pooled it seems to.
    first = campaign("a", "2024-01-01", 400, 40)
    second = campaign("b", "2024-06-01", 800, 0, cost=1.0)
    second["responded"] = [i % 2 == 0 for i in range(800)]
    result = profiling.repeated_contacts({"contacts": lazy(pd.concat([first, second]))})
    rows = result.table.set_index(["series", "contact"])
    assert rows["contacts"].to_dict() == {("a", 1): 400, ("b", 1): 400, ("b", 2): 400}
    assert result.numbers[0].value == pytest.approx(0)
    assert result.numbers[0].low < 0 < result.numbers[0].high
    assert result.facts == {"repetition": "open"}


def test_counted_contacts_stand_in_for_repetition(lazy, ids, campaign):
    customers = pd.DataFrame({"customer_id": ids(300), "calls": [1, 2, 9] * 100})
    past = campaign("a", "2024-01-01", 300, 0)
    past["responded"] = [i % 3 == 0 for i in range(300)]
    result = profiling.repeated_contacts(
        {"contacts": lazy(past), "customers": lazy(customers)},
        attributes={"calls": Attribute("Calls", "calls"), "age": Attribute("Age", "years")},
        most=5,
    )
    assert result.table["contact"].tolist() == [1, 2, 5]
    assert result.table["open_end"].tolist() == [False, False, True]
    assert result.numbers[0].value == pytest.approx(-1)
    assert result.numbers[0].key == "repetition_change_calls"
    assert result.facts == {"repetition": "counted", "repetition_calls": "below"}
    assert result.table["series"].unique().tolist() == ["Calls"]


def test_differences_count_the_contacts_that_are_not_shown(lazy, ids, campaign):
    customers = pd.DataFrame({"customer_id": ids(300), "calls": [1] * 280 + [2] * 15 + [3] * 5})
    past = campaign("a", "2024-01-01", 300, 0)
    past["responded"] = [i >= 280 for i in range(300)]
    result = profiling.repeated_contacts(
        {"contacts": lazy(past), "customers": lazy(customers)},
        attributes={"calls": Attribute("Calls", "calls")},
    )
    assert result.table["suppressed"].any()
    assert result.numbers[0].value == pytest.approx(1)


def test_nobody_contacted_twice_is_said(lazy, campaign):
    result = profiling.repeated_contacts({"contacts": lazy(campaign("a", "2024-01-01", 30, 3))})
    assert result.table.empty
    assert result.facts == {"repetition": "once"}


def test_tenths_are_the_ordered_contacts_cut_into_ten(lazy, campaign):
    rng = np.random.default_rng(5)
    n = 1003
    past = campaign("a", "2024-01-01", n, 0)
    past["contacted_on"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 9, n), "D")
    past["responded"] = rng.random(n) < 0.3
    table = profiling.response_drift({"contacts": lazy(past)}).table
    ordered = past.sort_values(["contacted_on", "customer_id"])["responded"].to_numpy()
    position = np.floor(np.arange(n) * 10 / n).astype(int)
    expected = [ordered[position == part].mean() for part in range(10)]
    np.testing.assert_allclose(table["rate"], expected)


def test_a_single_day_has_no_course(lazy, campaign):
    result = profiling.response_drift({"contacts": lazy(campaign("a", "2024-01-01", 200, 9))})
    assert result.table.empty
    assert result.facts == {"response_course": "one_day"}


@pytest.mark.parametrize(("took", "course"), [(range(50), "fell"), (range(50, 100), "rose"),
                                              (range(0, 100, 2), "level"),
                                              (range(25, 75), "varied")])  # fmt: skip
def test_the_direction_is_that_of_the_last_tenth_against_the_first(lazy, took, course, campaign):
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(400) // 4, "D")
    responded = [day in took for day in np.arange(400) // 4]
    past = campaign("a", "2024-01-01", 400, 0, contacted_on=days, responded=responded)
    result = profiling.response_drift({"contacts": lazy(past)})
    assert result.facts == {"response_course": course, "course_over": "one_campaign"}


def test_a_response_that_falls_and_comes_back_has_changed(lazy, campaign):
    # Ten days of 400 contacts; from the third to the eighth day the letter sells a fifth as much.
    took = [20, 20, 4, 4, 4, 4, 4, 4, 20, 20]
    days = np.repeat(pd.date_range("2024-01-01", periods=10), 400)
    responded = np.concatenate([np.arange(400) < n for n in took])
    past = campaign("a", "2024-01-01", 4_000, 0, contacted_on=days, responded=responded)
    result = profiling.response_drift({"contacts": lazy(past)})
    assert result.facts["response_course"] == "varied"
    numbers = {number.key: number.value for number in result.numbers}
    assert numbers["response_change"] == 0
    table = np.array([took, [400 - n for n in took]])
    assert numbers["response_course_p"] == pytest.approx(chi2_contingency(table).pvalue, rel=1e-6)
    assert [result.quotes[end].value for end in ("least", "most")] == [0.01, 0.05]
