"""Intervals of the evaluation hold the truth about as often as they say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pmlib.truth.coverage import coverage


def test_intervals_keep_their_promise_over_simulated_campaigns():
    rng = np.random.default_rng(8)
    n = 3_000
    cell = rng.integers(0, 12, n)
    population = pd.DataFrame(
        {
            "cell": cell, "segment": cell % 3, "score": cell.astype(float),
            "p0": 0.05, "p1": 0.08 + 0.01 * cell, "margin": 80.0, "cost": 1.5,
        }
    )  # fmt: skip
    table = coverage(population, campaigns=40, customers=2_000, control_share=0.3, seed=2)
    # 16 quantities x 40 campaigns: far too many misses would show here; the fine measurement
    # (hundreds of campaigns) is pmlib/truth/validation.py.
    assert table["covered"].mean() == pytest.approx(0.95, abs=0.03)
    assert table["covered"].min() >= 0.8


def test_intervals_hold_where_customers_get_several_offers():
    # Three offers a customer, in one arm, bought together: the interval of rows taken as
    # independent would hold the truth in about three of four campaigns (design effect near 2.4).
    rng = np.random.default_rng(8)
    n = 1_500
    keen = np.repeat(rng.random(n) < 0.3, 3)
    population = pd.DataFrame(
        {
            "customer_id": np.repeat(np.arange(n), 3), "cell": np.tile([1, 2, 3], n),
            "segment": 1, "score": np.tile([1.0, 2.0, 3.0], n),
            "p0": np.where(keen, 0.9, 0.02), "p1": np.where(keen, 0.95, 0.05),
            "margin": 80.0, "cost": 1.5,
        }
    )  # fmt: skip
    table = coverage(population, campaigns=60, customers=1_000, control_share=0.3, seed=2)
    assert table["covered"].mean() == pytest.approx(0.95, abs=0.03)
    assert table["covered"].min() >= 0.85
