"""Banks and pilots drawn from a world: what policies truly earn, by the size of the pilot.

Segments and rules are taken as they are, so what this tests is strategy design alone: estimating
effects from a pilot and planning on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pmlib.casebank.world import CHANNEL_COST, CHANNELS, World
from pmlib.strategy.case import Problem
from pmlib.strategy.catalogue import Catalogue, catalogue
from pmlib.strategy.cells import ELIGIBLE, HOLDS, NOT_ELIGIBLE, Groups
from pmlib.strategy.evidence import CELL, PARTS, Evidence
from pmlib.strategy.plan import solve
from pmlib.strategy.policies import POLICIES, plan_policies, spread
from pmlib.strategy.programme import Limits, Programme
from pmlib.studies import Channel
from pmlib.truth.offers import mean_effects, response_chances

CONTROL = 0.3
"""Share of a simulated pilot that is control."""


@dataclass(frozen=True)
class DrawnBank:
    """A simulated bank, as strategy design sees it and as it is.

    Of n customers: true `segment` (n,), from 1; `state` (n, P) for each product; probability of
    buying without an offer, `base` (n, P), and with one, `offered` (n, P, C). `effect` is the true
    mean effect of each cell, (L, 2, P, C).
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


def draw_bank(world: World, *, n_customers: int, seed: int) -> DrawnBank:
    """Draw customers from a world, with what is true of every offer to them."""
    rng = np.random.default_rng([seed, 41])
    kind = rng.choice(len(world.shares), size=n_customers, p=world.shares)
    held = np.zeros((n_customers, len(world.product_ids)), dtype=bool)
    for j in range(held.shape[1]):
        held[:, j] = rng.random(n_customers) < world.holding_probability(j, held, kind)
    means, width = world.trait("risk_tolerance")
    tolerance = np.clip(np.round(rng.normal(means[kind], width)), 1, 5)
    menu = _menu(world)
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
    base, offered = response_chances(world, menu, held, kind)
    rows, size = np.unique(np.column_stack([kind + 1, state]), axis=0, return_counts=True)
    groups = Groups(
        segment=rows[:, 0].astype(np.int64),
        state=rows[:, 1:].astype(np.int8),
        size=size,
        products=menu.product_ids,
        segments=tuple(range(1, len(world.shares) + 1)),
    )
    effect = mean_effects(base, offered, kind, state, n_levels=len(world.shares))
    return DrawnBank(menu, groups, kind + 1, state, base, offered, effect)


def run_pilot(bank: DrawnBank, *, contacts: int, seed: int) -> Evidence:
    """Draw a randomised pilot: product uniform over what is suitable, channel uniform.

    It has so many contacts, control included; customers may be drawn more than once.
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
            "fold": rng.integers(len(PARTS), size=contacts),
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


def limits_of(bank: DrawnBank) -> Limits:
    """0.50 a customer, and contacts by e-mail, letter and telephone for 30, 25 and 5 % of them."""
    n = bank.groups.n_customers
    return Limits(0.5 * n, tuple(share * n for share in (0.3, 0.25, 0.05)), contact_limit=1)


def value_of_policies(
    world: World,
    *,
    pilot_sizes: Sequence[int],
    seeds: Iterable[int],
    n_customers: int = 20_000,
    policies: Sequence[str] = POLICIES,
) -> pd.DataFrame:
    """What each policy truly earns, as a share of what the oracle earns on the same cells.

    Budget and capacities grow with the bank, see `limits_of`. A pilot's size is its contacts,
    control included; one bank is drawn a seed, which replaces the world's own.

    Returns
    -------
    pandas.DataFrame
        ``seed, pilot, policy, profit`` (true, currency), ``oracle`` (currency), ``share``
        (NaN where the oracle earns nothing), ``contacts``.
    """
    rows = []
    for seed in seeds:
        bank = draw_bank(replace(world, seed=seed), n_customers=n_customers, seed=seed)
        limits = limits_of(bank)
        cost = bank.catalogue.channels["cost"].to_numpy()
        best = solve(Programme(bank.groups, bank.value, cost, limits))
        oracle = float((spread(best, bank.groups) * bank.value).sum())
        for pilot in pilot_sizes:
            evidence = run_pilot(bank, contacts=pilot, seed=seed)
            problem = Problem(
                catalogue=bank.catalogue, evidence=evidence, groups=bank.groups, limits=limits
            )
            for name, policy in plan_policies(problem, policies).items():
                profit = float((policy.contacts * bank.value).sum())
                share = profit / oracle if oracle > 0 else float("nan")
                contacts = float(policy.contacts.sum())
                rows.append((seed, pilot, name, profit, oracle, share, contacts))
    columns = ["seed", "pilot", "policy", "profit", "oracle", "share", "contacts"]
    return pd.DataFrame(rows, columns=columns)


def _menu(world: World) -> Catalogue:
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
