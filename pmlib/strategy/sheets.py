"""What the plan says of a segment: need, offer, price, channel, evidence, timing, yardstick."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pmlib.numbers import Level, Number, Phrase
from pmlib.strategy.case import Case
from pmlib.strategy.design import Design, evidence_counts
from pmlib.strategy.effects import ends

# A difference below this is rounding: cells can be shrunk to one and the same effect.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class StrategySheet:
    """What the plan says of one segment; every phrase carries the numbers it rests on.

    Phrases by aspect: ``who``, and ``offer`` where nothing is planned; else ``need, positioning,
    products, price, channel, evidence, timing, yardstick``. The other fields are of the product
    that most get: `with_rules` says whether rules point to it, `held` are the antecedents that a
    message can refer to.
    """

    told: Mapping[str, Phrase]
    product: str | None = None
    with_rules: bool = False
    held: tuple[Phrase, ...] = ()


def strategy_sheet(case: Case, design: Design, *, segment: int) -> StrategySheet:
    """Say what the plan has for one segment, or why it has nothing."""
    about = case.segments.set_index("segment").loc[segment]
    cells = design.table[design.table["segment"] == segment]
    planned = cells[cells["planned"] > 0]
    who = _told(
        "who",
        customers=Number("", int(about["customers"]), "customers"),
        share=_share(about["customers"] / case.total),
        value_share=_share(about.get("value_share")),
    )
    if planned.empty:
        best = cells["expected_profit"].max()
        why = "none-elsewhere" if best > 0 else "none-loses"
        return StrategySheet({"who": who, "offer": _told(why, best=_money(best))})
    first = str(planned.groupby("product_id")["offers"].sum().idxmax())
    known = case.catalogue.antecedents.get(first, ())
    rules = [antecedent for scope, antecedent in known if scope in (0, segment)]
    # Who holds all of a longer antecedent holds the shorter one inside it too.
    rules = [a for a in rules if not any(set(b) < set(a) for b in rules)]
    named = planned.assign(product=planned["product_id"].map(case.names))
    of_first = planned[planned["product_id"] == first]
    addressed = float(of_first.loc[of_first["holds"], "planned"].sum() / of_first["planned"].sum())
    cited = rules if addressed >= 0.5 else []  # a message must fit most of those who get it
    names = case.product_names
    day, params = case.sources.as_of, case.params
    told = {
        "who": who,
        "need": _need(case, segment, first, with_rules=bool(rules)),
        "positioning": _positioning(case, design, segment, first),
        "products": _counts(named, "product", case),
        "price": _price(planned, case),
        "channel": _counts(planned, "channel", case),
        "evidence": _evidence(case, design, planned),
        "timing": _told("timing", day=day, rest=params.cool_down, most=params.contact_limit),
        "yardstick": _yardstick(case, design, segment),
    }
    held = [Phrase("all-of", {"products": [names.get(p, p) for p in rule]}) for rule in cited]
    return StrategySheet(told, first, bool(rules), tuple(held))


def _told(block: str, **quotes: Any) -> Phrase:
    return Phrase(f"sheet.{block}", quotes)


def _need(case: Case, segment: int, product: str, *, with_rules: bool) -> Phrase:
    groups = case.groups
    at = groups.segments.index(segment), slice(None), groups.products.index(product)
    _, holding = counts = groups.eligible()[at]
    eligible = int(counts.sum())
    return _told(
        "need",
        eligible=Number("", eligible, "customers"),
        product=case.names[product],
        holding=_share(holding / eligible if with_rules else None),
    )


def _positioning(case: Case, design: Design, segment: int, product: str) -> Phrase:
    """Mean effect of the product's offers here and elsewhere, through the channels planned."""
    cells = design.table
    inside = (cells["segment"] == segment).to_numpy()
    offers = cells["product_id"] == product
    used = cells.loc[offers & inside & (cells["planned"] > 0), "channel"]
    of_product = np.where(offers & cells["channel"].isin(used), cells["eligible"], 0.0)
    here, elsewhere = of_product * inside, of_product * ~inside
    here /= here.sum()
    quotes = {
        "product": case.names[product],
        "effect": Level("effect", case.evidence.kind),
        "here": _mean_effect(design, here, case),
    }
    if not elsewhere.any():
        return _told("positioning", **quotes)
    elsewhere /= elsewhere.sum()
    difference = float((here - elsewhere) @ cells["effect"].to_numpy())
    below, above = design.effects.margins(here - elsewhere, case.params.confidence_level)
    shown = difference + below > _ROUNDING or difference + above < -_ROUNDING
    verdict = ("more" if difference > 0 else "less") if shown else "open"
    quotes["elsewhere"] = _mean_effect(design, elsewhere, case)
    return _told(f"positioning-{verdict}", **quotes)


def _price(planned: pd.DataFrame, case: Case) -> Phrase:
    offers = planned["offers"]
    sales = float((offers * planned["effect"]).sum())
    spend, margin = _spend_and_margin(planned)
    if sales > 0 and case.evidence.outcome == "response":
        sale = "sale-caused" if case.evidence.kind == "uplift" else "sale"
        return _told(sale, costs=_money(spend / sales), brings=_money(margin / sales))
    return _told("contacts", costs=_money(spend), brings=_money(margin))


def _spend_and_margin(planned: pd.DataFrame) -> tuple[float, float]:
    offers = planned["offers"]
    margin = (offers * planned["effect"] * planned["margin"]).sum()
    return float((offers * planned["cost"]).sum()), float(margin)


def _yardstick(case: Case, design: Design, segment: int) -> Phrase:
    cells = design.table
    here = (cells["segment"] == segment).to_numpy()
    weight = np.where(here, cells["offers"], 0.0)
    spend, margin = _spend_and_margin(cells[here])
    load = weight * cells["margin"].to_numpy()
    margins = design.effects.margins(load, case.params.confidence_level)
    profit = Number("", margin - spend, "currency", *ends(margin - spend, margins))
    return _told(
        f"yardstick-{case.evidence.kind}",
        effect=_mean_effect(design, weight / max(weight.sum(), 1), case),
        profit=Phrase("estimate", {"n": profit}),
        assumed=case.assumed,
    )


def _evidence(case: Case, design: Design, planned: pd.DataFrame) -> Phrase:
    """Past contacts and controls of the planned cells, and which of these a test must decide."""
    unknown = planned[np.isfinite(planned["test_size"])]
    named = unknown.assign(product=unknown["product_id"].map(case.names))
    tests = [
        {"name": name, "size": Number("", size, "customers"),
         "contacts": case.shown(int(part["offers"].sum()))}
        for name, part in named.groupby("product")
        for size in [part["test_size"].min()]
    ]  # fmt: skip
    told = design.facts["plan_known"] != "not_told"
    block = f"evidence-{case.evidence.kind}"
    return _told(block, **_rests_on(case, planned), tests=tests, all_known=told and not tests)


def _rests_on(case: Case, cells: pd.DataFrame) -> dict[str, Phrase | Number]:
    contacts, controls = evidence_counts(case, cells)
    return {"contacts": case.shown(contacts), "controls": case.shown(controls)}


def _counts(planned: pd.DataFrame, by: str, case: Case) -> Phrase:
    """Offers by product or channel, and how many customers more are held out as control."""
    offers = planned.groupby(by)["offers"].sum().sort_values(ascending=False)
    n_control = int((planned["planned"] - planned["offers"]).sum())
    enough = offers[offers >= case.params.min_group_size].items()
    told = [{"name": name, "n": Number("", int(n), "count")} for name, n in enough]
    return _told("offers", offers=told, control=case.shown(n_control) if n_control else None)


def _mean_effect(design: Design, weight: np.ndarray, case: Case) -> Phrase:
    mean = float(weight @ design.table["effect"])
    margins = design.effects.margins(weight, case.params.confidence_level)
    mine = Number("", mean, case.unit, *ends(mean, margins))
    if case.evidence.kind == "association":
        return Phrase("estimate", {"n": mine})
    rests_on = _rests_on(case, design.table[weight > 0])
    return Phrase(f"rests-on.{case.evidence.kind}", {"n": mine, **rests_on})


def _share(value: float | None) -> Number:
    return Number("", None if value is None or np.isnan(value) else float(value), "share")


def _money(value: float) -> Number:
    return Number("", float(value), "currency")
