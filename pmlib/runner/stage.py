"""One stage: a notebook executed by papermill in a kernel of this interpreter."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pmlib.files import scratch
from pmlib.owner import require_run
from pmlib.runner.kernels import kernel_manager

KILLED = (
    "its process was killed, by a person or by the system for want of memory; what was finished "
    "is kept, and the next run goes on from there"
)


@dataclass(frozen=True)
class Task:
    """What it takes to execute one notebook.

    `run` is the run folder; `parameters` are values for the notebook's parameters cell, `marks`
    environment variables that tell the kernel which run it works for.
    """

    chapter: str
    notebook: Path
    run: Path
    parameters: Mapping[str, Any]
    marks: Mapping[str, str]


@dataclass(frozen=True)
class Failure:
    """Why a notebook stopped: the cell, the message and the notebook with its traceback.

    `mendable` says that the input was at fault (a `StudyError`), not the program.
    """

    cell: str
    message: str
    notebook: Path
    mendable: bool = False


class StageError(Exception):
    """A notebook stopped with an error; the run ends, what was finished stays valid.

    `exit_code` is 2 where the user's input stopped it, as for input refused before, else 1.
    """

    def __init__(self, study: str, chapter: str, failure: Failure) -> None:
        message = failure.message.replace("\n", "\n            ")
        super().__init__(
            f"The stage {chapter} of the study {study} failed.\n"
            f"  cell:     {failure.cell}\n"
            f"  message:  {message}\n"
            f"  notebook: {failure.notebook}"
        )
        self.exit_code = 2 if failure.mendable else 1


def execute(task: Task) -> tuple[float, Failure | None]:
    """Execute a notebook; put it into the run's ``notebooks`` only when it ended well.

    Returns the elapsed seconds, and why it failed: None when the notebook ran through and saved its
    artefacts.
    """
    import nbformat
    import papermill
    from jupyter_core.utils import ensure_event_loop
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError
    from traitlets.config import Config

    from pmlib.notebooks import put_prose
    from pmlib.texts import open_language

    # It warns of every parameter that may be None, which it does not know how to read; what goes
    # wrong is told by the failure.
    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    started = time.perf_counter()
    failed = task.run / "failed" / task.notebook.name
    saved = task.run / "artifacts" / task.chapter / "numbers.json"
    before = saved.stat().st_mtime_ns if saved.exists() else None
    failed.parent.mkdir(0o700, parents=True, exist_ok=True)  # what it printed is for its owner only
    failure = None
    source = nbformat.read(task.notebook, as_version=4)
    put_prose(source, task.chapter, open_language(str(task.parameters["language"])))
    nbformat.write(source, failed)
    loop = ensure_event_loop()  # that of this thread
    try:
        papermill.execute_notebook(
            str(failed),
            str(failed),
            parameters=dict(task.parameters),
            progress_bar=False,
            kernel_name="python3",
            kernel_manager_class=kernel_manager(task.marks, task.notebook.parent),
            # Other users of the machine must not read along.
            config=Config(KernelManager={"transport_encryption": "auto"}),
        )
    except PapermillExecutionError as error:
        heading = _heading(nbformat.read(failed, as_version=4))
        mendable = error.ename in {"StudyError", "OSError", "MemoryError"}
        message = error.evalue if error.ename == "StudyError" else f"{error.ename}: {error.evalue}"
        failure = Failure(f"In [{error.exec_count}], {heading}", message, failed, mendable)
    except RuntimeError as error:  # a kernel that died, or could not begin
        heading = _heading(nbformat.read(failed, as_version=4))
        why = KILLED if isinstance(error, DeadKernelError) else str(error)
        failure = Failure(heading, why, failed, mendable=True)
    else:
        if not saved.exists() or saved.stat().st_mtime_ns == before:
            failure = Failure("the last", "the notebook did not save its artefacts", failed)
    finally:
        loop.close()
    spilled = scratch(task.run, task.chapter)
    shutil.rmtree(spilled, ignore_errors=True)  # however the kernel ended
    with suppress(OSError):  # a stage beside this one has its own
        spilled.parent.rmdir()
    if failure is None:
        _publish(failed, task)
    return time.perf_counter() - started, failure


def _heading(notebook: Any) -> str:
    """The last Markdown heading before the cell that failed, or whose kernel died."""
    heading = "before the first heading"
    for cell in notebook.cells:
        stopped = cell.metadata.get("papermill", {}).get("status") in {"failed", "running"}
        if stopped or any(o.output_type == "error" for o in cell.get("outputs", [])):
            break
        if cell.cell_type == "markdown" and "papermill-error-cell-tag" not in cell.metadata.tags:
            for line in cell.source.splitlines():
                if line.startswith("#"):
                    heading = f"under {line.split('{#')[0].strip('# ')!r}"
    return heading


def _publish(executed: Path, task: Task) -> None:
    """Strip what differs from run to run, mark as generated, and put the notebook in its place."""
    import nbformat

    from pmlib.texts import PAGE, open_language

    notebook = nbformat.read(executed, as_version=4)
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
    language = open_language(str(task.parameters["language"]))
    notice = nbformat.v4.new_markdown_cell(
        language.render(PAGE, "generated", {"notebook": task.notebook.name}),
        id="generated",
        metadata={"tags": ["generated"]},
    )
    notebook.cells.insert(0, notice)
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            cell.id = f"cell-{number}"  # papermill draws a random one for the cell it injects
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": kernel, "language_info": {"name": "python"}, "generated": True}
    )
    target = task.run / "notebooks" / executed.name
    target.parent.mkdir(exist_ok=True)
    aside = target.with_name(f".{target.name}.partial")
    nbformat.write(notebook, aside)
    require_run()
    aside.replace(target)
    executed.unlink()
