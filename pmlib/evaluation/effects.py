"""What a randomised campaign caused: intention to treat, money, segments.

Every customer counts in the arm it was assigned to, whether the contact reached it or not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests

from pmlib.artifacts import Number, format_number
from pmlib.errors import StudyError
from pmlib.evaluation.checks import CONTROL
from pmlib.evaluation.intervals import newcombe, welch

ANY_OFFER = "any offer"


@dataclass(frozen=True)
class Effects:
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
    confidence_level : float
    numbers : tuple of Number
    text : str
    """

    table: pd.DataFrame
    money: pd.DataFrame
    confidence_level: float
    numbers: tuple[Number, ...]
    text: str

    def overall(self, outcome: str) -> tuple[float, float, float]:
        """Effect of the first arm (all offers together) on an outcome, and its interval."""
        row = self.table[self.table["outcome"] == outcome].iloc[0]
        return float(row["effect"]), float(row["low"]), float(row["high"])

    def shown(self, names: Mapping[str, str], *, currency: str) -> pd.DataFrame:
        """`table` for a reader, each outcome in its unit.

        Parameters
        ----------
        names : mapping of str to str
            Further outcomes and what a reader calls them.
        """
        level = f"{self.confidence_level:.0%} interval"
        rows = []
        for row in self.table.itertuples():
            unit = unit_of(row.outcome, max(row.mean, row.mean_control))
            gap = "points" if unit == "share" else unit
            rows.append(
                {
                    "outcome": names.get(row.outcome, row.outcome), "arm": row.arm,
                    "customers": row.customers,
                    "arm_mean": format_number(row.mean, unit, currency=currency),
                    "control_mean": format_number(row.mean_control, unit, currency=currency),
                    "effect": format_number(row.effect, gap, currency=currency),
                    level: Number("", row.effect, gap, row.low, row.high).interval(currency),
                    "p_value": row.p_value,
                }
            )  # fmt: skip
        return pd.DataFrame(rows)

    def money_shown(self, *, currency: str) -> pd.DataFrame:
        """`money` for a reader: one row a quantity and arm with its interval, in its unit."""
        quantities = {
            "incremental_sales": ("incremental sales", "count"),
            "incremental_profit": ("incremental profit", "currency"),
            "roi": ("incremental profit over cost", "share"),
            "cost_per_sale": ("cost an incremental sale", "currency"),
        }
        rows = []
        for row in self.money.to_dict("records"):
            for key, (name, unit) in quantities.items():
                decimals = 0 if unit == "count" else None
                number = Number(key, row[key], unit, row[f"{key}_low"], row[f"{key}_high"],
                                decimals=decimals)  # fmt: skip
                rows.append(
                    {"quantity": name, "arm": row["arm"], "customers": row["customers"],
                     "estimate": number.text(currency),
                     f"{self.confidence_level:.0%} interval": number.interval(currency)}
                )  # fmt: skip
        return pd.DataFrame(rows)


@dataclass(frozen=True)
class GroupEffects:
    """Effects by group (segment, product, …) with correction for looking at many.

    Attributes
    ----------
    table : DataFrame
        As `Effects.table` with the group's column in front and ``p_adjusted`` (Holm over all
        rows of one outcome).
    heterogeneity : DataFrame
        ``outcome, arm, groups, statistic, p_value``: Cochran's Q of equal effects.
    numbers : tuple of Number
    text : str
    """

    table: pd.DataFrame
    heterogeneity: pd.DataFrame
    numbers: tuple[Number, ...]
    text: str

    def of(self, outcome: str) -> pd.DataFrame:
        """Rows of one outcome, all offers apart when there are several arms."""
        own = self.table[self.table["outcome"] == outcome]
        return own[own["arm"] != ANY_OFFER].reset_index(drop=True)

    def shown(self, outcome: str) -> pd.DataFrame:
        """`of` for a reader: without standard errors and the outcome's name."""
        return self.of(outcome).drop(columns=["outcome", "standard_error"])


def unit_of(outcome: str, largest: float) -> str:
    """Unit of an outcome's mean: currency for money, a share for what is 0 or 1."""
    if outcome in ("value", "profit"):
        return "currency"
    return "share" if largest <= 1 else ""


def outcomes_of(contacts: pd.DataFrame, further: Sequence[str] = ()) -> pd.DataFrame:
    """Per-row outcomes as numbers: ``responded``, then `further`, ``value`` and ``profit``.

    Profit is value minus contact cost; both are left out when no value is recorded.
    """
    outcomes = contacts[["responded", *further]].astype(float)
    if contacts["value"].notna().any():
        outcomes["value"] = contacts["value"].astype(float)
        cost = contacts["cost"].astype(float).where(contacts["arm"] != CONTROL, 0.0)
        outcomes["profit"] = outcomes["value"] - cost
    return outcomes


def intention_to_treat(
    contacts: pd.DataFrame,
    *,
    outcomes: Sequence[str] = (),
    confidence_level: float = 0.95,
    currency: str = "",
) -> Effects:
    """Effect of each arm against control, and what it earned.

    Proportions take Newcombe's interval [@newcombe1998difference], money Welch's. With several
    treated arms a first row ``any offer`` pools them. Rows with unknown outcome are left out
    (`check_campaign` says how many).

    Parameters
    ----------
    contacts : DataFrame
        ``arm, responded, value, cost``; one row an assignment.
    outcomes : sequence of str
        Further outcome columns: booleans or numbers.
    currency : str
        For the text.

    Raises
    ------
    StudyError
        No control or no treated rows.

    Notes
    -----
    Cost is a fact of the campaign once the arms are drawn, so the intervals of profit, return
    (incremental profit / cost) and cost an incremental sale (cost / incremental sales) come
    from the intervals of the effects. Where the interval of incremental sales reaches zero,
    cost an incremental sale has no upper end.
    """
    table = _effects(contacts, [], outcomes, confidence_level)
    money = _money(contacts, table)
    headline = _headline(table, money)
    return Effects(table, money, confidence_level, headline, _text(headline, currency))


def effects_by(
    contacts: pd.DataFrame,
    group: str,
    *,
    name: str | None = None,
    confidence_level: float = 0.95,
    error_rate: float = 0.05,
    minimum: int = 10,
) -> GroupEffects:
    """Effects in each group, Holm-corrected, with a test of whether they differ.

    Parameters
    ----------
    contacts : DataFrame
        As `intention_to_treat`, with the column `group`.
    name : str, optional
        What a reader calls a group; by default the column's name.
    minimum : int
        Groups with fewer customers in either arm are left out.
    """
    table = _effects(contacts, [group], (), confidence_level)
    table = table[table[["customers", "customers_control"]].min(axis=1) >= minimum]
    table = table.reset_index(drop=True)
    table["p_adjusted"] = table.groupby("outcome")["p_value"].transform(
        lambda p: multipletests(p, method="holm")[1]
    )
    tests = [
        {"outcome": outcome, "arm": arm, **_cochran(part)}
        for (outcome, arm), part in table.groupby(["outcome", "arm"], sort=False)
    ]
    heterogeneity = pd.DataFrame(tests)
    numbers, text = _group_findings(table, heterogeneity, name or group, error_rate)
    return GroupEffects(table, heterogeneity, numbers, text)


def _effects(
    contacts: pd.DataFrame, by: Sequence[str], further: Sequence[str], confidence_level: float
) -> pd.DataFrame:
    """Reduce rows to counts, means and variances per group and arm; then compare arms."""
    outcomes = outcomes_of(contacts, further)
    arm = contacts["arm"].astype(object)
    treated = sorted(set(arm) - {CONTROL})
    if CONTROL not in set(arm) or not treated:
        raise StudyError(
            "There is nothing to compare.",
            where="contacts.arm",
            rule=f"rows of '{CONTROL}' and of another arm",
            found=", ".join(sorted(set(arm))) or "no rows",
        )
    keys = [contacts[column] for column in by]
    order = [*by, "arm"]
    cells = _moments(outcomes, [*keys, arm.rename("arm")])
    if len(treated) > 1:
        pooled = arm.where(arm == CONTROL, ANY_OFFER).rename("arm")
        both = _moments(outcomes, [*keys, pooled])
        cells = pd.concat([both[both["arm"] == ANY_OFFER], cells], ignore_index=True)
    control = cells[cells["arm"] == CONTROL].drop(columns="arm")
    pairs = cells[cells["arm"] != CONTROL].merge(
        control, on=["outcome", *by], suffixes=("", "_control"), sort=False
    )
    binary = pairs["outcome"].isin(_binary(outcomes)).to_numpy()
    shared = {"confidence_level": confidence_level}
    parts = []
    for is_binary in (True, False):
        part = pairs[binary == is_binary]
        if is_binary:
            found = newcombe(
                part["mean"] * part["customers"], part["customers"],
                part["mean_control"] * part["customers_control"], part["customers_control"],
                **shared,
            )  # fmt: skip
        else:
            found = welch(
                part["mean"], part["variance"], part["customers"],
                part["mean_control"], part["variance_control"], part["customers_control"],
                **shared,
            )  # fmt: skip
        parts.append(part.assign(**found._asdict()))
    table = pd.concat(parts).sort_index()
    sort = {name: rank for rank, name in enumerate([*outcomes.columns, ANY_OFFER, *treated])}
    table = table.sort_values(
        ["outcome", *order], key=lambda s: s.map(sort) if s.name in ("outcome", "arm") else s
    )
    columns = [
        *by, "outcome", "arm", "customers", "customers_control", "mean", "mean_control",
        "effect", "standard_error", "low", "high", "p_value",
    ]  # fmt: skip
    return table[columns].reset_index(drop=True)


def _moments(outcomes: pd.DataFrame, keys: list[pd.Series]) -> pd.DataFrame:
    grouped = outcomes.groupby(keys, sort=True, observed=True)
    parts = []
    for outcome in outcomes.columns:
        part = grouped[outcome].agg(["count", "mean", "var"])
        part.columns = ["customers", "mean", "variance"]
        parts.append(part.reset_index().assign(outcome=outcome))
    cells = pd.concat(parts, ignore_index=True)
    return cells[cells["customers"] > 1]


def _binary(outcomes: pd.DataFrame) -> list[str]:
    return [name for name in outcomes if outcomes[name].dropna().isin((0.0, 1.0)).all()]


def _money(contacts: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Totals over each arm's customers: what the campaign added, and at what cost."""
    profit = table[table["outcome"] == "profit"].set_index("arm")
    sales = table[table["outcome"] == "responded"].set_index("arm")
    rows = []
    for arm in profit.index:
        own = contacts["arm"] != CONTROL if arm == ANY_OFFER else contacts["arm"] == arm
        cost, n = float(contacts.loc[own, "cost"].astype(float).sum()), int(own.sum())
        row: dict[str, float | str | int] = {"arm": arm, "customers": n, "cost": cost}
        for name, source in (("incremental_sales", sales), ("incremental_profit", profit)):
            for end in ("effect", "low", "high"):
                suffix = "" if end == "effect" else f"_{end}"
                row[name + suffix] = float(source.loc[arm, end]) * n
        for end in ("", "_low", "_high"):
            row[f"roi{end}"] = row[f"incremental_profit{end}"] / cost if cost else np.nan
        row |= _cost_per_sale(cost, row)
        rows.append(row)
    return pd.DataFrame(rows)


def _cost_per_sale(cost: float, row: Mapping[str, float | str | int]) -> dict[str, float]:
    sales, low, high = (float(row[f"incremental_sales{end}"]) for end in ("", "_low", "_high"))
    return {
        "cost_per_sale": cost / sales if sales > 0 else np.inf,
        "cost_per_sale_low": cost / high if high > 0 else np.inf,
        "cost_per_sale_high": cost / low if low > 0 else np.inf,
    }


def _cochran(part: pd.DataFrame) -> dict[str, float | int]:
    """Cochran's Q: weighted scatter of the groups' effects around their common value."""
    usable = part[part["standard_error"] > 0]
    weight = 1 / usable["standard_error"] ** 2
    common = np.average(usable["effect"], weights=weight) if len(usable) else np.nan
    statistic = float((weight * (usable["effect"] - common) ** 2).sum())
    freedom = len(usable) - 1
    p = float(stats.chi2.sf(statistic, freedom)) if freedom > 0 else np.nan
    return {"groups": len(usable), "statistic": statistic, "p_value": p}


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
    units = {"incremental_sales": "count", "incremental_profit": "currency", "roi": "share",
             "cost_per_sale": "currency"}  # fmt: skip
    meanings = {
        "incremental_sales": "sales that would not have happened without the campaign",
        "incremental_profit": "profit that the campaign added, after contact cost",
        "roi": "incremental profit over contact cost",
        "cost_per_sale": "contact cost an incremental sale",
    }
    for row in money.to_dict("records"):
        suffix = "" if row["arm"] == first else f"_{_slug(row['arm'])}"
        for key, unit in units.items():
            value, low, high = (row[key + end] for end in ("", "_low", "_high"))
            if np.isnan(value):
                continue
            numbers.append(
                Number(f"{key}{suffix}", value, unit, low, high, f"{meanings[key]} ({row['arm']})",
                       0 if unit == "count" else None)
            )  # fmt: skip
    return tuple(numbers)


def _text(numbers: Sequence[Number], currency: str) -> str:
    known = {number.key: number for number in numbers}
    effect = known["effect_responded"]
    text = (
        f"Contacted customers respond more often than the control group by "
        f"{effect.text()} (interval {effect.interval()})"
        if effect.value > 0
        else f"Contacted customers respond no more often than the control group: "
        f"{effect.text()} (interval {effect.interval()})"
    )
    text += "." if effect.low > 0 or effect.high < 0 else ", which chance alone could make."
    if "incremental_profit" not in known:
        return text + " No value is recorded, so profit cannot be computed."
    profit = known["incremental_profit"]
    verdict = (
        "The campaign paid" if profit.low > 0
        else "The campaign lost money" if profit.high < 0
        else "Whether the campaign paid is not settled"
    )  # fmt: skip
    text += f" {verdict}: incremental profit {profit.text(currency)}, "
    text += f"interval {profit.interval(currency)}."
    if "roi" in known:
        roi = known["roi"]
        text += f" Each unit of contact cost returned {format_number(roi.value, 'share')} on top of"
        text += f" itself ({roi.interval()})."
    return text


def _group_findings(
    table: pd.DataFrame, tests: pd.DataFrame, group: str, error_rate: float
) -> tuple[tuple[Number, ...], str]:
    """Summarise the first arm's response effects."""
    arm = table["arm"].iloc[0]
    own = table[(table["outcome"] == "responded") & (table["arm"] == arm)]
    found = int((own["p_adjusted"] < error_rate).sum())
    p = float(
        tests.loc[(tests["outcome"] == "responded") & (tests["arm"] == arm), "p_value"].iloc[0]
    )
    numbers = (
        Number(f"{group}_with_effect", found, "count",
               meaning=f"{group}s whose response effect survives Holm's correction"),
        Number(f"{group}_heterogeneity_p", None if np.isnan(p) else p, decimals=3,
               meaning=f"p-value of equal response effects over {group}s"),
    )  # fmt: skip
    if len(own) < 2:
        return numbers, f"There is one {group} only, so effects cannot be compared."
    text = (
        f"After correction {found} of {len(own)} {group}s show an effect on response at the "
        f"{error_rate:.0%} level. "
    )
    text += (
        f"The effects differ between {group}s (Cochran's Q, p = {p:.2g})."
        if p < error_rate
        else f"That the effects differ between {group}s is not shown (Cochran's Q, p = {p:.2g})."
    )
    return numbers, text
