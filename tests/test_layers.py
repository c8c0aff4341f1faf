"""The house: imports point down or left, never up."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# (layer, position): a module may import what has a lower layer, or the same layer and a lower
# position. Modules of one position know nothing of each other.
PLACES = {
    "errors": (0, 0), "params": (0, 1), "schema": (0, 1), "numbers": (0, 1), "files": (0, 2),
    "engine": (0, 1), "markup": (0, 2), "texts": (0, 3),
    "inference": (1, -1),
    "casebank": (1, 0), "studies": (1, 1),
    "safeguards": (2, 0), "profiling": (2, 1), "segmentation": (2, 2), "association": (2, 3),
    "strategy": (2, 4), "evaluation": (2, 5),
    "tables": (3, 0), "figures": (3, 0),
    "chapter": (4, 0), "notebooks": (4, 1), "report": (4, 1), "runner": (4, 2),
    "validation": (4, 3),
}  # fmt: skip

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
    layer, position = PLACES[own]
    for other in imports(path.read_text()) - {own}:
        assert PLACES[other][0] <= layer
    # A study is handed to casebank.truth: it names the type, and does not import the module.
    for other in imports(path.read_text(), for_types=False) - {own}:
        assert PLACES[other][0] < layer or PLACES[other][1] < position or layer == 0


def test_every_module_has_its_place() -> None:
    names = {path.relative_to(ROOT / "pmlib").with_suffix("").parts[0] for path in MODULES}
    assert names - {"__init__"} == set(PLACES)


def test_an_import_upwards_would_be_found() -> None:
    assert imports("from pmlib import runner\nimport pmlib.report.build") == {"runner", "report"}


@pytest.mark.parametrize("name", ["utils", "util", "helpers", "common", "misc"])
def test_there_is_no_drawer_for_odds_and_ends(name: str) -> None:
    assert not [path for path in MODULES if path.stem == name]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_stays_readable(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 500
