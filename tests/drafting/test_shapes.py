"""Which forms a sample proposes, and when there is a doubt."""

from __future__ import annotations

import datetime as dt

import pytest

from pmlib.drafting import shapes
from pmlib.studies.spec import Reading

TODAY = dt.date(2026, 11, 27)
DAYS = [dt.date(2023, 1, 1) + dt.timedelta(days=7 * i) for i in range(90)]


def day_forms(texts, name="date"):
    return [reading.form for reading in shapes.as_day(name, texts, TODAY)]


@pytest.mark.parametrize(
    ("written", "forms"),
    [
        ("%d.%m.%y", ["day-month-year"]),
        ("%y-%m-%d", ["year-month-day"]),
        ("%d-%b-%y", ["day-month-year"]),
        ("%Y/%m/%d", ["year-month-day"]),
        ("%d%b%Y:%H:%M:%S", ["day-month-year"]),
    ],
)
def test_days_of_two_years_tell_the_day_from_the_year(written, forms):
    assert day_forms([day.strftime(written) for day in DAYS]) == forms


def test_days_that_could_be_months_are_a_doubt():
    assert day_forms([f"{1 + i % 12:02d}/{1 + i % 11:02d}/2023" for i in range(40)]) == [
        "day-month-year", "month-day-year",
    ]  # fmt: skip


def test_numbers_of_days_are_told_by_when_a_bank_knows_days():
    excel, sas = ([str((day - since).days) for day in DAYS]
                  for since in (dt.date(1899, 12, 30), dt.date(1960, 1, 1)))  # fmt: skip
    assert day_forms(excel) == ["excel"]
    assert day_forms(sas) == ["sas"]
    assert "excel" in day_forms(sas, "birth_date")  # of 1964, as well as anything
    assert day_forms(excel, "balance") == []
    assert day_forms(["2021", "2022", "2023"]) == []  # years are no days


def test_amounts_with_nothing_but_groups_are_a_doubt():
    proposed = shapes.as_number(["1.724", "-13.836", "59"])
    assert [reading.form for reading in proposed] == ["1,234.56", "1.234,56"]
    assert [reading.form for reading in shapes.as_number(["1.724", "1.234.567"])] == ["1.234,56"]
    assert shapes.as_number(["0171 1234567x", "a", "b"]) == []


def test_flags_and_directions():
    assert shapes.as_flag(["J", "n"], blanks=False).yes_words == ["J"]
    assert shapes.as_flag(["F", "N"], blanks=False) is None
    assert shapes.as_direction({"D": 90, "c": 5, "X": 5}) == (["D"], ["c"])
    assert shapes.as_direction({"D": 50, "C": 5, "X": 45}) is None


@pytest.mark.parametrize(
    ("value", "is_one"), [(-999.0, True), (99999.0, True), (-990.0, False), (999.0, False),
                          (dt.date(9999, 12, 31), True), (dt.date(1950, 1, 1), False)]
)  # fmt: skip
def test_values_that_stand_for_none(value, is_one):
    as_ = "day" if isinstance(value, dt.date) else "amount"
    assert shapes.is_filler(value, Reading(as_=as_)) is is_one
