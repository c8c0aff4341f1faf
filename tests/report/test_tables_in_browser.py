"""Tables that sort and filter, tried in a real browser by keyboard."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pmlib.report.build import FRAME
from pmlib.report.page import script_words
from pmlib.tables import to_html
from pmlib.texts import Look, open_language

pytestmark = pytest.mark.browser

RULES = pd.DataFrame(
    {
        "antecedent": [("card", "loan"), ("card",), ("fund",), ("loan",)],
        "lift": [2.5, 10.0, float("nan"), 1.25],
        "segment": ["b", "a", "a", "b"],
    }
)


@pytest.fixture
def page(browser, tmp_path: Path):
    look = Look(open_language("en"), "association_analysis", "tbl-browser")
    look.language.catalogue["tables"]["tbl-browser"] = {
        "sortable": True, "filters": ["antecedent", "segment"]
    }  # fmt: skip
    table = to_html(RULES, look)
    style, script = ((FRAME / "template" / n).read_text() for n in ("style.css", "report.js"))
    path = tmp_path / "table.html"
    path.write_text(
        f'<!doctype html><html lang="en"><style>{style}</style><nav class="side"></nav>'
        f'<div class="pm-scroll">{table}</div>'
        f'<script type="application/json" id="words">{script_words(look.language)}</script>'
        f"<script>{script}</script></html>"
    )
    opened = browser.new_page()
    opened.goto(path.as_uri())
    yield opened
    opened.close()


def antecedents(page) -> list[str]:
    cells = page.locator("tbody tr:visible th")
    return cells.all_inner_texts()


def test_enter_on_a_heading_sorts_by_value_and_again_turns_the_order(page) -> None:
    page.get_by_role("button", name="Sort by Lift").focus()
    page.keyboard.press("Enter")
    assert antecedents(page) == ["loan", "card + loan", "card", "fund"]
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "ascending"
    page.keyboard.press("Enter")
    # Unknown values stay last either way.
    assert antecedents(page) == ["card", "card + loan", "loan", "fund"]


def test_choice_of_a_product_finds_every_set_that_holds_it(page) -> None:
    page.get_by_role("combobox", name="Antecedent").select_option("card")
    assert antecedents(page) == ["card + loan", "card"]
    assert page.get_by_role("status").inner_text() == "2 of 4 rows shown"


def test_search_and_choices_narrow_together_until_all_is_shown_again(page) -> None:
    page.get_by_role("combobox", name="Segment").select_option("a")
    page.get_by_role("searchbox", name="Search").fill("fund")
    assert antecedents(page) == ["fund"]
    page.get_by_role("button", name="Show all").click()
    assert len(antecedents(page)) == 4


def test_paper_shows_every_row_and_no_controls(page) -> None:
    page.get_by_role("searchbox", name="Search").fill("fund")
    page.emulate_media(media="print")
    assert len(antecedents(page)) == 4
    assert page.locator(".pm-filters").is_hidden()
