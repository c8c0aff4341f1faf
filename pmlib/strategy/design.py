"""The plan of the study: its cells, its size, and what it means for the bank."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from pmlib.numbers import Finding, Level, Number, Phrase, needs
from pmlib.safeguards import suppress
from pmlib.strategy.case import Case
from pmlib.strategy.effects import CellEffects, ends
from pmlib.strategy.evidence import CELL
from pmlib.strategy.plan import Plan, greedy
from pmlib.strategy.policies import plan_policies
from pmlib.strategy.problem import held_back


@dataclass(frozen=True, kw_only=True)
class Design(Finding):
    """The combined policy of a study.

    The table has one row a cell: ``cell, segment, holds, product_id, channel``, ``n`` and
    ``n_control`` (past contacts), ``raw, effect, se`` (sales a contact), ``kind, margin,
    cost``, ``expected_profit`` (currency a contact), ``eligible, planned`` and ``offers``
    (customers; those planned and not offered are control), ``test_size`` (see `Case.test_sizes`).

    Further tables, the last four empty where nobody is planned: *shrinkage*, the cells with an
    effect of their own; *plan-cells*, see `planned_cells`; *offers*, see
    `offer_matrix`; *flow*, ``segment, name, product, channel, offers``; *plan-segments*, as
    `segments` (``segment, name, customers, planned, offers, spend, profit, low, high``, and past
    contacts and controls of the cells planned, ``n, n_control``) but without small counts.

    Facts: what the effects rest on, and whether there is a plan or why not.
    """

    plan: Plan
    effects: CellEffects
    segments: pd.DataFrame

    @property
    def planned(self) -> pd.DataFrame:
        """The cells with planned customers: the plan."""
        return self.table[self.table["planned"] > 0].reset_index(drop=True)


@needs()
def plan_study(case: Case) -> Design:
    """Plan the combined policy and describe it."""
    policy = plan_policies(case, ["combined"])["combined"]
    plan, effects = policy.plan, policy.effects
    assert plan is not None
    assert effects is not None
    cells = _cells(case, plan, effects)
    offers, planned = cells["offers"], int(cells["planned"].sum())
    money = {"spend": offers * cells["cost"], "profit": offers * cells["expected_profit"]}
    spend, expected = (float(part.sum()) for part in money.values())
    load = (offers * cells["margin"]).to_numpy()
    margins = effects.margins(load, case.params.confidence_level)
    by_hand = greedy(case.programme(effects))
    uncut = plan.profit + plan.cut  # the heuristic knows of no cells that are cut to their test
    shortfall = 1 - by_hand.profit / uncut if uncut > 0 else 0.0
    shortfall = shortfall if shortfall >= 0.5e-4 else 0.0  # as it is shown
    kept = cells["planned"] - offers
    price = float((kept * cells["expected_profit"]).sum())
    forgone = effects.margins((kept * cells["margin"]).to_numpy(), case.params.confidence_level)
    contacts, columns = int(offers.sum()), ["planned", "offers", *money]
    sums = cells.assign(**money).groupby("segment", as_index=False)[columns].sum()
    segments = case.segments[["segment", "name", "customers"]].merge(sums, on="segment")
    inside = [(cells["segment"] == segment).to_numpy() for segment in segments["segment"]]
    reach = [effects.margins(load * own, case.params.confidence_level) for own in inside]
    segments[["low", "high"]] = segments[["profit"]].to_numpy() + np.array(reach).reshape(-1, 2)
    counted = [evidence_counts(case, cells[own & (offers > 0)]) for own in inside]
    segments[["n", "n_control"]] = np.array(counted).reshape(-1, 2)
    unknown = (offers > 0) & np.isfinite(cells["test_size"])
    control = {}
    if effects.kind == "response":
        control["evidence_control"] = "undrawn" if case.evidence.undrawn_control else "none"
    made = Design(
        cells,
        (
            Number("customers_contactable", case.groups.n_customers, "customers"),
            Number("planned_customers", planned, "customers"),
            Number("planned_contacts", contacts, "count"),
            Number("planned_control", planned - contacts, "customers"),
            Number("control_price", price, "currency", *ends(price, forgone)),
            Number("planned_spend", spend, "currency"),
            Number("planned_profit", expected, "currency", *ends(expected, margins)),
            Number("optimality_gap", plan.gap, "share", decimals=3),
            Number("greedy_shortfall", shortfall, "share", decimals=2),
            Number("groups_planned", len(case.groups.size), "count"),
            Number("cells_not_known", int(unknown.sum()), "count"),
            Number("contacts_not_known", int(offers[unknown].sum()), "count"),
            Number("profit_given_up_to_tests", plan.cut, "currency"),
        ),
        facts={
            "contactable": "everybody" if case.groups.n_customers == case.total else "some",
            "evidence_kind": effects.kind,
            **control,
            "plan_outcome": _outcome(case, effects, planned=planned),
            "plan_known": _known(case, effects, offers > 0, unknown),
        },
        quotes={
            "sales_for_profit": case.evidence.outcome == "value" and case.study.value_is == "sales",
            "smallest_p": Number("", effects.p_value, decimals=2),
            "undrawn": Phrase("undrawn"),
            "untried": sorted(set(case.catalogue.channel_names) - set(effects.cells["channel"])),
            "remarks": case.remarks,
            "effect": effects.kind,
            "unit": case.unit,
        },
        plan=plan,
        effects=effects,
        segments=segments,
    )
    columns = ["cell", "n", "n_control", "raw", "effect", "se", "kind"]
    tables = {"shrinkage": cells.dropna(subset=["raw"])[columns].reset_index(drop=True)}
    if planned == 0:
        empty = ("plan-cells", "offers", "flow", "plan-segments")
        return replace(made, tables=tables | dict.fromkeys(empty, pd.DataFrame()))
    flows = made.planned.merge(case.segments[["segment", "name"]], on="segment")
    flows["product"] = flows["product_id"].map(case.names)
    by = ["name", "product", "channel"]
    # Contacts, without those held out: only these can be set beside a capacity.
    flow = flows.groupby(["segment", *by], as_index=False)["offers"].sum()
    hide = partial(suppress, minimum=case.params.min_group_size)
    shown = {
        "flow": hide(flow, count="offers", by=by, keep=["segment"]),
        "plan-segments": hide(segments, count="planned", keep=["customers"]),
    }
    tables["offers"] = offer_matrix(case, made)
    tables["plan-cells"] = planned_cells(case, made)
    rest_on, least = shown["plan-segments"][["n", "n_control"]], case.params.min_group_size
    shown["plan-segments"][["n", "n_control"]] = rest_on.mask((rest_on > 0) & (rest_on < least))
    tables["plan-cells"] = _as_evidence(tables["plan-cells"], effects.kind)
    shown["plan-segments"] = _as_evidence(shown["plan-segments"], effects.kind)
    tables |= {name: table.drop(columns="suppressed") for name, table in shown.items()}
    return replace(made, tables=tables)


def _cells(case: Case, plan: Plan, effects: CellEffects) -> pd.DataFrame:
    """Lay out effects, money and planned customers of every cell; see `Design`."""
    cells = case.catalogue.priced(effects.cells.assign(kind=effects.kind))
    position = case.catalogue.positions(cells)
    planned = plan.contacts[position]
    cells.insert(0, "cell", np.arange(1, len(cells) + 1))
    return cells.assign(
        expected_profit=cells["effect"] * cells["margin"] - cells["cost"],
        eligible=case.groups.eligible()[position[:3]],
        planned=planned,
        offers=planned - held_back(planned, case.control_share).astype(np.int64),
        test_size=case.test_sizes(effects),
    )


def _known(case: Case, effects: CellEffects, made: pd.Series, unknown: pd.Series) -> str:
    told = effects.draws is not None and effects.kind == "uplift"
    if not told or case.evidence.outcome != "response" or not made.any():
        return "not_told"
    return "all" if not unknown.any() else "some" if unknown.sum() < made.sum() else "none"


def evidence_counts(case: Case, cells: pd.DataFrame) -> tuple[int, int]:
    """Past contacts and controls of cells; controls that cells share count once."""
    shared = CELL[: 2 if case.evidence.common_control else 3]
    controls = cells.groupby(shared)["n_control"].max().sum()
    return int(cells["n"].sum()), int(controls)


def planned_cells(case: Case, design: Design) -> pd.DataFrame:
    """Lay out the planned cells, with what the effect of each rests on.

    Columns: ``name`` (segment), ``addressed`` (level), ``product`` (name), ``channel, contacts,
    past_contacts, past_controls`` (numbers, or "fewer"), ``effect`` (number), ``interval`` and
    ``known`` (phrases; the latter: shown to pay, or the test that it needs).
    """
    cells, names, rows = design.planned, case.segments.set_index("segment")["name"], []
    for row in cells.itertuples():
        load = (design.table["cell"] == row.cell).to_numpy(dtype=float)
        reach = ends(row.effect, design.effects.margins(load, case.params.confidence_level))
        effect = Number("", row.effect, case.unit, *reach)
        size = Number("", row.test_size, "customers") if np.isfinite(row.test_size) else None
        known = Phrase("cell-known.test", {"size": size}) if size else Phrase("cell-known.pays")
        if design.facts["plan_known"] == "not_told":
            known = Phrase("cell-known.not_told")
        rows.append({
            "name": names[row.segment],
            "addressed": Level("addressed", "holders" if row.holds else "others"),
            "product": case.names[row.product_id], "channel": row.channel,
            "contacts": case.shown(row.offers), "past_contacts": case.shown(row.n),
            "past_controls": case.shown(row.n_control), "effect": effect,
            "interval": Phrase("interval", {"n": effect}), "known": known,
        })  # fmt: skip
    return pd.DataFrame(rows)


def _as_evidence(table: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Leave out controls where none could be kept; where nobody was contacted, name customers."""
    if kind == "uplift":
        return table
    table = table.drop(columns=["past_controls", "n_control"], errors="ignore")
    if kind == "association":
        table = table.rename(columns={"past_contacts": "alike", "n": "alike"})
    return table


def _outcome(case: Case, effects: CellEffects, *, planned: int) -> str:
    if planned:
        return "made"
    if not effects.detected:
        return "no_effect"
    pays = case.programme(effects).value[case.groups.eligible() > 0] > 0
    return "no_room" if pays.any() else "nothing_pays"


@needs()
def promised(case: Case, design: Design) -> Finding:
    """What a plan promises, in total, by segment and by product; no table without a plan.

    The table has ``by`` (total, segment, product), ``key`` (text), ``name, contacts, promised``
    with ``promised_low, promised_high`` (currency; NaN where it rests on an assumption); NaN where
    a group is too small to show. Losses expected of sales are off it, as they are off the values
    of a campaign: they are booked with the sale.
    """
    if design.planned.empty:
        return Finding()
    cells = design.table
    gain, margin = cells["expected_profit"], cells["margin"].to_numpy()
    sources = (
        ("segment", "segment", case.segments.set_index("segment")["name"]),
        ("product", "product_id", case.names),
    )
    parts = [("total", "", "", np.ones(len(cells), dtype=bool))] + [
        (by, str(key), names[key], (cells[column] == key).to_numpy())
        for by, column, names in sources
        for key in cells.loc[cells["offers"] > 0, column].unique()
    ]
    rows = []
    for by, key, name, inside in parts:
        offers = np.where(inside, cells["offers"], 0)
        profit, load = float((offers * gain).sum()), offers * margin
        margins = design.effects.margins(load, case.params.confidence_level)
        rows.append((by, key, name, int(offers.sum()), profit, *ends(profit, margins)))
    columns = ["promised", "promised_low", "promised_high"]
    table = pd.DataFrame(rows, columns=["by", "key", "name", "contacts", *columns])
    table[columns] = table[columns].astype(float)
    least = case.params.min_group_size
    shown = [suppress(part, count="contacts", minimum=least) for _, part in table.groupby("by")]
    return Finding(pd.concat(shown).sort_index().drop(columns="suppressed"))


def offer_matrix(case: Case, design: Design) -> pd.DataFrame:
    """Expected profit and contacts by segment and product, over holds and channels.

    Columns: ``segment, name, product`` (name), ``eligible, offers, profit`` (currency),
    ``per_contact`` (currency, the best channel's, weighted by eligible customers).
    """
    cells = design.table
    best = cells.sort_values("expected_profit").groupby(CELL[:3], as_index=False).last()
    best["weighted"] = best["expected_profit"] * best["eligible"]
    keys = ["segment", "product_id"]
    table = best.groupby(keys, as_index=False)[["eligible", "weighted"]].sum()
    table["per_contact"] = table.pop("weighted") / table["eligible"].where(table["eligible"] > 0)
    made = cells.assign(profit=cells["offers"] * cells["expected_profit"])
    made = made.groupby(keys, as_index=False)[["offers", "profit"]].sum()
    table = table.merge(made, on=keys)
    table.insert(1, "product", table.pop("product_id").map(case.names))
    return case.segments[["segment", "name"]].merge(table, on="segment")


@needs()
def meaning(case: Case, design: Design) -> Finding:
    """What the plan means for the bank: the segment and the product that bring most of its profit.

    No table. Quotes them with their shares of the profit, and the segments left out.
    """
    plan = design.planned
    if plan.empty:
        return Finding()
    profit = plan["offers"] * plan["expected_profit"]
    by_product = (profit.groupby(plan["product_id"]).sum() / profit.sum()).sort_values()
    by_segment = design.segments.assign(share=design.segments["profit"] / profit.sum())
    first = by_segment.sort_values("profit").iloc[-1]
    several, choice = len(design.segments) > 1, len(case.names) > 1
    return Finding(
        quotes={
            "assumed": case.assumed,
            "segment": first["name"] if several else None,
            "segment_share": Number("", first["share"], "share"),
            "product": case.names[by_product.index[-1]] if choice else None,
            "product_share": Number("", by_product.iloc[-1], "share"),
            "left_out": design.segments.loc[design.segments["planned"] == 0, "name"].tolist(),
        }
    )
