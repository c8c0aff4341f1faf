"""Segments made to serve where none are found: chosen on one half of the customers, tested on one.

Cluster analysis may look for groups that are there, or make groups that are useful
[@hennig2015strategy]. Where `pmlib.segmentation.fit` finds none, groups are made without looking at
any outcome; the grouping that tells most about outcomes is chosen by cross-validation on one half,
and one test on the other half decides whether it is used at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from pmlib.canon.customers import held_out
from pmlib.engine import Engine, flag
from pmlib.inference.learners import one_thread
from pmlib.inference.ranking import auc_interval
from pmlib.numbers import Finding, Number
from pmlib.params import Parameters
from pmlib.segmentation.clustering import WAYS, cluster, subsample
from pmlib.segmentation.criteria import ROWS
from pmlib.segmentation.features import (
    BREADTH,
    WINDOW_DAYS,
    FeatureTable,
    customer_features,
    day_range,
    draw_sample,
)
from pmlib.segmentation.fit import Segmentation
from pmlib.segmentation.gain import Scores, judge
from pmlib.segmentation.outcomes import FEWEST_EVENTS, Outcome, judging_day, study_outcomes
from pmlib.segmentation.scorer import Scorer
from pmlib.segmentation.stability import segment_stability
from pmlib.segmentation.transforms import EncodedColumn, Encoder, Feature, fit_encoder
from pmlib.studies import Study

MOST_CUSTOMERS = 100_000
"""Customers on whom made segments are chosen and tested, at most."""

MOST_SEGMENTS = 6
SMALLEST = 0.05
"""Made segments number two to six, none with a smaller share of the customers."""

FOLLOWS = 0.9
"""A feature that alone ranks an outcome with a larger AUC follows from it, and forms nothing."""

_MEASURES = {
    "recency": "recency", "n_transactions": "frequency", "money_in": "monetary",
    "money_out": "monetary",
}  # fmt: skip
"""What the features that count a year's transactions measure."""


@dataclass(frozen=True)
class Candidate:
    """One way of making segments, with what it tells about outcomes of the first half."""

    way: str
    scorer: Scorer
    matrix: np.ndarray  # rows that it was fitted on
    labels: pd.Series  # segment, 1 to k, of every customer
    smallest: float  # share of customers
    gain: float  # cross-validated share of variance explained, mean over outcomes


@one_thread()
def make_segments(
    result: Segmentation,
    sample: pd.DataFrame,
    features: FeatureTable,
    study: Study,
    engine: Engine,
    params: Parameters,
) -> Segmentation:
    """Make segments where none were found, if they serve; else leave the customers as one.

    Parameters
    ----------
    result : Segmentation
        What `pmlib.segmentation.fit.segment` found in `sample`.
    params : pmlib.params.Parameters
        ``made_segments`` (whether to), ``sample_size``, ``transform``, ``min_stability``,
        ``n_bootstrap``, ``confidence_level``, ``seed``.

    Returns
    -------
    Segmentation
        Its fact ``segments`` is ``made`` where segments are adopted; ``making`` says what came of
        it. Further tables, without rows where no candidates were judged: *made-candidates*, see
        `_rows`, and *made-test*, see `pmlib.segmentation.gain.judge`.
    """
    untried = result.facts["homogeneity"]
    for reason, holds in (
        ("asked", params.n_segments is not None),
        ("not_needed", result.facts["segments"] == "found"),
        ("off", not params.made_segments),
        ("no_feature", untried == "no_feature"),
        ("no_outcome", untried == "few_customers"),
    ):
        if holds:
            return _with(result, reason)
    day, drawn = judging_day(study, engine)
    known, usable = _known_by(day, features, study, engine, params)
    ids = engine.from_pandas(known[["customer_id"]])
    outcomes = study_outcomes(study, engine, ids, day=day, drawn=drawn)
    known = known.set_index("customer_id")
    first, second = known.index[known["testing"] == 0], known.index[known["testing"] == 1]
    told = [o for o in outcomes if min(o.events(first), o.events(second)) >= FEWEST_EVENTS]
    if not told:
        return _with(result, "no_outcome")
    usable = _forming(known.loc[first], usable, told)
    size, seed = params.sample_size, params.seed
    fitted = known.loc[first].iloc[subsample(len(first), size, seed=seed)]
    encoder = fit_encoder(fitted, usable, transform=params.transform)
    if len(encoder.features) < 2:
        return _with(result, "no_feature")
    scores = Scores.of(told, first)
    made = _candidates(known, fitted, encoder, scores, seed=seed)
    candidates = sorted(made, key=lambda one: -one.gain)
    tried = Number("made_tried", len(candidates), "count")
    chosen, stability = _first_stable(candidates, params)
    rows = _rows(candidates, chosen, stability)
    if chosen is None:
        found = Finding(numbers=(tried,), tables={"made-candidates": rows})
        return _with(result, "no_candidate", found)
    tiers = [one for one in candidates if one.way == "tiers"]
    verdict = judge(
        Scores.of(told, second), chosen.labels, rival=tiers[0].labels if tiers else None,
        same=chosen.way == "tiers", params=params,
    )  # fmt: skip
    return _decided(result, sample, chosen, stability, rows, verdict, tried)


def _known_by(
    day: Any, features: FeatureTable, study: Study, engine: Engine, params: Parameters
) -> tuple[pd.DataFrame, list[Feature]]:
    """Customers with what was known of them on a day, and the features that may form segments.

    The number of products is left out, since it counts what the outcomes count. So are a year's
    transactions where the record does not reach back for them.
    """
    then, left_out = features, {BREADTH}
    if day < features.as_of:
        tables = {name: study.scan(name, engine) for name in study.tables}
        then = customer_features(tables, study.attributes, as_of=day, channels=features.channels)
        if "transactions" in tables:
            first, _ = day_range(tables["transactions"], "booked_on")
            if first is None or (day - first).days < WINDOW_DAYS - 31:
                left_out |= {f.name for f in then.features if f.words in (*_MEASURES, "channel")}
    there = {f.name for f in then.all} - left_out
    usable = [f for f in features.features if f.name in there]
    testing = flag(held_out(params.seed))
    frame = then.frame.with_columns(testing=testing)
    return draw_sample(frame, size=MOST_CUSTOMERS, seed=params.seed), usable


def _forming(
    known: pd.DataFrame, usable: Sequence[Feature], told: Sequence[Outcome]
) -> list[Feature]:
    """Features without the numbers that all but tell an outcome that is no effect."""
    outcomes = [
        outcome.rows.set_index("customer_id")["y"].reindex(known.index)
        for outcome in told
        if outcome.kind != "uplift"
    ]
    return [
        feature
        for feature in usable
        if feature.kind != "number"
        or not any(_follows(known[feature.name].astype(float), y) for y in outcomes)
    ]


def _follows(values: pd.Series, y: pd.Series) -> bool:
    there = y.notna() & values.notna()
    if y[there].nunique() != 2:
        return False
    area = auc_interval(values[there].to_numpy(), y[there].to_numpy() > 0)[0]
    return max(area, 1 - area) > FOLLOWS


def _candidates(
    known: pd.DataFrame,
    fitted: pd.DataFrame,
    encoder: Encoder,
    scores: Scores,
    *,
    seed: int,
) -> Iterator[Candidate]:
    """Every way and number of segments that leaves no segment too small."""
    for coded, ways in (
        (encoder, [way for way in WAYS if way != "tiers"]),
        (score_encoder(fitted, encoder.features), ["tiers"]),
    ):
        if coded is None:
            continue
        matrix, everybody = coded.encode(fitted), coded.encode(known)
        told_apart = matrix.sum(axis=1) if coded is not encoder else matrix
        distinct = len(np.unique(told_apart, axis=0))
        for way, k in product(ways, range(2, min(MOST_SEGMENTS, distinct) + 1)):
            clustering = cluster(matrix, k, algorithm=way, seed=seed, blocks=coded.blocks)
            labels = pd.Series(clustering.scores(everybody).argmin(axis=1) + 1, known.index)
            smallest = float((np.bincount(labels, minlength=k + 1)[1:] / len(labels)).min())
            if smallest >= SMALLEST:
                scorer = Scorer(coded, clustering, tuple(map(str, range(1, k + 1))))
                gain = scores.cross_validated(labels, seed=seed)
                yield Candidate(way, scorer, matrix, labels, smallest, gain)


def score_encoder(fitted: pd.DataFrame, usable: Sequence[Feature]) -> Encoder | None:
    """Fifths of recency, frequency and monetary value; None where fewer than two are known.

    A study's attributes say themselves what they measure. Of two that measure the same the first
    is taken; the most recent fifth scores highest.
    """
    chosen: dict[str, Feature] = {}
    for feature in usable:
        measured = feature.about.get("rfm") or _MEASURES.get(feature.words)
        if measured and feature.kind == "number":
            chosen.setdefault(measured, feature)
    columns = []
    for measured, feature in chosen.items():
        values = fitted[feature.name].to_numpy(dtype=float)
        fill = feature.fill if feature.fill is not None else float(np.nanmedian(values))
        values = np.where(np.isnan(values), fill, values)
        cuts = tuple(np.unique(np.quantile(values, [0.2, 0.4, 0.6, 0.8])).tolist())
        turn = -1.0 if measured == "recency" else 1.0
        columns.append(
            EncodedColumn(feature.name, None, log=False, fill=fill, low=1.0, high=5.0, centre=3.0,
                          scale=turn, cuts=cuts)
        )  # fmt: skip
    if len(columns) < 2:
        return None
    return Encoder(tuple(columns), tuple(chosen.values()), {}, pd.DataFrame())


def _first_stable(
    candidates: Sequence[Candidate], params: Parameters
) -> tuple[Candidate | None, dict[int, pd.DataFrame]]:
    """The candidate that tells most among those that resamples find again, and what was tried."""
    tried: dict[int, pd.DataFrame] = {}
    for index, one in enumerate(candidates):
        if one.gain <= 0:
            break
        rows = subsample(len(one.matrix), ROWS, seed=params.seed)
        own = one.scorer.clustering
        own = replace(own, labels=own.scores(one.matrix).argmin(axis=1))
        tried[index] = segment_stability(
            one.matrix, own, params, rows=rows, blocks=one.scorer.encoder.blocks
        )
        if tried[index]["jaccard"].min() >= params.min_stability:
            return one, tried
    return None, tried


def _rows(
    candidates: Sequence[Candidate], chosen: Candidate | None, tried: dict[int, pd.DataFrame]
) -> pd.DataFrame:
    """``way`` (level), ``k, smallest_share, gain, jaccard`` (of the least stable), ``chosen``.

    The Jaccard similarity is missing where no better candidate had failed, so none was needed.
    """
    return pd.DataFrame(
        {
            "way": [one.way for one in candidates],
            "k": [one.scorer.k for one in candidates],
            "smallest_share": [one.smallest for one in candidates],
            "gain": [one.gain for one in candidates],
            "jaccard": [
                tried[i]["jaccard"].min() if i in tried else np.nan for i in range(len(candidates))
            ],
            "chosen": [one is chosen for one in candidates],
        }
    )


def _decided(
    result: Segmentation,
    sample: pd.DataFrame,
    chosen: Candidate,
    tried: dict[int, pd.DataFrame],
    rows: pd.DataFrame,
    verdict: Finding,
    n_tried: Number,
) -> Segmentation:
    """The segmentation with the made segments where the test adopts them, else as it was."""
    found = replace(
        verdict,
        numbers=(n_tried, *verdict.numbers),
        tables={"made-candidates": rows, **verdict.tables},
    )
    matrix = chosen.scorer.encoder.encode(sample)
    labels = chosen.scorer.clustering.scores(matrix).argmin(axis=1) + 1
    present = len(np.unique(labels)) == chosen.scorer.k
    if not (verdict.facts["made_test"] == "passed" and present):
        facts = verdict.facts if present else {**verdict.facts, "made_test": "nobody_now"}
        return _with(result, "not_adopted", replace(found, facts=facts))
    stability = list(tried.values())[-1]
    worst = stability.sort_values("jaccard").iloc[0]
    value, low, high = (float(worst[f"jaccard{end}"]) for end in ("", "_low", "_high"))
    anew = {
        "n_segments": Number("n_segments", chosen.scorer.k, "count"),
        "smallest_jaccard": Number("smallest_jaccard", value, low=low, high=high, decimals=2),
    }
    kept = tuple(number for number in result.numbers if number.key not in anew)
    facts = {"segments": "made", "segments_used": "made", "number_of_segments": "several"}
    made = replace(
        result,
        numbers=(*kept, *anew.values()),
        facts={**result.facts, **facts},
        quotes={**result.quotes, "names": chosen.scorer.names},
        scorer=chosen.scorer,
        labels=labels,
        matrix=matrix,
    )
    return _with(made, "adopted", replace(found, tables={**found.tables, "stability": stability}))


def _with(result: Segmentation, making: str, found: Finding | None = None) -> Segmentation:
    """The segmentation with what came of making segments."""
    found = found or Finding()
    return replace(
        result,
        numbers=(*result.numbers, *found.numbers),
        facts={**result.facts, **found.facts, "making": making},
        quotes={**result.quotes, **found.quotes},
        tables={
            **dict.fromkeys(("made-candidates", "made-test"), pd.DataFrame()),
            **result.tables,
            **found.tables,
        },
    )
