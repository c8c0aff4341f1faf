"""Rules worth a test, and the test that every product of one must pass."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import fisher_exact, hypergeom

from pmlib.association import Baskets, frequent_itemsets
from pmlib.association.rules import candidate_rules, fisher_p_values, rules_on_holdout
from pmlib.params import Parameters


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


@pytest.mark.parametrize("correction", ["holm", "bh"])
def test_a_rule_nobody_can_be_compared_on_has_no_evidence(correction: str) -> None:
    # In this half nobody holds c or d; of (c, d) not even the rest of an antecedent is held.
    table = pd.DataFrame({"a": [1, 1, 0, 0] * 5, "b": [1, 0, 1, 0] * 5}, dtype=bool)
    baskets = Baskets.from_table(table.assign(c=False, d=False))
    antecedents = [("a",), ("c",), ("c", "d"), ("a", "c")]
    rules = pd.DataFrame({"antecedent": antecedents, "consequent": "b", "lift": 2.0})
    tested = rules_on_holdout([(0, rules, baskets)], Parameters(correction=correction))
    p_values = tested.set_index("antecedent")["p_value"]
    # Of 20 customers 10 hold a, 10 hold b and 5 both.
    assert p_values.pop(("a",)) == pytest.approx(hypergeom.sf(4, 20, 10, 10))
    assert (p_values == 1).all()
    assert not tested["survives"].any()
