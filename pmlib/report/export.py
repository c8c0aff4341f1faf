"""Each numbered table as CSV, each figure as SVG with the CSV behind it."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pmlib.files import folder_written_whole, guarded
from pmlib.markup import ISOLATED
from pmlib.report.numbering import FOLDERS, Part, Target


def export(run_dir: Path, parts: Sequence[Part], targets: Mapping[str, Target]) -> None:
    """Write each numbered table as CSV, and each figure as SVG with the CSV behind it.

    The folders ``tables`` and ``figures`` of the run are replaced; the number goes into the name
    of a file, ``table-4.1-criteria.csv``.
    """
    groups: dict[str, dict[str, bytes]] = {kind: {} for kind in FOLDERS}
    for part in parts:
        for element in part.soup.find_all("figure", class_=["pm-figure", "pm-table"]):
            target = targets[str(element["id"])]
            name = target.file
            data = part.csv.get(target.label) or _table_text(element)
            group = groups[target.kind]
            group[f"{name}.csv"] = _without_formulas(data).encode()
            image = element.find("img")
            if image is not None:
                kind, _, content = str(image["src"]).partition(";base64,")
                group[f"{name}.{kind[11:14]}"] = base64.b64decode(content)
    for kind, files in groups.items():
        with folder_written_whole(run_dir / FOLDERS[kind]) as aside:
            for name, written in sorted(files.items()):
                (aside / name).write_bytes(written)


def _table_text(figure: Any) -> str:
    """Read a table of the frame back as CSV."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for row in figure.select("table:not(.pm-paper) tr"):
        writer.writerow([cell.get_text(" ", strip=True) for cell in row.find_all(["th", "td"])])
    return out.getvalue()


def _without_formulas(text: str) -> str:
    """Put an apostrophe before text that a spreadsheet would run as a formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for row in csv.reader(io.StringIO(text)):
        cells = [cell.translate(_NO_MARKS) for cell in row]
        writer.writerow(map(guarded, cells))
    return out.getvalue()


_NO_MARKS = dict.fromkeys(map(ord, ISOLATED))
"""A name in a file is itself, without marks of its direction on a page."""
