"""What the tables mean is asked of both engines; of Spark where it is installed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pmlib.engine import Engine, open_engine


@pytest.fixture(scope="module", params=["duckdb", "spark"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    if request.param == "spark":
        pytest.importorskip("pyspark", reason="needs the extra 'spark' and Java")
    engine = open_engine(request.param)
    yield engine
    engine.close()
