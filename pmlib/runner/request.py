"""What a run was asked to do, and what ``run.json`` tells of its study."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pmlib import __version__, params
from pmlib.errors import StudyError
from pmlib.params import NOTEBOOKS, PROJECT

if TYPE_CHECKING:
    from pmlib.studies import Study


@dataclass(frozen=True)
class Request:
    """What a run was asked to do; StudyError where ``first`` comes after ``last``.

    Attributes
    ----------
    study
        What ``run.json`` tells of the study; ``name`` and ``fingerprint`` at least.
    source
        How a notebook finds the study: its name, or the absolute path of its folder.
    out
        The run folder.
    first, last
        Chapters to start from and to stop after.
    force
        Run stages that are up to date too.
    """

    study: Mapping[str, Any]
    source: str
    values: params.Parameters
    out: Path
    engine: str = "duckdb"
    first: str = params.CHAPTERS[0]
    last: str = params.CHAPTERS[-1]
    force: bool = False
    notebooks: Path = NOTEBOOKS

    def __post_init__(self) -> None:
        if params.CHAPTERS.index(self.first) > params.CHAPTERS.index(self.last):
            raise StudyError(
                "There is no stage to run.",
                rule="--from-stage does not come after --to-stage",
                found=f"from {self.first} to {self.last}",
            )

    @property
    def chapters(self) -> tuple[str, ...]:
        """The chapters asked for, in their order."""
        start, stop = (params.CHAPTERS.index(name) for name in (self.first, self.last))
        return params.CHAPTERS[start : stop + 1]

    @property
    def earlier(self) -> tuple[str, ...]:
        """The chapters before those."""
        return params.CHAPTERS[: params.CHAPTERS.index(self.first)]

    @property
    def is_whole(self) -> bool:
        """Whether the run ends with the last chapter, so that a report can be built."""
        return self.last == params.CHAPTERS[-1]

    def notebook(self, chapter: str) -> Path:
        """Path of a chapter's notebook; StudyError where there is none, or more than one."""
        found = sorted(self.notebooks.glob(f"[0-9]*_{chapter}.ipynb"))
        if len(found) != 1:
            raise StudyError(
                "A chapter has no notebook of its own.",
                where=str(self.notebooks),
                rule=f"exactly one notebook is named NN_{chapter}.ipynb",
                found=", ".join(path.name for path in found) or "none",
            )
        return found[0]

    def chapter_values(self, chapter: str) -> dict[str, Any]:
        """The parameters that a chapter uses, as plain values; dates as ISO text."""
        content = self.values.model_dump(mode="json")
        return {name: content[name] for name in params.names_of(chapter)}


def study_record(study: Study) -> dict[str, Any]:
    """What ``run.json`` tells of a study: all that the report's front and back matter show."""
    record = asdict(study)
    # Notes stand in the description, and rules of eligibility in the chapter that obeys them.
    for unsaid in ("folder", "notes", "overrides", "truth", "eligibility", "rare"):
        del record[unsaid]
    return record | {"as_of": study.as_of.isoformat(), "tables": sorted(study.tables)}


def program_record(project: Path = PROJECT) -> dict[str, str]:
    """Which program made a run: its ``version``, and its ``commit`` where it lies in a repository.

    ``commit`` ends with ``-dirty`` where files were changed since; ``day`` is that of the commit,
    so that the same program gives the same report on any day.
    """
    record = {"version": __version__}
    if not (project / ".git").exists():  # a repository around a copied folder tells of another one
        return record
    asked = {
        "commit": ["git", "describe", "--always", "--dirty", "--exclude=*"],
        "day": ["git", "log", "-1", "--format=%cs"],
    }
    for name, command in asked.items():
        try:
            told = subprocess.run(command, cwd=project, check=True, capture_output=True)  # noqa: S603
        except (OSError, subprocess.CalledProcessError):
            return record
        record[name] = told.stdout.decode().strip()
    return record
