"""The tables in a file of any format: which there are, and one of them as plain text or Parquet.

What a file is, is told by its bytes. Packed files and archives are opened, a sheet of a workbook
becomes text in UTF-8, a statistical file Parquet; all is read in one way thereafter.
"""

from __future__ import annotations

import sqlite3
import tempfile
import zipfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pmlib.errors import StudyError
from pmlib.raw import packed, statistical, workbooks
from pmlib.raw.signatures import Found, by_start, kind_by_ending, recognise
from pmlib.raw.statistical import Described

_DEEPEST = 5  # archives within archives


@dataclass(frozen=True)
class Inner:
    """A table in a file.

    `name` is what study.yaml calls it there (the sheet, the path within an archive, the table of
    a database), and empty for a file that is one table. `kind` says what is read: ``text``,
    ``workbook``, ``statistical``, ``parquet``, ``sqlite``, ``duckdb``. `but` says why it is no
    table to start from: ``hidden``, ``empty``, ``chart``, or what else it is.
    """

    name: str
    kind: str
    but: str = ""


@dataclass(frozen=True)
class Plain:
    """One table by itself: a text file (`is_text`) or Parquet.

    `own_text` says that the text was written here: UTF-8, commas, double quotes. `notes` are
    sentences for the report; `described` is what a statistical file says of its columns.
    """

    path: Path
    is_text: bool
    own_text: bool = False
    notes: tuple[str, ...] = ()
    described: Described | None = None


def contents(path: Path) -> list[Inner]:
    """List the tables in a file, in their order.

    Raises StudyError where it cannot be read, and names what it is.
    """
    found = recognise(path)
    told = kind_by_ending(path.name)
    if told in {"parquet", "sqlite", "duckdb"} and found.kind != told:
        raise StudyError(
            "A file is not what its ending says, and cannot be read so.",
            where=str(path),
            rule=f"a {told} file",
            found=found.name,
            remedy=found.remedy or f"Give it the ending {found.ending or '.csv'}.",
        )
    if found.kind == "workbook":
        said = workbooks.sheets(path)
        return [Inner(sheet.name, "workbook", sheet.but) for sheet in said]
    if found.kind in {"sqlite", "duckdb"}:
        return [Inner(name, found.kind) for name in _tables(path, found.kind)]
    if found.kind == "zip":
        with tempfile.TemporaryDirectory() as folder:
            return _in_archive(path, Path(folder), 1)
    if found.kind == "packed":
        with tempfile.TemporaryDirectory() as folder:
            inside = packed.unpack(path, found.ending, Path(folder) / "unpacked", str(path))
            return [Inner("" if one.kind == "text" else one.name, one.kind, one.but)
                    for one in contents(inside)]  # fmt: skip
    if found.kind == "other":
        raise unreadable(path, found)
    return [Inner("", found.kind)]


def plain(path: Path, inner: str, staging: Path, *, encoding: str | None = None) -> Plain:
    """Bring one table of a file into the open.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    inner : str
        Which table in it, as `Inner.name`; empty for the only one.
    staging : pathlib.Path
        Path of the copies that are needed; endings are added to it.
    encoding : str, optional
        Of the text in a statistical file that does not say so itself.

    Raises
    ------
    StudyError
        The file holds no such table, or cannot be read; it names what the file is.
    """
    return _plain(path, inner, staging, encoding, where=str(path), depth=0)


def _plain(
    path: Path, inner: str, staging: Path, encoding: str | None, *, where: str, depth: int
) -> Plain:
    found = recognise(path)
    deeper = staging.with_name(f"{staging.name}.{depth}")
    if found.kind == "zip" and depth < _DEEPEST:
        name, rest = packed.find(path, inner)
        packed.extract(path, name, deeper)
        return _plain(deeper, rest, staging, encoding, where=f"{where} ({name})", depth=depth + 1)
    if found.kind == "packed" and depth < _DEEPEST:
        packed.unpack(path, found.ending, deeper, where)
        return _plain(deeper, inner, staging, encoding, where=where, depth=depth + 1)
    if found.kind == "workbook":
        target = staging.with_name(f"{staging.name}.sheet")
        notes = workbooks.to_text(path, inner, target)
        return Plain(target, is_text=True, own_text=True, notes=tuple(notes))
    if found.kind == "statistical":
        target = staging.with_name(f"{staging.name}.parquet")
        said = statistical.to_parquet(path, target, found.ending, encoding=encoding)
        return Plain(target, is_text=False, notes=said.notes, described=said)
    if found.kind not in {"text", "parquet"}:
        raise unreadable(Path(where), found)
    return Plain(path, is_text=found.kind == "text")


def unreadable(path: Path, found: Found) -> StudyError:
    """The error for a file that is something else than can be read there."""
    endings = f"Give it the ending {found.ending}, and say which of its tables is meant."
    return StudyError(
        "A file is not what can be read here.",
        where=str(path),
        rule="delimited text, a workbook (.xlsx, .xlsb, .xls, .ods), Parquet, SQLite, DuckDB, or a "
        "file of SPSS, Stata or SAS; packed or not",
        found=found.name,
        remedy=found.remedy or endings,
    )


def _in_archive(path: Path, folder: Path, depth: int) -> list[Inner]:
    """List the tables in a zip; what lies deeper is unpacked into `folder`."""
    listed: list[Inner] = []
    for number, name in enumerate(packed.members(path)):
        found = by_start(_start(path, name))
        if found.kind in {"zip", "compound", "packed", "workbook"} and depth < _DEEPEST:
            deeper = packed.extract(path, name, folder / f"{depth}-{number}")
            found = recognise(deeper)
            if found.kind == "zip":
                below = _in_archive(deeper, folder, depth + 1)
            elif found.kind == "other":
                below = []
            else:
                below = contents(deeper)
            if below:
                for one in below:
                    inner = f"{name}/{one.name}" if one.name else name
                    listed.append(Inner(inner, one.kind, one.but))
                continue
        listed.append(Inner(name, found.kind, found.name if found.kind == "other" else ""))
    return listed


def _start(path: Path, name: str) -> bytes:
    """The first bytes of a file in a zip; none where a password protects it."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(name) as file:
            return file.read(4096)
    except (RuntimeError, NotImplementedError, zipfile.BadZipFile, OSError, EOFError):
        return b""


def _tables(path: Path, kind: str) -> list[str]:
    """Names of the tables and views of a database."""
    try:
        if kind == "sqlite":
            query = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY 1"
            with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as opened:
                found = [name for (name,) in opened.execute(query)]
            return [name for name in found if not name.startswith("sqlite_")]
        query = "SELECT table_name FROM information_schema.tables ORDER BY 1"
        with duckdb.connect(str(path), read_only=True) as database:
            return [name for (name,) in database.execute(query).fetchall()]
    except (sqlite3.Error, duckdb.Error) as error:
        raise StudyError(
            "A database cannot be read.",
            where=str(path),
            rule=f"a whole {kind} file",
            found=str(error).splitlines()[0][:200],
            remedy="Replace it by an unaltered copy.",
        ) from None
