"""The stages in order, each waiting for what it needs only, then the report."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pmlib import params
from pmlib.errors import StudyError
from pmlib.files import clear, read_json, write_json
from pmlib.owner import kill_children, mark, owned
from pmlib.params import PROJECT
from pmlib.runner import kernels
from pmlib.runner.journal import Journal, Parts, stage_parts
from pmlib.runner.request import Request
from pmlib.runner.stage import Failure, StageError, Task, execute

# No more than two stages are independent of each other (profiling and segmentation).
AT_ONCE = 2


def run(request: Request, *, echo: Callable[[str], None]) -> Path | None:
    """Execute the stages of a request, merge their numbers and build the report.

    `echo` receives one line a stage. Gives the report's path, or None when the request stops before
    the last chapter. Raises StudyError where the run folder cannot be written, another run works in
    it, or an earlier chapter's artefacts are missing or were made otherwise; StageError where a
    notebook stopped with an error.
    """
    require_writable(request.out)
    with owned(request.out):
        clear(request.out)
        journal = Journal(request)
        for chapter in request.earlier:
            journal.require(chapter)
        run_stages(request, journal, echo=echo)
        return finish(request, journal, echo=echo) if request.is_whole else None


def run_stages(request: Request, journal: Journal, *, echo: Callable[[str], None]) -> None:
    """Execute the stages that are not up to date, independent ones side by side."""
    waiting = list(request.chapters)
    running: dict[Future[tuple[float, Failure | None]], tuple[str, Parts]] = {}
    failed: StageError | None = None
    with _kernels() as submit:
        while waiting or running:
            for chapter in list(waiting):
                unfinished = {*waiting, *(busy for busy, _ in running.values())}
                if params.NEEDS[chapter] & unfinished:
                    continue
                waiting.remove(chapter)
                parts = stage_parts(request, chapter)
                if request.force or journal.changed(chapter, parts):
                    kernels.import_for(map(request.notebook, [chapter, *waiting]))
                    running[submit(execute, _task(request, chapter))] = chapter, parts
                else:
                    echo(f"{chapter:<22} up to date")
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                chapter, parts = running.pop(future)
                try:
                    seconds, failure = future.result()
                except OSError as error:
                    lost = request.out / "failed" / request.notebook(chapter).name
                    failure = Failure("not known", str(error), lost, mendable=True)
                    raise StageError(request.study["name"], chapter, failure) from None
                if failure is None:
                    journal.add_stage(chapter, parts, seconds)
                    echo(f"{chapter:<22} {seconds:6.1f} s")
                else:  # what runs beside it may end, nothing else starts
                    failed = failed or StageError(request.study["name"], chapter, failure)
                    waiting.clear()
    if failed:
        raise failed
    shutil.rmtree(request.out / "failed", ignore_errors=True)  # of earlier runs


def finish(request: Request, journal: Journal, *, echo: Callable[[str], None]) -> Path:
    """Merge the chapters' numbers and build the report, unless both are up to date."""
    parts = journal.report_parts()
    if not request.force and not journal.report_changed(parts):
        path, line = request.out / "report.html", "up to date"
    else:
        from pmlib.report.build import build_report  # nbconvert is slow to import

        started = time.perf_counter()
        merge_results(request.out)
        journal.write()  # the report shows the study and the parameters of run.json
        path = build_report(request.out)
        seconds = time.perf_counter() - started
        journal.add_report(parts, seconds)
        line = f"{seconds:6.1f} s"
    journal.content["complete"] = True
    journal.write()
    echo(f"{'report':<22} {line}")
    return path


def foretell(request: Request) -> Iterator[str]:
    """Tell of each stage, a line each, whether `run` would run it and why; nothing is written."""
    journal, uncertain = Journal(request), set[str]()
    for chapter in request.earlier:
        journal.require(chapter)
    for chapter in request.chapters:
        why = (
            ["--force"]
            if request.force
            else journal.changed(chapter, stage_parts(request, chapter))
        )
        earlier = [name for name in params.CHAPTERS if name in params.NEEDS[chapter] & uncertain]
        if why:
            line = f"would run: {'; '.join(why)}"
        elif earlier:
            line = f"would run if what it reads of {', '.join(earlier)} comes out otherwise"
        else:
            line = "up to date"
        if why or earlier:
            uncertain.add(chapter)
        yield f"{chapter:<22} {line}"
    if request.is_whole:
        why = ["--force"] if request.force else journal.report_changed(journal.report_parts())
        line = f"would be built: {'; '.join(why)}" if why else "up to date"
        if uncertain and not why:
            line = f"would be built if {', '.join(sorted(uncertain))} come out otherwise"
        yield f"{'report':<22} {line}"


def merge_results(out: Path) -> Path:
    """Merge the chapters' headline numbers into ``results.json``: key -> number and chapter.

    StudyError where two chapters use the same key.
    """
    merged: dict[str, Mapping[str, Any]] = {}
    for chapter in params.CHAPTERS:
        for record in read_json(out / "artifacts" / chapter / "numbers.json"):
            key = record["key"]
            if key in merged:
                raise StudyError(
                    "Two chapters recorded a number under the same key.",
                    where=f"{merged[key]['chapter']} and {chapter}",
                    rule="a key is unique in the whole study",
                    found=key,
                )
            merged[key] = record | {"chapter": chapter}
    path = out / "results.json"
    write_json(merged, path)
    return path


def require_writable(folder: Path) -> None:
    """Make a folder and try it, so that a run does not fail after minutes of work.

    StudyError where it cannot be made or written to, or holds something else than a run.
    """
    if folder.is_dir():
        inside = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
        if inside and not inside & {"run.json", "artifacts", "failed"}:
            raise StudyError(
                "The folder holds something else than a run.",
                where=str(folder),
                rule="--out names a new or empty folder, or that of an earlier run",
                found=", ".join(sorted(inside)[:5]),
                remedy="Choose another folder with --out; a run replaces what it finds.",
            )
    probe = folder / f".{os.getpid()}.probe"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise StudyError(
            "The run folder cannot be written.",
            where=str(folder),
            found=error.strerror or str(error),
            remedy="Choose another folder with --out.",
        ) from None


def _task(request: Request, chapter: str) -> Task:
    inside = request.out.is_relative_to(PROJECT)
    folder = request.out.relative_to(PROJECT) if inside else request.out
    where = {"study": request.source, "run": str(folder), "engine": request.engine}
    return Task(
        chapter=chapter,
        notebook=request.notebook(chapter),
        run=request.out,
        parameters=where | request.chapter_values(chapter),
        marks=mark(),
    )


@contextmanager
def _kernels() -> Iterator[Callable[..., Future[Any]]]:
    """Threads that each execute a notebook; on any error their kernels are gone."""
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        yield pool.submit
    except BaseException:
        kill_children()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    else:
        pool.shutdown()
    finally:
        kernels.end()
