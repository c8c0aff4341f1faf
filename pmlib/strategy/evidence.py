"""What is known about offers: contacts counted per cell and arm in the engine.

Three kinds of evidence, never mixed up:

``uplift``
    A randomised pilot with control: rate of those offered minus rate of the control.
``response``
    Contacts without such a control: the rate of those contacted, which also counts those who
    would have bought anyway.
``association``
    No contacts: how many customers of the cell hold the product, times an assumed take-up.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Literal

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.association.baskets import Baskets
from pmlib.canon.contacts import answered, campaigns, in_control, inverse_propensity, made
from pmlib.canon.customers import held_out
from pmlib.canon.holdings import held_before, held_products, surely_held_before
from pmlib.engine import Engine, collect, day_number
from pmlib.strategy.catalogue import Catalogue, in_force
from pmlib.strategy.cells import Sources, holds_antecedent, mark_held, relevant_products

Kind = Literal["uplift", "response", "association"]
Outcome = Literal["response", "value"]

CELL = ["segment", "holds", "product_id", "channel"]

PARTS = tuple(range(8))
"""Parts of the customers, at random."""

SECOND_HALF = PARTS[4:]
"""Made segments were chosen by outcomes of the others."""

JUDGING = ((0, 1), (2, 3), (4, 5), (6, 7), (0, 2), (1, 3), (4, 6), (5, 7))
"""Parts that judge plans made without them: a quarter each, every part in two, within a half."""


@dataclass(frozen=True)
class Evidence:
    """Contacts (or holdings) counted per cell and arm.

    `tallies` has ``fold`` (one of `PARTS`), ``segment, holds, product_id, channel`` ("" where the
    row stands for every channel), ``control`` (bool), ``rows``, ``w`` and ``w2`` (sums of weights
    and of squared weights), ``wy`` and ``wyy`` (weighted sums of the outcome and its square).
    Weights are inverse propensities; 1 where none is recorded. Where the outcome is a value, ``ws``
    is the weighted number of sales.
    """

    tallies: pd.DataFrame
    kind: Kind
    outcome: Outcome  # 0 or 1, or currency
    common_control: bool  # the control was not assigned to a product: all products share it
    take_up: float = 1.0  # from holding rate to sales a contact, of associations
    restates_holdings: bool = False  # see `response_is_holding`
    undrawn_control: bool = False  # a control group is on record, but not how it was drawn
    left_out: tuple[str, ...] = ()  # channels of contacts that the study does not declare

    @property
    def tells(self) -> bool:
        """Whether it tells the effect of any offer: some cell was offered, and has its control."""
        control = self.tallies["control"]
        offered = self.tallies[~control]
        if self.kind == "uplift":
            offered = offered.merge(self.tallies.loc[control, CELL[:3]].drop_duplicates())
        return not offered.empty

    def of_folds(self, folds: Iterable[int]) -> Evidence:
        """Keep some parts of the customers."""
        return replace(self, tallies=self.tallies[self.tallies["fold"].isin(list(folds))])

    def coarsened(self, *, segments: bool, rules: bool) -> Evidence:
        """Forget segments or rules, as a policy does that does not use them."""
        tallies = self.tallies.assign(
            segment=self.tallies["segment"] if segments else 0,
            holds=self.tallies["holds"] if rules else False,
        )
        tallies = tallies.groupby(["fold", *CELL, "control"], as_index=False).sum()
        return replace(self, tallies=tallies)


def moments(sums: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Mean and variance of the outcome, from sums of `Evidence.tallies`."""
    mean = sums["wy"] / sums["w"]
    return mean, sums["wyy"] / sums["w"] - mean**2


def offered_products(contacts: nw.LazyFrame) -> tuple[str, ...]:
    """Products that customers were contacted for."""
    offers = made(contacts).filter(~nw.col("product_id").is_null()).select("product_id")
    return tuple(collect(offers.unique(), sort_by=["product_id"])["product_id"])


def response_is_holding(holdings: nw.LazyFrame, contacts: nw.LazyFrame, *, as_of: dt.date) -> bool:
    """Whether responding and holding the product offered are the same facts, but for 1 %.

    Rules found in such holdings were found in the outcomes, so outcomes cannot test them.
    """
    pair = ["customer_id", "product_id"]
    held = held_products(holdings, as_of).with_columns(held=nw.lit(1, dtype=nw.Int64))
    known = answered(contacts).select(*pair, "responded").unique().join(held, on=pair, how="left")
    share = known.group_by("responded").agg(held=nw.col("held").fill_null(0).mean())
    counts = collect(share, sort_by=["responded"])
    shares = dict(zip(counts["responded"].astype(bool), counts["held"], strict=True))
    return shares.get(True, 0.0) >= 0.99 and shares.get(False, 1.0) <= 0.01


def count_contacts(
    sources: Sources, catalogue: Catalogue, engine: Engine, *, outcome: Outcome, seed: int
) -> Evidence:
    """Count past contacts into cells, in the engine.

    Where there is a randomised campaign, see `pmlib.canon.contacts.campaigns`, only such campaigns
    count and the kind is "uplift"; otherwise all contacts made count and the kind is "response".
    Offers of products the customer already held are left out. Whether an antecedent was held is
    looked up as of before the contact. The seed decides which customers are in which part.
    There are no tallies where no offer of a product not yet held has a known outcome.
    Contacts through channels that the study does not declare are left out: what they cost now
    nobody knows. Where no contact has a channel, each stands for all.
    """
    assert sources.contacts is not None
    _, kind, common, undrawn = _campaigns(sources.contacts)
    rows = contact_rows(sources, catalogue, engine, outcome=outcome, seed=seed)
    weight, y = nw.col("weight"), nw.col("y")
    keys = ["usable", "fold", *CELL, "control"]
    sums = {"w": weight, "w2": weight * weight, "wy": weight * y, "wyy": weight * y * y}
    if outcome == "value":
        sums["ws"] = weight * (y != 0).cast(nw.Float64)
    counts = {"rows": nw.len(), **{name: term.sum() for name, term in sums.items()}}
    tallies = collect(rows.group_by(*keys).agg(**counts), sort_by=keys)
    usable = tallies.pop("usable").astype(bool)
    tallies = tallies[usable].reset_index(drop=True)
    tallies["holds"] = tallies["holds"].astype(bool)
    undeclared = _channels(sources.contacts) - {*catalogue.channel_names}
    return Evidence(
        tallies, kind, outcome, common, undrawn_control=undrawn, left_out=tuple(sorted(undeclared))
    )


def _channels(contacts: nw.LazyFrame) -> set[str]:
    """Channels that customers were contacted through, as far as they are recorded."""
    named = made(contacts).select("channel").drop_nulls().unique()
    return set(collect(named, sort_by=["channel"])["channel"])


def contact_rows(
    sources: Sources, catalogue: Catalogue, engine: Engine, *, outcome: Outcome, seed: int
) -> nw.LazyFrame:
    """The contacts that effects are learnt from, one by one; arguments as `count_contacts`.

    Columns: ``campaign_id, customer_id, product_id, channel`` ("" for controls), ``control``
    (bool), ``weight`` (inverse propensity), ``y``, ``fold, segment, holds`` (0 or 1), ``usable``
    (bool) and, where there are holdings, ``held_<position>`` on the day before. A control without a
    product has a row for each product.
    """
    assert sources.contacts is not None
    usable, kind, common, _ = _campaigns(sources.contacts)
    contacts = sources.contacts.filter(nw.col("campaign_id").is_in(usable))
    if kind == "response":
        contacts = made(contacts)
    y = nw.col("responded").cast(nw.Float64) if outcome == "response" else nw.col("value")
    rows = contacts.select(
        "campaign_id",
        "customer_id",
        "product_id",
        # "" stands for every channel: that of a control, and of a contact whose is not recorded.
        channel=nw.when(in_control()).then(nw.lit("")).otherwise(nw.col("channel").fill_null("")),
        control=in_control(),
        day=day_number("contacted_on"),
        weight=inverse_propensity(),
        y=y.cast(nw.Float64),
    )
    if _channels(sources.contacts):
        rows = rows.filter(nw.col("control") | nw.col("channel").is_in(catalogue.channel_names))
    if common:
        rows = _for_every_product(rows, catalogue, engine)
    return _with_cell(rows, sources, catalogue, seed=seed)


def count_holdings(baskets: Baskets, catalogue: Catalogue, *, take_up: float) -> Evidence:
    """Count holders per cell, where a study has no contacts to learn from.

    The baskets are of customers on whom the rules were not found; `take_up` is the assumed number
    of sales per contact and holding rate, 0 to 1.
    """
    position = {product: i for i, product in enumerate(baskets.products)}
    parts = []
    for product in catalogue.product_ids:
        holds = np.zeros(len(baskets.customers), dtype=bool)
        for rule in catalogue.antecedents.get(product, ()):
            holds |= in_force(rule, baskets, position)
        holders = baskets.customers * baskets.held[:, position[product]]
        table = pd.DataFrame({"segment": baskets.segment, "holds": holds, "product_id": product})
        parts.append(table.assign(w=baskets.customers, wy=holders))
    keys = ["product_id", "segment", "holds"]
    tallies = pd.concat(parts).groupby(keys)[["w", "wy"]].sum().astype(float).reset_index()
    rows, w2, wyy = tallies["w"].astype(int), tallies["w"], tallies["wy"]
    tallies = tallies.assign(fold=0, channel="", control=False, rows=rows, w2=w2, wyy=wyy)
    return Evidence(tallies, "association", "response", common_control=False, take_up=take_up)


def _campaigns(contacts: nw.LazyFrame) -> tuple[list[str], Kind, bool, bool]:
    """The campaigns to learn from, what they can tell, and what their control groups are.

    Whether products share a control, and whether one is left unused, its draw not being known.
    """
    table = campaigns(contacts)
    randomised = table[table["randomised"]]
    if randomised.empty:
        return list(table["campaign_id"]), "response", False, bool((table["control"] > 0).any())
    shared = bool((randomised["shared_control"] > 0).any())
    return list(randomised["campaign_id"]), "uplift", shared, False


def _for_every_product(rows: nw.LazyFrame, catalogue: Catalogue, engine: Engine) -> nw.LazyFrame:
    """Let a control without a product stand as control of every product."""
    ghosts = engine.from_pandas(pd.DataFrame({"product_id": list(catalogue.product_ids)}))
    columns = rows.collect_schema().names()
    shared = rows.filter(nw.col("product_id").is_null()).drop("product_id")
    shared = shared.join(ghosts, how="cross").select(*columns)
    return nw.concat([rows.filter(~nw.col("product_id").is_null()), shared], how="vertical")


def _with_cell(
    rows: nw.LazyFrame, sources: Sources, catalogue: Catalogue, *, seed: int
) -> nw.LazyFrame:
    """Add segment, fold, holds and whether the row can be learnt from."""
    above = [part / len(PARTS) for part in PARTS[1:]]
    parts = [held_out(seed, share).cast(nw.Int64) for share in above]
    customers = sources.customers.select("customer_id", fold=reduce(add, parts))
    assignments = sources.assignments.select("customer_id", "segment")
    for people in (customers, assignments):
        rows = rows.join(people, on="customer_id", how="inner")
    known = ~nw.col("y").is_null()
    if sources.holdings is None:
        return rows.with_columns(holds=nw.lit(0, dtype=nw.Int64), usable=known)
    products = relevant_products(catalogue)
    keys = ["campaign_id", "customer_id"]
    holdings = sources.holdings.select("customer_id", "product_id", "opened_on", "closed_on")
    contacted = rows.select(*keys, "day").unique()
    dated = contacted.join(holdings, on="customer_id", how="inner")
    held = mark_held(dated, products, keys=keys, held=held_before(nw.col("day")))
    # Where an opening date is not known the offered product may be what the contact sold, so
    # only a dated opening says that it was held before.
    before = dated.filter(surely_held_before(nw.col("day"))).select(*keys, "product_id").unique()
    before = before.with_columns(already=nw.lit(1, dtype=nw.Int64))
    rows = rows.join(held, on=keys, how="left").join(before, on=[*keys, "product_id"], how="left")
    unknown = [*(f"held_{i}" for i in range(len(products))), "already"]
    rows = rows.with_columns(*[nw.col(name).fill_null(0) for name in unknown])
    of_product = [
        (nw.col("product_id") == product).cast(nw.Int64) * holds_antecedent(catalogue, product)
        for product in catalogue.product_ids
    ]
    return rows.with_columns(holds=reduce(add, of_product), usable=known & (nw.col("already") == 0))
