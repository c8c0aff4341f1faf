"""Tables of a real MariaDB server, started for these tests alone; and servers that are not read."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

from pmlib.errors import StudyError
from pmlib.params import Parameters
from pmlib.studies import prepare
from pmlib.studies.servers import copy_table
from pmlib.studies.spec import Server

pymysql = pytest.importorskip("pymysql", reason="the extra 'mysql' is not installed")

PASSWORD = "right, 'quoted' and spaced"  # noqa: S105


def program(name: str) -> str:
    """Find a server program: Debian keeps it off the PATH of users."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin")
    if found is None:
        pytest.skip(f"no MariaDB server: {name} is not installed")
    return found


@pytest.fixture(scope="module")
def server():
    """A server on a free port that asks for passwords; yields its port."""
    # MariaDB refuses to run as root: then another user owns its files.
    folder = Path(tempfile.mkdtemp())
    user = "nobody" if os.geteuid() == 0 else None
    if user:
        folder.chmod(0o755)
        shutil.chown(folder, user)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data, place = folder / "data", folder / "socket"
    subprocess.run(
        [program("mariadb-install-db"), "--no-defaults", f"--datadir={data}",
         "--auth-root-authentication-method=normal", "--skip-test-db"],
        check=True, user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder,
    )  # fmt: skip
    running = subprocess.Popen(
        [program("mariadbd"), "--no-defaults", f"--datadir={data}", f"--socket={place}",
         f"--port={port}", "--bind-address=127.0.0.1", f"--pid-file={folder / 'pid'}",
         "--sql-mode=", "--innodb-flush-method=fsync"],
        user=user, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=folder,
    )  # fmt: skip
    try:
        for _ in range(300):
            if not place.exists():  # it waits for its files
                time.sleep(0.1)
                continue
            try:
                connection = pymysql.connect(unix_socket=str(place), user="root", charset="utf8mb4")
                break
            except pymysql.Error:
                time.sleep(0.1)
        with connection, connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE crm CHARACTER SET utf8mb4")
            cursor.execute(
                "CREATE TABLE crm.`The ``People``` (id VARCHAR(9), income DECIMAL(20, 4), "
                "born DATE, vip BIT(1), town TEXT CHARACTER SET latin1, at DATETIME, x DOUBLE, "
                "raw VARBINARY(4), big BIGINT UNSIGNED)"
            )
            cursor.execute(
                "INSERT INTO crm.`The ``People``` VALUES "
                "('007', 1234.5, '1980-02-29', b'1', 'Köln', '2020-01-02 03:04:05', 0.1, "
                "x'ff00', 18446744073709551615), "
                "('8', NULL, '0000-00-00', b'0', 'two\\nlines, \"quoted\"', NULL, 1e22, NULL, NULL)"
            )
            cursor.execute("CREATE USER report@'127.0.0.1' IDENTIFIED BY %s", (PASSWORD,))
            cursor.execute("GRANT ALL ON crm.* TO report@'127.0.0.1'")
            connection.commit()
        yield port
    finally:
        running.terminate()
        running.wait(timeout=30)
        shutil.rmtree(folder)


def place(port: int, **other: str) -> dict[str, object]:
    return {"kind": "mysql", "host": "127.0.0.1", "port": port, "database": "crm", "user": "report",
            "password_variable": "PMLIB_TEST_PASSWORD"} | other  # fmt: skip


def copied(port: int, folder: Path, inner: str = "The `People`") -> str:
    copy_table(Server.model_validate(place(port)), inner, folder / "a.csv")
    return (folder / "a.csv").read_text(encoding="utf-8")


def test_values_arrive_as_the_server_writes_them(server, tmp_path, monkeypatch):
    monkeypatch.setenv("PMLIB_TEST_PASSWORD", PASSWORD)
    assert copied(server, tmp_path) == (
        "id,income,born,vip,town,at,x,raw,big\n"
        "007,1234.5000,1980-02-29,1,Köln,2020-01-02 03:04:05,0.1,ff00,18446744073709551615\n"
        '8,,0000-00-00,0,"two\nlines, ""quoted""",,1e22,,\n'
    )
    assert copied(server, tmp_path, "crm.The `People`") == copied(server, tmp_path)


def test_tables_of_a_server_become_canonical_ones(server, tmp_path, monkeypatch):
    monkeypatch.setenv("PMLIB_TEST_PASSWORD", PASSWORD)
    declared = {
        "title": "Own", "description": "Own bank.", "licence": "internal", "currency": "EUR",
        "as_of": pd.Timestamp("2024-12-31").date(),
        "sources": [{"server": place(server), "tables": {"people": "The `People`"}}],
        "tables": {"customers": "customers.sql"},
        "attributes": {name: {"label": name} for name in ("income", "town")},
    }  # fmt: skip
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(declared))
    (tmp_path / "customers.sql").write_text(
        "SELECT id AS customer_id, try_cast(born AS DATE) AS birth_date, income::DOUBLE AS income, "
        "town FROM people"
    )
    study = prepare(tmp_path, Parameters())
    first, second = pd.read_parquet(study.tables["customers"]).to_dict("records")
    assert (first["customer_id"], first["income"], first["town"]) == ("007", 1234.5, "Köln")
    assert second["town"] == 'two\nlines, "quoted"'
    assert pd.isna(second["birth_date"])
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(PASSWORD.encode() in content for content in kept)


def test_what_a_server_refuses_is_told(server, tmp_path, monkeypatch):
    monkeypatch.setenv("PMLIB_TEST_PASSWORD", "wrong")
    with pytest.raises(StudyError, match="Access denied for user"):
        copied(server, tmp_path)
    monkeypatch.setenv("PMLIB_TEST_PASSWORD", PASSWORD)
    with pytest.raises(StudyError, match=r"MySQL server does not give(.|\n)*doesn't exist"):
        copied(server, tmp_path, "persons")


def test_a_server_that_is_gone_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PMLIB_TEST_PASSWORD", PASSWORD)
    with pytest.raises(StudyError, match=r"does not give a table(.|\n)*refused"):
        copied(9, tmp_path)  # the port 'discard' is closed


def test_a_password_that_is_not_set_is_told(tmp_path, monkeypatch):
    monkeypatch.delenv("MYSQL_PWD", raising=False)
    server = Server.model_validate(place(3306, password_variable=""))
    with pytest.raises(StudyError, match="MYSQL_PWD is not set"):
        copy_table(server, "a", tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("kind", "way"), [("sqlserver", "bcp"), ("oracle", "SQLcl"), ("db2", "DEL")]
)
def test_of_other_servers_the_way_out_is_said(tmp_path, kind, way):
    server = Server.model_validate(place(1, kind=kind))
    with pytest.raises(StudyError, match=rf"not read from the server(.|\n)*{way}"):
        copy_table(server, "a", tmp_path / "a.csv")
