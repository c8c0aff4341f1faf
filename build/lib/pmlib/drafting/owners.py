"""Tables that name accounts and no customers: another table says whose each account is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from duckdb import DuckDBPyConnection as Connection

from pmlib.drafting.cells import Entry, text_of
from pmlib.drafting.look import RawColumn
from pmlib.drafting.names import plain
from pmlib.drafting.uses import CUSTOMER, Owners, Table, Use
from pmlib.studies.forms import quoted

_NAMES_ONE = r"(?i)id$|no$|nr|num|iban|key|code|account|konto|compte|cuenta|rekening|号"
_OWNED = 0.5
"""Accounts must be this share of the pairs of account and customer: a product has many."""


def find_owners(
    connection: Connection, tables: Sequence[Table], found: Mapping[str, RawColumn]
) -> dict[str, Owners]:
    """The table that says whose accounts are, by name of each table that only names accounts.

    `found` are the columns that name customers, as their names tell. Such a table gets the column
    `CUSTOMER`: of several customers of an account the first by id.
    """
    owners: dict[str, Owners] = {}
    for bridge in tables:
        customer = found.get(bridge.name)
        if customer is None:
            continue
        for account in bridge.columns:
            if account is customer or not re.search(_NAMES_ONE, account.name):
                continue
            for table in tables:
                own = next((c for c in table.columns if plain(c.name) == plain(account.name)), None)
                if table is bridge or own is None or table.name in owners:
                    continue
                told = found.get(table.name)
                if told is not None and (
                    told is not own or plain(told.name) == plain(customer.name)
                ):
                    continue
                if _owned(connection, bridge, account, customer):
                    owners[table.name] = Owners(bridge, account, customer, own)
    for table in tables:
        if table.name in owners:
            _add_customer(connection, table, owners[table.name])
    return owners


def _owned(connection: Connection, bridge: Table, account: RawColumn, customer: RawColumn) -> bool:
    pair = (
        text_of(connection, bridge.name, account.name),
        text_of(connection, bridge.name, customer.name),
    )
    accounts, pairs = connection.execute(
        f"SELECT count(DISTINCT {pair[0]}), count(DISTINCT ({pair[0]}, {pair[1]})) "  # noqa: S608
        f"FROM {quoted(bridge.name)} WHERE {pair[0]} IS NOT NULL"
    ).fetchall()[0]
    return bool(accounts > 1 and accounts >= _OWNED * pairs)


def _add_customer(connection: Connection, table: Table, owners: Owners) -> None:
    account = text_of(connection, owners.table.name, owners.account.name)
    customer = text_of(connection, owners.table.name, owners.customer.name)
    whose = (f"SELECT {account} AS _account, min({customer}) AS {CUSTOMER} "  # noqa: S608
             f"FROM {quoted(owners.table.name)} GROUP BY _account")  # fmt: skip
    own = text_of(connection, table.name, owners.own.name)
    connection.execute(
        f"CREATE OR REPLACE TABLE {quoted(table.name)} AS SELECT t.* EXCLUDE (_own), {CUSTOMER} "  # noqa: S608
        f"FROM (SELECT *, {own} AS _own FROM {quoted(table.name)}) t "
        f"LEFT JOIN ({whose}) owner ON _own = _account"
    )
    filled, distinct = connection.execute(
        f"SELECT count({CUSTOMER}), count(DISTINCT {CUSTOMER}) FROM {quoted(table.name)}"  # noqa: S608
    ).fetchall()[0]
    table.columns.append(RawColumn(CUSTOMER, "text", filled, distinct))


def tell_owners(use: Use, owners: Owners) -> None:
    """Make a use take its customers from their accounts, and say so."""
    use.owners = owners
    theirs = owners.table.label
    use.notes.append(f"{owners.own.name!r} names an account; {theirs} says by "
                     f"{owners.customer.name!r} whose it is.")  # fmt: skip
    account, customer = quoted(owners.account.name), quoted(owners.customer.name)
    several = (f"SELECT count(*) FROM (SELECT {account} FROM {quoted(owners.table.name)} GROUP BY "  # noqa: S608
               f"{account} HAVING count(DISTINCT {customer}) > 1)")  # fmt: skip
    text = f"Of {theirs}, accounts of several customers count for the first by id: {{n}}."
    use.counted.append((text, several))


def read_owners(read: dict[str, dict[str, Entry]], owners: Mapping[str, Owners]) -> None:
    """Have accounts and their customers read as text, for they are joined."""
    for name, one in owners.items():
        own = read.setdefault(name, {})
        own[one.own.name] = Entry({"as": "text"})
        theirs = read.setdefault(one.table.name, {})
        theirs[one.account.name] = Entry({"as": "text"})
        theirs.setdefault(one.customer.name, Entry({"as": "customer"}))
