"""The boosted model learns, and does so on one thread."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from pmlib.inference.learners import boosted_trees, one_thread
from pmlib.inference.ranking import auc_interval


def test_boosted_trees_learn_a_category_without_order():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 6, (2_000, 1)).astype(float)
    y = rng.random(2_000) < np.where(x[:, 0] % 2, 0.4, 0.1)
    model = boosted_trees(learning_rate=0.1, trees=20, categories=[0], seed=1).fit(x, y)
    auc, low, _ = auc_interval(model.predict_proba(x)[:, 1], y)
    assert low > 0.6
    assert auc < 0.8


def test_boosted_trees_predict_a_number():
    x = np.linspace(0, 1, 500)[:, None]
    model = boosted_trees("number", learning_rate=0.2, trees=60, seed=1).fit(x, 3 * x[:, 0])
    assert model.predict([[0.5]])[0] == pytest.approx(1.5, abs=0.1)


def test_a_seed_beyond_32_bits_is_taken():
    x, y = np.arange(100.0)[:, None], np.arange(100) > 50
    assert boosted_trees(learning_rate=0.1, trees=2, seed=2**40).fit(x, y).predict([[99.0]])


def test_one_thread_holds_for_what_scikit_learn_brings():
    with one_thread():
        assert {pool["num_threads"] for pool in threadpool_info()} == {1}
