"""The present marketing: what past contacts brought, and what was wasted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.canon.contacts import CONTROL, answered, campaigns, made
from pmlib.engine import collect, day_number
from pmlib.inference.proportions import wilson
from pmlib.numbers import Finding, Level, Number, Phrase, needs
from pmlib.profiling.quality import iso_day, suppress_each, with_rate
from pmlib.safeguards import EXCLUSIONS, count_exclusions, exclusions, suppress

_SUMS = ["contacts", "answered", "responded", "cost", "costed", "answered_cost"]


def controlled_tests(contacts: nw.LazyFrame) -> list[str]:
    """Campaigns that were randomised tests.

    A randomised pilot is a question put to customers; what it brought says little of how the bank
    sells day by day. Where every campaign is a test, none is named: they are all there is.
    """
    return _tests_among(campaigns(contacts))


def _tests_among(known: pd.DataFrame) -> list[str]:
    """Campaigns that were tests, of what `campaigns` tells; none where all were."""
    tests = known.loc[known["randomised"], "campaign_id"]
    return sorted(tests) if len(tests) < len(known) else []


def answers(contacts: nw.LazyFrame) -> nw.LazyFrame:
    """``customer_id``, ``campaign_id``, ``_day`` (number), ``_took`` (0, 1) of the answered."""
    day, took = day_number("contacted_on"), nw.col("responded").cast(nw.Int64)
    return answered(contacts).select("customer_id", "campaign_id", _day=day, _took=took)


def without(contacts: nw.LazyFrame, campaigns: Sequence[str]) -> nw.LazyFrame:
    """Leave out the contacts of some campaigns."""
    return contacts.filter(~nw.col("campaign_id").is_in(campaigns)) if campaigns else contacts


# --- response -----------------------------------------------------------------------------------


@needs("contacts")
def contact_responses(
    tables: Mapping[str, nw.LazyFrame], *, confidence_level: float = 0.95, minimum: int = 10
) -> Finding:
    """Response and cost a sale of past contacts, by campaign and by product and channel.

    Returns
    -------
    Finding
        ``campaign``, ``arm``, ``first`` and ``last`` day (ISO), ``contacts``, ``answered`` (the
        outcome is known), ``responded``, ``rate`` with ``low`` and ``high``, ``cost``,
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
    reduced = {"first": "min", "last": "max", **dict.fromkeys(_SUMS, "sum")}
    arms = counted.groupby(keys[:2], as_index=False).agg(reduced)
    arms = arms.sort_values(["first", "campaign", "arm"], kind="stable")
    began = {name: position for position, name in enumerate(arms["campaign"].unique())}
    offers = counted.assign(_order=counted["campaign"].map(began))
    offers = offers.sort_values(["_order", "product", "arm", "channel"], kind="stable")
    known = campaigns(contacts)
    tests, drawn = _tests_among(known), bool(known["randomised"].any())
    numbers, facts = _response(arms, tests, confidence_level, drawn=drawn)
    arms = arms.assign(**{end: arms[end].map(iso_day) for end in ("first", "last")})

    def shown(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
        table = _with_costs(table, confidence_level).reset_index(drop=True)
        return suppress(table, count="contacts", minimum=minimum, by=by)

    arms = shown(arms, keys[:2])
    return Finding(
        arms, tuple(numbers), facts, {"tests": tests, "undrawn": Phrase("undrawn")},
        {"campaigns": arms.drop(columns=["last", "suppressed"]),
         "offers": shown(offers[[*keys, *_SUMS]], keys)},
    )  # fmt: skip


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
    table = with_rate(table, "responded", "answered", confidence_level, name="rate")
    paid = (table["costed"] == table["contacts"]) & (table["cost"] > 0)
    a_contact = table["answered_cost"].where(paid) / table["answered"].where(table["answered"] > 0)
    table["cost"] = table.pop("cost").where(paid)
    for name, rate in (("cost_per_sale", "rate"), ("cost_low", "high"), ("cost_high", "low")):
        table[name] = a_contact / table[rate].where(table[rate] > 0)
    return table.drop(columns=["costed", "answered_cost"])


def _response(
    arms: pd.DataFrame, tests: Sequence[str], confidence_level: float, *, drawn: bool
) -> tuple[list[Number], dict[str, str]]:
    """Response of all marketing together, tests with a control group apart."""
    left_out, tested = arms["arm"] == CONTROL, arms["campaign"].isin(tests)

    def together(rows: pd.Series) -> pd.Series:
        return _with_costs(arms.loc[rows, _SUMS].sum().to_frame().T, confidence_level).iloc[0]

    def response(key: str, row: pd.Series) -> Number:
        return Number(key, row["rate"], "share", row["low"], row["high"], of=row["answered"])

    usual = together(~left_out & ~tested)
    control = together(left_out & tested if tests else left_out)
    if not usual["contacts"]:
        return [], {"past_outcomes": "no_contacts"}
    numbers = [
        Number("past_campaigns", arms.loc[~tested, "campaign"].nunique(), "count"),
        Number("past_contacts", int(usual["contacts"]), "count", of=usual["contacts"]),
    ]
    if not usual["answered"]:
        return numbers, {"past_outcomes": "unknown"}
    numbers.append(response("past_response", usual))
    if not np.isnan(usual["cost_per_sale"]):
        ends, sold = (usual["cost_low"], usual["cost_high"]), usual["responded"]
        cost = usual["cost_per_sale"]
        numbers.append(Number("past_cost_per_sale", cost, "currency", *ends, of=sold))
    kept = "none" if not left_out.any() else "unanswered"
    if control["answered"]:
        kept = "some" if drawn else "undrawn"
    facts = {"past_outcomes": "known", "past_control": kept}
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

    Without ``products`` and ``holdings`` some reasons cannot be told.

    Returns
    -------
    Finding
        ``reason`` (level), ``contacts`` for which the data can tell, ``wasted``, ``share`` with
        ``low`` and ``high``, ``cost`` (currency) and ``sales`` of these (NaN where no sale is on
        record). Contacts may have several reasons.
        Further table: *campaigns*, the same a ``campaign``, with ``suppressed``.
    """
    contacts = tables["contacts"]
    flagged = exclusions(
        made(contacts), customers=tables["customers"], products=tables.get("products"),
        holdings=tables.get("holdings"), on="contacted_on",
    )  # fmt: skip
    count = partial(
        count_exclusions, cost="cost", sold="responded", confidence_level=confidence_level
    )
    total = count(without(flagged, controlled_tests(contacts)))
    campaigns = _in_time(count(flagged, by=["campaign_id"]), contacts)
    told = total[(total["known"] > 0) & total["reason"].isin(EXCLUSIONS)]
    untold = [Level("reason", name) for name in EXCLUSIONS if name not in set(told["reason"])]
    if told.empty:
        return Finding(quotes={"untold": untold})
    wasted = total.set_index("reason").loc["any"]
    numbers = [
        Number(f"waste_{row.reason}_share", row.share, "share", row.low, row.high, of=row.known)
        for row in told.itertuples()
    ]
    ends = wasted["low"], wasted["high"]
    numbers.append(Number("waste_share", wasted["share"], "share", *ends, of=wasted["known"]))
    if wasted["cost"] > 0:
        numbers.append(Number("waste_cost", wasted["cost"], "currency", of=wasted["excluded"]))
    quotes = {
        "untold": untold,
        "reasons": [
            {"reason": Level("reason", row.reason),
             "share": Number("", row.share, "share", of=row.known),
             "of": Number("", row.known, "count", of=row.known) if row.known < row.offers else None}
            for row in told.itertuples()
        ],
    }  # fmt: skip
    facts = {"waste": "some" if wasted["excluded"] else "none"}
    if wasted["sales_all"]:
        sold = wasted[["sales"]], wasted[["sales_all"]]
        low, high = wilson(*sold, confidence_level=confidence_level)
        share = wasted["sales"] / wasted["sales_all"]
        numbers.append(
            Number("waste_sales_share", share, "share", low[0], high[0], of=wasted["sales_all"])
        )
        above = told.set_index("reason")["sales"].get("unsuitable")
        if above is not None:
            numbers.append(Number("unsuitable_sales", int(above), "count", of=above))
            facts["unsuitable_sales_made"] = "some" if above else "none"
    total, campaigns = (
        _waste_table(table[table["reason"].isin([*told["reason"], "any"])], minimum)
        for table in (total, campaigns)
    )
    shown = total.drop(columns="suppressed")
    return Finding(shown, tuple(numbers), facts, quotes, {"campaigns": campaigns})


def _in_time(table: pd.DataFrame, contacts: nw.LazyFrame) -> pd.DataFrame:
    """Rows in the order in which their campaigns began."""
    began = contacts.with_columns(_day=day_number("contacted_on")).group_by("campaign_id")
    began = collect(began.agg(_began=nw.col("_day").min()), sort_by=["_began", "campaign_id"])
    position = {name: i for i, name in enumerate(began["campaign_id"])}
    order = table["campaign_id"].map(position).argsort(kind="stable")
    return table.iloc[order].reset_index(drop=True)


def _waste_table(table: pd.DataFrame, minimum: int) -> pd.DataFrame:
    names = {"campaign_id": "campaign", "known": "contacts", "excluded": "wasted"}
    table = table.rename(columns=names).drop(columns="offers")
    table["sales"] = table["sales"].where(table.pop("sales_all") > 0)
    # Reasons overlap and do not add up, so a small count cannot be found from the others.
    each = ["campaign", "reason"] if "campaign" in table else "reason"
    return suppress_each(table, each, minimum=minimum, count="wasted", keep=("contacts",))
