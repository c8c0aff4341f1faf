"""A whole run by the command line, as a user starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def run_whole(out: Path, *, cores: set[int] | None = None, **settings: object) -> str:
    """Run a study into a folder, with parameters, bound to `cores`; what it said.

    ``study`` among the settings is the folder of an own study; without it the simulated bank runs.
    """
    study = settings.pop("study", None)
    asked = [part for name, value in settings.items() for part in ("-p", name, str(value))]
    command = [sys.executable, "run_all.py", *asked, "--out", str(out)]
    command += ["--study", str(study)] if study else []
    bind = (lambda: os.sched_setaffinity(0, cores)) if cores else None
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, preexec_fn=bind
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
