"""Who the customers are: age, gender, region, time with the bank, declared attributes."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.canon.customers import ADULT, age, completed_years
from pmlib.engine import collect
from pmlib.inference.normal import normal_quantile
from pmlib.numbers import Number
from pmlib.numbers import WordedFinding as Finding
from pmlib.profiling.quality import count_rows, suppress_each, with_rate
from pmlib.safeguards import k_anonymity, suppress

if TYPE_CHECKING:
    from pmlib.studies import Attribute

AGE_EDGES = (ADULT, 25, 35, 45, 55, 65, 75)
"""Lower ends of the age bands, after "under 18"."""

TENURE_EDGES = (1, 2, 5, 10, 15, 20)
"""Lower ends of the bands of years with the bank, after "under 1"."""

_MOST_LEVELS = 12  # a text with more levels is shown by its commonest and the rest together


def band(value: nw.Expr, edges: Sequence[float]) -> nw.Expr:
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
    confidence_level: float = 0.95,
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
    confidence_level : float
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
        years = completed_years("joined_on", as_of)
        parts.append(_banded(customers, years, TENURE_EDGES, "Years with the bank"))
    for name, attribute in (attributes or {}).items():
        if name not in schema.names():
            continue
        few = _distinct(customers, name) <= _MOST_LEVELS
        if schema[name].is_numeric() and not few:
            amounts.append(_amount(customers, name, attribute, confidence_level))
        else:
            parts.append(_by_level(customers, name, attribute.label, attribute.role))
    levels = _finish(parts, confidence_level, minimum)
    n = count_rows(customers)
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


def age_by_gender(customers: nw.LazyFrame, *, as_of: dt.date, minimum: int = 10) -> Finding | None:
    """Cross-table of age band and gender, small cells suppressed.

    Parameters
    ----------
    customers : narwhals.LazyFrame
        Those whose age or gender is not known are left out.
    as_of : datetime.date
        Ages are counted to this day.
    minimum : int
        Smallest number of customers that may be shown.

    Returns
    -------
    Finding or None
        ``age_band`` (from young to old), ``gender``, ``customers``, ``suppressed``. None when
        there is no ``birth_date`` or no ``gender``.
    """
    if not {"birth_date", "gender"} <= set(customers.collect_schema().names()):
        return None
    counted = collect(
        customers.with_columns(_band=band(age(as_of), AGE_EDGES))
        .filter(~nw.col("_band").is_null() & ~nw.col("gender").is_null())
        .group_by("_band", "gender")
        .agg(customers=nw.len()),
        sort_by=["_band", "gender"],
    )
    names = band_names(AGE_EDGES)
    counted.insert(0, "age_band", [names[int(position)] for position in counted.pop("_band")])
    table = suppress(counted, minimum=minimum, by=("age_band", "gender"))
    numbers = (
        Number("age_gender_k", k_anonymity(table), "customers",
               meaning="smallest cell shown in the table of age and gender"),
        Number("age_gender_suppressed", int(table["suppressed"].sum()), "count",
               meaning="cells suppressed in the table of age and gender"),
    )  # fmt: skip
    text = "No cell shown holds fewer than {age_gender_k} customers [@sweeney2002kanonymity]; "
    hidden = "{age_gender_suppressed} of the cells" if table["suppressed"].any() else "none"
    return Finding(table, numbers, f"{text}{hidden} had to be suppressed.")


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


def _finish(parts: list[pd.DataFrame], confidence_level: float, minimum: int) -> pd.DataFrame:
    columns = ["dimension", "role", "level", "customers"]
    levels = pd.concat(parts)[columns] if parts else pd.DataFrame(columns=columns, dtype=float)
    total = levels.groupby("dimension")["customers"].transform("sum")
    levels = with_rate(levels, "customers", total, confidence_level=confidence_level)
    return suppress_each(levels, "dimension", minimum=minimum)


def _distinct(customers: nw.LazyFrame, name: str) -> int:
    return int(collect(customers.select(n=nw.col(name).n_unique()), sort_by=())["n"].iloc[0])


def _amount(
    customers: nw.LazyFrame, name: str, attribute: Attribute, confidence_level: float
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
    half = normal_quantile(confidence_level) * row["sd"] / np.sqrt(row["n"])
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
