"""What if: a study at other costs, capacities and margins."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pmlib.casebank import field_test, population
from pmlib.engine import DuckDBEngine
from pmlib.errors import StudyError
from pmlib.params import Parameters
from pmlib.studies import Study, prepare

BANK = {"n_customers": 1_000, "n_months": 6}
CHANGED = {
    "channel_cost": {"email": 0.4},
    "channel_capacity": {"phone": 7},
    "product_margin": {"credit_card": 111.0},
}


@pytest.fixture(scope="module")
def plain() -> Study:
    return prepare("casebank", Parameters(**BANK))


@pytest.fixture(scope="module")
def changed() -> Study:
    return prepare("casebank", Parameters(**BANK, **CHANGED))


def test_only_what_was_named_is_other_than_declared(plain: Study, changed: Study) -> None:
    assert [(c.name, c.cost, c.capacity) for c in plain.channels] == [
        ("email", 0.25, 6000), ("letter", 1.5, 5000), ("phone", 6.0, 1000),
    ]  # fmt: skip
    assert [(c.name, c.cost, c.capacity) for c in changed.channels] == [
        ("email", 0.4, 6000), ("letter", 1.5, 5000), ("phone", 6.0, 7),
    ]  # fmt: skip
    assert changed.fingerprint == plain.fingerprint  # the tables are the same


def test_margins_stand_in_the_catalogue_that_chapters_read(
    plain: Study, changed: Study, engine: DuckDBEngine
) -> None:
    before, after = (
        study.scan("products", engine).collect().to_pandas().set_index("product_id")
        for study in (plain, changed)
    )
    assert after["annual_margin"]["credit_card"] == 111.0
    others = before.index != "credit_card"
    pd.testing.assert_frame_equal(before[others], after[others])


def test_the_field_costs_and_pays_what_the_study_says(plain: Study, changed: Study) -> None:
    people = population(plain).customers["customer_id"]
    plan = pd.DataFrame(
        {
            "customer_id": people, "product_id": "credit_card", "propensity": 1.0,
            "channel": "email", "arm": "offer",
        }
    )  # fmt: skip
    before, after = (field_test(study, plan, seed=1) for study in (plain, changed))
    assert before["cost"].unique() == [0.25]
    assert after["cost"].unique() == [0.4]
    # The same customers buy; what a sale brings has the same spread around another margin.
    sold = before["responded"]
    assert sold.any()
    assert (sold == after["responded"]).all()
    product = pd.Series("credit_card", index=people.index)
    more = population(changed).worth(people, product) - population(plain).worth(people, product)
    recorded = population(plain).margins["credit_card"]
    assert np.allclose(more, 111.0 - recorded)
    assert (after["value"] > before["value"])[sold].all() == (recorded < 111.0)


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"channel_cost": {"fax": 1.0}}, "channel.fax.cost"),
        ({"channel_capacity": {"fax": 1.0}}, "channel.fax.capacity"),
        ({"product_margin": {"credit": 1.0}}, "product.credit.margin"),
    ],
)
def test_what_the_study_does_not_have_is_named(given, where: str) -> None:
    with pytest.raises(StudyError, match=rf"{where}(.|\n)*one of (.|\n)*(email|credit_card)"):
        prepare("casebank", Parameters(**BANK, **given))
