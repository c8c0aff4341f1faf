"""Customers counted into groups: who may be offered what, and in which cell an offer falls.

A *cell* is segment x holds x product x channel, where *holds* says that the customer holds an
antecedent of a surviving rule ``antecedent => product``. Customers who share the segment and
the state of every product (not eligible, eligible, eligible and holding an antecedent) are
alike for the plan and form one *group*; the plan works on groups and their sizes, so its cost
does not grow with the number of customers.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.canon.contacts import made
from pmlib.canon.customers import is_minor, may_object
from pmlib.canon.holdings import held_on
from pmlib.engine import (
    Engine,
    add_up,
    collect,
    day_number,
    flag,
    greatest,
    least,
    scratch_folder,
)
from pmlib.strategy.catalogue import Catalogue

NOT_ELIGIBLE, ELIGIBLE, HOLDS = 0, 1, 2
"""State of a product for a customer; HOLDS is eligible, and holding an antecedent."""

RULES_OF_CONTACT = ("objection", "cool_down", "suitability", "own_rules")
"""Rules that can be lifted on paper, to see what they cost; the last are the study's own."""

# States are written as digits of a base-3 number: 32 digits stay below 2**53, exact everywhere.
_DIGITS = 32


@dataclass(frozen=True)
class Sources:
    """The study's tables as the plan reads them on the day `as_of`; None where the study has none.

    `assignments` has ``customer_id, segment`` of every customer. What was sold by a contact is
    among the holdings, see `pmlib.canon.holdings.with_sales`. `own_rules` is the table of
    `pmlib.studies.eligibility`; `flags` are worked out of all these, see `with_flags`.
    """

    customers: nw.LazyFrame
    assignments: nw.LazyFrame
    holdings: nw.LazyFrame | None
    contacts: nw.LazyFrame | None
    as_of: dt.date
    own_rules: nw.LazyFrame | None = None
    flags: Flags | None = None


@dataclass(frozen=True)
class Flags:
    """What is known of each customer with respect to some products and a rest between contacts."""

    products: tuple[str, ...]
    cool_down: int  # days
    frame: nw.LazyFrame  # one row a customer


@dataclass(frozen=True)
class Groups:
    """Customers who are alike for the plan, counted: G groups, P products, L segments."""

    segment: np.ndarray  # (G,) 0 where a policy does not look at segments
    state: np.ndarray  # (G, P) int8, one of NOT_ELIGIBLE, ELIGIBLE, HOLDS
    size: np.ndarray  # (G,) customers
    products: tuple[str, ...]
    segments: tuple[int, ...]  # all, in order

    @property
    def n_customers(self) -> int:
        """Customers in all groups."""
        return int(self.size.sum())

    @property
    def level(self) -> np.ndarray:
        """(G,) position of each group's segment in `segments`."""
        return np.searchsorted(np.asarray(self.segments), self.segment)

    def cell(self, group: np.ndarray, product: np.ndarray) -> tuple[np.ndarray, ...]:
        """Position in (L, 2, P) of offers of products to groups: level, holds, product."""
        holds = (self.state[group, product] == HOLDS).astype(np.int64)
        return self.level[group], holds, product

    def eligible(self) -> np.ndarray:
        """(L, 2, P) customers who may be offered a product, by segment and holds."""
        counts = np.zeros((len(self.segments), 2, len(self.products)), dtype=np.int64)
        group, product = np.nonzero(self.state != NOT_ELIGIBLE)
        np.add.at(counts, self.cell(group, product), self.size[group])
        return counts

    def coarsened(self, *, segments: bool, rules: bool) -> tuple[Groups, np.ndarray]:
        """Forget segments or rules, as a policy does that does not use them; returns as `merged`.

        What may be offered to whom stays known.
        """
        segment = self.segment if segments else np.zeros_like(self.segment)
        state = self.state if rules else np.minimum(self.state, ELIGIBLE)
        levels = self.segments if segments else (0,)
        return replace(self, segment=segment, state=state, segments=levels).merged()

    def merged(self) -> tuple[Groups, np.ndarray]:
        """Merge groups of the same segment and state; also (G,) the merged group of each group."""
        codes = encode(self.state).assign(segment=self.segment)
        number = codes.groupby(["segment", *codes.columns[:-1]]).ngroup().to_numpy()
        first = np.unique(number, return_index=True)[1]
        size = np.bincount(number, weights=self.size, minlength=len(first)).astype(np.int64)
        segment, state = self.segment[first], self.state[first]
        return replace(self, segment=segment, state=state, size=size), number


def with_flags(
    sources: Sources, catalogue: Catalogue, engine: Engine, *, cool_down: int
) -> Sources:
    """Work out once, on disk, what every question to all customers begins with."""
    path = scratch_folder(engine) / "flags.parquet"
    engine.write(_flagged(sources, catalogue, cool_down=cool_down), path)
    flags = Flags(relevant_products(catalogue), cool_down, engine.scan(path))
    return replace(sources, flags=flags)


def customer_states(
    sources: Sources, catalogue: Catalogue, *, cool_down: int, lifted: Collection[str] = ()
) -> nw.LazyFrame:
    """Give every customer who may be contacted a segment and a state for every product.

    Columns: ``customer_id, customer_hash, segment, code0, code1, ...``; a code holds 32 products as
    base-3 digits. `cool_down` are the days since the last contact before the next one is allowed, 0
    to switch the rule off; `lifted` are `RULES_OF_CONTACT` left out, for pricing them, never for a
    plan.
    """
    frame, states = stated(sources, catalogue, cool_down=cool_down, lifted=lifted)
    digits = [
        state.cast(nw.Int64) * nw.lit(3 ** (place % _DIGITS), dtype=nw.Int64)
        for place, state in enumerate(states.values())
    ]
    starts = range(0, len(states), _DIGITS)
    codes = {f"code{s // _DIGITS}": reduce(add, digits[s : s + _DIGITS]) for s in starts}
    return frame.with_columns(**codes).select("customer_id", "customer_hash", "segment", *codes)


def stated(
    sources: Sources, catalogue: Catalogue, *, cool_down: int, lifted: Collection[str] = ()
) -> tuple[nw.LazyFrame, dict[str, nw.Expr]]:
    """Those who may be contacted, and the state of each product over their columns."""
    frame = _flagged(sources, catalogue, cool_down=cool_down).filter(nw.col("minor") == 0)
    for rule, column in (("objection", "objects"), ("cool_down", "cooling")):
        if rule not in lifted:
            frame = frame.filter(nw.col(column) == 0)
    states = {}
    ratings = catalogue.products["risk_rating"]
    for product, rating in zip(catalogue.product_ids, ratings, strict=True):
        allowed = is_held(catalogue, product) == 0
        if "suitability" not in lifted and not np.isnan(rating):
            # An unknown tolerance counts as the lowest: what is not known to suit is not offered.
            allowed = allowed & (nw.col("tolerance") >= rating)
        if "own_rules" not in lifted:
            allowed = allowed & (meets_rules(catalogue, product) == 1)
        state = holds_antecedent(catalogue, product) + ELIGIBLE
        states[product] = nw.when(allowed).then(state).otherwise(nw.lit(NOT_ELIGIBLE))
    return frame, states


def meets_rules(catalogue: Catalogue, product: str) -> nw.Expr:
    """1 where the customer meets every rule of the study's own for a product."""
    columns = [nw.col(column) for column in catalogue.rules.get(product, ())]
    return least(*columns) if columns else nw.lit(1, dtype=nw.Int64)


def expected_losses(
    sources: Sources, catalogue: Catalogue, *, cool_down: int, lifted: Collection[str] = ()
) -> pd.DataFrame:
    """Add up what sales are expected to lose over the customers who may be offered them.

    One row a cell over channels, of products that have a loss: ``product_id, segment, holds,
    customers, loss`` (currency, sum).
    """
    frame, states = stated(sources, catalogue, cool_down=cool_down, lifted=lifted)
    cells = list(itertools.product(catalogue.loss_columns.items(), (ELIGIBLE, HOLDS)))
    sums = {}
    for at, ((offer, column), state) in enumerate(cells):
        sums[f"n_{at}"] = inside = flag(states[offer] == state)
        sums[f"loss_of_{at}"] = inside * nw.col(column)
    added = add_up(frame, ["segment"], sums)
    losses = pd.concat([
        pd.DataFrame({
            "product_id": offer, "segment": added["segment"], "holds": state == HOLDS,
            "customers": added[f"n_{at}"], "loss": added[f"loss_of_{at}"],
        })
        for at, ((offer, _), state) in enumerate(cells)
    ], ignore_index=True)  # fmt: skip
    return losses[losses["customers"] > 0].reset_index(drop=True)


def count_groups(states: nw.LazyFrame, catalogue: Catalogue, *, segments: Iterable[int]) -> Groups:
    """Count customers into groups: one group-by in the engine."""
    codes = list(encode(np.zeros((1, len(catalogue.products)))))
    keys = ["segment", *codes]
    counts = collect(states.group_by(*keys).agg(customers=nw.len()), sort_by=keys)
    state = decode(counts[codes].to_numpy(dtype=np.int64), n_products=len(catalogue.products))
    return Groups(
        segment=counts["segment"].to_numpy(dtype=np.int64),
        state=state,
        size=counts["customers"].to_numpy(dtype=np.int64),
        products=catalogue.product_ids,
        segments=tuple(sorted(int(segment) for segment in segments)),
    )


def decode(codes: np.ndarray, *, n_products: int) -> np.ndarray:
    """Turn base-3 codes, (G, ceil(P / 32)) integers, into states, (G, P)."""
    digits = np.arange(n_products)
    powers = 3 ** (digits % _DIGITS).astype(np.int64)
    return (codes[:, digits // _DIGITS] // powers % 3).astype(np.int8)


def encode(state: np.ndarray) -> pd.DataFrame:
    """Turn states, (G, P), into the code columns of `customer_states`."""
    columns = {}
    for start in range(0, state.shape[1], _DIGITS):
        part = state[:, start : start + _DIGITS].astype(np.int64)
        columns[f"code{start // _DIGITS}"] = part @ (3 ** np.arange(part.shape[1], dtype=np.int64))
    return pd.DataFrame(columns)


def eligibility(sources: Sources, catalogue: Catalogue, *, cool_down: int) -> pd.DataFrame:
    """Count who falls to which rule: the way from all customers to those who may be offered.

    One row a product: ``product_id, customers, minor, objecting, cooling_down, held, unsuitable,
    barred`` (by the study's own rules) and ``eligible``; the columns between sum to ``customers``,
    each rule counted after those to its left.
    """
    frame = _flagged(sources, catalogue, cool_down=cool_down)
    adult, agrees = 1 - nw.col("minor"), 1 - nw.col("objects")
    free = adult * agrees * (1 - nw.col("cooling"))
    of_all = {
        "customers": nw.len(),
        "minor": nw.col("minor").sum(),
        "objecting": (adult * nw.col("objects")).sum(),
        "cooling_down": (adult * agrees * nw.col("cooling")).sum(),
    }
    of_product = {}
    ratings = catalogue.products["risk_rating"].fillna(0)  # no rating: suits everyone
    for product, rating in zip(catalogue.product_ids, ratings, strict=True):
        held = is_held(catalogue, product)
        unsuitable = (nw.col("tolerance") < rating).cast(nw.Int64)
        of_product[f"held {product}"] = (free * held).sum()
        of_product[f"unsuitable {product}"] = (free * (1 - held) * unsuitable).sum()
        asked, barred = free * (1 - held) * (1 - unsuitable), 1 - meets_rules(catalogue, product)
        of_product[f"barred {product}"] = (asked * barred).sum()
    counts = collect(frame.select(**of_all, **of_product), sort_by=[]).iloc[0].astype(int)
    table = pd.DataFrame({"product_id": catalogue.product_ids}).assign(**counts[list(of_all)])
    for rule in ("held", "unsuitable", "barred"):
        table[rule] = [counts[f"{rule} {product}"] for product in catalogue.product_ids]
    return table.assign(eligible=table["customers"] - table.iloc[:, 2:].sum(axis=1))


def mark_held(
    holdings: nw.LazyFrame, products: Sequence[str], *, keys: Sequence[str], held: nw.Expr
) -> nw.LazyFrame:
    """Mark the products held on a day, by an expression of `pmlib.canon.holdings`.

    One row for the keys, one 0/1 column ``held_<position>`` a product.
    """
    marks = [(nw.col("product_id") == product).cast(nw.Int8).max() for product in products]
    named = {f"held_{i}": mark for i, mark in enumerate(marks)}
    return holdings.filter(held).group_by(*keys).agg(**named)


def relevant_products(catalogue: Catalogue) -> tuple[str, ...]:
    """Products whose holding matters: those on offer and those in antecedents."""
    rules = (rule for rules in catalogue.antecedents.values() for rule in rules)
    needed = {product for _, antecedent in rules for product in antecedent}
    return tuple(sorted(needed | set(catalogue.product_ids)))


def is_held(catalogue: Catalogue, product: str) -> nw.Expr:
    """1 where the product is held, over the columns of `mark_held`."""
    return nw.col(f"held_{relevant_products(catalogue).index(product)}")


def holds_antecedent(catalogue: Catalogue, product: str) -> nw.Expr:
    """1 where an antecedent of the product is held in full and its rule is for the segment.

    Reads ``segment`` and the columns of `mark_held`.
    """
    in_force = []
    for segment, antecedent in catalogue.antecedents.get(product, ()):
        inside = [(nw.col("segment") == segment).cast(nw.Int64)] if segment else []
        in_force.append(least(*[is_held(catalogue, p) for p in antecedent], *inside))
    return greatest(*in_force).cast(nw.Int64) if in_force else nw.lit(0, dtype=nw.Int64)


def _flagged(sources: Sources, catalogue: Catalogue, *, cool_down: int) -> nw.LazyFrame:
    """One row a customer: segment, minor, objects, cooling, tolerance, held_<position>.

    And, where the study has rules or losses of its own, ``rule_<i>`` (0 or 1) and ``loss_<i>``.
    """
    relevant, known = relevant_products(catalogue), sources.flags
    if known is not None and (known.products, known.cool_down) == (relevant, cool_down):
        return known.frame
    names = sources.customers.collect_schema().names()
    tolerance = nw.col("risk_tolerance").fill_null(1) if "risk_tolerance" in names else nw.lit(5)
    frame = sources.customers.select(
        "customer_id",
        "customer_hash",
        objects=may_object(sources.customers).cast(nw.Int64),
        tolerance=tolerance.cast(nw.Int64),
        minor=is_minor(sources.customers, sources.as_of).cast(nw.Int64),
    ).join(sources.assignments.select("customer_id", "segment"), on="customer_id", how="inner")
    none, key = nw.lit(0, dtype=nw.Int64), "customer_id"
    if sources.own_rules is not None:
        names = sources.own_rules.collect_schema().names()
        flags = [nw.col(name).cast(nw.Int64) for name in names if name.startswith("rule_")]
        own = sources.own_rules.with_columns(*flags)
        frame = frame.join(own, on=key, how="inner")
    if sources.contacts is not None and cool_down > 0:
        recently = day_number("contacted_on") > sources.as_of.toordinal() - cool_down
        recent = made(sources.contacts).filter(recently).select(key).unique()
        recent = recent.with_columns(cooling=nw.lit(1, dtype=nw.Int64))
        frame = frame.join(recent, on=key, how="left")
        frame = frame.with_columns(cooling=nw.col("cooling").fill_null(0))
    else:
        frame = frame.with_columns(cooling=none)
    columns = [f"held_{position}" for position in range(len(relevant))]
    if sources.holdings is None:
        return frame.with_columns(**dict.fromkeys(columns, none))
    held = mark_held(sources.holdings, relevant, keys=[key], held=held_on(sources.as_of))
    held_or_not = [nw.col(column).fill_null(0) for column in columns]
    return frame.join(held, on=key, how="left").with_columns(*held_or_not)
