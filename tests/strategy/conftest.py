"""A small study, its case, its plan and its policies: made once, for no test changes them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pmlib import strategy
from pmlib.engine import DuckDBEngine, open_engine
from pmlib.studies import Study
from tests.strategy.banks import open_case, study_of, tables


@pytest.fixture(scope="session")
def engine() -> Iterator[DuckDBEngine]:
    """One engine for all files, as the case is read from it."""
    opened = open_engine("duckdb")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def study(tmp_path_factory) -> Study:
    return study_of(tmp_path_factory.mktemp("bank"), tables())


@pytest.fixture(scope="session")
def case(study, engine) -> strategy.Case:
    return open_case(study, engine)


@pytest.fixture(scope="session")
def design(case) -> strategy.Design:
    return strategy.plan_study(case)


@pytest.fixture(scope="session")
def compared(case) -> strategy.Comparison:
    return strategy.compare(case)
