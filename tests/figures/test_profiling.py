"""Figures of the profile draw the tables they are given, in the words of the texts."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from pmlib import profiling
from pmlib.figures import profiling as figures
from pmlib.figures.style import Drawing
from pmlib.numbers import Finding
from pmlib.texts import Words, open_language


def drawn(drawing: Drawing, found: Finding) -> Figure | None:
    words = Words(open_language("en"), "data_profiling", drawing.label, found.quotes, "EUR")
    return drawing(found, words)


@pytest.fixture(scope="module")
def tables(casebank, engine):
    return {name: casebank.scan(name, engine) for name in casebank.tables}


def test_every_figure_draws(casebank, tables):
    day, attributes = casebank.as_of, casebank.attributes
    values = profiling.customer_values(tables, as_of=day)
    held = profiling.product_penetration(tables, as_of=day)
    past = profiling.contact_responses(tables)
    for drawing, found in (
        (figures.feature_time, profiling.audit_feature_time(tables, attributes)),
        (figures.structure,
         profiling.customer_structure(tables, as_of=day, attributes=attributes)),
        (figures.age_pyramid, profiling.age_by_gender(tables, as_of=day)),
        (figures.activity, profiling.monthly_activity(tables, as_of=day)),
        (figures.penetration, held),
        (figures.products_per_customer, held),
        (figures.held_by_age, profiling.penetration_by_age(tables, as_of=day)),
        (figures.lorenz, profiling.concentration(values)),
        (figures.responses, past),
        (figures.offers, past),
        (figures.waste, profiling.wasted_contacts(tables)),
        (figures.repetition, profiling.repeated_contacts(tables)),
    ):  # fmt: skip
        figure = drawn(drawing, found)
        assert figure is not None, drawing.label
        figure.draw_without_rendering()
        for axes in figure.axes:
            assert axes.get_xlabel() or axes.get_ylabel() or axes.get_title(loc="left")


def test_a_figure_draws_the_numbers_it_is_given(tables):
    drift = profiling.response_drift(tables)
    figure = drawn(figures.drift, drift)
    assert figure is not None
    line = figure.axes[0].lines[0]
    np.testing.assert_allclose(line.get_ydata(orig=False), drift.table["rate"])


def test_one_arm_in_one_campaign_is_no_figure(lazy):
    contacts = pd.DataFrame(
        {
            "customer_id": [f"c{i}" for i in range(40)], "campaign_id": "a", "arm": "offer",
            "contacted_on": dt.date(2025, 3, 1), "product_id": "card", "channel": "letter",
            "cost": 1.0, "propensity": None, "responded": [True, False] * 20,
        }
    )  # fmt: skip
    past = profiling.contact_responses({"contacts": lazy(contacts)})
    assert drawn(figures.responses, past) is None
    assert drawn(figures.offers, past) is None


def test_contacts_without_an_answer_are_no_figure(lazy):
    contacts = pd.DataFrame(
        {
            "customer_id": [f"c{i}" for i in range(40)], "campaign_id": ["a", "b"] * 20,
            "arm": "offer", "contacted_on": dt.date(2025, 3, 1), "product_id": "card",
            "channel": ["letter", "phone", "phone", "letter"] * 10, "cost": 1.0,
            "propensity": None, "responded": pd.Series([None] * 40, dtype="boolean"),
        }
    )  # fmt: skip
    past = profiling.contact_responses({"contacts": lazy(contacts)})
    assert len(past.table) == 2
    assert len(past.of("offers")) == 4
    assert drawn(figures.responses, past) is None
    assert drawn(figures.offers, past) is None


def test_levels_have_words_and_names_from_the_data_stay(lazy):
    customers = pd.DataFrame(
        {
            "customer_id": [f"c{i}" for i in range(40)],
            "birth_date": ["2015-01-01"] * 20 + ["1930-01-01"] * 20,
            "region": ["under_18", "not_known"] * 20,
        }
    )
    found = profiling.customer_structure({"customers": lazy(customers)}, as_of=dt.date(2025, 6, 30))
    figure = drawn(figures.structure, found)
    assert figure is not None
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Age", "Region"]
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == [
        "under 18", "75 and over"
    ]  # fmt: skip
    regions = [text.get_text() for text in figure.axes[1].get_yticklabels()]
    assert sorted(regions) == ["not_known", "under_18"]
