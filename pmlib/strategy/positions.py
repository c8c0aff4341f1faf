"""Target choice: how attractive each segment is, and how well the bank's offers do there."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd

from pmlib.canon.holdings import held_on, undated
from pmlib.engine import add_up, flag
from pmlib.numbers import Finding, Level, Number, Phrase, missing, needs
from pmlib.strategy.case import Case
from pmlib.strategy.design import Design
from pmlib.strategy.effects import ends

CHOICES = {
    (True, "more"): "first",
    (True, "open"): "test",
    (True, "less"): "develop",
    (False, "more"): "select",
    (False, "open"): "select",
    (False, "less"): "leave",
}
"""What to do with a segment: attractive or not, fit beside that of the others."""

SHOWN = ["segment", "share", "value", "growth", "fit", "competence", "choice", "offers"]

YEAR = dt.timedelta(days=365)


@needs()
def position_segments(case: Case, design: Design) -> Finding:
    """Place the segments by size, value, growth and fit, and choose among them.

    *Attractive* is a segment whose customers are worth at least the bank's mean, or that is larger
    than equal shares and grows at least as fast as the bank (larger, where neither is known). Its
    *fit* is the effect of the offers that were tried, each weighted by the
    customers eligible for it, so nothing is picked; it is ``more`` or ``less`` than elsewhere where
    the interval of the difference says so.

    Returns
    -------
    Finding
        ``segment, name, share`` (of customers), ``value`` (a customer's, the bank's mean is 1),
        ``growth`` (net products a customer in the last year), ``fit, low, high`` (unit: of an
        effect), ``competence``, ``choice``, ``offers`` (of the plan); NaN where not known. Further
        table: *targets*, the same in words. Quotes: ``choices``, the names by choice.
    """
    if len(case.segments) < 2:
        return missing("one_segment")
    table = case.segments[["segment", "name"]].reset_index(drop=True)
    table["share"] = (case.segments["customers"] / case.total).to_numpy()
    worth = case.segments.get("value_share", pd.Series(np.nan, index=case.segments.index))
    table["value"] = worth.to_numpy(dtype=float) / table["share"]
    table["growth"], mean_growth = _growth(case)
    table = table.merge(pd.DataFrame([_fit(case, design, s) for s in table["segment"]]))
    rich, unknown = table["value"] >= 1, table["value"].isna() & table["growth"].isna()
    growing = (table["growth"] >= mean_growth) | unknown
    attractive = rich | ((table["share"] >= 1 / len(table)) & growing)
    pairs = zip(attractive, table["competence"], strict=True)
    table["choice"] = [CHOICES[bool(wanted), fit] for wanted, fit in pairs]
    table[["low", "high"]] = table[["low", "high"]].astype(float)
    offers = design.table.groupby("segment")["offers"].sum()
    table["offers"] = table["segment"].map(offers).fillna(0).astype(int)
    courted = table["choice"].isin(["first", "test"])
    planned = int(table["offers"].sum())
    share = table.loc[courted, "offers"].sum() / planned if planned else None
    numbered = table["segment"].astype(str) + " " + table["name"]
    worded = table.assign(segment=numbered, fit=table.pop("told"))
    return Finding(
        table,
        (Number("target_share_of_plan", share, "share"),),
        quotes={
            "choices": [
                {"choice": Level("choice_of_target", choice), "names": list(of["name"])}
                for choice in dict.fromkeys(CHOICES.values())
                if len(of := table[table["choice"] == choice])
            ],
            "kind": Level("effect", case.evidence.kind),
            "unit": case.unit,
        },
        tables={"targets": worded[SHOWN]},
    )


def _growth(case: Case) -> tuple[np.ndarray | float, float]:
    """Net change of products held, a customer, within a year: of each segment, and of the bank."""
    holdings, day = case.sources.holdings, case.sources.as_of
    if holdings is None:
        return np.nan, np.nan
    held = holdings.join(case.sources.assignments, on="customer_id", how="inner")
    sums = {
        "now": flag(held_on(day)),
        "then": flag(held_on(day - YEAR)),
        "undated": flag(undated()),
    }
    counted = add_up(held, ["segment"], sums).set_index("segment").astype(float)
    if 2 * counted["undated"].sum() > counted["customers"].sum():  # most: there is no course
        return np.nan, np.nan
    gained = (counted["now"] - counted["then"]).reindex(case.segments["segment"]).fillna(0)
    each = gained.to_numpy(dtype=float) / case.segments["customers"].to_numpy()
    return each, float(gained.sum() / case.total)


def _fit(case: Case, design: Design, segment: int) -> dict[str, Any]:
    cells, level = design.table, case.params.confidence_level
    inside = (cells["segment"] == segment).to_numpy()
    here, elsewhere = (np.where(part, cells["eligible"], 0.0) for part in (inside, ~inside))
    here, elsewhere = here / max(here.sum(), 1), elsewhere / max(elsewhere.sum(), 1)
    fit = float(here @ cells["effect"])
    low, high = ends(fit, design.effects.margins(here, level))
    gap = float((here - elsewhere) @ cells["effect"])
    below, above = design.effects.margins(here - elsewhere, level)
    competence = "more" if gap + below > 0 else "less" if gap + above < 0 else "open"
    told = Phrase("estimate", {"n": Number("", fit, case.unit, low, high)})
    return {"segment": segment, "fit": fit, "low": low, "high": high, "competence": competence,
            "told": told}  # fmt: skip
