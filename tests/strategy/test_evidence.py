"""What past contacts can tell, and what they cannot."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from pmlib.engine import DuckDBEngine
from pmlib.errors import StudyError
from pmlib.strategy.cells import Sources
from pmlib.strategy.evidence import count_contacts, response_is_holding
from tests.strategy.banks import (
    AS_OF,
    CHANNELS,
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


def test_unknown_channel_is_named(engine: DuckDBEngine) -> None:
    sources, _ = small_bank(engine)
    contacts = pd.DataFrame(
        {
            "campaign_id": "pilot",
            "customer_id": ["c0001", "c0002"],
            "contacted_on": [dt.date(2025, 6, 1)] * 2,
            "arm": "offer",
            "product_id": "fund",
            "channel": "pigeon",
            "propensity": [None, None],
            "responded": [True, False],
            "value": [1.0, 0.0],
        }
    ).astype({"propensity": float})
    replaced = Sources(
        sources.customers, sources.assignments, None, engine.from_pandas(contacts), AS_OF
    )
    with pytest.raises(StudyError, match="pigeon"):
        count_contacts(replaced, menu(), engine, outcome="response", seed=1)


def test_a_channel_the_study_does_not_declare_is_named(tmp_path, engine):
    study = study_of(tmp_path / "channel", tables(), CHANNELS[:1])
    with pytest.raises(StudyError, match="phone"):
        open_case(study, engine)
