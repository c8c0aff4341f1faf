"""What the tests of the profile share: customers' names, and a campaign as it is recorded."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest


def _ids(n: int) -> list[str]:
    return [f"c{i:04d}" for i in range(n)]


def _campaign(name: str, day: str, n: int, took: int, **more: object) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "campaign_id": name,
            "customer_id": _ids(n),
            "contacted_on": day,
            "arm": "offer",
            "product_id": "card",
            "channel": "letter",
            "cost": 2.0,
            "propensity": None,
            "responded": [True] * took + [False] * (n - took),
            "value": 0.0,
        }
    )
    return frame.assign(**more)


@pytest.fixture(scope="session")
def ids() -> Callable[[int], list[str]]:
    """Name so many customers."""
    return _ids


@pytest.fixture(scope="session")
def campaign() -> Callable[..., pd.DataFrame]:
    """Record a campaign of one day to `n` customers, of whom the first `took` the product."""
    return _campaign
