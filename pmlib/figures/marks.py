"""The few drawing forms that all figures share: estimates, bars, lines, heat maps, flows, axes.

Each takes an `Axes`, columns of a data frame, and every word as an argument; it draws, computes no
statistic, and returns the `Axes`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.ticker import Formatter, FuncFormatter, Locator, NullFormatter

from pmlib.figures.style import COLOURS, new_figure, segment_colours

Ends = tuple[str, str]
"""Columns of the lower and of the upper end of an interval."""

INTERVAL: Ends = ("low", "high")
MARKERS = "osD^vPX<>*"

PER_CENT = FuncFormatter(lambda value, _: f"{100 * value:.4g} %")
"""Shares, as the report writes them."""

THOUSANDS = FuncFormatter(lambda value, _: f"{value:,.0f}".replace("-", "−"))
"""Counts and money, no decimals."""

SIZES = FuncFormatter(lambda value, _: f"{abs(value):,.0f}")
"""Counts drawn to both sides of zero."""

POINTS = FuncFormatter(lambda value, _: f"{100 * value:.6g}".replace("-", "−"))
"""Shares whose unit, points or per cent, stands in the label of the axis."""

Anchor: TypeAlias = Any
"""Array, series, index or list of numbers."""

Colour: TypeAlias = str
"""A role of `pmlib.figures.style.COLOURS`, or a colour as matplotlib writes it."""


def _paint(colour: Colour) -> str:
    return COLOURS.get(colour, colour)


def panel(height: float) -> tuple[Figure, Axes]:
    """Return a figure of one panel, `height` in inches, and its axes."""
    figure = new_figure(height)
    return figure, figure.subplots()


def groups(table: pd.DataFrame, column: str) -> Iterator[tuple[Any, pd.DataFrame, str, str]]:
    """Go through the groups of a table, in order of first row, each with its look.

    Yields
    ------
    name : str
    part : pandas.DataFrame
        The rows of the group.
    colour, marker : str
    """
    names = list(dict.fromkeys(table[column]))
    for index, (name, colour) in enumerate(zip(names, segment_colours(len(names)), strict=True)):
        yield name, table[table[column] == name], colour, MARKERS[index % len(MARKERS)]


def places(names: pd.Series, order: pd.Series) -> np.ndarray:
    """Row of each name, where rows stand in the order in which `order` first names them."""
    rows = list(dict.fromkeys(order))
    return np.array([rows.index(name) for name in names])


def estimates(
    axes: Axes,
    table: pd.DataFrame,
    value: str,
    at: Anchor,
    *,
    colour: Colour,
    label: str | None = None,
    ends: Ends = INTERVAL,
    upright: bool = False,
    scale: float = 1,
    marker: str = "o",
    line: str = "",
    size: float = 4.5,
    width: float | None = None,
    cap: float = 0,
) -> Axes:
    """Draw estimates as points with their intervals; without rows nothing, not even in the key.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    table : pandas.DataFrame
        Columns `value` and `ends`, all times `scale`.
    at : array
        Where each row stands: on the vertical axis, or on the horizontal one if `upright`.
    line : str
        Style of the line that joins the points; none by default.
    size, width, cap : float
        Of the marker, the lines and the ends of the intervals, in points.
    """
    if table.empty:
        return axes
    middle = scale * table[value]
    to_ends = distances(table, value, ends) * scale
    axes.errorbar(
        at if upright else middle, middle if upright else at,
        xerr=None if upright else to_ends, yerr=to_ends if upright else None,
        fmt=marker + line, markersize=size, linewidth=width, capsize=cap, label=label,
        color=_paint(colour),
    )  # fmt: skip
    return axes


def distances(table: pd.DataFrame, value: str, ends: Ends = INTERVAL) -> np.ndarray:
    """Distances from a value to the ends of its interval, (2, n), as error bars want them."""
    low, high = ends
    return np.clip(np.vstack([table[value] - table[low], table[high] - table[value]]), 0, None)


def ranges(
    axes: Axes,
    table: pd.DataFrame,
    value: str,
    at: Anchor,
    *,
    colours: Sequence[str],
    label: str | None = None,
    ends: Ends = INTERVAL,
    width: float = 2,
    alpha: float = 1,
    size: float = 36,
) -> Axes:
    """Draw lying estimates on broad lines from end to end, each row in its own colour.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    table : pandas.DataFrame
        Columns `value` and `ends`.
    width, size : float
        Of the lines in points, of the dots in square points.
    """
    low, high = ends
    axes.hlines(at, table[low], table[high], color=colours, linewidth=width, alpha=alpha)
    axes.scatter(table[value], at, s=size, color=colours, zorder=3, label=label)
    return axes


def bars(
    axes: Axes,
    table: pd.DataFrame,
    value: str,
    at: Anchor,
    *,
    colour: Colour | Sequence[str] = "main",
    thickness: float = 0.7,
    label: str | None = None,
    ends: Ends | None = None,
    upright: bool = False,
) -> Axes:
    """Draw bars, lying unless `upright`, with thin intervals over them where `ends` are given.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    table : pandas.DataFrame
        Columns `value` and `ends`.
    at : array
        Where the middle of each bar stands.
    thickness : float
        In units of the axis on which the bars stand.
    """
    draw = axes.bar if upright else axes.barh
    paint = _paint(colour) if isinstance(colour, str) else colour
    draw(at, table[value], thickness, color=paint, label=label)
    if ends is not None:
        to_ends = distances(table, value, ends)
        axes.errorbar(
            at if upright else table[value], table[value] if upright else at,
            xerr=None if upright else to_ends, yerr=to_ends if upright else None,
            fmt="none", ecolor=COLOURS["ink"], elinewidth=0.8, capsize=2,
        )  # fmt: skip
    return axes


def notes(
    axes: Axes,
    words: Sequence[str],
    x: Anchor,
    y: Anchor,
    *,
    gap: float = 3,
    colour: Colour = "ink",
    size: float = 8,
) -> Axes:
    """Write words to the right of points, as at the ends of bars; `gap` and `size` in points."""
    for word, across, up in zip(words, x, y, strict=True):
        axes.annotate(
            word, (across, up), xytext=(gap, 0), textcoords="offset points", va="center",
            fontsize=size, color=_paint(colour),
        )  # fmt: skip
    return axes


def line(
    axes: Axes,
    table: pd.DataFrame,
    x: str,
    value: str,
    *,
    colour: Colour,
    label: str | None = None,
    style: str | tuple = "-",
    width: float | None = None,
    ends: Ends | None = None,
    band: Colour | None = None,
    alpha: float | None = None,
) -> Axes:
    """Draw a line, over a band from end to end of its interval where `ends` are given.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    table : pandas.DataFrame
        Columns `x`, `value` and `ends`.
    style : str or tuple
        Line style.
    band : str, optional
        Colour of the band; by default that of the line.
    alpha : float, optional
        Opacity of the band.
    """
    if ends is not None:
        low, high = table[ends[0]], table[ends[1]]
        axes.fill_between(table[x], low, high, color=_paint(band or colour), alpha=alpha, lw=0)
    axes.plot(table[x], table[value], ls=style, lw=width, color=_paint(colour), label=label)
    return axes


def reference(
    axes: Axes,
    *,
    x: float | None = None,
    y: float | None = None,
    colour: Colour = "ink",
    width: float = 0.8,
    style: str = "-",
    label: str | None = None,
) -> Axes:
    """Draw a line across the axes at a value that others are judged by, as zero or a threshold.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    x, y : float
        One of the two: an upright line, or a lying one.
    """
    look: dict[str, Any] = {
        "color": COLOURS[colour],
        "linewidth": width,
        "linestyle": style,
        "label": label,
    }
    if x is not None:
        axes.axvline(x, **look)
    if y is not None:
        axes.axhline(y, **look)
    return axes


def rows(axes: Axes, labels: Sequence[object], *, margin: float = 0.5, lines: bool = True) -> Axes:
    """Name the rows of a figure, row 0 on top.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    labels : sequence
    margin : float
        Room above the first and below the last row, in rows.
    lines : bool
        Whether grid lines lead from the labels to the marks.
    """
    axes.set_yticks(np.arange(len(labels)), [str(label) for label in labels])
    axes.set_ylim(len(labels) - 1 + margin, -margin)
    if not lines:
        axes.grid(visible=False, axis="y")
    return axes


def values(
    axes: Axes,
    which: Literal["x", "y"],
    label: str | None = None,
    *,
    form: Formatter | None = None,
    low: float | None = None,
    high: float | None = None,
    ticks: Locator | None = None,
) -> Axes:
    """Say what an axis measures, and in what form its numbers are written.

    Call it after drawing: an end that is not given stays where the data put it.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    which : {"x", "y"}
    label : str, optional
    form : matplotlib.ticker.Formatter, optional
        `PER_CENT`, `THOUSANDS`, `POINTS`.
    low, high : float, optional
        Ends of the axis.
    ticks : matplotlib.ticker.Locator, optional
    """
    axis = axes.xaxis if which == "x" else axes.yaxis
    if label is not None:
        axis.set_label_text(label)
    if form is not None:
        axis.set_major_formatter(form)
    if ticks is not None:
        axis.set_major_locator(ticks)
    if low is not None or high is not None:
        (axes.set_xlim if which == "x" else axes.set_ylim)(low, high)
    return axes


def log_values(axes: Axes, which: Literal["x", "y"], *, form: Formatter) -> Axes:
    """Give an axis a logarithmic scale whose numbers are written in `form`, without formulae."""
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_formatter(form)
    axis.set_minor_formatter(NullFormatter())
    return axes


def sparse_ticks(axes: Axes, labels: Sequence[str], *, most: int = 9) -> Axes:
    """Name at most `most` of the places 0, 1, 2 … of the horizontal axis, evenly spaced."""
    at = np.arange(0, len(labels), max(1, int(np.ceil(len(labels) / most))))
    axes.set_xticks(at, [labels[int(i)] for i in at])
    return axes


def key(
    figure: Figure, *, place: Any = "outside upper left", columns: int = 1, title: str | None = None
) -> Legend:
    """Explain colours and markers once for all panels of a figure."""
    entries = {
        label: handle
        for axes in figure.axes
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    return figure.legend(
        list(entries.values()), list(entries), loc=place, ncols=columns, title=title
    )


def key_beside(axes: Axes, *, title: str | None = None, gap: float = 0.01) -> Legend:
    """Explain colours and markers to the right of an axes; `gap` in shares of its width."""
    return axes.legend(loc="center left", bbox_to_anchor=(1 + gap, 0.5), title=title)


def heat(
    axes: Axes,
    grid: pd.DataFrame,
    *,
    cells: pd.DataFrame | None,
    cmap: str,
    low: float,
    high: float | None = None,
    bold: pd.DataFrame | None = None,
    missing: str = "",
    turn: float = 0,
    bar: str = "",
    ticks: Sequence[str] | None = None,
) -> Axes:
    """Draw a heat map with words in its cells; missing cells stay white.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    grid : pandas.DataFrame
        Numbers that give the colours; its index and columns are the labels.
    cells, bold : pandas.DataFrame, optional
        Text of each cell, and whether it stands out.
    low, high : float
        Numbers at the ends of the colours.
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
    faces = np.asarray(axes.collections[0].get_facecolor())[known.ravel()]
    for text, face in zip(axes.texts, faces, strict=False):  # no text without `cells`
        # Black or white, whichever has the larger contrast (WCAG 2.2): at least 4.5 to 1.
        text.set_color("white" if sns.utils.relative_luminance(face) < 0.179 else "black")
    if bold is not None:
        for text, strong in zip(axes.texts, bold.to_numpy()[known], strict=True):
            text.set_fontweight("bold" if strong else "normal")
    for row, column in np.argwhere(~known) if missing else []:
        axes.text(column + 0.5, row + 0.5, missing, ha="center", va="center", fontsize=8)
    if bar:
        colour_bar(axes, axes.collections[0], label=bar, ticks=ticks)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    for label in axes.get_xticklabels() if turn else []:
        label.set(rotation=turn, ha="right", rotation_mode="anchor")
    for label in axes.get_yticklabels():
        label.set_rotation(0)
    axes.set(xlabel="", ylabel="")
    return axes


def colour_bar(
    axes: Axes, colours: ScalarMappable, *, label: str, ticks: Sequence[str] | None = None
) -> Axes:
    """Say beside an axes what colours mean, in numbers or in evenly spaced words."""
    bar = axes.figure.colorbar(colours, ax=axes, label=label, pad=0.02)
    bar.outline.set_linewidth(0)
    if ticks is not None:
        bar.set_ticks(list(np.linspace(*colours.get_clim(), len(ticks))), labels=ticks)
    return axes


def ribbon(
    axes: Axes,
    x: tuple[float, float],
    y: tuple[float, float],
    size: float,
    *,
    colour: str | tuple,
    alpha: float,
    edge: float = 0,
) -> Axes:
    """Draw a curved band of constant height `size` from (x[0], y[0]) to (x[1], y[1])."""
    (x0, x1), (y0, y1), middle = x, y, sum(x) / 2
    points = [
        (x0, y0), (middle, y0), (middle, y1), (x1, y1),
        (x1, y1 + size), (middle, y1 + size), (middle, y0 + size), (x0, y0 + size), (x0, y0),
    ]  # fmt: skip
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    path = Path(points, codes)
    axes.add_patch(
        PathPatch(path, facecolor=colour, edgecolor=COLOURS["muted"], linewidth=edge, alpha=alpha)
    )
    return axes


def stack(
    axes: Axes,
    sizes: pd.Series,
    words: Sequence[str],
    x: float,
    *,
    bottom: float,
    gap: float,
    width: float,
    shift: float,
    size: float | None = None,
    plate: bool = False,
) -> dict[str, float]:
    """Draw blocks one above the other, the ends of ribbons, with words beside them.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    sizes : pandas.Series
        Height of each block, by name.
    words : sequence of str
        One a block.
    x, bottom, gap, width : float
        Middle, foot, room between blocks, and breadth, in units of the axes.
    shift : float
        From the middle to the words; below zero they stand to the left.
    size : float, optional
        Of the words, in points.
    plate : bool
        Whether words stand on ribbons and need a ground of their own.

    Returns
    -------
    dict
        Name to foot of its block.
    """
    feet = {}
    for (name, height), word in zip(sizes.items(), words, strict=True):
        feet[str(name)] = bottom
        axes.add_patch(
            Rectangle((x - width / 2, bottom), width, height, facecolor=COLOURS["ink"], lw=0)
        )
        axes.text(
            x + shift, bottom + height / 2, word, ha="right" if shift < 0 else "left", va="center",
            fontsize=size,
            bbox={"facecolor": "white", "alpha": 0.75, "lw": 0, "pad": 0.6} if plate else None,
        )  # fmt: skip
        bottom += height + gap
    return feet


def wrapped(text: object, width: int) -> str:
    r"""Break a label into lines of at most `width` characters.

    Examples
    --------
    >>> wrapped("held by few", 7)
    'held by\nfew'
    """
    return "\n".join(textwrap.wrap(str(text), width)) or str(text)


def shortened(text: object, width: int) -> str:
    """Cut a label to `width` characters, between words where it can.

    Examples
    --------
    >>> shortened("secondary and technical", 16)
    'secondary and …'
    """
    short = textwrap.shorten(str(text), width, placeholder=" …")
    return short if short != "…" else f"{str(text)[: width - 1]}…"


def rows_height(labels: Sequence[str], *, count: int | None = None) -> float:
    """Height in inches of `count` even rows that leaves room for the label of most lines."""
    lines = max((label.count("\n") + 1 for label in labels), default=1)
    return (0.1 + 0.14 * lines) * (len(labels) if count is None else count)
