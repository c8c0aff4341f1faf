"""The miner against mlxtend on the run itself: equal, or the run stops."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from mlxtend.frequent_patterns import fpgrowth

from pmlib.association import Baskets, compare_with_mlxtend, frequent_itemsets
from pmlib.casebank.world import World
from pmlib.errors import StudyError
from pmlib.params import Parameters
from pmlib.truth.rules import draw_baskets

SETTINGS = Parameters(min_support=0.1, max_rule_length=6, seed=1)


def test_the_check_on_the_run_compares_itemsets_and_rules() -> None:
    rng = np.random.default_rng(6)
    table = pd.DataFrame(rng.random((500, 6)) < 0.4, columns=list("abcdef"))
    baskets = Baskets.from_table(table)
    found = compare_with_mlxtend(frequent_itemsets(baskets, min_support=0.1), baskets, SETTINGS)
    expected = fpgrowth(table, 0.1, use_colnames=True)
    # A set of k products gives k rules with one product as consequent.
    sizes = expected["itemsets"].map(len)
    assert found.table["number"].tolist() == [len(expected), sizes[sizes.between(2, 3)].sum()]
    assert found.facts == {"crosscheck_on": "all"}


def test_the_check_on_a_large_run_draws_a_sample() -> None:
    baskets = draw_baskets(World("default", 1), n_customers=100_000, seed=1)
    found = compare_with_mlxtend(
        frequent_itemsets(baskets, min_support=0.2, max_length=2), baskets,
        Parameters(min_support=0.2, max_rule_length=2, seed=1), max_customers=2_000,
    )  # fmt: skip
    assert found.facts == {"crosscheck_on": "sample"}
    drawn = [found.quotes[f"{which}_customers"].value for which in ("compared", "discovery")]
    assert drawn == [2_000, 100_000]
    assert found.table["number"].iloc[0] > 10


@pytest.mark.parametrize(
    ("column", "value"), [("customers", 7), ("itemset", ("a", "c"))], ids=["support", "itemset"]
)
def test_the_check_stops_a_run_where_the_libraries_differ(column: str, value: object) -> None:
    table = pd.DataFrame({"a": [True] * 8 + [False] * 2, "b": [True] * 5 + [False] * 5, "c": False})
    baskets = Baskets.from_table(table)
    found = frequent_itemsets(baskets, min_support=0.1)
    frame = found.frame.copy()
    frame[column] = [*frame[column][:2], value]
    frame["support"] = frame["customers"] / 10
    wrong = dataclasses.replace(found, frame=frame)
    with pytest.raises(StudyError, match=r"do not find the same[\s\S]*of 3 differ"):
        compare_with_mlxtend(wrong, baskets, SETTINGS)
