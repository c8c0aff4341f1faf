"""What all tests share: figures without a screen, kernels as in a run, an engine, raw files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import narwhals as nw
import pandas as pd
import pytest
from hypothesis import settings

from pmlib.engine import DuckDBEngine, open_engine
from pmlib.params import Parameters
from pmlib.runner.kernels import ENVIRONMENT
from pmlib.studies import Study, prepare

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.update(ENVIRONMENT)

# One commit, one answer, however busy the machine: pytest --hypothesis-profile=search draws anew.
settings.register_profile("search", deadline=None)
settings.register_profile("repeat", deadline=None, derandomize=True)
settings.load_profile("repeat")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDBEngine]:
    """The default engine, empty, for the tests of one file."""
    opened = open_engine("duckdb")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def lazy(engine: DuckDBEngine) -> Callable[[pd.DataFrame], nw.LazyFrame]:
    """Turn a data frame into a lazy frame; columns named *_on, *_date become dates."""

    def convert(frame: pd.DataFrame) -> nw.LazyFrame:
        dates = [name for name in frame.columns if name.endswith(("_on", "_date"))]
        if not dates:
            return engine.from_pandas(frame)
        frame = frame.assign(**{name: pd.to_datetime(frame[name]) for name in dates})
        return engine.from_pandas(frame).with_columns(
            *(nw.col(name).cast(nw.Date) for name in dates)
        )

    return convert


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The folder of the studies' raw files: PMLIB_MIRROR, or `shared/data` beside the project."""
    return Path(os.environ.get("PMLIB_MIRROR") or ROOT.parent / "shared" / "data")


@pytest.fixture(scope="session")
def raw(mirror: Path) -> Callable[[str], Path]:
    """Find a raw file or folder in the mirror; a test that needs one it lacks is skipped."""

    def find(path: str) -> Path:
        if not (mirror / path).exists():
            pytest.skip(f"no {path} in the mirror: set PMLIB_MIRROR to a folder that holds it")
        return mirror / path

    return find


@pytest.fixture(scope="session")
def casebank() -> Study:
    """A small simulated bank: 3,000 customers, half a year of transactions."""
    return prepare("casebank", Parameters(n_customers=3_000, n_months=6, seed=5))
