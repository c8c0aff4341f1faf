"""From raw files to canonical tables: one SQL file a table, run by DuckDB, written as Parquet.

Columns of delimited text arrive as text, so that the SQL alone says what they mean; nothing is
guessed. All is written aside, checked against the contracts, and then renamed.
"""

from __future__ import annotations

import codecs
import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import duckdb

from pmlib.engine import open_engine
from pmlib.errors import StudyError
from pmlib.schema import CONTRACTS, HASH, check
from pmlib.studies.fetch import RawFile
from pmlib.studies.spec import Csv, Member, StudySpec


def ingest(spec: StudySpec, folder: Path, files: Iterable[RawFile], work: Path) -> dict[str, Any]:
    """Write the canonical tables of a study.

    Parameters
    ----------
    spec : StudySpec
    folder : pathlib.Path
        The study's folder, where the SQL lies.
    files : iterable of RawFile
    work : pathlib.Path
        An empty folder; ``tables/<name>.parquet`` is written into it.

    Returns
    -------
    dict
        ``notes`` (sentences on the data as they came) and ``raw_rows`` (rows by raw table).

    Raises
    ------
    StudyError
        A raw file cannot be read as declared, or the SQL fails.
    """
    staging = work / "staging"
    tables = work / "tables"
    staging.mkdir()
    tables.mkdir()
    connection = duckdb.connect()
    try:
        connection.execute("SET enable_progress_bar = false")
        connection.execute("SET temp_directory = ?", [str(staging / "spill")])
        connection.execute("SET autoinstall_known_extensions = false")
        raw_rows, notes = {}, []
        for file in files:
            for member in file.members:
                rows, note = _register(connection, file, member, staging)
                raw_rows[member.table] = rows
                notes += note
        for source in spec.sources:
            for member in source.members:
                if member.table not in raw_rows:
                    notes.append(_absent(connection, member))
        for table, sql_file in spec.tables.items():
            _write(connection, table, folder / sql_file, tables / f"{table}.parquet")
        notes += [_note(connection, note.text, note.sql) for note in spec.notes]
    finally:
        connection.close()
    shutil.rmtree(staging)
    return {"notes": notes, "raw_rows": raw_rows}


def validate(spec: StudySpec, paths: dict[str, Path]) -> dict[str, int]:
    """Check written tables against the contracts; return the rows of each."""
    engine = open_engine("duckdb")
    try:
        return check(
            {name: engine.scan(path) for name, path in paths.items()},
            as_of=spec.as_of,
            attributes=spec.attributes,
            outcomes=spec.outcomes,
        )
    finally:
        engine.close()


def _register(
    connection: duckdb.DuckDBPyConnection, file: RawFile, member: Member, staging: Path
) -> tuple[int, list[str]]:
    """Make a raw table known to the SQL by its name; return its rows and what is to be noted."""
    path = _unpacked(file, member, staging) if file.packed else file.path
    where = f"{file.path}" + (f" ({member.file})" if file.packed else "")
    if path.stat().st_size == 0:
        raise StudyError("A raw file is empty.", where=where, found="0 bytes")
    path = _as_utf8(path, member.csv.encoding, staging / f"{member.table}.utf8", where)
    try:
        _read_csv(connection, path, member.csv).create_view(member.table)
        rows = int(connection.table(member.table).count("*").fetchall()[0][0])
    except duckdb.Error as error:
        raise StudyError(
            "A raw file cannot be read as declared.",
            where=where,
            rule=f"delimiter {member.csv.delimiter!r}, quote {member.csv.quote!r}, "
            f"encoding {member.csv.encoding}",
            found=_first_lines(error),
            remedy="Mend the line, or correct 'csv' in study.yaml.",
        ) from None
    if member.rows is None or rows == member.rows:
        return rows, []
    if rows > member.rows or not member.may_be_partial:
        raise StudyError(
            "A raw file does not have the rows it must have.",
            where=where,
            rule=f"{member.rows:,} rows",
            found=f"{rows:,} rows",
            remedy="Replace it by an unaltered copy.",
        )
    note = (
        f"The raw file {Path(member.file).name} is partial here: {rows:,} of {member.rows:,} "
        f"rows ({rows / member.rows:.1%}) were seen."
    )
    return rows, [note]


def _absent(connection: duckdb.DuckDBPyConnection, member: Member) -> str:
    """Give the SQL an empty table in place of an optional file; return what is to be noted."""
    columns = ", ".join(f"NULL::VARCHAR AS {_quoted(name)}" for name in member.csv.columns or [])
    connection.execute(f"CREATE VIEW {_quoted(member.table)} AS SELECT {columns} WHERE FALSE")
    return f"The optional raw file {Path(member.file).name} is not here."


def _quoted(name: str) -> str:
    """An identifier as SQL writes it, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def _read_csv(
    connection: duckdb.DuckDBPyConnection, path: Path, csv: Csv
) -> duckdb.DuckDBPyRelation:
    return connection.read_csv(
        str(path),
        header=csv.header,
        names=csv.columns,
        delimiter=csv.delimiter,
        quotechar=csv.quote,
        escapechar=csv.quote,
        na_values=csv.missing,
        all_varchar=True,
    )


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
            with (
                opened.open(inner if inner in names else alike[0]) as packed,
                target.open("wb") as file,
            ):
                shutil.copyfileobj(packed, file)
            return
        nested = next((n for n in names if n.endswith(".zip") and inner.startswith(f"{n}/")), None)
        if nested is None:
            raise KeyError(f"no {inner} in it; it holds {', '.join(names[:10])}")
        with opened.open(nested) as packed:
            _extract(packed, inner.removeprefix(f"{nested}/"), target)


def _as_utf8(path: Path, encoding: str, target: Path, where: str) -> Path:
    """Rewrite a text file in UTF-8 if it is in another encoding, piece by piece."""
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
    except UnicodeError as error:
        raise StudyError(
            "A raw file is not in the encoding that is declared.",
            where=where,
            rule=encoding,
            found=str(error)[:200],
            remedy="Correct csv.encoding in study.yaml.",
        ) from None
    return target


def _write(connection: duckdb.DuckDBPyConnection, table: str, sql: Path, target: Path) -> None:
    """Run the SQL of a canonical table and write its result."""
    try:
        query = sql.read_text(encoding="utf-8-sig").strip().rstrip(";")
    except (OSError, UnicodeError) as error:
        raise StudyError(
            "The SQL of a table cannot be read.",
            where=str(sql),
            rule=f"the SQL file that study.yaml names for {table}",
            found=getattr(error, "strerror", None) or str(error),
            remedy="Add the file, or correct 'tables' in study.yaml.",
        ) from None
    try:
        relation = connection.sql(query)
        if relation is None:
            raise StudyError(
                "The SQL of a table is not a query.",
                where=str(sql),
                rule="one SELECT",
                found="a statement without a result",
                remedy="Let the file hold one SELECT.",
            )
        columns = ", ".join(_column(table, n, str(t)) for n, t in
                            zip(relation.columns, relation.types, strict=True))  # fmt: skip
        relation.select(columns).write_parquet(str(target), compression="zstd")
    except duckdb.Error as error:
        raise StudyError(
            "The SQL of a table fails.",
            where=str(sql),
            rule=f"a query in DuckDB's dialect over the raw tables that gives the table {table}",
            found=_first_lines(error),
            remedy="Mend the SQL, or the value of the raw file that it stumbles over.",
        ) from None


def _column(table: str, name: str, dtype: str) -> str:
    """A column as it is written: widths made uniform, nothing that could lose or change a value."""
    quoted = _quoted(name)
    column = CONTRACTS[table].columns.get(name)
    cast = None
    if column is not None and column.kind == "date" and dtype.startswith("TIMESTAMP"):
        cast = "DATE"
    elif dtype in {"FLOAT", "HUGEINT", "UHUGEINT"} or dtype.startswith("DECIMAL"):
        cast = "DOUBLE"
    elif dtype.endswith("INT") or dtype in {"INTEGER", "UINTEGER"}:
        cast = "BIGINT"
    elif dtype.startswith("ENUM") or dtype == "UUID":
        cast = "VARCHAR"
    elif dtype == '"NULL"':  # a column of nulls takes the type that the contract wants
        kinds = {"number": "DOUBLE", "whole": "BIGINT", "date": "DATE", "flag": "BOOLEAN"}
        cast = kinds.get(column.kind if column else "number", "VARCHAR")
    written = f"CAST({quoted} AS {cast}) AS {quoted}" if cast else quoted
    if table in {"customers", "prospects"} and name == "customer_id":
        written += f", CAST('0x' || md5(CAST({quoted} AS VARCHAR))[:8] AS BIGINT) AS {HASH}"
    return written


def _note(connection: duckdb.DuckDBPyConnection, text: str, sql: str | None) -> str:
    """Fill a note of study.yaml with the number that its SQL counts."""
    if sql is None:
        return text
    try:
        (n,) = connection.sql(sql).fetchall()[0]
        return text.format(n=f"{n:,}" if isinstance(n, int | float) else n)
    except (duckdb.Error, ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        raise StudyError(
            "A note of study.yaml cannot be counted.",
            where=f"notes: {text!r}",
            rule="SQL that gives one value over the raw tables, shown in place of {n}",
            found=_first_lines(error),
        ) from None


def _first_lines(error: Exception) -> str:
    """The telling part of a database's message, in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:3])[:400]
