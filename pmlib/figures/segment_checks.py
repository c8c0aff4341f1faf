"""Figures that judge segments: stability, choices made otherwise, RFM, migration."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pmlib.figures.segmentation import heat, rows_height, wrapped
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
    figure = new_figure(1.1 + 0.34 * len(table))
    axis = figure.subplots()
    for limit, word in ((0.6, "not to be trusted below"), (0.75, "stable"), (0.85, "very stable")):
        axis.axvline(limit, color=COLOURS["muted"], linestyle=":", linewidth=1)
        axis.text(limit, 1.01, word, transform=axis.get_xaxis_transform(), fontsize=8,
                  ha="right" if limit == 0.6 else "left", color=COLOURS["muted"])  # fmt: skip
    rows = np.arange(len(table))[::-1]
    colours = segment_colours(len(table))
    axis.hlines(rows, table["jaccard_low"], table["jaccard_high"], colours, linewidth=3, alpha=0.5)
    axis.scatter(table["jaccard"], rows, s=36, color=colours, zorder=3)
    axis.set_yticks(rows, [f"{i + 1} {wrapped(name, 34)}" for i, name in enumerate(names)])
    axis.set(xlim=(0, 1.02), ylim=(-0.6, len(table) - 0.4))
    axis.set_xlabel("Jaccard similarity over resamples: mean with interval")
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
    labels = [wrapped(text, 50) for text in table[label]]
    figure = new_figure(0.8 + rows_height(labels))
    axis = figure.subplots()
    table = table.assign(row=np.arange(len(table))[::-1])
    parts = list(table.groupby(group, sort=False)) if group else [("", table)]
    for (word, part), colour in zip(parts, ("main", "good", "accent"), strict=False):
        errors = [(part[value] - part["low"]).clip(0), (part["high"] - part[value]).clip(0)]
        axis.errorbar(part[value], part["row"], xerr=errors, fmt="o", markersize=4,
                      color=COLOURS[colour], label=word)  # fmt: skip
    axis.set_yticks(table["row"], labels)
    axis.set(xlabel=xlabel, xlim=(0, None), ylim=(-0.6, len(table) - 0.4))
    if group:
        axis.legend()
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
    heat(left, table, annotations=table.map("{:,.0f}".format), cmap=SEQUENTIAL, vmin=0)
    left.set_yticklabels(range(5, 0, -1), rotation=0)
    left.set(title="Customers", xlabel="recency (5 most recent)")
    left.set_ylabel("frequency (5 most frequent)")
    shares = bands.pivot_table(index="segment", columns="band", values="share", fill_value=0)
    rows = np.arange(len(shares))[::-1]
    start = np.zeros(len(shares))
    colours = {"low": "light", "middle": "accent", "high": "main"}
    for word, colour in colours.items():
        for band in shares.columns[shares.columns.str.startswith(word)]:
            right.barh(rows, 100 * shares[band], left=100 * start, color=COLOURS[colour],
                       label=band, edgecolor="white")  # fmt: skip
            start = start + shares[band].to_numpy()
    right.set_yticks(rows, [f"{s} {wrapped(names[s - 1], 20)}" for s in shares.index])
    right.set(title="Segments by RFM sum", xlabel="customers of the segment, %", xlim=(0, 100))
    right.grid(axis="y", visible=False)
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower right", ncols=3)
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
    k = len(names)
    grid = table.pivot_table(index="segment_then", columns="segment_now", values="share")
    grid = grid.reindex(index=range(1, k + 1), columns=range(1, k + 1))
    figure = new_figure(1.3 + 0.36 * k)
    axis = figure.subplots()
    shares = (100 * grid).map("{:.0f} %".format)
    heat(axis, grid, annotations=shares, cmap=SEQUENTIAL, vmin=0, vmax=1)
    labels = [f"{i + 1} {name}" for i, name in enumerate(names)]
    axis.set_xticklabels(
        [wrapped(label, 26) for label in labels], rotation=30, ha="right", rotation_mode="anchor"
    )
    axis.set_yticklabels([wrapped(label, 30) for label in labels], rotation=0)
    axis.set(xlabel="segment now", ylabel="segment then")
    return figure
