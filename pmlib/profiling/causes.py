"""Why the present marketing falls short, as far as its records tell whether anybody chose."""

from __future__ import annotations

from collections.abc import Mapping

import narwhals as nw

from pmlib.canon.contacts import made
from pmlib.engine import collect
from pmlib.numbers import Finding, Number
from pmlib.profiling.contacts import controlled_tests, without
from pmlib.safeguards import count_exclusions, exclusions

MOST_OFFERS = 50
"""Campaigns times products for which all customers are looked at; beyond, it is not worth it."""


def causes(tables: Mapping[str, nw.LazyFrame], waste: Finding) -> Finding:
    """Hold past contacts against a blind draw of customers, and count what campaigns offered.

    A contact is wasted as in `wasted_contacts`, whose finding `waste` is. A blind draw takes, for
    each product of each campaign, any of today's customers on the day its contacts began.

    Returns
    -------
    Finding
        No table. Facts ``choice_of_contacts``, where the interval of the share wasted lies beside
        that of the draw, and ``campaigns_offer``, whether each campaign offered one product; tests
        with a control group apart. Nothing where there are no such contacts.
    """
    shares = {number.key: number for number in waste.numbers}
    if waste.absent or "waste_share" not in shares:
        return Finding()
    usual = without(made(tables["contacts"]), controlled_tests(tables["contacts"]))
    keys = ["campaign_id", "product_id"]
    days = usual.group_by(*keys).agg(contacted_on=nw.col("contacted_on").min(), contacts=nw.len())
    offers = collect(days, sort_by=keys)
    products = offers.groupby("campaign_id")["product_id"].nunique()
    told = "one_product" if (products == 1).all() else "several"
    facts = {"campaigns_offer": told if products.any() else "untold"}
    if len(offers) > MOST_OFFERS:
        return Finding(facts=facts)
    everybody = tables["customers"].select("customer_id")
    blind = exclusions(
        days.join(everybody, how="cross"), customers=tables["customers"], on="contacted_on",
        products=tables.get("products"), holdings=tables.get("holdings"),
    )  # fmt: skip
    drawn = count_exclusions(blind, by=[*keys, "contacts"])
    drawn = drawn[drawn["reason"] == "any"]
    chance = float((drawn["share"] * drawn["contacts"]).sum() / drawn["contacts"].sum())
    wasted = shares["waste_share"]
    assert wasted.low is not None
    assert wasted.high is not None
    beside = "more" if wasted.low > chance else "less" if wasted.high < chance else "as_chance"
    facts["choice_of_contacts"] = beside
    return Finding(numbers=(Number("waste_by_chance", chance, "share"),), facts=facts)
