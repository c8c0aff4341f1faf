"""What DuckDB answers, Spark answers: every scan of a small study, through all five chapters."""

from __future__ import annotations

from pathlib import Path

import pytest

from pmlib import params, studies
from pmlib.engine import open_engine
from pmlib.runner.journal import Journal
from pmlib.runner.plan import Plan, study_record
from pmlib.runner.run import merge_results, require_writable, run_stages

pytest.importorskip("pyspark", reason="needs the extra 'spark' and Java")

SMALL = params.resolve(
    assignments=[
        ("n_customers", "1000"), ("n_months", "6"), ("sample_size", "500"), ("n_bootstrap", "10"),
        ("k_max", "4"),
    ]
)  # fmt: skip


def results(engine: str, out: Path) -> dict[str, dict[str, object]]:
    study = studies.prepare("casebank", SMALL)
    require_writable(out)
    plan = Plan(study=study_record(study), source="casebank", values=SMALL, out=out, engine=engine)
    run_stages(plan, Journal(plan), echo=print)
    return read_numbers(merge_results(out))


def read_numbers(path: Path) -> dict[str, dict[str, object]]:
    from pmlib.artifacts import read_json

    return read_json(path)


def test_every_table_reads_the_same() -> None:
    study = studies.prepare("casebank", SMALL)
    frames = {}
    for name in ("duckdb", "spark"):
        engine = open_engine(name)
        frames[name] = {
            table: study.scan(table, engine).collect().to_pandas() for table in study.tables
        }
        engine.close()
    for table, expected in frames["duckdb"].items():
        found = frames["spark"][table]
        assert list(found.columns) == list(expected.columns)
        assert len(found) == len(expected)


def test_all_chapters_find_the_same_on_both_engines(tmp_path: Path) -> None:
    expected = results("duckdb", tmp_path / "duckdb")
    found = results("spark", tmp_path / "spark")
    assert set(found) == set(expected)
    for key, number in expected.items():
        for field in ("value", "low", "high"):
            wanted = number[field]
            if isinstance(wanted, float):
                assert found[key][field] == pytest.approx(wanted, rel=1e-6, abs=1e-9), key
            else:
                assert found[key][field] == wanted, key
