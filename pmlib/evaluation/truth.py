"""The simulated bank knows what each contact would have caused: estimates beside the truth.

Only tests and sections headed "Against the truth" call this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pmlib import casebank
from pmlib.artifacts import Number, format_number
from pmlib.evaluation.checks import CONTROL
from pmlib.evaluation.policies import Policy
from pmlib.evaluation.uplift import rank_weighted_effect

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


def true_groups(
    contacts: pd.DataFrame, outcomes: pd.DataFrame, estimates: pd.DataFrame, group: str
) -> pd.DataFrame:
    """Effects on response by group, beside the truth.

    Parameters
    ----------
    contacts : DataFrame
        With the column `group`.
    outcomes : DataFrame
        As `potential_outcomes`.
    estimates : DataFrame
        `group`, ``effect, low, high``.

    Returns
    -------
    DataFrame
        `group`, ``estimate, low, high, truth, covered``.
    """
    true = (outcomes["p1"] - outcomes["p0"]).groupby(contacts[group]).mean()
    table = estimates[[group, "effect", "low", "high"]].rename(columns={"effect": "estimate"})
    table["truth"] = table[group].map(true)
    table["covered"] = table["truth"].between(table["low"], table["high"])
    return table


def true_rankings(
    outcomes: pd.DataFrame, rankings: Mapping[str, np.ndarray], table: pd.DataFrame
) -> pd.DataFrame:
    """Qini area and AUTOC of rankings, beside the truth: the same weights on true effects.

    Parameters
    ----------
    outcomes : DataFrame
        As `potential_outcomes`, rows as the scores.
    rankings : mapping of str to ndarray
    table : DataFrame
        As `Rankings.table`, of profit.

    Returns
    -------
    DataFrame
        ``ranking, measure, estimate, low, high, truth, covered``.
    """
    profit = ((outcomes["p1"] - outcomes["p0"]) * outcomes["margin"] - outcomes["cost"]).to_numpy()
    own = table[table["ranking"].isin(list(rankings))]
    own = own[["ranking", "measure", "estimate", "low", "high"]].reset_index(drop=True)
    own["truth"] = [
        rank_weighted_effect(profit, rankings[row.ranking], measure=row.measure).effect
        for row in own.itertuples()
    ]
    own["covered"] = own["truth"].between(own["low"], own["high"])
    return own


def true_policies(
    outcomes: pd.DataFrame, policies: Mapping[str, Policy], table: pd.DataFrame
) -> pd.DataFrame:
    """Policy values beside the truth.

    Parameters
    ----------
    outcomes : DataFrame
        As `potential_outcomes`, rows as the policies' probabilities.
    policies : mapping of str to Policy
        Of one arm.
    table : DataFrame
        As `Policies.table`, of profit.

    Returns
    -------
    DataFrame
        ``policy, estimator, value, low, high, truth, covered``.
    """
    profit = ((outcomes["p1"] - outcomes["p0"]) * outcomes["margin"] - outcomes["cost"]).to_numpy()
    true = {
        name: float(np.mean(profit * sum(policy.values()))) if policy else 0.0
        for name, policy in policies.items()
    }
    own = table[["policy", "estimator", "value", "low", "high"]].copy()
    own["truth"] = own["policy"].map(true)
    # Contacting nobody gains nothing, exactly; rounding must not make it a miss.
    own["covered"] = own["truth"].between(own["low"] - 1e-9, own["high"] + 1e-9)
    return own


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
        low, high = (np.nan if end is None else end for end in (number.low, number.high))
        shown = format_number(true, number.unit, currency=currency, decimals=number.decimals)
        rows.append(
            {
                "quantity": number.meaning, "estimate": number.text(currency),
                "interval": number.interval(currency), "truth": shown,
                "covered": bool(low <= true <= high),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)
