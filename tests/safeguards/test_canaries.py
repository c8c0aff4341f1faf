"""Secrets planted in every table are not found, or told, in anything that a run publishes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pmlib.params import Parameters
from pmlib.report.comparison import compare
from pmlib.studies import Study, prepare
from tests.attack import Attacker, cell, count, of_run, people
from tests.canaries import (
    AMOUNTS,
    MINIMUM,
    WORDS,
    amounts_in,
    amounts_told,
    numbers_of,
    planted,
    planted_copy,
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


def test_the_attacker_solves_tables_together() -> None:
    attacker = Attacker()
    attacker.classify(age=["a", "b"], gender=["f", "m"])
    attacker.classify(age=["a", "b"], card=["yes", "no"])
    for one, n in ((cell(), 50), (cell(age="a"), 12), (cell(gender="f"), 7), (cell(card="yes"), 9)):
        attacker.tell(one, n)
    attacker.tell(cell(age="b", card="yes"), 9)
    assert attacker.ranges([cell(age="a", gender="f"), cell(age="a", card="yes")]) == {
        cell(age="a", gender="f"): (0, 7),
        cell(age="a", card="yes"): (0, 0),
    }
    # Two tables, each of which leaves a range, and none together: 0 x + 1 y + 2 z people hold 5.
    attacker.classify(products=[0, 1, 2])
    attacker.tell(cell(products=0), 46)
    attacker.add({cell(products=n): float(n) for n in range(3)}, 5.0)
    assert attacker.ranges([cell(products=2)]) == {cell(products=2): (1, 1)}


QUICK = {"sample_size": 800, "n_bootstrap": 20, "k_max": 4}
SIMULATED = {"n_customers": 1_500, "n_months": 6}

Published = tuple[Path, Study]
"""A run of a bank in which every table holds secrets, and its study."""


@pytest.fixture(
    scope="module", params=["own", "casebank", "berka", "coil2000", "hillstrom", "bank-marketing"]
)
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, mirror: Path
) -> Published:
    """Run an own study of CSVs, the simulated bank and the real studies, all with secrets."""
    name, folder = request.param, tmp_path_factory.mktemp("canaries")
    given = SIMULATED if name == "casebank" else {}
    if name == "own":
        study = write_planted(folder / "study", planted())
    elif name == "casebank" or (mirror / name).exists():
        study = planted_copy(name, folder, **given)
    else:
        pytest.skip(f"no {name} in the mirror: set PMLIB_MIRROR to a folder that holds it")
    said = run_whole(folder / "run", study=study, **QUICK, **given)
    (folder / "run" / "log.txt").write_text(said, encoding="utf-8")
    return folder / "run", prepare(study, Parameters(**given))


@pytest.fixture
def run(both: Published) -> Path:
    return both[0]


def tables(run: Path) -> Iterator[tuple[str, str]]:
    return (pair for pair in published(run) if pair[0].endswith(".csv"))


@pytest.mark.whole
def test_no_word_is_found(run: Path) -> None:
    assert {name: words_in(text) for name, text in published(run) if words_in(text)} == {}


@pytest.mark.whole
def test_no_word_is_found_where_runs_are_compared(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "again")
    page = compare([run, tmp_path / "again"], out=tmp_path / "page")
    assert words_in(page.read_text("utf-8")) == set()


@pytest.mark.whole
def test_no_amount_is_found_or_told(run: Path) -> None:
    assert [told for name, table in tables(run) for told in amounts_told(name, table)] == []
    assert amounts_in(numbers_of((run / "results.json").read_text("utf-8"))) == set()


@pytest.mark.whole
def test_no_count_of_few_is_found_or_follows_from_a_row(run: Path) -> None:
    assert [few for name, table in tables(run) for few in small_counts(name, table)] == []
    assert list(small_numbers((run / "results.json").read_text("utf-8"))) == []


@pytest.mark.whole
def test_all_tables_together_leave_every_small_group_a_range(both: Published) -> None:
    run, study = both
    if "holdings" not in study.tables:
        pytest.skip("its tables of customers share no margins")
    everybody = people(study, run)
    attacker = of_run(run, everybody)
    known = {one: count(everybody, one) for one in attacker.at}
    # What the attacker takes for told is true: else nothing would follow from it.
    numbers = np.array(list(known.values()))
    for weights, total in attacker.sums:
        assert sum(w * numbers[at] for at, w in weights.items()) == pytest.approx(total)
    small = [one for one, n in known.items() if 0 < n < MINIMUM]
    ranges = attacker.ranges(small)
    assert [(sorted(one), known[one], ranges[one]) for one in small
            if ranges[one][1] - ranges[one][0] < MINIMUM - 1e-6] == []  # fmt: skip
