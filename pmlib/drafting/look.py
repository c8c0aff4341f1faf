"""What the columns of a raw table hold: how they can be read, judged on every cell.

Texts of a sample propose the forms (`pmlib.drafting.shapes`); a scan of all rows counts what each
form reads and what it does not. Columns are scanned a few at a time, so that memory stays small
however many there are.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from duckdb import DuckDBPyConnection as Connection

from pmlib.drafting import shapes
from pmlib.studies import forms
from pmlib.studies.forms import quoted
from pmlib.studies.reading import Unread, as_text_sql, types_of
from pmlib.studies.spec import Reading

_SAMPLE = 1_000  # rows from which forms are proposed
_BATCH = 8  # columns a scan
_AT_ONCE = 2  # scans
_FEW = 40
"""A column with at most so many different values is looked at value by value."""
_REPEATED = 2
"""So often at least a value occurs that stands for none."""
_READABLE = 0.8
"""Share of the filled cells that a form must read to be taken."""


@dataclass(frozen=True)
class Fit:
    """What a form makes of a column: cells read, cells not; the range of what was read."""

    reading: Reading
    read: int
    unread: Unread
    low: Any = None
    high: Any = None
    negative: int = 0
    fractions: int = 0


@dataclass(frozen=True)
class RawColumn:
    """A raw column as it was seen.

    Attributes
    ----------
    kind : str
        empty, text, whole, number, date or flag.
    fits : tuple of Fit
        The best ways to read it, equal in what they read: two of them are a question.
    flag : Reading or None
        How it is read as true and false, where its values are such a pair.
    values : mapping of str to int
        Rows by value, most first, where there are few values.
    samples : tuple of str
        A few of its texts.
    is_typed : bool
        The file itself says the type.
    """

    name: str
    kind: str
    filled: int
    distinct: int
    fits: tuple[Fit, ...] = ()
    flag: Reading | None = None
    values: Mapping[str, int] = field(default_factory=dict)
    samples: tuple[str, ...] = ()
    is_typed: bool = False

    @property
    def signed(self) -> bool:
        """Whether numbers below zero are among its values."""
        return bool(self.fits) and self.fits[0].negative > 0

    @property
    def latest(self) -> dt.date | None:
        """Its last day."""
        return self.fits[0].high if self.kind == "date" and self.fits else None


def look(connection: Connection, table: str, today: dt.date) -> list[RawColumn]:
    """Look at all columns of a table of the connection."""
    types = types_of(connection, quoted(table))
    names = list(types)
    batches = [names[start : start + _BATCH] for start in range(0, len(names), _BATCH)]

    def seen(batch: Sequence[str]) -> list[RawColumn]:
        own = {name: types[name] for name in batch}
        return list(_batch(connection.cursor(), table, own, today))

    # DuckDB gives a table of few rows one processor, however many columns it has.
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(itertools.chain.from_iterable(pool.map(seen, batches)))


def _batch(
    connection: Connection, table: str, types: Mapping[str, str], today: dt.date
) -> Iterator[RawColumn]:
    texts = {name: as_text_sql(name, dtype) for name, dtype in types.items()}
    chosen = ", ".join(f"{forms.text_sql(text)} AS {quoted(name)}" for name, text in texts.items())
    sample = connection.execute(
        f"SELECT {chosen} FROM {quoted(table)} "  # noqa: S608
        f"USING SAMPLE reservoir({_SAMPLE} ROWS) REPEATABLE (1)"
    ).fetchall()
    columns = (
        dict(zip(types, zip(*sample, strict=True), strict=True))
        if sample
        else dict.fromkeys(types, ())
    )
    for name, dtype in types.items():
        filled, distinct = _tell_apart(connection, table, texts[name])
        readings = _proposals(name, dtype, columns[name], today)
        fits = [_fit(connection, name, reading, filled) for reading in readings]
        values = _values(connection) if 0 < distinct <= _FEW else {}
        yield _column(name, dtype, filled, distinct, fits, values, columns[name], connection, today)


_CELLS = "different_cells"


def _tell_apart(connection: Connection, table: str, own: str) -> tuple[int, int]:
    """Make the table of a column's different texts ``t``, tidied, each with its rows ``n``.

    What holds for a text holds for every cell that has it, and there are fewer texts to read. Gives
    the filled cells and how many different texts they hold.
    """
    tidy = forms.text_sql("t")
    counted = (
        f"SELECT count(*) FILTER (t IS DISTINCT FROM {tidy}), "  # noqa: S608
        f"coalesce(sum(n) FILTER (t IS NOT NULL), 0)::BIGINT, count(t) FROM {_CELLS}"
    )
    make = f"CREATE OR REPLACE TEMP TABLE {_CELLS} AS"
    each = f"SELECT {own} AS t, count(*) AS n FROM {quoted(table)} GROUP BY ALL"  # noqa: S608
    connection.execute(f"{make} {each}")
    untidy, filled, distinct = connection.execute(counted).fetchall()[0]
    if untidy:
        each = f"SELECT {tidy} AS t, sum(n) AS n FROM {_CELLS} GROUP BY ALL"  # noqa: S608
        connection.execute(f"{make} {each}")
        _, filled, distinct = connection.execute(counted).fetchall()[0]
    return filled, distinct


def _fit(connection: Connection, name: str, reading: Reading, filled: int) -> Fit:
    """Read every text in a form: at once where it is usual, and at length only where not."""
    usual, any_ = forms.usual_sql("t", reading), forms.reading_sql("t", reading, is_tidy=True)
    low, high, read, negative, fractions, others = _counts(connection, reading, usual)
    missing = 0
    if others:
        nothing = forms.is_missing_sql("t", reading)
        *ends, more, below, broken, missing = _counts(
            connection, reading, any_, f"({usual}) IS NULL", nothing
        )
        read, negative, fractions = read + more, negative + below, fractions + broken
        ends = [end for end in (low, high, *ends) if end is not None]
        low, high = min(ends, default=None), max(ends, default=None)
    unread = Unread(name, filled, missing, filled - missing - read, ())
    return Fit(reading, read, unread, low, high, negative, fractions)


def _counts(
    connection: Connection, reading: Reading, value: str, where: str = "true", lost: str = "true"
) -> tuple[Any, ...]:
    """The range of what is read; cells read, below zero, no whole number; cells not read."""
    amount = reading.as_ == "amount"
    cells = [
        "v IS NOT NULL",
        "v < 0" if amount else "false",
        "v <> floor(v)" if amount else "false",
        f"v IS NULL AND {lost}",
    ]
    sums = ", ".join(f"coalesce(sum(n) FILTER ({which}), 0)::BIGINT" for which in cells)
    return connection.execute(
        f"SELECT min(v), max(v), {sums} "  # noqa: S608
        f"FROM (SELECT t, n, {value} AS v FROM {_CELLS} WHERE t IS NOT NULL AND {where})"
    ).fetchall()[0]


def _proposals(
    name: str, dtype: str, sample: Sequence[str | None], today: dt.date
) -> list[Reading]:
    if dtype.startswith(("DATE", "TIMESTAMP")):
        return [Reading(as_="day", form="year-month-day")]
    if dtype != "VARCHAR":
        numeric = dtype.endswith(("INT", "INTEGER")) or dtype.startswith(
            ("DOUBLE", "FLOAT", "DECIMAL")
        )
        return [Reading(as_="amount", form="1234.56")] if numeric else []
    texts = [text for text in sample if text is not None]
    if len(different := dict.fromkeys(texts)) > _FEW:
        # Each once is quicker; but of few, one bad word would weigh much.
        texts = list(itertools.islice(different, _SAMPLE // 4))
    return [*shapes.as_day(name, texts, today), *shapes.as_number(texts)]


def _values(connection: Connection) -> dict[str, int]:
    query = f"SELECT t, n::BIGINT FROM {_CELLS} WHERE t IS NOT NULL ORDER BY n DESC, t"  # noqa: S608
    return dict(connection.execute(query).fetchall())


def _column(
    name: str, dtype: str, filled: int, distinct: int, fits: Sequence[Fit],
    values: Mapping[str, int], sample: Sequence[str | None], connection: Connection, today: dt.date,
) -> RawColumn:  # fmt: skip
    samples = tuple(itertools.islice(dict.fromkeys(text for text in sample if text), 3))
    seen = RawColumn(name, "text", filled, distinct, (), None, values, samples, dtype != "VARCHAR")
    if filled == 0:
        return replace(seen, kind="empty")
    if dtype == "BOOLEAN":
        truth = Reading(as_="flag", yes_words=["true"], no_words=["false"])
        return replace(seen, kind="flag", flag=truth)
    blanks = len([text for text in sample if text is None]) > 0
    flag = shapes.as_flag(values, blanks=blanks) if values else None
    for kind in ("day", "amount"):
        own_fits = [
            fit
            for fit in fits
            if fit.reading.as_ == kind and fit.read >= _READABLE * (filled - fit.unread.missing)
        ]
        own_fits = [fit for fit in own_fits if fit.read]
        if own_fits:
            fewest = min(fit.unread.unreadable for fit in own_fits)
            best = [fit for fit in own_fits if fit.unread.unreadable == fewest]
            best = _told_apart(best, today, connection)
            best = [_without_fillers(connection, fit) for fit in best]
            told = _kind(kind, best[0], connection)
            return replace(seen, kind=told, flag=flag, fits=tuple(best))
    return replace(seen, kind="flag" if flag else "text", flag=flag)


def _told_apart(fits: list[Fit], today: dt.date, connection: Connection) -> list[Fit]:
    """Leave out ways of reading that come to the same, or to days that no bank can know."""
    latest = today.replace(year=today.year + 40, day=1)
    ours = [
        fit
        for fit in fits
        if fit.reading.as_ == "amount" or fit.high <= latest or fit.high.year == 9999
    ]
    first, *others = ours or fits
    if not others:
        return [first]
    values = [forms.reading_sql("t", fit.reading, is_tidy=True) for fit in (first, *others)]
    differ = ", ".join(f"count(*) FILTER (v0 IS DISTINCT FROM v{i})" for i in range(1, len(values)))
    chosen = ", ".join(f"{value} AS v{i}" for i, value in enumerate(values))
    counts = connection.execute(
        f"SELECT {differ} FROM (SELECT {chosen} FROM {_CELLS})"  # noqa: S608
    ).fetchall()[0]
    return [first, *(fit for fit, n in zip(others, counts, strict=True) if n)]


def _without_fillers(connection: Connection, fit: Fit) -> Fit:
    """The form without the lowest and highest values that stand for none, where they repeat."""
    value = forms.reading_sql("t", fit.reading, is_tidy=True)
    is_day = fit.reading.as_ == "day"
    missing = []
    for end in (fit.low, fit.high):
        if end is None or not shapes.is_filler(end, fit.reading):
            continue
        shown = f"DATE {forms.quoted_text(str(end))}" if is_day else repr(end)
        n, word, lower = connection.execute(
            f"SELECT sum(n) FILTER (v = {shown}), min(t) FILTER (v = {shown}), "  # noqa: S608
            f"{'0' if is_day else f'count(*) FILTER (v < 0 AND v <> {shown})'} "
            f"FROM (SELECT t, n, {value} AS v FROM {_CELLS})"
        ).fetchall()[0]
        if n >= _REPEATED and not (lower and not is_day and end < 0):
            missing.append(word)  # -999 among other amounts below zero would be one of them
    if not missing:
        return fit
    reading = fit.reading.model_copy(update={"missing": missing})
    value = forms.reading_sql("t", reading, is_tidy=True)
    low, high, read, negative, _, _ = _counts(connection, reading, value)
    gone = fit.unread.missing + fit.read - read
    unread = replace(fit.unread, missing=gone)
    return replace(
        fit, reading=reading, read=read, unread=unread, low=low, high=high, negative=negative
    )


def _kind(kind: str, fit: Fit, connection: Connection) -> str:
    if kind == "day":
        return "date"
    if fit.fractions or fit.reading.form != "1234.56":
        return "number"
    padded = f"SELECT count(*) FROM {_CELLS} WHERE regexp_matches(t, '^0[0-9]')"  # noqa: S608
    return "text" if connection.execute(padded).fetchall()[0][0] else "whole"
