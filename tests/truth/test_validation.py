"""The harness that holds the methods against the truth is itself true."""

from __future__ import annotations

import pandas as pd
import pytest

from pmlib.params import Parameters
from pmlib.truth.validation import MEASURES, TABLE, measure

SMALL = {"n_customers": 3_000, "n_months": 12, "n_bootstrap": 10, "sample_size": 1_500, "k_max": 7}


def test_the_easy_world_is_recognised():
    measured = measure(Parameters(seed=2, world="easy", **SMALL), trials=2)
    assert measured["ari"] > 0.8
    assert measured["false_rules"] < 0.1
    assert measured["planned_customers"] > 0
    assert {"covers_more_than_segments", "covers_more_than_rules"} <= set(measured)
    assert measured["covers_plan"] == 1
    assert measured["sheets_covered"] >= 0.6
    assert measured["cells_covered"] >= 0.8
    assert measured["trial_holds_segments"] >= 0.5


def test_nothing_is_claimed_of_the_null_world():
    measured = measure(Parameters(seed=3, world="null", **SMALL))
    assert measured["segments_found"] == 1
    assert "ari" not in measured


@pytest.mark.parametrize("world", ["easy", "null", "hard"])
def test_kept_table_covers_each_world(world):
    kept = pd.read_csv(TABLE, keep_default_na=False)
    rows = kept[kept["world"] == world].set_index("measure")
    assert set(rows.index) <= set(MEASURES)
    assert {"segments_found", "rules_surviving"} <= set(rows.index)
    assert (rows["banks"] > 0).all()
