"""Data frames as HTML tables: escaped, whole counts whole, in the catalogue's words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from pmlib.errors import StudyError
from pmlib.params import CHAPTERS
from pmlib.tables import to_html, told
from pmlib.texts import Look, open_language


def table(frame: pd.DataFrame, label: str = "tbl-any") -> BeautifulSoup:
    look = Look(open_language("en"), "segmentation", label, "EUR")
    return BeautifulSoup(to_html(look.worded(frame), look), "html.parser")


def test_what_the_data_hold_is_escaped():
    page = table(pd.DataFrame({"name": ["<script>alert(1)</script>"]}))
    assert page.find("script") is None
    assert page.th.find_next("th").text == "<script>alert(1)</script>"


def test_counts_with_a_gap_are_shown_whole():
    page = table(pd.DataFrame({"name": ["a", "b"], "rows": [71.0, np.nan]}))
    assert [cell.text for cell in page.select("td")] == ["71", "–"]
    assert [cell["data-value"] for cell in page.select("td")] == ["71", ""]


def test_sets_of_products_are_joined_and_an_empty_one_is_said():
    page = table(pd.DataFrame({"antecedent": [("card", "loan"), ()]}))
    assert [head.text for head in page.select("tbody th")] == ["card + loan", "(none)"]


def test_table_filtered_by_a_column_it_lacks_is_refused():
    look = Look(open_language("en"), "data_profiling", "tbl-columns")
    assert look.filters == ("table",)
    with pytest.raises(StudyError, match="filtered by columns"):
        to_html(pd.DataFrame({"column": ["x"]}), look)


def test_numbers_of_a_column_have_one_precision():
    frame = pd.DataFrame(
        {
            "name": list("abc"),
            "share": [0.0068, 0.41, 0.4841],  # three decimals tell the smallest in one digit
            "p_value": [1e-9, 0.0123, 1.0],
            "mean": [13.914, 106.7, 1728.12],  # thousands need no decimals
        }
    )
    cells = [[cell.text for cell in row.select("td")] for row in table(frame).select("tbody tr")]
    assert cells == [
        ["0.007", "< 0.001", "14"], ["0.410", "0.012", "107"], ["0.484", "1.000", "1,728"]
    ]  # fmt: skip


def test_a_figure_tells_the_ends_of_what_it_draws():
    drawn = pd.DataFrame(
        {
            "name": ["Card", "Loan", "Fund"],
            "share": [0.25, 0.821, np.nan],
            "low": [0.2, 0.8, np.nan],
        }
    )
    look = Look(open_language("en"), "data_profiling", "fig-penetration", "EUR")
    assert told(drawn, look) == "Share: highest 82.1\u00a0% (Loan), lowest 25.0\u00a0% (Card)."
    assert told(drawn.tail(1), look) == ""


@pytest.mark.parametrize("label", open_language("en").catalogue["told"])
def test_what_figures_tell_is_of_figures_and_columns_that_exist(label):
    language = open_language("en")
    assert [name for name in (*CHAPTERS, "abstract") if label in language.labels(name)]
    look, entry = Look(language, "data_profiling", label), language.catalogue["told"][label]
    for column in (*entry["names"], entry["value"]):
        look.column(column)


def test_a_detectable_uplift_in_money_is_told_as_no_share():
    drawn = pd.DataFrame({"control_share": [0.1, 0.3], "detectable": [4.5, 3.25]})
    look = Look(open_language("en"), "strategy_design", "fig-power", "EUR")
    assert told(look.worded(drawn), look).startswith("Detectable uplift: highest 4.50 (")
    assert "450" not in told(look.worded(drawn), look)
