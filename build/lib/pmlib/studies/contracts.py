"""The check that a study's tables keep the contracts of `pmlib.schema`.

It takes **one scan** a table for all rules together, in the engine; only when rows break a rule is
the engine asked again for a few of their keys.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw

from pmlib.engine import collect
from pmlib.errors import StudyError
from pmlib.schema import CONTRACTS, EARLIEST, KINDS, Column, Contract, Kind


@dataclass(frozen=True)
class _Rule:
    """A rule as an expression that is true where a row breaks it; null counts as kept."""

    column: str
    rule: str
    broken: nw.Expr
    remedy: str
    needs: tuple[str, ...] = ()


def check(
    tables: Mapping[str, nw.LazyFrame],
    *,
    as_of: dt.date,
    attributes: Iterable[str] = (),
    outcomes: Iterable[str] = (),
) -> dict[str, int]:
    """Check all tables of a study against their contracts; give the rows of each.

    `attributes` and `outcomes` are the further columns of `customers` and of `contacts` that
    study.yaml declares: numbers, text or flags. No date may lie after `as_of`.

    A StudyError names table, column, rule, the number of rows, up to three keys and the remedy.
    """
    if "customers" not in tables:
        raise StudyError(
            "The study has no table of customers.",
            where="customers",
            rule="customers is the one table that no study can do without",
            found=", ".join(tables) or "no table at all",
            remedy="Add customers.sql with at least a column customer_id.",
        )
    described = tuple(attributes)
    extra = {"customers": described, "prospects": described, "contacts": tuple(outcomes)}
    kinds: dict[str, dict[str, str]] = {}
    rows = {}
    for name, contract in CONTRACTS.items():
        if name in tables:
            kinds[name] = _check_columns(name, tables[name], contract, extra.get(name, ()))
            _check_references(name, contract, tables, kinds)
            rows[name] = _check_rows(name, contract, tables, kinds[name], as_of)
    return rows


def _check_columns(
    table: str, frame: nw.LazyFrame, contract: Contract, extra: Sequence[str]
) -> dict[str, str]:
    """Check names and types, without a scan; return each column's kind as found."""
    found = {name: _kind(dtype) for name, dtype in frame.collect_schema().items()}
    known = {**contract.columns, **dict.fromkeys(extra)}
    needed = [name for name, column in known.items() if column is None or column.required]
    missing = [name for name in needed if name not in found]
    unknown = [name for name in found if name not in known]
    if missing or unknown:
        places = {"customers": "attributes", "prospects": "attributes", "contacts": "outcomes"}
        place = places.get(table)
        declare = f", or declare it under '{place}' in study.yaml" if place else ""
        remedy = [f"Let {table}.sql select {', '.join(missing)}."] if missing else []
        remedy += [f"Leave {', '.join(unknown)} out{declare}."] if unknown else []
        said = [f"missing {', '.join(missing)}"] if missing else []
        said += [f"unknown {', '.join(unknown)}"] if unknown else []
        raise StudyError(
            f"The table {table} does not have the columns it must have.",
            where=f"table {table}",
            rule=f"columns {', '.join(known)}",
            found="; ".join(said),
            remedy=" ".join(remedy),
        )
    for name, kind in found.items():
        column = known[name]
        allowed = _ALLOWED[column.kind] if column else ("text", "number", "whole", "flag")
        if kind not in allowed:
            words, cast = KINDS[column.kind] if column else (
                "a number, text, or true and false", "::DOUBLE, ::VARCHAR or ::BOOLEAN",
            )  # fmt: skip
            raise StudyError(
                f"A column of the table {table} has the wrong type.",
                where=f"{table}.{name}",
                rule=words,
                found=f"{_words(kind)} (all rows)",
                remedy=f"Cast it in {table}.sql: {cast}.",
            )
    return found


_ALLOWED: Mapping[Kind, tuple[str, ...]] = {
    "key": ("text", "whole"),
    "text": ("text",),
    "number": ("number", "whole"),
    "whole": ("whole",),
    "date": ("date",),
    "flag": ("flag",),
}


def _kind(dtype: nw.dtypes.DType) -> str:
    if dtype.is_integer():
        return "whole"
    if dtype.is_float():
        return "number"
    names: dict[Any, str] = {nw.String: "text", nw.Date: "date", nw.Boolean: "flag"}
    return next((kind for cls, kind in names.items() if dtype == cls), str(dtype))


def _words(kind: str) -> str:
    """A kind of column in words; types that no kind covers keep their own name."""
    return next((words for name, (words, _) in KINDS.items() if name == kind), kind)


def _check_references(
    table: str,
    contract: Contract,
    tables: Mapping[str, nw.LazyFrame],
    kinds: Mapping[str, Mapping[str, str]],
) -> None:
    """Check that what is referred to is there and has the same type, before any scan."""
    for name, column in contract.columns.items():
        if column.refers_to is None or name not in kinds[table]:
            continue
        target, key = column.refers_to.split(".")
        if target not in tables and not column.filled:
            continue  # it may be empty throughout
        if target not in tables:
            raise StudyError(
                f"The table {table} refers to a table that the study does not have.",
                where=f"{table}.{name}",
                rule=f"each value is found in {column.refers_to}",
                found=f"no table {target}",
                remedy=f"Add {target}.sql to the study.",
            )
        if kinds[table][name] != kinds[target][key]:
            here, there = _words(kinds[table][name]), _words(kinds[target][key])
            raise StudyError(
                "A key has another type than the key it refers to.",
                where=f"{table}.{name}",
                rule=f"the type of {column.refers_to}: {there}",
                found=here,
                remedy=f"Cast both alike, for example ::VARCHAR, in {table}.sql and {target}.sql.",
            )


def _check_rows(
    table: str,
    contract: Contract,
    tables: Mapping[str, nw.LazyFrame],
    kinds: Mapping[str, str],
    as_of: dt.date,
) -> int:
    """Check all rules of a table in one scan; return its number of rows."""
    rules = list(_rules(table, contract, kinds, tables, as_of))
    joined = tables[table]
    for name in {name for rule in rules for name in rule.needs}:
        target, key = str(contract.columns[name].refers_to).split(".")
        known = tables[target].select(nw.col(key).alias(name)).unique()
        joined = joined.join(known.with_columns(nw.lit(1).alias(_found(name))), on=name, how="left")
    # Marks become columns before they are summed: a window cannot stand within an aggregate.
    broken_by = [rule.broken.cast(nw.Int64).alias(f"r{i}") for i, rule in enumerate(rules)]
    marks = joined.select(*broken_by)
    sums = [nw.col(f"r{i}").sum() for i in range(len(rules))]
    row = collect(marks.select(nw.len().alias("rows"), *sums), sort_by=()).iloc[0]
    rows = int(row["rows"])
    if rows == 0:
        raise StudyError(
            f"The table {table} is empty.",
            where=f"table {table}",
            rule="at least one row",
            found="0 rows",
            remedy=f"Look at {table}.sql and its sources; leave the table out if there is none.",
        )
    broken = [(rule, int(row[f"r{i}"])) for i, rule in enumerate(rules) if row[f"r{i}"] > 0]
    if broken:
        rule, n = broken[0]
        keys = _some_keys(joined, rule, contract.key or ("customer_id",))
        others = "".join(f"; also {r.column}, {r.rule}: {_rows(m)}" for r, m in broken[1:])
        raise StudyError(
            f"The table {table} breaks its contract.",
            where=f"{table}.{rule.column}",
            rule=rule.rule,
            found=f"{_rows(n)} of {rows:,} break it, for example {keys}{others}",
            remedy=f"{rule.remedy} (in {table}.sql)",
        )
    return rows


def _rules(
    table: str,
    contract: Contract,
    kinds: Mapping[str, str],
    present: Collection[str],
    as_of: dt.date,
) -> Iterable[_Rule]:
    """All rules of a table that speak about rows; each expression is true where one is broken."""
    for name, column in contract.columns.items():
        if name in kinds:
            yield from _column_rules(name, column, present)
            if column.kind == "date":
                late, early = nw.col(name) > nw.lit(as_of), nw.col(name) < nw.lit(EARLIEST)
                remedy = "Mend the dates, leave the rows out, or correct as_of in study.yaml."
                yield _Rule(name, f"not after {as_of}, the study's as_of", late, remedy)
                yield _Rule(name, f"not before {EARLIEST}", early, "Turn fillers into null.")
    for name, kind in kinds.items():
        if kind == "number":
            infinite = ~nw.col(name).is_finite()
            yield _Rule(name, "a finite number", infinite, "Turn NaN and infinity into null.")
    for first, second in contract.ordered:
        if first in kinds and second in kinds:
            wrong = nw.col(first) > nw.col(second)
            yield _Rule(second, f"not before {first}", wrong, "Mend or empty one of the two.")
    if contract.key:
        repeated = nw.col(contract.key[0]).count().over(*contract.key) > 1
        names = " and ".join(contract.key)
        remedy = f"Keep one row for each {names}, for example with SELECT DISTINCT or GROUP BY."
        if table == "contacts":
            remedy += " Repeated contacts are campaigns of their own: one campaign_id a wave."
        yield _Rule(names, f"unique: one row for each {names}", repeated, remedy)


def _column_rules(name: str, column: Column, present: Collection[str]) -> Iterable[_Rule]:
    value = nw.col(name)
    if column.filled:
        yield _Rule(name, "never empty", value.is_null(), "Fill it or leave these rows out.")
    target = column.refers_to.split(".")[0] if column.refers_to else None
    if target in present:
        dangling = ~value.is_null() & nw.col(_found(name)).is_null()
        rule = f"each value is found in {column.refers_to}"
        yield _Rule(name, rule, dangling, "Join with that table to drop or mend them.", (name,))
    elif target:
        rule = f"empty, as the study has no table {target}"
        yield _Rule(name, rule, ~value.is_null(), "Empty it, or add that table.")
    if column.low is not None or column.high is not None:
        yield _out_of_range(name, column)


def _out_of_range(name: str, column: Column) -> _Rule:
    value = nw.col(name)
    parts, words = [], []
    if column.low is not None:
        parts.append(value <= column.low if column.above_low else value < column.low)
        words.append(f"{'above' if column.above_low else 'at least'} {column.low:g}")
    if column.high is not None:
        parts.append(value > column.high)
        words.append(f"at most {column.high:g}" if column.high < 1e6 else "below 2**32")
    outside = parts[0] if len(parts) == 1 else parts[0] | parts[1]
    return _Rule(name, " and ".join(words), outside, "Rescale the values or empty them.")


def _some_keys(frame: nw.LazyFrame, rule: _Rule, key: Sequence[str]) -> str:
    """Up to three keys of rows that break a rule, in words, smallest first."""
    shown = [nw.col(name) for name in dict.fromkeys(key)]
    # A window cannot stand in a filter of SQL: the mark becomes a column first.
    marked = frame.with_columns(rule.broken.alias("_broken")).filter(nw.col("_broken"))
    few = collect(marked.select(*shown).unique().sort(*key).head(3), sort_by=key)
    short = few.map(str).map(lambda text: text if len(text) <= 40 else text[:37] + "…")
    return ", ".join(map(" / ".join, short.itertuples(index=False)))


def _found(name: str) -> str:
    return f"_{name}_found"


def _rows(n: int) -> str:
    return f"{n:,} row{'s' if n != 1 else ''}"
