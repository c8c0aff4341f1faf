"""Who may be offered what, against customers worked out row by row."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np

from pmlib import strategy
from pmlib.engine import DuckDBEngine, collect
from pmlib.numbers import Phrase
from pmlib.strategy.cells import (
    NOT_ELIGIBLE,
    customer_states,
    decode,
    eligibility,
    encode,
)
from tests.strategy.banks import N, menu, open_case, small_bank, study_of, tables


def test_states_of_customers_follow_the_rules_of_contact(engine: DuckDBEngine) -> None:
    sources, truth = small_bank(engine)
    states = collect(customer_states(sources, menu(), cool_down=30), sort_by=["customer_id"])
    expected = truth[truth["reachable"]]
    assert list(states["customer_id"]) == list(expected["customer_id"])
    found = decode(states[["code0"]].to_numpy(), n_products=2)
    np.testing.assert_array_equal(found, expected[["fund", "loan"]].to_numpy())


def test_eligibility_adds_up(engine: DuckDBEngine) -> None:
    sources, truth = small_bank(engine)
    table = eligibility(sources, menu(), cool_down=30).set_index("product_id")
    parts = ["objecting", "cooling_down", "held", "unsuitable", "eligible"]
    assert (table[parts].sum(axis=1) == table["customers"]).all()
    reachable = truth[truth["reachable"]]
    assert table.loc["fund", "eligible"] == (reachable["fund"] > 0).sum()


def test_minors_are_left_out_and_counted(engine: DuckDBEngine) -> None:
    sources, _ = small_bank(engine)
    customers = collect(sources.customers, sort_by=["customer_id"])
    customers["age"] = np.resize([17.0, 18.0, np.nan, 40.0], len(customers))
    aged = replace(sources, customers=engine.from_pandas(customers))
    assert eligibility(aged, menu(), cool_down=30)["minor"].eq(len(customers) / 4).all()
    states = collect(customer_states(aged, menu(), cool_down=30), sort_by=["customer_id"])
    all_ages = collect(customer_states(sources, menu(), cool_down=30), sort_by=["customer_id"])
    minors = set(customers.loc[customers["age"] == 17, "customer_id"])
    assert set(states["customer_id"]) == set(all_ages["customer_id"]) - minors


def test_states_survive_coding_beyond_one_word() -> None:
    state = np.random.default_rng(0).integers(0, 3, (50, 70)).astype(np.int8)
    np.testing.assert_array_equal(decode(encode(state).to_numpy(), n_products=70), state)


def test_nobody_is_contacted_within_the_cool_down(tmp_path, engine):
    frames = tables()
    frames["contacts"]["contacted_on"] = np.where(
        np.arange(N) % 4 == 0, dt.date(2025, 12, 20), dt.date(2025, 6, 1)
    )
    case = open_case(study_of(tmp_path / "recent", frames), engine)
    states = collect(customer_states(case.sources, case.catalogue, cool_down=30), sort_by=[])
    recent = frames["contacts"].loc[
        (np.arange(N) % 4 == 0) & (frames["contacts"]["arm"] == "offer"), "customer_id"
    ]
    assert not set(states["customer_id"]) & set(recent)


def test_nobody_eligible_is_told(tmp_path, engine):
    frames = tables()
    frames["customers"]["marketing_opt_out"] = True
    found = open_case(study_of(tmp_path / "closed", frames), engine)
    assert found.absent == Phrase("absent.nobody_eligible", {"days": 30})
    assert strategy.plan_study(found).absent == found.absent


def test_states_are_read_back_from_their_codes(case):
    states = collect(customer_states(case.sources, case.catalogue, cool_down=30), sort_by=[])
    state = decode(states[["code0"]].to_numpy(), n_products=2)
    assert (state != NOT_ELIGIBLE).sum() == case.groups.eligible().sum()
