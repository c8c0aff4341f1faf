"""The simulated bank, whose truth is known.

`world` holds what the bank is made of: segments, catalogue, planted rules, response to offers.
`generate` draws customers from it and writes the canonical tables. `field` answers any contact
plan as those customers would. What is true of findings is told by `pmlib.truth`.
"""

from __future__ import annotations

from pmlib.casebank.field import Population, field_test, not_answered, population
from pmlib.casebank.generate import generate

__all__ = ["Population", "field_test", "generate", "not_answered", "population"]
