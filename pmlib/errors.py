"""The one exception a user can mend: what, where, which rule, what was found, what to do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable


class StudyError(Exception):
    """An error in the input, the parameters or the surroundings of a study.

    Parameters
    ----------
    what : str
        What went wrong, one sentence.
    where : str, optional
        File, table, column, parameter or stage.
    rule : str, optional
        The rule that was broken.
    found : str, optional
        The value found instead.
    remedy : str, optional
        What the user can do.

    Examples
    --------
    >>> print(StudyError("A parameter is out of range.", where="k_max", rule="2 to 30",
    ...                  found="1", remedy="Give a whole number from 2 to 30."))
    A parameter is out of range.
      where:  k_max
      rule:   2 to 30
      found:  1
      remedy: Give a whole number from 2 to 30.
    """

    def __init__(
        self, what: str, *, where: str = "", rule: str = "", found: str = "", remedy: str = ""
    ) -> None:
        self.what, self.where, self.rule, self.found, self.remedy = what, where, rule, found, remedy
        details = {"where": where, "rule": rule, "found": found, "remedy": remedy}
        lines = [what, *(f"  {key + ':':<7} {text}" for key, text in details.items() if text)]
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple:
        """Survive the way from a worker process (keyword arguments are not pickled by default)."""
        return _rebuild, (self.what, self.where, self.rule, self.found, self.remedy)


def _rebuild(what: str, where: str, rule: str, found: str, remedy: str) -> StudyError:
    return StudyError(what, where=where, rule=rule, found=found, remedy=remedy)


def masked(cell: str) -> str:
    """The form of a cell, for a message that must not tell what a customer's cell holds.

    Examples
    --------
    >>> masked("O'Brien, +49 151 700")
    "X'Xxxxx, +99 999 999"
    """
    return re.sub(r"\d", "9", re.sub(r"[^\W\d_]", lambda x: "X" if x[0].isupper() else "x", cell))


def nearest(name: str, valid: Iterable[str]) -> str:
    """A sentence fragment that suggests the nearest valid name, or lists all of them."""
    valid = sorted(valid)
    close = difflib.get_close_matches(name, valid, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(valid)}"
