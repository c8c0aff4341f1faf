"""The campaign to be evaluated: its contacts, with what was known of each customer before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import narwhals as nw
import pandas as pd

from pmlib import casebank
from pmlib.engine import collect, day_number
from pmlib.evaluation.checks import CONTROL
from pmlib.evaluation.results import read_results
from pmlib.schema import CONTRACTS

if TYPE_CHECKING:
    from pmlib.engine import Engine
    from pmlib.studies import Study

Kind = Literal["randomised", "uncontrolled", "none"]

DAYS_BEFORE = 90
"""Length of the pre-period whose transactions serve as covariates."""

_YEAR = 365.25


@dataclass(frozen=True)
class Campaign:
    """Contacts of one campaign, one row an assignment.

    Attributes
    ----------
    kind : str
        ``randomised`` (a control group and known propensities), ``uncontrolled`` (contacts
        only) or ``none``.
    contacts : DataFrame
        The canonical columns, ``segment``, and one column a covariate; in the order of time.
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
    covariates: Mapping[str, str]
    sensitive: tuple[str, ...]
    outcomes: Mapping[str, str]
    text: str

    @property
    def absent(self) -> str:
        """Why nothing can be said about effects."""
        if self.kind == "none":
            return "This study records no contacts, so there is nothing to show here."
        if self.kind == "uncontrolled":
            return "The contacts have no control group, so there is nothing to show here."
        return "The checks stopped the reading, so nothing is shown here."

    @property
    def absent_targeting(self) -> str:
        """Why targeting over time is not judged."""
        if self.kind == "none":
            return self.absent
        return "This campaign has a control group, which answers more than a ranking can."

    @property
    def absent_truth(self) -> str:
        """Why nothing stands against a truth."""
        return "This is no simulated bank: its truth is not known to anyone."

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

    @property
    def features(self) -> tuple[str, ...]:
        """Covariates that may target."""
        return tuple(name for name in self.covariates if name not in self.sensitive)


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
        Of the simulated field test.

    Raises
    ------
    StudyError
        The results do not match the plan.
    """
    background, labels, sensitive = known_before(study, engine, assignments)
    outcomes: dict[str, str] = {}
    if plan is not None and (results or study.simulated):
        planned = collect(engine.scan(plan), sort_by=["customer_id", "product_id"])
        if results:
            contacts = read_results(
                Path(results), planned, as_of=study.as_of,
                costs={channel.name: channel.cost for channel in study.channels},
            )  # fmt: skip
            text = "The results of the campaign in the field were joined to the plan."
        else:
            contacts = casebank.field_test(study, planned, seed=seed)
            # The plan knows the channel a control customer would have been contacted through.
            contacts["channel"] = planned["channel"].to_numpy()
            text = (
                "The contact plan was carried out in the simulated bank: planned customers of the "
                "offer arm were contacted, those of the control arm were not."
            )
        rows = engine.from_pandas(contacts[["customer_id"]].drop_duplicates())
        extra = collect(
            rows.join(background, on="customer_id", how="left"), sort_by=["customer_id"]
        )
        contacts = contacts.merge(extra, on="customer_id", how="left", sort=False)
        return Campaign("randomised", contacts, labels, sensitive, outcomes, text)
    if not study.has("contacts"):
        text = "This study records no contacts, so there is no campaign to evaluate."
        return Campaign("none", pd.DataFrame(), labels, sensitive, outcomes, text)
    table = study.scan("contacts", engine)
    campaigns = collect(
        table.group_by("campaign_id").agg(
            contacts=nw.len(),
            control=(nw.col("arm") == CONTROL).cast(nw.Int64).sum(),
            unknown=nw.col("propensity").is_null().cast(nw.Int64).sum(),
            last=day_number("contacted_on").max(),
        ),
        sort_by=["last", "campaign_id"],
    )
    outcomes = {name: outcome.label for name, outcome in study.outcomes.items()}
    randomised = campaigns[(campaigns["control"] > 0) & (campaigns["unknown"] == 0)]
    kind: Kind = "randomised" if len(randomised) else "uncontrolled"
    if kind == "randomised":
        chosen = randomised["campaign_id"].iloc[-1]
        table = table.filter(nw.col("campaign_id") == chosen)
        text = f"The latest randomised campaign of the study, {chosen}, is evaluated."
    else:
        text = (
            "The study's contacts have no control group: what they caused cannot be known, but "
            "how well a ranking would have found the buyers can."
        )
    contacts = collect(
        table.join(background, on="customer_id", how="left"),
        sort_by=["contacted_on", "campaign_id", "customer_id"],
    )
    return Campaign(kind, contacts, labels, sensitive, outcomes, text)


def known_before(
    study: Study, engine: Engine, assignments: Path
) -> tuple[nw.LazyFrame, dict[str, str], tuple[str, ...]]:
    """What the study knows of each customer that no contact could have changed.

    Declared attributes with ``known_before_contact``, the reserved columns, the number of
    products held and the transactions of the `DAYS_BEFORE` days up to the study's `as_of`.

    Returns
    -------
    frame : LazyFrame
        ``customer_id, segment`` and one column a covariate.
    labels : dict
        Covariate to what a reader calls it.
    sensitive : tuple of str
    """
    customers = study.scan("customers", engine)
    there = customers.collect_schema().names()
    today = study.as_of.toordinal()
    columns: dict[str, nw.Expr] = {}
    labels: dict[str, str] = {}
    for name, source, label in (
        ("age", "birth_date", "age (years)"),
        ("tenure", "joined_on", "tenure (years)"),
    ):
        if source in there:
            columns[name] = (today - day_number(source)).cast(nw.Float64) / _YEAR
            labels[name] = label
    for name in ("gender", "region", "risk_tolerance"):
        if name in there:
            columns[name] = nw.col(name)
            labels[name] = name.replace("_", " ")
    for name, attribute in study.attributes.items():
        if attribute.known_before_contact and name in there:
            columns[name] = nw.col(name)
            labels[name] = attribute.label
    sensitive = tuple(
        name for name in labels
        if name == "gender"
        or (name in study.attributes and study.attributes[name].role == "sensitive")
    )  # fmt: skip
    segments = engine.scan(assignments).select("customer_id", "segment")
    frame = customers.select("customer_id", **columns).join(segments, on="customer_id", how="left")
    if study.has("holdings"):
        opened, closed = day_number("opened_on"), day_number("closed_on")
        is_open = (opened.is_null() | (opened <= today)) & (closed.is_null() | (closed > today))
        held = (
            study.scan("holdings", engine).filter(is_open).group_by("customer_id")
            .agg(products_held=nw.len())
        )  # fmt: skip
        frame = frame.join(held, on="customer_id", how="left")
        labels["products_held"] = "products held"
    if study.has("transactions"):
        recent = study.scan("transactions", engine).filter(
            day_number("booked_on") > today - DAYS_BEFORE, day_number("booked_on") <= today
        )
        sums = recent.group_by("customer_id").agg(
            payments_before=nw.len(),
            money_in_before=nw.when(nw.col("amount") > 0)
            .then(nw.col("amount"))
            .otherwise(0.0)
            .sum(),
        )
        frame = frame.join(sums, on="customer_id", how="left")
        labels["payments_before"] = f"transactions, last {DAYS_BEFORE} days"
        labels["money_in_before"] = f"money in, last {DAYS_BEFORE} days"
    filled = [n for n in ("products_held", "payments_before", "money_in_before") if n in labels]
    if filled:
        frame = frame.with_columns(*[nw.col(n).fill_null(0).cast(nw.Float64) for n in filled])
    clash = set(labels) & set(CONTRACTS["contacts"].columns)
    return (
        frame.rename({name: f"customer_{name}" for name in clash}),
        {f"customer_{name}" if name in clash else name: label for name, label in labels.items()},
        sensitive,
    )
