"""Figures of campaign evaluation: they draw what `pmlib.evaluation` computed."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from pmlib.figures.style import COLOURS, new_figure, segment_colours, styled

_PERCENT = PercentFormatter(1.0, decimals=0)
_MARKERS = ("o", "s", "^", "D", "v")


@styled
def forest(
    effects: pd.DataFrame, *, label: str, unit: str, overall: tuple[float, float, float]
) -> Figure:
    """Effects with their intervals, one row each, and the overall effect as a band.

    Parameters
    ----------
    effects : DataFrame
        ``effect, low, high`` and the columns `label` (row names) and ``arm``.
    unit : str
        ``points`` for proportions, else the axis label's unit.
    overall : tuple
        Effect, low and high over all rows.
    """
    rows, arms = list(dict.fromkeys(effects[label])), list(dict.fromkeys(effects["arm"]))
    figure = new_figure(1.2 + 0.3 * len(rows) * max(1, 0.6 * len(arms)))
    axes = figure.subplots()
    scale = 100 if unit == "points" else 1
    effect, low, high = (scale * value for value in overall)
    axes.axvspan(low, high, color=COLOURS["light"], lw=0, label="all customers, with interval")
    axes.axvline(effect, color=COLOURS["main"], lw=1)
    axes.axvline(0, color=COLOURS["ink"], lw=0.8)
    colours = segment_colours(len(arms)) if len(arms) > 1 else [COLOURS["ink"]]
    for index, arm in enumerate(arms):
        own = effects[effects["arm"] == arm]
        at = np.array([rows.index(name) for name in own[label]], float)
        at += (index - (len(arms) - 1) / 2) * 0.22
        spread = scale * np.array([own["effect"] - own["low"], own["high"] - own["effect"]])
        axes.errorbar(
            scale * own["effect"], at, xerr=spread, fmt=_MARKERS[index % 5], ms=4.5, lw=1.3,
            color=colours[index], label=arm if len(arms) > 1 else None,
        )  # fmt: skip
    axes.set_yticks(range(len(rows)), [str(row) for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(
        "Effect on response (percentage points)" if unit == "points" else f"Effect ({unit})"
    )
    figure.legend(loc="outside upper left", ncols=3)
    return figure


@styled
def balance(differences: pd.DataFrame, *, limit: float) -> Figure:
    """Standardised differences between arms and control, one row an attribute.

    Parameters
    ----------
    differences : DataFrame
        ``attribute, arm, difference``.
    limit : float
        Differences beyond it are large by convention.
    """
    names = list(dict.fromkeys(differences["attribute"]))
    figure = new_figure(0.9 + 0.19 * len(names))
    axes = figure.subplots()
    axes.axvspan(-limit, limit, color=COLOURS["light"], lw=0)
    axes.axvline(0, color=COLOURS["ink"], lw=0.8)
    arms = list(dict.fromkeys(differences["arm"]))
    colours = segment_colours(len(arms)) if len(arms) > 1 else [COLOURS["main"]]
    for index, arm in enumerate(arms):
        own = differences[differences["arm"] == arm].set_index("attribute").reindex(names)
        axes.plot(own["difference"], range(len(names)), _MARKERS[index % 5], ms=4.5,
                  color=colours[index], label=arm)  # fmt: skip
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    largest = max(limit, differences["difference"].abs().max()) * 1.2
    axes.set_xlim(-largest, largest)
    axes.set_xlabel("Difference from control (standard deviations)")
    if len(arms) > 1:
        figure.legend(loc="outside upper left", ncols=4)
    return figure


@styled
def drift(table: pd.DataFrame) -> Figure:
    """Response in each tenth of contacts, in the order of time, with intervals.

    Parameters
    ----------
    table : DataFrame
        ``tenth, response, low, high, first_contact``.
    """
    figure = new_figure(2.6)
    axes = figure.subplots()
    spread = np.array([table["response"] - table["low"], table["high"] - table["response"]])
    axes.errorbar(table["tenth"], table["response"], yerr=spread, fmt="o-", ms=4.5,
                  color=COLOURS["main"])  # fmt: skip
    days = pd.to_datetime(table["first_contact"])
    axes.set_xticks(table["tenth"], [f"{day:%Y-%m}" for day in days])
    axes.set_xlabel("Tenth of contacts, by the month of its first contact")
    axes.set_ylabel("Response")
    axes.set_ylim(0)
    axes.yaxis.set_major_formatter(_PERCENT)
    return figure


@styled
def auc(table: pd.DataFrame, rolling: pd.DataFrame) -> Figure:
    """AUC on later and on random contacts, and in rolling windows.

    Parameters
    ----------
    table : DataFrame
        ``split, model, auc, low, high``.
    rolling : DataFrame
        ``window, first_contact, last_contact, model, auc, low, high``.
    """
    figure = new_figure(3.0)
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1, 1.5))
    models, splits = list(dict.fromkeys(table["model"])), list(dict.fromkeys(table["split"]))
    for index, model in enumerate(models):
        style = {"fmt": _MARKERS[index], "color": segment_colours(len(models))[index], "ms": 5}
        own = table[table["model"] == model]
        at = np.array([splits.index(split) for split in own["split"]]) + (index - 0.5) * 0.15
        left.errorbar(at, own["auc"], yerr=_ends(own, "auc"), label=model, **style)
        own = rolling[rolling["model"] == model]
        right.errorbar(own["window"] + (index - 0.5) * 0.12, own["auc"], yerr=_ends(own, "auc"),
                       ls="-", lw=0.8, **style)  # fmt: skip
    for axes in (left, right):
        axes.axhline(0.5, color=COLOURS["muted"], lw=1, ls="--")
    left.set_xticks(range(len(splits)), [split.replace(" ", "\n") for split in splits])
    left.set_xlim(-0.5, len(splits) - 0.5)
    left.set_ylabel("AUC (0.5 = chance)")
    left.set_title("Judged on")
    first = rolling.drop_duplicates("window")
    spans = zip(pd.to_datetime(first["first_contact"]), pd.to_datetime(first["last_contact"]),
                strict=True)  # fmt: skip
    right.set_xticks(first["window"], [f"{a:%Y-%m}\nto {b:%Y-%m}" for a, b in spans])
    right.set_title("Each window judged on models of its past")
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper left", ncols=3)
    return figure


@styled
def gains(table: pd.DataFrame) -> Figure:
    """Share of buyers found among the best ranked, and lift, at each depth.

    Parameters
    ----------
    table : DataFrame
        ``model, depth, found, found_low, found_high, lift, lift_low, lift_high``.
    """
    figure = new_figure(3.0)
    left, right = figure.subplots(1, 2)
    models = list(dict.fromkeys(table["model"]))
    for index, model in enumerate(models):
        own, colour = table[table["model"] == model], segment_colours(len(models))[index]
        for axes, name in ((left, "found"), (right, "lift")):
            _band(axes, own["depth"], own, name, colour, model, "-" if index == 0 else "--")
    left.plot([0, 1], [0, 1], color=COLOURS["muted"], lw=1, ls=":")
    right.axhline(1, color=COLOURS["muted"], lw=1, ls=":")
    left.set_ylabel("Buyers found")
    left.set_title("Gains")
    right.set_ylabel("Lift (1 = random order)")
    right.set_title("Lift")
    left.yaxis.set_major_formatter(_PERCENT)
    for axes in (left, right):
        axes.xaxis.set_major_formatter(_PERCENT)
        axes.set_xlim(0, 1)
        axes.set_ylim(0)
        axes.set_xlabel("Customers contacted, best ranked first")
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper left", ncols=3)
    return figure


def _ends(table: pd.DataFrame, name: str) -> np.ndarray:
    return np.array([table[name] - table["low"], table["high"] - table[name]])


def _band(
    axes: Axes, x: pd.Series, table: pd.DataFrame, name: str, colour: str, label: str, style: str
) -> None:
    axes.fill_between(
        x, table[f"{name}_low"], table[f"{name}_high"], color=colour, alpha=0.18, lw=0
    )
    axes.plot(x, table[name], style, color=colour, label=label)
