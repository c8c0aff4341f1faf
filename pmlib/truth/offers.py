"""Offers against the truth of a simulated bank: what policies really earn, beside an oracle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pmlib import casebank
from pmlib.casebank.world import World
from pmlib.engine import collect, uniform
from pmlib.numbers import Number
from pmlib.numbers import WordedFinding as Finding
from pmlib.strategy.case import Case
from pmlib.strategy.catalogue import Catalogue
from pmlib.strategy.cells import HOLDS, NOT_ELIGIBLE, decode
from pmlib.strategy.effects import CellEffects
from pmlib.strategy.plan import solve
from pmlib.strategy.policies import Comparison, design, spread

MAX_CUSTOMERS = 40_000
"""Customers whose true responses are looked up; a seeded sample where there are more."""

_STREAM = 4006

OTHERS = ("segments", "rules")
"""Policies that combining is measured against."""


@dataclass(frozen=True)
class OracleComparison(Finding):
    """Policies against the truth.

    Parameters
    ----------
    differences : pandas.DataFrame
        What the combined policy earns more than ``policy`` (currency): ``estimate, low, high`` on
        held-out contacts, ``true_half`` of the same plans, ``covered``, and ``true_whole`` of the
        plans made on the whole pilot. Empty without a comparison.
    verdict : str
        The same in words.
    """

    differences: pd.DataFrame
    verdict: str


def compare_with_oracle(
    case: Case, comparison: Comparison | None = None, *, known: CellEffects | None = None
) -> OracleComparison:
    """Compare policies with the oracle, which knows the true effect of every cell.

    Parameters
    ----------
    case : Case
        Of a simulated study.
    comparison : Comparison, optional
        Of the same case; its differences are set beside their truth.
    known : CellEffects, optional
        Of the same case, where they are estimated already.

    Returns
    -------
    OracleComparison
        Table: ``policy, expected, true, oracle`` (currency), ``share`` of the oracle's profit.
    """
    margin = case.catalogue.products["margin"].to_numpy()[:, None]
    cost = case.catalogue.channels["cost"].to_numpy()
    value = (true_effects(case) * margin - cost) * case.made
    best = solve(case.groups, value, *case.costs_and_limits())
    oracle = float((spread(best, case.groups) * value).sum())
    policies = design(case, known=known)
    rows = [
        (name, policy.promised, float((policy.contacts * value).sum()), oracle)
        for name, policy in policies.items()
    ]
    table = pd.DataFrame(rows, columns=["policy", "expected", "true", "oracle"])
    table["share"] = (table["true"] / oracle) if oracle > 0 else np.nan
    true, shares = table.set_index("policy")["true"], table.set_index("policy")["share"]
    more = {name: true["combined"] - true[name] for name in OTHERS}
    differences = pd.DataFrame() if comparison is None else gains(comparison, value, more)
    on_cells = "True profit of the plan as a share of the oracle's on the same cells"
    beyond = "True profit of the combined policy beyond"
    told = [
        ("profit_combined", true["combined"], "True profit of the plan"),
        ("share_combined", shares["combined"], on_cells),
    ]
    for name in OTHERS:
        like = f"The same for the policy that looks at {name} only"
        told.append((f"share_{name}", shares[name], like))
    for name in OTHERS:
        whole = f"{beyond} '{name}', planned on the whole pilot"
        told.append((f"combined_more_than_{name}", more[name], whole))
    for row in differences.itertuples():
        half = f"{beyond} '{row.policy}', mean of the plans made on each half of the pilot"
        told.append((f"half_combined_more_than_{row.policy}", row.true_half, half))
    numbers = tuple(
        Number(f"true_{key}", amount, "share" if "share" in key else "currency", meaning=meaning)
        for key, amount, meaning in told
    )
    if oracle <= 0:
        text = "In truth **no contact pays**; the oracle contacts nobody."
    else:
        text = (
            "In truth the plan earns {true_profit_combined}: {true_share_combined} of what an "
            "oracle earns that knows the true effect in every cell; segments alone reach "
            "{true_share_segments}, rules alone {true_share_rules}."
        )
    return OracleComparison(table, numbers, text, differences, _verdict(differences))


def gains(comparison: Comparison, value: np.ndarray, whole: Mapping[str, float]) -> pd.DataFrame:
    """What held-out contacts said of combining, and what is true of the same plans.

    Parameters
    ----------
    comparison : Comparison
    value : numpy.ndarray
        (L, 2, P, C) true profit of a planned customer, currency.
    whole : mapping
        Policy to the true gain of the plans made on the whole pilot, currency.

    Returns
    -------
    pandas.DataFrame
        See `OracleComparison.differences`.
    """
    judged = comparison.table.set_index("policy").loc[list(OTHERS)]
    made = comparison.contacts
    half = [float(((made["combined"] - made[name]) * value).sum()) for name in OTHERS]
    table = judged[["combined_more", "more_low", "more_high"]].reset_index()
    table.columns = ["policy", "estimate", "low", "high"]
    table["true_half"] = half
    table["covered"] = table["true_half"].between(table["low"], table["high"])
    table["true_whole"] = [whole[name] for name in OTHERS]
    return table


def _verdict(differences: pd.DataFrame) -> str:
    if differences.empty:
        return ""
    parts = [
        f"{start} {row.policy} alone held-out contacts put it at "
        f"{{combined_more_than_{row.policy}}} ({{combined_more_than_{row.policy}.interval}}); "
        f"the truth of the same plans is {{true_half_combined_more_than_{row.policy}}}, which "
        f"the interval {'holds' if row.covered else '**misses**'}. "
        for start, row in zip(("over", "Over"), differences.itertuples(), strict=True)
    ]
    return (
        f"The gain of combining: {''.join(parts)}Those plans were each made on half of the "
        "pilot. The gain of plans made on the whole pilot is another quantity, which no held-out "
        "contact judged: it is {true_combined_more_than_segments} over segments alone and "
        "{true_combined_more_than_rules} over rules alone."
    )


def true_effects(case: Case) -> np.ndarray:
    """True mean effect of an offer in every cell, (L, 2, P, C); 0 in cells without customers."""
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
