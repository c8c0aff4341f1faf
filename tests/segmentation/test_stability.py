"""Would the segments come back?"""

from __future__ import annotations

import numpy as np
import pytest

from pmlib.params import Parameters
from pmlib.segmentation import stability
from pmlib.segmentation.clustering import Clustering, cluster, kmeans_path
from pmlib.segmentation.stability import (
    best_jaccard,
    path_stability,
    segment_stability,
    verdict,
)


def test_jaccard_of_a_split_cluster_is_its_larger_half():
    labels = np.array([0] * 10 + [1] * 10)
    again = np.array([0] * 10 + [1] * 7 + [2] * 3)
    np.testing.assert_allclose(best_jaccard(labels, again, 2), [1.0, 0.7])


@pytest.mark.parametrize(
    ("jaccard", "expected"),
    [(0.59, "untrusted"), (0.6, "doubtful"), (0.75, "stable"), (0.85, "very_stable")],
)
def test_stability_is_read_as_hennig_does(jaccard, expected):
    assert verdict(jaccard) == expected


def clusterboot(matrix: np.ndarray, labels: np.ndarray, k: int, *, resamples: int) -> np.ndarray:
    """Mean Jaccard similarities as R's fpc::clusterboot computes them, written from its source.

    ``bsamp <- unique(sample(n, n, replace = TRUE))``; the sample is clustered; of each cluster, as
    far as it is in the sample, the largest similarity to a new one counts.
    """
    generator = np.random.default_rng(9)
    found = np.zeros((resamples, k))
    for row in found:
        sample = sorted(set(generator.integers(0, len(matrix), len(matrix)).tolist()))
        again = kmeans_path(matrix[sample], k, generator=generator)[-1]
        placed = list(zip(sample, again, strict=True))
        for one in range(k):
            mine = {i for i in sample if labels[i] == one}
            theirs = [{i for i, new in placed if new == j} for j in range(k)]
            row[one] = max(len(mine & other) / len(mine | other) for other in theirs)
    return found.mean(axis=0)


@pytest.fixture
def close() -> tuple[np.ndarray, Clustering]:
    """Three groups that overlap, clustered."""
    generator = np.random.default_rng(4)
    centres = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 0.8]])
    matrix = centres[generator.integers(3, size=450)] + generator.standard_normal((450, 2))
    return matrix, cluster(matrix, 3, seed=1)


def test_stability_is_that_of_clusterboot_on_close_groups(close):
    matrix, clustering = close
    expected = clusterboot(matrix, clustering.labels, 3, resamples=200)
    assert 0.7 < expected.min() < 0.85
    params = Parameters(n_bootstrap=200, seed=2)
    found = segment_stability(matrix, clustering, params, rows=np.arange(450))
    np.testing.assert_allclose(found["jaccard"], expected, atol=0.03)
    labels = [np.zeros(450, dtype=int), clustering.labels % 2, clustering.labels]
    generator = np.random.default_rng(1)
    path = path_stability(matrix, labels, n_bootstrap=200, generator=generator)
    np.testing.assert_allclose(path[2], expected, atol=0.03)


def test_nobody_is_twice_in_a_resample(close, monkeypatch):
    sizes = []

    def path(part, k, *, generator):
        sizes.append((len(part), len(np.unique(part, axis=0))))
        return kmeans_path(part, k, generator=generator)

    monkeypatch.setattr(stability, "kmeans_path", path)
    matrix, clustering = close
    params = Parameters(n_bootstrap=10, seed=2)
    segment_stability(matrix, clustering, params, rows=np.arange(450))
    labels = [np.zeros(450, dtype=int), clustering.labels % 2]
    path_stability(matrix, labels, n_bootstrap=10, generator=np.random.default_rng(1))
    assert len(sizes) == 20
    assert all(n == distinct < 450 for n, distinct in sizes)
