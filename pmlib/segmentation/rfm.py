"""The marketer's baseline: recency, frequency and monetary value in fifths [@hughes1994strategic].

Each customer gets three scores from 1 to 5. The 125 cells need no model; the question is what the
segments say beyond them.
"""

from __future__ import annotations

from collections.abc import Sequence

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.engine import add_up
from pmlib.numbers import Finding, Number, missing
from pmlib.safeguards import dominated, suppress
from pmlib.segmentation.agreement import rand_index
from pmlib.segmentation.features import FeatureTable
from pmlib.segmentation.profiles import eta_squared, moments

_INPUTS = ("recency", "n_transactions", "money_in", "money_out")
LEAD = 0.01
"""Share of variance by which the segments must explain more than the cells to count as ahead."""

BANDS = ("low", "middle", "high")
"""Sums of the three scores: 3 to 6, 7 to 11, 12 to 15."""


def score_rfm(
    assigned: nw.LazyFrame,
    features: FeatureTable,
    sample: pd.DataFrame,
    *,
    names: Sequence[str],
    min_group_size: int = 10,
) -> Finding:
    """Score all customers in the engine and compare with the segments.

    Parameters
    ----------
    assigned : narwhals.LazyFrame
        All customers, from `assign_customers`.
    sample : pandas.DataFrame
        Gives the fifths; a value equal to the upper end of one belongs to it.
    names : sequence of str
        Segment 1 first.

    Returns
    -------
    Finding
        ``recency_score, frequency_score, customers, monetary`` (mean money in and out a year);
        missing where too few customers stand behind it. *bands*: ``segment, band`` (level of the
        sum of the three scores), ``share`` of the segment; missing likewise. *rfm*: ``label,
        segments, rfm``: share of the variance of attributes held out of the clustering that each
        partition explains, corrected for the number of its groups. Absent when there is no
        behaviour to score.
    """
    if not scorable(features, sample):
        return missing("nothing_to_score")
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
    values = {"monetary": nw.col("monetary"), "square": nw.col("monetary") ** 2}
    for name in (feature.name for feature in held_out):
        values |= moments(name, nw.col(name) - float(sample[name].mean()))
    cells = add_up(scored, keys, values)
    cells = cells.astype(float).astype(dict.fromkeys(keys, int))
    grid = cells.groupby(scores[:2], as_index=False)[["customers", "monetary", "square"]].sum()
    grid["monetary"] = grid["monetary"].mask(dominated(grid["monetary"], grid.pop("square")))
    grid["monetary"] /= grid["customers"]
    band = pd.cut(cells[scores].sum(axis=1), [2, 6, 11, 15], labels=list(BANDS)).astype(str)
    bands = cells.assign(band=band).groupby(["segment", "band"], as_index=False)["customers"].sum()
    bands["share"] = bands["customers"] / bands.groupby("segment")["customers"].transform("sum")
    bands.loc[bands["customers"] < min_group_size, "share"] = np.nan
    rows = [
        (f.label(), _explained(cells, ["segment"], f.name), _explained(cells, scores, f.name))
        for f in held_out
    ]
    explained = pd.DataFrame(rows, columns=["label", "segments", "rfm"])
    table = cells.pivot_table("customers", "segment", scores, aggfunc="sum", fill_value=0)
    best = int((explained["segments"] - explained["rfm"] >= LEAD).sum())
    numbers = (
        Number("rfm_agreement", rand_index(table.to_numpy()), decimals=2),
        Number("rfm_beaten", best, "count"),
        Number("rfm_compared", len(explained), "count"),
    )
    explained = explained.sort_values("segments", ascending=False, ignore_index=True)
    return Finding(
        suppress(grid.astype({"customers": int}), minimum=min_group_size, by=scores[:2]),
        numbers,
        quotes={"names": names, "made_of_products": bool(features.tied)},
        tables={"bands": bands.drop(columns="customers"), "rfm": explained},
    )


def scorable(features: FeatureTable, sample: pd.DataFrame) -> bool:
    """Whether there is behaviour to score."""
    present = set(_INPUTS) <= {f.name for f in features.all}
    return present and bool(sample["n_transactions"].max() > 0)


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
