"""How far partitions agree: with another of the same customers, and when choices are changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.engine import add_up
from pmlib.inference.learners import one_thread
from pmlib.inference.normal import normal_scores
from pmlib.numbers import Finding, Level, Number, Phrase
from pmlib.segmentation.clustering import ALGORITHMS, cluster
from pmlib.segmentation.fit import Segmentation
from pmlib.segmentation.transforms import TRANSFORMS, fit_encoder


def cross_tabulate(
    assigned: nw.LazyFrame, *, other: str, confidence_level: float = 0.95
) -> Finding:
    """Cross-tabulate the segments with another partition, in the engine.

    Parameters
    ----------
    assigned : narwhals.LazyFrame
        With ``segment`` and the column `other`, which also names the number.
    confidence_level : float
        The interval resamples the cross-table's cells.

    Returns
    -------
    Finding
        The number ``agreement_with_<other>``: adjusted Rand index [@hubert1985partitions] with its
        interval; 1 for equal partitions, 0 on average for unrelated ones.
    """
    counts = add_up(assigned, ["segment", other])
    grid = counts.pivot_table("customers", "segment", other, fill_value=0).to_numpy(dtype=float)
    n = grid.sum()
    drawn = np.random.default_rng(0).multinomial(int(n), grid.ravel() / n, size=200)
    resampled = [rand_index(cells.reshape(grid.shape)) for cells in drawn]
    tail = (1 - confidence_level) / 2
    low, high = (float(end) for end in np.quantile(resampled, [tail, 1 - tail]))
    index = Number(f"agreement_with_{other}", rand_index(grid), low=low, high=high, decimals=2)
    return Finding(
        numbers=(index,), quotes={"segments_counted": len(grid), "groups": grid.shape[1]}
    )


def rand_index(counts: np.ndarray) -> float:
    """Adjusted Rand index of a cross-table of counts.

    Examples
    --------
    >>> rand_index(np.array([[5, 0], [0, 7]]))
    1.0
    """
    counts = np.asarray(counts, dtype=float)
    margins = (counts, counts.sum(axis=1), counts.sum(axis=0), counts.sum())
    together, rows, columns, all_pairs = (float((n * (n - 1) / 2).sum()) for n in margins)
    chance = rows * columns / max(all_pairs, 1.0)  # of one customer there is no pair
    largest = (rows + columns) / 2
    return 1.0 if largest == chance else (together - chance) / (largest - chance)


@one_thread()
def vary_choices(
    sample: pd.DataFrame, result: Segmentation, *, confidence_level: float = 0.95
) -> Finding:
    """Cluster the sample again with one choice changed at a time, at the same number of segments.

    Parameters
    ----------
    sample : pandas.DataFrame
        The sample that made `result`.

    Returns
    -------
    Finding
        ``choice`` (phrase), ``agreement, low, high``: adjusted Rand index with the segments used
        [@hubert1985partitions]; the lowest agreement first. Empty when there is one segment, or
        tiers of a score, which have no choices.
    """
    from sklearn.metrics import adjusted_rand_score

    k, algorithm = result.scorer.k, result.scorer.clustering.algorithm
    if k == 1 or algorithm == "tiers":  # tiers are what they are
        return Finding()
    generator = np.random.default_rng(result.seed)
    tail = (1 - confidence_level) / 2
    rows = []
    for choice, matrix, other, blocks in _alternatives(sample, result):
        labels = cluster(
            matrix, k, algorithm=other or algorithm, seed=result.seed, blocks=blocks
        ).labels
        n = len(labels)
        draws = [generator.integers(0, n, size=n) for _ in range(50)]
        drawn = [adjusted_rand_score(result.labels[d], labels[d]) for d in draws]
        ends = np.quantile(drawn, [tail, 1 - tail])
        rows.append((choice, adjusted_rand_score(result.labels, labels), *ends))
    table = pd.DataFrame(rows, columns=["choice", "agreement", "low", "high"])
    table = table.sort_values("agreement", kind="stable", ignore_index=True)
    most = table.iloc[0]
    agreement = Number("", most["agreement"], decimals=2)
    return Finding(table, quotes={"choice": most["choice"], "agreement": agreement})


def _alternatives(
    sample: pd.DataFrame, result: Segmentation
) -> Iterator[tuple[Phrase, np.ndarray, str | None, list[slice]]]:
    from scipy.stats import rankdata

    encoder, algorithm = result.encoder, result.scorer.clustering.algorithm
    blocks = encoder.blocks
    for other in ALGORITHMS:
        if other != algorithm:
            choice = Phrase("choice.algorithm", {"algorithm": Level("algorithm", other)})
            yield choice, result.matrix, other, blocks
    logged = any(column.log for column in encoder.columns)
    for transform in TRANSFORMS:
        encoded = fit_encoder(sample, encoder.features, transform=transform)
        if any(column.log for column in encoded.columns) != logged:
            yield Phrase(f"choice.{transform}"), encoded.encode(sample), None, encoded.blocks
    is_number = np.array([column.level is None for column in encoder.columns])
    unbounded = tuple(
        replace(column, low=-1e300, high=1e300) if column.level is None else column
        for column in encoder.columns
    )
    open_ended = replace(encoder, columns=unbounded).encode(sample)
    # Normal scores of the ranks, ties at their mean rank.
    ranks = normal_scores(rankdata(result.matrix, axis=0), len(result.matrix))
    for name, changed in (("open_ended", open_ended), ("ranks", ranks)):
        # Numbers to variance one again; categories as they are.
        scaled = (changed - changed.mean(axis=0)) / np.maximum(changed.std(axis=0), 1e-12)
        yield Phrase(f"choice.{name}"), np.where(is_number, scaled, result.matrix), None, blocks
    if len(encoder.features) > 2:
        for feature, block in zip(encoder.features, blocks, strict=True):
            width = block.stop - block.start
            left_out = np.delete(result.matrix, np.arange(block.start, block.stop), axis=1)
            rest = [b for b in blocks if b.stop <= block.start]
            rest += [
                slice(b.start - width, b.stop - width) for b in blocks if b.start > block.start
            ]
            yield Phrase("choice.without", {"feature": feature.label()}), left_out, None, rest
