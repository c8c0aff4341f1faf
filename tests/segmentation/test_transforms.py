"""The frozen way from features to the matrix."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.metrics import adjusted_rand_score

from pmlib.segmentation import Feature, fit_encoder, segment
from tests.segmentation.banks import NUMBERS, QUICK, one_group, planted


def test_near_duplicates_constants_and_empty_features_are_dropped_and_named():
    sample, group = planted()
    sample = sample.assign(b=lambda f: 2 * f["a"], c=1.0, e=np.nan)
    features = (*NUMBERS, Feature("e"))
    result = segment(sample, features, QUICK)
    assert [feature.name for feature in result.encoder.features] == ["a", "d"]
    treatment = result.encoder.report.set_index("feature")["treatment"]
    assert treatment["b"].quotes["twin"] == "a"
    assert treatment["b"].quotes["r"].value == pytest.approx(1.0)
    assert (treatment["c"], treatment["e"]) == ("nearly_constant", "empty")
    assert adjusted_rand_score(group, result.labels) > 0.9


def test_a_missing_value_is_taken_for_the_median():
    sample, group = planted()
    sample.loc[::20, "a"] = np.nan
    result = segment(sample, NUMBERS, QUICK)
    assert result.encoder.report["missing"][0] == pytest.approx(0.05)
    # The matrix is centred at the median.
    np.testing.assert_allclose(result.matrix[::20, 0], 0.0, atol=0.02)
    assert adjusted_rand_score(group, result.labels) > 0.9


def test_a_category_weighs_as_much_as_a_number():
    sample = pd.DataFrame({"kind": list("xxxyyz") * 100})
    matrix = fit_encoder(sample, [Feature("kind", kind="category")]).encode(sample)
    assert matrix.var(axis=0).sum() == pytest.approx(1.0)


def test_winsorising_bounds_the_matrix():
    matrix = fit_encoder(one_group(), NUMBERS, winsor=0.05).encode(one_group())
    # A normal variable cut at its 5 % points has values within norm.ppf(.95) / sd of the centre.
    assert np.abs(matrix).max() < 2 * norm.ppf(0.95)
