"""The whole chain on one simulated bank, without notebooks: what chapters 2 to 4 leave behind."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import narwhals as nw
import pandas as pd

from pmlib import association, segmentation, strategy, studies
from pmlib.engine import Engine, collect, open_engine
from pmlib.numbers import Finding
from pmlib.params import PROJECT, Parameters
from pmlib.studies import Study
from pmlib.truth.rules import study_recovery
from pmlib.truth.segments import kind_ceiling, kinds_of_customers

ASSIGNMENTS = "assignments.parquet"


def simulated_study(params: Parameters, folder: Path) -> Study:
    """Generate a bank in an empty folder of its own and open it as a study."""
    home = folder / "casebank"
    home.mkdir()
    shutil.copy(PROJECT / "data" / "casebank" / "study.yaml", home)
    return studies.prepare(home, params)


@dataclass(frozen=True)
class Chain:
    """What the chapters leave behind on one simulated bank.

    `kinds` has ``customer_id, segment`` as found, ``kind`` as it is; `ceiling` is the agreement
    with kinds that these features allow, see `kind_ceiling`; `check` is the rules against the
    truth, `plan` the contact plan.
    """

    params: Parameters
    study: Study
    kinds: pd.DataFrame
    ceiling: float | None
    check: Finding
    case: strategy.Case
    design: strategy.Design
    plan: pd.DataFrame


@contextmanager
def chain(params: Parameters) -> Iterator[Chain]:
    """Simulate one bank and run chapters 2 to 4 on it, in a folder that goes away."""
    engine = open_engine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        study = simulated_study(params, folder)
        try:
            kinds, ceiling, segments = _segments(study, engine, params, folder)
            rules, check = _rules(study, engine, params, folder)
            saved = engine.scan(folder / ASSIGNMENTS)
            case = strategy.open_case(
                study, engine, params, segments, rules, as_of=study.as_of, assignments=saved
            )
            assert isinstance(case, strategy.Case)
            design = strategy.plan_study(case)
            assert isinstance(design, strategy.Design)
            plan = _contact_plan(case, design, engine, folder)
            yield Chain(params, study, kinds, ceiling, check, case, design, plan)
        finally:
            engine.close()


def _segments(
    study: Study, engine: Engine, params: Parameters, folder: Path
) -> tuple[pd.DataFrame, float | None, pd.DataFrame]:
    tables = {table: study.scan(table, engine) for table in study.tables}
    features = segmentation.customer_features(tables, study.attributes, as_of=study.as_of)
    sample = segmentation.draw_sample(features.frame, size=params.sample_size, seed=params.seed)
    result = segmentation.segment(sample, features.features, params)
    result = segmentation.make_segments(result, sample, features, study, engine, params)
    scorer = result.scorer
    assigned = segmentation.assign_customers(features.frame, scorer, engine=engine, folder=folder)
    engine.write(assigned.select("customer_id", "segment"), folder / ASSIGNMENTS)
    truth = kinds_of_customers(study, engine)
    both = assigned.join(truth, on="customer_id", how="inner")
    ceiling = None if params.world == "null" else kind_ceiling(both, seed=params.seed)
    found = engine.scan(folder / ASSIGNMENTS).join(truth, on="customer_id", how="inner")
    kinds = collect(found, sort_by=["customer_id"])
    segments = kinds.groupby("segment").size().rename("customers").reset_index()
    segments["made"] = result.made
    segments["name"] = [scorer.names[segment - 1] for segment in segments["segment"]]
    return kinds, ceiling, segments


def _rules(
    study: Study, engine: Engine, params: Parameters, folder: Path
) -> tuple[pd.DataFrame, Finding]:
    products = collect(study.scan("products", engine), sort_by=["product_id"])["product_id"]
    baskets = association.collect_baskets(
        study.scan("customers", engine),
        study.scan("holdings", engine),
        products=products.tolist(),
        as_of=study.as_of,
        seed=params.seed,
        holdout_share=params.holdout_share,
        segments=engine.scan(folder / ASSIGNMENTS),
    )
    found = association.find_rules(baskets, params)
    assigned = engine.scan(folder / ASSIGNMENTS)
    return found.rules, study_recovery(found, study, engine, assigned=assigned)


def _contact_plan(
    case: strategy.Case, design: strategy.Design, engine: Engine, folder: Path
) -> pd.DataFrame:
    contacts = strategy.contact_plan(case, design)
    assert isinstance(contacts, nw.LazyFrame)
    path = folder / "contact_plan.parquet"
    engine.write(contacts, path)
    return collect(engine.scan(path), sort_by=["customer_id", "product_id"])
