"""Tables made fit for screen readers, narrow screens and paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bs4 import BeautifulSoup, Tag

from pmlib.artifacts import DIGITS

# Characters of a cell that stays on one line, and of a line of a cell that does not.
_SHORT, _WRAPPED = 22, 15
# Characters across from which a table is wide on screen.
_WIDE = 110
# Rows of a small table, and rows that fit on a page: a longer table repeats its head.
_FEW, _ONE_PAGE = 14, 28
# Rows of a sortable table that are printed; the reader sorts on screen to have others.
_PRINTED = 40
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
        widths: dict[int, int] = {}
        body_rows = 0
        for row in table.find_all("tr"):
            in_body = row.parent is not None and row.parent.name == "tbody"
            body_rows += in_body
            for position, cell in enumerate(row.find_all(["td", "th"], recursive=False)):
                if cell.name == "th":
                    cell["scope"] = "row" if in_body else "col"
                width = _tidy_cell(cell, in_body=in_body)
                widths[position] = max(widths.get(position, 0), width)
        _set_size(table, sum(width + 2 for width in widths.values()), body_rows)
        figure = table.find_parent("figure")
        if figure and body_rows > _PRINTED and table in figure.select("table.pm-sortable"):
            _print_first_rows(table, figure, body_rows)
        label = str(figure.get("id", "")) if figure else ""
        name = targets[label].text if label in targets else "Table"
        if label.startswith("fig-"):
            name = f"Data behind {name}"
        frame = Tag(name="div", attrs={"class": "pm-scroll", "role": "region"})
        frame["aria-label"] = name
        table.wrap(frame)


def _print_first_rows(table: Tag, figure: Tag, rows: int) -> None:
    _mark(table, "pm-first-rows")
    note = Tag(name="p", attrs={"class": "pm-print-note"})
    note.string = (
        f"Printed are the first {_PRINTED} of {rows:,} rows; all are on screen and, as CSV, in the "
        "folder tables of this run."
    )
    figure.append(note)


def _tidy_cell(cell: Tag, *, in_body: bool) -> int:
    """Mark a cell that should not break, or may be cut; give the characters it needs in a line."""
    if cell.get("data-value"):
        cell["data-value"] = f"{float(str(cell['data-value'])):.{DIGITS}g}"
    text = " ".join(cell.get_text(" ").split())
    longest = max(map(len, text.split()), default=0)
    if not in_body:
        return longest
    if "num" not in cell.get_attribute_list("class"):
        # Intervals, dates and the like are read as one; a long name may be cut on paper.
        if len(text) <= _SHORT and any(map(str.isdigit, text)):
            _mark(cell, "pm-short")
        elif longest > _SHORT:
            _mark(cell, "pm-cut")
    return len(text) if len(text) <= _SHORT else max(min(longest, _SHORT), _WRAPPED)


def _set_size(table: Tag, width: int, rows: int) -> None:
    """Mark a wide or long table, and set its size of type on paper."""
    size = _UPRIGHT / (_CHARACTER * max(width, 1))
    # A short table rather takes smaller type than a page of its own.
    if size < _SMALLEST_UPRIGHT and rows > _FEW:
        _mark(table, "pm-across")
        size = _ACROSS / (_CHARACTER * width)
    if width > _WIDE:
        _mark(table, "pm-wide")
    if rows > _ONE_PAGE:
        _mark(table, "pm-long")
    table["style"] = f"--paper-size: {min(_LARGEST, max(_SMALLEST, size)):.1f}pt"


def _mark(element: Tag, css_class: str) -> None:
    element["class"] = " ".join([*map(str, element.get_attribute_list("class")), css_class])
