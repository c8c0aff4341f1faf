"""Small banks that several tests of this chapter look at."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from types import SimpleNamespace

import narwhals as nw
import numpy as np
import pandas as pd
from hypothesis import strategies as st

from pmlib.association import Baskets, HeldProducts
from pmlib.params import Parameters

AS_OF = dt.date(2024, 12, 31)
SETTINGS = Parameters(
    min_support=0.01, min_confidence=0.1, max_rule_length=3, prediction_days=366, seed=1
)


def held_as(
    baskets: Baskets,
    names: Mapping[str, str] | None = None,
    *,
    segments: Sequence[str] = ("First", "Second"),
    structural_pairs: Sequence[tuple[str, str]] = (),
    assigned: nw.LazyFrame | None = None,
) -> HeldProducts:
    """Baskets as the chapter holds them; products are called by their ids unless named."""
    names = names or {product: product for product in baskets.products}
    named = dict(zip(baskets.segments, segments, strict=False))
    study = SimpleNamespace(structural_pairs=structural_pairs, simulated=True)
    return HeldProducts(
        baskets=baskets, names=names, families=names, segments=named, assigned=assigned,  # type: ignore[arg-type]
        study=study, as_of=AS_OF,  # type: ignore[arg-type]
    )  # fmt: skip


def by_itemset(frame: pd.DataFrame, itemsets: str = "itemset") -> dict[frozenset[str], float]:
    return {frozenset(i): s for i, s in zip(frame[itemsets], frame["support"], strict=True)}


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """Random purchases, with copied columns and rows so that ties and closed sets occur."""
    n, m = draw(st.integers(1, 60)), draw(st.integers(1, 18))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    held = rng.random((n, m)) < rng.beta(0.6, 0.8, m)
    if m > 1 and draw(st.booleans()):
        held[:, rng.integers(m)] = held[:, rng.integers(m)]
    return pd.DataFrame(held, columns=[f"p{i}" for i in range(m)])


def split(table: pd.DataFrame, *, segment: np.ndarray | None = None) -> Baskets:
    halves = np.random.default_rng(9).random(len(table)) < 0.5
    return Baskets.from_table(table, segment=segment, holdout=halves)


def customers(n: int) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {"customer_id": np.arange(n), "customer_hash": rng.integers(0, 2**32, n, dtype=np.int64)}
    )


def holdings(rows: list[tuple[int, str, str | None, str | None]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["customer_id", "product_id", "opened_on", "closed_on"])
    for column in ("opened_on", "closed_on"):
        frame[column] = pd.to_datetime(frame[column])
    return frame
