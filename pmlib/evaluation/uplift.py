"""Judge rankings: those whom a contact changes most should come first.

A ranking by response puts first those who buy; a ranking by uplift those who buy *because of* the
contact. They differ [@ascarza2018retention], and only a randomised campaign can tell which is
right. Rankings come from elsewhere (the plan, models of an earlier campaign, or the other half of
the customers), so that none is judged on the outcomes it was learnt from.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from pmlib.evaluation.learners import Expected
from pmlib.inference.means import from_influence
from pmlib.numbers import Finding, Level, Number, Phrase, needs

DEPTHS = np.round(np.arange(0.0, 1.001, 0.05), 2)

MEASURES = ("qini", "autoc")

# Half-width, in ranks, of the window that tells the effect at the edge of the contacted.
_EDGE = 0.05


class RankEffect(NamedTuple):
    """A rank-weighted average effect per customer, and the influence of each row, mean about 0."""

    effect: float
    influence: np.ndarray


def rank_weighted_effect(gamma: np.ndarray, score: np.ndarray, *, measure: str) -> RankEffect:
    r"""Rank-weighted average treatment effect, with its influence function.

    With $u$ the rank of a customer (0 first, 1 last), the effect is $E[w(u)\,\Gamma]$ where
    $\Gamma$ is the customer's doubly robust score [@yadlowsky2025rate]. The Qini area, the area
    between the Qini curve and the line of random order, has $w(u) = 1/2 - u$; AUTOC has
    $w(u) = -\ln u - 1$ and looks at the very first. Neither is normalised: both are in the
    outcome's unit per customer, and 0 when the ranking is no better than chance.

    Customers with equal scores share their weights. The influence function counts that ranks,
    too, are estimated; everything is one sort and cumulative sums. `gamma` has $\Gamma$ of each
    customer, as `Expected.scores`; `score` ranks, highest first; `measure` is one of `MEASURES`.
    """
    weight, area = _WEIGHTS[measure]
    _, group = np.unique(-score, return_inverse=True)
    n, size = len(gamma), np.bincount(group)
    mean = np.bincount(group, weights=gamma) / size
    share, edge = size / n, np.cumsum(size) / n
    before = edge - share
    # A group's weight is the integral of w over its ranks.
    mass = area(edge) - area(before)
    effect = float(mean @ mass)
    own = (gamma - mean[group]) * (mass / share)[group]
    at_end = mean * weight(edge)
    at_start = np.append(mean[1:] * weight(before[1:]), 0.0)  # moves with the group before
    moves = np.cumsum((at_end - at_start)[::-1])[::-1]
    constant = float((at_end * edge).sum() - (at_start * edge).sum())
    return RankEffect(effect, own + moves[group] - constant)


_WEIGHTS = {
    "qini": (lambda u: 0.5 - u, lambda u: u / 2 - u**2 / 2),
    "autoc": (lambda u: -np.log(u) - 1, lambda u: -u * np.log(np.maximum(u, 1e-300))),
}
"""Weight of a rank, and its integral from 0."""


def qini_curve(
    gamma: np.ndarray, score: np.ndarray, *, customers: np.ndarray | None = None,
    depths: np.ndarray = DEPTHS, confidence_level: float = 0.95,
) -> pd.DataFrame:  # fmt: skip
    """Effect of contacting the best ranked, per customer of the whole, with pointwise bands.

    The columns are ``depth, gain, gain_low, gain_high, random``.
    """
    n = len(gamma)
    _, group = np.unique(-score, return_inverse=True)
    size = np.bincount(group)
    first = np.cumsum(size) - size
    rank, sums = (first + (size + 1) / 2) / n, np.bincount(group, weights=gamma)
    rows = []
    for depth in depths:
        share = np.clip((depth * n - first) / size, 0, 1)
        inside, gain = share[group], float(share @ sums) / n
        near = np.abs(rank - depth) <= _EDGE
        edge = sums[near].sum() / size[near].sum() if 0 < depth < 1 and near.any() else 0.0
        influence = inside * gamma - gain - edge * (inside - depth)
        found = from_influence(gain, influence, customers, confidence_level=confidence_level)
        rows.append((depth, gain, found.low, found.high, depth * gamma.mean()))
    return pd.DataFrame(rows, columns=["depth", "gain", "gain_low", "gain_high", "random"])


@needs(section="uplift-ranking")
def judge_rankings(
    expected: Expected, scores: Mapping[str, np.ndarray], *, confidence_level: float = 0.95
) -> Finding:
    """Judge rankings by the effects of a randomised campaign.

    They are judged by the doubly robust scores of an offer drawn at random; the first is compared
    with each other one, on the same customers.

    Returns
    -------
    Finding
        ``ranking, measure, estimate, standard_error, low, high, p_value``. Further tables:
        *leads*, with ``against``: the first ranking's lead over each other; *rankings*, both, for
        the reader; *curve*, as `qini_curve`, with ``ranking``.
    """
    gamma, customers = expected.any_scores(), expected.customers
    found = {
        (name, measure): rank_weighted_effect(gamma, score, measure=measure)
        for name, score in scores.items()
        for measure in MEASURES
    }
    judge = partial(from_influence, customers=customers, confidence_level=confidence_level)
    first, *others = scores
    leads = []
    for other in others:
        for measure in MEASURES:
            a, b = found[first, measure], found[other, measure]
            lead = judge(a.effect - b.effect, a.influence - b.influence)
            leads.append((first, other, measure, *lead))
    columns = ["measure", "estimate", "standard_error", "low", "high", "p_value"]
    rows = [(*of, *judge(*rank)) for of, rank in found.items()]
    table = pd.DataFrame(rows, columns=["ranking", *columns])
    ahead = pd.DataFrame(leads, columns=["ranking", "against", *columns])
    pairs = [Phrase("lead", _pair(one, other)) for one, other, *_ in leads]
    shown = ahead.drop(columns="against").assign(ranking=pairs)
    curved = partial(qini_curve, customers=customers, confidence_level=confidence_level)
    curves = {name: curved(gamma, score) for name, score in scores.items()}
    curve = pd.concat(curves, names=["ranking"]).reset_index("ranking").reset_index(drop=True)
    numbers = tuple(
        Number(f"{of.measure}_{of.ranking}", of.estimate, expected.unit, of.low, of.high,
               about={"ranking": Level("campaign_ranking", of.ranking)})
        for of in table.itertuples()
    )  # fmt: skip
    areas = table[table["measure"] == MEASURES[0]]
    good, bad = areas["low"] > 0, areas["high"] < 0
    kinds = {"good": good, "bad": bad, "rest": ~(good | bad)}
    quotes = {
        **{kind: [Level("campaign_ranking", name) for name in areas.loc[own, "ranking"]]
           for kind, own in kinds.items()},
        "verdicts": [
            Phrase("leads" if of.low > 0 else "trails" if of.high < 0 else "level",
                   _pair(of.ranking, of.against))
            for of in ahead[ahead["measure"] == MEASURES[0]].itertuples()
        ],
    }  # fmt: skip
    facts = {
        "models_learnt_on": expected.learnt_on,
        "judged_in": "profit" if expected.unit == "currency" else "response",
    }
    tables = {"leads": ahead, "curve": curve, "rankings": pd.concat([table, shown])}
    return Finding(table, numbers, facts, quotes, tables)


def _pair(one: str, other: str) -> dict[str, Level]:
    return {"one": Level("campaign_ranking", one), "other": Level("campaign_ranking", other)}
