"""References: a BibTeX file in, citations and a list of what was cited out."""

from __future__ import annotations

import difflib
import html
import re
import string
import unicodedata
from pathlib import Path

from pybtex.database import Entry, Person, PybtexError, parse_file

from pmlib.errors import StudyError
from pmlib.report import gbt7714
from pmlib.report.works import field, people, plain, surname


class Bibliography:
    """The works of a BibTeX file, and which of them a text has cited; StudyError if it is none.

    `style` is the parameter ``citation_style``; `cited` how citations by author stand in a text.
    """

    def __init__(self, path: Path, style: str = "author_year", *, cited: str = "({works})") -> None:
        try:
            self._entries: dict[str, Entry] = dict(parse_file(str(path)).entries.items())
        except (OSError, PybtexError) as error:
            raise StudyError(
                "The list of references cannot be read.", where=str(path), found=str(error)
            ) from error
        self._labels = _labels(self._entries)
        self._numbered, self._cited = style == "gbt7714", cited
        self.cited: dict[str, int] = {}

    def cite(self, keys: str, *, where: str = "") -> str:
        """Turn the inside of ``[@a; @b, p. 3]`` into a linked citation, as HTML.

        An optional locator stands after a comma. StudyError where a key is not in the file; `where`
        is the part of the report, for the message.
        """
        links, numbers = [], []
        for item in keys.split(";"):
            key, _, locator = (part.strip() for part in item.strip().partition(","))
            key = key.removeprefix("@")
            if key not in self._entries:
                close = difflib.get_close_matches(key, self._entries, n=1)
                raise StudyError(
                    "A work is cited that is not in the list of references.",
                    where=where,
                    found=f"@{key}",
                    remedy=f"Did you mean @{close[0]}?" if close else "Add it to references.bib.",
                )
            number = self.cited.setdefault(key, len(self.cited) + 1)
            numbers.append((number, f"ref-{key}", locator))
            authors, year = self._labels[key]
            text = html.escape(f"{authors}, {year}" + (f", {locator}" if locator else ""))
            links.append(f'<a href="#ref-{key}">{text}</a>')
        return (
            gbt7714.citation(numbers)
            if self._numbered
            else self._cited.format(works="; ".join(links))
        )

    def list_html(self) -> str:
        """List of the cited works by author or by number, as HTML; empty when none was cited."""
        if self._numbered:
            items = [
                f'<li id="ref-{key}">[{number}] {gbt7714.reference(self._entries[key])}</li>'
                for key, number in self.cited.items()
            ]
            return f'<ul class="pm-references">{"".join(items)}</ul>' if items else ""
        order = sorted(self.cited, key=lambda key: (*map(_sortable, self._labels[key]), key))
        items = [
            f'<li id="ref-{key}">{_reference(self._entries[key], self._labels[key][1])}</li>'
            for key in order
        ]
        return f'<ul class="pm-references">{"".join(items)}</ul>' if items else ""


def _labels(entries: dict[str, Entry]) -> dict[str, tuple[str, str]]:
    """Author and year of each work; works that would read the same get a, b, c … after the year."""
    plain = {
        key: (_short_authors(e), str(e.fields.get("year", "n.d."))) for key, e in entries.items()
    }
    labels = {}
    for key, label in plain.items():
        same = [other for other in sorted(plain) if plain[other] == label]
        letter = string.ascii_lowercase[same.index(key)] if len(same) > 1 else ""
        labels[key] = (label[0], label[1] + letter)
    return labels


def _sortable(text: str) -> str:
    """Text without case and accents, so that Hämäläinen stands between Hahsler and Han."""
    letters = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).casefold()


def _short_authors(entry: Entry) -> str:
    names = [surname(person) for person in people(entry)] or [field(entry, "title")]
    if len(names) > 2:
        return f"{names[0]} et al."
    return " & ".join(names)


def _full_name(person: Person) -> str:
    initials = []
    for name in (*person.first_names, *person.middle_names):
        parts = [part for part in plain(name).split("-") if part]
        initials.append("-".join(f"{part[0]}." for part in parts))
    return f"{surname(person)}, {' '.join(initials)}" if initials else surname(person)


def _reference(entry: Entry, year: str) -> str:
    """One reference as HTML: authors (year). Title. Where it appeared. Link."""

    def get(name: str) -> str:
        return html.escape(field(entry, name))

    names = [html.escape(_full_name(person)) for person in people(entry)]
    authors = " &amp; ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    title, edition = get("title"), get("edition")
    venue = get("journal") or get("booktitle")
    parts = []
    if venue:
        volume = get("volume") + (f"({get('number')})" if get("number") else "")
        pages = get("pages")
        if entry.type in ("inproceedings", "incollection"):
            series = " ".join(part for part in (get("series"), volume) if part)
            where = f"In <i>{venue}</i>" + (f", {series}" if series else "")
            where += f", pp. {pages}" if pages else ""
        else:
            where = ", ".join(part for part in (f"<i>{venue}</i>", volume, pages) if part)
        parts += [f"{title}.", f"{where}."]
    else:
        series = " ".join(part for part in (get("type") or get("series"), get("number")) if part)
        details = ", ".join(part for part in (edition and f"{edition} ed.", series) if part)
        parts.append(f"<i>{title}</i>" + (f", {details}" if details else "") + ".")
        parts += [f"{get('howpublished')}."] if get("howpublished") else []
    publisher = get("publisher") or get("institution")
    if publisher and publisher != authors and entry.type != "article":
        place = get("address")
        parts.append(f"{place}: {publisher}." if place else f"{publisher}.")
    elif get("address"):
        parts.append(f"{get('address')}.")
    head = f"{authors} ({html.escape(year)})." if authors else f"({html.escape(year)})."
    text = " ".join([head, *parts]).replace("..", ".")
    text = re.sub(r"([.?!]</i>|[?!])\.", r"\1", text)  # a title brings its own mark
    doi, url = entry.fields.get("doi"), entry.fields.get("url")
    address = f"https://doi.org/{doi}" if doi else url
    if not address:
        return text
    link = html.escape(address, quote=True)
    return f'{text} <a class="pm-external" href="{link}">{link}</a>'
