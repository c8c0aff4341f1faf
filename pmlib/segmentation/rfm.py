"""The marketer's baseline: recency, frequency and monetary value in fifths [@hughes1994strategic].

Each customer gets three scores from 1 to 5. The 125 cells need no model; the question is what the
segments say beyond them.
"""

from __future__ import annotations

from dataclasses import dataclass

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.engine import collect
from pmlib.numbers import Number
from pmlib.safeguards import suppress
from pmlib.segmentation.agreement import rand_index
from pmlib.segmentation.features import FeatureTable
from pmlib.segmentation.profiles import eta_squared

_INPUTS = ("recency", "n_transactions", "money_in", "money_out")
LEAD = 0.01
"""Share of variance by which the segments must explain more than the cells to count as ahead."""

BANDS = ("low (3 to 6)", "middle (7 to 11)", "high (12 to 15)")
"""Sums of the three scores, in three bands."""

_COMPARED = (
    "For {rfm_beaten} of the {rfm_compared} attributes held out of the clustering, the segments "
    "explain more of the variance than the 125 RFM cells by at least a hundredth. The contest is "
    "unequal: the scores see neither tenure nor channels. The two partitions agree with an "
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
    total = nw.col("money_in") + nw.col("money_out")
    recency = _score(nw.col("recency"), sample["recency"])
    scored = assigned.with_columns(
        (6 - recency).alias("recency_score"),
        _score(nw.col("n_transactions"), sample["n_transactions"]).alias("frequency_score"),
        _score(total, sample["money_in"] + sample["money_out"]).alias("monetary_score"),
        total.alias("monetary"),
    )
    scores = ["recency_score", "frequency_score", "monetary_score"]
    keys = ["segment", *scores]
    held_out = [f for f in features.descriptors if f.kind == "number" and sample[f.name].std() > 0]
    columns = [nw.col(*keys, "monetary")]
    totals = [nw.len().alias("customers"), nw.col("monetary").sum()]
    for name in (feature.name for feature in held_out):
        centred = nw.col(name) - float(sample[name].mean())
        known = nw.when(centred.is_null()).then(nw.lit(0)).otherwise(nw.lit(1))
        values = {"n": known, "s": centred.fill_null(0.0), "q": (centred * centred).fill_null(0.0)}
        columns += [value.alias(f"{part}_{name}") for part, value in values.items()]
        totals += [nw.col(f"{part}_{name}").sum() for part in values]
    cells = collect(scored.select(*columns).group_by(*keys).agg(*totals), sort_by=keys)
    cells = cells.astype(float).astype(dict.fromkeys(keys, int))
    grid = cells.groupby(scores[:2], as_index=False)[["customers", "monetary"]].sum()
    grid["monetary"] /= grid["customers"]
    band = pd.cut(cells[scores].sum(axis=1), [2, 6, 11, 15], labels=list(BANDS)).astype(str)
    bands = cells.assign(band=band).groupby(["segment", "band"], as_index=False)["customers"].sum()
    bands["share"] = bands["customers"] / bands.groupby("segment")["customers"].transform("sum")
    bands.loc[bands["customers"] < min_group_size, "share"] = np.nan
    explained = pd.DataFrame(
        [
            (f.label, _explained(cells, ["segment"], f.name), _explained(cells, scores, f.name))
            for f in held_out
        ],
        columns=["label", "segments", "rfm"],
    )
    table = cells.pivot_table("customers", "segment", scores, aggfunc="sum", fill_value=0)
    ari = rand_index(table.to_numpy())
    best = int((explained["segments"] - explained["rfm"] >= LEAD).sum())
    return Rfm(
        grid=suppress(grid.astype({"customers": int}), minimum=min_group_size, by=scores[:2]),
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


def _score(value: nw.Expr, sample: pd.Series) -> nw.Expr:
    """The fifth of the sample's values, 1 to 5, that a value lies in."""
    score = nw.lit(5)
    for fifth in (4, 3, 2, 1):
        cut = float(np.quantile(sample.dropna(), fifth / 5))
        score = nw.when(value <= cut).then(nw.lit(fifth)).otherwise(score)
    return score


def _explained(cells: pd.DataFrame, by: list[str], name: str) -> float:
    """Epsilon squared: eta squared corrected for the number of groups."""
    groups = cells.groupby(by)[[f"n_{name}", f"s_{name}", f"q_{name}"]].sum()
    groups = groups[groups[f"n_{name}"] > 0]
    n = groups[f"n_{name}"].sum()
    if n <= len(groups):
        return 0.0
    unexplained = 1 - eta_squared(*(groups[f"{part}_{name}"] for part in "nsq"))
    return max(1 - unexplained * (n - 1) / (n - len(groups)), 0.0)
