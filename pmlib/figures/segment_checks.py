"""Figures that judge segments: stability, choices made otherwise, RFM, migration."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pmlib.figures import guides, marks
from pmlib.figures.style import COLOURS, SEQUENTIAL, new_figure, segment_colours, styled


@styled
def stability(table: pd.DataFrame, *, names: list[str]) -> Figure:
    """Bootstrap Jaccard of each segment with its interval, against the usual thresholds.

    Parameters
    ----------
    table : pandas.DataFrame
        ``segment, jaccard, jaccard_low, jaccard_high``.
    names : list of str
    """
    figure, axes = guides.panel(1.1 + 0.34 * len(table))
    for limit, word in ((0.6, "not to be trusted below"), (0.75, "stable"), (0.85, "very stable")):
        marks.reference(axes, x=limit, colour="muted", width=1, style=":")
        axes.text(limit, 1.01, word, transform=axes.get_xaxis_transform(), fontsize=8,
                  ha="right" if limit == 0.6 else "left", color=COLOURS["muted"])  # fmt: skip
    marks.ranges(axes, table, "jaccard", range(len(table)), colours=segment_colours(len(table)),
                 ends=("jaccard_low", "jaccard_high"), width=3, alpha=0.5)  # fmt: skip
    labels = [f"{i} {guides.wrapped(name, 34)}" for i, name in enumerate(names, 1)]
    guides.rows(axes, labels, margin=0.6)
    label = "Jaccard similarity over resamples: mean with interval"
    guides.values(axes, "x", label, low=0, high=1.02)
    return figure


@styled
def intervals(
    table: pd.DataFrame, *, label: str, value: str, xlabel: str, group: str | None = None
) -> Figure:
    """Estimates with their intervals, one row each.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns `label`, `value`, ``low, high`` and `group`.
    label, value : str
    xlabel : str
    group : str, optional
        At most three groups of rows, one below the other, each drawn in its colour.
    """
    table = table.groupby(group, sort=False).head(10) if group else table.head(24)
    table = table.assign(row=np.arange(len(table)))
    labels = [guides.wrapped(text, 50) for text in table[label]]
    figure, axes = guides.panel(0.8 + guides.rows_height(labels))
    parts = [own[:2] for own in guides.groups(table, group)] if group else [("", table)]
    for (word, part), colour in zip(parts, ("main", "good", "accent"), strict=False):
        marks.estimates(axes, part, value, part["row"], colour=colour, label=word, size=4)
    guides.rows(axes, labels, margin=0.6)
    guides.values(axes, "x", xlabel, low=0)
    if group:
        axes.legend()
    return figure


@styled
def rfm_grid(grid: pd.DataFrame, bands: pd.DataFrame, *, names: list[str]) -> Figure:
    """Left: customers by recency and frequency fifths; right: segments against RFM bands.

    Parameters
    ----------
    grid : pandas.DataFrame
        ``recency_score, frequency_score, customers, monetary``.
    bands : pandas.DataFrame
        ``segment, band, share`` (of the segment).
    names : list of str
    """
    figure = new_figure(3.0 + 0.12 * len(names))
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.15])
    table = grid.pivot_table(index="frequency_score", columns="recency_score", values="customers")
    table = table.reindex(index=range(5, 0, -1), columns=range(1, 6))
    marks.heat(left, table, cells=table.map("{:,.0f}".format), cmap=SEQUENTIAL, low=0,
               missing="–")  # fmt: skip
    left.set(title="Customers", xlabel="recency (5 most recent)")
    left.set_ylabel("frequency (5 most frequent)")
    shares = bands.pivot_table(index="segment", columns="band", values="share", fill_value=0)
    rows = np.arange(len(shares))[::-1]
    start = np.zeros(len(shares))
    for word, colour in (("low", "light"), ("middle", "accent"), ("high", "main")):
        for band in shares.columns[shares.columns.str.startswith(word)]:
            right.barh(rows, 100 * shares[band], left=100 * start, color=COLOURS[colour],
                       label=band, edgecolor="white")  # fmt: skip
            start = start + shares[band].to_numpy()
    right.set_yticks(rows, [f"{s} {guides.wrapped(names[s - 1], 20)}" for s in shares.index])
    right.set(title="Segments by RFM sum", xlabel="customers of the segment, %", xlim=(0, 100))
    right.grid(axis="y", visible=False)
    guides.key(figure, place="outside lower right", columns=3)
    return figure


@styled
def migration(table: pd.DataFrame, *, names: list[str]) -> Figure:
    """Where the customers of each segment are some time later.

    Parameters
    ----------
    table : pandas.DataFrame
        ``segment_then, segment_now, share``; a missing share is not shown.
    names : list of str
    """
    segments = range(1, len(names) + 1)
    grid = table.pivot_table(index="segment_then", columns="segment_now", values="share")
    grid = grid.reindex(index=segments, columns=segments)
    figure, axes = guides.panel(1.3 + 0.36 * len(names))
    down, across = (
        [guides.wrapped(f"{i} {name}", width) for i, name in enumerate(names, 1)]
        for width in (30, 26)
    )
    marks.heat(axes, grid.set_axis(down).set_axis(across, axis=1), cmap=SEQUENTIAL, low=0, high=1,
               cells=(100 * grid).map("{:.0f} %".format), missing="–", turn=30)  # fmt: skip
    axes.set(xlabel="segment now", ylabel="segment then")
    return figure
