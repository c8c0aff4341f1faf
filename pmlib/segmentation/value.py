"""What a segment is worth, and the card that sums it up: every statement a number."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.canon.holdings import held_on
from pmlib.engine import collect
from pmlib.inference.normal import normal_quantile
from pmlib.numbers import format_number
from pmlib.segmentation.features import MARGIN, WINDOW_DAYS, FeatureTable
from pmlib.segmentation.profiles import ROLES, Profile


@dataclass(frozen=True)
class LifetimeValue:
    """Lifetime value a customer by segment.

    Parameters
    ----------
    table : pandas.DataFrame
        ``segment, customers, margin`` (a year), ``retention`` (share of products still held a year
        later), ``value, low, high``.
    text : str
        What the figures rest on (Markdown).
    """

    table: pd.DataFrame
    text: str

    @property
    def found(self) -> bool:
        """Whether margins are known."""
        return len(self.table) > 0


def lifetime_value(
    assigned: nw.LazyFrame,
    features: FeatureTable,
    tables: Mapping[str, nw.LazyFrame],
    *,
    as_of: dt.date,
    years: int,
    discount_rate: float,
    confidence_level: float = 0.95,
) -> LifetimeValue:
    r"""Estimate the lifetime value of a customer of each segment [@gupta2006clv].

    .. math:: m \sum_{t=0}^{T-1} \left( \frac{r}{1 + d} \right)^t

    with m the mean annual margin of the products held, r the share of products held a year ago
    that are still held, d the discount rate and T the horizon in years.

    Parameters
    ----------
    assigned : narwhals.LazyFrame
        All customers, from `assign_customers`.
    features : FeatureTable
    tables : mapping
        ``holdings``.
    as_of : datetime.date
    years : int
        T.
    discount_rate : float
        d, a year.
    confidence_level : float
        The interval (delta method) covers the spread of margins over customers and of retention,
        with a customer's products counted together; not changes of behaviour to come.
    """
    if MARGIN not in features.descriptors or "holdings" not in tables:
        return LifetimeValue(pd.DataFrame(), "The study records no margins of products held.")
    margin = nw.col(MARGIN.name)
    known = assigned.select("segment", margin, (margin * margin).alias("square"))
    totals = [nw.len().alias("customers"), margin.sum(), nw.col("square").sum()]
    margins = collect(known.group_by("segment").agg(*totals), sort_by=["segment"])
    before = as_of - dt.timedelta(days=WINDOW_DAYS)
    held = (
        tables["holdings"]
        .filter(held_on(before))
        .select(
            "customer_id",
            nw.when(held_on(as_of)).then(nw.lit(1)).otherwise(nw.lit(0)).alias("kept"),
        )
    )
    each = held.group_by("customer_id").agg(nw.len().alias("had"), nw.col("kept").sum())
    each = each.join(assigned.select("customer_id", "segment"), on="customer_id", how="inner")
    had, kept = nw.col("had"), nw.col("kept")
    products = {"hh": had * had, "hk": had * kept, "kk": kept * kept}
    each = each.select("segment", "had", "kept", *(v.alias(name) for name, v in products.items()))
    totals = [nw.col(name).sum() for name in ("had", "kept", *products)]
    sums = collect(each.group_by("segment").agg(*totals), sort_by=["segment"])
    sums = sums.astype(float).astype({"segment": int})
    table = margins.merge(sums, on="segment", how="left", validate="one_to_one")
    if table["had"].isna().any() or (table["had"] <= 0).any():
        text = "Some segment held no product a year ago: retention is not known."
        return LifetimeValue(pd.DataFrame(), text)
    n = table["customers"]
    mean = table[MARGIN.name] / n
    variance = (table["square"] / n - mean**2).clip(lower=0) / n
    retention = table["kept"] / table["had"]
    residual = table["kk"] - 2 * retention * table["hk"] + retention**2 * table["hh"]
    retention_variance = residual.clip(lower=0) / table["had"] ** 2
    factor, slope = _annuity(retention.to_numpy(), years=years, discount_rate=discount_rate)
    value = mean * factor
    half = normal_quantile(confidence_level) * np.sqrt(
        factor**2 * variance + (mean * slope) ** 2 * retention_variance
    )
    text = (
        f"Value over {years} years at a discount rate of {100 * discount_rate:.1f} % a year, if "
        "margins stay and products are given up at the past year's rate; products yet to be sold "
        "are not counted."
    )
    if (retention == 1).all():
        text += " No product was given up in the past year, so every product is taken to stay."
    columns = {"segment": table["segment"], "customers": n.astype(int), "margin": mean,
               "retention": retention, "value": value, "low": value - half,
               "high": value + half}  # fmt: skip
    return LifetimeValue(pd.DataFrame(columns), text)


def _annuity(
    retention: np.ndarray, *, years: int, discount_rate: float
) -> tuple[np.ndarray, np.ndarray]:
    """Sum over the years of the discounted retention, and its derivative in the retention."""
    t = np.arange(years)[:, None]
    kept = retention / (1 + discount_rate)
    slope = (t * kept ** np.maximum(t - 1, 0)).sum(axis=0) / (1 + discount_rate)
    return (kept**t).sum(axis=0), slope


def segment_cards(profile: Profile, lifetime: LifetimeValue, *, currency: str) -> pd.DataFrame:
    """Write a card for each segment.

    Parameters
    ----------
    profile : Profile
    lifetime : LifetimeValue
    currency : str

    Returns
    -------
    pandas.DataFrame
        ``segment`` (number and name), ``size``, ``worth``, ``stands_out`` (the features that set it
        apart, mean against the bank's), ``otherwise`` (attributes held out), ``certainty``.
    """
    bank = _bank_means(profile.means)
    effects = profile.effects[profile.effects["role"] != ROLES[2]]
    held_out = effects.loc[effects["effect"] >= 0.01, "feature"]
    if profile.value_feature is not None:  # stands under "worth"
        held_out = held_out[held_out != profile.value_feature.name]
    rows = []
    for row in profile.segments.itertuples():
        size = f"{format_number(row.customers, 'customers')} customers"
        certainty = row.stability
        if len(profile.segments) > 1:
            border = f"{format_number(row.borderline, 'share')} of customers on the border"
            certainty += f" (Jaccard {row.jaccard:.2f}); {border}"
        mine = profile.means[profile.means["segment"] == row.segment]
        order = profile.standardised[profile.standardised["segment"] == row.segment]
        order = order.reindex(order["z"].abs().sort_values(ascending=False, kind="stable").index)
        rows.append(
            {
                "segment": f"{row.segment} {row.name}",
                "size": f"{size}, {format_number(row.share, 'share')}",
                "worth": _worth(row, profile, lifetime, currency),
                "stands_out": _compared(mine, bank, order["feature"].unique()[:3], currency),
                "otherwise": _compared(mine, bank, held_out[:3], currency),
                "certainty": certainty,
            }
        )
    return pd.DataFrame(rows)


def _bank_means(means: pd.DataFrame) -> pd.Series:
    weighted = means.assign(total=means["mean"] * means["customers"])
    sums = weighted.groupby("label", sort=False)[["total", "customers"]].sum()
    return sums["total"] / sums["customers"].clip(lower=1)


def _compared(mine: pd.DataFrame, bank: pd.Series, features: Sequence[str], currency: str) -> str:
    """The segment's mean beside the bank's; of a category the level that differs most."""
    parts = []
    for feature in features:
        rows = mine[(mine["feature"] == feature) & mine["mean"].notna()]
        if rows.empty:
            continue
        # Of two levels that mirror each other, the one the segment has more of.
        more = rows["mean"] - rows["label"].map(bank)
        row = rows.loc[(more.abs() + 1e-9 * more).idxmax()]
        here, all_ = (
            format_number(float(value), row["unit"], currency=currency)
            for value in (row["mean"], bank[row["label"]])
        )
        parts.append(f"{row['label']} {here} (bank {all_})")
    return "; ".join(parts) or "nothing by much"


def _worth(row: object, profile: Profile, lifetime: LifetimeValue, currency: str) -> str:
    parts = []
    if profile.value_label is not None:
        mean = format_number(float(row.value), "currency", currency=currency)  # type: ignore[attr-defined]
        share = format_number(float(row.value_share), "share")  # type: ignore[attr-defined]
        parts.append(f"{profile.value_label} {mean} a customer, {share} of the bank's")
    if lifetime.found:
        mine = lifetime.table.set_index("segment").loc[row.segment]  # type: ignore[attr-defined]
        low, high, value = (
            format_number(float(mine[c]), "currency", currency=currency)
            for c in ("low", "high", "value")
        )
        parts.append(f"lifetime value {value} ({low} to {high})")
    return "; ".join(parts) or "not recorded"
