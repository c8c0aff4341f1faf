"""The marketer's baseline: recency, frequency and monetary value in fifths [@hughes1994strategic].

Each customer gets three scores from 1 to 5. The 125 cells need no model; the question is what the
segments say beyond them.
"""

from __future__ import annotations

from dataclasses import dataclass

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.artifacts import Number
from pmlib.engine import collect
from pmlib.safeguards import suppress
from pmlib.segmentation.agreement import rand_index
from pmlib.segmentation.features import FeatureTable

_INPUTS = ("recency", "n_transactions", "money_in", "money_out")
LEAD = 0.01
"""Share of variance by which the segments must explain more than the cells to count as ahead."""

BANDS = ("low (3 to 6)", "middle (7 to 11)", "high (12 to 15)")
"""Sums of the three scores, in three bands."""

_COMPARED = (
    "Of {rfm_beaten} of the {rfm_compared} attributes held out of the clustering the segments "
    "explain at least a hundredth of the variance more than the 125 RFM cells do. It is no equal "
    "contest: the scores see neither tenure nor channels. The two partitions agree with an "
    "adjusted Rand index of {rfm_agreement}."
)
_TIED = (
    " Margin and product families favour the segments: they are made of the products held, whose "
    "number may form segments but not cells."
)
_ONE_SEGMENT = "With one segment there is nothing to compare the scores with; they stand alone."


@dataclass(frozen=True)
class Rfm:
    """RFM scores of all customers beside the segments.

    Parameters
    ----------
    grid : pandas.DataFrame
        ``recency_score, frequency_score, customers, monetary`` (mean money in and out a year);
        missing where too few customers stand behind it.
    bands : pandas.DataFrame
        ``segment, band, share`` (of the segment): segments against bands of the sum of the three
        scores; missing where too few customers stand behind it.
    explained : pandas.DataFrame
        ``label, segments, rfm``: share of the variance of attributes held out of the clustering
        that each partition explains, corrected for the number of its groups.
    """

    grid: pd.DataFrame
    bands: pd.DataFrame
    explained: pd.DataFrame
    numbers: tuple[Number, ...]
    text: str

    @property
    def found(self) -> bool:
        """Whether scores could be formed."""
        return len(self.grid) > 0


def score_rfm(
    assigned: nw.LazyFrame,
    features: FeatureTable,
    sample: pd.DataFrame,
    *,
    min_group_size: int = 10,
) -> Rfm:
    """Score all customers in the engine and compare with the segments.

    Parameters
    ----------
    assigned : narwhals.LazyFrame
        All customers, from `assign_customers`.
    features : FeatureTable
    sample : pandas.DataFrame
        Gives the fifths; a value equal to the upper end of one belongs to it.
    min_group_size : int

    Returns
    -------
    Rfm
        Without rows when there is no behaviour to score: no transactions in the year.
    """
    present = set(_INPUTS) <= {f.name for f in (*features.features, *features.descriptors)}
    if not present or sample["n_transactions"].max() <= 0:
        text = "The study has no transactions in the year: there is nothing to score."
        return Rfm(pd.DataFrame(), pd.DataFrame(), pd.DataFrame(), (), text)
    monetary = sample["money_in"] + sample["money_out"]
    cuts = {
        "recency": _fifths(sample["recency"]),
        "frequency": _fifths(sample["n_transactions"]),
        "monetary": _fifths(monetary),
    }
    total = nw.col("money_in") + nw.col("money_out")
    held_out = [
        f for f in features.descriptors
        if f.kind == "number" and sample[f.name].std() > 0
    ]  # fmt: skip
    scored = assigned.with_columns(
        (6 - _score(nw.col("recency"), cuts["recency"])).alias("recency_score"),
        _score(nw.col("n_transactions"), cuts["frequency"]).alias("frequency_score"),
        _score(total, cuts["monetary"]).alias("monetary_score"),
        total.alias("monetary"),
    )
    columns = [nw.col("segment", "recency_score", "frequency_score", "monetary_score", "monetary")]
    totals = [nw.len().alias("customers"), nw.col("monetary").sum()]
    for feature in held_out:
        centred = nw.col(feature.name) - float(sample[feature.name].mean())
        known = nw.when(centred.is_null()).then(nw.lit(0)).otherwise(nw.lit(1))
        columns += [
            known.alias(f"n_{feature.name}"),
            centred.fill_null(0.0).alias(f"s_{feature.name}"),
            (centred * centred).fill_null(0.0).alias(f"q_{feature.name}"),
        ]
        totals += [nw.col(f"{part}_{feature.name}").sum() for part in "nsq"]
    keys = ["segment", "recency_score", "frequency_score", "monetary_score"]
    cells = collect(scored.select(*columns).group_by(*keys).agg(*totals), sort_by=keys)
    cells = cells.astype(float).astype(dict.fromkeys(keys, int))
    grid = cells.groupby(["recency_score", "frequency_score"], as_index=False)[
        ["customers", "monetary"]
    ].sum()
    grid["monetary"] /= grid["customers"]
    cells["band"] = pd.cut(cells[keys[1:]].sum(axis=1), [2, 6, 11, 15], labels=list(BANDS)).astype(
        str
    )
    bands = cells.groupby(["segment", "band"], as_index=False)["customers"].sum()
    bands["share"] = bands["customers"] / bands.groupby("segment")["customers"].transform("sum")
    bands.loc[bands["customers"] < min_group_size, "share"] = np.nan
    explained = pd.DataFrame(
        [
            {
                "label": feature.label,
                "segments": _explained(cells, ["segment"], feature.name),
                "rfm": _explained(cells, keys[1:], feature.name),
            }
            for feature in held_out
        ],
        columns=["label", "segments", "rfm"],
    )
    table = cells.pivot_table(
        index="segment", columns=keys[1:], values="customers", aggfunc="sum", fill_value=0
    )
    ari = rand_index(table.to_numpy())
    best = int((explained["segments"] - explained["rfm"] >= LEAD).sum())
    return Rfm(
        grid=suppress(
            grid.astype({"customers": int}),
            minimum=min_group_size,
            by=["recency_score", "frequency_score"],
        ),
        bands=bands.drop(columns="customers"),
        explained=explained.sort_values("segments", ascending=False, ignore_index=True),
        numbers=(
            Number("rfm_agreement", ari, decimals=2,
                   meaning="Adjusted Rand index between the segments and the 125 RFM cells"),
            Number("rfm_beaten", best, "count",
                   meaning="Held-out attributes that segments explain clearly better than RFM"),
            Number("rfm_compared", len(explained), "count",
                   meaning="Attributes held out that segments and RFM cells were compared on"),
        ),
        text=(_COMPARED + _TIED * bool(features.tied)) if len(table) > 1 else _ONE_SEGMENT,
    )  # fmt: skip


def _fifths(values: pd.Series) -> tuple[float, ...]:
    return tuple(float(cut) for cut in np.quantile(values.dropna(), [0.2, 0.4, 0.6, 0.8]))


def _score(value: nw.Expr, cuts: tuple[float, ...]) -> nw.Expr:
    score = nw.lit(5)
    for index in reversed(range(4)):
        score = nw.when(value <= cuts[index]).then(nw.lit(index + 1)).otherwise(score)
    return score


def _explained(cells: pd.DataFrame, by: list[str], name: str) -> float:
    """Epsilon squared: eta squared corrected for the number of groups."""
    groups = cells.groupby(by)[[f"n_{name}", f"s_{name}", f"q_{name}"]].sum()
    n, s, q = (groups[f"{part}_{name}"] for part in "nsq")
    n, s = n[n > 0], s[n > 0]
    total = q.sum() - s.sum() ** 2 / n.sum()
    within = q.sum() - (s**2 / n).sum()
    freedom = n.sum() - len(n)
    if total <= 0 or freedom <= 0:
        return 0.0
    return max(float(1 - (within / freedom) / (total / (n.sum() - 1))), 0.0)
