"""Which arm was left out is declared, never guessed; so is the draw that decided it.

The campaign is that of the small banks of the cases: 203 left out, of whom 20 bought, and 197
contacted, of whom 53 bought (response 0.098522 and 0.269036).
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb
import pandas as pd
import pytest
import yaml

from pmlib.canon.contacts import campaigns
from pmlib.engine import open_engine
from pmlib.errors import StudyError
from pmlib.params import Parameters
from pmlib.studies import Study, check_study, load_spec, prepare

LEFT_OUT, CONTACTED = (203, 20), (197, 53)


def rows_of(arm: str, size: int, bought: int, *, campaign: str = "spring", p: str = "") -> list:
    return [(campaign, arm, p, i < bought) for i in range(size)]


def study_of(folder: Path, rows: list, **declared) -> Path:
    """A study of contacts (campaign, arm, propensity, responded), one customer a row."""
    table = pd.DataFrame(rows, columns=["campaign", "arm", "p", "bought"])
    table.insert(0, "customer", range(len(table)))
    table.to_csv(folder / "contacts.csv", index=False)
    spec = {
        "title": "Own", "description": "Own bank.", "licence": "internal", "currency": "EUR",
        "as_of": dt.date(2024, 12, 31), "sources": [{"file": "contacts.csv", "table": "raw"}],
        "tables": {"customers": "customers.sql", "contacts": "contacts.sql"}, **declared,
    }  # fmt: skip
    (folder / "study.yaml").write_text(yaml.safe_dump(spec, allow_unicode=True), encoding="utf-8")
    (folder / "customers.sql").write_text("SELECT customer AS customer_id FROM raw")
    (folder / "contacts.sql").write_text(
        "SELECT campaign AS campaign_id, customer AS customer_id, DATE '2024-05-01' AS "
        "contacted_on, arm, NULL AS product_id, NULL AS channel, NULL AS cost, p::DOUBLE AS "
        "propensity, bought::BOOLEAN AS responded, NULL AS value FROM raw"
    )
    return folder


def one_campaign(folder: Path, left_out: str, contacted: str, *, p: str = "", **declared) -> Path:
    rows = rows_of(left_out, *LEFT_OUT, p=p) + rows_of(contacted, *CONTACTED, p=p)
    return study_of(folder, rows, **declared)


def arms(study: Study) -> dict[str, tuple]:
    """Rows, buyers and distinct propensities of each arm of the canonical table."""
    found = duckdb.execute(
        "SELECT arm, count(*), count_if(responded), list_sort(list(DISTINCT round(propensity, 6))) "
        "FROM read_parquet($1) GROUP BY 1 ORDER BY 1", [str(study.tables["contacts"])],
    ).fetchall()  # fmt: skip
    return {arm: tuple(rest) for arm, *rest in found}


def randomised(study: Study) -> list[bool]:
    engine = open_engine("duckdb")
    return campaigns(study.scan("contacts", engine))["randomised"].tolist()


# --- who was left out ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left_out", "contacted"),
    [("0", "1"), ("Control", "Treated"), ("对照", "实验"), ("hold-out", "letter"), ("no", "yes")],
)
def test_arms_of_any_spelling_are_asked_for_and_then_read(tmp_path, left_out, contacted):
    folder = one_campaign(tmp_path, left_out, contacted, p="0.5")
    with pytest.raises(StudyError) as told:
        check_study(folder)
    assert f"'{left_out}' (203)" in told.value.found
    assert f"'{contacted}' (197)" in told.value.found
    assert "control: [" in told.value.remedy

    study = prepare(one_campaign(tmp_path, left_out, contacted, p="0.5", control=[left_out]),
                    Parameters())  # fmt: skip
    assert arms(study) == {"control": (203, 20, [0.5]), contacted: (197, 53, [0.5])}
    assert randomised(study) == [True]
    assert f"203 were deliberately not contacted: those of the arm '{left_out}'" in study.notes[-1]
    assert study.control == (left_out,)


def test_yaml_numbers_stand_for_their_text(tmp_path):
    study = prepare(one_campaign(tmp_path, "0", "1", control=[0]), Parameters())
    assert set(arms(study)) == {"control", "1"}


def test_a_control_called_control_needs_no_word(tmp_path):
    study = prepare(one_campaign(tmp_path, "control", "offer", p="0.5"), Parameters())
    assert arms(study) == {"control": (203, 20, [0.5]), "offer": (197, 53, [0.5])}
    assert study.notes == ()


def test_several_arms_may_have_been_left_out(tmp_path):
    rows = [row for arm in "ABC" for row in rows_of(arm, 100, 10)]
    study = prepare(study_of(tmp_path, rows, control=["A", "B"]), Parameters())
    assert arms(study) == {"C": (100, 10, [None]), "control": (200, 20, [None])}


def test_an_empty_list_says_that_everybody_was_contacted(tmp_path):
    study = prepare(one_campaign(tmp_path, "A", "B", control=[]), Parameters())
    assert set(arms(study)) == {"A", "B"}


def test_one_arm_is_no_question(tmp_path):
    study = prepare(study_of(tmp_path, rows_of("call", 50, 5)), Parameters())
    assert set(arms(study)) == {"call"}


@pytest.mark.parametrize(
    ("second", "found"),
    [
        (rows_of("0", 9, 3, campaign="b") + rows_of("1", 9, 3, campaign="b"), "campaign 'b': '0'"),
        (rows_of("Control", 30, 3, campaign="b"), "'Control' \\(30\\)"),
        (rows_of("control ", 30, 3), "'control ' \\(30\\)"),
    ],
    ids=["other-words", "case", "blank"],
)  # fmt: skip
def test_a_control_spelled_otherwise_in_another_campaign_is_asked_for(tmp_path, second, found):
    rows = rows_of("control", *LEFT_OUT) + rows_of("offer", *CONTACTED) + second
    with pytest.raises(StudyError, match=found):
        prepare(study_of(tmp_path, rows), Parameters())
    assert not list((tmp_path / "tables").glob("*"))


@pytest.mark.parametrize(
    ("declared", "remedy"),
    [("0.0", "Did you mean '0'"), ("0 ", "Did you mean '0'"), ("TREATED", "Did you mean 'treated'"),
     ("Ｏ", "Known are 0, treated"), ("traeted", "Did you mean treated")],
)  # fmt: skip
def test_an_arm_that_no_row_has_is_told_with_the_nearest(tmp_path, declared, remedy):
    folder = one_campaign(tmp_path, "0", "treated", control=[declared])
    with pytest.raises(StudyError, match="declared as control that no contact has") as told:
        prepare(folder, Parameters())
    assert remedy in told.value.remedy


@pytest.mark.parametrize("declared", [[], ["hold"]])
def test_an_arm_called_control_is_not_taken_for_an_offer(tmp_path, declared):
    rows = [row for arm in ("control", "hold", "offer") for row in rows_of(arm, 20, 2)]
    with pytest.raises(StudyError, match="called 'control' and is not declared"):
        prepare(study_of(tmp_path, rows, control=declared), Parameters())


# --- by what draw -------------------------------------------------------------------------------


def test_a_declared_draw_fills_the_share_of_each_arm_in_its_campaign(tmp_path):
    more = rows_of("0", 50, 5, campaign="autumn") + rows_of("1", 150, 5, campaign="autumn")
    rows = rows_of("0", *LEFT_OUT) + rows_of("1", *CONTACTED) + more
    study = prepare(study_of(tmp_path, rows, control=["0"], assignment="randomised"), Parameters())
    assert arms(study)["control"][2] == [0.25, 0.5075]
    assert arms(study)["1"][2] == [0.4925, 0.75]
    assert randomised(study) == [True, True]
    assert "600 rows of 2 campaigns" in study.notes[-1]
    assert "control 0.25 to 0.5075" in study.notes[-1]


def test_declared_shares_are_taken_and_those_of_merged_controls_added(tmp_path):
    rows = [row for arm in "ABC" for row in rows_of(arm, 100, 10)]
    study = prepare(
        study_of(tmp_path, rows, control=["A", "B"], assignment="randomised",
                 shares={"A": 0.333, "B": 0.333, "C": 0.333}), Parameters(),
    )  # fmt: skip
    assert arms(study) == {"C": (100, 10, [0.333]), "control": (200, 20, [0.666])}


def test_probabilities_on_record_stay(tmp_path):
    rows = rows_of("control", 100, 10, p="0.4") + rows_of("offer", 100, 10)
    study = prepare(study_of(tmp_path, rows, assignment="randomised"), Parameters())
    assert arms(study) == {"control": (100, 10, [0.4]), "offer": (100, 10, [0.5])}
    assert "100 rows of a campaign" in study.notes[-1]


def test_a_campaign_without_control_gets_no_probabilities(tmp_path):
    rows = rows_of("offer", 50, 5, campaign="calls") + rows_of("control", *LEFT_OUT)
    study = prepare(
        study_of(tmp_path, rows + rows_of("offer", *CONTACTED), assignment="randomised"),
        Parameters(),
    )
    table = campaigns(study.scan("contacts", open_engine("duckdb"))).set_index("campaign_id")
    assert table["randomised"].to_dict() == {"calls": False, "spring": True}


def test_what_was_chosen_is_never_randomised(tmp_path):
    study = prepare(
        one_campaign(tmp_path, "control", "offer", p="0.5", assignment="chosen"), Parameters()
    )
    assert arms(study) == {"control": (203, 20, [None]), "offer": (197, 53, [None])}
    assert randomised(study) == [False]
    assert "the 400 probabilities on record are not used" in study.notes[-1]


def test_rows_keep_their_order(tmp_path):
    study = prepare(one_campaign(tmp_path, "0", "1", control=["0"], assignment="randomised"),
                    Parameters())  # fmt: skip
    ids = duckdb.execute("SELECT customer_id FROM read_parquet($1)",
                         [str(study.tables["contacts"])]).fetchall()  # fmt: skip
    assert [key for (key,) in ids] == [str(i) for i in range(400)]


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"control": 0.5, "offer": 0.4}, "do not add up to 1"),
        ({"control": 0.5}, "do not add up to 1"),
        ({"Control": 0.5, "offer": 0.5}, "no campaign with a control group has"),
    ],
)
def test_shares_that_do_not_make_up_a_campaign_are_refused(tmp_path, shares, message):
    folder = one_campaign(tmp_path, "control", "offer", assignment="randomised", shares=shares)
    with pytest.raises(StudyError, match=message):
        prepare(folder, Parameters())


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"shares": {"0": 0.5, "1": 0.5}}, "say 'assignment: randomised' too"),
        ({"assignment": "random"}, "'randomised' or 'chosen'"),
        ({"control": [False]}, "put it in quotes"),
        ({"assignment": "randomised", "shares": {"0": 1.5}}, "less than 1"),
        ({"control": ["0"], "tables": {"customers": "customers.sql"}}, "names no contacts"),
    ],
)
def test_a_declaration_that_cannot_be_is_told(tmp_path, declared, message):
    with pytest.raises(StudyError, match=message):
        load_spec(one_campaign(tmp_path, "0", "1", **declared))
