"""Strategy sheets quote the plan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pmlib import strategy
from pmlib.numbers import Number
from pmlib.strategy.sheets import strategy_sheet
from pmlib.texts import open_language


def statements(case: strategy.Case, design: strategy.Design, segment: int = 1) -> dict:
    """Phrase of each aspect."""
    return dict(strategy_sheet(case, design, segment=segment).told)


def counts(phrase) -> dict[str, int]:
    return {offer["name"]: offer["n"].value for offer in phrase.quotes["offers"]}


def test_sheets_quote_the_plan(case, design):
    for segment in (1, 2):
        told = statements(case, design, segment)
        planned = design.planned[design.planned["segment"] == segment]
        fund = planned.loc[planned["product_id"] == "fund", "offers"].sum()
        assert counts(told["products"])["Fund"] == fund
        control = (planned["planned"] - planned["offers"]).sum()
        assert told["products"].quotes["control"].value == control
        held = strategy_sheet(case, design, segment=segment).held
        assert [phrase.quotes for phrase in held] == [{"products": ["Card"]}]
        through = planned.groupby("channel")["offers"].sum()
        assert counts(told["channel"]) == through[through >= 10].to_dict()


def test_a_sheet_says_who_the_segment_is(case, design):
    who = statements(case, design)["who"]
    said = open_language("en").render("strategy_design", who.block, who.quotes, plain=True)
    assert said.startswith("2,000 customers, 50.0")


def test_a_rule_is_cited_only_where_most_fall_under_it(case, design):
    """Of 100 planned customers 49 or 50 hold the antecedent; the bound is half."""
    cells = design.table.assign(planned=0, offers=0)
    fund = cells[(cells["product_id"] == "fund") & (cells["segment"] == 1)]
    holders, others = (fund.index[fund["holds"] == holds][0] for holds in (True, False))
    for held, cited in ((49, False), (50, True)):
        made = cells.copy()
        made.loc[[holders, others], ["planned", "offers"]] = [[held, held], [100 - held] * 2]
        sheet = strategy_sheet(case, replace(design, table=made), segment=1)
        assert bool(sheet.held) is cited
        assert sheet.with_rules


def test_interval_of_an_uplift_against_hand_computation(case, design):
    """One cell planned: the yardstick's interval is that of its draws, and about normal."""
    cells = design.table.assign(planned=0, offers=0)
    cells.loc[0, ["planned", "offers"]] = 100
    segment = int(cells.loc[0, "segment"])
    told = statements(case, replace(design, table=cells), segment)
    found: Number = told["yardstick"].quotes["effect"].quotes["n"]
    effect, se = cells.loc[0, "effect"], cells.loc[0, "se"]
    assert found.value == pytest.approx(effect)
    drawn = np.sort(design.effects.draws[:, 0])
    below = [(drawn < end).mean() for end in (found.low, found.high)]
    assert below == pytest.approx([0.025, 0.975], abs=1e-3)
    assert found.high - found.low == pytest.approx(2 * 1.96 * se, rel=0.15)


def test_effects_shrunk_to_one_are_not_told_apart(case, design):
    """All cells share one effect, in every draw."""
    effects = replace(design.effects, draws=np.full_like(design.effects.draws, 0.05))
    same = replace(design, table=design.table.assign(effect=0.05), effects=effects)
    assert statements(case, same)["positioning"].block == "sheet.positioning-open"


def test_a_segment_without_offers_gets_a_sheet_that_says_why(case, design):
    empty = replace(design, table=design.table.assign(planned=0, offers=0))
    assert statements(case, empty)["offer"].block == "sheet.none-elsewhere"


def test_a_sheet_says_what_it_rests_on_and_what_to_test_first(case, design):
    # Of the fund for those with a card all is known, of one planned cell nothing.
    planned = design.table["planned"] > 0
    sure = design.table.assign(test_size=np.inf)
    first = design.table.index[planned & (design.table["segment"] == 1)][0]
    open_ = sure.assign(test_size=sure["test_size"].where(sure.index != first, 900.0))
    english = open_language("en")
    for table, said in ((sure, "enough to show that each offer pays"),
                        (open_, "test first Fund with 900 customers")):  # fmt: skip
        told = statements(case, replace(design, table=table))["evidence"]
        text = english.render("strategy_design", told.block, told.quotes, plain=True)
        own = table[planned & (table["segment"] == 1)]
        assert told.quotes["contacts"].value == own["n"].sum()
        assert said in text.replace("\u00a0", " ")
    effect = statements(case, design)["yardstick"].quotes["effect"]
    assert effect.block == "rests-on.uplift"
    assert effect.quotes["contacts"].value > 0
