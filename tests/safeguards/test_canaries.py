"""Secrets planted in every table are not found, or told, in anything that a run publishes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from tests.canaries import (
    AMOUNTS,
    WORDS,
    amounts_in,
    amounts_told,
    numbers_of,
    planted,
    published,
    small_counts,
    small_numbers,
    words_in,
    write_planted,
)
from tests.whole_runs import run_whole


def test_the_search_finds_what_was_planted() -> None:
    frames = planted(n=200)
    everything = "\n".join(frame.to_csv(index=False) for frame in frames.values())
    assert words_in(everything) == set(WORDS)
    assert amounts_in(numbers_of(everything)) == set(AMOUNTS)
    means = pd.DataFrame({"mean": [86_419.75, 12.0], "customers": [900, 4]}).to_csv(index=False)
    assert list(amounts_told("t", means)) == ["t:2 income of one: mean × customers = 77,777,775"]
    assert list(small_counts("t", means)) == ["t:3 customers = 4"]
    shares = pd.DataFrame({"rate": [0.006, 0.994], "contacts": [500, 500]}).to_csv(index=False)
    assert len(list(small_counts("t", shares))) == 2


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run an own study of CSVs, in which every table holds secrets."""
    folder = tmp_path_factory.mktemp("canaries")
    study = write_planted(folder / "study", planted())
    said = run_whole(folder / "run", study=study, sample_size=800, n_bootstrap=20, k_max=5)
    (folder / "run" / "log.txt").write_text(said, encoding="utf-8")
    return folder / "run"


def tables(run: Path) -> Iterator[tuple[str, str]]:
    return (pair for pair in published(run) if pair[0].endswith(".csv"))


@pytest.mark.whole
def test_no_word_is_found(run: Path) -> None:
    assert {name: words_in(text) for name, text in published(run) if words_in(text)} == {}


@pytest.mark.whole
def test_no_amount_is_found_or_told(run: Path) -> None:
    assert [told for name, table in tables(run) for told in amounts_told(name, table)] == []
    assert amounts_in(numbers_of((run / "results.json").read_text("utf-8"))) == set()


@pytest.mark.whole
def test_no_count_of_few_is_found_or_follows_from_a_row(run: Path) -> None:
    assert [few for name, table in tables(run) for few in small_counts(name, table)] == []
    assert list(small_numbers((run / "results.json").read_text("utf-8"))) == []
