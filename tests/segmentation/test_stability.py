"""Would the segments come back?"""

from __future__ import annotations

import numpy as np

from pmlib.segmentation.stability import best_jaccard


def test_jaccard_of_a_split_cluster_is_its_larger_half():
    labels = np.array([0] * 10 + [1] * 10)
    again = np.array([0] * 10 + [1] * 7 + [2] * 3)
    np.testing.assert_allclose(best_jaccard(labels, again, 2), [1.0, 0.7])
