"""Against the truth: what the policies of a simulated study really earn."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pmlib import casebank
from pmlib.artifacts import Number
from pmlib.engine import collect, uniform
from pmlib.params import Parameters
from pmlib.strategy.case import Case
from pmlib.strategy.cells import HOLDS, NOT_ELIGIBLE, customer_states, decode
from pmlib.strategy.design import Finding
from pmlib.strategy.plan import solve
from pmlib.strategy.policies import POLICIES, design, spread, with_control
from pmlib.studies import Study

MAX_CUSTOMERS = 40_000
"""Customers whose true responses are looked up; a seeded sample where there are more."""

_STREAM = 4006


def against_truth(study: Study, case: Case, params: Parameters) -> Finding:
    """Compare policies with the oracle, which knows the true effect of every cell.

    Parameters
    ----------
    study : pmlib.studies.Study
        A simulated study.
    case : Case
    params : pmlib.params.Parameters
        ``control_share, cool_down, error_rate, seed``.

    Returns
    -------
    Finding
        Table: ``policy, expected, true, oracle`` (currency), ``share`` of the oracle's profit.
    """
    share = params.control_share
    effect = true_effects(study, case, params)
    margin = case.catalogue.products["margin"].to_numpy()[:, None]
    value = (effect * margin - case.catalogue.channels["cost"].to_numpy()) * (1 - share)
    best = solve(case.groups, value, *with_control(case.catalogue, case.limits, share))
    oracle = float((spread(best, case.groups) * value).sum())
    policies = design(
        POLICIES,
        case.evidence,
        case.catalogue,
        case.groups,
        case.limits,
        control_share=share,
        error_rate=params.error_rate,
    )
    rows = [
        (name, policy.promised, float((policy.contacts * value).sum()), oracle)
        for name, policy in policies.items()
    ]
    table = pd.DataFrame(rows, columns=["policy", "expected", "true", "oracle"])
    table["share"] = (table["true"] / oracle) if oracle > 0 else np.nan
    of = table.set_index("policy")
    numbers = (
        Number("true_profit_combined", of.loc["combined", "true"], "currency",
               meaning="True profit of the plan"),
        Number("true_share_combined", of.loc["combined", "share"], "share",
               meaning="True profit of the plan as a share of the oracle's on the same cells"),
        Number("true_share_segments", of.loc["segments", "share"], "share",
               meaning="The same for the policy that looks at segments only"),
        Number("true_share_rules", of.loc["rules", "share"], "share",
               meaning="The same for the policy that looks at rules only"),
    )  # fmt: skip
    if oracle <= 0:
        text = "In truth **no contact pays**; the oracle contacts nobody."
    else:
        text = (
            "In truth the plan earns {true_profit_combined}: {true_share_combined} of what an "
            "oracle earns that knows the true effect in every cell; segments alone reach "
            "{true_share_segments}, rules alone {true_share_rules}."
        )
    return Finding(table, numbers, text)


def true_effects(study: Study, case: Case, params: Parameters) -> np.ndarray:
    """True mean effect of an offer in every cell, (L, 2, P, C); 0 in cells without customers."""
    menu, groups = case.catalogue, case.groups
    states = customer_states(case.sources, menu, cool_down=params.cool_down)
    share = min(1.0, MAX_CUSTOMERS / groups.n_customers)
    table = collect(
        states.filter(uniform("customer_hash", seed=params.seed + _STREAM) < share),
        sort_by=["customer_id"],
    )
    codes = [column for column in table.columns if column.startswith("code")]
    state = decode(table[codes].to_numpy(dtype=np.int64), n_products=len(menu.products))
    level = np.searchsorted(groups.segments, table["segment"])
    known = casebank.truth(study)
    kind, held = known.look_up(table["customer_id"].to_numpy())
    shape = (len(groups.segments), 2, len(menu.products), len(menu.channels))
    sums, counts = np.zeros(shape), np.zeros(shape[:3])
    for p, product in enumerate(menu.product_ids):
        able = state[:, p] != NOT_ELIGIBLE
        at = (level[able], (state[able, p] == HOLDS).astype(int), p)
        np.add.at(counts, at, 1)
        base = known.world.response_probability(product, None, held[able], kind[able])
        for c, channel in enumerate(menu.channel_names):
            offered = known.world.response_probability(product, channel, held[able], kind[able])
            np.add.at(sums, (*at, c), offered - base)
    return sums / np.maximum(counts, 1)[..., None]
