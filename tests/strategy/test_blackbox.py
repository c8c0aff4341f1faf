"""The black box finds what is planted."""

from __future__ import annotations

from pmlib import strategy
from tests.strategy.banks import PARAMETERS


def test_black_box_finds_the_planted_effect(case):
    compared = strategy.compare(case)
    found = strategy.with_black_box(case, compared)
    row = found.table.set_index("policy").loc["black_box"]
    assert found.facts["black_box"] in ("more", "less", "open")
    assert row["held_out"] > compared.held_out("random")
    assert row["spend"] <= PARAMETERS.budget * 1.01
    assert row["low"] < row["held_out"] < row["high"]
