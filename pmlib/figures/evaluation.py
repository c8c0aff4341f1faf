"""Figures of campaign evaluation: they draw what `pmlib.evaluation` computed."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, MultipleLocator

from pmlib.figures import guides, marks
from pmlib.figures.style import COLOURS, new_figure, styled


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
    names, arms = list(dict.fromkeys(effects[label])), effects["arm"].nunique()
    figure, axes = guides.panel(1.2 + 0.3 * len(names) * max(1, 0.6 * arms))
    effect, low, high = (100 * value for value in overall)
    axes.axvspan(low, high, color=COLOURS["light"], lw=0, label="all customers, with interval")
    marks.reference(axes, x=effect, colour="main", width=1)
    marks.reference(axes, x=0)
    for index, (arm, own, colour, marker) in enumerate(guides.groups(effects, "arm")):
        at = guides.places(own[label], effects[label]) + (index - (arms - 1) / 2) * 0.22
        marks.estimates(axes, own, "effect", at, scale=100, marker=marker, width=1.3,
                        colour=colour if arms > 1 else "ink",
                        label=arm if arms > 1 else None)  # fmt: skip
    guides.rows(axes, names, lines=False)
    guides.values(axes, "x", "Effect on response (percentage points)")
    guides.key(figure, columns=3)
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
    names, arms = list(dict.fromkeys(differences["attribute"])), differences["arm"].nunique()
    figure, axes = guides.panel(0.9 + 0.19 * len(names))
    axes.axvspan(-limit, limit, color=COLOURS["light"], lw=0)
    marks.reference(axes, x=0)
    for arm, own, colour, marker in guides.groups(differences, "arm"):
        axes.plot(own.set_index("attribute")["difference"].reindex(names), range(len(names)),
                  marker, ms=4.5, color=colour if arms > 1 else COLOURS["main"],
                  label=arm)  # fmt: skip
    guides.rows(axes, names)
    largest = max(limit, differences["difference"].abs().max()) * 1.2
    label = "Difference from control (standard deviations)"
    guides.values(axes, "x", label, low=-largest, high=largest)
    if arms > 1:
        guides.key(figure, columns=4)
    return figure


@styled
def drift(table: pd.DataFrame) -> Figure:
    """Response in each tenth of contacts, in the order of time, with intervals.

    Parameters
    ----------
    table : DataFrame
        ``tenth, response, low, high, first_contact``.
    """
    figure, axes = guides.panel(2.6)
    marks.estimates(axes, table, "response", table["tenth"], colour="main", upright=True,
                    line="-")  # fmt: skip
    axes.set_xticks(table["tenth"], pd.to_datetime(table["first_contact"]).dt.strftime("%Y-%m"))
    guides.values(axes, "x", "Tenth of contacts, by the month of its first contact")
    guides.values(axes, "y", "Response", form=guides.PER_CENT, low=0)
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
    for index, (model, own, colour, marker) in enumerate(guides.groups(table, "model")):
        at = guides.places(own["split"], table["split"]) + (index - 0.5) * 0.15
        marks.estimates(left, own, "auc", at, colour=colour, marker=marker, label=model,
                        upright=True, size=5)  # fmt: skip
        past = rolling[rolling["model"] == model]
        marks.estimates(right, past, "auc", past["window"] + (index - 0.5) * 0.12, colour=colour,
                        marker=marker, upright=True, size=5, line="-", width=0.8)  # fmt: skip
    for axes in (left, right):
        marks.reference(axes, y=0.5, colour="muted", width=1, style="--")
    splits = [split.replace(" ", "\n") for split in dict.fromkeys(table["split"])]
    left.set_xticks(range(len(splits)), splits)
    left.set(title="Judged on", xlim=(-0.5, len(splits) - 0.5), ylabel="AUC (0.5 = chance)")
    windows = rolling.drop_duplicates("window")
    first, last = (
        pd.to_datetime(windows[f"{end}_contact"]).dt.strftime("%Y-%m") for end in ("first", "last")
    )
    right.set_xticks(windows["window"], first + "\nto " + last)
    right.set_title("Each window judged on models of its past")
    guides.key(figure, columns=3)
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
        _by_depth(axes, table, name, by="model", label="Customers contacted, best ranked first")
        axes.set_ylim(0)
    left.plot([0, 1], [0, 1], color=COLOURS["muted"], lw=1, ls=":")
    marks.reference(right, y=1, colour="muted", width=1, style=":")
    guides.values(left, "y", "Buyers found", form=guides.PER_CENT)
    guides.values(right, "y", "Lift (1 = random order)")
    left.set_title("Gains")
    right.set_title("Lift")
    guides.key(figure, columns=3)
    return figure


@styled
def profit(curve: pd.DataFrame, *, currency: str) -> Figure:
    """Profit by share contacted, best ranked first, with bands.

    Parameters
    ----------
    curve : DataFrame
        ``model, depth, profit, profit_low, profit_high``.
    """
    figure, axes = guides.panel(2.7)
    _by_depth(axes, curve, "profit", by="model", label="Customers contacted, best ranked first")
    marks.reference(axes, y=0)
    guides.values(axes, "y", f"Profit ({currency})", form=guides.THOUSANDS)
    axes.legend(loc="best")
    return figure


def _by_depth(axes: Axes, table: pd.DataFrame, name: str, *, by: str, label: str) -> None:
    """One line with its band a group, over the share contacted."""
    for index, (group, own, colour, _) in enumerate(guides.groups(table, by)):
        marks.line(axes, own, "depth", name, colour=colour, label=group, alpha=0.18,
                   style="--" if index else "-", ends=(f"{name}_low", f"{name}_high"))  # fmt: skip
    guides.values(axes, "x", label, form=guides.PER_CENT, low=0, high=1)


@styled
def cuped(table: pd.DataFrame, *, currency: str) -> Figure:
    """Effects with their intervals, before and after adjustment, one panel an outcome.

    Parameters
    ----------
    table : DataFrame
        ``outcome, adjusted, effect, low, high``.
    """
    figure = new_figure(1.7)
    panels = figure.subplots(1, table["outcome"].nunique(), squeeze=False)[0]
    for axes, (outcome, own, _, _) in zip(panels, guides.groups(table, "outcome"), strict=True):
        share = outcome == "responded"
        for at, (colour, marker) in enumerate((("muted", "o"), ("main", "s"))):
            marks.estimates(axes, own[own["adjusted"] == bool(at)], "effect", [at], width=1.3,
                            colour=colour, marker=marker,
                            scale=100 if share else 1)  # fmt: skip
        guides.rows(axes, ["plain", "adjusted"], lines=False)
        unit = "response (points)" if share else f"profit ({currency})"
        guides.values(axes, "x", f"Effect on {unit}")
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
    panels = figure.subplots(1, curve["ranking"].nunique(), sharey=True, squeeze=False)[0]
    for axes, (name, own, colour, _) in zip(panels, guides.groups(curve, "ranking"), strict=True):
        marks.line(axes, own, "depth", "gain", colour=colour, label="ranked",
                   ends=("gain_low", "gain_high"), alpha=0.18)  # fmt: skip
        marks.line(axes, own, "depth", "random", colour="muted", label="random order",
                   style="--", width=1.2)  # fmt: skip
        marks.reference(axes, y=0)
        axes.set_title(f"By {name}")
        guides.values(axes, "x", "Contacted", form=guides.PER_CENT, low=0, high=1)
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
    names = list(dict.fromkeys(table["policy"]))
    figure, axes = guides.panel(1.0 + 0.32 * len(names))
    for index, (estimator, own, _, marker) in enumerate(guides.groups(table, "estimator")):
        at = guides.places(own["policy"], table["policy"]) + (index - 0.5) * 0.26
        marks.estimates(axes, own, "value", at, marker=marker, width=1.3, label=estimator,
                        colour="muted" if index else "main")  # fmt: skip
    marks.reference(axes, x=0)
    guides.rows(axes, names, lines=False)
    guides.values(axes, "x", unit)
    guides.key(figure, columns=2)
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
    marks.estimates(left, table, "effect", table["customers"], colour="accent", scale=100,
                    label="plain interval", upright=True, size=4)  # fmt: skip
    marks.reference(left, y=0)
    guides.values(left, "x", "Customers seen", form=guides.THOUSANDS, ticks=MaxNLocator(5))
    guides.values(left, "y", "Effect on response (points)")
    left.set_title("Looks at this campaign")
    right.plot(alarms["looks"], alarms["plain"], "s-", ms=4, color=COLOURS["accent"])
    right.plot(alarms["looks"], alarms["sequence"], "o-", ms=4, color=COLOURS["main"])
    marks.reference(right, y=error_rate, colour="muted", width=1, style="--")
    guides.values(right, "x", "Looks")
    guides.values(right, "y", form=guides.PER_CENT, low=0, ticks=MultipleLocator(0.05))
    right.set_title("False alarms without effect")
    guides.key(figure, columns=2)
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
    figure, axes = guides.panel(2.7)
    for index, (effect, own, colour, _) in enumerate(guides.groups(table, "effect")):
        marks.line(axes, own, "customers", "power", colour=colour,
                   style=("-", "--", "-.", ":")[index % 4],
                   label=f"{100 * effect:.2f} points")  # fmt: skip
    marks.reference(axes, x=customers, width=1, style=":")
    marks.reference(axes, y=0.8, colour="muted", width=1, style="--")
    guides.log_values(axes, "x", form=guides.THOUSANDS)
    guides.values(axes, "x", "Customers in the campaign (dotted: this one)")
    guides.values(axes, "y", "Power", form=guides.PER_CENT, low=0, high=1.02)
    guides.key_beside(axes, title="True difference")
    return figure


@styled
def before_after(table: pd.DataFrame, *, currency: str) -> Figure:
    """Two ways to judge the same campaign, with intervals.

    Parameters
    ----------
    table : DataFrame
        ``method, outcome, effect, low, high``.
    """
    figure, axes = guides.panel(1.5)
    for at, (colour, marker) in enumerate((("accent", "o"), ("main", "s"))):
        marks.estimates(axes, table.iloc[[at]], "effect", [at], width=1.3, marker=marker,
                        colour=colour)  # fmt: skip
    marks.reference(axes, x=0)
    guides.rows(axes, list(dict.fromkeys(table["method"])), lines=False)
    unit = currency if table["outcome"].iloc[0] == "value" else "responses"
    guides.values(axes, "x", f"Effect per contacted customer ({unit})")
    return figure
