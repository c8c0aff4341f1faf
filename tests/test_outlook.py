"""The outlook tells before a run what the run then shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from pmlib.engine import open_engine
from pmlib.numbers import Phrase
from pmlib.outlook import SECTIONS, Glance, glance, outlook, verdict
from pmlib.params import Parameters
from pmlib.studies import prepare
from pmlib.texts import open_language
from tests.chapters import QUICK, Seen, headings, run_chapters
from tests.own_banks import write_named

FAST = (
    "customers_alone", "ids_alone", "one_customer", "five_customers", "holdings_undated",
    "contacts_alone", "only_control", "no_margin_no_contacts", "prospects",
)  # fmt: skip
"""Banks whose chapters take a second or two, each without something."""


def foretold(study: str | Path, params: Parameters) -> dict[tuple[str, str], str]:
    """The verdict of each section, by chapter and block."""
    engine = open_engine("duckdb")
    look = Glance(prepare(study, params), engine, params)
    told = {
        (chapter, block): verdict([ask(look) for ask in asks])
        for chapter, sections in SECTIONS.items()
        for block, asks in sections.items()
    }
    engine.close()
    return told


def test_the_outlook_names_the_sections_of_the_notebooks():
    listed = [(chapter, block) for chapter, of in SECTIONS.items() for block in of]
    assert listed == list(headings())


def differences(study: str | Path, seen: Seen) -> dict[tuple[str, str], tuple[str, str]]:
    """Sections that were not as foretold: what was told, and what was seen."""
    told = foretold(study, Parameters(**QUICK))  # type: ignore[arg-type]
    return {
        key: (told[key], section.outlook)
        for key, section in seen.items()
        if told[key] not in ("depends", section.outlook) and section.outlook != "silent"
    }


SLOW = {"only_control", "no_margin_no_contacts", "holdings_undated"}


@pytest.mark.whole
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.whole] if name in SLOW else []) for name in FAST],
)
def test_a_run_shows_what_was_foretold(name, tmp_path):
    study = write_named(tmp_path / "studies", name)
    seen = run_chapters(study, tmp_path / "run")
    assert list(seen) == list(headings())
    assert differences(study, seen) == {}


def test_sets_of_products_are_mined_once_for_all_sections(monkeypatch, tmp_path):
    asked, mine = [], glance.frequent_itemsets

    def counted(*args, **settings):
        asked.append(settings["max_itemsets"])
        return mine(*args, **settings)

    monkeypatch.setattr(glance, "frequent_itemsets", counted)
    few = Parameters(**{**QUICK, "max_itemsets": 1_000})  # type: ignore[arg-type]
    foretold(write_named(tmp_path, "forty_products"), few)
    assert asked == [1_000]


def test_the_outlook_is_worded_as_the_report_would(tmp_path):
    study = prepare(write_named(tmp_path, "contacts_alone"), Parameters())
    engine, language = open_engine("duckdb"), open_language("en")
    table = outlook(study, engine, Parameters(), language)
    engine.close()
    told = table.set_index(["chapter", "section"])
    assert tuple(told.loc[("Association analysis", "What do customers hold?")]) == (
        "not",
        "This study has no tables *holdings* and *products*, so there is nothing to show here.",
    )
    plan = told.loc[("Strategy design", "The plan")]
    assert plan["reason"].startswith(
        "Contacts are on record, but none names the product that was offered."
    )


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        ([None], "shown"),
        ([None, "remark.x"], "shown"),
        ([None, "absent.x"], "partly"),
        (["absent.x", "absent.y"], "not"),
        ([None, "found.x"], "depends"),
        (["absent.x", "found.x"], "depends"),
    ],
)
def test_what_reasons_come_to(blocks, expected):
    assert verdict([Phrase(block) if block else None for block in blocks]) == expected


def test_reasons_at_the_keyboard_name_sections_and_hold_no_labels(tmp_path, engine):
    params = Parameters(**QUICK)
    study = prepare(write_named(tmp_path, "contacts_alone"), params)
    reasons = outlook(study, engine, params, open_language("en"))["reason"]
    assert reasons.str.contains("the plan of “strategy design”").any()
    assert not reasons.str.contains("@").any()
