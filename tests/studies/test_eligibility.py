"""Rules of eligibility and expected losses: evaluated as declared, refused where they are none."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from pmlib.errors import StudyError
from pmlib.studies import prepare
from tests.strategy.banks import PARAMETERS, study_of, tables

RULE = {"name": "own", "label": "asks", "rule": "risk_tolerance >= 3", "products": ["loan"]}


def own(tmp_path, *, rules=(), losses=(), frames=None, **declares):
    frames = frames or tables()
    return study_of(
        tmp_path / "own", frames, eligibility=list(rules), expected_loss=list(losses), **declares
    )


def evaluated(study):
    return pd.read_parquet(study.eligibility.path).set_index("customer_id").sort_index()


def customers(study):
    return pd.read_parquet(study.tables["customers"]).set_index("customer_id").sort_index()


def test_a_rule_is_evaluated_for_every_customer_and_unknown_is_no(tmp_path):
    frames = tables()
    frames["customers"]["risk_tolerance"] = (
        frames["customers"]["risk_tolerance"].astype("Int64").where(lambda x: x != 4)
    )
    study = own(tmp_path, rules=[RULE], frames=frames)
    known = customers(study)["risk_tolerance"]
    assert (evaluated(study)["rule_0"] == (known >= 3).fillna(value=False)).all()
    assert study.eligibility.rules[0].products == ("loan",)


def test_a_family_stands_for_its_products_and_no_product_for_all(tmp_path):
    rules = [
        {**RULE, "products": [], "families": ["loan", "wealth"]},
        {**RULE, "name": "all", "products": []},
    ]
    found = own(tmp_path, rules=rules).eligibility.rules
    assert [set(rule.products) for rule in found] == [{"fund", "loan"}, {"card", "fund", "loan"}]


def test_age_is_in_completed_years_on_the_day(tmp_path):
    study = own(tmp_path, rules=[{**RULE, "rule": "age >= 50"}])
    born = pd.to_datetime(customers(study)["birth_date"])
    day = dt.date(2025, 12, 31)
    age = day.year - born.dt.year - ((born.dt.month * 100 + born.dt.day) > 1231)
    assert (evaluated(study)["rule_0"] == (age >= 50)).all()


def test_losses_are_an_expression_or_a_rate_a_class_and_unknown_is_the_worst(tmp_path):
    frames = tables()
    n = len(frames["customers"])
    frames["customers"]["grade"] = (["A", "B", None, "Z"] * n)[:n]
    frames["customers"]["lost"] = ([1.5, None] * n)[:n]
    losses = [
        {"products": ["loan"], "by": "grade", "rates": {"A": 2, "B": 30.0}},
        {"products": ["card"], "loss": "lost * 2"},
    ]
    attributes = {"grade": {"label": "Grade"}, "lost": {"label": "Lost"}}
    study = own(tmp_path, losses=losses, frames=frames, attributes=attributes)
    table = evaluated(study)
    assert study.eligibility.losses == ("loan", "card")
    assert table["loss_0"].head(4).tolist() == [2.0, 30.0, 30.0, 30.0]
    assert table["loss_1"].head(2).tolist() == [3.0, 3.0]


def test_what_rests_on_an_optional_column_that_is_not_there_is_left_out(tmp_path):
    rules = [RULE, {**RULE, "name": "income", "rule": "income > 900 OR risk_tolerance = 5"}]
    attributes = {"income": {"label": "Income", "optional": True}}
    study = own(tmp_path, rules=rules, attributes=attributes)
    assert [rule.name for rule in study.eligibility.rules] == ["own"]
    assert "income" not in study.attributes


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ("incme > 900", "incme"),
        ("risk_tolerance", "BIGINT"),
        ("risk_tolerance >", "syntax error"),
        ("1 = 1) FROM customers WHERE (true", "more than an expression"),
        ("true); DROP TABLE customers; SELECT (true", "Only SELECT"),
        ("risk_tolerance > (SELECT 2)", "subquery"),
        ("count(*) > 3", "1 answers for 4,000 customers"),
        ("max(risk_tolerance) > 3", "GROUP BY|1 answers"),
        ("row_number() OVER () < 10", "window"),
        ("unnest([true, false])", "answers for|UNNEST"),
        ("birth_date < current_date", "current_date"),
        ("random() < 0.5", "random"),
    ],
)
def test_what_is_no_rule_is_refused_in_one_clear_error(tmp_path, rule, found):
    with pytest.raises(StudyError, match=found) as refused:
        own(tmp_path, rules=[{**RULE, "rule": rule}])
    assert "study.yaml, eligibility, own" in str(refused.value)


def test_a_negative_loss_is_refused(tmp_path):
    with pytest.raises(StudyError, match="below 0"):
        own(tmp_path, losses=[{"products": ["loan"], "loss": "risk_tolerance - 3"}])


def test_a_product_that_the_bank_lacks_is_refused(tmp_path):
    with pytest.raises(StudyError, match="leasing"):
        own(tmp_path, rules=[{**RULE, "products": ["leasing"]}])


@pytest.mark.parametrize(
    "loss",
    [
        {"products": ["loan"]},
        {"products": ["loan"], "by": "risk_tolerance"},
        {"products": ["loan"], "loss": "1", "by": "risk_tolerance", "rates": {"1": 2.0}},
    ],
)
def test_a_loss_is_told_in_one_way(tmp_path, loss):
    with pytest.raises(StudyError, match="either 'loss', or 'by' and 'rates'"):
        own(tmp_path, losses=[loss])


def test_a_study_that_declares_nothing_has_none(tmp_path):
    study = own(tmp_path)
    assert study.eligibility is None
    assert prepare(study.folder, PARAMETERS).eligibility is None
