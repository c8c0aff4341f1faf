"""A declared parameter: how its value is read, and what a reader is told of its type and range."""

from __future__ import annotations

import datetime as dt
import json
import typing
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Literal

import yaml
from pydantic.fields import FieldInfo


def told(field: FieldInfo, name: str) -> Any:
    """What a field says of itself beside its type and limits; None where it says nothing."""
    extra = typing.cast("Mapping[str, Any]", field.json_schema_extra or {})
    return extra.get(name)


def is_by_name(field: FieldInfo) -> bool:
    """Whether a field has a number for each of several names."""
    return typing.get_origin(field.annotation) is dict


def kinds(field: FieldInfo) -> tuple[Any, ...]:
    """The types a field admits, ``None`` left out."""
    if typing.get_origin(field.annotation) is Literal:
        return (str,)
    if is_by_name(field):
        return (dict,)
    admitted = typing.get_args(field.annotation) or (field.annotation,)
    return tuple(kind for kind in admitted if kind is not type(None))


def words(field: FieldInfo) -> tuple[str, ...]:
    """The words a choice admits; empty for all other fields."""
    if typing.get_origin(field.annotation) is Literal:
        return typing.get_args(field.annotation)
    listed: Callable[[], list[str]] | None = told(field, "listed")
    return tuple(listed()) if listed else ()


def read(value: Any, field: FieldInfo) -> Any:
    """Read a value as its type means it: text from a command line, a YAML file or a notebook.

    YAML takes ``1e-3`` for text and, in a field of words, ``null`` for nothing; pydantic takes
    ``true`` for 1 and a number for a time stamp. None of these is what the user wrote.
    """
    if is_by_name(field):
        value = parse(value) if isinstance(value, str) else value
        if not isinstance(value, Mapping):
            raise ValueError("no numbers by name")
        # True and false become text, so that what does not fit is told with its name.
        plain = {str(name): parse(v) if isinstance(v, str) else v for name, v in value.items()}
        return {name: str(v) if isinstance(v, bool) else v for name, v in plain.items()}
    if str in kinds(field):  # text stays as it is written
        if words(field):
            return "null" if value is None else value
        return None if value == "null" else value
    admitted = kinds(field)
    if hasattr(value, "item"):  # a numpy scalar
        value = value.item()
    if isinstance(value, str):
        value = parse(value)
    if isinstance(value, bool) and bool not in admitted:
        raise ValueError("true and false are no numbers")
    if dt.date in admitted:
        if isinstance(value, dt.datetime):
            value = value.date()
        if value is not None and not isinstance(value, dt.date):
            raise ValueError("not a date")
    return value


def parse(text: str) -> Any:
    """Read text as a number, or as YAML means it."""
    for number in (int, float):  # to YAML 010 is eight, and 1e-3 is text
        with suppress(ValueError):
            return number(text)
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):  # ValueError: a date such as 2024-02-31
        return text


def type_name(field: FieldInfo) -> str:
    """Type of a parameter as Python writes it."""
    if words(field):
        return "str"
    if is_by_name(field):
        return "dict[str, float]"
    annotation = field.annotation
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return annotation.__name__
    return str(annotation).replace("datetime.", "").replace("typing.", "")


def range_of(field: FieldInfo) -> str:
    """What values are admitted beyond the type, as tables show it."""
    if words(field):
        return " | ".join(words(field))
    limits, inside = field.metadata, typing.get_args(field.annotation)
    if is_by_name(field):
        limits = [limit for own in inside[1].__metadata__ for limit in own.metadata]
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    parts = [
        f"{sign} {getattr(limit, name):,}".replace(",", "_")
        for limit in limits
        for name, sign in signs.items()
        if getattr(limit, name, None) is not None
    ]
    return " and ".join(parts)


def rule_of(field: FieldInfo) -> str:
    """What a value must be, in words."""
    if words(field):
        return f"one of {', '.join(words(field))}"
    names = {"int": "a whole number", "float": "a number", "bool": "true or false",
             "date": "a date (YYYY-MM-DD)", "dict[str, float]": "by name, a number"}  # fmt: skip
    admitted = type_name(field).split(" | ")
    said = " or ".join(names.get(kind, kind) for kind in admitted if kind != "None")
    limits = f" {range_of(field)}" if range_of(field) else ""
    return said + limits + (" or null" if "None" in admitted else "")


def literal(value: Any) -> str:
    """A value as Python source, dates as ISO text, strings in double quotes."""
    if isinstance(value, dt.date):
        value = value.isoformat()
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
