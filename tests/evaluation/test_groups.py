"""Effects by segment: corrected for looking at many, tested for equality."""

from __future__ import annotations

import numpy as np
import pytest

from pmlib.evaluation import effects_by, intention_to_treat


def test_segment_effects_are_those_of_the_segment_alone(campaign):
    contacts = campaign()
    own = effects_by(contacts, "segment").table
    own = own[(own["segment"] == 2) & (own["outcome"] == "responded")].iloc[0]
    alone = intention_to_treat(contacts[contacts["segment"] == 2]).table.iloc[0]
    assert (own["effect"], own["low"]) == (alone["effect"], alone["low"])


def test_a_segment_without_any_buyer_is_not_taken_to_be_sure(campaign):
    contacts = campaign()
    contacts.loc[contacts["segment"] == 2, ["responded", "value"]] = [False, 0.0]
    row = effects_by(contacts, "segment").of("profit-by-segment").set_index("segment").loc[2]
    # Wilson's upper limit of 0 in n is z^2 / (n + z^2); every sale of the campaign brings 100, a
    # contact costs 2.
    up, up_control = (100 * 1.96**2 / (row[n] + 1.96**2)
                      for n in ("customers", "customers_control"))  # fmt: skip
    assert row["effect"] == -2.0
    assert row["low"] == pytest.approx(-2 - up_control, rel=1e-3)
    assert row["high"] == pytest.approx(-2 + up, rel=1e-3)


def test_segment_p_values_are_corrected_by_holm(campaign):
    table = effects_by(campaign(), "segment").table
    p = table.loc[table["outcome"] == "responded", ["p_value", "p_adjusted"]].to_numpy()
    p = p[p[:, 0].argsort()]
    # Holm (1979) by hand: multiply by 3, 2, 1, keep the order, cap at 1.
    by_hand = np.minimum(np.maximum.accumulate(p[:, 0] * [3, 2, 1]), 1)
    assert np.allclose(p[:, 1], by_hand)


def test_heterogeneity_is_found_where_planted(campaign):
    contacts = campaign(20_000, uplift=0.0)
    lifted = (contacts["segment"] == 1) & (contacts["arm"] == "offer")
    rng = np.random.default_rng(5)
    contacts.loc[lifted, "responded"] = rng.random(lifted.sum()) < 0.3
    found = effects_by(contacts, "segment")
    tests = found.of("heterogeneity").set_index("outcome")
    assert tests.loc["responded", "p_value"] < 1e-6
    assert found.facts["segment_effects"] == "differ"


def test_small_groups_are_left_out(campaign):
    contacts = campaign()
    contacts.loc[:5, "segment"] = 9
    assert 9 not in set(effects_by(contacts, "segment", minimum=10).table["segment"])


def test_an_effect_that_harms_is_not_counted_as_success(campaign):
    contacts = campaign(20_000)
    harmed = (contacts["segment"] == 2) & (contacts["arm"] != "control")
    contacts.loc[harmed, "responded"] = False
    found = effects_by(contacts, "segment")
    own = found.of("responded").set_index("segment")
    assert own.loc[2, "high"] < 0
    assert own.loc[2, "p_adjusted"] < 0.05
    assert found.quotes["harmed"].value == 1
