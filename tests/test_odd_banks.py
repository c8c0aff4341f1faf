"""Every bank that keeps the contracts gets its chapters, however small or odd it is.

`make test` draws a few;
``PMLIB_ODD_BANKS=200 python -m pytest -n 0 -m whole tests/test_odd_banks.py`` draws more.
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
    "lacks": st.sets(
        st.sampled_from(["products", "holdings", "transactions", "contacts"]), max_size=2
    ),
    "empty": st.sets(
        st.sampled_from(
            ["income", "job", "birth_date", "gender", "region", "joined_on", "risk_tolerance"]
        )
    ),
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


SET: dict[tuple[str, str, str], dict[str, Any]] = {
    ("objecting", "customers", "marketing_opt_out"): {"all": True, "none": False, "unknown": None},
    ("sales", "contacts", "responded"): {"all": True, "none": False, "unknown": None},
    ("sales", "contacts", "value"): {"all": 100.0, "none": 0.0, "unknown": None},
    ("value", "contacts", "value"): {"zero": 0.0, "unknown": None},
    ("cost", "contacts", "cost"): {"zero": 0.0, "unknown": None},
    ("margin", "products", "annual_margin"): {"zero": 0.0, "unknown": None},
    ("transactions", "transactions", "booked_on"): {"one day": dt.date(2024, 6, 3)},
    ("transactions", "transactions", "amount"): {"zero": 0.0},
    ("held", "holdings", "opened_on"): {"undated": None},
}
"""What an oddity sets a column to."""

CUT = {
    "12": lambda contacts: contacts.head(12),
    "none": lambda contacts: contacts.head(0),
    "control": lambda contacts: contacts[contacts["arm"] == "control"],
    "offers": lambda contacts: contacts[contacts["arm"] == "offer"],
    "twice": lambda contacts: pd.concat(
        [contacts, contacts.assign(campaign_id="winter", contacted_on=dt.date(2024, 9, 1))]
    ),
}


def made(odd: dict[str, Any]) -> Frames:
    """The bank that has these oddities."""
    frames = bank(n=odd["customers"], products=PRODUCTS[-odd["products"] :])
    frames["customers"] = frames["customers"].assign(**dict.fromkeys(odd["empty"]))
    frames["contacts"] = CUT.get(odd["contacts"], lambda all_: all_)(frames["contacts"])
    if odd["transactions"] == "one":
        frames["transactions"] = frames["transactions"].head(1)
    if odd["held"] == "nobody":
        frames["holdings"] = frames["holdings"].head(0)
    elif odd["held"] == "all of all":
        every = frames["customers"][["customer_id"]]
        every = every.merge(frames["products"][["product_id"]], how="cross")
        frames["holdings"] = every.assign(opened_on=dt.date(2020, 1, 1), closed_on=None)
    for (oddity, table, column), values in SET.items():
        if odd[oddity] in values:
            frames[table] = frames[table].assign(**{column: values[odd[oddity]]})
    if odd["whale"]:
        moved = frames["transactions"].reset_index(drop=True)
        frames["transactions"] = moved.assign(amount=moved["amount"].where(moved.index > 0, 9e8))
    lacking = {*odd["lacks"], *(["holdings"] if "products" in odd["lacks"] else [])}
    if "products" in odd["lacks"]:
        frames["contacts"] = frames["contacts"].assign(product_id=None)
    # A table has at least one row.
    return {n: frame for n, frame in frames.items() if n not in lacking and len(frame)}


def run(odd: dict[str, Any]) -> None:
    """Run all chapters of a bank; each section must say something, and no error is raised."""
    folder = Path(tempfile.mkdtemp(prefix="odd"))
    try:
        channels = [{"name": "mail", "cost": 1.0}, {"name": "phone", "cost": 5.0, "capacity": 50}]
        study = write(folder / "study", made(odd), channels=channels[: odd["channels"]])
        day = dt.date(2022, 1, 10) if odd["day"] == "first" else AS_OF
        given = {"as_of": None if odd["day"] == "last" else day, "n_segments": odd["n_segments"]}
        seen = run_chapters(study, folder / "run", **given)
        assert list(seen) == list(headings())
    except StudyError as error:
        # More segments were asked for than there are different customers.
        if odd["n_segments"] is None or error.where != "n_segments":
            raise
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
