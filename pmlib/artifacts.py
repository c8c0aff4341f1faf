"""What passes between chapters: headline numbers, data frames and small JSON values.

Everything is written aside and renamed, so a reader never sees half a file, and a killed run
leaves the earlier one whole.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pmlib.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Iterator

UNITS = ("", "share", "points", "currency", "customers", "count", "days", "months", "ratio", "p")
"""share: 0 to 1, shown in per cent; points: a difference of shares, shown in percentage points;
p: a p-value."""

DIGITS = 9
"""Significant digits of what is published. Engines add up in parallel, in no fixed order, so the
last bits of a sum, and more of a difference of sums, are not the same in two runs."""

_DECIMALS = {"share": 1, "points": 2, "currency": 2, "days": 0, "months": 0}


@dataclass(frozen=True)
class Number:
    """A headline number of the study: what ``results.json`` keeps and the report's prose quotes.

    Parameters
    ----------
    key : str
        Unique in the study, snake_case.
    value : float, int, str, bool or None
        None means that the study cannot show it.
    unit : str
        One of `UNITS`.
    low, high : float, optional
        Ends of the interval at the study's confidence level.
    meaning : str
        One line for a reader who sees only this number.
    decimals : int, optional
        Digits after the point when shown; by default what suits the unit.
    """

    key: str
    value: float | int | str | bool | None
    unit: str = ""
    low: float | None = None
    high: float | None = None
    meaning: str = ""
    decimals: int | None = None

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise ValueError(f"unit of {self.key!r} must be one of {UNITS}, not {self.unit!r}")
        for name in ("value", "low", "high"):
            object.__setattr__(self, name, _native(getattr(self, name)))

    def text(self, currency: str = "") -> str:
        """Show the value with its unit."""
        return format_number(self.value, self.unit, currency=currency, decimals=self.decimals)

    def interval(self, currency: str = "") -> str:
        """Show the interval with its unit, e.g. ``12.1 to 14.0 %``."""
        if self.low is None or self.high is None:
            return "no interval"
        low, high = (
            format_number(end, self.unit, currency=currency, decimals=self.decimals)
            for end in (self.low, self.high)
        )
        suffix = _suffix(self.unit, currency)
        return f"{low.removesuffix(suffix)} to {high}" if suffix else f"{low} to {high}"


@dataclass(frozen=True)
class Finding:
    """An answer to one question of a chapter: a table, its headline numbers, what they say.

    Parameters
    ----------
    table : pandas.DataFrame
        Whoever makes it tells the columns.
    numbers : tuple of Number
    text : str
    """

    table: pd.DataFrame
    numbers: tuple[Number, ...]
    text: str


class Quoted:
    """A number inside a text: itself with its unit, ``.interval`` with its unit, and bare parts.

    Parameters
    ----------
    number : Number
    currency : str
        What stands behind amounts of money.
    """

    def __init__(self, number: Number, currency: str) -> None:
        self.value, self.low, self.high = number.value, number.low, number.high
        self.meaning = number.meaning
        self.interval = number.interval(currency)
        self._text = number.text(currency)

    def __str__(self) -> str:
        return self._text


def format_number(
    value: float | int | str | bool | None,  # noqa: FBT001 - a yes or no to show
    unit: str = "",
    *,
    currency: str = "",
    decimals: int | None = None,
) -> str:
    r"""Write a value as a reader expects to see it.

    Thousands are set apart by a comma, negative numbers carry a true minus sign.

    Examples
    --------
    >>> format_number(0.1234, "share")
    '12.3\xa0%'
    >>> format_number(-1234567.8, "currency", currency="CZK")
    '−1,234,568\xa0CZK'
    >>> format_number(0.00681, "points")
    '0.68\xa0points'
    >>> format_number(4500, "customers")
    '4,500'
    >>> format_number(3e-9, "p")
    '< 0.001'
    """
    value = _native(value)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, float) and math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if unit == "p":
        return "< 0.001" if value < 0.001 else f"{value:.3f}"
    if unit in ("share", "points"):
        value = 100 * value
    if decimals is None:
        decimals = _default_decimals(value, unit)
    shown = f"{value:,.{decimals}f}"
    if float(shown.replace(",", "")) == 0:
        shown = shown.removeprefix("-")
    return shown.replace("-", "−") + _suffix(unit, currency)


def _default_decimals(value: float, unit: str) -> int:
    if isinstance(value, int) and unit not in ("share", "points"):
        return 0
    if unit == "currency" and abs(value) >= 1000:
        return 0
    if unit in ("customers", "count") and float(value).is_integer():
        return 0
    if unit in _DECIMALS:
        return _DECIMALS[unit]
    size = abs(value)
    return 0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 0.1 or size == 0 else 4


def _suffix(unit: str, currency: str) -> str:
    # A no-break space keeps the number and its unit on one line.
    return {
        "share": "\u00a0%",
        "points": "\u00a0points",
        "currency": f"\u00a0{currency}" if currency else "",
    }.get(unit, "")


def _native(value: Any) -> Any:
    """Numpy scalars to Python's own, so that JSON and ``isinstance`` see plain numbers."""
    return value.item() if isinstance(value, np.generic) else value


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it there when the block ends well.

    Raises
    ------
    StudyError
        The folder cannot be written.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield aside
        aside.replace(path)
    except OSError as error:
        raise StudyError(
            "A file cannot be written.",
            where=str(path),
            found=error.strerror or str(error),
            remedy="Free space, or choose a folder you may write to.",
        ) from error
    finally:
        with suppress(OSError):  # gone if renamed, unreachable if the folder is no folder
            aside.unlink()


@contextmanager
def folder_written_whole(folder: Path) -> Iterator[Path]:
    """Give an empty folder beside `folder`; put it in its place when the block ends well.

    Raises
    ------
    StudyError
        The folder cannot be written.
    """
    aside, earlier = (
        folder.with_name(f".{folder.name}.{os.getpid()}.{what}") for what in ("partial", "earlier")
    )
    try:
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
    except OSError as error:
        raise StudyError(
            "The run folder cannot be written.",
            where=str(folder),
            found=error.strerror or str(error),
            remedy="Free space, or choose another folder with --out.",
        ) from error
    try:
        yield aside
        if folder.exists():
            folder.rename(earlier)
        aside.rename(folder)
        shutil.rmtree(earlier, ignore_errors=True)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Write a data frame as Parquet; tuples become lists, the index is left out.

    Raises
    ------
    StudyError
        A column's name is not text, or the file cannot be written.
    """
    if not all(isinstance(column, str) for column in frame.columns):
        raise StudyError(
            "A data frame between chapters needs text as column names.",
            where=path.name,
            found=str(list(frame.columns)),
            remedy="Rename the columns, and reset the index if it carries data.",
        )
    with written_whole(path) as aside:
        frame.reset_index(drop=True).to_parquet(aside, index=False, compression="zstd")


def read_frame(path: Path) -> pd.DataFrame:
    """Read what `write_frame` wrote; lists come back as tuples, text as object dtype.

    Raises
    ------
    StudyError
        There is no such file.
    """
    if not path.is_file():
        raise StudyError(
            "An artefact of an earlier chapter is missing.",
            where=str(path),
            remedy="Run the chapters before this one: python run_all.py",
        )
    frame = pd.read_parquet(path)
    for column in frame.columns:
        if isinstance(frame[column].dtype, pd.StringDtype):
            frame[column] = frame[column].astype(object).where(frame[column].notna(), None)
        elif frame[column].map(lambda cell: isinstance(cell, np.ndarray)).any():
            frame[column] = frame[column].map(
                lambda cell: tuple(cell.tolist()) if isinstance(cell, np.ndarray) else cell
            )
    return frame


def write_json(value: Any, path: Path) -> None:
    """Write JSON with sorted keys and floats to 12 significant digits: same value, same bytes."""
    text = json.dumps(_rounded(value), indent=1, sort_keys=True, ensure_ascii=False)
    with written_whole(path) as aside:
        aside.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    StudyError
        There is no such file, or it cannot be read as JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # ValueError: no JSON, or no text at all
        first = "Run" if isinstance(error, FileNotFoundError) else "Delete it and run"
        raise StudyError(
            "A file of this run is missing or damaged.",
            where=str(path),
            found=str(error),
            remedy=f"{first} the study again: python run_all.py",
        ) from error


def _rounded(value: Any) -> Any:
    """Round floats so that the last bits, which differ between machines, are not kept."""
    value = _native(value)
    if isinstance(value, float):
        return float(f"{value:.12g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        items = sorted(value) if isinstance(value, set | frozenset) else value
        return [_rounded(item) for item in items]
    return value if isinstance(value, int | str | bool | None) else str(value)


def numbers_to_records(numbers: Iterable[Number]) -> list[dict[str, Any]]:
    """Turn numbers into what ``results.json`` holds, floats to `DIGITS` significant digits."""
    return [
        {
            field: float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
            for field, value in asdict(number).items()
        }
        for number in numbers
    ]


def numbers_from_records(records: Iterable[Mapping[str, Any]]) -> list[Number]:
    """Turn the records of ``results.json`` back into numbers; a chapter's name is passed over."""
    names = Number.__dataclass_fields__
    return [Number(**{k: v for k, v in record.items() if k in names}) for record in records]
