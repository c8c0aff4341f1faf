"""The frozen scorer: assigns every customer inside the engine; and how segments are named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from pmlib.engine import Engine, greatest, least
from pmlib.segmentation.clustering import Clustering
from pmlib.segmentation.stability import overlaps
from pmlib.segmentation.transforms import Encoder, Feature

BORDERLINE = 0.1
"""A customer whose membership is below this lies between two segments."""

ALL_CUSTOMERS = "All customers"
"""The one segment of a bank without segments."""

_SHORT = 60
"""A name of two features is no longer than this, in characters."""

_NOTABLE = 0.35
"""Standard deviations from the mean below which a feature does not enter a name."""


@dataclass(frozen=True)
class Scorer:
    """Encoder and centres: all that is needed to assign a customer.

    Parameters
    ----------
    encoder : Encoder
    clustering : Clustering
        Its labels are not kept.
    names : tuple of str
        Segment 1 first.
    """

    encoder: Encoder
    clustering: Clustering
    names: tuple[str, ...]

    @property
    def k(self) -> int:
        """Number of segments."""
        return self.clustering.k

    def encode(self, customers: nw.LazyFrame) -> nw.LazyFrame:
        """Add the encoded features ``z0, z1, …`` to customers and their features."""
        return customers.with_columns(*self.encoder.expressions())

    def classify(self, encoded: nw.LazyFrame) -> nw.LazyFrame:
        """Add the segment to encoded customers.

        Parameters
        ----------
        encoded : narwhals.LazyFrame
            From `encode`.

        Returns
        -------
        narwhals.LazyFrame
            Also ``segment`` (1 to k; ties go to the lower number) and ``silhouette``: how clearly
            the customer belongs, 0 midway between two segments, 1 at the centre (the simplified
            silhouette 1 - d(own centre) / d(next centre); for the mixture one less the odds of the
            next segment); null when there is one segment.
        """
        if self.k == 1:
            return encoded.with_columns(
                nw.lit(1).cast(nw.Int64).alias("segment"),
                nw.lit(None).cast(nw.Float64).alias("silhouette"),
            )
        names = [f"score_{index}" for index in range(self.k)]
        scored = encoded.with_columns(*self._scores(names))
        # The two smallest scores, by comparing each score with the smallest before it.
        segment, second = nw.lit(1), nw.lit(1e300)
        for index in range(1, self.k):
            before = least(*map(nw.col, names[:index]))
            score = nw.col(names[index])
            segment = nw.when(score < before).then(nw.lit(index + 1)).otherwise(segment)
            second = least(second, greatest(before, score))
        ranked = scored.with_columns(
            segment.cast(nw.Int64).alias("segment"),
            least(*map(nw.col, names)).alias("score_first"),
            second.alias("score_second"),
        )
        first, second = nw.col("score_first"), nw.col("score_second")
        if self.clustering.whitening is None:
            # Scores are squared distances; a customer as near to both lies midway.
            safe = nw.when(second > 0).then(second).otherwise(nw.lit(1.0))
            clearness = 1.0 - (first / safe).sqrt()
        else:
            clearness = 1.0 - ((second - first) * -0.5).exp()
        return ranked.with_columns(clearness.alias("silhouette")).drop(
            *names, "score_first", "score_second"
        )

    def _scores(self, names: list[str]) -> list[nw.Expr]:
        p = len(self.encoder.columns)
        result = []
        for index, centre in enumerate(self.clustering.centres):
            moved = [nw.col(f"z{j}") - float(centre[j]) for j in range(p)]
            if self.clustering.whitening is not None:
                rows = self.clustering.whitening[index]
                moved = [
                    _sum([moved[j] * float(row[j]) for j in range(p) if row[j] != 0])
                    for row in rows
                ]
            score = _sum([m * m for m in moved]) + float(self.clustering.offsets[index])
            result.append(score.alias(names[index]))
        return result

    def assign_sample(self, sample: pd.DataFrame) -> np.ndarray:
        """Segment (1 to k) of each row of a small frame."""
        return self.clustering.scores(self.encoder.encode(sample)).argmin(axis=1) + 1

    def to_json(self) -> dict[str, Any]:
        """Plain values, for ``scorer.json``."""
        whitening = self.clustering.whitening
        return {
            "algorithm": self.clustering.algorithm,
            "names": list(self.names),
            "centres": self.clustering.centres.tolist(),
            "whitening": None if whitening is None else whitening.tolist(),
            "offsets": self.clustering.offsets.tolist(),
            **self.encoder.to_json(),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Scorer:
        """Read what `to_json` wrote."""
        centres, offsets = np.array(values["centres"]), np.array(values["offsets"])
        whitening = None if values["whitening"] is None else np.array(values["whitening"])
        no_labels = np.zeros(0, dtype=np.int64)
        clustering = Clustering(values["algorithm"], no_labels, centres, whitening, offsets)
        return cls(Encoder.from_json(values), clustering, tuple(values["names"]))


def _sum(terms: list[nw.Expr]) -> nw.Expr:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def assign_customers(
    customers: nw.LazyFrame, scorer: Scorer, *, engine: Engine, folder: Path
) -> nw.LazyFrame:
    """Assign all customers in the engine and keep the result in files.

    One pass encodes the customers, another assigns them; every later question reads the small
    result instead of the raw tables (and the engine need not untangle one giant expression).

    Parameters
    ----------
    customers : narwhals.LazyFrame
        ``customer_id``, the features and whatever else is to be kept.
    scorer : Scorer
    engine : Engine
    folder : pathlib.Path
        A scratch folder that outlives the result.

    Returns
    -------
    narwhals.LazyFrame
        `customers` with ``z0, z1, …``, ``segment`` and ``silhouette``.
    """
    encoded, assigned = folder / "encoded.parquet", folder / "assigned.parquet"
    engine.write(scorer.encode(customers), encoded)
    engine.write(scorer.classify(engine.scan(encoded)), assigned)
    return engine.scan(assigned)


def name_segments(encoder: Encoder, means: np.ndarray) -> tuple[str, ...]:
    """Name each segment by its most telling features: two, or as many as make it unique.

    Parameters
    ----------
    encoder : Encoder
    means : ndarray, shape (k, p)
        Mean of each segment in the encoded features, in standard deviations.

    Returns
    -------
    tuple of str
        Unique, segment 1 first.
    """
    if len(means) == 1:
        return (ALL_CUSTOMERS,)
    # Deviations from the mean over segments, so that no segment is named for what all share.
    traits = [_traits(encoder, row) for row in means - means.mean(axis=0)]
    for length in range(1, max(map(len, traits)) + 1):
        names = [_join(found, length) for found in traits]
        if len(set(names)) == len(names):
            return tuple(names)
    names = [_join(found, 1) for found in traits]
    return tuple(
        name if names.count(name) == 1 else f"{name} ({names[: i + 1].count(name)})"
        for i, name in enumerate(names)
    )


def _traits(encoder: Encoder, deviation: np.ndarray) -> list[str]:
    """Words for a segment, the most telling first; at least one."""
    words = []
    for feature, block in zip(encoder.features, encoder.blocks, strict=True):
        values = deviation[block]
        at = int(np.abs(values).argmax()) if feature.kind == "number" else int(values.argmax())
        level = encoder.columns[block.start + at].level
        size, much = abs(float(values[at])), bool(values[at] > 0)
        # What customers do says more than what they lack.
        words.append((size if much else 0.8 * size, _word(feature, level, much=much)))
    words.sort(key=lambda pair: -pair[0])
    notable = [word for size, word in words if size >= _NOTABLE]
    return notable or [words[0][1]]


def _word(feature: Feature, level: str | None, *, much: bool) -> str:
    label = feature.label[:1].lower() + feature.label[1:]
    if level is not None:
        return {"yes": label, "no": f"not: {label}"}.get(level, f"{label} {level}")
    return (feature.high or f"high {label}") if much else (feature.low or f"low {label}")


def _join(words: list[str], length: int) -> str:
    """At least `length` words, two when they are short."""
    if length == 1 and len(", ".join(words[:2])) <= _SHORT:
        length = 2
    text = ", ".join(words[:length])
    return text[:1].upper() + text[1:]


def matched_names(
    labels: np.ndarray,
    names: Sequence[str],
    earlier_labels: np.ndarray,
    earlier_names: Sequence[str],
) -> tuple[str, ...]:
    """Let names follow segments from an earlier run.

    Segments are matched one to one so that the sum of their Jaccard similarities is largest; a
    match of at least one half keeps the earlier name, all others get their new name.

    Parameters
    ----------
    labels, earlier_labels : ndarray of int, shape (n,)
        Segments 1 to k of the same customers, now and by the earlier scorer.
    names, earlier_names : sequence of str

    Returns
    -------
    tuple of str
        Unique, segment 1 first.
    """
    jaccard = overlaps(labels - 1, earlier_labels - 1, (len(names), len(earlier_names)))
    rows, columns = linear_sum_assignment(-jaccard)
    kept = {
        int(row): earlier_names[column]
        for row, column in zip(rows, columns, strict=True)
        if jaccard[row, column] >= 0.5
    }
    taken = set(kept.values())
    return tuple(
        kept.get(index, f"{name} (new)" if name in taken else name)
        for index, name in enumerate(names)
    )
