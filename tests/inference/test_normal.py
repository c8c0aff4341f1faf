"""The normal and Student distributions against scipy.stats."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pmlib.inference.means import student_p_value, student_quantile
from pmlib.inference.normal import normal_p_value, normal_quantile, normal_scores


@pytest.mark.parametrize("level", [0.6, 0.9, 0.95, 0.999])
def test_quantiles_are_those_of_scipy(level):
    assert normal_quantile(level) == pytest.approx(stats.norm.ppf(0.5 + level / 2), rel=1e-14)
    assert student_quantile(level, 7.5) == pytest.approx(stats.t.ppf(0.5 + level / 2, 7.5))


def test_p_values_are_those_of_scipy():
    z = np.array([-3.0, 0.0, 1.7])
    np.testing.assert_allclose(normal_p_value(z), 2 * stats.norm.sf(np.abs(z)), rtol=1e-14)
    np.testing.assert_allclose(student_p_value(z, 4.0), 2 * stats.t.sf(np.abs(z), 4), rtol=1e-14)


def test_normal_scores_are_symmetric():
    scores = normal_scores(np.arange(1, 10), 9)
    np.testing.assert_allclose(scores, -scores[::-1])
    assert scores[0] == pytest.approx(stats.norm.ppf(0.5 / 9))
