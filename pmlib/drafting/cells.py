"""Single cells of raw tables, and what a draft says of how a column is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from duckdb import DuckDBPyConnection as Connection

from pmlib.drafting.look import RawColumn
from pmlib.drafting.uses import Table
from pmlib.studies import forms
from pmlib.studies.asks import ASK
from pmlib.studies.forms import quoted
from pmlib.studies.reading import RawPart, as_text_sql, first_rows, numbered, types_of


@dataclass
class Entry:
    """How a column is read: the fields of study.yaml, a question above them, a guess beside."""

    fields: dict[str, Any]
    question: list[str] = field(default_factory=list)
    guess: str = ""
    unread: str = ""

    def ask(self, *question: str) -> None:
        """Ask for the form in which the column is written."""
        self.fields["form"] = ASK
        self.question += question


class Cells:
    """Looks up single cells of raw tables, with the lines on which they stand."""

    def __init__(self, connection: Connection, parts: dict[str, list[RawPart]]) -> None:
        self._connection, self._parts = connection, parts
        self._types: dict[str, dict[str, str]] = {}

    def first(
        self, table: str, shown: Sequence[str], where: str, n: int = 3
    ) -> list[tuple[str, tuple]]:
        """The first rows that a condition holds for: where they stand, what is shown of them."""
        parts = self._parts[table]
        for part in parts:
            # Of one file the table at hand has all rows in their order, and is read by column.
            alone = f"(SELECT *, rowid + 1 AS n FROM {quoted(table)})"  # noqa: S608
            records = alone if len(parts) == 1 else numbered(part)
            rows = first_rows(self._connection, part, records, shown, where, most=n)
            if rows:
                word = "row" if part.path is None else "line"
                more = f" of {part.label}" if len(parts) > 1 else ""
                return [(f"{word} {line:,}{more}", row) for line, row in rows]
        return []

    def count(self, table: str, where: str) -> int:
        """How many rows a condition holds for."""
        query = f"SELECT count(*) FROM {quoted(table)} WHERE {where}"  # noqa: S608
        return int(self._connection.execute(query).fetchall()[0][0])

    def own(self, table: Table, raw: RawColumn) -> str:
        """A raw column as the text that a form reads."""
        return as_text_sql(raw.name, self._types_of(table.name)[raw.name])

    def text(self, table: Table, raw: RawColumn) -> str:
        """The same without blanks around it."""
        return forms.text_sql(self.own(table, raw))

    def _types_of(self, table: str) -> dict[str, str]:
        if table not in self._types:
            self._types[table] = types_of(self._connection, quoted(table))
        return self._types[table]


def text_of(connection: Connection, table: str, column: str) -> str:
    """The text of a raw column without blanks around it, as SQL."""
    dtype = types_of(connection, quoted(table))[column]
    return forms.text_sql(as_text_sql(column, dtype))
