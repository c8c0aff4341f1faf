"""A map of the customers: counted in squares, on what their features vary most in."""

from __future__ import annotations

from functools import reduce
from operator import add

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.engine import add_up
from pmlib.numbers import Finding, Number
from pmlib.segmentation.fit import Segmentation

_SQUARES = 26  # of the map, in each direction


def map_segments(
    assigned: nw.LazyFrame, result: Segmentation, *, min_group_size: int = 10
) -> Finding:
    """Count all customers, from `assign_customers`, in the squares of a map.

    Returns
    -------
    Finding
        ``x, y, segment, customers``: centre of the square on the first two principal components;
        squares with fewer than `min_group_size` customers of a segment are left out, so nobody can
        be found on the map. *loadings*: ``label, x, y``: correlation of each encoded feature with
        the two components. ``quotes["explained"]``: share of the variance of each component.
        Empty where no feature tells customers apart.
    """
    matrix = result.matrix
    p = matrix.shape[1]
    if p == 0:
        return Finding()
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
    squares = []
    for axis, name in enumerate(("x", "y")):
        score = reduce(
            add, [(nw.col(f"z{i}") - float(mean[i])) * float(axes[axis, i]) for i in range(p)]
        )
        squares.append(((score - float(low[axis])) / float(widths[axis])).floor().alias(name))
    keys = ["segment", "x", "y"]
    counts = add_up(assigned.select("segment", *squares), keys)
    counts = counts[counts["customers"] >= min_group_size].reset_index(drop=True)
    for axis, name in enumerate(("x", "y")):
        counts[name] = low[axis] + (counts[name].astype(float) + 0.5) * widths[axis]
    variance = lengths**2 / max((lengths**2).sum(), 1e-12)
    spread = np.maximum(points.std(axis=0), 1e-12)
    correlation = axes * spread[:, None] / np.maximum(matrix.std(axis=0), 1e-12)
    loadings = {"label": result.encoder.labels, "x": correlation[0], "y": correlation[1]}
    explained = [Number("", share, "share", decimals=0) for share in variance[:2]]
    return Finding(
        counts[["x", "y", "segment", "customers"]],
        quotes={"names": result.scorer.names, "explained": explained},
        tables={"loadings": pd.DataFrame(loadings)},
    )
