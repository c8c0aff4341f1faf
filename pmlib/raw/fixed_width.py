"""Text in columns of fixed width, as delimited text: a layout in study.yaml says where to cut."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from itertools import accumulate, pairwise
from pathlib import Path

from pmlib.errors import StudyError, masked


def to_text(
    path: Path, widths: Sequence[int], target: Path, where: str, *, skip: int = 0, footer: int = 0
) -> Path:
    """Write a text of fixed width, in UTF-8, as comma-delimited text: line n is record n.

    Widths count characters, not bytes. Blanks around a field are dropped. A line may be shorter
    than the layout, for many programs cut blanks at its end; the fields that it lacks are empty.

    Parameters
    ----------
    path, target : pathlib.Path
        The text in UTF-8, and the text file to be written.
    widths : sequence of int
        Of each column, from the left.
    where : str
        What the file is called in an error.
    skip, footer : int
        Lines at the top and at the end that are of no layout; they are cut like the others.

    Raises
    ------
    StudyError
        A line is longer than the layout: then the layout is not that of the file.
    """
    with path.open("rb") as file:
        last = sum(1 for _ in file) - footer
    spans = list(pairwise([0, *accumulate(widths)]))
    with (
        path.open(encoding="utf-8-sig", newline=None) as old,
        target.open("w", encoding="utf-8", newline="") as new,
    ):
        writer = csv.writer(new, lineterminator="\n")
        for number, line in enumerate(old, start=1):
            rest = line[spans[-1][1] :].strip()
            # \x1a is the mark of DOS for the end of a file.
            if rest and rest != "\x1a" and skip < number <= last:
                raise StudyError(
                    "A line is longer than the layout of its file.",
                    where=f"{where}, line {number:,}",
                    rule=f"widths {', '.join(map(str, widths))}: {spans[-1][1]} characters",
                    found=f"{masked(rest)[:40]!r} behind them",
                    remedy="Correct csv.widths in study.yaml.",
                )
            writer.writerow([line[start:end].strip(" \r\n\x00\x1a") for start, end in spans])
    return target
