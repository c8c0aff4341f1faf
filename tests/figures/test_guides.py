"""Panels, rows, axes, keys and labels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from pmlib.figures import guides
from pmlib.figures.style import BESIDE, drawing, new_figure, segment_colours
from pmlib.numbers import Finding
from pmlib.texts import Words, open_language


@pytest.fixture
def axes() -> Axes:
    return new_figure().subplots()


def test_a_panel_is_as_high_as_asked_and_as_wide_as_the_column():
    figure, axes = guides.panel(2.5)
    assert figure.get_size_inches().tolist() == [6.3, 2.5]
    assert figure.axes == [axes]


def test_a_figure_beside_its_text_is_small_and_has_its_key_above():
    def draw(found, words):  # noqa: ARG001
        figure, axes = guides.panel(2)
        axes.plot([0], [0], label="line")
        guides.key_beside(axes)
        assert guides.narrow(figure)
        guides.sparse_ticks(axes, [str(i) for i in range(20)])
        assert axes.get_xticks().tolist() == [0, 5, 10, 15]
        return figure

    words = Words(open_language("en"), "segmentation", "fig-any", {})
    figure = drawing("fig-any", beside=True)(draw)(Finding(), words)
    assert figure.get_size_inches().tolist() == [BESIDE, 2]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["line"]


def test_groups_come_in_order_of_first_row_each_with_its_look():
    table = pd.DataFrame({"by": ["b", "a", "b"], "value": [1, 2, 3]})
    first, second = guides.groups(table, "by")
    assert (first[0], first[2:]) == ("b", (segment_colours(2)[0], "o"))
    assert (second[0], second[2:]) == ("a", (segment_colours(2)[1], "s"))
    assert first[1]["value"].tolist() == [1, 3]


def test_places_are_rows_in_order_of_first_name():
    order = pd.Series(["b", "a", "b"])
    assert guides.places(pd.Series(["a", "b"]), order).tolist() == [1, 0]


def test_rows_begin_on_top(axes):
    guides.rows(axes, ["first", 2, "third"], margin=0.6)
    assert axes.get_ylim() == (2.6, -0.6)
    assert axes.get_yticks().tolist() == [0, 1, 2]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["first", "2", "third"]


def test_rows_may_do_without_lines(axes):
    axes.grid(visible=True)
    guides.rows(axes, ["only"], lines=False)
    assert not any(line.get_visible() for line in axes.get_ygridlines())
    assert all(line.get_visible() for line in axes.get_xgridlines())


@pytest.mark.parametrize("which", ["x", "y"])
def test_values_say_what_an_axis_measures(axes, which):
    axes.plot([0.2, 0.4], [0.2, 0.4])
    high = getattr(axes, f"get_{which}lim")()[1]
    ticks = MaxNLocator(3)
    guides.values(axes, which, "words", form=guides.PER_CENT, low=0, ticks=ticks)
    axis = getattr(axes, f"{which}axis")
    assert axis.get_label_text() == "words"
    assert getattr(axes, f"get_{which}lim")() == (0, high)
    assert axis.get_major_formatter() is guides.PER_CENT
    assert axis.get_major_locator() is ticks


def test_values_leave_alone_what_they_are_not_given(axes):
    axes.set(xlabel="before", xlim=(2, 3))
    guides.values(axes, "x")
    assert axes.get_xlabel() == "before"
    assert axes.get_xlim() == (2, 3)


@pytest.mark.parametrize(
    ("form", "value", "written"),
    [
        (guides.PER_CENT, 0.5, "50 %"),
        (guides.PER_CENT, 0.825, "82.5 %"),
        (guides.THOUSANDS, 12345.6, "12,346"),
        (guides.THOUSANDS, -1000, "−1,000"),
        (guides.SIZES, -1000, "1,000"),
        (guides.POINTS, -0.025, "−2.5"),
    ],
)
def test_numbers_on_axes_are_written_as_in_the_report(form, value, written):
    assert form(value) == written


@pytest.mark.parametrize("which", ["x", "y"])
def test_a_log_axis_writes_no_powers(axes, which):
    axes.plot([120, 480], [120, 480])  # less than a decade: matplotlib would name minor ticks
    guides.log_values(axes, which, form=guides.THOUSANDS)
    axes.figure.draw_without_rendering()
    axis = getattr(axes, f"{which}axis")
    labels = [label.get_text() for label in axis.get_ticklabels(which="both")]
    assert getattr(axes, f"get_{which}scale")() == "log"
    assert not [label for label in labels if "$" in label]


@pytest.mark.parametrize(("n", "named"), [(5, [0, 1, 2, 3, 4]), (20, [0, 3, 6, 9, 12, 15, 18])])
def test_sparse_ticks_are_few_and_even(axes, n, named):
    guides.sparse_ticks(axes, [str(i) for i in range(n)])
    assert axes.get_xticks().tolist() == named
    assert [label.get_text() for label in axes.get_xticklabels()] == [str(i) for i in named]


def test_a_key_names_each_label_of_all_panels_once():
    figure = new_figure()
    for axes in figure.subplots(1, 2):
        axes.plot([0], [0], label="shared")
    axes.plot([0], [0], label="own")
    key = guides.key(figure, title="title")
    assert [text.get_text() for text in key.get_texts()] == ["shared", "own"]
    assert key.get_title().get_text() == "title"


def test_a_key_may_stand_beside_an_axes(axes):
    axes.plot([0], [0], label="line")
    assert guides.key_beside(axes, title="title") is axes.get_legend()


def test_labels_break_and_are_cut_to_width():
    assert guides.wrapped("one two three", 7) == "one two\nthree"
    assert guides.wrapped("", 7) == ""
    assert guides.shortened("one two three four", 10) == "one two …"
    assert guides.shortened("oneverylongword", 10) == "oneverylo…"


def test_rows_are_as_high_as_the_longest_label():
    assert guides.rows_height(["one", "two\nlines"]) == pytest.approx(2 * (0.1 + 2 * 0.14))
    assert guides.rows_height([], count=3) == pytest.approx(3 * 0.24)
    assert np.isfinite(guides.rows_height([]))


def test_labels_of_axes_end_within_a_small_figure():
    @drawing("fig-x", beside=True)
    def labelled(_, __):
        figure = new_figure(3.2)
        axes = figure.subplots()
        axes.set_xlabel("share of the customers who hold all products of the rule, log scale")
        axes.set_ylabel("持有规则中全部产品的客户占比，对数刻度；每位客户只计一次，无论持有多少份")
        return figure

    words = Words(open_language("en"), "report", "fig-x", {}, "EUR")
    figure = labelled(Finding(pd.DataFrame()), words)
    figure.draw_without_rendering()
    for axis in (figure.axes[0].xaxis, figure.axes[0].yaxis):
        box = axis.label.get_window_extent()
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1
        assert axis.label.get_text().count("\n") == 1
