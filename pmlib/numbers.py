"""What a chapter finds: headline numbers, verdicts, tables, and what sentences quote of them.

Nothing here is worded: `pmlib.texts` turns numbers, levels and phrases into a language.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

P = ParamSpec("P")
R = TypeVar("R")

UNITS = ("", "share", "points", "currency", "customers", "count", "days", "months", "ratio", "p")
"""share: 0 to 1, shown in per cent; points: a difference of shares, shown in percentage points;
p: a p-value."""

DIGITS = 9
"""Significant digits of what is published. Engines add up in parallel, in no fixed order, so the
last bits of a sum, and more of a difference of sums, are not the same in two runs."""


@dataclass(frozen=True)
class Number:
    """A number of the study: what ``results.json`` keeps and the report's prose quotes.

    Parameters
    ----------
    key : str
        Unique in the study, snake_case; empty for a number that is only quoted in a sentence.
    value : float, int, str, bool or None
        None means that the study cannot show it.
    unit : str
        One of `UNITS`.
    low, high : float, optional
        Ends of the interval at the study's confidence level.
    meaning : str
        One line for a reader who sees only this number; filled in from the catalogue of texts.
    decimals : int, optional
        Digits after the point when shown; by default what suits the unit.
    about : mapping
        What the catalogue's meaning quotes: names from the data, levels.
    of : float, optional
        Of how many people a share is a share, or how many any other number rests on; given with
        a count that counts people. Few are not told, see `pmlib.safeguards.published`.
    """

    key: str
    value: float | int | str | bool | None
    unit: str = ""
    low: float | None = None
    high: float | None = None
    meaning: str = ""
    decimals: int | None = None
    about: Mapping[str, Any] = field(default_factory=dict, compare=False)
    of: float | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise ValueError(f"unit of {self.key!r} must be one of {UNITS}, not {self.unit!r}")
        for name in ("value", "low", "high"):
            object.__setattr__(self, name, native(getattr(self, name)))


@dataclass(frozen=True)
class Fact:
    """A verdict, chosen by numbers: what ``results.json`` keeps and every text reads.

    Parameters
    ----------
    key : str
        Unique in the study, snake_case.
    value : str or bool
        One of the levels that the catalogue of texts lists for it.
    meaning : str
        Filled in from the catalogue.
    """

    key: str
    value: str | bool
    meaning: str = ""


@dataclass(frozen=True)
class Level:
    """A value of a category of the study, such as a reason: the catalogue has its words.

    Parameters
    ----------
    kind : str
        The category, as the catalogue names it.
    code : str
    """

    kind: str
    code: str


@dataclass(frozen=True)
class Phrase:
    """A piece of text by its name, with what it quotes.

    Parameters
    ----------
    block : str
        Name of a block of the chapter's text file.
    quotes : mapping
        Numbers, levels, phrases, names from the data, and lists of these.
    """

    block: str
    quotes: Mapping[str, Any] = field(default_factory=dict, hash=False)


def _no_rows() -> pd.DataFrame:
    import pandas as pd  # which a run with nothing to do need not wait for

    return pd.DataFrame()


@dataclass(frozen=True)
class Finding:
    """An answer to one question of a chapter.

    Parameters
    ----------
    table : pandas.DataFrame
        Whoever makes it tells the columns. Cells may be `Level`, `Phrase` or `Number`.
    numbers : tuple of Number
        Headline numbers.
    facts : mapping
        Verdicts by key: one of the levels that the catalogue lists, or a truth value.
    quotes : mapping
        What else its sentences and figures quote: names from the data, minor numbers, lists.
    tables : mapping
        Further tables by name.
    absent : Phrase or None
        Why there is nothing to show.
    """

    table: pd.DataFrame = field(default_factory=_no_rows)
    numbers: tuple[Number, ...] = ()
    facts: Mapping[str, str | bool] = field(default_factory=dict)
    quotes: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    absent: Phrase | None = None

    def of(self, name: str) -> pd.DataFrame:
        """Return a further table by its name, or the main one where no further one has it."""
        return self.tables.get(name, self.table)


def missing(reason: str, **quotes: Any) -> Finding:
    """Make a finding that has nothing to show.

    Parameters
    ----------
    reason : str
        The text block ``absent.<reason>`` says why.
    quotes
        What that text quotes.
    """
    return Finding(absent=Phrase(f"absent.{reason}", quotes))


def needs(*names: str, section: str = "") -> Callable[[Callable[P, R]], Callable[P, R | Finding]]:
    """Let a function of a study's tables answer with an absent finding where one is missing.

    An argument that is itself an absent finding is answered in the same way, so that a notebook
    need not ask. `lacks` tells the same without running the function.

    Parameters
    ----------
    names : str
        Tables that the mapping ``tables``, the first argument, must have; none where the
        function takes findings only.
    section : str
        A reason that quotes a ``section`` is told anew in this one, any other once.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R | Finding]:
        @wraps(function)
        def answer(*args: P.args, **kwargs: P.kwargs) -> R | Finding:
            for given in (*args, *kwargs.values()):
                if isinstance(given, Finding) and given.absent:
                    quotes = given.absent.quotes
                    told = {"section": section} if "section" in quotes else {}
                    return Finding(absent=Phrase(given.absent.block, {**quotes, **told}))
            reason = lacks(answer, args[0]) if names else None  # type: ignore[arg-type]
            return Finding(absent=reason) if reason else function(*args, **kwargs)

        answer.needs = names  # type: ignore[attr-defined]
        return answer

    return decorate


def lacks(function: Callable[..., Any], tables: Container[str]) -> Phrase | None:
    """Why a function that `needs` declared would answer with an absent finding; None if not."""
    lacking = [name for name in function.needs if name not in tables]  # type: ignore[attr-defined]
    return Phrase("absent.tables", {"tables": lacking}) if lacking else None


def native(value: Any) -> Any:
    """Numpy scalars to Python's own, so that JSON and ``isinstance`` see plain numbers."""
    return value.item() if isinstance(value, np.generic) else value


def to_records(recorded: Iterable[Number | Fact]) -> list[dict[str, Any]]:
    """Turn numbers and facts into what ``results.json`` holds, floats to `DIGITS` digits."""
    return [
        {
            name: float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
            for name, value in asdict(record).items()
            if name not in ("about", "of")
        }
        | ({"kind": "fact"} if isinstance(record, Fact) else {})
        for record in recorded
    ]


def from_records(records: Iterable[Mapping[str, Any]]) -> list[Number | Fact]:
    """Turn the records of ``results.json`` back; a chapter's name is passed over."""
    made: list[Number | Fact] = []
    for record in records:
        kind = Fact if record.get("kind") == "fact" else Number
        names = kind.__dataclass_fields__
        made.append(kind(**{k: v for k, v in record.items() if k in names}))
    return made
