"""Many simulated banks, the whole chain on each: what the methods find, miss and imagine.

``make validate`` repeats `chain` over seeds and worlds and keeps the table that the report's
appendix shows; with an interval beside each mean, for a simulation is a sample too.
"""

from __future__ import annotations

import operator
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import click
import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

from pmlib import casebank, evaluation, strategy, studies
from pmlib.evaluation.campaign import Campaign
from pmlib.files import written_whole
from pmlib.inference.means import student_quantile
from pmlib.inference.proportions import wilson
from pmlib.params import PROJECT, Parameters
from pmlib.strategy.policies import RIVALS
from pmlib.truth.campaign import potential_outcomes, true_effects
from pmlib.truth.chain import Chain, chain
from pmlib.truth.coverage import coverage
from pmlib.truth.offers import compare_with_oracle, intervals_held
from pmlib.truth.trial import trial_measures

BANKS = {"default": 100, "easy": 40, "null": 100, "hard": 40}
"""Banks in each world."""

TABLE = PROJECT / "reports" / "frame" / "validation.csv"
"""The kept results, shown in the report's appendix."""

MEASURES = (
    "segments_found", "right_number", "made_segments", "ari", "ari_of_ceiling", "rule_recall",
    "rules_surviving", "any_rule", "false_rules", "any_plan", "planned_customers", "share_combined",
    "share_segments", "share_rules", "share_over_segments", "share_over_rules",
    "covers_plan", "sheets_covered", "cells_covered", "covers_promise",
    "covers_more_than_segments", "covers_more_than_rules", "covers_response", "covers_profit",
    "trial_holds_segments", "trial_holds_rules", "trial_width_segments", "trial_width_rules",
    "trial_right",
)  # fmt: skip
"""What is measured on a bank; a `coverage` row is named by its quantity. The texts have words."""

_PLAIN = {
    "segments_found": "6",
    "right_number": "most",
    "ari": "at_least_0.9",
    "rule_recall": "at_least_0.9",
    "false_rules": "at_most_0.05",
}
_TRIAL = {
    "trial_holds_segments": "0.93_to_0.97",
    "trial_holds_rules": "0.93_to_0.97",
    "trial_right": "at_least_0.9",
}
_HOLD = [name for name in MEASURES if name.startswith("covers_") or name.endswith("_covered")]
_INTERVALS = _TRIAL | dict.fromkeys(_HOLD, "at_least_0.93")

TRIAL = "trial"
"""The rows of the policy trial over the banks of all worlds, kept beside the worlds."""

EXPECTED = {
    **{(world, name): held for world in ("default", "easy") for name, held in _PLAIN.items()},
    **{(w, name): held for w in ("default", "easy", "hard") for name, held in _INTERVALS.items()},
    **{(TRIAL, name): held for name, held in _TRIAL.items()},
    ("easy", "share_combined"): "at_least_0.89",
    ("easy", "trial_width_segments"): "at_most_0.35",
    ("easy", "trial_width_rules"): "at_most_0.35",
    ("hard", "ari_of_ceiling"): "at_least_0.5",
    ("hard", "false_rules"): "at_most_0.05",
    ("null", "segments_found"): "1",
    ("null", "made_segments"): "at_most_0.05",
    ("null", "right_number"): "at_least_0.95",
    ("null", "rules_surviving"): "0",
    ("null", "any_rule"): "at_most_0.05",
    ("null", "any_plan"): "at_most_0.05",
}
"""What must hold, by world and measure; coverage should be 0.93 to 0.97; the rest is reported."""

YES_OR_NO = (
    "right_number",
    "made_segments",
    "any_rule",
    "any_plan",
    *(name for name in MEASURES if name.startswith("covers_")),
)
"""Measures that hold or do not hold on a bank; their mean is a share."""

TRIALS = 5
"""How often the policy trial of each bank is repeated."""

COVERAGE = "coverage"
"""The rows that count how often intervals hold the truth, kept beside the worlds."""

_NO_EFFECT = "_without_effect"
_SHARED = 20


def measure(params: Parameters, campaigns: int = 0, *, trials: int = TRIALS) -> pd.DataFrame:
    """Run the chain on one simulated bank and compare each finding with the truth.

    Its policy trial is repeated `trials` times, its campaign `campaigns` times with its effects and
    as often with none.

    Returns
    -------
    pandas.DataFrame
        ``world, seed, measure, value, of`` (how many cases the value is the mean of): `MEASURES`,
        but for what this bank cannot show, and, as world `COVERAGE`, shares of intervals that hold.
    """
    with chain(params) as bank:
        found: list[tuple[str, str, float, int]]
        found = [(params.world, name, value, 1) for name, value in _findings(bank, trials).items()]
        found += [(COVERAGE, *row) for row in _coverage(bank, campaigns)] if campaigns else []
    table = pd.DataFrame(found, columns=["world", "measure", "value", "of"])
    return table.assign(seed=params.seed)


def _findings(bank: Chain, trials: int) -> dict[str, float]:
    params = bank.params
    k = bank.kinds["segment"].nunique()
    measured = {
        "segments_found": float(k),
        "made_segments": float(bank.case.made_segments),
        "right_number": float(k == (1 if params.world == "null" else 6)),
        "rules_surviving": float(len(bank.check.table)),
        "any_rule": float(len(bank.check.table) > 0),
        "any_plan": float(len(bank.plan) > 0),
        "planned_customers": float(bank.plan["customer_id"].nunique()),
    }
    if len(bank.check.table):
        measured["false_rules"] = float((~bank.check.table["true"]).mean())
    if len(bank.check.of("planted")):
        measured["rule_recall"] = float(bank.check.of("planted")["found"].mean())
    if params.world != "null":
        measured["ari"] = float(adjusted_rand_score(bank.kinds["segment"], bank.kinds["kind"]))
        if bank.ceiling:
            measured["ari_of_ceiling"] = measured["ari"] / bank.ceiling
        comparison = strategy.compare(bank.case)
        assert isinstance(comparison, strategy.Comparison)
        truth = compare_with_oracle(bank.case, comparison)
        for policy, share in truth.table.set_index("policy")["share"].items():
            if f"share_{policy}" in MEASURES:
                measured[f"share_{policy}"] = float(share)
        for rival in RIVALS:
            lead = measured["share_combined"] - measured[f"share_{rival}"]
            measured[f"share_over_{rival}"] = lead
        for row in truth.of("true-differences").itertuples():
            measured[f"covers_more_than_{row.policy}"] = float(row.covered)
        measured |= trial_measures(bank, campaigns=trials)
    if len(bank.plan):
        measured |= intervals_held(bank.case, bank.design) | _field(bank)
    return measured


def _field(bank: Chain) -> dict[str, float]:
    """Send the plan into the simulated field and see whether the intervals hold the truth."""
    field = casebank.field_test(bank.study, bank.plan, seed=bank.params.seed)
    field["channel"] = bank.plan["channel"].to_numpy()
    truth = true_effects(field, potential_outcomes(bank.study, field))
    effects = evaluation.intention_to_treat(field, confidence_level=bank.params.confidence_level)
    rows = effects.table.set_index("outcome")
    own = field.assign(segment=bank.plan["segment"].to_numpy())
    promise = strategy.promised(bank.case, bank.design).table
    kept = evaluation.promise_kept(Campaign(contacts=own, covariates={}, promise=promise), own)
    held = kept.facts["promise_kept"] not in ("above", "below")
    return {"covers_promise": float(held)} | {
        name: float(rows.loc[key, "low"] <= truth[f"effect_{key}"] <= rows.loc[key, "high"])
        for name, key in (("covers_response", "responded"), ("covers_profit", "profit"))
    }


def _coverage(bank: Chain, campaigns: int) -> list[tuple[str, float, int]]:
    """Repeat the bank's campaign and count the intervals that hold the truth: name, share, of."""
    gain = bank.design.table.set_index("cell")["expected_profit"]
    population = potential_outcomes(bank.study, bank.plan).assign(
        **bank.plan[["customer_id", "cell", "segment"]], score=bank.plan["cell"].map(gain)
    )
    rows = []
    for label, people in (("", population), (_NO_EFFECT, population.assign(p1=population["p0"]))):
        table = coverage(people, campaigns=campaigns, seed=bank.params.seed)
        name = table["quantity"].str.replace(r"_\d+$", "_of_segment", regex=True) + label
        counted = table.assign(held=table["covered"] * table["campaigns"]).groupby(name, sort=False)
        sums = counted[["held", "campaigns"]].sum()
        rows += [(str(n), held / of, int(of)) for n, held, of in sums.itertuples()]
    return rows


def _interval(name: str, values: pd.Series) -> tuple[float, float]:
    """95 % interval of a mean: Wilson's of a share [@wilson1927probable], otherwise Student's."""
    if name in YES_OR_NO:
        low, high = wilson([values.sum()], [len(values)])
        return low[0], high[0]
    half = student_quantile(0.95, len(values) - 1) * values.sem() if len(values) > 1 else np.nan
    least, most = (0.0, 1.0) if name in _INTERVALS else (-np.inf, np.inf)  # these are shares
    return max(values.mean() - half, least), min(values.mean() + half, most)


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Put banks together, rows of `measure`, into the kept table.

    Columns: ``world, measure, mean, low, high, banks`` (of `COVERAGE` intervals), ``expected``.
    As world `TRIAL` the banks of all worlds stand together.
    """
    told, drawn = [], rows[rows["measure"].isin(_TRIAL)].assign(world=TRIAL)
    for (world, name), part in pd.concat([rows, drawn]).groupby(["world", "measure"], sort=False):
        if world == COVERAGE:
            held, of = (part["value"] * part["of"]).sum(), part["of"].sum()
            low, high = wilson([held], [of])
            told.append((world, name, held / of, low[0], high[0], of, "0.93_to_0.97"))
        elif len(part) > 1:  # one bank proves little
            ends, held = _interval(name, part["value"]), EXPECTED.get((world, name), "")
            told.append((world, name, part["value"].mean(), *ends, len(part), held))
    columns = ["world", "measure", "mean", "low", "high", "banks", "expected"]
    return pd.DataFrame(told, columns=columns)


def validate(
    banks: Sequence[tuple[Parameters, int]],
    *,
    processes: int = 2,
    progress: Callable[[pd.DataFrame], None] | None = None,
) -> pd.DataFrame:
    """Measure many banks, each with so many campaigns for coverage; rows of `measure`.

    `progress` gets the rows of a bank as soon as it and those before it are done.
    """
    rows = []
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for found in pool.map(measure, *zip(*banks, strict=True)):
            rows.append(found)
            if progress:
                progress(found)
    return pd.concat(rows, ignore_index=True)


@click.command()
@click.option("--banks", type=int, help="Banks in each world, if not those of BANKS.")
@click.option(
    "--world", "worlds", type=click.Choice(list(BANKS)), multiple=True, help="Only these."
)
@click.option("--processes", default=2, show_default=True, help="Banks at a time.")
@click.option("--campaigns", default=500, show_default=True, help="Campaigns for coverage.")
@click.option("--customers", default=20_000, show_default=True, help="Customers of a bank.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=TABLE)
@click.option(
    "--rows", type=click.Path(path_type=Path, dir_okay=False),
    help="Keep each bank's row here, and go on from those that it has.",
)  # fmt: skip
def main(
    banks: int | None, worlds: tuple[str, ...], processes: int, campaigns: int, customers: int,
    out: Path, rows: Path | None,
) -> None:  # fmt: skip
    """Simulate banks, analyse each, and write how the findings compare with the truth."""
    started = time.monotonic()
    settings = studies.load_spec("casebank").parameters
    settings = {**settings, "n_customers": customers, "n_months": 12}
    kept = pd.read_csv(rows, keep_default_na=False) if rows and rows.exists() else pd.DataFrame()
    done = set(zip(kept["world"], kept["seed"], strict=True)) if len(kept) else set()
    waiting = []
    for world in worlds or BANKS:
        n = banks or BANKS[world]
        shared = min(n, _SHARED)  # campaigns are spread over so many banks
        for seed in range(1, n + 1):
            own = campaigns // shared if world == "default" and seed <= shared else 0
            if (world, seed) not in done:
                bank = Parameters(world=world, seed=seed, **settings), own
                waiting.append((seed / n, bank))
    # Some of each world first, so that a run cut short tells of all.
    asked = [bank for _, bank in sorted(waiting, key=operator.itemgetter(0))]

    def tell(found: pd.DataFrame) -> None:
        world, seed = found.loc[0, ["world", "seed"]]
        measured = zip(found["measure"], found["value"], strict=True)
        click.echo(f"{world} {seed}: " + ", ".join(f"{name} {v:.3g}" for name, v in measured))
        if rows:
            found.to_csv(rows, mode="a", header=not rows.exists(), index=False)

    measured = [validate(asked, processes=processes, progress=tell)] if asked else []
    found = pd.concat([kept, *measured])
    table = summary(found.sort_values(["world", "seed"], key=_in_order, kind="stable"))
    with written_whole(out) as aside:
        table.to_csv(aside, index=False, float_format="%.4g", lineterminator="\n")
    click.echo(f"{out}  ({time.monotonic() - started:.0f} s)")


def _in_order(column: pd.Series) -> pd.Series:
    """Worlds in the order of `BANKS`, coverage last."""
    if column.name != "world":
        return column
    return column.map({world: i for i, world in enumerate((*BANKS, COVERAGE))})


if __name__ == "__main__":
    sys.exit(main())
