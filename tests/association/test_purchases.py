"""What was held before, bought after, and in which segment."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from pmlib.association import Baskets, segments_at
from pmlib.association.purchases import collect_purchases
from pmlib.engine import DuckDBEngine
from tests.association.examples import AS_OF, customers, held_as, holdings


def test_purchases_leave_out_what_was_held_before(engine: DuckDBEngine) -> None:
    rows = [
        (0, "a", "2020-01-01", None), (0, "a", "2024-05-01", None),
        (1, "a", "2024-05-01", None), (1, "b", "2024-06-01", "2024-07-01"),
        (2, "b", "2025-05-01", None),
    ]  # fmt: skip
    segments = pd.DataFrame({"customer_id": range(3), "segment": 1})
    found = collect_purchases(
        engine.from_pandas(customers(3)), engine.from_pandas(holdings(rows)), products=["a", "b"],
        start=dt.date(2023, 12, 31), end=AS_OF, segments=engine.from_pandas(segments),
    )  # fmt: skip
    assert found.customers.tolist() == [1]
    assert found.acquired.tolist() == [[True, True]]
    assert found.held.tolist() == [[False, False]]


@pytest.mark.parametrize(
    ("k", "first", "expected"),
    [(1, "2020-01-01", "one"), (2, "2023-06-01", "later")],
    ids=["one segment", "short history"],
)
def test_segments_of_an_earlier_day_when_there_are_none(
    engine: DuckDBEngine, tmp_path: Path, k: int, first: str, expected: str
) -> None:
    booked = pd.DataFrame({"customer_id": [0], "booked_on": pd.to_datetime([first])})
    assignments = engine.from_pandas(pd.DataFrame({"customer_id": [0], "segment": [1]}))
    held = held_as(Baskets.from_table(pd.DataFrame({"card": [True]})), assigned=assignments)
    frame, known = segments_at(
        AS_OF - dt.timedelta(days=366), {"transactions": engine.from_pandas(booked)}, held,
        SimpleNamespace(k=k), engine=engine, folder=tmp_path,
    )  # fmt: skip
    assert known == expected
    assert frame is assignments
