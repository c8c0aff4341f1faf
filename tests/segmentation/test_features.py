"""What is known of customers: a small bank worked out by hand."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from pmlib.engine import collect
from pmlib.errors import StudyError
from pmlib.segmentation import customer_features, draw_sample
from tests.segmentation.banks import AS_OF, ATTRIBUTES, one_group, small_bank


def test_features_are_those_worked_out_by_hand(engine):
    features = customer_features(small_bank(engine), ATTRIBUTES, as_of=AS_OF)
    table = collect(features.frame, sort_by=["customer_id"]).set_index("customer_id")
    assert list(table["recency"]) == [5, 365, 365]
    assert list(table["n_transactions"]) == [4, 0, 0]
    assert list(table["money_in"]) == [100, 0, 0]
    assert list(table["money_out"]) == [60, 0, 0]
    assert list(table["tenure"]) == [1_000, 500, 10]
    assert list(table["n_products"]) == [2, 1, 0]
    assert list(table["annual_margin"]) == [105, 5, 0]
    assert list(table["age"].round(2)) == [40, 20, 20]
    # Two of the three payments by app; the least used channel is no feature of its own.
    assert table["share_1_app"].iloc[0] == pytest.approx(2 / 3)
    assert table["share_1_app"].iloc[1:].isna().all()
    assert features.channels == ("app",)


def test_features_on_disk_are_the_same(engine):
    features = customer_features(small_bank(engine), ATTRIBUTES, as_of=AS_OF)
    told, stored = (
        collect(table.frame, sort_by=["customer_id"])
        for table in (features, features.stored(engine))
    )
    pd.testing.assert_frame_equal(stored, told)


def test_what_is_known_only_after_a_contact_is_no_feature(engine):
    features = customer_features(small_bank(engine), ATTRIBUTES, as_of=AS_OF)
    assert "income" in [feature.name for feature in features.features]
    assert "duration" not in features.frame.collect_schema()


def test_customers_who_join_later_are_left_out(engine):
    earlier = AS_OF - dt.timedelta(days=100)
    features = customer_features(small_bank(engine), ATTRIBUTES, as_of=earlier)
    table = collect(features.frame, sort_by=["customer_id"])
    assert list(table["customer_id"]) == [1, 2]
    assert list(table["n_products"]) == [1, 1]


def test_chosen_features_hold_all_others_out(engine):
    features = customer_features(small_bank(engine), ATTRIBUTES, as_of=AS_OF)
    chosen = features.choose("age, tenure")
    assert [feature.name for feature in chosen.features] == ["age", "tenure"]
    assert "recency" in [feature.name for feature in chosen.descriptors]


def test_an_unknown_feature_is_refused_with_the_nearest(engine):
    features = customer_features(small_bank(engine), ATTRIBUTES, as_of=AS_OF)
    with pytest.raises(StudyError, match=r"(?s)unknown.*recency.*found:\s+recensy"):
        features.choose("recensy")


@pytest.mark.parametrize(
    ("names", "message"), [("age, age", "given twice"), (" , ", "No feature to cluster on")]
)
def test_a_choice_of_features_must_make_sense(engine, names, message):
    features = customer_features(small_bank(engine), ATTRIBUTES, as_of=AS_OF)
    with pytest.raises(StudyError, match=message):
        features.choose(names)


def test_what_is_made_of_products_held_is_no_independent_witness(engine):
    features = customer_features(small_bank(engine), ATTRIBUTES, as_of=AS_OF)
    assert features.tied == {"annual_margin", "holds_card", "holds_loan"}
    assert not features.choose("age, tenure").tied


def test_a_year_without_transactions_is_told(engine):
    # The last transaction is 5 days old: a year and a day later there is none in the year.
    later = AS_OF + dt.timedelta(days=361)
    assert customer_features(small_bank(engine), {}, as_of=AS_OF).facts == {"behaviour": "known"}
    none = customer_features(small_bank(engine), {}, as_of=later)
    assert none.facts == {"behaviour": "none"}
    assert none.quotes["last_booked"] == dt.date(2025, 12, 26)
    only = {"customers": small_bank(engine)["customers"]}
    assert customer_features(only, {}, as_of=AS_OF).facts == {"behaviour": "unrecorded"}


def test_a_sample_is_exact_in_size_and_repeatable(engine):
    frame = engine.from_pandas(one_group(1_000).assign(customer_hash=lambda f: f["a"].rank() * 4e6))
    drawn = draw_sample(frame, size=100, seed=5)
    assert len(drawn) == 100
    pd.testing.assert_frame_equal(drawn, draw_sample(frame, size=100, seed=5))
