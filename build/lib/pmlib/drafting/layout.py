"""Where the table stands in a text file: titles above, names of columns, notes below."""

from __future__ import annotations

import collections
import csv
import itertools
import re
from dataclasses import dataclass
from pathlib import Path

_LOOKED_AT = 60  # records at the top
_TAIL = 20  # lines at the end
_TITLES = 15  # records of title, at most


@dataclass(frozen=True)
class Layout:
    """Where the table stands: lines of title above, lines below the rows.

    `header` says whether the columns have names at all; `titles` and `notes` are those lines,
    `width` the fields of a row, `names` the record that names the columns, on `header_lines`
    lines. `is_prose` says that hardly any lines have the same number of fields: a text that is no
    table.
    """

    delimiter: str
    skip: int
    footer: int
    header: bool
    width: int
    titles: tuple[str, ...]
    notes: tuple[str, ...]
    names: tuple[str, ...] = ()
    header_lines: int = 1
    is_prose: bool = False


def find_layout(path: Path) -> Layout:
    """Find the table in a text file in UTF-8.

    The delimiter is the one that splits most of the first lines into the same number of fields, of
    several the one with most fields. The names of the columns are the first record of that width
    that is mostly filled; where it holds numbers, as the rows below do, there are no names.
    """
    csv.field_size_limit(1 << 24)
    best: tuple[tuple[int, int], str, list[tuple[int, list[str]]]] | None = None
    for candidate in (",", ";", "\t", "|", "^", "~"):
        records = _records(path, candidate)
        widths = collections.Counter(len(row) for _, row in records if row)
        if not widths:
            continue
        width, n = max(widths.items(), key=lambda item: (item[0] > 1, item[1], item[0]))
        rank = (n if width > 1 else 0, width)
        if best is None or rank > best[0]:
            best = rank, candidate, records
    if best is None:
        return Layout(",", skip=0, footer=0, header=True, width=0, titles=(), notes=())
    (_, width), delimiter, records = best
    own = [index for index, (_, row) in enumerate(records) if len(row) == width]
    filled = [index for index, (_, row) in enumerate(records) if _filled(row)]
    first = next((i for i in own if _filled(records[i][1]) >= 0.6 * width), own[0])
    rows = [i for i in own if _is_data(records[i][1])]
    named = not _is_data(records[first][1]) or rows[-1] < first
    if not named:  # a title may hold a day, as in: from, 2024-01-01, to, 2024-12-31
        below = [i for i in own if first < i <= first + _TITLES and _may_name(records[i][1], width)]
        if below and sum(1 for i in rows if i > below[0]) > below[0]:
            first, named = below[0], True
    titles = tuple(" ".join(" ".join(row).split()) for _, row in records[:first] if any(row))
    notes = _notes(path, delimiter, width) if width > 1 else ()
    above = records[first][0]
    under = records[first + 1][0] if first + 1 < len(records) else above + 1
    return Layout(
        delimiter,
        above,
        len(notes),
        named,
        width,
        titles,
        tuple(note for note in notes if note),
        tuple(records[first][1]) if named else (),
        under - above,
        is_prose=width > 1 and len(own) < 0.5 * len(filled) and len(filled) > 4,
    )


def _may_name(row: list[str], width: int) -> bool:
    """Whether a record can name columns: a text in nearly each field, no two alike."""
    texts = [cell.strip().casefold() for cell in row if cell.strip()]
    return not _is_data(row) and len(texts) == len(set(texts)) >= 0.8 * width


def _records(path: Path, delimiter: str) -> list[tuple[int, list[str]]]:
    """The first records, each with the number of lines above it."""
    found, above = [], 0
    with path.open(encoding="utf-8-sig", newline="", errors="surrogateescape") as file:
        reader = csv.reader(file, delimiter=delimiter)
        try:
            for row in itertools.islice(reader, _LOOKED_AT):
                found.append((above, row))
                above = reader.line_num
        except csv.Error:
            pass
    return found


def _filled(row: list[str]) -> int:
    return sum(1 for cell in row if cell.strip())


def _is_data(row: list[str]) -> bool:
    """Whether a record holds a number or a day, as names of columns do not."""
    return any(re.fullmatch(r"[-+(]?\d[\d.,:/\-\s]*\)?", cell.strip()) for cell in row)


def _notes(path: Path, delimiter: str, width: int) -> tuple[str, ...]:
    """The lines at the end that are no rows: blank ones and those of another width."""
    with path.open("rb") as file:
        file.seek(0, 2)
        size = file.tell()
        file.seek(max(0, size - (1 << 16)))
        tail = file.read().decode("utf-8", errors="replace").splitlines()
    found: list[str] = []
    whole = size <= 1 << 16
    for line in reversed(tail[(0 if whole else 1) :][-_TAIL:]):
        row = next(csv.reader([line], delimiter=delimiter), [])
        if len(row) >= width or line.count('"') % 2:
            break
        found.insert(0, " ".join(" ".join(row).split()))
    while found and not found[0] and len(found) == 1:
        found = []  # one line break too many is no note
    return tuple(found)
