"""How well contacts judge plans they were not made from: widths and coverage, two ways.

    python benchmarks/judging.py [--world easy] [--banks 40] [--pilots 5] [--contacts 10000]

Draws banks from a simulated world and several pilots of each, a tenth of them control, and judges
what the combined policy earns, in all and more than its rivals, twice: as this project does
(``parts``: planned without a quarter of the customers and judged on it, doubly robust, every
customer twice), and by halves (``halves``: planned on one half, judged by the raw effects of the
other, and the other way round; the error of the mean is at most the mean of the errors). Prints the
mean width of the 95 % intervals, their coverage of the truth of the same plans with Wilson's
interval, and the ratios.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import pilots
from pilots import draw_bank, limits_of, run_pilot

from pmlib.casebank.world import World
from pmlib.inference.normal import normal_quantile
from pmlib.inference.proportions import wilson
from pmlib.strategy.effects import observed_cells
from pmlib.strategy.evidence import JUDGING, PARTS, SECOND_HALF, Evidence
from pmlib.strategy.judging import judge, value_of
from pmlib.strategy.policies import RIVALS, Policy, plan_policies
from pmlib.strategy.problem import Problem
from pmlib.strategy.shrinkage import shrink

HALVES = (set(PARTS) - set(SECOND_HALF), set(SECOND_HALF))
DRAWS = 300
Z = normal_quantile(0.95)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--world", choices=["default", "easy", "hard"], default="easy")
    parser.add_argument("--banks", type=int, default=40)
    parser.add_argument("--pilots", type=int, default=5)
    parser.add_argument("--contacts", type=int, default=10_000)
    parser.add_argument("--control", type=float, default=0.1)
    given = parser.parse_args()
    pilots.CONTROL = given.control
    rows: list[tuple[object, ...]] = []
    for seed in range(1, given.banks + 1):
        bank = draw_bank(World(given.world, seed=seed), n_customers=20_000, seed=seed)
        for number in range(given.pilots):
            evidence = run_pilot(bank, contacts=given.contacts, seed=1000 * seed + number)
            problem = Problem(
                catalogue=bank.catalogue, evidence=evidence, groups=bank.groups,
                limits=limits_of(bank),
            )  # fmt: skip
            for way, judged in (("halves", by_halves(problem)), ("parts", by_parts(problem))):
                for what, mean, error, contacts in judged:
                    truth = float((contacts * bank.value).sum())
                    held = abs(mean - truth) <= Z * error
                    rows.append((seed, what, way, 2 * Z * error, held, mean - truth, truth))
        if seed % 5 == 0:
            print(f"\n{seed} banks, {seed * given.pilots} pilots")
            print(_table(rows).to_string(float_format="{:,.3f}".format), flush=True)


def _plans(problem: Problem, folds: set[int]) -> tuple[Evidence, dict[str, Policy]]:
    evidence = problem.evidence.of_folds(folds)
    names = ("combined", *RIVALS)
    return evidence, plan_policies(replace(problem, evidence=evidence), names, draws=DRAWS)


def _what(policies: dict[str, Policy]) -> dict[str, np.ndarray]:
    best = policies["combined"].contacts
    more = {f"more than {name}": best - policies[name].contacts for name in RIVALS}
    return {"in all": best, **more}


def by_parts(problem: Problem) -> Iterator[tuple[str, float, float, np.ndarray]]:
    """Judge as the project does: what, mean, error, mean contacts."""
    judges, plans = [], []
    for parts in JUDGING:
        _, made = _plans(problem, set(PARTS) - set(parts))
        known = made["combined"].effects
        assert known is not None
        judges.append(judge(problem, known, parts=parts))
        plans.append(_what(made))
    for what in plans[0]:
        contacts = [made[what] for made in plans]
        yield what, *value_of(judges, contacts), np.mean(contacts, axis=0)


def by_halves(problem: Problem) -> Iterator[tuple[str, float, float, np.ndarray]]:
    """Judge halves by raw effects of the other; cells without contacts by the linear model."""
    halves = [_plans(problem, half) for half in HALVES]
    plans = [_what(made) for _, made in halves]
    judged = [_raw(problem, evidence) for evidence, _ in halves]
    for what in plans[0]:
        contacts = [made[what] for made in plans]
        both = [_value(problem, *judged[1 - i], contacts[i]) for i in (0, 1)]
        mean, error = np.mean(both, axis=0)
        yield what, float(mean), float(error), np.mean(contacts, axis=0)


def _raw(problem: Problem, evidence: Evidence) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Cells, and effects as weights of raw ones: their own, or the linear model's gain."""
    cells = observed_cells(evidence, problem.catalogue, problem.groups.segments)
    linear = shrink(cells, evidence)
    seen = np.isfinite(cells["raw"].to_numpy())
    weights = linear.gain.copy()
    weights[seen] = np.eye(seen.sum())
    return cells.assign(effect=weights @ linear.observed), weights, linear.sampling


def _value(
    problem: Problem, cells: pd.DataFrame, weights: np.ndarray, sampling: np.ndarray,
    contacts: np.ndarray,
) -> tuple[float, float]:  # fmt: skip
    priced = problem.catalogue.priced(cells)
    made = contacts[problem.catalogue.positions(priced)]
    load = made * priced["margin"].to_numpy()
    mean = load @ cells["effect"].to_numpy() - made @ priced["cost"].to_numpy()
    of_raw = weights.T @ load
    return float(mean), float(np.sqrt(of_raw @ sampling @ of_raw))


def _table(rows: list[tuple[object, ...]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["bank", "what", "way", "width", "held", "gap", "truth"])
    of = frame.groupby(["what", "way"], sort=False)
    table = of.agg(
        pilots=("held", "size"), coverage=("held", "mean"), width=("width", "mean"),
        deviation=("gap", "std"), bias=("gap", "mean"), truth=("truth", "mean"),
    )  # fmt: skip
    held = (table["coverage"] * table["pilots"]).to_numpy()
    table["low"], table["high"] = wilson(held, table["pilots"].to_numpy())
    halves = table["width"].xs("halves", level="way")
    table["of halves"] = table["width"] / halves.reindex(table.index, level="what")
    return table


if __name__ == "__main__":
    main()
