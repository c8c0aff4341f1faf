"""The study's parameters: one typed schema for the command line, study.yaml and the notebooks.

Each parameter is one line of :class:`Parameters`: type, default, range, unit, help and the
chapters that use it. Everything else (validation, the notebooks' parameters cells, the table of
the report's appendix) is derived from it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from pmlib import fields
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


def languages() -> list[str]:
    """Names of the folders of ``texts``."""
    return sorted(path.parent.name for path in TEXTS.glob("*/catalogue.yaml"))


def readable_languages() -> list[str]:
    """Languages that people read."""
    return [name for name in languages() if name != PSEUDO]


def _parameter(
    default: Any,
    description: str,
    *,
    chapters: Sequence[str] = CHAPTERS,
    unit: str = "",
    listed: Callable[[], list[str]] | None = None,
    **limits: Any,
) -> Any:
    """Declare one parameter; `limits` are pydantic's ``ge, gt, le, lt``."""
    told: Any = {"unit": unit, "chapters": list(chapters), "listed": listed}
    return Field(default, description=description, json_schema_extra=told, **limits)


_ByName = dict[str, Annotated[float, Field(ge=0)]]
"""Numbers by the name of what they are of: ``-p channel.email.cost 0.2`` sets ``channel_cost``."""


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
    language: str = _parameter("en", "language of the report", listed=readable_languages)
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
    channel_cost: _ByName = _parameter({},
        "costs a contact that differ from the study's, by channel",
        chapters=[STRATEGY, EVALUATION], unit="currency")
    channel_capacity: _ByName = _parameter({},
        "most contacts of a channel where that differs from the study's, by channel",
        chapters=[STRATEGY, EVALUATION], unit="contacts")
    product_margin: _ByName = _parameter({},
        "margins a year that differ from the study's, by product_id", unit="currency")
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

    def flat(self) -> dict[str, Any]:
        """All values as JSON has them, each number by name apart: ``channel.email.cost``."""
        return {
            name: value for name, (_, value) in flat(self.model_dump(mode="json").items(), where="")
        }

    @field_validator("*", mode="before")
    @classmethod
    def _as_written(cls, value: Any, info: Any) -> Any:
        return fields.read(value, cls.model_fields[info.field_name])

    @field_validator("language")
    @classmethod
    def _has_texts(cls, value: str) -> str:
        if value not in languages():
            raise ValueError("no such language")
        return value


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
    given = dict(flat((overrides or {}).items(), where="study.yaml"))
    given |= flat(in_file.items(), where=str(file and file.name))
    for name, value in assignments:
        given |= flat([(name, value)], where=f"-p {name}")
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
    return _validate(dict(flat([(n, namespace[n]) for n in names], where="parameters cell")))


def names_of(chapter: str) -> list[str]:
    """Names of the parameters that a chapter uses, in the order of the schema."""
    if chapter not in CHAPTERS:
        raise StudyError(
            "Unknown chapter", rule=f"one of {', '.join(CHAPTERS)}", found=repr(chapter)
        )
    return [
        name
        for name, field in Parameters.model_fields.items()
        if chapter in fields.told(field, "chapters")
    ]


def describe(values: Parameters | None = None) -> pd.DataFrame:
    """One row a parameter: ``name, type, default, range, unit, help, chapters``.

    When `values` are given, a column ``value`` holds those of this run.
    """
    import pandas as pd  # only the table needs it; the command line should start fast

    rows = []
    for name, field in Parameters.model_fields.items():
        chapters = fields.told(field, "chapters")
        default = fields.literal(field.default)
        row = {"name": name, "type": fields.type_name(field), "default": default}
        if values is not None:
            row["value"] = fields.literal(getattr(values, name))
        row |= {
            "range": fields.range_of(field),
            "unit": fields.told(field, "unit"),
            "help": field.description or "",
            "chapters": "all"
            if len(chapters) == len(CHAPTERS)
            else ", ".join(chapters) or "report",
        }
        rows.append(row)
    return pd.DataFrame(rows)


def flat(given: Iterable[tuple[Any, Any]], *, where: str) -> Iterator[tuple[str, tuple[str, Any]]]:
    """Pairs of name and (where, value), each number by name apart: ``channel.email.cost``."""
    for name, value in ((str(name), value) for name, value in given):
        numbers = fields.parse(value) if isinstance(value, str) and name in _BY_NAME else value
        if name in _BY_NAME and isinstance(numbers, Mapping):
            kind, what = name.split("_")
            yield from ((f"{kind}.{key}.{what}", (where, each)) for key, each in numbers.items())
        else:
            yield name, (where, value)


def parameter_of(name: str) -> tuple[str, str]:
    """Parameter that a name sets and, of a number by name, whose number; both empty for none.

    Examples
    --------
    >>> parameter_of("channel.e-mail 2.0.cost")
    ('channel_cost', 'e-mail 2.0')
    """
    kind, _, rest = name.partition(".")
    key, _, what = rest.rpartition(".")
    if key and f"{kind}_{what}" in _BY_NAME:
        return f"{kind}_{what}", key
    return (name, "") if name in Parameters.model_fields else ("", "")


_BY_NAME = [name for name, field in Parameters.model_fields.items() if fields.is_by_name(field)]


def _validate(given: Mapping[str, tuple[str, Any]]) -> Parameters:
    """Build Parameters from ``name -> (where it was set, value)``; report all faults at once."""
    known, faults = Parameters.model_fields, []
    values: dict[str, Any] = {}
    for name, (where, value) in given.items():
        parameter, key = parameter_of(name)
        if key:
            values.setdefault(parameter, {})[key] = value
        elif parameter:
            values[parameter] = value
        else:
            faults.append(f"{name} ({where}): unknown, {nearest(name, known)}")
    try:
        parameters = Parameters(**values)
    except ValidationError as error:
        wrong = [fault["loc"] for fault in error.errors()]
        for name, (where, value) in given.items():
            parameter, key = parameter_of(name)
            if (parameter,) in wrong or (parameter, key) in wrong:
                rule = fields.rule_of(known[parameter])
                faults.append(f"{name} ({where}): must be {rule}, found {value!r}")
    if faults:
        raise StudyError(
            "Parameters that cannot be used",
            found=("\n" + " " * 11).join(faults),
            remedy="run_all.py --list-parameters shows every name, type and range",
        ) from None
    return parameters
