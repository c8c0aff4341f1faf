"""A study before it is run: its tables described column by column, its guesses confirmed."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import narwhals as nw

from pmlib import schema
from pmlib.engine import Engine, collect, open_engine
from pmlib.params import Parameters
from pmlib.studies import asks
from pmlib.studies.fetch import Progress
from pmlib.studies.folders import folder_of, load_spec
from pmlib.studies.spec import SPEC_FILE
from pmlib.studies.study import Study, prepare

if TYPE_CHECKING:
    import pandas as pd

_CHECKED = ("table", "column", "kind", "rows", "empty", "different", "smallest", "largest",
            "samples", "role")  # fmt: skip


def confirm(name_or_folder: str | Path) -> list[str]:
    """Take the marks off the guesses of a draft, once they are read; return what they said.

    Questions stay: an answer cannot be confirmed, it must be given.
    """
    folder = folder_of(name_or_folder)
    sql = sorted(path.name for path in folder.glob("*.sql"))
    return [str(guess) for guess in asks.confirm(folder, (SPEC_FILE, *sql))]


def require_confirmed(name_or_folder: str | Path) -> None:
    """Raise StudyError where a study asks something, or holds a guess that nobody confirmed."""
    folder = folder_of(name_or_folder)
    asks.require_none(
        asks.open_asks(folder, (SPEC_FILE, *load_spec(folder).tables.values())), folder
    )


def check_study(
    name_or_folder: str | Path,
    params: Parameters | None = None,
    *,
    mirror: str | Path | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Prepare a study, which checks its contracts, and describe each column of its tables.

    Parameters and errors as those of `prepare`; a simulated study has the default parameters.

    Returns
    -------
    pandas.DataFrame
        One row a column: ``table, column, kind, rows, empty`` (cells), ``different`` (values),
        ``smallest, largest`` (numbers and dates), ``samples`` (up to three texts, to see that they
        are read rightly; no ids), ``role`` (key, contract, or the attribute's role).
    """
    import pandas as pd

    study = prepare(
        name_or_folder, params or Parameters(), mirror=mirror, progress=progress, confirmed=False
    )
    with closing(open_engine("duckdb")) as engine:
        rows = [row for table in study.tables for row in _describe(study, table, engine)]
    return pd.DataFrame(rows, columns=list(_CHECKED))


def _describe(study: Study, table: str, engine: Engine) -> list[dict[str, Any]]:
    """Describe all columns of a table in one scan."""
    frame = study.scan(table, engine)
    types = {name: dtype for name, dtype in frame.collect_schema().items() if name != schema.HASH}
    wanted = {}
    for name, dtype in types.items():
        column = nw.col(name)
        wanted[f"empty {name}"] = column.is_null().cast(nw.Int64).sum()
        wanted[f"different {name}"] = column.n_unique()
        if dtype.is_numeric() or dtype == nw.Date:
            wanted |= {f"min {name}": column.min(), f"max {name}": column.max()}
    found = collect(frame.select(**wanted), sort_by=()).iloc[0]
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
            "samples": _samples(frame, name) if dtype == nw.String else "",
            "role": _role(study, table, name),
        }
        for name, dtype in types.items()
    ]


def _samples(frame: nw.LazyFrame, name: str) -> str:
    """The three texts that most rows have; nothing of columns that name one person each."""
    if name == "customer_id":
        return ""
    counts = frame.filter(~nw.col(name).is_null()).group_by(name).agg(n=nw.len())
    most = collect(counts.sort("n", name, descending=[True, False]).head(3), sort_by=())
    return ", ".join(text if len(text) <= 24 else text[:23] + "…" for text in most[name])


def _shown(value: Any) -> str:
    import pandas as pd

    if value is None or pd.isna(value):
        return ""
    if isinstance(value, pd.Timestamp):
        return str(value.date())
    return f"{value:g}" if isinstance(value, float) else str(value)


def _role(study: Study, table: str, name: str) -> str:
    contract = schema.CONTRACTS[table]
    if name in contract.key:
        return "key"
    described = study.outcomes if table == "contacts" else study.attributes
    return "contract" if name in contract.columns else described[name].role
