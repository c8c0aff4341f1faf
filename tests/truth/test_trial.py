"""The policy trial of a simulated bank against its truth."""

from __future__ import annotations

import pytest

from pmlib.params import Parameters
from pmlib.strategy.trial import Trial, design_trial
from pmlib.truth.chain import chain
from pmlib.truth.trial import repeat_trial

SMALL = {"n_customers": 3_000, "n_months": 12, "n_bootstrap": 10, "sample_size": 1_500, "k_max": 7}


@pytest.mark.whole
def test_lots_find_the_true_difference_of_policies():
    with chain(Parameters(seed=2, **SMALL)) as bank:
        trial = design_trial(bank.case, bank.design)
        assert isinstance(trial, Trial)
        found = repeat_trial(bank, trial, campaigns=12)
    for rival, own in found.groupby("rival"):
        error = trial.table.set_index("rival").loc[rival, "standard_error"]
        missed = own["estimate"] - own["truth"]
        assert abs(missed.mean()) < 3.5 * error / 12**0.5
        assert 0.5 * error < missed.std() < 1.7 * error
        assert own["truth"].between(own["low"], own["high"]).mean() >= 0.7
