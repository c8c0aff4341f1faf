"""Facts below, words beside: Python words nothing, and texts decide nothing."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from jinja2 import Environment, nodes

from pmlib import params
from pmlib.markup import to_html
from pmlib.texts.language import read_blocks

ROOT = Path(__file__).resolve().parents[2]
SILENT = ("canon", "inference", "profiling", "segmentation", "association", "strategy",
          "evaluation", "truth", "figures")  # fmt: skip
"""Packages in which no string is a sentence; what a command prints is said elsewhere."""
SOURCES = sorted(path for name in SILENT for path in (ROOT / "pmlib" / name).rglob("*.py"))
TEXTS = sorted((ROOT / "texts" / "en").glob("*.md"))
MOST_WORDS = 3


def sentences(source: str) -> list[str]:
    """Strings of more than three words that are neither docstrings, messages of errors nor SQL."""
    tree = ast.parse(source)
    passed: set[int] = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):  # docstrings, also those that stand under an attribute
            for item in body:
                if isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant):
                    passed.add(id(item.value))
        if isinstance(node, ast.Raise):
            passed |= {id(inner) for inner in ast.walk(node)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in passed
        and " " in node.value.strip()  # otherwise it is a code
        and len(re.findall(r"[A-Za-zäöüé]{2,}", node.value)) > MOST_WORDS
    ]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "pmlib")))
def test_no_sentence_stands_in_python(path: Path) -> None:
    found = sentences(path.read_text("utf-8"))
    if path.name == "validation.py":  # a command says on the screen what it does
        found = [text for text in found if not text.endswith(".")]
    assert found == []


def test_a_sentence_would_be_found() -> None:
    assert sentences('x = f"the {n} of all the rest"') == [" of all the rest"]
    assert (
        sentences('"""A doc of four words."""\nraise StudyError("one two three four five")') == []
    )


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_no_text_compares(path: Path) -> None:
    environment = Environment(comment_start_string="{%#", comment_end_string="#%}")  # noqa: S701
    arithmetic = (nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Pow)
    notebooks_own = narrative(path.stem)
    for name, block in read_blocks(path).items():
        if name in notebooks_own:
            continue
        tree = environment.parse(block)
        assert list(tree.find_all((nodes.Compare, *arithmetic))) == [], name


@pytest.mark.parametrize(
    "path", sorted((ROOT / "reports").rglob("*.j2")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_no_template_of_the_page_compares(path: Path) -> None:
    tree = Environment().parse(path.read_text("utf-8"))  # noqa: S701 - parsed, not rendered
    assert list(tree.find_all(nodes.Compare)) == []


def narrative(chapter: str) -> set[str]:
    """Blocks that notebooks show as they are; their formulas are no templates."""
    if chapter not in params.CHAPTERS:
        return set()
    number = params.CHAPTERS.index(chapter) + 1
    notebook = nbformat.read(ROOT / "notebooks" / f"0{number}_{chapter}.ipynb", as_version=4)
    return {cell.id for cell in notebook.cells if cell.cell_type == "markdown"}


def test_every_block_of_a_chapter_is_shown() -> None:
    """A block that nothing asks for is a sentence that nobody reads."""
    sources = [*(ROOT / "pmlib").rglob("*.py"), *TEXTS, *(ROOT / "reports").rglob("*.j2")]
    code = "".join(path.read_text("utf-8").replace("[", "(") for path in sources)
    for chapter in params.CHAPTERS:
        number = params.CHAPTERS.index(chapter) + 1
        code += (ROOT / "notebooks" / f"0{number}_{chapter}.ipynb").read_text("utf-8")
    for path in TEXTS:
        if path.stem not in (*params.CHAPTERS, "report"):
            continue
        for name in set(read_blocks(path)) - narrative(path.stem) - {""}:
            head, _, tail = name.rpartition(".")
            asked = name in code or (head and tail in code and (head in code or "." in head))
            assert asked or name.startswith("script."), f"{path.name}: [{name}]"


@pytest.mark.parametrize("chapter", params.CHAPTERS)
def test_sentences_are_set_apart(chapter: str) -> None:
    """A template eats the end of a line after its marks, and with it the space that follows."""
    number = params.CHAPTERS.index(chapter) + 1
    path = ROOT / "tests" / "reference" / f"0{number}_{chapter}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    said = "\n".join(out.get("data", {}).get("text/markdown", "") for out in outputs)
    prose = re.sub(r"`[^`]*`|\$[^$]*\$|<[^>]*>", " ", said)
    assert len(prose) > 500
    assert re.findall(r"\w+[.:;][A-Z][a-z]+", prose) == []


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_every_formula_is_whole(path: Path) -> None:
    """A formula cut by a line's end would be shown as it is written."""
    for name, block in read_blocks(path).items():
        plain = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", "", block, flags=re.DOTALL)
        page = BeautifulSoup(to_html(plain), "html.parser")
        for element in page.find_all(["math", "code"]):
            element.decompose()
        assert "$" not in page.get_text(), name
