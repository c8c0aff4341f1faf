"""The report on paper: ``report.pdf``, printed by headless Chromium, with pages in its contents."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pmlib.errors import StudyError
from pmlib.files import written_whole

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_ROUNDS = 4
# Folded lists are printed; each line of the contents gets a place for its page, of one width so
# that filling it in moves nothing.
_PREPARE = """() => {
  document.querySelectorAll(".contents details, .pm-list").forEach((fold) => { fold.open = true; });
  document.querySelectorAll(".contents a").forEach((link) => {
    const place = document.createElement("span");
    place.className = "pm-page";
    place.textContent = "000";
    link.append(place);
  });
}"""
_FILL = """(pages) => document.querySelectorAll(".contents a").forEach((link) => {
  link.lastChild.textContent = pages[link.hash.slice(1)] ?? "";
})"""


def require_browser() -> None:
    """Raise StudyError where a PDF could not be printed, before anything is computed for it."""
    try:
        import playwright.sync_api  # noqa: F401 - of the extra "browser"
        import pypdf  # noqa: F401
    except ImportError as error:
        raise _missing(f"no package {error.name}") from error
    if _chromium() is None:
        raise _missing(f"none of {', '.join(_BROWSERS)} on the PATH")


def _missing(found: str) -> StudyError:
    return StudyError(
        "A PDF cannot be printed here.",
        where="--pdf",
        rule="Chromium, and the packages of the extra 'browser'",
        found=found,
        remedy="pip install -e '.[browser]', and Chromium from your system's packages; or open "
        "report.html in a browser and print it.",
    )


def _chromium() -> str | None:
    return next(filter(None, map(shutil.which, _BROWSERS)), None)


def write_pdf(report: Path) -> Path:
    """Print a report beside itself: tagged, with bookmarks, and with pages in contents and lists.

    A page can only be named when all is laid out: the report is printed, the pages of its places
    are read from the PDF, filled in, and it is printed again until none has moved.

    Parameters
    ----------
    report : Path
        ``report.html`` of a run.

    Returns
    -------
    Path
        ``report.pdf``, written whole or not at all.

    Raises
    ------
    StudyError
        Chromium or a package of the extra ``browser`` is missing.
    """
    require_browser()
    with opened(report) as page:
        page.evaluate(_PREPARE)
        filled: dict[str, int] = {}
        for _ in range(_ROUNDS):
            content = page.pdf(
                prefer_css_page_size=True, print_background=True, tagged=True, outline=True
            )
            found = pages_of(content)
            if found == filled:
                break
            page.evaluate(_FILL, filled := found)
    path = report.with_suffix(".pdf")
    with written_whole(path) as aside:
        aside.write_bytes(content)
    return path


@contextmanager
def opened(report: Path) -> Iterator[Any]:
    """Open a page, named by its whole path, in a browser that asks no network."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        # As root, in a container, Chromium runs without its sandbox only; it opens our own file.
        browser = driver.chromium.launch(executable_path=_chromium(), args=["--no-sandbox"])
        page = browser.new_context(offline=True, color_scheme="light").new_page()
        page.goto(report.as_uri(), wait_until="load", timeout=0)
        yield page
        browser.close()


def pages_of(content: bytes) -> dict[str, int]:
    """Page, from 1, of each place in a PDF that something in it links to."""
    from pypdf import PdfReader

    reader = PdfReader(io.BytesIO(content))
    return {
        name.removeprefix("/"): page + 1
        for name, place in reader.named_destinations.items()
        if (page := reader.get_destination_page_number(place)) is not None
    }
