"""What lots between policies say, against figures worked by hand and by another library."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from pmlib.engine import collect
from pmlib.evaluation import judge_trial, open_campaign
from pmlib.evaluation.campaign import Campaign
from pmlib.evaluation.trial import Drawn, judge
from pmlib.files import write_frame
from pmlib.numbers import Phrase
from pmlib.params import Parameters

CELLS = pd.DataFrame(
    {
        "cell": [1, 2, 3], "product_id": ["card", "loan", "card"],
        "channel": ["email", "email", "phone"], "margin": [10.0, 50.0, 10.0],
    }
)  # fmt: skip

COST = {"email": 1.0, "phone": 5.0}


def strata(cells: dict[int, tuple[int, int]], n: int, *, control: float = 0.0) -> pd.DataFrame:
    """Strata of n customers, by what the plan and the segments' policy would offer."""
    rows = []
    for stratum, (own, other) in cells.items():
        kept = 1 - control
        alone = control + (kept / 2) * ((own == 0) + (other == 0))
        made = [alone if cell == 0 else kept / 2 for cell in (own, other)]
        rows.append((stratum, n, own, other, n * kept, alone, *made))
    columns = ["stratum", "customers", "cell_combined", "cell_segments", "contacts", "alone",
               "made_combined", "made_segments"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def drawn(kinds: pd.DataFrame, *, seed: int, rate: dict[str, float]) -> Drawn:
    """Deal two lots, and let everybody buy with a chance that depends on the product offered."""
    rng = np.random.default_rng(seed)
    product = CELLS.set_index("cell")["product_id"]
    channel = CELLS.set_index("cell")["channel"]
    rows = []
    for kind in kinds.itertuples():
        cells = (kind.cell_combined, kind.cell_segments)
        asked = sorted({product[cell] for cell in cells if cell})
        for place, lot in enumerate(rng.permutation(np.arange(kind.customers) % 2)):
            cell = cells[lot]
            for name in asked:
                own = cell > 0 and product[cell] == name
                arm = "offer" if own else "watch"
                bought = rng.random() < rate[name] * (2 if own else 1)
                rows.append((
                    f"{kind.Index}-{place}", name, channel[cell] if own else None, arm,
                    cell if own else 0, ("combined", "segments")[lot], kind.stratum, bought,
                    COST[channel[cell]] if own else 0.0,
                ))  # fmt: skip
    columns = ["customer_id", "product_id", "channel", "arm", "cell", "policy", "stratum",
               "responded", "cost"]  # fmt: skip
    table = pd.DataFrame(rows, columns=columns).assign(lot_propensity=0.5)
    worth = table["product_id"].map({"card": 10.0, "loan": 50.0})
    return Drawn(table.assign(value=worth.where(table["responded"], 0.0)), kinds, CELLS)


def outcome(trial: Drawn) -> pd.DataFrame:
    """What each customer brought, less cost, written out."""
    rows = trial.rows
    people = rows.groupby("customer_id").agg(
        policy=("policy", "first"), stratum=("stratum", "first"), value=("value", "sum"),
        cost=("cost", "sum"),
    )  # fmt: skip
    return people.assign(y=people["value"] - people["cost"])


def test_one_stratum_is_a_comparison_of_two_means():
    trial = drawn(strata({1: (1, 2)}, 400), seed=1, rate={"card": 0.2, "loan": 0.1})
    n, found = judge(trial, "combined", "segments", confidence_level=0.95)
    people = outcome(trial)
    sides = [people.loc[people["policy"] == name, "y"] for name in ("combined", "segments")]
    pair = CompareMeans(*(DescrStatsW(side) for side in sides))
    assert n == 400
    assert found.value == pytest.approx(400 * (sides[0].mean() - sides[1].mean()))
    assert found.standard_error == pytest.approx(400 * pair.std_meandiff_separatevar, rel=5e-3)
    low, high = pair.tconfint_diff(usevar="unequal")
    assert [found.low, found.high] == pytest.approx([400 * low, 400 * high], rel=0.02)


def test_strata_add_up_and_those_who_agree_say_nothing():
    kinds = strata({1: (1, 2), 2: (3, 1), 3: (1, 0), 4: (1, 1)}, 200)
    trial = drawn(kinds, seed=2, rate={"card": 0.2, "loan": 0.1})
    n, found = judge(trial, "combined", "segments", confidence_level=0.95)
    people = outcome(trial)
    means = people.groupby(["stratum", "policy"])["y"].mean()
    by_hand = sum(
        200 * (means[stratum, "combined"] - means[stratum, "segments"]) for stratum in (1, 2, 3)
    )
    assert n == 600
    assert found.value == pytest.approx(by_hand)


def test_sales_of_what_was_not_offered_count():
    """Everybody buys the loan, offered or not: the loan's policy earns nothing by offering it."""
    trial = drawn(strata({1: (1, 2)}, 100), seed=3, rate={"card": 0.0, "loan": 1.0})
    _, found = judge(trial, "combined", "segments", confidence_level=0.95)
    assert found.value == pytest.approx(0.0)  # both offers cost the same


def test_tiny_strata_are_merged_with_their_neighbours():
    kinds = strata(dict.fromkeys(range(1, 41), (1, 2)), 4)
    trial = drawn(kinds, seed=4, rate={"card": 0.3, "loan": 0.2})
    n, found = judge(trial, "combined", "segments", confidence_level=0.95)
    assert n == 160
    assert np.isfinite([found.value, found.low, found.high]).all()
    people = outcome(trial)  # lots are equal in every stratum, so merging changes no estimate
    means = people.groupby("policy")["y"].mean()
    assert found.value == pytest.approx(160 * (means["combined"] - means["segments"]))


@pytest.mark.whole
def test_intervals_hold_the_truth_as_often_as_they_say():
    kinds = strata({1: (1, 2), 2: (3, 1), 3: (2, 0)}, 150)
    # Offered, twice as many buy. The card offered instead of the loan: 2 less 5; by phone instead
    # of e-mail: 4 less than nothing; the loan or nothing: 5 - 1.
    true = 150 * ((0.2 * 10 - 0.1 * 50) + (1.0 - 5.0) + (0.1 * 50 - 1.0))
    held, estimates = [], []
    for seed in range(200):
        trial = drawn(kinds, seed=seed, rate={"card": 0.2, "loan": 0.1})
        _, found = judge(trial, "combined", "segments", confidence_level=0.95)
        held.append(found.low <= true <= found.high)
        estimates.append(found.value)
    assert 0.90 <= np.mean(held) <= 0.985
    assert abs(np.mean(estimates) - true) < 3 * np.std(estimates) / np.sqrt(200)


def test_margins_stand_in_where_no_value_is_recorded():
    trial = drawn(strata({1: (1, 2)}, 200), seed=5, rate={"card": 0.2, "loan": 0.1})
    bare = Drawn(trial.rows.assign(value=None), trial.strata, trial.cells)
    same = [judge(one, "combined", "segments", confidence_level=0.95) for one in (trial, bare)]
    assert same[0][1] == pytest.approx(same[1][1])


def test_customers_of_unknown_outcome_are_left_out_and_lots_that_lost_theirs_stop_the_reading():
    trial = drawn(strata({1: (1, 2)}, 400), seed=6, rate={"card": 0.2, "loan": 0.1})
    rows = trial.rows.astype({"responded": object})
    some = rows["customer_id"].str.endswith("7")
    thinned = Drawn(rows.assign(responded=rows["responded"].mask(some)), trial.strata, CELLS)
    assert thinned.known_alike > 0.05
    n, _ = judge(thinned, "combined", "segments", confidence_level=0.95)
    assert n == 360
    lost = some & (rows["policy"] == "segments")
    unlike = Drawn(rows.assign(responded=rows["responded"].mask(lost)), trial.strata, CELLS)
    found = judge_trial(
        Campaign(covariates={}, trial=unlike), pd.DataFrame(), pd.DataFrame(), confidence_level=0.95
    )
    assert found.facts == {"lots_known": "unlike"}
    assert found.absent == Phrase("absent.lots_unlike")


def test_a_large_difference_is_found():
    trial = drawn(strata({1: (1, 2)}, 4_000), seed=7, rate={"card": 0.45, "loan": 0.0})
    foreseen = pd.DataFrame({"rival": ["segments"], "expected": [1.0], "detectable": [2.0]})
    found = judge_trial(
        Campaign(covariates={}, trial=trial), foreseen, pd.DataFrame(), confidence_level=0.95
    )
    assert found.facts["trial_combined_against_segments"] == "more"
    assert found.numbers[0].key == "trial_combined_minus_segments"
    assert found.numbers[0].low > 0


def test_a_campaign_without_lots_says_so():
    found = judge_trial(
        Campaign(covariates={}), pd.DataFrame(), pd.DataFrame(), confidence_level=0.95
    )
    assert found.absent == Phrase("absent.no_trial")


@pytest.fixture(scope="module")
def bank(casebank, engine, tmp_path_factory):
    """A small simulated bank; two policies that disagree on every other customer."""
    customers = collect(casebank.scan("customers", engine), sort_by=["customer_id"])
    folder = tmp_path_factory.mktemp("trial")
    ids = customers["customer_id"]
    customers.assign(segment=1)[["customer_id", "segment"]].to_parquet(
        folder / "assignments.parquet"
    )
    cells = pd.DataFrame(
        {
            "cell": [1, 2], "product_id": ["credit_card", "mutual_fund"], "channel": "phone",
            "margin": [45.0, 110.0], "cost": 6.0, "expected_profit": 1.0,
        }
    )  # fmt: skip
    n = len(ids)
    kinds = pd.DataFrame(
        {
            "stratum": [1, 2], "customers": [n // 2, n - n // 2], "cell_combined": [1, 1],
            "cell_segments": [2, 1], "contacts": [0.8 * (n // 2), 0.8 * (n - n // 2)],
            "alone": 0.2, "made_combined": [0.4, 0.8], "made_segments": [0.4, 0.8],
        }
    )  # fmt: skip
    write_frame(kinds, folder / "trial_strata.parquet")
    rng, rows = np.random.default_rng(1), []
    for at, customer in enumerate(ids):
        arm = "control" if rng.random() < 0.2 else "offer"
        agreed = at % 2 == 0
        lot = 0 if agreed else int(rng.random() < 0.5)
        policy = "agreed" if agreed else ("combined", "segments")[lot]
        of = (policy, 1.0 if agreed else 0.5, 2 if agreed else 1)
        product = cells["product_id"][lot]
        chance = of[1] * (0.2 if arm == "control" else 0.8)
        rows.append((customer, 1, product, "phone", arm, chance, lot + 1, *of))
        if not agreed:
            other = cells["product_id"][1 - lot]
            rows.append((customer, 1, other, None, "watch", np.nan, 0, *of))
    columns = ["customer_id", "segment", "product_id", "channel", "arm", "propensity", "cell",
               "policy", "lot_propensity", "stratum"]  # fmt: skip
    pd.DataFrame(rows, columns=columns).to_parquet(folder / "contact_plan.parquet")
    return casebank, engine, folder, cells


def opened(bank, results: str | None = None) -> Campaign:
    study, engine, folder, cells = bank
    frames = {
        "segments": pd.DataFrame({"segment": [1], "name": ["A"]}), "cells": cells,
        "promise": pd.DataFrame(columns=["by", "key", "promised"]),
    }  # fmt: skip
    return open_campaign(
        study, engine, Parameters(seed=3, campaign_results=results),
        load=lambda _, frame: frames[frame],
        load_private=lambda _, table: folder / f"{table}.parquet",
    )  # fmt: skip


def test_other_sections_read_the_plans_own_offers(bank):
    campaign = opened(bank)
    contacts = campaign.contacts
    assert set(contacts["arm"]) == {"offer", "control"}
    assert set(contacts["product_id"]) == {"credit_card"}
    assert not contacts["customer_id"].duplicated().any()
    assert set(contacts["policy"]) == {"agreed", "combined"}
    shares = contacts.groupby("arm")["arm_propensity"].first()
    assert shares.sum() == pytest.approx(1)
    assert shares["control"] == pytest.approx((contacts["arm"] == "control").mean())
    assert campaign.quotes["own_customers"].value == len(contacts)


def test_results_that_come_back_are_read_like_the_field(bank, tmp_path):
    trial = opened(bank).trial
    columns = ["customer_id", "product_id", "arm", "contacted_on", "responded", "value"]
    file = tmp_path / "results.csv"
    back = trial.rows[columns]
    back = back.assign(contacted_on=back["contacted_on"].where(back["arm"] == "offer"))
    back.sample(frac=1, random_state=1).to_csv(file, index=False)
    returned = opened(bank, str(file)).trial
    for other in ("segments", None):
        pair = [judge(one, "combined", other, confidence_level=0.95) for one in (trial, returned)]
        assert pair[0][0] == pair[1][0]
        assert pair[0][1] == pytest.approx(pair[1][1])
