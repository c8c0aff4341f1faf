"""The run, on notebooks of a few lines that need neither data nor pmlib."""

from __future__ import annotations

import ast
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import nbformat
import psutil
import pytest

import run_all
from pmlib import __version__, params
from pmlib.errors import StudyError
from pmlib.notebooks import parameters_cell
from pmlib.runner import journal as journals
from pmlib.runner import run as runs
from pmlib.runner.journal import Journal, imported_modules, stage_parts
from pmlib.runner.kernels import ENVIRONMENT
from pmlib.runner.request import Request, program_record
from pmlib.runner.run import merge_results, require_writable, run_stages
from pmlib.runner.stage import StageError, Task

ROOT = Path(__file__).resolve().parents[2]

SAVE = """\
import json, pathlib
folder = pathlib.Path(run) / "artifacts" / "{chapter}"
folder.mkdir(parents=True, exist_ok=True)
(folder / "numbers.json").write_text(json.dumps([{{"key": "{chapter}_seed", "value": seed}}]))
"""

INTERPRETER = """\
import os, sys
print(sys.executable, os.environ["PYTHONHASHSEED"], os.environ["OMP_NUM_THREADS"])
"""


def write_notebook(folder: Path, number: int, chapter: str, *cells: str) -> Path:
    v4 = nbformat.v4
    tagged = v4.new_code_cell(parameters_cell(chapter), metadata={"tags": ["parameters"]})
    body = [v4.new_markdown_cell("## The finding"), *(v4.new_code_cell(cell) for cell in cells)]
    save = v4.new_code_cell(SAVE.format(chapter=chapter))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = v4.new_notebook(
        cells=[v4.new_markdown_cell(f"# {chapter}"), tagged, *body, save],
        metadata={"kernelspec": kernel},
    )
    for place, cell in enumerate(notebook.cells):  # drawn at random else
        cell.id = f"own-{place}"
    path = folder / f"0{number}_{chapter}.ipynb"
    nbformat.write(notebook, path)
    return path


@pytest.fixture
def asked(tmp_path: Path) -> Request:
    """A request of two stages, in folders whose names hold spaces."""
    notebooks = tmp_path / "note books"
    notebooks.mkdir()
    for number, chapter in enumerate(params.CHAPTERS, start=1):
        write_notebook(notebooks, number, chapter, INTERPRETER)
    return Request(
        study={"name": "tiny", "fingerprint": "f"},
        source="tiny",
        values=params.Parameters(),
        out=tmp_path / "run folder",
        last="segmentation",
        notebooks=notebooks,
    )


def execute(asked: Request) -> list[str]:
    lines: list[str] = []
    require_writable(asked.out)
    run_stages(asked, Journal(asked), echo=lines.append)
    return sorted(lines)


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stages without kernel: what a notebook's last cell saves, and the notebook."""

    def stage(task: Task) -> tuple[float, None]:
        exec(SAVE.format(chapter=task.chapter), {**task.parameters, "run": str(task.run)})
        (task.run / "notebooks").mkdir(exist_ok=True)
        shutil.copy(task.notebook, task.run / "notebooks")
        return 0.0, None

    @contextmanager
    def kernels() -> Iterator[Callable[..., Future]]:
        def submit(_: object, task: Task) -> Future:
            done: Future = Future()
            done.set_result(stage(task))
            return done

        yield submit

    monkeypatch.setattr(runs, "_kernels", kernels)


def stages(asked: Request) -> dict[str, dict[str, str]]:
    return json.loads((asked.out / "run.json").read_text())["stages"]


@pytest.mark.usefixtures("in_process")
def test_a_run_tells_which_program_made_it(asked: Request, tmp_path: Path) -> None:
    execute(asked)
    recorded = json.loads((asked.out / "run.json").read_text())["program"]
    assert recorded["version"] == __version__
    assert recorded == program_record()

    def git(*words: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        env = {**os.environ, "GIT_COMMITTER_DATE": "2024-02-29T12:00:00Z"}
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, env=env)  # noqa: S607

    assert program_record(tmp_path) == {"version": __version__}
    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "first")
    clean = program_record(tmp_path)
    assert clean["day"] == "2024-02-29"
    (tmp_path / "file").touch()
    git("add", "file")
    assert program_record(tmp_path)["commit"] == f"{clean['commit']}-dirty"


def test_a_run_leaves_artefacts_executed_notebooks_and_a_journal(asked: Request) -> None:
    lines = execute(asked)
    assert [line.split()[0] for line in lines] == ["data_profiling", "segmentation"]
    assert set(stages(asked)) == {"data_profiling", "segmentation"}
    assert [path.name for path in sorted((asked.out / "notebooks").iterdir())] == [
        "01_data_profiling.ipynb",
        "02_segmentation.ipynb",
    ]
    assert not (asked.out / "failed").exists()

    executed = nbformat.read(asked.out / "notebooks" / "02_segmentation.ipynb", 4)
    text = "".join(
        output["text"]
        for cell in executed.cells
        for output in cell.get("outputs", [])
        if "text" in output
    )
    assert text.split() == [sys.executable, "0", ENVIRONMENT["OMP_NUM_THREADS"]]

    # Nothing that tells when it was made.
    source = (asked.out / "notebooks" / "02_segmentation.ipynb").read_text()
    assert "papermill" not in source
    assert "execution" not in {key for cell in executed.cells for key in cell.metadata}
    assert executed.cells[0].metadata.tags == ["generated"]

    # A second run has nothing to do.
    assert all(line.endswith("up to date") for line in execute(asked))

    # Other parameters: only the chapter that uses them runs again.
    lines = execute(replace(asked, values=params.Parameters(k_max=5)))
    assert "up to date" in lines[0]
    assert "up to date" not in lines[1]

    # An output that was changed by hand is made again, byte for byte.
    path = asked.out / "notebooks" / "01_data_profiling.ipynb"
    before = path.read_bytes()
    path.write_text("{}")
    lines = execute(replace(asked, values=params.Parameters(k_max=5)))
    assert "up to date" not in lines[0]
    assert "up to date" in lines[1]
    assert path.read_bytes() == before


def test_a_failed_stage_says_where_and_leaves_earlier_results(asked: Request) -> None:
    asked = replace(asked, last="data_profiling")
    execute(asked)
    before = stages(asked)
    numbers = (asked.out / "artifacts" / "data_profiling" / "numbers.json").read_bytes()

    write_notebook(asked.notebooks, 1, "data_profiling", "1 / 0")
    with pytest.raises(StageError) as caught:
        execute(asked)
    message = str(caught.value)
    assert "The stage data_profiling of the study tiny failed." in message
    assert "In [3], under 'The finding'" in message
    assert "ZeroDivisionError: division by zero" in message
    assert Path(message.split("notebook: ")[1]).is_file()
    assert stages(asked) == before
    assert (asked.out / "artifacts" / "data_profiling" / "numbers.json").read_bytes() == numbers
    executed = nbformat.read(asked.out / "notebooks" / "01_data_profiling.ipynb", 4)
    assert "1 / 0" not in {cell.source for cell in executed.cells}


def test_a_stage_that_saves_nothing_has_failed(asked: Request) -> None:
    path = write_notebook(asked.notebooks, 1, "data_profiling")
    notebook = nbformat.read(path, 4)
    notebook.cells.pop()
    nbformat.write(notebook, path)
    with pytest.raises(StageError, match="did not save its artefacts"):
        execute(replace(asked, last="data_profiling"))


# --- keys: what a stage depends on ---------------------------------------------------------------


def test_a_key_depends_on_what_a_stage_reads_and_on_nothing_else(asked: Request) -> None:
    key = stage_parts(asked, "segmentation")
    assert stage_parts(replace(asked, out=asked.out / "elsewhere"), "segmentation") == key
    assert stage_parts(replace(asked, values=params.Parameters(budget=1)), "segmentation") == key
    changed = [
        replace(asked, values=params.Parameters(seed=1)),
        replace(asked, engine="spark"),
        replace(asked, study={"name": "tiny", "fingerprint": "g"}),
    ]
    assert key not in [stage_parts(other, "segmentation") for other in changed]


def test_a_key_changes_with_the_artefacts_of_an_earlier_chapter(asked: Request) -> None:
    keys = {chapter: stage_parts(asked, chapter) for chapter in params.CHAPTERS}
    folder = asked.out / "private" / "segmentation"
    folder.mkdir(parents=True)
    (folder / "assignments.parquet").write_bytes(b"1")
    changed = {chapter for chapter in keys if stage_parts(asked, chapter) != keys[chapter]}
    assert changed == {"association_analysis", "strategy_design", "campaign_evaluation"}


def test_a_key_changes_with_the_content_of_the_results_file_not_with_its_place(
    asked: Request, tmp_path: Path
) -> None:
    keys = []
    for name, content in (("a.csv", "1"), ("b.csv", "1"), ("c.csv", "2")):
        (tmp_path / name).write_text(content)
        values = params.Parameters(campaign_results=str(tmp_path / name))
        keys.append(stage_parts(replace(asked, values=values), "campaign_evaluation"))
    assert keys[0] == keys[1] != keys[2]


def test_a_key_changes_with_a_cell_but_not_with_an_output(asked: Request) -> None:
    path = asked.notebook("segmentation")
    key = stage_parts(asked, "segmentation")
    notebook = nbformat.read(path, 4)
    notebook.cells[-1].execution_count = 7
    nbformat.write(notebook, path)
    assert stage_parts(asked, "segmentation") == key
    notebook.cells[-1].source += "\n# changed"
    nbformat.write(notebook, path)
    assert stage_parts(asked, "segmentation") != key


def test_imports_are_followed_through_modules_and_packages(tmp_path: Path) -> None:
    files = {
        "pmlib/__init__.py": "",
        "pmlib/a.py": "def later():\n    from pmlib.b import c\n",
        "pmlib/b/__init__.py": "from pmlib import d\n",
        "pmlib/b/c.py": "import numpy\n",
        "pmlib/d.py": "",
        "pmlib/unused.py": "",
    }
    for name, source in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(source)
    found = imported_modules(["from pmlib.a import later"], root=tmp_path)
    assert {path.relative_to(tmp_path).as_posix() for path in found} == set(files) - {
        "pmlib/unused.py"
    }


def test_imports_are_those_that_python_reads() -> None:
    sources = [path.read_text() for path in (ROOT / "pmlib").rglob("*.py")]
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        sources += [c.source for c in nbformat.read(path, 4).cells if c.cell_type == "code"]
    for source in [
        *sources,
        "def f():\n    from pmlib.a import (b as c,\n        d)  # e",
        "import os",
    ]:
        names = set()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names |= {f"{node.module}.{alias.name}" for alias in node.names}
        parts = [name.split(".") for name in names if name.split(".")[0] == "pmlib"]
        expected = {".".join(own[:n]) for own in parts for n in range(1, len(own) + 1)}
        assert set(journals._imports(source)) == expected


@pytest.mark.usefixtures("in_process")
def test_a_dry_run_tells_what_would_run_and_why_and_writes_nothing(asked: Request) -> None:
    asked = replace(asked, last="association_analysis")

    def told(request: Request) -> list[str]:
        before = {path: path.stat().st_mtime_ns for path in asked.out.rglob("*")}
        lines = [" ".join(line.split()) for line in runs.foretell(request)]
        assert {path: path.stat().st_mtime_ns for path in asked.out.rglob("*")} == before
        return lines

    first, second, third = asked.chapters
    assert told(asked) == [f"{name} would run: not run here yet" for name in asked.chapters]
    assert not asked.out.exists()
    execute(asked)
    assert told(asked) == [f"{name} up to date" for name in asked.chapters]
    assert told(replace(asked, force=True))[0] == f"{first} would run: --force"

    given = params.Parameters(k_max=5)
    usual = params.Parameters().k_max
    changed = replace(asked, values=given)
    follows = f"{third} would run if what it reads of {second} comes out otherwise"
    why = f"parameter k_max {usual}, now 5"
    assert told(changed) == [f"{first} up to date", f"{second} would run: {why}", follows]
    execute(changed)
    assert told(changed)[1:] == [f"{second} up to date", f"{third} up to date"]
    data = replace(changed, study={"name": "tiny", "fingerprint": "g"}, engine="spark")
    assert told(data)[0] == f"{first} would run: engine duckdb, now spark; data of tiny"

    path = asked.notebook(first)
    path.write_text(path.read_text().replace("## The finding", "## Another"))
    assert told(changed)[0] == f"{first} would run: notebook {path.name}"
    (asked.out / "artifacts" / second / "numbers.json").write_text("[]")
    assert told(changed)[1:] == [
        f"{second} would run: its files were changed or deleted",
        f"{third} would run: artefacts of {second}",
    ]


def test_a_dry_run_names_the_code_that_has_changed(
    asked: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_notebook(asked.notebooks, 1, "data_profiling", "from pmlib.errors import StudyError")
    made = stage_parts(asked, "data_profiling")
    journal = Journal(asked)
    journal.content["stages"]["data_profiling"] = {
        "key": "of before", "made_of": journals._short(made), "outputs": ""
    }  # fmt: skip
    monkeypatch.setattr(
        journals, "file_digest", lambda path: "other" if path.name == "errors.py" else "same"
    )
    now = stage_parts(asked, "data_profiling")
    same = {kind: dict(own) for kind, own in now.items()}
    same["code"]["pmlib/errors.py"] = "same"
    journal.content["stages"]["data_profiling"]["made_of"] = journals._short(same)
    assert journal.changed("data_profiling", now) == ["code pmlib/errors.py"]


@pytest.mark.usefixtures("casebank")  # whose tables are there then
def test_a_run_with_nothing_to_do_loads_no_pandas(tmp_path: Path) -> None:
    code = (
        "import sys; from pmlib.params import Parameters; from pmlib import studies;"
        "from pmlib.runner.request import Request, study_record;"
        "from pmlib.runner.run import foretell;"
        "study = studies.prepare('casebank', Parameters(n_customers=3_000, n_months=6, seed=5));"
        "asked = Request(study=study_record(study), source='casebank', values=Parameters(),"
        f"out=__import__('pathlib').Path({str(tmp_path)!r}));"
        "[print(line) for line in foretell(asked)]; print('pandas' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert lines[-2].startswith("report")
    assert lines[-1] == "False"


def test_versions_of_libraries_are_those_installed() -> None:
    assert journals.versions()["python"] == sys.version.split()[0]


# --- what is refused -----------------------------------------------------------------------------


def test_from_a_stage_without_the_ones_before_it_is_refused(asked: Request) -> None:
    with pytest.raises(StudyError, match="no finished stage data_profiling"):
        Journal(asked).require("data_profiling")


def test_stages_in_the_wrong_order_are_refused(asked: Request) -> None:
    with pytest.raises(StudyError, match="from segmentation to data_profiling"):
        replace(asked, first="segmentation", last="data_profiling")


def test_a_chapter_without_a_notebook_is_refused(asked: Request) -> None:
    asked.notebook("segmentation").unlink()
    with pytest.raises(StudyError, match="exactly one notebook is named NN_segmentation"):
        asked.notebook("segmentation")


def test_a_run_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(StudyError, match=r"cannot be written[\s\S]*--out"):
        require_writable(tmp_path / "run")


def test_two_chapters_cannot_use_one_key(tmp_path: Path) -> None:
    for chapter in params.CHAPTERS:
        folder = tmp_path / "artifacts" / chapter
        folder.mkdir(parents=True)
        (folder / "numbers.json").write_text('[{"key": "n", "value": 1}]')
    with pytest.raises(StudyError, match="data_profiling and segmentation"):
        merge_results(tmp_path)


# --- the command line ----------------------------------------------------------------------------


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["run_all.py", *arguments])
    return run_all.console()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--study", "berca"], "Did you mean berka?"),
        (["-p", "sed", "3"], "did you mean seed?"),
        (["-p", "min_support", "2"], "must be a number > 0 and <= 1"),
        (["-p", "seed"], "requires 2 arguments"),
        (["-f", "absent.yaml"], "parameter file cannot be read"),
        (["--engine", "polars"], "no such engine"),
        (["--from-stage", "segments"], "'segmentation'"),
        (["--mirror", "absent"], "does not exist"),
        (["--results", "absent.csv"], "does not exist"),
        (["--out", "{file}/run"], "run folder cannot be written"),
        (["--out", ""], "something else than a run"),
        (["berka"], "Did you mean --study berka?"),
        (["--from", "{file}"], "name its folder with --new-study"),
        (["--new-study", "new", "--from", "absent.csv"], "no such file"),
        (["--new-study", "new", "--from", "."], "is empty"),
        (["--new-study", "new", "--from", "{book}"], "not a zip file"),
        (["-f", "{twice}"], "'seed' is given twice"),
        (["-p", "names_from", "absent.json"], "file that a parameter names is missing"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_what_cannot_be_used_is_one_message_and_no_kernel(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    (tmp_path / "book").write_bytes(b"PK\x03\x04")
    (tmp_path / "twice").write_text("seed: 1\nseed: 2\n")
    named = {name: tmp_path / name for name in ("file", "book", "twice")}
    options = [argument.format(**named) for argument in arguments]
    if "--out" not in options:
        options = ["--out", str(tmp_path / "run"), *options]
    assert command(monkeypatch, *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run" / "run.json").exists()


@pytest.mark.parametrize(
    ("cell", "code"),
    [("from pmlib.errors import StudyError; raise StudyError('No such column.')", 2), ("1 / 0", 1)],
)
def test_bad_input_found_by_a_chapter_exits_like_bad_input_found_before(
    cell: str, code: int, asked: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_notebook(asked.notebooks, 1, "data_profiling", cell)
    monkeypatch.setattr(run_all, "_run", lambda _: execute(replace(asked, last="data_profiling")))
    assert command(monkeypatch) == code


@pytest.mark.parametrize(
    ("option", "name"), [("--list-parameters", "min_support"), ("--list-studies", "casebank")]
)
def test_parameters_and_studies_are_listed(
    option: str, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, option) == 0
    assert name in capsys.readouterr().out


INTERRUPTED = """\
import signal
import sys
from pathlib import Path
import test_run
from pmlib import params
from pmlib.runner.journal import Journal
from pmlib.runner.request import Request
from pmlib.runner.run import run_stages

if __name__ == "__main__":
    # Tests that run in the background may have been started with the signal ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder = Path(sys.argv[1])
    test_run.write_notebook(
        folder, 1, "data_profiling", "open('started', 'w').close()\\nimport time; time.sleep(60)"
    )
    asked = Request(study={"name": "t", "fingerprint": "f"}, source="t", values=params.Parameters(),
                out=folder / "run", last="data_profiling", notebooks=folder)
    asked.out.mkdir()
    run_stages(asked, Journal(asked), echo=print)
"""


def test_an_interrupt_ends_kernels(tmp_path: Path) -> None:
    script = tmp_path / "interrupted.py"
    script.write_text(INTERRUPTED)
    paths = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
    process = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": paths}, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    while not (tmp_path / "started").exists():  # the cell runs: nothing is being started now
        assert process.poll() is None
        time.sleep(0.1)
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) >= 2  # what kernels are forked from, and a kernel
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, errors = process.communicate(timeout=300)  # a busy machine takes its time
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert errors.count("Traceback") == 1  # the kernels are silent
    _, alive = psutil.wait_procs(children, timeout=5)
    assert alive == []
