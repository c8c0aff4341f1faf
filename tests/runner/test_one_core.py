"""Same inputs, same bytes, on however many cores: sums of doubles must not decide anything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BANK = [("n_customers", 1_000), ("n_months", 6), ("sample_size", 500), ("n_bootstrap", 20),
        ("k_max", 4)]  # fmt: skip

pytestmark = [
    pytest.mark.whole,
    pytest.mark.skipif(
        not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2,
        reason="needs two cores that a process can be bound to",
    ),
]


def run(out: Path, cores: set[int]) -> dict[str, bytes]:
    asked = [part for name, value in BANK for part in ("-p", name, str(value))]
    subprocess.run(
        [sys.executable, str(ROOT / "run_all.py"), *asked, "--out", str(out)],
        check=True, stdout=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )  # fmt: skip
    files = [out / "results.json", out / "report.html", *(out / "private").rglob("*.*")]
    files += [path for name in ("tables", "figures") for path in (out / name).iterdir()]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in files}


def test_one_core_gives_the_bytes_of_two(tmp_path: Path) -> None:
    cores = sorted(os.sched_getaffinity(0))
    two, one = run(tmp_path / "two", set(cores[:2])), run(tmp_path / "one", set(cores[:1]))
    assert one.keys() == two.keys()
    assert [name for name in two if one[name] != two[name]] == []
