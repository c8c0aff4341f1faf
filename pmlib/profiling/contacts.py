"""The present marketing: what past contacts brought, and what was wasted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.canon.contacts import CONTROL, answered, campaigns, made
from pmlib.engine import collect, day_number
from pmlib.numbers import Finding, Level, Number, needs
from pmlib.profiling.quality import iso_day, suppress_each, with_rate
from pmlib.safeguards import EXCLUSIONS, count_exclusions, exclusions, suppress

_SUMS = ["contacts", "answered", "responded", "cost", "costed", "answered_cost"]


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


@needs("contacts")
def contact_responses(
    tables: Mapping[str, nw.LazyFrame], *, confidence_level: float = 0.95, minimum: int = 10
) -> Finding:
    """Response and cost a sale of past contacts, by campaign and by product and channel.

    Parameters
    ----------
    tables : mapping
        Canonical tables: ``contacts``, and ``products`` for their names.
    confidence_level : float
        Confidence level.
    minimum : int
        Cells with fewer contacts are suppressed.

    Returns
    -------
    Finding
        ``campaign``, ``arm``, ``first`` and ``last`` day (ISO), ``contacts``, ``answered`` (the
        outcome is known), ``responded``, ``rate`` with ``low`` and ``high`` (Wilson), ``cost``,
        ``cost_per_sale`` with ``cost_low`` and ``cost_high`` (currency; NaN where not recorded),
        ``suppressed``. In order of time; arm ``control`` was deliberately not contacted. Further
        tables: *campaigns*, the same without ``last`` and ``suppressed``; *offers*, the same a
        ``campaign``, ``arm``, ``product`` and ``channel`` (empty where none is named), without
        dates.
    """
    contacts = tables["contacts"]
    counted = _counts(contacts)
    names = {}
    if "products" in tables:
        named = tables["products"].select("product_id", "name")
        names = dict(collect(named, sort_by=["product_id"]).to_numpy())
    counted["product"] = counted["product"].fillna("").map(lambda key: names.get(key, key))
    counted["channel"] = counted["channel"].fillna("")
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
    numbers, facts = _response(campaigns, tests, confidence_level)
    days = campaigns.pop("first").map(iso_day), campaigns.pop("last").map(iso_day)
    campaigns = _with_costs(campaigns, confidence_level)
    campaigns.insert(2, "first", days[0])
    campaigns.insert(3, "last", days[1])
    offers = _with_costs(offers[[*keys, *_SUMS]], confidence_level)
    shown = partial(suppress, count="contacts", minimum=minimum)
    campaigns = shown(campaigns, by=keys[:2]).reset_index(drop=True)
    return Finding(
        campaigns,
        tuple(numbers),
        facts,
        quotes={"tests": tests},
        tables={
            "campaigns": campaigns.drop(columns=["last", "suppressed"]),
            "offers": shown(offers, by=keys).reset_index(drop=True),
        },
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


def _response(
    campaigns: pd.DataFrame, tests: Sequence[str], confidence_level: float
) -> tuple[list[Number], dict[str, str]]:
    """Response of all marketing together, tests with a control group apart."""
    left_out, tested = campaigns["arm"] == CONTROL, campaigns["campaign"].isin(tests)

    def together(rows: pd.Series) -> pd.Series:
        return _with_costs(campaigns.loc[rows, _SUMS].sum().to_frame().T, confidence_level).iloc[0]

    def response(key: str, row: pd.Series) -> Number:
        return Number(key, row["rate"], "share", row["low"], row["high"])

    usual, control = together(~left_out & ~tested), together(left_out)
    if not usual["contacts"]:
        return [], {"past_outcomes": "no_contacts"}
    numbers = [
        Number("past_campaigns", campaigns.loc[~tested, "campaign"].nunique(), "count"),
        Number("past_contacts", int(usual["contacts"]), "count"),
    ]
    if not usual["answered"]:
        return numbers, {"past_outcomes": "unknown"}
    numbers.append(response("past_response", usual))
    if not np.isnan(usual["cost_per_sale"]):
        ends = usual["cost_low"], usual["cost_high"]
        numbers.append(Number("past_cost_per_sale", usual["cost_per_sale"], "currency", *ends))
    facts = {"past_outcomes": "known", "past_control": "some" if control["answered"] else "none"}
    if control["answered"]:
        numbers.append(response("past_response_control", control))
        if tests:
            numbers.append(response("past_response_tests", together(~left_out & tested)))
    return numbers, facts


# --- waste --------------------------------------------------------------------------------------


@needs("contacts")
def wasted_contacts(
    tables: Mapping[str, nw.LazyFrame], *, confidence_level: float = 0.95, minimum: int = 10
) -> Finding:
    """Count past contacts to holders, to those the product does not suit, and to objectors.

    Parameters
    ----------
    tables : mapping
        Canonical tables: ``contacts`` and ``customers``; without ``products`` and ``holdings``
        some reasons cannot be told.
    confidence_level : float
        Confidence level.
    minimum : int
        Smallest number of customers that may be shown.

    Returns
    -------
    Finding
        ``reason`` (level), ``contacts`` for which the data can tell, ``wasted``, ``share`` with
        ``low`` and ``high`` (Wilson), ``cost`` (currency). Contacts may have several reasons.
        Further table: *campaigns*, the same a ``campaign``, with ``suppressed``.
    """
    contacts = tables["contacts"]
    flagged = exclusions(
        made(contacts),
        customers=tables["customers"],
        products=tables.get("products"),
        holdings=tables.get("holdings"),
        on="contacted_on",
    )
    count = partial(count_exclusions, cost="cost", confidence_level=confidence_level)
    total = count(without(flagged, controlled_tests(contacts)))
    campaigns = _in_time(count(flagged, by=["campaign_id"]), contacts)
    told = total[(total["known"] > 0) & total["reason"].isin(EXCLUSIONS)]
    untold = [Level("reason", name) for name in EXCLUSIONS if name not in set(told["reason"])]
    if told.empty:
        return Finding(quotes={"untold": untold})
    wasted = total.set_index("reason").loc["any"]
    numbers = [
        Number(f"waste_{row.reason}_share", row.share, "share", row.low, row.high)
        for row in told.itertuples()
    ]
    numbers.append(Number("waste_share", wasted["share"], "share", wasted["low"], wasted["high"]))
    if wasted["cost"] > 0:
        numbers.append(Number("waste_cost", wasted["cost"], "currency"))
    reasons = [
        {
            "reason": Level("reason", row.reason),
            "share": Number("", row.share, "share"),
            "of": Number("", row.known, "count") if row.known < row.offers else None,
        }
        for row in told.itertuples()
    ]
    shown = [*told["reason"], "any"]
    return Finding(
        _waste_table(total[total["reason"].isin(shown)], minimum).drop(columns="suppressed"),
        tuple(numbers),
        facts={"waste": "some" if wasted["excluded"] else "none"},
        quotes={"reasons": reasons, "untold": untold},
        tables={"campaigns": _waste_table(campaigns[campaigns["reason"].isin(shown)], minimum)},
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
    # Reasons overlap and do not add up, so a small count cannot be found from the others.
    each = ["campaign", "reason"] if "campaign" in table else "reason"
    return suppress_each(table, each, minimum=minimum, count="wasted", keep=("contacts",))
