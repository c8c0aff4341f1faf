"""What is said of rules follows from the numbers; products and segments go by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from string import ascii_letters
from types import SimpleNamespace

import narwhals as nw
import numpy as np
import pandas as pd
import pytest

from pmlib.association import (
    Baskets,
    acquisition_order,
    checked_itemsets,
    found_rules,
    held_baskets,
    product_pairs,
)
from pmlib.numbers import Finding
from pmlib.texts import open_language
from tests.association.examples import AS_OF, SETTINGS, customers, held_as, holdings, split
from tests.findings import known

HALF = pd.DataFrame({"a": [True, False] * 500, "b": [False, True] * 500})


ALL, NONE = (
    pd.DataFrame(held, columns=list("abc"))
    for held in (np.ones((1000, 3), dtype=bool), np.zeros((1000, 3), dtype=bool))
)


@pytest.mark.parametrize(
    ("table", "min_support", "found"),
    [
        (HALF[["a"]], 0.01, "no_pair"),
        (HALF, 0.01, "no_pair"),
        (HALF, 0.9, "no_product"),
        (ALL, 0.01, "none_strong"),
        (NONE, 0.01, "no_product"),
    ],
    ids=["one product", "nothing together", "support too high", "all hold all", "no holdings"],
)
def test_nothing_to_find_is_a_stated_result(
    table: pd.DataFrame, min_support: float, found: str
) -> None:
    params = SETTINGS.model_copy(update={"min_support": min_support})
    held = held_as(split(table))
    rules = found_rules(held, params)
    facts = {"rules_found": found, "rules_within": "no_rule", "rule_correction": "holm"}
    assert rules.facts == facts
    assert rules.table.empty
    assert {"antecedent", "consequent", "p_adjusted", "survives", "within"} <= set(rules.table)
    numbers = {number.key: number.value for number in rules.numbers}
    assert numbers["n_rules_tested"] == 0
    assert numbers["largest_product_support"] == rules.rule_set.itemsets.largest_support
    assert all(rules.of(name).empty for name in rules.tables if name != "rule-steps")
    checked = {n.key: n.value for n in checked_itemsets(held, rules, params).numbers}
    assert checked["rules_checked"] <= 9
    for block in ("rules-found", "rules-mean"):
        assert told(block, rules)


def told(block: str, found: Finding) -> str:
    """A text block with what a finding says."""
    return open_language("en").render("association_analysis", block, known(found), plain=True)


def test_a_bank_of_one_segment_has_nothing_to_compare_rules_with(two_segments: Baskets) -> None:
    alone = dataclasses.replace(two_segments, segment=np.ones_like(two_segments.segment))
    rules = found_rules(held_as(alone), SETTINGS)
    assert rules.facts["rules_within"] == "one_segment"
    assert rules.of("rule-kinds").empty
    assert rules.of("grid").empty
    assert set(rules.of("rules")["result"]) == {"survives", "does_not_survive"}


def test_tables_call_products_and_segments_by_name(two_segments: Baskets) -> None:
    names = {p: f"Product {p.upper()}" for p in "abcdef"}
    rules = found_rules(held_as(two_segments, names), SETTINGS)
    assert rules.facts["rules_within"] == "add"
    kinds = rules.of("rule-kinds").set_index("rules")["sets"]
    numbers = {n.key: n.value for n in rules.numbers}
    assert kinds.sum() == numbers["n_rule_sets"]
    # Abstract and conclusion say what the table counts: sets, not the two rules of a pair.
    adding = kinds["holds_within"] + kinds["differs_between_segments"]
    assert adding == numbers["n_rule_sets_adding"]
    surviving = rules.table[rules.table["survives"]]
    assert surviving["within"].isin(["holds_within", "differs_between_segments"]).sum() > adding
    assert f"{adding} of {kinds.sum()} sets" in told("rules-mean", rules).replace("\u00a0", " ")
    assert set(rules.of("grid")["segment"]) == {"First", "Second"}
    assert set(rules.of("rules")["customers"]) <= {"all", "First", "Second"}
    # Of the table that later chapters read, products keep their ids.
    assert set(rules.table["consequent"]) <= set("abcdef")


def test_a_rule_in_words(two_segments: Baskets) -> None:
    names = {p: p.upper() for p in "abcde"} | {"f": "F, with a comma"}
    rules = found_rules(held_as(two_segments, names), SETTINGS)
    words = rules.of("rule-words").set_index("rule")["in_words"]
    english = open_language("en")
    said = {
        rule: english.render("association_analysis", phrase.block, phrase.quotes, plain=True)
        for rule, phrase in words.items()
    }
    differing = (
        said["F, with a comma → E"]
        if "F, with a comma → E" in said
        else said["E → F, with a comma"]
    )
    assert "“F, with a comma”" in differing
    assert "strongest in “Second”" in differing
    assert any("This holds within segments (odds ratio" in text for text in said.values())


def test_products_of_one_name_are_told_apart_by_their_ids(
    lazy: Callable[[pd.DataFrame], nw.LazyFrame],
) -> None:
    rows = [(0, "c1", "2020-01-01", None), (1, "c2", "2020-01-01", None)]
    products = {"product_id": ["c1", "c2", "l"], "name": ["Card", "Card", "Loan"]}
    tables = {
        "customers": lazy(customers(2)),
        "holdings": lazy(holdings(rows)),
        "products": lazy(pd.DataFrame({**products, "family": "any"})),
    }
    held = held_baskets(
        tables, SimpleNamespace(), SETTINGS, as_of=AS_OF,
        segments=pd.DataFrame({"segment": [1], "name": ["All"]}),
        assigned=lazy(pd.DataFrame({"customer_id": [0, 1], "segment": 1})),
    )  # fmt: skip
    assert held.names == {"c1": "Card (c1)", "c2": "Card (c2)", "l": "Loan"}
    assert {n.key: n.value for n in held.numbers}["n_distinct_baskets"] == 2


def test_without_holdings_all_that_follows_is_absent(
    lazy: Callable[[pd.DataFrame], nw.LazyFrame],
) -> None:
    tables = {"customers": lazy(customers(2))}
    held = held_baskets(
        tables, SimpleNamespace(), SETTINGS, segments=pd.DataFrame(), assigned=None, as_of=AS_OF
    )
    rules = found_rules(held, SETTINGS)
    order = acquisition_order(tables, held, SETTINGS)
    assert held.absent
    assert held.absent == rules.absent == order.absent
    assert held.absent.quotes == {"tables": ["holdings", "products"]}
    assert "Without a record of what customers hold" in told("rules-mean", rules)


def test_pairs_count_everyone(two_segments: Baskets) -> None:
    held = held_as(two_segments, structural_pairs=[("f", "e")])
    pairs = product_pairs(held, SETTINGS).table.set_index(["product", "other"])
    assert len(pairs) == 15
    assert pairs.loc[("e", "f"), "structural"]
    assert pairs.loc[("c", "d"), "n_both"] == two_segments.count([("c", "d")])[0]


def test_of_too_many_itemsets_no_rules_are_sought():
    everything = pd.DataFrame(np.ones((60, 20), dtype=bool), columns=list(ascii_letters[:20]))
    held = held_as(split(everything))
    params = SETTINGS.model_copy(update={"max_itemsets": 1_000})  # 20 + 190 + 1,140 are frequent
    found = found_rules(held, params)
    assert found.absent.block == "absent.too_many_itemsets"
    assert checked_itemsets(held, found, params).absent == found.absent
    text = open_language("en").render("association_analysis", "rules-mean", found.quotes)
    assert text.startswith("No rule was sought.")


def test_a_pair_is_not_shown_where_few_hold_one_without_the_other() -> None:
    # 100 customers; 40 hold a, 33 of them b too; 7 hold a alone. c is held by 50, apart from b.
    table = pd.DataFrame(
        {
            "a": np.arange(100) < 40,
            "b": (np.arange(100) >= 7) & (np.arange(100) < 50),
            "c": np.arange(100) % 2 == 0,
        }
    )
    held = held_as(Baskets.from_table(table))
    pairs = product_pairs(held, SETTINGS).table.set_index(["product", "other"])
    assert pairs.loc[("a", "b"), "suppressed"]
    assert pd.isna(pairs.loc[("a", "b"), "n_both"])
    assert pd.isna(pairs.loc[("a", "b"), "lift"])
    assert not pairs["suppressed"].all()
