"""An executed notebook as one part of the report."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
from bs4 import BeautifulSoup
from jinja2 import pass_context
from nbconvert import HTMLExporter, TemplateExporter
from nbconvert.filters.highlight import Highlight2HTML

from pmlib.errors import StudyError
from pmlib.report.markup import to_html
from pmlib.report.numbering import Part

_LABEL = re.compile(r"""["']((?:fig|tbl)-[A-Za-z0-9-]+)["']""")


def chapter_exporter(templates: Path) -> HTMLExporter:
    """Make the exporter for `read_chapter` from a folder with the template ``chapter``."""
    return _Exporter(template_name="chapter", extra_template_basedirs=[str(templates)])


def read_chapter(path: Path, exporter: HTMLExporter, *, origin: str) -> Part:
    """Read an executed notebook.

    Parameters
    ----------
    path : Path
        ``NN_name.ipynb``.
    exporter : HTMLExporter
        From `chapter_exporter`; slow to make, so one serves all chapters.
    origin : str
        What its figures say about their data.

    Raises
    ------
    StudyError
        The notebook cannot be read, was not run to its end, or shows a picture without caption.
    """
    try:
        notebook = nbformat.read(path, as_version=4)
    except (OSError, ValueError, nbformat.ValidationError) as error:
        raise StudyError(
            "An executed notebook cannot be read.", where=str(path), found=str(error)
        ) from error
    notebook.cells = [cell for cell in notebook.cells if _wanted(cell)]
    csv: dict[str, str] = {}
    for number, cell in enumerate(notebook.cells, start=1):
        for output in cell.get("outputs", []):
            _check(output, where=f"{path.name}, cell {number}")
            shown = output.get("metadata", {}).get("pmlib", {})
            if shown:
                csv[shown["label"]] = shown["csv"]
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    body, _ = exporter.from_notebook_node(notebook)
    name = re.sub(r"^\d+_", "", path.stem).replace("_", "-")
    return Part(
        name,
        BeautifulSoup(body, "html.parser"),
        origin=origin,
        declared=frozenset(_LABEL.findall(code)),
        csv=csv,
    )


class _Exporter(HTMLExporter):
    """HTML with this report's own Markdown."""

    def from_notebook_node(  # type: ignore[override]
        self, nb: Any, resources: Any = None, **kw: Any
    ) -> tuple[str, Any]:
        """Fill the template; the second parse that `HTMLExporter` makes for alt texts is ours."""
        self.register_filter("highlight_code", Highlight2HTML(pygments_lexer="python", parent=self))
        return TemplateExporter.from_notebook_node(self, nb, resources, **kw)

    @pass_context
    def markdown2html(self, context: Any, source: str) -> str:  # noqa: ARG002 - nbconvert's own
        return to_html(source)


def _wanted(cell: Any) -> bool:
    """Tell whether a cell belongs in the report; those added by the run tell of this machine."""
    tags = cell.metadata.get("tags", [])
    return bool(cell.source.strip()) and not {"generated", "injected-parameters"} & set(tags)


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
            remedy="Show it with chapter.figure(figure, label, caption=…, alt=…, data=…).",
        )
