"""Would the segments come back in another sample? Bootstrap Jaccard of each cluster.

Customers are drawn with replacement and each drawn one is taken once, as in R's ``clusterboot``
(package fpc, by the author of the method), where the thresholds come from. To keep repeats would
weigh some customers double and find close clusters again less often.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster, linkage

from pmlib.inference.normal import normal_quantile
from pmlib.params import Parameters
from pmlib.segmentation.clustering import Clustering, cluster, fit_mixture, kmeans_path

# Thresholds of Hennig 2007, section 4.
NOT_TRUSTED, STABLE, VERY_STABLE = 0.6, 0.75, 0.85


def path_stability(
    part: np.ndarray, labels: list[np.ndarray], *, n_bootstrap: int, generator: np.random.Generator
) -> list[np.ndarray]:
    """Mean stability of each cluster of the k-means partitions for k = 1, 2, … under resampling.

    Each resample of the rows is clustered anew; a cluster's score is its Jaccard similarity to the
    most similar new cluster, averaged over resamples [@hennig2007clusterwise].
    """
    n, k_max = len(part), len(labels)
    sums = [np.zeros(k) for k in range(1, k_max + 1)]
    for _ in range(n_bootstrap):
        rows = np.unique(generator.integers(0, n, size=n))
        again = kmeans_path(part[rows], k_max, generator=generator)
        for k in range(1, k_max + 1):
            sums[k - 1] += best_jaccard(labels[k - 1][rows], again[k - 1], k)
    return [total / n_bootstrap for total in sums]


def segment_stability(
    matrix: np.ndarray,
    clustering: Clustering,
    params: Parameters,
    *,
    rows: np.ndarray,
    blocks: Sequence[slice] | None = None,
) -> pd.DataFrame:
    """Stability of each segment of a clustering, with the algorithm that made it.

    `rows` are those that are resampled, `blocks` as for `cluster`. ``segment`` (1 to k),
    ``jaccard`` (mean over resamples), ``jaccard_low, jaccard_high`` (interval of the mean),
    ``verdict``; no similarity where there is one segment, which would come back by construction.
    """
    generator, n_bootstrap = np.random.default_rng(params.seed), params.n_bootstrap
    part, labels, k = matrix[rows], clustering.labels[rows], clustering.k
    found = np.full((n_bootstrap, k), np.nan)
    for row in found if k > 1 else ():
        kept = np.unique(generator.integers(0, len(part), size=len(part)))
        again = _refit(part[kept], k, clustering.algorithm, generator, blocks)
        row[:] = best_jaccard(labels[kept], again, k)
    mean = found.mean(axis=0)
    z = normal_quantile(params.confidence_level)
    half = z * found.std(axis=0, ddof=1) / np.sqrt(n_bootstrap)
    table = pd.DataFrame({"segment": np.arange(1, k + 1), "jaccard": mean})
    table["jaccard_low"] = np.maximum(mean - half, 0.0)
    table["jaccard_high"] = np.minimum(mean + half, 1.0)
    return table.assign(verdict=[verdict(value) for value in mean] if k > 1 else "one_segment")


def verdict(jaccard: float) -> str:
    """Hennig's reading of a cluster's mean Jaccard similarity (a level)."""
    if jaccard >= VERY_STABLE:
        return "very_stable"
    if jaccard >= STABLE:
        return "stable"
    return "doubtful" if jaccard >= NOT_TRUSTED else "untrusted"


def best_jaccard(labels: np.ndarray, again: np.ndarray, k: int) -> np.ndarray:
    """Jaccard similarity of each cluster 0 to k - 1 to the most similar one in `again`.

    Examples
    --------
    >>> best_jaccard(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 1]), 2).round(2)
    array([0.67, 0.5 ])
    """
    return overlaps(labels, again, (k, again.max() + 1)).max(axis=1)


def overlaps(labels: np.ndarray, again: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Jaccard similarity of each cluster in `labels` (rows) and each in `again` (columns)."""
    both = np.zeros(shape)
    np.add.at(both, (labels, again), 1)
    union = both.sum(axis=1, keepdims=True) + both.sum(axis=0) - both
    return both / np.maximum(union, 1)


def _refit(
    part: np.ndarray,
    k: int,
    algorithm: str,
    generator: np.random.Generator,
    blocks: Sequence[slice] | None,
) -> np.ndarray:
    if algorithm == "kmeans":
        return kmeans_path(part, k, generator=generator)[-1]
    if algorithm == "ward":
        return fcluster(linkage(part, "ward"), k, "maxclust") - 1
    seed = int(generator.integers(2**31))
    if algorithm == "mixture":
        return fit_mixture(part, k, seed=seed).predict(part)
    return cluster(part, k, algorithm=algorithm, seed=seed, blocks=blocks).labels
