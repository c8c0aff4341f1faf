"""Power against simulated campaigns, statsmodels and a textbook formula."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep, power_proportions_2indep

from pmlib.inference.power import detectable_mean, detectable_rate, rate_power
from pmlib.inference.power import test_size as size_of_test


def test_detectable_difference_of_means_against_the_textbook_formula() -> None:
    # (z_.975 + z_.8) * sqrt(s1^2 / n1 + s0^2 / n0)
    expected = (1.959964 + 0.841621) * np.sqrt(4.0 / 900 + 9.0 / 100)
    found = detectable_mean(4.0 / 900, 9.0 / 100, error_rate=0.05)
    assert found == pytest.approx(expected, rel=1e-6)


def test_the_reference_of_a_small_control_and_a_small_rate() -> None:
    # 100,000 simulated campaigns: 1.48 points give 80 %, where the unpooled normal formula and
    # Cohen's h name effects that are found in 65 and 73 to 76 %.
    found = detectable_rate(8_986, 1_013, base=0.0168, error_rate=0.05)
    assert found == pytest.approx(0.0148, abs=5e-5)
    power = rate_power(0.0148, 8_986, 1_013, base=0.0168, error_rate=0.05)
    other = power_proportions_2indep(0.0148, 0.0168, 8_986, ratio=1_013 / 8_986)
    assert power == pytest.approx(other.power, abs=0.02)
    assert rate_power(0.0117, 8_986, 1_013, base=0.0168, error_rate=0.05) < 0.67


@pytest.mark.parametrize("share", [0.01, 0.05, 0.1, 0.5])
@pytest.mark.parametrize("base", [0.0168, 0.2])
def test_power_is_how_often_simulated_campaigns_show_the_uplift(share: float, base: float) -> None:
    control = round(10_000 * share)
    offered = 10_000 - control
    uplift = detectable_rate(offered, control, base=base, error_rate=0.05)
    rng = np.random.default_rng(6)
    bought = rng.binomial(offered, base + uplift, 20_000), rng.binomial(control, base, 20_000)
    low, _ = confint_proportions_2indep(
        bought[0], offered, bought[1], control, method="newcomb", compare="diff"
    )
    # The standard error of a share of 20,000 is 0.003.
    assert (low > 0).mean() == pytest.approx(0.8, abs=0.01)


def test_power_without_an_effect_is_half_the_error_rate() -> None:
    assert rate_power(0.0, 50_000, 50_000, base=0.2, error_rate=0.05) == pytest.approx(
        0.025, abs=1e-3
    )


@pytest.mark.parametrize(("offered", "control"), [(1, 100), (100, 1), (5, 5)])
def test_too_few_can_show_nothing(offered: int, control: int) -> None:
    assert np.isnan(detectable_rate(offered, control, base=0.9, error_rate=0.05))


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5])
@pytest.mark.parametrize(("base", "uplift"), [(0.0168, 0.0148), (0.02, 0.08), (0.2, 0.1)])
def test_a_test_of_the_size_told_has_a_power_of_80_per_cent(share, base, uplift) -> None:
    size = size_of_test(uplift, base, control_share=share, error_rate=0.05)
    control = int(np.ceil(size * share))
    power = rate_power(uplift, int(size) - control, control, base=base, error_rate=0.05)
    assert power == pytest.approx(0.8, abs=0.03)


def test_what_causes_nothing_is_shown_by_no_test() -> None:
    sizes = size_of_test([0.0, -0.1], 0.02, control_share=0.1, error_rate=0.05)
    assert np.isinf(sizes).all()
