"""What the plan depends on: its limits, and effects and money that are never certain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import pandas as pd

from pmlib.numbers import Finding, Level, Number, Phrase, missing, needs
from pmlib.strategy.case import Case, rough_share
from pmlib.strategy.catalogue import Catalogue
from pmlib.strategy.cells import RULES_OF_CONTACT
from pmlib.strategy.design import Design
from pmlib.strategy.effects import CellEffects, ends, observed_cells
from pmlib.strategy.plan import GAP_ALLOWED, relax, solve
from pmlib.strategy.programme import Limits, Programme, Relaxed
from pmlib.strategy.shrinkage import shrink

# The budget curve is drawn at these shares of the budget beyond which nothing more is earned.
_CURVE = (0.03, 0.08, 0.15, 0.25, 0.4, 0.6, 0.8, 1.15)

SPREAD = 0.2
"""Margins and costs are multiplied by log-normal factors of this standard deviation."""

FIRM, FAIRLY_FIRM = 0.8, 0.6
"""Least share of planned customers who keep their offer in the worst draw of a firm plan."""

_OBSERVED = {"uplift": "pilot", "response": "contacts", "association": "holdings"}

_STREAM = 4004


@dataclass(frozen=True)
class _Limit:
    """A limit: what it limits (with its channel), its value, and the programme without it.

    `steps` have one unit more and one fewer, and `index` is where its dual stands; a limit without
    unit has neither.
    """

    kind: str
    value: Phrase
    lifted: Programme
    steps: tuple[Programme, ...] = ()
    index: str = ""
    channel: str | None = None

    @property
    def name(self) -> Level | Phrase:
        if self.channel is None:
            return Level("limit", self.kind)
        return Phrase(f"limit.{self.kind}", {"channel": self.channel})


def _limits(case: Case, programme: Programme) -> Iterator[_Limit]:
    limits = programme.limits

    def value(kind: str, amount: float) -> Phrase:
        return Phrase(f"limit-value.{kind}", {"n": Number("", amount, decimals=0)})

    def within(changed: Limits) -> Programme:
        return replace(programme, limits=changed)

    budgets = float("inf"), limits.budget + 1, max(limits.budget - 1, 0.0)
    free, *steps = (within(replace(limits, budget=b)) for b in budgets)
    yield _Limit("budget", value("budget", case.limits.budget), free, tuple(steps), "budget")
    for c, capacity in enumerate(case.limits.capacity):
        if np.isfinite(capacity):
            # One contact more stands for 1 / (1 - control share) planned customers.
            rooms = (float("inf"), *((capacity + unit) / case.made for unit in (1, -1)))
            before, after = limits.capacity[:c], limits.capacity[c + 1 :]
            free, *steps = (
                within(replace(limits, capacity=(*before, max(room, 0.0), *after)))
                for room in rooms
            )
            told, channel = value("capacity", capacity), case.catalogue.channel_names[c]
            yield _Limit("capacity", told, free, tuple(steps), f"channel {c}", channel)
    free = within(replace(limits, contact_limit=len(case.catalogue.products)))
    yield _Limit("contact_limit", value("contact_limit", limits.contact_limit), free)
    told = value("smallest_cell", limits.min_contacts)
    yield _Limit("smallest_cell", told, within(replace(limits, min_contacts=0)))


@needs()
def plan_size(case: Case, design: Design) -> Finding:
    """Say how large the plan is and how good, or which limits leave no plan.

    No table. Whether the gap is above `GAP_ALLOWED`, and what it is without a smallest cell. Where
    offers would pay and there is still no plan, the limits of which each, lifted alone, would leave
    one.
    """
    programme, gap, blocking = case.programme(design.effects), Number("", None), []
    if design.planned.empty:
        if design.facts["plan_outcome"] == "no_room":
            blocking = [
                Phrase("blocking-limit", {"limit": limit.name, "value": limit.value})
                for limit in _limits(case, programme)
                if solve(limit.lifted).profit > 0
            ]
    elif design.plan.gap > GAP_ALLOWED:
        free = replace(programme, limits=replace(programme.limits, min_contacts=0))
        gap = rough_share(solve(free).gap, 2)
    return Finding(
        facts={"plan_gap": "allowed" if gap.value is None else "wide"},
        quotes={
            "assumed": case.assumed,
            "gap_allowed": rough_share(GAP_ALLOWED, 6),
            "gap_without": gap,
            "least": case.limits.min_contacts,
            "blocking": blocking,
        },
    )


@needs()
def limit_costs(case: Case, design: Design) -> Finding:
    """Price every limit: by one more and one fewer unit of it, by its dual, and by its absence.

    Objection, cool-down and suitability are priced too, to be known; they are never lifted.

    The table has ``limit, value`` (phrases), ``cost`` (profit that its absence would add, currency;
    NaN where nothing is recorded), and of limits with a unit, which are those of *prices*,
    ``price`` (what one more unit would add) and ``fewer`` (what one fewer would cost), by solving
    again, and ``dual``: where several plans are best it may be anything from the one to the
    other, so it is shown and not relied on. Facts: the dearest limit, and whether its need is worth
    asking for: it costs profit that was measured, and protects no customer.
    """
    if design.planned.empty:
        return missing("no_plan")
    programme = case.programme(design.effects)
    best = relax(programme)
    rows, found = [], list(_limits(case, programme))
    for limit in found:
        if limit.kind == "smallest_cell":  # of whole plans: no relaxed programme feels it
            costs = solve(limit.lifted).profit - design.plan.profit
        else:
            costs = relax(limit.lifted).bound - best.bound
        prices = [float("nan")] * 3
        if limit.steps:
            dual = best.prices[limit.index] / (1 if limit.index == "budget" else case.made)
            prices = [*(_step(best, step) for step in limit.steps), dual]
        rows.append((limit.name, limit.value, costs, *prices))
    rules = [rule for rule in RULES_OF_CONTACT if rule != "own_rules" or case.catalogue.rules]
    for rule in rules:
        told, costs = _rule_cost(case, design.effects, rule, best.bound)
        rows.append((Level("limit", rule), told, costs, *[float("nan")] * 3))
    steps = ["price", "fewer", "dual"]
    table = pd.DataFrame(rows, columns=["limit", "value", "cost", *steps])
    # A wider programme earns no less, but for what those barred would lose, and for last digits.
    table["cost"] = table["cost"].mask(table["cost"] <= 1e-6, 0.0)
    at = int(table["cost"].idxmax())
    dearest, channel, most = "none", None, float(table["cost"].iloc[at])
    if most > 0:
        kinds = [(limit.kind, limit.channel) for limit in found]
        dearest, channel = [*kinds, *((rule, None) for rule in rules)][at]
    measured, lawful = design.effects.kind == "uplift", dearest not in RULES_OF_CONTACT
    return Finding(
        table,
        (
            Number("budget_price", table["price"].iloc[0], "currency"),
            *([Number("dearest_channel", channel)] if channel else []),
            Number("dearest_limit_cost", most, "currency"),
        ),
        facts={
            "dearest_limit": dearest,
            "limit_to_question": measured and lawful and dearest != "none",
        },
        quotes={"protecting": [Level("limit", rule) for rule in rules]},
        tables={"prices": table.dropna(subset=["price"])[["limit", "value", *steps]]},
    )


def _step(best: Relaxed, other: Programme) -> float:
    """What a programme with another limit earns more or less; without what solvers round."""
    change = abs(relax(other).bound - best.bound)
    return change if change > 1e-9 * best.bound else 0.0


def _rule_cost(case: Case, effects: CellEffects, rule: str, bound: float) -> tuple[Phrase, float]:
    """What a rule of contact bars, and the profit it costs; NaN where it is not recorded."""
    if rule in case.not_recorded:
        return Phrase("limit-value.unrecorded"), float("nan")
    freed = case.without(rule)
    more = int(freed.groups.eligible().sum() - case.groups.eligible().sum())
    least = case.params.min_group_size
    offers = Phrase("fewer", {"least": least}) if more < least else Number("", more, "count")
    gained = relax(freed.programme(effects)).bound - bound
    return Phrase("limit-value.bars", {"offers": offers}), gained


@needs()
def budget_curve(case: Case, design: Design) -> Finding:
    """Follow the profit of the best plan as the budget grows, all other limits in force.

    But for the smallest cell, which makes steps, not a curve.

    The table has ``budget, profit, low, high, price`` (what one more unit of budget would add) and
    ``kind`` ("curve", "plan" or "break_even"). Fact: whether more budget would earn more.
    """
    if design.planned.empty:
        return missing("no_plan")
    programme = case.programme(design.effects)
    position = case.catalogue.positions(design.table)
    margin = design.table["margin"].to_numpy() * case.made

    def within(budget: float) -> Programme:
        limits = replace(programme.limits, budget=budget, min_contacts=0)
        return replace(programme, limits=limits)

    most, own = solve(within(float("inf"))), programme.limits.budget
    budgets = [(share * most.spend, "curve") for share in _CURVE] + [(own, "plan")]
    plans = [(solve(within(budget)), budget, kind) for budget, kind in budgets]
    rows = []
    for plan, budget, kind in [(most, most.spend, "break_even"), *plans]:
        load = plan.contacts[position] * margin
        margins = design.effects.margins(load, case.params.confidence_level)
        low, high = ends(plan.profit, margins)
        price = _step(relax(within(budget)), within(budget + 1))
        rows.append((budget, plan.profit, low, high, price, kind))
    columns = ["budget", "profit", "low", "high", "price", "kind"]
    table = pd.DataFrame(rows, columns=columns).sort_values(["budget", "kind"], ignore_index=True)
    table = table.astype({"low": float, "high": float})
    reach = "pays" if own < most.spend else "idle"
    price = table.loc[table["budget"] < most.spend, "price"]
    return Finding(
        table,
        (
            Number("break_even_budget", most.spend, "currency"),
            Number("break_even_profit", most.profit, "currency", *rows[0][2:4]),
        ),
        facts={"more_budget": reach if most.spend > 0 else "nothing_pays"},
        quotes={"earns_alike": most.spend > 0 and np.ptp(price) <= 1e-6 * price.max()},
    )


@needs()
def survival(case: Case, design: Design, *, draws: int = 20, draws_of_money: int = 10) -> Finding:
    """Plan again, within the same limits, with redrawn evidence, margins and costs.

    Evidence is redrawn `draws` times: chance with the sampling covariance of the raw effects moves
    the effects by the gain of `pmlib.strategy.shrinkage`, its variance components kept; to draw
    from a posterior each time would take minutes. Margins are redrawn
    `draws_of_money` times, and costs as often.

    The table has ``scenario, draws, unchanged`` (mean share of planned customers with the same
    offer) and ``least, most`` (of a single draw); *decisions* has ``segment, name, product``
    (name), ``planned`` (customers) and ``survives``: share of draws of the evidence in which
    customers of the segment are offered the product. Fact: how firm the plan is.
    """
    if design.planned.empty:
        return missing("no_plan")
    rng = np.random.default_rng([case.params.seed, _STREAM])
    error_rate = 1 - case.params.confidence_level
    effects, base = design.effects, design.plan.contacts.sum(axis=3)
    evidence = _OBSERVED[case.evidence.kind]
    redrawn = islice(_redrawn(case, effects, rng), draws)
    again = {evidence: [_offered(case, other) for other in redrawn]}
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
    pairs, names = [case.groups.segments, case.catalogue.product_ids], ["segment", "product_id"]
    decisions = pd.MultiIndex.from_product(pairs, names=names).to_frame(index=False)
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
            Number("decisions_kept_at_worst", worst["least"], "share"),
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
            "chance_of_change": Number("", 1 - error_rate ** (1 / draws), "share", decimals=0),
            "one_decision": len(decisions) == 1 and case.has_one_cell(),
        },
        tables={"decisions": decisions},
    )


def _offered(case: Case, effects: CellEffects) -> np.ndarray:
    """(L, 2, P) planned customers, over channels."""
    return solve(case.programme(effects)).contacts.sum(axis=3)


def _redrawn(case: Case, effects: CellEffects, rng: np.random.Generator) -> Iterator[CellEffects]:
    """Effects as other chance in what was observed would have moved them, without end."""
    cells = observed_cells(case.evidence, case.catalogue, case.groups.segments)
    linear = shrink(cells, case.evidence)
    # Where no channel is recorded, each stands for all of them.
    rows = np.repeat(np.arange(len(cells)), len(effects.cells) // len(cells))
    gain, nothing = linear.gain[rows], np.zeros(len(linear.observed))
    while True:
        noise = rng.multivariate_normal(nothing, linear.sampling, method="cholesky")
        drawn = effects.cells["effect"] + gain @ noise
        yield replace(effects, cells=effects.cells.assign(effect=drawn))


def _other_money(catalogue: Catalogue, rng: np.random.Generator, column: str) -> Catalogue:
    part = "products" if column == "margin" else "channels"
    table = getattr(catalogue, part)
    factor = np.exp(SPREAD * rng.standard_normal(len(table)) - SPREAD**2 / 2)
    return replace(catalogue, **{part: table.assign(**{column: table[column] * factor})})
