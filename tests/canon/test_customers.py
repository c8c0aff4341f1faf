"""How old customers are, whether adult, and who objects, on hand-made rows."""

from __future__ import annotations

import datetime as dt

import narwhals as nw
import pandas as pd
import pytest

from pmlib.canon.customers import (
    age,
    age_of,
    completed_years,
    is_minor,
    joined_by,
    may_object,
    objects,
    years_since,
)
from pmlib.engine import Engine, collect, day_number

# PySpark 4 was written before pandas 3: it says so, and uses a keyword that pandas 3 deprecates.
pytestmark = [
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
    pytest.mark.filterwarnings("ignore:The copy keyword is deprecated:DeprecationWarning"),
]


def dated(engine: Engine, column: str, days: list[dt.date | None]) -> nw.LazyFrame:
    frame = pd.DataFrame({"row": range(len(days)), column: pd.to_datetime(pd.Series(days))})
    return engine.from_pandas(frame).with_columns(nw.col(column).cast(nw.Date))


def values(frame: nw.LazyFrame, value: nw.Expr) -> list[object]:
    found = collect(frame.select("row", value=value), sort_by=["row"])["value"]
    return [None if pd.isna(each) else each for each in found]


@pytest.mark.parametrize(
    ("day", "years"),
    [
        (dt.date(2025, 6, 14), 17),  # the day before the 18th birthday
        (dt.date(2025, 6, 15), 18),
        (dt.date(2025, 12, 31), 18),
        (dt.date(2026, 6, 14), 18),
        (dt.date(2007, 6, 15), 0),
        (dt.date(2007, 6, 14), -1),
    ],
)
def test_age_changes_on_the_birthday(engine: Engine, day: dt.date, years: int) -> None:
    born = dated(engine, "birth_date", [dt.date(2007, 6, 15)])
    assert values(born, age(day)) == [years]
    assert values(born, is_minor(born, day)) == [years < 18]


@pytest.mark.parametrize(
    ("day", "years"),
    [
        (dt.date(2026, 2, 28), 17),
        (dt.date(2026, 3, 1), 18),
        (dt.date(2028, 2, 28), 19),
        (dt.date(2028, 2, 29), 20),
    ],
)
def test_a_leap_days_birthday_is_the_first_of_march_in_common_years(
    engine: Engine, day: dt.date, years: int
) -> None:
    born = dated(engine, "birth_date", [dt.date(2008, 2, 29)])
    assert values(born, age(day)) == [years]


def test_age_is_what_counting_birthdays_gives(engine: Engine) -> None:
    days = [dt.date(1990, 1, 1) + dt.timedelta(days=173 * i) for i in range(60)]
    today = dt.date(2025, 11, 17)
    # Counted one birthday after the other.
    counted = [
        sum(dt.date(year, d.month, d.day) <= today for year in range(d.year + 1, 2027))
        for d in days
        if (d.month, d.day) != (2, 29)
    ]
    born = dated(engine, "birth_date", [d for d in days if (d.month, d.day) != (2, 29)])
    assert values(born, age(today)) == counted


def test_years_with_the_bank_change_on_the_anniversary(engine: Engine) -> None:
    joined = dated(engine, "joined_on", [dt.date(2024, 12, 31), dt.date(2025, 1, 1), None])
    assert values(joined, completed_years("joined_on", dt.date(2025, 12, 31))) == [1, 0, None]


def test_years_with_their_fraction_have_no_step(engine: Engine) -> None:
    days = [dt.date(2005, 12, 31), dt.date(2006, 1, 1), None]
    born = dated(engine, "birth_date", days)
    today = dt.date(2025, 12, 31)
    expected = [pytest.approx((today - d).days / 365.25) if d else None for d in days]
    assert values(born, years_since("birth_date", today)) == expected
    moved = born.with_columns(day=nw.lit(today.toordinal(), dtype=nw.Int64))
    assert values(moved, years_since("birth_date", nw.col("day"))) == expected
    numbers = values(moved, nw.col("day") - day_number("birth_date"))
    assert numbers[:2] == [(today - d).days for d in days[:2] if d]


def test_without_a_birth_date_the_recorded_age_counts(engine: Engine) -> None:
    frame = engine.from_pandas(pd.DataFrame({"row": [0, 1, 2, 3], "age": [17.9, 18, None, 70]}))
    day = dt.date(2025, 1, 1)
    assert values(frame, is_minor(frame, day)) == [True, False, False, False]


def test_of_unknown_age_nobody_is_a_minor(engine: Engine) -> None:
    day = dt.date(2025, 1, 1)
    born = dated(engine, "birth_date", [None, dt.date(2020, 1, 1)])
    assert values(born, is_minor(born, day)) == [False, True]
    bare = engine.from_pandas(pd.DataFrame({"row": [0]}))
    assert age_of(bare, day) is None
    assert values(bare, is_minor(bare, day)) == [False]


def test_customers_have_joined_by_their_day_of_joining(engine: Engine) -> None:
    day = dt.date(2025, 3, 10)
    joined = dated(engine, "joined_on", [day, day + dt.timedelta(days=1), None])
    assert collect(joined_by(joined, day), sort_by=["row"])["row"].tolist() == [0, 2]
    bare = engine.from_pandas(pd.DataFrame({"row": [0, 1]}))
    assert len(collect(joined_by(bare, day), sort_by=["row"])) == 2


def test_an_unknown_objection_is_not_known_and_still_left_alone(engine: Engine) -> None:
    said = pd.array([True, False, None], dtype="boolean")
    frame = engine.from_pandas(pd.DataFrame({"row": [0, 1, 2], "marketing_opt_out": said}))
    assert values(frame, objects(frame)) == [True, False, None]
    assert values(frame, may_object(frame)) == [True, False, True]
    bare = engine.from_pandas(pd.DataFrame({"row": [0, 1]}))
    assert values(bare, objects(bare)) == [None, None]
    assert values(bare, may_object(bare)) == [False, False]
