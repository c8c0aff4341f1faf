"""Interim looks, false alarms, and the power of a campaign."""

from __future__ import annotations

import numpy as np
import pytest

from pmlib.evaluation import interim_looks, power_curve
from pmlib.evaluation.looks import false_alarms, sequence_radius
from pmlib.texts import open_language


def test_looking_often_raises_false_alarms_but_not_those_of_the_sequence():
    # Armitage, McPherson & Rowe (1969), table 2: 19.3 % after ten looks at the 5 % level.
    alarms = false_alarms(10, error_rate=0.05, seed=1).iloc[-1]
    assert alarms["plain"] == pytest.approx(0.193, abs=0.01)
    assert alarms["sequence"] < 0.05


def test_the_sequence_holds_at_every_one_of_many_looks():
    rng = np.random.default_rng(5)
    count = np.arange(1, 2_001)
    mean = rng.standard_normal((2_000, 2_000)).cumsum(axis=1) / count
    radius = sequence_radius(count, error_rate=0.05, aimed_at=500)
    missed = (np.abs(mean) > radius).any(axis=1).mean()
    assert missed < 0.05


def test_the_last_look_is_the_plain_difference(trial):
    contacts = trial(2_000)
    last = interim_looks(contacts, seed=1).table.iloc[-1]
    rate = contacts.groupby("arm")["responded"].mean()
    assert last["effect"] == pytest.approx(rate["offer"] - rate["control"])
    assert last["always_low"] < last["low"]


def test_power_is_80_per_cent_at_the_detectable_difference(trial):
    contacts = trial(2_000)
    curve = power_curve(contacts).table
    own = curve[curve["effect"] == sorted(set(curve["effect"]))[2]]
    power = np.interp(2_000, own["customers"], own["power"])
    assert power == pytest.approx(0.8, abs=0.01)


def test_a_small_campaign_is_not_looked_at_many_times(trial):
    assert interim_looks(trial(99), seed=1).absent.block == "absent.few_to_look"
    assert interim_looks(trial(100), seed=1).absent is None


def test_power_where_the_control_bought_nothing_is_that_of_one_sale(trial):
    # Without a sale in the control the variance would be 0, and any difference would show.
    contacts = trial(400)
    control = contacts.index[contacts["arm"] == "control"]
    contacts.loc[control, "responded"] = False
    none = power_curve(contacts).quotes["detectable"].value
    contacts.loc[control[0], "responded"] = True
    assert none == power_curve(contacts).quotes["detectable"].value > 0.02


def test_a_campaign_too_small_to_show_anything_says_so(trial):
    contacts = trial(400).groupby("arm").head(2).copy()
    contacts["responded"] = contacts["arm"] == "offer"
    curve = power_curve(contacts)
    assert curve.quotes["detectable"].value is None
    text = open_language("en").render("campaign_evaluation", "power", curve.quotes)
    assert "no difference would show" in text
    assert curve.table["power"].notna().all()
