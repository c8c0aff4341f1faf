"""What the time before the contact is good for, and what it is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pmlib.evaluation import before_after, cuped, expect


def test_cuped_takes_out_what_was_foreseen(trial):
    # Variance left is that of the noise: with a covariate correlated r, 1 - r^2.
    rng = np.random.default_rng(3)
    contacts = trial(8_000)
    before = rng.normal(size=8_000)
    contacts["value"] = 100 + 8 * before + 6 * rng.normal(size=8_000)
    removed = cuped(contacts.assign(before=stats.norm.cdf(before)), covariates=["before"])
    value = {number.key: number.value for number in removed.numbers}
    assert value["cuped_variance_removed_profit"] == pytest.approx(0.62, abs=0.04)


def test_cuped_uses_what_models_of_an_earlier_campaign_expect_of_known_outcomes(trial):
    contacts = trial(4_000).astype({"responded": object})
    contacts.loc[:9, "responded"] = None
    expected = expect(contacts, trial(4_000, seed=2), ["x"], seed=1)
    alone, helped = (
        cuped(contacts, given, covariates=["noise"]).table for given in (None, expected)
    )
    assert (helped["standard_error"][1::2] < alone["standard_error"][1::2]).all()


def test_cuped_never_widens_the_interval(trial):
    contacts = trial(2_000)
    table = cuped(contacts, covariates=["noise"]).table.set_index(["outcome", "adjusted"])
    for outcome in ("responded", "profit"):
        error = table.loc[outcome, "standard_error"]
        assert error[True] <= error[False]


def test_before_and_after_counts_everything_as_caused(trial):
    contacts = trial(20_000)
    table = before_after(contacts).table.set_index("method")["effect"]
    # 10 % buy anyway: 10 a customer too much.
    assert table["before_after"] - table["control"] == pytest.approx(10, abs=1.5)


def test_before_and_after_mistakes_a_falling_trend_for_harm(trial):
    contacts = trial(20_000)
    before = pd.Series(60.0, contacts.index)
    result = before_after(contacts, before=before)
    effect = result.table.set_index("method")["effect"]
    assert effect["before_after"] < 0 < effect["control"]
    assert result.facts["time_before"] == "recorded"


def test_nothing_is_adjusted_where_covariates_would_fit_any_outcome(trial):
    # Two arms' means and two coefficients, twice as many rows: 8.
    assert cuped(trial(7), covariates=["x", "noise"]).absent.block == "absent.fits_anything"
    assert cuped(trial(60), covariates=["x", "noise"]).absent is None
