"""What the customers hold: penetration of each product, products a customer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.canon.customers import age
from pmlib.canon.holdings import held_products
from pmlib.engine import collect
from pmlib.inference.normal import normal_quantile
from pmlib.numbers import Finding, Level, Number, missing, needs
from pmlib.profiling.customers import AGE_EDGES, NO_AGE, band, band_names
from pmlib.profiling.quality import count_by, count_rows, suppress_each, with_rate
from pmlib.safeguards import suppress


@needs("holdings", "products")
def product_penetration(
    tables: Mapping[str, nw.LazyFrame], *, as_of: dt.date, confidence_level: float = 0.95,
    minimum: int = 10,
) -> Finding:  # fmt: skip
    """Share of the customers who hold each product, and how many products each holds.

    Returns
    -------
    Finding
        ``product_id``, ``name``, ``family``, ``customers`` who hold it, ``share`` of all with
        ``low`` and ``high``, ``suppressed``; commonest first. Further table: *per_customer* with
        ``products`` held, ``customers``, ``share``, ``low``, ``high``, ``suppressed``, without
        products that fewer than `minimum` hold.
    """
    held = held_products(tables["holdings"], as_of)
    n, holders = count_rows(tables["customers"]), count_by(held, "product_id")
    products = tables["products"].select("product_id", "name", "family")
    table = collect(products, sort_by=["product_id"])
    table = table.merge(holders, on="product_id", how="left")
    table["customers"] = table["customers"].fillna(0)
    table = with_rate(table, "customers", n, confidence_level)
    # A product of few is not counted: else the sum of all products would tell how few.
    few = holders.loc[holders["customers"] < minimum, "product_id"].tolist()
    held = held.filter(~nw.col("product_id").is_in(few)) if few else held
    by = ["customers", "product_id"]
    table = table.sort_values(by, ascending=[False, True], kind="stable")
    table = suppress_each(table, "product_id", minimum=minimum)
    counted = count_by(held.group_by("customer_id").agg(products=nw.len()), "products")
    none = pd.DataFrame({"products": [0], "customers": [n - int(counted["customers"].sum())]})
    per_customer = pd.concat([none, counted], ignore_index=True).astype(int)
    sizes, weights = per_customer["products"].to_numpy(), per_customer["customers"].to_numpy()
    mean = float((sizes * weights).sum() / n)
    error = np.sqrt((weights * (sizes - mean) ** 2).sum() / n / n)
    # All digits of the interval would tell the sum of squares.
    half = float(f"{normal_quantile(confidence_level) * error:.2g}")
    per_customer = with_rate(per_customer, "customers", n, confidence_level)
    top, never, empty = table.iloc[0], table[table["customers"] == 0], per_customer.iloc[0]
    numbers = (
        Number("n_products", len(table), "count"),
        Number("products_per_customer", mean, "", mean - half, mean + half),
        Number("no_product_share", empty["share"], "share", empty["low"], empty["high"], of=n),
        Number("commonest_product", str(top["name"])),
        Number("commonest_product_share", top["share"], "share", top["low"], top["high"], of=n),
    )
    # The mean is told, and how many hold nothing: hiding these would hide nothing.
    told = (per_customer["products"] == 0) & (per_customer["customers"] >= minimum)
    rest = per_customer[~told]
    rest = suppress(rest, minimum=minimum, by=("products",), weights=(rest["products"],))
    shown = pd.concat([per_customer[told].assign(suppressed=False), rest], ignore_index=True)
    quotes = {"never": never["name"].tolist(), **({"uncounted": True} if few else {})}
    return Finding(table, numbers, {}, quotes, {"per_customer": shown})


@needs("holdings", "products")
def penetration_by_age(
    tables: Mapping[str, nw.LazyFrame], *, as_of: dt.date, confidence_level: float = 0.95,
    minimum: int = 10,
) -> Finding:  # fmt: skip
    """Share of each age band that holds each product, small cells suppressed.

    Returns
    -------
    Finding
        ``product_id``, ``name``, ``age_band`` (from young to old within a product, commonest
        product first), ``customers`` of the band who hold it, ``share`` of the band with ``low``
        and ``high``, ``suppressed``. Absent when there is no ``birth_date``.
    """
    customers = tables["customers"]
    if "birth_date" not in customers.collect_schema().names():
        return missing("ages")
    # Who is of no known age is a band of its own, not shown: its customers are told elsewhere.
    known_age = band(age(as_of), AGE_EDGES).fill_null(NO_AGE)
    aged = customers.select("customer_id", band=known_age)
    people = count_by(aged, "band").rename(columns={"customers": "people"})
    held = held_products(tables["holdings"], as_of).join(aged, on="customer_id", how="inner")
    holders = count_by(held, "product_id", "band")
    table = collect(tables["products"].select("product_id", "name"), sort_by=["product_id"])
    table = table.merge(people, how="cross").merge(holders, on=["product_id", "band"], how="left")
    table["customers"] = table["customers"].fillna(0)
    table["_total"] = table.groupby("product_id")["customers"].transform("sum")
    by = ["_total", "product_id", "band"]
    table = table.sort_values(by, ascending=[False, True, True], kind="stable")
    names = dict(enumerate(band_names(AGE_EDGES)))
    table["age_band"] = table["band"].astype(int).map(names)
    table = with_rate(table, "customers", "people", confidence_level)
    columns = ["product_id", "name", "band", "age_band", "customers", "share", "low", "high"]
    # A product's holders over the ages add up to its total, and with those who do not hold it to
    # the customers of an age; products overlap.
    without = table.assign(customers=table["people"] - table["customers"], holds=False)
    both = pd.concat([table.assign(holds=True), without])[[*columns, "holds"]]
    parts = [
        suppress(part, minimum=minimum, by=("band", "holds"))
        for _, part in both.groupby("product_id", sort=False)
    ]
    table = pd.concat(parts, ignore_index=True)
    table = table[table["holds"] & (table["band"] != NO_AGE)].drop(columns=["band", "holds"])
    shown = table.dropna(subset=["share"]).groupby("name", sort=False)["share"]
    spread = shown.max() - shown.min()
    if spread.empty:
        return Finding(table, facts={"age_penetration": "hidden"})
    name = str(spread.idxmax())
    part = table[table["name"] == name].dropna(subset=["share"])
    most, least = part.loc[part["share"].idxmax()], part.loc[part["share"].idxmin()]
    numbers = (
        Number("age_product", name),
        Number("age_product_most", most["share"], "share", most["low"], most["high"]),
        Number("age_product_least", least["share"], "share", least["low"], least["high"]),
    )
    ends = {"most_band": most, "least_band": least}
    quotes = {key: Level("age_band", end["age_band"]) for key, end in ends.items()}
    return Finding(table, numbers, {"age_penetration": "shown"}, quotes)
