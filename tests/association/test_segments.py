"""What rules add to segments: odds ratios within them, common, differing and shrunk."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2
from statsmodels.stats.contingency_tables import StratifiedTable

from pmlib.association import Baskets, find_rules, rules_by_segment
from pmlib.association.segments import _common
from tests.association.examples import SETTINGS


@pytest.mark.parametrize(
    ("antecedent", "consequent", "within"),
    [
        ("a", "b", "restates_segments"),
        ("c", "d", "holds_within"),
        ("e", "f", "differs_between_segments"),
    ],
)
def test_what_rules_add_to_segments(
    two_segments: Baskets, antecedent: str, consequent: str, within: str
) -> None:
    rules = find_rules(two_segments, SETTINGS).surviving
    row = rules[(rules["antecedent"] == (antecedent,)) & (rules["consequent"] == consequent)]
    assert row["within"].tolist() == [within]


@pytest.mark.parametrize(("factor", "within"), [(1, "undecided"), (20, "restates_segments")])
def test_a_rule_restates_the_segments_where_less_than_half_is_surely_left(
    factor: int, within: str
) -> None:
    # No association within segments, overall (68 / 32)^2 = 4.5, of which half is 2.1 (square root).
    # The common odds ratio is 1 with a standard error of 0.44 (log): up to 2.4; or of 0.10: 1.2.
    holds = [(True, True), (True, False), (False, True), (False, False)]
    baskets = Baskets(
        products=("x", "y"),
        held=np.array(2 * holds),
        customers=factor * np.array([64, 16, 16, 4, 4, 16, 16, 64]),
        segment=np.repeat([1, 2], 4),
        holdout=np.ones(8, dtype=bool),
    )
    rule = pd.DataFrame({"antecedent": [("x",)], "consequent": ["y"]})
    row = rules_by_segment(rule, baskets, SETTINGS).common.iloc[0]
    assert (row["odds_ratio"], row["within"]) == (pytest.approx(4.515625), within)


def test_common_odds_ratio_is_that_of_statsmodels(two_segments: Baskets) -> None:
    rule = pd.DataFrame({"antecedent": [("c",)], "consequent": ["d"]})
    found = rules_by_segment(rule, two_segments, SETTINGS).common.iloc[0]
    cells = []
    for s in two_segments.segments:
        part = two_segments.part(segment=s)
        n_x, n_y, n_xy = part.count([("c",), ("d",), ("c", "d")])
        cells.append([[n_xy, n_x - n_xy], [n_y - n_xy, part.total - n_x - n_y + n_xy]])
    expected = StratifiedTable([np.array(c) for c in cells])
    assert found["common_odds_ratio"] == pytest.approx(expected.oddsratio_pooled)
    assert found["p_differs"] == pytest.approx(expected.test_equal_odds(adjust=True).pvalue)


def test_small_segments_are_shrunk_towards_the_common_odds_ratio() -> None:
    rng = np.random.default_rng(12)
    segment = np.where(np.arange(6_000) < 60, 3, 1 + np.arange(6_000) % 2)
    table = pd.DataFrame({"c": rng.random(6_000) < 0.4})
    table["d"] = rng.random(6_000) < 0.2 + 0.3 * table["c"]
    rule = pd.DataFrame({"antecedent": [("c",)], "consequent": ["d"]})
    found = rules_by_segment(rule, Baskets.from_table(table, segment=segment), SETTINGS)
    common = found.common["common_odds_ratio"].iloc[0]
    small = found.cells[found.cells["segment"] == 3].iloc[0]
    assert abs(np.log(small["shrunk"] / common)) < abs(np.log(small["odds_ratio"] / common)) / 2
    assert small["shrunk_high"] / small["shrunk_low"] < small["high"] / small["low"]


def test_a_segment_where_nobody_holds_the_product_says_nothing() -> None:
    table = pd.DataFrame({"a": [True, False] * 50, "b": [True] * 50 + [False] * 50})
    segment = np.repeat([1, 2], 50)
    found = rules_by_segment(
        pd.DataFrame({"antecedent": [("a",)], "consequent": ["b"]}),
        Baskets.from_table(table, segment=segment),
        SETTINGS,
    )
    assert found.common["within"].tolist() == ["not_tested"]
    assert found.cells["odds_ratio"].isna().all()


@pytest.mark.parametrize("second", [[20, 60, 60, 20], [10, 30, 40, 20]])
def test_opposite_segments_differ_though_their_common_odds_ratio_is_exactly_1(
    second: list[int],
) -> None:
    first = [60, 20, 20, 60] if second[0] == 20 else [30, 10, 20, 40]
    tables = np.array([first, second], dtype=float)
    near = tables.copy()
    near[0, 0] += 1e-6  # what statsmodels says next to the point that it cannot treat
    limit = StratifiedTable(list(near.reshape(-1, 2, 2))).test_equal_odds(adjust=True)
    *_, odds, _, _, _, p_differs = _common(tables, 0.95)
    assert odds == 1
    assert p_differs == pytest.approx(chi2.sf(limit.statistic, 1), rel=1e-4)
    if second[0] == 20:  # by hand: 40 expected in each, variance 10, 2 * 20^2 / 10
        assert limit.statistic == pytest.approx(80, abs=1e-4)
