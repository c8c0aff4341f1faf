"""Figures of the association chapter: each draws a table of a finding, and computes nothing."""

from __future__ import annotations

from functools import partial

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pmlib.association.rules import rule_label
from pmlib.association.segments import WITHIN
from pmlib.figures import guides, marks
from pmlib.figures.style import COLOURS, DIVERGING, drawing, new_figure
from pmlib.numbers import Finding, Number
from pmlib.texts import Words

_VERDICTS = {
    "holds_within": COLOURS["main"],
    "differs_between_segments": COLOURS["accent"],
    "restates_segments": COLOURS["muted"],
    "undecided": COLOURS["muted"],
    "not_tested": COLOURS["main"],
}
_TELLING = 5  # customers expected to hold a pair, for its absence to tell anything
_ROOM_FOR_NUMBERS = 18  # products; with more, the cells of the heat map are too small for text


@drawing("fig-pairs")
def pair_heatmap(found: Finding, words: Words) -> Figure:
    """Draw the lift of every pair of products; structural pairs hatched."""
    pairs = found.table
    products = list(dict.fromkeys([*pairs["product"], *pairs["other"]]))
    # Two rare products that nobody holds together say nothing.
    told = pairs[(pairs["n_both"] > 0) | (pairs["expected"] >= _TELLING)]
    across, down = products[:-1], products[1:]
    lift = told.pivot_table(index="other", columns="product", values="lift")
    lift = lift.reindex(index=down, columns=across).rename_axis(index=None, columns=None)
    figure, axes = guides.panel(1.6 + 0.24 * len(products))
    structural = pairs[pairs["structural"]]
    for product, other in zip(structural["product"], structural["other"], strict=True):
        axes.add_patch(
            mpl.patches.Rectangle(
                (across.index(product), down.index(other)), 1, 1, facecolor="white",
                edgecolor=COLOURS["muted"], hatch="////", linewidth=0, zorder=4,
            )
        )  # fmt: skip
    cells = lift.map(partial(_ratio, words)) if len(products) <= _ROOM_FOR_NUMBERS else None
    ticks = (words("least"), "½", "1", "2", words("most"))
    marks.heat(axes, _logs(lift, 2), cells=cells, cmap=DIVERGING, low=-2, high=2, turn=45,
               bar=words("lift"), ticks=ticks)  # fmt: skip
    return figure


def _logs(ratios: pd.DataFrame, largest: int) -> pd.DataFrame:
    """Logarithms to base 2, none beyond `largest`, so that a half is as far from 1 as a double."""
    with np.errstate(divide="ignore"):
        return np.log2(ratios).clip(-largest, largest)


def _ratio(words: Words, value: float) -> str:
    return words.number(value, decimals=1 if value < 10 else 0)


@drawing("fig-rules", of="tested", beside=True)
def rule_scatter(found: Finding, words: Words) -> Figure | None:
    """Draw support against confidence, with intervals; colour is lift.

    None where nobody of the hold-out half holds the products of any rule.
    """
    rules = found.table[found.table["scope"] == 0]
    if not (rules["support"] > 0).any():  # the axis is logarithmic
        return None
    figure, axes = guides.panel(3.6)
    fallen, kept = rules[~rules["survives"]], rules[rules["survives"]]
    axes.plot(
        fallen["support"], fallen["confidence"], "o", markersize=3, markerfacecolor="none",
        markeredgecolor=COLOURS["muted"], markeredgewidth=0.8,
        label=words("fallen", rules=Number("", len(fallen), "count")),
    )  # fmt: skip
    axes.vlines(
        kept["support"], kept["confidence_low"], kept["confidence_high"],
        color=COLOURS["muted"], linewidth=0.8,
    )  # fmt: skip
    points = axes.scatter(
        kept["support"], kept["confidence"], c=kept["lift"], s=18, cmap="viridis_r",
        norm=mpl.colors.LogNorm(
            vmin=max(kept["lift"].min(), 1.0) if len(kept) else 1.0,
            vmax=max(kept["lift"].max(), 1.1) if len(kept) else 2.0,
        ),
        edgecolors=COLOURS["ink"], linewidths=0.3, zorder=3,
        label=words("kept", rules=Number("", len(kept), "count")),
    )  # fmt: skip
    guides.log_values(axes, "x", form=guides.PER_CENT)
    guides.values(axes, "x", words("support"), ticks=mpl.ticker.LogLocator(subs=(1, 2, 5)))
    guides.values(axes, "y", words("confidence"), form=guides.PER_CENT)
    guides.key(figure, place="outside upper right", columns=2)
    bar = figure.colorbar(points, ax=axes, label=words("lift"))
    bar.ax.yaxis.set_major_formatter(mpl.ticker.FormatStrFormatter("%g"))
    bar.ax.yaxis.set_minor_formatter(mpl.ticker.FormatStrFormatter("%g"))
    return figure


@drawing("fig-rules-segments", of="grid")
def rules_by_segment(found: Finding, words: Words) -> Figure:
    """Draw the odds ratio of rules (rows) in segments (columns)."""
    grid = found.of("grid")
    rules = grid.drop_duplicates(["antecedent", "consequent"])
    labels = [rule_label(rule.antecedent, rule.consequent) for rule in rules.itertuples()]
    titles = [guides.wrapped(name, 30) for name in grid["segment"][: len(grid) // len(rules)]]
    odds, holds = (
        pd.DataFrame(grid[column].to_numpy().reshape(len(labels), -1), labels, titles)
        for column in ("shrunk", "holds")
    )
    figure, axes = guides.panel(1.3 + 0.24 * len(labels))
    ticks = (words("least"), "¼", "½", "1", "2", "4", words("most"))
    marks.heat(
        axes, _logs(odds, 3), cells=odds.map(partial(_ratio, words)), bold=holds, cmap=DIVERGING,
        low=-3, high=3, turn=45, bar=words("odds"), ticks=ticks,
    )  # fmt: skip
    for tick, verdict in zip(axes.get_yticklabels(), rules["within"], strict=True):
        tick.set_color(_VERDICTS[verdict])
    for verdict in (kind for kind in WITHIN if kind in set(rules["within"])):
        axes.plot([], [], "s", color=_VERDICTS[verdict], label=words.level("within", verdict))
    guides.key(figure, columns=3)
    return figure


@drawing("fig-acquisition")
def acquisition_flow(found: Finding, words: Words) -> Figure:
    """Draw bands from the product acquired first (left) to the next one (right)."""
    flow = found.of("flow")
    left, right = (  # the largest on top
        flow.groupby(side)["customers"].sum().sort_values(ascending=False)[::-1]
        for side in ("product", "other")
    )
    gap = 0.035 * flow["customers"].sum()
    figure, axes = guides.panel(1.0 + 0.3 * max(len(left), len(right)))
    starts, ends = (
        marks.stack(
            axes, sizes, list(sizes.index), x, shift=shift, gap=gap, width=0.024,
            bottom=-(sizes.sum() + gap * (len(sizes) - 1)) / 2,
        )
        for sizes, x, shift in ((left, 0, -0.025), (right, 1, 0.025))
    )  # fmt: skip
    flows = mpl.cm.ScalarMappable(norm=mpl.colors.Normalize(-2, 2), cmap=DIVERGING)
    ordered = flow.assign(place=flow["other"].map(list(right.index).index))
    for row in ordered.sort_values(["product", "place"], kind="stable").itertuples(index=False):
        colour = tuple(flows.to_rgba(np.log2(row.ratio)))
        marks.ribbon(axes, (0.012, 0.988), (starts[row.product], ends[row.other]), row.customers,
                     colour=colour, edge=0.3, alpha=0.85)  # fmt: skip
        starts[row.product] += row.customers
        ends[row.other] += row.customers
    height = max(left.sum() + gap * len(left), right.sum() + gap * len(right))
    axes.set(xlim=(-0.45, 1.45), ylim=(-0.52 * height, 0.58 * height))
    axes.axis("off")
    for x, heading in ((0, words("acquired")), (1, words("next"))):
        axes.text(x, 0.53 * height, heading, ha="center", va="bottom", fontweight="bold")
    ticks = (words("least"), "½", "1", "2", words("most"))
    marks.colour_bar(axes, flows, label=words("ratio"), ticks=ticks)
    return figure


@drawing("fig-next-product")
def next_product(found: Finding, words: Words) -> Figure:
    """Draw how often each ranking names the next product, with intervals."""
    table = found.table
    shown = [column for column in ("hit_1", "hit_3", "map_7") if column in table]
    figure = new_figure(0.9 + 0.28 * len(table))
    panels = figure.subplots(1, len(shown), sharey=True)
    rows = np.arange(len(table))
    for axes, column in zip(panels, shown, strict=True):
        axes.hlines(rows, table[f"{column}_low"], table[f"{column}_high"], color=COLOURS["muted"],
                    linewidth=1.2)  # fmt: skip
        axes.plot(table[column], rows, "o", color=COLOURS["main"], markersize=5)
        axes.set_title(words(column))
        share = column != "map_7"
        guides.values(axes, "x", words("share" if share else "precision"),
                     form=guides.PER_CENT if share else None,
                     ticks=mpl.ticker.MaxNLocator(3))  # fmt: skip
    guides.rows(panels[0], words.levels("ranking", table["ranking"]), margin=0.6)
    return figure
