"""Itemsets, measures, held-out rules and rules by segment."""

from __future__ import annotations

import dataclasses
import math
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mlxtend.frequent_patterns import association_rules, fpgrowth
from scipy.stats import fisher_exact
from statsmodels.stats.contingency_tables import StratifiedTable
from statsmodels.stats.multitest import multipletests

from pmlib.association import (
    Baskets,
    closed_and_maximal,
    compare_with_mlxtend,
    find_rules,
    frequent_itemsets,
    measures,
    product_pairs,
    rule_sentences,
    rules_by_segment,
)
from pmlib.association.rules import all_rules, candidate_rules, fisher_p_values
from pmlib.casebank.world import World
from pmlib.errors import StudyError
from pmlib.truth.rules import draw_baskets

SETTINGS = {"min_support": 0.01, "min_confidence": 0.1, "max_rule_length": 3}


def by_itemset(frame: pd.DataFrame, itemsets: str = "itemset") -> dict[frozenset[str], float]:
    return {frozenset(i): s for i, s in zip(frame[itemsets], frame["support"], strict=True)}


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """Random purchases, with copied columns and rows so that ties and closed sets occur."""
    n, m = draw(st.integers(1, 60)), draw(st.integers(1, 18))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    held = rng.random((n, m)) < rng.beta(0.6, 0.8, m)
    if m > 1 and draw(st.booleans()):
        held[:, rng.integers(m)] = held[:, rng.integers(m)]
    return pd.DataFrame(held, columns=[f"p{i}" for i in range(m)])


# --- itemsets -----------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, derandomize=True)
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


@settings(max_examples=30, deadline=None, derandomize=True)
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
        find_rules(baskets, **{**SETTINGS, "min_support": min_support})


def test_the_check_on_the_run_compares_itemsets_and_rules() -> None:
    rng = np.random.default_rng(6)
    table = pd.DataFrame(rng.random((500, 6)) < 0.4, columns=list("abcdef"))
    baskets = Baskets.from_table(table)
    found = compare_with_mlxtend(
        frequent_itemsets(baskets, min_support=0.1), baskets, min_support=0.1, seed=1
    )
    expected = fpgrowth(table, 0.1, use_colnames=True)
    # A set of k products gives k rules with one product as consequent.
    sizes = expected["itemsets"].map(len)
    assert found.table["number"].tolist() == [len(expected), sizes[sizes.between(2, 3)].sum()]
    assert "the 500 customers of the discovery half the library mlxtend" in found.text


def test_the_check_on_a_large_run_draws_a_sample() -> None:
    baskets = draw_baskets(World("default", 1), n_customers=100_000, seed=1)
    found = compare_with_mlxtend(
        frequent_itemsets(baskets, min_support=0.2, max_length=2), baskets, min_support=0.2,
        max_length=2, seed=1, max_customers=2_000,
    )  # fmt: skip
    assert "a sample of 2,000 of the 100,000 customers" in found.text
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
        compare_with_mlxtend(wrong, baskets, min_support=0.1, seed=1)


# --- published and real data --------------------------------------------------------------------


@pytest.fixture(scope="module")
def coil2000(raw: Callable[[str], Path]) -> pd.DataFrame:
    # Columns 65 to 85 count policies, 86 is the caravan policy.
    counts = pd.read_csv(raw("coil2000/ticdata2000.txt"), sep="\t", header=None).iloc[:, 64:86]
    names = [
        "third_party", "third_party_firm", "third_party_farm", "car", "van", "motorcycle", "lorry",
        "trailer", "tractor", "machine", "moped", "life", "accident", "family", "disability",
        "fire", "surfboard", "boat", "bicycle", "property", "social", "caravan",
    ]  # fmt: skip
    return (counts > 0).set_axis(names, axis=1)


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


@pytest.fixture(scope="module")
def berka(raw: Callable[[str], Path]) -> Baskets:
    folder = raw("berka")

    def read(name: str) -> pd.DataFrame:
        return pd.read_csv(folder / f"{name}.asc", sep=";", low_memory=False)

    account, order, loan, card, disp = map(read, ("account", "order", "loan", "card", "disp"))
    kind = order["k_symbol"].str.strip().fillna("").replace("", "OTHER")
    cards = card.merge(disp, on="disp_id", suffixes=("", "_disp"))
    users = disp.loc[disp["type"] == "DISPONENT", "account_id"]
    held = {
        **{name: order.loc[kind == name, "account_id"] for name in sorted(kind.unique())},
        "loan": loan["account_id"],
        **{t: cards.loc[cards["type"] == t, "account_id"] for t in sorted(card["type"].unique())},
        "second_user": users,
    }
    table = {name: account["account_id"].isin(ids) for name, ids in held.items()}
    return Baskets.from_table(pd.DataFrame(table))


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


def test_berka_associations_are_weak(berka: Baskets) -> None:
    rng = np.random.default_rng(1)
    tested = rng.binomial(berka.customers, 0.5)
    halves = Baskets(
        berka.products,
        np.tile(berka.held, (2, 1)),
        np.concatenate([berka.customers - tested, tested]),
        np.tile(berka.segment, 2),
        np.repeat([False, True], len(tested)),
    )
    structural = (
        ("loan", "UVER"), ("POJISTNE", "OTHER"), ("POJISTNE", "SIPO"), ("OTHER", "SIPO"),
    )  # fmt: skip
    findings = find_rules(halves, structural_pairs=structural, **SETTINGS)
    assert "associations are weak" in findings.text({p: p for p in halves.products})
    assert len(findings.candidates.structural) == 8
    # Both directions of a rule are one set, and a loan is one with the order that pays it.
    sets = {
        frozenset("loan" if p == "UVER" else p for p in (*rule.antecedent, rule.consequent))
        for rule in findings.surviving.itertuples()
    }
    assert len(findings.leading(99)) == len(sets) < len(findings.surviving) / 2


# --- measures -----------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None, derandomize=True)
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


# --- rules --------------------------------------------------------------------------------------


def test_fisher_p_value_is_the_largest_of_all_that_must_be_rejected() -> None:
    rng = np.random.default_rng(2)
    table = pd.DataFrame(rng.random((300, 2)) < 0.5, columns=["a", "b"])
    table["y"] = rng.random(300) < 0.2 + 0.2 * table["a"] + 0.25 * (table["a"] & table["b"])
    counted = frequent_itemsets(Baskets.from_table(table), min_support=0.001).counts
    rule = pd.DataFrame({"antecedent": [("a", "b")], "consequent": ["y"]})

    def fisher(frame: pd.DataFrame, x: pd.Series) -> float:
        return fisher_exact(pd.crosstab(x, frame["y"]), alternative="greater").pvalue

    holders_a, holders_b = table[table["a"]], table[table["b"]]
    expected = max(
        fisher(table, table["a"] & table["b"]),
        fisher(holders_a, holders_a["b"]),
        fisher(holders_b, holders_b["a"]),
    )
    assert fisher_p_values(rule, counted)[0] == pytest.approx(expected)


def test_unproductive_and_redundant_rules_are_not_tested() -> None:
    rng = np.random.default_rng(5)
    table = pd.DataFrame({"a": rng.random(2_000) < 0.5, "noise": rng.random(2_000) < 0.5})
    table["y"] = table["a"] & (rng.random(2_000) < 0.7)
    table["copy"] = table["a"]
    found = candidate_rules(
        frequent_itemsets(Baskets.from_table(table), min_support=0.01), min_confidence=0.0
    )
    assert ("a",) in set(found.frame.loc[found.frame["consequent"] == "y", "antecedent"])
    assert all(len(X) == 1 for X in found.frame["antecedent"])


def test_structural_pairs_are_left_out_in_both_directions_and_through_others() -> None:
    table = pd.DataFrame(
        {"a": [1, 1, 0, 0, 0], "b": [1, 1, 1, 0, 0], "c": [1, 1, 1, 1, 0]}, dtype=bool
    )
    itemsets = frequent_itemsets(Baskets.from_table(table), min_support=0.2)
    found = candidate_rules(itemsets, min_confidence=0.0, structural_pairs=[("a", "b"), ("b", "c")])
    assert found.frame.empty
    assert len(found.structural) == 6


def test_a_structural_pair_of_an_unknown_product() -> None:
    baskets = Baskets.from_table(pd.DataFrame({"loan": [True]}))
    with pytest.raises(StudyError, match=r"unknown product.*\n.*'lone'\]"):
        find_rules(baskets, structural_pairs=[("loan", "lone")], **SETTINGS)


def split(table: pd.DataFrame, *, segment: np.ndarray | None = None) -> Baskets:
    halves = np.random.default_rng(9).random(len(table)) < 0.5
    return Baskets.from_table(table, segment=segment, holdout=halves)


HALF = pd.DataFrame({"a": [True, False] * 500, "b": [False, True] * 500})
ALL, NONE = (
    pd.DataFrame(held, columns=list("abc"))
    for held in (np.ones((1000, 3), dtype=bool), np.zeros((1000, 3), dtype=bool))
)


@pytest.mark.parametrize(
    ("table", "min_support", "said"),
    [
        (HALF[["a"]], 0.01, r"no two products are held together .* largest support .* is [45]\d"),
        (HALF, 0.01, "no two products are held together"),
        (HALF, 0.9, r"no product is held by 90.0.% .* largest support seen is 5\d\.\d.%"),
        (ALL, 0.01, "held together by up to 100.0.% of customers, but no rule is strong"),
        (NONE, 0.01, "no product is held .* largest support seen is 0.0.%"),
    ],
    ids=["one product", "nothing together", "support too high", "all hold all", "no holdings"],
)
def test_nothing_to_find_is_a_stated_result(
    table: pd.DataFrame, min_support: float, said: str
) -> None:
    baskets = split(table)
    findings = find_rules(baskets, **{**SETTINGS, "min_support": min_support})
    assert re.search(said, findings.text({}))
    assert findings.rules.empty
    assert {"antecedent", "consequent", "p_adjusted", "survives", "within"} <= set(findings.rules)
    numbers = {number.key: number.value for number in findings.numbers}
    assert numbers["n_rules_tested"] == 0
    assert numbers["largest_product_support"] == findings.itemsets.largest_support
    assert "no ground to prefer one product" in findings.meaning
    found = findings.itemsets, baskets.part(holdout=False)
    compared = compare_with_mlxtend(*found, min_support=min_support, max_length=3, seed=1)
    assert compared.table["number"].iloc[1] <= 9


def test_rules_of_independent_products_do_not_survive() -> None:
    rng = np.random.default_rng(4)
    table = pd.DataFrame(rng.random((4_000, 8)) < 0.3, columns=list("abcdefgh"))
    assert find_rules(split(table), **SETTINGS).surviving.empty


@pytest.mark.parametrize(("correction", "method"), [("holm", "holm"), ("bh", "fdr_bh")])
def test_corrections_are_those_of_statsmodels(
    two_segments: Baskets, correction: Literal["holm", "bh"], method: str
) -> None:
    rules = find_rules(two_segments, correction=correction, **SETTINGS).rules
    survives, adjusted, *_ = multipletests(rules["p_value"], alpha=0.05, method=method)
    np.testing.assert_allclose(rules["p_adjusted"], adjusted, rtol=1e-12)
    assert rules["survives"].tolist() == survives.tolist()
    assert 0 < survives.sum() < len(survives)


# --- segments -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_segments() -> Baskets:
    """a and b go together only through the segments; c → d holds in both; e → f in the second."""
    rng = np.random.default_rng(8)
    n = 12_000
    second = np.arange(n) % 2 == 1
    table = pd.DataFrame({p: rng.random(n) < np.where(second, 0.6, 0.2) for p in "ab"})
    table["c"] = rng.random(n) < 0.4
    table["d"] = rng.random(n) < 0.2 + 0.3 * table["c"]
    table["e"] = rng.random(n) < 0.4
    table["f"] = rng.random(n) < 0.2 + 0.4 * (table["e"] & second)
    return split(table, segment=1 + second)


@pytest.mark.parametrize(
    ("antecedent", "consequent", "within"),
    [
        ("a", "b", "restates_segments"),
        ("c", "d", "holds_within"),
        ("e", "f", "differs_between_segments"),
    ],
)
def test_what_rules_add_to_segments(
    two_segments: Baskets, antecedent: str, consequent: str, within: str
) -> None:
    rules = find_rules(two_segments, **SETTINGS).surviving
    row = rules[(rules["antecedent"] == (antecedent,)) & (rules["consequent"] == consequent)]
    assert row["within"].tolist() == [within]


@pytest.mark.parametrize(("factor", "within"), [(1, "undecided"), (20, "restates_segments")])
def test_a_rule_restates_the_segments_where_less_than_half_is_surely_left(
    factor: int, within: str
) -> None:
    # No association within segments, overall (68 / 32)^2 = 4.5, of which half is 2.1 (square root).
    # The common odds ratio is 1 with a standard error of 0.44 (log): up to 2.4; or of 0.10: 1.2.
    holds = [(True, True), (True, False), (False, True), (False, False)]
    baskets = Baskets(
        products=("x", "y"),
        held=np.array(2 * holds),
        customers=factor * np.array([64, 16, 16, 4, 4, 16, 16, 64]),
        segment=np.repeat([1, 2], 4),
        holdout=np.ones(8, dtype=bool),
    )
    rule = pd.DataFrame({"antecedent": [("x",)], "consequent": ["y"]})
    row = rules_by_segment(rule, baskets).common.iloc[0]
    assert (row["odds_ratio"], row["within"]) == (pytest.approx(4.515625), within)


def test_common_odds_ratio_is_that_of_statsmodels(two_segments: Baskets) -> None:
    rule = pd.DataFrame({"antecedent": [("c",)], "consequent": ["d"]})
    found = rules_by_segment(rule, two_segments).common.iloc[0]
    cells = []
    for s in two_segments.segments:
        part = two_segments.part(segment=s)
        n_x, n_y, n_xy = part.count([("c",), ("d",), ("c", "d")])
        cells.append([[n_xy, n_x - n_xy], [n_y - n_xy, part.total - n_x - n_y + n_xy]])
    expected = StratifiedTable([np.array(c) for c in cells])
    assert found["common_odds_ratio"] == pytest.approx(expected.oddsratio_pooled)
    assert found["p_differs"] == pytest.approx(expected.test_equal_odds(adjust=True).pvalue)


def test_small_segments_are_shrunk_towards_the_common_odds_ratio() -> None:
    rng = np.random.default_rng(12)
    segment = np.where(np.arange(6_000) < 60, 3, 1 + np.arange(6_000) % 2)
    table = pd.DataFrame({"c": rng.random(6_000) < 0.4})
    table["d"] = rng.random(6_000) < 0.2 + 0.3 * table["c"]
    rule = pd.DataFrame({"antecedent": [("c",)], "consequent": ["d"]})
    found = rules_by_segment(rule, Baskets.from_table(table, segment=segment))
    common = found.common["common_odds_ratio"].iloc[0]
    small = found.cells[found.cells["segment"] == 3].iloc[0]
    assert abs(np.log(small["shrunk"] / common)) < abs(np.log(small["odds_ratio"] / common)) / 2
    assert small["shrunk_high"] / small["shrunk_low"] < small["high"] / small["low"]


def test_a_segment_where_nobody_holds_the_product_says_nothing() -> None:
    table = pd.DataFrame({"a": [True, False] * 50, "b": [True] * 50 + [False] * 50})
    segment = np.repeat([1, 2], 50)
    found = rules_by_segment(
        pd.DataFrame({"antecedent": [("a",)], "consequent": ["b"]}),
        Baskets.from_table(table, segment=segment),
    )
    assert found.common["within"].tolist() == ["not_tested"]
    assert found.cells["odds_ratio"].isna().all()


def test_a_rule_in_words(two_segments: Baskets) -> None:
    names = {p: p.upper() for p in "abcdef"}
    words = rule_sentences(
        find_rules(two_segments, **SETTINGS), names, {1: "Young", 2: "Old"}, n=10
    ).set_index("rule")["in_words"]
    assert "strongest in “Old”" in next(text for rule, text in words.items() if "E" in rule)
    assert any("This holds within segments (odds ratio" in text for text in words)


def test_pairs_count_everyone(two_segments: Baskets) -> None:
    pairs = product_pairs(two_segments, structural_pairs=[("f", "e")]).set_index(
        ["product", "other"]
    )
    assert len(pairs) == 15
    assert pairs.loc[("e", "f"), "structural"]
    assert pairs.loc[("c", "d"), "n_both"] == two_segments.count([("c", "d")])[0]
