"""The present marketing: what past contacts brought, and what was wasted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.artifacts import Number
from pmlib.engine import collect, day_number
from pmlib.profiling.quality import iso_day
from pmlib.safeguards import EXCLUSIONS, count_exclusions, exclusions, suppress, wilson

_ANY_PRODUCT = "(no product named)"

REASONS = {
    "already_held": "held the product already",
    "unsuitable": "product riskier than the customer tolerates",
    "opted_out": "customer objects to marketing",
    "any": "any of these",
}
"""Reasons for which a contact is wasted, in words."""


def controlled_tests(contacts: nw.LazyFrame) -> list[str]:
    """Campaigns that were tests, with customers left uncontacted on purpose.

    A randomised pilot is a question put to customers; what it brought says little of how the bank
    sells day by day. Where every campaign is a test, none is named: they are all there is.

    Parameters
    ----------
    contacts : narwhals.LazyFrame
    """
    control = (nw.col("arm") == "control").cast(nw.Int64)
    arms = collect(
        contacts.group_by("campaign_id").agg(test=control.max()), sort_by=["campaign_id"]
    )
    tests = arms.loc[arms["test"] == 1, "campaign_id"]
    return tests.tolist() if len(tests) < len(arms) else []


def without(contacts: nw.LazyFrame, campaigns: Sequence[str]) -> nw.LazyFrame:
    """Leave out the contacts of some campaigns."""
    return contacts.filter(~nw.col("campaign_id").is_in(campaigns)) if campaigns else contacts


# --- response -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Responses:
    """Response to past contacts.

    Attributes
    ----------
    campaigns : pandas.DataFrame
        ``campaign``, ``arm``, ``first`` and ``last`` day (ISO), ``contacts``, ``answered`` (the
        outcome is known), ``responded``, ``rate`` with ``low`` and ``high`` (Wilson), ``cost``,
        ``cost_per_sale`` with ``cost_low`` and ``cost_high`` (currency; NaN where not recorded),
        ``suppressed``. In order of time; arm ``control`` was deliberately not contacted.
    offers : pandas.DataFrame
        The same a ``campaign``, ``arm``, ``product``, ``channel``, without dates.
    numbers : tuple of Number
    text : str
        Markdown.
    """

    campaigns: pd.DataFrame
    offers: pd.DataFrame
    numbers: tuple[Number, ...]
    text: str


def contact_responses(
    contacts: nw.LazyFrame,
    *,
    products: nw.LazyFrame | None = None,
    level: float = 0.95,
    minimum: int = 10,
) -> Responses:
    """Response and cost a sale of past contacts, by campaign and by product and channel.

    Parameters
    ----------
    contacts : narwhals.LazyFrame
    products : narwhals.LazyFrame, optional
        Gives the products' names.
    level : float
        Confidence level.
    minimum : int
        Cells with fewer contacts are suppressed.
    """
    campaigns = _responses(contacts, ["campaign_id", "arm"], level)
    campaigns = campaigns.sort_values(["first", "campaign_id", "arm"], kind="stable")
    order = {name: position for position, name in enumerate(campaigns["campaign_id"].unique())}
    offers = _responses(contacts, ["campaign_id", "arm", "product_id", "channel"], level)
    names = (
        collect(products.select("product_id", "name"), sort_by=["product_id"])
        .set_index("product_id")["name"]
        .to_dict()
        if products is not None
        else {}
    )
    product = offers["product_id"].map(lambda key: names.get(key, key), na_action="ignore")
    offers["product"] = product.where(offers["product_id"].notna(), _ANY_PRODUCT)
    offers["channel"] = offers["channel"].where(offers["channel"].notna(), "(none)")
    offers = offers.assign(_order=offers["campaign_id"].map(order)).sort_values(
        ["_order", "product", "arm", "channel"], kind="stable"
    )
    shared = ["contacts", "answered", "responded", "rate", "low", "high", "cost"]
    shared += ["cost_per_sale", "cost_low", "cost_high"]
    campaigns = campaigns.rename(columns={"campaign_id": "campaign"})
    offers = offers.rename(columns={"campaign_id": "campaign"})
    keys = ["campaign", "arm", "product", "channel"]
    tests = controlled_tests(contacts)
    contacted = contacts.filter(nw.col("arm") != "control").with_columns(_all=nw.lit(1))
    contacted = without(contacted, tests)
    total = _responses(contacted, ["_all"], level)
    control = _responses(
        contacts.filter(nw.col("arm") == "control").with_columns(_all=nw.lit(1)), ["_all"], level
    )
    numbers, text = _response_text(total, control, len(order) - len(tests), tests)
    return Responses(
        suppress(
            campaigns[["campaign", "arm", "first", "last", *shared]],
            count="contacts",
            minimum=minimum,
            by=("campaign", "arm"),
        ).reset_index(drop=True),
        suppress(offers[[*keys, *shared]], count="contacts", minimum=minimum, by=keys).reset_index(
            drop=True
        ),
        numbers,
        text,
    )


def _responses(contacts: nw.LazyFrame, by: Sequence[str], level: float) -> pd.DataFrame:
    known = (~nw.col("responded").is_null()).cast(nw.Int64)
    cost = nw.col("cost").cast(nw.Float64)
    table = collect(
        contacts.with_columns(_known=known, _day=day_number("contacted_on"), _cost=cost)
        .group_by(*by)
        .agg(
            contacts=nw.len(),
            answered=nw.col("_known").sum(),
            responded=nw.col("responded").fill_null(value=False).cast(nw.Int64).sum(),
            cost=nw.col("_cost").sum(),
            costed=nw.col("_cost").count(),
            # Cost a sale sets the cost of contacts with a known outcome against their sales.
            answered_cost=nw.when(nw.col("_known") == 1).then(nw.col("_cost")).sum(),
            first=nw.col("_day").min(),
            last=nw.col("_day").max(),
        ),
        sort_by=by,
    )
    known_n = table["answered"].where(table["answered"] > 0)
    table["rate"] = table["responded"] / known_n
    table["low"], table["high"] = wilson(table["responded"], table["answered"], level=level)
    paid = (table["costed"] == table["contacts"]) & (table["cost"] > 0)
    table["cost"] = table["cost"].astype(float).where(paid)
    a_contact = table["answered_cost"].astype(float).where(paid) / known_n
    for name, rate in (("cost_per_sale", "rate"), ("cost_low", "high"), ("cost_high", "low")):
        table[name] = a_contact / table[rate].where(table[rate] > 0)
    table["first"], table["last"] = table["first"].map(iso_day), table["last"].map(iso_day)
    return table.drop(columns=["costed", "answered_cost"])


def _response_text(
    total: pd.DataFrame, control: pd.DataFrame, n_campaigns: int, tests: Sequence[str]
) -> tuple[tuple[Number, ...], str]:
    if total.empty:
        return (), "No customer was contacted."
    all_ = total.iloc[0]
    numbers = [
        Number("past_campaigns", n_campaigns, "count", meaning="campaigns on record"),
        Number("past_contacts", int(all_["contacts"]), "count", meaning="past contacts"),
    ]
    if not all_["answered"] > 0:
        return tuple(numbers), (
            "{past_campaigns} campaigns made {past_contacts} contacts; no outcome is recorded."
        )
    numbers.append(
        Number("past_response", all_["rate"], "share", all_["low"], all_["high"],
               meaning="past contacts answered by a purchase")
    )  # fmt: skip
    plural = "campaigns" if n_campaigns > 1 else "campaign"
    text = (
        f"On record: {{past_campaigns}} {plural} and {{past_contacts}} contacts, of which "
        "{past_response} ({past_response.interval}) led to a purchase."
    )
    if tests:
        text += f" Tests with a control group are not counted: {', '.join(tests)}."
    if not np.isnan(all_["cost_per_sale"]):
        numbers.append(
            Number("past_cost_per_sale", all_["cost_per_sale"], "currency", all_["cost_low"],
                   all_["cost_high"], meaning="contact cost a sale in past campaigns")
        )  # fmt: skip
        text += (
            " A sale cost {past_cost_per_sale} of contacts ({past_cost_per_sale.interval}), "
            "sales counted that would have come anyway."
        )
    if len(control) and control["answered"].iloc[0] > 0:
        row = control.iloc[0]
        numbers.append(
            Number("past_response_control", row["rate"], "share", row["low"], row["high"],
                   meaning="purchases of customers deliberately not contacted")
        )  # fmt: skip
        text += (
            " Of the customers deliberately not contacted, {past_response_control} "
            "({past_response_control.interval}) bought anyway: a response is not an effect."
        )
    else:
        text += (
            " Nobody was deliberately left out, so how many would have bought anyway is unknown."
        )
    return tuple(numbers), text


# --- waste --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Waste:
    """Past contacts that should not have been made.

    Attributes
    ----------
    reasons : pandas.DataFrame
        ``reason`` (in words), ``contacts`` for which the data can tell, ``wasted``, ``share``
        with ``low`` and ``high`` (Wilson), ``cost`` (currency), ``suppressed``. Contacts may
        have several reasons.
    campaigns : pandas.DataFrame
        The same a ``campaign``.
    numbers : tuple of Number
    text : str
        Markdown.
    """

    reasons: pd.DataFrame
    campaigns: pd.DataFrame
    numbers: tuple[Number, ...]
    text: str


def wasted_contacts(
    contacts: nw.LazyFrame,
    *,
    customers: nw.LazyFrame,
    products: nw.LazyFrame | None = None,
    holdings: nw.LazyFrame | None = None,
    level: float = 0.95,
    minimum: int = 10,
) -> Waste:
    """Count past contacts to holders, to those the product does not suit, and to objectors.

    Parameters
    ----------
    contacts, customers : narwhals.LazyFrame
    products, holdings : narwhals.LazyFrame, optional
        Without them some reasons cannot be told; the text says which.
    level : float
        Confidence level.
    minimum : int
        Smallest number of customers that may be shown.
    """
    flagged = exclusions(
        contacts.filter(nw.col("arm") != "control"),
        customers=customers,
        products=products,
        holdings=holdings,
        on="contacted_on",
    )
    usual = without(flagged, controlled_tests(contacts))
    reasons = count_exclusions(usual, cost="cost", level=level)
    campaigns = _in_time(
        count_exclusions(flagged, by=["campaign_id"], cost="cost", level=level), contacts
    )
    known = set(reasons.loc[reasons["known"] > 0, "reason"]) & set(EXCLUSIONS)
    untold = [REASONS[name] for name in EXCLUSIONS if name not in known]
    total = reasons.set_index("reason")
    text = f"The data cannot tell of any contact: {'; '.join(untold)}." if untold else ""
    if not known:
        nothing = _waste_table(reasons.iloc[:0], minimum)
        return Waste(nothing, nothing.assign(campaign=pd.Series(dtype=object)), (), text)
    numbers = [
        Number(
            f"waste_{name}_share", total["share"][name], "share", total["low"][name],
            total["high"][name], meaning=f"past contacts: {REASONS[name]}",
        )
        for name in EXCLUSIONS if name in known
    ]  # fmt: skip
    numbers.append(
        Number("waste_share", total["share"]["any"], "share", total["low"]["any"],
               total["high"]["any"], meaning="past contacts that should not have been made")
    )  # fmt: skip
    shown = [f"{REASONS[name]}: {{waste_{name}_share}}" for name in EXCLUSIONS if name in known]
    sentence = (
        "Of these contacts {waste_share} ({waste_share.interval}) should not have been made "
        f"({'; '.join(shown)})."
    )
    cost = total["cost"]["any"]
    if not np.isnan(cost) and cost > 0:
        numbers.append(
            Number("waste_cost", cost, "currency", meaning="cost of these contacts")
        )  # fmt: skip
        sentence += " They cost {waste_cost}."
    keep = [*[name for name in EXCLUSIONS if name in known], "any"]
    return Waste(
        _waste_table(reasons[reasons["reason"].isin(keep)], minimum),
        _waste_table(campaigns[campaigns["reason"].isin(keep)], minimum),
        tuple(numbers),
        f"{sentence} {text}".strip(),
    )


def _in_time(table: pd.DataFrame, contacts: nw.LazyFrame) -> pd.DataFrame:
    """Rows in the order in which their campaigns began."""
    began = collect(
        contacts.with_columns(_day=day_number("contacted_on"))
        .group_by("campaign_id")
        .agg(_began=nw.col("_day").min()),
        sort_by=["_began", "campaign_id"],
    )
    position = {name: i for i, name in enumerate(began["campaign_id"])}
    return table.sort_values(
        "campaign_id", key=lambda names: names.map(position), kind="stable"
    ).reset_index(drop=True)


def _waste_table(table: pd.DataFrame, minimum: int) -> pd.DataFrame:
    table = table.rename(
        columns={"campaign_id": "campaign", "known": "contacts", "excluded": "wasted"}
    ).drop(columns="offers")
    table["reason"] = table["reason"].map(REASONS)
    # Reasons overlap and do not add up, so a small count cannot be found from the others.
    rows = [
        suppress(table.iloc[[i]], count="wasted", minimum=minimum, keep=("contacts",))
        for i in range(len(table))
    ]
    if not rows:
        return table.assign(suppressed=pd.Series(dtype=bool)).reset_index(drop=True)
    return pd.concat(rows, ignore_index=True)
