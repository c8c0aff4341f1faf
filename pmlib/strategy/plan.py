"""The plan in whole customers, and what it is compared with."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pmlib.strategy.cells import ELIGIBLE, HOLDS, NOT_ELIGIBLE, Groups
from pmlib.strategy.programme import (
    Limits,
    Relaxed,
    best_of,
    solve_by_branching,
    solve_by_dual,
    solve_directly,
)

# Above this many variables the dual is faster than handing the whole programme to HiGHS.
DIRECT_LIMIT = 10_000

# Up to this many variables a better plan is looked for by branch and bound.
INTEGER_LIMIT = 3_000

GAP_ALLOWED = 1e-3
"""A plan that may miss more than this share of the best possible profit says so."""

_SPARE = 1
_ROWS = 65_536


# A gap below this is rounding, which is not the same in two runs.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Plan:
    """Customers planned for each offer.

    Parameters
    ----------
    allocation : pandas.DataFrame
        ``group, product, channel`` (positions) and ``customers`` (whole, at least 1).
    contacts : numpy.ndarray
        (L, 2, P, C) contacts by segment, holds, product and channel.
    profit : float
        Expected profit, currency.
    spend : float
        Cost of all contacts, currency.
    bound : float
        No plan within these limits can be expected to earn more.
    prices : pandas.Series
        Profit that one more unit of each coupling limit would add: ``budget`` and ``channel 0``,
        ``channel 1``, ...
    limits : Limits
    """

    allocation: pd.DataFrame
    contacts: np.ndarray
    profit: float
    spend: float
    bound: float
    prices: pd.Series
    limits: Limits
    groups: Groups
    origin: np.ndarray

    @property
    def gap(self) -> float:
        """Share of the bound that the plan misses."""
        missed = 1 - self.profit / self.bound if self.bound > 0 else 0.0
        return missed if missed > _ROUNDING else 0.0


def solve(groups: Groups, value: np.ndarray, cost: np.ndarray, limits: Limits) -> Plan:
    """Find the most profitable plan within the limits.

    Parameters
    ----------
    groups : Groups
    value : numpy.ndarray
        (L, 2, P, C) expected profit of a contact, currency; -inf where no offer may be made.
    cost : numpy.ndarray
        (C,) cost of a contact, currency.
    limits : Limits

    Returns
    -------
    Plan
        In whole customers; `Plan.gap` tells what rounding and `min_contacts` cost.
    """
    value = _worthwhile(groups, value, limits)
    plan = _rounded(groups, value, cost, limits)
    bound, prices = plan.bound, plan.prices
    opened = value
    while (small := _too_small(plan)).any():  # close these cells, and plan again
        opened = np.where(small[..., None], -np.inf, opened)
        plan = _rounded(groups, opened, cost, limits)
    plan = replace(plan, bound=bound, prices=prices)
    return plan if plan.gap <= GAP_ALLOWED else _searched(plan, groups, value, cost)


def _rounded(groups: Groups, value: np.ndarray, cost: np.ndarray, limits: Limits) -> Plan:
    """Solve in fractions of customers, and round; cells may come out too small."""
    merged, origin = compact(groups, value, limits.contact_limit)
    relaxed = _relaxed(merged, value, cost, limits)
    plan = _described(_whole(merged, relaxed, value, cost, limits), merged, value, cost, limits)
    return replace(plan, bound=relaxed.bound, prices=relaxed.prices, origin=origin)


def _searched(plan: Plan, groups: Groups, value: np.ndarray, cost: np.ndarray) -> Plan:
    """Look for a better plan by branch and bound, where the programme is small."""
    limits = plan.limits
    # With a smallest cell the best offer is not always the one to make: keep some of the next.
    spare, origin = compact(groups, value, limits.contact_limit + _SPARE)
    if (spare.state != NOT_ELIGIBLE).sum() * len(cost) > INTEGER_LIMIT:
        return plan
    for integers in (False, True):  # rounding can make a cell too small: then in whole customers
        found = solve_by_branching(spare, value, cost, limits, integers=integers)
        if found is not None:
            whole = _whole(spare, found, value, cost, limits)
            better = replace(_described(whole, spare, value, cost, limits), origin=origin)
            if better.profit > plan.profit and not _too_small(better).any():
                return replace(better, bound=plan.bound, prices=plan.prices)
    return plan


def _too_small(plan: Plan) -> np.ndarray:
    """(L, 2, P) cells with some customers, but fewer than the limit."""
    customers = plan.contacts.sum(axis=3)
    return (customers > 0) & (customers < plan.limits.min_contacts)


def relax(groups: Groups, value: np.ndarray, cost: np.ndarray, limits: Limits) -> Relaxed:
    """Solve the plan in fractions of customers; arguments as for `solve`.

    Its `bound` is the most that any plan within the limits can be expected to earn, and its
    `prices` say how that changes with the limits.
    """
    value = _worthwhile(groups, value, limits)
    return _relaxed(compact(groups, value, limits.contact_limit)[0], value, cost, limits)


def _relaxed(groups: Groups, value: np.ndarray, cost: np.ndarray, limits: Limits) -> Relaxed:
    variables = int((best_of(groups, value.max(axis=3)) > 0).sum()) * len(cost)
    solver = solve_directly if variables <= DIRECT_LIMIT else solve_by_dual
    return solver(groups, value, cost, limits)


def greedy(groups: Groups, value: np.ndarray, cost: np.ndarray, limits: Limits) -> Plan:
    """Fill the best offers first, by profit per currency of cost: what one would do by hand."""
    value = _worthwhile(groups, value, replace(limits, min_contacts=0))
    groups, origin = compact(groups, value, limits.contact_limit)
    room = groups.size * limits.contact_limit
    offered = np.zeros((len(groups.size), len(groups.products)), dtype=np.int64)
    budget, capacity = limits.budget, list(limits.capacity)
    rows = []
    with np.errstate(divide="ignore"):
        order = np.argsort(-(value / np.maximum(cost, 1e-9)), axis=None, kind="stable")
    for flat in order[: np.isfinite(value).sum()]:
        level, holds, product, channel = np.unravel_index(flat, value.shape)
        code = groups.state[:, product] == (HOLDS if holds else ELIGIBLE)
        free = np.where(
            code & (groups.level == level), np.minimum(room, groups.size - offered[:, product]), 0
        )
        affordable = budget // cost[channel] if cost[channel] > 0 else np.inf
        most = min(float(capacity[channel]), float(affordable))
        take = np.diff(np.minimum(np.cumsum(free), most), prepend=0).astype(np.int64)
        if (total := int(take.sum())) == 0:
            continue
        room, budget = room - take, float(budget - total * cost[channel])
        offered[:, product] += take
        capacity[channel] -= total
        to = np.flatnonzero(take)
        rows.append(np.column_stack([to, np.full((len(to), 2), (product, channel)), take[to]]))
    columns = ["group", "product", "channel", "customers"]
    allocation = pd.DataFrame(np.vstack([np.zeros((0, 4), int), *rows]), columns=columns)
    return replace(_described(allocation, groups, value, cost, limits), origin=origin)


def _worthwhile(groups: Groups, value: np.ndarray, limits: Limits) -> np.ndarray:
    """Bar what is not expected to earn anything, and cells that cannot be large enough."""
    possible = groups.eligible() >= max(limits.min_contacts, 1)
    return np.where(possible[..., None] & np.isfinite(value) & (value > 0), value, -np.inf)


def compact(groups: Groups, value: np.ndarray, offers: int) -> tuple[Groups, np.ndarray]:
    """Merge groups that are alike in the best `offers` of every channel; drop those without any.

    Where a customer gets at most that many, no other offer matters: it could be exchanged for
    one of these that the customer does not get yet, at the same cost and in the same channel.
    What is left does not grow with the number of customers, but is bounded by segments and offers.

    Returns
    -------
    Groups
    numpy.ndarray
        (G,) position of each group in the result; -1 where dropped.
    """
    state = np.empty_like(groups.state)
    for start in range(0, len(state), _ROWS):  # a part at a time, so that memory stays flat
        part = slice(start, start + _ROWS)
        rows = replace(groups, segment=groups.segment[part], state=groups.state[part])
        matters = np.zeros(rows.state.shape, dtype=bool)
        for channel in range(value.shape[3]):
            earns = best_of(rows, value[..., channel])
            n = min(offers, earns.shape[1])
            best = np.argpartition(-earns, n - 1, axis=1)[:, :n] if n else np.zeros((1, 0), int)
            finite = np.isfinite(np.take_along_axis(earns, best, axis=1))
            np.put_along_axis(matters, best, finite | np.take_along_axis(matters, best, 1), 1)
        state[part] = np.where(matters, rows.state, NOT_ELIGIBLE)
    merged, number = replace(groups, state=state).merged()
    kept = (merged.state != NOT_ELIGIBLE).any(axis=1)
    position = np.where(kept, np.cumsum(kept) - 1, -1)
    some = replace(
        merged, segment=merged.segment[kept], state=merged.state[kept], size=merged.size[kept]
    )
    return some, position[number]


def _whole(
    groups: Groups, relaxed: Relaxed, value: np.ndarray, cost: np.ndarray, limits: Limits
) -> pd.DataFrame:
    """Round to whole customers and give back what exceeds a limit, least profitable first."""
    table = pd.DataFrame(
        {
            "group": relaxed.group,
            "product": relaxed.product,
            "channel": relaxed.channel,
            "customers": np.floor(relaxed.customers + 1e-6).astype(np.int64),
        }
    )
    table = table[table["customers"] > 0]
    cell = groups.cell(table["group"].to_numpy(), table["product"].to_numpy())
    table["gain"], table["cost"] = value[*cell, table["channel"]], cost[table["channel"]]
    for channel, capacity in enumerate(limits.capacity):
        of_channel = table["channel"] == channel
        table = _cut(table, table["gain"].where(of_channel), of_channel.astype(float), capacity)
    rate = table["gain"] / table["cost"].clip(lower=1e-12)
    table = _cut(table, rate.where(table["cost"] > 0), table["cost"], limits.budget)
    return table[["group", "product", "channel", "customers"]].reset_index(drop=True)


def _cut(table: pd.DataFrame, rank: pd.Series, weight: pd.Series, limit: float) -> pd.DataFrame:
    """Take away customers, lowest rank first, until the weighted sum is within the limit."""
    excess = (table["customers"] * weight).sum() - limit * (1 + 1e-12)
    if not excess > 0:
        return table
    order = rank.dropna().sort_values(kind="stable").index
    weights = weight[order]
    before = (table.loc[order, "customers"] * weights).cumsum().shift(fill_value=0.0)
    drop = np.ceil((excess - before).clip(lower=0) / weights - 1e-9)
    customers = table["customers"].copy()
    customers[order] -= np.minimum(drop, customers[order]).astype(np.int64)
    return table.assign(customers=customers)[customers > 0]


def _described(
    allocation: pd.DataFrame, groups: Groups, value: np.ndarray, cost: np.ndarray, limits: Limits
) -> Plan:
    contacts = np.zeros(value.shape, dtype=np.int64)
    group, product, channel, customers = (
        allocation[c].to_numpy(dtype=np.int64) for c in ("group", "product", "channel", "customers")
    )
    np.add.at(contacts, (*groups.cell(group, product), channel), customers)
    made = contacts > 0
    return Plan(
        allocation=allocation,
        contacts=contacts,
        profit=float((contacts[made] * value[made]).sum()),
        spend=float((contacts.sum(axis=(0, 1, 2)) * cost).sum()),
        bound=float("nan"),
        prices=pd.Series(dtype=float),
        limits=limits,
        groups=groups,
        origin=np.arange(len(groups.size)),
    )
