"""Finished runs beside each other: what each was asked and found, and how far they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd
from bs4 import BeautifulSoup, Tag

from pmlib.errors import StudyError
from pmlib.files import read_json
from pmlib.numbers import Fact, Number, from_records
from pmlib.params import CHAPTERS, flat, parameter_of
from pmlib.report.numbering import first_sentence

MOST = 12
"""Runs on one page; a table has no room for more."""

VERDICTS = ("apart", "some", "within", "unknown")
"""How far a number differs, see `RunComparison.verdict`, in the order of the page."""


@dataclass(frozen=True)
class FinishedRun:
    """A finished run: what ``run.json`` and ``results.json`` of its folder tell.

    StudyError where the folder holds none, or one that has not come to its report.
    """

    folder: Path

    def __post_init__(self) -> None:
        if not (self.folder / "run.json").is_file() or not self.record.get("complete"):
            there = (self.folder / "run.json").is_file()
            raise StudyError(
                "There is no finished run to compare.",
                where=str(self.folder),
                rule="a run folder with a report, as run_all.py leaves it",
                found="a run that was stopped or has failed" if there else "no run.json",
                remedy="Name the folder of a run, or finish it: run_all.py --out FOLDER",
            )

    @cached_property
    def record(self) -> Mapping[str, Any]:
        """What ``run.json`` holds."""
        told: Mapping[str, Any] = read_json(self.folder / "run.json")
        return told

    @cached_property
    def results(self) -> Mapping[str, Mapping[str, Any]]:
        """Records of ``results.json`` by key, in the order of the chapters."""
        told = read_json(self.folder / "results.json")
        return dict(sorted(told.items(), key=lambda at: CHAPTERS.index(at[1]["chapter"])))

    @cached_property
    def found(self) -> Mapping[str, Number | Fact]:
        """Numbers and facts by key."""
        return {made.key: made for made in from_records(self.results.values())}

    @cached_property
    def asked(self) -> Mapping[str, Any]:
        """Data, program, engine and parameters by name, as plain values."""
        study, program = self.record["study"], self.record["program"]
        return {
            "study": study["title"],
            "data": study["fingerprint"][:12],
            "data_day": study["as_of"],
            "program": program.get("commit") or program["version"],
            "engine": self.record["engine"],
        } | dict(self._parameters())

    def _parameters(self) -> Iterator[tuple[str, Any]]:
        """Parameters of the run, with costs and capacities of all channels."""
        for name, (_, value) in flat(self.record["parameters"].items(), where=""):
            yield name, value
        for channel in self.record["study"]["channels"]:
            for what in ("cost", "capacity"):
                yield f"channel.{channel['name']}.{what}", channel[what]

    def drawings(self) -> dict[str, tuple[str, bytes]]:
        """Title and SVG of each figure by its label; the number of a figure may differ by run."""
        page = BeautifulSoup((self.folder / "report.html").read_text("utf-8"), "html.parser")
        files = {
            path.stem.split("-", 2)[2]: path for path in (self.folder / "figures").glob("*.svg")
        }
        found = {}
        for figure in page.select("figure.pm-figure[id]"):
            label, caption = str(figure["id"]), figure.figcaption
            svg = files.get(label.removeprefix("fig-"))
            if svg is not None and isinstance(caption, Tag):
                for number in caption.select(".pm-number"):
                    number.extract()
                found[label] = first_sentence(caption).rstrip(".。 "), svg.read_bytes()
        return found


@dataclass(frozen=True)
class RunComparison:
    """Two or more finished runs, each with a name of its own; the first is what others differ from.

    StudyError where there are fewer than two or more than `MOST` runs, one is named twice, or their
    money is of different currencies.
    """

    runs: Mapping[str, FinishedRun]

    @classmethod
    def of(cls, folders: Sequence[Path]) -> RunComparison:
        """Open runs by their folders.

        A run is called by the one or two parameters that tell all of them apart, or else by its
        folder; folders of one name by their place too.
        """
        paths = [folder.resolve() for folder in folders]
        if not 1 < len(set(paths)) == len(paths) <= MOST:
            raise StudyError(
                "These runs cannot be compared.",
                rule=f"from two to {MOST} different run folders",
                found=f"{len(paths)} named, {len(set(paths))} different",
                remedy="run_all.py --compare RUN_A RUN_B",
            )
        places = [path.name for path in paths]
        if len(set(places)) < len(places):
            places = [f"{path.parent.name}/{path.name}" for path in paths]
        found = cls(dict(zip(places, map(FinishedRun, paths), strict=True)))
        asked = found.asked.set_index("setting").loc[found.parameters]
        told = [
            ", ".join(f"{name} {plain(value)}" for name, value in asked[place].items())
            for place in places
        ]
        if len(asked) <= _FEW and len(set(told)) == len(told):
            found = cls(dict(zip(told, found.runs.values(), strict=True)))
        money = {run.record["study"]["currency"] for run in found.runs.values()}
        if len(money) > 1:
            raise StudyError(
                "These runs cannot be compared.",
                rule="amounts of money are of one currency",
                found=", ".join(sorted(money)),
            )
        return found

    @property
    def first(self) -> FinishedRun:
        """The run that the others are compared with."""
        return next(iter(self.runs.values()))

    @cached_property
    def asked(self) -> pd.DataFrame:
        """What was asked differently: ``setting`` and a column a run, as text."""
        names = {name: None for run in self.runs.values() for name in run.asked}
        rows = [
            {"setting": name} | {at: run.asked.get(name) for at, run in self.runs.items()}
            for name in names
            if len({repr(run.asked.get(name)) for run in self.runs.values()}) > 1
        ]
        return pd.DataFrame(rows, columns=["setting", *self.runs])

    @property
    def parameters(self) -> list[str]:
        """The parameters that are not the same in all runs."""
        return [name for name in self.asked["setting"] if parameter_of(name)[0]]

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Keys that any run recorded, in the order of the chapters."""
        return tuple(dict.fromkeys(key for run in self.runs.values() for key in run.results))

    def any(self, key: str) -> Number | Fact:
        """What the first run that has it recorded under a key."""
        return next(run.found[key] for run in self.runs.values() if key in run.found)

    def chapter(self, key: str) -> str:
        """The chapter that recorded it."""
        return str(next(r.results[key]["chapter"] for r in self.runs.values() if key in r.results))

    def differing(self, kind: type[Number] | type[Fact]) -> list[str]:
        """Keys of numbers, or of facts, whose value is not the same in all runs."""
        found = []
        for key in self.keys:
            made = [run.found.get(key) for run in self.runs.values()]
            values = {repr(one.value) if one else None for one in made}
            if isinstance(self.any(key), kind) and len(values) > 1:
                found.append(key)
        return found

    def verdict(self, key: str) -> str:
        """How far a number differs from the first run, one of `VERDICTS`.

        *apart*: in some run its interval and that of the first have no point in common; *within*:
        they overlap in all; *unknown*: it has no interval, or is no number; *some*: not all runs
        have it.
        """
        made = [run.found.get(key) for run in self.runs.values()]
        if any(one is None or one.value is None for one in made):
            return "some"
        ends = [
            (one.low, one.high)
            for one in made
            if isinstance(one, Number) and one.low is not None and one.high is not None
        ]
        if len(ends) < len(made):
            return "unknown"
        low, high = ends[0]
        return "apart" if any(top < low or foot > high for foot, top in ends[1:]) else "within"

    @cached_property
    def alike(self) -> list[tuple[str, str]]:
        """Pairs of runs that were asked differently and found the same."""
        values = {
            at: {key: repr(made.value) for key, made in run.found.items()}
            for at, run in self.runs.items()
        }
        return [(a, b) for a, b in combinations(self.runs, 2) if values[a] == values[b]]

    @cached_property
    def swept(self) -> str | None:
        """The one numeric parameter that tells three or more runs apart; None if there is none."""
        parameters = self.parameters
        if len(parameters) != 1 or len(self.runs) < _CURVE:
            return None
        values = [run.asked.get(parameters[0]) for run in self.runs.values()]
        plain = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
        return parameters[0] if plain and len(set(values)) == len(values) else None

    def curve(self, keys: Sequence[str]) -> pd.DataFrame:
        """Numbers over the swept parameter: ``key, at, value, low, high``, in its order."""
        assert self.swept is not None
        rows = [
            (key, float(run.asked[self.swept]), made.value, made.low, made.high)
            for key in keys
            for run in self.runs.values()
            if isinstance(made := run.found.get(key), Number)
            and isinstance(made.value, int | float)
        ]
        table = pd.DataFrame(rows, columns=["key", "at", "value", "low", "high"])
        return table.astype(dict.fromkeys(["value", "low", "high"], float)).sort_values(
            ["key", "at"], key=lambda c: c.map(list(keys).index) if c.name == "key" else c
        )


_FEW = 2  # parameters that a run can be called by
_CURVE = 3  # runs that make one


def plain(value: Any) -> Any:
    """A parameter as a person writes it: no thousands set apart, no rounding."""
    if value is None or isinstance(value, bool | str):
        return value
    return f"{value:g}" if isinstance(value, float) else str(value)
