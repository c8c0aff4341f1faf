"""Who is how old, how long a customer, and who objects to marketing."""

from __future__ import annotations

import datetime as dt

import narwhals as nw

from pmlib.engine import day_number, uniform

# The halves must not repeat a sample that a chapter drew with the same seed.
_HALVES_STREAM = 3_000_017

ADULT = 18
"""Age in completed years from which a customer may be contacted, where the study knows ages."""


YEAR = 365.25
"""Days of a year, on average."""


def completed_years(column: str, day: dt.date) -> nw.Expr:
    """Anniversaries of a date column that have passed by a day, the day itself included.

    Who was born on 29 February has the birthday on 1 March in common years. Int64, null where the
    date is null.
    """
    date = nw.col(column)
    anniversary = date.dt.month().cast(nw.Int64) * 100 + date.dt.day().cast(nw.Int64)
    not_yet = (anniversary > day.month * 100 + day.day).cast(nw.Int64)
    return nw.lit(day.year) - date.dt.year().cast(nw.Int64) - not_yet


def age(day: dt.date) -> nw.Expr:
    """Completed years of life on a day: the age that laws and people mean."""
    return completed_years("birth_date", day)


def age_of(customers: nw.LazyFrame, day: dt.date) -> nw.Expr | None:
    """Age on a day: by the birth date, else as recorded; None where the study knows neither."""
    names = customers.collect_schema().names()
    if "birth_date" in names:
        return age(day)
    return nw.col("age") if "age" in names else None


def is_minor(customers: nw.LazyFrame, day: dt.date) -> nw.Expr:
    """Whether a customer is known to be under `ADULT` on a day; of unknown age counts as adult."""
    years = age_of(customers, day)
    return nw.lit(value=False) if years is None else (years < ADULT).fill_null(value=False)


def years_since(column: str, day: dt.date | nw.Expr) -> nw.Expr:
    """Years with their fraction since a date: a covariate or feature without yearly steps.

    Models and distances want the day, not the birthday: of two customers a day apart in age none
    should count as a year older. Who is an adult is decided by `age` alone. `day` is one day for
    all rows, or the day number of each.
    """
    number = day.toordinal() if isinstance(day, dt.date) else day
    return (number - day_number(column)).cast(nw.Float64) / YEAR


def joined_by(customers: nw.LazyFrame, day: dt.date) -> nw.LazyFrame:
    """The customers who had joined by a day; an unknown day of joining counts as before."""
    if "joined_on" not in customers.collect_schema().names():
        return customers
    return customers.filter(nw.col("joined_on").is_null() | (nw.col("joined_on") <= nw.lit(day)))


def objects(customers: nw.LazyFrame) -> nw.Expr:
    """Whether a customer objects to marketing; null where that is not known."""
    if "marketing_opt_out" in customers.collect_schema().names():
        return nw.col("marketing_opt_out")
    return nw.lit(None, dtype=nw.Boolean)


def may_object(customers: nw.LazyFrame) -> nw.Expr:
    """Whether a customer must be left alone: objects, or is not known to agree.

    Where a study records no objections at all, nobody is left alone for one; its report says so.
    """
    if "marketing_opt_out" in customers.collect_schema().names():
        return nw.col("marketing_opt_out").fill_null(value=True)
    return nw.lit(value=False)


def held_out(seed: int, share: float = 0.5) -> nw.Expr:
    """Whether a customer is of the part kept back to test on what the others suggested.

    Segments that are made, rules and policies are chosen and tested on the same two halves, so that
    no chapter tests on customers whom an earlier one chose by; a smaller share is part of the half.
    """
    return uniform("customer_hash", seed=seed + _HALVES_STREAM) < share
