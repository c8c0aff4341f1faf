"""Sales counted in many small cells: a hierarchical logistic model with heavy tails, sampled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotrs, dtrtrs

from pmlib.inference.learners import one_thread

TAILS = 4.0
"""Degrees of freedom of the coefficients of a learnt term, and of the prior of their scale."""

# Variables of a Pólya-Gamma series drawn one by one; the rest is one with its exact moments.
_SERIES = 6


@dataclass(frozen=True)
class Term:
    """What some rows have in common: one coefficient for each level.

    The coefficients of a learnt term have t-distribution around 0 with a scale of their own, whose
    prior is the positive half of a t-distribution with scale `scale`; those of others are normal
    with standard deviation `scale`. All in log-odds.
    """

    level: np.ndarray  # (rows,) level of each row, from 0; -1 where the term does not enter
    scale: float
    learnt: bool = True


@one_thread()
def sample_logits(
    successes: np.ndarray,
    trials: np.ndarray,
    terms: Sequence[Term],
    *,
    centre: float,
    draws: int,
    warm_up: int,
    seed: int | Sequence[int],
) -> np.ndarray:
    r"""Draw the log-odds of all rows from their posterior.

    Parameters
    ----------
    successes, trials : numpy.ndarray
        (rows,) counts, or effective numbers; rows without trials are predicted.
    terms : sequence of Term
        The log-odds of a row are `centre` and the sum of its coefficients.
    warm_up : int
        Draws made first and thrown away.

    Returns
    -------
    numpy.ndarray
        (draws, rows), one after another of one chain.

    Notes
    -----
    A Gibbs sampler, in which every step draws from a known distribution, so nothing is tuned.
    Given Pólya-Gamma variables $\omega \sim PG(n, \eta)$ the binomial likelihood is that of normal
    observations $(y - n/2) / \omega$ with precisions $\omega$ [@polson2013bayesian], and all
    coefficients are drawn at once. A t is a normal whose precision is drawn too. The coefficients
    of a learnt term are $\alpha \xi$ with $\alpha \sim N(0, \mathrm{scale}^2)$,
    $\xi \sim t_4(0, \sigma)$ and $\sigma^{-2} \sim \Gamma(2, 2)$: with the factor, redundant as it
    is, the chain does not stick where a scale is near zero [@gelman2008using].
    """
    rng = np.random.default_rng(seed)
    scale = np.array([term.scale for term in terms])
    learnt = np.array([term.learnt for term in terms])
    sizes = np.array([int(term.level.max()) + 1 for term in terms])
    owner = np.repeat(np.arange(len(terms)), sizes)
    X = _design(terms, sizes)
    seen = trials > 0
    Z, n = X[seen], trials[seen]
    kappa = successes[seen] - n / 2
    weigh = _Information(Z)
    # Position among the coefficients of each row's own of each term; the last one is of none.
    first = np.cumsum(sizes) - sizes
    levels = np.stack([term.level[seen] for term in terms], axis=1)
    own = np.where(levels >= 0, levels + first, len(owner))
    xi, alpha = np.zeros(len(owner)), np.where(learnt, scale, 1.0)
    precision, sigma2 = np.ones(len(owner)), np.where(learnt, 1.0, scale**2)
    kept, diagonal = np.empty((draws, len(owner))), np.diag_indices(len(owner))
    for step in range(-warm_up, draws):
        factor = alpha[owner]
        omega = _polya_gamma(n, centre + Z @ (factor * xi), rng)
        left = kappa - omega * centre
        A = weigh(omega)
        A *= factor[:, None]
        A *= factor
        A[diagonal] += precision / sigma2[owner]
        xi = _normal(A, factor * (Z.T @ left), rng)
        if learnt.any():  # their factors, given coefficients: a regression on a column a term
            parts = np.append(xi, 0.0)[own]
            F = parts[:, learnt]
            left = left - omega * parts[:, ~learnt].sum(axis=1)
            B = F.T @ (omega[:, None] * F) + np.diag(scale[learnt] ** -2)
            alpha[learnt] = _normal(B, F.T @ left, rng)
        tails = rng.gamma((TAILS + 1) / 2, 2 / (TAILS + xi**2 / sigma2[owner]))
        precision = np.where(learnt[owner], tails, 1.0)
        squares = np.bincount(owner, precision * xi**2)
        drawn = (TAILS + squares) / 2 / rng.gamma((TAILS + sizes) / 2)
        sigma2 = np.where(learnt, drawn, scale**2)
        if step >= 0:
            kept[step] = alpha[owner] * xi
    return centre + kept @ X.T


def _design(terms: Sequence[Term], sizes: np.ndarray) -> np.ndarray:
    """(rows, coefficients) 0/1 matrix."""
    blocks = [
        (term.level[:, None] == np.arange(size)).astype(float)
        for term, size in zip(terms, sizes, strict=True)
    ]
    return np.hstack(blocks)


class _Information:
    """$Z'WZ$ for a 0/1 matrix with few ones a row: summed up, pair by pair of ones.

    Its lower half only, in Fortran's order, which is what LAPACK reads.
    """

    def __init__(self, Z: np.ndarray) -> None:
        ones = [np.flatnonzero(row) for row in Z]
        self._size = Z.shape[1]
        pairs = [(at[j] * self._size + at[i]) for at in ones for i, j in [np.tril_indices(len(at))]]
        self._row = np.repeat(np.arange(len(ones)), [len(own) for own in pairs])
        self._place = np.concatenate([np.zeros(0, dtype=int), *pairs])

    def __call__(self, weight: np.ndarray) -> np.ndarray:
        sums = np.bincount(self._place, weight[self._row], self._size**2)
        return sums.reshape(self._size, self._size).T


def _normal(precision: np.ndarray, target: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw from the normal distribution with mean ``inv(precision) @ target``.

    Of the precision, which is overwritten, the lower half is read.
    """
    root = dpotrf(precision, lower=1, clean=0, overwrite_a=1)[0]
    noise = dtrtrs(root, rng.standard_normal(len(target)), lower=1, trans=1)[0]
    drawn: np.ndarray = dpotrs(root, target, lower=1)[0] + noise
    return drawn


def _polya_gamma(b: np.ndarray, z: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    r"""Draw from PG(b, z): $\sum_k g_k / (2 \pi^2 ((k - 1/2)^2 + z^2 / 4 \pi^2))$.

    The $g_k \sim \Gamma(b, 1)$ are drawn for the first terms; the rest is one gamma variable with
    the mean and the variance of the rest.
    """
    z = np.maximum(np.abs(z), 1e-2)  # the moments below are 0 / 0 at 0
    k = np.arange(_SERIES)[:, None] + 0.5
    each = 1 / (2 * np.pi**2 * (k**2 + (z / (2 * np.pi)) ** 2))
    tanh = np.tanh(z / 2)
    mean = b / (2 * z) * tanh - b * each.sum(axis=0)
    variance = b / (4 * z**3) * (2 * tanh - z * (1 - tanh**2)) - b * np.square(each).sum(axis=0)
    first = (each * rng.standard_gamma(np.broadcast_to(b, each.shape))).sum(axis=0)
    return first + rng.standard_gamma(mean**2 / variance) * variance / mean
