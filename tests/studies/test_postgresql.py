"""Tables of a real PostgreSQL server, started for these tests alone."""

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

psycopg = pytest.importorskip("psycopg", reason="the extra 'postgresql' is not installed")

PASSWORD = "right, 'quoted' and spaced"  # noqa: S105


def program(name: str) -> str:
    """Find a server program: Debian keeps them off the PATH."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    found = str(places[0]) if places else shutil.which(name)
    if found is None:
        pytest.skip(f"no PostgreSQL server: {name} is not installed")
    return found


@pytest.fixture(scope="module")
def server():
    """A server on a free port that asks for passwords; yields its port."""
    # PostgreSQL refuses to run as root: then another user owns its files, in a folder that this
    # user can reach (pytest's own are private).
    folder = Path(tempfile.mkdtemp())
    user = "nobody" if os.geteuid() == 0 else None
    if user:
        folder.chmod(0o755)
        shutil.chown(folder, user)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    secret = folder / "secret"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    data = folder / "data"
    subprocess.run(
        [program("initdb"), "-D", data, "-U", "report", "-A", "scram-sha-256", "--pwfile", secret,
         "-E", "UTF8", "--no-sync", "--locale=C"],
        check=True, user=user, stdout=subprocess.DEVNULL, cwd=folder,
    )  # fmt: skip
    running = subprocess.Popen(
        [program("postgres"), "-D", data, "-p", str(port), "-k", folder, "-F",
         "-c", "listen_addresses=127.0.0.1"],
        user=user, stderr=subprocess.DEVNULL, cwd=folder,
    )  # fmt: skip
    try:
        for _ in range(100):
            try:
                connection = psycopg.connect(
                    host="127.0.0.1", port=port, user="report", password=PASSWORD, dbname="postgres"
                )
                break
            except psycopg.OperationalError:
                time.sleep(0.1)
        with connection:
            connection.execute(
                'CREATE SCHEMA crm; CREATE TABLE crm."The People" '
                "(id text, income numeric, born date, vip boolean, town text)"
            )
            connection.execute("INSERT INTO crm.\"The People\" VALUES "
                               "('007', 1234.5, '1980-02-29', true, 'Köln'), "
                               "('8', NULL, NULL, NULL, E'two\\nlines, \"quoted\"')")  # fmt: skip
        connection.close()
        yield port
    finally:
        running.terminate()
        running.wait(timeout=20)
        shutil.rmtree(folder)


def study_of(folder: Path, port: int, *, table: str = "crm.The People") -> Path:
    folder.mkdir()
    place = {"host": "127.0.0.1", "port": port, "database": "postgres", "user": "report",
             "password_variable": "PMLIB_TEST_PASSWORD"}  # fmt: skip
    declared = {
        "title": "Own", "description": "Own bank.", "licence": "internal", "currency": "EUR",
        "as_of": pd.Timestamp("2024-12-31").date(),
        "sources": [{"server": place, "tables": {"people": table}}],
        "tables": {"customers": "customers.sql"},
        "attributes": {name: {"label": name} for name in ("income", "vip", "town")},
    }  # fmt: skip
    (folder / "study.yaml").write_text(yaml.safe_dump(declared))
    (folder / "customers.sql").write_text(
        "SELECT id AS customer_id, born::DATE AS birth_date, income::DOUBLE AS income, "
        "vip::BOOLEAN AS vip, town FROM people"
    )
    return folder


def test_tables_of_a_server_become_canonical_ones(server, tmp_path, monkeypatch):
    monkeypatch.setenv("PMLIB_TEST_PASSWORD", PASSWORD)
    study = prepare(study_of(tmp_path / "bank", server), Parameters())
    first, second = pd.read_parquet(study.tables["customers"]).to_dict("records")
    assert (first["customer_id"], first["income"], first["vip"]) == ("007", 1234.5, True)
    assert (str(first["birth_date"]), first["town"]) == ("1980-02-29", "Köln")
    assert pd.isna(second["income"])
    assert second["town"] == 'two\nlines, "quoted"'


def test_the_password_is_kept_in_no_file(server, tmp_path, monkeypatch):
    monkeypatch.setenv("PMLIB_TEST_PASSWORD", PASSWORD)
    folder = study_of(tmp_path / "bank", server)
    prepare(folder, Parameters())
    kept = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert not any(PASSWORD.encode() in content for content in kept)


def test_a_wrong_password_is_told(server, tmp_path, monkeypatch):
    monkeypatch.setenv("PMLIB_TEST_PASSWORD", "wrong")
    with pytest.raises(StudyError, match="password authentication failed"):
        prepare(study_of(tmp_path / "bank", server), Parameters())


def test_a_table_that_is_not_there_is_told(server, tmp_path, monkeypatch):
    monkeypatch.setenv("PMLIB_TEST_PASSWORD", PASSWORD)
    with pytest.raises(StudyError, match=r'relation "crm\.persons" does not exist'):
        prepare(study_of(tmp_path / "bank", server, table="crm.persons"), Parameters())


def test_a_server_that_is_gone_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PMLIB_TEST_PASSWORD", PASSWORD)
    folder = study_of(tmp_path / "bank", 9)  # the port 'discard' is closed
    with pytest.raises(StudyError, match=r"does not give a table(.|\n)*refused"):
        prepare(folder, Parameters())
    assert not list((folder / "tables").glob("*"))
