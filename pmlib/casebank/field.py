"""The field: who the simulated bank's customers are, and how they answer a contact plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pmlib.canon.contacts import NOT_CONTACTED
from pmlib.casebank.block import AS_OF
from pmlib.casebank.world import CHANNELS, World
from pmlib.errors import StudyError
from pmlib.files import read_frame, read_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pmlib.studies import Study


@dataclass(frozen=True)
class Population:
    """The customers of one simulated bank, as they are, and the world they were drawn from.

    `customers` has customer_id, customer_no, segment (the kind, 1 to 6), basket (what is held on
    the study's day: bits in catalogue order), and risk_class (from 0) where the bank grades any.
    """

    world: World
    customers: pd.DataFrame
    margins: pd.Series

    def worth(self, customer_ids: Sequence[str] | np.ndarray, products: pd.Series) -> np.ndarray:
        """Return what a sale of each product to each customer is expected to earn, currency."""
        margin = self.margins.to_numpy()
        at = pd.Index(self.world.product_ids).get_indexer(products)
        if "risk_class" not in self.customers:
            return margin[at]
        graded = self.customers.set_index("customer_id")["risk_class"].reindex(customer_ids)
        return margin[at] - self.world.loss_table[graded.to_numpy(), at]

    def look_up(self, customer_ids: Sequence[str] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return each customer's kind (n,), from 0, and what is held (n, products).

        A StudyError names a customer who is not of this bank.
        """
        rows = self.customers.set_index("customer_id").reindex(customer_ids)
        if rows["segment"].isna().any():
            raise StudyError(
                "A customer is not of this simulated bank.",
                where="customer_id",
                found=str(rows.index[rows["segment"].isna()][0]),
            )
        basket = rows["basket"].to_numpy(np.int64)
        held = (basket[:, None] >> np.arange(len(self.world.product_ids)) & 1).astype(bool)
        return rows["segment"].to_numpy(np.int64) - 1, held


def population(study: Study) -> Population:
    """Read who the customers of a simulated study are; StudyError for a real bank."""
    if study.truth is None:
        raise StudyError("Only a simulated bank has a known truth.", where=study.name)
    world = World(**read_json(study.truth / "world.json"))
    customers = read_frame(study.truth / "customers.parquet")
    if study.as_of < AS_OF:
        customers = _on_an_earlier_day(customers, world, study)
    margins = world.products.set_index("product_id")["annual_margin"]
    margins.update(pd.Series(study.margins, dtype=float))
    return Population(world, customers, margins)


def _on_an_earlier_day(customers: pd.DataFrame, world: World, study: Study) -> pd.DataFrame:
    """Who had joined by the study's day, with what the study says they held on it."""
    joined = read_frame(study.tables["customers"])["customer_id"]
    customers = customers[customers["customer_id"].isin(joined)].reset_index(drop=True)
    basket = pd.Series(0, index=customers["customer_id"])
    if study.has("holdings"):
        held = read_frame(study.tables["holdings"])
        # What is closed by then is no longer held; a day that lay ahead is not in the table.
        held = held[held["closed_on"].isna()].drop_duplicates(["customer_id", "product_id"])
        bit = {product: 1 << place for place, product in enumerate(world.product_ids)}
        bits = held["product_id"].map(bit).groupby(held["customer_id"]).sum()
        basket = bits.reindex(basket.index, fill_value=0)
    return customers.assign(basket=basket.to_numpy(np.int64))


def not_answered(study: Study, plan: pd.DataFrame) -> list[str]:
    """Names of the products in a plan of which the simulated bank knows no customer's answer."""
    world = population(study).world
    asked = set(plan["product_id"]) - set(world.offered)
    return sorted(world.products.set_index("product_id")["name"].reindex(sorted(asked)))


def field_test(study: Study, plan: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Carry a contact plan out in the simulated bank and bring back what its CRM would record.

    Parameters
    ----------
    study : pmlib.studies.Study
        A simulated study.
    plan : pandas.DataFrame
        customer_id, product_id, channel, arm (``control`` and ``watch`` = not contacted for this
        product), propensity. A customer may be in the plan for several products.
    seed : int
        Each seed is another run of the same campaign.

    Returns
    -------
    pandas.DataFrame
        Rows of the canonical table ``contacts``, in the plan's order, two weeks after the
        study's day.

    Raises
    ------
    StudyError
        An unknown customer, product or channel.
    """
    known = population(study)
    kind, held = known.look_up(plan["customer_id"].to_numpy())
    treated = ~plan["arm"].isin(NOT_CONTACTED).to_numpy()
    for column, valid in (("product_id", known.world.offered), ("channel", CHANNELS)):
        rows = plan.loc[treated | (column == "product_id"), column]
        if not rows.isin(valid).all():
            raise StudyError(
                "The plan asks for what this bank does not offer.",
                where=f"contact plan, column {column}",
                rule=", ".join(valid),
                found=str(rows[~rows.isin(valid)].iloc[0]),
            )
    p = np.empty(len(plan))
    for product in plan["product_id"].unique():
        for channel in (*CHANNELS, None):
            arm = ~treated if channel is None else treated & (plan["channel"] == channel).to_numpy()
            at = np.nonzero((plan["product_id"] == product).to_numpy() & arm)[0]
            p[at] = known.world.response_probability(product, channel, held[at], kind[at])
    rng = np.random.default_rng([seed, known.world.seed, 7])
    responded = rng.random(len(plan)) < p
    margin = plan["product_id"].map(known.margins).to_numpy(float)
    loss = margin - known.worth(plan["customer_id"].to_numpy(), plan["product_id"])
    margin = np.round(margin * np.exp(0.3 * rng.standard_normal(len(plan)) - 0.045) - loss, 2)
    costs = {channel.name: channel.cost for channel in study.channels}
    cost = plan["channel"].map(costs).fillna(0.0).to_numpy(float)
    start = pd.Timestamp(study.as_of) + pd.Timedelta(days=14)
    return pd.DataFrame(
        {
            "campaign_id": "field",
            "customer_id": plan["customer_id"].to_numpy(),
            "contacted_on": start,
            "arm": plan["arm"].to_numpy(),
            "product_id": plan["product_id"].to_numpy(),
            "channel": plan["channel"].where(treated, None).to_numpy(),
            "cost": np.where(treated, cost, 0.0),
            "propensity": plan["propensity"].to_numpy(float),
            "responded": responded,
            "value": np.where(responded, margin, 0.0),
        }
    )
