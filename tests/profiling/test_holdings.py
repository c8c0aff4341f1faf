"""What customers hold, against cases counted by hand."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from pmlib import profiling

AS_OF = dt.date(2025, 6, 30)


def test_penetration_counts_holders_on_the_day_once(lazy, ids):
    products = pd.DataFrame(
        {"product_id": ["x", "y", "z"], "name": ["X", "Y", "Z"], "family": ["f"] * 3}
    )
    holdings = pd.DataFrame(
        [
            ("c0000", "x", "2020-01-01", None),
            ("c0000", "x", "2021-01-01", None),  # a second one of the same kind
            ("c0001", "x", "2020-01-01", "2025-06-30"),  # closed on the day
            ("c0002", "x", "2025-07-01", None),  # opened after it
            ("c0003", "y", None, None),  # since when is unknown
        ],
        columns=["customer_id", "product_id", "opened_on", "closed_on"],
    )
    tables = {
        "customers": lazy(pd.DataFrame({"customer_id": ids(5)})),
        "holdings": lazy(holdings),
        "products": lazy(products),
    }
    held = profiling.product_penetration(tables, as_of=AS_OF, minimum=1)
    assert held.quotes["never"] == ["Z"]
    assert held.table.set_index("product_id")["customers"].to_dict() == {"x": 1, "y": 1, "z": 0}
    assert held.of("per_customer").set_index("products")["customers"].to_dict() == {0: 3, 1: 2}
    mean = next(n for n in held.numbers if n.key == "products_per_customer")
    assert mean.value == pytest.approx(0.4)


def test_penetration_by_age_is_a_share_of_the_band(lazy, ids):
    customers = pd.DataFrame(
        {"customer_id": ids(70), "birth_date": ["1995-01-01"] * 30 + ["1960-01-01"] * 40}
    )
    products = pd.DataFrame({"product_id": ["x", "y"], "name": ["X", "Y"], "family": ["f"] * 2})
    held = [("x", i) for i in range(12, 60)] + [("y", i) for i in range(25, 45)]
    holdings = pd.DataFrame(
        {
            "customer_id": [ids(70)[i] for _, i in held],
            "product_id": [product for product, _ in held],
            "opened_on": "2020-01-01",
            "closed_on": [None] * len(held),
        }
    )
    tables = {"customers": lazy(customers), "holdings": lazy(holdings), "products": lazy(products)}
    result = profiling.penetration_by_age(tables, as_of=AS_OF)
    assert result.facts == {"age_penetration": "shown"}
    assert {n.key: n.value for n in result.numbers}["age_product"] == "X"
    share = result.table.set_index(["product_id", "age_band"])["share"]
    assert share["x", "25–34"] == pytest.approx(18 / 30)
    assert share["x", "65–74"] == pytest.approx(30 / 40)
    # Five of the younger hold y: that cell is blank, and so is the other, which would tell it.
    assert share["y"].isna().all()
