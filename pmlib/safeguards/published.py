"""What may be shown of a finding: counts of few people hidden, in one place, on the way out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from pmlib.numbers import Finding, Number, Phrase
from pmlib.safeguards.suppression import with_complements

_RESULTS = ("responded", "rate", "low", "high", "cost_per_sale", "cost_low", "cost_high")
_EVIDENCE = ("n", "n_control", "raw", "raw_se")
_ROW = ()
COUNTS: Mapping[str, tuple[str, ...]] = {
    "customers": _ROW, "customers_control": _ROW, "contacts": _ROW, "eligible": _ROW,
    "offers": _ROW, "planned": _ROW, "n_both": _ROW, "n_antecedent": _ROW, "n_consequent": _ROW,
    "past_contacts": ("past_contacts", "past_controls"),
    "past_controls": ("past_contacts", "past_controls"),
    "n": _EVIDENCE, "n_control": _EVIDENCE, "responded": _RESULTS,
    "answered": ("answered", *_RESULTS), "outcome_known": ("outcome_known",),
    "wasted": ("wasted", "share", "low", "high", "cost", "sales"), "sales": ("sales",),
    "offered": ("offered", "rate", "low", "high", "rate_eligible", "ratio"),
    "missing": ("missing", "missing_share"), "unknown": ("unknown",),
    "duplicates": ("duplicates",), "held": ("held",), "unsuitable": ("unsuitable",),
    "not_contactable": ("not_contactable",), "barred": ("barred",), "buyers": ("buyers",),
}  # fmt: skip
"""Columns that count people or what single people did, with the columns of the row that would
tell a hidden count; `_ROW`: every number of the row but what names it."""

_NAMES = {"segment", "segment_then", "segment_now", "k", "x", "y", "recency_score", "products",
          "frequency_score", "tenth", "look", "depth", "month", "level"}  # fmt: skip
_PARTS = (("responded", "answered"), ("responded", "contacts"), ("wasted", "contacts"),
          ("offered", "customers"), ("n_both", "n_antecedent"))  # fmt: skip
"""A part and its whole: those who are not of the part are people too."""
_MEANS = ("mean", "mean_control")
_SHARES = (
    ("share_first", "customers", ("share_first", "low", "high", "p_adjusted")),
    ("mean", "customers", _MEANS), ("mean_control", "customers_control", _MEANS),
)  # fmt: skip
"""A share, of how many, and the columns that would tell a hidden one."""


def published(finding: Finding, minimum: int, words: Mapping[str, str]) -> Finding:
    """Hide in a finding's tables, numbers and quotes every count of fewer than `minimum` people.

    Parameters
    ----------
    finding : Finding
    minimum : int
        Smallest number of people that may be shown.
    words : mapping
        ``fewer`` with ``{n}``, ``less`` and ``more`` with ``{share}``: what stands
        in the place of a number. One of money that rests on few is left out.
    """
    numbers = [told(number, minimum, words) for number in finding.numbers]
    if any(n.key == "response_control" and isinstance(n.value, str) for n in numbers):
        # The effect is shown: what offers brought would tell what happened without.
        numbers = [_coarse(n, words) if n.key.startswith("response_offer") else n for n in numbers]
    return replace(
        finding,
        table=hidden(finding.table, minimum),
        tables={name: hidden(table, minimum) for name, table in finding.tables.items()},
        numbers=tuple(
            now
            for now, was in zip(numbers, finding.numbers, strict=True)
            if now.value is not None or was.value is None
        ),
        quotes={name: _quoted(value, minimum, words) for name, value in finding.quotes.items()},
    )


def hidden(table: pd.DataFrame, minimum: int) -> pd.DataFrame:
    """Blank each count of 1 to ``minimum - 1`` people in a table, and what would tell it.

    So is a count whose complement is as small. Where a column's total is known, one blank cell of
    responders, or blank cells with fewer than `minimum` of them, would be found by subtraction:
    the next smallest is blanked too. Products are no people.
    """
    people = table.get("table", pd.Series(index=table.index, dtype=object)).ne("products")
    blank: dict[str, pd.Series] = {}

    def hide(rows: pd.Series, columns: tuple[str, ...]) -> None:
        for column in columns or _numbers(table):
            if column in table.columns:
                blank[column] = blank.get(column, False) | rows

    counted = [column for column in COUNTS if column in table.columns and _whole(table[column])]
    for column in counted:
        few = table[column].gt(0) & table[column].lt(minimum) & people
        for part, whole in _PARTS:
            if part == column and whole in counted:
                rest = table[whole] - table[part]
                few |= rest.gt(0) & rest.lt(minimum)
        if column == "responded":
            sizes, small = table[column].fillna(0).to_numpy(float), few.to_numpy(bool)
            line = [np.arange(len(table))]
            few = pd.Series(with_complements(sizes, small, small, line, minimum), few.index)
        if few.any():
            hide(few, COUNTS[column])
    for share, whole, columns in _SHARES:
        if share in table.columns and whole in table.columns:
            part = (table[share] * table[whole]).astype(float)
            if share in _MEANS:  # of responses, not of money
                of_people = table.get("outcome", pd.Series("", index=table.index)).eq("responded")
                part = part.where(of_people, np.nan)
            few = (part.gt(0.5) & part.lt(minimum - 0.5)) | (
                (table[whole] - part).gt(0.5) & (table[whole] - part).lt(minimum - 0.5)
            )
            if few.any():
                hide(few, columns)
    if not blank:
        return table
    kept = {c: table[c].astype(float).mask(rows.astype(bool)) for c, rows in blank.items()}
    return table.assign(**kept)


def all_hidden(before: pd.DataFrame, after: pd.DataFrame) -> bool:
    """Whether small counts leave nothing of a table's numbers."""
    names = list(_numbers(before))
    some = before[names].notna().any(axis=None) or before.get("suppressed", pd.Series()).any()
    return bool(some) and not after[names].notna().any(axis=None)


def told(number: Number, minimum: int, words: Mapping[str, str]) -> Number:
    """Say of a number that tells a count of few people that they are few, and no more."""
    value, of = number.value, number.of
    if isinstance(value, bool | str) or value is None:
        return number
    if of is None:
        if number.unit != "customers":
            return number
        of = value
    if number.unit == "share":
        part, least = value * of, minimum / of if of else 1.0
        if 0.5 < part < minimum - 0.5:
            return _said(number, words["less"].format(share=f"{100 * least:.2g}"))
        if 0.5 < of - part < minimum - 0.5:
            return _said(number, words["more"].format(share=f"{100 * (1 - least):.3g}"))
    elif number.unit not in ("count", "customers"):
        return replace(number, value=None, low=None, high=None) if of < minimum else number
    elif 0 < value < minimum:
        return _said(number, words["fewer"].format(n=minimum))
    return number


def _coarse(number: Number, words: Mapping[str, str]) -> Number:
    if not isinstance(number.value, float):
        return number
    return _said(number, words["less"].format(share=f"{5 * np.floor(20 * number.value + 1):.0f}"))


def _said(number: Number, text: str) -> Number:
    return replace(number, value=text, low=None, high=None, decimals=None)


def _quoted(value: Any, minimum: int, words: Mapping[str, str]) -> Any:
    if isinstance(value, Number):
        return told(value, minimum, words)
    if isinstance(value, Phrase):
        return replace(value, quotes=_quoted(value.quotes, minimum, words))
    if isinstance(value, Mapping):
        return {name: _quoted(item, minimum, words) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_quoted(item, minimum, words) for item in value]
    return value


def _whole(values: pd.Series) -> bool:
    is_number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    return is_number and bool((values.dropna() % 1 == 0).all())


def _numbers(table: pd.DataFrame) -> tuple[str, ...]:
    return tuple(c for c in table.columns if c not in _NAMES
                 and pd.api.types.is_numeric_dtype(table[c])
                 and not pd.api.types.is_bool_dtype(table[c]))  # fmt: skip
