"""Same inputs, same bytes, on however many cores: sums of doubles must not decide anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pmlib.owner import LOCK
from tests.whole_runs import run_whole

BANK = {"n_customers": 1_000, "n_months": 6, "sample_size": 500, "n_bootstrap": 20, "k_max": 4}

pytestmark = [
    pytest.mark.whole,
    pytest.mark.skipif(
        not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2,
        reason="needs two cores that a process can be bound to",
    ),
]


def run(out: Path, cores: set[int]) -> dict[str, bytes]:
    run_whole(out, cores=cores, **BANK)
    files = [path for path in out.rglob("*") if path.is_file()]
    return {
        path.relative_to(out).as_posix(): path.read_bytes().replace(bytes(out), b"run")
        for path in files
        if path.name not in {"run.json", LOCK}  # which tell of times
    }


def test_one_core_gives_the_bytes_of_two(tmp_path: Path) -> None:
    cores = sorted(os.sched_getaffinity(0))
    two, one = run(tmp_path / "two", set(cores[:2])), run(tmp_path / "one", set(cores[:1]))
    assert one.keys() == two.keys()
    assert [name for name in two if one[name] != two[name]] == []
