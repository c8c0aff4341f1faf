"""Uplift drawn from its posterior: intervals that hold, and controls that count once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, logit

from pmlib.strategy.effects import CellEffects, estimate
from pmlib.strategy.evidence import CELL, Evidence
from pmlib.strategy.uplift import draw_uplift
from tests.strategy.banks import menu, pilot

SHAPE = (3, 2, 2, 2)  # segments, holding, products, channels
SEGMENTS = np.repeat(np.eye(3), 8, axis=1)
"""Loads that add up the cells of each segment."""


def effects_of(evidence: Evidence, seed: int = 0):
    return estimate(evidence, menu(), segments=(1, 2, 3), error_rate=1.0, seed=seed)


def multiplied_odds(rng: np.random.Generator) -> np.ndarray:
    """True effects of a pilot in which an offer multiplies odds of 0.05 / 0.95."""
    odds = 0.6 + 0.4 * rng.standard_t(4, (3, 1, 2, 1)) + 0.4 * rng.standard_normal((1, 2, 2, 1))
    return np.broadcast_to(expit(logit(0.05) + odds) - 0.05, SHAPE)


def are_held(effects: CellEffects, missed: np.ndarray, *loads: np.ndarray) -> list[bool]:
    """Whether the interval of each sum of cells holds what its effects miss of the truth."""
    margins = [effects.margins(load, 0.95) for load in loads]
    return [low <= load @ missed <= high for load, (low, high) in zip(loads, margins, strict=True)]


def test_intervals_hold_the_truth_of_cells_and_of_sums() -> None:
    rng = np.random.default_rng(8)
    cells, sums, raw_error, error = [], [], 0.0, 0.0
    for seed in range(12):
        truth = multiplied_odds(rng)
        effects = effects_of(pilot(truth, n=120, seed=seed), seed)
        missed = truth.ravel() - effects.cells["effect"].to_numpy()
        held = are_held(effects, missed, *np.eye(24), *SEGMENTS, np.ones(24))
        cells += held[:24]
        sums += held[24:]
        error += np.square(missed).sum()
        raw_error += np.square(effects.cells["raw"] - truth.ravel()).sum()
    assert 0.9 <= np.mean(cells) <= 0.995  # 288, together in twelve pilots
    assert np.mean(sums) >= 0.85  # 48
    assert error < 0.5 * raw_error


def test_an_outlier_is_not_pulled_in() -> None:
    truth = np.full(SHAPE, 0.02)
    truth[1, :, 0] = 0.30
    effects = effects_of(pilot(truth, n=150, seed=2))
    assert effects.cells["effect"].to_numpy().reshape(SHAPE)[1, :, 0].mean() > 0.24


def test_shared_controls_count_once() -> None:
    evidence = pilot(np.full(SHAPE, 0.05), n=150)
    own, shared = (
        effects_of(replace(evidence, common_control=common)).cells["se"].mean()
        for common in (False, True)
    )
    assert shared > 1.02 * own


def test_only_ratios_of_weights_matter() -> None:
    evidence = pilot(np.full(SHAPE, 0.05), n=150)
    tallies, cells = evidence.tallies, effects_of(evidence).cells[CELL]
    scaled = tallies.assign(**{name: 10 * tallies[name] for name in ("w", "wy", "wyy")})
    scaled["w2"] = 100 * tallies["w2"]
    again = draw_uplift(replace(evidence, tallies=scaled), cells, seed=3)
    np.testing.assert_allclose(again, draw_uplift(evidence, cells, seed=3))


def test_contacts_without_a_channel_stand_for_all() -> None:
    evidence = pilot(np.full(SHAPE, 0.05), n=150)
    tallies = evidence.tallies[evidence.tallies["channel"] != "phone"].assign(channel="")
    effects = effects_of(replace(evidence, tallies=tallies))
    assert effects.draws is not None
    assert effects.draws.shape[1] == len(effects.cells) == 24
    both = effects.cells["effect"].to_numpy().reshape(-1, 2)
    np.testing.assert_array_equal(both[:, 0], both[:, 1])


def test_one_cell_is_enough() -> None:
    evidence = pilot(np.full(SHAPE, 0.2), n=300).coarsened(segments=False, rules=False)
    tallies = evidence.tallies.query("product_id == 'fund' and channel != 'phone'")
    effects = estimate(
        replace(evidence, tallies=tallies), menu(), segments=(0,), error_rate=0.05, seed=1
    )
    seen = effects.cells.query("product_id == 'fund' and not holds and channel == 'email'")
    assert seen["effect"].iloc[0] == pytest.approx(0.2, abs=0.03)


def test_money_is_sales_times_what_a_sale_brings() -> None:
    sales = pilot(np.full(SHAPE, 0.05), n=150)
    tallies, cells = sales.tallies, effects_of(sales).cells[CELL]
    sold = tallies["wy"]
    money = tallies.assign(ws=sold, wy=100 * sold, wyy=100**2 * sold)
    paid = replace(sales, tallies=money, outcome="value")
    drawn = draw_uplift(sales, cells, seed=3)
    np.testing.assert_allclose(draw_uplift(paid, cells, seed=3), 100 * drawn, rtol=1e-5, atol=1e-5)
    # Amounts that scatter make every uplift less sure by their mean's own error, and no larger.
    scattered = replace(paid, tallies=money.assign(wyy=5 * 100**2 * sold))
    wide = draw_uplift(scattered, cells, seed=3)
    np.testing.assert_allclose(wide.mean(axis=0), 100 * drawn.mean(axis=0), rtol=0.1, atol=0.1)
    of_product = tallies.groupby("product_id")[["w", "w2", "wy"]].sum()
    buyers = (of_product["w"] * of_product["wy"] / of_product["w2"]).to_numpy()
    error = 2 / np.sqrt(buyers)  # deviation of a sale over its mean, (5 - 1) ** 0.5
    sure = drawn.mean(axis=0) / drawn.std(axis=0) > 2
    relative = (wide.std(axis=0) / wide.mean(axis=0))[sure]
    before = (drawn.std(axis=0) / drawn.mean(axis=0))[sure]
    product = (cells["product_id"] == cells["product_id"].max()).to_numpy().astype(int)[sure]
    added = error[product] ** 2
    expected = np.sqrt(before**2 + added + before**2 * added)
    np.testing.assert_allclose(relative, expected, rtol=0.1)


def test_intervals_of_money_hold_too() -> None:
    """Amounts are log-normal, of mean 100 and a standard deviation of 53."""
    rng = np.random.default_rng(10)
    held = []
    for seed in range(6):
        truth = multiplied_odds(rng)
        asked = pilot(truth, n=120, seed=seed)
        sold = asked.tallies["wy"]
        paid = [100 * rng.lognormal(-0.125, 0.5, int(n)) for n in sold]
        sums = {"ws": sold, "wy": [p.sum() for p in paid], "wyy": [p @ p for p in paid]}
        evidence = replace(asked, tallies=asked.tallies.assign(**sums), outcome="value")
        effects = effects_of(evidence, seed)
        missed = 100 * truth.ravel() - effects.cells["effect"].to_numpy()
        held += are_held(effects, missed, *np.eye(24), *SEGMENTS, np.ones(24))
    assert 0.9 <= np.mean(held) <= 0.995  # 168, together in six pilots


def test_intervals_of_responses_hold_too() -> None:
    rng = np.random.default_rng(9)
    held = []
    for seed in range(6):
        truth = multiplied_odds(rng)
        asked = pilot(truth, n=120, seed=seed)
        offers = asked.tallies[~asked.tallies["control"]].reset_index(drop=True)
        effects = effects_of(replace(asked, tallies=offers, kind="response"), seed)
        missed = 0.05 + truth.ravel() - effects.cells["effect"].to_numpy()
        held += are_held(effects, missed, *np.eye(24), np.ones(24))
    assert 0.88 <= np.mean(held) <= 0.995  # 150, together in six
