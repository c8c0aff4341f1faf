"""What tells a reader how to read a figure: panels, rows, axes of values, keys, short labels.

Every word is an argument; only how a number is written is decided here.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.ticker import Formatter, FuncFormatter, Locator, NullFormatter

from pmlib.figures import style
from pmlib.figures.style import FULL_WIDTH, new_figure, segment_colours
from pmlib.markup import across, filled

PER_CENT = style.PER_CENT
"""Shares; a drawing has the sign as the report's language writes it."""

MARKERS = "osD^vPX<>*"

THOUSANDS = FuncFormatter(lambda value, _: f"{value:,.0f}".replace("-", "−"))
"""Counts and money, no decimals."""

SIZES = FuncFormatter(lambda value, _: f"{abs(value):,.0f}")
"""Counts drawn to both sides of zero."""

POINTS = FuncFormatter(lambda value, _: f"{100 * value:.6g}".replace("-", "−"))
"""Shares whose unit, points or per cent, stands in the label of the axis."""


def panel(height: float) -> tuple[Figure, Axes]:
    """Return a figure of one panel, `height` in inches, and its axes."""
    figure = new_figure(height)
    return figure, figure.subplots()


def groups(table: pd.DataFrame, column: str) -> Iterator[tuple[Any, pd.DataFrame, str, str]]:
    """Yield the groups of a table, in order of first row: name, rows, colour and marker."""
    names = list(dict.fromkeys(table[column]))
    for index, (name, colour) in enumerate(zip(names, segment_colours(len(names)), strict=True)):
        yield name, table[table[column] == name], colour, MARKERS[index % len(MARKERS)]


def places(names: pd.Series, order: pd.Series) -> np.ndarray:
    """Row of each name, where rows stand in the order in which `order` first names them."""
    rows = list(dict.fromkeys(order))
    return np.array([rows.index(name) for name in names])


def rows(axes: Axes, labels: Sequence[object], *, margin: float = 0.5, lines: bool = True) -> None:
    """Name the rows of a figure, row 0 on top.

    `margin` is the room above the first and below the last row, in rows; `lines` of the grid lead
    from the labels to the marks.
    """
    axes.set_yticks(np.arange(len(labels)), [str(label) for label in labels])
    axes.set_ylim(len(labels) - 1 + margin, -margin)
    if not lines:
        axes.grid(visible=False, axis="y")


def values(
    axes: Axes, which: Literal["x", "y"], label: str | None = None, *,
    form: Formatter | None = None, low: float | None = None, high: float | None = None,
    ticks: Locator | None = None,
) -> None:  # fmt: skip
    """Say what an axis measures, and in what form (`PER_CENT` …) its numbers are written.

    Call it after drawing: an end that is not given stays where the data put it.
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


def log_values(axes: Axes, which: Literal["x", "y"], *, form: Formatter) -> None:
    """Give an axis a logarithmic scale whose numbers are written in `form`, without formulae."""
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_formatter(form)
    axis.set_minor_formatter(NullFormatter())


def narrow(figure: Any) -> bool:
    """Tell whether a figure stands beside its text, and has room for few words across."""
    return bool(figure.get_figwidth() < FULL_WIDTH)


def sparse_ticks(axes: Axes, labels: Sequence[str], *, most: int = 9) -> None:
    """Name at most `most` of the places 0, 1, 2 … of the horizontal axis, evenly spaced."""
    step = max(1, -(-len(labels) // (most // 2 if narrow(axes.get_figure()) else most)))
    axes.set_xticks(np.arange(0, len(labels), step), labels[::step])


_BESIDE = 44
"""Characters of two entries of a key that fit beside each other above a narrow figure."""


def key(
    figure: Figure, *, place: Any = "outside upper left", columns: int = 1, title: str | None = None
) -> Legend:
    """Explain colours and markers once for all panels of a figure, of a narrow one above it."""
    entries = {
        label: handle
        for axes in figure.axes
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    if narrow(figure):
        widths = sorted(max(map(across, label.split("\n"))) for label in entries)
        place, columns = "outside upper left", min(columns, 2 if sum(widths[-2:]) <= _BESIDE else 1)
    return figure.legend(
        list(entries.values()), list(entries), loc=place, ncols=columns, title=title
    )


def key_beside(axes: Axes, *, title: str | None = None, gap: float = 0.01) -> Legend:
    """Explain colours and markers to the right of an axes; `gap` in shares of its width."""
    figure = axes.get_figure()
    assert isinstance(figure, Figure)
    if narrow(figure):
        return key(figure, columns=2, title=title)
    return axes.legend(loc="center left", bbox_to_anchor=(1 + gap, 0.5), title=title)


def wrapped(text: object, width: int) -> str:
    r"""Break a label into lines of at most `width` characters, or half as many Chinese ones.

    Examples
    --------
    >>> wrapped("held by few", 7)
    'held by\nfew'
    """
    if across(str(text)) > len(str(text)):
        return "\n".join(filled(str(text), width, across))
    return "\n".join(textwrap.wrap(str(text), width)) or str(text)


def shortened(text: object, width: int) -> str:
    """Cut a label to `width` characters, between words where it can.

    Examples
    --------
    >>> shortened("secondary and technical", 16)
    'secondary and …'
    """
    if across(str(text)) > len(str(text)):
        lines = filled(str(text), width - 1, across)
        return lines[0] + "…" * (len(lines) > 1)
    short = textwrap.shorten(str(text), width, placeholder=" …")
    return short if short != "…" else f"{str(text)[: width - 1]}…"


def rows_height(labels: Sequence[str], *, count: int | None = None) -> float:
    """Height in inches of `count` even rows that leaves room for the label of most lines."""
    lines = max((label.count("\n") + 1 for label in labels), default=1)
    return (0.1 + 0.14 * lines) * (len(labels) if count is None else count)
