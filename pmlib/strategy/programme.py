r"""The plan as a linear programme over groups: by HiGHS, or by its dual where groups are many.

With $x_{gpc}$ the customers of group $g$ planned for product $p$ through channel $c$, $n_g$ the
customers of the group, $v_{gpc}$ the expected profit and $k_c$ the cost of a contact:

maximise $\sum v_{gpc} x_{gpc}$ subject to $\sum k_c x_{gpc} \le$ budget,
$\sum_{gp} x_{gpc} \le$ capacity of $c$, $\sum_{pc} x_{gpc} \le L n_g$ (contact limit $L$) and
$\sum_c x_{gpc} \le n_g$ (a product is offered to a customer once).

Budget and capacities are the only constraints that couple groups. Given a price for each, every
group picks its best offers by itself; the right prices are found by cutting planes (Dantzig and
Wolfe), whose master problem mixes a few such plans into one that is optimal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import Bounds, LinearConstraint, OptimizeResult, linprog, milp
from scipy.sparse import block_array, coo_array, csr_array, diags_array, eye_array, vstack

from pmlib.errors import StudyError
from pmlib.strategy.cells import HOLDS, NOT_ELIGIBLE, Groups

Coupling = list[tuple[np.ndarray, float, int | None]]
"""Limits that couple groups: weights by channel, right-hand side, channel (None: budget)."""


@dataclass(frozen=True)
class Limits:
    """What a plan must respect.

    Parameters
    ----------
    budget : float
        Currency; inf for none.
    capacity : tuple of float
        Contacts a channel, in the catalogue's order; inf for none.
    contact_limit : int
        Contacts a customer.
    min_contacts : int
        A cell of segment, holds and product gets at least this many contacts or none.
    """

    budget: float
    capacity: tuple[float, ...]
    contact_limit: int
    min_contacts: int = 0

    def __post_init__(self) -> None:
        named = [
            ("budget", self.budget, self.budget >= 0),
            ("contact_limit", self.contact_limit, self.contact_limit >= 0),
            ("min_contacts", self.min_contacts, self.min_contacts >= 0),
            ("channels.capacity", min(self.capacity), min(self.capacity) >= 0),
        ]
        for name, value, holds in named:
            if not holds:
                raise StudyError(
                    "A limit of the plan is negative.",
                    where=name,
                    rule="0 or more",
                    found=f"{value:g}",
                )


@dataclass(frozen=True)
class Relaxed:
    """A fractional optimum: rows of (group, product, channel, customers)."""

    group: np.ndarray
    product: np.ndarray
    channel: np.ndarray
    customers: np.ndarray
    bound: float
    prices: pd.Series


def best_of(groups: Groups, by_cell: np.ndarray) -> np.ndarray:
    """Look up (L, 2, P) values of cells for every group and product: (G, P), -inf if barred."""
    by_state = np.insert(by_cell, NOT_ELIGIBLE, -np.inf, axis=1)
    n_products = by_cell.shape[2]
    row = groups.level[:, None] * by_state.shape[1] + groups.state
    return by_state.ravel()[row * n_products + np.arange(n_products)]


@dataclass(frozen=True)
class _Matrix:
    """The programme written out: one column an offer to a group, at most `sides` a row."""

    group: np.ndarray
    product: np.ndarray
    channel: np.ndarray
    gain: np.ndarray
    rows: csr_array
    sides: np.ndarray


def _matrix(groups: Groups, value: np.ndarray, cost: np.ndarray, limits: Limits) -> _Matrix:
    """Write the programme out; the coupling limits are its first rows."""
    profit = np.stack([best_of(groups, value[..., c]) for c in range(len(cost))], axis=2)
    group, product, channel = np.nonzero(np.isfinite(profit))
    n = len(group)
    columns = np.arange(n)
    rows: list[coo_array] = []
    sides: list[np.ndarray] = []
    for weights, side, of_channel in _coupling(limits, cost):
        entries = weights[channel] * (1.0 if of_channel is None else (channel == of_channel))
        rows.append(coo_array((entries, (np.zeros(n, dtype=int), columns)), shape=(1, n)))
        sides.append(np.array([side]))
    rows.append(coo_array((np.ones(n), (group, columns)), shape=(len(groups.size), n)))
    sides.append(groups.size * float(limits.contact_limit))
    if limits.contact_limit > 1 and len(cost) > 1:
        pair, code = np.unique(group * len(groups.products) + product, return_inverse=True)
        rows.append(coo_array((np.ones(n), (code, columns)), shape=(len(pair), n)))
        sides.append(groups.size[pair // len(groups.products)].astype(float))
    return _Matrix(
        group,
        product,
        channel,
        profit[group, product, channel],
        vstack(rows, format="csr"),
        np.concatenate(sides),
    )


def solve_directly(groups: Groups, value: np.ndarray, cost: np.ndarray, limits: Limits) -> Relaxed:
    """Hand the whole programme to HiGHS."""
    if not np.isfinite(best_of(groups, value.max(axis=3))).any():
        none = np.zeros(0, dtype=np.int64)
        return Relaxed(none, none, none, none.astype(float), 0.0, _prices([], none, len(cost)))
    matrix = _matrix(groups, value, cost, limits)
    most = groups.size[matrix.group]
    found = _solved(matrix.gain, matrix.rows, matrix.sides, most)
    coupling = _coupling(limits, cost)
    prices = _prices(coupling, -found.ineqlin.marginals[: len(coupling)], len(cost))
    return _kept(matrix, found.x, -found.fun, prices)


def _solved(
    gain: np.ndarray, rows: csr_array, sides: np.ndarray, most: np.ndarray
) -> OptimizeResult:
    bounds = np.column_stack([np.zeros(len(gain)), most])
    found = linprog(-gain, A_ub=rows, b_ub=sides, bounds=bounds, method="highs")
    if found.status != 0:
        raise RuntimeError(f"HiGHS did not solve the plan: {found.message}")
    return found


def solve_evenly(
    groups: Groups,
    value: np.ndarray,
    cost: np.ndarray,
    limits: Limits,
    *,
    part: np.ndarray,
    people: np.ndarray,
    tolerance: float = 0.0,
) -> Relaxed:
    """Plan so that parts of the customers get contacts at the same rate; by HiGHS.

    Parameters
    ----------
    groups, value, cost, limits
        As for `solve_directly`; offers that lose money may be given, to lift a part's rate.
    part : numpy.ndarray
        (G,) part of each group, from 0; -1 where its rate is free.
    people : numpy.ndarray
        Customers of each part, whether or not they may be contacted.
    tolerance : float
        Largest difference of rates (contacts a customer) between parts.
    """
    matrix = _matrix(groups, value, cost, limits)
    n, n_parts = len(matrix.gain), len(people)
    of = part[matrix.group]
    counted = np.flatnonzero(of >= 0)
    made = csr_array((np.ones(len(counted)), (of[counted], counted)), shape=(n_parts, n))
    lowest = csr_array(people[:, None].astype(float))  # the last column is the lowest rate
    rows = block_array([[matrix.rows, None], [made, -lowest], [-made, lowest]], format="csr")
    sides = np.concatenate([matrix.sides, tolerance * people, np.zeros(n_parts)])
    most = np.append(groups.size[matrix.group], np.inf)
    found = _solved(np.append(matrix.gain, 0.0), rows, sides, most)
    return _kept(matrix, found.x[:n], -found.fun, _prices([], np.zeros(0), len(cost)))


def solve_by_branching(
    groups: Groups, value: np.ndarray, cost: np.ndarray, limits: Limits, *, integers: bool
) -> Relaxed | None:
    """Plan every cell with `min_contacts` or none, by branch and bound.

    Parameters
    ----------
    groups, value, cost, limits
        As for `solve_directly`.
    integers : bool
        Whole customers; slower than fractions, which HiGHS finds almost whole.

    Returns
    -------
    Relaxed or None
        Without prices; None where the search found no plan within its (repeatable) effort.
    """
    matrix = _matrix(groups, value, cost, limits)
    n = len(matrix.gain)
    keys = np.column_stack(groups.cell(matrix.group, matrix.product))
    cell = np.unique(keys, axis=0, return_inverse=True)[1].ravel()
    n_cells = int(cell.max()) + 1
    inside = csr_array((np.ones(n), (cell, np.arange(n))), shape=(n_cells, n))
    # A cell's switch is 1 where the cell is planned: min <= customers <= all of them, else none.
    most = diags_array(inside @ groups.size[matrix.group].astype(float))
    least = limits.min_contacts * eye_array(n_cells)
    switched = block_array([[matrix.rows, None], [inside, -most], [-inside, least]], format="csr")
    sides = np.concatenate([matrix.sides, np.zeros(2 * n_cells)])
    found = milp(
        -np.concatenate([matrix.gain, np.zeros(n_cells)]),
        constraints=LinearConstraint(switched, -np.inf, sides),
        bounds=Bounds(0, np.concatenate([groups.size[matrix.group], np.ones(n_cells)])),
        integrality=np.append(np.full(n, integers), np.ones(n_cells)),
        options={"mip_rel_gap": 3e-4, "node_limit": 500},
    )
    if found.x is None:
        return None
    none = _prices([], np.zeros(0), len(cost))
    x = np.round(found.x[:n]) if integers else found.x[:n]
    return _kept(matrix, x, -found.fun, none)


def _kept(matrix: _Matrix, x: np.ndarray, bound: float, prices: pd.Series) -> Relaxed:
    keep = x > 1e-9
    columns = (matrix.group[keep], matrix.product[keep], matrix.channel[keep])
    return Relaxed(*columns, x[keep], bound, prices)


def _coupling(limits: Limits, cost: np.ndarray) -> Coupling:
    """The finite limits that couple groups: weights by channel, right-hand side, channel."""
    found: Coupling = []
    if np.isfinite(limits.budget):
        found.append((cost, limits.budget, None))
    found += [
        (np.ones(len(cost)), capacity, channel)
        for channel, capacity in enumerate(limits.capacity)
        if np.isfinite(capacity)
    ]
    return found


def _prices(coupling: Coupling, duals: np.ndarray, n_channels: int) -> pd.Series:
    prices = pd.Series(0.0, index=["budget", *(f"channel {c}" for c in range(n_channels))])
    for (_, _, channel), dual in zip(coupling, duals, strict=True):
        prices["budget" if channel is None else f"channel {channel}"] = max(float(dual), 0.0)
    return prices


# --- the dual -------------------------------------------------------------------------------------


def solve_by_dual(
    groups: Groups,
    value: np.ndarray,
    cost: np.ndarray,
    limits: Limits,
    *,
    tolerance: float = 1e-6,
    max_rounds: int = 200,
) -> Relaxed:
    """Solve the plan through the prices of the coupling limits.

    Parameters
    ----------
    groups, value, cost, limits
        As for `solve_directly`.
    tolerance : float
        Stop when the mixed plan is within this share of the bound.
    max_rounds : int
        Rounds of prices; a few dozen are enough for a handful of channels.

    Returns
    -------
    Relaxed
        Whole customers; the totals may exceed a coupling limit by a few contacts.
    """
    coupling = _coupling(limits, cost)
    weights = np.array([w if c is None else w * (np.arange(len(cost)) == c)
                        for w, _, c in coupling]).reshape(len(coupling), len(cost))  # fmt: skip
    sides = np.array([side for _, side, _ in coupling])
    prices = np.zeros(len(coupling))
    plans: list[_Picks] = [_pick(groups, value, np.full(len(cost), np.inf), limits)]
    gains, uses = [0.0], [np.zeros(len(coupling))]
    bound, mix, duals = np.inf, np.ones(1), prices
    for _ in range(max_rounds):
        picks = _pick(groups, value, prices @ weights, limits)
        gain, contacts = _totals(groups, picks, value, len(cost))
        use = weights @ contacts
        lagrangian = gain - prices @ use + prices @ sides
        if lagrangian < bound:
            bound, duals = lagrangian, prices
        plans.append(picks)
        gains.append(gain)
        uses.append(use)
        master = linprog(
            -np.array(gains),
            A_ub=np.array(uses).T if len(coupling) else None,
            b_ub=sides if len(coupling) else None,
            A_eq=np.ones((1, len(gains))),
            b_eq=[1.0],
            method="highs",
        )
        mix, mixed = master.x, -master.fun
        if bound - mixed <= tolerance * max(bound, 1e-12):
            break
        prices = np.maximum(-master.ineqlin.marginals, 0.0)
    used = [(share, plan) for share, plan in zip(mix, plans, strict=True) if share > 1e-9]
    rows = _mixed(groups, used)
    return Relaxed(*rows, float(bound), _prices(coupling, duals, len(cost)))


_Picks = tuple[np.ndarray, np.ndarray]
"""(G, L) product and channel of each group's offers; product -1 where there is none."""


def _pick(groups: Groups, value: np.ndarray, price: np.ndarray, limits: Limits) -> _Picks:
    """Let every group choose its best offers at given prices a contact, (C,)."""
    reduced = np.where(np.isfinite(value), value - price, -np.inf)
    channel_of_cell = reduced.argmax(axis=3)
    net = best_of(groups, reduced.max(axis=3))
    n = min(limits.contact_limit, net.shape[1])
    if n == 0:
        none = np.zeros((len(groups.size), 0), dtype=np.int64)
        return none, none
    product = (
        np.argpartition(-net, n - 1, axis=1)[:, :n]
        if n < net.shape[1]
        else np.tile(np.arange(n), (len(net), 1))
    )
    holds = (np.take_along_axis(groups.state, product, axis=1) == HOLDS).astype(np.int64)
    channel = channel_of_cell[groups.level[:, None], holds, product]
    worthwhile = np.take_along_axis(net, product, axis=1) > 0
    return np.where(worthwhile, product, -1), channel


def _totals(
    groups: Groups, picks: _Picks, value: np.ndarray, n_channels: int
) -> tuple[float, np.ndarray]:
    """Profit and (C,) contacts when every customer gets what the group picked."""
    product, channel = picks
    group, slot = np.nonzero(product >= 0)
    chosen, through = product[group, slot], channel[group, slot]
    size = groups.size[group]
    gain = float((value[*groups.cell(group, chosen), through] * size).sum())
    return gain, np.bincount(through, weights=size, minlength=n_channels)


def _mixed(
    groups: Groups, used: Sequence[tuple[float, _Picks]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Give each plan its share of every group's customers, in whole customers.

    The odd customers of all groups are dealt to the plans in turn (a low-discrepancy sequence),
    so that the totals stay close to the shares.
    """
    shares = np.array([share for share, _ in used])
    shares = shares / shares.sum()
    exact = groups.size[:, None] * shares
    whole = np.floor(exact)
    odd = (groups.size - whole.sum(axis=1)).astype(np.int64)
    # Systematic sampling by the fractions left over, so that every plan gets its share on
    # average. Groups for which the plans pick alike stand together and are dealt in turn.
    picks = [column for _, both in used for picked in both for column in picked.T]
    turn = np.empty(len(odd), dtype=np.int64)
    turn[np.lexsort(picks) if picks else slice(None)] = np.arange(len(odd))
    start = np.modf(turn * 0.6180339887498949)[0]
    group_of_odd = np.repeat(np.arange(len(odd)), odd)
    nth = np.arange(len(group_of_odd)) - np.repeat(np.cumsum(odd) - odd, odd)
    left = np.cumsum(exact - whole, axis=1)
    dealt = (left[group_of_odd] <= (start[group_of_odd] + nth)[:, None]).sum(axis=1)
    np.add.at(whole, (group_of_odd, dealt.clip(max=len(shares) - 1)), 1)
    keys = ["group", "product", "channel"]
    parts = []
    for position, (_, (product, channel)) in enumerate(used):
        group, slot = np.nonzero((product >= 0) & (whole[:, position] > 0)[:, None])
        offers = dict(zip(keys, (group, product[group, slot], channel[group, slot]), strict=True))
        parts.append(pd.DataFrame({**offers, "customers": whole[group, position]}))
    table = pd.concat(parts, ignore_index=True).groupby(keys, as_index=False)["customers"].sum()
    group, product, channel = (table[key].to_numpy() for key in keys)
    return group, product, channel, table["customers"].to_numpy(dtype=float)
