"""Workbooks written by other libraries, against what was put in."""

from __future__ import annotations

import csv
import datetime as dt
import struct
import zipfile
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter
import xlwt
from odf.opendocument import OpenDocumentSpreadsheet
from odf.table import Table, TableCell, TableRow
from odf.text import P

from pmlib.errors import StudyError
from pmlib.raw.error_cells import error_cells
from pmlib.raw.workbooks import Sheet, sheets, to_text
from tests.raw import written

LEAP = dt.date(2020, 2, 29)


def text_of(path: Path, sheet: str = "") -> tuple[list[list[str]], list[str]]:
    """The records that a sheet becomes, and the notes."""
    target = path.with_suffix(".text")
    notes = to_text(path, sheet, target)
    with target.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file)), notes


# What is put in, at C4 and below, and what must come out.
CELLS = [
    (["id", "day", "amount"], ["id", "day", "amount"]),
    (["007", LEAP, 1234.5], ["007", "2020-02-29", "1234.5"]),
    (["1,234", dt.datetime(2020, 2, 29, 13, 45, 1), 3.0], ["1,234", "2020-02-29 13:45:01", "3"]),
    ([' a\nb "q"', dt.datetime(2020, 2, 29), -0.1], [' a\nb "q"', "2020-02-29", "-0.1"]),
    (["Köln 客户 🏦", dt.date(1950, 1, 1), 1e-7], ["Köln 客户 🏦", "1950-01-01", "1e-07"]),
    ([True, None, 10**15 - 1], ["true", "", "999999999999999"]),
    ([None, None, None], ["", "", ""]),
    (["2020-02-29", "3.0", "1e5"], ["2020-02-29", "3.0", "1e5"]),
]  # fmt: skip
EXPECTED = [["", "", "", "", ""]] * 3 + [["", "", *row] for _, row in CELLS]


def xlsx(path: Path, *, date_1904: bool) -> None:
    book = xlsxwriter.Workbook(path, {"date_1904": date_1904})
    sheet = book.add_worksheet("Data")
    day = book.add_format({"num_format": "dd.mm.yyyy"})
    written.put(sheet, day, [cells for cells, _ in CELLS], row=3, column=2)
    book.close()


def xls(path: Path, *, date_1904: bool) -> None:
    book = xlwt.Workbook()
    book.dates_1904 = date_1904
    sheet = book.add_sheet("Data")
    style = xlwt.easyxf(num_format_str="DD.MM.YYYY HH:MM:SS")
    zero = dt.datetime(1904, 1, 1) if date_1904 else dt.datetime(1899, 12, 30)
    for row, (cells, _) in enumerate(CELLS, start=3):
        for column, cell in enumerate(cells, start=2):
            if isinstance(cell, dt.date):
                moment = dt.datetime(*cell.timetuple()[:6])
                sheet.write(row, column, (moment - zero) / dt.timedelta(days=1), style)
            elif cell is not None:
                sheet.write(row, column, cell)
    book.save(str(path))


def ods(path: Path) -> None:
    book = OpenDocumentSpreadsheet()
    table = Table(name="Data")
    table.addElement(TableRow(numberrowsrepeated=3))
    for cells, _ in CELLS:
        row = TableRow()
        row.addElement(TableCell(numbercolumnsrepeated=2))
        for cell in cells:
            kinds = {dt.date: "date", dt.datetime: "date", bool: "boolean", str: "string"}
            kind = kinds.get(type(cell), "float")
            value = {
                "date": {"datevalue": cell.isoformat() if kind == "date" else ""},
                "boolean": {"booleanvalue": "true"}, "float": {"value": cell}, "string": {},
            }[kind]  # fmt: skip
            made = TableCell() if cell is None else TableCell(valuetype=kind, **value)
            for line in str(cell).split("\n") if isinstance(cell, str) else []:
                made.addElement(P(text=line.replace(" a", "a")))
            row.addElement(made)
        table.addElement(row)
    book.spreadsheet.addElement(table)
    book.save(path)


@pytest.mark.parametrize("date_1904", [False, True])
@pytest.mark.parametrize("write", [xlsx, xls])
def test_a_sheet_of_excel_is_written_cell_for_cell(tmp_path, write, date_1904):
    path = tmp_path / f"bank.{write.__name__}"
    write(path, date_1904=date_1904)
    assert text_of(path, "Data") == (EXPECTED, [])


def test_a_sheet_of_opendocument_is_written_cell_for_cell(tmp_path):
    ods(tmp_path / "bank.ods")
    # Blanks at the start of a paragraph are markup of their own there; odfpy writes none.
    expected = [[cell.replace(" a", "a") for cell in row] for row in EXPECTED]
    assert text_of(tmp_path / "bank.ods") == (expected, [])


def test_what_a_workbook_is_decides_and_not_its_ending(tmp_path):
    xlsx(tmp_path / "bank.xlsx", date_1904=False)
    path = (tmp_path / "bank.xlsx").rename(tmp_path / "bank.xls")
    assert text_of(path)[0] == EXPECTED


def test_sheets_say_what_sets_them_apart(tmp_path):
    book = xlsxwriter.Workbook(tmp_path / "bank.xlsx")
    book.add_worksheet("Data").write("B3", 1)
    book.add_worksheet("Nothing")
    for name, hide in (("Hidden", "hide"), ("Very", "very_hidden")):
        sheet = book.add_worksheet(name)
        sheet.write(0, 0, 1)
        getattr(sheet, hide)()
    chart = book.add_chart({"type": "line"})
    chart.add_series({"values": "=Data!$B$3:$B$3"})
    book.add_chartsheet("Drawn").set_chart(chart)
    book.close()
    assert sheets(tmp_path / "bank.xlsx") == [
        Sheet("Data", 3, 2), Sheet("Nothing", 0, 0, "empty"), Sheet("Hidden", 1, 1, "hidden"),
        Sheet("Very", 1, 1, "hidden"), Sheet("Drawn", 0, 0, "chart"),
    ]  # fmt: skip
    assert text_of(tmp_path / "bank.xlsx")[0] == [["", ""], ["", ""], ["", "1"]]


def test_cells_with_errors_keep_their_text(tmp_path):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet["A1"], sheet["A2"], sheet["C30"], sheet["A3"] = "x", "#N/A", "#DIV/0!", "#N/A as text"
    book.save(tmp_path / "bank.xlsx")
    rows, notes = text_of(tmp_path / "bank.xlsx")
    assert (rows[1][0], rows[2][0], rows[29][2]) == ("#N/A", "#N/A as text", "#DIV/0!")
    assert notes == ["Cells that hold an error: 2 (A2 #N/A, C30 #DIV/0!)."]


def test_cells_of_excel_97_with_errors_keep_their_text(tmp_path):
    for rows in (4, 3000):  # a small file keeps its stream in sectors of its own
        book = xlwt.Workbook()
        book.add_sheet("Other").row(0).set_cell_error(0, "#REF!")
        sheet = book.add_sheet("Dätä")
        for row in range(rows):
            sheet.write(row, 0, f"text {row}")
        sheet.row(1).set_cell_error(1, "#N/A!")
        sheet.row(rows - 1).set_cell_error(2, "#DIV/0!")
        sheet.row(2).set_cell_boolean(1, value=True)
        book.save(str(tmp_path / "bank.xls"))
        found, notes = text_of(tmp_path / "bank.xls", "Dätä")
        assert (found[1][1], found[rows - 1][2], found[2][1]) == ("#N/A", "#DIV/0!", "true")
        assert notes == [f"Cells that hold an error: 2 (B2 #N/A, C{rows} #DIV/0!)."]


def test_cells_of_opendocument_with_errors_keep_their_text(tmp_path):
    ods(tmp_path / "bank.ods")
    calcext = "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"
    wrong = (
        b'<table:table-cell table:formula="of:=1/0" office:value-type="string" '
        b'office:string-value="" calcext:value-type="error" '
        b'table:number-columns-repeated="2"><text:p>#DIV/0!</text:p></table:table-cell>'
    )  # as LibreOffice writes it
    with zipfile.ZipFile(tmp_path / "bank.ods") as old:
        parts = {name: old.read(name) for name in old.namelist()}
    content = parts["content.xml"]
    content = content.replace(b" xmlns:", f' xmlns:calcext="{calcext}" xmlns:'.encode(), 1)
    row, end = content.index(b"007"), b"</table:table-row>"
    at = content.index(end, row)
    parts["content.xml"] = content[:at] + wrong + content[at:]
    with zipfile.ZipFile(tmp_path / "bank.ods", "w") as new:
        for name, data in parts.items():
            new.writestr(name, data)
    found, notes = text_of(tmp_path / "bank.ods")
    assert found[4] == ["", "", "007", "2020-02-29", "1234.5", "#DIV/0!", "#DIV/0!"]
    assert notes == ["Cells that hold an error: 2 (F5 #DIV/0!, G5 #DIV/0!)."]


def test_cells_of_binary_excel_with_errors_keep_their_text(tmp_path):
    def record(kind: int, said: bytes) -> bytes:  # [MS-XLSB] 2.1.4
        number = bytes([kind]) if kind < 128 else bytes([kind & 0x7F | 0x80, kind >> 7])
        return number + bytes([len(said)]) + said

    def wide(text: str) -> bytes:
        return struct.pack("<I", len(text)) + text.encode("utf-16-le")

    book = record(131, b"") + record(143, b"")
    book += record(156, struct.pack("<II", 0, 1) + wide("rId1") + wide("Data"))
    book += record(144, b"") + record(132, b"")
    sheet = record(129, b"") + record(148, struct.pack("<IIII", 0, 1, 0, 1)) + record(145, b"")
    for row, code in ((0, 0x2A), (1, 0x07)):
        sheet += record(0, struct.pack("<IIHHB", row, 0, 300, 0, 0) + struct.pack("<I", 0))
        sheet += record(5, struct.pack("<IId", 0, 0, 2.5))
        sheet += record(3, struct.pack("<IIB", 1, 0, code))
    sheet += record(146, b"") + record(130, b"")
    links = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
        'relationships/worksheet" Target="worksheets/sheet1.bin"/></Relationships>'
    )
    with zipfile.ZipFile(tmp_path / "bank.xlsb", "w") as new:
        new.writestr("[Content_Types].xml", "<Types/>")
        new.writestr("xl/workbook.bin", book)
        new.writestr("xl/_rels/workbook.bin.rels", links)
        new.writestr("xl/worksheets/sheet1.bin", sheet)
    found, notes = text_of(tmp_path / "bank.xlsb", "Data")
    assert found == [["2.5", "#N/A"], ["2.5", "#DIV/0!"]]
    assert notes == ["Cells that hold an error: 2 (B1 #N/A, B2 #DIV/0!)."]


def test_formulas_that_nobody_computed_are_told(tmp_path):
    book = openpyxl.Workbook()  # it writes formulas without their values
    sheet = book.active
    sheet["A1"], sheet["A2"], sheet["B2"] = "x", "=1+1", 5
    book.save(tmp_path / "bank.xlsx")
    rows, notes = text_of(tmp_path / "bank.xlsx")
    assert rows == [["x", ""], ["", "5"]]
    assert "never computed and read as empty: 1 (A2)" in notes[0]


def test_values_of_formulas_are_read(tmp_path):
    book = xlsxwriter.Workbook(tmp_path / "bank.xlsx")
    sheet = book.add_worksheet()
    sheet.write_formula("A1", "=1+1", None, 2)
    sheet.write_formula("A2", '="a"', None, "a")
    book.close()
    assert text_of(tmp_path / "bank.xlsx") == ([["2"], ["a"]], [])


def test_numbers_that_a_workbook_has_cut_are_told(tmp_path):
    book = xlsxwriter.Workbook(tmp_path / "bank.xlsx")
    book.add_worksheet().write_number(0, 0, 4111111111111111)
    book.close()
    rows, notes = text_of(tmp_path / "bank.xlsx")
    assert rows == [["4111111111111111"]]
    assert "16 digits and more, of which a workbook keeps 15: 1" in notes[0]


def test_a_moment_that_a_serial_number_misses_is_the_next_second(tmp_path):
    book = xlsxwriter.Workbook(tmp_path / "bank.xlsx")
    form = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    book.add_worksheet().write_number(0, 0, 43890 - 1e-9, form)
    book.close()
    assert text_of(tmp_path / "bank.xlsx")[0] == [["2020-02-29"]]


def test_durations_are_hours_minutes_and_seconds(tmp_path):
    book = openpyxl.Workbook()
    book.active["A1"] = dt.timedelta(hours=30, seconds=5)
    book.active["A2"] = dt.time(8, 30)
    book.save(tmp_path / "bank.xlsx")
    assert text_of(tmp_path / "bank.xlsx")[0] == [["30:00:05"], ["08:30:00"]]


def test_a_merged_cell_has_its_value_at_its_top_left(tmp_path):
    book = xlsxwriter.Workbook(tmp_path / "bank.xlsx")
    sheet = book.add_worksheet()
    sheet.merge_range("A1:B2", "both")
    sheet.write("C2", 1)
    book.close()
    assert text_of(tmp_path / "bank.xlsx")[0] == [["both", "", ""], ["", "", "1"]]


def test_several_sheets_need_a_name(tmp_path):
    book = openpyxl.Workbook()
    book.active["A1"] = 1
    book.create_sheet("Other")["A1"] = 2
    book.save(tmp_path / "bank.xlsx")
    with pytest.raises(StudyError, match=r"several sheets(.|\n)*Sheet, Other"):
        text_of(tmp_path / "bank.xlsx")
    with pytest.raises(StudyError, match=r"no such sheet(.|\n)*'Third'(.|\n)*Sheet, Other"):
        text_of(tmp_path / "bank.xlsx", "Third")


def test_an_empty_workbook_is_told(tmp_path):
    openpyxl.Workbook().save(tmp_path / "bank.xlsx")
    with pytest.raises(StudyError, match=r"workbook is empty(.|\n)*Sheet \(empty\)"):
        text_of(tmp_path / "bank.xlsx")


def test_a_workbook_that_is_cut_off_is_told(tmp_path):
    xlsx(tmp_path / "bank.xlsx", date_1904=False)
    whole = (tmp_path / "bank.xlsx").read_bytes()
    (tmp_path / "bank.xlsx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StudyError, match="workbook cannot be read"):
        text_of(tmp_path / "bank.xlsx")


def test_errors_of_a_repeated_row_are_in_each_of_its_rows(tmp_path):
    cell = (
        '<table:table-cell office:value-type="{}"><text:p>{}</text:p></table:table-cell>'
    ).format
    rows = (
        f'<table:table-row table:number-rows-repeated="2">{cell("string", "a")}</table:table-row>'
        f'<table:table-row table:number-rows-repeated="3">{cell("string", "b")}'
        f"{cell('error', '#DIV/0!')}</table:table-row>"
    )
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "table", "text")
    )
    with zipfile.ZipFile(tmp_path / "bank.ods", "w") as book:
        book.writestr(
            "content.xml",
            f'<office:body {spaces}><table:table table:name="Data">{rows}</table:table>'
            f'<table:table table:name="Other">{rows}</table:table></office:body>',
        )
    found, _ = error_cells(tmp_path / "bank.ods", "Data")
    assert found == {row: [(1, "#DIV/0!")] for row in (2, 3, 4)}


def test_a_damaged_old_workbook_whose_tables_run_in_a_ring_is_left_to_its_reader(tmp_path):
    head = bytearray(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(512, b"\xff"))
    struct.pack_into("<HH", head, 30, 9, 6)  # sectors of 512 bytes, small ones of 64
    struct.pack_into("<I", head, 68, 0)  # further tables begin in the first sector
    ring = struct.pack("<128I", *[0xFFFFFFFF] * 127, 0)  # ... and go on there
    (tmp_path / "bank.xls").write_bytes(bytes(head) + ring)
    assert error_cells(tmp_path / "bank.xls", "Data") == ({}, [])
