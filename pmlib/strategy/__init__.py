"""Segments and rules become a plan: the most profitable one within every limit.

`case` brings the study's tables together; `catalogue` says what can be offered, `cells` to how
many customers of which cell, `evidence` and `effects` with what effect. `programme` and `plan`
choose, `positions` places the segments, `policies` compares, `sensitivity` tells what the plan
depends on, `contacts` draws the customers and sizes the control group; `trial` and its `lots` let
the field decide between policies.
"""

from __future__ import annotations

from pmlib.strategy.blackbox import with_black_box
from pmlib.strategy.briefs import marketing_briefs
from pmlib.strategy.case import Case, eligibility_table, open_case
from pmlib.strategy.contacts import control_group, export_csv, pilot_control
from pmlib.strategy.design import Design, meaning, plan_study, promised
from pmlib.strategy.fairness import check_plan
from pmlib.strategy.lending import responsible_lending
from pmlib.strategy.policies import Comparison, compare
from pmlib.strategy.positions import position_segments
from pmlib.strategy.sensitivity import budget_curve, limit_costs, plan_size, survival
from pmlib.strategy.trial import Trial, contact_plan, design_trial, own_offers, strata_of

__all__ = [
    "Case",
    "Comparison",
    "Design",
    "Trial",
    "budget_curve",
    "check_plan",
    "compare",
    "contact_plan",
    "control_group",
    "design_trial",
    "eligibility_table",
    "export_csv",
    "limit_costs",
    "marketing_briefs",
    "meaning",
    "open_case",
    "own_offers",
    "pilot_control",
    "plan_size",
    "plan_study",
    "position_segments",
    "promised",
    "responsible_lending",
    "strata_of",
    "survival",
    "with_black_box",
]
