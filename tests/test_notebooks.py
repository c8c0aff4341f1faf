"""The committed notebooks: narrative and calls, no code of their own, no outputs, no results."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest

from pmlib import params
from pmlib.notebooks import parameters_cell
from pmlib.texts import open_language

ROOT = Path(__file__).resolve().parent.parent
NAMES = [f"0{number}_{chapter}.ipynb" for number, chapter in enumerate(params.CHAPTERS, start=1)]

EVERY = pytest.mark.parametrize("name", NAMES)


def read(name: str, folder: str = "notebooks") -> nbformat.NotebookNode:
    return nbformat.read(ROOT / folder / name, as_version=4)


def code(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tagged(notebook: nbformat.NotebookNode, tag: str) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


def prose(notebook: nbformat.NotebookNode) -> str:
    """Markdown without formulas, code, citations and references."""
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return re.sub(r"\$\$.*?\$\$|\$[^$]+\$|`[^`]*`|\[@[^\]]*\]|@[\w-]+|\{#[^}]*\}", "", text,
                  flags=re.DOTALL)  # fmt: skip


def test_there_is_one_notebook_a_chapter() -> None:
    assert sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb")) == NAMES


@EVERY
def test_a_notebook_is_valid_and_stripped(name: str) -> None:
    notebook = read(name)
    nbformat.validate(notebook)
    for cell in code(notebook):
        assert cell.outputs == []
        assert cell.execution_count is None
    assert notebook.metadata.kernelspec.name == "python3"


@EVERY
def test_a_notebook_starts_with_its_only_title(name: str) -> None:
    notebook = read(name)
    titles = re.findall(r"^# .+", prose(notebook), flags=re.MULTILINE)
    assert len(titles) == 1
    assert notebook.cells[0].source.startswith("# ")


@EVERY
def test_the_parameters_cell_is_the_first_code_and_equals_the_schema(name: str) -> None:
    notebook = read(name)
    cells = tagged(notebook, "parameters")
    assert cells == code(notebook)[:1]
    assert cells[0].source == parameters_cell(name[3:-6])  # else: make notebooks


@EVERY
def test_the_prose_is_that_of_the_texts(name: str) -> None:
    english = open_language("en")
    for cell in read(name).cells:
        if cell.cell_type == "markdown":
            assert cell.source == english.source(name[3:-6], cell.id)  # else: make notebooks


@EVERY
def test_the_next_cell_validates_and_opens_the_chapter(name: str) -> None:
    assert f'Chapter.open("{name[3:-6]}", vars())' in code(read(name))[1].source


@EVERY
def test_the_last_call_saves_what_later_chapters_need(name: str) -> None:
    assert "chapter.save(" in code(read(name))[-1].source


@EVERY
def test_a_notebook_ends_with_exercises_whose_answers_are_folded(name: str) -> None:
    last = read(name).cells[-1]
    assert tagged(read(name), "exercises") == [last]
    asked = re.findall(r"^\*\*\d\. ", last.source, flags=re.MULTILINE)
    folded = r"<details><summary>Answer</summary>\n\n.+?\n\n</details>"
    assert len(asked) == len(re.findall(folded, last.source, flags=re.DOTALL)) >= 2


@EVERY
def test_an_exercise_sets_parameters_that_there_are(name: str) -> None:
    known = set(params.Parameters.model_fields)
    named = re.findall(r"(?:Set|Raise) `(\w+)`| -p (\w+)", read(name).cells[-1].source)
    assert {one or other for one, other in named} <= known


@EVERY
def test_cells_hold_a_few_calls_and_decide_nothing(name: str) -> None:
    more = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.If, ast.IfExp,
            ast.For, ast.While, ast.Try, ast.comprehension, ast.Compare, ast.BoolOp)  # fmt: skip
    for cell in code(read(name)):
        if "parameters" in cell.metadata.get("tags", []):
            continue
        assert [n for n in ast.walk(ast.parse(cell.source)) if isinstance(n, more)] == [], (
            cell.source
        )
        lines = cell.source.splitlines()
        assert len(lines) <= 6, cell.source
        assert max(map(len, lines)) <= 110, cell.source


@EVERY
def test_a_chapter_uses_only_the_parameters_in_its_cell(name: str) -> None:
    source = "\n".join(cell.source for cell in code(read(name)))
    used = set(re.findall(r"chapter\.params\.(\w+)", source)) & set(params.Parameters.model_fields)
    assert used - set(params.names_of(name[3:-6])) == set()


# Settings of the methods, which are no results: AUC of a coin, winsorised tails, power, level.
CONSTANTS = {"0.5", "2 %", "80 %", "95 %"}


@EVERY
def test_no_computed_number_is_typed_into_prose(name: str) -> None:
    # Shares, money and decimals are results; years and counts of what is explained are not.
    numbers = re.findall(r"\d+(?:\.\d+)?\s?%|\d+\.\d+|\d{1,3}(?:,\d{3})+", prose(read(name)))
    assert set(numbers) - CONSTANTS == set()


@EVERY
def test_the_reference_notebook_runs_the_same_code(name: str) -> None:
    stored = [
        cell.source
        for cell in code(read(name, "tests/reference"))
        if "injected-parameters" not in cell.metadata.get("tags", [])
    ]
    assert stored == [cell.source for cell in code(read(name))]  # else: make reference


@EVERY
def test_the_reference_notebook_has_outputs_to_compare_with(name: str) -> None:
    # nbval passes on a notebook without stored outputs.
    shown = [cell for cell in code(read(name, "tests/reference")) if cell.outputs]
    assert len(shown) >= 3


@EVERY
def test_no_path_of_this_machine_is_shown(name: str) -> None:
    shown = "".join(str(cell.outputs) for cell in code(read(name, "tests/reference")))
    assert "PosixPath" not in shown
    assert str(ROOT) not in shown
