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
        content = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_Loader)  # noqa: S506
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
