"""What a file really is, told by its first bytes and not by its ending.

Exports arrive under wrong endings: web pages and text called .xls, workbooks called .csv. A file
that cannot be read is named by its format; its encoding is blamed only where it is text.
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

from pmlib.raw.encodings import unicode_of

_START = 4096  # bytes looked at
_STREAMS = ("Workbook", "WORKBOOK", "Book", "BOOK")  # what an old workbook is called inside
_CSV = "Export its table as CSV or Parquet."
_PARQUET = "Write it as Parquet."
_UNPACK = "Unpack it and give the files that are in it."


_ENDINGS = {
    ".parquet": "parquet", ".duckdb": "duckdb",
    ".sqlite": "sqlite", ".sqlite3": "sqlite", ".db": "sqlite",
}  # fmt: skip


def kind_by_ending(name: str) -> str:
    """How a file is opened, by its ending; what is ``text`` may prove a workbook or an archive."""
    return _ENDINGS.get(Path(name).suffix.lower(), "text")


@dataclass(frozen=True)
class Found:
    """What a file is.

    Parameters
    ----------
    kind : str
        ``text``, ``workbook``, ``statistical``, ``packed``, ``zip``, ``parquet``, ``sqlite``,
        ``duckdb``, or ``other`` for what cannot be read.
    name : str
        What it is called, in words, with its article.
    ending : str
        The ending that such a file has; empty for text and for what cannot be read.
    remedy : str
        For what cannot be read: what to do instead.
    """

    kind: str
    name: str
    ending: str = ""
    remedy: str = ""


# Formats that can be read: bytes at the start, what it is called, its kind, its usual ending.
_READ: tuple[tuple[bytes, str, str, str], ...] = (
    (b"PAR1\x15", "Parquet", "parquet", ".parquet"),
    (b"SQLite format 3\0", "an SQLite database", "sqlite", ".sqlite"),
    (b"\x1f\x8b", "a gzip file", "packed", ".gz"),
    (b"BZh91AY&SY", "a bzip2 file", "packed", ".bz2"),
    (b"\xfd7zXZ\0", "an xz file", "packed", ".xz"),
    (b"\x28\xb5\x2f\xfd", "a zstd file", "packed", ".zst"),
    (b"$FL2@(#)", "an SPSS file", "statistical", ".sav"),
    (b"$FL3@(#)", "an SPSS file", "statistical", ".zsav"),
    (b"<stata_dta>", "a Stata file", "statistical", ".dta"),
    (b"HEADER RECORD*******LIB", "a SAS transport file", "statistical", ".xpt"),
    (b"\0" * 12 + b"\xc2\xea\x81\x60", "a SAS file", "statistical", ".sas7bdat"),
)
# Formats that cannot: bytes at the start, what it is called, what to do.
_UNREAD: tuple[tuple[bytes, str, str], ...] = (
    (b"%PDF", "a PDF", _CSV),
    (b"{\\rtf", "an RTF document", _CSV),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (b"\x1f\x9d", "a compressed file (.Z)", _UNPACK),
    (b"\x89PNG", "a picture", _CSV),
    (b"\xff\xd8\xff", "a picture", _CSV),
    (b"GIF89a", "a picture", _CSV),
    (b"ARROW1", "an Arrow (Feather) file", _PARQUET),
    (b"**COMPRESSED** **COMPRESSED**", "a SAS CPORT file", "Write it as .sas7bdat or CSV."),
    (b"Obj\x01", "an Avro file", _PARQUET),
    (b"\x89HDF", "an HDF5 file", _PARQUET),
    (b"\0\x01\0\0Standard", "an Access database", "Export its tables as CSV."),
    (b"RDX3\n", "an R data file", "Write it as Parquet or CSV."),
)
# Beginnings that take more than a fixed word to tell: what is read, and what is not.
_PATTERNS = (
    (rb".{8}DUCK", Found("duckdb", "a DuckDB database", ".duckdb")),
    (rb"PK(\x03\x04|\x05\x06|\x07\x08)", Found("zip", "a zip archive", ".zip")),
    (rb"\x09\x08|\x09[\x02\x04]\x06\0", Found("workbook", "an Excel workbook", ".xls")),
    (rb".{257}ustar", Found("other", "a tar archive", remedy=_UNPACK)),
    # Stata before version 13: version, order of bytes, 1, 0, and then counts.
    (rb"[\x69\x6c\x6e-\x73][\x01\x02]\x01\0.{97}", Found("statistical", "a Stata file", ".dta")),
    (rb".{0,600}SPSSPORT", Found("statistical", "an SPSS portable file", ".por")),
    (rb"ORC(\n[\0-\x08]|[^\t\n\r -~])", Found("other", "an ORC file", remedy=_PARQUET)),
    (rb"\x80[\x02-\x05][\x95}\]c(]", Found("other", "a Python pickle", remedy=_PARQUET)),
)
_HTML = re.compile(
    rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype html|html|table|meta|head|body|style)\b",
    re.IGNORECASE | re.DOTALL,
)
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x19\x1c-\x1f]")  # bytes that no text is made of


_PROTECTED = Found(
    "other",
    "a workbook or document that a password protects",
    remedy="Open it with its password and save it without.",
)
# Parts of an archive that say which program's it is: Office, OpenDocument, and what is encrypted.
_TELLING = ("[Content_Types].xml", "mimetype", "META-INF/manifest.xml")


def recognise(path: Path) -> Found:
    """Say what a file is, by its bytes.

    Raises OSError where it cannot be opened. A file of another kind than those known is text.
    """
    with path.open("rb") as file:
        start = file.read(_START)
    found = by_start(start)
    if found.kind == "packed":
        return _inside_packed(path, found)
    if found.kind == "zip":
        return _zip(path)
    return _compound(path) if found.kind == "compound" else found


def by_start(start: bytes) -> Found:
    """Say what begins with these bytes; archives and Office's containers need a second look."""
    for magic, name, kind, ending in _READ:
        if start.startswith(magic):
            return Found(kind, name, ending)
    for magic, name, remedy in _UNREAD:
        if start.startswith(magic):
            return Found("other", name, remedy=remedy)
    if start.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return Found("compound", "a document of an old Office program", remedy=_CSV)
    for pattern, found in _PATTERNS:
        if re.match(pattern, start, re.DOTALL):
            return found
    return _textual(start)


def _textual(start: bytes) -> Found:
    """Tell tables of text from web pages and XML."""
    text = start.removeprefix(b"\xef\xbb\xbf")
    if text[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = text[2:].replace(b"\0", b"")
    remedy = "Open it in a spreadsheet program and save it as .xlsx, or ask for an export as CSV."
    if b"urn:schemas-microsoft-com:office:spreadsheet" in text:
        return Found("other", "a workbook of 2003 in XML", remedy=remedy)
    if _HTML.match(text) or text.startswith(b"MIME-Version:"):
        return Found("other", "a web page (HTML)", remedy=remedy)
    if text.lstrip().startswith(b"<?xml"):
        return Found("other", "an XML file", remedy=_CSV)
    if re.match(rb'\s*[\[{]\s*["{\[]', text):
        return Found("other", "a JSON file", remedy=_CSV)
    if len(_CONTROL.findall(text)) > 0.1 * len(text) and unicode_of(start) is None:
        return Found("other", "no text, and no format that is known", remedy=_CSV)
    return Found("text", "text")


def _zip(path: Path) -> Found:
    """Tell workbooks and documents, which are archives, from archives."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            said = {name: archive.read(name) if name in names else b"" for name in _TELLING}
    except (zipfile.BadZipFile, OSError, KeyError, RuntimeError, NotImplementedError, EOFError):
        return Found("zip", "a zip archive", ".zip")
    types, of_document, listed = (said[name] for name in _TELLING)
    if b"sheet.binary" in types:
        return Found("workbook", "an Excel workbook", ".xlsb")
    if b"spreadsheetml" in types and b"presentationml" not in types:
        return Found("workbook", "an Excel workbook", ".xlsx")
    if b"encryption-data" in listed:
        return _PROTECTED
    if b"opendocument.spreadsheet" in of_document:
        return Found("workbook", "an OpenDocument workbook", ".ods")
    if b"opendocument" in of_document or b"openxmlformats" in types:
        return Found("other", "a document", remedy=_CSV)
    if "Index/Document.iwa" in names:
        return Found("other", "a Numbers document", remedy="Export it as .xlsx or CSV.")
    return Found("zip", "a zip archive", ".zip")


def _compound(path: Path) -> Found:
    """Tell what Microsoft's old container holds, by the names in its directory."""
    with path.open("rb") as file:
        whole = file.read(64 << 20)
    if "EncryptedPackage".encode("utf-16-le") in whole:
        return _PROTECTED
    if any(name.encode("utf-16-le") + b"\0\0" in whole for name in _STREAMS):
        return Found("workbook", "an Excel workbook", ".xls")
    return Found("other", "a document of an old Office program", remedy=_CSV)


def _inside_packed(path: Path, found: Found) -> Found:
    """Tell a packed tar archive from a packed file."""
    from pmlib.raw.packed import BROKEN, opened

    try:
        with opened(path, found.ending) as file:
            start = file.read(512)
    except BROKEN:
        return found
    if start[257:262] != b"ustar":
        return found
    remedy = f"Unpack it (tar xf {path.name}) and give the files that are in it."
    return Found("other", "a packed tar archive", remedy=remedy)
