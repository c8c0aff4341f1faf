"""Packed files: gzip, bzip2, xz, zstd, and zip archives with their members."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import zipfile
import zlib
from pathlib import Path
from typing import IO, cast

import pyarrow as pa

from pmlib.errors import StudyError

BROKEN: tuple[type[Exception], ...] = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError,
    NotImplementedError, KeyError, ValueError, ImportError,
)  # fmt: skip
"""What is raised where a packed file is damaged."""


def opened(path: Path, ending: str) -> IO[bytes]:
    """Open a packed file for reading what is in it; `ending` says how it is packed."""
    if ending == ".gz":
        return cast("IO[bytes]", gzip.open(path, "rb"))
    if ending == ".bz2":
        return cast("IO[bytes]", bz2.open(path, "rb"))
    if ending == ".xz":
        return cast("IO[bytes]", lzma.open(path, "rb"))
    return cast("IO[bytes]", pa.CompressedInputStream(pa.OSFile(str(path)), "zstd"))


def unpack(path: Path, ending: str, target: Path, where: str) -> Path:
    """Write what is in a packed file to `target`; StudyError where it is cut off or damaged."""
    try:
        with opened(path, ending) as packed, target.open("wb") as file:
            shutil.copyfileobj(packed, file, 1 << 20)
    except BROKEN as error:
        raise StudyError(
            "A packed file cannot be unpacked.",
            where=where,
            rule=f"a whole {ending} file",
            found=str(error)[:200] or "its end is missing",
            remedy="Replace it by an unaltered copy.",
        ) from None
    return target


def members(path: Path) -> list[str]:
    """Names of the files in a zip archive, sorted; what programs leave there by themselves is none.

    Raises StudyError where it is no whole zip.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
    except BROKEN as error:
        raise _unusable(path, "a whole zip archive", str(error)) from None
    own = ("__MACOSX/", ".DS_Store", "Thumbs.db")
    return sorted(name for name in names if not any(part in name for part in own))


def find(path: Path, inner: str) -> tuple[str, str]:
    """The file within a zip archive that `inner` means, and the rest of `inner`, within that file.

    ``customers.csv`` finds ``export/customers.csv`` where no other has that name;
    ``bank.xlsx/Customers`` and ``old.zip/customers.csv`` leave a rest. An empty `inner` means the
    only file there is. Raises StudyError where there is none, or several.
    """
    names = members(path)
    if inner in names or (not inner and len(names) == 1):
        return inner or names[0], ""
    first, _, rest = inner.partition("/")
    for alike, left in (
        ([name for name in names if inner.startswith(f"{name}/")], None),
        ([name for name in names if Path(name).name == Path(inner).name], ""),
        ([name for name in names if Path(name).name == first], rest),
    ):
        if len(alike) == 1:
            return alike[0], inner[len(alike[0]) + 1 :] if left is None else left
    shown = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
    wanted = f"no {inner} in it; it" if inner else "it"
    raise _unusable(path, f"a zip that holds {inner or 'one file'}", f"{wanted} holds {shown}")


def extract(path: Path, inner: str, target: Path) -> Path:
    """Write one file of a zip archive to `target`; `inner` is its full name there."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(inner).flag_bits & 1:
                raise StudyError(
                    "An archive is protected by a password.",
                    where=f"{path} ({inner})",
                    rule="a zip without password",
                    found="an encrypted file",
                    remedy="Unpack it with its password, and give the file that is in it.",
                )
            with archive.open(inner) as packed, target.open("wb") as file:
                shutil.copyfileobj(packed, file, 1 << 20)
    except BROKEN as error:
        raise _unusable(path, f"a zip that holds {inner}", str(error).strip("'\"")) from None
    return target


def _unusable(path: Path, rule: str, found: str) -> StudyError:
    return StudyError(
        "An archive cannot be unpacked.",
        where=str(path),
        rule=rule,
        found=found[:400],
        remedy="Replace it by an unaltered copy, or correct 'members' in study.yaml.",
    )
