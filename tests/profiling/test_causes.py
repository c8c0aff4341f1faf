"""Whether the bank chose whom to contact: its waste beside a blind draw, counted by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from pmlib import profiling


@pytest.fixture
def bank(lazy, ids):
    """400 customers: of the first 100 (those contacted) `held` hold the card, of the rest 150."""

    def make(past, held: int, objecting: int = 0):
        holders = [*ids(100)[:held], *ids(400)[100:250]]
        customers = pd.DataFrame(
            {
                "customer_id": ids(400),
                "marketing_opt_out": [i >= 400 - objecting for i in range(400)],
            }
        )
        holdings = pd.DataFrame(
            {"customer_id": holders, "product_id": "card", "opened_on": "2020-01-01",
             "closed_on": None}
        ).astype({"closed_on": object})  # fmt: skip
        tables = {"contacts": lazy(past), "customers": lazy(customers), "holdings": lazy(holdings)}
        return profiling.causes(tables, profiling.wasted_contacts(tables))

    return make


# (held + 150) / 400 of all customers hold the card; Wilson's interval of 10, 50 and 90 of 100.
@pytest.mark.parametrize(
    ("held", "chance", "level"),
    [(10, 0.4, "less"), (50, 0.5, "as_chance"), (90, 0.6, "more")],
)
def test_waste_beside_a_blind_draw(bank, campaign, held, chance, level):
    found = bank(campaign("x", "2025-03-01", 100, 5), held)
    assert {n.key: n.value for n in found.numbers} == {"waste_by_chance": pytest.approx(chance)}
    assert found.facts == {"choice_of_contacts": level, "campaigns_offer": "one_product"}


def test_objections_count_and_campaigns_weigh_by_their_contacts(bank, campaign):
    # The card: (50 + 150 + 50) / 400, of 100 contacts; the loan, held by none: 50 / 400, of 20.
    loan = campaign("x", "2025-03-01", 20, 0, product_id="loan")
    found = bank(pd.concat([campaign("x", "2025-03-01", 100, 5), loan]), 50, objecting=50)
    expected = (100 * 250 + 20 * 50) / 400 / 120
    assert found.numbers[0].value == pytest.approx(expected)
    assert found.facts["campaigns_offer"] == "several"


def test_without_contacts_there_is_no_cause_to_name(bank, campaign):
    assert bank(campaign("x", "2025-03-01", 100, 0, arm="control"), 50).facts == {}
    assert bank(campaign("x", "2025-03-01", 100, 5, product_id=None), 50).facts == {
        "choice_of_contacts": "as_chance", "campaigns_offer": "untold",
    }  # fmt: skip
