"""Tables of a database server, streamed into text files; passwords come from the environment only.

PostgreSQL and MySQL (MariaDB) are read in a transaction that cannot write. All values arrive as
the server writes them, as text. Of other servers the way out is said.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from pmlib.errors import StudyError
from pmlib.studies.spec import Server

_NAMES = {"postgresql": "PostgreSQL", "mysql": "MySQL", "sqlserver": "SQL Server",
          "oracle": "Oracle", "db2": "Db2"}  # fmt: skip
_PORTS = {"postgresql": 5432, "mysql": 3306}
_PASSWORDS = {"postgresql": "PGPASSWORD", "mysql": "MYSQL_PWD"}
# How the others give a table as a file.
_EXPORTS = {
    "sqlserver": "bcp DATABASE.SCHEMA.TABLE out TABLE.csv -c -C 65001 -t ';' -S SERVER -T, which "
    "writes no names of columns (csv: header: false, columns), or the export of SQL Server "
    "Management Studio",
    "oracle": "SQLcl: SET SQLFORMAT csv, SPOOL TABLE.csv, SELECT * FROM TABLE",
    "db2": "EXPORT TO TABLE.csv OF DEL MODIFIED BY CODEPAGE=1208 SELECT * FROM TABLE",
}


def copy_table(server: Server, inner: str, target: Path) -> None:
    """Stream a table of a server into comma-delimited text in UTF-8, its header first.

    Raises
    ------
    StudyError
        The password or the library is missing, the server does not give the table, or servers of
        its kind are not read here.
    """
    if server.kind in _EXPORTS:
        raise StudyError(
            f"Tables of {_NAMES[server.kind]} are not read from the server.",
            where=f"sources: server {server.host}",
            rule="a PostgreSQL, MySQL or MariaDB server, or files",
            found=f"kind: {server.kind}",
            remedy=f"Export each table and give the file: {_EXPORTS[server.kind]}.",
        )
    copies = {"postgresql": _from_postgresql, "mysql": _from_mysql}
    copies[server.kind](server, inner, target, _password(server))


def _address(server: Server) -> str:
    port = server.port or _PORTS[server.kind]
    return f"{server.user}@{server.host}:{port}/{server.database}"


def _variable(server: Server) -> str:
    return server.password_variable or _PASSWORDS[server.kind]


def _password(server: Server) -> str:
    variable = _variable(server)
    password = os.environ.get(variable)
    if password is None:
        raise StudyError(
            f"The password of a {_NAMES[server.kind]} server is not given.",
            where=_address(server),
            rule=f"the environment variable {variable} holds it, study.yaml never",
            found=f"{variable} is not set",
            remedy=f"Set it: export {variable}=…",
        )
    return password


def _not_installed(server: Server) -> StudyError:
    return StudyError(
        f"The library for {_NAMES[server.kind]} is not installed.",
        where="sources: server",
        remedy=f"Install it: pip install '.[{server.kind}]'.",
    )


def _not_given(server: Server, inner: str, found: str) -> StudyError:
    return StudyError(
        f"A {_NAMES[server.kind]} server does not give a table.",
        where=f"{_address(server)}, table {inner}",
        rule="a server that answers, a user who may read the table, and the right password "
        f"in {_variable(server)}",
        found=" ".join(found.split())[:300],
        remedy="Correct 'server' or 'tables' in study.yaml, the password, or the server.",
    )


def _from_postgresql(server: Server, inner: str, target: Path, password: str) -> None:
    try:
        import psycopg
        from psycopg import sql
    except ImportError:
        raise _not_installed(server) from None
    table = sql.Identifier(*inner.split("."))
    query = sql.SQL("COPY (SELECT * FROM {}) TO STDOUT (FORMAT csv, HEADER)").format(table)
    try:
        with (
            psycopg.connect(
                host=server.host,
                port=server.port or _PORTS["postgresql"],
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
        raise _not_given(server, inner, str(error) or type(error).__name__) from None


def _from_mysql(server: Server, inner: str, target: Path, password: str) -> None:
    try:
        import pymysql
        from pymysql.constants import FIELD_TYPE
        from pymysql.converters import encoders
        from pymysql.cursors import SSCursor
    except ImportError:
        raise _not_installed(server) from None
    table = ".".join("`" + part.replace("`", "``") + "`" for part in inner.split("."))
    try:
        with (
            closing(
                pymysql.connect(
                    host=server.host,
                    port=server.port or _PORTS["mysql"],
                    database=server.database,
                    user=server.user,
                    password=password,
                    connect_timeout=10,
                    charset="utf8mb4",
                    conv=encoders,  # and no decoders: values arrive as the server writes them
                    cursorclass=SSCursor,  # which does not hold the table in memory
                )
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("START TRANSACTION READ ONLY")
            cursor.execute(f"SELECT * FROM {table}")  # noqa: S608
            names = [column[0] for column in cursor.description]
            bits = [column[1] == FIELD_TYPE.BIT for column in cursor.description]
            _write(target, names, (map(_mysql_text, row, bits) for row in cursor))
    except (pymysql.Error, UnicodeError, OSError) as error:
        found = str(error.args[-1]) if error.args else type(error).__name__
        raise _not_given(server, inner, found) from None


def _write(target: Path, names: list[str], rows: Iterable[Iterable[str]]) -> None:
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)


def _mysql_text(value: Any, is_bits: bool) -> str:  # noqa: FBT001
    """A value as text: nothing as an empty one, bits as a number, other bytes as text or hex."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        if is_bits:
            return str(int.from_bytes(value, "big"))
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.hex()
    return str(value)
