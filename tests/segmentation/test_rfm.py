"""Scores in fifths."""

from __future__ import annotations

import pandas as pd
import pytest

from pmlib.segmentation import score_rfm


def test_scores_are_fifths_of_the_customers(two_years):
    sample = two_years.customers
    rfm = score_rfm(
        two_years.assigned, two_years.features, sample, names=("1", "2"), min_group_size=1
    )
    frequency = 1 + pd.qcut(sample["n_transactions"], 5, labels=False)
    recency = 5 - pd.qcut(sample["recency"], 5, labels=False)
    expected = pd.crosstab([recency, frequency], "customers")["customers"]
    found = rfm.table.set_index(["recency_score", "frequency_score"])["customers"]
    assert found.to_dict() == expected.to_dict()
    # The share of the variance of age, corrected for the number of groups: 1 - MS within / MS.
    age, group = sample["age"], sample["customer_id"] < 100
    within = age.groupby(group).transform(lambda x: x - x.mean()).pow(2).sum() / 198
    table = rfm.of("rfm")
    explained = table.loc[[label.block == "feature.age" for label in table["label"]], "segments"]
    assert explained.item() == pytest.approx(1 - within / age.var())


def test_without_transactions_there_are_no_scores(bank):
    found = score_rfm(bank.assigned, bank.features, bank.customers, names=("1", "2"))
    assert found.absent.block == "absent.nothing_to_score"
