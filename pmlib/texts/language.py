"""The words of the case study: facts, numbers and a catalogue become sentences, in one language.

A language is a folder of ``texts``: one file a chapter and one for each part of the report's
frame, and ``catalogue.yaml`` with the words of every number, fact, column and level. A file is cut
into blocks by lines that start with ``[name]``; a block is a Jinja template (Markdown, or plain
words for what stands in a figure). It looks numbers and facts up and decides nothing.
"""

from __future__ import annotations

import copy
import datetime as dt
import math
import re
from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, StrictUndefined, Template, TemplateError, Undefined
from markupsafe import Markup

from pmlib.errors import StudyError
from pmlib.markup import CHINESE, escape_markdown, one_line
from pmlib.numbers import Fact, Level, Number, Phrase, native
from pmlib.params import TEXTS
from pmlib.texts.names import OTHERS, Names
from pmlib.texts.precision import default_decimals, number_decimals
from pmlib.texts.views import Context

PAGE = "report"
"""The file with what all chapters and the page around them say."""

_HEADER = re.compile(r"^\[([a-z][\w.-]*)\](?:[ \t]+|[ \t]*$)", re.MULTILINE)
_DAY = re.compile(r"(\d{4})-(\d\d)(?:-(\d\d))?")
_LABEL = re.compile(r"\{#((?:sec|eq)-[\w-]+)\}")
# A small p-value brings its own sign: "p < 0.001", whatever the text has before it.
_LESS = re.compile(r"= (?=&lt; |< )")

# A line that ends between two Chinese characters, and no heading: no room belongs there.
_WITHIN_CHINESE = re.compile(rf"^(?!#)(.*[{CHINESE}])\n(?=[{CHINESE}])", re.MULTILINE)


def read_blocks(path: Path) -> dict[str, str]:
    """Cut a text file into its blocks; what stands before the first has the name ``""``.

    StudyError where the file cannot be read, or a block occurs twice.
    """
    try:
        source = path.read_text(encoding="utf-8")
    except OSError as error:
        raise StudyError(
            "A text file cannot be read.", where=str(path), found=error.strerror or str(error)
        ) from error
    start, *pieces = _HEADER.split(source)
    names, bodies = pieces[::2], pieces[1::2]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise StudyError("A text block occurs twice.", where=str(path), found=", ".join(repeated))
    return {"": start.strip()} | {n: body.strip() for n, body in zip(names, bodies, strict=True)}


@cache
def open_language(code: str) -> Language:
    """Open a language once a process; StudyError where there is no such folder of texts."""
    return Language(TEXTS / code)


class Language:
    """The words of one language: a folder with ``catalogue.yaml`` and the text files.

    StudyError where the folder or its catalogue cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / "catalogue.yaml"
        try:
            text = path.read_text(encoding="utf-8")
            self.catalogue: dict[str, Any] = yaml.load(text, Loader=yaml.CSafeLoader)
        except (OSError, yaml.YAMLError) as error:
            raise StudyError(
                "The catalogue of a language cannot be read.",
                where=str(path),
                found=str(error),
                remedy="Languages are the folders of texts/.",
            ) from error
        self.forms: dict[str, str] = self.catalogue["forms"]
        self.names = Names({})
        self._blocks: dict[str, dict[str, str]] = {}
        self._templates: dict[tuple[str, str, bool], Template] = {}

    def with_names(
        self, names: Mapping[str, Mapping[str, str]], unsaid: Iterable[str] = ()
    ) -> Language:
        """Return this language as a study speaks it, with its names; others stand for `unsaid`."""
        spoken = copy.copy(self)
        others = dict.fromkeys([OTHERS, *unsaid], self.forms["others"])
        spoken.names = Names({**names.get(self.folder.name, {}), **others})
        return spoken

    # --- numbers and other values -------------------------------------------------------------

    def number(
        self, value: Any, unit: str = "", *, currency: str = "", decimals: int | None = None
    ) -> str:
        r"""Write a value as a reader of this language expects to see it.

        Thousands are set apart, negative numbers carry a true minus sign.

        Examples
        --------
        >>> english = open_language("en")
        >>> english.number(0.1234, "share")
        '12.3\xa0%'
        >>> english.number(-1234567.8, "currency", currency="CZK")
        '−1,234,568\xa0CZK'
        >>> english.number(3e-9, "p")
        '< 0.001'
        >>> english.number(12.361, "share")
        '1,236\xa0%'
        """
        text = self.bare(value, unit, decimals)
        is_number = isinstance(native(value), int | float) and text[-1:].isdigit()
        return text + self._suffix(unit, currency) if is_number else text

    def bare(self, value: Any, unit: str, decimals: int | None) -> str:
        """Write a value without its unit."""
        value = native(value)
        if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
            return self.forms["missing"]
        if isinstance(value, bool):
            return self.forms["yes" if value else "no"]
        if isinstance(value, dt.datetime | dt.date):
            return self.forms["date"].format(year=value.year, month=value.month, day=value.day)
        if not isinstance(value, int | float):
            return self.names.name(str(value))
        if math.isinf(value):
            return "∞" if value > 0 else "−∞"
        if unit == "p":
            return self.forms["p_small"] if value < 0.001 else f"{value:.3f}"
        if unit in ("share", "points"):
            value = 100 * value
        if decimals is None:
            decimals = default_decimals(value, unit)
        shown = f"{value:,.{decimals}f}"
        if float(shown.replace(",", "")) == 0:
            shown = shown.removeprefix("-")
        marks = {",": self.forms["thousands"], ".": self.forms["decimal"], "-": "−"}
        return "".join(marks.get(sign, sign) for sign in shown)

    def _suffix(self, unit: str, currency: str) -> str:
        if unit == "currency":
            words = self.level(unit, currency)
            return self.forms[unit].format(currency=words) if currency else ""
        return self.forms[unit] if unit in ("share", "points") else ""

    def interval(self, number: Number, currency: str = "") -> str:
        """Show an interval with its unit, e.g. ``12.1 to 14.0 %``."""
        if number.low is None or number.high is None:
            return self.forms["no_interval"]
        unit, decimals = number.unit, number_decimals(number)
        parts = {"unit": self._suffix(unit, currency)}
        for name, end in {"low": number.low, "high": number.high}.items():
            parts[name] = self.number(end, unit, currency=currency, decimals=decimals)
            parts[f"bare_{name}"] = self.bare(end, unit, decimals)
        return self.forms["range_share" if unit == "share" else "range"].format(**parts)

    def conjoin(self, items: Iterable[Any], form: str = "and") -> str:
        """Join names to one list: ``a, b and c``."""
        *front, last = [str(item) for item in items]
        if not front:
            return last
        joined = self.forms["comma"].join(front)
        return self.forms[form].format(first=joined, last=last)

    def _conjoin_shown(self, items: Iterable[Any], form: str = "and") -> Markup:
        return Markup(self.conjoin(map(_shown, items), form))  # noqa: S704 - escaped one by one

    # --- the catalogue ------------------------------------------------------------------------

    def level(self, kind: str, code: Any) -> str:
        """Words of a level; what the catalogue does not list is a name from the data.

        ``<label of a table>.<column>`` is looked up before ``<column>``. A code can be made of
        others: ``best_half_by_{ranking}`` has the words of its ranking.
        """
        levels = self.catalogue["levels"]
        for name in (kind, kind.rpartition(".")[2]):
            if name in levels and code in levels[name]:
                return str(levels[name][code])
            for pattern, compiled in self._patterns.get(name, ()):
                if match := compiled.fullmatch(str(code)):
                    parts = {part: self.level(part, c) for part, c in match.groupdict().items()}
                    return str(levels[name][pattern]).format_map(parts)
        return self.names.name(str(code))

    def described(self, record: Number | Fact, chapter: str = PAGE) -> str:
        """Meaning of a headline number or a fact of a chapter.

        Raises
        ------
        StudyError
            The catalogue lacks it, or lists another unit or other levels.
        """
        section = "facts" if isinstance(record, Fact) else "numbers"
        entry, found = self.entry(section, record.key)
        if isinstance(record, Fact):
            wrong = not isinstance(record.value, bool) and record.value not in entry["levels"]
            listed = ", ".join(entry.get("levels", ["true", "false"]))
        else:
            units = entry.get("unit", "")  # several, where it depends on the study's outcome
            wrong = record.unit not in (units if isinstance(units, list) else [units])
            listed = str(units)
            found |= {n: self.plain_value(value, chapter) for n, value in record.about.items()}
        if wrong:
            raise StudyError(
                "A number or fact is not what the catalogue says.",
                where=f"{self.folder.name}/catalogue.yaml: {record.key}",
                rule=listed,
                found=str(getattr(record, "unit", record.value)),
            )
        return str(entry["meaning"]).format_map(found)

    def entry(self, section: str, key: str) -> tuple[dict[str, Any], dict[str, str]]:
        """Find what the catalogue lists for a key, and the words of the key's own parts.

        Raises
        ------
        StudyError
            It lists neither the key nor a pattern, ``profit_{policy}``, that it follows.
        """
        entries = self.catalogue[section]
        if key in entries:
            return entries[key], {}
        for pattern, compiled in self._patterns[section]:
            if match := compiled.fullmatch(key):
                found = match.groupdict()
                return entries[pattern], {kind: self.level(kind, c) for kind, c in found.items()}
        raise StudyError(
            "The catalogue lacks a number or fact.",
            where=f"{self.folder.name}/catalogue.yaml: {section}",
            found=key,
            remedy="Add its meaning.",
        )

    @cached_property
    def _patterns(self) -> dict[str, list[tuple[str, re.Pattern[str]]]]:
        """Keys with a part in braces of numbers, of facts and of each kind of level."""
        entries = {name: self.catalogue[name] for name in ("numbers", "facts")}
        entries |= self.catalogue["levels"]
        return {name: _with_parts(keys) for name, keys in entries.items()}

    def named(self, text: str) -> str:
        """Show a name from the data; a day or month, 2025-12, as this language writes it."""
        if not (found := _DAY.fullmatch(text)):
            return self.names.name(text)
        year, month, day = (int(part or 0) for part in found.groups())
        return self.forms["date" if day else "month"].format(year=year, month=month, day=day)

    def plain_value(self, value: Any, chapter: str = PAGE, *, currency: str = "") -> str:
        """Show a number, a level, a phrase of a chapter or a name from the data."""
        if isinstance(value, Phrase):
            return self.render(chapter, value.block, value.quotes, currency=currency, plain=True)
        if isinstance(value, Level):
            return self.level(value.kind, value.code)
        if isinstance(value, Number):
            if isinstance(value.value, str):
                return self.named(value.value)
            decimals = number_decimals(value)
            return self.number(value.value, value.unit, currency=currency, decimals=decimals)
        return self.named(value) if type(value) is str else self.bare(value, "", None)

    # --- texts --------------------------------------------------------------------------------

    @cached_property
    def _plain(self) -> Environment:
        environment = _environment(plain=True)
        environment.filters["conjoin"] = self.conjoin
        return environment

    @cached_property
    def _markdown(self) -> Environment:
        environment = _environment(plain=False)
        environment.filters |= {"conjoin": self._conjoin_shown, "join": _join_shown}
        return environment

    def blocks(self, chapter: str) -> dict[str, str]:
        """The blocks of a file, as they are written."""
        if chapter not in self._blocks:
            self._blocks[chapter] = read_blocks(self.folder / f"{chapter}.md")
        return self._blocks[chapter]

    def labels(self, chapter: str) -> frozenset[str]:
        """Labels of the sections, equations, figures and tables that a file speaks of."""
        sections = _LABEL.findall("\n".join(self.blocks(chapter).values()))
        shown = {name for name in self.blocks(chapter) if name.startswith(("fig-", "tbl-"))}
        return frozenset(sections) | {name for name in shown if "." not in name}

    def heading(self, chapter: str, block: str) -> str:
        """The heading that a block begins with, without marks."""
        first = self.source(chapter, block).splitlines()[0]
        return first.partition("{#")[0].strip("# ")

    def source(self, chapter: str, block: str) -> str:
        """A block as it is written, of the chapter's file or else of the frame's, or StudyError."""
        for file in (chapter, PAGE):
            if block in self.blocks(file):
                return self.blocks(file)[block]
        raise StudyError(
            "A text block is missing.",
            where=f"{self.folder.name}/{chapter}.md",
            found=f"no block [{block}]",
            remedy="Write the block, or mend the name that is asked for.",
        )

    def render(
        self,
        chapter: str,
        block: str,
        quotes: Mapping[str, Any],
        *,
        currency: str = "",
        plain: bool = False,
    ) -> str:
        """Fill in a block of a chapter's file.

        Parameters
        ----------
        quotes : mapping
            Numbers, facts, levels, phrases, names from the data, lists of these: what the block
            may look up.
        currency : str
            What stands behind amounts of money.
        plain : bool
            Words for a figure or an attribute; otherwise Markdown, in which whatever is quoted
            is shown as it is: a name is never markup, a formula or a reference.

        Raises
        ------
        StudyError
            The block is missing, or looks up what is not there.
        """
        key = (chapter, block, plain)
        try:
            if key not in self._templates:
                environment = self._plain if plain else self._markdown
                self._templates[key] = environment.from_string(self.source(chapter, block))
            context = Context(self, chapter, currency=currency, plain=plain)
            known = {name: context.quoted(value) for name, value in quotes.items()}
            known["currency"] = self.level("currency", currency)

            def has(*keys: str) -> bool:
                return all(key in known and known[key] is not None for key in keys)

            text = self._templates[key].render(known, has=has)
        except TemplateError as error:
            raise StudyError(
                "A text cannot be filled in.",
                where=f"{self.folder.name}/{chapter}.md: [{block}]",
                found=str(error),
                remedy="Record the number or fact first, or ask for it with has('key').",
            ) from error
        text = _WITHIN_CHINESE.sub(r"\1", _LESS.sub("", text))
        return one_line(text) if plain else text.strip()


def _with_parts(keys: Iterable[Any]) -> list[tuple[str, re.Pattern[str]]]:
    """Keys with a part in braces, ``profit_{policy}``: longest first, so most telling."""
    return [
        (key, re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+)", re.escape(key))))
        for key in sorted(map(str, keys), key=len, reverse=True)
        if "{" in key
    ]


def _environment(*, plain: bool) -> Environment:
    return Environment(
        undefined=StrictUndefined,
        autoescape=not plain,  # noqa: S701 - plain words go through html.escape where they are used
        finalize=None if plain else _shown,
        # Jinja's own mark of a comment would swallow the labels of headings, {#sec-…}.
        comment_start_string="{%#",
        comment_end_string="#%}",
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _join_shown(items: Iterable[Any], between: str = "") -> Markup:
    return Markup(between.join(map(str, map(_shown, items))))  # noqa: S704 - escaped one by one


def _shown(value: Any) -> Any:
    """What is filled in is shown as it is, whatever it holds; only our own markup passes."""
    if isinstance(value, Markup | Undefined):
        return value
    return Markup(escape_markdown(str(value)))  # noqa: S704 - escaped one call before
