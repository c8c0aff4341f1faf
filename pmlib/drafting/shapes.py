"""Which forms texts may have, told by their shape: proposals, for a scan of all cells to judge."""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Iterable, Mapping, Sequence

from pmlib.studies import forms
from pmlib.studies.spec import Reading
from pmlib.studies.words import (
    DATE_HINT,
    DIRECTIONS,
    FLAGS,
    MISSING,
    MONTHS,
    TOTALS,
)

_ENOUGH = 0.8
"""Share of the texts that a form must fit to be proposed."""

_AMOUNT = re.compile(forms.amount_pattern(forms.ANY_DIGITS))
_COMPACT = re.compile(forms.COMPACT)
_BIRTH = r"birth|born|dob|geb|naiss|nacim|geboor|出生|生"


def as_number(texts: Sequence[str]) -> list[Reading]:
    """Forms in which texts may be amounts; two where a point or comma can mean either thing."""
    cells = [text for text in texts if text.lower() not in MISSING["number"]]
    numbers = [digits for text in cells if (digits := _digits(text))]
    if not cells or len(numbers) < _ENOUGH * len(cells):
        return []
    used = {sign for number in numbers for sign in re.sub(r"[\de+-]", "", number)}
    for group in ("'", " "):
        if group in used:
            proposed = [form for form in forms.AMOUNT_FORMS if form[1] == group]
            break
    else:
        proposed = ["1,234.56", "1.234,56"] if used else ["1234.56"]
    proposed = [form for form in proposed if _share(form, numbers) >= _ENOUGH]
    return [Reading(as_="amount", form=form) for form in proposed]


@functools.lru_cache(maxsize=4096)  # most columns repeat what they hold
def _digits(text: str) -> str:
    """The digits of an amount of any form; empty where a text is none."""
    match = _AMOUNT.fullmatch(forms.folded(text))
    return match[1].strip().lower() if match else ""


def _share(form: str, numbers: Sequence[str]) -> float:
    pattern = re.compile(forms.digits_pattern(form))
    return sum(1 for number in numbers if pattern.fullmatch(number)) / len(numbers)


def as_day(name: str, texts: Sequence[str], today: dt.date) -> list[Reading]:
    """Forms in which texts may be days, in the order in which they are usual.

    Numbers of days count only where the column's name speaks of a day; digits without signs where
    it does, or where there are many and all are days of our time.
    """
    texts = [forms.folded(text) for text in texts if text.lower() not in MISSING["number"]]
    if not texts:
        return []
    hinted = re.search(DATE_HINT, name, re.IGNORECASE) is not None
    spelled = [parts for text in texts if (parts := forms.spelled(text))]
    if len(spelled) >= _ENOUGH * len(texts):
        return _orders(spelled, len(texts), today)
    compact = [match[1] or match[2] for text in texts if (match := _COMPACT.fullmatch(text))]
    if len(compact) >= _ENOUGH * len(texts) and (hinted or len(set(compact)) >= 10):
        eight = all(len(digits) == 8 for digits in compact)
        cut = {"year-month-day": (4, 6), "day-month-year": (2, 4), "month-day-year": (2, 4)}
        found = []
        for form, (first, second) in cut.items() if eight else {}.items():
            cut_up = [(d[:first], d[first:second], d[second:]) for d in compact]
            found += [r for r in _orders(cut_up, len(texts), today) if r.form == form]
        if not eight and hinted:
            found = _orders([(d[:2], d[2:4], d[4:]) for d in compact], len(texts), today)
        if found:
            return found
    return _counted(name, texts, today) if hinted else []


def _orders(parts: Sequence[Sequence[str]], n: int, today: dt.date) -> list[Reading]:
    """The orders of year, month and day that fit most of the texts taken apart."""
    days: dict[str, list[tuple[str, str]]] = {
        "year-month-day": [], "day-month-year": [], "month-day-year": []
    }  # fmt: skip
    for a, b, c in parts:
        first = len(a) == 4 and a.isdigit()  # such a year is read whatever the form
        for form, (year, month, day) in {
            "year-month-day": (a, b, c),
            "day-month-year": (a, b, c) if first else (c, b, a),
            "month-day-year": (a, b, c) if first else (c, a, b),
        }.items():
            if _is_day(year, month, day):
                days[form].append((year, day))
    if all(len(a) == 4 and a.isdigit() for a, _, _ in parts):
        days = {"year-month-day": days["year-month-day"]}
    fitting = {form: found for form, found in days.items() if len(found) >= _ENOUGH * n}
    return [
        Reading(as_="day", form=form, pivot=today.year % 100 if _short(found) else None)
        for form, found in fitting.items()
        if not (_short(found) and _reversed(found) and len(fitting) > 1)
    ]


def _is_day(year: str, month: str, day: str) -> bool:
    named = month in MONTHS
    if not (named or (month.isdigit() and len(month) <= 2 and 1 <= int(month) <= 12)):
        return False
    if not (year.isdigit() and day.isdigit() and len(day) <= 2 and 1 <= int(day) <= 31):
        return False
    return len(year) == 2 or (len(year) == 4 and (1850 <= int(year) <= 2100 or year == "9999"))


def _short(days: Sequence[tuple[str, str]]) -> bool:
    return any(len(year) == 2 for year, _ in days)


def _reversed(days: Sequence[tuple[str, str]]) -> bool:
    """Whether what seems to be the day is the year: many days, few of a month, in many years."""
    years, within = ({part[i] for part in days} for i in (0, 1))
    return len(set(days)) >= 30 and len(within) <= 6 and len(years) >= 4 * len(within)


def _year(since: dt.date, days: float) -> int:
    """The year so many days after a day; of days beyond the calendar its last."""
    try:
        return (since + dt.timedelta(days=days)).year
    except OverflowError:
        return dt.MAXYEAR if days > 0 else dt.MINYEAR


def _counted(name: str, texts: Sequence[str], today: dt.date) -> list[Reading]:
    """Numbers of days or seconds that lie in our time, under each way of counting.

    But for births, days that a bank knows are mostly of the last thirty years.
    """
    matches = [re.fullmatch(r"-?\d{1,16}(?:[.,]\d+)?", text) for text in texts]
    numbers = [float(match[0].replace(",", ".")) for match in matches if match]
    if len(numbers) < _ENOUGH * len(texts):
        return []
    if min(numbers) >= 1850 and max(numbers) <= 2100:
        return []  # years
    years = {}
    for form, (since, a_day) in forms.COUNTS.items():
        low, high = (_year(since, n / a_day) for n in (min(numbers), max(numbers)))
        # Small numbers are no seconds, however well the year 1970 would suit.
        far = max(map(abs, numbers)) > (1000 if a_day == 1 else 1000 * a_day)
        if far and low >= 1910 and high <= 2100 and form != "excel-1904":
            years[form] = low, high
    if re.search(_BIRTH, name, re.IGNORECASE) is None:
        recent = {form for form, (low, high) in years.items() if low >= 1990 and high <= today.year}
        if len(recent) == 1 or "unix" in recent:
            years = {form: years[form] for form in years if form in recent}
    # Seconds since 1960 are rare: they are thought of where those since 1970 lie ahead.
    return [Reading(as_="day", form=f) for f in years if f != "sas-seconds" or "unix" not in years]


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


def as_direction(values: Mapping[str, int]) -> tuple[list[str], list[str]] | None:
    """Words for money that went out and that came in, if such a pair stands in most rows.

    Parameters
    ----------
    values : mapping of str to int
        Rows by value, without blank cells.
    """
    found: dict[str, list[str]] = {}
    for value in values:
        found.setdefault(value.lower(), []).append(value)
    for out, in_ in DIRECTIONS:
        if out in found and in_ in found:
            told = found[out] + found[in_]
            if sum(values[value] for value in told) >= _ENOUGH * sum(values.values()):
                return found[out], found[in_]
    return None


def is_total(text: str) -> bool:
    """Whether a cell begins a row of totals."""
    bare = re.sub(r"[\s:：]+$", "", text.strip().lower())
    return (
        bare in TOTALS
        or re.fullmatch(rf"(?:{'|'.join(map(re.escape, TOTALS))})[\s:].*", bare) is not None
    )


def is_filler(value: float | dt.date, reading: Reading) -> bool:
    """Whether a number or day looks like one that stands for none, such as -999 or 9999-12-31."""
    if isinstance(value, dt.date):
        return (value.month, value.day) in {(1, 1), (12, 30), (12, 31)} and (
            value.year <= 1901 or value.year >= 2999
        )
    return (
        reading.as_ == "amount"
        and re.fullmatch(r"-9{2,9}|-8{3,9}|9{5,10}", f"{value:.0f}") is not None
    )
