"""The effect of an offer in each cell, with thin cells kept from winning by luck.

Raw effects of thin cells scatter widely, and a plan that picks the largest picks luck: the
optimiser's curse [@smith2006optimizer]. Cells are therefore shrunk towards what they share with
others (product, segment, channel, holding an antecedent) by as much as the data ask for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations_with_replacement

import numpy as np
import pandas as pd
from scipy.linalg.lapack import dpotri
from scipy.optimize import nnls
from scipy.sparse import csr_array
from scipy.special import ndtr

from pmlib.inference.many_tests import holm
from pmlib.inference.means import effective_number
from pmlib.inference.normal import normal_quantile
from pmlib.strategy.catalogue import Catalogue
from pmlib.strategy.evidence import CELL, Evidence, Kind

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
    """Effects of all cells.

    Parameters
    ----------
    cells : pandas.DataFrame
        ``segment, holds, product_id, channel, n`` (contacts), ``n_control``, ``raw`` and
        ``raw_se`` (NaN where nothing was observed), ``effect`` and ``se`` (shrunk). Unit: sales
        a contact, or currency a contact where the outcome is a value.
    covariance : numpy.ndarray
        Of the shrunk effects, in the order of `cells`.
    observed : numpy.ndarray
        (n,) raw effects that were observed.
    sampling : numpy.ndarray
        (n, n) their sampling covariance.
    gain : numpy.ndarray
        (cells, n): the shrunk effects are ``gain @ observed``.
    own : numpy.ndarray
        (cells,) position in `observed` of each cell's own raw effect; -1 where it has none.
    components : pandas.DataFrame
        ``shared, sd``: standard deviation of what cells have in common.
    kind : str
        "uplift", "response" or "association".
    detected : bool
        Whether any effect is shown at all; if not, every effect is set to 0.
    p_value : float
        Smallest Holm-adjusted p-value of no positive effect, overall and by product; NaN where
        the kind is not uplift.
    """

    cells: pd.DataFrame
    covariance: np.ndarray
    observed: np.ndarray
    sampling: np.ndarray
    gain: np.ndarray
    own: np.ndarray
    components: pd.DataFrame
    kind: Kind
    detected: bool
    p_value: float

    def half_width(self, load: np.ndarray, confidence_level: float) -> float:
        """Half the interval of a weighted sum of effects; `load` has a weight a cell.

        NaN where effects are assumed: chance is then the least of what is not known.
        """
        if self.kind == "association":
            return float("nan")
        variance = max(float(load @ self.covariance @ load), 0.0)  # rounding can end below 0
        return float(normal_quantile(confidence_level) * np.sqrt(variance))


def ends(value: float, half: float) -> tuple[float | None, float | None]:
    """Ends of an interval; none where half its width is NaN."""
    return (None, None) if np.isnan(half) else (value - half, value + half)


def estimate(
    evidence: Evidence, catalogue: Catalogue, *, segments: tuple[int, ...], error_rate: float
) -> CellEffects:
    r"""Estimate the effect of an offer in every cell by empirical Bayes.

    Raw effects follow $d \sim N(\delta, S)$ with $S$ known from the counts (channels of a cell
    share their control, so they correlate); the effects follow
    $\delta \sim N(X\beta, \sum_j \theta_j Z_j Z_j')$ with one variance $\theta_j$ for each
    entry of `SHARED`, estimated by restricted maximum likelihood. What is returned is the mean
    of $\delta$ given $d$. Products are put on one scale by the standard deviation of their
    outcome first.

    Parameters
    ----------
    evidence : Evidence
    catalogue : Catalogue
    segments : tuple of int
        Segments of the cells; (0,) for a policy that does not look at them.
    error_rate : float
        Level at which any effect must show in a pilot before an offer is planned.

    Returns
    -------
    CellEffects
        Cells of every segment, holds, product and *tried* channel, in this order.
    """
    treated, control = _arms(evidence)
    channels = [c for c in ("", *catalogue.channel_names) if (treated["channel"] == c).any()]
    index = pd.MultiIndex.from_product(
        [segments, [False, True], catalogue.product_ids, channels], names=CELL
    )
    cells = index.to_frame(index=False).merge(treated, on=CELL, how="left")
    cells = cells.merge(control, on=CELL[:3], how="left", suffixes=("", "_control"))
    if evidence.kind != "uplift":
        cells[["rows_control", "rate_control", "spread_control"]] = 0.0
        cells[["mean_control", "n_control"]] = 0.0, 1.0
    raw = (cells["mean"] - cells["mean_control"]).to_numpy()
    seen = np.isfinite(raw)
    shared = CELL[:2] if evidence.common_control else CELL[:3]
    block = cells.groupby(shared).ngroup().to_numpy()[seen]
    together = block[:, None] == block[None, :]
    scale = cells["product_id"].map(_scales(evidence)).to_numpy()

    def shrunk(spread: np.ndarray, start: np.ndarray | None = None) -> tuple[_Fit, np.ndarray]:
        of_control = (cells["spread_control"] / cells["n_control"]).to_numpy()[seen]
        sampling = np.diag(spread[seen] / cells["n"].to_numpy()[seen])
        sampling = sampling + together * np.sqrt(np.outer(of_control, of_control))
        return _shrink(raw, sampling, scale, cells[CELL], seen, channels, start), sampling

    fit, sampling = shrunk(cells["spread"].to_numpy())
    if evidence.outcome == "response":
        # A cell's own rate must not set its own variance: cells without a sale would look
        # certain. The first fit started from the product's rate; the second takes its effects.
        least = 0.1 * cells["rate"].to_numpy()
        rate = np.clip(cells["rate_control"] + fit.gain @ raw[seen], least, 1 - least).to_numpy()
        fit, sampling = shrunk(rate * (1 - rate), fit.components["sd"].to_numpy() ** 2)
    p_value = _smallest_p(evidence) if evidence.kind == "uplift" else float("nan")
    detected = not p_value > error_rate
    table = cells[CELL].assign(
        n=cells["rows"].fillna(0).astype(int),
        n_control=cells["rows_control"].fillna(0).astype(int),
        raw=raw * evidence.take_up,
        raw_se=np.nan,
        effect=fit.gain @ raw[seen] * evidence.take_up if detected else 0.0,
        se=np.sqrt(np.diag(fit.covariance)) * evidence.take_up,
    )
    table.loc[seen, "raw_se"] = np.sqrt(np.diag(sampling)) * evidence.take_up
    effects = CellEffects(
        cells=table,
        covariance=fit.covariance * evidence.take_up**2,
        observed=raw[seen] * evidence.take_up,
        sampling=sampling * evidence.take_up**2,
        gain=fit.gain,
        own=np.where(seen, np.cumsum(seen) - 1, -1),
        components=fit.components,
        kind=evidence.kind,
        detected=detected,
        p_value=p_value,
    )
    return _for_every_channel(effects, catalogue) if channels == [""] else effects


@dataclass(frozen=True)
class _Fit:
    gain: np.ndarray
    covariance: np.ndarray
    components: pd.DataFrame


def _shrink(
    raw: np.ndarray,
    sampling: np.ndarray,
    scale: np.ndarray,
    cells: pd.DataFrame,
    seen: np.ndarray,
    channels: list[str],
    start: np.ndarray | None,
) -> _Fit:
    """Fit the random-effects model and return the best linear prediction of all cells."""
    sampling = sampling / np.outer(scale[seen], scale[seen])
    fixed = np.column_stack(
        [np.ones(len(cells)), *(cells["channel"] == channel for channel in channels[1:])]
    ).astype(float)
    with_holds = np.column_stack([fixed, cells["holds"]])
    if np.linalg.matrix_rank(with_holds[seen]) > fixed.shape[1]:
        fixed = with_holds
    labels = _components(cells, seen, fixed)
    codes = [label[seen] for label in labels.values()]
    theta = _variances(raw[seen] / scale[seen], sampling, fixed[seen], codes, start)
    prior = sum(
        t * (label[:, None] == label[None, :])
        for t, label in zip(theta, labels.values(), strict=True)
    )
    X = fixed[seen]
    V = prior[np.ix_(seen, seen)] + sampling
    weights = np.linalg.solve(V, prior[seen]).T
    XV = np.linalg.solve(V, X).T
    information = XV @ X
    rest = fixed - weights @ X
    covariance = prior - weights @ prior[seen] + rest @ np.linalg.solve(information, rest.T)
    gain = weights + rest @ np.linalg.solve(information, XV)
    return _Fit(
        gain=scale[:, None] * gain / scale[None, seen],
        covariance=covariance * np.outer(scale, scale),
        components=pd.DataFrame({"shared": list(labels), "sd": np.sqrt(theta)}),
    )


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
    n = len(code)
    return csr_array((np.ones(n), (level, np.arange(n))), shape=(level.max() + 1, n))


def _components(cells: pd.DataFrame, seen: np.ndarray, fixed: np.ndarray) -> dict[str, np.ndarray]:
    """Codes of each entry of `SHARED` that the data can tell from the others."""
    labels: dict[str, np.ndarray] = {}
    partitions: set[bytes] = set()
    basis = np.linalg.qr(fixed[seen])[0]
    for columns in SHARED:
        code = cells.groupby(list(columns), sort=False).ngroup().to_numpy()
        partition = pd.factorize(code[seen])[0]
        means = _dummies(partition).T.toarray()
        left = means - basis @ (basis.T @ means)
        explained = np.abs(left).max() < 1e-8  # by the fixed effects
        if partition.tobytes() in partitions or (explained and columns != SHARED[-1]):
            continue
        partitions.add(partition.tobytes())
        labels[" x ".join(columns)] = code
    return labels


def _arms(evidence: Evidence) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Mean outcome of each treated cell and of each control, with what its variance needs."""
    sums = ["rows", "w", "w2", "wy", "wyy"]
    treated = evidence.tallies[~evidence.tallies["control"]]
    control = evidence.tallies[evidence.tallies["control"]]
    treated = treated.groupby(CELL, as_index=False)[sums].sum()
    control = control.groupby(CELL[:3], as_index=False)[sums].sum()
    return _means(treated, CELL[2:]), _means(control, CELL[2:3])


def _means(arms: pd.DataFrame, pool: list[str]) -> pd.DataFrame:
    """Add mean, effective number, and the pool's rate and variance to sums of arms."""
    pooled = arms.groupby(pool)[["w", "wy", "wyy"]].transform("sum")
    # With no event in the pool one is lent, or the variance would be zero.
    rate = (pooled["wy"] / pooled["w"]).clip(lower=1 / pooled["w"])
    spread = (pooled["wyy"] / pooled["w"] - rate**2).clip(lower=rate * 1e-3)
    return arms.drop(columns=["w", "w2", "wy", "wyy"]).assign(
        mean=arms["wy"] / arms["w"],
        n=effective_number(arms["w"], arms["w2"]),
        rate=rate,
        spread=spread,
    )


def _scales(evidence: Evidence) -> pd.Series:
    """Standard deviation of each product's outcome over all arms."""
    sums = evidence.tallies.groupby("product_id")[["w", "wy", "wyy"]].sum()
    total = sums.sum()
    overall = np.sqrt(max(total["wyy"] / total["w"] - (total["wy"] / total["w"]) ** 2, 1e-12))
    spread = np.sqrt((sums["wyy"] / sums["w"] - (sums["wy"] / sums["w"]) ** 2).clip(lower=0))
    return spread.where(spread > 0, overall).clip(lower=0.1 * overall)


def _smallest_p(evidence: Evidence) -> float:
    """Holm-adjusted one-sided p-value of no positive effect, overall and by product."""
    sums = ["w", "w2", "wy", "wyy"]
    tallies = evidence.tallies
    by_product = tallies.groupby(["control", "product_id"])[sums].sum()
    overall = tallies.groupby("control")[sums].sum()
    overall.index = pd.MultiIndex.from_product([overall.index, [""]])
    arms = pd.concat([by_product, overall])
    both = arms.groupby(level=1).sum()
    offered, control = (arms.xs(arm).reindex(both.index) for arm in (False, True))
    spread = both["wyy"] / both["w"] - (both["wy"] / both["w"]) ** 2
    error = np.sqrt(
        spread * sum(1 / effective_number(arm["w"], arm["w2"]) for arm in (offered, control))
    )
    gain = offered["wy"] / offered["w"] - control["wy"] / control["w"]
    p_values = ndtr(-gain / error.where(error > 0))[gain.notna()]
    # Without a sale in either arm nothing speaks for an effect: a test with a p-value of 1.
    return float(holm(p_values.fillna(1.0)).min())


def _for_every_channel(effects: CellEffects, catalogue: Catalogue) -> CellEffects:
    """Holding rates say nothing of channels: give every channel the same effect."""
    names = catalogue.channel_names
    rows = np.repeat(np.arange(len(effects.cells)), len(names))
    cells = effects.cells.iloc[rows].reset_index(drop=True)
    cells["channel"] = list(names) * len(effects.cells)
    return replace(
        effects,
        cells=cells,
        covariance=effects.covariance[np.ix_(rows, rows)],
        gain=effects.gain[rows],
        own=effects.own[rows],
    )
