"""A field test is read near what the simulated bank knows of its contacts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pmlib.casebank import field_test, population
from pmlib.evaluation import intention_to_treat
from pmlib.truth.campaign import beside_truth, potential_outcomes, true_effects, true_groups


@pytest.fixture(scope="module")
def contacts(casebank):
    """Every customer planned for one product by telephone, a third held out, as the field tells."""
    ids = population(casebank).customers["customer_id"]
    rng = np.random.default_rng(1)
    plan = pd.DataFrame(
        {
            "customer_id": ids,
            "product_id": np.where(np.arange(len(ids)) % 2, "credit_card", "mutual_fund"),
            "channel": "phone",
            "arm": np.where(rng.random(len(ids)) < 1 / 3, "control", "offer"),
            "segment": 1 + np.arange(len(ids)) % 3,
        }
    )
    plan["propensity"] = np.where(plan["arm"] == "control", 1 / 3, 2 / 3)
    field = field_test(casebank, plan, seed=3)
    own = {"arm_propensity": plan["propensity"], "segment": plan["segment"], "channel": "phone"}
    return field.assign(**own)


def test_a_field_test_is_read_near_the_truth(casebank, contacts):
    effects = intention_to_treat(contacts)
    truth = true_effects(contacts, potential_outcomes(casebank, contacts))
    # Within four standard errors: a miss is a fault, not bad luck.
    row = effects.table.set_index("outcome").loc["responded"]
    assert abs(row["effect"] - truth["effect_responded"]) < 4 * row["standard_error"]
    assert len(beside_truth(effects.numbers, truth)) == 6


def test_potential_outcomes_are_those_of_the_world(casebank, contacts):
    known = population(casebank)
    found = potential_outcomes(casebank, contacts)
    kind, held = known.look_up(contacts["customer_id"])
    for row in (0, 1):
        own = contacts.iloc[row]
        for column, channel in (("p0", None), ("p1", own["channel"])):
            chance = known.world.response_probability(own["product_id"], channel, held, kind)
            assert found[column].iloc[row] == pytest.approx(chance[row])


def test_effects_of_groups_beside_the_truth_by_hand():
    contacts = pd.DataFrame({"segment": [1, 1, 2]})
    outcomes = pd.DataFrame({"p0": [0.1, 0.1, 0.2], "p1": [0.2, 0.4, 0.2]})
    estimates = pd.DataFrame(
        {"segment": [1, 2], "effect": [0.25, 0.1], "low": [0.2, 0.05], "high": [0.3, 0.15]}
    )
    table = true_groups(contacts, outcomes, estimates, "segment")
    assert table["truth"].tolist() == pytest.approx([0.2, 0.0])
    assert table["covered"].tolist() == [True, False]
