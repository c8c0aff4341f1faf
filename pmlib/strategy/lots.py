"""Lots between policies: where they would offer a customer different things, chance decides.

Customers whom all policies would offer the same are no part of the game. Of the others each policy
gets an equal lot, in exact numbers within *strata* of customers alike in what each policy would
offer them. As each policy keeps the limits, so does the mean of them. What other policies would
have offered a customer is *watched*: who is offered a card may buy the loan anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.canon.contacts import WATCHED
from pmlib.engine import collect, uniform
from pmlib.strategy.case import Case
from pmlib.strategy.cells import encode
from pmlib.strategy.contacts import cells_of, draw_arms, draw_customers, stretches
from pmlib.strategy.plan import Plan
from pmlib.strategy.problem import held_back

NOBODY = 0
"""In place of a cell: the policy would leave the customer alone."""

AGREED = "agreed"
"""The lot of those to whom all policies would make the same offer."""

_LOT_STREAM = 4008


@dataclass(frozen=True)
class Lots:
    """What each policy would offer to whom, and how many customers of each kind draw which lot.

    Attributes
    ----------
    policies : tuple of str
        The plan's own first.
    strata : DataFrame
        One row a kind of customers: ``stratum, customers``, ``cell_<policy>`` (of the plan's
        table, or `NOBODY`), ``agreed``, ``lots`` and ``start`` (with which lot the dealing begins),
        ``contacts`` (customers less the share left alone), ``alone`` (chance to be left alone)
        and ``made_<policy>`` (chance to get what the policy would offer).
    rows : DataFrame
        Rows of the contact plan by ``stratum`` and ``lot``: ``policy, lot_propensity, product_id,
        channel, cell, n_control`` and ``held_out`` of a ``box`` in which arms are drawn; box 0 for
        products that are watched.
    places : DataFrame
        ``stratum`` of each ``group`` and ``option_<policy>``.
    options : narwhals.LazyFrame
        Customers with their ``group``, ``option_<policy>`` (0: nothing) and ``share_<policy>``,
        the chance that the policy draws a customer of the group for it.
    """

    policies: tuple[str, ...]
    strata: pd.DataFrame
    rows: pd.DataFrame
    places: pd.DataFrame
    options: nw.LazyFrame

    @property
    def disagreeing(self) -> pd.DataFrame:
        """The strata whose customers draw lots."""
        return self.strata[~self.strata["agreed"]]


def deal(case: Case, plans: Mapping[str, Plan], cells: pd.DataFrame, *, seed: int) -> Lots:
    """Count customers by what each policy would offer them, and deal the lots.

    `plans` has the plan's own first; `cells` is the table of the design.
    """
    options = _options(case, plans)
    strata, places = _strata(case, options, tuple(plans), cells)
    return deal_again(case, Lots(tuple(plans), strata, strata, places, options), cells, seed=seed)


def deal_again(case: Case, lots: Lots, cells: pd.DataFrame, *, seed: int) -> Lots:
    """Deal the lots by another seed."""
    names, count = lots.policies, len(lots.policies)
    strata = lots.strata[["stratum", "customers", *(f"cell_{n}" for n in names), "agreed"]]
    first = np.random.default_rng([seed, _LOT_STREAM]).integers(count)
    drawn = np.where(strata["agreed"], 0, strata["customers"])
    # Dealt round and round through all strata, so that neither within one nor in all does a
    # policy get more than one customer too many.
    start = np.where(strata["agreed"], 0, (first + drawn.cumsum() - drawn) % count)
    strata = strata.assign(lots=np.where(strata["agreed"], 1, count), start=start)
    rows = _with_control(case, _rows(strata, names, cells))
    return replace(lots, strata=_with_chances(case, strata, rows, names), rows=rows)


def draw_lots(case: Case, lots: Lots, *, seed: int) -> nw.LazyFrame:
    """Draw each customer's lot and arm.

    `seed` is that of `deal`; whom a policy would make an offer is drawn with that of the case.

    Returns
    -------
    narwhals.LazyFrame
        The columns of `pmlib.strategy.contacts.draw_contacts`, then ``policy`` (whose lot was
        drawn; `AGREED`), ``lot_propensity`` (chance that the lots make this offer) and
        ``stratum``. Watched products have a row of their own, of arm ``watch``, in cell 0
        and without propensity; ``propensity`` is else the chance to be drawn by the policy, by the
        lot and for the arm.
    """
    count = nw.col("customer_id").cum_count()
    keys = [c for c in lots.places.columns if c != "stratum"]
    placed = lots.options.join(case.engine.from_pandas(lots.places), on=keys, how="inner")
    dealt = case.engine.from_pandas(lots.strata[["stratum", "lots", "start"]])
    placed = placed.join(dealt, on="stratum", how="inner").with_columns(
        turn=uniform("customer_hash", seed=seed + _LOT_STREAM)
    )
    rank = count.over("stratum", order_by=["turn", "customer_id"]) - 1 + nw.col("start")
    placed = placed.with_columns(lot=rank % nw.col("lots"))
    share = nw.lit(0.0)
    for lot, name in enumerate(lots.policies):
        own = nw.when(nw.col("lot") == lot).then(nw.col(f"share_{name}"))
        share = own.otherwise(share)
    rows = case.engine.from_pandas(lots.rows)
    drawn = placed.with_columns(drawn_share=share).join(rows, on=["stratum", "lot"], how="inner")
    watched = nw.col("box") == 0
    chance = nw.col("drawn_share") * nw.col("lot_propensity") * nw.col("of_arm")
    return draw_arms(drawn, "box", seed=seed).with_columns(
        arm=nw.when(watched).then(nw.lit(WATCHED)).otherwise(nw.col("arm")),
        propensity=nw.when(~watched).then(chance),
    ).select(
        "customer_id", "segment", "product_id", "channel", "arm", "propensity", "cell", "policy",
        "lot_propensity", "stratum",
    )  # fmt: skip


def _options(case: Case, plans: Mapping[str, Plan]) -> nw.LazyFrame:
    """What each policy would offer every customer; see `Lots.options`."""
    groups, channels = case.groups, len(case.catalogue.channels)
    codes = encode(groups.state)
    homes = codes.assign(segment=groups.segment, group=np.arange(len(groups.size)))
    frame = case.states.join(
        case.engine.from_pandas(homes), on=["segment", *codes.columns], how="inner"
    ).select("customer_id", "customer_hash", "segment", "group")
    for name, plan in plans.items():
        offers = stretches(plan)
        offers["option"] = 1 + offers["product"] * channels + offers["channel"]
        drawn = draw_customers(
            case.states, case, plan, case.engine, offers, seed=case.params.seed
        ).select("customer_id", **{f"option_{name}": "option", f"share_{name}": "drawn_share"})
        frame = frame.join(drawn, on="customer_id", how="left")
        frame = frame.with_columns(nw.col(f"option_{name}").fill_null(0))
    return frame


def _strata(
    case: Case, placed: nw.LazyFrame, names: tuple[str, ...], cells: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Strata, alike offers beside each other, and the stratum of each group and options."""
    options = [f"option_{name}" for name in names]
    keys = ["group", *options]
    counted = placed.group_by(keys).agg(customers=nw.len())
    table = collect(counted, sort_by=keys)
    table = table[(table[options] > 0).any(axis=1)].reset_index(drop=True)
    of_cell = [f"cell_{name}" for name in names]
    for option, cell in zip(options, of_cell, strict=True):
        table[cell] = _cell(case, cells, table["group"].to_numpy(), table[option].to_numpy())
    by = [*options, *of_cell]
    strata = table.groupby(by, as_index=False)["customers"].sum()
    strata["agreed"] = strata[of_cell].eq(strata[of_cell[0]], axis=0).all(axis=1)
    strata.insert(0, "stratum", np.arange(1, len(strata) + 1))
    places = table.merge(strata[["stratum", *by]], on=by)[[*keys, "stratum"]]
    return strata[["stratum", "customers", *of_cell, "agreed"]], places


def _cell(case: Case, cells: pd.DataFrame, group: np.ndarray, option: np.ndarray) -> np.ndarray:
    """The cell of the design that an option falls in for a customer of a group; or `NOBODY`."""
    menu = case.catalogue
    product, channel = np.divmod(np.maximum(option - 1, 0), len(menu.channels))
    found = cells_of(case.groups, menu, cells, group, product, channel)["cell"]
    return np.where(option > 0, found, NOBODY).astype(np.int64)


def _rows(strata: pd.DataFrame, names: tuple[str, ...], cells: pd.DataFrame) -> pd.DataFrame:
    """What stands in the contact plan for a customer of each stratum and lot; without control.

    Beside the columns of `Lots.rows`, ``n`` (customers).
    """
    product = cells.set_index("cell")["product_id"]
    channel = cells.set_index("cell")["channel"]
    place = {name: -1 - at for at, name in enumerate(sorted(set(channel)))}
    rows = []
    for row in strata.to_dict("records"):
        offered = [row[f"cell_{name}"] for name in names]
        watched = list(dict.fromkeys(product[cell] for cell in offered if cell != NOBODY))
        for lot in range(row["lots"]):
            n = (row["customers"] - 1 - (lot - row["start"]) % row["lots"]) // row["lots"] + 1
            cell = offered[lot]
            same = sum(cell == other for other in offered) / len(names)
            policy = AGREED if row["agreed"] else names[lot]
            of = (row["stratum"], lot, n, policy, same)
            if cell != NOBODY:
                # What the plan itself offers is split cell by cell, as without lots.
                box = cell if cell == offered[0] else place[channel[cell]]
                rows.append((*of, product[cell], channel[cell], cell, box))
            own = product[cell] if cell != NOBODY else None
            rows += [(*of, other, None, NOBODY, 0) for other in watched if other != own]
    columns = ["stratum", "lot", "n", "policy", "lot_propensity", "product_id", "channel", "cell"]
    return pd.DataFrame(rows, columns=[*columns, "box"])


def _with_control(case: Case, rows: pd.DataFrame) -> pd.DataFrame:
    """How many of each box are left alone: their share rounded up, and more where a limit asks."""
    made = rows[rows["box"] != 0]
    boxes = made.groupby("box").agg(n=("n", "sum"), channel=("channel", "first"))
    control = pd.Series(held_back(boxes["n"], case.control_share), boxes.index)
    cost = case.catalogue.channels.set_index("channel")["cost"]
    room = dict(zip(case.catalogue.channel_names, case.limits.capacity, strict=True))
    # Lots are dealt one customer at a time, so a channel can come out a few above its capacity.
    order = boxes.sort_values("n", ascending=False, kind="stable").index
    for channel, capacity in room.items():
        own = order[(boxes["channel"] == channel)[order]]
        excess = np.ceil((boxes["n"] - control)[own].sum() - capacity - 1e-9)
        control = _more(control, boxes["n"], own, excess)
    dearest = boxes.assign(cost=boxes["channel"].map(cost)).loc[order]
    for _, own in sorted(dearest.groupby("cost"), reverse=True):
        price = own["cost"].iloc[0]
        spent = ((boxes["n"] - control) * boxes["channel"].map(cost)).sum()
        if price > 0:
            excess = np.ceil((spent - case.limits.budget) / price - 1e-9)
            control = _more(control, boxes["n"], own.index, excess)
    boxes["n_control"] = control.astype(np.int64)
    boxes["held_out"] = control / boxes["n"]
    rows = rows.merge(boxes[["n_control", "held_out"]], left_on="box", right_index=True, how="left")
    return rows.fillna({"n_control": 0, "held_out": 0.0}).astype({"n_control": np.int64})


def _more(control: pd.Series, n: pd.Series, boxes: pd.Index, excess: float) -> pd.Series:
    """Leave so many more alone, in the largest boxes first."""
    control = control.copy()
    for box in boxes:
        if excess <= 0:
            break
        more = min(excess, n[box] - control[box])
        control[box] += more
        excess -= more
    return control


def _with_chances(
    case: Case, strata: pd.DataFrame, rows: pd.DataFrame, names: tuple[str, ...]
) -> pd.DataFrame:
    """The chance of each stratum's customers to get what a policy offers, and to get nothing."""
    mains = rows[rows["box"] != 0].set_index(["stratum", "lot"])["held_out"]
    kept = {}
    for lot in range(len(names)):
        at = pd.MultiIndex.from_arrays([strata["stratum"], np.full(len(strata), lot)])
        kept[lot] = 1 - mains.reindex(at).to_numpy()  # NaN where the lot's policy offers nothing
    cells = strata[[f"cell_{name}" for name in names]].to_numpy()
    # Of strata that agree everybody draws lot 0.
    share = np.where(strata["agreed"].to_numpy()[:, None], [1.0] + [0.0] * (len(names) - 1),
                     1 / len(names))  # fmt: skip
    offered = share * np.nan_to_num(np.column_stack([kept[lot] for lot in range(len(names))]))
    chances = {"contacts": strata["customers"] * case.made, "alone": 1 - offered.sum(axis=1)}
    for at, name in enumerate(names):
        same = cells == cells[:, [at]]
        made = (offered * same).sum(axis=1)
        chances[f"made_{name}"] = np.where(cells[:, at] == NOBODY, chances["alone"], made)
    return strata.assign(**chances)
