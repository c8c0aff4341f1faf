"""In a language in which every letter is marked, only the data's own names and code are plain.

In Chinese only these, and abbreviations, are in Latin letters.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from string import ascii_letters
from typing import Any

import duckdb
import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_output

from pmlib import params, studies
from pmlib.files import read_json, write_json
from pmlib.notebooks import NOTEBOOKS, put_prose
from pmlib.params import CHAPTERS, PSEUDO, Parameters
from pmlib.report.build import FRAME, build_report
from pmlib.runner.request import study_record
from pmlib.runner.run import merge_results
from pmlib.studies.columns_spec import MarketingSpec
from pmlib.texts import Language, open_language
from pmlib.texts.pseudo import marked, write
from tests.texts.test_languages import SAME

SMALL = [("n_customers", "2000"), ("n_months", "12"), ("sample_size", "600"),
         ("n_bootstrap", "10"), ("k_max", "6")]  # fmt: skip
WORD = re.compile(r"[A-Za-z]{2,}")
MARKED = re.compile(f"[{''.join(marked(ascii_letters))}\u4e00-\u9fff]")
# What a reader may type: keys and codes of several words, citations, references.
TYPED = re.compile(r"\b[a-z]+(?:_[a-z0-9]+)+\b|\[@[^\]]*\]|@(?:fig|tbl|sec|eq)-[\w-]+")

# Code that a reader meets as such: files and folders, arms, currency, formats, features, tables.
CODE = {"run", "all", "py", "results", "json", "tables", "figures", "csv", "study", "yaml",
        "private", "control", "offer", "EUR", "md", "SHA", "True", "False", "html", PSEUDO,
        "benefit", "price", "tone", "staff", "owner",
        "age", "recency", "tenure", "frequency", "prospects"}  # fmt: skip


@pytest.fixture(
    scope="module", params=[pytest.param(code, marks=pytest.mark.whole) for code in (PSEUDO, "zh")]
)
def spoken(request: pytest.FixtureRequest) -> Language:
    return Language(write()) if request.param == PSEUDO else open_language(request.param)


@pytest.fixture(scope="module")
def run(spoken: Language, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of the small simulated bank: all five notebooks' cells, run in this process."""
    folder = tmp_path_factory.mktemp("spoken")
    settings = [*SMALL, ("language", spoken.folder.name)]
    values = params.resolve(
        overrides=studies.load_spec("casebank").parameters, assignments=settings
    )
    study = studies.prepare("casebank", values)
    write_json(
        {"study": study_record(study), "parameters": values.model_dump(mode="json")},
        folder / "run.json",
    )
    (folder / "notebooks").mkdir()
    for number, chapter in enumerate(CHAPTERS, start=1):
        execute(f"0{number}_{chapter}", chapter, folder, values, spoken)
    merge_results(folder)
    build_report(folder)
    return folder


def execute(name: str, chapter: str, folder: Path, values: Parameters, language: Language) -> None:
    """Run a notebook's cells and keep what they show, without a kernel."""
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    put_prose(notebook, chapter, language)
    content = values.model_dump(mode="json")
    namespace: dict[str, Any] = {"study": "casebank", "run": str(folder), "engine": "duckdb"}
    namespace |= {name: content[name] for name in params.names_of(chapter)}
    with pytest.MonkeyPatch.context() as patch:
        for cell in notebook.cells:
            if cell.cell_type != "code" or "parameters" in cell.metadata.get("tags", []):
                continue
            shown: list[Any] = []

            def display(item: Any, metadata: Any = None, shown: list[Any] = shown) -> None:
                kind = "text/html" if "HTML" in type(item).__name__ else "text/markdown"
                data = {kind: item.data}
                shown.append(new_output("display_data", data=data, metadata=metadata or {}))

            patch.setattr("pmlib.chapter.display", display)
            exec(compile(cell.source, name, "exec"), namespace)  # the project's own notebook
            cell.outputs = shown
    namespace["chapter"].engine.close()
    nbformat.write(notebook, folder / "notebooks" / f"{name}.ipynb")


@dataclass(frozen=True)
class Own:
    """What comes from the data, the study's description and code.

    A text may consist of the `words` of names alone; in a sentence only a whole name passes.
    """

    names: re.Pattern[str]
    words: frozenset[str]
    code: Set[str]


@pytest.fixture(scope="module")
def own(run: Path, spoken: Language) -> Own:
    content = read_json(run / "run.json")
    study, spec = content["study"], studies.load_spec("casebank")
    names = [study["title"], study["description"], study["licence"], study["name"], *spec.notes]
    names += [rule.label for rule in spec.eligibility]
    names += [field for a in study["attributes"].values() for field in (a["label"], a["unit"])]
    names += [str(value) for value in Parameters().model_dump(mode="json").values()]
    columns = [*Parameters.model_fields, *MarketingSpec.model_fields]
    tables = studies.prepare("casebank", Parameters(**content["parameters"])).tables
    for table, path in tables.items():
        rows = duckdb.read_parquet(str(path))
        columns += [table, *rows.columns]
        for name, kind in zip(rows.columns, rows.types, strict=True):
            if kind == "VARCHAR" and name != "customer_id":
                names += [value for (value,) in rows.unique(name).fetchall() if value]
    columns += list(params.describe()["type"])
    bibliography = (FRAME / "references.bib").read_text("utf-8")
    authors = re.findall(r"^\s*author\s*=\s*[{\"](.*)[}\"]", bibliography, flags=re.MULTILINE)
    names += [word for text in authors for word in WORD.findall(text)] + ["et al"]
    names += [f"{marked('table')} {table}" for table in tables]
    names = [name for name in names if WORD.search(name)]
    cases = {case(n[:1]) + n[1:] for n in names for case in (str, str.upper, str.lower)}
    longest = sorted(cases, key=len, reverse=True)
    words = {word for name in (*names, *columns) for word in WORD.findall(name)}
    pattern = r"(?<![A-Za-z])(?:" + "|".join(map(re.escape, longest)) + r")(?![A-Za-z])"
    code: Set[str] = CODE
    if spoken.folder.name != PSEUDO:  # Chinese sets names between its signs, without room
        called = study.get("names", {}).get(spoken.folder.name, {})
        levels = [str(c) for f in spoken.catalogue["facts"].values() for c in f.get("levels", ())]
        between = (*columns, *called.values(), *levels, spoken.folder.name)
        code = CODE | SAME | {word for name in between for word in WORD.findall(name)}
    words |= code
    return Own(re.compile(pattern), frozenset(words | {word.lower() for word in words}), code)


def unmarked(texts: Iterable[str], own: Own) -> dict[str, str]:
    """Unmarked words that are not the data's own, each with where it stands."""
    found = {}
    for text in map(unescape, texts):
        plain = WORD.findall(TYPED.sub(" ", text))
        names_only = {word.lower() for word in plain} <= own.words and not MARKED.search(text)
        if names_only or " | " in text:  # a choice of literals
            continue
        left = WORD.findall(own.names.sub(" ", TYPED.sub(" ", text)))
        found |= {word: text.strip()[:160] for word in left if word not in own.code}
    return found


def prose(page: str) -> Iterator[str]:
    """What a reader of a page sees: text and attributes, without code, formulas and citations."""
    soup = BeautifulSoup(page, "html.parser")
    gone = "script, style, math, code, pre, .pm-cite, .pm-references, .pm-code pre, svg"
    yield from (str(drawing["aria-label"]) for drawing in soup.find_all("svg"))
    for element in soup.select(gone):
        element.decompose()
    for element in soup.find_all(True):
        yield from (str(element[n]) for n in ("alt", "aria-label", "title") if element.get(n))
    yield from map(str, soup.find_all(string=True))


def test_places_to_fill_in_markup_and_code_survive_the_marking() -> None:
    source = "[tbl-x] The *{{ n }}* of `code`, see @sec-y [@who2020]: $x^2$ &amp; <b>{n}</b>"
    expected = "[tbl-x] Ṭḥẹ *{{ n }}* ọḟ `code`, ṣẹẹ @sec-y [@who2020]: $x^2$ &amp; <b>{n}</b>"
    assert marked(source) == expected


def test_no_unmarked_word_in_the_report(run: Path, own: Own) -> None:
    assert unmarked(prose((run / "report.html").read_text("utf-8")), own) == {}


def test_no_unmarked_word_in_a_figure(run: Path, own: Own) -> None:
    drawn = [
        text
        for path in sorted((run / "figures").glob("*.svg"))
        for text in re.findall(r"<text[^>]*>(.*?)</text>", path.read_text("utf-8"), flags=re.DOTALL)
    ]
    assert len(drawn) > 100
    assert unmarked(drawn, own) == {}


def test_no_unmarked_word_in_a_table(run: Path, own: Own) -> None:
    cells = [
        cell
        for folder in ("tables", "figures")
        for path in sorted((run / folder).glob("*.csv"))
        for row in list(csv.reader(io.StringIO(path.read_text("utf-8"))))[1:]
        for cell in row
    ]
    assert unmarked(cells, own) == {}


def test_no_unmarked_word_in_what_notebooks_show(run: Path, own: Own) -> None:
    shown = []
    for path in sorted((run / "notebooks").glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", []):
                shown += [text for part in output.data.values() for text in prose(part)]
    assert unmarked(shown, own) == {}


def test_no_unmarked_meaning_in_the_results(run: Path, own: Own) -> None:
    records = read_json(run / "results.json").values()
    assert unmarked((record["meaning"] for record in records), own) == {}
