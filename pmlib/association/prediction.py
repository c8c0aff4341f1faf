"""Which product next? Rules and segments against baselines, on a later period."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.association.baskets import collect_baskets
from pmlib.association.itemsets import TooManyItemsetsError, frequent_itemsets, too_many
from pmlib.association.purchases import Purchases, collect_purchases, segments_at
from pmlib.association.rules import candidate_rules
from pmlib.canon.holdings import undated
from pmlib.engine import Engine
from pmlib.inference.learners import boosted_trees, one_thread
from pmlib.inference.normal import normal_quantile
from pmlib.inference.proportions import wilson
from pmlib.numbers import Finding, Number, needs
from pmlib.segmentation import Scorer

if TYPE_CHECKING:
    from pmlib.association.findings import HeldProducts
    from pmlib.params import Parameters

_MIN_BUYERS = 50  # in each period; below this no ranking can be told from another
_PRIOR_BUYERS = 20.0  # weight of the overall rate in a segment's rate, in buyers
_PRIOR_EVENTS = 5.0  # weight of "no effect" in a rule's factor, in acquisitions
_DEPTH = 7
# A lead in average precision below this is small: one product more in the first place for fewer
# than one buyer in a hundred.
_SMALL_LEAD = 0.01
_MANY = 6  # products acquired; of fewer, the first three are nearly all there is to name


@needs("holdings", "products")
def next_product(
    tables: Mapping[str, nw.LazyFrame], held: HeldProducts, scorer: Scorer, params: Parameters, *,
    engine: Engine,
) -> Finding:  # fmt: skip
    r"""Compare rankings of the products a customer does not hold, on a later period.

    Parameters
    ----------
    held : pmlib.association.HeldProducts
        The later period ends on its day.
    scorer : pmlib.segmentation.Scorer
        Gives the segments at the start of the later period (`segments_at`).
    params : pmlib.params.Parameters
        prediction_days is the length of the later period, and of the earlier one before it.

    Returns
    -------
    Finding
        A row a ranking: ranking (level); hit_1, hit_3, map_7 with _low and _high (shares);
        lead, lead_low, lead_high (by how much segments and rules surpass its map_7, on the same
        customers). With fewer than six products to name there is no hit_3, with one segment no
        ranking by segment. Empty when it cannot be told.

    Notes
    -----
    *Popularity* ranks by the share of earlier buyers without a product who acquired it; *in the
    segment* by that share within the customer's segment, drawn towards the overall share with the
    weight of 20 buyers. *Rules* are found on the baskets at the start of the later period. Each
    raises its consequent by a factor learnt from the earlier period, observed over expected
    acquisitions among holders of the antecedent, drawn towards 1 with the weight of 5
    acquisitions; the largest factor of a customer's rules counts. Expected is by popularity for
    *rules*, and by popularity in the segment for *segments and rules*.
    *Gradient boosting* [1]_ sees segment and basket, as a bound for what can be learnt from them.

    Holdings without an opening date are left out: to take them as held from the beginning would
    tell of products that were opened later.

    Hit@k is the share of buyers with an acquired product among the first k. MAP@7 is the mean of

    .. math:: AP = \frac{1}{\min(|A|, 7)} \sum_{k \le 7} P(k)\,[\text{k-th product} \in A]

    with A what was acquired and P(k) the share of A among the first k.

    References
    ----------
    .. [1] Friedman (2001), doi:10.1214/aos/1013203451; scikit-learn's histogram version.
    """
    middle = held.as_of - dt.timedelta(days=params.prediction_days)
    with TemporaryDirectory() as folder:
        scratch = Path(folder)
        segments, known = segments_at(middle, tables, held, scorer, engine=engine, folder=scratch)
        found = _judged_rankings(tables, held, params, segments=segments, middle=middle)
    return replace(found, facts={**found.facts, "segments_known": known})


def _judged_rankings(
    tables: Mapping[str, nw.LazyFrame], held: HeldProducts, params: Parameters, *,
    segments: nw.LazyFrame, middle: dt.date,
) -> Finding:  # fmt: skip
    customers, holdings = tables["customers"], tables["holdings"].filter(~undated())
    products, start = list(held.names), middle - dt.timedelta(days=params.prediction_days)
    earlier, later = (
        collect_purchases(
            customers, holdings, products=products, start=first, end=last, segments=segments
        )
        for first, last in ((start, middle), (middle, held.as_of))
    )
    n_earlier, n_later = int(earlier.customers.sum()), int(later.customers.sum())
    if min(n_earlier, n_later) < _MIN_BUYERS or earlier.acquired.any(axis=0).sum() < 2:
        buyers = {"earlier": n_earlier, "later": n_later}
        return Finding(
            facts={"next_product": "too_few" if max(buyers.values()) else "no_dates"},
            quotes={name: Number("", number, "customers") for name, number in buyers.items()},
        )
    baskets = collect_baskets(
        customers, holdings, products=products, as_of=middle, seed=params.seed, segments=segments
    )
    try:
        itemsets = frequent_itemsets(
            baskets, min_support=params.min_support, max_length=params.max_rule_length,
            max_itemsets=params.max_itemsets,
        )  # fmt: skip
    except TooManyItemsetsError:
        return too_many(params)
    rules = candidate_rules(
        itemsets, min_confidence=params.min_confidence, structural_pairs=held.study.structural_pairs
    ).frame
    scores = _scores(earlier, later, rules, seed=params.seed)
    if len(np.unique(later.segment)) < 2:
        scores = {key: score for key, score in scores.items() if "segments" not in key}
    table = _compare(scores, later, confidence_level=params.confidence_level)
    named = int((earlier.acquired.any(axis=0) | later.acquired.any(axis=0)).sum())
    depth, in_words = (3, "three") if named >= _MANY else (1, "one")
    if depth == 1:
        table = table.drop(columns=["hit_3", "hit_3_low", "hit_3_high"])
    rows = table.set_index("ranking")

    def number(key: str, ranking: str, name: str, unit: str, decimals: int | None = None) -> Number:
        value, low, high = rows.loc[ranking, [name, f"{name}_low", f"{name}_high"]]
        return Number(key, value, unit, low, high, decimals=decimals)

    hits = {key: number(f"hit{depth}_{key}", key, f"hit_{depth}", "share") for key in scores}
    leads = {f"lead_{key}": number("", key, "lead", "ratio", decimals=3) for key in scores}
    best = _best(scores)
    return Finding(
        table,
        (Number("n_next_buyers", n_later, "customers"), *hits.values()),
        facts={"next_product": _verdict(rows), "next_ranking": best, "next_depth": in_words},
        quotes={
            "start": start, "middle": middle, "end": held.as_of, **leads, "best": hits[best],
            "popular": hits["popularity"], "products": Number("", named, "count"),
            "small_lead": Number("", _SMALL_LEAD, decimals=2),
        },
    )  # fmt: skip


def _best(scores: Iterable[str]) -> str:
    """The ranking on trial: with one segment there is nothing to combine rules with."""
    return "segments_rules" if "segments_rules" in scores else "rules"


def _verdict(rows: pd.DataFrame) -> str:
    """Whether the ranking on trial leads, and where it combines, both of its parts, and by much."""
    alone = [key for key in ("popularity", "segments", "rules") if key in rows.index]
    if not rows.loc[alone, "lead"].any():
        return "no_better"
    if "segments" not in alone:
        return "lead"
    parts = rows.loc[["segments", "rules"]]
    if parts["lead_low"].min() <= 0:
        return "not_shown"
    return "better" if parts["lead"].min() >= _SMALL_LEAD else "little_better"


def _scores(
    earlier: Purchases, later: Purchases, rules: pd.DataFrame, *, seed: int
) -> dict[str, np.ndarray]:
    """Scores of the later period's rows, (rows, products), by ranking."""
    # Shares of buyers without a product who acquired it; a segment's is shrunk to the overall one.
    weight = earlier.customers
    rate = (weight @ earlier.acquired + 0.5) / (weight @ ~earlier.held + 1)
    local = {}
    for s in np.unique(earlier.segment):
        own = weight * (earlier.segment == s)
        acquired, at_risk = own @ earlier.acquired, own @ ~earlier.held
        local[s] = (acquired + _PRIOR_BUYERS * rate) / (at_risk + _PRIOR_BUYERS)
    alone, raised = {}, {}
    for plain, ruled, known in (("popularity", "rules", {}), ("segments", "segments_rules", local)):
        before, after = (
            np.stack([known.get(s, rate) for s in period.segment]) for period in (earlier, later)
        )
        alone[plain] = after
        raised[ruled] = after * _raised(rules, earlier, later, before)
    return {**alone, **raised, "boosting": _boosting(earlier, later, seed=seed)}


def _raised(
    rules: pd.DataFrame, earlier: Purchases, later: Purchases, expected: np.ndarray
) -> np.ndarray:
    """Largest factor (at least 1) of a rule that applies, (rows of `later`, products)."""
    place = {product: i for i, product in enumerate(later.products)}
    result = np.ones(later.held.shape)
    for X, y in zip(rules["antecedent"], rules["consequent"], strict=True):
        columns, target = [place[x] for x in X], place[y]
        learnt = earlier.held[:, columns].all(axis=1) & ~earlier.held[:, target]
        weight = earlier.customers[learnt]
        observed = weight @ earlier.acquired[learnt, target]
        factor = (observed + _PRIOR_EVENTS) / (weight @ expected[learnt, target] + _PRIOR_EVENTS)
        applies = later.held[:, columns].all(axis=1)
        result[applies, target] = np.maximum(result[applies, target], factor)
    return result


def _boosting(earlier: Purchases, later: Purchases, *, seed: int) -> np.ndarray:
    row, product = np.nonzero(earlier.acquired)
    features = np.column_stack([earlier.segment, earlier.held]).astype(float)
    model = boosted_trees(learning_rate=0.15, trees=40, categories=[0], seed=seed)
    judged = np.column_stack([later.segment, later.held]).astype(float)
    scores = np.zeros(later.held.shape)
    with one_thread():
        model.fit(features[row], product, sample_weight=earlier.customers[row])
        scores[:, model.classes_] = model.predict_proba(judged)
    return scores


def _compare(
    scores: dict[str, np.ndarray], later: Purchases, *, confidence_level: float
) -> pd.DataFrame:
    z = normal_quantile(confidence_level)
    weight, n = later.customers, int(later.customers.sum())
    wanted = np.minimum(later.acquired.sum(axis=1), _DEPTH)
    hit = {name: _hits(score, later) for name, score in scores.items()}
    rank = np.arange(1, min(_DEPTH, len(later.products)) + 1)
    average = {k: (np.cumsum(h, axis=1) / rank * h).sum(axis=1) / wanted for k, h in hit.items()}
    rows: list[dict[str, Any]] = []
    for name, hits in hit.items():
        row: dict[str, Any] = {"ranking": name}
        for k in (1, 3):
            number = int(weight @ hits[:, :k].any(axis=1))
            low, high = wilson(np.array([number]), np.array([n]), confidence_level=confidence_level)
            row |= {f"hit_{k}": number / n, f"hit_{k}_low": low[0], f"hit_{k}_high": high[0]}
        lead = average[_best(scores)] - average[name]
        for label, values in (("map_7", average[name]), ("lead", lead)):
            mean = float(weight @ values) / n
            half = z * math.sqrt(float(weight @ (values - mean) ** 2)) / n
            row |= {label: mean, f"{label}_low": mean - half, f"{label}_high": mean + half}
        rows.append(row)
    return pd.DataFrame(rows)


def _hits(score: np.ndarray, later: Purchases) -> np.ndarray:
    """Whether the k-th ranked product was acquired, (rows, 7); ties by the order of products."""
    ranked = np.argsort(np.where(later.held, np.inf, -score), axis=1, kind="stable")[:, :_DEPTH]
    return np.take_along_axis(later.acquired, ranked, axis=1)
