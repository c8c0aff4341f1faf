"""How good the data are: every table, every column, and what makes no sense together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.canon.contacts import made
from pmlib.canon.customers import ADULT, age
from pmlib.engine import collect, day_number
from pmlib.inference.proportions import wilson
from pmlib.numbers import Finding, Number
from pmlib.safeguards import suppress

TABLES = ("customers", "products", "holdings", "transactions", "contacts")
_DATES = {"holdings": "opened_on", "transactions": "booked_on", "contacts": "contacted_on"}
_CODED_UNKNOWN = ("", "?", "unknown", "n/a", "na", "none", "missing")
_MISSING = ("no_value", "kept_as_missing")
_EMPTY = ("empty_column", "not_used")
_MEANS = {
    ("products", "risk_rating"): ("no_rating", "suitable_for_all"),
    ("holdings", "opened_on"): ("no_opening_day", "taken_as_held"),
    ("holdings", "closed_on"): ("no_closing_day", "still_held"),
    ("contacts", "product_id"): ("no_product", "for_the_campaign"),
    ("contacts", "channel"): ("no_channel", "not_contacted"),
    ("contacts", "propensity"): ("no_propensity", "no_evidence"),
    ("contacts", "responded"): ("no_outcome", "left_out_of_rates"),
}
"""What an empty cell means in the canonical tables, and what is done with it (levels)."""
_TECHNICAL = "customer_hash"  # added at ingest, tells nothing of the bank


def data_quality(
    tables: Mapping[str, nw.LazyFrame], *, as_of: dt.date, minimum: int = 10
) -> Finding:
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

    Returns
    -------
    Finding
        Its table has ``table``, ``rows``, ``columns``, ``customers`` in it and their ``share`` of
        all, ``first`` and ``last`` date (ISO), ``duplicates`` (rows that repeat another exactly).
        Further tables: *columns* with ``table``, ``column``, ``type``, ``missing``,
        ``missing_share``, ``unknown`` (texts that mean missing), ``distinct``, ``low``, ``high``;
        *findings* with ``table``, ``column``, ``finding`` (level), ``rows`` (NaN: below the
        smallest group that may be shown), ``share`` of the table's rows, ``done`` (level).
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
    cells = int((columns["table"].map(rows)).sum())
    missing = int(columns["missing"].sum())
    return Finding(
        overview,
        (
            *(Number(f"rows_{name}", int(rows[name]), "count") for name in present),
            Number("missing_share", missing / cells, "share"),
            Number("n_findings", len(findings), "count"),
        ),
        facts={
            "tables_present": "all" if len(present) == len(TABLES) else "some",
            "data_checks": "clean" if findings.empty else "findings",
        },
        quotes={"present": len(present), "tables": len(TABLES)},
        tables={"columns": columns.drop(columns="rows"), "findings": findings},
    )


def notes(known: Sequence[str]) -> Finding:
    """What the study knows of its data as they came, in its own words; a row a ``note``."""
    return Finding(pd.DataFrame({"note": list(known)}, dtype=object))


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
            done = "own_category"
            found.append((row.table, row.column, "coded_unknown", row.unknown, done))
        if row.distinct == 1 and row.rows > 1 and not row.missing and row.table != "products":
            done = "tells_nothing"
            found.append((row.table, row.column, "one_value", row.rows, done))
    for row in overview[overview["duplicates"] > 0].itertuples():
        done = "two_events"
        found.append((row.table, "", "repeated_rows", row.duplicates, done))
    return _as_findings(found, overview)


def _logic_findings(
    tables: Mapping[str, nw.LazyFrame], overview: pd.DataFrame, as_of: dt.date
) -> pd.DataFrame:
    """Find values that are allowed one by one and make no sense together."""
    found = []
    customers = tables["customers"]
    names = customers.collect_schema().names()
    if "birth_date" in names:
        for what, rule in (
            ("under_18", age(as_of) < ADULT),
            ("over_105", age(as_of) > 105),
        ):
            n = count_rows(customers.filter(rule))
            found.append(("customers", "birth_date", what, n, "outermost_bands"))
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
            found.append((name, date, "before_joining", n, "as_recorded"))
    if "contacts" in tables:
        free = made(tables["contacts"]).filter(nw.col("cost") <= 0)
        done = "shows_no_cost"
        found.append(("contacts", "cost", "free_contact", count_rows(free), done))
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
    confidence_level: float,
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
    confidence_level : float
        Confidence level.
    name : str
    """
    totals = table[whole] if isinstance(whole, str) else pd.Series(whole, index=table.index)
    low, high = wilson(table[part], totals, confidence_level=confidence_level)
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


def _short(value: float | None) -> str | None:
    if value is None or pd.isna(value):
        return None
    return f"{value:,.{'0f' if abs(value) >= 1e5 else '6g'}}".replace("-", "−")


def _type_name(kind: nw.dtypes.DType) -> str:
    if kind == nw.Boolean:
        return "boolean"
    if kind == nw.Date:
        return "date"
    return "number" if kind.is_numeric() else "text"
