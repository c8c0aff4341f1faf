"""What templates, figures and tables see of numbers, facts and the catalogue."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup

from pmlib.errors import StudyError
from pmlib.numbers import Fact, Level, Number, Phrase
from pmlib.texts.precision import number_decimals

if TYPE_CHECKING:
    from pmlib.texts.language import Language


@dataclass(frozen=True)
class Context:
    """Makes what a template may look up of numbers, facts, levels and phrases."""

    language: Language
    chapter: str
    currency: str
    plain: bool

    def quoted(self, value: Any) -> Any:
        """Make of a value what a template may look up."""
        if isinstance(value, Number):
            return Quoted(value, self.language, self.currency) if value.value is not None else None
        if isinstance(value, Fact):
            return Verdict(value, self.language)
        if isinstance(value, Level):
            return self.language.level(value.kind, value.code)
        if isinstance(value, Phrase):
            text = self.language.render(
                self.chapter, value.block, value.quotes, currency=self.currency, plain=self.plain
            )
            return Markup(text)  # noqa: S704 - a block of ours; what it quotes is escaped in it
        if isinstance(value, Mapping):
            return {key: self.quoted(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.quoted(item) for item in value]
        if isinstance(value, dt.date):
            return self.language.bare(value, "", None)
        # What is already markup is ours.
        return self.language.named(value) if type(value) is str else value


class Quoted:
    """A number inside a text: itself with its unit, its interval, and its grammatical number.

    A text may quote any of some two hundred numbers: each is worded only when it is asked for.
    """

    def __init__(self, number: Number, language: Language, currency: str) -> None:
        self._number, self._language, self._currency = number, language, currency
        self.value, self.low, self.high = number.value, number.low, number.high
        self.has_interval = number.low is not None and number.high is not None
        self.one = number.value == 1

    @property
    def meaning(self) -> str:
        """What the catalogue says of it."""
        number = self._number
        return number.meaning or (self._language.described(number) if number.key else "")

    @property
    def interval(self) -> str:
        """Its interval with the unit."""
        return self._language.interval(self._number, self._currency)

    @property
    def bare(self) -> str:
        """Itself without the unit."""
        return self._language.bare(self.value, self._number.unit, number_decimals(self._number))

    def __str__(self) -> str:
        return self._language.plain_value(self._number, currency=self._currency)


class Verdict:
    """A fact inside a text: each of its levels is true or not, ``{% if combining.more %}``."""

    def __init__(self, fact: Fact, language: Language) -> None:
        self._fact = fact
        entry, _ = language.entry("facts", fact.key)
        self._levels = entry.get("levels", ())
        self._text = language.level(fact.key, fact.value)

    def __getattr__(self, name: str) -> bool:
        if name in self._levels:
            return bool(self._fact.value == name)
        raise AttributeError(f"the fact {self._fact.key!r} has no level {name!r}")

    def __bool__(self) -> bool:
        return bool(self._fact.value)

    def __str__(self) -> str:
        return self._text


@dataclass(frozen=True)
class Words:
    """What a figure asks its words of: the blocks ``<label>.<name>`` of its chapter.

    `label` is the figure's; the words may quote what `quotes` holds.
    """

    language: Language
    chapter: str
    label: str
    quotes: Mapping[str, Any]
    currency: str = ""

    def __call__(self, name: str, **quotes: Any) -> str:
        """Return the words of one place in the figure, such as the label of an axis."""
        block, known = f"{self.label}.{name}", {**self.quotes, **quotes}
        return self.language.render(self.chapter, block, known, currency=self.currency, plain=True)

    def level(self, kind: str, code: Any) -> str:
        """Return the words of a level, or the name from the data."""
        return self.language.level(kind, code)

    def levels(self, kind: str, codes: Iterable[Any]) -> list[str]:
        """Return the words of several levels."""
        return [self.language.level(kind, code) for code in codes]

    def of(self, value: Any) -> str:
        """Return the words of a level, a phrase or a number; a name from the data as it is."""
        context = Context(self.language, self.chapter, currency=self.currency, plain=True)
        return str(context.quoted(value))

    def worded(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Put words in the cells of a frame, as in the table beneath the figure."""
        return Look(self.language, self.chapter, self.label, self.currency).worded(frame)

    def number(self, value: Any, unit: str = "", decimals: int | None = None) -> str:
        """Write a number, without its unit, in this language's form."""
        return self.language.bare(value, unit, decimals)


@dataclass(frozen=True)
class Look:
    """How a table is shown: the catalogue's headings, units and levels for its columns.

    `chapter` is the text file whose blocks phrases in cells name; `label` the table's, or that of
    the figure whose data it holds. Columns in `named` are headed by their own names.
    """

    language: Language
    chapter: str
    label: str
    currency: str = ""
    named: frozenset[str] = frozenset()

    @property
    def _table(self) -> Mapping[str, Any]:
        return self.language.catalogue["tables"].get(self.label, {})

    @property
    def sortable(self) -> bool:
        """Whether the report lets the reader sort and search it."""
        return bool(self._table.get("sortable", False))

    @property
    def filters(self) -> tuple[str, ...]:
        """Columns for which the report offers a list to choose from."""
        return tuple(self._table.get("filters", ()))

    def column(self, name: str) -> Mapping[str, Any]:
        """Label, unit and decimals of a column; StudyError where the catalogue lacks it."""
        if name in self.named:
            return {"label": self.language.names.name(name)}
        general = self.language.catalogue["columns"].get(name)
        own = self._table.get("columns", {}).get(name)
        if general is None and own is None:
            raise StudyError(
                "The catalogue lacks a column.",
                where=f"{self.language.folder.name}/catalogue.yaml: columns",
                found=f"{name} (of {self.label})",
                remedy="Give it a label, and a unit where it has one.",
            )
        return {**(general or {}), **(own or {})}

    def worded(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Put words for levels, phrases and numbers in the cells of a frame."""
        made = {}
        for name in frame.columns:
            cells = frame[name]
            if pd.api.types.is_numeric_dtype(cells) or pd.api.types.is_bool_dtype(cells):
                made[name] = cells
            else:
                made[name] = cells.astype(object).map(
                    lambda value, kind=f"{self.label}.{name}": self._cell(kind, value)
                )
        return pd.DataFrame(made, index=frame.index, columns=frame.columns)

    def _cell(self, kind: str, value: Any) -> Any:
        if isinstance(value, Level | Number | Phrase):
            return self.language.plain_value(value, self.chapter, currency=self.currency)
        return self.language.level(kind, value) if isinstance(value, str) else value

    def heading(self, name: str) -> str:
        """Heading of a column."""
        return str(self.column(name)["label"])

    def name(self, column: str, value: Any) -> str:
        """Name a row by a cell: a number with what it counts, such as ``month 3``."""
        shown = self.cell(column, value, None)
        if isinstance(value, str | tuple):
            return shown
        form, heading = self.language.forms["numbered"], self.heading(column).lower()
        return form.format(name=heading, number=shown)

    def cell(self, name: str, value: Any, decimals: int | None) -> str:
        """Text of a cell: sets of products with a plus sign, missing as a dash."""
        if isinstance(value, tuple):
            names = " + ".join(self.language.names.name(str(name)) for name in value)
            return names or self.language.forms["empty_set"]
        unit = str(self.column(name).get("unit", ""))
        return self.language.number(value, unit, currency=self.currency, decimals=decimals)
