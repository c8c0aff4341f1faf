"""What each limit of the plan costs, and which of them leave no plan at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pmlib.numbers import Finding, Level, Number, Phrase, missing, needs
from pmlib.strategy.case import Case, rough_share
from pmlib.strategy.cells import RULES_OF_CONTACT, count_groups, customer_states
from pmlib.strategy.design import Design
from pmlib.strategy.plan import GAP_ALLOWED, relax, solve
from pmlib.strategy.programme import Limits, Programme


@dataclass(frozen=True)
class _Limit:
    """A limit: what it limits (with its channel), its value, and the programme without it.

    `wider` has one unit more, and `index` is where its price stands; a limit without unit has
    neither.
    """

    kind: str
    value: Phrase
    lifted: Programme
    wider: Programme | None = None
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

    wider, lifted = (within(replace(limits, budget=b)) for b in (limits.budget + 1, float("inf")))
    yield _Limit("budget", value("budget", case.limits.budget), lifted, wider, "budget")
    for c, capacity in enumerate(case.limits.capacity):
        if np.isfinite(capacity):
            # One contact more stands for 1 / (1 - control share) planned customers.
            one_more, none = (
                replace(limits, capacity=(*limits.capacity[:c], room, *limits.capacity[c + 1 :]))
                for room in (limits.capacity[c] + 1 / case.made, float("inf"))
            )
            told, channel = value("capacity", capacity), case.catalogue.channel_names[c]
            yield _Limit("capacity", told, within(none), within(one_more), f"channel {c}", channel)
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
    """Price every limit: by its dual, by one more unit of it, and by its absence.

    Objection, cool-down and suitability are priced too, to be known; they are never lifted.

    The table has ``limit, value`` (phrases), ``cost`` (profit that its absence would add, currency;
    NaN where nothing is recorded), ``price`` (what one more unit of it would add, currency; NaN
    where it has no unit) and ``resolved`` (the same, by solving again with one more unit). Of these
    *prices* has the limits with a unit. Facts: the dearest limit, and whether its need is worth
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
        price = resolved = float("nan")
        if limit.wider is not None:
            price = best.prices[limit.index] / (1 if limit.index == "budget" else case.made)
            resolved = relax(limit.wider).bound - best.bound
        rows.append((limit.name, limit.value, costs, price, resolved))
    for rule in RULES_OF_CONTACT:
        told, costs = _rule_cost(case, programme, rule, best.bound)
        rows.append((Level("limit", rule), told, costs, float("nan"), float("nan")))
    table = pd.DataFrame(rows, columns=["limit", "value", "cost", "price", "resolved"])
    # A wider programme never earns less; solvers differ in the last digits.
    table["cost"] = table["cost"].mask(table["cost"] <= 1e-6, 0.0)
    at = int(table["cost"].idxmax())
    dearest, channel, most = "none", None, float(table["cost"].iloc[at])
    if most > 0:
        kinds = [(limit.kind, limit.channel) for limit in found]
        dearest, channel = [*kinds, *((rule, None) for rule in RULES_OF_CONTACT)][at]
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
        quotes={"protecting": [Level("limit", rule) for rule in RULES_OF_CONTACT]},
        tables={"prices": table.dropna(subset=["price"])[["limit", "value", "price", "resolved"]]},
    )


def _rule_cost(case: Case, programme: Programme, rule: str, bound: float) -> tuple[Phrase, float]:
    """What a rule of contact bars, and the profit it costs; NaN where it is not recorded."""
    if rule in case.not_recorded:
        return Phrase("limit-value.unrecorded"), float("nan")
    groups, days = programme.groups, case.params.cool_down
    states = customer_states(case.sources, case.catalogue, cool_down=days, lifted=(rule,))
    freed = count_groups(states, case.catalogue, segments=groups.segments)
    more = int(freed.eligible().sum() - groups.eligible().sum())
    least = case.params.min_group_size
    offers = Phrase("fewer", {"least": least}) if more < least else Number("", more, "count")
    gained = relax(replace(programme, groups=freed)).bound - bound
    return Phrase("limit-value.bars", {"offers": offers}), gained
