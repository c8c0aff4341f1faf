"""Measure how fast itemsets are found, and what a large bank costs in time and memory.

    python benchmarks/association.py                    # 1 M customers in memory, against others
    python benchmarks/association.py --bank 10000000    # 10 M customers from Parquet
    python benchmarks/association.py --truth            # what is found, missed and imagined

The first compares, on one in-memory table and in the same run, distinct baskets plus depth-first
search with mlxtend's fpgrowth and, where it is installed, with PyFIM (C); all must find the same
itemsets. The second writes a bank to Parquet and measures a fresh process that counts its baskets
and finds, tests and reads the rules by segment. The third draws the baskets of many simulated banks
and counts planted rules found and surviving rules that are not true.
"""

from __future__ import annotations

import argparse
import datetime as dt
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from pmlib.association import (
    Baskets,
    closed_and_maximal,
    collect_baskets,
    compare_with_mlxtend,
    find_rules,
    frequent_itemsets,
)
from pmlib.casebank.world import World
from pmlib.engine import open_engine
from pmlib.params import Parameters
from pmlib.truth.rules import draw_baskets, rule_recovery

PRODUCTS = 24
KINDS = 6
MIN_SUPPORT = 0.01
SETTINGS = Parameters(min_support=MIN_SUPPORT, min_confidence=0.1, max_rule_length=3)
AS_OF = dt.date(2025, 12, 31)


def probabilities() -> np.ndarray:
    """P(held) by kind of customer and product: a few common products, many rare ones."""
    return np.random.default_rng(1).beta(0.6, 2.2, (KINDS, PRODUCTS))


def table_in_memory(n: int) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    held = rng.random((n, PRODUCTS)) < probabilities()[rng.integers(0, KINDS, n)]
    held[:, 5] |= held[:, 3] & (rng.random(n) < 0.4)
    return pd.DataFrame(held, columns=[f"p{i:02d}" for i in range(PRODUCTS)])


def compare(n: int, repeats: int) -> None:
    table = table_in_memory(n)
    found: dict[str, dict[frozenset[str], int]] = {}
    seconds: dict[str, float] = {}

    def measure(name: str, run: object, times: int) -> None:
        best = float("inf")
        for _ in range(times):
            start = time.perf_counter()
            found[name] = run()  # type: ignore[operator]
            best = min(best, time.perf_counter() - start)
        seconds[name] = best

    def ours() -> dict[frozenset[str], int]:
        frame = frequent_itemsets(Baskets.from_table(table), min_support=MIN_SUPPORT).frame
        return dict(zip(map(frozenset, frame["itemset"]), frame["customers"], strict=True))

    def mlxtend() -> dict[frozenset[str], int]:
        from mlxtend.frequent_patterns import fpgrowth

        frame = fpgrowth(table, MIN_SUPPORT, use_colnames=True)
        customers = (frame["support"] * n).round().astype(int)
        return dict(zip(map(frozenset, frame["itemsets"]), customers, strict=True))

    def pyfim() -> dict[frozenset[str], int]:
        import fim

        names = table.columns.to_numpy()
        baskets = [names[row].tolist() for row in table.to_numpy()]
        frequent = fim.fpgrowth(baskets, supp=100 * MIN_SUPPORT, report="a")
        return {frozenset(itemset): count for itemset, count in frequent}

    measure("distinct baskets + depth-first search", ours, repeats)
    measure("mlxtend fpgrowth", mlxtend, 1)
    try:
        measure("PyFIM fpgrowth, with conversion", pyfim, 1)
    except ImportError:
        print("PyFIM is not installed; it is left out.")
    own, *others = found
    print(f"{n:,} customers, {PRODUCTS} products, support {MIN_SUPPORT:.0%}, best of {repeats}:")
    for name, itemsets in found.items():
        same = "same itemsets" if itemsets == found[own] else "OTHER ITEMSETS"
        ratio = seconds[name] / seconds[own]
        print(f"  {name:<40} {seconds[name]:8.2f} s  x{ratio:6.1f}  {len(itemsets):,} {same}")
    if any(found[name] != found[own] for name in others):
        raise SystemExit("The itemsets differ.")


def write_bank(n: int, folder: Path) -> None:
    """Write customers, segments and holdings of `n` customers, in blocks."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(3)
    share = probabilities()
    opened = pa.array([dt.date(2020, 1, 1)], pa.date32())
    writers: dict[str, pq.ParquetWriter] = {}
    for start in range(0, n, 500_000):
        ids = np.arange(start, min(start + 500_000, n))
        kind = rng.integers(0, KINDS, len(ids))
        row, product = np.nonzero(rng.random((len(ids), PRODUCTS)) < share[kind])
        names = pa.DictionaryArray.from_arrays(
            pa.array(product.astype(np.int32)), [f"p{i:02d}" for i in range(PRODUCTS)]
        ).cast(pa.string())
        tables = {
            "customers": {
                "customer_id": ids,
                "customer_hash": rng.integers(0, 2**32, len(ids), dtype=np.int64),
            },
            "assignments": {"customer_id": ids, "segment": kind + 1},
            "holdings": {
                "customer_id": ids[row],
                "product_id": names,
                "opened_on": opened.take(pa.array(np.zeros(len(row), dtype=np.int64))),
                "closed_on": pa.nulls(len(row), pa.date32()),
            },
        }
        for name, columns in tables.items():
            block = pa.table(columns)
            if name not in writers:
                writers[name] = pq.ParquetWriter(folder / f"{name}.parquet", block.schema)
            writers[name].write_table(block)
    for writer in writers.values():
        writer.close()


def analyse_bank(folder: Path) -> None:
    engine = open_engine("duckdb")
    start = time.perf_counter()
    baskets = collect_baskets(
        engine.scan(folder / "customers.parquet"),
        engine.scan(folder / "holdings.parquet"),
        products=[f"p{i:02d}" for i in range(PRODUCTS)],
        as_of=AS_OF,
        seed=1,
        segments=engine.scan(folder / "assignments.parquet"),
    )
    counted = time.perf_counter()
    itemsets = frequent_itemsets(baskets, min_support=MIN_SUPPORT)
    mined = time.perf_counter()
    found = find_rules(baskets, SETTINGS)
    done = time.perf_counter()
    discovery = baskets.part(holdout=False)
    closed_and_maximal(found.itemsets, discovery)
    compare_with_mlxtend(found.itemsets, discovery, SETTINGS)
    checked = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"  distinct baskets x segment x half  {counted - start:7.1f} s  ({len(baskets.held):,})")
    print(
        f"  frequent itemsets                  {mined - counted:7.1f} s  ({len(itemsets.frame):,})"
    )
    print(f"  rules found, tested, by segment    {done - mined:7.1f} s  ({len(found.rules):,})")
    print(f"  closed, maximal, check by mlxtend  {checked - done:7.1f} s")
    print(f"  peak memory of the process         {peak:7.2f} GiB")


def bank(n: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_bank(n, Path(folder))
        size = sum(path.stat().st_size for path in Path(folder).iterdir()) / 2**20
        print(f"{n:,} customers from Parquet ({size:,.0f} MiB), DuckDB:", flush=True)
        # A fresh process: its peak memory is that of the analysis alone.
        subprocess.run([sys.executable, __file__, "--analyse", folder], check=True)


def against_truth(n: int, first_seed: int) -> None:
    """Draw banks of each world, segments as they truly are, and compare findings with the truth."""
    print(f"{n:,} customers a bank, seeds from {first_seed}, mean (standard error):")
    for name, correction, seeds in (
        ("default", "holm", 20), ("default", "bh", 20), ("hard", "holm", 20), ("null", "holm", 200),
        ("null", "bh", 200),
    ):  # fmt: skip
        world = World(name, 1)
        rows = []
        for seed in range(first_seed, first_seed + seeds):
            baskets = draw_baskets(world, n_customers=n, seed=seed)
            found = find_rules(baskets, SETTINGS.model_copy(update={"correction": correction}))
            check = rule_recovery(found, world)
            true, number = check.table["true"], {n.key: n.value for n in check.numbers}
            rows.append(
                {
                    "tested": len(found.rules),
                    "surviving": len(true),
                    "some survives": len(true) > 0,
                    "some false": not true.all(),
                    "false discovery": (~true).sum() / max(len(true), 1),
                    "recall": np.nan if number["rule_recall"] is None else number["rule_recall"],
                    "decided": number["n_rules_decided"],
                    "decided wrongly": number["n_rules_decided_wrongly"],
                }
            )
        table = pd.DataFrame(rows, dtype=float)
        shown = [
            f"{key} {table[key].mean():.4g} ({table[key].sem():.2g})"
            for key in table.columns[table.notna().all()]
        ]
        print(f"  {name}, {correction}, {seeds} banks: {', '.join(shown)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--customers", type=int, default=1_000_000, help="in-memory comparison")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--bank", type=int, help="customers of a bank in Parquet, instead")
    parser.add_argument("--truth", action="store_true", help="simulated banks, instead")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--analyse", type=Path, help=argparse.SUPPRESS)
    settings = parser.parse_args()
    if settings.analyse:
        analyse_bank(settings.analyse)
    elif settings.bank:
        bank(settings.bank)
    elif settings.truth:
        against_truth(20_000, settings.first_seed)
    else:
        compare(settings.customers, settings.repeats)


if __name__ == "__main__":
    main()
