"""The plan of the study in tables, numbers and sentences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pmlib.numbers import Number, format_number
from pmlib.strategy.case import Case
from pmlib.strategy.effects import CellEffects, ends
from pmlib.strategy.evidence import CELL
from pmlib.strategy.plan import Plan, greedy
from pmlib.strategy.policies import design

WORDS = {
    "uplift": "the **uplift** a randomised pilot measured over its control group",
    "response": "the **response** of those contacted; nobody was left out as control, so it "
    "counts those who would have bought anyway, and the profit below is too high by their share. "
    "It is also the rate of all who were asked, while the plan asks those who did not accept then",
    "association": "an **association-based potential**: the share of similar customers who hold "
    "the product, times an assumed take-up; no contact has tested it",
}


@dataclass(frozen=True)
class Design:
    """The combined policy of a study.

    Parameters
    ----------
    plan : Plan
    effects : CellEffects
        What it was planned with.
    cells : pandas.DataFrame
        One row a cell: ``cell, segment, holds, product_id, channel``, ``n`` and ``n_control``
        (past contacts), ``raw, raw_se, effect, se`` (sales a contact), ``kind, margin, cost``,
        ``expected_profit`` (currency a contact), ``eligible, planned``
        and ``offers`` (customers; those planned and not offered are control).
    segments : pandas.DataFrame
        ``segment, name, customers, planned, offers, spend, profit``.
    numbers : tuple of Number
    text : str
        What the offers' effects rest on, and whether contacting pays at all.
    """

    plan: Plan
    effects: CellEffects
    cells: pd.DataFrame
    segments: pd.DataFrame
    numbers: tuple[Number, ...]
    text: str

    @property
    def planned(self) -> pd.DataFrame:
        """The cells with planned customers: the plan."""
        return self.cells[self.cells["planned"] > 0].reset_index(drop=True)


def plan_study(case: Case) -> Design:
    """Plan the combined policy and describe it."""
    policy = design(case, ["combined"])["combined"]
    plan, effects = policy.plan, policy.effects
    assert plan is not None
    assert effects is not None
    cells = _cells(case, plan, effects)
    offers, planned = cells["offers"], int(cells["planned"].sum())
    expected = float((offers * cells["expected_profit"]).sum())
    load = (offers * cells["margin"]).to_numpy()
    half = effects.half_width(load, case.params.confidence_level)
    by_hand = greedy(*case.programme(effects))
    shortfall = 1 - by_hand.profit / plan.profit if plan.profit > 0 else 0.0
    low, high = ends(expected, half)
    contacts, spend = int(offers.sum()), float((offers * cells["cost"]).sum())
    numbers = (
        Number("customers_contactable", case.groups.n_customers, "customers",
               meaning="Customers who may be contacted: not objecting, not in cool-down"),
        Number("planned_customers", planned, "customers", meaning="Customers in the plan"),
        Number("planned_contacts", contacts, "count", meaning="Contacts the plan makes"),
        Number("planned_control", planned - contacts, "customers",
               meaning="Customers of the plan held out as control"),
        Number("planned_spend", spend, "currency", meaning="Cost of the contacts planned"),
        Number("planned_profit", expected, "currency", low, high,
               "Profit the plan expects, after the cost of contacts"),
        Number("optimality_gap", plan.gap, "share", decimals=3,
               meaning="How far the plan can be from the best possible one"),
        Number("greedy_shortfall", shortfall, "share", decimals=2,
               meaning="Profit lost by filling the best offers first"),
        Number("evidence_kind", effects.kind, meaning="What effects of offers rest on"),
        Number("groups_planned", len(case.groups.size), "count", meaning="Groups of the programme"),
    )  # fmt: skip
    segments = case.segments[["segment", "name", "customers"]].merge(
        cells.assign(spend=offers * cells["cost"], profit=offers * cells["expected_profit"])
        .groupby("segment", as_index=False)[["planned", "offers", "spend", "profit"]]
        .sum(),
        on="segment",
    )
    return Design(plan, effects, cells, segments, numbers, _text(case, effects, planned))


def _cells(case: Case, plan: Plan, effects: CellEffects) -> pd.DataFrame:
    """Lay out effects, money and planned customers of every cell; see `Design.cells`."""
    cells = case.catalogue.priced(effects.cells.assign(kind=effects.kind))
    position = case.catalogue.positions(cells)
    planned = plan.contacts[position]
    cells.insert(0, "cell", np.arange(1, len(cells) + 1))
    return cells.assign(
        expected_profit=cells["effect"] * cells["margin"] - cells["cost"],
        eligible=case.groups.eligible()[position[:3]],
        planned=planned,
        # Those held out of a cell are its share, rounded up, as `draw_contacts` does.
        offers=planned - np.ceil(planned * case.control_share - 1e-9).astype(np.int64),
    )


def flow(case: Case, design: Design) -> pd.DataFrame:
    """Planned customers: ``segment, name, product, channel, planned``; products by name."""
    cells = design.planned.merge(case.segments[["segment", "name"]], on="segment")
    cells["product"] = cells["product_id"].map(case.names)
    keys = ["segment", "name", "product", "channel"]
    return cells.groupby(keys, as_index=False)["planned"].sum()


def offer_matrix(case: Case, design: Design) -> pd.DataFrame:
    """Expected profit and planned customers by segment and product, over holds and channels.

    Returns
    -------
    pandas.DataFrame
        ``segment, name, product`` (name), ``eligible, planned, profit`` (currency),
        ``per_contact`` (currency, the best channel's, weighted by eligible customers).
    """
    cells = design.cells
    best = cells.sort_values("expected_profit").groupby(CELL[:3], as_index=False).last()
    best["weighted"] = best["expected_profit"] * best["eligible"]
    keys = ["segment", "product_id"]
    table = best.groupby(keys, as_index=False)[["eligible", "weighted"]].sum()
    table["per_contact"] = table.pop("weighted") / table["eligible"].where(table["eligible"] > 0)
    made = cells.assign(profit=cells["offers"] * cells["expected_profit"])
    made = made.groupby(keys, as_index=False)[["planned", "profit"]].sum()
    table = table.merge(made, on=keys)
    table.insert(1, "product", table.pop("product_id").map(case.names))
    return case.segments[["segment", "name"]].merge(table, on="segment")


def shrinkage_table(design: Design) -> pd.DataFrame:
    """Cells with an effect of their own: ``cell, n, n_control, raw, raw_se, effect, se, kind``."""
    columns = ["cell", "n", "n_control", "raw", "raw_se", "effect", "se", "kind"]
    return design.cells.dropna(subset=["raw"])[columns].reset_index(drop=True)


def _text(case: Case, effects: CellEffects, planned: int) -> str:
    basis = f"Effects rest on {WORDS[effects.kind]}."
    if case.evidence.outcome == "value" and case.study.value_is == "sales":
        basis += " Margins are not known: **profit here is sales less the cost of contacts**."
    if not effects.detected:
        return (
            f"{basis} The pilot shows **no effect** of any offer (smallest corrected p-value "
            f"{effects.p_value:.2f}): contacting does not pay, and the plan is empty."
        )
    if planned == 0:
        return f"{basis} **Contacting does not pay**: no offer is expected to earn its cost."
    untried = set(case.catalogue.channel_names) - set(effects.cells["channel"])
    never = f" Never tried, and so not planned: {', '.join(sorted(untried))}." if untried else ""
    return basis + never


def meaning(case: Case, design: Design) -> str:
    """What the plan means for the bank, in a few sentences that quote headline numbers."""
    plan = design.planned
    if plan.empty:
        return "- **Do not contact.** Nothing known so far says that a contact earns its cost."
    profit = plan["offers"] * plan["expected_profit"]
    by_product = (profit.groupby(plan["product_id"]).sum() / profit.sum()).sort_values()
    by_segment = design.segments.assign(share=design.segments["profit"] / profit.sum())
    first = by_segment.sort_values("profit").iloc[-1]
    earned = case.told("planned_profit")
    lines = [
        f"- {{planned_contacts}} contacts for {{planned_spend}} are expected to earn {earned}."
    ]
    parts = []
    if len(design.segments) > 1:
        parts.append(
            f"the segment “{first['name']}” brings {format_number(first['share'], 'share')} of it"
        )
    if len(case.names) > 1:
        parts.append(
            f"the product “{case.names[by_product.index[-1]]}” brings "
            f"{format_number(by_product.iloc[-1], 'share')} of it"
        )
    if parts:
        text = ", ".join(parts)
        lines.append(f"- {text[:1].upper()}{text[1:]}.")
    left = design.segments.loc[design.segments["planned"] == 0, "name"]
    if len(left):
        lines.append(f"- Nobody of {', '.join(f'“{name}”' for name in left)} is contacted.")
    if design.effects.kind != "uplift":
        lines.append(
            "- Before the whole budget is spent, a **randomised pilot with a control group** "
            "should replace the assumption behind these figures."
        )
    return "\n".join(lines)
