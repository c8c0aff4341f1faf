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
from pmlib.strategy.plan import Plan, solve
from pmlib.strategy.problem import Problem

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
"""Two halves that share this much of their contacts plan the same."""


@dataclass(frozen=True)
class Policy:
    """A policy, planned; without plan and effects where it is random."""

    contacts: np.ndarray  # (L, 2, P, C) expected, in the finest cells
    promised: float  # profit that the effects it was planned with let expect, currency; or NaN
    spend: float  # currency
    plan: Plan | None = None
    effects: CellEffects | None = None


def plan_policies(
    problem: Problem, names: Sequence[str] = POLICIES, *, known: CellEffects | None = None
) -> dict[str, Policy]:
    """Plan policies within the same limits; what they have in common is estimated once.

    `known` are the effects of the finest cells, where they are estimated already.
    """
    estimated = {} if known is None else {tuple(KNOWS["combined"].values()): known}
    policies = {}
    for name in names:
        if name == "random":
            policies[name] = _random(problem)
            continue
        knows = KNOWS[name]
        coarse, merged = problem.groups.coarsened(**knows)
        key = tuple(knows.values())
        if key not in estimated:
            estimated[key] = estimate(
                problem.evidence.coarsened(**knows),
                problem.catalogue,
                segments=coarse.segments,
                error_rate=problem.error_rate,
                seed=problem.seed,
            )
        effects = estimated[key]
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

    The table has ``policy, promised`` (NaN where both halves planned the same, for what they
    promise is then what they judge), ``held_out, low, high`` (currency), ``contacts, spend``
    (currency), and ``combined_more, more_low, more_high``: what the combined policy earns more.
    Facts: whether combining can be tested, how it does against each rival, and whether what was
    promised can be held against other contacts. `contacts` has the (L, 2, P, C) planned contacts of
    each policy, mean of the two halves.
    """

    contacts: Mapping[str, np.ndarray]

    def held_out(self, policy: str) -> float:
        """Held-out profit of a policy, currency."""
        return float(self.table.set_index("policy").loc[policy, "held_out"])


def uncompared(case: Case) -> Phrase | None:
    """Why no policies can be compared: no contacts to judge by, or too few; None if they can."""
    if case.evidence.kind == "association":
        return Phrase("absent.nobody_contacted", {"untold": case.untold} if case.untold else {})
    told = all(case.evidence.of_fold(fold).tells for fold in (0, 1))
    return None if told else Phrase("absent.thin_halves")


@needs()
def compare(case: Case) -> Comparison | Finding:
    """Plan every policy on one half of the contacts and judge it on the other, both ways round.

    Where segments are made only one way, on the half that they were not chosen by.

    The judge uses raw effects of the other half, which no policy has seen, so they neither flatter
    nor shrink; only cells without a contact there take the effect that the linear model gives
    them. Every entry is a mean over the two halves; absent, see `uncompared`.
    """
    if reason := uncompared(case):
        return Finding(absent=reason)
    rows = []
    halves = [replace(case, evidence=case.evidence.of_fold(fold)) for fold in (0, 1)]
    designs = [plan_policies(half) for half in halves]
    # Made segments were chosen by outcomes of the first half, which therefore judges nothing.
    both = (designs,) if case.made_segments else (designs, designs[::-1])
    for policies, others in both:
        judge = others["combined"].effects  # the finest cells of the other half
        assert judge is not None
        best = policies["combined"].contacts
        for name, policy in policies.items():
            mean, error = profit(policy.contacts, judge, case)
            more, more_error = profit(best - policy.contacts, judge, case)
            made = policy.contacts.sum() * case.made
            rows.append((name, policy.promised, mean, error, made, policy.spend, more, more_error))
    columns = ["promised", "held_out", "error", "contacts", "spend", "combined_more", "more_error"]
    judged = pd.DataFrame(rows, columns=["policy", *columns])
    table = judged.groupby("policy", sort=False).mean()
    z = normal_quantile(case.params.confidence_level)
    # What is chance in one half made the plan that the other half judges, and the other way round,
    # so the two judgements can go up and down together: the error of their mean is at most the
    # mean of their errors, and no smaller one is safe.
    for value, margin, low, high in (
        ("held_out", "error", "low", "high"),
        ("combined_more", "more_error", "more_low", "more_high"),
    ):
        half = z * table[margin]
        table[low], table[high] = table[value] - half, table[value] + half
    # Share of contacts that the two plans of a policy have in common, of the larger of them.
    pairs = {name: [d[name].contacts for d in designs] for name in POLICIES}
    agree = pd.Series(
        {n: np.minimum(a, b).sum() / max(a.sum(), b.sum(), 1e-12) for n, (a, b) in pairs.items()}
    )
    table["promised"] = table["promised"].mask(agree >= SAME)
    columns = ["promised", "held_out", "low", "high", "contacts", "spend"]
    table = table[[*columns, "combined_more", "more_low", "more_high"]]
    contacts = {name: np.mean(pair, axis=0) for name, pair in pairs.items()}
    return Comparison(
        table.reset_index(),
        _headlines(table, agree["combined"]),
        *_verdicts(table, case, agree["combined"]),
        contacts=contacts,
    )


def _headlines(rows: pd.DataFrame, agree: float) -> tuple[Number, ...]:
    def told(key: str, name: str, columns: list[str]) -> Number:
        value, low, high = rows.loc[name, columns]
        return Number(f"{key}_{name}", value, "currency", low, high)

    more = ["combined_more", "more_low", "more_high"]
    promised = None if agree >= SAME else rows.loc["combined", "promised"]
    return (
        Number("halves_agree", agree, "share"),
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
    facts["promise"] = "nothing" if nothing else "same_halves" if agree >= SAME else "tested"
    return facts, {"one_cell": case.has_one_cell(), **named}


def combining_tested(case: Case) -> str:
    """Whether segments and rules can be set against their combination, or why not."""
    has_rules, several = bool(case.catalogue.antecedents), len(case.groups.segments) > 1
    if case.evidence.restates_holdings and has_rules:
        return "circular"
    if several and has_rules:
        return "tested"
    return "no_rule" if several and case.has_rules else "nothing_to_combine"


def profit(contacts: np.ndarray, judge: CellEffects, problem: Problem) -> tuple[float, float]:
    """Profit of planned contacts, and its error, by effects they were not planned with."""
    cells = problem.catalogue.priced(judge.cells)
    made = contacts[problem.catalogue.positions(cells)] * problem.made
    weight = made * cells["margin"].to_numpy()
    seen = judge.own >= 0
    # Effects shrunk by `gain` are linear in the raw ones, so the whole estimate is, and its
    # variance exact.
    loads = judge.gain[~seen].T @ weight[~seen]
    np.add.at(loads, judge.own[seen], weight[seen])
    mean = float(loads @ judge.observed - made @ cells["cost"])
    return mean, float(np.sqrt(loads @ judge.sampling @ loads))


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
