"""Rules found on one half and tested on the other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from pmlib.association import Baskets, find_rules, found_rules
from pmlib.errors import StudyError
from tests.association.examples import SETTINGS, held_as, split


def test_a_structural_pair_of_an_unknown_product() -> None:
    baskets = Baskets.from_table(pd.DataFrame({"loan": [True]}))
    with pytest.raises(StudyError, match=r"unknown product.*\n.*'lone'\]"):
        find_rules(baskets, SETTINGS, structural_pairs=[("loan", "lone")])


def test_rules_of_independent_products_do_not_survive() -> None:
    rng = np.random.default_rng(4)
    table = pd.DataFrame(rng.random((4_000, 8)) < 0.3, columns=list("abcdefgh"))
    assert find_rules(split(table), SETTINGS).surviving.empty


@pytest.mark.parametrize(("correction", "method"), [("holm", "holm"), ("bh", "fdr_bh")])
def test_corrections_are_those_of_statsmodels(
    two_segments: Baskets, correction: str, method: str
) -> None:
    rules = find_rules(two_segments, SETTINGS.model_copy(update={"correction": correction})).rules
    survives, adjusted, *_ = multipletests(rules["p_value"], alpha=0.05, method=method)
    np.testing.assert_allclose(rules["p_adjusted"], adjusted, rtol=1e-12)
    assert rules["survives"].tolist() == survives.tolist()
    assert 0 < survives.sum() < len(survives)


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
    held = held_as(halves, structural_pairs=structural)
    shown = found_rules(held, SETTINGS)
    assert shown.facts["associations_weak"]
    findings = shown.rule_set
    assert len(findings.candidates.structural) == 8
    # Both directions of a rule are one set, and a loan is one with the order that pays it.
    sets = {
        frozenset("loan" if p == "UVER" else p for p in (*rule.antecedent, rule.consequent))
        for rule in findings.surviving.itertuples()
    }
    assert len(findings.leading(99)) == len(sets) < len(findings.surviving) / 2
