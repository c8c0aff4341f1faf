"""The plan of a study: what it offers, and why there is none."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pmlib import strategy
from pmlib.inference.power import rate_power
from pmlib.numbers import Number, Phrase
from pmlib.strategy.plan import GAP_ALLOWED
from pmlib.texts import open_language
from tests.findings import known
from tests.strategy.banks import AS_OF, PARAMETERS, N, open_case, plan_with, study_of, tables, value


def test_plan_offers_what_the_pilot_showed_to_work(design):
    offers = design.planned.groupby(["product_id", "holds"])["planned"].sum()
    assert offers["fund", True] > 0.8 * offers.sum()
    assert design.effects.kind == "uplift"
    assert value(design.numbers, "planned_spend") <= PARAMETERS.budget
    # Control customers are planned and cost nothing.
    made = design.table["offers"] @ design.table["cost"]
    assert value(design.numbers, "planned_spend") == pytest.approx(made)


def blocking(case: strategy.Case, design: strategy.Design) -> list[str]:
    """Limits that leave no plan, as codes."""
    found = strategy.plan_size(case, design).quotes["blocking"]
    return [phrase.quotes["limit"].code for phrase in found]


def test_no_budget_leaves_no_plan_and_says_why(study, engine):
    case, design = plan_with(study, engine, budget=0.0)
    assert design.planned.empty
    assert design.facts["plan_outcome"] == "no_room"
    assert blocking(case, design) == ["budget"]


def test_limits_that_conflict_are_named(study, engine):
    # Fifty contacts in a cell cost 25 or more, and the budget is 20: either alone could be met.
    case, design = plan_with(study, engine, budget=20.0, min_contacts=50)
    assert design.planned.empty
    assert blocking(case, design) == ["budget", "smallest_cell"]
    size = strategy.plan_size(case, design)
    text = open_language("en").render("strategy_design", "plan-size", known(design, size))
    assert "these limits conflict, budget (20), smallest cell (50 customers); easing" in text


def test_a_contact_limit_of_none_is_named(study, engine):
    case, design = plan_with(study, engine, contact_limit=0)
    assert blocking(case, design) == ["contact_limit"]


def test_several_blocking_limits_are_told(study, engine):
    case, design = plan_with(study, engine, contact_limit=0, budget=0.0)
    assert design.facts["plan_outcome"] == "no_room"
    assert blocking(case, design) == []


def test_a_gap_above_the_limit_is_told(case, design):
    plan = replace(design.plan, bound=design.plan.profit * 1.01)
    loose = replace(design, plan=plan)
    size = strategy.plan_size(case, loose)
    assert size.facts["plan_gap"] == "wide"
    assert size.quotes["gap_without"].value <= GAP_ALLOWED
    assert strategy.plan_size(case, design).facts["plan_gap"] == "allowed"


def test_without_a_control_the_response_is_used_and_called_so(tmp_path, engine):
    frames = tables()
    contacts = frames["contacts"]
    frames["contacts"] = contacts[contacts["arm"] == "offer"].assign(propensity=np.nan)
    case = open_case(study_of(tmp_path / "response", frames), engine)
    design = strategy.plan_study(case)
    assert design.facts["evidence_kind"] == "response"
    assert design.facts["evidence_control"] == "none"
    control = strategy.control_group(case, design)
    assert control.facts["plan_decision"] == "test"
    assert [n.key for n in control.numbers] == ["minimum_detectable_uplift", "possible_uplift"]


def test_a_control_group_of_which_the_draw_is_not_known_is_not_denied(tmp_path, engine):
    frames = tables()
    frames["contacts"] = frames["contacts"].assign(propensity=np.nan)
    design = strategy.plan_study(open_case(study_of(tmp_path / "undrawn", frames), engine))
    assert design.facts["evidence_kind"] == "response"
    assert design.facts["evidence_control"] == "undrawn"
    text = open_language("en").render("strategy_design", "evidence", known(design))
    assert "Customers were left out as control." in text
    assert "`assignment: randomised`" in text
    assert "nobody was left out" not in text


def test_without_contacts_the_potential_is_called_assumed(tmp_path, engine):
    frames = tables()
    rng = np.random.default_rng(1)
    some = pd.DataFrame({"customer_id": frames["customers"]["customer_id"][rng.random(N) < 0.3]})
    funds = some.assign(product_id="fund", opened_on=dt.date(2021, 1, 1))
    frames["holdings"] = pd.concat([frames["holdings"], funds], ignore_index=True)
    del frames["contacts"]
    case = open_case(study_of(tmp_path / "holdings", frames), engine)
    design = strategy.plan_study(case)
    assert design.facts["evidence_kind"] == "association"
    profit = next(n for n in design.numbers if n.key == "planned_profit")
    assert profit.low is None  # an interval would hide that the take-up is assumed
    assert case.assumed.quotes["take_up"] == Number("", 0.05, "share", decimals=0)
    assert strategy.compare(case).absent == Phrase("absent.nobody_contacted")
    assert case.catalogue.product_ids == ("fund",)  # the only product a rule points to


def test_a_pilot_that_shows_nothing_plans_nothing(tmp_path, engine):
    case, design = plan_with(study_of(tmp_path / "none", tables(uplift=0.0)), engine)
    assert design.planned.empty
    assert design.facts["plan_outcome"] == "no_effect"
    for finding in (strategy.control_group, strategy.limit_costs, strategy.survival):
        assert finding(case, design).absent == Phrase("absent.no_plan")
    assert all(design.of(name).empty for name in ("offers", "flow", "plan-segments"))


def test_a_study_that_knows_of_no_offer_has_nothing_to_plan(tmp_path, engine):
    frames = tables()
    for name in ("contacts", "holdings"):
        del frames[name]
    bare = study_of(tmp_path / "bare", frames)
    case = strategy.open_case(
        bare, engine, PARAMETERS, pd.DataFrame(), pd.DataFrame(), as_of=AS_OF,
        assignments=tmp_path / "none.parquet",
    )  # fmt: skip
    assert case.absent == Phrase("absent.no_offers")
    assert strategy.plan_study(case).absent == case.absent  # what follows passes it on


def test_contacts_are_set_beside_capacities_without_those_held_out(design):
    flow, offers = (design.of(name)["offers"].sum() for name in ("flow", "offers"))
    assert flow == offers == value(design.numbers, "planned_contacts")
    assert flow < value(design.numbers, "planned_customers")


def test_the_promise_is_that_of_the_plan_and_its_parts_add_up(case, design):
    promise = strategy.promised(case, design).table
    total, parts = promise.iloc[0], promise.iloc[1:]
    planned = next(n for n in design.numbers if n.key == "planned_profit")
    ends = total[["promised", "promised_low", "promised_high"]].tolist()
    assert ends == pytest.approx([planned.value, planned.low, planned.high])
    for by in ("segment", "product"):
        own = parts.loc[parts["by"] == by, ["contacts", "promised"]].sum()
        assert own.tolist() == pytest.approx(total[["contacts", "promised"]].tolist())


def test_a_cell_is_known_to_pay_where_its_interval_is_above_what_pays(case, design):
    cells, draws = design.table, design.effects.draws
    pays = cells["cost"] / cells["margin"]
    low = np.quantile(draws, 0.025, axis=0)
    unknown = ((cells["effect"] > pays) & (low <= pays)).to_numpy()
    assert (np.isfinite(cells["test_size"]) == unknown).all()
    assert unknown.any()
    # Its test is one of its expected effect over the pilot's control, at the plan's control share.
    at = int(np.flatnonzero(unknown)[0])
    row, tallies = cells.iloc[at], case.evidence.tallies
    control = tallies[tallies["control"] & (tallies["product_id"] == row["product_id"])]
    base = control["wy"].sum() / control["w"].sum()
    offered = int(row["test_size"] * 0.9)
    power = rate_power(
        row["effect"], offered, int(row["test_size"]) - offered, base=base, error_rate=0.05
    )
    assert power == pytest.approx(0.8, abs=0.03)
    planned = design.planned
    assert (planned["planned"] <= planned["test_size"]).all()
    number = value(design.numbers, "contacts_not_known")
    assert number == planned.loc[np.isfinite(planned["test_size"]), "offers"].sum()


def test_contacts_and_controls_stand_beside_every_planned_cell(case, design):
    shown = design.of("plan-cells")
    assert len(shown) == len(design.planned)
    counts = [getattr(n, "value", None) for n in shown["past_contacts"]]
    least = case.params.min_group_size
    expected = [n if n >= least or n == 0 else None for n in design.planned["n"]]
    assert counts == expected
    segments = design.of("plan-segments").set_index("segment")
    own = design.planned[design.planned["segment"] == 1]
    assert segments.loc[1, "n"] == own["n"].sum()
    once = own.groupby(["segment", "holds", "product_id"])["n_control"].first().sum()
    assert segments.loc[1, "n_control"] == once
