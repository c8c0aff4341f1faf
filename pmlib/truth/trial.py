"""The policy trial against the truth of a simulated bank: what policies would really earn more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from pmlib import casebank
from pmlib.engine import collect
from pmlib.evaluation.campaign import Campaign
from pmlib.evaluation.trial import Drawn, judge, verdict
from pmlib.numbers import Finding, Number, missing
from pmlib.strategy.lots import NOBODY, deal_again, draw_lots
from pmlib.strategy.trial import PLAN, Trial, design_trial
from pmlib.studies import Study
from pmlib.truth.campaign import beside, expected_profit, potential_outcomes
from pmlib.truth.chain import Chain


def true_profits(study: Study, trial: Drawn) -> dict[str, float]:
    """Expected profit of each policy over contacting nobody, at the scale of its plan, currency.

    Of the very customers who are in the contact plan, by what each policy would offer them.
    """
    people = trial.rows[["customer_id", "stratum"]].drop_duplicates()
    people = people.merge(trial.strata, on="stratum")
    cells = trial.cells.set_index("cell")
    profits = {}
    for name in trial.policies:
        own = people[people[f"cell_{name}"] != NOBODY]
        cell = own[f"cell_{name}"]
        asked = pd.DataFrame({
            "customer_id": own["customer_id"], "product_id": cell.map(cells["product_id"]),
            "channel": cell.map(cells["channel"]),
        })  # fmt: skip
        gain = expected_profit(potential_outcomes(study, asked))
        profits[name] = float((gain * own["contacts"] / own["customers"]).sum())
    return profits


def trial_beside_truth(study: Study, campaign: Campaign, found: Finding) -> Finding:
    """What the trial of a campaign says of each rival, as `judge_trial` found, beside the truth.

    Returns
    -------
    Finding
        ``policy, estimate, low, high, truth, covered``; currency.
    """
    if not study.simulated:
        return missing("no_truth")
    trial = campaign.trial
    if trial is None or found.absent:
        return missing("no_trial")
    true = true_profits(study, trial)
    table = found.table[["rival", "estimate", "low", "high"]]
    table = beside(table, [true[PLAN] - true[rival] for rival in table["rival"]])
    numbers = tuple(
        Number(f"true_combined_minus_{row.rival}", row.truth, "currency")
        for row in table.itertuples()
    )
    return Finding(table, numbers)


def trial_measures(bank: Chain, *, campaigns: int) -> dict[str, float]:
    """What a bank's trial shows when it is repeated; empty where its policies draw no lots.

    ``trial_holds_<rival>``, the share of intervals that hold the truth; ``trial_width_<rival>``,
    their mean width over the profit that the plan is expected to earn; ``trial_right``, the share
    of right verdicts on true differences above what lots show with power 0.8.
    """
    trial = design_trial(bank.case, bank.design)
    if not isinstance(trial, Trial) or trial.absent:
        return {}
    found = repeat_trial(bank, trial, campaigns=campaigns)
    found = beside(found, found["truth"])
    found["width"] = (found["high"] - found["low"]) / found["plan"]
    means = found.groupby("rival")[["covered", "width"]].mean()
    measured: dict[str, float] = {}
    for rival, mean in means.iterrows():
        measured[f"trial_holds_{rival}"] = float(mean["covered"])
        measured[f"trial_width_{rival}"] = float(mean["width"])
    large = found[found["truth"].abs() > found["detectable"]]
    if len(large):
        said = [verdict(row.low, row.high) for row in large.itertuples()]
        right = np.where(large["truth"] > 0, "more", "less") == np.array(said)
        measured["trial_right"] = float(right.mean())
    return measured


def repeat_trial(bank: Chain, trial: Trial, *, campaigns: int) -> pd.DataFrame:
    """Draw the lots of one bank's trial anew, let its customers answer, and judge it; many times.

    Returns
    -------
    pandas.DataFrame
        One row a campaign and rival: ``rival, estimate, low, high, truth, detectable``, and
        ``plan``, what the plan is expected to earn; currency.
    """
    case, cells, rows = bank.case, bank.design.table, []
    level = case.params.confidence_level
    planned = float((cells["offers"] * cells["expected_profit"]).sum())
    foreseen = trial.table.set_index("rival")["detectable"]
    true: dict[str, float] = {}
    assert trial.lots is not None
    # Whom a policy would make an offer stays as it is, and is worked out once.
    options = case.engine.from_pandas(collect(trial.lots.options, sort_by=["customer_id"]))
    for campaign in range(1, campaigns + 1):
        seed = int(np.random.default_rng([case.params.seed, campaign]).integers(2**31))
        lots = deal_again(case, replace(trial.lots, options=options), cells, seed=seed)
        plan = collect(draw_lots(case, lots, seed=seed), sort_by=["customer_id", "product_id"])
        field = casebank.field_test(bank.study, plan, seed=seed)
        kept = ["cell", "policy", "lot_propensity", "stratum"]
        drawn = Drawn(field.assign(**plan[kept]), lots.strata, cells)
        true = true or true_profits(bank.study, drawn)  # the same whatever the lots
        for rival in drawn.policies[1:]:
            _, found = judge(drawn, PLAN, rival, confidence_level=level)
            rows.append((rival, found.value, found.low, found.high, true[PLAN] - true[rival],
                         foreseen[rival], planned))  # fmt: skip
    columns = ["rival", "estimate", "low", "high", "truth", "detectable", "plan"]
    return pd.DataFrame(rows, columns=columns)
