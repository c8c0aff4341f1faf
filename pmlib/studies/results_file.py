"""The columns of a file of results: what each holds, and how its text is read.

Nobody declares how such a file is written, so each column takes the one form that reads all of its
cells. Two forms that read them differently are an error that shows both readings.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pandas as pd

from pmlib.errors import StudyError, masked
from pmlib.files import FORMULAS
from pmlib.schema import Column, Kind
from pmlib.studies.forms import AMOUNT_FORMS, is_missing_sql, reading_sql, text_sql
from pmlib.studies.spec import Reading
from pmlib.studies.words import FLAGS

COLUMNS: Mapping[str, Column] = {
    "customer_id": Column("text", filled=True, meaning="The customer, as in the contact plan."),
    "arm": Column(
        "text", filled=True,
        meaning="The arm that was drawn: `offer` or `control`, as the plan says, or in the words "
        "of the past contacts: what `control` in study.yaml names is control, others are offers. "
        "`watch` where the plan says so.",
    ),
    "contacted_on": Column(
        "date", meaning="Day of the contact, after the day of the plan; empty in control."
    ),
    "responded": Column(
        "flag", meaning="Whether the customer took the product, in control too; empty where it is "
        "not known yet.",
    ),
    "product_id": Column(
        "text", required=False,
        meaning="The product planned; needed where a customer is planned for several in one arm.",
    ),
    "cost": Column(
        "number", required=False,
        meaning="Cost of the contact in the study's currency, nothing in control; where it is "
        "empty, that of the channel.",
    ),
    "value": Column(
        "number", required=False,
        meaning="What the sale is worth, in the study's currency; needed where somebody responded.",
    ),
}  # fmt: skip
"""What a file of results may hold."""

_WRITTEN = {
    "date": "a day, such as 2026-01-14, 14.01.2026 or 14-Jan-2026",
    "flag": "yes or no in one of many languages, true or false, 1 or 0, x or empty",
    "number": "a number, with decimal point or comma",
}
_DAYS = ("year-month-day", "day-month-year", "month-day-year")
_TICKS = {yes for yes, no in FLAGS if not no}


def read_columns(file: Path) -> pd.DataFrame:
    """Read a file of results: the columns of `COLUMNS` that it has, each of its type.

    The file is UTF-8 with a header; its delimiter is the comma, semicolon, tab or bar that splits
    the header into the required columns. StudyError where it cannot be read.
    """
    rows = _text_of(file)
    with duckdb.connect() as connection:
        connection.register("results", rows)
        read = {
            name: _read(connection, f"{file}, column {name}", name, column.kind)
            for name, column in COLUMNS.items()
            if name in rows
        }
    for name, values in read.items():
        if COLUMNS[name].filled and values.isna().any():
            raise StudyError(
                "A cell of the results is empty.", where=f"{file}, column {name}",
                rule="never empty", found=f"{int(values.isna().sum()):,} of {len(values):,} rows",
            )  # fmt: skip
    return pd.DataFrame(read)


def _text_of(file: Path) -> pd.DataFrame:
    """Read all cells as text."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            lines = opened.readlines()
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(
            "The results cannot be read.", where=str(file), rule="a CSV in UTF-8 with a header",
            found=str(error).strip() or type(error).__name__,
            remedy="Save it as “CSV UTF-8”.",
        ) from None  # fmt: skip
    required = [name for name, column in COLUMNS.items() if column.required]
    split = {sign: next(csv.reader(lines[:1], delimiter=sign), []) for sign in ",;\t|"}
    headers = {sign: [name.strip().lower() for name in names] for sign, names in split.items()}
    sign = max(headers, key=lambda sign: len({*required} & {*headers[sign]}))
    header = headers[sign]
    missing = [name for name in required if name not in header]
    if missing:
        optional = [name for name in COLUMNS if name not in required]
        raise StudyError(
            "The results lack columns.", where=str(file),
            rule=f"columns {', '.join(required)}; optional {', '.join(optional)}",
            found=f"missing {', '.join(missing)}; there are {', '.join(header) or 'none'}",
        )  # fmt: skip
    reader = csv.reader(lines[1:], delimiter=sign)
    cells = []
    for row in reader:
        if row and len(row) != len(header):
            raise StudyError(
                "A line of the results has another number of cells than the header.",
                where=f"{file}, line {reader.line_num + 1}",
                rule=f"{len(header)} cells, parted by {sign!r}", found=f"{len(row)} cells",
                remedy="Put cells that hold the delimiter, such as 70,50, in quotes.",
            )  # fmt: skip
        if any(cell.strip() for cell in row):
            cells.append([c[1:] if c[:1] == "'" and c[1:].startswith(FORMULAS) else c for c in row])
    table = pd.DataFrame(cells, columns=header, dtype=object)
    table = table.loc[:, ~table.columns.duplicated()]
    return table[[name for name in COLUMNS if name in table]].astype("string")


def _read(
    connection: duckdb.DuckDBPyConnection, where: str, name: str, kind: Kind
) -> pd.Series:  # fmt: skip
    """Read a column by the one form that fits all its cells."""
    if kind == "text":
        return _values(connection, name, Reading(as_="text"))[1].astype(object)
    filled = _values(connection, name, Reading(as_="text"))[1]
    fitting: list[tuple[str, pd.Series]] = []
    unread: list[tuple[int, str]] = []
    for form, reading in _readings(kind, filled):
        bad, values = _values(connection, name, reading)
        if not bad.any():
            fitting.append((form, values))
        unread.append((int(bad.sum()), masked(str(filled[bad].iloc[0])) if bad.any() else ""))
    if not fitting:
        count, first = min(unread)
        raise StudyError(
            "A value in the results cannot be read.", where=where,
            rule=f"{_WRITTEN[kind]}, all written alike",
            found=f"{count:,} {'row' if count == 1 else 'rows'}, first {first!r}",
        )  # fmt: skip
    form, values = fitting[0]
    for other, others in fitting[1:]:
        differ = values.notna() & (values != others)
        if differ.any():
            at = differ.idxmax()
            raise StudyError(
                "The results can be read in two ways.", where=where,
                rule="cells that can be read in one way only",
                found=f"a cell such as {masked(filled[at])!r} can be read as {form} and as {other}",
                remedy="Write days as 2026-01-14, and amounts as 1234.56 with two decimals.",
            )  # fmt: skip
    return values


def _readings(kind: Kind, filled: pd.Series) -> list[tuple[str, Reading]]:
    if kind == "date":
        return [(form, Reading(as_="day", form=form)) for form in _DAYS]
    if kind == "number":
        return [(form, Reading(as_="amount", form=form)) for form in AMOUNT_FORMS]
    words = {str(cell).casefold() for cell in filled.dropna()}
    if words and words <= _TICKS:
        return [("ticks", Reading(as_="flag", yes_words=sorted(_TICKS), no_words=[""]))]
    pairs = [pair for pair in FLAGS if words <= set(pair)] or list(FLAGS)
    yes, no = ({pair[side] for pair in pairs} - {""} for side in (0, 1))
    return [("words", Reading(as_="flag", yes_words=sorted(yes - no), no_words=sorted(no - yes)))]


def _values(
    connection: duckdb.DuckDBPyConnection, name: str, reading: Reading
) -> tuple[pd.Series, pd.Series]:
    """Whether each cell is unreadable, and what it is read as."""
    text = text_sql(f'"{name}"')
    value = reading_sql(f'"{name}"', reading)
    known = f"{text} IS NOT NULL AND NOT coalesce({is_missing_sql(text, reading)}, false)"
    found = connection.execute(  # sql() would read through the long text in Python first
        f"SELECT v IS NULL AND known AS bad, v FROM (SELECT {value} AS v, {known} AS known "  # noqa: S608
        "FROM results)"
    ).df()
    return found["bad"].astype(bool), found["v"]
