r"""Six clustering algorithms on one matrix, and the distances that judge them.

Three look for segments: k-means [@lloyd1982pcm; @arthur2007kmeanspp], the default, a Gaussian
mixture [@fraley2002mclust] and Ward's method. Three more make them where none are found: k-means on
principal components, latent classes, tiers of a score. All six give the same frozen result, in
which a customer belongs to the segment with the smallest score

.. math:: d_k(z) = \lVert W_k (z - c_k) \rVert^2 + o_k

(`W_k` the identity and `o_k` = 0 for k-means and Ward), so that one expression assigns new
customers whatever the algorithm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage

from pmlib.errors import StudyError

if TYPE_CHECKING:
    from sklearn.mixture import GaussianMixture

ALGORITHMS = ("kmeans", "mixture", "ward")
WAYS = ("kmeans", "components", "classes", "tiers")
"""Ways to make segments: k-means, k-means on few components, latent classes, tiers of a score."""

COMPONENTS = 3  # principal components that the way of that name looks at
WARD_ROWS = 3_000
"""Ward's method needs all pairwise distances: it is fitted on at most so many rows."""


@dataclass(frozen=True)
class Clustering:
    """A partition of the matrix' rows, and what assigns further rows.

    ``labels`` are 0 to k - 1, the largest cluster first; ``centres`` (k, p); ``whitening``
    (k, m, p) the `W_k`, None for the identity; ``offsets`` (k,) the `o_k`.
    """

    algorithm: str
    labels: np.ndarray
    centres: np.ndarray
    whitening: np.ndarray | None
    offsets: np.ndarray

    @property
    def k(self) -> int:
        """Number of clusters."""
        return len(self.centres)

    def scores(self, matrix: np.ndarray) -> np.ndarray:
        """Score of each row in each cluster, shape (n, k); the smallest is the row's own."""
        columns = []
        for index, centre in enumerate(self.centres):
            moved = matrix - centre
            if self.whitening is not None:
                moved = moved @ self.whitening[index].T
            columns.append((moved**2).sum(axis=1) + self.offsets[index])
        return np.column_stack(columns)


def cluster(
    matrix: np.ndarray,
    k: int,
    *,
    algorithm: str = "kmeans",
    seed: int,
    blocks: Sequence[slice] | None = None,
) -> Clustering:
    """Partition the encoded rows into k clusters.

    ``kmeans`` is the best of ten k-means++ starts, ``mixture`` Gaussian with full covariances,
    ``ward`` on at most `WARD_ROWS` rows, where the others join the nearest centre; ``components``
    is k-means on the first `COMPONENTS` principal components, ``classes`` latent classes of
    features (`blocks` of columns, by default one each) that are independent within a class
    [@vermunt2002latent], ``tiers`` cuts the sum of the columns, scores, at its quantiles.

    Raises
    ------
    StudyError
        Fewer distinct rows than clusters, an unknown algorithm, or a cluster that stayed empty.
    """
    require_one_of(algorithm, (*ALGORITHMS, *WAYS[1:]), where="algorithm")
    require_distinct(matrix, k)
    whitening, offsets = None, np.zeros(k)
    if k == 1:
        centres = matrix.mean(axis=0, keepdims=True)
    elif algorithm == "kmeans":
        from sklearn.cluster import KMeans

        model = KMeans(k, n_init=10, random_state=seed).fit(matrix)
        centres = model.cluster_centers_
    elif algorithm == "components":
        from sklearn.cluster import KMeans

        mean = matrix.mean(axis=0)
        axes = np.linalg.svd(matrix - mean, full_matrices=False)[2][:COMPONENTS]
        model = KMeans(k, n_init=10, random_state=seed).fit((matrix - mean) @ axes.T)
        centres = mean + model.cluster_centers_ @ axes
        whitening = np.repeat(axes[None], k, axis=0)
    elif algorithm == "classes":
        blocks = blocks or [slice(column, column + 1) for column in range(matrix.shape[1])]
        centres, whitening, offsets = _latent_classes(matrix, blocks, k, seed=seed)
    elif algorithm == "tiers":
        centres, whitening, offsets = _tiers(matrix, k)
    elif algorithm == "ward":
        rows = matrix[subsample(len(matrix), WARD_ROWS, seed=seed)]
        labels = fcluster(linkage(rows, "ward"), k, "maxclust") - 1
        centres = group_means(rows, labels, labels.max() + 1)
    else:
        model = fit_mixture(matrix, k, seed=seed)
        centres = model.means_
        whitening = np.transpose(model.precisions_cholesky_, (0, 2, 1))
        log_determinant = np.log(np.diagonal(whitening, axis1=1, axis2=2)).sum(axis=1)
        offsets = -2 * (log_determinant + np.log(model.weights_))
    no_labels = np.zeros(0, dtype=np.int64)
    return _largest_first(Clustering(algorithm, no_labels, centres, whitening, offsets), matrix)


def require_one_of(value: str, known: Sequence[str], *, where: str) -> None:
    """Refuse a choice that there is not."""
    if value not in known:
        rule = f"one of {', '.join(known)}"
        raise StudyError("There is no such choice.", where=where, rule=rule, found=repr(value))


def require_distinct(matrix: np.ndarray, k: int) -> None:
    """Refuse more clusters than there are different rows."""
    distinct = len(np.unique(matrix, axis=0))
    if distinct < k:
        raise StudyError(
            "There are fewer different customers than segments.", where="n_segments",
            rule="at most the number of customers that differ in some feature",
            found=f"{k} segments, {distinct} different customers",
            remedy="Ask for fewer segments, or for more features.",
        )  # fmt: skip


def fit_mixture(matrix: np.ndarray, k: int, *, seed: int) -> GaussianMixture:
    """Fit a Gaussian mixture with full covariances by expectation-maximisation."""
    from sklearn.mixture import GaussianMixture

    model = GaussianMixture(k, reg_covar=1e-2, max_iter=500, random_state=seed)
    return model.fit(matrix)


def _latent_classes(
    matrix: np.ndarray, blocks: Sequence[slice], k: int, *, seed: int, iterations: int = 200
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centres, whitening and offsets of latent classes, by expectation-maximisation from k-means.

    Within a class a number is normal and a category multinomial, independent of each other. Minus
    twice the log density is a sum of squares in the encoded columns: a level's column has two
    values, so its share p weighs ``-2 log p`` where the level is there and nothing elsewhere.
    """
    from sklearn.cluster import KMeans

    labels = KMeans(k, n_init=1, random_state=seed).fit(matrix).labels_
    member, low = np.eye(k)[labels], matrix.min(axis=0)
    span = np.maximum(np.ptp(matrix, axis=0), 1e-12)
    levels = np.concatenate([np.full(matrix[:, b].shape[1], b.stop - b.start > 1) for b in blocks])
    counts = np.concatenate([np.full(b.stop - b.start, b.stop - b.start) for b in blocks])
    squared, before = matrix**2, -np.inf
    for _ in range(iterations):
        sizes = np.maximum(member.sum(axis=0), 1e-9)
        means = member.T @ matrix / sizes[:, None]
        variance = np.maximum(member.T @ squared / sizes[:, None] - means**2, 0) + 1e-2
        # Half a customer of prior weight a level keeps every chance above zero.
        shares = np.minimum((means - low) / span, 1) * sizes[:, None] + 0.5
        shares /= sizes[:, None] + 0.5 * counts
        centres = np.where(levels, low, means)
        scale = np.where(levels, np.sqrt(-2 * np.log(shares)) / span, 1 / np.sqrt(variance))
        offsets = np.where(levels, 0, np.log(variance)).sum(axis=1)
        offsets -= 2 * np.log(sizes / len(matrix))
        weight = scale**2
        shifts = offsets + (weight * centres**2).sum(axis=1)
        half = -0.5 * (squared @ weight.T + shifts) + matrix @ (weight * centres).T
        top = half.max(axis=1, keepdims=True)
        member = np.exp(half - top)
        total = member.sum(axis=1, keepdims=True)
        member /= total
        reached = float((top + np.log(total)).mean())
        if reached - before < 1e-5:
            break
        before = reached
    return centres, np.stack([np.diag(row) for row in scale]), offsets


def _tiers(matrix: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same of k tiers of the sum of the columns, cut at its quantiles; ties stay together."""
    total, p = matrix.sum(axis=1), matrix.shape[1]
    values = np.unique(total)
    at = np.searchsorted(values, np.quantile(total, np.arange(1, k) / k, method="lower"))
    at = np.unique(np.minimum(at, len(values) - 2))
    cuts = (values[at] + values[at + 1]) / 2
    if len(cuts) < k - 1:
        raise StudyError(
            "A score has too few different values.", where="n_segments",
            rule="each tier has customers", found=f"{len(cuts) + 1} tiers of {k}",
        )  # fmt: skip
    ends = np.array([values[0], *cuts, values[-1]])
    middle = (ends[:-1] + ends[1:]) / 2
    # Offsets move the point midway between two centres to the cut.
    gaps = (cuts - middle[:-1]) ** 2 - (cuts - middle[1:]) ** 2
    offsets = np.concatenate([[0.0], np.cumsum(gaps)])
    return np.repeat(middle[:, None] / p, p, axis=1), np.ones((k, 1, p)), offsets


def _largest_first(draft: Clustering, matrix: np.ndarray) -> Clustering:
    """Number the clusters by their size, and label the rows."""
    k, whitening = draft.k, draft.whitening
    labels = draft.scores(matrix).argmin(axis=1)
    sizes = np.bincount(labels, minlength=k)
    if (sizes == 0).any():
        raise StudyError(
            "A segment stayed empty.", where="n_segments", rule="each segment has customers",
            found=f"{(sizes == 0).sum()} of {k} segments without any",
            remedy="Ask for fewer segments, or for the algorithm kmeans.",
        )  # fmt: skip
    order = np.argsort(-sizes, kind="stable")
    whitening = None if whitening is None else whitening[order]
    labels = np.argsort(order)[labels]
    return Clustering(
        draft.algorithm, labels, draft.centres[order], whitening, draft.offsets[order]
    )


def kmeans_path(
    matrix: np.ndarray, k_max: int, *, generator: np.random.Generator
) -> list[np.ndarray]:
    """k-means labels for k = 1 to k_max, each started from the solution before it.

    The solution for k is that for k - 1 with one more centre, the best of a few candidates drawn
    with probability proportional to the squared distance (as k-means++ draws them), then Lloyd's
    iterations. One path costs about as much as two single runs, which lets the tests repeat it
    hundreds of times. Item k - 1 of the list has labels 0 to k - 1, shape (n,).
    """
    n = len(matrix)
    square = (matrix**2).sum(axis=1)
    centres = matrix.mean(axis=0, keepdims=True)
    nearest = ((matrix - centres) ** 2).sum(axis=1)
    labels = np.zeros(n, dtype=np.int64)
    path = [labels]
    for _ in range(2, k_max + 1):
        total = nearest.sum()
        if total <= 0:  # fewer different rows than clusters
            path.append(labels)
            continue
        drawn = generator.choice(n, size=12, p=nearest / total)
        to_drawn = square[:, None] - 2 * matrix @ matrix[drawn].T + square[drawn]
        best = drawn[np.minimum(to_drawn, nearest[:, None]).sum(axis=0).argmin()]
        centres = np.vstack([centres, matrix[best]])
        labels, centres, nearest = _lloyd(matrix, square, centres)
        path.append(labels)
    return path


def _lloyd(
    matrix: np.ndarray, square: np.ndarray, centres: np.ndarray, *, iterations: int = 60
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n, k = len(matrix), len(centres)
    labels = np.full(n, -1)
    rows = np.arange(n)
    for _ in range(iterations):
        distance = (centres**2).sum(axis=1) - 2 * matrix @ centres.T
        found = distance.argmin(axis=1)
        moved = np.count_nonzero(found != labels)
        labels = found
        if moved <= n // 1000:
            break
        member = np.zeros((n, k))
        member[rows, labels] = 1.0
        sizes = member.sum(axis=0)
        means = member.T @ matrix / np.maximum(sizes, 1)[:, None]
        centres = np.where(sizes[:, None] > 0, means, centres)
    return labels, centres, np.maximum(distance[rows, labels] + square, 0.0)


def pairwise_distances(matrix: np.ndarray) -> np.ndarray:
    """Euclidean distances between all rows, float32 of shape (n, n); computed once for every k."""
    rows = matrix.astype(np.float32)
    square = (rows**2).sum(axis=1)
    distance = square[:, None] + square - 2 * rows @ rows.T
    np.maximum(distance, 0, out=distance)
    np.fill_diagonal(distance, 0)
    return np.sqrt(distance, out=distance)


def silhouettes(distance: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Silhouette of each row [@rousseeuw1987silhouettes]: (b - a) / max(a, b).

    a is the mean distance to the own and b to the nearest other cluster; 0 for a cluster of one,
    and for all rows when there is one cluster.
    """
    present, labels = np.unique(labels, return_inverse=True)
    if len(present) < 2:
        return np.zeros(len(labels))
    member = np.zeros((len(labels), len(present)), dtype=np.float32)
    rows = np.arange(len(labels))
    member[rows, labels] = 1.0
    sizes = member.sum(axis=0)
    sums = distance @ member
    own = sums[rows, labels] / np.maximum(sizes[labels] - 1, 1)
    means = sums / sizes
    means[rows, labels] = np.inf
    other = means.min(axis=1)
    result = (other - own) / np.maximum(np.maximum(own, other), np.finfo(np.float32).tiny)
    return np.where(sizes[labels] > 1, result, 0.0).astype(float)


def group_means(matrix: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """Mean row of each group 0 to k - 1, shape (k, p)."""
    sums = np.zeros((k, matrix.shape[1]))
    np.add.at(sums, labels, matrix)
    return sums / np.bincount(labels, minlength=k)[:, None]


def subsample(n: int, size: int, *, seed: int) -> np.ndarray:
    """Sorted row numbers of a random subset, all rows if there are no more than `size`."""
    if n <= size:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, size=size, replace=False))
