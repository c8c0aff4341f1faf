"""What the tables mean is decided in pmlib/canon alone: found in the source, by name."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "pmlib"
CANON = sorted((PACKAGE / "canon").glob("*.py"))

# The contract, the simulator and the readers of raw data name the columns that they make.
MAKERS = ("canon", "schema", "casebank", "studies")
OTHERS = [
    path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.relative_to(PACKAGE).with_suffix("").parts[0] not in MAKERS
]

DECIDED = {"closed_on", "birth_date", "marketing_opt_out"}
"""Columns whose meaning only canon may look up; others may pass them on."""


def readings(source: str) -> set[str]:
    """What a source decides for itself although canon decides it."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        parts: list[ast.expr] = []
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            called = node.func.id if isinstance(node.func, ast.Name) else called
            parts = node.args if called in ("col", "day_number") else []
        elif isinstance(node, ast.Subscript):
            parts = [node.slice]
        elif isinstance(node, ast.Compare):
            sides = [s.value for s in (node.left, *node.comparators) if isinstance(s, ast.Constant)]
            found |= {"control"} & set(sides)
        elif isinstance(node, ast.Constant) and node.value in (365.25, 365.2425):
            found.add("length of a year")
        names = {part.value for part in parts if isinstance(part, ast.Constant)}
        found |= {str(name) for name in names & DECIDED}
    return found


def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_other_module_decides_what_the_tables_mean(path: Path) -> None:
    assert readings(path.read_text()) == set()


def test_such_a_decision_would_be_found() -> None:
    copies = """
held = day_number("closed_on") > day
age = (today - nw.col("birth_date")) / 365.25
asked = customers["marketing_opt_out"]
treated = contacts["arm"] != "control"
"""
    assert readings(copies) == {*DECIDED, "control", "length of a year"}


def test_questions_have_one_answer() -> None:
    asked = {name for path in CANON for name in functions(path)}
    assert {"held_on", "held_before", "age", "is_minor", "campaigns", "made"} <= asked
    for path in OTHERS:
        assert not asked & functions(path), path.name
