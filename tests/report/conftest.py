"""What the tests of the report share: a real browser, where there is one."""

from __future__ import annotations

import shutil

import pytest


@pytest.fixture(scope="module")
def browser():
    """Chromium, driven by playwright; tests that ask for it are skipped where either is missing."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the extra 'browser'")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs chromium on the PATH")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()
