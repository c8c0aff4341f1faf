"""What limits cost, against plans without them."""

from __future__ import annotations

import pytest

from pmlib import strategy
from pmlib.numbers import Level, Phrase
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
    assert priced["price"].to_numpy() == pytest.approx(priced["resolved"].to_numpy(), abs=0.02)
    assert (table["cost"] >= 0).all()
    assert by_kind.loc["objection", "value"].block == "limit-value.bars"
    assert by_kind.loc["capacity", "limit"] == Phrase("limit.capacity", {"channel": "phone"})


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
