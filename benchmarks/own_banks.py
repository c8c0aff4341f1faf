"""Run every odd bank of ``tests/own_banks.py`` and hold what it shows against its outlook.

    python -m benchmarks.own_banks [NAME...]

Some 60 banks take half an hour; ``tests/test_outlook.py`` keeps the quickest.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("MPLBACKEND", "Agg")

from tests.chapters import run_chapters
from tests.own_banks import BANKS, write_named
from tests.test_outlook import differences


def main() -> None:
    """Print a line a bank: seconds, and where the run differs from its outlook."""
    with tempfile.TemporaryDirectory() as folder:
        for name in sys.argv[1:] or [*BANKS, "everything:no_channels"]:
            study, started = write_named(Path(folder) / "studies", name), time.perf_counter()
            seen = run_chapters(study, Path(folder) / "runs" / study.name)
            wrong = differences(study, seen)
            print(f"{name:<26} {time.perf_counter() - started:5.1f} s  {wrong or 'as foretold'}")


if __name__ == "__main__":
    main()
