"""Figures of the chapter on segmentation: how many segments there are, and what they are."""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pmlib.figures.style import COLOURS, DIVERGING, new_figure, segment_colours, styled

# Features shown beside the map of the customers: those that mark its axes most.
_LOADINGS = 12
_DEVIATION = "deviation from the bank's mean, sd"


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
    (silhouette, jaccard), (gap, bic) = axes
    points = {"color": COLOURS["main"], "marker": "o", "markersize": 4}
    several = table[table["k"] > 1]
    k, mean = several["k"], several["silhouette"]
    silhouette.fill_between(k, several["reference_low"], several["reference_high"],
                            color=COLOURS["light"], label="one group, 5–95 %")  # fmt: skip
    silhouette.plot(k, several["reference_mean"], "--", color=COLOURS["muted"],
                    label="one group, mean")  # fmt: skip
    ends = [mean - several["silhouette_low"], several["silhouette_high"] - mean]
    silhouette.errorbar(k, mean, yerr=ends, label="the customers", **points)
    silhouette.set(title="Silhouette", ylabel="mean silhouette", ylim=(0, None))
    silhouette.legend()
    jaccard.plot(table["k"], table["min_jaccard"], **points)
    jaccard.axhline(min_stability, color=COLOURS["accent"], linestyle="--", linewidth=1)
    jaccard.text(table["k"].max(), min_stability, "stable", color=COLOURS["accent"],
                 ha="right", va="bottom", fontsize=8)  # fmt: skip
    jaccard.set(title="Least stable segment", ylabel="bootstrap Jaccard", ylim=(0, 1.05))
    gap.errorbar(table["k"], table["gap"], yerr=table["gap_se"], **points)
    gap.set(title="Gap statistic", ylabel="gap", xlabel="number of segments")
    bic.plot(table["k"], table["bic"] / 1000, **points)
    bic.set(title="BIC of the mixture (less is better)", ylabel="BIC, thousands")
    bic.set_xlabel("number of segments")
    for axis in axes.flat:
        axis.axvline(chosen, color=COLOURS["good"], linewidth=5, alpha=0.25, zorder=0)
        axis.set_xticks(table["k"])
    return figure


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
    bars = [("share", 0.19, "customers")]
    if value_label is not None:
        bars.append(("value_share", -0.19, value_label))
    for column, up, word in bars:
        shares = 100 * segments[column]
        drawn = axis.barh(rows + up, shares.clip(lower=0), height=0.36, color=segment_colours(k))
        if column != "share":
            for bar in drawn:
                bar.set(alpha=0.45, hatch="///", edgecolor="white", linewidth=0)
        for row, share in zip(rows, shares, strict=True):
            axis.annotate(
                f"{share:.0f} % of {word}", (max(share, 0), row + up), xytext=(3, 0),
                textcoords="offset points", va="center", fontsize=8,
            )  # fmt: skip
    largest = segments[["share", "value_share"]].max().max()
    axis.set(yticks=rows, xlabel="share of the bank, %", xlim=(0, 145 * largest))
    axis.set_xticks([tick for tick in axis.get_xticks() if 0 <= tick <= min(100, 145 * largest)])
    axis.set_yticklabels(_names(segments))
    axis.grid(axis="y", visible=False)
    return figure


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
    labels = [wrapped(label, 34) for label in grid.index]
    figure = new_figure(1.3 + rows_height(labels), width=6.3)
    axis = figure.subplots()
    limit = max(1.0, float(np.nanmax(np.abs(grid.to_numpy()))))
    heat(axis, grid, annotations=grid.map(lambda z: f"{z:+.1f}".replace("-", "−")),
         cmap=DIVERGING, vmin=-limit, vmax=limit, bar_label=_DEVIATION)  # fmt: skip
    axis.set_xticklabels(_names(names), rotation=30, ha="right", rotation_mode="anchor")
    axis.set_yticklabels(labels, rotation=0)
    return figure


@styled
def snake(standardised: pd.DataFrame) -> Figure:
    """Profiles as lines: one line a segment down the features.

    Parameters
    ----------
    standardised : pandas.DataFrame
        ``segment, name, label, z``.
    """
    features = list(dict.fromkeys(standardised["label"]))
    labels = [wrapped(feature, 34) for feature in features]
    groups = list(standardised.groupby("segment", sort=True))
    colours = segment_colours(len(groups))
    figure = new_figure(0.8 + rows_height(labels) + 0.12 * len(groups))
    axis = figure.subplots()
    for colour, (segment, rows) in zip(colours, groups, strict=True):
        axis.plot(rows.set_index("label")["z"].reindex(features), range(len(features)),
                  color=colour, marker="osD^vPX<>*"[(segment - 1) % 10], markersize=5,
                  label=f"{segment} {rows['name'].iloc[0]}")  # fmt: skip
    axis.axvline(0, color=COLOURS["muted"], linewidth=0.8)
    axis.set_yticks(range(len(features)), labels)
    axis.invert_yaxis()
    axis.set_xlabel(_DEVIATION)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


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
    strongest = loadings.assign(size=np.hypot(loadings["x"], loadings["y"]))
    strongest = strongest.sort_values("size", ascending=False, kind="stable").head(_LOADINGS)
    labels = [wrapped(label, 27) for label in strongest["label"]]
    figure = new_figure(max(3.4, 1.2 + rows_height(labels)) + 0.12 * len(names))
    left, right = figure.subplots(1, 2, width_ratios=[1.25, 1])
    colours = segment_colours(len(names))
    largest = max(int(squares["customers"].max()), 1) if len(squares) else 1
    for index, name in enumerate(names):
        rows = squares[squares["segment"] == index + 1]
        left.scatter(rows["x"], rows["y"], s=6 + 70 * rows["customers"] / largest,
                     color=colours[index], alpha=0.75, linewidths=0)  # fmt: skip
        left.scatter([], [], s=30, color=colours[index], label=f"{index + 1} {name}")
    left.set(title="Customers (area: how many)")
    left.set_xlabel(f"component 1 ({100 * explained[0]:.0f} % of variance)")
    left.set_ylabel(f"component 2 ({100 * explained[1]:.0f} % of variance)")
    rows = np.arange(len(strongest))[::-1]
    right.axvline(0, color=COLOURS["muted"], linewidth=0.8)
    for column, marker, colour, number in (("x", "o", "main", 1), ("y", "s", "accent", 2)):
        right.plot(strongest[column], rows, marker, color=COLOURS[colour], markersize=5,
                   label=f"component {number}")  # fmt: skip
    right.set_yticks(rows, labels)
    right.set(title="What the components are", xlim=(-1.05, 1.05), xlabel="correlation")
    right.legend(loc="upper center", bbox_to_anchor=(0.4, -0.13), ncols=2, handletextpad=0,
                 columnspacing=0.8)  # fmt: skip
    if len(names) > 1:
        figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


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
    labels = [wrapped(label, 26) for label in standardised["label"]]
    figure = new_figure(0.4 + (0.5 + rows_height(labels, rows=5)) * lines)
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
        axis.set_yticks(rows, [wrapped(label, 26) for label in mine["label"]])
        title = f"{row['segment']} {row['name']}, {100 * row['share']:.0f}\N{NO-BREAK SPACE}%"
        axis.set_title(wrapped(title, 22), fontsize=8.5)
        axis.grid(axis="y", visible=False)
    figure.supxlabel(_DEVIATION, fontsize=8.5)
    return figure


def heat(
    axis: Axes,
    grid: pd.DataFrame,
    *,
    annotations: pd.DataFrame,
    cmap: str,
    vmin: float,
    vmax: float | None = None,
    bar_label: str = "",
) -> None:
    """Draw a heat map with its values written in the cells; missing cells stay white.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
    grid : pandas.DataFrame
        Numbers that give the colours.
    annotations : pandas.DataFrame
        Text of each cell.
    cmap : str
    vmin, vmax : float
    bar_label : str
        Of the colour bar; without it there is none.
    """  # fmt: skip
    sns.heatmap(grid, ax=axis, cmap=cmap, vmin=vmin, vmax=vmax, mask=grid.isna(), linewidths=0.5,
                linecolor="white", annot=annotations, fmt="", annot_kws={"fontsize": 8},
                cbar=bool(bar_label), cbar_kws={"label": bar_label, "pad": 0.02})  # fmt: skip
    for (row, column), value in np.ndenumerate(grid.to_numpy(dtype=float)):
        if np.isnan(value):
            axis.text(column + 0.5, row + 0.5, "–", ha="center", va="center", fontsize=8)
    axis.grid(visible=False)
    axis.tick_params(length=0)
    axis.set(xlabel="", ylabel="")


def _names(segments: pd.DataFrame) -> list[str]:
    return [
        f"{segment} {wrapped(name, 26)}"
        for segment, name in zip(segments["segment"], segments["name"], strict=True)
    ]


def rows_height(labels: list[str], *, rows: int | None = None) -> float:
    """Height in inches of evenly spaced rows that leaves room for the label of most lines."""
    lines = max((label.count("\n") + 1 for label in labels), default=1)
    return (0.1 + 0.14 * lines) * (len(labels) if rows is None else rows)


def wrapped(text: str, width: int) -> str:
    """Break a label into lines of at most `width` characters."""
    return "\n".join(textwrap.wrap(text, width, break_long_words=False))
