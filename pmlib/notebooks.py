"""The committed notebooks: their parameters cells come from the schema, their prose from texts.

A Markdown cell is the text block that its id names. ``python -m pmlib.notebooks`` writes both into
``notebooks/*.ipynb``; a run puts the blocks of its own language there.
"""

from __future__ import annotations

from typing import Any

from pmlib.fields import literal, told, type_name
from pmlib.params import CHAPTERS, NOTEBOOKS, Parameters, names_of
from pmlib.texts import Language, open_language

# What a notebook needs to find its inputs; run_all.py sets these three, they are no parameters
# of the methods.
RUN_CELL = (
    'study: str = "casebank"  # study under data/, or the path of a study folder',
    'run: str = "reports/casebank"  # run folder: earlier chapters are read from it',
    'engine: str = "duckdb"  # duckdb, spark or the address of a Spark master',
)


def parameters_cell(chapter: str) -> str:
    """Source of a notebook's parameters cell: ``name: type = literal  # help (unit)`` lines."""
    lines = list(RUN_CELL)
    for name in names_of(chapter):
        field = Parameters.model_fields[name]
        kind = type_name(field).replace("date", "str")  # a cell holds dates as ISO text
        unit = f" ({told(field, 'unit')})" if told(field, "unit") else ""
        lines.append(f"{name}: {kind} = {literal(field.default)}  # {field.description}{unit}")
    return "\n".join(lines)


def put_prose(notebook: Any, chapter: str, language: Language) -> None:
    """Give every Markdown cell the text block that its id names, in place.

    A cell whose id names no block is a note of whoever added it, and stays.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
    chapter : str
        One of `pmlib.params.CHAPTERS`.
    language : Language
    """
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell.id in language.blocks(chapter):
            cell.source = language.source(chapter, cell.id)


def put_parameters(notebook: Any, chapter: str) -> None:
    """Write the parameters cell from the schema, in place."""
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = parameters_cell(chapter)


def main() -> None:
    """Rewrite the notebooks whose cells no longer equal the schema or the English texts."""
    import nbformat

    for number, chapter in enumerate(CHAPTERS, start=1):
        path = NOTEBOOKS / f"0{number}_{chapter}.ipynb"
        before = path.read_text(encoding="utf-8")
        notebook = nbformat.reads(before, as_version=4)
        put_parameters(notebook, chapter)
        put_prose(notebook, chapter, open_language("en"))
        after = nbformat.writes(notebook) + "\n"
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(f"{path.name}: written")


if __name__ == "__main__":
    main()
