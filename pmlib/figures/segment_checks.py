"""Figures that judge segments: stability, choices made otherwise, RFM, migration."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pmlib.figures import guides, marks
from pmlib.figures.segmentation import numbered
from pmlib.figures.style import COLOURS, SEQUENTIAL, drawing, new_figure, segment_colours
from pmlib.numbers import Finding
from pmlib.texts import Words


@drawing("fig-stability", of="stability")
def stability(found: Finding, words: Words) -> Figure | None:
    """Bootstrap Jaccard of each segment with its interval, against the usual thresholds."""
    table = found.of("stability")
    if len(table) == 1:
        return None
    figure, axes = guides.panel(1.1 + 0.34 * len(table))
    for limit, name in ((0.6, "not-trusted"), (0.75, "stable"), (0.85, "very-stable")):
        marks.reference(axes, x=limit, colour="muted", width=1, style=":")
        axes.text(limit, 1.01, words(name), transform=axes.get_xaxis_transform(), fontsize=8,
                  ha="right" if limit == 0.6 else "left", color=COLOURS["muted"])  # fmt: skip
    marks.ranges(axes, table, "jaccard", range(len(table)), colours=segment_colours(len(table)),
                 ends=("jaccard_low", "jaccard_high"), width=3, alpha=0.5)  # fmt: skip
    guides.rows(axes, numbered(found.quotes["names"], 34), margin=0.6)
    guides.values(axes, "x", words("jaccard"), low=0, high=1.02)
    return figure


@drawing("fig-sensitivity")
def sensitivity(found: Finding, words: Words) -> Figure:
    """Agreement with the segments when one choice is made otherwise, one row each."""
    table = words.worded(found.table.head(24))
    return _intervals(table, [("main", table)], "choice", "agreement", words)


@drawing("fig-effects", of="effects")
def effects(found: Finding, words: Words) -> Figure:
    """Variance of each attribute that the segments explain, by its role, at most ten of each."""
    table = words.worded(found.of("effects").groupby("role", sort=False).head(10))
    parts = [part for _, part, _, _ in guides.groups(table, "role")]
    drawn = list(zip(("main", "good", "accent"), parts, strict=False))
    figure = _intervals(table, drawn, "label", "effect", words, key="role")
    figure.axes[0].legend()
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


@drawing("fig-rfm")
def rfm_grid(found: Finding, words: Words) -> Figure:
    """Left: customers by recency and frequency fifths; right: segments against RFM bands."""
    grid, names = found.table, found.quotes["names"]
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
               cells=(100 * grid).map("{:.0f} %".format), missing="–", turn=30)  # fmt: skip
    axes.set(xlabel=words("now"), ylabel=words("then"))
    return figure
