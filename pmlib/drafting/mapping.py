"""Guess which raw table and column is which canonical one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pmlib.drafting.held import (
    implied_holdings,
    imply_products,
    named_products,
    only_products,
    wide_holdings,
)
from pmlib.drafting.look import RawColumn
from pmlib.drafting.matching import by_name, hinted, match, objections
from pmlib.drafting.names import plain, sql_name, unused
from pmlib.drafting.uses import Table, Use
from pmlib.schema import CONTRACTS
from pmlib.studies.words import CODES, IDENTIFYING, MEASURE, OUTCOME, SENSITIVE, SYNONYMS

_MANY = 50
"""A text column with more different values than this is no category."""


def assign(tables: Sequence[Table], customer_of: Mapping[str, RawColumn]) -> list[Use]:
    """Decide which raw tables become which canonical ones, in the order of the contracts.

    Parameters
    ----------
    tables : sequence of Table
    customer_of : mapping of str to RawColumn
        By raw table, the column that names a customer, where there is one.

    Returns
    -------
    list of Use
        Empty when no table names customers. Several tables of payments or of holdings are all
        taken; of other kinds the one that fits best.
    """
    found: list[Use] = []
    for kind in ("contacts", "transactions", "holdings", "customers", "products"):
        free = [t for t in tables if t not in [use.table for use in found]]
        fitting = [use for table in free if (use := _fit(kind, table, customer_of.get(table.name)))]
        fitting.sort(key=lambda use: (not hinted(kind, use.table.name), -use.table.rows))
        many = kind in {"transactions", "holdings"}
        found += [*fitting, *_alike(fitting, free)] if many else fitting[:1]
    found += named_products(tables, found, customer_of)
    by_kind = {use.kind for use in found}
    named = [table for table in tables if table.name in customer_of]
    if not named:
        return []
    for table in tables:  # products as columns of a table that already serves, such as customers
        if "holdings" not in by_kind and table.name in customer_of:
            wide = wide_holdings(table, customer_of[table.name])
            if wide is not None:
                found.append(wide)
                by_kind.add("holdings")
    if "customers" not in by_kind:
        found.append(_implied_customers(named, found, customer_of))
    if "holdings" not in by_kind:
        found += implied_holdings(found, customer_of)
    imply_products(found)
    order = list(CONTRACTS)
    return sorted(found, key=lambda use: order.index(use.kind))


def _alike(fitting: Sequence[Use], tables: Sequence[Table]) -> list[Use]:
    """Tables with the columns of one that fits, such as sheets of a month, however few their rows.

    A month in which each customer paid once would by itself be no table of payments.
    """
    of_columns = {use.table.names: use for use in fitting if use.shape == "rows"}
    taken = [use.table for use in fitting]
    found = []
    for table in tables:
        like = of_columns.get(table.names)
        if like is not None and table not in taken:
            own = {target: table.column(raw.name) for target, raw in like.mapped.items()}
            found.append(Use(like.kind, table, own, by_type=like.by_type))
    return found


def _fit(kind: str, table: Table, customer: RawColumn | None) -> Use | None:
    """The use of a raw table as a canonical one, if the columns that make it so are there."""
    got = match(kind, table, customer)
    by_type = got.keys() - by_name(kind, table, customer).keys()
    use = Use(kind, table, got, by_type=frozenset(by_type))
    product = got.get("product_id")
    if kind == "products":
        fits = product is not None and product.distinct == table.rows and customer is None
        return use if fits and len(table.columns) > 1 else None
    if customer is None:
        return None
    if kind == "customers":
        return _as_customers(use, customer)
    if kind == "transactions":
        if customer.distinct == table.rows and not hinted(kind, table.name):
            return None
        return (
            use
            if "booked_on" in got
            and ({"amount"} <= got.keys() or {"debit", "credit"} <= got.keys())
            else None
        )
    contacted = match("contacts", table, customer)
    is_contacts = "responded" in contacted or {"campaign_id", "arm"} <= contacted.keys()
    if kind == "contacts":
        files = [c for c in table.columns if c.name == "_file" and c.distinct > 1]
        if files and "campaign_id" not in got:
            use.mapped["campaign_id"] = files[0]
        described = customer.distinct == table.rows and not hinted(kind, table.name)
        return (
            use
            if is_contacts
            and not (described and not {"campaign_id", "arm", "contacted_on"} & got.keys())
            else None
        )
    if is_contacts:
        return None
    wide = wide_holdings(table, customer)
    return use if product is not None else wide if wide and only_products(table, wide) else None


# --- customers ----------------------------------------------------------------------------------


def customer_column(table: Table) -> RawColumn | None:
    """The column that names a customer, by its name; a plain 'id' only where it is unique."""
    words = SYNONYMS["customers"]["customer_id"].split()
    free = [c for c in table.columns if c.kind in {"text", "whole", "number"} and c.filled]
    by_name = {plain(column.name): column for column in reversed(free)}
    for word in words:
        hit = by_name.get(word)
        if hit is not None and (word != "id" or hit.distinct == hit.filled == table.rows):
            return hit
    return None


def could_be_key(column: RawColumn, rows: int) -> bool:
    """Whether a column is filled and unique, and neither a day nor a measure."""
    return (
        rows > 1
        and column.filled == column.distinct == rows
        and column.kind in {"text", "whole"}
        and re.search(MEASURE, column.name, re.IGNORECASE) is None
    )


def _as_customers(use: Use, customer: RawColumn) -> Use | None:
    table = use.table
    if customer.distinct == table.rows or hinted("customers", table.name):
        describe(use)
        return use
    return None


def _implied_customers(
    named: Sequence[Table], found: Sequence[Use], customer_of: Mapping[str, RawColumn]
) -> Use:
    """Customers where no table lists them: those that another names, and what it says of them."""
    serving = [use.table for use in found if use.table.name in customer_of]
    table = next(iter([*serving, *named]))
    customer = customer_of[table.name]
    taken = [
        c.name for use in found if use.table is table for c in (*use.mapped.values(), *use.products)
    ]
    use = Use("customers", table, {"customer_id": customer}, shape="constants")
    for target, column in by_name("customers", table, customer).items():
        if column.name not in taken or target in {"birth_date", "joined_on"}:
            use.mapped[target] = column
    describe(use, without=taken)
    return use


def describe(use: Use, *, without: Sequence[str] = ()) -> None:
    """Decide which further columns of customers describe them, and which are left out, and why."""
    taken = set(CONTRACTS["customers"].columns)
    table = use.table
    use.objections = [one for one in objections(table, use.mapped) if one[1].name not in without]
    told = [*use.mapped.values(), *(column for _, column in use.objections)]
    for column in table.columns:
        if column in told or column.name in without or column.name == "_file":
            continue
        reason = _no_attribute(column)
        if reason:
            use.left_out.append((column, reason))
        else:
            name = unused(sql_name(column.name, otherwise="attribute"), taken)
            role = "descriptor" if column.kind in {"text", "flag"} else "feature"
            role = "sensitive" if re.search(SENSITIVE, column.name, re.IGNORECASE) else role
            use.attributes.append((name, column, role))


def _no_attribute(column: RawColumn) -> str:
    """Why a column describes no customer; empty where it does."""
    name = column.name
    nearly_unique = column.distinct > 0.95 * column.filled and column.filled > 20
    if column.kind == "empty":
        return "no value at all"
    if re.search(OUTCOME, name, re.IGNORECASE):
        return "seems to be an outcome: it is known only afterwards"
    if column.kind == "date":
        return "a date, and only birth_date and joined_on are used: count days in the SQL"
    identifying = re.search(IDENTIFYING, name, re.IGNORECASE) and column.distinct > 2
    if identifying and (column.kind == "text" or column.distinct > _MANY):
        return "seems to identify a person, a place or an account"
    if column.kind in {"whole", "number"} and re.search(CODES, name, re.IGNORECASE):
        return "a code, whose size means nothing"
    if column.kind == "text" and column.distinct > _MANY:
        return f"{column.distinct:,} different texts: no category"
    if column.kind == "whole" and nearly_unique and not re.search(MEASURE, name, re.IGNORECASE):
        return "nearly every value differs: a number that identifies, no measure"
    return ""
