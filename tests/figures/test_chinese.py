"""Chinese words, and names from the data, in figures of every language."""

from __future__ import annotations

import base64
import io
import re

import pandas as pd
import pytest
from fontTools.ttLib import TTFont

from pmlib.figures import guides
from pmlib.figures.style import drawing, new_figure, to_svg
from pmlib.markup import across, filled
from pmlib.numbers import Finding
from pmlib.report.pictures import Pictures
from pmlib.texts import Words, open_language


@pytest.fixture
def svg() -> bytes:
    """A figure of a product named 信用卡; a letter that no font has would be a warning."""

    @drawing("fig-x")
    def drawn(found: Finding, _: Words):
        figure = new_figure()
        axes = figure.subplots()
        axes.set_title("骨 Credit")
        axes.set_yticks([0], list(found.table["name"]))
        return figure

    found = Finding(pd.DataFrame({"name": ["信用卡"]}))
    return to_svg(drawn(found, Words(open_language("en"), "report", "fig-x", {})))


def test_chinese_names_are_drawn_in_every_language(svg):
    assert ">信用卡</text>" in svg.decode()


def test_the_page_embeds_the_signs_that_its_figures_use_and_no_others(svg):
    pictures = Pictures()
    source = base64.b64encode(svg).decode()
    pictures.inlined(f'<img alt="x" src="data:image/svg+xml;base64,{source}"/>')
    embedded = {
        family: TTFont(io.BytesIO(base64.b64decode(content))).getBestCmap()
        for family, content in re.findall(
            r'font-family: "([^"]+)".*?base64,([^)]+)\)', pictures.font()
        )
    }
    assert set(map(chr, embedded["Figures Chinese"])) == set("骨信用卡")
    assert "信" not in map(chr, embedded["Figures"])


def test_a_chinese_sign_is_as_wide_as_two_latin_ones():
    assert across("lift 提升度") == 11
    assert guides.wrapped("按客户群与产品划分的期望利润", 12) == "按客户群与产\n品划分的期望\n利润"
    assert guides.shortened("按客户群与产品划分的期望利润", 13) == "按客户群与产…"


def test_no_line_begins_with_a_closing_mark_or_breaks_a_latin_word():
    lines = filled("支持度、置信度与提升度（lift），共三个指标。", 12, across)
    assert not [line for line in lines if line[0] in "，。、）"]
    assert "".join(lines) == "支持度、置信度与提升度（lift），共三个指标。"
    assert any("lift" in line for line in lines)
