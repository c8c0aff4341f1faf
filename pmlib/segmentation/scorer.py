"""The frozen scorer: assigns every customer inside the engine."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np

from pmlib.engine import Engine, greatest, least, scratch_folder
from pmlib.segmentation.clustering import Clustering
from pmlib.segmentation.transforms import Encoder

BORDERLINE = 0.1
"""A customer whose membership is below this lies between two segments."""


@dataclass(frozen=True)
class Scorer:
    """All that is needed to assign a customer: encoder, centres, and the names, segment 1 first.

    The labels of the clustering are not kept.
    """

    encoder: Encoder
    clustering: Clustering
    names: tuple[str, ...]

    @property
    def k(self) -> int:
        """Number of segments."""
        return self.clustering.k

    def classify(self, encoded: nw.LazyFrame) -> nw.LazyFrame:
        """Add the segment to encoded customers.

        ``segment`` is 1 to k; ties go to the lower number. ``silhouette`` tells how clearly the
        customer belongs, 0 midway between two segments, 1 at the centre (the simplified silhouette
        1 - d(own centre) / d(next centre); for the mixture one less the odds of the next segment);
        null when there is one segment.
        """
        if self.k == 1:
            return encoded.with_columns(
                segment=nw.lit(1).cast(nw.Int64), silhouette=nw.lit(None).cast(nw.Float64)
            )
        names = [f"score_{index}" for index in range(self.k)]
        scored = encoded.with_columns(
            **{name: self._score(index) for index, name in enumerate(names)}
        )
        # The two smallest scores, by comparing each score with the smallest before it.
        segment, second = nw.lit(1), nw.lit(1e300)
        for index in range(1, self.k):
            before = least(*map(nw.col, names[:index]))
            score = nw.col(names[index])
            segment = nw.when(score < before).then(nw.lit(index + 1)).otherwise(segment)
            second = least(second, greatest(before, score))
        smallest = least(*map(nw.col, names))
        ranked = scored.with_columns(
            segment=segment.cast(nw.Int64), score_first=smallest, score_second=second
        )
        first, second = nw.col("score_first"), nw.col("score_second")
        if self.clustering.algorithm in ("kmeans", "ward", "components"):
            # Scores are squared distances; a customer as near to both lies midway.
            safe = nw.when(second > 0).then(second).otherwise(nw.lit(1.0))
            clearness = 1.0 - (first / safe).sqrt()
        else:
            clearness = 1.0 - ((second - first) * -0.5).exp()
        ranked = ranked.with_columns(silhouette=clearness)
        return ranked.drop(*names, "score_first", "score_second")

    def _score(self, index: int) -> nw.Expr:
        """Score of a segment, see `pmlib.segmentation.clustering`."""
        clustering = self.clustering
        moved = [nw.col(f"z{j}") - float(mean) for j, mean in enumerate(clustering.centres[index])]
        if clustering.whitening is not None:
            moved = [
                reduce(add, [m * float(w) for m, w in zip(moved, row, strict=True) if w != 0])
                for row in clustering.whitening[index]
            ]
        return reduce(add, [m * m for m in moved]) + float(clustering.offsets[index])

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
        whitening = None if values["whitening"] is None else np.array(values["whitening"])
        centres, offsets = np.array(values["centres"]), np.array(values["offsets"])
        no_labels = np.zeros(0, dtype=np.int64)
        clustering = Clustering(values["algorithm"], no_labels, centres, whitening, offsets)
        return cls(Encoder.from_json(values), clustering, tuple(values["names"]))


def assign_customers(
    customers: nw.LazyFrame, scorer: Scorer, *, engine: Engine, folder: Path | None = None
) -> nw.LazyFrame:
    """Assign all customers in the engine and keep the result in files.

    One pass encodes the customers, another assigns them; every later question reads the small
    result instead of the raw tables (and the engine need not untangle one giant expression).

    Parameters
    ----------
    customers : narwhals.LazyFrame
        ``customer_id``, the features and whatever else is to be kept.
    folder : pathlib.Path, optional
        An empty folder that outlives the result; by default one that goes when the process ends.

    Returns
    -------
    narwhals.LazyFrame
        `customers` with ``z0, z1, …``, ``segment`` and ``silhouette``.
    """
    folder = folder or scratch_folder(engine)
    encoded, assigned = folder / "encoded.parquet", folder / "assigned.parquet"
    engine.write(customers.select(nw.all(), *scorer.encoder.expressions()), encoded)
    engine.write(scorer.classify(engine.scan(encoded)), assigned)
    return engine.scan(assigned)
