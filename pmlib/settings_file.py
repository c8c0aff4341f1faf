"""YAML files that people write: parameters and study.yaml, each key once."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from pmlib.errors import StudyError


class _Loader(yaml.CSafeLoader):
    """YAML in which a key may not be given twice (the standard loader keeps the last)."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Hashable, Any]:
    seen: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.value in seen:
            said = "a key must be a word"
            if isinstance(key, yaml.ScalarNode):
                said = f"the key '{key.value}' is given twice"
            raise yaml.constructor.ConstructorError(None, None, said, key.start_mark)
        seen.add(str(key.value))
    return loader.construct_mapping(node, deep=True)


_MOST_VALUES = 100_000
"""Values of a file with its aliases unfolded; far more than a person writes."""


def _unfolded(node: yaml.Node, known: dict[int, int]) -> int:
    """Values of a node with its aliases unfolded, each node counted once."""
    if id(node) not in known:
        known[id(node)] = _MOST_VALUES + 1  # of a node within itself
        inside = node.value if isinstance(node, yaml.CollectionNode) else []
        parts = [part for one in inside for part in (one if isinstance(one, tuple) else (one,))]
        known[id(node)] = 1 + sum(_unfolded(part, known) for part in parts)
    return known[id(node)]


def _load(text: str) -> Any:
    """Read YAML; YAMLError where aliases of aliases unfold into more than anybody writes."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if _unfolded(node, {}) > _MOST_VALUES:
            said = f"its aliases (*) unfold into more than {_MOST_VALUES:,} values"
            raise yaml.constructor.ConstructorError(None, None, said, node.start_mark)
        return loader.construct_document(node)
    finally:
        loader.dispose()


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_yaml(path: Path, what: str) -> dict[Any, Any]:
    """Read a YAML file of keys and values; an empty one holds none.

    Parameters
    ----------
    path : Path
    what : str
        What an error calls it, e.g. ``study.yaml``.

    Raises
    ------
    StudyError
        The file cannot be read, is no YAML, gives a key twice, or is no mapping.
    """
    try:
        content = _load(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise StudyError(
            f"The {what} cannot be read.", where=str(path), found=error.strerror or str(error)
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise StudyError(
            f"The {what} is no YAML.",
            where=str(path),
            found=" ".join(str(error).split())[:300] or type(error).__name__,
            remedy="Mend the line named above; text with a colon needs quotes.",
        ) from None
    if not isinstance(content, dict | None):
        raise StudyError(
            f"The {what} holds no keys.",
            where=str(path),
            rule="lines of 'name: value'",
            found=repr(content)[:80],
        )
    return content or {}
