"""What the plan promised beside what its campaign brought, in total and for whom."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from pmlib.canon.contacts import CONTROL
from pmlib.evaluation.campaign import Campaign
from pmlib.evaluation.effects import compare_arms, outcomes_of
from pmlib.numbers import Finding, Level, Number, Phrase, missing, needs

MISSED = 0.5
"""A promise counts as kept where a shortfall of this share of it is excluded."""


@needs(section="promise")
def promise_kept(
    campaign: Campaign, contacts: pd.DataFrame, *, confidence_level: float = 0.95,
    cool_down: int = 0,
) -> Finding:  # fmt: skip
    r"""Set promised profit beside measured profit: in total, by segment and by product.

    The measured profit is the effect on profit of those contacted against those held out, times
    the contacts of the plan. Promise (from past contacts) and outcome (from the campaign) are
    independent, so both their errors enter the interval of the difference of measured $m$ and
    promised $p$, squared and added as in [@newcombe1998difference]:
    $d - \sqrt{(m - m_l)^2 + (p_u - p)^2}$ and $d + \sqrt{(m_u - m)^2 + (p - p_l)^2}$. An assumed
    promise has no interval of its own.

    Parameters
    ----------
    cool_down : int
        Days of rest after a contact.

    Returns
    -------
    Finding
        ``by`` (total, segment, product), ``key, name, contacts, promised, promised_low,
        promised_high, measured, measured_low, measured_high, difference, low, high, verdict``,
        in currency; groups without control or too small to show are left out. The table
        *promise* has the same for the reader. The fact ``promise_kept``, of the total, is
        ``above`` or ``below`` where the interval of the difference excludes zero; else ``kept``
        where it excludes a shortfall of `MISSED` of the promise, ``open`` where it does not.
    """
    if campaign.promise is None:
        return missing("nothing_promised")
    promised = campaign.promise.dropna(subset=["promised"])
    if promised.empty:
        return missing("promise_hidden")
    if "profit" not in outcomes_of(contacts):
        return missing("no_profit_known")
    measured = pd.concat(
        _measured(contacts, by, column, confidence_level)
        for by, column in (("total", None), ("segment", "segment"), ("product", "product_id"))
    )
    rows = promised.merge(measured, on=["by", "key"])
    for end in ("measured", "measured_low", "measured_high"):
        rows[end] *= rows["contacts"]
    point, gap = rows["promised"], rows["measured"] - rows["promised"]
    above = rows["promised_high"].fillna(point) - point
    below = point - rows["promised_low"].fillna(point)
    rows["difference"] = gap
    rows["low"] = gap - np.hypot(rows["measured"] - rows["measured_low"], above)
    rows["high"] = gap + np.hypot(rows["measured_high"] - rows["measured"], below)
    rows["verdict"] = [
        "above" if low > 0 else "below" if high < 0 else "kept" if low > -MISSED * of else "open"
        for low, high, of in zip(rows["low"], rows["high"], rows["promised"], strict=True)
    ]
    total, groups = rows.iloc[0], rows.iloc[1:]
    off = groups["verdict"].isin(["above", "below"])
    offered = contacts[contacts["arm"] != CONTROL]
    last = pd.to_datetime(offered["contacted_on"]).max()
    rest = (last + dt.timedelta(days=cool_down)).date() if pd.notna(last) and cool_down else None
    quotes: dict[str, Any] = {
        "promised": _amount(total, "promised"), "measured": _amount(total, "measured"),
        "half": Number("", MISSED, "share", decimals=0),
        "groups": Number("", len(groups), "count"), "off": Number("", int(off.sum()), "count"),
        "contacted": Number("", offered["customer_id"].nunique(), "customers"),
        "rest": cool_down, "until": rest,
    }  # fmt: skip
    gap = Number("promise_difference", total["difference"], "currency", total["low"], total["high"])
    facts, tables = {"promise_kept": total["verdict"]}, {"promise": _shown(rows)}
    told = [replace(quotes[name], key=f"profit_{name}") for name in ("promised", "measured")]
    if rest:
        told.append(Number("contact_again_from", rest.isoformat()))
    return Finding(rows, (*told, gap), facts, quotes, tables)


def _measured(
    contacts: pd.DataFrame, by: str, column: str | None, confidence_level: float
) -> pd.DataFrame:
    """Effect on profit a contact, all offers together: ``by, key, measured`` and its ends."""
    pooled = contacts["arm"].where(contacts["arm"] == CONTROL, "offer")
    inside = contacts.assign(arm=pooled)
    if "lot_propensity" in inside:  # then whose lot it was is chance too, and not alike for all
        inside["arm_propensity"] = inside["arm_propensity"] * inside["lot_propensity"]
    if column:  # a group without both arms compares with nobody
        both = inside.groupby(column)["arm"].transform("nunique") == 2
        if not both.any():
            return pd.DataFrame()
        inside = inside[both]
    table = compare_arms(inside, [column] if column else [], (), confidence_level)
    table = table[table["outcome"] == "profit"]
    names = {"effect": "measured", "low": "measured_low", "high": "measured_high"}
    key = table[column].astype(str) if column else ""
    return table.rename(columns=names)[[*names.values()]].assign(by=by, key=key)


def _amount(row: pd.Series, name: str) -> Number:
    low, high = (None if np.isnan(end) else end for end in row[[f"{name}_low", f"{name}_high"]])
    return Number("", row[name], "currency", low, high)


def _shown(rows: pd.DataFrame) -> pd.DataFrame:
    """Lay the rows out for the reader."""
    shown, gaps = [], {"low": "difference_low", "high": "difference_high"}
    for _, row in rows.rename(columns=gaps).iterrows():
        promised, measured, gap = (_amount(row, n) for n in ("promised", "measured", "difference"))
        shown.append({
            "part": Level("part", "total") if row["by"] == "total" else row["name"],
            "contacts": row["contacts"],
            "promised": promised, "promised_interval": Phrase("interval", {"n": promised}),
            "measured": measured, "interval": Phrase("interval", {"n": measured}),
            "difference": Phrase("estimate", {"n": gap}),
            "verdict": Level("promise_verdict", row["verdict"]),
        })  # fmt: skip
    return pd.DataFrame(shown)
