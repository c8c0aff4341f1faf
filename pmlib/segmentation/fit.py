"""From a sample of customers to segments: test, choose, fit, judge. Needs no notebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pmlib.errors import StudyError
from pmlib.inference.learners import one_thread
from pmlib.numbers import Number
from pmlib.segmentation.clustering import cluster, group_means, require_distinct, subsample
from pmlib.segmentation.criteria import ROWS, SMALLEST_EXCESS, Criteria, compare_numbers
from pmlib.segmentation.homogeneity import Homogeneity, homogeneity_test
from pmlib.segmentation.scorer import Scorer, matched_names, name_segments
from pmlib.segmentation.stability import segment_stability
from pmlib.segmentation.transforms import Encoder, Feature, fit_encoder


@dataclass(frozen=True)
class Segmentation:
    """Segments of a sample, and what assigns everybody else.

    Parameters
    ----------
    scorer : Scorer
        Encoder, centres and names; ``scorer.k`` is the number of segments, 1 for "no segments".
    labels : ndarray of int, shape (n,)
        Segment, 1 to k, of each row of the sample.
    matrix : ndarray, shape (n, p)
        The encoded sample.
    homogeneity : Homogeneity
    criteria : Criteria
    stability : pandas.DataFrame
        ``segment, jaccard, jaccard_low, jaccard_high, verdict``.
    fixed : bool
        Whether the user, not the data, fixed the number.
    seed : int
    numbers : tuple of Number
    text : str
        The outcome in words (Markdown).
    """

    scorer: Scorer
    labels: np.ndarray
    matrix: np.ndarray
    homogeneity: Homogeneity
    criteria: Criteria
    stability: pd.DataFrame
    fixed: bool
    seed: int
    numbers: tuple[Number, ...]
    text: str

    @property
    def encoder(self) -> Encoder:
        """The frozen encoder."""
        return self.scorer.encoder


@one_thread()
def segment(
    sample: pd.DataFrame,
    features: Sequence[Feature],
    *,
    n_segments: int | None = None,
    algorithm: str = "kmeans",
    transform: str = "log",
    k_max: int = 10,
    n_bootstrap: int = 50,
    min_stability: float = 0.75,
    error_rate: float = 0.05,
    confidence_level: float = 0.95,
    seed: int = 0,
) -> Segmentation:
    """Find the segments that a sample of customers supports.

    Parameters
    ----------
    sample : pandas.DataFrame
        One row a customer: ``customer_id`` and a column a feature.
    features : sequence of Feature
        Candidates; constant ones and near-duplicates are dropped.
    n_segments : int, optional
        A number fixed by the user; by default the rule of `Criteria` decides, and one segment
        "All customers" means that the data support none.
    algorithm : {"kmeans", "mixture", "ward"}
    transform : {"log", "standard"}
    k_max : int
        Largest number of segments tried; fewer when there are fewer customers.
    n_bootstrap : int
        Resamples for the stability of segments, and references of the homogeneity test.
    min_stability : float
        Smallest mean bootstrap Jaccard that each segment must reach.
    error_rate : float
        Level of the homogeneity test.
    confidence_level : float
    seed : int

    Raises
    ------
    StudyError
        Duplicate customers, too few customers, infinite values, no usable feature.
    """
    _check_sample(sample)
    encoder = fit_encoder(sample, features, transform=transform)
    matrix = encoder.encode(sample)
    require_distinct(matrix, n_segments or 2)
    k_max = _largest_k(matrix, max(k_max, n_segments or 2))
    homogeneity = homogeneity_test(
        matrix, encoder.blocks, k_max=k_max, error_rate=error_rate, seed=seed,
        n_references=max(n_bootstrap, int(np.ceil(1 / error_rate)) - 1),
    )  # fmt: skip
    criteria = compare_numbers(
        matrix, homogeneity=homogeneity, k_max=k_max, n_bootstrap=n_bootstrap,
        min_stability=min_stability, confidence_level=confidence_level, seed=seed,
    )  # fmt: skip
    k = n_segments or criteria.chosen
    clustering = cluster(matrix, k, algorithm=algorithm, seed=seed)
    stability = segment_stability(
        matrix, clustering, rows=subsample(len(matrix), ROWS, seed=seed), n_bootstrap=n_bootstrap,
        confidence_level=confidence_level, seed=seed,
    )  # fmt: skip
    names = name_segments(encoder, group_means(matrix, clustering.labels, k))
    draft = Segmentation(
        scorer=Scorer(encoder, clustering, names), labels=clustering.labels + 1, matrix=matrix,
        homogeneity=homogeneity, criteria=criteria, stability=stability,
        fixed=n_segments is not None, seed=seed, numbers=(), text="",
    )  # fmt: skip
    return replace(draft, numbers=_numbers(draft), text=_text(draft, min_stability))


def keep_names(result: Segmentation, sample: pd.DataFrame, earlier: Scorer) -> Segmentation:
    """Let the names of an earlier run's segments follow the segments.

    Parameters
    ----------
    result : Segmentation
    sample : pandas.DataFrame
        The sample that made `result`.
    earlier : Scorer
        From the ``scorer.json`` of the earlier run.

    Raises
    ------
    StudyError
        The earlier scorer needs features that this study lacks.
    """
    missing = [f.name for f in earlier.encoder.features if f.name not in sample]
    if missing:
        raise StudyError(
            "The earlier run's segments rest on features that this study lacks.",
            where="names_from",
            found=", ".join(missing),
            remedy="Give the scorer of a run on the same study.",
        )
    before = earlier.assign_sample(sample)
    names = matched_names(result.labels, result.scorer.names, before, earlier.names)
    return replace(result, scorer=replace(result.scorer, names=names))


def _check_sample(sample: pd.DataFrame) -> None:
    repeated = sample.loc[sample["customer_id"].duplicated(), "customer_id"]
    if len(repeated):
        raise StudyError(
            "Customers occur more than once.",
            where="customers.customer_id",
            rule="one row a customer",
            found=f"{len(repeated)} repeated rows, e.g. customer {repeated.iloc[0]}",
        )
    if len(sample) < 20:
        what = "There are too few customers to look for segments."
        found = f"{len(sample)} customers"
        raise StudyError(what, where="customers", rule="at least 20 customers", found=found)


def _largest_k(matrix: np.ndarray, k_max: int) -> int:
    """No more clusters than a tenth of the different customers."""
    distinct = len(np.unique(matrix, axis=0))
    return max(2, min(k_max, distinct // 2, len(matrix) // 10))


def _numbers(result: Segmentation) -> tuple[Number, ...]:
    k, criteria = result.scorer.k, result.criteria
    rows = criteria.table[(criteria.table["k"] == k) & (k > 1)]
    used = rows.iloc[0] if len(rows) else None
    worst = result.stability.sort_values("jaccard").iloc[0] if k > 1 else None

    def estimate(key: str, row: pd.Series | None, column: str, meaning: str) -> Number:
        ends, decimals = ["", "_low", "_high"], 3 if column == "silhouette" else 2
        value, low, high = (None if row is None else float(row[column + end]) for end in ends)
        return Number(key, value, low=low, high=high, decimals=decimals, meaning=meaning)

    return (
        Number("n_segments", k, "count", meaning="Number of customer segments used"),
        Number("segments_supported", criteria.chosen, "count", meaning="Number of segments that "
               "the data support by the study's rule; 1 means none"),
        Number("homogeneity_p", result.homogeneity.p_value, decimals=3,
               meaning="p-value of the test that the customers form one group"),
        Number("homogeneity_excess", result.homogeneity.statistic, decimals=1, meaning="Largest "
               "excess of the silhouette over one-group references in the test (one try each), in "
               "standard deviations"),
        Number("features_tested", len(result.encoder.features), "count",
               meaning="Features that differ enough between customers to look for segments in"),
        estimate("silhouette", used, "silhouette",
                 "Mean silhouette of k-means with this number of segments"),
        estimate("smallest_jaccard", worst, "jaccard",
                 "Bootstrap Jaccard of the least stable segment"),
        Number("rule_margin", None if used is None else _margin(used), decimals=1,
               meaning="By how many standard deviations of the one-group references the "
               "silhouette's excess clears the smallest that the rule accepts"),
        Number("agreement_with_mixture", None if used is None else float(used["ari_mixture"]),
               decimals=2, meaning="Adjusted Rand index of k-means and a Gaussian mixture with "
               "this number of segments"),
        Number("k_by_silhouette", criteria.silhouette_choice, "count",
               meaning="Number of segments by the silhouette alone"),
        Number("k_by_gap", criteria.gap_choice, "count",
               meaning="Number of segments by the gap statistic alone"),
        Number("k_by_bic", criteria.bic_choice, "count",
               meaning="Number of segments by the mixture's BIC alone"),
    )  # fmt: skip


def _text(result: Segmentation, min_stability: float) -> str:
    homogeneity, k = result.homogeneity, result.scorer.k
    p = f"p = {homogeneity.p_value:.3f}"
    entered, offered = len(result.encoder.features), len(result.encoder.report)
    if homogeneity.p_value * (homogeneity.n_references + 1) < 1.5:
        p += f", the smallest that {homogeneity.n_references} references allow"
    if homogeneity.rejected:
        verdict = (
            "One group with the same margins, whose features depend on each other smoothly, does "
            "not explain the data: in the test, the silhouette lies up to "
            f"{homogeneity.statistic:.1f} standard deviations above such references ({p})."
        )
    else:
        verdict = (
            "The data do not differ from one group with the same margins, whose features depend "
            f"on each other smoothly ({p}): **there is no evidence of segments.**"
        )
    if entered < offered:
        labels = [feature.label for feature in result.encoder.features]
        named = f" ({', '.join(labels)})" if entered <= 3 else ""
        verdict = (
            f"Of {offered} candidate features {entered}{named} can tell customers apart; the "
            f"others hardly differ, or repeat these. {verdict}"
        )
    supported = result.criteria.chosen
    if homogeneity.rejected and supported == 1:
        verdict += (
            " Yet no number of segments passes the rule (each segment found again in resamples "
            f"with a Jaccard similarity of {min_stability:.2f} or more, none too small, and a "
            f"silhouette at least {SMALLEST_EXCESS} above the reference): what structure there is "
            "is too faint or too unstable to act on."
        )
    if entered == 1:
        verdict = (
            "With a single feature its distribution is all there is, and a reference with the same "
            "distribution is the data themselves: **the test cannot find segments.**"
        )
    if result.fixed and k != supported:
        wanted = "no segments" if supported == 1 else f"{supported} segments"
        return f"{verdict} The parameter n_segments fixes **{k}**; the data support {wanted}."
    if k == 1:
        return f"{verdict} All customers are treated as one segment, here and in later chapters."
    return f"{verdict} {_choice(result)}"


def _choice(result: Segmentation) -> str:
    """The number chosen, how clearly, and how clear the segments are."""
    table = result.criteria.table
    row = table[table["k"] == result.scorer.k].iloc[0]
    narrow = ""
    if _margin(row) < 1:
        narrow = (
            f", **but narrowly**: the excess is less than one standard deviation of the references "
            f"({row['excess'] / row['excess_sd']:.4f}) above the {SMALLEST_EXCESS} asked for"
        )
    return (
        f"The rule chooses **{result.scorer.k} segments**{narrow}. Their silhouette is "
        f"{row['silhouette']:.3f}, {row['excess']:.3f} above its reference; k-means and a Gaussian "
        f"mixture agree on them with an adjusted Rand index of {row['ari_mixture']:.2f}."
    )


def _margin(row: pd.Series) -> float:
    """Distance of the excess from the smallest accepted, in the references' standard deviations."""
    return float(row["excess_sd"] * (1 - SMALLEST_EXCESS / row["excess"]))
