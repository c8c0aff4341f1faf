"""The bank's own rules and expected losses, in the plan and in what is told of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pmlib import strategy
from pmlib.engine import collect
from pmlib.strategy.cells import eligibility
from tests.strategy.banks import PARAMETERS, open_case, study_of, tables, value

RULES = [
    {"name": "tolerance", "label": "a tolerance of 3", "rule": "risk_tolerance >= 3",
     "products": ["fund", "loan"]},
    {"name": "few", "label": "no id that ends in 7", "rule": "customer_id NOT LIKE '%7'",
     "families": ["loan"]},
]  # fmt: skip
LOSSES = [{"products": ["fund"], "loss": "CASE WHEN gender = 'female' THEN 20 ELSE 5 END"}]


@pytest.fixture(scope="module")
def ruled(tmp_path_factory, engine):
    folder = tmp_path_factory.mktemp("ruled") / "bank"
    return open_case(study_of(folder, tables(), eligibility=RULES, expected_loss=LOSSES), engine)


@pytest.fixture(scope="module")
def ruled_design(ruled):
    return strategy.plan_study(ruled)


def people(case):
    """Customers who may be contacted, with what they hold or bought, worked out row by row."""
    read = {name: pd.read_parquet(path) for name, path in case.study.tables.items()}
    sold = read["contacts"][read["contacts"]["responded"]]
    table = read["customers"][~read["customers"]["marketing_opt_out"]].set_index("customer_id")
    owned = pd.concat([read["holdings"], sold])
    counts = pd.crosstab(owned["customer_id"], owned["product_id"])
    has = counts.reindex(index=table.index, columns=["fund", "loan"], fill_value=0) > 0
    return table.assign(has_fund=has["fund"], has_loan=has["loan"])


def test_no_offer_goes_against_a_rule(ruled, ruled_design):
    design = ruled_design
    contacts = strategy.contact_plan(ruled, design)
    plan = collect(contacts, sort_by=["customer_id"]).set_index("customer_id")
    assert len(plan)
    tolerance = pd.read_parquet(ruled.study.tables["customers"]).set_index("customer_id")
    assert (tolerance.loc[plan.index, "risk_tolerance"] >= 3).all()
    checked = strategy.check_plan(ruled, design, contacts)
    assert checked.facts["plan_lawful"]
    assert "own_rules" in [level.code for level in checked.quotes["checked"]]


def test_offers_against_a_rule_are_counted(ruled, ruled_design, case, design):
    contacts = strategy.contact_plan(case, design)
    plan = collect(contacts, sort_by=["customer_id"])
    tolerance = pd.read_parquet(ruled.study.tables["customers"]).set_index("customer_id")
    offers = plan[plan["arm"] == "offer"]
    wrong = tolerance.loc[offers["customer_id"], "risk_tolerance"].to_numpy() < 3
    checked = strategy.check_plan(ruled, ruled_design, contacts)
    assert value(checked.numbers, "plan_violations") == wrong.sum() > 0


def test_customers_left_out_are_counted_by_rule(ruled, ruled_design):
    told = strategy.responsible_lending(ruled, ruled_design).of("own-rules")
    found = told.set_index(["rule", "product"])
    free = people(ruled)
    # The fund is rated 2: it suits a tolerance of 2, and the rule asks for 3.
    asked = free[~free["has_fund"] & (free["risk_tolerance"] >= 2)]
    row = found.loc[("a tolerance of 3", "Fund")]
    assert (row["asked"], row["left_out"]) == (len(asked), (asked["risk_tolerance"] < 3).sum())
    asked = free[~free["has_loan"]]
    row = found.loc[("no id that ends in 7", "Loan")]
    assert row["asked"] == len(asked)
    assert row["left_out"] == asked.index.str.endswith("7").sum()
    barred = eligibility(ruled.sources, ruled.catalogue, cool_down=30).set_index("product_id")
    either = asked.index.str.endswith("7") | (asked["risk_tolerance"] < 3)
    assert barred.loc["loan", "barred"] == either.sum()


def test_counts_too_small_to_show_are_not(tmp_path, engine):
    rule = {**RULES[1], "rule": "customer_id NOT IN ('c00001', 'c00002')"}
    study = study_of(tmp_path / "few", tables(), eligibility=[rule])
    case = open_case(study, engine)
    told = strategy.responsible_lending(case, strategy.plan_study(case)).of("own-rules")
    assert told["left_out"].isna().all()
    assert strategy.eligibility_table(case).table.set_index("product").loc["Loan"].isna().any()


def test_margins_are_less_the_mean_loss_of_each_cell(ruled, ruled_design):
    free = people(ruled)
    able = free[~free["has_fund"] & (free["risk_tolerance"] >= 3)]
    holdings = pd.read_parquet(ruled.study.tables["holdings"])
    card = set(holdings.loc[holdings["product_id"] == "card", "customer_id"])
    number = able.index.str[1:].astype(int)
    loss = np.where(able["gender"] == "female", 20.0, 5.0)
    parts = pd.DataFrame({"segment": number % 2 + 1, "holds": able.index.isin(card), "loss": loss})
    expected = parts.groupby(["segment", "holds"])["loss"].mean()
    cells = ruled_design.table[ruled_design.table["product_id"] == "fund"]
    for row in cells.itertuples():
        assert row.margin == pytest.approx(60 - expected[(row.segment, row.holds)])
    coarse = cells.drop(columns=["margin", "cost"]).assign(segment=0, holds=False)
    assert ruled.catalogue.priced(coarse)["margin"].iloc[0] == pytest.approx(60 - loss.mean())


def test_plans_with_and_without(ruled, ruled_design, design):
    found = strategy.responsible_lending(ruled, ruled_design)
    plans = found.of("lending-plans").set_index(found.of("lending-plans")["plan"].map(str))
    codes = [level.code for level in found.of("lending-plans")["plan"]]
    assert codes == ["both", "without_rules", "without_either"]
    assert (plans["gross"] - plans["loss"]).to_numpy() == pytest.approx(plans["profit"].to_numpy())
    own, free, blind = plans["profit"]
    assert own == pytest.approx(value(ruled_design.numbers, "planned_profit"), rel=0.01)
    assert own <= free + 1e-6  # rules only ever cost the plan
    assert blind <= free + 1e-6  # the free plan is the best, after losses
    assert value(found.numbers, "own_rules_cost") == pytest.approx(free - own)
    assert value(found.numbers, "planned_loss") == pytest.approx(plans["loss"].iloc[0])
    # Without rules and losses the plan is that of the study that declares none.
    assert plans["planned"].iloc[2] == value(design.numbers, "planned_customers")


def test_the_rules_are_priced_as_a_limit_only_where_there_are_any(
    ruled, ruled_design, case, design
):
    for bank, plan, priced in ((ruled, ruled_design, True), (case, design, False)):
        costs = strategy.limit_costs(bank, plan)
        kinds = [getattr(limit, "code", "") for limit in costs.table["limit"]]
        assert ("own_rules" in kinds) == priced


def test_a_rule_is_priced_with_the_losses_of_whom_it_bars(tmp_path, engine):
    """As a limit as in the plans with and without: those barred lose nearly all of the margin."""
    losses = [{"products": ["fund"], "loss": "CASE WHEN risk_tolerance >= 3 THEN 5 ELSE 59 END"}]
    study = study_of(tmp_path / "bank", tables(), eligibility=RULES[:1], expected_loss=losses)
    case = open_case(study, engine)
    design = strategy.plan_study(case)
    found = strategy.responsible_lending(case, design)
    costs = strategy.limit_costs(case, design).table
    kinds = [getattr(limit, "code", "") for limit in costs["limit"]]
    cost = costs["cost"].iloc[kinds.index("own_rules")]
    small = 0.01 * value(design.numbers, "planned_profit")
    assert cost == pytest.approx(max(value(found.numbers, "own_rules_cost"), 0), abs=small)


def test_a_study_without_such_data_says_so_where_loans_are_offered(
    ruled, ruled_design, case, design
):
    found = strategy.responsible_lending(case, design)
    assert found.facts == {"lending_rules": "none", "lending_losses": "none"}
    assert found.quotes["without_rules"] == ["Loan"]
    assert not found.tables
    told = strategy.responsible_lending(ruled, ruled_design)
    assert (told.facts["lending_rules"], told.facts["lending_losses"]) == ("all", "none")
    for key in ("own_rules", "blind_to_losses"):
        assert (told.facts[key] == "costs") == (value(told.numbers, f"{key}_cost") > 0)


def test_where_no_loan_is_offered_nothing_is_missing(tmp_path, engine):
    frames = tables()
    frames["products"]["family"] = ["card", "wealth", "other"]
    case = open_case(study_of(tmp_path / "none", frames), engine, PARAMETERS)
    found = strategy.responsible_lending(case, strategy.plan_study(case))
    assert found.facts == {"lending_rules": "no_loans", "lending_losses": "no_loans"}
