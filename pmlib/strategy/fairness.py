"""Is the plan lawful and fair? Checked on the finished contact plan, not on the way to it."""

from __future__ import annotations

from dataclasses import dataclass

import narwhals as nw
import numpy as np
import pandas as pd
from scipy.stats import norm

from pmlib.artifacts import Number
from pmlib.engine import Engine, day_number
from pmlib.params import Parameters
from pmlib.safeguards import count_exclusions, exclusions, offer_rates, suppress
from pmlib.strategy.case import Case
from pmlib.studies import Study

BANDS = (30, 45, 60)
"""Ages at which bands begin; the first band ends below the first of them."""


@dataclass(frozen=True)
class PlanCheck:
    """Violations of a contact plan, and offer rates of groups of customers.

    Parameters
    ----------
    rates : pandas.DataFrame
        ``trait, group, customers, offered, rate, low, high``; no group smaller than
        ``min_group_size``. Empty where the study knows neither gender nor age.
    numbers : tuple of Number
    text : str
    """

    rates: pd.DataFrame
    numbers: tuple[Number, ...]
    text: str


def check_plan(
    study: Study, case: Case, contacts: nw.LazyFrame, engine: Engine, params: Parameters
) -> PlanCheck:
    """Count forbidden offers, and compare how often groups of customers are offered anything.

    Parameters
    ----------
    study : pmlib.studies.Study
    case : Case
    contacts : narwhals.LazyFrame
        The contact plan, see `draw_contacts`.
    engine : pmlib.engine.Engine
    params : pmlib.params.Parameters
        ``confidence_level, min_group_size``.
    """
    offers = contacts.filter(nw.col("arm") == "offer")
    flagged = exclusions(
        offers,
        customers=case.sources.customers,
        on=case.sources.as_of,
        products=study.scan("products", engine) if study.has("products") else None,
        holdings=case.sources.holdings,
    )
    counted = count_exclusions(flagged).set_index("reason")
    violations = int(counted.loc["any", "excluded"])
    rates = _rates(case, offers, params)
    numbers = [
        Number(
            "plan_violations",
            violations,
            "count",
            meaning="Planned offers to holders, unsuitable or objecting customers",
        )
    ]
    text = "{plan_violations} planned offers go to customers who hold the product, for whom it is "
    text += "unsuitable, or who object. "
    if rates.empty:
        return PlanCheck(rates, tuple(numbers), text + "The study knows neither gender nor age.")
    gap, half, words = _widest(rates, params)
    numbers.append(
        Number(
            "offer_rate_gap",
            gap,
            "points",
            gap - half,
            gap + half,
            "Largest difference of offer rates between groups of gender or age",
        )
    )
    text += (
        f"The widest difference of offer rates is {words}: {{offer_rate_gap}} "
        "({offer_rate_gap.interval}). The plan does not look at gender or age; such differences "
        "come with what customers hold, tolerate and respond to."
    )
    return PlanCheck(rates, tuple(numbers), text)


def _rates(case: Case, offers: nw.LazyFrame, params: Parameters) -> pd.DataFrame:
    names = case.sources.customers.collect_schema().names()
    traits: dict[str, nw.Expr] = {}
    if "gender" in names:
        traits["gender"] = nw.col("gender")
    if "birth_date" in names:
        age = (case.sources.as_of.toordinal() - day_number("birth_date")) / 365.25
        traits["age"] = _band(age)
    elif "age" in names:
        traits["age"] = _band(nw.col("age"))
    if not traits:
        return pd.DataFrame()
    reached = offers.select("customer_id", offered=nw.lit(1)).unique()
    people = (
        case.sources.customers.select("customer_id", **traits)
        .join(reached, on="customer_id", how="left")
        .with_columns(offered=~nw.col("offered").is_null())
    )
    tables = []
    for trait in traits:
        table = offer_rates(people, group=trait, level=params.confidence_level)
        table = suppress(table, count="customers", minimum=params.min_group_size)
        tables.append(table[~table["suppressed"]].assign(trait=trait))
    columns = ["trait", "group", "customers", "offered", "rate", "low", "high"]
    rates = pd.concat(tables, ignore_index=True)[columns]
    return rates.assign(group=rates["group"].fillna("not known"))


def _band(age: nw.Expr) -> nw.Expr:
    label: nw.Expr = nw.lit(None, dtype=nw.String)
    for low, high in zip((0, *BANDS), (*BANDS, 200), strict=True):
        name = f"under {high}" if low == 0 else f"{low} and over" if high == 200 else ""
        name = name or f"{low} to {high - 1}"
        label = nw.when((age >= low) & (age < high)).then(nw.lit(name)).otherwise(label)
    return label


def _widest(rates: pd.DataFrame, params: Parameters) -> tuple[float, float, str]:
    """Largest difference within a trait, half its interval (Wald), and between whom."""
    z = norm.isf((1 - params.confidence_level) / 2)
    found = (0.0, 0.0, "none")
    for trait, groups in rates.groupby("trait"):
        most, least = groups.loc[groups["rate"].idxmax()], groups.loc[groups["rate"].idxmin()]
        gap = float(most["rate"] - least["rate"])
        variance = sum(g["rate"] * (1 - g["rate"]) / g["customers"] for g in (most, least))
        if gap >= found[0]:
            words = f"of {trait}, {most['group']} against {least['group']}"
            found = (gap, float(z * np.sqrt(variance)), words)
    return found
