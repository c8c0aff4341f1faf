"""The present marketing: what past contacts brought, and what was wasted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.canon.contacts import CONTROL, answered, campaigns, made
from pmlib.engine import collect, day_number
from pmlib.numbers import Number
from pmlib.profiling.quality import iso_day, suppress_each, with_rate
from pmlib.safeguards import EXCLUSIONS, count_exclusions, exclusions, suppress

_ANY_PRODUCT = "(no product named)"
_SUMS = ["contacts", "answered", "responded", "cost", "costed", "answered_cost"]

REASONS = {
    "already_held": "held the product already",
    "unsuitable": "product riskier than the customer tolerates",
    "opted_out": "customer objects to marketing",
    "any": "any of these",
}
"""Reasons for which a contact is wasted, in words."""


def controlled_tests(contacts: nw.LazyFrame) -> list[str]:
    """Campaigns that were randomised tests.

    A randomised pilot is a question put to customers; what it brought says little of how the bank
    sells day by day. Where every campaign is a test, none is named: they are all there is.

    Parameters
    ----------
    contacts : narwhals.LazyFrame
    """
    table = campaigns(contacts).sort_values("campaign_id", kind="stable")
    tests = table.loc[table["randomised"], "campaign_id"]
    return tests.tolist() if len(tests) < len(table) else []


def answers(contacts: nw.LazyFrame) -> nw.LazyFrame:
    """Day and outcome of the contacts made whose outcome is known.

    Returns
    -------
    narwhals.LazyFrame
        ``customer_id``, ``campaign_id``, ``_day`` (number), ``_took`` (0 or 1).
    """
    return answered(contacts).select(
        "customer_id", "campaign_id", _day=day_number("contacted_on"),
        _took=nw.col("responded").cast(nw.Int64),
    )  # fmt: skip


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
    confidence_level: float = 0.95,
    minimum: int = 10,
) -> Responses:
    """Response and cost a sale of past contacts, by campaign and by product and channel.

    Parameters
    ----------
    contacts : narwhals.LazyFrame
    products : narwhals.LazyFrame, optional
        Gives the products' names.
    confidence_level : float
        Confidence level.
    minimum : int
        Cells with fewer contacts are suppressed.
    """
    counted = _counts(contacts)
    names = {} if products is None else dict(
        collect(products.select("product_id", "name"), sort_by=["product_id"]).to_numpy()
    )  # fmt: skip
    product = counted["product"].map(lambda key: names.get(key, key), na_action="ignore")
    counted["product"] = product.where(counted["product"].notna(), _ANY_PRODUCT)
    counted["channel"] = counted["channel"].where(counted["channel"].notna(), "(none)")
    keys = ["campaign", "arm", "product", "channel"]
    campaigns = counted.groupby(keys[:2], as_index=False).agg(
        {"first": "min", "last": "max", **dict.fromkeys(_SUMS, "sum")}
    )
    campaigns = campaigns.sort_values(["first", "campaign", "arm"], kind="stable")
    began = {name: position for position, name in enumerate(campaigns["campaign"].unique())}
    offers = counted.assign(_order=counted["campaign"].map(began)).sort_values(
        ["_order", "product", "arm", "channel"], kind="stable"
    )
    tests = controlled_tests(contacts)
    numbers, text = _response_text(campaigns, tests, confidence_level)
    days = campaigns.pop("first").map(iso_day), campaigns.pop("last").map(iso_day)
    campaigns = _with_costs(campaigns, confidence_level)
    campaigns.insert(2, "first", days[0])
    campaigns.insert(3, "last", days[1])
    offers = _with_costs(offers[[*keys, *_SUMS]], confidence_level)
    shown = partial(suppress, count="contacts", minimum=minimum)
    return Responses(
        shown(campaigns, by=keys[:2]).reset_index(drop=True),
        shown(offers, by=keys).reset_index(drop=True),
        numbers,
        text,
    )


def _counts(contacts: nw.LazyFrame) -> pd.DataFrame:
    """Count contacts, outcomes and costs by campaign, arm, product and channel."""
    known = (~nw.col("responded").is_null()).cast(nw.Int64)
    cost = nw.col("cost").cast(nw.Float64)
    by = {"campaign_id": "campaign", "arm": "arm", "product_id": "product", "channel": "channel"}
    counted = collect(
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
        sort_by=list(by),
    )
    return counted.rename(columns=by).astype({"cost": float, "answered_cost": float})


def _with_costs(table: pd.DataFrame, confidence_level: float) -> pd.DataFrame:
    """Add rates, and costs a sale where every contact's cost is recorded."""
    table = with_rate(
        table, "responded", "answered", confidence_level=confidence_level, name="rate"
    )
    paid = (table["costed"] == table["contacts"]) & (table["cost"] > 0)
    a_contact = table["answered_cost"].where(paid) / table["answered"].where(table["answered"] > 0)
    table["cost"] = table.pop("cost").where(paid)
    for name, rate in (("cost_per_sale", "rate"), ("cost_low", "high"), ("cost_high", "low")):
        table[name] = a_contact / table[rate].where(table[rate] > 0)
    return table.drop(columns=["costed", "answered_cost"])


def _response_text(
    campaigns: pd.DataFrame, tests: Sequence[str], confidence_level: float
) -> tuple[tuple[Number, ...], str]:
    left_out, tested = campaigns["arm"] == CONTROL, campaigns["campaign"].isin(tests)

    def together(rows: pd.Series) -> pd.Series:
        return _with_costs(campaigns.loc[rows, _SUMS].sum().to_frame().T, confidence_level).iloc[0]

    def response(key: str, row: pd.Series, meaning: str) -> Number:
        return Number(key, row["rate"], "share", row["low"], row["high"], meaning=meaning)

    usual, control = together(~left_out & ~tested), together(left_out)
    if not usual["contacts"]:
        return (), "No customer was contacted."
    n = campaigns.loc[~tested, "campaign"].nunique()
    numbers = [
        Number("past_campaigns", n, "count", meaning="campaigns on record"),
        Number("past_contacts", int(usual["contacts"]), "count", meaning="past contacts"),
    ]
    text = (
        f"On record: {{past_campaigns}} {'campaigns' if n > 1 else 'campaign'} and "
        "{past_contacts} contacts"
    )
    if not usual["answered"]:
        return tuple(numbers), f"{text}; no outcome is recorded."
    numbers.append(response("past_response", usual, "past contacts answered by a purchase"))
    text += ", of which {past_response} ({past_response.interval}) led to a purchase."
    if not np.isnan(usual["cost_per_sale"]):
        numbers.append(
            Number("past_cost_per_sale", usual["cost_per_sale"], "currency", usual["cost_low"],
                   usual["cost_high"], meaning="contact cost a sale in past campaigns")
        )  # fmt: skip
        text += (
            " Contacts cost {past_cost_per_sale} a sale ({past_cost_per_sale.interval}), counting "
            "the sales that would have come anyway."
        )
    if not control["answered"]:
        return tuple(numbers), (
            f"{text} Nobody was deliberately left out, so how many would have bought anyway is "
            "unknown."
        )
    meaning = "purchases of customers deliberately not contacted"
    numbers.append(response("past_response_control", control, meaning))
    bought = "{past_response_control} ({past_response_control.interval})"
    if not tests:
        return tuple(numbers), (
            f"{text} Of the customers deliberately not contacted, {bought} bought anyway: a "
            "response is not an effect."
        )
    meaning = "contacts of tests with a control group answered by a purchase"
    numbers.append(response("past_response_tests", together(~left_out & tested), meaning))
    return tuple(numbers), (
        f"{text} Tests with a control group are not counted here: {', '.join(tests)}. There "
        "{past_response_tests} ({past_response_tests.interval}) of the contacted bought, and "
        f"{bought} of those deliberately not contacted: a response is not an effect."
    )


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
    confidence_level: float = 0.95,
    minimum: int = 10,
) -> Waste:
    """Count past contacts to holders, to those the product does not suit, and to objectors.

    Parameters
    ----------
    contacts, customers : narwhals.LazyFrame
    products, holdings : narwhals.LazyFrame, optional
        Without them some reasons cannot be told; the text says which.
    confidence_level : float
        Confidence level.
    minimum : int
        Smallest number of customers that may be shown.
    """
    flagged = exclusions(
        made(contacts),
        customers=customers,
        products=products,
        holdings=holdings,
        on="contacted_on",
    )
    usual = without(flagged, controlled_tests(contacts))
    reasons = count_exclusions(usual, cost="cost", confidence_level=confidence_level)
    campaigns = _in_time(
        count_exclusions(
            flagged, by=["campaign_id"], cost="cost", confidence_level=confidence_level
        ),
        contacts,
    )
    known = set(reasons.loc[reasons["known"] > 0, "reason"]) & set(EXCLUSIONS)
    untold = [REASONS[name] for name in EXCLUSIONS if name not in known]
    total = reasons.set_index("reason")
    text = f"What these data do not tell of any contact: {'; '.join(untold)}." if untold else ""
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
    shown = [
        f"{REASONS[name]}: {{waste_{name}_share}}"
        + (f" of the {known_n:,.0f} for which that is known" if known_n < total_n else "")
        for name in EXCLUSIONS if name in known
        for known_n, total_n in [total.loc[name, ["known", "offers"]]]
    ]  # fmt: skip
    sentence = (
        "Of these contacts {waste_share} ({waste_share.interval}) should not have been made "
        f"({'; '.join(shown)}; some for several reasons)."
    )
    cost = total["cost"]["any"]
    if cost > 0:
        numbers.append(Number("waste_cost", cost, "currency", meaning="cost of these contacts"))
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
    each = ["campaign", "reason"] if "campaign" in table else "reason"
    return suppress_each(table, each, minimum=minimum, count="wasted", keep=("contacts",))
