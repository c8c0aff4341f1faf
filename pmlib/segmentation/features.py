"""What is known of each customer as of a date, computed in the engine.

Behaviour over the year before the date (recency, frequency, money in and out, channels), tenure,
breadth of products, and the attributes that the study declares as features. What is not used to
form segments, such as age, region, risk tolerance and product families, is kept beside it: it
tells whether segments mean anything outside.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import narwhals as nw
import pandas as pd

from pmlib.canon.customers import joined_by, years_since
from pmlib.canon.holdings import held_products
from pmlib.engine import Engine, add_up, collect, day_number, flag, scratch_folder, uniform
from pmlib.errors import StudyError, nearest
from pmlib.numbers import UNITS, Finding
from pmlib.segmentation.transforms import Encoder, Feature, Kind
from pmlib.studies import Attribute

WINDOW_DAYS = 365
"""Behaviour is counted over the year before the date."""

CHANNEL_SHARE = 0.05
"""A channel with a smaller share of payments is no feature."""

MARGIN = Feature("annual_margin", "annual_margin", "currency", fill=0.0)
BREADTH = "n_products"
HOLDS = "holds_"
"""Begins the names of features that tell whether a product family is held."""

_PARTS = ("share", "tenths", "per cent")
"""Units of attributes of which there is more or less, not high or low."""

_RESERVED = ("customer_id", "customer_hash", "birth_date", "gender", "region", "joined_on",
             "risk_tolerance", "marketing_opt_out")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class FeatureTable(Finding):
    """Customers as of a date; its fact tells whether anything is known of their behaviour.

    Parameters
    ----------
    frame : narwhals.LazyFrame
        One row a customer: ``customer_id, customer_hash``, `features`, `descriptors`.
    features : tuple of Feature
        Candidates to form segments, the more telling first.
    descriptors : tuple of Feature
        Held out of the clustering.
    channels : tuple of str
        Payment channels that have a feature.
    """

    frame: nw.LazyFrame
    features: tuple[Feature, ...]
    descriptors: tuple[Feature, ...]
    as_of: dt.date
    channels: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[Feature, ...]:
        """Features and descriptors."""
        return (*self.features, *self.descriptors)

    @property
    def tied(self) -> frozenset[str]:
        """Descriptors that are made of the products held, whose number may form segments."""
        names = {f.name for f in self.descriptors}
        made = {name for name in names if name == MARGIN.name or name.startswith(HOLDS)}
        return frozenset(made if any(f.name == BREADTH for f in self.features) else ())

    def stored(self, engine: Engine) -> FeatureTable:
        """The same worked out once, on disk, where it is read more than once."""
        path = scratch_folder(engine) / "features.parquet"
        engine.write(self.frame, path)
        return replace(self, frame=engine.scan(path))

    def formed(self, encoder: Encoder) -> FeatureTable:
        """The same where the number of products, if it forms no segment, is held out."""
        if any(f.name == BREADTH for f in encoder.features):
            return self
        out = tuple(f for f in self.features if f.name == BREADTH)
        rest = tuple(f for f in self.features if f.name != BREADTH)
        return replace(self, features=rest, descriptors=(*out, *self.descriptors))

    def choose(self, names: str) -> FeatureTable:
        """Take these features (names with commas between, or ``all``) and hold all others out.

        Raises
        ------
        StudyError
            A name that is no column of the table, or one given twice.
        """
        if names.strip() == "all":
            return self
        known = {feature.name: feature for feature in self.all}
        wanted = [name.strip() for name in names.split(",") if name.strip()]
        where = "parameter features"
        for name in wanted:
            if name not in known or wanted.count(name) > 1:
                raise StudyError("A feature to cluster on is unknown or given twice.",
                                 where=where, rule=nearest(name, known), found=name)  # fmt: skip
        if not wanted:
            raise StudyError("No feature to cluster on is named.", where=where)
        chosen = tuple(known.pop(name) for name in wanted)
        return replace(self, features=chosen, descriptors=tuple(known.values()))


def customer_features(
    tables: Mapping[str, nw.LazyFrame],
    attributes: Mapping[str, Attribute],
    *,
    as_of: dt.date,
    channels: Sequence[str] | None = None,
) -> FeatureTable:
    """Describe every customer as of a date, lazily: one pass over each table when it is used.

    Parameters
    ----------
    tables : mapping of str to narwhals.LazyFrame
        ``customers`` and any of ``products, holdings, transactions``.
    attributes : mapping
        The study's declared attributes; only those known before a contact are used, sensitive
        ones and gender only as descriptors.
    as_of : datetime.date
        Customers who joined later are left out.
    channels : sequence of str, optional
        Payment channels that become features; by default looked up in the year before `as_of`
        (all but the smallest, since shares add up to one).
    """
    customers, features, descriptors = _from_customers(tables["customers"], attributes, as_of)
    facts, quotes = {"behaviour": "unrecorded"}, {}
    if "transactions" in tables:
        begin, booked = as_of - dt.timedelta(days=WINDOW_DAYS), nw.col("booked_on")
        so_far = tables["transactions"].filter(booked <= nw.lit(as_of))
        window = so_far.filter(booked > nw.lit(begin))
        facts = {}
        if channels is None:
            channels = payment_channels(window)
            _, last = day_range(so_far, "booked_on")
            facts = {"behaviour": "known" if last is not None and last > begin else "none"}
            quotes = {"as_of": as_of, "last_booked": last}
        behaviour, found = _from_transactions(window, as_of, channels)
        customers = customers.join(behaviour, on="customer_id", how="left")
        features = found + features
    if "holdings" in tables:
        portfolio, breadth, families = _from_holdings(tables, as_of)
        customers = customers.join(portfolio, on="customer_id", how="left")
        features, descriptors = features + breadth, families + descriptors
    if not features:  # a bank of which only its customers are known
        features = [f for f in descriptors if f.name in ("age", "risk_tolerance")]
        descriptors = [f for f in descriptors if f not in features]
    frame = customers.select("customer_id", "customer_hash", *map(_filled, features + descriptors))
    return FeatureTable(
        frame=frame, features=tuple(features), descriptors=tuple(descriptors), as_of=as_of,
        channels=tuple(channels or ()), facts=facts, quotes=quotes,
    )  # fmt: skip


def _filled(feature: Feature) -> nw.Expr:
    column = nw.col(feature.name)
    return column if feature.fill is None else column.fill_null(feature.fill)


def _from_customers(
    customers: nw.LazyFrame, attributes: Mapping[str, Attribute], as_of: dt.date
) -> tuple[nw.LazyFrame, list[Feature], list[Feature]]:
    schema = customers.collect_schema()
    tenure = (as_of.toordinal() - day_number("joined_on")).cast(nw.Float64).alias("tenure")
    known = (
        ("joined_on", tenure, Feature("tenure", "tenure", "days")),
        ("birth_date", years_since("birth_date", as_of).alias("age"), Feature("age", "age")),
        ("risk_tolerance", nw.col("risk_tolerance").cast(nw.Float64),
         Feature("risk_tolerance", "risk_tolerance")),
        ("region", nw.col("region"), Feature("region", "region", kind="category")),
        ("gender", nw.col("gender"), Feature("gender", "gender", kind="category")),
    )  # fmt: skip
    found = [(column, feature) for name, column, feature in known if name in schema]
    columns = [nw.col("customer_id", "customer_hash"), *(column for column, _ in found)]
    features = [feature for _, feature in found if feature.name == "tenure"]
    descriptors = [feature for _, feature in found if feature.name != "tenure"]
    for name, attribute in attributes.items():
        if name not in schema or name in _RESERVED or not attribute.known_before_contact:
            continue
        kind: Kind = "number" if schema[name].is_numeric() else "category"
        column = nw.col(name)
        if kind == "number":
            column = column.cast(nw.Float64)
        elif schema[name] == nw.Boolean:
            yes = nw.when(column).then(nw.lit("yes"))
            column = yes.when(~column).then(nw.lit("no")).alias(name)
        columns.append(column)
        about: dict[str, object] = {"label": attribute.label, "part": attribute.unit in _PARTS}
        if attribute.rfm:
            about["rfm"] = attribute.rfm
        unit = attribute.unit
        if unit not in UNITS:
            about["unit"] = "" if unit in attribute.label.lower() else unit
            unit = ""
        feature = Feature(name, unit=unit, kind=kind, about=about)
        (features if attribute.role == "feature" else descriptors).append(feature)
    return joined_by(customers, as_of).select(*columns), features, descriptors


def day_range(table: nw.LazyFrame, column: str) -> tuple[dt.date | None, dt.date | None]:
    """First and last day in a column of dates; None when it has none."""
    ends = [nw.col(column).min().alias("first"), nw.col(column).max().alias("last")]
    row = collect(table.select(*ends), sort_by=[]).iloc[0]
    first, last = (None if pd.isna(day) else pd.Timestamp(day).date() for day in row)
    return first, last


def payment_channels(window: nw.LazyFrame) -> list[str]:
    """Channels of payments (amounts below zero) with their own feature: the most used first.

    The least used is left out, since shares add up to one.
    """
    paid = window.filter((nw.col("amount") < 0) & ~nw.col("channel").is_null())
    counts = add_up(paid, ["channel"]).set_index("channel")["customers"]
    counts = counts[counts >= CHANNEL_SHARE * counts.sum()]
    return counts.sort_values(ascending=False, kind="stable").index.tolist()[:-1]


def _from_transactions(
    window: nw.LazyFrame, as_of: dt.date, channels: Sequence[str]
) -> tuple[nw.LazyFrame, list[Feature]]:
    amount = nw.col("amount").cast(nw.Float64)
    is_payment = amount < 0
    parts = [
        nw.col("customer_id", "booked_on"),
        nw.when(amount > 0).then(amount).otherwise(nw.lit(0.0)).alias("money_in"),
        nw.when(is_payment).then(amount * -1.0).otherwise(nw.lit(0.0)).alias("money_out"),
        flag(is_payment).alias("payments"),
    ]
    totals = [
        nw.len().cast(nw.Float64).alias("n_transactions"),
        nw.col("booked_on").max(),
        nw.col("money_in", "money_out", "payments").sum(),
    ]
    final = [
        nw.col("customer_id", "n_transactions", "money_in", "money_out"),
        (as_of.toordinal() - day_number("booked_on")).cast(nw.Float64).alias("recency"),
    ]
    features = [
        Feature("money_in", "money_in", "currency", fill=0.0),
        Feature("money_out", "money_out", "currency", fill=0.0),
        Feature("n_transactions", "n_transactions", "count", fill=0.0),
        Feature("recency", "recency", "days", fill=float(WINDOW_DAYS)),
    ]
    for index, channel in enumerate(channels):
        hit = is_payment & (nw.col("channel") == channel)
        parts.append(flag(hit).alias(f"in_{index}"))
        totals.append(nw.col(f"in_{index}").sum())
        share = nw.col(f"in_{index}").cast(nw.Float64) / nw.col("payments").cast(nw.Float64)
        name = f"share_{index + 1}_{_slug(channel)}"
        # Without any payment the share is not known, and filled with the median.
        final.append(nw.when(nw.col("payments") > 0).then(share).alias(name))
        features.append(Feature(name, "channel", "share", about={"channel": channel}))
    return window.select(*parts).group_by("customer_id").agg(*totals).select(*final), features


def _slug(text: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in text.lower())[:30]


def _from_holdings(
    tables: Mapping[str, nw.LazyFrame], as_of: dt.date
) -> tuple[nw.LazyFrame, list[Feature], list[Feature]]:
    held = held_products(tables["holdings"], as_of)
    totals = [nw.len().cast(nw.Float64).alias(BREADTH)]
    breadth = [Feature(BREADTH, "n_products", "count", fill=0.0)]
    descriptors: list[Feature] = []
    if "products" in tables:
        products = tables["products"].select("product_id", "family", "annual_margin")
        held = held.join(products, on="product_id", how="left")
        catalogue = collect(products, sort_by=["family"])
        if catalogue["annual_margin"].notna().any():
            margin = nw.col("annual_margin").cast(nw.Float64).fill_null(0.0)
            totals.append(margin.sum().alias(MARGIN.name))
            descriptors.append(MARGIN)
        for family in catalogue["family"].dropna().unique():
            name = f"{HOLDS}{_slug(family)}"
            held = held.with_columns(flag(nw.col("family") == family).cast(nw.Float64).alias(name))
            totals.append(nw.col(name).max())
            descriptors.append(Feature(name, "family", "share", fill=0.0, about={"family": family}))
    return held.group_by("customer_id").agg(*totals), breadth, descriptors


def draw_sample(frame: nw.LazyFrame, *, size: int, seed: int) -> pd.DataFrame:
    """Draw a random sample of customers, the same on every engine, sorted by ``customer_id``.

    Parameters
    ----------
    frame : narwhals.LazyFrame
        With ``customer_id`` and ``customer_hash``.
    size : int
        Customers wanted; all of them when there are no more.
    """
    count = int(collect(frame.select(nw.len().alias("n")), sort_by=[])["n"].iloc[0])
    drawn = frame.with_columns(uniform("customer_hash", seed=seed).alias("_u"))
    if count > size:
        # A little more than needed, so that the exact number can be cut from it.
        share = (size + 6 * size**0.5 + 10) / count
        drawn = drawn.filter(nw.col("_u") < share)
    sample = collect(drawn, sort_by=["_u", "customer_id"]).head(size).drop(columns="_u")
    return sample.sort_values("customer_id", kind="stable", ignore_index=True)
