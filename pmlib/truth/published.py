"""The simulated bank's levels beside published ones: a bank that a banker would believe.

The ranges are of whole countries or of many firms; the texts beside the tables cite them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.canon.contacts import CONTROL
from pmlib.canon.customers import age
from pmlib.canon.holdings import held_products
from pmlib.engine import add_up, collect, flag
from pmlib.inference.proportions import newcombe, wilson
from pmlib.numbers import Finding, Level, Number, Phrase, missing

if TYPE_CHECKING:
    from pmlib.studies import Study

RANGES: Mapping[str, tuple[float, float, str, int]] = {
    "age": (38, 44.5, "", 1),
    "products": (2.1, 5.9, "", 1),
    "margin": (201, 666, "currency", 0),
    "saving": (0.12, 0.169, "share", 1),
    "personal_loan": (0.15, 0.293, "share", 1),
    "mortgage": (0.194, 0.231, "share", 1),
    "life_insurance": (0.197, 0.28, "share", 1),
    "mutual_fund": (0.087, 0.177, "share", 1),
    "securities": (0.151, 0.213, "share", 1),
    "term_deposit": (0.122, 0.161, "share", 1),
    "loan_default": (0.0039, 0.0164, "share", 2),
    "letter_cost": (0.56, 3.0, "currency", 2),
    "mass_letter": (0.003, 0.025, "share", 2),
    "email": (0.0012, 0.0125, "share", 2),
    "email_uplift": (0.0031, 0.0068, "points", 2),
    "letter": (0.0128, 0.0437, "share", 2),
    "phone": (0.028, 0.1285, "share", 2),
    "response_offer": (0.0342, 0.0882, "share", 2),
    "roi": (0.44, 10.0, "share", 0),
}
"""By quantity: lowest and highest level published, unit, digits shown after the point."""

PRODUCTS = (
    "personal_loan", "mortgage", "life_insurance", "mutual_fund", "securities", "term_deposit",
)  # fmt: skip


def levels_beside_published(
    study: Study, tables: Mapping[str, nw.LazyFrame], *, confidence_level: float
) -> Finding:
    """The bank's customers, money, products, loans and past contacts beside published ranges.

    Returns
    -------
    Finding
        As `beside_published`, with the fact whether every level is within its range. Absent where
        the study is real.
    """
    if not study.simulated:
        return missing("real")
    customers, n = tables["customers"], study.rows["customers"]
    held = add_up(held_products(tables["holdings"], study.as_of), ["product_id"])
    holders = held.set_index("product_id")["customers"]
    margins = collect(tables["products"], sort_by=["product_id"]).set_index("product_id")
    worth = holders * margins["annual_margin"].reindex(holders.index)
    levels = [
        Number("age", _median_age(customers, study)),
        Number("saving", _saving(tables["transactions"])),
        Number("products", holders.sum() / n),
        Number("margin", worth.sum() / n),
        *(_rate(p, holders.get(p, 0), n, confidence_level) for p in PRODUCTS),
        *_contacts(tables["contacts"], confidence_level),
    ]
    if "loan_default" in study.attributes:
        lent = customers.filter(~nw.col("loan_default").is_null())
        counted = collect(
            lent.select(n=nw.len(), bad=flag(nw.col("loan_default")).sum()), sort_by=[]
        ).iloc[0]
        levels.append(_rate("loan_default", counted["bad"], counted["n"], confidence_level))
    found = beside_published(levels)
    within = "within" if found.table["within"].all() else "beyond"
    return replace(found, facts={"published_levels": within})


def campaign_beside_published(study: Study, effects: Finding) -> Finding:
    """Response to the campaign, and the return on it, beside ranges, as `beside_published`.

    `effects` are those of `intention_to_treat`. Absent where the study is real.
    """
    if not study.simulated:
        return missing("no_truth")
    return beside_published(number for number in effects.numbers if number.key in RANGES)


def beside_published(levels: Iterable[Number]) -> Finding:
    """Set levels, keyed by quantity, beside their `RANGES`.

    The table has ``quantity, bank, interval`` (of what is estimated), ``low, high`` (ends of the
    range), ``within``: whether the level, or its interval, meets the range.
    """
    told = {level.key: level for level in levels}
    rows = []
    for name, (low, high, unit, decimals) in RANGES.items():
        if name not in told or told[name].value is None:
            continue
        bank = replace(told[name], key="", unit=unit, decimals=decimals)
        ends = (Number("", end, unit, decimals=decimals) for end in (low, high))
        level = float(bank.value or 0)
        least, most = (level if end is None else end for end in (bank.low, bank.high))
        within = bool(least <= high and most >= low)
        estimated = Phrase("interval", {"n": bank}) if bank.low is not None else None
        rows.append((Level("published", name), bank, estimated, *ends, within))
    columns = ["quantity", "bank", "interval", "low", "high", "within"]
    return Finding(pd.DataFrame(rows, columns=columns))


def _rate(name: str, events: float, n: float, confidence_level: float) -> Number:
    low, high = wilson([events], [n], confidence_level=confidence_level)
    return Number(name, events / n, "share", low[0], high[0])


def _median_age(customers: nw.LazyFrame, study: Study) -> float:
    known = customers.with_columns(age=age(study.as_of)).filter(~nw.col("age").is_null())
    years = add_up(known, ["age"])
    return float(np.median(np.repeat(years["age"], years["customers"])))


def _saving(transactions: nw.LazyFrame) -> float:
    """Share of the money received that was not paid out again."""
    amount = nw.col("amount")
    came = nw.when(amount > 0).then(amount).otherwise(nw.lit(0.0))
    sums = collect(transactions.select(came=came.sum(), kept=amount.sum()), sort_by=[]).iloc[0]
    return float(sums["kept"] / sums["came"])


def _contacts(contacts: nw.LazyFrame, confidence_level: float) -> list[Number]:
    """Response to past mailings and, by channel, to the pilot; cost of a letter."""
    pilot = (nw.col("campaign_id") == "pilot").cast(nw.Int64)
    counted = add_up(
        contacts.with_columns(pilot=pilot), ["pilot", "arm", "channel"],
        {"sold": flag(nw.col("responded")), "spent": nw.col("cost")},
    )  # fmt: skip
    control = counted[counted["arm"] == CONTROL][["customers", "sold"]].sum()
    made = counted[counted["arm"] != CONTROL]
    sums = made.groupby(["pilot", "channel"])[["customers", "sold", "spent"]].sum()
    found = []
    for name, at in {
        "mass_letter": (0, "letter"), **{c: (1, c) for c in ("email", "letter", "phone")}
    }.items():  # fmt: skip
        if at in sums.index:
            sold, n = sums.loc[at, "sold"], sums.loc[at, "customers"]
            found.append(_rate(name, sold, n, confidence_level))
            if name == "email":
                arms = ([sold], [n], [control["sold"]], [control["customers"]])
                effect = newcombe(*arms, confidence_level=confidence_level)
                ends = (effect.effect[0], effect.low[0], effect.high[0])
                found.append(Number("email_uplift", ends[0], "points", *ends[1:]))
    letters = sums.xs("letter", level="channel").sum()
    return [*found, Number("letter_cost", letters["spent"] / letters["customers"], "currency")]
