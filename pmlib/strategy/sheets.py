"""One strategy sheet a segment: who, need, offer, price, channel, timing, message, yardstick."""

from __future__ import annotations

import pandas as pd
from scipy.stats import norm

from pmlib.artifacts import format_number
from pmlib.params import Parameters
from pmlib.strategy.case import Case
from pmlib.strategy.cells import HOLDS, NOT_ELIGIBLE
from pmlib.strategy.design import Design

_YARDSTICK = {
    "uplift": "uplift over the control group",
    "response": "response (no control was ever kept)",
    "association": "assumed sales a contact (no contact has tested it)",
}


def strategy_sheet(case: Case, design: Design, params: Parameters, *, segment: int) -> pd.DataFrame:
    """Write the sheet of one segment; every statement carries the numbers it rests on.

    Parameters
    ----------
    case : Case
    design : Design
    params : pmlib.params.Parameters
        ``cool_down, contact_limit, confidence_level, min_group_size``.
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
    rows = [("Who", who, "segments")]
    if planned.empty:
        best = cells["expected_profit"].max()
        why = (
            f"the best offer is expected to bring {_money(best, case)} a contact"
            if best <= 0
            else f"the budget earns more elsewhere (best here: {_money(best, case)} a contact)"
        )
        return _sheet([*rows, ("Offer", f"none: {why}", "effects of offers")])
    products = planned.groupby("product_id")["planned"].sum().sort_values(ascending=False)
    names = case.catalogue.products.set_index("product_id")["name"]
    first = str(products.index[0])
    rows += [
        ("Need", _need(case, segment, first, names), "rules"),
        ("Positioning", _positioning(case, design, cells, first, names), "effects of offers"),
        (
            "Products",
            "; ".join(f"{names[p]} to {n:,.0f}" for p, n in _large(products, params).items()),
            "plan",
        ),
    ]
    offers = planned["offers"]
    sales = float((offers * planned["effect"]).sum())
    spend = float((offers * planned["cost"]).sum())
    margin = float((offers * planned["effect"] * planned["margin"]).sum())
    if sales > 0 and case.evidence.outcome == "response":
        sale = "an additional sale" if case.evidence.kind == "uplift" else "a sale"
        price = (
            f"{sale} costs {_money(spend / sales, case)} in contacts and brings "
            f"{_money(margin / sales, case)} a year"
        )
    else:
        price = f"{_money(spend, case)} of contacts bring {_money(margin, case)}"
    channels = planned.groupby("channel")["planned"].sum().sort_values(ascending=False)
    of_first = planned[planned["product_id"] == first]
    addressed = of_first.loc[of_first["holds"], "planned"].sum() / of_first["planned"].sum()
    z = norm.isf((1 - params.confidence_level) / 2)
    load = (design.cells["offers"] * design.cells["margin"]).where(
        design.cells["segment"] == segment, 0.0
    ).to_numpy()  # fmt: skip
    assert design.policy.effects is not None
    half = z * float((load @ design.policy.effects.covariance @ load) ** 0.5)
    profit = margin - spend
    return _sheet(
        [
            *rows,
            ("Price", price, "plan, margins"),
            (
                "Channel",
                "; ".join(f"{c} to {n:,.0f}" for c, n in _large(channels, params).items()),
                "plan",
            ),
            (
                "Timing",
                (
                    f"from {case.sources.as_of}, {params.cool_down} days or more after the last "
                    f"contact, at most {params.contact_limit} a customer"
                ),
                "limits",
            ),
            ("Message", _message(case, segment, first, names, float(addressed)), "rules, plan"),
            (
                "Yardstick",
                (
                    f"{_YARDSTICK[design.policy.effects.kind]} of "
                    f"{_rate(sales / max(offers.sum(), 1), case)}; profit {_money(profit, case)} "
                    f"({_money(profit - half, case)} to {_money(profit + half, case)})"
                ),
                "plan",
            ),
        ]
    )


def _sheet(rows: list[tuple[str, str, str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["aspect", "statement", "rests_on"])


def _need(case: Case, segment: int, product: str, names: pd.Series) -> str:
    groups = case.groups
    of_product = groups.state[:, groups.products.index(product)]
    inside = groups.segment == segment
    eligible = int(groups.size[inside & (of_product != NOT_ELIGIBLE)].sum())
    holding = int(groups.size[inside & (of_product == HOLDS)].sum())
    text = f"{eligible:,} may be offered {names[product]}"
    if case.catalogue.antecedents.get(product):
        text += f"; {_share(holding / eligible)} of them hold what usually goes with it"
    return text


def _positioning(
    case: Case, design: Design, cells: pd.DataFrame, product: str, names: pd.Series
) -> str:
    def mean(frame: pd.DataFrame) -> float:
        frame = frame[(frame["product_id"] == product) & (frame["eligible"] > 0)]
        return float((frame["effect"] * frame["eligible"]).sum() / frame["eligible"].sum())

    here, everywhere = mean(cells), mean(design.cells)
    word = "more" if here > everywhere else "no more"
    return (
        f"{names[product]}: an offer should move them {word} than others "
        f"({_rate(here, case)} here, {_rate(everywhere, case)} over all)"
    )


def _message(case: Case, segment: int, product: str, names: pd.Series, addressed: float) -> str:
    rules = [
        antecedent
        for scope, antecedent in case.catalogue.antecedents.get(product, ())
        if scope in (0, segment) and len(antecedent) == 1
    ]
    if not rules or addressed == 0:
        return f"{names[product]} on its own merits; no rule to refer to"
    held = " or ".join(case.product_names.get(a[0], a[0]) for a in rules)
    return (
        f"{names[product]}: {_share(addressed)} of those planned hold an antecedent; "
        f"refer to their {held}"
    )


def _large(counts: pd.Series, params: Parameters) -> pd.Series:
    return counts[counts >= params.min_group_size]


def _share(value: float) -> str:
    return format_number(float(value), "share")


def _money(value: float, case: Case) -> str:
    return format_number(float(value), "currency", currency=case.currency)


def _rate(value: float, case: Case) -> str:
    unit = "points" if case.evidence.outcome == "response" else "currency"
    return format_number(float(value), unit, currency=case.currency)
