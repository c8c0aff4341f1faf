"""One run a folder: two started together, and whatever is killed, leave it right."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from pmlib import owner, params
from pmlib.errors import StudyError
from pmlib.files import write_json
from pmlib.runner import kernels
from pmlib.runner import run as runs
from pmlib.runner.journal import Journal
from pmlib.runner.request import Request
from pmlib.runner.stage import StageError
from tests.runner.test_run import (  # noqa: F401
    ROOT,
    asked,
    execute,
    in_process,
    stages,
    write_notebook,
)

RUN = """\
import sys
from pathlib import Path
from pmlib import params
from pmlib.runner.request import Request
from pmlib.runner.run import run

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    run(Request(study={"name": "t", "fingerprint": "f"}, source="t", values=params.Parameters(),
                out=folder / "run", last="data_profiling", notebooks=folder), echo=print)
"""

# Waits at its first run only, with something on disk.
CELL = """\
import pathlib, time
started = pathlib.Path("started")
if not started.exists():
    kept = pathlib.Path(run) / "private" / ".scratch" / "data_profiling"
    kept.mkdir(parents=True)
    (kept / "spilled").touch()
    started.touch()
    time.sleep(60)
"""


@pytest.fixture
def started(tmp_path: Path) -> Iterator[subprocess.Popen]:
    """A run in `tmp_path` whose first cell waits."""
    write_notebook(tmp_path, 1, "data_profiling", CELL)
    with begin(tmp_path) as process:
        while not (tmp_path / "started").exists():
            assert process.poll() is None
            time.sleep(0.05)
        yield process
        process.kill()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a run leaves that nothing disturbs."""
    folder = tmp_path_factory.mktemp("undisturbed")
    write_notebook(folder, 1, "data_profiling", CELL)
    (folder / "started").touch()
    with begin(folder) as process:
        process.communicate(timeout=300)
    return contents(folder / "run")


def begin(folder: Path) -> subprocess.Popen:
    (folder / "begin.py").write_text(RUN)
    return subprocess.Popen(
        [sys.executable, str(folder / "begin.py"), str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def contents(folder: Path) -> dict[str, bytes]:
    """All that a run leaves but times, and the lock, which says when."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes().replace(bytes(folder), b"run")
        for path in folder.rglob("*")
        if path.is_file() and path.name not in {"run.json", owner.LOCK}
    }


def family(process: psutil.Process) -> tuple[psutil.Process, psutil.Process]:
    """The process that kernels are forked from, and the kernel of a run."""
    found = process.children(recursive=True)
    server = next(child for child in found if "forkserver" in " ".join(child.cmdline()))
    (kernel,) = server.children()
    return server, kernel


def test_a_second_run_in_a_folder_is_told_of_the_first(
    started: subprocess.Popen, tmp_path: Path
) -> None:
    second = begin(tmp_path)
    _, errors = second.communicate(timeout=300)
    assert second.returncode == 1
    assert "Another run works in this folder." in errors
    assert f"process {started.pid} on " in errors
    assert started.poll() is None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_is_killed_takes_its_processes_along_and_leaves_the_folder_free(
    number: signal.Signals,
    started: subprocess.Popen,
    tmp_path: Path,
    undisturbed: dict[str, bytes],
) -> None:
    children = psutil.Process(started.pid).children(recursive=True)
    started.send_signal(number)
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []
    again = begin(tmp_path)
    _, errors = again.communicate(timeout=300)
    assert (again.returncode, errors) == (0, "")
    assert contents(tmp_path / "run") == undisturbed


@pytest.mark.skipif(not kernels.FORKED, reason="kernels are not forked here")
def test_kernels_are_forked_from_one_thread_that_has_imported(started: subprocess.Popen) -> None:
    server, kernel = family(psutil.Process(started.pid))
    assert server.num_threads() == 1
    for process in (server, kernel):
        assert any("/pandas/" in part.path for part in process.memory_maps())
    assert kernel.cmdline() == server.cmdline()


@pytest.mark.parametrize("which", ["server", "kernel"])
def test_a_killed_server_or_kernel_is_one_message(
    which: str, started: subprocess.Popen, tmp_path: Path
) -> None:
    server, kernel = family(psutil.Process(started.pid))
    {"server": server, "kernel": kernel}[which].kill()
    _, errors = started.communicate(timeout=300)
    assert "The stage data_profiling of the study t failed." in errors
    assert "its process was killed" in errors
    assert "under 'The finding'" in errors
    assert not list(tmp_path.rglob("spilled"))
    psutil.wait_procs([server, kernel], timeout=20)
    assert not server.is_running()
    assert not kernel.is_running()


def test_a_process_of_a_run_that_has_ended_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with owner.joined(tmp_path):  # by itself: alone
        assert str(os.getpid()) in (tmp_path / owner.LOCK).read_text()
    for name, value in owner.mark().items():
        monkeypatch.setenv(name, value)
    owner.require_run()
    number, began = os.environ[owner.RUN].split()
    monkeypatch.setattr(psutil.Process, "create_time", lambda _: 0.0)  # the clock was set back
    owner.require_run()
    monkeypatch.setenv(owner.RUN, f"{number} {float(began) - 1:.0f}")  # the number was given anew
    with pytest.raises(StudyError, match="has ended"), owner.joined(tmp_path):
        pass


@pytest.mark.usefixtures("in_process")
def test_leftovers_of_killed_processes_are_cleared(asked: Request) -> None:  # noqa: F811
    asked = replace(asked, last="data_profiling")
    for name in (".tables.1.partial", "artifacts/.segmentation.1.earlier", "private/.scratch/x"):
        (asked.out / name).mkdir(parents=True)
        (asked.out / name / "half").touch()
    (asked.out / ".results.json.1.partial").touch()
    runs.run(asked, echo=lambda _: None)
    assert not [path for path in asked.out.rglob(".*") if path.name != owner.LOCK]


@pytest.mark.usefixtures("in_process")
def test_what_stands_beside_the_report_is_part_of_it(
    asked: Request,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = replace(asked, last="campaign_evaluation")
    built = []

    def build(out: Path) -> Path:
        built.append(out)
        for name in ("tables/table-1.csv", "figures/figure-1.csv", "report.html"):
            (out / name).parent.mkdir(exist_ok=True)
            (out / name).write_text("as built")
        return out / "report.html"

    monkeypatch.setattr("pmlib.report.build.build_report", build)
    runs.run(asked, echo=lambda _: None)
    runs.run(asked, echo=lambda _: None)
    assert len(built) == 1
    before = contents(asked.out)
    for name in ("tables/table-1.csv", "figures/figure-1.csv", "report.html", "results.json"):
        (asked.out / name).write_text("edited")
        runs.run(asked, echo=lambda _: None)
        assert contents(asked.out) == before
    assert len(built) == 5


@pytest.mark.usefixtures("in_process")
def test_later_stages_do_not_follow_earlier_ones_made_with_other_settings(
    asked: Request,  # noqa: F811
) -> None:
    execute(asked)
    later = replace(asked, first="association_analysis", last="association_analysis")
    runs.run(later, echo=lambda _: None)
    other = replace(later, values=params.Parameters(k_max=5))
    with pytest.raises(StudyError, match="made with other settings") as caught:
        runs.run(other, echo=lambda _: None)
    assert f"k_max {params.Parameters().k_max}, now 5" in str(caught.value)
    # A parameter that the earlier chapters do not use is free.
    runs.run(replace(later, values=params.Parameters(min_confidence=0.5)), echo=lambda _: None)
    assert stages(asked)["association_analysis"]["made_with"]["min_confidence"] == 0.5
    untold = Journal(later)  # run.json of an earlier version
    del untold.content["stages"]["segmentation"]["made_with"]
    with pytest.raises(StudyError, match="has not been run here"):
        untold.require("segmentation")
    write_json([], asked.out / "artifacts" / "segmentation" / "numbers.json")
    with pytest.raises(StudyError, match="or its files were changed"):
        Journal(later).require("segmentation")


def test_a_disk_that_is_full_is_one_message(
    asked: Request,  # noqa: F811
) -> None:
    write_notebook(
        asked.notebooks, 1, "data_profiling", "raise OSError(28, 'No space left on device')"
    )
    with pytest.raises(StageError, match="No space left on device") as caught:
        execute(replace(asked, last="data_profiling"))
    assert caught.value.exit_code == 2
    assert stat.S_IMODE((asked.out / "failed").stat().st_mode) == 0o700


NO_SHARED_MEMORY = """\
import _multiprocessing

class SemLock:
    SEM_VALUE_MAX = 1

    def __init__(self, *_):
        raise FileNotFoundError(2, "No such file or directory")

_multiprocessing.SemLock = SemLock
"""


def test_a_machine_without_shared_memory_runs_or_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(NO_SHARED_MEMORY)
    write_notebook(tmp_path, 1, "data_profiling")
    (tmp_path / "begin.py").write_text(RUN)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "begin.py"), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        assert done.stderr.count("StudyError: ") == 1  # this small program shows its traceback
        assert "shared memory" in done.stderr
        assert "remedy" in done.stderr


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("day", [0.0, 4e9])  # 1970 and 2096
def test_a_clock_that_was_set_decides_nothing(asked: Request, day: float) -> None:  # noqa: F811
    asked = replace(asked, last="data_profiling")
    said: list[str] = []
    runs.run(asked, echo=said.append)
    for path in asked.out.rglob("*"):
        os.utime(path, (day, day))
    before = contents(asked.out)
    runs.run(asked, echo=said.append)
    assert "up to date" in said[-1]
    runs.run(replace(asked, force=True), echo=said.append)
    assert contents(asked.out) == before
