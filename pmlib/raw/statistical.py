"""Files of SPSS, Stata and SAS, as Parquet: labels for codes, user-missing values as nothing.

Such files know more than their cells: what a column is called in words, what a code means and in
which order, and which values say why there is none. Labels of values are used only where every
value of a column has one; else the numbers stay, and what is labelled among them is told.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pmlib.errors import StudyError
from pmlib.raw.encodings import Judgement, judge_cells

_ROWS = 100_000  # rows read at once
_WORDS = 2_000  # distinct texts by which an encoding is judged
_READERS = {
    ".sav": "read_sav", ".zsav": "read_sav", ".por": "read_por", ".dta": "read_dta",
    ".sas7bdat": "read_sas7bdat", ".xpt": "read_xport",
}  # fmt: skip

_EXACT = 2.0**53  # beyond it not every whole number has a float of its own


@dataclass(frozen=True)
class Described:
    """What a statistical file says beside its cells.

    Parameters
    ----------
    rows : int
        Rows written.
    labels : dict of str to str
        Column to its label in words; columns without one are not in it.
    levels : dict of str to tuple of str
        Column to the words that its codes became, in the order of the codes.
    notes : tuple of str
        What was decided and counted: sentences for the report.
    judgement : Judgement, optional
        Of the encoding of its text, where the file does not state it and it mattered.
    """

    rows: int
    labels: dict[str, str]
    levels: dict[str, tuple[str, ...]]
    notes: tuple[str, ...]
    judgement: Judgement | None = None


@dataclass
class _Seen:
    """What the cells of one column are, seen over the whole file."""

    types: set[str] = field(default_factory=set)
    whole: bool = True
    midnight: bool = True
    missing: int = 0
    found: set[Any] = field(default_factory=set)
    unlabelled: bool = False


def to_parquet(path: Path, target: Path, ending: str, *, encoding: str | None = None) -> Described:
    """Write a statistical file as Parquet, in two passes of 100,000 rows at a time.

    Whole numbers become integers, dates dates, times of the day at midnight alone dates, empty text
    and user-missing values null. A column in which every value has a label becomes the
    text of its labels.

    Parameters
    ----------
    path, target : pathlib.Path
        The file, and the Parquet file to be written.
    ending : str
        What kind of file it is: ``.sav``, ``.zsav``, ``.por``, ``.dta``, ``.sas7bdat`` or ``.xpt``.
    encoding : str, optional
        Of its text, where the file does not say so or says it wrongly.

    Raises
    ------
    StudyError
        The file cannot be read as one of its kind.
    """
    judgement = None
    try:
        if encoding is None and _states_no_encoding(path, ending):
            judgement = _judged(path, ending)
            encoding = judgement.encoding if judgement else None
        seen, meta, rows = _survey(path, ending, encoding)
        columns = list(meta.column_names)
        texts = {name: _texts(name, meta, seen[name]) for name in columns}
        schema = pa.schema([(name, _type(seen[name], texts[name])) for name in columns])
        with pq.ParquetWriter(target, schema, compression="zstd") as writer:
            for cells, _ in _pieces(path, ending, encoding):
                arrays = [
                    pa.array(
                        [_plain(value, meta, name, texts[name], schema) for value in cells[name]],
                        schema.field(name).type,
                    )
                    for name in columns
                ]
                writer.write_table(pa.table(arrays, schema=schema))
    except _errors() as error:
        raise StudyError(
            "A statistical file cannot be read.",
            where=str(path),
            rule=f"a whole {ending} file",
            found=" ".join(str(error).split())[:300],
            remedy="Replace it by an unaltered copy, say its encoding, or export it as Parquet or "
            "CSV with labels.",
        ) from None
    labels = {name: str(text).strip() for name, text in meta.column_names_to_labels.items()
              if text and str(text).strip()}  # fmt: skip
    levels = {name: tuple(text.values()) for name, text in texts.items() if text}
    notes = [note for name in columns for note in _notes(name, meta, seen[name], texts[name])]
    if judgement is not None:
        notes.insert(0, f"The file does not state its encoding; it was read as {encoding}.")
    return Described(rows, labels, levels, tuple(notes), judgement)


def _states_no_encoding(path: Path, ending: str) -> bool:
    """Stata before version 14 and SAS transport files hold text in whatever encoding was in use."""
    if ending == ".xpt":
        return True
    with path.open("rb") as file:
        start = file.read(40)
    release = start.partition(b"<release>")[2][:3]
    return ending == ".dta" and not (release.isdigit() and int(release) >= 118)


def _judged(path: Path, ending: str) -> Judgement | None:
    """Judge the encoding by the texts; None where all of them are ASCII."""
    cells: dict[bytes, None] = {}
    for columns, meta in _pieces(path, ending, "iso8859-1"):  # which gives each byte back
        words = [*map(str, meta.column_names), *map(str, meta.column_names_to_labels.values())]
        words += [str(text) for labels in meta.variable_value_labels.values()
                  for text in labels.values()]  # fmt: skip
        texts = (value for values in columns.values() for value in values if isinstance(value, str))
        for text in itertools.chain(words, texts):
            if not text.isascii() and len(cells) < _WORDS:
                cells[text.encode("iso8859-1")] = None
    return judge_cells(list(cells)) if cells else None


def _errors() -> tuple[type[Exception], ...]:
    from pyreadstat import PyreadstatError, ReadstatError

    return (PyreadstatError, ReadstatError, UnicodeError, OverflowError, ValueError, OSError,
            pa.ArrowException)  # fmt: skip


def _pieces(
    path: Path, ending: str, encoding: str | None
) -> Iterator[tuple[dict[str, list[Any]], Any]]:
    """Read a file piece by piece: cells by column, and what the file says of them."""
    import pyreadstat

    read = getattr(pyreadstat, _READERS[ending])
    how: dict[str, Any] = {"output_format": "dict"}
    if ending in {".sav", ".zsav", ".dta", ".sas7bdat"}:
        how["user_missing"] = True
    if encoding is not None and ending != ".por":
        how["encoding"] = encoding
    start = 0
    while True:
        cells, meta = read(str(path), row_offset=start, row_limit=_ROWS, **how)
        rows = len(next(iter(cells.values()), []))
        if rows or not start:
            yield cells, meta
        if rows < _ROWS:
            return
        start += rows


def _survey(path: Path, ending: str, encoding: str | None) -> tuple[dict[str, _Seen], Any, int]:
    """Look at every cell once: what types there are, which codes, how many user-missing."""
    seen: dict[str, _Seen] = {}
    rows = 0
    for cells, meta in _pieces(path, ending, encoding):
        rows += len(next(iter(cells.values()), []))
        for name, values in cells.items():
            _look(values, name, meta, seen.setdefault(name, _Seen()))
    return seen, meta, rows


def _look(values: list[Any], name: str, meta: Any, seen: _Seen) -> None:
    labelled = meta.variable_value_labels.get(name, {})
    for value in values:
        if value is None or value == "" or value != value:  # noqa: PLR0124
            continue
        if _is_missing(value, name, meta):
            seen.missing += 1
            continue
        seen.types.add(type(value).__name__)
        if isinstance(value, float) and not (value.is_integer() and abs(value) < _EXACT):
            seen.whole = False
        elif isinstance(value, dt.datetime) and value.time() != dt.time():
            seen.midnight = False
        if labelled:
            if value in labelled:
                seen.found.add(value)
            else:
                seen.unlabelled = True


def _is_missing(value: Any, name: str, meta: Any) -> bool:
    """Whether a value only says why there is none."""
    if isinstance(value, str) and meta.readstat_variable_types.get(name) != "string":
        return True  # Stata's .a to .z, SAS's .A to .Z and ._
    return any(
        type(value) is type(span["lo"]) and span["lo"] <= value <= span["hi"]
        for span in meta.missing_ranges.get(name, [])
    )


def _texts(name: str, meta: Any, seen: _Seen) -> dict[Any, str]:
    """What each code becomes, in the order of the codes; nothing where one has no label."""
    labels = meta.variable_value_labels.get(name, {})
    if not labels or seen.unlabelled or not seen.found:
        return {}
    kept = {code: str(text).strip() for code, text in labels.items()
            if not _is_missing(code, name, meta)}  # fmt: skip
    twice = {text for text, times in Counter(kept.values()).items() if times > 1}
    ordered = sorted(kept, key=lambda code: (isinstance(code, str), code))
    return {
        code: f"{kept[code]} ({_short(code)})" if kept[code] in twice else kept[code]
        for code in ordered
    }


def _short(code: Any) -> str:
    return str(int(code)) if isinstance(code, float) and code.is_integer() else str(code)


def _type(seen: _Seen, texts: dict[Any, str]) -> pa.DataType:
    """The Arrow type of a column, by what all of its cells are."""
    types = seen.types
    if texts or not types:
        return pa.string()
    if types <= {"int", "float"}:
        return pa.int64() if seen.whole else pa.float64()
    if types <= {"date", "datetime"}:
        return pa.date32() if seen.midnight else pa.timestamp("us")
    return pa.time64("us") if types == {"time"} else pa.string()


def _plain(value: Any, meta: Any, name: str, texts: dict[Any, str], schema: pa.Schema) -> Any:
    """One cell as it is written."""
    if value is None or value == "" or value != value or _is_missing(value, name, meta):  # noqa: PLR0124
        return None
    if texts:
        return texts[value]
    kind = schema.field(name).type
    if pa.types.is_integer(kind):
        return int(value)
    if pa.types.is_string(kind):
        return value if isinstance(value, str) else _short(value)
    if pa.types.is_date(kind) and isinstance(value, dt.datetime):
        return value.date()
    return value


def _notes(name: str, meta: Any, seen: _Seen, texts: dict[Any, str]) -> Iterator[str]:
    if seen.missing:
        yield f"{name}: values that the file declares missing, read as empty: {seen.missing:,}."
    if not texts and seen.found:
        labels = meta.variable_value_labels[name]
        found = sorted(seen.found, key=lambda code: (isinstance(code, str), code))
        shown = ", ".join(f"{_short(code)} ({labels[code]})" for code in found[:5])
        yield f"{name}: only some values have a label, so all stay as they are; labelled: {shown}."
    if len(seen.types) > 1 and not seen.types <= {"int", "float"} | {"date", "datetime"}:
        yield f"{name}: values of several types, kept as text."
