"""Data frames as HTML tables: escaped, aligned, with units; nothing is computed here."""

from __future__ import annotations

import datetime as dt
import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from pmlib.errors import StudyError
from pmlib.numbers import format_number


def to_html(
    frame: pd.DataFrame,
    *,
    units: Mapping[str, str] | None = None,
    names: Mapping[str, str] | None = None,
    decimals: Mapping[str, int] | None = None,
    currency: str = "",
    sortable: bool = False,
    filters: Sequence[str] = (),
) -> str:
    """Write a data frame as an accessible HTML table.

    Parameters
    ----------
    frame : pandas.DataFrame
        The rows to show; the index is not shown. The first column heads each row.
    units : mapping, optional
        Column to a unit of `pmlib.numbers.UNITS`.
    names : mapping, optional
        Column to the heading a reader sees; by default the name with spaces.
    decimals : mapping, optional
        Column to digits after the point.
    currency : str
        What stands behind amounts of money.
    sortable : bool
        Mark the table so that the report lets the reader sort and search it.
    filters : sequence of str
        Columns for which the report offers a list to choose from.

    Returns
    -------
    str
        A ``<table>`` element. Numbers carry their raw value in ``data-value``.

    Raises
    ------
    StudyError
        `units`, `names`, `decimals` or `filters` name a column that the frame lacks.

    Examples
    --------
    >>> print(to_html(pd.DataFrame({"product": ["card"], "share": [0.5]}),
    ...               units={"share": "share"}))
    <table>
    <thead><tr><th scope="col">Product</th><th scope="col" class="num">Share</th></tr></thead>
    <tbody>
    <tr><th scope="row">card</th><td class="num" data-value="0.5">50.0&nbsp;%</td></tr>
    </tbody>
    </table>
    """
    units, names, decimals = units or {}, names or {}, decimals or {}
    unknown = {*units, *names, *decimals, *filters} - set(frame.columns)
    if unknown:
        raise StudyError(
            "A table is described by columns it does not have.",
            where=", ".join(sorted(unknown)),
            found=", ".join(map(str, frame.columns)),
        )
    numeric = {
        column
        for column in frame.columns
        if pd.api.types.is_numeric_dtype(frame[column])
        and not pd.api.types.is_bool_dtype(frame[column])
    }
    # Counts that carry a gap (a suppressed cell) arrive as floats; they are whole all the same.
    whole = {
        column: 0 for column in numeric - set(units) if (frame[column].dropna() % 1 == 0).all()
    }
    decimals = {**whole, **decimals}
    heads = []
    for column in frame.columns:
        attributes = ' class="num"' if column in numeric else ""
        attributes += ' data-filter="list"' if column in filters else ""
        label = html.escape(names.get(column, heading(str(column))))
        heads.append(f'<th scope="col"{attributes}>{label}</th>')
    lines = [
        '<table class="pm-sortable">' if sortable else "<table>",
        f"<thead><tr>{''.join(heads)}</tr></thead>",
        "<tbody>",
    ]
    for row in frame.itertuples(index=False, name=None):
        cells = []
        for position, (column, value) in enumerate(zip(frame.columns, row, strict=True)):
            shown = html.escape(
                cell_text(value, units.get(column, ""), currency, decimals.get(column))
            ).replace("\u00a0", "&nbsp;")
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


def heading(column: str) -> str:
    """Turn a column's name into a heading.

    Examples
    --------
    >>> heading("smallest_share")
    'Smallest share'
    """
    words = column.replace("_", " ")
    return words[:1].upper() + words[1:]


def cell_text(value: Any, unit: str = "", currency: str = "", decimals: int | None = None) -> str:
    """Show one cell: sets of products with a plus sign, dates in ISO form, missing as a dash.

    Examples
    --------
    >>> cell_text(("card", "loan"))
    'card + loan'
    """
    if isinstance(value, tuple):
        return " + ".join(map(str, value)) if value else "(none)"
    if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, dt.datetime | dt.date):
        return value.strftime("%Y-%m-%d")
    return format_number(value, unit, currency=currency, decimals=decimals)
