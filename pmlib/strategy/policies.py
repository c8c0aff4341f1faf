"""Policies that know more or less, planned within the same limits and judged on held-out contacts.

``random``    any eligible offer, until the budget is spent
``mass``      one product for all
``segments``  offers by segment
``rules``     offers by what is held (an antecedent of a rule or not)
``combined``  offers by both: the policy of the plan
``unshrunk``  the same with raw effects, to show what picking by luck promises and earns
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from pmlib.inference.normal import normal_quantile
from pmlib.numbers import Finding, Level, Number, Phrase, needs
from pmlib.strategy.case import Case
from pmlib.strategy.cells import HOLDS, NOT_ELIGIBLE, Groups
from pmlib.strategy.effects import CellEffects, estimate
from pmlib.strategy.evidence import JUDGING, PARTS, SECOND_HALF
from pmlib.strategy.judging import judge, value_of
from pmlib.strategy.plan import Plan, solve
from pmlib.strategy.problem import Problem
from pmlib.strategy.uplift import DRAWS

KNOWS = {
    "mass": {"segments": False, "rules": False},
    "segments": {"segments": True, "rules": False},
    "rules": {"segments": False, "rules": True},
    "unshrunk": {"segments": True, "rules": True},
    "combined": {"segments": True, "rules": True},
}
"""What each policy looks at; ``random`` looks at nothing and estimates nothing."""

POLICIES = ("random", *KNOWS)

RIVALS = ("segments", "rules")
"""Policies that combining must beat, both, for the claim of precision marketing to hold."""

SAME = 0.99
"""Plans that have this much of their contacts in common are the same."""

_DRAWS = 300  # enough for the means that a judged plan needs; intervals of the plan take more


@dataclass(frozen=True)
class Policy:
    """A policy, planned; without plan and effects where it is random."""

    contacts: np.ndarray  # (L, 2, P, C) expected, in the finest cells
    promised: float  # profit that the effects it was planned with let expect, currency; or NaN
    spend: float  # currency
    plan: Plan | None = None
    effects: CellEffects | None = None


def plan_policies(
    problem: Problem, names: Sequence[str] = POLICIES, *, draws: int = DRAWS
) -> dict[str, Policy]:
    """Plan policies within the same limits; effects are estimated once, for all calls."""
    policies = {}
    for name in names:
        if name == "random":
            policies[name] = _random(problem)
            continue
        knows = KNOWS[name]
        coarse, merged = problem.groups.coarsened(**knows)
        key = (knows["segments"], knows["rules"], draws)
        if key not in problem.estimates:
            problem.estimates[key] = estimate(
                problem.evidence.coarsened(**knows),
                problem.catalogue,
                segments=coarse.segments,
                error_rate=problem.error_rate,
                seed=problem.seed,
                draws=draws,
            )
        effects = problem.estimates[key]
        whole = problem.programme(effects, shrink=name != "unshrunk")
        choices = [whole.value]
        if name == "mass":  # one product, no other
            mine = np.eye(whole.value.shape[2], dtype=bool)[:, None, None, :, None]
            choices = list(np.where(mine, whole.value, -np.inf))
        plans = [solve(replace(whole, groups=coarse, value=choice)) for choice in choices]
        plan = max(plans, key=lambda found: found.profit)
        plan = replace(plan, origin=plan.origin[merged])
        contacts = spread(plan, problem.groups)
        policies[name] = Policy(contacts, plan.profit, plan.spend, plan, effects)
    return policies


def spread(plan: Plan, groups: Groups) -> np.ndarray:
    """Contacts of a plan in the finest cells, (L, 2, P, C).

    Customers of a group of the plan are drawn at random from the finest groups, those that
    ``plan.origin`` refers to.
    """
    n_levels, n_channels = len(groups.segments), plan.contacts.shape[3]
    contacts = np.zeros((n_levels, 2, len(groups.products), n_channels))
    inside = plan.origin >= 0
    size, home, level = groups.size[inside], plan.origin[inside], groups.level[inside]
    for (product, channel), rows in plan.allocation.groupby(["product", "channel"]):
        share = np.zeros(len(plan.groups.size))
        share[rows["group"]] = rows["customers"] / plan.groups.size[rows["group"]]
        holds = (groups.state[inside, product] == HOLDS).astype(np.int64)
        np.add.at(contacts[:, :, product, channel], (level, holds), size * share[home])
    return contacts


@dataclass(frozen=True, kw_only=True)
class Comparison(Finding):
    """Policies judged on contacts they were not planned on.

    The table has ``policy, promised`` (NaN where the same is planned without any part: what is
    promised is then what is judged), ``held_out, low, high`` (currency), ``contacts, spend``
    (currency), and ``combined_more, more_low, more_high``: what the combined policy earns more.
    Facts: whether combining can be tested, how it does against each rival, and whether what was
    promised can be held against other contacts. `contacts` has the (L, 2, P, C) planned contacts of
    each policy, mean over the plans.
    """

    contacts: Mapping[str, np.ndarray]

    def held_out(self, policy: str) -> float:
        """Held-out profit of a policy, currency."""
        return float(self.table.set_index("policy").loc[policy, "held_out"])


def uncompared(case: Case) -> Phrase | None:
    """Why no policies can be compared: no contacts to judge by, or too few; None if they can."""
    if case.evidence.kind == "association":
        return Phrase("absent.nobody_contacted", {"untold": case.untold} if case.untold else {})
    told = all(case.evidence.of_folds(parts).tells for parts in _judging(case))
    return None if told else Phrase("absent.thin_parts")


def _judging(case: Case) -> list[tuple[int, ...]]:
    """Parts whose customers judge: not those by whose outcomes segments were made."""
    able = SECOND_HALF if case.made_segments else PARTS
    return [parts for parts in JUDGING if set(parts) <= set(able)]


@needs()
def compare(case: Case) -> Comparison | Finding:
    """Plan every policy without a quarter of the customers and judge it on that, in turn.

    Where segments are made only parts judge that they were not chosen by. How plans are judged, see
    `pmlib.strategy.judging`. Every entry is a mean over the plans; absent, see `uncompared`.
    """
    if reason := uncompared(case):
        return Finding(absent=reason)
    designs, judges = [], []
    for parts in _judging(case):
        rest = case.evidence.of_folds(set(PARTS) - set(parts))
        designs.append(plan_policies(replace(case, evidence=rest), draws=_DRAWS))
        known = designs[-1]["combined"].effects  # of the finest cells
        assert known is not None
        judges.append(judge(case, known, parts=parts))
    planned = {name: [design[name] for design in designs] for name in POLICIES}
    contacts = {name: [policy.contacts for policy in made] for name, made in planned.items()}
    rows = []
    for name, made in planned.items():
        more = [b - c for b, c in zip(contacts["combined"], contacts[name], strict=True)]
        promised, spend = (np.mean([getattr(p, of) for p in made]) for of in ("promised", "spend"))
        offers = np.sum(contacts[name]) / len(judges) * case.made
        judged = (*value_of(judges, contacts[name]), *value_of(judges, more))
        rows.append((name, promised, offers, spend, *judged))
    columns = ["policy", "promised", "contacts", "spend"]
    columns += ["held_out", "error", "combined_more", "more_error"]
    table = pd.DataFrame(rows, columns=columns).set_index("policy")
    z = normal_quantile(case.params.confidence_level)
    for value, error, low, high in (
        ("held_out", "error", "low", "high"),
        ("combined_more", "more_error", "more_low", "more_high"),
    ):
        half = z * table[error]
        table[low], table[high] = table[value] - half, table[value] + half
    # Share of contacts that the plans of a policy have in common, of the largest of them.
    agree = pd.Series({
        name: np.min(made, axis=0).sum() / max(*(plan.sum() for plan in made), 1e-12)
        for name, made in contacts.items()
    })  # fmt: skip
    table["promised"] = table["promised"].mask(agree >= SAME)
    columns = ["promised", "held_out", "low", "high", "contacts", "spend"]
    table = table[[*columns, "combined_more", "more_low", "more_high"]]
    return Comparison(
        table.reset_index(),
        _headlines(table, agree["combined"]),
        *_verdicts(table, case, agree["combined"]),
        contacts={name: np.mean(made, axis=0) for name, made in contacts.items()},
    )


def _headlines(rows: pd.DataFrame, agree: float) -> tuple[Number, ...]:
    def told(key: str, name: str, columns: list[str]) -> Number:
        value, low, high = rows.loc[name, columns]
        return Number(f"{key}_{name}", value, "currency", low, high)

    more = ["combined_more", "more_low", "more_high"]
    promised = None if agree >= SAME else rows.loc["combined", "promised"]
    return (
        Number("parts_agree", agree, "share"),
        *(told("profit", name, ["held_out", "low", "high"]) for name in POLICIES),
        *(told("combined_more_than", name, more) for name in ("mass", *RIVALS)),
        Number("promised_profit", promised, "currency"),
    )


def verdict(low: float, high: float) -> str:
    """Whether a difference is shown to be more or less than zero, zero for certain, or open."""
    if low > 0:
        return "more"
    if high < 0:
        return "less"
    return "open" if low < high else "same"


def _verdicts(
    rows: pd.DataFrame, case: Case, agree: float
) -> tuple[dict[str, str | bool], dict[str, Any]]:
    """Facts, and the rivals that sentences name, by verdict."""
    facts: dict[str, str | bool] = {"combining_tested": combining_tested(case)}
    named: dict[str, list[Level | Phrase]] = {kind: [] for kind in ("more", "less", "same", "open")}
    for name in (*RIVALS, "mass"):
        value, low, high = rows.loc[name, ["combined_more", "more_low", "more_high"]]
        facts[f"combined_against_{name}"] = found = verdict(low, high)
        if name == "mass" or not case.has_one_cell():
            rival, gain = Level("rival", name), Number("", value, "currency", low, high)
            told = Phrase("rival-and-gain", {"rival": rival, "gain": gain})
            named[found].append(rival if found == "same" else told)
    nothing = rows.loc["combined", "contacts"] == 0
    facts["promise"] = "nothing" if nothing else "same_parts" if agree >= SAME else "tested"
    return facts, {"one_cell": case.has_one_cell(), **named}


def combining_tested(case: Case) -> str:
    """Whether segments and rules can be set against their combination, or why not."""
    has_rules, several = bool(case.catalogue.antecedents), len(case.groups.segments) > 1
    if case.evidence.restates_holdings and has_rules:
        return "circular"
    if several and has_rules:
        return "tested"
    return "no_rule" if several and case.has_rules else "nothing_to_combine"


def _random(problem: Problem) -> Policy:
    """One offer to everyone, drawn at random, thinned until every limit holds."""
    groups, tallies = problem.groups, problem.evidence.tallies
    cost, limits = problem.costs_and_limits()
    offers = set(tallies.loc[~tallies["control"], "channel"])
    tried = np.array([c in offers or offers == {""} for c in problem.catalogue.channel_names])
    eligible = groups.state != NOT_ELIGIBLE
    weight = groups.size / np.maximum(eligible.sum(axis=1), 1) / tried.sum()
    group, product = np.nonzero(eligible)
    contacts = np.zeros((len(groups.segments), 2, len(groups.products), len(cost)))
    np.add.at(contacts, groups.cell(group, product), weight[group][:, None] * tried)
    by_channel = contacts.sum(axis=(0, 1, 2))
    contacts *= np.minimum(1.0, np.asarray(limits.capacity) / np.maximum(by_channel, 1e-12))
    contacts *= min(limits.contact_limit, 1)
    spend = float((contacts.sum(axis=(0, 1, 2)) * cost).sum())
    thinned = min(1.0, limits.budget / spend) if spend > 0 else 1.0
    return Policy(contacts * thinned, float("nan"), spend * thinned)
