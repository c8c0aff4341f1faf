"""What the customers hold: penetration of each product, products a customer."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.canon.customers import age
from pmlib.canon.holdings import held_products
from pmlib.engine import collect
from pmlib.inference.normal import normal_quantile
from pmlib.numbers import Number
from pmlib.numbers import WordedFinding as Finding
from pmlib.profiling.customers import AGE_EDGES, band, band_names
from pmlib.profiling.quality import count_rows, literal, suppress_each, with_rate
from pmlib.safeguards import suppress


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


def product_penetration(
    customers: nw.LazyFrame,
    holdings: nw.LazyFrame,
    products: nw.LazyFrame,
    *,
    as_of: dt.date,
    confidence_level: float = 0.95,
    minimum: int = 10,
) -> Penetration:
    """Share of the customers who hold each product, and how many products each holds.

    Parameters
    ----------
    customers, holdings, products : narwhals.LazyFrame
    as_of : datetime.date
        Holdings open on this day count.
    confidence_level : float
        Confidence level.
    minimum : int
        Smallest number of customers that may be shown.
    """
    held = held_products(holdings, as_of)
    n = count_rows(customers)
    catalogue = collect(products.select("product_id", "name", "family"), sort_by=["product_id"])
    holders = collect(held.group_by("product_id").agg(customers=nw.len()), sort_by=["product_id"])
    table = catalogue.merge(holders, on="product_id", how="left")
    table["customers"] = table["customers"].fillna(0)
    table = with_rate(table, "customers", n, confidence_level=confidence_level).sort_values(
        ["customers", "product_id"], ascending=[False, True], kind="stable"
    )
    # Products overlap, so their sum is no total from which a small one could be found.
    table = suppress_each(table, "product_id", minimum=minimum)
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
    half = normal_quantile(confidence_level) * np.sqrt(
        (weights * (sizes - mean) ** 2).sum() / n / n
    )
    per_customer = with_rate(per_customer, "customers", n, confidence_level=confidence_level)
    top, never, empty = table.iloc[0], table[table["customers"] == 0], per_customer.iloc[0]
    numbers = (
        Number("n_products", len(table), "count", meaning="products of the catalogue"),
        Number("products_per_customer", mean, "", mean - half, mean + half,
               meaning="products a customer holds on average"),
        Number("no_product_share", empty["share"], "share", empty["low"], empty["high"],
               meaning="customers without product"),
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
        text += f" Nobody holds {literal(', '.join(never['name']))}."
    per_customer = suppress(per_customer, minimum=minimum, by=("products",))
    return Penetration(table, per_customer, numbers, text)


def penetration_by_age(
    customers: nw.LazyFrame,
    holdings: nw.LazyFrame,
    products: nw.LazyFrame,
    *,
    as_of: dt.date,
    confidence_level: float = 0.95,
    minimum: int = 10,
) -> Finding | None:
    """Share of each age band that holds each product, small cells suppressed.

    Parameters
    ----------
    customers, holdings, products : narwhals.LazyFrame
    as_of : datetime.date
        Holdings and ages are those of this day.
    confidence_level : float
        Confidence level.
    minimum : int
        Smallest number of customers that may be shown.

    Returns
    -------
    Finding or None
        ``product_id``, ``name``, ``age_band`` (from young to old within a product, commonest
        product first), ``customers`` of the band who hold it, ``share`` of the band with ``low``
        and ``high`` (Wilson), ``suppressed``. None when there is no ``birth_date``.
    """
    if "birth_date" not in customers.collect_schema().names():
        return None
    aged = customers.select("customer_id", band=band(age(as_of), AGE_EDGES)).drop_nulls("band")
    people = collect(aged.group_by("band").agg(people=nw.len()), sort_by=["band"])
    holders = collect(
        held_products(holdings, as_of)
        .join(aged, on="customer_id", how="inner")
        .group_by("product_id", "band")
        .agg(customers=nw.len()),
        sort_by=["product_id", "band"],
    )
    catalogue = collect(products.select("product_id", "name"), sort_by=["product_id"])
    table = catalogue.merge(people, how="cross").merge(
        holders, on=["product_id", "band"], how="left"
    )
    table["customers"] = table["customers"].fillna(0)
    total = table.groupby("product_id")["customers"].transform("sum")
    table = table.assign(_total=total).sort_values(
        ["_total", "product_id", "band"], ascending=[False, True, True], kind="stable"
    )
    names = band_names(AGE_EDGES)
    table["age_band"] = [names[int(number)] for number in table["band"]]
    table = with_rate(table, "customers", "people", confidence_level=confidence_level)
    columns = ["product_id", "name", "age_band", "customers", "share", "low", "high"]
    # A product's holders over the ages add up to its published total; products overlap.
    table = suppress_each(table[columns], "product_id", minimum=minimum)
    shown = table.dropna(subset=["share"]).groupby("name", sort=False)["share"]
    spread = shown.max() - shown.min()
    if spread.empty:
        return Finding(table, (), "All cells are too small to be shown.")
    name = str(spread.idxmax())
    part = table[table["name"] == name].dropna(subset=["share"])
    most, least = part.loc[part["share"].idxmax()], part.loc[part["share"].idxmin()]
    numbers = (
        Number("age_product", name, meaning="product whose penetration differs most by age"),
        Number("age_product_most", most["share"], "share", most["low"], most["high"],
               meaning="its penetration in the age band where it is highest"),
        Number("age_product_least", least["share"], "share", least["low"], least["high"],
               meaning="its penetration in the age band where it is lowest"),
    )  # fmt: skip
    text = (
        "Penetration differs most by age for {age_product}: {age_product_most} "
        f"({{age_product_most.interval}}) of those aged {most['age_band']}, {{age_product_least}} "
        f"({{age_product_least.interval}}) of those aged {least['age_band']}."
    )
    return Finding(table, numbers, text)
