"""H1 to H4: each level that a verdict can take, from facts as the chapters record them."""

from __future__ import annotations

import pytest

from pmlib.numbers import Fact
from pmlib.report.hypotheses import hypotheses
from pmlib.texts import open_language


def verdicts(**facts: str) -> dict[str, object]:
    known = {key: Fact(key, value) for key, value in facts.items()}
    return {key: fact.value for key, fact in hypotheses(known).items()}


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
    ("facts", "level"),
    [
        ({"campaign_paid": "paid", "promise_kept": "kept"}, "paid_kept"),
        ({"campaign_paid": "paid", "promise_kept": "below"}, "paid_below"),
        ({"campaign_paid": "paid", "promise_kept": "above"}, "paid_above"),
        ({"campaign_paid": "paid", "promise_kept": "open"}, "paid_open"),
        ({"campaign_paid": "paid"}, "paid"),
        ({"campaign_paid": "open", "promise_kept": "kept"}, "open"),
        ({"campaign_paid": "lost", "promise_kept": "below"}, "lost"),
        ({"promise_kept": "open"}, "unmeasured"),
    ],
)
def test_effect_and_promise(facts, level):
    assert verdicts(**facts)["hypothesis_effect"] == level


def test_every_level_has_words():
    language = open_language("en")
    for key, entry in language.catalogue["facts"].items():
        if key.startswith("hypothesis_"):
            assert set(language.catalogue["levels"][key]) == set(entry["levels"])
