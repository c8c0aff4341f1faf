"""The contact plan: which customer gets which offer, who is held out, with what probability.

Customers are drawn within groups in a random order that depends only on their hash and the
seed. With several contacts a customer the order is wrapped around (McNaughton's rule), so that
no one gets the same product twice or more contacts than allowed. How many must be held out to show
what the plan causes is told before anyone is contacted.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from pmlib.canon.contacts import CONTROL, OFFERED
from pmlib.engine import Engine, uniform
from pmlib.files import guarded
from pmlib.inference.means import effective_number
from pmlib.inference.power import detectable_mean, detectable_rate
from pmlib.numbers import Finding, Number, Phrase, missing, needs
from pmlib.strategy.case import Case
from pmlib.strategy.catalogue import Catalogue
from pmlib.strategy.cells import HOLDS, Groups, encode
from pmlib.strategy.design import Design
from pmlib.strategy.evidence import CELL, moments
from pmlib.strategy.plan import Plan
from pmlib.strategy.problem import Problem, held_back
from pmlib.strategy.programme import OFFER

_ORDER_STREAM, _ARM_STREAM = 4002, 4003

SHARES = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
_PILOT_SHARES = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)

# A standard error that another control would shorten by less is as good.
_NOTABLE = 0.05


@needs()
def contact_plan(case: Case, design: Design) -> nw.LazyFrame:
    """Draw the contact plan of a study's design; see `draw_contacts`."""
    plan, seed = design.plan, case.params.seed
    return draw_contacts(case.states, case, plan, case.engine, cells=design.table, seed=seed)


def draw_contacts(
    states: nw.LazyFrame,
    problem: Problem,
    plan: Plan,
    engine: Engine,
    *,
    cells: pd.DataFrame,
    seed: int,
) -> nw.LazyFrame:
    """Draw the customers of the plan and split each cell at random into offer and control.

    The states are of `customer_states`, of those customers that the problem's groups count; the
    plan is on these groups, not coarsened; the cells have ``cell`` (int), ``segment, holds,
    product_id, channel``. At least the problem's `control_share` of each cell is control, so no
    limit on contacts is exceeded.

    Returns
    -------
    narwhals.LazyFrame
        ``customer_id, segment, product_id, channel, arm`` ("offer" or "control"),
        ``propensity`` (probability of this product, channel and arm for this customer),
        ``cell``.
    """
    offers = _offers(plan, problem, cells)
    drawn = draw_customers(states, problem, plan, engine, offers, seed=seed)
    chance = nw.col("drawn_share") * nw.col("of_arm")
    return draw_arms(drawn, "cell", seed=seed).with_columns(propensity=chance).select(
        "customer_id", "segment", "product_id", "channel", "arm", "propensity", "cell"
    )  # fmt: skip


def draw_arms(drawn: nw.LazyFrame, box: str, *, seed: int) -> nw.LazyFrame:
    """Split each box, a column, at random into offer and control: ``arm``, its chance ``of_arm``.

    Of the customers of a box ``n_control`` are control, the share ``held_out``.
    """
    count = nw.col("customer_id").cum_count()
    drawn = drawn.with_columns(draw=uniform("customer_hash", seed=seed + _ARM_STREAM))
    drawn = drawn.with_columns(rank=count.over(box, order_by=["draw", "customer_id"]))
    control = nw.when(nw.col("rank") <= nw.col("n_control"))
    return drawn.with_columns(
        arm=control.then(nw.lit(CONTROL)).otherwise(nw.lit(OFFERED)),
        of_arm=control.then(nw.col("held_out")).otherwise(1 - nw.col("held_out")),
    )


def draw_customers(
    states: nw.LazyFrame,
    problem: Problem,
    plan: Plan,
    engine: Engine,
    offers: pd.DataFrame,
    *,
    seed: int,
) -> nw.LazyFrame:
    """Draw the customers of each offer within groups: the states with the columns of `offers`.

    `offers` has the columns of `stretches`. Plans that share a seed take the same customers where
    they agree.
    """
    codes = encode(problem.groups.state)
    homes = codes.assign(segment=problem.groups.segment, home=plan.origin)
    homes = homes[homes["home"] >= 0]
    placed = states.join(engine.from_pandas(homes), on=["segment", *codes.columns], how="inner")
    placed = placed.with_columns(turn=uniform("customer_hash", seed=seed + _ORDER_STREAM))
    count = nw.col("customer_id").cum_count()
    placed = placed.with_columns(place=count.over("home", order_by=["turn", "customer_id"]) - 1)
    drawn = placed.join(engine.from_pandas(offers), on="home", how="inner")
    turns = [nw.col("place") + s * nw.col("size") for s in range(plan.limits.contact_limit)]
    inside = [(turn >= nw.col("start")) & (turn < nw.col("end")) for turn in turns]
    return drawn.filter(nw.any_horizontal(*inside, ignore_nulls=False))


def stretches(plan: Plan) -> pd.DataFrame:
    """One row a group and offer: ``home, product, channel`` (positions), its stretch of places.

    The stretch is ``size`` (customers of the group), ``start`` and ``end``; ``customers`` planned,
    and ``drawn_share``, the chance of a customer of the group.
    """
    table = plan.allocation.sort_values(OFFER, ignore_index=True)
    end = table.groupby("group")["customers"].cumsum()
    size = plan.groups.size[table["group"]]
    table = table.assign(
        size=size, start=end - table["customers"], end=end, drawn_share=table["customers"] / size
    )
    return table.rename(columns={"group": "home"})


def _offers(plan: Plan, problem: Problem, cells: pd.DataFrame) -> pd.DataFrame:
    """The stretches of a plan with the cell of each, and how many are held out."""
    table = stretches(plan)
    offers = (table[name].to_numpy() for name in ("home", "product", "channel"))
    table = table.assign(**cells_of(plan.groups, problem.catalogue, cells, *offers))
    planned = table.groupby("cell")["customers"].transform("sum")
    n_control = held_back(planned, problem.control_share).astype(np.int64)
    table = table.assign(n_control=n_control, held_out=n_control / planned)
    return table.drop(columns=["segment", "holds", "product", "customers"])


def cells_of(
    groups: Groups, menu: Catalogue, cells: pd.DataFrame,
    group: np.ndarray, product: np.ndarray, channel: np.ndarray,
) -> pd.DataFrame:  # fmt: skip
    """The cell of the design that each offer (positions) to a group falls in.

    Columns: ``segment, holds, product_id, channel, cell``.
    """
    keys = {
        "segment": groups.segment[group],
        "holds": groups.state[group, product] == HOLDS,
        "product_id": np.asarray(menu.product_ids, dtype=object)[product],
        "channel": np.asarray(menu.channel_names, dtype=object)[channel],
    }
    table = pd.DataFrame(keys)
    return table.merge(cells[["cell", *CELL]], on=CELL, how="left", validate="many_to_one")


def export_csv(parquet: Path) -> Path:
    """Copy a contact plan, where one was drawn, to CSV for a CRM, a batch at a time; beside it.

    No cell is a formula to a spreadsheet, and an id such as +49… stays text: an apostrophe before
    it says so, which is taken away again when results are read.
    """
    csv = parquet.with_suffix(".csv")
    if not parquet.is_file():
        return csv
    source = pyarrow.parquet.ParquetFile(parquet)
    with pyarrow.csv.CSVWriter(csv, source.schema_arrow) as writer:
        csv.chmod(0o600)
        for batch in source.iter_batches():
            writer.write_batch(
                pa.RecordBatch.from_arrays([*map(_guarded, batch)], schema=batch.schema)
            )
    return csv


def _guarded(column: pa.Array) -> pa.Array:
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column
    return pa.array([c and guarded(c) for c in column.to_pylist()], type=column.type)


@needs()
def control_group(case: Case, design: Design) -> Finding:
    """Tabulate what control groups of several sizes can show about a plan.

    The evidence's control tells the rate without an offer. Where there is no control, the rate of
    those contacted stands for it: the case that offers cause nothing.

    The table has ``control_share, offered, control, detectable, expected``: smallest uplift that
    can be shown and uplift expected, in the outcome's unit (sales or currency a contact). Without a
    control on record ``expected`` is the whole response, or what was assumed. Facts: whether the
    control is large enough, and whether to carry the plan out or to test it.
    """
    evidence, chosen, cells = case.evidence, case.control_share, design.planned
    if cells.empty:
        return missing("no_plan")
    measured, is_rate = evidence.kind == "uplift", evidence.outcome == "response"
    table, base = smallest_shown(case, cells, sorted({*SHARES, chosen} - {0.0}))
    own = table.loc[table["control_share"] == chosen, "detectable"]
    enough = table.loc[table["detectable"] <= table["expected"], "control_share"]
    size = "too_small" if chosen else "none_kept"
    if chosen and enough.empty:
        size = "never_enough"
    elif chosen and chosen >= enough.min():
        size = "enough"
    decision = "carry_out_as_test" if size == "enough" else "carry_out"
    unit = "points" if is_rate else "currency"
    uplift = Number(_COUNTED_ON[evidence.kind], table["expected"].iloc[0], unit)
    return Finding(
        table,
        (Number("minimum_detectable_uplift", own.iloc[0] if len(own) else None, unit), uplift),
        facts={"control_size": size, "plan_decision": decision if measured else "test"},
        quotes={
            "counted_on": Phrase(f"counted-on.{evidence.kind}", {"uplift": uplift}),
            "base": Number("", base, "share" if is_rate else "currency"),
            "sufficient": Number("", enough.min() if len(enough) else None, "share", decimals=0),
            "control_share": chosen,
            "kept": Number("", int((cells["planned"] - cells["offers"]).sum()), "customers"),
            "unit": unit,
        },
    )


def smallest_shown(
    case: Case, cells: pd.DataFrame, shares: Sequence[float]
) -> tuple[pd.DataFrame, float]:
    """What control groups of some `shares` can show of planned cells: the table of `control_group`.

    Beside it stands the rate (or mean) without an offer that it rests on.
    """
    evidence, planned = case.evidence, int(cells["planned"].sum())
    weights = cells["planned"] / planned
    expected = float((weights * cells["effect"]).sum())
    # Mean and variance of the outcome in each arm, for the products as planned.
    sums = evidence.tallies.groupby(["control", "product_id"])[["w", "wy", "wyy"]].sum()
    arms = {
        arm: weights @ of_arm.droplevel("control").reindex(cells["product_id"]).to_numpy()
        for arm, of_arm in pd.concat(moments(sums), axis=1).groupby("control")
    }
    measured = evidence.kind == "uplift"
    base = arms[True][0] if measured else expected
    rows = []
    for share in shares:
        control = int(held_back(planned, share))
        offered = planned - control
        if evidence.outcome == "response":
            found = detectable_rate(offered, control, base=base, error_rate=case.error_rate)
        else:
            variances = arms[False][1] / max(offered, 1), arms[measured][1] / control
            found = detectable_mean(*variances, error_rate=case.error_rate)
        rows.append((share, offered, control, found, expected))
    columns = ["control_share", "offered", "control", "detectable", "expected"]
    return pd.DataFrame(rows, columns=columns), float(base)


_COUNTED_ON = {
    "uplift": "expected_uplift", "response": "possible_uplift", "association": "assumed_uplift"
}  # fmt: skip


@needs()
def pilot_control(case: Case, design: Design) -> Finding:
    r"""Tell how sharply a pilot of the same size shows the plan's profit, by its share of control.

    The plan's profit as the pilot measures it, product by product: sales of those offered through
    the planned channels less sales of the control, times margin and planned contacts. With $a$ and
    $b$ its variances from those offered and from the control at the pilot's own share $s_0$, that
    of a share $s$ is $a (1 - s_0) / (1 - s) + b s_0 / s$, least where the arms are as their
    standard deviations (Neyman 1934). Cells borrow from each other, so the plan's own interval
    is another; the curve tells what more or less control would change.

    The table has ``control_share, standard_error`` (currency). Fact: whether more control would
    help.
    """
    cells, evidence = design.planned, case.evidence
    if cells.empty:
        return missing("no_plan")
    if design.effects.kind != "uplift":
        return missing("no_pilot")
    money = cells.assign(money=cells["offers"] * cells["margin"])
    load = money.groupby(["product_id", "channel"])["money"].sum()
    sums = ["rows", "w", "w2", "wy", "wyy"]
    arms = evidence.tallies.groupby(["control", "product_id", "channel"])[sums].sum()
    variance = moments(arms)[1] / effective_number(arms["w"], arms["w2"])
    of_offered = float((load**2 * variance.xs(key=False).reindex(load.index)).sum())
    by_product, kept = load.groupby("product_id").sum(), variance.xs(key=True).droplevel("channel")
    of_control = float((by_product**2 * kept.reindex(by_product.index)).sum())
    rows = arms["rows"].groupby("control").sum().astype(float)
    if evidence.common_control:  # counted once a product, and every product errs with it
        rows[True] /= arms.xs(key=True)["rows"].size
        spread = np.sqrt(kept.reindex(by_product.index))
        of_control = float((by_product * spread).sum() ** 2)
    now = float(rows[True] / rows.sum())
    a, b = of_offered * (1 - now), of_control * now
    best = float(np.sqrt(b) / (np.sqrt(a) + np.sqrt(b)))
    shares = np.array(sorted({*_PILOT_SHARES, now, best}))
    table = pd.DataFrame(
        {"control_share": shares, "standard_error": np.sqrt(a / (1 - shares) + b / shares)}
    )
    own, least = (float(np.sqrt(a / (1 - s) + b / s)) for s in (now, best))
    more = "more" if best > now else "less"
    return Finding(
        table,
        (
            Number("pilot_control_share", now, "share", decimals=0),
            Number("pilot_control_best", best, "share", decimals=0),
            Number("pilot_control_gain", 1 - least / own, "share"),
        ),
        facts={"pilot_control": more if least < (1 - _NOTABLE) * own else "right"},
        quotes={"own": Number("", own, "currency"), "least": Number("", least, "currency"),
                "notable": Number("", _NOTABLE, "share", decimals=0), "chosen": now},
    )  # fmt: skip
