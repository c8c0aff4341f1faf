"""Which forms texts may have, told by their shape: proposals, for a scan of all cells to judge."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence

from pmlib.studies.forms import SPELLED, digits_pattern
from pmlib.studies.spec import Reading
from pmlib.studies.words import (
    CURRENCIES,
    DATE_HINT,
    DIRECTIONS,
    FLAGS,
    MISSING,
    MONTHS,
    TOTALS,
)

_ENOUGH = 0.8
"""Share of the texts that a form must fit to be proposed."""

_LETTER = r"[^\W\d_]"
_SPELLED = re.compile(SPELLED.replace(r"[^0-9\p{L}]", r"[\W_]").replace(r"[\p{L}]", _LETTER))
_COMPACT = re.compile(r"(\d{6}|\d{8})(?:[^0-9].*)?")
_CURRENCY = re.compile(
    "|".join([r"[A-Za-z]{0,2}[$€£¥₹₽₺₩₴₪฿₫₱]", *map(re.escape, CURRENCIES)]), re.IGNORECASE
)
_AROUND = re.compile(
    r"^[(\s+\-\u2212\u2013]+|[)\s+\-\u2212\u2013]+$|(?<=[\d\s])(?:[CD]R|[SH])\s*$", re.IGNORECASE
)
_NUMBER = re.compile(r"(?:\d[\d.,'’\s\u00a0\u202f]*|[.,]\d+)(?:[eE][-+]?\d+)?")


def as_number(name: str, texts: Sequence[str]) -> list[Reading]:
    """Forms in which texts may be amounts; two where a point or comma can mean either thing."""
    cores = [_core(text) for text in texts if text.lower() not in MISSING["number"]]
    numbers = [core for core in cores if _NUMBER.fullmatch(core)]
    if not cores or len(numbers) < _ENOUGH * len(cores):
        return []
    used = {sign for core in numbers for sign in re.sub(r"[\deE+-]", "", core)}
    if used & {"'", "’"}:
        forms = ["1'234.56", "1'234,56"]
    elif used & {" ", "\u00a0", "\u202f", "\u2009"}:
        forms = ["1 234,56", "1 234.56"]
    else:
        forms = ["1,234.56", "1.234,56"] if used else ["1234.56"]
        forms = [form for form in forms if _share(form, numbers) >= _ENOUGH]
    return [Reading(as_="amount", form=form) for form in forms]


def _share(form: str, numbers: Sequence[str]) -> float:
    pattern = re.compile(digits_pattern(form) + r"(?:[eE][-+]?\d+)?")
    return sum(1 for number in numbers if pattern.fullmatch(number.strip())) / len(numbers)


def _core(text: str) -> str:
    """The digits and their separators, without currencies, signs and what else stands around."""
    bare = (
        _CURRENCY.sub(" ", text)
        if not text.isascii() or any(c.isalpha() or c == "$" for c in text)
        else text
    )
    while bare != (bare := _AROUND.sub("", bare)):
        pass
    return bare


def as_day(name: str, texts: Sequence[str], today: dt.date) -> list[Reading]:
    """Forms in which texts may be days, in the order in which they are usual.

    Numbers of days count only where the column's name speaks of a day; digits without signs where
    it does, or where there are many and all are days of our time.
    """
    texts = [text.lower() for text in texts if text.lower() not in MISSING["number"]]
    if not texts:
        return []
    hinted = re.search(DATE_HINT, name, re.IGNORECASE) is not None
    spelled = [match.groups() for text in texts if (match := _SPELLED.match(_bare(text)))]
    if len(spelled) >= _ENOUGH * len(texts):
        return _orders(spelled, len(texts), today)
    compact = [match[1] for text in texts if (match := _COMPACT.fullmatch(text))]
    if len(compact) >= _ENOUGH * len(texts) and (hinted or len(set(compact)) >= 10):
        eight = all(len(digits) == 8 for digits in compact)
        cut = {"year-month-day": (4, 6), "day-month-year": (2, 4), "month-day-year": (2, 4)}
        found = []
        for form, (first, second) in cut.items() if eight else {}.items():
            parts = [(d[:first], d[first:second], d[second:]) for d in compact]
            found += [r for r in _orders(parts, len(texts), today) if r.form == form]
        if not eight and hinted:
            found = _orders([(d[:2], d[2:4], d[4:]) for d in compact], len(texts), today)
        if found:
            return found
    return _counted(texts) if hinted else []


def _bare(text: str) -> str:
    return text.translate(str.maketrans("äáàâéèêëíîóôöúûüç", "aaaaeeeeiiooouuuc"))


def _orders(parts: Iterable[Sequence[str]], n: int, today: dt.date) -> list[Reading]:
    """The orders of year, month and day that fit most of the texts taken apart."""
    fits = dict.fromkeys(("year-month-day", "day-month-year", "month-day-year"), 0)
    short = False
    for a, b, c in parts:
        for form, (year, month, day) in {
            "year-month-day": (a, b, c), "day-month-year": (c, b, a), "month-day-year": (c, a, b),
        }.items():  # fmt: skip
            named = month.rstrip(".") in MONTHS
            if (
                year.isdigit()
                and day.isdigit()
                and (named or (month.isdigit() and len(month) <= 2 and 1 <= int(month) <= 12))
                and len(day) <= 2
                and 1 <= int(day) <= 31
                and (
                    len(year) == 2
                    or (len(year) == 4 and (1850 <= int(year) <= 2100 or year == "9999"))
                )
            ):
                fits[form] += 1
                short = short or len(year) == 2
    pivot = today.year % 100 if short else None
    return [
        Reading(as_="day", form=form, pivot=pivot) for form, k in fits.items() if k >= _ENOUGH * n
    ]


def _counted(texts: Sequence[str]) -> list[Reading]:
    """Numbers of days or seconds that lie in our time, under each way of counting."""
    numbers = [float(text) for text in texts if re.fullmatch(r"\d{4,13}(?:\.\d+)?", text)]
    if len(numbers) < _ENOUGH * len(texts):
        return []
    low, high = min(numbers), max(numbers)
    ranges = {"excel": (3654, 73050), "sas": (-18262, 51134), "unix": (1e8, 4.2e9)}
    found = [form for form, (first, last) in ranges.items() if first <= low and high <= last]
    found += ["unix"] if low >= 1e11 and high <= 4.2e12 else []
    return [Reading(as_="day", form=form) for form in found]


def as_flag(values: Iterable[str], *, blanks: bool) -> Reading | None:
    """What means true and what false among a column's values, if they are one pair of words.

    Parameters
    ----------
    values : iterable of str
        All different values but blanks.
    blanks : bool
        Whether there are blank cells: a mark such as X then stands against them.
    """
    found = {
        value.lower(): value
        for value in values
        if value.lower() not in MISSING["text"] or value == "-"
    }
    pairs = [(yes, no) for yes, no in FLAGS if {yes, no} - {""} == set(found) and (no or blanks)]
    if not pairs and len(found) > 2:  # more than one language, each word of which is certain
        known = [pair for pair in FLAGS if {*pair} <= found.keys()]
        if (
            known
            and {word for pair in known for word in pair} == set(found)
            and not {y for y, _ in known} & {n for _, n in known}
        ):
            pairs = known
    if not pairs:
        return None
    return Reading(
        as_="flag",
        yes_words=sorted({found[yes] for yes, _ in pairs}),
        no_words=sorted({found.get(no, no) for _, no in pairs}),
    )


def one_sided_flag(values: Sequence[str]) -> Reading | None:
    """A flag of which only one of the two words occurs, where that word has but one meaning."""
    if len(values) != 1:
        return None
    word = values[0].lower()
    yes, no = (any(pair[side] == word for pair in FLAGS) for side in (0, 1))
    if yes == no:
        return None
    return Reading(
        as_="flag", yes_words=list(values) if yes else [], no_words=[] if yes else list(values)
    )


def as_direction(values: Iterable[str]) -> tuple[list[str], list[str]] | None:
    """Words for money that went out and that came in, if a column's values are such a pair."""
    found = {value.lower(): value for value in values}
    for out, in_ in DIRECTIONS:
        if set(found) == {out, in_}:
            return [found[out]], [found[in_]]
    return None


def is_total(text: str) -> bool:
    """Whether a cell begins a row of totals."""
    bare = re.sub(r"[\s:：]+$", "", text.strip().lower())
    return (
        bare in TOTALS
        or re.fullmatch(rf"(?:{'|'.join(map(re.escape, TOTALS))})[\s:].*", bare) is not None
    )
