"""The simulated bank, whose truth is known.

`world` holds what the bank is made of: segments, catalogue, planted rules, response to offers.
`generate` draws customers from it and writes the canonical tables. `truth` gives back what is
true: segments, basket distribution, potential outcomes, and a field that answers any plan.
"""

from __future__ import annotations

from pmlib.casebank.generate import generate
from pmlib.casebank.truth import Truth, field_test, truth

PARAMETERS = (
    "seed",
    "n_customers",
    "n_months",
    "world",
    "segment_strength",
    "rule_strength",
    "effect_strength",
    "dirty_share",
)
"""The parameters that a simulated bank depends on."""

__all__ = ["PARAMETERS", "Truth", "field_test", "generate", "truth"]
