"""Cells of a workbook that hold an error, such as #N/A: calamine gives an empty text for them.

Each format is looked through for such cells alone, sources: ECMA-376 (.xlsx), [MS-XLSB], [MS-XLS]
and [MS-CFB], OpenDocument 1.3 with the marks of LibreOffice.
"""

from __future__ import annotations

import re
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO
from xml.etree import ElementTree as ET

Errors = dict[int, list[tuple[int, str]]]
"""By row, from 0: columns, from 0, and what stands in them."""

_NAMES = {0x00: "#NULL!", 0x07: "#DIV/0!", 0x0F: "#VALUE!", 0x17: "#REF!", 0x1D: "#NAME?",
          0x24: "#NUM!", 0x2A: "#N/A", 0x2B: "#GETTING_DATA"}  # fmt: skip
_CFB = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def error_cells(path: Path, sheet: str) -> tuple[Errors, list[str]]:
    """Cells of a sheet that hold an error, and of an .xlsx the formulas never computed.

    Nothing of a file that is damaged, or none of its format: whoever reads its cells will say so.
    """
    errors: Errors = {}
    blank: list[str] = []
    try:
        with path.open("rb") as file:
            is_old = file.read(8) == _CFB
        if is_old:
            found = _of_records(path.read_bytes(), sheet)
            return _by_row(found), blank
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if "content.xml" in names:
                return _by_row(_of_opendocument(archive, sheet)), blank
            if "xl/workbook.bin" in names:
                return _by_row(_of_binary(archive, sheet)), blank
            part = _part(archive, sheet)
            if part is not None:
                _of_xml(archive, part, errors, blank)
    except (zipfile.BadZipFile, KeyError, ET.ParseError, OSError, struct.error, ValueError,
            IndexError):  # fmt: skip
        pass
    return errors, blank


def _by_row(found: Iterator[tuple[int, int, str]]) -> Errors:
    errors: Errors = {}
    for row, column, text in found:
        errors.setdefault(row, []).append((column, text))
    return errors


# --- .xlsx --------------------------------------------------------------------------------------

_CELL = re.compile(rb"<(?:\w+:)?c\b([^>]*[^/>])>(.*?)</(?:\w+:)?c>", re.DOTALL)
_REFERENCE = re.compile(rb'\br="([A-Z]+)(\d+)"')
_VALUE = re.compile(rb"<(?:\w+:)?v\b[^>]*>([^<]+)</")
_FORMULA = re.compile(rb"<(?:\w+:)?f\b")


def _of_xml(archive: zipfile.ZipFile, part: str, errors: Errors, blank: list[str]) -> None:
    with archive.open(part) as file:
        rest = b""
        while piece := file.read(1 << 22):
            piece = rest + piece
            cut = piece.rfind(b"row>") + 1  # within the last row's end: no cell is cut
            _telling(piece[:cut], errors, blank)
            rest = piece[cut:]


def _telling(rows: bytes, errors: Errors, blank: list[str]) -> None:
    if b't="e"' not in rows and not _FORMULA.search(rows):
        return
    for said, inner in _CELL.findall(rows):
        is_error = b't="e"' in said
        if not is_error and not _FORMULA.search(inner):
            continue
        reference = _REFERENCE.search(said)
        value = _VALUE.search(inner)
        if reference is None:
            continue
        place, row = reference[1].decode(), int(reference[2]) - 1
        if is_error and value is not None:
            column = 0
            for letter in place:
                column = column * 26 + ord(letter) - 64
            errors.setdefault(row, []).append((column - 1, value[1].decode()))
        elif value is None and b't="str"' not in said:
            blank.append(f"{place}{row + 1}")


def _part(archive: zipfile.ZipFile, sheet: str) -> str | None:
    """The part of an .xlsx that holds a sheet."""
    names = archive.namelist()
    if "xl/workbook.xml" not in names:
        return None
    book = ET.fromstring(archive.read("xl/workbook.xml"))  # noqa: S314
    parts = _parts(archive, "workbook.xml")
    for one in book.iter():
        if one.tag.endswith("}sheet") and one.get("name") == sheet:
            key = next((value for name, value in one.attrib.items() if name.endswith("}id")), None)
            part = parts.get(str(key), "")
            return part if part in names else None
    return None


def _parts(archive: zipfile.ZipFile, book: str) -> dict[str, str]:
    """The parts of a workbook by the ids that it refers to them by."""
    links = ET.fromstring(archive.read(f"xl/_rels/{book}.rels"))  # noqa: S314
    targets = {str(link.get("Id")): str(link.get("Target")) for link in links}
    return {
        key: f"xl/{target.removeprefix('/xl/').removeprefix('xl/')}"
        for key, target in targets.items()
    }


# --- .xlsb --------------------------------------------------------------------------------------

_ROW, _ERROR, _ERROR_OF_FORMULA, _SHEET = 0, 3, 11, 156


def _of_binary(archive: zipfile.ZipFile, sheet: str) -> Iterator[tuple[int, int, str]]:
    parts = _parts(archive, "workbook.bin")
    for kind, said in _records(archive.read("xl/workbook.bin")):
        if kind == _SHEET:
            key, end = _wide(said, 8)
            if _wide(said, end)[0] == sheet:
                yield from _cells(archive.read(parts[key]))


def _cells(sheet: bytes) -> Iterator[tuple[int, int, str]]:
    row = 0
    for kind, said in _records(sheet):
        if kind == _ROW:
            row = struct.unpack_from("<I", said)[0]
        elif kind in {_ERROR, _ERROR_OF_FORMULA}:
            yield row, struct.unpack_from("<I", said)[0], _NAMES.get(said[8], "#ERROR")


def _records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and content of each record; both kind and size take up to so many bytes of 7 bits."""
    at = 0
    while at < len(data):
        numbers = []
        for most in (2, 4):
            number = 0
            for i in range(most):
                byte = data[at]
                at += 1
                number |= (byte & 0x7F) << 7 * i
                if byte < 0x80:
                    break
            numbers.append(number)
        kind, size = numbers
        yield kind, data[at : at + size]
        at += size


def _wide(data: bytes, at: int) -> tuple[str, int]:
    """A text of two bytes a sign with its length before it, and where it ends."""
    end = at + 4 + 2 * struct.unpack_from("<I", data, at)[0]
    return data[at + 4 : end].decode("utf-16-le"), end


# --- .xls ---------------------------------------------------------------------------------------


def _of_records(file: bytes, sheet: str) -> Iterator[tuple[int, int, str]]:
    book = _stream(file, "Workbook")  # Excel 97 and later
    start = next((at for at, name in _bound(book) if name == sheet), len(book))
    for kind, said in _old_records(book, start):
        if kind == 0x0A:  # the end of the sheet
            return
        if kind == 0x0205 and said[7]:  # a truth or an error
            row, column = struct.unpack_from("<HH", said)
            yield row, column, _NAMES.get(said[6], "#ERROR")
        if kind == 0x06 and said[6] == 2 and said[12:14] == b"\xff\xff":  # a formula's error
            row, column = struct.unpack_from("<HH", said)
            yield row, column, _NAMES.get(said[8], "#ERROR")


def _bound(book: bytes) -> Iterator[tuple[int, str]]:
    """Where each sheet begins, and its name."""
    for kind, said in _old_records(book, 0):
        if kind == 0x0A:
            return
        if kind == 0x85:
            wide = said[7] & 1
            name = said[8 : 8 + said[6] * (1 + wide)]
            yield struct.unpack_from("<I", said)[0], name.decode("utf-16-le" if wide else "latin-1")


def _old_records(book: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    while at + 4 <= len(book):
        kind, size = struct.unpack_from("<HH", book, at)
        yield kind, book[at + 4 : at + 4 + size]
        at += 4 + size


def _stream(file: bytes, wanted: str) -> bytes:
    """A stream of a compound file: its sectors, chained as the table of sectors says."""
    size, small = (1 << power for power in struct.unpack_from("<HH", file, 30))
    first, limit, first_small = (struct.unpack_from("<I", file, at)[0] for at in (48, 56, 60))
    tables, more = (
        list(struct.unpack_from("<109I", file, 76)),
        struct.unpack_from("<I", file, 68)[0],
    )

    def sector(number: int) -> bytes:
        return file[(number + 1) * size : (number + 2) * size]

    def numbers(data: bytes) -> list[int]:
        return list(struct.unpack(f"<{len(data) // 4}I", data))

    while more < _LAST and 4 * len(tables) < len(file):  # in a damaged file they may run in a ring
        *own, more = numbers(sector(more))
        tables += own
    following = [n for table in tables if table < _LAST for n in numbers(sector(table))]

    def chain(start: int, following: list[int], piece: Callable[[int], bytes]) -> bytes:
        pieces: list[bytes] = []
        while start < _LAST and len(pieces) <= len(following):
            pieces.append(piece(start))
            start = following[start]
        return b"".join(pieces)

    entries = chain(first, following, sector)
    for at in range(0, len(entries), 128):
        entry = entries[at : at + 128]
        name = entry[: max(0, struct.unpack_from("<H", entry, 64)[0] - 2)].decode("utf-16-le")
        if name == wanted:
            break
    else:
        raise ValueError("no workbook")
    start, length = struct.unpack_from("<II", entry, 116)
    if length >= limit:
        return chain(start, following, sector)[:length]
    whole = chain(struct.unpack_from("<I", entries, 116)[0], following, sector)
    links = numbers(chain(first_small, following, sector))
    return chain(start, links, lambda n: whole[n * small : (n + 1) * small])[:length]


_LAST = 0xFFFFFFFA  # numbers from here on are no sectors

# --- .ods ---------------------------------------------------------------------------------------

_ERROR_MARK = re.compile(rb"value-type=[\"']error[\"']")


def _of_opendocument(archive: zipfile.ZipFile, sheet: str) -> Iterator[tuple[int, int, str]]:
    row = column = 0
    ours = False
    errors: list[tuple[int, str]] = []  # of the row that is open
    with archive.open("content.xml") as file:
        if not _marked(file):
            return
        file.seek(0)
        for event, one in ET.iterparse(file, ("start", "end")):  # noqa: S314
            tag = one.tag.rpartition("}")[2]
            if event == "start" and tag == "table":
                ours, row = _said(one, "name") == sheet, 0
            elif event == "end" and tag == "table" and ours:
                return
            elif event == "start" and tag == "table-row":
                column, errors = 0, []
            elif event == "end" and tag == "table-row":
                times = int(_said(one, "number-rows-repeated") or 1)
                for same in range(times if errors else 0):
                    yield from ((row + same, place, text) for place, text in errors)
                row += times
                one.clear()
            elif event == "end" and tag in {"table-cell", "covered-table-cell"}:
                times = int(_said(one, "number-columns-repeated") or 1)
                # value-type is that of calcext too; it comes behind that of office.
                if ours and any(name.endswith("value-type") and value == "error"
                                for name, value in one.attrib.items()):  # fmt: skip
                    text = "".join(one.itertext()).strip() or "#ERROR"
                    errors += [(column + i, text) for i in range(times)]
                column += times


def _said(one: ET.Element, name: str) -> str:
    """An attribute of an element, by its name without the namespace; empty where it has none."""
    return next((v for key, v in one.attrib.items() if key.rpartition("}")[2] == name), "")


def _marked(file: IO[bytes]) -> bool:
    """Whether any cell of a book holds an error: a quick look, for to parse all of it is slow."""
    rest = b""
    while piece := file.read(1 << 22):
        if _ERROR_MARK.search(rest + piece):
            return True
        rest = piece[-32:]
    return False
