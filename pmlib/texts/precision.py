"""How many decimals a number is shown with, alone and in a column."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pmlib.numbers import Number

DECIMALS = {"share": 1, "points": 2, "currency": 2, "days": 0, "months": 0}


def column_decimals(values: Sequence[float], unit: str) -> int | None:
    """Decimals that all numbers of a column are shown with, none of them more than it needs.

    The largest has those that suit it alone, half of the numbers at least two digits that count,
    and the smallest too where three decimals show them. None where each value has its own form,
    as in a column of several kinds of numbers.

    Examples
    --------
    >>> column_decimals([0.0065, 0.41, 0.4841], "")
    3
    >>> column_decimals([13.91, 106.7, 1728.1], "currency")
    0
    >>> column_decimals([0.05, 0.1, 1.0], "")
    2
    >>> column_decimals([0.43, 8369.0, 70699.0], "")
    """
    scale = 100 if unit in ("share", "points") else 1
    sizes = sorted(scale * abs(value) for value in values if math.isfinite(value) and value)
    if unit == "p" or not sizes:
        return None
    decimals = default_decimals(sizes[-1], unit)
    if unit in DECIMALS:
        return decimals
    if sizes[-1] >= 1e5 * sizes[0]:  # numbers of several kinds
        return None
    needed = [1 - math.floor(math.log10(size)) for size in (sizes[0], sizes[len(sizes) // 2])]
    decimals = min(max(decimals, min(3, needed[0]), needed[1]), 4)
    while decimals and all(_is_exact(size, decimals - 1) for size in sizes):
        decimals -= 1
    return decimals


def number_decimals(number: Number) -> int | None:
    """Decimals of a number and of its interval, which money and points share.

    Examples
    --------
    >>> number_decimals(Number("", 295.82, "currency", -3952.1, 4544.3))
    0
    """
    ends = (number.low, number.high)
    if number.decimals is not None or number.unit not in ("currency", "points") or None in ends:
        return number.decimals
    scale = 100 if number.unit == "points" else 1
    sizes = [abs(end) for end in (number.value, *ends) if isinstance(end, int | float)]
    return default_decimals(scale * max(sizes), number.unit)


def _is_exact(size: float, decimals: int) -> bool:
    return math.isclose(round(size, decimals), size, rel_tol=1e-9)


def default_decimals(value: float, unit: str) -> int:
    """Decimals of a number that stands alone."""
    if unit in ("share", "points") and abs(value) >= 1000:
        return 0
    if isinstance(value, int) and unit not in ("share", "points"):
        return 0
    if unit == "currency" and abs(value) >= 100:
        return 0
    if unit == "points" and abs(value) >= 10:
        return 1
    if unit in ("customers", "count") and float(value).is_integer():
        return 0
    if unit in DECIMALS:
        return DECIMALS[unit]
    size = abs(value)
    return 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 or size == 0 else 4
