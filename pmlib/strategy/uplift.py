"""The uplift of an offer in every cell of a pilot, or the response, drawn from its posterior.

An offer multiplies the odds of buying, so what cells have in common adds up on the scale of
log-odds. A few outlying offers are what a plan lives on: heavy tails let them stand out, where a
normal prior would pull them in and call its interval sure.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pmlib.inference.hierarchical import Term, sample_logits
from pmlib.inference.means import effective_number
from pmlib.strategy.evidence import CELL, Evidence

# What the log-odds without an offer, and what an offer adds to them, have in common; each set of
# columns is a term with a scale of its own. No term for the cell itself: with it every cell would
# be free to follow its luck.
BASE = (
    ("product_id",),
    ("segment",),
    ("segment", "product_id"),
    ("holds", "product_id"),
    ("segment", "holds", "product_id"),
)
ADDED = (
    ("product_id",),
    ("segment",),
    ("channel",),
    ("segment", "holds"),
    ("segment", "product_id"),
    ("holds", "product_id"),
    ("segment", "channel"),
    ("segment", "holds", "product_id"),
)

# Scales of the priors, in log-odds: products may differ by a factor of e or more before an offer;
# half of a factor of e is much for whatever else cells have in common.
_OF_PRODUCTS, _OF_TERMS = 1.0, 0.5
_OF_LEVEL, _OF_OFFER, _OF_HOLDING = 3.0, 2.0, 1.0

DRAWS = 1_000
"""Draws that intervals need."""

_WARM_UP = 0.3  # of the draws, before them
_STREAM = 4007
_FEW_SALES = 10


def draw_uplift(
    evidence: Evidence, cells: pd.DataFrame, *, seed: int, draws: int = DRAWS
) -> np.ndarray:
    r"""Draw the uplift of all cells from their posterior, (draws, cells), in the outcome's unit.

    Of the controls of a segment, holding and product a binomial number buys, with log-odds
    $\alpha$; of those offered through a channel one with $\alpha + \gamma$. Both are sums of
    terms, `BASE` and `ADDED`, see `pmlib.inference.hierarchical`. Numbers are effective ones,
    rates weighted. Controls that products share count once in all, not once a product. Where the
    outcome is a value, an offer is taken to change how many buy and not for how much: uplifts in
    sales are multiplied by draws of what a sale of the product brings. Without a control what is
    drawn is the response: the chance of those offered, a sum of the terms of `ADDED`.
    """
    compares = evidence.kind == "uplift"
    groups = cells[CELL[:3]].drop_duplicates(ignore_index=True)
    controls = [groups.assign(channel="")] if compares else []
    rows = pd.concat([cells, *controls], ignore_index=True)
    is_offer = np.arange(len(rows)) < len(cells)
    sold = "wy" if evidence.outcome == "response" else "ws"
    sums = ["w", "w2", sold]
    tallies = evidence.tallies.groupby([*CELL, "control"], as_index=False)[sums].sum()
    counted = rows.assign(control=~is_offer).merge(tallies, on=[*CELL, "control"], how="left")
    trials = effective_number(counted["w"], counted["w2"]).fillna(0.0).to_numpy()
    rate = (counted[sold] / counted["w"]).fillna(0.0).to_numpy()
    if evidence.common_control:
        sharing = (counted["w"] > 0).groupby(
            [counted["control"], counted["segment"], counted["holds"]]
        )
        trials = trials / np.where(is_offer, 1, sharing.transform("sum").clip(lower=1))
    # Sums of weights can differ in the last digits between runs; draws should not.
    trials, successes = np.round(trials, 6), np.round(trials * rate, 6)
    bought, asked = successes.sum() + 0.5, trials.sum() + 1
    logits = sample_logits(
        successes,
        trials,
        _terms(rows, is_offer, trials > 0),
        centre=float(np.log(bought / (asked - bought))),
        draws=draws,
        warm_up=round(_WARM_UP * draws),
        seed=[seed, _STREAM],
    )
    chance = 1 / (1 + np.exp(-logits))
    more = chance[:, is_offer]
    if compares:
        base = groups.assign(at=np.arange(len(cells), len(rows)))
        more = more - chance[:, cells.merge(base, on=CELL[:3], how="left")["at"]]
    if evidence.outcome == "value":
        more = more * _amounts(evidence, cells, seed=seed, draws=draws)
    return more


def _amounts(evidence: Evidence, cells: pd.DataFrame, *, seed: int, draws: int) -> np.ndarray:
    """Draw what a sale of each cell's product brings, (draws, cells).

    Gamma variables with the mean and the standard error of the amounts on record, of those offered
    and not; a product without a sale has those of a single sale of any product.
    """
    sums = ["w", "w2", "ws", "wy", "wyy"]
    table = evidence.tallies.groupby("product_id")[sums].sum()
    both = table.sum()
    buyers = effective_number(table["w"], table["w2"]) * table["ws"] / table["w"]
    mean = (table["wy"] / table["ws"].where(buyers > 0)).fillna(both["wy"] / both["ws"])
    spread = table["wyy"] / table["ws"].where(buyers > 0) - mean**2
    # One or a few sales tell nothing of their scatter: as much as that of all sales, at least.
    every = both["wyy"] / both["ws"] - (both["wy"] / both["ws"]) ** 2
    spread = spread.where(buyers > _FEW_SALES, every).fillna(every).clip(lower=1e-12)
    error = spread / buyers.clip(lower=1.0)
    rng = np.random.default_rng([seed, _STREAM, 1])
    drawn = rng.gamma(mean**2 / error, error / mean, (draws, len(table)))
    return np.asarray(drawn[:, table.index.get_indexer(cells["product_id"])])


def _terms(rows: pd.DataFrame, is_offer: np.ndarray, seen: np.ndarray) -> list[Term]:
    """The terms that the data can tell apart."""
    holding = np.where(is_offer & rows["holds"], 0, -1)
    terms = [Term(np.zeros(len(rows), dtype=int), _OF_LEVEL, learnt=False)]
    sets, alone = [(BASE, np.ones(len(rows), dtype=bool)), (ADDED, is_offer)], is_offer.all()
    if alone:  # nothing to tell an offer's own part by
        sets = sets[1:]
    else:
        terms.append(Term(np.where(is_offer, 0, -1), _OF_OFFER, learnt=False))
    if len(np.unique(rows["holds"][seen])) > 1:
        terms.append(Term(holding, _OF_HOLDING, learnt=False))
    for shared, inside in sets:
        known: set[bytes] = set()
        for columns in shared:
            level = _levels(rows, columns, inside)
            partition = pd.factorize(level[seen & inside])[0]
            if partition.any() and partition.tobytes() not in known:
                known.add(partition.tobytes())
                of_product = columns == BASE[0] and (alone or shared is BASE)
                scale = _OF_PRODUCTS if of_product else _OF_TERMS
                terms.append(Term(level, scale))
    return terms


def _levels(rows: pd.DataFrame, columns: Sequence[str], inside: np.ndarray) -> np.ndarray:
    level = np.full(len(rows), -1)
    level[inside] = rows[inside].groupby(list(columns), sort=False).ngroup()
    return level
