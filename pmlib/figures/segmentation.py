"""Figures of the chapter on segmentation."""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pmlib.figures.style import COLOURS, DIVERGING, SEQUENTIAL, new_figure, segment_colours, styled


@styled
def criteria(table: pd.DataFrame, *, chosen: int, min_stability: float) -> Figure:
    """Four criteria against the number of segments, the choice marked.

    Parameters
    ----------
    table : pandas.DataFrame
        ``k, silhouette, silhouette_low, silhouette_high, reference_mean, reference_low,
        reference_high, min_jaccard, gap, gap_se, bic``.
    chosen : int
        Number of segments that the rule takes.
    min_stability : float
    """
    figure = new_figure(3.9)
    axes = figure.subplots(2, 2, sharex=True)
    several = table[table["k"] > 1]
    axis = axes[0, 0]
    axis.fill_between(
        several["k"],
        several["reference_low"],
        several["reference_high"],
        color=COLOURS["light"],
        label="one group, 5–95 %",
    )
    axis.plot(
        several["k"],
        several["reference_mean"],
        color=COLOURS["muted"],
        linestyle="--",
        label="one group, mean",
    )
    axis.errorbar(
        several["k"],
        several["silhouette"],
        yerr=[
            several["silhouette"] - several["silhouette_low"],
            several["silhouette_high"] - several["silhouette"],
        ],
        color=COLOURS["main"],
        marker="o",
        markersize=4,
        label="the customers",
    )
    axis.set(title="Silhouette", ylabel="mean silhouette", ylim=(0, None))
    axis.legend()
    axis = axes[0, 1]
    axis.plot(table["k"], table["min_jaccard"], color=COLOURS["main"], marker="o", markersize=4)
    axis.axhline(min_stability, color=COLOURS["accent"], linestyle="--", linewidth=1)
    axis.annotate(
        "stable",
        (table["k"].max(), min_stability),
        color=COLOURS["accent"],
        ha="right",
        va="bottom",
        fontsize=8,
    )
    axis.set(title="Least stable segment", ylabel="bootstrap Jaccard", ylim=(0, 1.05))
    axis = axes[1, 0]
    axis.errorbar(
        table["k"],
        table["gap"],
        yerr=table["gap_se"],
        color=COLOURS["main"],
        marker="o",
        markersize=4,
    )
    axis.set(title="Gap statistic", ylabel="gap", xlabel="number of segments")
    axis = axes[1, 1]
    axis.plot(table["k"], table["bic"] / 1000, color=COLOURS["main"], marker="o", markersize=4)
    axis.set(
        title="BIC of the mixture",
        ylabel="BIC, thousands (less is better)",
        xlabel="number of segments",
    )
    for axis in axes.flat:
        axis.axvline(chosen, color=COLOURS["good"], linewidth=5, alpha=0.25, zorder=0)
        axis.set_xticks(table["k"])
    return figure  # fmt: skip


@styled
def sizes(segments: pd.DataFrame, *, value_label: str | None) -> Figure:
    """Share of customers and share of value, one pair of bars a segment.

    Parameters
    ----------
    segments : pandas.DataFrame
        ``segment, name, share, value_share``.
    value_label : str or None
        What the value is; None when the study knows none.
    """
    k = len(segments)
    figure = new_figure(0.8 + 0.42 * k)
    axis = figure.subplots()
    rows = np.arange(k)[::-1]
    colours = segment_colours(k)
    axis.barh(rows + 0.19, 100 * segments["share"], height=0.36, color=colours)
    for row, share in zip(rows, segments["share"], strict=True):
        axis.annotate(
            f"{100 * share:.0f} % of customers",
            (100 * share, row + 0.19),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    if value_label is not None:
        axis.barh(
            rows - 0.19,
            100 * segments["value_share"].clip(lower=0),
            height=0.36,
            color=colours,
            alpha=0.45,
            hatch="///",
            edgecolor="white",
            linewidth=0,
        )
        for row, share in zip(rows, segments["value_share"], strict=True):
            axis.annotate(
                f"{100 * share:.0f} % of {value_label}",
                (100 * max(share, 0), row - 0.19),
                xytext=(3, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
            )
    largest = segments[["share", "value_share"]].max().max()
    axis.set(yticks=rows, xlabel="share of the bank, %", xlim=(0, 135 * largest))
    axis.set_yticklabels(_names(segments))
    axis.grid(axis="y", visible=False)
    return figure  # fmt: skip


@styled
def heatmap(standardised: pd.DataFrame) -> Figure:
    """Standardised means of the features by segment.

    Parameters
    ----------
    standardised : pandas.DataFrame
        ``segment, name, label, z``.
    """
    grid = standardised.pivot_table(index="label", columns="segment", values="z", sort=False)
    names = standardised.drop_duplicates("segment").sort_values("segment")
    figure = new_figure(1.3 + 0.27 * len(grid), width=6.3)
    axis = figure.subplots()
    limit = max(1.0, float(np.nanmax(np.abs(grid.to_numpy()))))
    _heat(
        axis,
        grid,
        annotations=grid.map(lambda z: f"{z:+.1f}".replace("-", "−")),
        cmap=DIVERGING,
        vmin=-limit,
        vmax=limit,
        cbar=True,
        cbar_kws={"label": "deviation from the bank's mean, sd", "pad": 0.02},
    )
    axis.set_xticklabels(_names(names), rotation=30, ha="right", rotation_mode="anchor")
    axis.set_yticklabels([_wrapped(label, 34) for label in grid.index], rotation=0)
    return figure  # fmt: skip


@styled
def snake(standardised: pd.DataFrame) -> Figure:
    """Profiles as lines: one line a segment across the features.

    Parameters
    ----------
    standardised : pandas.DataFrame
        ``segment, name, label, z``.
    """
    labels = list(dict.fromkeys(standardised["label"]))
    groups = list(standardised.groupby("segment", sort=True))
    colours = segment_colours(len(groups))
    figure = new_figure(3.0 + 0.12 * len(groups))
    axis = figure.subplots()
    for colour, (segment, rows) in zip(colours, groups, strict=True):
        axis.plot(
            range(len(labels)),
            rows.set_index("label")["z"].reindex(labels),
            color=colour,
            marker="osD^vPX<>*"[(segment - 1) % 10],
            markersize=5,
            label=f"{segment} {rows['name'].iloc[0]}",
        )
    axis.axhline(0, color=COLOURS["muted"], linewidth=0.8)
    axis.set_xticks(
        range(len(labels)),
        [_wrapped(label, 13) for label in labels],
        rotation=0 if len(labels) <= 9 else 90,
    )
    axis.set(ylabel="deviation from the bank's mean, sd")
    figure.legend(loc="outside lower center", ncols=2)
    return figure  # fmt: skip


@styled
def customer_map(
    squares: pd.DataFrame,
    loadings: pd.DataFrame,
    *,
    names: list[str],
    explained: tuple[float, float],
) -> Figure:
    """Customers on two principal components beside the features' correlations with them.

    Parameters
    ----------
    squares : pandas.DataFrame
        ``x, y, segment, customers``.
    loadings : pandas.DataFrame
        ``label, x, y``.
    names : list of str
        Segment 1 first.
    explained : tuple of float
    """
    figure = new_figure(3.4 + 0.12 * len(names))
    left, right = figure.subplots(1, 2, width_ratios=[1.25, 1])
    colours = segment_colours(len(names))
    largest = max(int(squares["customers"].max()), 1) if len(squares) else 1
    for index, name in enumerate(names):
        rows = squares[squares["segment"] == index + 1]
        left.scatter(
            rows["x"],
            rows["y"],
            s=6 + 70 * rows["customers"] / largest,
            color=colours[index],
            alpha=0.75,
            linewidths=0,
        )
        left.scatter([], [], s=30, color=colours[index], label=f"{index + 1} {name}")
    axis_names = [
        f"component {i + 1} ({100 * share:.0f} % of variance)" for i, share in enumerate(explained)
    ]
    left.set(title="Customers (area: how many)", xlabel=axis_names[0], ylabel=axis_names[1])
    strongest = loadings.assign(size=np.hypot(loadings["x"], loadings["y"]))
    strongest = strongest.sort_values("size", ascending=False, kind="stable").head(12)
    rows = np.arange(len(strongest))[::-1]
    right.axvline(0, color=COLOURS["muted"], linewidth=0.8)
    for column, marker, colour, number in (("x", "o", "main", 1), ("y", "s", "accent", 2)):
        right.plot(
            strongest[column],
            rows,
            marker,
            color=COLOURS[colour],
            markersize=5,
            label=f"component {number}",
        )
    right.set_yticks(rows, [_wrapped(label, 18) for label in strongest["label"]])
    right.set(title="What the components are", xlim=(-1.05, 1.05), xlabel="correlation")
    right.legend(
        loc="upper center", bbox_to_anchor=(0.4, -0.13), ncols=2, handletextpad=0, columnspacing=0.8
    )
    if len(names) > 1:
        figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure  # fmt: skip


def _heat(
    axis: Axes,
    grid: pd.DataFrame,
    *,
    annotations: pd.DataFrame,
    cmap: str,
    vmin: float,
    vmax: float | None = None,
    cbar: bool = False,
    cbar_kws: dict[str, object] | None = None,
) -> None:
    """Draw a heat map with its values written in the cells; missing cells stay white."""
    sns.heatmap(
        grid,
        ax=axis,
        cmap=cmap,
        vmin=vmin,
        vmax=vmax,
        cbar=cbar,
        cbar_kws=cbar_kws,
        linewidths=0.5,
        linecolor="white",
        mask=grid.isna(),
        annot=annotations,
        fmt="",
        annot_kws={"fontsize": 8},
    )
    for (row, column), value in np.ndenumerate(grid.to_numpy(dtype=float)):
        if np.isnan(value):
            axis.text(column + 0.5, row + 0.5, "–", ha="center", va="center", fontsize=8)
    axis.grid(visible=False)
    axis.tick_params(length=0)
    axis.set(xlabel="", ylabel="")


def _count(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:,.0f}"


def _names(segments: pd.DataFrame) -> list[str]:
    return [
        f"{segment} {_wrapped(name, 26)}"
        for segment, name in zip(segments["segment"], segments["name"], strict=True)
    ]


def _wrapped(text: str, width: int) -> str:
    return "\n".join(textwrap.wrap(text, width, break_long_words=False))


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
    rows = np.arange(len(table))[::-1]
    for limit, word in ((0.6, "not to be trusted below"), (0.75, "stable"), (0.85, "very stable")):
        axis.axvline(limit, color=COLOURS["muted"], linestyle=":", linewidth=1)
        axis.annotate(
            word,
            (limit, 1.01),
            xycoords=("data", "axes fraction"),
            fontsize=8,
            ha="right" if limit == 0.6 else "left",
            color=COLOURS["muted"],
        )
    for row, colour, (_, values) in zip(
        rows, segment_colours(len(table)), table.iterrows(), strict=True
    ):
        axis.plot(
            [values["jaccard_low"], values["jaccard_high"]],
            [row, row],
            color=colour,
            linewidth=3,
            alpha=0.5,
        )
        axis.plot(values["jaccard"], row, "o", color=colour)
    axis.set_yticks(rows, [f"{i + 1} {_wrapped(name, 34)}" for i, name in enumerate(names)])
    axis.set(xlim=(0, 1.02), xlabel="Jaccard similarity over resamples: mean with interval")
    axis.set_ylim(-0.6, len(table) - 0.4)
    return figure  # fmt: skip


@styled
def intervals(
    table: pd.DataFrame, *, label: str, value: str, xlabel: str, group: str | None = None
) -> Figure:
    """Estimates with their intervals, one row each.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns `label`, `value`, ``low, high`` and, for two colours, the flag `group`.
    label, value : str
    xlabel : str
    group : str, optional
        Rows where it is true are drawn in the second colour (those left out of the clustering
        in the first).
    """
    table = table.groupby(group, sort=False).head(12) if group else table.head(24)
    figure = new_figure(0.8 + 0.2 * len(table))
    axis = figure.subplots()
    rows = np.arange(len(table))[::-1]
    marked = table[group].astype(bool).to_numpy() if group else np.zeros(len(table), dtype=bool)
    for flag, colour, word in ((False, "main", "held out"), (True, "accent", "formed segments")):
        at = marked == flag
        if at.any():
            part = table[at]
            axis.errorbar(
                part[value],
                rows[at],
                xerr=[
                    (part[value] - part["low"]).clip(lower=0),
                    (part["high"] - part[value]).clip(lower=0),
                ],
                fmt="o",
                color=COLOURS[colour],
                markersize=4,
                label=word,
            )
    axis.set_yticks(rows, list(table[label]))
    axis.set(xlabel=xlabel, xlim=(0, None), ylim=(-0.6, len(table) - 0.4))
    if group:
        axis.legend()
    return figure  # fmt: skip


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
    _heat(left, table, annotations=table.map(_count), cmap=SEQUENTIAL, vmin=0)
    left.set_yticklabels(range(5, 0, -1), rotation=0)
    left.set(
        title="Customers", xlabel="recency (5 most recent)", ylabel="frequency (5 most frequent)"
    )
    shares = bands.pivot_table(index="segment", columns="band", values="share", fill_value=0)
    rows = np.arange(len(shares))[::-1]
    start = np.zeros(len(shares))
    order = ("low", "middle", "high")
    ordered = sorted(shares.columns, key=lambda band: order.index(band.split()[0]))
    for band, colour in zip(ordered, ("light", "accent", "main"), strict=False):
        right.barh(
            rows,
            100 * shares[band],
            left=100 * start,
            color=COLOURS[colour],
            label=band,
            edgecolor="white",
        )
        start = start + shares[band].to_numpy()
    right.set_yticks(rows, [f"{s} {_wrapped(names[s - 1], 20)}" for s in shares.index])
    right.set(title="Segments by RFM sum", xlabel="customers of the segment, %", xlim=(0, 100))
    right.grid(axis="y", visible=False)
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower right", ncols=3)
    return figure  # fmt: skip


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
    shares = grid.map(lambda share: "–" if np.isnan(share) else f"{100 * share:.0f} %")
    _heat(axis, grid, annotations=shares, cmap=SEQUENTIAL, vmin=0, vmax=1)
    labels = [f"{i + 1} {name}" for i, name in enumerate(names)]
    axis.set_xticklabels(
        [_wrapped(label, 26) for label in labels], rotation=30, ha="right", rotation_mode="anchor"
    )
    axis.set_yticklabels([_wrapped(label, 30) for label in labels], rotation=0)
    axis.set(xlabel="segment now", ylabel="segment then")
    return figure  # fmt: skip


@styled
def cards(standardised: pd.DataFrame, segments: pd.DataFrame) -> Figure:
    """Small multiples: for each segment the features that set it apart most.

    Parameters
    ----------
    standardised : pandas.DataFrame
        ``segment, label, z``.
    segments : pandas.DataFrame
        ``segment, name, share``.
    """
    k = len(segments)
    columns = min(k, 2)
    lines = -(-k // columns)
    figure = new_figure(0.4 + 1.5 * lines)
    axes = np.atleast_1d(figure.subplots(lines, columns, sharex=True)).ravel()
    for axis in axes[k:]:
        axis.set_visible(False)
    for axis, colour, (_, row) in zip(
        axes[:k], segment_colours(k), segments.iterrows(), strict=True
    ):
        mine = standardised[standardised["segment"] == row["segment"]]
        mine = mine.reindex(mine["z"].abs().sort_values(ascending=False, kind="stable").index)
        mine = mine.head(5)
        rows = np.arange(len(mine))[::-1]
        axis.barh(rows, mine["z"], color=colour, height=0.65)
        axis.axvline(0, color=COLOURS["muted"], linewidth=0.8)
        axis.set_yticks(rows, [_wrapped(label, 26) for label in mine["label"]])
        title = f"{row['segment']} {row['name']}, {100 * row['share']:.0f} %"
        axis.set_title(_wrapped(title, 30), fontsize=8.5)
        axis.grid(axis="y", visible=False)
    for axis in axes[max(k - columns, 0) : k]:
        axis.set_xlabel("deviation from the bank's mean, sd")
    return figure  # fmt: skip
