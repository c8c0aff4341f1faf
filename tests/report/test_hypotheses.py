"""H1 to H4: each level that a verdict can take, from facts as the chapters record them."""

from __future__ import annotations

import pytest

from pmlib.numbers import Fact, Number
from pmlib.report.hypotheses import hypotheses
from pmlib.texts import open_language


def verdicts(*numbers: Number, **facts: str) -> dict[str, object]:
    known: dict[str, Fact | Number] = {key: Fact(key, value) for key, value in facts.items()}
    known |= {number.key: number for number in numbers}
    return {key: fact.value for key, fact in hypotheses(known).items()}


def money(planned: float, low: float, high: float) -> tuple[Number, Number]:
    middle = (low + high) / 2
    return (Number("planned_profit", planned, "currency"),
            Number("incremental_profit", middle, "currency", low, high))  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "level"),
    [
        ({"segments": "found", "homogeneity": "rejected"}, "found"),
        ({"segments": "none", "homogeneity": "kept"}, "none"),
        ({"segments": "none", "homogeneity": "rejected"}, "none"),
        ({"segments": "none", "homogeneity": "few_customers"}, "untested"),
        ({}, "untested"),
    ],
)
def test_segments(facts, level):
    assert verdicts(**facts)["hypothesis_segments"] == level


@pytest.mark.parametrize(
    ("facts", "level"),
    [
        ({"rules_found": "survive", "rules_within": "add"}, "beyond"),
        ({"rules_found": "survive", "rules_within": "none_adds"}, "restated"),
        ({"rules_found": "survive", "rules_within": "one_segment"}, "associated"),
        ({"rules_found": "none_survives", "rules_within": "no_rule"}, "none"),
        ({"rules_found": "no_pair"}, "untested"),
        ({}, "untested"),
    ],
)
def test_rules(facts, level):
    assert verdicts(**facts)["hypothesis_rules"] == level


@pytest.mark.parametrize(
    ("segments", "rules", "level"),
    [
        ("more", "more", "more"),
        ("more", "open", "partly"),
        ("open", "more", "partly"),
        ("open", "open", "open"),
        ("same", "open", "open"),
        ("more", "less", "less"),
    ],
)
def test_combining(segments, rules, level):
    against = {"combined_against_segments": segments, "combined_against_rules": rules}
    found = verdicts(combining_tested="tested", **against)
    assert found["hypothesis_combining"] == level
    assert verdicts(combining_tested="circular", **against)["hypothesis_combining"] == "untested"


@pytest.mark.parametrize(
    ("planned", "ends", "paid", "kept", "level"),
    [
        (100, (50, 150), "paid", "within", "paid_within"),
        (160, (50, 150), "paid", "less", "paid_less"),
        (40, (50, 150), "paid", "more", "paid_more"),
        (100, (-50, 150), "open", "within", "open"),
        (100, (-150, -50), "lost", "less", "lost"),
    ],
)
def test_effect_beside_what_was_promised(planned, ends, paid, kept, level):
    numbers = money(planned, *ends)
    found = verdicts(*numbers, campaign_source="field_test", campaign_paid=paid)
    assert (found["promise_kept"], found["hypothesis_effect"]) == (kept, level)


def test_a_campaign_that_no_plan_made_keeps_no_promise():
    found = verdicts(*money(100, 50, 150), campaign_source="recorded", campaign_paid="paid")
    assert "promise_kept" not in found
    assert found["hypothesis_effect"] == "paid"
    assert verdicts(campaign_source="field_test")["hypothesis_effect"] == "unmeasured"


def test_every_level_has_words():
    language = open_language("en")
    for key, entry in language.catalogue["facts"].items():
        if key.startswith("hypothesis_"):
            assert set(language.catalogue["levels"][key]) == set(entry["levels"])
