"""The default study as it was at earlier commits and is now, run alternately on one machine.

``python benchmarks/commits.py 5e6ac3c HEAD`` checks each commit out into a temporary folder, makes
the study's data there, and runs its stages and report by turns. Told are the median processor time
of all processes, the clock, the largest memory of all together (proportional, so that what forked
processes share counts once), and the ratios to the last commit named. Needs Linux and git.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
import pandas as pd
import psutil

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def checked_out(commit: str, folder: Path) -> Iterator[Path]:
    """A commit's files in a folder of their own, gone afterwards."""
    git = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*git, "add", "-q", "--detach", str(folder), commit], check=True)
    try:
        yield folder
    finally:
        subprocess.run([*git, "remove", "--force", str(folder)], check=True)


def run(folder: Path, *more: str) -> dict[str, float]:
    """Run the study there; processor time (s), clock (s) and peak memory (MB)."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "run_all.py", "--out", str(folder / "reports" / "timed"), *more]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    process = psutil.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    peak = 0
    while process.poll() is None:
        peak = max(peak, memory(process))
        time.sleep(0.5)
    if process.returncode:
        raise SystemExit(f"{folder.name}: exit code {process.returncode}")
    clock, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"processor": used, "clock": clock, "peak": peak / 1e6}


def memory(process: psutil.Popen) -> int:
    """Bytes of a process and all that it started."""
    total = 0
    for one in [process, *process.children(recursive=True)]:
        try:
            total += one.memory_full_info().pss
        except psutil.Error:  # it has ended since
            continue
    return total


@click.command()
@click.argument("commits", nargs=-1, required=True)
@click.option("--rounds", default=3, show_default=True)
@click.option("-p", "parameters", nargs=2, multiple=True, metavar="NAME VALUE")
def main(commits: Sequence[str], rounds: int, parameters: Sequence[tuple[str, str]]) -> None:
    """Run the study at each commit by turns, and tell what it took."""
    asked = [word for pair in parameters for word in ("-p", *pair)]
    rows = []
    with tempfile.TemporaryDirectory() as home, ExitStack() as stack:
        folders = {
            commit: stack.enter_context(checked_out(commit, Path(home) / f"{number}"))
            for number, commit in enumerate(commits)
        }
        for folder in folders.values():  # data and compiled files are there when time counts
            run(folder, *asked, "--to-stage", "data_profiling")
        for _ in range(rounds):
            for commit, folder in folders.items():
                rows.append({"commit": commit, **run(folder, *asked, "--force")})
                click.echo(rows[-1])
    table = pd.DataFrame(rows).groupby("commit", sort=False).median()
    for name in ("processor", "clock", "peak"):
        table[f"{name} ratio"] = table[name] / table[name].iloc[-1]
    click.echo(table.round(2).to_string())


if __name__ == "__main__":
    main()
