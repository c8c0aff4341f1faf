"""The effect of an offer in each cell, with thin cells kept from winning by luck.

Raw effects of thin cells scatter widely, and a plan that picks the largest picks luck: the
optimiser's curse [@smith2006optimizer]. Cells are therefore shrunk towards what they share with
others (product, segment, channel, holding an antecedent) by as much as the data ask for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement

import numpy as np
import pandas as pd
from scipy.linalg.lapack import dpotri
from scipy.optimize import nnls
from scipy.sparse import csr_array

from pmlib.inference.many_tests import holm
from pmlib.inference.means import effective_number
from pmlib.inference.normal import normal_quantile, upper_tail
from pmlib.strategy.catalogue import Catalogue
from pmlib.strategy.evidence import CELL, Evidence, Kind, moments
from pmlib.strategy.uplift import draw_uplift

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
class CellEffects:
    """Effects of all cells; the shrunk ones are ``gain @ observed``.

    `cells` has ``segment, holds, product_id, channel, n`` (contacts), ``n_control``, ``raw`` and
    ``raw_se`` (NaN where nothing was observed), ``effect`` and ``se`` (shrunk). Unit: sales a
    contact, or currency a contact where the outcome is a value. With `draws` the effects are
    those of `pmlib.strategy.uplift`, and `gain` that of the linear model beside it.
    """

    cells: pd.DataFrame
    covariance: np.ndarray  # (cells, cells) of the shrunk effects
    observed: np.ndarray  # (n,) raw effects that were observed
    sampling: np.ndarray  # (n, n) their sampling covariance
    gain: np.ndarray  # (cells, n)
    own: np.ndarray  # (cells,) position of each cell's own raw effect in `observed`, or -1
    kind: Kind
    detected: bool  # whether any effect is shown at all; if not, every effect is set to 0
    p_value: float  # smallest Holm-adjusted one, see `_smallest_p`; NaN but for uplift
    draws: np.ndarray | None = None  # (draws, cells) of the effects from their posterior

    def margins(self, load: np.ndarray, confidence_level: float) -> tuple[float, float]:
        """How far the interval of a weighted sum of effects reaches below and above the sum.

        `load` has a weight a cell; the first is at most 0, the second at least 0. Both NaN where
        effects are assumed: chance is then the least of what is not known.
        """
        if self.kind == "association":
            return float("nan"), float("nan")
        if self.draws is not None:
            # Of sums of draws, not sums of variances: cells that share a term err together.
            sums = self.draws @ load
            tail = (1 - confidence_level) / 2
            low, high = np.quantile(sums, [tail, 1 - tail]) - sums.mean()
            return min(float(low), 0.0), max(float(high), 0.0)
        variance = max(float(load @ self.covariance @ load), 0.0)  # rounding can end below 0
        half = float(normal_quantile(confidence_level) * np.sqrt(variance))
        return -half, half

    def lowest(self, confidence_level: float) -> np.ndarray:
        """(cells,) low end of the interval of each cell's own effect."""
        cells = self.cells
        if self.draws is None:
            half = normal_quantile(confidence_level) * cells["se"]
            return (cells["effect"] - half).to_numpy(dtype=float)
        low = np.quantile(self.draws, (1 - confidence_level) / 2, axis=0)
        return cells["effect"].to_numpy() + np.minimum(low - self.draws.mean(axis=0), 0.0)


def ends(value: float, margins: tuple[float, float]) -> tuple[float | None, float | None]:
    """Ends of an interval; none where its margins are NaN."""
    below, above = margins
    return (None, None) if np.isnan(below) else (value + below, value + above)


def estimate(
    evidence: Evidence,
    catalogue: Catalogue,
    *,
    segments: tuple[int, ...],
    error_rate: float,
    seed: int = 0,
) -> CellEffects:
    r"""Estimate the effect of an offer in every cell, by what cells have in common.

    Offers multiply the odds of a sale: effects, and responses where there is no control, are drawn
    from the posterior of `pmlib.strategy.uplift`, by `seed`. Associations, and what a linear
    estimate is needed for, come from empirical Bayes on the scale of the outcome.

    Raw effects follow $d \sim N(\delta, S)$ with $S$ known from the counts (channels of a cell
    share their control, so they correlate); the effects follow
    $\delta \sim N(X\beta, \sum_j \theta_j Z_j Z_j')$ with one variance $\theta_j$ for each
    entry of `SHARED`, estimated by restricted maximum likelihood. What is returned is the mean
    of $\delta$ given $d$. Products are put on one scale by the standard deviation of their
    outcome first. There are cells of every segment, (0,) for a policy that does not look at them,
    holds, product and *tried* channel, in this order; `error_rate` is the level at which any effect
    must show in a pilot before an offer is planned.
    """
    treated, control = _arms(evidence)
    channels = [c for c in ("", *catalogue.channel_names) if (treated["channel"] == c).any()]
    levels = [segments, [False, True], catalogue.product_ids, channels]
    cells = pd.MultiIndex.from_product(levels, names=CELL).to_frame(index=False)
    cells = cells.merge(treated, on=CELL, how="left")
    cells = cells.merge(control, on=CELL[:3], how="left", suffixes=("", "_control"))
    if evidence.kind != "uplift":
        cells[["rows_control", "rate_control", "spread_control"]] = 0.0
        cells[["mean_control", "n_control"]] = 0.0, 1.0
    gap = cells["mean"] - cells["mean_control"]
    # Two equal rates are summed in parallel, in no fixed order: what is left of them is no effect.
    raw = gap.mask(gap.abs() < 1e-12 * cells["mean"].abs(), 0.0).to_numpy()
    seen = np.isfinite(raw)
    block = cells.groupby(CELL[: 2 if evidence.common_control else 3]).ngroup().to_numpy()[seen]
    together = block[:, None] == block[None, :]
    of_control = (cells["spread_control"] / cells["n_control"]).to_numpy()[seen]
    scale = cells["product_id"].map(_scales(evidence)).to_numpy()
    fixed, codes = _model(cells[CELL], seen, channels)

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
    p_value = _smallest_p(evidence) if evidence.kind == "uplift" else float("nan")
    detected = not p_value > error_rate
    table = cells[CELL].assign(
        n=cells["rows"].fillna(0).astype(int),
        n_control=cells["rows_control"].fillna(0).astype(int),
        raw=raw * evidence.take_up,
        raw_se=np.nan,
        effect=gain @ raw[seen] * evidence.take_up if detected else 0.0,
        se=np.sqrt(np.diag(covariance)) * evidence.take_up,
    )
    table.loc[seen, "raw_se"] = np.sqrt(np.diag(sampling)) * evidence.take_up
    effects = CellEffects(
        cells=table,
        covariance=covariance * evidence.take_up**2,
        observed=raw[seen] * evidence.take_up,
        sampling=sampling * evidence.take_up**2,
        gain=gain,
        own=np.where(seen, np.cumsum(seen) - 1, -1),
        kind=evidence.kind,
        detected=detected,
        p_value=p_value,
    )
    if detected and evidence.kind != "association":
        effects = _with_draws(effects, draw_uplift(evidence, cells[CELL], seed=seed))
    return _for_every_channel(effects, catalogue) if channels == [""] else effects


def _with_draws(effects: CellEffects, draws: np.ndarray) -> CellEffects:
    cells = effects.cells.assign(effect=draws.mean(axis=0), se=draws.std(axis=0, ddof=1))
    return replace(effects, cells=cells, covariance=np.cov(draws, rowvar=False), draws=draws)


def _model(
    cells: pd.DataFrame, seen: np.ndarray, channels: list[str]
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Fixed effects, a column each, and codes of what of `SHARED` the data can tell apart."""
    by_channel = [cells["channel"] == channel for channel in channels[1:]]
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


def _arms(evidence: Evidence) -> Iterator[pd.DataFrame]:
    """Treated cells and controls: mean, effective number, and the pool's rate and variance."""
    for of_control, keys in ((False, CELL), (True, CELL[:3])):
        tallies = evidence.tallies[evidence.tallies["control"] == of_control]
        sums = ["rows", "w", "w2", "wy", "wyy"]
        arms = tallies.groupby(keys, as_index=False)[sums].sum()
        pooled = arms.groupby(keys[2:])[["w", "wy", "wyy"]].transform("sum")
        # With no event in the pool one is lent, or the variance would be zero.
        rate = (pooled["wy"] / pooled["w"]).clip(lower=1 / pooled["w"])
        spread = (pooled["wyy"] / pooled["w"] - rate**2).clip(lower=rate * 1e-3)
        mean, n = arms["wy"] / arms["w"], effective_number(arms["w"], arms["w2"])
        table = arms.drop(columns=["w", "w2", "wy", "wyy"])
        yield table.assign(mean=mean, n=n, rate=rate, spread=spread)


def _scales(evidence: Evidence) -> pd.Series:
    """Standard deviation of each product's outcome over all arms."""
    sums = evidence.tallies.groupby("product_id")[["w", "wy", "wyy"]].sum()
    overall = np.sqrt(max(moments(sums.sum())[1], 1e-12))
    spread = np.sqrt(moments(sums)[1].clip(lower=0))
    return spread.where(spread > 0, overall).clip(lower=0.1 * overall)


def _smallest_p(evidence: Evidence) -> float:
    """Holm-adjusted one-sided p-value of no positive effect, overall and by product."""
    tallies = pd.concat([evidence.tallies, evidence.tallies.assign(product_id="")])
    arms = tallies.groupby(["control", "product_id"])[["w", "w2", "wy", "wyy"]].sum()
    both = arms.groupby(level=1).sum()
    offered, control = (arms.xs(arm).reindex(both.index) for arm in (False, True))
    per_contact = sum(1 / effective_number(arm["w"], arm["w2"]) for arm in (offered, control))
    error = np.sqrt(moments(both)[1] * per_contact)
    gain = moments(offered)[0] - moments(control)[0]
    p_values = pd.Series(upper_tail(gain / error.where(error > 0)), gain.index)[gain.notna()]
    # Without a sale in either arm nothing speaks for an effect: a test with a p-value of 1.
    return float(holm(p_values.fillna(1.0)).min())


def _for_every_channel(effects: CellEffects, catalogue: Catalogue) -> CellEffects:
    """Holding rates say nothing of channels: give every channel the same effect."""
    names, n = catalogue.channel_names, len(effects.cells)
    rows = np.repeat(np.arange(n), len(names))
    cells = effects.cells.iloc[rows].reset_index(drop=True).assign(channel=list(names) * n)
    covariance, gain = effects.covariance[np.ix_(rows, rows)], effects.gain[rows]
    draws = None if effects.draws is None else effects.draws[:, rows]
    return replace(
        effects, cells=cells, covariance=covariance, gain=gain, own=effects.own[rows], draws=draws
    )
