"""What is acquired after what: order, and the time between."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.association.rules import named
from pmlib.canon.holdings import opened_by
from pmlib.engine import collect, day_number
from pmlib.inference.many_tests import holm
from pmlib.inference.proportions import wilson
from pmlib.numbers import Finding, Number, needs
from pmlib.safeguards import suppress

if TYPE_CHECKING:
    from pmlib.association.findings import HeldProducts
    from pmlib.params import Parameters

# A transition is named when it is surely this many times as frequent as expected.
_OUT_OF_PROPORTION = 1.2
_ENOUGH = 30  # customers that a transition or a pair needs to be named
_DRAWN = 24  # transitions


@needs("holdings", "products")
def acquisition_order(
    tables: Mapping[str, nw.LazyFrame], held: HeldProducts, params: Parameters
) -> Finding:
    r"""Count what customers acquire after what, products by name.

    Parameters
    ----------
    tables : mapping
        Canonical tables; of ``holdings`` customer_id, product_id, opened_on. Products closed since
        count too; those without an opening date do not.

    Returns
    -------
    Finding
        A row a transition, most customers first: product, other (the next one acquired),
        customers, share (of all next acquisitions after `product`), share_low, share_high,
        expected (customers, if the next product did not depend on the last), ratio (customers /
        expected), median_gap (days); small groups suppressed. Table *flow*: the most frequent of
        these. Table *precedence*, a row a pair: product, other, customers (who acquired both, on
        different days), share_first (who acquired `product`, which more often comes first, before
        `other`), low, high, p_adjusted (that both orders are as common; sign test, Holm), ordered
        (bool). Without rows where no order is known.

    Notes
    -----
    Only the first opening of each product counts. The next acquisition is what was opened on the
    next later day on which anything was opened; products opened on the same day have no order.
    Expected counts fit the rows' and columns' totals with an empty diagonal (quasi-independence):
    :math:`e_{ab} = r_a c_b` for :math:`a \neq b`, by iterative proportional fitting.
    """
    minimum, enough = params.min_group_size, max(params.min_group_size, _ENOUGH)
    counted = _counted(tables["holdings"], held.as_of)
    following = counted[counted["follows"]].drop(columns="follows").reset_index(drop=True)
    following = named(_transitions(following, params.confidence_level), held.names)
    first = named(_precedence(counted, params.confidence_level, params.error_rate), held.names)
    if not len(following):
        return Finding(facts={"acquired_next": "no_dates", "acquired_first": "not_told"})
    numbers = (
        Number("n_acquisitions_followed", int(following["customers"].sum()), "count"),
        Number("n_pairs_ordered", int(first["ordered"].sum()), "count"),
    )
    next_fact, next_quotes = _what_follows(following, enough)
    first_fact, first_quotes = _what_comes_first(first, enough)
    shown = suppress(following, minimum=minimum).drop(columns="suppressed")
    return Finding(
        shown.dropna(subset=["customers"]),
        numbers,
        {"acquired_next": next_fact, "acquired_first": first_fact},
        {**next_quotes, **first_quotes, "enough": enough},
        {
            "flow": following[following["customers"] >= minimum].head(_DRAWN),
            "precedence": first[first["customers"] >= minimum],
        },
    )


def surely_ordered(
    holdings: nw.LazyFrame, *, as_of: dt.date, params: Parameters
) -> set[tuple[str, str]]:
    """Pairs of products of which the first is surely acquired before the second, by id.

    The *ordered* pairs of `acquisition_order`; none where no opening dates tell.
    """
    counted = _counted(holdings, as_of)
    first = _precedence(counted, params.confidence_level, params.error_rate)
    sure = first[first["ordered"]]
    return set(zip(sure["product"], sure["other"], strict=True))


def _what_follows(following: pd.DataFrame, enough: int) -> tuple[str, dict[str, Any]]:
    """Whether a transition is out of proportion, and which one is most."""
    known = following[following["customers"] >= enough]
    if known.empty:
        return "too_few", {}
    ends = following[["product", "other"]].to_numpy()
    for product in ends[0]:
        if (ends == product).any(axis=1).all():
            return "through_one", {"hub": product}
    surely = known["ratio"] * known["share_low"] / known["share"]
    if surely.max() < _OUT_OF_PROPORTION:
        return "in_proportion", {}
    top = known.sort_values("ratio", ascending=False, kind="stable").iloc[0]
    low, high = top["ratio"] * top[["share_low", "share_high"]] / top["share"]
    return "out_of_proportion", {
        "last": top["product"],
        "next": top["other"],
        "ratio": Number("", top["ratio"], "ratio", low, high, decimals=1),
        "gap": Number("", top["median_gap"], "days", decimals=0),
    }


def _what_comes_first(first: pd.DataFrame, enough: int) -> tuple[str, dict[str, Any]]:
    """Whether a pair of products is surely ordered, and which one most surely."""
    known = first[first["customers"] >= enough]
    ordered = known[known["ordered"]]
    if not len(ordered):
        return "none_sure" if len(known) else "not_told", {}
    top = ordered.loc[ordered["low"].idxmax()]
    return "sure", {
        "earlier": top["product"],
        "later": top["other"],
        "share_first": Number(
            "", top["share_first"], "share", top["low"], top["high"], of=top["customers"]
        ),
        "ordered": Number("", len(ordered), "count"),
        "pairs": Number("", len(known), "count"),
    }


def _counted(holdings: nw.LazyFrame, as_of: dt.date) -> pd.DataFrame:
    """Count customers by (earlier product, later product, whether it was the next)."""
    days = {"product": nw.col("product_id"), "day": day_number("opened_on")}
    opened = holdings.filter(opened_by(as_of)).select("customer_id", **days)
    first = opened.group_by("customer_id", "product").agg(day=nw.col("day").min())
    later = first.select("customer_id", other=nw.col("product"), other_day=nw.col("day"))
    pairs = first.join(later, on="customer_id").filter(nw.col("other_day") > nw.col("day"))
    pairs = pairs.with_columns(
        next_day=nw.col("other_day").min().over("customer_id", "product"),
        gap=(nw.col("other_day") - nw.col("day")).cast(nw.Float64),
    )
    pairs = pairs.with_columns(follows=nw.col("other_day") == nw.col("next_day"))
    grouped = pairs.group_by("product", "other", "follows")
    counts = grouped.agg(customers=nw.len(), median_gap=nw.col("gap").median())
    return collect(counts, sort_by=["product", "other", "follows"])


def _transitions(following: pd.DataFrame, confidence_level: float) -> pd.DataFrame:
    table = following.astype({"customers": "int64", "median_gap": float})
    after = table.groupby("product")["customers"].transform("sum")
    table["share"] = table["customers"] / after
    table["share_low"], table["share_high"] = wilson(
        table["customers"], after, confidence_level=confidence_level
    )
    table["expected"] = _quasi_independent(table)
    table["ratio"] = table["customers"] / table["expected"]
    table["median_gap"] = table.pop("median_gap")
    return _sorted_down(table, "customers")


def _quasi_independent(table: pd.DataFrame) -> np.ndarray:
    """Expected counts under independence off the diagonal."""
    if not len(table):
        return np.zeros(0)
    products = sorted({*table["product"], *table["other"]})
    place = {product: i for i, product in enumerate(products)}
    rows, columns = table["product"].map(place), table["other"].map(place)
    observed = np.zeros((len(products), len(products)))
    observed[rows, columns] = table["customers"]
    fitted = 1.0 - np.eye(len(products))
    for _ in range(500):
        for axis in (1, 0):
            total = fitted.sum(axis=axis, keepdims=True)
            target = observed.sum(axis=axis, keepdims=True)
            fitted = fitted * np.divide(target, total, out=np.zeros_like(total), where=total > 0)
    return fitted[rows, columns]


def _precedence(counted: pd.DataFrame, confidence_level: float, error_rate: float) -> pd.DataFrame:
    from scipy.stats import binomtest

    both = counted.groupby(["product", "other"])["customers"].sum()
    rows = []
    for (a, b), n_first in both.items():
        n_second = int(both.get((b, a), 0))
        if n_first > n_second or (n_first == n_second and a < b):
            total = int(n_first) + n_second
            rows.append((a, b, total, int(n_first), binomtest(int(n_first), total).pvalue))
    table = pd.DataFrame(rows, columns=["product", "other", "customers", "n_first", "p_value"])
    table["share_first"] = table["n_first"] / table["customers"]
    table["low"], table["high"] = wilson(
        table["n_first"], table["customers"], confidence_level=confidence_level
    )
    table["p_adjusted"] = holm(table["p_value"].to_numpy(dtype=float))
    table["ordered"] = table["p_adjusted"] <= error_rate
    return _sorted_down(table.drop(columns=["n_first", "p_value"]), "share_first")


def _sorted_down(table: pd.DataFrame, value: str) -> pd.DataFrame:
    order = [value, "product", "other"]
    return table.sort_values(order, ascending=[False, True, True], kind="stable", ignore_index=True)
