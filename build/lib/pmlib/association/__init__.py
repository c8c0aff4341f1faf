"""Association analysis: exact itemsets, rules tested on other customers, order of acquisition."""

from __future__ import annotations

from pmlib.association.baskets import Baskets, collect_baskets
from pmlib.association.crosscheck import compare_with_mlxtend
from pmlib.association.findings import (
    FoundRules,
    HeldProducts,
    checked_itemsets,
    found_rules,
    held_baskets,
    product_pairs,
)
from pmlib.association.itemsets import closed_and_maximal, frequent_itemsets
from pmlib.association.measures import measures
from pmlib.association.order import acquisition_order, surely_ordered
from pmlib.association.prediction import next_product
from pmlib.association.purchases import segments_at
from pmlib.association.ruleset import RuleSet, find_rules
from pmlib.association.segments import rules_by_segment

__all__ = [
    "Baskets",
    "FoundRules",
    "HeldProducts",
    "RuleSet",
    "acquisition_order",
    "checked_itemsets",
    "closed_and_maximal",
    "collect_baskets",
    "compare_with_mlxtend",
    "find_rules",
    "found_rules",
    "frequent_itemsets",
    "held_baskets",
    "measures",
    "next_product",
    "product_pairs",
    "rules_by_segment",
    "segments_at",
    "surely_ordered",
]
