"""What is said of segments, against independent references."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency

from pmlib.segmentation import profile_segments
from pmlib.segmentation.profiles import _witnesses, effect_size, explained_by_features


def test_effect_sizes_are_those_of_an_analysis_of_variance(bank):
    customers, group, profile = bank.customers, bank.group, bank.profile
    assert bank.result.scorer.k == 2
    mean = customers["c"].mean()
    groups = customers.groupby(group)["c"]
    between = (groups.size() * (groups.mean() - mean) ** 2).sum()
    expected = between / ((customers["c"] - mean) ** 2).sum()
    row = profile.of("effects").set_index("feature").loc["c"]
    assert row["role"] == "held_out"
    assert row["effect"] == pytest.approx(expected)
    assert row["low"] < expected < row["high"]


def test_effect_of_a_category_is_cramers_v_corrected_for_chance(bank):
    # Bergsma 2013: phi2 and the numbers of rows and columns are each corrected; from the counts.
    customers, group, profile = bank.customers, bank.group, bank.profile
    counts = pd.crosstab(group, customers["region"])
    phi = chi2_contingency(counts, correction=False).statistic / 600 - 2 / 599
    rows, columns = 2 - 1 / 599, 3 - 4 / 599
    row = profile.of("effects").set_index("feature").loc["region"]
    assert row["effect"] == pytest.approx(phi / (min(rows, columns) - 1))
    shares = profile.of("means")[profile.of("means")["feature"] == "region"]
    found = shares.pivot_table(index="segment", columns="level", values="mean").to_numpy()
    expected = (counts / 300).loc[:, ["0", "1", "2"]].to_numpy()
    np.testing.assert_allclose(np.sort(found, axis=None), np.sort(expected, axis=None))


def test_what_follows_from_the_features_is_no_witness():
    # A complement is determined by its feature; a shift between segments alone is a witness; the
    # rest follows from the variances: of x + noise half is explained.
    generator = np.random.default_rng(3)
    labels = np.repeat([1, 2], 2_000)
    matrix = generator.standard_normal((4_000, 2)) + 5.0 * labels[:, None]
    noise = generator.standard_normal(4_000)
    for values, expected in (
        (9 - matrix[:, 0], 1.0),
        (3.0 * labels + noise, 0.0),
        (matrix[:, 1] + noise, 0.5),
        (np.where(labels == 1, "owner", "tenant"), 1.0),
    ):
        found = explained_by_features(pd.Series(values), matrix, labels)
        assert found == pytest.approx(expected, abs=0.03)


def test_a_complement_of_a_feature_is_not_counted(bank):
    mirrored = bank.customers.assign(c=-bank.customers["a"])
    found = profile_segments(bank.assigned, bank.features, bank.result, mirrored)
    assert found.of("effects").set_index("feature").loc["c", "role"] == "tied"
    assert [part["label"].quotes["label"] for part in found.quotes["follows"]] == ["C"]


@pytest.mark.parametrize(
    ("effects", "verdict"),
    [((0.5, 0.03), "telling"), ((0.05, 0.03), "small"), ((), "none")],
)
def test_what_attributes_held_out_say_is_a_fact(effects, verdict):
    rows = [(f"x{i}", "held_out", effect, 0.0) for i, effect in enumerate(effects)]
    table = pd.DataFrame(rows, columns=["label", "role", "effect", "on_features"])
    found, quotes = _witnesses(table)
    assert found == verdict
    assert len(quotes["telling"]) == (verdict == "telling")


def test_sizes_are_those_of_all_customers(bank):
    profile = bank.profile
    assert profile.table["customers"].tolist() == [300, 300]
    assert profile.table["share"].sum() == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("effect", "expected"),
    [(0.009, "negligible"), (0.01, "small"), (0.06, "medium"), (0.08, "medium"), (0.14, "large")],
)
def test_effects_are_read_as_cohen_does(effect, expected):
    assert effect_size(effect) == expected
