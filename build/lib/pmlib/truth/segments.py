"""Segments against the truth of a simulated bank: the kinds that its customers were drawn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import narwhals as nw
import numpy as np

from pmlib import casebank
from pmlib.casebank.world import KINDS
from pmlib.engine import add_up
from pmlib.numbers import Finding, missing
from pmlib.segmentation import cross_tabulate

if TYPE_CHECKING:
    from pmlib.engine import Engine
    from pmlib.studies import Study


def kinds_of_customers(study: Study, engine: Engine) -> nw.LazyFrame:
    """``customer_id, kind`` (1 to 6) of every customer of a simulated study."""
    customers = casebank.population(study).customers
    return engine.from_pandas(
        customers[["customer_id", "segment"]].rename(columns={"segment": "kind"})
    )


def agreement_with_kinds(
    assigned: nw.LazyFrame, study: Study, engine: Engine, *, confidence_level: float
) -> Finding:
    """How far the segments agree with the true kinds of customers, if the study is simulated.

    `assigned` has ``customer_id, segment``.
    """
    if not study.simulated:
        return missing("truth")
    both = assigned.join(kinds_of_customers(study, engine), on="customer_id")
    return cross_tabulate(both, other="kind", confidence_level=confidence_level)


def kind_composition(assignments: nw.LazyFrame, kinds: nw.LazyFrame) -> np.ndarray:
    """Count the customers of each true kind in each segment, (segments, kinds), in the engine.

    `assignments` has ``customer_id, segment`` (1 to k); `kinds` is as `kinds_of_customers`.
    """
    joined = assignments.select("customer_id", "segment").join(kinds, on="customer_id", how="inner")
    counted = add_up(joined, ["segment", "kind"])
    composition = np.zeros((int(counted["segment"].max()), len(KINDS)), dtype=int)
    composition[counted["segment"] - 1, counted["kind"] - 1] = counted["customers"]
    return composition
