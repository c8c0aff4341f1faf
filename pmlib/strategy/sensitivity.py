"""How often each decision survives when effects, margins or costs are not what they seem."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pmlib.artifacts import Number, format_number
from pmlib.params import Parameters
from pmlib.strategy.case import Case
from pmlib.strategy.catalogue import Catalogue
from pmlib.strategy.design import Design
from pmlib.strategy.effects import Effects
from pmlib.strategy.plan import solve
from pmlib.strategy.policies import values, with_control

SPREAD = 0.2
"""Margins and costs are multiplied by log-normal factors of this standard deviation."""

_STREAM = 4004


@dataclass(frozen=True)
class Survival:
    """Decisions of the plan under redrawn inputs.

    Parameters
    ----------
    decisions : pandas.DataFrame
        ``segment, name, product`` (name), ``planned`` (customers), ``survives``: share of
        redrawn pilots in which customers of the segment are offered the product.
    scenarios : pandas.DataFrame
        ``scenario, draws, unchanged`` (mean share of planned customers with the same offer),
        ``least, most`` (of a single draw).
    numbers : tuple of Number
    text : str
    """

    decisions: pd.DataFrame
    scenarios: pd.DataFrame
    numbers: tuple[Number, ...]
    text: str


def survival(
    case: Case, design: Design, params: Parameters, *, draws: int = 20, draws_of_money: int = 10
) -> Survival:
    """Plan again, within the same limits, with redrawn pilots, margins and costs.

    A redrawn pilot has raw effects drawn around the shrunk ones with their sampling covariance;
    they are shrunk again (variance components kept) and planned on.

    Parameters
    ----------
    case : Case
    design : Design
    params : pmlib.params.Parameters
        ``control_share, seed``.
    draws, draws_of_money : int
        Redrawn pilots; redrawn margins, and as many redrawn costs.
    """
    effects = design.policy.effects
    assert effects is not None
    assert design.policy.plan is not None
    rng = np.random.default_rng([params.seed, _STREAM])
    share = params.control_share
    base = design.policy.plan.contacts.sum(axis=3)
    again = {
        "the pilot": [
            _offered(case, _redrawn(effects, rng), case.catalogue, share) for _ in range(draws)
        ],
        "margins": [
            _offered(case, effects, _other_money(case.catalogue, rng, "margin"), share)
            for _ in range(draws_of_money)
        ],
        "costs of contact": [
            _offered(case, effects, _other_money(case.catalogue, rng, "cost"), share)
            for _ in range(draws_of_money)
        ],
    }
    rows = []
    for scenario, plans in again.items():
        kept = [np.minimum(base, plan).sum() / max(base.sum(), 1) for plan in plans]
        rows.append((scenario, len(plans), float(np.mean(kept)), min(kept), max(kept)))
    columns = ["scenario", "draws", "unchanged", "least", "most"]
    scenarios = pd.DataFrame(rows, columns=columns)
    # Offers by segment and product, over holding an antecedent.
    offered = np.mean([plan.sum(axis=1) > 0 for plan in again["the pilot"]], axis=0)
    decisions = pd.MultiIndex.from_product(
        [case.groups.segments, case.catalogue.product_ids], names=["segment", "product_id"]
    ).to_frame(index=False)
    decisions["planned"] = base.sum(axis=1).ravel()
    decisions["survives"] = offered.ravel()
    decisions.insert(1, "product", decisions.pop("product_id").map(case.names))
    decisions = case.segments[["segment", "name"]].merge(decisions, on="segment")
    made = decisions[decisions["planned"] > 0]
    lasting = float((made["survives"] >= 0.9).mean()) if len(made) else float("nan")
    kept_share = scenarios["unchanged"].iloc[0]
    numbers = (
        Number(
            "decisions_unchanged",
            kept_share,
            "share",
            meaning="Share of planned customers who keep their offer if the pilot is drawn again, "
            "mean over draws",
        ),
        Number(
            "decisions_lasting",
            lasting,
            "share",
            meaning="Share of offers to segments made in at least 90 % of redrawn pilots",
        ),
    )
    if made.empty:
        return Survival(decisions, scenarios, numbers, "The plan is empty: nothing to redraw.")
    least, most = (format_number(scenarios[c].iloc[0], "share") for c in ("least", "most"))
    word = "firm" if kept_share >= 0.8 else "fairly firm" if kept_share >= 0.6 else "**not firm**"
    text = (
        f"The plan is {word}: if the pilot were drawn again, {{decisions_unchanged}} of the "
        f"planned customers would keep their offer ({least} to {most} in {draws} redrawn "
        "pilots); {decisions_lasting} of the offers to segments come back in at least nine of "
        "ten draws."
    )
    return Survival(decisions, scenarios, numbers, text)


def _offered(case: Case, effects: Effects, catalogue: Catalogue, share: float) -> np.ndarray:
    """(L, 2, P) planned customers, over channels."""
    cost, limits = with_control(catalogue, case.limits, share)
    value = values(effects, catalogue) * (1 - share)
    return solve(case.groups, value, cost, limits).contacts.sum(axis=3)


def _redrawn(effects: Effects, rng: np.random.Generator) -> Effects:
    seen = effects.own >= 0
    mean = np.zeros(len(effects.observed))
    mean[effects.own[seen]] = effects.cells["effect"].to_numpy()[seen]
    noise = rng.multivariate_normal(np.zeros(len(mean)), effects.sampling, method="cholesky")
    drawn = effects.gain @ (mean + noise)
    return replace(effects, cells=effects.cells.assign(effect=drawn if effects.detected else 0.0))


def _other_money(catalogue: Catalogue, rng: np.random.Generator, column: str) -> Catalogue:
    table = catalogue.products if column == "margin" else catalogue.channels
    factor = np.exp(SPREAD * rng.standard_normal(len(table)) - SPREAD**2 / 2)
    other = table.assign(**{column: table[column] * factor})
    if column == "margin":
        return replace(catalogue, products=other)
    return replace(catalogue, channels=other)
