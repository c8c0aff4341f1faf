"""The problem a plan solves: what can be offered to whom, with what effect, within which limits."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from pmlib.inference.power import test_size
from pmlib.strategy.catalogue import Catalogue
from pmlib.strategy.cells import Groups
from pmlib.strategy.effects import CellEffects
from pmlib.strategy.evidence import Evidence
from pmlib.strategy.programme import Limits, Programme


def held_back(planned: ArrayLike, share: ArrayLike) -> np.ndarray:
    """Customers of those planned who are left alone: their share, rounded up."""
    return np.ceil(np.multiply(planned, share) - 1e-9)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What can be offered to whom, with what effect, within which limits of contacts made.

    The share `control_share` of planned customers is held out and not contacted; for `error_rate`
    and `seed` see `pmlib.strategy.effects.estimate`. `estimates` keeps effects that were estimated
    from this evidence, by what a policy looks at and how many draws it has.
    """

    catalogue: Catalogue
    evidence: Evidence
    groups: Groups
    limits: Limits
    control_share: float = 0.0
    error_rate: float = 0.05
    seed: int = 0
    estimates: dict[tuple[bool, bool, int], CellEffects] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def programme(self, effects: CellEffects, *, shrink: bool = True) -> Programme:
        """The programme of *planned* customers.

        Of the planned customers `control_share` are not contacted: they earn and cost nothing and
        take up no capacity, so a channel has room for that many more. Channels without evidence
        get the value -inf: nothing is planned on what was never tried.
        """
        cells, menu, made = self.catalogue.priced(effects.cells), self.catalogue, self.made
        levels = cells["segment"].nunique()
        value = np.full((levels, 2, len(menu.products), len(menu.channels)), -np.inf)
        gain = cells["effect" if shrink else "raw"] * cells["margin"] - cells["cost"]
        position, most = menu.positions(cells), np.full(value.shape, np.inf)
        value[position] = gain.fillna(-np.inf)
        most[position] = self._test_sizes(effects, cells)
        return Programme(self.groups, value * made, *self.costs_and_limits(), most)

    def test_sizes(self, effects: CellEffects) -> np.ndarray:
        """(cells,) customers whom a test takes of what the pilot cannot tell; infinite elsewhere.

        It can where the interval of the effect lies above what pays for a contact, or where the
        expected one does not pay either. To plan more on the rest than a test needs would be to
        bet. Only sales of a pilot with control are told apart so.
        """
        return self._test_sizes(effects, self.catalogue.priced(effects.cells))

    def _test_sizes(self, effects: CellEffects, cells: pd.DataFrame) -> np.ndarray:
        sizes = np.full(len(cells), np.inf)
        told = effects.draws is not None and self.evidence.kind == "uplift"
        if not told or self.evidence.outcome != "response":
            return sizes
        pays = cells["cost"] / cells["margin"]
        unknown = (cells["effect"] > pays) & (effects.lowest(1 - self.error_rate) <= pays)
        tallies = self.evidence.tallies
        sums = tallies[tallies["control"]].groupby("product_id")[["w", "wy"]].sum()
        base = cells["product_id"].map(sums["wy"] / sums["w"]).fillna(0.0)
        asked = {"control_share": self.control_share or 0.5, "error_rate": self.error_rate}
        of_test = test_size(cells["effect"], base, **asked)
        return np.where(unknown, np.maximum(of_test, self.limits.min_contacts), sizes)

    def costs_and_limits(self) -> tuple[np.ndarray, Limits]:
        """(C,) cost of a planned customer by channel, currency, and limits in planned customers."""
        capacity = tuple(c / self.made for c in self.limits.capacity)
        cost = self.catalogue.channels["cost"].to_numpy() * self.made
        return cost, replace(self.limits, capacity=capacity)

    @property
    def made(self) -> float:
        """Contacts made a planned customer."""
        return 1 - self.control_share
