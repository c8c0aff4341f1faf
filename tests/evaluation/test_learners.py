"""What models expect, and the scores that do not depend on it."""

from __future__ import annotations

import numpy as np
from scipy import stats

from pmlib.evaluation import expect
from pmlib.evaluation.learners import Expected


def test_scores_average_to_the_effect(trial, known):
    contacts = trial(50_000)
    for doubly_robust in (True, False):
        gamma = known(contacts).scores("offer", doubly_robust=doubly_robust)
        # True effect on profit: mean x of 0.1 times 100, less 5.
        assert abs(gamma.mean() - 5.0) < 4 * gamma.std() / np.sqrt(len(gamma))


def test_scores_stay_unbiased_when_models_are_wrong(trial, known):
    contacts = trial(50_000)
    wrong = {"control": np.full(len(contacts), 40.0), "offer": np.full(len(contacts), -10.0)}
    expected = known(contacts)
    broken = Expected(
        contacts, expected.response, wrong, expected.observed, "currency", "earlier_campaign"
    )
    gamma = broken.scores("offer")
    assert abs(gamma.mean() - 5.0) < 4 * gamma.std() / np.sqrt(len(gamma))


def test_models_are_learnt_on_one_half_and_judged_on_the_other(trial):
    contacts = trial(4_000)
    expected = expect(contacts, None, ["x", "noise"], seed=1)
    assert set(expected.judged["half"]) == {1}
    assert expected.unit == "currency"


def test_models_of_an_earlier_campaign_judge_all_of_this_one(trial):
    expected = expect(trial(3_000), trial(3_000, seed=2), ["x"], seed=1)
    assert len(expected.judged) == 3_000
    # The effect is x: a model of another campaign should find the order.
    assert stats.spearmanr(expected.uplift(), expected.judged["x"]).statistic > 0.5


def test_response_is_judged_where_no_value_is_known(trial):
    expected = expect(trial(3_000).assign(value=None), None, ["x"], seed=1)
    assert expected.unit == "points"


def test_without_both_arms_in_each_half_nothing_is_learnt(trial):
    contacts = trial(40)
    contacts["half"] = (contacts["arm"] == "control").astype(int)
    found = expect(contacts, None, ["x"], seed=1)
    assert found.absent.block == "absent.thin_arms"
    assert isinstance(expect(contacts, trial(40, seed=2), ["x"], seed=1), Expected)
