"""The test of one group holds its level, and its references are like the data."""

from __future__ import annotations

import numpy as np
import pytest

from pmlib.segmentation import fit_encoder
from pmlib.segmentation.homogeneity import OneGroup, homogeneity_test
from tests.segmentation.banks import NUMBERS, curved_group, one_group


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
