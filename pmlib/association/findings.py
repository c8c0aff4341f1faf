"""What the chapter finds of holdings and rules, products and segments by name."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.association.baskets import Baskets, collect_baskets, pack
from pmlib.association.crosscheck import compare_with_mlxtend
from pmlib.association.itemsets import TooManyItemsetsError, closed_and_maximal, too_many
from pmlib.association.measures import measures
from pmlib.association.rules import linked_pairs, named, rule_label
from pmlib.association.ruleset import RuleSet, find_rules
from pmlib.association.segments import ADDS, WITHIN
from pmlib.engine import collect
from pmlib.numbers import Finding, Number, Phrase, needs
from pmlib.params import Parameters
from pmlib.safeguards import suppress
from pmlib.studies import Study

# A rule whose lift is not surely above this is hardly a reason to choose whom to address.
_WEAK_LIFT = 1.5
# Most rules, pairs or rows in what is shown of the leading ones.
_MEASURED, _IN_GRID, _IN_WORDS = 12, 18, 25


@dataclass(frozen=True, kw_only=True)
class HeldProducts(Finding):
    """What customers hold, and what later questions need to name it.

    Parameters
    ----------
    names, families : mapping
        Product id to name, no two alike, and to family.
    segments : mapping
        Segment to name.
    assigned : narwhals.LazyFrame
        customer_id, segment.
    """

    baskets: Baskets
    names: Mapping[str, str]
    families: Mapping[str, str]
    segments: Mapping[int, str]
    assigned: nw.LazyFrame
    study: Study
    as_of: dt.date


@dataclass(frozen=True, kw_only=True)
class FoundRules(Finding):
    """All that is shown of the rules; its main table is that of `rule_set`, by product id."""

    rule_set: RuleSet


@needs("holdings", "products")
def held_baskets(
    tables: Mapping[str, nw.LazyFrame], study: Study, params: Parameters, *,
    segments: pd.DataFrame, assigned: nw.LazyFrame, as_of: dt.date,
) -> HeldProducts:  # fmt: skip
    """Count the distinct baskets of the customers.

    Parameters
    ----------
    tables : mapping
        Canonical tables: ``customers``, ``holdings`` and ``products``.
    segments : pandas.DataFrame
        segment, name.
    assigned : narwhals.LazyFrame
        customer_id, segment of every customer.
    """
    products = collect(tables["products"], sort_by=["product_id"]).set_index("product_id")
    baskets = collect_baskets(
        tables["customers"], tables["holdings"], products=products.index.tolist(), as_of=as_of,
        seed=params.seed, holdout_share=params.holdout_share, segments=assigned,
    )  # fmt: skip
    empty = int(baskets.customers[~baskets.held.any(axis=1)].sum())
    held = int(baskets.customers @ baskets.held.sum(axis=1))
    total = max(baskets.total, 1)
    names = products["name"]
    # A name that two products share is told apart by their ids.
    names = names.where(~names.duplicated(keep=False), names + " (" + names.index + ")")
    return HeldProducts(
        numbers=(
            Number("n_basket_customers", baskets.total, "customers"),
            Number("n_basket_products", len(products), "count"),
            Number("n_distinct_baskets", len(np.unique(pack(baskets.held), axis=0)), "count"),
            Number("empty_basket_share", empty / total, "share", of=total),
            Number("basket_size", held / total, "ratio"),
        ),
        baskets=baskets, names=names.to_dict(), families=products["family"].to_dict(),
        segments=segments.set_index("segment")["name"].to_dict(), assigned=assigned, study=study,
        as_of=as_of,
    )  # fmt: skip


@needs()
def product_pairs(held: HeldProducts, params: Parameters) -> Finding:
    """Measure every pair of products.

    Returns
    -------
    Finding
        A row a pair: product, other (names), n, n_antecedent, n_consequent, n_both (customers),
        expected (customers, if independent), lift, lift_low, lift_high, structural (bool),
        suppressed (bool).
    """
    baskets, linked = held.baskets, linked_pairs(held.study.structural_pairs)
    pairs = list(combinations(baskets.products, 2))
    single = pd.Series(baskets.count([(p,) for p in baskets.products]), baskets.products)
    frame = pd.DataFrame(pairs, columns=["product", "other"])
    frame["n"] = baskets.total
    frame["n_antecedent"] = frame["product"].map(single).astype("int64")
    frame["n_consequent"] = frame["other"].map(single).astype("int64")
    frame["n_both"] = baskets.count(pairs)
    frame["expected"] = frame["n_antecedent"] * frame["n_consequent"] / max(baskets.total, 1)
    columns = ["lift", "lift_low", "lift_high"]
    frame[columns] = measures(frame, confidence_level=params.confidence_level)[columns]
    frame["structural"] = [frozenset(pair) in linked for pair in pairs]
    shown = suppress(frame.assign(fewest=_fewest(frame)), count="fewest",
                     minimum=params.min_group_size).drop(columns="fewest")  # fmt: skip
    return Finding(named(shown, held.names))


def _fewest(rules: pd.DataFrame) -> pd.Series:
    """Customers in the smallest of the four cells that a rule's counts tell of, if not empty."""
    both, left, right = rules["n_both"], rules["n_antecedent"], rules["n_consequent"]
    cells = pd.concat([both, left - both, right - both, rules["n"] - left - right + both], axis=1)
    return cells.where(cells > 0).min(axis=1).fillna(0)


@needs()
def found_rules(held: HeldProducts, params: Parameters) -> FoundRules | Finding:
    """Find rules on one half of the customers, test them on the other, read them by segment.

    Of the tables, *tested* has the rules over all customers and *rules* those of every segment,
    as far as they may be shown. Absent where there are more itemsets than ``max_itemsets``.
    """
    try:
        found = find_rules(held.baskets, params, structural_pairs=held.study.structural_pairs)
    except TooManyItemsetsError:
        return too_many(params)
    rules = _rule_table(held, found, minimum=params.min_group_size)
    shown = ["antecedent", "consequent", "support", "confidence", "lift", "result"]
    several = len(held.baskets.segments) > 1
    return FoundRules(
        found.rules,
        _numbers(found),
        _facts(found) | {"rule_correction": params.correction},
        _quotes(held, found, params),
        {
            "rule-steps": found.candidates.steps,
            "structural": named(found.candidates.structural, held.names),
            "tested": rules.loc[rules["customers"] == "all", shown],
            "rules": rules,
            "measures": _measures(held, found),
            "rule-kinds": _kinds(held, found) if several else pd.DataFrame(),
            "grid": _grid(held, found) if several else pd.DataFrame(),
            "rule-words": _in_words(held, found),
        },
        rule_set=found,
    )


@needs()
def checked_itemsets(held: HeldProducts, rules: FoundRules, params: Parameters) -> Finding:
    """Count closed and maximal itemsets, and mine them once more with mlxtend."""
    itemsets, discovery = rules.rule_set.itemsets, held.baskets.part(holdout=False)
    frame = closed_and_maximal(itemsets, discovery)
    checked = compare_with_mlxtend(itemsets, discovery, params)
    kinds = [
        Number(f"n_itemsets_{kind}", int(frame[kind].sum()), "count")
        for kind in ("closed", "maximal")
    ]
    return Finding(frame, (*kinds, *checked.numbers), checked.facts, checked.quotes)


def _numbers(found: RuleSet) -> tuple[Number, ...]:
    kinds, leading = found.surviving["within"], found.leading(len(found.surviving))["within"]
    counts = {
        "n_itemsets": len(found.itemsets.frame),
        "n_rules_tested": len(found.rules),
        "n_rules_surviving": len(kinds),
        "n_rule_sets": len(leading),
        "n_rule_sets_adding": int(leading.isin(ADDS).sum()),
        "n_rule_sets_restating": int((leading == "restates_segments").sum()),
        "n_rules_structural": len(found.candidates.structural),
    }
    ends = ["lift", "lift_low", "lift_high"]
    lift, low, high = found.strongest[ends] if len(kinds) else [None] * 3
    # Rounded down: "at least" must stay true.
    least = np.floor(1e4 * found.surviving["hyper_confidence"].min()) / 1e4
    return (
        *(Number(key, count, "count") for key, count in counts.items()),
        Number("strongest_lift", lift, "ratio", low, high),
        Number("least_hyper_confidence", least if len(kinds) else None, decimals=4),
        Number("largest_product_support", found.itemsets.largest_support, "share"),
    )


def _facts(found: RuleSet) -> dict[str, str | bool]:
    """Whether there are rules, and what they add to the segments."""
    surviving, sets = found.surviving, found.itemsets.frame
    if surviving.empty:
        why = "none_strong" if (sets["length"] == 2).any() else "no_pair"
        why = "none_survives" if len(found.rules) else why if len(sets) else "no_product"
        return {"rules_found": why, "rules_within": "no_rule"}
    adds = found.leading(len(surviving))["within"].isin(ADDS).any()  # counted by sets, everywhere
    alone = found.by_segment.cells["segment"].nunique() < 2
    return {
        "rules_found": "survive",
        "rules_within": "one_segment" if alone else "add" if adds else "none_adds",
        "associations_weak": bool(surviving["lift_low"].max() < _WEAK_LIFT),
    }


def _quotes(held: HeldProducts, found: RuleSet, params: Parameters) -> dict[str, Any]:
    sets = found.itemsets.frame
    joint = sets.loc[sets["length"] == 2, "support"].max()
    kinds = found.leading(len(found.surviving))["within"]
    counts = {
        "in_one_segment": int((found.rules["scope"] > 0).sum()),
        "undecided": int((~kinds.isin([*ADDS, "restates_segments"])).sum()),
    }
    quotes = {
        "min_support": Number("", params.min_support, "share"),
        "largest_pair_support": Number("", joint, "share"),
        "error_rate": Number("", params.error_rate, "share", decimals=0),
        "weak_lift": Number("", _WEAK_LIFT, decimals=1),
        "same": [{"one": held.names[a], "other": held.names[b]} for b, a in found.same.items()],
        **{name: Number("", count, "count") for name, count in counts.items() if count},
    }
    if not len(kinds):
        return quotes
    lift, low, high = found.strongest[["lift", "lift_low", "lift_high"]]
    its_lift = Number("", lift, "ratio", low, high, decimals=1 if lift >= 10 else 2)
    return quotes | {"strongest": _label(held, found.strongest), "its_lift": its_lift}


def _label(held: HeldProducts, rule: Any) -> str:
    names = [held.names[product] for product in rule.antecedent]
    return rule_label(names, held.names[rule.consequent])


def _rule_table(held: HeldProducts, found: RuleSet, *, minimum: int) -> pd.DataFrame:
    """All tested rules by name, for readers to sort and filter.

    customers is ``all``, or a segment's name; result the kind of a surviving rule.
    """
    rules = found.rules
    shown = rules[["antecedent", "consequent", "n_both", "support", "confidence", "lift",
                   "lift_low", "lift_high", "lift_found", "p_adjusted"]]  # fmt: skip
    table = named(shown, held.names)
    table.insert(2, "customers", [held.segments[s] if s else "all" for s in rules["scope"]])
    verdicts = "survives" if len(held.segments) == 1 else rules["within"]
    table["result"] = np.where(rules["survives"], verdicts, "does_not_survive")
    table = suppress(table.assign(fewest=_fewest(rules)), count="fewest", minimum=minimum)
    return table.drop(columns=["suppressed", "fewest"])


def _measures(held: HeldProducts, found: RuleSet) -> pd.DataFrame:
    """Measures of leading rules, without intervals and hyper-confidence: that is near 1 for all."""
    rules = found.leading(_MEASURED)
    table = rules[["support", "confidence", "lift", "leverage", "conviction", "zhang", "jaccard",
                   "kulczynski", "imbalance_ratio", "hyper_lift"]].copy()  # fmt: skip
    table.insert(0, "rule", [_label(held, rule) for rule in rules.itertuples()])
    return table


def _kinds(held: HeldProducts, found: RuleSet) -> pd.DataFrame:
    """Count the sets of leading rules of each kind of `WITHIN`, with the one of best evidence."""
    leading = found.leading(len(found.surviving))
    first = leading.drop_duplicates("within")
    first = first.sort_values("within", key=lambda kinds: kinds.map(WITHIN.index))
    first = first.assign(
        rules=first["within"],
        sets=first["within"].map(leading["within"].value_counts()),
        example=[_label(held, rule) for rule in first.itertuples()],
    )
    return first[["rules", "sets", "example",
                  "odds_ratio", "common_odds_ratio", "common_low", "common_high"]]  # fmt: skip


def _grid(held: HeldProducts, found: RuleSet) -> pd.DataFrame:
    """Odds ratios of leading rules (rows that stand together) in each segment."""
    leading = found.leading(_IN_GRID)[["antecedent", "consequent", "within"]]
    grid = leading.merge(found.by_segment.cells, on=["antecedent", "consequent"], how="left")
    shown = ["odds_ratio", "shrunk", "shrunk_low", "shrunk_high", "holds"]
    grid = grid[["antecedent", "consequent", "within", "segment", *shown]]
    return named(grid.assign(segment=grid["segment"].map(held.segments)), held.names)


def _in_words(held: HeldProducts, found: RuleSet) -> pd.DataFrame:
    """Each leading rule, and a sentence or two that say it."""
    cells = found.by_segment.cells.dropna(subset=["odds_ratio"]).sort_values("shrunk")
    by_rule = dict(list(cells.groupby(["antecedent", "consequent"], sort=False)))
    rows = []
    for rule in found.leading(_IN_WORDS).itertuples(index=False):
        confidence = Number("", rule.confidence, "share", rule.confidence_low, rule.confidence_high,
                            decimals=0 if rule.confidence >= 0.1 else 1)  # fmt: skip
        odds = _ratio(rule.common_odds_ratio, rule.common_low, rule.common_high)
        within: dict[str, Any] = {"odds": odds}
        if rule.within == "differs_between_segments":
            known = by_rule[rule.antecedent, rule.consequent]
            for name, cell in (("weakest", known.iloc[0]), ("strongest", known.iloc[-1])):
                within[name] = held.segments[cell["segment"]]
                within[f"{name}_odds"] = _ratio(cell["shrunk"])
        quotes = {
            "antecedent": [_set_off(held.names[product]) for product in rule.antecedent],
            "consequent": _set_off(held.names[rule.consequent]),
            "confidence": confidence,
            "lift": _ratio(rule.lift),
            "segment": held.segments[rule.scope] if rule.scope else None,
            "within": Phrase(f"rule-in-words.{rule.within}", within),
        }
        rows.append((_label(held, rule), Phrase("rule-in-words", quotes)))
    return pd.DataFrame(rows, columns=["rule", "in_words"])


def _set_off(name: str) -> str | Phrase:
    """A name that has a comma or colon of its own stands apart from the sentence."""
    return Phrase("set-off", {"name": name}) if {",", ":"} & set(name) else name


def _ratio(value: float, low: float | None = None, high: float | None = None) -> Number:
    digits = 2 if value < 1 else 1 if value < 10 else 0
    return Number("", value, "ratio", low, high, decimals=digits)
