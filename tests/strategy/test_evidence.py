"""What past contacts can tell, and what they cannot."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pmlib import strategy
from pmlib.engine import DuckDBEngine
from pmlib.numbers import Level
from pmlib.strategy.cells import Sources
from pmlib.strategy.evidence import count_contacts, response_is_holding
from tests.strategy.banks import (
    AS_OF,
    menu,
    open_case,
    small_bank,
    study_of,
    tables,
)


def test_response_that_restates_holdings_is_noticed(engine: DuckDBEngine) -> None:
    ids = [f"c{i}" for i in range(200)]
    bought = np.arange(200) % 4 == 0
    contacts = pd.DataFrame(
        {"customer_id": ids, "product_id": "fund", "arm": "offer", "responded": bought}
    )
    dates = {"opened_on": dt.date(2020, 1, 1), "closed_on": dt.date(2030, 1, 1)}
    held = pd.DataFrame({"customer_id": np.array(ids)[bought], "product_id": "fund"})
    same, other = (engine.from_pandas(h.assign(**dates)) for h in (held, held.iloc[:40]))
    asked = engine.from_pandas(contacts)
    assert response_is_holding(same, asked, as_of=AS_OF)
    assert not response_is_holding(other, asked, as_of=AS_OF)  # 10 of 50 buyers hold none
    assert not response_is_holding(same, asked, as_of=dt.date(2019, 1, 1))


def test_contacts_through_undeclared_channels_are_left_out_and_named(engine: DuckDBEngine) -> None:
    sources, _ = small_bank(engine)
    contacts = pd.DataFrame(
        {
            "campaign_id": "pilot",
            "customer_id": ["c0001", "c0002", "c0003"],
            "contacted_on": [dt.date(2025, 6, 1)] * 3,
            "arm": "offer",
            "product_id": "fund",
            "channel": ["pigeon", "phone", None],
            "propensity": [None, None, None],
            "responded": [True, False, True],
            "value": [1.0, 0.0, 1.0],
        }
    ).astype({"propensity": float})
    replaced = Sources(
        sources.customers, sources.assignments, None, engine.from_pandas(contacts), AS_OF
    )
    found = count_contacts(replaced, menu(), engine, outcome="response", seed=1)
    assert found.left_out == ("pigeon",)
    assert found.tallies[["channel", "rows"]].to_numpy().tolist() == [["phone", 1]]
    # In money, sales are counted beside what they brought.
    paid = contacts.assign(channel="phone", value=[3.0, 0.0, 5.0])
    replaced = replace(replaced, contacts=engine.from_pandas(paid))
    sums = count_contacts(replaced, menu(), engine, outcome="value", seed=1).tallies.sum()
    assert sums[["rows", "wy", "ws"]].tolist() == [3, 8.0, 2.0]
    assert found.tells


def test_evidence_of_undeclared_channels_alone_tells_nothing(tmp_path, engine):
    channels = [{"name": "letter", "cost": 1.0}]
    case = open_case(study_of(tmp_path / "channel", tables(), channels), engine)
    assert case.untold == Level("untold", "no_channel")
    assert case.evidence.kind == "association"  # what is held tells of offers still


@pytest.mark.parametrize(
    ("empty", "untold"), [("product_id", "no_product"), ("responded", "no_outcome")]
)
def test_contacts_that_tell_of_no_offer(tmp_path, engine, empty, untold):
    frames = tables()
    frames["contacts"][empty] = None
    case = open_case(study_of(tmp_path / "holdings", frames), engine)
    assert case.untold == Level("untold", untold)
    assert case.evidence.kind == "association"
    del frames["holdings"]
    assert open_case(study_of(tmp_path / "bare", frames), engine).absent.quotes == {
        "untold": Level("untold", untold)
    }


def test_a_few_contacts_do_not_fill_two_halves(tmp_path, engine):
    frames = tables()
    frames["contacts"] = frames["contacts"].iloc[:3]
    case = open_case(study_of(tmp_path / "few", frames), engine)
    assert strategy.compare(case).absent.block == "absent.thin_parts"
