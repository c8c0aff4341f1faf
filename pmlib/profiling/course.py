"""How the response changes: with the number of the contact, and over time."""

from __future__ import annotations

from collections.abc import Mapping

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.engine import collect
from pmlib.inference.normal import normal_quantile
from pmlib.inference.proportions import newcombe
from pmlib.numbers import Number
from pmlib.numbers import WordedFinding as Finding
from pmlib.profiling.contacts import answers, controlled_tests, without
from pmlib.profiling.customers import band
from pmlib.profiling.quality import count_rows, iso_day, literal, with_rate
from pmlib.safeguards import suppress

_PARTS = 10
_SHOWN = "{{{0}}}, {{{0}.interval}}"
_NOT_CAUSAL = "Who is contacted again is not random, so this does not show what repeating does."


def repeated_contacts(
    contacts: nw.LazyFrame,
    *,
    customers: nw.LazyFrame | None = None,
    counters: Mapping[str, str] | None = None,
    most: int = 6,
    confidence_level: float = 0.95,
    minimum: int = 10,
) -> Finding:
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
    confidence_level : float
        Confidence level.
    minimum : int
        Cells with fewer contacts are suppressed.

    Returns
    -------
    Finding
        ``series`` (a campaign, in order of time, or the label of a counter),
        ``contact`` (its number), ``contacts``, ``responded``, ``rate``, ``low``, ``high``,
        ``open_end`` (later contacts are included), ``suppressed``. The difference between
        later contacts and the first is Mantel and Haenszel's within series, with the variance
        of Greenland and Robins (1985, Biometrics 41, 55-68).
    """
    outcomes = answers(contacts)
    numbered = outcomes.with_columns(
        contact=nw.col("_day").cum_count().over("customer_id", order_by=["_day", "campaign_id"]),
        series=nw.col("campaign_id"),
    )
    table = _by_number(numbered, most, confidence_level)
    if not table.empty and table["contact"].max() == 1 and counters and customers is not None:
        return _counted(
            outcomes,
            customers,
            counters,
            most=most,
            confidence_level=confidence_level,
            minimum=minimum,
        )
    if table.empty or table["contact"].max() == 1:
        return Finding(table.iloc[:0], (), "No customer was contacted more than once on record.")
    number, verdict = _compared("repetition_change", table, confidence_level, "within a campaign")
    text = (
        f"Within a campaign, response to later contacts was {verdict} that to the first "
        f"({_SHOWN.format(number.key)}). {_NOT_CAUSAL}"
    )
    return Finding(_shown(table, minimum), (number,), text)


def _counted(
    outcomes: nw.LazyFrame,
    customers: nw.LazyFrame,
    counters: Mapping[str, str],
    *,
    most: int,
    confidence_level: float,
    minimum: int,
) -> Finding:
    """The course by attributes that count contacts."""
    parts, numbers = [], []
    text = "The records hold one contact a customer; the contacts that the bank counted stand in."
    for name, label in counters.items():
        counted = outcomes.join(
            customers.select("customer_id", contact=nw.col(name)).drop_nulls("contact"),
            on="customer_id",
            how="inner",
        ).with_columns(series=nw.lit(label))
        parts.append(_by_number(counted, most, confidence_level))
        number, verdict = _compared(f"repetition_change_{name}", parts[-1], confidence_level, label)
        numbers.append(number)
        text += (
            f" {literal(label)}: response to higher counts was {verdict} that to the lowest "
            f"({_SHOWN.format(number.key)})."
        )
    table = _shown(pd.concat(parts, ignore_index=True), minimum)
    return Finding(table, tuple(numbers), f"{text} {_NOT_CAUSAL}")


def _shown(table: pd.DataFrame, minimum: int) -> pd.DataFrame:
    """Suppress small cells; differences are taken before, of all contacts."""
    table = suppress(table, count="contacts", minimum=minimum, by=("series", "contact"))
    return table.reset_index(drop=True)


def _compared(
    key: str, table: pd.DataFrame, confidence_level: float, series: str
) -> tuple[Number, str]:
    change, low, high = _later_less_first(table, confidence_level)
    verdict = "below" if high < 0 else "above" if low > 0 else "not surely different from"
    meaning = f"response to later contacts less the first: {series}"
    return Number(key, change, "points", low, high, meaning=meaning), verdict


def _by_number(numbered: nw.LazyFrame, most: int, confidence_level: float) -> pd.DataFrame:
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
    return with_rate(
        table.drop(columns="_first"),
        "responded",
        "contacts",
        confidence_level=confidence_level,
        name="rate",
    )


def _later_less_first(table: pd.DataFrame, confidence_level: float) -> tuple[float, float, float]:
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
    half = normal_quantile(confidence_level) * np.sqrt(variance) / weight
    return difference / weight, difference / weight - half, difference / weight + half


def response_drift(
    contacts: nw.LazyFrame, *, confidence_level: float = 0.95, minimum: int = 10
) -> Finding:
    """Response over time: contacts in order of their day, cut into ten parts of equal size.

    Contacts of one day are ordered by ``customer_id``.

    Parameters
    ----------
    contacts : narwhals.LazyFrame
        Control rows are left out, and so are tests where there is other marketing.
    confidence_level : float
        Confidence level.
    minimum : int
        Smallest number of contacts a part must have.

    Returns
    -------
    Finding
        ``tenth`` (1 to 10), ``first`` and ``last`` day (ISO), ``contacts``,
        ``responded``, ``rate``, ``low``, ``high``. The change from first to last tenth has
        Newcombe's interval [@newcombe1998difference].
    """
    columns = ["tenth", "first", "last", "contacts", "responded", "rate", "low", "high"]
    rows = answers(without(contacts, controlled_tests(contacts)))
    days = collect(rows.group_by("_day").agg(n=nw.len()), sort_by=["_day"])
    total = int(days["n"].sum())
    if len(days) < 2 or total < _PARTS * minimum:
        why = "all contacts fall on one day" if len(days) < 2 else "there are too few contacts"
        return Finding(pd.DataFrame(columns=columns), (), f"No course over time: {why}.")
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
    table = with_rate(
        table, "responded", "contacts", confidence_level=confidence_level, name="rate"
    )[columns]
    start, end = table.iloc[0], table.iloc[-1]
    counts = (tenth[[name]] for tenth in (end, start) for name in ("responded", "contacts"))
    found = newcombe(*counts, confidence_level=confidence_level)
    change, low, high = found.effect[0], found.low[0], found.high[0]
    numbers = (
        Number("response_first_tenth", start["rate"], "share", start["low"], start["high"],
               meaning="response to the first tenth of the contacts"),
        Number("response_last_tenth", end["rate"], "share", end["low"], end["high"],
               meaning="response to the last tenth of the contacts"),
        Number("response_change", change, "points", low, high,
               meaning="response of the last tenth less the first"),
    )  # fmt: skip
    moved = low > 0 or high < 0
    if moved:
        verb = "rose" if low > 0 else "fell"
        text = f"Response {verb} from {{response_first_tenth}} to {{response_last_tenth}}"
    else:
        text = (
            "Response was {response_first_tenth} at first and {response_last_tenth} at last, no "
            "more apart than chance allows"
        )
    text += " (change {response_change}, {response_change.interval})."
    if count_rows(rows.select("campaign_id").unique()) > 1:
        text += (
            " The parts mix campaigns with different products and rules of choice, so this is the "
            "course of the marketing, not of the customers."
        )
    elif moved:
        text += (
            " A model judged on a random part of such contacts is judged on the time it was "
            "trained in; it must be judged on later contacts."
        )
    return Finding(table, numbers, text)
