"""Rows that are none: names of columns that are repeated, totals, empty rows."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from duckdb import DuckDBPyConnection as Connection

from pmlib.drafting import shapes
from pmlib.drafting.look import RawColumn
from pmlib.studies import forms
from pmlib.studies.forms import quoted
from pmlib.studies.reading import types_of

_TOTAL_SHARE = 0.02
"""More rows of totals than this share (and than three) are no totals."""


def count_rows(connection: Connection, table: str) -> int:
    """How many rows a table has."""
    return int(connection.execute(f"SELECT count(*) FROM {quoted(table)}").fetchall()[0][0])  # noqa: S608


def take_out(connection: Connection, table: str) -> tuple[dict[str, list[str]], list[str]]:
    """Take out rows that repeat the names of the columns, totals and empty rows.

    Returns by column what stands in such rows, and what is to be said of them.
    """
    types = types_of(connection, quoted(table))
    texts = [name for name, dtype in types.items() if dtype == "VARCHAR" and name != "_file"]
    said: list[str] = []
    without: dict[str, list[str]] = {}
    if len(texts) > 1:
        same = " AND ".join(
            f"lower(trim({quoted(name)})) = {forms.quoted_text(name.strip().lower())}"
            for name in texts
        )
        written = f"SELECT DISTINCT trim({quoted(texts[0])}) FROM {quoted(table)} WHERE {same}"  # noqa: S608
        words = [row[0] for row in connection.execute(f"{written} ORDER BY 1").fetchall()]
        n = _delete(connection, table, same)
        if n:
            without[texts[0]] = words
            repeat = "row repeats" if n == 1 else "rows repeat"
            said.append(f"{n:,} {repeat} the names of the columns")
    for name in _naming_totals(connection, table, texts[:60]):
        totals = _totals(connection, table, name, texts)
        if totals:
            text = forms.text_sql(quoted(name))
            listed = ", ".join(map(forms.quoted_text, totals))
            n = _delete(connection, table, f"{text} IN ({listed})")
            without.setdefault(name, []).extend(totals)
            shown = ", ".join(totals[:5]) + (", …" if len(totals) > 5 else "")
            said.append(f"{n:,} {'row' if n == 1 else 'rows'} of totals ({shown})")
    names = [name for name in types if name != "_file"]
    empty = _delete(
        connection, table, f"coalesce({', '.join(f'{quoted(n)}::VARCHAR' for n in names)}) IS NULL"
    )
    if empty:
        said.append(f"{empty:,} empty {'row' if empty == 1 else 'rows'}")
    return without, said


def take_out_sum(
    connection: Connection, table: str, columns: Sequence[RawColumn]
) -> tuple[str, str] | None:
    """Take out the row whose number is the sum of all others, whatever it is called.

    Returns the column of the word that only this row has, and that word; None where there is none.
    """
    types = types_of(connection, quoted(table))
    texts = [c.name for c in columns if types[c.name] == "VARCHAR" and c.name != "_file"]
    sums = [c for c in columns if c.kind in {"whole", "number"} and c.name in texts][:_SUMMED]
    lacking = " OR ".join(f"{quoted(name)} IS NULL" for name in texts)
    some = f"SELECT count(*) FROM {quoted(table)} WHERE {lacking or 'false'}"  # noqa: S608
    rows = count_rows(connection, table)
    if not sums or rows < _SUMMED or not connection.execute(some).fetchall()[0][0]:
        return None
    values = [forms.reading_sql(quoted(c.name), c.fits[0].reading) for c in sums]
    sql = ", ".join(f"coalesce(sum({value}), 0)" for value in values)
    all_ = connection.execute(f"SELECT {sql} FROM {quoted(table)}").fetchall()[0]  # noqa: S608
    hits = [f"abs(2 * ({value}) - {total!r}) < 0.006"
            for value, total in zip(values, all_, strict=True) if total]  # fmt: skip
    is_sum = " OR ".join(hits) or "false"
    words = ", ".join(forms.text_sql(quoted(name)) for name in texts)
    found = connection.execute(
        f"SELECT {words} FROM {quoted(table)} WHERE ({is_sum}) AND ({lacking})"  # noqa: S608
    ).fetchall()
    if len(found) != 1:
        return None
    word = next(((name, text) for name, text in zip(texts, found[0], strict=True)
                 if text and re.search(r"[^\W\d_]", text)), None)  # fmt: skip
    if word is None or any(c.name == word[0] and c.values.get(word[1], 1) > 1 for c in columns):
        return None
    _delete(connection, table, f"{forms.text_sql(quoted(word[0]))} = {forms.quoted_text(word[1])}")
    return word


_SUMMED = 10
"""So many columns are looked at for sums, in tables of so many rows at least."""


def _naming_totals(connection: Connection, table: str, texts: Sequence[str]) -> list[str]:
    """Columns in which a word for a total stands anywhere: one scan for all of them."""
    if not texts:
        return []
    hit = "coalesce(bool_or(regexp_matches(lower({}), {})), false)"
    asked = ", ".join(hit.format(forms.text_sql(quoted(name)), _TOTAL) for name in texts)
    found = connection.execute(f"SELECT {asked} FROM {quoted(table)}").fetchall()[0]  # noqa: S608
    return list(itertools.compress(texts, found))


def _totals(connection: Connection, table: str, name: str, texts: Sequence[str]) -> list[str]:
    """What a column holds in rows of totals.

    A word for a total, where the others of the column are numbers or days, or the row lacks cells
    that other rows have.
    """
    text = forms.text_sql(quoted(name))
    found = connection.execute(
        f"SELECT DISTINCT {text} AS v FROM {quoted(table)} WHERE regexp_matches(lower(v), {_TOTAL})"  # noqa: S608
    ).fetchall()
    words = sorted(value for (value,) in found if shapes.is_total(value))
    if not words:
        return []
    mine = f"coalesce({text} IN ({', '.join(map(forms.quoted_text, words))}), false)"
    others = [quoted(other) for other in texts if other != name]
    counts = ", ".join(
        f"count({forms.text_sql(other)}) FILTER ({which}{mine})" for other in others
        for which in ("", "NOT ")
    )  # fmt: skip
    totals, rest, numbers, *filled = connection.execute(
        f"SELECT count(*) FILTER ({mine}), count({text}) FILTER (NOT {mine}), "  # noqa: S608
        f"count(*) FILTER (NOT {mine} AND regexp_matches({text}, '[0-9]'))"
        f"{', ' if counts else ''}{counts} FROM {quoted(table)}"
    ).fetchall()[0]
    all_others = count_rows(connection, table) - totals
    if rest and numbers >= 0.9 * rest:
        return words
    lacking = any(mine == 0 and theirs >= 0.9 * all_others
                  for mine, theirs in zip(filled[::2], filled[1::2], strict=True))  # fmt: skip
    few = totals <= max(3, _TOTAL_SHARE * (totals + all_others))
    return words if lacking and few else []


_TOTAL = forms.quoted_text("|".join(sorted({re.escape(word.split()[0]) for word in shapes.TOTALS})))


def _delete(connection: Connection, table: str, where: str) -> int:
    return int(connection.execute(f"DELETE FROM {quoted(table)} WHERE {where}").fetchall()[0][0])  # noqa: S608
