"""An attacker who solves all published tables together does not learn of a small group."""

from __future__ import annotations

import datetime as dt
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

from pmlib import profiling
from pmlib.safeguards import suppress

MINIMUM = 10
AS_OF = dt.date(2025, 6, 30)


def ranges(
    equations: list[tuple[np.ndarray, float]], cells: np.ndarray
) -> list[tuple[float, float]]:
    """Least and most that cells can be, all equations and no negative count taken together."""
    left, right = np.array([row for row, _ in equations]), np.array([told for _, told in equations])
    found = []
    for cell in cells:
        aim = np.arange(left.shape[1]) == cell
        ends = [linprog(sign * aim, A_eq=left, b_eq=right, method="highs") for sign in (1, -1)]
        assert all(end.success for end in ends)
        found.append((ends[0].fun, -ends[1].fun))
    return found


@pytest.mark.parametrize("seed", range(40))
def test_all_totals_together_leave_a_small_cell_a_range_of_a_whole_small_group(seed):
    rng = np.random.default_rng(seed)
    shape = rng.integers(2, 7), rng.integers(2, 6)
    counts = rng.negative_binomial(0.7, 0.02, shape)
    frame = pd.DataFrame(
        [(r, c, counts[r, c]) for r, c in np.ndindex(*shape)], columns=["r", "c", "customers"]
    )
    shown = suppress(frame, minimum=MINIMUM, by=("r", "c"))
    lines = [frame[by] == level for by in ("r", "c") for level in frame[by].unique()]
    equations = [
        (line.to_numpy(float), float(frame.loc[line, "customers"].sum())) for line in lines
    ]
    equations += [
        ((frame.index == row).astype(float), float(shown.loc[row, "customers"]))
        for row in frame.index[~shown["suppressed"]]
    ]
    small = np.flatnonzero(frame["customers"].between(1, MINIMUM - 1))
    attacked = ranges(equations, small)
    for cell, (low, high) in zip(small, attacked, strict=True):
        row, column = frame.loc[cell, ["r", "c"]]
        through = frame[(frame["r"] == row) | (frame["c"] == column)].index
        # Where everything in its row and column is hidden there is nothing more to hide.
        assert high - low >= MINIMUM - 1e-6 or not shown.loc[through, "customers"].gt(0).any()


@pytest.mark.parametrize("seed", range(12))
def test_tables_of_one_attribute_and_of_two_do_not_tell_on_each_other(lazy, seed):
    rng = np.random.default_rng(seed)
    years = np.concatenate([[16] * 4, [20] * 14, rng.integers(26, 90, 300)])
    customers = pd.DataFrame(
        {
            "customer_id": np.arange(len(years)),
            "birth_date": [AS_OF - dt.timedelta(days=int(365.25 * y) + 30) for y in years],
            "gender": np.where(rng.random(len(years)) < rng.choice([0.5, 0.03]), "f", "m"),
        }
    )
    tables = {"customers": lazy(customers)}
    alone = profiling.customer_structure(tables, as_of=AS_OF).table
    alone = alone.assign(
        dimension=alone["dimension"].map(lambda d: d.code),
        level=alone["level"].map(lambda level: getattr(level, "code", level)),
    )
    both = profiling.age_by_gender(tables, as_of=AS_OF).table
    bands = list(alone.loc[alone["dimension"] == "age", "level"])
    cells = list(product(bands, ["f", "m"]))
    truth = both.assign(customers=0).set_index(["age_band", "gender"])["customers"]
    equations = [(np.ones(len(cells)), float(len(customers)))]
    for _, row in alone[~alone["suppressed"]].iterrows():
        place = 0 if row["dimension"] == "age" else 1
        if row["dimension"] in ("age", "gender"):
            equations.append(
                (np.array([float(cell[place] == row["level"]) for cell in cells]), row["customers"])
            )
    shown = {(r.age_band, r.gender): r.customers for r in both.itertuples() if not r.suppressed}
    known = set(truth.index)
    for at, cell in enumerate(cells):
        if cell in shown or cell not in known:
            aim = np.arange(len(cells)) == at
            equations.append((aim.astype(float), float(shown.get(cell, 0))))
    youngest = np.array([float(cell[0] == "under_18") for cell in cells])
    left, right = np.array([e for e, _ in equations]), np.array([t for _, t in equations])
    ends = [linprog(s * youngest, A_eq=left, b_eq=right, method="highs").fun for s in (1, -1)]
    assert -ends[1] - ends[0] >= MINIMUM  # of 4 who are under 18
