"""Studies whose raw files are no CSV: the same tables, and the right lines in messages."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import zipfile
from pathlib import Path

import duckdb
import pandas as pd
import pyreadstat
import pytest
import xlsxwriter
import yaml

from pmlib.drafting import draft_study
from pmlib.errors import StudyError
from pmlib.studies import Study
from tests.raw import written
from tests.studies import one_table

ROWS = [("007", dt.date(1980, 2, 29), 1234.5, "Köln"), ("8", None, None, "Wien")]
HEAD = ["id", "born", "income", "town"]
SQL = (
    "SELECT id AS customer_id, born AS birth_date, income AS income, nullif(town, '') AS town "
    "FROM people"
)
READ = {
    "born": {"as": "day", "form": "year-month-day"},
    "income": {"as": "amount", "form": "1234.56"},
}


def study_of(folder: Path, source: dict, *, sql: str = SQL) -> Study:
    return one_table.study_of(folder, source, sql=sql)


def rows(study: Study) -> list[tuple]:
    query = "SELECT customer_id, birth_date, income, town FROM read_parquet(?) ORDER BY 1"
    return duckdb.execute(query, [str(study.tables["customers"])]).fetchall()


def text() -> str:
    cells = [HEAD, *[["" if cell is None else str(cell) for cell in row] for row in ROWS]]
    return "".join(",".join(row) + "\n" for row in cells)


def workbook(path: Path, *, row: int = 0, column: int = 0, more: list[list[object]] = ()) -> None:
    book = xlsxwriter.Workbook(path)
    book.add_worksheet("Cover").write("A1", "Export of customers")
    sheet = book.add_worksheet("People")
    day = book.add_format({"num_format": "dd/mm/yyyy"})
    if row:
        sheet.write_string(0, column, "Customers of the bank")
    written.put(sheet, day, [HEAD, *ROWS, *more], row=row, column=column)
    book.close()


def people(**more: object) -> dict[str, object]:
    return {"file": "People", "table": "people", "read": READ, **more}


def test_a_sheet_of_a_workbook(tmp_path):
    workbook(tmp_path / "bank.xlsx")
    assert rows(study_of(tmp_path, {"file": "bank.xlsx", "members": [people()]})) == ROWS


def test_a_sheet_that_begins_further_in(tmp_path):
    workbook(tmp_path / "bank.xlsx", row=3, column=2)
    study = study_of(tmp_path, {"file": "bank.xlsx", "members": [people(skip=3)]})
    assert rows(study) == ROWS


def test_cells_that_cannot_be_read_are_told_with_the_row_of_the_sheet(tmp_path):
    more = [["two\nlines", None, 1.0, "Graz"], ["10", None, "much", "Linz"]]
    workbook(tmp_path / "bank.xlsx", row=3, column=2, more=more)
    with pytest.raises(
        StudyError, match=r"bank\.xlsx \(People\), column income(.|\n)*'xxxx' \(line 8\)"
    ):
        study_of(tmp_path, {"file": "bank.xlsx", "members": [people(skip=3)]})


def test_errors_in_cells_are_noted_and_count_as_missing(tmp_path):
    book = xlsxwriter.Workbook(tmp_path / "bank.xlsx")
    sheet = book.add_worksheet("People")
    for column, name in enumerate(HEAD):
        sheet.write_string(0, column, name)
    sheet.write_string("A2", "007")
    sheet.write_formula("C2", "=NA()", None, "#N/A")
    book.close()
    study = study_of(tmp_path, {"file": "bank.xlsx", "members": [people()]})
    assert rows(study) == [("007", None, None, None)]
    assert any("Cells that hold an error: 1 (C2 #N/A)" in note for note in study.notes)


def test_a_statistical_file_with_its_types(tmp_path):
    frame = pd.DataFrame({"id": ["007", "8"], "born": [dt.date(1980, 2, 29), None],
                          "income": [1234.5, None], "town": [1.0, 2.0]})  # fmt: skip
    pyreadstat.write_sav(frame, tmp_path / "people.sav",
                         variable_value_labels={"town": {1: "Köln", 2: "Wien"}})  # fmt: skip
    assert rows(study_of(tmp_path, {"file": "people.sav"})) == ROWS


def test_packed_text_is_named_after_what_is_in_it(tmp_path):
    (tmp_path / "people.csv.gz").write_bytes(gzip.compress(text().encode()))
    assert rows(study_of(tmp_path, {"file": "people.csv.gz", "read": READ})) == ROWS


def test_a_workbook_in_a_zip(tmp_path):
    workbook(tmp_path / "bank.xlsx")
    with zipfile.ZipFile(tmp_path / "bank.zip", "w") as archive:
        archive.write(tmp_path / "bank.xlsx", "export/bank.xlsx")
    member = people(file="bank.xlsx/People")
    assert rows(study_of(tmp_path, {"file": "bank.zip", "members": [member]})) == ROWS


def test_text_called_xls(tmp_path):
    (tmp_path / "people.xls").write_bytes(text().replace(",", "\t").encode("utf-16"))
    form = {"delimiter": "\t", "encoding": "utf-16"}
    assert rows(study_of(tmp_path, {"file": "people.xls", "csv": form, "read": READ})) == ROWS


def test_columns_of_fixed_width_below_a_title(tmp_path):
    layout = "{:<5}{:<12}{:>9}{:<8}"
    lines = ["A title that is longer than the layout of the rows below it"]
    lines += [layout.format(*("" if cell is None else str(cell) for cell in row)).rstrip()
              for row in [HEAD, *ROWS]]  # fmt: skip
    (tmp_path / "people.txt").write_bytes(("\r\n".join(lines) + "\r\n").encode("cp1252"))
    form = {"widths": [5, 12, 9, 8], "encoding": "cp1252"}
    source = {"file": "people.txt", "csv": form, "skip": 1, "read": READ}
    assert rows(study_of(tmp_path, source)) == ROWS
    (tmp_path / "people.txt").write_text("\n".join([*lines, "9    unknown         much"]))
    with pytest.raises(StudyError, match=r"'xxxx' \(line 5\)"):
        study_of(tmp_path, source | {"csv": form | {"encoding": "utf-8"}})


def test_an_encoding_that_is_not_declared_is_proposed(tmp_path):
    towns = ["Łódź", "Kraków", "Gdańsk", "Poznań", "Świętokrzyskie", "Woźniak", "Śląskie", "Toruń"]
    content = "".join(f"{i},,,{town}\n" for i, town in enumerate(towns))
    (tmp_path / "people.csv").write_bytes(f"{','.join(HEAD)}\n{content}".encode("cp1250"))
    with pytest.raises(StudyError, match=r"it seems to be cp1250"):
        study_of(tmp_path, {"file": "people.csv", "read": READ})
    (tmp_path / "people.csv").write_bytes(
        f"{','.join(HEAD)}\n{content}".encode() + "9,,,Łęg\n".encode("cp1250")
    )
    with pytest.raises(StudyError, match=r"lines that are not in UTF-8, as the others are: 10"):
        study_of(tmp_path, {"file": "people.csv", "read": READ})


@pytest.mark.parametrize(("name", "content", "found"), [
    ("people.csv", b"%PDF-1.7\n", "a PDF"),
    ("people.parquet", b"id\n1\n", "text"),
    ("people.parquet", json.dumps([{"id": 1}]).encode(), "a JSON file"),
    ("people.xls", b"<html><table></table></html>", r"a web page \(HTML\)"),
    ("people.csv", b"SQLite format 3\0" + bytes(99), "an SQLite database"),
])  # fmt: skip
def test_a_file_of_another_format_is_named(tmp_path, name, content, found):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(StudyError, match=rf"found:  {found}\n"):
        study_of(tmp_path, {"file": name})


def test_a_workbook_called_a_database_is_named(tmp_path):
    workbook(tmp_path / "bank.db")
    with pytest.raises(StudyError, match=r"found:  an Excel workbook\n(.|\n)*the ending \.xlsx"):
        study_of(tmp_path, {"file": "bank.db", "tables": {"people": "People"}})


def test_a_draft_says_what_a_statistical_file_says_of_its_columns(tmp_path):
    frame = pd.DataFrame({"customer_id": range(40), "sat": [1.0, 2.0, 3.0, 97.0] * 10})
    pyreadstat.write_sav(
        frame, tmp_path / "people.sav", column_labels={"sat": "Content with the branch"},
        variable_value_labels={"sat": {1: "low", 2: "middle", 3: "high"}},
        missing_ranges={"sat": [97]},
    )  # fmt: skip
    said = draft_study(tmp_path / "bank", [tmp_path / "people.sav"])
    assert "sat: values that the file declares missing, read as empty: 10." in said
    declared = (tmp_path / "bank" / "study.yaml").read_text(encoding="utf-8")
    assert 'sat: {label: "Content with the branch"' in declared


def test_a_draft_takes_each_sheet_of_a_workbook_for_a_table(tmp_path):
    workbook(tmp_path / "bank.xlsx", row=3, column=2)
    said = draft_study(tmp_path / "bank", [tmp_path / "bank.xlsx"])
    assert "bank.xlsx (People): 2 of 2 rows read, used for customers.sql" in said
    declared = yaml.safe_load((tmp_path / "bank" / "study.yaml").read_text(encoding="utf-8"))
    sheet = next(m for m in declared["sources"][0]["members"] if m["file"] == "People")
    assert sheet["skip"] == 3


def test_an_encoding_that_is_not_certain_is_asked_with_words_in_both_readings(tmp_path):
    (tmp_path / "people.csv").write_bytes("customer_id,name\n1,Muñoz\n2,Anna\n".encode("cp1252"))
    said = draft_study(tmp_path / "bank", [tmp_path / "people.csv"])
    declared = (tmp_path / "bank" / "study.yaml").read_text(encoding="utf-8")
    assert 'csv: {"encoding": ASK}' in declared
    assert "'Muñoz' (cp1252)" in declared
    assert "csv.encoding" in said
