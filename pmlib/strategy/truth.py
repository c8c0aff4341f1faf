"""Against the truth: what policies really earn, in a simulated study and over many drawn banks.

`against_truth` looks at one simulated study. `value_of_policies` draws banks and pilots from a
simulated world and takes segments and rules as they are, so what it tests is this chapter alone:
estimating effects from a pilot and planning on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pmlib import casebank
from pmlib.casebank.world import CHANNEL_COST, CHANNELS, World
from pmlib.engine import collect, uniform
from pmlib.numbers import Number
from pmlib.numbers import WordedFinding as Finding
from pmlib.strategy.case import Case, Problem
from pmlib.strategy.catalogue import Catalogue, catalogue
from pmlib.strategy.cells import ELIGIBLE, HOLDS, NOT_ELIGIBLE, Groups, decode
from pmlib.strategy.effects import Effects
from pmlib.strategy.evidence import CELL, Evidence
from pmlib.strategy.plan import solve
from pmlib.strategy.policies import POLICIES, Comparison, design, spread
from pmlib.strategy.programme import Limits
from pmlib.studies import Channel

MAX_CUSTOMERS = 40_000
"""Customers whose true responses are looked up; a seeded sample where there are more."""

_STREAM = 4006

CONTROL = 0.3
"""Share of a simulated pilot that is control."""

OTHERS = ("segments", "rules")
"""Policies that combining is measured against."""


@dataclass(frozen=True)
class Truth(Finding):
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


def against_truth(
    case: Case, comparison: Comparison | None = None, *, known: Effects | None = None
) -> Truth:
    """Compare policies with the oracle, which knows the true effect of every cell.

    Parameters
    ----------
    case : Case
        Of a simulated study.
    comparison : Comparison, optional
        Of the same case; its differences are set beside their truth.
    known : Effects, optional
        Of the same case, where they are estimated already.

    Returns
    -------
    Truth
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
    return Truth(table, numbers, text, differences, _verdict(differences))


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
        See `Truth.differences`.
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
    known = casebank.truth(case.study)
    kind, held = known.look_up(table["customer_id"].to_numpy())
    base, offered = _chances(known.world, menu, held, kind)
    return _mean_effects(base, offered, level, state, n_levels=len(groups.segments))


def _chances(
    world: World, menu: Catalogue, held: np.ndarray, kind: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(n, P) probability of buying without an offer, and (n, P, C) with one."""
    base = [world.response_probability(p, None, held, kind) for p in menu.product_ids]
    offered = [
        [world.response_probability(p, channel, held, kind) for channel in menu.channel_names]
        for p in menu.product_ids
    ]
    return np.array(base).T, np.moveaxis(np.array(offered), 2, 0)


def _mean_effects(
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


# --- banks drawn from a world --------------------------------------------------------------------


@dataclass(frozen=True)
class Bank:
    """A simulated bank, as this chapter sees it and as it is.

    Parameters
    ----------
    catalogue : Catalogue
    groups : Groups
    segment : numpy.ndarray
        (n,) true segment of each customer, from 1.
    state : numpy.ndarray
        (n, P) state of each customer for each product.
    base : numpy.ndarray
        (n, P) probability of buying without an offer.
    offered : numpy.ndarray
        (n, P, C) probability of buying with one.
    effect : numpy.ndarray
        (L, 2, P, C) true mean effect of each cell.
    """

    catalogue: Catalogue
    groups: Groups
    segment: np.ndarray
    state: np.ndarray
    base: np.ndarray
    offered: np.ndarray
    effect: np.ndarray

    @property
    def value(self) -> np.ndarray:
        """(L, 2, P, C) true expected profit of a contact, currency."""
        margin = self.catalogue.products["margin"].to_numpy()[:, None]
        return self.effect * margin - self.catalogue.channels["cost"].to_numpy()


def draw_bank(world: World, *, n_customers: int, seed: int) -> Bank:
    """Draw customers from a world, with what is true of every offer to them.

    Parameters
    ----------
    world : pmlib.casebank.world.World
    n_customers : int
    seed : int
    """
    rng = np.random.default_rng([seed, 41])
    kind = rng.choice(len(world.shares), size=n_customers, p=world.shares)
    held = np.zeros((n_customers, len(world.product_ids)), dtype=bool)
    for j in range(held.shape[1]):
        held[:, j] = rng.random(n_customers) < world.holding_probability(j, held, kind)
    means, width = world.trait("risk_tolerance")
    tolerance = np.clip(np.round(rng.normal(means[kind], width)), 1, 5)
    menu = _catalogue(world)
    state = np.zeros((n_customers, len(menu.products)), dtype=np.int8)
    position = {product: i for i, product in enumerate(world.product_ids)}
    for p, (product, rating) in enumerate(
        zip(menu.product_ids, menu.products["risk_rating"], strict=True)
    ):
        holds = np.zeros(n_customers, dtype=bool)
        for number, antecedent in menu.antecedents.get(product, ()):
            whole = held[:, [position[a] for a in antecedent]].all(axis=1)
            holds |= whole & ((number == 0) | (kind + 1 == number))
        suits = np.isnan(rating) | (tolerance >= rating)
        state[:, p] = np.where(
            suits & ~held[:, position[product]], np.where(holds, HOLDS, ELIGIBLE), NOT_ELIGIBLE
        )
    base, offered = _chances(world, menu, held, kind)
    rows, size = np.unique(np.column_stack([kind + 1, state]), axis=0, return_counts=True)
    groups = Groups(
        segment=rows[:, 0].astype(np.int64),
        state=rows[:, 1:].astype(np.int8),
        size=size,
        products=menu.product_ids,
        segments=tuple(range(1, len(world.shares) + 1)),
    )
    effect = _mean_effects(base, offered, kind, state, n_levels=len(world.shares))
    return Bank(menu, groups, kind + 1, state, base, offered, effect)


def run_pilot(bank: Bank, *, contacts: int, seed: int) -> Evidence:
    """Draw a randomised pilot: product uniform over what is suitable, channel uniform.

    Parameters
    ----------
    bank : Bank
    contacts : int
        Rows, control included; customers may be drawn more than once.
    seed : int
    """
    rng = np.random.default_rng([seed, 42, contacts])
    n_channels = bank.offered.shape[2]
    able = np.flatnonzero((bank.state != NOT_ELIGIBLE).any(axis=1))
    who = rng.choice(able, size=contacts)
    open_to = bank.state[who] != NOT_ELIGIBLE
    product = (rng.random(open_to.shape) * open_to).argmax(axis=1)
    channel = rng.integers(n_channels, size=contacts)
    control = rng.random(contacts) < CONTROL
    chance = np.where(control, bank.base[who, product], bank.offered[who, product, channel])
    weight = open_to.sum(axis=1) * np.where(control, 1 / CONTROL, n_channels / (1 - CONTROL))
    y = (rng.random(contacts) < chance).astype(float)
    menu = bank.catalogue
    rows = pd.DataFrame(
        {
            "fold": rng.integers(2, size=contacts),
            "segment": bank.segment[who],
            "holds": bank.state[who, product] == HOLDS,
            "product_id": np.array(menu.product_ids, dtype=object)[product],
            "channel": np.where(control, "", np.array(menu.channel_names, dtype=object)[channel]),
            "control": control,
            "rows": 1,
            "w": weight,
            "w2": weight**2,
            "wy": weight * y,
            "wyy": weight * y,
        }
    )
    tallies = rows.groupby(["fold", *CELL, "control"], as_index=False).sum()
    return Evidence(tallies, "uplift", "response", common_control=False)


def value_of_policies(
    world: World,
    *,
    pilot_sizes: Sequence[int],
    seeds: Iterable[int],
    n_customers: int = 20_000,
    policies: Sequence[str] = POLICIES,
) -> pd.DataFrame:
    """What each policy truly earns, as a share of what the oracle earns on the same cells.

    Budget and capacities grow with the bank: 0.50 a customer, and contacts by e-mail, letter and
    telephone for 30, 25 and 5 % of customers.

    Parameters
    ----------
    world : pmlib.casebank.world.World
        Its own seed is replaced by `seeds`.
    pilot_sizes : sequence of int
        Contacts, control included.
    seeds : iterable of int
        Banks drawn.
    n_customers : int
    policies : sequence of str

    Returns
    -------
    pandas.DataFrame
        ``seed, pilot, policy, profit`` (true, currency), ``oracle`` (currency), ``share``
        (NaN where the oracle earns nothing), ``contacts``.
    """
    rows = []
    for seed in seeds:
        bank = draw_bank(replace(world, seed=seed), n_customers=n_customers, seed=seed)
        limits = Limits(
            budget=0.5 * n_customers,
            capacity=tuple(share * n_customers for share in (0.3, 0.25, 0.05)),
            contact_limit=1,
        )
        cost = bank.catalogue.channels["cost"].to_numpy()
        best = solve(bank.groups, bank.value, cost, limits)
        oracle = float((spread(best, bank.groups) * bank.value).sum())
        for pilot in pilot_sizes:
            evidence = run_pilot(bank, contacts=pilot, seed=seed)
            problem = Problem(
                catalogue=bank.catalogue, evidence=evidence, groups=bank.groups, limits=limits
            )
            for name, policy in design(problem, policies).items():
                profit = float((policy.contacts * bank.value).sum())
                share = profit / oracle if oracle > 0 else float("nan")
                contacts = float(policy.contacts.sum())
                rows.append((seed, pilot, name, profit, oracle, share, contacts))
    columns = ["seed", "pilot", "policy", "profit", "oracle", "share", "contacts"]
    return pd.DataFrame(rows, columns=columns)


def _catalogue(world: World) -> Catalogue:
    rules: dict[str, list[tuple[int, tuple[str, ...]]]] = {}
    for rule in world.rules:
        for kind in rule.kinds if len(rule.kinds) < len(world.shares) else (-1,):
            rules.setdefault(rule.consequent, []).append((kind + 1, rule.antecedent))
    return catalogue(
        world.products.astype({"risk_rating": float}),
        [Channel(name=channel, cost=CHANNEL_COST[channel]) for channel in CHANNELS],
        offered=world.offered,
        antecedents={p: tuple(found) for p, found in rules.items() if p in world.offered},
    )
