"""Names of columns and files: as SQL takes them, and as they are compared."""

from __future__ import annotations

import functools
import re
import unicodedata

import duckdb

_LETTERS = str.maketrans(
    {"ß": "ss", "ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "ı": "i"}
)
"""Letters that Unicode does not take apart."""


def sql_name(text: str, *, otherwise: str) -> str:
    """A name that SQL takes without quotes, as near to the text as may be."""
    name = re.sub(r"\W+", "_", ascii_only(text)).strip("_").lower()[:50] or otherwise
    return f"_{name}" if name[0].isdigit() or name in _reserved() else name


def unused(name: str, taken: set[str]) -> str:
    """The name, with underscores behind it until no other has it; taken from then on."""
    while name in taken:
        name += "_"
    taken.add(name)
    return name


@functools.cache
def _reserved() -> frozenset[str]:
    """Names that mean something to SQL and cannot stand there without quotes."""
    words = duckdb.execute("SELECT keyword_name, keyword_category FROM duckdb_keywords()")
    return frozenset(word for word, kind in words.fetchall() if kind != "unreserved")


def plain(name: str) -> str:
    """A name without case, accents, blanks and signs."""
    folded = unicodedata.normalize("NFKD", name.translate(_LETTERS))
    kept = "".join(c for c in folded if not unicodedata.combining(c))
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFC", kept)).lower()


def ascii_only(text: str) -> str:
    """The letters of a text that ASCII has, without accents."""
    folded = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    return folded.encode("ascii", "ignore").decode()
