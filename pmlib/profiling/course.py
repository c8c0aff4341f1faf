"""How the response changes: with the number of the contact, and over time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.engine import collect
from pmlib.inference.normal import normal_quantile
from pmlib.inference.proportions import equal_shares, newcombe
from pmlib.numbers import Finding, Number, Phrase, needs
from pmlib.profiling.contacts import answers, controlled_tests, without
from pmlib.profiling.customers import band
from pmlib.profiling.quality import count_by, count_rows, iso_day, with_rate
from pmlib.safeguards import suppress

if TYPE_CHECKING:
    from pmlib.studies import Attribute

_PARTS = 10
_COUNTS = ("calls", "contacts")  # units of attributes that count contacts


@needs("contacts")
def repeated_contacts(
    tables: Mapping[str, nw.LazyFrame], *, attributes: Mapping[str, Attribute] | None = None,
    most: int = 6, confidence_level: float = 0.95, minimum: int = 10,
) -> Finding:  # fmt: skip
    """Response to a customer's first, second, third … contact, within each campaign.

    Control rows are left out; the contact number `most` and all later ones are taken together.
    Where no customer has two contacts on record, attributes in calls or contacts stand in.

    Returns
    -------
    Finding
        ``series`` (a campaign, in order of time, or the label of a counter),
        ``contact`` (its number), ``contacts``, ``responded``, ``rate``, ``low``, ``high``,
        ``open_end`` (later contacts are included), ``suppressed``. The difference between
        later contacts and the first is Mantel and Haenszel's within series, with the variance
        of Greenland and Robins (1985, Biometrics 41, 55-68).
    """
    outcomes = answers(tables["contacts"])
    numbered = outcomes.with_columns(
        contact=nw.col("_day").cum_count().over("customer_id", order_by=["_day", "campaign_id"]),
        series=nw.col("campaign_id"),
    )
    table = _by_number(numbered, most, confidence_level)
    if not table.empty and table["contact"].max() > 1:
        number, verdict = _compared("repetition_change", table, confidence_level)
        return Finding(_shown(table, minimum), (number,), {"repetition": verdict})
    counters = {n: a.label for n, a in (attributes or {}).items() if a.unit in _COUNTS}
    if table.empty or not counters:
        return Finding(facts={"repetition": "once"})
    parts, numbers, facts, sentences = [], [], {"repetition": "counted"}, []
    for name, label in counters.items():
        made = tables["customers"].select("customer_id", contact=nw.col(name))
        counted = outcomes.join(made.drop_nulls("contact"), on="customer_id", how="inner")
        labelled = counted.with_columns(series=nw.lit(label))
        parts.append(_by_number(labelled, most, confidence_level))
        key = f"repetition_change_{name}"
        change, verdict = _compared(key, parts[-1], confidence_level, label=label)
        numbers.append(change)
        facts[f"repetition_{name}"] = verdict
        sentences.append(Phrase(f"repetition.{verdict}", {"label": label, "change": change}))
    table = _shown(pd.concat(parts, ignore_index=True), minimum)
    return Finding(table, tuple(numbers), facts, quotes={"counters": sentences})


def _shown(table: pd.DataFrame, minimum: int) -> pd.DataFrame:
    """Suppress small cells; differences are taken before, of all contacts."""
    table = suppress(table, count="contacts", minimum=minimum, by=("series", "contact"))
    return table.reset_index(drop=True)


def _compared(
    key: str, table: pd.DataFrame, confidence_level: float, **about: str
) -> tuple[Number, str]:
    change, low, high = _later_less_first(table, confidence_level)
    verdict = "below" if high < 0 else "above" if low > 0 else "open"
    return Number(key, change, "points", low, high, about=about), verdict


def _by_number(numbered: nw.LazyFrame, most: int, confidence_level: float) -> pd.DataFrame:
    number, by = nw.col("contact").cast(nw.Int64), ["series", "contact"]
    numbered = numbered.with_columns(
        contact=nw.when(number > most).then(nw.lit(most)).otherwise(number),
        _over=(number > most).cast(nw.Int64),
    )
    counts = numbered.group_by(*by).agg(
        contacts=nw.len(), responded=nw.col("_took").sum(), _over=nw.col("_over").max(),
        _first=nw.col("_day").min(),
    )  # fmt: skip
    table = collect(counts, sort_by=by)
    table["open_end"] = table.pop("_over") > 0
    table["_first"] = table.groupby("series")["_first"].transform("min")
    table = table.sort_values(["_first", *by], kind="stable").drop(columns="_first")
    return with_rate(table, "responded", "contacts", confidence_level, name="rate")


def _later_less_first(table: pd.DataFrame, confidence_level: float) -> tuple[float, float, float]:
    difference = weight = variance = 0.0
    for _, part in table.dropna(subset=["rate"]).groupby("series", sort=False):
        is_first, counts = part["contact"] == part["contact"].min(), part[["responded", "contacts"]]
        (x1, n1), (x0, n0) = counts[~is_first].sum(), counts[is_first].sum()
        if not (n1 and n0):
            continue
        p1, p0 = x1 / n1, x0 / n0
        w = n1 * n0 / (n1 + n0)
        difference += w * (p1 - p0)
        variance += w**2 * (p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0)
        weight += w
    if not weight:
        return np.nan, np.nan, np.nan
    half = normal_quantile(confidence_level) * np.sqrt(variance) / weight
    change = difference / weight
    return change, change - half, change + half


@needs("contacts")
def response_drift(
    tables: Mapping[str, nw.LazyFrame], *, confidence_level: float = 0.95, minimum: int = 10
) -> Finding:
    """Response over time: contacts in order of their day, cut into ten parts of equal size.

    Control rows are left out, and so are tests where there is other marketing. Contacts of one day
    are ordered by ``customer_id``; a part must have `minimum` contacts.

    Returns
    -------
    Finding
        ``tenth`` (1 to 10), ``first`` and ``last`` day (ISO), ``contacts``,
        ``responded``, ``rate``, ``low``, ``high``. Whether the response changed at all is asked of
        all ten parts, by the chi-square test of equal shares (Pearson 1900); the change from first
        to last tenth, with Newcombe's interval [@newcombe1998difference], only tells a direction.
    """
    columns = ["tenth", "first", "last", "contacts", "responded", "rate", "low", "high"]
    contacts = tables["contacts"]
    rows = answers(without(contacts, controlled_tests(contacts)))
    per_day = count_by(rows, "_day")["customers"]
    days, total = len(per_day), int(per_day.sum())
    if days < 2 or total < _PARTS * minimum:
        return Finding(facts={"response_course": "one_day" if days < 2 else "too_few"})
    n, day = nw.col("_n"), nw.col("_day")
    before = rows.group_by("_day").agg(_n=nw.len())
    before = before.select("_day", _before=n.cum_sum().over(order_by="_day") - n)
    order = ["customer_id", "campaign_id"]
    placed = rows.with_columns(
        _within=nw.col("customer_id").cum_count().over("_day", order_by=order)
    ).join(before, on="_day", how="inner")
    edges = tuple(total * part / _PARTS for part in range(1, _PARTS))
    place = (nw.col("_before") + nw.col("_within") - 1).cast(nw.Float64)
    tenths = placed.with_columns(tenth=band(place, edges) + 1).group_by("tenth")
    counts = tenths.agg(
        first=day.min(), last=day.max(), contacts=nw.len(), responded=nw.col("_took").sum()
    )
    table = collect(counts, sort_by=["tenth"])
    table["first"], table["last"] = table["first"].map(iso_day), table["last"].map(iso_day)
    table = with_rate(table, "responded", "contacts", confidence_level, name="rate")[columns]
    start, end = table.iloc[0], table.iloc[-1]
    both = (tenth[[name]] for tenth in (end, start) for name in ("responded", "contacts"))
    found = newcombe(*both, confidence_level=confidence_level)
    change, low, high = found.effect[0], found.low[0], found.high[0]
    several = count_rows(rows.select("campaign_id").unique()) > 1
    p_value = equal_shares(table["responded"], table["contacts"])
    course = "rose" if low > 0 else "fell" if high < 0 else "varied"
    numbers = (
        Number(
            "response_first_tenth",
            start["rate"],
            "share",
            start["low"],
            start["high"],
            of=start["contacts"],
        ),
        Number(
            "response_last_tenth", end["rate"], "share", end["low"], end["high"], of=end["contacts"]
        ),
        Number("response_change", change, "points", low, high),
        Number("response_course_p", p_value, "p"),
    )
    facts = {
        "response_course": course if p_value < 1 - confidence_level else "level",
        "course_over": "campaigns" if several else "one_campaign",
    }
    ends = {"least": table["rate"].idxmin(), "most": table["rate"].idxmax()}
    quotes = {
        end: Number("", table.loc[row, "rate"], "share", of=table.loc[row, "contacts"])
        for end, row in ends.items()
    }
    return Finding(table, numbers, facts, quotes)
