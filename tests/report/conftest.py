"""What the tests of the report share: a real browser, where there is one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

AXE = Path(__file__).resolve().parents[2] / ".venv" / "axe" / "package" / "axe.min.js"


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


@pytest.fixture(scope="module")
def axe() -> str:
    """The checks of axe-core, an npm package that .ci/run fetches; PMLIB_AXE names another copy."""
    path = Path(os.environ.get("PMLIB_AXE", AXE))
    if not path.is_file():
        pytest.skip("needs the npm package axe-core")
    return path.read_text("utf-8")
