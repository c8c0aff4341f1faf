"""Which product next: rankings judged on a later period."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pmlib.association import Baskets, next_product
from pmlib.association.prediction import _compare, _verdict
from pmlib.association.purchases import Purchases
from pmlib.engine import DuckDBEngine
from pmlib.numbers import Finding
from tests.association.examples import SETTINGS, customers, held_as, holdings


def test_hits_and_average_precision_by_hand() -> None:
    later = Purchases(
        products=("a", "b", "c", "d"),
        held=np.array([[True, False, False, False], [False, False, False, False]]),
        acquired=np.array([[False, False, True, True], [False, True, False, False]]),
        segment=np.array([1, 1]),
        customers=np.array([1, 3]),
    )
    # Ranking d, c, b, a; the first customer holds a already.
    scores = {"segments_rules": np.tile([0.1, 0.2, 0.3, 0.4], (2, 1))}
    row = _compare(scores, later, confidence_level=0.95).iloc[0]
    assert row["hit_1"] == pytest.approx(1 / 4)
    assert row["hit_3"] == pytest.approx(1.0)
    # (1/1 + 2/2) / 2 for the first, 1/3 for each of the three others.
    assert row["map_7"] == pytest.approx((1 + 3 / 3) / 4)


@pytest.fixture(scope="module")
def bank() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Segment 1 buys s1, segment 2 buys s2, and whoever holds x buys y, in both years."""
    rng = np.random.default_rng(5)
    n = 4_000
    segment = 1 + np.arange(n) % 2
    has_x = rng.random(n) < 0.3
    rows = [(int(c), "x", "2020-01-01", None) for c in np.flatnonzero(has_x)]
    for c in range(n):
        # A fifth of the customers never buy y, so that x and y also differ as a stock.
        buys = "y" if has_x[c] and rng.random() < 0.8 else f"s{segment[c]}"
        year = 2020 if rng.random() < 0.4 else rng.integers(2022, 2025)
        rows.append((c, buys, f"{year}-0{rng.integers(1, 10)}-15", None))
    return (
        customers(n),
        holdings(rows),
        pd.DataFrame({"customer_id": np.arange(n), "segment": segment}),
    )


def ranked(
    engine: DuckDBEngine,
    people: pd.DataFrame,
    held: pd.DataFrame,
    segments: pd.DataFrame,
    products: Sequence[str],
) -> Finding:
    """Rankings judged with the segments given; a scorer of one segment takes them as they are."""
    tables = {"customers": people, "holdings": held, "products": pd.DataFrame({"product_id": [""]})}
    known = held_as(
        Baskets((), *[np.zeros(0)] * 4), {product: product for product in products},
        assigned=engine.from_pandas(segments),
    )  # fmt: skip
    lazy = {name: engine.from_pandas(table) for name, table in tables.items()}
    return next_product(lazy, known, SimpleNamespace(k=1), SETTINGS, engine=engine)


def test_segments_and_rules_together_name_the_next_product(
    engine: DuckDBEngine, bank: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]
) -> None:
    people, held, segments = bank
    found = ranked(engine, people, held, segments, ["x", "y", "s1", "s2"])
    hit = found.table.set_index("ranking")["hit_1"]
    assert hit["segments_rules"] > hit["segments"] + 0.1
    assert hit["segments_rules"] > hit["rules"] + 0.1
    assert hit["rules"] > hit["popularity"] + 0.1
    facts = ("next_product", "next_ranking", "next_depth")
    assert [found.facts[name] for name in facts] == ["better", "segments_rules", "one"]
    # Three products were acquired (x was held before): all rankings name them among three.
    assert found.quotes["products"].value == 3
    assert "hit_3" not in found.table
    alone = ranked(engine, people, held, segments.assign(segment=1), ["x", "y", "s1", "s2"])
    assert alone.table["ranking"].tolist() == ["popularity", "rules", "boosting"]
    assert alone.table["lead"].iloc[1] == 0
    assert [alone.facts[name] for name in facts] == ["lead", "rules", "one"]
    assert {number.key for number in alone.numbers} > {"hit1_rules", "hit1_popularity"}


def test_undated_holdings_do_not_tell_the_future(engine: DuckDBEngine) -> None:
    rows = [(c, p, day, None) for c in range(400) for p, day in (("a", "2024-05-01"), ("b", None))]
    segments = pd.DataFrame({"customer_id": range(400), "segment": 1})
    found = ranked(engine, customers(400), holdings(rows), segments, ["a", "b"])
    assert found.table.empty
    assert found.facts == {"next_product": "too_few", "segments_known": "one"}
    assert [found.quotes[name].value for name in ("earlier", "later")] == [0, 400]


def test_without_opening_dates_no_ranking_can_be_judged(engine: DuckDBEngine) -> None:
    rows = [(c, p, None, None) for c in range(60) for p in "ab"]
    segments = pd.DataFrame({"customer_id": range(60), "segment": 1})
    found = ranked(engine, customers(60), holdings(rows), segments, ["a", "b"])
    assert found.facts["next_product"] == "no_dates"


@pytest.mark.parametrize(
    ("lead", "low", "verdict"),
    [(0.03, 0.02, "better"), (0.005, 0.002, "little_better"), (0.03, -0.01, "not_shown")],
)
def test_a_lead_that_is_sure_and_small_is_called_small(
    lead: float, low: float, verdict: str
) -> None:
    names = ["popularity", "segments", "rules", "segments_rules"]
    rows = {"lead": [0.1, lead, 0.05, 0.0], "lead_low": [0.09, low, 0.04, 0.0]}
    assert _verdict(pd.DataFrame(rows, index=names)) == verdict
