"""A raw table as text becomes one with types, and nothing is lost in silence on the way.

Rows that study.yaml takes out are counted, and so are the cells that cannot be read: few are
reported with their lines, many are an error.
"""

from __future__ import annotations

import csv
import functools
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection as Connection

from pmlib.errors import StudyError, masked, nearest
from pmlib.studies import forms
from pmlib.studies.forms import quoted
from pmlib.studies.spec import IdForm, Member, Reading

_EXAMPLES = 3
_SHARED = 10  # cells of one text: a word such as "unknown", not what one customer's cell holds
_PIECE = 1 << 20  # bytes of a file looked at together


@dataclass(frozen=True)
class Unread:
    """Filled cells of a column that hold no value: `missing` say so, `unreadable` do not.

    `examples` are up to three of them, ``(line, text)``, the unreadable first; a text that few
    cells share is masked.
    """

    column: str
    filled: int
    missing: int
    unreadable: int
    examples: tuple[tuple[int, str], ...]

    def said(self) -> str:
        """The account in words."""
        parts = [f"{self.unreadable:,} unreadable"] if self.unreadable else []
        parts += [f"{self.missing:,} without a value"] if self.missing else []
        shown = ", ".join(f"{text!r} (line {number:,})" for number, text in self.examples)
        return (
            f"{self.column}: of {self.filled:,} filled cells {' and '.join(parts)}, such as {shown}"
        )


@dataclass(frozen=True)
class Account:
    """What became of a raw table.

    Attributes
    ----------
    table, files
        The raw table and the names of its files.
    found, rows
        Rows in the files, and rows that the SQL finds.
    without
        Rows taken out, by what the study says of them.
    unread
        The columns in which cells were not read.
    """

    table: str
    files: tuple[str, ...]
    found: int
    rows: int
    without: Mapping[str, int]
    unread: tuple[Unread, ...]

    def notes(self) -> list[str]:
        """Sentences for the report on what was not taken as it stands; no cell's text."""
        names = (
            f"{self.files[0]} and {len(self.files) - 1:,} more"
            if len(self.files) > 1
            else self.files[0]
        )
        said = [f"Of {names}, rows are left out because they are {why}: {n:,} of {self.found:,}."
                for why, n in self.without.items() if n]  # fmt: skip
        for column in self.unread:
            cells = f"Of the {column.filled:,} filled cells of {column.column} in {names}, "
            if column.unreadable:
                said.append(
                    f"{cells}so many cannot be read and count as empty: {column.unreadable:,}."
                )
            if column.missing:
                said.append(f"{cells}so many say that there is no value: {column.missing:,}.")
        return said

    def record(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return asdict(self)


@dataclass(frozen=True)
class RawPart:
    """One file of a raw table: its text as a view, and where that text lies, for line numbers.

    `is_sheet` says that its records are rows of a sheet, which are counted instead of lines.
    `notes` are sentences on what was decided when it was opened, `labels` what the file calls its
    columns in words, `levels` the values of columns in the order that the file gives them.
    """

    view: str
    label: str
    path: Path | None
    member: Member
    is_sheet: bool = False
    notes: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    levels: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @functools.cached_property
    def is_straight(self) -> bool:
        """Whether each line of its text is a record: none within quotes, none blank."""
        assert self.path is not None
        quote, last = self.member.csv.quote.encode(), b"\n"
        with self.path.open("rb") as file:
            while piece := file.read(_PIECE):
                text = last + piece
                last = text[-3:]  # a blank line may lie across two pieces
                text = text.replace(b"\r\n", b"\n")
                if b"\n\n" in text or b"\r" in text[:-1] or (quote and quote in text):
                    return False
        return True


def typed(connection: Connection, member: Member, parts: Sequence[RawPart], ids: IdForm) -> Account:
    """Make the view of a raw table from its files, with the types that study.yaml declares.

    Raises StudyError where a column is not there, or too many of its cells cannot be read.
    """
    union = union_of(parts)
    types = types_of(connection, union)
    _require_columns(member, types, parts)
    left_out = {why: _taken_out(column, words) for column, words in member.without.items()
                for why in [f"marked {' or '.join(map(repr, words))} in {column}"]}  # fmt: skip
    text = [name for name in types if name != "_file"]
    left_out["empty"] = (
        f"coalesce({', '.join(f'{quoted(name)}::VARCHAR' for name in text)}) IS NULL"
    )
    reads = {
        name: (as_text_sql(name, types[name]), reading) for name, reading in member.read.items()
    }
    columns = {
        name: forms.reading_sql(own, reading, ids=ids) for name, (own, reading) in reads.items()
    }
    kept = " AND ".join(f"NOT coalesce({rule}, false)" for rule in left_out.values())
    replaced = ", ".join(f"{sql} AS {quoted(name)}" for name, sql in columns.items())
    chosen = f"* REPLACE ({replaced})" if replaced else "*"
    connection.execute(
        f"CREATE VIEW {quoted(member.table)} AS SELECT {chosen} FROM ({union}) WHERE {kept}"  # noqa: S608
    )
    counted = {
        name: pair for name, pair in reads.items() if pair[1].as_ in {"amount", "day", "flag"}
    }
    wanted = ["count(*)", f"count(*) FILTER ({kept})"]
    wanted += [f"count(*) FILTER ({rule})" for rule in left_out.values()]
    for name, (own, reading) in counted.items():
        text_of = forms.text_sql(own)
        missing = forms.is_missing_sql(text_of, reading)
        wanted += [
            f"count({text_of}) FILTER ({kept})",
            f"count({columns[name]}) FILTER ({kept} AND {text_of} IS NOT NULL)",
            f"count(*) FILTER ({kept} AND {missing})",
        ]
    found, rows, *rest = connection.execute(
        f"SELECT {', '.join(wanted)} FROM ({union})"  # noqa: S608
    ).fetchall()[0]
    taken_out = dict(zip(left_out, rest, strict=False))
    numbers = iter(rest[len(left_out) :])
    unread = []
    for name, (own, reading) in counted.items():
        filled, read, nothing = itertools.islice(numbers, 3)
        lost = filled - nothing - read
        if lost or nothing:
            examples = _examples(connection, parts, own, columns[name], reading)
            unread.append(Unread(name, filled, nothing, lost, examples))
            _require_few(unread[-1], reading, parts)
    labels = tuple(part.label for part in parts)
    return Account(member.table, labels, found, rows, taken_out, tuple(unread))


def types_of(connection: Connection, query: str) -> dict[str, str]:
    """Type of each column of a query, or of a table as SQL writes it."""
    rows = connection.execute(f"DESCRIBE {query}").fetchall()
    return {row[0]: str(row[1]) for row in rows}


def union_of(parts: Sequence[RawPart]) -> str:
    """The query of a raw table, of several files each row with the name of its own."""
    several = len(parts) > 1
    return " UNION ALL BY NAME ".join(
        f"SELECT *{f', {forms.quoted_text(part.label)} AS _file' if several else ''} "  # noqa: S608
        f"FROM {quoted(part.view)}"
        for part in parts
    )


def as_text_sql(name: str, dtype: str) -> str:
    """A column as the text that a form reads; whole numbers of a float without their point."""
    own = quoted(name)
    if dtype == "VARCHAR":
        return own
    if dtype in {"DOUBLE", "FLOAT"}:
        whole = f"{own} = floor({own}) AND abs({own}) < 9e15"
        return f"CASE WHEN {whole} THEN {own}::BIGINT::VARCHAR ELSE {own}::VARCHAR END"
    return f"{own}::VARCHAR"


def _taken_out(column: str, words: Sequence[str]) -> str:
    listed = ", ".join(forms.quoted_text(word) for word in words) or "NULL"
    text = forms.text_sql(quoted(column) + "::VARCHAR")
    return f"{text} IN ({listed})" + (f" OR {text} IS NULL" if "" in words else "")


def _require_columns(member: Member, types: Mapping[str, str], parts: Sequence[RawPart]) -> None:
    directions = [reading.direction for reading in member.read.values() if reading.direction]
    for place, names in (("read", [*member.read, *directions]), ("without", [*member.without])):
        for name in names:
            if name not in types:
                raise StudyError(
                    "A raw file has no such column.",
                    where=f"{parts[0].label}: '{place}' of {member.table} in study.yaml",
                    rule=f"one of {', '.join(types)}"[:300],
                    found=name,
                    remedy=nearest(name, types),
                )
    for name, reading in member.read.items():
        if fault := forms.form_fault(reading):
            raise StudyError(
                "A column cannot be read in that form.",
                where=f"'read' of {member.table} in study.yaml, column {name}",
                found=fault,
                remedy="Correct 'form'; docs/study.md has all forms.",
            )


def _examples(
    connection: Connection, parts: Sequence[RawPart], own: str, sql: str, reading: Reading
) -> tuple[tuple[int, str], ...]:
    """The first cells that were not read, with the lines of their file."""
    text = forms.text_sql(own)
    missing = forms.is_missing_sql(text, reading)
    unread = f"{text} IS NOT NULL AND ({sql}) IS NULL"
    shared = f"count(*) OVER (PARTITION BY {text}) >= {_SHARED}"
    for part in parts:
        shown = [text, shared]
        rows = first_rows(connection, part, numbered(part), shown, unread, order=f"{missing}, n")
        if rows:
            return tuple((n, (cell if many else masked(cell))[:40]) for n, (cell, many) in rows)
    return ()


def numbered(part: RawPart) -> str:
    """The query of a file's records, with their number from 1 as ``n``."""
    return f"(SELECT *, row_number() OVER () AS n FROM {quoted(part.view)})"  # noqa: S608


def first_rows(
    connection: Connection, part: RawPart, records: str, shown: Sequence[str], where: str,
    *, order: str = "n", most: int = _EXAMPLES,
) -> list[tuple[int, tuple]]:  # fmt: skip
    """The first records of a file that a condition holds for: their lines, and what is shown.

    `records` is a query that numbers the records of the file from 1 as ``n``.
    """
    rows = connection.execute(
        f"SELECT n, {', '.join(shown)} FROM {records} WHERE {where} ORDER BY {order} LIMIT {most}"  # noqa: S608
    ).fetchall()
    lines = line_numbers(part, [row[0] for row in rows])
    return [(line, row[1:]) for line, row in zip(lines, rows, strict=True)]


def line_numbers(part: RawPart, records: Sequence[int]) -> list[int]:
    """Lines of a text file on which records begin (1 for the first below the names of columns).

    Where a table is no text, a record is its own line.
    """
    if part.path is None or not records:
        return list(records)
    form, wanted, lines = part.member.csv, set(records), {}
    if part.is_straight:
        return [part.member.skip + int(form.header) + record for record in records]
    with part.path.open(encoding="utf-8-sig", newline="", errors="replace") as file:
        for _ in range(part.member.skip):
            file.readline()
        quote = {"quotechar": form.quote} if form.quote else {"quoting": csv.QUOTE_NONE}
        reader = csv.reader(file, delimiter=form.delimiter, **quote)
        number, before = -1 if form.header else 0, 0
        for row in reader:
            if row:
                number += 1
                if number in wanted:
                    lines[number] = part.member.skip + before + 1
                    if len(lines) == len(wanted):
                        break
            before = before + 1 if part.is_sheet else reader.line_num
    return [lines.get(record, record) for record in records]


def _require_few(unread: Unread, reading: Reading, parts: Sequence[RawPart]) -> None:
    share = unread.unreadable / unread.filled if unread.filled else 0.0
    if share <= reading.unreadable:
        return
    raise StudyError(
        "Too many cells of a column cannot be read as declared.",
        where=f"{parts[0].label}, column {unread.column}",
        rule=f"{reading.as_} {reading.form}".strip()
        + f"; at most {reading.unreadable:.3g} of the filled cells unreadable",
        found=unread.said(),
        remedy="Correct 'read' in study.yaml, mend the cells, or raise 'unreadable' there if the "
        "cells may count as empty.",
    )
