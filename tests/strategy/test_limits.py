"""What limits cost, against plans without them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pmlib import strategy
from pmlib.numbers import Level, Phrase
from pmlib.strategy.plan import relax
from pmlib.texts import open_language
from tests.strategy.banks import value


def test_costs_of_limits_are_differences_of_optima(case, design):
    costs = strategy.limit_costs(case, design)
    table = costs.table
    by_kind = table.set_index(table["limit"].map(lambda limit: getattr(limit, "code", "capacity")))
    # A budget without end earns what the budget's curve reaches at break-even.
    curve = strategy.budget_curve(case, design)
    free = value(curve.numbers, "break_even_profit")
    plan = curve.table.loc[curve.table["kind"] == "plan", "profit"].iloc[0]
    assert by_kind.loc["budget", "cost"] == pytest.approx(free - plan, abs=100)
    priced = costs.of("prices")
    assert (priced["price"] <= priced["dual"] + 1e-6).all()
    assert (priced["dual"] <= priced["fewer"] + 1e-6).all()
    # The price is what the optimum of a budget of one more is higher by.
    programme = case.programme(design.effects)
    wider = replace(programme, limits=replace(programme.limits, budget=case.limits.budget + 1))
    assert priced["price"].iloc[0] == pytest.approx(relax(wider).bound - relax(programme).bound)
    assert (table["cost"] >= 0).all()
    assert by_kind.loc["objection", "value"].block == "limit-value.bars"
    assert by_kind.loc["capacity", "limit"] == Phrase("limit.capacity", {"channel": "phone"})


def test_the_budget_is_priced_along_its_own_curve(case, design):
    """The curve is concave: from point to point it rises by less than the first one's price."""
    table = strategy.budget_curve(case, design).table
    width, rise = table["budget"].diff()[1:], table["profit"].diff()[1:]
    contact = design.table["expected_profit"].max()  # plans are of whole contacts
    assert (rise <= table["price"].shift()[1:] * width + 2 * contact).all()
    assert (rise >= table["price"][1:] * width - 2 * contact).all()
    # A smallest cell that no cell has leaves neither the curve nor its prices.
    steps = replace(case, limits=replace(case.limits, min_contacts=10_000))
    assert strategy.budget_curve(steps, design).table.equals(table)


def test_the_dearest_limit_is_to_be_questioned_unless_it_protects_customers(case, design):
    costs = strategy.limit_costs(case, design)
    dearest = costs.facts["dearest_limit"]
    at = costs.table["cost"].idxmax()
    assert costs.table.loc[at, "limit"] in (Level("limit", dearest), "capacity")
    assert value(costs.numbers, "dearest_limit_cost") == costs.table.loc[at, "cost"]
    lawful = dearest not in ("objection", "cool_down", "suitability")
    assert costs.facts["limit_to_question"] == lawful


def test_values_of_limits_read_well(case, design):
    english = open_language("en")
    told = [
        english.render("strategy_design", v.block, v.quotes, currency="EUR", plain=True)
        for v in strategy.limit_costs(case, design).table["value"]
    ]
    assert told[:4] == ["600", "400 contacts", "1 a customer", "10 customers"]


def test_one_more_unit_earns_nothing_at_a_kink_whatever_the_dual_says(case, design):
    # A budget of just what all worthwhile contacts cost: more is not spent, less is missed.
    programme = case.programme(design.effects)
    free = replace(programme, limits=replace(programme.limits, budget=float("inf")))
    offers = relax(free).allocation
    spend = float((offers["customers"] * programme.cost[offers["channel"]]).sum())
    exact = replace(case, limits=replace(case.limits, budget=spend))
    costs = strategy.limit_costs(exact, strategy.plan_study(exact))
    row = costs.of("prices").iloc[0]
    assert row["price"] == value(costs.numbers, "budget_price") == 0
    assert row["fewer"] > 0.1
    assert 0 <= row["dual"] <= row["fewer"] + 1e-9
