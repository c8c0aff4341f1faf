"""What segments tell of outcomes: chosen by cross-validation, tested by permutation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from pmlib.inference.normal import normal_quantile
from pmlib.numbers import Finding, Number
from pmlib.params import Parameters
from pmlib.segmentation.outcomes import Outcome

LEVEL = 0.01
"""Level of the tests that adopt made segments; .05 adopted on 9 of 149 banks without any: tried."""

LIFT = 1.25
"""What one segment must have of one outcome, times all customers' mean, to be worth acting on."""

PERMUTATIONS, RESAMPLES, FOLDS = 999, 400, 5


@dataclass(frozen=True)
class Scores:
    """The outcomes of one half of the customers, as numbers whose mean is to be told.

    `excess` (n, J) is the score of each customer less what is expected without segments, nought
    where it is not known; `expected` (n, J) likewise; `known` (n, J) of 0 and 1; `stratum` (n,)
    the customers that may change places.
    """

    outcomes: tuple[Outcome, ...]
    customers: pd.Index
    excess: np.ndarray
    expected: np.ndarray
    known: np.ndarray
    stratum: np.ndarray

    @classmethod
    def of(cls, outcomes: Sequence[Outcome], customers: pd.Index) -> Scores:
        """Line the outcomes up by customer."""
        excess, expected, known = (np.zeros((len(customers), len(outcomes))) for _ in range(3))
        strata = np.zeros((len(customers), len(outcomes)), dtype=np.int64)
        for j, outcome in enumerate(outcomes):
            rows = outcome.scores(customers).dropna(subset=["score"])
            at = customers.get_indexer(rows["customer_id"])
            excess[at, j] = rows["score"] - rows["expected"]
            expected[at, j], known[at, j] = rows["expected"], 1.0
            strata[at, j] = rows["stratum"] + 1
        _, stratum = np.unique(strata, axis=0, return_inverse=True)
        return cls(tuple(outcomes), customers, excess, expected, known, stratum.ravel())

    @cached_property
    def added(self) -> np.ndarray:
        """What is added up by segment, side by side (n, 4 J)."""
        return np.hstack([self.known, self.excess, self.excess**2, self.expected])

    def cross_validated(self, labels: pd.Series, *, seed: int) -> float:
        """Share of the variance of scores that means of segments foretell, mean over outcomes.

        Means of four fifths of the customers foretell the rest; below nought where they foretell
        worse than the mean of all.
        """
        place = labels.reindex(self.customers).to_numpy() - 1
        k = int(place.max()) + 1
        fold = np.random.default_rng(seed).integers(FOLDS, size=len(place))
        left = before = np.zeros(self.excess.shape[1])
        for one in range(FOLDS):
            out = fold == one
            mean = _means(self.excess[~out], self.known[~out], place[~out], k)
            whole = self.excess[~out].sum(axis=0) / np.maximum(self.known[~out].sum(axis=0), 1)
            y, known = self.excess[out], self.known[out]
            left = left + (known * (y - mean[place[out]]) ** 2).sum(axis=0)
            before = before + (known * (y - whole) ** 2).sum(axis=0)
        return float((1 - left / np.maximum(before, 1e-300)).mean())


def _means(values: np.ndarray, known: np.ndarray, place: np.ndarray, k: int) -> np.ndarray:
    member = np.eye(k)[place]
    return (member.T @ values) / np.maximum(member.T @ known, 1)


class _Sums:
    """Counts, sums and squares of scores by segment: all that shares and tests need."""

    def __init__(self, scores: Scores, place: np.ndarray, k: int, weight: Any = 1.0) -> None:
        member = np.zeros((len(place), k))
        member[np.arange(len(place)), place] = weight
        sums = np.split(member.T @ scores.added, 4, axis=1)
        self.n, self.total, self.square, self.expected = sums

    def means(self) -> np.ndarray:
        """The outcome in each segment (k, J)."""
        return (self.total + self.expected) / np.maximum(self.n, 1.0)

    def error(self) -> np.ndarray:
        """Standard error of these means, of scores about what is expected (k, J)."""
        n = np.maximum(self.n, 1.0)
        variance = self.square / n - (self.total / n) ** 2
        whole = self.square.sum(axis=0) / self.n.sum(axis=0)
        return np.sqrt(np.where(variance > 1e-12 * whole, variance, whole) / n)

    def explained(self) -> np.ndarray:
        """Share of variance that the segments explain, corrected for their number (J,)."""
        n, k = self.n.sum(axis=0), len(self.n)
        mean = self.total.sum(axis=0) / n
        spread = self.square.sum(axis=0) - n * mean**2
        between = (self.total**2 / np.maximum(self.n, 1e-9)).sum(axis=0) - n * mean**2
        return 1 - (1 - between / spread) * (n - 1) / (n - k)

    def distance(self) -> np.ndarray:
        """How far each segment lies above all, in its own standard errors (k, J)."""
        mean = self.total / np.maximum(self.n, 1.0)
        return (mean - self.total.sum(axis=0) / self.n.sum(axis=0)) / self.error()


def judge(
    scores: Scores, labels: pd.Series, *, rival: pd.Series | None, same: bool, params: Parameters
) -> Finding:
    """Test segments on customers by whom they were not chosen.

    Customers change segments at random, within their stratum. Adopted are segments whose mean share
    of variance explained is above nought and above that of all but one in a hundred permutations,
    and one of which has `LIFT` times what all customers have of one outcome, at the same level
    after correction for all segments and outcomes (by the largest of their distances in each
    permutation).

    Parameters
    ----------
    labels : pandas.Series
        Segment, 1 to k, by customer.
    rival : pandas.Series, optional
        Another partition, that by tiers of a score; `same` where `labels` are of its kind.

    Returns
    -------
    Finding
        *made-test*: ``label, kind`` (level), ``explained`` (share), ``segment`` (the one
        furthest above all), ``here, everybody`` (of the outcome), ``lift, p`` (corrected). The fact
        ``made_test`` is ``passed`` where the segments are adopted.
    """
    place, k = labels.reindex(scores.customers).to_numpy() - 1, int(labels.max())
    found = _Sums(scores, place, k)
    explained, distance = found.explained(), found.distance()
    shares, furthest = _permuted(scores, place, k, seed=params.seed)
    share = float(explained.mean())
    p = (1 + (shares >= share).sum()) / (PERMUTATIONS + 1)
    p_each = (1 + (furthest[:, None, None] >= distance).sum(axis=0)) / (PERMUTATIONS + 1)
    here, everybody = found.means(), found.expected / np.maximum(found.n, 1.0)
    lift = _lift(here, everybody)
    # The outcome that is lifted for certain comes first, by how much its segments explain.
    sure = (p_each <= LEVEL) & (lift >= LIFT)
    at = np.where(sure.any(axis=0), np.where(sure, distance, -np.inf).argmax(axis=0),
                  distance.argmax(axis=0))  # fmt: skip
    each = np.arange(len(scores.outcomes))
    test = pd.DataFrame(
        {
            "label": [outcome.label for outcome in scores.outcomes],
            "kind": [outcome.kind for outcome in scores.outcomes],
            "explained": explained,
            "segment": at + 1,
            "here": here[at, each],
            "everybody": everybody[at, each],
            "lift": np.where(np.isfinite(lift[at, each]), lift[at, each], np.nan),
            "p": p_each[at, each],
        }
    )
    leading = int(np.where(sure.any(axis=0), explained, explained - 2).argmax())
    adopted = share > 0 and p <= LEVEL and bool(sure.any())
    z = normal_quantile(params.confidence_level)
    spread = _resampled(scores, place, k, rival, (int(at[leading]), leading), seed=params.seed)
    half = z * spread
    first = test.iloc[leading]
    numbers = [
        Number("made_outcomes", len(test), "count"),
        Number("made_explained", share, "share", share - half[0], share + half[0], decimals=3),
        Number("made_p", p, "p"),
    ]
    if np.isfinite(first["lift"] * half[1]):
        low, high = first["lift"] - half[1], first["lift"] + half[1]
        numbers.append(Number("made_lift", first["lift"], "ratio", low, high, decimals=2))
    facts = {"made_against_rfm": "is_rfm" if same else "no_rfm"}
    facts["made_test"] = (
        "passed" if adopted else "no_lift" if share > 0 and p <= LEVEL else "no_share"
    )
    if rival is not None and not same:
        other = rival.reindex(scores.customers).to_numpy() - 1
        more = share - float(_Sums(scores, other, int(rival.max())).explained().mean())
        low, high = more - half[2], more + half[2]
        numbers.append(Number("made_more_than_rfm", more, "share", low, high, decimals=3))
        facts["made_against_rfm"] = "more" if low > 0 else "less" if high < 0 else "open"
    units = [outcome.unit for outcome in scores.outcomes]
    margin = z * found.error()
    segment, unit = int(at[leading]), units[leading]
    value, around = here[segment, leading], margin[segment, leading]
    quotes = {
        "lifted": first["label"], "lifted_segment": segment + 1,
        "lifted_here": Number("", value, unit, value - around, value + around),
        "lifted_all": Number("", first["everybody"], unit),
        "lifted_p": Number("", first["p"], "p"),
        "lift_asked": Number("", LIFT, decimals=2),
    }  # fmt: skip
    for column in ("here", "everybody"):
        test[column] = [Number("", v, u) for v, u in zip(test[column], units, strict=True)]
    return Finding(numbers=tuple(numbers), facts=facts, quotes=quotes, tables={"made-test": test})


def _permuted(
    scores: Scores, place: np.ndarray, k: int, *, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Mean share explained, and largest distance, where customers changed segments at random."""
    generator, home = np.random.default_rng(seed), np.argsort(scores.stratum, kind="stable")
    shares, furthest = np.empty(PERMUTATIONS), np.empty(PERMUTATIONS)
    one = scores.stratum.max(initial=0) == 0
    moved = np.empty_like(place)
    for index in range(PERMUTATIONS):
        if one:
            moved = generator.permutation(place)
        else:
            moved[home] = place[np.lexsort((generator.random(len(place)), scores.stratum))]
        again = _Sums(scores, moved, k)
        shares[index], furthest[index] = again.explained().mean(), again.distance().max()
    return shares, furthest


def _lift(here: np.ndarray, everybody: np.ndarray) -> np.ndarray:
    """What segments have, relative to all; infinite where all have nothing or less, and they do."""
    some = everybody > 0
    ratio = here / np.where(some, everybody, 1.0)
    return np.where(some, ratio, np.where(here > 0, np.inf, -np.inf))


def _resampled(
    scores: Scores, place: np.ndarray, k: int, rival: pd.Series | None, at: tuple[int, int],
    *, seed: int,
) -> np.ndarray:  # fmt: skip
    """Standard errors, over resamples of customers, of share, lift at `at`, and lead on a rival."""
    generator = np.random.default_rng(seed)
    other = None if rival is None else rival.reindex(scores.customers).to_numpy() - 1
    drawn = np.full((RESAMPLES, 3), np.nan)
    for row in drawn:
        weight = generator.poisson(1.0, len(place)).astype(float)
        sums = _Sums(scores, place, k, weight)
        row[0] = sums.explained().mean()
        segment, j = at
        base = sums.expected[segment, j] / max(sums.n[segment, j], 1.0)
        base += sums.total[:, j].sum() / max(sums.n[:, j].sum(), 1.0)
        row[1] = sums.means()[segment, j] / base if base > 0 else np.nan
        if other is not None and rival is not None:
            row[2] = row[0] - _Sums(scores, other, int(rival.max()), weight).explained().mean()
    known = np.isfinite(drawn)
    return np.array([
        drawn[at, column].std(ddof=1) if at.sum() > 1 else np.nan
        for column, at in enumerate(known.T)
    ])  # fmt: skip
