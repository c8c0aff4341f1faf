"""Would the segments come back?"""

from __future__ import annotations

import numpy as np
import pytest

from pmlib.segmentation.stability import best_jaccard, verdict


def test_jaccard_of_a_split_cluster_is_its_larger_half():
    labels = np.array([0] * 10 + [1] * 10)
    again = np.array([0] * 10 + [1] * 7 + [2] * 3)
    np.testing.assert_allclose(best_jaccard(labels, again, 2), [1.0, 0.7])


@pytest.mark.parametrize(
    ("jaccard", "expected"),
    [(0.59, "untrusted"), (0.6, "doubtful"), (0.75, "stable"), (0.85, "very_stable")],
)
def test_stability_is_read_as_hennig_does(jaccard, expected):
    assert verdict(jaccard) == expected
