"""Order of acquisition: by hand, by expectation, and what is said of it."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from pmlib.association import Baskets, acquisition_order
from pmlib.engine import DuckDBEngine
from pmlib.numbers import Finding
from tests.association.examples import SETTINGS, held_as, holdings


def order_of(engine: DuckDBEngine, rows: list[tuple], *, minimum: int = 10) -> Finding:
    """Order of acquisition, products called by their ids in capitals."""
    nobody = Baskets((), *[np.zeros(0)] * 4)
    held = held_as(nobody, {product: product.upper() for _, product, _, _ in rows})
    tables = {"holdings": engine.from_pandas(holdings(rows)), "products": None}
    params = SETTINGS.model_copy(update={"min_group_size": minimum})
    return acquisition_order(tables, held, params)


def test_transitions_by_hand(engine: DuckDBEngine) -> None:
    rows = [
        (0, "a", "2024-01-01", None), (0, "b", "2024-01-11", None), (0, "c", "2024-03-01", None),
        (1, "a", "2024-01-01", None), (1, "b", "2024-01-21", None), (1, "b", "2024-02-01", None),
        (2, "b", "2024-01-01", None), (2, "a", "2024-01-31", None), (2, "c", "2024-01-31", None),
        (3, "a", None, None), (3, "b", "2024-01-01", None),
    ]  # fmt: skip
    found = order_of(engine, rows, minimum=1)
    table = found.table.set_index(["product", "other"])[["customers", "median_gap"]]
    # Customer 2 opened a and c on one day: both follow b, neither follows the other.
    assert table.to_dict("index") == {
        ("A", "B"): {"customers": 2, "median_gap": 15.0},
        ("B", "A"): {"customers": 1, "median_gap": 30.0},
        ("B", "C"): {"customers": 2, "median_gap": 40.0},
    }
    first = found.of("precedence").set_index(["product", "other"])["share_first"].to_dict()
    assert first == pytest.approx({("A", "B"): 2 / 3, ("A", "C"): 1.0, ("B", "C"): 1.0})


def test_expected_transitions_keep_the_totals(engine: DuckDBEngine) -> None:
    rng = np.random.default_rng(3)
    days = np.datetime64("2020-01-01") + rng.integers(0, 1500, (800, 4))
    rows = [
        (c, p, day, None) for c, row in enumerate(days) for p, day in zip("abcd", row, strict=True)
    ]
    found = order_of(engine, rows).table
    for side in ("product", "other"):
        totals = found.groupby(side)[["customers", "expected"]].sum()
        np.testing.assert_allclose(totals["expected"], totals["customers"], rtol=1e-6)
    # Opened in random order: nothing is out of proportion.
    assert found["ratio"].between(0.8, 1.25).all()


def test_no_opening_dates_is_a_stated_result(engine: DuckDBEngine) -> None:
    rows = [(c, p, None, None) for c in range(30) for p in "ab"]
    found = order_of(engine, rows)
    assert found.table.empty
    assert found.facts == {"acquired_next": "no_dates", "acquired_first": "not_told"}


def test_an_order_through_one_product_has_nothing_to_be_compared_with(
    engine: DuckDBEngine,
) -> None:
    rows = [(c, "loan", "2024-01-01", None) for c in range(80)]
    rows += [(c, f"card{c % 2}", "2024-03-01", None) for c in range(80)]
    found = order_of(engine, rows)
    assert found.table["ratio"].tolist() == pytest.approx([1, 1])
    assert found.facts == {"acquired_next": "through_one", "acquired_first": "sure"}
    assert found.quotes["hub"] == "LOAN"
    assert (found.quotes["ordered"].value, found.quotes["pairs"].value) == (2, 2)


def in_turn(n: int, *orders: str) -> list[tuple]:
    """Customers who open products one a month, as the orders say in turn."""
    return [
        (c, p, f"2024-0{i}-01", None)
        for c in range(n)
        for i, p in enumerate(orders[c % len(orders)], start=1)
    ]


@pytest.mark.parametrize(
    ("rows", "facts"),
    [
        (in_turn(20, "ab", "cd"), ("too_few", "not_told")),
        (in_turn(400, "ab", "cd"), ("out_of_proportion", "sure")),
        (in_turn(480, *map("".join, permutations("abcd"))), ("in_proportion", "none_sure")),
    ],
    ids=["few", "two ways", "all ways"],
)
def test_what_is_said_of_transitions(
    engine: DuckDBEngine, rows: list[tuple], facts: tuple[str, str]
) -> None:
    found = order_of(engine, rows).facts
    assert (found["acquired_next"], found["acquired_first"]) == facts


def test_transitions_of_few_customers_are_not_shown(engine: DuckDBEngine) -> None:
    rows = [*in_turn(17, "ab"), *((100 + c, *rest) for c, *rest in in_turn(3, "cd"))]
    found = order_of(engine, rows)
    assert found.of("flow")["customers"].tolist() == [17]
    assert found.of("precedence")["customers"].tolist() == [17]
