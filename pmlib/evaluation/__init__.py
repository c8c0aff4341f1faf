"""Campaign evaluation: what a campaign caused, or, without control, how well it was aimed."""

from pmlib.evaluation.campaign import Campaign, open_campaign
from pmlib.evaluation.checks import CampaignChecks, check_campaign
from pmlib.evaluation.effects import Effects, GroupEffects, effects_by, intention_to_treat
from pmlib.evaluation.results import read_results
from pmlib.evaluation.targeting import Targeting, gains_table, judge_over_time, profit_curve
from pmlib.evaluation.truth import beside_truth, potential_outcomes, true_effects

__all__ = [
    "Campaign",
    "CampaignChecks",
    "Effects",
    "GroupEffects",
    "Targeting",
    "beside_truth",
    "check_campaign",
    "effects_by",
    "gains_table",
    "intention_to_treat",
    "judge_over_time",
    "open_campaign",
    "potential_outcomes",
    "profit_curve",
    "read_results",
    "true_effects",
]
