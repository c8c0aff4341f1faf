"""What can be offered: the antecedents that tell most, and margins."""

from __future__ import annotations

import datetime as dt
from itertools import product

import numpy as np
import pandas as pd
import pytest

from pmlib.association.baskets import Baskets
from pmlib.strategy.catalogue import catalogue, choose_antecedents, is_reversed
from tests.strategy.banks import PARAMETERS, PRODUCTS, SMALL_CHANNELS, open_case, study_of, tables


def test_antecedents_are_the_rules_that_tell_most() -> None:
    # Hand-made: in both segments holders of b want y twice as often; c is held by nearly all.
    held = np.array(list(product([False, True], repeat=3)))  # columns b, c, y
    weight = [40, 20, 360, 180, 20, 20, 180, 180]
    baskets = Baskets(
        products=("b", "c", "y"),
        held=np.vstack([held, held]),
        customers=np.array(weight * 2),
        segment=np.repeat([1, 2], 8),
        holdout=np.ones(16, dtype=bool),
    )
    rules = pd.DataFrame(
        {
            "antecedent": [("b",), ("c",), ("b", "c"), ("b",)],
            "consequent": "y",
            "scope": [0, 0, 0, 2],
            "lift": [1.25, 1.01, 1.2, 1.3],
            "survives": True,
            "within": ["holds_within", "holds_within", "restates_segments", "not_tested"],
        }
    )
    found = choose_antecedents(rules, baskets, offered=["y"])
    assert found == {"y": ((0, ("b",)), (2, ("b",)))}


def test_rules_are_reversed_where_a_part_of_the_antecedent_comes_later() -> None:
    rules = pd.DataFrame(
        {"antecedent": [("a",), ("b",), ("a", "b"), ("c",)], "consequent": ["y", "y", "y", "a"]}
    )
    ordered = {("a", "y"), ("y", "b")}  # of c nothing is known
    assert is_reversed(rules, ordered).tolist() == [False, True, True, False]


@pytest.mark.parametrize(("fund_opened", "reversed_"), [(2018, True), (2022, False), (None, False)])
def test_an_antecedent_that_comes_later_is_no_reason(tmp_path, engine, fund_opened, reversed_):
    frames = tables()
    card = frames["holdings"].query("product_id == 'card'")["customer_id"].head(60)
    funds = pd.DataFrame({"customer_id": card, "product_id": "fund"})
    opened = dt.date(fund_opened, 1, 1) if fund_opened else None
    frames["holdings"] = pd.concat([frames["holdings"], funds.assign(opened_on=opened)])
    case = open_case(study_of(tmp_path / "order", frames), engine)
    assert ("fund" in case.catalogue.antecedents) is not reversed_
    assert case.n_reversed == int(reversed_)
    assert case.has_rules  # it survived its test all the same
    remarked = case.remarks is not None and "reversed" in str(case.remarks)
    assert remarked is reversed_


def test_a_product_without_margin_is_left_out_and_named() -> None:
    products = PRODUCTS.assign(annual_margin=[10.0, np.nan, 50.0])
    both = {"fund": ((0, ("card",)),), "loan": ((0, ("card",)),)}
    found = catalogue(products, SMALL_CHANNELS, offered=["fund", "loan"], antecedents=both)
    assert found.product_ids == ("loan",)
    assert found.unpriced == ("Fund",)
    assert set(found.antecedents) == {"loan"}


def test_without_any_margin_there_is_nothing_to_plan(tmp_path, engine):
    frames = tables()
    frames["products"]["annual_margin"] = [10.0, np.nan, np.nan]  # the card is not on offer
    study = study_of(tmp_path / "margin", frames)
    absent = open_case(study, engine).absent
    assert absent.block == "absent.no_margin_known"
    assert absent.quotes["products"] == ("Fund", "Loan")
    params = PARAMETERS.model_copy(update={"default_margin": 25.0})
    margins = open_case(study, engine, params).catalogue.products.set_index("product_id")["margin"]
    assert margins["fund"] == 25.0
