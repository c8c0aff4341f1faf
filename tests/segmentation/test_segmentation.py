"""Segmentation: each part against an independent reference, the whole against planted truth."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.metrics import adjusted_rand_score, silhouette_samples

from pmlib.engine import collect
from pmlib.errors import StudyError
from pmlib.segmentation import (
    Feature,
    Scorer,
    assign_customers,
    cross_tabulate,
    draw_sample,
    fit,
    fit_encoder,
    segment,
)
from pmlib.segmentation.agreement import rand_index
from pmlib.segmentation.clustering import ALGORITHMS, cluster, pairwise_distances, silhouettes
from pmlib.segmentation.homogeneity import OneGroup, homogeneity_test
from pmlib.segmentation.scorer import ALL_CUSTOMERS, matched_names
from pmlib.segmentation.stability import best_jaccard

NUMBERS = tuple(Feature(name, name, "currency") for name in ("a", "b", "c", "d"))


def planted(n: int = 400, *, k: int = 3, seed: int = 1) -> tuple[pd.DataFrame, np.ndarray]:
    """Customers of k well separated groups in four features."""
    generator = np.random.default_rng(seed)
    group = generator.integers(0, k, size=n)
    centres = 6 * generator.standard_normal((k, 4))
    values = centres[group] + generator.standard_normal((n, 4))
    return _frame(values), group


def one_group(n: int = 400, *, seed: int = 1) -> pd.DataFrame:
    """Skewed, correlated customers without groups."""
    z = np.random.default_rng(seed).multivariate_normal(np.zeros(4), 0.5 * np.eye(4) + 0.5, size=n)
    return _frame(np.column_stack([np.exp(z[:, :2]), np.round(np.exp(1 + z[:, 2])), z[:, 3]]))


def curved_group(n: int = 400, *, seed: int = 1) -> pd.DataFrame:
    """One group whose features bend and fan out: a plain Gaussian copula takes it for clusters."""
    z = np.random.default_rng(seed).standard_normal((n, 4))
    a = z[:, 0]
    bent, fanned = a**2 / 2 + z[:, 1], np.exp(a / 2) * z[:, 2]
    return _frame(np.column_stack([a, bent, fanned, a / 2 + z[:, 3]]))


def _frame(values: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(values, columns=list("abcd")).assign(
        customer_id=np.arange(len(values)), customer_hash=np.arange(len(values)) * 7_919
    )


@pytest.fixture(scope="module")
def found() -> tuple[pd.DataFrame, np.ndarray, object]:
    sample, group = planted()
    return sample, group, segment(sample, NUMBERS, k_max=5, n_bootstrap=20, seed=3)


def test_planted_groups_are_found(found):
    _, group, result = found
    assert result.scorer.k == 3
    assert adjusted_rand_score(group, result.labels) > 0.99


def test_a_narrow_choice_is_told(found, monkeypatch):
    _, _, result = found
    excess = result.criteria.table.set_index("k").loc[3, "excess"]
    spread = result.homogeneity.table.set_index("k").loc[3, "reference_sd"]
    numbers = {number.key: number.value for number in result.numbers}
    assert numbers["rule_margin"] == pytest.approx((excess - 0.02) / spread)
    assert "narrowly" not in result.text
    monkeypatch.setattr(fit, "SMALLEST_EXCESS", excess - 0.9 * spread)
    assert "narrowly" in fit._text(result, 0.75)


def test_same_seed_gives_same_segments(found):
    sample, _, result = found
    again = segment(sample, NUMBERS, k_max=5, n_bootstrap=20, seed=3)
    pd.testing.assert_frame_equal(again.criteria.table, result.criteria.table)


def test_one_group_gives_one_segment_named_all_customers():
    result = segment(one_group(), NUMBERS, k_max=5, n_bootstrap=20, seed=3)
    assert result.scorer.names == (ALL_CUSTOMERS,)
    assert "no evidence of segments" in result.text
    # It would come back by construction, which is no stability.
    assert result.stability["jaccard"].isna().all()


def test_a_fixed_number_is_used_and_the_data_s_own_is_said():
    result = segment(one_group(), NUMBERS, n_segments=4, k_max=5, n_bootstrap=20, seed=3)
    assert result.scorer.k == 4
    assert "fixes **4**; the data support no segments" in result.text


@pytest.mark.parametrize("group", [one_group, curved_group])
def test_homogeneity_holds_its_level(group):
    # 20 data sets without clusters at the 5 % level: more than 4 rejections have a probability of
    # 0.3 % (binomial) if the level holds.
    rejected = 0
    for seed in range(20):
        sample = group(300, seed=seed)
        encoder = fit_encoder(sample, NUMBERS)
        rejected += homogeneity_test(
            encoder.encode(sample),
            encoder.blocks,
            k_max=4,
            n_references=19,
            error_rate=0.05,
            seed=seed,
        ).rejected
    assert rejected <= 4


def test_reference_keeps_margins_and_correlations():
    sample = one_group(2_000)
    encoder = fit_encoder(sample, NUMBERS)
    matrix = encoder.encode(sample)
    generator = np.random.default_rng(0)
    drawn = OneGroup.fit(matrix, encoder.blocks, generator=generator).draw(generator)
    np.testing.assert_array_equal(np.sort(drawn, axis=0), np.sort(matrix, axis=0))
    np.testing.assert_allclose(np.corrcoef(drawn.T), np.corrcoef(matrix.T), atol=0.07)


def test_silhouettes_are_scikit_learn_s():
    sample, group = planted(120)
    matrix = sample[list("abcd")].to_numpy()
    expected = silhouette_samples(matrix, group)
    np.testing.assert_allclose(silhouettes(pairwise_distances(matrix), group), expected, atol=1e-4)


def test_rand_index_is_scikit_learn_s():
    generator = np.random.default_rng(0)
    one, other = generator.integers(0, 3, 200), generator.integers(0, 4, 200)
    counts = pd.crosstab(one, other).to_numpy()
    assert rand_index(counts) == pytest.approx(adjusted_rand_score(one, other))


def test_jaccard_of_a_split_cluster_is_its_larger_half():
    labels = np.array([0] * 10 + [1] * 10)
    again = np.array([0] * 10 + [1] * 7 + [2] * 3)
    np.testing.assert_allclose(best_jaccard(labels, again, 2), [1.0, 0.7])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_engine_assigns_as_the_sample_was(engine, algorithm, tmp_path):
    sample, _ = planted(300)
    sample.loc[:5, "a"] = np.nan
    sample["kind"] = pd.Series(["x", "y", None]).reindex(np.arange(300) % 3).to_numpy()
    features = (*NUMBERS, Feature("kind", "kind", kind="category"))
    encoder = fit_encoder(sample, features)
    clustering = cluster(encoder.encode(sample), 3, algorithm=algorithm, seed=1)
    scorer = Scorer(encoder, clustering, ("one", "two", "three"))
    again = Scorer.from_json(json.loads(json.dumps(scorer.to_json())))
    assigned = assign_customers(engine.from_pandas(sample), again, engine=engine, folder=tmp_path)
    table = collect(assigned, sort_by=["customer_id"])
    np.testing.assert_array_equal(table["segment"], clustering.labels + 1)
    assert table["silhouette"].between(0, 1).all()


def test_near_duplicates_constants_and_empty_features_are_dropped_and_named():
    sample, group = planted()
    sample = sample.assign(b=lambda f: 2 * f["a"], c=1.0, e=np.nan)
    features = (*NUMBERS, Feature("e", "e"))
    result = segment(sample, features, k_max=4, n_bootstrap=20, seed=1)
    assert [feature.name for feature in result.encoder.features] == ["a", "d"]
    treatment = result.encoder.report.set_index("feature")["treatment"]
    assert "near-duplicate of a (r = 1.00)" in treatment["b"]
    assert treatment["c"] == "dropped: the same for (almost) all customers"
    assert treatment["e"] == "dropped: no value at all"
    assert adjusted_rand_score(group, result.labels) > 0.9


def test_a_missing_value_is_taken_for_the_median():
    sample, group = planted()
    sample.loc[::20, "a"] = np.nan
    result = segment(sample, NUMBERS, k_max=4, n_bootstrap=20, seed=1)
    assert result.encoder.report["missing"][0] == pytest.approx(0.05)
    # The matrix is centred at the median.
    np.testing.assert_allclose(result.matrix[::20, 0], 0.0, atol=0.02)
    assert adjusted_rand_score(group, result.labels) > 0.9


def test_a_category_weighs_as_much_as_a_number():
    sample = pd.DataFrame({"kind": list("xxxyyz") * 100})
    matrix = fit_encoder(sample, [Feature("kind", "kind", kind="category")]).encode(sample)
    assert matrix.var(axis=0).sum() == pytest.approx(1.0)


def test_duplicate_customers_are_refused():
    with pytest.raises(StudyError, match=r"(?s)more than once.*1 repeated"):
        segment(one_group().assign(customer_id=lambda f: f["customer_id"].replace(1, 0)), NUMBERS)


def test_infinite_values_are_refused():
    sample = one_group()
    sample.loc[0, "a"] = np.inf
    with pytest.raises(StudyError, match=r"(?s)infinite.*1 infinite"):
        segment(sample, NUMBERS)


def test_more_segments_than_different_customers_are_refused():
    sample = _frame(np.repeat([[1.0, 2, 3, 4], [5, 6, 7, 9]], 30, axis=0))
    with pytest.raises(StudyError, match=r"(?s)fewer different customers.*2 different"):
        segment(sample, NUMBERS, n_segments=3)


def test_more_segments_than_customers_are_refused():
    with pytest.raises(StudyError, match="41 segments, 40 different customers"):
        segment(one_group(40), NUMBERS, n_segments=41)


def test_a_handful_of_customers_is_refused():
    with pytest.raises(StudyError, match=r"(?s)too few customers.*19 customers"):
        segment(one_group(19), NUMBERS)


def test_twenty_customers_without_groups_are_one_segment():
    assert segment(one_group(20), NUMBERS, n_bootstrap=20, seed=1).scorer.k == 1


def test_no_usable_feature_is_refused():
    with pytest.raises(StudyError, match="No feature is left"):
        segment(_frame(np.ones((50, 4))), NUMBERS)


def test_one_feature_supports_no_segments_and_says_why():
    result = segment(one_group(), NUMBERS[:1], k_max=4, n_bootstrap=20, seed=1)
    assert result.scorer.k == 1
    assert "With a single feature" in result.text


def test_names_follow_segments_to_the_next_run():
    labels, earlier = np.array([1, 1, 2, 2, 3]), np.array([2, 2, 1, 1, 1])
    assert matched_names(labels, ("a", "b", "c"), earlier, ("Old", "Young")) == (
        "Young", "Old", "c",
    )  # fmt: skip


def test_names_are_unique(found):
    names = found[2].scorer.names
    assert len(set(names)) == len(names)


def test_a_sample_is_exact_in_size_and_repeatable(engine):
    frame = engine.from_pandas(one_group(1_000).assign(customer_hash=lambda f: f["a"].rank() * 4e6))
    drawn = draw_sample(frame, size=100, seed=5)
    assert len(drawn) == 100
    pd.testing.assert_frame_equal(drawn, draw_sample(frame, size=100, seed=5))


def test_cross_table_interval_holds_the_index(engine):
    frame = pd.DataFrame({"segment": [1, 1, 2, 2] * 50, "kind": [1, 1, 2, 1] * 50})
    index = cross_tabulate(engine.from_pandas(frame), other="kind").numbers[0]
    assert index.low < index.value < index.high


def test_winsorising_bounds_the_matrix():
    matrix = fit_encoder(one_group(), NUMBERS, winsor=0.05).encode(one_group())
    # A normal variable cut at its 5 % points has values within norm.ppf(.95) / sd of the centre.
    assert np.abs(matrix).max() < 2 * norm.ppf(0.95)
