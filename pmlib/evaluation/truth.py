"""The simulated bank knows what each contact would have caused: estimates beside the truth.

Only tests and sections headed "Against the truth" call this module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pmlib import casebank
from pmlib.artifacts import Number, format_number
from pmlib.evaluation.checks import CONTROL

if TYPE_CHECKING:
    from pmlib.studies import Study


def potential_outcomes(study: Study, contacts: pd.DataFrame) -> pd.DataFrame:
    """Expected outcomes of each row's customer with and without its own offer.

    Parameters
    ----------
    contacts : DataFrame
        ``customer_id, product_id, channel``; in control the channel that was planned.

    Returns
    -------
    DataFrame
        ``p0, p1`` (probability of buying without and with the offer), ``margin`` (expected
        currency a sale) and ``cost`` (currency a contact), in the order of `contacts`.
    """
    known = casebank.truth(study)
    products, ids = list(known.world.offered), contacts["customer_id"].to_numpy()
    column = contacts["product_id"].map({p: i for i, p in enumerate(products)}).to_numpy()
    rows = np.arange(len(contacts))
    p0, p1 = np.empty(len(contacts)), np.empty(len(contacts))
    for channel in sorted(contacts["channel"].unique()):
        without, with_offer = known.effects(ids, products, channel)
        own = (contacts["channel"] == channel).to_numpy()
        p0[own], p1[own] = without[rows, column][own], with_offer[rows, column][own]
    margins = known.world.products.set_index("product_id")["annual_margin"]
    costs = {channel.name: channel.cost for channel in study.channels}
    return pd.DataFrame(
        {
            "p0": p0,
            "p1": p1,
            "margin": contacts["product_id"].map(margins).to_numpy(float),
            "cost": contacts["channel"].map(costs).to_numpy(float),
        },
        index=contacts.index,
    )


def true_effects(contacts: pd.DataFrame, outcomes: pd.DataFrame) -> dict[str, float]:
    """What the headline estimates of a field test should be.

    Parameters
    ----------
    contacts : DataFrame
        ``arm``.
    outcomes : DataFrame
        As `potential_outcomes`.

    Returns
    -------
    dict
        Keys as the headline numbers of `intention_to_treat`.
    """
    treated = (contacts["arm"] != CONTROL).to_numpy()
    uplift = (outcomes["p1"] - outcomes["p0"]).to_numpy()
    profit = uplift * outcomes["margin"].to_numpy() - outcomes["cost"].to_numpy()
    cost = float(outcomes["cost"].to_numpy()[treated].sum())
    n = int(treated.sum())
    return {
        "effect_responded": float(uplift.mean()),
        "effect_profit": float(profit.mean()),
        "incremental_sales": float(uplift.mean()) * n,
        "incremental_profit": float(profit.mean()) * n,
        "roi": float(profit.mean()) * n / cost if cost else np.nan,
        "cost_per_sale": cost / (float(uplift.mean()) * n) if uplift.mean() > 0 else np.inf,
    }


def beside_truth(
    numbers: tuple[Number, ...], truth: dict[str, float], *, currency: str
) -> pd.DataFrame:
    """Estimates beside the truth, each in its unit.

    Returns
    -------
    DataFrame
        ``quantity, estimate, interval, truth, covered``.
    """
    known = {number.key: number for number in numbers}
    rows = []
    for key, true in truth.items():
        if key not in known:
            continue
        number = known[key]
        shown = format_number(true, number.unit, currency=currency, decimals=number.decimals)
        rows.append(
            {
                "quantity": number.meaning, "estimate": number.text(currency),
                "interval": number.interval(currency), "truth": shown,
                "covered": number.low <= true <= number.high,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)
