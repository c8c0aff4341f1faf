"""The forms of amounts, days, flags and ids: what SQL reads, against values by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pmlib.studies import forms
from pmlib.studies.spec import Reading


def read(
    texts: list[str], reading: Reading, sql: Callable[..., str] = forms.reading_sql, **how: Any
) -> list[Any]:
    """What a form makes of texts, in their order."""
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t (n INTEGER, c VARCHAR)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", list(enumerate(texts)))
        asked = f"SELECT {sql('c', reading, **how)} FROM t ORDER BY n"
        return [row[0] for row in connection.execute(asked).fetchall()]


AMOUNTS = {
    "1,234.56": {
        "1,234.56": 1234.56, "-€12.30": -12.3, "€-12.30": -12.3, "(123.45)": -123.45,
        "$(123.45)": -123.45, "($123.45)": -123.45, "12.30 CR": 12.3, "12.30DR": -12.3,
        "12.30 Dr.": -12.3, "12.30 (Cr)": 12.3, "D 12.30": -12.3, "12.30-": -12.3,
        "\u221212.30": -12.3, "\u201412.30": -12.3, "12,34,567.5": 1234567.5, "Rs.172.39": 172.39,
        "S$12.30": 12.3, "R 12.30": 12.3, "1.5E+03": 1500.0, "12.5 %": 0.125, "'12.30": 12.3,
        '="12.30"': 12.3, "\uff11\uff12.5": 12.5, "\uffe512": 12.0, "-.50": -0.5,
        "1.234,56": None, "12-30": None, "1_000": None, "12.30 CR-": None, "inf": None, "x": None,
        "-12.30 CR": None,
    },
    "1.234,56": {
        "1.234,56 €": 1234.56, "-1.825": -1825.0, "12,-": 12.0, "-12,-": -12.0, "12,--": 12.0,
        "EUR 12,5": 12.5, "12,30 S": -12.3, "12,30 H": 12.3, "1,5e-3": 0.0015, "12.50": None,
        "(12,30) €": -12.3, "12,30 kr": 12.3,
    },
    "1 234,56": {"1\u202f234,56\u00a0€": 1234.56, "1\u00a0234": 1234.0, "-1 234,5": -1234.5},
    "1'234.56": {"CHF 1\u2019234.50": 1234.5, "1'234.-": 1234.0},
}  # fmt: skip


@pytest.mark.parametrize("form", AMOUNTS)
def test_amounts_are_read_as_people_mean_them(form):
    texts = AMOUNTS[form]
    got = read(list(texts), Reading(as_="amount", form=form))
    assert dict(zip(texts, got, strict=True)) == pytest.approx(texts, nan_ok=True)


PLAIN = ["12", "-12", "1234.5", "1234,5", "1,234.5", "1.234,5", "-1.234.567,25", "1 234,5",
         "1'234.5", "1e3", "-1,5E-3", "1_000", "inf", "nan", ".5", "5.", "--5",
         "2024-02-29", "29.02.2024", "02/29/2024", "2023-02-29", "2024-02-29 10:00"]  # fmt: skip


@pytest.mark.parametrize(
    "reading",
    [
        *(Reading(as_="amount", form=form, sign=sign) for sign in ("as-written", "spending")
          for form in (*forms.AMOUNT_FORMS, "1.234", "1234")),
        *(Reading(as_="day", form=form) for form in (*forms.ORDERS, "excel")),
    ],
    ids=lambda reading: f"{reading.form} {reading.sign}",
)  # fmt: skip
def test_the_short_way_of_reading_gives_what_the_long_one_gives_or_nothing(reading):
    whole = read(PLAIN, reading)
    short = read(PLAIN, reading, forms.usual_sql)
    assert any(value is not None for value in short)
    pairs = zip(short, whole, strict=True)
    assert all(value is None or value == full for value, full in pairs)


def test_what_is_spent_goes_out_and_what_is_marked_as_credit_comes_in():
    reading = Reading(as_="amount", form="1,234.56", sign="spending")
    assert read(["12.5", "-3", "4 CR", "4 DR"], reading) == [-12.5, 3.0, 4.0, -4.0]


def test_a_direction_may_be_a_blank_cell_and_an_unknown_word_is_no_amount():
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t AS SELECT * FROM (VALUES ('5', 'D'), ('6', NULL), "
                           "('7', 'X'), ('-8', 'd')) v (c, side)")  # fmt: skip
        sql = forms.reading_sql("c", Reading(
            as_="amount", form="1234.56", direction="side", out=["D"], in_=[""]
        ))  # fmt: skip
        got = connection.execute(f"SELECT {sql} FROM t").fetchall()
    assert [row[0] for row in got] == [-5.0, 6.0, None, 8.0]


DAY = dt.date(2024, 4, 7)
DAYS = {
    "day-month-year": (
        "07.04.2024", "7/4/2024 8:26", "7. April 2024", "Sonntag, den 7. April 2024", "07APR2024",
        "7 de abril de 2024", "7º de abril del 2024", "dimanche 7 avril 2024", "07-avr.-2024",
        "7th of April, 2024", "07APR2024:08:26:11", "07.\u00a004.\u00a02024", "07042024",
        "2024-04-07", "08:26 07.04.2024", "Sun, 07 Apr 2024 08:26:11 +0100",
    ),
    "month-day-year": (
        "04/07/2024", "4/7/2024 8:26:00 PM", "Apr. 7, 2024", "Sunday, April 7, 2024",
        "Sun Apr 07 08:26:11 2024", "Sun Apr 07 08:26:11 CET 2024", "Apr 07 2024 08:26",
        "Sun Apr 07 2024 08:26:11 GMT+0100",
    ),
    "year-month-day": (
        "2024-04-07T08:26:11.123+01:00", "2024年4月7日", "2024年4月7日 8时26分", "20240407",
        "2024年4月7日 星期日", "20240407082611", "2024-04-07-08.26.11.123456", "2024. 04. 07.",
    ),
    "excel": ("45389", "45389.354", "45389,354"),
    "sas": ("23473",),
    "sas-seconds": ("2028098400",),
    "unix": ("1712482800", "1712482800.5"),
    "unix-days": ("19820",),
    "unix-milliseconds": ("1712482800000",),
}  # fmt: skip


@pytest.mark.parametrize("form", DAYS)
def test_days_are_read_as_people_mean_them(form):
    texts = DAYS[form]
    got = read(list(texts), Reading(as_="day", form=form))
    assert dict(zip(texts, got, strict=True)) == dict.fromkeys(texts, DAY)


@pytest.mark.parametrize("text", ["31.02.2024", "0000-00-00", "07.04.24", "Apr 07 08:26", "7.4"])
def test_what_is_no_day_is_nothing(text):
    assert read([text], Reading(as_="day", form="day-month-year")) == [None]


def test_years_of_two_digits_turn_at_the_pivot():
    reading = Reading(as_="day", form="day-month-year", pivot=26)
    assert read(["07.04.26", "07-APR-27"], reading) == [dt.date(2026, 4, 7), dt.date(1927, 4, 7)]


def test_ids_are_changed_as_the_study_says():
    texts = ["00012.0", "A-1 2"]
    reading = Reading(as_="customer")
    assert read(texts, reading, ids="as-number") == ["12", "A-1 2"]
    assert read(texts, reading, ids="without-signs") == ["000120", "A12"]
    assert read(texts, reading, ids="digits-only") == ["000120", "12"]
    assert read(texts, reading, ids="as-written") == texts


# --- there and back -----------------------------------------------------------------------------

_WAYS = {
    "minus": lambda s, below: f"-{s}" if below else s,
    "parentheses": lambda s, below: f"({s})" if below else s,
    "behind": lambda s, below: f"{s}-" if below else s,
    "marks": lambda s, below: f"{s} DR" if below else f"{s} CR",
    "currency": lambda s, below: f"-€ {s}" if below else f"€ {s}",
    "code": lambda s, below: f"-{s} EUR" if below else f"{s} EUR",
}


@settings(max_examples=60)
@given(
    st.lists(st.integers(-(10**11), 10**11), min_size=1, max_size=20),
    st.sampled_from(forms.AMOUNT_FORMS),
    st.sampled_from(sorted(_WAYS)),
)
def test_an_amount_comes_back_from_every_form_and_sign(cents, form, way):
    group, point = forms.separators(form)
    texts = [
        _WAYS[way](f"{abs(c) // 100:,}".replace(",", group) + f"{point}{abs(c) % 100:02d}", c < 0)
        for c in cents
    ]
    got = read(texts, Reading(as_="amount", form=form))
    assert got == pytest.approx([c / 100 for c in cents])


@settings(max_examples=60)
@given(
    st.lists(st.dates(dt.date(1930, 1, 1), dt.date(2099, 12, 31)), min_size=1, max_size=20),
    st.sampled_from([
        ("year-month-day", "%Y-%m-%d"), ("year-month-day", "%Y%m%d"),
        ("day-month-year", "%d.%m.%Y"),
        ("day-month-year", "%d-%b-%Y"), ("day-month-year", "%A, %d %B %Y"),
        ("month-day-year", "%m/%d/%Y %I:%M %p"), ("month-day-year", "%B %d, %Y"),
        ("month-day-year", "%a %b %d %H:%M:%S %Y"),
    ]),
)  # fmt: skip
def test_a_day_comes_back_from_every_form(days, form):
    order, written = form
    assert read([day.strftime(written) for day in days], Reading(as_="day", form=order)) == days
