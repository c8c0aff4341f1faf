"""Which of several snapshots is the newest: days read from what months and files are called."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence

from pmlib.studies.words import MONTHS

_YEAR = "(?:19|20)[0-9]{2}"
_DIGITS = (
    rf"(?P<y>{_YEAR})(?P<m>[0-9]{{2}})(?P<d>[0-9]{{2}})",
    rf"(?P<d>[0-9]{{2}})(?P<m>[0-9]{{2}})(?P<y>{_YEAR})",
    rf"(?P<y>{_YEAR})[^0-9]+(?P<m>[0-9]{{1,2}})[^0-9]+(?P<d>[0-9]{{1,2}})",
    rf"(?P<d>[0-9]{{1,2}})[^0-9]+(?P<m>[0-9]{{1,2}})[^0-9]+(?P<y>{_YEAR})",
    rf"(?P<y>{_YEAR})[^0-9]*(?P<m>[0-9]{{1,2}})",
    rf"(?P<m>[0-9]{{1,2}})[^0-9]*(?P<y>{_YEAR})",
    rf"(?P<y>{_YEAR})[^0-9a-z]*[qt](?P<q>[1-4])",
    rf"[qt](?P<q>[1-4])[^0-9a-z]*(?P<y>{_YEAR})",
    rf"(?P<y>{_YEAR})",
)


def newest_of(names: Sequence[str], today: dt.date) -> tuple[str, bool]:
    """The newest of names of snapshots (2024-09, Sep 2024, 09/2024, customers_30092024.csv).

    Returns the name, and whether a day could be read from each of them; if not, the name is only
    the last in the order of text. Days after today are not taken for the newest.
    """
    for pattern in _DIGITS:
        days = [_day(name, pattern) for name in names]
        if all(days) and len(set(days)) == len(names):
            known = [(day, name) for day, name in zip(days, names, strict=True) if day]
            past = [pair for pair in known if pair[0] <= (today.year, today.month, today.day)]
            return max(past or known)[1], True
    return max(names), False


def _day(name: str, pattern: str) -> tuple[int, int, int] | None:
    """Year, month and day, as far as a name has them; None where the pattern does not fit."""
    text = name.lower()
    for word in re.findall(r"[^\W\d_]{3,}", text):
        if word in MONTHS:
            text = text.replace(word, f" {MONTHS[word]:02d} ", 1)
    found = re.search(rf"(?<![0-9]){pattern}(?![0-9])", text)
    if found is None:
        return None
    part = {key: int(value) for key, value in found.groupdict().items() if value}
    month, day = part.get("m", 3 * part.get("q", 0)), part.get("d", 0)
    return (part["y"], month, day) if month <= 12 and day <= 31 else None
