"""Front and back matter: Markdown files in which the study's numbers are filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from bs4 import BeautifulSoup
from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError
from markupsafe import Markup

from pmlib.artifacts import Number
from pmlib.errors import StudyError
from pmlib.report.markup import escape_markdown, to_html
from pmlib.report.numbering import Part
from pmlib.tables import to_html as table_html


@dataclass(frozen=True)
class Quoted:
    """A headline number in the frame's text.

    ``{{ key }}`` shows it with its unit, ``{{ key.interval }}`` its interval; ``key.value``,
    ``key.low`` and ``key.high`` are there for conditions. ``has('key', …)`` tells whether the study
    has such numbers, ``starting('prefix')`` gives all whose keys start so.
    """

    number: Number
    currency: str

    def __str__(self) -> str:
        return self.number.text(self.currency)

    @property
    def value(self) -> float | int | str | bool | None:
        """The bare value."""
        return self.number.value

    @property
    def meaning(self) -> str:
        """What it is, in one line."""
        return self.number.meaning

    @property
    def low(self) -> float | None:
        """Lower end of the interval."""
        return self.number.low

    @property
    def high(self) -> float | None:
        """Upper end of the interval."""
        return self.number.high

    @property
    def interval(self) -> str:
        """The interval with its unit."""
        return self.number.interval(self.currency)


class Frame:
    """The folder of Markdown files around the chapters.

    Parameters
    ----------
    folder : Path
        Holds ``<name>.md``.
    numbers : sequence of Number
        Headline numbers of the study.
    currency : str
        What stands behind amounts of money.
    context : mapping
        What else the text may speak of: the study, its parameters, tables.
    """

    def __init__(
        self,
        folder: Path,
        *,
        numbers: Sequence[Number],
        currency: str,
        context: Mapping[str, Any],
    ) -> None:
        known = {number.key: Quoted(number, currency) for number in numbers}

        def has(*keys: str) -> bool:
            return all(key in known and known[key].value is not None for key in keys)

        def starting(prefix: str) -> list[Quoted]:
            return [known[key] for key in sorted(known) if key.startswith(prefix)]

        self._context = {
            **known, **context, "has": has, "starting": starting, "table": _table,
        }  # fmt: skip
        self._environment = Environment(
            loader=FileSystemLoader(folder),
            undefined=StrictUndefined,
            autoescape=True,
            finalize=_shown,
            # Jinja's own mark of a comment would swallow the labels of headings, {#sec-…}.
            comment_start_string="{%#",
            comment_end_string="#%}",
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def part(self, name: str, kind: str) -> Part:
        """Render one file.

        Raises
        ------
        StudyError
            There is no such file, or it quotes a number that this study does not have.
        """
        try:
            source = self._environment.get_template(f"{name}.md").render(self._context)
        except TemplateError as error:
            raise StudyError(
                "A text of the report's frame cannot be filled in.",
                where=f"{name}.md",
                found=str(error),
                remedy="Ask for a number with {% if has('key') %} before quoting it.",
            ) from error
        return Part(name, BeautifulSoup(to_html(source), "html.parser"), kind=kind)  # type: ignore[arg-type]


def _shown(value: Any) -> Any:
    """What is filled in is shown as it is, whatever it holds; only tables are HTML already."""
    if isinstance(value, Markup):
        return value
    return Markup(escape_markdown(str(value)))  # noqa: S704 - escaped one call before


def _table(
    frame: pd.DataFrame, label: str, caption: str, names: Mapping[str, str] | None = None
) -> Markup:
    """A numbered table as one line of HTML: a blank line would end Markdown's HTML block."""
    table = table_html(frame, names=names).replace("\n", " ")
    return Markup(  # noqa: S704 - pmlib.tables escapes the cells
        f'<figure class="pm-table" id="{label}"><figcaption>{escape_markdown(caption)}</figcaption>'
        f"{table}</figure>"
    )
