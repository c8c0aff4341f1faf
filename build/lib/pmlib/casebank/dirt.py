"""Dirt for the simulated bank: damage as real exports carry it, and the cleaning that answers it.

`soil` damages a block of customers and counts what it did, which is kept with the truth. `clean`
mends the damaged tables by rules that know nothing of those counts, and says what it found.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

SOILED = ("customers", "holdings", "transactions")
"""Tables that carry dirt; what was sold and offered is kept by other systems."""

OLDEST = dt.date(1905, 1, 1)
"""Nobody alive was born before: earlier birth dates are taken for errors."""

_IMPOSSIBLE_BIRTH = dt.date(1800, 1, 1)
_FAR_FUTURE = dt.date(2099, 12, 31)


def soil(
    block: dict[str, pa.Table], *, share: float, rng: np.random.Generator
) -> tuple[dict[str, pa.Table], dict[str, int]]:
    """Damage a block of clean tables; give a new block, and rows damaged by kind of damage.

    `share` of the rows of ``customers``, ``holdings`` and ``transactions`` is damaged in each way.
    Rows that appear twice stand at the end of a table.
    """
    tables, damage = dict(block), {}

    def hit(table: str, kind: str, column: str) -> pa.Array:
        chosen = rng.random(tables[table].num_rows) < share
        chosen &= tables[table][column].is_valid().to_numpy(zero_copy_only=False)
        damage[kind] = int(chosen.sum())
        return pa.array(chosen)

    def put(table: str, column: str, value: pa.Array | pa.Scalar, where: pa.Array) -> None:
        old = tables[table]
        index = old.schema.get_field_index(column)
        damaged = pc.if_else(where, value, old[column])
        tables[table] = old.set_column(index, old.schema.field(index), damaged)

    for column in ("birth_date", "gender", "region"):
        kind = tables["customers"].schema.field(column).type
        where = hit("customers", f"missing {column}", column)
        put("customers", column, pa.scalar(None, kind), where)
    where = hit("customers", "impossible birth_date", "birth_date")
    put("customers", "birth_date", pa.scalar(_IMPOSSIBLE_BIRTH), where)
    where = hit("holdings", "closed before opened", "closed_on")
    opened = tables["holdings"]["opened_on"].cast(pa.int32())
    earlier = pc.subtract(opened, pa.scalar(400, pa.int32())).cast(pa.date32())
    put("holdings", "closed_on", earlier, where)
    where = hit("transactions", "booked in the future", "booked_on")
    put("transactions", "booked_on", pa.scalar(_FAR_FUTURE), where)
    for name in SOILED:
        twice = rng.random(tables[name].num_rows) < share
        damage[f"repeated {name}"] = int(twice.sum())
        tables[name] = pa.concat_tables([tables[name], tables[name].filter(pa.array(twice))])
    return tables, damage


_CLEANED = {
    "customers": "SELECT DISTINCT * REPLACE (CASE WHEN birth_date >= $oldest THEN birth_date END "
    "AS birth_date) FROM raw ORDER BY customer_id",
    "holdings": "SELECT DISTINCT * REPLACE (CASE WHEN closed_on < opened_on THEN opened_on "
    "ELSE closed_on END AS closed_on) FROM raw ORDER BY ALL",
    "transactions": "SELECT DISTINCT * FROM raw WHERE booked_on <= $as_of ORDER BY ALL",
}
_FOUND = {
    "customers": {"birth dates before 1905 were taken for missing": "birth_date < $oldest"},
    "holdings": {
        "products closed before they were opened count as closed on the day they were opened": (
            "closed_on < opened_on"
        )
    },
    "transactions": {
        "payments dated after the end of the data were left out": "booked_on > $as_of"
    },
}


def clean(raw: Path, tables: Path, *, as_of: dt.date) -> list[str]:
    """Write clean tables of those in folder `raw` and say, with counts, what was mended."""
    notes = []
    known = {"oldest": OLDEST, "as_of": as_of}
    for name, query in _CLEANED.items():
        with duckdb.connect() as connection:
            connection.read_parquet(str(raw / f"{name}.parquet")).create_view("raw")
            findings = {"rows that repeat another were left out": None, **_FOUND[name]}
            for finding, condition in findings.items():
                sql = (
                    f"SELECT count(*) FROM (SELECT DISTINCT * FROM raw) WHERE {condition}"  # noqa: S608
                    if condition
                    else "SELECT (SELECT count(*) FROM raw) - "
                    "(SELECT count(*) FROM (SELECT DISTINCT * FROM raw))"
                )
                count = connection.execute(sql, _used(sql, known)).fetchall()[0][0]
                notes.append(f"{name}: {count:,} {finding}.")
            connection.execute(
                f"COPY ({query}) TO '{tables / name}.parquet' (FORMAT parquet, COMPRESSION zstd)",
                _used(query, known),
            )
    return notes


def _used(sql: str, known: dict[str, dt.date]) -> dict[str, dt.date]:
    """Only the values that a query names: DuckDB refuses the others."""
    return {name: value for name, value in known.items() if f"${name}" in sql}
