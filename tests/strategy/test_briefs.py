"""Briefs say who people are, when to stop, and what they cannot know."""

from __future__ import annotations

import re
from dataclasses import replace

import pandas as pd
import pytest

from pmlib import strategy
from pmlib.inference.power import detectable_rate
from pmlib.strategy.briefs import _channels
from pmlib.strategy.contacts import smallest_shown
from pmlib.studies import Attribute
from pmlib.texts import Look, open_language

SAID = {"owner": "Retail", "staff": "branches", "tone": "plain", "price": {"fund": "no fee"},
        "benefit": {"fund": "save for later"}}  # fmt: skip


def profiles() -> pd.DataFrame:
    """Segment 1 is 71, retired and pays at machines; 2 is 40 and works."""
    rows = [
        (1, "age", "", 71.4), (2, "age", "", 40.0),
        (1, "tenure", "", 20 * 365.25), (2, "tenure", "", 5 * 365.25),
        (1, "occupation", "retired", 0.93), (2, "occupation", "retired", 0.05),
        (1, "occupation", "employee", 0.07), (2, "occupation", "employee", 0.6),
        (1, "gender", "female", 0.54), (2, "gender", "female", 0.5),
        (1, "grade", "C", 0.95), (2, "grade", "C", 0.01),
        (1, "share_1_digital", "", 0.1), (1, "share_2_atm", "", 0.5),
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["segment", "feature", "level", "mean"])
    return frame.assign(customers=2000, used=False)


@pytest.fixture(scope="module")
def targets(case, design):
    return strategy.position_segments(case, design).table


def shown(found, segment: int) -> pd.Series:
    look = Look(open_language("en"), "strategy_design", "tbl-sheet", "EUR")
    return look.worded(found.of(f"sheet-{segment}")).set_index("aspect")["statement"]


def test_a_persona_is_told_in_peoples_words(case, design, targets):
    found = strategy.marketing_briefs(case, design, profiles(), targets)
    persona = shown(found, 1)["Persona, size"]
    # 93 % retired against 49 % of all; the 54 % of women are hardly more than the 52 % of all.
    for words in (
        "retired (93\xa0%)",
        "71 years old",
        "for 20 years",
        "most payments: atm (50\xa0%)",
    ):
        assert words in persona
    assert "female" not in persona
    assert not re.search(r"\bC\b", persona)  # a code is no word of people's
    quoted = found.quotes["sheet-1"]
    title = open_language("en").render("strategy_design", "tbl-sheet", quoted, plain=True)
    assert title == "Marketing brief 1: retired, 71 years old. Technical name: “Even”."
    assert shown(found, 2)["Persona, size"].startswith("employee (60\xa0%); 40 years old")


def test_what_no_program_knows_is_a_blank_or_said_in_study_yaml(case, design, targets):
    blank = shown(strategy.marketing_briefs(case, design, profiles(), targets), 1)
    assert "to fill in, owner" in blank["Timing, owner"]
    assert "to fill in, benefit: fund" in blank["Promotion (draft)"]
    told = replace(case, study=replace(case.study, marketing=SAID))
    filled = shown(strategy.marketing_briefs(told, design, profiles(), targets), 1)
    assert filled["Timing, owner"].endswith("owner Retail; carried out by branches")
    assert filled["Price"].startswith("no fee; ")
    message = "“Fund: save for later. You have your Card with us already."
    assert filled["Promotion (draft)"].startswith(message)
    rests_on = strategy.marketing_briefs(told, design, profiles(), targets).of("sheet-1")
    rests_on = rests_on.set_index("aspect")["rests_on"]
    assert (rests_on["message"], rests_on["need"]) == ("rules_plan", "eligibility_rules")
    assert not filled.str.contains("to fill in").any()


def test_a_campaign_stops_where_contacts_just_pay(case, design, targets):
    found = strategy.marketing_briefs(case, design, profiles(), targets)
    own = design.planned[design.planned["segment"] == 2]
    even = (own["offers"] * own["cost"]).sum() / (own["offers"] * own["margin"]).sum()
    told = found.of("sheet-2").set_index("aspect")["statement"]
    assert told["yardstick"].quotes["even"].value == pytest.approx(even)


def test_a_segments_own_control_shows_its_effect_or_does_not(case, design, targets):
    found = strategy.marketing_briefs(case, design, profiles(), targets)
    own = design.planned[design.planned["segment"] == 1]
    control, contacts = int((own["planned"] - own["offers"]).sum()), int(own["offers"].sum())
    told = found.of("sheet-1").set_index("aspect")["statement"]["test"]
    base = smallest_shown(case, own, [0.1])[1]
    by_hand = detectable_rate(contacts, control, base=base, error_rate=case.error_rate)
    told = told.quotes["test"]
    assert told.quotes["control"].value == control
    assert told.quotes["shown"].value == pytest.approx(by_hand)
    planned = told.quotes["planned"].value
    assert told.block == f"brief.test-{'alone' if by_hand <= planned else 'together'}"


def test_a_segment_without_a_plan_says_why(case, design, targets):
    cells = design.table.assign(planned=0, offers=0)
    found = strategy.marketing_briefs(case, replace(design, table=cells), profiles(), targets)
    assert list(shown(found, 1).index) == ["Persona, size", "Offer"]


def test_one_segment_has_a_brief_without_a_choice(case, design):
    found = strategy.marketing_briefs(case, design, profiles(), pd.DataFrame())
    assert shown(found, 1)["Persona, size"].endswith("of all")


def test_a_yes_is_called_by_what_was_asked(case, design, targets):
    asked = {"womens": Attribute(label="Bought for women")}
    study = replace(case.study, attributes=asked)
    rows = [(1, "womens", "yes", 1.0), (2, "womens", "yes", 0.0), (2, "womens", "no", 1.0),
            (1, "womens", "no", 0.0)]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["segment", "feature", "level", "mean"])
    frame = frame.assign(customers=2000, used=True)
    found = strategy.marketing_briefs(replace(case, study=study), design, frame, targets)
    assert shown(found, 1)["Persona, size"].startswith("bought for women (100\xa0%)")
    assert shown(found, 2)["Persona, size"].startswith("not: bought for women (100\xa0%)")


def test_a_channel_is_judged_by_the_customers_planned_for_it():
    cells = pd.DataFrame({
        "product_id": "fund", "channel": ["email", "phone"] * 2,
        "holds": [True, True, False, False], "eligible": [10, 10, 90, 90],
        "planned": [8, 2, 0, 0], "expected_profit": [2.0, 3.0, -1.0, -9.0],
    })  # fmt: skip
    earned = {one["name"]: one["earns"].value for one in _channels(cells, "fund")}
    assert earned == {"phone": 3.0, "email": 2.0}
