"""People not contacted yet are ranked by models of those who were."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pmlib.evaluation import prospects, rank_prospects
from pmlib.evaluation.prospects import profiles


def test_prospects_are_ranked_by_a_model_of_the_contacted(lazy, trial):
    contacts, people = trial(2_000), trial(1_000, seed=9)
    for frame in (contacts, people):
        frame["responded"] = frame["x"] > 0.19
    tables = {"prospects": lazy(people[["customer_id", "x", "noise"]])}
    result = rank_prospects(tables, contacts, ["x", "noise"], seed=1)
    first = people.set_index("customer_id").loc[result.of("ranking")["customer_id"].head(30), "x"]
    assert first.min() > 0.15
    assert result.table["chosen"].sum() == 1
    assert not result.facts["prospects_scored"]


def test_known_answers_of_prospects_score_the_ranking(lazy, trial):
    contacts, people = trial(2_000), trial(1_000, seed=9)
    for frame in (contacts, people):
        frame["responded"] = frame["x"] > 0.19
    tables = {"prospects": lazy(people[["customer_id", "x", "responded"]])}
    result = rank_prospects(tables, contacts, ["x"], seed=1)
    found = {number.key: number.value for number in result.numbers}["prospects_found"]
    assert found == people["responded"].sum()


def test_prospects_without_common_features_or_buyers_are_not_ranked(lazy, trial):
    tables = {"prospects": lazy(pd.DataFrame({"customer_id": [1]}))}
    assert rank_prospects(tables, trial(100), ["x"], seed=1).absent.block == (
        "absent.no_common_feature"
    )
    tables = {"prospects": lazy(pd.DataFrame({"customer_id": [1], "x": [0.5]}))}
    nobody = trial(100).assign(responded=False)
    assert rank_prospects(tables, nobody, ["x"], seed=1).absent.block == "absent.few_contacted"


def test_without_prospects_or_contacts_nobody_is_ranked(lazy):
    tables = {"prospects": lazy(pd.DataFrame({"customer_id": [1]}))}
    reasons = [
        rank_prospects(given, pd.DataFrame(), ["x"], seed=1).absent.block for given in ({}, tables)
    ]
    assert reasons == ["absent.tables", "absent.no_contacts"]


def test_customers_alike_are_never_learnt_from_and_judged(monkeypatch):
    """Each profile bought as a coin fell: a model that learns it by heart finds nothing new."""
    rng = np.random.default_rng(2)
    values = pd.DataFrame({"code": np.repeat([f"c{i:03d}" for i in range(100)], 4)})
    bought = np.repeat(rng.random(100) < 0.4, 4)
    np.testing.assert_array_equal(profiles(values), np.repeat(np.arange(100), 4))
    shared = []

    def scores(x, y, new, _):
        shared.append(set(x["code"]) & set(new["code"]))
        heart = pd.Series(y).groupby(x["code"].to_numpy()).mean()
        return {"heart": new["code"].map(heart).fillna(rng.random()).to_numpy(dtype=float)}

    monkeypatch.setattr(prospects, "_all_scores", scores)
    table, _ = prospects._cross_validated(values, bought, 1)
    assert shared == [set()] * 10
    assert table.loc[0, "auc"] == pytest.approx(0.5)


def test_five_customers_of_one_profile_are_no_five_kinds(lazy, trial):
    contacts = trial(100).assign(x=1.0)
    contacts["responded"] = np.arange(100) < 20
    tables = {"prospects": lazy(pd.DataFrame({"customer_id": [1], "x": [0.5]}))}
    assert rank_prospects(tables, contacts, ["x"], seed=1).absent.block == "absent.few_contacted"
