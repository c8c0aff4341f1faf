"""Figures of the association chapter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.patches import FancyArrowPatch

from pmlib.figures.style import COLOURS, DIVERGING, new_figure, styled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

VERDICT_COLOURS = {
    "holds_within": COLOURS["main"],
    "differs_between_segments": COLOURS["accent"],
    "restates_segments": COLOURS["muted"],
    "undecided": COLOURS["muted"],
    "not_tested": COLOURS["main"],
}
_VERDICT_LINES = {"restates_segments": (0, (4, 2)), "undecided": (0, (1, 1.5))}


@styled
def pair_heatmap(pairs: pd.DataFrame, names: Mapping[str, str]) -> Figure:
    """Draw the lift of every pair of products.

    Parameters
    ----------
    pairs : pandas.DataFrame
        product, other, lift, structural.
    names : mapping
        Product id to name.
    """
    products = list(dict.fromkeys([*pairs["product"], *pairs["other"]]))
    place = {product: i for i, product in enumerate(products)}
    k = len(products)
    lift = np.full((k, k), np.nan)
    for row in pairs.itertuples(index=False):
        lift[place[row.other], place[row.product]] = row.lift
    figure = new_figure(1.6 + 0.24 * k)
    axes = figure.subplots()
    with np.errstate(divide="ignore"):
        shown = np.clip(np.log2(lift), -2, 2)
    image = axes.imshow(shown, cmap=DIVERGING, vmin=-2, vmax=2, aspect="auto")
    for row in pairs.itertuples(index=False):
        x, y = place[row.product], place[row.other]
        if row.structural:
            axes.add_patch(
                mpl.patches.Rectangle(
                    (x - 0.5, y - 0.5), 1, 1, facecolor="white", edgecolor=COLOURS["muted"],
                    hatch="////", linewidth=0,
                )
            )  # fmt: skip
        elif np.isfinite(row.lift):
            dark = abs(np.clip(np.log2(max(row.lift, 1e-9)), -2, 2)) > 1.2
            axes.text(
                x, y, f"{row.lift:.1f}" if row.lift < 10 else f"{row.lift:.0f}",
                ha="center", va="center", fontsize=8 if k <= 16 else 6.5,
                color="white" if dark else COLOURS["ink"],
            )  # fmt: skip
    axes.set_xticks(range(k - 1), [names[p] for p in products[:-1]], rotation=45, ha="right")
    axes.set_yticks(range(1, k), [names[p] for p in products[1:]])
    axes.set_xlim(-0.5, k - 1.5)
    axes.set_ylim(k - 0.5, 0.5)
    axes.grid(visible=False)
    bar = figure.colorbar(image, ax=axes, ticks=[-2, -1, 0, 1, 2], shrink=0.7, label="Lift")
    bar.ax.set_yticklabels(["¼ or less", "½", "1", "2", "4 or more"])
    return figure


@styled
def rule_scatter(rules: pd.DataFrame) -> Figure:
    """Draw support against confidence, with intervals; colour is lift.

    Parameters
    ----------
    rules : pandas.DataFrame
        support, confidence, confidence_low, confidence_high, lift, survives.
    """
    figure = new_figure(3.6)
    axes = figure.subplots()
    fallen, kept = rules[~rules["survives"]], rules[rules["survives"]]
    axes.plot(
        fallen["support"], fallen["confidence"], "o", markersize=2.5, markerfacecolor="none",
        markeredgecolor=COLOURS["muted"], markeredgewidth=0.6, alpha=0.6,
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
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(mpl.ticker.LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda x, _: f"{100 * x:g} %"))
    axes.xaxis.set_minor_formatter(mpl.ticker.NullFormatter())
    axes.yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=0, symbol=" %"))
    axes.set_xlabel("Support (share of customers who hold all products of the rule, log scale)")
    axes.set_ylabel("Confidence")
    axes.legend(loc="upper left", markerscale=1.2)
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
    _verdict_legend(axes, list(dict.fromkeys(pairs["within"])))
    return figure


@styled
def rules_by_segment(
    grid: pd.DataFrame, names: Mapping[str, str], segment_names: Mapping[int, str]
) -> Figure:
    """Draw the odds ratio of rules (rows) in segments (columns).

    Parameters
    ----------
    grid : pandas.DataFrame
        As `pmlib.association.Findings.segment_grid` gives it.
    names, segment_names : mapping
        Product id, and segment, to name.
    """
    segments = list(dict.fromkeys(grid["segment"]))
    rules = grid.iloc[:: len(segments)]
    labels = [
        f"{' + '.join(names[x] for x in X)} → {names[y]}"
        for X, y in zip(rules["antecedent"], rules["consequent"], strict=True)
    ]
    shape = (len(labels), len(segments))
    odds = grid["shrunk"].to_numpy(dtype=float).reshape(shape)
    holds = grid["holds"].to_numpy(dtype=bool).reshape(shape)
    figure = new_figure(1.3 + 0.24 * len(labels))
    axes = figure.subplots()
    image = axes.imshow(
        np.clip(np.log2(odds), -3, 3), cmap=DIVERGING, vmin=-3, vmax=3, aspect="auto"
    )
    for (row, column), value in np.ndenumerate(odds):
        if np.isfinite(value):
            axes.text(
                column, row, f"{value:.1f}" if value < 10 else f"{value:.0f}",
                ha="center", va="center", fontsize=8,
                fontweight="bold" if holds[row, column] else "normal",
                color="white" if abs(np.log2(value)) > 1.9 else COLOURS["ink"],
            )  # fmt: skip
    axes.set_xticks(range(shape[1]), [segment_names[s] for s in segments], rotation=30, ha="right")
    axes.set_yticks(range(shape[0]), labels)
    for tick, verdict in zip(axes.get_yticklabels(), rules["within"], strict=True):
        tick.set_color(VERDICT_COLOURS[verdict])
    axes.grid(visible=False)
    bar = figure.colorbar(
        image, ax=axes, ticks=[-3, -2, -1, 0, 1, 2, 3], shrink=0.8, label="Odds ratio"
    )
    bar.ax.set_yticklabels(["⅛ or less", "¼", "½", "1", "2", "4", "8 or more"])
    return figure


def _verdict_legend(axes: Axes, verdicts: Sequence[str]) -> None:
    words = {
        "holds_within": "holds within segments",
        "differs_between_segments": "differs between segments",
        "restates_segments": "only restates the segments",
        "undecided": "undecided within segments",
        "not_tested": "not tested within segments",
    }
    handles = [
        mpl.lines.Line2D(
            [], [], color=VERDICT_COLOURS[v], linewidth=2.5,
            linestyle=_VERDICT_LINES.get(v, "solid"), label=words[v],
        )
        for v in words
        if v in verdicts
    ]  # fmt: skip
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(-0.02, -0.05))
