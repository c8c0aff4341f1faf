"""Dates and seeded draws mean the same whatever engine computes them."""

from __future__ import annotations

import datetime as dt
import hashlib
import tempfile
from pathlib import Path

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest

from pmlib.engine import collect, day_number, open_engine, scratch_folder, uniform
from pmlib.errors import StudyError


@pytest.fixture(scope="module")
def hashes(engine):
    digests = [hashlib.md5(str(i).encode()).hexdigest()[:8] for i in range(20_000)]  # noqa: S324
    return engine.from_pandas(pd.DataFrame({"h": [int(d, 16) for d in digests]}))


def test_day_number_is_pythons_ordinal(engine):
    days = [dt.date(1900, 3, 1), dt.date(2000, 2, 29), dt.date(2023, 12, 31), dt.date(2024, 12, 31)]
    frame = engine.from_pandas(pd.DataFrame({"d": days})).with_columns(nw.col("d").cast(nw.Date))
    seen = collect(frame.select(n=day_number("d")), sort_by=["n"])["n"]
    assert seen.tolist() == sorted(day.toordinal() for day in days)


def test_uniform_is_uniform(hashes):
    draws = collect(hashes.select(u=uniform("h", seed=5)), sort_by=["u"])["u"]
    assert kstest(draws, "uniform").pvalue > 1e-4


def test_two_seeds_give_unrelated_draws(hashes):
    draws = collect(hashes.select(a=uniform("h", seed=1), b=uniform("h", seed=2)), sort_by=["a"])
    # The standard error of a correlation of 20,000 independent pairs is 0.007.
    assert abs(np.corrcoef(draws["a"], draws["b"])[0, 1]) < 0.035


def test_uniform_follows_its_formula(engine):
    frame = engine.from_pandas(pd.DataFrame({"h": [2**32 - 1]}))
    multiplier = 1 + (7 * 1_103_515_245 + 742_938_285) % (2**31 - 2)
    expected = (2**32 - 1) * multiplier % 2_147_483_629 / 2_147_483_629
    seen = collect(frame.select(u=uniform("h", seed=7)), sort_by=[])["u"]
    assert seen.tolist() == [expected]


def test_sums_of_whole_numbers_come_back_whole(engine):
    frame = engine.from_pandas(pd.DataFrame({"x": [1, 2, 3]})).select(nw.col("x").sum())
    assert collect(frame, sort_by=[])["x"].dtype == np.int64


def test_missing_text_comes_back_as_none(engine):
    frame = engine.from_pandas(pd.DataFrame({"i": [1, 2], "s": ["a", None]}))
    assert collect(frame, sort_by=["i"])["s"].tolist() == ["a", None]


def test_unknown_engine_is_named():
    with pytest.raises(StudyError, match="polars"):
        open_engine("polars")


@pytest.mark.parametrize("address", ["spark://127.0.0.1:1", "spark://127.0.0.1", "spark://:x"])
def test_a_master_that_nobody_is_at_is_named_at_once(address):
    pytest.importorskip("pyspark", reason="needs the extra 'spark'")
    with pytest.raises(StudyError, match=f"cannot be reached(.|\n)*{address}"):
        open_engine(address)


def test_what_an_engine_keeps_on_disk_lies_in_its_home(tmp_path):
    engine = open_engine("duckdb", tmp_path / "home")
    spill = engine._connection.sql("SELECT current_setting('temp_directory')")
    assert Path(spill.fetchall()[0][0]).parent == tmp_path / "home"
    assert scratch_folder(engine).parent == tmp_path / "home"
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700
    # Without one it is the system's folder for such things, not the one that it runs in.
    alone = open_engine("duckdb")
    spill = alone._connection.sql("SELECT current_setting('temp_directory')")
    assert Path(spill.fetchall()[0][0]).parent == Path(tempfile.gettempdir())
    engine.close()
    alone.close()
