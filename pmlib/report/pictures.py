"""Figures inside the page: drawings as inline SVG in the page's colours and one embedded font."""

from __future__ import annotations

import base64
import io
import re
from collections import Counter
from functools import cache
from pathlib import Path
from xml.etree import ElementTree as ET

import matplotlib as mpl
from fontTools import subset
from fontTools.ttLib import TTFont
from pylopdf_fonts_zh_cn import sans_path

from pmlib.figures.style import COLOURS, segment_colours

FAMILY = "Figures"
"""The embedded font's name in the page: DejaVu Sans, as matplotlib has measured the words."""

_FONTS = Path(mpl.get_data_path()) / "fonts" / "ttf"
# What the first lacks, the last has: Chinese, in the forms of the mainland.
_FACES = (
    (FAMILY, "normal", _FONTS / "DejaVuSans.ttf"),
    (FAMILY, "bold", _FONTS / "DejaVuSans-Bold.ttf"),
    (f"{FAMILY} Chinese", "normal", sans_path()),
)
_IMAGE = re.compile(r'<img alt="([^"]*)" src="data:image/svg\+xml;base64,([^"]*)"/?>')
_OWN = {colour: f"var(--fig-{role})" for role, colour in COLOURS.items()} | {
    colour: f"var(--fig-segment-{place})" for place, colour in enumerate(segment_colours(10), 1)
}
_COLOUR = re.compile(r"#[0-9a-f]{6}\b")
_POINTER = re.compile(r"url\(#([\w-]+)\)")
_USELESS = {"metadata", "style"}


class Pictures:
    """Turns the pictures of a page into inline SVG, and remembers the letters they need."""

    def __init__(self) -> None:
        self.letters: set[str] = set()
        self._count = 0

    def inlined(self, page: str) -> str:
        """Replace each picture of some HTML by its drawing, named by its text alternative."""
        return _IMAGE.sub(lambda found: self._drawing(found[2], found[1]), page)

    def _drawing(self, source: str, alternative: str) -> str:
        self._count += 1
        root = ET.fromstring(base64.b64decode(source))  # noqa: S314 - drawn by this package
        shown = _plain(root, f"f{self._count}-")
        self.letters |= {letter for text in root.iter("text") for letter in text.text or ""}
        size = root.get("viewBox")
        return f'<svg role="img" aria-label="{alternative}" viewBox="{size}">{shown}</svg>'

    def font(self) -> str:
        """CSS of the font with the letters of all pictures so far."""
        every = frozenset(self.letters)
        chinese = frozenset(letter for letter in every if letter >= "\u2e80")
        return "\n".join(
            f'@font-face {{ font-family: "{family}"; font-weight: {weight}; '
            f"src: url(data:font/woff;base64,{base64.b64encode(found).decode()}); }}"
            for family, weight, path in _FACES
            if (found := _letters_of(path, every if family == FAMILY else chinese))
        )


def _plain(root: ET.Element, prefix: str) -> str:
    """Write what is in a drawing as SVG of HTML: no namespaces, its own ids, the page's colours."""
    for parent in list(root.iter()):
        for child in list(parent):
            name = child.tag.rpartition("}")[2]
            if name in _USELESS:
                parent.remove(child)
    pointed: Counter[str] = Counter()
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        for name in list(element.keys()):
            value = " ".join(element.attrib.pop(name).split())
            short = name.rpartition("}")[2]
            if short == "href" and value.startswith("#"):
                pointed[value[1:]] += 1
                value = f"#{prefix}{value[1:]}"
            pointed.update(_POINTER.findall(value))
            value = _POINTER.sub(rf"url(#{prefix}\1)", value)
            element.set(short, _coloured(value, on_ground=element.tag != "text"))
        if element.tag == "text":
            element.set("style", re.sub(r"font-family: [^;]*; ?", "", element.get("style", "")))
        else:  # room between elements
            element.text = None
        element.tail = None
    for element in root.iter():
        name = element.attrib.pop("id", "")
        if name in pointed:
            element.set("id", prefix + name)
    return "".join(ET.tostring(child, encoding="unicode") for child in root)


def _coloured(value: str, *, on_ground: bool) -> str:
    """Name the colours that follow the page; white is its paper, but for words on dark cells."""
    known = {**_OWN, "#ffffff": "var(--paper)"} if on_ground else _OWN
    return _COLOUR.sub(lambda found: known.get(found[0], found[0]), value)


@cache
def _letters_of(path: Path, letters: frozenset[str]) -> bytes:
    """A font with some letters only, as WOFF; nothing where it has none of them."""
    font = TTFont(path, recalcTimestamp=False)
    wanted = sorted(letters & {chr(code) for code in font.getBestCmap()})
    if not wanted:
        return b""
    options = subset.Options(layout_features=["kern"], hinting=False, notdef_outline=True)
    options.drop_tables += ["FFTM"]
    made = subset.Subsetter(options)
    made.populate(text="".join(wanted))
    made.subset(font)
    font.flavor = "woff"
    written = io.BytesIO()
    font.save(written)
    return written.getvalue()
