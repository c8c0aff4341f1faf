#!/bin/sh
# Guess: "10_1" and "1_01" (branch and customer) are no numbers; whoever is asked for numbers refuses
#   them, or gives nothing (TRY_CAST, errors="coerce").
# What happens (DuckDB 2.0.0, pandas 3.1.1, pyarrow 26.0.1): both are 101, one customer, wherever an
#   underscore counts as a digit separator of program text. DuckDB's CSV sniffer says VARCHAR, but with
#   types={"id": "BIGINT"} the same reader gives 101 twice, and TRY_CAST, the usual test of "is it a
#   number", agrees. pandas.read_csv(dtype=float) refuses with its C engine and gives 101 with
#   engine="python" and with engine="pyarrow", though pyarrow itself refuses. Series.astype(float)
#   gives 101, pandas.to_numeric refuses.
# Why it matters: a join after such a cast adds one customer's payments to another's, no cell is
#   missing and no error is raised; a change of engine for speed changes who a customer is.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check duckdb==2.0.0 pandas==3.1.1 pyarrow==26.0.1
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

print("duckdb", duckdb.__version__, "pandas", pd.__version__, "pyarrow", pa.__version__)
Path("a.csv").write_text("id\n10_1\n1_01\n")
IDS = ["10_1", "1_01"]


def query(sql):
    return [row[0] for row in duckdb.connect().execute(sql).fetchall()]


READERS = {
    "duckdb sniffer": lambda: query("FROM 'a.csv'"),
    "duckdb types=BIGINT": lambda: query("FROM read_csv('a.csv', types = {'id': 'BIGINT'})"),
    "duckdb TRY_CAST": lambda: query("SELECT try_cast(id AS DOUBLE) FROM 'a.csv'"),
    **{
        f"pandas engine={engine}": lambda engine=engine: (
            pd.read_csv("a.csv", engine=engine, dtype={"id": float}).id.tolist()
        )
        for engine in ("c", "python", "pyarrow")
    },
    "pyarrow cast": lambda: pc.cast(pa.array(IDS), pa.float64()).to_pylist(),
    "pandas astype": lambda: pd.Series(IDS).astype(float).tolist(),
    "pandas to_numeric": lambda: pd.to_numeric(pd.Series(IDS)).tolist(),
}
found = {}
for name, reader in READERS.items():
    try:
        found[name] = reader()
    except ValueError:  # pyarrow's ArrowInvalid is one
        found[name] = "refused"
    print(f"{name:22} {found[name]}")

assert found["duckdb sniffer"] == IDS
merged = {name for name, values in found.items() if values == [101, 101]}
assert merged == {
    "duckdb types=BIGINT", "duckdb TRY_CAST",
    "pandas engine=python", "pandas engine=pyarrow", "pandas astype",
}  # fmt: skip
assert {n for n, v in found.items() if v == "refused"} == found.keys() - merged - {"duckdb sniffer"}
PYTHON
echo "as stated"
