"""What is known of customers, and what is said of segments: small banks worked out by hand."""

from __future__ import annotations

import datetime as dt

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency

from pmlib.engine import collect
from pmlib.errors import StudyError
from pmlib.segmentation import (
    assign_customers,
    compare_dates,
    customer_features,
    lifetime_value,
    map_segments,
    profile_segments,
    score_rfm,
    segment,
    segment_cards,
)
from pmlib.segmentation.profiles import explained_by_features
from pmlib.studies import Attribute

AS_OF = dt.date(2025, 12, 31)


def days(*before: int | None) -> pd.Series:
    """Dates so many days before the reference date, as a date column."""
    return pd.Series([None if n is None else AS_OF - dt.timedelta(days=int(n)) for n in before])


def small_bank(engine) -> dict:
    """Three customers: an active one, one with a single old payment, one without anything."""
    return {
        "customers": engine.from_pandas(
            pd.DataFrame(
                {
                    "customer_id": [1, 2, 3],
                    "customer_hash": [10, 20, 30],
                    "joined_on": days(1_000, 500, 10),
                    "birth_date": days(14_610, 7_305, 7_305),
                    "income": [10.0, 20.0, None],
                    "duration": [1.0, 2.0, 3.0],
                }
            )
        ),
        "products": engine.from_pandas(
            pd.DataFrame(
                {
                    "product_id": ["card", "loan"],
                    "name": ["Card", "Loan"],
                    "family": ["card", "loan"],
                    "risk_rating": [1, 1],
                    "annual_margin": [5.0, 100.0],
                }
            )
        ),
        "holdings": engine.from_pandas(
            pd.DataFrame(
                {
                    "customer_id": [1, 1, 2, 2],
                    "product_id": ["card", "loan", "card", "loan"],
                    "opened_on": days(900, 30, 400, 400),
                    "closed_on": [None, None, None, AS_OF - dt.timedelta(days=100)],
                }
            ).astype({"closed_on": "datetime64[s]"})
        ),
        "transactions": engine.from_pandas(
            pd.DataFrame(
                {
                    "customer_id": [1, 1, 1, 1, 2],
                    "booked_on": days(5, 40, 50, 60, 366),
                    "amount": [-10.0, -30.0, -20.0, 100.0, -1.0],
                    "kind": "any",
                    "channel": ["app", "app", "branch", "branch", "app"],
                }
            )
        ),
    }


ATTRIBUTES = {
    "income": Attribute("Income", "currency", "feature"),
    "duration": Attribute("Duration", "seconds", "feature", known_before_contact=False),
}


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


def test_a_year_without_transactions_is_named(engine):
    # The last transaction is 5 days old: a year and a day later there is none in the year.
    later = AS_OF + dt.timedelta(days=361)
    assert customer_features(small_bank(engine), {}, as_of=AS_OF).note == ""
    assert (
        "(the last is of 2025-12-26)" in customer_features(small_bank(engine), {}, as_of=later).note
    )


@pytest.fixture
def bank(engine, tmp_path):
    """600 customers in two groups, segmented and assigned; c and region are held out."""
    generator = np.random.default_rng(2)
    group = np.repeat([0, 1], 300)
    customers = pd.DataFrame(
        {
            "customer_id": np.arange(600),
            "customer_hash": np.arange(600) * 7_158_278,
            "a": 8.0 * group + generator.standard_normal(600),
            "b": -8.0 * group + generator.standard_normal(600),
            "c": 2.0 * group + generator.standard_normal(600),
            "region": np.where(generator.random(600) < 0.4, group, 2).astype(str),
        }
    )
    attributes = {"a": Attribute("A"), "b": Attribute("B"), "c": Attribute("C", role="descriptor")}
    tables = {"customers": engine.from_pandas(customers)}
    features = customer_features(tables, attributes, as_of=AS_OF)
    result = segment(customers, features.features, k_max=3, n_bootstrap=20, seed=1)
    assigned = assign_customers(features.frame, result.scorer, engine=engine, folder=tmp_path)
    return customers, tables, attributes, features, result, assigned, group


def test_effect_sizes_are_those_of_an_analysis_of_variance(bank):
    customers, _, _, features, result, assigned, group = bank
    profile = profile_segments(assigned, features, result, customers)
    assert result.scorer.k == 2
    mean = customers["c"].mean()
    groups = customers.groupby(group)["c"]
    between = (groups.size() * (groups.mean() - mean) ** 2).sum()
    expected = between / ((customers["c"] - mean) ** 2).sum()
    row = profile.effects.set_index("feature").loc["c"]
    assert row["role"] == "held out"
    assert row["effect"] == pytest.approx(expected)
    assert row["low"] < expected < row["high"]


def test_effect_of_a_category_is_cramers_v_corrected_for_chance(bank):
    # Bergsma 2013: phi2 and the numbers of rows and columns are each corrected; from the counts.
    customers, _, _, features, result, assigned, group = bank
    profile = profile_segments(assigned, features, result, customers)
    counts = pd.crosstab(group, customers["region"])
    phi = chi2_contingency(counts, correction=False).statistic / 600 - 2 / 599
    rows, columns = 2 - 1 / 599, 3 - 4 / 599
    row = profile.effects.set_index("feature").loc["region"]
    assert row["effect"] == pytest.approx(phi / (min(rows, columns) - 1))
    shares = profile.means[profile.means["feature"] == "region"]
    found = shares.pivot_table(index="segment", columns="label", values="mean").to_numpy()
    expected = (counts / 300).loc[:, ["0", "1", "2"]].to_numpy()
    np.testing.assert_allclose(np.sort(found, axis=None), np.sort(expected, axis=None))


def test_what_follows_from_the_features_is_no_witness():
    # A complement is determined by its feature; a shift between segments alone is a witness; the
    # rest follows from the variances: of x + noise half is explained.
    generator = np.random.default_rng(3)
    labels = np.repeat([1, 2], 2_000)
    matrix = generator.standard_normal((4_000, 2)) + 5.0 * labels[:, None]
    noise = generator.standard_normal(4_000)
    for values, expected in (
        (9 - matrix[:, 0], 1.0),
        (3.0 * labels + noise, 0.0),
        (matrix[:, 1] + noise, 0.5),
        (np.where(labels == 1, "owner", "tenant"), 1.0),
    ):
        found = explained_by_features(pd.Series(values), matrix, labels)
        assert found == pytest.approx(expected, abs=0.03)


def test_a_complement_of_a_feature_is_not_counted(bank):
    customers, _, _, features, result, assigned, _ = bank
    mirrored = customers.assign(c=-customers["a"])
    effects = profile_segments(assigned, features, result, mirrored).effects
    assert effects.set_index("feature").loc["c", "role"] == "tied to the features"


def test_sizes_are_those_of_all_customers(bank):
    customers, *_, features, result, assigned, _ = bank
    profile = profile_segments(assigned, features, result, customers)
    assert profile.segments["customers"].tolist() == [300, 300]
    assert profile.segments["share"].sum() == pytest.approx(1.0)


def test_the_map_shows_no_square_with_few_customers(bank):
    *_, result, assigned, _ = bank
    squares = map_segments(assigned, result, min_group_size=10).squares
    assert (squares["customers"] >= 10).all()


def test_a_card_compares_each_segment_with_the_bank(bank):
    customers, *_, features, result, assigned, _ = bank
    profile = profile_segments(assigned, features, result, customers)
    lifetime = lifetime_value(assigned, features, {}, as_of=AS_OF, years=5, discount_rate=0.08)
    cards = segment_cards(profile, lifetime, currency="EUR")
    assert cards["otherwise"].str.contains(r"C .* \(bank ").all()
    assert (cards["worth"] == "not recorded").all()


@pytest.fixture
def two_years(engine, tmp_path):
    """200 customers; a busy and a quiet half, where 40 swap roles between the two years."""
    generator = np.random.default_rng(4)
    customer = np.arange(200)
    busy_now = customer < 100
    busy_then = busy_now ^ (customer % 5 == 0)
    rows = []
    for start, busy in ((0, busy_now), (365, busy_then)):
        number = np.where(busy, generator.integers(50, 70, 200), generator.integers(5, 10, 200))
        who = np.repeat(customer, number)
        when = start + generator.integers(0, 365, len(who))
        amount = np.where(busy[who], 900.0, 100.0) * generator.uniform(0.5, 1.5, len(who))
        rows.append(pd.DataFrame({"customer_id": who, "when": when, "amount": amount}))
    moves = pd.concat(rows, ignore_index=True)
    moves["booked_on"] = days(*moves.pop("when"))
    customers = pd.DataFrame(
        {
            "customer_id": customer,
            "customer_hash": customer * 21_474_836,
            "birth_date": days(*(9_000 + 3_000 * busy_now + generator.integers(0, 9_000, 200))),
        }
    )
    tables = {
        "customers": engine.from_pandas(customers),
        "transactions": engine.from_pandas(moves.assign(kind="any", channel="any")),
    }
    features = customer_features(tables, {}, as_of=AS_OF).choose("n_transactions")
    sample = collect(features.frame, sort_by=["customer_id"])
    result = segment(sample, features.features, n_segments=2, k_max=2, n_bootstrap=20, seed=1)
    folder = tmp_path / "now"
    folder.mkdir()
    assigned = assign_customers(features.frame, result.scorer, engine=engine, folder=folder)
    return tables, features, sample, result, assigned


def test_migration_finds_those_who_swapped_roles(two_years, engine, tmp_path):
    tables, features, _, result, assigned = two_years
    drift = compare_dates(
        assigned, features, result, tables, {}, days=365, engine=engine, folder=tmp_path
    )
    assert drift.numbers[0].value == pytest.approx(160 / 200)
    # As many became busy as became quiet, so neither segments nor features shifted.
    assert drift.stability.set_index("label").loc["segments", "psi"] == pytest.approx(0.0)
    shares = drift.migration.pivot_table("share", "segment_then", "segment_now").to_numpy()
    np.testing.assert_allclose(shares, [[0.8, 0.2], [0.2, 0.8]])


def test_what_the_calendar_moves_is_no_drift_and_undated_holdings_are_told(
    two_years, engine, tmp_path
):
    tables, _, sample, _, _ = two_years
    owned = {"customer_id": range(200), "product_id": "card", "opened_on": days(*[900, None] * 100)}
    holdings = pd.DataFrame(owned).assign(closed_on=pd.NaT).astype({"closed_on": "datetime64[s]"})
    tables = {**tables, "holdings": engine.from_pandas(holdings)}
    features = customer_features(tables, {}, as_of=AS_OF).choose("age, n_transactions")
    result = segment(sample, features.features, n_segments=1, k_max=2, n_bootstrap=20, seed=1)
    folder = tmp_path / "now"
    assigned = assign_customers(features.frame, result.scorer, engine=engine, folder=folder)
    drift = compare_dates(
        assigned, features, result, tables, {}, days=365, engine=engine, folder=tmp_path
    )
    assert list(drift.stability["label"]) == ["transactions, last year"]
    assert "age in years" in drift.text
    assert "Of the holdings 50 %" in drift.text
    assert drift.numbers[0].value is None  # in one segment everybody stays


def test_history_too_short_for_an_earlier_year_is_said(two_years, engine, tmp_path):
    tables, features, _, result, assigned = two_years
    drift = compare_dates(
        assigned, features, result, tables, {}, days=500, engine=engine, folder=tmp_path
    )
    assert not drift.found
    assert "do not reach back" in drift.text


def test_scores_are_fifths_of_the_customers(two_years):
    _, features, sample, _, assigned = two_years
    rfm = score_rfm(assigned, features, sample, min_group_size=1)
    frequency = 1 + pd.qcut(sample["n_transactions"], 5, labels=False)
    recency = 5 - pd.qcut(sample["recency"], 5, labels=False)
    expected = pd.crosstab([recency, frequency], "customers")["customers"]
    found = rfm.grid.set_index(["recency_score", "frequency_score"])["customers"]
    assert found.to_dict() == expected.to_dict()
    # The share of the variance of age, corrected for the number of groups: 1 - MS within / MS.
    age, group = sample["age"], sample["customer_id"] < 100
    within = age.groupby(group).transform(lambda x: x - x.mean()).pow(2).sum() / 198
    explained = rfm.explained.set_index("label").loc["age in years", "segments"]
    assert explained == pytest.approx(1 - within / age.var())


def test_without_dated_behaviour_there_is_no_drift(bank, engine, tmp_path):
    _, tables, attributes, features, result, assigned, _ = bank
    drift = compare_dates(
        assigned, features, result, tables, attributes, days=100, engine=engine, folder=tmp_path
    )
    assert not drift.found
    assert "no dated behaviour" in drift.text


def test_without_transactions_there_are_no_scores(bank):
    customers, *_, features, _, assigned, _ = bank
    assert not score_rfm(assigned, features, customers).found


def test_lifetime_value_is_the_formula_s(engine):
    # Customers 1 and 2 are segment 1 with margins 105 and 5. Of their three products held a year
    # ago (two cards, one loan) two are still held: value = 55 (1 + q + q**2), q = (2/3) / 1.1.
    features = customer_features(small_bank(engine), ATTRIBUTES, as_of=AS_OF)
    one = features.frame.filter(nw.col("customer_id").is_in([1, 2])).with_columns(
        nw.lit(1).cast(nw.Int64).alias("segment")
    )
    table = lifetime_value(
        one, features, small_bank(engine), as_of=AS_OF, years=3, discount_rate=0.1
    ).table
    q = (2 / 3) / 1.1
    assert table["retention"].iloc[0] == pytest.approx(2 / 3)
    assert table["value"].iloc[0] == pytest.approx(55 * (1 + q + q**2))
    assert table["low"].iloc[0] < table["value"].iloc[0] < table["high"].iloc[0]
