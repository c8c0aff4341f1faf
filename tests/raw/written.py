"""Cells of a sheet, written by their Python types."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any


def put(sheet: Any, day: Any, rows: Sequence[Sequence[Any]], *, row: int, column: int) -> None:
    """Write rows from a place on: days in the format `day`, text as text, nothing for None."""
    for number, cells in enumerate(rows, start=row):
        for place, cell in enumerate(cells, start=column):
            if isinstance(cell, dt.date):
                sheet.write_datetime(number, place, cell, day)
            elif isinstance(cell, str):
                sheet.write_string(number, place, cell)
            elif cell is not None:
                sheet.write(number, place, cell)
