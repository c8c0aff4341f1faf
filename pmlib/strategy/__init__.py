"""Segments and rules become a plan: the most profitable one within every limit.

`case` brings the study's tables together; `catalogue` says what can be offered, `cells` to how
many customers of which cell, `evidence` and `effects` with what effect. `programme` and `plan`
choose, `policies` compares, `sensitivity` tells what the plan depends on, `contacts` draws the
customers and sizes the control group.
"""

from __future__ import annotations

from pmlib.strategy.blackbox import black_box
from pmlib.strategy.case import Case, eligibility_table, missing_for_plan, open_case
from pmlib.strategy.contacts import contact_plan, control_group, export_csv
from pmlib.strategy.design import (
    Design,
    flow,
    meaning,
    offer_matrix,
    plan_study,
    shrinkage_table,
)
from pmlib.strategy.fairness import PlanCheck, check_plan
from pmlib.strategy.policies import Comparison, compare
from pmlib.strategy.sensitivity import budget_curve, limit_costs, plan_text, survival
from pmlib.strategy.sheets import strategy_sheet

__all__ = [
    "Case",
    "Comparison",
    "Design",
    "PlanCheck",
    "black_box",
    "budget_curve",
    "check_plan",
    "compare",
    "contact_plan",
    "control_group",
    "eligibility_table",
    "export_csv",
    "flow",
    "limit_costs",
    "meaning",
    "missing_for_plan",
    "offer_matrix",
    "open_case",
    "plan_study",
    "plan_text",
    "shrinkage_table",
    "strategy_sheet",
    "survival",
]
