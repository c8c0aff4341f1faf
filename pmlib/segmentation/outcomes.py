"""What made segments must tell: outcomes of customers that no feature has seen.

Segments that are made, not found, are judged by what they say about the effect of offers where a
control group shows it, else about response, products acquired later, and products held. Features
are those known on the day before the first of these outcomes came about.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.canon.contacts import CONTROL, answered, campaigns
from pmlib.canon.holdings import held_products, undated
from pmlib.engine import Engine, collect
from pmlib.numbers import Level, Phrase
from pmlib.segmentation.features import WINDOW_DAYS, day_range
from pmlib.studies import Study

FEWEST_EVENTS = 20
"""An outcome that fewer customers of a half show tells nothing of segments."""


@dataclass(frozen=True)
class Outcome:
    """One outcome, of the customers it is known of.

    Parameters
    ----------
    label : Phrase
        What a reader sees.
    kind : str
        ``uplift``, ``response``, ``acquired`` or ``held`` (a level).
    unit : str
        One of `pmlib.numbers.UNITS`.
    rows : pandas.DataFrame
        ``customer_id, y, stratum`` (customers are compared within it) and, of an uplift,
        ``treated`` (bool) and ``weight`` (inverse probability of the arm).
    """

    label: Phrase
    kind: str
    unit: str
    rows: pd.DataFrame

    def scores(self, customers: pd.Index) -> pd.DataFrame:
        """One number a row of these customers, whose mean over a segment is the outcome there.

        ``customer_id, score, expected`` (what the row would be if segments told nothing),
        ``stratum`` (code). Of an uplift the number is that of a doubly robust estimate whose only
        covariate is the stratum; chance drew its arms, so there customers of all strata compare.
        """
        rows = self.rows[self.rows["customer_id"].isin(customers)].reset_index(drop=True)
        if self.kind != "uplift":
            expected = rows.groupby("stratum")["y"].transform("mean")
            score = rows["y"]
        else:
            score = _effect_scores(rows)
            expected = pd.Series(score.mean(), index=rows.index)
        stratum = 0 if self.kind == "uplift" else pd.factorize(rows["stratum"])[0]
        return pd.DataFrame(
            {"customer_id": rows["customer_id"], "score": score, "expected": expected,
             "stratum": stratum}
        )  # fmt: skip

    def events(self, customers: pd.Index) -> int:
        """How many of these customers show the outcome; of an uplift, of the arm with fewer."""
        rows = self.rows[self.rows["customer_id"].isin(customers)]
        some = rows["y"] != 0
        if self.kind != "uplift":
            return int(min(some.sum(), (~some).sum()))
        return int(min(some[rows["treated"]].sum(), some[~rows["treated"]].sum()))


def _effect_scores(rows: pd.DataFrame) -> pd.Series:
    """Doubly robust score of the effect of treatment for each row, see `Outcome.scores`.

    A stratum without one of the arms compares nothing, and its score is missing.
    """
    treated, weight, stratum = rows["treated"], rows["weight"], rows["stratum"]

    def mean_of(arm: pd.Series) -> pd.Series:
        total = (weight * rows["y"]).where(arm).groupby(stratum).transform("sum")
        return total / weight.where(arm).groupby(stratum).transform("sum").replace(0, np.nan)

    means = mean_of(treated), mean_of(~treated)
    share = treated.astype(float).groupby(stratum).transform("mean")
    # Mean one in each arm of a stratum, so that the arms' own shares stand for the rest.
    weight = weight / weight.groupby([stratum, treated]).transform("mean")
    effect = means[0] - means[1]
    gained = weight * (rows["y"] - means[0]) / share.where(treated, np.nan)
    lost = weight * (rows["y"] - means[1]) / (1 - share).where(~treated, np.nan)
    return effect + gained.fillna(0.0) - lost.fillna(0.0)


def judging_day(study: Study, engine: Engine) -> tuple[dt.date, list[Any]]:
    """The day by which features must be known, and the randomised campaigns to judge by.

    The day before the first contact that is used; without contacts a year before the study's day,
    so that what was acquired in it is later; where nothing is dated, the study's day.
    """
    if study.has("contacts"):
        contacts = study.scan("contacts", engine)
        known = campaigns(contacts)
        drawn = list(known.loc[known["randomised"], "campaign_id"])
        used = contacts.filter(nw.col("campaign_id").is_in(drawn)) if drawn else answered(contacts)
        first, _ = day_range(used, "contacted_on")
        if first is not None:
            return min(first - dt.timedelta(days=1), study.as_of), drawn
    if study.has("holdings") and any(day_range(study.scan("holdings", engine), "opened_on")):
        return study.as_of - dt.timedelta(days=WINDOW_DAYS), []
    return study.as_of, []


def study_outcomes(
    study: Study, engine: Engine, customers: nw.LazyFrame, *, day: dt.date, drawn: list[Any]
) -> tuple[Outcome, ...]:
    """Collect the outcomes of some customers (``customer_id``), see `judging_day`.

    Randomised campaigns are taken alone where there are any, since only an effect is what a plan
    needs; otherwise responses and holdings. What customers later do in transactions repeats what
    they did before, and is no outcome.
    """
    names = _product_names(study, engine)
    if drawn:
        used = study.scan("contacts", engine).filter(nw.col("campaign_id").is_in(drawn))
        return tuple(_effects(_contacts(used, study, customers), study, names))
    found: list[Outcome] = []
    if study.has("contacts"):
        used = answered(study.scan("contacts", engine))
        found += _responses(_contacts(used, study, customers), names)
    return (*found, *_holdings(study, engine, customers, names, day))


def _product_names(study: Study, engine: Engine) -> dict[Any, str]:
    if not study.has("products"):
        return {}
    products = collect(study.scan("products", engine), sort_by=["product_id"])
    return dict(zip(products["product_id"], products["name"], strict=True))


def _contacts(used: nw.LazyFrame, study: Study, customers: nw.LazyFrame) -> pd.DataFrame:
    there = used.collect_schema().names()
    further = [name for name in study.outcomes if name in there]
    rows = used.select(
        "campaign_id", "customer_id", "arm", "product_id", "contacted_on", "propensity",
        "responded", "value", *further,
    )  # fmt: skip
    rows = rows.join(customers.select("customer_id"), on="customer_id", how="semi")
    return collect(rows, sort_by=["contacted_on", "campaign_id", "customer_id"])


def _effects(rows: pd.DataFrame, study: Study, names: dict[Any, str]) -> Iterator[Outcome]:
    """The effect of each arm on each outcome, against the control group of its campaign."""
    control = rows["arm"] == CONTROL
    for arm in rows.loc[~control, "arm"].value_counts().index[:4]:
        of_arm = rows["arm"] == arm
        part = rows[of_arm | (control & rows["campaign_id"].isin(rows.loc[of_arm, "campaign_id"]))]
        part = part.drop_duplicates("customer_id")
        treated = part["arm"] == arm
        # A control group that was drawn for no product stands against all that was offered.
        shared = part.loc[~treated, "product_id"].isna().any()
        stratum = part["campaign_id"].astype(str)
        if not shared:
            stratum = stratum + " " + part["product_id"].astype(str)
        offered = set(part.loc[treated, "product_id"].dropna())
        offer = names.get(offered.pop(), str(arm)) if len(offered) == 1 else str(arm)
        for name in ("responded", "value", *study.outcomes):
            if name not in part or part[name].isna().all():
                continue
            y = part[name].astype(float)
            table = pd.DataFrame(
                {"customer_id": part["customer_id"], "y": y, "stratum": stratum,
                 "treated": treated, "weight": 1 / part["propensity"].astype(float)}
            )[y.notna()]  # fmt: skip
            asked = study.outcomes.get(name)
            of = Level("made_outcome", name) if asked is None else asked.label
            unit = "currency" if name == "value" else "points"
            if asked is not None and not set(y.dropna().unique()) <= {0.0, 1.0}:
                unit = ""
            yield Outcome(Phrase("made.uplift", {"outcome": of, "arm": offer}), "uplift", unit,
                          table)  # fmt: skip


def _responses(rows: pd.DataFrame, names: dict[Any, str]) -> Iterator[Outcome]:
    """The response to the offer of each product, compared within campaign and month."""
    month = pd.to_datetime(rows["contacted_on"]).dt.strftime("%Y-%m")
    stratum = rows["campaign_id"].astype(str) + " " + month
    for product, every in rows.groupby("product_id"):
        part = every.drop_duplicates("customer_id")  # a customer's first contact
        table = pd.DataFrame(
            {"customer_id": part["customer_id"], "y": part["responded"].astype(float),
             "stratum": stratum[part.index]}
        )  # fmt: skip
        label = Phrase("made.response", {"product": names.get(product, str(product))})
        yield Outcome(label, "response", "share", table)


def _holdings(
    study: Study, engine: Engine, customers: nw.LazyFrame, names: dict[Any, str], day: dt.date
) -> Iterator[Outcome]:
    """Products acquired in the time after `day` by those who had not; else products held.

    A product that a contact offered is left to the response.
    """
    if not study.has("holdings"):
        return
    holdings = study.scan("holdings", engine)
    holdings = holdings.join(customers.select("customer_id"), on="customer_id", how="semi")
    people = collect(customers.select("customer_id"), sort_by=["customer_id"])["customer_id"]
    dated = collect(
        holdings.filter(~undated()).select("customer_id", "product_id", "opened_on"),
        sort_by=["customer_id", "product_id", "opened_on"],
    )
    first = dated.groupby(["customer_id", "product_id"])["opened_on"].min().reset_index()
    late = pd.to_datetime(first["opened_on"]) > pd.Timestamp(day)
    held = collect(
        held_products(holdings.filter(undated()), study.as_of),
        sort_by=["product_id", "customer_id"],
    )
    offered: set[Any] = set()
    if study.has("contacts"):
        contacts = study.scan("contacts", engine)
        offered = set(collect(contacts.select("product_id").unique(), sort_by=[])["product_id"])
    for product in sorted({*first["product_id"], *held["product_id"]} - offered, key=str):
        of, quotes = first["product_id"] == product, {"product": names.get(product, str(product))}
        without = people
        if (of & late).any():
            kind, has = "acquired", first.loc[of & late, "customer_id"]
            without = people[~people.isin(first.loc[of & ~late, "customer_id"])]
        else:
            kind, has = "held", held.loc[held["product_id"] == product, "customer_id"]
        table = pd.DataFrame(
            {"customer_id": without, "y": without.isin(has).astype(float), "stratum": 0}
        )
        yield Outcome(Phrase(f"made.{kind}", quotes), kind, "share", table)
