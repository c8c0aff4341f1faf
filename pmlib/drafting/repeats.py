"""Payments and holdings that stand in several files, sheets or tables: they count once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from duckdb import DuckDBPyConnection as Connection

from pmlib.drafting.cells import text_of
from pmlib.drafting.look import RawColumn
from pmlib.drafting.uses import CUSTOMER, Again, Use
from pmlib.studies.forms import quoted, reading_sql

_TOLD = 0.5
"""Tables with other columns have rows in common where so many of one stand in the other."""


def settle_repeats(connection: Connection, use: Use) -> None:
    """Count rows once that several files of a table have, as exports whose periods overlap do.

    Rows that one file has several times may be several payments: they count, and it is said.
    """
    every = ", ".join(quoted(name) for name in use.table.names if name not in {"_file", CUSTOMER})
    part = "_file" if "_file" in use.table.names else "1"
    each = f"SELECT {every}, count(*) AS n FROM {quoted(use.table.name)} GROUP BY {every}, {part}"  # noqa: S608
    pairs = f"SELECT sum(n) AS n, max(n) AS most FROM ({each}) GROUP BY {every}"  # noqa: S608
    again = f"SELECT coalesce(sum(n - most), 0)::BIGINT FROM ({pairs})"  # noqa: S608
    within = f"SELECT coalesce(sum(most - 1), 0)::BIGINT FROM ({pairs})"  # noqa: S608
    n, repeated = (connection.execute(query).fetchall()[0][0] for query in (again, within))
    if n:
        use.overlap = True
        use.notes.append(f"{n:,} rows stand in several of the files and count once.")
        text = f"Of {use.table.label}, rows that another of the files has too are left out: {{n}}."
        use.counted.append((text, again))
    if repeated:
        use.notes.append(f"CHECK: {repeated:,} rows repeat others of their file, and count.")


def without_copies(connection: Connection, uses: Sequence[Use]) -> list[Use]:
    """Leave out payments and holdings that another table has too: all of a table, or some rows."""
    kept: list[Use] = []
    size = {use.table.name: (-use.table.rows, len(use.table.label)) for use in uses}
    for use in sorted(uses, key=lambda use: size[use.table.name]):
        rows = use.shape == "rows" and use.kind in {"transactions", "holdings"} and use.table.rows
        for other in kept if rows else ():
            if (other.kind, other.shape) != (use.kind, use.shape):
                continue
            n, again = _in_common(connection, use, other)
            if n == use.table.rows:
                use.table.copy_of = other.table.label
            elif n:
                use.again.append(again)
                use.notes.append(f"{n:,} rows stand in {other.table.label} too; they count once.")
                text = f"Of {use.table.label}, rows that {other.table.label} has too are left out: "
                own, theirs = quoted(use.table.name), quoted(other.table.name)
                same = (f"SELECT {', '.join(again.here)} FROM {own} INTERSECT ALL "  # noqa: S608
                        f"SELECT {', '.join(again.there)} FROM {theirs}")  # fmt: skip
                use.counted.append((f"{text}{{n}}.", f"SELECT count(*) FROM ({same})"))  # noqa: S608
        if not use.table.copy_of:
            kept.append(use)
    return [use for use in uses if use in kept]


def _in_common(connection: Connection, use: Use, other: Use) -> tuple[int, Again]:
    """How many rows of a table another has too, and what tells so.

    Of tables with the same columns the whole rows, else customer, day, and amount or product. These
    tell it where most rows of the days in common are such; fewer may be by chance.
    """
    own = quoted(use.table.name)

    def common(mine: Sequence[str], theirs: Sequence[str]) -> str:
        named = ", ".join(f"{sql} AS k{i}" for i, sql in enumerate(mine))
        return (f"(SELECT {named} FROM {own} INTERSECT ALL SELECT {', '.join(theirs)} "  # noqa: S608
                f"FROM {quoted(other.table.name)})")  # fmt: skip

    if {*use.table.names} == {*other.table.names}:
        whole = [quoted(name) for name in use.table.names if name not in {"_file", CUSTOMER}]
        n = connection.execute(f"SELECT count(*) FROM {common(whole, whole)}").fetchall()[0][0]  # noqa: S608
        if n:
            return n, Again(other, whole, whole)
    here, there = (_telling(one, lambda raw: quoted(raw.name)) for one in (use, other))
    again = Again(other, here, there)
    if not here or not there:
        return 0, again
    mine, theirs = (_telling(one, _reader(connection, one)) for one in (use, other))
    n, first, last = connection.execute(
        f"SELECT count(*), min(k1), max(k1) FROM {common(mine, theirs)}"  # noqa: S608
    ).fetchall()[0]
    days = f"SELECT count(*) FROM {own} WHERE {mine[1]} BETWEEN $1 AND $2"  # noqa: S608
    (rows,) = connection.execute(days, [first, last]).fetchall()[0]
    return (n if n >= _TOLD * rows else 0), again


def _telling(use: Use, read: Callable[[RawColumn], str]) -> list[str]:
    """What tells a payment or holding: customer, day, and amount whatever its sign, or product."""
    got = use.mapped
    day, customer = got.get("booked_on") or got.get("opened_on"), got.get("customer_id")
    money = [got[name] for name in ("amount", "debit", "credit") if name in got]
    if not (day and customer and day.fits) or customer.name == CUSTOMER:
        return []
    if use.kind == "holdings":
        product = got.get("product_id")
        return [read(customer), read(day), f"{read(product)}::VARCHAR"] if product else []
    if not all(raw.fits for raw in money):
        return []
    sizes = [f"abs({read(raw)})" for raw in money]
    size = sizes[0] if len(sizes) == 1 else f"greatest({', '.join(sizes)})"  # of those there are
    return [read(customer), read(day), size]


def _reader(connection: Connection, use: Use) -> Callable[[RawColumn], str]:
    """How a column is read that nothing has read yet."""

    def read(raw: RawColumn) -> str:
        text = text_of(connection, use.table.name, raw.name)
        return reading_sql(text, raw.fits[0].reading, is_tidy=True) if raw.fits else text

    return read
