"""The quality of the data, against tables damaged on purpose."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from pmlib import profiling

AS_OF = dt.date(2025, 6, 30)


def test_ranges_show_no_single_customers_value(lazy, ids):
    income = [1.0, *range(100, 150), 1e9]
    customers = lazy(pd.DataFrame({"customer_id": ids(52), "income": income}))
    columns = profiling.data_quality({"customers": customers}, as_of=AS_OF).of("columns")
    row = columns.set_index("column").loc["income"]
    assert (row["low"], row["high"]) == ("108", "141")  # the tenth value from each end


def test_missing_unknown_and_constant_columns_are_found(lazy, ids):
    customers = pd.DataFrame(
        {
            "customer_id": ids(50),
            "job": ["Unknown "] * 12 + ["clerk"] * 38,
            "bank": ["one"] * 50,
            "income": [None] * 20 + [1.0] * 30,
        }
    )
    findings = profiling.data_quality({"customers": lazy(customers)}, as_of=AS_OF).of("findings")
    found = {(row.column, row.finding): row.rows for row in findings.itertuples()}
    assert found == {
        ("job", "coded_unknown"): 12, ("bank", "one_value"): 50, ("income", "no_value"): 20,
    }  # fmt: skip


def test_impossible_combinations_and_repeated_rows_are_found(lazy, ids):
    customers = pd.DataFrame(
        {
            "customer_id": ids(40),
            "birth_date": ["2015-01-01"] * 15 + ["1980-01-01"] * 25,
            "joined_on": ["2024-01-01"] * 40,
        }
    )
    transactions = pd.DataFrame(
        {"customer_id": ids(20) * 2, "booked_on": ["2023-01-01"] * 40, "amount": [1.0] * 40}
    )
    tables = {"customers": lazy(customers), "transactions": lazy(transactions)}
    findings = profiling.data_quality(tables, as_of=AS_OF).of("findings")
    found = {row.finding: row.rows for row in findings.itertuples()}
    assert found["under_18"] == 15
    assert found["before_joining"] == 40
    assert found["repeated_rows"] == 20


def test_a_finding_on_few_customers_hides_their_number(lazy, ids):
    customers = pd.DataFrame(
        {"customer_id": ids(50), "income": [None] * 3 + [1.0, 2.0] * 23 + [1.0]}
    )
    findings = profiling.data_quality({"customers": lazy(customers)}, as_of=AS_OF).of("findings")
    assert findings["rows"].isna().all()


def test_rows_are_not_told_where_the_rest_would_tell_how_few_hold_a_product(lazy, ids):
    customers = lazy(pd.DataFrame({"customer_id": ids(80)}))
    for n_yachts, told in ((3, False), (12, True)):
        holdings = pd.DataFrame(
            {
                "customer_id": [*ids(80)[:60], *ids(80)[:n_yachts]],
                "product_id": ["a"] * 60 + ["yacht"] * n_yachts,
                "opened_on": "2020-01-01", "closed_on": None,
            }
        )  # fmt: skip
        found = profiling.data_quality(
            {"customers": customers, "holdings": lazy(holdings)}, as_of=AS_OF
        )
        rows = found.table.set_index("table")["rows"]
        assert rows["customers"] == 80
        assert pd.notna(rows["holdings"]) == told
        assert ("rows_holdings" in {n.key for n in found.numbers}) == told
        missing = found.of("columns").set_index(["table", "column"])["missing"]
        assert pd.notna(missing["holdings", "closed_on"]) == told
