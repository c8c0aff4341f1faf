"""Do the intervals keep their promise? Hundreds of campaigns of which the truth is known.

Each campaign draws customers from a population with known chances to buy, draws their arms cell
by cell as a contact plan does, lets them buy, and is read by the very functions of this package.
A 95 % interval should hold the truth in about 95 % of them.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pmlib.canon.contacts import CONTROL
from pmlib.evaluation.effects import intention_to_treat
from pmlib.evaluation.groups import effects_by
from pmlib.evaluation.learners import Expected
from pmlib.evaluation.policies import DOUBLY_ROBUST, INVERSE_PROPENSITY, policy_values
from pmlib.evaluation.uplift import MEASURES, rank_weighted_effect
from pmlib.inference.means import from_influence
from pmlib.inference.proportions import wilson

OFFER = "offer"


def coverage(
    population: pd.DataFrame,
    *,
    campaigns: int = 500,
    customers: int = 6_000,
    control_share: float = 0.1,
    seed: int,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Simulate campaigns and count how often each interval holds the truth.

    Parameters
    ----------
    population : DataFrame
        ``cell, segment, score`` (a ranking), ``p0, p1`` (chance to buy without and with offer),
        ``margin`` and ``cost`` (currency), one row an offer; ``customer_id`` where customers get
        several. With ``p1 = p0`` nothing is caused.
    campaigns, customers : int
        Campaigns, and customers in each, drawn with replacement.
    control_share : float
        Share of each cell held out, rounded up.

    Returns
    -------
    DataFrame
        ``quantity`` (``response``, ``value``, ``profit``; with a segment, ``profit_2``; a measure
        of rankings; an estimator of policies), ``campaigns, covered`` (share of intervals that
        hold the truth) with ``low, high`` (Wilson), ``above_zero`` (share of intervals that claim
        a gain), ``truth``.
    """
    rng = np.random.default_rng(seed)
    # A policy is a rule fixed beforehand: its cut does not move with the customers drawn.
    population = population.assign(best=population["score"] > population["score"].median())
    truth = _truth(population)
    expected = population.groupby("cell")[["p0", "p1"]].transform("mean")
    population = population.assign(m0=expected["p0"], m1=expected["p1"])
    if "customer_id" not in population:
        population["customer_id"] = np.arange(len(population))
    population = population.sort_values("customer_id", ignore_index=True)
    read: dict[str, list[tuple[bool, bool]]] = {}
    for _ in range(campaigns):
        contacts = _campaign(population, customers, control_share, rng)
        for name, low, high in _read(contacts, confidence_level):
            read.setdefault(name, []).append((low <= truth[name] <= high, low > 0))
    table = pd.DataFrame(
        [(name, len(found), *np.mean(found, axis=0), truth[name]) for name, found in read.items()],
        columns=["quantity", "campaigns", "covered", "above_zero", "truth"],
    )
    ends = wilson(table["covered"] * table["campaigns"], table["campaigns"])
    return table.assign(low=ends[0], high=ends[1])


def _truth(population: pd.DataFrame) -> dict[str, float]:
    uplift = population["p1"] - population["p0"]
    profit = (uplift * population["margin"] - population["cost"]).to_numpy()
    score = population["score"].to_numpy()
    best = population["best"].to_numpy()
    truth = {
        "response": float(uplift.mean()),
        "value": float((uplift * population["margin"]).mean()),
        "profit": float(profit.mean()),
        DOUBLY_ROBUST: float((profit * best).mean()),
        INVERSE_PROPENSITY: float((profit * best).mean()),
    }
    for name, effect in (("response", uplift), ("profit", pd.Series(profit, uplift.index))):
        by_segment = effect.groupby(population["segment"]).mean()
        truth |= {f"{name}_{segment}": float(v) for segment, v in by_segment.items()}
    truth |= {measure: rank_weighted_effect(profit, score, measure=measure).effect
              for measure in MEASURES}  # fmt: skip
    return truth


def _campaign(
    population: pd.DataFrame, customers: int, control_share: float, rng: np.random.Generator
) -> pd.DataFrame:
    """Draw customers, arms within cells in exact numbers, and what everyone bought."""
    _, first, count = np.unique(population["customer_id"], return_index=True, return_counts=True)
    owner = rng.integers(0, len(first), customers)
    rows = count[owner]
    place = np.arange(rows.sum()) - np.repeat(rows.cumsum() - rows, rows)
    drawn = population.iloc[np.repeat(first[owner], rows) + place].reset_index(drop=True)
    drawn["customer_id"] = np.repeat(np.arange(customers), rows)
    # As in a contact plan, a customer draws one lot for all offers.
    lot = pd.Series(np.repeat(rng.random(customers), rows))
    size = lot.groupby(drawn["cell"]).transform("size")
    held_out = np.ceil(size * control_share - 1e-9)
    control = lot.groupby(drawn["cell"]).rank(method="first") <= held_out
    share = held_out / size
    bought = rng.random(len(drawn)) < np.where(control, drawn["p0"], drawn["p1"])
    worth = drawn["margin"] * np.exp(0.3 * rng.standard_normal(len(drawn)) - 0.045)
    drawn = drawn.assign(
        arm=np.where(control, CONTROL, OFFER),
        arm_propensity=np.where(control, share, 1 - share),
        responded=bought,
        value=np.where(bought, worth, 0.0),
        planned_cost=drawn["cost"],
        cost=np.where(control, 0.0, drawn["cost"]),
    )
    return drawn[share < 1].reset_index(drop=True)


def _read(contacts: pd.DataFrame, confidence_level: float) -> list[tuple[str, float, float]]:
    """Intervals of everything the chapter reports, by the chapter's own functions."""
    overall = intention_to_treat(contacts, confidence_level=confidence_level).table.set_index(
        "outcome"
    )
    named = {"response": "responded", "value": "value", "profit": "profit"}
    found = [(n, overall.loc[key, "low"], overall.loc[key, "high"]) for n, key in named.items()]
    groups = effects_by(contacts, "segment", confidence_level=confidence_level)
    for name in ("response", "profit"):
        own = groups.table[groups.table["outcome"] == named[name]]
        found += [(f"{name}_{row.segment}", row.low, row.high) for row in own.itertuples()]
    margin, cost = contacts["margin"].to_numpy(), contacts["planned_cost"].to_numpy()
    response = {CONTROL: contacts["m0"].to_numpy(), OFFER: contacts["m1"].to_numpy()}
    outcome = {CONTROL: response[CONTROL] * margin, OFFER: response[OFFER] * margin - cost}
    observed = (contacts["value"] - contacts["cost"]).to_numpy()
    expected = Expected(contacts, response, outcome, observed, "currency", "earlier_campaign")
    gamma, score = expected.scores(OFFER), contacts["score"].to_numpy()
    for measure in MEASURES:
        rank = rank_weighted_effect(gamma, score, measure=measure)
        interval = from_influence(
            rank.effect, rank.influence, expected.customers, confidence_level=confidence_level
        )
        found.append((measure, interval.low, interval.high))
    best = {"best": {OFFER: contacts["best"].to_numpy(float)}}
    values = policy_values(expected, best, confidence_level=confidence_level).table
    found += list(values[["estimator", "low", "high"]].itertuples(index=False, name=None))
    return found
