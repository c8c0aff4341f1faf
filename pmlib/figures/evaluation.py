"""Figures of campaign evaluation: they draw what `pmlib.evaluation` computed."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, MultipleLocator, PercentFormatter, StrMethodFormatter

from pmlib.figures.style import COLOURS, new_figure, segment_colours, styled

_PERCENT = PercentFormatter(1.0, decimals=0)
_THOUSANDS = StrMethodFormatter("{x:,.0f}")
_MARKERS = ("o", "s", "^", "D", "v")


def _unique(names: pd.Series) -> list:
    """Names in the order of their first row."""
    return list(dict.fromkeys(names))


def _ends(table: pd.DataFrame, name: str) -> np.ndarray:
    """Distances from a value to the ends of its interval, as error bars want them."""
    return np.array([table[name] - table["low"], table["high"] - table[name]])


def _across(
    axes: Axes, table: pd.DataFrame, name: str, at: np.ndarray, *, index: int, colour: str,
    label: str | None = None, scale: float = 1,
) -> None:  # fmt: skip
    """Values with their intervals, lying, at the heights `at`."""
    axes.errorbar(
        scale * table[name], at, xerr=scale * _ends(table, name), fmt=_MARKERS[index % 5], ms=4.5,
        lw=1.3, color=colour, label=label,
    )  # fmt: skip


def _name_rows(axes: Axes, names: list) -> None:
    axes.set_yticks(range(len(names)), [str(name) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)


def _bands(axes: Axes, table: pd.DataFrame, name: str) -> None:
    """One line with its band a model, over the share contacted."""
    models = _unique(table["model"])
    for index, model in enumerate(models):
        colour = segment_colours(len(models))[index]
        _band(axes, table[table["model"] == model], name, colour, model, "--" if index else "-")
    _over_share(axes, "Customers contacted, best ranked first")


def _band(axes: Axes, table: pd.DataFrame, name: str, colour: str, label: str, style: str) -> None:
    low, high = table[f"{name}_low"], table[f"{name}_high"]
    axes.fill_between(table["depth"], low, high, color=colour, alpha=0.18, lw=0)
    axes.plot(table["depth"], table[name], style, color=colour, label=label)


def _over_share(axes: Axes, label: str) -> None:
    axes.xaxis.set_major_formatter(_PERCENT)
    axes.set_xlim(0, 1)
    axes.set_xlabel(label)


@styled
def forest(effects: pd.DataFrame, *, label: str, overall: tuple[float, float, float]) -> Figure:
    """Effects on response with their intervals, one row each, and the overall effect as a band.

    Parameters
    ----------
    effects : DataFrame
        ``effect, low, high`` and the columns `label` (row names) and ``arm``.
    overall : tuple
        Effect, low and high over all rows.
    """
    rows, arms = _unique(effects[label]), _unique(effects["arm"])
    figure = new_figure(1.2 + 0.3 * len(rows) * max(1, 0.6 * len(arms)))
    axes = figure.subplots()
    effect, low, high = (100 * value for value in overall)
    axes.axvspan(low, high, color=COLOURS["light"], lw=0, label="all customers, with interval")
    axes.axvline(effect, color=COLOURS["main"], lw=1)
    axes.axvline(0, color=COLOURS["ink"], lw=0.8)
    several = len(arms) > 1
    colours = segment_colours(len(arms)) if several else [COLOURS["ink"]]
    for index, arm in enumerate(arms):
        own = effects[effects["arm"] == arm]
        at = np.array([rows.index(name) for name in own[label]])
        at = at + (index - (len(arms) - 1) / 2) * 0.22
        _across(axes, own, "effect", at, index=index, colour=colours[index],
                label=arm if several else None, scale=100)  # fmt: skip
    _name_rows(axes, rows)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("Effect on response (percentage points)")
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
    names, arms = _unique(differences["attribute"]), _unique(differences["arm"])
    figure = new_figure(0.9 + 0.19 * len(names))
    axes = figure.subplots()
    axes.axvspan(-limit, limit, color=COLOURS["light"], lw=0)
    axes.axvline(0, color=COLOURS["ink"], lw=0.8)
    colours = segment_colours(len(arms)) if len(arms) > 1 else [COLOURS["main"]]
    for index, arm in enumerate(arms):
        own = differences[differences["arm"] == arm].set_index("attribute").reindex(names)
        axes.plot(own["difference"], range(len(names)), _MARKERS[index % 5], ms=4.5,
                  color=colours[index], label=arm)  # fmt: skip
    _name_rows(axes, names)
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
    axes.errorbar(table["tenth"], table["response"], yerr=_ends(table, "response"), fmt="o-",
                  ms=4.5, color=COLOURS["main"])  # fmt: skip
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
    models, splits = _unique(table["model"]), _unique(table["split"])
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
    windows = rolling.drop_duplicates("window")
    first, last = (pd.to_datetime(windows[f"{end}_contact"]) for end in ("first", "last"))
    spans = [f"{a:%Y-%m}\nto {b:%Y-%m}" for a, b in zip(first, last, strict=True)]
    right.set_xticks(windows["window"], spans)
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
    for axes, name in ((left, "found"), (right, "lift")):
        _bands(axes, table, name)
        axes.set_ylim(0)
    left.plot([0, 1], [0, 1], color=COLOURS["muted"], lw=1, ls=":")
    right.axhline(1, color=COLOURS["muted"], lw=1, ls=":")
    left.set_ylabel("Buyers found")
    left.set_title("Gains")
    left.yaxis.set_major_formatter(_PERCENT)
    right.set_ylabel("Lift (1 = random order)")
    right.set_title("Lift")
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper left", ncols=3)
    return figure


@styled
def profit(curve: pd.DataFrame, *, currency: str) -> Figure:
    """Profit by share contacted, best ranked first, with bands.

    Parameters
    ----------
    curve : DataFrame
        ``model, depth, profit, profit_low, profit_high``.
    """
    figure = new_figure(2.7)
    axes = figure.subplots()
    _bands(axes, curve, "profit")
    axes.axhline(0, color=COLOURS["ink"], lw=0.8)
    axes.yaxis.set_major_formatter(_THOUSANDS)
    axes.set_ylabel(f"Profit ({currency})")
    axes.legend(loc="best")
    return figure


@styled
def cuped(table: pd.DataFrame, *, currency: str) -> Figure:
    """Effects with their intervals, before and after adjustment, one panel an outcome.

    Parameters
    ----------
    table : DataFrame
        ``outcome, adjusted, effect, low, high``.
    """
    outcomes = _unique(table["outcome"])
    figure = new_figure(1.7)
    panels = figure.subplots(1, len(outcomes), squeeze=False)[0]
    for axes, outcome in zip(panels, outcomes, strict=True):
        share = outcome == "responded"
        for at, colour in enumerate(("muted", "main")):
            row = table[(table["outcome"] == outcome) & (table["adjusted"] == bool(at))]
            _across(axes, row, "effect", np.array([at]), index=at, colour=COLOURS[colour],
                    scale=100 if share else 1)  # fmt: skip
        _name_rows(axes, ["plain", "adjusted"])
        axes.grid(axis="y", visible=False)
        unit = "response (points)" if share else f"profit ({currency})"
        axes.set_xlabel(f"Effect on {unit}")
    return figure


@styled
def qini(curve: pd.DataFrame, *, unit: str) -> Figure:
    """Qini curves with pointwise bands: gain from contacting the best ranked.

    Parameters
    ----------
    curve : DataFrame
        ``ranking, depth, gain, gain_low, gain_high, random``.
    unit : str
        Label of the gain's axis.
    """
    figure = new_figure(3.2)
    names = _unique(curve["ranking"])
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for axes, name, colour in zip(panels, names, segment_colours(len(names)), strict=True):
        own = curve[curve["ranking"] == name]
        _band(axes, own, "gain", colour, "ranked", "-")
        axes.plot(own["depth"], own["random"], color=COLOURS["muted"], ls="--", lw=1.2,
                  label="random order")  # fmt: skip
        axes.axhline(0, color=COLOURS["ink"], lw=0.8)
        axes.set_title(f"By {name}")
        _over_share(axes, "Contacted")
    panels[0].set_ylabel(unit)
    panels[-1].legend(loc="upper left")
    return figure


@styled
def policies(table: pd.DataFrame, *, unit: str) -> Figure:
    """Value of each policy over contacting nobody, by both estimators, with intervals.

    Parameters
    ----------
    table : DataFrame
        ``policy, estimator, value, low, high``.
    unit : str
        Label of the value's axis.
    """
    names = _unique(table["policy"])
    figure = new_figure(1.0 + 0.32 * len(names))
    axes = figure.subplots()
    for index, estimator in enumerate(_unique(table["estimator"])):
        own = table[table["estimator"] == estimator]
        at = np.array([names.index(name) for name in own["policy"]]) + (index - 0.5) * 0.26
        colour = COLOURS["muted" if index else "main"]
        _across(axes, own, "value", at, index=index, colour=colour, label=estimator)
    axes.axvline(0, color=COLOURS["ink"], lw=0.8)
    _name_rows(axes, names)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(unit)
    figure.legend(loc="outside upper left", ncols=2)
    return figure


@styled
def looks(table: pd.DataFrame, alarms: pd.DataFrame, *, error_rate: float) -> Figure:
    """Interim looks with both intervals, and the false alarms that looking causes.

    Parameters
    ----------
    table : DataFrame
        ``customers, effect, low, high, always_low, always_high``.
    alarms : DataFrame
        ``looks, plain, sequence``.
    """
    figure = new_figure(2.9)
    left, right = figure.subplots(1, 2, width_ratios=(1.4, 1))
    left.fill_between(table["customers"], 100 * table["always_low"], 100 * table["always_high"],
                      color=COLOURS["light"], lw=0, label="confidence sequence")  # fmt: skip
    left.errorbar(
        table["customers"], 100 * table["effect"], yerr=100 * _ends(table, "effect"), fmt="o",
        ms=4, color=COLOURS["accent"], label="plain interval",
    )  # fmt: skip
    left.axhline(0, color=COLOURS["ink"], lw=0.8)
    left.xaxis.set_major_locator(MaxNLocator(5))
    left.xaxis.set_major_formatter(_THOUSANDS)
    left.set_xlabel("Customers seen")
    left.set_ylabel("Effect on response (points)")
    left.set_title("Looks at this campaign")
    right.plot(alarms["looks"], alarms["plain"], "s-", ms=4, color=COLOURS["accent"])
    right.plot(alarms["looks"], alarms["sequence"], "o-", ms=4, color=COLOURS["main"])
    right.axhline(error_rate, color=COLOURS["muted"], ls="--", lw=1)
    right.set_xlabel("Looks")
    right.yaxis.set_major_locator(MultipleLocator(0.05))
    right.set_title("False alarms without effect")
    right.yaxis.set_major_formatter(_PERCENT)
    right.set_ylim(0)
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper left", ncols=2)
    return figure


@styled
def power(table: pd.DataFrame, *, customers: int) -> Figure:
    """Chance to show an effect by size of campaign, one line an effect.

    Parameters
    ----------
    table : DataFrame
        ``effect, customers, power``.
    customers : int
        Size of this campaign, marked.
    """
    figure = new_figure(2.7)
    axes = figure.subplots()
    effects = _unique(table["effect"])
    for index, effect in enumerate(effects):
        own = table[table["effect"] == effect]
        axes.plot(own["customers"], own["power"], color=segment_colours(len(effects))[index],
                  ls=("-", "--", "-.", ":")[index % 4],
                  label=f"{100 * effect:.2f} points")  # fmt: skip
    axes.axvline(customers, color=COLOURS["ink"], lw=1, ls=":")
    axes.axhline(0.8, color=COLOURS["muted"], lw=1, ls="--")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(_THOUSANDS)
    axes.set_xlabel("Customers in the campaign (dotted: this one)")
    axes.set_ylabel("Power")
    axes.yaxis.set_major_formatter(_PERCENT)
    axes.set_ylim(0, 1.02)
    axes.legend(title="True difference", loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


@styled
def before_after(table: pd.DataFrame, *, currency: str) -> Figure:
    """Two ways to judge the same campaign, with intervals.

    Parameters
    ----------
    table : DataFrame
        ``method, outcome, effect, low, high``.
    """
    figure = new_figure(1.5)
    axes = figure.subplots()
    for at, colour in enumerate(("accent", "main")):
        row = table.iloc[[at]]
        _across(axes, row, "effect", np.array([at]), index=at, colour=COLOURS[colour])
    axes.axvline(0, color=COLOURS["ink"], lw=0.8)
    _name_rows(axes, _unique(table["method"]))
    axes.grid(axis="y", visible=False)
    unit = currency if table["outcome"].iloc[0] == "value" else "responses"
    axes.set_xlabel(f"Effect per contacted customer ({unit})")
    return figure
