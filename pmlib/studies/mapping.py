"""Guess which raw table and column is which canonical one, and write the guess as SQL."""

from __future__ import annotations

import datetime as dt
import functools
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import duckdb

from pmlib.schema import CONTRACTS

# Names by which banks call the columns of the contracts, without case, blanks and signs.
_SYNONYMS: Mapping[str, Mapping[str, str]] = {
    "customers": {
        "customer_id": "customerid customer custid customerno customernumber clientid client "
        "clientno clientnumber numeroclient nclient userid memberid partyid cif accountid "
        "kundennummer kundenid kundennr kunde id",
        "birth_date": "birthdate dateofbirth dob birthday born geburtsdatum",
        "gender": "gender sex geschlecht",
        "region": "region state province county bundesland district",
        "joined_on": "joinedon joined joindate customersince clientsince since registrationdate "
        "signupdate accountopened opendate kundeseit",
        "risk_tolerance": "risktolerance riskprofile riskappetite",
        "marketing_opt_out": "marketingoptout optout optedout donotcontact nomarketing",
    },
    "products": {
        "product_id": "productid productcode productno product produktid produkt produit id",
        "name": "name productname produktname description title",
        "family": "family category productfamily productgroup producttype type group",
        "risk_rating": "riskrating riskclass risk",
        "annual_margin": "annualmargin margin yearlymargin",
    },
    "holdings": {
        "customer_id": "",
        "product_id": "productid productcode productno product produktid produkt produit",
        "opened_on": "openedon opendate opened startdate start validfrom since begin boughton",
        "closed_on": "closedon closedate closed enddate end validto until",
    },
    "transactions": {
        "customer_id": "",
        "booked_on": "bookedon bookingdate bookdate date transactiondate trxdate valuedate "
        "postedon datum buchungsdatum day",
        "amount": "amount amt betrag sum value",
        "kind": "kind type transactiontype category purpose",
        "channel": "channel medium",
    },
    "contacts": {
        "campaign_id": "campaignid campaign campaignname wave",
        "customer_id": "",
        "contacted_on": "contactedon contactdate contacted sentdate senton date day",
        "arm": "arm treatment variant testgroup",
        "product_id": "productid productcode product produktid produkt produit",
        "channel": "channel medium",
        "cost": "cost contactcost",
        "propensity": "propensity probability",
        "responded": "responded response converted conversion accepted bought y target",
        "value": "value revenue profit margin spend",
    },
}
_IDENTIFYING = re.compile(
    r"name|mail|phone|mobile|address|street|iban|ssn|passport|birth_?number|tax", re.IGNORECASE
)
_SENSITIVE = re.compile(
    r"relig|ethn|race|nation|health|disab|orient|politic|union|marital", re.IGNORECASE
)
_MANY = 50
"""A text column with more different values than this is no category."""


@dataclass(frozen=True)
class RawColumn:
    """A raw column as it was seen: its kind, SQL that reads it, and how often it is filled.

    `signed` says that numbers below zero are among its values, `latest` is its last date.
    """

    name: str
    kind: str
    sql: str
    filled: int
    distinct: int
    read_as: str = ""
    signed: bool = False
    latest: dt.date | None = None


@dataclass
class Table:
    """A raw table, and once it is assigned, what its columns become."""

    name: str
    rows: int
    columns: list[RawColumn]
    mapped: dict[str, RawColumn] = field(default_factory=dict)
    attributes: list[tuple[str, RawColumn, str]] = field(default_factory=list)
    left_out: list[tuple[RawColumn, str]] = field(default_factory=list)


def assign(tables: list[Table]) -> dict[str, Table]:
    """Decide which raw table becomes which canonical one, in the order of the contracts.

    Empty when no table identifies customers. Where no table has a row for each customer,
    `customers` is the table whose ids are taken.
    """
    found: dict[str, Table] = {}
    for kind in ("contacts", "transactions", "holdings", "customers", "products"):
        free = [table for table in tables if table not in found.values()]
        fitting = [table for table in free if _fits(kind, table)]
        fitting.sort(key=lambda table: (not _hinted(kind, table.name), -table.rows))
        if fitting:
            found[kind] = fitting[0]
            fitting[0].mapped = _match(kind, fitting[0])
    if "customers" in found:
        _attributes(found["customers"])
    else:
        with_ids = [table for table in (*found.values(), *tables) if _customer(table)]
        if not with_ids:
            return {}
        found["customers"] = _ids_of(with_ids[0], "customer_id", _customer(with_ids[0]))
    for kind in ("holdings", "contacts"):
        if "products" not in found and kind in found and "product_id" in found[kind].mapped:
            found["products"] = _ids_of(found[kind], "product_id", found[kind].mapped["product_id"])
    return {kind: found[kind] for kind in CONTRACTS if kind in found}


def _hinted(kind: str, name: str) -> bool:
    hints = {
        "customers": "cust|client|people|member|person|kunde",
        "products": "prod|catalog",
        "holdings": "hold|own|polic|contract|bestand|account|kont[oe]|vertr|compte",
        "transactions": "trans|trx|payment|booking|buchung|beweg|umsatz|mouvement",
        "contacts": "contact|campaign|response|mailing",
    }
    return re.search(hints[kind], name, re.IGNORECASE) is not None


def _fits(kind: str, table: Table) -> bool:
    """Whether a raw table could be a canonical one: the columns that make it so are there."""
    got = _match(kind, table)
    customer = got.get("customer_id")
    product = got.get("product_id")
    if kind == "customers":
        return customer is not None and customer.distinct == customer.filled == table.rows
    if kind == "products":
        return product is not None and product.distinct == table.rows and _customer(table) is None
    if customer is None:
        return False
    if kind == "transactions":
        return {"booked_on", "amount"} <= got.keys()
    if kind == "holdings":
        return product is not None and "responded" not in _match("contacts", table)
    return "responded" in got or {"campaign_id", "arm"} <= got.keys()


def _customer(table: Table) -> RawColumn | None:
    """The column that names a customer, if there is one beside a plain 'id'."""
    return _by_name("holdings", table).get("customer_id")


def _ids_of(table: Table, target: str, column: RawColumn | None) -> Table:
    """The ids that a table names, in place of a table of their own."""
    return Table(table.name, table.rows, [], {target: column} if column else {})


def _match(kind: str, table: Table) -> dict[str, RawColumn]:
    """Find the columns of a contract: by name where the values are of its kind, else by type."""
    named = _by_name(kind, table)
    return named | _by_type(kind, table, named)


def _by_name(kind: str, table: Table) -> dict[str, RawColumn]:
    matched: dict[str, RawColumn] = {}
    for target, words in _SYNONYMS[kind].items():
        listed = words.split()
        if target == "customer_id" and not listed:
            listed = [word for word in _SYNONYMS["customers"][target].split() if word != "id"]
        wanted = CONTRACTS[kind].columns[target].kind
        free = [c for c in table.columns if c not in matched.values() and _may_be(c, wanted)]
        by_name = {_plain(column.name): column for column in reversed(free)}
        hit = next((by_name[word] for word in listed if word in by_name), None)
        if hit is not None:
            matched[target] = hit
    return matched


def _by_type(kind: str, table: Table, named: Mapping[str, RawColumn]) -> dict[str, RawColumn]:
    """Find what no name told: the one date, and the one amount that goes both ways.

    A table with one row for each customer describes customers, whatever else it holds; one that
    names products, or is called holdings, is taken for transactions only if it is called so.
    """
    customer = named.get("customer_id")
    free = [column for column in table.columns if column not in named.values()]
    dates = [column for column in free if column.kind == "date"]
    signed = [column for column in free if column.kind == "number" and column.signed]
    found: dict[str, list[RawColumn]] = {}
    if kind == "holdings" and "product_id" in named:
        found = {"opened_on": dates}
    elif (
        kind == "transactions"
        and customer is not None
        and customer.distinct < table.rows
        and (_hinted(kind, table.name) or not _looks_held(table))
    ):
        whole = [[c for c in columns if c.filled == table.rows] for columns in (dates, signed)]
        found = dict(zip(("booked_on", "amount"), whole, strict=True))
    return {
        target: replace(columns[0], read_as=f"{columns[0].read_as}, by its type alone".lstrip(", "))
        for target, columns in found.items()
        if target not in named and len(columns) == 1
    }


def _looks_held(table: Table) -> bool:
    return _hinted("holdings", table.name) or "product_id" in _by_name("holdings", table)


def _may_be(column: RawColumn, wanted: str) -> bool:
    kinds = {
        "key": {"text", "whole"}, "text": {"text", "whole", "flag"}, "number": {"number", "whole"},
        "whole": {"whole"}, "date": {"date"}, "flag": {"flag", "whole"},
    }  # fmt: skip
    if wanted == "flag" and column.kind == "whole":
        return column.distinct <= 2
    return column.kind in kinds[wanted]


def sql_name(text: str, *, otherwise: str) -> str:
    """A name that SQL takes without quotes, as near to the text as may be."""
    name = re.sub(r"\W+", "_", _ascii(text)).strip("_").lower()[:50] or otherwise
    return f"_{name}" if name[0].isdigit() or name in _reserved() else name


def unused(name: str, taken: set[str]) -> str:
    """The name, with underscores behind it until no other has it; taken from then on."""
    while name in taken:
        name += "_"
    taken.add(name)
    return name


@functools.cache
def _reserved() -> frozenset[str]:
    """Names that mean something to SQL and cannot stand there without quotes."""
    words = duckdb.execute("SELECT keyword_name, keyword_category FROM duckdb_keywords()")
    return frozenset(word for word, kind in words.fetchall() if kind != "unreserved")


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", _ascii(name)).lower()


def _ascii(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    return folded.encode("ascii", "ignore").decode()


def _attributes(table: Table) -> None:
    """Decide which further columns of customers describe them, and which are left out."""
    taken = set(CONTRACTS["customers"].columns)
    for column in table.columns:
        if column in table.mapped.values():
            continue
        if column.kind == "empty":
            table.left_out.append((column, "no value at all"))
        elif column.kind == "date":
            table.left_out.append((column, "a date: turn it into a number or use it as joined_on"))
        elif column.kind == "text" and _IDENTIFYING.search(column.name):
            table.left_out.append((column, "seems to identify a person"))
        elif column.kind == "text" and column.distinct > _MANY:
            table.left_out.append((column, f"{column.distinct:,} different texts: no category"))
        else:
            name = unused(sql_name(column.name, otherwise="attribute"), taken)
            role = "descriptor" if column.kind == "text" else "feature"
            role = "sensitive" if _SENSITIVE.search(column.name) else role
            table.attributes.append((name, column, role))


# --- SQL ----------------------------------------------------------------------------------------

_NULLS = {"key": "VARCHAR", "text": "VARCHAR", "number": "DOUBLE", "whole": "BIGINT",
          "date": "DATE", "flag": "BOOLEAN"}  # fmt: skip


def sql_of(kind: str, table: Table, as_of: dt.date) -> tuple[str, str]:
    """Write the SQL of a canonical table, and what else is to be said of it, after a semicolon."""
    ids_only = not table.columns
    parts: list[tuple[str, str]] = []
    for target, column in CONTRACTS[kind].columns.items():
        if target == "customer_hash":
            continue
        raw = table.mapped.get(target)
        if raw is not None:
            sql, comment = _read(target, column.kind, raw)
            if target == "closed_on" and raw.latest and raw.latest > as_of:
                day = sql.removesuffix(" AS closed_on")
                sql = f"CASE WHEN {day} <= DATE '{as_of}' THEN {day} END AS closed_on"
                comment += ", empty where the end lies ahead"
            parts.append((sql, comment))
        elif column.required:
            parts.append(_fill(target, column.kind, table, as_of))
    for name, raw, _ in table.attributes if kind == "customers" else []:
        how = f", {raw.read_as}" if raw.read_as else ""
        parts.append((f"{raw.sql} AS {name}", f"CHECK: from {raw.name!r}{how}"))
    lines = [f"-- CHECK: {kind} read from {table.name}."]
    if ids_only:
        lines.append("-- CHECK: no file has one row for each; the ones named there are taken.")
    lines += [f"-- Left out: {raw.name!r}, {why}." for raw, why in table.left_out]
    lines.append("SELECT DISTINCT" if ids_only else "SELECT")
    for number, (sql, comment) in enumerate(parts):
        comma = "," if number < len(parts) - 1 else ""
        flat = " ".join(comment.split())  # a column's name may hold a line break
        lines.append(f"    {sql}{comma}" + (f" -- {flat}" if flat else ""))
    lines.append(f"FROM {table.name}")
    if ids_only:
        lines.append(f"WHERE {parts[0][0].rsplit(' AS ', 1)[0]} IS NOT NULL")
    said = "; only the ids are known" if ids_only else ""
    if kind == "customers" and table.left_out:
        said += f"; left out {', '.join(raw.name for raw, _ in table.left_out)}"
    return "\n".join(lines) + "\n", said


def _read(target: str, kind: str, raw: RawColumn) -> tuple[str, str]:
    sql = raw.sql
    if kind in {"key", "text"}:  # ids stay as they are written: '007' is not 7
        sql = re.sub(r"::BIGINT$", "", sql)
        sql = sql if raw.kind in {"text", "whole"} and "trim(" in sql else f"{sql}::VARCHAR"
    if kind == "flag" and raw.kind == "whole":
        sql = f"{sql} <> 0"
    how = f", {raw.read_as}" if raw.read_as else ""
    return f"{sql} AS {target}", f"CHECK: from {raw.name!r}{how}"


def _fill(target: str, kind: str, table: Table, as_of: dt.date) -> tuple[str, str]:
    """Stand in for a column that the contract wants and the raw table does not seem to have."""
    product = table.mapped.get("product_id")
    stated = {
        "name": (_read("name", "text", product)[0] if product else "'?' AS name"),
        "family": "'other' AS family",
        "campaign_id": "'campaign' AS campaign_id",
        "contacted_on": f"DATE '{as_of}' AS contacted_on",
        "arm": "'offer' AS arm",
    }
    if target in stated:
        return stated[target], f"CHECK: no column for {target} was found"
    return f"NULL::{_NULLS[kind]} AS {target}", ""
