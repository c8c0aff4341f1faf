"""Who the customers are, how long they have been here, how active they are, what they hold."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import narwhals as nw
import numpy as np
import pandas as pd
from scipy.stats import norm

from pmlib.artifacts import Number
from pmlib.engine import collect, day_number
from pmlib.safeguards import suppress, wilson

if TYPE_CHECKING:
    from pmlib.studies import Attribute

AGE_EDGES = (18, 25, 35, 45, 55, 65, 75)
"""Lower ends of the age bands, after "under 18"."""

TENURE_EDGES = (1, 2, 5, 10, 15, 20)
"""Lower ends of the bands of years with the bank, after "under 1"."""

_MOST_LEVELS = 12  # a text with more levels is shown by its commonest and the rest together
_DAYS_A_YEAR = 365.2425


def age(as_of: dt.date) -> nw.Expr:
    """Completed years of life on a day, from the column ``birth_date``."""
    born = nw.col("birth_date")
    birthday = born.dt.month().cast(nw.Int64) * 100 + born.dt.day().cast(nw.Int64)
    not_yet = (birthday > as_of.month * 100 + as_of.day).cast(nw.Int64)
    return nw.lit(as_of.year) - born.dt.year().cast(nw.Int64) - not_yet


def band(value: nw.Expr, edges: tuple[int, ...]) -> nw.Expr:
    """Number of edges that a value reaches: 0 below the first; null stays null."""
    reached = (value >= edges[0]).cast(nw.Int64)
    for edge in edges[1:]:
        reached = reached + (value >= edge).cast(nw.Int64)
    return reached


def band_names(edges: tuple[int, ...]) -> list[str]:
    """Names of the bands that `band` numbers.

    Examples
    --------
    >>> band_names((18, 25))
    ['under 18', '18–24', '25 and over']
    """
    inner = [
        f"{low}–{high - 1}" if high > low + 1 else f"{low}"
        for low, high in itertools.pairwise(edges)
    ]
    return [f"under {edges[0]}", *inner, f"{edges[-1]} and over"]


# --- structure ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Structure:
    """Composition of the customers.

    Attributes
    ----------
    levels : pandas.DataFrame
        ``dimension`` (age, gender, region, years with the bank, and each declared attribute),
        ``role``, ``level``, ``customers``, ``share`` with ``low`` and ``high`` (Wilson),
        ``suppressed``. Dimensions and levels in the order in which to show them.
    amounts : pandas.DataFrame
        Numeric attributes with many values: ``attribute``, ``role``, ``unit``, ``customers``,
        ``mean`` with ``low`` and ``high``, ``sd``, ``p10``, ``median``, ``p90``.
    numbers : tuple of Number
    text : str
        Markdown.
    """

    levels: pd.DataFrame
    amounts: pd.DataFrame
    numbers: tuple[Number, ...]
    text: str


def customer_structure(
    customers: nw.LazyFrame,
    *,
    as_of: dt.date,
    attributes: Mapping[str, Attribute] | None = None,
    level: float = 0.95,
    minimum: int = 10,
) -> Structure:
    """Describe the customers by age, gender, region, tenure and every declared attribute.

    Parameters
    ----------
    customers : narwhals.LazyFrame
    as_of : datetime.date
        Ages and tenures are counted to this day.
    attributes : mapping, optional
        Name to ``Attribute`` of the study.
    level : float
        Confidence level.
    minimum : int
        Smallest number of customers that may be shown; smaller cells are suppressed.
    """
    schema = customers.collect_schema()
    parts, amounts = [], []
    if "birth_date" in schema.names():
        parts.append(_banded(customers, age(as_of), AGE_EDGES, "Age"))
    parts += [
        _by_level(customers, name, name.capitalize(), "descriptor")
        for name in ("gender", "region")
        if name in schema.names()
    ]
    if "joined_on" in schema.names():
        years = (nw.lit(as_of.toordinal()) - day_number("joined_on")) / _DAYS_A_YEAR
        parts.append(_banded(customers, years, TENURE_EDGES, "Years with the bank"))
    for name, attribute in (attributes or {}).items():
        if name not in schema.names():
            continue
        few = _distinct(customers, name) <= _MOST_LEVELS
        if schema[name].is_numeric() and not few:
            amounts.append(_amount(customers, name, attribute, level))
        else:
            parts.append(_by_level(customers, name, attribute.label, attribute.role))
    levels = _finish(parts, level, minimum)
    n = int(collect(customers.select(n=nw.len()), sort_by=())["n"].iloc[0])
    numbers = [Number("customers", n, "customers", meaning="customers in the study")]
    text = "The study describes {customers} customers."
    for dimension, key, what in (
        ("Age", "commonest_age_band", "the commonest age band is {commonest_age_band}"),
        (
            "Years with the bank",
            "commonest_tenure",
            "the commonest time with the bank is {commonest_tenure} years",
        ),
    ):
        shown = levels[(levels["dimension"] == dimension) & ~levels["suppressed"]]
        if len(shown):
            top = str(shown.loc[shown["customers"].idxmax(), "level"])
            numbers.append(Number(key, top, meaning=f"level with most customers: {dimension}"))
            text = f"{text[:-1]}; {what}."
    columns = ["attribute", "role", "unit", "customers", "mean", "low", "high", "sd"]
    table = pd.DataFrame(amounts, columns=[*columns, "p10", "median", "p90"])
    return Structure(levels, table, tuple(numbers), text)


def age_by_gender(customers: nw.LazyFrame, *, as_of: dt.date, minimum: int = 10) -> pd.DataFrame:
    """Cross-table of age band and gender, small cells suppressed.

    Returns
    -------
    pandas.DataFrame
        ``age_band``, ``gender``, ``customers``, ``suppressed``; bands from young to old.
        Customers whose age or gender is not known are left out.
    """
    table = collect(
        customers.with_columns(_band=band(age(as_of), AGE_EDGES))
        .filter(~nw.col("_band").is_null() & ~nw.col("gender").is_null())
        .group_by("_band", "gender")
        .agg(customers=nw.len()),
        sort_by=["_band", "gender"],
    )
    names = band_names(AGE_EDGES)
    table.insert(0, "age_band", [names[int(position)] for position in table.pop("_band")])
    return suppress(table, minimum=minimum, by=("age_band", "gender"))


def _banded(
    customers: nw.LazyFrame, value: nw.Expr, edges: tuple[int, ...], dimension: str
) -> pd.DataFrame:
    table = collect(
        customers.select(_band=band(value, edges)).group_by("_band").agg(customers=nw.len()),
        sort_by=["_band"],
    )
    counts = dict(zip(table["_band"], table["customers"], strict=True))
    names = band_names(edges)
    rows = [(names[i], counts[i]) for i in range(len(names)) if i in counts]
    unknown = table.loc[table["_band"].isna(), "customers"].sum()
    if unknown:
        rows.append(("not known", unknown))
    frame = pd.DataFrame(rows, columns=["level", "customers"])
    return frame.assign(dimension=dimension, role="descriptor")


def _by_level(customers: nw.LazyFrame, name: str, label: str, role: str) -> pd.DataFrame:
    """Customers by level, commonest first; numbers and flags in their own order."""
    kind = customers.collect_schema()[name]
    table = collect(
        customers.select(level=nw.col(name)).group_by("level").agg(customers=nw.len()),
        sort_by=["level"],
    )
    known, unknown = table.dropna(subset=["level"]), table[table["level"].isna()]
    if kind.is_numeric():
        known = known.assign(level=[f"{value:g}" for value in known["level"]])
    elif kind == nw.Boolean:
        known = known.assign(level=["yes" if value else "no" for value in known["level"]])
    else:
        known = known.sort_values("customers", ascending=False, kind="stable")
    if len(known) > _MOST_LEVELS:
        rest = known.iloc[_MOST_LEVELS - 1 :]
        others = {"level": f"{len(rest)} others", "customers": rest["customers"].sum()}
        known = pd.concat([known.iloc[: _MOST_LEVELS - 1], pd.DataFrame([others])])
    frame = pd.concat([known, unknown.assign(level="not known")], ignore_index=True)
    return frame.assign(dimension=label, role=role)


def _finish(parts: list[pd.DataFrame], level: float, minimum: int) -> pd.DataFrame:
    columns = ["dimension", "role", "level", "customers", "share", "low", "high"]
    done = []
    for part in parts:
        total = part["customers"].sum()
        low, high = wilson(part["customers"], np.full(len(part), total), level=level)
        shares = part.assign(share=part["customers"] / total, low=low, high=high)
        done.append(suppress(shares[columns], minimum=minimum))
    if not done:
        return pd.DataFrame(columns=[*columns, "suppressed"]).astype({"suppressed": bool})
    return pd.concat(done, ignore_index=True)


def _distinct(customers: nw.LazyFrame, name: str) -> int:
    return int(collect(customers.select(n=nw.col(name).n_unique()), sort_by=())["n"].iloc[0])


def _amount(
    customers: nw.LazyFrame, name: str, attribute: Attribute, level: float
) -> dict[str, object]:
    value = nw.col(name).cast(nw.Float64)
    row = collect(
        customers.select(
            n=value.count(),
            mean=value.mean(),
            sd=value.std(),
            p10=value.quantile(0.1, "linear"),
            median=value.quantile(0.5, "linear"),
            p90=value.quantile(0.9, "linear"),
        ),
        sort_by=(),
    ).iloc[0]
    half = norm.ppf(0.5 + level / 2) * row["sd"] / np.sqrt(row["n"])
    return {
        "attribute": attribute.label,
        "role": attribute.role,
        "unit": attribute.unit,
        "customers": int(row["n"]),
        "mean": row["mean"],
        "low": row["mean"] - half,
        "high": row["mean"] + half,
        "sd": row["sd"],
        "p10": row["p10"],
        "median": row["median"],
        "p90": row["p90"],
    }


# --- activity -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Activity:
    """Payments by month.

    Attributes
    ----------
    months : pandas.DataFrame
        ``month`` (YYYY-MM), ``transactions``, ``active`` customers, ``customers`` then with the
        bank, ``share`` active with ``low`` and ``high`` (Wilson), ``money_in``, ``money_out``
        (currency, both positive), ``whole`` (False: the data cover part of the month).
    numbers : tuple of Number
    text : str
        Markdown.
    """

    months: pd.DataFrame
    numbers: tuple[Number, ...]
    text: str


def monthly_activity(
    customers: nw.LazyFrame,
    transactions: nw.LazyFrame,
    *,
    as_of: dt.date,
    level: float = 0.95,
    minimum: int = 10,
) -> Activity:
    """Count payments, active customers and money in and out, month by month.

    The share of active customers is taken of those who had joined by the end of the month; where
    the day of joining is not known, of all customers.

    Parameters
    ----------
    customers, transactions : narwhals.LazyFrame
    as_of : datetime.date
        Later payments are left out.
    level : float
        Confidence level.
    minimum : int
        Months with fewer active customers are suppressed.
    """
    dated = transactions.with_columns(
        _day=day_number("booked_on"), _month=_month("booked_on")
    ).filter(nw.col("_day") <= as_of.toordinal())
    amount = nw.col("amount").cast(nw.Float64)
    months = collect(
        dated.group_by("_month").agg(
            transactions=nw.len(),
            active=nw.col("customer_id").n_unique(),
            money_in=nw.when(amount > 0).then(amount).sum(),
            money_out=nw.when(amount < 0).then(-amount).sum(),
        ),
        sort_by=["_month"],
    )
    span = collect(
        dated.select(first=nw.col("_day").min(), last=nw.col("_day").max()), sort_by=()
    ).iloc[0]
    months["customers"] = _joined_by(customers, months["_month"].to_numpy())
    months["share"] = months["active"] / months["customers"]
    months["low"], months["high"] = wilson(months["active"], months["customers"], level=level)
    months["whole"] = [
        _first_day(number) >= span["first"] - 3 and _first_day(number + 1) - 1 <= span["last"] + 3
        for number in months["_month"]
    ]
    months["month"] = [f"{number // 12}-{number % 12 + 1:02d}" for number in months.pop("_month")]
    columns = ["month", "transactions", "active", "customers", "share", "low", "high"]
    months = months[[*columns, "money_in", "money_out", "whole"]]
    months[["money_in", "money_out"]] = months[["money_in", "money_out"]].fillna(0.0)
    months = suppress(months, count="active", minimum=minimum, keep=("customers",))
    whole = months[months["whole"] & ~months["suppressed"]]
    numbers: tuple[Number, ...] = (
        Number("n_months_observed", len(months), "months", meaning="months with payments"),
    )
    if len(whole) < 2:
        return Activity(months, numbers, "Payments cover too few whole months to show a course.")
    last = whole.iloc[-1]
    numbers += (
        Number("active_share", last["share"], "share", last["low"], last["high"],
               meaning="customers with a payment in the last whole month"),
        Number("payments_per_active", last["transactions"] / last["active"], "",
               meaning="payments an active customer in the last whole month", decimals=1),
        Number("last_whole_month", last["month"], meaning="last whole month of payments"),
    )  # fmt: skip
    text = (
        "Payments cover {n_months_observed} months. In the last whole one, {last_whole_month}, "
        "{active_share} of the customers ({active_share.interval}) made or received a payment, "
        "{payments_per_active} each on average."
    )
    partial = months.loc[~months["whole"], "month"]
    if len(partial):
        text += f" Only part of {', '.join(partial)} is covered, which is drawn open."
    return Activity(months, numbers, text)


def _month(column: str) -> nw.Expr:
    date = nw.col(column)
    return date.dt.year().cast(nw.Int64) * 12 + date.dt.month().cast(nw.Int64) - 1


def _first_day(month: int) -> int:
    return dt.date(int(month) // 12, int(month) % 12 + 1, 1).toordinal()


def _joined_by(customers: nw.LazyFrame, months: np.ndarray) -> np.ndarray:
    """Customers who had joined by the end of each month; an unknown day counts as before."""
    if "joined_on" not in customers.collect_schema().names():
        n = int(collect(customers.select(n=nw.len()), sort_by=())["n"].iloc[0])
        return np.full(len(months), n)
    joined = collect(
        customers.select(_month=_month("joined_on")).group_by("_month").agg(n=nw.len()),
        sort_by=["_month"],
    )
    month = joined["_month"].fillna(-1).to_numpy()
    return np.array([joined["n"].to_numpy()[month <= limit].sum() for limit in months])


# --- products held ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Penetration:
    """What the customers hold.

    Attributes
    ----------
    products : pandas.DataFrame
        ``product_id``, ``name``, ``family``, ``customers`` who hold it, ``share`` of all with
        ``low`` and ``high`` (Wilson), ``suppressed``; commonest first.
    per_customer : pandas.DataFrame
        ``products`` held, ``customers``, ``share``, ``low``, ``high``, ``suppressed``.
    numbers : tuple of Number
    text : str
        Markdown.
    """

    products: pd.DataFrame
    per_customer: pd.DataFrame
    numbers: tuple[Number, ...]
    text: str


def held_products(holdings: nw.LazyFrame, *, as_of: dt.date) -> nw.LazyFrame:
    """Products held on a day, once a customer: ``customer_id``, ``product_id``.

    A holding whose opening day is not known counts as opened before.
    """
    day = as_of.toordinal()
    opened, closed = day_number("opened_on"), day_number("closed_on")
    return (
        holdings.with_columns(_opened=opened, _closed=closed)
        .filter(nw.col("_opened").is_null() | (nw.col("_opened") <= day))
        .filter(nw.col("_closed").is_null() | (nw.col("_closed") > day))
        .select("customer_id", "product_id")
        .unique()
    )


def product_penetration(
    customers: nw.LazyFrame,
    holdings: nw.LazyFrame,
    products: nw.LazyFrame,
    *,
    as_of: dt.date,
    level: float = 0.95,
    minimum: int = 10,
) -> Penetration:
    """Share of the customers who hold each product, and how many products each holds.

    Parameters
    ----------
    customers, holdings, products : narwhals.LazyFrame
    as_of : datetime.date
        Holdings open on this day count.
    level : float
        Confidence level.
    minimum : int
        Smallest number of customers that may be shown.
    """
    held = held_products(holdings, as_of=as_of)
    n = int(collect(customers.select(n=nw.len()), sort_by=())["n"].iloc[0])
    catalogue = collect(products.select("product_id", "name", "family"), sort_by=["product_id"])
    holders = collect(held.group_by("product_id").agg(customers=nw.len()), sort_by=["product_id"])
    table = catalogue.merge(holders, on="product_id", how="left")
    table["customers"] = table["customers"].fillna(0)
    table = _with_share(table, n, level).sort_values(
        ["customers", "product_id"], ascending=[False, True], kind="stable"
    )
    # Products overlap, so their sum is no total from which a small one could be found.
    table = pd.concat(
        [suppress(table.iloc[[i]], minimum=minimum) for i in range(len(table))], ignore_index=True
    )
    counted = collect(
        held.group_by("customer_id")
        .agg(products=nw.len())
        .group_by("products")
        .agg(customers=nw.len()),
        sort_by=["products"],
    )
    none = pd.DataFrame({"products": [0], "customers": [n - int(counted["customers"].sum())]})
    per_customer = pd.concat([none, counted], ignore_index=True).astype(int)
    sizes, weights = per_customer["products"].to_numpy(), per_customer["customers"].to_numpy()
    mean = float((sizes * weights).sum() / n)
    half = norm.ppf(0.5 + level / 2) * np.sqrt((weights * (sizes - mean) ** 2).sum() / n / n)
    per_customer = suppress(_with_share(per_customer, n, level), minimum=minimum, by=("products",))
    top, never = table.iloc[0], table[table["customers"] == 0]
    numbers = (
        Number("n_products", len(table), "count", meaning="products of the catalogue"),
        Number("products_per_customer", mean, "", mean - half, mean + half,
               meaning="products a customer holds on average"),
        Number("no_product_share", weights[0] / n, "share", meaning="customers without product",
               low=float(wilson(weights[:1], np.array([n]), level=level)[0][0]),
               high=float(wilson(weights[:1], np.array([n]), level=level)[1][0])),
        Number("commonest_product", str(top["name"]), meaning="product that most customers hold"),
        Number("commonest_product_share", top["share"], "share", top["low"], top["high"],
               meaning="customers who hold the commonest product"),
    )  # fmt: skip
    text = (
        "A customer holds {products_per_customer} of {n_products} products on average "
        "({products_per_customer.interval}); {no_product_share} hold none. The commonest product, "
        "{commonest_product}, is held by {commonest_product_share} "
        "({commonest_product_share.interval})."
    )
    if len(never):
        text += f" Nobody holds {', '.join(never['name'])}."
    return Penetration(table, per_customer, numbers, text)


def _with_share(table: pd.DataFrame, n: int, level: float) -> pd.DataFrame:
    low, high = wilson(table["customers"], np.full(len(table), n), level=level)
    return table.assign(share=table["customers"] / n, low=low, high=high)
