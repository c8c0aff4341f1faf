"""The simulated bank knows what each contact would have caused: estimates beside the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pmlib import casebank
from pmlib.canon.contacts import CONTROL
from pmlib.evaluation.learners import Expected
from pmlib.evaluation.policies import Policy
from pmlib.evaluation.uplift import rank_weighted_effect
from pmlib.numbers import Finding, Number, Phrase, missing

if TYPE_CHECKING:
    from pmlib.studies import Study


def potential_outcomes(study: Study, contacts: pd.DataFrame) -> pd.DataFrame:
    """Expected outcomes of each row's customer with and without its own offer.

    `contacts` has ``customer_id, product_id, channel``; in control the channel that was planned.
    The result has, in their order, ``p0, p1`` (probability of buying without and with the offer),
    ``margin`` (expected currency a sale) and ``cost`` (currency a contact).
    """
    known = casebank.population(study)
    kind, held = known.look_up(contacts["customer_id"].to_numpy())
    p0, p1 = np.empty(len(contacts)), np.empty(len(contacts))
    for (product, channel), at in contacts.groupby(["product_id", "channel"]).indices.items():
        p0[at] = known.world.response_probability(product, None, held[at], kind[at])
        p1[at] = known.world.response_probability(product, channel, held[at], kind[at])
    costs = {channel.name: channel.cost for channel in study.channels}
    return pd.DataFrame(
        {
            "p0": p0,
            "p1": p1,
            "margin": known.worth(contacts["customer_id"].to_numpy(), contacts["product_id"]),
            "cost": contacts["channel"].map(costs).to_numpy(float),
        },
        index=contacts.index,
    )


def expected_profit(outcomes: pd.DataFrame) -> np.ndarray:
    """Expected profit of contacting each row's customer."""
    gain = (outcomes["p1"] - outcomes["p0"]) * outcomes["margin"] - outcomes["cost"]
    return gain.to_numpy()


def beside(table: pd.DataFrame, truth: Sequence[float]) -> pd.DataFrame:
    """`table` with the truth, and whether each interval holds it (rounding is no miss)."""
    own = table.assign(truth=truth)
    return own.assign(covered=own["truth"].between(own["low"] - 1e-9, own["high"] + 1e-9))


def true_effects(contacts: pd.DataFrame, outcomes: pd.DataFrame) -> dict[str, float]:
    """What the headline estimates of a field test should be, by the keys of `intention_to_treat`.

    `contacts` has the ``arm`` of each row of `outcomes`, which is as `potential_outcomes`.
    """
    treated = (contacts["arm"] != CONTROL).to_numpy()
    uplift = float((outcomes["p1"] - outcomes["p0"]).mean())
    profit = float(expected_profit(outcomes).mean())
    n, cost = int(treated.sum()), float(outcomes["cost"].to_numpy()[treated].sum())
    return {
        "effect_responded": uplift,
        "effect_profit": profit,
        "incremental_sales": uplift * n,
        "incremental_profit": profit * n,
        "roi": profit * n / cost if cost else np.nan,
        "cost_per_sale": cost / (uplift * n) if uplift > 0 else np.inf,
    }


def effects_beside_truth(
    study: Study, contacts: pd.DataFrame | Finding, effects: Finding, groups: Finding
) -> Finding:
    """Headline effects, and effects by segment, beside the truth.

    The table is as `beside_truth`; the further table *truth-segments* as `true_groups`. `effects`
    and `groups` are those of `intention_to_treat` and `effects_by`; `contacts` is absent where the
    campaign cannot be read.
    """
    if not study.simulated or isinstance(contacts, Finding):
        return missing("no_truth")
    outcomes = potential_outcomes(study, contacts)
    by_segment = pd.DataFrame()
    if "responded" in groups.tables:
        by_segment = true_groups(contacts, outcomes, groups.of("responded"), "segment_name")
    headline = beside_truth(effects.numbers, true_effects(contacts, outcomes))
    return Finding(headline, tables={"truth-segments": by_segment})


def promise_beside_truth(
    study: Study, contacts: pd.DataFrame | Finding, promise: Finding
) -> Finding:
    """What the plan promised and its campaign brought, beside what its offers truly earned.

    `promise` is that of `promise_kept`. The table *truth-promise* has ``part`` (name or level),
    ``promised, measured, truth`` (currency), ``promise_holds`` and ``covered``: whether the
    intervals of the promise and of the measurement hold the truth.
    """
    if not study.simulated or isinstance(contacts, Finding) or promise.absent:
        return missing("no_truth")
    profit = pd.Series(expected_profit(potential_outcomes(study, contacts)), contacts.index)
    # A customer with one lot in three stands for three of the plan.
    weight = 1 / contacts.get("lot_propensity", pd.Series(1.0, contacts.index))
    means = {("total", ""): np.average(profit, weights=weight)}
    for by, column in (("segment", "segment"), ("product", "product_id")):
        key = contacts[column].astype(str)
        groups = (profit * weight).groupby(key).sum() / weight.groupby(key).sum()
        means |= {(by, str(key)): value for key, value in groups.items()}
    rows = promise.table
    truth = rows["contacts"] * [means[row.by, row.key] for row in rows.itertuples()]
    ends = {"promise_holds": ("promised_low", "promised_high"),
            "covered": ("measured_low", "measured_high")}  # fmt: skip
    held = {name: truth.between(rows[low], rows[high]) for name, (low, high) in ends.items()}
    table = promise.of("promise")[["part"]].assign(
        promised=rows["promised"], measured=rows["measured"], truth=truth, **held
    )
    return Finding(
        table,
        (Number("true_profit_field", float(truth.iloc[0]), "currency"),),
        {"promise_holds_truth": bool(held["promise_holds"].iloc[0]),
         "outcome_holds_truth": bool(held["covered"].iloc[0])},
    )  # fmt: skip


def rankings_beside_truth(
    study: Study,
    expected: Expected | Finding,
    scores: Mapping[str, np.ndarray],
    rankings: Finding,
    policies: Mapping[str, Policy],
    values: Finding,
) -> Finding:
    """Rankings and values of policies beside the truth: the same weights on true profits.

    `rankings` and `values` are those of `judge_rankings` and `policy_values`, of profit; `expected`
    has the customers judged, and is absent where the campaign cannot be read.

    Returns
    -------
    Finding
        ``ranking, measure, estimate, low, high, truth, covered``; further table *truth-policies*
        with ``policy, estimator, value, low, high, truth, covered``.
    """
    if not study.simulated or isinstance(expected, Finding):
        return missing("no_truth")
    profit = expected_profit(potential_outcomes(study, expected.judged))
    own = rankings.table[["ranking", "measure", "estimate", "low", "high"]]
    areas = [
        rank_weighted_effect(profit, scores[row.ranking], measure=row.measure).effect
        for row in own.itertuples()
    ]
    earned = values.table[["policy", "estimator", "value", "low", "high"]]
    mean = {
        name: float(np.mean(profit * sum(policy.values()))) if policy else 0.0
        for name, policy in policies.items()
    }
    tables = {"truth-policies": beside(earned, earned["policy"].map(mean))}
    return Finding(beside(own, areas), tables=tables)


def true_groups(
    contacts: pd.DataFrame, outcomes: pd.DataFrame, estimates: pd.DataFrame, group: str
) -> pd.DataFrame:
    """Effects on response by `group`, a column of `contacts`, beside the truth.

    `outcomes` is as `potential_outcomes`; `estimates` has `group`, ``effect, low, high``; the
    result `group`, ``estimate, low, high, truth, covered``.
    """
    true = (outcomes["p1"] - outcomes["p0"]).groupby(contacts[group]).mean()
    table = estimates[[group, "effect", "low", "high"]].rename(columns={"effect": "estimate"})
    return beside(table, table[group].map(true))


def beside_truth(numbers: Sequence[Number], truth: Mapping[str, float]) -> pd.DataFrame:
    """Estimates beside the truth, each in its unit.

    Columns: ``quantity, estimate, interval, truth, covered``.
    """
    rows = []
    for number in numbers:
        if number.key not in truth:
            continue
        true = truth[number.key]
        low, high = (np.nan if end is None else end for end in (number.low, number.high))
        rows.append(
            {
                "quantity": Phrase("quantity", {"n": number}), "estimate": number,
                "interval": Phrase("interval", {"n": number}),
                "truth": Number("", true, number.unit, decimals=number.decimals),
                "covered": bool(low <= true <= high),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)
