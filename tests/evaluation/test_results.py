"""Returned results are joined to the plan, or refused with counts."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from pmlib.errors import StudyError
from pmlib.evaluation import read_results
from pmlib.evaluation.effects import outcomes_of

AS_OF = dt.date(2025, 12, 31)

PLAN = pd.DataFrame(
    {
        "customer_id": ["a", "b", "c", "d"],
        "product_id": ["card", "card", "loan", "loan"],
        "channel": ["email", "email", "phone", "phone"],
        "arm": ["offer", "control", "offer", "control"],
        "propensity": [0.9, 0.1, 0.9, 0.1],
        "cell": [1, 1, 2, 2],
    }
)
COSTS = {"email": 0.25, "phone": 6.0}

GOOD = """customer_id,arm,contacted_on,responded,value
a,offer,2026-01-14,yes,80
c,offer,2026-01-15,no,0
b,control,,0,0
d,control,,true,70.5
"""


def returned(tmp_path: Path, text: str, plan: pd.DataFrame = PLAN) -> pd.DataFrame:
    file = tmp_path / "results.csv"
    file.write_text(text)
    return read_results(file, plan, as_of=AS_OF, costs=COSTS)


def test_results_are_joined_in_the_order_of_the_plan(tmp_path):
    contacts = returned(tmp_path, GOOD)
    assert contacts["customer_id"].tolist() == ["a", "b", "c", "d"]
    assert contacts["responded"].tolist() == [True, False, False, True]
    assert contacts["value"].tolist() == [80, 0, 0, 70.5]
    assert contacts["cost"].tolist() == [0.25, 0, 6, 0]


def test_planned_customers_without_result_keep_their_arm(tmp_path):
    contacts = returned(tmp_path, "\n".join(GOOD.splitlines()[:3]))
    assert contacts["arm"].tolist() == ["offer", "control", "offer", "control"]
    assert contacts["responded"].isna().tolist() == [False, True, False, True]


def test_numeric_customer_ids_match_their_text(tmp_path):
    plan = PLAN.assign(customer_id=[11, 12, 13, 14])
    text = GOOD.replace("\na,", "\n11,").replace("\nb,", "\n12,")
    contacts = returned(tmp_path, text.replace("\nc,", "\n13,").replace("\nd,", "\n14,"), plan)
    assert contacts["customer_id"].tolist() == [11, 12, 13, 14]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("\na,", "\nz,"), "1 row not in the plan"),
        (("\nc,offer,2026-01-15", "\na,offer,2026-01-15"), "1 row more than once in the file"),
        (("b,control,,0", "b,offer,2026-01-14,0"), "1 row in another arm than was drawn"),
        (("2026-01-14", "2025-12-30"), "1 row contacted before the plan"),
        (("a,offer,2026-01-14", "a,offer,"), "1 row in the offer arm without a day of contact"),
        (("yes,80", "yes,"), "1 row with a response but no value"),
    ],
)
def test_results_that_do_not_match_the_plan_are_refused_with_counts(tmp_path, change, message):
    with pytest.raises(StudyError, match=message):
        returned(tmp_path, GOOD.replace(*change))


def test_no_value_is_nothing_earned_where_nobody_responded(tmp_path):
    contacts = returned(tmp_path, GOOD.replace("no,0", "no,").replace("0,0", "0,"))
    full = returned(tmp_path, GOOD)
    pd.testing.assert_frame_equal(outcomes_of(contacts), outcomes_of(full))


SEVERAL = pd.concat([PLAN, PLAN.assign(product_id="fund", cell=3)], ignore_index=True)


def test_a_customer_planned_for_two_products_is_joined_by_product(tmp_path):
    text = "customer_id,product_id,arm,contacted_on,responded\n" + "".join(
        f"{row.customer_id},{row.product_id},{row.arm},2026-01-14,{row.product_id == 'fund'}\n"
        for row in SEVERAL.iloc[::-1].itertuples()
    )
    contacts = returned(tmp_path, text, SEVERAL)
    assert contacts["product_id"].tolist() == SEVERAL["product_id"].tolist()
    assert contacts["responded"].tolist() == [False] * 4 + [True] * 4


def test_results_that_do_not_say_of_which_of_two_products_are_refused(tmp_path):
    with pytest.raises(StudyError, match="a column product_id where customers are planned"):
        returned(tmp_path, GOOD, SEVERAL)


def test_all_faults_are_told_at_once(tmp_path):
    text = GOOD.replace("\na,", "\nz,").replace("b,control,,0", "b,offer,2026-01-14,0")
    with pytest.raises(StudyError, match=r"not in the plan.*; .*another arm"):
        returned(tmp_path, text)


def test_another_product_than_planned_is_refused(tmp_path):
    text = "customer_id,arm,contacted_on,responded,product_id\na,offer,2026-01-14,1,loan\n"
    with pytest.raises(StudyError, match="another product than planned"):
        returned(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("customer_id,arm\na,offer\n", "The results lack columns"),
        (GOOD.replace("yes", "perhaps"), "column responded"),
        (GOOD.replace("2026-01-14", "14.01.2026"), "column contacted_on"),
        (GOOD.replace("70.5", "much"), "column value"),
        ("", "cannot be read"),
    ],
)
def test_results_that_cannot_be_read_are_refused(tmp_path, text, message):
    with pytest.raises(StudyError, match=message):
        returned(tmp_path, text)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(StudyError, match=r"nowhere\.csv"):
        read_results(tmp_path / "nowhere.csv", PLAN, as_of=AS_OF, costs=COSTS)
