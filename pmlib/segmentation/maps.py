"""A map of the customers: two principal components, customers counted in squares."""

from __future__ import annotations

from dataclasses import dataclass

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.engine import collect
from pmlib.segmentation.fit import Segmentation

_SQUARES = 26


@dataclass(frozen=True)
class SegmentMap:
    """Customers on their first two principal components.

    Parameters
    ----------
    squares : pandas.DataFrame
        ``x, y, segment, customers``: centre of the square; squares with too few customers of a
        segment are left out, so nobody can be found on the map.
    loadings : pandas.DataFrame
        ``label, x, y``: correlation of each encoded feature with the two components.
    explained : tuple of float
        Share of the variance that each component explains.
    """

    squares: pd.DataFrame
    loadings: pd.DataFrame
    explained: tuple[float, float]


def map_segments(
    assigned: nw.LazyFrame, result: Segmentation, *, min_group_size: int = 10
) -> SegmentMap:
    """Count all customers in the squares of a map.

    Parameters
    ----------
    assigned : narwhals.LazyFrame
        All customers, from `assign_customers`.
    result : Segmentation
    min_group_size : int
        Smallest number of customers of one segment in a square that is shown.
    """
    matrix = result.matrix
    p = matrix.shape[1]
    mean = matrix.mean(axis=0)
    _, lengths, axes = np.linalg.svd(matrix - mean, full_matrices=False)
    if p == 1:
        axes, lengths = np.vstack([axes, np.zeros((1, 1))]), np.append(lengths, 0.0)
    axes = axes[:2]
    # The sign of a component is arbitrary: its largest loading points up or right.
    signs = np.sign(axes[np.arange(2), np.abs(axes).argmax(axis=1)])
    axes = axes * np.where(signs == 0, 1.0, signs)[:, None]
    points = (matrix - mean) @ axes.T
    low, high = np.quantile(points, [0.002, 0.998], axis=0)
    widths = np.maximum((high - low) / _SQUARES, 1e-6)
    encoded = [f"z{index}" for index in range(p)]
    squares = []
    for axis, name in enumerate(("x", "y")):
        score = nw.lit(0.0)
        for index, column in enumerate(encoded):
            score = score + (nw.col(column) - float(mean[index])) * float(axes[axis, index])
        squares.append(((score - float(low[axis])) / float(widths[axis])).floor().alias(name))
    counts = collect(
        assigned.select("segment", *squares)
        .group_by("segment", "x", "y")
        .agg(nw.len().alias("customers")),
        sort_by=["segment", "x", "y"],
    )
    counts = counts[counts["customers"] >= min_group_size].reset_index(drop=True)
    for axis, name in enumerate(("x", "y")):
        counts[name] = low[axis] + (counts[name].astype(float) + 0.5) * widths[axis]
    variance = lengths**2 / max((lengths**2).sum(), 1e-12)
    spread = np.maximum(points.std(axis=0), 1e-12)
    correlation = axes * spread[:, None] / np.maximum(matrix.std(axis=0), 1e-12)
    return SegmentMap(
        squares=counts[["x", "y", "segment", "customers"]],
        loadings=pd.DataFrame(
            {"label": result.encoder.labels, "x": correlation[0], "y": correlation[1]}
        ),
        explained=(float(variance[0]), float(variance[1])),
    )
