"""A marketing brief a segment: the sheet, with a persona and what its people must decide and know.

What no program can know stands in study.yaml, under ``marketing``; where that is silent, the brief
shows a blank.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pmlib.canon.customers import YEAR
from pmlib.numbers import UNITS, Finding, Level, Number, Phrase, needs
from pmlib.strategy.case import Case
from pmlib.strategy.contacts import smallest_shown
from pmlib.strategy.design import Design
from pmlib.strategy.sheets import StrategySheet, strategy_sheet

MAJORITY, EXCESS = 0.5, 0.1
"""A level marks a persona that most have, by this share more of the segment than of the bank."""

CODE = 3
"""A level of fewer letters is a code, not a word that people know: it marks no persona."""

_PLAIN = {
    "age": ("", 1.0, 0), "tenure": ("", YEAR, 0), "money_in": ("currency", 1.0, None),
    "n_products": ("", 1.0, 1),
}  # fmt: skip
"""Features that people speak of: unit, what one of theirs is in days, digits."""


@needs()
def marketing_briefs(
    case: Case, design: Design, profiles: pd.DataFrame, targets: pd.DataFrame,
    *, own: Design | None = None,
) -> Finding:  # fmt: skip
    """Write the briefs of all segments: a table *sheet-<segment>* each.

    Parameters
    ----------
    profiles : pandas.DataFrame
        ``segment, feature, level, customers, mean, used`` of chapter 2.
    targets : pandas.DataFrame
        ``segment, choice`` of `position_segments`; empty where there is one segment.
    own : Design, optional
        Where policies draw lots, the customers of the plan's own, see `own_offers`.

    Returns
    -------
    Finding
        Columns of the tables: ``aspect`` (code), ``statement`` (phrase), ``rests_on`` (code).
    """
    tables, quotes = {}, {}
    for number, name in zip(case.segments["segment"], case.segments["name"], strict=True):
        label, segment = f"sheet-{number}", int(number)
        traits = _traits(profiles, segment, case)
        tested = (own or design).planned
        tested = tested[tested["segment"] == segment]
        sheet = strategy_sheet(case, design, segment=segment)
        rows = _rows(case, design, segment, sheet, traits, targets, tested)
        tables[label] = pd.DataFrame(rows, columns=["aspect", "statement", "rests_on"])
        quotes[label] = {"number": segment, "segment": name, "traits": traits}
    return Finding(tables=tables, quotes=quotes)


def _rows(
    case: Case,
    design: Design,
    segment: int,
    sheet: StrategySheet,
    traits: dict[str, Any],
    targets: pd.DataFrame,
    tested: pd.DataFrame,
) -> list[tuple[str, Phrase, str]]:
    """Rows of a brief in their order: the sheet's own, and what it lacks."""
    given, first, said = sheet.told, sheet.product, case.study.marketing
    choices = targets.loc[targets["segment"] == segment, "choice"] if len(targets) else ()
    who = {"who": given["who"], "choices": [Level("choice_of_target", c) for c in choices]}
    rows = [("persona", Phrase("brief.persona", traits | who), "profiles")]
    if first is None:  # nothing is planned, and the sheet says why
        return [*rows, ("offer", given["offer"], "effects")]
    cells = design.table[design.table["segment"] == segment]
    planned = cells[cells["planned"] > 0]
    product = case.names[first]
    benefit = said.get("benefit", {}).get(first) or _blank(f"benefit: {first}")
    terms = said.get("price", {}).get(first) or _blank(f"price: {first}")
    tone, staff, owner = (said.get(name) or _blank(name) for name in ("tone", "staff", "owner"))
    proposition = {"benefit": benefit, "evidence": given["positioning"]}
    draft = {"product": product, "benefit": benefit, "tone": tone, "held": sheet.held}
    price = {"economics": given["price"], "terms": terms}
    channel = {"counts": given["channel"], "channels": _channels(cells, first)}
    timing = {"timing": given["timing"], "owner": owner, "staff": staff}
    needed = "eligibility_rules" if sheet.with_rules else "eligibility"
    kpi = {"yardstick": given["yardstick"], "even": _even(planned, case)}
    return [
        *rows,
        ("need", _need(case, first, given), needed),
        ("proposition", Phrase("brief.proposition", proposition), "effects"),
        ("products", given["products"], "plan"),
        ("price", Phrase("brief.price", price), "plan_margins"),
        ("channel", Phrase("brief.channel", channel), "effects"),
        ("message", Phrase("brief.message", draft), "rules_plan" if sheet.held else "plan"),
        ("timing", Phrase("brief.timing", timing), "limits"),
        ("yardstick", Phrase("brief.kpi", kpi), "plan"),
        ("test", _test(case, tested, given), "plan"),
    ]


def _blank(field: str) -> Phrase:
    return Phrase("brief.blank", {"field": field})


def _traits(profiles: pd.DataFrame, segment: int, case: Case) -> dict[str, Any]:
    """What people say of a segment: what most are, age, years here, income, products, channel."""
    mine = profiles[profiles["segment"] == segment]
    totals = (profiles["mean"] * profiles["customers"]).groupby(
        [profiles["feature"], profiles["level"]]
    )
    bank = totals.sum() / profiles.groupby(["feature", "level"])["customers"].sum()
    levels = mine[mine["level"] != ""]
    usual = [
        bank[feature, level]
        for feature, level in zip(levels["feature"], levels["level"], strict=True)
    ]
    levels = levels.assign(excess=levels["mean"] - usual)
    known = levels["level"].isin(["yes", "no"]) | (levels["level"].str.len() >= CODE)
    marked = levels[known & (levels["mean"] >= MAJORITY) & (levels["excess"] >= EXCESS)]
    marked = marked.sort_values("excess", ascending=False, kind="stable").head(2)
    means = mine[mine["level"] == ""].set_index("feature")["mean"].dropna()
    traits: dict[str, Any] = {
        "levels": [{"word": _word(row, case), "share": Number("", row.mean, "share", decimals=0)}
                   for row in marked.itertuples()],
    }  # fmt: skip
    for name, (unit, one, decimals) in _PLAIN.items():
        value = means[name] / one if means.get(name) else None  # 0: not on record
        traits[name] = Number("", value, unit, decimals=decimals)
    traits |= {"channel": None, "channel_share": None}
    through = means[means.index.str.startswith("share_")]
    if len(through):
        most = str(through.idxmax())
        traits["channel"] = most.split("_", 2)[-1]
        traits["channel_share"] = Number("", through.max(), "share", decimals=0)
    declared = [name for name in means.index if name in case.study.attributes][:3]
    traits["declared"] = (
        []
        if "age" in means
        else [
            _declared(case.study.attributes[name], means[name], bank[name, ""]) for name in declared
        ]
    )
    return traits


def _declared(attribute: Any, here: float, bank: float) -> dict[str, Any]:
    """Lay out a mean of an attribute; its unit where neither its label nor its form tells it."""
    label, unit = attribute.label, attribute.unit or ""
    told = unit in UNITS or unit in label.lower()
    return {
        "label": label, "unit": "" if told else unit,
        "here": Number("", here), "bank": Number("", bank),
    }  # fmt: skip


def _word(row: Any, case: Case) -> Phrase:
    """Call a level by its name; a yes or no by what is asked."""
    known = case.study.attributes.get(row.feature)
    kind = row.level if known and row.level in ("yes", "no") else "level"
    quotes = {"level": row.level, "label": known.label if known else ""}
    return Phrase(f"brief.word-{kind}", quotes)


def _channels(cells: pd.DataFrame, product: str) -> list[dict[str, Any]]:
    """Expected profit of a contact of those planned for a product, by channel, the best first."""
    offers = cells[(cells["product_id"] == product) & (cells["eligible"] > 0)]
    planned = offers.groupby("holds")["planned"].transform("sum")
    money = offers["expected_profit"] * planned
    sums = money.groupby(offers["channel"]).sum() / planned.groupby(offers["channel"]).sum()
    return [{"name": name, "earns": Number("", value, "currency")}
            for name, value in sums.sort_values(ascending=False).items()]  # fmt: skip


def _even(planned: pd.DataFrame, case: Case) -> Number:
    """Effect at which the contacts of a segment just pay: what they cost, by what a sale brings."""
    cost = float((planned["offers"] * planned["cost"]).sum())
    return Number("", cost / float((planned["offers"] * planned["margin"]).sum()), case.unit)


def _test(case: Case, planned: pd.DataFrame, given: Mapping[str, Phrase]) -> Phrase:
    """Whether the segment's own control group can show the effect that is planned with."""
    customers, contacts = int(planned["planned"].sum()), int(planned["offers"].sum())
    control = customers - contacts
    effect = given["yardstick"].quotes["effect"].quotes["n"]
    told = Phrase("brief.test-none")
    if control:
        shown = smallest_shown(case, planned, [control / customers])[0]["detectable"].iloc[0]
        unit = "points" if case.evidence.outcome == "response" else "currency"
        quotes = {
            "several": len(case.segments) > 1,
            "control": case.shown(control, "customers"),
            "shown": Number("", shown, unit),
            "planned": Number("", effect.value, unit),
        }
        alone = "never" if np.isnan(shown) else "alone" if shown <= effect.value else "together"
        told = Phrase(f"brief.test-{alone}", quotes)
    surely = effect.low is not None and effect.low > 0
    return Phrase("brief.test", {"test": told, "evidence": given["evidence"], "shown": surely})


def _need(case: Case, product: str, given: Mapping[str, Phrase]) -> Phrase:
    """Who may be offered the product, and how risky it is."""
    rating = case.catalogue.products.set_index("product_id").loc[product].get("risk_rating")
    known = None if pd.isna(rating) else int(rating)
    return Phrase("brief.need", {"need": given["need"], "rating": Number("", known, "count")})
