"""Policies: planned without a part of the contacts, judged on it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pmlib import strategy
from pmlib.engine import DuckDBEngine
from pmlib.numbers import Level
from pmlib.strategy.cells import count_groups, customer_states
from pmlib.strategy.policies import combining_tested, plan_policies, verdict
from pmlib.strategy.problem import Problem
from pmlib.strategy.programme import Limits
from tests.strategy.banks import (
    PARAMETERS,
    menu,
    pilot,
    plan_with,
    small_bank,
    study_of,
    tables,
    value,
)


def test_policy_refers_to_the_groups_it_was_asked_for(engine: DuckDBEngine) -> None:
    sources, _ = small_bank(engine)
    groups = count_groups(
        customer_states(sources, menu(), cool_down=30), menu(), segments=(1, 2, 3)
    )
    shuffled = np.random.default_rng(2).permutation(len(groups.size))
    groups = replace(
        groups,
        segment=groups.segment[shuffled],
        state=groups.state[shuffled],
        size=groups.size[shuffled],
    )
    evidence = pilot(np.full((3, 2, 2, 2), 0.1), n=500)
    limits = Limits(300.0, (np.inf, 40.0), 1)
    problem = Problem(catalogue=menu(), evidence=evidence, groups=groups, limits=limits)
    policy = plan_policies(problem, ["combined"])["combined"]
    assert policy.plan is not None
    size = np.bincount(policy.plan.origin[policy.plan.origin >= 0],
                       weights=groups.size[policy.plan.origin >= 0])  # fmt: skip
    np.testing.assert_array_equal(size, policy.plan.groups.size)
    np.testing.assert_allclose(policy.contacts, policy.plan.contacts)


def test_policies_are_judged_on_contacts_they_were_not_made_from(compared):
    table = compared.table.set_index("policy")
    assert (table["spend"] <= PARAMETERS.budget * (1 + 1e-9)).all()
    # Raw effects promise more than the same plan earns elsewhere.
    assert table.loc["unshrunk", "promised"] > table.loc["unshrunk", "held_out"]
    # The effect is with holders of a card, which segments do not know.
    assert table.loc["segments", "combined_more"] > 0
    assert (table["low"] <= table["held_out"]).all()


def test_parts_without_which_the_same_is_planned_promise_nothing(tmp_path, engine):
    # Contacts are so dear that the one offer that works is plain in either half.
    dear = [{"name": "email", "cost": 2.5}, {"name": "phone", "cost": 30.0}]
    study = study_of(tmp_path / "dear", tables(), channels=dear)
    case, _ = plan_with(study, engine, budget=1e5)
    compared = strategy.compare(case)
    assert value(compared.numbers, "parts_agree") == pytest.approx(1)
    assert value(compared.numbers, "promised_profit") is None
    assert compared.facts["promise"] == "same_parts"
    promised = compared.table.set_index("policy")["promised"]
    assert np.isnan(promised["combined"])


def test_one_segment_without_rules_leaves_nothing_to_combine(case):
    groups = case.groups.coarsened(segments=False, rules=False)[0]
    plain = replace(
        case, evidence=case.evidence.coarsened(segments=False, rules=False), groups=groups,
        catalogue=replace(case.catalogue, antecedents={}),
    )  # fmt: skip
    compared = strategy.compare(plain)
    assert compared.facts["combining_tested"] == "nothing_to_combine"
    assert compared.facts["combined_against_segments"] == "same"
    # Sentences name one rival only, for all others are the plan itself.
    assert compared.quotes["one_cell"]
    assert compared.quotes["same"] == [Level("rival", "mass")]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.1, 2.0, "more"), (-2.0, -0.1, "less"), (0.0, 0.0, "same"), (-1.0, 1.0, "open")],
)
def test_a_difference_is_judged_by_its_interval(low, high, expected):
    assert verdict(low, high) == expected


def test_rules_found_in_the_outcomes_test_nothing(case, compared):
    circular = replace(case, evidence=replace(case.evidence, restates_holdings=True))
    assert combining_tested(circular) == "circular"
    assert compared.facts["combining_tested"] == combining_tested(case) == "tested"
