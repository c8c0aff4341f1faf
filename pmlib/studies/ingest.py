"""From raw files to canonical tables: one SQL file a table, run by DuckDB, written as Parquet.

All is written aside, checked against the contracts, and then renamed.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import narwhals as nw
from duckdb import DuckDBPyConnection as Connection

from pmlib.canon.known import known_by
from pmlib.engine import collect, open_engine
from pmlib.errors import StudyError, nearest
from pmlib.schema import CONTRACTS, HASH
from pmlib.studies import queries
from pmlib.studies.arms import settle_arms
from pmlib.studies.contracts import check
from pmlib.studies.fetch import RawFile
from pmlib.studies.forms import quoted
from pmlib.studies.reading import Account
from pmlib.studies.sources import register, register_absent
from pmlib.studies.spec import StudySpec, named_in, present


def ingest(spec: StudySpec, folder: Path, files: Sequence[RawFile], work: Path) -> dict[str, Any]:
    """Write ``tables/<name>.parquet`` of a study into the empty folder `work`.

    Returns ``notes`` (sentences on the data as they came) and ``raw`` (what became of each raw
    table, `pmlib.studies.reading.Account`).
    Raises StudyError where a raw file cannot be read as declared, or the SQL, which lies in
    `folder`, fails.
    """
    staging, tables = work / "staging", work / "tables"
    staging.mkdir()
    tables.mkdir()
    with duckdb.connect() as connection:
        connection.execute("SET temp_directory = ?", [str(staging / "spill")])
        connection.execute("SET autoinstall_known_extensions = false")
        accounts: list[Account] = []
        notes: list[str] = []
        for source in spec.sources:
            own = [file for file in files if file.source is source]
            for account, said in register(connection, source, own, staging, spec.customer_ids):
                accounts.append(account)
                notes += [*said, *account.notes()]
            for member in source.members:
                if not member.unused and member.table not in [
                    account.table for account in accounts
                ]:
                    notes.append(register_absent(connection, member))
        queries.close(connection, [file.path for file in files], [staging, tables])
        for table, sql_file in spec.tables.items():
            objects = spec.objects if table == "customers" else ""
            _write(connection, table, folder / sql_file, tables / f"{table}.parquet", objects)
        if "contacts" in spec.tables:
            notes += settle_arms(connection, spec, tables / "contacts.parquet")
        notes += [_note(connection, note.text, note.sql) for note in spec.notes]
    shutil.rmtree(staging)
    return {"notes": notes, "raw": [account.record() for account in accounts]}


def validate(spec: StudySpec, paths: dict[str, Path]) -> dict[str, int]:
    """Check written tables against the contracts; return the rows of each."""
    with closing(open_engine("duckdb")) as engine:
        rows = check(
            {name: engine.scan(path) for name, path in paths.items()},
            as_of=spec.as_of,
            attributes=present(spec.attributes, paths["customers"]),
            outcomes=present(spec.outcomes, paths.get("contacts")),
        )
        known: set[str] = set()
        if spec.structural_pairs and "products" in paths:
            ids = engine.scan(paths["products"]).select("product_id")
            known = set(collect(ids, sort_by=())["product_id"].astype(str))
        _check_pairs(spec, known)
    return rows


def keep_known(paths: Mapping[str, Path], day: dt.date) -> dict[str, int]:
    """Cut written tables to what was known on a day; return the rows of each that has any.

    A table without a row left is deleted: the study has none on that day. Nobody who opens the
    tables can see what came later. See `pmlib.canon.known.known_by`.

    Raises
    ------
    StudyError
        Nobody was a customer on that day.
    """
    rows = {}
    with closing(open_engine("duckdb")) as engine:
        known = known_by({name: engine.scan(path) for name, path in paths.items()}, day)
        for name, frame in known.items():
            engine.write(frame, _aside(paths[name]))
        for name, path in paths.items():
            left = collect(engine.scan(_aside(path)).select(nw.len()), sort_by=())
            rows[name] = int(left.iloc[0, 0])
    if not rows["customers"]:
        raise StudyError(
            "Nobody was a customer of the bank on that day.",
            where="as_of",
            rule="a day by which customers had joined",
            found=str(day),
            remedy="Choose a later day, or leave as_of at null.",
        )
    for name, path in paths.items():
        _aside(path).replace(path)
        if not rows[name]:
            path.unlink()
    return {name: n for name, n in rows.items() if n}


def _aside(path: Path) -> Path:
    return path.with_suffix(".known")


def _check_pairs(spec: StudySpec, known: set[str]) -> None:
    for pair in spec.structural_pairs:
        unknown = [product for product in pair if product not in known]
        if unknown or pair[0] == pair[1]:
            raise StudyError(
                "A structural pair does not name two products of the study.",
                where=f"study.yaml: structural_pairs: {pair}",
                rule="two product_id of the table products",
                found=f"unknown {', '.join(unknown)}" if unknown else "the same product twice",
                remedy=nearest(unknown[0], known) if unknown and known else "Correct the pair.",
            )


def _write(connection: Connection, table: str, sql: Path, target: Path, objects: str) -> None:
    """Run the SQL of a canonical table and write its result, with who `objects` if that is told."""
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
        relation = queries.query(connection, query, where=str(sql))
        if objects:
            relation = _objecting(relation, objects)
        columns = zip(relation.columns, map(str, relation.types), strict=True)
        written = ", ".join(_column(table, *column) for column in columns)
        relation.select(written).write_parquet(str(target), compression="zstd")
    except duckdb.Error as error:
        raise StudyError(
            "The SQL of a table fails.",
            where=str(sql),
            rule=f"a query in DuckDB's dialect over the raw tables that gives the table {table}",
            found=queries.telling(error),
            remedy="Mend the SQL, or declare the column under 'read' in study.yaml: cells that "
            "cannot be read are then told with their lines.",
        ) from None


def _objecting(customers: duckdb.DuckDBPyRelation, objects: str) -> duckdb.DuckDBPyRelation:
    """Customers with who objects to marketing, without the columns that tell it."""
    found = "a column marketing_opt_out in the query of customers too"
    if "marketing_opt_out" not in customers.columns:
        contract = CONTRACTS["customers"].columns
        told = [name for name in named_in(objects, customers.columns) if name not in contract]
        kept = [quoted(name) for name in customers.columns if name not in told]
        try:
            made = customers.project(f"{', '.join(kept)}, ({objects}) AS marketing_opt_out")
            if made.types[-1] == "BOOLEAN" and told:
                return made
            found = f"a condition over {told or 'no column'} of the type {made.types[-1]}"
        except duckdb.Error as error:
            found = queries.telling(error)
    raise StudyError(
        "Who objects to marketing cannot be told.",
        where=f"study.yaml: objection: {objects}",
        rule="an SQL condition over declared attributes, or none",
        found=found,
        remedy="Mend the condition, such as NOT newsletter; or let customers.sql alone tell.",
    )


def _column(table: str, name: str, dtype: str) -> str:
    """A column as it is written: widths made uniform, nothing that could lose or change a value."""
    own = quoted(name)
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
    written = f"CAST({own} AS {cast}) AS {own}" if cast else own
    if table in {"customers", "prospects"} and name == "customer_id":
        written += f", CAST('0x' || md5(CAST({own} AS VARCHAR))[:8] AS BIGINT) AS {HASH}"
    return written


def _note(connection: Connection, text: str, sql: str | None) -> str:
    """Fill a note of study.yaml with the number that its SQL counts."""
    if sql is None:
        return text
    try:
        (n,) = queries.query(connection, sql, where=f"notes: {text!r}").fetchall()[0]
        return text.format(n=f"{n:,}" if isinstance(n, int | float) else n)
    except (duckdb.Error, ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        raise StudyError(
            "A note of study.yaml cannot be counted.",
            where=f"notes: {text!r}",
            rule="SQL that gives one value over the raw tables, shown in place of {n}",
            found=queries.telling(error),
        ) from None
