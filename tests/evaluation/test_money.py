"""Verdicts on money, by hand: did the campaign pay, and what does that say to do."""

from __future__ import annotations

import pandas as pd
import pytest

from pmlib.evaluation.money import campaign_decision, interval_facts
from pmlib.numbers import Number


@pytest.mark.parametrize(
    ("effect", "low", "high", "verdict"),
    [
        (0.02, 0.01, 0.03, "more"),
        (0.02, -0.01, 0.05, "maybe_more"),
        (-0.01, -0.03, 0.01, "maybe_fewer"),
        (0.0, -0.02, 0.02, "alike"),
        (-0.02, -0.03, -0.01, "fewer"),
    ],
)
def test_an_effect_is_told_by_its_interval(effect, low, high, verdict):
    effects = pd.DataFrame({"effect": [effect], "low": [low], "high": [high]})
    assert interval_facts(effects, pd.DataFrame()) == {"response_effect": verdict}


@pytest.mark.parametrize(
    ("low", "high", "paid", "decision"),
    [
        (5.0, 9.0, "paid", "repeat"),
        (-5.0, 9.0, "open", "test_again"),
        (-9.0, -5.0, "lost", "stop"),
    ],
)
def test_a_campaign_is_repeated_where_its_profit_is_sure(low, high, paid, decision):
    effects = pd.DataFrame({"effect": [0.1], "low": [0.0], "high": [0.2]})
    money = pd.DataFrame({"incremental_profit_low": [low], "incremental_profit_high": [high]})
    assert interval_facts(effects, money)["campaign_paid"] == paid
    numbers = [Number("incremental_profit", (low + high) / 2, "currency", low, high)]
    _, facts = campaign_decision(numbers, value_is="margin")
    assert facts["campaign_decision"] == decision
    assert facts["campaign_earned"] == ("loss" if low + high < 0 else "gain")


def test_the_best_offer_decides_where_one_leads():
    numbers = [
        Number("incremental_profit", 1.0, "currency", -1, 3), Number("best_arm", "mail"),
        Number("best_arm_profit", 2.0, "currency", 1, 3), Number("best_arm_roi", 4.0, "share"),
    ]  # fmt: skip
    more, facts = campaign_decision(numbers, value_is="sales")
    assert facts["campaign_decision"] == "repeat_best"
    # Sales of 5 for each unit of cost: a margin of a fifth pays it.
    assert [(number.key, number.value) for number in more] == [("best_arm_break_even_margin", 0.2)]


def test_without_a_profit_there_is_nothing_to_decide():
    assert campaign_decision([Number("best_arm", None)], value_is="sales") == ((), {})
