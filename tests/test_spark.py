"""What DuckDB answers, Spark answers: in tables, and in all chapters on a real cluster."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from pmlib import params, studies
from pmlib.engine import collect, open_engine
from pmlib.files import read_json
from pmlib.runner.journal import Journal
from pmlib.runner.request import Request, study_record
from pmlib.runner.run import require_writable, run_stages
from tests.spark_cluster import HOST, cluster

pytest.importorskip("pyspark", reason="needs the extra 'spark' and Java")

# PySpark 4 was written before pandas 3: it says so, and uses a keyword that pandas 3 deprecates.
# Whether its answers are right is what these tests compare.
pytestmark = [
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
    pytest.mark.filterwarnings("ignore:The copy keyword is deprecated:DeprecationWarning"),
]

KEYS = {
    "customers": ["customer_id"],
    "products": ["product_id"],
    "holdings": ["customer_id", "product_id", "opened_on"],
    "transactions": ["customer_id", "booked_on", "kind", "channel", "amount"],
    "contacts": ["campaign_id", "customer_id"],
}

SMALL = params.resolve(
    assignments=[
        ("n_customers", "1000"), ("n_months", "6"), ("sample_size", "500"), ("n_bootstrap", "10"),
        ("k_max", "4"),
    ]
)  # fmt: skip


def numbers(
    engine: str, out: Path, echo: Callable[[str], None] = print
) -> dict[str, dict[str, object]]:
    study = studies.prepare("casebank", SMALL)
    require_writable(out)
    request = Request(
        study=study_record(study), source="casebank", values=SMALL, out=out, engine=engine,
    )  # fmt: skip
    run_stages(request, Journal(request), echo=echo)
    records = [read_json(out / "artifacts" / name / "numbers.json") for name in request.chapters]
    return {record["key"]: record for chapter in records for record in chapter}


def test_every_table_reads_the_same() -> None:
    study = studies.prepare("casebank", SMALL)
    duckdb, spark = open_engine("duckdb"), open_engine("spark")
    for table in study.tables:
        expected, found = (
            collect(study.scan(table, engine), sort_by=KEYS[table]) for engine in (duckdb, spark)
        )
        pd.testing.assert_frame_equal(found, expected)
    duckdb.close()
    spark.close()


def test_all_chapters_find_on_a_cluster_that_loses_a_worker_what_duckdb_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARK_LOCAL_IP", HOST)
    expected = numbers("duckdb", tmp_path / "duckdb")
    with cluster() as running:
        lost: list[str] = []

        def echo(line: str) -> None:
            if not lost:  # when the first stage has ended and the second is running
                running.kill_a_worker()
            lost.append(line)

        found = numbers(running.address, tmp_path / "spark", echo)
        assert len(lost) == len(params.CHAPTERS)
    assert set(found) == set(expected)
    for key, number in expected.items():
        for field in {"value", "low", "high"} & set(number):  # a fact has its value only
            wanted = number[field]
            if isinstance(wanted, float):
                assert found[key][field] == pytest.approx(wanted, rel=1e-6, abs=1e-9), key
            else:
                assert found[key][field] == wanted, key
