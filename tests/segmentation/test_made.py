"""Segments made to serve: what outcomes say of them, and when they are adopted."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from pmlib import studies
from pmlib.engine import collect
from pmlib.numbers import Phrase
from pmlib.params import Parameters
from pmlib.segmentation import (
    customer_features,
    draw_sample,
    gain,
    make_segments,
    name_segments,
    segment,
)
from pmlib.segmentation.gain import LIFT, Scores, judge
from pmlib.segmentation.outcomes import Outcome, judging_day, study_outcomes
from tests import own_banks

PARAMS = Parameters(k_max=2, n_bootstrap=10, seed=5)
N = 3_000


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def outcome(y: np.ndarray, **columns: object) -> Outcome:
    """Anything known of customers 0, 1, …"""
    rows = pd.DataFrame({"customer_id": np.arange(len(y)), "y": y, "stratum": 0, **columns})
    return Outcome(Phrase("made.held", {"product": "p"}), "held", "share", rows)


def labels_of(place: np.ndarray) -> pd.Series:
    return pd.Series(place + 1, index=pd.RangeIndex(len(place)))


def test_the_share_explained_is_the_adjusted_r_squared_of_the_segments(rng):
    place = rng.integers(3, size=400)
    y = np.array([0.0, 0.3, 1.0])[place] + rng.standard_normal(400)
    fit = sm.OLS(y, pd.get_dummies(place, dtype=float)).fit()
    verdict = judge(
        Scores.of([outcome(y)], pd.RangeIndex(400)), labels_of(place), rival=None, same=False,
        params=PARAMS,
    )  # fmt: skip
    numbers = {number.key: number for number in verdict.numbers}
    assert numbers["made_explained"].value == pytest.approx(fit.rsquared_adj)
    assert numbers["made_p"].value == pytest.approx(0.001)
    assert verdict.facts["made_test"] == "passed"
    assert verdict.tables["made-test"]["segment"].tolist() == [3]
    here = verdict.tables["made-test"]["here"][0]
    assert here.value == pytest.approx(y[place == 2].mean())


def test_an_effect_s_score_has_the_difference_of_the_arms_as_its_mean(rng):
    treated, y = rng.random(500) < 0.3, rng.random(500)
    rows = {"treated": treated, "weight": 2.0}
    found = replace(outcome(y, **rows), kind="uplift").scores(pd.RangeIndex(500))
    assert found["score"].mean() == pytest.approx(y[treated].mean() - y[~treated].mean())
    # The variance of its mean is that of a difference of two means.
    arms = (y[treated], y[~treated])
    error = np.sqrt(sum(arm.var(ddof=0) / len(arm) for arm in arms))
    assert found["score"].std(ddof=0) / np.sqrt(500) == pytest.approx(error)


def test_within_strata_segments_that_are_the_strata_explain_nothing(rng):
    """Months with other rates, and segments that are months: nothing is left within months."""
    month = rng.integers(2, size=N)
    y = (rng.random(N) < np.where(month == 1, 0.4, 0.1)).astype(float)
    one = outcome(y)
    for stratum, adopted in ((0, True), (month, False)):
        there = replace(one, rows=one.rows.assign(stratum=stratum))
        verdict = judge(
            Scores.of([there], pd.RangeIndex(N)), labels_of(month), rival=None, same=False,
            params=PARAMS,
        )  # fmt: skip
        assert (verdict.facts["made_test"] == "passed") is adopted


def test_a_difference_below_the_lift_is_not_acted_on(rng):
    place = rng.integers(2, size=N)
    y = (rng.random(N) < np.where(place == 1, 0.7, 0.5)).astype(float)
    verdict = judge(
        Scores.of([outcome(y)], pd.RangeIndex(N)), labels_of(place), rival=None, same=False,
        params=PARAMS,
    )  # fmt: skip
    assert verdict.facts["made_test"] == "no_lift"
    assert verdict.tables["made-test"]["lift"][0] < LIFT


def test_better_than_another_partition_is_said_with_an_interval(rng):
    place = rng.integers(2, size=N)
    y = place + rng.standard_normal(N)
    other = labels_of(rng.integers(2, size=N))
    for rival, told in ((other, "more"), (labels_of(place), "open")):
        verdict = judge(
            Scores.of([outcome(y)], pd.RangeIndex(N)), labels_of(place), rival=rival, same=False,
            params=PARAMS,
        )  # fmt: skip
        assert verdict.facts["made_against_rfm"] == told


def test_p_values_are_uniform_where_segments_tell_nothing(rng, monkeypatch):
    """Of 40 tests of segments drawn by chance about 20 have p to one half; 7 to 33 in 99.999 %."""
    monkeypatch.setattr(gain, "PERMUTATIONS", 99)
    below = 0
    for _ in range(40):
        y = (rng.random(200) < 0.3).astype(float)
        scores = Scores.of([outcome(y)], pd.RangeIndex(200))
        found = judge(scores, labels_of(rng.integers(2, size=200)), rival=None, same=False,
                      params=PARAMS)  # fmt: skip
        below += {n.key: n.value for n in found.numbers}["made_p"] <= 0.5
    assert 7 <= below <= 33


def frames(effect: float) -> own_banks.Frames:
    """A bank without kinds of customers, whose offer works for those who bought shoes only."""
    rng = np.random.default_rng(11)
    ids = [f"K{i:05d}" for i in range(N)]
    shoes, income = rng.random(N) < 0.5, rng.lognormal(8, 0.4, N)
    control = rng.random(N) < 0.5
    bought = rng.random(N) < 0.1 + effect * shoes * ~control
    return {
        "customers": pd.DataFrame(
            {"customer_id": ids, "income": income.round(2), "job": np.where(shoes, "yes", "no"),
             "birth_date": dt.date(1980, 1, 1)}
        ),
        "contacts": pd.DataFrame(
            {"campaign_id": "spring", "customer_id": ids, "contacted_on": dt.date(2024, 5, 1),
             "arm": np.where(control, "control", "offer"), "product_id": None, "channel": "mail",
             "cost": 0.0, "propensity": 0.5, "responded": bought, "value": None}
        ),
    }  # fmt: skip


@pytest.fixture(scope="module")
def bank(tmp_path_factory, engine):
    """Study and sample of a bank with an effect, by the size of it."""

    def made(effect: float):
        folder = own_banks.write(
            tmp_path_factory.mktemp("made"), frames(effect),
            attributes={"income": {"label": "Income", "unit": "EUR"}, "job": {"label": "Shoes"}},
        )  # fmt: skip
        study = studies.prepare(folder, PARAMS)
        tables = {name: study.scan(name, engine) for name in study.tables}
        features = customer_features(tables, study.attributes, as_of=study.as_of)
        sample = draw_sample(features.frame, size=1_000, seed=5)
        return study, features, sample, segment(sample, features.features, PARAMS)

    return {effect: made(effect) for effect in (0.0, 0.25)}


def test_segments_are_made_where_none_are_found_and_an_offer_works_for_some(bank, engine, word):
    study, features, sample, result = bank[0.25]
    assert result.facts["segments"] == "none"
    made = make_segments(result, sample, features, study, engine, PARAMS)
    assert (made.facts["segments"], made.facts["making"]) == ("made", "adopted")
    assert made.facts["number_of_segments"] == "several"
    assert {n.key: n.value for n in made.numbers}["n_segments"] == made.scorer.k == 2
    # Who bought shoes is what the offer depends on, and what the segments are.
    shares = pd.crosstab(made.labels, sample["job"], normalize="index")
    assert shares.max(axis=1).min() > 0.9
    test = made.tables["made-test"].iloc[0]
    assert test["here"].value == pytest.approx(0.25, abs=0.06)
    assert test["lift"] == pytest.approx(2, abs=0.4)
    named = name_segments(made, sample, word)
    assert all(name.endswith(" (made)") for name in named.scorer.names)
    assert set(named.tables["made-test"]["segment"]) <= set(named.scorer.names)


@pytest.mark.parametrize(
    ("changes", "making"),
    [({"made_segments": False}, "off"), ({"n_segments": 1}, "asked")],
)
def test_what_is_not_to_be_made_is_not(bank, engine, changes, making):
    study, features, sample, result = bank[0.25]
    params = Parameters(**{**PARAMS.model_dump(), **changes})
    made = make_segments(result, sample, features, study, engine, params)
    assert (made.facts["making"], made.scorer.k) == (making, 1)


def test_segments_that_do_not_serve_are_not_made(bank, engine):
    study, features, sample, result = bank[0.0]
    made = make_segments(result, sample, features, study, engine, PARAMS)
    assert made.facts["making"] in ("no_candidate", "not_adopted")
    assert (made.facts["segments"], made.scorer.k) == ("none", 1)


def test_features_are_those_of_the_day_before_the_first_contact(bank, engine):
    study, _, _, _ = bank[0.25]
    assert judging_day(study, engine) == (dt.date(2024, 4, 30), ["spring"])


def test_acquired_is_what_those_without_it_open_later(tmp_path, engine):
    """Worked by hand: of four, one has it before, two open it in the year, one has another."""
    held = pd.DataFrame(
        {"customer_id": ["a", "b", "c", "d"], "product_id": ["p", "p", "p", "q"],
         "opened_on": [dt.date(2020, 1, 1), dt.date(2024, 2, 1), dt.date(2024, 3, 1), None],
         "closed_on": None}
    )  # fmt: skip
    bank = {
        "customers": pd.DataFrame({"customer_id": ["a", "b", "c", "d"]}),
        "products": pd.DataFrame(
            {"product_id": ["p", "q"], "name": ["P", "Q"], "family": "f", "risk_rating": None,
             "annual_margin": 1.0}
        ).astype({"risk_rating": "Int64"}),
        "holdings": held,
    }  # fmt: skip
    study = studies.prepare(own_banks.write(tmp_path, bank), PARAMS)
    day, drawn = judging_day(study, engine)
    assert day == own_banks.AS_OF - dt.timedelta(days=365)
    found = study_outcomes(study, engine, study.scan("customers", engine), day=day, drawn=drawn)
    told = {(o.kind, o.label.quotes["product"]): o.rows.set_index("customer_id")["y"].to_dict()
            for o in found}  # fmt: skip
    assert told == {
        ("acquired", "P"): {"b": 1.0, "c": 1.0, "d": 0.0},
        ("held", "Q"): {"a": 0.0, "b": 0.0, "c": 0.0, "d": 1.0},
    }
    assert collect(study.scan("customers", engine), sort_by=["customer_id"]).shape[0] == 4
