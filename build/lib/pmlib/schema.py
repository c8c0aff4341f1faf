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
    meaning : str
        What the column says, and what an empty cell of it says.
    """

    kind: Kind
    required: bool = True
    filled: bool = False
    low: float | None = None
    high: float | None = None
    above_low: bool = False
    refers_to: str | None = None
    meaning: str = ""


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


_CUSTOMER = Column("key", filled=True, refers_to="customers.customer_id", meaning="The customer.")

CONTRACTS: Mapping[str, Contract] = {
    "customers": Contract(
        {
            "customer_id": Column("key", filled=True,
                                  meaning="The customer, whatever a row of the files is."),
            HASH: Column("whole", filled=True, low=0, high=2**32 - 1),
            "birth_date": Column("date", required=False,
                meaning="Birthday; who is known to be a minor is offered nothing."),
            "gender": Column("text", required=False,
                meaning="Describes, and checks that a plan is fair; forms no segment."),
            "region": Column("text", required=False, meaning="Where the customer lives."),
            "joined_on": Column("date", required=False, meaning="First day with the bank."),
            "risk_tolerance": Column("whole", required=False, low=1, high=5,
                meaning="1 bears no risk, 5 any; nobody is offered a product rated higher."),
            "marketing_opt_out": Column("flag", required=False,
                meaning="True: objects to marketing and is left alone; empty too."),
        },
        key=("customer_id",),
        ordered=(("birth_date", "joined_on"),),
    ),
    "products": Contract(
        {
            "product_id": Column("key", filled=True, meaning="The product."),
            "name": Column("text", filled=True, meaning="As the report shall write it."),
            "family": Column("text", filled=True,
                             meaning="Kind: deposit, card, loan, wealth, insurance, payment, …"),
            "risk_rating": Column("whole", low=1, high=5,
                                  meaning="1 is safe, 5 very risky; empty suits every customer."),
            "annual_margin": Column("number",
                meaning="What one holder earns the bank a year, in the study's currency."),
        },
        key=("product_id",),
    ),
    "holdings": Contract(
        {
            "customer_id": _CUSTOMER,
            "product_id": Column("key", filled=True, refers_to="products.product_id",
                                 meaning="The product held."),
            "opened_on": Column("date", meaning="First day held; empty: held all along."),
            "closed_on": Column("date", meaning="First day no longer held; empty: held still."),
        },
        ordered=(("opened_on", "closed_on"),),
    ),
    "transactions": Contract(
        {
            "customer_id": _CUSTOMER,
            "booked_on": Column("date", filled=True, meaning="Day of the transaction."),
            "amount": Column("number", filled=True,
                meaning="In the study's currency; above 0 money comes in, below 0 it goes out."),
            "kind": Column("text", meaning="What the transaction is, in the bank's words."),
            "channel": Column("text", meaning="Way on which it was made: branch, card, app, …"),
        },
    ),
    "contacts": Contract(
        {
            "campaign_id": Column("key", filled=True,
                                  meaning="The campaign; each customer is in it once."),
            "customer_id": _CUSTOMER,
            "contacted_on": Column("date", filled=True,
                meaning="Day of the contact; in control, the day on which others had theirs."),
            "arm": Column("text", filled=True,
                meaning="`control`: left uncontacted on purpose; any other name: contacted so."),
            "product_id": Column("key", refers_to="products.product_id",
                                 meaning="The product offered; empty: none in particular."),
            "channel": Column("text",
                meaning="Way of the contact: letter, call, e-mail, …; empty: none made."),
            "cost": Column("number", low=0,
                           meaning="Of this one contact, in the study's currency."),
            "propensity": Column("number", low=0, high=1, above_low=True,
                meaning="Probability with which chance gave this arm; empty: not by chance."),
            "responded": Column("flag",
                                meaning="Whether the offer was taken up; empty: not yet known."),
            "value": Column("number",
                meaning="What it sold, in the study's currency: margin or price, see `value_is`."),
        },
        key=("campaign_id", "customer_id"),
    ),
    "prospects": Contract(
        {
            "customer_id": Column("key", filled=True, meaning="The person."),
            HASH: Column("whole", filled=True, low=0, high=2**32 - 1),
            "responded": Column("flag", required=False,
                                meaning="The answer, where it has come in."),
        },
        key=("customer_id",),
    ),
}  # fmt: skip
"""The contracts, by table, in the order in which tables are checked.

`prospects` are people to be ranked who are no customers yet, or of whom the answer is not known:
they have the attributes of customers, and `responded` where the answer has come in.
"""

TABLES = tuple(CONTRACTS)
