"""What is there already and up to date: digests of a stage's inputs and of its outputs.

The key of a stage is a digest of its cells, its parameters, the study's data, the artefacts it
reads, the pmlib modules it imports and the library versions. A stage whose key and outputs are
as ``run.json`` recorded them is not run again.
"""

from __future__ import annotations

import ast
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
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

    def is_current(self, chapter: str, key: str) -> bool:
        """Whether a stage was finished with this key and its outputs are still as it left them."""
        record = self.content["stages"].get(chapter, {})
        return record.get("key") == key and record["outputs"] == outputs_digest(self._out, chapter)

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

    def add_stage(self, chapter: str, key: str, seconds: float) -> None:
        """Record a finished stage."""
        self.content["stages"][chapter] = {
            "key": key,
            "outputs": outputs_digest(self._out, chapter),
            "made_with": _made_with(self._request, chapter),
            "seconds": round(seconds, 2),
        }
        self.write()

    def report_key(self) -> str:
        """Digest of all that the report is made of."""
        frame = [path for path in (PROJECT / "reports" / "frame").rglob("*") if path.is_file()]
        frame += _texts(self.content["parameters"]["language"])
        sources = imported_modules(["import pmlib.report.build"])
        return _digest(
            [file_digest(path) for path in sorted(frame) + sources],
            [outputs_digest(self._out, chapter) for chapter in params.CHAPTERS],
            [self.content[name] for name in ("study", "parameters", "versions", "program")],
        )

    def has_report(self, key: str) -> bool:
        """Whether the report was built with this key, and all of it is still as it was built."""
        record = self.content["report"]
        return record.get("key") == key and record["outputs"] == _report_digest(self._out)

    def add_report(self, key: str, seconds: float) -> None:
        """Record the report; the run is complete."""
        outputs = _report_digest(self._out)
        self.content["report"] = {"key": key, "outputs": outputs, "seconds": round(seconds, 2)}

    def write(self) -> None:
        """Write ``run.json``."""
        write_json(self.content, self._path)


def stage_key(request: Request, chapter: str) -> str:
    """Digest of all that a stage's result depends on."""
    notebook = json.loads(request.notebook(chapter).read_text(encoding="utf-8"))
    cells = [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]
    code = [source for kind, source in cells if kind == "code"]
    values = request.chapter_values(chapter)
    # The one parameter that is a file: what counts is its content, wherever it lies.
    results = values.pop("campaign_results", None)
    return _digest(
        cells,
        values,
        results and file_digest(Path(results)),
        request.engine,
        request.study["name"],
        request.study["fingerprint"],
        request.study.get("names", {}).get(request.values.language),
        [artifacts_digest(request.out, needed) for needed in sorted(params.NEEDS[chapter])],
        [file_digest(path) for path in imported_modules(code)],
        [file_digest(path) for path in _texts(request.values.language, chapter)],
        versions(),
    )


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
    """Names of pmlib modules, parents included, that a source may import."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "pmlib":
                yield from (".".join(parts[:length]) for length in range(1, len(parts) + 1))


@cache
def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that results depend on."""
    python = ".".join(map(str, sys.version_info[:3]))
    return {"python": python} | {name: metadata.version(name) for name in LIBRARIES}


def _shown(value: Any) -> str:
    return "null" if value is None else str(value)


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _digest(*parts: Any) -> str:
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
