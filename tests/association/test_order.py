"""Order of acquisition, next-product prediction, baskets from the engine."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import SimpleNamespace

import narwhals as nw
import numpy as np
import pandas as pd
import pytest

from pmlib.association import acquisition_order, collect_baskets, predict_next_product, segments_at
from pmlib.association.prediction import Purchases, _compare, collect_purchases
from pmlib.engine import DuckDBEngine
from pmlib.errors import StudyError

AS_OF = dt.date(2024, 12, 31)


def customers(n: int) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {"customer_id": np.arange(n), "customer_hash": rng.integers(0, 2**32, n, dtype=np.int64)}
    )


def holdings(rows: list[tuple[int, str, str | None, str | None]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["customer_id", "product_id", "opened_on", "closed_on"])
    for column in ("opened_on", "closed_on"):
        frame[column] = pd.to_datetime(frame[column])
    return frame


ROWS = [
    (0, "card", "2020-01-01", None),
    (0, "card", "2021-01-01", None),  # a second card: one product
    (0, "loan", None, None),  # opened at an unknown date: held
    (1, "card", "2020-01-01", "2023-06-30"),  # given up
    (2, "loan", "2024-12-31", None),  # opened on the day itself: held
    (3, "loan", "2025-01-01", None),  # opened later
    (4, "card", "2020-01-01", "2025-01-01"),  # still open on the day
]


def test_baskets_are_what_is_held_on_the_day(engine: DuckDBEngine) -> None:
    found = collect_baskets(
        engine.from_pandas(customers(6)),
        engine.from_pandas(holdings(ROWS)),
        products=["loan", "card"],
        as_of=AS_OF,
        seed=1,
    )
    assert found.products == ("card", "loan")
    baskets: dict[tuple[bool, ...], int] = {}
    for row, customers_ in zip(found.held.tolist(), found.customers.tolist(), strict=True):
        baskets[tuple(row)] = baskets.get(tuple(row), 0) + customers_
    assert baskets == {(True, True): 1, (False, True): 1, (True, False): 1, (False, False): 3}


def test_baskets_of_more_products_than_one_word_holds(engine: DuckDBEngine) -> None:
    products = [f"p{i:03d}" for i in range(120)]
    rng = np.random.default_rng(2)
    held = rng.random((50, 120)) < 0.1
    rows = [
        (int(c), products[p], "2020-01-01", None) for c, p in zip(*np.nonzero(held), strict=True)
    ]
    found = collect_baskets(
        engine.from_pandas(customers(50)),
        engine.from_pandas(holdings(rows)),
        products=products,
        as_of=AS_OF,
        seed=1,
    )
    assert found.total == 50
    assert found.count([(p,) for p in products]).tolist() == held.sum(axis=0).tolist()


def test_customers_who_joined_later_are_left_out(engine: DuckDBEngine) -> None:
    known = customers(3).assign(joined_on=pd.to_datetime(["2020-01-01", None, "2025-06-01"]))
    found = collect_baskets(
        engine.from_pandas(known),
        engine.from_pandas(holdings(ROWS[:1])),
        products=["card"],
        as_of=AS_OF,
        seed=1,
    )
    assert found.total == 2


def test_the_halves_are_as_large_as_asked_and_change_with_the_seed(engine: DuckDBEngine) -> None:
    people, held = engine.from_pandas(customers(20_000)), engine.from_pandas(holdings(ROWS))
    sizes = [
        collect_baskets(
            people, held, products=["card"], as_of=AS_OF, seed=seed, holdout_share=0.3
        ).part(holdout=True)
        for seed in (1, 2)
    ]
    assert [part.total / 20_000 for part in sizes] == pytest.approx([0.3, 0.3], abs=0.012)
    assert sizes[0].total != sizes[1].total


def test_a_customer_without_segment(engine: DuckDBEngine) -> None:
    segments = pd.DataFrame({"customer_id": [0, 1], "segment": [1, 1]})
    with pytest.raises(StudyError, match=r"no segment[\s\S]*1 without"):
        collect_baskets(
            engine.from_pandas(customers(3)),
            engine.from_pandas(holdings(ROWS)),
            products=["card"],
            as_of=AS_OF,
            seed=1,
            segments=engine.from_pandas(segments),
        )


def test_no_products(engine: DuckDBEngine) -> None:
    with pytest.raises(StudyError, match="no product to analyse"):
        collect_baskets(
            engine.from_pandas(customers(3)),
            engine.from_pandas(holdings(ROWS)),
            products=[],
            as_of=AS_OF,
            seed=1,
        )


# --- order --------------------------------------------------------------------------------------


def test_transitions_by_hand(engine: DuckDBEngine) -> None:
    rows = [
        (0, "a", "2024-01-01", None), (0, "b", "2024-01-11", None), (0, "c", "2024-03-01", None),
        (1, "a", "2024-01-01", None), (1, "b", "2024-01-21", None), (1, "b", "2024-02-01", None),
        (2, "b", "2024-01-01", None), (2, "a", "2024-01-31", None), (2, "c", "2024-01-31", None),
        (3, "a", None, None), (3, "b", "2024-01-01", None),
    ]  # fmt: skip
    found = acquisition_order(engine.from_pandas(holdings(rows)), as_of=AS_OF)
    table = found.transitions.set_index(["product", "other"])[["customers", "median_gap"]]
    # Customer 2 opened a and c on one day: both follow b, neither follows the other.
    assert table.to_dict("index") == {
        ("a", "b"): {"customers": 2, "median_gap": 15.0},
        ("b", "a"): {"customers": 1, "median_gap": 30.0},
        ("b", "c"): {"customers": 2, "median_gap": 40.0},
    }
    first = found.precedence.set_index(["product", "other"])["share_first"].to_dict()
    assert first == pytest.approx({("a", "b"): 2 / 3, ("a", "c"): 1.0, ("b", "c"): 1.0})


def test_expected_transitions_keep_the_totals(engine: DuckDBEngine) -> None:
    rng = np.random.default_rng(3)
    days = np.datetime64("2020-01-01") + rng.integers(0, 1500, (800, 4))
    rows = [
        (c, p, day, None) for c, row in enumerate(days) for p, day in zip("abcd", row, strict=True)
    ]
    found = acquisition_order(engine.from_pandas(holdings(rows)), as_of=AS_OF).transitions
    for side in ("product", "other"):
        totals = found.groupby(side)[["customers", "expected"]].sum()
        np.testing.assert_allclose(totals["expected"], totals["customers"], rtol=1e-6)
    # Opened in random order: nothing is out of proportion.
    assert found["ratio"].between(0.8, 1.25).all()


def test_no_opening_dates_is_a_stated_result(engine: DuckDBEngine) -> None:
    rows = [(c, p, None, None) for c in range(30) for p in "ab"]
    found = acquisition_order(engine.from_pandas(holdings(rows)), as_of=AS_OF)
    assert found.transitions.empty
    assert "does not record when" in found.text({}, minimum=10)


def test_an_order_through_one_product_has_nothing_to_be_compared_with(
    engine: DuckDBEngine,
) -> None:
    rows = [(c, "loan", "2024-01-01", None) for c in range(80)]
    rows += [(c, f"card{c % 2}", "2024-03-01", None) for c in range(80)]
    found = acquisition_order(engine.from_pandas(holdings(rows)), as_of=AS_OF)
    assert found.transitions["ratio"].tolist() == pytest.approx([1, 1])
    said = found.text({"loan": "Loan", "card0": "Visa", "card1": "Debit"}, minimum=10)
    assert "Every transition leads from or to Loan" in said
    assert "An order is sure for 2 of 2 pairs" in said


# --- next product -------------------------------------------------------------------------------


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


def test_segments_and_rules_together_name_the_next_product(
    engine: DuckDBEngine, bank: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]
) -> None:
    people, held, segments = map(engine.from_pandas, bank)
    found = predict_next_product(
        people, held, products=["x", "y", "s1", "s2"], segments=segments, as_of=AS_OF,
        prediction_days=366, min_support=0.01, min_confidence=0.1, max_rule_length=3, seed=1,
    )  # fmt: skip
    hit = found.table.set_index("ranking")["hit_1"]
    assert hit["Segments and rules"] > hit["Popularity in the segment"] + 0.1
    assert hit["Segments and rules"] > hit["Rules"] + 0.1
    assert hit["Rules"] > hit["Popularity"] + 0.1
    assert "combined they are surely better than either alone" in found.text
    # Three products were acquired (x was held before): all rankings name them among three.
    assert "any of 3 products" in found.text
    assert "hit_3" not in found.table
    alone = predict_next_product(
        people, held, products=["x", "y", "s1", "s2"], as_of=AS_OF,
        segments=segments.with_columns(segment=nw.lit(1)),
        prediction_days=366, min_support=0.01, min_confidence=0.1, max_rule_length=3, seed=1,
    )  # fmt: skip
    assert alone.table["ranking"].tolist() == ["Popularity", "Rules", "Gradient boosting"]
    assert alone.table["lead"].iloc[1] == 0
    assert {number.key for number in alone.numbers} > {"hit1_rules", "hit1_popularity"}


def test_purchases_leave_out_what_was_held_before(engine: DuckDBEngine) -> None:
    rows = [
        (0, "a", "2020-01-01", None), (0, "a", "2024-05-01", None),
        (1, "a", "2024-05-01", None), (1, "b", "2024-06-01", "2024-07-01"),
        (2, "b", "2025-05-01", None),
    ]  # fmt: skip
    segments = pd.DataFrame({"customer_id": range(3), "segment": 1})
    found = collect_purchases(
        engine.from_pandas(customers(3)), engine.from_pandas(holdings(rows)), products=["a", "b"],
        start=dt.date(2023, 12, 31), end=AS_OF, segments=engine.from_pandas(segments),
    )  # fmt: skip
    assert found.customers.tolist() == [1]
    assert found.acquired.tolist() == [[True, True]]
    assert found.held.tolist() == [[False, False]]


@pytest.mark.parametrize(
    ("k", "first", "said"),
    [(1, "2020-01-01", "in one segment"), (2, "2023-06-01", "know a little of the future")],
    ids=["one segment", "short history"],
)
def test_segments_of_an_earlier_day_when_there_are_none(
    engine: DuckDBEngine, tmp_path: Path, k: int, first: str, said: str
) -> None:
    booked = pd.DataFrame({"customer_id": [0], "booked_on": pd.to_datetime([first])})
    assignments = engine.from_pandas(pd.DataFrame({"customer_id": [0], "segment": [1]}))
    frame, text = segments_at(
        {"transactions": engine.from_pandas(booked)}, {}, assignments, SimpleNamespace(k=k),
        as_of=AS_OF, days=366, engine=engine, folder=tmp_path,
    )  # fmt: skip
    assert said in text
    assert frame is assignments


def test_undated_holdings_do_not_tell_the_future(engine: DuckDBEngine) -> None:
    rows = [(c, p, day, None) for c in range(400) for p, day in (("a", "2024-05-01"), ("b", None))]
    found = predict_next_product(
        engine.from_pandas(customers(400)), engine.from_pandas(holdings(rows)),
        products=["a", "b"],
        segments=engine.from_pandas(pd.DataFrame({"customer_id": range(400), "segment": 1})),
        as_of=AS_OF, prediction_days=366, min_support=0.01, min_confidence=0.1, max_rule_length=3,
        seed=1,
    )  # fmt: skip
    assert found.table.empty
    assert "Only 0 and 400 customers" in found.text
