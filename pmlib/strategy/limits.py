"""What each limit costs, how profit grows with the budget, and which limits leave no plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.stats import norm

from pmlib.artifacts import Finding, Number
from pmlib.params import Parameters
from pmlib.strategy.case import Case
from pmlib.strategy.cells import RULES_OF_CONTACT, count_groups, customer_states
from pmlib.strategy.design import Design, programme
from pmlib.strategy.plan import GAP_ALLOWED, Plan, relax, solve
from pmlib.strategy.policies import cell_positions
from pmlib.strategy.programme import Limits

# The budget curve is drawn at these shares of the budget beyond which nothing more is earned.
_CURVE = (0.03, 0.08, 0.15, 0.25, 0.4, 0.6, 0.8, 1.15)


def limit_costs(case: Case, design: Design, params: Parameters) -> Finding:
    """Price every limit: by its dual, by one more unit of it, and by its absence.

    Objection, cool-down and suitability are priced too, to be known; they are never lifted.

    Parameters
    ----------
    case : Case
    design : Design
        Planned on that case.
    params : pmlib.params.Parameters
        ``control_share, cool_down``.

    Returns
    -------
    Finding
        Table: ``limit, value`` (in words), ``cost`` (profit that its absence would add,
        currency), ``price`` (what one more unit of it would add, currency; NaN where it has no
        unit) and ``resolved`` (the same, by solving again with one more unit).
    """
    groups, value, cost, limits = programme(case, design, params)
    plan = relax(groups, value, cost, limits)
    rows = []
    for label, words, index, wider, lifted in _limits(case, limits, params):
        cost_of = relax(groups, value, cost, lifted).bound - plan.bound
        if label == "smallest cell":  # a limit on whole plans: no relaxed programme feels it
            cost_of = solve(groups, value, cost, lifted).profit - design.policy.promised
        price = resolved = float("nan")
        if wider is not None:
            price = plan.prices[index] / _unit(index, params)
            resolved = relax(groups, value, cost, wider).bound - plan.bound
        rows.append((label, words, cost_of, price, resolved))
    for rule in RULES_OF_CONTACT:
        states = customer_states(
            case.sources, case.catalogue, cool_down=params.cool_down, lifted=(rule,)
        )
        freed = count_groups(states, case.catalogue, segments=case.groups.segments)
        gained = relax(freed, value, cost, limits).bound - plan.bound
        more = int(freed.eligible().sum() - case.groups.eligible().sum())
        few = f"fewer than {params.min_group_size}" if more < params.min_group_size else f"{more:,}"
        rows.append((rule, f"bars {few} offers", gained, float("nan"), float("nan")))
    table = pd.DataFrame(rows, columns=["limit", "value", "cost", "price", "resolved"])
    # A wider programme never earns less; solvers differ in the last digits.
    table["cost"] = table["cost"].clip(lower=0.0).where(table["cost"] > 1e-6, 0.0)
    dearest = table.loc[table["cost"].idxmax()]
    numbers = (
        Number(
            "budget_price",
            table["price"].iloc[0],
            "currency",
            meaning="Profit that one more unit of budget would add",
        ),
        Number("dearest_limit", dearest["limit"], meaning="Limit that costs the most profit"),
        Number(
            "dearest_limit_cost",
            dearest["cost"],
            "currency",
            meaning="Profit that the dearest limit costs",
        ),
    )
    if dearest["cost"] <= 0:
        return Finding(table, numbers, "No limit costs any profit: none is in the way.")
    text = (
        f"The dearest limit is **{dearest['limit']}**: without it the plan would earn "
        "{dearest_limit_cost} more. One more unit of budget would earn {budget_price}."
    )
    return Finding(table, numbers, text)


def budget_curve(case: Case, design: Design, params: Parameters) -> Finding:
    """Follow the profit of the best plan as the budget grows, all other limits in force.

    Parameters
    ----------
    case : Case
    design : Design
    params : pmlib.params.Parameters
        ``control_share, confidence_level``.

    Returns
    -------
    Finding
        Table: ``budget, profit, low, high, price`` (what one more unit of budget would add),
        ``kind`` ("curve", "plan" or "break-even").
    """
    assert design.policy.effects is not None
    groups, value, cost, limits = programme(case, design, params)
    limits = replace(limits, min_contacts=0)  # smallest cells make steps, not a curve
    z = norm.isf((1 - params.confidence_level) / 2)
    position = cell_positions(design.cells, case.catalogue)
    margin = design.cells["margin"].to_numpy() * (1 - params.control_share)
    covariance = design.policy.effects.covariance

    def point(plan: Plan, budget: float, kind: str) -> tuple[float | str, ...]:
        load = plan.contacts[position] * margin
        half = z * float(np.sqrt(load @ covariance @ load))
        return (
            budget,
            plan.profit,
            plan.profit - half,
            plan.profit + half,
            plan.prices["budget"],
            kind,
        )

    most = solve(groups, value, cost, replace(limits, budget=float("inf")))
    rows = [point(most, most.spend, "break-even")]
    for share in _CURVE:
        budget = share * most.spend
        rows.append(
            point(solve(groups, value, cost, replace(limits, budget=budget)), budget, "curve")
        )
    rows.append(point(solve(groups, value, cost, limits), limits.budget, "plan"))
    columns = ["budget", "profit", "low", "high", "price", "kind"]
    table = pd.DataFrame(rows, columns=columns).sort_values(["budget", "kind"], ignore_index=True)
    numbers = (
        Number(
            "break_even_budget",
            most.spend,
            "currency",
            meaning="Budget beyond which the next contact no longer pays",
        ),
        Number(
            "break_even_profit",
            most.profit,
            "currency",
            rows[0][2],  # type: ignore[arg-type]
            rows[0][3],  # type: ignore[arg-type]
            "Profit expected at that budget",
        ),
    )
    if most.spend == 0:
        text = "No contact pays, whatever the budget."
    elif limits.budget < most.spend:
        text = (
            "The budget stops the plan **before** contacts stop paying: up to "
            "{break_even_budget} the next contact still earns more than it costs."
        )
    else:
        text = (
            "The budget is **larger than useful**: beyond {break_even_budget} no further contact "
            "pays within the other limits, and the rest is not spent."
        )
    return Finding(table, numbers, text)


def plan_text(case: Case, design: Design, params: Parameters) -> str:
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
        "plan; {planned_contacts} contacts for {planned_spend}, expected profit {planned_profit} "
        "({planned_profit.interval}). "
    )
    groups, value, cost, limits = programme(case, design, params)
    assert design.policy.plan is not None
    if len(design.planned):
        text += (
            "No plan within the limits can beat it by more than {optimality_gap}; filling the best "
            "offers first would lose {greedy_shortfall}."
        )
        if design.policy.plan.gap > GAP_ALLOWED:
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
        for label, words, _, _, lifted in _limits(case, limits, params)
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


def _limits(
    case: Case, limits: Limits, params: Parameters
) -> Iterator[tuple[str, str, str, Limits | None, Limits]]:
    """Each limit: label, value in words, price's index, one unit wider, lifted."""
    yield (
        "budget",
        f"{case.limits.budget:,.0f}",
        "budget",
        replace(limits, budget=limits.budget + 1),
        replace(limits, budget=float("inf")),
    )
    for c, (name, capacity) in enumerate(
        zip(case.catalogue.channel_names, case.limits.capacity, strict=True)
    ):
        if np.isfinite(capacity):
            one_more = _with_capacity(limits, c, limits.capacity[c] + _unit("", params) ** -1)
            yield (
                f"capacity of {name}",
                f"{capacity:,.0f} contacts",
                f"channel {c}",
                one_more,
                _with_capacity(limits, c, float("inf")),
            )
    yield (
        "contact limit",
        f"{limits.contact_limit} a customer",
        "",
        None,
        replace(limits, contact_limit=len(case.catalogue.products)),
    )
    yield (
        "smallest cell",
        f"{limits.min_contacts} customers",
        "",
        None,
        replace(limits, min_contacts=0),
    )


def _unit(index: str, params: Parameters) -> float:
    """Planned customers that one contact stands for are 1 / (1 - control share); money is money."""
    return 1.0 if index == "budget" else 1 - params.control_share


def _with_capacity(limits: Limits, channel: int, capacity: float) -> Limits:
    changed = list(limits.capacity)
    changed[channel] = capacity
    return replace(limits, capacity=tuple(changed))
