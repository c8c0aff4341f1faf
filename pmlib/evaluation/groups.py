"""Effects by group (segment, product): corrected for looking at many, tested for equality."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from pmlib.evaluation.effects import ANY_OFFER, compare_arms
from pmlib.inference.many_tests import holm
from pmlib.inference.normal import normal_quantile
from pmlib.numbers import Number, format_number, percent


@dataclass(frozen=True)
class GroupEffects:
    """Effects by group (segment, product, …) with correction for looking at many.

    Attributes
    ----------
    table : DataFrame
        As `CampaignEffects.table` with the group's column in front and ``p_adjusted`` (Holm over
        all rows of one outcome).
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

    @property
    def several(self) -> bool:
        """Whether there are groups to compare."""
        return len(set(self.table.iloc[:, 0])) > 1

    def shown(self, outcome: str) -> pd.DataFrame:
        """`of` for a reader: without standard errors and the outcome's name."""
        own = self.of(outcome).drop(columns=["outcome", "standard_error"])
        return own.assign(
            **{p: [format_number(v, "p") for v in own[p]] for p in ("p_value", "p_adjusted")}
        )


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
    table = compare_arms(contacts, [group], (), confidence_level)
    table = table[table[["customers", "customers_control"]].min(axis=1) >= minimum]
    table = table.reset_index(drop=True)
    if table.empty:
        text = f"No {name or group} has {minimum} customers or more in both arms."
        return GroupEffects(table.assign(p_adjusted=[]), pd.DataFrame(), (), text)
    table["p_adjusted"] = table.groupby("outcome")["p_value"].transform(holm)
    heterogeneity = pd.DataFrame(
        {"outcome": outcome, "arm": arm, **_cochran(part, confidence_level)}
        for (outcome, arm), part in table.groupby(["outcome", "arm"], sort=False)
    )
    numbers, text = _group_findings(table, heterogeneity, name or group, error_rate)
    return GroupEffects(table, heterogeneity, numbers, text)


def _cochran(part: pd.DataFrame, confidence_level: float) -> dict[str, float | int]:
    """Cochran's Q: weighted scatter of the groups' effects around their common value.

    The error of an effect is read off its interval, because the standard error of a small group
    without a buyer in one arm is too small.
    """
    error = (part["high"] - part["low"]) / 2 / normal_quantile(confidence_level)
    usable, weight = part[error > 0], 1 / error[error > 0] ** 2
    common = np.average(usable["effect"], weights=weight) if len(usable) else np.nan
    statistic = float((weight * (usable["effect"] - common) ** 2).sum())
    freedom = len(usable) - 1
    p = float(chdtrc(freedom, statistic)) if freedom > 0 else np.nan
    return {"groups": len(usable), "statistic": statistic, "p_value": p}


def _group_findings(
    table: pd.DataFrame, tests: pd.DataFrame, group: str, error_rate: float
) -> tuple[tuple[Number, ...], str]:
    """Summarise the first arm's response effects."""
    arm = table["arm"].iloc[0]
    own = table[(table["outcome"] == "responded") & (table["arm"] == arm)]
    found = int((own["p_adjusted"] < error_rate).sum())
    p = float(tests.set_index(["outcome", "arm"]).loc[("responded", arm), "p_value"])
    numbers = (
        Number(f"{group}_with_effect", found, "count",
               meaning=f"{group}s whose response effect survives Holm's correction"),
        Number(f"{group}_heterogeneity_p", None if np.isnan(p) else p, decimals=3,
               meaning=f"p-value of equal response effects over {group}s"),
    )  # fmt: skip
    if len(own) < 2:
        return numbers, f"There is one {group} only, so effects cannot be compared."
    differ = (
        f"The effects differ between {group}s"
        if p < error_rate
        else f"That the effects differ between {group}s is not shown"
    )
    return numbers, (
        f"After correction {found} of {len(own)} {group}s show an effect on response at the "
        f"{percent(error_rate)} level. {differ} (Cochran's Q, p = {p:.2g})."
    )
