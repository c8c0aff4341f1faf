"""Partitions and silhouettes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, silhouette_samples
from sklearn.mixture import GaussianMixture

from pmlib.errors import StudyError
from pmlib.segmentation import Feature, fit_encoder
from pmlib.segmentation.clustering import cluster, pairwise_distances, silhouettes
from tests.segmentation.banks import planted


def test_silhouettes_are_scikit_learn_s():
    sample, group = planted(120)
    matrix = sample[list("abcd")].to_numpy()
    expected = silhouette_samples(matrix, group)
    np.testing.assert_allclose(silhouettes(pairwise_distances(matrix), group), expected, atol=1e-4)


def test_components_are_k_means_on_scikit_learn_s_principal_components():
    matrix = np.random.default_rng(1).standard_normal((300, 6)) * [3, 2, 2, 1, 1, 0.5]
    expected = KMeans(4, n_init=10, random_state=1).fit_predict(PCA(3).fit_transform(matrix))
    found = cluster(matrix, 4, algorithm="components", seed=1)
    assert adjusted_rand_score(expected, found.labels) == 1


def test_latent_classes_of_numbers_are_a_mixture_of_independent_normals():
    sample, group = planted(300)
    matrix = sample[list("abcd")].to_numpy()
    found = cluster(matrix, 3, algorithm="classes", seed=1)
    expected = GaussianMixture(3, covariance_type="diag", reg_covar=1e-2, random_state=1)
    assert adjusted_rand_score(expected.fit_predict(matrix), found.labels) == 1
    assert adjusted_rand_score(group, found.labels) == 1
    # Minus half a score is the log density, but for a constant.
    half = -0.5 * found.scores(matrix)
    density = np.logaddexp.reduce(half, axis=1) - 2 * np.log(2 * np.pi)
    np.testing.assert_allclose(density, expected.score_samples(matrix), atol=0.02)


def test_latent_classes_of_categories_are_products_of_shares():
    generator = np.random.default_rng(2)
    kind = generator.integers(2, size=2_000)
    hit = generator.random((2_000, 5)) < np.where(kind == 1, 0.8, 0.2)[:, None]
    sample = pd.DataFrame(np.where(hit, "x", "y"), columns=list("abcde"))
    encoder = fit_encoder(sample, [Feature(name, kind="category") for name in "abcde"])
    matrix = encoder.encode(sample)
    found = cluster(matrix, 2, algorithm="classes", seed=1, blocks=encoder.blocks)
    # By hand: the log share of each level that is there, and of the class.
    span = np.ptp(matrix, axis=0)
    scale = np.array([np.diag(part) for part in found.whitening])
    shares = np.exp(-0.5 * (scale * span) ** 2)
    np.testing.assert_allclose(shares[:, ::2] + shares[:, 1::2], 1)
    class_shares = np.exp(-0.5 * found.offsets)
    assert class_shares.sum() == pytest.approx(1)
    there = matrix > matrix.mean(axis=0)
    by_hand = np.log(class_shares) + there @ np.log(shares).T
    np.testing.assert_allclose(-0.5 * found.scores(matrix), by_hand)
    # The shares planted are found.
    np.testing.assert_allclose(np.sort(shares[:, ::2], axis=0), [[0.2] * 5, [0.8] * 5], atol=0.05)


def test_tiers_are_quantiles_of_the_sum():
    matrix = np.random.default_rng(3).standard_normal((999, 3))
    expected = pd.qcut(matrix.sum(axis=1), 4, labels=False)
    found = cluster(matrix, 4, algorithm="tiers", seed=1)
    assert adjusted_rand_score(expected, found.labels) == 1


def test_a_score_of_few_values_makes_no_more_tiers():
    with pytest.raises(StudyError, match="too few different values"):
        cluster(np.repeat([[0.0], [1.0], [2.0]], [90, 5, 5], axis=0), 3, algorithm="tiers", seed=1)
