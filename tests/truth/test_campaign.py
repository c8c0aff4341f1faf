"""A field test is read near what the simulated bank knows of its contacts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pmlib.casebank import field_test, population
from pmlib.evaluation import intention_to_treat, promise_kept
from pmlib.evaluation.campaign import Campaign
from pmlib.truth.campaign import (
    beside_truth,
    potential_outcomes,
    promise_beside_truth,
    true_effects,
    true_groups,
)


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


def test_the_promise_is_set_beside_what_its_offers_truly_earned(casebank, contacts):
    offers = int((contacts["arm"] != "control").sum())
    of_card = int(
        ((contacts["arm"] != "control") & (contacts["product_id"] == "credit_card")).sum()
    )
    promise = pd.DataFrame(
        [("total", "", "", offers), ("product", "credit_card", "Card", of_card)],
        columns=["by", "key", "name", "contacts"],
    ).assign(promised=1.0, promised_low=0.0, promised_high=2.0)
    found = promise_kept(Campaign(contacts=contacts, covariates={}, promise=promise), contacts)
    true = promise_beside_truth(casebank, contacts, found)
    outcomes = potential_outcomes(casebank, contacts)
    whole = true_effects(contacts, outcomes)["incremental_profit"]
    assert true.table["truth"].iloc[0] == pytest.approx(whole)
    assert {n.key: n.value for n in true.numbers} == {"true_profit_field": pytest.approx(whole)}
    assert true.facts["promise_holds_truth"] == (0 <= whole <= 2)
    card = contacts["product_id"] == "credit_card"
    own = true_effects(contacts[card], outcomes[card])["incremental_profit"]
    assert true.table["truth"].iloc[1] == pytest.approx(own)
