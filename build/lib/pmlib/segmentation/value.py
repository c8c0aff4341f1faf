"""What a segment is worth, and the card that sums it up: every statement a number."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.canon.holdings import held_on
from pmlib.engine import add_up, flag
from pmlib.inference.normal import normal_quantile
from pmlib.numbers import Finding, Level, Number, Phrase, missing
from pmlib.params import Parameters
from pmlib.segmentation.features import MARGIN, WINDOW_DAYS, FeatureTable
from pmlib.segmentation.profiles import ROLES, SMALL
from pmlib.segmentation.transforms import Feature


def lifetime_value(
    tables: Mapping[str, nw.LazyFrame],
    assigned: nw.LazyFrame,
    features: FeatureTable,
    params: Parameters,
    *,
    names: Sequence[str],
) -> Finding:
    r"""Estimate the lifetime value of a customer of each segment [@gupta2006clv].

    .. math:: m \sum_{t=0}^{T-1} \left( \frac{r}{1 + d} \right)^t

    with m the mean annual margin of the products held, r the share of products held a year ago
    that are still held, d the discount rate and T the horizon in years.

    Parameters
    ----------
    tables : mapping
        ``holdings``.
    assigned : narwhals.LazyFrame
        All customers, from `assign_customers`.
    params : pmlib.params.Parameters
        ``value_years`` (T), ``discount_rate`` (d, a year) and ``confidence_level``. The interval
        (delta method) covers the spread of margins over customers and of retention, with a
        customer's products counted together; not changes of behaviour to come.
    names : sequence of str
        Segment 1 first.

    Returns
    -------
    Finding
        ``segment, name, customers, margin`` (a year), ``retention`` (share of products still held
        a year later), ``value, low, high``. Absent where margins or retention are not known.
    """
    if MARGIN not in features.descriptors or "holdings" not in tables:
        return missing("no_margins")
    margin = nw.col(MARGIN.name)
    margins = add_up(assigned, ["segment"], {"margin": margin, "square": margin * margin})
    a_year_ago = features.as_of - dt.timedelta(days=WINDOW_DAYS)
    held = tables["holdings"].filter(held_on(a_year_ago))
    held = held.select("customer_id", kept=flag(held_on(features.as_of)))
    each = held.group_by("customer_id").agg(nw.len().alias("had"), nw.col("kept").sum())
    each = each.join(assigned.select("customer_id", "segment"), on="customer_id", how="inner")
    had, kept = nw.col("had"), nw.col("kept")
    products = {"had": had, "kept": kept, "hh": had * had, "hk": had * kept, "kk": kept * kept}
    sums = add_up(each, ["segment"], products).drop(columns="customers")
    sums = sums.astype(float).astype({"segment": int})
    table = margins.merge(sums, on="segment", how="left", validate="one_to_one")
    if table["had"].isna().any() or (table["had"] <= 0).any():
        return missing("no_retention")
    n = table["customers"]
    mean = table["margin"] / n
    variance = (table["square"] / n - mean**2).clip(lower=0) / n
    retention = table["kept"] / table["had"]
    residual = table["kk"] - 2 * retention * table["hk"] + retention**2 * table["hh"]
    retention_variance = residual.clip(lower=0) / table["had"] ** 2
    years, rate = params.value_years, params.discount_rate
    # Sum over the years of the discounted retention, and its derivative in the retention.
    t = np.arange(years)[:, None]
    discounted = retention.to_numpy() / (1 + rate)
    factor = (discounted**t).sum(axis=0)
    slope = (t * discounted ** np.maximum(t - 1, 0)).sum(axis=0) / (1 + rate)
    value = mean * factor
    half = normal_quantile(params.confidence_level) * np.sqrt(
        factor**2 * variance + (mean * slope) ** 2 * retention_variance
    )
    columns = {"segment": table["segment"], "name": [names[i - 1] for i in table["segment"]],
               "customers": n.astype(int), "margin": mean, "retention": retention, "value": value,
               "low": value - half, "high": value + half}  # fmt: skip
    quotes = {"years": years, "discount_rate": Number("", rate, "share"),
              "all_kept": bool((retention == 1).all())}  # fmt: skip
    return Finding(pd.DataFrame(columns), quotes=quotes)


def segment_cards(profile: Finding, lifetime: Finding, features: FeatureTable) -> Finding:
    """Write a card for each segment, from what `profile_segments` and `lifetime_value` found.

    Returns
    -------
    Finding
        ``segment`` (number and name), and phrases: ``size``, ``worth``, ``stands_out`` (the
        features that set it apart, mean against the bank's), ``otherwise`` (attributes held out),
        ``certainty``. Absent when there is one segment.
    """
    if len(profile.table) == 1:
        return missing("one_segment")
    means, standardised, effects = map(profile.of, ("means", "standardised", "effects"))
    known = {f.name: f for f in features.all}
    # Mean of all customers by feature and level.
    weighted = means.assign(total=means["mean"] * means["customers"])
    sums = weighted.groupby(["feature", "level"], sort=False)[["total", "customers"]].sum()
    bank = sums["total"] / sums["customers"].clip(lower=1)
    told = (effects["role"] != ROLES[2]) & (effects["effect"] >= SMALL)
    told &= effects["feature"] != profile.quotes["value_feature"]  # stands under "worth"
    held_out = effects.loc[told, "feature"]
    rows = []
    for row in profile.table.itertuples():
        mine = means[means["segment"] == row.segment]
        order = standardised[standardised["segment"] == row.segment]
        order = order.sort_values("z", key=lambda z: -z.abs(), kind="stable")
        customers, share = Number("", row.customers, "customers"), Number("", row.share, "share")
        certainty = {
            "stability": Level("stability", row.stability),
            "jaccard": Number("", row.jaccard, decimals=2),
            "borderline": Number("", row.borderline, "share"),
        }
        card = {
            "segment": f"{row.segment} {row.name}",
            "size": Phrase("card.size", {"customers": customers, "share": share}),
            "worth": _worth(row, profile, lifetime),
            "stands_out": _compared(mine, bank, order["feature"].unique()[:3], known),
            "otherwise": _compared(mine, bank, held_out[:3], known),
            "certainty": Phrase("card.certainty", certainty),
        }
        rows.append(card)
    return Finding(pd.DataFrame(rows))


def _compared(
    mine: pd.DataFrame, bank: pd.Series, names: Sequence[str], features: Mapping[str, Feature]
) -> Phrase:
    """The segment's mean beside the bank's; of a category the level that differs most."""
    parts = []
    for name in names:
        rows = mine[(mine["feature"] == name) & mine["mean"].notna()].set_index("level")
        if rows.empty:
            continue
        # Of two levels that mirror each other, the one the segment has more of.
        whole = bank.loc[name]
        more = rows["mean"] - whole
        level = (more.abs() + 1e-9 * more).idxmax()
        unit = rows.loc[level, "unit"]
        here, all_ = (Number("", part[level], unit) for part in (rows["mean"], whole))
        parts.append({"label": features[name].label(level or None), "here": here, "bank": all_})
    return Phrase("card.compared", {"parts": parts})


def _worth(row: Any, profile: Finding, lifetime: Finding) -> Phrase:
    quotes: dict[str, Any] = {"label": profile.quotes["value"]}
    if quotes["label"] is not None:
        quotes["mean"] = Number("", row.value, "currency")
        quotes["share"] = Number("", row.value_share, "share")
    if not lifetime.absent:
        mine = lifetime.table.set_index("segment").loc[row.segment]
        quotes["value"] = Number("", mine["value"], "currency", mine["low"], mine["high"])
    return Phrase("card.worth", quotes)
