"""From a sample to segments: planted groups are found, one group is one segment."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from pmlib.errors import StudyError
from pmlib.numbers import Fact
from pmlib.params import Parameters
from pmlib.segmentation import fit, segment
from pmlib.segmentation.criteria import Criteria
from pmlib.segmentation.homogeneity import Homogeneity
from pmlib.texts import open_language
from tests.findings import known
from tests.segmentation.banks import NUMBERS, QUICK, as_customers, one_group


def test_planted_groups_are_found(found):
    _, group, result = found
    assert result.scorer.k == 3
    assert adjusted_rand_score(group, result.labels) > 0.99


@pytest.mark.parametrize(
    ("k", "deviations", "choice", "used"),
    [(3, 1.1, "clear", "supported"), (3, 0.9, "narrow", "supported"), (2, 0.9, "none", "asked")],
)
def test_a_narrow_choice_is_told(found, monkeypatch, k, deviations, choice, used):
    # The excess clears the smallest that the rule accepts by so many standard deviations.
    _, _, result = found
    row = result.table.set_index("k").loc[3]
    spread = row["excess"] / row["excess_sd"]
    numbers = {number.key: number.value for number in result.numbers}
    assert numbers["rule_margin"] == pytest.approx((row["excess"] - 0.02) / spread)
    monkeypatch.setattr(fit, "SMALLEST_EXCESS", row["excess"] - deviations * spread)
    criteria = Criteria(result.table, chosen=3)
    rejected = Homogeneity(pd.DataFrame(), 9.0, 0.01, 99, 0.05)
    assert fit._facts(k, result.encoder, rejected, criteria) == {
        "homogeneity": "rejected", "segments": "found", "segments_used": used,
        "number_of_segments": "several", "choice_of_segments": choice,
    }  # fmt: skip


def test_structure_that_no_number_of_segments_passes_is_no_segments(found):
    *_, result = found
    criteria = Criteria(result.table, chosen=1)
    for p_value, verdict in ((0.05, "rejected"), (0.06, "kept")):
        test = Homogeneity(pd.DataFrame(), 1.0, p_value, 99, 0.05)
        facts = fit._facts(1, result.encoder, test, criteria)
        assert facts["homogeneity"] == verdict
        assert (facts["segments"], facts["choice_of_segments"]) == ("none", "none")


def test_same_seed_gives_same_segments(found):
    sample, _, result = found
    again = segment(sample, NUMBERS, Parameters(k_max=5, n_bootstrap=20, seed=3))
    pd.testing.assert_frame_equal(again.table, result.table)


def test_one_group_gives_one_segment():
    result = segment(one_group(), NUMBERS, QUICK)
    assert result.scorer.k == 1
    assert result.facts == {
        "homogeneity": "kept", "segments": "none", "segments_used": "supported",
        "number_of_segments": "one", "choice_of_segments": "none",
    }  # fmt: skip
    # It would come back by construction, which is no stability.
    assert result.of("stability")["jaccard"].isna().all()


def test_a_fixed_number_is_used_and_the_data_s_own_is_said():
    params = Parameters(n_segments=4, k_max=5, n_bootstrap=20, seed=3)
    result = segment(one_group(), NUMBERS, params)
    assert result.scorer.k == 4
    assert result.facts["segments_used"] == "asked"
    text = open_language("en").render("segmentation", "segments-found", known(result))
    assert "fixes **4**; the data support no segments" in text


def test_one_feature_supports_no_segments_and_says_why():
    result = segment(one_group(), NUMBERS[:1], QUICK)
    assert result.scorer.k == 1
    assert result.facts["homogeneity"] == "untestable"


LEVELS = {
    "homogeneity": ("rejected", "kept", "untestable"),
    "segments": ("found", "none"),
    "segments_used": ("supported", "asked"),
    "number_of_segments": ("one", "several"),
    "choice_of_segments": ("clear", "narrow", "none"),
}


@pytest.mark.parametrize("levels", list(itertools.product(*LEVELS.values())))
def test_every_verdict_has_words(found, levels):
    facts = {key: Fact(key, level) for key, level in zip(LEVELS, levels, strict=True)}
    text = open_language("en").render("segmentation", "segments-found", known(found[2]) | facts)
    assert text.endswith(".")


def test_duplicate_customers_are_refused():
    twice = one_group().assign(customer_id=lambda f: f["customer_id"].replace(1, 0))
    with pytest.raises(StudyError, match=r"(?s)more than once.*1 repeated"):
        segment(twice, NUMBERS, QUICK)


def test_infinite_values_are_refused():
    sample = one_group()
    sample.loc[0, "a"] = np.inf
    with pytest.raises(StudyError, match=r"(?s)infinite.*1 infinite"):
        segment(sample, NUMBERS, QUICK)


def test_more_segments_than_different_customers_are_refused():
    sample = as_customers(np.repeat([[1.0, 2, 3, 4], [5, 6, 7, 9]], 30, axis=0))
    with pytest.raises(StudyError, match=r"(?s)fewer different customers.*2 different"):
        segment(sample, NUMBERS, Parameters(n_segments=3))


def test_more_segments_than_customers_are_refused():
    with pytest.raises(StudyError, match="41 segments, 40 different customers"):
        segment(one_group(40), NUMBERS, Parameters(n_segments=41))


@pytest.mark.parametrize("sample", [one_group(19), one_group(1)], ids=["19", "1"])
def test_a_handful_of_customers_is_one_segment_untested(sample):
    found = segment(sample, NUMBERS, QUICK)
    assert found.scorer.k == 1
    assert (found.labels == 1).all()
    assert found.facts["homogeneity"] == "few_customers"
    assert "homogeneity_p" not in {number.key for number in found.numbers}
    words = open_language("en").render("segmentation", "segments-found", known(found))
    assert words.startswith("Segments are not looked for among fewer than 20 customers")
    assert f"are {len(sample)}." in words
    assert open_language("en").render("segmentation", "criteria-alone", known(found)) == ""


def test_twenty_customers_without_groups_are_one_segment():
    assert segment(one_group(20), NUMBERS, QUICK).scorer.k == 1


def test_without_a_feature_that_differs_all_are_one_segment():
    found = segment(as_customers(np.ones((50, 4))), NUMBERS, QUICK)
    assert found.scorer.k == 1
    assert found.matrix.shape == (50, 0)
    assert found.facts["homogeneity"] == "no_feature"
    words = open_language("en").render("segmentation", "segments-found", known(found))
    assert "nothing to look for segments in" in words


def test_segments_that_nothing_can_form_are_refused_where_asked_for():
    with pytest.raises(StudyError, match=r"(?s)fewer different customers.*1 different"):
        segment(as_customers(np.ones((50, 4))), NUMBERS, Parameters(n_segments=2))
