"""What passes between chapters as files: data frames and JSON, written whole or not at all.

Everything is written aside and renamed, so a reader never sees half a file, and a killed run
leaves the earlier one whole.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pmlib.errors import StudyError
from pmlib.numbers import native

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd


KEPT_DIGITS = 12
"""Significant digits of a float that passes between chapters."""

FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""What a formula begins with."""


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it there when the block ends well.

    Raises
    ------
    StudyError
        The folder cannot be written.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield aside
        aside.replace(path)
    except OSError as error:
        raise StudyError(
            "A file cannot be written.",
            where=str(path),
            found=error.strerror or str(error),
            remedy="Free space, or choose a folder you may write to.",
        ) from error
    finally:
        with suppress(OSError):  # gone if renamed, unreachable if the folder is no folder
            aside.unlink()


@contextmanager
def folder_written_whole(folder: Path, *, private: bool = False) -> Iterator[Path]:
    """Give an empty folder beside `folder`; put it in its place when the block ends well.

    One that is `private` is for its owner only, as is the folder it stands in where that is new.

    Raises
    ------
    StudyError
        The folder cannot be written.
    """
    aside, earlier = (
        folder.with_name(f".{folder.name}.{os.getpid()}.{what}") for what in ("partial", "earlier")
    )
    try:
        shutil.rmtree(aside, ignore_errors=True)
        mode = 0o700 if private else 0o777
        folder.parent.mkdir(mode, parents=True, exist_ok=True)
        aside.mkdir(mode)
    except OSError as error:
        raise StudyError(
            "The run folder cannot be written.",
            where=str(folder),
            found=error.strerror or str(error),
            remedy="Free space, or choose another folder with --out.",
        ) from error
    try:
        yield aside
        if private:
            keep_private(aside)
        if folder.exists():
            folder.rename(earlier)
        aside.rename(folder)
        shutil.rmtree(earlier, ignore_errors=True)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def scratch(run: Path, chapter: str) -> Path:
    """Folder of what a chapter's engine keeps on disk while it works; the runner removes it."""
    return run / "private" / ".scratch" / chapter


def keep_private(folder: Path) -> None:
    """Let nobody but its owner into a folder and its files, whatever the umask."""
    folder.chmod(0o700)
    for path in folder.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)


def guarded(cell: str) -> str:
    """Put an apostrophe before text that a spreadsheet would run as a formula, or change.

    Examples
    --------
    >>> [guarded(cell) for cell in ("=1+1", "+4915170", "-5.2", "A7")]
    ["'=1+1", "'+4915170", '-5.2', 'A7']
    """
    if not cell.startswith(FORMULAS) or (cell[0] == "-" and _is_number(cell)):
        return cell
    return f"'{cell}"


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def clear(folder: Path) -> None:
    """Delete what processes that were killed left half-written in a folder and its folders."""
    left = (".*.partial", ".*.earlier", ".scratch")
    for aside in [path for pattern in left for path in folder.rglob(pattern)]:
        if aside.is_dir():
            shutil.rmtree(aside, ignore_errors=True)
        else:
            aside.unlink(missing_ok=True)


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Write a data frame as Parquet, floats to `KEPT_DIGITS`; tuples become lists, no index.

    Raises
    ------
    StudyError
        A column's name is not text, or the file cannot be written.
    """
    if not all(isinstance(column, str) for column in frame.columns):
        raise StudyError(
            "A data frame between chapters needs text as column names.",
            where=path.name,
            found=str(list(frame.columns)),
            remedy="Rename the columns, and reset the index if it carries data.",
        )
    kept = frame.reset_index(drop=True)
    for name, values in kept.items():
        if values.dtype.kind in "fO":
            kept[name] = values.map(_rounded_cell, na_action="ignore").astype(values.dtype)
    with written_whole(path) as aside:
        kept.to_parquet(aside, index=False, compression="zstd")


def _rounded_cell(cell: Any) -> Any:
    if isinstance(cell, list | tuple | np.ndarray):
        return [_rounded_cell(item) for item in cell]
    return _rounded_float(cell) if isinstance(cell, float) else cell


def _rounded_float(value: float) -> float:
    """The last bits of a sum depend on the machine and its cores: they are not kept."""
    return float(f"{value:.{KEPT_DIGITS}g}")


def read_frame(path: Path) -> pd.DataFrame:
    """Read what `write_frame` wrote; lists come back as tuples, text as object dtype.

    Raises
    ------
    StudyError
        There is no such file.
    """
    if not path.is_file():
        raise StudyError(
            "An artefact of an earlier chapter is missing.",
            where=str(path),
            remedy="Run the chapters before this one: python run_all.py",
        )
    import pandas as pd  # which a run with nothing to do need not wait for

    frame = pd.read_parquet(path)
    for column in frame.columns:
        if isinstance(frame[column].dtype, pd.StringDtype):
            frame[column] = frame[column].astype(object).where(frame[column].notna(), None)
        elif frame[column].map(lambda cell: isinstance(cell, np.ndarray)).any():
            frame[column] = frame[column].map(
                lambda cell: tuple(cell.tolist()) if isinstance(cell, np.ndarray) else cell
            )
    return frame


def write_json(value: Any, path: Path) -> None:
    """Write JSON with sorted keys and floats to `KEPT_DIGITS`: same value, same bytes."""
    text = json.dumps(_rounded(value), indent=1, sort_keys=True, ensure_ascii=False)
    with written_whole(path) as aside:
        aside.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    StudyError
        There is no such file, or it cannot be read as JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # ValueError: no JSON, or no text at all
        first = "Run" if isinstance(error, FileNotFoundError) else "Delete it and run"
        raise StudyError(
            "A file of this run is missing or damaged.",
            where=str(path),
            found=str(error),
            remedy=f"{first} the study again: python run_all.py",
        ) from error


def _rounded(value: Any) -> Any:
    value = native(value)
    if isinstance(value, float):
        return _rounded_float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        items = sorted(value) if isinstance(value, set | frozenset) else value
        return [_rounded(item) for item in items]
    return value if isinstance(value, int | str | bool | None) else str(value)
