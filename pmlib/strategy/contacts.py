"""The contact plan: which customer gets which offer, who is held out, with what probability.

Customers are drawn within groups in a random order that depends only on their hash and the
seed. With several contacts a customer the order is wrapped around (McNaughton's rule), so that
no one gets the same product twice or more contacts than allowed.
"""

from __future__ import annotations

from pathlib import Path

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow.csv
import pyarrow.parquet

from pmlib.engine import Engine, uniform
from pmlib.strategy.case import Case
from pmlib.strategy.catalogue import Catalogue
from pmlib.strategy.cells import HOLDS, Groups, customer_states, encode
from pmlib.strategy.design import Design
from pmlib.strategy.plan import Plan

_ORDER_STREAM, _ARM_STREAM = 4002, 4003


def contact_plan(
    case: Case, design: Design, engine: Engine, *, cool_down: int, control_share: float, seed: int
) -> nw.LazyFrame:
    """Draw the contact plan of a study's design; see `draw_contacts`."""
    assert design.policy.plan is not None
    return draw_contacts(
        customer_states(case.sources, case.catalogue, cool_down=cool_down),
        case.groups,
        design.policy.plan,
        case.catalogue,
        engine,
        cells=design.cells,
        control_share=control_share,
        seed=seed,
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
        arm=nw.when(control).then(nw.lit("control")).otherwise(nw.lit("offer")),
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
    table = table.assign(
        segment=groups.segment[group],
        holds=groups.state[group, product] == HOLDS,
        product_id=np.asarray(catalogue.product_ids, dtype=object)[product],
        channel=np.asarray(catalogue.channel_names, dtype=object)[table["channel"]],
        size=groups.size[group],
        start=ends - table["customers"],
        end=ends,
    ).merge(cells[["cell", *_KEYS]], on=_KEYS, how="left", validate="many_to_one")
    planned = table.groupby("cell")["customers"].transform("sum")
    n_control = np.ceil(planned * control_share - 1e-9).astype(np.int64)
    return pd.DataFrame(
        {
            "home": table["group"],
            "size": table["size"],
            "start": table["start"],
            "end": table["end"],
            "product_id": table["product_id"],
            "channel": table["channel"],
            "cell": table["cell"],
            "n_control": n_control,
            "drawn_share": table["customers"] / table["size"],
            "held_out": n_control / planned,
        }
    )


_KEYS = ["segment", "holds", "product_id", "channel"]


def export_csv(parquet: Path) -> Path:
    """Copy a contact plan to CSV for a CRM, a batch at a time; the copy stands beside it."""
    csv = parquet.with_suffix(".csv")
    source = pyarrow.parquet.ParquetFile(parquet)
    with pyarrow.csv.CSVWriter(csv, source.schema_arrow) as writer:
        for batch in source.iter_batches():
            writer.write_batch(batch)
    return csv
