"""The study's parameters: one typed schema for the command line, study.yaml and the notebooks.

Each parameter is one line of :class:`Parameters`: type, default, range, unit, help and the
chapters that use it. Everything else (validation, the notebooks' parameters cells, the table of
the report's appendix) is derived from it.
"""

from __future__ import annotations

import datetime as dt
import json
import typing
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic.fields import FieldInfo

from pmlib.errors import StudyError, nearest
from pmlib.settings_file import read_yaml

if TYPE_CHECKING:
    import pandas as pd

CHAPTERS = (
    "data_profiling",
    "segmentation",
    "association_analysis",
    "strategy_design",
    "campaign_evaluation",
)
PROFILING, SEGMENTATION, ASSOCIATION, STRATEGY, EVALUATION = CHAPTERS

# What a chapter may read of others, and so must wait for. Segmentation does not wait for profiling.
NEEDS = {
    PROFILING: frozenset(),
    SEGMENTATION: frozenset(),
    ASSOCIATION: frozenset({PROFILING, SEGMENTATION}),
    STRATEGY: frozenset({PROFILING, SEGMENTATION, ASSOCIATION}),
    EVALUATION: frozenset({PROFILING, SEGMENTATION, ASSOCIATION, STRATEGY}),
}

PROJECT = Path(__file__).resolve().parents[1]
"""The folder that holds ``notebooks``, ``data``, ``texts`` and ``reports``."""

NOTEBOOKS = PROJECT / "notebooks"
TEXTS = PROJECT / "texts"
"""A folder a language."""

PSEUDO = "pseudo"
"""The language that tests make to find words that are in no text; nobody reads it."""


def _parameter(
    default: Any,
    description: str,
    *,
    chapters: Sequence[str] = CHAPTERS,
    unit: str = "",
    **limits: Any,
) -> Any:
    """Declare one parameter; `limits` are pydantic's ``ge, gt, le, lt``."""
    return Field(
        default,
        description=description,
        json_schema_extra={"unit": unit, "chapters": list(chapters)},
        **limits,
    )


class Parameters(BaseModel):
    """All parameters of a study, validated."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    # fmt: off
    # Every chapter: what is studied
    seed: int = _parameter(20240229, "seed of every random draw", ge=0, le=2**32 - 1)
    n_customers: int = _parameter(20_000, "customers of the simulated bank", unit="customers",
        ge=100, le=10**9)
    n_months: int = _parameter(24, "months of transactions of the simulated bank", unit="months",
        ge=6, le=120)
    world: Literal["default", "easy", "null", "hard"] = _parameter("default",
        "world of the simulated bank: at published levels; structure plain, none, or faint")
    segment_strength: float = _parameter(1.0,
        "how far apart the simulated bank's kinds of customers are", ge=0, le=3)
    rule_strength: float = _parameter(1.0, "how strong the simulated bank's planted rules are",
        ge=0, le=3)
    effect_strength: float = _parameter(1.0,
        "how strongly the simulated bank's customers react to offers", ge=0, le=3)
    dirty_share: float = _parameter(
        0.0, "share of the simulated bank's rows damaged in each way", unit="share", ge=0, le=0.2
    )
    as_of: dt.date | None = _parameter(None,
        "date the bank is described at; null takes the study's", unit="date")
    confidence_level: float = _parameter(0.95, "confidence level of intervals", gt=0.5, lt=1)
    min_group_size: int = _parameter(10, "smallest group that may be shown", unit="customers", ge=2)
    language: str = _parameter("en", "language of the report")
    citation_style: Literal["author_year", "gbt7714"] = _parameter("author_year",
        "references by author and year, or numbered as GB/T 7714-2015 has them", chapters=[])

    # Segmentation
    sample_size: int = _parameter(5_000, "customers used to fit segments", chapters=[SEGMENTATION],
        unit="customers", ge=100, le=1_000_000)
    n_segments: int | None = _parameter(None, "number of segments; null lets the data say",
        chapters=[SEGMENTATION], unit="segments", ge=1, le=50)
    k_max: int = _parameter(10, "largest number of segments tried", chapters=[SEGMENTATION],
        unit="segments", ge=2, le=50)
    features: str = _parameter("all", "features to cluster on: names with commas between, or all",
        chapters=[SEGMENTATION])
    algorithm: Literal["kmeans", "mixture", "ward"] = _parameter("kmeans",
        "how customers are clustered", chapters=[SEGMENTATION])
    transform: Literal["log", "standard"] = _parameter("log",
        "skewed numbers by signed log1p, or as they are", chapters=[SEGMENTATION])
    n_bootstrap: int = _parameter(100, "bootstrap resamples", chapters=[SEGMENTATION, STRATEGY],
        unit="resamples", ge=10, le=100_000)
    names_from: str | None = _parameter(None,
        "scorer.json of an earlier run whose segments lend their names", chapters=[SEGMENTATION])
    value_years: int = _parameter(5, "horizon of lifetime value", chapters=[SEGMENTATION],
        unit="years", ge=1, le=50)
    discount_rate: float = _parameter(0.08, "discount rate of lifetime value, a year",
        chapters=[SEGMENTATION], ge=0, lt=1)
    drift_days: int = _parameter(180, "days between the two dates compared for drift",
        chapters=[SEGMENTATION], unit="days", ge=1, le=3_660)
    min_stability: float = _parameter(0.75, "smallest bootstrap Jaccard of a stable segment",
        chapters=[SEGMENTATION], ge=0, le=1)
    made_segments: bool = _parameter(default=True, chapters=[SEGMENTATION],
        description="whether segments are made to serve where none are found")

    # Association analysis
    min_support: float = _parameter(0.01, "smallest support of an itemset", chapters=[ASSOCIATION],
        unit="share of customers", gt=0, le=1)
    min_confidence: float = _parameter(0.1, "smallest confidence of a rule",
        chapters=[ASSOCIATION], unit="share", ge=0, le=1)
    max_rule_length: int = _parameter(3, "most products in a rule", chapters=[ASSOCIATION],
        unit="products", ge=2, le=10)
    holdout_share: float = _parameter(0.5, "customers kept back to test the rules on",
        chapters=[ASSOCIATION, STRATEGY], unit="share of customers", gt=0, lt=1)
    correction: Literal["holm", "bh"] = _parameter("holm",
        "correction for many tests: Holm or Benjamini-Hochberg", chapters=[ASSOCIATION])
    max_itemsets: int = _parameter(100_000,
        "frequent itemsets at most; of more, no rules are sought",
        chapters=[ASSOCIATION], unit="itemsets", ge=1_000, le=10_000_000)
    negligible_odds_ratio: float = _parameter(1.1,
        "odds ratio within segments that counts as none",
        chapters=[ASSOCIATION], gt=1, le=10)
    prediction_days: int = _parameter(365, "length of the later period that next products are "
        "predicted for", chapters=[ASSOCIATION], unit="days", ge=1, le=3_660)
    error_rate: float = _parameter(0.05, "error rate that tests are held to",
        chapters=[SEGMENTATION, ASSOCIATION, STRATEGY, EVALUATION], gt=0, lt=0.5)

    # Strategy design
    budget: float = _parameter(10_000.0, "money for the campaign", chapters=[STRATEGY],
        unit="currency", ge=0)
    contact_limit: int = _parameter(1, "most contacts a customer", chapters=[STRATEGY],
        unit="contacts", ge=1, le=100)
    control_share: float = _parameter(0.1, "planned customers left uncontacted as control",
        chapters=[STRATEGY], unit="share of customers", ge=0, le=0.9)
    policy_trial: bool = _parameter(default=True, chapters=[STRATEGY],
        description="let lots decide whose offer is made where policies would differ")
    trial_mass: bool = _parameter(default=False, chapters=[STRATEGY],
        description="give the one mass offer a lot in it too")
    min_contacts: int = _parameter(20, "fewest customers worth an offer in a cell",
        chapters=[STRATEGY], unit="customers", ge=0)
    cool_down: int = _parameter(30, "rest after a contact before the next",
        chapters=[STRATEGY, EVALUATION], unit="days", ge=0)
    default_margin: float | None = _parameter(None,
        "margin a sale of products without one; null for none", chapters=[STRATEGY, EVALUATION],
        unit="currency", ge=0)
    take_up: float = _parameter(0.05,
        "assumed sales per contact and holding rate, where nobody was contacted yet",
        chapters=[STRATEGY], ge=0, le=1)

    # Campaign evaluation
    campaign_results: str | None = _parameter(None,
        "CSV with the results of a real campaign that carried out the plan", chapters=[EVALUATION])
    before_column: str | None = _parameter(None,
        "attribute that measures, before the contact, what value measures after it",
        chapters=[EVALUATION])
    before_ratio: float = _parameter(1.0,
        "length of the outcome window over that of before_column", chapters=[EVALUATION], gt=0)
    # fmt: on

    @field_validator("*", mode="before")
    @classmethod
    def _as_written(cls, value: Any, info: Any) -> Any:
        return _read(value, cls.model_fields[info.field_name])

    @field_validator("language")
    @classmethod
    def _has_texts(cls, value: str) -> str:
        if value not in languages():
            raise ValueError("no such language")
        return value


def languages() -> list[str]:
    """Names of the folders of ``texts``."""
    return sorted(path.parent.name for path in TEXTS.glob("*/catalogue.yaml"))


def resolve(
    *,
    overrides: Mapping[str, Any] | None = None,
    file: Path | None = None,
    assignments: Sequence[tuple[str, str]] = (),
) -> Parameters:
    """Parameters of a run: schema < study.yaml < parameter file < command line.

    `overrides` are the ``parameters`` of study.yaml, `file` is a YAML file, `assignments` are pairs
    of name and value as text. A StudyError names every unknown name and every value that does not
    fit, at once.
    """
    in_file = read_yaml(file, "parameter file") if file else {}
    given = {str(name): ("study.yaml", value) for name, value in (overrides or {}).items()}
    given |= {str(name): (str(file and file.name), value) for name, value in in_file.items()}
    given |= {name: (f"-p {name}", value) for name, value in assignments}
    return _validate(given)


def from_namespace(chapter: str, namespace: Mapping[str, Any]) -> Parameters:
    """Parameters of a notebook: what its parameters cell has set, all others at their default.

    StudyError where a parameter is missing from ``vars()`` of the notebook, or does not fit.
    """
    names = names_of(chapter)
    missing = [name for name in names if name not in namespace]
    if missing:
        raise StudyError(
            "The parameters cell is incomplete",
            where=f"notebook {chapter}",
            rule="each parameter of the chapter has one line in the cell tagged 'parameters'",
            found=f"no line for {', '.join(missing)}",
            remedy="python -m pmlib.notebooks rewrites the cell",
        )
    return _validate({name: ("parameters cell", namespace[name]) for name in names})


def names_of(chapter: str) -> list[str]:
    """Names of the parameters that a chapter uses, in the order of the schema."""
    if chapter not in CHAPTERS:
        raise StudyError(
            "Unknown chapter", rule=f"one of {', '.join(CHAPTERS)}", found=repr(chapter)
        )
    return [name for name, field in Parameters.model_fields.items() if chapter in _chapters(field)]


def describe(values: Parameters | None = None) -> pd.DataFrame:
    """One row a parameter: ``name, type, default, range, unit, help, chapters``.

    When `values` are given, a column ``value`` holds those of this run.
    """
    import pandas as pd  # only the table needs it; the command line should start fast

    rows = []
    for name, field in Parameters.model_fields.items():
        chapters = _chapters(field)
        row = {"name": name, "type": type_name(field), "default": literal(field.default)}
        if values is not None:
            row["value"] = literal(getattr(values, name))
        row |= {
            "range": _range(field),
            "unit": unit_of(field),
            "help": field.description or "",
            "chapters": "all"
            if len(chapters) == len(CHAPTERS)
            else ", ".join(chapters) or "report",
        }
        rows.append(row)
    return pd.DataFrame(rows)


def _validate(given: Mapping[str, tuple[str, Any]]) -> Parameters:
    """Build Parameters from ``name -> (where it was set, value)``; report all faults at once."""
    fields = Parameters.model_fields
    faults = [
        f"{name} ({where}): unknown, {nearest(name, fields)}"
        for name, (where, _) in given.items()
        if name not in fields
    ]
    values = {name: value for name, (_, value) in given.items() if name in fields}
    try:
        parameters = Parameters(**values)
    except ValidationError as error:
        for name in dict.fromkeys(str(fault["loc"][0]) for fault in error.errors()):
            where, value = given[name]
            faults.append(f"{name} ({where}): must be {_rule(fields[name])}, found {value!r}")
    if faults:
        raise StudyError(
            "Parameters that cannot be used",
            found=("\n" + " " * 11).join(faults),
            remedy="run_all.py --list-parameters shows every name, type and range",
        ) from None
    return parameters


def _read(value: Any, field: FieldInfo) -> Any:
    """Read a value as its type means it: text from a command line, a YAML file or a notebook.

    YAML takes ``1e-3`` for text and, in a field of words, ``null`` for nothing; pydantic takes
    ``true`` for 1 and a number for a time stamp. None of these is what the user wrote.
    """
    if hasattr(value, "item"):  # a numpy scalar
        value = value.item()
    if str in _kinds(field):  # text stays as it is written
        if _words(field):
            return "null" if value is None else value
        return None if value == "null" else value
    if isinstance(value, str):
        value = _parse(value)
    kinds = _kinds(field)
    if isinstance(value, bool) and bool not in kinds:
        raise ValueError("true and false are no numbers")
    if dt.date in kinds:
        if isinstance(value, dt.datetime):
            value = value.date()
        if value is not None and not isinstance(value, dt.date):
            raise ValueError("not a date")
    return value


def _parse(text: str) -> Any:
    for number in (int, float):  # to YAML 010 is eight, and 1e-3 is text
        with suppress(ValueError):
            return number(text)
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):  # ValueError: a date such as 2024-02-31
        return text


def _kinds(field: FieldInfo) -> tuple[Any, ...]:
    """The types a field admits, ``None`` left out."""
    if typing.get_origin(field.annotation) is Literal:
        return (str,)
    kinds = typing.get_args(field.annotation) or (field.annotation,)
    return tuple(kind for kind in kinds if kind is not type(None))


def _words(field: FieldInfo) -> tuple[str, ...]:
    """The words a choice admits; empty for all other fields."""
    is_choice = typing.get_origin(field.annotation) is Literal
    return typing.get_args(field.annotation) if is_choice else ()


def _chapters(field: FieldInfo) -> list[str]:
    return typing.cast("dict[str, list[str]]", field.json_schema_extra)["chapters"]


def unit_of(field: FieldInfo) -> str:
    """Unit of a parameter; empty for none."""
    return typing.cast("dict[str, str]", field.json_schema_extra)["unit"]


def type_name(field: FieldInfo) -> str:
    """Type of a parameter as Python writes it."""
    if _words(field):
        return "str"
    annotation = field.annotation
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return annotation.__name__
    return str(annotation).replace("datetime.", "").replace("typing.", "")


def _range(field: FieldInfo) -> str:
    if _words(field):
        return " | ".join(_words(field))
    if field is Parameters.model_fields["language"]:
        return " | ".join(name for name in languages() if name != PSEUDO)
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    parts = [
        f"{sign} {getattr(limit, name):,}".replace(",", "_")
        for limit in field.metadata
        for name, sign in signs.items()
        if getattr(limit, name, None) is not None
    ]
    return " and ".join(parts)


def _rule(field: FieldInfo) -> str:
    if _words(field):
        return f"one of {', '.join(_words(field))}"
    if field is Parameters.model_fields["language"]:
        return f"one of {', '.join(languages())}, the folders of texts"
    names = {"int": "a whole number", "float": "a number", "bool": "true or false",
             "date": "a date (YYYY-MM-DD)"}  # fmt: skip
    kinds = type_name(field).split(" | ")
    words = " or ".join(names.get(kind, kind) for kind in kinds if kind != "None")
    limits = f" {_range(field)}" if _range(field) else ""
    return words + limits + (" or null" if "None" in kinds else "")


def literal(value: Any) -> str:
    """A value as Python source, dates as ISO text, strings in double quotes."""
    if isinstance(value, dt.date):
        value = value.isoformat()
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
