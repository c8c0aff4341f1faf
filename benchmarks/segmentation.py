"""Measure how fast the number of segments is chosen, and how often it is the right one.

    python benchmarks/segmentation.py                       # 50,000 customers, k from 2 to 10
    python benchmarks/segmentation.py --customers 200000 --ours-only
    python benchmarks/segmentation.py --world null --banks 100 --first-seed 5000

The plain way runs scikit-learn's KMeans(n_init=10) and its full silhouette_score for each k and
takes the k with the largest silhouette. Ours tests homogeneity, computes every criterion, chooses,
fits and judges stability on a sample, then assigns all customers in the engine. Each runs in a
fresh process on the same Parquet file of a simulated bank of six kinds of customers, and both
should find six.

With ``--world`` many banks are simulated, each with a seed of its own, and the number of segments
claimed is held against the truth. Where homogeneity stands, the rest is not computed: the rule then
claims no segments, whatever the criteria.
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
from sklearn.metrics import adjusted_rand_score

from pmlib import casebank
from pmlib.engine import Engine, collect, open_engine
from pmlib.params import Parameters
from pmlib.segmentation import (
    FeatureTable,
    assign_customers,
    customer_features,
    draw_sample,
    fit_encoder,
    segment,
)
from pmlib.segmentation.homogeneity import homogeneity_test

AS_OF = dt.date(2025, 12, 31)
K_MAX = 10
SEED = 1


def known(engine: Engine, folder: Path) -> FeatureTable:
    """What is known of the customers of a simulated bank, lazily."""
    tables = {path.stem: engine.scan(path) for path in (folder / "tables").glob("*.parquet")}
    return customer_features(tables, {}, as_of=AS_OF)


def ours(folder: Path) -> int:
    engine = open_engine()
    frame = engine.scan(folder / "features.parquet")
    sample = draw_sample(frame, size=5_000, seed=SEED)
    params = Parameters(k_max=K_MAX, n_bootstrap=100, seed=SEED)
    result = segment(sample, known(engine, folder).features, params)
    scratch = Path(tempfile.mkdtemp(dir=folder))
    assign_customers(frame, result.scorer, engine=engine, folder=scratch)
    return result.scorer.k


def plain(folder: Path) -> int:
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    table = pd.read_parquet(folder / "features.parquet")
    matrix = fit_encoder(table, known(open_engine(), folder).features).encode(table)
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


def compare_ways(customers: int, ways: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, engine = Path(name), open_engine()
        casebank.generate(Parameters(seed=SEED, n_customers=customers), folder)
        engine.write(known(engine, folder).frame, folder / "features.parquet")
        engine.close()
        found = {way: measure(way, folder) for way in ways}
    print(f"{customers:,} customers, k = 2 to {K_MAX}")
    for way, row in found.items():
        print(
            f"{way:>6}: k = {row['k']:.0f}, {row['seconds']:7.1f} s ({row['cpu']:.1f} s of "
            f"processor), peak {row['peak']:,.0f} MB"
        )
    if len(found) == 2:
        ratios = np.array([found["plain"][c] / found["ours"][c] for c in ("seconds", "cpu")])
        print(f"ours is {ratios[0]:.1f} times faster ({ratios[1]:.1f} times by processor time)")


def claim(params: Parameters, folder: Path, engine: Engine) -> tuple[float, int, float]:
    """p-value, segments claimed, and adjusted Rand index with the kinds of all customers."""
    casebank.generate(params, folder)
    features = known(engine, folder)
    sample = draw_sample(features.frame, size=params.sample_size, seed=params.seed)
    encoder = fit_encoder(sample, features.features)
    test = homogeneity_test(
        encoder.encode(sample), encoder.blocks, k_max=params.k_max,
        n_references=params.n_bootstrap, error_rate=params.error_rate, seed=params.seed,
    )  # fmt: skip
    if not test.rejected:
        return test.p_value, 1, 0.0
    result = segment(sample, features.features, params)
    assigned = assign_customers(features.frame, result.scorer, engine=engine, folder=folder)
    found = collect(assigned.select("customer_id", "segment"), sort_by=["customer_id"])
    kinds = pd.read_parquet(folder / "truth" / "customers.parquet").set_index("customer_id")
    ari = adjusted_rand_score(kinds["segment"].loc[found["customer_id"]], found["segment"])
    return test.p_value, result.scorer.k, ari


def count_claims(world: str, seeds: range, customers: int) -> None:
    rows = []
    for seed in seeds:
        engine = open_engine()
        with tempfile.TemporaryDirectory() as name:
            params = Parameters(seed=seed, world=world, n_customers=customers)
            rows.append(claim(params, Path(name), engine))
        engine.close()
        print("  seed {}: p = {:.3f}, k = {}, ARI {:.3f}".format(seed, *rows[-1]), flush=True)
    table = pd.DataFrame(rows, columns=["p_value", "k", "ari"])
    counts = table["k"].value_counts().sort_index()
    print(f"world {world}, {len(table)} banks of {customers:,} customers; segments claimed:")
    print("; ".join(f"{k} in {count} banks" for k, count in counts.items()))
    rejected = (table["p_value"] <= Parameters().error_rate).sum()
    print(f"homogeneity alone rejected in {rejected}; mean p {table['p_value'].mean():.2f}")
    error = table["ari"].std() / len(table) ** 0.5
    print(f"adjusted Rand index {table['ari'].mean():.3f} (standard error {error:.3f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--customers", type=int, help="50,000; 20,000 a bank with --world")
    parser.add_argument("--ours-only", action="store_true")
    parser.add_argument("--world", choices=["default", "null", "hard"])
    parser.add_argument("--banks", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--way", choices=["ours", "plain"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        report(options.way, options.folder)
    elif options.world:
        seeds = range(options.first_seed, options.first_seed + options.banks)
        count_claims(options.world, seeds, options.customers or 20_000)
    else:
        compare_ways(options.customers or 50_000, ["ours", "plain"][: 2 - options.ours_only])


if __name__ == "__main__":
    main()
