"""From a sample of customers to segments: test, choose, fit, judge. Needs no notebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pmlib.errors import StudyError
from pmlib.inference.learners import one_thread
from pmlib.numbers import Finding, Number, Phrase
from pmlib.params import Parameters
from pmlib.segmentation.clustering import cluster, require_distinct, subsample
from pmlib.segmentation.criteria import ROWS, SMALLEST_EXCESS, Criteria, compare_numbers, gap_choice
from pmlib.segmentation.homogeneity import Homogeneity, homogeneity_test
from pmlib.segmentation.scorer import Scorer
from pmlib.segmentation.stability import segment_stability
from pmlib.segmentation.transforms import Encoder, Feature, fit_encoder

FEWEST = 20
"""Fewer customers are not looked through for segments."""


@dataclass(frozen=True, kw_only=True)
class Segmentation(Finding):
    """Segments of a sample, and what assigns everybody else.

    The table is that of `Criteria`; further tables are *criteria* (the same without the ends of
    intervals), *features* (`Encoder.report`) and *stability* (see `segment_stability`).

    Parameters
    ----------
    scorer : Scorer
        Encoder, centres and names; ``scorer.k`` is the number of segments, 1 for "no segments".
    labels : ndarray of int, shape (n,)
        Segment, 1 to k, of each row of the sample.
    matrix : ndarray, shape (n, p)
        The encoded sample.
    """

    scorer: Scorer
    labels: np.ndarray
    matrix: np.ndarray
    seed: int

    @property
    def made(self) -> bool:
        """Whether the segments were made to serve, not found."""
        return self.facts["segments"] == "made"

    @property
    def encoder(self) -> Encoder:
        """The frozen encoder."""
        return self.scorer.encoder


@one_thread()
def segment(sample: pd.DataFrame, features: Sequence[Feature], params: Parameters) -> Segmentation:
    """Find the segments that a sample of customers supports.

    Parameters
    ----------
    sample : pandas.DataFrame
        One row a customer: ``customer_id`` and a column a feature.
    features : sequence of Feature
        Candidates; constant ones and near-duplicates are dropped.
    params : pmlib.params.Parameters
        Of these the parameters of segmentation, ``error_rate``, ``confidence_level`` and ``seed``.
        Where no number is asked for, the rule of `Criteria` decides, and one segment means that
        the data support none. ``k_max`` is lowered where there are few customers.

    Returns
    -------
    Segmentation
        Segments bear their numbers as names, until `name_segments`. One segment without a test
        where there is nothing to look for segments in, see `untried`.

    Raises
    ------
    StudyError
        Duplicate customers, infinite values, fewer different customers than segments asked for.
    """
    _check_sample(sample)
    encoder = fit_encoder(sample, features, transform=params.transform)
    matrix = encoder.encode(sample)
    least, seed = params.n_segments or 2, params.seed
    reason = untried(len(matrix), len(encoder.features))
    if reason and params.n_segments in (None, 1):
        return _everybody(matrix, encoder, reason, seed=seed)
    require_distinct(matrix, least)
    # No more clusters than a tenth of the customers, or half of the different ones.
    distinct = len(np.unique(matrix, axis=0))
    k_max = max(2, min(max(params.k_max, least), distinct // 2, len(matrix) // 10))
    homogeneity = homogeneity_test(
        matrix, encoder.blocks, k_max=k_max, error_rate=params.error_rate, seed=seed,
        n_references=max(params.n_bootstrap, int(np.ceil(1 / params.error_rate)) - 1),
    )  # fmt: skip
    criteria = compare_numbers(matrix, homogeneity, params, k_max=k_max)
    k = params.n_segments or criteria.chosen
    clustering = cluster(matrix, k, algorithm=params.algorithm, seed=seed)
    rows = subsample(len(matrix), ROWS, seed=seed)
    stability = segment_stability(matrix, clustering, params, rows=rows)
    names = tuple(map(str, range(1, k + 1)))
    ends = [f"{name}_{end}" for name in ("silhouette", "reference") for end in ("low", "high")]
    shown = criteria.table.drop(columns=ends)
    return Segmentation(
        table=criteria.table,
        numbers=_numbers(k, encoder, homogeneity, criteria, stability),
        facts=_facts(k, encoder, homogeneity, criteria),
        quotes=_quotes(k, encoder, homogeneity, criteria)
        | {
            "names": names,
            "number_used": k,
            "min_stability": Number("", params.min_stability, decimals=2),
        },
        tables={"criteria": shown, "features": encoder.report, "stability": stability},
        scorer=Scorer(encoder, clustering, names),
        labels=clustering.labels + 1,
        matrix=matrix,
        seed=seed,
    )


def _check_sample(sample: pd.DataFrame) -> None:
    repeated = sample.loc[sample["customer_id"].duplicated(), "customer_id"]
    if len(repeated):
        raise StudyError(
            "Customers occur more than once.", where="customers.customer_id",
            rule="one row a customer",
            found=f"{len(repeated)} repeated rows, e.g. customer {repeated.iloc[0]}",
        )  # fmt: skip


def untried(customers: int, features: int) -> str | None:
    """Why segments are not looked for, given what there is to look in; None where they are.

    A level of the fact ``homogeneity``: ``few_customers`` or ``no_feature``.
    """
    if customers < FEWEST:
        return "few_customers"
    return None if features else "no_feature"


def untried_words(reason: str, customers: int) -> Phrase:
    """The same for a reader."""
    return Phrase(f"untried.{reason}", {"sampled": customers, "fewest": FEWEST})


def _everybody(matrix: np.ndarray, encoder: Encoder, reason: str, *, seed: int) -> Segmentation:
    """All customers as one segment, where nothing could be tested."""
    clustering = cluster(matrix, 1, seed=seed)
    unknown = {"jaccard": [np.nan], "jaccard_low": [np.nan], "jaccard_high": [np.nan]}
    stability = pd.DataFrame({"segment": [1], **unknown, "verdict": ["one_segment"]})
    return Segmentation(
        numbers=(
            Number("n_segments", 1, "count"),
            Number("segments_supported", 1, "count"),
            Number("features_tested", 0, "count"),
        ),
        facts={
            "homogeneity": reason,
            "segments": "none",
            "segments_used": "supported",
            "number_of_segments": "one",
            "choice_of_segments": "none",
        },
        quotes={"names": ("1",), "untried": untried_words(reason, len(matrix))},
        tables={"criteria": pd.DataFrame(), "features": encoder.report, "stability": stability},
        scorer=Scorer(encoder, clustering, ("1",)),
        labels=clustering.labels + 1,
        matrix=matrix,
        seed=seed,
    )


def _numbers(
    k: int, encoder: Encoder, homogeneity: Homogeneity, criteria: Criteria, stability: pd.DataFrame
) -> tuple[Number, ...]:
    used, table = criteria.row(k), criteria.table.set_index("k")
    worst = stability.sort_values("jaccard").iloc[0] if k > 1 else None

    def estimate(key: str, row: pd.Series | None, column: str, decimals: int) -> Number:
        ends = ("", "_low", "_high")
        value, low, high = (None if row is None else float(row[column + end]) for end in ends)
        return Number(key, value, low=low, high=high, decimals=decimals)

    return (
        Number("n_segments", k, "count"),
        Number("segments_supported", criteria.chosen, "count"),
        Number("homogeneity_p", homogeneity.p_value, "p"),
        Number("homogeneity_excess", homogeneity.statistic, decimals=1),
        Number("features_tested", len(encoder.features), "count"),
        estimate("silhouette", used, "silhouette", 3),
        estimate("smallest_jaccard", worst, "jaccard", 2),
        Number("rule_margin", None if used is None else margin(used), decimals=1),
        Number("agreement_with_mixture", None if used is None else used["ari_mixture"], decimals=2),
        Number("k_by_silhouette", table["silhouette"].idxmax(), "count"),
        Number("k_by_gap", gap_choice(table["gap"], table["gap_se"]), "count"),
        Number("k_by_bic", table["bic"].idxmin(), "count"),
    )


def _facts(
    k: int, encoder: Encoder, homogeneity: Homogeneity, criteria: Criteria
) -> dict[str, str]:
    """Verdicts: are there segments, which number is used, and how clear is the choice."""
    supported = k == criteria.chosen
    used = criteria.row(k) if supported else None
    choice = "none" if used is None else "narrow" if margin(used) < 1 else "clear"
    # A reference with the distribution of a single feature is the data themselves.
    homogeneous = "rejected" if homogeneity.rejected else "kept"
    return {
        "homogeneity": "untestable" if len(encoder.features) == 1 else homogeneous,
        "segments": "found" if criteria.chosen > 1 else "none",
        "segments_used": "supported" if supported else "asked",
        "number_of_segments": "several" if k > 1 else "one",
        "choice_of_segments": choice,
    }


def _quotes(
    k: int, encoder: Encoder, homogeneity: Homogeneity, criteria: Criteria
) -> dict[str, Any]:
    entered, offered = len(encoder.features), len(encoder.report)
    quotes: dict[str, Any] = {
        "offered": offered,
        "left_out": entered < offered,
        "entered": [feature.label() for feature in encoder.features] if entered <= 3 else [],
        "smallest_p": homogeneity.p_value * (homogeneity.n_references + 1) < 1.5,
        "references": homogeneity.n_references,
        "smallest_excess": Number("", SMALLEST_EXCESS, decimals=2),
    }
    used = criteria.row(k)
    if used is not None:
        quotes["excess"] = Number("", used["excess"], decimals=3)
        quotes["reference_sd"] = Number("", _reference_sd(used), decimals=4)
    return quotes


def margin(row: pd.Series) -> float:
    """Distance of the excess from the smallest accepted, in the references' standard deviations."""
    return float((row["excess"] - SMALLEST_EXCESS) / _reference_sd(row))


def _reference_sd(row: pd.Series) -> float:
    """NaN where the references have none, or it cannot be told from an excess of nothing."""
    return float(row["excess"] / row["excess_sd"]) if row["excess_sd"] else np.nan
