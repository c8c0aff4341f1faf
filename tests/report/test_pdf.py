"""The report on paper, printed by a real browser; and what is said where there is none."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from pmlib.errors import StudyError
from pmlib.report import pdf
from pmlib.report.pdf import require_browser, write_pdf
from tests.report.test_browser import reports


def test_a_missing_browser_is_said_before_anything_is_computed(monkeypatch) -> None:
    pytest.importorskip("playwright", reason="needs the extra 'browser'")
    pytest.importorskip("pypdf", reason="needs the extra 'browser'")
    monkeypatch.setattr(pdf.shutil, "which", lambda _: None)
    with pytest.raises(StudyError, match="A PDF cannot be printed here"):
        require_browser()


@pytest.mark.browser
def test_a_printed_report_names_the_pages_of_its_contents(tmp_path: Path) -> None:
    pypdf = pytest.importorskip("pypdf", reason="needs the extra 'browser'")
    pytest.importorskip("playwright", reason="needs the extra 'browser'")
    if not reports():
        pytest.skip("make study writes a report")
    report = tmp_path / "report.html"
    report.write_bytes(reports()[0].read_bytes())
    document = pypdf.PdfReader(write_pdf(report))
    pages = [" ".join(page.extract_text().split()) for page in document.pages]
    start = next(n for n, text in enumerate(pages) if " Contents " in text)
    contents = " ".join(pages[start : start + 3]).partition(" Figures ")[0]
    listed = re.findall(r"(\d\.\d+) ([A-Z][^\d?]{8,}[a-z?]) (\d+) (?=\d)", contents)
    assert len(listed) > 20
    for number, title, page in listed:
        assert f"{number} {title}" in pages[int(page) - 1], number
    assert document.trailer["/Root"]["/MarkInfo"]["/Marked"]
    bookmarks = [entry.title for entry in document.outline[0:] if not isinstance(entry, list)]
    assert bookmarks


@pytest.mark.browser
def test_the_readmes_picture_shows_where_the_summary_begins(tmp_path: Path) -> None:
    pytest.importorskip("playwright", reason="needs the extra 'browser'")
    image = pytest.importorskip("PIL.Image")
    drawn = runpy.run_path(str(Path(__file__).resolve().parents[2] / "docs" / "picture.py"))
    report, path = tmp_path / "report.html", tmp_path / "report.png"
    report.write_text(
        "<body style='margin: 0'><p style='height: 2000px; background: red'>"
        "<p id=sec-abstract style='height: 2000px; background: blue'>"
    )
    drawn["picture"](report, path)
    with image.open(path) as shown:
        assert shown.size == (1280, 860)
        assert shown.convert("RGB").getpixel((640, 430)) == (0, 0, 255)


def test_a_picture_of_no_report_is_refused(tmp_path: Path, capsys) -> None:
    drawn = runpy.run_path(str(Path(__file__).resolve().parents[2] / "docs" / "picture.py"))
    assert drawn["main"](tmp_path / "report.html") == 1
    assert "make study writes one" in capsys.readouterr().out
