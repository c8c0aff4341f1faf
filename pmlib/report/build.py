"""The report: front matter, executed chapters and back matter as one file that needs no network."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from bs4 import BeautifulSoup

from pmlib.errors import StudyError
from pmlib.files import read_json, written_whole
from pmlib.numbers import Level, Number, from_records
from pmlib.params import CHAPTERS, PROJECT, Parameters
from pmlib.report import appendix
from pmlib.report.bibliography import Bibliography
from pmlib.report.export import export
from pmlib.report.glossary import link_terms
from pmlib.report.hypotheses import hypotheses
from pmlib.report.layout import fold, lay_out
from pmlib.report.numbering import FOLDERS, Part, Say, Target, assemble
from pmlib.report.page import render_page
from pmlib.report.parts import (
    answer,
    chapter_exporter,
    frame_part,
    frame_table,
    framework_figure,
    read_chapter,
)
from pmlib.report.summary import decisions, promise_figure
from pmlib.schema import TABLES
from pmlib.texts import PAGE, Language, open_language

FRAME = PROJECT / "reports" / "frame"
"""Front and back matter, template, style sheet and list of references."""

BEFORE = ("introduction", "theory")
AFTER = ("safeguards", "conclusion")
APPENDICES = ("notation", "parameters", "dictionary", "provenance", "numbers")
VALIDATION = "validation"
"""Appendix of simulated studies: the kept table of ``make validate``."""


def build_report(run_dir: Path, *, frame: Path = FRAME) -> Path:
    """Build ``report.html`` of a run, and its folders ``tables`` and ``figures``.

    The same run gives the same bytes: of ``run.json`` the study, the parameters and the program are
    read, never times or versions of libraries.

    Parameters
    ----------
    run_dir : Path
        Run folder with ``notebooks/*.ipynb`` (executed), ``results.json`` and ``run.json``.
    frame : Path
        Folder with template, style sheet and references.

    Returns
    -------
    Path
        The report: one file without any reference to another, written whole or not at all.

    Raises
    ------
    StudyError
        A file of the run is missing, a chapter was not run to its end, a label is used twice,
        a reference, citation or number quoted does not exist, a formula cannot be shown.
    """
    run = read_json(run_dir / "run.json")
    parameters = Parameters(**run["parameters"])
    study = run["study"] | {"as_of": dt.date.fromisoformat(run["study"]["as_of"])}
    records = list(read_json(run_dir / "results.json").values())
    tables = {*study["tables"], *(["truth"] if study["simulated"] else [])}
    currency = study["currency"]
    language = open_language(parameters.language).with_names(study.get("names", {}))
    study |= {
        name: language.names.text(study[name]) for name in ("title", "description", "licence")
    }
    firm = {kind: Level(kind, study.get("firm", "bank")) for kind in ("firm", "a_firm", "trade")}

    def say(block: str, **quotes: Any) -> str:
        about = {"study": study, "as_of": study["as_of"]} | firm
        return language.render(PAGE, block, about | quotes, plain=True)

    templates = frame / "template"
    exporter = chapter_exporter(templates, code=say("code"))
    origin = say(f"origin.{'simulated' if study['simulated'] else 'real'}")
    read = partial(read_chapter, exporter=exporter, origin=origin, tables=tables)
    chapters = [read(_notebook(run_dir, c), declared=language.labels(c)) for c in CHAPTERS]
    bibliography = Bibliography(
        frame / "references.bib", parameters.citation_style, cited=language.forms["cited"]
    )
    recorded = from_records(records)
    chosen: dict[str, Any] = {found.key: found for found in recorded}
    known = (
        chosen
        | hypotheses(chosen)
        | {
            "study": study,
            "program": dict.fromkeys(("version", "commit", "day")) | run.get("program", {}),
            "simulated": study["simulated"],
            **firm,
            "owner": study.get("marketing", {}).get("owner", ""),
            "first_day": study["as_of"] + dt.timedelta(days=1),
            "decisions": decisions(chosen),
            "sales": study["value_is"] == "sales",
            "recorded": {table: table in study["tables"] for table in TABLES},
            "settings": appendix.settings(parameters),
            "channels": appendix.channels(study),
            "customers": Number("", study["rows"]["customers"], "customers"),
            "parameters": appendix.parameter_table(parameters, language),
            "dictionary": appendix.dictionary_table(study),
            "sources": appendix.source_table(study),
            "headline": appendix.headline_table(records, language, currency),
            "validation": appendix.validation_tables(frame) if study["simulated"] else {},
            "table": frame_table(language, currency),
        }
    )
    known["framework"], drawn = framework_figure(language, known, currency=currency)
    known["promised"], promised = promise_figure(run_dir, language, known, currency=currency)
    csv = {"fig-framework": drawn, "fig-promise": promised}

    def part(name: str, kind: Literal["chapter", "appendix", "unnumbered"]) -> Part:
        return frame_part(name, kind, language, known, currency=currency, csv=csv)

    heading = BeautifulSoup(f"<h1>{say('references')}</h1>", "html.parser")
    references = Part("references", heading, kind="unnumbered")
    parts = [
        part("abstract", "unnumbered"),
        *(part(name, "chapter") for name in BEFORE),
        *chapters,
        *(part(name, "chapter") for name in AFTER),
        references,
        *(part(name, "appendix") for name in APPENDICES),
        *([part(VALIDATION, "appendix")] if study["simulated"] else []),
    ]
    for chapter in chapters:
        lay_out(chapter)
    for each in (part for part in parts if part.kind == "chapter"):
        answer(each, language, known, currency=currency)
    targets = assemble(parts, bibliography, say)
    link_terms(parts)
    # Only now are all citations known.
    works = f"<summary>{say('all-references')}</summary>{bibliography.list_html()}"
    references.soup.append(
        BeautifulSoup(f'<details class="pm-list">{works}</details>', "html.parser")
    )
    for each in parts:
        fold(each, targets, say)
    page = _render_report(parts, targets, study, parameters, language, say, templates)
    export(run_dir, parts, targets)
    report = run_dir / "report.html"
    with written_whole(report) as aside:
        aside.write_text(page, encoding="utf-8")
    return report


def _notebook(run_dir: Path, chapter: str) -> Path:
    found = sorted((run_dir / "notebooks").glob(f"*_{chapter}.ipynb"))
    if len(found) != 1:
        raise StudyError(
            "A chapter of the report is missing.",
            where=str(run_dir / "notebooks" / f"*_{chapter}.ipynb"),
            found=f"{len(found)} executed notebooks",
            remedy="Run the study: python run_all.py",
        )
    return found[0]


# --- the page around the parts -----------------------------------------------------------------


def _render_report(
    parts: Sequence[Part],
    targets: Mapping[str, Target],
    study: Mapping[str, Any],
    parameters: Parameters,
    language: Language,
    say: Say,
    templates: Path,
) -> str:
    """Put all numbered parts into the page's template."""
    numbered = [target for target in targets.values() if target.kind == "sec"]
    sections = [target for target in numbered if target.number.count(".") == 1]
    contents = [
        {
            "label": part.label,
            "number": part.number,
            "title": part.title,
            "short_title": part.short_title,
            "sections": [target for target in sections if target.part == part.name],
        }
        for part in parts
    ]
    lists = [
        (say(title), [target for target in targets.values() if target.kind == kind])
        for kind, title in FOLDERS.items()
    ]
    return render_page(
        "report.html.j2",
        parts,
        language,
        templates,
        name=say("title"),
        title=say("running"),
        description=say("description"),
        study=study,
        word=say,
        customers=language.number(study["rows"]["customers"], "customers"),
        seed=parameters.seed,
        contents=contents,
        lists=lists,
    )
