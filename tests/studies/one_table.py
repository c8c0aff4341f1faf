"""A study of one's own with customers alone: its study.yaml and SQL, written and prepared."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import yaml

from pmlib.params import Parameters
from pmlib.studies import Study, prepare


def study_of(folder: Path, source: dict[str, Any], *, sql: str) -> Study:
    """Prepare a study whose customers have an income and a town."""
    folder.mkdir(exist_ok=True)
    declared = {
        "title": "Own", "description": "Own bank.", "licence": "internal", "currency": "EUR",
        "as_of": dt.date(2024, 12, 31), "sources": [source],
        "tables": {"customers": "customers.sql"},
        "attributes": {"income": {"label": "Income"}, "town": {"label": "T", "role": "descriptor"}},
    }  # fmt: skip
    (folder / "study.yaml").write_text(yaml.safe_dump(declared), encoding="utf-8")
    (folder / "customers.sql").write_text(sql, encoding="utf-8")
    return prepare(folder, Parameters())
