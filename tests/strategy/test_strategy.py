"""The plan: optimal, within every limit, and drawn as planned."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from itertools import product

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pmlib.association.baskets import Baskets
from pmlib.engine import DuckDBEngine, collect
from pmlib.errors import StudyError
from pmlib.strategy.case import Problem
from pmlib.strategy.catalogue import Catalogue, catalogue, choose_antecedents
from pmlib.strategy.cells import (
    HOLDS,
    NOT_ELIGIBLE,
    Groups,
    Sources,
    count_groups,
    customer_states,
    decode,
    eligibility,
    encode,
)
from pmlib.strategy.contacts import draw_contacts
from pmlib.strategy.effects import estimate
from pmlib.strategy.evidence import Evidence, count_contacts, response_is_holding
from pmlib.strategy.plan import Plan, greedy, solve
from pmlib.strategy.policies import design
from pmlib.strategy.programme import Limits, solve_by_dual, solve_directly
from pmlib.studies import Channel

AS_OF = dt.date(2025, 12, 31)


CHANNELS = (Channel(name="email", cost=0.5), Channel(name="phone", cost=5.0, capacity=400))


def problem(
    seed: int, *, n_groups: int = 60, contact_limit: int = 1
) -> tuple[Groups, np.ndarray, np.ndarray, Limits]:
    rng = np.random.default_rng(seed)
    groups = Groups(
        segment=np.sort(rng.integers(1, 4, n_groups)),
        state=rng.integers(0, 3, (n_groups, 5)).astype(np.int8),
        size=rng.integers(1, 200, n_groups),
        products=tuple("abcde"),
        segments=(1, 2, 3),
    )
    cost = np.array([0.1, 1.0, 6.0])
    value = rng.normal(2, 6, (3, 2, 5, 3)) - cost
    limits = Limits(
        budget=float(rng.uniform(0, 6000)),
        capacity=(float("inf"), 2000.0, float(rng.integers(0, 500))),
        contact_limit=contact_limit,
        min_contacts=int(rng.integers(0, 30)),
    )
    return groups, value, cost, limits


def assert_within_limits(plan: Plan, cost: np.ndarray, limits: Limits) -> None:
    by_channel = plan.contacts.sum(axis=(0, 1, 2))
    assert by_channel @ cost <= limits.budget * (1 + 1e-12)
    assert (by_channel <= np.array(limits.capacity)).all()
    table, groups = plan.allocation, plan.groups
    size = pd.Series(groups.size)
    assert (table["customers"] >= 1).all()
    per_group = table.groupby("group")["customers"].sum()
    assert (per_group <= limits.contact_limit * size[per_group.index]).all()
    per_product = table.groupby(["group", "product"])["customers"].sum()
    group = per_product.index.get_level_values("group")
    assert (per_product.to_numpy() <= size[group].to_numpy()).all()
    assert (groups.state[table["group"], table["product"]] != NOT_ELIGIBLE).all()
    cells = plan.contacts.sum(axis=3)
    assert ((cells == 0) | (cells >= limits.min_contacts)).all()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), contact_limit=st.integers(0, 3))
def test_no_constraint_is_ever_violated(seed: int, contact_limit: int) -> None:
    groups, value, cost, limits = problem(seed, contact_limit=contact_limit)
    assert_within_limits(solve(groups, value, cost, limits), cost, limits)


@pytest.mark.parametrize("contact_limit", [1, 2])
@pytest.mark.parametrize("seed", range(4))
def test_dual_finds_the_optimum_of_highs(seed: int, contact_limit: int) -> None:
    groups, value, cost, limits = problem(seed, contact_limit=contact_limit)
    value = np.where(value > 0, value, -np.inf)
    direct = solve_directly(groups, value, cost, limits)
    dual = solve_by_dual(groups, value, cost, limits)
    assert dual.bound == pytest.approx(direct.bound, rel=1e-5)


def test_unlimited_plan_gives_every_customer_the_best_offer() -> None:
    groups, value, cost, _ = problem(1)
    limits = Limits(budget=np.inf, capacity=(np.inf,) * 3, contact_limit=1)
    expected = 0.0  # customer by customer
    for level, state, size in zip(groups.level, groups.state, groups.size, strict=True):
        offers = [value[level, int(s == HOLDS), p].max() for p, s in enumerate(state) if s]
        expected += size * max([0.0, *offers])
    assert solve(groups, value, cost, limits).profit == pytest.approx(expected)


def test_plan_is_no_worse_than_greedy_and_no_better_than_its_bound() -> None:
    for seed in range(10):
        groups, value, cost, limits = problem(seed)
        limits = Limits(limits.budget, limits.capacity, 1)
        plan, by_hand = solve(groups, value, cost, limits), greedy(groups, value, cost, limits)
        assert by_hand.profit <= plan.bound * (1 + 1e-9)
        assert plan.profit >= 0.999 * plan.bound - 10  # whole customers


def test_price_of_the_budget_is_what_one_more_unit_earns() -> None:
    groups, value, cost, _ = problem(3)
    limits = [Limits(b, (np.inf, 500.0, 100.0), 1) for b in (800.0, 801.0)]
    value = np.where(value > 0, value, -np.inf)
    first, second = (solve_directly(groups, value, cost, limit) for limit in limits)
    assert second.bound - first.bound == pytest.approx(first.prices["budget"], rel=1e-6)


def test_negative_budget_is_refused() -> None:
    with pytest.raises(StudyError, match="budget"):
        Limits(budget=-1.0, capacity=(1.0,), contact_limit=1)


# --- the catalogue --------------------------------------------------------------------------------

ANTECEDENTS = {"fund": ((0, ("card",)), (2, ("loan",)))}
PRODUCTS = pd.DataFrame(
    {
        "product_id": ["card", "fund", "loan"],
        "name": ["Card", "Fund", "Loan"],
        "risk_rating": [np.nan, 3.0, np.nan],
        "annual_margin": [10.0, 100.0, 50.0],
    }
)


def menu() -> Catalogue:
    return catalogue(PRODUCTS, CHANNELS, offered=["fund", "loan"], antecedents=ANTECEDENTS)


def test_antecedents_are_the_rules_that_tell_most() -> None:
    # Hand-made: in both segments holders of b want y twice as often; c is held by nearly all.
    held = np.array(list(product([False, True], repeat=3)))  # columns b, c, y
    weight = [40, 20, 360, 180, 20, 20, 180, 180]
    baskets = Baskets(
        products=("b", "c", "y"),
        held=np.vstack([held, held]),
        customers=np.array(weight * 2),
        segment=np.repeat([1, 2], 8),
        holdout=np.ones(16, dtype=bool),
    )
    rules = pd.DataFrame(
        {
            "antecedent": [("b",), ("c",), ("b", "c"), ("b",)],
            "consequent": "y",
            "scope": [0, 0, 0, 2],
            "lift": [1.25, 1.01, 1.2, 1.3],
            "survives": True,
            "within": ["holds_within", "holds_within", "restates_segments", "not_tested"],
        }
    )
    found = choose_antecedents(rules, baskets, offered=["y"])
    assert found == {"y": ((0, ("b",)), (2, ("b",)))}


def test_missing_margin_is_named() -> None:
    products = PRODUCTS.assign(annual_margin=[10.0, np.nan, 50.0])
    with pytest.raises(StudyError, match="annual_margin: fund"):
        catalogue(products, CHANNELS, offered=["fund", "loan"])


# --- customers in cells ---------------------------------------------------------------------------


def bank(engine: DuckDBEngine, n: int = 400, seed: int = 0) -> tuple[Sources, pd.DataFrame]:
    """A small bank, and for each customer what may be offered, worked out row by row."""
    rng = np.random.default_rng(seed)
    ids = [f"c{i:04d}" for i in range(n)]
    customers = pd.DataFrame(
        {
            "customer_id": ids,
            "customer_hash": rng.integers(0, 2**32, n),
            "risk_tolerance": rng.integers(1, 6, n),
            "marketing_opt_out": rng.random(n) < 0.2,
        }
    )
    segment = rng.integers(1, 4, n)
    held = {p: rng.random(n) < 0.3 for p in ("card", "fund", "loan")}
    holdings = pd.concat(
        pd.DataFrame({"customer_id": np.array(ids)[h], "product_id": p}) for p, h in held.items()
    ).assign(opened_on=pd.Timestamp("2020-01-01"), closed_on=pd.NaT)
    recent = rng.random(n) < 0.1
    contacts = pd.DataFrame(
        {
            "campaign_id": "old",
            "customer_id": np.array(ids)[recent],
            "contacted_on": pd.Timestamp("2025-12-20"),
            "arm": "offer",
        }
    )
    dates = ["opened_on", "closed_on"]
    holdings[dates] = holdings[dates].apply(lambda c: c.dt.date)
    contacts["contacted_on"] = contacts["contacted_on"].dt.date
    holdings["closed_on"] = pd.Series([dt.date(2030, 1, 1)] * len(holdings), dtype=object).array
    sources = Sources(
        customers=engine.from_pandas(customers),
        assignments=engine.from_pandas(pd.DataFrame({"customer_id": ids, "segment": segment})),
        holdings=engine.from_pandas(holdings),
        contacts=engine.from_pandas(contacts),
        as_of=AS_OF,
    )
    antecedent = held["card"] | (held["loan"] & (segment == 2))
    suits = customers["risk_tolerance"].to_numpy() >= 3
    truth = customers.assign(
        segment=segment,
        reachable=~customers["marketing_opt_out"] & ~recent,
        fund=np.where(held["fund"] | ~suits, 0, 1 + antecedent),
        loan=np.where(held["loan"], 0, 1),
    )
    return sources, truth


def test_states_of_customers_follow_the_rules_of_contact(engine: DuckDBEngine) -> None:
    sources, truth = bank(engine)
    states = collect(customer_states(sources, menu(), cool_down=30), sort_by=["customer_id"])
    expected = truth[truth["reachable"]]
    assert list(states["customer_id"]) == list(expected["customer_id"])
    found = decode(states[["code0"]].to_numpy(), n_products=2)
    np.testing.assert_array_equal(found, expected[["fund", "loan"]].to_numpy())


def test_eligibility_adds_up(engine: DuckDBEngine) -> None:
    sources, truth = bank(engine)
    table = eligibility(sources, menu(), cool_down=30).set_index("product_id")
    parts = ["objecting", "cooling_down", "held", "unsuitable", "eligible"]
    assert (table[parts].sum(axis=1) == table["customers"]).all()
    reachable = truth[truth["reachable"]]
    assert table.loc["fund", "eligible"] == (reachable["fund"] > 0).sum()


def test_minors_are_left_out_and_counted(engine: DuckDBEngine) -> None:
    sources, _ = bank(engine)
    customers = collect(sources.customers, sort_by=["customer_id"])
    customers["age"] = np.resize([17.0, 18.0, np.nan, 40.0], len(customers))
    aged = replace(sources, customers=engine.from_pandas(customers))
    assert eligibility(aged, menu(), cool_down=30)["minor"].eq(len(customers) / 4).all()
    states = collect(customer_states(aged, menu(), cool_down=30), sort_by=["customer_id"])
    all_ages = collect(customer_states(sources, menu(), cool_down=30), sort_by=["customer_id"])
    minors = set(customers.loc[customers["age"] == 17, "customer_id"])
    assert set(states["customer_id"]) == set(all_ages["customer_id"]) - minors


def test_response_that_restates_holdings_is_noticed(engine: DuckDBEngine) -> None:
    ids = [f"c{i}" for i in range(200)]
    bought = np.arange(200) % 4 == 0
    contacts = pd.DataFrame(
        {"customer_id": ids, "product_id": "fund", "arm": "offer", "responded": bought}
    )
    dates = {"opened_on": dt.date(2020, 1, 1), "closed_on": dt.date(2030, 1, 1)}
    held = pd.DataFrame({"customer_id": np.array(ids)[bought], "product_id": "fund"})
    same, other = (engine.from_pandas(h.assign(**dates)) for h in (held, held.iloc[:40]))
    asked = engine.from_pandas(contacts)
    assert response_is_holding(same, asked, as_of=AS_OF)
    assert not response_is_holding(other, asked, as_of=AS_OF)  # 10 of 50 buyers hold none
    assert not response_is_holding(same, asked, as_of=dt.date(2019, 1, 1))


def test_nobody_eligible_is_an_error(engine: DuckDBEngine) -> None:
    sources, _ = bank(engine)
    states = customer_states(sources, menu(), cool_down=30).filter(nw.col("customer_hash") < 0)
    with pytest.raises(StudyError, match="No customer may be offered anything"):
        count_groups(states, menu(), segments=(1, 2, 3))


def test_states_survive_coding_beyond_one_word() -> None:
    state = np.random.default_rng(0).integers(0, 3, (50, 70)).astype(np.int8)
    np.testing.assert_array_equal(decode(encode(state).to_numpy(), n_products=70), state)


@pytest.mark.parametrize("contact_limit", [1, 2])
def test_contacts_are_drawn_as_planned(engine: DuckDBEngine, contact_limit: int) -> None:
    sources, truth = bank(engine)
    offers = menu()
    states = customer_states(sources, offers, cool_down=30)
    groups = count_groups(states, offers, segments=(1, 2, 3))
    value = np.random.default_rng(1).uniform(0.5, 3, (3, 2, 2, 2))
    limits = Limits(400.0, (120.0, 50.0), contact_limit)
    plan = solve(groups, value, np.array([0.5, 5.0]), limits)
    index = pd.MultiIndex.from_product(
        [(1, 2, 3), (False, True), offers.product_ids, offers.channel_names],
        names=["segment", "holds", "product_id", "channel"],
    )
    cells = index.to_frame(index=False).assign(cell=range(len(index)))
    drawn = collect(
        draw_contacts(
            states, groups, plan, offers, engine, cells=cells, control_share=0.25, seed=5
        ),
        sort_by=["customer_id", "product_id"],
    )
    planned = pd.Series(plan.contacts.ravel(), index=cells["cell"])
    counts = drawn.groupby("cell").size().reindex(cells["cell"], fill_value=0)
    assert (counts == planned).all()
    assert not drawn.duplicated(["customer_id", "product_id"]).any()
    assert drawn.groupby("customer_id").size().max() <= contact_limit
    who = drawn.merge(truth, on="customer_id", suffixes=("", "_true"))
    assert who["reachable"].all()
    assert all(row[row["product_id"]] > 0 for _, row in who.iterrows())
    control = (drawn["arm"] == "control").groupby(drawn["cell"]).sum()
    assert (control == np.ceil(planned[control.index] * 0.25)).all()
    assert drawn["propensity"].between(0, 1, inclusive="right").all()


def test_policy_refers_to_the_groups_it_was_asked_for(engine: DuckDBEngine) -> None:
    sources, _ = bank(engine)
    groups = count_groups(
        customer_states(sources, menu(), cool_down=30), menu(), segments=(1, 2, 3)
    )
    shuffled = np.random.default_rng(2).permutation(len(groups.size))
    groups = replace(
        groups,
        segment=groups.segment[shuffled],
        state=groups.state[shuffled],
        size=groups.size[shuffled],
    )
    evidence = pilot(np.full((3, 2, 2, 2), 0.1), n=500)
    limits = Limits(300.0, (np.inf, 40.0), 1)
    problem = Problem(catalogue=menu(), evidence=evidence, groups=groups, limits=limits)
    policy = design(problem, ["combined"])["combined"]
    assert policy.plan is not None
    size = np.bincount(policy.plan.origin[policy.plan.origin >= 0],
                       weights=groups.size[policy.plan.origin >= 0])  # fmt: skip
    np.testing.assert_array_equal(size, policy.plan.groups.size)
    np.testing.assert_allclose(policy.contacts, policy.plan.contacts)


def test_propensities_are_those_of_repeated_draws(engine: DuckDBEngine) -> None:
    sources, _ = bank(engine, n=120)
    offers = menu()
    states = customer_states(sources, offers, cool_down=30)
    groups = count_groups(states, offers, segments=(1, 2, 3))
    plan = solve(
        groups, np.full((3, 2, 2, 2), 1.0), np.array([0.5, 5.0]), Limits(20.0, (40.0, 9.0), 1)
    )
    index = pd.MultiIndex.from_product(
        [(1, 2, 3), (False, True), offers.product_ids, offers.channel_names],
        names=["segment", "holds", "product_id", "channel"],
    )
    cells = index.to_frame(index=False).assign(cell=range(len(index)))
    draws = pd.concat(
        collect(
            draw_contacts(
                states, groups, plan, offers, engine, cells=cells, control_share=0.3, seed=s
            ),
            sort_by=["customer_id"],
        )
        for s in range(20)
    )
    seen = draws.groupby(["customer_id", "product_id", "channel", "arm"]).agg(
        times=("propensity", "size"), p=("propensity", "first")
    )
    error = (seen["times"] / 20 - seen["p"]) / np.sqrt(seen["p"] * (1 - seen["p"]) / 20 + 1e-9)
    assert abs(error[seen["p"].between(0.05, 0.95)].mean()) < 0.3


# --- effects --------------------------------------------------------------------------------------


def pilot(
    effect: np.ndarray, *, n: int, base: float = 0.05, seed: int = 0, kind: str = "uplift"
) -> Evidence:
    """Tallies of a pilot; `effect` is (segments, 2, products, channels), `n` customers a cell."""
    rng = np.random.default_rng(seed)
    rows = []
    offers = menu()
    for s, h, p, c in np.ndindex(effect.shape):
        sold = rng.binomial(n, np.clip(base + effect[s, h, p, c], 0, 1))
        rows.append((s + 1, bool(h), offers.product_ids[p], offers.channel_names[c], False, sold))
    if kind == "uplift":
        for s, h, p in np.ndindex(effect.shape[:3]):
            sold = rng.binomial(n, base)
            rows.append((s + 1, bool(h), offers.product_ids[p], "", True, sold))
    columns = ["segment", "holds", "product_id", "channel", "control", "wy"]
    tallies = pd.DataFrame(rows, columns=columns).assign(fold=0, rows=n, w=float(n), w2=float(n))
    tallies["wyy"] = tallies["wy"] = tallies["wy"].astype(float)
    return Evidence(tallies, kind, "response", common_control=False)  # type: ignore[arg-type]


def test_shrunk_effects_are_closer_to_the_truth() -> None:
    rng = np.random.default_rng(4)
    truth = 0.04 + 0.02 * rng.standard_normal((3, 2, 2, 2))
    effects = estimate(pilot(truth, n=150), menu(), segments=(1, 2, 3), error_rate=0.05)
    flat = truth.ravel()  # same order as the cells
    raw = np.square(effects.cells["raw"] - flat).mean()
    assert np.square(effects.cells["effect"] - flat).mean() < 0.7 * raw


def test_large_cells_are_left_alone() -> None:
    truth = np.linspace(0, 0.2, 24).reshape(3, 2, 2, 2)
    effects = estimate(pilot(truth, n=10**7), menu(), segments=(1, 2, 3), error_rate=0.05)
    np.testing.assert_allclose(effects.cells["effect"], truth.ravel(), atol=2e-3)


def test_pilot_without_effect_plans_nothing() -> None:
    claims = [
        estimate(
            pilot(np.zeros((3, 2, 2, 2)), n=300, seed=s), menu(), segments=(1, 2, 3),
            error_rate=0.05,
        ).detected
        for s in range(16)
    ]  # fmt: skip
    assert sum(claims) <= 4  # at 5 % each, more than 4 of 16 has probability 0.001


def test_response_without_control_is_called_response() -> None:
    evidence = pilot(np.full((3, 2, 2, 2), 0.05), n=2000, kind="response")
    effects = estimate(evidence, menu(), segments=(1, 2, 3), error_rate=0.05)
    assert effects.kind == "response"
    assert effects.cells["effect"].mean() == pytest.approx(0.10, abs=0.005)


def test_unknown_channel_is_named(engine: DuckDBEngine) -> None:
    sources, _ = bank(engine)
    contacts = pd.DataFrame(
        {
            "campaign_id": "pilot",
            "customer_id": ["c0001", "c0002"],
            "contacted_on": [dt.date(2025, 6, 1)] * 2,
            "arm": "offer",
            "product_id": "fund",
            "channel": "pigeon",
            "propensity": [None, None],
            "responded": [True, False],
            "value": [1.0, 0.0],
        }
    ).astype({"propensity": float})
    replaced = Sources(
        sources.customers, sources.assignments, None, engine.from_pandas(contacts), AS_OF
    )
    with pytest.raises(StudyError, match="pigeon"):
        count_contacts(replaced, menu(), engine, outcome="response", seed=1)
