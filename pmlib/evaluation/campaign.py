"""The campaign to be evaluated: its contacts, with what was known of each customer before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib import casebank
from pmlib.canon.contacts import CONTROL, campaigns
from pmlib.canon.customers import years_since
from pmlib.canon.holdings import surely_held_before
from pmlib.engine import collect, day_number, uniform
from pmlib.errors import StudyError
from pmlib.evaluation.results import read_results
from pmlib.schema import CONTRACTS

if TYPE_CHECKING:
    from pmlib.engine import Engine
    from pmlib.studies import Study

Kind = Literal["randomised", "uncontrolled", "none"]

DAYS_BEFORE = 90
"""Length of the pre-period whose transactions serve as covariates."""

_NO_CAMPAIGN = (
    "so there is no campaign to evaluate; the sections below say how one would be evaluated."
)

# Seeded draws of this chapter have streams of their own, apart from those of other chapters.
_SPLIT_STREAM, _ORDER_STREAM = 5001, 5002


@dataclass(frozen=True)
class Campaign:
    """Contacts of one campaign, one row an assignment.

    Attributes
    ----------
    kind : str
        ``randomised`` (a control group and known propensities), ``uncontrolled`` (contacts
        only) or ``none``.
    contacts : DataFrame
        The canonical columns, ``segment``, one column a covariate, ``arm_propensity``
        (probability of the row's arm, its product and channel being given), ``order`` (0-1, a
        seeded random number) and ``half`` (0 or 1, a seeded split of customers); in the order
        of time.
    training : DataFrame or None
        Contacts of an earlier randomised campaign, same columns, to learn rankings from.
    covariates : mapping of str to str
        Columns known before the contact, and what a reader calls them.
    sensitive : tuple of str
        Covariates that describe and check but must not target.
    outcomes : mapping of str to str
        Further outcome columns, and what a reader calls them.
    text : str
        Where the contacts come from.
    """

    kind: Kind
    contacts: pd.DataFrame
    training: pd.DataFrame | None
    covariates: Mapping[str, str]
    sensitive: tuple[str, ...]
    outcomes: Mapping[str, str]
    text: str

    @property
    def features(self) -> tuple[str, ...]:
        """Covariates that may target."""
        return tuple(name for name in self.covariates if name not in self.sensitive)

    @property
    def spans_time(self) -> bool:
        """Whether contacts can be split into earlier and later ones."""
        return self.kind == "uncontrolled" and bool(np.ptp(self.contacts["contact_day"]) > 0)

    @property
    def absent(self) -> str:
        """Why nothing can be said about effects."""
        if self.kind == "uncontrolled":
            return "The contacts have no control group, so there is nothing to show here."
        return "The checks stopped the reading, so nothing is shown here."

    @property
    def absent_targeting(self) -> str:
        """Why targeting over time is not judged."""
        if self.kind == "uncontrolled":
            return "All contacts bear one date, so there are no later ones to judge a ranking on."
        return "This campaign has a control group, which answers more than a ranking can."

    def before(self, column: str | None, ratio: float) -> pd.Series | None:
        """What `value` would have been before the contact, had the period been as long.

        Parameters
        ----------
        column : str or None
            A covariate; None gives None.
        ratio : float
            Length of the outcome window over that of the column.

        Raises
        ------
        StudyError
            There is no such covariate.
        """
        if column is None or self.kind == "none":
            return None
        if column not in self.covariates:
            raise StudyError(
                "There is no such attribute to tell the time before.",
                where="before_column",
                rule=f"one of {', '.join(self.covariates)}",
                found=repr(column),
            )
        return ratio * self.contacts[column].astype(float)

    def read_prospects(self, table: nw.LazyFrame) -> pd.DataFrame:
        """People not contacted yet: ``customer_id``, features and, if known, ``responded``."""
        there = table.collect_schema().names()
        columns = [n for n in ("customer_id", *self.features, "responded") if n in there]
        return collect(table.select(*columns), sort_by=["customer_id"])

    def with_names(self, segments: pd.DataFrame) -> pd.DataFrame:
        """`contacts` with ``segment_name``.

        Parameters
        ----------
        segments : DataFrame
            ``segment, name``.
        """
        if self.kind == "none":
            return self.contacts
        names = segments.set_index("segment")["name"]
        return self.contacts.assign(segment_name=self.contacts["segment"].map(names))


def open_campaign(
    study: Study,
    engine: Engine,
    *,
    assignments: Path,
    plan: Path | None = None,
    results: str | None = None,
    seed: int,
) -> Campaign:
    """Find what there is to evaluate: returned results, the simulator's field test, or contacts.

    Parameters
    ----------
    assignments : Path
        Segment of every customer, as saved by the segmentation.
    plan : Path, optional
        The contact plan; needed for `results` and for a simulated bank.
    results : str, optional
        CSV of a real campaign that carried out the plan.
    seed : int
        Of the simulated field test and of the seeded splits.

    Raises
    ------
    StudyError
        The results do not match the plan.
    """
    covariates = _Covariates(study, engine, assignments, seed)
    latest = _latest_randomised(study, engine)
    if plan is not None:
        planned = collect(engine.scan(plan), sort_by=["customer_id", "product_id"])
        if planned.empty:
            text = f"The plan contacts nobody, {_NO_CAMPAIGN}"
            return covariates.campaign("none", planned, None, {}, text)
        contacts, text = _carried_out(study, planned, results=results, seed=seed)
        if not (contacts["arm"] == CONTROL).any():
            text += " The plan kept no control group: what the contacts caused cannot be known."
            return covariates.campaign("uncontrolled", covariates.joined(contacts), None, {}, text)
        training = None if latest is None else covariates.joined(_past(study, engine, latest))
        return covariates.campaign("randomised", covariates.joined(contacts), training, {}, text)
    if not study.has("contacts"):
        text = f"This study records no contacts, {_NO_CAMPAIGN}"
        return covariates.campaign("none", pd.DataFrame(), None, {}, text)
    outcomes = {name: outcome.label for name, outcome in study.outcomes.items()}
    recorded = _past(study, engine, latest)
    contacts = covariates.joined(recorded)
    if latest is not None:
        text = f"The latest randomised campaign of the study, *{latest}*, is evaluated."
        if recorded["cost"].max() > 0 and not study.simulated:
            text += " Contact costs that it does not record are those declared for the channel."
        return covariates.campaign("randomised", contacts, None, outcomes, text)
    text = (
        "The study's contacts have no control group drawn with known probabilities: what they "
        "caused cannot be known, but how well a ranking would have found the buyers can."
    )
    contacted = contacts[contacts["arm"] != CONTROL].reset_index(drop=True)
    return covariates.campaign("uncontrolled", contacted, None, outcomes, text)


def _carried_out(
    study: Study, planned: pd.DataFrame, *, results: str | None, seed: int
) -> tuple[pd.DataFrame, str]:
    """Contacts of the plan: from the field, or from the simulator."""
    if results:
        costs = {channel.name: channel.cost for channel in study.channels}
        contacts = read_results(Path(results), planned, as_of=study.as_of, costs=costs)
        text = "The results of the campaign in the field were joined to the plan."
    else:
        contacts = casebank.field_test(study, planned, seed=seed)
        # The plan knows the channel a control customer would have been contacted through.
        contacts["channel"] = planned["channel"].to_numpy()
        text = (
            "The contact plan was carried out in the simulated bank: planned customers of the "
            "offer arm were contacted, those of the control arm were not."
        )
    # Arms were drawn cell by cell in exact numbers, so the probability of an arm is its share.
    size, whole = (planned.groupby(by)["arm"].transform("size") for by in (["cell", "arm"], "cell"))
    contacts = contacts.assign(
        cell=planned["cell"].to_numpy(), arm_propensity=(size / whole).to_numpy(float)
    )
    several = planned["customer_id"].nunique()
    if several < len(planned):
        text += (
            f" Its {len(planned):,} offers went to {several:,} customers: each offer counts, and "
            "intervals take the customer as the unit."
        )
    alone = contacts["arm_propensity"] == 1
    if alone.any() and not alone.all():
        text += (
            f" {int(alone.sum()):,} customers of cells too small to hold both arms are left out, "
            "because nobody there compares with them."
        )
        contacts = contacts[~alone].reset_index(drop=True)
    return contacts, text


def _latest_randomised(study: Study, engine: Engine) -> str | None:
    """The latest randomised campaign."""
    if not study.has("contacts"):
        return None
    table = campaigns(study.scan("contacts", engine))
    randomised = table.loc[table["randomised"], "campaign_id"]
    return None if randomised.empty else str(randomised.iloc[-1])


def _past(study: Study, engine: Engine, campaign: str | None) -> pd.DataFrame:
    """Recorded contacts in the order of time: of one campaign, or all of them."""
    table = study.scan("contacts", engine)
    if campaign is not None:
        table = table.filter(nw.col("campaign_id").cast(nw.String) == campaign)
    contacts = collect(table, sort_by=["contacted_on", "campaign_id", "customer_id"])
    p = contacts["propensity"].astype(float)
    # Where a contact's cost is not recorded, the study's channels tell it.
    declared = contacts["channel"].map({channel.name: channel.cost for channel in study.channels})
    cost = contacts["cost"].astype(float).fillna(declared.astype(float))
    cost = cost.where(contacts["arm"] != CONTROL, 0.0)
    arm = contacts["arm"].str.replace("_", " ")
    return contacts.assign(arm=arm, cost=cost, arm_propensity=_arm_propensity(contacts, p))


def _arm_propensity(contacts: pd.DataFrame, propensity: pd.Series) -> pd.Series:
    """Probability of the arm: the recorded one, less what only the choice of channel makes.

    Where propensities do not vary within an arm and channel, all customers of an arm had the same
    chance, and equal weights are the right and most precise ones.
    """
    option = [contacts["arm"], contacts["channel"].fillna("")]
    spread = propensity.groupby(option).transform(np.ptp)
    share = contacts.groupby("arm")["arm"].transform("size") / len(contacts)
    return share if (spread < 1e-9).all() else propensity


@dataclass(frozen=True)
class _Covariates:
    """What a study knows of each customer that the contact could not have changed."""

    study: Study
    engine: Engine
    assignments: Path
    seed: int

    def campaign(
        self, kind: Kind, contacts: pd.DataFrame, training: pd.DataFrame | None,
        outcomes: Mapping[str, str], text: str,
    ) -> Campaign:  # fmt: skip
        attributes = self.study.attributes
        sensitive = tuple(
            name for name in self.labels()
            if name == "gender" or (name in attributes and attributes[name].role == "sensitive")
        )  # fmt: skip
        return Campaign(kind, contacts, training, self.labels(), sensitive, outcomes, text)

    def labels(self) -> dict[str, str]:
        """Covariates and what a reader calls them.

        Raises
        ------
        StudyError
            An attribute bears the name of a column of contacts.
        """
        there = self.study.scan("customers", self.engine).collect_schema().names()
        labels = {}
        if "birth_date" in there:
            labels["years_old"] = "age (years)"
        if "joined_on" in there:
            labels["tenure"] = "tenure (years)"
        labels |= {name: name.replace("_", " ")
                   for name in ("gender", "region", "risk_tolerance") if name in there}  # fmt: skip
        labels |= {name: attribute.label for name, attribute in self.study.attributes.items()
                   if attribute.known_before_contact
                   and name not in CONTRACTS["contacts"].columns}  # fmt: skip
        if self.study.has("holdings"):
            labels["products_held"] = "products held"
        if self.study.has("transactions"):
            labels["payments_before"] = f"transactions, last {DAYS_BEFORE} days"
            labels["money_in_before"] = f"money in, last {DAYS_BEFORE} days"
        return labels

    def joined(self, contacts: pd.DataFrame) -> pd.DataFrame:
        """Contacts with segment, covariates as of the day of contact, and the seeded draws."""
        day = pd.to_datetime(contacts["contacted_on"]).map(
            lambda d: d.toordinal() if pd.notna(d) else self.study.as_of.toordinal()
        )
        keys = pd.DataFrame({"customer_id": contacts["customer_id"], "contact_day": day})
        rows = self.engine.from_pandas(keys.drop_duplicates())
        customers = self.study.scan("customers", self.engine)
        labels = self.labels()
        own = {"years_old": "birth_date", "tenure": "joined_on"}
        plain = [n for n in labels if n in customers.collect_schema().names()]
        frame = (
            rows.join(customers, on="customer_id", how="left")
            .select(
                "customer_id", "contact_day", *plain,
                order=uniform("customer_hash", seed=self.seed + _ORDER_STREAM),
                half=(uniform("customer_hash", seed=self.seed + _SPLIT_STREAM) < 0.5)
                .cast(nw.Int64),
                **{name: years_since(source, nw.col("contact_day"))
                   for name, source in own.items() if name in labels},
            )
            .join(self.engine.scan(self.assignments).select("customer_id", "segment"),
                  on="customer_id", how="left")
        )  # fmt: skip
        for part in (self._held(rows), self._moved(rows)):
            if part is not None:
                frame = frame.join(part, on=["customer_id", "contact_day"], how="left")
        counts = [n for n in ("products_held", "payments_before", "money_in_before") if n in labels]
        if counts:
            frame = frame.with_columns(*[nw.col(n).fill_null(0).cast(nw.Float64) for n in counts])
        known = collect(frame, sort_by=["customer_id", "contact_day"])
        joined = contacts.assign(contact_day=day).drop(columns="segment", errors="ignore")
        # Copied whole: many columns joined one by one would lie scattered in memory.
        return joined.merge(known, on=["customer_id", "contact_day"], how="left").copy()

    def _held(self, rows: nw.LazyFrame) -> nw.LazyFrame | None:
        """Products surely held before the contact."""
        if not self.study.has("holdings"):
            return None
        holdings = self.study.scan("holdings", self.engine)
        return (
            rows.join(holdings, on="customer_id", how="inner")
            .filter(surely_held_before(nw.col("contact_day")))
            .select("customer_id", "contact_day", "product_id")
            .unique()
            .group_by("customer_id", "contact_day")
            .agg(products_held=nw.len())
        )

    def _moved(self, rows: nw.LazyFrame) -> nw.LazyFrame | None:
        """Number of transactions and money in during the days before the contact."""
        if not self.study.has("transactions"):
            return None
        booked, day = day_number("booked_on"), nw.col("contact_day")
        amount = nw.when(nw.col("amount") > 0).then(nw.col("amount")).otherwise(0.0)
        transactions = self.study.scan("transactions", self.engine)
        return (
            rows.join(transactions, on="customer_id", how="inner")
            .filter(booked < day, booked >= day - DAYS_BEFORE)
            .with_columns(money_in=amount)
            .group_by("customer_id", "contact_day")
            .agg(payments_before=nw.len(), money_in_before=nw.col("money_in").sum())
        )
