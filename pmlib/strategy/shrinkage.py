"""Effects of cells by a linear model: shrunk towards what they share, as much as the data ask for.

For what is a sum of raw effects and must stay one: associations, and how the plan would move had
chance fallen otherwise. What an offer adds comes from `pmlib.strategy.uplift`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
import pandas as pd
from scipy.linalg.lapack import dpotri
from scipy.optimize import nnls
from scipy.sparse import csr_array

from pmlib.inference.learners import one_thread
from pmlib.strategy.evidence import CELL, Evidence, moments

# What cells may have in common: each set of columns gets a variance component of its own, around
# means by channel and by holding an antecedent. That mean carries the claim of combining: without
# it, thin cells would be shrunk towards "holding an antecedent changes nothing".
SHARED = (
    ("product_id",),
    ("segment", "product_id"),
    ("holds", "product_id"),
    ("product_id", "channel"),
    ("segment", "channel"),
    ("segment", "holds", "product_id", "channel"),
)


@dataclass(frozen=True)
class Shrinkage:
    """Effects that are linear in the raw ones: ``gain @ observed``, in the outcome's unit."""

    observed: np.ndarray  # (n,) raw effects that were observed
    sampling: np.ndarray  # (n, n) their sampling covariance
    gain: np.ndarray  # (cells, n)
    covariance: np.ndarray  # (cells, cells) of the shrunk effects


@one_thread()
def shrink(cells: pd.DataFrame, evidence: Evidence) -> Shrinkage:
    r"""Shrink the raw effects of `pmlib.strategy.effects.observed_cells` by empirical Bayes.

    Raw effects follow $d \sim N(\delta, S)$ with $S$ known from the counts (channels of a cell
    share their control, so they correlate); the effects follow
    $\delta \sim N(X\beta, \sum_j \theta_j Z_j Z_j')$ with one variance $\theta_j$ for each
    entry of `SHARED`, estimated by restricted maximum likelihood. What is returned is the mean
    of $\delta$ given $d$. Products are put on one scale by the standard deviation of their
    outcome first.
    """
    raw = cells["raw"].to_numpy()
    seen = np.isfinite(raw)
    block = cells.groupby(CELL[: 2 if evidence.common_control else 3]).ngroup().to_numpy()[seen]
    together = block[:, None] == block[None, :]
    of_control = (cells["spread_control"] / cells["n_control"]).to_numpy()[seen]
    scale = cells["product_id"].map(_scales(evidence)).to_numpy()
    fixed, codes = _model(cells[CELL], seen)

    def shrunk(spread: pd.Series, start: np.ndarray | None = None) -> tuple[np.ndarray, ...]:
        """Sampling covariance, and what `_shrink` returns."""
        sampling = np.diag((spread / cells["n"]).to_numpy()[seen])
        sampling = sampling + together * np.sqrt(np.outer(of_control, of_control))
        return sampling, *_shrink(raw, sampling, scale, fixed, codes, seen, start)

    sampling, gain, covariance, theta = shrunk(cells["spread"])
    if evidence.outcome == "response":
        # A cell's own rate must not set its own variance: cells without a sale would look
        # certain. The first fit started from the product's rate; the second takes its effects.
        least = 0.1 * cells["rate"].to_numpy()
        rate = np.clip(cells["rate_control"] + gain @ raw[seen], least, 1 - least)
        sampling, gain, covariance, _ = shrunk(rate * (1 - rate), theta)
    per_sale = evidence.take_up
    return Shrinkage(
        observed=raw[seen] * per_sale,
        sampling=sampling * per_sale**2,
        gain=gain,
        covariance=covariance * per_sale**2,
    )


def _model(cells: pd.DataFrame, seen: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Fixed effects, a column each, and codes of what of `SHARED` the data can tell apart."""
    by_channel = [cells["channel"] == channel for channel in cells["channel"].unique()[1:]]
    fixed = np.column_stack([np.ones(len(cells)), *by_channel]).astype(float)
    with_holds = np.column_stack([fixed, cells["holds"]])
    if np.linalg.matrix_rank(with_holds[seen]) > fixed.shape[1]:
        fixed = with_holds
    codes: list[np.ndarray] = []
    partitions: set[bytes] = set()
    basis = np.linalg.qr(fixed[seen])[0]
    for columns in SHARED:
        code = cells.groupby(list(columns), sort=False).ngroup().to_numpy()
        partition = pd.factorize(code[seen])[0]
        means = _dummies(partition).T.toarray()
        left = means - basis @ (basis.T @ means)
        explained = np.abs(left).max() < 1e-8  # by the fixed effects
        if partition.tobytes() not in partitions and (columns == SHARED[-1] or not explained):
            partitions.add(partition.tobytes())
            codes.append(code)
    return fixed, codes


def _shrink(
    raw: np.ndarray,
    sampling: np.ndarray,
    scale: np.ndarray,
    fixed: np.ndarray,
    codes: list[np.ndarray],
    seen: np.ndarray,
    start: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit the random-effects model: gain and covariance of all cells, and variance components."""
    sampling = sampling / np.outer(scale[seen], scale[seen])
    of_seen = [code[seen] for code in codes]
    theta = _variances(raw[seen] / scale[seen], sampling, fixed[seen], of_seen, start)
    prior = sum(t * (c[:, None] == c[None, :]) for t, c in zip(theta, codes, strict=True))
    X = fixed[seen]
    V = prior[np.ix_(seen, seen)] + sampling
    weights = np.linalg.solve(V, prior[seen]).T
    XV = np.linalg.solve(V, X).T
    information = XV @ X
    rest = fixed - weights @ X
    covariance = prior - weights @ prior[seen] + rest @ np.linalg.solve(information, rest.T)
    gain = weights + rest @ np.linalg.solve(information, XV)
    gain = scale[:, None] * gain / scale[None, seen]
    return gain, covariance * np.outer(scale, scale), theta


def _variances(
    raw: np.ndarray,
    sampling: np.ndarray,
    fixed: np.ndarray,
    codes: list[np.ndarray],
    start: np.ndarray | None,
    *,
    rounds: int = 30,
) -> np.ndarray:
    """Variance components by restricted maximum likelihood: Fisher scoring, none below zero."""
    dummies = [_dummies(code) for code in codes]
    kernels = [(Z.T @ Z).toarray() for Z in dummies]
    theta = start
    if theta is None:
        spread = np.var(raw)
        between = max(spread - np.diag(sampling).mean(), 0.1 * spread)
        theta = np.full(len(codes), between / len(codes))
    for _ in range(rounds):
        V = sampling + sum(t * kernel for t, kernel in zip(theta, kernels, strict=True))
        lower = dpotri(np.linalg.cholesky(V), lower=True)[0]
        inverse = lower + np.tril(lower, -1).T
        XV = fixed.T @ inverse
        P = inverse - XV.T @ np.linalg.solve(XV @ fixed, XV)
        halves = [Z @ P for Z in dummies]
        residual = P @ raw
        information = np.empty((len(codes), len(codes)))
        for i, j in combinations_with_replacement(range(len(codes)), 2):
            few, many = sorted((i, j), key=lambda k: len(halves[k]))
            product = dummies[many] @ halves[few].T
            information[i, j] = information[j, i] = np.square(product).sum()
        if np.trace(information) < 1e-12 * np.square(inverse).sum():
            return np.zeros(len(codes))  # as many fixed effects as cells: nothing left to shrink
        # Scoring solves information @ theta = target. Since P V P = P, the traces of P K P S that
        # the target needs are those of P K, less what the components explain.
        traces = np.array([(P * kernel).sum() for kernel in kernels])
        squares = np.array([np.square(Z @ residual).sum() for Z in dummies])
        target = squares - traces + information @ theta
        # A ridge keeps near-twins apart.
        ridge = 1e-9 * np.trace(information) * np.eye(len(codes))
        root = np.linalg.cholesky(information + ridge)
        updated = nnls(root.T, np.linalg.solve(root, target))[0]
        done = np.allclose(updated, theta, rtol=1e-3, atol=1e-6 * max(theta.sum(), 1e-12))
        theta = updated
        if done:
            break
    return theta


def _dummies(code: np.ndarray) -> csr_array:
    """(levels, n) 0/1 matrix of a factor."""
    level = np.unique(code, return_inverse=True)[1]
    return csr_array((np.ones(len(code)), (level, np.arange(len(code)))))


def _scales(evidence: Evidence) -> pd.Series:
    """Standard deviation of each product's outcome over all arms."""
    sums = evidence.tallies.groupby("product_id")[["w", "wy", "wyy"]].sum()
    overall = np.sqrt(max(moments(sums.sum())[1], 1e-12))
    spread = np.sqrt(moments(sums)[1].clip(lower=0))
    return spread.where(spread > 0, overall).clip(lower=0.1 * overall)
