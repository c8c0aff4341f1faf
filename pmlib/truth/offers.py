"""Offers against the truth of a simulated bank: what policies really earn, beside an oracle."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pmlib import casebank
from pmlib.casebank.world import World
from pmlib.engine import collect, uniform
from pmlib.numbers import Finding, Number, missing, needs
from pmlib.strategy.case import Case
from pmlib.strategy.catalogue import Catalogue
from pmlib.strategy.cells import HOLDS, NOT_ELIGIBLE, decode
from pmlib.strategy.design import Design
from pmlib.strategy.plan import solve
from pmlib.strategy.policies import RIVALS, Comparison, plan_policies, spread
from pmlib.strategy.programme import Programme

MAX_CUSTOMERS = 40_000
"""Customers whose true responses are looked up; a seeded sample where there are more."""

_STREAM = 4006


def compare_with_oracle(case: Case, comparison: Comparison) -> Finding:
    """Compare policies with the oracle, which knows the true effect of every cell.

    `comparison` is of the same case; differences are set beside their truth.

    Returns
    -------
    Finding
        ``policy, expected, true, oracle`` (currency), ``share`` of the oracle's profit. Further
        table *true-differences*: what the combined policy earns more than ``policy`` (currency):
        ``estimate, low, high`` on held-out contacts, ``true_judged`` of the same plans,
        ``covered``, and ``true_whole`` of the plans made on the whole pilot. Facts: whether any
        contact pays, and whether the intervals hold the truth. Absent where the study is real.
    """
    if isinstance(case, Case) and case.study.truth is None:
        return missing("real")
    return _compared(case, comparison)


@needs()
def _compared(case: Case, comparison: Comparison) -> Finding:
    cost = case.catalogue.channels["cost"].to_numpy()
    value = (true_effects(case, in_currency=True) - cost) * case.made
    best = solve(Programme(case.groups, value, *case.costs_and_limits()))
    oracle = float((spread(best, case.groups) * value).sum())
    rows = [
        (name, policy.promised, float((policy.contacts * value).sum()), oracle)
        for name, policy in plan_policies(case).items()
    ]
    table = pd.DataFrame(rows, columns=["policy", "expected", "true", "oracle"])
    table["share"] = (table["true"] / oracle) if oracle > 0 else np.nan
    true, shares = table.set_index("policy")["true"], table.set_index("policy")["share"]
    more = {name: true["combined"] - true[name] for name in RIVALS}
    differences = gains(comparison, value, more)
    judged = differences.set_index("policy")
    same = judged["true_judged"]
    return Finding(
        table,
        (
            Number("true_profit_combined", true["combined"], "currency"),
            *(Number(f"true_share_{n}", shares[n], "share") for n in ("combined", *RIVALS)),
            *(Number(f"true_combined_more_than_{n}", more[n], "currency") for n in RIVALS),
            *(Number(f"true_judged_combined_more_than_{n}", same[n], "currency") for n in RIVALS),
        ),
        facts={
            "contacts_pay": oracle > 0,
            **{f"interval_holds_{n}": bool(judged.loc[n, "covered"]) for n in RIVALS},
        },
        tables={"true-differences": differences},
    )


def gains(comparison: Comparison, value: np.ndarray, whole: Mapping[str, float]) -> pd.DataFrame:
    """*true-differences* of `compare_with_oracle`.

    `value` is the (L, 2, P, C) true profit of a planned customer, `whole` the true gain over each
    policy of the plans made on the whole pilot, both in currency.
    """
    judged = comparison.table.set_index("policy").loc[list(RIVALS)]
    made = comparison.contacts
    table = judged[["combined_more", "more_low", "more_high"]].reset_index()
    table.columns = ["policy", "estimate", "low", "high"]
    table["true_judged"] = [float(((made["combined"] - made[n]) * value).sum()) for n in RIVALS]
    table["covered"] = table["true_judged"].between(table["low"], table["high"])
    table["true_whole"] = [whole[name] for name in RIVALS]
    return table


def intervals_held(case: Case, design: Design) -> dict[str, float]:
    """How many intervals of the plan's expected profit hold the true one, in a simulated study.

    Shares, 0 or 1 for the total: ``covers_plan``, ``sheets_covered`` (segments with offers) and
    ``cells_covered`` (planned cells).
    """
    cells = design.table
    true = true_effects(case)[case.catalogue.positions(cells)]
    load = (cells["offers"] * cells["margin"]).to_numpy()
    inside = {
        "covers_plan": [np.ones(len(cells), dtype=bool)],
        "sheets_covered": [cells["segment"] == segment for segment in case.groups.segments],
        "cells_covered": list(np.eye(len(cells), dtype=bool)),
    }
    held: dict[str, float] = {}
    for name, parts in inside.items():
        loads = [load * part for part in np.array(parts) if (load * part).any()]
        missed = [of @ (true - cells["effect"].to_numpy()) for of in loads]
        margins = [design.effects.margins(of, case.params.confidence_level) for of in loads]
        within = [low <= gap <= high for gap, (low, high) in zip(missed, margins, strict=True)]
        held |= {name: float(np.mean(within))} if within else {}
    return held


def true_effects(case: Case, *, in_currency: bool = False) -> np.ndarray:
    """True mean effect of an offer in every cell, (L, 2, P, C); 0 in cells without customers.

    In sales a contact, or in what they earn, less the loss expected of each customer.
    """
    menu, groups = case.catalogue, case.groups
    share = min(1.0, MAX_CUSTOMERS / groups.n_customers)
    drawn = uniform("customer_hash", seed=case.params.seed + _STREAM) < share
    table = collect(case.states.filter(drawn), sort_by=["customer_id"])
    codes = table.filter(like="code").to_numpy(dtype=np.int64)
    state = decode(codes, n_products=len(menu.products))
    level = np.searchsorted(groups.segments, table["segment"])
    known = casebank.population(case.study)
    kind, held = known.look_up(table["customer_id"].to_numpy())
    base, offered = response_chances(known.world, menu, held, kind)
    if in_currency:
        ids = table["customer_id"].to_numpy()
        each = [known.worth(ids, pd.Series([p] * len(ids))) for p in menu.product_ids]
        worth = np.array(each).T
        base, offered = base * worth, offered * worth[..., None]
    return mean_effects(base, offered, level, state, n_levels=len(groups.segments))


def response_chances(
    world: World, menu: Catalogue, held: np.ndarray, kind: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(n, P) probability of buying without an offer, and (n, P, C) with one."""
    base = [world.response_probability(p, None, held, kind) for p in menu.product_ids]
    offered = [
        [world.response_probability(p, channel, held, kind) for channel in menu.channel_names]
        for p in menu.product_ids
    ]
    return np.array(base).T, np.moveaxis(np.array(offered), 2, 0)


def mean_effects(
    base: np.ndarray, offered: np.ndarray, level: np.ndarray, state: np.ndarray, *, n_levels: int
) -> np.ndarray:
    """(L, 2, P, C) mean effect of an offer on the eligible customers of each cell."""
    sums = np.zeros((n_levels, 2, *offered.shape[1:]))
    counts = np.zeros(sums.shape[:3])
    customer, product = np.nonzero(state != NOT_ELIGIBLE)
    holds = (state[customer, product] == HOLDS).astype(int)
    at = (level[customer], holds, product)
    np.add.at(sums, at, offered[customer, product] - base[customer, product, None])
    np.add.at(counts, at, 1)
    return sums / np.maximum(counts, 1)[..., None]
