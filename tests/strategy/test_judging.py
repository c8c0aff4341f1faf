"""Plans judged by contacts they were not made from: by hand, and by many drawn pilots."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pmlib.strategy.effects import estimate
from pmlib.strategy.evidence import CELL, Evidence
from pmlib.strategy.judging import judge, value_of
from pmlib.strategy.problem import Problem
from pmlib.strategy.programme import Limits
from tests.strategy.banks import menu, pilot

SHAPE = (3, 2, 2, 2)


@pytest.fixture(scope="module")
def known():
    """A pilot and the effects it tells, which the tests replace by their own."""
    evidence = pilot(np.full(SHAPE, 0.05), n=400, seed=3)
    return evidence, estimate(evidence, menu(), segments=(1, 2, 3), error_rate=0.05, draws=50)


def problem(evidence: Evidence, share: float = 0.0) -> Problem:
    limits = Limits(1e9, (np.inf, np.inf), 1)
    return Problem(
        catalogue=menu(), evidence=evidence, groups=None, limits=limits, control_share=share
    )  # type: ignore[arg-type]


def foretelling(known, effect: float):
    evidence, effects = known
    cells = effects.cells.assign(effect=effect)
    return evidence, replace(effects, cells=cells, draws=None)


def test_with_equal_arms_a_judgement_is_the_difference_of_rates_by_hand(known):
    learnt, effects = foretelling(known, 0.3)  # far from the truth: the contacts set it right
    other = pilot(np.full(SHAPE, 0.1), n=200, seed=8)
    contacts = np.zeros(SHAPE)
    contacts[1, 1, 0, 0], contacts[2, 0, 1, 1] = 10.0, 4.0
    mean, error = value_of([judge(problem(learnt), effects, learnt=learnt, other=other)],
                           [contacts])  # fmt: skip
    table = other.tallies.set_index([*CELL, "control"])["wy"] / 200
    offers, expected, variance = menu(), 0.0, 0.0
    base = learnt.tallies[learnt.tallies["control"]].groupby("product_id")["wy"].mean() / 400
    for (s, h, p, c), n in (((2, True, 0, 0), 10.0), ((3, False, 1, 1), 4.0)):
        product, channel = offers.product_ids[p], offers.channel_names[c]
        margin = offers.products["margin"].iloc[p]
        with_offer = table[s, h, product, channel, False]
        without = table[s, h, product, "", True]
        expected += n * ((with_offer - without) * margin - offers.channels["cost"].iloc[c])
        foretold = base[product]
        for rate, mu in ((with_offer, foretold + 0.3), (without, foretold)):
            square = rate * (1 - mu) ** 2 + (1 - rate) * mu**2
            variance += (n * margin) ** 2 * square / 200
    assert mean == pytest.approx(expected)
    assert error == pytest.approx(np.sqrt(variance))


def test_contacts_without_a_channel_judge_offers_through_each(known):
    learnt, effects = foretelling(known, 0.3)
    shape = (3, 2, 2, 1)  # one channel's tallies, which is not on record
    told = pilot(np.full(shape, 0.1), n=200, seed=8)
    tallies = told.tallies.assign(channel="")
    contacts = np.zeros(SHAPE)
    contacts[1, 1, 0, 0], contacts[1, 1, 0, 1] = 10.0, 4.0
    judges = [
        judge(problem(learnt), effects, learnt=learnt, other=replace(learnt, tallies=tallies))
    ]
    mean, error = value_of(judges, [contacts])
    offers = menu()
    own = (tallies["segment"] == 2) & tallies["holds"]
    own &= tallies["product_id"] == offers.product_ids[0]
    sold = tallies[own].set_index("control")["wy"] / 200
    margin = offers.products["margin"].iloc[0]
    cost = 10 * offers.channels["cost"].iloc[0] + 4 * offers.channels["cost"].iloc[1]
    assert mean == pytest.approx(14 * margin * (sold[False] - sold[True]) - cost)
    # The same customers judge both channels, so their error is that of all fourteen contacts.
    base = learnt.tallies[learnt.tallies["control"]].groupby("product_id")["wy"].mean() / 400
    foretold = base[offers.product_ids[0]]
    variance = sum(
        (rate * (1 - mu) ** 2 + (1 - rate) * mu**2) / 200
        for rate, mu in ((sold[False], foretold + 0.3), (sold[True], foretold))
    )
    assert error == pytest.approx(14 * margin * np.sqrt(variance))


def test_what_no_contact_can_correct_is_worth_what_was_foretold(known):
    learnt, effects = foretelling(known, 0.02)
    tallies = pilot(np.full(SHAPE, 0.1), n=200, seed=8).tallies
    other = replace(learnt, tallies=tallies[tallies["segment"] != 1])
    contacts = np.zeros(SHAPE)
    contacts[0, 0, 0, 0] = 7.0
    told, variance = judge(problem(learnt), effects, learnt=learnt, other=other).value(contacts)
    margin, cost = menu().products["margin"].iloc[0], menu().channels["cost"].iloc[0]
    assert told == pytest.approx(7 * (0.02 * margin - cost))
    assert variance == 0


def test_contacts_held_back_from_a_plan_earn_and_cost_nothing(known):
    learnt, effects = foretelling(known, 0.02)
    contacts = np.full(SHAPE, 5.0)
    whole, part = (
        judge(problem(learnt, share), effects, learnt=learnt, other=learnt).value(contacts)
        for share in (0.0, 0.2)
    )
    assert part[0] == pytest.approx(0.8 * whole[0])
    assert part[1] == pytest.approx(0.64 * whole[1])


def drawn(rng: np.random.Generator, chance: np.ndarray, base: float, n: int) -> Evidence:
    """A pilot in which chance deals n customers to cells and arms: thin ones may stay empty."""
    offers = menu()
    groups = [(s + 1, bool(h), p) for s, h, p in np.ndindex(SHAPE[:3])]
    rows = []
    for (s, h, p), many in zip(groups, rng.multinomial(n, np.full(12, 1 / 12)), strict=True):
        arms = rng.multinomial(many, [0.3, 0.3, 0.4])
        product = offers.product_ids[p]
        for c, size in enumerate(arms[:2]):
            sold = rng.binomial(size, chance[s - 1, int(h), p, c])
            weight = size / 0.3
            rows.append((s, h, product, offers.channel_names[c], False, size, weight,
                         weight / 0.3, sold / 0.3))  # fmt: skip
        sold = rng.binomial(arms[2], base)
        rows.append((s, h, product, "", True, arms[2], arms[2] / 0.4, arms[2] / 0.16, sold / 0.4))
    columns = [*CELL, "control", "rows", "w", "w2", "wy"]
    tallies = pd.DataFrame([row for row in rows if row[5]], columns=columns)
    return Evidence(tallies.assign(fold=0, wyy=tallies["wy"]), "uplift", "response",
                    common_control=False)  # fmt: skip


def test_a_wrong_model_is_set_right_and_the_error_is_true_over_many_pilots(known):
    rng = np.random.default_rng(12)
    learnt, effects = foretelling(known, 0.15)  # the truth is between 0 and 0.1
    effect = rng.uniform(0, 0.1, SHAPE)
    contacts = rng.integers(0, 30, SHAPE).astype(float)
    margin, cost = (menu().products["margin"].to_numpy(), menu().channels["cost"].to_numpy())
    truth = float((contacts * (effect * margin[:, None] - cost)).sum())
    asked, n = problem(learnt), 200
    found = np.array([
        judge(asked, effects, learnt=learnt, other=drawn(rng, effect + 0.05, 0.05, 300))
        .value(contacts) for _ in range(n)
    ])  # fmt: skip
    gap = (found[:, 0] - truth) / np.sqrt(found[:, 1].mean())
    assert abs(gap.mean()) < 4 / np.sqrt(n)  # the standard error is 1 / sqrt(n)
    assert gap.std() == pytest.approx(1.0, abs=4 / np.sqrt(2 * n))  # 4 standard errors
