"""Baskets from the engine: what is held on the day, in two halves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pmlib.association import collect_baskets
from pmlib.engine import DuckDBEngine
from pmlib.errors import StudyError
from tests.association.examples import AS_OF, customers, holdings

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
