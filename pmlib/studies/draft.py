"""Draft a study from a bank's files: guesses, each marked for the user to check.

Names and values of columns are looked at; what they seem to be is written down as study.yaml and
SQL with the word CHECK beside every guess. Nothing is run on a guess: the user reads the draft,
mends it, and checks it with ``--check``.
"""

from __future__ import annotations

import codecs
import csv
import datetime as dt
import itertools
import json
import os
import re
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
from duckdb import DuckDBPyConnection as Connection

from pmlib.errors import StudyError
from pmlib.studies.fetch import RawFile, writable
from pmlib.studies.mapping import RawColumn, Table, assign, sql_name, sql_of, unused
from pmlib.studies.reading import quoted
from pmlib.studies.sources import as_utf8, header, register, telling
from pmlib.studies.spec import SPEC_FILE, Csv, Source, kind_of_file

_SAMPLE = 1_000_000  # rows looked at
_DATE_FORMATS = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%Y%m%d", "%d-%m-%Y")
_FLAG_WORDS = ("true", "false", "yes", "no", "t", "f", "y", "n")


def draft_study(folder: Path, files: Sequence[Path], *, today: dt.date | None = None) -> str:
    """Write a study.yaml and the SQL of its tables from what the files seem to be.

    Parameters
    ----------
    folder : pathlib.Path
        Where the study shall be; made if need be.
    files : sequence of pathlib.Path
        Delimited text, Parquet, SQLite or DuckDB files; they stay where they are.
    today : datetime.date, optional
        Dates after it are not taken for the end of the data.

    Returns
    -------
    str
        What was found, in words, and what to do next.

    Raises
    ------
    StudyError
        The folder holds a study already, a file cannot be read, or no file speaks of customers.
    """
    if (folder / SPEC_FILE).exists():
        raise StudyError(
            "The folder holds a study already.",
            where=str(folder / SPEC_FILE),
            found="a study.yaml, which is not overwritten",
            remedy="Choose another folder, or remove the file.",
        )
    if not files:
        raise StudyError("No files are given.", rule="one file at least", where="--from")
    names: set[str] = set()
    tables, sources = [], []
    with tempfile.TemporaryDirectory() as staging, duckdb.connect() as connection:
        for number, path in enumerate(files):
            place = Path(staging) / str(number)
            place.mkdir()
            sources.append(_declare(path, folder, names, place))
            tables += _look(connection, path, sources[-1], place)
    assigned = assign(tables)
    if not assigned:
        seen = [f"{table.name}: {', '.join(c.name for c in table.columns)}" for table in tables]
        raise StudyError(
            "No file seems to speak of customers.",
            where=", ".join(path.name for path in files),
            rule="a column that identifies a customer, such as customer_id",
            found="; ".join(seen)[:400],
            remedy="Rename the column to customer_id, or write the study by hand: data/berka is an "
            "example.",
        )
    as_of = _end(tables, today or dt.date.today())
    with writable(folder):
        said = []
        for kind, table in assigned.items():
            sql, notes = sql_of(kind, table, as_of)
            (folder / f"{kind}.sql").write_text(sql, encoding="utf-8")
            said.append(f"{kind}.sql from {table.name} ({table.rows:,} rows)" + notes)
        text = _yaml(folder, sources, tables, assigned, as_of)
        (folder / SPEC_FILE).write_text(text, encoding="utf-8")
    check = f"Read the lines marked CHECK, then: python run_all.py --study {folder} --check"
    return "\n".join([f"Drafted {folder / SPEC_FILE}", *(f"  {line}" for line in said), check])


# --- what the files are -------------------------------------------------------------------------


def _declare(path: Path, folder: Path, names: set[str], staging: Path) -> dict[str, Any]:
    """Say how a file is read, as study.yaml says it."""
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no such file"
        raise StudyError("A file to draft from is missing.", where=str(path), found=found)
    if path.stat().st_size == 0:
        raise StudyError("A file to draft from is empty.", where=str(path), found="0 bytes")
    declared: dict[str, Any] = {"file": os.path.relpath(path.resolve(), folder.resolve())}
    kind = kind_of_file(path.name)
    if kind in {"sqlite", "duckdb"}:
        return declared | {"tables": {_name(name, names): name for name in _tables_in(path, kind)}}
    declared["table"] = _name(path.stem, names)
    if kind == "text":
        _require_text(path)
        encoding = _encoding(path)
        readable = as_utf8(path, encoding, staging / "utf8", str(path))
        form = Csv(encoding=encoding, delimiter=_delimiter(readable, str(path)))
        if form != Csv():
            declared["csv"] = form.model_dump(exclude_defaults=True)
    return declared


def _require_text(path: Path) -> None:
    """Refuse a file that opens as an archive, a spreadsheet or a PDF does."""
    with path.open("rb") as file:
        start = file.read(4)
    if start in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"%PDF"):
        raise StudyError(
            "A file to draft from is no table of text.",
            where=str(path),
            rule="delimited text, Parquet, SQLite or DuckDB",
            found="a PDF" if start == b"%PDF" else "a spreadsheet or an archive",
            remedy="Export its table as CSV.",
        )


def _name(text: str, taken: set[str]) -> str:
    """A name for a raw table that no other has."""
    return unused(f"raw_{sql_name(text, otherwise='table')}", taken)


def _tables_in(path: Path, kind: str) -> list[str]:
    try:
        if kind == "sqlite":
            query = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY 1"
            with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as opened:
                found = [name for (name,) in opened.execute(query)]
            found = [name for name in found if not name.startswith("sqlite_")]
        else:
            query = "SELECT table_name FROM information_schema.tables ORDER BY 1"
            with duckdb.connect(str(path), read_only=True) as database:
                found = [name for (name,) in database.execute(query).fetchall()]
    except (sqlite3.Error, duckdb.Error) as error:
        raise StudyError(
            "A file to draft from cannot be read.", where=str(path), rule=kind, found=telling(error)
        ) from None
    if not found:
        raise StudyError("A database to draft from has no tables.", where=str(path))
    return found


def _encoding(path: Path) -> str:
    """UTF-8 where the bytes are, UTF-16 by its mark, else the usual one of western Windows."""
    with path.open("rb") as file:
        start = file.read(4)
        if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return "utf-16"
        file.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while piece := file.read(1 << 20):
                decoder.decode(piece)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8"


def _delimiter(path: Path, where: str) -> str:
    """The delimiter that splits the first lines evenly, and into most columns."""
    csv.field_size_limit(1 << 24)
    best, most = ",", (False, 1)
    for candidate in (",", ";", "\t", "|"):
        with path.open(encoding="utf-8-sig", newline="") as file:
            try:
                reader = csv.reader(file, delimiter=candidate)
                widths = [len(row) for row in itertools.islice(reader, 50) if row]
            except csv.Error:
                continue
        if widths and widths[0] > 1 and (len(set(widths)) == 1, widths[0]) > most:
            best, most = candidate, (len(set(widths)) == 1, widths[0])
    header(path, Csv(delimiter=best), where)  # an unusable first line is told now
    return best


# --- what the columns hold ----------------------------------------------------------------------


def _look(
    connection: Connection, path: Path, declared: dict[str, Any], staging: Path
) -> list[Table]:
    source = Source.model_validate({**declared, "file": path.name})
    members, size = tuple(source.raw_tables), path.stat().st_size
    file = RawFile(source, path, members, packed=False, sha256="", size=size)
    return [
        Table(account.table, account.rows, _columns(connection, account.table))
        for account, _ in register(connection, source, [file], staging, "as-written")
    ]


def _columns(connection: Connection, table: str) -> list[RawColumn]:
    """Look at all columns of a raw table in one scan."""
    relation = connection.table(quoted(table))
    tests = {
        (name, str(dtype)): _tests(name, str(dtype))
        for name, dtype in zip(relation.columns, relation.types, strict=True)
    }
    wanted = ", ".join(itertools.chain(*tests.values()))
    values = iter(relation.limit(_SAMPLE).aggregate(wanted).fetchall()[0])
    return [_column(*column, *itertools.islice(values, len(tests[column]))) for column in tests]


def _tests(name: str, dtype: str) -> list[str]:
    """SQL that counts filled cells, distinct values, and cells that read as each type."""
    own = quoted(name)
    tests = [f"count({own})", f"count(DISTINCT {own})"]
    if dtype != "VARCHAR":
        negative = f"count(*) FILTER ({own} < 0)" if _typed(dtype) == "number" else "0"
        return [*tests, negative, f"max({own})" if _typed(dtype) == "date" else "NULL"]
    tidy = f"trim({own})"
    words = ", ".join(f"'{word}'" for word in _FLAG_WORDS)
    comma = f"regexp_full_match({tidy}, '[-+]?[0-9.]*,[0-9]+|[-+]?[0-9]+')"
    tests += [
        f"count(*) FILTER (regexp_full_match({tidy}, '[-+]?[0-9]{{1,18}}'))",
        f"count(TRY_CAST({tidy} AS DOUBLE))",
        f"count(*) FILTER ({comma})",
        f"count(*) FILTER (lower({tidy}) IN ({words}))",
        f"count(*) FILTER (regexp_full_match({tidy}, '0[0-9]+'))",
        f"count(*) FILTER ({tidy} LIKE '-%')",
    ]
    for form in _DATE_FORMATS:
        parsed = f"try_strptime(left({tidy}, {8 if form == '%Y%m%d' else 10}), '{form}')"
        tests += [f"count({parsed})", f"max({parsed})"]
    return tests


def _typed(dtype: str) -> str:
    """Kind of a column that has a type of its own."""
    starts = {"DATE": "date", "TIMESTAMP": "date", "BOOLEAN": "flag", "DOUBLE": "number",
              "FLOAT": "number", "DECIMAL": "number"}  # fmt: skip
    kind = next((kind for start, kind in starts.items() if dtype.startswith(start)), "text")
    return "whole" if dtype.endswith(("INT", "INTEGER")) else kind


def _column(name: str, dtype: str, filled: int, distinct: int, *rest: Any) -> RawColumn:
    if dtype != "VARCHAR":
        negative, latest = rest
        latest = latest.date() if isinstance(latest, dt.datetime) else latest
        return RawColumn(
            name, _typed(dtype), quoted(name), filled, distinct, signed=negative > 0, latest=latest
        )
    whole, number, comma, flags, padded, negative, *dates = rest
    own = f"trim({quoted(name)})"
    if filled == 0:
        return RawColumn(name, "empty", own, filled, distinct)
    for form, count, latest in zip(_DATE_FORMATS, dates[::2], dates[1::2], strict=True):
        if count == filled and (form != "%Y%m%d" or _is_day(name, distinct, latest.year)):
            sql = f"strptime(left({own}, {8 if form == '%Y%m%d' else 10}), '{form}')::DATE"
            said = f"dates as {form}"
            return RawColumn(name, "date", sql, filled, distinct, said, latest=latest.date())
    if whole == filled and not padded:
        return RawColumn(name, "whole", f"{own}::BIGINT", filled, distinct)
    if number == filled and not padded:
        return RawColumn(name, "number", f"{own}::DOUBLE", filled, distinct, signed=negative > 0)
    if comma == filled and not padded:
        sql = f"replace(replace({own}, '.', ''), ',', '.')::DOUBLE"
        return RawColumn(
            name, "number", sql, filled, distinct, "decimal comma", signed=negative > 0
        )
    if flags == filled:
        sql = f"lower({own}) IN ('true', 'yes', 't', 'y')"
        return RawColumn(name, "flag", sql, filled, distinct, "true for true, yes, t, y")
    return RawColumn(name, "text", own, filled, distinct)


def _is_day(name: str, distinct: int, year: int) -> bool:
    """Whether eight digits that read as dates are dates, and no numbers of another kind."""
    told = re.search("dat|day|_on$|since", name, re.IGNORECASE)
    return told is not None or (distinct >= 10 and 1900 <= year <= 2100)


def _end(tables: list[Table], today: dt.date) -> dt.date:
    """The latest day that the data know, today at the latest."""
    latest = [column.latest for table in tables for column in table.columns if column.latest]
    return max((day for day in latest if day <= today), default=today)


# --- study.yaml ---------------------------------------------------------------------------------


def _yaml(
    folder: Path,
    sources: list[dict[str, Any]],
    tables: list[Table],
    assigned: dict[str, Table],
    as_of: dt.date,
) -> str:
    title = folder.resolve().name
    used = {table.name for table in assigned.values()}
    lines = [
        "# A draft. Every line with CHECK is a guess: read it, mend it, remove the word.",
        f"title: {json.dumps(title, ensure_ascii=False)}  # CHECK",
        "description: Customers of a bank.  # CHECK: what, who, when",
        "licence: Internal.  # CHECK",
        f"as_of: {as_of}  # CHECK: the last day that the data know; the latest date seen",
        "currency: EUR  # CHECK",
        "",
        "sources:",
    ]
    lines += [f"  - {json.dumps(source, ensure_ascii=False)}" for source in sources]
    lines += [f"# CHECK: used by no SQL yet: {t.name}" for t in tables if t.name not in used]
    lines += ["", "tables:", *(f"  {kind}: {kind}.sql" for kind in assigned)]
    attributes = assigned["customers"].attributes
    if attributes:
        lines += [
            "",
            "# role: feature forms segments, descriptor only describes and predicts, sensitive is",
            "# kept for checks of fairness. known_before_contact: false for what comes too late.",
            "attributes:",
        ]
    for name, column, role in attributes:
        label = json.dumps(column.name, ensure_ascii=False)
        lines.append(f"  {name}: {{label: {label}, role: {role}}}  # CHECK: label, unit, role")
    if "contacts" in assigned or "holdings" in assigned:
        lines += ["", "channels:", "  - {name: letter, cost: 1.0}  # CHECK: cost of one contact"]
    if "products" in assigned and "annual_margin" not in assigned["products"].mapped:
        asked = "  default_margin: 50.0  # CHECK: what a product earns a year; no column was found"
        lines += ["", "parameters:", asked]
    return "\n".join(lines) + "\n"
