"""The harness that holds the methods against the truth is itself true."""

from __future__ import annotations

import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from pmlib.params import Parameters
from pmlib.truth.validation import COVERAGE, MEASURES, TABLE, measure, summary

SMALL = {"n_customers": 3_000, "n_months": 12, "n_bootstrap": 10, "sample_size": 1_500, "k_max": 7}


def values(rows: pd.DataFrame, world: str) -> dict[str, float]:
    return rows[rows["world"] == world].set_index("measure")["value"].to_dict()


@pytest.mark.whole
def test_the_easy_world_is_recognised():
    rows = measure(Parameters(seed=2, world="easy", **SMALL), trials=2, campaigns=4)
    measured = values(rows, "easy")
    assert measured["ari"] > 0.8
    assert measured["false_rules"] < 0.1
    assert measured["planned_customers"] > 0
    assert {"covers_more_than_segments", "covers_more_than_rules"} <= set(measured)
    assert measured["covers_plan"] == 1
    assert measured["sheets_covered"] >= 0.6
    assert measured["cells_covered"] >= 0.8
    assert measured["trial_holds_segments"] >= 0.5
    counted = rows[rows["world"] == COVERAGE].set_index("measure")
    assert counted.loc["profit", "of"] == 4
    assert counted.loc["profit_of_segment_without_effect", "of"] == 4 * measured["segments_found"]
    assert (counted["value"] >= 0.5).all()


def test_banks_are_put_together_by_hand():
    """Three of four banks pass; 9 of 10 and 27 of 30 intervals hold."""
    right = [("default", seed, "right_number", float(seed < 4), 1) for seed in range(1, 5)]
    ari = [("default", seed, "ari", value, 1) for seed, value in ((1, 0.8), (2, 1.0))]
    held = [(COVERAGE, 1, "profit", 0.9, 10), (COVERAGE, 2, "profit", 0.9, 30)]
    rows = pd.DataFrame([*right, *ari, *held], columns=["world", "seed", "measure", "value", "of"])
    table = summary(rows).set_index("measure")
    assert table.loc["right_number", ["mean", "banks"]].tolist() == [0.75, 4]
    low, high = proportion_confint(3, 4, method="wilson")
    assert table.loc["right_number", ["low", "high"]].tolist() == pytest.approx([low, high])
    assert table.loc["profit", ["mean", "banks"]].tolist() == pytest.approx([0.9, 40])
    low, high = proportion_confint(36, 40, method="wilson")
    assert table.loc["profit", ["low", "high"]].tolist() == pytest.approx([low, high])
    # Student's with one degree of freedom: 12.706 standard errors of 0.1.
    assert table.loc["ari", ["low", "high"]].tolist() == pytest.approx(
        [0.9 - 1.2706, 0.9 + 1.2706], abs=1e-4
    )


def test_the_trial_is_told_over_the_banks_of_all_worlds():
    """Three banks of two worlds: .8, 1 and .9 of their intervals hold."""
    banks = [("easy", 1, 0.8), ("easy", 2, 1.0), ("hard", 1, 0.9)]
    rows = [(world, seed, "trial_holds_rules", share, 1) for world, seed, share in banks]
    other = [("easy", seed, "ari", 1.0, 1) for seed in (1, 2)]
    table = summary(
        pd.DataFrame([*rows, *other], columns=["world", "seed", "measure", "value", "of"])
    )
    (told,) = table[table["world"] == "trial"].to_dict("records")
    assert (told["measure"], told["banks"]) == ("trial_holds_rules", 3)
    # Student's with two degrees of freedom: 4.303 standard errors of .1 / root 3.
    assert told["mean"] == pytest.approx(0.9)
    assert told["low"] == pytest.approx(0.9 - 4.303 * 0.1 / 3**0.5, abs=1e-4)
    assert told["high"] == 1.0  # of a share
    assert told["expected"] == "0.93_to_0.97"


def test_nothing_is_claimed_of_the_null_world():
    measured = values(measure(Parameters(seed=3, world="null", **SMALL)), "null")
    assert measured["segments_found"] == 1
    assert "ari" not in measured


@pytest.mark.parametrize("world", ["easy", "null", "hard"])
def test_kept_table_covers_each_world(world):
    kept = pd.read_csv(TABLE, keep_default_na=False)
    rows = kept[kept["world"] == world].set_index("measure")
    assert set(rows.index) <= set(MEASURES)
    assert {"segments_found", "rules_surviving"} <= set(rows.index)
    assert (rows["banks"] > 0).all()
