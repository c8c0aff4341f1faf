"""Products and who holds them, in whatever shape tables say so."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pmlib.drafting.look import RawColumn
from pmlib.drafting.matching import by_name, match
from pmlib.drafting.names import ascii_only
from pmlib.drafting.uses import Table, Use
from pmlib.studies.words import DATE_HINT, PRODUCT_WORDS


def wide_holdings(table: Table, customer: RawColumn) -> Use | None:
    """Holdings where products are columns that say whether, or how many, a customer holds."""
    marks = [c for c in table.columns if c.name != customer.name and _is_mark(c, table.rows)]
    told = [c for c in marks if speaks_of_product(c.name)]
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
        use.notes.append(
            f"Not taken for products, though they say yes or no: {', '.join(untaken)}."
        )
    return use


def _is_mark(column: RawColumn, rows: int) -> bool:
    """Whether a column says yes or no, or how many; a blank may stand for none."""
    if column.flag is not None:
        return True
    few = column.kind == "whole" and column.distinct <= 10 and bool(column.fits)
    lowest = 0 if column.filled == rows else 1
    return few and 0 <= column.fits[0].low <= lowest and column.fits[0].high <= 20


def speaks_of_product(name: str) -> bool:
    """Whether a name has a part that names of products have."""
    folded = ascii_only(name).lower() or name.lower()
    return (
        any(word in folded or word in name.lower() for word in PRODUCT_WORDS)
        or re.match(r"(?i)ind_.*_ult\d|has_|holds_|prod", name) is not None
    )


def only_products(table: Table, wide: Use) -> bool:
    """Whether all that a table says is which products are held."""
    rest = [c for c in table.columns if c not in wide.products and c not in wide.mapped.values()]
    return all(
        c.kind in {"date", "empty"}
        or re.search(DATE_HINT + "|month|monat|mois|_file", c.name, re.IGNORECASE)
        for c in rest
    )


def named_products(
    tables: Sequence[Table], found: Sequence[Use], customer_of: Mapping[str, RawColumn]
) -> list[Use]:
    """Holdings whose product is what the file is called: loans.csv, cards.csv."""
    serving = [use.table for use in found]
    listed = next((use.table for use in found if use.kind == "customers"), None)
    uses = []
    for table in tables:
        customer = customer_of.get(table.name)
        name = table.name.removeprefix("raw_")
        if table in serving or customer is None or listed is None or not speaks_of_product(name):
            continue
        got = {target: column for target, column in match("holdings", table, customer).items()
               if target != "product_id"}  # fmt: skip
        dates = [column for column in table.columns if column.kind == "date"]
        if "opened_on" not in got and len(dates) == 1:
            got["opened_on"] = dates[0]
        told = [c for c in table.columns if c not in got.values() and c.kind == "text"
                and len(c.values) >= 2]  # fmt: skip
        if len(told) == 1 and customer.distinct < customer.filled:  # a customer holds several
            got["product_id"] = told[0]
            use = Use("holdings", table, got, by_type=frozenset({"product_id"}))
            use.notes.append(f"{told[0].name!r} is taken for the product that is held.")
            uses.append(use)
            continue
        use = Use("holdings", table, got, product=name)
        use.notes.append(f"Each row of {table.label} is taken for a product held: {name!r}.")
        uses.append(use)
    return uses


def implied_holdings(found: Sequence[Use], customer_of: Mapping[str, RawColumn]) -> list[Use]:
    """Pairs of customer and product that a table of payments names."""
    for use in found:
        if use.kind == "transactions":
            named = by_name("holdings", use.table, customer_of[use.table.name])
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


def imply_products(found: list[Use]) -> None:
    """Add the products that holdings and contacts name, where no table lists them."""
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


def tell_spellings(uses: Sequence[Use]) -> None:
    """Say where one product seems to be spelled in several ways, in one table or in several."""
    spelled: dict[str, dict[str, Use]] = {}
    for use in uses:
        if (raw := use.mapped.get("product_id")) is not None:
            for word in raw.values:
                spelled.setdefault(re.sub(r"[\W_]", "", word).casefold(), {})[word] = use
    for ways in spelled.values():
        if len(ways) > 1:
            shown = " and ".join(map(repr, ways))
            next(reversed(ways.values())).notes.append(
                f"CHECK: {shown} seem to be one product: then write them alike in the SQL."
            )
