"""Figures of the association chapter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.patches import FancyArrowPatch

from pmlib.association import WITHIN, rule_label
from pmlib.figures import guides, marks
from pmlib.figures.style import COLOURS, DIVERGING, new_figure, styled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.figure import Figure

VERDICT_COLOURS = {
    "holds_within": COLOURS["main"],
    "differs_between_segments": COLOURS["accent"],
    "restates_segments": COLOURS["muted"],
    "undecided": COLOURS["muted"],
    "not_tested": COLOURS["main"],
}
_TELLING = 5  # customers expected to hold a pair, for its absence to tell anything
_ROOM_FOR_NUMBERS = 18  # products; with more, the cells of the heat map are too small for text
_VERDICT_LINES = {"restates_segments": (0, (4, 2)), "undecided": (0, (1, 1.5))}


@styled
def pair_heatmap(pairs: pd.DataFrame, names: Mapping[str, str]) -> Figure:
    """Draw the lift of every pair of products.

    Parameters
    ----------
    pairs : pandas.DataFrame
        product, other, n_both, expected (customers), lift, structural.
    names : mapping
        Product id to name.
    """
    products = list(dict.fromkeys([*pairs["product"], *pairs["other"]]))
    # Two rare products that nobody holds together say nothing.
    told = pairs[(pairs["n_both"] > 0) | (pairs["expected"] >= _TELLING)]
    across, down = products[:-1], products[1:]
    lift = told.pivot_table(index="other", columns="product", values="lift")
    lift = lift.reindex(index=down, columns=across)
    figure, axes = guides.panel(1.6 + 0.24 * len(products))
    structural = pairs[pairs["structural"]]
    for product, other in zip(structural["product"], structural["other"], strict=True):
        axes.add_patch(
            mpl.patches.Rectangle(
                (across.index(product), down.index(other)), 1, 1, facecolor="white",
                edgecolor=COLOURS["muted"], hatch="////", linewidth=0, zorder=4,
            )
        )  # fmt: skip
    lift = lift.rename(index=names, columns=names)
    cells = lift.map(_ratio) if len(products) <= _ROOM_FOR_NUMBERS else None
    words = ("¼ or less", "½", "1", "2", "4 or more")
    marks.heat(axes, _logs(lift, 2), cells=cells, cmap=DIVERGING, low=-2, high=2, turn=45,
               bar="Lift", ticks=words)  # fmt: skip
    return figure


def _logs(ratios: pd.DataFrame, largest: int) -> pd.DataFrame:
    """Logarithms to base 2, none beyond `largest`, so that a half is as far from 1 as a double."""
    with np.errstate(divide="ignore"):
        return np.log2(ratios).clip(-largest, largest)


def _ratio(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"


@styled
def rule_scatter(rules: pd.DataFrame) -> Figure:
    """Draw support against confidence, with intervals; colour is lift.

    Parameters
    ----------
    rules : pandas.DataFrame
        support, confidence, confidence_low, confidence_high, lift, survives.
    """
    figure, axes = guides.panel(3.6)
    fallen, kept = rules[~rules["survives"]], rules[rules["survives"]]
    axes.plot(
        fallen["support"], fallen["confidence"], "o", markersize=3, markerfacecolor="none",
        markeredgecolor=COLOURS["muted"], markeredgewidth=0.8,
        label=f"did not survive ({len(fallen):,})",
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
        edgecolors=COLOURS["ink"], linewidths=0.3, zorder=3, label=f"survived ({len(kept):,})",
    )  # fmt: skip
    guides.log_values(axes, "x", form=guides.PER_CENT)
    label = "Support (share of customers who hold all products of the rule, log scale)"
    guides.values(axes, "x", label, ticks=mpl.ticker.LogLocator(subs=(1, 2, 5)))
    guides.values(axes, "y", "Confidence", form=guides.PER_CENT)
    guides.key(figure, place="outside upper right", columns=2)
    bar = figure.colorbar(points, ax=axes, label="Lift (log scale)")
    bar.ax.yaxis.set_major_formatter(mpl.ticker.FormatStrFormatter("%g"))
    bar.ax.yaxis.set_minor_formatter(mpl.ticker.FormatStrFormatter("%g"))
    return figure


@styled
def rule_network(
    pairs: pd.DataFrame, names: Mapping[str, str], families: Mapping[str, str]
) -> Figure:
    """Draw products as points on a circle, surviving pairs as lines, as wide as their lift.

    Parameters
    ----------
    pairs : pandas.DataFrame
        product, other, lift, within.
    names, families : mapping
        Product id to name, and to family; products of one family stand together.
    """
    products = sorted({*pairs["product"], *pairs["other"]}, key=lambda p: (families[p], names[p]))
    angle = dict(
        zip(products, np.linspace(0, 2 * np.pi, len(products), endpoint=False), strict=True)
    )
    place = {p: (np.cos(a), np.sin(a)) for p, a in angle.items()}
    figure = new_figure(4.6)
    axes = figure.subplots()
    for row in pairs.sort_values("lift").itertuples(index=False):
        axes.add_patch(
            FancyArrowPatch(
                place[row.product], place[row.other], arrowstyle="-",
                connectionstyle="arc3,rad=0.15", linewidth=min(1 + 2 * np.log2(row.lift), 7),
                color=VERDICT_COLOURS[row.within], alpha=0.75, shrinkA=4, shrinkB=4,
                linestyle=_VERDICT_LINES.get(row.within, "solid"),
            )
        )  # fmt: skip
    for product in products:
        x, y = place[product]
        axes.plot(x, y, "o", color=COLOURS["ink"], markersize=6, zorder=3)
        axes.annotate(
            names[product], (x, y), xytext=(9 * x, 9 * y), textcoords="offset points",
            ha="left" if x > 0.1 else "right" if x < -0.1 else "center",
            va="center" if abs(y) < 0.9 else "bottom" if y > 0 else "top",
        )  # fmt: skip
    axes.set_xlim(-1.9, 1.9)
    axes.set_ylim(-1.25, 1.25)
    axes.set_aspect("equal")
    axes.axis("off")
    verdicts = [verdict for verdict in WITHIN if verdict in set(pairs["within"])]
    if verdicts != ["not_tested"]:  # with one segment there is nothing to tell apart
        handles = [
            mpl.lines.Line2D(
                [], [], color=VERDICT_COLOURS[verdict], linewidth=2.5,
                linestyle=_VERDICT_LINES.get(verdict, "solid"), label=WITHIN[verdict],
            )
            for verdict in verdicts
        ]  # fmt: skip
        axes.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, 0.02), ncols=2)
    return figure


@styled
def rules_by_segment(
    grid: pd.DataFrame, names: Mapping[str, str], segment_names: Mapping[int, str]
) -> Figure:
    """Draw the odds ratio of rules (rows) in segments (columns).

    Parameters
    ----------
    grid : pandas.DataFrame
        As `pmlib.association.findings.Findings.segment_grid` gives it.
    names, segment_names : mapping
        Product id, and segment, to name.
    """
    segments = list(dict.fromkeys(grid["segment"]))
    rules = grid.iloc[:: len(segments)]
    labels = [
        rule_label(X, y, names)
        for X, y in zip(rules["antecedent"], rules["consequent"], strict=True)
    ]
    titles = [guides.wrapped(segment_names[segment], 30) for segment in segments]
    odds, holds = (
        pd.DataFrame(grid[column].to_numpy().reshape(len(labels), -1), labels, titles)
        for column in ("shrunk", "holds")
    )
    figure, axes = guides.panel(1.3 + 0.24 * len(labels))
    marks.heat(
        axes, _logs(odds, 3), cells=odds.map(_ratio), bold=holds, cmap=DIVERGING, low=-3, high=3,
        turn=45, bar="Odds ratio", ticks=("⅛ or less", "¼", "½", "1", "2", "4", "8 or more"),
    )  # fmt: skip
    for tick, verdict in zip(axes.get_yticklabels(), rules["within"], strict=True):
        tick.set_color(VERDICT_COLOURS[verdict])
    return figure


@styled
def acquisition_flow(transitions: pd.DataFrame, names: Mapping[str, str]) -> Figure:
    """Draw bands from the product acquired first (left) to the next one (right).

    Parameters
    ----------
    transitions : pandas.DataFrame
        product, other, customers, ratio, median_gap; the bands to draw.
    names : mapping
        Product id to name.
    """
    left, right = (  # the largest on top
        transitions.groupby(side)["customers"].sum().sort_values(ascending=False)[::-1]
        for side in ("product", "other")
    )
    gap = 0.035 * transitions["customers"].sum()
    figure, axes = guides.panel(1.0 + 0.3 * max(len(left), len(right)))
    starts, ends = (
        marks.stack(
            axes, sizes, [names[product] for product in sizes.index], x, shift=shift, gap=gap,
            bottom=-(sizes.sum() + gap * (len(sizes) - 1)) / 2, width=0.024,
        )
        for sizes, x, shift in ((left, 0, -0.025), (right, 1, 0.025))
    )  # fmt: skip
    flows = mpl.cm.ScalarMappable(norm=mpl.colors.Normalize(-2, 2), cmap=DIVERGING)
    ordered = transitions.assign(place=transitions["other"].map(list(right.index).index))
    for row in ordered.sort_values(["product", "place"], kind="stable").itertuples(index=False):
        colour = tuple(flows.to_rgba(np.log2(row.ratio)))
        marks.ribbon(axes, (0.012, 0.988), (starts[row.product], ends[row.other]), row.customers,
                     colour=colour, edge=0.3, alpha=0.85)  # fmt: skip
        starts[row.product] += row.customers
        ends[row.other] += row.customers
    axes.set_xlim(-0.45, 1.45)
    height = max(left.sum() + gap * len(left), right.sum() + gap * len(right))
    axes.set_ylim(-0.52 * height, 0.58 * height)
    axes.axis("off")
    for x, heading in ((0, "Acquired"), (1, "Acquired next")):
        axes.text(x, 0.53 * height, heading, ha="center", va="bottom", fontweight="bold")
    words = ("¼ or less", "½", "1", "2", "4 or more")
    marks.colour_bar(axes, flows, label="Times as often as expected", ticks=words)
    return figure


@styled
def next_product(table: pd.DataFrame) -> Figure:
    """Draw how often each ranking names the next product, with intervals.

    Parameters
    ----------
    table : pandas.DataFrame
        ranking; hit_1, hit_3 (if it has it), map_7, each with _low and _high (shares).
    """
    titles = {"hit_1": "Hit at 1", "hit_3": "Hit at 3", "map_7": "MAP at 7"}
    shown = [column for column in titles if column in table]
    figure = new_figure(0.9 + 0.28 * len(table))
    panels = figure.subplots(1, len(shown), sharey=True)
    rows = np.arange(len(table))
    for axes, column in zip(panels, shown, strict=True):
        axes.hlines(rows, table[f"{column}_low"], table[f"{column}_high"], color=COLOURS["muted"],
                    linewidth=1.2)  # fmt: skip
        axes.plot(table[column], rows, "o", color=COLOURS["main"], markersize=5)
        axes.set_title(titles[column])
        share = column != "map_7"
        label = "Share of buyers" if share else "Mean average precision"
        guides.values(axes, "x", label, form=guides.PER_CENT if share else None,
                     ticks=mpl.ticker.MaxNLocator(3))  # fmt: skip
    guides.rows(panels[0], table["ranking"], margin=0.6)
    return figure
