"""How raw tables hang together: the columns that name customers, ids that meet, rows that repeat."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection as Connection

from pmlib.studies.forms import id_sql, text_sql
from pmlib.studies.look import RawColumn
from pmlib.studies.mapping import Table, Use, could_be_key, customer_column
from pmlib.studies.reading import as_text_sql, quoted
from pmlib.studies.spec import IdForm

_CHANGES: tuple[IdForm, ...] = (
    "without-leading-zeros", "without-point-zero", "as-number", "in-lower-case", "without-signs",
    "digits-only",
)  # fmt: skip
_MEETING = 0.5
"""Share of a column's values that must be keys of another table for it to name customers."""
_REPEATED = 0.2
"""Above this share of customers with several rows, a table is not one of customers with slips."""


@dataclass(frozen=True)
class Meeting:
    """How many different ids of a table are found among the customers, as written and changed."""

    table: Table
    column: RawColumn
    ids: int
    as_written: int
    changed: Mapping[IdForm, int]

    @property
    def best(self) -> IdForm:
        """The change under which most ids meet; as-written where none helps."""
        change = max(self.changed, key=lambda form: self.changed[form])
        return change if self.changed[change] > self.as_written else "as-written"


def customer_columns(connection: Connection, tables: Sequence[Table]) -> dict[str, RawColumn]:
    """The column of each table that names a customer, by name of the table.

    By the column's name; else the first unique column that is no day and no measure; else the
    column whose values are mostly such keys.
    """
    found = {table.name: column for table in tables if (column := customer_column(table))}
    if not found:
        unique = [(table, column) for table in tables for column in table.columns
                  if could_be_key(column, table.rows)]  # fmt: skip
        told = [
            pair for pair in unique if re.search(r"(?i)id$|no$|nr|num|key|code|号", pair[1].name)
        ]
        unique = (told or unique)[:1]
        found = {table.name: column for table, column in unique}
    keys = [(table, found[table.name]) for table in tables if table.name in found]
    for table in tables:
        if table.name in found or not keys:
            continue
        for column in table.columns:
            home, key = max(keys, key=lambda pair: pair[1].distinct)
            if column.kind in {"text", "whole"} and column.distinct > 1:
                ids, as_written, changed = _met(connection, home, key, table, column)
                if (
                    max(as_written, *changed.values()) >= _MEETING * ids
                    and ids > 0.02 * key.distinct
                ):
                    found[table.name] = column
                    break
    return found


def meetings(connection: Connection, customers: Use, others: Sequence[Use]) -> list[Meeting]:
    """How the ids of other tables meet those of the customers, where some do not."""
    key, kept = customers.mapped["customer_id"], "true"
    if customers.snapshot is not None:
        day, home = quoted(customers.snapshot.name), quoted(customers.table.name)
        kept = f"{day} = (SELECT max({day}) FROM {home})"  # noqa: S608
    found: list[Meeting] = []
    for use in others:
        column = use.mapped.get("customer_id")
        if column is None or use.table.name == customers.table.name:
            continue
        if use.table.name in [meeting.table.name for meeting in found]:
            continue
        ids, as_written, changed = _met(connection, customers.table, key, use.table, column, kept)
        if as_written < ids:
            found.append(Meeting(use.table, column, ids, as_written, changed))
    return found


def _met(
    connection: Connection, home: Table, key: RawColumn, table: Table, column: RawColumn,
    where: str = "true",
) -> tuple[int, int, dict[IdForm, int]]:  # fmt: skip
    """Different ids of a column; how many are keys as written; and under each change."""
    theirs = _ids(connection, table.name, column.name)
    ours = _ids(connection, home.name, key.name, where)
    forms: tuple[IdForm, ...] = ("as-written", *_CHANGES)
    counts = [
        f"(SELECT count(DISTINCT a.id) FROM {theirs} a WHERE {id_sql('a.id', form)} IN "  # noqa: S608
        f"(SELECT {id_sql('b.id', form)} FROM {ours} b))"
        for form in forms
    ]
    unique = [f"(SELECT count(DISTINCT {id_sql('b.id', form)}) FROM {ours} b)" for form in forms]  # noqa: S608
    row = connection.execute(
        f"SELECT (SELECT count(*) FROM {theirs}), {', '.join(counts)}, {', '.join(unique)}"  # noqa: S608
    ).fetchall()[0]
    met, differing = row[1 : 1 + len(forms)], row[1 + len(forms) :]
    # A change that makes two customers one is no way to join.
    changed = {form: n for form, n, left in zip(forms[1:], met[1:], differing[1:], strict=True)
               if left == differing[0]}  # fmt: skip
    return row[0], met[0], changed or {"in-lower-case": 0}


def _ids(connection: Connection, table: str, column: str, where: str = "true") -> str:
    types = {
        row[0]: str(row[1]) for row in connection.execute(f"DESCRIBE {quoted(table)}").fetchall()
    }
    own = text_sql(as_text_sql(column, types[column]))
    return f"(SELECT DISTINCT {own} AS id FROM {quoted(table)} WHERE {own} IS NOT NULL AND {where})"  # noqa: S608


def settle_rows(connection: Connection, use: Use) -> None:
    """Decide how several rows of a customer become one, and note what differs between them."""
    customer = use.mapped["customer_id"]
    table = use.table
    if use.shape == "wide":
        use.snapshot = _snapshot(connection, use, customer)
        return
    if use.kind != "customers" or customer.distinct >= customer.filled:
        return
    repeated, differing = _differing(connection, table, customer)
    use.snapshot = _snapshot(connection, use, customer)
    if use.snapshot is not None:
        use.shape = "newest"
        use.left_out = [(raw, why) for raw, why in use.left_out if raw is not use.snapshot]
        use.attributes = [a for a in use.attributes if a[1] is not use.snapshot]
        use.notes.append(
            f"{use.snapshot.distinct:,} snapshots by {use.snapshot.name!r}: the newest is taken."
        )
        newest = f"SELECT max({quoted(use.snapshot.name)}) FROM {quoted(table.name)}"  # noqa: S608
        text = f"Of {table.label}, a snapshot for each {use.snapshot.name}, the newest is taken: {{n}}."
        use.counted.append((text, newest))
        return
    rows = customer.filled - customer.distinct
    if use.shape == "rows" and repeated <= _REPEATED * customer.distinct:
        use.shape = "last"
        same = f"{customer.distinct:,} customers in {customer.filled:,} rows"
        counts = f"count(*) - count(DISTINCT {quoted(customer.name)})"
        repeats = (
            f"SELECT {counts} FROM {quoted(table.name)} WHERE {quoted(customer.name)} IS NOT NULL"  # noqa: S608
        )
        if differing:
            told = ", ".join(f"{name} ({n:,})" for name, n in differing.items())
            use.notes.append(
                f"{same}; of those with several the last is taken, though they differ in {told}."
            )
            text = (f"Of {table.label}, rows that repeat a customer are left out: {{n}}; the last is kept, "
                    f"and some differ in {', '.join(differing)}.")  # fmt: skip
        else:
            use.notes.append(f"{same}; {rows:,} rows repeat others and are dropped.")
            text = f"Of {table.label}, rows that repeat others are left out: {{n}}."
        use.counted.append((text, repeats))
        return
    use.shape = "constants"
    varying = [raw for raw in (*use.mapped.values(), *(a[1] for a in use.attributes))
               if raw is not customer and raw.name in differing]  # fmt: skip
    use.mapped = {target: raw for target, raw in use.mapped.items() if raw not in varying}
    use.attributes = [a for a in use.attributes if a[1] not in varying]
    use.left_out += [
        (raw, f"differs between rows of {differing[raw.name]:,} customers") for raw in varying
    ]


def _differing(
    connection: Connection, table: Table, customer: RawColumn
) -> tuple[int, dict[str, int]]:
    """Customers with several rows, and by column those whose rows differ in it."""
    key = quoted(customer.name)
    others = [c.name for c in table.columns if c.name != customer.name]
    repeated = 0
    found: dict[str, int] = {}
    for start in range(0, len(others), 16):
        names = others[start : start + 16]
        counts = ", ".join(
            f"count(DISTINCT coalesce({quoted(n)}::VARCHAR, '')) > 1 AS c{i}"
            for i, n in enumerate(names)
        )
        sums = ", ".join(f"count(*) FILTER (c{i})" for i in range(len(names)))
        repeated, *row = connection.execute(
            f"SELECT count(*), {sums or 'NULL'} FROM (SELECT {counts or '1'} FROM {quoted(table.name)} "  # noqa: S608
            f"WHERE {key} IS NOT NULL GROUP BY {key} HAVING count(*) > 1)"
        ).fetchall()[0]
        found |= {name: n for name, n in zip(names, row, strict=False) if n}
    return repeated, found


def _snapshot(connection: Connection, use: Use, customer: RawColumn) -> RawColumn | None:
    """The column that dates snapshots: with it, a customer's rows are one each."""
    table = use.table
    if customer.distinct >= customer.filled:
        return None
    kinds = [c for c in table.columns if c.name != customer.name and 2 <= c.distinct <= 400
             and c.filled == table.rows and c not in use.products
             and (c.kind == "date" or c.name == "_file" or re.search(_PERIOD, c.name))]  # fmt: skip
    kinds.sort(key=lambda c: (c.kind != "date", c.name != "_file"))
    for column in kinds:
        pairs = connection.execute(
            f"SELECT count(DISTINCT ({quoted(customer.name)}, {quoted(column.name)})) FROM {quoted(table.name)}"  # noqa: S608
        ).fetchall()[0][0]
        if pairs == customer.filled and column.distinct <= 0.5 * customer.distinct:
            return column
    return None


_PERIOD = r"(?i)month|monat|mois|mes$|maand|period|snapshot|stand|year|quarter|fecha|月|期"
