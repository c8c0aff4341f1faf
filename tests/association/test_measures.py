"""Measures of rules: those of mlxtend, of published data and of their definitions."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mlxtend.frequent_patterns import association_rules, fpgrowth

from pmlib.association import Baskets, frequent_itemsets, measures
from pmlib.association.rules import all_rules
from tests.association.examples import tables


@settings(max_examples=30)
@given(tables(), st.floats(0.05, 0.6))
def test_measures_are_those_of_mlxtend(table: pd.DataFrame, min_support: float) -> None:
    itemsets = fpgrowth(table, min_support, use_colnames=True, max_len=3)
    assume(itemsets["itemsets"].map(len).max() > 1)
    with warnings.catch_warnings():
        # mlxtend divides by zero in its measure "certainty", which is not compared here.
        warnings.simplefilter("ignore", RuntimeWarning)
        expected = association_rules(itemsets, metric="support", min_threshold=0)
    expected = expected[expected["consequents"].map(len) == 1]
    keys = list(zip(expected["antecedents"], expected["consequents"].map(min), strict=True))
    rules = all_rules(
        frequent_itemsets(Baskets.from_table(table), min_support=min_support, max_length=3)
    )
    found = measures(rules)
    found.index = pd.Index(
        [(frozenset(X), y) for X, y in zip(rules["antecedent"], rules["consequent"], strict=True)],
        tupleize_cols=False,
    )
    assert set(keys) == set(found.index)
    found = found.loc[keys]
    for ours, theirs in {"zhang": "zhangs_metric"}.items() | {
        (n, n)
        for n in (
            "support",
            "confidence",
            "lift",
            "leverage",
            "conviction",
            "jaccard",
            "kulczynski",
        )
    }:
        np.testing.assert_allclose(found[ours], expected[theirs], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("antecedent", "consequent", "n_both", "measure", "value"),
    [
        ("fire", "third_party", 2089, "support", 0.358811),
        ("fire", "third_party", 2089, "confidence", 0.661914),
        ("fire", "third_party", 2089, "lift", 1.646864),
        ("tractor", "third_party_farm", 74, "confidence", 0.517483),
        ("tractor", "third_party_farm", 74, "lift", 25.106527),
        ("car", "caravan", 276, "confidence", 0.092711),
        ("car", "caravan", 276, "lift", 1.551041),
    ],
)
def test_coil2000_known_rules(
    coil2000: pd.DataFrame,
    antecedent: str,
    consequent: str,
    n_both: int,
    measure: str,
    value: float,
) -> None:
    baskets = Baskets.from_table(coil2000)
    sets = [(antecedent,), (consequent,), (antecedent, consequent)]
    counts = dict(zip(("n_antecedent", "n_consequent", "n_both"), baskets.count(sets), strict=True))
    assert counts["n_both"] == n_both
    row = measures(pd.DataFrame([{"n": baskets.total, **counts}])).iloc[0]
    assert row[measure] == pytest.approx(value, abs=5e-7)


def counts(n: int, n_antecedent: int, n_consequent: int, n_both: int) -> pd.DataFrame:
    return pd.DataFrame(
        [[n, n_antecedent, n_consequent, n_both]],
        columns=["n", "n_antecedent", "n_consequent", "n_both"],
    )


def test_hyper_measures_from_the_definition() -> None:
    # Hypergeometric probabilities summed by hand: N = 10, K = 4, n = 5.
    total = math.comb(10, 5)
    p = [math.comb(4, c) * math.comb(6, 5 - c) / total for c in range(5)]
    row = measures(counts(10, 5, 4, 4)).iloc[0]
    assert row["hyper_confidence"] == pytest.approx(sum(p[:4]))
    quantile = next(c for c in range(5) if sum(p[: c + 1]) >= 0.99)
    assert row["hyper_lift"] == pytest.approx(4 / quantile)


def test_imbalance_ratio() -> None:
    # Han, Kamber & Pei: |s(X) - s(y)| / (s(X) + s(y) - s(Xy)) = 10 / 38.
    assert measures(counts(100, 20, 30, 12)).iloc[0]["imbalance_ratio"] == pytest.approx(10 / 38)


def test_lift_interval_covers() -> None:
    rng = np.random.default_rng(11)
    cells = rng.multinomial(2_000, [0.09, 0.21, 0.11, 0.59], size=4_000)
    both, only_x, only_y, _ = cells.T
    frame = pd.DataFrame(
        {"n": 2_000, "n_antecedent": both + only_x, "n_consequent": both + only_y, "n_both": both}
    )
    found = measures(frame)
    truth = 0.09 / (0.30 * 0.20)
    covered = ((found["lift_low"] <= truth) & (truth <= found["lift_high"])).mean()
    # Binomial error of 4,000 draws is 0.35 points.
    assert 0.94 < covered < 0.96
