"""The whole profile of a small simulated bank, and of a bank of which hardly anything is known."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pandas as pd
import pytest

from pmlib import profiling
from pmlib.numbers import Finding
from pmlib.texts import open_language
from tests.findings import known

AS_OF = dt.date(2025, 6, 30)
SAID = {
    "quality": "data-quality", "audit": "feature-time", "structure": "structure",
    "pyramid": "age-gender", "activity": "activity", "held": "penetration", "ages": "held-by-age",
    "value": "concentration", "past": "responses", "waste": "waste", "repeated": "repetition",
    "drift": "drift",
}  # fmt: skip


@pytest.fixture(scope="module")
def profile(casebank, engine) -> dict[str, Finding]:
    tables, day = {name: casebank.scan(name, engine) for name in casebank.tables}, casebank.as_of
    return {
        "quality": profiling.data_quality(tables, as_of=day),
        "audit": profiling.audit_feature_time(tables, casebank.attributes),
        "structure": profiling.customer_structure(
            tables, as_of=day, attributes=casebank.attributes
        ),
        "pyramid": profiling.age_by_gender(tables, as_of=day),
        "activity": profiling.monthly_activity(tables, as_of=day),
        "held": profiling.product_penetration(tables, as_of=day),
        "ages": profiling.penetration_by_age(tables, as_of=day),
        "value": profiling.concentration(profiling.customer_values(tables, as_of=day)),
        "past": profiling.contact_responses(tables),
        "waste": profiling.wasted_contacts(tables),
        "repeated": profiling.repeated_contacts(tables),
        "drift": profiling.response_drift(tables),
    }


def recorded(findings: dict[str, Finding]) -> dict[str, object]:
    """All numbers and facts, which no two findings share and each of which has a meaning."""
    told = {}
    for found in findings.values():
        own = known(replace(found, quotes={}))
        assert not told.keys() & own.keys()
        assert all(open_language("en").described(record) for record in own.values())
        told |= own
    return told


def test_every_sentence_can_be_filled_in(profile):
    english, quotes = open_language("en"), recorded(profile)
    for name, found in profile.items():
        assert english.render("data_profiling", SAID[name], {**quotes, **found.quotes})
    shortcomings = english.render("data_profiling", "implications", quotes)
    assert "Contacts that should not be made" in shortcomings
    assert "leave out before choosing" in shortcomings


def test_no_table_shows_fewer_than_ten_customers(profile):
    for name, found in profile.items():
        for label, frame in {"": found.table, **found.tables}.items():
            for column in {"customers", "contacts", "active", "wasted"} & set(frame.columns):
                if label == "curve" and column == "customers":
                    continue  # there it is a share
                shown = frame[column].dropna()
                assert (shown[shown > 0] >= 10).all(), (name, label, column)


def test_a_bank_with_nothing_but_customers_is_described(lazy, ids):
    tables = {"customers": lazy(pd.DataFrame({"customer_id": ids(20)}))}
    profile = {
        "quality": profiling.data_quality(tables, as_of=AS_OF),
        "audit": profiling.audit_feature_time(tables, {}),
        "structure": profiling.customer_structure(tables, as_of=AS_OF),
        "value": profiling.concentration(profiling.customer_values(tables, as_of=AS_OF)),
    }
    assert profile["quality"].table["rows"].tolist() == [20]
    assert profile["structure"].table.empty
    assert profile["value"].table.empty
    english, quotes = open_language("en"), recorded(profile)
    for name, found in profile.items():
        assert english.render("data_profiling", SAID[name], {**quotes, **found.quotes})
    said = english.render("data_profiling", "implications", quotes)
    assert said.startswith("This study has customers")


def test_what_a_study_lacks_is_said(lazy, ids):
    tables = {"customers": lazy(pd.DataFrame({"customer_id": ids(20)}))}
    absent = [
        profiling.age_by_gender(tables, as_of=AS_OF),
        profiling.monthly_activity(tables, as_of=AS_OF),
        profiling.product_penetration(tables, as_of=AS_OF),
        profiling.penetration_by_age(
            {**tables, "holdings": tables["customers"], "products": tables["customers"]},
            as_of=AS_OF,
        ),
        profiling.contact_responses(tables),
        profiling.wasted_contacts(tables),
        profiling.repeated_contacts(tables),
        profiling.response_drift(tables),
    ]
    english = open_language("en")
    for found in absent:
        assert found.absent
        assert english.render("data_profiling", found.absent.block, found.absent.quotes)
