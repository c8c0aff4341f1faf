"""Effects of offers: shrunk towards the truth, and none where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pmlib.strategy.effects import estimate
from tests.strategy.banks import menu, pilot


def test_shrunk_effects_are_closer_to_the_truth() -> None:
    rng = np.random.default_rng(4)
    raw = shrunk = 0.0
    for seed in range(4):
        truth = 0.04 + 0.02 * rng.standard_normal((3, 2, 2, 2))
        evidence = pilot(truth, n=150, seed=seed)
        effects = estimate(evidence, menu(), segments=(1, 2, 3), error_rate=0.05)
        flat = truth.ravel()  # same order as the cells
        raw += np.square(effects.cells["raw"] - flat).sum()
        shrunk += np.square(effects.cells["effect"] - flat).sum()
    assert shrunk < 0.7 * raw


def test_large_cells_are_left_alone() -> None:
    truth = np.linspace(0, 0.2, 24).reshape(3, 2, 2, 2)
    effects = estimate(pilot(truth, n=10**7), menu(), segments=(1, 2, 3), error_rate=0.05)
    np.testing.assert_allclose(effects.cells["effect"], truth.ravel(), atol=2e-3)


def test_pilot_without_effect_plans_nothing() -> None:
    claims = [
        estimate(
            pilot(np.zeros((3, 2, 2, 2)), n=300, seed=s), menu(), segments=(1, 2, 3),
            error_rate=0.05,
        ).detected
        for s in range(16)
    ]  # fmt: skip
    assert sum(claims) <= 4  # at 5 % each, more than 4 of 16 has probability 0.001


def test_response_without_control_is_called_response() -> None:
    evidence = pilot(np.full((3, 2, 2, 2), 0.05), n=2000, kind="response")
    effects = estimate(evidence, menu(), segments=(1, 2, 3), error_rate=0.05)
    assert effects.kind == "response"
    assert effects.cells["effect"].mean() == pytest.approx(0.10, abs=0.005)


def test_equal_rates_summed_in_two_orders_are_no_effect() -> None:
    evidence = pilot(np.zeros((3, 2, 2, 2)), n=300)
    tallies = evidence.tallies
    bought = 0.07 * tallies["w"] * np.where(tallies["control"], 1 + 4e-16, 1)
    assert (bought / tallies["w"]).nunique() > 1
    evidence = replace(evidence, tallies=tallies.assign(wy=bought, wyy=bought))
    raw = estimate(evidence, menu(), segments=(1, 2, 3), error_rate=0.05).cells["raw"]
    assert (raw == 0).all()
