#!/bin/sh
# Guess: pandas.read_excel has engines for speed; which cells are missing, isna(), is the same.
# What happens (pandas 3.1.1, openpyxl 3.1.5, python-calamine 0.9.1): of the cells "NA" (a word: Namibia),
#   #N/A, #DIV/0! and a blank one, isna() finds four by default, with either engine. With
#   keep_default_na=False, the remedy that saves Namibia, openpyxl makes the two ERRORS missing and the
#   blank cell '' (not missing): 2. calamine makes errors and blank alike '': 0. calamine itself gives
#   '' for each error and for the blank (its issue 105 asks for names of errors); openpyxl itself
#   gives '#N/A', '#DIV/0!' and None.
# Why it matters: a lookup that failed in a bank's workbook (no such customer) reads as a cell that
#   was never filled, and a change of engine moves cells between "missing" and "text" in silence.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
    pandas==3.1.1 openpyxl==3.1.5 python-calamine==0.9.1 xlsxwriter==3.3.1
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

import openpyxl
import pandas as pd
import python_calamine
import xlsxwriter

print({name: version(name) for name in ("pandas", "openpyxl", "python-calamine", "xlsxwriter")})
with xlsxwriter.Workbook("a.xlsx") as book:
    sheet = book.add_worksheet()
    sheet.write_column("A1", ["customer", 1, 2, 3, 4, 5])
    sheet.write_column("B1", ["country", "DE", "NA"])
    sheet.write_formula("B4", "=NA()", None, "#N/A")
    sheet.write_formula("B5", "=1/0", None, "#DIV/0!")

rows = python_calamine.load_workbook("a.xlsx").get_sheet_by_index(0).to_python()
by_calamine = [row[1] for row in rows[1:]]
cells = openpyxl.load_workbook("a.xlsx", data_only=True).active["B"]
by_openpyxl = [cell.value for cell in cells[1:]]
print("calamine", by_calamine, "openpyxl", by_openpyxl)
missing, blank = {}, {}
for default in (True, False):
    for engine in ("openpyxl", "calamine"):
        country = pd.read_excel("a.xlsx", engine=engine, keep_default_na=default).country
        missing[engine, default] = country.isna().tolist()
        blank[engine, default] = int((country == "").sum())
        print(f"pandas {engine}, keep_default_na={default}: {country.tolist()}")

assert by_calamine == ["DE", "NA", "", "", ""]
assert by_openpyxl == ["DE", "NA", "#N/A", "#DIV/0!", None]
assert missing["openpyxl", True] == missing["calamine", True] == [False, True, True, True, True]
assert missing["openpyxl", False] == [False, False, True, True, False]
assert blank["openpyxl", False] == 1
assert missing["calamine", False] == [False] * 5 and blank["calamine", False] == 3
PYTHON
echo "as stated"
