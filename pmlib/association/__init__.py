"""Association analysis: exact itemsets, rules tested on other customers, order of acquisition."""

from __future__ import annotations

from pmlib.association.baskets import Baskets, collect_baskets
from pmlib.association.crosscheck import compare_with_mlxtend
from pmlib.association.findings import find_rules
from pmlib.association.itemsets import closed_and_maximal, condensed_numbers, frequent_itemsets
from pmlib.association.measures import measures
from pmlib.association.order import acquisition_order
from pmlib.association.prediction import predict_next_product, segments_at
from pmlib.association.rules import product_pairs
from pmlib.association.segments import WITHIN, rules_by_segment
from pmlib.association.wording import (
    measure_table,
    named,
    rule_label,
    rule_sentences,
    rule_table,
)

__all__ = [
    "WITHIN",
    "Baskets",
    "acquisition_order",
    "closed_and_maximal",
    "collect_baskets",
    "compare_with_mlxtend",
    "condensed_numbers",
    "find_rules",
    "frequent_itemsets",
    "measure_table",
    "measures",
    "named",
    "predict_next_product",
    "product_pairs",
    "rule_label",
    "rule_sentences",
    "rule_table",
    "rules_by_segment",
    "segments_at",
]
