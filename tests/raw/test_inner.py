"""Files of any format: what they are told to be, what is in them, and their tables in the open."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import sqlite3
import tarfile
import zipfile
from pathlib import Path

import duckdb
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.orc
import pyarrow.parquet as pq
import pyreadstat
import pytest
import xlwt

from pmlib.errors import StudyError
from pmlib.raw import fixed_width
from pmlib.raw.inner import Inner, contents, plain
from pmlib.raw.signatures import recognise

TEXT = "id,name\n007,Köln\n"
FRAME = pd.DataFrame({"id": ["007"], "name": ["Köln"]})


def zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


PACKED = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstd}


def workbook(path: Path, **sheets: list[list[object]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path.read_bytes()


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def text_of(path: Path, inner: str = "") -> str:
    staging = path.parent / "staging"
    staging.mkdir(exist_ok=True)
    found = plain(path, inner, staging / "table")
    assert found.is_text
    return found.path.read_text(encoding="utf-8")


# --- what a file is -----------------------------------------------------------------------------


def written(folder: Path) -> dict[str, Path]:
    """A small file of each format, all under the ending .csv, which is right for one of them."""
    folder.mkdir(exist_ok=True)
    places = {}

    def place(name: str) -> Path:
        places[name] = folder / f"{name.replace(' ', '-')}.csv"
        return places[name]

    place("text").write_text(TEXT)
    place("text in UTF-16").write_bytes(TEXT.encode("utf-16"))
    place("text in UTF-16 without a mark").write_bytes(TEXT.encode("utf-16-le"))
    place("text in GB18030").write_bytes("客户号,姓名\n1,张伟\n".encode("gb18030"))
    place("an Excel workbook")
    workbook(places["an Excel workbook"], A=[["a"]])
    old = xlwt.Workbook()
    old.add_sheet("A").write(0, 0, "a")
    old.save(str(place("an old Excel workbook")))
    FRAME.to_parquet(place("Parquet"))
    with sqlite3.connect(place("an SQLite database")) as database:
        database.execute("CREATE TABLE t (a)")
    database.close()
    duckdb.connect(str(place("a DuckDB database"))).close()
    pyreadstat.write_sav(FRAME, place("an SPSS file"))
    pyreadstat.write_dta(FRAME, place("a Stata file"))
    pyreadstat.write_dta(FRAME, place("a Stata file of version 10"), version=10)
    pyreadstat.write_xport(FRAME, place("a SAS transport file"))
    pyreadstat.write_por(FRAME[["id"]], place("an SPSS portable file"))
    for name, kind in (("gz", "a gzip"), ("bz2", "a bzip2"), ("xz", "an xz"), ("zst", "a zstd")):
        place(f"{kind} file").write_bytes(PACKED[name](TEXT.encode()))
    zipped(place("a zip archive"), {"a.csv": TEXT.encode()})
    with tarfile.open(place("a tar archive"), "w") as archive:
        archive.add(places["text"], "text.csv")
    with tarfile.open(place("a packed tar archive"), "w:gz") as archive:
        archive.add(places["text"], "text.csv")
    zipped(place("a document"), {"[Content_Types].xml": b"openxmlformats wordprocessingml"})
    place("a PDF").write_bytes(b"%PDF-1.7\n%\xe2\xe3\n")
    place("a web page (HTML)").write_text("\n<html><table><tr><td>1</td></tr></table></html>")
    place("a JSON file").write_text('[{"id": 1}]')
    place("an XML file").write_text('<?xml version="1.0"?><rows/>')
    place("a workbook of 2003 in XML").write_text(
        '<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>'
    )
    place("a 7z archive").write_bytes(b"7z\xbc\xaf\x27\x1c\0\4")
    place("a RAR archive").write_bytes(b"Rar!\x1a\x07\1\0")
    place("a picture").write_bytes(b"\x89PNG\r\n\x1a\n")
    pyarrow.feather.write_feather(FRAME, place("an Arrow (Feather) file"))
    pyarrow.orc.write_table(pa.table({"a": [1]}), place("an ORC file"))
    place("a Python pickle").write_bytes(pickle.dumps({"a": [1]}))
    secret = "EncryptedPackage".encode("utf-16-le")
    place("a workbook or document that a password protects").write_bytes(
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + secret
    )
    place("no text, and no format that is known").write_bytes(bytes(range(32)) * 20)
    return places


def test_each_format_is_told_by_its_bytes(tmp_path):
    for name, path in written(tmp_path).items():
        said = recognise(path).name
        assert name.startswith(said) or name == f"an old {said.removeprefix('an ')}", (name, said)


READABLE = {"text", "workbook", "statistical", "parquet", "packed", "zip"}


def test_what_cannot_be_read_is_named_with_a_remedy_and_without_an_encoding(tmp_path):
    refused = 0
    for path in written(tmp_path).values():
        found = recognise(path)
        if found.kind in READABLE:
            continue
        with pytest.raises(StudyError) as told:
            plain(path, "", tmp_path / "staging")
        refused += 1
        assert told.value.found == found.name
        assert told.value.remedy
        assert "encoding" not in str(told.value)
    assert refused == 18


@pytest.mark.parametrize("text", [
    "PAR1,x\n", "ORC,x\n", "BZh,x\n", "GIF8,x\n", "RDX,x\n", "PK,x\n1,2\n", "[a],b\n",
    "<1k,b\n", "sep=;\na;b\n", "\x1aa,b\n", "№;Имя\n1;Анна\n",
])  # fmt: skip
def test_text_that_looks_like_something_else_is_text(tmp_path, text):
    (tmp_path / "a").write_text(text, encoding="utf-8")
    assert recognise(tmp_path / "a").kind == "text"


def test_tables_of_a_web_page_called_xls_are_told_with_a_remedy(tmp_path):
    (tmp_path / "umsatz.xls").write_text("<table><tr><td>1</td></tr></table>")
    with pytest.raises(StudyError, match=r"a web page \(HTML\)(.|\n)*save it as \.xlsx"):
        contents(tmp_path / "umsatz.xls")


@pytest.mark.parametrize("ending", ["sqlite", "duckdb", "db", "parquet"])
def test_text_called_a_database_is_told(tmp_path, ending):
    (tmp_path / f"a.{ending}").write_text(TEXT)
    with pytest.raises(
        StudyError, match=r"not what its ending says(.|\n)*found:  text(.|\n)*\.csv"
    ):
        contents(tmp_path / f"a.{ending}")


def test_text_called_xls_is_text(tmp_path):
    (tmp_path / "umsatz.xls").write_text("id\tname\n007\tWien\n")
    assert contents(tmp_path / "umsatz.xls") == [Inner("", "text")]
    assert text_of(tmp_path / "umsatz.xls") == "id\tname\n007\tWien\n"


# --- what is in it ------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", PACKED)
def test_packed_text(tmp_path, ending):
    path = tmp_path / f"a.csv.{ending}"
    path.write_bytes(PACKED[ending](TEXT.encode()))
    assert contents(path) == [Inner("", "text")]
    assert text_of(path) == TEXT


@pytest.mark.parametrize("ending", PACKED)
def test_a_packed_file_that_is_cut_off_is_told(tmp_path, ending):
    path = tmp_path / f"a.csv.{ending}"
    path.write_bytes(PACKED[ending](bytes(range(256)) * 4000)[:-20])
    with pytest.raises(StudyError, match="packed file cannot be unpacked"):
        text_of(path)


def test_packed_files_of_other_formats(tmp_path):
    book = workbook(tmp_path / "a.xlsx", A=[["id"], ["007"]], B=[["x"], [1]])
    (tmp_path / "a.xlsx.gz").write_bytes(gzip.compress(book))
    assert contents(tmp_path / "a.xlsx.gz") == [Inner("A", "workbook"), Inner("B", "workbook")]
    assert text_of(tmp_path / "a.xlsx.gz", "B") == "x\n1\n"
    sink = io.BytesIO()
    FRAME.to_parquet(sink)
    (tmp_path / "a.parquet.zst").write_bytes(zstd(sink.getvalue()))
    found = plain(tmp_path / "a.parquet.zst", "", tmp_path / "staging")
    assert pq.read_table(found.path).to_pylist() == [{"id": "007", "name": "Köln"}]


def test_a_zip_lists_all_its_tables_and_gives_each(tmp_path):
    book = workbook(tmp_path / "b.xlsx", A=[["id"], ["1"]], B=[["x"], [2]], Nothing=[])
    inside = zipped(tmp_path / "old.zip", {"c.csv": b"c\n3\n"}).read_bytes()
    held = {"export/a.csv": TEXT.encode(), "b.xlsx": book, "old.zip": inside, "__MACOSX/a.csv": b"",
            "readme.pdf": b"%PDF-1.7\n", "d.csv.gz": gzip.compress(b"d\n4\n")}  # fmt: skip
    path = zipped(tmp_path / "bank.zip", held)
    assert contents(path) == [
        Inner("b.xlsx/A", "workbook"), Inner("b.xlsx/B", "workbook"),
        Inner("b.xlsx/Nothing", "workbook", "empty"), Inner("d.csv.gz", "text"),
        Inner("export/a.csv", "text"), Inner("old.zip/c.csv", "text"),
        Inner("readme.pdf", "other", "a PDF"),
    ]  # fmt: skip
    expected = {"b.xlsx/A": "id\n1\n", "b.xlsx/B": "x\n2\n", "d.csv.gz": "d\n4\n",
                "export/a.csv": TEXT, "a.csv": TEXT, "old.zip/c.csv": "c\n3\n"}  # fmt: skip
    for inner, text in expected.items():
        assert text_of(path, inner) == text
    with pytest.raises(StudyError, match=r"found:  a PDF"):
        text_of(path, "readme.pdf")
    with pytest.raises(StudyError, match=r"no z\.csv in it; it holds b\.xlsx, d\.csv"):
        text_of(path, "z.csv")


def test_a_zip_of_one_file_needs_no_name(tmp_path):
    assert text_of(zipped(tmp_path / "a.zip", {"x/a.csv": TEXT.encode()})) == TEXT


def test_a_zip_with_a_password_is_told(tmp_path):
    path = zipped(tmp_path / "a.zip", {"a.csv": TEXT.encode()})
    content = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + place] |= 1  # the flag of an encrypted file
    path.write_bytes(content)
    assert contents(path) == [Inner("a.csv", "text")]
    with pytest.raises(StudyError, match=r"protected by a password(.|\n)*Unpack it"):
        text_of(path)


def test_tables_of_databases_are_listed(tmp_path):
    with sqlite3.connect(tmp_path / "a.db") as database:
        database.execute('CREATE TABLE "The People" (a)')
        database.execute("CREATE VIEW v AS SELECT 1")
    database.close()
    with duckdb.connect(str(tmp_path / "a.duckdb")) as other:
        other.execute("CREATE TABLE t (a INT)")
    assert contents(tmp_path / "a.db") == [Inner("The People", "sqlite"), Inner("v", "sqlite")]
    assert contents(tmp_path / "a.duckdb") == [Inner("t", "duckdb")]


def test_a_statistical_file_becomes_parquet(tmp_path):
    pyreadstat.write_sav(FRAME, tmp_path / "a.sav", column_labels={"id": "Customer"})
    assert contents(tmp_path / "a.sav") == [Inner("", "statistical")]
    found = plain(tmp_path / "a.sav", "", tmp_path / "staging")
    assert pq.read_table(found.path).to_pylist() == [{"id": "007", "name": "Köln"}]
    assert found.described is not None
    assert found.described.labels == {"id": "Customer"}


# --- fixed width --------------------------------------------------------------------------------


def fixed(folder: Path, text: str, widths: list[int]) -> str:
    (folder / "a.txt").write_text(text, encoding="utf-8", newline="")
    return fixed_width.to_text(folder / "a.txt", widths, folder / "a.csv", "a.txt").read_text(
        "utf-8"
    )


def test_columns_of_fixed_width_are_cut_by_characters(tmp_path):
    text = "007  Köln  1.5\r\n  8  客户, x -2\r\n\r\n9"
    assert fixed(tmp_path, text, [5, 6, 5]) == '007,Köln,1.5\n8,"客户, x",-2\n,,\n9,,\n'


def test_a_line_longer_than_the_layout_is_told(tmp_path):
    with pytest.raises(StudyError, match=r"a\.txt, line 2(.|\n)*5 characters(.|\n)*'xxx'"):
        fixed(tmp_path, "aabbb\naabbbxyz\n", [2, 3])


PACKINGS = {"stored": zipfile.ZIP_STORED, "deflated": zipfile.ZIP_DEFLATED,
            "bzip2": zipfile.ZIP_BZIP2, "lzma": zipfile.ZIP_LZMA}  # fmt: skip


@pytest.mark.parametrize("place", ["in the middle", "at the end", "cut off"])
@pytest.mark.parametrize("packing", PACKINGS)
def test_a_damaged_zip_is_told_however_it_is_packed(tmp_path, packing, place):
    path, rows = tmp_path / "a.zip", "".join(f"{i},{i * 7919 % 1000}\n" for i in range(9000))
    with zipfile.ZipFile(path, "w", PACKINGS[packing]) as archive:
        archive.writestr("a.csv", "a,b\n" + rows)
    whole = bytearray(path.read_bytes())
    damaged = whole[:-40] if place == "cut off" else whole
    at = {"in the middle": len(whole) // 2, "at the end": -15}.get(place)
    if at:
        damaged[at : at + 8] = bytes(255 - byte for byte in damaged[at : at + 8])
    path.write_bytes(damaged)
    with pytest.raises(StudyError, match=r"a\.zip[\s\S]*found: +\S[\s\S]*remedy: +Replace"):
        text_of(path)


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz"])  # what zstd writes has no sum to be checked
def test_a_packed_file_with_other_bytes_in_it_is_told(tmp_path, ending):
    packed = bytearray(PACKED[ending](bytes(range(256)) * 4000))
    at = len(packed) // 2
    packed[at : at + 8] = bytes(255 - byte for byte in packed[at : at + 8])
    path = tmp_path / f"a.csv.{ending}"
    path.write_bytes(packed)
    with pytest.raises(StudyError, match=r"unpacked[\s\S]*found: +\S[\s\S]*remedy: +Replace"):
        text_of(path)
