"""Figures of campaign evaluation: they draw what `pmlib.evaluation` computed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, MultipleLocator

from pmlib.figures import guides, marks
from pmlib.figures.style import COLOURS, drawing, new_figure
from pmlib.numbers import Finding, Level, Number
from pmlib.texts import Words


@drawing("fig-balance", of="balance")
def balance(found: Finding, words: Words) -> Figure:
    """Standardised differences between arms and control, one row an attribute."""
    table = found.of("balance")
    names, arms = list(dict.fromkeys(table["attribute"])), table["arm"].nunique()
    figure, axes = guides.panel(0.9 + 0.19 * len(names))
    limit = found.quotes["limit"].value
    axes.axvspan(-limit, limit, color=COLOURS["light"], lw=0)
    marks.reference(axes, x=0)
    for arm, own, colour, marker in guides.groups(table, "arm"):
        axes.plot(own.set_index("attribute")["difference"].reindex(names), range(len(names)),
                  marker, ms=4.5, color=colour if arms > 1 else COLOURS["main"],
                  label=words.level("arm", arm))  # fmt: skip
    guides.rows(axes, words.levels("fig-balance.attribute", names))
    largest = max(limit, table["difference"].abs().max()) * 1.2
    guides.values(axes, "x", words("difference"), low=-largest, high=largest)
    if arms > 1:
        guides.key(figure, columns=4)
    return figure


@drawing("fig-effect-by-segment", of="responded")
def forest(found: Finding, words: Words) -> Figure | None:
    """Effects on response by segment with their intervals, and the overall effect as a band."""
    effects = found.of("responded")
    names, arms = list(dict.fromkeys(effects["segment_name"])), effects["arm"].nunique()
    if len(names) < 2:
        return None
    figure, axes = guides.panel(1.2 + 0.3 * len(names) * max(1, 0.6 * arms))
    if found.quotes["overall"]:
        effect, low, high = (100 * value for value in found.quotes["overall"])
        axes.axvspan(low, high, color=COLOURS["light"], lw=0, label=words("all"))
        marks.reference(axes, x=effect, colour="main", width=1)
    marks.reference(axes, x=0)
    for index, (arm, own, colour, marker) in enumerate(guides.groups(effects, "arm")):
        at = guides.places(own["segment_name"], effects["segment_name"])
        marks.estimates(axes, own, "effect", at + (index - (arms - 1) / 2) * 0.22, scale=100,
                        marker=marker, width=1.3, colour=colour if arms > 1 else "ink",
                        label=words.level("arm", arm) if arms > 1 else None)  # fmt: skip
    guides.rows(axes, names, lines=False)
    guides.values(axes, "x", words("effect"))
    guides.key(figure, columns=3)
    return figure


@drawing("fig-promise")
def promise(found: Finding, words: Words) -> Figure:
    """Profit promised and, where it was measured, beside it, in total and by segment."""
    table = found.table
    at = np.arange(len(table))
    figure, axes = guides.panel(0.75 + 0.22 * len(table))
    shift = 0.17 if "measured" in table else 0.0
    for name, up, colour, marker in (
        ("promised", -shift, "accent", "D"), ("measured", shift, "main", "o")
    ):  # fmt: skip
        if name in table:
            marks.estimates(axes, table, name, at + up, colour=colour, marker=marker, width=1.3,
                            ends=(f"{name}_low", f"{name}_high"), label=words(name))  # fmt: skip
    marks.reference(axes, x=0)
    guides.rows(axes, [guides.shortened(part, 44) for part in table["part"]], lines=False)
    guides.values(axes, "x", words("profit"), form=guides.THOUSANDS)
    guides.key(figure, columns=2)
    return figure


@drawing("fig-trial")
def trial(found: Finding, words: Words) -> Figure:
    """What the plan earned more than its rivals: by lots, as expected, on held-out contacts."""
    table = found.table
    figure, axes = guides.panel(1.2 + 0.5 * len(table))
    at = guides.places(table["rival"], table["rival"])
    if "held_out" in table:
        ends = ("held_out_low", "held_out_high")
        marks.estimates(axes, table, "held_out", at + 0.2, colour="muted", width=1.3, marker="s",
                        ends=ends, label=words("held_out"))  # fmt: skip
    marks.estimates(axes, table, "estimate", at, colour="main", width=2, size=6,
                    label=words("field"))  # fmt: skip
    axes.scatter(table["expected"], at, facecolor="white", edgecolor=COLOURS["accent"], marker="D",
                 s=26, zorder=4, label=words("expected"))  # fmt: skip
    marks.reference(axes, x=0)
    guides.rows(axes, words.levels("rival", table["rival"]), lines=False)
    guides.values(axes, "x", words("more"), form=guides.THOUSANDS)
    guides.key(figure, columns=3)
    return figure


@drawing("fig-qini", of="curve")
def qini(found: Finding, words: Words) -> Figure:
    """Qini curves with pointwise bands: gain from contacting the best ranked."""
    curve = found.of("curve")
    figure = new_figure(3.2)
    panels = figure.subplots(1, curve["ranking"].nunique(), sharey=True, squeeze=False)[0]
    for axes, (name, own, colour, _) in zip(panels, guides.groups(curve, "ranking"), strict=True):
        marks.line(axes, own, "depth", "gain", colour=colour, label=words("ranked"),
                   ends=("gain_low", "gain_high"), alpha=0.18)  # fmt: skip
        marks.line(axes, own, "depth", "random", colour="muted", label=words("random"),
                   style="--", width=1.2)  # fmt: skip
        marks.reference(axes, y=0)
        axes.set_title(words("by", ranking=Level("campaign_ranking", name)))
        guides.values(axes, "x", words("contacted"), form=guides.PER_CENT, low=0, high=1)
    panels[0].set_ylabel(words("gain"))
    panels[-1].legend(loc="upper left")
    return figure


@drawing("fig-policy-values")
def policies(found: Finding, words: Words) -> Figure:
    """Value of each policy over contacting nobody, by both estimators, with intervals."""
    table = found.table
    names = list(dict.fromkeys(table["policy"]))
    figure, axes = guides.panel(1.0 + 0.32 * len(names))
    for index, (estimator, own, _, marker) in enumerate(guides.groups(table, "estimator")):
        at = guides.places(own["policy"], table["policy"]) + (index - 0.5) * 0.26
        marks.estimates(axes, own, "value", at, marker=marker, width=1.3,
                        label=words.level("estimator", estimator),
                        colour="muted" if index else "main")  # fmt: skip
    marks.reference(axes, x=0)
    guides.rows(axes, words.levels("candidate", names), lines=False)
    guides.values(axes, "x", words("gain"))
    guides.key(figure, columns=2)
    return figure


@drawing("fig-cuped")
def cuped(found: Finding, words: Words) -> Figure:
    """Effects with their intervals, before and after adjustment, one panel an outcome."""
    table = found.table
    figure = new_figure(1.7)
    panels = figure.subplots(1, table["outcome"].nunique(), squeeze=False)[0]
    for axes, (outcome, own, _, _) in zip(panels, guides.groups(table, "outcome"), strict=True):
        for at, (colour, marker) in enumerate((("muted", "o"), ("main", "s"))):
            marks.estimates(axes, own[own["adjusted"] == bool(at)], "effect", [at], width=1.3,
                            colour=colour, marker=marker,
                            scale=100 if outcome == "responded" else 1)  # fmt: skip
        guides.rows(axes, [words("plain"), words("adjusted")], lines=False)
        guides.values(axes, "x", words(outcome))
    return figure


@drawing("fig-interim-looks")
def looks(found: Finding, words: Words) -> Figure:
    """Interim looks with both intervals, and the false alarms that looking causes."""
    table, alarms = found.table, found.of("alarms")
    figure = new_figure(2.9)
    left, right = figure.subplots(1, 2, width_ratios=(1.4, 1))
    left.fill_between(table["customers"], 100 * table["always_low"], 100 * table["always_high"],
                      color=COLOURS["light"], lw=0, label=words("sequence"))  # fmt: skip
    marks.estimates(left, table, "effect", table["customers"], colour="accent", scale=100,
                    label=words("interval"), upright=True, size=4)  # fmt: skip
    marks.reference(left, y=0)
    guides.values(left, "x", words("seen"), form=guides.THOUSANDS, ticks=MaxNLocator(5))
    guides.values(left, "y", words("effect"))
    left.set_title(words("campaign"))
    right.plot(alarms["looks"], alarms["plain"], "s-", ms=4, color=COLOURS["accent"])
    right.plot(alarms["looks"], alarms["sequence"], "o-", ms=4, color=COLOURS["main"])
    level = found.quotes["error_rate"].value
    marks.reference(right, y=level, colour="muted", width=1, style="--")
    guides.values(right, "x", words("looks"))
    guides.values(right, "y", form=guides.PER_CENT, low=0, ticks=MultipleLocator(0.05))
    right.set_title(words("alarms"))
    guides.key(figure, columns=2)
    return figure


@drawing("fig-campaign-power", beside=True)
def power(found: Finding, words: Words) -> Figure:
    """Chance to show an effect by size of campaign, one line an effect; this campaign dotted."""
    figure, axes = guides.panel(2.7)
    for index, (effect, own, colour, _) in enumerate(guides.groups(found.table, "effect")):
        marks.line(axes, own, "customers", "power", colour=colour,
                   style=("-", "--", "-.", ":")[index % 4],
                   label=words("line", n=Number("", effect, "points")))  # fmt: skip
    marks.reference(axes, x=found.quotes["customers"].value, width=1, style=":")
    marks.reference(axes, y=0.8, colour="muted", width=1, style="--")
    guides.log_values(axes, "x", form=guides.THOUSANDS)
    guides.values(axes, "x", words("customers"))
    guides.values(axes, "y", words("power"), form=guides.PER_CENT, low=0, high=1.02)
    guides.key_beside(axes, title=words("difference"))
    return figure


@drawing("fig-before-after", beside=True)
def before_after(found: Finding, words: Words) -> Figure:
    """Two ways to judge the same campaign, with intervals."""
    figure, axes = guides.panel(1.5)
    for at, (colour, marker) in enumerate((("accent", "o"), ("main", "s"))):
        marks.estimates(axes, found.table.iloc[[at]], "effect", [at], width=1.3, marker=marker,
                        colour=colour)  # fmt: skip
    marks.reference(axes, x=0)
    methods = words.levels("fig-before-after.method", found.table["method"])
    guides.rows(axes, methods, lines=False)
    guides.values(axes, "x", words("effect"))
    return figure


@drawing("fig-response-over-time", of="drift", beside=True)
def drift(found: Finding, words: Words) -> Figure:
    """Response in each tenth of contacts, in the order of time, with intervals."""
    table = found.of("drift")
    figure, axes = guides.panel(2.6)
    marks.estimates(axes, table, "response", range(len(table)), colour="main", upright=True,
                    line="-")  # fmt: skip
    guides.sparse_ticks(axes, list(_months(table["first_contact"])))
    guides.values(axes, "x", words("tenth"))
    guides.values(axes, "y", words("response"), form=guides.PER_CENT, low=0)
    return figure


@drawing("fig-auc-over-time")
def auc(found: Finding, words: Words) -> Figure:
    """AUC on later and on random contacts, and in rolling windows."""
    table, rolling = found.table, found.of("rolling")
    figure = new_figure(3.0)
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1, 1.5))
    for index, (model, own, colour, marker) in enumerate(guides.groups(table, "model")):
        at = guides.places(own["split"], table["split"]) + (index - 0.5) * 0.15
        marks.estimates(left, own, "auc", at, colour=colour, marker=marker, upright=True, size=5,
                        label=words.level("model", model))  # fmt: skip
        past = rolling[rolling["model"] == model]
        marks.estimates(right, past, "auc", past["window"] + (index - 0.5) * 0.12, colour=colour,
                        marker=marker, upright=True, size=5, line="-", width=0.8)  # fmt: skip
    for axes in (left, right):
        marks.reference(axes, y=0.5, colour="muted", width=1, style="--")
    splits = [guides.wrapped(split, 9) for split in words.levels("split", table["split"].unique())]
    left.set_xticks(range(len(splits)), splits)
    left.set(title=words("split"), xlim=(-0.5, len(splits) - 0.5), ylabel=words("auc"))
    windows = rolling.drop_duplicates("window")
    ends = zip(_months(windows["first_contact"]), _months(windows["last_contact"]), strict=True)
    spans = [f"{first}\n{words('to', month=last)}" for first, last in ends]
    right.set_xticks(windows["window"], spans)
    right.set_title(words("windows"))
    guides.key(figure, columns=3)
    return figure


@drawing("fig-gains", of="gains")
def gains(found: Finding, words: Words) -> Figure:
    """Share of buyers found among the best ranked, and lift, at each depth."""
    figure = new_figure(3.0)
    left, right = figure.subplots(1, 2)
    for axes, name in ((left, "found"), (right, "lift")):
        _by_depth(axes, found.of("gains"), name, words)
        axes.set_ylim(0)
    left.set_title(words("found-title"))
    right.set_title(words("lift-title"))
    left.plot([0, 1], [0, 1], color=COLOURS["muted"], lw=1, ls=":")
    marks.reference(right, y=1, colour="muted", width=1, style=":")
    guides.values(left, "y", words("found"), form=guides.PER_CENT)
    guides.values(right, "y", words("lift"))
    guides.key(figure, columns=3)
    return figure


@drawing("fig-prospect-gains", of="gains")
def prospect_gains(found: Finding, words: Words) -> Figure | None:
    """As `gains`, and in its words."""
    return gains(found, replace(words, label=gains.label))


@drawing("fig-profit-curve", beside=True)
def profit(found: Finding, words: Words) -> Figure:
    """Profit by share contacted, best ranked first, with bands."""
    figure, axes = guides.panel(2.7)
    _by_depth(axes, found.table, "profit", words)
    marks.reference(axes, y=0)
    guides.values(axes, "y", words("profit"), form=guides.THOUSANDS)
    axes.legend(loc="best")
    return figure


def _by_depth(axes: Axes, table: pd.DataFrame, name: str, words: Words) -> None:
    """One line with its band a model, over the share contacted."""
    for index, (model, own, colour, _) in enumerate(guides.groups(table, "model")):
        marks.line(axes, own, "depth", name, colour=colour, label=words.level("model", model),
                   alpha=0.18, style="--" if index else "-",
                   ends=(f"{name}_low", f"{name}_high"))  # fmt: skip
    guides.values(axes, "x", words("depth"), form=guides.PER_CENT, low=0, high=1)


def _months(days: pd.Series) -> pd.Series:
    return pd.to_datetime(days).dt.strftime("%Y-%m")
