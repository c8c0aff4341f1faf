"""The feature-time audit, against scikit-learn and DeLong."""

from __future__ import annotations

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from pmlib import profiling
from pmlib.studies import Attribute


def answered(lazy, values: np.ndarray, took: np.ndarray) -> dict[str, nw.LazyFrame]:
    n = len(values)
    ids = [f"c{i}" for i in range(n)]
    hashes = np.random.default_rng(n).integers(0, 2**32, n)
    customers = lazy(pd.DataFrame({"customer_id": ids, "customer_hash": hashes, "x": values}))
    contacts = lazy(
        pd.DataFrame(
            {
                "customer_id": ids,
                "arm": "offer",
                "responded": took,
                "campaign_id": "c",
                "contacted_on": "2025-03-01",
            }
        )
    )
    return {"customers": customers, "contacts": contacts}


def test_auc_of_an_attribute_is_that_of_scikit_learn(lazy):
    rng = np.random.default_rng(3)
    took = rng.random(600) < 0.3
    x = np.round(rng.normal(size=600) + took, 1)  # with ties
    tables = answered(lazy, x, took)
    audit = profiling.audit_feature_time(tables, {"x": Attribute("X")})
    assert audit.table["auc"].iloc[0] == pytest.approx(roc_auc_score(took, x))


def test_auc_intervals_are_delongs(lazy):
    rng = np.random.default_rng(4)
    took = rng.random(300) < 0.4
    x = np.round(rng.normal(size=300) + 0.5 * took, 1)
    tables = answered(lazy, x, took)
    row = profiling.audit_feature_time(tables, {"x": Attribute("X")}).table.iloc[0]
    # DeLong, DeLong & Clarke-Pearson (1988), eq. 5: variances of the structural components.
    wins = np.sign(x[took][:, None] - x[~took][None, :]) / 2 + 0.5
    variance = (
        wins.mean(axis=1).var(ddof=1) / took.sum() + wins.mean(axis=0).var(ddof=1) / (~took).sum()
    )
    auc = row["auc"]
    logits = np.log([row[end] / (1 - row[end]) for end in ("low", "auc", "high")])
    half = 1.959964 * np.sqrt(variance) / (auc * (1 - auc))
    assert np.diff(logits) == pytest.approx([half, half], rel=1e-6)


def test_categories_are_not_ordered_by_the_outcomes_they_are_judged_on(lazy):
    rng = np.random.default_rng(6)
    took = rng.random(2000) < 0.3
    level = rng.integers(0, 60, 2000)
    in_sample = pd.Series(took).groupby(level).transform("mean")
    assert roc_auc_score(took, in_sample) > 0.58  # of an attribute that tells nothing
    tables = answered(lazy, [f"level {i}" for i in level], took)
    row = profiling.audit_feature_time(tables, {"x": Attribute("X")}).table.iloc[0]
    assert row["low"] < 0.5 < row["high"]
    # Two levels keep their order in both halves: as a number, up to the halves' chance.
    tables = answered(lazy, np.where(rng.random(2000) < 0.2, took, ~took), took)
    number = profiling.audit_feature_time(tables, {"x": Attribute("X")}).table
    tables["customers"] = tables["customers"].with_columns(
        x=nw.when(nw.col("x")).then(nw.lit("b")).otherwise(nw.lit("a"))
    )
    text = profiling.audit_feature_time(tables, {"x": Attribute("X")}).table
    assert text["auc"].iloc[0] == pytest.approx(1 - number["auc"].iloc[0], abs=0.01)


def test_what_is_known_too_late_is_barred_and_named(lazy):
    took = np.array([True, False] * 50)
    tables = answered(lazy, took * 1.0 + np.arange(100) % 3 / 10, took)
    late = {"x": Attribute("Duration", known_before_contact=False)}
    audit = profiling.audit_feature_time(tables, late)
    assert audit.table["verdict"].tolist() == ["late"]
    assert audit.facts == {"attributes_known": "late"}
    assert audit.quotes["late"] == ["Duration"]
    (telling,) = audit.quotes["telling"]
    assert telling["label"] == "Duration"
    assert telling["auc"].value == pytest.approx(1)


def test_what_comes_too_late_and_tells_little_is_not_shown_as_a_leak(lazy):
    # Surely above one half, and yet of no use to anybody: a normal shift of a twentieth.
    rng = np.random.default_rng(3)
    took = rng.random(20_000) < 0.5
    tables = answered(lazy, rng.normal(size=20_000) + took / 20, took)
    late = {"x": Attribute("Mood", known_before_contact=False)}
    audit = profiling.audit_feature_time(tables, late)
    assert 0.5 < audit.table["low"].iloc[0] < audit.table["high"].iloc[0] < 0.55
    assert audit.quotes["telling"] == []


def test_a_suspiciously_strong_attribute_is_pointed_out(lazy):
    took = np.array([True, False] * 50)
    tables = answered(lazy, took * 1.0, took)
    audit = profiling.audit_feature_time(tables, {"x": Attribute("X")})
    assert audit.table["verdict"].tolist() == ["suspect"]
    assert audit.facts == {"attributes_known": "before"}


def test_without_contacts_nothing_is_measured(lazy):
    customers = lazy(pd.DataFrame({"customer_id": ["a"], "x": [1.0]}))
    audit = profiling.audit_feature_time({"customers": customers}, {"x": Attribute("X")})
    assert audit.table["auc"].isna().all()
    assert audit.of("measured").empty
    assert profiling.audit_feature_time({"customers": customers}, {}).facts == {
        "attributes_known": "none"
    }
