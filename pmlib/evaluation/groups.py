"""Effects by segment: corrected for looking at many, and tested for equality."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pmlib.evaluation.effects import ANY_OFFER, compare_arms
from pmlib.inference.many_tests import holm
from pmlib.inference.normal import chi_square_tail, normal_quantile
from pmlib.numbers import Finding, Number, needs
from pmlib.safeguards import carried_by_two


@needs(section="effect-by-segment")
def effects_by(
    contacts: pd.DataFrame, group: str, *, overall: Finding | None = None,
    confidence_level: float = 0.95, error_rate: float = 0.05, minimum: int = 10,
) -> Finding:  # fmt: skip
    """Effects in each segment (column `group`), Holm-corrected, with a test of whether they differ.

    Parameters
    ----------
    overall : Finding, optional
        What `intention_to_treat` found, to be drawn beside.
    minimum : int
        Groups with fewer customers in either arm are left out.

    Returns
    -------
    Finding
        As `intention_to_treat` with the column `group` in front and ``p_adjusted`` (Holm over all
        rows of one outcome). Further tables: *responded*, its rows of the effect on response and,
        where there are several groups, *profit-by-segment*, both without all offers together
        where there are several; *heterogeneity* with ``outcome, arm, groups, statistic,
        p_value``: Cochran's Q of equal effects.
    """
    table = compare_arms(contacts, [group], (), confidence_level)
    table = table[table[["customers", "customers_control"]].min(axis=1) >= minimum]
    table = table.reset_index(drop=True)
    if table.empty:
        return Finding(
            facts={"segment_effects": "too_small"}, quotes={"minimum": Number("", minimum)}
        )
    table["p_adjusted"] = table.groupby("outcome")["p_value"].transform(holm)
    heterogeneity = pd.DataFrame(
        {"outcome": outcome, "arm": arm, **_cochran(part, confidence_level)}
        for (outcome, arm), part in table.groupby(["outcome", "arm"], sort=False)
    )
    arm = table["arm"].iloc[0]
    own = table[(table["outcome"] == "responded") & (table["arm"] == arm)]
    p = float(heterogeneity.set_index(["outcome", "arm"]).loc[("responded", arm), "p_value"])
    known = not np.isnan(p)
    quotes = {
        "groups": Number("", len(own)), "error_rate": Number("", error_rate, "share", decimals=0),
        "p": Number("", p, "p") if known else None,
        "overall": [] if overall is None
        else overall.table.iloc[0][["effect", "low", "high"]].astype(float).tolist(),
    }  # fmt: skip
    shown = own[own["p_adjusted"] < error_rate]
    quotes["harmed"] = Number("", int((shown["effect"] < 0).sum()), "count")
    numbers = (
        Number("segment_with_effect", len(shown), "count"),
        Number("segment_heterogeneity_p", p if known else None, "p"),
    )
    single = table[table["arm"] != ANY_OFFER]
    if "value" in contacts:  # a segment whose money one or two customers carry is left out
        carried = [
            name
            for name, part in contacts.groupby(group)
            if carried_by_two(part["value"], part.get("customer_id", part.index.to_series()))
        ]
        single = single[(single["outcome"] != "profit") | ~single[group].isin(carried)]
    several = len(set(table[group])) > 1
    profit = single[(single["outcome"] == "profit") & several]
    verdict = "differ" if p < error_rate else "not_shown"
    facts = {"segment_effects": verdict if len(own) > 1 else "one_segment"}
    tables = {
        "heterogeneity": heterogeneity,
        "responded": single[single["outcome"] == "responded"].reset_index(drop=True),
        "profit-by-segment": profit.drop(columns=["outcome", "standard_error"]),
    }
    return Finding(table, numbers, facts, quotes, tables)


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
    p = chi_square_tail(statistic, freedom) if freedom > 0 else np.nan
    return {"groups": len(usable), "statistic": statistic, "p_value": p}
