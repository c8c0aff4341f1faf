"""All rules in one call: found on one half, tested on the other, read by segment."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pmlib.association.itemsets import Itemsets, frequent_itemsets
from pmlib.association.rules import (
    Candidates,
    as_sets,
    candidate_rules,
    check_structural_pairs,
    rules_on_holdout,
)
from pmlib.association.segments import BySegment, rules_by_segment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pmlib.association.baskets import Baskets
    from pmlib.params import Parameters

# Products of a structural pair are one where this share of each one's holders holds the other.
_ONE = 0.9


@dataclass(frozen=True)
class RuleSet:
    """The rules of a bank, by product id.

    Parameters
    ----------
    itemsets, candidates : Itemsets, Candidates
        Of the discovery half, over all customers, before testing.
    rules : pandas.DataFrame
        All tested rules, strongest evidence first: the columns of
        `pmlib.association.rules.rules_on_holdout`, and scope (0: all customers, else the one
        segment it was found and tested in); of those that survive also the columns of
        ``by_segment.common``, within (one of `pmlib.association.segments.WITHIN`) among them.
    by_segment : BySegment
        Of the surviving rules, on the hold-out half.
    """

    itemsets: Itemsets
    candidates: Candidates
    rules: pd.DataFrame
    by_segment: BySegment

    @cached_property
    def surviving(self) -> pd.DataFrame:
        """The rules that hold on other customers."""
        return self.rules[self.rules["survives"]].reset_index(drop=True)

    @cached_property
    def same(self) -> dict[str, str]:
        """Product to the one of the same holders, where structure makes two products one."""
        sure = self.candidates.structural
        sure = sure[sure["confidence"] >= _ONE]
        ends = {(X[0], y) for X, y in zip(sure["antecedent"], sure["consequent"], strict=True)}
        return {b: a for a, b in sorted(ends, reverse=True) if a < b and (b, a) in ends}

    def leading(self, n: int) -> pd.DataFrame:
        """Return at most `n` surviving rules, one for each set of products, strongest first.

        A pair of products gives two rules and one test; the one with the higher confidence is
        kept. Products that structure makes one, like a loan and the order that pays it, count
        as one where nearly the same customers hold them.
        """
        order = ["p_value", "confidence"]
        rules = self.surviving.sort_values(order, ascending=[True, False], kind="stable")
        products = [frozenset(self.same.get(p, p) for p in X | y) for X, y in as_sets(rules)]
        repeated = pd.Series(products, dtype=object).duplicated().to_numpy(dtype=bool)
        return rules[~repeated].head(n).reset_index(drop=True)

    @property
    def strongest(self) -> pd.Series:
        """Of the surviving rules the one with the largest lift where it was found.

        Choosing by the lift on the hold-out half would choose its luck as well.
        """
        return self.surviving.loc[self.surviving["lift_found"].idxmax()]


def find_rules(
    baskets: Baskets, params: Parameters, *, structural_pairs: Sequence[tuple[str, str]] = ()
) -> RuleSet:
    """Find rules on one half of the customers, test them on the other, read them by segment.

    Parameters
    ----------
    baskets : Baskets
        Both halves, all segments.
    params : pmlib.params.Parameters
        min_support is a share of customers (of a segment's customers, for rules of one segment).
    structural_pairs : sequence of (product_id, product_id)
        The first implies the second by construction: no finding.

    Raises
    ------
    StudyError
        There would be too many itemsets, or a structural pair names an unknown product.

    Notes
    -----
    Rules are found over all customers, and then in each segment those that are not found over
    all. All of them form one family for the correction.
    """
    check_structural_pairs(structural_pairs, baskets.products)
    discovery, holdout = baskets.part(holdout=False), baskets.part(holdout=True)

    def mined(part: Baskets) -> tuple[Itemsets, Candidates]:
        itemsets = frequent_itemsets(
            part, min_support=params.min_support, max_length=params.max_rule_length,
            max_itemsets=params.max_itemsets,
        )  # fmt: skip
        return itemsets, candidate_rules(
            itemsets, min_confidence=params.min_confidence, error_rate=params.error_rate,
            structural_pairs=structural_pairs,
        )  # fmt: skip

    itemsets, candidates = mined(discovery)
    scopes = [(0, candidates.frame, holdout)]
    known = set(zip(candidates.frame["antecedent"], candidates.frame["consequent"], strict=True))
    for segment in baskets.segments if len(baskets.segments) > 1 else ():
        found = mined(discovery.part(segment=segment))[1].frame
        keys = zip(found["antecedent"], found["consequent"], strict=True)
        fresh = np.array([key not in known for key in keys], dtype=bool)
        scopes.append((segment, found[fresh].reset_index(drop=True), holdout.part(segment=segment)))
    rules = rules_on_holdout(scopes, params)
    surviving = rules[rules["survives"]].drop_duplicates(["antecedent", "consequent"])
    by_segment = rules_by_segment(surviving, holdout, params)
    rules = rules.merge(by_segment.common, on=["antecedent", "consequent"], how="left")
    rules["within"] = rules["within"].astype(object).fillna("not_tested")
    return RuleSet(itemsets=itemsets, candidates=candidates, rules=rules, by_segment=by_segment)
