"""Names are unique, and follow the segments."""

from __future__ import annotations

import numpy as np
import pytest

from pmlib.errors import StudyError
from pmlib.files import write_json
from pmlib.segmentation import Feature, fit_encoder, name_segments, segment
from pmlib.segmentation.names import matched_names, new_names
from tests.segmentation.banks import NUMBERS, QUICK, as_customers, one_group


def test_names_are_unique(found, word):
    sample, _, result = found
    names = name_segments(result, sample, word).scorer.names
    assert len(set(names)) == len(names) == 3


def test_one_segment_is_all_customers(word):
    result = segment(one_group(), NUMBERS, QUICK)
    assert name_segments(result, one_group(), word).quotes["names"] == ("All customers",)


def test_a_name_tells_what_sets_a_segment_apart(word):
    sample = as_customers(np.random.default_rng(0).standard_normal((60, 4)))
    features = (
        Feature("a", "tenure"),
        Feature("b", "channel", about={"channel": "app"}),
        Feature("c", about={"label": "Income"}),
        Feature("d", about={"label": "Savings", "part": True}),
    )
    encoder = fit_encoder(sample, features)
    means = np.array([[1.0, 0.8, 0, 0], [-1, 0, 0.6, 0], [0, -0.8, -0.6, 1.2]])
    assert new_names(encoder, means, word) == (
        "Long tenure, app payers", "Short tenure, high income", "More savings, little app use",
    )  # fmt: skip


def test_names_that_features_cannot_tell_apart_are_numbered(word):
    sample = as_customers(np.random.default_rng(0).standard_normal((60, 4)))
    encoder = fit_encoder(sample, [Feature("a", "tenure")])
    assert new_names(encoder, np.array([[2.0], [1.9], [-3.9]]), word) == (
        "Long tenure (1)", "Long tenure (2)", "Short tenure",
    )  # fmt: skip


def test_names_follow_segments_to_the_next_run(word):
    labels, earlier = np.array([1, 1, 2, 2, 3]), np.array([2, 2, 1, 1, 1])
    found = matched_names(labels, ("a", "b", "Old"), earlier, ("Old", "Young"), word)
    assert found == ("Young", "Old", "Old (new)")


def test_a_run_keeps_the_names_of_an_earlier_one(found, word, tmp_path):
    sample, _, result = found
    earlier = {**result.scorer.to_json(), "names": ["one", "two", "three"]}
    write_json(earlier, tmp_path / "scorer.json")
    path = str(tmp_path / "scorer.json")
    assert name_segments(result, sample, word, earlier=path).scorer.names == ("one", "two", "three")
    with pytest.raises(StudyError, match=r"(?s)features that this study lacks.*a"):
        name_segments(result, sample.drop(columns="a"), word, earlier=path)


def test_a_scorer_whose_features_had_words_lends_its_names(found, word, tmp_path):
    # Features were once written as name, label, high, low, unit, kind and fill.
    sample, _, result = found
    earlier = {**result.scorer.to_json(), "names": ["one", "two", "three"]}
    earlier["features"] = [
        {"name": name, "label": name.upper(), "high": f"high {name}", "low": f"low {name}",
         "unit": "", "kind": "number", "fill": None}
        for name in "abcd"
    ]  # fmt: skip
    write_json(earlier, tmp_path / "scorer.json")
    names = name_segments(result, sample, word, earlier=str(tmp_path / "scorer.json")).scorer.names
    assert names == ("one", "two", "three")


@pytest.mark.parametrize("values", [{}, [1, 2], {"names": ["one"]}, {"centres": 1, "offsets": "x"}])
def test_a_file_that_is_no_scorer_is_refused(found, word, tmp_path, values):
    sample, _, result = found
    write_json(values, tmp_path / "other.json")
    with pytest.raises(StudyError, match=r"(?s)no scorer of an earlier run.*names_from"):
        name_segments(result, sample, word, earlier=str(tmp_path / "other.json"))
