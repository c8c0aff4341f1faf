"""One look for all figures: sizes for a 16 cm column, colours that the colour-blind can tell."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import matplotlib as mpl
import pandas as pd
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from pylopdf_fonts_zh_cn import sans_path

from pmlib.markup import across, filled
from pmlib.numbers import Finding, Phrase
from pmlib.texts import Words

Draw: TypeAlias = Callable[[Finding, Words], Figure | None]

COLOURS = {
    "ink": "#1f2933",
    "muted": "#66727f",
    "grid": "#d9dee4",
    "main": "#1f5a92",
    "accent": "#c2571a",
    "good": "#1b7f5c",
    "bad": "#a3223c",
    "light": "#dbe7f3",
}
"""Named roles; text in any of ink, muted, main, accent, good, bad passes WCAG AA on white."""

# Okabe and Ito's palette, its yellow darkened to be seen on white, then Tol's muted additions.
_SEGMENTS = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b",
    "#56b4e9", "#7a4fa3", "#882255", "#44546a", "#999933",
)  # fmt: skip

FULL_WIDTH, BESIDE = 6.3, 3.35
"""Inches: the text column of an A4 page, and a figure that has its text beside it."""

LABEL_SHARE = 0.8
"""Of a panel's part of a figure, what a line of an axis' label may take: the rest are numbers."""

LONGEST_NAME = 48
"""Characters of a name from the data that a figure has room for."""

SEQUENTIAL = "Blues"
DIVERGING = "RdBu_r"


def _per_cent(sign: str) -> FuncFormatter:
    return FuncFormatter(lambda value, _: f"{100 * value:.4g}{sign}".replace("\u00a0", " "))


PER_CENT = _per_cent(" %")
"""Shares; in a drawing with the sign as the report's language writes it."""

CHINESE = "Noto Sans SC"
"""What Chinese words and names from the data are set in, whatever the report's language."""

font_manager.fontManager.addfont(sans_path())
# There is no bold one: its words are as wide.
font_manager.fontManager.ttflist.append(replace(font_manager.fontManager.ttflist[-1], weight=700))

_RC: Any = {
    "font.family": ["DejaVu Sans", CHINESE],
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8.5,
    "axes.edgecolor": COLOURS["muted"],
    "axes.labelcolor": COLOURS["ink"],
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": COLOURS["grid"],
    "grid.linewidth": 0.6,
    "xtick.color": COLOURS["ink"],
    "ytick.color": COLOURS["ink"],
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "text.color": COLOURS["ink"],
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    "figure.constrained_layout.use": True,
    "figure.dpi": 110,
    "svg.fonttype": "none",  # text stays text: it can be selected, searched and restyled
    "text.parse_math": False,  # "R$ a R$" is money, not a formula
}

_HASHED_ID = re.compile(rb'(?<=id=")\w*[0-9a-f]{10}(?=")')
_LONG_DECIMAL = re.compile(rb"(?<![\d.])-?[1-9]\d*\.\d{4,}")


@dataclass(frozen=True)
class Drawing:
    """A figure that a chapter can show: how it is drawn, and which of a finding's tables it draws.

    Attributes
    ----------
    label : str
        ``fig-…``; the texts have its caption, its text alternative and its words under it.
    of : str
        Name of the finding's table that it draws, and whose numbers are shown beneath; its main
        one by default.
    draw : callable
        ``draw(finding, words)`` gives the figure, or None where nothing is worth drawing.
    beside : bool
        Whether it is drawn small, to stand beside its text.
    """

    label: str
    of: str
    draw: Draw
    beside: bool = False

    def __call__(self, finding: Finding, words: Words) -> Figure | None:
        """Draw in the house style without changing matplotlib's settings for anyone else.

        Names from the data come as they can be drawn; the table beneath has them in full.
        """
        named = _Names(words.language.names.name).brief
        shown = replace(
            finding,
            table=named(finding.table),
            tables={name: named(table) for name, table in finding.tables.items()},
            quotes={name: named(value) for name, value in finding.quotes.items()},
        )
        quotes = {name: named(value) for name, value in words.quotes.items()}
        width = BESIDE if self.beside else FULL_WIDTH
        with mpl.rc_context(_RC | {"figure.figsize": (width, width)}):
            figure = self.draw(shown, replace(words, quotes=quotes))
        for axes in figure.axes if figure else ():
            for axis in (axes.xaxis, axes.yaxis):
                if axis.get_major_formatter() is PER_CENT:
                    axis.set_major_formatter(_per_cent(words.language.forms["share"]))
            _fit_labels(axes)
        return figure


def _fit_labels(axes: Axes) -> None:
    """Break the labels of both axes into lines that end within their panel's part of the figure."""
    figure, spec = axes.get_figure(root=True), axes.get_subplotspec()
    assert figure is not None
    rows, columns = spec.get_gridspec().get_geometry() if spec else (1, 1)
    wide, high = figure.bbox.width / columns, figure.bbox.height / rows
    for axis, room in ((axes.xaxis, wide), (axes.yaxis, high)):
        text, said = axis.label.get_text(), axis.label.get_window_extent()
        if (long := max(said.width, said.height)) > LABEL_SHARE * room:
            most = across(text) * LABEL_SHARE * room / long
            axis.set_label_text("\n".join(filled(text, most, across)))


class _Names:
    """Names short enough to be drawn: two that differ stay two."""

    def __init__(self, called: Callable[[str], str]) -> None:
        self._called = called
        self._cut: dict[str, str] = {}

    def brief(self, value: Any) -> Any:
        """Shorten the names in a table or in what is quoted; all else stays."""
        if isinstance(value, pd.DataFrame):
            words = [c for c in value.columns if pd.api.types.is_string_dtype(value[c].dtype)
                     or value[c].dtype == object]  # fmt: skip
            return value.assign(**{c: value[c].astype(object).map(self.brief) for c in words})
        if isinstance(value, str):
            return self._name(self._called(value))
        if isinstance(value, Phrase):
            return replace(value, quotes=self.brief(value.quotes))
        if isinstance(value, Mapping):
            return {name: self.brief(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self.brief(item) for item in value)
        return value

    def _name(self, name: str) -> str:
        if len(name) > LONGEST_NAME:
            short = f"{name[: LONGEST_NAME - 1].rstrip()}…"
            alike = [full for full, cut in self._cut.items() if cut.startswith(short)]
            self._cut.setdefault(name, f"{short} {len(alike) + 1}" if alike else short)
        return self._cut.get(name, name)


def drawing(label: str, *, of: str = "", beside: bool = False) -> Callable[[Draw], Drawing]:
    """Make a function of a finding and its words the `Drawing` with a label."""
    return lambda draw: Drawing(label, of, draw, beside)


def new_figure(height: float = 3.2) -> Figure:
    """Return an empty figure, at most as wide as the column, that pyplot does not keep alive."""
    width = min(mpl.rcParams["figure.figsize"][0], FULL_WIDTH)
    return Figure(figsize=(width, height), layout="constrained")


def segment_colours(k: int) -> list[str]:
    """Return one colour a segment, in order; the same segment has the same colour everywhere.

    Examples
    --------
    >>> segment_colours(2)
    ['#0072b2', '#d55e00']
    """
    return [_SEGMENTS[i % len(_SEGMENTS)] for i in range(k)]


def to_svg(figure: Figure) -> bytes:
    """Write a figure as SVG; the same figure always gives the same bytes.

    Sums made in parallel differ in their last bits from run to run, and matplotlib's ids of clip
    paths and markers in all of theirs: here ids are numbered, and points keep three decimals.
    """
    buffer = io.BytesIO()
    with mpl.rc_context(_RC):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    for number, name in enumerate(dict.fromkeys(_HASHED_ID.findall(svg))):
        svg = svg.replace(name, b"id%d" % number)
    return _LONG_DECIMAL.sub(lambda found: b"%.3f" % float(found[0]), svg)
