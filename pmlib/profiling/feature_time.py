"""The feature-time audit: what was known before the contact, and what leakage would look like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import narwhals as nw
import numpy as np
import pandas as pd
from scipy.stats import norm

from pmlib.engine import collect, uniform
from pmlib.numbers import Number
from pmlib.numbers import WordedFinding as Finding
from pmlib.profiling.contacts import answers
from pmlib.profiling.quality import literal

if TYPE_CHECKING:
    from pmlib.studies import Attribute

LEAK_SUSPECT = 0.75
"""An attribute that alone tells takers from others this well (AUC) needs a second look."""

_HALVES = 20170  # stream of the halves that texts are ordered by


def audit_feature_time(
    attributes: Mapping[str, Attribute],
    customers: nw.LazyFrame,
    contacts: nw.LazyFrame | None = None,
    *,
    level: float = 0.95,
) -> Finding:
    """Ask of each attribute whether it was known before the contact, and how much it would tell.

    An attribute that only comes to be known during or after the contact must not enter a
    prediction: it would look excellent and be useless (leakage). The area under the ROC curve of
    each attribute alone shows how large the illusion would be.

    Parameters
    ----------
    attributes : mapping
        Name to ``Attribute`` of the study.
    customers : narwhals.LazyFrame
    contacts : narwhals.LazyFrame, optional
        Past contacts; control rows are left out.
    level : float
        Confidence level of the intervals.

    Returns
    -------
    Finding
        ``attribute``, ``label``, ``role``, ``known_before`` (the contact), ``auc`` with ``low``
        and ``high`` (how well it alone tells takers from others among the contacted; NaN without
        contacts), ``verdict``. What is known too late comes first, then what tells most.
    """
    records = []
    outcomes = None if contacts is None else answers(contacts)
    schema = customers.collect_schema()
    for name, attribute in attributes.items():
        if name not in schema.names():
            continue
        auc = low = high = np.nan
        if outcomes is not None:
            auc, low, high = _auc(customers, outcomes, name, schema[name], level)
        records.append(
            {
                "attribute": name,
                "label": attribute.label,
                "role": attribute.role,
                "known_before": bool(attribute.known_before_contact),
                "auc": auc,
                "low": low,
                "high": high,
                "verdict": _verdict(attribute, auc),
            }
        )
    columns = ["attribute", "label", "role", "known_before", "auc", "low", "high", "verdict"]
    table = pd.DataFrame(records, columns=columns)
    strength = (table["auc"].astype(float) - 0.5).abs()
    table = table.assign(_strength=strength).sort_values(
        ["known_before", "_strength"], ascending=[True, False], kind="stable"
    )[columns]
    late = table[~table["known_before"].astype(bool)]
    numbers = (
        Number("n_attributes", len(table), "count", meaning="declared attributes of customers"),
        Number("n_late_attributes", len(late), "count", meaning="known only after the contact"),
    )
    if table.empty:
        text = "The study declares no attributes beyond the reserved ones: nothing can leak."
    elif late.empty:
        text = "The study declares {n_attributes} attributes, all of them known before a contact."
    else:
        text = (
            f"Of {{n_attributes}} declared attributes {{n_late_attributes}} became known only "
            f"during or after the contact ({literal('; '.join(late['label']))}); no method uses "
            "them."
        )
        shown = late[(late["low"] > 0.5) | (late["high"] < 0.5)]
        if len(shown):
            alone = (f"“{row.label}” (AUC {max(row.auc, 1 - row.auc):.2f})"
                     for row in shown.itertuples())  # fmt: skip
            text += (
                f" Taken alone, {literal(' and '.join(alone))} would tell takers from others: this "
                "is what leakage looks like."
            )
    return Finding(table, numbers, text)


def _verdict(attribute: Attribute, auc: float) -> str:
    if not attribute.known_before_contact:
        return "not used: known too late"
    if attribute.role == "sensitive":
        return "used to check fairness only"
    if max(auc, 1 - auc) >= LEAK_SUSPECT:
        return "usable; unusually strong, check when it is known"
    return "usable" if attribute.role == "feature" else "usable, but forms no segments"


def _auc(
    customers: nw.LazyFrame,
    outcomes: nw.LazyFrame,
    name: str,
    kind: nw.dtypes.DType,
    level: float,
) -> tuple[float, float, float]:
    """Area under the ROC curve of one attribute, with DeLong's interval, from grouped counts.

    The AUC is the probability that a taker has the larger value than a non-taker, ties counting
    half. Each taker's chance against the non-takers, and the reverse, is constant within a
    value, so counts a value suffice (DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44,
    837-845). Texts are ordered, in each half of the customers, by the share of takers in the
    other half, and the two AUCs are averaged: an order by the shares it is judged on would
    flatter.
    """
    numeric = kind.is_numeric() or kind in (nw.Date, nw.Boolean)
    half = nw.lit(0) if numeric else (uniform("customer_hash", seed=_HALVES) < 0.5).cast(nw.Int64)
    counts = (
        customers.with_columns(half=half)
        .select("customer_id", "half", value=nw.col(name))
        .drop_nulls("value")
        .join(outcomes, on="customer_id", how="inner")
        .group_by("half", "value")
        .agg(n=nw.len(), took=nw.col("_took").sum())
        .with_columns(left=(nw.col("n") - nw.col("took")).cast(nw.Float64))
        .with_columns(took=nw.col("took").cast(nw.Float64))
    )
    # Values stay in the engine: a continuous attribute has as many as there are customers.
    if numeric:
        parts = [_delong(counts.with_columns(rank=nw.col("value")))]
    else:
        rate = nw.col("took").sum() / (nw.col("took").sum() + nw.col("left").sum())
        other = counts.with_columns(half=1 - nw.col("half")).group_by("half", "value")
        ranked = counts.join(other.agg(rank=rate), on=["half", "value"], how="left")
        usual = collect(counts.select(rank=rate), sort_by=())["rank"].iloc[0]
        ranked = ranked.with_columns(rank=nw.col("rank").fill_null(float(usual)))
        parts = [_delong(ranked.filter(nw.col("half") == half)) for half in (0, 1)]
    auc, variance = np.mean(parts, axis=0)
    half_width = norm.ppf(0.5 + level / 2) * np.sqrt(max(variance / len(parts), 0.0))
    return float(auc), float(max(auc - half_width, 0.0)), float(min(auc + half_width, 1.0))


def _delong(counts: nw.LazyFrame) -> tuple[float, float]:
    """Area under the ROC curve of ``rank``, and its variance."""
    table = counts.group_by("rank").agg(took=nw.col("took").sum(), left=nw.col("left").sum())
    totals = collect(table.select(took=nw.col("took").sum(), left=nw.col("left").sum()), sort_by=())
    takers, others = totals["took"].iloc[0], totals["left"].iloc[0]
    if not (takers > 1 and others > 1):
        return np.nan, np.nan
    below = table.with_columns(
        took_to=nw.col("took").cum_sum().over(order_by="rank"),
        left_to=nw.col("left").cum_sum().over(order_by="rank"),
    ).with_columns(
        wins=(nw.col("left_to") - nw.col("left") * 0.5) / float(others),
        losses=1.0 - (nw.col("took_to") - nw.col("took") * 0.5) / float(takers),
    )
    sums = collect(
        below.select(
            wins=(nw.col("took") * nw.col("wins")).sum(),
            wins2=(nw.col("took") * nw.col("wins") * nw.col("wins")).sum(),
            losses2=(nw.col("left") * nw.col("losses") * nw.col("losses")).sum(),
        ),
        sort_by=(),
    ).iloc[0]
    auc = sums["wins"] / takers
    variance = (sums["wins2"] / takers - auc**2) / (takers - 1) + (
        sums["losses2"] / others - auc**2
    ) / (others - 1)
    return float(auc), float(variance)
