"""How raw tables hang together: columns that name customers, ids that meet, rows that repeat."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection as Connection

from pmlib.drafting.cells import text_of
from pmlib.drafting.look import RawColumn
from pmlib.drafting.mapping import could_be_key, customer_column
from pmlib.drafting.owners import find_owners
from pmlib.drafting.periods import newest_of
from pmlib.drafting.repeats import settle_repeats
from pmlib.drafting.uses import CUSTOMER, Owners, Table, Use
from pmlib.studies.forms import id_sql, quoted, quoted_text
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
        best: IdForm = "as-written"
        most = self.as_written
        for form, n in self.changed.items():
            if n > most:
                best, most = form, n
        return best


def customer_columns(
    connection: Connection, tables: Sequence[Table]
) -> tuple[dict[str, RawColumn], dict[str, Owners]]:
    """The column of each table that names a customer, and who owns accounts, by name of the table.

    By the column's name; else the first unique column that is no day and no measure; else the
    column whose values are mostly such keys.
    """
    found = {table.name: column for table in tables if (column := customer_column(table))}
    owners = find_owners(connection, tables, found)
    found |= {table.name: table.column(CUSTOMER) for table in tables if table.name in owners}
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
    return found, owners


def meetings(connection: Connection, customers: Use, others: Sequence[Use]) -> list[Meeting]:
    """How the ids of other tables meet those of the customers, where some do not."""
    key, kept = customers.mapped["customer_id"], "true"
    if customers.snapshot is not None:
        day, home = quoted(customers.snapshot.name), quoted(customers.table.name)
        newest = f"(SELECT max({day}) FROM {home})"  # noqa: S608
        if customers.newest:
            newest = quoted_text(customers.newest)
        kept = f"{day} = {newest}"
    naming = [(use.table, own) for use in others if (own := use.mapped.get("customer_id"))]
    naming += [(one.table, one.customer) for use in others if (one := use.owners) is not None]
    columns = {table.name: (table, column) for table, column in reversed(naming)}
    columns.pop(customers.table.name, None)
    found = [
        Meeting(table, column, *_met(connection, customers.table, key, table, column, kept))
        for table, column in reversed(columns.values())
    ]
    return [meeting for meeting in found if meeting.as_written < meeting.ids]


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
    own = text_of(connection, table, column)
    return f"(SELECT DISTINCT {own} AS id FROM {quoted(table)} WHERE {own} IS NOT NULL AND {where})"  # noqa: S608


def settle_rows(connection: Connection, use: Use, today: dt.date) -> None:
    """Decide how several rows of a customer become one, and note what differs between them."""
    customer = use.mapped["customer_id"]
    if use.shape == "wide":
        _settle_snapshot(connection, use, customer, today)
    elif use.kind == "contacts":
        _settle_contacts(connection, use)
    elif use.kind in {"holdings", "transactions"} and use.shape == "rows":
        if use.kind == "transactions" or not _settle_snapshot(connection, use, customer, today):
            settle_repeats(connection, use)
    elif use.kind == "customers" and customer.distinct < customer.filled:
        _settle_customers(connection, use, customer, today)


def _settle_customers(
    connection: Connection, use: Use, customer: RawColumn, today: dt.date
) -> None:
    table = use.table
    repeated, differing = _differing(connection, table, customer)
    if _settle_snapshot(connection, use, customer, today):
        return
    if use.shape == "rows" and repeated <= _REPEATED * customer.distinct:
        use.shape = "last"
        _note_repeats(use, customer, differing)
        return
    listed, use.shape = use.shape == "rows", "constants"
    varying = [raw for raw in (*use.mapped.values(), *(a[1] for a in use.attributes))
               if raw is not customer and raw.name in differing]  # fmt: skip
    use.mapped = {target: raw for target, raw in use.mapped.items() if raw not in varying}
    use.attributes = [a for a in use.attributes if a[1] not in varying]
    use.left_out += [
        (raw, f"differs between rows of {differing[raw.name]:,} customers") for raw in varying
    ]
    if not listed:
        return  # payments and the like: nobody expects one row a customer
    said = ""
    if varying:
        names = ", ".join(raw.name for raw in varying)
        said = f"; columns that differ between them are left out ({names})"
    text = f"Of {table.label}, customers with several rows are put together{said}: {{n}}."
    use.counted.append((text, _several(table, customer)))


def _several(table: Table, customer: RawColumn) -> str:
    key = quoted(customer.name)
    return (f"SELECT count(*) FROM (SELECT {key} FROM {quoted(table.name)} WHERE {key} IS NOT NULL "  # noqa: S608
            f"GROUP BY {key} HAVING count(*) > 1)")  # fmt: skip


def _note_repeats(use: Use, customer: RawColumn, differing: Mapping[str, int]) -> None:
    table, key = use.table, quoted(customer.name)
    rows = customer.filled - customer.distinct
    same = f"{customer.distinct:,} customers in {customer.filled:,} rows"
    repeats = (
        f"SELECT count(*) - count(DISTINCT {key}) FROM {quoted(table.name)} "  # noqa: S608
        f"WHERE {key} IS NOT NULL"
    )
    if differing:
        told = ", ".join(f"{name} ({n:,})" for name, n in differing.items())
        use.notes.append(
            f"{same}; of those with several each column's last filled cell is taken, though they "
            f"differ in {told}."
        )
        names = ", ".join(differing)
        text = (
            f"Of {table.label}, rows that repeat a customer are put together: {{n}}; the last "
            f"filled cell is kept where they differ, as some do in {names}."
        )
    else:
        repeat = "row repeats another and is" if rows == 1 else "rows repeat others and are"
        use.notes.append(f"{same}; {rows:,} {repeat} dropped.")
        text = f"Of {table.label}, rows that repeat others are left out: {{n}}."
    use.counted.append((text, repeats))


def _settle_contacts(connection: Connection, use: Use) -> None:
    """Drop contacts that repeat others wholly, and tell waves of a campaign apart.

    Where customers were contacted on several days of one, each day becomes a campaign of its own.
    """
    table = use.table
    names = [target for target in ("campaign_id", "customer_id", "contacted_on")
             if target in use.mapped]  # fmt: skip
    keys = [quoted(use.mapped[name].name) for name in names]
    every = [quoted(raw.name) for raw in use.mapped.values()]
    own = [key for key, name in zip(keys, names, strict=True) if name != "contacted_on"]
    rows, distinct, contacts, dated = connection.execute(
        f"SELECT count(*), count(DISTINCT ({', '.join(every)})), "  # noqa: S608
        f"count(DISTINCT ({', '.join(own)})), count(DISTINCT ({', '.join(keys)})) "
        f"FROM {quoted(table.name)}"
    ).fetchall()[0]
    if distinct < rows:
        use.shape = "distinct"
        use.notes.append(f"{rows - distinct:,} contacts repeat others wholly and are dropped.")
        text = f"Of {table.label}, contacts that repeat others wholly are left out: {{n}}."
        sql = f"SELECT count(*) - count(DISTINCT ({', '.join(every)})) FROM {quoted(table.name)}"  # noqa: S608
        use.counted.append((text, sql))
    day = use.mapped.get("contacted_on")
    if contacts < distinct and dated == distinct and day is not None and day.distinct <= _WAVES:
        use.waves = True
        use.notes.append(
            f"Customers were contacted on several days of one campaign: each of the {day.distinct} "
            "days is taken for a campaign of its own."
        )
        text = f"Of {table.label}, each day of a campaign is taken for a campaign of its own."
        use.counted.append((text, ""))
    elif contacts < distinct:
        use.notes.append(
            f"{distinct - contacts:,} rows contact a customer again in the same campaign: decide "
            "in contacts.sql which of them counts, else the check will refuse them."
        )


def _differing(
    connection: Connection, table: Table, customer: RawColumn
) -> tuple[int, dict[str, int]]:
    """Customers with several rows, and by column those whose rows differ in it."""
    key = quoted(customer.name)
    others = [c.name for c in table.columns if c.name not in {customer.name, "_file"}]
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
            f"SELECT count(*), {sums or 'NULL'} FROM (SELECT {counts or '1'} "  # noqa: S608
            f"FROM {quoted(table.name)} WHERE {key} IS NOT NULL GROUP BY {key} HAVING count(*) > 1)"
        ).fetchall()[0]
        found |= {name: n for name, n in zip(names, row, strict=False) if n}
    return repeated, found


def _settle_snapshot(connection: Connection, use: Use, customer: RawColumn, today: dt.date) -> bool:
    """Take the newest snapshot where the rows of a customer are snapshots; say which it is."""
    column = use.snapshot = _snapshot(connection, use, customer)
    if column is None:
        return False
    if use.shape != "wide":
        use.shape = "newest"
    use.left_out = [(raw, why) for raw, why in use.left_out if raw is not column]
    use.attributes = [a for a in use.attributes if a[1] is not column]
    if column.kind != "date":
        own = quoted(column.name)
        found = connection.execute(
            f"SELECT DISTINCT {own} FROM {quoted(use.table.name)} WHERE {own} IS NOT NULL"  # noqa: S608
        ).fetchall()
        use.newest, dated = newest_of([str(value) for (value,) in found], today)
        if not dated:
            use.notes.append(
                f"CHECK: no day could be read from {column.name!r}: {use.newest!r} is the newest"
            )
    if use.shape == "wide" and column.kind == "date":
        return True
    shown = repr(use.newest) if use.newest else "the newest"
    use.notes.append(f"{column.distinct:,} snapshots by {column.name!r}: {shown} is taken.")
    text = f"Of {use.table.label}, of the snapshots by {column.name} the newest is taken: "
    newest = f"SELECT max({quoted(column.name)}) FROM {quoted(use.table.name)}"  # noqa: S608
    use.counted.append(
        (f"{text}{{n}}.", newest) if not use.newest else (f"{text}{use.newest}.", "")
    )
    if use.kind == "customers":
        key, home, day = quoted(customer.name), quoted(use.table.name), quoted(column.name)
        last = f"({newest})" if not use.newest else quoted_text(use.newest)
        own = (
            day
            if column.kind in {"date", "text"} or column.name == "_file"
            else f"{day}::BIGINT::VARCHAR"
        )
        kept = f"SELECT {key} FROM {home} WHERE {own} = {last} AND {key} IS NOT NULL"  # noqa: S608
        gone = f"SELECT count(DISTINCT {key}) FROM {home} WHERE {key} NOT IN ({kept})"  # noqa: S608
        text = (
            f"Of {use.table.label}, customers that only older snapshots name are left out: {{n}}."
        )
        use.counted.append((text, gone))
    return True


def _snapshot(connection: Connection, use: Use, customer: RawColumn) -> RawColumn | None:
    """The column that dates snapshots: with it, a customer's rows are one each."""
    table = use.table
    if customer.distinct >= customer.filled:
        return None
    keys, periods = quoted(customer.name), True
    if use.kind == "customers" and customer.filled <= (1 + _REPEATED) * customer.distinct:
        return None  # few are in several: parts of one list
    if use.kind == "holdings" and use.shape == "rows":  # a customer holds several products
        held = [raw for target, raw in use.mapped.items() if target != "closed_on"]
        keys, periods = ", ".join(quoted(raw.name) for raw in held), False
        different = connection.execute(
            f"SELECT count(DISTINCT ({keys})) FROM {quoted(table.name)}"  # noqa: S608
        ).fetchall()[0][0]
        if different > _AGAIN * table.rows:
            return None
    kinds = [c for c in table.columns if c.name != customer.name and 2 <= c.distinct <= 400
             and c.filled == table.rows and c not in use.products
             and ((c.kind == "date" and periods) or re.search(_PERIOD, c.name))]  # fmt: skip
    kinds.sort(key=lambda c: (c.kind != "date", c.name != "_file"))
    for column in kinds:
        pairs = connection.execute(
            f"SELECT count(DISTINCT ({keys}, {quoted(column.name)})) "  # noqa: S608
            f"FROM {quoted(table.name)}"
        ).fetchall()[0][0]
        if pairs == customer.filled and column.distinct <= 0.5 * customer.distinct:
            return column
    return None


_WAVES = 60
_AGAIN = 0.7
"""Holdings of which at most this share differ may be snapshots."""
_PERIOD = r"(?i)^_file$|month|monat|mois|mes$|maand|period|snapshot|stand|year|quarter|fecha|月|期"
