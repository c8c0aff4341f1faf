"""Headline numbers and findings: what a chapter says, with units, intervals and verdicts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

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
            object.__setattr__(self, name, native(getattr(self, name)))

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
    value = native(value)
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


def native(value: Any) -> Any:
    """Numpy scalars to Python's own, so that JSON and ``isinstance`` see plain numbers."""
    return value.item() if isinstance(value, np.generic) else value


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
