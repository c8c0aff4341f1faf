"""What references of every style read of a work in a BibTeX file."""

from __future__ import annotations

import re

from pybtex.database import Entry, Person
from pybtex.richtext import Text

_LATEX = re.compile(r"[\\{}$~`]|--|''")


def people(entry: Entry) -> list[Person]:
    """Authors of a work, or its editors."""
    return list(entry.persons.get("author") or entry.persons.get("editor") or [])


def surname(person: Person) -> str:
    """Surname with what belongs before it: ``van der Berg``."""
    return plain(" ".join([*person.prelast_names, *person.last_names]))


def field(entry: Entry, name: str) -> str:
    """Text of a field; empty where the work has none."""
    return plain(entry.fields.get(name, ""))


def plain(latex: str) -> str:
    """Text of a LaTeX fragment: accents as Unicode, braces gone."""
    # Most fields hold no LaTeX at all, and the decoder takes its time.
    return str(Text.from_latex(latex)) if _LATEX.search(latex) else latex
