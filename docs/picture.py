"""Picture the executive summary of a run's report, for the README.

``python docs/picture.py`` (``make picture``) photographs ``reports/casebank/report.html`` with
headless Chromium and writes ``docs/report.png``; another report can be named.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image

from pmlib.errors import StudyError
from pmlib.files import written_whole
from pmlib.report.pdf import opened, require_browser

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "report.png"
SCREEN = {"width": 1280, "height": 860}
COLOURS = 48
"""Of the picture: text and one figure need no more, and the file is a third as large."""


def picture(report: Path, path: Path) -> None:
    """Write what a screen shows of a report where its executive summary begins.

    Parameters
    ----------
    report : Path
        ``report.html`` of a run.
    path : Path
        The PNG to be written.
    """
    with opened(report.resolve()) as page:
        page.set_viewport_size(SCREEN)
        page.goto(f"{page.url}#sec-abstract")
        page.evaluate("document.fonts.ready")
        shown = Image.open(io.BytesIO(page.screenshot()))
    with written_whole(path) as aside:
        shown.convert("RGB").quantize(COLOURS).save(aside, format="PNG", optimize=True)


def main(report: Path) -> int:
    """Picture a report; say so where there is none, or no browser."""
    if not report.is_file():
        print(f"No picture: there is no {report}. make study writes one.")
        return 1
    try:
        require_browser()
    except StudyError as error:
        print(f"No picture: {error.rule} are needed ({error.found}). The one at hand stays.")
        return 0
    picture(report, PICTURE)
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size / 1000:.0f} kB, of {report}")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(*sys.argv[1:2] or [ROOT / "reports" / "casebank" / "report.html"])))
