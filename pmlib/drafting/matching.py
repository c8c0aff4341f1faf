"""Which column of a raw table is which of a contract: by its name, else by its type."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pmlib.drafting import shapes
from pmlib.drafting.look import RawColumn
from pmlib.drafting.names import plain
from pmlib.drafting.uses import Table
from pmlib.schema import CONTRACTS
from pmlib.studies.words import ARM, HINTS, MARKETING, NOT, RESPONSE, SYNONYMS

SIDES = 6
"""A column with more different values than this says no direction of money."""


def hinted(kind: str, name: str) -> bool:
    """Whether the name of a file speaks of a kind of table."""
    return re.search(HINTS[kind], name, re.IGNORECASE) is not None


def match(kind: str, table: Table, customer: RawColumn | None) -> dict[str, RawColumn]:
    """Find the columns of a contract: by name where the values are of its kind, else by type."""
    named = by_name(kind, table, customer)
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
        of_name = {_bare(c.name): c for c in reversed(table.columns)
                   if c not in taken and (c.distinct > 7 or target == "propensity")
                   and (c.kind == "text" or (wanted == "date" and _from_1850(c)))}  # fmt: skip
        hit = next((of_name[word] for word in words.split() if word in of_name), None)
        if hit is not None:
            found[target] = hit
    return found


def _from_1850(column: RawColumn) -> bool:
    """Whether numbers may be years or months, but no days of a month."""
    return column.kind in {"whole", "number"} and column.fits[0].low >= 1850


def _bare(name: str) -> str:
    """A plain name without units behind it, such as (EUR) or in Euro."""
    return plain(re.sub(_UNIT, "", name)) or plain(name)


_UNIT = (
    r"(?i)\s*[(\[].*?[)\]]\s*$|[\s_]+(?:in[\s_]+)?"
    r"(?:eur|euros?|usd|gbp|chf|cny|rmb|inr|pln|czk|sek|us\$|[tk](?:eur|€)|tsd\.?|cents?|ct)\s*$"
)


def by_name(kind: str, table: Table, customer: RawColumn | None) -> dict[str, RawColumn]:
    """The columns of a contract that their names tell, where the values are of its kind."""
    matched: dict[str, RawColumn] = {}
    if customer is not None and "customer_id" in SYNONYMS[kind]:
        matched["customer_id"] = customer
    for target, words in SYNONYMS[kind].items():
        if target == "customer_id":
            continue
        wanted = _WANTED.get(target) or CONTRACTS[kind].columns[target].kind
        free = [c for c in table.columns if c not in matched.values() and _may_be(c, wanted)]
        of_name = {_bare(column.name): column for column in reversed(free)}
        of_name |= {plain(column.name): column for column in reversed(free)}
        hit = next((of_name[word] for word in words.split() if word in of_name), None)
        if hit is not None:
            matched[target] = hit
    if kind == "customers" and not MARKETING.keys() & matched.keys():
        matched |= dict(objections(table, matched)[:1])
    if "direction" in matched and not 1 <= matched["direction"].distinct <= SIDES:
        del matched["direction"]
    return matched


def objections(table: Table, taken: Mapping[str, RawColumn]) -> list[tuple[str, RawColumn]]:
    """Further columns that say who objects or agrees to marketing, objections first."""
    found: dict[str, tuple[str, RawColumn]] = {}
    for target, part in MARKETING.items():
        for column in table.columns:
            if column in taken.values() or not column.filled or not _may_be(column, "flag"):
                continue
            if re.search(part, column.name, re.IGNORECASE):
                found.setdefault(column.name, (target, column))
    return list(found.values())


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
    if kind == "contacts":
        arms = [c for c in free if may_be_arm(c) and re.search(ARM, c.name, re.IGNORECASE)]
        found = {"arm": arms[:1]}
        if {"campaign_id", "arm"} <= {*named, *(["arm"] if arms else [])} or hinted(
            kind, f"{table.name} {table.label}"
        ):
            found["responded"] = [c for c in free if _may_be(c, "flag") and c not in arms[:1]
                                  and re.search(RESPONSE, c.name, re.IGNORECASE)
                                  and not re.search(NOT, c.name)]  # fmt: skip
    if kind == "holdings" and "product_id" in named:
        found = {"opened_on": dates}
    elif (
        kind == "transactions"
        and customer is not None
        and customer.distinct < table.rows
        and (hinted(kind, table.name) or not _looks_held(table))
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


def may_be_arm(column: RawColumn) -> bool:
    """Whether a column of contacts has as few words as a campaign has arms."""
    return column.kind in {"text", "flag", "whole"} and 2 <= len(column.values) <= _ARMS


_ARMS = 12


def _looks_held(table: Table) -> bool:
    return hinted("holdings", table.name) or "product_id" in by_name("holdings", table, None)


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
