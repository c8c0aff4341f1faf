"""Small banks, segmented once a file."""

from __future__ import annotations

from typing import NamedTuple

import narwhals as nw
import numpy as np
import pandas as pd
import pytest

from pmlib.engine import collect
from pmlib.numbers import Phrase
from pmlib.params import Parameters
from pmlib.segmentation import (
    FeatureTable,
    Segmentation,
    assign_customers,
    customer_features,
    profile_segments,
    segment,
)
from pmlib.studies import Attribute
from pmlib.texts import open_language
from tests.segmentation.banks import AS_OF, NUMBERS, days, planted


class Bank(NamedTuple):
    """A bank that was segmented, and what it was made of."""

    customers: pd.DataFrame
    tables: dict[str, nw.LazyFrame]
    attributes: dict[str, Attribute]
    features: FeatureTable
    result: Segmentation
    assigned: nw.LazyFrame
    group: np.ndarray

    @property
    def profile(self):
        return profile_segments(self.assigned, self.features, self.result, self.customers)


@pytest.fixture(scope="session")
def word():
    """Form the English words of a phrase."""
    english = open_language("en")

    def form(phrase: Phrase) -> str:
        return english.render("segmentation", phrase.block, phrase.quotes, plain=True)

    return form


@pytest.fixture(scope="module")
def found() -> tuple[pd.DataFrame, np.ndarray, Segmentation]:
    """Three planted groups, found."""
    sample, group = planted()
    params = Parameters(k_max=5, n_bootstrap=20, seed=3)
    return sample, group, segment(sample, NUMBERS, params)


@pytest.fixture(scope="module")
def bank(engine) -> Bank:
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
    result = segment(customers, features.features, Parameters(k_max=3, n_bootstrap=20, seed=1))
    assigned = assign_customers(features.frame, result.scorer, engine=engine)
    return Bank(customers, tables, attributes, features, result, assigned, group)


@pytest.fixture(scope="module")
def two_years(engine) -> Bank:
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
    params = Parameters(n_segments=2, k_max=2, n_bootstrap=20, seed=1)
    result = segment(sample, features.features, params)
    assigned = assign_customers(features.frame, result.scorer, engine=engine)
    return Bank(sample, tables, {}, features, result, assigned, busy_now)
