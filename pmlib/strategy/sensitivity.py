"""What the plan depends on: limits, budget, and effects and money that are never certain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pmlib.numbers import Number, format_number
from pmlib.numbers import WordedFinding as Finding
from pmlib.strategy.case import Case
from pmlib.strategy.catalogue import Catalogue
from pmlib.strategy.cells import RULES_OF_CONTACT, count_groups, customer_states
from pmlib.strategy.design import Design
from pmlib.strategy.effects import CellEffects, ends
from pmlib.strategy.plan import GAP_ALLOWED, relax, solve
from pmlib.strategy.programme import Limits

# The budget curve is drawn at these shares of the budget beyond which nothing more is earned.
_CURVE = (0.03, 0.08, 0.15, 0.25, 0.4, 0.6, 0.8, 1.15)

SPREAD = 0.2
"""Margins and costs are multiplied by log-normal factors of this standard deviation."""

_EVIDENCE = {
    "uplift": "the pilot", "response": "the contacts on record", "association": "the holdings"
}  # fmt: skip

_STREAM = 4004


def limit_costs(case: Case, design: Design) -> Finding:
    """Price every limit: by its dual, by one more unit of it, and by its absence.

    Objection, cool-down and suitability are priced too, to be known; they are never lifted.

    Returns
    -------
    Finding
        Table: ``limit, value`` (in words), ``cost`` (profit that its absence would add,
        currency; NaN where nothing is recorded), ``price`` (what one more unit of it would add,
        currency; NaN where it has no unit) and ``resolved`` (the same, by solving again with one
        more unit).
    """
    groups, value, cost, limits = case.programme(design.effects)
    plan = relax(groups, value, cost, limits)
    least = case.params.min_group_size
    rows = []
    for label, words, index, wider, lifted in _limits(case, limits):
        cost_of = relax(groups, value, cost, lifted).bound - plan.bound
        if label == "smallest cell":  # a limit on whole plans: no relaxed programme feels it
            cost_of = solve(groups, value, cost, lifted).profit - design.plan.profit
        price = resolved = float("nan")
        if wider is not None:
            price = plan.prices[index] / (1 if index == "budget" else case.made)
            resolved = relax(groups, value, cost, wider).bound - plan.bound
        rows.append((label, words, cost_of, price, resolved))
    for rule in RULES_OF_CONTACT:
        if rule in case.not_recorded:
            rows.append((rule, "not recorded", float("nan"), float("nan"), float("nan")))
            continue
        cool_down = case.params.cool_down
        states = customer_states(case.sources, case.catalogue, cool_down=cool_down, lifted=(rule,))
        freed = count_groups(states, case.catalogue, segments=case.groups.segments)
        gained = relax(freed, value, cost, limits).bound - plan.bound
        more = int(freed.eligible().sum() - case.groups.eligible().sum())
        few = f"fewer than {least}" if more < least else f"{more:,}"
        rows.append((rule, f"bars {few} offers", gained, float("nan"), float("nan")))
    table = pd.DataFrame(rows, columns=["limit", "value", "cost", "price", "resolved"])
    # A wider programme never earns less; solvers differ in the last digits.
    table["cost"] = table["cost"].mask(table["cost"] <= 1e-6, 0.0)
    dearest = table.loc[table["cost"].idxmax()]
    numbers = (
        Number("budget_price", table["price"].iloc[0], "currency",
               meaning="Profit that one more unit of budget would add"),
        Number("dearest_limit", dearest["limit"], meaning="Limit that costs the most profit"),
        Number("dearest_limit_cost", dearest["cost"], "currency",
               meaning="Profit that the dearest limit costs"),
    )  # fmt: skip
    if dearest["cost"] <= 0:
        return Finding(table, numbers, "No limit costs any profit: none is in the way.")
    text = (
        f"The dearest limit is **{dearest['limit']}**: without it the plan would earn "
        "{dearest_limit_cost} more. One more unit of budget would earn {budget_price}."
    )
    return Finding(table, numbers, text)


def budget_curve(case: Case, design: Design) -> Finding:
    """Follow the profit of the best plan as the budget grows, all other limits in force.

    Returns
    -------
    Finding
        Table: ``budget, profit, low, high, price`` (what one more unit of budget would add),
        ``kind`` ("curve", "plan" or "break-even").
    """
    groups, value, cost, limits = case.programme(design.effects)
    limits = replace(limits, min_contacts=0)  # smallest cells make steps, not a curve
    position = case.catalogue.positions(design.cells)
    margin = design.cells["margin"].to_numpy() * case.made

    most = solve(groups, value, cost, replace(limits, budget=float("inf")))
    budgets = [(share * most.spend, "curve") for share in _CURVE] + [(limits.budget, "plan")]
    plans = [(most, most.spend, "break-even")]
    for budget, kind in budgets:
        plans.append((solve(groups, value, cost, replace(limits, budget=budget)), budget, kind))
    rows = []
    for plan, budget, kind in plans:
        load = plan.contacts[position] * margin
        half = design.effects.half_width(load, case.params.confidence_level)
        low, high = ends(plan.profit, half)
        rows.append((budget, plan.profit, low, high, plan.prices["budget"], kind))
    _, earned, low, high, *_ = rows[0]
    columns = ["budget", "profit", "low", "high", "price", "kind"]
    table = pd.DataFrame(rows, columns=columns).sort_values(["budget", "kind"], ignore_index=True)
    table = table.astype({"low": float, "high": float})
    numbers = (
        Number("break_even_budget", most.spend, "currency",
               meaning="Budget beyond which the next contact no longer pays"),
        Number("break_even_profit", earned, "currency", low, high,
               "Profit expected at that budget"),
    )  # fmt: skip
    if most.spend == 0:
        text = "No contact pays, whatever the budget."
    elif limits.budget < most.spend:
        text = (
            "The budget set for this study stops the plan **before** contacts stop paying: up to "
            "{break_even_budget} the next contact still earns more than it costs."
        )
    else:
        text = (
            "The budget set for this study is **larger than useful**: beyond {break_even_budget} "
            "no further contact pays within the other limits, and the rest is not spent."
        )
    price = table.loc[table["budget"] < most.spend, "price"]
    if most.spend > 0 and np.ptp(price) <= 1e-6 * price.max():
        text += " Up to there each unit of budget earns the same."
    return Finding(table, numbers, text)


def plan_text(case: Case, design: Design) -> str:
    """Say how large the plan is and how good, or which limits leave no plan.

    Returns
    -------
    str
        Quotes headline numbers. A gap above `GAP_ALLOWED` is told with its reason. Where offers
        would pay and there is still no plan, the limits are named of which each, lifted alone,
        would leave one.
    """
    text = (
        "Of {customers_contactable} customers who may be contacted, {planned_customers} are in the "
        "plan; {planned_contacts} contacts for {planned_spend}, expected profit "
        f"{case.told('planned_profit')}. "
    )
    groups, value, cost, limits = case.programme(design.effects)
    if len(design.planned):
        text += (
            "No plan within the limits can beat it by more than {optimality_gap}; filling the best "
            "offers first would lose {greedy_shortfall}."
        )
        if design.plan.gap > GAP_ALLOWED:
            free = solve(groups, value, cost, replace(limits, min_contacts=0))
            text += (
                f" That is **more than the {100 * GAP_ALLOWED:g} % aimed at**: the bound does not "
                f"feel the smallest cell of {limits.min_contacts} customers. Without that limit "
                f"the plan would miss at most {100 * free.gap:.2g} %."
            )
        return text
    if not (value[groups.eligible() > 0] > 0).any():
        return text
    blocking = [
        f"{label} ({words})"
        for label, words, _, _, lifted in _limits(case, limits)
        if solve(groups, value, cost, lifted).profit > 0
    ]
    if not blocking:
        return text + "**No plan fits**: several limits each leave no room for any offer."
    if len(blocking) == 1:
        return text + f"**No plan fits**: the limit in the way is {blocking[0]}."
    return text + (
        f"**No plan fits**: these limits conflict, {', '.join(blocking)}; "
        "easing any one of them leaves room for offers."
    )


def _limits(case: Case, limits: Limits) -> Iterator[tuple[str, str, str, Limits | None, Limits]]:
    """Each limit: label, value in words, price's index, one unit wider, lifted."""
    budget = f"{case.limits.budget:,.0f}"
    wider = replace(limits, budget=limits.budget + 1)
    yield "budget", budget, "budget", wider, replace(limits, budget=float("inf"))
    for c, capacity in enumerate(case.limits.capacity):
        if np.isfinite(capacity):
            # One contact more stands for 1 / (1 - control share) planned customers.
            one_more, none = (
                replace(limits, capacity=(*limits.capacity[:c], room, *limits.capacity[c + 1 :]))
                for room in (limits.capacity[c] + 1 / case.made, float("inf"))
            )
            label = f"capacity of {case.catalogue.channel_names[c]}"
            yield label, f"{capacity:,.0f} contacts", f"channel {c}", one_more, none
    free = replace(limits, contact_limit=len(case.catalogue.products))
    yield "contact limit", f"{limits.contact_limit} a customer", "", None, free
    words = f"{limits.min_contacts} customers"
    yield "smallest cell", words, "", None, replace(limits, min_contacts=0)


@dataclass(frozen=True)
class Survival(Finding):
    """Decisions of the plan under redrawn inputs.

    The table has ``scenario, draws, unchanged`` (mean share of planned customers with the same
    offer), ``least, most`` (of a single draw).

    Parameters
    ----------
    decisions : pandas.DataFrame
        ``segment, name, product`` (name), ``planned`` (customers), ``survives``: share of
        draws of the evidence in which customers of the segment are offered the product.
    """

    decisions: pd.DataFrame


def survival(case: Case, design: Design, *, draws: int = 20, draws_of_money: int = 10) -> Survival:
    """Plan again, within the same limits, with redrawn evidence, margins and costs.

    Redrawn evidence has raw effects drawn around the shrunk ones with their sampling covariance;
    they are shrunk again (variance components kept) and planned on.

    Parameters
    ----------
    case : Case
    design : Design
    draws, draws_of_money : int
        Of the evidence; of margins, and as many of costs.
    """
    rng = np.random.default_rng([case.params.seed, _STREAM])
    effects, base = design.effects, design.plan.contacts.sum(axis=3)
    evidence = _EVIDENCE[case.evidence.kind]
    again = {
        evidence: [_offered(case, _redrawn(effects, rng)) for _ in range(draws)],
        **{
            scenario: [
                _offered(replace(case, catalogue=_other_money(case.catalogue, rng, money)), effects)
                for _ in range(draws_of_money)
            ]
            for scenario, money in (("margins", "margin"), ("costs of contact", "cost"))
        },
    }
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
    lasting = float((made["survives"] >= 0.9).mean()) if len(made) else float("nan")
    kept_share = scenarios["unchanged"].iloc[0]
    numbers = (
        Number("decisions_unchanged", kept_share, "share",
               meaning="Share of planned customers who keep their offer if what was observed is "
               "drawn again, mean over draws"),
        Number("decisions_lasting", lasting, "share",
               meaning="Share of offers to segments made in at least 90 % of draws"),
    )  # fmt: skip
    if made.empty:
        text = "The plan is empty: nothing to redraw."
        return Survival(scenarios, numbers, text, decisions)
    worst = scenarios.loc[scenarios["least"].idxmin()]
    lost, least, most = (
        format_number(share, "share") for share in (worst["least"], *scenarios.iloc[0, -2:])
    )
    word = "firm" if worst["least"] >= 0.8 else "fairly firm"
    word = word if worst["least"] >= 0.6 else "**not firm**"
    text = (
        f"The plan is {word}: in the worst draw, of {worst['scenario']}, {lost} of the planned "
        f"customers keep their offer. If {evidence} were drawn again, {{decisions_unchanged}} "
        f"would on average ({least} to {most} in {draws} draws); {{decisions_lasting}} of the "
        "offers to segments come back in at least nine of ten draws."
    )
    if scenarios["least"].iloc[0] > 1 - 1e-9:
        # Clopper and Pearson's one-sided bound for no change in n draws.
        bound = 1 - (1 - case.params.confidence_level) ** (1 / draws)
        text += f" That no draw differs excludes only chances of a change above {bound:.0%}."
    if len(decisions) == 1 and case.has_one_cell():
        text += " With one product and one segment the only decision is whether to contact."
    return Survival(scenarios, numbers, text, decisions)


def _offered(case: Case, effects: CellEffects) -> np.ndarray:
    """(L, 2, P) planned customers, over channels."""
    return solve(*case.programme(effects)).contacts.sum(axis=3)


def _redrawn(effects: CellEffects, rng: np.random.Generator) -> CellEffects:
    seen = effects.own >= 0
    mean = np.zeros(len(effects.observed))
    mean[effects.own[seen]] = effects.cells["effect"].to_numpy()[seen]
    noise = rng.multivariate_normal(np.zeros(len(mean)), effects.sampling, method="cholesky")
    drawn = effects.gain @ (mean + noise)
    return replace(effects, cells=effects.cells.assign(effect=drawn if effects.detected else 0.0))


def _other_money(catalogue: Catalogue, rng: np.random.Generator, column: str) -> Catalogue:
    table = catalogue.products if column == "margin" else catalogue.channels
    factor = np.exp(SPREAD * rng.standard_normal(len(table)) - SPREAD**2 / 2)
    other = table.assign(**{column: table[column] * factor})
    if column == "margin":
        return replace(catalogue, products=other)
    return replace(catalogue, channels=other)
