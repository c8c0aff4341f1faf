"""How far partitions agree."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from pmlib.numbers import Phrase
from pmlib.segmentation import cross_tabulate, segment, vary_choices
from pmlib.segmentation.agreement import rand_index
from tests.segmentation.banks import NUMBERS, QUICK, one_group


def test_rand_index_is_scikit_learn_s():
    generator = np.random.default_rng(0)
    one, other = generator.integers(0, 3, 200), generator.integers(0, 4, 200)
    counts = pd.crosstab(one, other).to_numpy()
    assert rand_index(counts) == pytest.approx(adjusted_rand_score(one, other))


def test_cross_table_interval_holds_the_index(engine):
    frame = pd.DataFrame({"segment": [1, 1, 2, 2] * 50, "kind": [1, 1, 2, 1] * 50})
    index = cross_tabulate(engine.from_pandas(frame), other="kind").numbers[0]
    assert index.low < index.value < index.high


def test_one_choice_at_a_time_is_made_otherwise(found):
    sample, _, result = found
    varied = vary_choices(sample, result)
    blocks = [choice.block for choice in varied.table["choice"]]
    assert sorted(set(blocks)) == [
        "choice.algorithm", "choice.open_ended", "choice.ranks", "choice.without",
    ]  # fmt: skip
    assert blocks.count("choice.without") == len(NUMBERS)
    assert varied.table["agreement"].is_monotonic_increasing
    assert varied.quotes["choice"] == varied.table["choice"].iloc[0]
    assert isinstance(varied.quotes["choice"], Phrase)


def test_with_one_segment_there_is_no_choice_to_vary():
    result = segment(one_group(), NUMBERS, QUICK)
    assert vary_choices(one_group(), result).table.empty
