"""Check a study without running it: make its tables, and say what was found in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import narwhals as nw
import pandas as pd

from pmlib.engine import Engine, collect, open_engine
from pmlib.params import Parameters
from pmlib.schema import CONTRACTS, HASH
from pmlib.studies.fetch import Progress
from pmlib.studies.study import Study, prepare

COLUMNS = ("table", "column", "kind", "rows", "empty", "different", "smallest", "largest", "role")


def check_study(
    name_or_folder: str | Path,
    params: Parameters | None = None,
    *,
    mirror: str | Path | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Prepare a study, which checks its contracts, and describe each column of its tables.

    Parameters
    ----------
    name_or_folder : str or path
        A study under ``data/``, or a folder with a study.yaml.
    params : pmlib.params.Parameters, optional
        Simulated studies are generated from them; by default the defaults.
    mirror, progress
        As in `prepare`.

    Returns
    -------
    pandas.DataFrame
        One row a column: ``table, column, kind, rows, empty`` (cells), ``different`` (values),
        ``smallest, largest`` (numbers and dates only: no text leaves the data), ``role``
        (key, contract, or the attribute's role).

    Raises
    ------
    StudyError
        What `prepare` raises.
    """
    study = prepare(name_or_folder, params or Parameters(), mirror=mirror, progress=progress)
    engine = open_engine("duckdb")
    try:
        rows = [row for table in study.tables for row in _describe(study, table, engine)]
    finally:
        engine.close()
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _describe(study: Study, table: str, engine: Engine) -> list[dict[str, Any]]:
    """Describe all columns of a table in one scan."""
    frame = study.scan(table, engine)
    schema = {name: dtype for name, dtype in frame.collect_schema().items() if name != HASH}
    wanted = []
    for name, dtype in schema.items():
        column = nw.col(name)
        wanted += [
            column.is_null().cast(nw.Int64).sum().alias(f"empty {name}"),
            column.n_unique().alias(f"different {name}"),
        ]
        if dtype.is_numeric() or dtype == nw.Date:
            wanted += [column.min().alias(f"min {name}"), column.max().alias(f"max {name}")]
    found = collect(frame.select(*wanted), sort_by=()).iloc[0]
    return [
        {
            "table": table,
            "column": name,
            "kind": str(dtype),
            "rows": study.rows[table],
            "empty": int(found[f"empty {name}"]),
            "different": int(found[f"different {name}"]) - int(found[f"empty {name}"] > 0),
            "smallest": _shown(found.get(f"min {name}")),
            "largest": _shown(found.get(f"max {name}")),
            "role": _role(study, table, name),
        }
        for name, dtype in schema.items()
    ]


def _shown(value: Any) -> str:
    if value is None or pd.isna(value):
        return ""
    if isinstance(value, pd.Timestamp):
        return str(value.date())
    return f"{value:g}" if isinstance(value, float) else str(value)


def _role(study: Study, table: str, name: str) -> str:
    contract = CONTRACTS[table]
    if name in contract.key:
        return "key"
    if name in contract.columns:
        return "contract"
    described = study.outcomes if table == "contacts" else study.attributes
    return described[name].role
