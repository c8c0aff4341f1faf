"""Banks, simulated and published, that several tests of this chapter look at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pmlib.association import Baskets
from tests.association.examples import split


@pytest.fixture(scope="module")
def two_segments() -> Baskets:
    """a and b go together only through the segments; c → d holds in both; e → f in the second."""
    rng = np.random.default_rng(8)
    n = 12_000
    second = np.arange(n) % 2 == 1
    table = pd.DataFrame({p: rng.random(n) < np.where(second, 0.6, 0.2) for p in "ab"})
    table["c"] = rng.random(n) < 0.4
    table["d"] = rng.random(n) < 0.2 + 0.3 * table["c"]
    table["e"] = rng.random(n) < 0.4
    table["f"] = rng.random(n) < 0.2 + 0.4 * (table["e"] & second)
    return split(table, segment=1 + second)


@pytest.fixture(scope="module")
def coil2000(raw: Callable[[str], Path]) -> pd.DataFrame:
    # Columns 65 to 85 count policies, 86 is the caravan policy.
    counts = pd.read_csv(raw("coil2000/ticdata2000.txt"), sep="\t", header=None).iloc[:, 64:86]
    names = [
        "third_party", "third_party_firm", "third_party_farm", "car", "van", "motorcycle", "lorry",
        "trailer", "tractor", "machine", "moped", "life", "accident", "family", "disability",
        "fire", "surfboard", "boat", "bicycle", "property", "social", "caravan",
    ]  # fmt: skip
    return (counts > 0).set_axis(names, axis=1)


@pytest.fixture(scope="module")
def berka(raw: Callable[[str], Path]) -> Baskets:
    folder = raw("berka")

    def read(name: str) -> pd.DataFrame:
        return pd.read_csv(folder / f"{name}.asc", sep=";", low_memory=False)

    account, order, loan, card, disp = map(read, ("account", "order", "loan", "card", "disp"))
    kind = order["k_symbol"].str.strip().fillna("").replace("", "OTHER")
    cards = card.merge(disp, on="disp_id", suffixes=("", "_disp"))
    users = disp.loc[disp["type"] == "DISPONENT", "account_id"]
    held = {
        **{name: order.loc[kind == name, "account_id"] for name in sorted(kind.unique())},
        "loan": loan["account_id"],
        **{t: cards.loc[cards["type"] == t, "account_id"] for t in sorted(card["type"].unique())},
        "second_user": users,
    }
    table = {name: account["account_id"].isin(ids) for name, ids in held.items()}
    return Baskets.from_table(pd.DataFrame(table))
