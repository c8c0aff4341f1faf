"""What is there already and up to date: digests of a stage's inputs and of its outputs.

The key of a stage is a digest of its cells, its parameters, the study's data, the artefacts it
reads, the pmlib modules it imports and the library versions. A stage whose key and outputs are
as ``run.json`` recorded them is not run again.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from pmlib import params
from pmlib.errors import StudyError
from pmlib.files import read_json, write_json
from pmlib.params import PROJECT
from pmlib.runner.request import Request, program_record

# What results depend on; what only drives the notebooks or draws a terminal is left out.
LIBRARIES = (
    "duckdb", "latex2mathml", "matplotlib", "narwhals", "nbconvert", "numpy", "pandas",
    "pyarrow", "scikit-learn", "scipy", "seaborn", "statsmodels",
)  # fmt: skip

_IMPORT = re.compile(
    r"^[ \t]*(?:from (pmlib[\w.]*) import (\([^)]*\)|[^\n#]*)|import (pmlib[\w.]*))", re.MULTILINE
)


Parts = Mapping[str, Mapping[str, Any]]
"""What something is made of, by kind and name."""


class Journal:
    """``run.json``: all that a rerun needs, and the record of each finished stage.

    The stages of an earlier run in the same folder are kept.
    """

    def __init__(self, request: Request) -> None:
        self._out, self._request = request.out, request
        self._path = request.out / "run.json"
        earlier = read_json(self._path) if self._path.is_file() else {}
        self.content: dict[str, Any] = {
            "study": dict(request.study),
            "engine": request.engine,
            "parameters": request.values.model_dump(mode="json"),
            "seed": request.values.seed,
            "versions": versions(),
            "program": program_record(),
            "stages": earlier.get("stages", {}),
            "report": earlier.get("report", {}),
            "complete": False,
        }

    def require(self, chapter: str) -> None:
        """Refuse, by StudyError, to go on from a chapter not finished here, or made otherwise."""
        record = self.content["stages"].get(chapter, {})
        made_with = record.get("made_with")  # not told by runs of before
        if made_with is None or record["outputs"] != outputs_digest(self._out, chapter):
            raise StudyError(
                "An earlier chapter has not been run here, or its files were changed.",
                where=str(self._out),
                rule="--from-stage starts after chapters whose artefacts are there",
                found=f"{'changed files of' if record else 'no finished'} stage {chapter}",
                remedy="Leave --from-stage out: what is up to date is not run again.",
            )
        asked = _made_with(self._request, chapter)
        other = [
            f"{name} {_shown(made_with.get(name))}, now {_shown(asked.get(name))}"
            for name in sorted(asked | made_with)
            if made_with.get(name) != asked.get(name)
        ]
        if other:
            raise StudyError(
                "An earlier chapter was made with other settings.",
                where=f"{self._out}: {chapter}",
                rule="--from-stage starts after chapters made with the parameters of this run",
                found="; ".join(other),
                remedy="Leave --from-stage out: what is up to date is not run again.",
            )

    def changed(self, chapter: str, parts: Parts) -> list[str]:
        """Why a stage would run: what is not as it was when it last finished; empty if nothing."""
        record = self.content["stages"].get(chapter)
        return _changed(record, parts, lambda: outputs_digest(self._out, chapter))

    def report_changed(self, parts: Parts) -> list[str]:
        """Why the report would be built, as `changed`."""
        record = self.content["report"] or None
        return _changed(record, parts, lambda: _report_digest(self._out))

    def add_stage(self, chapter: str, parts: Parts, seconds: float) -> None:
        """Record a finished stage."""
        self.content["stages"][chapter] = {
            "key": _digest(parts),
            "made_of": _short(parts),
            "outputs": outputs_digest(self._out, chapter),
            "made_with": _made_with(self._request, chapter),
            "seconds": round(seconds, 2),
        }
        self.write()

    def report_parts(self) -> Parts:
        """All that the report is made of."""
        frame = [path for path in (PROJECT / "reports" / "frame").rglob("*") if path.is_file()]
        frame += _texts(self.content["parameters"]["language"])
        return {
            "frame": _files(frame),
            "code": _files(imported_modules(["import pmlib.report.build"])),
            "chapter": {name: outputs_digest(self._out, name) for name in params.CHAPTERS},
            "parameter": self.content["parameters"],
            "version": self.content["versions"],
            "program": self.content["program"],
            "study": self.content["study"],
        }

    def add_report(self, parts: Parts, seconds: float) -> None:
        """Record the report; the run is complete."""
        self.content["report"] = {
            "key": _digest(parts),
            "made_of": _short(parts),
            "outputs": _report_digest(self._out),
            "seconds": round(seconds, 2),
        }

    def write(self) -> None:
        """Write ``run.json``."""
        write_json(self.content, self._path)


def stage_parts(request: Request, chapter: str) -> Parts:
    """All that a stage's result depends on, by kind and name."""
    notebook = json.loads(request.notebook(chapter).read_text(encoding="utf-8"))
    cells = [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]
    code = [source for kind, source in cells if kind == "code"]
    values = request.chapter_values(chapter)
    # The one parameter that is a file: what counts is its content, wherever it lies.
    results = values.pop("campaign_results", None)
    if "campaign_results" in params.names_of(chapter):
        values["campaign_results"] = results and file_digest(Path(results))
    return {
        "notebook": {request.notebook(chapter).name: _digest(cells)},
        "parameter": values,
        "engine": {"": request.engine},
        "data of": {request.study["name"]: request.study["fingerprint"]},
        "names": {"": request.study.get("names", {}).get(request.values.language)},
        "artefacts of": {
            needed: artifacts_digest(request.out, needed) for needed in params.NEEDS[chapter]
        },
        "code": _files(imported_modules(code)),
        "texts": _files(_texts(request.values.language, chapter)),
        "version": versions(),
    }


def _made_with(request: Request, chapter: str) -> dict[str, Any]:
    """What a person chose of all that a stage depends on."""
    data = {"study": request.study["name"], "data": request.study["fingerprint"]}
    return {**data, "engine": request.engine, **request.chapter_values(chapter)}


def _texts(language: str, *names: str) -> list[Path]:
    """Text files of a language: those with some names and what all share, or all of them."""
    shared = ("catalogue", "report")
    files = sorted((params.TEXTS / language).glob("*.*"))
    return [path for path in files if not names or path.stem in (*names, *shared)]


def artifacts_digest(out: Path, chapter: str) -> str:
    """Digest of what a chapter left for later ones."""
    return _digest(_contents(out, _artifacts(out, chapter)))


def outputs_digest(out: Path, chapter: str) -> str:
    """Digest of all that a chapter left: artefacts and the executed notebook."""
    notebooks = (out / "notebooks").glob(f"*_{chapter}.ipynb")
    return _digest(_contents(out, [*_artifacts(out, chapter), *notebooks]))


def _report_digest(out: Path) -> str:
    """Digest of the report and of what is written beside it."""
    files = [path for name in ("tables", "figures") for path in (out / name).rglob("*")]
    files += [out / "report.html", out / "results.json"]
    return _digest(_contents(out, [path for path in files if path.is_file()]))


def _artifacts(out: Path, chapter: str) -> list[Path]:
    folders = [out / "artifacts" / chapter, out / "private" / chapter]
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


def _contents(out: Path, files: Iterable[Path]) -> list[tuple[str, str]]:
    return sorted((path.relative_to(out).as_posix(), file_digest(path)) for path in files)


def imported_modules(sources: Iterable[str], *, root: Path = PROJECT) -> list[Path]:
    """Files of the pmlib modules that Python sources import, directly or through one another."""
    found: set[Path] = set()
    queue = [name for source in sources for name in _imports(source)]
    while queue:
        name = queue.pop()
        module = root.joinpath(*name.split("."))
        for file in (module.with_suffix(".py"), module / "__init__.py"):
            if file.is_file() and file not in found:
                found.add(file)
                queue += _imports_of(file)
    return sorted(found)


@cache
def _imports_of(file: Path) -> frozenset[str]:
    return frozenset(_imports(file.read_text(encoding="utf-8")))


def _imports(source: str) -> Iterator[str]:
    """Names of pmlib modules, parents included, that a source may import.

    Not by `ast`, which takes half a second for all modules; a test holds them beside each other.
    """
    for line in _IMPORT.finditer(source):
        listed = (
            name.split()[0] for name in (line[2] or "").strip("()").split(",") if name.strip()
        )
        for name in [f"{line[1]}.{name}" for name in listed] or [line[3]]:
            parts = name.split(".")
            yield from (".".join(parts[:length]) for length in range(1, len(parts) + 1))


@cache
def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that results depend on."""
    python = ".".join(map(str, sys.version_info[:3]))
    return {"python": python} | {name: metadata.version(name) for name in LIBRARIES}


def _shown(value: Any) -> str:
    return "null" if value is None else str(value)


_TOLD = ("parameter", "version", "engine")
"""Kinds of parts whose values say something to people; of others a digest is kept."""


def _short(parts: Parts) -> dict[str, dict[str, Any]]:
    """What ``run.json`` keeps of parts, to tell later which of them has changed."""
    return {
        kind: {name: value if kind in _TOLD else _digest(value)[:12] for name, value in own.items()}
        for kind, own in parts.items()
    }


def _changed(
    record: Mapping[str, Any] | None, parts: Parts, outputs: Callable[[], str]
) -> list[str]:
    """What differs from a record: kind and name, and of what people set, both values."""
    if record is None:
        return ["not run here yet"]
    if record["key"] == _digest(parts):
        return [] if record["outputs"] == outputs() else ["its files were changed or deleted"]
    told, now = record.get("made_of"), _short(parts)
    if told is None:
        return ["made by an earlier version, which did not tell of what"]
    found = []
    for kind in now:
        old, new = told.get(kind, {}), now[kind]
        for name in sorted(old.keys() | new.keys()):
            if name not in old or name not in new or old[name] != new[name]:
                values = f" {_shown(old.get(name))}, now {_shown(new.get(name))}"
                found.append(f"{kind} {name}".strip() + (values if kind in _TOLD else ""))
    return found


def _files(paths: Iterable[Path]) -> dict[str, str]:
    """Digests of files of the project, by their path in it."""
    return {path.relative_to(PROJECT).as_posix(): file_digest(path) for path in sorted(paths)}


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _digest(*parts: Any) -> str:
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
