"""Workbooks of Excel and OpenDocument: a sheet as delimited text in UTF-8, row for row.

Row n of the sheet is record n of the text, and column n its field n, blank ones too, so that a line
number in a message is the one that a spreadsheet program shows. Nothing is guessed: text stays as
it stands ('007', '1,234'); only what the workbook itself calls a date becomes one.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pmlib.errors import StudyError
from pmlib.raw.error_cells import error_cells

if TYPE_CHECKING:
    from python_calamine import CalamineWorkbook

_DIGITS = 10**15  # beyond it Excel keeps no whole number exactly


@dataclass(frozen=True)
class Sheet:
    """A sheet of a workbook; `rows` and `columns` count from the first of the sheet.

    `but` says what sets it apart: ``hidden``, ``empty``, ``chart``, or nothing.
    """

    name: str
    rows: int
    columns: int
    but: str = ""


def sheets(path: Path) -> list[Sheet]:
    """List the sheets of a workbook in their order; StudyError where it cannot be read."""
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    found = []
    with _opened(path) as book:
        for said in book.sheets_metadata:
            if said.typ != SheetTypeEnum.WorkSheet:
                found.append(Sheet(said.name, 0, 0, "chart"))
                continue
            end = book.get_sheet_by_name(said.name).end
            rows, columns = (0, 0) if end is None else (end[0] + 1, end[1] + 1)
            hidden = said.visible != SheetVisibleEnum.Visible
            but = "empty" if end is None else "hidden" if hidden else ""
            found.append(Sheet(said.name, rows, columns, but))
    return found


def to_text(path: Path, sheet: str, target: Path) -> list[str]:
    """Write a sheet as comma-delimited text in UTF-8; return sentences to be noted.

    Dates are ISO, with the time where it is not midnight; durations hours, minutes and seconds;
    whole numbers have no decimals, others all that they have; truth is true or false. Error
    cells keep their text (#N/A). A merged cell has its value at its top left.

    Parameters
    ----------
    path, target : pathlib.Path
        The workbook, and the text file to be written.
    sheet : str
        Name of the sheet; empty for the only one that is visible and not empty.

    Raises
    ------
    StudyError
        The workbook cannot be read, or has no such sheet, or several where none is named.

    Notes
    -----
    The sheet is held in memory as a whole: about 100 bytes a cell, 1 GB for a million rows of ten.
    """
    name = sheet or _only_sheet(path)
    errors, blank = error_cells(path, name)
    cut = 0
    with _opened(path) as book, target.open("w", encoding="utf-8", newline="") as file:
        if name not in book.sheet_names:
            raise _no_sheet(path, name, ", ".join(book.sheet_names))
        opened = book.get_sheet_by_name(name)
        before = [""] * (opened.start[1] if opened.start else 0)
        writer = csv.writer(file, lineterminator="\n")
        for number, row in enumerate(opened.iter_rows()):
            cells = before + [_as_text(value) for value in row]
            for column, text in errors.get(number, ()):
                cells += [""] * (column + 1 - len(cells))
                cells[column] = text
            cut += sum(isinstance(value, float | int) and abs(value) >= _DIGITS for value in row)
            writer.writerow(cells)
    return list(_notes(errors, blank, cut))


def _notes(errors: dict[int, list[tuple[int, str]]], blank: list[str], cut: int) -> Iterator[str]:
    if errors:
        shown = [f"{letters(column)}{row + 1} {text}" for row, cells in errors.items()
                 for column, text in cells]  # fmt: skip
        yield f"Cells that hold an error: {len(shown):,} ({', '.join(shown[:3])})."
    if blank:
        yield (
            f"Formulas that were never computed and read as empty: {len(blank):,} "
            f"({', '.join(blank[:3])}); opening and saving the workbook in a spreadsheet program "
            "computes them."
        )
    if cut:
        yield (
            f"Numbers of 16 digits and more, of which a workbook keeps 15: {cut:,}; as numbers of "
            "accounts or cards they are wrong."
        )


def _only_sheet(path: Path) -> str:
    """The one sheet that is meant where none is named."""
    usual = [sheet.name for sheet in sheets(path) if not sheet.but]
    if len(usual) == 1:
        return usual[0]
    if not usual:
        raise StudyError(
            "A workbook is empty.",
            where=str(path),
            rule="a sheet that is visible and has cells",
            found=", ".join(f"{sheet.name} ({sheet.but})" for sheet in sheets(path)),
            remedy="Name a hidden sheet under 'members', or replace the file.",
        )
    raise _no_sheet(path, "", ", ".join(usual))


def _no_sheet(path: Path, name: str, found: str) -> StudyError:
    return StudyError(
        "A workbook has no such sheet." if name else "A workbook has several sheets.",
        where=str(path),
        rule=f"a sheet called {name!r}" if name else "the name of a sheet, or only one",
        found=found[:400],
        remedy="Name it under 'members' in study.yaml: members: [{file: SHEET, table: NAME}].",
    )


@contextmanager
def _opened(path: Path) -> Iterator[CalamineWorkbook]:
    """Open a workbook by what it is, not by its ending."""
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    try:
        with path.open("rb") as file, CalamineWorkbook.from_filelike(file) as book:
            yield book
    except PasswordError:
        raise StudyError(
            "A workbook is protected by a password.",
            where=str(path),
            rule="a workbook without password",
            found="an encrypted one",
            remedy="Open it with its password and save it without.",
        ) from None
    except (CalamineError, OSError, ValueError) as error:
        raise StudyError(
            "A workbook cannot be read.",
            where=str(path),
            rule="a whole workbook of Excel (.xlsx, .xlsb, .xls) or OpenDocument, no password",
            found=" ".join(str(error).split())[:200],
            remedy="Open it in a spreadsheet program and save it as .xlsx, or replace it.",
        ) from None


# --- cells --------------------------------------------------------------------------------------


def _as_text(value: Any) -> str:
    """Write one cell."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(value)
    if isinstance(value, dt.datetime):
        value = _whole_seconds(value)
        return str(value.date() if value.time() == dt.time() else value)
    if isinstance(value, dt.timedelta):
        seconds = round(value.total_seconds())
        minutes, hours = abs(seconds) // 60, abs(seconds) // 3600
        sign = "-" if seconds < 0 else ""
        return f"{sign}{hours}:{minutes % 60:02}:{abs(seconds) % 60:02}"
    return str(value)  # dates and times of the day


def _whole_seconds(value: dt.datetime) -> dt.datetime:
    """Undo what a serial number loses: 23:59:59.999 is the next day, not the one before it."""
    nearest = (value + dt.timedelta(milliseconds=500)).replace(microsecond=0)
    return nearest if abs(value - nearest) <= dt.timedelta(milliseconds=1) else value


def letters(column: int) -> str:
    """Name a column, counted from 0, as spreadsheet programs do.

    >>> letters(0), letters(27)
    ('A', 'AB')
    """
    name, column = "", column + 1
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(65 + rest) + name
    return name
