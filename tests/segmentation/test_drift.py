"""The frozen scorer at two dates."""

from __future__ import annotations

import narwhals as nw
import numpy as np
import pandas as pd
import pytest

from pmlib.params import Parameters
from pmlib.segmentation import assign_customers, compare_dates, customer_features, segment
from pmlib.segmentation.drift import no_earlier_state, reading
from tests.segmentation.banks import AS_OF, days


def compared(bank, engine, *, drift_days):
    params = Parameters(drift_days=drift_days)
    return compare_dates(
        bank.tables, bank.attributes, bank.assigned, bank.features, bank.result, params,
        engine=engine,
    )  # fmt: skip


def test_migration_finds_those_who_swapped_roles(two_years, engine):
    drift = compared(two_years, engine, drift_days=365)
    assert drift.facts == {"drift": "stable"}
    assert drift.numbers[0].value == pytest.approx(160 / 200)
    # As many became busy as became quiet, so neither segments nor features shifted.
    of_segments = [label.block == "drift.segments" for label in drift.table["label"]]
    assert drift.table.loc[of_segments, "psi"].item() == pytest.approx(0.0)
    shares = drift.of("migration").pivot_table("share", "segment_then", "segment_now").to_numpy()
    np.testing.assert_allclose(shares, [[0.8, 0.2], [0.2, 0.8]])


def test_what_the_calendar_moves_is_no_drift_and_undated_holdings_are_told(two_years, engine, word):
    owned = {"customer_id": range(200), "product_id": "card", "opened_on": days(*[900, None] * 100)}
    holdings = pd.DataFrame(owned).assign(closed_on=pd.NaT).astype({"closed_on": "datetime64[s]"})
    tables = {**two_years.tables, "holdings": engine.from_pandas(holdings)}
    features = customer_features(tables, {}, as_of=AS_OF).choose("age, n_transactions")
    params = Parameters(n_segments=1, k_max=2, n_bootstrap=20, seed=1)
    result = segment(two_years.customers, features.features, params)
    assigned = assign_customers(features.frame, result.scorer, engine=engine)
    bank = two_years._replace(tables=tables, features=features, result=result, assigned=assigned)
    drift = compared(bank, engine, drift_days=365)
    assert [word(label) for label in drift.table["label"]] == ["transactions, last year"]
    assert [word(label) for label in drift.quotes["moving"]] == ["age in years"]
    assert drift.quotes["undated"].value == pytest.approx(0.5)
    assert drift.numbers[0].value is None  # in one segment everybody stays


def test_history_too_short_for_an_earlier_year_is_said(two_years, engine):
    drift = compared(two_years, engine, drift_days=500)
    assert drift.absent.block == "absent.short_history"


def test_without_dated_behaviour_there_is_no_drift(bank, engine):
    assert compared(bank, engine, drift_days=100).absent.block == "absent.no_dated_behaviour"


@pytest.mark.parametrize(
    ("psi", "expected"), [(0.05, "stable"), (0.1, "some_shift"), (0.25, "shifted")]
)
def test_a_stability_index_is_read_by_the_usual_limits(psi, expected):
    assert reading(psi) == expected


def test_where_all_joined_later_there_is_no_earlier_state(two_years):
    customers = two_years.tables["customers"].with_columns(joined_on=nw.lit(AS_OF))
    tables = {**two_years.tables, "customers": customers}
    reason = no_earlier_state(tables, Parameters(drift_days=365), as_of=AS_OF)
    assert reason.block == "absent.nobody_then"
    assert no_earlier_state(two_years.tables, Parameters(drift_days=365), as_of=AS_OF) is None
