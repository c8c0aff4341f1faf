"""Returned results are joined to the plan, or refused with counts."""

from __future__ import annotations

import datetime as dt
import re
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


def returned(
    tmp_path: Path, text: str, plan: pd.DataFrame = PLAN, arms: dict[str, str] | None = None
) -> pd.DataFrame:
    file = tmp_path / "results.csv"
    file.write_text(text, encoding="utf-8")
    return read_results(file, plan, as_of=AS_OF, costs=COSTS, arms=arms)


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


CODES = {"0": "control", "1": "offer"}
CHINESE = {"对照": "control", "实验": "offer"}
WRITTEN: dict[str, tuple[list[tuple[str, str]], dict[str, str]]] = {
    "numbers": ([("offer", "1"), ("control", "0")], CODES),
    "floats": ([("offer", "1.0"), ("control", "0.0")], CODES),
    "capitals": ([("offer", "OFFER"), ("control", "Control ")], {}),
    "chinese": (
        [("offer", "实验"), ("control", "对照"), ("yes", "是"), ("true", "是"), ("no,", "否,"),
         (",0,0", ",否,0")], CHINESE,
    ),
    "german": (
        [(",", ";"), ("70.5", "70,5"), ("2026-01-14", "14.01.2026"), ("2026-01-15", "15.01.2026"),
         ("yes", "ja"), ("true", "ja"), ("no;", "nein;"), (";0;0", ";nein;0")], {},
    ),
    "french": ([("70.5", '"70,5"'), ("yes", "oui"), ("true", "oui"), ("no,", "non,")], {}),
    "ticks": ([("yes", "x"), ("true", "X"), ("no,", ","), (",0,0", ",,0")], {}),
    "tabs": ([(",", "\t"), ("customer_id", "Customer_ID")], {}),
    "months": ([("2026-01-14", "14-Jan-2026"), ("2026-01-15", "15-Jan-2026")], {}),
}  # fmt: skip


def changed(text: str, changes: list[tuple[str, str]]) -> str:
    for old, new in changes:
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize(("changes", "arms"), WRITTEN.values(), ids=WRITTEN)
def test_results_are_the_same_however_they_are_written(tmp_path, changes, arms):
    contacts = returned(tmp_path, changed(GOOD, changes), arms=arms)
    pd.testing.assert_frame_equal(contacts, returned(tmp_path, GOOD))


def test_three_past_offers_are_one_offer_of_the_plan(tmp_path):
    words = {"hold": "control", "letter": "offer", "call": "offer"}
    text = (
        GOOD.replace("a,offer", "a,letter").replace("c,offer", "c,call").replace("control", "hold")
    )
    contacts = returned(tmp_path, text, arms=words)
    assert contacts["arm"].tolist() == ["offer", "control", "offer", "control"]


def test_an_arm_that_nobody_knows_is_told_with_those_known(tmp_path):
    with pytest.raises(StudyError, match="arm that nobody knows") as told:
        returned(tmp_path, GOOD.replace("a,offer", "a,treated"), arms={"0": "control"})
    assert told.value.found == "1 row, first 'treated'"
    assert "'control', 'offer', '0'" in told.value.rule


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ([("2026-01-14", "03.04.2026"), ("2026-01-15", "05.06.2026")],
         r"'99.99.9999' can be read as day-month-year and as month-day-year"),
        ([("70.5", "1.234"), (",80", ",2.500")], r"'9.999' can be read as 1234.56 and as 1.234,56"),
    ],
    ids=["days", "amounts"],
)  # fmt: skip
def test_cells_of_two_readings_are_shown_in_both(tmp_path, change, found):
    with pytest.raises(StudyError, match=found):
        returned(tmp_path, changed(GOOD, change))


def test_a_line_of_too_many_cells_is_named(tmp_path):
    with pytest.raises(StudyError, match="line 5"):
        returned(tmp_path, GOOD.replace("70.5", "70,5"))


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


def test_a_control_row_needs_no_product_where_only_one_is_meant(tmp_path):
    # a is to be offered the card and held out of the fund; b the other way round.
    plan = pd.concat(
        [PLAN[:2], PLAN[:2].assign(product_id="fund", arm=["control", "offer"])], ignore_index=True
    )
    text = """customer_id,product_id,arm,contacted_on,responded
a,card,offer,2026-01-14,yes
a,,control,,no
b,,control,,yes
b,fund,offer,2026-01-14,no
"""
    contacts = returned(tmp_path, text, plan)
    assert contacts["responded"].tolist() == [True, True, False, False]
    without = "\n".join(re.sub("^(.),[a-z]*,", "\\1,", line) for line in text.splitlines())
    without = without.replace("customer_id,product_id", "customer_id")
    assert returned(tmp_path, without, plan)["responded"].tolist() == [True, True, False, False]
    with pytest.raises(StudyError, match="2 rows without product"):
        returned(tmp_path, text, plan.assign(arm="control").assign(arm=["offer", "control"] * 2))


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
        (GOOD.replace("2026-01-14", "14.14.2026"), "column contacted_on"),
        (GOOD.replace("70.5", "much"), "column value"),
        ("", "The results lack columns"),
        (GOOD.replace("a,offer", ",offer"), "column customer_id"),
        (GOOD.replace("a,offer", "a,"), "column arm"),
    ],
)
def test_results_that_cannot_be_read_are_refused(tmp_path, text, message):
    with pytest.raises(StudyError, match=message):
        returned(tmp_path, text)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(StudyError, match=r"nowhere\.csv"):
        read_results(tmp_path / "nowhere.csv", PLAN, as_of=AS_OF, costs=COSTS)
