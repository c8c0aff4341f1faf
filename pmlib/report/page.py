"""A page of its own: parts in a template with style, script and drawings, fetching nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pmlib.errors import StudyError
from pmlib.report.numbering import Part
from pmlib.report.pictures import Pictures
from pmlib.texts import PAGE, Language


def render_page(
    template: str,
    parts: Sequence[Part],
    language: Language,
    templates: Path,
    *,
    name: str,
    title: str,
    description: str,
    **quotes: Any,
) -> str:
    """Put parts into one of the templates that fill in ``base.html.j2``.

    `name` stands over the contents, `title` is the browser's; `quotes` is what else the template
    looks up. StudyError where the page would fetch something.
    """
    script = (templates / "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    pictures = Pictures()
    shown = [
        {
            "name": part.name,
            "label": part.label,
            "kind": part.kind,
            "title": part.title,
            "html": _ours(pictures.inlined(part.soup.decode(formatter="minimal"))),
        }
        for part in parts
    ]
    environment = Environment(
        loader=FileSystemLoader(templates), autoescape=True, undefined=StrictUndefined
    )
    page = environment.get_template(template).render(
        language=language.catalogue["language"],
        name=name,
        title=title,
        description=description,
        words=_ours(script_words(language)),
        parts=shown,
        style=_ours((templates / "style.css").read_text(encoding="utf-8") + pictures.font()),
        running_title=_css_string(title),
        script=_ours(script),
        script_hash=f"sha256-{digest}",
        **quotes,
    )
    _check_offline(page)
    return page


_FETCHING_TAG = re.compile(
    r"""<[a-z][^<>]*\s(?:src|srcset|poster|data)\s*=\s*["']?(?!data:)[^"'\s>]|"""
    r"""<link\b(?![^<>]*href="data:)|<(?:image|use)\b[^<>]*\shref="(?!data:|#)"""
)
_STYLE = re.compile(r"""<style[^>]*>(.*?)</style>|\sstyle="([^"]*)\"""", re.DOTALL)
_FETCHING_STYLE = re.compile(r"""@import|url\(\s*["']?(?!data:|#)""")


def _check_offline(page: str) -> None:
    """Refuse a page that would fetch something; text that merely speaks of addresses is fine."""
    found = _FETCHING_TAG.search(page)
    for style in _STYLE.finditer(page):
        found = found or _FETCHING_STYLE.search(style[1] or style[2] or "")
    if found:
        raise StudyError(
            "The report would fetch something from outside.",
            found=found.string[found.start() : found.start() + 120],
            remedy="Show pictures with chapter.show, which embeds them.",
        )


def script_words(language: Language) -> str:
    """Words of the page's script as JSON that cannot end its element."""
    found = {
        name.removeprefix("script."): language.source(PAGE, name)
        for name in language.blocks(PAGE)
        if name.startswith("script.")
    }
    return json.dumps(found, ensure_ascii=False).replace("<", "\\u003c")


def _css_string(text: str) -> Markup:
    """A CSS string that can hold anything."""
    return _ours('"' + re.sub(r'["\\<>\n]', lambda match: f"\\{ord(match[0]):x} ", text) + '"')


def _ours(markup: str) -> Markup:
    """Markup that this package has made, so that the template does not escape it again."""
    return Markup(markup)  # noqa: S704
