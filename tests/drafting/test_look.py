"""What a scan of all cells makes of columns."""

from __future__ import annotations

import datetime as dt

import duckdb

from pmlib.drafting.look import RawColumn, look


def seen(texts: list[str | None], name: str = "date") -> RawColumn:
    with duckdb.connect() as connection:
        connection.execute(f'CREATE TABLE t ("{name}" VARCHAR)')
        connection.executemany("INSERT INTO t VALUES (?)", [[text] for text in texts])
        (column,) = look(connection, "t", dt.date(2026, 11, 27))
    return column


def forms_of(column: RawColumn) -> list[str]:
    return [fit.reading.form for fit in column.fits]


def test_one_row_decides_between_day_and_month():
    both = [f"{1 + i % 12:02d}/{1 + i % 11:02d}/2023" for i in range(300)]
    assert forms_of(seen(both)) == ["day-month-year", "month-day-year"]
    assert forms_of(seen([*both, "25/03/2023"])) == ["day-month-year"]
    assert forms_of(seen([*both, "03/25/2023"])) == ["month-day-year"]


def test_two_readings_that_come_to_the_same_are_one():
    assert forms_of(seen([f"{i % 12 + 1:02d}/{i % 12 + 1:02d}/2023" for i in range(50)])) == [
        "day-month-year"
    ]


def test_one_bad_cell_loses_no_column():
    column = seen([*("12.50", "-3.25") * 100, "about 7"], "amount")
    assert column.kind == "number"
    assert column.fits[0].unread.unreadable == 1


def test_repeated_ends_stand_for_no_value():
    column = seen([*map(str, range(100, 160)), "-999", "-999"], "income")
    assert column.fits[0].reading.missing == ["-999"]
    assert (column.fits[0].low, column.fits[0].read) == (100.0, 60)
    below = seen([*(str(i - 900) for i in range(100)), "-999", "-999"], "amount")
    assert below.fits[0].reading.missing == []
    open_ended = seen(["9999-12-31", "9999-12-31", "2024-01-05"], "closed")
    assert open_ended.latest == dt.date(2024, 1, 5)


def test_numbers_with_leading_zeros_are_text():
    assert seen(["0012", "0345", "6789"], "nr").kind == "text"
