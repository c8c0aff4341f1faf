"""Markdown to HTML: formulas as MathML, and marks where citations and references belong.

A mark is an empty element that keeps the key; `pmlib.report.numbering` fills it when all
numbers are known. Data never becomes a mark: only Markdown and captions are searched.
"""

from __future__ import annotations

import html
import re
import unicodedata
from typing import TYPE_CHECKING, Any

import mistune
from latex2mathml.converter import convert

from pmlib.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Callable
    from re import Match


CITATION = r"\[(?P<cite_keys>@[A-Za-z][\w:-]*[^\]\[]*)\]"
REFERENCE = r"(?<![0-9A-Za-z_@])@(?P<ref_label>(?:fig|tbl|sec|eq)-[A-Za-z0-9_-]*[A-Za-z0-9])"
# As pandoc has it: no space inside the dollars and no digit after them, so "$5 and $6" is text.
INLINE_MATH = r"(?<![\\$])\$(?![\s$])(?P<inline_tex>[^$\n]*?[^\s\\$])\$(?![\d$])"
BLOCK_MATH = (
    r"^ {0,3}\$\$(?P<block_tex>[\s\S]+?)\$\$[ \t]*(?:\n[ \t]*)?"
    r"(?:\{#(?P<block_label>eq-[\w-]+)\})?[ \t]*(?:\n|$)"
)
ISOLATED = "\u2068\u2069"
"""First and last character around text whose direction must not reach what stands beside it."""
_CONTROLS = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]"
)
_APART = re.compile("\u2068([^\u2066-\u2069]*)\u2069")
_RIGHT_TO_LEFT = re.compile(r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
CHINESE = r"\u2e80-\uffef"
"""Signs between any two of which a line may break, as a range of a pattern."""
_HEADING_LABEL = re.compile(r"\s*\{#(sec-[\w-]+)\}\s*$")
# No line begins with a closing Chinese mark, and none ends with an opening one.
_UNBROKEN = re.compile(rf"[（《“]*(?:[^\s{CHINESE}“”（）]+\s*|[{CHINESE}])[，。、；：？！）》”％]*")
_MARKS = re.compile(f"{CITATION}|{REFERENCE}|{INLINE_MATH}")


def to_html(source: str) -> str:
    """Render Markdown with formulas, citations, cross references and heading labels.

    Raw HTML passes through. StudyError where a formula cannot be turned into MathML.
    """
    return str(_MARKDOWN(source))


def caption_html(source: str) -> str:
    """Render a caption: one paragraph of Markdown, with its marks, as HTML without the paragraph.

    Examples
    --------
    >>> caption_html("*Lift* of each pair of products")
    '<em>Lift</em> of each pair of products'
    """
    return to_html(one_line(source)).strip().removeprefix("<p>").removesuffix("</p>")


def mathml(latex: str, *, display: bool) -> str:
    r"""Turn a LaTeX formula into MathML.

    Raises
    ------
    StudyError
        Something in the formula is not understood, be it that a command would be shown as it
        is written.

    Examples
    --------
    >>> mathml("x^2", display=False)[:26]
    '<math xmlns="http://www.w3'
    >>> mathml(r"\begin{aligned} a &= b \end{aligned}", display=True)
    Traceback (most recent call last):
    ...
    pmlib.errors.StudyError: A formula cannot be shown.
      where:  \begin{aligned} a &= b \end{aligned}
      rule:   LaTeX that latex2mathml understands
      found:  & in the result
      remedy: Write the formula with simpler commands.
    """
    cause = None
    try:
        result = convert(latex.strip(), display="block" if display else "inline")
        stray = re.search(r"\\[A-Za-z]*|&", html.unescape(re.sub(r"<[^>]+>", " ", result)))
        found = f"{stray[0]} in the result" if stray else ""
    except Exception as error:  # noqa: BLE001 - the library has no common base class for its errors
        cause, found = error, type(error).__name__
    if found:
        raise StudyError(
            "A formula cannot be shown.",
            where=latex.strip(),
            rule="LaTeX that latex2mathml understands",
            found=found,
            remedy="Write the formula with simpler commands.",
        ) from cause
    return result


def escape_markdown(text: str) -> str:
    r"""Make text safe inside Markdown: shown as it is, whatever it holds.

    Examples
    --------
    >>> escape_markdown("<b> & *a_b*")
    '&lt;b&gt; &amp; &#42;a&#95;b&#42;'
    """
    escaped = re.sub(
        r"[\\`*_{}\[\]#|~@^]", lambda found: f"&#{ord(found[0])};", one_line(escape_html(text))
    )
    return escaped.replace("$", "&#36;")


def escape_html(text: str) -> str:
    """Make text safe inside HTML: shown as it is, whatever it holds.

    JupyterLab makes a formula of what stands between two dollars, unless they are elements apart.

    Examples
    --------
    >>> escape_html("R$ 5 < R$ 10")
    'R<span>$</span> 5 &lt; R<span>$</span> 10'
    """
    return html.escape(text, quote=False).replace("$", "<span>$</span>")


def one_line(text: str) -> str:
    """Put a text on one line; a no-break space stays one."""
    return re.sub(r"[ \t\r\n\f\v]+", " ", text).strip(" \t\r\n\f\v")


def across(text: str) -> int:
    """Columns that a text takes: a Chinese character is as wide as two Latin ones.

    Examples
    --------
    >>> across("k-means 聚类")
    12
    """
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def filled(text: str, room: float, width: Callable[[str], float]) -> list[str]:
    """Break a text into lines that fit, between words or Chinese characters.

    Examples
    --------
    >>> filled("置信度（confidence）高。", 18, across)
    ['置信度', '（confidence）高。']
    """
    lines: list[str] = []
    for word in _UNBROKEN.findall(text):
        if lines and width(lines[-1] + word.rstrip()) <= room:
            lines[-1] += word
        else:
            lines.append(word)
    return [line.rstrip() for line in lines]


def as_name(text: str) -> str:
    r"""Show a name from the data on one line and in its own direction, without control characters.

    One that turns what follows it, as U+202E, would make 461 of the 164 behind it; so a name
    written from right to left is set apart from the words around it.

    Examples
    --------
    >>> as_name("two\nlines\u202e")
    'two lines'
    >>> as_name("\u05e2\u05d1") == "\u2068\u05e2\u05d1\u2069"
    True
    >>> as_name("164 of \u2068\u05e2\u05d1\u2069") == "164 of \u2068\u05e2\u05d1\u2069"
    True
    """
    pieces = _APART.split(
        text
    )  # of words that quote names, every second piece is set apart already
    for place, piece in enumerate(pieces):
        pieces[place] = _CONTROLS.sub("", piece)
        if place % 2:
            pieces[place] = f"{ISOLATED[0]}{pieces[place]}{ISOLATED[1]}"
    text = one_line("".join(pieces))
    around = _RIGHT_TO_LEFT.search("".join(pieces[::2]))
    return f"{ISOLATED[0]}{text}{ISOLATED[1]}" if around else text


def _mark(match: Match[str]) -> str:
    """Mark of one match of `_MARKS`, as HTML."""
    found = match.groupdict()
    if found["cite_keys"]:
        return _cite_mark(html.unescape(found["cite_keys"]))
    if found["ref_label"]:
        return _ref_mark(found["ref_label"])
    return mathml(html.unescape(found["inline_tex"]), display=False)


def _cite_mark(keys: str) -> str:
    return f'<span class="pm-cite" data-keys="{html.escape(keys)}"></span>'


def _ref_mark(label: str) -> str:
    return f'<a class="pm-ref" href="#{label}"></a>'


class _Renderer(mistune.HTMLRenderer):
    """HTML with section labels on headings; raw HTML is left as it is."""

    def __init__(self) -> None:
        super().__init__(escape=False)

    def heading(self, text: str, level: int, **attrs: Any) -> str:  # noqa: ARG002 - mistune's signature
        label = _HEADING_LABEL.search(text)
        name = f' id="{label[1]}"' if label else ""
        return f"<h{level}{name}>{_HEADING_LABEL.sub('', text)}</h{level}>\n"

    def block_html(self, html: str) -> str:
        """Put marks into a table of prose; what it quotes from data came as entities, and stays."""
        marked = _MARKS.sub(_mark, html) if 'class="pm-prose' in html else html
        return super().block_html(marked)

    def pm_cite(self, text: str) -> str:
        return _cite_mark(text)

    def pm_ref(self, text: str) -> str:
        return _ref_mark(text)

    def pm_math(self, text: str) -> str:
        return mathml(text, display=False)

    def pm_equation(self, text: str, label: str | None = None) -> str:
        name = f' id="{label}"' if label else ""
        return f'<div class="pm-equation"{name}>{mathml(text, display=True)}</div>\n'


def _add_scientific_text(markdown: mistune.Markdown) -> None:
    """Teach Markdown citations, cross references and formulas."""

    def inline(kind: str, group: str) -> Any:
        def parse(_: Any, match: Match[str], state: Any) -> int:
            state.append_token({"type": kind, "raw": match.group(group)})
            return match.end()

        return parse

    def equation(_: Any, match: Match[str], state: Any) -> int:
        label = match.group("block_label")
        state.append_token(
            {"type": "pm_equation", "raw": match.group("block_tex"), "attrs": {"label": label}}
        )
        return match.end()

    register = markdown.inline.register
    register("pm_cite", CITATION, inline("pm_cite", "cite_keys"), before="link")
    register("pm_ref", REFERENCE, inline("pm_ref", "ref_label"), before="link")
    register("pm_math", INLINE_MATH, inline("pm_math", "inline_tex"), before="link")
    markdown.block.register("pm_equation", BLOCK_MATH, equation, before="list")


_MARKDOWN = mistune.create_markdown(
    renderer=_Renderer(), plugins=["table", "def_list", "strikethrough"]
)
_add_scientific_text(_MARKDOWN)
