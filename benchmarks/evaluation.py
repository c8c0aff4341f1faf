"""Measure how fast the evaluation is.

    python benchmarks/evaluation.py

It reads one campaign of a million contacts with every function of the chapter, and sets the
analytic intervals beside a plain pandas bootstrap of the same quantities, on fewer contacts. How
often intervals hold the truth is counted by ``make validate``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from pmlib.evaluation import (
    candidate_policies,
    candidate_rankings,
    check_campaign,
    cuped,
    effects_by,
    expect,
    intention_to_treat,
    interim_looks,
    judge_rankings,
    policy_values,
    rank_weighted_effect,
)
from pmlib.evaluation.uplift import MEASURES
from pmlib.inference.means import from_influence

COMPARED, RESAMPLES = 200_000, 200
"""Contacts and resamples of the comparison with a bootstrap."""


def campaign(n: int) -> pd.DataFrame:
    """A randomised campaign of n contacts with 10 % control."""
    rng = np.random.default_rng(1)
    offered, age = rng.random(n) < 0.9, rng.normal(50, 15, n)
    responded = rng.random(n) < 0.03 + 0.04 * offered * (age > 50)
    return pd.DataFrame(
        {
            "campaign_id": "benchmark",
            "customer_id": np.arange(n),
            "contacted_on": pd.Timestamp("2025-01-01"),
            "arm": np.where(offered, "offer", "control"),
            "product_id": rng.choice(["card", "loan", "fund"], n),
            "channel": "email",
            "propensity": np.where(offered, 0.9, 0.1),
            "arm_propensity": np.where(offered, 0.9, 0.1),
            "responded": responded,
            "value": np.where(responded, rng.exponential(100, n), 0.0),
            "cost": np.where(offered, 1.0, 0.0),
            "segment": rng.integers(1, 7, n),
            "age": age,
            "income": rng.lognormal(8, 1, n),
            "region": rng.choice(["N", "S", "E", "W"], n),
            "order": rng.random(n),
            "half": rng.integers(0, 2, n),
        }
    )


def timed(name: str, run: Callable[[], Any]) -> tuple[Any, float]:
    """Result and seconds of processor time, which other programs hardly change."""
    start = time.process_time()
    result = run()
    seconds = time.process_time() - start
    print(f"{name:<44}{seconds:8.2f} s", flush=True)
    return result, seconds


def speed(n: int) -> None:
    contacts = campaign(n)
    features = ["age", "income", "region"]
    steps: list[tuple[str, Callable[[], object]]] = [
        ("checks", lambda: check_campaign(contacts, covariates=features)),
        ("intention to treat and money", lambda: intention_to_treat(contacts)),
        ("by segment", lambda: effects_by(contacts, "segment")),
        ("CUPED", lambda: cuped(contacts, covariates=features)),
        ("interim looks", lambda: interim_looks(contacts, seed=1)),
    ]
    total = sum(timed(name, run)[1] for name, run in steps)
    expected, seconds = timed("models", lambda: expect(contacts, None, features, seed=1))
    total += seconds
    ranked = candidate_rankings(expected)
    gamma = expected.any_scores()
    total += timed("rankings", lambda: judge_rankings(expected, ranked))[1]
    policies = candidate_policies(expected, ranked)
    total += timed("policies", lambda: policy_values(expected, policies))[1]
    print(f"{'all of ' + format(n, ',') + ' contacts':<44}{total:8.2f} s\n")
    judged = expected.judged.iloc[:COMPARED]
    compare(judged, gamma[:COMPARED], ranked["uplift"][:COMPARED])


def bootstrap_effects(contacts: pd.DataFrame, *, resamples: int) -> np.ndarray:
    """(segments,) standard errors of the effect on profit, by plain pandas."""
    rng, found = np.random.default_rng(2), []
    for _ in range(resamples):
        drawn = contacts.sample(frac=1, replace=True, random_state=rng)
        profit = drawn["value"] - drawn["cost"]
        mean = profit.groupby([drawn["arm"], drawn["segment"]]).mean()
        found.append(mean["offer"] - mean["control"])
    return np.std(found, axis=0, ddof=1)


def compare(contacts: pd.DataFrame, gamma: np.ndarray, score: np.ndarray) -> None:
    """Analytic standard errors beside a plain pandas bootstrap of the same quantities.

    Every resample that the ratio speaks of is made, at a size where that is possible.
    """
    rng = np.random.default_rng(2)

    def effects() -> np.ndarray:
        return bootstrap_effects(contacts, resamples=RESAMPLES)

    def areas() -> np.ndarray:
        drawn = [rng.integers(0, len(gamma), len(gamma)) for _ in range(RESAMPLES)]
        found = [rank_weighted_effect(gamma[i], score[i], measure=MEASURES[0]) for i in drawn]
        return np.std([one.effect for one in found], ddof=1)

    def analytic() -> np.ndarray:
        table = effects_by(contacts, "segment").table
        return table.loc[table["outcome"] == "profit", "standard_error"].to_numpy()

    def influence() -> float:
        rank = rank_weighted_effect(gamma, score, measure=MEASURES[0])
        return from_influence(rank.effect, rank.influence).standard_error

    print(f"{len(contacts):,} contacts, {RESAMPLES} resamples")
    for name, ours, plain in (
        ("profit by segment", analytic, effects),
        ("Qini area", influence, areas),
    ):
        own, seconds = timed(f"{name}, analytic", ours)
        again, longer = timed(f"{name}, bootstrap", plain)
        print(f"{'the bootstrap takes':<44}{longer / seconds:8.0f} times as long")
        print(f"standard errors over those of the bootstrap: {np.round(own / again, 3)}\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--contacts", type=int, default=1_000_000)
    speed(parser.parse_args().contacts)
