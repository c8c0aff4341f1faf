"""What the policy trial says: what the plan earned more than its rivals, by lot.

Where two policies would offer a customer different things, chance decided whose offer was made.
Those who got the one and those who got the other are alike but for that, so the difference of what
they brought is the difference of the policies.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pmlib.canon.contacts import OFFERED, WATCHED
from pmlib.evaluation.checks import SAMPLE_RATIO_LEVEL
from pmlib.evaluation.effects import outcomes_of
from pmlib.inference.means import Estimate, from_influence
from pmlib.numbers import Finding, Level, Number, Phrase, missing, needs
from pmlib.strategy.lots import NOBODY
from pmlib.strategy.trial import PLAN

if TYPE_CHECKING:
    from pmlib.evaluation.campaign import Campaign

FEWEST = 10
"""Customers on either side of a comparison; strata with fewer are merged with their neighbours."""


@dataclass(frozen=True)
class Drawn:
    """A trial carried out: rows of the contact plan with their outcomes, its strata, its cells."""

    rows: pd.DataFrame
    strata: pd.DataFrame
    cells: pd.DataFrame

    @property
    def policies(self) -> list[str]:
        """Policies that drew lots, the plan's own first."""
        return [c.removeprefix("cell_") for c in self.strata if c.startswith("cell_")]

    @property
    def product(self) -> pd.Series:
        """Product of each cell."""
        return self.cells.set_index("cell")["product_id"]

    @property
    def own(self) -> pd.DataFrame:
        """Rows of the plan's own offers: those made, and those kept back as control."""
        cell = self.rows["stratum"].map(self.strata.set_index("stratum")[f"cell_{PLAN}"])
        return self.rows[(self.rows["cell"] == cell) & (self.rows["arm"] != WATCHED)]

    @cached_property
    def units(self) -> pd.DataFrame:
        """What a customer's row says of each product: ``customer_id, stratum, product_id, value``.

        ``given`` is the cell of the offer made, or `NOBODY`, and ``cost`` that of the contact.
        Where no value is recorded, a sale brings the margin that the plan counts on.
        """
        rows = self.rows
        worth = outcomes_of(rows).get("value")
        if worth is None:
            margin = self.cells.groupby("product_id")["margin"].first()
            worth = rows["responded"].astype(float) * rows["product_id"].map(margin)
        own = rows[rows["arm"] == OFFERED].set_index("customer_id")
        return rows[["customer_id", "stratum", "product_id"]].assign(
            value=worth.astype(float),
            given=rows["customer_id"].map(own["cell"]).fillna(NOBODY).astype(int),
            cost=rows["customer_id"].map(own["cost"].astype(float)).fillna(0.0),
        )

    @property
    def known_alike(self) -> float:
        """p-value of outcomes being known alike in all lots (chi-square); 1 where all are known."""
        from scipy.stats import chi2_contingency

        drawn = self.rows[self.rows["lot_propensity"] < 1]
        known = drawn["responded"].notna().groupby([drawn["policy"], drawn["customer_id"]]).all()
        table = pd.crosstab(known.index.get_level_values("policy"), known.to_numpy())
        return float(chi2_contingency(table).pvalue) if table.shape[1] > 1 else 1.0


@needs()
def judge_trial(
    campaign: Campaign, foreseen: pd.DataFrame, held_out: pd.DataFrame, *, confidence_level: float
) -> Finding:
    """What the plan earned more than each rival, and what each policy earned over nobody.

    Parameters
    ----------
    foreseen : DataFrame
        The table of `pmlib.strategy.trial.Trial`.
    held_out : DataFrame
        The table of `pmlib.strategy.policies.Comparison`; without columns where there was none.

    Returns
    -------
    Finding
        ``rival, customers`` (of known outcome who got what one of the two policies offers),
        ``estimate, low, high, p_value``, what was ``expected`` and ``detectable``, and what
        contacts that plans were not made on had said: ``held_out, held_out_low, held_out_high``;
        currency, at the scale of the plans. Further table: *trial-policies* with ``policy``,
        ``contacts`` (that its plan makes), ``estimate, low, high``: profit over contacting nobody,
        without rows where nobody was left alone at random. Facts: the verdict on each rival, and
        whether outcomes are known alike in all lots; if not, nothing is read.
    """
    trial = campaign.trial
    if trial is None:
        return missing("no_trial")
    if trial.known_alike < SAMPLE_RATIO_LEVEL:
        return Finding(facts={"lots_known": "unlike"}, absent=Phrase("absent.lots_unlike"))
    rows, told = [], foreseen.set_index("rival")[["expected", "detectable"]]
    if len(held_out):
        columns = ["combined_more", "more_low", "more_high"]
        names = ["held_out", "held_out_low", "held_out_high"]
        told = told.join(held_out.set_index("policy")[columns].set_axis(names, axis=1))
    for rival in trial.policies[1:]:
        n, found = judge(trial, PLAN, rival, confidence_level=confidence_level)
        rows.append({"rival": rival, "customers": n, "estimate": found.value, "low": found.low,
                     "high": found.high, "p_value": found.p_value})  # fmt: skip
    table = pd.DataFrame(rows).join(told, on="rival")
    facts: dict[str, str | bool] = {"lots_known": "alike"}
    quotes: dict[str, list[Phrase]] = {"more": [], "less": [], "open": []}
    numbers = []
    for row in table.itertuples():
        key, ends = f"trial_combined_minus_{row.rival}", (row.low, row.high)
        numbers.append(Number(key, row.estimate, "currency", *ends))
        said = facts[f"trial_combined_against_{row.rival}"] = verdict(*ends)
        told_of = {"rival": Level("rival", row.rival), "gain": numbers[-1]}
        quotes[said].append(Phrase("rival-and-gain", told_of))
    values = _over_nobody(trial, confidence_level)
    own = values[values["policy"] == PLAN]
    if len(own):
        value, low, high = own.iloc[0][["estimate", "low", "high"]]
        numbers.append(Number("plan_over_nobody", value, "currency", low, high))
    return Finding(table, tuple(numbers), facts, quotes, {"trial-policies": values})


def verdict(low: float, high: float) -> str:
    """Whether the plan is shown to earn more or less than a rival, or it stays open."""
    return "more" if low > 0 else "less" if high < 0 else "open"


def _over_nobody(trial: Drawn, confidence_level: float) -> pd.DataFrame:
    """What each policy earned over contacting nobody, at the scale of its plan."""
    rows = []
    for name in trial.policies:
        _, found = judge(trial, name, None, confidence_level=confidence_level)
        if not np.isnan(found.value):
            contacts = trial.strata.loc[trial.strata[f"cell_{name}"] != NOBODY, "contacts"].sum()
            rows.append((name, round(contacts), found.value, found.low, found.high))
    return pd.DataFrame(rows, columns=["policy", "contacts", "estimate", "low", "high"])


def judge(
    trial: Drawn, one: str, other: str | None, *, confidence_level: float
) -> tuple[int, Estimate]:
    r"""Difference of two policies' profit in total, at the scale of their plans.

    $\sum_h m_h (\bar{y}_{1h} - \bar{y}_{2h})$ over strata whose customers the policies would offer
    different things, $m_h$ being the contacts that a plan would make of them, the means weighted
    by the inverse chance of getting the offer. The outcome $y$ is what every product brings that
    either would offer, less the cost of the contact made. Neyman's variance: it does not count on
    effects being alike.

    Returned with the number of customers on either side; `other` None is to contact nobody.
    """
    strata, product = trial.strata, trial.product
    pair = strata[["stratum", "contacts"]].assign(
        cell1=strata[f"cell_{one}"], chance1=strata[f"made_{one}"],
        cell2=NOBODY if other is None else strata[f"cell_{other}"],
        chance2=strata["alone" if other is None else f"made_{other}"],
    )  # fmt: skip
    pair = pair[pair["cell1"] != pair["cell2"]]
    pair = pair.assign(product1=pair["cell1"].map(product), product2=pair["cell2"].map(product))
    rows = trial.units.merge(pair, on="stratum")
    asked = rows["product_id"]
    rows = rows[(asked == rows["product1"]) | (asked == rows["product2"])]
    first = ["stratum", "given", "cost", "cell1", "cell2", "chance1", "chance2"]
    people = rows.groupby("customer_id").agg(
        **{name: (name, "first") for name in first}, y=("value", "sum"), known=("value", "count"),
        asked=("value", "size"),
    )  # fmt: skip
    people = people[people["known"] == people["asked"]]
    side = np.select([people["given"] == people["cell1"], people["given"] == people["cell2"]],
                     [1, -1], 0)  # fmt: skip
    people = people.assign(side=side, y=people["y"] - people["cost"])[side != 0]
    weight = 1 / np.where(people["side"] > 0, people["chance1"], people["chance2"])
    merged = _merged(pair, people)
    people = people.assign(weight=weight, part=people["stratum"].map(merged))
    size = pair["contacts"].groupby(pair["stratum"].map(merged)).sum()
    return len(people), _difference(people, size, confidence_level)


def _merged(pair: pd.DataFrame, people: pd.DataFrame) -> pd.Series:
    """Stratum to the merged one in which both sides have `FEWEST`; strata in their order."""
    counts = pd.crosstab(people["stratum"], people["side"])
    counts = counts.reindex(index=pair["stratum"], columns=[-1, 1], fill_value=0)
    part, seen, parts = 0, np.zeros(2), []
    for row in counts.to_numpy():
        parts.append(part)
        seen += row
        if seen.min() >= FEWEST:
            part, seen = part + 1, np.zeros(2)
    last = max(part - 1, 0)  # what is left over joins the last that is complete
    return pd.Series(np.minimum(parts, last), index=pair["stratum"])


def _difference(people: pd.DataFrame, size: pd.Series, confidence_level: float) -> Estimate:
    """Sum over merged strata of their size times the difference of weighted means."""
    of = [people["part"], people["side"]]
    counts = pd.crosstab(people["part"], people["side"])
    if counts.reindex(index=size.index, columns=[-1, 1], fill_value=0).min(axis=None) < 2:
        return Estimate(*[float("nan")] * 5)
    weight, y = people["weight"], people["y"]
    total = weight.groupby(of).transform("sum")
    mean = (weight * y).groupby(of).transform("sum") / total
    n = y.groupby(of).transform("size")
    scale = people["part"].map(size) * people["side"]
    value = float((scale * weight * y / total).sum())
    # One degree of freedom went into each mean.
    influence = scale * weight / total * (y - mean) * np.sqrt(n / (n - 1))
    return from_influence(
        value, len(people) * influence.to_numpy(), confidence_level=confidence_level
    )
