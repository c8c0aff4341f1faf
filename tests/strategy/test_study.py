"""The chapter as a bank uses it: a small study in, plan, prices, sheets and refusals out."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from pmlib import strategy
from pmlib.casebank.world import World
from pmlib.engine import DuckDBEngine, collect
from pmlib.errors import StudyError
from pmlib.params import Parameters
from pmlib.strategy.cells import NOT_ELIGIBLE, customer_states, decode
from pmlib.strategy.contacts import export_csv
from pmlib.studies import Study, prepare
from pmlib.truth.pilots import draw_bank

AS_OF = dt.date(2025, 12, 31)
N = 4_000
RULES = pd.DataFrame(
    {
        "antecedent": [("card",)], "consequent": ["fund"], "scope": [0], "lift": [1.5],
        "survives": [True], "within": ["holds_within"],
    }
)  # fmt: skip
CHANNELS = [{"name": "email", "cost": 0.5}, {"name": "phone", "cost": 5.0, "capacity": 400}]
PARAMETERS = Parameters(budget=600.0, min_contacts=10, seed=5)


def tables(*, uplift: float = 0.12) -> dict[str, pd.DataFrame]:
    """A bank of two segments; only offers of the fund to holders of a card cause anything."""
    rng = np.random.default_rng(11)
    ids = np.array([f"c{i:05d}" for i in range(N)])
    card, loan = rng.random(N) < 0.4, rng.random(N) < 0.3
    customers = pd.DataFrame(
        {
            "customer_id": ids,
            "birth_date": [dt.date(1950 + int(i), 6, 1) for i in rng.integers(0, 55, N)],
            # Women hold the card more often, so the plan reaches more of them.
            "gender": np.where(rng.random(N) < np.where(card, 0.8, 0.3), "female", "male"),
            "risk_tolerance": rng.integers(1, 6, N),
            "marketing_opt_out": rng.random(N) < 0.1,
        }
    )
    products = pd.DataFrame(
        {
            "product_id": ["card", "fund", "loan"],
            "name": ["Card", "Fund", "Loan"],
            "family": ["card", "wealth", "loan"],
            "risk_rating": pd.array([None, 2, None], dtype="Int64"),
            "annual_margin": [10.0, 60.0, 40.0],
        }
    )
    holdings = pd.DataFrame(
        {
            "customer_id": np.concatenate([ids[card], ids[loan]]),
            "product_id": ["card"] * card.sum() + ["loan"] * loan.sum(),
            "opened_on": dt.date(2020, 1, 1),
        }
    )
    offered = rng.choice(["fund", "loan"], N)
    control, phone = rng.random(N) < 0.4, rng.random(N) < 0.5
    caused = uplift * ((offered == "fund") & card & ~control)
    contacts = pd.DataFrame(
        {
            "campaign_id": "pilot",
            "customer_id": ids,
            "contacted_on": dt.date(2025, 6, 1),
            "arm": np.where(control, "control", "offer"),
            "product_id": offered,
            "channel": np.where(control, None, np.where(phone, "phone", "email")),
            "cost": np.where(control, 0.0, np.where(phone, 5.0, 0.5)),
            "propensity": np.where(control, 0.4, 0.3) / 2,
            "responded": rng.random(N) < 0.03 + caused,
        }
    )
    return {
        "customers": customers, "products": products, "holdings": holdings, "contacts": contacts
    }  # fmt: skip


CASTS = {
    "holdings": "customer_id, product_id, opened_on, NULL::DATE AS closed_on",
    "contacts": "campaign_id, customer_id, contacted_on, arm, product_id, channel, cost, "
    "propensity, responded, NULL::DOUBLE AS value",
}


def study_of(folder: Path, frames: dict[str, pd.DataFrame], channels: list = CHANNELS) -> Study:
    folder.mkdir(exist_ok=True)
    for name, frame in frames.items():
        frame.to_parquet(folder / f"raw_{name}.parquet")
        (folder / f"{name}.sql").write_text(f"SELECT {CASTS.get(name, '*')} FROM raw_{name}")
    declared = {
        "title": "Own", "description": "Own bank.", "licence": "internal", "currency": "EUR",
        "as_of": AS_OF, "channels": channels,
        "sources": [{"file": f"raw_{name}.parquet"} for name in frames],
        "tables": {name: f"{name}.sql" for name in frames},
    }  # fmt: skip
    (folder / "study.yaml").write_text(yaml.safe_dump(declared), encoding="utf-8")
    return prepare(folder, PARAMETERS)


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Study:
    return study_of(tmp_path_factory.mktemp("bank"), tables())


def open_case(study: Study, engine: DuckDBEngine, params: Parameters = PARAMETERS) -> strategy.Case:
    folder = study.folder
    customers = pd.read_parquet(study.tables["customers"], columns=["customer_id"])
    customers["segment"] = np.arange(len(customers)) % 2 + 1
    customers.to_parquet(folder / "assignments.parquet")
    segments = pd.DataFrame(
        {"segment": [1, 2], "name": ["Even", "Odd"], "customers": len(customers) // 2}
    )
    return strategy.open_case(
        study, engine, params, as_of=AS_OF, segments=segments,
        assignments=folder / "assignments.parquet", rules=RULES,
    )  # fmt: skip


@pytest.fixture(scope="module")
def case(study, engine) -> strategy.Case:
    return open_case(study, engine)


@pytest.fixture(scope="module")
def design(case) -> strategy.Design:
    return strategy.plan_study(case)


def value(numbers, key: str) -> float:
    return next(number.value for number in numbers if number.key == key)


# --- the plan -------------------------------------------------------------------------------------


def test_plan_offers_what_the_pilot_showed_to_work(design):
    offers = design.planned.groupby(["product_id", "holds"])["planned"].sum()
    assert offers["fund", True] > 0.8 * offers.sum()
    assert design.effects.kind == "uplift"
    assert value(design.numbers, "planned_spend") <= PARAMETERS.budget
    # Control customers are planned and cost nothing.
    made = design.cells["offers"] @ design.cells["cost"]
    assert value(design.numbers, "planned_spend") == pytest.approx(made)


def test_contact_plan_keeps_every_limit(case, design, engine, tmp_path):
    """Row by row, against the raw tables and not against what the plan was made from."""
    params = PARAMETERS
    contacts = strategy.contact_plan(case, design)
    rows = collect(contacts, sort_by=["customer_id"])
    raw = tables()
    people = raw["customers"].set_index("customer_id").loc[rows["customer_id"]]
    assert not people["marketing_opt_out"].any()
    rating = rows["product_id"].map({"fund": 2}).fillna(0).to_numpy()
    assert (people["risk_tolerance"].to_numpy() >= rating).all()
    held = set(zip(raw["holdings"]["customer_id"], raw["holdings"]["product_id"], strict=True))
    assert not held & set(zip(rows["customer_id"], rows["product_id"], strict=True))
    assert rows.groupby("customer_id").size().max() <= params.contact_limit
    offers = rows[rows["arm"] == "offer"]
    assert offers["channel"].map({"email": 0.5, "phone": 5.0}).sum() <= params.budget
    assert (offers["channel"] == "phone").sum() <= 400
    cells = rows.groupby(["segment", "product_id", rows["cell"].map(
        design.cells.set_index("cell")["holds"])]).size()  # fmt: skip
    assert cells.min() >= params.min_contacts

    parquet = tmp_path / "contact_plan.parquet"
    engine.write(contacts, parquet)
    copied = pd.read_csv(export_csv(parquet)).sort_values("customer_id", ignore_index=True)
    assert copied["customer_id"].tolist() == rows["customer_id"].tolist()
    assert copied["propensity"].to_numpy() == pytest.approx(rows["propensity"].to_numpy())


def test_nobody_is_contacted_within_the_cool_down(tmp_path, engine):
    frames = tables()
    frames["contacts"]["contacted_on"] = np.where(
        np.arange(N) % 4 == 0, dt.date(2025, 12, 20), dt.date(2025, 6, 1)
    )
    case = open_case(study_of(tmp_path / "recent", frames), engine)
    states = collect(customer_states(case.sources, case.catalogue, cool_down=30), sort_by=[])
    recent = frames["contacts"].loc[
        (np.arange(N) % 4 == 0) & (frames["contacts"]["arm"] == "offer"), "customer_id"
    ]
    assert not set(states["customer_id"]) & set(recent)


def test_merged_groups_lose_no_profit_and_gain_no_offer() -> None:
    """Groups merged for the plan: same optimum, and every offer is open to all of the group."""
    from pmlib.strategy.plan import relax, solve
    from pmlib.strategy.programme import Limits, solve_directly

    bank = draw_bank(World("default", 3), n_customers=1_500, seed=3)
    cost = bank.catalogue.channels["cost"].to_numpy()
    worth = np.where(bank.value > 0, bank.value, -np.inf)
    for contact_limit in (1, 2, 3):
        limits = Limits(600.0, (400.0, 300.0, 50.0), contact_limit)
        whole = solve_directly(bank.groups, worth, cost, limits)
        assert relax(bank.groups, bank.value, cost, limits).bound == pytest.approx(whole.bound)
        plan = solve(bank.groups, bank.value, cost, limits)
        home = plan.origin >= 0
        merged = plan.groups.state[plan.origin[home]]
        kept = merged != NOT_ELIGIBLE
        np.testing.assert_array_equal(merged[kept], bank.groups.state[home][kept])


def test_small_cells_are_planned_as_well_as_by_trying_all_ways() -> None:
    """Smallest cells: the best over every choice of open cells, each choice solved by HiGHS."""
    from itertools import product

    from pmlib.strategy.cells import Groups
    from pmlib.strategy.plan import solve
    from pmlib.strategy.programme import Limits, solve_directly

    groups = Groups(
        segment=np.ones(4, dtype=np.int64),
        state=np.array([[1, 1, 0], [1, 0, 1], [0, 1, 1], [1, 1, 1]], dtype=np.int8),
        size=np.array([9, 8, 7, 6]), products=("a", "b", "c"), segments=(1,),
    )  # fmt: skip
    values = np.full((1, 2, 3, 1), -np.inf)
    values[0, 0, :, 0] = [5.0, 4.0, 3.0]
    limits = Limits(100.0, (22.0,), 1, min_contacts=12)
    best = 0.0
    for open_ in product([False, True], repeat=3):
        worth = np.where(np.array(open_)[None, None, :, None], values, -np.inf)
        if any(open_):
            found = solve_directly(groups, worth, np.ones(1), limits)
            made = np.bincount(found.product, found.customers, minlength=3)
            if ((made == 0) | (made >= 12)).all():
                best = max(best, found.bound)
    plan = solve(groups, values, np.ones(1), limits)
    made = plan.contacts.sum(axis=(0, 1, 3))
    assert ((made == 0) | (made >= 12)).all()
    assert plan.profit >= best


# --- what is told about it ------------------------------------------------------------------------


def test_costs_of_limits_are_differences_of_optima(case, design):
    costs = strategy.limit_costs(case, design)
    table = costs.table.set_index("limit")
    # A budget without end earns what the budget's curve reaches at break-even.
    curve = strategy.budget_curve(case, design)
    free = value(curve.numbers, "break_even_profit")
    plan = curve.table.loc[curve.table["kind"] == "plan", "profit"].iloc[0]
    assert table.loc["budget", "cost"] == pytest.approx(free - plan, abs=100)
    priced = table.dropna(subset=["price"])
    assert priced["price"].to_numpy() == pytest.approx(priced["resolved"].to_numpy(), abs=0.02)
    assert (table["cost"] >= 0).all()
    assert table.loc["objection", "value"].startswith("bars ")


def test_budget_curve_rises_and_flattens(case, design):
    table = strategy.budget_curve(case, design).table
    profit, budget = table["profit"].to_numpy(), table["budget"].to_numpy()
    assert (np.diff(profit) > -1e-6 * profit.max()).all()
    slopes = np.diff(profit)[np.diff(budget) > 1] / np.diff(budget)[np.diff(budget) > 1]
    # Concave, but for whole customers.
    assert (np.diff(slopes) < 0.01 * slopes.max()).all()
    assert table.loc[table["kind"] == "break-even", "price"].iloc[0] == 0


def test_sheets_quote_the_plan(case, design):
    for segment in (1, 2):
        sheet = strategy.strategy_sheet(case, design, segment=segment)
        told = sheet.set_index("aspect")["statement"]
        planned = design.planned[design.planned["segment"] == segment]
        fund = planned.loc[planned["product_id"] == "fund", "offers"].sum()
        control = (planned["planned"] - planned["offers"]).sum()
        assert f"Fund to {fund:,.0f}" in told["Products"]
        assert f"{control} held out as control" in told["Products"]
        assert "refer to their Card" in told["Message"]
        for channel, count in planned.groupby("channel")["offers"].sum().items():
            assert (f"{channel} to {count:,.0f}" in told["Channel"]) == (count >= 10)


def test_a_rule_is_cited_only_where_most_fall_under_it(case, design):
    """Of 100 planned customers 49 or 50 hold the antecedent; the bound is half."""
    cells = design.cells.assign(planned=0, offers=0)
    fund = cells[(cells["product_id"] == "fund") & (cells["segment"] == 1)]
    holders, others = (fund.index[fund["holds"] == holds][0] for holds in (True, False))
    for held, cited in ((49, False), (50, True)):
        made = cells.copy()
        made.loc[[holders, others], ["planned", "offers"]] = [[held, held], [100 - held] * 2]
        mixed = replace(design, cells=made)
        sheet = strategy.strategy_sheet(case, mixed, segment=1).set_index("aspect")
        assert ("refer to" in sheet.loc["Message", "statement"]) == cited
        assert ("rules" in sheet.loc["Message", "rests_on"]) == cited


def test_interval_of_an_uplift_against_hand_computation(case, design):
    """One cell planned: its effect and standard error are those of the yardstick."""
    cells = design.cells.assign(planned=0, offers=0)
    cells.loc[0, ["planned", "offers"]] = 100
    one = replace(design, cells=cells)
    segment = int(cells.loc[0, "segment"])
    sheet = strategy.strategy_sheet(case, one, segment=segment).set_index("aspect")
    effect, se = 100 * cells.loc[0, "effect"], 100 * cells.loc[0, "se"]
    ends = [f"{end:.2f}".replace("-", "−") for end in (effect - 1.96 * se, effect + 1.96 * se)]
    assert f"{ends[0]} to {ends[1]}" in sheet.loc["Yardstick", "statement"]


def test_effects_shrunk_to_one_are_not_told_apart(case, design):
    """All cells share one effect; what rounding leaves of its variance is below zero."""
    effects = replace(design.effects, covariance=-1e-18 * np.eye(len(design.cells)))
    same = replace(design, cells=design.cells.assign(effect=0.05), effects=effects)
    sheet = strategy.strategy_sheet(case, same, segment=1).set_index("aspect")
    assert "not shown to differ from" in sheet.loc["Positioning", "statement"]


def test_a_segment_without_offers_gets_a_sheet_that_says_why(case, design):
    empty = replace(design, cells=design.cells.assign(planned=0, offers=0))
    sheet = strategy.strategy_sheet(case, empty, segment=1)
    assert sheet["statement"].iloc[-1].startswith("none: the budget earns more elsewhere")


def test_decisions_survive_when_nothing_is_uncertain(case, design):
    effects = design.effects
    sure = replace(effects, sampling=effects.sampling * 1e-12)
    # Without noise in the pilot the shrunk effects of shrunk effects are what is planned on.
    fixed = replace(sure, gain=np.eye(len(effects.cells))[:, effects.own >= 0])
    certain = replace(design, effects=fixed)
    found = strategy.survival(case, certain, draws=3, draws_of_money=3)
    scenarios = found.table.set_index("scenario")
    assert scenarios.loc["the pilot", "unchanged"] == pytest.approx(1.0)
    # What is framed and counted is the plan itself, with its smallest cell.
    assert found.decisions["planned"].sum() == design.planned["planned"].sum()
    assert set(found.decisions["product"]) == {"Fund", "Loan"}
    noisy = replace(fixed, sampling=effects.sampling * 25)
    noisy = replace(design, effects=noisy)
    found = strategy.survival(case, noisy, draws=5, draws_of_money=2)
    assert found.table["unchanged"].iloc[0] < 1.0


def test_policies_are_judged_on_the_other_half(case):
    compared = strategy.compare(case)
    table = compared.table.set_index("policy")
    assert (table["spend"] <= PARAMETERS.budget * (1 + 1e-9)).all()
    # Raw effects promise more than the same plan earns elsewhere.
    assert table.loc["unshrunk", "promised"] > table.loc["unshrunk", "held_out"]
    # The effect is with holders of a card, which segments do not know.
    assert table.loc["segments", "combined_more"] > 0
    assert (table["low"] <= table["held_out"]).all()


def test_halves_that_plan_the_same_promise_nothing(case):
    # The one offer that works is plain in either half, unless luck is believed too.
    compared = strategy.compare(case)
    assert value(compared.numbers, "halves_agree") == pytest.approx(1)
    assert value(compared.numbers, "promised_profit") is None
    promised = compared.table.set_index("policy")["promised"]
    assert np.isnan(promised["combined"])
    assert promised["unshrunk"] > 0


def test_one_segment_without_rules_is_told(case):
    groups = case.groups.coarsened(segments=False, rules=False)[0]
    plain = replace(
        case, evidence=case.evidence.coarsened(segments=False, rules=False), groups=groups,
        catalogue=replace(case.catalogue, antecedents={}),
    )  # fmt: skip
    text = strategy.compare(plain).text
    assert text.startswith("With one segment and no rules all policies")
    assert "alone" not in text


def test_black_box_finds_the_planted_effect(case):
    compared = strategy.compare(case)
    found = strategy.black_box(case, combined=compared.held_out("combined"))
    row = found.table.iloc[0]
    assert row["held_out"] > compared.held_out("random")
    assert row["spend"] <= PARAMETERS.budget * 1.01
    assert row["low"] < row["held_out"] < row["high"]


# --- lawful and fair ------------------------------------------------------------------------------


def test_offer_rates_and_the_price_of_equal_ones(case, design):
    found = strategy.check_plan(case, design, strategy.contact_plan(case, design))
    assert value(found.numbers, "plan_violations") == 0
    rates = found.table.set_index("group")["rate"]
    assert rates["female"] > rates["male"]  # women hold the card more often
    by_gender = found.equal[found.equal["trait"] == "gender"].set_index("difference")
    assert by_gender.loc[0.0, "cost"] > 0
    assert by_gender.loc[0.0, "cost"] == by_gender["cost"].max()  # half as different costs less
    assert "Equal offer rates by age would cost" in found.text
    ages = found.table.loc[found.table["trait"] == "age", "group"].tolist()
    assert ages == ["under 30", "30 to 44", "45 to 59", "60 and over"]
    # Among the eligible: counted from the states, customer by customer.
    states = collect(customer_states(case.sources, case.catalogue, cool_down=30), sort_by=[])
    able = set(states.loc[states["code0"] > 0, "customer_id"])
    people = tables()["customers"]
    women = people.loc[people["gender"] == "female", "customer_id"]
    row = found.table.set_index("group").loc["female"]
    expected = row["offered"] / sum(customer in able for customer in women)
    assert row["rate_eligible"] == pytest.approx(expected)


def test_even_plan_against_hand_computation():
    """Two groups, one offer each: 10 of 10 and 4 of 20 can be reached, so the even rate is 0.2."""
    from pmlib.strategy.cells import Groups
    from pmlib.strategy.programme import Limits, solve_evenly

    groups = Groups(
        segment=np.array([1, 2]), state=np.ones((2, 1), dtype=np.int8), size=np.array([10, 4]),
        products=("a",), segments=(1, 2),
    )  # fmt: skip
    worth = np.array([3.0, 1.0]).reshape(2, 1, 1, 1).repeat(2, axis=1)
    settings = {"part": np.array([0, 1]), "people": np.array([10.0, 20.0])}
    limits = Limits(np.inf, (np.inf,), 1)
    even = solve_evenly(groups, worth, np.ones(1), limits, **settings)
    assert even.bound == pytest.approx(2 * 3 + 4 * 1)  # 2 of 10 and 4 of 20
    loose = solve_evenly(groups, worth, np.ones(1), limits, **settings, tolerance=0.3)
    assert loose.bound == pytest.approx(5 * 3 + 4 * 1)  # 5 of 10 and 4 of 20


def test_violations_are_counted(case, design, engine):
    wrong = engine.from_pandas(
        pd.DataFrame({"customer_id": ["c00000"], "product_id": ["fund"], "arm": ["offer"]})
    )
    people = tables()["customers"].iloc[0]
    expected = int(people["marketing_opt_out"] or people["risk_tolerance"] < 2)
    found = strategy.check_plan(case, design, wrong)
    assert value(found.numbers, "plan_violations") == expected
    assert case.not_recorded == ()


def test_what_is_not_recorded_is_not_called_checked(tmp_path, engine):
    frames = tables()
    frames["customers"] = frames["customers"].drop(columns=["marketing_opt_out", "risk_tolerance"])
    del frames["holdings"]
    case = open_case(study_of(tmp_path / "bare", frames), engine)
    assert case.not_recorded == ("objection", "suitability")  # sales of contacts tell of holding
    assert strategy.eligibility_table(case)["unsuitable"].isna().all()
    buyers = frames["contacts"].groupby("product_id")["responded"].sum()
    held = case.eligible.set_index("product_id")["held"]
    assert held.to_dict() == buyers.to_dict()


# --- what makes no sense --------------------------------------------------------------------------


def plan_with(study, engine, **limits) -> tuple[strategy.Case, strategy.Design]:
    params = PARAMETERS.model_copy(update=limits)
    case = open_case(study, engine, params)
    return case, strategy.plan_study(case)


def test_no_budget_leaves_no_plan_and_says_why(study, engine):
    case, design = plan_with(study, engine, budget=0.0)
    assert design.planned.empty
    assert "the limit in the way is budget (0)" in strategy.plan_text(case, design)


def test_limits_that_conflict_are_named(study, engine):
    # Fifty contacts in a cell cost 25 or more, and the budget is 20: either alone could be met.
    case, design = plan_with(study, engine, budget=20.0, min_contacts=50)
    text = strategy.plan_text(case, design)
    assert design.planned.empty
    assert "these limits conflict" in text
    assert "budget (20)" in text
    assert "smallest cell (50 customers)" in text


def test_a_contact_limit_of_none_is_named(study, engine):
    case, design = plan_with(study, engine, contact_limit=0)
    assert "contact limit (0 a customer)" in strategy.plan_text(case, design)


def test_several_blocking_limits_are_told(study, engine):
    case, design = plan_with(study, engine, contact_limit=0, budget=0.0)
    assert "several limits each leave no room" in strategy.plan_text(case, design)


def test_a_gap_above_the_limit_is_told(case, design):
    plan = replace(design.plan, bound=design.plan.profit * 1.01)
    loose = replace(design, plan=plan)
    text = strategy.plan_text(case, loose)
    assert "more than the 0.1 % aimed at" in text
    assert "smallest cell of 10 customers" in text
    assert "aimed at" not in strategy.plan_text(case, design)


def test_a_negative_cost_is_refused(tmp_path):
    channels = [{"name": "email", "cost": -0.5}]
    with pytest.raises(StudyError, match="cost"):
        study_of(tmp_path / "negative", tables(), channels)


def test_a_channel_the_study_does_not_declare_is_named(tmp_path, engine):
    study = study_of(tmp_path / "channel", tables(), CHANNELS[:1])
    with pytest.raises(StudyError, match="phone"):
        open_case(study, engine)


def test_a_missing_margin_is_named(tmp_path, engine):
    frames = tables()
    frames["products"].loc[1, "annual_margin"] = np.nan
    study = study_of(tmp_path / "margin", frames)
    with pytest.raises(StudyError, match="annual_margin: fund"):
        open_case(study, engine)
    params = PARAMETERS.model_copy(update={"default_margin": 25.0})
    margins = open_case(study, engine, params).catalogue.products.set_index("product_id")["margin"]
    assert margins["fund"] == 25.0


def test_nobody_eligible_is_told(tmp_path, engine):
    frames = tables()
    frames["customers"]["marketing_opt_out"] = True
    with pytest.raises(StudyError, match="No customer may be offered anything"):
        open_case(study_of(tmp_path / "closed", frames), engine)


def test_without_a_control_the_response_is_used_and_called_so(tmp_path, engine):
    frames = tables()
    contacts = frames["contacts"]
    frames["contacts"] = contacts[contacts["arm"] == "offer"].assign(propensity=np.nan)
    case = open_case(study_of(tmp_path / "response", frames), engine)
    design = strategy.plan_study(case)
    assert "**response**" in design.text
    assert "randomised pilot with a control group" in strategy.meaning(case, design)


def test_without_contacts_the_potential_is_called_assumed(tmp_path, engine):
    frames = tables()
    rng = np.random.default_rng(1)
    some = pd.DataFrame({"customer_id": frames["customers"]["customer_id"][rng.random(N) < 0.3]})
    funds = some.assign(product_id="fund", opened_on=dt.date(2021, 1, 1))
    frames["holdings"] = pd.concat([frames["holdings"], funds], ignore_index=True)
    del frames["contacts"]
    case = open_case(study_of(tmp_path / "holdings", frames), engine)
    design = strategy.plan_study(case)
    assert "association-based potential" in design.text
    profit = next(n for n in design.numbers if n.key == "planned_profit")
    assert profit.low is None  # an interval would hide that the take-up is assumed
    assert "assumed: take-up 5 %" in strategy.plan_text(case, design)
    assert case.catalogue.product_ids == ("fund",)  # the only product a rule points to


def test_a_pilot_that_shows_nothing_plans_nothing(tmp_path, engine):
    case, design = plan_with(study_of(tmp_path / "none", tables(uplift=0.0)), engine)
    assert design.planned.empty
    assert "contacting does not pay" in design.text
    assert strategy.meaning(case, design).startswith("- **Do not contact.**")
    power = strategy.control_group(case, design)
    assert power.text == "The plan is empty, so no control group is needed."


def test_states_are_read_back_from_their_codes(case):
    states = collect(customer_states(case.sources, case.catalogue, cool_down=30), sort_by=[])
    state = decode(states[["code0"]].to_numpy(), n_products=2)
    assert (state != NOT_ELIGIBLE).sum() == case.groups.eligible().sum()
