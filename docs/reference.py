"""Write the tables of reference pages from the code that they document.

In a page a person writes the prose, and where a table belongs ``<!-- table: module:NAME -->`` and
``<!-- end -->``. NAME is a pydantic model, whose keys the table lists; a contract of
``pmlib.schema``, whose columns it lists (``NAME.key`` is an entry of a mapping of contracts); or a
mapping of such columns. What each key and column means stands beside it in the code.

``python docs/reference.py`` (``make pages``) rewrites them.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pmlib.schema import HASH, KINDS, Column, Contract

PAGES = sorted(Path(__file__).parent.glob("*.md"))

TABLE = re.compile(r"(?<=<!-- table: )(\S+)( -->\n).*?(?=<!-- end -->)", flags=re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", flags=re.MULTILINE)

_TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
}
_LIMITS = {
    "minimum": "from",
    "exclusiveMinimum": "above",
    "maximum": "to",
    "exclusiveMaximum": "below",
}


def written(text: str) -> str:
    """Fill in the tables of a reference page.

    Raises
    ------
    ValueError
        A key or column has no meaning in the code, or a model has no table on the page.
    """
    places = {found[1]: anchor(text[: found.start()]) for found in TABLE.finditer(text)}
    return TABLE.sub(lambda found: found[1] + found[2] + table(found[1], places), text)


def anchor(before: str) -> str:
    """Link to the last heading of a text, as GitHub makes it."""
    heading = HEADING.findall(before)[-1].lower()
    return "#" + re.sub(r"[^\w\- ]", "", heading).replace(" ", "-")


def table(address: str, places: Mapping[str, str]) -> str:
    """Write the table of what stands at ``module:NAME``; `places` links the models of the page."""
    module, _, path = address.partition(":")
    name, _, key = path.partition(".")
    found = getattr(importlib.import_module(module), name)
    found = found[key] if key else found
    if isinstance(found, Contract):
        return _columns(found.columns, address) + _rules(found)
    if isinstance(found, Mapping):
        return _columns(found, address)
    links = {place.rpartition(":")[2]: link for place, link in places.items()}
    return _keys(found, links)


# --- keys of a model ----------------------------------------------------------------------------


def _keys(model: type[BaseModel], links: Mapping[str, str]) -> str:
    schema = model.model_json_schema()
    rows = []
    for key, says in schema["properties"].items():
        needed = key in schema.get("required", ())
        meaning = _meant(says.get("description"), f"{model.__name__}.{key}")
        default = "needed" if needed else _default(says.get("default"))
        rows.append((f"`{key}`", _type(says, links), default, meaning))
    return _markdown(("key", "holds", "default", "meaning"), rows)


def _type(says: Mapping[str, Any], links: Mapping[str, str]) -> str:
    """Say in words what a JSON schema allows."""
    if "$ref" in says:
        model = says["$ref"].rpartition("/")[2]
        if model not in links:
            raise ValueError(f"the page has no table of {model}")
        return f"[{model}]({links[model]})"
    if "anyOf" in says:
        kinds = [_type(one, links) for one in says["anyOf"] if one.get("type") != "null"]
        return " or ".join(kinds)
    if "enum" in says:
        return ", ".join(f"`{word}`" for word in says["enum"])
    if says.get("type") == "array":
        return f"list of {_type(says.get('items', {}), links)}"
    if says.get("type") == "object":
        patterns = list(says.get("patternProperties", {}).values())
        inner = patterns[0] if patterns else says.get("additionalProperties")
        names = says.get("propertyNames", {})
        names = _type(names, links) if "enum" in names else "name"
        return f"{names}: {_type(inner, links)}" if isinstance(inner, dict) else "name: value"
    if says.get("format") == "date":
        return "date"
    words = [_TYPES.get(says.get("type", ""), "value")]
    words += [f"{word} {says[limit]:g}" for limit, word in _LIMITS.items() if limit in says]
    return " ".join(words)


def _default(value: object) -> str:
    if value in (None, "", [], {}) or isinstance(value, dict):
        return ""
    return f"`{json.dumps(value, ensure_ascii=False)}`"


# --- columns of a table -------------------------------------------------------------------------


def _columns(columns: Mapping[str, Column], address: str) -> str:
    rows = []
    for name, column in columns.items():
        if name == HASH:
            continue  # written at ingest, by no study
        empty = "no" if column.filled else "yes" if column.required else "yes, or no such column"
        meaning = _meant(column.meaning, f"{address}.{name}")
        rows.append((f"`{name}`", _holds(column), empty, meaning))
    return _markdown(("column", "holds", "may be empty", "meaning"), rows)


def _holds(column: Column) -> str:
    words = [KINDS[column.kind][0]]
    if column.low is not None:
        words.append(f"{'above' if column.above_low else 'from'} {column.low:g}")
    if column.high is not None:
        words.append(f"to {column.high:g}")
    if column.refers_to:
        words.append(f"of `{column.refers_to.partition('.')[0]}`")
    return " ".join(words)


def _rules(contract: Contract) -> str:
    rules = []
    if contract.key:
        rules.append(f"No two rows have the same {' and '.join(f'`{n}`' for n in contract.key)}.")
    rules += [f"`{first}` is not after `{second}`." for first, second in contract.ordered]
    return f"\n{' '.join(rules)}\n" if rules else ""


# --- Markdown -----------------------------------------------------------------------------------


def _meant(meaning: str | None, where: str) -> str:
    if not meaning:
        raise ValueError(f"{where} has no meaning: write it where it is declared")
    return " ".join(meaning.split())


def _markdown(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    cells = [[cell.replace("|", "\\|") for cell in row] for row in (head, *rows)]
    lines = [f"| {' | '.join(row)} |\n" for row in cells]
    return "".join([lines[0], "|---" * len(head) + "|\n", *lines[1:]])


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(written(page.read_text("utf-8")), encoding="utf-8")
