"""Write the licence of each package into decisions/dependencies.md, from what is installed.

Why a package is required is said there by a person. ``python docs/dependencies.py`` (part of
``make update``) fills in the licences; ``--oldest`` prints the oldest versions that pyproject.toml
supports, as constraints for pip.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "decisions" / "dependencies.md"
ROW = re.compile(r"^\| `([\w.-]+)` \| (.+?) \| ([^|]*) \|$", flags=re.MULTILINE)
LISTED = re.compile(r"(?<=\| licence \| packages \|\n\|---\|---\|\n)(?:\|.*\n)*")

ALLOWED = {
    "0BSD", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0",
    "MIT-CMU", "MPL-2.0", "OFL-1.1", "PSF-2.0", "Zlib",
}  # fmt: skip
"""Licences that ask no more of who passes a study on than to keep their notices."""

EXCEPTIONS = {
    "odfpy": "Apache-2.0 for all but a part of its tests and contributions; only tests use it",
    "psycopg": "LGPL-3.0-only: an extra that nobody needs without PostgreSQL, called and unchanged",
    "psycopg-binary": "LGPL-3.0-only: as psycopg",
}
"""Packages under another licence, and why they may be used."""

_SPDX = (
    ("Apache", "Apache-2.0"), ("MIT-0", "MIT-0"), ("MIT-CMU", "MIT-CMU"), ("MIT", "MIT"),
    ("Mozilla Public License 2", "MPL-2.0"), ("Python Software Foundation", "PSF-2.0"),
    ("ISC", "ISC"), ("SIL Open Font", "OFL-1.1"), ("BSD License", "BSD"),
)  # fmt: skip


def licences(name: str) -> set[str]:
    """Licences of an installed package, as SPDX where its metadata tell; all hold together.

    Where it may be chosen (A OR B), those that may be used.
    """
    told = metadata.metadata(name)
    said = told.get("License-Expression")
    if not said:
        listed = [c for c in told.get_all("Classifier") or [] if c.startswith("License :: OSI")]
        names = [c.split(" :: ")[-1] for c in listed if c.count(" :: ") > 1]
        said = (" AND ".join(names) or told.get("License", "")).strip().partition("\n")[0]
    found = set()
    for part in re.split(r" AND | and ", said):  # names of classifiers hold parentheses
        choices = [_spdx(choice.strip().removeprefix("(")) for choice in part.split(" OR ")]
        found.add(next((choice for choice in choices if choice in ALLOWED), choices[0]))
    return found


def _spdx(said: str) -> str:
    if said in ALLOWED:
        return said
    return next((spdx for word, spdx in _SPDX if word in said), said or "not told")


def required() -> dict[str, str]:
    """Oldest supported version of each package that pyproject.toml requires, extras included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    found = (re.match(r"([\w.-]+)(?:\[\w+\])?>=([\w.]+)", line) for line in lines)
    return {one[1]: one[2] for one in found if one}


def installed() -> Iterator[str]:
    """Packages of requirements.lock that are installed here, and required ones beside them."""
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    for name in sorted({*re.findall(r"^([\w.-]+)==", lock, flags=re.MULTILINE), *required()}):
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        yield name


def written(text: str) -> str:
    """Fill in the licences of dependencies.md; rows of packages that are not here stay."""
    here = {name: " AND ".join(sorted(licences(name))) for name in installed()}

    def row(found: re.Match[str]) -> str:
        name, why, before = found.groups()
        return f"| `{name}` | {why} | {here.get(name, before)} |"

    indirect = {name: licence for name, licence in here.items() if name not in required()}
    rows = "".join(
        f"| {licence} | {', '.join(name for name in indirect if indirect[name] == licence)} |\n"
        for licence in sorted(set(indirect.values()))
    )
    return LISTED.sub(lambda _: rows, ROW.sub(row, text))


if __name__ == "__main__":
    if "--oldest" in sys.argv:
        print("\n".join(f"{name}=={version}.*" for name, version in required().items()))
    else:
        DOCUMENT.write_text(written(DOCUMENT.read_text("utf-8")), encoding="utf-8")
