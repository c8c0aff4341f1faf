"""Data frames as HTML tables, and drawings with theirs beneath: escaped, aligned, with units."""

from __future__ import annotations

import base64
import html
import math

import pandas as pd

from pmlib.errors import StudyError
from pmlib.markup import caption_html, escape_html
from pmlib.numbers import DIGITS
from pmlib.texts import PAGE, Look, column_decimals


def figure_html(
    svg: bytes, shown: pd.DataFrame, look: Look, *, alt: str, caption: str, beside: bool = False
) -> str:
    """Write a drawing with its caption and, folded, the table that it draws.

    `shown` is in words (`Look.worded`); `alt` says what the drawing is, and the ends of what it
    draws are told after it. `caption` is Markdown; `beside` says that text may stand beside it.
    """
    alt = look.language.forms["sentences"].join(filter(None, (alt, told(shown, look))))
    return (
        f'<figure class="pm-figure{" pm-beside" if beside else ""}" id="{look.label}">\n'
        f"{image_html(svg, alt)}\n"
        f"<figcaption>{caption_html(caption)}</figcaption>\n"
        f'<details class="pm-data"><summary>{look.language.source(PAGE, "data-behind")}'
        f"</summary>\n{to_html(shown, look)}\n</details>\n</figure>"
    )


def image_html(svg: bytes, alt: str) -> str:
    """A drawing as an element that holds it; `alt` says what it is."""
    source = base64.b64encode(svg).decode()
    return f'<img src="data:image/svg+xml;base64,{source}" alt="{html.escape(alt)}">'


def csv_of(shown: pd.DataFrame) -> str:
    """The raw values of a table as the CSV that a run keeps of it."""
    return shown.to_csv(index=False, lineterminator="\n", float_format=f"%.{DIGITS}g")


def told(frame: pd.DataFrame, look: Look) -> str:
    """Tell the largest and the smallest number of what a figure draws, in one sentence.

    The catalogue says of the figure, under ``told``, which column that is and which name its rows;
    without an entry, or without numbers, nothing is told. `frame` is in words.
    """
    entry = look.language.catalogue.get("told", {}).get(look.label)
    if entry is None or entry["value"] not in frame.columns:
        return ""
    value, unit = entry["value"], entry.get("unit", "")
    order = frame[value].astype(float).dropna().sort_values(kind="stable").index
    if order.empty:
        return ""
    ends = [frame.loc[order[place]] for place in (-1, 0)]
    values = [float(row[value]) for row in ends]
    decimals = 0 if all(map(float.is_integer, values)) else column_decimals(values, unit)
    numbers = [
        look.language.number(x, unit, currency=look.currency, decimals=decimals) for x in values
    ]
    named = [column for column in entry["names"] if column in frame.columns]
    between = look.language.forms["semicolon"]
    names = [between.join(look.name(column, row[column]) for column in named) for row in ends]
    quotes = {
        "measure": entry.get("measure") or look.heading(value),
        "highest": numbers[0], "most": names[0], "lowest": numbers[1], "least": names[1],
        "several": numbers[0] != numbers[1],
    }  # fmt: skip
    return look.language.render(PAGE, "told", quotes, plain=True)


def to_html(frame: pd.DataFrame, look: Look) -> str:
    """Write a data frame as an accessible HTML table.

    Parameters
    ----------
    frame : pandas.DataFrame
        The rows to show, in words (`Look.worded`); the index is not shown. The first column heads
        each row.
    look : pmlib.texts.Look
        Headings, units and decimals of its columns.

    Returns
    -------
    str
        A ``<table>`` element. Numbers carry their raw value in ``data-value``.

    Raises
    ------
    StudyError
        The catalogue lacks a column, or names one to filter by that the frame lacks.

    Examples
    --------
    >>> from pmlib.texts import open_language
    >>> look = Look(open_language("en"), "strategy_design", "tbl-offer-rates")
    >>> print(to_html(pd.DataFrame({"group": ["female"], "rate": [0.5]}), look))
    <table>
    <thead><tr><th scope="col">Group</th><th scope="col" class="num">Rate</th></tr></thead>
    <tbody>
    <tr><th scope="row">female</th><td class="num" data-value="0.5">50.0&nbsp;%</td></tr>
    </tbody>
    </table>
    """
    unknown = set(look.filters) - set(frame.columns)
    if unknown:
        raise StudyError(
            "A table is to be filtered by columns that it does not have.",
            where=f"{look.label}: {', '.join(sorted(unknown))}",
            found=", ".join(map(str, frame.columns)),
        )
    if len(frame):  # columns without a value are left out, the first apart
        frame = frame.loc[:, frame.notna().any() | (frame.columns == frame.columns[0])]
    columns = {name: look.column(name) for name in frame.columns}
    numeric = {
        column
        for column in frame.columns
        if pd.api.types.is_numeric_dtype(frame[column])
        and not pd.api.types.is_bool_dtype(frame[column])
    }
    # Counts that carry a gap (a suppressed cell) arrive as floats; they are whole all the same.
    whole = {
        column: 0
        for column in numeric
        if not columns[column].get("unit") and (frame[column].dropna() % 1 == 0).all()
    }
    common = {
        column: column_decimals(
            [float(x) for x in frame[column].dropna()], columns[column].get("unit", "")
        )
        for column in numeric
    }
    stated = {name: int(own["decimals"]) for name, own in columns.items() if "decimals" in own}
    decimals = {**common, **whole, **stated}
    heads = []
    for column in frame.columns:
        attributes = ' class="num"' if column in numeric else ""
        attributes += ' data-filter="list"' if column in look.filters else ""
        heads.append(f'<th scope="col"{attributes}>{escape_html(look.heading(column))}</th>')
    lines = [
        '<table class="pm-sortable">' if look.sortable else "<table>",
        f"<thead><tr>{''.join(heads)}</tr></thead>",
        "<tbody>",
    ]
    for row in frame.itertuples(index=False, name=None):
        cells = []
        for position, (column, value) in enumerate(zip(frame.columns, row, strict=True)):
            shown = escape_html(look.cell(column, value, decimals.get(column)))
            shown = shown.replace("\u00a0", "&nbsp;")
            attributes = ""
            if column in numeric:
                raw = "" if value is None or math.isnan(value) else f"{value:.12g}"
                attributes = f' class="num" data-value="{raw}"'
            elif position == 0:
                cells.append(f'<th scope="row">{shown}</th>')
                continue
            cells.append(f"<td{attributes}>{shown}</td>")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return "\n".join([*lines, "</tbody>", "</table>"])
