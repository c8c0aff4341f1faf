"""The campaign to be evaluated: its contacts, with what was known of each customer before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib import casebank
from pmlib.canon.contacts import CONTROL, OFFERED, campaigns, made, randomised
from pmlib.canon.customers import years_since
from pmlib.canon.holdings import surely_held_before
from pmlib.engine import collect, day_number, uniform
from pmlib.errors import StudyError
from pmlib.evaluation.checks import unreadable
from pmlib.evaluation.results import read_results
from pmlib.evaluation.targeting import unjudged
from pmlib.evaluation.trial import Drawn
from pmlib.files import read_frame
from pmlib.numbers import Finding, Number, Phrase, missing, needs
from pmlib.safeguards import carried_by_two
from pmlib.schema import CONTRACTS

if TYPE_CHECKING:
    from pmlib.engine import Engine
    from pmlib.params import Parameters
    from pmlib.studies import Study

DAYS_BEFORE = 90
"""Length of the pre-period whose transactions serve as covariates; the texts name it."""

# Seeded draws of this chapter have streams of their own, apart from those of other chapters.
_SPLIT_STREAM, _ORDER_STREAM = 5001, 5002


@dataclass(frozen=True, kw_only=True)
class Campaign(Finding):
    """Contacts of one campaign, one row an assignment.

    Its fact ``campaign_kind`` is ``randomised`` (a control group and known propensities),
    ``undrawn`` (contacts beside a control group without propensities), ``uncontrolled`` (contacts
    only), ``nothing_planned``, ``not_answered`` (the plan offers what the simulated bank knows no
    answer to) or ``no_contacts``.

    Attributes
    ----------
    contacts : DataFrame
        The canonical columns, ``segment`` and ``segment_name``, one column a covariate,
        ``arm_propensity`` (probability of the row's arm, its product and channel being given),
        ``order`` (0-1, a seeded random number) and ``half`` (0 or 1, a seeded split of
        customers); in the order of time.
    training : DataFrame or None
        Contacts of an earlier randomised campaign, same columns, to learn rankings from.
    covariates : mapping of str to str
        Columns known before the contact, and what the study calls them.
    sensitive : tuple of str
        Covariates that describe and check but must not target.
    outcomes : mapping of str to str
        Further outcome columns, and what the study calls them.
    planned : DataFrame or None
        Cells of the plan that the campaign carried out, with ``expected_profit``.
    promise : DataFrame or None
        What that plan promised, see `pmlib.strategy.design.promised`.
    trial : Drawn or None
        The policy trial that the campaign was. `contacts` are then those of the plan's own
        offers: whose lot made such an offer, and their share left alone.
    """

    contacts: pd.DataFrame = field(default_factory=pd.DataFrame)
    training: pd.DataFrame | None = None
    covariates: Mapping[str, str]
    sensitive: tuple[str, ...] = ()
    outcomes: Mapping[str, str] = field(default_factory=dict)
    planned: pd.DataFrame | None = None
    promise: pd.DataFrame | None = None
    trial: Drawn | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """Covariates that may target."""
        return tuple(name for name in self.covariates if name not in self.sensitive)

    @property
    def randomised(self) -> pd.DataFrame | Finding:
        """The contacts, or why they can show no effect."""
        if self.absent:
            return Finding(absent=self.absent)
        kind = self.facts["campaign_kind"]
        if kind != "randomised":
            return missing("undrawn" if kind == "undrawn" else "no_control", section="")
        reason = unreadable(self.contacts)
        return Finding(absent=reason) if reason else self.contacts

    @property
    def later(self) -> pd.DataFrame | Finding:
        """The contacts of known outcome, or why no ranking can be judged on later ones."""
        if self.absent:
            return Finding(absent=self.absent)
        if self.facts["campaign_kind"] == "randomised":
            return missing("has_control")
        contacts = self.contacts[self.contacts["responded"].notna()].reset_index(drop=True)
        reason = unjudged(contacts, self.features)
        return missing(reason) if reason else contacts

    def before(self, column: str | None, ratio: float) -> pd.Series | None:
        """What `value` would have been before the contact, had the period been as long.

        The covariate `column` times `ratio`, the length of the outcome window over that of the
        column; None gives None, and what is no covariate raises StudyError.
        """
        if column is None or self.absent:
            return None
        if column not in self.covariates:
            raise StudyError(
                "There is no such attribute to tell the time before.", where="before_column",
                rule=f"one of {', '.join(self.covariates)}", found=repr(column),
            )  # fmt: skip
        return ratio * self.contacts[column].astype(float)


@needs()
def readable(contacts: pd.DataFrame, checks: Finding) -> pd.DataFrame | Finding:
    """Return the contacts, or why they are not read further."""
    if checks.facts["campaign_checks"] == "stopped":
        return missing("checks_stopped", section="")
    return contacts


def open_campaign(
    study: Study, engine: Engine, params: Parameters, *,
    load: Callable[[str, str], pd.DataFrame], load_private: Callable[[str, str], Path],
) -> Campaign:  # fmt: skip
    """Find what there is to evaluate: returned results, the simulator's field test, or contacts.

    Parameters
    ----------
    params : Parameters
        ``campaign_results`` names the CSV of a real campaign that carried out the plan; ``seed``
        is that of the simulated field test and of the seeded splits.
    load, load_private : callable
        Read what an earlier chapter left: segments, assignments, the contact plan and its cells.

    Raises
    ------
    StudyError
        The results do not match the plan.
    """
    assignments = engine.scan(load_private("segmentation", "assignments"))
    names = load("segmentation", "segments").set_index("segment")["name"]
    if not is_of_the_plan(study, params):
        return recorded_campaign(study, engine, params, assignments=assignments, names=names)
    known = _Covariates(study, engine, assignments, names, params.seed)
    cells = load("strategy_design", "cells")
    planned = pd.DataFrame()
    if len(cells.columns) or params.campaign_results:  # else there was no case for a plan
        plan = engine.scan(load_private("strategy_design", "contact_plan"))
        planned = collect(plan, sort_by=["customer_id", "product_id"])
    if planned.empty:
        return known.campaign("nothing_planned", absent=Phrase("absent.nothing_planned"))
    if not params.campaign_results and (unknown := casebank.not_answered(study, planned)):
        why = Phrase("absent.not_answered", {"products": unknown})
        return known.campaign("not_answered", absent=why)
    contacts = _carried_out(study, engine, planned, params)
    trial = None
    if "stratum" in planned:
        strata = read_frame(load_private("strategy_design", "trial_strata"))
        trial = Drawn(contacts, strata, cells)
        contacts = trial.own
    contacts, quotes = _with_both_arms(contacts)
    if trial is not None:
        quotes["own_offers"] = Number("", int((contacts["arm"] == OFFERED).sum()))
        quotes["own_customers"] = Number("", contacts["customer_id"].nunique())
    source = {"campaign_source": "returned" if params.campaign_results else "field_test"}
    if not randomised(contacts):
        return known.campaign("uncontrolled", contacts, facts=source, quotes=quotes, trial=trial)
    latest = _latest_randomised(study, engine)
    return known.campaign(
        "randomised", contacts, facts=source, quotes=quotes,
        training=None if latest is None else known.joined(_earlier(study, engine, latest)),
        planned=cells, promise=load("strategy_design", "promise"), trial=trial,
    )  # fmt: skip


def is_of_the_plan(study: Study, params: Parameters) -> bool:
    """Whether the campaign is one that carried out the plan: returned, or simulated."""
    return study.simulated or params.campaign_results is not None


def recorded_campaign(
    study: Study, engine: Engine, params: Parameters, *,
    assignments: nw.LazyFrame, names: pd.Series,
) -> Campaign:  # fmt: skip
    """Find what the study's own contacts tell: of the latest randomised campaign, or of all.

    `assignments` has ``customer_id, segment`` of every customer; `names` are those of segments.
    """
    known = _Covariates(study, engine, assignments, names, params.seed)
    latest = _latest_randomised(study, engine)
    outcomes = {name: outcome.label for name, outcome in study.outcomes.items()}
    if not study.has("contacts"):
        return known.campaign("no_contacts", absent=Phrase("absent.no_contacts"))
    recorded = _past(study, engine, latest)
    if latest is not None:
        return known.campaign(
            "randomised", recorded, facts={"campaign_source": "recorded"}, outcomes=outcomes,
            quotes={"campaign": latest, "costs_declared": recorded["cost"].max() > 0},
        )  # fmt: skip
    left_out = recorded["arm"] == CONTROL
    if left_out.all():
        return known.campaign("no_contacts", absent=Phrase("absent.only_control"))
    contacted = recorded[~left_out].reset_index(drop=True)
    return known.campaign(
        "undrawn" if left_out.any() else "uncontrolled", contacted, outcomes=outcomes,
        facts={"campaign_source": "all_contacts"}, quotes={"undrawn": Phrase("undrawn")},
    )  # fmt: skip


def _carried_out(
    study: Study, engine: Engine, planned: pd.DataFrame, params: Parameters
) -> pd.DataFrame:
    """Contacts of the plan, from the field or the simulator, with what the plan says of each."""
    if params.campaign_results:
        file, costs = Path(params.campaign_results), {c.name: c.cost for c in study.channels}
        arms = _words_for_arms(study, engine)
        contacts = read_results(file, planned, as_of=study.as_of, costs=costs, arms=arms)
    else:
        contacts = casebank.field_test(study, planned, seed=params.seed)
        # The plan knows the channel a control customer would have been contacted through.
        contacts["channel"] = planned["channel"].to_numpy()
    further = [c for c in ("cell", "policy", "lot_propensity", "stratum") if c in planned]
    return contacts.assign(**{name: planned[name].to_numpy() for name in further})


def _with_both_arms(contacts: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, Number]]:
    """Contacts of cells that have both arms, with the chance of their arm; and what is told."""
    # Arms were drawn cell by cell in exact numbers, so the probability of an arm is its share.
    size, whole = (
        contacts.groupby(by)["arm"].transform("size") for by in (["cell", "arm"], "cell")
    )
    contacts = contacts.assign(arm_propensity=(size / whole).astype(float))
    told, customers = {}, contacts["customer_id"].nunique()
    if customers < len(contacts):
        told = {"offers": Number("", len(contacts)), "customers": Number("", customers)}
    # Customers of cells too small to hold both arms compare with nobody.
    alone = contacts["arm_propensity"] == 1
    if alone.any() and not alone.all():
        told["left_out"] = Number("", int(alone.sum()))
        contacts = contacts[~alone].reset_index(drop=True)
    return contacts, told


def _words_for_arms(study: Study, engine: Engine) -> dict[str, str]:
    """What the study calls its past arms, and what a plan calls them."""
    words = dict.fromkeys(study.control, CONTROL)
    if study.has("contacts"):
        offered = made(study.scan("contacts", engine)).select("arm").unique()
        words |= dict.fromkeys(collect(offered, sort_by=["arm"])["arm"], OFFERED)
    return words


def _earlier(study: Study, engine: Engine, campaign: str) -> pd.DataFrame:
    """Contacts of an earlier campaign to learn from, their offers called as the plan calls its own.

    The product and the channel tell what was offered.
    """
    past = _past(study, engine, campaign)
    return past.assign(arm=past["arm"].where(past["arm"] == CONTROL, OFFERED))


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
    # The recorded propensity less what only the choice of channel makes: where it does not vary
    # within an arm and channel, all customers of an arm had the same chance, and equal weights are
    # the right and most precise ones.
    spread = p.groupby([contacts["arm"], contacts["channel"].fillna("")]).transform(np.ptp)
    if (spread < 1e-9).all():
        p = contacts.groupby("arm")["arm"].transform("size") / len(contacts)
    arm = contacts["arm"].str.replace("_", " ")
    return contacts.assign(arm=arm, cost=cost, arm_propensity=p)


_DATED = {"years_old": "birth_date", "tenure": "joined_on"}
"""Covariates counted in years since a date."""


@dataclass(frozen=True)
class _Covariates:
    """What a study knows of each customer that the contact could not have changed."""

    study: Study
    engine: Engine
    assignments: nw.LazyFrame
    segments: pd.Series
    seed: int

    def campaign(self, kind: str, contacts: pd.DataFrame | None = None, **found: Any) -> Campaign:
        """Make a campaign of contacts, or one that is absent."""
        attributes, names = self.study.attributes, self.names()
        roles = {name: attribute.role for name, attribute in attributes.items()}
        sensitive = tuple(n for n in names if n == "gender" or roles.get(n) == "sensitive")
        facts = {"campaign_kind": kind, "profit_counts": self.study.value_is}
        facts |= found.pop("facts", {})
        if contacts is not None:
            joined = found["contacts"] = self.joined(contacts)
            joined["segment_name"] = joined["segment"].map(self.segments)
            parts = [joined, *(part for arm, part in joined.groupby("arm") if arm != CONTROL)]
            if "value" in joined and any(carried_by_two(p.value, p.customer_id) for p in parts):
                joined["value"] = np.nan
                found.setdefault("quotes", {})["value_dominated"] = True
        return Campaign(facts=facts, covariates=names, sensitive=sensitive, **found)

    def names(self) -> dict[str, str]:
        """Covariates and what the study calls them: its own name, or a code of the catalogue."""
        there = self.study.scan("customers", self.engine).collect_schema().names()
        codes = [name for name, source in _DATED.items() if source in there]
        codes += [name for name in ("gender", "region", "risk_tolerance") if name in there]
        names = {name: name for name in codes}
        names |= {name: attribute.label for name, attribute in self.study.attributes.items()
                  if attribute.known_before_contact
                  and name not in CONTRACTS["contacts"].columns}  # fmt: skip
        counted = ["products_held"] if self.study.has("holdings") else []
        if self.study.has("transactions"):
            counted += ["payments_before", "money_in_before"]
        return names | {name: name for name in counted}

    def joined(self, contacts: pd.DataFrame) -> pd.DataFrame:
        """Contacts with segment, covariates as of the day of contact, and the seeded draws."""
        day = pd.to_datetime(contacts["contacted_on"]).map(
            lambda d: d.toordinal() if pd.notna(d) else self.study.as_of.toordinal()
        )
        keys = pd.DataFrame({"customer_id": contacts["customer_id"], "contact_day": day})
        rows = self.engine.from_pandas(keys.drop_duplicates())
        customers = self.study.scan("customers", self.engine)
        names = self.names()
        plain = [n for n in names if n in customers.collect_schema().names()]
        ages = {name: years_since(source, nw.col("contact_day"))
                for name, source in _DATED.items() if name in names}  # fmt: skip
        drawn = uniform("customer_hash", seed=self.seed + _SPLIT_STREAM)
        order = uniform("customer_hash", seed=self.seed + _ORDER_STREAM)
        frame = rows.join(customers, on="customer_id", how="left").select(
            "customer_id", "contact_day", *plain, order=order,
            half=(drawn < 0.5).cast(nw.Int64), **ages,
        )  # fmt: skip
        segments = self.assignments.select("customer_id", "segment")
        frame = frame.join(segments, on="customer_id", how="left")
        for part in (self._held(rows), self._moved(rows)):
            if part is not None:
                frame = frame.join(part, on=["customer_id", "contact_day"], how="left")
        counts = [n for n in ("products_held", "payments_before", "money_in_before") if n in names]
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
        held = rows.join(holdings, on="customer_id", how="inner")
        held = held.filter(surely_held_before(nw.col("contact_day")))
        held = held.select("customer_id", "contact_day", "product_id").unique()
        return held.group_by("customer_id", "contact_day").agg(products_held=nw.len())

    def _moved(self, rows: nw.LazyFrame) -> nw.LazyFrame | None:
        """Number of transactions and money in during the days before the contact."""
        if not self.study.has("transactions"):
            return None
        booked, day = day_number("booked_on"), nw.col("contact_day")
        amount = nw.when(nw.col("amount") > 0).then(nw.col("amount")).otherwise(0.0)
        transactions = self.study.scan("transactions", self.engine)
        moved = rows.join(transactions, on="customer_id", how="inner")
        moved = moved.filter(booked < day, booked >= day - DAYS_BEFORE).with_columns(come=amount)
        by_contact = moved.group_by("customer_id", "contact_day")
        return by_contact.agg(payments_before=nw.len(), money_in_before=nw.col("come").sum())
