"""Measure how fast the evaluation is, and whether its intervals keep their promise.

    python benchmarks/evaluation.py                          # 1 M contacts, against a bootstrap
    python benchmarks/evaluation.py --coverage 600 --run reports/casebank

The first reads one campaign of a million contacts with every function of the chapter, and sets
the analytic intervals beside a plain pandas bootstrap of the same quantities. The second draws
hundreds of campaigns from the plan of a finished run of the simulated bank and counts how often
each 95 % interval holds the truth, in a world with effects and in one without.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from pmlib import params, studies
from pmlib.artifacts import read_frame
from pmlib.evaluation import (
    candidate_policies,
    check_campaign,
    cuped,
    effects_by,
    expect,
    intention_to_treat,
    interim_looks,
    judge_rankings,
    policy_values,
    potential_outcomes,
    rank_weighted_effect,
)
from pmlib.evaluation.coverage import coverage

RESAMPLES = 20


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


def timed(name: str, run: Callable[[], object]) -> tuple[object, float]:
    start = time.perf_counter()
    result = run()
    seconds = time.perf_counter() - start
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
    ranked = expected.rankings()  # type: ignore[attr-defined]
    gamma = expected.any_scores()  # type: ignore[attr-defined]
    total += timed("rankings", lambda: judge_rankings(gamma, ranked, unit="currency"))[1]
    policies = candidate_policies(expected, ranked)  # type: ignore[arg-type]
    total += timed("policies", lambda: policy_values(expected, policies))[1]  # type: ignore[arg-type]
    print(f"{'all of ' + format(n, ',') + ' contacts':<44}{total:8.2f} s\n")
    compare(contacts, gamma, ranked["uplift"])


def compare(contacts: pd.DataFrame, gamma: np.ndarray, score: np.ndarray) -> None:
    """Analytic intervals beside a pandas bootstrap of 1,000 resamples, extrapolated from few."""
    rng = np.random.default_rng(2)

    def effects() -> list[pd.Series]:
        found = []
        for _ in range(RESAMPLES):
            drawn = contacts.sample(frac=1, replace=True, random_state=rng)
            profit = drawn["value"] - drawn["cost"]
            found.append(profit.groupby([drawn["segment"], drawn["arm"]]).mean())
        return found

    def areas() -> list[float]:
        found = []
        for _ in range(RESAMPLES):
            i = rng.integers(0, len(gamma), len(gamma))
            found.append(rank_weighted_effect(gamma[i], score[i], measure="Qini area").effect)
        return found

    _, ours = timed("effects by segment, analytic", lambda: effects_by(contacts, "segment"))
    _, boot = timed(f"effects by segment, {RESAMPLES} resamples", effects)
    print(f"{'a bootstrap of 1,000 takes':<44}{boot / RESAMPLES * 1000 / ours:8.0f} times as long")
    rank, ours = timed("Qini area, influence function",
                       lambda: rank_weighted_effect(gamma, score, measure="Qini area"))  # fmt: skip
    found, boot = timed(f"Qini area, {RESAMPLES} resamples", areas)
    print(f"{'a bootstrap of 1,000 takes':<44}{boot / RESAMPLES * 1000 / ours:8.0f} times as long")
    error = rank.estimate().standard_error  # type: ignore[attr-defined]
    print(f"standard error {error:.4f}, bootstrap {np.std(found, ddof=1):.4f}")  # type: ignore[arg-type]


def promise(run: Path, campaigns: int) -> None:
    made_with = json.loads((run / "run.json").read_text())["parameters"]
    study = studies.prepare("casebank", params.Parameters(**made_with))
    plan = read_frame(run / "private" / "strategy_design" / "contact_plan.parquet")
    cells = read_frame(run / "artifacts" / "strategy_design" / "cells.parquet")
    population = potential_outcomes(study, plan).assign(
        customer_id=plan["customer_id"],
        cell=plan["cell"],
        segment=plan["segment"],
        score=plan["cell"].map(cells.set_index("cell")["expected_profit"]),
    )
    worlds = {"with effects": population, "without": population.assign(p1=population["p0"])}
    for name, world in worlds.items():
        customers = world["customer_id"].nunique()
        table = coverage(world, campaigns=campaigns, customers=customers, seed=3)
        print(f"world {name}\n{table.round(4).to_string(index=False)}\n", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--coverage", type=int, metavar="CAMPAIGNS")
    parser.add_argument("--run", type=Path, default=Path("reports/casebank"))
    arguments = parser.parse_args()
    if arguments.coverage:
        promise(arguments.run, arguments.coverage)
    else:
        speed(arguments.contacts)
