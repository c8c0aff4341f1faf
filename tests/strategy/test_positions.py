"""Target choice: fit, growth and choice against what is counted by hand."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pmlib import strategy
from pmlib.strategy.positions import CHOICES
from pmlib.texts import Look, open_language


@pytest.fixture(scope="module")
def placed(case, design):
    return strategy.position_segments(case, design)


def test_fit_is_the_effect_of_all_offers_weighted_by_those_eligible(placed, design):
    cells = design.table
    for row in placed.table.itertuples():
        own = cells[cells["segment"] == row.segment]
        by_hand = np.average(own["effect"], weights=own["eligible"])
        drawn = design.effects.draws[:, own.index] @ (own["eligible"] / own["eligible"].sum())
        assert row.fit == pytest.approx(by_hand)
        assert [row.low, row.high] == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=1e-3)
    # Segments were drawn by a coin: nothing sets one apart.
    assert set(placed.table["competence"]) == {"open"}


def test_growth_is_what_was_opened_less_what_was_closed(case, design, engine, tmp_path):
    """Customers of segment 1 opened 3 and closed 1 within the year, those of 2 opened 4."""
    assigned = pd.read_parquet(case.study.folder / "assignments.parquet")
    first, second = (assigned.loc[assigned["segment"] == s, "customer_id"].head(4) for s in (1, 2))
    new, old = dt.date(2025, 5, 1), dt.date(2019, 5, 1)
    rows = [*((c, new, None) for c in first[:3]), (first.iloc[3], old, new),
            *((c, new, None) for c in second), (second.iloc[0], old, None)]  # fmt: skip
    held = pd.DataFrame(rows, columns=["customer_id", "opened_on", "closed_on"])
    held.assign(product_id="x").to_parquet(tmp_path / "held.parquet")
    sources = replace(case.sources, holdings=engine.scan(tmp_path / "held.parquet"))
    found = strategy.position_segments(replace(case, sources=sources), design).table
    sizes = case.segments["customers"].to_numpy()
    assert found["growth"].to_numpy() == pytest.approx(np.array([2, 4]) / sizes)
    nowhere = replace(case, sources=replace(case.sources, holdings=None))
    assert strategy.position_segments(nowhere, design).table["growth"].isna().all()


@pytest.mark.parametrize(
    ("value_share", "choices"),
    [((0.7, 0.3), ["test", "select"]), ((0.3, 0.7), ["select", "test"])],
)
def test_a_segment_worth_more_is_attractive(case, design, value_share, choices):
    # Without holdings growth is not known, so size is no reason either.
    sources = replace(case.sources, holdings=None)
    worth = replace(case, segments=case.segments.assign(value_share=value_share), sources=sources)
    found = strategy.position_segments(worth, design).table
    assert found["value"].to_numpy() == pytest.approx(2 * np.array(value_share))
    assert list(found["choice"]) == choices


def test_every_pair_has_a_choice_with_words_and_one_segment_none(case, design, placed):
    language = open_language("en")
    assert set(CHOICES.values()) == set(language.catalogue["levels"]["choice_of_target"])
    shown = Look(language, "strategy_design", "tbl-targets", "EUR").worded(placed.of("targets"))
    assert shown["fit"].str.contains("points").all()
    alone = replace(case, segments=case.segments.head(1))
    assert strategy.position_segments(alone, design).absent.block == "absent.one_segment"


def test_the_plan_is_held_against_the_choice(placed, design):
    table = placed.table
    courted = table["choice"].isin(["first", "test"])
    by_hand = table.loc[courted, "offers"].sum() / design.table["offers"].sum()
    assert placed.numbers[0].value == pytest.approx(by_hand)
