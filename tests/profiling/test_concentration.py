"""Concentration of value, against its definition and simulations of known truth."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from pmlib import profiling
from pmlib.numbers import Finding, Phrase
from pmlib.profiling.concentration import Measure, _gini, _lorenz


def naive_gini(x: np.ndarray) -> float:
    """Half the relative mean difference, over all pairs."""
    return np.abs(x[:, None] - x[None, :]).mean() / (2 * x.mean())


def measured(lazy, x: np.ndarray, n_customers: int | None = None) -> Finding:
    frame = lazy(pd.DataFrame({"customer_id": [f"c{i}" for i in range(len(x))], "value": x}))
    measure = Measure("margin", frame, n_customers or len(x))
    return profiling.concentration([measure])


def test_gini_is_half_the_relative_mean_difference(lazy):
    x = np.random.default_rng(1).lognormal(5, 1.2, 800)
    row = measured(lazy, x).table.iloc[0]
    assert row["gini"] == pytest.approx(naive_gini(x), abs=1e-5)
    assert row["top_share"] == pytest.approx(np.sort(x)[-160:].sum() / x.sum(), abs=1e-5)


def test_customers_without_value_count(lazy):
    x = np.array([1.0] * 25)
    row = measured(lazy, x, n_customers=100).table.iloc[0]
    assert row["gini"] == pytest.approx(0.75)
    assert row["without"] == 0.75
    assert row["top_share"] == pytest.approx(0.8)


def test_where_few_contribute_at_all_the_top_fifth_is_not_named(lazy):
    result = measured(lazy, np.array([1.0] * 25), n_customers=200)
    assert [number.key for number in result.numbers] == ["gini_margin", "contributors_margin"]
    assert [sentence.block for sentence in result.quotes["measures"]] == ["concentration.few"]


def test_money_is_compared_among_those_there_throughout(lazy):
    tables = {
        "customers": pd.DataFrame(
            {
                "customer_id": ["a", "b", "c"],
                "joined_on": ["2020-01-01", "2023-01-01", "2023-07-01"],
            }
        ),
        "transactions": pd.DataFrame(
            {
                "customer_id": ["a", "a", "b", "c"],
                "booked_on": ["2022-12-31", "2023-12-31", "2023-01-01", "2023-08-01"],
                "amount": [8.0, 1.0, 2.0, 4.0],
            }
        ),
    }
    found = profiling.customer_values(
        {name: lazy(table) for name, table in tables.items()}, as_of=dt.date(2024, 6, 30)
    )
    assert found[0].name == Phrase(
        "measure.money_in", {"first": "2023-01-01", "last": "2023-12-31"}
    )
    assert found[0].n_customers == 2
    values = found[0].totals.collect("pandas").to_native().set_index("customer_id")["value"]
    assert values.to_dict() == {"a": 1.0, "b": 2.0}


def test_a_curve_that_is_a_vertical_line_is_not_drawn(lazy):
    result = measured(lazy, np.arange(1.0, 10.0), n_customers=1000)
    assert result.of("curve").empty
    assert result.table["without"].iloc[0] == pytest.approx(0.991)


def test_equal_customers_lie_on_the_line_of_equality(lazy):
    result = measured(lazy, np.full(200, 7.0))
    assert result.table["gini"].iloc[0] == pytest.approx(0, abs=1e-12)
    curve = result.of("curve")
    np.testing.assert_allclose(curve["value"], curve["customers"])


def test_negative_totals_have_no_lorenz_curve(lazy):
    result = measured(lazy, np.array([-1.0, 2.0, 3.0]))
    assert result.table.empty
    assert [sentence.block for sentence in result.quotes["measures"]] == ["concentration.negative"]


def test_no_point_of_the_curve_sets_few_customers_apart(lazy):
    curve = measured(lazy, np.arange(1.0, 46.0)).of("curve")
    assert np.diff(curve["customers"]).min() * 45 >= 10


def test_gini_intervals_cover():
    # The exponential distribution has Gini index 1/2 (Davidson 2009, section 3).
    rng = np.random.default_rng(7)
    hits = 0
    for _ in range(400):
        x = np.sort(rng.exponential(size=400))
        gini, error = _gini(np.ones(400), x)
        hits += abs(gini - 0.5) <= 1.959964 * error
    assert 0.92 <= hits / 400 <= 0.975


def test_top_share_intervals_cover(lazy):
    # Exponential: L(p) = p + (1 - p) ln(1 - p), so the top fifth holds 1 - L(0.8).
    true = 1 - (0.8 + 0.2 * np.log(0.2))
    rng = np.random.default_rng(8)
    hits = 0
    for _ in range(60):
        row = measured(lazy, rng.exponential(size=500)).table.iloc[0]
        hits += row["top_share_low"] <= true <= row["top_share_high"]
    assert hits >= 52  # 60 draws of 95 %: fewer than 52 has probability below 0.01


def test_lorenz_of_four_customers():
    p = _lorenz(np.ones(4), np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.25, 0.5, 1.0]))
    np.testing.assert_allclose(p, [0.1, 0.3, 1.0])
