"""Campaign evaluation: what a campaign caused, or, without control, how well it was aimed.

`campaign` finds the contacts (from the simulator, the study, or a file of `results`); `checks`
come before `effects`, with their `money`, `groups` and the plan's `promise`; `trial` compares the
plan with its rivals; `before`, `uplift`, `policies` and `looks` go deeper; `targeting` and
`prospects` serve studies without control.

What functions share: `contacts` has one row an assignment, with the columns of `Campaign.contacts`
(``arm, responded``, ``value`` and ``cost`` in currency, …); `expected` is what `expect` learnt of
the judged customers, of whom rankings have a score each, highest first; `features` are columns
known before the contact; ``low`` and ``high`` are ends of intervals at `confidence_level`, and
`error_rate` is that of tests. Effects are per customer, in the outcome's unit: response is a
share, money is in currency.
"""

from pmlib.evaluation.before import before_after, cuped
from pmlib.evaluation.campaign import open_campaign, readable
from pmlib.evaluation.checks import check_campaign
from pmlib.evaluation.effects import intention_to_treat
from pmlib.evaluation.groups import effects_by
from pmlib.evaluation.learners import candidate_rankings, expect
from pmlib.evaluation.looks import interim_looks, power_curve
from pmlib.evaluation.policies import candidate_policies, policy_values
from pmlib.evaluation.promise import promise_kept
from pmlib.evaluation.prospects import rank_prospects
from pmlib.evaluation.results import read_results
from pmlib.evaluation.targeting import gains_table, judge_over_time, profit_curve
from pmlib.evaluation.trial import judge_trial
from pmlib.evaluation.uplift import judge_rankings, rank_weighted_effect

__all__ = [
    "before_after", "candidate_policies", "candidate_rankings", "check_campaign", "cuped",
    "effects_by", "expect", "gains_table", "intention_to_treat", "interim_looks",
    "judge_over_time", "judge_rankings", "judge_trial", "open_campaign", "policy_values",
    "power_curve", "profit_curve", "promise_kept", "rank_prospects", "rank_weighted_effect",
    "read_results", "readable",
]  # fmt: skip
