"""The report in a real browser, opened from disk: it asks no network and complains of nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPORTS = Path(__file__).resolve().parents[2] / "reports"

pytestmark = pytest.mark.browser


def reports() -> list[Path]:
    """All reports there are, the default study's first."""
    return sorted(
        REPORTS.glob("*/report.html"),
        key=lambda path: (path.parent.name != "casebank", path),
    )


@pytest.mark.usefixtures("browser")
def test_there_is_a_report_to_open() -> None:
    assert reports(), "make study writes one"


@pytest.mark.parametrize("path", reports(), ids=lambda path: path.parent.name)
def test_a_report_opens_offline_without_a_request_or_complaint(browser, path: Path) -> None:
    context = browser.new_context(offline=True, reduced_motion="reduce")
    page = context.new_page()
    requests: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(path.as_uri(), wait_until="load")
    outside = [url for url in requests if not url.startswith(("data:", path.as_uri()))]
    assert outside == []
    assert complaints == []

    # Every link within the page has a target.
    lost = page.eval_on_selector_all(
        "a[href^='#']",
        "links => links.map(a => a.getAttribute('href').slice(1))"
        ".filter(id => id && !document.getElementById(decodeURIComponent(id)))",
    )
    assert lost == []
    # Following the contents leads to what can be seen; a few clicks stand for the hundreds.
    contents = [link for link in page.locator("nav a[href^='#']").all() if link.is_visible()]
    assert len(contents) >= 10
    for link in contents[:: len(contents) // 10]:
        link.click()
        assert page.locator(f"[id='{page.url.split('#')[1]}']").first.is_visible()

    # Drawings have a text alternative, and words of their own in the embedded font.
    assert page.locator("img").count() == 0
    assert page.locator("main svg:not([role=img][aria-label])").count() == 0
    page.wait_for_function("document.fonts.status === 'loaded'")
    fonts = page.evaluate("[...document.fonts].map(font => `${font.family} ${font.status}`)")
    # Chinese signs, where there are any, have a third face.
    assert fonts[:2] == ["Figures loaded", "Figures loaded"]
    assert fonts[2:] in ([], ["Figures Chinese loaded"])
    context.close()


SCREENS = [(width, scheme) for width in (390, 768, 1280) for scheme in ("light", "dark")]


@pytest.mark.parametrize(
    ("path", "width", "scheme"),
    # The first report on every screen, each other one on the narrowest.
    [(path, *screen) for path in reports()[:1] for screen in SCREENS]
    + [(path, *SCREENS[0]) for path in reports()[1:]],
    ids=lambda value: value.parent.name if isinstance(value, Path) else str(value),
)
def test_a_report_can_be_read_by_everyone(browser, axe, path: Path, width: int, scheme) -> None:
    page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
    page.set_default_timeout(600_000)
    page.goto(path.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == width  # nothing sticks out
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert [(v["id"], [n["target"] for n in v["nodes"]]) for v in found["violations"]] == []
    page.close()


@pytest.fixture
def phone(browser):
    page = browser.new_page(viewport={"width": 390, "height": 844}, reduced_motion="reduce")
    page.goto(reports()[0].as_uri())
    yield page
    page.close()


def test_a_phone_has_a_menu_that_opens_and_leads(phone) -> None:
    side, button = phone.locator("nav.side"), phone.get_by_role("button", name="Menu")
    assert side.is_hidden()
    button.click()
    assert side.is_visible()
    phone.keyboard.press("Escape")
    assert side.is_hidden()
    button.click()
    side.get_by_role("link", name="Conclusion").click()
    assert side.is_hidden()
    assert phone.locator("#sec-conclusion").bounding_box()["y"] < 200


def test_a_search_leads_to_a_label_within_a_figure_and_to_folded_data(phone) -> None:
    phone.get_by_role("button", name="Menu").click()
    labels = phone.locator("main figure svg text").all_text_contents()
    label = max(labels, key=len)
    phone.get_by_role("searchbox").first.fill(label)
    found = phone.locator(".find li a")
    shown = phone.locator(".find [role=status]").inner_text()
    assert int(re.findall(r"\d+", shown)[-1]) >= found.count() > 1
    in_figure = [n for n, text in enumerate(found.all_inner_texts()) if label in text]
    found.nth(in_figure[-1]).click()
    hit = phone.locator(".pm-hit")
    hit.wait_for()
    assert label.lower() in hit.text_content().lower()
    assert hit.is_visible()


def test_what_is_wide_scrolls_in_its_frame_beside_a_column_that_stays(phone) -> None:
    wide = ".pm-table:has(table:not(.pm-prose)) .pm-frame.pm-more"
    frame = phone.locator(wide).first.element_handle()
    frame.scroll_into_view_if_needed()
    scrolling, head = frame.query_selector(".pm-scroll"), frame.query_selector("tbody th")
    before = head.bounding_box()["x"]
    scrolling.evaluate("frame => frame.scrollBy(10_000, 0)")
    phone.wait_for_function("frame => !frame.classList.contains('pm-more')", arg=frame)
    assert head.bounding_box()["x"] == before


def test_decisions_are_cards_on_a_phone(phone) -> None:
    cells = phone.locator(".pm-decisions tbody tr").first.locator("th, td").all()
    assert len({cell.bounding_box()["x"] for cell in cells}) == 1
    tops = [cell.bounding_box()["y"] for cell in cells]
    assert tops == sorted(set(tops))
