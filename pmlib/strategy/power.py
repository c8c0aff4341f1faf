"""How large a control group must be, and the smallest effect a campaign can show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from pmlib.artifacts import Number
from pmlib.strategy.design import Design
from pmlib.strategy.evidence import Evidence

POWER = 0.8
"""Chance of showing an effect of the size asked for: the convention in trials."""

SHARES = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)


@dataclass(frozen=True)
class Power:
    """Smallest uplift that can be shown, by share of customers held out.

    Parameters
    ----------
    table : pandas.DataFrame
        ``control_share, offered, control, detectable, expected``: uplift in the outcome's unit
        (sales or currency a contact); ``expected`` is NaN where no control ever told.
    numbers : tuple of Number
    text : str
    """

    table: pd.DataFrame
    numbers: tuple[Number, ...]
    text: str


def detectable_rate(offered: int, control: int, *, base: float, error_rate: float) -> float:
    """Smallest uplift over a rate that a two-sided z-test shows with power 0.8.

    The test compares two proportions on Cohen's arcsine scale.

    Parameters
    ----------
    offered, control : int
        Customers in each arm.
    base : float
        Rate without an offer, 0 to 1.
    error_rate : float
        Two-sided.

    Returns
    -------
    float
        Difference of rates; NaN where no rate up to 1 could be shown.
    """
    from statsmodels.stats.proportion import proportion_effectsize

    effect = _effect_size(offered, control, error_rate)

    def missing(rate: float) -> float:
        return proportion_effectsize(rate, base) - effect

    shown = np.isfinite(effect) and missing(1.0) > 0
    return float(brentq(missing, base, 1.0) - base) if shown else float("nan")


def control_group(
    design: Design, evidence: Evidence, *, control_share: float, error_rate: float
) -> Power:
    """Tabulate what control groups of several sizes can show about a plan.

    Parameters
    ----------
    design : Design
    evidence : Evidence
        What the plan rests on: its control tells the rate without an offer. Where there is no
        control, the rate of those contacted stands for it: the case that offers cause nothing.
    control_share : float
        The plan's own.
    error_rate : float
    """
    cells = design.cells[design.cells["planned"] > 0]
    planned = int(cells["planned"].sum())
    if planned == 0:
        return Power(pd.DataFrame(), (), "The plan is empty, so no control group is needed.")
    weights = cells["planned"] / planned
    tallies = evidence.tallies
    if evidence.kind == "uplift":
        expected = float((weights * cells["effect"]).sum())
        sums = tallies[tallies["control"]].groupby("product_id")[["w", "wy"]].sum()
        base = float((weights * cells["product_id"].map(sums["wy"] / sums["w"])).sum())
    else:
        expected, base = float("nan"), float((weights * cells["effect"]).sum())
    total = tallies[["w", "wy", "wyy"]].sum()
    spread = float(np.sqrt(total["wyy"] / total["w"] - (total["wy"] / total["w"]) ** 2))
    rows = []
    for share in sorted({*SHARES, control_share} - {0.0}):
        control = int(np.ceil(planned * share))
        offered = planned - control
        if evidence.outcome == "response":
            found = detectable_rate(offered, control, base=base, error_rate=error_rate)
        else:
            found = spread * _effect_size(offered, control, error_rate)
        rows.append((share, offered, control, found, expected))
    columns = ["control_share", "offered", "control", "detectable", "expected"]
    table = pd.DataFrame(rows, columns=columns)
    unit = "points" if evidence.outcome == "response" else "currency"
    return Power(table, *_described(table, evidence, control_share, unit))


def _effect_size(offered: int, control: int, error_rate: float) -> float:
    from statsmodels.stats.power import NormalIndPower

    if min(offered, control) < 2:
        return float("nan")
    return float(
        NormalIndPower().solve_power(
            nobs1=control, ratio=offered / control, alpha=error_rate, power=POWER
        )
    )


def _described(
    table: pd.DataFrame, evidence: Evidence, control_share: float, unit: str
) -> tuple[tuple[Number, ...], str]:
    own = table[table["control_share"] == control_share]
    numbers = [
        Number(
            "minimum_detectable_uplift",
            own["detectable"].iloc[0] if len(own) else None,
            unit,
            meaning="Smallest uplift that the campaign shows with power 80 %",
        )
    ]
    if evidence.kind != "uplift":
        text = "What the offers cause is not known; the control group of this plan will tell."
        return tuple(numbers), text
    numbers.append(
        Number(
            "expected_uplift",
            table["expected"].iloc[0],
            unit,
            meaning="Uplift a contact that the plan expects",
        )
    )
    enough = table.loc[table["detectable"] <= table["expected"], "control_share"]
    if enough.empty:
        text = (
            "**No control group up to half the plan** is large enough to show the expected uplift "
            "of {expected_uplift}."
        )
    elif control_share == 0:
        text = "The plan keeps **no control**: what it causes cannot be measured afterwards."
    elif control_share >= enough.min():
        text = "The control group is **large enough** to show the {expected_uplift} expected."
    else:
        text = (
            "The control group is **too small** to show the expected {expected_uplift}; "
            f"{enough.min():.0%} would do."
        )
    return tuple(numbers), text
