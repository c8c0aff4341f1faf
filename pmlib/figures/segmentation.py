"""Figures of the chapter on segmentation: how many segments there are, and what they are."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pmlib.figures import guides, marks
from pmlib.figures.style import COLOURS, DIVERGING, new_figure, segment_colours, styled

# Features shown beside the map of the customers: those that mark its axes most.
_LOADINGS = 12


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
    several = table[table["k"] > 1]
    silhouette.fill_between(several["k"], several["reference_low"], several["reference_high"],
                            color=COLOURS["light"], label="one group, 5–95 %")  # fmt: skip
    marks.line(silhouette, several, "k", "reference_mean", colour="muted", style="--",
               label="one group, mean")  # fmt: skip
    marks.estimates(silhouette, several, "silhouette", several["k"], colour="main", upright=True,
                    ends=("silhouette_low", "silhouette_high"), line="-", size=4,
                    label="the customers")  # fmt: skip
    silhouette.set(title="Silhouette", ylabel="mean silhouette", ylim=(0, None))
    silhouette.legend()
    points = {"color": COLOURS["main"], "marker": "o", "markersize": 4}
    jaccard.plot(table["k"], table["min_jaccard"], **points)
    marks.reference(jaccard, y=min_stability, colour="accent", width=1, style="--")
    jaccard.text(table["k"].max(), min_stability, "stable", color=COLOURS["accent"],
                 ha="right", va="bottom", fontsize=8)  # fmt: skip
    jaccard.set(title="Least stable segment", ylabel="bootstrap Jaccard", ylim=(0, 1.05))
    gap.errorbar(table["k"], table["gap"], yerr=table["gap_se"], **points)
    gap.set(title="Gap statistic", ylabel="gap", xlabel="number of segments")
    bic.plot(table["k"], table["bic"] / 1000, **points)
    bic.set(title="BIC of the mixture (less is better)", ylabel="BIC, thousands")
    bic.set_xlabel("number of segments")
    for panel in axes.flat:
        panel.axvline(chosen, color=COLOURS["good"], linewidth=5, alpha=0.25, zorder=0)
        panel.set_xticks(table["k"])
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
    figure, axes = guides.panel(0.8 + 0.42 * k)
    rows = np.arange(k)[::-1]
    bars = [("share", 0.19, "customers")]
    if value_label is not None:
        bars.append(("value_share", -0.19, value_label))
    for column, up, word in bars:
        shares = 100 * segments[column]
        drawn = axes.barh(rows + up, shares.clip(lower=0), height=0.36, color=segment_colours(k))
        if column != "share":
            for bar in drawn:
                bar.set(alpha=0.45, hatch="///", edgecolor="white", linewidth=0)
        labels = [f"{share:.0f} % of {word}" for share in shares]
        marks.notes(axes, labels, shares.clip(lower=0), rows + up)
    largest = segments[["share", "value_share"]].max().max()
    axes.set(yticks=rows, xlabel="share of the bank, %", xlim=(0, 145 * largest))
    axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= min(100, 145 * largest)])
    axes.set_yticklabels(_names(segments))
    axes.grid(axis="y", visible=False)
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
    labels = [guides.wrapped(label, 34) for label in grid.index]
    figure, axes = guides.panel(1.3 + guides.rows_height(labels))
    limit = max(1.0, float(np.nanmax(np.abs(grid.to_numpy()))))
    grid = grid.set_axis(labels).set_axis(_names(names), axis=1)
    marks.heat(axes, grid, cells=grid.map(lambda z: f"{z:+.1f}".replace("-", "−")),
               cmap=DIVERGING, low=-limit, high=limit, missing="–", turn=30,
               bar="deviation from the bank's mean, sd")  # fmt: skip
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
    labels = [guides.wrapped(feature, 34) for feature in features]
    profiles = list(guides.groups(standardised.sort_values("segment", kind="stable"), "segment"))
    figure, axes = guides.panel(0.8 + guides.rows_height(labels) + 0.12 * len(profiles))
    for segment, profile, colour, _ in profiles:
        z = profile.set_index("label")["z"].reindex(features)
        axes.plot(z, range(len(features)), color=colour, marker=guides.MARKERS[(segment - 1) % 10],
                  markersize=5, label=f"{segment} {profile['name'].iloc[0]}")  # fmt: skip
    marks.reference(axes, x=0, colour="muted")
    axes.set_yticks(range(len(features)), labels)
    axes.invert_yaxis()
    axes.set_xlabel("deviation from the bank's mean, sd")
    guides.key(figure, place="outside lower center", columns=2)
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
    labels = [guides.wrapped(label, 27) for label in strongest["label"]]
    figure = new_figure(max(3.4, 1.2 + guides.rows_height(labels)) + 0.12 * len(names))
    left, right = figure.subplots(1, 2, width_ratios=[1.25, 1])
    largest = max(int(squares["customers"].max()), 1) if len(squares) else 1
    for i, (name, colour) in enumerate(zip(names, segment_colours(len(names)), strict=True), 1):
        own = squares[squares["segment"] == i]
        left.scatter(own["x"], own["y"], s=6 + 70 * own["customers"] / largest, color=colour,
                     alpha=0.75, linewidths=0)  # fmt: skip
        left.scatter([], [], s=30, color=colour, label=f"{i} {name}")
    left.set(title="Customers (area: how many)")
    left.set_xlabel(f"component 1 ({100 * explained[0]:.0f} % of variance)")
    left.set_ylabel(f"component 2 ({100 * explained[1]:.0f} % of variance)")
    rows = np.arange(len(strongest))[::-1]
    marks.reference(right, x=0, colour="muted")
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
    labels = [guides.wrapped(label, 26) for label in standardised["label"]]
    figure = new_figure(0.4 + (0.5 + guides.rows_height(labels, count=5)) * lines)
    panels = figure.subplots(lines, columns, sharex=True, squeeze=False).ravel()
    for axes in panels[k:]:
        axes.set_visible(False)
    for axes, colour, row in zip(panels, segment_colours(k), segments.itertuples(), strict=False):
        mine = standardised[standardised["segment"] == row.segment]
        largest = mine["z"].abs().sort_values(ascending=False, kind="stable").index[:5]
        mine = mine.loc[largest]
        at = np.arange(len(mine))[::-1]
        marks.bars(axes, mine, "z", at, colour=colour, thickness=0.65)
        marks.reference(axes, x=0, colour="muted")
        axes.set_yticks(at, [guides.wrapped(label, 26) for label in mine["label"]])
        title = f"{row.segment} {row.name}, {100 * row.share:.0f}\N{NO-BREAK SPACE}%"
        axes.set_title(guides.wrapped(title, 22), fontsize=8.5)
        axes.grid(axis="y", visible=False)
    figure.supxlabel("deviation from the bank's mean, sd", fontsize=8.5)
    return figure


def _names(segments: pd.DataFrame) -> list[str]:
    return [
        f"{segment} {guides.wrapped(name, 26)}"
        for segment, name in zip(segments["segment"], segments["name"], strict=True)
    ]
