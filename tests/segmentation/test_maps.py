"""The map of the customers."""

from __future__ import annotations

from pmlib.segmentation import map_segments


def test_the_map_shows_no_square_with_few_customers(bank):
    squares = map_segments(bank.assigned, bank.result, min_group_size=10).table
    assert (squares["customers"] >= 10).all()
