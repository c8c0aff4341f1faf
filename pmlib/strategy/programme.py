r"""The plan as a linear programme over groups: by HiGHS, or by its dual where groups are many.

With $x_{gpc}$ the customers of group $g$ planned for product $p$ through channel $c$, $n_g$ the
customers of the group, $v_{gpc}$ the expected profit and $k_c$ the cost of a contact:

maximise $\sum v_{gpc} x_{gpc}$ subject to $\sum k_c x_{gpc} \le$ budget,
$\sum_{gp} x_{gpc} \le$ capacity of $c$, $\sum_{pc} x_{gpc} \le L n_g$ (contact limit $L$) and
$\sum_c x_{gpc} \le n_g$ (a product is offered to a customer once).

Budget and capacities are the only constraints that couple groups. Given a price for each, every
group picks its best offers by itself; the right prices are found by cutting planes (Dantzig and
Wolfe), whose master problem mixes a few such plans into one that is optimal.

Arrays are indexed (L, 2, P, C) by segment, holds, product and channel, (G,) by group; what does not
depend on the channel is (L, 2, P).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.optimize import Bounds, LinearConstraint, OptimizeResult, linprog, milp
from scipy.sparse import block_array, csr_array, diags_array, eye_array, vstack

from pmlib.errors import StudyError
from pmlib.strategy.cells import HOLDS, NOT_ELIGIBLE, Groups

OFFER = ["group", "product", "channel"]
"""Columns, all positions, that say what an offer of a plan is."""


@dataclass(frozen=True)
class Limits:
    """What a plan must respect; budget and capacity may be inf."""

    budget: float  # currency
    capacity: tuple[float, ...]  # contacts a channel, in the catalogue's order
    contact_limit: int  # contacts a customer
    min_contacts: int = 0  # of a cell of segment, holds and product: at least so many or none

    def __post_init__(self) -> None:
        named = {name: getattr(self, name) for name in ("budget", "contact_limit", "min_contacts")}
        for name, value in {**named, "channels.capacity": min(self.capacity)}.items():
            if not value >= 0:
                raise StudyError(
                    "A limit of the plan is negative.",
                    where=name,
                    rule="0 or more",
                    found=f"{value:g}",
                )


@dataclass(frozen=True)
class Programme:
    """What a plan chooses from: offers to groups, what they earn and cost, and the limits."""

    groups: Groups
    value: np.ndarray  # (L, 2, P, C) expected profit of a contact, currency; -inf: not to be made
    cost: np.ndarray  # (C,) of a contact, currency
    limits: Limits
    # (L, 2, P, C) customers that an offer is made to at most, see `plan.solve`; None: no such limit
    most: np.ndarray | None = None


@dataclass(frozen=True)
class Relaxed:
    """A fractional optimum, and how it changes with the limits.

    `prices` are the profit that one more unit of each coupling limit would add: ``budget`` and
    ``channel 0``, ``channel 1``, ...; empty where the method has none.
    """

    allocation: pd.DataFrame  # group, product, channel (positions), customers
    bound: float  # no plan within these limits can be expected to earn more, currency
    prices: pd.Series = field(default_factory=lambda: pd.Series(dtype=float))


def best_of(groups: Groups, by_cell: np.ndarray) -> np.ndarray:
    """Look up (L, 2, P) values of cells for every group and product: (G, P), -inf if barred."""
    by_state = np.insert(by_cell, NOT_ELIGIBLE, -np.inf, axis=1)
    n_products = by_cell.shape[2]
    row = groups.level[:, None] * by_state.shape[1] + groups.state
    return by_state.ravel()[row * n_products + np.arange(n_products)]


@dataclass(frozen=True)
class _Matrix:
    """The programme written out: one column an offer to a group, at most `sides` a row."""

    offers: pd.DataFrame
    gain: np.ndarray
    most: np.ndarray
    rows: csr_array
    sides: np.ndarray

    def kept(self, x: np.ndarray) -> pd.DataFrame:
        """Those offers that are made, with ``customers``."""
        return self.offers.assign(customers=x)[x > 1e-9]


def _matrix(programme: Programme) -> _Matrix:
    """Write the programme out; the coupling limits are its first rows."""
    groups, limits, n_channels = programme.groups, programme.limits, len(programme.cost)
    by_channel = [best_of(groups, programme.value[..., c]) for c in range(n_channels)]
    profit = np.stack(by_channel, axis=2)
    group, product, channel = np.nonzero(np.isfinite(profit))
    weights, of_coupling, _ = _coupling(programme)
    rows = [csr_array(weights[:, channel]), _sums(group, len(groups.size))]
    sides = [of_coupling, groups.size * float(limits.contact_limit)]
    if limits.contact_limit > 1 and n_channels > 1:
        pair, code = np.unique(group * len(groups.products) + product, return_inverse=True)
        rows.append(_sums(code, len(pair)))
        sides.append(groups.size[pair // len(groups.products)].astype(float))
    return _Matrix(
        pd.DataFrame({"group": group, "product": product, "channel": channel}),
        gain=profit[group, product, channel],
        most=groups.size[group],
        rows=vstack(rows, format="csr"),
        sides=np.concatenate(sides),
    )


def _sums(code: np.ndarray, n_rows: int) -> csr_array:
    """(n_rows, n) matrix that adds up what has the same code."""
    return csr_array((np.ones(len(code)), (code, np.arange(len(code)))), shape=(n_rows, len(code)))


def solve_directly(programme: Programme) -> Relaxed:
    """Hand the whole programme to HiGHS."""
    if not np.isfinite(best_of(programme.groups, programme.value.max(axis=3))).any():
        nothing = pd.DataFrame(columns=[*OFFER, "customers"], dtype=np.int64)
        return Relaxed(nothing, 0.0, _prices(programme, 0.0))
    matrix = _matrix(programme)
    found = _solved(matrix.gain, matrix.rows, matrix.sides, matrix.most)
    n_coupling = len(_coupling(programme)[1])
    prices = _prices(programme, -found.ineqlin.marginals[:n_coupling])
    return Relaxed(matrix.kept(found.x), -found.fun, prices)


def _solved(
    gain: np.ndarray, rows: csr_array, sides: np.ndarray, most: np.ndarray
) -> OptimizeResult:
    bounds = np.column_stack([np.zeros(len(gain)), most])
    found = linprog(-gain, A_ub=rows, b_ub=sides, bounds=bounds, method="highs")
    if found.status != 0:
        raise RuntimeError(f"HiGHS did not solve the plan: {found.message}")
    return found


def solve_evenly(
    programme: Programme, *, part: np.ndarray, people: np.ndarray, tolerance: float = 0.0
) -> Relaxed:
    """Plan so that parts of the customers get contacts at the same rate; by HiGHS.

    Offers may lose money, to lift a part's rate. `part` has the part of each group, from 0, -1
    where its rate is free; `people` the customers of each part, whether or not they may be
    contacted; `tolerance` is the largest difference of rates (contacts a customer) between parts.
    """
    matrix = _matrix(programme)
    n_parts = len(people)
    made = _sums(part[matrix.offers["group"]] + 1, n_parts + 1)[1:]
    lowest = csr_array(people[:, None].astype(float))  # the last column is the lowest rate
    rows = block_array([[matrix.rows, None], [made, -lowest], [-made, lowest]], format="csr")
    sides = np.concatenate([matrix.sides, tolerance * people, np.zeros(n_parts)])
    found = _solved(np.append(matrix.gain, 0.0), rows, sides, np.append(matrix.most, np.inf))
    return Relaxed(matrix.kept(found.x[:-1]), -found.fun)


def solve_by_branching(programme: Programme, *, integers: bool) -> Relaxed | None:
    """Plan every cell with `min_contacts` or none, by branch and bound.

    With `integers` in whole customers: slower than fractions, which HiGHS finds almost whole. None
    where the search found no plan within its (repeatable) effort.
    """
    matrix = _matrix(programme)
    n = len(matrix.gain)
    keys = programme.groups.cell(matrix.offers["group"], matrix.offers["product"])
    cell = np.unique(np.column_stack(keys), axis=0, return_inverse=True)[1].ravel()
    n_cells = int(cell.max()) + 1
    inside = _sums(cell, n_cells)
    # A cell's switch is 1 where the cell is planned: min <= customers <= all of them, else none.
    most = diags_array(inside @ matrix.most.astype(float))
    least = programme.limits.min_contacts * eye_array(n_cells)
    switched = block_array([[matrix.rows, None], [inside, -most], [-inside, least]], format="csr")
    sides = np.concatenate([matrix.sides, np.zeros(2 * n_cells)])
    found = milp(
        -np.concatenate([matrix.gain, np.zeros(n_cells)]),
        constraints=LinearConstraint(switched, -np.inf, sides),
        bounds=Bounds(0, np.concatenate([matrix.most, np.ones(n_cells)])),
        integrality=np.append(np.full(n, integers), np.ones(n_cells)),
        options={"mip_rel_gap": 3e-4, "node_limit": 500},
    )
    if found.x is None:
        return None
    x = np.round(found.x[:n]) if integers else found.x[:n]
    return Relaxed(matrix.kept(x), -found.fun)


def _coupling(programme: Programme) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The K finite limits that couple groups: (K, C) weights, right-hand sides, which of all."""
    sides = np.array([programme.limits.budget, *programme.limits.capacity])
    weights = np.vstack([programme.cost, np.eye(len(programme.cost))])
    finite = np.isfinite(sides)
    return weights[finite], sides[finite], finite


def _prices(programme: Programme, duals: np.ndarray | float) -> pd.Series:
    names = ["budget", *(f"channel {c}" for c in range(len(programme.cost)))]
    prices = pd.Series(0.0, index=names)
    prices[_coupling(programme)[2]] = np.maximum(duals, 0.0)
    return prices


# --- the dual -------------------------------------------------------------------------------------


def solve_by_dual(
    programme: Programme, *, tolerance: float = 1e-6, max_rounds: int = 200
) -> Relaxed:
    """Solve the plan through the prices of the coupling limits, in whole customers.

    Stops when the mixed plan is within `tolerance`, a share, of the bound; a few dozen rounds of
    prices are enough for a handful of channels. Totals may exceed a coupling limit by a few
    contacts.
    """
    weights, sides, _ = _coupling(programme)
    prices = np.zeros(len(sides))
    plans: list[_Picks] = [_pick(programme, np.full(len(programme.cost), np.inf))]
    gains, uses = [0.0], [np.zeros(len(sides))]
    bound, mix, duals = np.inf, np.ones(1), prices
    for _ in range(max_rounds):
        picks = _pick(programme, prices @ weights)
        gain, contacts = _totals(programme, picks)
        use = weights @ contacts
        lagrangian = gain - prices @ use + prices @ sides
        if lagrangian < bound:
            bound, duals = lagrangian, prices
        plans.append(picks)
        gains.append(gain)
        uses.append(use)
        master = linprog(
            -np.array(gains),
            A_ub=np.array(uses).T if len(sides) else None,
            b_ub=sides if len(sides) else None,
            A_eq=np.ones((1, len(gains))),
            b_eq=[1.0],
            method="highs",
        )
        mix, mixed = master.x, -master.fun
        if bound - mixed <= tolerance * max(bound, 1e-12):
            break
        prices = np.maximum(-master.ineqlin.marginals, 0.0)
    used = np.flatnonzero(mix > 1e-9)
    table = _mixed(programme.groups, mix[used], [plans[i] for i in used])
    return Relaxed(table, float(bound), _prices(programme, duals))


_Picks = tuple[np.ndarray, np.ndarray]
"""(G, L) product and channel of each group's offers; product -1 where there is none."""


def _pick(programme: Programme, price: np.ndarray) -> _Picks:
    """Let every group choose its best offers at given prices a contact, (C,)."""
    groups, value = programme.groups, programme.value
    reduced = np.where(np.isfinite(value), value - price, -np.inf)
    channel_of_cell = reduced.argmax(axis=3)
    net = best_of(groups, reduced.max(axis=3))
    n = min(programme.limits.contact_limit, net.shape[1])
    if n == 0:
        return (np.zeros((len(groups.size), 0), dtype=np.int64),) * 2
    product = np.tile(np.arange(n), (len(net), 1))
    if n < net.shape[1]:
        product = np.argpartition(-net, n - 1, axis=1)[:, :n]
    holds = (np.take_along_axis(groups.state, product, axis=1) == HOLDS).astype(np.int64)
    channel = channel_of_cell[groups.level[:, None], holds, product]
    worthwhile = np.take_along_axis(net, product, axis=1) > 0
    return np.where(worthwhile, product, -1), channel


def _totals(programme: Programme, picks: _Picks) -> tuple[float, np.ndarray]:
    """Profit and (C,) contacts when every customer gets what the group picked."""
    groups, (product, channel) = programme.groups, picks
    group, slot = np.nonzero(product >= 0)
    chosen, through = product[group, slot], channel[group, slot]
    size = groups.size[group]
    gain = float((programme.value[*groups.cell(group, chosen), through] * size).sum())
    return gain, np.bincount(through, weights=size, minlength=len(programme.cost))


def _mixed(groups: Groups, shares: np.ndarray, plans: list[_Picks]) -> pd.DataFrame:
    """Give each plan its share of every group's customers, in whole customers.

    The odd customers of all groups are dealt to the plans in turn (a low-discrepancy sequence),
    so that the totals stay close to the shares.
    """
    shares = shares / shares.sum()
    exact = groups.size[:, None] * shares
    whole = np.floor(exact)
    odd = (groups.size - whole.sum(axis=1)).astype(np.int64)
    # Systematic sampling by the fractions left over, so that every plan gets its share on
    # average. Groups for which the plans pick alike stand together and are dealt in turn.
    picks = [column for plan in plans for picked in plan for column in picked.T]
    turn = np.empty(len(odd), dtype=np.int64)
    turn[np.lexsort(picks) if picks else slice(None)] = np.arange(len(odd))
    start = np.modf(turn * 0.6180339887498949)[0]
    group_of_odd = np.repeat(np.arange(len(odd)), odd)
    nth = np.arange(len(group_of_odd)) - np.repeat(np.cumsum(odd) - odd, odd)
    left = np.cumsum(exact - whole, axis=1)
    dealt = (left[group_of_odd] <= (start[group_of_odd] + nth)[:, None]).sum(axis=1)
    np.add.at(whole, (group_of_odd, dealt.clip(max=len(shares) - 1)), 1)
    parts = []
    for position, (product, channel) in enumerate(plans):
        group, slot = np.nonzero((product >= 0) & (whole[:, position] > 0)[:, None])
        offers = (group, product[group, slot], channel[group, slot], whole[group, position])
        parts.append(pd.DataFrame(dict(zip([*OFFER, "customers"], offers, strict=True))))
    return pd.concat(parts, ignore_index=True).groupby(OFFER, as_index=False)["customers"].sum()
