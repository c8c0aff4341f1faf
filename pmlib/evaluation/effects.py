"""What a randomised campaign caused: intention to treat, in sales and in money.

Every customer counts in the arm it was assigned to, whether the contact reached it or not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pmlib.canon.contacts import CONTROL, weights_of
from pmlib.errors import StudyError
from pmlib.inference.many_tests import holm
from pmlib.inference.means import Moments, Spending, effective_number, newcombe_spending, welch
from pmlib.inference.proportions import newcombe
from pmlib.numbers import Number, format_number, percent

ANY_OFFER = "any offer"

# Of columns: the arm, and the control that it is compared with.
_ENDS = ("", "_control")


@dataclass(frozen=True)
class CampaignEffects:
    """Effects of the arms against control.

    Attributes
    ----------
    table : DataFrame
        ``outcome, arm, customers, customers_control, mean, mean_control, effect,
        standard_error, low, high, p_value``, one row an outcome and arm. Outcomes are per
        customer: ``responded`` (share), ``value`` and ``profit`` (currency), further recorded
        outcomes under their own name.
    money : DataFrame
        ``arm, customers, cost, incremental_sales, incremental_sales_low, …_high``, then
        ``incremental_profit``, ``roi`` and ``cost_per_sale``, likewise with intervals; totals over
        the arm's customers. Empty when no value is recorded.
    between : DataFrame
        Each two offers: the columns of `table`, ``_control`` being those of the arm ``against``,
        and ``p_adjusted`` (Holm over all pairs of one outcome). Empty when there is one offer.
    confidence_level : float
    numbers : tuple of Number
    text : str
    """

    table: pd.DataFrame
    money: pd.DataFrame
    between: pd.DataFrame
    confidence_level: float
    numbers: tuple[Number, ...]
    text: str

    def overall(self, outcome: str) -> tuple[float, float, float]:
        """Effect of the first arm (all offers together) on an outcome, and its interval."""
        row = self.table[self.table["outcome"] == outcome].iloc[0]
        return float(row["effect"]), float(row["low"]), float(row["high"])

    def shown(
        self, names: Mapping[str, str], *, currency: str, between: bool = False
    ) -> pd.DataFrame:
        """`table`, or `between`, for a reader, each outcome in its unit.

        Parameters
        ----------
        names : mapping of str to str
            Further outcomes and what a reader calls them.
        """
        level = f"{percent(self.confidence_level)} interval"
        rows = []
        for row in (self.between if between else self.table).itertuples():
            unit = unit_of(row.outcome, max(row.mean, row.mean_control))
            gap = "points" if unit == "share" else unit
            rows.append(
                {
                    "outcome": names.get(row.outcome, row.outcome), "arm": row.arm,
                    **({"against": row.against} if between else {"customers": row.customers}),
                    "arm_mean": format_number(row.mean, unit, currency=currency),
                    "other_mean" if between else "control_mean":
                        format_number(row.mean_control, unit, currency=currency),
                    "effect": format_number(row.effect, gap, currency=currency),
                    level: Number("", row.effect, gap, row.low, row.high).interval(currency),
                    "p_adjusted" if between else "p_value":
                        format_number(row.p_adjusted if between else row.p_value, "p"),
                }
            )  # fmt: skip
        return pd.DataFrame(rows)

    def money_shown(self, *, currency: str) -> pd.DataFrame:
        """`money` for a reader: one row a quantity and arm with its interval, in its unit."""
        level = f"{percent(self.confidence_level)} interval"
        rows = [
            {"quantity": _QUANTITIES[number.key][1], "arm": row["arm"],
             "customers": row["customers"], "estimate": number.text(currency),
             level: number.interval(currency)}
            for row in self.money.to_dict("records") for number in _totals(row)
        ]  # fmt: skip
        return pd.DataFrame(rows)


_QUANTITIES = {
    "incremental_sales": ("count", "sales that would not have happened without the campaign"),
    "incremental_profit": ("currency", "profit that the campaign added, after contact cost"),
    "roi": ("share", "incremental profit over contact cost"),
    "cost_per_sale": ("currency", "contact cost per incremental sale"),
}
"""Unit and meaning of the totals over an arm's customers."""


def _totals(row: Mapping[str, float]) -> list[Number]:
    """Those of one row of `CampaignEffects.money` that are known, with their intervals."""
    return [
        Number(key, row[key], unit, row[f"{key}_low"], row[f"{key}_high"],
               f"{meaning} ({row['arm']})", 0 if unit == "count" else None)
        for key, (unit, meaning) in _QUANTITIES.items() if not np.isnan(row[key])
    ]  # fmt: skip


def unit_of(outcome: str, largest: float) -> str:
    """Unit of an outcome's mean: currency for money, a share for what is 0 or 1."""
    if outcome in ("value", "profit"):
        return "currency"
    return "share" if largest <= 1 else ""


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


def intention_to_treat(
    contacts: pd.DataFrame,
    *,
    outcomes: Sequence[str] = (),
    confidence_level: float = 0.95,
    sales: bool = False,
) -> CampaignEffects:
    """Effect of each arm against control, and what it earned; of offers against each other too.

    Proportions take Newcombe's interval [@newcombe1998difference], money that few customers
    spend its like (`newcombe_spending`), other outcomes Welch's. With several
    treated arms a first row ``any offer`` pools them. Where the probability of an arm differed
    between customers (column ``arm_propensity``), rows are weighted by its inverse. Rows with
    unknown outcome are left out (`check_campaign` says how many).

    Parameters
    ----------
    contacts : DataFrame
        ``arm, responded, value, cost``; one row an assignment.
    outcomes : sequence of str
        Further outcome columns: booleans or numbers.
    sales : bool
        ``value`` is what customers spent, not what it earned; the text says so.

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
    table = compare_arms(contacts, [], outcomes, confidence_level)
    money = _money(contacts, table)
    text = _text(table.iloc[0], money.iloc[0] if len(money) else None, sales=sales)
    numbers, between = _headline(table, money), pd.DataFrame()
    if ANY_OFFER in set(table["arm"]):
        between = compare_arms(contacts, [], outcomes, confidence_level, between=True)
        between["p_adjusted"] = between.groupby("outcome")["p_value"].transform(holm)
        best, verdict = _best_arm(between, money, 1 - confidence_level)
        numbers, text = numbers + best, f"{text} {verdict}"
    return CampaignEffects(table, money, between, confidence_level, numbers, text)


def compare_arms(
    contacts: pd.DataFrame,
    by: Sequence[str],
    further: Sequence[str],
    confidence_level: float,
    *,
    between: bool = False,
) -> pd.DataFrame:
    """Reduce rows to counts, means and variances per group and arm; then compare arms.

    Parameters
    ----------
    by : sequence of str
        Columns that make groups; none for the whole.
    further : sequence of str
        Further outcome columns.
    between : bool
        Compare each two treated arms, not each with control.

    Returns
    -------
    DataFrame
        As `CampaignEffects.table`, the columns `by` in front; between arms with ``against``.

    Raises
    ------
    StudyError
        No control or no treated rows.
    """
    outcomes = outcomes_of(contacts, further)
    arm = contacts["arm"]
    treated = sorted(set(arm.unique()) - {CONTROL})
    if not (arm == CONTROL).any() or not treated:
        raise StudyError(
            "There is nothing to compare.",
            where="contacts.arm",
            rule=f"rows of '{CONTROL}' and of another arm",
            found=", ".join(sorted(arm.unique())) or "no rows",
        )
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
    kind = kind.where(pairs["outcome"] != "profit", _kind(outcomes.get("value", arm)))
    parts = []
    for name, part in pairs.groupby(kind, sort=False):
        if name == "binary":
            counts = [(part["mean" + end] * part["effective" + end], part["effective" + end])
                      for end in _ENDS]  # fmt: skip
            found = newcombe(*counts[0], *counts[1], confidence_level=confidence_level)
        elif name == "mostly zero":
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
            sums = np.bincount(pair[known], weights=moved[known], minlength=len(pairs))
            together = np.bincount(
                pairs[inside] // width, weights=sums[inside] ** 2, minlength=len(cells)
            )
            apart = total(moved * moved)
            design = np.where(apart > 0, np.maximum(together / apart, 1.0), 1.0)
            spent = outcomes["value"].to_numpy() if outcome == "profit" else y
            buys = spent != 0
            share = total(weight * buys) / w
            spent_all, heavy = np.nan_to_num(spent), weight * (known & buys)
            heavy = heavy / max(heavy.sum(), 1e-9)  # 0 where nobody bought
            part = cells.assign(
                share=share,
                buyers=total(buys.astype(float)),
                amount=total(weight * spent) / w / share,
                square=total(weight * spent * spent) / w / share,
                typical=heavy @ spent_all,
                typical_square=heavy @ spent_all**2,
                customers=total(known.astype(float)).astype(int),
                effective=kish / design,
                mean=mean,
                variance=spread * kish / (kish - 1),
                outcome=outcome,
            )
        parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    return table[table["customers"] > 1]


def _kind(outcome: pd.Series) -> str:
    """What decides the interval: ``binary``, ``mostly zero`` or ``measured``."""
    known = outcome.dropna()
    if known.isin((0.0, 1.0)).all():
        return "binary"
    return "mostly zero" if (known == 0).mean() > 0.5 else "measured"


def _money(contacts: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Totals over each arm's customers: what the campaign added, and at what cost."""
    profit = table[table["outcome"] == "profit"].set_index("arm")
    sales = table[table["outcome"] == "responded"].set_index("arm")
    rows = []
    for arm in profit.index:
        own = contacts["arm"] != CONTROL if arm == ANY_OFFER else contacts["arm"] == arm
        cost, n = float(contacts.loc[own, "cost"].astype(float).sum()), int(own.sum())
        row: dict[str, float] = {"customers": n, "cost": cost}
        for end in ("", "_low", "_high"):
            column = end[1:] or "effect"
            row[f"incremental_sales{end}"] = float(sales.loc[arm, column]) * n
            row[f"incremental_profit{end}"] = float(profit.loc[arm, column]) * n
            row[f"roi{end}"] = row[f"incremental_profit{end}"] / cost if cost else np.nan
        for end, of in (("", ""), ("_low", "_high"), ("_high", "_low")):
            sold = row[f"incremental_sales{of}"]
            row[f"cost_per_sale{end}"] = cost / sold if sold > 0 else np.inf
        rows.append({"arm": arm, **row})
    return pd.DataFrame(rows)


def _slug(name: str) -> str:
    return "_".join("".join(c if c.isalnum() else " " for c in name.lower()).split())


def _headline(table: pd.DataFrame, money: pd.DataFrame) -> tuple[Number, ...]:
    """Numbers of the first arm (all offers together) under plain keys, of others with suffix."""
    first = table["arm"].iloc[0]
    numbers = []
    for row in table.itertuples():
        suffix = "" if row.arm == first else f"_{_slug(row.arm)}"
        unit = unit_of(row.outcome, max(row.mean, row.mean_control))
        unit = "points" if unit == "share" else unit
        label = f"on {row.outcome} per customer, {row.arm} against control"
        numbers.append(Number(f"effect_{_slug(row.outcome)}{suffix}", row.effect, unit, row.low,
                              row.high, f"effect {label}"))  # fmt: skip
        if row.outcome == "responded":
            numbers.append(Number(f"response_offer{suffix}", row.mean, "share",
                                  meaning=f"response in arm {row.arm}"))  # fmt: skip
            if not suffix:
                numbers.append(Number("response_control", row.mean_control, "share",
                                      meaning="response in the control group"))  # fmt: skip
    for row in money.to_dict("records"):
        suffix = "" if row["arm"] == first else f"_{_slug(row['arm'])}"
        numbers += [replace(number, key=number.key + suffix) for number in _totals(row)]
    return tuple(numbers)


def _best_arm(
    between: pd.DataFrame, money: pd.DataFrame, error_rate: float
) -> tuple[tuple[Number, ...], str]:
    """The offer that earns most, or sells most where no value is known, and its lead."""
    outcome = "profit" if len(money) else "responded"
    own = between[between["outcome"] == outcome]
    arms = pd.concat([own.set_index("arm")["mean"], own.set_index("against")["mean_control"]])
    best = arms.idxmax()
    pairs = own[(own["arm"] == best) | (own["against"] == best)]
    shown = bool((pairs["p_adjusted"] < error_rate).all())
    lead = pairs.loc[pairs["effect"].abs().idxmin()]
    second, ends = lead["against"], (lead["effect"], lead["low"], lead["high"])
    if second == best:
        second, ends = lead["arm"], (-lead["effect"], -lead["high"], -lead["low"])
    what, unit = ("profit", "currency") if len(money) else ("response", "points")
    numbers = [
        Number("best_arm", best if shown else None,
               meaning=f"offer shown to bring the most {what} per customer"),
        Number("best_arm_lead", ends[0], unit, *ends[1:],
               f"{what} per customer of {best} less that of {second}"),
    ]  # fmt: skip
    if len(money):
        row = money[money["arm"] == best].iloc[0].to_dict()
        totals = [n for n in _totals(row) if n.key in ("incremental_profit", "roi")]
        numbers += [replace(n, key=f"best_arm_{n.key.split('_')[-1]}") for n in totals]
    return tuple(numbers), (
        f"Of the offers, **{best}** comes first in {what} per customer, {{best_arm_lead}} ahead of "
        f"{second} (interval {{best_arm_lead.interval}})"
        f"{'' if shown else ', which chance could make'}."
    )


def _text(effect: pd.Series, money: pd.Series | None, *, sales: bool) -> str:
    """Read the response effect and the money of all offers together."""
    more = "more often" if effect["effect"] > 0 else "no more often"
    shown = effect["low"] > 0 or effect["high"] < 0
    text = (
        f"Contacted customers respond {more} than the control group: {{effect_responded}} "
        f"(interval {{effect_responded.interval}}){'' if shown else ', which chance could make'}."
    )
    if money is None:
        return text + " Values or costs are not fully recorded, so profit cannot be computed."
    verdict = (
        "The campaign paid" if money["incremental_profit_low"] > 0
        else "The campaign lost money" if money["incremental_profit_high"] < 0
        else "Whether the campaign paid is not settled"
    )  # fmt: skip
    if sales:
        verdict += " in sales (margins are not known)"
    text += (
        f" {verdict}: {'sales less contact cost' if sales else 'incremental profit'} "
        "{incremental_profit}, "
        "interval {incremental_profit.interval}."
    )
    if np.isnan(money["roi"]):
        return text
    return text + " That is {roi} of what the contacts cost ({roi.interval})."
