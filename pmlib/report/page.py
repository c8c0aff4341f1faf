"""The page around the parts: cover, contents, style and script in one file."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pmlib.artifacts import format_number
from pmlib.errors import StudyError
from pmlib.params import Parameters
from pmlib.report.numbering import Part, Target


def render_page(
    parts: Sequence[Part],
    targets: Mapping[str, Target],
    *,
    study: Mapping[str, Any],
    parameters: Parameters,
    templates: Path,
) -> str:
    """Put all parts into the page's template.

    Parameters
    ----------
    parts : sequence of Part
        Numbered, in the order of the report.
    targets : mapping
        Label to target.
    study : mapping
        What ``run.json`` tells of the study.
    parameters : Parameters
    templates : Path
        Folder with ``report.html.j2``, ``style.css`` and ``report.js``.

    Returns
    -------
    str
        One HTML page that refers to nothing outside but by links.

    Raises
    ------
    StudyError
        The page would fetch something.
    """
    script = (templates / "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    contents = [
        {
            "label": part.label,
            "number": part.number,
            "title": part.title,
            "short_title": part.short_title,
            "sections": [
                target
                for target in targets.values()
                if target.part == part.name
                and target.kind == "Section"
                and target.number.count(".") == 1
            ],
        }
        for part in parts
    ]
    shown = [
        {
            "name": part.name,
            "label": part.label,
            "kind": part.kind,
            "title": part.title,
            "running_head": _css_string(f"{part.number} {part.short_title}".strip()),
            "html": _ours(part.soup.decode(formatter="minimal")),
        }
        for part in parts
    ]
    # The contents stand behind the abstract.
    shown.insert(
        1, {"name": "contents", "label": "sec-contents", "running_head": Markup('"Contents"')}
    )
    environment = Environment(
        loader=FileSystemLoader(templates), autoescape=True, undefined=StrictUndefined
    )
    page = environment.get_template("report.html.j2").render(
        language=parameters.language,
        study=study,
        as_of=parameters.as_of or study["as_of"],
        customers=format_number(study["rows"]["customers"], "customers"),
        seed=parameters.seed,
        parts=shown,
        contents=contents,
        lists=[
            (title, [target for target in targets.values() if target.kind == kind])
            for title, kind in (("Figures", "Figure"), ("Tables", "Table"))
        ],
        style=_ours((templates / "style.css").read_text(encoding="utf-8")),
        running_title=_css_string(f"Precision marketing at a bank: {study['title']}"),
        script=_ours(script),
        script_hash=f"sha256-{digest}",
    )
    _check_offline(page)
    return page


_FETCHING_TAG = re.compile(
    r"""<[a-z][^<>]*\s(?:src|srcset|poster|data)\s*=\s*["']?(?!data:)[^"'\s>]|"""
    r"""<link\b(?![^<>]*href="data:)"""
)
_STYLE = re.compile(r"""<style[^>]*>(.*?)</style>|\sstyle="([^"]*)\"""", re.DOTALL)
_FETCHING_STYLE = re.compile(r"""@import|url\(\s*["']?(?!data:)""")


def _check_offline(page: str) -> None:
    """Refuse a page that would fetch something; text that merely speaks of addresses is fine."""
    found = _FETCHING_TAG.search(page)
    for style in _STYLE.finditer(page):
        found = found or _FETCHING_STYLE.search(style[1] or style[2] or "")
    if found:
        raise StudyError(
            "The report would fetch something from outside.",
            found=found.string[found.start() : found.start() + 120],
            remedy="Show pictures with chapter.figure, which embeds them.",
        )


def _css_string(text: str) -> Markup:
    """A CSS string that can hold anything."""
    return _ours('"' + re.sub(r'["\\<>\n]', lambda match: f"\\{ord(match[0]):x} ", text) + '"')


def _ours(markup: str) -> Markup:
    """Markup that this package has made, so that the template does not escape it again."""
    return Markup(markup)  # noqa: S704
