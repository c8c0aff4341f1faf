"""The report: front matter, executed chapters and back matter as one file that needs no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from bs4 import BeautifulSoup

from pmlib.artifacts import format_number, numbers_from_records, read_json, written_whole
from pmlib.errors import StudyError
from pmlib.params import CHAPTERS, Parameters, describe
from pmlib.report.bibliography import Bibliography
from pmlib.report.export import export
from pmlib.report.frame import Frame
from pmlib.report.notebook import chapter_exporter, read_chapter
from pmlib.report.numbering import Part, assemble
from pmlib.report.page import render_page
from pmlib.tables import heading

FRAME = Path(__file__).resolve().parents[2] / "reports" / "frame"
"""Front and back matter, template, style sheet and list of references."""

BEFORE = ("introduction", "theory")
AFTER = ("safeguards", "conclusion")
APPENDICES = ("parameters", "dictionary", "provenance", "numbers")
VALIDATION = "validation"
"""Appendix of simulated studies: the kept table of ``make validate``."""


def build_report(run_dir: Path, *, frame: Path = FRAME) -> Path:
    """Build ``report.html`` of a run, and its folders ``tables`` and ``figures``.

    The same run gives the same bytes: of ``run.json`` only the study and the parameters are
    read, never times or versions.

    Parameters
    ----------
    run_dir : Path
        Run folder with ``notebooks/*.ipynb`` (executed), ``results.json`` and ``run.json``.
    frame : Path
        Folder with the texts around the chapters.

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
    study, parameters = run["study"], Parameters(**run["parameters"])
    records = list(read_json(run_dir / "results.json").values())
    origin = "Simulated data" if study["simulated"] else "Real data"
    exporter = chapter_exporter(frame / "template")
    chapters = [
        read_chapter(_notebook(run_dir, name), exporter, origin=origin) for name in CHAPTERS
    ]
    bibliography = Bibliography(frame / "references.bib")
    text = Frame(
        frame,
        numbers=numbers_from_records(records),
        currency=study["currency"],
        context={
            "study": study,
            "simulated": study["simulated"],
            "parameters": _parameter_table(parameters),
            "dictionary": _dictionary_table(study),
            "sources": _source_table(study),
            "headline": _headline_table(records, study["currency"]),
            "validation": _validation_tables(frame) if study["simulated"] else {},
            "settings": parameters,
            "customers": format_number(study["rows"]["customers"], "customers"),
        },
    )
    parts = [
        text.part("abstract", "unnumbered"),
        *(text.part(name, "chapter") for name in BEFORE),
        *chapters,
        *(text.part(name, "chapter") for name in AFTER),
        _references(),
        *(text.part(name, "appendix") for name in _appendices(study)),
    ]
    targets = assemble(parts, bibliography)
    _fill_references(parts, bibliography)
    page = render_page(
        parts, targets, study=study, parameters=parameters, templates=frame / "template"
    )
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


def _appendices(study: Mapping[str, Any]) -> tuple[str, ...]:
    return (*APPENDICES, VALIDATION) if study["simulated"] else APPENDICES


def _validation_tables(frame: Path) -> dict[str, pd.DataFrame]:
    """World to the table of what the methods found, missed and imagined over many banks."""
    kept = pd.read_csv(frame / "validation.csv", keep_default_na=False)  # a world is named null
    shown = ["meaning", "mean", "standard_error", "banks", "expected"]
    return {str(world): part[shown] for world, part in kept.groupby("world", sort=False)}


def _references() -> Part:
    soup = BeautifulSoup("<h1>References</h1>", "html.parser")
    return Part("references", soup, kind="unnumbered")


def _fill_references(parts: Sequence[Part], bibliography: Bibliography) -> None:
    """Put in the list when all citations are known."""
    part = next(part for part in parts if part.name == "references")
    part.soup.append(BeautifulSoup(bibliography.list_html(), "html.parser"))


def _parameter_table(parameters: Parameters) -> pd.DataFrame:
    table = describe(parameters)
    return table[["name", "value", "default", "range", "unit", "help"]]


def _dictionary_table(study: Mapping[str, Any]) -> pd.DataFrame:
    rows = [
        {
            "attribute": name,
            "meaning": attribute["label"],
            "unit": attribute["unit"],
            "role": attribute["role"],
            "known": "yes" if attribute["known_before_contact"] else "no",
        }
        for name, attribute in sorted(study["attributes"].items())
    ]
    return pd.DataFrame(rows, columns=["attribute", "meaning", "unit", "role", "known"])


def _source_table(study: Mapping[str, Any]) -> pd.DataFrame:
    rows = [
        {name: str(source.get(name) or "–") for name in ("name", "address", "size", "sha256")}
        for source in study["sources"]
    ]
    return pd.DataFrame(rows, columns=["name", "address", "size", "sha256"])


def _headline_table(records: Sequence[Mapping[str, Any]], currency: str) -> pd.DataFrame:
    numbers = numbers_from_records(records)
    chapters = [CHAPTERS.index(record["chapter"]) for record in records]
    rows = [
        {
            "chapter": CHAPTERS[chapter].replace("_", " ").capitalize(),
            "meaning": heading(number.meaning or number.key),
            "value": number.text(currency),
            "interval": number.interval(currency) if number.low is not None else "",
        }
        for chapter, number in sorted(
            zip(chapters, numbers, strict=True), key=lambda pair: (pair[0], pair[1].key)
        )
    ]
    return pd.DataFrame(rows, columns=["chapter", "meaning", "value", "interval"])
