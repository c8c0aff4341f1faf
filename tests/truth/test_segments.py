"""Segments beside the kinds that customers were drawn from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.metrics import adjusted_rand_score

from pmlib.casebank import population
from pmlib.truth.segments import (
    agreement_with_kinds,
    kind_ceiling,
    kind_composition,
    kinds_of_customers,
)


def test_segments_that_are_the_kinds_agree_with_them(casebank, engine):
    assigned = engine.from_pandas(population(casebank).customers[["customer_id", "segment"]])
    agreement = agreement_with_kinds(assigned, casebank, engine, confidence_level=0.95)
    (number,) = agreement.numbers
    assert number.key == "agreement_with_kind"
    assert number.value == pytest.approx(1.0)
    composition = kind_composition(assigned, kinds_of_customers(casebank, engine))
    assert composition.sum() == 3_000
    assert (composition.diagonal() == composition.sum(axis=0)).all()


def test_customers_of_each_kind_are_counted_by_hand(engine):
    ids = ["a", "b", "c", "d"]
    assigned = engine.from_pandas(pd.DataFrame({"customer_id": ids, "segment": [1, 1, 2, 2]}))
    kinds = engine.from_pandas(pd.DataFrame({"customer_id": ids, "kind": [1, 3, 3, 3]}))
    assert kind_composition(assigned, kinds).tolist() == [[1, 0, 1, 0, 0, 0], [0, 0, 2, 0, 0, 0]]


def test_the_ceiling_is_what_the_best_rule_for_two_known_groups_reaches(engine):
    """Two normal groups three apart: the best rule cuts midway and errs in norm.sf(1.5)."""
    rng = np.random.default_rng(1)
    kind = rng.integers(1, 3, size=6_000)
    frame = pd.DataFrame(
        {"customer_id": np.arange(6_000), "kind": kind,
         "z0": 3.0 * kind + rng.standard_normal(6_000), "z1": rng.standard_normal(6_000)}
    )  # fmt: skip
    best = adjusted_rand_score(kind, frame["z0"] > 4.5)
    assert best == pytest.approx((1 - 2 * norm.sf(1.5)) ** 2, abs=0.02)
    assert kind_ceiling(engine.from_pandas(frame), seed=1) == pytest.approx(best, abs=0.03)
    told_nothing = engine.from_pandas(frame.drop(columns="z0"))
    assert kind_ceiling(told_nothing, seed=1) == pytest.approx(0, abs=0.02)
    assert kind_ceiling(engine.from_pandas(frame[["customer_id", "kind"]]), seed=1) is None
