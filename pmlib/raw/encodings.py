"""In which encoding a text is written: certain, judged, or open between readings to be shown.

Exports are mostly ASCII; the few other bytes decide, and may come late. So the whole file is
looked through, and a detector is given the cells that hold such bytes, each once. chardet weighs
pairs of letters by language; what it does not see is weighed here: signs within words, capitals
after small letters, scripts that mix, and characters that are rare.
"""

from __future__ import annotations

import codecs
import unicodedata
from dataclasses import dataclass
from pathlib import Path

_PIECE = 1 << 20  # bytes read at once
_CELLS = 2_000  # distinct cells kept of the whole file
_FRESH = 50  # and further ones a piece, so that what comes late is seen
# How much better than the next reading the best must be to count as certain: on one cell, on few,
# and on seven or more. So called certain 1 of 2,074 simulated exports was wrong, of 306 words none.
_CLEAR_OF_ONE, _CLEAR_OF_FEW, _CLEAR_OF_MANY, _MANY = 5.0, 2.5, 1.5, 7
_UNSEEN = 0.0005  # confidence of what the detector does not name

# Delimiters end a cell. The bar does not: it is the second byte of letters in East Asian encodings.
_ENDS = bytes.maketrans(b',;\t"\r', b"\n" * 5)
# Candidates, and how much rarer than the usual ones they are today among exports.
_CANDIDATES = {
    "cp1252": 1.15, "cp1250": 1.0, "cp1251": 1.0, "cp1253": 1.0, "cp1254": 1.0, "cp1255": 0.5,
    "cp1256": 0.5, "cp1257": 0.6, "iso8859-2": 1.0, "iso8859-15": 1.0, "iso8859-7": 0.5,
    "iso8859-5": 0.3, "koi8-r": 0.7, "mac-roman": 0.7, "cp850": 0.7, "cp437": 0.4, "cp852": 0.4,
    "cp866": 0.4, "cp874": 0.4, "gb18030": 1.0, "big5": 1.0, "cp932": 1.0, "cp949": 1.0,
}  # fmt: skip
_TWINS = {"iso8859-15": "cp1252", "iso8859-2": "cp1250"}  # one alphabet, a few places differ
# First bytes of the characters in common use, by the encoding that orders them so.
_COMMON = {
    "gb18030": ((0xA1, 0xA3), (0xB0, 0xD7)), "big5": ((0xA1, 0xC6),), "cp932": ((0x81, 0x9F),),
    "cp949": ((0xA1, 0xA3), (0xB0, 0xC8)),
}  # fmt: skip


@dataclass(frozen=True)
class Judgement:
    """In which encoding a file is written.

    Parameters
    ----------
    encoding : str
        The best reading, as Python names it.
    sure : bool
        Whether it may be used without asking.
    alternatives : tuple of str
        Encodings that read the file in another way, the likeliest first; two at most.
    samples : tuple of tuple of str
        Cells that tell the readings apart: one text for `encoding`, then one an alternative.
    broken : tuple of int
        Lines of an UTF-8 file that are not UTF-8: three at most.
    """

    encoding: str
    sure: bool
    alternatives: tuple[str, ...] = ()
    samples: tuple[tuple[str, ...], ...] = ()
    broken: tuple[int, ...] = ()


def judge(path: Path) -> Judgement:
    """Judge the encoding of a text file by all of its bytes.

    UTF-8, UTF-16 and UTF-32 are certain. Else chardet's confidence, times the share of
    characters that fit where they stand (cubed) and how usual the encoding is, orders the
    candidates; the best is sure where it is 2.5 times (of one cell 5 times, of seven and more 1.5
    times) as good as any that reads the cells in another way.
    """
    with path.open("rb") as file:
        start = file.read(4096)
    unicode = unicode_of(start)
    if unicode is not None:
        return Judgement(unicode, sure=True)
    if _is_utf8(path):
        return Judgement("utf-8", sure=True)
    cells, broken = _scan(path)
    if sum(_reads(cell, "utf-8") is not None for cell in cells) >= max(3, len(cells) / 2):
        return Judgement("utf-8", sure=False, broken=broken)
    return judge_cells(cells)


def unicode_of(start: bytes) -> str | None:
    """Tell UTF-16 and UTF-32 by their mark, or by the zero bytes that ASCII has there."""
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8"
    pairs = len(start) // 2
    odd, even = start[1::2].count(0), start[::2].count(0)
    if pairs >= 4 and odd > 0.3 * pairs and even < 0.05 * pairs:
        return "utf-16-le"
    if pairs >= 4 and even > 0.3 * pairs and odd < 0.05 * pairs:
        return "utf-16-be"
    return None


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _scan(path: Path) -> tuple[list[bytes], tuple[int, ...]]:
    """Look through a file: distinct cells with other bytes than ASCII, lines that are not UTF-8."""
    cells: dict[bytes, None] = {}
    broken: list[int] = []
    lines, rest = 1, b""
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            piece = rest + piece
            # A piece ends with a line, so that no cell is cut; a line of no end is taken as it is.
            cut = piece.rfind(b"\n") + 1 or (len(piece) if len(piece) > 8 * _PIECE else 0)
            piece, rest = piece[:cut], piece[cut:]
            lines = _collect(piece, cells, broken, lines)
        _collect(rest, cells, broken, lines)
    return list(cells), tuple(broken)


def _collect(piece: bytes, cells: dict[bytes, None], broken: list[int], lines: int) -> int:
    """Add the telling cells of a piece, and the first lines in it that are not UTF-8."""
    if not piece.isascii() and len(cells) < 10 * _CELLS:
        room = max(_CELLS - len(cells), _FRESH)
        # Distinct ones first: a word may stand in each of a million lines.
        for found in dict.fromkeys(piece.translate(_ENDS).split(b"\n")):
            cell = found.strip()
            if found.isascii() or cell in cells:
                continue
            cells[cell] = None
            if len(broken) < 3 and _reads(cell, "utf-8") is None:
                broken.append(lines + piece.count(b"\n", 0, piece.find(cell)))
            room -= 1
            if room == 0:
                break
    return lines + piece.count(b"\n")


def _reads(cell: bytes, encoding: str) -> str | None:
    try:
        return cell.decode(encoding)
    except UnicodeDecodeError:
        return None


def judge_cells(cells: list[bytes]) -> Judgement:
    """Judge in which encoding distinct cells are written that hold more than ASCII."""
    import chardet

    joined = b"\n".join(cells)
    if _reads(joined, "utf-8") is not None:
        return Judgement("utf-8", sure=True)
    said = chardet.detect_all(
        joined,
        ignore_threshold=True,
        compat_names=False,
        include_encodings=[*_CANDIDATES, "utf-8"],
        no_match_encoding="utf-8",
    )
    confidence = {str(one["encoding"]): float(one["confidence"]) for one in said}
    confidence["big5"] = max(confidence.get("big5", 0.0), confidence.pop("big5hkscs", 0.0))
    for name, twin in _TWINS.items():
        confidence[name] = max(confidence.get(name, 0.0), confidence.get(twin, 0.0))
    weighed = []
    for name, usual in _CANDIDATES.items():
        text = _reads(joined, name)
        if text is not None:
            fits = (1 - _odd(text)) * (1 - _rare(text, name) / 2)
            weighed.append(((confidence.get(name, 0.0) + _UNSEEN) * fits**3 * usual, name, text))
    if not weighed:  # bytes that no encoding has: the widest reading, and never sure
        return Judgement("cp1252", sure=False, alternatives=("cp437",))
    weighed.sort(key=lambda one: -one[0])
    best, name, text = weighed[0]
    others: dict[str, tuple[float, str]] = {}
    for weight, other, reading in weighed[1:]:
        if reading != text:
            others.setdefault(reading, (weight, other))
    clear = _CLEAR_OF_MANY if len(cells) >= _MANY else _CLEAR_OF_FEW
    clear = _CLEAR_OF_ONE if len(cells) == 1 else clear
    sure = all(best >= clear * weight for weight, _ in others.values())
    shown = list(others.items())[:2] if not sure else []
    readings = [text.split("\n"), *(reading.split("\n") for reading, _ in shown)]
    telling = [row for row in zip(*readings, strict=False) if len(set(row)) > 1]
    return Judgement(name, sure, tuple(other for _, (_, other) in shown), tuple(telling[:3]))


def _odd(text: str) -> float:
    """Share of the letters beyond ASCII that no writer puts where they stand."""
    odd = count = 0
    padded = f" {text} "
    for before, sign, after in zip(padded, padded[1:], padded[2:], strict=False):
        if sign.isascii():
            continue
        count += 1
        category = unicodedata.category(sign)
        if category[0] == "C" or sign in "¤\ufffd":
            odd += 1
        elif category[0] == "L":
            mixed = any(other.isalpha() and _script(other) != _script(sign)
                        for other in (before, after))  # fmt: skip
            odd += mixed or (sign.isupper() and before.islower())
        elif category[0] != "M":
            odd += before.isalpha() and after.isalpha()
    return odd / max(count, 1)


def _script(sign: str) -> str:
    """The script of a letter, by its name in Unicode."""
    return "LATIN" if sign.isascii() else unicodedata.name(sign, "?").split()[0].split("-")[0]


def _rare(text: str, encoding: str) -> float:
    """Share of the characters that lie outside of the part in common use; East Asian ones only."""
    ranges = _COMMON.get(encoding)
    if ranges is None:
        return 0.0
    signs = [sign.encode(encoding) for sign in text if not sign.isascii()]
    strict = encoding in {"gb18030", "cp949"}  # their extensions have a low second byte
    rare = [
        len(sign) > 1
        and not (any(low <= sign[0] <= high for low, high in ranges)
                 and (not strict or sign[1] >= 0xA1))
        for sign in signs
    ]  # fmt: skip
    return sum(rare) / max(len(signs), 1)
