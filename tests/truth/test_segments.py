"""Segments beside the kinds that customers were drawn from."""

from __future__ import annotations

import pandas as pd
import pytest

from pmlib.casebank import population
from pmlib.truth.segments import agreement_with_kinds, kind_composition, kinds_of_customers


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
