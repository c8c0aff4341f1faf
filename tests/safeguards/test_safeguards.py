"""Disclosure control, exclusions, fairness and drift, against small cases worked by hand."""

from __future__ import annotations

import datetime as dt
import itertools
import math

import narwhals as nw
import numpy as np
import pandas as pd
import pytest

from pmlib.engine import Engine, collect
from pmlib.errors import StudyError
from pmlib.safeguards import (
    count_exclusions,
    exclusions,
    k_anonymity,
    offer_rates,
    psi,
    suppress,
)

# --- disclosure ---------------------------------------------------------------------------------


def test_small_cells_are_blank_and_empty_ones_stay():
    table = pd.DataFrame({"level": list("abcd"), "customers": [50, 4, 7, 0], "share": [0.5] * 4})
    result = suppress(table)
    assert result["suppressed"].tolist() == [False, True, True, False]
    assert result.loc[result["suppressed"], ["customers", "share"]].isna().all(axis=None)
    assert result["customers"].tolist()[3] == 0


def test_the_only_small_cell_takes_the_next_smallest_with_it():
    result = suppress(pd.DataFrame({"level": list("abc"), "customers": [50, 4, 30]}))
    assert result["suppressed"].tolist() == [False, True, True]


def test_blank_cells_that_are_few_together_take_another_with_them():
    # 4 + 5 = 9 people: the total would give away that fewer than ten are in both together.
    result = suppress(pd.DataFrame({"level": list("abcd"), "customers": [50, 4, 5, 30]}))
    assert result["suppressed"].tolist() == [False, True, True, True]


def test_a_table_without_small_cells_stays_as_it_is():
    table = pd.DataFrame({"level": list("ab"), "customers": [10, 11]})
    result = suppress(table)
    assert result["customers"].tolist() == [10, 11]
    assert not result["suppressed"].any()


def test_suppression_leaves_the_given_table_alone():
    table = pd.DataFrame({"level": list("ab"), "customers": [3, 30]})
    suppress(table)
    assert table["customers"].tolist() == [3, 30]


def test_keys_and_kept_columns_are_not_blanked():
    table = pd.DataFrame({"segment": [1, 2, 3], "customers": [3, 9, 40], "price": [1.0, 2.0, 3.0]})
    result = suppress(table, by=("segment",), keep=("price",))
    assert result["segment"].tolist() == [1, 2, 3]
    assert result["price"].tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("seed", range(20))
def test_no_line_of_a_cross_table_gives_a_small_cell_away(seed):
    counts = np.random.default_rng(seed).integers(0, 40, size=(4, 5))
    rows, columns = np.indices(counts.shape)
    table = pd.DataFrame(
        {"row": rows.ravel(), "column": columns.ravel(), "customers": counts.ravel()}
    )
    result = suppress(table, by=("row", "column"))
    shown = result["customers"].to_numpy().reshape(counts.shape)
    hidden = np.isnan(shown)
    assert not ((shown > 0) & (shown < 10)).any()
    lines = itertools.chain(zip(counts, hidden, strict=True), zip(counts.T, hidden.T, strict=True))
    for line, blank in lines:
        if not blank.any() or not (line[~blank] > 0).any():
            continue
        # What subtraction from the line's total tells: the sum of its blank cells.
        assert blank.sum() >= 2
        assert line[blank].sum() >= 10


def test_k_anonymity_is_the_smallest_cell_shown():
    assert k_anonymity(pd.DataFrame({"customers": [np.nan, 0.0, 14.0, 12.0]})) == 12
    assert k_anonymity(pd.DataFrame({"customers": [np.nan, 0.0]})) == 0


def test_suppressing_an_unknown_column_is_told():
    with pytest.raises(StudyError, match="lacks a column"):
        suppress(pd.DataFrame({"level": ["a"], "customers": [1]}), by=("segment",))


def test_cells_that_are_not_told_apart_are_refused():
    with pytest.raises(StudyError, match="do not tell the cells"):
        suppress(pd.DataFrame({"level": ["a", "a"], "customers": [1, 2]}), by=("level",))


# --- exclusions ---------------------------------------------------------------------------------


def offers(engine: Engine) -> nw.LazyFrame:
    return engine.from_pandas(
        pd.DataFrame(
            {
                "customer_id": ["a", "a", "b", "c", "d"],
                "product_id": ["fund", "card", "fund", "fund", None],
                "contacted_on": pd.to_datetime(["2025-06-01"] * 5).date,
                "cost": [2.0, 1.0, 2.0, 2.0, 2.0],
            }
        )
    )


def customers(engine: Engine) -> nw.LazyFrame:
    return engine.from_pandas(
        pd.DataFrame(
            {
                "customer_id": ["a", "b", "c", "d"],
                "risk_tolerance": [3, 5, None, 1],
                "marketing_opt_out": [False, True, False, False],
            }
        )
    )


def products(engine: Engine) -> nw.LazyFrame:
    return engine.from_pandas(
        pd.DataFrame({"product_id": ["fund", "card"], "risk_rating": [4.0, None]})
    )


def holdings(engine: Engine, rows: list[tuple[str, str, str | None, str | None]]) -> nw.LazyFrame:
    frame = pd.DataFrame(rows, columns=["customer_id", "product_id", "opened_on", "closed_on"])
    for name in ("opened_on", "closed_on"):
        frame[name] = pd.to_datetime(frame[name])
    return engine.from_pandas(frame).with_columns(
        nw.col("opened_on").cast(nw.Date), nw.col("closed_on").cast(nw.Date)
    )


def marked(engine: Engine, held: nw.LazyFrame | None, on: str | dt.date = "contacted_on") -> dict:
    flagged = exclusions(
        offers(engine), customers=customers(engine), products=products(engine), holdings=held, on=on
    )
    table = collect(flagged, sort_by=["customer_id", "product_id"])
    return {
        (row.customer_id, row.product_id): (row.already_held, row.unsuitable, row.opted_out)
        for row in table.itertuples()
    }


def test_a_product_is_held_from_its_opening_until_its_closing(engine):
    held = holdings(
        engine,
        [
            ("a", "fund", "2025-01-01", None),
            ("a", "card", "2025-01-01", "2025-05-31"),  # closed before the contact
            ("b", "fund", "2025-07-01", None),  # opened after it
            ("c", "fund", "2025-01-01", "2025-12-31"),
        ],
    )
    found = {key: flags[0] for key, flags in marked(engine, held).items()}
    assert found == {
        ("a", "fund"): True, ("a", "card"): False, ("b", "fund"): False, ("c", "fund"): True,
        ("d", None): None,
    }  # fmt: skip


def test_what_is_opened_or_closed_on_the_day_itself(engine):
    day = "2025-06-01"
    held = holdings(engine, [("a", "fund", day, None), ("b", "fund", "2025-01-01", day)])
    found = {key: flags[0] for key, flags in marked(engine, held).items()}
    # Before a contact on the day: a's fund may be its sale, b still held one the day before.
    assert (found["a", "fund"], found["b", "fund"]) == (False, True)
    found = {key: flags[0] for key, flags in marked(engine, held, dt.date(2025, 6, 1)).items()}
    # As of the day, when a plan is made.
    assert (found["a", "fund"], found["b", "fund"]) == (True, False)


def test_a_product_with_an_undated_holding_cannot_be_told_for_anyone(engine):
    held = holdings(engine, [("a", "fund", None, None), ("a", "card", "2025-01-01", None)])
    found = {key: flags[0] for key, flags in marked(engine, held).items()}
    assert found[("a", "card")] is True
    assert found[("a", "fund")] is found[("b", "fund")] is None


def test_on_one_day_an_undated_holding_is_held(engine):
    held = holdings(engine, [("a", "fund", None, None)])
    found = {key: flags[0] for key, flags in marked(engine, held, dt.date(2025, 6, 1)).items()}
    assert found[("a", "fund")] is True
    assert found[("b", "fund")] is False


def test_suitability_compares_rating_and_tolerance_where_both_are_known(engine):
    found = {key: flags[1] for key, flags in marked(engine, None).items()}
    assert found == {
        ("a", "fund"): True, ("a", "card"): None, ("b", "fund"): False, ("c", "fund"): None,
        ("d", None): None,
    }  # fmt: skip


def test_objection_is_taken_from_the_customer(engine):
    assert {key for key, flags in marked(engine, None).items() if flags[2]} == {("b", "fund")}


def test_reasons_are_counted_where_they_are_known(engine):
    held = holdings(engine, [("a", "fund", "2025-01-01", None), ("b", "fund", "2025-01-01", None)])
    flagged = exclusions(
        offers(engine), customers=customers(engine), products=products(engine), holdings=held,
        on="contacted_on",
    )  # fmt: skip
    table = count_exclusions(flagged, cost="cost").set_index("reason")
    assert table["known"].to_dict() == {
        "already_held": 4, "unsuitable": 2, "opted_out": 5, "any": 5
    }  # fmt: skip
    assert table["excluded"].to_dict() == {
        "already_held": 2, "unsuitable": 1, "opted_out": 1, "any": 2
    }  # fmt: skip
    assert table["cost"].to_dict() == {
        "already_held": 4.0, "unsuitable": 2.0, "opted_out": 2.0, "any": 4.0
    }  # fmt: skip


def test_without_columns_nothing_is_known(engine):
    bare = engine.from_pandas(pd.DataFrame({"customer_id": ["a", "b", "c", "d"]}))
    flagged = exclusions(offers(engine), customers=bare, on="contacted_on")
    table = count_exclusions(flagged).set_index("reason")
    assert table.loc[["already_held", "unsuitable", "opted_out"], "known"].tolist() == [0, 0, 0]
    assert table["share"].drop("any").isna().all()


# --- fairness and drift -------------------------------------------------------------------------


def test_offer_rates_are_those_of_the_groups(engine):
    people = engine.from_pandas(
        pd.DataFrame({"gender": ["f"] * 4 + ["m"] * 6, "offered": [True] * 3 + [False] * 7})
    )
    table = offer_rates(people, group="gender").set_index("group")
    assert table["rate"].to_dict() == {"f": 0.75, "m": 0.0}
    assert table["ratio"]["f"] == pytest.approx(0.75 / 0.3)
    assert (table["low"] <= table["rate"]).all()
    assert (table["rate"] <= table["high"]).all()


def test_psi_is_its_formula():
    # Shares 0.505/1001 and so on: half a count is added to each bin.
    before, now = np.array([600, 400]), np.array([400, 600])
    r, c = (600.5 / 1001, 400.5 / 1001), (400.5 / 1001, 600.5 / 1001)
    expected = sum((b - a) * math.log(b / a) for a, b in zip(r, c, strict=True))
    assert psi(before, now) == pytest.approx(expected)


def test_psi_of_an_empty_bin_is_finite():
    assert 0 < psi(np.array([0, 100]), np.array([50, 50])) < math.inf


def test_psi_needs_the_same_bins():
    with pytest.raises(StudyError, match="same bins"):
        psi(np.array([1, 2]), np.array([1, 2, 3]))
