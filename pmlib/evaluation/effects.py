"""What a randomised campaign caused: intention to treat, in sales and in money.

Every customer counts in the arm it was assigned to, whether the contact reached it or not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from pmlib.canon.contacts import CONTROL, weights_of
from pmlib.errors import StudyError
from pmlib.evaluation.money import (
    best_offer,
    campaign_decision,
    interval_facts,
    money_rows,
    slug,
    totals,
)
from pmlib.inference.many_tests import holm
from pmlib.inference.means import Moments, Spending, effective_number, newcombe_spending, welch
from pmlib.inference.proportions import newcombe
from pmlib.numbers import Finding, Level, Number, Phrase, needs

ANY_OFFER = "any_offer"

# Of columns: the arm, and the control that it is compared with.
_ENDS = ("", "_control")


def outcomes_of(contacts: pd.DataFrame, further: Sequence[str] = ()) -> pd.DataFrame:
    """Per-row outcomes as numbers: ``responded``, then `further`, ``value`` and ``profit``.

    Profit is value minus contact cost. Who did not respond brought nothing, whether the value is
    recorded as 0 or left empty. Both are left out when no value is recorded or that of a
    response is missing, profit also when a cost is missing.
    """
    outcomes = contacts[["responded", *further]].astype(float)
    responded = outcomes["responded"]
    value = contacts["value"].astype(float)
    if value.notna().any() and value[responded > 0].notna().all():
        outcomes["value"] = value.fillna(0.0).where(responded.notna())
        cost = contacts["cost"].astype(float).where(contacts["arm"] != CONTROL, 0.0)
        if cost.notna().all():
            outcomes["profit"] = outcomes["value"] - cost
    return outcomes


@needs(section="intention-to-treat")
def intention_to_treat(
    contacts: pd.DataFrame, *, outcomes: Mapping[str, str] | Sequence[str] = (),
    confidence_level: float = 0.95, value_is: str = "margin",
) -> Finding:  # fmt: skip
    """Effect of each arm against control, and what it earned; of offers against each other too.

    Proportions take Newcombe's interval [@newcombe1998difference], money that few customers
    spend its like (`newcombe_spending`), other outcomes Welch's. With several
    treated arms a first row ``any_offer`` pools them. Where the probability of an arm differed
    between customers (column ``arm_propensity``), rows are weighted by its inverse. Rows with
    unknown outcome are left out (`check_campaign` says how many).

    Parameters
    ----------
    outcomes : mapping of str to str, or sequence of str
        Further outcome columns (booleans or numbers), and what the study calls them.
    value_is : str
        ``margin``, or ``sales``: then the margin is told that the campaign needs to pay.

    Returns
    -------
    Finding
        ``outcome, arm, customers, customers_control, mean, mean_control, effect,
        standard_error, low, high, p_value``, one row an outcome and arm. Outcomes are
        ``responded``, ``value``, ``profit`` and the further ones. Further tables: *totals*, as
        `money.totals`; *between*, each two offers: the columns of the main table, ``_control``
        being those of the arm ``against``, and ``p_adjusted`` (Holm over all pairs of one
        outcome); *effects*, *arms-compared* and *money* have the same in units, for the reader.

    Raises
    ------
    StudyError
        No control or no treated rows.

    Notes
    -----
    Cost is a fact of the campaign once the arms are drawn, so the intervals of profit, return
    (incremental profit / cost) and cost per incremental sale (cost / incremental sales) come
    from the intervals of the effects. Where the interval of incremental sales reaches zero,
    cost per incremental sale has no upper end.
    """
    table = compare_arms(contacts, [], tuple(outcomes), confidence_level)
    money = totals(contacts, table, pooled=ANY_OFFER)
    numbers, facts = _headline(table, money), interval_facts(table, money)
    between = pd.DataFrame()
    quotes: dict[str, Any] = {}
    if ANY_OFFER in set(table["arm"]):
        between = compare_arms(contacts, [], tuple(outcomes), confidence_level, between=True)
        between["p_adjusted"] = between.groupby("outcome")["p_value"].transform(holm)
        best, facts["best_offer"], quotes = best_offer(between, money, 1 - confidence_level)
        numbers += best
    more, decided = campaign_decision(numbers, value_is=value_is)
    names = outcomes if isinstance(outcomes, Mapping) else {}
    tables = {
        "totals": money, "between": between, "money": money_rows(money),
        "effects": _rows_shown(table, names), "arms-compared": _rows_shown(between, names),
    }  # fmt: skip
    return Finding(table, numbers + more, facts | decided, quotes, tables)


def _in_units(row: Any, key: str = "") -> tuple[Number, Number, Number]:
    """Mean of an arm and of what it is compared with, and their difference with its interval."""
    unit = "currency" if row.outcome in ("value", "profit") else "share"
    if unit == "share" and max(row.mean, row.mean_control) > 1:
        unit = ""
    about = {"outcome": Level("campaign_outcome", row.outcome), "arm": Level("arm", row.arm)}
    gap = "points" if unit == "share" else unit
    effect = Number(key, row.effect, gap, row.low, row.high, about=about)
    mean = Number("", row.mean, unit, about=about, of=row.customers)
    return mean, Number("", row.mean_control, unit, of=row.customers_control), effect


def _rows_shown(table: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Effects, or offers against each other, with each outcome in its unit."""
    rows, among, other, p_value = [], "customers", "control_mean", "p_value"
    if "against" in table:
        among, other, p_value = "against", "other_mean", "p_adjusted"
    for row in table.itertuples():
        mean, mean_other, effect = _in_units(row)
        rows.append({
            "outcome": names.get(row.outcome, row.outcome), "arm": row.arm,
            among: getattr(row, among), "arm_mean": mean, other: mean_other, "effect": effect,
            "interval": Phrase("interval", {"n": effect}), p_value: getattr(row, p_value),
        })  # fmt: skip
    return pd.DataFrame(rows)


def compare_arms(
    contacts: pd.DataFrame, by: Sequence[str], further: Sequence[str], confidence_level: float,
    *, between: bool = False,
) -> pd.DataFrame:  # fmt: skip
    """Reduce rows to counts, means and variances per group and arm; then compare arms.

    The table is that of `intention_to_treat`, with the columns `by`, which make groups, in front;
    `between` compares each two treated arms, not each with control, with ``against``. Raises
    StudyError where there are no control or no treated rows.
    """
    outcomes = outcomes_of(contacts, further)
    arm = contacts["arm"]
    treated = sorted(set(arm.unique()) - {CONTROL})
    if not (arm == CONTROL).any() or not treated:
        raise StudyError(
            "There is nothing to compare.",
            where="contacts.arm", rule=f"rows of '{CONTROL}' and of another arm",
            found=", ".join(sorted(arm.unique())) or "no rows",
        )  # fmt: skip
    keys = contacts[[*by, "arm"]]
    weight, customers = weights_of(contacts).to_numpy(), customer_codes(contacts)
    cells = _moments(outcomes, keys, weight, customers)
    if len(treated) > 1:
        pooled = keys.assign(arm=arm.where(arm == CONTROL, ANY_OFFER))
        both = _moments(outcomes, pooled, weight, customers)
        cells = pd.concat([both[both["arm"] == ANY_OFFER], cells], ignore_index=True)
    own = cells["arm"].isin(treated) if between else cells["arm"] != CONTROL
    other = cells[own if between else ~own].assign(against=cells["arm"]).drop(columns="arm")
    pairs = cells[own].merge(other, on=["outcome", *by], suffixes=("", "_control"), sort=False)
    if between:
        pairs = pairs[pairs["arm"] < pairs["against"]].reset_index(drop=True)
    kind = pairs["outcome"].map({name: _kind(outcomes[name]) for name in outcomes})
    # Profit is what was spent less costs, and costs do not depend on chance.
    money = _kind(outcomes["value"]) if "value" in outcomes else ""
    money = "mostly_zero" if money == "binary" else money  # a sale of 1, or none, less its cost
    kind = kind.where(pairs["outcome"] != "profit", money)
    parts = []
    for name, part in pairs.groupby(kind, sort=False):
        if name == "binary":
            counts = [(part["mean" + end] * part["effective" + end], part["effective" + end])
                      for end in _ENDS]  # fmt: skip
            found = newcombe(*counts[0], *counts[1], confidence_level=confidence_level)
        elif name == "mostly_zero":
            spent = [Spending(*(part[f + end] for f in Spending._fields)) for end in _ENDS]
            found = newcombe_spending(*spent, confidence_level=confidence_level)
        else:
            moments = [Moments(*(part[f + end] for f in Moments._fields)) for end in _ENDS]
            found = welch(*moments, confidence_level=confidence_level)
        parts.append(part.assign(**found._asdict()))
    table = pd.concat(parts).sort_index()
    sort = {name: rank for rank, name in enumerate([*outcomes.columns, ANY_OFFER, *treated])}
    table = table.sort_values(
        ["outcome", *by, "arm"], key=lambda s: s.map(sort) if s.name in ("outcome", "arm") else s
    )
    columns = [
        *by, "outcome", "arm", *(["against"] if between else []), "customers",
        "customers_control", "mean", "mean_control", "effect", "standard_error", "low", "high",
        "p_value",
    ]  # fmt: skip
    return table[columns].reset_index(drop=True)


def customer_codes(contacts: pd.DataFrame) -> np.ndarray:
    """Number of each row's customer, from 0.

    A customer planned for several products has several rows, usually in the same arm and with
    outcomes that go together, so the customer, not the row, is what chance drew.
    """
    if "customer_id" not in contacts or contacts["customer_id"].is_unique:
        return np.arange(len(contacts))
    return pd.factorize(contacts["customer_id"])[0]


def _moments(
    outcomes: pd.DataFrame, keys: pd.DataFrame, weight: np.ndarray, customers: np.ndarray
) -> pd.DataFrame:
    """Weighted moments and effective number of customers of each group and outcome.

    With equal weights and one row a customer these are the plain mean, the sample variance and
    the count. The effective number is Kish's, ``(sum w)^2 / sum w^2``, over the design effect of
    customers with several rows: the variance of the mean with residuals added up by customer, in
    units of that without.
    """
    groups = keys.groupby(list(keys), sort=True, observed=True)
    code = groups.ngroup().fillna(-1).to_numpy(int)
    cells = groups.size().reset_index()[list(keys)]
    width = customers.max() + 1
    pairs, pair = np.unique(code * width + customers, return_inverse=True)
    inside = pairs >= 0
    parts = []
    for outcome in outcomes:
        y = outcomes[outcome].to_numpy()
        known = ~np.isnan(y) & (code >= 0)

        def total(values: np.ndarray, at: np.ndarray = code, use: np.ndarray = known) -> np.ndarray:
            return np.bincount(at[use], weights=values[use], minlength=len(cells))

        with np.errstate(divide="ignore", invalid="ignore"):
            w = total(weight)
            mean = total(weight * y) / w
            rest = y - mean[code]
            moved = weight * rest
            spread = total(moved * rest) / w
            kish = effective_number(w, total(weight**2))
            sums = np.bincount(pair[known], weights=moved[known], minlength=len(pairs))[inside]
            together = np.bincount(pairs[inside] // width, weights=sums**2, minlength=len(cells))
            apart = total(moved * moved)
            design = np.where(apart > 0, np.maximum(together / apart, 1.0), 1.0)
            spent = outcomes["value"].to_numpy() if outcome == "profit" else y
            buys = spent != 0
            share = total(weight * buys) / w
            spent_all, heavy = np.nan_to_num(spent), weight * (known & buys)
            heavy = heavy / max(heavy.sum(), 1e-9)  # 0 where nobody bought
            part = cells.assign(
                share=share, buyers=total(buys.astype(float)),
                amount=total(weight * spent) / w / share,
                square=total(weight * spent * spent) / w / share,
                typical=heavy @ spent_all, typical_square=heavy @ spent_all**2,
                customers=total(known.astype(float)).astype(int), effective=kish / design,
                mean=mean, variance=spread * kish / (kish - 1), outcome=outcome,
            )  # fmt: skip
        parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    return table[table["customers"] > 1]


def _kind(outcome: pd.Series) -> str:
    """What decides the interval: ``binary``, ``mostly_zero`` or ``measured``."""
    known = outcome.dropna()
    if known.isin((0.0, 1.0)).all():
        return "binary"
    return "mostly_zero" if (known == 0).mean() > 0.5 else "measured"


def _headline(table: pd.DataFrame, money: pd.DataFrame) -> tuple[Number, ...]:
    """Numbers of the first arm (all offers together) under plain keys, of others with suffix."""
    suffix = {arm: f"_{slug(arm)}" for arm in table["arm"]} | {table["arm"].iloc[0]: ""}
    numbers = []
    for row in table.itertuples():
        key = f"effect_{slug(row.outcome)}{suffix[row.arm]}"
        mean, control, effect = _in_units(row, key)
        numbers.append(effect)
        if row.outcome == "responded":
            numbers.append(replace(mean, key=f"response_offer{suffix[row.arm]}"))
            numbers += [replace(control, key="response_control")] if not suffix[row.arm] else []
    numbers += [
        replace(row.estimate, key=row.quantity + suffix[row.arm])
        for row in money_rows(money).itertuples()
    ]
    return tuple(numbers)
