"""What customers hold, against cases counted by hand."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from pmlib import profiling
from pmlib.texts import open_language
from tests.findings import known

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


def bank(lazy, ids, n, held, **customers):
    """Tables of customers of whom some, given by their numbers, hold products."""
    pairs = [(product, i) for product, who in held.items() for i in who]
    return {
        "customers": lazy(pd.DataFrame({"customer_id": ids(n), **customers})),
        "products": lazy(
            pd.DataFrame({"product_id": list(held), "name": list(held), "family": "f"})
        ),
        "holdings": lazy(
            pd.DataFrame(
                {
                    "customer_id": [ids(n)[i] for _, i in pairs],
                    "product_id": [product for product, _ in pairs],
                    "opened_on": "2020-01-01",
                    "closed_on": None,
                }
            )
        ),
    }


def test_the_sum_of_all_products_does_not_tell_how_few_hold_one(lazy, ids):
    held = {"a": range(60), "b": range(30, 90), "yacht": range(2)}
    found = profiling.product_penetration(bank(lazy, ids, 100, held), as_of=AS_OF)
    assert found.table.set_index("product_id")["customers"].dropna().to_dict() == {"a": 60, "b": 60}
    mean = next(n for n in found.numbers if n.key == "products_per_customer")
    assert mean.value * 100 == pytest.approx(120)  # as if nobody had a yacht
    assert found.quotes["uncounted"]
    for language, words in (("en", "too few customers hold"), ("zh", "不计入")):
        said = open_language(language).render("data_profiling", "penetration", known(found))
        assert words in said
    # 10 hold nothing, 30 + 30 one, 30 two.
    assert found.of("per_customer").set_index("products")["customers"].to_dict() == {
        0: 10, 1: 60, 2: 30,
    }  # fmt: skip


def test_the_mean_does_not_tell_how_few_hold_many(lazy, ids):
    # 20 hold nothing, 80 a alone, 20 d alone, 80 a and b, 40 a, b and c, 7 all four.
    kinds = [*[""] * 20, *["a"] * 80, *["d"] * 20, *["ab"] * 80, *["abc"] * 40, *["abcd"] * 7]
    held = {p: [i for i, kind in enumerate(kinds) if p in kind] for p in "abcd"}
    found = profiling.product_penetration(bank(lazy, ids, len(kinds), held), as_of=AS_OF)
    assert found.table["suppressed"].sum() == 0
    each = found.of("per_customer").set_index("products")["customers"]
    # With the total and the mean two hidden rows would be solved: a third one is hidden.
    assert each.dropna().to_dict() == {0: 20, 1: 100}


def test_who_lacks_a_product_at_an_age_is_not_told_where_they_are_few(lazy, ids):
    born = ["1995-01-01"] * 60 + ["1960-01-01"] * 60 + [None] * 20
    held = {"a": [*range(4, 60), *range(60, 90), *range(120, 134)], "b": range(20, 100)}
    found = profiling.penetration_by_age(bank(lazy, ids, 140, held, birth_date=born), as_of=AS_OF)
    hidden = found.table.set_index(["product_id", "age_band"])["suppressed"]
    # 4 of 60 lack a; 6 of 20 whose age nobody knows lack it, and all totals are told.
    assert hidden["a"].to_dict()["25–34"]
    assert hidden["a"].to_dict()["65–74"]
    assert not hidden["b"].to_dict()["65–74"]
    assert set(found.table["age_band"]) >= {"25–34", "65–74"}
    assert found.table["age_band"].notna().all()
