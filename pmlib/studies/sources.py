"""Raw tables, made known to DuckDB by name, whatever the format of their file or server.

Text, workbooks, SQLite (whose columns have no fixed type) and servers arrive as text, so that
study.yaml and the SQL alone say what a value means; nothing is sniffed. Parquet, DuckDB and
statistical files keep their types. DuckDB's own readers of other formats are extensions that must
be downloaded; the small detours here need no network.
"""

from __future__ import annotations

import codecs
import collections
import csv
import glob
import re
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from duckdb import DuckDBPyConnection as Connection

from pmlib.errors import StudyError, masked
from pmlib.raw import fixed_width, workbooks
from pmlib.raw.encodings import judge
from pmlib.raw.inner import Plain, plain, unreadable
from pmlib.raw.signatures import recognise
from pmlib.studies.fetch import RawFile
from pmlib.studies.forms import quoted
from pmlib.studies.queries import telling
from pmlib.studies.reading import Account, RawPart, typed
from pmlib.studies.servers import copy_table
from pmlib.studies.spec import Csv, IdForm, Member, Source

_BATCH = 50_000
_NAMELESS = "column "  # of a sheet, then its letters


def register(
    connection: Connection, source: Source, files: Sequence[RawFile], staging: Path, ids: IdForm
) -> Iterator[tuple[Account, list[str]]]:
    """Make the raw tables of a source known; yield what became of each, and notes on its rows.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
    source : Source
    files : sequence of RawFile
        Its files on this machine; none of a server.
    staging : pathlib.Path
        Takes copies that are needed while tables are made.
    ids : str
        What is done to ids of customers.

    Raises
    ------
    StudyError
        A file is not what study.yaml says it is, or too many cells cannot be read.
    """
    for member in source.raw_tables:
        if member.unused:
            continue
        parts = list(parts_of(connection, source, member, files, staging))
        if parts:
            try:
                account = typed(connection, member, parts, ids)
            except duckdb.Error as error:
                raise as_declared(parts[0].label, member, error, parts[0].path) from None
            said = [f"{part.label}: {note}" for part in parts for note in part.notes]
            yield account, said + _rows_as_expected(member, account.found, str(parts[0].label))


def parts_of(
    connection: Connection, source: Source, member: Member, files: Sequence[RawFile], staging: Path
) -> Iterator[RawPart]:
    """Make a view of each file of a raw table, before any reading of its columns."""
    if source.server is not None:
        path = staging / f"{member.table}.server.csv"
        copy_table(source.server, member.file, path)
        view, own = f"{member.table} as text", Member(file=member.file, table=member.table)
        yield _text(connection, Plain(path, is_text=True), own, view, staging, member.file)
        return
    pieces = [(file, name) for file in files if member.table in [one.table for one in file.members]
              for name in (member.file, *(member.also if file.packed else ()))]  # fmt: skip
    for number, (file, name) in enumerate(pieces):
        if file.size == 0:
            raise StudyError("A raw file is empty.", where=str(file.path), found="0 bytes")
        view = f"{member.table} as text{f' {number}' if number else ''}"
        inner = name if file.packed or source.kind in {"sqlite", "duckdb"} else ""
        label = file.path.name + (f" ({inner})" if inner else "")
        if source.kind in {"sqlite", "duckdb"}:
            reader = {"sqlite": _sqlite, "duckdb": _duckdb}[source.kind]
            reader(connection, file.path, inner, view, staging)
            yield RawPart(view, label, None, member)
            continue
        # The encoding of a text is that which is declared; a statistical file may say its own.
        stated = member.csv.encoding if "encoding" in member.csv.model_fields_set else None
        opened = plain(file.path, inner, staging / view, encoding=stated)
        where = str(file.path) + (f" ({inner})" if inner else "")
        if source.kind == "parquet" and opened.is_text:
            raise _unreadable("a Parquet file", where, "text")
        if opened.is_text:
            yield _text(connection, opened, member, view, staging, where, label)
            continue
        _parquet(connection, opened.path, view)
        said = opened.described
        labels, levels = (said.labels, said.levels) if said else ({}, {})
        yield RawPart(view, label, None, member, notes=opened.notes, labels=labels, levels=levels)


def register_absent(connection: Connection, member: Member) -> str:
    """Give the SQL an empty table in place of an optional file; return what is to be noted."""
    columns = ", ".join(f"NULL::VARCHAR AS {quoted(name)}" for name in member.csv.columns or [])
    connection.execute(f"CREATE VIEW {quoted(member.table)} AS SELECT {columns} WHERE FALSE")
    return f"The optional raw file {Path(member.file).name} is not here."


# --- delimited text -----------------------------------------------------------------------------


def _text(
    connection: Connection, opened: Plain, member: Member, view: str, staging: Path, where: str,
    label: str = "",
) -> RawPart:  # fmt: skip
    """Make a view of a text file; the part says where its text lies in UTF-8, line for line."""
    form = member.csv
    if opened.own_text:
        form = Csv(header=form.header, columns=form.columns, missing=form.missing)
    whole = as_utf8(opened.path, form.encoding, staging / f"{view}.utf8", where)
    if form.widths:
        whole = fixed_width.to_text(whole, form.widths, staging / f"{view}.widths", where,
                                    skip=member.skip, footer=member.footer)  # fmt: skip
        form = form.model_copy(update={"delimiter": ",", "quote": '"'})
    path = _without_titles(whole, member, staging / f"{view}.cut", where)
    names = form.columns or header(path, form, where, is_sheet=opened.own_text)
    try:
        relation = connection.read_csv(
            glob.escape(str(path)),
            auto_detect=False,
            columns=dict.fromkeys(names, "VARCHAR"),
            header=form.header,
            delimiter=form.delimiter,
            quotechar=form.quote,
            escapechar=form.quote,
            na_values=form.missing,
        )
        if opened.own_text:
            relation = _without_margins(relation)
        relation.create_view(view)
    except duckdb.Error as error:
        raise as_declared(where, member, error, whole) from None
    own = member.model_copy(update={"csv": form})
    return RawPart(view, label or where, whole, own, is_sheet=opened.own_text, notes=opened.notes)


def _without_margins(relation: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """Leave out columns of a sheet that have neither a name nor a cell."""
    nameless = [name for name in relation.columns if name.startswith(_NAMELESS)]
    if not nameless:
        return relation
    counts = relation.aggregate(", ".join(f"count({quoted(name)})" for name in nameless)).fetchall()
    empty = {name for name, count in zip(nameless, counts[0], strict=True) if not count}
    return relation.select(*(quoted(name) for name in relation.columns if name not in empty))


def as_declared(
    where: str, member: Member, error: duckdb.Error, path: Path | None = None
) -> StudyError:
    """Say that a text is not written as study.yaml says; of bytes, in which encoding it seems."""
    form, found = member.csv, telling(error)
    remedy = "Mend the line, or correct 'csv', 'skip', 'footer' or 'read' in study.yaml."
    if "state machine" in found:
        found = "lines that end in different ways, or quotes inside a field"
    if "not utf-8" in found and path is not None:
        remedy = _other_encoding(path)
    if member.skip:
        found += f" (lines counted from below the {member.skip} of title)"
    return StudyError(
        "A raw file cannot be read as declared.",
        where=where,
        rule=f"delimiter {form.delimiter!r}, quote {form.quote!r}, encoding {form.encoding}",
        found=found,
        remedy=remedy,
    )


_ASCII = re.compile("[A-Za-z0-9]+")


def _other_encoding(path: Path) -> str:
    """What to do about bytes that are not in the encoding that is declared."""
    seems = judge(path)
    if seems.broken:
        lines = ", ".join(f"{line:,}" for line in seems.broken)
        return f"Mend the lines that are not in UTF-8, as the others are: {lines}."
    said = [seems.encoding, *seems.alternatives]
    readings = "; ".join(
        " or ".join(
            f"{_ASCII.sub('…', text[:40])!r} as {name}"
            for name, text in zip(said, row, strict=False)
        )
        for row in seems.samples[:1]
    )
    return f"Correct csv.encoding in study.yaml: it seems to be {seems.encoding}" + (
        f" (a cell reads {readings})." if readings else "."
    )


def _without_titles(path: Path, member: Member, target: Path, where: str) -> Path:
    """Return a text file without the lines above the names of its columns, and below its rows."""
    if not (member.skip or member.footer):
        return path
    with path.open("rb") as old, target.open("wb") as new:
        for _ in range(member.skip):
            old.readline()
        last: collections.deque[bytes] = collections.deque()
        for line in old:
            last.append(line)
            if len(last) > member.footer:
                new.write(last.popleft())
    if target.stat().st_size == 0:
        raise StudyError(
            "A raw file has no row.", where=where,
            rule=f"more than {member.skip} lines of title and {member.footer} below the rows",
        )  # fmt: skip
    return target


def header(path: Path, form: Csv, where: str, *, is_sheet: bool = False) -> list[str]:
    """Names of the columns, from the first line of a text file in UTF-8.

    Columns of a sheet that have no name are called by the letters that a spreadsheet program shows.
    """
    csv.field_size_limit(1 << 24)
    try:
        # The first line alone must be UTF-8 here: bytes further down are told with their line.
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            reader = csv.reader(
                file,
                delimiter=form.delimiter,
                quotechar=form.quote or None,
                quoting=csv.QUOTE_MINIMAL if form.quote else csv.QUOTE_NONE,
            )
            names = next(reader, [])
        "".join(names).encode()
    except (UnicodeError, csv.Error) as error:
        raise StudyError(
            "The first line of a raw file cannot be read.",
            where=where,
            rule=f"names of columns, delimiter {form.delimiter!r}, encoding {form.encoding}",
            found=str(error)[:200],
            remedy=_other_encoding(path)
            if isinstance(error, UnicodeError)
            else "Correct 'csv' in study.yaml: encoding, delimiter, quote.",
        ) from None
    if is_sheet:
        names = [name if name.strip() else _NAMELESS + workbooks.letters(column)
                 for column, name in enumerate(names)]  # fmt: skip
    if names and not names[-1].strip():
        names = names[:-1]  # many programs end each line with a delimiter
    folded = [name.casefold() for name in names]
    twice = sorted({name for name in names if folded.count(name.casefold()) > 1})
    if not names or twice or not all(name.strip() for name in names):
        # Without names the line is perhaps of the first customer.
        found = f"{[masked(name) for name in names]}"[:200]
        if twice:
            found = f"two columns called {', '.join(twice)}"
        raise StudyError(
            "The first line of a raw file does not name its columns.",
            where=where,
            rule="a name for each column, no two alike",
            found=found,
            remedy="Mend the line, or give 'header: false' and 'columns' under 'csv'.",
        )
    return names


def as_utf8(path: Path, encoding: str, target: Path, where: str) -> Path:
    """Return the path of a text file in UTF-8: itself, or a copy rewritten piece by piece."""
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        raise StudyError(
            "There is no such text encoding.",
            where=f"{where}: csv.encoding",
            found=repr(encoding),
            remedy="Usual ones: utf-8, cp1252, iso8859-2, utf-16.",
        ) from None
    if name in {"utf-8", "ascii"}:
        return path
    try:
        with (
            path.open(encoding=name, newline="") as old,
            target.open("w", encoding="utf-8", newline="") as new,
        ):
            shutil.copyfileobj(old, new, 1 << 20)
    except (UnicodeError, LookupError) as error:  # LookupError: a codec that is not of text
        raise StudyError(
            "A raw file is not in the encoding that is declared.",
            where=where,
            rule=encoding,
            found=str(error)[:200],
            remedy=_other_encoding(path),
        ) from None
    return target


def _rows_as_expected(member: Member, rows: int, where: str) -> list[str]:
    """Hold the rows against those of the whole file; return what is to be noted."""
    if member.rows is None or rows == member.rows:
        return []
    if rows > member.rows or not member.may_be_partial:
        raise StudyError(
            "A raw file does not have the rows it must have.",
            where=where,
            rule=f"{member.rows:,} rows",
            found=f"{rows:,} rows",
            remedy="Replace it by an unaltered copy.",
        )
    seen = f"{rows:,} of {member.rows:,} rows ({rows / member.rows:.1%}) were seen"
    return [f"The raw file {Path(member.file).name} is partial here: {seen}."]


# --- files with types ---------------------------------------------------------------------------


def _parquet(connection: Connection, path: Path, name: str) -> None:
    try:
        connection.read_parquet(glob.escape(str(path))).create_view(name)
    except duckdb.Error as error:
        raise _unreadable("a Parquet file", str(path), telling(error)) from None


def _duckdb(connection: Connection, path: Path, inner: str, name: str, _: Path) -> None:
    base = f"file {path}"
    try:
        attached = connection.execute("SELECT database_name FROM duckdb_databases()").fetchall()
        if (base,) not in attached:
            place = str(path).replace("'", "''")
            connection.execute(f"ATTACH '{place}' AS {quoted(base)} (READ_ONLY)")
        parts = inner.split(".") if "." in inner else ["main", inner]
        connection.table(".".join(map(quoted, [base, *parts]))).create_view(name)
    except duckdb.Error as error:
        raise _not_in_database(path, "duckdb", inner, telling(error)) from None


def _sqlite(connection: Connection, path: Path, inner: str, name: str, staging: Path) -> None:
    target = staging / f"{name}.sqlite.parquet"
    database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    try:
        cursor = database.execute(f"SELECT * FROM {quoted(inner)}")  # noqa: S608
        names = [column[0] for column in cursor.description]
        schema = pa.schema([(column, pa.string()) for column in names])
        with pq.ParquetWriter(target, schema) as writer:
            while rows := cursor.fetchmany(_BATCH):
                columns = zip(*rows, strict=True)
                arrays = [pa.array(map(_as_text, column), pa.string()) for column in columns]
                writer.write_table(pa.table(arrays, schema=schema))
    except (sqlite3.Error, UnicodeError, ValueError) as error:
        raise _not_in_database(path, "sqlite", inner, telling(error)) from None
    finally:
        database.close()
    connection.read_parquet(glob.escape(str(target))).create_view(name)


def _as_text(value: object) -> str | None:
    """Write a value of SQLite as text, floats in full, nothing as null."""
    if isinstance(value, bytes):
        return value.decode()
    return value if value is None or isinstance(value, str) else repr(value)


def _not_in_database(path: Path, kind: str, inner: str, found: str) -> StudyError:
    """The error for a table that a database does not give; a file of another format is named."""
    what = recognise(path)
    name = {"duckdb": "DuckDB", "sqlite": "SQLite"}[kind]
    if what.kind not in {kind, "text"}:
        return unreadable(path, what)
    return _unreadable(f"a {name} file with a table {inner}", str(path), found)


def _unreadable(rule: str, where: str, found: str) -> StudyError:
    return StudyError(
        "A raw file cannot be read.",
        where=where,
        rule=rule,
        found=found,
        remedy="Correct 'file' or 'tables' of the source in study.yaml, or replace the file.",
    )
