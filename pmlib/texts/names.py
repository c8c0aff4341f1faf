"""Names from the data, as the study calls them in the language of the report."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pmlib.markup import as_name

_BETWEEN = re.compile(r"( \+ | → |: )")


class Names:
    """What names and labels of a study are called; what it does not tell stays as it is."""

    def __init__(self, called: Mapping[str, str]) -> None:
        self._called = called

    def name(self, text: str) -> str:
        """Show a name, or several with a plus sign, an arrow or a colon between.

        Examples
        --------
        >>> Names({"Mortgage": "房贷"}).name("Mortgage + Savings")
        '房贷 + Savings'
        """
        parts = [text] if text in self._called else _BETWEEN.split(text)
        return as_name("".join(self._called.get(part, part) for part in parts))

    def text(self, text: str) -> str:
        """Show a longer text of the study, as far from its start as it is told here."""
        start = max(filter(text.startswith, self._called), key=len, default="")
        return self._called.get(start, "") + text[len(start) :]
