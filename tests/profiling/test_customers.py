"""Who the customers are, against cases counted by hand."""

from __future__ import annotations

import datetime as dt

import narwhals as nw
import numpy as np
import pandas as pd
import pytest

from pmlib import profiling
from pmlib.engine import collect
from pmlib.numbers import Level, Phrase
from pmlib.profiling.customers import AGE_EDGES, band, band_names
from pmlib.studies import Attribute
from pmlib.texts import open_language

AS_OF = dt.date(2025, 6, 30)


def test_bands_begin_at_their_edges(lazy):
    values = lazy(pd.DataFrame({"v": [17, 18, 24, 25, 75, 99]})).select(
        "v", b=band(nw.col("v"), AGE_EDGES)
    )
    names = band_names(AGE_EDGES)
    found = [names[b] for b in collect(values, sort_by=["v"])["b"]]
    expected = ["under_18", "18–24", "18–24", "25–34", "from_75", "from_75"]
    assert found == expected


def test_structure_counts_every_customer_once_a_dimension(lazy, ids):
    customers = pd.DataFrame(
        {
            "customer_id": ids(60),
            "gender": ["f"] * 35 + ["m"] * 25,
            "region": ["N", "S", "W"] * 20,
            "joined_on": ["2024-12-31"] * 30 + ["2019-01-01"] * 30,
        }
    )
    levels = profiling.customer_structure({"customers": lazy(customers)}, as_of=AS_OF).table
    assert (levels.groupby("dimension", sort=False)["customers"].sum() == 60).all()
    tenure = levels[levels["dimension"] == Level("dimension", "tenure")]
    names = [level.code for level in tenure["level"]]
    assert dict(zip(names, tenure["customers"], strict=True)) == {
        "under_1": 30, "5–9": 30
    }  # fmt: skip


def test_many_levels_are_shown_by_the_commonest(lazy, ids):
    regions = [f"r{i:02d}" for i in range(30) for _ in range(20 + i)]
    customers = pd.DataFrame({"customer_id": ids(len(regions)), "region": regions})
    levels = profiling.customer_structure({"customers": lazy(customers)}, as_of=AS_OF).table
    assert len(levels) == 12
    assert levels["level"].iloc[0] == "r29"
    others = levels["level"].iloc[-1]
    assert isinstance(others, Phrase)
    text = open_language("en").render("data_profiling", others.block, others.quotes)
    assert text == "19 others"
    assert levels["customers"].sum() == len(regions)


def test_small_levels_of_an_attribute_are_not_shown(lazy, ids):
    customers = pd.DataFrame({"customer_id": ids(100), "job": ["a"] * 60 + ["b"] * 37 + ["c"] * 3})
    structure = profiling.customer_structure(
        {"customers": lazy(customers)}, as_of=AS_OF, attributes={"job": Attribute("Job")}
    )
    levels = structure.table.set_index("level")
    assert levels["suppressed"].to_dict() == {"a": False, "b": True, "c": True}
    assert levels.loc[["b", "c"], ["customers", "share", "low", "high"]].isna().all(axis=None)


def test_texts_with_an_order_keep_it_and_others_come_by_size(lazy, ids):
    answers = ["high"] * 50 + ["low"] * 20 + ["middle"] * 30 + ["refused"] * 15
    customers = pd.DataFrame({"customer_id": ids(115), "a": answers, "b": answers})
    levels = profiling.customer_structure(
        {"customers": lazy(customers)}, as_of=AS_OF,
        attributes={"a": Attribute("A", levels=["low", "middle", "high"]), "b": Attribute("B")},
    ).table.groupby("dimension")["level"].agg(list)  # fmt: skip
    assert levels["A"] == ["low", "middle", "high", "refused"]
    assert levels["B"] == ["high", "middle", "low", "refused"]


def test_amounts_have_their_mean_and_quantiles(lazy, ids):
    income = np.arange(1.0, 102.0)
    customers = pd.DataFrame({"customer_id": ids(101), "income": income})
    structure = profiling.customer_structure(
        {"customers": lazy(customers)},
        as_of=AS_OF,
        attributes={"income": Attribute("Income", "EUR")},
    )
    amounts = structure.of("amounts").iloc[0]
    assert (amounts["mean"], amounts["median"], amounts["p10"]) == (51.0, 51.0, 11.0)
    assert amounts["high"] - 51 == pytest.approx(1.959964 * income.std(ddof=1) / np.sqrt(101))


def test_the_table_of_age_and_gender_shows_no_small_cell(lazy, ids):
    born = ["1990-01-01"] * 40 + ["1960-01-01"] * 43
    gender = ["f"] * 20 + ["m"] * 20 + ["f"] * 40 + ["m"] * 3
    customers = pd.DataFrame({"customer_id": ids(83), "birth_date": born, "gender": gender})
    pyramid = profiling.age_by_gender({"customers": lazy(customers)}, as_of=AS_OF)
    assert pyramid.table["suppressed"].all()  # one small cell in a 2 x 2 table takes all with it
    assert pyramid.numbers[0].value == 0
    assert pyramid.facts == {"age_gender_cells": "hidden"}


def test_an_unknown_time_with_the_bank_is_not_the_commonest(lazy, ids):
    customers = pd.DataFrame(
        {"customer_id": ids(50), "joined_on": ["2024-01-01"] * 20 + [None] * 30}
    )
    structure = profiling.customer_structure({"customers": lazy(customers)}, as_of=AS_OF)
    assert structure.table["level"].tolist() == [Level("band", "1"), Level("band", "not_known")]
    assert structure.quotes == {"commonest_tenure": Level("band", "1")}


def test_a_label_of_the_study_is_no_dimension_of_ours(lazy, ids):
    customers = pd.DataFrame({"customer_id": ids(30), "region": ["N"] * 30, "area": ["x"] * 30})
    structure = profiling.customer_structure(
        {"customers": lazy(customers)}, as_of=AS_OF, attributes={"area": Attribute("region")}
    )
    assert structure.table["dimension"].tolist() == [Level("dimension", "region"), "region"]
    assert structure.table["share"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({1: 30, 2: 20}, {"1": 30, "2": 20}),
        # One household of a size: its size is not told, and 3 alone are too few to be others.
        ({1: 30, 2: 12, 3: 9, 66_666_666: 1}, {"1": 30, "2": 12, "others": 10}),
        ({1: 30, 2: 12, 66_666_666: 3}, {"1": 30, "others": 15}),
        ({1: 30, 7: 4}, {"others": 34}),
    ],
)
def test_numbers_that_few_customers_have_are_not_told(lazy, sizes, expected):
    values = [number for number, n in sizes.items() for _ in range(n)]
    customers = pd.DataFrame({"customer_id": range(len(values)), "household": values})
    found = profiling.customer_structure(
        {"customers": lazy(customers)},
        as_of=AS_OF,
        attributes={"household": Attribute("Household")},
    )
    assert dict(zip(found.table["level"], found.table["customers"], strict=True)) == expected
