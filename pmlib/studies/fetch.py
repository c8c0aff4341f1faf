"""Raw files: from the raw folder, a mirror or their source, checked by sha256, never fetched twice.

A download goes aside into ``<file>.part``, is taken up again where it stopped, and gets its name
only when it is whole and has the right hash. Where nobody has published a hash, the first use
pins it: later copies must be the same (trust on first use). Every file is hashed each time, which
takes a second or two a gigabyte: size and time of a file can stay while its content changes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from glob import escape, glob
from pathlib import Path
from typing import Any

from pmlib.errors import StudyError
from pmlib.files import read_json, write_json
from pmlib.raw.signatures import recognise
from pmlib.studies.spec import Member, Source

Progress = Callable[[str], None]

MIRROR_VARIABLE = "PMLIB_MIRROR"
_CHUNK = 1 << 20
_ATTEMPTS = 3
_TIMEOUT = (10, 60)  # seconds to connect, and between two pieces
_USER_AGENT = "precision-marketing-case-study"
_BAR: dict[str, Any] = {"unit": "B", "unit_scale": True, "leave": False}


@dataclass(frozen=True)
class RawFile:
    """A raw file on this machine, verified; `size` in bytes.

    `members` is what it holds: all members of an archive, or the one that the file itself is.
    `packed` says that they lie inside the file.
    """

    source: Source
    path: Path
    members: tuple[Member, ...]
    packed: bool
    sha256: str
    size: int


def obtain(
    source: Source, folder: Path, *, mirror: Path | None, progress: Progress | None
) -> tuple[RawFile, ...]:
    """Get a source's file, its unpacked members from a mirror, or all files that it names.

    Looks in this order: the study's ``raw`` folder, the study's own folder (a file of one's own),
    the mirror (``<mirror>/<study>/<file>``, or there the members of an archive), and last the
    address. Of a study's own files, a pattern (``payments_*.csv``) or a folder names all files
    that fit, sorted by their paths. `progress` gets one line of text a step; without it nothing is
    downloaded or written, and there is no file where one would be downloaded.

    Raises StudyError where the file is missing, cannot be downloaded, or is not the one expected.
    """
    raw, pin = folder / "raw", progress is not None
    path, copies = raw / source.file, [folder / source.file]
    if source.url is not None:
        copies = [path, *copies, *([mirror / folder.name / source.file] if mirror else [])]
    here = next((copy for copy in copies if copy.is_file()), None)
    if here is None and mirror is not None and source.is_archive:
        home = mirror / folder.name
        loose = [(member, home / Path(member.file).name) for member in source.members]
        if all(path.is_file() or member.optional for member, path in loose):
            return tuple(
                _verified(source, (member,), path, raw, packed=False, pin=pin)
                for member, path in loose
                if path.is_file()
            )
    members = tuple(source.raw_tables)
    if here is None and source.url is None:
        named = _named(source, folder)
        return tuple(
            _verified(source, members, one, raw, packed=source.is_archive, pin=pin) for one in named
        )
    if here is None:
        if progress is None:
            return ()
        _download(source, path, mirror, progress)
    return (_verified(source, members, here or path, raw, packed=source.is_archive, pin=pin),)


def _named(source: Source, folder: Path) -> list[Path]:
    """All files of a folder or pattern, sorted; neither hidden ones nor locks of workbooks."""
    pattern, place = source.file, folder / source.file
    if place.is_dir() and not place.samefile(folder):
        pattern = f"{escape(pattern)}/*"
    # Path.glob takes no absolute pattern, and hidden files too.
    found = [folder / name for name in glob(pattern, root_dir=folder, recursive=True)]  # noqa: PTH207
    files = sorted(path for path in found if path.is_file() and not path.name.startswith("~$"))
    if not files:
        raise StudyError(
            "A raw file is missing.",
            where=str(folder / source.file),
            rule="the sources of study.yaml lie in the study's folder",
            found="a folder without raw files" if place.is_dir() else "no such file",
            remedy="Put it there, or correct 'file' in study.yaml.",
        )
    return files


def _verified(
    source: Source, members: tuple[Member, ...], path: Path, raw: Path, *, packed: bool, pin: bool
) -> RawFile:
    """Hash a file and hold it against the hash that is known; note an unknown one to `pin` it."""
    label = source.file if packed or not source.is_archive else Path(members[0].file).name
    expected = source.sha256 if label == source.file else members[0].sha256
    book = raw / "hashes.json"
    known: dict[str, Any] = read_json(book) if source.url and book.is_file() else {}
    pinned = expected or known.get(label, {}).get("sha256")
    found, here = _sha256(path), path.stat().st_size
    size = source.size if label == source.file else None
    if (pinned and found != pinned) or size not in (None, here):
        why = f"the sha256 pinned on first use in {book}: {pinned}"
        if expected or not pinned:
            why = f"the sha256 in study.yaml: {expected}" if expected else "the size in study.yaml"
        remedy = "Replace it by an unaltered copy, or take it out of the mirror."
        if path.is_relative_to(raw):
            remedy = "Delete the file and run again to fetch it anew."
        raise StudyError(
            "A raw file is not the one that is expected: it is truncated or altered.",
            where=str(path),
            rule=why,
            found=f"{found} ({here:,} bytes" + (f" of {size:,})" if size else ")"),
            remedy=remedy + ("" if expected else f" If the change is meant, delete {book}."),
        )
    if pin and source.url and not pinned:
        with writable(raw):
            write_json({**known, label: {"sha256": found}}, book)
    return RawFile(source, path, members, packed, found, here)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StudyError(
            "A raw file cannot be read.", where=str(path), found=error.strerror or str(error)
        ) from None


@contextmanager
def writable(folder: Path) -> Iterator[Path]:
    """Make a folder if need be, and turn a refusal to write there into one clear error."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
    except OSError as error:
        # A failed request is an OSError too, but none of the disk: it carries no error number.
        if error.errno is None or not error.strerror:
            raise
        raise StudyError(
            "The study's folder cannot be written to.",
            where=str(error.filename or folder),
            rule="raw files and tables are kept in the study's folder",
            found=error.strerror,
            remedy="Give this user the right to write there, free some space, or copy the study "
            "folder and pass the copy with --study.",
        ) from None


def _download(source: Source, path: Path, mirror: Path | None, progress: Progress) -> None:
    """Download aside, resuming what is there already; rename when whole and right."""
    import requests
    from urllib3.exceptions import HTTPError as TransportError

    part = path.with_name(path.name + ".part")
    progress(f"fetching {source.file} from {source.url}")
    with writable(path.parent):
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                _receive(source, part)
                break
            except requests.HTTPError as error:
                status = error.response.status_code if error.response is not None else "unknown"
                raise _unreachable(source, path, mirror, f"HTTP status {status}") from None
            except (requests.RequestException, TransportError) as error:
                if attempt == _ATTEMPTS:
                    got = part.stat().st_size if part.is_file() else 0
                    found = f"{type(error).__name__} after {got:,} bytes"
                    raise _unreachable(source, path, mirror, found) from None
        found, size, what = _sha256(part), part.stat().st_size, recognise(part)
        if not size or what.kind == "other":  # pinned, it would be taken for the file for ever
            part.unlink()
            raise StudyError(
                "A download is not a file of data.",
                where=str(source.url),
                rule="the file itself, not a page that asks for a login or says that it is gone",
                found=what.name if size else "0 bytes",
                remedy="Open the address in a browser, save the file, and put it at "
                f"{path}, or correct 'url' in study.yaml.",
            )
        if source.sha256 and found != source.sha256:
            part.unlink()
            raise StudyError(
                "A downloaded file is not the one that is expected: it is truncated or altered.",
                where=str(source.url),
                rule=f"the sha256 in study.yaml: {source.sha256}",
                found=f"{found} ({size:,} bytes)",
                remedy="Run again to fetch it anew. If it stays so, the source has changed: look "
                "at it, then correct study.yaml or use a mirror (--mirror DIR).",
            )
        part.replace(path)


def _receive(source: Source, part: Path) -> None:
    """One request for what is still missing of a file."""
    import requests
    from tqdm import tqdm

    have = part.stat().st_size if part.is_file() else 0
    headers = {"User-Agent": _USER_AGENT, "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with requests.get(str(source.url), headers=headers, stream=True, timeout=_TIMEOUT) as answer:
        if answer.status_code == requests.codes.requested_range_not_satisfiable:
            if answer.headers.get("Content-Range") == f"bytes */{have}":
                return  # nothing was missing any more
            part.unlink()  # what is there belongs to another file
            raise requests.ConnectionError("the part on disk does not fit")
        answer.raise_for_status()
        resumed = answer.status_code == requests.codes.partial_content
        start = have if resumed else 0
        length = answer.headers.get("Content-Length")
        total = start + int(length) if length else source.size
        with (
            part.open("ab" if resumed else "wb") as file,
            # disable=None: a bar on a terminal only
            tqdm(desc=source.file, total=total, initial=start, disable=None, **_BAR) as bar,
        ):
            # read1 hands over what has arrived: when the line breaks, no piece is lost
            while piece := answer.raw.read1(_CHUNK):
                file.write(piece)
                bar.update(len(piece))
    size = part.stat().st_size
    if total is not None and size < total:
        raise requests.ConnectionError(f"stopped after {size:,} of {total:,} bytes")


def _unreachable(source: Source, path: Path, mirror: Path | None, found: str) -> StudyError:
    copy = f"{path.parent.parent.name}/{source.file}"
    return StudyError(
        "A raw file is neither here nor can it be downloaded.",
        where=str(source.url),
        rule=f"{source.file} comes from {path.parent}, from a mirror, or from its address",
        found=f"{found}; " + (f"no {copy} in the mirror {mirror}" if mirror else "no mirror given"),
        remedy=f"Connect to the network and run again (what is there is kept), or pass "
        f"--mirror DIR or set {MIRROR_VARIABLE} to a folder that holds {copy}.",
    )


def mirror_folder(mirror: str | Path | None) -> Path | None:
    """The mirror given, or else that of the environment; StudyError where it is no folder."""
    named = mirror if mirror is not None else os.environ.get(MIRROR_VARIABLE) or None
    if named is None:
        return None
    folder = Path(named).expanduser()
    if not folder.is_dir():
        raise StudyError(
            "There is no such mirror folder.",
            where=f"--mirror or {MIRROR_VARIABLE}",
            rule="a folder with one sub-folder of raw files a study",
            found=str(named),
            remedy="Correct the path, or leave it out to download.",
        )
    return folder.resolve()
