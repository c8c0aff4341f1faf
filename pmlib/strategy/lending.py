"""Responsible lending: whom the bank's own rules leave out, and what sales are expected to lose.

Both are declared in study.yaml (`pmlib.studies.eligibility`); the plan obeys the rules, and its
margins are less the losses. What that costs is found by planning without.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.engine import collect, flag
from pmlib.numbers import Finding, Level, Number, needs
from pmlib.safeguards import suppress
from pmlib.strategy.case import Case
from pmlib.strategy.cells import NOT_ELIGIBLE, stated
from pmlib.strategy.design import Design
from pmlib.strategy.effects import CellEffects, ends
from pmlib.strategy.plan import Plan, solve

LOANS = frozenset({"loan", "loans", "credit", "lending", "mortgage", "mortgages"})
"""Families of products that are loans, whatever their case."""


@needs()
def responsible_lending(case: Case, design: Design) -> Finding:
    """Tell whom the study's own rules leave out, and what rules and losses do to the plan.

    Returns
    -------
    Finding
        *own-rules*: ``rule`` (what it asks), ``product`` (name), ``asked`` (customers who may be
        offered it as far as the common rules go) and ``left_out`` (those of them who are not known
        to meet the rule); NaN where a count is too small. *lending-plans*: ``plan``, ``planned``
        (customers), ``gross`` (profit before losses), ``loss, profit, low, high`` (currency).
        Both are empty where the study declares nothing. Facts: whether rules, and losses, are
        declared for the loans on offer, and whether the plan without them earns more.
    """
    menu, loans = case.catalogue, _loans_on_offer(case)
    facts = {
        "lending_rules": _covered(loans, menu.rules),
        "lending_losses": _covered(loans, menu.loss_columns),
    }
    quotes = {
        "without_rules": [case.names[p] for p in loans if p not in menu.rules],
        "without_losses": [case.names[p] for p in loans if p not in menu.loss_columns],
        "has_rules": bool(menu.rules),
        "has_losses": bool(menu.loss_columns),
    }
    if not (menu.rules or menu.loss_columns):
        return Finding(facts=facts, quotes=quotes)
    numbers, tables = [], {"own-rules": _left_out(case) if menu.rules else pd.DataFrame()}
    if not design.planned.empty:
        plans = _plans(case, design)
        tables["lending-plans"] = pd.DataFrame([plan.row(case) for plan in plans])
        own, free = plans[0], plans[1] if menu.rules else plans[0]
        numbers.append(Number("planned_loss", own.loss, "currency"))
        for key, asked, less in (
            ("own_rules_cost", menu.rules, own),
            ("blind_to_losses_cost", menu.loss_columns, plans[-1]),
        ):
            if asked:
                numbers.append(cost := _more(case, key, free, less))
                facts[key.removesuffix("_cost")] = "costs" if float(cost.value or 0) > 0 else "free"
    return Finding(numbers=tuple(numbers), facts=facts, quotes=quotes, tables=tables)


def _loans_on_offer(case: Case) -> list[str]:
    """Products on offer whose family says that they are loans."""
    if not case.study.has("products"):
        return []
    families = collect(case.study.scan("products", case.engine), sort_by=["product_id"])
    of_loans = families["family"].str.strip().str.lower().isin(LOANS)
    return [p for p in families.loc[of_loans, "product_id"] if p in case.catalogue.product_ids]


def _covered(loans: Sequence[str], declared: Mapping[str, Any]) -> str:
    inside = sum(product in declared for product in loans)
    if not loans:
        return "no_loans"
    return "all" if inside == len(loans) else "some" if inside else "none"


def _left_out(case: Case) -> pd.DataFrame:
    """*own-rules* of `responsible_lending`: one pass in the engine."""
    menu, own = case.catalogue, case.study.eligibility
    assert own is not None
    days = case.params.cool_down
    frame, states = stated(case.sources, menu, cool_down=days, lifted=("own_rules",))
    sums, rows = {}, []
    for product, columns in menu.rules.items():
        asked = flag(states[product] != NOT_ELIGIBLE)
        sums[f"asked {product}"] = asked.sum()
        for column in columns:
            sums[f"{column} {product}"] = (asked * (1 - nw.col(column))).sum()
            rows.append((own.rules[int(column.removeprefix("rule_"))].label, product, column))
    counts = collect(frame.select(**sums), sort_by=[]).iloc[0]
    table = pd.DataFrame(rows, columns=["rule", "product_id", "column"])
    for name, prefix in (("asked", pd.Series("asked", table.index)), ("left_out", table["column"])):
        table[name] = [counts[f"{p} {q}"] for p, q in zip(prefix, table["product_id"], strict=True)]
    keys, least = ["rule", "product_id"], case.params.min_group_size
    shown = suppress(table, count="left_out", minimum=least, by=keys, keep=["asked"])
    shown.insert(1, "product", shown.pop("product_id").map(case.names))
    return shown[["rule", "product", "asked", "left_out"]]


@dataclass(frozen=True)
class _Plan:
    """A plan by what it heeds: contacts of each cell of `cells`, all priced with the losses."""

    name: str
    planned: int
    cells: pd.DataFrame  # with margin (net), cost, effect
    made: np.ndarray  # contacts
    mean_loss: np.ndarray  # currency a sale
    effects: CellEffects

    @property
    def load(self) -> np.ndarray:
        """What a sale more a contact of each cell would add, currency."""
        return self.made * self.cells["margin"].to_numpy()

    @property
    def loss(self) -> float:
        return float((self.made * self.cells["effect"] * self.mean_loss).sum())

    @property
    def profit(self) -> float:
        return float((self.load * self.cells["effect"] - self.made * self.cells["cost"]).sum())

    def row(self, case: Case) -> dict[str, Any]:
        margins = self.effects.margins(self.load, case.params.confidence_level)
        low, high = ends(self.profit, margins)
        ways = {"plan": Level("lending_plan", self.name), "planned": self.planned}
        money = {"gross": self.profit + self.loss, "loss": self.loss, "profit": self.profit}
        return {**ways, **money, "low": low, "high": high}


def _plans(case: Case, design: Design) -> list[_Plan]:
    """The plan as it is; without the rules; and, where there are losses, without heeding them."""
    menu, effects = case.catalogue, design.effects
    own = "both" if menu.rules and menu.losses is not None else "own"
    told = [_planned(own, case, effects, plan=design.plan)]
    free = case
    if menu.rules:
        free = case.without("own_rules")
        told.append(_planned("without_rules", free, effects))
    if menu.losses is not None:
        name = "without_either" if menu.rules else "without_losses"
        told.append(_planned(name, free, effects, heeds_losses=False))
    return told


def _planned(
    name: str, case: Case, effects: CellEffects, *, plan: Plan | None = None,
    heeds_losses: bool = True,
) -> _Plan:  # fmt: skip
    menu = case.catalogue
    blind = case if heeds_losses else replace(case, catalogue=replace(menu, losses=None))
    contacts = (plan or solve(blind.programme(effects))).contacts
    cells = menu.priced(effects.cells)
    made = contacts[menu.positions(cells)] * case.made
    return _Plan(name, int(contacts.sum()), cells, made, menu.mean_loss(cells), effects)


def _more(case: Case, key: str, more: _Plan, less: _Plan) -> Number:
    """What one plan earns more than another, with its interval."""
    gain, load = more.profit - less.profit, more.load - less.load
    below, above = more.effects.margins(load, case.params.confidence_level)
    return Number(key, gain, "currency", *ends(gain, (below, above)))
