"""The criteria beside the rule."""

from __future__ import annotations

import numpy as np

from pmlib.segmentation import criteria
from pmlib.segmentation.clustering import kmeans_path
from pmlib.segmentation.criteria import GAP_REFERENCES, STARTS, _best_path, _gap, _within


def test_the_best_of_several_starts_is_no_worse_than_one():
    matrix = np.random.default_rng(1).standard_normal((300, 4))
    best = _best_path(matrix, 6, generator=np.random.default_rng(2))
    generator = np.random.default_rng(2)
    tried = [kmeans_path(matrix, 6, generator=generator) for _ in range(STARTS)]
    for k in range(6):
        assert _within(matrix, best[k]) == min(_within(matrix, path[k]) for path in tried)


def test_gap_references_are_clustered_as_well_as_the_data(monkeypatch):
    """Every data set, the customers and the references, is clustered from all the starts."""
    sizes = []

    def path(matrix, k_max, *, generator):
        sizes.append(len(matrix))
        return kmeans_path(matrix, k_max, generator=generator)

    monkeypatch.setattr(criteria, "kmeans_path", path)
    matrix = np.random.default_rng(1).standard_normal((100, 3))
    _gap(matrix, 3, generator=np.random.default_rng(2))
    assert len(sizes) == STARTS * (1 + GAP_REFERENCES)
