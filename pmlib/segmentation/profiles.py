"""What the segments are: sizes, means, value, effect sizes and a map, on all customers.

One pass of the engine gives counts, sums and sums of squares a segment; everything here is
computed from these. Differences are described by effect sizes. There are no p-values on the
features that formed the segments: they would be tiny whatever the data [@chen2023selective;
@gao2024selective].
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.engine import collect
from pmlib.inference.normal import normal_quantile
from pmlib.numbers import Number
from pmlib.segmentation.features import FeatureTable
from pmlib.segmentation.fit import Segmentation
from pmlib.segmentation.scorer import BORDERLINE
from pmlib.segmentation.transforms import Feature

VALUE_FEATURES = ("annual_margin", "money_in")
"""The first of these that a study has measures a customer's value."""

_SQUARES = 26  # of the map, in each direction

ROLES = ("held out", "tied to the features", "formed segments")
"""Of a feature; the second is held out too, but follows from what helped to form the segments."""

TIED = 0.5
"""An attribute whose variance within segments the features explain to a larger share is no witness
of its own (a judgement: complements such as owned and rented homes reach 1)."""


@dataclass(frozen=True)
class Profile:
    """The segments described on all customers.

    Parameters
    ----------
    segments : pandas.DataFrame
        ``segment, name, customers, share, value, value_share, borderline, jaccard, stability``;
        value is the mean of `value_feature` a customer, borderline the share of customers between
        two segments.
    means : pandas.DataFrame
        ``segment, name, feature, label, unit, used`` (formed the segments), ``customers`` (with a
        value), ``mean, low, high``; a category has one row a level, its mean the level's share.
    standardised : pandas.DataFrame
        ``segment, name, feature, label, z``: mean of the encoded feature less the overall mean, in
        standard deviations; features that formed the segments only.
    effects : pandas.DataFrame
        ``feature, label, role`` (one of `ROLES`), ``measure, effect, low, high, size``: eta squared
        of numbers, Cramér's V (squared, to be on the same scale) of categories; ``on_features``
        (see `explained_by_features`) of what is held out.
    value_feature : Feature or None
    numbers : tuple of Number
    text, text_value : str
        What the attributes held out say of the segments; where the value lies (Markdown).
    """

    segments: pd.DataFrame
    means: pd.DataFrame
    standardised: pd.DataFrame
    effects: pd.DataFrame
    value_feature: Feature | None
    numbers: tuple[Number, ...]
    text: str
    text_value: str

    @property
    def value_label(self) -> str | None:
        """What measures a customer's value, None when the study knows nothing of the kind."""
        return None if self.value_feature is None else self.value_feature.label


def profile_segments(
    assigned: nw.LazyFrame,
    features: FeatureTable,
    result: Segmentation,
    sample: pd.DataFrame,
    *,
    confidence_level: float = 0.95,
) -> Profile:
    """Describe the segments of all customers.

    Parameters
    ----------
    assigned : narwhals.LazyFrame
        All customers, from `assign_customers`.
    features : FeatureTable
        Says which columns are features and which are held out.
    result : Segmentation
    sample : pandas.DataFrame
        The sample that made `result`; tells what held-out attributes follow from the features.
    confidence_level : float

    Returns
    -------
    Profile
    """
    sums, levels = _sums(assigned, features, result)
    k = result.scorer.k
    sums = sums.set_index("segment").reindex(range(1, k + 1)).fillna(0.0)
    candidates = {f.name: f for f in (*features.features, *features.descriptors)}
    known = [f for f in VALUE_FEATURES if f in candidates and sums[f"s_{f}"].sum() > 0]
    value = candidates[known[0]] if known else None
    segments = _sizes(sums, value)
    segments["jaccard"] = result.stability["jaccard"].to_numpy()
    segments["stability"] = result.stability["verdict"].to_numpy()
    used = {f.name for f in result.encoder.features}
    on_features = {
        f.name: explained_by_features(sample[f.name], result.matrix, result.labels)
        for f in features.descriptors
        if f.name not in used
    }
    means, effects = _describe(
        sums, features, used, on_features, levels, confidence_level=confidence_level
    )
    standardised = _standardised(sums, result)
    names = dict(enumerate(result.scorer.names, start=1))
    for table in (segments, means, standardised):
        table.insert(1, "name", table["segment"].map(names))
    draft = Profile(segments, means, standardised, effects, value, (), "", "")
    return replace(draft, numbers=_numbers(draft), text=_text(draft), text_value=_text_value(draft))


def _sums(
    assigned: nw.LazyFrame, features: FeatureTable, result: Segmentation
) -> tuple[pd.DataFrame, dict[str, tuple[str, ...]]]:
    """One pass: a row a segment with counts, sums and sums of squares of everything."""
    candidates = (*features.features, *features.descriptors)
    between = nw.when(nw.col("silhouette") < BORDERLINE).then(nw.lit(1)).otherwise(nw.lit(0))
    columns = [nw.col("segment"), between.alias("borderline")]
    totals = [nw.len().alias("customers"), nw.col("borderline").sum()]
    levels = _levels(assigned, features)

    def total(name: str, value: nw.Expr) -> None:
        columns.append(value.alias(name))
        totals.append(nw.col(name).sum())

    for index in range(len(result.encoder.columns)):
        total(f"z{index}", nw.col(f"z{index}"))
    for feature in candidates:
        column = nw.col(feature.name)
        known = nw.when(column.is_null()).then(nw.lit(0)).otherwise(nw.lit(1))
        total(f"n_{feature.name}", known)
        if feature.kind == "number":
            total(f"s_{feature.name}", column.fill_null(0.0))
            total(f"q_{feature.name}", (column * column).fill_null(0.0))
        for index, level in enumerate(levels.get(feature.name, ())):
            hit = nw.when(column == level).then(nw.lit(1)).otherwise(nw.lit(0))
            total(f"l{index}_{feature.name}", hit)
    table = collect(assigned.select(*columns).group_by("segment").agg(*totals), sort_by=["segment"])
    return table.astype(float).astype({"segment": int}), levels


def _levels(
    assigned: nw.LazyFrame, features: FeatureTable, limit: int = 30
) -> dict[str, tuple[str, ...]]:
    """The most frequent levels of each category (rarer ones are not shown)."""
    levels = {}
    for feature in (*features.features, *features.descriptors):
        if feature.kind == "category":
            known = assigned.filter(~nw.col(feature.name).is_null()).group_by(feature.name)
            counts = collect(known.agg(nw.len().alias("n")), sort_by=[feature.name])
            counts = counts.sort_values("n", ascending=False, kind="stable")
            levels[feature.name] = tuple(counts[feature.name].head(limit))
    return levels


def _sizes(sums: pd.DataFrame, value: Feature | None) -> pd.DataFrame:
    customers = sums["customers"]
    table = pd.DataFrame({"segment": sums.index, "customers": customers.astype(int)})
    table["share"] = customers / customers.sum()
    table["value"] = table["value_share"] = np.nan
    if value is not None:
        total = sums[f"s_{value.name}"]
        table["value"] = total / sums[f"n_{value.name}"].clip(lower=1)
        table["value_share"] = total / total.sum() if total.sum() > 0 else np.nan
    table["borderline"] = sums["borderline"] / customers.clip(lower=1)
    return table.reset_index(drop=True)


def _standardised(sums: pd.DataFrame, result: Segmentation) -> pd.DataFrame:
    rows = []
    for index, label in enumerate(result.encoder.labels):
        total = sums[f"z{index}"]
        z = total / sums["customers"].clip(lower=1) - total.sum() / sums["customers"].sum()
        feature = result.encoder.columns[index].feature
        rows.append(pd.DataFrame({"feature": feature, "label": label, "z": z}))
    return pd.concat(rows).rename_axis("segment").reset_index()


def _describe(
    sums: pd.DataFrame,
    features: FeatureTable,
    used: set[str],
    on_features: dict[str, float],
    levels: dict[str, tuple[str, ...]],
    *,
    confidence_level: float,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Means with intervals by segment, and the effect size of each feature."""
    z = normal_quantile(confidence_level)
    means, effects = [], []
    for feature in (*features.features, *features.descriptors):
        name = feature.name
        tied = name in features.tied or on_features.get(name, 0.0) > TIED
        role = ROLES[2 if name in used else 1 if tied else 0]
        n = sums[f"n_{name}"]
        shown = {feature.label: (sums.get(f"s_{name}"), sums.get(f"q_{name}"))}
        if feature.kind == "category":  # a level is a number of noughts and ones
            hits = {known: sums[f"l{i}_{name}"] for i, known in enumerate(levels[name])}
            shown = {f"{feature.label}: {known}": (hit, hit) for known, hit in hits.items()}
        for label, (total, square) in shown.items():
            mean = total / n.clip(lower=1)
            half = z * np.sqrt((square / n.clip(lower=1) - mean**2).clip(lower=0) / n.clip(lower=1))
            unit = feature.unit if feature.kind == "number" else "share"
            means.append(
                pd.DataFrame(
                    {"feature": name, "label": label, "unit": unit, "used": name in used,
                     "customers": n.astype(int), "mean": mean.where(n > 0),
                     "low": (mean - half).where(n > 0), "high": (mean + half).where(n > 0)}
                )
            )  # fmt: skip
        if len(sums) == 1 or n.sum() <= len(sums):
            continue
        if feature.kind == "number":
            measure, effect = "eta squared", eta_squared(n, *shown[feature.label])
        else:
            counts = np.column_stack([total for total, _ in shown.values()])
            measure, effect = "Cramér's V squared", _cramer_squared(counts)
        # Large-sample standard error of a squared multiple correlation.
        half = z * 2 * np.sqrt(effect / n.sum()) * (1 - effect)
        effects.append(
            (name, feature.label, role, measure, effect, max(effect - half, 0.0),
             min(effect + half, 1.0), effect_size(effect), on_features.get(name, np.nan))
        )  # fmt: skip
    effects.sort(key=lambda row: (ROLES.index(row[2]), -row[4]))
    columns = [
        "feature", "label", "role", "measure", "effect", "low", "high", "size", "on_features",
    ]  # fmt: skip
    table = pd.concat(means).rename_axis("segment").reset_index()
    return table, pd.DataFrame(effects, columns=columns)


def eta_squared(n: pd.Series, s: pd.Series, q: pd.Series) -> float:
    """Share of the variance between groups, from their counts, sums and sums of squares."""
    mean = s.sum() / n.sum()
    spread = q.sum() - n.sum() * mean**2
    between = (s**2 / n.clip(lower=1)).sum() - n.sum() * mean**2
    return float(np.clip(between / spread, 0, 1)) if spread > 1e-9 * q.sum() else 0.0


def explained_by_features(values: pd.Series, matrix: np.ndarray, labels: np.ndarray) -> float:
    """Share of an attribute's variance within segments that the encoded features explain linearly.

    Least squares, corrected for the number of columns (adjusted R squared); a category counts as
    one indicator a level, their variances taken together. Within segments, because an attribute
    that merely differs between them is a witness, however much the features tell of it; one that
    does not vary within them is as good as a feature: 1.

    Parameters
    ----------
    values : pandas.Series, length n
        Rows without a value are left out.
    matrix : ndarray, shape (n, p)
    labels : ndarray of int, shape (n,)
        Segment of each row.
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
    """Cohen's words for a share of variance explained.

    Examples
    --------
    >>> effect_size(0.08)
    'medium'
    """
    if effect < 0.01:
        return "negligible"
    return "small" if effect < 0.06 else "medium" if effect < 0.14 else "large"


def _numbers(profile: Profile) -> tuple[Number, ...]:
    segments = profile.segments
    largest = segments.loc[segments["share"].idxmax()]
    borderline = float((segments["borderline"] * segments["share"]).sum())
    numbers = [
        Number("customers_segmented", int(segments["customers"].sum()), "customers",
               meaning="Customers assigned to a segment"),
        Number("largest_segment", str(largest["name"]), meaning="Name of the largest segment"),
        Number("largest_segment_share", float(largest["share"]), "share",
               meaning="Share of customers in the largest segment"),
        Number("borderline_share", borderline if len(segments) > 1 else None, "share",
               meaning="Share of customers between two segments"),
    ]  # fmt: skip
    if profile.value_feature is not None:
        ratio = segments["value_share"] / segments["share"]
        top = segments.loc[ratio.idxmax()]
        numbers += [
            Number("most_valuable_segment", str(top["name"]),
                   meaning="Segment with the largest value a customer"),
            Number("most_valuable_segment_share", float(top["share"]), "share",
                   meaning="Share of customers in the segment with the largest value a customer"),
            Number("most_valuable_segment_value_share", float(top["value_share"]), "share",
                   meaning=f"Its share of all {profile.value_feature.label}"),
        ]  # fmt: skip
    held_out = _held_out(profile)
    if len(held_out):
        best = held_out.iloc[0]
        numbers.append(
            Number("largest_held_out_effect", float(best["effect"]), "share",
                   low=float(best["low"]), high=float(best["high"]),
                   meaning=f"Share of the variance of {best['label']}, which formed no segment, "
                   "that the segments explain")
        )  # fmt: skip
    return tuple(numbers)


def _text(profile: Profile) -> str:
    if len(profile.segments) == 1:
        return "With one segment there is nothing to compare."
    held_out = _held_out(profile)
    tied = _tied_text(profile.effects)
    if held_out.empty:
        return f"The study has no attribute outside the features to judge the segments by.{tied}"
    telling = held_out[held_out["effect"] >= 0.06].head(4)
    if telling.empty:
        return (
            "No attribute held out of the clustering differs between segments by more than a small "
            f"effect: the segments describe the features that made them, and little else.{tied}"
        )
    labels = ", ".join(f"{row.label} ({100 * row.effect:.0f} %)" for row in telling.itertuples())
    return (
        "The segments also explain a medium or large share of the variance of what did not form "
        f"them: {labels}. They mean something outside the features that made them.{tied}"
    )


def _tied_text(effects: pd.DataFrame) -> str:
    """What is held out but no witness, and why."""
    tied = effects[effects["role"] == ROLES[1]]
    follows = tied[tied["on_features"] > TIED].sort_values("on_features", ascending=False)
    text = ""
    if len(tied) > len(follows):
        text = (
            " Margin and product families are left out of this count: they are made of the "
            "products held, whose number helped to form the segments."
        )
    if len(follows):
        named = ", ".join(f"{r.label} ({r.on_features:.2f})" for r in follows.head(4).itertuples())
        more = f" and {len(follows) - 4} more" if len(follows) > 4 else ""
        text += (
            f" What follows from the features within segments too (R² above {TIED}) is left out: "
            f"{named}{more}."
        )
    return text


def _held_out(profile: Profile) -> pd.DataFrame:
    """Effects on what can judge the segments."""
    return profile.effects[profile.effects["role"] == ROLES[0]]


def _text_value(profile: Profile) -> str:
    if len(profile.segments) == 1:
        return "All {customers_segmented} customers form one segment."
    if profile.value_feature is None:
        value = "The study records nothing that measures a customer's value."
    else:
        value = (
            "Customers are worth most in *{most_valuable_segment}*: "
            "{most_valuable_segment_share} of customers, {most_valuable_segment_value_share} of "
            f"{profile.value_feature.label}."
        )
    return (
        "The largest segment, *{largest_segment}*, has {largest_segment_share} of the "
        "{customers_segmented} customers; {borderline_share} of all customers lie between two "
        f"segments. {value}"
    )


@dataclass(frozen=True)
class SegmentMap:
    """Customers on their first two principal components.

    Parameters
    ----------
    squares : pandas.DataFrame
        ``x, y, segment, customers``: centre of the square; squares with too few customers of a
        segment are left out, so nobody can be found on the map.
    loadings : pandas.DataFrame
        ``label, x, y``: correlation of each encoded feature with the two components.
    explained : tuple of float
        Share of the variance that each component explains.
    """

    squares: pd.DataFrame
    loadings: pd.DataFrame
    explained: tuple[float, float]


def map_segments(
    assigned: nw.LazyFrame, result: Segmentation, *, min_group_size: int = 10
) -> SegmentMap:
    """Count all customers in the squares of a map.

    Parameters
    ----------
    assigned : narwhals.LazyFrame
        All customers, from `assign_customers`.
    result : Segmentation
    min_group_size : int
        Smallest number of customers of one segment in a square that is shown.
    """
    matrix = result.matrix
    p = matrix.shape[1]
    mean = matrix.mean(axis=0)
    _, lengths, axes = np.linalg.svd(matrix - mean, full_matrices=False)
    if p == 1:
        axes, lengths = np.vstack([axes, np.zeros((1, 1))]), np.append(lengths, 0.0)
    axes = axes[:2]
    # The sign of a component is arbitrary: its largest loading points up or right.
    signs = np.sign(axes[np.arange(2), np.abs(axes).argmax(axis=1)])
    axes = axes * np.where(signs == 0, 1.0, signs)[:, None]
    points = (matrix - mean) @ axes.T
    low, high = np.quantile(points, [0.002, 0.998], axis=0)
    widths = np.maximum((high - low) / _SQUARES, 1e-6)
    squares = []
    for axis, name in enumerate(("x", "y")):
        score = nw.lit(0.0)
        for index in range(p):
            score = score + (nw.col(f"z{index}") - float(mean[index])) * float(axes[axis, index])
        squares.append(((score - float(low[axis])) / float(widths[axis])).floor().alias(name))
    keys = ["segment", "x", "y"]
    placed = assigned.select("segment", *squares).group_by(*keys)
    counts = collect(placed.agg(nw.len().alias("customers")), sort_by=keys)
    counts = counts[counts["customers"] >= min_group_size].reset_index(drop=True)
    for axis, name in enumerate(("x", "y")):
        counts[name] = low[axis] + (counts[name].astype(float) + 0.5) * widths[axis]
    variance = lengths**2 / max((lengths**2).sum(), 1e-12)
    spread = np.maximum(points.std(axis=0), 1e-12)
    correlation = axes * spread[:, None] / np.maximum(matrix.std(axis=0), 1e-12)
    loadings = {"label": result.encoder.labels, "x": correlation[0], "y": correlation[1]}
    return SegmentMap(
        squares=counts[["x", "y", "segment", "customers"]],
        loadings=pd.DataFrame(loadings),
        explained=(float(variance[0]), float(variance[1])),
    )
