"""The contracts of the canonical tables: columns, kinds, keys, references, ranges."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["key", "text", "number", "whole", "date", "flag"]

KINDS: Mapping[Kind, tuple[str, str]] = {
    "key": ("text or a whole number", "::VARCHAR or ::BIGINT"),
    "text": ("text", "::VARCHAR"),
    "number": ("a number", "::DOUBLE"),
    "whole": ("a whole number", "::BIGINT"),
    "date": ("a date", "::DATE, or strptime(…, '%d.%m.%Y')::DATE for text"),
    "flag": ("true or false", "::BOOLEAN"),
}
"""Each kind of column: what it holds in words, and the cast that makes it so."""

HASH = "customer_hash"
"""Technical column of `customers`: an integer in [0, 2**32) from the md5 of the id."""

EARLIEST = dt.date(1850, 1, 1)
"""No date of a living customer lies before this: earlier ones are fillers such as 1800-01-01."""


@dataclass(frozen=True)
class Column:
    """A column of a contract.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    required : bool
        The table must have the column; `filled` says that no cell of it may be empty.
    low, high : float, optional
        Smallest and largest value; `above_low` excludes the smallest itself.
    refers_to : str, optional
        ``table.column`` where each value must be found.
    """

    kind: Kind
    required: bool = True
    filled: bool = False
    low: float | None = None
    high: float | None = None
    above_low: bool = False
    refers_to: str | None = None


@dataclass(frozen=True)
class Contract:
    """What a canonical table must look like.

    Parameters
    ----------
    columns : mapping of str to Column
    key : tuple of str
        The columns that identify a row (unique together), empty if none do.
    ordered : tuple of pairs of str
        Pairs of date columns of which the first may not lie after the second.
    """

    columns: Mapping[str, Column]
    key: tuple[str, ...] = ()
    ordered: tuple[tuple[str, str], ...] = ()


_CUSTOMER = Column("key", filled=True, refers_to="customers.customer_id")

CONTRACTS: Mapping[str, Contract] = {
    "customers": Contract(
        {
            "customer_id": Column("key", filled=True),
            HASH: Column("whole", filled=True, low=0, high=2**32 - 1),
            "birth_date": Column("date", required=False),
            "gender": Column("text", required=False),
            "region": Column("text", required=False),
            "joined_on": Column("date", required=False),
            "risk_tolerance": Column("whole", required=False, low=1, high=5),
            "marketing_opt_out": Column("flag", required=False),
        },
        key=("customer_id",),
        ordered=(("birth_date", "joined_on"),),
    ),
    "products": Contract(
        {
            "product_id": Column("key", filled=True),
            "name": Column("text", filled=True),
            "family": Column("text", filled=True),
            "risk_rating": Column("whole", low=1, high=5),
            "annual_margin": Column("number"),
        },
        key=("product_id",),
    ),
    "holdings": Contract(
        {
            "customer_id": _CUSTOMER,
            "product_id": Column("key", filled=True, refers_to="products.product_id"),
            "opened_on": Column("date"),
            "closed_on": Column("date"),
        },
        ordered=(("opened_on", "closed_on"),),
    ),
    "transactions": Contract(
        {
            "customer_id": _CUSTOMER,
            "booked_on": Column("date", filled=True),
            "amount": Column("number", filled=True),
            "kind": Column("text"),
            "channel": Column("text"),
        },
    ),
    "contacts": Contract(
        {
            "campaign_id": Column("key", filled=True),
            "customer_id": _CUSTOMER,
            "contacted_on": Column("date", filled=True),
            "arm": Column("text", filled=True),
            "product_id": Column("key", refers_to="products.product_id"),
            "channel": Column("text"),
            "cost": Column("number", low=0),
            "propensity": Column("number", low=0, high=1, above_low=True),
            "responded": Column("flag"),
            "value": Column("number"),
        },
        key=("campaign_id", "customer_id"),
    ),
    "prospects": Contract(
        {
            "customer_id": Column("key", filled=True),
            HASH: Column("whole", filled=True, low=0, high=2**32 - 1),
            "responded": Column("flag", required=False),
        },
        key=("customer_id",),
    ),
}
"""The contracts, by table, in the order in which tables are checked.

`prospects` are people to be ranked who are no customers yet, or of whom the answer is not known:
they have the attributes of customers, and `responded` where the answer has come in.
"""

TABLES = tuple(CONTRACTS)
