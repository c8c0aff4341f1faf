"""The default bank lies within published ranges; the easy one, which is not meant to, does not."""

from __future__ import annotations

import pytest

from pmlib.numbers import Finding, Number
from pmlib.params import Parameters
from pmlib.truth.chain import simulated_study
from pmlib.truth.published import (
    RANGES,
    beside_published,
    campaign_beside_published,
    levels_beside_published,
)


def levels(tmp_path, engine, **settings):
    # A whole year: before Christmas a bank pays out more than it takes in a season.
    study = simulated_study(Parameters(**{"n_months": 12} | settings), tmp_path)
    tables = {name: study.scan(name, engine) for name in study.tables}
    return levels_beside_published(study, tables, confidence_level=0.95)


def codes(found):
    return {row.quantity.code: row for row in found.table.itertuples()}


def test_the_default_bank_is_within_every_range(tmp_path, engine):
    found = levels(tmp_path, engine, n_customers=20_000)
    assert set(codes(found)) == set(RANGES) - {"roi", "response_offer"}
    assert found.table["within"].all()
    assert found.facts == {"published_levels": "within"}


def test_levels_of_a_large_bank_are_within_without_their_intervals(tmp_path, engine):
    found = levels(tmp_path, engine, n_customers=100_000, seed=2)
    outside = [
        name
        for name, row in codes(found).items()
        if not row.low.value <= row.bank.value <= row.high.value
    ]
    assert outside == []


def test_the_easy_bank_is_not(tmp_path, engine):
    found = levels(tmp_path, engine, n_customers=20_000, world="easy")
    rows = codes(found)
    assert not rows["saving"].within  # money in is twice money out
    assert rows["saving"].bank.value == pytest.approx(1 - 1 / 1.86, abs=0.02)
    assert "loan_default" not in rows
    assert found.facts == {"published_levels": "beyond"}


def test_an_interval_that_meets_the_range_is_within():
    found = beside_published(
        [
            Number("roi", 0.3, "share", 0.1, 0.5),
            Number("letter", 0.06, "share", 0.05, 0.07),
            Number("products", 3.0),
        ]
    )
    within = {name: row.within for name, row in codes(found).items()}
    assert within == {"roi": True, "letter": False, "products": True}


def test_a_real_bank_is_not_set_beside_them():
    class Real:
        simulated = False

    assert campaign_beside_published(Real(), Finding()).absent.block == "absent.no_truth"
