"""Tables made fit for screen readers, narrow screens and paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bs4 import BeautifulSoup, Tag

# Characters across the columns from which a table needs smaller type on A4.
_WIDE, _VERY_WIDE = 95, 140
# Rows that fit on a page: a shorter table is never cut, a longer one repeats its head.
_ONE_PAGE = 28


def tidy_tables(soup: BeautifulSoup, targets: Mapping[str, Any]) -> None:
    """Give each table header scopes, a frame that scrolls, and classes for its size.

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
        classes = list(table.get("class", []))
        width, rows = _width(table), len(table.select("tbody tr"))
        if width > _WIDE:
            classes.append("pm-very-wide" if width > _VERY_WIDE else "pm-wide")
        if rows > _ONE_PAGE:
            classes.append("pm-long")
        if classes:
            table["class"] = classes
        figure = table.find_parent("figure")
        name = targets[figure["id"]].text if figure and figure.get("id") in targets else ""
        if figure and "pm-figure" in figure.get("class", []):
            name = f"Data behind {name}"
        frame = Tag(name="div", attrs={"class": "pm-scroll", "role": "region"})
        frame["aria-label"] = name or "Table"
        table.wrap(frame)


def _width(table: Tag) -> int:
    """Characters across a table: the longest word of each head, the longest cell up to 24."""
    widths: dict[int, int] = {}
    for row in table.find_all("tr"):
        for position, cell in enumerate(row.find_all(["td", "th"])):
            text = cell.get_text(" ", strip=True)
            size = max(map(len, text.split()), default=0)
            if cell.find_parent("tbody"):
                size = max(size, min(len(text), 24))
            widths[position] = max(widths.get(position, 0), size)
    return sum(size + 2 for size in widths.values())
