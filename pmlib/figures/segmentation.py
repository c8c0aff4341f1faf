"""Figures of the chapter on segmentation."""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pmlib.figures.style import COLOURS, DIVERGING, new_figure, segment_colours, styled


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
    figure = new_figure(4.4)
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
    figure = new_figure(0.9 + 0.5 * k)
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
    image = axis.imshow(grid, cmap=DIVERGING, vmin=-limit, vmax=limit, aspect="auto")
    for row in range(grid.shape[0]):
        for column in range(grid.shape[1]):
            value = grid.iloc[row, column]
            axis.text(
                column,
                row,
                f"{value:+.1f}".replace("-", "−"),
                ha="center",
                va="center",
                color="white" if abs(value) > 0.6 * limit else COLOURS["ink"],
                fontsize=8,
            )
    axis.set_xticks(
        range(grid.shape[1]), [_wrapped(n.replace(chr(10), " "), 12) for n in _names(names)]
    )
    axis.set_yticks(range(grid.shape[0]), [_wrapped(label, 34) for label in grid.index])
    axis.grid(visible=False)
    axis.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axis, shrink=0.9, pad=0.02)
    bar.set_label("deviation from the bank's mean, sd")
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
    figure = new_figure(3.6 + 0.12 * len(groups))
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
    figure = new_figure(3.9 + 0.12 * len(names))
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
            label=f"{index + 1} {name}",
        )
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


def _names(segments: pd.DataFrame) -> list[str]:
    return [
        f"{segment} {_wrapped(name, 26)}"
        for segment, name in zip(segments["segment"], segments["name"], strict=True)
    ]


def _wrapped(text: str, width: int) -> str:
    return "\n".join(textwrap.wrap(text, width))
