"""Jargon: where a chapter first uses a term of the glossary, a link tells what it means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bs4 import BeautifulSoup, NavigableString, Tag

from pmlib.markup import CHINESE
from pmlib.report.numbering import Part

_TABLE = "#tbl-notation-abbreviations tbody tr"
_BETWEEN = re.compile(r"\s*[,、(（]\s*")
_MEANINGS = re.compile(r"; |；")
_NOT_PROSE = ["a", "code", "figure", "h1", "h2", "h3", "h4", "h5", "math", "pre", "summary", "th"]


def link_terms(parts: Sequence[Part]) -> None:
    """Make the first use of each term in each chapter a link to the glossary, in place.

    The glossary is the table of terms of the part ``notation``; a row may have several, ``Support,
    confidence``, with one meaning each (``…; …``) or one for all. Headings, code, formulas and
    captions stay as they are. Call it when the parts are numbered.
    """
    rows = [row for part in parts for row in part.soup.select(_TABLE)]
    terms = {term: told for row in rows for term, told in _terms(row)}
    if not terms:
        return
    longest = sorted(terms, key=len, reverse=True)
    found = re.compile("|".join(map(_whole, longest)))
    for part in parts:
        if part.kind == "chapter" or part.name == "abstract":
            unused = {term.lower(): told for term, told in terms.items()}
            for text in part.soup.find_all(string=found):
                if text.parent is not None and not text.find_parent(_NOT_PROSE):
                    _link(text, found, unused)


def _terms(row: Tag) -> Iterable[tuple[str, tuple[str, str]]]:
    """Terms of a row with their meanings; the row gets the id that links lead to."""
    heads = [term.rstrip(")）") for term in _BETWEEN.split(row.find_all("th")[0].get_text())]
    said = row.find_all("td")[0].get_text()
    several = _MEANINGS.split(said)
    row["id"] = _place(heads[0])
    for place, term in enumerate(heads):
        own = several[place] if len(several) == len(heads) else said
        yield term, (str(row["id"]), own)


def _place(term: str) -> str:
    return "term-" + re.sub(r"\W+", "-", term.lower())


def _whole(term: str) -> str:
    """A term that is no part of a longer word; Chinese has no room between words."""
    return rf"(?<![^\W{CHINESE}]){_either(term)}(?![^\W{CHINESE}])"


def _either(term: str) -> str:
    """A term as it is, or with a small first letter; an abbreviation as it is only."""
    if term[1:2].isupper() or not term[:1].isalpha():
        return re.escape(term)
    return f"[{term[0].upper()}{term[0].lower()}]{re.escape(term[1:])}"


def _link(
    text: NavigableString, found: re.Pattern[str], unused: dict[str, tuple[str, str]]
) -> None:
    """Put links into one piece of text for the terms that were not used before."""
    pieces: list[NavigableString | Tag] = []
    end = 0
    for match in found.finditer(text):
        if match[0].lower() not in unused:
            continue
        place, meaning = unused.pop(match[0].lower())
        link = BeautifulSoup("", "html.parser").new_tag(
            "a", attrs={"class": "pm-term", "href": f"#{place}", "title": meaning}
        )
        link.string = match[0]
        pieces += [NavigableString(text[end : match.start()]), link]
        end = match.end()
    if pieces:
        text.replace_with(*pieces, NavigableString(text[end:]))
