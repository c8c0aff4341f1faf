"""Itemsets: exact, and refused before they are too many."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlxtend.frequent_patterns import association_rules, fpgrowth

from pmlib.association import Baskets, closed_and_maximal, frequent_itemsets
from pmlib.association.rules import all_rules
from pmlib.errors import StudyError
from tests.association.examples import by_itemset, tables


@settings(max_examples=60)
@given(tables(), st.floats(0.05, 1), st.sampled_from([None, 1, 2, 3]))
def test_itemsets_are_those_of_fpgrowth(
    table: pd.DataFrame, share: float, max_length: int | None
) -> None:
    # Half way between two counts, where rounding cannot matter.
    min_support = (math.ceil(share * len(table)) - 0.5) / len(table)
    expected = fpgrowth(table, min_support, use_colnames=True, max_len=max_length)
    found = frequent_itemsets(
        Baskets.from_table(table),
        min_support=min_support,
        max_length=max_length,
        max_itemsets=10**6,
    )
    assert by_itemset(found.frame) == by_itemset(expected, "itemsets")


def test_more_products_than_fit_one_table_or_one_word() -> None:
    rng = np.random.default_rng(3)
    held = rng.random((400, 70)) < rng.uniform(0.02, 0.3, 70)
    table = pd.DataFrame(held, columns=[f"p{i}" for i in range(70)])
    found = frequent_itemsets(Baskets.from_table(table), min_support=0.0249)
    expected = fpgrowth(table, 0.0249, use_colnames=True)
    assert by_itemset(found.frame) == by_itemset(expected, "itemsets")


def test_an_itemset_exactly_on_the_threshold_is_frequent() -> None:
    # 0.07 * 100 is 7.000000000000001 in floating point.
    table = pd.DataFrame({"a": [True] * 7 + [False] * 93, "b": [True] * 7 + [False] * 93})
    found = frequent_itemsets(Baskets.from_table(table), min_support=0.07)
    assert by_itemset(found.frame)[frozenset("ab")] == 0.07


@settings(max_examples=30)
@given(tables(), st.floats(0.05, 1), st.sampled_from([None, 2]))
def test_closed_and_maximal_by_definition(
    table: pd.DataFrame, min_support: float, max_length: int | None
) -> None:
    baskets = Baskets.from_table(table)
    everything = by_itemset(
        frequent_itemsets(baskets, min_support=min_support, max_itemsets=10**6).frame
    )
    found = closed_and_maximal(
        frequent_itemsets(
            baskets, min_support=min_support, max_length=max_length, max_itemsets=10**6
        ),
        baskets,
    )
    for row in found.itertuples():
        above = [s for itemset, s in everything.items() if itemset > set(row.itemset)]
        assert row.maximal == (not above)
        assert row.closed == (row.support not in above)


def test_too_many_itemsets_are_refused_before_the_search() -> None:
    table = pd.DataFrame(np.ones((3, 60), dtype=bool), columns=[f"p{i}" for i in range(60)])
    with pytest.raises(StudyError, match=r"at least 1,152,921,504,606,846,975\n.*max_rule_length"):
        frequent_itemsets(Baskets.from_table(table), min_support=0.5)


def test_too_many_triples_are_foreseen_from_a_sample_of_pairs() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.random((2_000, 60)) < 0.5, columns=[f"p{i}" for i in range(60)])
    # Each of the 60 * 59 * 58 / 6 triples is held by an eighth of the customers.
    with pytest.raises(StudyError, match="about 34,220 of three products alone"):
        frequent_itemsets(
            Baskets.from_table(table), min_support=0.05, max_length=3, max_itemsets=30_000
        )


def test_too_many_itemsets_stop_the_search() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.random((2_000, 14)) < 0.5, columns=[f"p{i}" for i in range(14)])
    with pytest.raises(StudyError, match="more than 1,000"):
        frequent_itemsets(Baskets.from_table(table), min_support=0.002, max_itemsets=1_000)


@pytest.mark.parametrize("min_support", [0, -0.1, 1.01])
def test_support_out_of_range(min_support: float) -> None:
    baskets = Baskets.from_table(pd.DataFrame({"a": [True]}))
    with pytest.raises(StudyError, match="above 0, at most 1"):
        frequent_itemsets(baskets, min_support=min_support)


def test_coil2000_itemsets_and_rules(coil2000: pd.DataFrame) -> None:
    # Expected: pandas and mlxtend on the raw file.
    baskets = Baskets.from_table(coil2000)
    found = frequent_itemsets(baskets, min_support=0.01)
    assert len(baskets.customers) == 305
    assert len(found.frame) == 53
    expected = association_rules(
        fpgrowth(coil2000, 0.01, use_colnames=True), metric="confidence", min_threshold=0.3
    )
    assert len(expected) == 105
    rules = all_rules(found)
    strong = rules[rules["n_both"] / rules["n_antecedent"] >= 0.3]
    assert len(strong) == (expected["consequents"].map(len) == 1).sum()


def test_berka_itemsets(berka: Baskets) -> None:
    # Expected: pandas and mlxtend on the raw files.
    found = frequent_itemsets(berka, min_support=0.01)
    assert (len(berka.customers), len(found.frame)) == (96, 77)
    support = by_itemset(found.frame)
    expected = {
        "SIPO": 0.7478, "UVER": 0.1593, "POJISTNE": 0.1182, "LEASING": 0.0758, "OTHER": 0.2662,
        "loan": 0.1516, "classic": 0.1464, "junior": 0.0322, "gold": 0.0196, "second_user": 0.1931,
    }  # fmt: skip
    assert {k: round(support[frozenset({k})], 4) for k in expected} == pytest.approx(
        expected, abs=1.1e-4
    )
