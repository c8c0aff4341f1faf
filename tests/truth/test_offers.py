"""Policies beside an oracle: what is true of the same plans."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pmlib import strategy
from pmlib.truth.offers import gains


def test_gain_of_combining_beside_its_truth_by_hand():
    """Contacts earn 2 and 3 in truth: 10 and 5 of them 35, 15 and 0 of them 30, 0 and 5 15."""
    contacts = {"combined": [10.0, 5.0], "segments": [15.0, 0.0], "rules": [0.0, 5.0]}
    judged = pd.DataFrame(
        {
            "policy": ["segments", "rules"], "combined_more": [8.0, 6.0],
            "more_low": [4.0, 0.0], "more_high": [12.0, 12.0],
        }
    )  # fmt: skip
    made = strategy.Comparison(judged, contacts={k: np.array(v) for k, v in contacts.items()})
    found = gains(made, np.array([2.0, 3.0]), {"segments": 1.0, "rules": 7.0})
    table = found.set_index("policy")
    assert table["true_judged"].to_dict() == {"segments": 5.0, "rules": 20.0}
    assert table["covered"].to_dict() == {"segments": True, "rules": False}
    assert table["true_whole"].to_dict() == {"segments": 1.0, "rules": 7.0}
