"""What is lawful and fair about a plan, and what equal treatment would cost.

Checked on the finished contact plan, not on the way to it. The price of equal treatment is found
by planning once more with equal offer rates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.canon.contacts import made
from pmlib.canon.customers import ADULT, age_of
from pmlib.engine import collect, flag
from pmlib.inference.normal import normal_quantile
from pmlib.numbers import Finding, Level, Number, needs
from pmlib.safeguards import count_exclusions, exclusions, offer_rates, suppress
from pmlib.strategy.case import Case
from pmlib.strategy.cells import count_groups
from pmlib.strategy.design import Design
from pmlib.strategy.effects import ends
from pmlib.strategy.plan import compact
from pmlib.strategy.programme import solve_evenly

BANDS = (30, 45, 60)
"""Ages at which bands begin; the first band ends below the first of them."""

LABELS = (
    f"under_{BANDS[0]}",
    *(f"{low}_to_{high - 1}" for low, high in pairwise(BANDS)),
    f"{BANDS[-1]}_and_over",
)

NOT_KNOWN = "not_known"

CHEAP = 0.05
"""Share of the expected profit up to which a gap of offer rates that nothing explains is closed."""

CHECKS = ("holding", "suitability", "objection")
"""What the finished plan is checked for, where it is recorded."""


@needs()
def check_plan(case: Case, design: Design, contacts: nw.LazyFrame) -> Finding:
    """Count forbidden offers, compare offer rates of groups, and price making them equal.

    The table has ``trait, group, customers, offered, rate, low, high, rate_eligible`` (among those
    who may be offered anything); no group smaller than ``min_group_size``; empty where the study
    knows neither gender nor age. *equal-rates* is empty where there is no plan or no trait, see
    `price_of_equality`. Facts: whether the plan is lawful, and whether offer rates differ. The
    contacts are those drawn for the design, see `draw_contacts`. Where there is a plan,
    ``gap_decision`` says what to do about the widest gap: ``none`` where its interval holds zero,
    ``explained`` where it is less than half as wide among those who may be offered anything, and
    else by what equal rates cost ``equalise`` (at most `CHEAP`) or ``decide``.
    """
    study, sources = case.study, case.sources
    offers = made(contacts)
    products = study.scan("products", case.engine) if study.has("products") else None
    people, held, day = sources.customers, sources.holdings, sources.as_of
    flagged = exclusions(offers, customers=people, on=day, products=products, holdings=held)
    counted = count_exclusions(flagged).set_index("reason")
    violations = int(counted.loc["any", "excluded"]) + _against_own_rules(case, offers)
    rates, equal = _rates(case, offers), pd.DataFrame()
    unseen = [rule for rule in CHECKS if rule in case.not_recorded]
    checks = (*CHECKS, "own_rules") if case.catalogue.rules else CHECKS
    numbers = [Number("plan_violations", violations, "count")]
    facts: dict[str, str | bool] = {"plan_lawful": violations == 0, "offer_rates": "not_known"}
    quotes: dict[str, Any] = {
        "checked": [Level("plan_check", rule) for rule in checks if rule not in unseen],
        "unseen": [Level("limit", rule) for rule in unseen],
        "several_segments": len(case.segments) > 1,
        "adult": ADULT,
        "assumed": case.assumed,
        "equal_rates": [],
    }
    known = rates if rates.empty else rates[rates["group"] != NOT_KNOWN]
    if not known.empty:
        gap, half, between = _widest(known, case.params.confidence_level)
        quotes["between"] = between
        ends_of_gap = gap - half, gap + half
        numbers.append(Number("offer_rate_gap", gap, "points", *ends_of_gap, about=between))
        facts["offer_rates"] = "differ" if gap > 0 else "alike"
    if not known.empty and not design.planned.empty:
        equal = price_of_equality(case, design, rates)
        for row in equal[equal["difference"] == 0].itertuples():
            free = row.cost < 0.01  # less is noise of the solver
            reach = ends(row.cost, (row.low - row.cost, row.high - row.cost))
            stated = (0.0, "currency") if free else (row.cost, "currency", *reach)
            cost = Number(f"equal_rates_cost_{row.trait}", *stated)
            numbers.append(cost)
            share = Number("", row.cost_share, "share")
            told = {"trait": Level("trait", row.trait), "cost": cost, "share": share}
            quotes["equal_rates"].append({**told, "free": free})
        among = _among_eligible(rates, between)
        numbers.append(
            Number("offer_rate_gap_eligible", None if np.isnan(among) else among, "points")
        )
        left = among / gap if gap > 0 else 0.0
        facts["gap_decision"] = _decision(gap - half, left, equal, between["trait"].code)
    return Finding(rates, tuple(numbers), facts=facts, quotes=quotes, tables={"equal-rates": equal})


def _against_own_rules(case: Case, offers: nw.LazyFrame) -> int:
    """Offers to customers who are not known to meet the study's own rules for the product."""
    if case.sources.own_rules is None or not case.catalogue.rules:
        return 0
    told = offers.join(case.sources.own_rules, on="customer_id", how="left")
    against = [
        flag((nw.col("product_id") == product) & ~nw.all_horizontal(*columns, ignore_nulls=True))
        for product, columns in case.catalogue.rules.items()
    ]
    counted = told.select(n=nw.sum_horizontal(*against).sum())
    return int(collect(counted, sort_by=[])["n"].fillna(0).iloc[0])


def price_of_equality(case: Case, design: Design, rates: pd.DataFrame) -> pd.DataFrame:
    """Plan again with offer rates that are equal, or half as different, between groups.

    Rates, as in the main table of `check_plan`, are planned contacts a customer of the group,
    contactable or not. Groups too small to show and customers whose trait is not known are left
    free. All plans compared are fractional optima without a smallest cell.

    Columns: ``trait, difference`` (largest difference of offer rates allowed, share), ``profit``
    (currency), ``cost`` (profit given up, currency) with ``low, high``, and ``cost_share``.
    """
    position = case.catalogue.positions(design.table)
    margin = design.table["margin"].to_numpy() * case.made
    rows = []
    for trait, of_trait in rates[rates["group"] != NOT_KNOWN].groupby("trait", sort=False):
        if len(of_trait) < 2:
            continue
        now = float(of_trait["rate"].max() - of_trait["rate"].min())
        free = float(case.params.contact_limit)  # no two rates can be further apart
        plans = _even_plans(case, design, str(trait), of_trait, (free, now / 2, 0.0))
        best, made = plans[0]
        for difference, (profit, other) in zip((now / 2, 0.0), plans[1:], strict=True):
            load = (made - other)[position] * margin
            below, above = design.effects.margins(load, case.params.confidence_level)
            # Solvers differ in the last digits.
            lost = best - profit if best - profit > 1e-6 * best else 0.0
            rows.append((trait, difference, profit, lost, lost + below, lost + above, lost / best))
    columns = ["trait", "difference", "profit", "cost", "low", "high", "cost_share"]
    return pd.DataFrame(rows, columns=columns)


def _even_plans(
    case: Case, design: Design, trait: str, of_trait: pd.DataFrame, differences: Sequence[float]
) -> list[tuple[float, np.ndarray]]:
    """Profit and (L, 2, P, C) contacts of the best plan at each allowed difference of rates."""
    programme = case.programme(design.effects)
    n_parts = len(of_trait)
    part: nw.Expr = nw.lit(n_parts)
    for number, name in enumerate(of_trait["group"]):
        part = nw.when(nw.col("trait") == name).then(nw.lit(number)).otherwise(part)
    # The part is written into the segment, so that customers are grouped by both.
    people = case.sources.customers.select("customer_id", trait=_traits(case)[trait])
    states = case.states.join(people, on="customer_id", how="left").with_columns(
        segment=nw.col("segment") * (n_parts + 1) + part
    )
    levels = case.groups.segments
    segments = [s * (n_parts + 1) + k for s in levels for k in range(n_parts + 1)]
    groups = count_groups(states, case.catalogue, segments=segments)
    value = np.repeat(programme.value, n_parts + 1, axis=0)
    parted = replace(programme, groups=groups, value=value)
    parted, _ = compact(parted, programme.limits.contact_limit)
    part_of = parted.groups.segment % (n_parts + 1)
    part_of = np.where(part_of < n_parts, part_of, -1)
    customers = of_trait["customers"].to_numpy(dtype=float)
    found = []
    for difference in differences:
        plan = solve_evenly(parted, part=part_of, people=customers, tolerance=difference)
        group, product, channel, planned = (column for _, column in plan.allocation.items())
        contacts = np.zeros(value.shape)
        np.add.at(contacts, (*parted.groups.cell(group, product), channel), planned)
        over_parts = contacts.reshape(len(levels), n_parts + 1, *value.shape[1:]).sum(axis=1)
        found.append((plan.bound, over_parts))
    return found


def _rates(case: Case, offers: nw.LazyFrame) -> pd.DataFrame:
    traits = _traits(case)
    if not traits:
        return pd.DataFrame()
    reached = offers.select("customer_id", offered=nw.lit(1)).unique()
    codes = [c for c in case.states.collect_schema().names() if c.startswith("code")]
    # A code is 0 where nothing is eligible.
    able = case.states.filter(nw.sum_horizontal(*codes) > 0)
    people = case.sources.customers.select("customer_id", **traits)
    for some in (reached, able.select("customer_id", eligible=nw.lit(1))):
        people = people.join(some, on="customer_id", how="left")
    marks = {name: ~nw.col(name).is_null() for name in ("offered", "eligible")}
    people = people.with_columns(**marks)
    least = case.params.min_group_size
    tables = []
    for trait in traits:
        table = offer_rates(people, group=trait, confidence_level=case.params.confidence_level)
        among = offer_rates(people.filter(nw.col("eligible")), group=trait)
        among = among.rename(columns={"customers": "eligible", "rate": "rate_eligible"})
        table = table.merge(among[["group", "eligible", "rate_eligible"]], on="group", how="left")
        for count in (table["eligible"], table["customers"] - table["eligible"]):
            table["rate_eligible"] = table["rate_eligible"].mask(count.between(1, least - 1))
        table = suppress(table, count="customers", minimum=least)
        tables.append(table[~table["suppressed"]].assign(trait=trait))
    columns = ["trait", "group", "customers", "offered", "rate", "low", "high", "rate_eligible"]
    rates = pd.concat(tables, ignore_index=True)[columns]
    rates["group"] = rates["group"].fillna(NOT_KNOWN)
    place = {name: number for number, name in enumerate((*LABELS, NOT_KNOWN), start=1)}
    order = rates["group"].map(place).fillna(0)  # bands by age, the unknown last
    rates = rates.assign(order=order).sort_values(["trait", "order", "group"], ignore_index=True)
    return rates[columns]


def _traits(case: Case) -> dict[str, nw.Expr]:
    """What customers are compared by, as far as it is known: gender, band of age."""
    names = case.sources.customers.collect_schema().names()
    traits: dict[str, nw.Expr] = {}
    if "gender" in names:
        traits["gender"] = nw.col("gender")
    age = age_of(case.sources.customers, case.sources.as_of)
    if age is not None:
        band: nw.Expr = nw.lit(None, dtype=nw.String)
        for low, high, name in zip((0, *BANDS), (*BANDS, 200), LABELS, strict=True):
            band = nw.when((age >= low) & (age < high)).then(nw.lit(name)).otherwise(band)
        traits["age"] = band
    return traits


def _widest(rates: pd.DataFrame, confidence_level: float) -> tuple[float, float, dict[str, Any]]:
    """Largest difference within a trait, half its interval (Wald), and between whom."""
    z = normal_quantile(confidence_level)
    found: tuple[float, float, dict[str, Any]] = (0.0, 0.0, {})
    for trait, groups in rates.groupby("trait"):
        most, least = groups.loc[groups["rate"].idxmax()], groups.loc[groups["rate"].idxmin()]
        gap = float(most["rate"] - least["rate"])
        variance = sum(g["rate"] * (1 - g["rate"]) / g["customers"] for g in (most, least))
        if gap >= found[0]:
            ends_of = {"most": most["group"], "least": least["group"]}
            told = {end: Level("tbl-offer-rates.group", group) for end, group in ends_of.items()}
            between = {"trait": Level("trait", str(trait)), **told}
            found = (gap, float(z * np.sqrt(variance)), between)
    return found


def _among_eligible(rates: pd.DataFrame, between: dict[str, Any]) -> float:
    """Difference between the same two groups among those who may be offered anything."""
    of_trait = rates[rates["trait"] == between["trait"].code].set_index("group")["rate_eligible"]
    return float(of_trait[between["most"].code] - of_trait[between["least"].code])


def _decision(low: float, left: float, equal: pd.DataFrame, trait: str) -> str:
    """What to do about the widest gap, `left` of which remains among the eligible (share)."""
    if low <= 0:
        return "none"
    if left < 0.5:  # never where a group is too small to show
        return "explained"
    costs = equal[(equal["trait"] == trait) & (equal["difference"] == 0)]["cost_share"]
    return "equalise" if (costs <= CHEAP).any() else "decide"
