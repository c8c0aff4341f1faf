"""How far two partitions of the customers agree: cross-table and adjusted Rand index."""

from __future__ import annotations

from dataclasses import dataclass

import narwhals as nw
import numpy as np

from pmlib.artifacts import Number
from pmlib.engine import collect


@dataclass(frozen=True)
class Agreement:
    """Two partitions of the same customers.

    Parameters
    ----------
    ari, low, high : float
        Adjusted Rand index [@hubert1985partitions] with its interval: 1 for equal partitions, 0
        on average for unrelated ones.
    """

    ari: float
    low: float
    high: float
    numbers: tuple[Number, ...]
    text: str


def cross_tabulate(
    assigned: nw.LazyFrame, *, other: str, confidence_level: float = 0.95, seed: int = 0
) -> Agreement:
    """Cross-tabulate the segments with another partition, in the engine.

    Parameters
    ----------
    assigned : narwhals.LazyFrame
        With ``segment`` and the column `other`.
    other : str
        Also names the headline number ``agreement_with_<other>``.
    confidence_level : float
        The interval resamples the cross-table's cells.
    seed : int
    """
    counts = collect(
        assigned.select("segment", nw.col(other).alias("other"))
        .group_by("segment", "other")
        .agg(nw.len().alias("customers")),
        sort_by=["segment", "other"],
    )
    grid = counts.pivot_table(
        index="segment", columns="other", values="customers", fill_value=0
    ).to_numpy(dtype=float)
    n = grid.sum()
    drawn = np.random.default_rng(seed).multinomial(int(n), grid.ravel() / n, size=200)
    resampled = [rand_index(cells.reshape(grid.shape)) for cells in drawn]
    tail = (1 - confidence_level) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    ari = rand_index(grid)
    number = Number(
        f"agreement_with_{other}",
        ari,
        low=float(low),
        high=float(high),
        decimals=2,
        meaning=f"Adjusted Rand index between the segments and {other}",
    )
    text = (
        f"Segments ({len(grid)}) and {other} ({grid.shape[1]} groups) agree with an adjusted Rand "
        f"index of {{{number.key}}} (interval {{{number.key}.interval}}); 1 would be the same "
        "partition, 0 is what chance gives."
    )
    if len(grid) == 1:
        text = f"With one segment there is nothing to agree with {other} on."
    return Agreement(ari, float(low), float(high), (number,), text)


def rand_index(counts: np.ndarray) -> float:
    """Adjusted Rand index of a cross-table of counts.

    Examples
    --------
    >>> rand_index(np.array([[5, 0], [0, 7]]))
    1.0
    """

    def pairs(cells: np.ndarray) -> float:
        return float((cells * (cells - 1) / 2).sum())

    counts = np.asarray(counts, dtype=float)
    together = pairs(counts)
    rows, columns = pairs(counts.sum(axis=1)), pairs(counts.sum(axis=0))
    chance = rows * columns / pairs(np.array([counts.sum()]))
    largest = (rows + columns) / 2
    return 1.0 if largest == chance else (together - chance) / (largest - chance)
