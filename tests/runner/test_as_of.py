"""Whole runs as of a day on which the bank has no pilot, or only the first days of one."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[2]
SMALL = {"n_customers": 1000, "n_months": 6, "sample_size": 500, "n_bootstrap": 10, "k_max": 3}
DAYS = {
    "before the pilot": ("2025-09-30", "response"),
    "within the pilot": ("2025-10-22", "uplift"),
}


@pytest.mark.whole
@pytest.mark.parametrize(("day", "evidence"), list(DAYS.values()), ids=list(DAYS))
def test_a_run_as_of_a_day_ends_with_a_report(tmp_path: Path, day: str, evidence: str) -> None:
    settings = {**SMALL, "as_of": day}
    asked = [part for name, value in settings.items() for part in ("-p", name, str(value))]
    command = [sys.executable, "run_all.py", *asked, "--out", str(tmp_path / "run")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["evidence_kind"]["value"] == evidence
    # Three mailings were over by then; the pilot was not.
    assert results["past_campaigns"]["value"] == 3
    assert ("past_response_tests" in results) == (evidence == "uplift")
    page = BeautifulSoup((tmp_path / "run" / "report.html").read_text(), "html.parser")
    assert f"as of {day}" in page.get_text()
    said = " ".join(part.get_text(" ") for part in page.find_all(["p", "figcaption"]))
    program = json.loads((tmp_path / "run" / "run.json").read_text())["program"]
    cited = {program.get("day")}  # how to cite the program that made the report
    dates = set(re.findall(r"\b\d{4}-\d\d-\d\d\b", said)) - cited
    assert dates
    assert max(dates) <= day
    if evidence == "response":
        assert "planned on the whole pilot" not in said
        assert "left out on purpose" in page.get_text()  # the next campaign should leave some out
