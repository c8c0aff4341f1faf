"""What models of other customers expect of each customer: with an offer, and without.

The models are learnt on an earlier randomised campaign, or on one half of the customers and
judged on the other. Their expectations serve twice: as rankings and policies to be judged, and to
make the judgement more precise (doubly robust scores). If they are wrong, the judgement stays
right: the arms' probabilities are known [@dudik2014doubly].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from pmlib.canon.contacts import CONTROL, weights_of
from pmlib.evaluation.effects import customer_codes, outcomes_of
from pmlib.inference.learners import boosted_trees, one_thread
from pmlib.numbers import Finding, missing, needs

# Customers an arm that models learn from, drawn at random beyond: small trees gain no more.
_MOST_ROWS = 100_000

# The trees take no more levels of one attribute than these.
_MOST_LEVELS = 250


@dataclass(frozen=True)
class Expected:
    """Expected outcomes of the contacts to be judged on, by arm, control included.

    `response` has the probabilities of responding, `outcome` the same in the outcome judged:
    profit (unit ``currency``), or response where no value is known (``points``); `observed` is the
    outcome as it came. They were learnt on an ``earlier_campaign``, or on the ``other_half`` of the
    customers.
    """

    judged: pd.DataFrame
    response: dict[str, np.ndarray]
    outcome: dict[str, np.ndarray]
    observed: np.ndarray
    unit: str
    learnt_on: str

    @property
    def arms(self) -> tuple[str, ...]:
        """Treated arms."""
        return tuple(arm for arm in self.outcome if arm != CONTROL)

    @cached_property
    def customers(self) -> np.ndarray:
        """Number of each row's customer."""
        return customer_codes(self.judged)

    def uplift(self, arm: str | None = None) -> np.ndarray:
        """Expected gain of an arm over control; of the best arm when none is named."""
        gains = [self.outcome[a] - self.outcome[CONTROL] for a in self.arms]
        return np.max(gains, axis=0) if arm is None else self.outcome[arm] - self.outcome[CONTROL]

    def any_scores(self) -> np.ndarray:
        """Mean score over the treated arms: the effect of an offer drawn at random."""
        return np.mean([self.scores(arm) for arm in self.arms], axis=0)

    def scores(self, arm: str, *, doubly_robust: bool = True) -> np.ndarray:
        r"""Score of each customer whose mean estimates the arm's effect against control.

        $$\Gamma = m_{a} - m_{0} + \frac{1[A = a]}{p_{a}} (y - m_{a})
        - \frac{1[A = 0]}{p_{0}} (y - m_{0})$$

        with expectations $m$ from the models, or (inverse propensity) the arms' means; weights
        $1/p$ are scaled to add up to the number of customers.
        """
        weight, drawn = weights_of(self.judged).to_numpy(), self.judged["arm"].to_numpy()
        n, gamma = len(drawn), np.zeros(len(drawn))
        for name, sign in ((arm, 1.0), (CONTROL, -1.0)):
            own = drawn == name
            if doubly_robust:
                expected = self.outcome[name]
            else:
                expected = np.full(n, np.average(self.observed[own], weights=weight[own]))
            scaled = np.where(own, weight, 0.0) * n / weight[own].sum()
            gamma += sign * (expected + scaled * (self.observed - expected))
        return gamma


@needs(section="uplift-ranking")
def candidate_rankings(
    expected: Expected, planned: pd.DataFrame | None = None
) -> dict[str, np.ndarray]:
    """Scores to rank the judged customers by.

    They are ``plan``, the plan's own ranking by ``expected_profit`` of the ``cell`` (where there is
    one), ``uplift`` (the models' expected gain) and ``response`` (the models' probability to
    respond when contacted, which counts those who buy anyway).
    """
    ranked = {}
    if planned is not None:
        profit = planned.set_index("cell")["expected_profit"]
        ranked["plan"] = expected.judged["cell"].map(profit).to_numpy(float)
    ranked["uplift"] = expected.uplift()
    ranked["response"] = np.max([expected.response[arm] for arm in expected.arms], axis=0)
    return ranked


def parts(
    contacts: pd.DataFrame, training: pd.DataFrame | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Contacts of known outcome to learn from, and those to judge; see `expect`."""
    judged = contacts[contacts["responded"].notna()]
    if training is None:
        training, judged = (judged[judged["half"] == half] for half in (0, 1))
    return training[training["responded"].notna()], judged.reset_index(drop=True)


def comparable(training: pd.DataFrame, judged: pd.DataFrame) -> bool:
    """Whether there is control and another arm to judge, and each to learn from."""
    there = set(judged["arm"])
    return CONTROL in there and len(there) > 1 and there <= set(training["arm"])


@needs(section="uplift-ranking")
def expect(
    contacts: pd.DataFrame, training: pd.DataFrame | None, features: Sequence[str], *, seed: int
) -> Expected | Finding:
    """Learn what to expect of each customer in each arm, without the outcomes judged on.

    One gradient boosting classifier an arm. Expected profit is the probability of responding
    times the mean value of a response to the same product, less the contact cost.

    Parameters
    ----------
    training : DataFrame or None
        An earlier randomised campaign with the same columns; without one, customers of `half` 0
        are learnt from and those of `half` 1 are judged. Absent where a half lacks an arm.
    """
    learnt_on = "other_half" if training is None else "earlier_campaign"
    training, judged = parts(contacts, training)
    if not comparable(training, judged):
        return missing("thin_arms", section="")
    arms = [CONTROL, *sorted(set(judged["arm"].unique()) - {CONTROL})]
    # What is offered says much about the response; where control has no product it cannot serve.
    ghost = training.loc[training["arm"] == CONTROL, "product_id"].notna().all()
    response = {}
    for arm in arms:
        own = training[training["arm"] == arm]
        if len(own) > _MOST_ROWS:
            own = own.nsmallest(_MOST_ROWS, "order")
        offered = ["product_id", *(["channel"] if arm != CONTROL else [])] if ghost else []
        response[arm] = _fitted(own, judged, [*features, "segment", *offered], seed)
    outcomes = outcomes_of(judged)
    if "profit" not in outcomes:
        observed = outcomes["responded"].to_numpy()
        return Expected(judged, response, response, observed, "points", learnt_on)
    bought = training[training["responded"].astype(bool)]
    value: float | np.ndarray = float(bought["value"].astype(float).mean())
    if ghost:
        worth = judged["product_id"].map(bought.groupby("product_id")["value"].mean())
        value = worth.fillna(value).to_numpy(float)
    cost = {arm: _cost(contacts, arm, judged) for arm in arms}
    outcome = {arm: response[arm] * value - cost[arm] for arm in arms}
    observed = outcomes["profit"].to_numpy()
    return Expected(judged, response, outcome, observed, "currency", learnt_on)


def _cost(contacts: pd.DataFrame, arm: str, judged: pd.DataFrame) -> np.ndarray:
    """Contact cost of each judged customer, were it in this arm and its planned channel."""
    if arm == CONTROL:
        return np.zeros(len(judged))
    own = contacts[contacts["arm"] == arm]
    cost = judged["channel"].map(own.groupby("channel")["cost"].mean()).astype(float)
    return cost.fillna(own["cost"].mean()).to_numpy()


def _fitted(
    training: pd.DataFrame, judged: pd.DataFrame, columns: Sequence[str], seed: int
) -> np.ndarray:
    """Probability of responding; the plain rate where all or none did, or nothing is known."""
    y = training["responded"].astype(bool).to_numpy()
    columns = [name for name in columns if training[name].notna().any()]
    if y.all() or not y.any() or not columns:
        return np.full(len(judged), y.mean())
    x, new = np.empty((len(training), len(columns))), np.empty((len(judged), len(columns)))
    categories = []
    for at, column in enumerate(columns):
        if pd.api.types.is_numeric_dtype(training[column]):
            x[:, at], new[:, at] = training[column].astype(float), judged[column].astype(float)
            continue
        categories.append(at)
        levels = pd.Index(training[column].value_counts().index[:_MOST_LEVELS], dtype=object)
        # What is rare, missing or new is coded -1, which the trees take as missing.
        x[:, at] = levels.get_indexer(training[column].astype(object))
        new[:, at] = levels.get_indexer(judged[column].astype(object))
    model = boosted_trees(
        learning_rate=0.1, trees=30, smallest_leaf=60, categories=categories, seed=seed
    )
    with one_thread():
        return model.fit(x, y).predict_proba(new)[:, 1]
