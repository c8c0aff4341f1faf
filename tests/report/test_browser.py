"""The report in a real browser, opened from disk: it asks no network and complains of nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

REPORTS = Path(__file__).resolve().parents[2] / "reports"

pytestmark = pytest.mark.browser


def reports() -> list[Path]:
    return sorted(REPORTS.glob("*/report.html"))


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

    # Images are all there, and have a text alternative.
    broken = page.eval_on_selector_all(
        "img", "images => images.filter(i => !i.complete || !i.naturalWidth || !i.alt).length"
    )
    assert broken == 0
    context.close()
