"""The report, built from small executed notebooks.

`page` is one report with a bit of everything, built once; a test that needs another takes `run`.
"""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import nbformat
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from pmlib.chapter import Chapter
from pmlib.errors import StudyError
from pmlib.figures.style import Drawing, new_figure
from pmlib.files import write_frame, write_json
from pmlib.numbers import Fact, Finding, Number, to_records
from pmlib.params import CHAPTERS, PROJECT, TEXTS, Parameters
from pmlib.report.bibliography import Bibliography
from pmlib.report.build import AFTER, APPENDICES, BEFORE, FRAME, build_report
from pmlib.report.hypotheses import hypotheses
from pmlib.report.layout import FOLDED
from pmlib.report.numbering import Part, tidy_tables
from pmlib.report.parts import frame_part
from pmlib.report.summary import decisions, promise_figure
from pmlib.texts import PAGE, Language, Words, open_language

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
    "value_is": "margin",
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


class _Headed(dict):
    """Columns of a test's tables: any name heads its column as it is."""

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ARG002
        return {"label": name.replace("_", " ").capitalize()}


def shown(part: Any, finding: Finding, **texts: str) -> list[Any]:
    """The outputs that a notebook would keep of one part of a finding."""
    language = Language(TEXTS / "en")
    language._blocks["segmentation"] = {name.replace("__", "."): t for name, t in texts.items()}
    language.catalogue = {**language.catalogue, "columns": _Headed()}
    outputs = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pmlib.chapter.open_language", lambda _: language)
        chapter = Chapter(
            "segmentation",
            Path("unused"),
            params=Parameters(),
            study=SimpleNamespace(currency="EUR", as_of=None, names={}, rare={}),
            engine=None,
        )
        patch.setattr(
            "pmlib.chapter.display",
            lambda item, metadata: outputs.append(
                new_output("display_data", data={"text/html": item.data}, metadata=metadata)
            ),
        )
        chapter.show(finding, part)
    return outputs


def figure(label: str, caption: str = "How many there are.") -> Any:
    def draw(found: Finding, words: Words) -> Any:  # noqa: ARG001
        figure = new_figure(2)
        figure.add_subplot().plot(found.table["x"], found.table["y"])
        return figure

    data = Finding(pd.DataFrame({"x": [1, 2], "y": [3.0, 4.5]}))
    texts = {label: caption, f"{label}__alt": "A rising line."}
    outputs = shown(Drawing(label, "", draw), data, **texts)
    return new_code_cell(f'chapter.show(found, "{label}")', outputs=outputs)


def table(label: str, frame: pd.DataFrame, caption: str = "What there is.") -> Any:
    outputs = shown(label, Finding(frame), **{label: caption})
    return new_code_cell(f'chapter.show(found, "{label}")', outputs=outputs)


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
        records = to_records(self.numbers)
        results = {record["key"]: record | {"chapter": "segmentation"} for record in records}
        write_json(results, self.folder / "results.json")
        parameters = Parameters().model_dump(mode="json")
        write_json(
            {"study": self.study, "parameters": parameters, "stages": {"seconds": 1.5}},
            self.folder / "run.json",
        )
        return BeautifulSoup(build_report(self.folder).read_text("utf-8"), "html.parser")

    def files(self) -> dict[str, bytes]:
        found = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in found}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "run")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = Run(tmp_path_factory.mktemp("whole"))
    hostile = pd.DataFrame({"a": ["<script>alert(1)</script> @fig-x [@y] $a$"], "b": [-1.25]})
    run.add(
        "See @fig-late, @sec-deep, @eq-x and @sec-cards.",
        "Known [@webb2007significant, p. 3; @holm1979simple].",
        r"With $\frac{a}{b}$ it costs $5 and $6.",
        "Text may speak of `<img src=x>`, url(x) and @import.",
        "## First",
        "### Detail",
        "## Deep {#sec-deep}",
        "### Detail",
        "$$\nx = 1\n$$\n{#eq-x}",
        figure("fig-a", "As @fig-a shows [@holm1979simple]: $x^2$ and a@b.cd. More."),
        table("tbl-a", hostile),
        figure("fig-b"),
        said("There are **4** segments, see @sec-theory."),
        new_code_cell('run = "/a/path"', metadata={"tags": ["injected-parameters"]}),
        new_code_cell("work()", outputs=[new_output("stream", name="stdout", text="took 3 s")]),
    )
    run.add("## First", table("tbl-f", pd.DataFrame({"a": ["=1+1"]})), chapter="strategy_design")
    run.add(figure("fig-late"), chapter="campaign_evaluation")
    run.build()
    return run


@pytest.fixture(scope="module")
def page(whole: Run) -> BeautifulSoup:
    return BeautifulSoup((whole.folder / "report.html").read_text("utf-8"), "html.parser")


def say(block: str, **quotes: Any) -> str:
    return open_language("en").render(PAGE, block, quotes, plain=True)


def text_of(element: Any) -> str:
    return " ".join(element.get_text().split())


# --- numbers and references -----------------------------------------------------------------------


def test_chapters_follow_introduction_and_theory_in_order(page: BeautifulSoup) -> None:
    titles = [text_of(heading) for heading in page.select("section.chapter h2")]
    assert titles[2:7] == [
        f"{number} {title}" for number, title in enumerate(TITLES.values(), start=3)
    ]


def test_sections_are_numbered_within_their_chapter(page: BeautifulSoup) -> None:
    headings = [text_of(heading) for heading in page.select("#sec-segmentation :is(h3, h4)")]
    assert headings == ["4.1 First", "4.1.1 Detail", "4.2 Deep", "4.2.1 Detail"]


def test_figures_tables_and_equations_are_counted_apart(page: BeautifulSoup) -> None:
    numbers = [text_of(n) for n in page.select("#sec-segmentation figcaption .pm-number")]
    assert numbers == ["Figure 4.1", "Table 4.1", "Figure 4.2"]
    assert text_of(page.select_one("#eq-x .pm-equation-number")) == "(4.1)"


def test_references_point_backwards_and_forwards(page: BeautifulSoup) -> None:
    links = page.select("#sec-segmentation > p a.pm-ref")
    assert [(link["href"], text_of(link)) for link in links] == [
        ("#fig-late", "Figure 7.1"),
        ("#sec-deep", "Section 4.2"),
        ("#eq-x", "Equation (4.1)"),
    ]


def test_caption_may_hold_references_citations_and_formulas(page: BeautifulSoup) -> None:
    caption = page.select_one("#fig-a figcaption")
    assert text_of(caption).startswith("Figure 4.1 As Figure 4.1 shows (Holm, 1979): ")
    assert caption.find("msup") is not None


def test_list_of_figures_takes_the_first_sentence_of_a_caption(page: BeautifulSoup) -> None:
    entries = [text_of(link) for link in page.select("nav.contents a[href='#fig-b']")]
    assert entries == ["4.2 How many there are."]


@pytest.mark.parametrize("title", ["Segments: who they are", "Segments：客户是谁？", "Segments"])
def test_short_title_ends_at_the_colon_of_any_language(title: str) -> None:
    page = BeautifulSoup("<h1></h1>", "html.parser")
    assert Part("segmentation", page, title=title).short_title == "Segments"


@pytest.mark.parametrize(
    ("caption", "listed"),
    [
        ("Profit against the budget (above: without it). More.", "Profit against the budget"),
        (
            "Effects (with intervals) of each offer: by cell.",
            "Effects of each offer",
        ),
        ("各预算下的利润（上图：不计试点成本）。", "各预算下的利润。"),
    ],
)
def test_title_in_a_list_has_no_parentheses(run: Run, caption: str, listed: str) -> None:
    run.add(figure("fig-a", caption))
    page = run.build()
    assert text_of(page.select_one("nav.contents a[href='#fig-a'] span:last-child")) == listed


def test_sentence_refers_to_a_chapter(page: BeautifulSoup) -> None:
    assert text_of(page.select_one(".pm-said")) == "There are 4 segments, see Chapter 2."


def test_section_that_lacks_its_data_is_said_to_be_absent(page: BeautifulSoup) -> None:
    mark = page.select_one("#sec-segmentation .pm-absent-ref")
    assert text_of(mark) == "a section that this study has no data for"


def test_what_the_study_lacks_is_left_out_and_may_be_referred_to(run: Run) -> None:
    for table, label in (("transactions", "sec-drift"), ("contacts", "sec-cards")):
        method = new_markdown_cell(f"## By {table} {{#{label}}}")
        method.metadata["tags"] = [f"needs-{table}", "needs-truth"]
        run.add(method)
    run.add("See @sec-drift and @sec-cards.", chapter="strategy_design")
    text = text_of(run.build())
    assert "See a section that this study has no data for and Section 4.1." in text
    assert "By transactions" not in text


def test_exercises_stay_in_the_notebook(run: Run) -> None:
    task = new_markdown_cell("### Exercises")
    task.metadata["tags"] = ["exercises"]
    run.add(task)
    assert "Exercises" not in text_of(run.build())


def test_unknown_label_is_an_error_that_names_the_nearest(run: Run) -> None:
    run.add(figure("fig-lorenz"), "See @fig-lorens.")
    with pytest.raises(StudyError, match=r"@fig-lorens[\s\S]*Did you mean @fig-lorenz\?"):
        run.build()


def test_label_used_twice_is_an_error(run: Run) -> None:
    run.add(figure("fig-a"), figure("fig-a"))
    with pytest.raises(StudyError, match="share a label"):
        run.build()


# --- citations and formulas -----------------------------------------------------------------------


def test_only_cited_works_are_listed(page: BeautifulSoup) -> None:
    assert "(Webb, 2007, p. 3; Holm, 1979)" in text_of(page.select_one("#sec-segmentation"))
    listed = [item["id"] for item in page.select(".pm-references li")]
    assert {"ref-webb2007significant", "ref-holm1979simple"} <= set(listed)
    assert "ref-howard2021confidence" not in listed


def test_unknown_citation_is_an_error_that_names_the_nearest(run: Run) -> None:
    run.add("Known [@webb2007signifcant].")
    with pytest.raises(StudyError, match="Did you mean @webb2007significant"):
        run.build()


def test_formula_becomes_mathml_and_money_stays_text(page: BeautifulSoup) -> None:
    paragraph = page.select("#sec-segmentation > p")[2]
    assert paragraph.find("mfrac") is not None
    assert text_of(paragraph).endswith("it costs $5 and $6.")


def test_formula_that_cannot_be_shown_is_an_error(run: Run) -> None:
    run.add("$$\n\\begin{aligned} a &= b \\end{aligned}\n$$")
    with pytest.raises(StudyError, match="A formula cannot be shown"):
        run.build()


# --- what the report must never do ----------------------------------------------------------------


def test_html_in_data_is_shown_not_run(page: BeautifulSoup) -> None:
    cell = page.select_one("#tbl-a tbody th")
    assert text_of(cell) == "<script>alert(1)</script> @fig-x [@y] $a$"
    assert [tag.get("type") for tag in page.find_all("script")] == ["application/json", None]


def test_html_in_the_description_of_a_study_is_shown_not_run(page: BeautifulSoup) -> None:
    assert "<b>no</b>" in text_of(page.select_one(".cover-description"))
    assert "<b>no</b>" in text_of(page.select_one("#sec-dictionary"))


def test_same_run_gives_same_bytes(run: Run) -> None:
    run.add(figure("fig-a"), table("tbl-a", pd.DataFrame({"a": ["x"], "b": [1.5]})))
    run.build()
    first = run.files()
    run.build()
    assert run.files() == first


def test_nothing_is_fetched_and_only_references_lead_outside(page: BeautifulSoup) -> None:
    assert page.select("[src]") == []
    outside = [link for link in page.select("a[href]") if not link["href"].startswith("#")]
    assert all("pm-external" in link.get("class", []) for link in outside)
    policy = page.find("meta", attrs={"http-equiv": "Content-Security-Policy"})["content"]
    assert policy.startswith("default-src 'none'")


@pytest.mark.parametrize(
    "html",
    [
        '<img src="https://example.org/x.png" alt="A picture.">',
        '<img src="x.png" alt="A picture.">',
        '<p style="background: url(x.png)">A picture.</p>',
        "<style>@import 'x.css';</style>",
    ],
)
def test_what_would_be_fetched_is_an_error(run: Run, html: str) -> None:
    run.add(html)
    with pytest.raises(StudyError, match="fetch something from outside"):
        run.build()


def test_notebook_with_an_error_is_refused(run: Run) -> None:
    error = new_output("error", ename="ValueError", evalue="no", traceback=[])
    run.add(new_code_cell("fail()", outputs=[error]))
    with pytest.raises(StudyError, match="not run to its end"):
        run.build()


def test_picture_without_caption_is_refused(run: Run) -> None:
    data = {"image/png": base64.b64encode(b"x").decode()}
    run.add(new_code_cell("plot()", outputs=[new_output("display_data", data=data)]))
    with pytest.raises(StudyError, match="picture without caption"):
        run.build()


def test_missing_chapter_is_named_and_the_earlier_report_stays(run: Run) -> None:
    run.build()
    before = (run.folder / "report.html").read_bytes()
    next((run.folder / "notebooks").glob("*_strategy_design.ipynb")).unlink()
    with pytest.raises(StudyError, match="strategy_design"):
        build_report(run.folder)
    assert (run.folder / "report.html").read_bytes() == before


# --- what a reader finds --------------------------------------------------------------------------


def test_ids_are_unique_and_every_link_lands(page: BeautifulSoup) -> None:
    ids = [tag["id"] for tag in page.select("[id]")]
    assert len(ids) == len(set(ids))
    assert {link["href"][1:] for link in page.select("a[href^='#']")} <= set(ids)


def test_structure_for_screen_readers(page: BeautifulSoup) -> None:
    assert page.html["lang"] == "en"
    assert len(page.select("main")) == 1
    assert len(page.select("h1")) == 1
    assert page.select_one("a.skip")["href"] == "#main"
    assert all(image["alt"] for image in page.select("img"))
    assert all(head.get("scope") for head in page.select("th"))
    assert all(nav.get("aria-label") or nav.get("aria-labelledby") for nav in page.select("nav"))


def test_every_figure_and_table_of_a_chapter_says_that_its_data_are_simulated(
    page: BeautifulSoup,
) -> None:
    captions = page.select("#sec-segmentation figcaption")
    assert [text_of(caption)[-15:] for caption in captions] == ["Simulated data."] * 3


def test_code_is_folded_and_machine_dependent_cells_are_left_out(page: BeautifulSoup) -> None:
    code = [text_of(block) for block in page.select("#sec-segmentation details.pm-code pre")]
    assert code[-1] == "work()"
    assert "/a/path" not in page.get_text()
    assert "took 3 s" not in page.get_text()


def test_tables_and_figures_are_exported_under_their_numbers(whole: Run) -> None:
    files = whole.files()
    assert files["figures/figure-4.1-a.csv"] == b"x,y\n1,3\n2,4.5\n"
    assert files["figures/figure-4.1-a.svg"].startswith(b"<?xml")
    assert files["tables/table-4.1-a.csv"].endswith(b",-1.25\n")


def test_the_framework_is_exported_as_a_drawing_and_as_the_words_in_its_boxes(whole: Run) -> None:
    files = whole.files()
    drawing = ET.fromstring(files["figures/figure-2.1-framework.svg"])  # noqa: S314 - our own
    texts = " ".join(element.text or "" for element in drawing.iter() if "text" in element.tag)
    table = pd.read_csv(io.BytesIO(files["figures/figure-2.1-framework.csv"]))
    assert len(table) == 6
    assert {"box", "asks", "found"} == set(table.columns)
    for words in table.to_numpy().ravel():
        assert set(words.split()) <= set(texts.split())


def test_every_work_in_the_list_of_references_is_cited_or_named_as_a_source() -> None:
    keys = re.findall(
        r"^@\w+\{([^,]+),", (FRAME / "references.bib").read_text("utf-8"), re.MULTILINE
    )
    places = [*(PROJECT / "pmlib").rglob("*.py"), *(TEXTS / "en").glob("*.md")]
    places += (PROJECT / "data").glob("*/study.yaml")
    text = "".join(path.read_text("utf-8") for path in places)
    assert [key for key in keys if key not in text] == []


def test_a_work_that_holds_the_data_is_cited_whether_or_not_the_commit_is_known() -> None:
    for commit in (None, "abc"):
        quotes = {
            "program": {"version": "1", "commit": commit, "day": None},
            "study": STUDY | {"citation": "hillstrom2008minethatdata"},
            "settings": {"seed": "1"},
            "a_firm": "a bank",
        }
        said = open_language("en").render("notation", "", quotes)
        assert ("[@hillstrom2008minethatdata]" in said, "not known" in said) == (True, not commit)


def test_spreadsheet_does_not_run_exported_text_as_a_formula(whole: Run) -> None:
    assert whole.files()["tables/table-6.1-f.csv"] == b"a\n'=1+1\n"


# --- the texts around the chapters, and the committed notebooks -----------------------------------


@pytest.mark.parametrize(
    ("simulated", "tables"), [(True, []), (False, ["contacts"]), (False, ["holdings"])]
)
def test_frame_reads_for_every_kind_of_study(run: Run, simulated: bool, tables: list[str]) -> None:
    run.study |= {"simulated": simulated, "tables": ["customers", *tables], "attributes": {}}
    run.numbers = []
    text = text_of(run.build())
    assert not re.search(r"\{\{|\{%|\[@|@(fig|tbl|sec|eq)-", text)
    assert ("The data are simulated" in text) is simulated
    assert ("no record of campaigns" in text) is ("contacts" not in tables)


def test_every_number_the_frame_quotes_is_recorded_somewhere() -> None:
    # Otherwise a renamed key would make its sentence vanish without anyone noticing.
    frame = "".join(path.read_text("utf-8") for path in (TEXTS / "en").glob("*.md"))
    quoted = {key for keys in re.findall(r"has\(([^)]*)\)", frame) for key in keys.split("'")[1::2]}
    code = "".join(path.read_text("utf-8") for path in (PROJECT / "pmlib").rglob("*.py"))
    templates = [
        re.sub(r"\\{.*?\\}", r"\\w+", re.escape(key)) for key in re.findall(r'f?"([\w{}.]+)"', code)
    ]
    known = re.compile("|".join(set(templates)))
    assert {key for key in quoted if not known.fullmatch(key)} == set()


def test_texts_cite_and_refer_to_what_exists_under_labels_of_their_own() -> None:
    bibliography, language = Bibliography(FRAME / "references.bib"), open_language("en")
    frame = [path.stem for path in language.folder.glob("*.md") if path.stem not in CHAPTERS]
    places = {f"sec-{name}" for name in ("abstract", *BEFORE, *AFTER, *APPENDICES, "validation")}
    places |= {f"sec-{name.replace('_', '-')}" for name in CHAPTERS}
    owners = dict.fromkeys(places, "frame")
    for name in (*frame, *CHAPTERS):
        text = "\n".join(language.blocks(name).values())
        labels = language.labels(name) | set(re.findall(r"id=.((?:sec|tbl)-[\w-]+)", text))
        assert {label: owners[label] for label in labels if label in owners} == {}
        owners |= dict.fromkeys(labels, name)
    for name in (*frame, *CHAPTERS):
        text = "\n".join(language.blocks(name).values())
        wanted = set(re.findall(r"(?<![\w@])@((?:fig|tbl|sec|eq)-[\w-]*\w)", text))
        assert wanted - set(owners) == set(), name
        for keys in re.findall(r"\[(@[A-Za-z][\w:-]*[^\]\[]*)\]", text):
            bibliography.cite(keys, where=name)


def test_of_a_long_sortable_table_the_first_rows_are_printed():
    rows = "".join(f"<tr><td>{i}</td></tr>" for i in range(21))
    page = BeautifulSoup(
        '<figure id="tbl-a"><table class="pm-sortable"><thead><tr><th>n</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></figure>",
        "html.parser",
    )
    tidy_tables(page, {}, say)
    assert "first 20 of 21 rows" in page.select_one("p.pm-print-note").text
    assert page.select_one("table.pm-sortable.pm-first-rows")


def test_a_small_table_too_wide_for_paper_is_printed_with_rows_for_columns(run: Run) -> None:
    wide = pd.DataFrame(
        {f"measure_number_{j}": [f"value {j} of {i}" for i in "ab"] for j in range(14)}
    )
    run.add(table("tbl-wide", wide), table("tbl-narrow", wide[wide.columns[:3]]))
    page = run.build()
    printed = page.select_one("#tbl-wide table.pm-paper")
    cells = [[cell.text for cell in row.select("th, td")] for row in printed.select("tr")]
    assert cells == [
        [f"Measure number {j}", f"value {j} of a", f"value {j} of b"] for j in range(14)
    ]
    assert page.select_one("#tbl-wide table.pm-screen")
    assert page.select("#tbl-narrow table.pm-paper") == []
    assert (run.folder / "tables" / "table-4.1-wide.csv").read_text().count("\n") == 3


@pytest.mark.parametrize(
    ("decision", "first"),
    [
        ("carry_out_as_test", "Carry out the plan, as a test"),
        ("carry_out", "Carry out the plan"),
        ("test", "Test the plan"),
    ],
)
@pytest.mark.parametrize("limit", [True, False])
def test_decisions_are_those_of_the_chapters(decision, first, limit):
    found = [
        Fact("evidence_kind", "uplift"),
        Fact("plan_outcome", "made"),
        Fact("plan_decision", decision),
        Fact("control_size", "too_small"),
        Fact("dearest_limit", "capacity"),
        Fact("limit_to_question", limit),
        Number("dearest_channel", "phone"),
        Number("planned_contacts", 900, "count"),
        Number("planned_control", 100, "customers"),
        Number("control_price", 55.0, "currency", low=44.0, high=66.0),
        Number("planned_spend", 100.0, "currency"),
        Number("planned_profit", 500.0, "currency", low=400.0, high=600.0),
        Number("dearest_limit_cost", 300.0, "currency"),
        Number("minimum_detectable_uplift", 0.02, "points"),
        Number("expected_uplift", 0.01, "points"),
    ]
    known: dict[str, Any] = {record.key: record for record in found}
    context = {
        "study": STUDY, "simulated": True, "sales": False, "customers": "20,000",
        "recorded": {"contacts": True, "holdings": True}, "firm": "bank", "trade": "",
        "promised": "", "owner": "Ms Example", "first_day": "2026-01-01",
        "decisions": decisions(known),
        "settings": {"confidence_level": Number("", 0.95, "share", decimals=0)},
    }  # fmt: skip
    known |= hypotheses(known) | context
    part = frame_part("abstract", "unnumbered", open_language("en"), known, currency="EUR")
    rows = {text_of(row.th): text_of(row) for row in part.soup.select("tbody tr")}
    assert next(iter(rows)).startswith(f"{first} (")
    assert "Ms Example; 2026-01-01" in next(iter(rows.values()))
    asked = [row for row in rows.values() if "Ask whether the capacity of phone is needed" in row]
    assert len(asked) == limit
    price = text_of(part.soup)
    assert "100 customers of the plan get no offer, which gives up 55.00 EUR" in price
    assert "so this one is too small to show it" in price


def test_of_more_decisions_than_five_those_about_the_plan_come_first():
    facts = {
        "plan_outcome": "made", "plan_decision": "test", "gap_decision": "decide",
        "campaign_decision": "repeat", "unsuitable_sales_made": "some", "waste": "some",
        "limit_to_question": True,
    }  # fmt: skip
    known: dict[str, Any] = {key: Fact(key, value) for key, value in facts.items()}
    known["waste_cost"] = Number("waste_cost", 1.0, "currency")
    chosen = [name for row in decisions(known) for name, own in row.items() if own]
    assert chosen == ["plan", "gap", "campaign", "unsuitable", "waste"]
    kept = decisions(known | {"promise_kept": Fact("promise_kept", "open")})
    assert next(name for row in kept for name, own in row.items() if own) == "promise"
    assert decisions({}) == []


def test_the_summary_draws_promised_beside_measured_and_no_single_dot(tmp_path: Path) -> None:
    promised = {"contacts": 9, "promised": 4.0, "promised_low": 3.0, "promised_high": 5.0}
    rows = [("total", "", promised), ("segment", "Calm", promised), ("product", "Card", promised)]
    table = pd.DataFrame([{"by": by, "name": name, **values} for by, name, values in rows])
    english, known = open_language("en"), {"settings": {"confidence_level": "95 %"}}

    def drawn(frame: pd.DataFrame, chapter: str) -> str:
        folder = tmp_path / "artifacts" / chapter
        folder.mkdir(parents=True, exist_ok=True)
        write_frame(frame, folder / "promise.parquet")
        return promise_figure(tmp_path, english, known, currency="EUR")[1]

    assert drawn(table, "strategy_design") == ""
    bold = table.iloc[[1]].assign(name="Bold")
    csv = drawn(pd.concat([table, bold], ignore_index=True), "strategy_design")
    assert [row.split(",")[0] for row in csv.splitlines()[1:]] == ["in total", "Calm", "Bold"]
    measured = table.assign(measured=2.0, measured_low=1.0, measured_high=3.0)
    csv = drawn(measured, "campaign_evaluation")
    assert "in total,9,4,3,5,2,1,3" in csv
    assert "Calm" not in csv
    assert "Card" not in csv


def test_a_shop_is_not_called_a_bank(run: Run) -> None:
    run.study |= {"firm": "shop", "title": "a mail-order shop", "simulated": False}
    page = run.build()
    assert text_of(page.h1) == "Precision marketing at a shop"
    assert "Whom should the shop approach" in text_of(page.select_one("#sec-abstract"))
    assert "; retail; reproducible" in text_of(page.select_one("#sec-abstract"))
    run.study |= {"firm": "insurer", "title": "an insurer"}
    words = text_of(run.build().select_one("#sec-abstract"))
    assert "; insurance; reproducible" in words
    assert "bank" not in words


# --- layout ---------------------------------------------------------------------------------------


def test_of_a_section_without_data_heading_and_reason_remain(run: Run) -> None:
    def absent(reason: str, attributes: str = "") -> Any:
        html = f'<p class="pm-absent"{attributes}>{reason}</p>'
        output = new_output("display_data", data={"text/html": html})
        return new_code_cell("chapter.show(found)", outputs=[output])

    run.add("## Gone", "A method, at length.", absent("No contacts."), absent("No contacts."))
    run.add("## Again", "Another method.", absent("No contacts.", " hidden"))
    one = said('<p class="pm-absent">Only one.</p>')
    run.add("## Told", "A method, told of.", one)
    run.add("## Some", "A third.", said("It is so."), absent("No contacts.", " hidden"))
    text = text_of(run.build().select_one("#sec-segmentation"))
    assert "method" not in text.partition("Some")[0].lower()
    assert text.count("No contacts.") == 1
    assert "Again" not in text
    assert text.count("Only one.") == 1
    assert "A third." in text


def test_a_figure_drawn_small_goes_before_its_text(run: Run) -> None:
    small = figure("fig-small")
    html = small.outputs[0]["data"]["text/html"]
    small.outputs[0]["data"]["text/html"] = html.replace("pm-figure", "pm-figure pm-beside")
    run.add("## First", "Words.", table("tbl-t", pd.DataFrame({"a": ["x"]})), small)
    after = run.build().select_one("#sec-segmentation h3").find_next_sibling()
    assert after.figure["id"] == "fig-small"


def test_what_only_checkers_need_is_folded_and_its_file_named_on_paper(run: Run) -> None:
    assert "tbl-measures" in FOLDED
    run.add(table("tbl-measures", pd.DataFrame({"a": list("xyz")})))
    shown = run.build().select_one("#tbl-measures")
    assert text_of(shown.find("figcaption")).startswith("Table 4.1 What there is.")
    assert shown.select_one("details.pm-folded table")
    assert text_of(shown.summary) == "Show this table (3 rows)"
    file = text_of(shown.select_one(".pm-print-note code"))
    assert (run.folder / file).read_text().count("\n") == 4


def test_every_label_that_is_folded_is_one_of_the_texts() -> None:
    language = open_language("en")
    labels = {
        label for path in language.folder.glob("*.md") for label in language.labels(path.stem)
    }
    assert labels >= FOLDED
