"""What customers held on a day, acquired after it, and which segment they were in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import narwhals as nw
import numpy as np

from pmlib.association.baskets import unpack, with_baskets, word_names
from pmlib.canon.customers import joined_by
from pmlib.canon.holdings import held_on, opened_by
from pmlib.engine import Engine, collect, day_number
from pmlib.segmentation import Scorer, assign_customers, customer_features

if TYPE_CHECKING:
    from pmlib.association.findings import HeldProducts

_HISTORY_DAYS = 334


@dataclass(frozen=True)
class Purchases:
    """What customers held at the start of a period, and what they acquired in it.

    Parameters
    ----------
    held, acquired : numpy.ndarray of bool, shape (rows, products)
        A row is one combination of segment, basket and acquisitions; customers who acquired
        nothing are left out.
    segment, customers : numpy.ndarray of int, shape (rows,)
    """

    products: tuple[str, ...]
    held: np.ndarray
    acquired: np.ndarray
    segment: np.ndarray
    customers: np.ndarray


def collect_purchases(
    customers: nw.LazyFrame, holdings: nw.LazyFrame, *, products: Sequence[str], start: dt.date,
    end: dt.date, segments: nw.LazyFrame,
) -> Purchases:  # fmt: skip
    """Count (segment, basket at `start`, acquired by `end`) with one group-by in the engine.

    Customers who joined after `start` are left out.
    """
    products = tuple(sorted(products))
    opened = holdings.filter(opened_by(end) & ~opened_by(start))
    table = joined_by(customers, start).select("customer_id", "customer_hash")
    table = with_baskets(table, holdings.filter(held_on(start)), products)
    buyers = opened.select("customer_id").unique()
    table = with_baskets(table.join(buyers, on="customer_id", how="semi"), opened, products, "new")
    table = table.join(segments.select("customer_id", "segment"), on="customer_id", how="inner")
    before, after = (word_names(len(products), prefix) for prefix in ("word", "new"))
    keys = ["segment", *before, *after]
    counted = collect(table.group_by(keys).agg(customers=nw.len()), sort_by=keys)
    held = unpack(counted[before], len(products))
    acquired = unpack(counted[after], len(products)) & ~held
    numbers = (counted[name].to_numpy(dtype=np.int64) for name in ("segment", "customers"))
    bought = acquired.any(axis=1)
    return Purchases(products, *(part[bought] for part in (held, acquired, *numbers)))


def segments_at(
    day: dt.date, tables: Mapping[str, nw.LazyFrame], held: HeldProducts, scorer: Scorer, *,
    engine: Engine, folder: Path,
) -> tuple[nw.LazyFrame, str]:  # fmt: skip
    """Assign the customers as they were on an earlier day, with the frozen scorer.

    A ranking that is judged on what came after a day must not know segments formed later. Those of
    the study's day are taken where there is one segment, or where the transactions do not reach
    back a year before the earlier day.

    Parameters
    ----------
    folder : pathlib.Path
        An empty scratch folder that outlives the result.

    Returns
    -------
    segments : narwhals.LazyFrame
        customer_id, segment.
    known : {"one", "later", "then"}
        Whether there is one segment, or they are those of the study's day, or of the earlier one.
    """
    if scorer.k == 1:
        return held.assigned, "one"
    if "transactions" in tables:
        first = day_number(nw.col("booked_on").min())
        booked = tables["transactions"].select(first=first)
        # The first month of the year may be missing: histories start at the first of a month.
        if collect(booked, sort_by=[])["first"].iloc[0] > day.toordinal() - _HISTORY_DAYS:
            return held.assigned, "later"
    attributes = held.study.attributes
    channels = customer_features(tables, attributes, as_of=held.as_of).channels
    then = customer_features(tables, attributes, as_of=day, channels=channels)
    segments = assign_customers(then.frame, scorer, engine=engine, folder=folder)
    return segments.select("customer_id", "segment"), "then"
