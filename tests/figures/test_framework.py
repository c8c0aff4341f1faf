"""The framework is drawn from the width of its words: they stay in their boxes, arrows between."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from pmlib.figures.framework import COLUMNS, PADDING, WIDTH, framework, text_width

SVG = "{http://www.w3.org/2000/svg}"


class Said:
    """Words of a language that says each name `times` over."""

    def __init__(self, times: int, between: str = " ") -> None:
        self.times, self.between = times, between

    def __call__(self, name: str) -> str:
        if name == "again":
            return "again <&>"
        return self.between.join([name.rpartition(".")[2]] * self.times)


def drawn(words: Said) -> ET.Element:
    return ET.fromstring(framework(words))  # noqa: S314 - our own


@pytest.mark.parametrize("times", [1, 7, 25])
def test_words_stay_inside_their_boxes_and_boxes_apart(times):
    svg = drawn(Said(times))
    sides = ("x", "y", "width", "height")
    boxes = [{side: float(r.get(side)) for side in sides} for r in svg.iter(f"{SVG}rect")]
    assert len(boxes) == sum(map(len, COLUMNS)) + 1
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            across = a["x"] < b["x"] + b["width"] and b["x"] < a["x"] + a["width"]
            down = a["y"] < b["y"] + b["height"] and b["y"] < a["y"] + a["height"]
            assert not (across and down)
    lines = [t for t in svg.iter(f"{SVG}text") if t.get("text-anchor") is None]
    for line in lines:
        x, y = float(line.get("x")), float(line.get("y"))
        inside = [b for b in boxes if b["x"] < x < b["x"] + b["width"]
                  and b["y"] < y < b["y"] + b["height"]]  # fmt: skip
        assert len(inside) == 1
        assert x + text_width(line.text) <= inside[0]["x"] + inside[0]["width"] - PADDING + 0.1
    assert float(svg.get("viewBox").split()[2]) == WIDTH + 2


def test_text_is_text_and_escaped():
    texts = {t.text for t in drawn(Said(1)).iter(f"{SVG}text")}
    assert texts >= {"profile", "segments", "rules", "plan", "effect", "safeguards", "again <&>"}


def test_chinese_breaks_between_any_two_characters():
    assert text_width("提升度") == 36.0
    svg = drawn(Said(30, between="提"))
    assert max(text_width(t.text) for t in svg.iter(f"{SVG}text")) < WIDTH
