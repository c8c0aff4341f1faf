"""What the plan of one study starts from: its tables, its offers, its evidence, its limits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.association.baskets import Baskets, collect_baskets
from pmlib.association.order import surely_ordered
from pmlib.canon.holdings import with_sales
from pmlib.engine import Engine, collect
from pmlib.numbers import Finding, Level, Number, Phrase, missing, needs
from pmlib.params import Parameters
from pmlib.safeguards import suppress
from pmlib.strategy.catalogue import (
    Catalogue,
    catalogue,
    choose_antecedents,
    is_reversed,
    useful_rules,
    with_own_rules,
)
from pmlib.strategy.cells import (
    Sources,
    count_groups,
    customer_states,
    eligibility,
    expected_losses,
    with_flags,
)
from pmlib.strategy.evidence import (
    Evidence,
    Outcome,
    count_contacts,
    count_holdings,
    offered_products,
    response_is_holding,
)
from pmlib.strategy.problem import Problem
from pmlib.strategy.programme import Limits
from pmlib.studies import Study


@dataclass(frozen=True, kw_only=True)
class Case(Problem):
    """A study's problem, with all that explains it.

    `states` are those of `customer_states`; `segments` has ``segment, name, customers`` and what
    else chapter 2 says of each; `product_names` are of all products, on offer or not; `has_rules`
    says whether any rule survived its test, whatever it points to; `n_reversed` how many that say
    something of a product on offer are no reason for it, see `is_reversed`; `untold` why contacts
    on record tell of no offer, where they do not.
    """

    study: Study
    engine: Engine
    params: Parameters
    sources: Sources
    states: nw.LazyFrame
    segments: pd.DataFrame
    product_names: Mapping[str, str]
    has_rules: bool
    n_reversed: int = 0
    untold: Level | None = None

    @property
    def total(self) -> int:
        """All customers of the study, contactable or not."""
        return int(self.segments["customers"].sum())

    @property
    def made_segments(self) -> bool:
        """Whether chapter 2 made the segments, by outcomes of the half that tests nothing here."""
        return "made" in self.segments and bool(self.segments["made"].any())

    @property
    def names(self) -> pd.Series:
        """Product on offer to its name, as readers see it."""
        return self.catalogue.products.set_index("product_id")["name"]

    @property
    def unit(self) -> str:
        """Unit of an effect: of a difference of rates, of a rate, or the currency."""
        if self.evidence.outcome != "response":
            return "currency"
        return "points" if self.evidence.kind == "uplift" else "share"

    @property
    def assumed(self) -> Phrase:
        """What stands in for an interval where nobody was contacted yet."""
        margin = Number("", self.params.default_margin, "currency", decimals=0)
        take_up = rough_share(self.params.take_up, 6)
        return Phrase("assumed", {"take_up": take_up, "margin": margin})

    @property
    def not_recorded(self) -> tuple[str, ...]:
        """What these data cannot check: of objection, cool-down, suitability and holding."""
        sources, names = self.sources, self.sources.customers.collect_schema().names()
        rated = self.catalogue.products["risk_rating"].notna().any()
        known = {
            "objection": "marketing_opt_out" in names,
            "cool_down": sources.contacts is not None,
            "suitability": "risk_tolerance" in names and rated,
            "holding": sources.holdings is not None,
        }
        return tuple(rule for rule, checked in known.items() if not checked)

    @property
    def remarks(self) -> Phrase | None:
        """What a reader must know of the evidence: what tells of no offer, or is left out."""
        names = {"undeclared": self.evidence.left_out, "unpriced": self.catalogue.unpriced}
        told = [
            Phrase(f"remark.{name}", {"names": found}) for name, found in names.items() if found
        ]
        if self.n_reversed:
            told.append(Phrase("remark.reversed", {"n": Number("", self.n_reversed, "count")}))
        if self.untold:
            told.insert(0, Phrase("remark.untold", {"untold": self.untold}))
        return Phrase("remarks", {"remarks": told}) if told else None

    def shown(self, count: int, unit: str = "count") -> Number | Phrase:
        """A count for publication, or that it is of too few."""
        least = self.params.min_group_size
        few = 0 < count < least
        return Phrase("fewer", {"least": least}) if few else Number("", int(count), unit)

    def without(self, rule: str) -> Case:
        """The case with one of `RULES_OF_CONTACT` lifted: customers and losses counted anew."""
        days = self.params.cool_down
        states = customer_states(self.sources, self.catalogue, cool_down=days, lifted=(rule,))
        groups = count_groups(states, self.catalogue, segments=self.groups.segments)
        menu = _with_losses(self.catalogue, self.sources, self.params, lifted=(rule,))
        return replace(self, groups=groups, catalogue=menu)

    def has_one_cell(self) -> bool:
        """Whether there is one segment and no rule, so that all who look at cells see the same."""
        return len(self.groups.segments) == 1 and not self.catalogue.antecedents


def rough_share(value: float, digits: int) -> Number:
    """Quote a share with at most so many significant digits of its per cent."""
    decimals = len(f"{100 * value:.{digits}g}".partition(".")[2])
    return Number("", value, "share", decimals=decimals)


def open_case(
    study: Study,
    engine: Engine,
    params: Parameters,
    segments: pd.DataFrame,
    rules: pd.DataFrame,
    *,
    as_of: dt.date,
    assignments: nw.LazyFrame,
) -> Case | Finding:
    """Bring together segments, rules, contacts and limits.

    Products on offer are those that customers were contacted for. Where a study has no contacts,
    or these tell of no offer, they are those that a surviving rule points to, or else all.

    Parameters
    ----------
    segments : pandas.DataFrame
        ``segment, name, customers`` of chapter 2.
    rules : pandas.DataFrame
        Rules of chapter 3; without columns where the study has no holdings.
    as_of : datetime.date
        Day of the plan.
    assignments : narwhals.LazyFrame
        ``customer_id, segment`` of every customer.

    Returns
    -------
    Case or Finding
        An absent finding where the study lacks what any plan needs: an offer, a channel, an answer
        to an offer, a customer who may be offered anything.

    Raises
    ------
    StudyError
        A limit makes no sense.
    """
    if not (study.has("contacts") or study.has("holdings", "products")):
        return missing("no_offers")
    if not study.channels:
        return missing("no_channels")
    tables = {
        name: study.scan(name, engine) if study.has(name) else None
        for name in ("customers", "holdings", "contacts", "products")
    }
    assert tables["customers"] is not None  # every study has customers
    holdings, contacts = tables["holdings"], tables["contacts"]
    if contacts is not None and study.value_is != "sales":  # goods can be bought again
        holdings = with_sales(holdings, contacts)
    own = engine.scan(study.eligibility.path) if study.eligibility else None
    sources = Sources(tables["customers"], assignments, holdings, contacts, as_of, own)
    columns = ["antecedent", "consequent", "scope", "lift", "survives", "within"]
    rules = pd.DataFrame(columns=columns) if rules.empty else rules
    known = pd.DataFrame(columns=["product_id"])
    if tables["products"] is not None:
        known = collect(tables["products"], sort_by=["product_id"])
    baskets, turned = None, np.zeros(len(rules), dtype=bool)
    if tables["holdings"] is not None and len(rules):
        ordered = surely_ordered(tables["holdings"], as_of=as_of, params=params)
        turned = is_reversed(rules, ordered)
    if tables["holdings"] is not None and len(known):
        baskets = collect_baskets(
            sources.customers,
            tables["holdings"],
            products=list(known["product_id"]),
            as_of=as_of,
            seed=params.seed,
            holdout_share=params.holdout_share,
            segments=sources.assignments,
        ).part(holdout=True)

    shelf = _Shelf(study, known, rules[~turned], baskets, params)
    menu = evidence = untold = None
    if contacts is not None:
        menu, evidence, untold = _from_contacts(sources, shelf, engine)
    if contacts is None or untold:
        if baskets is None:
            return missing("contacts_untold", untold=Level("untold", untold or "no_product"))
        menu, evidence = _from_holdings(shelf, baskets)
    if menu is None or evidence is None:
        return missing("no_margin_known", products=menu.unpriced if menu else ())
    if not evidence.tells:
        return missing("few_customers")
    menu = with_own_rules(menu, study.eligibility)
    sources = with_flags(sources, menu, engine, cool_down=params.cool_down)
    menu = _with_losses(menu, sources, params)
    states = customer_states(sources, menu, cool_down=params.cool_down)
    groups = count_groups(states, menu, segments=segments["segment"])
    if not groups.state.any():
        return missing("nobody_eligible", days=params.cool_down)
    capacity = tuple(menu.channels["capacity"])
    no_reason = useful_rules(rules[turned])["consequent"].isin(menu.product_ids)
    return Case(
        study=study,
        engine=engine,
        params=params,
        sources=sources,
        catalogue=menu,
        evidence=evidence,
        states=states,
        groups=groups,
        limits=Limits(params.budget, capacity, params.contact_limit, params.min_contacts),
        control_share=params.control_share,
        error_rate=params.error_rate,
        seed=params.seed,
        segments=segments,
        product_names=dict(zip(known["product_id"], known.get("name", ()), strict=False)),
        has_rules=bool(rules["survives"].any()),
        n_reversed=int(no_reason.sum()),
        untold=Level("untold", untold) if untold else None,
    )


def _with_losses(
    menu: Catalogue, sources: Sources, params: Parameters, lifted: tuple[str, ...] = ()
) -> Catalogue:
    """Add what sales are expected to lose, where the study says it of a product on offer."""
    if not menu.loss_columns:
        return menu
    losses = expected_losses(sources, menu, cool_down=params.cool_down, lifted=lifted)
    return replace(menu, losses=losses)


@dataclass(frozen=True)
class _Shelf:
    """What can be put on offer: products, and the rules and baskets that tell who wants them."""

    study: Study
    known: pd.DataFrame
    rules: pd.DataFrame
    baskets: Baskets | None
    params: Parameters

    def menu(self, offered: Iterable[str], outcome: Outcome) -> Catalogue:
        """The catalogue of what is offered, less what has no margin."""
        products, pairs = tuple(offered), None
        if self.baskets is not None:
            pairs = choose_antecedents(self.rules, self.baskets, offered=products)
        return catalogue(
            self.known,
            self.study.channels,
            offered=products,
            antecedents=pairs,
            default_margin=1.0 if outcome == "value" else self.params.default_margin,
        )


def _from_contacts(
    sources: Sources, shelf: _Shelf, engine: Engine
) -> tuple[Catalogue | None, Evidence | None, str | None]:
    """What customers were contacted for and what that tells, or why it tells nothing (a level).

    No evidence and no reason: no product on offer has a margin.
    """
    assert sources.contacts is not None
    params, offered = shelf.params, offered_products(sources.contacts)
    if not offered:
        return None, None, "no_product"
    outcome = _outcome(sources, shelf.known, offered, params.default_margin)
    menu = shelf.menu(offered, outcome)
    if menu.products.empty:
        return menu, None, None
    evidence = count_contacts(sources, menu, engine, outcome=outcome, seed=params.seed)
    if not evidence.tells:
        nowhere = evidence.left_out and evidence.tallies["control"].all()
        return menu, None, "no_channel" if nowhere else "no_outcome"
    if evidence.kind == "response" and shelf.study.has("holdings"):
        holdings = shelf.study.scan("holdings", engine)  # without what contacts sold
        same = response_is_holding(holdings, sources.contacts, as_of=sources.as_of)
        evidence = replace(evidence, restates_holdings=same)
    return menu, evidence, None


def _from_holdings(shelf: _Shelf, baskets: Baskets) -> tuple[Catalogue, Evidence | None]:
    """What a surviving rule points to, or else every product, as far as margins are known."""
    useful, every = useful_rules(shelf.rules)["consequent"].unique(), shelf.known["product_id"]
    menus = [shelf.menu(offered, "response") for offered in (useful, every) if len(offered)]
    menu = next((found for found in menus if len(found.products)), menus[-1])
    if menu.products.empty:
        return menu, None
    return menu, count_holdings(baskets, menu, take_up=shelf.params.take_up)


@needs()
def eligibility_table(case: Case) -> Finding:
    """The eligibility of a case for publication: no count below `min_group_size` people.

    The table has ``product`` (name), ``customers, not_contactable`` (under age, objecting or in
    cool-down), ``held, unsuitable, barred`` (by the study's own rules, where it has any) and
    ``eligible``; NaN where a count is too small or nothing is recorded.
    """
    counts = eligibility(case.sources, case.catalogue, cool_down=case.params.cool_down)
    counts["not_contactable"] = counts[["minor", "objecting", "cooling_down"]].sum(axis=1)
    own = ["barred"] if case.catalogue.rules else []
    rules = ["not_contactable", "held", "unsuitable", *own, "eligible"]
    parts = counts.melt("product_id", rules, var_name="rule", value_name="count")
    least, keys = case.params.min_group_size, ["product_id", "rule"]
    shown = suppress(parts, count="count", minimum=least, by=keys)
    wide = shown.set_index(keys)["count"].unstack()  # noqa: PD010
    table = counts[["product_id", "customers"]].merge(wide[rules].reset_index(), on="product_id")
    table.insert(0, "product", table.pop("product_id").map(case.names))
    for column, rule in (("held", "holding"), ("unsuitable", "suitability")):
        if rule in case.not_recorded:
            table[column] = np.nan
    return Finding(table)


def _outcome(
    sources: Sources, products: pd.DataFrame, offered: tuple[str, ...], default: float | None
) -> Outcome:
    """Take the value earned as outcome only where no margin can turn a sale into money."""
    if sources.contacts is None or default is not None:
        return "response"
    margins = products.set_index("product_id").get("annual_margin", pd.Series(dtype=float))
    if margins.reindex(list(offered)).notna().any():
        return "response"
    recorded = collect(sources.contacts.select("value").drop_nulls().head(1), sort_by=[])
    return "value" if len(recorded) else "response"
