"""How well a score tells those with the event from the others: the area under the ROC curve.

The area is the chance that one with the event has the larger score than one without, ties
counting half. The place of each among the other side is constant within a score, so counts a score
suffice, and they may stay in the engine: a continuous attribute has as many as there are
customers.
"""

from __future__ import annotations

from typing import NamedTuple

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.errors import StudyError
from pmlib.inference.normal import normal_quantile


class Area(NamedTuple):
    """Area under the ROC curve, its variance, and the counts of either side."""

    auc: float
    variance: float
    events: int
    others: int


def roc_area(counts: nw.LazyFrame) -> Area:
    """Area under the ROC curve with DeLong's variance, from counts a score.

    Written out because scikit-learn has no variance and needs a row a customer in memory.

    `counts` has ``score``, ``events``, ``others``; a score may come several times. The area is NaN
    without events or without others. With one of either its variance is unknown, and 0.25, the
    largest there can be, is given.

    Notes
    -----
    Variances of the structural components: DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44,
    837-845.
    """
    sides = ("events", "others")
    counts = counts.with_columns(nw.col(*sides).cast(nw.Float64))
    table = counts.group_by("score").agg(nw.col(*sides).sum())
    n1, n0 = _row(table.select(nw.col(*sides).sum()))
    if not (n1 > 0 and n0 > 0):
        return Area(np.nan, np.nan, int(n1), int(n0))
    placed = table.with_columns(
        events_to=nw.col("events").cum_sum().over(order_by="score"),
        others_to=nw.col("others").cum_sum().over(order_by="score"),
    ).with_columns(
        wins=(nw.col("others_to") - nw.col("others") * 0.5) / float(n0),
        losses=1.0 - (nw.col("events_to") - nw.col("events") * 0.5) / float(n1),
    )
    wins, wins2, losses2 = _row(
        placed.select(
            wins=(nw.col("events") * nw.col("wins")).sum(),
            wins2=(nw.col("events") * nw.col("wins") * nw.col("wins")).sum(),
            losses2=(nw.col("others") * nw.col("losses") * nw.col("losses")).sum(),
        )
    )
    auc, variance = wins / n1, 0.25
    if min(n1, n0) > 1:
        # Rounding can end below 0 where one side stands wholly above the other.
        of_events = max(wins2 / n1 - auc**2, 0.0) / (n1 - 1)
        variance = of_events + max(losses2 / n0 - auc**2, 0.0) / (n0 - 1)
    return Area(float(auc), float(variance), int(n1), int(n0))


def _row(frame: nw.LazyFrame) -> tuple[float, ...]:
    row = frame.collect("pandas").to_pandas().iloc[0]
    return tuple(row.astype(float).fillna(0.0))  # the sum over no rows is null


def area_interval(
    auc: float, variance: float, *, confidence_level: float = 0.95
) -> tuple[float, float]:
    """Interval of an area, made on the logit scale so that it stays within 0 and 1.

    An area of 0 or 1 has no logit and is its own interval.

    Notes
    -----
    Pepe (2003), The Statistical Evaluation of Medical Tests for Classification and Prediction,
    Oxford, section 5.2.
    """
    if not 0 < auc < 1:
        return auc, auc
    half = normal_quantile(confidence_level) * np.sqrt(variance) / (auc * (1 - auc))
    logit = np.log(auc / (1 - auc))
    return float(1 / (1 + np.exp(half - logit))), float(1 / (1 + np.exp(-half - logit)))


def auc_interval(
    score: np.ndarray, event: np.ndarray, *, confidence_level: float = 0.95
) -> tuple[float, float, float]:
    """Area under the ROC curve of a score with its interval; `event` is Boolean.

    StudyError where all or none of the customers have the event.
    """
    frame = pd.DataFrame({"score": score, "events": event, "others": ~event})
    area = roc_area(nw.from_native(frame).lazy())
    if not area.events or not area.others:
        raise StudyError(
            "A ranking cannot be judged.",
            rule="buyers and others",
            found=f"{area.events} buyers of {area.events + area.others}",
        )
    return area.auc, *area_interval(*area[:2], confidence_level=confidence_level)
