"""The contact plan, row by row, against the plan and the raw tables."""

from __future__ import annotations

import stat
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pmlib import strategy
from pmlib.engine import DuckDBEngine, collect
from pmlib.strategy.cells import count_groups, customer_states
from pmlib.strategy.contacts import draw_contacts, export_csv
from pmlib.strategy.plan import solve
from pmlib.strategy.problem import Problem, held_back
from pmlib.strategy.programme import Limits, Programme
from pmlib.studies.results_file import read_columns
from tests.strategy.banks import PARAMETERS, menu, small_bank, tables


@pytest.mark.parametrize("contact_limit", [1, 2])
def test_contacts_are_drawn_as_planned(engine: DuckDBEngine, contact_limit: int) -> None:
    sources, truth = small_bank(engine)
    offers = menu()
    states = customer_states(sources, offers, cool_down=30)
    groups = count_groups(states, offers, segments=(1, 2, 3))
    value = np.random.default_rng(1).uniform(0.5, 3, (3, 2, 2, 2))
    limits = Limits(400.0, (120.0, 50.0), contact_limit)
    plan = solve(Programme(groups, value, np.array([0.5, 5.0]), limits))
    problem = Problem(
        catalogue=offers, evidence=None, groups=groups, limits=limits, control_share=0.25
    )
    index = pd.MultiIndex.from_product(
        [(1, 2, 3), (False, True), offers.product_ids, offers.channel_names],
        names=["segment", "holds", "product_id", "channel"],
    )
    cells = index.to_frame(index=False).assign(cell=range(len(index)))
    drawn = collect(
        draw_contacts(states, problem, plan, engine, cells=cells, seed=5),
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


def test_propensities_are_those_of_repeated_draws(engine: DuckDBEngine) -> None:
    sources, _ = small_bank(engine, n=120)
    offers = menu()
    states = customer_states(sources, offers, cool_down=30)
    groups = count_groups(states, offers, segments=(1, 2, 3))
    value, limits = np.full((3, 2, 2, 2), 1.0), Limits(20.0, (40.0, 9.0), 1)
    plan = solve(Programme(groups, value, np.array([0.5, 5.0]), limits))
    problem = Problem(
        catalogue=offers, evidence=None, groups=groups, limits=limits, control_share=0.3
    )
    index = pd.MultiIndex.from_product(
        [(1, 2, 3), (False, True), offers.product_ids, offers.channel_names],
        names=["segment", "holds", "product_id", "channel"],
    )
    cells = index.to_frame(index=False).assign(cell=range(len(index)))
    draws = pd.concat(
        collect(
            draw_contacts(states, problem, plan, engine, cells=cells, seed=s),
            sort_by=["customer_id"],
        )
        for s in range(20)
    )
    seen = draws.groupby(["customer_id", "product_id", "channel", "arm"]).agg(
        times=("propensity", "size"), p=("propensity", "first")
    )
    error = (seen["times"] / 20 - seen["p"]) / np.sqrt(seen["p"] * (1 - seen["p"]) / 20 + 1e-9)
    assert abs(error[seen["p"].between(0.05, 0.95)].mean()) < 0.3


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
        design.table.set_index("cell")["holds"])]).size()  # fmt: skip
    assert cells.min() >= params.min_contacts

    parquet = tmp_path / "contact_plan.parquet"
    engine.write(contacts, parquet)
    copied = pd.read_csv(export_csv(parquet)).sort_values("customer_id", ignore_index=True)
    assert copied["customer_id"].tolist() == rows["customer_id"].tolist()
    assert copied["propensity"].to_numpy() == pytest.approx(rows["propensity"].to_numpy())


def test_a_plan_for_a_crm_has_no_formulas_and_its_ids_come_back(tmp_path):
    ids = ["+4915170001", "=1+1", "@x", "-7", "A1", "-x"]
    plan = pd.DataFrame({"customer_id": ids, "arm": "offer", "propensity": 0.5})
    parquet = tmp_path / "contact_plan.parquet"
    plan.to_parquet(parquet, index=False)
    csv = export_csv(parquet)
    assert stat.S_IMODE(csv.stat().st_mode) == 0o600
    written = pd.read_csv(csv, dtype=str)["customer_id"].tolist()
    assert written == ["'+4915170001", "'=1+1", "'@x", "-7", "A1", "'-x"]
    returned = tmp_path / "results.csv"
    pd.read_csv(csv, dtype=str).assign(contacted_on="2025-01-07", responded="no").to_csv(
        returned, index=False
    )
    assert read_columns(returned)["customer_id"].tolist() == ids


def test_a_plan_is_a_test_where_its_control_can_show_what_it_counts_on(case, design):
    found = strategy.control_group(case, design)
    assert found.facts == {"control_size": "enough", "plan_decision": "carry_out_as_test"}
    detectable, expected = (number.value for number in found.numbers)
    assert expected >= detectable
    # With effects a tenth as large no control group up to half the plan would do.
    faint = replace(design, table=design.table.assign(effect=design.table["effect"] / 10))
    found = strategy.control_group(case, faint)
    assert found.facts == {"control_size": "never_enough", "plan_decision": "carry_out"}
    # Somewhere between, half the plan would do and a tenth does not.
    some = detectable / expected * 0.8
    weak = replace(design, table=design.table.assign(effect=some * design.table["effect"]))
    found = strategy.control_group(case, weak)
    assert found.facts == {"control_size": "too_small", "plan_decision": "carry_out"}
    assert found.quotes["sufficient"].value > case.control_share
    assert strategy.control_group(replace(case, control_share=0.0), design).facts == {
        "control_size": "none_kept", "plan_decision": "carry_out",
    }  # fmt: skip


def test_a_pilot_is_sharpest_where_its_arms_are_as_their_deviations(case, design):
    found = strategy.pilot_control(case, design)
    curve, numbers = found.table, {n.key: n.value for n in found.numbers}
    at = curve["standard_error"].idxmin()
    assert curve.loc[at, "control_share"] == pytest.approx(numbers["pilot_control_best"])
    # By hand, at the pilot's own share: variance of rates over contacts, times squared money.
    tallies, planned = case.evidence.tallies, design.planned
    variance = 0.0
    for product, offers in planned.groupby("product_id"):
        of_product = tallies[tallies["product_id"] == product]
        arms = [
            (of_product[of_product["channel"] == channel], part)
            for channel, part in offers.groupby("channel")
        ]
        arms.append((of_product[of_product["control"]], offers))
        for rows, part in arms:
            rate = rows["wy"].sum() / rows["w"].sum()
            n = rows["w"].sum() ** 2 / rows["w2"].sum()
            money = (part["offers"] * part["margin"]).sum()
            variance += money**2 * rate * (1 - rate) / n
    assert found.quotes["own"].value == pytest.approx(np.sqrt(variance))
    control = tallies.loc[tallies["control"], "rows"].sum() / tallies["rows"].sum()
    assert numbers["pilot_control_share"] == pytest.approx(control)


def test_without_a_pilot_no_control_share_is_judged(case, design):
    unmeasured = replace(design, effects=replace(design.effects, kind="response"))
    assert strategy.pilot_control(case, unmeasured).absent.block == "absent.no_pilot"


@pytest.mark.parametrize(("control", "planned"), [(7, 25), (15, 29), (21, 38)])
def test_a_share_of_control_comes_back_as_the_customers_it_was_of(control, planned):
    assert held_back(planned, control / planned) == control
    assert held_back(planned, (control + 0.5) / planned) == control + 1
