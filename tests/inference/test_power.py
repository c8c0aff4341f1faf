"""Power against textbook formulas."""

from __future__ import annotations

import numpy as np
import pytest

from pmlib.inference.power import detectable_mean, detectable_rate, power


def test_detectable_difference_of_means_against_the_textbook_formula() -> None:
    # (z_.975 + z_.8) * sqrt(s1^2 / n1 + s0^2 / n0)
    expected = (1.959964 + 0.841621) * np.sqrt(4.0 / 900 + 9.0 / 100)
    found = detectable_mean(4.0 / 900, 9.0 / 100, error_rate=0.05)
    assert found == pytest.approx(expected, rel=1e-6)


def test_power_is_80_per_cent_at_what_can_be_shown() -> None:
    found = detectable_mean(0.03, 0.01, error_rate=0.1)
    assert power(found, np.sqrt(0.04), error_rate=0.1) == pytest.approx(0.8, rel=1e-12)


def test_detectable_uplift_against_the_normal_formula() -> None:
    # Cohen (1988): h = (z_.975 + z_.8) * sqrt(1 / n1 + 1 / n2), h = 2 asin sqrt p1 - 2 asin sqrt p0
    h = (1.959964 + 0.841621) * np.sqrt(1 / 1000 + 1 / 9000)
    expected = np.sin(h / 2 + np.arcsin(np.sqrt(0.05))) ** 2 - 0.05
    found = detectable_rate(9000, 1000, base=0.05, error_rate=0.05)
    assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("offered", "control"), [(1, 100), (100, 1), (5, 5)])
def test_too_few_can_show_nothing(offered: int, control: int) -> None:
    assert np.isnan(detectable_rate(offered, control, base=0.9, error_rate=0.05))


def test_without_a_standard_error_an_effect_is_certain_to_show() -> None:
    assert power(0.1, np.zeros(2), error_rate=0.05).tolist() == [1.0, 1.0]
    assert power(0.0, 0.0, error_rate=0.05) == pytest.approx(0.025)
    assert power(-0.1, 0.0, error_rate=0.05) == 0.0
