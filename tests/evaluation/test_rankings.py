"""Rankings, policies, CUPED and looks, on data whose truth is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pmlib.errors import StudyError
from pmlib.evaluation import (
    before_after,
    candidate_policies,
    cuped,
    effects_by,
    expect,
    intention_to_treat,
    interim_looks,
    judge_rankings,
    policy_values,
    power_curve,
    rank_prospects,
    rank_weighted_effect,
)
from pmlib.evaluation.learners import Expected
from pmlib.evaluation.looks import false_alarms, sequence_radius
from pmlib.evaluation.uplift import MEASURES, qini_curve
from pmlib.inference.means import Estimate, from_influence


def trial(n: int = 6_000, *, seed: int = 1) -> pd.DataFrame:
    """The effect on a customer is `x`, a covariate between 0 and 0.2; profit is 100 a sale."""
    rng = np.random.default_rng(seed)
    x, offered = 0.2 * rng.random(n), rng.random(n) < 0.5
    responded = rng.random(n) < 0.1 + x * offered
    return pd.DataFrame(
        {
            "customer_id": np.arange(n),
            "contacted_on": pd.Timestamp("2025-01-01"),
            "arm": np.where(offered, "offer", "control"),
            "product_id": "card",
            "channel": "email",
            "arm_propensity": 0.5,
            "responded": responded,
            "value": np.where(responded, 100.0, 0.0),
            "cost": np.where(offered, 5.0, 0.0),
            "segment": 1,
            "x": x,
            "noise": rng.random(n),
            "order": rng.random(n),
            "half": rng.integers(0, 2, n),
        }
    )


def known(contacts: pd.DataFrame) -> Expected:
    """Perfect models, so that scores have little noise."""
    x = contacts["x"].to_numpy()
    response = {"control": np.full(len(x), 0.1), "offer": 0.1 + x}
    outcome = {"control": response["control"] * 100, "offer": response["offer"] * 100 - 5}
    observed = (contacts["value"] - contacts["cost"]).to_numpy()
    return Expected(contacts, response, outcome, observed, "currency", "")


def estimate(gamma: np.ndarray, score: np.ndarray, measure: str) -> Estimate:
    rank = rank_weighted_effect(gamma, score, measure=measure)
    return from_influence(rank.effect, rank.influence)


def test_rank_weights_give_the_textbook_areas():
    # Effects 1, 0 ranked right: the Qini area is half of 1/2 x 1/2 (Qini curve rises to 1/2 by
    # 1/2); AUTOC is the mean of TOC(u) = 1/2 below 1/2, then 1/(2u) - 1/2: ln(2) / 2.
    gamma = np.repeat([1.0, 0.0], 5_000)
    score = -np.arange(10_000.0)
    assert rank_weighted_effect(gamma, score, measure="Qini area").effect == pytest.approx(1 / 8)
    autoc = rank_weighted_effect(gamma, score, measure="AUTOC").effect
    assert autoc == pytest.approx(np.log(2) / 2, abs=1e-3)


@pytest.mark.parametrize("measure", MEASURES)
def test_tied_scores_say_nothing(measure):
    rng = np.random.default_rng(0)
    rank = estimate(rng.normal(size=500), np.zeros(500), measure)
    assert rank.value == pytest.approx(0.0, abs=1e-12)
    assert rank.standard_error == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("levels", [4, 1_000_000])
def test_the_influence_function_gives_the_bootstrap_standard_error(measure, levels):
    # Reference: the plain bootstrap over customers, with and without ties in the score.
    rng = np.random.default_rng(4)
    n = 800
    score = np.floor(rng.random(n) * levels)
    gamma = 2 * score / levels + rng.normal(size=n)
    error = estimate(gamma, score, measure).standard_error
    draws = rng.integers(0, n, (500, n))
    again = [rank_weighted_effect(gamma[i], score[i], measure=measure).effect for i in draws]
    assert error == pytest.approx(np.std(again), rel=0.12)


def test_qini_curve_ends_at_the_whole_effect():
    rng = np.random.default_rng(2)
    gamma = rng.normal(1, 1, 1_000)
    curve = qini_curve(gamma, rng.random(1_000))
    assert curve["gain"].iloc[0] == 0
    assert curve["gain"].iloc[-1] == pytest.approx(gamma.mean())


def test_a_good_ranking_leads_a_random_one():
    contacts = trial(20_000)
    scores = {"plan": contacts["x"].to_numpy(), "noise": contacts["noise"].to_numpy()}
    result = judge_rankings(known(contacts).scores("offer"), scores, unit="currency")
    table = result.table.set_index(["ranking", "measure"])
    assert table.loc[("plan − noise", "Qini area"), "low"] > 0
    assert "The ranking by plan leads that by noise." in result.text


def test_scores_average_to_the_effect():
    contacts = trial(50_000)
    for doubly_robust in (True, False):
        gamma = known(contacts).scores("offer", doubly_robust=doubly_robust)
        # True effect on profit: mean x of 0.1 times 100, less 5.
        assert abs(gamma.mean() - 5.0) < 4 * gamma.std() / np.sqrt(len(gamma))


def test_scores_stay_unbiased_when_models_are_wrong():
    contacts = trial(50_000)
    wrong = {"control": np.full(len(contacts), 40.0), "offer": np.full(len(contacts), -10.0)}
    expected = known(contacts)
    broken = Expected(contacts, expected.response, wrong, expected.observed, "currency", "")
    gamma = broken.scores("offer")
    assert abs(gamma.mean() - 5.0) < 4 * gamma.std() / np.sqrt(len(gamma))


def test_policy_values_are_near_the_truth():
    contacts = trial(50_000)
    expected = known(contacts)
    policies = candidate_policies(expected, {"x": contacts["x"].to_numpy()})
    table = policy_values(expected, policies).table
    robust = table[table["estimator"] == "doubly robust"].set_index("policy")
    # Gains by hand: everybody 100 x 0.1 - 5; the better half (x of 0.15) half of 10; all with a
    # gain (x above 0.05) three quarters of 100 x 0.125 - 5.
    truth = {"nobody": 0, "everybody": 5, "best half by x": 5, "all with an expected gain": 5.625}
    for name, value in truth.items():
        row = robust.loc[name]
        assert abs(row["value"] - value) <= 4 * row["standard_error"] + 1e-12


def test_doubly_robust_values_are_sharper_than_weighted_ones():
    contacts = trial()
    expected = known(contacts)
    table = policy_values(expected, candidate_policies(expected, {})).table
    error = table.pivot_table(index="policy", columns="estimator", values="standard_error")
    row = error.loc["everybody"]
    assert row["doubly robust"] < row["inverse propensity"]


def test_models_are_learnt_on_one_half_and_judged_on_the_other():
    contacts = trial(4_000)
    expected = expect(contacts, None, ["x", "noise"], seed=1)
    assert set(expected.judged["half"]) == {1}
    assert expected.unit == "currency"


def test_models_of_an_earlier_campaign_judge_all_of_this_one():
    expected = expect(trial(3_000), trial(3_000, seed=2), ["x"], seed=1)
    assert len(expected.judged) == 3_000
    # The effect is x: a model of another campaign should find the order.
    assert stats.spearmanr(expected.uplift(), expected.judged["x"]).statistic > 0.5


def test_response_is_judged_where_no_value_is_known():
    expected = expect(trial(3_000).assign(value=None), None, ["x"], seed=1)
    assert expected.unit == "points"


def test_cuped_takes_out_what_was_foreseen():
    # Variance left is that of the noise: with a covariate correlated r, 1 - r^2.
    rng = np.random.default_rng(3)
    contacts = trial(8_000)
    before = rng.normal(size=8_000)
    contacts["value"] = 100 + 8 * before + 6 * rng.normal(size=8_000)
    removed = cuped(contacts.assign(before=stats.norm.cdf(before)), covariates=["before"])
    value = {number.key: number.value for number in removed.numbers}
    assert value["cuped_variance_removed_profit"] == pytest.approx(0.62, abs=0.04)


def test_cuped_never_widens_the_interval():
    contacts = trial(2_000)
    table = cuped(contacts, covariates=["noise"]).table.set_index(["outcome", "adjusted"])
    for outcome in ("responded", "profit"):
        error = table.loc[outcome, "standard_error"]
        assert error[True] <= error[False]


def test_looking_often_raises_false_alarms_but_not_those_of_the_sequence():
    # Armitage, McPherson & Rowe (1969), table 2: 19.3 % after ten looks at the 5 % level.
    alarms = false_alarms(10, error_rate=0.05, seed=1).iloc[-1]
    assert alarms["plain"] == pytest.approx(0.193, abs=0.01)
    assert alarms["sequence"] < 0.05


def test_the_sequence_holds_at_every_one_of_many_looks():
    rng = np.random.default_rng(5)
    count = np.arange(1, 2_001)
    mean = rng.standard_normal((2_000, 2_000)).cumsum(axis=1) / count
    radius = sequence_radius(count, error_rate=0.05, aimed_at=500)
    missed = (np.abs(mean) > radius).any(axis=1).mean()
    assert missed < 0.05


def test_the_last_look_is_the_plain_difference():
    contacts = trial(2_000)
    last = interim_looks(contacts, seed=1).table.iloc[-1]
    rate = contacts.groupby("arm")["responded"].mean()
    assert last["effect"] == pytest.approx(rate["offer"] - rate["control"])
    assert last["always_low"] < last["low"]


def test_power_is_80_per_cent_at_the_detectable_difference():
    contacts = trial(2_000)
    curve = power_curve(contacts).table
    own = curve[curve["effect"] == sorted(set(curve["effect"]))[2]]
    power = np.interp(2_000, own["customers"], own["power"])
    assert power == pytest.approx(0.8, abs=0.01)


def test_before_and_after_counts_everything_as_caused():
    contacts = trial(20_000)
    table = before_after(contacts).table.set_index("method")["effect"]
    # 10 % buy anyway: 10 a customer too much.
    assert table["before and after"] - table["against control"] == pytest.approx(10, abs=1.5)


def test_before_and_after_mistakes_a_falling_trend_for_harm():
    contacts = trial(20_000)
    before = pd.Series(60.0, contacts.index)
    result = before_after(contacts, before=before)
    effect = result.table.set_index("method")["effect"]
    assert effect["before and after"] < 0 < effect["against control"]
    assert "without any contact" in result.text


def test_prospects_are_ranked_by_a_model_of_the_contacted():
    contacts, people = trial(2_000), trial(1_000, seed=9)
    for frame in (contacts, people):
        frame["responded"] = frame["x"] > 0.19
    result = rank_prospects(contacts, people.drop(columns="responded"), ["x", "noise"], seed=1)
    first = people.set_index("customer_id").loc[result.ranking["customer_id"].head(30), "x"]
    assert first.min() > 0.15
    assert result.candidates["chosen"].sum() == 1
    assert "not scored" in result.text


def test_known_answers_of_prospects_score_the_ranking():
    contacts, people = trial(2_000), trial(1_000, seed=9)
    for frame in (contacts, people):
        frame["responded"] = frame["x"] > 0.19
    result = rank_prospects(contacts, people, ["x"], seed=1)
    found = {number.key: number.value for number in result.numbers}["prospects_found"]
    assert found == people["responded"].sum()


def test_prospects_without_common_features_are_refused():
    with pytest.raises(StudyError, match="Prospects cannot be ranked"):
        rank_prospects(trial(100), pd.DataFrame({"customer_id": [1]}), ["x"], seed=1)


def twice(contacts: pd.DataFrame) -> pd.DataFrame:
    """Each customer with a second offer and the same outcomes: no more is known than before."""
    return pd.concat([contacts, contacts.assign(product_id="loan")], ignore_index=True)


def test_a_customer_counted_twice_makes_no_interval_shorter():
    contacts = trial(2_000)
    for read, exact in (
        (lambda c: intention_to_treat(c).table[["effect", "low", "high"]], 1e-3),
        (lambda c: effects_by(c, "segment").table[["effect", "low", "high"]], 1e-3),
        (lambda c: cuped(c, covariates=["x"]).table[["effect", "low", "high"]], 1e-9),
        (lambda c: before_after(c).table[["effect", "low", "high"]], 1e-3),
        (lambda c: interim_looks(c, seed=1).table[["low", "high"]], 1e-9),
        (lambda c: power_curve(c).table.groupby("effect").first().reset_index()["effect"], 1e-9),
    ):
        assert np.allclose(read(twice(contacts)), read(contacts), rtol=exact)


def test_rankings_and_policies_of_customers_counted_twice_are_no_surer():
    found = []
    for contacts in (trial(2_000), twice(trial(2_000))):
        expected = known(contacts)
        scores, x = expected.scores("offer"), contacts["x"].to_numpy()
        rankings = judge_rankings(scores, {"x": x}, unit="currency", customers=expected.customers)
        policies = policy_values(expected, candidate_policies(expected, {"x": x}))
        tables = (rankings.table, rankings.curve, policies.table)
        found.append([table.select_dtypes("number") for table in tables])
    for once, again in zip(*found, strict=True):
        assert np.allclose(once, again, rtol=1e-2, atol=5e-3)
