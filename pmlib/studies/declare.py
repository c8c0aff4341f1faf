"""How the files of a draft are read: their kind, encoding, delimiter, and where the table stands."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pmlib.errors import StudyError
from pmlib.studies import encodings, inner
from pmlib.studies.layout import Layout, find_layout
from pmlib.studies.mapping import sql_name, unused
from pmlib.studies.sources import as_utf8

_OFTEN = 24
"""Files of a folder with one pattern of name, at least two of them, are one table; so many are shown."""


@dataclass
class Declared:
    """What study.yaml says of a source, what is to be said of it, and what must be asked."""

    fields: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    unsure: dict[str, list[str]] = field(default_factory=dict)
    """Raw tables whose encoding is asked; until the answer they are read in the likeliest one."""


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
    return found


def _pattern(group: Sequence[Path]) -> str:
    """The pattern of names that differ in digits."""
    names = [path.name for path in group]
    start = os.path.commonprefix(names)
    end = os.path.commonprefix([name[len(start) :][::-1] for name in names])[::-1]
    return f"{start.rstrip('0123456789')}*{end.lstrip('0123456789')}"


def _alike(group: Sequence[Path]) -> bool:
    """Whether files begin with the same names of columns, or are of one kind that has none."""
    kinds = {inner.contents(path)[0].kind for path in group[:_OFTEN]}
    if kinds != {"text"}:
        return kinds == {"parquet"}
    with_names = set()
    for path in group:
        with path.open("rb") as file:
            with_names.add(file.readline().strip().removeprefix(b"\xef\xbb\xbf"))
    return len(with_names) == 1


def declare(group: Sequence[Path], folder: Path, names: set[str], staging: Path) -> Declared:
    """Say how files of one table, or the tables of one file, are read.

    `names` are the raw tables' names that are taken; `staging` takes copies. Raises StudyError
    where a file holds no table, or is none that can be read.
    """
    path = group[0]
    name = path.name if len(group) == 1 else _pattern(group)
    home = os.path.relpath(path.resolve().parent, folder.resolve())
    declared = Declared({"file": str(Path(home) / name)})
    if len(group) > 1:
        declared.notes.append(f"{len(group)} files {name} are read as one table")
    tables = inner.contents(path)
    declared.notes += [
        f"{path.name}: {one.name} is {one.but} and left out" for one in tables if one.but
    ]
    tables = [one for one in tables if not one.but]
    if not tables:
        raise StudyError("A file to draft from holds no table.", where=str(path))
    if len(tables) == 1 and not tables[0].name:
        stem = (
            re.sub(r"[\d_\-]+$", "", path.stem) if len(group) > 1 else path.name.partition(".")[0]
        )
        declared.fields["table"] = _name(stem, names)
        raw = declared.fields["table"]
        declared.fields |= _of_table(path, tables[0], raw, staging / "0", declared, several=group)
        return declared
    members = []
    for number, one in enumerate(tables):
        stem = one.name if len(tables) > 1 else path.stem
        raw = _name(Path(stem).stem, names)
        member = {"file": one.name, "table": raw}
        members.append(member | _of_table(path, one, raw, staging / str(number), declared))
    declared.fields["members"] = members
    return declared


def _name(text: str, taken: set[str]) -> str:
    """A name for a raw table that no other has."""
    return unused(f"raw_{sql_name(text, otherwise='table')}", taken)


def _of_table(
    path: Path, table: inner.Inner, raw: str, staging: Path, declared: Declared,
    several: Sequence[Path] = (),
) -> dict[str, Any]:  # fmt: skip
    """What is to be said of one table: how its text is written, and where it stands in it."""
    if table.kind in {"sqlite", "duckdb", "parquet", "statistical"}:
        return {}
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
    found: dict[str, Any] = {}
    if layout.delimiter != "," and not opened.own_text:
        csv["delimiter"] = layout.delimiter
    if not layout.header:
        csv |= {"header": False, "columns": [f"column_{i + 1}" for i in range(layout.width)]}
        declared.notes.append(
            f"{label}: the first line names no columns; they are called column_1 to column_{layout.width}"
        )
    if csv:
        found["csv"] = csv
    found |= _titles(layout, label, declared)
    if len(several) > 1 and found.get("footer"):
        found.pop("footer")
    return found


def _titles(layout: Layout, label: str, declared: Declared) -> dict[str, int]:
    found = {}
    if layout.skip:
        found["skip"] = layout.skip
        shown = " / ".join(layout.titles[:3])[:120]
        declared.notes.append(
            f"{label}: {layout.skip} {'line' if layout.skip == 1 else 'lines'} above the names of the columns: {shown!r}"
        )
    if layout.footer:
        found["footer"] = layout.footer
        shown = " / ".join(layout.notes[:3])[:120]
        declared.notes.append(
            f"{label}: {layout.footer} {'line' if layout.footer == 1 else 'lines'} below the rows: {shown!r}"
        )
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
