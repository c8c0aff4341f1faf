"""How good the data are: every table, every column, and what makes no sense together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

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
        At least ``customers``.

    Returns
    -------
    Finding
        Its table has ``table``, ``rows``, ``columns``, ``customers`` in it and their ``share`` of
        all, ``first`` and ``last`` date (ISO), ``duplicates`` (rows that repeat another exactly).
        Further tables: *columns* with ``table``, ``column``, ``type``, ``missing``,
        ``missing_share``, ``unknown`` (texts that mean missing), ``distinct``, ``low``, ``high``;
        *findings* with ``table``, ``column``, ``finding`` (level), ``rows`` (NaN: below the
        smallest group that may be shown), ``share`` of the table's rows, ``done`` (level).
        No rows are told of holdings or contacts where some product, campaign or arm has fewer
        than `minimum`: the rows of the others would tell how few.
    """
    present = [name for name in TABLES if name in tables]
    # Products are no people: nothing of them needs hiding.
    least = {name: 1 if name == "products" else minimum for name in present}
    columns = pd.DataFrame(
        [row for name in present for row in _columns(tables[name], name, least[name])]
    )
    overview = _overview(tables, present)
    found = [*_column_findings(columns, overview), *_logic_findings(tables, as_of)]
    findings = pd.DataFrame(found, columns=["table", "column", "finding", "rows", "done"])
    rows = overview.set_index("table")["rows"]
    findings["rows"] = findings["rows"].astype(float)
    share = findings["rows"] / findings["table"].map(rows).astype(float)
    findings.insert(4, "share", share)
    small = (findings["rows"] < minimum) & (findings["table"] != "products")
    findings.loc[small, ["rows", "share"]] = np.nan
    # Columns that lack few values do not count, or their number would follow from the total.
    many = columns["missing"].where(columns["missing"] >= columns["table"].map(least), 0)
    missing = int(many.sum()) / int(columns["rows"].sum())
    telling = _telling(tables, minimum)
    for table, count, share in ((overview, "rows", ""), (columns, "missing", "missing_share"),
                                (findings, "rows", "share")):  # fmt: skip
        told = table["table"].isin(telling)
        table[count] = table[count].astype(float).mask(told)
        if share:  # whose digits would tell of how many
            table[share] = table[share].mask(told, table[share].round(2))
    numbers = (
        *(Number(f"rows_{n}", int(rows[n]), "count") for n in present if n not in telling),
        Number("missing_share", missing, "share"),
        Number("n_findings", len(findings), "count"),
    )
    facts = {
        "tables_present": "all" if len(present) == len(TABLES) else "some",
        "data_checks": "clean" if findings.empty else "findings",
    }
    shown = {"columns": columns.drop(columns="rows"), "findings": findings}
    return Finding(
        overview, numbers, facts, {"present": len(present), "tables": len(TABLES)}, shown
    )


def _telling(tables: Mapping[str, nw.LazyFrame], minimum: int) -> list[str]:
    """Tables of which a part that has a name is too small to be told, so neither is the whole."""
    parts = {"holdings": ["product_id"], "contacts": ["campaign_id", "arm"]}
    return [
        name
        for name, named in parts.items()
        if name in tables and (count_by(tables[name], *named)["customers"] < minimum).any()
    ]


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
            ends = {"first": nw.col(date).min(), "last": nw.col(date).max()}
            wanted |= {name: day_number(end) for name, end in ends.items()}
        row = collect(frame.select(**wanted), sort_by=()).iloc[0]
        rows, customers = int(row["rows"]), row.get("customers")
        # Keys are unique by contract, so only these two can repeat a row.
        repeats = name in ("holdings", "transactions")
        records.append(
            {
                "table": name, "rows": rows, "columns": len(names),
                "customers": None if customers is None else int(customers),
                "share": np.nan if customers is None else customers / n_customers,
                "first": iso_day(row.get("first")), "last": iso_day(row.get("last")),
                "duplicates": _repeated(frame, names) if repeats else 0,
            }
        )  # fmt: skip
    return pd.DataFrame(records)


def _repeated(frame: nw.LazyFrame, names: Sequence[str]) -> int:
    """Rows that repeat another."""
    more = frame.group_by(*names).agg(rows=nw.len()).filter(nw.col("rows") > 1)
    found = one(more, (nw.col("rows") - 1).sum())
    return 0 if pd.isna(found) else int(found)


def _columns(frame: nw.LazyFrame, table: str, minimum: int) -> list[dict[str, Any]]:
    """Describe all columns of a table: a scan a text, and two or three of all others."""
    schema = {name: kind for name, kind in frame.collect_schema().items() if name != _TECHNICAL}
    ranged = {
        name: day_number(name) if kind == nw.Date else nw.col(name).cast(nw.Float64)
        for name, kind in schema.items()
        if (kind.is_numeric() or kind == nw.Date) and not name.endswith("_id")
    }
    wanted: dict[str, nw.Expr] = {"rows": nw.len()}
    for name, kind in schema.items():
        if kind != nw.String:
            wanted[f"{name}:known"] = nw.col(name).count()
            wanted[f"{name}:distinct"] = nw.col(name).n_unique()
    for name, value in ranged.items():
        wanted[f"{name}:low"], wanted[f"{name}:high"] = value.min(), value.max()
    stats = collect(frame.select(**wanted), sort_by=()).iloc[0]
    texts = [_text(frame, name) for name, kind in schema.items() if kind == nw.String]
    stats = pd.concat([stats, *texts])
    known = {n: value for n, value in ranged.items() if stats[f"{n}:known"] >= minimum}
    ends = _safe_ends(frame, known, stats, minimum) if known else {}
    records = []
    for name, kind in schema.items():
        missing = int(stats["rows"] - stats[f"{name}:known"])
        low, high = ends.get(name, (None, None))
        shown = iso_day if kind == nw.Date else _short
        unknown = stats.get(f"{name}:unknown", 0)
        records.append(
            {
                "table": table, "column": name, "type": _type_name(kind),
                "rows": int(stats["rows"]), "missing": missing,
                "missing_share": missing / stats["rows"] if stats["rows"] else np.nan,
                "unknown": 0 if pd.isna(unknown) else int(unknown),
                # Engines count null as a value of its own.
                "distinct": int(stats[f"{name}:distinct"]) - (missing > 0),
                "low": shown(low), "high": shown(high),
            }
        )  # fmt: skip
    return records


def _text(frame: nw.LazyFrame, name: str) -> pd.Series:
    """Describe a column of texts, each different one once, which takes a third of the time."""
    each = frame.group_by(name).agg(rows=nw.len())
    value, rows = nw.col(name), nw.col("rows")
    coded = value.str.strip_chars().str.to_lowercase().is_in(_CODED_UNKNOWN)
    wanted = {
        f"{name}:known": nw.when(~value.is_null()).then(rows).otherwise(0).sum(),
        f"{name}:distinct": nw.len(),
        f"{name}:unknown": nw.when(coded).then(rows).otherwise(0).sum(),
    }
    return collect(each.select(**wanted), sort_by=()).iloc[0]


def _safe_ends(
    frame: nw.LazyFrame, known: Mapping[str, nw.Expr], stats: pd.Series, minimum: int
) -> dict[str, tuple[float, float]]:
    """Smallest and largest value that `minimum` rows reach, of columns with as many rows."""
    at_end = {
        f"{name}:{end}": (value == float(stats[f"{name}:{end}"])).cast(nw.Int64).sum()
        for name, value in known.items()
        for end in ("low", "high")
    }
    held_by = collect(frame.select(**at_end), sort_by=()).iloc[0]

    def end_of(name: str, end: str) -> float:
        if held_by[f"{name}:{end}"] >= minimum:
            return float(stats[f"{name}:{end}"])
        values, downwards = frame.select(v=known[name]).drop_nulls(), end == "high"
        first = values.sort("v", descending=downwards).head(minimum)
        return float(one(first, nw.col("v").min() if downwards else nw.col("v").max()))

    return {name: (end_of(name, "low"), end_of(name, "high")) for name in known}


_Found = tuple[str, str, str, int, str]
"""Table, column, finding, rows, what is done."""


def _column_findings(columns: pd.DataFrame, overview: pd.DataFrame) -> Iterator[_Found]:
    for row in columns.itertuples():
        if row.missing:
            default = _EMPTY if row.missing == row.rows else _MISSING
            what, done = _MEANS.get((row.table, row.column), default)
            yield row.table, row.column, what, row.missing, done
        if row.unknown:
            yield row.table, row.column, "coded_unknown", row.unknown, "own_category"
        if row.distinct == 1 and row.rows > 1 and not row.missing and row.table != "products":
            yield row.table, row.column, "one_value", row.rows, "tells_nothing"
    for row in overview[overview["duplicates"] > 0].itertuples():
        yield row.table, "", "repeated_rows", row.duplicates, "two_events"


def _logic_findings(tables: Mapping[str, nw.LazyFrame], as_of: dt.date) -> list[_Found]:
    """Find values that are allowed one by one and make no sense together."""
    found = []
    customers = tables["customers"]
    names = customers.collect_schema().names()
    if "birth_date" in names:
        for what, rule in (("under_18", age(as_of) < ADULT), ("over_105", age(as_of) > 105)):
            n = count_rows(customers.filter(rule))
            found.append(("customers", "birth_date", what, n, "outermost_bands"))
    if "joined_on" in names:
        joined = customers.select("customer_id", _joined=nw.col("joined_on"))
        for name, date in _DATES.items():
            if name not in tables:
                continue
            days = tables[name].select("customer_id", _day=nw.col(date))
            early = days.join(joined, on="customer_id", how="inner")
            n = count_rows(early.filter(nw.col("_day") < nw.col("_joined")))
            found.append((name, date, "before_joining", n, "as_recorded"))
    if "contacts" in tables:
        free = made(tables["contacts"]).filter(nw.col("cost") <= 0)
        found.append(("contacts", "cost", "free_contact", count_rows(free), "shows_no_cost"))
    return [row for row in found if row[3]]


# --- what the other parts of the profile share --------------------------------------------------


def one(frame: nw.LazyFrame, value: nw.Expr) -> Any:
    """Aggregate a table to one value in the engine."""
    return collect(frame.select(v=value), sort_by=())["v"].iloc[0]


def count_rows(frame: nw.LazyFrame) -> int:
    """Count the rows of a table in the engine."""
    return int(one(frame, nw.len()))


def count_by(frame: nw.LazyFrame, *by: str) -> pd.DataFrame:
    """Count the rows of each combination, in its order, as ``customers``."""
    return collect(frame.group_by(*by).agg(customers=nw.len()), sort_by=list(by))


def with_rate(
    table: pd.DataFrame, part: str, whole: str | int | pd.Series, confidence_level: float,
    *, name: str = "share",
) -> pd.DataFrame:  # fmt: skip
    """Add a share `name` with ``low`` and ``high`` (Wilson); NaN where the whole is nothing.

    The column `part` has counts; `whole` is a column, one number, or a number a row.
    """
    totals = table[whole] if isinstance(whole, str) else pd.Series(whole, index=table.index)
    low, high = wilson(table[part], totals, confidence_level=confidence_level)
    share = table[part].astype(float) / totals.astype(float).where(totals > 0)
    return table.assign(**{name: share}, low=low, high=high)


def suppress_each(
    table: pd.DataFrame, by: str | list[str], *, minimum: int, count: str = "customers",
    keep: Sequence[str] = (),
) -> pd.DataFrame:  # fmt: skip
    """Suppress each part of a table by itself, where only its own total is known."""
    parts = [
        suppress(part, count=count, minimum=minimum, keep=keep)
        for _, part in table.groupby(by, sort=False)
    ]
    if not parts:
        return table.assign(suppressed=pd.Series(dtype=bool))
    return pd.concat(parts, ignore_index=True)


def iso_day(number: float | None) -> str | None:
    """Write a day number as an ISO date; None where there is none."""
    if number is None or pd.isna(number):
        return None
    return dt.date.fromordinal(int(number)).isoformat()


def _short(value: float | None) -> str | None:
    if value is None or pd.isna(value):
        return None
    return f"{value:,.{'0f' if abs(value) >= 1e5 else '6g'}}".replace("-", "−")


def _type_name(kind: nw.dtypes.DType) -> str:
    if kind in (nw.Boolean, nw.Date):
        return "boolean" if kind == nw.Boolean else "date"
    return "number" if kind.is_numeric() else "text"
