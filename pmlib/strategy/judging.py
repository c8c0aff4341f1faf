r"""What plans earn, by contacts they were not made from: cross-fitted and doubly robust.

Of a plan made without the contacts of some customers, a model learnt from the rest foretells what
each contact adds, and these contacts correct it:

$$V = \sum_c L_c \hat\tau_c
    + \sum_c L_c \Bigl[\frac{1}{D_c} \sum_{i \in c} w_i (y_i - \hat\mu_{1c})
    - \frac{1}{D_{0c}} \sum_{i \in 0c} w_i (y_i - \hat\mu_{0c})\Bigr] - \text{cost}$$

with $L_c$ the planned contacts of a cell times their margin, $w_i$ inverse propensities and $D$ the
weight that chance gives an arm of these customers: of all contacts rows times columns of the table
of groups and arms, which chance made independent, times their share of the parts. A cell in which
few happened to be offered corrects little, not wildly. The value is unbiased where propensities are
right, whatever the model says [@dudik2014doubly].

Each customer judges several plans, see `pmlib.strategy.evidence.JUDGING`, and the value is their
mean. What a contact adds to it over all plans, of two policies to their difference, gives the error
[@chernozhukov2018double]: where two plans agree nothing is added to either, and where plans that
differ only by whom they were made without disagree, their luck is averaged out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pmlib.strategy.effects import CellEffects
from pmlib.strategy.evidence import CELL, PARTS, Evidence
from pmlib.strategy.problem import Problem

GROUP = CELL[:3]
ARM = [*CELL, "control"]
_SUMS = ["w", "w2", "wy", "wyy"]


@dataclass(frozen=True)
class Judge:
    """What some contacts say of plans that were made without them; all in the outcome's unit.

    Arms are those offered, then the controls: a cell's control is that of its segment, holding and
    product, and where no contact has a channel on record, those offered judge all channels. `rows`
    (r,) are those of `told` that these contacts are counted in, `arm` (r,) says of which arm.
    """

    problem: Problem
    cells: pd.DataFrame  # priced
    mean: np.ndarray  # (arms,) outcome, by the contacts of the others
    expected: np.ndarray  # (arms,) weight of these contacts; 0 in cells that nobody can correct
    offered: np.ndarray  # (cells,) number of the arm
    control: np.ndarray  # (cells,) number among the controls
    told: pd.DataFrame  # of all contacts by part and arm, see `_SUMS`
    rows: np.ndarray
    arm: np.ndarray

    def value(self, contacts: np.ndarray) -> tuple[float, np.ndarray]:
        """Profit of planned contacts (L, 2, P, C) that is foretold, and what corrects it.

        The second has, (rows of `told`, 2), what is added for each unit of weighted outcome, and
        taken away for each of weight.
        """
        made = contacts[self.problem.catalogue.positions(self.cells)] * self.problem.made
        load, n = made * self.cells["margin"].to_numpy(), self.offered.max() + 1
        effect = self.mean[self.offered] - self.mean[n:][self.control]
        own = load * (self.expected[self.offered] > 0)
        both = np.concatenate([np.bincount(self.offered, own), -np.bincount(self.control, own)])
        each = np.divide(both, self.expected, out=np.zeros(len(both)), where=self.expected > 0)
        corrected = np.zeros((len(self.told), 2))
        corrected[self.rows] = np.column_stack([each, each * self.mean])[self.arm]
        return float(load @ effect - made @ self.cells["cost"].to_numpy()), corrected


def judge(problem: Problem, known: CellEffects, *, parts: Iterable[int]) -> Judge:
    """Make a judge of the contacts of some parts, with effects `known` from those of the others."""
    evidence, cells = problem.evidence, known.cells
    own = evidence.of_folds(parts)
    control, groups = _numbered(cells, GROUP)
    base = _base(evidence.of_folds(set(PARTS) - set(parts)), groups)
    tallies = evidence.tallies
    anywhere = (tallies.loc[~tallies["control"], "channel"] == "").all()  # each stands for all
    through = "" if anywhere else cells["channel"]
    offered, offers = _numbered(cells.assign(control=False, channel=through), ARM)
    first = np.unique(offered, return_index=True)[1]
    controls = groups.assign(channel="", control=True)
    arms = pd.concat([offers, controls], ignore_index=True)
    if evidence.kind == "uplift":
        expected = len(set(parts)) / len(PARTS) * _expected(arms, tallies)
        of_control = expected[len(offers) :][control[first]]
        expected[: len(offers)] *= of_control > 0  # a difference needs both arms
    else:  # not drawn: what they got is what there is
        got = own.tallies.groupby(ARM)["w"].sum()
        expected = got.reindex(pd.MultiIndex.from_frame(arms)).fillna(0.0).to_numpy()
    told = tallies.groupby(["fold", *ARM], as_index=False)[_SUMS].sum()
    inside = told[told["fold"].isin(own.tallies["fold"])].reset_index(names="row")
    found = arms.reset_index(names="arm").merge(inside, on=ARM)
    mean = np.concatenate([(base[control] + cells["effect"].to_numpy())[first], base])
    return Judge(
        problem, problem.catalogue.priced(cells), mean, expected, offered, control, told,
        found["row"].to_numpy(), found["arm"].to_numpy(),
    )  # fmt: skip


def value_of(judges: Sequence[Judge], contacts: Sequence[np.ndarray]) -> tuple[float, float]:
    """Mean profit, currency, of plans each before its judge, and the error of the mean."""
    values = [judge.value(plan) for judge, plan in zip(judges, contacts, strict=True)]
    foretold = float(np.mean([value for value, _ in values]))
    of_outcome, of_weight = np.mean([corrected for _, corrected in values], axis=0).T
    told = judges[0].told
    w, w2, wy, wyy = told[_SUMS].to_numpy().T
    mean = foretold + of_outcome @ wy - of_weight @ w
    # Weights are taken to say nothing of the outcome within an arm, as effective numbers do.
    square = of_outcome**2 * wyy - 2 * of_outcome * of_weight * wy + of_weight**2 * w
    error = np.sign(of_outcome) * np.sqrt(square.clip(min=0) * w2 / w)
    # A control that products share is the same customers, once a product.
    common = told["control"] & judges[0].problem.evidence.common_control
    product = told["product_id"].mask(common, "")
    same = told.assign(product_id=product).groupby(["fold", *ARM]).ngroup()
    return float(mean), float(np.linalg.norm(np.bincount(same, error)))


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


def _expected(arms: pd.DataFrame, tallies: pd.DataFrame) -> np.ndarray:
    """Weight that chance gives each arm: its group's times its arm's, over that of the product."""
    weight = tallies.groupby(GROUP)["w"].sum()
    of_arm = ["product_id", "channel", "control"]
    expected = weight.reindex(pd.MultiIndex.from_frame(arms[GROUP])).fillna(0.0).to_numpy()
    share = tallies.groupby(of_arm)["w"].sum()
    share = share / tallies.groupby("product_id")["w"].sum().reindex(share.index, level=0)
    return expected * share.reindex(pd.MultiIndex.from_frame(arms[of_arm])).fillna(0.0).to_numpy()
