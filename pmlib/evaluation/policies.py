"""What a rule of contacting would have earned: inverse propensity and doubly robust values.

All policies are judged on the same customers of one randomised campaign: each customer was drawn
into the arm that a policy asks for with a known probability, so those who were stand for those
who were not.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pmlib.evaluation.learners import Expected
from pmlib.inference.means import from_influence
from pmlib.numbers import Number
from pmlib.numbers import WordedFinding as Finding

DOUBLY_ROBUST, INVERSE_PROPENSITY = "doubly robust", "inverse propensity"

Policy = Mapping[str, np.ndarray]
"""Arm to the probability with which each customer gets it; the rest is not contacted."""


def candidate_policies(
    expected: Expected, rankings: Mapping[str, np.ndarray]
) -> dict[str, dict[str, np.ndarray]]:
    """Policies worth comparing: nobody, everybody, half at random, the better half of rankings.

    Parameters
    ----------
    expected : Expected
    rankings : mapping of str to ndarray
        Score of each judged customer; highest first.

    Returns
    -------
    dict
        Name to policy. With several arms, whoever is contacted gets the arm that the models
        expect most of; "best expected" contacts only where they expect a gain.
    """
    n, arms = len(expected.judged), expected.arms
    best = np.argmax([expected.uplift(arm) for arm in arms], axis=0)
    chosen = {arm: (best == i).astype(float) for i, arm in enumerate(arms)}
    ones = np.ones(n)
    policies: dict[str, dict[str, np.ndarray]] = {"nobody": {}}
    for arm in arms:
        policies["everybody" if len(arms) == 1 else f"everybody by {arm}"] = {arm: ones}
    policies["half at random"] = {arm: ones / 2 / len(arms) for arm in arms}
    for name, score in rankings.items():
        # Ties at the cut are broken by the order of rows, which is not that of outcomes.
        half = np.zeros(n)
        half[np.argsort(-score, kind="stable")[: n // 2]] = 1.0
        policies[f"best half by {name}"] = {arm: half * chosen[arm] for arm in arms}
    gain = (expected.uplift() > 0).astype(float)
    policies["all with an expected gain"] = {arm: gain * chosen[arm] for arm in arms}
    return policies


def policy_values(
    expected: Expected, policies: Mapping[str, Policy], *, confidence_level: float = 0.95
) -> Finding:
    """Value of each policy over contacting nobody, by both estimators.

    Parameters
    ----------
    expected : Expected
    policies : mapping of str to Policy

    Returns
    -------
    Finding
        ``policy, contacted`` (share), ``estimator, value, standard_error, low, high, p_value``:
        gain over contacting nobody, per customer, in the outcome's unit.

    Notes
    -----
    A policy's value is the mean over customers of the probability it gives an arm times the
    customer's score of that arm (`Expected.scores`), so its standard error is that of a mean.
    """
    rows, robust_scores = [], {}
    for estimator in (DOUBLY_ROBUST, INVERSE_PROPENSITY):
        robust = estimator == DOUBLY_ROBUST
        scores = {arm: expected.scores(arm, doubly_robust=robust) for arm in expected.arms}
        for name, policy in policies.items():
            own = np.zeros(len(expected.judged))
            for arm, chance in policy.items():
                own += chance * scores[arm]
            if robust:
                robust_scores[name] = own
            share = float(sum(chance.mean() for chance in policy.values()))
            found = from_influence(
                float(own.mean()), own, expected.customers, confidence_level=confidence_level
            )
            rows.append((name, share, estimator, *found))
    columns = ["policy", "contacted", "estimator"]
    columns += ["value", "standard_error", "low", "high", "p_value"]
    table = pd.DataFrame(rows, columns=columns)
    robust = table[table["estimator"] == DOUBLY_ROBUST]
    numbers = tuple(
        Number("policy_" + "_".join(row.policy.replace("_", " ").split()), row.value,
               expected.unit, row.low, row.high,
               f"gain of contacting {row.policy} over nobody, per customer")
        for row in robust.itertuples() if row.policy != "nobody"
    )  # fmt: skip
    return Finding(table, numbers, _text(robust, robust_scores, expected, confidence_level))


def _text(
    table: pd.DataFrame,
    scores: Mapping[str, np.ndarray],
    expected: Expected,
    confidence_level: float,
) -> str:
    """Name the best policy and those that this campaign cannot tell from it (paired)."""
    best = table.loc[table["value"].idxmax(), "policy"]
    if best == "nobody" or table["low"].max() <= 0:
        return "No policy is shown to earn more than contacting nobody."
    rivals = []
    for name, own in scores.items():
        lead = scores[best] - own
        found = from_influence(
            lead.mean(), lead, expected.customers, confidence_level=confidence_level
        )
        if name != best and found.low <= 0:
            rivals.append(name)
    what = "profit" if expected.unit == "currency" else "response"
    text = f"The highest {what} comes from the policy **{best}**"
    if rivals:
        text += f"; on the same customers it cannot be told from: {', '.join(rivals)}."
    else:
        text += ", and it is ahead of every other policy on the same customers."
    if best.startswith("everybody"):
        text += (
            " Everybody means the customers of this campaign, in the offer and the control arms; "
            "of others it says nothing."
        )
    return text
