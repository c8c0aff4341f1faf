"""One card a segment: what a marketing head needs to know of it, every statement a number."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from pmlib.artifacts import format_number
from pmlib.segmentation.profiles import ROLES, Profile
from pmlib.segmentation.value import LifetimeValue


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
        mine = profile.means[profile.means["segment"] == row.segment]
        order = profile.standardised[profile.standardised["segment"] == row.segment]
        order = order.reindex(order["z"].abs().sort_values(ascending=False, kind="stable").index)
        rows.append(
            {
                "segment": f"{row.segment} {row.name}",
                "size": f"{format_number(row.customers, 'customers')} customers, "
                f"{format_number(row.share, 'share')}",
                "worth": _worth(row, profile, lifetime, currency),
                "stands_out": _compared(mine, bank, order["feature"].unique()[:3], currency),
                "otherwise": _compared(mine, bank, held_out[:3], currency),
                "certainty": f"{row.stability} (Jaccard {row.jaccard:.2f}); "
                f"{format_number(row.borderline, 'share')} of customers on the border",
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
