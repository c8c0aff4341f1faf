"""Association analysis: exact itemsets, rules tested on other customers, order of acquisition."""

from __future__ import annotations

from pmlib.association.baskets import Baskets, collect_baskets
from pmlib.association.findings import Findings, find_rules
from pmlib.association.itemsets import Itemsets, closed_and_maximal, frequent_itemsets
from pmlib.association.measures import measures
from pmlib.association.rules import product_pairs
from pmlib.association.segments import WITHIN, rules_by_segment
from pmlib.association.wording import named, rule_label, rule_sentences, rule_table

__all__ = [
    "WITHIN",
    "Baskets",
    "Findings",
    "Itemsets",
    "closed_and_maximal",
    "collect_baskets",
    "find_rules",
    "frequent_itemsets",
    "measures",
    "named",
    "product_pairs",
    "rule_label",
    "rule_sentences",
    "rule_table",
    "rules_by_segment",
]
