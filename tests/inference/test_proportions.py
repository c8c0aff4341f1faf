"""Wilson's and Newcombe's intervals against the published examples and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep, test_proportions_2indep

from pmlib.inference.proportions import newcombe, wilson

test_proportions_2indep.__test__ = False  # statsmodels' function is no test of ours


# Newcombe (1998), Statistics in Medicine 17, 857-872, table I, method 3 (score).
@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)],
)
def test_wilson_gives_the_published_intervals(successes, trials, low, high):
    ends = wilson([successes], [trials])
    assert ends[0][0] == pytest.approx(low, abs=5e-5)
    assert ends[1][0] == pytest.approx(high, abs=5e-5)


def test_wilson_of_nothing_is_unknown():
    low, high = wilson([0.0, np.nan], [0.0, 5.0])
    assert np.isnan(low).all()
    assert np.isnan(high).all()


def test_wilson_of_none_and_all_holds_the_share_itself():
    low, high = wilson([0, 7], [7, 7])
    assert (low[0], high[1]) == (0.0, 1.0)


# Newcombe (1998), Statistics in Medicine 17, 873-890, table II, method 10: examples (a) to (c).
@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [((56, 70, 48, 80), 0.0524, 0.3339), ((9, 10, 3, 10), 0.1705, 0.8090),
     ((6, 7, 2, 7), 0.0582, 0.8062)],
)  # fmt: skip
def test_newcombe_interval_gives_the_published_examples(counts, low, high):
    found = newcombe(*([count] for count in counts))
    assert (found.low[0].round(4), found.high[0].round(4)) == (low, high)


@pytest.mark.parametrize("counts", [(56, 70, 48, 80), (5, 400, 2, 90), (0, 40, 3, 50)])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_newcombe_is_that_of_statsmodels(counts, level):
    found = newcombe(*([count] for count in counts), confidence_level=level)
    ends = confint_proportions_2indep(*counts, method="newcomb", compare="diff", alpha=1 - level)
    assert (found.low[0], found.high[0]) == pytest.approx(ends, rel=1e-12)
    pooled = test_proportions_2indep(*counts, method="score", compare="diff", correction=False)
    assert found.p_value[0] == pytest.approx(pooled.pvalue, rel=1e-9)
