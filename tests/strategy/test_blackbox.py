"""The black box finds what is planted."""

from __future__ import annotations

from dataclasses import replace

import narwhals as nw

from pmlib import strategy
from tests.strategy.banks import AS_OF, PARAMETERS, open_case, study_of, tables


def test_black_box_finds_the_planted_effect(case, compared):
    found = strategy.with_black_box(case, compared)
    row = found.table.set_index("policy").loc["black_box"]
    assert found.facts["black_box"] in ("more", "less", "open")
    assert row["held_out"] > compared.held_out("random")
    assert row["spend"] <= PARAMETERS.budget * 1.01
    assert row["low"] < row["held_out"] < row["high"]


def test_a_pilot_within_the_cool_down_teaches_nothing_yet(tmp_path, engine, compared):
    """Those it offered something are at rest now and its controls are not: no fair comparison."""
    frames = tables()
    frames["contacts"]["contacted_on"] = AS_OF
    case = open_case(study_of(tmp_path / "lately", frames), engine)
    assert strategy.with_black_box(case, compared) is compared


def test_a_pilot_without_buyers_teaches_nothing(case, compared):
    contacts = case.sources.contacts.with_columns(responded=nw.lit(value=False))
    silent = replace(case, sources=replace(case.sources, contacts=contacts))
    assert strategy.with_black_box(silent, compared) is compared
