"""Tables made fit for screen readers, narrow screens and paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bs4 import BeautifulSoup, Tag

# Characters of a cell that stays on one line, and of a line of a cell that does not.
_SHORT, _WRAPPED = 22, 15
# Characters across from which a table is wide on screen.
_WIDE = 110
# Rows of a small table, and rows that fit on a page: a longer table repeats its head.
_FEW, _ONE_PAGE = 14, 28
# Points: widths of the text on A4 upright and across, and the sizes of type between which a
# table is set. A character takes a little more than half its size.
_UPRIGHT, _ACROSS = 470, 740
_LARGEST, _SMALLEST_UPRIGHT, _SMALLEST = 8.4, 6.6, 5.4
_CHARACTER = 0.56


def tidy_tables(soup: BeautifulSoup, targets: Mapping[str, Any]) -> None:
    """Give each table header scopes, a frame that scrolls, and a size of type for paper.

    Parameters
    ----------
    soup : bs4.BeautifulSoup
        One part of the report; changed in place.
    targets : mapping
        Label to `pmlib.report.numbering.Target`, to name the scrolling frame.
    """
    for table in soup.find_all("table"):
        for cell in table.select("thead th"):
            cell["scope"] = "col"
        for cell in table.select("tbody th"):
            cell["scope"] = "row"
        for cell in table.select("tbody :is(td, th):not(.num)"):
            text = cell.get_text()
            # Intervals, dates and the like are read as one; a long name may be cut on paper.
            if len(text) <= _SHORT and any(map(str.isdigit, text)):
                _mark(cell, "pm-short")
            elif max(map(len, text.split()), default=0) > _SHORT:
                _mark(cell, "pm-cut")
        rows, width = len(table.select("tbody tr")), _width(table)
        size = _UPRIGHT / (_CHARACTER * width)
        # A short table rather takes smaller type than a page of its own.
        if size < _SMALLEST_UPRIGHT and rows > _FEW:
            _mark(table, "pm-across")
            size = _ACROSS / (_CHARACTER * width)
        if width > _WIDE:
            _mark(table, "pm-wide")
        if rows > _ONE_PAGE:
            _mark(table, "pm-long")
        table["style"] = f"--paper-size: {min(_LARGEST, max(_SMALLEST, size)):.1f}pt"
        figure = table.find_parent("figure")
        label = str(figure.get("id", "")) if figure else ""
        name = targets[label].text if label in targets else "Table"
        if label.startswith("fig-"):
            name = f"Data behind {name}"
        frame = Tag(name="div", attrs={"class": "pm-scroll", "role": "region"})
        frame["aria-label"] = name
        table.wrap(frame)


def _mark(element: Tag, css_class: str) -> None:
    element["class"] = " ".join([*map(str, element.get_attribute_list("class")), css_class])


def _width(table: Tag) -> int:
    """Characters across a table: numbers and short cells whole, of text a part, for it wraps."""
    widths: dict[int, int] = {}
    for row in table.find_all("tr"):
        for position, cell in enumerate(row.find_all(["td", "th"])):
            text = cell.get_text(" ", strip=True)
            size = max(map(len, text.split()), default=0)
            if cell.find_parent("tbody"):
                size = len(text) if len(text) <= _SHORT else max(min(size, _SHORT), _WRAPPED)
            widths[position] = max(widths.get(position, 0), size)
    return sum(size + 2 for size in widths.values())
