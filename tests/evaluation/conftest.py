"""Campaigns with a known truth, and one of which the numbers are published."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pmlib.evaluation.learners import Expected


@pytest.fixture(scope="module")
def hillstrom(raw: Callable[[str], Path]) -> pd.DataFrame:
    """Hillstrom's e-mail test in canonical form; `responded` is the visit, as in the reference."""
    name = "Kevin_Hillstrom_MineThatData_E-MailAnalytics_DataMiningChallenge_2008.03.20.csv"
    rows = pd.read_csv(raw(f"hillstrom/{name}"))
    arms = {"No E-Mail": "control", "Mens E-Mail": "mens", "Womens E-Mail": "womens"}
    return pd.DataFrame(
        {
            "campaign_id": "e-mail test",
            "customer_id": rows.index,
            "arm": rows["segment"].map(arms),
            "propensity": 1 / 3,
            "responded": rows["visit"],
            "conversion": rows["conversion"],
            "value": rows["spend"],
            "cost": 0.0,
            "recency": rows["recency"],
            "history": rows["history"],
            "channel_before": rows["channel"],
        }
    )


def _campaign(n: int = 4_000, *, seed: int = 1, uplift: float = 0.05) -> pd.DataFrame:
    """A randomised campaign with a known effect on every customer."""
    rng = np.random.default_rng(seed)
    offered = rng.random(n) < 0.7
    responded = rng.random(n) < 0.1 + uplift * offered
    return pd.DataFrame(
        {
            "campaign_id": "test",
            "customer_id": np.arange(n),
            "arm": np.where(offered, "offer", "control"),
            "channel": np.where(offered, "email", None),
            "propensity": np.where(offered, 0.7, 0.3),
            "responded": responded,
            "value": np.where(responded, 100.0, 0.0),
            "cost": np.where(offered, 2.0, 0.0),
            "segment": rng.integers(1, 4, n),
            "age": rng.normal(50, 10, n),
        }
    )


def _trial(n: int = 6_000, *, seed: int = 1) -> pd.DataFrame:
    """The effect on a customer is `x`, a covariate between 0 and 0.2; profit is 100 a sale."""
    rng = np.random.default_rng(seed)
    x, offered = 0.2 * rng.random(n), rng.random(n) < 0.5
    responded = rng.random(n) < 0.1 + x * offered
    return pd.DataFrame(
        {
            "customer_id": np.arange(n),
            "contacted_on": pd.Timestamp("2025-01-01"),
            "arm": np.where(offered, "offer", "control"),
            "product_id": "card",
            "channel": "email",
            "arm_propensity": 0.5,
            "responded": responded,
            "value": np.where(responded, 100.0, 0.0),
            "cost": np.where(offered, 5.0, 0.0),
            "segment": 1,
            "x": x,
            "noise": rng.random(n),
            "order": rng.random(n),
            "half": rng.integers(0, 2, n),
        }
    )


def _known(contacts: pd.DataFrame) -> Expected:
    """Perfect models, so that scores have little noise."""
    x = contacts["x"].to_numpy()
    response = {"control": np.full(len(x), 0.1), "offer": 0.1 + x}
    outcome = {"control": response["control"] * 100, "offer": response["offer"] * 100 - 5}
    observed = (contacts["value"] - contacts["cost"]).to_numpy()
    return Expected(contacts, response, outcome, observed, "currency", "earlier_campaign")


def _twice(contacts: pd.DataFrame) -> pd.DataFrame:
    """Each customer with a second offer and the same outcomes: no more is known than before."""
    return pd.concat([contacts, contacts.assign(product_id="loan")], ignore_index=True)


@pytest.fixture
def campaign() -> Callable[..., pd.DataFrame]:
    """A randomised campaign with a known effect on every customer: size, seed, uplift."""
    return _campaign


@pytest.fixture
def trial() -> Callable[..., pd.DataFrame]:
    """A campaign whose effect on a customer is `x`; profit is 100 a sale."""
    return _trial


@pytest.fixture
def known() -> Callable[..., Expected]:
    """Perfect models of a trial."""
    return _known


@pytest.fixture
def twice() -> Callable[..., pd.DataFrame]:
    """Each customer with a second offer and the same outcomes."""
    return _twice
