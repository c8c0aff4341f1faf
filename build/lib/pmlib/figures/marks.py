"""The few drawing forms that all figures share: estimates, bars, lines, heat maps, flows.

Each takes an `Axes`, columns of a data frame, and every word as an argument; it draws and computes
no statistic. Sizes, widths, caps and gaps are in points; `ends` are the columns of an interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from pmlib.figures.style import COLOURS

Ends: TypeAlias = tuple[str, str]
"""Columns of the lower and of the upper end of an interval."""

INTERVAL: Ends = ("low", "high")

Anchor: TypeAlias = Any
"""Array, series, index or list of numbers."""

Colour: TypeAlias = str
"""A role of `pmlib.figures.style.COLOURS`, or a colour as matplotlib writes it."""


def _paint(colour: Colour) -> str:
    return COLOURS.get(colour, colour)


def estimates(
    axes: Axes, table: pd.DataFrame, value: str, at: Anchor, *, colour: Colour,
    label: str | None = None, ends: Ends = INTERVAL, upright: bool = False, scale: float = 1,
    marker: str = "o", line: str = "", size: float = 4.5, width: float | None = None,
    cap: float = 0,
) -> None:  # fmt: skip
    """Draw estimates as points with their intervals; without rows nothing, not even in the key.

    Values and ends are multiplied by `scale`. Rows stand at `at` on the vertical axis, or on the
    horizontal one if `upright`; `line` is the style of a line that joins the points.
    """
    if table.empty:
        return
    middle = scale * table[value]
    _errorbar(axes, middle, at, distances(table, value, ends) * scale, upright=upright,
              fmt=marker + line, markersize=size, linewidth=width, capsize=cap, label=label,
              color=_paint(colour))  # fmt: skip


def distances(table: pd.DataFrame, value: str, ends: Ends = INTERVAL) -> np.ndarray:
    """Distances from a value to the ends of its interval, (2, n), as error bars want them."""
    low, high = ends
    return np.clip(np.vstack([table[value] - table[low], table[high] - table[value]]), 0, None)


def _errorbar(
    axes: Axes, middle: pd.Series, at: Anchor, to_ends: np.ndarray, *, upright: bool, **look: Any
) -> None:
    if upright:
        axes.errorbar(at, middle, yerr=to_ends, **look)
    else:
        axes.errorbar(middle, at, xerr=to_ends, **look)


def ranges(
    axes: Axes, table: pd.DataFrame, value: str, at: Anchor, *, colours: Sequence[str],
    label: str | None = None, ends: Ends = INTERVAL, width: float = 2, alpha: float = 1,
    size: float = 36,
) -> None:  # fmt: skip
    """Draw lying estimates on broad lines from end to end, each row in its own colour.

    `size` is that of the dots, in square points.
    """
    low, high = ends
    axes.hlines(at, table[low], table[high], color=colours, linewidth=width, alpha=alpha)
    axes.scatter(table[value], at, s=size, color=colours, zorder=3, label=label)


def bars(
    axes: Axes, table: pd.DataFrame, value: str, at: Anchor, *,
    colour: Colour | Sequence[str] = "main", thickness: float = 0.7, label: str | None = None,
    ends: Ends | None = None, upright: bool = False,
) -> None:  # fmt: skip
    """Draw bars, lying unless `upright`, with thin intervals over them where `ends` are given.

    The middle of each bar stands at `at`; `thickness` is in units of that axis.
    """
    draw = axes.bar if upright else axes.barh
    paint = _paint(colour) if isinstance(colour, str) else colour
    draw(at, table[value], thickness, color=paint, label=label)
    if ends is not None:
        _errorbar(axes, table[value], at, distances(table, value, ends), upright=upright,
                  fmt="none", ecolor=COLOURS["ink"], elinewidth=0.8, capsize=2)  # fmt: skip


def notes(
    axes: Axes, words: Sequence[str], x: Anchor, y: Anchor, *,
    gap: float = 3, colour: Colour = "ink", size: float = 8,
) -> None:  # fmt: skip
    """Write words to the right of points, as at the ends of bars."""
    for word, across, up in zip(words, x, y, strict=True):
        axes.annotate(word, (across, up), xytext=(gap, 0), textcoords="offset points", va="center",
                      fontsize=size, color=_paint(colour))  # fmt: skip


def line(
    axes: Axes, table: pd.DataFrame, x: str, value: str, *, colour: Colour,
    label: str | None = None, style: str | tuple = "-", width: float | None = None,
    ends: Ends | None = None, band: Colour | None = None, alpha: float | None = None,
) -> None:  # fmt: skip
    """Draw a line, over a band from end to end of its interval where `ends` are given.

    `band` and `alpha` are the colour, by default that of the line, and the opacity of the band.
    """
    if ends is not None:
        low, high = table[ends[0]], table[ends[1]]
        axes.fill_between(table[x], low, high, color=_paint(band or colour), alpha=alpha, lw=0)
    axes.plot(table[x], table[value], ls=style, lw=width, color=_paint(colour), label=label)


def reference(
    axes: Axes, *, x: float | None = None, y: float | None = None, colour: Colour = "ink",
    width: float = 0.8, style: str = "-", label: str | None = None,
) -> None:  # fmt: skip
    """Draw a line across the axes at a value that others are judged by, as zero or a threshold.

    It is upright at `x`, or lying at `y`.
    """
    look: Any = {"color": COLOURS[colour], "linewidth": width, "linestyle": style, "label": label}
    if x is not None:
        axes.axvline(x, **look)
    if y is not None:
        axes.axhline(y, **look)


def heat(
    axes: Axes, grid: pd.DataFrame, *, cells: pd.DataFrame | None, cmap: str, low: float,
    high: float | None = None, bold: pd.DataFrame | None = None, missing: str = "",
    turn: float = 0, bar: str = "", ticks: Sequence[str] | None = None,
) -> None:  # fmt: skip
    """Draw a heat map with words in its cells; missing cells stay white.

    Parameters
    ----------
    grid : pandas.DataFrame
        Numbers that give the colours, from `low` to `high`; index and columns are the labels.
    cells, bold : pandas.DataFrame, optional
        Text of each cell, and whether it stands out.
    missing : str
        Text of missing cells.
    turn : float
        Degrees by which the labels of columns are turned.
    bar : str
        Label of the colour bar; without it there is none.
    ticks : sequence of str, optional
        Words along the colour bar, evenly spaced.
    """
    import seaborn as sns

    known = grid.notna().to_numpy()
    sns.heatmap(
        grid, ax=axes, cmap=cmap, vmin=low, vmax=high, mask=~known, linewidths=0.5,
        linecolor="white", annot=cells, fmt="", annot_kws={"fontsize": 8}, cbar=False,
        xticklabels=True, yticklabels=True,
    )  # fmt: skip
    colours = axes.collections[-1]
    if cells is not None:
        # Black or white, whichever has the larger contrast (WCAG 2.2): at least 4.5 to 1.
        faces = np.asarray(colours.get_facecolor())[known.ravel()]
        for text, face in zip(axes.texts, faces, strict=True):
            text.set_color("white" if sns.utils.relative_luminance(face) < 0.179 else "black")
    if bold is not None:
        for text, strong in zip(axes.texts, bold.to_numpy()[known], strict=True):
            text.set_fontweight("bold" if strong else "normal")
    for row, column in np.argwhere(~known) if missing else []:
        axes.text(column + 0.5, row + 0.5, missing, ha="center", va="center", fontsize=8)
    if bar:
        colour_bar(axes, colours, label=bar, ticks=ticks)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    for label in axes.get_xticklabels() if turn else []:
        label.set(rotation=turn, ha="right", rotation_mode="anchor")
    for label in axes.get_yticklabels():
        label.set_rotation(0)
    axes.set(xlabel="", ylabel="")


def colour_bar(
    axes: Axes, colours: ScalarMappable, *, label: str, ticks: Sequence[str] | None = None
) -> None:
    """Say beside an axes what colours mean, in numbers or in evenly spaced words."""
    bar = axes.figure.colorbar(colours, ax=axes, label=label, pad=0.02)
    bar.outline.set_linewidth(0)
    if ticks is not None:
        bar.set_ticks(list(np.linspace(*colours.get_clim(), len(ticks))), labels=ticks)


def ribbon(
    axes: Axes, x: tuple[float, float], y: tuple[float, float], size: float, *,
    colour: str | tuple, alpha: float, edge: float = 0,
) -> None:  # fmt: skip
    """Draw a curved band of constant height `size` from (x[0], y[0]) to (x[1], y[1])."""
    (x0, x1), (y0, y1), middle = x, y, sum(x) / 2
    points = [
        (x0, y0), (middle, y0), (middle, y1), (x1, y1),
        (x1, y1 + size), (middle, y1 + size), (middle, y0 + size), (x0, y0 + size), (x0, y0),
    ]  # fmt: skip
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    axes.add_patch(PathPatch(Path(points, codes), facecolor=colour, edgecolor=COLOURS["muted"],
                             linewidth=edge, alpha=alpha))  # fmt: skip


def stack(
    axes: Axes, sizes: pd.Series, words: Sequence[str], x: float, *, bottom: float, gap: float,
    width: float, shift: float, size: float | None = None, plate: bool = False,
) -> dict[str, float]:  # fmt: skip
    """Draw blocks one above the other, the ends of ribbons, with words beside them.

    Parameters
    ----------
    sizes : pandas.Series
        Height of each block, by name.
    x, bottom, gap, width : float
        Middle, foot, room between blocks, and breadth, in units of the axes.
    shift : float
        From the middle to the words; below zero they stand to the left.
    plate : bool
        Whether words stand on ribbons and need a ground of their own.

    Returns
    -------
    dict
        Name to foot of its block.
    """
    feet = {}
    ground = {"facecolor": "white", "alpha": 0.75, "lw": 0, "pad": 0.6} if plate else None
    for (name, height), word in zip(sizes.items(), words, strict=True):
        feet[str(name)] = bottom
        left = x - width / 2
        axes.add_patch(Rectangle((left, bottom), width, height, facecolor=COLOURS["ink"], lw=0))
        axes.text(x + shift, bottom + height / 2, word, ha="right" if shift < 0 else "left",
                  va="center", fontsize=size, bbox=ground)  # fmt: skip
        bottom += height + gap
    return feet
