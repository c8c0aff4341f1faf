"""What the segments are: sizes, means, value and effect sizes, on all customers.

One pass of the engine gives counts, sums and sums of squares a segment; everything here is
computed from these. Differences are described by effect sizes. There are no p-values on the
features that formed the segments: they would be tiny whatever the data [@chen2023selective;
@gao2024selective].
"""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.engine import add_up, flag
from pmlib.inference.normal import normal_quantile
from pmlib.numbers import Finding, Number
from pmlib.safeguards import dominated
from pmlib.segmentation.features import FeatureTable
from pmlib.segmentation.fit import Segmentation
from pmlib.segmentation.scorer import BORDERLINE
from pmlib.segmentation.transforms import Feature

Levels = dict[str, tuple[str, ...]]

VALUE_FEATURES = ("annual_margin", "money_in")
"""The first of these that a study has measures a customer's value."""

ROLES = ("held_out", "tied", "formed")
"""Of a feature; the second is held out too, but follows from what helped to form the segments."""

SMALL, MEDIUM, LARGE = 0.01, 0.06, 0.14
"""Shares of variance explained from which on Cohen calls an effect small, medium, large."""

TIED = 0.5
"""An attribute whose variance within segments the features explain to a larger share is no witness
of its own (a judgement: complements such as owned and rented homes reach 1)."""


def profile_segments(
    assigned: nw.LazyFrame,
    features: FeatureTable,
    result: Segmentation,
    sample: pd.DataFrame,
    *,
    confidence_level: float = 0.95,
) -> Finding:
    """Describe the segments of all customers.

    Parameters
    ----------
    assigned : narwhals.LazyFrame
        All customers, from `assign_customers`.
    sample : pandas.DataFrame
        The sample that made `result`; tells what held-out attributes follow from the features.

    Returns
    -------
    Finding
        ``segment, name, customers, share, value, value_share, borderline, jaccard, stability``
        (level); value is the mean a customer of the feature ``quotes["value"]`` (None where the
        study knows none), borderline the share of customers between two segments. Further tables:

        *means*: ``segment, name, feature, level`` (of a category: its mean is the level's share),
        ``unit, used`` (formed the segments), ``customers`` (with a value), ``mean, low, high``.

        *standardised*: ``segment, name, feature, label, z``: mean of the encoded feature less the
        overall mean, in standard deviations; features that formed the segments only.

        *effects*: ``feature, label, role`` (one of `ROLES`), ``measure, effect, low, high, size``:
        eta squared of numbers, Cramér's V (squared, to be on the same scale) of categories;
        ``on_features`` (see `explained_by_features`) of what is held out.
    """
    k = result.scorer.k
    levels = _levels(assigned, features)
    sums = _sums(assigned, features, result, levels)
    candidates = {f.name: f for f in features.all}
    known = [f for f in VALUE_FEATURES if f in candidates and sums[f"s_{f}"].sum() > 0]
    value = candidates[known[0]] if known else None
    segments = _sizes(sums, value)
    segments[["jaccard", "stability"]] = result.of("stability")[["jaccard", "verdict"]]
    used = {f.name for f in result.encoder.features}
    on_features = {
        f.name: explained_by_features(sample[f.name], result.matrix, result.labels)
        for f in features.descriptors
        if f.name not in used
    }
    means, effects = _describe(sums, features, used, on_features, levels, confidence_level)
    standardised = _standardised(sums, result)
    names = dict(enumerate(result.scorer.names, start=1))
    for table in (segments, means, standardised):
        table.insert(1, "name", table["segment"].map(names))
    verdict, quotes = _witnesses(effects)
    return Finding(
        segments,
        _numbers(segments, effects, value),
        facts={"held_out_effects": verdict if k > 1 else "one_segment"},
        quotes=quotes | {"value": value and value.label(), "value_feature": value and value.name},
        tables={"means": means, "standardised": standardised, "effects": effects},
    )


def _sums(
    assigned: nw.LazyFrame, features: FeatureTable, result: Segmentation, levels: Levels
) -> pd.DataFrame:
    """One pass: a row a segment with counts, sums and sums of squares of everything."""
    values = {"borderline": flag(nw.col("silhouette") < BORDERLINE)}
    values |= {f"z{index}": nw.col(f"z{index}") for index in range(len(result.encoder.columns))}
    for feature in features.all:
        name, column = feature.name, nw.col(feature.name)
        numbers = moments(name, column) if feature.kind == "number" else {}
        shares = {f"l{i}_{name}": flag(column == x) for i, x in enumerate(levels.get(name, ()))}
        values |= {f"n_{name}": flag(~column.is_null()), **numbers, **shares}
    table = add_up(assigned, ["segment"], values).astype(float).astype({"segment": int})
    return table.set_index("segment").reindex(range(1, result.scorer.k + 1)).fillna(0.0)


def moments(name: str, value: nw.Expr) -> dict[str, nw.Expr]:
    """What is added up: known, value, square and size as ``n_, s_, q_, a_<name>``."""
    return {
        f"n_{name}": flag(~value.is_null()),
        f"s_{name}": value.fill_null(0.0),
        f"q_{name}": (value * value).fill_null(0.0),
        f"a_{name}": value.abs().fill_null(0.0),
    }


def _levels(assigned: nw.LazyFrame, features: FeatureTable) -> Levels:
    """The 30 most frequent levels of each category (rarer ones are not shown)."""
    levels = {}
    for name in (feature.name for feature in features.all if feature.kind == "category"):
        counts = add_up(assigned.filter(~nw.col(name).is_null()), [name])
        counts = counts.sort_values("customers", ascending=False, kind="stable")
        levels[name] = tuple(counts[name].head(30))
    return levels


def _sizes(sums: pd.DataFrame, value: Feature | None) -> pd.DataFrame:
    customers = sums["customers"]
    table = pd.DataFrame({"segment": sums.index, "customers": customers.astype(int)})
    total, n = (np.nan, 1) if value is None else (sums[f"s_{value.name}"], sums[f"n_{value.name}"])
    return table.assign(
        share=customers / customers.sum(),
        value=total / np.maximum(n, 1),
        value_share=total / np.sum(total),
        borderline=sums["borderline"] / customers.clip(lower=1),
    ).reset_index(drop=True)


def _standardised(sums: pd.DataFrame, result: Segmentation) -> pd.DataFrame:
    customers, encoder = sums["customers"], result.encoder
    rows = [pd.DataFrame(columns=["segment", "feature", "label", "z"])]  # of no feature
    for index, (column, label) in enumerate(zip(encoder.columns, encoder.labels, strict=True)):
        total = sums[f"z{index}"]
        z = total / customers.clip(lower=1) - total.sum() / customers.sum()
        own = {"segment": z.index, "feature": column.feature, "label": [label] * len(z), "z": z}
        rows.append(pd.DataFrame(own))
    return pd.concat(rows[1:] or rows, ignore_index=True)


def _describe(
    sums: pd.DataFrame,
    features: FeatureTable,
    used: set[str],
    on_features: dict[str, float],
    levels: Levels,
    confidence_level: float,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Means with intervals by segment, and the effect size of each feature."""
    z = normal_quantile(confidence_level)
    means, effects = [], []
    for feature in features.all:
        name = feature.name
        tied = name in features.tied or on_features.get(name, 0.0) > TIED
        role = ROLES[2 if name in used else 1 if tied else 0]
        n = sums[f"n_{name}"]
        shown = {"": (sums.get(f"s_{name}"), sums.get(f"q_{name}"))}
        if feature.kind == "category":  # a level is a number of noughts and ones
            hits = {known: sums[f"l{i}_{name}"] for i, known in enumerate(levels[name])}
            shown = {known: (hit, hit) for known, hit in hits.items()}
        for level, (total, square) in shown.items():
            mean = total / n.where(n > 0)
            if level == "" and np.any(dominated(sums[f"a_{name}"], square)):
                mean = mean * np.nan  # one segment's would follow from the others'
            half = z * np.sqrt((square / n.where(n > 0) - mean**2).clip(lower=0) / n)
            unit = feature.unit if feature.kind == "number" else "share"
            columns = {"feature": name, "level": level, "unit": unit, "used": name in used,
                       "customers": n.astype(int), "mean": mean, "low": mean - half,
                       "high": mean + half}  # fmt: skip
            means.append(pd.DataFrame(columns))
        if len(sums) == 1 or n.sum() <= len(sums):
            continue
        if feature.kind == "number":
            measure, effect = "eta_squared", eta_squared(n, *shown[""])
        else:
            counts = np.column_stack([total for total, _ in shown.values()])
            measure, effect = "cramer_squared", _cramer_squared(counts)
        # Large-sample standard error of a squared multiple correlation.
        half = z * 2 * np.sqrt(effect / n.sum()) * (1 - effect)
        effects.append(
            (name, feature.label(), role, measure, effect, max(effect - half, 0.0),
             min(effect + half, 1.0), effect_size(effect), on_features.get(name, np.nan))
        )  # fmt: skip
    effects.sort(key=lambda row: (ROLES.index(row[2]), -row[4]))
    names = ["feature", "label", "role", "measure", "effect", "low", "high", "size", "on_features"]
    of_none = ["feature", "level", "unit", "used", "customers", "mean", "low", "high"]
    table = pd.concat(means or [pd.DataFrame(columns=of_none)])
    table = table.rename_axis("segment").reset_index()
    return table, pd.DataFrame(effects, columns=names)


def eta_squared(n: pd.Series, s: pd.Series, q: pd.Series) -> float:
    """Share of the variance between groups, from their counts, sums and sums of squares."""
    mean = s.sum() / n.sum()
    spread = q.sum() - n.sum() * mean**2
    between = (s**2 / n.clip(lower=1)).sum() - n.sum() * mean**2
    return float(np.clip(between / spread, 0, 1)) if spread > 1e-9 * q.sum() else 0.0


def explained_by_features(values: pd.Series, matrix: np.ndarray, labels: np.ndarray) -> float:
    """Share of an attribute's variance within segments that the encoded features explain linearly.

    Least squares, corrected for the number of columns (adjusted R squared); a category counts as
    one indicator a level, their variances taken together; rows without a value are left out. Within
    segments, because an attribute that merely differs between them is a witness, however much the
    features tell of it; one that does not vary within them is as good as a feature: 1.
    """
    known = values.notna().to_numpy()
    if pd.api.types.is_numeric_dtype(values):
        y = values[known].to_frame().astype(float)
    else:
        y = pd.get_dummies(values[known].astype(str), dtype=float)
    if known.sum() < 2 or not (y.var() > 0).any():
        return 0.0
    x, group = pd.DataFrame(matrix[known]), labels[known]
    within_y, within_x = (
        part.to_numpy() - part.groupby(group).transform("mean").to_numpy() for part in (y, x)
    )
    slopes, _, rank, _ = np.linalg.lstsq(within_x, within_y, rcond=1e-9)
    spread = (within_y**2).sum()
    if spread <= 1e-9 * y.var().sum() * len(y):
        return 1.0
    rest = len(y) - len(np.unique(group))
    unexplained = ((within_y - within_x @ slopes) ** 2).sum() / spread
    return max(1 - unexplained * rest / (rest - rank), 0.0) if rest > rank else 0.0


def _cramer_squared(counts: np.ndarray) -> float:
    """Squared Cramér's V with Bergsma's correction for chance, from a table of counts."""
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    r, c = counts.shape
    n = counts.sum()
    if min(r, c) < 2:
        return 0.0
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / n
    phi = max(((counts - expected) ** 2 / expected).sum() / n - (r - 1) * (c - 1) / (n - 1), 0.0)
    r, c = r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)
    return float(min(phi / (min(r, c) - 1), 1.0))


def effect_size(effect: float) -> str:
    """Cohen's levels of a share of variance explained."""
    if effect < SMALL:
        return "negligible"
    return "small" if effect < MEDIUM else "medium" if effect < LARGE else "large"


def _numbers(
    segments: pd.DataFrame, effects: pd.DataFrame, value: Feature | None
) -> tuple[Number, ...]:
    largest = segments.loc[segments["share"].idxmax()]
    borderline = float((segments["borderline"] * segments["share"]).sum())
    numbers = [
        Number("customers_segmented", segments["customers"].sum(), "customers"),
        Number("largest_segment", largest["name"]),
        Number("largest_segment_share", largest["share"], "share"),
        Number("borderline_share", borderline if len(segments) > 1 else None, "share"),
    ]
    if value is not None:
        top = segments.loc[(segments["value_share"] / segments["share"]).idxmax()]
        of, worth = "most_valuable_segment", {"value": value.label()}
        numbers += [
            Number(of, top["name"]),
            Number(f"{of}_share", top["share"], "share"),
            Number(f"{of}_value_share", top["value_share"], "share", about=worth),
        ]
    for best in effects[effects["role"] == ROLES[0]].head(1).itertuples():
        about = {"label": best.label}
        numbers.append(
            Number(
                "largest_held_out_effect", best.effect, "share", best.low, best.high, about=about
            )
        )
    return tuple(numbers)


def _witnesses(effects: pd.DataFrame) -> tuple[str, dict[str, Any]]:
    """What the attributes held out say of the segments, and which are no witnesses, and why."""

    def quoted(rows: pd.DataFrame, key: str, column: str, **shown: Any) -> list[dict[str, Any]]:
        pairs = zip(rows["label"], rows[column], strict=True)
        return [{"label": label, key: Number("", value, **shown)} for label, value in pairs]

    held_out, tied = (effects[effects["role"] == role] for role in ROLES[:2])
    telling = held_out[held_out["effect"] >= MEDIUM].head(4)
    follows = tied[tied["on_features"] > TIED].sort_values("on_features", ascending=False)
    return "telling" if len(telling) else "small" if len(held_out) else "none", {
        "telling": quoted(telling, "effect", "effect", unit="share", decimals=0),
        "made_of_products": len(tied) > len(follows),
        "follows": quoted(follows.head(4), "r_squared", "on_features", decimals=2),
        "further": max(len(follows) - 4, 0),
        "limit": Number("", TIED, decimals=1),
    }
