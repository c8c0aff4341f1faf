"""What was known of the bank on a day: its tables without what came later."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import narwhals as nw

from pmlib.canon.customers import joined_by
from pmlib.canon.holdings import opened_by, undated

_OF_CUSTOMERS = ("holdings", "transactions", "contacts")


def known_by(tables: Mapping[str, nw.LazyFrame], day: dt.date) -> dict[str, nw.LazyFrame]:
    """Cut canonical tables to what was known at the end of a day.

    ========================= ===================================================================
    customers                 who had joined (an unknown day counts as before) and was born
    holdings                  opened by then, or undated; a closing day that lies ahead is unknown
    transactions              booked by then
    contacts                  made by then, with their answer
    products, prospects       all: they bear no date
    ========================= ===================================================================

    What belongs to a customer who had not joined is left out, whatever its own date. An answer
    (``responded``, ``value``) bears no day of its own: it is known if its contact is. So are the
    attributes of customers and of products: they stay as the study has them. A study that knows
    them by day lets its SQL look them up.

    Parameters
    ----------
    tables : mapping
        Canonical tables by name, ``customers`` among them.
    day : datetime.date
        Its own rows are known.

    Returns
    -------
    dict
        The same tables; some may have no row left.
    """
    known = dict(tables)
    names = tables["customers"].collect_schema().names()
    known["customers"] = joined_by(tables["customers"], day)
    if "birth_date" in names:
        # Who was born later was no customer, even where the day of joining is not known.
        born = nw.col("birth_date").is_null() | (nw.col("birth_date") <= nw.lit(day))
        known["customers"] = known["customers"].filter(born)
    if "holdings" in known:
        ahead = nw.col("closed_on") > nw.lit(day)
        unknown = nw.lit(None, dtype=nw.Date)
        known["holdings"] = (
            known["holdings"]
            .filter(undated() | opened_by(day))
            .with_columns(closed_on=nw.when(~ahead).then(nw.col("closed_on")).otherwise(unknown))
        )
    for name, date in (("transactions", "booked_on"), ("contacts", "contacted_on")):
        if name in known:
            known[name] = known[name].filter(nw.col(date) <= nw.lit(day))
    if not {"joined_on", "birth_date"}.isdisjoint(names):
        ids = known["customers"].select("customer_id")
        for name in _OF_CUSTOMERS:
            if name in known:
                known[name] = known[name].join(ids, on="customer_id", how="semi")
    return known
