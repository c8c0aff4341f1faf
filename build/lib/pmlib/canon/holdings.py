"""Who holds a product, and since when.

A holding counts from the day it was opened to the day before it was closed: ``opened_on`` is the
first day it is held, ``closed_on`` the first day it is no longer held. Every question follows from
this one. Where the opening day is not known, the product counts as held before; where the closing
day is not known, as held still.
"""

from __future__ import annotations

import datetime as dt

import narwhals as nw

from pmlib.engine import day_number


def held_on(day: dt.date | nw.Expr) -> nw.Expr:
    """Whether a holding is held as of a day: at its end, so what was opened on it counts.

    `day` is one day for all rows, or the day number (`pmlib.engine.day_number`) of each.
    """
    if isinstance(day, dt.date):
        opened, closed, at = nw.col("opened_on"), nw.col("closed_on"), nw.lit(day)
    else:
        opened, closed, at = day_number("opened_on"), day_number("closed_on"), day
    return (opened.is_null() | (opened <= at)) & (closed.is_null() | (closed > at))


def held_before(day: nw.Expr) -> nw.Expr:
    """Whether a holding was held when a customer was contacted: as of the day before.

    What was opened on the contact's `day` (a day number) may be what the contact sold, and what was
    closed on it may have been given up because of the contact; neither was known when the customer
    was chosen.
    """
    return held_on(day - 1)


def surely_held_before(day: nw.Expr) -> nw.Expr:
    """As `held_before`, by a known opening day: an undated holding may be what the contact sold."""
    return held_before(day) & ~undated()


def undated() -> nw.Expr:
    """Whether the opening day of a holding is not known."""
    return nw.col("opened_on").is_null()


def opened_by(day: dt.date) -> nw.Expr:
    """Whether a holding was opened on or before a day, held still or not; null where undated."""
    return nw.col("opened_on") <= nw.lit(day)


def held_products(holdings: nw.LazyFrame, day: dt.date) -> nw.LazyFrame:
    """Products held as of a day, each once a customer: ``customer_id, product_id``."""
    return holdings.filter(held_on(day)).select("customer_id", "product_id").unique()


def with_sales(holdings: nw.LazyFrame | None, contacts: nw.LazyFrame) -> nw.LazyFrame:
    """Add what customers bought when contacted to the holdings, unless those record it.

    ``customer_id, product_id, opened_on, closed_on``; a sale opens on the day of its contact.
    """
    pair = ["customer_id", "product_id"]
    sold = contacts.filter(nw.col("responded"), ~nw.col("product_id").is_null()).select(
        *pair, opened_on="contacted_on", closed_on=nw.lit(None, dtype=nw.Date)
    )
    if holdings is None:
        return sold
    sold = sold.join(holdings.select(*pair).unique(), on=pair, how="anti")
    return nw.concat([holdings.select(*pair, "opened_on", "closed_on"), sold], how="vertical")
