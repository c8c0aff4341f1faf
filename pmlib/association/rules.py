"""Rules, antecedent → one product that could be offered: found on one half, tested on the other."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pmlib.association.measures import measures
from pmlib.errors import StudyError
from pmlib.inference.many_tests import benjamini_hochberg, holm
from pmlib.numbers import Number, Phrase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pmlib.association.baskets import Baskets
    from pmlib.association.itemsets import Itemset, Itemsets
    from pmlib.params import Parameters


@dataclass(frozen=True)
class Candidates:
    """Rules worth testing, and how many fell at each step before.

    Parameters
    ----------
    frame : pandas.DataFrame
        antecedent (tuple of product ids), consequent (product id), n, n_antecedent, n_consequent,
        n_both (customers of the half they were found on), lift.
    steps : pandas.DataFrame
        step (level or phrase), rules (int, left after it), dropped (int).
    structural : pandas.DataFrame
        The structural rules left out: antecedent, consequent, confidence, lift.
    """

    frame: pd.DataFrame
    steps: pd.DataFrame
    structural: pd.DataFrame


def rule_label(antecedent: Iterable[str], consequent: str) -> str:
    """Write a rule of products by name: ``Card + Savings → Insurance``."""
    return f"{' + '.join(antecedent)} → {consequent}"


def named(frame: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Replace product ids by names in the columns that hold products."""
    shown = frame.copy()
    for column in {"antecedent", "consequent", "product", "other"} & set(frame):
        shown[column] = [
            tuple(names[x] for x in cell) if isinstance(cell, tuple) else names[cell]
            for cell in frame[column]
        ]
    return shown


def all_rules(itemsets: Itemsets) -> pd.DataFrame:
    """Form every rule with one product as consequent from the frequent itemsets.

    The columns antecedent, consequent, n, n_antecedent, n_consequent, n_both are in the order of
    the itemsets, consequents ascending.
    """
    long = itemsets.frame.loc[itemsets.frame["length"] > 1, "itemset"]
    rows = [(tuple(p for p in itemset if p != y), y) for itemset in long for y in itemset]
    return _counted(pd.DataFrame(rows, columns=["antecedent", "consequent"]), itemsets.counts)


def as_sets(rules: pd.DataFrame) -> list[tuple[Itemset, Itemset]]:
    """Antecedent and consequent of each rule as itemsets."""
    rows = zip(rules["antecedent"], rules["consequent"], strict=True)
    return [(frozenset(X), frozenset({y})) for X, y in rows]


def _counted(rules: pd.DataFrame, count: Mapping[Itemset, int]) -> pd.DataFrame:
    """Antecedent and consequent, with n, n_antecedent, n_consequent, n_both (customers)."""
    frame = rules[["antecedent", "consequent"]].copy()
    rows = [(count[frozenset()], count[X], count[y], count[X | y]) for X, y in as_sets(rules)]
    columns = ["n", "n_antecedent", "n_consequent", "n_both"]
    frame[columns] = np.array(rows, dtype=np.int64).reshape(-1, 4)
    return frame


def candidate_rules(
    itemsets: Itemsets,
    *,
    min_confidence: float,
    error_rate: float = 0.05,
    structural_pairs: Sequence[tuple[str, str]] = (),
) -> Candidates:
    """Choose the rules to test: no structural ones, strong enough, productive, not redundant.

    Parameters
    ----------
    itemsets : Itemsets
        Of the discovery half.
    min_confidence : float
        A share.
    error_rate : float
        A rule whose p-value on the discovery half is above this, uncorrected, is not worth a
        test: each test spared leaves the others more power.
    structural_pairs : sequence of (product_id, product_id)
        The first implies the second by construction. A rule is structural when its consequent
        and a product of its antecedent are such a pair, in either direction, directly or
        through others: both then say the same.

    Notes
    -----
    A rule is productive when its confidence is above that of every rule with a smaller
    antecedent, the empty one included: lift above 1 is the special case. It is redundant when
    leaving out a product of the antecedent does not change who holds it (Webb 2007,
    doi:10.1007/s10994-007-5006-x; Hämäläinen & Webb 2019, doi:10.1007/s10618-018-0590-x).
    """
    counts = itemsets.counts
    linked, frame = linked_pairs(structural_pairs), all_rules(itemsets)
    steps: list[tuple[str | Phrase, int]] = [("all", len(frame))]

    structural = _where(frame, lambda X, y: any(y | {x} in linked for x in X))
    pairs = frame[structural & (frame["antecedent"].map(len) == 1)]
    frame = frame[~structural]
    steps.append(("not_structural", len(frame)))
    frame = frame[frame["n_both"] >= min_confidence * frame["n_antecedent"]]
    digits = len(f"{min_confidence:g}".partition(".")[2])
    least = Number("", min_confidence, decimals=digits)
    steps.append((Phrase("step.confidence", {"least": least}), len(frame)))
    frame = frame[_where(frame, lambda X, y: _is_productive(X, y, counts))]
    steps.append(("productive", len(frame)))
    frame = frame[_where(frame, lambda X, _: all(counts[X - {x}] != counts[X] for x in X))]
    steps.append(("not_redundant", len(frame)))
    frame = frame[fisher_p_values(frame, counts) <= error_rate]
    steps.append(("beyond_chance", len(frame)))

    table = pd.DataFrame(steps, columns=["step", "rules"])
    table["dropped"] = -table["rules"].diff().fillna(0).astype(int)
    pairs = pairs.assign(confidence=pairs["n_both"] / pairs["n_antecedent"], lift=_lift(pairs))
    return Candidates(
        frame=frame.assign(lift=_lift(frame)).reset_index(drop=True),
        steps=table,
        structural=pairs[["antecedent", "consequent", "confidence", "lift"]].reset_index(drop=True),
    )


def fisher_p_values(rules: pd.DataFrame, counts: Mapping[Itemset, int]) -> np.ndarray:
    """Test that every product of a rule's antecedent adds to the consequent: a p-value a rule.

    `counts` has the customers of each itemset, the empty one included, that is a part of a rule.

    The null hypothesis of a rule X → y is that some product of X adds nothing. For each x in X,
    Fisher's exact test (one-sided) compares, among the holders of the rest of X, those with and
    without x; for a single product the rest is empty and all customers are compared. A further
    test asks whether y is independent of X as a whole. The p-value is the largest of these: the
    rule is accepted only where all are rejected, which keeps the level without correction
    (Webb 2007, doi:10.1007/s10994-007-5006-x).
    """
    from scipy.stats import hypergeom

    tests: list[tuple[int, ...]] = []
    for row, (X, y) in enumerate(as_sets(rules)):
        rests = {frozenset(), *(X - {x} for x in X)}
        tests += [(row, counts[X | y], counts[Z], counts[Z | y], counts[X]) for Z in rests]
    rows, n_both, n, n_consequent, n_antecedent = np.array(tests, dtype=np.int64).reshape(-1, 5).T
    p_value = np.zeros(len(rules))
    chance = hypergeom.sf(n_both - 1, n, n_consequent, n_antecedent)
    # Where nobody holds the rest of X there is nobody to compare: nothing speaks for the rule.
    np.maximum.at(p_value, rows, np.where(n > 0, chance, 1.0))
    return p_value


def rules_on_holdout(
    scopes: Iterable[tuple[int, pd.DataFrame, Baskets]], params: Parameters
) -> pd.DataFrame:
    """Test candidate rules on customers they were not found on.

    Parameters
    ----------
    scopes : iterable of (int, pandas.DataFrame, Baskets)
        Number of a scope (0: all customers, else a segment), its candidate rules (antecedent,
        consequent, lift on the discovery half), and the baskets of its hold-out half.
    params : pmlib.params.Parameters
        error_rate is held over all rules of all scopes together: the family-wise error rate
        (Holm 1979) or the false discovery rate (Benjamini & Hochberg 1995).

    Returns
    -------
    pandas.DataFrame
        A row a rule, strongest evidence first: antecedent, consequent, scope; the counts and all
        of `pmlib.association.measures.measures` **on the hold-out half**; lift_found (lift on the
        discovery half); p_value (`fisher_p_values`), p_adjusted; survives (bool).

    Notes
    -----
    Only the rules that come this far are corrected for: how many were looked at on the discovery
    half does not matter, because the hold-out half has not been seen (Webb 2007,
    doi:10.1007/s10994-007-5006-x).
    """
    tested = [
        _test(candidates, holdout, params.confidence_level).assign(scope=scope)
        for scope, candidates, holdout in scopes
    ]
    frame = pd.concat([part for part in tested if len(part)] or tested[:1], ignore_index=True)
    frame.insert(2, "scope", frame.pop("scope").astype("int64"))
    adjust = holm if params.correction == "holm" else benjamini_hochberg
    frame["p_adjusted"] = adjust(frame["p_value"].to_numpy(dtype=float))
    frame["survives"] = frame["p_adjusted"] <= params.error_rate
    frame = frame.sort_values(["p_value", "lift"], ascending=[True, False], kind="stable")
    return frame.reset_index(drop=True)


def _test(candidates: pd.DataFrame, holdout: Baskets, confidence_level: float) -> pd.DataFrame:
    """Measures and p-values of one scope's rules."""
    rules = as_sets(candidates)
    parts = {(part, y) for X, y in rules for part in (X, frozenset(), *(X - {x} for x in X))}
    needed = list({itemset for part, y in parts for itemset in (part, part | y)} | {frozenset()})
    count = dict(zip(needed, holdout.count(needed).tolist(), strict=True))
    frame = _counted(candidates, count)
    frame = pd.concat([frame, measures(frame, confidence_level=confidence_level)], axis=1)
    frame["lift_found"] = candidates["lift"]
    frame["p_value"] = fisher_p_values(frame, count)
    return frame


def check_structural_pairs(pairs: Iterable[tuple[str, str]], products: Sequence[str]) -> None:
    """Raise a StudyError where a pair names a product that the table products does not have."""
    unknown = [(product, pair) for pair in pairs for product in pair if product not in products]
    if unknown:
        product, pair = unknown[0]
        raise StudyError(
            "A structural pair names an unknown product.",
            where=f"study.yaml: structural_pairs: {list(pair)}",
            rule="product_id of the table products",
            found=repr(product),
            remedy=f"Use one of: {', '.join(sorted(products))}.",
        )


def linked_pairs(pairs: Sequence[tuple[str, str]]) -> set[frozenset[str]]:
    """Pairs of products one of which implies the other, directly or through others."""
    implied = {(a, b) for a, b in pairs}
    while True:
        further = {(a, d) for a, b in implied for c, d in implied if b == c} - implied
        if not further:
            return {frozenset(pair) for pair in implied if pair[0] != pair[1]}
        implied |= further


def _where(frame: pd.DataFrame, holds: Callable[[Itemset, Itemset], bool]) -> np.ndarray:
    return np.array([holds(X, y) for X, y in as_sets(frame)], dtype=bool)


def _is_productive(X: Itemset, y: Itemset, counts: Mapping[Itemset, int]) -> bool:
    smaller = (frozenset(Z) for size in range(len(X)) for Z in combinations(X, size))
    # Cross-multiplied, so that equal confidences compare as equal whole numbers.
    return all(counts[X | y] * counts[Z] > counts[Z | y] * counts[X] for Z in smaller)


def _lift(rules: pd.DataFrame) -> pd.Series:
    return rules["n_both"] / rules["n_antecedent"] / rules["n_consequent"] * rules["n"]
