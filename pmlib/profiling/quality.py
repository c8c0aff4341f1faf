"""How good the data are: every table, every column, and what makes no sense together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.engine import collect, day_number
from pmlib.numbers import Number
from pmlib.safeguards import suppress, wilson

TABLES = ("customers", "products", "holdings", "transactions", "contacts")
_DATES = {"holdings": "opened_on", "transactions": "booked_on", "contacts": "contacted_on"}
_CODED_UNKNOWN = ("", "?", "unknown", "n/a", "na", "none", "missing")
_MISSING = ("no value", "kept as missing; left out where the column is used")
_EMPTY = ("no value at all", "not used")
_MEANS = {
    ("products", "risk_rating"): ("no rating", "product taken as suitable for everyone"),
    ("holdings", "opened_on"): ("no opening day", "taken as held; not used where the day matters"),
    ("holdings", "closed_on"): ("no closing day", "taken as still held"),
    ("contacts", "product_id"): ("no product named", "counted for the campaign as a whole"),
    ("contacts", "channel"): ("no channel", "kept: who was not contacted has none"),
    ("contacts", "propensity"): ("probability of the arm not known", "no evidence of effects"),
    ("contacts", "responded"): ("outcome not known", "left out of all rates"),
}
"""What an empty cell means in the canonical tables, and what is done with it."""
_TECHNICAL = "customer_hash"  # added at ingest, tells nothing of the bank


@dataclass(frozen=True)
class Quality:
    """State of the data.

    Attributes
    ----------
    overview : pandas.DataFrame
        ``table``, ``rows``, ``columns``, ``customers`` in it and their ``share`` of all,
        ``first`` and ``last`` date (ISO), ``duplicates`` (rows that repeat another one exactly).
    columns : pandas.DataFrame
        ``table``, ``column``, ``type``, ``missing``, ``missing_share``, ``unknown`` (texts that
        mean missing), ``distinct``, ``low``, ``high`` (see `data_quality`).
    findings : pandas.DataFrame
        ``table``, ``column``, ``finding``, ``rows`` (NaN: below the smallest group that may be
        shown), ``share`` of the table's rows, ``done``.
    numbers : tuple of Number
    text : str
        Markdown.
    """

    overview: pd.DataFrame
    columns: pd.DataFrame
    findings: pd.DataFrame
    numbers: tuple[Number, ...]
    text: str


def data_quality(
    tables: Mapping[str, nw.LazyFrame], *, as_of: dt.date, minimum: int = 10
) -> Quality:
    """Describe every table and column, and list what is wrong with them and what was done.

    The range of a column does not show its extreme values, which may belong to one customer:
    its ends are the `minimum`-th smallest and largest values.

    Parameters
    ----------
    tables : mapping
        Canonical table to its rows; at least ``customers``.
    as_of : datetime.date
        The day as of which the bank is looked at.
    minimum : int
        Smallest number of rows that may be shown.
    """
    present = [name for name in TABLES if name in tables]
    columns = pd.concat(
        # Products are no people: nothing of them needs hiding.
        [_columns(tables[name], name, 1 if name == "products" else minimum) for name in present],
        ignore_index=True,
    )
    overview = _overview(tables, present)
    findings = pd.concat(
        [_column_findings(columns, overview), _logic_findings(tables, overview, as_of)],
        ignore_index=True,
    )
    small = (findings["rows"] < minimum) & (findings["table"] != "products")
    findings.loc[small, ["rows", "share"]] = np.nan
    rows = overview.set_index("table")["rows"]
    numbers = [
        Number(f"rows_{name}", int(rows[name]), "count", meaning=f"rows of the table {name}")
        for name in present
    ]
    cells = int((columns["table"].map(rows)).sum())
    missing = int(columns["missing"].sum())
    numbers += [
        Number("missing_share", missing / cells, "share",
               meaning="cells without a value, all tables"),
        Number("n_findings", len(findings), "count", meaning="findings on the quality of the data"),
    ]  # fmt: skip
    text = (
        f"The study has {'all' if len(present) == len(TABLES) else f'{len(present)} of the'} "
        f"{len(TABLES)} tables and {{rows_customers}} customers; {{missing_share}} of all cells "
        "have no value. "
    )
    text += (
        "No check found anything wrong."
        if findings.empty
        else "The checks led to {n_findings} findings, listed with what was done about each."
    )
    return Quality(overview, columns.drop(columns="rows"), findings, tuple(numbers), text)


def _overview(tables: Mapping[str, nw.LazyFrame], present: list[str]) -> pd.DataFrame:
    n_customers = count_rows(tables["customers"])
    records = []
    for name in present:
        frame = tables[name]
        names = [column for column in frame.collect_schema().names() if column != _TECHNICAL]
        wanted = {"rows": nw.len()}
        if "customer_id" in names:
            wanted["customers"] = nw.col("customer_id").n_unique()
        date = _DATES.get(name)
        if date in names:
            wanted |= {"first": day_number(date).min(), "last": day_number(date).max()}
        row = collect(frame.select(**wanted), sort_by=()).iloc[0]
        records.append(
            {
                "table": name,
                "rows": int(row["rows"]),
                "columns": len(names),
                "customers": int(row["customers"]) if "customers" in row else None,
                "share": row["customers"] / n_customers if "customers" in row else np.nan,
                "first": iso_day(row.get("first")),
                "last": iso_day(row.get("last")),
                # Keys are unique by contract, so only these two can repeat a row.
                "duplicates": int(row["rows"]) - count_rows(frame.select(*names).unique())
                if name in ("holdings", "transactions")
                else 0,
            }
        )
    return pd.DataFrame(records)


def _columns(frame: nw.LazyFrame, table: str, minimum: int) -> pd.DataFrame:
    """Describe all columns of a table in two scans, three where an extreme value is rare."""
    schema = {name: kind for name, kind in frame.collect_schema().items() if name != _TECHNICAL}
    ranged = [
        name
        for name, kind in schema.items()
        if (kind.is_numeric() or kind == nw.Date) and not name.endswith("_id")
    ]
    wanted: dict[str, nw.Expr] = {"rows": nw.len()}
    for name, kind in schema.items():
        wanted[f"{name}:known"] = nw.col(name).count()
        wanted[f"{name}:distinct"] = nw.col(name).n_unique()
        if kind == nw.String:
            coded = nw.col(name).str.strip_chars().str.to_lowercase().is_in(_CODED_UNKNOWN)
            wanted[f"{name}:unknown"] = coded.cast(nw.Int64).sum()
    for name in ranged:
        value = _as_number(name, schema[name])
        wanted[f"{name}:low"], wanted[f"{name}:high"] = value.min(), value.max()
    stats = collect(frame.select(**wanted), sort_by=()).iloc[0]
    ends = _safe_ends(frame, ranged, schema, stats, minimum)
    records = []
    for name, kind in schema.items():
        missing = int(stats["rows"] - stats[f"{name}:known"])
        low, high = ends.get(name, (None, None))
        shown = iso_day if kind == nw.Date else _short
        unknown = stats.get(f"{name}:unknown", 0)
        records.append(
            {
                "table": table,
                "column": name,
                "type": _type_name(kind),
                "rows": int(stats["rows"]),
                "missing": missing,
                "missing_share": missing / stats["rows"] if stats["rows"] else np.nan,
                "unknown": 0 if pd.isna(unknown) else int(unknown),
                # Engines count null as a value of its own.
                "distinct": int(stats[f"{name}:distinct"]) - (missing > 0),
                "low": shown(low),
                "high": shown(high),
            }
        )
    return pd.DataFrame(records)


def _safe_ends(
    frame: nw.LazyFrame,
    ranged: list[str],
    schema: Mapping[str, nw.dtypes.DType],
    stats: pd.Series,
    minimum: int,
) -> dict[str, tuple[float | None, float | None]]:
    """Smallest and largest value that `minimum` rows reach; None in a column with fewer rows."""
    known = [name for name in ranged if stats[f"{name}:known"] >= minimum]
    if not known:
        return {}
    value = {name: _as_number(name, schema[name]) for name in known}
    at_end = {
        f"{name}:{end}": (value[name] == float(stats[f"{name}:{end}"])).cast(nw.Int64).sum()
        for name in known
        for end in ("low", "high")
    }
    held_by = collect(frame.select(**at_end), sort_by=()).iloc[0]
    ends: dict[str, tuple[float | None, float | None]] = {}
    for name in known:
        pair = []
        for end, downwards in (("low", False), ("high", True)):
            if held_by[f"{name}:{end}"] >= minimum:
                pair.append(float(stats[f"{name}:{end}"]))
                continue
            first = (
                frame.select(v=value[name])
                .drop_nulls()
                .sort("v", descending=downwards)
                .head(minimum)
            )
            edge = nw.col("v").min() if downwards else nw.col("v").max()
            pair.append(float(collect(first.select(v=edge), sort_by=())["v"].iloc[0]))
        ends[name] = (pair[0], pair[1])
    return ends


def _column_findings(columns: pd.DataFrame, overview: pd.DataFrame) -> pd.DataFrame:
    found = []
    for row in columns.itertuples():
        if row.missing:
            default = _EMPTY if row.missing == row.rows else _MISSING
            what, done = _MEANS.get((row.table, row.column), default)
            found.append((row.table, row.column, what, row.missing, done))
        if row.unknown:
            done = "kept as a category of its own"
            found.append((row.table, row.column, "text that means unknown", row.unknown, done))
        if row.distinct == 1 and row.rows > 1 and not row.missing and row.table != "products":
            done = "kept; tells no two rows apart"
            found.append((row.table, row.column, "one value throughout", row.rows, done))
    for row in overview[overview["duplicates"] > 0].itertuples():
        done = "kept: without a key they may be two events"
        found.append((row.table, "", "rows that repeat another exactly", row.duplicates, done))
    return _as_findings(found, overview)


def _logic_findings(
    tables: Mapping[str, nw.LazyFrame], overview: pd.DataFrame, as_of: dt.date
) -> pd.DataFrame:
    """Find values that are allowed one by one and make no sense together."""
    found = []
    customers = tables["customers"]
    names = customers.collect_schema().names()
    if "birth_date" in names:
        years = nw.lit(as_of.toordinal()) - day_number("birth_date")
        for what, rule in (
            ("younger than 18 years", years < 18 * 365.25),
            ("older than 105 years", years > 105 * 365.25),
        ):
            n = count_rows(customers.filter(rule))
            found.append(("customers", "birth_date", what, n, "kept, in the outermost age bands"))
    if "joined_on" in names:
        joined = customers.select("customer_id", _joined=day_number("joined_on"))
        for name, date in _DATES.items():
            if name not in tables:
                continue
            early = (
                tables[name]
                .select("customer_id", _day=day_number(date))
                .join(joined, on="customer_id", how="inner")
                .filter(nw.col("_day") < nw.col("_joined"))
            )
            n = count_rows(early)
            found.append((name, date, "before the customer joined", n, "kept as recorded"))
    if "contacts" in tables:
        free = tables["contacts"].filter((nw.col("arm") != "control") & (nw.col("cost") <= 0))
        done = "kept; a campaign without any cost shows none"
        found.append(("contacts", "cost", "contact that cost nothing", count_rows(free), done))
    return _as_findings([row for row in found if row[3]], overview)


def _as_findings(
    found: list[tuple[str, str, str, int, str]], overview: pd.DataFrame
) -> pd.DataFrame:
    table = pd.DataFrame(found, columns=["table", "column", "finding", "rows", "done"])
    total = table["table"].map(overview.set_index("table")["rows"])
    table["rows"] = table["rows"].astype(float)
    table.insert(4, "share", table["rows"] / total.astype(float))
    return table


# --- what the other parts of the profile share --------------------------------------------------


def count_rows(frame: nw.LazyFrame) -> int:
    """Count the rows of a table in the engine."""
    return int(collect(frame.select(n=nw.len()), sort_by=())["n"].iloc[0])


def with_rate(
    table: pd.DataFrame,
    part: str,
    whole: str | int | pd.Series,
    *,
    level: float,
    name: str = "share",
) -> pd.DataFrame:
    """Add a share `name` with ``low`` and ``high`` (Wilson); NaN where the whole is nothing.

    Parameters
    ----------
    table : pandas.DataFrame
    part : str
        Column of counts.
    whole : str, int or pandas.Series
        What they are a part of: a column, one number, or a number a row.
    level : float
        Confidence level.
    name : str
    """
    totals = table[whole] if isinstance(whole, str) else pd.Series(whole, index=table.index)
    low, high = wilson(table[part], totals, level=level)
    share = table[part].astype(float) / totals.astype(float).where(totals > 0)
    return table.assign(**{name: share}, low=low, high=high)


def suppress_each(
    table: pd.DataFrame,
    by: str | list[str],
    *,
    minimum: int,
    count: str = "customers",
    keep: Sequence[str] = (),
) -> pd.DataFrame:
    """Suppress each part of a table by itself, where only its own total is known."""
    parts = [
        suppress(part, count=count, minimum=minimum, keep=keep)
        for _, part in table.groupby(by, sort=False)
    ]
    if not parts:
        return table.assign(suppressed=pd.Series(dtype=bool))
    return pd.concat(parts, ignore_index=True)


def _as_number(name: str, kind: nw.dtypes.DType) -> nw.Expr:
    return day_number(name) if kind == nw.Date else nw.col(name).cast(nw.Float64)


def iso_day(number: float | None) -> str | None:
    """Write a day number as an ISO date; None where there is none."""
    return (
        None if number is None or pd.isna(number) else dt.date.fromordinal(int(number)).isoformat()
    )


def literal(text: str) -> str:
    """Make a text of the study safe inside a sentence whose ``{key}`` are filled in later."""
    return text.replace("{", "{{").replace("}", "}}")


def _short(value: float | None) -> str | None:
    if value is None or pd.isna(value):
        return None
    return f"{value:,.{'0f' if abs(value) >= 1e5 else '6g'}}".replace("-", "−")


def _type_name(kind: nw.dtypes.DType) -> str:
    if kind == nw.Boolean:
        return "yes/no"
    if kind == nw.Date:
        return "date"
    return "number" if kind.is_numeric() else "text"
