"""A language in which every letter of a text is marked, to find words that are in no text.

``python -m pmlib.texts.pseudo`` writes ``texts/pseudo`` from ``texts/en``. A study that runs in it
shows an unmarked word only where the word comes from the data, from code, or from Python.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from pmlib.params import PSEUDO, TEXTS, Parameters

_PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MARKED = "ạḅćḍẹḟġḥịĵḳḷṃṇọṗʠṛṣṭụṿẉẋỵẓẠḄĆḌẸḞĠḤỊĴḲḶṂṆỌṖɊṚṢṬỤṾẈẊỴẒ"
_LETTERS = str.maketrans(_PLAIN, _MARKED)

# What is no word: the names of blocks, what templates look up, markup, citations, references,
# labels, formulas, code, addresses, and places to fill in.
_KEPT = re.compile(
    r"""
    ^\[[a-z][\w.-]*\](?=[ \t]|$)
    | \{%\#.*?\#%\} | \{\{.*?\}\} | \{%.*?%\}
    | \{\#[\w-]+\} | \{[\w:]+\}
    | </?[A-Za-z][^<>]*> | &\#?\w+;
    | \[@[^\]]*\] | @(?:fig|tbl|sec|eq)-[\w-]+
    | \$\$.*?\$\$ | (?<![\\$])\$(?![\s$])[^$\n]*?[^\s\\$]\$(?![\d$])
    | `[^`]*` | https?://[^\s)>]+
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)


def marked(text: str) -> str:
    """Mark every letter of a text; what a template looks up, markup and code stay.

    Examples
    --------
    >>> marked("The gain is {{ gain }} of `x` [@holm1979simple].")
    'Ṭḥẹ ġạịṇ ịṣ {{ gain }} ọḟ `x` [@holm1979simple].'
    """
    pieces, end = [], 0
    for kept in _KEPT.finditer(text):
        pieces += [text[end : kept.start()].translate(_LETTERS), kept[0]]
        end = kept.end()
    return "".join([*pieces, text[end:].translate(_LETTERS)])


def _marked_catalogue(catalogue: Mapping[str, Any]) -> dict[str, Any]:
    def words(entries: Mapping[str, Any], field: str) -> dict[str, Any]:
        return {
            key: {**entry, field: marked(str(entry[field]))} if field in entry else dict(entry)
            for key, entry in entries.items()
        }

    helps = {name: field.description or "" for name, field in Parameters.model_fields.items()}
    return {
        **catalogue,
        "language": "en-x-pseudo",
        "forms": {name: marked(form) for name, form in catalogue["forms"].items()},
        "numbers": words(catalogue["numbers"], "meaning"),
        "facts": words(catalogue["facts"], "meaning"),
        "columns": words(catalogue["columns"], "label"),
        "told": words(catalogue["told"], "measure"),
        "tables": {
            label: {**table, "columns": words(table.get("columns", {}), "label")}
            for label, table in catalogue["tables"].items()
        },
        "levels": {
            kind: {code: marked(str(text)) for code, text in levels.items()}
            for kind, levels in (catalogue["levels"] | {"parameter": helps}).items()
        },
    }


def write(source: Path = TEXTS / "en", target: Path = TEXTS / PSEUDO) -> Path:
    """Write the marked language; what was in its folder is replaced."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for path in sorted(source.glob("*.md")):
        (target / path.name).write_text(marked(path.read_text("utf-8")), encoding="utf-8")
    catalogue = yaml.safe_load((source / "catalogue.yaml").read_text("utf-8"))
    text = yaml.safe_dump(_marked_catalogue(catalogue), allow_unicode=True, sort_keys=False)
    (target / "catalogue.yaml").write_text(text, encoding="utf-8")
    return target


if __name__ == "__main__":
    print(write())
