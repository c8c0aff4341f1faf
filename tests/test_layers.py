"""The house: imports point down or left, never up."""

from __future__ import annotations

import ast
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# (layer, row) in the table of docs/ARCHITECTURE.md: a module may import what stands in a lower
# layer, or in a row above it in its own.
HOUSE = runpy.run_path(str(ROOT / "docs" / "modules.py"))
PLACES = HOUSE["places"]((ROOT / "docs" / "ARCHITECTURE.md").read_text("utf-8"))

MODULES = sorted((ROOT / "pmlib").rglob("*.py"))


def imports(source: str, *, for_types: bool = True) -> set[str]:
    """First-level pmlib modules that a source imports, for type checking too if asked to."""
    found = set()
    tree = ast.parse(source)
    if not for_types:
        tree.body = [node for node in tree.body if "TYPE_CHECKING" not in ast.dump(node)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where a module stands"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("pmlib.")}
    return found - {"__version__"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_what_stands_below_or_left_of_it(path: Path) -> None:
    own = path.relative_to(ROOT / "pmlib").with_suffix("").parts[0]
    if own == "__init__":
        assert imports(path.read_text()) == set()
        return
    # A study is handed to casebank.field: it names the type, and does not import the module.
    for other in imports(path.read_text()) - {own}:
        assert PLACES[other][0] <= PLACES[own][0]
    for other in imports(path.read_text(), for_types=False) - {own}:
        assert PLACES[other] < PLACES[own]


CHAPTERS = [
    path for path in MODULES
    if path.relative_to(ROOT / "pmlib").with_suffix("").parts[0] in {
        "canon", "inference", "safeguards", "profiling", "segmentation", "association", "strategy",
        "evaluation",
    }
]  # fmt: skip


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_chapter_knows_the_truth(path: Path) -> None:
    known = imports(path.read_text()) & {"truth", "casebank"}
    # Where a study is simulated, the simulated bank is the field that carries a plan out.
    field = {"casebank"} if path.match("evaluation/campaign.py") else set()
    assert known <= field
    assert "casebank.population" not in path.read_text()


def test_an_import_upwards_would_be_found() -> None:
    assert imports("from pmlib import runner\nimport pmlib.report.build") == {"runner", "report"}


def test_no_two_classes_share_a_name() -> None:
    nodes = [node for path in MODULES for node in ast.walk(ast.parse(path.read_text()))]
    names = [node.name for node in nodes if isinstance(node, ast.ClassDef)]
    assert {name for name in names if names.count(name) > 1} == set()


@pytest.mark.parametrize("name", ["utils", "util", "helpers", "common", "misc"])
def test_there_is_no_drawer_for_odds_and_ends(name: str) -> None:
    assert not [path for path in MODULES if path.stem == name]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_stays_readable(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


READERS = {"raw", "drafting"}
"""Packages that read the files of any bank: what they hold is as much as files are manifold."""


def test_the_package_stays_small() -> None:
    lines = {path: len(path.read_text().splitlines()) for path in MODULES}
    readers = {path for path in lines if path.relative_to(ROOT / "pmlib").parts[0] in READERS}
    assert sum(n for path, n in lines.items() if path not in readers) <= 35_300
    assert sum(lines[path] for path in readers) <= 5_900
