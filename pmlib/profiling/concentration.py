"""How unequally the customers contribute: Lorenz curve, Gini index, share of the top fifth."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import narwhals as nw
import numpy as np
import pandas as pd
from scipy.stats import norm

from pmlib.artifacts import Number
from pmlib.engine import collect, day_number
from pmlib.profiling.customers import held_products

# Totals are counted in bins of this relative width, so that what leaves the engine stays small;
# within a bin all customers are taken as equal, which changes the Gini index by less than its
# square.
_BIN_WIDTH = 0.002
_TOP = 0.2


@dataclass(frozen=True)
class Concentration:
    """How unequally the customers contribute.

    Attributes
    ----------
    curve : pandas.DataFrame
        Lorenz curves: ``measure``, ``customers`` (share, poorest first), ``value`` (their share
        of the total).
    summary : pandas.DataFrame
        ``key``, ``measure``, ``mean`` a customer (currency), ``without`` (share of customers who
        contribute nothing), ``gini`` and ``top_share`` (of the most valuable 20 %), each with
        ``_low`` and ``_high``.
    numbers : tuple of Number
    text : str
        Markdown.
    """

    curve: pd.DataFrame
    summary: pd.DataFrame
    numbers: tuple[Number, ...]
    text: str


def customer_values(
    tables: Mapping[str, nw.LazyFrame], *, as_of: dt.date
) -> dict[str, tuple[str, nw.LazyFrame]]:
    """What each customer contributes, by every measure that the study's tables allow.

    Parameters
    ----------
    tables : mapping
        Canonical table to its rows.
    as_of : datetime.date
        Holdings on this day, payments of the 365 days before, contacts until then.

    Returns
    -------
    dict
        Key to name and a frame ``customer_id``, ``value`` (currency); customers who contribute
        nothing may be absent. Keys: ``margin`` (a year, of the products held), ``money_in``
        (received in a year), ``campaign_value`` (earned in the outcome windows of contacts).
    """
    day = as_of.toordinal()
    found = {}
    if "holdings" in tables and "products" in tables:
        margins = (
            tables["products"]
            .select("product_id", value=nw.col("annual_margin").cast(nw.Float64))
            .drop_nulls("value")
        )
        found["margin"] = (
            "annual margin of products held",
            held_products(tables["holdings"], as_of=as_of).join(
                margins, on="product_id", how="inner"
            ),
        )
    if "transactions" in tables:
        found["money_in"] = (
            "money received in a year",
            tables["transactions"]
            .with_columns(_day=day_number("booked_on"))
            .filter((nw.col("amount") > 0) & (nw.col("_day") > day - 365) & (nw.col("_day") <= day))
            .select("customer_id", value=nw.col("amount").cast(nw.Float64)),
        )
    if "contacts" in tables:
        found["campaign_value"] = (
            "value earned in campaigns",
            tables["contacts"]
            .select("customer_id", value=nw.col("value").cast(nw.Float64))
            .drop_nulls("value"),
        )
    return {
        key: (name, frame.group_by("customer_id").agg(value=nw.col("value").sum()))
        for key, (name, frame) in found.items()
    }


def concentration(
    values: Mapping[str, tuple[str, nw.LazyFrame]],
    *,
    n_customers: int,
    level: float = 0.95,
    minimum: int = 10,
) -> Concentration:
    """Lorenz curve, Gini index and share of the top fifth, for each measure of value.

    Parameters
    ----------
    values : mapping
        As `customer_values` returns them.
    n_customers : int
        All customers, those who contribute nothing included.
    level : float
        Confidence level.
    minimum : int
        No point of the curve sets fewer customers apart.

    Notes
    -----
    Intervals are asymptotic, by linearisation: the Gini index after Davidson (2009, Journal of
    Econometrics 150, 30-40), the ordinate of the Lorenz curve after Beach and Davidson (1983,
    Review of Economic Studies 50, 723-735). A measure that is negative for some customers has
    no Lorenz curve and is left out; the text says so.
    """
    curves, rows, numbers, left_out = [], [], [], []
    for key, (name, frame) in values.items():
        bins = _bins(frame, n_customers)
        if bins is None:
            left_out.append(name)
            continue
        n, x = bins["n"].to_numpy(float), bins["mean"].to_numpy(float)
        if not (n * x).sum() > 0:
            continue
        gini, gini_se = _gini(n, x)
        top, top_se = _top_share(n, x, _TOP)
        z = norm.ppf(0.5 + level / 2)
        rows.append(
            {
                "key": key,
                "measure": name,
                "mean": (n * x).sum() / n.sum(),
                "without": n[x == 0].sum() / n.sum(),
                "gini": gini,
                "gini_low": max(gini - z * gini_se, 0.0),
                "gini_high": min(gini + z * gini_se, 1.0),
                "top_share": top,
                "top_share_low": max(top - z * top_se, 0.0),
                "top_share_high": min(top + z * top_se, 1.0),
            }
        )
        curves.append(_curve(n, x, minimum).assign(measure=name))
    columns = ["key", "measure", "mean", "without", "gini", "gini_low", "gini_high"]
    summary = pd.DataFrame(rows, columns=[*columns, "top_share", "top_share_low", "top_share_high"])
    empty = pd.DataFrame(columns=["measure", "customers", "value"])
    curve = pd.concat(curves, ignore_index=True)[list(empty.columns)] if curves else empty
    sentences = []
    for row in rows:
        key, name = row["key"], row["measure"]
        numbers += [
            Number(f"gini_{key}", row["gini"], "", row["gini_low"], row["gini_high"],
                   meaning=f"Gini index of {name}", decimals=3),
            Number(f"top20_{key}", row["top_share"], "share", row["top_share_low"],
                   row["top_share_high"], meaning=f"share of the top 20 % in {name}"),
        ]  # fmt: skip
        sentences.append(
            f"the top fifth of customers account for {{top20_{key}}} ({{top20_{key}.interval}}) "
            f"of the {name} (Gini index {{gini_{key}}}, {{gini_{key}.interval}})"
        )
    text = "; ".join(sentences)
    text = f"{text[0].upper()}{text[1:]}." if text else "No measure of value could be computed."
    if left_out:
        text += f" No curve for {', '.join(left_out)}: some customers' totals are negative."
    return Concentration(curve, summary, tuple(numbers), text)


def _bins(frame: nw.LazyFrame, n_customers: int) -> pd.DataFrame | None:
    """Customers and mean value a bin of nearly equal totals; None when a total is negative."""
    value = nw.col("value")
    positive = frame.filter(value > 0).with_columns(
        _bin=(value.log() / float(np.log1p(_BIN_WIDTH))).floor()
    )
    bins = collect(positive.group_by("_bin").agg(n=nw.len(), total=value.sum()), sort_by=["_bin"])
    lowest = collect(frame.select(v=value.min()), sort_by=())["v"].iloc[0]
    if pd.notna(lowest) and lowest < 0:
        return None
    bins["mean"] = bins["total"] / bins["n"]
    nothing = pd.DataFrame({"n": [n_customers - int(bins["n"].sum())], "mean": [0.0]})
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
    quantile = x[at]
    # The customers at the quantile are divided so that exactly the share p lies below.
    ordinate = _lorenz(n, x, np.array([p]))[0]
    influence = (np.minimum(x, quantile) - quantile) + p * quantile - x * ordinate
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
