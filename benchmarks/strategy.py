"""Plan campaigns for many customers, and learn against the truth what the plans earn.

    python benchmarks/strategy.py [--customers 100000 1000000] [--customer-level 2000 8000]
    python benchmarks/strategy.py --truth default [--seeds 20]
    python benchmarks/strategy.py --truth null [--seeds 40]

The first draws customers, holdings of 24 products, six segments and a pilot of 200,000 contacts;
it times the scan that counts customers into groups, the estimate of all effects, the plan and the
drawing of customers, each size in a process of its own, so that its peak memory is its own. The
customer-level programme has one variable a customer, product and channel; it is given the same
effects and limits, scaled to its size.

The second draws banks from a simulated world, pilots of several sizes and all policies; it prints
their true profit as a share of the oracle's on the same cells, and what combining adds, with
standard errors over banks.
"""

from __future__ import annotations

import argparse
import datetime as dt
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from pilots import value_of_policies
from scipy.stats import t as student

from pmlib.casebank.world import World
from pmlib.engine import Engine, open_engine
from pmlib.strategy.case import Problem
from pmlib.strategy.catalogue import Catalogue
from pmlib.strategy.cells import Groups, Sources, count_groups, customer_states
from pmlib.strategy.contacts import draw_contacts
from pmlib.strategy.effects import estimate
from pmlib.strategy.evidence import CELL, Evidence
from pmlib.strategy.plan import greedy, solve
from pmlib.strategy.policies import POLICIES
from pmlib.strategy.programme import Limits, solve_directly

SEGMENTS, PRODUCTS, CHANNELS = 6, 24, ("email", "letter", "phone")
PILOT = 200_000
PILOTS = (5_000, 20_000, 100_000, 200_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--customers", type=int, nargs="*", default=[100_000, 1_000_000])
    parser.add_argument("--customer-level", type=int, nargs="*", default=[2_000, 8_000])
    parser.add_argument("--truth", choices=["default", "hard", "null"])
    parser.add_argument("--seeds", type=int, default=20)
    given = parser.parse_args()
    if given.truth:
        against_truth(given.truth, given.seeds)
        return
    for task, sizes in ((run, given.customers), (customer_level, given.customer_level)):
        for n in sizes:
            with tempfile.TemporaryDirectory() as folder:
                apart(write_bank, n, Path(folder))
                apart(task, n, Path(folder))


def apart(task: Callable[[int, Path], None], n: int, folder: Path) -> None:
    """Do a task in a process of its own, so that its peak memory is its own."""
    process = multiprocessing.get_context("spawn").Process(target=task, args=(n, folder))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{task.__name__} of {n:,} customers failed.")


def against_truth(world: str, seeds: int) -> None:
    """True profit of each policy by the size of the pilot."""
    policies = ("combined",) if world == "null" else POLICIES
    table = value_of_policies(
        World(world, seed=0), pilot_sizes=PILOTS, seeds=range(1, seeds + 1), policies=policies
    )
    if world == "null":
        table["makes_contacts"] = table["contacts"] > 0
        of = table.groupby("pilot")
        print(f"Combined plans of {seeds} banks of the world null, where no contact pays")
        print(of[["makes_contacts", "contacts", "profit"]].agg(["mean", "max"]).to_string())
        return
    wide = table.pivot_table(index=["pilot", "seed"], columns="policy", values="share")
    print(f"Share of the oracle's profit, mean over {seeds} banks of the world {world}")
    print(wide.groupby("pilot").mean().round(3).to_string())
    z = student.ppf(0.975, seeds - 1)
    for other in ("segments", "rules"):
        more = (wide["combined"] - wide[other]).groupby("pilot").agg(["mean", "sem", "min"])
        more["low"], more["high"] = (more["mean"] + sign * z * more["sem"] for sign in (-1, 1))
        print(f"\nCombined less {other}: mean, standard error, worst bank, 95 % interval")
        print(more.round(3).to_string())


def run(n: int, folder: Path) -> None:
    sources, menu, engine = read_bank(folder)
    clock = Clock(f"{n:,} customers x {PRODUCTS} products x {len(CHANNELS)} channels")
    states = customer_states(sources, menu, cool_down=0)
    groups = count_groups(states, menu, segments=range(1, SEGMENTS + 1))
    clock.note("scan: customers counted into groups", f"{len(groups.size):,} groups")
    problem = Problem(catalogue=menu, evidence=pilot(menu), groups=groups, limits=limits_for(n))
    effects = estimate(problem.evidence, menu, segments=groups.segments, error_rate=0.05)
    clock.note("effects of all cells", f"{len(effects.cells):,} cells")
    programme = problem.programme(effects)
    plan = solve(programme)
    clock.note(
        "plan",
        f"{len(plan.groups.size):,} groups in it, profit {plan.profit:,.0f}, gap {plan.gap:.5%}",
    )
    by_hand = greedy(programme)
    clock.note("greedy, to compare", f"{1 - by_hand.profit / plan.profit:.3%} less")
    cells = effects.cells[CELL].assign(cell=range(len(effects.cells)))
    tested = replace(problem, control_share=0.1)
    drawn = draw_contacts(states, tested, plan, engine, cells=cells, seed=1)
    engine.write(drawn, folder / "plan.parquet")
    clock.note("contact plan drawn and written", f"{plan.contacts.sum():,} customers")
    engine.close()


def customer_level(n: int, folder: Path) -> None:
    """The same plan with one group a customer, handed to HiGHS whole."""
    sources, menu, engine = read_bank(folder)
    groups = count_groups(
        customer_states(sources, menu, cool_down=0), menu, segments=range(1, SEGMENTS + 1)
    )
    problem = Problem(catalogue=menu, evidence=pilot(menu), groups=groups, limits=limits_for(n))
    effects = estimate(problem.evidence, menu, segments=groups.segments, error_rate=0.05)
    programme = problem.programme(effects)
    value, limits = programme.value, replace(programme.limits, min_contacts=0)
    programme = replace(programme, value=np.where(value > 0, value, -np.inf), limits=limits)
    clock = Clock(f"{n:,} customers, customer by customer")
    ours = solve(programme)
    clock.note("groups", f"profit {ours.profit:,.0f}, gap {ours.gap:.5%}")
    theirs = solve_directly(replace(programme, groups=one_by_one(groups)))
    clock.note("customer-level programme, HiGHS", f"optimum {theirs.bound:,.0f}")
    engine.close()


def one_by_one(groups: Groups) -> Groups:
    """The same customers, a group each."""
    return Groups(
        segment=np.repeat(groups.segment, groups.size),
        state=np.repeat(groups.state, groups.size, axis=0),
        size=np.ones(groups.n_customers, dtype=np.int64),
        products=groups.products,
        segments=groups.segments,
    )


def limits_for(n: int) -> Limits:
    return Limits(0.5 * n, (0.3 * n, 0.25 * n, 0.05 * n), contact_limit=1, min_contacts=20)


def write_bank(n: int, folder: Path) -> None:
    """Customers whose holdings depend on their segment, as Parquet files."""
    rng = np.random.default_rng(7)
    products = [f"p{i:02d}" for i in range(PRODUCTS)]
    segment = rng.integers(1, SEGMENTS + 1, n)
    rates = rng.beta(1.0, 6.0, (SEGMENTS, PRODUCTS))
    ids = np.arange(n)
    pd.DataFrame(
        {
            "customer_id": ids,
            "customer_hash": rng.integers(0, 2**32, n),
            "risk_tolerance": rng.integers(1, 6, n),
            "marketing_opt_out": rng.random(n) < 0.1,
        }
    ).to_parquet(folder / "customers.parquet")
    pd.DataFrame({"customer_id": ids, "segment": segment}).to_parquet(folder / "segments.parquet")
    held = [ids[rng.random(n) < rates[segment - 1, p]] for p in range(PRODUCTS)]
    pd.DataFrame(
        {
            "customer_id": np.concatenate(held),
            "product_id": np.repeat(products, [len(h) for h in held]),
            "opened_on": dt.date(2020, 1, 1),
            "closed_on": pd.Series([None], dtype=object).repeat(sum(map(len, held))).to_numpy(),
        }
    ).astype({"closed_on": "datetime64[s]"}).to_parquet(folder / "holdings.parquet")


def read_bank(folder: Path) -> tuple[Sources, Catalogue, Engine]:
    products = [f"p{i:02d}" for i in range(PRODUCTS)]
    menu = Catalogue(
        products=pd.DataFrame(
            {
                "product_id": products,
                "name": products,
                "risk_rating": np.where(np.arange(PRODUCTS) % 3 == 0, 3.0, np.nan),
                "margin": np.random.default_rng(9).uniform(20, 150, PRODUCTS),
            }
        ),
        channels=pd.DataFrame(
            {"channel": list(CHANNELS), "cost": [0.25, 1.5, 6.0], "capacity": np.inf}
        ),
        antecedents={p: ((0, (products[i - 1],)),) for i, p in enumerate(products)},
    )
    engine = open_engine("duckdb")
    scans = {name: engine.scan(folder / f"{name}.parquet") for name in ("customers", "holdings")}
    sources = Sources(
        customers=scans["customers"],
        assignments=engine.scan(folder / "segments.parquet"),
        holdings=scans["holdings"],
        contacts=None,
        as_of=dt.date(2025, 12, 31),
    )
    return sources, menu, engine


def pilot(menu: Catalogue) -> Evidence:
    """Tallies of a randomised pilot, a third of it control."""
    rng = np.random.default_rng(8)
    shape = (SEGMENTS, 2, PRODUCTS, len(CHANNELS))
    effect = 0.02 + 0.015 * rng.standard_normal(shape[:3])[..., None]
    effect = np.clip(effect + 0.01 * rng.standard_normal(shape), 0, None)
    n = PILOT * 2 // 3 // int(np.prod(shape))
    rows = [
        (s + 1, bool(h), menu.product_ids[p], CHANNELS[c], False, n, rng.binomial(n, 0.02 + e))
        for (s, h, p, c), e in np.ndenumerate(effect)
    ]
    m = PILOT // 3 // int(np.prod(shape[:3]))
    rows += [
        (s + 1, bool(h), menu.product_ids[p], "", True, m, rng.binomial(m, 0.02))
        for s, h, p in np.ndindex(shape[:3])
    ]
    tallies = pd.DataFrame(rows, columns=[*CELL, "control", "rows", "wy"]).assign(fold=0)
    tallies = tallies.assign(w=tallies["rows"], w2=tallies["rows"], wyy=tallies["wy"])
    sums = dict.fromkeys(("w", "w2", "wy", "wyy"), float)
    return Evidence(tallies.astype(sums), "uplift", "response", common_control=False)


class Clock:
    """Print what each step took, and the peak memory so far."""

    def __init__(self, title: str) -> None:
        print(f"\n{title}")
        self._since = time.perf_counter()

    def note(self, step: str, result: str) -> None:
        """End a step."""
        now = time.perf_counter()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"  {step:<38} {now - self._since:7.2f} s  peak {peak:5.2f} GiB  {result}")
        self._since = time.perf_counter()


if __name__ == "__main__":
    main()
