"""Numbers for chapters, sections, figures, tables and equations, and the references to them.

Two passes over the parsed parts: the first numbers and collects labels, the second fills the
marks that `pmlib.markup` has left, so that a reference may point forwards.
"""

from __future__ import annotations

import difflib
import re
import string
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bs4 import BeautifulSoup, Tag
from bs4.element import AttributeValueList

from pmlib.errors import StudyError
from pmlib.markup import CHINESE, across
from pmlib.numbers import DIGITS, Number
from pmlib.report.bibliography import Bibliography

_HEADINGS = ["h1", "h2", "h3", "h4", "h5"]
_KINDS = ("fig", "tbl", "eq")
FOLDERS = {"fig": "figures", "tbl": "tables"}
"""Folder of a run that keeps what a kind of target shows."""
_TITLE = 16
"""Letters of a caption that tell enough to stand in a list, where a colon or semicolon follows."""

Say = Callable[..., str]
"""``say(block, **quotes)``: words of the page, from the frame's text file."""


@dataclass
class Part:
    """One part of the report: a chapter of the study, or a piece of front or back matter.

    `assemble` numbers its HTML in place and sets `number` (``"3"`` or ``"A"``) and `title`. The
    part's label is ``sec-`` and its name. `origin` is what its figures and tables say about their
    data; `declared` are labels that its cells name: one that was not drawn may still be referred
    to; `csv` has the data of each figure and table by label.
    """

    name: str
    soup: BeautifulSoup
    kind: Literal["chapter", "appendix", "unnumbered"] = "chapter"
    origin: str = ""
    declared: frozenset[str] = frozenset()
    csv: dict[str, str] = field(default_factory=dict)
    number: str = ""
    title: str = ""

    @property
    def label(self) -> str:
        """The label of the whole part."""
        return f"sec-{self.name}"

    @property
    def short_title(self) -> str:
        """The title up to its colon."""
        return re.split("[:：]", self.title)[0]


@dataclass(frozen=True)
class Target:
    """Something with a number that a reference can point to."""

    label: str
    kind: Literal["fig", "tbl", "eq", "sec", "chapter", "appendix", "unnumbered"]
    number: str
    title: str
    part: str
    text: str
    """How running text names it, e.g. ``Figure 3.2``."""

    @property
    def file(self) -> str:
        """Name of the file with its data, without ending: ``table-4.1-criteria``."""
        kind = {"fig": "figure", "tbl": "table"}[self.kind]
        return f"{kind}-{self.number}-{self.label.partition('-')[2]}".lower()


def assemble(parts: Sequence[Part], bibliography: Bibliography, say: Say) -> dict[str, Target]:
    """Number all parts in place and fill their references and citations.

    Returns label to target, in the order of the report; the bibliography remembers what was cited.

    Raises StudyError where two things share a label, a reference or citation points to nothing, or
    a picture has no text alternative.
    """
    chapters = iter(range(1, len(parts) + 1))
    letters = iter(string.ascii_uppercase)
    targets: dict[str, Target] = {}
    for part in parts:
        if part.kind == "chapter":
            part.number = str(next(chapters))
        elif part.kind == "appendix":
            part.number = next(letters)
        for target in _number(part, say):
            if target.label in targets:
                raise StudyError(
                    "Two things in the report share a label.",
                    where=f"{targets[target.label].part} and {part.name}",
                    found=target.label,
                    remedy="Give each figure, table, section and equation a label of its own.",
                )
            targets[target.label] = target
    declared = frozenset().union(*(part.declared for part in parts))
    for part in parts:
        _resolve(part, targets, declared, bibliography, say)
        tidy_tables(part.soup, targets, say)
    return targets


def _number(part: Part, say: Say) -> Iterable[Target]:
    """Number one part's headings, figures, tables and equations; give what can be referred to."""
    for image in part.soup.find_all("img"):
        if not str(image.get("alt", "")).strip():
            raise StudyError(
                "A picture has no text alternative.",
                where=part.name,
                remedy="Show it with chapter.show(found, drawing); its block is [fig-….alt].",
            )
    yield from _number_headings(part, say)
    counts = dict.fromkeys(_KINDS, 0)
    for element in part.soup.find_all(
        ["figure", "div"], class_=["pm-figure", "pm-table", "pm-equation"]
    ):
        prefix: Literal["fig", "tbl", "eq"] = "eq"
        if element.name == "figure":
            prefix = "fig" if "pm-figure" in element["class"] else "tbl"
        counts[prefix] += 1
        number = f"{part.number}.{counts[prefix]}".removeprefix(".")
        if prefix == "eq":
            element.append(_new("span", f"({number})", "pm-equation-number"))
            label = element.get("id") or f"eq-{part.name}-{counts[prefix]}"
            element["id"] = label
            named = say("kind.eq", number=number)
            yield Target(str(label), "eq", number, "", part.name, named)
            continue
        caption = element.find("figcaption")
        if caption is None or not element.get("id"):
            raise StudyError("A figure or table has no caption or no label.", where=part.name)
        title = first_sentence(caption)
        named = say(f"kind.{prefix}", number=number)
        for image in element.find_all("img"):
            _in_frame(image, named)
        caption.insert(0, _new("span", named, "pm-number"))
        caption.insert(1, " ")
        if part.origin:
            caption.append(" ")
            caption.append(_new("span", part.origin, "pm-origin"))
        yield Target(str(element["id"]), prefix, number, title, part.name, named)


def _number_headings(part: Part, say: Say) -> Iterable[Target]:
    """Number headings, give each an id and move it one level down: h1 is the report's title."""
    headings = part.soup.find_all(_HEADINGS)
    if not headings or [h.name for h in headings].count("h1") != 1 or headings[0].name != "h1":
        raise StudyError(
            "A part of the report does not open with its one title.",
            where=part.name,
            rule="the first heading, and no other, is of level 1",
            found=", ".join(f"{h.name} {h.get_text()!r}" for h in headings[:4]) or "no heading",
        )
    part.title = _text(headings[0])
    text = say(f"kind.{part.kind}", number=part.number) if part.number else part.title
    yield Target(part.label, part.kind, part.number, part.title, part.name, text)
    counts = [0, 0]
    used: set[str] = set()
    for heading in headings:
        level = int(heading.name[1])
        number = part.number if level == 1 else ""
        title = _text(heading)
        if level in (2, 3):
            counts = [counts[0] + 1, 0] if level == 2 else [counts[0], counts[1] + 1]
            number = ".".join([part.number, *map(str, counts[: level - 1])]) if part.number else ""
        if level == 1:
            heading.attrs.pop("id", None)
        elif not heading.get("id"):
            heading["id"] = _unused(f"{part.name}-{_slug(title)}", used)
        if level > 1:
            named = say("kind.sec", number=number) if number else title
            yield Target(str(heading["id"]), "sec", number, title, part.name, named)
        heading.name = f"h{level + 1}"
        if number:
            shown = text if part.kind == "appendix" and level == 1 else number
            heading.insert(0, _new("span", shown, "pm-number"))
            heading.insert(1, " ")


def _resolve(
    part: Part,
    targets: dict[str, Target],
    declared: frozenset[str],
    bibliography: Bibliography,
    say: Say,
) -> None:
    """Fill the marks of one part."""
    for mark in part.soup.find_all("a", class_="pm-ref"):
        label = str(mark["href"]).removeprefix("#")
        if label in targets:
            mark.string = targets[label].text
        elif label in declared:
            # It exists, but this study lacks the table it rests on.
            words = say(f"without.{label.partition('-')[0]}")
            mark.replace_with(_new("span", words, "pm-absent-ref"))
        else:
            close = difflib.get_close_matches(label, [*targets, *declared], n=1)
            raise StudyError(
                "A reference points to nothing.",
                where=part.name,
                found=f"@{label}",
                remedy=f"Did you mean @{close[0]}?" if close else "Check the label.",
            )
    for mark in part.soup.find_all("span", class_="pm-cite"):
        citation = bibliography.cite(str(mark["data-keys"]), where=part.name)
        mark.clear()
        del mark["data-keys"]
        mark.append(BeautifulSoup(citation, "html.parser"))


def _new(name: str, text: str, css_class: str = "") -> Tag:
    tag = Tag(name=name, attrs={"class": css_class} if css_class else {})
    tag.string = text
    return tag


def _text(element: Tag) -> str:
    return " ".join(element.get_text().split())


def first_sentence(caption: Tag) -> str:
    """Start of a caption up to its first stop, without remarks in parentheses, for the lists."""
    start = re.split(
        rf"(?<=[a-z)%0-9][.?!])\s|(?<=[。？！])|(?<=.{{{_TITLE}}})(?:[:;]\s|[：；])",
        _text(caption),
        maxsplit=1,
    )[0]
    return re.sub(r"\s*[(（][^()（）]*([)）]|$)", "", start)  # the stop may stand within some


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "section"


def _unused(name: str, used: set[str]) -> str:
    """The name, with a number behind it when it was used before in this part."""
    candidate, count = name, 2
    while candidate in used:
        candidate, count = f"{name}-{count}", count + 1
    used.add(candidate)
    return candidate


# --- tables fit for screen readers, narrow screens and paper -----------------------------------

# Characters of a cell that stays on one line, and of a line of a cell that does not.
_SHORT, _WRAPPED = 22, 15
# The same for the words of a table that would else be set too small.
_SHORT_IN_SMALL, _WRAPPED_IN_SMALL = 14, 12
# Characters across from which a table is wide on screen.
_WIDE = 110
# Rows of a small table, which may be turned on its side, and of a long one that are printed; on
# screen they are its first ones, until the reader asks for all.
_FEW, _PRINTED = 12, 20
# Rows and characters of a table that is kept on one page.
_ONE_PAGE, _ONE_PAGE_OF_TEXT = 14, 2000
# Points: width of the text on A4, and the sizes of type between which a table is set there. Below
# the third, wrap more and turn a small table. A character takes a little more than half its size.
_PAPER, _LARGEST, _COMFORTABLE, _SMALLEST = 493, 8.0, 7.0, 5.4
_CHARACTER = 0.56
# A head breaks after two Chinese signs at the earliest.
_WORD = re.compile(rf"[{CHINESE}]{{1,2}}|[^\s{CHINESE}]+")


def tidy_tables(soup: BeautifulSoup, targets: Mapping[str, Target], say: Say) -> None:
    """Give each table header scopes, a frame that scrolls, and a size of type for paper.

    A table with many columns and few rows gets a twin with rows for columns, printed in its place.
    The parsed part is changed in place; `targets` name the scrolling frames.
    """
    for table in soup.find_all("table"):
        size, rows = _tidy(table), len(table.select("tbody tr"))
        figure = table.find_parent("figure")
        label = str(figure.get("id", "")) if figure else ""
        name = targets[label].text if label in targets else say("kind.unnumbered-tbl")
        if label.startswith("fig-"):
            name = say("kind.data", name=name)
        elif figure and rows > _PRINTED:
            _mark(table, "pm-first-rows")
            counts = {"printed": _PRINTED, "rows": Number("", rows, "count")}
            note = _new("p", f"{say('printed-rows', **counts)} ", "pm-print-note")
            if label in targets:
                note.append(_new("code", f"tables/{targets[label].file}.csv"))
            figure.append(note)
        elif size < _COMFORTABLE and rows <= _FEW:
            turned = _turned(table)
            if _tidy(turned) > size:
                _mark(table, "pm-screen")
                table.insert_after(turned)
        if rows > _PRINTED:
            _mark(table, "pm-many")
        if "pm-prose" in table.get_attribute_list("class"):
            _label_cells(table)
        _in_frame(table, name)


def _in_frame(element: Tag, name: str) -> None:
    """Let what is wide scroll by itself, in a frame that can show that there is more."""
    attributes = {"class": "pm-scroll", "role": "group", "aria-label": name}
    scrolling = element.wrap(Tag(name="div", attrs=attributes))
    scrolling.wrap(Tag(name="div", attrs={"class": "pm-frame"}))


def _label_cells(table: Tag) -> None:
    """Name each cell's column in the cell, for screens on which rows are cards."""
    heads = [_text(head) for head in table.select("thead th")]
    for row in table.select("tbody tr"):
        for head, cell in zip(heads, row.find_all(["td", "th"], recursive=False), strict=False):
            if cell.name == "td":
                cell["data-label"] = head


def _tidy(table: Tag) -> float:
    """Mark cells and table by how they fit on paper; give the size of type, in points."""
    cells = []
    for row in table.find_all("tr"):
        in_body = row.parent is not None and row.parent.name == "tbody"
        cells.append(row.find_all(["td", "th"], recursive=False))
        for cell in cells[-1]:
            if cell.name == "th":
                cell["scope"] = "row" if in_body else "col"
            _tidy_cell(cell, in_body=in_body)
    width = _width(cells, _SHORT, _WRAPPED)
    if width > _WIDE:
        _mark(table, "pm-wide")
    fits = _PAPER / (_CHARACTER * width) >= _COMFORTABLE
    if not fits:
        width = _width(cells, _SHORT_IN_SMALL, _WRAPPED_IN_SMALL)
    elif all(across(cell.get_text()) <= _SHORT for cell in table.select("tbody th")):
        _mark(table, "pm-whole-names")
    if len(cells) > _ONE_PAGE or len(_text(table)) > _ONE_PAGE_OF_TEXT:
        _mark(table, "pm-long")
    size = min(_LARGEST, max(_SMALLEST, _PAPER / (_CHARACTER * width)))
    table["style"] = f"--paper-size: {size:.1f}pt"
    return size


def _tidy_cell(cell: Tag, *, in_body: bool) -> None:
    """Shorten a cell's raw value; mark a cell that should not break, or may be cut."""
    if cell.get("data-value"):
        cell["data-value"] = f"{float(str(cell['data-value'])):.{DIGITS}g}"
    if in_body and "num" not in cell.get_attribute_list("class"):
        text = _text(cell)
        # Intervals, dates and the like are read as one; a long name may be cut on paper.
        if across(text) <= _SHORT and any(map(str.isdigit, text)):
            _mark(cell, "pm-short")
        elif _unbroken(text) > _SHORT:
            _mark(cell, "pm-cut")


def _width(rows: Sequence[Sequence[Tag]], short: int, wrapped: int) -> int:
    """Give the characters across that a table needs, its first row being the head."""
    columns: dict[int, int] = {}
    for position, row in enumerate(rows):
        for column, cell in enumerate(row):
            text = _text(cell)
            longest = _unbroken(text)
            classes = cell.get_attribute_list("class")
            if position and ("num" in classes or "pm-short" in classes or across(text) <= short):
                needed = across(text)
            else:
                needed = max(min(longest, _SHORT), wrapped) if position else longest
            columns[column] = max(columns.get(column, 0), needed)
    return max(sum(needed + 2 for needed in columns.values()), 1)


def _unbroken(text: str) -> int:
    """Characters across of the longest word; a line may break between any two Chinese signs."""
    return max(map(across, _WORD.findall(text)), default=0)


def _turned(table: Tag) -> Tag:
    """Copy a table with rows for columns, for paper."""
    rows = [row.find_all(["td", "th"], recursive=False) for row in table.find_all("tr")]
    head, *body = (f"<tr>{''.join(map(str, cells))}</tr>" for cells in zip(*rows, strict=False))
    copy = f'<table class="pm-paper"><thead>{head}</thead><tbody>{"".join(body)}</tbody></table>'
    return BeautifulSoup(copy, "html.parser").find_all("table")[0]


def _mark(element: Tag, css_class: str) -> None:
    names = filter(None, element.get_attribute_list("class"))
    element["class"] = AttributeValueList([*names, css_class])
