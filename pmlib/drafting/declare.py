"""How the files of a draft are read: kind, encoding, delimiter, and where the table stands."""

from __future__ import annotations

import itertools
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pmlib.drafting.held import speaks_of_product
from pmlib.drafting.layout import Layout, find_layout
from pmlib.drafting.names import sql_name, unused
from pmlib.errors import StudyError
from pmlib.raw import encodings, inner
from pmlib.studies.sources import as_utf8


@dataclass
class Declared:
    """What study.yaml says of a source, what is to be said of it, and what must be asked."""

    fields: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    unsure: dict[str, list[str]] = field(default_factory=dict)
    """Raw tables whose encoding is asked; until the answer they are read in the likeliest one."""
    prose: set[str] = field(default_factory=set)
    """Raw tables that are texts and no tables."""


def grouped(files: Sequence[Path]) -> list[list[Path]]:
    """The files to draft from, folders opened; files of one name but for digits go together.

    Raises StudyError where a file is missing or empty, or a folder holds none.
    """
    listed: list[Path] = []
    for path in files:
        if path.is_dir():
            inside = sorted(
                p for p in path.iterdir() if p.is_file() and not p.name.startswith((".", "~$"))
            )
            if not inside:
                raise StudyError(
                    "A folder to draft from is empty.", where=str(path), found="no file"
                )
            listed += inside
        else:
            listed.append(path)
    for path in listed:
        if not path.is_file():
            raise StudyError(
                "A file to draft from is missing.", where=str(path), found="no such file"
            )
        if path.stat().st_size == 0:
            raise StudyError("A file to draft from is empty.", where=str(path), found="0 bytes")
    groups: dict[tuple[Path, str], list[Path]] = {}
    for path in dict.fromkeys(listed):
        groups.setdefault((path.parent, re.sub(r"\d+", "#", path.name)), []).append(path)
    found = []
    for (parent, _), group in groups.items():
        whole = len(group) > 1 and sorted(parent.glob(_pattern(group))) == sorted(group)
        found += [sorted(group)] if whole and _alike(group) else [[path] for path in group]
    return _by_word(found)


def _pattern(group: Sequence[Path]) -> str:
    """The pattern of names that differ in digits, or in one word."""
    names = [path.name for path in group]
    start = _common(names)
    end = _common([name[len(start) :][::-1] for name in names])[::-1]
    return f"{start.rstrip('0123456789')}*{end.lstrip('0123456789')}"


def _common(names: Sequence[str]) -> str:
    """What all names begin with."""
    same = itertools.takewhile(lambda signs: len({*signs}) == 1, zip(*names, strict=False))
    return "".join(signs[0] for signs in same)


def _by_word(groups: Sequence[list[Path]]) -> list[list[Path]]:
    """Put files together whose names differ in one word only, where they have the same columns."""
    words: dict[tuple[Path, str], list[list[Path]]] = {}
    for group in groups:
        stem, *endings = group[0].name.split(".")
        parts = re.split(r"([_\- ]+)", stem)
        for i in range(0, len(parts), 2) if len(group) == 1 and len(parts) > 1 else ():
            key = "".join([*parts[:i], "*", *parts[i + 1 :], *endings])
            words.setdefault((group[0].parent, key), []).append(group)
    found, taken = [], set()
    for own in sorted(words.values(), key=len, reverse=True):
        together = [group[0] for group in own if group[0] not in taken]
        if (
            len(together) > 1
            and sorted(together[0].parent.glob(_pattern(together))) == sorted(together)
            and _alike(together)
        ):
            found.append(sorted(together))
            taken |= {*together}
    return [*found, *(group for group in groups if group[0] not in taken)]


def _alike(group: Sequence[Path]) -> bool:
    """Whether files are written in one way and have the same columns.

    Their order does not matter, and later files may have more. Files without names of columns are
    alike where they are as wide.
    """
    held = [[one for one in inner.contents(path) if not one.but] for path in group]
    kinds = {own[0].kind if len(own) == 1 else "several" for own in held}
    if kinds not in ({"text"}, {"workbook"}):
        return kinds == {"parquet"}
    with tempfile.TemporaryDirectory() as place:
        opened = [inner.plain(path, "", Path(place) / str(n)) for n, path in enumerate(group)]
        # A file of the commonest signs alone may be of any encoding.
        own = [one.path for one in opened if not (one.own_text or _is_ascii(one.path))]
        one_encoding = len({encodings.judge(path).encoding for path in own}) < 2
        return one_encoding and _same([find_layout(one.path) for one in opened])


def _is_ascii(path: Path) -> bool:
    with path.open("rb") as file:
        return all(piece.isascii() for piece in iter(lambda: file.read(1 << 20), b""))


def _same(layouts: Sequence[Layout]) -> bool:
    first = layouts[0]
    names = [frozenset(name.strip().casefold() for name in one.names) for one in layouts]
    largest = max(names, key=len)
    return all(
        (one.delimiter, one.skip, one.footer, one.header)
        == (first.delimiter, first.skip, first.footer, first.header)
        and (own <= largest and 2 * len(own) > len(largest) if one.header
             else one.width == first.width)
        and (_unnamed(one) == "" or one.names == first.names)
        for one, own in zip(layouts, names, strict=True)
    )  # fmt: skip


def _unnamed(layout: Layout) -> str:
    """What is wrong with the names of columns, in words; empty where nothing is."""
    names = [name.strip().casefold() for name in layout.names]
    while names and not names[-1]:
        names.pop()  # many programs end each line with a delimiter
    twice = sorted({name for name in names if name and names.count(name) > 1})
    said = [f"several columns are called {', '.join(twice)}"] if twice else []
    said += ["a column has no name"] if not all(names) else []
    return "; ".join(said)


def _own_names(layout: Layout) -> list[str]:
    """Names of columns, those that are missing or taken made up."""
    given = {name.strip().casefold() for name in layout.names}
    found: list[str] = []
    taken: set[str] = set()
    for number, name in enumerate(layout.names, 1):
        own = name.strip() or f"column_{number}"
        n = 2
        while own.casefold() in taken:
            own, n = f"{name.strip() or 'column'}_{n}", n + 1
            if own.casefold() in given:
                own = f"{own}_"
        taken.add(own.casefold())
        found.append(own)
    return found


def declare(group: Sequence[Path], folder: Path, names: set[str], staging: Path) -> Declared:
    """Say how files of one table, or the tables of one file, are read.

    `names` are the raw tables' names that are taken; `staging` takes copies. Raises StudyError
    where a file holds no table, or is none that can be read.
    """
    path = next((one for one in group if not _is_ascii(one)), group[0])  # its encoding tells
    name = path.name if len(group) == 1 else _pattern(group)
    home = os.path.relpath(path.resolve().parent, folder.resolve())
    declared = Declared({"file": str(Path(home) / name)})
    if len(group) > 1:
        declared.notes.append(f"{len(group)} files {name} are read as one table")
    tables = inner.contents(path)
    hidden = [one for one in tables if one.name and Path(one.name).name.startswith(".")]
    declared.notes += [f"{path.name}: {one.name} is a hidden file and left out" for one in hidden]
    tables = [one for one in tables if one not in hidden]
    declared.notes += [
        f"{path.name}: {one.name} is {one.but} and left out" for one in tables if one.but
    ]
    tables = [one for one in tables if not one.but]
    if not tables:
        raise StudyError("A file to draft from holds no table.", where=str(path))
    if len(tables) == 1 and (not tables[0].name or len(group) > 1):
        stem = (
            re.sub(r"[\d_\-]+$", "", path.stem) if len(group) > 1 else path.name.partition(".")[0]
        )
        declared.fields["table"] = _name(stem, names)
        raw = declared.fields["table"]
        declared.fields |= _of_table(path, tables[0], raw, staging / "0", declared)[0]
        return declared
    members: list[tuple[dict[str, Any], dict[str, Any], Layout | None]] = []
    for number, one in enumerate(tables):
        stem = Path(one.name if len(tables) > 1 else path.stem).stem
        raw = _name(stem, names)
        own, layout = _of_table(path, one, raw, staging / str(number), declared)
        asked = raw in {*declared.unsure, *declared.prose} or speaks_of_product(stem)
        alike = [] if asked else [
            member for member, said, other in members
            if layout and other and layout.header and said == own and _same([other, layout])
            and not speaks_of_product(member["file"])
        ]  # fmt: skip
        if alike:  # sheets of a month, say
            names.remove(raw)
            alike[0].setdefault("also", []).append(one.name)
        else:
            members.append(({"file": one.name, "table": raw}, own, layout))
    if len(members) == 1 < len(tables):
        members[0][0]["table"] = _name(path.stem, names)
    for member, _, _ in members:
        if more := member.get("also"):
            shown = ", ".join([member["file"], *more])
            declared.notes.append(f"{path.name}: {shown} are read as one table")
    declared.fields["members"] = [member | own for member, own, _ in members]
    return declared


def _name(text: str, taken: set[str]) -> str:
    """A name for a raw table that no other has."""
    return unused(f"raw_{sql_name(text, otherwise='table')}", taken)


def _of_table(
    path: Path, table: inner.Inner, raw: str, staging: Path, declared: Declared
) -> tuple[dict[str, Any], Layout | None]:
    """What is to be said of one table: how its text is written, and where it stands in it."""
    if table.kind in {"sqlite", "duckdb", "parquet", "statistical"}:
        return {}, None
    opened = inner.plain(path, table.name, staging)
    label = f"{path.name} ({table.name})" if table.name else path.name
    declared.notes += [f"{label}: {note}" for note in opened.notes]
    csv: dict[str, Any] = {}
    readable = opened.path
    if not opened.own_text:
        judged = encodings.judge(opened.path)
        if judged.encoding not in {"utf-8", "ascii"}:
            csv["encoding"] = judged.encoding
            declared.notes.append(f"{label}: read as {judged.encoding}" + _seen(judged))
        if not judged.sure:
            csv["encoding"] = judged.encoding
            declared.unsure[raw] = _asked(label, judged)
        readable = as_utf8(
            opened.path, judged.encoding, staging.with_name(f"{staging.name}.utf8"), label
        )
    layout = find_layout(readable)
    if layout.is_prose and not opened.own_text:
        declared.prose.add(raw)
        declared.notes.append(f"{label}: its lines have no columns in common; it is no table")
        return {"csv": csv} if csv else {}, None
    found: dict[str, Any] = {}
    if layout.delimiter != "," and not opened.own_text:
        csv["delimiter"] = layout.delimiter
    if not layout.header:
        csv |= {"header": False, "columns": [f"column_{i + 1}" for i in range(layout.width)]}
        declared.notes.append(
            f"{label}: the first line names no columns; they are called column_1 to "
            f"column_{layout.width}"
        )
    elif (fault := _unnamed(layout)) and (not opened.own_text or "several" in fault):
        columns = _own_names(layout)
        csv |= {"header": False, "columns": columns}
        made_up = [own for own, name in zip(columns, layout.names, strict=True) if own != name]
        declared.notes.append(f"{label}: {fault}; read as {', '.join(made_up)}")
        layout = replace(layout, skip=layout.skip + layout.header_lines)
    if csv:
        found["csv"] = csv
    return found | _titles(layout, label, declared), layout


def _titles(layout: Layout, label: str, declared: Declared) -> dict[str, int]:
    """Lines of the file that are no part of the table, above and below it."""
    found = {}
    for key, n, where, lines in (
        ("skip", layout.skip, "above the names of the columns", layout.titles),
        ("footer", layout.footer, "below the rows", layout.notes),
    ):
        if n:
            found[key] = n
            shown = " / ".join(lines[:3])[:120]
            line = "line" if n == 1 else "lines"
            declared.notes.append(f"{label}: {n} {line} {where}: {shown!r}")
    return found


def _seen(judged: encodings.Judgement) -> str:
    words = ", ".join(repr(sample[0]) for sample in judged.samples[:3] if sample)
    return f", such as {words}" if words else ""


def _asked(label: str, judged: encodings.Judgement) -> list[str]:
    """The question in which encoding a text is written, with words in each reading."""
    readings = [judged.encoding, *judged.alternatives]
    shown = "; ".join(
        " or ".join(
            f"{word!r} ({encoding})" for encoding, word in zip(readings, sample, strict=False)
        )
        for sample in judged.samples[:3]
    )
    lines = f" Lines {', '.join(map(str, judged.broken))} are no UTF-8." if judged.broken else ""
    return [
        f"{label}: is it {shown or ' or '.join(readings)}?{lines}",
        f"Write {' or '.join(readings)}.",
    ]
