"""The effect of an offer in each cell, with thin cells kept from winning by luck.

Raw effects of thin cells scatter widely, and a plan that picks the largest picks luck: the
optimiser's curse [@smith2006optimizer]. Cells are therefore shrunk towards what they share with
others (product, segment, channel, holding an antecedent) by as much as the data ask for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pmlib.inference.many_tests import holm
from pmlib.inference.means import effective_number
from pmlib.inference.normal import upper_tail
from pmlib.strategy.catalogue import Catalogue
from pmlib.strategy.evidence import CELL, Evidence, Kind, moments
from pmlib.strategy.shrinkage import shrink
from pmlib.strategy.uplift import DRAWS, draw_uplift


@dataclass(frozen=True)
class CellEffects:
    """Effects of all cells.

    `cells` has ``segment, holds, product_id, channel, n`` (contacts), ``n_control``, ``raw`` (NaN
    where nothing was observed), ``effect`` and its standard error ``se``. Unit: sales a contact,
    or currency a contact where the outcome is a value.
    """

    cells: pd.DataFrame
    kind: Kind
    detected: bool  # whether any effect is shown at all; if not, every effect is set to 0
    p_value: float  # smallest Holm-adjusted one, see `_smallest_p`; NaN but for uplift
    draws: np.ndarray | None = None  # (draws, cells) from their posterior; None where assumed

    def margins(self, load: np.ndarray, confidence_level: float) -> tuple[float, float]:
        """How far the interval of a weighted sum of effects reaches below and above the sum.

        `load` has a weight a cell; the first is at most 0, the second at least 0. Both NaN where
        there are no draws, as of effects that are assumed: chance is the least of what is not
        known of these.
        """
        if self.draws is None:
            return float("nan"), float("nan")
        # Of sums of draws, not sums of variances: cells that share a term err together.
        sums = self.draws @ load
        tail = (1 - confidence_level) / 2
        low, high = np.quantile(sums, [tail, 1 - tail]) - sums.mean()
        return min(float(low), 0.0), max(float(high), 0.0)

    def lowest(self, confidence_level: float) -> np.ndarray:
        """(cells,) low end of the interval of each cell's own effect, of effects with draws."""
        assert self.draws is not None
        low = np.quantile(self.draws, (1 - confidence_level) / 2, axis=0)
        return self.cells["effect"].to_numpy() + np.minimum(low - self.draws.mean(axis=0), 0.0)


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
    draws: int = DRAWS,
) -> CellEffects:
    """Estimate the effect of an offer in every cell, by what cells have in common.

    Offers multiply the odds of a sale: effects, and responses where there is no control, are means
    of so many `draws` of `pmlib.strategy.uplift`. Associations are shrunk by the linear model of
    `pmlib.strategy.shrinkage`. There are the cells of `observed_cells`; `error_rate` is the level
    at which any effect must show in a pilot before an offer is planned.
    """
    seen = observed_cells(evidence, catalogue, segments)
    p_value = _smallest_p(evidence) if evidence.kind == "uplift" else float("nan")
    cells = seen[CELL].assign(
        n=seen["rows"].fillna(0).astype(int),
        n_control=seen["rows_control"].fillna(0).astype(int),
        raw=seen["raw"] * evidence.take_up,
        effect=0.0,
        se=np.nan,
    )
    effects = CellEffects(cells, evidence.kind, not p_value > error_rate, p_value)
    if effects.detected and evidence.kind != "association":
        drawn = draw_uplift(evidence, cells[CELL], seed=seed, draws=draws)
        cells = cells.assign(effect=drawn.mean(axis=0), se=drawn.std(axis=0, ddof=1))
        effects = replace(effects, cells=cells, draws=drawn)
    elif effects.detected:
        linear = shrink(seen, evidence)
        error = np.sqrt(np.diag(linear.covariance))
        cells = cells.assign(effect=linear.gain @ linear.observed, se=error)
        effects = replace(effects, cells=cells)
    nowhere = bool((cells["channel"] == "").all())
    return _for_every_channel(effects, catalogue) if nowhere else effects


def observed_cells(
    evidence: Evidence, catalogue: Catalogue, segments: tuple[int, ...]
) -> pd.DataFrame:
    """All cells and what was observed in them.

    A row for every segment, (0,) for a policy that does not look at them, holds, product and
    *tried* channel, in this order; ``rows, mean, n`` (effective number of contacts), ``rate`` and
    ``spread`` (mean and variance of the outcome over all that share product and channel), the same
    of the control (``_control``), and ``raw``: the difference of the means.
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
    return cells.assign(raw=gap.mask(gap.abs() < 1e-12 * cells["mean"].abs(), 0.0))


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
    draws = None if effects.draws is None else effects.draws[:, rows]
    return replace(effects, cells=cells, draws=draws)
