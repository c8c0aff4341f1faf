"""The chapters run in this process, cell by cell: what each section of a notebook shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pmlib import chapter as chapters
from pmlib import params as parameters
from pmlib.numbers import Finding, Phrase

NOTEBOOKS = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("*.ipynb"))

QUICK = {"k_max": 4, "n_bootstrap": 10, "sample_size": 300}
"""Parameters with which a small bank's chapters take seconds."""


@dataclass
class Section:
    """What a section showed: fragments of the page, and why findings are absent."""

    shown: list[str] = field(default_factory=list)
    absent: list[Phrase] = field(default_factory=list)

    @property
    def outlook(self) -> str:
        """The verdict of `pmlib.outlook`, by what was shown; ``silent`` where nothing was said."""
        if not self.absent:
            return "shown" if self.shown else "silent"
        return "partly" if self.shown else "not"


Seen = dict[tuple[str, str], Section]


def headings() -> Iterator[tuple[str, str]]:
    """Chapter and block of every section of the notebooks, in their order."""
    for path in NOTEBOOKS:
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "markdown" and "".join(cell["source"]).startswith("## "):
                yield path.stem[3:], cell["id"]


def run_chapters(study: Path | str, run: Path, **given: Any) -> Seen:
    """Run the code cells of all notebooks on a study; an error in a cell is raised."""
    values = parameters.Parameters(**(QUICK | given)).model_dump(mode="json")
    seen: Seen = {}
    with pytest.MonkeyPatch.context() as patch:
        for path in NOTEBOOKS:
            _run(path, seen, patch, {**values, "study": str(study), "run": str(run)})
    return seen


def _run(path: Path, seen: Seen, patch: pytest.MonkeyPatch, values: dict[str, Any]) -> None:
    chapter, section, namespace = path.stem[3:], Section(), {}  # type: ignore[var-annotated]
    show = chapters.Chapter.show

    def displayed(shown: Any, **_: Any) -> None:
        if "pm-absent" not in str(shown.data):
            section.shown.append(str(shown.data))

    def recorded(self: chapters.Chapter, finding: Finding, *parts: Any) -> None:
        if finding.absent:
            section.absent.append(finding.absent)
        show(self, finding, *parts)

    with patch.context() as own:
        own.setattr(chapters, "display", displayed)
        own.setattr(chapters.Chapter, "show", recorded)
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            source = "".join(cell["source"])
            if cell["cell_type"] == "markdown":
                if source.startswith("## "):
                    section = seen.setdefault((chapter, cell["id"]), Section())
                continue
            exec(compile(source, f"{chapter}: {cell['id']}", "exec"), namespace)
            if "parameters" in cell["metadata"].get("tags", []):
                namespace |= {name: values[name] for name in values if name in namespace}
