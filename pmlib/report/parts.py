"""The parts of the report: executed notebooks, and the texts of the frame around them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import nbformat
import pandas as pd
from bs4 import BeautifulSoup
from jinja2 import pass_context
from markupsafe import Markup
from nbconvert import HTMLExporter, TemplateExporter
from nbconvert.filters.highlight import Highlight2HTML

from pmlib.errors import StudyError
from pmlib.figures.framework import boxes, framework
from pmlib.markup import caption_html, to_html
from pmlib.report.numbering import Part
from pmlib.tables import csv_of, figure_html
from pmlib.tables import to_html as table_html
from pmlib.texts import PAGE, Language, Look, Words

# --- executed notebooks -------------------------------------------------------------------------


def chapter_exporter(templates: Path, *, code: str) -> HTMLExporter:
    """Make the exporter for `read_chapter`; `code` is the word for folded code."""
    exporter = _Exporter(template_name="chapter", extra_template_basedirs=[str(templates)])
    exporter.code = code
    return exporter


def read_chapter(
    path: Path,
    exporter: HTMLExporter,
    *,
    origin: str,
    tables: Collection[str],
    declared: frozenset[str],
) -> Part:
    """Read an executed notebook, ``NN_name.ipynb``.

    A cell tagged ``needs-`` and the name of a table is left out where `tables` lacks it: the
    study's canonical tables, and ``truth`` where it is simulated. The exporter of
    `chapter_exporter` is slow to make, so one serves all chapters. `origin` is what figures say
    about their data; `declared` are the labels of the chapter's texts: what this study lacks may be
    referred to all the same.

    Raises StudyError where the notebook cannot be read, was not run to its end, or shows a picture
    without caption.
    """
    try:
        notebook = nbformat.read(path, as_version=4)
    except (OSError, ValueError, nbformat.ValidationError) as error:
        raise StudyError(
            "An executed notebook cannot be read.", where=str(path), found=str(error)
        ) from error
    notebook.cells = [cell for cell in notebook.cells if _wanted(cell, tables)]
    csv: dict[str, str] = {}
    for number, cell in enumerate(notebook.cells, start=1):
        for output in cell.get("outputs", []):
            _check(output, where=f"{path.name}, cell {number}")
            shown = output.get("metadata", {}).get("pmlib", {})
            if shown:
                csv[shown["label"]] = shown["csv"]
    body, _ = exporter.from_notebook_node(notebook)
    name = re.sub(r"^\d+_", "", path.stem).replace("_", "-")
    return Part(name, BeautifulSoup(body, "html.parser"), origin=origin, declared=declared, csv=csv)


class _Exporter(HTMLExporter):
    """HTML with this report's own Markdown."""

    code = ""

    def from_notebook_node(  # type: ignore[override]
        self, nb: Any, resources: Any = None, **kw: Any
    ) -> tuple[str, Any]:
        """Fill the template; the second parse that `HTMLExporter` makes for alt texts is ours."""
        self.register_filter("highlight_code", Highlight2HTML(pygments_lexer="python", parent=self))
        cells = [_shown(cell) for cell in nb.cells]
        resources = {**(resources or {}), "words": {"code": self.code}, "cells": cells}
        return TemplateExporter.from_notebook_node(self, nb, resources, **kw)

    @pass_context
    def markdown2html(self, context: Any, source: str) -> str:  # noqa: ARG002 - nbconvert's own
        return to_html(source)


def _shown(cell: Any) -> dict[str, Any]:
    """What a reader sees of a cell: prose, or code with what it shows.

    Streams and plain-text results are left out: they are for the person at the keyboard, and may
    hold times and paths.
    """
    if cell.cell_type == "markdown":
        return {"prose": cell.source}
    outputs = []
    for output in cell.outputs:
        data = output.get("data", {})
        if "text/html" in data:
            outputs.append({"html": data["text/html"]})
        elif "text/markdown" in data:
            outputs.append({"prose": data["text/markdown"]})
    return {"code": cell.source, "metadata": cell.metadata, "outputs": outputs}


def _wanted(cell: Any, tables: Collection[str]) -> bool:
    """Tell whether a cell belongs in the report.

    Exercises are for who works with the notebooks; what the run added tells of this machine.
    """
    tags = set(cell.metadata.get("tags", []))
    needed = {tag.removeprefix("needs-") for tag in tags if tag.startswith("needs-")}
    unwanted = {"exercises", "generated", "injected-parameters"} & tags
    return bool(cell.source.strip()) and not unwanted and needed <= set(tables)


def _check(output: Any, *, where: str) -> None:
    if output.output_type == "error":
        raise StudyError(
            "A notebook was not run to its end.",
            where=where,
            found=f"{output.ename}: {output.evalue}",
            remedy="Mend the cause and run the study again.",
        )
    data = output.get("data", {})
    pictures = [kind for kind in data if kind.startswith("image/")]
    if pictures and "text/html" not in data:
        raise StudyError(
            "A notebook shows a picture without caption and text alternative.",
            where=where,
            found=", ".join(pictures),
            remedy="Show it with chapter.show(found, drawing): caption and alternative are texts.",
        )


# --- front and back matter ---------------------------------------------------------------------


def frame_part(
    name: str,
    kind: Literal["chapter", "appendix", "unnumbered"],
    language: Language,
    known: Mapping[str, Any],
    *,
    currency: str,
    csv: Mapping[str, str] = MappingProxyType({}),
) -> Part:
    """Fill in one text around the chapters, a file of the language's folder.

    `known` has numbers and facts by key, and what else the text may speak of; `csv` the data of
    figures by label. Raises StudyError where there is no such file, or it quotes a number that this
    study does not have.
    """
    source = language.render(name, "", known, currency=currency)
    return Part(name, BeautifulSoup(to_html(source), "html.parser"), kind=kind, csv=dict(csv))


def answer(part: Part, language: Language, known: Mapping[str, Any], *, currency: str) -> None:
    """Let a part open with its answer, the block ``answer`` of its text file, in place."""
    file = part.name.replace("-", "_")
    if "answer" not in language.blocks(file):
        return
    source = language.render(file, "answer", known, currency=currency)
    if not source.strip():
        return
    box = f'<div class="pm-answer" role="note">{to_html(source)}</div>'
    part.soup.find_all("h1")[0].insert_after(BeautifulSoup(box, "html.parser"))


def frame_table(
    language: Language, currency: str, *, file: str = PAGE, named: frozenset[str] = frozenset()
) -> Callable[..., Markup]:
    """Make the function ``table(frame, label)`` of the texts around the chapters.

    It gives a numbered table as one line of HTML: a blank line would end Markdown's HTML block.
    `file` has the captions; columns in `named` are headed by their own names.
    """

    def table(frame: pd.DataFrame, label: str) -> Markup:
        look = Look(language, file, label, currency, named)
        shown = table_html(look.worded(frame), look).replace("\n", " ")
        caption = caption_html(language.source(file, label))
        figure = f'<figure class="pm-table" id="{label}"><figcaption>{caption}</figcaption>'
        return Markup(f"{figure}{shown}</figure>")  # noqa: S704 - pmlib.tables escapes the cells

    return table


def framework_figure(
    language: Language, known: Mapping[str, Any], *, currency: str
) -> tuple[Markup, str]:
    """Make the framework of the study, whose words stand in the file ``theory``.

    Returns the figure, and the CSV behind it.
    """
    look = Look(language, "theory", "fig-framework", currency)
    words = Words(language, look.chapter, look.label, known, currency)
    return frame_figure(look, framework(words), boxes(words), known)


def frame_figure(
    look: Look, svg: bytes, shown: pd.DataFrame, known: Mapping[str, Any]
) -> tuple[Markup, str]:
    """Make a drawing a figure of the texts around the chapters, whose words stand under its label.

    Returns the figure on one line, for a blank one would end Markdown's HTML block, and the CSV
    behind it.
    """

    def say(block: str, *, plain: bool) -> str:
        return look.language.render(look.chapter, block, known, currency=look.currency, plain=plain)

    alt, caption = say(f"{look.label}.alt", plain=True), say(look.label, plain=False)
    drawn = figure_html(svg, shown, look, alt=alt, caption=caption)
    return Markup(drawn.replace("\n", " ")), csv_of(shown)  # noqa: S704 - its words are escaped
