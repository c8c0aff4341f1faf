#!/bin/sh
# Guess: what a library writes it reads again; or, where a format cannot hold a letter, it says so.
# What happens (pyreadstat 1.3.7, pandas 3.1.1): write_dta(version=13) puts UTF-8 into a format whose
#   text is of one byte a letter and which names no encoding. read_dta of the SAME library takes it
#   for Windows-1252: "Köln" comes back as "KÃ¶ln", in cells and in labels alike, without a warning,
#   and "Łódź" cannot be read at all. pandas.read_stata sees the same mojibake. pandas.to_stata
#   writes the single byte, and refuses "Łódź". Version 14 and later are right everywhere.
# Why it matters: version 13 is what one picks for a colleague with an older Stata, and a value label
#   that reads "mÃ¤nnlich" no longer equals the word by which groups are chosen. The file is mended
#   by read_dta(encoding="utf-8"), if one knows who wrote it.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check pyreadstat==1.3.7 pandas==3.1.1
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import pandas as pd
import pyreadstat

print("pyreadstat", pyreadstat.__version__, "pandas", pd.__version__)


def attempt(call):
    try:
        return call()
    except Exception as error:
        return type(error).__name__


def read(encoding=None):
    table, meta = pyreadstat.read_dta("a.dta", encoding=encoding)
    return table.city[0], meta.column_labels[0]


found = {}
for city in ("Köln", "Łódź"):
    table = pd.DataFrame({"city": [city]})
    for version in (13, 14):
        pyreadstat.write_dta(table, "a.dta", version=version, column_labels={"city": "Größe"})
        found[city, version] = (
            attempt(read),
            attempt(lambda: read("utf-8")),
            attempt(lambda: pd.read_stata("a.dta").city[0]),
        )
        print(city, "version", version, *found[city, version])
    found[city] = attempt(lambda: table.to_stata("b.dta", version=117, write_index=False) or "writes")
    print(city, "pandas.to_stata, the same format (117):", found[city])
pyreadstat.write_dta(
    pd.DataFrame({"sex": [1]}), "a.dta", version=13, variable_value_labels={"sex": {1: "männlich"}}
)
label = pd.read_stata("a.dta").sex[0]
print("value label", label)

right = ("Köln", "Größe")
assert found["Köln", 13] == (("KÃ¶ln", "GrÃ¶ÃŸe"), right, "KÃ¶ln"), found
assert found["Köln", 14] == (right, right, "Köln"), found
assert found["Łódź", 13][0] == "ReadstatError" and found["Łódź", 14][2] == "Łódź", found
assert found["Köln"] == "writes" and found["Łódź"] == "UnicodeEncodeError", found
assert label == "mÃ¤nnlich"
PYTHON
echo "as stated"
