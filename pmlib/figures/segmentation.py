"""Figures of the chapter on segmentation: how many segments, how sure, and what they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pmlib.figures import guides, marks
from pmlib.figures.style import COLOURS, DIVERGING, SEQUENTIAL, drawing, new_figure, segment_colours
from pmlib.numbers import Finding, Number
from pmlib.texts import Words

_VERY_STABLE = 0.85

# Features shown beside the map of the customers: those that mark its axes most.
_LOADINGS = 12


@drawing("fig-criteria")
def criteria(found: Finding, words: Words) -> Figure:
    """Four criteria against the number of segments, the number used marked."""
    table, stable = found.table, found.quotes["min_stability"].value
    figure = new_figure(3.9)
    axes = figure.subplots(2, 2, sharex=True)
    (silhouette, jaccard), (gap, bic) = axes
    several = table[table["k"] > 1]
    silhouette.fill_between(several["k"], several["reference_low"], several["reference_high"],
                            color=COLOURS["light"], label=words("reference-range"))  # fmt: skip
    marks.line(silhouette, several, "k", "reference_mean", colour="muted", style="--",
               label=words("reference-mean"))  # fmt: skip
    marks.estimates(silhouette, several, "silhouette", several["k"], colour="main", upright=True,
                    ends=("silhouette_low", "silhouette_high"), line="-", size=4,
                    label=words("customers"))  # fmt: skip
    silhouette.set(ylim=(0, None))
    silhouette.legend()
    points = {"color": COLOURS["main"], "marker": "o", "markersize": 4}
    jaccard.plot(table["k"], table["min_jaccard"], **points)
    marks.reference(jaccard, y=stable, colour="accent", width=1, style="--")
    jaccard.text(table["k"].max(), stable, words("stable"), color=COLOURS["accent"],
                 ha="right", va="bottom", fontsize=8)  # fmt: skip
    jaccard.set(ylim=(0, 1.05))
    gap.errorbar(table["k"], table["gap"], yerr=table["gap_se"], **points)
    bic.plot(table["k"], table["bic"] / 1000, **points)
    names = ("silhouette", "jaccard", "gap", "bic")
    for panel, name in zip(axes.flat, names, strict=True):
        panel.set(title=words(f"title.{name}"), ylabel=words(name))
        panel.axvline(found.quotes["number_used"], color=COLOURS["good"], linewidth=5, alpha=0.25,
                      zorder=0)  # fmt: skip
        panel.set_xticks(table["k"])
    for panel in (gap, bic):
        panel.set_xlabel(words("segments"))
    return figure


@drawing("fig-stability", of="stability")
def stability(found: Finding, words: Words) -> Figure | None:
    """Bootstrap Jaccard of each segment with its interval, against the usual thresholds."""
    table = found.of("stability")
    if len(table) == 1 or table["jaccard_low"].min() >= _VERY_STABLE:  # a sentence says it
        return None
    figure, axes = guides.panel(1.1 + 0.34 * len(table))
    for limit, name in ((0.6, "not-trusted"), (0.75, "stable"), (_VERY_STABLE, "very-stable")):
        marks.reference(axes, x=limit, colour="muted", width=1, style=":")
        axes.text(limit, 1.01, words(name), transform=axes.get_xaxis_transform(), fontsize=8,
                  ha="right" if limit == 0.6 else "left", color=COLOURS["muted"])  # fmt: skip
    marks.ranges(axes, table, "jaccard", range(len(table)), colours=segment_colours(len(table)),
                 ends=("jaccard_low", "jaccard_high"), width=3, alpha=0.5)  # fmt: skip
    guides.rows(axes, _numbered(found.quotes["names"], 34), margin=0.6)
    guides.values(axes, "x", words("jaccard"), low=0, high=1.02)
    return figure


@drawing("fig-sensitivity")
def sensitivity(found: Finding, words: Words) -> Figure:
    """Agreement with the segments when one choice is made otherwise, one row each."""
    table = words.worded(found.table.head(24))
    return _intervals(table, [("main", table)], "choice", "agreement", words)


@drawing("fig-sizes")
def sizes(found: Finding, words: Words) -> Figure | None:
    """Share of customers and share of value, where it is known, one pair of bars a segment."""
    segments, k = found.table, len(found.table)
    if k == 1:
        return None
    figure, axes = guides.panel(0.8 + 0.42 * k)
    rows = np.arange(k)[::-1]
    bars = [("share", 0.19, "customers")]
    if found.quotes["value"] is not None:
        bars.append(("value_share", -0.19, "of-value"))
    for column, up, word in bars:
        shares = 100 * segments[column]
        drawn = axes.barh(rows + up, shares.clip(lower=0), height=0.36, color=segment_colours(k))
        if column != "share":
            for bar in drawn:
                bar.set(alpha=0.45, hatch="///", edgecolor="white", linewidth=0)
        labels = [
            words(word, share=Number("", share, "share", decimals=0)) for share in segments[column]
        ]
        marks.notes(axes, labels, shares.clip(lower=0), rows + up)
    largest = segments[["share", "value_share"]].max().max()
    axes.set(yticks=rows, xlabel=words("share"), xlim=(0, 145 * largest))
    axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= min(100, 145 * largest)])
    axes.set_yticklabels(_numbered(segments["name"], 26))
    axes.grid(axis="y", visible=False)
    return figure


@drawing("fig-profiles", of="standardised")
def heatmap(found: Finding, words: Words) -> Figure | None:
    """Standardised means of the features by segment."""
    if len(found.table) == 1:
        return None
    standardised = words.worded(found.of("standardised"))
    grid = standardised.pivot_table(index="label", columns="segment", values="z", sort=False)
    labels = [guides.wrapped(label, 34) for label in grid.index]
    figure, axes = guides.panel(1.3 + guides.rows_height(labels))
    limit = max(1.0, float(np.nanmax(np.abs(grid.to_numpy()))))
    grid = grid.set_axis(labels).set_axis(_numbered(found.table["name"], 26), axis=1)
    marks.heat(axes, grid, cells=grid.map(_signed),
               cmap=DIVERGING, low=-limit, high=limit, missing="–", turn=30,
               bar=words("deviation"))  # fmt: skip
    return figure


@drawing("fig-map")
def customer_map(found: Finding, words: Words) -> Figure:
    """Customers on two principal components beside the features' correlations with them."""
    squares, loadings = found.table, words.worded(found.of("loadings"))
    names = found.quotes["names"]
    strongest = loadings.assign(size=np.hypot(loadings["x"], loadings["y"]))
    strongest = strongest.sort_values("size", ascending=False, kind="stable").head(_LOADINGS)
    labels = [guides.wrapped(label, 27) for label in strongest["label"]]
    figure = new_figure(max(3.4, 1.2 + guides.rows_height(labels)) + 0.12 * len(names))
    left, right = figure.subplots(1, 2, width_ratios=[1.25, 1])
    largest = max(int(squares["customers"].max()), 1) if len(squares) else 1
    for i, (name, colour) in enumerate(zip(names, segment_colours(len(names)), strict=True), 1):
        own = squares[squares["segment"] == i]
        left.scatter(own["x"], own["y"], s=6 + 70 * own["customers"] / largest, color=colour,
                     alpha=0.75, linewidths=0)  # fmt: skip
        left.scatter([], [], s=30, color=colour, label=f"{i} {name}")
    left.set(title=words("customers"))
    for axis, number in ((left.xaxis, 1), (left.yaxis, 2)):
        explained = found.quotes["explained"][number - 1]
        axis.set_label_text(words("axis", number=number, explained=explained))
    rows = np.arange(len(strongest))[::-1]
    marks.reference(right, x=0, colour="muted")
    for column, marker, colour, number in (("x", "o", "main", 1), ("y", "s", "accent", 2)):
        right.plot(strongest[column], rows, marker, color=COLOURS[colour], markersize=5,
                   label=words("component", number=number))  # fmt: skip
    right.set_yticks(rows, labels)
    right.set(title=words("loadings"), xlim=(-1.05, 1.05), xlabel=words("correlation"))
    right.legend(loc="upper center", bbox_to_anchor=(0.4, -0.13), ncols=2, handletextpad=0,
                 columnspacing=0.8)  # fmt: skip
    if len(names) > 1:
        figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


@drawing("fig-effects", of="effects")
def effects(found: Finding, words: Words) -> Figure:
    """Variance of each attribute that the segments explain, by its role, at most ten of each."""
    table = words.worded(found.of("effects").groupby("role", sort=False).head(10))
    parts = [part for _, part, _, _ in guides.groups(table, "role")]
    drawn = list(zip(("main", "good", "accent"), parts, strict=False))
    figure = _intervals(table, drawn, "label", "effect", words, key="role")
    figure.axes[0].legend()
    return figure


@drawing("fig-rfm")
def rfm_grid(found: Finding, words: Words) -> Figure | None:
    """Left: customers by recency and frequency fifths; right: segments against RFM bands.

    None where every cell has too few customers to be shown.
    """
    grid, names = found.table, found.quotes["names"]
    if grid["customers"].isna().all():
        return None
    figure = new_figure(3.0 + 0.12 * len(names))
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.15])
    table = grid.pivot_table(index="frequency_score", columns="recency_score", values="customers")
    table = table.reindex(index=range(5, 0, -1), columns=range(1, 6))
    marks.heat(left, table, cells=table.map("{:,.0f}".format), cmap=SEQUENTIAL, low=0,
               missing="–")  # fmt: skip
    left.set(title=words("customers"), xlabel=words("recency"))
    left.set_ylabel(words("frequency"))
    shares = found.of("bands").pivot_table(
        index="segment", columns="band", values="share", fill_value=0
    )
    rows = np.arange(len(shares))[::-1]
    start = np.zeros(len(shares))
    for band, colour in (("low", "light"), ("middle", "accent"), ("high", "main")):
        if band in shares:
            right.barh(rows, 100 * shares[band], left=100 * start, color=COLOURS[colour],
                       label=words(band), edgecolor="white")  # fmt: skip
            start = start + shares[band].to_numpy()
    right.set_yticks(rows, [f"{s} {guides.wrapped(names[s - 1], 20)}" for s in shares.index])
    right.set(title=words("bands"), xlabel=words("share"), xlim=(0, 100))
    right.grid(axis="y", visible=False)
    guides.key(figure, place="outside lower right", columns=3)
    return figure


@drawing("fig-migration", of="migration")
def migration(found: Finding, words: Words) -> Figure | None:
    """Where the customers of each segment are some time later."""
    names = found.quotes["names"]
    if len(names) == 1:
        return None
    segments = range(1, len(names) + 1)
    grid = found.of("migration").pivot_table(
        index="segment_then", columns="segment_now", values="share"
    )
    grid = grid.reindex(index=segments, columns=segments)
    figure, axes = guides.panel(1.3 + 0.36 * len(names))
    down, across = (
        [guides.wrapped(f"{i} {name}", width) for i, name in enumerate(names, 1)]
        for width in (30, 26)
    )
    marks.heat(axes, grid.set_axis(down).set_axis(across, axis=1), cmap=SEQUENTIAL, low=0, high=1,
               cells=grid.map(lambda share: words.language.number(share, "share", decimals=0)),
               missing="–", turn=30)  # fmt: skip
    axes.set(xlabel=words("now"), ylabel=words("then"))
    return figure


def _intervals(
    table: pd.DataFrame,
    parts: list[tuple[str, pd.DataFrame]],
    label: str,
    value: str,
    words: Words,
    *,
    key: str | None = None,
) -> Figure:
    """Estimates with their intervals, one row each; each part in its colour."""
    labels = [guides.wrapped(text, 50) for text in table[label]]
    figure, axes = guides.panel(0.8 + guides.rows_height(labels))
    for colour, part in parts:
        marks.estimates(axes, part, value, table.index.get_indexer(part.index), colour=colour,
                        label=part[key].iloc[0] if key else None, size=4)  # fmt: skip
    guides.rows(axes, labels, margin=0.6)
    guides.values(axes, "x", words(value), low=0)
    return figure


def _numbered(names: Sequence[str], width: int) -> list[str]:
    """Number and name of each segment, in lines of at most `width` characters."""
    return [f"{segment} {guides.wrapped(name, width)}" for segment, name in enumerate(names, 1)]


def _signed(z: float) -> str:
    """One decimal with its sign; what rounds to zero has none."""
    return f"{z:+.1f}".replace("-", "−") if abs(z) >= 0.05 else "0.0"
