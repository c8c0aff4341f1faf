"""The plan in whole customers, and what it is compared with."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pmlib.strategy.cells import ELIGIBLE, HOLDS, NOT_ELIGIBLE, Groups
from pmlib.strategy.programme import (
    OFFER,
    Limits,
    Programme,
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

_ROWS = 65_536

# A gap below this is rounding, which is not the same in two runs.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Plan:
    """Customers planned for each offer; `bound` as of `Relaxed`."""

    groups: Groups  # as merged for the plan
    origin: np.ndarray  # position in them of each group of the programme; -1 where without offer
    limits: Limits
    allocation: pd.DataFrame  # group, product, channel (positions), customers (whole, at least 1)
    contacts: np.ndarray  # (L, 2, P, C)
    profit: float  # expected, currency
    spend: float  # cost of all contacts, currency
    bound: float
    cut: float = 0.0  # profit given up where an offer was cut to the size of its test, currency

    @property
    def gap(self) -> float:
        """Share of the bound that the plan misses, before offers are cut to the size of a test."""
        missed = 1 - (self.profit + self.cut) / self.bound if self.bound > 0 else 0.0
        return missed if missed > _ROUNDING else 0.0


def solve(programme: Programme) -> Plan:
    """Find the most profitable plan: in whole customers, within the limits.

    `Plan.gap` tells what rounding and `min_contacts` cost. At last offers are cut to `most`
    customers; what they would have cost stays unspent.
    """
    return _cut_to_tests(_uncut(programme), programme)


def _uncut(programme: Programme) -> Plan:
    programme = _worthwhile(programme)
    plan = first = _rounded(programme)
    opened = programme.value
    while (small := _too_small(plan)).any():  # close these cells, and plan again
        opened = np.where(small[..., None], -np.inf, opened)
        plan = _rounded(replace(programme, value=opened))
    plan = replace(plan, bound=first.bound)
    return plan if plan.gap <= GAP_ALLOWED else _searched(plan, programme)


def _cut_to_tests(plan: Plan, programme: Programme) -> Plan:
    """Leave each offer at most the customers that its test takes, alike in all its groups."""
    if programme.most is None or (plan.contacts <= programme.most).all():
        return plan
    table, groups = plan.allocation, plan.groups
    cell = (*groups.cell(table["group"].to_numpy(), table["product"].to_numpy()), table["channel"])
    share = np.minimum(programme.most[cell] / plan.contacts[cell], 1.0)
    # Rounded along each offer's groups, so that many small ones do not all lose their only one.
    code = np.ravel_multi_index(cell, plan.contacts.shape)
    kept = (table["customers"] * share).groupby(code).cumsum().add(1e-9).map(np.floor)
    customers = kept.groupby(code).diff().fillna(kept).astype(np.int64)
    left = table.assign(customers=customers)[customers > 0].reset_index(drop=True)
    whole = replace(programme, groups=groups)
    less = _described(whole, plan.origin, left, Relaxed(left, plan.bound))
    return replace(less, cut=plan.profit - less.profit)


def _rounded(programme: Programme) -> Plan:
    """Solve in fractions of customers, and round; cells may come out too small."""
    merged, origin = compact(programme, programme.limits.contact_limit)
    relaxed = _relaxed(merged)
    return _described(merged, origin, _whole(merged, relaxed), relaxed)


def _searched(plan: Plan, programme: Programme) -> Plan:
    """Look for a better plan by branch and bound, where the programme is small."""
    # With a smallest cell the best offer is not always the one to make: keep the next too.
    spare, origin = compact(programme, programme.limits.contact_limit + 1)
    if (spare.groups.state != NOT_ELIGIBLE).sum() * len(spare.cost) > INTEGER_LIMIT:
        return plan
    for integers in (False, True):  # rounding can make a cell too small: then in whole customers
        found = solve_by_branching(spare, integers=integers)
        if found is not None:
            better = _described(spare, origin, _whole(spare, found), found)
            if better.profit > plan.profit and not _too_small(better).any():
                return replace(better, bound=plan.bound)
    return plan


def _too_small(plan: Plan) -> np.ndarray:
    """(L, 2, P) cells with some customers, but fewer than the limit."""
    customers = plan.contacts.sum(axis=3)
    return (customers > 0) & (customers < plan.limits.min_contacts)


def relax(programme: Programme) -> Relaxed:
    """Solve the programme in fractions of customers."""
    return _relaxed(compact(_worthwhile(programme), programme.limits.contact_limit)[0])


def _relaxed(programme: Programme) -> Relaxed:
    offers = (best_of(programme.groups, programme.value.max(axis=3)) > 0).sum()
    small = int(offers) * len(programme.cost) <= DIRECT_LIMIT
    return (solve_directly if small else solve_by_dual)(programme)


def greedy(programme: Programme) -> Plan:
    """Fill the best offers first, by profit per currency of cost: what one would do by hand."""
    programme = replace(programme, limits=replace(programme.limits, min_contacts=0))
    merged, origin = compact(_worthwhile(programme), programme.limits.contact_limit)
    groups, value, cost, limits = merged.groups, merged.value, merged.cost, merged.limits
    room = groups.size * limits.contact_limit
    offered = np.zeros((len(groups.size), len(groups.products)), dtype=np.int64)
    budget, capacity = limits.budget, list(limits.capacity)
    rows = []
    with np.errstate(divide="ignore"):
        order = np.argsort(-(value / np.maximum(cost, 1e-9)), axis=None, kind="stable")
    for flat in order[: np.isfinite(value).sum()]:
        level, holds, product, channel = np.unravel_index(flat, value.shape)
        code = groups.state[:, product] == (HOLDS if holds else ELIGIBLE)
        left = np.minimum(room, groups.size - offered[:, product])
        free = np.where(code & (groups.level == level), left, 0)
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
    table = np.vstack([np.zeros((0, 4), int), *rows])
    allocation = pd.DataFrame(table, columns=[*OFFER, "customers"])
    return _described(merged, origin, allocation, Relaxed(allocation, float("nan")))


def _worthwhile(programme: Programme) -> Programme:
    """Bar what is not expected to earn anything, and cells that cannot be large enough."""
    value = programme.value
    possible = programme.groups.eligible() >= max(programme.limits.min_contacts, 1)
    worth = possible[..., None] & np.isfinite(value) & (value > 0)
    return replace(programme, value=np.where(worth, value, -np.inf))


def compact(programme: Programme, offers: int) -> tuple[Programme, np.ndarray]:
    """Merge groups that are alike in the best `offers` of every channel; drop those without any.

    Where a customer gets at most that many, no other offer matters: it could be exchanged for
    one of these that the customer does not get yet, at the same cost and in the same channel.
    What is left does not grow with the number of customers, but is bounded by segments and offers.
    Returned with the (G,) position of each group in the result; -1 where dropped.
    """
    groups, value = programme.groups, programme.value
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
    some = {name: getattr(merged, name)[kept] for name in ("segment", "state", "size")}
    return replace(programme, groups=replace(merged, **some)), position[number]


def _whole(programme: Programme, relaxed: Relaxed) -> pd.DataFrame:
    """Round to whole customers and give back what exceeds a limit, least profitable first."""
    limits = programme.limits
    whole = np.floor(relaxed.allocation["customers"] + 1e-6).astype(np.int64)
    table = relaxed.allocation.assign(customers=whole)[whole > 0]
    cell = programme.groups.cell(table["group"].to_numpy(), table["product"].to_numpy())
    table["gain"] = programme.value[*cell, table["channel"]]
    table["cost"] = programme.cost[table["channel"]]
    for channel, capacity in enumerate(limits.capacity):
        of_channel = table["channel"] == channel
        table = _cut(table, table["gain"].where(of_channel), of_channel.astype(float), capacity)
    rate = table["gain"] / table["cost"].clip(lower=1e-12)
    table = _cut(table, rate.where(table["cost"] > 0), table["cost"], limits.budget)
    return table[[*OFFER, "customers"]].reset_index(drop=True)


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
    programme: Programme, origin: np.ndarray, allocation: pd.DataFrame, relaxed: Relaxed
) -> Plan:
    groups, value = programme.groups, programme.value
    contacts = np.zeros(value.shape, dtype=np.int64)
    group, product, channel, customers = allocation.to_numpy(dtype=np.int64).T
    np.add.at(contacts, (*groups.cell(group, product), channel), customers)
    made = contacts > 0
    return Plan(
        groups=groups,
        origin=origin,
        limits=programme.limits,
        allocation=allocation,
        contacts=contacts,
        profit=float((contacts[made] * value[made]).sum()),
        spend=float((contacts.sum(axis=(0, 1, 2)) * programme.cost).sum()),
        bound=relaxed.bound,
    )
