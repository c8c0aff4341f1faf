"""Who holds a product on which day, on hand-made rows."""

from __future__ import annotations

import datetime as dt

import narwhals as nw
import pandas as pd
import pytest

from pmlib.canon.holdings import (
    held_before,
    held_on,
    held_products,
    opened_by,
    surely_held_before,
    undated,
    with_sales,
)
from pmlib.engine import Engine, collect

# PySpark 4 was written before pandas 3: it says so, and uses a keyword that pandas 3 deprecates.
pytestmark = [
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
    pytest.mark.filterwarnings("ignore:The copy keyword is deprecated:DeprecationWarning"),
]

EVE, DAY, NEXT = dt.date(2025, 3, 9), dt.date(2025, 3, 10), dt.date(2025, 3, 11)

# What a bank would say of each holding: (opened, closed), then whether it is held as of DAY,
# before a contact on DAY, and surely so.
KNOWN = {
    "open for long": (dt.date(2020, 1, 1), None, True, True, True),
    "opened the day before": (EVE, None, True, True, True),
    "opened on the day": (DAY, None, True, False, False),
    "opened the day after": (NEXT, None, False, False, False),
    "closed the day before": (dt.date(2020, 1, 1), EVE, False, False, False),
    "closed on the day": (dt.date(2020, 1, 1), DAY, False, True, True),
    "closed the day after": (dt.date(2020, 1, 1), NEXT, True, True, True),
    "opened and closed on the day": (DAY, DAY, False, False, False),
    "opened the day before, closed on the day": (EVE, DAY, False, True, True),
    "undated": (None, None, True, True, False),
    "undated, closed the day before": (None, EVE, False, False, False),
    "undated, closed on the day": (None, DAY, False, True, False),
    "undated, closed later": (None, NEXT, True, True, False),
}


@pytest.fixture(scope="module")
def holdings(engine: Engine) -> nw.LazyFrame:
    rows = [(name, "card", *given[:2]) for name, given in KNOWN.items()]
    frame = pd.DataFrame(rows, columns=["customer_id", "product_id", "opened_on", "closed_on"])
    for name in ("opened_on", "closed_on"):
        frame[name] = pd.to_datetime(frame[name])
    return engine.from_pandas(frame).with_columns(nw.col("opened_on", "closed_on").cast(nw.Date))


def those(holdings: nw.LazyFrame, rule: nw.Expr) -> set[str]:
    return set(collect(holdings.filter(rule), sort_by=[])["customer_id"])


def number(day: dt.date) -> nw.Expr:
    return nw.lit(day.toordinal(), dtype=nw.Int64)


@pytest.mark.parametrize("day", [DAY, number(DAY)], ids=["one day", "day numbers"])
def test_held_on_a_day_is_opened_by_then_and_not_closed_by_then(
    holdings: nw.LazyFrame, day: dt.date | nw.Expr
) -> None:
    assert those(holdings, held_on(day)) == {name for name, row in KNOWN.items() if row[2]}


def test_held_before_a_contact_is_neither_its_sale_nor_what_it_closed(
    holdings: nw.LazyFrame,
) -> None:
    expected = {name for name, row in KNOWN.items() if row[3]}
    assert those(holdings, held_before(number(DAY))) == expected
    assert those(holdings, held_on(EVE)) == expected


def test_surely_held_before_takes_a_known_opening_day(holdings: nw.LazyFrame) -> None:
    expected = {name for name, row in KNOWN.items() if row[4]}
    assert those(holdings, surely_held_before(number(DAY))) == expected


def test_opened_by_a_day_counts_what_was_closed_since_and_nothing_undated(
    holdings: nw.LazyFrame,
) -> None:
    expected = {name for name, row in KNOWN.items() if row[0] is not None and row[0] <= DAY}
    assert those(holdings, opened_by(DAY)) == expected
    assert those(holdings, undated()) == {name for name, row in KNOWN.items() if row[0] is None}


def test_a_product_held_twice_counts_once(engine: Engine) -> None:
    frame = pd.DataFrame(
        {"customer_id": "a", "product_id": ["card", "card", "loan"], "opened_on": EVE,
         "closed_on": [NEXT, dt.date(2026, 1, 1), DAY]}
    )  # fmt: skip
    found = collect(held_products(engine.from_pandas(frame), DAY), sort_by=[])
    assert found.to_numpy().tolist() == [["a", "card"]]


def test_what_a_contact_sold_is_held_from_that_day_on(engine: Engine) -> None:
    contacts = pd.DataFrame(
        {
            "customer_id": ["a", "b", "c", "d", "e"],
            "product_id": ["fund", "fund", "fund", None, "fund"],
            "contacted_on": DAY,
            "responded": pd.array([True, False, True, True, None], dtype="boolean"),
        }
    )
    # c's fund was closed since, as the holdings say.
    record = pd.DataFrame(
        {"customer_id": ["c"], "product_id": ["fund"], "opened_on": [DAY], "closed_on": [NEXT]}
    )
    asked = engine.from_pandas(contacts)
    for holdings, kept in ((None, {"a", "c"}), (engine.from_pandas(record), {"a"})):
        owned = with_sales(holdings, asked)
        assert those(owned, held_on(NEXT)) == kept
        assert those(owned, held_on(DAY)) == {"a", "c"}
        assert those(owned, held_before(number(DAY))) == set()
