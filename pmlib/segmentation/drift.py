"""Do segments last? The frozen scorer at two dates: stability index and migration."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.canon.customers import joined_by
from pmlib.canon.holdings import undated
from pmlib.engine import Engine, add_up, collect, flag
from pmlib.inference.proportions import wilson
from pmlib.numbers import Finding, Number, Phrase
from pmlib.params import Parameters
from pmlib.safeguards import PSI_SHIFTED, PSI_STABLE, psi, suppress
from pmlib.segmentation.features import WINDOW_DAYS, FeatureTable, customer_features, day_range
from pmlib.segmentation.fit import Segmentation
from pmlib.segmentation.scorer import assign_customers
from pmlib.studies import Attribute

MOVING = ("tenure", "age")
"""Features that grow by the days between the dates, whatever customers do."""


def compare_dates(
    tables: Mapping[str, nw.LazyFrame],
    attributes: Mapping[str, Attribute],
    assigned: nw.LazyFrame,
    features: FeatureTable,
    result: Segmentation,
    params: Parameters,
    *,
    engine: Engine,
) -> Finding:
    """Assign the customers of an earlier date with the frozen scorer and compare.

    Parameters
    ----------
    tables, attributes
        As for `customer_features`.
    assigned : narwhals.LazyFrame
        All customers now, from `assign_customers`.
    params : pmlib.params.Parameters
        ``drift_days`` (the earlier date lies so many before that of `features`),
        ``confidence_level``, ``min_group_size``.

    Returns
    -------
    Finding
        ``label, psi, reading`` (level): population stability index of each feature and of the
        segments; without what moves with the calendar (`MOVING`). *migration*: ``segment_then,
        segment_now, share`` (of the segment then, whole per cents), of customers present at both
        dates; missing where too few customers stand behind it. Absent when the study's history
        does not reach back so far.
    """
    if reason := no_earlier_state(tables, params, as_of=features.as_of):
        return Finding(absent=reason)
    earlier = features.as_of - dt.timedelta(days=params.drift_days)
    past = customer_features(tables, attributes, as_of=earlier, channels=features.channels)
    then = assign_customers(past.frame, result.scorer, engine=engine)
    cuts = {
        index: np.unique(np.quantile(result.matrix[:, index], np.arange(1, 10) / 10))
        for index, column in enumerate(result.encoder.columns)
        if column.level is None and column.feature not in MOVING
    }
    before, after = _bin_counts(then, cuts), _bin_counts(assigned, cuts)
    labels = result.encoder.labels
    rows: list[tuple[Phrase, float]] = [
        (labels[index], psi(before[index], after[index])) for index in cuts
    ]
    largest = max((value for _, value in rows), default=None)
    k = result.scorer.k
    if k > 1:
        rows.append((Phrase("drift.segments"), psi(_sizes(then, k), _sizes(assigned, k))))
    stability = pd.DataFrame(rows, columns=["label", "psi"])
    stability["reading"] = stability["psi"].map(reading)
    who = then.select("customer_id", segment_then="segment")
    who = who.join(assigned.select("customer_id", segment_now="segment"), on="customer_id")
    migration = add_up(who, ["segment_then", "segment_now"])
    share = low = high = both = None
    if k > 1:
        both = migration["customers"].sum()
        same = migration["segment_then"] == migration["segment_now"]
        stayed = migration.loc[same, "customers"].sum()
        share = float(stayed / both)
        ends = wilson([stayed], [both], confidence_level=params.confidence_level)
        low, high = (float(end[0]) for end in ends)
    undated = _undated_share(tables.get("holdings"))
    return Finding(
        stability.sort_values("psi", ascending=False, kind="stable", ignore_index=True),
        (Number("stayed_in_segment", share, "share", low, high, of=both),
         Number("largest_psi", largest, decimals=2)),
        facts={"drift": "untold" if largest is None else reading(largest)},
        quotes={
            "names": result.scorer.names, "earlier": earlier, "now": features.as_of,
            "moving": [f.label() for f in result.encoder.features if f.name in MOVING],
            "shared": max(WINDOW_DAYS - params.drift_days, 0), "window": WINDOW_DAYS,
            "undated": Number("", undated, "share", decimals=0) if undated >= 0.005 else None,
        },
        tables={"migration": _publishable(migration, params.min_group_size)},
    )  # fmt: skip


def no_earlier_state(
    tables: Mapping[str, nw.LazyFrame], params: Parameters, *, as_of: dt.date
) -> Phrase | None:
    """Why the study cannot be looked at as of ``drift_days`` before; None if it can."""
    earlier = as_of - dt.timedelta(days=params.drift_days)
    begin = earlier - dt.timedelta(days=WINDOW_DAYS - 31)
    dates = {"transactions": "booked_on", "holdings": "opened_on"}
    first = {name: day_range(tables[name], dates[name])[0] for name in dates if name in tables}
    there = joined_by(tables["customers"], earlier).select("customer_id").head(1)
    booked, reason = first.get("transactions"), None
    if not any(first.values()):
        reason = "no_dated_behaviour"
    elif booked is not None and booked > begin:
        reason = "short_history"
    elif collect(there, sort_by=[]).empty:
        reason = "nobody_then"
    return Phrase(f"absent.{reason}", {"earlier": earlier}) if reason else None


def reading(value: float) -> str:
    """The usual reading of a population stability index (a level)."""
    return "stable" if value < PSI_STABLE else "some_shift" if value < PSI_SHIFTED else "shifted"


def _bin_counts(assigned: nw.LazyFrame, cuts: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
    """Customers at or below each cut and above the last, for each encoded column, in one pass."""
    hits = {
        f"c{index}_{position}": flag(nw.col(f"z{index}") <= float(end))
        for index, ends in cuts.items()
        for position, end in enumerate(ends)
    }
    row = add_up(assigned.with_columns(one=nw.lit(1)), ["one"], hits).iloc[0]
    return {
        index: np.diff([0, *(row[f"c{index}_{i}"] for i in range(len(ends))), row["customers"]])
        for index, ends in cuts.items()
    }


def _sizes(assigned: nw.LazyFrame, k: int) -> np.ndarray:
    sizes = add_up(assigned, ["segment"]).set_index("segment")["customers"]
    return sizes.reindex(range(1, k + 1), fill_value=0).to_numpy()


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
    row = collect(marked.select(nw.len().alias("n"), nw.col("undated").sum()), sort_by=[]).iloc[0]
    return float(row["undated"]) / max(int(row["n"]), 1)
