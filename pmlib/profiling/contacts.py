"""The present marketing: what past contacts brought, what was wasted, and how it changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import narwhals as nw
import numpy as np
import pandas as pd
from scipy.stats import norm

from pmlib.artifacts import Number
from pmlib.engine import collect, day_number
from pmlib.profiling.customers import band
from pmlib.profiling.quality import iso_day
from pmlib.safeguards import EXCLUSIONS, count_exclusions, exclusions, suppress, wilson

_ANY_PRODUCT = "(no product named)"
_PARTS = 10

REASONS = {
    "already_held": "held the product already",
    "unsuitable": "product riskier than the customer tolerates",
    "opted_out": "customer objects to marketing",
    "any": "any of these",
}
"""Reasons for which a contact is wasted, in words."""


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
    contacted = contacts.filter(nw.col("arm") != "control").with_columns(_all=nw.lit(1))
    total = _responses(contacted, ["_all"], level)
    control = _responses(
        contacts.filter(nw.col("arm") == "control").with_columns(_all=nw.lit(1)), ["_all"], level
    )
    numbers, text = _response_text(total, control, len(order))
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
    total: pd.DataFrame, control: pd.DataFrame, n_campaigns: int
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
    reasons = count_exclusions(flagged, cost="cost", level=level)
    campaigns = count_exclusions(flagged, by=["campaign_id"], cost="cost", level=level)
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
        "Of the past contacts {waste_share} ({waste_share.interval}) should not have been made "
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


# --- repetition and drift -------------------------------------------------------------------------


@dataclass(frozen=True)
class Course:
    """How the response changes, with repetition or over time.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a step; see the function that made it. Empty when there is nothing to compare.
    numbers : tuple of Number
    text : str
        Markdown.
    """

    table: pd.DataFrame
    numbers: tuple[Number, ...]
    text: str


def repeated_contacts(
    contacts: nw.LazyFrame,
    *,
    customers: nw.LazyFrame | None = None,
    counters: Mapping[str, str] | None = None,
    most: int = 6,
    level: float = 0.95,
    minimum: int = 10,
) -> Course:
    """Response to a customer's first, second, third … contact, within each campaign.

    Where no customer has two contacts on record, attributes that count contacts stand in.

    Parameters
    ----------
    contacts : narwhals.LazyFrame
        Control rows are left out.
    customers : narwhals.LazyFrame, optional
        Needed for `counters`.
    counters : mapping, optional
        Attribute of the customers that counts contacts, to its label.
    most : int
        This contact and all later ones are taken together.
    level : float
        Confidence level.
    minimum : int
        Cells with fewer contacts are suppressed.

    Returns
    -------
    Course
        ``table``: ``series`` (a campaign, in order of time, or the label of a counter),
        ``contact`` (its number), ``contacts``, ``responded``, ``rate``, ``low``, ``high``,
        ``open_end`` (later contacts are included), ``suppressed``. The difference between
        later contacts and the first is Mantel and Haenszel's within series, with the variance
        of Greenland and Robins (1985, Biometrics 41, 55-68).
    """
    answered = contacts.filter(
        (nw.col("arm") != "control") & ~nw.col("responded").is_null()
    ).select(
        "customer_id", "campaign_id", _day=day_number("contacted_on"),
        _took=nw.col("responded").cast(nw.Int64),
    )  # fmt: skip
    numbered = answered.with_columns(
        contact=nw.col("_day").cum_count().over("customer_id", order_by=["_day", "campaign_id"]),
        series=nw.col("campaign_id"),
    )
    table = _by_number(numbered, most, level, minimum)
    origin = ""
    if table["contact"].max() == 1 and counters and customers is not None:
        origin = (
            "The records hold one contact a customer, so the contacts that the bank counted "
            f"stand in ({'; '.join(counters.values())}). "
        )
        parts = []
        for name, label in counters.items():
            counted = answered.join(
                customers.select("customer_id", contact=nw.col(name)).drop_nulls("contact"),
                on="customer_id",
                how="inner",
            ).with_columns(series=nw.lit(label))
            parts.append(_by_number(counted, most, level, minimum))
        table = pd.concat(parts, ignore_index=True)
    if table.empty or table["contact"].min() == table["contact"].max():
        return Course(table.iloc[:0], (), "No customer was contacted more than once on record.")
    later, low, high = _later_less_first(table, level)
    numbers = (
        Number("repetition_change", later, "points", low, high,
               meaning="response to later contacts less the first, same campaign or count"),
    )  # fmt: skip
    verdict = "lower" if high < 0 else "higher" if low > 0 else "not clearly different"
    text = (
        f"{origin}Response to later contacts was {verdict} than to the first, within a campaign "
        "or count ({repetition_change}, {repetition_change.interval}). Who is contacted again is "
        "not random, so this does not show what repeating a contact does."
    )
    return Course(table, numbers, text)


def _by_number(numbered: nw.LazyFrame, most: int, level: float, minimum: int) -> pd.DataFrame:
    number = nw.col("contact").cast(nw.Int64)
    table = collect(
        numbered.with_columns(
            contact=nw.when(number > most).then(nw.lit(most)).otherwise(number),
            _over=(number > most).cast(nw.Int64),
        )
        .group_by("series", "contact")
        .agg(
            contacts=nw.len(),
            responded=nw.col("_took").sum(),
            _over=nw.col("_over").max(),
            _first=nw.col("_day").min(),
        ),
        sort_by=["series", "contact"],
    )
    table["open_end"] = table.pop("_over") > 0
    table["_first"] = table.groupby("series")["_first"].transform("min")
    table = table.sort_values(["_first", "series", "contact"], kind="stable")
    table = _with_rate(table.drop(columns="_first"), level)
    table = suppress(table, count="contacts", minimum=minimum, by=("series", "contact"))
    return table.reset_index(drop=True)


def _later_less_first(table: pd.DataFrame, level: float) -> tuple[float, float, float]:
    difference = weight = variance = 0.0
    for _, part in table.dropna(subset=["rate"]).groupby("series", sort=False):
        is_first = part["contact"] == part["contact"].min()
        n1, n0 = part.loc[~is_first, "contacts"].sum(), part.loc[is_first, "contacts"].sum()
        if not (n1 and n0):
            continue
        p1 = part.loc[~is_first, "responded"].sum() / n1
        p0 = part.loc[is_first, "responded"].sum() / n0
        w = n1 * n0 / (n1 + n0)
        difference += w * (p1 - p0)
        variance += w**2 * (p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0)
        weight += w
    if not weight:
        return np.nan, np.nan, np.nan
    half = norm.ppf(0.5 + level / 2) * np.sqrt(variance) / weight
    return difference / weight, difference / weight - half, difference / weight + half


def response_drift(contacts: nw.LazyFrame, *, level: float = 0.95, minimum: int = 10) -> Course:
    """Response over time: contacts in order of their day, cut into ten parts of equal size.

    Contacts of one day are ordered by ``customer_id``.

    Parameters
    ----------
    contacts : narwhals.LazyFrame
        Control rows are left out.
    level : float
        Confidence level.
    minimum : int
        Smallest number of contacts a part must have.

    Returns
    -------
    Course
        ``table``: ``tenth`` (1 to 10), ``first`` and ``last`` day (ISO), ``contacts``,
        ``responded``, ``rate``, ``low``, ``high``. The change from first to last tenth has
        Newcombe's interval [@newcombe1998difference].
    """
    columns = ["tenth", "first", "last", "contacts", "responded", "rate", "low", "high"]
    rows = contacts.filter((nw.col("arm") != "control") & ~nw.col("responded").is_null()).select(
        "customer_id",
        "campaign_id",
        _day=day_number("contacted_on"),
        _took=nw.col("responded").cast(nw.Int64),
    )
    days = collect(rows.group_by("_day").agg(n=nw.len()), sort_by=["_day"])
    total = int(days["n"].sum())
    if len(days) < 2 or total < _PARTS * minimum:
        why = "all contacts fall on one day" if len(days) < 2 else "there are too few contacts"
        return Course(pd.DataFrame(columns=columns), (), f"No course over time: {why}.")
    before = (
        rows.group_by("_day")
        .agg(_n=nw.len())
        .with_columns(_before=nw.col("_n").cum_sum().over(order_by="_day") - nw.col("_n"))
        .select("_day", "_before")
    )
    placed = rows.with_columns(
        _within=nw.col("customer_id")
        .cum_count()
        .over("_day", order_by=["customer_id", "campaign_id"])
    ).join(before, on="_day", how="inner")
    edges = tuple(total * part / _PARTS for part in range(1, _PARTS))
    place = (nw.col("_before") + nw.col("_within") - 1).cast(nw.Float64)
    table = collect(
        placed.with_columns(tenth=band(place, edges) + 1)
        .group_by("tenth")
        .agg(
            first=nw.col("_day").min(),
            last=nw.col("_day").max(),
            contacts=nw.len(),
            responded=nw.col("_took").sum(),
        ),
        sort_by=["tenth"],
    )
    table["first"], table["last"] = table["first"].map(iso_day), table["last"].map(iso_day)
    table = _with_rate(table, level)[columns]
    start, end = table.iloc[0], table.iloc[-1]
    change, low, high = _newcombe(end, start, level)
    numbers = (
        Number("response_first_tenth", start["rate"], "share", start["low"], start["high"],
               meaning="response to the first tenth of the contacts"),
        Number("response_last_tenth", end["rate"], "share", end["low"], end["high"],
               meaning="response to the last tenth of the contacts"),
        Number("response_change", change, "points", low, high,
               meaning="response of the last tenth less the first"),
    )  # fmt: skip
    if low > 0 or high < 0:
        verb = "rose" if low > 0 else "fell"
        text = f"Response {verb} from {{response_first_tenth}} to {{response_last_tenth}}"
        moral = (
            " A model judged on a random split of such contacts would be judged on the past it "
            "was trained on; it must be judged on later contacts."
        )
    else:
        text = (
            "Response was {response_first_tenth} at first and {response_last_tenth} at last, no "
            "more apart than chance allows"
        )
        moral = ""
    text += " (change {response_change}, {response_change.interval})."
    campaigns = int(
        collect(rows.select(n=nw.col("campaign_id").n_unique()), sort_by=())["n"].iloc[0]
    )
    if campaigns > 1:
        text += " The parts mix campaigns, so this is the course of the whole marketing."
    return Course(table, numbers, text + moral)


def _with_rate(table: pd.DataFrame, level: float) -> pd.DataFrame:
    low, high = wilson(table["responded"], table["contacts"], level=level)
    return table.assign(rate=table["responded"] / table["contacts"], low=low, high=high)


def _newcombe(later: pd.Series, earlier: pd.Series, level: float) -> tuple[float, float, float]:
    from statsmodels.stats.proportion import confint_proportions_2indep

    low, high = confint_proportions_2indep(
        later["responded"], later["contacts"], earlier["responded"], earlier["contacts"],
        method="newcomb", compare="diff", alpha=1 - level,
    )  # fmt: skip
    return float(later["rate"] - earlier["rate"]), float(low), float(high)
