"""The feature-time audit: what was known before the contact, and what leakage would look like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.engine import uniform
from pmlib.inference.ranking import area_interval, roc_area
from pmlib.numbers import Finding, Number
from pmlib.profiling.contacts import answers
from pmlib.profiling.quality import one

if TYPE_CHECKING:
    from pmlib.studies import Attribute

LEAK_SUSPECT = 0.75
"""An attribute that alone tells takers from others this well (AUC) needs a second look."""

_HALVES = 20170  # stream of the halves that texts are ordered by


def audit_feature_time(
    tables: Mapping[str, nw.LazyFrame], attributes: Mapping[str, Attribute], *,
    confidence_level: float = 0.95,
) -> Finding:  # fmt: skip
    """Ask of each attribute whether it was known before the contact, and how much it would tell.

    An attribute that only comes to be known during or after the contact must not enter a
    prediction: it would look excellent and be useless (leakage). The area under the ROC curve of
    each attribute alone shows how large the illusion would be. Control rows are left out.

    Returns
    -------
    Finding
        ``attribute``, ``label``, ``role``, ``known_before`` (the contact), ``auc`` with ``low``
        and ``high`` (how well it alone tells takers from others among the contacted; NaN without
        contacts), ``verdict`` (level). What is known too late comes first, then what tells most.
        Further table: *measured*, its rows that have an AUC.
    """
    records = []
    customers = tables["customers"]
    outcomes = answers(tables["contacts"]) if "contacts" in tables else None
    schema = customers.collect_schema()
    for name, attribute in attributes.items():
        if name not in schema.names():
            continue
        auc = low = high = np.nan
        if outcomes is not None:
            auc, low, high = _auc(customers, outcomes, name, schema[name], confidence_level)
        records.append((name, attribute.label, attribute.role, attribute.known_before_contact,
                        auc, low, high, _verdict(attribute, auc)))  # fmt: skip
    columns = ["attribute", "label", "role", "known_before", "auc", "low", "high", "verdict"]
    table = pd.DataFrame(records, columns=columns)
    strength = (table["auc"].astype(float) - 0.5).abs()
    by = ["known_before", "_strength"]
    table = table.assign(_strength=strength).sort_values(by, ascending=[True, False], kind="stable")
    table = table[columns]
    late = table[~table["known_before"].astype(bool)]
    # Taken alone, these would tell takers from others: what leakage looks like.
    strong = (late["auc"] - 0.5).abs() >= LEAK_SUSPECT - 0.5
    telling = late[strong & ((late["low"] > 0.5) | (late["high"] < 0.5))]
    numbers = (
        Number("n_attributes", len(table), "count"),
        Number("n_late_attributes", len(late), "count"),
    )
    facts = {"attributes_known": "none" if table.empty else "before" if late.empty else "late"}
    alone = [
        {"label": row.label, "auc": Number("", max(row.auc, 1 - row.auc), decimals=2)}
        for row in telling.itertuples()
    ]
    quotes = {"late": late["label"].tolist(), "telling": alone, "suspect": LEAK_SUSPECT}
    return Finding(table, numbers, facts, quotes, {"measured": table.dropna(subset=["auc"])})


def _verdict(attribute: Attribute, auc: float) -> str:
    if not attribute.known_before_contact:
        return "late"
    if attribute.role == "sensitive":
        return "sensitive"
    if max(auc, 1 - auc) >= LEAK_SUSPECT:
        return "suspect"
    return "usable" if attribute.role == "feature" else "descriptor"


def _auc(
    customers: nw.LazyFrame, outcomes: nw.LazyFrame, name: str, kind: nw.dtypes.DType,
    confidence_level: float,
) -> tuple[float, float, float]:  # fmt: skip
    """How well one attribute tells takers from others (AUC), with its interval.

    Texts are ordered, in each half of the customers, by the share of takers in the other half,
    and the two AUCs are averaged: an order by the shares it is judged on would flatter.
    """
    numeric = kind.is_numeric() or kind in (nw.Date, nw.Boolean)
    half = nw.lit(0) if numeric else (uniform("customer_hash", seed=_HALVES) < 0.5).cast(nw.Int64)
    counts = (
        customers.with_columns(half=half)
        .select("customer_id", "half", value=nw.col(name))
        .drop_nulls("value")
        .join(outcomes, on="customer_id", how="inner")
        .group_by("half", "value")
        .agg(n=nw.len(), events=nw.col("_took").sum())
        .with_columns(others=nw.col("n") - nw.col("events"))
    )
    if numeric:
        parts = [roc_area(counts.with_columns(score=nw.col("value")))]
    else:
        rate = nw.col("events").sum() / (nw.col("events").sum() + nw.col("others").sum())
        other = counts.with_columns(half=1 - nw.col("half")).group_by("half", "value")
        ranked = counts.join(other.agg(score=rate), on=["half", "value"], how="left")
        usual = float(one(counts, rate))
        ranked = ranked.with_columns(score=nw.col("score").fill_null(usual))
        parts = [roc_area(ranked.filter(nw.col("half") == half)) for half in (0, 1)]
    if min(min(area.events, area.others) for area in parts) < 2:
        return np.nan, np.nan, np.nan
    auc, variance = (float(np.mean(part)) for part in list(zip(*parts, strict=True))[:2])
    return auc, *area_interval(auc, variance / len(parts), confidence_level=confidence_level)
