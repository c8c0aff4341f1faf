"""The area under the ROC curve against its definition and scikit-learn, with DeLong's variance."""

from __future__ import annotations

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from pmlib.errors import StudyError
from pmlib.inference.ranking import area_interval, auc_interval, roc_area


def by_hand(score, event):
    """Area and variance of all pairs: DeLong, DeLong & Clarke-Pearson (1988), eq. 5."""
    wins = np.sign(score[event][:, None] - score[~event][None, :]) / 2 + 0.5
    rows, columns = wins.mean(axis=1), wins.mean(axis=0)
    return wins.mean(), rows.var(ddof=1) / len(rows) + columns.var(ddof=1) / len(columns)


def ranked(n: int = 300):
    rng = np.random.default_rng(3)
    return rng.integers(0, 20, n).astype(float), rng.random(n) < 0.3


def counted(score, event):
    counts = pd.DataFrame({"score": score, "events": event, "others": ~event})
    return roc_area(nw.from_native(counts.groupby("score", as_index=False).sum()).lazy())


def test_the_area_is_the_share_of_pairs_in_order():
    score, event = ranked()
    auc, variance = by_hand(score, event)
    area = counted(score, event)
    assert area[:2] == pytest.approx((auc, variance), rel=1e-9)
    assert area[2:] == (event.sum(), (~event).sum())
    assert area.auc == pytest.approx(roc_auc_score(event, score))


def in_engine(rows):
    return nw.from_native(duckdb.connect().sql(f"from (values {rows}) t(score, events, others)"))


def test_counts_may_stay_in_the_engine():
    # 8 events and 7 others: 5 x 5 pairs won, 3 x 5 ties at score 0 and 5 x 2 at score 1.
    area = roc_area(in_engine("(0, 3, 5), (1, 5, 1), (1, 0, 1)"))
    assert area.auc == pytest.approx((25 + 7.5 + 5) / 56)


def test_without_both_sides_there_is_no_area():
    assert np.isnan(roc_area(in_engine("(0, 5, 0)")).auc)
    nobody = roc_area(in_engine("(0, 5, 3)").filter(nw.col("score") > 0))
    assert nobody[2:] == (0, 0)
    assert np.isnan(nobody.auc)


def test_scores_and_counts_of_scores_give_one_area():
    score, event = ranked()
    area = counted(score, event)
    ends = area_interval(area.auc, area.variance)
    assert auc_interval(score, event) == pytest.approx((area.auc, *ends), rel=1e-12)


def test_the_interval_by_hand():
    # logit 0.8 = ln 4 = 1.386294; its error 0.05 / (0.8 x 0.2) = 0.3125; 1.959964 x 0.3125 =
    # 0.612489; 1 / (1 + exp(-0.773805)) = 0.684344, 1 / (1 + exp(-1.998783)) = 0.880669.
    assert area_interval(0.8, 0.05**2) == pytest.approx((0.684344, 0.880669), abs=2e-6)


def test_a_strong_score_has_an_interval_below_one():
    # auc +- z errors would end at 1.002: the reason for the logit scale.
    low, high = area_interval(0.96, 0.0214**2)
    assert low < 0.96 - 1.96 * 0.0214 < 0.96 < high < 1


def test_one_event_leaves_the_area_uncertain():
    auc, low, high = auc_interval(np.arange(10.0), np.arange(10) == 7)
    assert auc == pytest.approx(7 / 9)
    assert low < 0.1
    assert high > 0.98


def test_a_ranking_without_buyers_is_refused():
    with pytest.raises(StudyError, match="cannot be judged"):
        auc_interval(np.arange(10.0), np.zeros(10, dtype=bool))
