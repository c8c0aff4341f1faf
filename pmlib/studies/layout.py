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


@dataclass(frozen=True)
class Layout:
    """Lines of title above the names of the columns, lines below the rows, and whether there are
    names at all; `titles` and `notes` are those lines, `width` the fields of a row.
    """

    delimiter: str
    skip: int
    footer: int
    header: bool
    width: int
    titles: tuple[str, ...]
    notes: tuple[str, ...]


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
        return Layout(",", 0, 0, True, 0, (), ())
    (_, width), delimiter, records = best
    own = [index for index, (_, row) in enumerate(records) if len(row) == width]
    first = next((i for i in own if _filled(records[i][1]) >= 0.6 * width), own[0])
    named = not _is_data(records[first][1]) or not any(
        _is_data(records[i][1]) for i in own if i > first
    )
    titles = tuple(" ".join(" ".join(row).split()) for _, row in records[:first] if any(row))
    notes = _notes(path, delimiter, width) if width > 1 else ()
    return Layout(
        delimiter, records[first][0], len(notes), named, width, titles, tuple(n for n in notes if n)
    )


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
