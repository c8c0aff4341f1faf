"""Write what each module of pmlib is, from its docstring, into the tables of ARCHITECTURE.md.

The first table's layers and the order of its rows are decided by a person, and read by
``tests/test_layers.py``; all descriptions, and the table of files, come from the code.

``python docs/modules.py`` (``make map``) rewrites them.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

DOCUMENT = Path(__file__).with_name("ARCHITECTURE.md")
PACKAGE = DOCUMENT.parents[1] / "pmlib"

PLACE = re.compile(r"^\| (\d) \| `(\w+)` \|.*\n", flags=re.MULTILINE)
FILES = re.compile(r"(?<=\| file \| what it is \|\n\|---\|---\|\n)(?:\|.*\n)*")


def places(text: str) -> dict[str, tuple[int, int]]:
    """Layer and row of each first-level package or module: what may import what.

    Parameters
    ----------
    text : str
        ARCHITECTURE.md.
    """
    rows = enumerate(PLACE.findall(text))
    return {name: (int(layer), row) for row, (layer, name) in rows}


def first_level() -> dict[str, Path]:
    """Name of each first-level package or module, and the file that describes it."""
    modules = {path.stem: path for path in PACKAGE.glob("*.py") if path.stem != "__init__"}
    return modules | {path.parent.name: path for path in PACKAGE.glob("*/__init__.py")}


def sentence(path: Path) -> str:
    """First paragraph of a module's docstring."""
    described = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    return " ".join(described.split("\n\n")[0].split()).replace("|", "\\|")


def written(text: str) -> str:
    """Fill in the tables of ARCHITECTURE.md.

    Raises
    ------
    KeyError
        A row names something that is not in pmlib.
    """
    described = first_level()
    order = places(text)

    def row(found: re.Match[str]) -> str:
        layer, name = found.groups()
        return f"| {layer} | `{name}` | {sentence(described[name])} |\n"

    files = [path for path in PACKAGE.glob("*/*.py") if path.stem != "__init__"]
    files.sort(key=lambda path: (order.get(path.parent.name, ()), path.stem))
    table = "".join(f"| `{path.parent.name}/{path.stem}` | {sentence(path)} |\n" for path in files)
    return FILES.sub(lambda _: table, PLACE.sub(row, text))


if __name__ == "__main__":
    DOCUMENT.write_text(written(DOCUMENT.read_text("utf-8")), encoding="utf-8")
