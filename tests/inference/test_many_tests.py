"""Corrections for many tests, against hand calculations and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from pmlib.inference.many_tests import benjamini_hochberg, holm


def test_holm_by_hand_passes_over_what_was_not_tested():
    # Three tests, in order 0.01, 0.02, 0.04: 3 x 0.01 = 0.03; 2 x 0.02 = 0.04; 1 x 0.04 = 0.04.
    # Were the missing ones tests, the smallest would be 5 x 0.01 = 0.05.
    found = holm([np.nan, 0.04, 0.01, np.nan, 0.02])
    assert found.tolist() == pytest.approx([np.nan, 0.04, 0.03, np.nan, 0.04], nan_ok=True)


def test_false_discovery_rate_by_hand_passes_over_what_was_not_tested():
    # Three tests: 3/1 x 0.01 = 0.03; 3/2 x 0.02 = 0.03; 3/3 x 0.04 = 0.04.
    found = benjamini_hochberg([np.nan, 0.04, 0.01, np.nan, 0.02])
    assert found.tolist() == pytest.approx([np.nan, 0.04, 0.03, np.nan, 0.03], nan_ok=True)


@pytest.mark.parametrize(("adjust", "method"), [(holm, "holm"), (benjamini_hochberg, "fdr_bh")])
def test_corrections_are_those_of_statsmodels(adjust, method):
    p = np.random.default_rng(5).random(40) ** 4
    np.testing.assert_allclose(adjust(p), multipletests(p, method=method)[1], rtol=1e-12)


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
@pytest.mark.parametrize("p", [[], [np.nan]])
def test_no_test_needs_no_correction(adjust, p):
    assert np.isnan(adjust(p)).all()
    assert len(adjust(p)) == len(p)
