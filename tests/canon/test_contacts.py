"""What campaigns and contacts are, on hand-made rows."""

from __future__ import annotations

import datetime as dt

import narwhals as nw
import pandas as pd
import pytest

from pmlib.canon.contacts import (
    answered,
    campaigns,
    inverse_propensity,
    made,
    randomised,
    weights_of,
)
from pmlib.engine import Engine, collect

# PySpark 4 was written before pandas 3: it says so, and uses a keyword that pandas 3 deprecates.
pytestmark = [
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
    pytest.mark.filterwarnings("ignore:The copy keyword is deprecated:DeprecationWarning"),
]

# campaign, arm, product, propensity, outcome; one row a customer, all of a campaign on one day.
ROWS = [
    ("pilot", "offer", "card", 0.7, True),
    ("pilot", "offer", "loan", 0.7, None),
    ("pilot", "control", "card", 0.3, False),
    ("pilot", "control", None, 0.3, True),
    ("one unknown", "offer", "card", 0.5, True),
    ("one unknown", "control", "card", None, False),
    ("no control", "offer", "card", 0.5, True),
    ("only control", "control", "card", 0.5, None),
    ("of old", "letter", "card", None, False),
]
DAYS = {name: dt.date(2025, month, 1) for month, name in enumerate(
    ("of old", "no control", "only control", "one unknown", "pilot"), start=1
)}  # fmt: skip


@pytest.fixture(scope="module")
def contacts(engine: Engine) -> nw.LazyFrame:
    columns = ["campaign_id", "arm", "product_id", "propensity", "responded"]
    frame = pd.DataFrame(ROWS, columns=columns)
    frame["customer_id"] = [f"c{i}" for i in range(len(frame))]
    frame["contacted_on"] = frame["campaign_id"].map(DAYS)
    frame["responded"] = frame["responded"].astype("boolean")
    return engine.from_pandas(frame).with_columns(nw.col("contacted_on").cast(nw.Date))


def test_a_campaign_is_randomised_with_both_arms_and_every_propensity(
    contacts: nw.LazyFrame,
) -> None:
    table = campaigns(contacts).set_index("campaign_id")
    assert table.index[table["randomised"]].tolist() == ["pilot"]
    assert table.index.tolist() == list(DAYS)  # the latest last
    assert table["last"].tolist() == [day.toordinal() for day in DAYS.values()]
    assert table.loc["pilot", ["made", "control", "shared_control"]].tolist() == [2, 2, 1]


def test_contacts_made_are_all_but_control(contacts: nw.LazyFrame) -> None:
    expected = [i for i, row in enumerate(ROWS) if row[1] != "control"]
    found = collect(made(contacts), sort_by=["customer_id"])["customer_id"]
    assert found.tolist() == [f"c{i}" for i in expected]


def test_answered_contacts_were_made_and_have_an_outcome(contacts: nw.LazyFrame) -> None:
    found = collect(answered(contacts), sort_by=["customer_id"])["customer_id"]
    assert found.tolist() == ["c0", "c4", "c6", "c8"]


def test_the_weight_is_one_over_the_propensity_and_one_where_it_is_unknown(
    contacts: nw.LazyFrame,
) -> None:
    table = collect(contacts.select("customer_id", w=inverse_propensity()), sort_by=["customer_id"])
    expected = [1 / 0.7, 1 / 0.7, 1 / 0.3, 1 / 0.3, 2.0, 1.0, 2.0, 2.0, 1.0]
    assert table["w"].tolist() == pytest.approx(expected)


def test_treated_arms_are_weighed_by_their_customers() -> None:
    contacts = pd.DataFrame(
        {"arm": ["a", "a", "b", "control"], "arm_propensity": [0.5, 0.25, 0.2, 0.25]}
    )
    # Weights 2, 4 and 5: arm a has mean 3, arm b 5, both together 11 / 3.
    expected = [2 * 11 / 9, 4 * 11 / 9, 11 / 3, 4.0]
    assert weights_of(contacts).tolist() == pytest.approx(expected)
    assert weights_of(contacts[["arm"]]).tolist() == [1.0] * 4


def test_one_campaign_in_memory_is_what_it_is_in_the_engine(contacts):
    told = campaigns(contacts).set_index("campaign_id")["randomised"].to_dict()
    rows = collect(contacts, sort_by=["customer_id"])
    assert {name: randomised(of) for name, of in rows.groupby("campaign_id")} == told
    assert told["pilot"]
    assert not told["only control"]
