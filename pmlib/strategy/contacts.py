"""The contact plan: which customer gets which offer, who is held out, with what probability.

Customers are drawn within groups in a random order that depends only on their hash and the
seed. With several contacts a customer the order is wrapped around (McNaughton's rule), so that
no one gets the same product twice or more contacts than allowed. How many must be held out to show
what the plan causes is told before anyone is contacted.
"""

from __future__ import annotations

from pathlib import Path

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow.csv
import pyarrow.parquet

from pmlib.canon.contacts import CONTROL
from pmlib.engine import Engine, uniform
from pmlib.inference.power import detectable_mean, detectable_rate
from pmlib.numbers import Number, format_number
from pmlib.numbers import WordedFinding as Finding
from pmlib.strategy.case import Case
from pmlib.strategy.catalogue import Catalogue
from pmlib.strategy.cells import HOLDS, Groups, encode
from pmlib.strategy.design import Design
from pmlib.strategy.evidence import Evidence
from pmlib.strategy.plan import Plan

_ORDER_STREAM, _ARM_STREAM = 4002, 4003


POWER = 0.8
"""Chance of showing an effect of the size asked for: the convention in trials."""

SHARES = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)


def contact_plan(case: Case, design: Design) -> nw.LazyFrame:
    """Draw the contact plan of a study's design; see `draw_contacts`."""
    return draw_contacts(
        case.states,
        case.groups,
        design.plan,
        case.catalogue,
        case.engine,
        cells=design.cells,
        control_share=case.control_share,
        seed=case.params.seed,
    )


def draw_contacts(
    states: nw.LazyFrame,
    groups: Groups,
    plan: Plan,
    catalogue: Catalogue,
    engine: Engine,
    *,
    cells: pd.DataFrame,
    control_share: float,
    seed: int,
) -> nw.LazyFrame:
    """Draw the customers of the plan and split each cell at random into offer and control.

    Parameters
    ----------
    states : narwhals.LazyFrame
        From `customer_states`.
    groups : Groups
        Those customers, counted.
    plan : Plan
        Planned on `groups`, not coarsened.
    catalogue : Catalogue
    engine : Engine
    cells : pandas.DataFrame
        ``cell`` (int), ``segment, holds, product_id, channel``.
    control_share : float
        At least this share of each cell is control, so no limit on contacts is exceeded.
    seed : int

    Returns
    -------
    narwhals.LazyFrame
        ``customer_id, segment, product_id, channel, arm`` ("offer" or "control"),
        ``propensity`` (probability of this product, channel and arm for this customer),
        ``cell``.
    """
    codes = encode(groups.state)
    homes = codes.assign(segment=groups.segment, home=plan.origin)
    homes = homes[homes["home"] >= 0]
    offers = _offers(plan, catalogue, cells, control_share)
    placed = (
        states.join(engine.from_pandas(homes), on=["segment", *codes.columns], how="inner")
        .with_columns(turn=uniform("customer_hash", seed=seed + _ORDER_STREAM))
        .with_columns(
            place=nw.col("customer_id").cum_count().over("home", order_by=["turn", "customer_id"])
            - 1
        )
    )
    drawn = placed.join(engine.from_pandas(offers), on="home", how="inner")
    inside = [
        (nw.col("place") + slot * nw.col("size") >= nw.col("start"))
        & (nw.col("place") + slot * nw.col("size") < nw.col("end"))
        for slot in range(plan.limits.contact_limit)
    ]
    drawn = drawn.filter(nw.any_horizontal(*inside, ignore_nulls=False)).with_columns(
        lot=uniform("customer_hash", seed=seed + _ARM_STREAM)
    )
    drawn = drawn.with_columns(
        rank=nw.col("customer_id").cum_count().over("cell", order_by=["lot", "customer_id"])
    )
    control = nw.col("rank") <= nw.col("n_control")
    return drawn.select(
        "customer_id",
        "segment",
        "product_id",
        "channel",
        arm=nw.when(control).then(nw.lit(CONTROL)).otherwise(nw.lit("offer")),
        propensity=nw.col("drawn_share")
        * nw.when(control).then(nw.col("held_out")).otherwise(1 - nw.col("held_out")),
        cell=nw.col("cell"),
    )


def _offers(
    plan: Plan, catalogue: Catalogue, cells: pd.DataFrame, control_share: float
) -> pd.DataFrame:
    """One row a group and offer: its stretch of places, its cell, how many are held out."""
    table = plan.allocation.sort_values(["group", "product", "channel"], ignore_index=True)
    groups = plan.groups
    group, product = table["group"].to_numpy(), table["product"].to_numpy()
    ends = table.groupby("group")["customers"].cumsum()
    size = groups.size[group]
    table = table.assign(
        home=group,
        size=size,
        start=ends - table["customers"],
        end=ends,
        segment=groups.segment[group],
        holds=groups.state[group, product] == HOLDS,
        product_id=np.asarray(catalogue.product_ids, dtype=object)[product],
        channel=np.asarray(catalogue.channel_names, dtype=object)[table["channel"]],
        drawn_share=table["customers"] / size,
    ).merge(cells[["cell", *_KEYS]], on=_KEYS, how="left", validate="many_to_one")
    planned = table.groupby("cell")["customers"].transform("sum")
    n_control = np.ceil(planned * control_share - 1e-9).astype(np.int64)
    table = table.assign(n_control=n_control, held_out=n_control / planned)
    return table.drop(columns=["group", "product", "customers", "segment", "holds"])


_KEYS = ["segment", "holds", "product_id", "channel"]


def export_csv(parquet: Path) -> Path:
    """Copy a contact plan to CSV for a CRM, a batch at a time; the copy stands beside it."""
    csv = parquet.with_suffix(".csv")
    source = pyarrow.parquet.ParquetFile(parquet)
    with pyarrow.csv.CSVWriter(csv, source.schema_arrow) as writer:
        for batch in source.iter_batches():
            writer.write_batch(batch)
    return csv


def control_group(case: Case, design: Design) -> Finding:
    """Tabulate what control groups of several sizes can show about a plan.

    The evidence's control tells the rate without an offer. Where there is no control, the rate of
    those contacted stands for it: the case that offers cause nothing.

    Returns
    -------
    Finding
        Table: ``control_share, offered, control, detectable, expected``: smallest uplift that can
        be shown and uplift expected, in the outcome's unit (sales or currency a contact). Without
        a control on record ``expected`` is the whole response, or what was assumed.
    """
    evidence = case.evidence
    cells = design.cells[design.cells["planned"] > 0]
    planned = int(cells["planned"].sum())
    if planned == 0:
        return Finding(pd.DataFrame(), (), "The plan is empty, so no control group is needed.")
    weights = cells["planned"] / planned
    expected = float((weights * cells["effect"]).sum())
    # Mean and variance of the outcome in each arm, for the products as planned.
    sums = evidence.tallies.groupby(["control", "product_id"])[["w", "wy", "wyy"]].sum()
    mean = sums["wy"] / sums["w"]
    moments = pd.DataFrame({"mean": mean, "variance": sums["wyy"] / sums["w"] - mean**2})
    arms = {
        arm: weights @ of_arm.droplevel("control").reindex(cells["product_id"]).to_numpy()
        for arm, of_arm in moments.groupby("control")
    }
    base = arms[True][0] if evidence.kind == "uplift" else expected
    rows = []
    for share in sorted({*SHARES, case.control_share} - {0.0}):
        control = int(np.ceil(planned * share))
        offered = planned - control
        if evidence.outcome == "response":
            found = detectable_rate(offered, control, base=base, error_rate=case.error_rate)
        else:
            found = detectable_mean(
                arms[False][1] / max(offered, 1), arms[evidence.kind == "uplift"][1] / control,
                error_rate=case.error_rate,
            )  # fmt: skip
        rows.append((share, offered, control, found, expected))
    columns = ["control_share", "offered", "control", "detectable", "expected"]
    table = pd.DataFrame(rows, columns=columns)
    return Finding(table, *_described(table, evidence, case.control_share, base))


def _described(
    table: pd.DataFrame, evidence: Evidence, control_share: float, base: float
) -> tuple[tuple[Number, ...], str]:
    unit = "points" if evidence.outcome == "response" else "currency"
    own = table.loc[table["control_share"] == control_share, "detectable"]
    numbers = [
        Number("minimum_detectable_uplift", own.iloc[0] if len(own) else None, unit,
               meaning="Smallest uplift that the campaign shows with power 80 %")
    ]  # fmt: skip
    expected, what = table["expected"].iloc[0], "Uplift a contact that the plan expects"
    start, word, key = "", "expected", "expected_uplift"
    if evidence.kind != "uplift":
        word, key = "assumed", "assumed_uplift"
        if evidence.kind == "response":
            word, key = "that offers cause at most", "possible_uplift"
        what = f"Uplift a contact {word}"
        start = (
            f"The control is taken to buy at the rate of the plan, {format_number(base, 'share')}. "
        )
    numbers.append(Number(key, expected, unit, meaning=what))
    enough = table.loc[table["detectable"] <= table["expected"], "control_share"]
    if enough.empty:
        text = (
            "**No control group up to half the plan** is large enough: the test will probably not "
            f"show the {{{key}}} {word}."
        )
    elif control_share == 0:
        text = "The plan keeps **no control**: what it causes cannot be measured afterwards."
    elif control_share >= enough.min():
        text = f"The control group is **large enough** to show the {{{key}}} {word}."
    else:
        text = (
            "The control group is **too small**: the test will probably not show the "
            f"{{{key}}} {word}; {enough.min():.0%} would do."
        )
    return tuple(numbers), start + text
