"""Measure how fast the number of segments is chosen, against the plain way, and in how much memory.

    python benchmarks/segmentation.py                       # 50,000 customers, k from 2 to 10
    python benchmarks/segmentation.py --customers 200000 --ours-only

The plain way runs scikit-learn's KMeans(n_init=10) and its full silhouette_score for each k and
takes the k with the largest silhouette. Ours tests homogeneity, computes every criterion, chooses,
fits and judges stability on a sample, then assigns all customers in the engine. Each runs in a
fresh process on the same Parquet file of a simulated bank of six kinds of customers; the silhouette
alone may well prefer fewer, so the choices need not agree.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from pmlib import casebank
from pmlib.engine import open_engine
from pmlib.params import Parameters
from pmlib.segmentation import (
    assign_customers,
    customer_features,
    draw_sample,
    fit_encoder,
    segment,
)

AS_OF = dt.date(2025, 12, 31)
K_MAX = 10
SEED = 1


def write_features(folder: Path, customers: int) -> None:
    """Simulate a bank and write what is known of its customers as one Parquet file."""
    casebank.generate(Parameters(seed=SEED, n_customers=customers), folder)
    engine = open_engine()
    tables = {path.stem: engine.scan(path) for path in (folder / "tables").glob("*.parquet")}
    engine.write(customer_features(tables, {}, as_of=AS_OF).frame, folder / "features.parquet")
    engine.close()


def candidates(folder: Path) -> tuple:
    """The features as the chapter knows them (their expressions are not run again)."""
    engine = open_engine()
    tables = {path.stem: engine.scan(path) for path in (folder / "tables").glob("*.parquet")}
    return customer_features(tables, {}, as_of=AS_OF).features


def ours(folder: Path) -> int:
    engine = open_engine()
    frame = engine.scan(folder / "features.parquet")
    sample = draw_sample(frame, size=5_000, seed=SEED)
    result = segment(sample, candidates(folder), k_max=K_MAX, n_bootstrap=100, seed=SEED)
    scratch = Path(tempfile.mkdtemp(dir=folder))
    assign_customers(frame, result.scorer, engine=engine, folder=scratch)
    return result.scorer.k


def plain(folder: Path) -> int:
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    table = pd.read_parquet(folder / "features.parquet")
    matrix = fit_encoder(table, candidates(folder)).encode(table)
    scores = {}
    for k in range(2, K_MAX + 1):
        labels = KMeans(k, n_init=10, random_state=SEED).fit_predict(matrix)
        scores[k] = silhouette_score(matrix, labels)
        print(f"  k = {k}: silhouette {scores[k]:.4f}", file=sys.stderr, flush=True)
    return max(scores, key=lambda k: scores[k])


def measure(way: str, folder: Path) -> dict[str, float]:
    """Run one way in a fresh process; it reports seconds, peak memory (MB) and its choice."""
    command = [sys.executable, __file__, "--way", way, "--folder", str(folder)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def report(way: str, folder: Path) -> None:
    start, cpu = time.perf_counter(), time.process_time()
    k = {"ours": ours, "plain": plain}[way](folder)
    print(
        json.dumps(
            {
                "k": k,
                "seconds": time.perf_counter() - start,
                "cpu": time.process_time() - cpu,
                "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--customers", type=int, default=50_000)
    parser.add_argument("--ours-only", action="store_true")
    parser.add_argument("--way", choices=["ours", "plain"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        report(options.way, options.folder)
        return
    with tempfile.TemporaryDirectory() as folder:
        write_features(Path(folder), options.customers)
        ways = ["ours"] if options.ours_only else ["ours", "plain"]
        found = {way: measure(way, Path(folder)) for way in ways}
    print(f"{options.customers:,} customers, k = 2 to {K_MAX}")
    for way, row in found.items():
        print(
            f"{way:>6}: k = {row['k']:.0f}, {row['seconds']:7.1f} s ({row['cpu']:.1f} s of "
            f"processor), peak {row['peak']:,.0f} MB"
        )
    if len(found) == 2:
        ratios = np.array([found["plain"][c] / found["ours"][c] for c in ("seconds", "cpu")])
        print(f"ours is {ratios[0]:.1f} times faster ({ratios[1]:.1f} times by processor time)")


if __name__ == "__main__":
    main()
