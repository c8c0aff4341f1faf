"""Planted rules are found, others are not, and what is said of them is true."""

from __future__ import annotations

import numpy as np

from pmlib.association import find_rules, rules_by_segment
from pmlib.casebank.world import World
from pmlib.params import Parameters
from pmlib.truth.rules import draw_baskets, rule_recovery

SETTINGS = Parameters(min_support=0.01, min_confidence=0.1, max_rule_length=3)


def test_planted_rules_are_found_and_others_are_not() -> None:
    world = World("default", 1)
    check = rule_recovery(
        find_rules(draw_baskets(world, n_customers=20_000, seed=1), SETTINGS), world
    )
    assert check.of("planted")["found"].mean() >= 0.9
    assert check.table["true"].mean() >= 0.95


def test_what_is_said_of_rules_within_segments_is_true() -> None:
    world = World("default", 1)
    baskets = draw_baskets(world, n_customers=20_000, seed=2)
    check = rule_recovery(find_rules(baskets, SETTINGS), world)
    number = {found.key: found.value for found in check.numbers}
    assert number["n_rules_decided"] > 100
    # Each interval is wrong on one side in one case of forty.
    assert number["n_rules_decided_wrongly"] <= number["n_rules_decided"] / 40
    # The truth itself, counted in a bank of ten million: overall and within the kinds.
    large = draw_baskets(world, n_customers=10_000_000, seed=3)
    rows = check.table.drop_duplicates(["antecedent", "consequent"])[::20]
    counted = rules_by_segment(rows, large, SETTINGS).common
    np.testing.assert_allclose(counted["odds_ratio"], rows["true_odds_ratio"], rtol=0.02)
    np.testing.assert_allclose(counted["common_odds_ratio"], rows["true_within"], rtol=0.02)


def test_no_rule_survives_in_a_null_world() -> None:
    world = World("null", 1)
    survivors = [
        len(find_rules(draw_baskets(world, n_customers=3_000, seed=seed), SETTINGS).surviving)
        for seed in range(5)
    ]
    # Each of five has at most a 5 % chance: three or more would happen once in 900 runs.
    assert sum(count > 0 for count in survivors) < 3
