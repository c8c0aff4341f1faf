"""Banks and pilots drawn from a world: combining earns most, and nothing pays where nothing is."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.pilots import draw_bank, value_of_policies
from pmlib.casebank.world import World


def test_states_of_a_drawn_bank_are_those_of_its_customers():
    bank = draw_bank(World("default", 1), n_customers=800, seed=1)
    assert bank.groups.n_customers == 800
    level = bank.segment - 1
    for product in range(bank.state.shape[1]):
        able = bank.state[:, product] == 1
        gain = bank.offered[able, product] - bank.base[able, product, None]
        for segment in np.unique(level[able]):
            expected = gain[level[able] == segment].mean(axis=0)
            found = bank.effect[segment, 0, product]
            np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.whole
def test_combining_earns_most_and_nobody_beats_the_oracle():
    table = value_of_policies(
        World("default", 0), pilot_sizes=[60_000], seeds=[1, 2], n_customers=5_000,
        policies=("segments", "rules", "combined"),
    ).pivot_table(index="seed", columns="policy", values="share")  # fmt: skip
    assert (table <= 1 + 1e-3).all(axis=None)
    assert (table["combined"] > table[["segments", "rules"]].max(axis=1)).all()


def test_nothing_pays_in_the_null_world():
    table = value_of_policies(
        World("null", 0), pilot_sizes=[5_000], seeds=range(1, 7), n_customers=2_000,
        policies=("combined",),
    )  # fmt: skip
    assert (table["oracle"] == 0).all()
    assert (table["contacts"] > 0).sum() <= 2  # at 5 % each, 3 of 6 has probability 0.002
