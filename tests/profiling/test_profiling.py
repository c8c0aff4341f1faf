"""The profile of a bank, against cases worked by hand, numpy and scikit-learn."""

from __future__ import annotations

import dataclasses
import datetime as dt

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sklearn.metrics import roc_auc_score

from pmlib import profiling, studies
from pmlib.engine import collect
from pmlib.figures import past_marketing
from pmlib.figures import profiling as figures
from pmlib.params import Parameters
from pmlib.profiling.concentration import Concentration, Measure, _gini, _lorenz
from pmlib.profiling.customers import AGE_EDGES, age, band, band_names
from pmlib.studies import Attribute

AS_OF = dt.date(2025, 6, 30)


def ids(n: int) -> list[str]:
    return [f"c{i:04d}" for i in range(n)]


# --- customers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("born", "years"),
    [("2000-06-30", 25), ("2000-07-01", 24), ("2004-02-29", 21), ("2025-06-30", 0)],
)
def test_age_is_counted_in_completed_years(lazy, born, years):
    frame = lazy(pd.DataFrame({"birth_date": [born]})).select(age=age(AS_OF))
    assert collect(frame, sort_by=())["age"].tolist() == [years]


def test_bands_begin_at_their_edges(lazy):
    values = lazy(pd.DataFrame({"v": [17, 18, 24, 25, 75, 99]})).select(
        "v", b=band(nw.col("v"), AGE_EDGES)
    )
    names = band_names(AGE_EDGES)
    found = [names[b] for b in collect(values, sort_by=["v"])["b"]]
    expected = ["under 18", "18–24", "18–24", "25–34", "75 and over", "75 and over"]
    assert found == expected


def test_structure_counts_every_customer_once_a_dimension(lazy):
    customers = pd.DataFrame(
        {
            "customer_id": ids(60),
            "gender": ["f"] * 35 + ["m"] * 25,
            "region": ["N", "S", "W"] * 20,
            "joined_on": ["2024-12-31"] * 30 + ["2019-01-01"] * 30,
        }
    )
    levels = profiling.customer_structure(lazy(customers), as_of=AS_OF).levels
    assert (levels.groupby("dimension")["customers"].sum() == 60).all()
    tenure = levels[levels["dimension"] == "Years with the bank"]
    assert dict(zip(tenure["level"], tenure["customers"], strict=True)) == {
        "under 1": 30, "5–9": 30
    }  # fmt: skip


def test_many_levels_are_shown_by_the_commonest(lazy):
    regions = [f"r{i:02d}" for i in range(30) for _ in range(20 + i)]
    customers = pd.DataFrame({"customer_id": ids(len(regions)), "region": regions})
    levels = profiling.customer_structure(lazy(customers), as_of=AS_OF).levels
    assert len(levels) == 12
    assert levels["level"].iloc[0] == "r29"
    assert levels["level"].iloc[-1] == "19 others"
    assert levels["customers"].sum() == len(regions)


def test_small_levels_of_an_attribute_are_not_shown(lazy):
    customers = pd.DataFrame({"customer_id": ids(100), "job": ["a"] * 60 + ["b"] * 37 + ["c"] * 3})
    structure = profiling.customer_structure(
        lazy(customers), as_of=AS_OF, attributes={"job": Attribute("Job")}
    )
    levels = structure.levels.set_index("level")
    assert levels["suppressed"].to_dict() == {"a": False, "b": True, "c": True}
    assert levels.loc[["b", "c"], ["customers", "share", "low", "high"]].isna().all(axis=None)


def test_amounts_have_their_mean_and_quantiles(lazy):
    income = np.arange(1.0, 102.0)
    customers = pd.DataFrame({"customer_id": ids(101), "income": income})
    amounts = profiling.customer_structure(
        lazy(customers), as_of=AS_OF, attributes={"income": Attribute("Income", "EUR")}
    ).amounts.iloc[0]
    assert (amounts["mean"], amounts["median"], amounts["p10"]) == (51.0, 51.0, 11.0)
    assert amounts["high"] - 51 == pytest.approx(1.959964 * income.std(ddof=1) / np.sqrt(101))


def test_a_bank_with_nothing_but_customers_is_described(lazy):
    tables = {"customers": lazy(pd.DataFrame({"customer_id": ids(20)}))}
    quality = profiling.data_quality(tables, as_of=AS_OF)
    structure = profiling.customer_structure(tables["customers"], as_of=AS_OF)
    value = profiling.concentration(profiling.customer_values(tables, as_of=AS_OF))
    assert quality.overview["rows"].tolist() == [20]
    assert structure.levels.empty
    assert value.summary.empty
    assert profiling.age_by_gender(tables["customers"], as_of=AS_OF) is None
    assert profiling.implications(quality.numbers).startswith("This study has customers")


def test_the_table_of_age_and_gender_shows_no_small_cell(lazy):
    born = ["1990-01-01"] * 40 + ["1960-01-01"] * 43
    gender = ["f"] * 20 + ["m"] * 20 + ["f"] * 40 + ["m"] * 3
    customers = pd.DataFrame({"customer_id": ids(83), "birth_date": born, "gender": gender})
    pyramid = profiling.age_by_gender(lazy(customers), as_of=AS_OF)
    assert pyramid.table["suppressed"].all()  # one small cell in a 2 x 2 table takes all with it
    assert pyramid.numbers[0].value == 0


# --- activity and holdings ----------------------------------------------------------------------


def test_activity_counts_customers_and_money_by_month(lazy):
    days = ["2025-01-01", "2025-01-31", "2025-02-10", "2025-02-27", "2025-03-05"]
    customers = lazy(
        pd.DataFrame({"customer_id": ["a", "b"], "joined_on": ["2020-01-01", "2025-02-01"]})
    )
    transactions = lazy(
        pd.DataFrame(
            {
                "customer_id": ["a", "a", "a", "b", "b"],
                "booked_on": days,
                "amount": [100.0, -30.0, 50.0, 20.0, -5.0],
            }
        )
    )
    months = profiling.monthly_activity(
        {"customers": customers, "transactions": transactions}, as_of=AS_OF, minimum=1
    ).table
    months = months.set_index("month")
    assert months["active"].to_dict() == {"2025-01": 1, "2025-02": 2, "2025-03": 1}
    assert months["customers"].to_dict() == {"2025-01": 1, "2025-02": 2, "2025-03": 2}
    assert months["money_in"].to_dict() == {"2025-01": 100, "2025-02": 70, "2025-03": 0}
    assert months["money_out"].to_dict() == {"2025-01": 30, "2025-02": 0, "2025-03": 5}
    assert months["whole"].to_dict() == {"2025-01": True, "2025-02": True, "2025-03": False}


def test_penetration_counts_holders_on_the_day_once(lazy):
    products = pd.DataFrame(
        {"product_id": ["x", "y", "z"], "name": ["X", "Y", "Z"], "family": ["f"] * 3}
    )
    holdings = pd.DataFrame(
        [
            ("c0000", "x", "2020-01-01", None),
            ("c0000", "x", "2021-01-01", None),  # a second one of the same kind
            ("c0001", "x", "2020-01-01", "2025-06-30"),  # closed on the day
            ("c0002", "x", "2025-07-01", None),  # opened after it
            ("c0003", "y", None, None),  # since when is unknown
        ],
        columns=["customer_id", "product_id", "opened_on", "closed_on"],
    )
    held = profiling.product_penetration(
        lazy(pd.DataFrame({"customer_id": ids(5)})), lazy(holdings), lazy(products),
        as_of=AS_OF, minimum=1,
    )  # fmt: skip
    assert held.products.set_index("product_id")["customers"].to_dict() == {"x": 1, "y": 1, "z": 0}
    assert held.per_customer.set_index("products")["customers"].to_dict() == {0: 3, 1: 2}
    mean = next(n for n in held.numbers if n.key == "products_per_customer")
    assert mean.value == pytest.approx(0.4)


def test_penetration_by_age_is_a_share_of_the_band(lazy):
    customers = pd.DataFrame(
        {"customer_id": ids(70), "birth_date": ["1995-01-01"] * 30 + ["1960-01-01"] * 40}
    )
    products = pd.DataFrame({"product_id": ["x", "y"], "name": ["X", "Y"], "family": ["f"] * 2})
    held = [("x", i) for i in range(12, 60)] + [("y", i) for i in range(25, 45)]
    holdings = pd.DataFrame(
        {
            "customer_id": [ids(70)[i] for _, i in held],
            "product_id": [product for product, _ in held],
            "opened_on": "2020-01-01",
            "closed_on": [None] * len(held),
        }
    )
    result = profiling.penetration_by_age(
        lazy(customers), lazy(holdings), lazy(products), as_of=AS_OF
    )
    share = result.table.set_index(["product_id", "age_band"])["share"]
    assert share["x", "25–34"] == pytest.approx(18 / 30)
    assert share["x", "65–74"] == pytest.approx(30 / 40)
    # Five of the younger hold y: that cell is blank, and so is the other, which would tell it.
    assert share["y"].isna().all()


# --- concentration ------------------------------------------------------------------------------


def naive_gini(x: np.ndarray) -> float:
    """Half the relative mean difference, over all pairs."""
    return np.abs(x[:, None] - x[None, :]).mean() / (2 * x.mean())


def measured(lazy, x: np.ndarray, n_customers: int | None = None) -> Concentration:
    frame = lazy(pd.DataFrame({"customer_id": ids(len(x)), "value": x}))
    measure = Measure("value", "value", frame, n_customers or len(x))
    return profiling.concentration([measure])


def test_gini_is_half_the_relative_mean_difference(lazy):
    x = np.random.default_rng(1).lognormal(5, 1.2, 800)
    row = measured(lazy, x).summary.iloc[0]
    assert row["gini"] == pytest.approx(naive_gini(x), abs=1e-5)
    assert row["top_share"] == pytest.approx(np.sort(x)[-160:].sum() / x.sum(), abs=1e-5)


def test_customers_without_value_count(lazy):
    x = np.array([1.0] * 25)
    row = measured(lazy, x, n_customers=100).summary.iloc[0]
    assert row["gini"] == pytest.approx(0.75)
    assert row["without"] == 0.75
    assert row["top_share"] == pytest.approx(0.8)


def test_money_is_compared_among_those_there_throughout(lazy):
    tables = {
        "customers": pd.DataFrame(
            {
                "customer_id": ["a", "b", "c"],
                "joined_on": ["2020-01-01", "2023-01-01", "2023-07-01"],
            }
        ),
        "transactions": pd.DataFrame(
            {
                "customer_id": ["a", "a", "b", "c"],
                "booked_on": ["2022-12-31", "2023-12-31", "2023-01-01", "2023-08-01"],
                "amount": [8.0, 1.0, 2.0, 4.0],
            }
        ),
    }
    found = profiling.customer_values(
        {name: lazy(table) for name, table in tables.items()}, as_of=dt.date(2024, 6, 30)
    )
    assert found[0].name == "money received from 2023-01-01 to 2023-12-31"
    assert found[0].n_customers == 2
    values = found[0].totals.collect("pandas").to_native().set_index("customer_id")["value"]
    assert values.to_dict() == {"a": 1.0, "b": 2.0}


def test_a_curve_that_is_a_vertical_line_is_not_drawn(lazy):
    result = measured(lazy, np.arange(1.0, 10.0), n_customers=1000)
    assert result.curve.empty
    assert result.summary["without"].iloc[0] == pytest.approx(0.991)


def test_equal_customers_lie_on_the_line_of_equality(lazy):
    result = measured(lazy, np.full(200, 7.0))
    assert result.summary["gini"].iloc[0] == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(result.curve["value"], result.curve["customers"])


def test_negative_totals_have_no_lorenz_curve(lazy):
    result = measured(lazy, np.array([-1.0, 2.0, 3.0]))
    assert result.summary.empty
    assert "negative" in result.text


def test_no_point_of_the_curve_sets_few_customers_apart(lazy):
    curve = measured(lazy, np.arange(1.0, 46.0)).curve
    assert np.diff(curve["customers"]).min() * 45 >= 10


def test_gini_intervals_cover():
    # The exponential distribution has Gini index 1/2 (Davidson 2009, section 3).
    rng = np.random.default_rng(7)
    hits = 0
    for _ in range(400):
        x = np.sort(rng.exponential(size=400))
        gini, error = _gini(np.ones(400), x)
        hits += abs(gini - 0.5) <= 1.959964 * error
    assert 0.92 <= hits / 400 <= 0.975


def test_top_share_intervals_cover(lazy):
    # Exponential: L(p) = p + (1 - p) ln(1 - p), so the top fifth holds 1 - L(0.8).
    true = 1 - (0.8 + 0.2 * np.log(0.2))
    rng = np.random.default_rng(8)
    hits = 0
    for _ in range(60):
        row = measured(lazy, rng.exponential(size=500)).summary.iloc[0]
        hits += row["top_share_low"] <= true <= row["top_share_high"]
    assert hits >= 52  # 60 draws of 95 %: fewer than 52 has probability below 0.01


def test_lorenz_of_four_customers():
    p = _lorenz(np.ones(4), np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.25, 0.5, 1.0]))
    np.testing.assert_allclose(p, [0.1, 0.3, 1.0])


# --- feature-time audit -------------------------------------------------------------------------


def answered(lazy, values: np.ndarray, took: np.ndarray) -> tuple[nw.LazyFrame, nw.LazyFrame]:
    n = len(values)
    hashes = np.random.default_rng(n).integers(0, 2**32, n)
    customers = lazy(pd.DataFrame({"customer_id": ids(n), "customer_hash": hashes, "x": values}))
    contacts = lazy(
        pd.DataFrame(
            {
                "customer_id": ids(n),
                "arm": "offer",
                "responded": took,
                "campaign_id": "c",
                "contacted_on": "2025-03-01",
            }
        )
    )
    return customers, contacts


def test_auc_of_an_attribute_is_that_of_scikit_learn(lazy):
    rng = np.random.default_rng(3)
    took = rng.random(600) < 0.3
    x = np.round(rng.normal(size=600) + took, 1)  # with ties
    customers, contacts = answered(lazy, x, took)
    audit = profiling.audit_feature_time({"x": Attribute("X")}, customers, contacts)
    assert audit.table["auc"].iloc[0] == pytest.approx(roc_auc_score(took, x))


def test_auc_intervals_are_delongs(lazy):
    rng = np.random.default_rng(4)
    took = rng.random(300) < 0.4
    x = np.round(rng.normal(size=300) + 0.5 * took, 1)
    customers, contacts = answered(lazy, x, took)
    row = profiling.audit_feature_time({"x": Attribute("X")}, customers, contacts).table.iloc[0]
    # DeLong, DeLong & Clarke-Pearson (1988), eq. 5: variances of the structural components.
    wins = np.sign(x[took][:, None] - x[~took][None, :]) / 2 + 0.5
    variance = (
        wins.mean(axis=1).var(ddof=1) / took.sum() + wins.mean(axis=0).var(ddof=1) / (~took).sum()
    )
    auc = row["auc"]
    logits = np.log([row[end] / (1 - row[end]) for end in ("low", "auc", "high")])
    half = 1.959964 * np.sqrt(variance) / (auc * (1 - auc))
    assert np.diff(logits) == pytest.approx([half, half], rel=1e-6)


def test_categories_are_not_ordered_by_the_outcomes_they_are_judged_on(lazy):
    rng = np.random.default_rng(6)
    took = rng.random(2000) < 0.3
    level = rng.integers(0, 60, 2000)
    in_sample = pd.Series(took).groupby(level).transform("mean")
    assert roc_auc_score(took, in_sample) > 0.58  # of an attribute that tells nothing
    customers, contacts = answered(lazy, [f"level {i}" for i in level], took)
    row = profiling.audit_feature_time({"x": Attribute("X")}, customers, contacts).table.iloc[0]
    assert row["low"] < 0.5 < row["high"]
    # Two levels keep their order in both halves: as a number, up to the halves' chance.
    customers, contacts = answered(lazy, np.where(rng.random(2000) < 0.2, took, ~took), took)
    number = profiling.audit_feature_time({"x": Attribute("X")}, customers, contacts).table
    customers = customers.with_columns(
        x=nw.when(nw.col("x")).then(nw.lit("b")).otherwise(nw.lit("a"))
    )
    text = profiling.audit_feature_time({"x": Attribute("X")}, customers, contacts).table
    assert text["auc"].iloc[0] == pytest.approx(1 - number["auc"].iloc[0], abs=0.01)


def test_what_is_known_too_late_is_barred_and_named(lazy):
    took = np.array([True, False] * 50)
    customers, contacts = answered(lazy, took * 1.0 + np.arange(100) % 3 / 10, took)
    late = {"x": Attribute("Duration", known_before_contact=False)}
    audit = profiling.audit_feature_time(late, customers, contacts)
    assert audit.table["verdict"].tolist() == ["not used: known too late"]
    assert "Taken alone, “Duration” (AUC 1.00) would tell takers" in audit.text


def test_a_suspiciously_strong_attribute_is_pointed_out(lazy):
    took = np.array([True, False] * 50)
    customers, contacts = answered(lazy, took * 1.0, took)
    audit = profiling.audit_feature_time({"x": Attribute("X")}, customers, contacts)
    assert "unusually strong" in audit.table["verdict"].iloc[0]


# --- quality ------------------------------------------------------------------------------------


def test_ranges_show_no_single_customers_value(lazy):
    income = [1.0, *range(100, 150), 1e9]
    customers = lazy(pd.DataFrame({"customer_id": ids(52), "income": income}))
    columns = profiling.data_quality({"customers": customers}, as_of=AS_OF).columns
    row = columns.set_index("column").loc["income"]
    assert (row["low"], row["high"]) == ("108", "141")  # the tenth value from each end


def test_missing_unknown_and_constant_columns_are_found(lazy):
    customers = pd.DataFrame(
        {
            "customer_id": ids(50),
            "job": ["Unknown "] * 12 + ["clerk"] * 38,
            "bank": ["one"] * 50,
            "income": [None] * 20 + [1.0] * 30,
        }
    )
    findings = profiling.data_quality({"customers": lazy(customers)}, as_of=AS_OF).findings
    found = {(row.column, row.finding): row.rows for row in findings.itertuples()}
    assert found == {
        ("job", "text that means unknown"): 12, ("bank", "one value throughout"): 50,
        ("income", "no value"): 20,
    }  # fmt: skip


def test_impossible_combinations_and_repeated_rows_are_found(lazy):
    customers = pd.DataFrame(
        {
            "customer_id": ids(40),
            "birth_date": ["2015-01-01"] * 15 + ["1980-01-01"] * 25,
            "joined_on": ["2024-01-01"] * 40,
        }
    )
    transactions = pd.DataFrame(
        {"customer_id": ids(20) * 2, "booked_on": ["2023-01-01"] * 40, "amount": [1.0] * 40}
    )
    tables = {"customers": lazy(customers), "transactions": lazy(transactions)}
    findings = profiling.data_quality(tables, as_of=AS_OF).findings
    found = {row.finding: row.rows for row in findings.itertuples()}
    assert found["younger than 18 years"] == 15
    assert found["before the customer joined"] == 40
    assert found["rows that repeat another exactly"] == 20


def test_a_finding_on_few_customers_hides_their_number(lazy):
    customers = pd.DataFrame(
        {"customer_id": ids(50), "income": [None] * 3 + [1.0, 2.0] * 23 + [1.0]}
    )
    findings = profiling.data_quality({"customers": lazy(customers)}, as_of=AS_OF).findings
    assert findings["rows"].isna().all()


# --- contacts -----------------------------------------------------------------------------------


def campaign(name: str, day: str, n: int, took: int, **more: object) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "campaign_id": name,
            "customer_id": ids(n),
            "contacted_on": day,
            "arm": "offer",
            "product_id": "card",
            "channel": "letter",
            "cost": 2.0,
            "propensity": None,
            "responded": [True] * took + [False] * (n - took),
            "value": 0.0,
        }
    )
    return frame.assign(**more)


def test_responses_and_costs_of_a_campaign(lazy):
    past = pd.concat(
        [
            campaign("late", "2025-03-01", 100, 20, propensity=2 / 3),
            campaign("early", "2024-03-01", 200, 10),
            campaign("late", "2025-03-01", 50, 5, arm="control", cost=0.0, propensity=1 / 3),
        ]
    )
    past["responded"] = past["responded"].astype(object)
    past.iloc[-1, past.columns.get_loc("responded")] = None  # an outcome not yet known
    result = profiling.contact_responses(lazy(past))
    rows = result.campaigns.set_index(["campaign", "arm"])
    assert list(rows.index) == [("early", "offer"), ("late", "control"), ("late", "offer")]
    assert rows.loc[("early", "offer"), "rate"] == pytest.approx(0.05)
    assert rows.loc[("early", "offer"), "cost_per_sale"] == pytest.approx(400 / 10)
    assert rows.loc[("late", "control"), "answered"] == 49
    assert np.isnan(rows.loc[("late", "control"), "cost_per_sale"])
    numbers = {number.key: number.value for number in result.numbers}
    assert numbers["past_response"] == pytest.approx(10 / 200)  # the test "late" is set apart
    assert "not counted here: late" in result.text
    assert numbers["past_response_tests"] == pytest.approx(20 / 100)
    assert numbers["past_response_control"] == pytest.approx(5 / 49)


def test_where_every_campaign_is_a_test_all_are_counted(lazy):
    past = pd.concat(
        [
            campaign("test", "2025-03-01", 100, 20, propensity=2 / 3),
            campaign("test", "2025-03-01", 50, 5, arm="control", cost=0.0, propensity=1 / 3),
        ]
    )
    result = profiling.contact_responses(lazy(past))
    assert {n.key: n.value for n in result.numbers}["past_contacts"] == 100


def test_costs_that_were_not_recorded_are_not_shown(lazy):
    past = campaign("x", "2025-03-01", 100, 20)
    past["cost"] = past["cost"].where(past.index > 0)
    row = profiling.contact_responses(lazy(past)).campaigns.iloc[0]
    assert np.isnan(row["cost"])
    assert np.isnan(row["cost_per_sale"])


def test_waste_is_counted_with_its_cost(lazy):
    customers = pd.DataFrame(
        {"customer_id": ids(100), "marketing_opt_out": [True] * 30 + [False] * 70}
    )
    holdings = pd.DataFrame(
        {"customer_id": ids(100)[20:60], "product_id": "card", "opened_on": "2020-01-01",
         "closed_on": [None] * 40}
    )  # fmt: skip
    waste = profiling.wasted_contacts(
        lazy(campaign("x", "2025-03-01", 100, 5)),
        customers=lazy(customers),
        holdings=lazy(holdings),
    )
    rows = waste.reasons.set_index("reason")
    assert rows.loc["held the product already", "wasted"] == 40
    assert rows.loc["customer objects to marketing", "wasted"] == 30
    assert rows.loc["any of these", "wasted"] == 60
    assert rows.loc["any of these", "cost"] == 120
    assert "do not tell of any contact: product riskier" in waste.text


def test_control_rows_are_no_waste(lazy):
    customers = pd.DataFrame({"customer_id": ids(20), "marketing_opt_out": [True] * 20})
    past = campaign("x", "2025-03-01", 20, 0, arm="control")
    waste = profiling.wasted_contacts(lazy(past), customers=lazy(customers))
    assert waste.reasons.empty


def test_repetition_is_compared_within_campaigns(lazy):
    # Simpson's trap: within each campaign repetition changes nothing, pooled it seems to.
    first = campaign("a", "2024-01-01", 400, 40)
    second = campaign("b", "2024-06-01", 800, 0, cost=1.0)
    second["responded"] = [i % 2 == 0 for i in range(800)]
    result = profiling.repeated_contacts(lazy(pd.concat([first, second])))
    rows = result.table.set_index(["series", "contact"])
    assert rows["contacts"].to_dict() == {("a", 1): 400, ("b", 1): 400, ("b", 2): 400}
    assert result.numbers[0].value == pytest.approx(0)
    assert result.numbers[0].low < 0 < result.numbers[0].high


def test_counted_contacts_stand_in_for_repetition(lazy):
    customers = pd.DataFrame({"customer_id": ids(300), "calls": [1, 2, 9] * 100})
    past = campaign("a", "2024-01-01", 300, 0)
    past["responded"] = [i % 3 == 0 for i in range(300)]
    result = profiling.repeated_contacts(
        lazy(past), customers=lazy(customers), counters={"calls": "Calls"}, most=5
    )
    assert result.table["contact"].tolist() == [1, 2, 5]
    assert result.table["open_end"].tolist() == [False, False, True]
    assert result.numbers[0].value == pytest.approx(-1)
    assert result.numbers[0].meaning.endswith("Calls")


def test_differences_count_the_contacts_that_are_not_shown(lazy):
    customers = pd.DataFrame({"customer_id": ids(300), "calls": [1] * 280 + [2] * 15 + [3] * 5})
    past = campaign("a", "2024-01-01", 300, 0)
    past["responded"] = [i >= 280 for i in range(300)]
    result = profiling.repeated_contacts(
        lazy(past), customers=lazy(customers), counters={"calls": "Calls"}
    )
    assert result.table["suppressed"].any()
    assert result.numbers[0].value == pytest.approx(1)


def test_nobody_contacted_twice_is_said(lazy):
    result = profiling.repeated_contacts(lazy(campaign("a", "2024-01-01", 30, 3)))
    assert result.table.empty
    assert "more than once" in result.text


def test_tenths_are_the_ordered_contacts_cut_into_ten(lazy):
    rng = np.random.default_rng(5)
    n = 1003
    past = campaign("a", "2024-01-01", n, 0)
    past["contacted_on"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 9, n), "D")
    past["responded"] = rng.random(n) < 0.3
    table = profiling.response_drift(lazy(past)).table
    ordered = past.sort_values(["contacted_on", "customer_id"])["responded"].to_numpy()
    position = np.floor(np.arange(n) * 10 / n).astype(int)
    expected = [ordered[position == part].mean() for part in range(10)]
    np.testing.assert_allclose(table["rate"], expected)


def test_a_single_day_has_no_course(lazy):
    result = profiling.response_drift(lazy(campaign("a", "2024-01-01", 200, 9)))
    assert result.table.empty
    assert "one day" in result.text


def test_bank_marketing_responds_as_counted_from_its_file(engine, raw):
    # Counted from the file's rows: 4,640 of 41,188; 2.8 % in the first tenth, 45.9 % in the last.
    study = studies.prepare("bank-marketing", Parameters(), mirror=raw("bank-marketing").parent)
    contacts = study.scan("contacts", engine)
    past = profiling.contact_responses(contacts).campaigns
    drift = profiling.response_drift(contacts).table
    assert past["responded"].sum() == 4640
    assert drift["rate"].iloc[0] == pytest.approx(0.028, abs=5e-4)
    assert drift["rate"].iloc[-1] == pytest.approx(0.459, abs=5e-4)


# --- text and figures ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def profile(casebank, engine):
    tables = {name: casebank.scan(name, engine) for name in casebank.tables}
    day = casebank.as_of
    customers, contacts = tables["customers"], tables["contacts"]
    return {
        "quality": profiling.data_quality(tables, as_of=day),
        "audit": profiling.audit_feature_time(casebank.attributes, customers, contacts),
        "structure": profiling.customer_structure(
            customers, as_of=day, attributes=casebank.attributes
        ),
        "pyramid": profiling.age_by_gender(customers, as_of=day),
        "activity": profiling.monthly_activity(tables, as_of=day),
        "held": profiling.product_penetration(
            customers, tables["holdings"], tables["products"], as_of=day
        ),
        "ages": profiling.penetration_by_age(
            customers, tables["holdings"], tables["products"], as_of=day
        ),
        "value": profiling.concentration(profiling.customer_values(tables, as_of=day)),
        "past": profiling.contact_responses(contacts, products=tables["products"]),
        "waste": profiling.wasted_contacts(
            contacts, customers=customers, products=tables["products"], holdings=tables["holdings"]
        ),
        "repeated": profiling.repeated_contacts(contacts),
        "drift": profiling.response_drift(contacts),
    }


def test_every_sentence_quotes_numbers_that_are_recorded(profile):
    numbers = [number for result in profile.values() for number in result.numbers]
    keys = [number.key for number in numbers]
    assert len(keys) == len(set(keys))

    class Interval:
        interval = "low to high"

    known = dict.fromkeys(keys, Interval())
    for result in profile.values():
        assert result.text.format_map(known)
    assert profiling.implications(numbers).format_map(known)


def test_no_table_shows_fewer_than_ten_customers(profile):
    for result in profile.values():
        for field in dataclasses.fields(result):
            frame = getattr(result, field.name)
            if not isinstance(frame, pd.DataFrame):
                continue
            for column in {"customers", "contacts", "active", "wasted"} & set(frame.columns):
                if column == "customers" and field.name == "curve":
                    continue  # there it is a share
                shown = frame[column].dropna()
                assert (shown[shown > 0] >= 10).all(), (field.name, column)


def test_every_figure_draws(profile):
    study_figures = [
        past_marketing.feature_time(profile["audit"].table, suspect=profiling.LEAK_SUSPECT),
        figures.structure(profile["structure"].levels),
        figures.age_pyramid(profile["pyramid"].table),
        figures.activity(profile["activity"].table, currency="EUR"),
        figures.penetration(profile["held"].products),
        figures.products_per_customer(profile["held"].per_customer),
        figures.held_by_age(profile["ages"].table),
        figures.lorenz(profile["value"].curve),
        past_marketing.responses(profile["past"].campaigns),
        past_marketing.offers(profile["past"].offers),
        past_marketing.waste(profile["waste"].campaigns),
        past_marketing.repetition(profile["repeated"].table),
        past_marketing.drift(profile["drift"].table),
    ]
    for figure in study_figures:
        assert isinstance(figure, Figure)
        figure.draw_without_rendering()
        for axes in figure.axes:
            assert axes.get_xlabel() or axes.get_ylabel() or axes.get_title(loc="left")


def test_a_figure_draws_the_numbers_it_is_given(profile):
    table = profile["drift"].table
    axes = past_marketing.drift(table).axes[0]
    np.testing.assert_allclose(axes.lines[0].get_ydata(orig=False), table["rate"])
