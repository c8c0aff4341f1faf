"""Who the customers are: age, gender, region, time with the bank, declared attributes."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.canon.customers import ADULT, age, completed_years
from pmlib.engine import collect
from pmlib.inference.normal import normal_quantile
from pmlib.numbers import Finding, Level, Number, Phrase, missing
from pmlib.profiling.quality import count_by, count_rows, one, suppress_each, with_rate
from pmlib.safeguards import dominated, k_anonymity, suppress
from pmlib.texts import OTHERS

if TYPE_CHECKING:
    from pmlib.studies import Attribute

AGE_EDGES = (ADULT, 25, 35, 45, 55, 65, 75)
"""Lower ends of the age bands, after those under 18."""

TENURE_EDGES = (1, 2, 5, 10, 15, 20)
"""Lower ends of the bands of years with the bank, after those under 1."""

NO_AGE = -1
"""Number of the band of those whose age is not known, where it must be counted too."""

_AGE, _TENURE = Level("dimension", "age"), Level("dimension", "tenure")
_NOT_KNOWN = Level("band", "not_known")
_FLAGS = (Level("band", "no"), Level("band", "yes"))
_MOST_LEVELS = 12  # a text with more levels is shown by its commonest and the rest together


def band(value: nw.Expr, edges: Sequence[float]) -> nw.Expr:
    """Number of edges that a value reaches: 0 below the first; null stays null."""
    return reduce(add, ((value >= edge).cast(nw.Int64) for edge in edges))


def band_names(edges: tuple[int, ...]) -> list[str]:
    """Names of the bands that `band` numbers; the outermost are levels.

    Examples
    --------
    >>> band_names((18, 25))
    ['under_18', '18–24', 'from_25']
    """
    inner = [
        f"{low}–{high - 1}" if high > low + 1 else f"{low}"
        for low, high in itertools.pairwise(edges)
    ]
    return [f"under_{edges[0]}", *inner, f"from_{edges[-1]}"]


def customer_structure(
    tables: Mapping[str, nw.LazyFrame], *, as_of: dt.date,
    attributes: Mapping[str, Attribute] | None = None, confidence_level: float = 0.95,
    minimum: int = 10,
) -> Finding:  # fmt: skip
    """Describe the customers by age, gender, region, tenure and every declared attribute.

    Returns
    -------
    Finding
        ``dimension`` (age, gender, region, tenure as levels, and the label of each declared
        attribute), ``role``, ``level`` (of ours, or a name from the data), ``customers``,
        ``share`` with ``low`` and ``high``, ``suppressed``; dimensions and levels in the
        order in which to show them.
        Further table: *amounts*, numeric attributes with many values: ``attribute``, ``role``,
        ``unit``, ``customers``, ``mean`` with ``low`` and ``high``, ``sd``, ``p10``, ``median``,
        ``p90``.
    """
    customers = tables["customers"]
    schema = customers.collect_schema()
    parts, amounts = [], []
    if "birth_date" in schema.names():
        parts.append(_banded(customers, age(as_of), AGE_EDGES, _AGE))
    parts += [
        _by_level(customers, name, Level("dimension", name), "descriptor")
        for name in ("gender", "region")
        if name in schema.names()
    ]
    if "joined_on" in schema.names():
        years = completed_years("joined_on", as_of)
        parts.append(_banded(customers, years, TENURE_EDGES, _TENURE))
    for name, attribute in (attributes or {}).items():
        if name not in schema.names():
            continue
        few = one(customers, nw.col(name).n_unique()) <= _MOST_LEVELS
        if schema[name].is_numeric() and not few:
            amounts.append(_amount(customers, name, attribute, confidence_level))
        else:
            parts.append(
                _by_level(
                    customers,
                    name,
                    attribute.label,
                    attribute.role,
                    attribute.levels or (),
                    minimum=minimum,
                )
            )
    levels = _finish(parts, confidence_level, minimum)
    numbers = [Number("customers", count_rows(customers), "customers")]
    quotes = {}
    for dimension, key in ((_AGE, "commonest_age_band"), (_TENURE, "commonest_tenure")):
        known = (levels["dimension"] == dimension) & (levels["level"] != _NOT_KNOWN)
        shown = levels[known & ~levels["suppressed"]]
        if len(shown):
            top = shown.loc[shown["customers"].idxmax(), "level"]
            numbers.append(Number(key, top.code))
            quotes[key] = top
    columns = ["attribute", "role", "unit", "customers", "mean", "low", "high", "sd"]
    table = pd.DataFrame(amounts, columns=[*columns, "p10", "median", "p90"])
    return Finding(levels, tuple(numbers), quotes=quotes, tables={"amounts": table})


def age_by_gender(
    tables: Mapping[str, nw.LazyFrame], *, as_of: dt.date, minimum: int = 10
) -> Finding:
    """Cross-table of age band and gender, where both are known, small cells suppressed.

    Returns
    -------
    Finding
        ``age_band`` (from young to old), ``gender``, ``customers``, ``suppressed``. Absent when
        there is no ``birth_date`` or no ``gender``.
    """
    customers = tables["customers"]
    if not {"birth_date", "gender"} <= set(customers.collect_schema().names()):
        return missing("age-and-gender")
    # Who lacks one of the two is counted too, and not shown: margins are told of all.
    counted = count_by(
        customers.select(
            _band=band(age(as_of), AGE_EDGES).fill_null(NO_AGE),
            gender=nw.col("gender").fill_null(""),
        ),
        "_band", "gender",
    )  # fmt: skip
    names = dict(enumerate(band_names(AGE_EDGES))) | {NO_AGE: ""}
    counted.insert(0, "age_band", [names[int(position)] for position in counted.pop("_band")])
    # What the tables of one attribute hide must not be the sum of cells shown here.
    alone = {
        "age_band": _banded(customers, age(as_of), AGE_EDGES, _AGE),
        "gender": _by_level(customers, "gender", Level("dimension", "gender"), "descriptor"),
    }
    hide = pd.Series(data=False, index=counted.index)
    for name, part in alone.items():
        one_way = suppress(part, minimum=minimum)
        levels = one_way.loc[one_way["suppressed"], "level"].map(lambda x: getattr(x, "code", x))
        hide |= counted[name].isin(list(levels))
    table = suppress(counted, minimum=minimum, by=("age_band", "gender"), hide=hide)
    table = table[(table["age_band"] != "") & (table["gender"] != "")].reset_index(drop=True)
    hidden = int(table["suppressed"].sum())
    numbers = (
        Number("age_gender_k", k_anonymity(table), "customers"),
        Number("age_gender_suppressed", hidden, "count"),
    )
    return Finding(table, numbers, {"age_gender_cells": "hidden" if hidden else "shown"})


def _banded(
    customers: nw.LazyFrame, value: nw.Expr, edges: tuple[int, ...], dimension: Level
) -> pd.DataFrame:
    table = count_by(customers.select(_band=band(value, edges)), "_band")
    counts = dict(zip(table["_band"], table["customers"], strict=True))
    names = band_names(edges)
    rows = [(Level("band", names[i]), counts[i]) for i in range(len(names)) if i in counts]
    unknown = table.loc[table["_band"].isna(), "customers"].sum()
    if unknown:
        rows.append((_NOT_KNOWN, unknown))
    frame = pd.DataFrame(rows, columns=["level", "customers"])
    return frame.assign(dimension=dimension, role="descriptor")


def _by_level(
    customers: nw.LazyFrame, name: str, dimension: Level | str, role: str,
    order: Sequence[str] = (), *, minimum: int = 0,
) -> pd.DataFrame:  # fmt: skip
    """Customers by level; numbers, flags and texts with an order in it, others commonest first.

    Numbers that fewer than `minimum` customers have are folded into others, as rare texts are
    wherever a table is read.
    """
    kind = customers.collect_schema()[name]
    table = count_by(customers.select(level=nw.col(name)), "level")
    known, unknown = table.dropna(subset=["level"]), table[table["level"].isna()]
    if kind.is_numeric():
        known = _fold(known.assign(level=[f"{value:g}" for value in known["level"]]), minimum)
    elif kind == nw.Boolean:
        known = known.assign(level=[_FLAGS[bool(value)] for value in known["level"]])
    else:
        known = known.sort_values("customers", ascending=False, kind="stable")
    if len(known) > _MOST_LEVELS:
        rest = known.iloc[_MOST_LEVELS - 1 :]
        others = Phrase("other-levels", {"levels": Number("", len(rest), "count")})
        row = pd.DataFrame([{"level": others, "customers": rest["customers"].sum()}])
        known = pd.concat([known.iloc[: _MOST_LEVELS - 1], row])
    if order:
        place = {level: number for number, level in enumerate(order)}
        known = known.sort_values(
            "level", key=lambda own: own.map(lambda level: place.get(level, len(place))),
            kind="stable",
        )  # fmt: skip
    frame = pd.concat([known, unknown.assign(level=_NOT_KNOWN)], ignore_index=True)
    return frame.assign(dimension=dimension, role=role)


def _fold(levels: pd.DataFrame, minimum: int) -> pd.DataFrame:
    """Fold levels of too few, and the next smallest where even these are too few, into others."""
    smallest = levels.sort_values("customers", kind="stable")
    together = smallest["customers"].cumsum()
    rare = smallest["customers"] < minimum
    if not rare.any():
        return levels
    is_folded = rare | (together.shift(fill_value=0) < minimum)
    others = {"level": OTHERS, "customers": smallest.loc[is_folded, "customers"].sum()}
    return pd.concat([levels[~is_folded.sort_index()], pd.DataFrame([others])], ignore_index=True)


def _finish(parts: list[pd.DataFrame], confidence_level: float, minimum: int) -> pd.DataFrame:
    columns = ["dimension", "role", "level", "customers"]
    levels = pd.concat(parts)[columns] if parts else pd.DataFrame(columns=columns, dtype=float)
    levels = levels.astype({"dimension": object, "level": object})  # levels, or names from the data
    total = levels.groupby("dimension", sort=False)["customers"].transform("sum")
    levels = with_rate(levels, "customers", total, confidence_level)
    return suppress_each(levels, "dimension", minimum=minimum)


def _amount(
    customers: nw.LazyFrame, name: str, attribute: Attribute, confidence_level: float
) -> dict[str, object]:
    value = nw.col(name).cast(nw.Float64)
    quantiles = {"p10": 0.1, "median": 0.5, "p90": 0.9}
    wanted = {key: value.quantile(at, "linear") for key, at in quantiles.items()}
    wanted |= {"customers": value.count(), "mean": value.mean(), "sd": value.std()}
    wanted |= {"total": value.abs().sum(), "square": (value * value).sum()}
    row = collect(customers.select(**wanted), sort_by=()).iloc[0]
    half = normal_quantile(confidence_level) * row["sd"] / np.sqrt(row["customers"])
    told = {"attribute": attribute.label, "role": attribute.role, "unit": attribute.unit}
    ends = {"low": row["mean"] - half, "high": row["mean"] + half}
    found = {**row.to_dict(), **told, **ends, "customers": int(row["customers"])}
    if dominated(row["total"], row["square"]):
        found |= dict.fromkeys(("mean", "low", "high", "sd"), np.nan)
    return found
