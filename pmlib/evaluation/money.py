"""What a campaign added in money, which offer did best, and whether to repeat it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from pmlib.canon.contacts import CONTROL
from pmlib.numbers import Level, Number, Phrase

QUANTITIES = {
    "incremental_sales": "count",
    "incremental_profit": "currency",
    "roi": "share",
    "cost_per_sale": "currency",
}
"""Unit of each total over an arm's customers."""


def totals(contacts: pd.DataFrame, effects: pd.DataFrame, *, pooled: str) -> pd.DataFrame:
    """Totals over each arm's customers: what the campaign added, and at what cost.

    Of the `effects` of `intention_to_treat`, `pooled` being the name of all arms together: ``arm,
    customers, cost``, then each of `QUANTITIES` with ``_low`` and ``_high``; one row an arm. Empty
    when no value is recorded.
    """
    profit = effects[effects["outcome"] == "profit"].set_index("arm")
    sales = effects[effects["outcome"] == "responded"].set_index("arm")
    rows = []
    for arm in profit.index:
        own = contacts["arm"] != CONTROL if arm == pooled else contacts["arm"] == arm
        cost, n = float(contacts.loc[own, "cost"].astype(float).sum()), int(own.sum())
        row: dict[str, float] = {"customers": n, "cost": cost}
        for end in ("", "_low", "_high"):
            column = end[1:] or "effect"
            row[f"incremental_sales{end}"] = float(sales.loc[arm, column]) * n
            row[f"incremental_profit{end}"] = float(profit.loc[arm, column]) * n
            row[f"roi{end}"] = row[f"incremental_profit{end}"] / cost if cost else np.nan
        for end, of in (("", ""), ("_low", "_high"), ("_high", "_low")):
            sold = row[f"incremental_sales{of}"]
            row[f"cost_per_sale{end}"] = cost / sold if sold > 0 else np.inf
        rows.append({"arm": arm, **row})
    return pd.DataFrame(rows)


def money_rows(money: pd.DataFrame) -> pd.DataFrame:
    """Those of the `totals` that are known: ``quantity, arm, customers, estimate, interval``."""
    rows = []
    for row in money.to_dict("records"):
        for key, unit in QUANTITIES.items():
            if np.isnan(row[key]):
                continue
            number = Number(
                key, row[key], unit, row[f"{key}_low"], row[f"{key}_high"],
                decimals=0 if unit == "count" else None, about={"arm": Level("arm", row["arm"])},
            )  # fmt: skip
            rows.append((key, row["arm"], row["customers"], number,
                         Phrase("interval", {"n": number})))  # fmt: skip
    return pd.DataFrame(rows, columns=["quantity", "arm", "customers", "estimate", "interval"])


def best_offer(
    between: pd.DataFrame, money: pd.DataFrame, error_rate: float
) -> tuple[tuple[Number, ...], str, dict[str, Any]]:
    """Find the offer that earns most, or sells most where no value is known, and its lead.

    Beside the numbers stand the verdict, ``shown``, or ``chance`` where chance could make its lead
    over some other offer, and what is quoted: the offer, and the one next to it.
    """
    outcome = "profit" if len(money) else "responded"
    own = between[between["outcome"] == outcome]
    arms = pd.concat([own.set_index("arm")["mean"], own.set_index("against")["mean_control"]])
    best = arms.idxmax()
    pairs = own[(own["arm"] == best) | (own["against"] == best)]
    shown = bool((pairs["p_adjusted"] < error_rate).all())
    lead = pairs.loc[pairs["effect"].abs().idxmin()]
    second, ends = lead["against"], (lead["effect"], lead["low"], lead["high"])
    if second == best:
        second, ends = lead["arm"], (-lead["effect"], -lead["high"], -lead["low"])
    judged_in, unit = ("profit", "currency") if len(money) else ("response", "points")
    about = {"outcome": Level("judged_in", judged_in), "best": best, "second": second}
    numbers = [
        Number("best_arm", best if shown else None, about=about),
        Number("best_arm_lead", ends[0], unit, *ends[1:], about=about),
    ]
    rows = money_rows(money[money["arm"] == best] if len(money) else money)
    numbers += [
        replace(row.estimate, key=f"best_arm_{row.quantity.split('_')[-1]}")
        for row in rows.itertuples() if row.quantity in ("incremental_profit", "roi")
    ]  # fmt: skip
    return tuple(numbers), "shown" if shown else "chance", about


def interval_facts(effects: pd.DataFrame, money: pd.DataFrame) -> dict[str, str]:
    """Read the effect of all offers together on response, and on profit where it is known."""
    effect, low, high = effects.iloc[0][["effect", "low", "high"]]
    unclear = "maybe_more" if effect > 0 else "maybe_fewer" if effect < 0 else "alike"
    facts = {"response_effect": "more" if low > 0 else "fewer" if high < 0 else unclear}
    if len(money):
        low, high = money.iloc[0][["incremental_profit_low", "incremental_profit_high"]]
        facts["campaign_paid"] = "paid" if low > 0 else "lost" if high < 0 else "open"
    return facts


def campaign_decision(
    numbers: Iterable[Number], *, value_is: str
) -> tuple[tuple[Number, ...], dict[str, str]]:
    """Decide whether to repeat a campaign, with its best offer only where one is shown to lead.

    Decided by its headline numbers; without a known profit there are no facts. Where profit is
    counted as ``sales`` less cost, a return of r pays from a gross margin of 1 / (1 + r) on.
    """
    known = {number.key: number for number in numbers if number.value is not None}
    margins = tuple(
        Number(key, 1 / (1 + known[of].value), "share", decimals=0)  # type: ignore[operator]
        for key, of in (
            ("break_even_margin", "roi"),
            ("best_arm_break_even_margin", "best_arm_roi"),
        )
        if value_is == "sales" and of in known and known[of].value > 0  # type: ignore[operator]
    )
    if "incremental_profit" not in known:
        return margins, {}
    best = "best_arm" in known and "best_arm_profit" in known
    earned = known["best_arm_profit" if best else "incremental_profit"]
    decision = "repeat_best" if best else "repeat"
    if (earned.low or 0) <= 0:
        decision = "stop" if (earned.high or 0) < 0 else "test_again"
    gain = "loss" if earned.value < 0 else "gain"  # type: ignore[operator]
    return margins, {"campaign_decision": decision, "campaign_earned": gain}


def slug(name: str) -> str:
    """Make of a name from the data a part of a key."""
    return "_".join("".join(c if c.isalnum() else " " for c in name.lower()).split())
