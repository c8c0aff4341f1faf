"""What was known of a bank on a day, on hand-made rows, each at the edge of a rule."""

from __future__ import annotations

import datetime as dt

import narwhals as nw
import pandas as pd
import pytest

from pmlib.canon.known import known_by
from pmlib.engine import Engine, collect

# PySpark 4 was written before pandas 3: it says so, and uses a keyword that pandas 3 deprecates.
pytestmark = [
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
    pytest.mark.filterwarnings("ignore:The copy keyword is deprecated:DeprecationWarning"),
]

LONG, EVE, DAY, NEXT = (
    dt.date(2020, 1, 1), dt.date(2025, 3, 9), dt.date(2025, 3, 10), dt.date(2025, 3, 11),
)  # fmt: skip

# Customers: (day of joining, day of birth), and whether they are known as of DAY.
PEOPLE = {
    "long": (LONG, dt.date(1980, 1, 1), True),
    "on the day": (DAY, dt.date(1980, 1, 1), True),
    "the day after": (NEXT, dt.date(1980, 1, 1), False),
    "joined some day": (None, dt.date(1980, 1, 1), True),
    "born later": (None, NEXT, False),
    "nothing known": (None, None, True),
}
# Holdings: (customer, opened, closed), and the closing day as of DAY, or "" where unknown then.
HOLDINGS = {
    "a": ("long", LONG, None, None),
    "b": ("long", DAY, None, None),
    "c": ("long", NEXT, None, ""),
    "d": ("long", LONG, DAY, DAY),
    "e": ("long", LONG, NEXT, None),
    "f": ("long", None, NEXT, None),
    "g": ("long", None, EVE, EVE),
    "h": ("the day after", None, None, ""),
    "i": ("born later", LONG, None, ""),
    "j": ("nothing known", LONG, None, None),
}


def dated(engine: Engine, rows: list[tuple], columns: list[str], dates: list[str]) -> nw.LazyFrame:
    frame = pd.DataFrame(rows, columns=columns)
    frame[dates] = frame[dates].apply(pd.to_datetime)
    return engine.from_pandas(frame).with_columns(nw.col(*dates).cast(nw.Date))


@pytest.fixture(scope="module")
def tables(engine: Engine) -> dict[str, nw.LazyFrame]:
    people = [(name, *row[:2]) for name, row in PEOPLE.items()]
    held = [(row[0], product, *row[1:3]) for product, row in HOLDINGS.items()]
    done = [(name, day) for name in ("long", "the day after") for day in (EVE, DAY, NEXT)]
    pair = ["customer_id", "product_id"]
    return {
        "customers": dated(
            engine, people, ["customer_id", "joined_on", "birth_date"], ["joined_on", "birth_date"]
        ),
        "holdings": dated(
            engine, held, [*pair, "opened_on", "closed_on"], ["opened_on", "closed_on"]
        ),
        "transactions": dated(engine, done, ["customer_id", "booked_on"], ["booked_on"]),
        "contacts": dated(engine, done, ["customer_id", "contacted_on"], ["contacted_on"]),
        "products": engine.from_pandas(pd.DataFrame({"product_id": list(HOLDINGS)})),
        "prospects": engine.from_pandas(pd.DataFrame({"customer_id": ["new"]})),
    }


def test_customers_had_joined_and_were_born(tables):
    left = collect(known_by(tables, DAY)["customers"], sort_by=["customer_id"])
    assert set(left["customer_id"]) == {name for name, row in PEOPLE.items() if row[2]}


def test_holdings_were_open_and_their_end_lay_ahead(tables):
    left = collect(known_by(tables, DAY)["holdings"], sort_by=["product_id"])
    closed = [None if pd.isna(day) else day.date() for day in left["closed_on"]]
    expected = {name: row[3] for name, row in HOLDINGS.items() if row[3] != ""}
    assert dict(zip(left["product_id"], closed, strict=True)) == expected


@pytest.mark.parametrize(("table", "date"), [("transactions", "booked_on"),
                                             ("contacts", "contacted_on")])  # fmt: skip
def test_of_what_was_done_the_day_itself_is_known(tables, table, date):
    left = collect(known_by(tables, DAY)[table], sort_by=["customer_id", date])
    found = list(zip(left["customer_id"], left[date].dt.date, strict=True))
    assert found == [("long", EVE), ("long", DAY)]


def test_what_bears_no_date_stays_and_nothing_given_changes(tables):
    known = known_by(tables, LONG)
    assert len(collect(known["products"], sort_by=["product_id"])) == len(HOLDINGS)
    assert len(collect(known["prospects"], sort_by=["customer_id"])) == 1
    assert len(collect(tables["customers"], sort_by=["customer_id"])) == len(PEOPLE)


def test_a_study_without_days_of_joining_keeps_its_customers(tables):
    bare = {**tables, "customers": tables["customers"].select("customer_id")}
    known = known_by(bare, LONG)
    assert len(collect(known["customers"], sort_by=["customer_id"])) == len(PEOPLE)
    assert set(collect(known["holdings"], sort_by=["product_id"])["product_id"]) == set("adefghij")
