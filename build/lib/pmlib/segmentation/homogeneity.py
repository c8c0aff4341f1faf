"""Are there segments at all? A parametric bootstrap that comes before any number of segments.

Any cloud of points can be cut into k pieces, and skewed, correlated features make the pieces look
good. So the silhouettes of the data are compared with those of reference data that have the same
margins and depend on each other as smoothly, but hold no clusters [@hennig2015bootstrap; the idea
also in @liu2008sigclust].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pmlib.inference.normal import normal_scores
from pmlib.segmentation.clustering import kmeans_path, pairwise_distances, silhouettes, subsample

TEST_ROWS = 1_500
"""Rows on which homogeneity is tested; more gain little power and cost a square."""


@dataclass(frozen=True)
class Homogeneity:
    """Result of the test that the customers form one group.

    ``table`` has one row a k: ``k, reference_mean, reference_sd, reference_low, reference_high`` (5
    % and 95 % points) of the silhouette of references. ``statistic`` is the largest excess of the
    data's silhouette over the references' mean, over k, in their standard deviations; ``p_value``
    the share of the references (and the data) with a statistic at least as large.
    """

    table: pd.DataFrame
    statistic: float
    p_value: float
    n_references: int
    error_rate: float

    @property
    def rejected(self) -> bool:
        """Whether the data hold more structure than one group explains."""
        return self.p_value <= self.error_rate


def homogeneity_test(
    matrix: np.ndarray,
    blocks: Sequence[slice],
    *,
    k_max: int,
    n_references: int,
    error_rate: float,
    seed: int,
) -> Homogeneity:
    """Test homogeneity against clustering, on at most `TEST_ROWS` random rows of the matrix.

    For each k up to `k_max` the mean silhouette of k-means is standardised by its mean and standard
    deviation over data and references together; the statistic is the largest of these excesses over
    k. Data and references are treated alike, so the rank of the data's statistic is an exact test
    when `OneGroup` describes the data. `blocks` are the columns of each feature: one for a number,
    one a level for a category.
    """
    matrix = matrix[subsample(len(matrix), TEST_ROWS, seed=seed)]
    generator = np.random.default_rng(seed)
    reference = OneGroup.fit(matrix, blocks, generator=generator)
    found = np.empty((n_references + 1, k_max - 1))
    for index, row in enumerate(found):
        data = reference.draw(generator) if index else matrix
        distance = pairwise_distances(data)
        path = kmeans_path(data, k_max, generator=generator)
        row[:] = [silhouettes(distance, labels).mean() for labels in path[1:]]
    spread = np.maximum(found.std(axis=0, ddof=1), 1e-12)
    statistics = ((found - found.mean(axis=0)) / spread).max(axis=1)
    null = found[1:]
    table = pd.DataFrame({"k": np.arange(2, k_max + 1), "reference_mean": null.mean(axis=0)})
    table["reference_sd"] = np.maximum(null.std(axis=0, ddof=1), 1e-12)
    table["reference_low"], table["reference_high"] = np.quantile(null, [0.05, 0.95], axis=0)
    # Shown against the references alone; the test uses the pooled form above.
    statistic = float(((found[0] - table["reference_mean"]) / table["reference_sd"]).max())
    p_value = float((statistics >= statistics[0] - 1e-12).mean())
    return Homogeneity(table, statistic, p_value, n_references, error_rate)


@dataclass(frozen=True)
class OneGroup:
    """One group with the data's margins, correlations, bends and changing spreads.

    Each feature follows those before it as in a Gaussian copula, but its mean may bend (squares of
    the others) and its spread may grow or shrink with them. Shares of few payments scatter more
    than shares of many, and new customers are low in all that is counted: a plain copula knows
    neither, and takes both for clusters.

    A category enters through its levels in the order of their mean on the first principal
    component, so that its association with the other features survives as far as one order of the
    levels can carry it.
    """

    sorted_blocks: tuple[np.ndarray, ...]
    blocks: tuple[slice, ...]
    shapes: tuple[tuple[np.ndarray, np.ndarray], ...]
    correlation: np.ndarray

    @classmethod
    def fit(
        cls, matrix: np.ndarray, blocks: Sequence[slice], *, generator: np.random.Generator
    ) -> OneGroup:
        """Learn the shapes, then the latent correlations that give the data's correlations.

        Ties (counts, zeros, categories) weaken the correlation on the way from the latent normal
        variables to the margins; a few fixed-point steps make up for it.
        """
        scores = block_scores(matrix, blocks)
        target = _correlation(scores)
        order = np.argsort(scores, axis=0, kind="stable")
        untied = np.lexsort((generator.random(scores.shape), scores), axis=0)
        amounts = np.array([matrix[:, block].shape[1] == 1 for block in blocks])
        latent = np.empty_like(scores)
        normal = normal_scores(np.arange(1, len(scores) + 1), len(scores))
        np.put_along_axis(latent, untied, normal[:, None], axis=0)
        group = cls(
            sorted_blocks=tuple(matrix[order[:, i], block] for i, block in enumerate(blocks)),
            blocks=tuple(blocks),
            shapes=tuple(_shape(latent[:, :i], latent[:, i], amounts) for i in range(len(blocks))),
            correlation=target,
        )
        draws = generator.standard_normal((4 * len(matrix), len(blocks)))
        copies = np.repeat(np.take_along_axis(scores, order, axis=0), 4, axis=0)
        for _ in range(6):
            reached = _correlation(np.take_along_axis(copies, group._ranks(draws), axis=0))
            moved = np.clip(group.correlation + target - reached, -0.999, 0.999)
            np.fill_diagonal(moved, 1.0)
            group = replace(group, correlation=moved)
        return group

    def draw(self, generator: np.random.Generator) -> np.ndarray:
        """One reference matrix: each column a rearrangement of the data's own."""
        n = len(self.sorted_blocks[0])
        rank = self._ranks(generator.standard_normal((n, len(self.blocks))))
        drawn = np.empty((n, sum(block.shape[1] for block in self.sorted_blocks)))
        for index, block in enumerate(self.blocks):
            drawn[:, block] = self.sorted_blocks[index][rank[:, index]]
        return drawn

    def _ranks(self, noise: np.ndarray) -> np.ndarray:
        """Rank of each row in each latent feature, made of independent normal noise."""
        factor = _factor(self.correlation)
        correlation = factor @ factor.T
        quantiles = normal_scores(np.arange(1, len(noise) + 1), len(noise))
        ranks = np.empty(noise.shape, dtype=np.int64)
        latent = np.empty_like(noise)
        for index, (bend, spread) in enumerate(self.shapes):
            before, own = latent[:, :index], correlation[:index, index]
            slopes = np.linalg.solve(correlation[:index, :index], own)
            scale = np.exp(np.clip(_terms(before) @ spread, -2.0, 2.0))
            scale *= np.sqrt(max(1 - slopes @ own, 1e-6) / (scale**2).mean())
            value = before @ slopes + (before**2 - 1) @ bend + scale * noise[:, index]
            ranks[:, index] = value.argsort().argsort()
            latent[:, index] = quantiles[ranks[:, index]]
        return ranks


def _shape(
    before: np.ndarray, own: np.ndarray, amounts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """How the mean of a feature bends, and its log spread changes, with the amounts before it.

    Two regressions, of the feature and of its log absolute residual, on the others and their
    squares; a small ridge keeps few rows from being fitted exactly. A category (`amounts` false)
    has neither bend nor spread.
    """
    width = before.shape[1]
    kept = np.tile(amounts[:width], 2) & amounts[width]
    terms = np.column_stack([np.ones(len(own)), _terms(before)[:, kept]])
    inner = terms.T @ terms + 10 * np.eye(terms.shape[1])
    mean = np.linalg.solve(inner, terms.T @ own)
    size = np.log(np.maximum(np.abs(own - terms @ mean), 1e-3))
    shape = np.zeros((2, 2 * width))
    shape[:, kept] = mean[1:], np.linalg.solve(inner, terms.T @ size)[1:]
    return shape[0, width:], shape[1]


def _terms(before: np.ndarray) -> np.ndarray:
    return np.column_stack([before, before**2 - 1])


def block_scores(matrix: np.ndarray, blocks: Sequence[slice]) -> np.ndarray:
    """One number a feature: the value itself, or the mean first component of a category's level."""
    centred = matrix - matrix.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    component = centred @ axes[0]
    scores = np.empty((len(matrix), len(blocks)))
    for index, block in enumerate(blocks):
        columns = matrix[:, block]
        if columns.shape[1] == 1:
            scores[:, index] = columns[:, 0]
        else:
            _, level = np.unique(columns.argmax(axis=1), return_inverse=True)
            scores[:, index] = (np.bincount(level, component) / np.bincount(level))[level]
    return scores


def _correlation(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean(axis=0)
    centred /= np.maximum(np.sqrt((centred**2).sum(axis=0)), 1e-12)
    correlation = centred.T @ centred
    np.fill_diagonal(correlation, 1.0)
    return correlation


def _factor(correlation: np.ndarray) -> np.ndarray:
    """A square root of the nearest correlation matrix with eigenvalues above zero."""
    values, vectors = np.linalg.eigh(correlation)
    factor = vectors * np.sqrt(np.maximum(values, 1e-6))
    return factor / np.sqrt((factor**2).sum(axis=1, keepdims=True))
