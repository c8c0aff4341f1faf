"""Variants: folders named by what was changed, and stages passed on to them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pmlib.errors import StudyError
from pmlib.owner import owned
from pmlib.params import Parameters
from pmlib.runner.variants import begin_from, combinations, folder_name, run_variants


def test_a_folder_is_named_by_what_is_not_usual() -> None:
    usual = Parameters(n_customers=500)
    assert folder_name("bank", usual, Parameters(n_customers=500)) == "bank"
    assert folder_name("bank", usual, Parameters(n_customers=500, seed=3)) == "bank-seed-3"
    named = Parameters(n_customers=500, names_from="/somewhere/spring 2025.json")
    assert folder_name("bank", usual, named) == "bank-names_from-spring_2025"
    results = Parameters(n_customers=500, seed=3, campaign_results="/somewhere/spring 2025.csv")
    assert folder_name("bank", usual, results) == "bank-seed-3"  # the run that planned it


def test_many_changes_have_short_names_of_their_own() -> None:
    def name(seed: int) -> str:
        changed = {"n_customers": 500, "n_months": 12, "sample_size": 500, "n_bootstrap": 10}
        return folder_name("bank", Parameters(), Parameters(k_max=3, seed=seed, **changed))

    assert len(name(1)) < 100
    assert name(1) != name(2)


def test_every_combination_is_swept() -> None:
    assert combinations(["a=1, 2", "b=x"]) == [[("a", "1"), ("b", "x")], [("a", "2"), ("b", "x")]]


@pytest.mark.parametrize("asked", ["a", "a=", "a=1,,2", "a=1,1"])
def test_values_that_cannot_be_read_are_an_error(asked: str) -> None:
    with pytest.raises(StudyError, match="each value once"):
        combinations([asked])


def test_one_parameter_is_swept_once() -> None:
    with pytest.raises(StudyError, match="each parameter"):
        combinations(["a=1,2", "a=3"])


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    folder = tmp_path / "bank"
    (folder / "artifacts" / "segmentation").mkdir(parents=True)
    (folder / "artifacts" / "segmentation" / "numbers.json").write_text("[]")
    (folder / "report.html").write_text("the earlier report")
    told = {"complete": True, "stages": {"segmentation": {"key": "k"}}, "report": {"key": "r"}}
    (folder / "run.json").write_text(json.dumps(told))
    return folder


def test_a_new_run_begins_with_the_stages_of_an_earlier_one(earlier: Path) -> None:
    folder = earlier.with_name("bank-seed-3")
    begin_from(folder, earlier)
    told = json.loads((folder / "run.json").read_text())
    assert told == {"complete": False, "stages": {"segmentation": {"key": "k"}}, "report": {}}
    assert (folder / "artifacts" / "segmentation" / "numbers.json").read_text() == "[]"
    assert not (folder / "report.html").exists()  # it is the other run's


def test_a_run_that_is_there_is_left_alone(earlier: Path) -> None:
    folder = earlier.with_name("bank-seed-3")
    folder.mkdir()
    begin_from(folder, earlier)
    assert list(folder.iterdir()) == []


def test_nothing_is_passed_on_while_another_run_works(earlier: Path) -> None:
    folder = earlier.with_name("bank-seed-3")
    with owned(earlier):
        begin_from(folder, earlier)
    assert [path.name for path in earlier.parent.iterdir()] == ["bank"]


def test_a_variant_that_stops_tells_why(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no_such_study"):
        run_variants({tmp_path / "a": ["--study", "no_such_study"]}, echo=print)
