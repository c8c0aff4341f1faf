"""Which product next? Rules and segments against baselines, on a later period."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.association.baskets import (
    collect_baskets,
    unpack,
    with_baskets,
    word_names,
)
from pmlib.association.itemsets import frequent_itemsets
from pmlib.association.rules import candidate_rules
from pmlib.canon.customers import joined_by
from pmlib.canon.holdings import held_on, opened_by, undated
from pmlib.engine import Engine, collect, day_number
from pmlib.inference.learners import boosted_trees, one_thread
from pmlib.inference.normal import normal_quantile
from pmlib.inference.proportions import wilson
from pmlib.numbers import Number
from pmlib.numbers import WordedFinding as Finding
from pmlib.segmentation import Scorer, assign_customers, customer_features
from pmlib.studies import Attribute

MODELS = {
    "popularity": "Popularity",
    "segments": "Popularity in the segment",
    "rules": "Rules",
    "segments_rules": "Segments and rules",
    "boosting": "Gradient boosting",
}
"""The rankings that are compared, in the order of the table."""

_MIN_BUYERS = 50  # in each period; below this no ranking can be told from another
_PRIOR_BUYERS = 20.0  # weight of the overall rate in a segment's rate, in buyers
_PRIOR_EVENTS = 5.0  # weight of "no effect" in a rule's factor, in acquisitions
_DEPTH = 7
_MANY = 6  # products acquired; of fewer, the first three are nearly all there is to name
_HISTORY_DAYS = 334


@dataclass(frozen=True)
class Purchases:
    """What customers held at the start of a period, and what they acquired in it.

    Parameters
    ----------
    products : tuple of str
    held, acquired : numpy.ndarray of bool, shape (rows, products)
        A row is one combination of segment, basket and acquisitions; customers who acquired
        nothing are left out.
    segment, customers : numpy.ndarray of int, shape (rows,)
    """

    products: tuple[str, ...]
    held: np.ndarray
    acquired: np.ndarray
    segment: np.ndarray
    customers: np.ndarray


def segments_at(
    tables: Mapping[str, nw.LazyFrame],
    attributes: Mapping[str, Attribute],
    assignments: nw.LazyFrame,
    scorer: Scorer,
    *,
    as_of: dt.date,
    days: int,
    engine: Engine,
    folder: Path,
) -> tuple[nw.LazyFrame, str]:
    """Assign the customers as they were on an earlier day, with the frozen scorer.

    A ranking that is judged on what came after a day must not know segments formed later.

    Parameters
    ----------
    tables, attributes : mapping
        The study's canonical tables and declared attributes, by name.
    assignments : narwhals.LazyFrame
        customer_id, segment as of `as_of`; taken where there is one segment, or where the
        transactions do not reach back a year before the earlier day.
    scorer : pmlib.segmentation.Scorer
    as_of : datetime.date
    days : int
        From the earlier day to `as_of`.
    engine : pmlib.engine.Engine
    folder : pathlib.Path
        An empty scratch folder that outlives the result.

    Returns
    -------
    segments : narwhals.LazyFrame
        customer_id, segment.
    text : str
        As of when they are.
    """
    if scorer.k == 1:
        return assignments, "All customers are in one segment: no ranking goes by segment."
    day = as_of - dt.timedelta(days=days)
    if "transactions" in tables:
        first = collect(
            tables["transactions"].select(first=day_number("booked_on").min()), sort_by=[]
        )["first"].iloc[0]
        # The first month of the year may be missing: histories start at the first of a month.
        if first > day.toordinal() - _HISTORY_DAYS:
            return assignments, (
                f"The transactions do not reach a year before {day:%Y-%m-%d}: segments are those "
                f"of {as_of:%Y-%m-%d}, and rankings that use them know a little of the future."
            )
    channels = customer_features(tables, attributes, as_of=as_of).channels
    then = customer_features(tables, attributes, as_of=day, channels=channels)
    assigned = assign_customers(then.frame, scorer, engine=engine, folder=folder)
    text = f"Segments are those that the customers were in on {day:%Y-%m-%d}."
    return assigned.select("customer_id", "segment"), text


def collect_purchases(
    customers: nw.LazyFrame,
    holdings: nw.LazyFrame,
    *,
    products: Sequence[str],
    start: dt.date,
    end: dt.date,
    segments: nw.LazyFrame,
) -> Purchases:
    """Count (segment, basket at `start`, acquired by `end`) with one group-by in the engine.

    Parameters
    ----------
    customers : narwhals.LazyFrame
        Those who joined after `start` are left out.
    holdings : narwhals.LazyFrame
        customer_id, product_id, opened_on, closed_on.
    products : sequence of str
    start, end : datetime.date
    segments : narwhals.LazyFrame
        customer_id, segment.

    Returns
    -------
    Purchases
    """
    products = tuple(sorted(products))
    opened = holdings.filter(opened_by(end) & ~opened_by(start))
    table = joined_by(customers, start).select("customer_id", "customer_hash")
    table = with_baskets(table, holdings.filter(held_on(start)), products)
    buyers = opened.select("customer_id").unique()
    table = with_baskets(
        table.join(buyers, on="customer_id", how="semi"), opened, products, prefix="new"
    )
    table = table.join(segments.select("customer_id", "segment"), on="customer_id", how="inner")
    before, after = (word_names(len(products), prefix) for prefix in ("word", "new"))
    keys = ["segment", *before, *after]
    counted = collect(table.group_by(keys).agg(customers=nw.len()), sort_by=keys)
    held = unpack(counted[before].to_numpy(dtype=np.int64), len(products))
    acquired = unpack(counted[after].to_numpy(dtype=np.int64), len(products)) & ~held
    bought = acquired.any(axis=1)
    return Purchases(
        products,
        held[bought],
        acquired[bought],
        counted["segment"].to_numpy(dtype=np.int64)[bought],
        counted["customers"].to_numpy(dtype=np.int64)[bought],
    )


def predict_next_product(
    customers: nw.LazyFrame,
    holdings: nw.LazyFrame,
    *,
    products: Sequence[str],
    segments: nw.LazyFrame,
    as_of: dt.date,
    prediction_days: int,
    min_support: float,
    min_confidence: float,
    max_rule_length: int,
    seed: int,
    structural_pairs: Sequence[tuple[str, str]] = (),
    confidence_level: float = 0.95,
) -> Finding:
    r"""Compare rankings of the products a customer does not hold, on a later period.

    Parameters
    ----------
    customers, holdings : narwhals.LazyFrame
    products : sequence of str
    segments : narwhals.LazyFrame
        customer_id, segment: as known at the start of the later period.
    as_of : datetime.date
        End of the later period.
    prediction_days : int
        Length of the later period, and of the earlier one before it.
    min_support, min_confidence, max_rule_length
        For the rules.
    seed : int
    structural_pairs : sequence of (product_id, product_id)
    confidence_level : float

    Returns
    -------
    Finding
        A row a ranking: ranking; hit_1, hit_3, map_7 with _low and _high (shares); lead, lead_low,
        lead_high (by how much segments and rules surpass its map_7, on the same customers). With
        fewer than six products to name there is no hit_3, with one segment no ranking by segment.
        Empty when it cannot be told.

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
    holdings = holdings.filter(~undated())
    middle = as_of - dt.timedelta(days=prediction_days)
    start = middle - dt.timedelta(days=prediction_days)
    earlier, later = (
        collect_purchases(
            customers, holdings, products=products, start=first, end=last, segments=segments
        )
        for first, last in ((start, middle), (middle, as_of))
    )
    n_earlier, n_later = int(earlier.customers.sum()), int(later.customers.sum())
    if min(n_earlier, n_later) < _MIN_BUYERS or earlier.acquired.any(axis=0).sum() < 2:
        text = (
            f"Only {n_earlier:,} and {n_later:,} customers acquired a product at a known date in "
            "the earlier and in the later period: too few to compare rankings."
        )
        if not max(n_earlier, n_later):
            text = (
                "The study does not record when products were opened, so there is no later period "
                "to judge a ranking on."
            )
        return Finding(pd.DataFrame(columns=["ranking"]), (), text)
    baskets = collect_baskets(
        customers, holdings, products=products, as_of=middle, seed=seed, segments=segments
    )
    itemsets = frequent_itemsets(baskets, min_support=min_support, max_length=max_rule_length)
    rules = candidate_rules(
        itemsets, min_confidence=min_confidence, structural_pairs=structural_pairs
    ).frame
    scores = _scores(earlier, later, rules, seed=seed)
    if len(np.unique(later.segment)) < 2:
        scores = {key: score for key, score in scores.items() if "segments" not in key}
    table = _compare(scores, later, confidence_level=confidence_level)
    named = int((earlier.acquired.any(axis=0) | later.acquired.any(axis=0)).sum())
    depth, where = (3, "among the first three") if named >= _MANY else (1, "first")
    if depth == 1:
        table = table.drop(columns=["hit_3", "hit_3_low", "hit_3_high"])
    hit = f"hit_{depth}"
    numbers = [
        Number(f"hit{depth}_{key}", row[hit], "share", row[f"{hit}_low"], row[f"{hit}_high"],
               meaning=f"buyers whose next product is named {where}: {MODELS[key]}")
        for key, (_, row) in zip(scores, table.iterrows(), strict=True)
    ]  # fmt: skip
    numbers.insert(0, Number("n_next_buyers", n_later, "customers", meaning="judged on"))
    best, popular = (f"{{hit{depth}_{key}}} ({{hit{depth}_{key}.interval}})"
                     for key in (_best(scores), "popularity"))  # fmt: skip
    verdict = _verdict(dict(zip(scores, table.to_dict("records"), strict=True)))
    text = (
        f"Learnt from {start:%Y-%m-%d} to {middle:%Y-%m-%d} and judged on {{n_next_buyers}} "
        f"customers who acquired any of {named} products by {as_of:%Y-%m-%d}, "
        f"{MODELS[_best(scores)].lower()} name the next product {where} for {best} of them, "
        f"popularity for {popular}. {verdict}"
    )
    return Finding(table, tuple(numbers), text)


def _best(scores: Iterable[str]) -> str:
    """The ranking on trial: with one segment there is nothing to combine rules with."""
    return "segments_rules" if "segments_rules" in scores else "rules"


def _verdict(rows: Mapping[str, Mapping[str, float]]) -> str:
    leads = {
        key: "{} ({} to {})".format(*(_signed(row[f"lead{end}"]) for end in ("", "_low", "_high")))
        for key, row in rows.items()
    }
    alone = [key for key in ("popularity", "segments", "rules") if key in rows]
    if not any(rows[key]["lead"] for key in alone):
        who = "Neither segments nor rules do" if "segments" in rows else "Rules do not do"
        compared = f"**{who} better here than popularity.**"
    elif "segments" in rows:
        surely = min(rows[key]["lead_low"] for key in ("segments", "rules")) > 0
        compared = (
            f"By MAP at {_DEPTH} they lead popularity by {leads['popularity']}, segments alone by "
            f"{leads['segments']} and rules alone by {leads['rules']}: **combined they are "
            f"{'' if surely else 'not '}surely better than either alone.**"
        )
    else:
        compared = f"By MAP at {_DEPTH} they lead popularity by {leads['popularity']}."
    return (
        f"{compared} Against gradient boosting, which does not explain itself, they stand at "
        f"{leads['boosting']}, by MAP at {_DEPTH}."
    )


def _scores(
    earlier: Purchases, later: Purchases, rules: pd.DataFrame, *, seed: int
) -> dict[str, np.ndarray]:
    """Scores of the later period's rows, (rows, products), by ranking."""
    rate = _rate(earlier, np.ones(len(earlier.customers), dtype=bool), None)
    local = {s: _rate(earlier, earlier.segment == s, rate) for s in np.unique(earlier.segment)}

    def by_segment(period: Purchases) -> np.ndarray:
        return np.stack([local.get(s, rate) for s in period.segment])

    def overall(period: Purchases) -> np.ndarray:
        return np.tile(rate, (len(period.held), 1))

    return {
        "popularity": overall(later),
        "segments": by_segment(later),
        "rules": overall(later) * _raised(rules, earlier, later, overall(earlier)),
        "segments_rules": by_segment(later) * _raised(rules, earlier, later, by_segment(earlier)),
        "boosting": _boosting(earlier, later, seed=seed),
    }


def _rate(earlier: Purchases, rows: np.ndarray, prior: np.ndarray | None) -> np.ndarray:
    """Share of buyers without a product who acquired it, shrunk to `prior`."""
    weight = earlier.customers[rows]
    acquired = weight @ earlier.acquired[rows]
    at_risk = weight @ ~earlier.held[rows]
    if prior is None:
        return (acquired + 0.5) / (at_risk + 1)
    return (acquired + _PRIOR_BUYERS * prior) / (at_risk + _PRIOR_BUYERS)


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
    average = {
        name: (np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1) * hits).sum(axis=1)
        / wanted
        for name, hits in hit.items()
    }
    rows: list[dict[str, Any]] = []
    for name, hits in hit.items():
        row: dict[str, Any] = {"ranking": MODELS[name]}
        for k in (1, 3):
            number = int(weight @ hits[:, :k].any(axis=1))
            low, high = wilson(np.array([number]), np.array([n]), confidence_level=confidence_level)
            row |= {f"hit_{k}": number / n, f"hit_{k}_low": low[0], f"hit_{k}_high": high[0]}
        for label, values in (
            ("map_7", average[name]),
            ("lead", average[_best(scores)] - average[name]),
        ):
            mean = float(weight @ values) / n
            half = z * math.sqrt(float(weight @ (values - mean) ** 2)) / n
            row |= {label: mean, f"{label}_low": mean - half, f"{label}_high": mean + half}
        rows.append(row)
    return pd.DataFrame(rows)


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def _hits(score: np.ndarray, later: Purchases) -> np.ndarray:
    """Whether the k-th ranked product was acquired, (rows, 7); ties by the order of products."""
    ranked = np.argsort(np.where(later.held, np.inf, -score), axis=1, kind="stable")[:, :_DEPTH]
    return np.take_along_axis(later.acquired, ranked, axis=1)
