"""Segments and rules become a plan: the most profitable one within every limit.

`case` brings the study's tables together; `catalogue` says what can be offered, `cells` to how
many customers of which cell, `evidence` and `effects` with what effect. `programme` and `plan`
choose, `policies` compares, `contacts` draws the customers, `power` sizes the control group.
"""

from __future__ import annotations

from pmlib.strategy.case import Case, eligibility_table, open_case
from pmlib.strategy.contacts import contact_plan, export_csv
from pmlib.strategy.design import Design, flow, meaning, offer_matrix, plan_study, shrinkage_table
from pmlib.strategy.policies import Comparison, compare
from pmlib.strategy.power import Power, control_group

__all__ = [
    "Case",
    "Comparison",
    "Design",
    "Power",
    "compare",
    "contact_plan",
    "control_group",
    "eligibility_table",
    "export_csv",
    "flow",
    "meaning",
    "offer_matrix",
    "open_case",
    "plan_study",
    "shrinkage_table",
]
