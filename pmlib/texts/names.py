"""Names from the data, as the study calls them in the language of the report."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

from pmlib.markup import as_name

_BETWEEN = (" → ", " + ", ": ")
"""What joins names to a longer one: what joins the longest parts first."""

_BLANK = re.compile(r"\{(\w+)\}")
_TOLD = "\0"


OTHERS = "others"
"""The level that stands for those that too few customers share; the catalogue has its words."""


class Names:
    """What names and labels of a study are called; what it does not tell stays as it is.

    A name with blanks, ``{n} rows are empty.``, stands for all that fill them.
    """

    def __init__(self, called: Mapping[str, str]) -> None:
        self._called = {name: to for name, to in called.items() if not _BLANK.search(name)}
        self._forms = [(_compiled(name), to) for name, to in called.items() if _BLANK.search(name)]

    def name(self, text: str) -> str:
        """Show a name, or several with an arrow, a plus sign or a colon between.

        Examples
        --------
        >>> Names({"Mortgage": "房贷", "Card: gold": "金卡"}).name("Mortgage + Card: gold")
        '房贷 + 金卡'
        """
        return as_name(self._told(text, _BETWEEN))

    def text(self, text: str) -> str:
        """Show a longer text of the study: its start, and the sentences after it that are told."""
        start = max(filter(text.startswith, self._called), key=len, default="")
        rest = text[len(start) :]
        for sentence in sorted(self._called, key=len, reverse=True):
            if sentence.endswith("."):
                rest = rest.replace(f" {sentence}", f" {_TOLD}{self._called[sentence]}")
        for form, to in self._forms:
            rest = form.sub(partial(_filled, _TOLD + to), rest)
        # Between two sentences of a language without spaces there is none.
        told = (self._called.get(start, "") + rest).replace(f"。 {_TOLD}", "。")
        return told.replace(_TOLD, "")

    def _told(self, text: str, between: tuple[str, ...]) -> str:
        if text in self._called:
            return self._called[text]
        for form, to in self._forms:
            if found := form.fullmatch(text):
                return _filled(to, found)
        if not between:
            return text
        mark, *finer = between
        return mark.join(self._told(part, tuple(finer)) for part in text.split(mark))


def _compiled(name: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>\\S+)", re.escape(name)))


def _filled(form: str, found: re.Match[str]) -> str:
    return _BLANK.sub(lambda blank: found.groupdict().get(blank[1], blank[0]), form)
