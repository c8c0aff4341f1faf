"""What may be shown of a finding: counts of few people, and what would tell them, are hidden."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pmlib.numbers import Finding, Number, Phrase
from pmlib.safeguards import DOMINANT, all_hidden, carried_by_two, dominated, published
from pmlib.safeguards.published import COUNTS, hidden, told

WORDS = {
    "fewer": "fewer than {n}",
    "less": "less than {share} %",
    "more": "more than {share} %",
}


def campaigns(*responded: int, of: int = 500) -> pd.DataFrame:
    table = pd.DataFrame({"campaign": list("abcdefgh")[: len(responded)], "responded": responded})
    table["answered"] = table["contacts"] = of
    return table.assign(rate=table["responded"] / of, low=0.0, high=1.0, cost=100.0)


def test_few_responders_are_hidden_with_their_rate_and_the_contacts_stay():
    shown = hidden(campaigns(3, 4, 5, 60), 10)
    assert shown["responded"].isna().tolist() == [True, True, True, False]
    assert shown.loc[0, ["rate", "low", "high"]].isna().all()
    assert shown["contacts"].tolist() == [500] * 4
    assert shown["cost"].tolist() == [100.0] * 4


def test_one_hidden_count_of_responders_takes_the_next_smallest_with_it():
    assert hidden(campaigns(3, 60, 40, 50), 10)["responded"].isna().tolist() == [
        True, False, True, False
    ]  # fmt: skip


def test_few_who_did_not_respond_are_few_too():
    shown = hidden(campaigns(497, 200, 100), 10)
    assert shown["responded"].isna().tolist() == [True, False, True]


@pytest.mark.parametrize("column", sorted(COUNTS))
def test_no_column_of_counts_shows_few(column):
    table = pd.DataFrame({"segment": [1, 2, 3], column: [3, 40, 50], "table": "customers"})
    shown = hidden(table, 10)
    assert not shown[column].between(1, 9).any()
    assert shown["segment"].tolist() == [1, 2, 3]


def test_products_are_no_people_and_shares_no_counts():
    table = pd.DataFrame({"table": ["products", "customers"], "missing": [2, 2]})
    assert hidden(table, 10)["missing"].isna().tolist() == [False, True]
    curve = pd.DataFrame({"customers": [0.0, 0.5, 1.0], "value": [0.0, 0.2, 1.0]})
    assert hidden(curve, 10) is curve


def test_a_share_of_few_is_hidden():
    table = pd.DataFrame({"share_first": [0.99, 0.5], "customers": [200, 200], "low": 0.0})
    shown = hidden(table, 10)
    assert shown["share_first"].isna().tolist() == [True, False]
    assert shown["customers"].tolist() == [200, 200]
    responses = pd.DataFrame(
        {"outcome": ["responded", "profit"], "customers": 100, "mean": [0.03, 0.03],
         "customers_control": 100, "mean_control": [0.5, 0.5], "effect": [-0.47, -0.47]}
    )  # fmt: skip
    shown = hidden(responses, 10)
    assert shown["mean"].isna().tolist() == [True, False]
    assert shown["mean_control"].isna().tolist() == [True, False]  # else the effect would tell


def test_a_table_is_not_changed():
    table = campaigns(3, 60, 40)
    before = table.copy()
    hidden(table, 10)
    pd.testing.assert_frame_equal(table, before)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (Number("n", 3, "count", of=3), "fewer than 10"),
        (Number("n", 3, "customers"), "fewer than 10"),
        (Number("n", 30, "customers"), 30),
        (Number("n", 3, "count"), 3),  # of things
        (Number("n", 0, "customers"), 0),
        (Number("n", 0.006, "share", 0.0, 0.1, of=500), "less than 2 %"),
        (Number("n", 0.994, "share", 0.9, 1.0, of=500), "more than 98 %"),
        (Number("n", 0.5, "share", 0.4, 0.6, of=500), 0.5),
        (Number("n", 520.0, "currency", 1.0, 2.0, of=2), None),
        (Number("n", 520.0, "currency", 1.0, 2.0, of=20), 520.0),
    ],
)
def test_a_number_of_few_is_said_in_words_without_its_interval(number, said):
    found = told(number, 10, WORDS)
    assert found.value == said
    assert (said is None or isinstance(said, str)) == (found is not number)
    assert found is number or (found.low, found.high) == (None, None)


def test_what_offers_brought_does_not_tell_what_happened_without():
    numbers = (
        Number("response_offer", 0.042, "share", of=1_000),
        Number("response_control", 0.007, "share", of=400),
        Number("effect_responded", 0.035, "points"),
    )
    offer, control, effect = published(Finding(numbers=numbers), 10, WORDS).numbers
    assert (offer.value, control.value, effect.value) == ("less than 5 %", "less than 2.5 %", 0.035)


def test_money_that_rests_on_few_is_left_out():
    numbers = (Number("cost", 520.0, "currency", of=2), Number("open", None, "currency", of=2))
    assert [n.key for n in published(Finding(numbers=numbers), 10, WORDS).numbers] == ["open"]


def test_quotes_and_phrases_are_told_alike():
    few = Number("", 4, "customers")
    found = published(Finding(quotes={"a": [few], "b": Phrase("x", {"n": few}), "c": {"d": few}}),
                      10, WORDS)  # fmt: skip
    assert found.quotes["a"][0].value == "fewer than 10"
    assert found.quotes["b"].quotes["n"].value == "fewer than 10"
    assert found.quotes["c"]["d"].value == "fewer than 10"


def test_a_table_of_which_nothing_is_left():
    table = pd.DataFrame({"segment": [1, 2], "customers": [3, 4], "share": [0.4, 0.6]})
    assert all_hidden(table, hidden(table, 10))
    many = table.assign(customers=[3, 400])
    assert not all_hidden(many, hidden(many, 10))


def test_no_amount_that_two_carry_is_missed():
    """Against the two largest of each group themselves, over groups of every kind."""
    rng = np.random.default_rng(3)
    missed = told_of_many = 0
    for _ in range(2_000):
        each = rng.lognormal(0, rng.uniform(0, 3), rng.integers(3, 40))
        two = np.sort(each)[-2:].sum() / each.sum()
        if two > DOMINANT:
            missed += not dominated(each.sum(), (each**2).sum())
        elif two < 0.4:
            told_of_many += bool(dominated(each.sum(), (each**2).sum()))
        assert carried_by_two(pd.Series(each), pd.Series(np.arange(len(each)))) == (two > DOMINANT)
    assert missed == 0
    assert told_of_many == 0
