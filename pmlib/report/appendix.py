"""What the texts around the chapters look up beside numbers and facts: settings and tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pmlib.numbers import Number, from_records
from pmlib.params import CHAPTERS, Parameters, describe
from pmlib.texts import Language


def validation_tables(frame: Path) -> dict[str, Any]:
    """What the methods found, missed and imagined over many banks, and how intervals held.

    Returns
    -------
    dict
        ``worlds``, world to table, and the table ``coverage``.
    """
    # A world is named null.
    kept = pd.read_csv(frame / "validation.csv", keep_default_na=False, dtype={"expected": str})
    kept = kept.rename(columns={"measure": "meaning"})
    kept["verdict"] = [
        _verdict(row.mean, row.low, row.high, row.expected)
        for row in kept[["mean", "low", "high", "expected"]].itertuples(index=False)
    ]
    shown = ["meaning", "mean", "low", "high", "banks", "expected", "verdict"]
    worlds = {str(world): part[shown] for world, part in kept.groupby("world", sort=False)}
    return {"coverage": worlds.pop("coverage"), "worlds": worlds}


def _verdict(mean: float, low: float, high: float, expected: str) -> str:
    """Whether a mean is as it should be: ``holds``; ``open`` where only its interval can be.

    Where neither can: ``missed``; nothing where nothing was expected.
    """
    if not expected:
        return ""
    kind, _, bound = expected.rpartition("_")
    if expected == "most":
        least, most = 0.5, math.inf
    elif kind == "at_least":
        least, most = float(bound), math.inf
    elif kind == "at_most":
        least, most = -math.inf, float(bound)
    else:
        least, most = float(kind.removesuffix("_to") or bound), float(bound)
    if least <= mean <= most:
        return "holds"
    return "open" if low <= most and high >= least else "missed"


def settings(parameters: Parameters) -> dict[str, Any]:
    """Numeric parameters as texts quote them: shares in per cent, with the digits they need."""
    shares = ("confidence_level", "take_up", "control_share")
    quoted: dict[str, Any] = {"seed": str(parameters.seed)}
    for name, value in parameters:
        if value is None:
            quoted[name] = None
        if name in quoted or isinstance(value, bool) or not isinstance(value, int | float):
            continue
        unit = "share" if name in shares else "currency" if name in _MONEY else ""
        shown = f"{100 * value if unit == 'share' else value:.9g}"
        decimals = 0 if unit == "currency" else len(shown.partition(".")[2])
        quoted[name] = Number("", value, unit, decimals=decimals)
    return quoted


_MONEY = ("budget", "default_margin")


def channels(study: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Channels with their cost a contact and their capacity, as texts quote them."""
    return [
        {
            "name": channel["name"],
            "cost": Number("", channel["cost"], "currency", decimals=2),
            "capacity": Number("", channel.get("capacity"), "count"),
        }
        for channel in study["channels"]
    ]


def parameter_table(parameters: Parameters, language: Language) -> pd.DataFrame:
    """Every parameter: ``name, value, default, range, unit, help``, in words."""
    table = describe(parameters)[["name", "value", "default", "range", "unit", "help"]]
    # What a program reads as a literal, a reader need not: null, "a word", 10_000.
    for column in ("value", "default", "range"):
        plain = table[column].str.replace(r"(?<=\d)_(?=\d)", ",", regex=True)
        table[column] = plain.str.replace('"', "").str.replace(r"^(None|null)$", "–", regex=True)
    table["range"] = [language.conjoin(limits.split(" and ")) for limits in table["range"]]
    # The schema is in English; another language has words of its own for each parameter.
    words = language.catalogue["levels"].get("parameter", {})
    table["help"] = [
        words.get(name, text) for name, text in zip(table["name"], table["help"], strict=True)
    ]
    return table


def dictionary_table(study: Mapping[str, Any]) -> pd.DataFrame:
    """Attributes that the study declares: ``attribute, meaning, unit, role, known``."""
    rows = [
        (name, *(declared[key] for key in ("label", "unit", "role", "known_before_contact")))
        for name, declared in sorted(study["attributes"].items())
    ]
    return pd.DataFrame(rows, columns=["attribute", "meaning", "unit", "role", "known"])


def source_table(study: Mapping[str, Any]) -> pd.DataFrame:
    """Raw files: ``name, address, size, sha256``."""
    rows = [
        {name: str(source.get(name) or "–") for name in ("name", "address", "size", "sha256")}
        for source in study["sources"]
    ]
    return pd.DataFrame(rows, columns=["name", "address", "size", "sha256"])


def headline_table(
    records: Sequence[Mapping[str, Any]], language: Language, currency: str
) -> pd.DataFrame:
    """Headline numbers by chapter: ``chapter, meaning, value, interval``, in words."""
    rows = [
        {
            "chapter": record["chapter"],
            "meaning": number.meaning[:1].upper() + number.meaning[1:],
            "value": language.plain_value(number, currency=currency),
            "interval": language.interval(number, currency) if number.low is not None else "",
        }
        for record, number in sorted(
            zip(records, from_records(records), strict=True),
            key=lambda pair: (CHAPTERS.index(pair[0]["chapter"]), pair[1].key),
        )
        if isinstance(number, Number)
    ]
    return pd.DataFrame(rows, columns=["chapter", "meaning", "value", "interval"])
