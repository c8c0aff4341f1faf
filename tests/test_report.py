"""The report, built from small executed notebooks that each test can change."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import matplotlib.pyplot as plt
import nbformat
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from pmlib.artifacts import Number, numbers_to_records, write_json
from pmlib.errors import StudyError
from pmlib.params import CHAPTERS, Parameters
from pmlib.report.build import FRAME, build_report
from pmlib.report.chapter import Chapter

TITLES = {
    "data_profiling": "Data profiling: what is there?",
    "segmentation": "Segmentation: who are the customers?",
    "association_analysis": "Association analysis: what goes together?",
    "strategy_design": "Strategy: whom to offer what?",
    "campaign_evaluation": "Evaluation: what did it change?",
}
STUDY = {
    "name": "casebank",
    "title": "casebank, a simulated bank",
    "description": "A simulated bank of <b>no</b> importance.",
    "licence": "MIT",
    "citation": "",
    "simulated": True,
    "as_of": "2025-12-31",
    "currency": "EUR",
    "fingerprint": "0123456789abcdef",
    "attributes": {
        "income": {
            "label": "Income",
            "unit": "EUR",
            "role": "feature",
            "known_before_contact": True,
        }
    },
    "structural_pairs": [["loan", "loan_order"]],
    "channels": [],
    "tables": ["contacts", "customers", "holdings"],
    "rows": {"customers": 20000},
    "sources": [],
}


def shown(call: str, *arguments: Any, **settings: Any) -> list[Any]:
    """The outputs that a notebook would keep of one call of the chapter."""
    chapter = Chapter(
        "segmentation",
        Path("unused"),
        params=Parameters(),
        study=SimpleNamespace(currency="EUR", as_of=None),
        engine=None,
    )
    outputs = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "pmlib.report.chapter.display",
            lambda item, metadata: outputs.append(
                new_output("display_data", data={"text/html": item.data}, metadata=metadata)
            ),
        )
        getattr(chapter, call)(*arguments, **settings)
    return outputs


def figure(label: str, caption: str = "How many there are.") -> Any:
    drawing, axes = plt.subplots(figsize=(3, 2))
    axes.plot([1, 2], [3, 4])
    plt.close(drawing)
    data = pd.DataFrame({"x": [1, 2], "y": [3.0, 4.5]})
    outputs = shown("figure", drawing, label, caption=caption, alt="A rising line.", data=data)
    return new_code_cell(f'chapter.figure(draw(), "{label}")', outputs=outputs)


def table(label: str, frame: pd.DataFrame, caption: str = "What there is.", **settings: Any) -> Any:
    outputs = shown("table", frame, label, caption=caption, **settings)
    return new_code_cell(f'chapter.table(frame, "{label}")', outputs=outputs)


def said(text: str) -> Any:
    output = new_output("display_data", data={"text/markdown": text, "text/plain": "<Markdown>"})
    return new_code_cell("chapter.say(text)", outputs=[output])


class Run:
    """A run folder with five chapters that hold a title and what a test adds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cells: dict[str, list[Any]] = {name: [] for name in CHAPTERS}
        self.study = dict(STUDY)
        self.numbers = [Number("n_segments", 4, "count", meaning="Segments found")]

    def add(self, *cells: Any, chapter: str = "segmentation") -> None:
        for cell in cells:
            self.cells[chapter].append(new_markdown_cell(cell) if isinstance(cell, str) else cell)

    def build(self) -> BeautifulSoup:
        (self.folder / "notebooks").mkdir(parents=True, exist_ok=True)
        for position, (name, cells) in enumerate(self.cells.items(), start=1):
            title = new_markdown_cell(f"# {TITLES[name]}")
            notebook = new_notebook(cells=[title, *cells])
            for number, cell in enumerate(notebook.cells):
                cell.id = f"cell-{number}"
            nbformat.write(notebook, self.folder / "notebooks" / f"{position:02}_{name}.ipynb")
        records = numbers_to_records(self.numbers)
        results = {record["key"]: record | {"chapter": "segmentation"} for record in records}
        write_json(results, self.folder / "results.json")
        parameters = Parameters().model_dump(mode="json")
        write_json(
            {"study": self.study, "parameters": parameters, "stages": {"seconds": 1.5}},
            self.folder / "run.json",
        )
        return BeautifulSoup(build_report(self.folder).read_text("utf-8"), "html.parser")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "run")


def text_of(element: Any) -> str:
    return " ".join(element.get_text().split())


def test_chapters_follow_introduction_and_theory_in_order(run: Run) -> None:
    page = run.build()
    titles = [text_of(h) for h in page.select("section.chapter h2")]
    assert titles[2:7] == [
        f"{number} {title}" for number, title in enumerate(TITLES.values(), start=3)
    ]


def test_sections_are_numbered_within_their_chapter(run: Run) -> None:
    run.add("## First", "### Detail", "## Second", "### Detail")
    headings = [
        text_of(h) for h in run.build().select("#sec-segmentation h3, #sec-segmentation h4")
    ]
    assert headings == ["4.1 First", "4.1.1 Detail", "4.2 Second", "4.2.1 Detail"]


def test_figures_tables_and_equations_are_counted_apart(run: Run) -> None:
    frame = pd.DataFrame({"product": ["card"], "share": [0.5]})
    run.add(figure("fig-a"), table("tbl-a", frame), figure("fig-b"), "$$\nx = 1\n$$\n{#eq-x}")
    page = run.build()
    assert [text_of(n) for n in page.select("#sec-segmentation figcaption .pm-number")] == [
        "Figure 4.1",
        "Table 4.1",
        "Figure 4.2",
    ]
    assert text_of(page.select_one("#eq-x .pm-equation-number")) == "(4.1)"


def test_references_point_backwards_and_forwards(run: Run) -> None:
    run.add("See @fig-late, @sec-deep and @eq-x.", "## Deep {#sec-deep}", "$$x = 1$$ {#eq-x}")
    run.add(figure("fig-late"), chapter="campaign_evaluation")
    links = run.build().select("#sec-segmentation a.pm-ref")
    assert [(link["href"], text_of(link)) for link in links] == [
        ("#fig-late", "Figure 7.1"),
        ("#sec-deep", "Section 4.1"),
        ("#eq-x", "Equation (4.1)"),
    ]


def test_reference_in_a_caption_is_filled(run: Run) -> None:
    run.add(figure("fig-a", "As @fig-a shows [@holm1979simple]: $x^2$ and a@b.cd."))
    caption = run.build().select_one("#fig-a figcaption")
    assert text_of(caption).startswith("Figure 4.1 As Figure 4.1 shows (Holm, 1979): ")
    assert caption.find("msup") is not None


def test_unknown_label_is_an_error_that_names_the_nearest(run: Run) -> None:
    run.add(figure("fig-lorenz"), "See @fig-lorens.")
    with pytest.raises(StudyError, match=r"@fig-lorens[\s\S]*Did you mean @fig-lorenz\?"):
        run.build()


def test_figure_that_lacks_its_data_is_said_to_be_absent(run: Run) -> None:
    run.add("See @fig-net.", new_code_cell('if chapter.has("holdings"):\n    show("fig-net")'))
    mark = run.build().select_one("#sec-segmentation .pm-absent-ref")
    assert text_of(mark) == "a figure that this study has no data for"


def test_label_used_twice_is_an_error(run: Run) -> None:
    run.add(figure("fig-a"), figure("fig-a"))
    with pytest.raises(StudyError, match="share a label"):
        run.build()


def test_only_cited_works_are_listed_by_author(run: Run) -> None:
    run.add("Known [@webb2007significant, p. 3; @holm1979simple].")
    page = run.build()
    assert "(Webb, 2007, p. 3; Holm, 1979)" in text_of(page.select_one("#sec-segmentation"))
    listed = [item["id"] for item in page.select(".pm-references li")]
    assert {"ref-webb2007significant", "ref-holm1979simple"} <= set(listed)
    assert "ref-howard2021confidence" not in listed


def test_unknown_citation_is_an_error_that_names_the_nearest(run: Run) -> None:
    run.add("Known [@webb2007signifcant].")
    with pytest.raises(StudyError, match="Did you mean @webb2007significant"):
        run.build()


def test_formula_becomes_mathml_and_money_stays_text(run: Run) -> None:
    run.add(r"With $\frac{a}{b}$ it costs $5 and $6.")
    paragraph = run.build().select_one("#sec-segmentation > p")
    assert paragraph.find("mfrac") is not None
    assert text_of(paragraph).endswith("it costs $5 and $6.")


def test_formula_that_cannot_be_shown_is_an_error(run: Run) -> None:
    run.add("$$\n\\begin{aligned} a &= b \\end{aligned}\n$$")
    with pytest.raises(StudyError, match="A formula cannot be shown"):
        run.build()


def test_html_in_data_is_shown_not_run(run: Run) -> None:
    frame = pd.DataFrame({"product": ["<script>alert(1)</script> @fig-x [@y] $a$"], "n": [1]})
    run.add(table("tbl-a", frame))
    page = run.build()
    cell = page.select_one("#tbl-a tbody th")
    assert text_of(cell) == "<script>alert(1)</script> @fig-x [@y] $a$"
    assert len(page.find_all("script")) == 1


def test_html_in_the_description_of_a_study_is_shown_not_run(run: Run) -> None:
    page = run.build()
    assert "<b>no</b>" in text_of(page.select_one(".cover-description"))
    assert "<b>no</b>" in text_of(page.select_one("#sec-introduction"))


def test_same_run_gives_same_bytes(run: Run) -> None:
    run.add(figure("fig-a"), table("tbl-a", pd.DataFrame({"a": ["x"], "b": [1.5]})))
    run.build()
    first = {
        p.relative_to(run.folder): p.read_bytes() for p in run.folder.rglob("*.*") if p.is_file()
    }
    run.build()
    again = {
        p.relative_to(run.folder): p.read_bytes() for p in run.folder.rglob("*.*") if p.is_file()
    }
    assert first == again


def test_nothing_is_fetched_and_only_references_lead_outside(run: Run) -> None:
    run.add(figure("fig-a"))
    page = run.build()
    sources = [tag["src"] for tag in page.select("[src]")]
    assert sources
    assert all(source.startswith("data:") for source in sources)
    outside = [link for link in page.select("a[href]") if not link["href"].startswith("#")]
    assert all("pm-external" in link.get("class", []) for link in outside)
    policy = page.find("meta", attrs={"http-equiv": "Content-Security-Policy"})["content"]
    assert policy.startswith("default-src 'none'")


def test_picture_from_outside_is_an_error(run: Run) -> None:
    run.add('<img src="https://example.org/x.png" alt="A picture.">')
    with pytest.raises(StudyError, match="fetch something from outside"):
        run.build()


def test_ids_are_unique_and_every_link_lands(run: Run) -> None:
    run.add("## Limits", figure("fig-a"))
    run.add("## Limits", chapter="strategy_design")
    page = run.build()
    ids = [tag["id"] for tag in page.select("[id]")]
    assert len(ids) == len(set(ids))
    inside = {link["href"][1:] for link in page.select("a[href^='#']")}
    assert inside <= set(ids)


def test_structure_for_screen_readers(run: Run) -> None:
    run.add(table("tbl-a", pd.DataFrame({"a": ["x"], "b": [1.5]})), figure("fig-a"))
    page = run.build()
    assert page.html["lang"] == "en"
    assert len(page.select("main")) == 1
    assert len(page.select("h1")) == 1
    assert page.select_one("a.skip")["href"] == "#main"
    assert all(image["alt"] for image in page.select("img"))
    assert all(head.get("scope") for head in page.select("th"))
    assert all(nav.get("aria-label") or nav.get("aria-labelledby") for nav in page.select("nav"))


@pytest.mark.parametrize(
    ("simulated", "origin"), [(True, "Simulated data."), (False, "Real data.")]
)
def test_every_figure_and_table_says_where_its_data_come_from(
    run: Run, simulated: bool, origin: str
) -> None:
    run.study["simulated"] = simulated
    run.add(figure("fig-a"), table("tbl-a", pd.DataFrame({"a": ["x"], "b": [1.5]})))
    marks = run.build().select("#sec-segmentation figcaption .pm-origin")
    assert [text_of(mark) for mark in marks] == [origin, origin]


def test_tables_and_figures_are_exported_under_their_numbers(run: Run) -> None:
    run.add(figure("fig-a"), table("tbl-a", pd.DataFrame({"a": ["=1+1"], "b": [-1.25]})))
    run.build()
    figures = {path.name: path.read_bytes() for path in (run.folder / "figures").iterdir()}
    assert figures["figure-4.1-a.csv"] == b"x,y\n1,3\n2,4.5\n"
    assert figures["figure-4.1-a.svg"].startswith(b"<?xml")
    # A spreadsheet must not run text as a formula; numbers stay numbers.
    assert (run.folder / "tables" / "table-4.1-a.csv").read_bytes() == b"a,b\n'=1+1,-1.25\n"


def test_code_is_folded_and_machine_dependent_cells_are_left_out(run: Run) -> None:
    injected = new_code_cell('run = "/machine/path"', metadata={"tags": ["injected-parameters"]})
    noisy = new_code_cell("work()", outputs=[new_output("stream", name="stdout", text="took 3 s")])
    run.add(injected, noisy)
    page = run.build()
    assert [text_of(code) for code in page.select("#sec-segmentation details pre")] == ["work()"]
    assert "took 3 s" not in page.get_text()


def test_notebook_with_an_error_is_refused(run: Run) -> None:
    error = new_output("error", ename="ValueError", evalue="no", traceback=[])
    run.add(new_code_cell("fail()", outputs=[error]))
    with pytest.raises(StudyError, match="not run to its end"):
        run.build()


def test_picture_without_caption_is_refused(run: Run) -> None:
    picture = base64.b64encode(b"x").decode()
    run.add(
        new_code_cell("plot()", outputs=[new_output("display_data", data={"image/png": picture})])
    )
    with pytest.raises(StudyError, match="picture without caption"):
        run.build()


def test_missing_chapter_is_named(run: Run) -> None:
    run.build()
    next((run.folder / "notebooks").glob("*_strategy_design.ipynb")).unlink()
    with pytest.raises(StudyError, match="strategy_design"):
        build_report(run.folder)


def test_failed_build_leaves_the_earlier_report(run: Run) -> None:
    run.build()
    before = (run.folder / "report.html").read_bytes()
    run.add("See @fig-none.")
    with pytest.raises(StudyError, match="points to nothing"):
        run.build()
    assert (run.folder / "report.html").read_bytes() == before


def test_sentence_fills_in_a_number(run: Run) -> None:
    run.add(said("There are **4** segments, see @sec-theory."))
    assert text_of(run.build().select_one(".pm-said")) == "There are 4 segments, see Chapter 2."


@pytest.mark.parametrize("simulated", [True, False])
@pytest.mark.parametrize(
    "tables", [["customers"], ["customers", "contacts"], ["customers", "holdings"]]
)
def test_frame_reads_for_every_kind_of_study(run: Run, simulated: bool, tables: list[str]) -> None:
    run.study |= {"simulated": simulated, "tables": ["customers", *tables], "attributes": {}}
    run.numbers = []
    text = run.build().get_text()
    assert not re.search(r"\{\{|\{%|\[@|@(fig|tbl|sec|eq)-", text)


def test_every_number_the_frame_quotes_is_recorded_somewhere() -> None:
    # Otherwise a renamed key would make its sentence vanish without anyone noticing.
    quoted = set()
    for path in FRAME.glob("*.md"):
        for keys in re.findall(r"has\(([^)]*)\)", path.read_text("utf-8")):
            quoted |= set(re.findall(r"'(\w+)'", keys))
    package = FRAME.parents[1] / "pmlib"
    code = "\n".join(path.read_text("utf-8") for path in package.rglob("*.py"))
    assert {key for key in quoted if f'"{key}"' not in code} == set()
