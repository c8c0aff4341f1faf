"""Runs side by side: what differs, how far, and what had no effect."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup

from pmlib.errors import StudyError
from pmlib.numbers import Fact, Number, to_records
from pmlib.params import Parameters
from pmlib.report.comparison import compare
from pmlib.report.runs import RunComparison

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0L{end} 9"/></svg>'
PAGE = (
    '<figure class="pm-figure" id="fig-map"><figcaption>'
    '<span class="pm-number">Figure 2.1</span> Map of the '
    "customers: by two axes.</figcaption></figure>"
)


def number(key: str, value: float, low: float | None = None, high: float | None = None) -> Number:
    return Number(key, value, "currency", low, high, meaning=f"what {key} is")


PROFIT = number("planned_profit", 100, 80, 120)
FEW = number("planned_contacts", 7)
CHOICE = Fact("plan_outcome", "made", meaning="whether there is a plan")


def run(
    folder: Path, *found: Number | Fact, end: int = 9, currency: str = "EUR", complete: bool = True,
    study: dict[str, Any] | None = None, **asked: Any,
) -> Path:  # fmt: skip
    (folder / "figures").mkdir(parents=True)
    told: dict[str, Any] = {"name": "bank", "title": "A bank", "fingerprint": "abc"}
    told |= {"as_of": "2025-01-01"}
    told |= {"currency": currency, "channels": []}
    record = {
        "complete": complete,
        "study": told | (study or {}),
        "program": {"version": "1"},
        "engine": "duckdb",
        "parameters": Parameters(**asked).model_dump(mode="json"),
    }
    (folder / "run.json").write_text(json.dumps(record))
    results = {r["key"]: r | {"chapter": "strategy_design"} for r in to_records(found)}
    (folder / "results.json").write_text(json.dumps(results))
    (folder / "report.html").write_text(PAGE)
    (folder / "figures" / "figure-2.1-map.svg").write_text(SVG.format(end=end))
    return folder


def text(page: Path) -> str:
    found = BeautifulSoup(page.read_text("utf-8"), "html.parser")
    return " ".join(found.main.get_text(" ", strip=True).split())


@pytest.mark.parametrize(
    ("other", "verdict"),
    [
        (number("planned_profit", 150, 121, 180), "apart"),
        (number("planned_profit", 150, 120, 180), "within"),
        (number("planned_profit", 150), "unknown"),
        (FEW, "some"),
    ],
)
def test_a_number_is_set_against_its_interval(tmp_path: Path, other: Number, verdict: str) -> None:
    runs = [run(tmp_path / "a", PROFIT), run(tmp_path / "b", other)]
    assert RunComparison.of(runs).verdict("planned_profit") == verdict


def test_the_page_tells_what_was_asked_and_what_differs(tmp_path: Path) -> None:
    one = run(tmp_path / "one", PROFIT, FEW, CHOICE, budget=500)
    dear = number("planned_profit", 150, 121, 180)
    outcome = Fact("plan_outcome", "no_room", meaning="whether there is a plan")
    two = run(tmp_path / "two", dear, FEW, outcome, end=5, budget=900)
    page = compare([one, two], out=tmp_path)
    assert page.name == "comparison-bank-budget_500-budget_900.html"
    said = text(page)
    assert "1 of 2 numbers differ, 1 by more than their intervals allow ; 1 verdict changed" in said
    assert "budget 500 900" in said
    assert "What planned_profit is 100 EUR (80 to 120 EUR) 150 EUR (121 to 180 EUR)" in said
    assert "Whether there is a plan made no room" in said
    assert "Map of the customers" in said
    assert page.read_text().count("<svg") == 2  # one a run


def test_what_had_no_effect_is_said(tmp_path: Path) -> None:
    runs = [run(tmp_path / str(seed), PROFIT, CHOICE, seed=seed) for seed in (1, 2)]
    said = text(compare(runs, out=tmp_path))
    assert "the same numbers and the same verdicts" in said
    assert "seed had no effect" in said
    assert "seed 1 and seed 2" in said
    assert "Map of the customers" not in said  # drawn alike


def test_other_data_are_no_effect_of_a_parameter(tmp_path: Path) -> None:
    other = run(tmp_path / "b", FEW, study={"fingerprint": "xyz"})
    said = text(compare([run(tmp_path / "a", PROFIT), other], out=tmp_path))
    assert "The data are not the same" in said


def test_a_swept_parameter_gets_curves(tmp_path: Path) -> None:
    runs = [
        run(tmp_path / str(k), number("planned_profit", 100 * k, 90 * k, 110 * k), budget=k)
        for k in (3, 1, 2)
    ]
    found = RunComparison.of(runs)
    assert found.swept == "budget"
    assert found.curve(["planned_profit"])[["at", "value", "low"]].to_numpy().tolist() == [
        [1, 100, 90], [2, 200, 180], [3, 300, 270],
    ]  # fmt: skip
    said = text(compare(runs, out=tmp_path))
    assert "Over the parameter" in said
    assert "over budget" in said


def test_costs_of_channels_are_swept_as_any_parameter(tmp_path: Path) -> None:
    runs = []
    for k in (0.25, 0.5, 1.0):
        channels = [{"name": "email", "cost": k, "capacity": None}]
        dear = {"channel_cost": {"email": k}} if k > 0.25 else {}
        runs.append(run(tmp_path / str(k), PROFIT, study={"channels": channels}, **dear))
    found = RunComparison.of(runs)
    assert found.swept == "channel.email.cost"
    assert found.curve(["planned_profit"])["at"].tolist() == [0.25, 0.5, 1.0]


def test_two_parameters_at_once_make_no_curve(tmp_path: Path) -> None:
    runs = [run(tmp_path / str(k), PROFIT, budget=k, seed=k) for k in (1, 2, 3)]
    assert RunComparison.of(runs).swept is None


def test_folders_of_one_name_are_told_apart(tmp_path: Path) -> None:
    runs = [run(tmp_path / place / "run", PROFIT) for place in ("march", "june")]  # asked alike
    assert list(RunComparison.of(runs).runs) == ["march/run", "june/run"]


def test_names_are_text(tmp_path: Path) -> None:
    runs = [run(tmp_path / name, PROFIT) for name in ("<b>a", "x & y")]
    page = compare(runs, out=tmp_path).read_text()
    assert "<b>a" not in page
    assert "&lt;b&gt;a" in page


def test_the_same_runs_give_the_same_bytes(tmp_path: Path) -> None:
    runs = [run(tmp_path / str(k), PROFIT, end=k, budget=k) for k in (1, 2, 3)]
    first = compare(runs, out=tmp_path / "x").read_bytes()
    assert compare(runs, out=tmp_path / "y").read_bytes() == first


def test_a_folder_without_a_finished_run_is_an_error(tmp_path: Path) -> None:
    done, stopped = run(tmp_path / "a", PROFIT), run(tmp_path / "b", PROFIT, complete=False)
    with pytest.raises(StudyError, match="a run that was stopped"):
        compare([done, stopped], out=tmp_path)
    with pytest.raises(StudyError, match=r"no run\.json"):
        compare([done, tmp_path / "nothing"], out=tmp_path)


@pytest.mark.parametrize("names", [["a"], ["a", "a"], []])
def test_one_run_is_no_comparison(tmp_path: Path, names: list[str]) -> None:
    run(tmp_path / "a", PROFIT)
    with pytest.raises(StudyError, match="cannot be compared"):
        compare([tmp_path / name for name in names], out=tmp_path)


def test_money_of_two_currencies_is_not_compared(tmp_path: Path) -> None:
    runs = [run(tmp_path / "a", PROFIT), run(tmp_path / "b", PROFIT, currency="CZK")]
    with pytest.raises(StudyError, match="CZK, EUR"):
        compare(runs, out=tmp_path)


def test_an_unknown_number_is_an_error_that_names_the_nearest(tmp_path: Path) -> None:
    runs = [run(tmp_path / name, PROFIT) for name in "ab"]
    with pytest.raises(StudyError, match="planned_profit"):
        compare(runs, numbers=["planned_profi"], out=tmp_path)
