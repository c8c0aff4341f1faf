"""The SQL of a study: one query over its declared raw tables, which sees nothing else.

Tables are kept by a fingerprint of the declared files, the SQL and the code. So that the same
fingerprint means the same tables, DuckDB is closed to every other file, and what changes from
one run to the next (the clock, random numbers, samples) is refused.
"""

from __future__ import annotations

import glob
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import duckdb
from duckdb import DuckDBPyConnection as Connection

from pmlib.errors import StudyError, masked

# Names of the clock that SQL writes without parentheses, so that DuckDB parses them as columns.
_CLOCK = {"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"}

# What databases say of the cells that they stumble over.
_ROW = re.compile(
    r"Original Line:.*?(?=\n(?:Expected Number|Value with unterminated|Invalid unicode"
    r"|Maximum line size)|\Z)",
    re.DOTALL,
)
_OF_CELLS = ("Conversion Error", "Invalid Input Error", "Out of Range Error", "Could not decode")
_QUOTED = re.compile(r"(['\"]).*\1", re.DOTALL)
_NUMBER = re.compile(r"(?<![\w(])-?\d[\d.:-]*")


def close(connection: Connection, paths: Iterable[Path], folders: Iterable[Path]) -> None:
    """Shut a connection off from all files but `paths` and those in `folders`, for good.

    Views made before stay readable if their files are among these. Days of points in time are
    those of UTC, whatever the machine's zone.
    """
    connection.execute("SET TimeZone = 'UTC'")
    # A path with signs of a pattern is asked for as the pattern that means just this path.
    allowed = [text for path in paths for text in (str(path), glob.escape(str(path)))]
    inside = [text for folder in folders for text in (str(folder), glob.escape(str(folder)))]
    connection.execute("SET allowed_paths = ?", [allowed])
    connection.execute("SET allowed_directories = ?", [inside])
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def query(connection: Connection, text: str, *, where: str) -> duckdb.DuckDBPyRelation:
    """Open the query of a study on a connection that was closed.

    Raises StudyError, which names `where` the SQL stands, for all but one SELECT, for a file
    that is not declared, and for what depends on more than the files; duckdb.Error where the SQL
    itself is wrong.
    """
    statements = connection.extract_statements(text)
    if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
        raise StudyError(
            "The SQL of a study is not a query.",
            where=where,
            rule="one SELECT",
            found=f"{len(statements)} statements" if len(statements) != 1 else "another one",
            remedy="Let it be one SELECT.",
        )
    if changing := sorted(set(_changing(connection, text))):
        raise StudyError(
            "The SQL of a study depends on more than its files.",
            where=where,
            rule="the same files give the same tables, on any day and any machine",
            found=", ".join(changing),
            remedy="Write the day itself, e.g. DATE '2024-12-31'; for a part of the customers, "
            "take e.g. md5(customer_id) < '2', which is one in eight.",
        )
    try:
        relation = connection.sql(text)
    except duckdb.PermissionException as error:
        raise StudyError(
            "The SQL of a study reads a file that study.yaml does not declare.",
            where=where,
            rule="SQL reads raw tables by name, so that every file is checked and told in the "
            "report",
            found=next(iter(re.findall(r'access \w+ "(.*)" - ', str(error))), str(error)),
            remedy="Declare the file under 'sources' in study.yaml, and read its table by name.",
        ) from None
    assert relation is not None
    return relation


def _changing(connection: Connection, text: str) -> Iterator[str]:
    """Name what a query takes from the clock, from chance or from the machine."""
    # Since 2.0.1 a "+" changes with the time zone, which is UTC here: every one of a name must.
    listed = connection.execute(
        "SELECT function_name FROM duckdb_functions() WHERE function_type = 'scalar'"
        " AND function_name <> 'error' GROUP BY function_name"  # an error is no value
        " HAVING bool_or(stability = 'VOLATILE') OR NOT bool_or(stability = 'CONSISTENT')"
    ).fetchall()
    functions = {name for (name,) in listed} | _CLOCK | {"ago"}
    (tree,) = connection.execute("SELECT json_serialize_sql(?)", [text]).fetchall()[0]
    for node in nodes(json.loads(tree)):
        name = str(node.get("function_name", "")).lower()
        # age(day) counts to today, which DuckDB does not say of it.
        if name in functions or (name == "age" and len(node["arguments"]) == 1):
            yield f"{name}()"
        columns = node.get("column_names") or [""]
        if len(columns) == 1 and columns[0].lower() in _CLOCK:
            yield columns[0].lower()
        if node.get("sample"):
            yield "a sample"


def nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """All objects within a parsed query."""
    if isinstance(tree, dict):
        yield tree
    for inner in tree.values() if isinstance(tree, dict) else tree:
        if isinstance(inner, dict | list):
            yield from nodes(inner)


def telling(error: Exception) -> str:
    """Return the telling part of a database's message, in one line, without what cells hold."""
    said = _ROW.sub("", str(error))
    if said.startswith(_OF_CELLS) and "CSV Error" not in said:
        before, line, query = said.partition("\nLINE ")
        before = _QUOTED.sub(lambda cell: masked(cell[0]), before)
        said = _NUMBER.sub(lambda number: masked(number[0]), before) + line + query
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith(("Possible", "*", "file ="))]
    return " ".join(line if len(line) <= 160 else line[:159] + "…" for line in kept[:4])[:480]
