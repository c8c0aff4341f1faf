"""One table and one picture: what the project's methods cost beside named alternatives.

    make bench                                  # all of it, about half an hour on two cores
    python benchmarks/bench.py --only itemsets  # one comparison; the others are kept as they are
    python benchmarks/bench.py --small          # sizes for a try; the kept table is not written

Every way runs in a process of its own, one after another on the same data, each at two sizes: so
its peak memory is its own, and the growth exponent (log of the ratio of processor times over log
of the ratio of sizes) can be told. Ways that claim the same answer must give it; a library that is
not installed is left out and named. Results go to ``benchmarks/results.csv``, the table to
``benchmarks/README.md``, the picture to ``benchmarks/results.svg``.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import pickle
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib import import_module, metadata, util
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
AS_OF = dt.date(2025, 12, 31)
SEED = 1
WHO = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

Task = Callable[[Path, int], Any]


@dataclass(frozen=True)
class Way:
    """One way to an answer; `imports` come first, unmeasured, and may not be there.

    ``run(folder, size)`` returns what can be held against the other ways' answers; None where the
    way answers another question.
    """

    name: str
    run: Task
    imports: str = ""


@dataclass(frozen=True)
class Comparison:
    """The first way is the project's own; `unit` is what a size counts."""

    title: str
    unit: str
    sizes: tuple[int, int]
    prepare: Task
    ways: tuple[Way, ...]
    small: tuple[int, int] = field(default=(2_000, 4_000))


# --- features: a year of payments becomes a row a customer ---------------------------------------


def write_bank(folder: Path, size: int) -> None:
    from pmlib import casebank
    from pmlib.params import Parameters

    casebank.generate(Parameters(seed=SEED, n_customers=size), folder)


def features_ours(folder: Path, _: int) -> list[float]:
    from pmlib.engine import collect, open_engine
    from pmlib.segmentation import customer_features

    engine = open_engine()
    tables = {path.stem: engine.scan(path) for path in (folder / "tables").glob("*.parquet")}
    found = customer_features(tables, {}, as_of=AS_OF)
    return _told(collect(found.frame, sort_by=["customer_id"]))


def features_pandas(folder: Path, _: int) -> list[float]:
    from plain import features

    tables = {path.stem: pd.read_parquet(path) for path in (folder / "tables").glob("*.parquet")}
    return _told(features(tables, pd.Timestamp(AS_OF)))


def features_polars(folder: Path, _: int) -> list[float]:
    import polars as pl

    payments, customers, holdings = (
        pl.scan_parquet(folder / "tables" / f"{name}.parquet")
        for name in ("transactions", "customers", "holdings")
    )
    day, amount = pl.col("booked_on").cast(pl.Date), pl.col("amount").cast(pl.Float64)
    window = payments.filter((day <= AS_OF) & (day > AS_OF - dt.timedelta(days=365)))
    behaviour = window.group_by("customer_id").agg(
        n_transactions=pl.len(),
        money_in=amount.clip(lower_bound=0).sum(),
        money_out=-amount.clip(upper_bound=0).sum(),
        recency=(pl.lit(AS_OF) - day.max()).dt.total_days(),
    )
    opened, closed = pl.col("opened_on").cast(pl.Date), pl.col("closed_on").cast(pl.Date)
    held = holdings.filter((opened <= AS_OF) & ((closed > AS_OF) | closed.is_null()))
    breadth = held.unique(["customer_id", "product_id"]).group_by("customer_id")
    joined = pl.col("joined_on").cast(pl.Date)
    found = (
        customers.select("customer_id", tenure=(pl.lit(AS_OF) - joined).dt.total_days())
        .join(behaviour, on="customer_id", how="left")
        .join(breadth.agg(n_products=pl.len()), on="customer_id", how="left")
        .with_columns(pl.col("n_products").fill_null(0))
        .collect()
    )
    return _told(pd.DataFrame(found.to_dict(as_series=False)))


def _told(table: pd.DataFrame) -> list[float]:
    """Sums of the features that all ways have, of customers with payments."""
    names = ["n_transactions", "money_in", "money_out", "recency", "tenure", "n_products"]
    active = table[table["n_transactions"].fillna(0) > 0]
    return [round(float(active[name].sum()), 2) for name in names]


# --- itemsets -------------------------------------------------------------------------------------


def write_baskets(folder: Path, size: int) -> None:
    from association import table_in_memory

    table_in_memory(size).to_parquet(folder / "baskets.parquet")


def _baskets(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "baskets.parquet")


def itemsets_ours(folder: Path, _: int) -> list[int]:
    from association import MIN_SUPPORT

    from pmlib.association import Baskets, frequent_itemsets

    baskets = Baskets.from_table(_baskets(folder))
    return _counts(frequent_itemsets(baskets, min_support=MIN_SUPPORT).frame["customers"])


def itemsets_mlxtend(folder: Path, size: int) -> list[int]:
    from association import MIN_SUPPORT
    from mlxtend.frequent_patterns import fpgrowth

    found = fpgrowth(_baskets(folder), MIN_SUPPORT)
    return _counts((found["support"] * size).round())


def itemsets_pyfim(folder: Path, _: int) -> list[int]:
    import fim
    from association import MIN_SUPPORT

    table = _baskets(folder)
    names = table.columns.to_numpy()
    baskets = [names[row].tolist() for row in table.to_numpy()]
    return _counts([n for _, n in fim.fpgrowth(baskets, supp=100 * MIN_SUPPORT, report="a")])


def itemsets_spark(folder: Path, _: int) -> list[int]:
    from association import MIN_SUPPORT
    from pyspark.ml.fpm import FPGrowth
    from pyspark.sql import SparkSession
    from pyspark.sql import functions as f

    spark = SparkSession.builder.master("local[2]").config("spark.driver.memory", "4g")
    session = spark.config("spark.ui.enabled", "false").getOrCreate()
    table = session.read.parquet(str(folder / "baskets.parquet"))
    held = f.array_compact(f.array(*[f.when(f.col(c), f.lit(c)) for c in table.columns]))
    baskets = table.select(held.alias("items"))
    model = FPGrowth(itemsCol="items", minSupport=MIN_SUPPORT).fit(baskets)
    counts = _counts([row["freq"] for row in model.freqItemsets.select("freq").collect()])
    java = session.sparkContext._gateway.proc  # noqa: SLF001 - nothing else tells it
    session.stop()
    java.stdin.close()  # it ends, and its processor time is told
    java.wait()
    return counts


def _counts(counts: Any) -> list[int]:
    """Number of itemsets and of customers in them: the same where the itemsets are."""
    numbers = np.asarray(counts, dtype=np.int64)
    return [len(numbers), int(numbers.sum()), int((numbers**2 % 1_000_003).sum())]


# --- number of segments ---------------------------------------------------------------------------


def write_features(folder: Path, size: int) -> None:
    import segmentation

    from pmlib import casebank
    from pmlib.engine import open_engine
    from pmlib.params import Parameters

    casebank.generate(Parameters(seed=SEED, n_customers=size, world="easy"), folder)
    engine = open_engine()
    engine.write(segmentation.known(engine, folder).frame, folder / "features.parquet")


def segments_ours(folder: Path, _: int) -> int:
    import segmentation

    return segmentation.ours(folder)


def segments_plain(folder: Path, _: int) -> int:
    import segmentation

    return segmentation.plain(folder)


# --- plan -----------------------------------------------------------------------------------------


def write_plan(folder: Path, size: int) -> None:
    """Everything up to the programme, which all ways share."""
    import strategy

    from pmlib.strategy.case import Problem
    from pmlib.strategy.cells import count_groups, customer_states
    from pmlib.strategy.effects import estimate

    strategy.write_bank(size, folder)
    sources, menu, _ = strategy.read_bank(folder)
    levels = range(1, strategy.SEGMENTS + 1)
    groups = count_groups(customer_states(sources, menu, cool_down=0), menu, segments=levels)
    evidence, limits = strategy.pilot(menu), strategy.limits_for(size)
    limits = replace(limits, min_contacts=0)
    problem = Problem(catalogue=menu, evidence=evidence, groups=groups, limits=limits)
    effects = estimate(evidence, menu, segments=groups.segments, error_rate=0.05)
    programme = problem.programme(effects)
    value = np.where(programme.value > 0, programme.value, -np.inf)
    (folder / "programme").write_bytes(pickle.dumps(replace(programme, value=value)))


def _programme(folder: Path) -> Any:
    return pickle.loads((folder / "programme").read_bytes())  # noqa: S301 - written just now


def plan_ours(folder: Path, _: int) -> None:
    from pmlib.strategy.plan import solve

    solve(_programme(folder))


def plan_by_customer(folder: Path, _: int) -> None:
    from strategy import one_by_one

    from pmlib.strategy.programme import solve_directly

    programme = _programme(folder)
    solve_directly(replace(programme, groups=one_by_one(programme.groups)))


# --- evaluation -----------------------------------------------------------------------------------

RESAMPLES = 200


def write_campaign(folder: Path, size: int) -> None:
    from evaluation import campaign

    campaign(size).to_parquet(folder / "campaign.parquet")


def evaluation_ours(folder: Path, _: int) -> None:
    from pmlib.evaluation import effects_by

    effects_by(pd.read_parquet(folder / "campaign.parquet"), "segment")


def evaluation_bootstrap(folder: Path, _: int) -> None:
    from evaluation import bootstrap_effects

    bootstrap_effects(pd.read_parquet(folder / "campaign.parquet"), resamples=RESAMPLES)


# --- the whole study ------------------------------------------------------------------------------


def whole_ours(folder: Path, size: int) -> None:
    project = HERE.parent
    command = [sys.executable, str(project / "run_all.py"), "-p", "n_customers", str(size),
               "--out", str(folder / "run")]  # fmt: skip
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=project)


def whole_plain(folder: Path, _: int) -> None:
    command = [sys.executable, str(HERE / "plain.py"), str(folder / "tables")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


COMPARISONS = (
    Comparison("features", "customers", (50_000, 200_000), write_bank, (
        Way("pmlib on DuckDB", features_ours, "pmlib.segmentation"),
        Way("pandas", features_pandas, "pandas plain"),
        Way("polars", features_polars, "polars"),
    )),
    Comparison("itemsets", "customers", (250_000, 1_000_000), write_baskets, (
        Way("distinct baskets, depth first", itemsets_ours, "association"),
        Way("mlxtend fpgrowth", itemsets_mlxtend, "association mlxtend.frequent_patterns"),
        Way("PyFIM fpgrowth", itemsets_pyfim, "association fim"),
        Way("Spark FPGrowth, two cores", itemsets_spark, "association pyspark.ml.fpm"),
    )),
    Comparison("number of segments", "customers", (10_000, 40_000), write_features, (
        Way("sample, test, criteria, stability", segments_ours, "segmentation"),
        Way("scikit-learn KMeans and silhouette", segments_plain, "segmentation sklearn.cluster"),
    )),
    Comparison("plan", "customers", (2_000, 8_000), write_plan, (
        Way("groups of like customers", plan_ours, "strategy"),
        Way("one variable a customer, HiGHS", plan_by_customer, "strategy"),
    )),
    Comparison("effects by segment", "contacts", (50_000, 200_000), write_campaign, (
        Way("analytic intervals", evaluation_ours, "pmlib.evaluation"),
        Way(f"pandas bootstrap, {RESAMPLES} resamples", evaluation_bootstrap),
    )),
    Comparison("whole study", "customers", (10_000, 40_000), write_bank, (
        Way("run_all.py, with report", whole_ours),
        Way("plain.py, no tests, no report", whole_plain),
    )),
)  # fmt: skip


def measured(comparison: Comparison, way: Way, folder: Path, size: int) -> dict[str, Any]:
    """Run a way in a fresh process; it tells seconds, peak memory and its answer."""
    command = [sys.executable, __file__, "--way", comparison.title, way.name,
               str(folder), str(size)]  # fmt: skip
    told = subprocess.run(
        command,
        check=True,
        capture_output=True,
        env=os.environ | dict.fromkeys(THREADS, "1"),
        cwd=HERE,
    )
    return json.loads(told.stdout.splitlines()[-1])


def run_way(title: str, name: str, folder: Path, size: int) -> None:
    """What the fresh process does."""
    comparison = next(one for one in COMPARISONS if one.title == title)
    way = next(one for one in comparison.ways if one.name == name)
    for module in way.imports.split():
        import_module(module)
    start, before = time.perf_counter(), _processor()
    answer = way.run(folder, size)
    seconds, cpu = time.perf_counter() - start, _processor() - before
    peak = max(_peak(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak": peak, "answer": answer}))


def _peak() -> int:
    """Largest memory of this process, kB; Linux's rusage has that of the parent that forked it."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024  # macOS tells bytes
    told = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(told["VmHWM"].split()[0])


def _processor() -> float:
    """Seconds of this process and of those it has waited for."""
    used = [resource.getrusage(who) for who in WHO]
    return sum(one.ru_utime + one.ru_stime for one in used)


def compare(comparison: Comparison, *, small: bool) -> pd.DataFrame:
    """Rows of one comparison: way, size, seconds, processor seconds, MB, the same answer or not."""
    rows = []
    for size in comparison.small if small else comparison.sizes:
        with tempfile.TemporaryDirectory() as name:
            comparison.prepare(Path(name), size)
            for way in comparison.ways:
                lacking = [n for n in way.imports.split() if not util.find_spec(n.split(".")[0])]
                if lacking:
                    print(f"  {way.name}: left out, {lacking[0]} is not installed", flush=True)
                    continue
                told = measured(comparison, way, Path(name), size)
                rows.append({"comparison": comparison.title, "way": way.name, "size": size} | told)
                print(f"  {size:>9,} {way.name:<36}{told['cpu']:8.2f} s of processor", flush=True)
    table = pd.DataFrame(rows)
    first = table.groupby("size")["answer"].transform("first")
    wrong = table["answer"].notna() & (table["answer"].map(repr) != first.map(repr))
    # The number of segments is a claim, not a computation: another one is told, not an error.
    table["same"] = np.where(table["answer"].isna(), "", np.where(wrong, "no", "yes"))
    if wrong.any() and comparison.title != "number of segments":
        raise SystemExit(f"The answers differ:\n{table[['way', 'size', 'answer']].to_string()}")
    return table.drop(columns="answer")


def summary(results: pd.DataFrame) -> pd.DataFrame:
    """One row a way: at the larger size, as a ratio of the project's own, and how it grows."""
    rows = []
    for title, of in results.groupby("comparison", sort=False):
        low, high = sorted(of["size"].unique())
        at = {size: part.set_index("way") for size, part in of.groupby("size")}
        own = at[high].index[0]
        for way in at[high].index:
            large, less = at[high].loc[way], at[low].loc[way]
            growth = np.log(large["cpu"] / less["cpu"]) / np.log(high / low)
            rows.append(
                {
                    "Task": title, "Way": way, "Size": f"{high:,}",
                    "Processor, s": f"{large['cpu']:.2f}", "Clock, s": f"{large['seconds']:.2f}",
                    "Ratio": f"{large['cpu'] / at[high].loc[own, 'cpu']:.1f}",
                    "Peak, MB": f"{large['peak']:,.0f}", "Growth": f"{growth:.2f}",
                    "Same answer": large["same"],
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def draw(results: pd.DataFrame, path: Path) -> None:
    """Processor time over size, a panel a task, both axes logarithmic."""
    import matplotlib as mpl

    mpl.use("svg")
    import matplotlib.pyplot as plt

    mpl.rcParams.update({"svg.hashsalt": "bench", "svg.fonttype": "none", "font.size": 8})
    titles = list(dict.fromkeys(results["comparison"]))
    columns = min(3, len(titles))
    rows, size = -(-len(titles) // columns), (3.4, 2.9)
    figure, axes = plt.subplots(
        rows, columns, figsize=(size[0] * columns, size[1] * rows), squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for ax in axes.flat[len(titles) :]:
        ax.remove()
    for ax, title in zip(axes.flat, titles, strict=False):
        of = results[results["comparison"] == title]
        for way, line in of.groupby("way", sort=False):
            ax.plot(line["size"], line["cpu"], marker="o", markersize=4, label=way)
        ax.set(xscale="log", yscale="log", title=title, ylabel="seconds of processor time")
        sizes = sorted(of["size"].unique())
        ax.set_xticks(sizes, [f"{size:,}" for size in sizes])
        ax.set_xticks([], minor=True)
        ax.legend(frameon=False, fontsize=6.5, loc="upper left")
        ax.set_ylim(top=ax.get_ylim()[1] * 6)  # room for the legend
    figure.savefig(path, metadata={"Date": None})


def _with_kept(results: pd.DataFrame) -> pd.DataFrame:
    """Results with those of comparisons that were measured at another time, in their order."""
    kept = HERE / "results.csv"
    if kept.is_file():
        earlier = pd.read_csv(kept, keep_default_na=False)
        earlier = earlier[~earlier["comparison"].isin(results["comparison"])]
        results = pd.concat([earlier, results], ignore_index=True)
    order = [one.title for one in COMPARISONS]
    return results.sort_values("comparison", key=lambda c: c.map(order.index), kind="stable")


def publish(results: pd.DataFrame) -> None:
    """Write what was measured, the table and the picture."""
    results.round(3).to_csv(HERE / "results.csv", index=False)
    draw(results, HERE / "results.svg")
    table = summary(results)
    head = f"| {' | '.join(table)} |\n|{'|'.join('---' for _ in table)}|\n"
    rows = "\n".join(f"| {' | '.join(row)} |" for row in table.to_numpy())
    used = ("duckdb", "numpy", "pandas", "scikit-learn", "mlxtend", "polars", "pyfim", "pyspark")
    there = [name for name in used if _version(name)]
    versions = ", ".join(f"{name} {_version(name)}" for name in there)
    made = f"Python {platform.python_version()}, {versions}; {os.cpu_count()} cores."
    readme = HERE / "README.md"
    before = readme.read_text(encoding="utf-8").split("<!-- table -->")[0]
    readme.write_text(f"{before}<!-- table -->\n\n{head}{rows}\n\n{made}\n", encoding="utf-8")


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", choices=[one.title for one in COMPARISONS])
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--way", nargs=4, metavar=("TITLE", "WAY", "FOLDER", "SIZE"))
    given = parser.parse_args()
    if given.way:
        title, name, folder, size = given.way
        run_way(title, name, Path(folder), int(size))
        return
    tables = []
    for comparison in COMPARISONS:
        if not given.only or comparison.title in given.only:
            print(comparison.title, flush=True)
            tables.append(compare(comparison, small=given.small))
    results = pd.concat(tables, ignore_index=True)
    print(summary(results).to_string(index=False))
    if not given.small:
        publish(_with_kept(results))


if __name__ == "__main__":
    main()
