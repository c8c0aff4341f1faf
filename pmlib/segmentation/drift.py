"""Do segments last? The frozen scorer at two dates: stability index and migration."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.canon.holdings import undated
from pmlib.engine import Engine, collect
from pmlib.inference.proportions import wilson
from pmlib.numbers import Number
from pmlib.safeguards import PSI_SHIFTED, PSI_STABLE, psi, suppress
from pmlib.segmentation.features import (
    WINDOW_DAYS,
    FeatureTable,
    customer_features,
    day_range,
)
from pmlib.segmentation.fit import Segmentation
from pmlib.segmentation.scorer import assign_customers
from pmlib.studies import Attribute

MOVING = ("tenure", "age")
"""Features that grow by the days between the dates, whatever customers do."""


@dataclass(frozen=True)
class Drift:
    """The frozen scorer at an earlier date and now.

    Parameters
    ----------
    stability : pandas.DataFrame
        ``label, psi, reading``: population stability index of each feature and of the segments;
        without what moves with the calendar (`MOVING`).
    migration : pandas.DataFrame
        ``segment_then, segment_now, share`` (of the segment then, whole per cents), of customers
        present at both dates; missing where too few customers stand behind it.
    numbers : tuple of Number
    text : str
        The finding, or why there is none (Markdown).
    """

    stability: pd.DataFrame
    migration: pd.DataFrame
    numbers: tuple[Number, ...]
    text: str

    @property
    def found(self) -> bool:
        """Whether there is an earlier date to compare with."""
        return len(self.migration) > 0


def compare_dates(
    assigned: nw.LazyFrame,
    features: FeatureTable,
    result: Segmentation,
    tables: Mapping[str, nw.LazyFrame],
    attributes: Mapping[str, Attribute],
    *,
    days: int,
    engine: Engine,
    folder: Path,
    confidence_level: float = 0.95,
    min_group_size: int = 10,
) -> Drift:
    """Assign the customers of an earlier date with the frozen scorer and compare.

    Parameters
    ----------
    assigned : narwhals.LazyFrame
        All customers now, from `assign_customers`.
    features : FeatureTable
    result : Segmentation
    tables, attributes
        As for `customer_features`.
    days : int
        The earlier date lies so many days before that of `features`.
    engine : Engine
    folder : pathlib.Path
        An empty scratch folder that outlives the result.
    confidence_level : float
    min_group_size : int
        Smallest number of customers behind a share that is shown.

    Returns
    -------
    Drift
        Without rows when the study's history does not reach back so far.
    """
    earlier = features.as_of - dt.timedelta(days=days)
    missing = _missing_history(tables, earlier)
    if missing:
        return Drift(pd.DataFrame(), pd.DataFrame(), (), missing)
    past = customer_features(tables, attributes, as_of=earlier, channels=features.channels)
    then = assign_customers(past.frame, result.scorer, engine=engine, folder=folder)
    cuts = {
        index: np.unique(np.quantile(result.matrix[:, index], np.arange(1, 10) / 10))
        for index, column in enumerate(result.encoder.columns)
        if column.level is None and column.feature not in MOVING
    }
    before, after = _bin_counts(then, cuts), _bin_counts(assigned, cuts)
    rows = [(result.encoder.labels[index], psi(before[index], after[index])) for index in cuts]
    largest = max((value for _, value in rows), default=None)
    k = result.scorer.k
    if k > 1:
        rows.append(("segments", psi(_sizes(then, k), _sizes(assigned, k))))
    moving = [f.label for f in result.encoder.features if f.name in MOVING]
    undated = _undated_share(tables.get("holdings"))
    stability = pd.DataFrame(rows, columns=["label", "psi"])
    stability["reading"] = [reading(value) for value in stability["psi"]]
    migration = _migration(then, assigned)
    both = migration["customers"].sum()
    stayed = migration.loc[migration["segment_then"] == migration["segment_now"], "customers"].sum()
    stayed_share = low = high = None
    if k > 1:
        stayed_share = float(stayed / both)
        ends = wilson(np.array([stayed]), np.array([both]), confidence_level=confidence_level)
        low, high = (float(end[0]) for end in ends)
    return Drift(
        stability=stability.sort_values("psi", ascending=False, kind="stable", ignore_index=True),
        migration=_publishable(migration, min_group_size),
        numbers=(
            Number("stayed_in_segment", stayed_share, "share", low=low, high=high,
                   meaning="Customers in the same segment at both dates"),
            Number("largest_psi", largest, decimals=2,
                   meaning="Largest population stability index of a feature between the dates"),
        ),
        text=_text(largest, k, f"between {earlier} and {features.as_of}", days, moving, undated),
    )  # fmt: skip


def _missing_history(tables: Mapping[str, nw.LazyFrame], earlier: dt.date) -> str:
    """Why the study cannot be looked at as of the earlier date; empty when it can."""
    begin = earlier - dt.timedelta(days=WINDOW_DAYS - 31)
    first = {
        column: day_range(tables[table], column)[0]
        for table, column in (("transactions", "booked_on"), ("holdings", "opened_on"))
        if table in tables
    }
    booked = first.get("booked_on")
    if all(day is None for day in first.values()):
        why = "The study has no dated behaviour"
    elif booked is not None and booked > begin:
        why = f"Transactions do not reach back for a year of behaviour before {earlier:%Y-%m-%d}"
    else:
        return ""
    return f"{why}: there is no earlier state to compare with."


def reading(value: float) -> str:
    """The usual reading of a population stability index.

    Examples
    --------
    >>> reading(0.05)
    'stable'
    """
    return "stable" if value < PSI_STABLE else "some shift" if value < PSI_SHIFTED else "shifted"


def _bin_counts(assigned: nw.LazyFrame, cuts: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
    """Customers at or below each cut and above the last, for each encoded column, in one pass."""
    columns, names = [nw.lit(1).alias("one")], {}
    for index, ends in cuts.items():
        for position, end in enumerate(ends):
            name = f"c{index}_{position}"
            names[index, position] = name
            hit = nw.col(f"z{index}") <= float(end)
            columns.append(nw.when(hit).then(nw.lit(1)).otherwise(nw.lit(0)).alias(name))
    totals = [nw.col("one").sum(), *(nw.col(name).sum() for name in names.values())]
    row = collect(assigned.select(*columns).select(*totals), sort_by=[]).iloc[0]
    return {
        index: np.diff([0, *(row[names[index, i]] for i in range(len(ends))), row["one"]])
        for index, ends in cuts.items()
    }


def _sizes(assigned: nw.LazyFrame, k: int) -> np.ndarray:
    sizes = collect(assigned.group_by("segment").agg(nw.len().alias("n")), sort_by=["segment"])
    return sizes.set_index("segment")["n"].reindex(range(1, k + 1), fill_value=0).to_numpy()


def _migration(then: nw.LazyFrame, now: nw.LazyFrame) -> pd.DataFrame:
    keys = ["segment_then", "segment_now"]
    before, after = (
        part.select("customer_id", nw.col("segment").alias(key))
        for part, key in zip((then, now), keys, strict=True)
    )
    pairs = before.join(after, on="customer_id", how="inner").group_by(*keys)
    return collect(pairs.agg(nw.len().alias("customers")), sort_by=keys)


def _publishable(migration: pd.DataFrame, minimum: int) -> pd.DataFrame:
    """Shares without counts, so coarse that a small group cannot be told from what is left.

    In a segment so small that a per cent is fewer than `minimum` customers, further cells are
    blanked until none can be found by subtraction.
    """
    rows = []
    for _, row in migration.groupby("segment_then"):
        total = row["customers"].sum()
        hidden = row["customers"] < minimum
        if total < 100 * minimum and hidden.any():
            hidden = suppress(row, minimum=minimum)["suppressed"]
        share = (row["customers"] / total).round(2).mask(hidden)
        rows.append(row.drop(columns="customers").assign(share=share))
    return pd.concat(rows, ignore_index=True)


def _undated_share(holdings: nw.LazyFrame | None) -> float:
    """Share of holdings without a day of opening."""
    if holdings is None:
        return 0.0
    marked = holdings.select(undated=undated().cast(nw.Int64))
    counts = collect(marked.select(nw.len().alias("n"), nw.col("undated").sum()), sort_by=[])
    return float(counts["undated"].iloc[0]) / max(int(counts["n"].iloc[0]), 1)


def _text(
    largest: float | None, k: int, between: str, days: int, moving: list[str], undated: float
) -> str:
    remedy = ": the segments should be found anew before they are used" if k > 1 else ""
    index = "(largest stability index {largest_psi})"
    shift = "No feature is left to compare"
    if largest is not None:
        shift = {
            "stable": f"No feature shifted {between} {index}",
            "some shift": f"Some feature shifted {between} {index}",
            "shifted": f"A feature shifted strongly {between} {index}{remedy}",
        }[reading(largest)]
    doubts = ""
    if moving:
        doubts = f" Left out, since the calendar alone moves it: {', '.join(moving)}."
    if undated >= 0.005:
        doubts += (
            f" Of the holdings {100 * undated:.0f} % bear no day of opening and count as held at "
            "both dates, which hides their part of any shift."
        )
    if k == 1:
        return f"{shift}.{doubts}"
    shared = max(WINDOW_DAYS - days, 0)
    built_in = (
        f" Both dates look back a year and share {shared} of its {WINDOW_DAYS} days, so this is "
        "an upper limit of how far segments last."
    )
    return (
        f"{shift}; {{stayed_in_segment}} (interval {{stayed_in_segment.interval}}) of the "
        "customers present at both dates are in the segment they were in."
        f"{built_in * bool(shared)}{doubts}"
    )
