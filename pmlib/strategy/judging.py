r"""What plans earn, by contacts they were not made from: cross-fitted and doubly robust.

Of a plan made without the contacts of some customers, a model learnt from the rest foretells what
each contact adds, and these contacts correct it:

$$V = \sum_c L_c \hat\tau_c
    + \sum_c L_c \Bigl[\frac{1}{D_c} \sum_{i \in c} w_i (y_i - \hat\mu_{1c})
    - \frac{1}{D_{0c}} \sum_{i \in 0c} w_i (y_i - \hat\mu_{0c})\Bigr] - \text{cost}$$

with $L_c$ the planned contacts of a cell times their margin, $w_i$ inverse propensities and $D$ the
weight *expected* of an arm: rows times columns of the table of groups and arms, which chance made
independent. A cell in which few happened to be offered corrects little, not wildly. The value is
unbiased where propensities are right, whatever the model says [@dudik2014doubly]; both differences
of policies and their error come from the same customers, so where two plans agree nothing is added
to either. Customers of all parts together give the error of the mean of the parts
[@chernozhukov2018double].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pmlib.strategy.effects import CellEffects
from pmlib.strategy.evidence import CELL, Evidence
from pmlib.strategy.problem import Problem

GROUP = CELL[:3]
ARM = [*CELL, "control"]
_SUMS = ["w", "w2", "wy", "wyy"]


@dataclass(frozen=True)
class Judge:
    """The contacts of one part of the customers, before plans that were made without them.

    All in the outcome's unit. A cell's control is that of its segment, holding and product;
    `control` (cells,) numbers them, `block` (controls,) those that share customers.
    """

    problem: Problem
    cells: pd.DataFrame  # priced
    foretold: np.ndarray  # (cells,) effect, by the contacts of the others
    judged: np.ndarray  # (cells,) whether there are contacts that can correct it
    correction: np.ndarray  # (cells,)
    arm: np.ndarray  # (cells,) those offered that judge it: of all channels, where none is known
    variance: np.ndarray  # (arms,) of the correction by those offered
    control: np.ndarray
    of_control: np.ndarray  # (controls,) variance of the correction by them
    block: np.ndarray

    def value(self, contacts: np.ndarray) -> tuple[float, float]:
        """Profit of planned contacts (L, 2, P, C), currency, and the variance of its correction."""
        made = contacts[self.problem.catalogue.positions(self.cells)] * self.problem.made
        load = made * self.cells["margin"].to_numpy()
        own = load * self.judged
        mean = load @ self.foretold + own @ self.correction - made @ self.cells["cost"]
        of_control = np.bincount(self.control, own) * np.sqrt(self.of_control)
        together = np.bincount(self.block, of_control)
        of_arm = np.bincount(self.arm, own)
        return float(mean), float(of_arm**2 @ self.variance + together @ together)


def judge(problem: Problem, known: CellEffects, *, learnt: Evidence, other: Evidence) -> Judge:
    """Make a judge of the contacts in `other`, with effects `known` from those in `learnt`."""
    cells = known.cells
    control, groups = _numbered(cells, GROUP)
    base, effect = _base(learnt, groups), cells["effect"].to_numpy()
    tallies = other.tallies.groupby(ARM, as_index=False)[_SUMS].sum()
    drawn = other.kind == "uplift"
    through: pd.Series | str = cells["channel"]
    if (tallies.loc[~tallies["control"], "channel"] == "").all():  # each contact stands for all
        through = ""
    arm, arms = _numbered(cells.assign(control=False, channel=through), ARM)
    foretold = (base[control] + effect)[np.unique(arm, return_index=True)[1]]
    told, residual, variance = _residuals(arms, foretold, tallies, drawn=drawn)
    judged, correction = told[arm], residual[arm]
    of_control = np.zeros(len(groups))
    if drawn:  # a difference needs both arms
        left_out = groups.assign(channel="", control=True)
        told, less, of_control = _residuals(left_out, base, tallies, drawn=drawn)
        judged, correction = judged & told[control], correction - less[control]
    block, _ = _numbered(groups, GROUP[:2] if other.common_control else GROUP)
    priced = problem.catalogue.priced(cells)
    return Judge(
        problem, priced, effect, judged, correction, arm, variance, control, of_control, block
    )


def value_of(judges: Sequence[Judge], contacts: Sequence[np.ndarray]) -> tuple[float, float]:
    """Mean profit, currency, of plans each before its judge, and the error of the mean."""
    found = np.array([judge.value(plan) for judge, plan in zip(judges, contacts, strict=True)])
    mean, variance = found.mean(axis=0)
    return float(mean), float(np.sqrt(variance / len(found)))


def _numbered(rows: pd.DataFrame, columns: list[str]) -> tuple[np.ndarray, pd.DataFrame]:
    """Number of each row's combination of columns, and the combinations in this order."""
    number = rows.groupby(columns, sort=False).ngroup().to_numpy()
    return number, rows[columns].drop_duplicates(ignore_index=True)


def _base(learnt: Evidence, groups: pd.DataFrame) -> np.ndarray:
    """(controls,) mean outcome without an offer: of the product, for all segments alike."""
    if learnt.kind != "uplift":
        return np.zeros(len(groups))
    controls = learnt.tallies[learnt.tallies["control"]]
    sums = controls.groupby("product_id")[["w", "wy"]].sum()
    every = sums["wy"].sum() / sums["w"].sum()
    mean = groups["product_id"].map(sums["wy"] / sums["w"])
    return mean.fillna(every).to_numpy(dtype=float)


def _residuals(
    arms: pd.DataFrame, foretold: np.ndarray, tallies: pd.DataFrame, *, drawn: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each arm: whether contacts are expected in it, their mean residual and its variance.

    Where arms were `drawn`, what chance would give them is expected; else what they got.
    """
    seen = arms.merge(tallies, on=ARM, how="left")
    w, w2, wy, wyy = seen[_SUMS].fillna(0.0).to_numpy().T
    expected = _expected(arms, tallies) if drawn else w
    told = expected > 0
    over = np.where(told, expected, 1.0)
    # Weights are taken to say nothing of the outcome within an arm, as effective numbers do.
    scatter = (wyy - 2 * foretold * wy + foretold**2 * w).clip(min=0) * w2 / np.where(w > 0, w, 1)
    return told, (wy - foretold * w) / over, scatter / over**2


def _expected(arms: pd.DataFrame, tallies: pd.DataFrame) -> np.ndarray:
    """Weight that chance gives each arm: its group's times its arm's, over that of the product."""
    weight = tallies.groupby(GROUP)["w"].sum()
    of_arm = ["product_id", "channel", "control"]
    expected = weight.reindex(pd.MultiIndex.from_frame(arms[GROUP])).fillna(0.0).to_numpy()
    share = tallies.groupby(of_arm)["w"].sum()
    share = share / tallies.groupby("product_id")["w"].sum().reindex(share.index, level=0)
    return expected * share.reindex(pd.MultiIndex.from_frame(arms[of_arm])).fillna(0.0).to_numpy()
