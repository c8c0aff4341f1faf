"""Variants of a study: folders named by what was changed, which begin where another run ended."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pmlib.errors import StudyError
from pmlib.files import folder_written_whole, read_json, write_json
from pmlib.owner import owned
from pmlib.params import PROJECT, Parameters

AT_ONCE = 2
"""Variants run side by side; each has two stages that run beside each other."""

_PASSED_ON = ("artifacts", "private", "notebooks")
_LONGEST = 80


def folder_name(study: str, usual: Parameters, values: Parameters) -> str:
    """Name of a run's folder: the study, and what is not as usual in it.

    The results of a campaign change no name: they belong to the run that planned it.

    Examples
    --------
    >>> folder_name("casebank", Parameters(), Parameters(n_segments=4, budget=20_000))
    'casebank-n_segments-4-budget-20000'
    >>> folder_name("casebank", Parameters(), Parameters(channel_cost={"email": 0.2}))
    'casebank-channel.email.cost-0.2'
    >>> folder_name("casebank", Parameters(), Parameters())
    'casebank'
    """
    asked, ordinary = values.flat(), usual.flat()
    changed = {
        name: value
        for name, value in asked.items()
        if name != "campaign_results" and (name not in ordinary or value != ordinary[name])
    }
    name = "-".join([study, *(f"{name}-{_short(value)}" for name, value in changed.items())])
    if len(name) <= _LONGEST:
        return name
    return f"{name[:_LONGEST]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.9g}"
    text = Path(value).stem if isinstance(value, str) and os.sep in value else str(value)
    return re.sub(r"[^\w.+-]+", "_", text)


def begin_from(folder: Path, earlier: Path) -> None:
    """Let a run that has no folder yet begin with the finished stages of an earlier one.

    Its stages stand as they are; those that what was changed concerns are run again. Nothing is
    passed on while another run works in the earlier folder.
    """
    if folder.exists() or folder == earlier or not (earlier / "run.json").is_file():
        return
    try:
        with owned(earlier), folder_written_whole(folder) as aside:
            for name in _PASSED_ON:
                if (earlier / name).is_dir():
                    shutil.copytree(earlier / name, aside / name)
            told = read_json(earlier / "run.json")
            write_json({**told, "complete": False, "report": {}}, aside / "run.json")
    except (StudyError, OSError):
        pass  # the run makes all its stages itself


def combinations(asked: Sequence[str]) -> list[list[tuple[str, str]]]:
    """Read what is to be swept: every combination of the values of ``NAME=V1,V2,…``.

    StudyError where one is not written so, or names a parameter twice.

    Examples
    --------
    >>> combinations(["n_segments=3,4"])
    [[('n_segments', '3')], [('n_segments', '4')]]
    """
    choices: dict[str, list[tuple[str, str]]] = {}
    for each in asked:
        name, is_given, values = each.partition("=")
        listed = [value.strip() for value in values.split(",")]
        if not is_given or not all(listed) or name in choices or len(set(listed)) < len(listed):
            raise StudyError(
                "Values to sweep cannot be read.",
                where="--sweep",
                rule="NAME=V1,V2,…, each parameter and each value once",
                found=each,
                remedy="for example --sweep n_segments=3,4,5",
            )
        choices[name.strip()] = [(name.strip(), value) for value in listed]
    return [list(each) for each in itertools.product(*choices.values())]


def run_variants(commands: Mapping[Path, Sequence[str]], *, echo: Callable[[str], None]) -> None:
    """Run variants by their folders and command lines: the first, then `AT_ONCE` side by side.

    Each begins with the stages of the first. StudyError where one stops; those that have ended
    are kept.
    """
    first, *others = commands
    _run(first, commands[first], echo)
    for folder in others:
        begin_from(folder, first)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in pool.map(lambda folder: _run(folder, commands[folder], echo), others):
            pass


def _run(folder: Path, command: Sequence[str], echo: Callable[[str], None]) -> None:
    started = time.perf_counter()
    done = subprocess.run(  # noqa: S603 - this program, with what its user asked for
        [sys.executable, str(PROJECT / "run_all.py"), *command, "--out", str(folder)],
        check=False, capture_output=True, encoding="utf-8",
    )  # fmt: skip
    if done.returncode:
        raise StudyError(
            "A variant has not come to its report.",
            where=str(folder),
            found=(done.stderr or done.stdout).strip(),
            remedy="Those that have ended are kept; mend this one and sweep again.",
        )
    echo(f"{folder.name:<50} {time.perf_counter() - started:6.1f} s")
