"""What the plan depends on: the budget, and effects and money that are never certain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from pmlib.numbers import Finding, Level, Number, missing, needs
from pmlib.strategy.case import Case
from pmlib.strategy.catalogue import Catalogue
from pmlib.strategy.design import Design
from pmlib.strategy.effects import CellEffects, ends
from pmlib.strategy.plan import Plan, solve

# The budget curve is drawn at these shares of the budget beyond which nothing more is earned.
_CURVE = (0.03, 0.08, 0.15, 0.25, 0.4, 0.6, 0.8, 1.15)

SPREAD = 0.2
"""Margins and costs are multiplied by log-normal factors of this standard deviation."""

FIRM, FAIRLY_FIRM = 0.8, 0.6
"""Least share of planned customers who keep their offer in the worst draw of a firm plan."""

_OBSERVED = {"uplift": "pilot", "response": "contacts", "association": "holdings"}

_STREAM = 4004


@needs()
def budget_curve(case: Case, design: Design) -> Finding:
    """Follow the profit of the best plan as the budget grows, all other limits in force.

    The table has ``budget, profit, low, high, price`` (what one more unit of budget would add) and
    ``kind`` ("curve", "plan" or "break_even"). Fact: whether more budget would earn more.
    """
    if design.planned.empty:
        return missing("no_plan")
    programme = case.programme(design.effects)
    position = case.catalogue.positions(design.table)
    margin = design.table["margin"].to_numpy() * case.made

    def planned(budget: float) -> Plan:  # smallest cells make steps, not a curve
        limits = replace(programme.limits, budget=budget, min_contacts=0)
        return solve(replace(programme, limits=limits))

    most, own = planned(float("inf")), programme.limits.budget
    budgets = [(share * most.spend, "curve") for share in _CURVE] + [(own, "plan")]
    plans = [(planned(budget), budget, kind) for budget, kind in budgets]
    rows = []
    for plan, budget, kind in [(most, most.spend, "break_even"), *plans]:
        load = plan.contacts[position] * margin
        half = design.effects.half_width(load, case.params.confidence_level)
        low, high = ends(plan.profit, half)
        rows.append((budget, plan.profit, low, high, plan.prices["budget"], kind))
    _, earned, low, high, *_ = rows[0]
    columns = ["budget", "profit", "low", "high", "price", "kind"]
    table = pd.DataFrame(rows, columns=columns).sort_values(["budget", "kind"], ignore_index=True)
    table = table.astype({"low": float, "high": float})
    reach = "pays" if own < most.spend else "idle"
    price = table.loc[table["budget"] < most.spend, "price"]
    return Finding(
        table,
        (
            Number("break_even_budget", most.spend, "currency"),
            Number("break_even_profit", earned, "currency", low, high),
        ),
        facts={"more_budget": reach if most.spend > 0 else "nothing_pays"},
        quotes={"earns_alike": most.spend > 0 and np.ptp(price) <= 1e-6 * price.max()},
    )


@needs()
def survival(case: Case, design: Design, *, draws: int = 20, draws_of_money: int = 10) -> Finding:
    """Plan again, within the same limits, with redrawn evidence, margins and costs.

    Evidence is redrawn `draws` times: raw effects are drawn around the shrunk ones with their
    sampling covariance, shrunk again (variance components kept) and planned on. Margins are redrawn
    `draws_of_money` times, and costs as often.

    The table has ``scenario, draws, unchanged`` (mean share of planned customers with the same
    offer) and ``least, most`` (of a single draw); *decisions* has ``segment, name, product``
    (name), ``planned`` (customers) and ``survives``: share of draws of the evidence in which
    customers of the segment are offered the product. Fact: how firm the plan is.
    """
    if design.planned.empty:
        return missing("no_plan")
    rng = np.random.default_rng([case.params.seed, _STREAM])
    effects, base = design.effects, design.plan.contacts.sum(axis=3)
    evidence = _OBSERVED[case.evidence.kind]
    again = {evidence: [_offered(case, _redrawn(effects, rng)) for _ in range(draws)]}
    for scenario, money in (("margins", "margin"), ("costs", "cost")):
        menus = (_other_money(case.catalogue, rng, money) for _ in range(draws_of_money))
        again[scenario] = [_offered(replace(case, catalogue=menu), effects) for menu in menus]
    rows = []
    for scenario, plans in again.items():
        kept = [np.minimum(base, plan).sum() / max(base.sum(), 1) for plan in plans]
        rows.append((scenario, len(plans), float(np.mean(kept)), min(kept), max(kept)))
    columns = ["scenario", "draws", "unchanged", "least", "most"]
    scenarios = pd.DataFrame(rows, columns=columns)
    # Offers by segment and product, over holding an antecedent.
    offered = np.mean([plan.sum(axis=1) > 0 for plan in again[evidence]], axis=0)
    decisions = pd.MultiIndex.from_product(
        [case.groups.segments, case.catalogue.product_ids], names=["segment", "product_id"]
    ).to_frame(index=False)
    decisions["planned"] = base.sum(axis=1).ravel()
    decisions["survives"] = offered.ravel()
    decisions.insert(1, "product", decisions.pop("product_id").map(case.names))
    decisions = case.segments[["segment", "name"]].merge(decisions, on="segment")
    made = decisions[decisions["planned"] > 0]
    observed, worst = scenarios.iloc[0], scenarios.loc[scenarios["least"].idxmin()]
    firm = "fairly_firm" if worst["least"] >= FAIRLY_FIRM else "not_firm"
    return Finding(
        scenarios,
        (
            Number("decisions_unchanged", observed["unchanged"], "share"),
            Number("decisions_lasting", float((made["survives"] >= 0.9).mean()), "share"),
        ),
        facts={"plan_firmness": "firm" if worst["least"] >= FIRM else firm},
        quotes={
            "worst": Level("scenario", worst["scenario"]),
            "observed": Level("scenario", evidence),
            **{f"{end}_kept": Number("", observed[end], "share") for end in ("least", "most")},
            "worst_kept": Number("", worst["least"], "share"),
            "draws": draws,
            "never_changed": bool(observed["least"] > 1 - 1e-9),
            # Clopper and Pearson's one-sided bound for no change in n draws.
            "chance_of_change": Number(
                "", 1 - (1 - case.params.confidence_level) ** (1 / draws), "share", decimals=0
            ),
            "one_decision": len(decisions) == 1 and case.has_one_cell(),
        },
        tables={"decisions": decisions},
    )


def _offered(case: Case, effects: CellEffects) -> np.ndarray:
    """(L, 2, P) planned customers, over channels."""
    return solve(case.programme(effects)).contacts.sum(axis=3)


def _redrawn(effects: CellEffects, rng: np.random.Generator) -> CellEffects:
    seen = effects.own >= 0
    mean = np.zeros(len(effects.observed))
    mean[effects.own[seen]] = effects.cells["effect"].to_numpy()[seen]
    noise = rng.multivariate_normal(np.zeros(len(mean)), effects.sampling, method="cholesky")
    drawn = effects.gain @ (mean + noise)
    return replace(effects, cells=effects.cells.assign(effect=drawn if effects.detected else 0.0))


def _other_money(catalogue: Catalogue, rng: np.random.Generator, column: str) -> Catalogue:
    part = "products" if column == "margin" else "channels"
    table = getattr(catalogue, part)
    factor = np.exp(SPREAD * rng.standard_normal(len(table)) - SPREAD**2 / 2)
    return replace(catalogue, **{part: table.assign(**{column: table[column] * factor})})
