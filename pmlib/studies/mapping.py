"""Guess which raw table and column is which canonical one."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import duckdb

from pmlib.schema import CONTRACTS
from pmlib.studies import shapes
from pmlib.studies.look import RawColumn
from pmlib.studies.words import (
    CODES,
    DATE_HINT,
    HINTS,
    IDENTIFYING,
    MARKETING,
    MEASURE,
    OUTCOME,
    PRODUCT_WORDS,
    SENSITIVE,
    SYNONYMS,
)

_MANY = 50
"""A text column with more different values than this is no category."""

_SIDES = 6
"""A column with more different values than this says no direction of money."""

Shape = Literal["rows", "distinct", "ids", "wide", "constants", "last", "newest", "pairs"]


@dataclass
class Table:
    """A raw table: where it comes from, its rows, what its columns hold, and what its file calls
    them in words."""

    name: str
    label: str
    rows: int
    columns: list[RawColumn]
    labels: Mapping[str, str] = field(default_factory=dict)

    def column(self, name: str) -> RawColumn:
        """The column of that name."""
        return next(column for column in self.columns if column.name == name)


@dataclass(frozen=True)
class Owners:
    """Another table that says whose an account is: there `account` and `customer`, here `own`."""

    table: Table
    account: RawColumn
    customer: RawColumn
    own: RawColumn


@dataclass
class Use:
    """A raw table as one canonical table.

    Attributes
    ----------
    mapped
        Columns of the contract, and where they come from.
    attributes
        Further columns of customers: name, raw column, role.
    left_out
        Raw columns that are not taken, and why.
    shape
        How rows become rows: as they are (`rows`); each once (`distinct`); the different ids named
        in it (`ids`); a product a column (`wide`); what is the same in all rows of a customer
        (`constants`); the last filled cell of each column of a customer (`last`); the rows of the newest snapshot (`newest`); pairs of customer and product
        (`pairs`).
    products
        Of `wide`: the columns that are products.
    product
        Of holdings without a column for it: the product that all rows are of.
    snapshot
        Of `newest` and `wide`: the column that dates them.
    newest
        The newest snapshot, where that column holds no days.
    owners
        Where a table names accounts and no customers: who owns them.
    waves
        Of contacts: each day of a campaign is a campaign of its own.
    by_type
        Columns of the contract that no name told.
    notes
        What is to be said of it.
    counted
        What the report says of it: sentences with ``{n}``, and the SQL that counts it.
    """

    kind: str
    table: Table
    mapped: dict[str, RawColumn] = field(default_factory=dict)
    attributes: list[tuple[str, RawColumn, str]] = field(default_factory=list)
    left_out: list[tuple[RawColumn, str]] = field(default_factory=list)
    shape: Shape = "rows"
    products: list[RawColumn] = field(default_factory=list)
    product: str = ""
    snapshot: RawColumn | None = None
    newest: str = ""
    waves: bool = False
    owners: Owners | None = None
    by_type: frozenset[str] = frozenset()
    notes: list[str] = field(default_factory=list)
    counted: list[tuple[str, str]] = field(default_factory=list)


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
        fitting.sort(key=lambda use: (not _hinted(kind, use.table.name), -use.table.rows))
        many = kind in {"transactions", "holdings"}
        found += fitting if many else fitting[:1]
    found += _named_products(tables, found, customer_of)
    by_kind = {use.kind for use in found}
    named = [table for table in tables if table.name in customer_of]
    if not named:
        return []
    for table in tables:  # products as columns of a table that already serves, such as customers
        if "holdings" not in by_kind and table.name in customer_of:
            wide = _wide(table, customer_of[table.name])
            if wide is not None:
                found.append(wide)
                by_kind.add("holdings")
    if "customers" not in by_kind:
        found.append(_implied_customers(named, found, customer_of))
    if "holdings" not in by_kind:
        found += _implied_holdings(found, customer_of)
    _imply_products(found)
    order = list(CONTRACTS)
    return sorted(found, key=lambda use: order.index(use.kind))


def _hinted(kind: str, name: str) -> bool:
    return re.search(HINTS[kind], name, re.IGNORECASE) is not None


def _fit(kind: str, table: Table, customer: RawColumn | None) -> Use | None:
    """The use of a raw table as a canonical one, if the columns that make it so are there."""
    got = match(kind, table, customer)
    by_type = got.keys() - _by_name(kind, table, customer).keys()
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
        if customer.distinct == table.rows and not _hinted(kind, table.name):
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
        described = customer.distinct == table.rows and not _hinted(kind, table.name)
        return (
            use
            if is_contacts
            and not (described and not {"campaign_id", "arm", "contacted_on"} & got.keys())
            else None
        )
    if is_contacts:
        return None
    wide = _wide(table, customer)
    return use if product is not None else wide if wide and _only_products(table, wide) else None


def match(kind: str, table: Table, customer: RawColumn | None) -> dict[str, RawColumn]:
    """Find the columns of a contract: by name where the values are of its kind, else by type."""
    named = _by_name(kind, table, customer)
    named |= _by_type(kind, table, named)
    return named | _unread(kind, table, named)


def _unread(kind: str, table: Table, named: Mapping[str, RawColumn]) -> dict[str, RawColumn]:
    """Columns that are called days or amounts, and whose texts no form reads: how is asked."""
    found: dict[str, RawColumn] = {}
    for target, words in SYNONYMS[kind].items():
        wanted = _WANTED.get(target) or CONTRACTS[kind].columns[target].kind
        if target in named or wanted not in {"date", "number"}:
            continue
        taken = [*named.values(), *found.values()]
        by_name = {_bare(c.name): c for c in reversed(table.columns)
                   if c not in taken and c.distinct > 7
                   and (c.kind == "text" or (wanted == "date" and _from_1850(c)))}  # fmt: skip
        hit = next((by_name[word] for word in words.split() if word in by_name), None)
        if hit is not None:
            found[target] = hit
    return found


def _from_1850(column: RawColumn) -> bool:
    """Whether numbers may be years or months, but no days of a month."""
    return column.kind in {"whole", "number"} and column.fits[0].low >= 1850


def _bare(name: str) -> str:
    """A plain name without units behind it, such as (EUR) or in Euro."""
    return plain(re.sub(_UNIT, "", name)) or plain(name)


_UNIT = r"(?i)\s*[(\[].*?[)\]]\s*$|[\s_]+(?:in[\s_]+)?(?:eur|euros?|usd|gbp|chf|cny|rmb|inr|pln|czk|sek|us\$)\s*$"


def _by_name(kind: str, table: Table, customer: RawColumn | None) -> dict[str, RawColumn]:
    matched: dict[str, RawColumn] = {}
    if customer is not None and "customer_id" in SYNONYMS[kind]:
        matched["customer_id"] = customer
    for target, words in SYNONYMS[kind].items():
        if target == "customer_id":
            continue
        wanted = _WANTED.get(target) or CONTRACTS[kind].columns[target].kind
        free = [c for c in table.columns if c not in matched.values() and _may_be(c, wanted)]
        by_name = {_bare(column.name): column for column in reversed(free)}
        by_name |= {plain(column.name): column for column in reversed(free)}
        hit = next((by_name[word] for word in words.split() if word in by_name), None)
        if hit is not None:
            matched[target] = hit
    if kind == "customers" and not MARKETING.keys() & matched.keys():
        free = [c for c in table.columns if c not in matched.values() and _may_be(c, "flag")]
        hits = [(target, c) for target, part in MARKETING.items() for c in free
                if c.filled and re.search(part, c.name, re.IGNORECASE)]  # fmt: skip
        matched |= dict(hits[:1])
    if "direction" in matched and not 1 <= matched["direction"].distinct <= _SIDES:
        del matched["direction"]
    return matched


_WANTED = {"debit": "number", "credit": "number", "direction": "text", "marketing_consent": "flag"}


def _by_type(kind: str, table: Table, named: Mapping[str, RawColumn]) -> dict[str, RawColumn]:
    """Find what no name told: the one date, the one amount that goes both ways, the direction.

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
        found = {"booked_on": [c for c in dates if c.filled >= 0.95 * table.rows]}
        if not {"debit", "credit"} <= named.keys():
            found["amount"] = [c for c in signed if c.filled >= 0.95 * table.rows]
        pairs = [c for c in table.columns if c.kind in {"text", "flag"} and c is not customer
                 and shapes.as_direction(c.values)]  # fmt: skip
        found["direction"] = pairs if named.get("amount") and not named["amount"].signed else []
    return {
        target: columns[0]
        for target, columns in found.items()
        if target not in named and len(columns) == 1
    }


def _looks_held(table: Table) -> bool:
    return _hinted("holdings", table.name) or "product_id" in _by_name("holdings", table, None)


def _may_be(column: RawColumn, wanted: str) -> bool:
    kinds = {
        "key": {"text", "whole", "flag", "number"}, "text": {"text", "whole", "flag"},
        "number": {"number", "whole"}, "whole": {"whole"}, "date": {"date"},
        "flag": {"flag", "whole"},
    }  # fmt: skip
    if wanted == "flag":
        few = column.kind in {"whole", "text", "flag", "number"} and column.distinct <= 3
        return column.flag is not None or few or column.kind == "date"
    if column.kind == "number" and wanted == "key":
        return False
    return column.kind in kinds[wanted]


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
    if customer.distinct == table.rows or _hinted("customers", table.name):
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
    for target, column in _by_name("customers", table, customer).items():
        if column.name not in taken or target in {"birth_date", "joined_on"}:
            use.mapped[target] = column
    describe(use, without=taken)
    return use


def describe(use: Use, *, without: Sequence[str] = ()) -> None:
    """Decide which further columns of customers describe them, and which are left out, and why."""
    taken = set(CONTRACTS["customers"].columns)
    table = use.table
    for column in table.columns:
        if column in use.mapped.values() or column.name in without or column.name == "_file":
            continue
        reason = _no_attribute(column, table.rows)
        if reason:
            use.left_out.append((column, reason))
        else:
            name = unused(sql_name(column.name, otherwise="attribute"), taken)
            role = "descriptor" if column.kind in {"text", "flag"} else "feature"
            role = "sensitive" if re.search(SENSITIVE, column.name, re.IGNORECASE) else role
            use.attributes.append((name, column, role))


def _no_attribute(column: RawColumn, rows: int) -> str:
    """Why a column describes no customer; empty where it does."""
    name = column.name
    nearly_unique = column.distinct > 0.95 * column.filled and column.filled > 20
    if column.kind == "empty":
        return "no value at all"
    if re.search(OUTCOME, name, re.IGNORECASE):
        return "seems to be an outcome: it is known only afterwards"
    if column.kind == "date":
        return "a date: turn it into a number, or use it as joined_on"
    if re.search(IDENTIFYING, name, re.IGNORECASE) and (
        column.kind == "text" or column.distinct > _MANY
    ):
        return "seems to identify a person, a place or an account"
    if column.kind in {"whole", "number"} and re.search(CODES, name, re.IGNORECASE):
        return "a code, whose size means nothing"
    if column.kind == "text" and column.distinct > _MANY:
        return f"{column.distinct:,} different texts: no category"
    if column.kind == "whole" and nearly_unique and not re.search(MEASURE, name, re.IGNORECASE):
        return "nearly every value differs: a number that identifies, no measure"
    return ""


# --- products and holdings ----------------------------------------------------------------------


def _wide(table: Table, customer: RawColumn) -> Use | None:
    """Holdings where products are columns that say whether, or how many, a customer holds."""
    marks = [c for c in table.columns if c.name != customer.name and _is_mark(c, table.rows)]
    told = [c for c in marks if _speaks_of_product(c.name)]
    others = [
        c
        for c in table.columns
        if c not in marks
        and c.name not in {customer.name, "_file"}
        and c.kind not in {"date", "empty"}
    ]
    products = marks if len(marks) >= 3 and not others else told
    if others and len(told) > 2:  # marks that stand among products are products too
        at = [table.columns.index(column) for column in told]
        products = [c for c in marks if min(at) <= table.columns.index(c) <= max(at)]
    if len(products) < 2:
        return None
    use = Use("holdings", table, {"customer_id": customer}, shape="wide", products=products)
    untaken = [c.name for c in marks if c not in products]
    if untaken:
        use.notes.append(f"Not taken for products, though they say yes or no: {', '.join(untaken)}.")
    return use


def _is_mark(column: RawColumn, rows: int) -> bool:
    """Whether a column says yes or no, or how many; a blank may stand for none."""
    if column.flag is not None:
        return True
    few = column.kind == "whole" and column.distinct <= 10 and bool(column.fits)
    lowest = 0 if column.filled == rows else 1
    return few and 0 <= column.fits[0].low <= lowest and column.fits[0].high <= 20


def _speaks_of_product(name: str) -> bool:
    folded = _ascii(name).lower() or name.lower()
    return (
        any(word in folded or word in name.lower() for word in PRODUCT_WORDS)
        or re.match(r"(?i)ind_.*_ult\d|has_|holds_|prod", name) is not None
    )


def _only_products(table: Table, wide: Use) -> bool:
    """Whether all that a table says is which products are held."""
    rest = [c for c in table.columns if c not in wide.products and c not in wide.mapped.values()]
    return all(
        c.kind in {"date", "empty"}
        or re.search(DATE_HINT + "|month|monat|mois|_file", c.name, re.IGNORECASE)
        for c in rest
    )


def _named_products(
    tables: Sequence[Table], found: Sequence[Use], customer_of: Mapping[str, RawColumn]
) -> list[Use]:
    """Holdings whose product is what the file is called: loans.csv, cards.csv."""
    serving = [use.table for use in found]
    listed = next((use.table for use in found if use.kind == "customers"), None)
    uses = []
    for table in tables:
        customer = customer_of.get(table.name)
        name = table.name.removeprefix("raw_")
        if table in serving or customer is None or listed is None or not _speaks_of_product(name):
            continue
        got = {target: column for target, column in match("holdings", table, customer).items()
               if target != "product_id"}  # fmt: skip
        dates = [column for column in table.columns if column.kind == "date"]
        if "opened_on" not in got and len(dates) == 1:
            got["opened_on"] = dates[0]
        use = Use("holdings", table, got, product=name)
        use.notes.append(f"Each row of {table.label} is taken for a product held: {name!r}.")
        uses.append(use)
    return uses


def _implied_holdings(found: Sequence[Use], customer_of: Mapping[str, RawColumn]) -> list[Use]:
    """Pairs of customer and product that a table of payments names."""
    for use in found:
        if use.kind == "transactions":
            named = _by_name("holdings", use.table, customer_of[use.table.name])
            product = named.get("product_id")
            if (
                product is not None
                and product not in use.mapped.values()
                and product.distinct <= 500
            ):
                kept = {
                    k: c
                    for k, c in named.items()
                    if k in {"customer_id", "product_id"} or c not in use.mapped.values()
                }
                return [Use("holdings", use.table, kept, shape="pairs")]
    return []


def _imply_products(found: list[Use]) -> None:
    kinds = {use.kind for use in found}
    if "products" in kinds:
        return
    naming = [
        use
        for use in found
        if use.kind in {"holdings", "contacts"}
        and ("product_id" in use.mapped or use.products or use.product)
    ]
    for use in naming:
        mapped = {"product_id": use.mapped["product_id"]} if "product_id" in use.mapped else {}
        found.append(Use("products", use.table, mapped, shape="ids", products=use.products,
                         product=use.product))  # fmt: skip


# --- names --------------------------------------------------------------------------------------


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


def plain(name: str) -> str:
    """A name without case, accents, blanks and signs."""
    folded = unicodedata.normalize("NFKD", name.replace("ß", "ss"))
    kept = "".join(c for c in folded if not unicodedata.combining(c))
    return re.sub(r"[\W_]+", "", kept).lower()


def _ascii(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    return folded.encode("ascii", "ignore").decode()
