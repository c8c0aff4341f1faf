"""Lots between policies: dealt evenly, within every limit, and what they can show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pmlib import strategy
from pmlib.engine import collect
from pmlib.numbers import Finding
from pmlib.strategy.contacts import contact_plan as without_lots
from pmlib.strategy.lots import deal_again, draw_lots
from pmlib.strategy.trial import Trial, _Spread
from tests.strategy.banks import PARAMETERS, open_case


@pytest.fixture(scope="module")
def trial(case, design) -> Trial:
    found = strategy.design_trial(case, design)
    assert isinstance(found, Trial)
    return found


@pytest.fixture(scope="module")
def rows(case, design, trial) -> pd.DataFrame:
    drawn = strategy.contact_plan(case, design, trial)
    return collect(drawn, sort_by=["customer_id", "product_id"])


def test_lots_are_equal_in_all_and_within_strata(trial, rows):
    disputed = rows[rows["policy"] != "agreed"].drop_duplicates("customer_id")
    counts = pd.crosstab(disputed["stratum"], disputed["policy"])
    assert counts.shape[1] == len(trial.lots.policies)
    assert (counts.max(axis=1) - counts.min(axis=1)).max() <= 1
    assert counts.sum().max() - counts.sum().min() <= 1
    size = trial.lots.strata.set_index("stratum")["customers"]
    assert (counts.sum(axis=1) == size[counts.index]).all()
    assert trial.lots.disagreeing["customers"].sum() == len(disputed)


def test_each_lot_gets_what_its_policy_would_offer(case, design, rows):
    """The plan's own lot against the contact plan that is drawn without any lots."""
    alone = collect(without_lots(case, design), sort_by=["customer_id"])
    offers = set(zip(alone["customer_id"], alone["product_id"], alone["channel"], strict=True))
    made = rows[rows["arm"] != "watch"]
    own = made[made["policy"].isin(["agreed", "combined"])]
    got = set(zip(own["customer_id"], own["product_id"], own["channel"], strict=True))
    assert got <= offers
    in_lot = rows.loc[rows["policy"].isin(["agreed", "combined"]), "customer_id"].unique()
    assert {offer for offer in offers if offer[0] in set(in_lot)} == got
    rivals = made[~made["policy"].isin(["agreed", "combined"])]
    others = set(zip(rivals["customer_id"], rivals["product_id"], rivals["channel"], strict=True))
    assert others - offers  # what only rivals offer


def test_every_limit_holds_with_lots(case, design, trial, rows):
    offers = rows[rows["arm"] == "offer"]
    assert not offers["customer_id"].duplicated().any()
    assert offers["channel"].map({"email": 0.5, "phone": 5.0}).sum() <= PARAMETERS.budget
    assert (offers["channel"] == "phone").sum() <= 400
    tight = replace(case, limits=replace(case.limits, budget=250.0, capacity=(np.inf, 20.0)))
    lots = deal_again(tight, trial.lots, design.table, seed=1)
    cut = collect(draw_lots(tight, lots, seed=1), sort_by=["customer_id"])
    cut = cut[cut["arm"] == "offer"]
    assert (cut["channel"] == "phone").sum() <= 20
    assert cut["channel"].map({"email": 0.5, "phone": 5.0}).sum() <= 250


def test_the_plans_own_offers_keep_their_control_cell_by_cell(case, design, trial, rows):
    own = rows.merge(trial.lots.strata[["stratum", "cell_combined"]], on="stratum")
    own = own[(own["cell"] == own["cell_combined"]) & (own["arm"] != "watch")]
    n = own.groupby("cell").size()
    control = (own["arm"] == "control").groupby(own["cell"]).sum()
    assert (control == np.ceil(n * case.control_share - 1e-9)).all()
    told = strategy.own_offers(design, trial).planned.set_index("cell")
    assert (told["planned"] == n[told.index]).all()
    assert (told["offers"] == (n - control)[told.index]).all()


def test_what_others_would_offer_is_watched_once(rows):
    assert not rows.duplicated(["customer_id", "product_id"]).any()
    watched = rows[rows["arm"] == "watch"]
    assert watched["channel"].isna().all()
    assert (watched["cell"] == 0).all()
    assert not (watched["policy"] == "agreed").any()


def test_chances_are_those_of_repeated_draws(case, design, trial):
    """Of every stratum: how many get what a policy offers, and how many nothing."""
    strata = trial.lots.strata
    got = []
    for seed in range(8):
        lots = deal_again(case, trial.lots, design.table, seed=seed)
        rows = collect(draw_lots(case, lots, seed=seed), sort_by=["customer_id"])
        offers = rows[rows["arm"] == "offer"].merge(strata, on="stratum", suffixes=("", "_"))
        made = {
            name: (offers["cell"] == offers[f"cell_{name}"]).groupby(offers["stratum"]).sum()
            for name in lots.policies
        }
        got.append(pd.DataFrame(made).reindex(strata["stratum"], fill_value=0))
    mean = sum(got) / len(got)
    for name in trial.lots.policies:
        offered = strata[strata[f"cell_{name}"] > 0]
        foreseen = (offered["customers"] * offered[f"made_{name}"]).sum()
        assert mean.loc[offered["stratum"], name].sum() == pytest.approx(foreseen, rel=0.02)
    alone = strata["customers"] * strata["alone"]
    offers = sum(mean[name].sum() for name in ["combined"])
    assert 0 < alone.sum() < strata["customers"].sum() - offers + 1


def test_standard_error_is_that_of_two_halves():
    r"""Two policies, D customers: $\sqrt{2 D (s_1^2 + s_2^2)}$, worked by hand."""
    spread = _Spread(
        np.array([9.0, 4.0]), np.array([1.0, 2.0]), np.array(["card", "loan"]),
        pd.Series([0, 1], index=[1, 2]),
    )  # fmt: skip
    half = {"contacts": [100.0], "customers": [100], "made_a": [0.5], "made_b": [0.5]}
    strata = pd.DataFrame({"cell_a": [1], "cell_b": [2], **half})
    # Who is offered the card may buy the loan: 9 + 2 on the one side, 4 + 1 on the other.
    assert spread.error(strata, "a", "b") == pytest.approx(np.sqrt(2 * 100 * (11 + 5)))
    nobody = strata.assign(cell_b=0)
    assert spread.error(nobody, "a", "b") == pytest.approx(np.sqrt(2 * 100 * (9 + 1)))
    assert spread.error(strata.assign(cell_b=1), "a", "b") == 0


def test_the_trial_tells_whom_it_is_about_and_what_it_shows(trial):
    assert trial.facts["policy_trial"] == "drawn"
    table = trial.table.set_index("rival")
    assert (table[["whom", "product", "channel"]].sum(axis=1) == table["customers"]).all()
    # 2.8 = 1.96 + 0.84, of the normal distribution.
    assert table["detectable"].to_numpy() == pytest.approx(
        2.8016 * table["standard_error"], rel=1e-4
    )
    curve = trial.of("curve")
    for rival, row in table[table["expected"] > 0].iterrows():
        own = curve[curve["rival"] == rival]
        assert own["power"].is_monotonic_increasing
        shown = np.interp(row["enough"], own["customers"], own["power"])
        assert shown == pytest.approx(0.8, abs=0.02) or row["enough"] < own["customers"].min()


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"policy_trial": False}, "absent.trial_off"),
        ({"contact_limit": 2}, "absent.trial_several_contacts"),
    ],
)
def test_without_a_trial_the_plan_is_drawn_as_before(study, engine, changed, reason):
    case = open_case(study, engine, PARAMETERS.model_copy(update=changed))
    design = strategy.plan_study(case)
    found = strategy.design_trial(case, design)
    assert isinstance(found, Finding)
    assert found.absent.block == reason
    assert found.facts == {"policy_trial": "none"}
    rows = collect(strategy.contact_plan(case, design, found), sort_by=["customer_id"])
    assert "stratum" not in rows
    assert strategy.own_offers(design, found) is design
    assert strategy.strata_of(found).empty


def test_mass_gets_a_lot_where_asked(study, engine):
    case = open_case(study, engine, PARAMETERS.model_copy(update={"trial_mass": True}))
    found = strategy.design_trial(case, strategy.plan_study(case))
    assert "mass" in set(found.table["rival"])
