"""Names from the data are shown as text, whatever they hold: a whole run of a hostile bank."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from pmlib.figures.style import LONGEST_NAME
from pmlib.markup import ISOLATED, as_name
from tests.own_banks import HOSTILE, HOSTILE_STUDY, hostile, write
from tests.whole_runs import run_whole

WORD = re.compile(r"\w+")
OURS = {
    *WORD.findall("a body br button code dd details div dl dt em figcaption figure h1 h2 h3 h4 h5"),
    *WORD.findall("head header html i li link main meta nav ol p pre section small span strong"),
    *WORD.findall("style script sub summary sup svg table tbody td th thead title tr ul"),
}
"""Elements that texts, frame and Markdown make; those within formulas and drawings aside."""
DRAWN = set(WORD.findall("svg defs g path polyline marker use text clippath rect image pattern"))

pytestmark = pytest.mark.whole


@cache
def names() -> list[str]:
    """All hostile names as they are to be shown, the longest first."""
    frames = hostile().values()
    cells = {str(value) for frame in frames for c in frame.columns for value in frame[c].unique()}
    said = {HOSTILE_STUDY["title"], HOSTILE_STUDY["description"]}
    said |= {channel["name"] for channel in HOSTILE_STUDY["channels"]}
    said |= {attribute["label"] for attribute in HOSTILE_STUDY["attributes"].values()}
    found = {as_name(name) for name in cells | said if "ZQX" in name}
    return sorted(found, key=len, reverse=True)


def broken(text: str) -> list[str]:
    """Where a hostile name stands otherwise than whole."""
    text = " ".join(text.split())
    for name in names():
        text = text.replace(name, "")
    places = re.finditer("ZQX", text)
    return [text[max(found.start() - 40, 0) : found.end() + 40] for found in places]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    study = write(folder / "study", hostile(), **HOSTILE_STUDY)
    run_whole(folder / "run", study=study, sample_size=400, n_bootstrap=20, k_max=4)
    return folder / "run"


@pytest.fixture
def page(run: Path) -> BeautifulSoup:
    soup = BeautifulSoup((run / "report.html").read_text("utf-8"), "html.parser")
    for code in soup.select(".pm-code"):
        code.decompose()
    return soup


def test_no_name_becomes_an_element(page: BeautifulSoup) -> None:
    formulas, drawings = page.find_all("math"), page.find_all("svg")
    assert not [formula for formula in formulas if "ZQX" in formula.get_text()]
    drawn = {element.name for drawing in drawings for element in drawing.find_all(True)}
    assert drawn <= DRAWN
    for formula in formulas:
        formula.decompose()
    assert {element.name for element in page.find_all(True)} <= OURS | DRAWN
    assert len(page.find_all("script")) == 2
    assert len(page.find_all("style")) == 1


def blocks(page: BeautifulSoup) -> Iterator[str]:
    """Texts of the page that are read in one piece, figures aside, and all attributes."""
    for drawing in page.find_all("svg"):
        yield str(drawing["aria-label"])
        drawing.decompose()
    kinds = ["h1", "h2", "h3", "h4", "p", "li", "dd", "figcaption", "td", "th", "title", "em", "a"]
    yield from (block.get_text() for block in page.find_all(kinds))
    for element in page.find_all(True):
        yield from (value for value in element.attrs.values() if isinstance(value, str))


def test_every_name_is_shown_whole(page: BeautifulSoup) -> None:
    seen = " ".join(page.get_text().split())
    assert [name for name in map(as_name, HOSTILE.values()) if name not in seen] == []
    assert [place for text in blocks(page) for place in broken(text)] == []


def test_a_drawing_has_names_whole_or_cut_and_none_turns_what_stands_beside_it(
    page: BeautifulSoup,
) -> None:
    labels = [text.get_text() for text in page.select("svg text")]
    assert set(labels) & set(names())
    assert max(map(len, labels)) <= 3 * LONGEST_NAME
    assert any(label.startswith(f"ZQX {'fund ' * 8}"[: LONGEST_NAME - 8]) for label in labels)
    assert not [label for label in labels if "\u202e" in label]
    hebrew = [label for label in labels if "\u05e2" in label]
    assert hebrew
    for label in hebrew:
        assert [label.count(mark) for mark in ISOLATED] == [1, 1]


def test_files_have_the_names_whole(run: Path) -> None:
    results = json.loads((run / "results.json").read_text("utf-8"))
    assert [place for record in results.values() for place in broken(record["meaning"])] == []
    files = [*run.glob("tables/*.csv"), *run.glob("figures/*.csv")]
    read = [list(csv.reader(io.StringIO(path.read_text("utf-8")))) for path in files]
    cells = {cell for rows in read for row in rows for cell in row}
    assert not [cell for cell in cells if set(cell) & set(ISOLATED)]
    plain = {name.strip(ISOLATED) for name in names()}
    assert plain & cells
