"""The framework of the study: boxes and arrows, laid out from the width of their words.

It is SVG with its text as text, in the named colours of all figures: a reader can select it, and a
dark page keeps it legible.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import pairwise

import pandas as pd
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from pmlib.figures.style import COLOURS
from pmlib.markup import filled
from pmlib.texts import Words

COLUMNS = (("profile",), ("segments", "rules"), ("plan",), ("effect",))
"""The chapters' boxes from left to right; those of one column stand one above the other."""

WIDTH, GAP, PADDING, SIZE, LINE = 720.0, 26.0, 9.0, 12.0, 15.5
_BOX = (WIDTH - GAP * (len(COLUMNS) - 1)) / len(COLUMNS)
# Bold, and wider than most, so that words have room in any font.
_FAMILY = "DejaVu Sans"
_FONT = FontProperties(family=_FAMILY, weight="bold", size=SIZE)
_INK = COLOURS["ink"]
_TIP = {"id": "pm-tip", "viewBox": "0 0 8 8", "refX": "7", "refY": "4", "orient": "auto"}


def framework(words: Words) -> bytes:
    """Draw the framework: a box a chapter, the way back from effect to plan, and the safeguards.

    Parameters
    ----------
    words : pmlib.texts.Words
        Has for each box of `COLUMNS`, and for ``safeguards``, the words ``<box>`` (its title),
        ``<box>.asks`` and ``<box>.found``, what this run says; and ``again``, on the way back.

    Returns
    -------
    bytes
        An SVG file.
    """
    root = ET.Element("svg", {"xmlns": "http://www.w3.org/2000/svg"})
    svg = ET.SubElement(root, "g", {"style": f"fill: {_INK}", "font-size": f"{SIZE:g}"})
    ET.SubElement(ET.SubElement(svg, "marker", _TIP), "path", d="M0 0 8 4 0 8z")
    lines = {name: _lines(words, name, _BOX) for names in COLUMNS for name in names}
    tall: dict[tuple[str, ...], float] = {
        names: sum(_height(lines[n]) + GAP for n in names) - GAP for names in COLUMNS
    }
    low, ends = max(tall.values()), []
    for at, names in enumerate(COLUMNS):
        left, top, column = at * (_BOX + GAP), (low - tall[names]) / 2, []
        for name in names:
            _box(svg, lines[name], left, top, _BOX)
            middle, foot = top + _height(lines[name]) / 2, top + _height(lines[name])
            column.append((left, middle, foot))
            top = foot + GAP
        ends.append(column)
    for before, after in pairwise(ends):
        for start, up, _ in before:
            for left, to, _ in after:
                _arrow(svg, (start + _BOX, up), (left - 2, to))
    (first, _, first_foot), (last, _, last_foot) = ends[0][0], ends[-1][-1]
    way = low + GAP * 0.75
    below = [(last, last_foot), (last, way), (first, way), (first, first_foot + 2)]
    _arrow(svg, *((x + _BOX / 2, y) for x, y in below))
    _text(svg, words("again"), WIDTH / 2, way - 5).set("text-anchor", "middle")
    safeguards, top = _lines(words, "safeguards", WIDTH), way + GAP / 2
    _box(svg, safeguards, 0, top, WIDTH)
    root.set("viewBox", f"-1 -1 {WIDTH + 2:g} {top + _height(safeguards) + 2:.1f}")
    return ET.tostring(root, encoding="utf-8", xml_declaration=True)


def boxes(words: Words) -> pd.DataFrame:
    """The words of the framework as a table: ``box, asks, found``."""
    names = [*(name for column in COLUMNS for name in column), "safeguards"]
    return pd.DataFrame(
        [(words(name), words(f"{name}.asks"), words(f"{name}.found")) for name in names],
        columns=["box", "asks", "found"],
    )


def _lines(words: Words, name: str, width: float) -> list[tuple[str, bool]]:
    """Lines of a box, and whether they are bold: its title, and what this run says."""
    parts = ((words(f"{name}{part}"), part != ".asks") for part in ("", ".asks", ".found"))
    return [
        (line, bold)
        for text, bold in parts
        for line in filled(text, width - 2 * PADDING, text_width)
    ]


def _height(lines: list[tuple[str, bool]]) -> float:
    return 2 * PADDING + LINE * len(lines)


def _box(
    svg: ET.Element, lines: list[tuple[str, bool]], left: float, top: float, width: float
) -> None:
    place = {"x": left, "y": top, "width": width, "height": _height(lines), "rx": 4}
    look = {"style": f"fill-opacity: 0.05; stroke: {_INK}"}
    ET.SubElement(svg, "rect", {name: f"{n:.1f}" for name, n in place.items()} | look)
    for number, (line, bold) in enumerate(lines):
        shown = _text(svg, line, left + PADDING, top + PADDING + LINE * (number + 0.78))
        if bold:
            shown.set("font-weight", "bold")


def _text(svg: ET.Element, words: str, x: float, y: float) -> ET.Element:
    look = {"style": f"font-family: '{_FAMILY}';"}
    shown = ET.SubElement(svg, "text", {"x": f"{x:.1f}", "y": f"{y:.1f}"} | look)
    shown.text = words
    return shown


def _arrow(svg: ET.Element, *points: tuple[float, float]) -> None:
    way = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    look = {"style": f"fill: none; stroke: {_INK}", "marker-end": "url(#pm-tip)"}
    ET.SubElement(svg, "polyline", {"points": way} | look)


def text_width(text: str) -> float:
    """Width of a text in units of the drawing; a Chinese character is as wide as the type is."""
    narrow = "".join(c for c in text if c < "\u2e80")
    measured = text_to_path.get_text_width_height_descent(narrow, _FONT, ismath=False)[0]
    return SIZE * (len(text) - len(narrow)) + float(measured)
