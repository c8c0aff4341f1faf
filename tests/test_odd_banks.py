"""Every bank that keeps the contracts gets its chapters, however small or odd it is.

`make test` draws a few; ``PMLIB_ODD_BANKS=200 python -m pytest -n 0 -m whole tests/test_odd_banks.py`` more.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pmlib.errors import StudyError
from tests.chapters import headings, run_chapters
from tests.own_banks import AS_OF, PRODUCTS, Frames, bank, write

MANY = int(os.environ.get("PMLIB_ODD_BANKS", "25"))

ODDITIES = {
    "customers": st.sampled_from([1, 2, 9, 12, 30, 80]),
    "products": st.sampled_from([1, 2, 6]),
    "lacks": st.sets(st.sampled_from(["products", "holdings", "transactions", "contacts"]), max_size=2),
    "empty": st.sets(st.sampled_from(["income", "job", "birth_date", "gender", "region", "joined_on",
                                      "risk_tolerance"]), max_size=7),
    "objecting": st.sampled_from(["some", "all", "none", "unknown"]),
    "contacts": st.sampled_from(["all", "12", "none", "control", "offers", "twice"]),
    "sales": st.sampled_from(["some", "none", "all", "unknown"]),
    "value": st.sampled_from(["some", "zero", "unknown"]),
    "cost": st.sampled_from(["some", "zero", "unknown"]),
    "margin": st.sampled_from(["some", "zero", "unknown"]),
    "channels": st.sampled_from([0, 1, 2]),
    "transactions": st.sampled_from(["all", "one day", "one", "zero"]),
    "held": st.sampled_from(["some", "all of all", "nobody", "undated"]),
    "day": st.sampled_from(["last", "first"]),
    "n_segments": st.sampled_from([None, 1, 2, 20]),
    "whale": st.booleans(),
}  # fmt: skip
"""What may be odd about a bank."""


def made(odd: dict[str, Any]) -> Frames:
    """The bank that has these oddities."""
    frames = bank(n=odd["customers"], products=PRODUCTS[-odd["products"] :])
    customers, contacts = frames["customers"], frames["contacts"]
    for column in odd["empty"]:
        customers[column] = None
    if odd["objecting"] != "some":
        customers["marketing_opt_out"] = {"all": True, "none": False}.get(odd["objecting"])
    if odd["contacts"] == "twice":
        again = contacts.assign(campaign_id="winter", contacted_on=dt.date(2024, 9, 1))
        frames["contacts"] = contacts = pd.concat([again, contacts], ignore_index=True)
    elif odd["contacts"] in ("12", "none"):
        frames["contacts"] = contacts = contacts.head(12 if odd["contacts"] == "12" else 0).copy()
    elif odd["contacts"] in ("control", "offers"):
        arm = "control" if odd["contacts"] == "control" else "offer"
        frames["contacts"] = contacts = contacts[contacts["arm"] == arm].copy()
    if odd["sales"] != "some":
        contacts["responded"] = {"none": False, "all": True}.get(odd["sales"])
        contacts["value"] = {"none": 0.0, "all": 100.0}.get(odd["sales"])
    for column in ("value", "cost"):
        if odd[column] != "some":
            contacts[column] = 0.0 if odd[column] == "zero" else None
    if odd["margin"] != "some":
        frames["products"]["annual_margin"] = 0.0 if odd["margin"] == "zero" else None
    moved = frames["transactions"]
    if odd["transactions"] == "one":
        frames["transactions"] = moved.head(1).copy()
    elif odd["transactions"] == "one day":
        moved["booked_on"] = dt.date(2024, 6, 3)
    elif odd["transactions"] == "zero":
        moved["amount"] = 0.0
    if odd["whale"] and len(moved):
        frames["transactions"].loc[frames["transactions"].index[0], "amount"] = 987_654_321.0
    held = frames["holdings"]
    if odd["held"] == "undated":
        held["opened_on"] = None
    elif odd["held"] == "nobody":
        frames["holdings"] = held.head(0)
    elif odd["held"] == "all of all":
        every = customers[["customer_id"]].merge(frames["products"][["product_id"]], how="cross")
        frames["holdings"] = every.assign(opened_on=dt.date(2020, 1, 1), closed_on=None)
    for name in odd["lacks"]:
        del frames[name]
    for name in [name for name, frame in frames.items() if frame.empty]:
        del frames[name]  # a table has at least one row
    if "products" not in frames:  # what refers to products needs them
        frames.pop("holdings", None)
        if "contacts" in frames:
            frames["contacts"]["product_id"] = None
    return frames


def run(odd: dict[str, Any]) -> None:
    """Run all chapters of a bank; each section must say something, and no error is raised."""
    folder = Path(tempfile.mkdtemp(prefix="odd"))
    try:
        channels = [{"name": "mail", "cost": 1.0}, {"name": "phone", "cost": 5.0, "capacity": 50}]
        study = write(folder / "study", made(odd), channels=channels[: odd["channels"]])
        day = dt.date(2022, 1, 10) if odd["day"] == "first" else AS_OF
        given = {"as_of": None if odd["day"] == "last" else day, "n_segments": odd["n_segments"]}
        try:
            seen = run_chapters(study, folder / "run", **given)
        except StudyError as error:  # more segments than there are different customers
            assert odd["n_segments"]
            assert error.where == "n_segments"
        else:
            assert list(seen) == list(headings())
    finally:
        shutil.rmtree(folder)


COMMON = {
    "deadline": None, "derandomize": True, "database": None,
    "suppress_health_check": list(HealthCheck),
}  # fmt: skip


@settings(max_examples=2, **COMMON)
@given(st.fixed_dictionaries(ODDITIES))
def test_a_few_odd_banks_get_their_chapters(odd: dict[str, Any]) -> None:
    run({**odd, "customers": min(odd["customers"], 12)})


@pytest.mark.whole
@settings(max_examples=MANY, **COMMON)
@given(st.fixed_dictionaries(ODDITIES))
def test_odd_banks_get_their_chapters(odd: dict[str, Any]) -> None:
    run(odd)
