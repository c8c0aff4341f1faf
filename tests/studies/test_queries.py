"""The SQL of a study sees its declared raw tables and no file, clock or chance besides."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb
import pytest
import yaml

from pmlib.errors import StudyError
from pmlib.params import Parameters
from pmlib.studies import Study, prepare

CUSTOMERS = "SELECT id AS customer_id, income::DOUBLE AS income FROM people"


def study_of(folder: Path, sql: str = CUSTOMERS, *, file: str = "people.csv", **more) -> Study:
    declared = {
        "title": "Own", "description": "Own bank.", "licence": "internal", "currency": "EUR",
        "as_of": dt.date(2024, 12, 31), "sources": [{"file": file, "table": "people"}],
        "tables": {"customers": "customers.sql"}, "attributes": {"income": {"label": "Income"}},
    }  # fmt: skip
    folder.mkdir(exist_ok=True)
    (folder / file).write_text("id,income\na,1\nb,2\nc,3\n")
    (folder / "study.yaml").write_text(yaml.safe_dump(declared | more), encoding="utf-8")
    (folder / "customers.sql").write_text(sql, encoding="utf-8")
    return prepare(folder, Parameters())


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another file beside the study, as text, Parquet and DuckDB: it is there, but not declared."""
    (tmp_path / "other.csv").write_text("id,income\na,1\n")
    with duckdb.connect(str(tmp_path / "other.duckdb")) as database:
        database.execute("CREATE TABLE t AS SELECT 'a' AS id, 1 AS income")
        table = database.table("t")
        table.write_parquet(str(tmp_path / "other.parquet"))
    return tmp_path / "other"


READING = [
    "FROM '{other}.csv'",
    "FROM '{other}.parquet'",
    "FROM '{other}.duckdb'",
    "FROM read_csv('{other}.csv')",
    "FROM read_csv_auto(['{other}.csv', '{other}.csv'])",
    "FROM read_parquet('{other}.*')",
    "FROM read_duckdb('{other}.duckdb', table_name = 't')",
    "FROM read_text('{other}.csv')",
    "FROM read_blob('{other}.csv')",
    "FROM read_json('{other}.csv')",
    "FROM glob('{other}.*')",
    "FROM parquet_metadata('{other}.parquet')",
    "FROM query('FROM read_csv(''{other}.csv'')')",
    "FROM people WHERE id IN (SELECT id FROM '{other}.csv')",
    "FROM 'https://example.org/other.csv'",
    "FROM 'is-not-there.csv'",
]


@pytest.mark.parametrize("sql", READING)
def test_a_file_that_is_not_declared_is_refused_by_name(tmp_path, other, sql):
    with pytest.raises(StudyError, match="does not declare") as caught:
        study_of(tmp_path / "bank", sql.format(other=other))
    assert caught.value.where.endswith("customers.sql")
    assert "other" in caught.value.found or "is-not-there" in caught.value.found
    assert "sources" in caught.value.remedy


def test_a_note_reads_no_other_file_either(tmp_path, other):
    note = {"text": "{n} rows.", "sql": f"SELECT count(*) FROM '{other}.csv'"}
    with pytest.raises(StudyError, match="does not declare") as caught:
        study_of(tmp_path / "bank", notes=[note])
    assert caught.value.where == "notes: '{n} rows.'"
    assert caught.value.found == f"{other}.csv"


def test_a_view_of_a_declared_database_reads_no_other_file(tmp_path, other):
    bank = tmp_path / "bank"
    bank.mkdir()
    with duckdb.connect(str(bank / "bank.duckdb")) as database:
        database.execute(f"CREATE VIEW people AS FROM read_csv('{other}.csv')")
        database.execute("CREATE TABLE clients AS FROM people")
    source = {"file": "bank.duckdb", "tables": {"clients": "clients", "view": "people"}}
    for table, works in {"clients": True, "view": False}.items():
        sql = CUSTOMERS.replace("people", table)
        sources = [{"file": "people.csv"}, source]
        if works:
            assert study_of(bank, sql, sources=sources).rows == {"customers": 1}
            continue
        with pytest.raises(StudyError, match="does not declare"):
            study_of(bank, sql, sources=sources)


CHANGING = {
    "now()": "now()",
    "today()": "today()",
    "current_date": "current_date",
    "CURRENT_TIMESTAMP": "current_timestamp",
    "ago(INTERVAL 1 DAY)": "ago()",
    "age(TIMESTAMP '2000-01-01')": "age()",
    "Random()": "random()",
    "uuid()": "uuid()",
    "current_setting('threads')": "current_setting()",
}


@pytest.mark.parametrize(("value", "named"), CHANGING.items(), ids=CHANGING)
def test_what_changes_from_run_to_run_is_refused(tmp_path, value, named):
    sql = f"WITH p AS (SELECT *, {value} AS x FROM people) {CUSTOMERS.replace('people', 'p')}"
    with pytest.raises(StudyError, match="more than its files") as caught:
        study_of(tmp_path, f"{sql} WHERE x IS NOT NULL")
    assert caught.value.found == named
    assert caught.value.where.endswith("customers.sql")


@pytest.mark.parametrize("sample", ["USING SAMPLE 2 ROWS", "TABLESAMPLE reservoir(50%)"])
def test_a_sample_is_refused(tmp_path, sample):
    with pytest.raises(StudyError, match="more than its files") as caught:
        study_of(tmp_path, f"{CUSTOMERS} {sample}")
    assert caught.value.found == "a sample"


LOOKING_LIKE_IT = {
    "text": "length('now()')",
    "comment": "income /* now() */",
    "column": "now",
    "column of the clock's name": "p.current_date",
    "two days": "year(age(DATE '2024-12-31', DATE '2000-01-01'))",
    "error": "CASE WHEN id = 'z' THEN error('no z') ELSE income END",
}


@pytest.mark.parametrize("value", LOOKING_LIKE_IT.values(), ids=LOOKING_LIKE_IT)
def test_what_only_looks_like_it_is_read(tmp_path, value):
    people = "(SELECT *, income AS now, income AS current_date FROM people) AS p"
    sql = f"SELECT id AS customer_id, ({value})::DOUBLE AS income FROM {people}"
    assert study_of(tmp_path, sql).rows == {"customers": 3}


@pytest.mark.parametrize("name", ["it's, a [new] file.csv", "Kündigung 客户.csv", "a*b?.csv"])
def test_any_name_of_a_declared_file_is_read(tmp_path, name):
    assert study_of(tmp_path / "b'an,k [1]", file=name).rows == {"customers": 3}


def test_days_do_not_depend_on_the_zone_of_the_machine(tmp_path):
    sql = "SELECT id AS customer_id, day(to_timestamp(0))::DOUBLE AS income FROM people"
    study = study_of(tmp_path, sql)
    query = "SELECT DISTINCT income FROM read_parquet(?)"
    assert duckdb.execute(query, [str(study.tables["customers"])]).fetchall() == [(1.0,)]
