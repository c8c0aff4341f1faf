"""The sampler against other computations of the same posterior."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

from pmlib.inference.hierarchical import Term, _polya_gamma, sample_logits


@pytest.mark.parametrize(("b", "z"), [(1, 0.0), (1, 4.0), (3.5, 5.0), (40, 2.0), (0.3, 1.0)])
def test_polya_gamma_has_its_laplace_transform(b: float, z: float) -> None:
    """Polson, Scott and Windle (2013), equation 6 and exponential tilting."""
    rng = np.random.default_rng(1)
    drawn = _polya_gamma(np.full(200_000, b), np.full(200_000, z), rng)
    assert (drawn > 0).all()
    for t in (0.1, 1.0, 5.0, 20.0):
        expected = (np.cosh(z / 2) / np.cosh(np.sqrt((z**2 / 2 + t) / 2))) ** b
        values = np.exp(-t * drawn)
        assert abs(values.mean() - expected) < 4 * values.std() / np.sqrt(len(values)) + 1e-5


def test_fixed_terms_against_quadrature() -> None:
    """Two rates and their difference: a control and an offer, the third row predicted."""
    successes, trials = np.array([3.0, 12.0, 0.0]), np.array([60.0, 80.5, 0.0])
    terms = [
        Term(np.zeros(3, dtype=int), 3.0, learnt=False),
        Term(np.array([-1, 0, 0]), 1.0, learnt=False),
    ]
    drawn = sample_logits(successes, trials, terms, centre=-2.0, draws=20_000, warm_up=200, seed=3)
    a = np.linspace(-8, 6, 1500)[:, None] - 2.0
    g = np.linspace(-6, 6, 1500)[None, :]
    log = stats.norm.logpdf(a + 2.0, scale=3.0) + stats.norm.logpdf(g)
    log = log + 3 * a - 60 * np.logaddexp(0, a) + 12 * (a + g) - 80.5 * np.logaddexp(0, a + g)
    p = np.exp(log - log.max())
    p /= p.sum()
    uplift = expit(a + g) - expit(a)
    mean = (p * uplift).sum()
    spread = np.sqrt((p * uplift**2).sum() - mean**2)
    found = expit(drawn[:, 2]) - expit(drawn[:, 0])
    assert found.mean() == pytest.approx(mean, abs=0.04 * spread)
    assert found.std() == pytest.approx(spread, rel=0.03)
    np.testing.assert_array_equal(drawn[:, 1], drawn[:, 2])


def test_learnt_term_against_importance_sampling() -> None:
    """Few levels and an outlier; prior draws weighted by their likelihood."""
    trials = np.array([40.0, 60.0, 50.0, 30.0])
    successes = np.array([3.0, 5.0, 16.0, 2.0])
    terms = [Term(np.zeros(4, dtype=int), 1.0, learnt=False), Term(np.arange(4), 0.5)]
    drawn = sample_logits(successes, trials, terms, centre=-2.0, draws=20_000, warm_up=500, seed=4)
    rng = np.random.default_rng(5)
    n = 2_000_000
    tau = 0.5 * np.abs(rng.standard_t(4, n))
    level = -2.0 + rng.standard_normal(n)
    theta = level[:, None] + tau[:, None] * rng.standard_t(4, (n, 4))
    log = (successes * theta - trials * np.logaddexp(0, theta)).sum(axis=1)
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    assert 1 / np.square(weight).sum() > 5_000  # effective draws
    rate = expit(theta)
    mean = weight @ rate
    spread = np.sqrt(weight @ rate**2 - mean**2)
    found = expit(drawn)
    assert np.abs((found.mean(axis=0) - mean) / spread).max() < 0.08
    np.testing.assert_allclose(found.std(axis=0), spread, rtol=0.06)
    low = [np.quantile(found[:, i], 0.025) for i in range(4)]
    below = [weight @ (rate[:, i] < low[i]) for i in range(4)]
    np.testing.assert_allclose(below, 0.025, atol=0.01)


def test_same_seed_same_draws() -> None:
    terms = [Term(np.zeros(2, dtype=int), 1.0, learnt=False), Term(np.arange(2), 0.5)]
    counts = np.array([3.0, 4.0]), np.array([30.0, 20.0])
    settings = {"centre": -2.0, "draws": 5, "warm_up": 2}
    first, again, other = (sample_logits(*counts, terms, **settings, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()
