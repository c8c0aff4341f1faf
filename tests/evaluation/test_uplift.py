"""Rankings judged by effects: areas, their errors, leads."""

from __future__ import annotations

import numpy as np
import pytest

from pmlib.evaluation import judge_rankings, rank_weighted_effect
from pmlib.evaluation.uplift import MEASURES, qini_curve
from pmlib.inference.means import Estimate, from_influence
from pmlib.numbers import Level
from pmlib.texts import open_language


def estimate(gamma: np.ndarray, score: np.ndarray, measure: str) -> Estimate:
    rank = rank_weighted_effect(gamma, score, measure=measure)
    return from_influence(rank.effect, rank.influence)


def test_rank_weights_give_the_textbook_areas():
    # Effects 1, 0 ranked right: the Qini area is half of 1/2 x 1/2 (Qini curve rises to 1/2 by
    # 1/2); AUTOC is the mean of TOC(u) = 1/2 below 1/2, then 1/(2u) - 1/2: ln(2) / 2.
    gamma = np.repeat([1.0, 0.0], 5_000)
    score = -np.arange(10_000.0)
    assert rank_weighted_effect(gamma, score, measure="qini").effect == pytest.approx(1 / 8)
    autoc = rank_weighted_effect(gamma, score, measure="autoc").effect
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


def test_a_good_ranking_leads_a_random_one(trial, known):
    contacts = trial(20_000)
    scores = {"plan": contacts["x"].to_numpy(), "noise": contacts["noise"].to_numpy()}
    result = judge_rankings(known(contacts), scores)
    table = result.of("leads").set_index(["ranking", "against", "measure"])
    assert table.loc[("plan", "noise", "qini"), "low"] > 0
    assert [verdict.block for verdict in result.quotes["verdicts"]] == ["leads"]
    assert [level.code for level in result.quotes["good"]] == ["plan"]
    # Turned round it is worse than chance, which is more than "not shown to be better".
    turned = judge_rankings(known(contacts), {"plan": -scores["plan"], "noise": scores["noise"]})
    kinds = {kind: [x.code for x in turned.quotes[kind]] for kind in ("good", "bad", "rest")}
    assert kinds == {"good": [], "bad": ["plan"], "rest": ["noise"]}
    names = {"one": Level("campaign_ranking", "plan"), "other": Level("campaign_ranking", "noise")}
    text = open_language("en").render("campaign_evaluation", "leads", names)
    assert text == "The ranking by plan leads that by noise."
