"""References in the form of GB/T 7714-2015, numbered in the order in which they are cited.

citeproc-py 0.11.1 with the standard's CSL style does not fit: CSL has one language for a whole
list, so English works get 等 and 4版, and the marks such as [J] are missing.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from itertools import groupby

from pybtex.database import Entry, Person

from pmlib.report.works import field, people, plain, surname

_MARKS = {
    "article": "J", "book": "M", "incollection": "M", "inbook": "M", "inproceedings": "C",
    "proceedings": "C", "phdthesis": "D", "mastersthesis": "D", "techreport": "R",
}  # fmt: skip
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_MOST_NAMES = 3


def citation(places: Sequence[tuple[int, str, str]]) -> str:
    """Cite works by number, as HTML: ``[1-2,5]``, raised.

    `places` has for each work its number, what its link leads to, and a locator, which the standard
    puts behind the bracket. Numbers in a row are given by the first and the last.
    """
    ordered = sorted(places)
    links = []
    for _, group in groupby(enumerate(ordered), lambda pair: pair[1][0] - pair[0]):
        run = [place for _, place in group]
        ends = run if len(run) == 1 else [run[0], run[-1]]
        links.append("-".join(f'<a href="#{where}">{number}</a>' for number, where, _ in ends))
    locators = ", ".join(re.sub(r"^pp?\. *", "", locator) for *_, locator in ordered if locator)
    return f"<sup>[{','.join(links)}]{html.escape(locators)}</sup>"


def reference(entry: Entry) -> str:
    """One reference as HTML: who. Title[mark]. Where and when: pages. Path."""

    def get(name: str) -> str:
        return field(entry, name)

    chinese = bool(_CHINESE.search(get("title")))
    doi, url = entry.fields.get("doi", ""), entry.fields.get("url", "")
    pages = get("pages").replace("–", "-")
    mark = get("mark") or _MARKS.get(entry.type, "EB" if url or doi else "Z")
    if mark == "EB" or (url and not doi):
        mark += "/OL"
    number = get("number") if entry.type == "techreport" else ""
    title = ": ".join(filter(None, (get("title"), number))) + f"[{mark}]"
    year, within = get("year"), entry.type in ("incollection", "inbook", "inproceedings")
    if entry.type == "article":
        volume = get("volume") + (f"({get('number')})" if get("number") else "")
        parts = [title, ", ".join(filter(None, (get("journal"), year, volume)))]
    else:
        if within:
            editors = _names(list(entry.persons.get("editor") or []), chinese=chinese)
            title += "//" + ". ".join(filter(None, (editors, get("booktitle"))))
        parts = [title, _edition(get("edition"), chinese=chinese), get("howpublished")]
        publisher = get("publisher") or get("institution") or get("school")
        if mark == "EB/OL":
            parts.append(f"({year})" if year else "")
        elif mark == "Z" or ("OL" in mark and not publisher):
            parts.append(year)
        else:
            parts.append(f"{_published(get('address'), publisher, chinese=chinese)}, {year}")
    if pages:
        parts[-1] += f": {pages}"
    who = _names(people(entry), chinese=chinese)
    text = ". ".join(html.escape(part) for part in (who, *parts) if part).replace("..", ".")
    address = f"https://doi.org/{doi}" if doi else url
    if not address:
        return f"{text}."
    link = f'<a class="pm-external" href="{html.escape(address, quote=True)}">'
    return f"{text}. {link}{html.escape(f'DOI: {doi}' if doi else url)}</a>."


def _names(persons: Sequence[Person], *, chinese: bool) -> str:
    """Three names at most; ``et al`` or 等 by the work's language."""
    shown = [_name(person) for person in persons[:_MOST_NAMES]]
    if len(persons) > _MOST_NAMES:
        shown.append("等" if chinese else "et al")
    return ", ".join(shown)


def _name(person: Person) -> str:
    """Surname in capitals and initials without points; Chinese names and bodies as they are."""
    given = [plain(name) for name in (*person.first_names, *person.middle_names)]
    if _CHINESE.search(surname(person)):
        return surname(person) + "".join(given)
    if not given:
        return surname(person)
    initials = [part[0] for name in given for part in re.split(r"[-. ]+", name) if part]
    younger = "".join(f", {plain(name)}" for name in person.lineage_names)
    return f"{surname(person).upper()} {' '.join(initials)}{younger}"


def _edition(edition: str, *, chinese: bool) -> str:
    if not edition.isdigit():
        return f"{edition} ed." if edition else ""
    if chinese:
        return f"{edition}版"
    ending = (
        "th" if edition[-2:-1] == "1" else {"1": "st", "2": "nd", "3": "rd"}.get(edition[-1], "th")
    )
    return f"{edition}{ending} ed."


def _published(place: str, publisher: str, *, chinese: bool) -> str:
    """Place and publisher; what is not known is said so."""
    unknown = ("[出版地不详]", "[出版者不详]") if chinese else ("[S.l.]", "[s.n.]")
    return f"{place or unknown[0]}: {publisher or unknown[1]}"
