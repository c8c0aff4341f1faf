"""From features to the matrix that is clustered: frozen, so that new customers pass the same way.

Numbers: missing values filled, skewed amounts by signed log1p, winsorised, centred at the median
and divided by the standard deviation of the winsorised values (a robust scale that, unlike the
interquartile range, is not zero where most customers have none). Categories: one column a level,
scaled so that the attribute as a whole has variance one, like a number; k-means on these columns
is k-prototypes with mean proportions in place of modes. Constant and empty features and
near-duplicates are dropped and named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.errors import StudyError
from pmlib.numbers import Level, Number, Phrase
from pmlib.segmentation.clustering import require_one_of

TRANSFORMS = ("log", "standard")
Kind = Literal["number", "category"]
OTHER = "other"
MISSING = "missing"

TWIN = 0.95
"""Of two columns with a larger |correlation| the later one is dropped."""

RARE = 0.02
"""Levels of a category with a smaller share of customers are taken together as `OTHER`."""


@dataclass(frozen=True)
class Feature:
    """A feature of a customer.

    Parameters
    ----------
    name : str
        Column.
    words : str
        The text blocks ``feature.<words>``, its label, and ``trait.<words>.high`` and ``.low``,
        what a segment is called that has much or little of it. By default those of a declared
        attribute, which are the study's own words.
    unit : str
        One of `pmlib.numbers.UNITS`.
    fill : float, optional
        Value of customers without one (the longest recency, no transactions); by default the
        median.
    about : mapping
        What its texts quote of the data, such as the name of a channel.
    """

    name: str
    words: str = "declared"
    unit: str = ""
    kind: Kind = "number"
    fill: float | None = None
    about: Mapping[str, Any] = field(default_factory=dict)

    def label(self, level: str | None = None) -> Phrase:
        """Label of the feature, or of one level of a category."""
        own = Phrase(f"feature.{self.words}", {"label": self.name, "unit": "", **self.about})
        if level is None:
            return own
        return Phrase("feature.level", {"feature": own, "level": Level("category", level)})

    def trait(self, level: str | None, *, much: bool) -> Phrase:
        """What a segment is called that has much or little of it, or mostly one level."""
        if level is not None:
            block = f"trait.{level}" if level in ("yes", "no") else "trait.level"
            return Phrase(block, {"feature": self.label(), "level": Level("category", level)})
        quotes = {"label": self.name, "part": False, **self.about}
        return Phrase(f"trait.{self.words}.{'high' if much else 'low'}", quotes)


@dataclass(frozen=True)
class EncodedColumn:
    """One column of the matrix: (clip(f(value)) - centre) / scale.

    `level` is None for a number (`log` tells whether f is signed log1p), else f is 1 where the
    category equals the level. With `cuts` f is a score: 1 and one more for each cut below.
    """

    feature: str
    level: str | None
    log: bool
    fill: float
    low: float
    high: float
    centre: float
    scale: float
    cuts: tuple[float, ...] = ()


@dataclass(frozen=True)
class Encoder:
    """The frozen way from features to the matrix.

    ``features`` are those kept, in the order of the columns; ``levels`` map a category to its own
    levels, where `OTHER` stands for all that are not listed; ``report`` has one row a candidate
    feature: ``feature, label, treatment`` (level or phrase), ``missing, skewness, winsorised``
    (shares of customers).
    """

    columns: tuple[EncodedColumn, ...]
    features: tuple[Feature, ...]
    levels: dict[str, tuple[str, ...]]
    report: pd.DataFrame

    @property
    def blocks(self) -> list[slice]:
        """Columns of each kept feature."""
        names = [column.feature for column in self.columns]
        starts = {name: names.index(name) for name in names}
        return [slice(start, start + names.count(name)) for name, start in starts.items()]

    @property
    def labels(self) -> list[Phrase]:
        """What a reader sees of each column."""
        known = {feature.name: feature for feature in self.features}
        return [known[column.feature].label(column.level) for column in self.columns]

    def encode(self, sample: pd.DataFrame) -> np.ndarray:
        """Return the matrix of a sample, shape (n, columns)."""
        texts = {name: _levels_of(sample[name], levels) for name, levels in self.levels.items()}
        encoded = []
        for column in self.columns:
            if column.level is None:
                values = sample[column.feature].to_numpy(dtype=float)
                values = np.where(np.isnan(values), column.fill, values)
                values = np.sign(values) * np.log1p(np.abs(values)) if column.log else values
                if column.cuts:
                    values = 1.0 + (values[:, None] > np.array(column.cuts)).sum(axis=1)
            else:
                values = (texts[column.feature] == column.level).to_numpy(dtype=float)
            values = np.clip(values, column.low, column.high)
            encoded.append((values - column.centre) / column.scale)
        return np.column_stack(encoded) if encoded else np.empty((len(sample), 0))

    def expressions(self) -> list[nw.Expr]:
        """The same as engine expressions, one a column, named ``z0, z1, …``."""
        result = []
        for index, column in enumerate(self.columns):
            source = nw.col(column.feature)
            if column.level is None:
                value = source.cast(nw.Float64).fill_null(column.fill)
                if column.log:
                    size = (value.abs() + 1.0).log()
                    value = nw.when(value < 0).then(size * -1.0).otherwise(size)
                score, above = nw.lit(1.0), value
                for cut in column.cuts:
                    score = score + nw.when(above > cut).then(nw.lit(1.0)).otherwise(nw.lit(0.0))
                    value = score
            else:
                value = _level_expression(source, column.level, self.levels[column.feature])
            value = nw.when(value < column.low).then(nw.lit(column.low)).otherwise(value)
            value = nw.when(value > column.high).then(nw.lit(column.high)).otherwise(value)
            result.append(((value - column.centre) / column.scale).alias(f"z{index}"))
        return result

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``scorer.json``."""
        return {
            "columns": [asdict(column) for column in self.columns],
            "features": [asdict(feature) for feature in self.features],
            "levels": {name: list(levels) for name, levels in self.levels.items()},
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Encoder:
        """Read what `to_json` wrote, now or earlier (the report of the fit is not kept).

        Features once had words for labels; what they no longer have is passed over.
        """
        known = Feature.__dataclass_fields__
        columns = tuple(
            EncodedColumn(**{**column, "cuts": tuple(column.get("cuts", ()))})
            for column in values["columns"]
        )
        features = tuple(
            Feature(**{key: value for key, value in feature.items() if key in known})
            for feature in values["features"]
        )
        levels = {name: tuple(levels) for name, levels in values["levels"].items()}
        return cls(columns, features, levels, report=pd.DataFrame())


def fit_encoder(
    sample: pd.DataFrame,
    features: Sequence[Feature],
    *,
    transform: str = "log",
    winsor: float = 0.01,
) -> Encoder:
    """Learn the encoding on a sample of customers.

    Parameters
    ----------
    sample : pandas.DataFrame
        One row a customer, a column a feature.
    features : sequence of Feature
        Candidates, the more telling of two near-duplicates first.
    transform : {"log", "standard"}
        Whether skewed numbers (|skewness| > 1, not shares) go through signed log1p.
    winsor : float
        Share of customers at each end whose values are pulled in.

    Raises
    ------
    StudyError
        An unknown transform; infinite values.
    """
    require_one_of(transform, TRANSFORMS, where="transform")
    kept: list[tuple[Feature, list[EncodedColumn]]] = []
    numbers: dict[str, np.ndarray] = {}
    levels: dict[str, tuple[str, ...]] = {}
    rows = []
    for feature in features:
        values = sample[feature.name]
        row: dict[str, Any] = {
            "feature": feature.name, "label": feature.label(), "treatment": "empty",
            "missing": float(values.isna().mean()), "skewness": np.nan, "winsorised": np.nan,
        }  # fmt: skip
        rows.append(row)
        if values.isna().all():
            continue
        if feature.kind == "category":
            shares = values.fillna(MISSING).astype(str).value_counts(normalize=True)
            shares = shares[shares >= RARE].sort_index().sort_values(ascending=False, kind="stable")
            known = tuple(map(str, shares.index))
            columns = _category_columns(feature, values, known)
            row["treatment"] = "constant"
            if len(columns) > 1:
                row["treatment"] = Phrase("treatment.levels", {"levels": len(columns)})
                levels[feature.name] = known
                kept.append((feature, columns))
        else:
            column, row["skewness"], row["winsorised"] = _number_column(
                feature, values, log=transform == "log", winsor=winsor
            )
            if column is None:
                row["treatment"] = "nearly_constant"
                continue
            matrix = Encoder((column,), (feature,), {}, pd.DataFrame()).encode(sample)[:, 0]
            alike = {name: np.corrcoef(matrix, other)[0, 1] for name, other in numbers.items()}
            twin = next((name for name, r in alike.items() if abs(r) > TWIN), None)
            if twin:
                r = Number("", alike[twin], decimals=2)
                row["treatment"] = Phrase("treatment.twin", {"twin": twin, "r": r})
                continue
            row["treatment"] = "log" if column.log else "as_it_is"
            numbers[feature.name] = matrix
            kept.append((feature, [column]))
    chosen = tuple(feature for feature, _ in kept)
    encoded = tuple(column for _, columns in kept for column in columns)
    return Encoder(encoded, chosen, levels, pd.DataFrame(rows))


def _number_column(
    feature: Feature, series: pd.Series, *, log: bool, winsor: float
) -> tuple[EncodedColumn | None, float, float]:
    values = series.to_numpy(dtype=float)
    if np.isinf(values).any():
        raise StudyError(
            "A feature holds infinite values.", where=feature.name,
            rule="finite numbers, or missing", found=f"{np.isinf(values).sum()} infinite values",
            remedy="Mend the table, or leave the feature out.",
        )  # fmt: skip
    fill = feature.fill if feature.fill is not None else float(np.nanmedian(values))
    values = np.where(np.isnan(values), fill, values)
    skewness = float(pd.Series(values).skew()) if np.ptp(values) > 0 else 0.0
    log = log and abs(skewness) > 1 and feature.unit not in ("share", "points")
    values = np.sign(values) * np.log1p(np.abs(values)) if log else values
    low, high = (float(x) for x in np.quantile(values, [winsor, 1 - winsor]))
    clipped = np.clip(values, low, high)
    centre, scale = float(np.median(clipped)), float(clipped.std())
    if scale <= 1e-9 * max(1.0, abs(low), abs(high)):
        return None, skewness, 0.0
    column = EncodedColumn(feature.name, None, log, fill, low, high, centre, scale)
    return column, skewness, float((values != clipped).mean())


def _category_columns(
    feature: Feature, values: pd.Series, known: tuple[str, ...]
) -> list[EncodedColumn]:
    shares = _levels_of(values, known).value_counts(normalize=True)
    shares = shares.reindex([*known, OTHER]).dropna()
    # All columns of the attribute together have the variance of one standardised number.
    scale = float(np.sqrt((shares * (1 - shares)).sum())) or 1.0
    return [
        EncodedColumn(feature.name, str(level), log=False, fill=0.0, low=0.0, high=1.0,
               centre=float(share), scale=scale)
        for level, share in shares.items()
    ]  # fmt: skip


def _levels_of(values: pd.Series, known: Sequence[str]) -> pd.Series:
    text = values.fillna(MISSING).astype(str)
    return text.where(text.isin(known), OTHER)


def _level_expression(source: nw.Expr, level: str, known: Sequence[str]) -> nw.Expr:
    text = nw.when(source.is_null()).then(nw.lit(MISSING)).otherwise(source.cast(nw.String))
    hit = ~text.is_in(list(known)) if level == OTHER and OTHER not in known else text == level
    return nw.when(hit).then(nw.lit(1.0)).otherwise(nw.lit(0.0))
