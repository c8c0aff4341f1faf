"""How unequally the customers contribute: Lorenz curve, Gini index, share of the top fifth."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.canon.customers import joined_by
from pmlib.canon.holdings import held_products
from pmlib.engine import collect, day_number
from pmlib.inference.normal import normal_quantile
from pmlib.numbers import Finding, Level, Number, Phrase
from pmlib.profiling.quality import count_rows, iso_day, one
from pmlib.safeguards import dominated

# Totals are counted in bins of this relative width, so that what leaves the engine stays small;
# within a bin all customers are taken as equal, which changes the Gini index by less than its
# square.
_BIN_WIDTH = 0.002
_TOP = 0.2
_TOO_FEW = 0.99  # with more customers without, the curve is a vertical line
_SUMMARY = (
    "measure", "among", "customers", "mean", "without", "gini", "gini_low", "gini_high",
    "top_share", "top_share_low", "top_share_high",
)  # fmt: skip


@dataclass(frozen=True)
class Measure:
    """A measure of what customers contribute.

    `key` is ``margin``, ``money_in`` or ``campaign_value``; `totals` has ``customer_id`` and
    ``value`` (currency), of which customers who contribute nothing may be absent, but who are
    counted among the `n_customers`; `first` and `last` are the days (ISO) that bound it.
    """

    key: str
    totals: nw.LazyFrame
    n_customers: int
    first: str | None = None
    last: str | None = None

    @property
    def name(self) -> Phrase:
        """What it measures."""
        return Phrase(f"measure.{self.key}", {"first": self.first, "last": self.last})


def customer_values(tables: Mapping[str, nw.LazyFrame], *, as_of: dt.date) -> tuple[Measure, ...]:
    """What each customer contributes, by every measure that the study's tables allow.

    Returns
    -------
    tuple of Measure
        ``margin`` (a year, of the products held on the day), ``money_in`` (received in the last
        365 days of payments, among those who were customers throughout), ``campaign_value`` (in
        the outcome windows of campaigns, control groups included).
    """
    customers = tables["customers"]
    found = []
    if "holdings" in tables and "products" in tables:
        held = held_products(tables["holdings"], as_of)
        held = held.join(tables["products"], on="product_id", how="inner")
        found.append(Measure("margin", _total(held, "annual_margin"), count_rows(customers)))
    if "transactions" in tables:
        booked = nw.col("booked_on")
        dated = tables["transactions"].filter(booked <= as_of)
        ends = {"first": day_number(booked.min()), "last": day_number(booked.max())}
        begin, end = collect(dated.select(**ends), sort_by=()).iloc[0]
        if pd.notna(end):
            first, last = max(int(begin), int(end) - 364), int(end)
            there = joined_by(customers, dt.date.fromordinal(first))
            recent = dated.filter(nw.col("amount") > 0, booked >= dt.date.fromordinal(first))
            total = _total(recent.join(there, on="customer_id", how="semi"), "amount")
            days = iso_day(first), iso_day(last)
            found.append(Measure("money_in", total, count_rows(there), *days))
    if "contacts" in tables:
        total = _total(tables["contacts"], "value")
        found.append(Measure("campaign_value", total, count_rows(total)))
    return tuple(found)


def concentration(
    measures: Sequence[Measure], *, confidence_level: float = 0.95, minimum: int = 10
) -> Finding:
    """Lorenz curve, Gini index and share of the top fifth, for each measure of value.

    Parameters
    ----------
    measures : sequence of Measure
        As `customer_values` returns them.
    minimum : int
        No point of the curve sets fewer customers apart.

    Returns
    -------
    Finding
        ``measure``, ``among`` whom and how many ``customers``, ``mean`` a customer (currency),
        ``without`` (share of customers who contribute nothing), ``gini`` and ``top_share`` (of
        the most valuable 20 %), each with ``_low`` and ``_high``. Further table: *curve*, Lorenz
        curves with ``measure``, ``customers`` (share, poorest first), ``value`` (their share of
        the total).

    Notes
    -----
    Intervals are asymptotic, by linearisation: the Gini index after Davidson (2009, Journal of
    Econometrics 150, 30-40), the ordinate of the Lorenz curve after Beach and Davidson (1983,
    Review of Economic Studies 50, 723-735). A measure that is negative for some customers has
    no Lorenz curve and is left out, which its sentence says.
    """
    z = normal_quantile(confidence_level)
    curves, rows, numbers, sentences = [], [], [], []
    for measure in measures:
        bins = _bins(measure)
        if bins is None:
            sentences.append(Phrase("concentration.negative", {"measure": measure.name}))
            continue
        n, x = bins["n"].to_numpy(float), bins["mean"].to_numpy(float)
        if not (n * x).sum() > 0:
            continue
        gini, gini_se = _gini(n, x)
        top, top_se = _top_share(n, x, _TOP)
        values = (
            measure.name, measure.key, int(n.sum()),
            np.nan if dominated((n * x).sum(), (n * x * x).sum()) else (n * x).sum() / n.sum(),
            n[x == 0].sum() / n.sum(),
            gini, max(gini - z * gini_se, 0.0), min(gini + z * gini_se, 1.0),
            top, max(top - z * top_se, 0.0), min(top + z * top_se, 1.0),
        )  # fmt: skip
        rows.append(dict(zip(_SUMMARY, values, strict=True)))
        if rows[-1]["without"] < _TOO_FEW:
            curves.append(_curve(n, x, minimum).assign(measure=measure.name))
        found, sentence = _headline(measure, rows[-1])
        numbers += found
        sentences.append(sentence)
    empty = pd.DataFrame(columns=["measure", "customers", "value"])
    curve = pd.concat(curves, ignore_index=True)[list(empty.columns)] if curves else empty
    return Finding(
        pd.DataFrame(rows, columns=_SUMMARY), tuple(numbers), {}, {"measures": sentences},
        {"curve": curve},
    )  # fmt: skip


def _headline(measure: Measure, row: Mapping[str, Any]) -> tuple[list[Number], Phrase]:
    """Numbers of a measure, and the sentence that quotes them."""
    key, about = measure.key, {"first": measure.first, "last": measure.last}
    ends = row["gini_low"], row["gini_high"]
    gini = Number(f"gini_{key}", row["gini"], "", *ends, decimals=3, about=about)
    quotes = {"measure": measure.name, "among": Level("among", key), "gini": gini}
    if row["without"] > 1 - _TOP:
        some = Number(
            f"contributors_{key}", 1 - row["without"], "share", about=about, of=row["customers"]
        )
        return [gini, some], Phrase("concentration.few", {**quotes, "contributors": some})
    ends = row["top_share_low"], row["top_share_high"]
    top = Number(f"top20_{key}", row["top_share"], "share", *ends, about=about)
    return [gini, top], Phrase("concentration.top", {**quotes, "top": top})


def _total(rows: nw.LazyFrame, column: str) -> nw.LazyFrame:
    """Sum a column by customer, those without a known value left out."""
    values = rows.select("customer_id", value=nw.col(column).cast(nw.Float64)).drop_nulls("value")
    return values.group_by("customer_id").agg(value=nw.col("value").sum())


def _bins(measure: Measure) -> pd.DataFrame | None:
    """Customers and mean value a bin of nearly equal totals; None when a total is negative."""
    frame = measure.totals
    value = nw.col("value")
    lowest = one(frame, value.min())
    if pd.notna(lowest) and lowest < 0:
        return None
    number = (value.log() / float(np.log1p(_BIN_WIDTH))).floor()
    positive = frame.filter(value > 0).with_columns(_bin=number)
    bins = collect(positive.group_by("_bin").agg(n=nw.len(), total=value.sum()), sort_by=["_bin"])
    bins["mean"] = bins["total"] / bins["n"]
    nothing = pd.DataFrame({"n": [measure.n_customers - int(bins["n"].sum())], "mean": [0.0]})
    bins = pd.concat([nothing, bins[["n", "mean"]]], ignore_index=True)
    return bins[bins["n"] > 0].reset_index(drop=True)


def _gini(n: np.ndarray, x: np.ndarray) -> tuple[float, float]:
    """Gini index and its standard error, from n customers at each value x, ascending."""
    total, mean = n.sum(), (n * x).sum() / n.sum()
    rank = (np.cumsum(n) - n / 2) / total  # share of customers below, ties half
    below = (np.cumsum(n * x) - n * x / 2) / total
    gini = 2 * (n * x * rank).sum() / (total * mean) - 1
    z = -(gini + 1) * x + 2 * (rank * x - below)
    centred = z - (n * z).sum() / total
    return float(gini), float(np.sqrt((n * centred**2).sum()) / (total * mean))


def _top_share(n: np.ndarray, x: np.ndarray, top: float) -> tuple[float, float]:
    """Share of the total held by the top customers, and its standard error."""
    total, mean = n.sum(), (n * x).sum() / n.sum()
    p = 1 - top
    at = min(int(np.searchsorted(np.cumsum(n), p * total)), len(n) - 1)
    # The customers at the quantile are divided so that exactly the share p lies below.
    ordinate = _lorenz(n, x, np.array([p]))[0]
    influence = (np.minimum(x, x[at]) - x[at]) + p * x[at] - x * ordinate
    centred = influence - (n * influence).sum() / total
    return float(1 - ordinate), float(np.sqrt((n * centred**2).sum()) / (total * mean))


def _lorenz(n: np.ndarray, x: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Ordinates of the Lorenz curve: linear between values, since customers at one are equal."""
    customers = np.concatenate([[0.0], np.cumsum(n) / n.sum()])
    value = np.concatenate([[0.0], np.cumsum(n * x) / (n * x).sum()])
    return np.interp(p, customers, value)


def _curve(n: np.ndarray, x: np.ndarray, minimum: int) -> pd.DataFrame:
    points = int(np.clip(n.sum() // minimum, 1, 100))
    p = np.linspace(0, 1, points + 1)
    return pd.DataFrame({"customers": p, "value": _lorenz(n, x, p)})
