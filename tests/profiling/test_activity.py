"""Activity by month, against cases counted by hand."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from pmlib import profiling

AS_OF = dt.date(2025, 6, 30)


def test_activity_counts_customers_and_money_by_month(lazy):
    days = ["2025-01-01", "2025-01-31", "2025-02-10", "2025-02-27", "2025-03-05"]
    customers = lazy(
        pd.DataFrame({"customer_id": [f"{c}{i}" for i in range(8) for c in "ab"],
                      "joined_on": ["2020-01-01", "2025-02-01"] * 8})
    )  # fmt: skip
    transactions = lazy(
        pd.DataFrame(
            {
                "customer_id": [f"{c}{i}" for i in range(8) for c in "aaabb"],
                "booked_on": days * 8,
                "amount": [100.0, -30.0, 50.0, 20.0, -5.0] * 8,
            }
        )
    )
    months = profiling.monthly_activity(
        {"customers": customers, "transactions": transactions}, as_of=AS_OF, minimum=1
    ).table
    months = months.set_index("month")
    assert months["active"].to_dict() == {"2025-01": 8, "2025-02": 16, "2025-03": 8}
    assert months["customers"].to_dict() == {"2025-01": 8, "2025-02": 16, "2025-03": 16}
    assert months["money_in"].to_dict() == {"2025-01": 800, "2025-02": 560, "2025-03": 0}
    assert months["money_out"].to_dict() == {"2025-01": 240, "2025-02": 0, "2025-03": 40}
    assert months["whole"].to_dict() == {"2025-01": True, "2025-02": True, "2025-03": False}


def test_who_pays_before_joining_is_not_yet_active(lazy):
    people = range(40)
    customers = pd.DataFrame(
        {"customer_id": people, "joined_on": ["2024-01-05"] * 20 + ["2024-03-05"] * 20}
    )
    paid = pd.DataFrame(
        {
            "customer_id": [*people, *people],
            "booked_on": ["2024-02-10"] * 40 + ["2024-03-10"] * 40,
            "amount": -1.0, "kind": "any", "channel": "app",
        }
    )  # fmt: skip
    tables = {"customers": lazy(customers), "transactions": lazy(paid)}
    found = profiling.monthly_activity(tables, as_of=dt.date(2024, 3, 31)).table
    assert found[["active", "customers", "share", "transactions"]].to_numpy().tolist() == [
        [20, 20, 1.0, 40], [40, 40, 1.0, 40]
    ]  # fmt: skip


def test_money_that_one_customer_carries_is_not_told(lazy):
    people = [f"c{i:02d}" for i in range(30)]
    paid = pd.DataFrame({"customer_id": people, "booked_on": "2025-02-10", "amount": 100.0})
    whale = pd.DataFrame({"customer_id": ["c07"], "booked_on": ["2025-02-11"], "amount": [9e6]})
    tables = {"customers": lazy(pd.DataFrame({"customer_id": people}))}
    for rows, money in ((paid, 3_000), (pd.concat([paid, whale]), None)):
        tables["transactions"] = lazy(rows)
        found = profiling.monthly_activity(tables, as_of=AS_OF).table
        told = found["money_in"].iloc[0]
        assert pd.isna(told) if money is None else told == money
