"""Partitions and silhouettes."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import silhouette_samples

from pmlib.segmentation.clustering import pairwise_distances, silhouettes
from tests.segmentation.banks import planted


def test_silhouettes_are_scikit_learn_s():
    sample, group = planted(120)
    matrix = sample[list("abcd")].to_numpy()
    expected = silhouette_samples(matrix, group)
    np.testing.assert_allclose(silhouettes(pairwise_distances(matrix), group), expected, atol=1e-4)
