"""Plans judged by contacts they were not made from: by hand, and by many drawn pilots."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pmlib.strategy.effects import estimate
from pmlib.strategy.evidence import CELL, JUDGING, PARTS, SECOND_HALF, Evidence
from pmlib.strategy.judging import judge, value_of
from pmlib.strategy.problem import Problem
from pmlib.strategy.programme import Limits
from tests.strategy.banks import menu, pilot

SHAPE = (3, 2, 2, 2)


@pytest.fixture(scope="module")
def known():
    """A pilot, the same number of contacts of each arm in each part, and effects."""
    parts = [pilot(np.full(SHAPE, 0.1), n=100, seed=8 + part) for part in PARTS]
    tallies = [found.tallies.assign(fold=part) for part, found in zip(PARTS, parts, strict=True)]
    evidence = replace(parts[0], tallies=pd.concat(tallies, ignore_index=True))
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


def by_hand(evidence: Evidence, parts, offers) -> tuple[float, list[float], list[float]]:
    """Value, and variances of those offered and of controls, with a foretold effect of 0.3."""
    own, rest = evidence.of_folds(parts).tallies, evidence.of_folds(set(PARTS) - set(parts)).tallies
    table, n = own.groupby([*CELL, "control"])["wy"].sum(), 100 * len(parts)
    base = rest[rest["control"]].groupby("product_id")["wy"].mean() / 100
    value, of_offered, of_control = 0.0, [], []
    for (segment, holds, p, c), contacts in offers:
        product, channel = menu().product_ids[p], menu().channel_names[c]
        margin = menu().products["margin"].iloc[p]
        with_offer = table[segment, holds, product, channel, False] / n
        without = table[segment, holds, product, "", True] / n
        cost = menu().channels["cost"].iloc[c]
        value += contacts * ((with_offer - without) * margin - cost)
        arms = (with_offer, base[product] + 0.3, of_offered), (without, base[product], of_control)
        for rate, mean, variances in arms:
            square = rate * (1 - mean) ** 2 + (1 - rate) * mean**2
            variances.append((contacts * margin) ** 2 * square / n)
    return value, of_offered, of_control


def test_with_equal_arms_a_judgement_is_the_difference_of_rates_by_hand(known):
    evidence, effects = foretelling(known, 0.3)  # far from the truth: the contacts set it right
    contacts = np.zeros(SHAPE)
    contacts[1, 1, 0, 0], contacts[2, 0, 1, 1] = 10.0, 4.0
    mean, error = value_of([judge(problem(evidence), effects, parts=(0, 1))], [contacts])
    offers = (((2, True, 0, 0), 10.0), ((3, False, 1, 1), 4.0))
    value, of_offered, of_control = by_hand(evidence, (0, 1), offers)
    assert mean == pytest.approx(value)
    assert error == pytest.approx(np.sqrt(sum(of_offered + of_control)))


def test_a_control_that_products_share_errs_for_all_of_them_together(known):
    evidence, effects = foretelling(known, 0.3)
    evidence = replace(evidence, common_control=True)
    contacts = np.zeros(SHAPE)
    contacts[1, 1, 0, 0], contacts[1, 1, 1, 0] = 10.0, 4.0
    _, error = value_of([judge(problem(evidence), effects, parts=(5,))], [contacts])
    offers = (((2, True, 0, 0), 10.0), ((2, True, 1, 0), 4.0))
    _, of_offered, of_control = by_hand(evidence, (5,), offers)
    assert error == pytest.approx(np.sqrt(sum(of_offered) + np.sqrt(of_control).sum() ** 2))


def test_contacts_without_a_channel_judge_offers_through_each(known):
    evidence, effects = foretelling(known, 0.3)
    tallies = evidence.tallies[evidence.tallies["channel"].isin(["", menu().channel_names[0]])]
    evidence = replace(evidence, tallies=tallies.assign(channel=""))
    contacts = np.zeros(SHAPE)
    contacts[1, 1, 0, 0], contacts[1, 1, 0, 1] = 10.0, 4.0
    mean, error = value_of([judge(problem(evidence), effects, parts=(0, 1))], [contacts])
    # Read as through the first channel: the same customers judge all fourteen contacts.
    first = replace(evidence, tallies=tallies)
    value, of_offered, of_control = by_hand(first, (0, 1), (((2, True, 0, 0), 14.0),))
    less = 4 * np.subtract(*menu().channels["cost"])  # of the first channel, the second
    assert mean == pytest.approx(value + less)
    assert error == pytest.approx(np.sqrt(sum(of_offered + of_control)))


def test_every_part_judges_twice_beside_two_others_of_its_half():
    mates = {part: {p for pair in JUDGING if part in pair for p in pair} for part in PARTS}
    for part, seen in mates.items():
        assert sum(part in pair for pair in JUDGING) == 2
        assert len(seen) == 3  # itself and two
        assert len({other in SECOND_HALF for other in seen}) == 1


def test_plans_that_differ_only_by_who_is_left_out_average_their_luck(known):
    evidence, effects = foretelling(known, 0.1)
    cells = [(0, 0, 0, 0), (1, 0, 0, 0)]
    judges = [judge(problem(evidence), effects, parts=parts) for parts in JUDGING]
    moving = []  # the first four plans contact one cell, the others another
    for at in range(8):
        contacts = np.zeros(SHAPE)
        contacts[cells[at // 4]] = 10.0
        moving.append(contacts)
    apart = [value_of(judges[four], moving[four])[1] for four in (slice(4), slice(4, 8))]
    assert value_of(judges, moving)[1] == pytest.approx(np.hypot(*apart) / 2)
    assert value_of(judges, [moving[0]] * 8)[1] == pytest.approx(apart[0], rel=0.02)


def test_what_no_contact_can_correct_is_worth_what_was_foretold(known):
    evidence, effects = foretelling(known, 0.02)
    tallies = evidence.tallies
    evidence = replace(evidence, tallies=tallies[tallies["segment"] != 1])
    contacts = np.zeros(SHAPE)
    contacts[0, 0, 0, 0] = 7.0
    told, error = value_of([judge(problem(evidence), effects, parts=(0, 1))], [contacts])
    margin, cost = menu().products["margin"].iloc[0], menu().channels["cost"].iloc[0]
    assert told == pytest.approx(7 * (0.02 * margin - cost))
    assert error == 0


def test_contacts_held_back_from_a_plan_earn_and_cost_nothing(known):
    evidence, effects = foretelling(known, 0.02)
    contacts = np.full(SHAPE, 5.0)
    whole, part = (
        value_of([judge(problem(evidence, share), effects, parts=(0, 1))], [contacts])
        for share in (0.0, 0.2)
    )
    assert part == pytest.approx([0.8 * value for value in whole])


def drawn(rng: np.random.Generator, chance: np.ndarray, base: float, n: int) -> Evidence:
    """A pilot in which chance deals n customers to parts, cells and arms: some stay empty."""
    offers = menu()
    groups = [(f, s, h, p) for f in PARTS for s, h, p in np.ndindex(SHAPE[:3])]
    rows = []
    dealt = rng.multinomial(n, np.full(len(groups), 1 / len(groups)))
    for (f, s, h, p), many in zip(groups, dealt, strict=True):
        arms = rng.multinomial(many, [0.3, 0.3, 0.4])
        cell = f, s + 1, bool(h), offers.product_ids[p]
        for c, size in enumerate(arms[:2]):
            sold = rng.binomial(size, chance[s, h, p, c])
            weight = size / 0.3
            rows.append((*cell, offers.channel_names[c], False, size, weight,
                         weight / 0.3, sold / 0.3))  # fmt: skip
        sold = rng.binomial(arms[2], base)
        rows.append((*cell, "", True, arms[2], arms[2] / 0.4, arms[2] / 0.16, sold / 0.4))
    columns = ["fold", *CELL, "control", "rows", "w", "w2", "wy"]
    tallies = pd.DataFrame([row for row in rows if row[6]], columns=columns)
    return Evidence(tallies.assign(wyy=tallies["wy"]), "uplift", "response", common_control=False)


def test_a_wrong_model_is_set_right_and_the_error_is_true_over_many_pilots(known):
    rng = np.random.default_rng(12)
    _, effects = foretelling(known, 0.15)  # the truth is between 0 and 0.1
    effect = rng.uniform(0, 0.1, SHAPE)
    pairs = [parts for parts in JUDGING if set(parts) <= set(SECOND_HALF)]
    plans = [rng.integers(0, 30, SHAPE).astype(float) for _ in pairs]
    margin, cost = (menu().products["margin"].to_numpy(), menu().channels["cost"].to_numpy())
    truth = float((np.mean(plans, axis=0) * (effect * margin[:, None] - cost)).sum())
    found = []
    for _ in range(120):
        asked = problem(drawn(rng, effect + 0.05, 0.05, 600))
        found.append(value_of([judge(asked, effects, parts=parts) for parts in pairs], plans))
    values, errors = np.array(found).T
    gap = (values - truth) / np.sqrt((errors**2).mean())
    assert abs(gap.mean()) < 4 / np.sqrt(len(gap))  # the standard error is 1 / sqrt(n)
    assert gap.std() == pytest.approx(1.0, abs=4 / np.sqrt(2 * len(gap)))  # 4 standard errors
