"""Segments against the truth of a simulated bank: the kinds that its customers were drawn from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import narwhals as nw
import numpy as np

from pmlib import casebank
from pmlib.casebank.world import KINDS
from pmlib.engine import add_up, collect
from pmlib.inference.learners import boosted_trees, one_thread
from pmlib.numbers import Finding, Number, missing
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

    `assigned` has ``customer_id, segment`` and, where there are features, ``z0, z1, …``; with these
    the number ``kind_ceiling`` stands beside, see `kind_ceiling`.
    """
    if not study.simulated:
        return missing("truth")
    both = assigned.join(kinds_of_customers(study, engine), on="customer_id")
    found = cross_tabulate(both, other="kind", confidence_level=confidence_level)
    ceiling = kind_ceiling(both, seed=study.as_of.toordinal())
    if ceiling is None:
        return found
    return replace(found, numbers=(*found.numbers, Number("kind_ceiling", ceiling, decimals=2)))


@one_thread()
def kind_ceiling(both: nw.LazyFrame, *, seed: int, most: int = 10_000) -> float | None:
    """What no segmentation of these features can be asked for: the agreement of one that was told.

    Gradient boosting learns the true ``kind`` from the encoded features ``z0, z1, …`` of one half
    of the customers (at most `most`) and names it on the other, both ways round; the adjusted Rand
    index of what it names with the truth. None without features.
    """
    from sklearn.metrics import adjusted_rand_score

    there = both.collect_schema().names()
    columns = [name for name in there if name[0] == "z" and name[1:].isdigit()]
    if not columns:
        return None
    table = collect(both.select("customer_id", "kind", *columns), sort_by=["customer_id"])
    table = table.sample(min(most, len(table)), random_state=seed)
    x, kind = table[columns].to_numpy(), table["kind"].to_numpy()
    first = np.arange(len(kind)) % 2 == 0
    named = np.empty_like(kind)
    for half in (first, ~first):
        model = boosted_trees(learning_rate=0.1, trees=60, seed=seed).fit(x[half], kind[half])
        named[~half] = model.predict(x[~half])
    return float(adjusted_rand_score(kind, named))


def kind_composition(assignments: nw.LazyFrame, kinds: nw.LazyFrame) -> np.ndarray:
    """Count the customers of each true kind in each segment, (segments, kinds), in the engine.

    `assignments` has ``customer_id, segment`` (1 to k); `kinds` is as `kinds_of_customers`.
    """
    joined = assignments.select("customer_id", "segment").join(kinds, on="customer_id", how="inner")
    counted = add_up(joined, ["segment", "kind"])
    composition = np.zeros((int(counted["segment"].max()), len(KINDS)), dtype=int)
    composition[counted["segment"] - 1, counted["kind"] - 1] = counted["customers"]
    return composition
