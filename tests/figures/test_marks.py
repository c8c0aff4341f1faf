"""The drawing forms: what stands on the axes after each, not how it looks."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.patches import PathPatch, Rectangle

from pmlib.figures import guides, marks
from pmlib.figures.style import COLOURS, DIVERGING, SEQUENTIAL, drawing, new_figure, to_svg
from pmlib.numbers import Finding
from pmlib.texts import Words, open_language

MONEY = "R$ a R$"


@pytest.fixture
def axes() -> Axes:
    return new_figure().subplots()


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame(
        {"x": [1.0, 2.0], "value": [0.2, 0.5], "low": [0.1, 0.5], "high": [0.4, 0.6]}
    )


def segments(axes: Axes) -> list[list[list[float]]]:
    """Ends of the interval lines, one an estimate."""
    return [segment.tolist() for segment in axes.collections[-1].get_segments()]


@pytest.mark.parametrize("upright", [False, True])
def test_estimates_are_points_on_their_intervals(axes, table, upright):
    marks.estimates(axes, table, "value", [0, 1], colour="main", upright=upright)
    points = axes.lines[0].get_xydata()
    expected = [[0.2, 0], [0.5, 1]]
    np.testing.assert_allclose(points, np.flip(expected, 1) if upright else expected)
    ends = np.array([[[0.1, 0], [0.4, 0]], [[0.5, 1], [0.6, 1]]])
    np.testing.assert_allclose(segments(axes), np.flip(ends, 2) if upright else ends)
    assert axes.lines[0].get_color() == COLOURS["main"]
    assert axes.lines[0].get_linestyle() == "None"


def test_estimates_may_be_scaled_joined_and_take_other_ends(axes, table):
    named = table.rename(columns={"low": "value_low", "high": "value_high"})
    marks.estimates(axes, named, "value", [0, 1], colour="#123456", scale=100, line="-",
                    ends=("value_low", "value_high"), label=MONEY)  # fmt: skip
    np.testing.assert_allclose(axes.lines[0].get_xydata(), [[20, 0], [50, 1]])
    np.testing.assert_allclose(segments(axes)[0], [[10, 0], [40, 0]])
    assert axes.lines[0].get_linestyle() == "-"
    assert axes.get_legend_handles_labels()[1] == [MONEY]


def test_no_estimates_leave_no_trace_in_the_key(axes, table):
    marks.estimates(axes, table.head(0), "value", [], colour="main", label="none")
    assert axes.get_legend_handles_labels()[1] == []
    assert not axes.lines


def test_an_end_rounded_past_its_value_has_no_distance():
    table = pd.DataFrame({"value": [0.5], "low": [0.5 + 1e-12], "high": [0.7]})
    np.testing.assert_allclose(marks.distances(table, "value"), [[0], [0.2]])


def test_ranges_have_a_colour_a_row(axes, table):
    marks.ranges(axes, table, "value", [0, 1], colours=["#111111", "#222222"])
    lines, dots = axes.collections
    np.testing.assert_allclose(lines.get_segments(), [[[0.1, 0], [0.4, 0]], [[0.5, 1], [0.6, 1]]])
    np.testing.assert_allclose(dots.get_offsets(), [[0.2, 0], [0.5, 1]])
    for drawn in (lines.get_colors(), dots.get_facecolors()):
        assert [to_hex(colour) for colour in drawn] == ["#111111", "#222222"]


@pytest.mark.parametrize("upright", [False, True])
def test_bars_reach_from_zero_to_their_value(axes, table, upright):
    marks.bars(axes, table, "value", [0, 1], colour="good", thickness=0.6, upright=upright,
               ends=marks.INTERVAL)  # fmt: skip
    bars = axes.patches
    sizes = [(b.get_width(), b.get_height()) for b in bars]
    np.testing.assert_allclose(
        sizes, [(0.6, 0.2), (0.6, 0.5)] if upright else [(0.2, 0.6), (0.5, 0.6)]
    )
    assert {to_hex(b.get_facecolor()) for b in bars} == {COLOURS["good"]}
    across = 1 if upright else 0
    assert [s[0][across] for s in segments(axes)] == pytest.approx([0.1, 0.5])


def test_bars_without_ends_have_no_interval(axes, table):
    marks.bars(axes, table, "value", [0, 1], colour=["#111111", "#222222"])
    assert not axes.collections
    assert [to_hex(b.get_facecolor()) for b in axes.patches] == ["#111111", "#222222"]


def test_notes_stand_at_their_points(axes):
    marks.notes(axes, [MONEY, "b"], [0.3, 0.5], [0, 1], gap=4, colour="muted")
    assert [note.get_text() for note in axes.texts] == [MONEY, "b"]
    assert [note.xy for note in axes.texts] == [(0.3, 0), (0.5, 1)]
    assert {note.get_color() for note in axes.texts} == {COLOURS["muted"]}


def test_a_line_has_a_band_only_if_it_has_ends(axes, table):
    marks.line(axes, table, "x", "value", colour="main", style="--")
    assert not axes.collections
    marks.line(axes, table, "x", "value", colour="main", ends=marks.INTERVAL, band="light", alpha=1)
    assert to_hex(axes.collections[0].get_facecolor()[0]) == COLOURS["light"]
    assert axes.collections[0].get_paths()[0].get_extents().bounds == pytest.approx(
        (1, 0.1, 1, 0.5)
    )
    assert [line.get_linestyle() for line in axes.lines] == ["--", "-"]


def test_a_reference_is_upright_at_x_and_lying_at_y(axes):
    marks.reference(axes, x=0.5, colour="accent", label=MONEY)
    marks.reference(axes, y=2)
    assert axes.lines[0].get_xdata() == [0.5, 0.5]
    assert axes.lines[1].get_ydata() == [2, 2]
    assert [line.get_color() for line in axes.lines] == [COLOURS["accent"], COLOURS["ink"]]


@pytest.fixture
def grid() -> pd.DataFrame:
    return pd.DataFrame([[-2.0, 0.0], [np.nan, 2.0]], ["p", MONEY], ["q", "r"])


def test_a_heat_map_writes_its_cells_and_names_rows_and_columns(axes, grid):
    cells = pd.DataFrame([["a", "b"], ["c", "d"]])
    bold = pd.DataFrame([[True, False], [True, True]])
    marks.heat(axes, grid, cells=cells, bold=bold, cmap=DIVERGING, low=-2, high=2, missing="–",
               turn=45)  # fmt: skip
    assert [text.get_text() for text in axes.texts] == ["a", "b", "d", "–"]
    assert [text.get_fontweight() for text in axes.texts[:3]] == ["bold", "normal", "bold"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["q", "r"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["p", MONEY]
    assert {label.get_rotation() for label in axes.get_xticklabels()} == {45}
    assert axes.get_ylim() == (2, 0)
    assert len(axes.figure.axes) == 1  # no bar without a label


def test_a_heat_map_may_have_no_words_in_its_cells(axes, grid):
    marks.heat(axes, grid, cells=None, cmap=DIVERGING, low=-2, high=2)
    assert not axes.texts


def test_a_bar_of_colours_says_words_from_end_to_end(axes, grid):
    marks.heat(axes, grid, cells=None, cmap=DIVERGING, low=-2, high=2, bar="unit",
               ticks=("least", "same", "most"))  # fmt: skip
    bar = axes.figure.axes[1]
    assert bar.get_ylabel() == "unit"
    assert [label.get_text() for label in bar.get_yticklabels()] == ["least", "same", "most"]
    np.testing.assert_allclose(bar.get_yticks(), [-2, 0, 2])


def luminance(colour: object) -> float:
    """Relative luminance, as WCAG 2.2 defines it."""
    parts = np.array(to_rgb(colour))
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("cmap", [SEQUENTIAL, DIVERGING, "RdBu"])
def test_numbers_on_all_colours_have_the_contrast_that_wcag_asks_for(axes, cmap):
    ramp = pd.DataFrame([np.linspace(0, 1, 101)])
    marks.heat(axes, ramp, cells=ramp.astype(str), cmap=cmap, low=0, high=1)
    for text, face in zip(axes.texts, axes.collections[0].get_facecolor(), strict=True):
        dark, light = sorted((luminance(text.get_color()), luminance(face[:3])))
        assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_a_ribbon_keeps_its_height(axes):
    marks.ribbon(axes, (0, 1), (2, 5), 0.5, colour="#123456", alpha=1)
    ribbon = axes.patches[0]
    assert isinstance(ribbon, PathPatch)
    corners = ribbon.get_path().vertices[[0, 3, 4, 7]]
    np.testing.assert_allclose(corners, [[0, 2], [1, 5], [1, 5.5], [0, 2.5]])


def test_a_stack_gives_the_feet_of_its_blocks(axes):
    sizes = pd.Series({"a": 2.0, "b": 3.0})
    feet = marks.stack(axes, sizes, [MONEY, "words"], 1, bottom=-1, gap=0.5, width=0.2, shift=-0.3)
    assert feet == {"a": -1, "b": 1.5}
    assert all(isinstance(block, Rectangle) for block in axes.patches)
    assert [block.get_bbox().bounds for block in axes.patches] == [
        pytest.approx((0.9, -1, 0.2, 2)), pytest.approx((0.9, 1.5, 0.2, 3)),
    ]  # fmt: skip
    assert [(text.get_text(), text.get_ha()) for text in axes.texts] == [
        (MONEY, "right"), ("words", "right"),
    ]  # fmt: skip


def test_arguments_stay_as_they_were(axes, table, grid):
    before = table.copy(), grid.copy()
    marks.estimates(axes, table, "value", [0, 1], colour="main", scale=100)
    marks.bars(axes, table, "value", [0, 1], ends=marks.INTERVAL)
    marks.heat(new_figure().subplots(), grid, cells=grid.astype(str), cmap=DIVERGING, low=-2)
    pd.testing.assert_frame_equal(table, before[0])
    pd.testing.assert_frame_equal(grid, before[1])


@drawing("fig-money")
def _all_in_money(found: Finding, _words: Words) -> mpl.figure.Figure:
    table = pd.DataFrame({"x": [120.0, 480.0], "value": [0.2, 0.5], "name": [MONEY, MONEY + "!"]})
    figure, axes = guides.panel(3)
    for name, part, colour, _ in guides.groups(table, "name"):
        marks.line(axes, part, "x", "value", colour=colour, label=name)
    marks.notes(axes, table["name"], table["x"], table["value"])
    if found.facts["log"]:
        guides.log_values(axes, "x", form=guides.THOUSANDS)
    guides.values(axes, "x", MONEY)
    axes.set_title(MONEY)
    guides.key(figure, title=MONEY)
    return figure


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_a_dollar_sign_makes_no_formula(scale):
    found = Finding(facts={"log": scale == "log"})
    words = Words(open_language("en"), "strategy_design", "fig-money", {})
    svg = to_svg(_all_in_money(found, words)).decode()
    # Each label is one text: as a formula it would be in parts.
    assert svg.count(f">{MONEY}</text>") == 5
    assert "mathdefault" not in svg


@pytest.mark.parametrize("module", [guides, marks])
def test_no_word_that_a_reader_sees_is_written_in_a_form(module):
    tree = ast.parse(Path(inspect.getfile(module)).read_text())
    docs = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)
    }  # fmt: skip
    strings = [
        node.value for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
    ]  # fmt: skip
    places = {"offset points", "outside upper left", "center left"}
    assert [text for text in strings if " " in text.strip() and text not in places] == []
