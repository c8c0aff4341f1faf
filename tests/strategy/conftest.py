"""A small study, its case and its plan."""

from __future__ import annotations

import pytest

from pmlib import strategy
from pmlib.studies import Study
from tests.strategy.banks import open_case, study_of, tables


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Study:
    return study_of(tmp_path_factory.mktemp("bank"), tables())


@pytest.fixture(scope="module")
def case(study, engine) -> strategy.Case:
    return open_case(study, engine)


@pytest.fixture(scope="module")
def design(case) -> strategy.Design:
    return strategy.plan_study(case)
