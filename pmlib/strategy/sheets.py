"""One strategy sheet a segment: who, need, offer, price, channel, timing, message, yardstick."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pmlib.numbers import Number, Quoted, format_number
from pmlib.strategy.case import Case
from pmlib.strategy.cells import HOLDS, NOT_ELIGIBLE
from pmlib.strategy.design import Design
from pmlib.strategy.effects import ends

_YARDSTICK = {
    "uplift": "uplift over the control group",
    "response": "response (no control was ever kept)",
    "association": "assumed sales a contact (no contact has tested it)",
}

# A difference below this is rounding: cells can be shrunk to one and the same effect.
_ROUNDING = 1e-9

_EFFECT = {"uplift": "uplift", "response": "response", "association": "assumed sales a contact"}


def strategy_sheet(case: Case, design: Design, *, segment: int) -> pd.DataFrame:
    """Write the sheet of one segment; every statement carries the numbers it rests on.

    Parameters
    ----------
    case : Case
    design : Design
    segment : int

    Returns
    -------
    pandas.DataFrame
        ``aspect, statement, rests_on``.
    """
    about = case.segments.set_index("segment").loc[segment]
    cells = design.cells[design.cells["segment"] == segment]
    planned = cells[cells["planned"] > 0]
    who = f"{about['customers']:,.0f} customers, {_share(about['customers'] / case.total)} of all"
    if "value_share" in about and pd.notna(about["value_share"]):
        who += f", who bring {_share(about['value_share'])} of the value"
    rows, columns = [("Who", who, "segments")], ["aspect", "statement", "rests_on"]
    if planned.empty:
        best = cells["expected_profit"].max()
        money = f"{_money(best, case)} a contact"
        why = f"the budget earns more elsewhere (best here: {money})"
        why = why if best > 0 else f"the best offer is expected to bring {money}"
        rows.append(("Offer", f"none: {why}", "effects of offers"))
        return pd.DataFrame(rows, columns=columns)
    first = str(planned.groupby("product_id")["offers"].sum().idxmax())
    rules = _rules(case, segment, first)
    named = planned.assign(product=planned["product_id"].map(case.names))
    rows += [
        ("Need", _need(case, segment, first), "eligibility, rules" if rules else "eligibility"),
        ("Positioning", _positioning(case, design, segment, first), "effects of offers"),
        ("Products", _counts(named, "product", case), "plan"),
    ]  # fmt: skip
    offers = planned["offers"]
    sales = float((offers * planned["effect"]).sum())
    spend = float((offers * planned["cost"]).sum())
    margin = float((offers * planned["effect"] * planned["margin"]).sum())
    price = f"{_money(spend, case)} of contacts bring {_money(margin, case)}"
    if sales > 0 and case.evidence.outcome == "response":
        sale = "an additional sale" if case.evidence.kind == "uplift" else "a sale"
        costs, brings = _money(spend / sales, case), _money(margin / sales, case)
        price = f"{sale} costs {costs} in contacts and brings {brings} a year"
    of_first = planned[planned["product_id"] == first]
    addressed = of_first.loc[of_first["holds"], "planned"].sum() / of_first["planned"].sum()
    cited = rules if addressed >= 0.5 else []  # a message must fit most of those who get it
    here = (design.cells["segment"] == segment).to_numpy()
    weight = np.where(here, design.cells["offers"], 0.0)
    uplift = _rates(design, weight / max(weight.sum(), 1), case)
    level = case.params.confidence_level
    half = design.effects.half_width(weight * design.cells["margin"].to_numpy(), level)
    profit = margin - spend
    profit_told = Number("profit", profit, "currency", *ends(profit, half))
    yardstick = f"{_YARDSTICK[case.evidence.kind]} of {uplift}; profit "
    yardstick += _with_interval(profit_told, case)
    yardstick += f" ({case.assumed})" if profit_told.low is None else ""
    rows += [
        ("Price", price, "plan, margins"),
        ("Channel", _counts(planned, "channel", case), "plan"),
        ("Timing", _timing(case), "limits"),
        ("Message", _message(case, first, cited, float(addressed)),
         "rules, plan" if cited else "plan"),
        ("Yardstick", yardstick, "plan"),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _need(case: Case, segment: int, product: str) -> str:
    groups = case.groups
    of_product = groups.state[:, groups.products.index(product)]
    inside = groups.segment == segment
    eligible = int(groups.size[inside & (of_product != NOT_ELIGIBLE)].sum())
    holding = int(groups.size[inside & (of_product == HOLDS)].sum())
    text = f"{eligible:,} may be offered {case.names[product]}"
    if _rules(case, segment, product):
        text += f"; {_share(holding / eligible)} of them already hold what goes with it"
    return text


def _positioning(case: Case, design: Design, segment: int, product: str) -> str:
    """Mean effect of the product's offers here and elsewhere, through the channels planned."""
    cells = design.cells
    inside = (cells["segment"] == segment).to_numpy()
    offers = cells["product_id"] == product
    used = cells.loc[offers & inside & (cells["planned"] > 0), "channel"]
    of_product = np.where(offers & cells["channel"].isin(used), cells["eligible"], 0.0)
    here = of_product * inside / (of_product * inside).sum()
    word = _EFFECT[case.evidence.kind]
    text = f"{case.names[product]}: {word} of {_rates(design, here, case)}"
    elsewhere = of_product * ~inside
    if not elsewhere.any():
        return text
    elsewhere /= elsewhere.sum()
    effect = cells["effect"].to_numpy()
    difference = float((here - elsewhere) @ effect)
    half = design.effects.half_width(here - elsewhere, case.params.confidence_level)
    word = "more than" if difference > 0 else "less than"
    word = word if abs(difference) > half + _ROUNDING else "not shown to differ from"
    return f"{text}, {word} {_rates(design, elsewhere, case)} in the other segments"


def _timing(case: Case) -> str:
    rest = f"{case.params.cool_down} days or more after a customer's last contact, "
    rest = rest if case.params.cool_down else ""
    most = case.params.contact_limit
    return f"first possible day {case.sources.as_of}; {rest}at most {most} each"


def _rules(case: Case, segment: int, product: str) -> list[tuple[str, ...]]:
    """Antecedents of the rules that point to a product in a segment."""
    known = case.catalogue.antecedents.get(product, ())
    found = [antecedent for scope, antecedent in known if scope in (0, segment)]
    # Who holds all of a longer antecedent holds the shorter one inside it too.
    return [a for a in found if not any(set(b) < set(a) for b in found)]


def _message(case: Case, product: str, rules: list[tuple[str, ...]], addressed: float) -> str:
    name = case.names[product]
    if not rules:
        return f"{name} on its own merits"
    held = " or ".join(
        " and ".join(case.product_names.get(a, a) for a in antecedent) for antecedent in rules
    )
    return (
        f"{name}: {_share(addressed)} of those planned already hold what goes with it; "
        f"refer to their {held}"
    )


def _counts(planned: pd.DataFrame, by: str, case: Case) -> str:
    """Offers by product or channel, and how many customers more are held out as control."""
    offers = planned.groupby(by)["offers"].sum().sort_values(ascending=False)
    least = case.params.min_group_size
    shown = offers[offers >= least]
    control = int((planned["planned"] - planned["offers"]).sum())
    text = "; ".join(f"{name} to {n:,.0f}" for name, n in shown.items())
    if control == 0:
        return text
    held_out = f"fewer than {least}" if control < least else f"{control:,}"
    return f"{text} (and {held_out} held out as control)"


def _rates(design: Design, weight: np.ndarray, case: Case) -> str:
    mean = float(weight @ design.cells["effect"])
    half = design.effects.half_width(weight, case.params.confidence_level)
    unit = {"points": "points", "per cent": "share"}.get(case.unit, "currency")
    return _with_interval(Number("rate", mean, unit, *ends(mean, half)), case)


def _with_interval(number: Number, case: Case) -> str:
    quoted = Quoted(number, case.currency)
    return str(quoted) if number.low is None else f"{quoted} ({quoted.interval})"


def _share(value: float) -> str:
    return format_number(float(value), "share")


def _money(value: float, case: Case) -> str:
    return format_number(float(value), "currency", currency=case.currency)
