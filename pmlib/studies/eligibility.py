"""Who may be offered what by the bank's own rules, and what a sale is expected to lose.

study.yaml declares rules and expected losses as expressions over the columns of customers. They are
evaluated once, by a DuckDB that sees the customers and nothing else, into a table with one row a
customer; so every engine reads the same answers.
"""

from __future__ import annotations

import datetime as dt
import glob
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
from duckdb import DuckDBPyConnection as Connection

from pmlib.errors import StudyError, nearest
from pmlib.schema import CONTRACTS, HASH
from pmlib.studies import queries
from pmlib.studies.forms import quoted, quoted_text
from pmlib.studies.queries import telling
from pmlib.studies.spec import EligibilityRule, ExpectedLoss, StudySpec, present

AGE = "age"
"""A column that expressions may use where birthdays are known: completed years on the day."""

_SUMS_UP = {"SUBQUERY", "WINDOW", "STAR"}
"""Parts of SQL that see more than one customer, or more than a value of one."""


@dataclass(frozen=True)
class OwnRule:
    """A rule of eligibility: its name and label, its expression, the products it is for."""

    name: str
    label: str
    rule: str
    products: tuple[str, ...]


@dataclass(frozen=True)
class Eligibility:
    """A study's rules and expected losses, evaluated.

    The table at `path` has ``customer_id``; ``rule_<i>``, whether the customer meets rule i; and
    ``loss_<i>``, the loss expected of a sale of the i-th product of `losses` (currency).
    """

    rules: tuple[OwnRule, ...]
    losses: tuple[str, ...]
    path: Path


def evaluate(
    spec: StudySpec, tables: Mapping[str, Path], day: dt.date, target: Path
) -> dict[str, Any] | None:
    """Evaluate a study's rules and losses as of a day, and write them; None where it has none.

    A rule or loss over an optional column that the study lacks is left out. What is not known is
    taken as the worst: an unknown answer is no, an unknown loss the largest of any customer.

    Raises
    ------
    StudyError
        An expression is none, uses a column that customers lack, or gives no answer of its kind;
        or a rule is for a product or family that the catalogue lacks.
    """
    if not (spec.eligibility or spec.expected_loss):
        return None
    names = pq.read_schema(tables["customers"]).names
    absent = set(spec.attributes) - set(present(spec.attributes, tables["customers"]))
    catalogue = _catalogue(tables)
    with duckdb.connect() as connection:
        source = f"read_parquet({quoted_text(glob.escape(str(tables['customers'])))})"
        aged = f", {_age(day)} AS {AGE}" if AGE not in names and "birth_date" in names else ""
        connection.execute(f"CREATE VIEW customers AS SELECT *{aged} FROM {source}")  # noqa: S608
        queries.close(connection, [tables["customers"]], [target.parent])
        columns = ["customer_id"]
        rules: list[dict[str, Any]] = []
        losses: list[str] = []
        for rule in spec.eligibility:
            where = f"study.yaml, eligibility, {rule.name}"
            products = _products(rule, catalogue, where)
            if _used(connection, rule.rule, where) & absent:
                continue
            _check(connection, rule.rule, "BOOLEAN", where)
            columns.append(f"coalesce(({rule.rule}), false) AS rule_{len(rules)}")
            rules.append(asdict(OwnRule(rule.name, rule.label, rule.rule, products)))
        for loss in spec.expected_loss:
            where = f"study.yaml, expected_loss, {', '.join(loss.products)}"
            products, text = _products(loss, catalogue, where), _loss(loss)
            if _used(connection, text, where) & absent:
                continue
            _check(connection, text, "DOUBLE", where)
            worst = f"coalesce(({text})::DOUBLE, max(({text})::DOUBLE) OVER ())"
            for product in products:
                columns.append(f"{worst} AS loss_{len(losses)}")
                losses.append(product)
        if not (rules or losses):
            return None
        made = connection.sql(f"SELECT {', '.join(columns)} FROM customers")  # noqa: S608
        made.write_parquet(str(target), compression="zstd")
    return {"rules": rules, "losses": losses}


def declared(kept: Mapping[str, Any] | None, path: Path) -> Eligibility | None:
    """Return what `evaluate` said and wrote."""
    if kept is None:
        return None
    rules = tuple(
        OwnRule(**{**rule, "products": tuple(rule["products"])}) for rule in kept["rules"]
    )
    return Eligibility(rules, tuple(kept["losses"]), path)


def _catalogue(tables: Mapping[str, Path]) -> dict[str, str]:
    """Products of the study, by id, with their family; empty where it has no such table."""
    if "products" not in tables:
        return {}
    table = pq.read_table(tables["products"], columns=["product_id", "family"])
    return {str(row["product_id"]): row["family"] for row in table.to_pylist()}


def _products(
    rule: EligibilityRule | ExpectedLoss, catalogue: Mapping[str, str], where: str
) -> tuple[str, ...]:
    """The products that a rule or loss is for; every one where it names none."""
    families = rule.families if isinstance(rule, EligibilityRule) else []
    for asked, known in ((rule.products, catalogue), (families, set(catalogue.values()))):
        for name in asked:
            if catalogue and name not in known:
                raise StudyError(
                    "A rule is for a product that the bank does not have.",
                    where=where,
                    rule="product_id, or family, of the table products",
                    found=name,
                    remedy=f"{nearest(name, map(str, known)).capitalize()}",
                )
    inside = tuple(product for product, family in catalogue.items() if family in families)
    return tuple(dict.fromkeys([*rule.products, *inside])) or tuple(catalogue)


def _loss(loss: ExpectedLoss) -> str:
    """The expression of an expected loss: the one written, or the rate of the risk class."""
    if loss.loss:
        return loss.loss
    cases = " ".join(f"WHEN {quoted_text(name)} THEN {rate!r}" for name, rate in loss.rates.items())
    return f"CASE CAST({quoted(loss.by)} AS VARCHAR) {cases} END"


def _used(connection: Connection, text: str, where: str) -> set[str]:
    """Names that an expression uses; StudyError where the text is no single plain expression."""
    (told,) = connection.execute("SELECT json_serialize_sql(?)", [f"SELECT ({text})"]).fetchall()[0]
    tree = json.loads(told)
    nodes = list(queries.nodes(tree))
    statements = [s["node"] for s in tree.get("statements", [])]
    if len(statements) != 1 or not _plain(statements[0]):
        found = tree.get("error_message") or "more than an expression"
        raise _refused(where, text, found)
    seen = sorted(_SUMS_UP & {node.get("class") for node in nodes})
    if seen:
        raise _refused(where, text, f"{seen[0].lower()}, which sees more than one customer")
    return {n["column_names"][-1] for n in nodes if n.get("class") == "COLUMN_REF"}


def _plain(node: Mapping[str, Any]) -> bool:
    """Whether a parsed query is ``SELECT (expression)`` and nothing else."""
    empty = (node.get("from_table") or {}).get("type") == "EMPTY"
    clauses = ("where_clause", "having", "qualify", "sample", "group_expressions", "modifiers")
    bare = not any(node.get(clause) for clause in clauses)
    return node.get("type") == "SELECT_NODE" and empty and bare and len(node["select_list"]) == 1


def _check(connection: Connection, text: str, kind: str, where: str) -> None:
    """Evaluate an expression on all customers; StudyError where it fails or is of another kind."""
    shown = f"SELECT ({text}) AS answer FROM customers"  # noqa: S608
    try:
        answer = queries.query(connection, shown, where=where)
        numeric = kind == "DOUBLE" and str(answer.types[0]) not in {"VARCHAR", "BOOLEAN", "DATE"}
        if str(answer.types[0]) != kind and not numeric:
            raise _refused(where, text, f"an answer of the type {answer.types[0]}", kind)
        counts = "count(*), (SELECT count(*) FROM customers), min(answer) < 0"
        count = connection.sql(f"SELECT {counts} FROM ({shown})").fetchall()[0]  # noqa: S608
    except duckdb.Error as error:
        raise _refused(where, text, telling(error), kind) from None
    if count[0] != count[1]:
        raise _refused(where, text, f"{count[0]:,} answers for {count[1]:,} customers", kind)
    if kind == "DOUBLE" and count[2]:
        raise _refused(where, text, "a loss below 0", kind)


def _refused(where: str, text: str, found: str, kind: str = "BOOLEAN") -> StudyError:
    answer = "true or false" if kind == "BOOLEAN" else "a number from 0, currency a sale"
    columns = ", ".join([*(c for c in CONTRACTS["customers"].columns if c != HASH), AGE])
    return StudyError(
        "A rule of eligibility or an expected loss cannot be evaluated.",
        where=where,
        rule=f"one SQL expression over a customer's columns ({columns}, and the attributes that "
        f"study.yaml declares) that is {answer}",
        found=f"{text!r:.120}: {found}",
        remedy="Mend the expression, such as monthly_income >= 1000 AND missed_payments < 2.",
    )


def _age(day: dt.date) -> str:
    """Completed years on a day, as `pmlib.canon.customers.completed_years` counts them."""
    month_day = "month(birth_date) * 100 + day(birth_date)"
    past = f"CAST({month_day} > {day.month * 100 + day.day} AS INTEGER)"
    return f"CAST({day.year} - year(birth_date) - {past} AS BIGINT)"
