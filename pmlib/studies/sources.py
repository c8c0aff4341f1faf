"""Raw tables, made known to DuckDB by name: text, Parquet, SQLite, DuckDB, PostgreSQL.

Delimited text, SQLite (whose columns have no fixed type) and PostgreSQL arrive as text, so that
the SQL alone says what a value means; nothing is sniffed. Parquet and DuckDB keep their types.
DuckDB's own readers of SQLite and PostgreSQL are extensions that must be downloaded; the small
detours here need no network.
"""

from __future__ import annotations

import codecs
import collections
import csv
import os
import shutil
import sqlite3
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from duckdb import DuckDBPyConnection as Connection

from pmlib.errors import StudyError
from pmlib.studies.fetch import RawFile
from pmlib.studies.reading import Account, Part, quoted, typed
from pmlib.studies.spec import Csv, IdForm, Member, Server, Source

_BATCH = 50_000


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
                raise as_declared(parts[0].label, member, error) from None
            yield account, _rows_as_expected(member, account.found, str(parts[0].label))


def parts_of(
    connection: Connection, source: Source, member: Member, files: Sequence[RawFile], staging: Path
) -> Iterator[Part]:
    """Make a view of each file of a raw table, before any reading of its columns."""
    if source.server is not None:
        path = staging / f"{member.table}.server.csv"
        _copy(source.server, member.file, path)
        view = f"{member.table} as text"
        _text(
            connection,
            path,
            Member(file=member.file, table=member.table),
            view,
            staging,
            member.file,
        )
        yield Part(view, member.file, None, member)
        return
    for number, file in enumerate(files):
        if member.table not in [held.table for held in file.members]:
            continue
        if file.size == 0:
            raise StudyError("A raw file is empty.", where=str(file.path), found="0 bytes")
        view = f"{member.table} as text{f' {number}' if number else ''}"
        if source.kind in {"sqlite", "duckdb"}:
            reader = {"sqlite": _sqlite, "duckdb": _duckdb}[source.kind]
            reader(connection, file.path, member.file, view, staging)
            yield Part(view, f"{file.path.name} ({member.file})", None, member)
            continue
        path = _unpacked(file, member, staging) if file.packed else file.path
        where = f"{file.path}" + (f" ({member.file})" if file.packed else "")
        label = f"{file.path.name}" + (f" ({member.file})" if file.packed else "")
        if source.kind == "parquet":
            _parquet(connection, path, view)
            yield Part(view, label, None, member)
        else:
            text = _text(connection, path, member, view, staging, where)
            yield Part(view, label, text, member)


def register_absent(connection: Connection, member: Member) -> str:
    """Give the SQL an empty table in place of an optional file; return what is to be noted."""
    columns = ", ".join(f"NULL::VARCHAR AS {quoted(name)}" for name in member.csv.columns or [])
    connection.execute(f"CREATE VIEW {quoted(member.table)} AS SELECT {columns} WHERE FALSE")
    return f"The optional raw file {Path(member.file).name} is not here."


def telling(error: Exception) -> str:
    """Return the telling part of a database's message, in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith(("Possible", "*", "file ="))]
    return " ".join(line if len(line) <= 160 else line[:159] + "…" for line in kept[:4])[:480]


# --- delimited text -----------------------------------------------------------------------------


def _text(
    connection: Connection, path: Path, member: Member, view: str, staging: Path, where: str
) -> Path:
    """Make a view of a text file; return where its text lies in UTF-8, lines as in the file."""
    form = member.csv
    whole = as_utf8(path, form.encoding, staging / f"{view}.utf8", where)
    path = _without_titles(whole, member, staging / f"{view}.cut", where)
    names = form.columns or header(path, form, where)
    try:
        connection.read_csv(
            str(path),
            auto_detect=False,
            columns=dict.fromkeys(names, "VARCHAR"),
            header=form.header,
            delimiter=form.delimiter,
            quotechar=form.quote,
            escapechar=form.quote,
            na_values=form.missing,
        ).create_view(view)
    except duckdb.Error as error:
        raise as_declared(where, member, error) from None
    return whole


def as_declared(where: str, member: Member, error: duckdb.Error) -> StudyError:
    form, found = member.csv, telling(error)
    if "state machine" in found:
        found = "lines that end in different ways, or quotes inside a field"
    if member.skip:
        found += f" (lines counted from below the {member.skip} of title)"
    return StudyError(
        "A raw file cannot be read as declared.",
        where=where,
        rule=f"delimiter {form.delimiter!r}, quote {form.quote!r}, encoding {form.encoding}",
        found=found,
        remedy="Mend the line, or correct 'csv', 'skip', 'footer' or 'read' in study.yaml.",
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


def header(path: Path, form: Csv, where: str) -> list[str]:
    """Names of the columns, from the first line of a text file in UTF-8."""
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
            remedy="Correct 'csv' in study.yaml: encoding, delimiter, quote.",
        ) from None
    if names and not names[-1].strip():
        names = names[:-1]  # many programs end each line with a delimiter
    folded = [name.casefold() for name in names]
    twice = sorted({name for name in names if folded.count(name.casefold()) > 1})
    if not names or twice or not all(name.strip() for name in names):
        found = f"two columns called {', '.join(twice)}" if twice else f"{names}"[:200]
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
            remedy="Correct csv.encoding in study.yaml.",
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


# --- archives -----------------------------------------------------------------------------------


def _unpacked(file: RawFile, member: Member, staging: Path) -> Path:
    """Unpack a member of a zip, or of a zip within a zip."""
    target = staging / f"{member.table}.raw"
    try:
        with file.path.open("rb") as outer:
            _extract(outer, member.file, target)
    except (zipfile.BadZipFile, KeyError, EOFError, RuntimeError, NotImplementedError) as error:
        raise StudyError(
            "An archive cannot be unpacked.",
            where=str(file.path),
            rule=f"a zip that holds {member.file}",
            found=str(error).strip("'\""),
            remedy="Replace it by an unaltered copy, or correct 'members' in study.yaml.",
        ) from None
    return target


def _extract(archive: IO[bytes], inner: str, target: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        names = opened.namelist()
        alike = [name for name in names if Path(name).name == inner]
        if inner in names or len(alike) == 1:  # some archives keep their files in a folder
            found = inner if inner in names else alike[0]
            with opened.open(found) as packed, target.open("wb") as file:
                shutil.copyfileobj(packed, file)
            return
        nested = next((n for n in names if n.endswith(".zip") and inner.startswith(f"{n}/")), None)
        if nested is None:
            raise KeyError(f"no {inner} in it; it holds {', '.join(names[:10])}")
        with opened.open(nested) as packed:
            _extract(packed, inner.removeprefix(f"{nested}/"), target)


# --- files with types ---------------------------------------------------------------------------


def _parquet(connection: Connection, path: Path, name: str) -> None:
    try:
        connection.read_parquet(str(path)).create_view(name)
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
        rule = f"a DuckDB file with a table {inner}"
        raise _unreadable(rule, str(path), telling(error)) from None


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
        rule = f"a SQLite file with a table {inner}"
        raise _unreadable(rule, str(path), str(error)) from None
    finally:
        database.close()
    connection.read_parquet(str(target)).create_view(name)


def _as_text(value: object) -> str | None:
    """Write a value of SQLite as text, floats in full, nothing as null."""
    if isinstance(value, bytes):
        return value.decode()
    return value if value is None or isinstance(value, str) else repr(value)


def _unreadable(rule: str, where: str, found: str) -> StudyError:
    return StudyError(
        "A raw file cannot be read.",
        where=where,
        rule=rule,
        found=found,
        remedy="Correct 'file' or 'tables' of the source in study.yaml, or replace the file.",
    )


# --- PostgreSQL ---------------------------------------------------------------------------------


def _copy(server: Server, inner: str, target: Path) -> None:
    """Stream a table of a PostgreSQL server into a text file."""
    address = f"{server.user}@{server.host}:{server.port}/{server.database}"
    password = os.environ.get(server.password_variable)
    if password is None:
        raise StudyError(
            "The password of a PostgreSQL server is not given.",
            where=address,
            rule=f"the environment variable {server.password_variable} holds it, study.yaml never",
            found=f"{server.password_variable} is not set",
            remedy=f"Set it: export {server.password_variable}=…",
        )
    try:
        import psycopg
        from psycopg import sql
    except ImportError:
        raise StudyError(
            "The library for PostgreSQL is not installed.",
            where="sources: server",
            remedy="Install it: pip install '.[postgresql]'.",
        ) from None
    table = sql.Identifier(*inner.split("."))
    query = sql.SQL("COPY (SELECT * FROM {}) TO STDOUT (FORMAT csv, HEADER)").format(table)
    try:
        with (
            psycopg.connect(
                host=server.host,
                port=server.port,
                dbname=server.database,
                user=server.user,
                password=password,
                connect_timeout=10,
                client_encoding="utf8",
                options="-c datestyle=ISO -c default_transaction_read_only=on",
            ) as connection,
            connection.cursor() as cursor,
            target.open("wb") as file,
            cursor.copy(query) as stream,
        ):
            for piece in stream:
                file.write(piece)
    except psycopg.Error as error:
        raise StudyError(
            "A PostgreSQL server does not give a table.",
            where=f"{address}, table {inner}",
            rule="a server that answers, a user who may read the table, and the right password "
            f"in {server.password_variable}",
            found=" ".join(str(error).split())[:300] or type(error).__name__,
            remedy="Correct 'server' or 'tables' in study.yaml, the password, or the server.",
        ) from None
