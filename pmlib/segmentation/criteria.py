"""How many segments? Every criterion in one table, and one written rule that reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster, linkage

from pmlib.inference.normal import normal_quantile
from pmlib.params import Parameters
from pmlib.segmentation.clustering import (
    fit_mixture,
    kmeans_path,
    pairwise_distances,
    silhouettes,
    subsample,
)
from pmlib.segmentation.homogeneity import Homogeneity
from pmlib.segmentation.stability import path_stability

ROWS = 2_000
"""Rows on which the criteria that need pairwise distances or many refits are computed."""

GAP_REFERENCES = 10  # uniform data sets behind the gap statistic
STARTS = 4  # paths of k-means of which the best is taken, for data and references alike

SMALLEST_SHARE = 0.02
"""A segment below this share of customers is too small to be a market segment."""

SMALLEST_EXCESS = 0.02
"""An excess of the silhouette over its reference below this is too little to act on.

Judgement, not theory: set after seeing simulated banks with and without segments, then checked on
others, of 20,000 customers as `pmlib.truth.validation` makes them. In 63 of 63 banks of the world
``null`` (seeds 3001-3036, 3200-3222, 3300-3303) the rule chose no segments, and would not have at
0.01 either; the test of homogeneity alone rejected in 3. Of 12 of the world ``hard`` (3001-3012) it
chose three in 11; the last has an excess of 0.0126. A bound of 0.015 would find segments in none
of these banks that 0.02 does not, in two of nine earlier ones (1-9), and in bank-marketing seven,
by an excess of 0.016 that is 1.7 of its standard deviations: too little to act on.
"""


@dataclass(frozen=True)
class Criteria:
    """The criteria for each number of segments.

    ``table`` has one row a k = 1, 2, …: ``k, silhouette`` with interval, its one-group reference
    and excess (see `Homogeneity`), ``calinski_harabasz, davies_bouldin, gap, gap_se, bic,
    min_jaccard, smallest_share, ari_mixture, ari_ward, eligible`` (passes the rule). ``chosen`` is
    what the rule takes.
    """

    table: pd.DataFrame
    chosen: int

    def row(self, k: int) -> pd.Series | None:
        """The criteria of one number of segments; None for one segment, and beyond the table."""
        rows = self.table.set_index("k")
        return rows.loc[k] if k > 1 and k in rows.index else None


def compare_numbers(
    matrix: np.ndarray, homogeneity: Homogeneity, params: Parameters, *, k_max: int
) -> Criteria:
    """Compute every criterion for k = 1 to `k_max` on an encoded sample and apply the rule.

    The excess of `homogeneity` enters the table and its verdict the rule.

    Notes
    -----
    Silhouette: [@rousseeuw1987silhouettes], on at most `ROWS` rows, interval from the spread over
    customers. Calinski-Harabasz: [@calinski1974dendrite]. Davies-Bouldin: [@davies1979separation].
    Gap with its one-standard-error rule: [@tibshirani2001gap]. BIC of Gaussian mixtures:
    [@fraley2002mclust]. Jaccard: [@hennig2007clusterwise]. Agreement of k-means with the mixture
    and with Ward's method: adjusted Rand index [@hubert1985partitions].
    """
    from sklearn.metrics import adjusted_rand_score, calinski_harabasz_score, davies_bouldin_score

    seed = params.seed
    generator = np.random.default_rng(seed)
    path = _best_path(matrix, k_max, generator=generator)
    rows = subsample(len(matrix), ROWS, seed=seed)
    part = matrix[rows]
    labels = [full[rows] for full in path]
    distance = pairwise_distances(part)
    tree = linkage(part, "ward")
    gap, gap_se = _gap(part, k_max, generator=generator)
    jaccard = path_stability(part, labels, n_bootstrap=params.n_bootstrap, generator=generator)
    z = normal_quantile(params.confidence_level)
    references = homogeneity.table.set_index("k")
    records = []
    for k in range(1, k_max + 1):
        row: dict[str, Any] = {"k": k}
        if k > 1:
            # The best partition of the whole sample against the references, whose partitions are
            # single tries on fewer rows.
            each, reference = silhouettes(distance, labels[k - 1]), references.loc[k]
            mean, half = each.mean(), z * each.std(ddof=1) / np.sqrt(len(each))
            excess = mean - reference["reference_mean"]
            row |= {
                "silhouette": mean, "silhouette_low": mean - half, "silhouette_high": mean + half,
                **reference.drop("reference_sd"), "excess": excess,
                "excess_sd": excess / reference["reference_sd"],
            }  # fmt: skip
        mixture = fit_mixture(part, k, seed=seed)
        row |= {
            "min_jaccard": jaccard[k - 1].min(),
            "smallest_share": np.bincount(path[k - 1], minlength=k).min() / len(matrix),
        }
        if k > 1:
            several = k < len(matrix)  # indices of spread need a segment with two customers
            row |= {
                name: index(matrix, path[k - 1]) if several else np.nan
                for name, index in (
                    ("calinski_harabasz", calinski_harabasz_score),
                    ("davies_bouldin", davies_bouldin_score),
                )
            } | {
                "ari_mixture": adjusted_rand_score(labels[k - 1], mixture.predict(part)),
                "ari_ward": adjusted_rand_score(labels[k - 1], fcluster(tree, k, "maxclust")),
            }
        records.append(row | {"gap": gap[k - 1], "gap_se": gap_se[k - 1], "bic": mixture.bic(part)})
    # The row of k = 2 has all columns, in the order in which they are shown.
    table = pd.DataFrame(records, columns=list(records[1]))
    table["eligible"] = (
        (table["k"] > 1)
        & (table["min_jaccard"] >= params.min_stability)
        & (table["smallest_share"] >= SMALLEST_SHARE)
        & (table["excess_sd"] > normal_quantile(0.9))  # 5 % in the one tail that counts
        & (table["excess"] >= SMALLEST_EXCESS)
    )
    passing = table[table["eligible"]]
    one = not homogeneity.rejected or passing.empty
    return Criteria(table, 1 if one else int(passing["k"][passing["excess"].idxmax()]))


def _best_path(
    matrix: np.ndarray, k_max: int, *, generator: np.random.Generator
) -> list[np.ndarray]:
    """For k = 1 to `k_max` the partition with the smallest spread within clusters, of `STARTS`."""
    paths = [kmeans_path(matrix, k_max, generator=generator) for _ in range(STARTS)]
    return [min(found, key=lambda one: _within(matrix, one)) for found in zip(*paths, strict=True)]


def _gap(
    part: np.ndarray, k_max: int, *, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Gap statistic with uniform references in the box of the principal components.

    Data and references are clustered alike: references from fewer starts would lie too high.
    """
    centred = part - part.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    turned = centred @ axes.T
    low, high = turned.min(axis=0), turned.max(axis=0)
    boxes = (generator.uniform(low, high, size=turned.shape) for _ in range(GAP_REFERENCES))
    spreads = np.log(
        [
            [_within(rows, found) for found in _best_path(rows, k_max, generator=generator)]
            for rows in (part, *boxes)
        ]
    )
    observed, references = spreads[0], spreads[1:]
    spread = references.std(axis=0) * np.sqrt(1 + 1 / GAP_REFERENCES)
    return references.mean(axis=0) - observed, spread


def _within(matrix: np.ndarray, labels: np.ndarray) -> float:
    """Sum of squared distances to the cluster means."""
    _, labels = np.unique(labels, return_inverse=True)
    sums = np.zeros((labels.max() + 1, matrix.shape[1]))
    np.add.at(sums, labels, matrix)
    explained = ((sums**2).sum(axis=1) / np.bincount(labels)).sum()
    return max(float((matrix**2).sum() - explained), 1e-12)


def gap_choice(gap: pd.Series, gap_se: pd.Series) -> int:
    """Smallest k with gap(k) >= gap(k + 1) - se(k + 1), else the last."""
    fits = gap >= (gap - gap_se).shift(-1)
    return int(fits.idxmax()) if fits.any() else len(gap)
