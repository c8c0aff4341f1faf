"""The whole analysis in one call: found on one half, tested on the other, read by segment."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from pmlib.association.itemsets import Itemsets, frequent_itemsets
from pmlib.association.rules import (
    Candidates,
    candidate_rules,
    check_structural_pairs,
    rules_on_holdout,
)
from pmlib.association.segments import ADDS, WITHIN, BySegment, rules_by_segment
from pmlib.association.wording import rule_label
from pmlib.numbers import Number, format_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pmlib.association.baskets import Baskets

# A rule whose lift is not surely above this is hardly a reason to choose whom to address.
_WEAK_LIFT = 1.5
# Products of a structural pair are one where this share of each one's holders holds the other.
_ONE = 0.9


@dataclass(frozen=True)
class Findings:
    """What association analysis found.

    Parameters
    ----------
    itemsets : Itemsets
        Frequent on the discovery half.
    candidates : Candidates
        Rules over all customers, before testing.
    rules : pandas.DataFrame
        All tested rules, strongest evidence first: the columns of
        `pmlib.association.rules.rules_on_holdout`, and scope (0: all customers, else the one
        segment it was found and tested in); of those that survive also the columns of
        ``by_segment.common``, within (a key of `pmlib.association.segments.WITHIN`) among them.
    by_segment : BySegment
        Of the surviving rules, on the hold-out half.
    correction : str
    error_rate : float
    min_support : float
    """

    itemsets: Itemsets
    candidates: Candidates
    rules: pd.DataFrame
    by_segment: BySegment
    correction: str
    error_rate: float
    min_support: float

    @cached_property
    def surviving(self) -> pd.DataFrame:
        """The rules that hold on other customers."""
        return self.rules[self.rules["survives"]].reset_index(drop=True)

    @cached_property
    def _same(self) -> dict[str, str]:
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
        rules = self.surviving.sort_values(
            ["p_value", "confidence"], ascending=[True, False], kind="stable"
        )
        products = [
            frozenset(self._same.get(product, product) for product in (*X, y))
            for X, y in zip(rules["antecedent"], rules["consequent"], strict=True)
        ]
        repeated = pd.Series(products, dtype=object).duplicated().to_numpy(dtype=bool)
        return rules[~repeated].head(n).reset_index(drop=True)

    def links(self, n: int) -> pd.DataFrame:
        """Return the surviving pairs of products over all customers, at most `n`, by lift.

        Returns
        -------
        pandas.DataFrame
            product, other (the first implies the second more surely), lift, lift_low, lift_high,
            within.
        """
        rules = self.leading(len(self.surviving))
        rules = rules[(rules["scope"] == 0) & (rules["antecedent"].map(len) == 1)]
        rules = rules.sort_values("lift", ascending=False, kind="stable").head(n)
        links = rules[["lift", "lift_low", "lift_high", "within"]].reset_index(drop=True)
        links.insert(0, "product", [X[0] for X in rules["antecedent"]])
        links.insert(1, "other", rules["consequent"].to_numpy())
        return links

    def segment_grid(self, n: int) -> pd.DataFrame:
        """Return the odds ratios of at most `n` leading rules in each segment.

        Returns
        -------
        pandas.DataFrame
            antecedent, consequent, within, segment, odds_ratio, shrunk, shrunk_low, shrunk_high,
            holds; the rows of one rule stand together.
        """
        leading = self.leading(n)[["antecedent", "consequent", "within"]]
        grid = leading.merge(self.by_segment.cells, on=["antecedent", "consequent"], how="left")
        shown = ["odds_ratio", "shrunk", "shrunk_low", "shrunk_high", "holds"]
        return grid[["antecedent", "consequent", "within", "segment", *shown]]

    @property
    def _strongest(self) -> pd.Series:
        """Of the surviving rules the one with the largest lift where it was found.

        Choosing by the lift on the hold-out half would choose its luck as well.
        """
        return self.surviving.loc[self.surviving["lift_found"].idxmax()]

    @property
    def _weak(self) -> bool:
        return bool(self.surviving["lift_low"].max() < _WEAK_LIFT)

    @property
    def _one_segment(self) -> bool:
        return self.by_segment.cells["segment"].nunique() < 2

    @property
    def numbers(self) -> tuple[Number, ...]:
        """Headline numbers."""
        kinds = self.surviving["within"]
        counts = {
            "n_itemsets": (len(self.itemsets.frame), "frequent itemsets on the discovery half"),
            "n_rules_tested": (len(self.rules), "rules tested on the hold-out half"),
            "n_rules_surviving": (len(kinds), "rules that hold on the hold-out half"),
            "n_rule_sets": (
                len(self.leading(len(kinds))),
                "different sets of products in these rules",
            ),
            "n_rules_structural": (
                len(self.candidates.structural),
                "pairs left out because one product implies the other by construction",
            ),
            **{
                f"n_rules_{kind}": (int((kinds == kind).sum()), f"surviving rules: {meaning}")
                for kind, meaning in WITHIN.items()
            },
        }
        lift = self._strongest[["lift", "lift_low", "lift_high"]] if len(kinds) else [None] * 3
        value, low, high = lift
        # Rounded down: "at least" must stay true.
        least = np.floor(1e4 * self.surviving["hyper_confidence"].min()) / 1e4
        return (
            *(Number(key, count, "count", meaning=text) for key, (count, text) in counts.items()),
            Number("strongest_lift", value, "ratio", low=low, high=high,
                   meaning="lift on the hold-out half of the surviving rule with the largest lift "
                   "on the discovery half"),
            Number("least_hyper_confidence", least if len(kinds) else None, decimals=4,
                   meaning="smallest hyper-confidence of a surviving rule"),
            Number("largest_product_support", self.itemsets.largest_support, "share",
                   meaning="share of customers who hold the commonest product"),
        )  # fmt: skip

    def text(self, names: Mapping[str, str]) -> str:
        """Say what was found (Markdown); `names` gives the products' names."""
        if not len(self.rules):
            return self._nothing()
        alone = int((self.rules["scope"] > 0).sum())
        method = {"holm": "Holm", "bh": "Benjamini–Hochberg"}[self.correction]
        text = (
            f"{len(self.rules):,} rules were tested on customers they were not found on"
            f"{f' ({alone:,} of them in one segment only)' if alone else ''}; "
            f"**{len(self.surviving):,}** survive correction for that many tests ({method}, "
            f"{format_number(self.error_rate, 'share', decimals=0)})."
        )
        if not len(self.surviving):
            return text + " What the discovery half showed does not hold on other customers."
        text += " They are **{n_rule_sets}** different sets of products"
        one = " and ".join(f"{names[a]} with {names[b]}" for b, a in self._same.items())
        text += f" (counted as one: {one})." if one else "."
        rule = self._strongest
        lift, low, high = (
            f"{rule[end]:.{1 if rule['lift'] >= 10 else 2}f}"
            for end in ("lift", "lift_low", "lift_high")
        )
        weak = f" **The associations are weak:** no lift is surely above {_WEAK_LIFT:g}."
        return (
            f"{text}{weak if self._weak else ''} The rule with the largest lift where it was "
            f"found, {rule_label(rule['antecedent'], rule['consequent'], names)}, has a lift of "
            f"{lift} ({low} to {high}) on the other customers."
            f"{' Holding one product says little about holding another.' if self._weak else ''}"
        )

    @property
    def within_text(self) -> str:
        """What the rules add to the segments, in words (Markdown)."""
        if self._one_segment:
            return "The customers form one segment, so there is nothing to compare rules with."
        kinds = self.leading(len(self.surviving))["within"]
        adds, restates = int(kinds.isin(ADDS).sum()), int((kinds == "restates_segments").sum())
        open_ = len(kinds) - adds - restates
        parts = [f"**{adds or 'none'}** say more than the segments do"]
        parts += [f"{restates} mainly restate them"] if restates else []
        parts += [f"{open_} cannot be decided from these customers"] if open_ else []
        return f"Of {len(kinds)} sets of products with a surviving rule, {', '.join(parts)}."

    def kinds(self, names: Mapping[str, str]) -> pd.DataFrame:
        """Count the leading rules of each kind, with the one of strongest evidence.

        Returns
        -------
        pandas.DataFrame
            A row a kind: rules (`WITHIN`), sets (of products), example (that rule), odds_ratio
            (over all customers), common_odds_ratio, common_low, common_high (within segments).
        """
        leading = self.leading(len(self.surviving))
        first = leading.drop_duplicates("within")
        first = first.sort_values("within", key=lambda kinds: kinds.map(list(WITHIN).index))
        counted = {
            "rules": first["within"].map(WITHIN),
            "sets": first["within"].map(leading["within"].value_counts()),
            "example": [rule_label(rule.antecedent, rule.consequent, names)
                        for rule in first.itertuples()],
        }  # fmt: skip
        shown = first[["odds_ratio", "common_odds_ratio", "common_low", "common_high"]]
        return pd.concat([pd.DataFrame(counted, index=first.index), shown], axis=1)

    @property
    def meaning(self) -> str:
        """What the findings mean for the bank, in words (Markdown)."""
        kinds = self.leading(len(self.surviving))["within"]
        if not len(kinds):
            return (
                "Holdings give no ground to prefer one product for holders of another. The plan "
                "of @sec-strategy-design rests on segments and on observed response alone."
            )
        adds = int(kinds.isin(ADDS).sum())
        weak = "" if not self._weak else (
            " The associations are weak, though: what a customer holds changes the chance of "
            "holding another product by little, and offers chosen by it can differ but little."
        )  # fmt: skip
        if self._one_segment:
            return (
                f"There are no segments that the {len(kinds)} sets of products with a surviving "
                f"rule could restate or add to.{weak} Whether an offer chosen by rule sells more "
                "is for the effects of offers to tell (@sec-policies)."
            )
        if not adds:
            return (
                "No rule is shown to say more than the segments do. Offering by segment uses most "
                "of them already; offering by rule on top would promise much of that effect twice."
            )
        return (
            f"{adds} of {len(kinds)} sets of products with a surviving rule say more than the "
            "segments do. For these it can pay to choose the product by what a customer holds, "
            f"within the segment.{weak} Whether it does is for the effects of offers to tell "
            "(@sec-policies)."
        )

    def _nothing(self) -> str:
        largest = format_number(self.itemsets.largest_support, "share")
        least = format_number(self.min_support, "share")
        sets = self.itemsets.frame
        if not len(sets):
            return (
                f"**No rule was found:** no product is held by {least} of customers, the smallest "
                f"support asked for. The largest support seen is {largest}."
            )
        pairs = sets.loc[sets["length"] == 2, "support"]
        if not len(pairs):
            return (
                f"**No rule was found:** no two products are held together by {least} of "
                f"customers. The largest support of one product is {largest}."
            )
        joint = format_number(pairs.max(), "share")
        return (
            f"**No rule was found:** two products are held together by up to {joint} of customers, "
            "but no rule is strong enough and more than chance, structure and shorter rules give."
        )


def find_rules(
    baskets: Baskets,
    *,
    min_support: float,
    min_confidence: float,
    max_rule_length: int,
    error_rate: float = 0.05,
    correction: Literal["holm", "bh"] = "holm",
    confidence_level: float = 0.95,
    structural_pairs: Sequence[tuple[str, str]] = (),
    max_itemsets: int = 100_000,
    negligible_odds_ratio: float = 1.1,
) -> Findings:
    """Find rules on one half of the customers, test them on the other, read them by segment.

    Parameters
    ----------
    baskets : Baskets
        Both halves, all segments.
    min_support : float
        Share of customers (of a segment's customers, for rules of one segment).
    min_confidence : float
        Share.
    max_rule_length : int
        Most products in a rule, its consequent included; at least 2.
    error_rate : float
        What the correction holds: family-wise error rate (Holm) or false discovery rate (BH).
    correction : {"holm", "bh"}
    confidence_level : float
        Of the intervals.
    structural_pairs : sequence of (product_id, product_id)
        The first implies the second by construction: no finding.
    max_itemsets : int
        More itemsets than this are an error, raised early.
    negligible_odds_ratio : float
        See `pmlib.association.segments.rules_by_segment`.

    Returns
    -------
    Findings

    Raises
    ------
    StudyError
        `min_support` is out of range, there would be too many itemsets, or a structural pair
        names an unknown product.

    Notes
    -----
    Rules are found over all customers, and then in each segment those that are not found over
    all. All of them form one family for the correction.
    """
    check_structural_pairs(structural_pairs, baskets.products)
    discovery, holdout = baskets.part(holdout=False), baskets.part(holdout=True)

    def mined(part: Baskets) -> tuple[Itemsets, Candidates]:
        itemsets = frequent_itemsets(
            part, min_support=min_support, max_length=max_rule_length, max_itemsets=max_itemsets
        )
        return itemsets, candidate_rules(
            itemsets,
            min_confidence=min_confidence,
            error_rate=error_rate,
            structural_pairs=structural_pairs,
        )

    itemsets, candidates = mined(discovery)
    scopes = [(0, candidates.frame, holdout)]
    known = set(zip(candidates.frame["antecedent"], candidates.frame["consequent"], strict=True))
    for segment in baskets.segments if len(baskets.segments) > 1 else ():
        found = mined(discovery.part(segment=segment))[1].frame
        keys = zip(found["antecedent"], found["consequent"], strict=True)
        fresh = np.array([key not in known for key in keys], dtype=bool)
        scopes.append((segment, found[fresh].reset_index(drop=True), holdout.part(segment=segment)))
    rules = rules_on_holdout(
        scopes, error_rate=error_rate, correction=correction, confidence_level=confidence_level
    )
    surviving = rules[rules["survives"]].drop_duplicates(["antecedent", "consequent"])
    by_segment = rules_by_segment(
        surviving,
        holdout,
        error_rate=error_rate,
        confidence_level=confidence_level,
        negligible_odds_ratio=negligible_odds_ratio,
    )
    rules = rules.merge(by_segment.common, on=["antecedent", "consequent"], how="left")
    rules["within"] = rules["within"].astype(object).fillna("not_tested")
    return Findings(
        itemsets=itemsets,
        candidates=candidates,
        rules=rules,
        by_segment=by_segment,
        correction=correction,
        error_rate=error_rate,
        min_support=min_support,
    )
