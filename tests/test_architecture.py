"""docs/ARCHITECTURE.md says of the house what the house is."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = runpy.run_path(str(ROOT / "docs" / "modules.py"))
TEXT = (ROOT / "docs" / "ARCHITECTURE.md").read_text("utf-8")


def test_every_package_has_its_row_and_every_row_its_package() -> None:
    assert set(MODULES["places"](TEXT)) == set(MODULES["first_level"]())


def test_the_descriptions_are_those_of_the_code() -> None:
    assert MODULES["written"](TEXT) == TEXT, "make map writes them"


def test_the_rows_stand_in_the_order_of_their_layers() -> None:
    layers = [layer for layer, _ in MODULES["places"](TEXT).values()]
    assert layers == sorted(layers)


@pytest.mark.parametrize("path", sorted((ROOT / "pmlib").rglob("*.py")), ids=lambda path: path.stem)
def test_every_module_says_what_it_is_in_one_sentence(path: Path) -> None:
    said = MODULES["sentence"](path)
    assert said.endswith((".", "?"))
    assert len(said) <= 100


DOCUMENTS = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_document_links_to_what_is_there(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text("utf-8"))
    for link in links:
        assert link.startswith("https://") or (document.parent / link).exists(), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_document_names_code_that_is_there(document: Path) -> None:
    """`module.name`, `package/module` and `package/module.name`, where the first is pmlib's."""
    named = re.findall(r"`([a-z]+)(?:/([a-z_]+))?(?:\.(\w+))?`", document.read_text("utf-8"))
    for first, module, name in named:
        place = ROOT / "pmlib" / first
        if module and place.is_dir() and first != "texts":  # texts/en is a folder of words
            place = (place / module).with_suffix(".py")
        elif not module and name and place.with_suffix(".py").is_file():
            place = place.with_suffix(".py")
        else:
            continue
        assert place.is_file(), f"{first}/{module}"
        assert not name or re.search(rf"\b{name}\b", place.read_text("utf-8")), f"{place}: {name}"


def test_a_new_row_is_filled_in_from_the_docstring() -> None:
    table = "| 0 | `errors` | to be written |\n"
    assert MODULES["written"](table) == (
        f"| 0 | `errors` | {MODULES['sentence'](ROOT / 'pmlib' / 'errors.py')} |\n"
    )
