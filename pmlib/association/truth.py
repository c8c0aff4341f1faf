"""Findings against the truth of a simulated bank: planted rules found, false ones counted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.artifacts import Number
from pmlib.association.baskets import Baskets
from pmlib.association.findings import Findings, find_rules
from pmlib.casebank.world import KINDS, World
from pmlib.engine import collect

if TYPE_CHECKING:
    from collections.abc import Iterable

# Probabilities of a world without effects are equal only up to rounding.
_EQUAL = 1e-9


@dataclass(frozen=True)
class TruthCheck:
    """How findings compare with what is true.

    Parameters
    ----------
    planted : pandas.DataFrame
        A row a planted rule: antecedent, consequent, kinds (tuple of the names of the kinds of
        customers that it applies to), true_lift (over these), found (bool).
    rules : pandas.DataFrame
        The surviving rules: antecedent, consequent, scope, lift (hold-out half), true_lift,
        true (bool): every product of the antecedent adds to the probability of the consequent.
    """

    planted: pd.DataFrame
    rules: pd.DataFrame

    @property
    def numbers(self) -> tuple[Number, ...]:
        """Recall of the planted rules and share of false ones among those that survive."""
        recall = self.planted["found"].mean() if len(self.planted) else None
        false = (~self.rules["true"]).mean() if len(self.rules) else 0.0
        return (
            Number("n_rules_planted", len(self.planted), "count", meaning="rules planted"),
            Number("rule_recall", recall, "share", meaning="share of the planted rules found"),
            Number(
                "n_rules_false",
                int((~self.rules["true"]).sum()),
                "count",
                meaning="surviving rules that are not true",
            ),
            Number("false_rule_share", false, "share", meaning="share of surviving rules not true"),
        )


def check_against_truth(
    findings: Findings, world: World, *, composition: np.ndarray | None = None
) -> TruthCheck:
    """Compare findings with the distribution that the baskets were drawn from.

    Parameters
    ----------
    findings : Findings
    world : pmlib.casebank.world.World
    composition : numpy.ndarray, shape (segments, kinds), optional
        Customers of each true kind in each segment (`kind_composition`); by default the segments
        are the kinds.

    Returns
    -------
    TruthCheck

    Notes
    -----
    A rule is true when, in the distribution of baskets of its scope, the consequent is more
    probable with the whole antecedent than with any one product of it left out, and than at all.
    A rule planted in some kinds only counts as found when it survives in the segment where most
    customers of such a kind are: tested there, or with an odds ratio that holds there.
    """
    if composition is None:
        composition = np.diag(world.shares)
    distribution = _distribution(world)
    weights = {0: world.shares, **dict(enumerate(composition, start=1))}
    surviving = findings.surviving
    truth = [
        _truth_of(X, y, _mixture(distribution, weights[scope]), world.product_ids)
        for X, y, scope in zip(
            surviving["antecedent"], surviving["consequent"], surviving["scope"], strict=True
        )
    ]
    rules = surviving[["antecedent", "consequent", "scope", "lift"]].copy()
    rules["true_lift"] = [lift for lift, _ in truth]
    rules["true"] = np.array([true for _, true in truth], dtype=bool)

    home = composition.argmax(axis=0) + 1  # the segment that holds most customers of each kind
    cells = findings.by_segment.cells
    overall = set(
        surviving.loc[surviving["scope"] == 0, ["antecedent", "consequent"]].itertuples(
            index=False, name=None
        )
    )
    in_segment = {
        *surviving[["antecedent", "consequent", "scope"]].itertuples(index=False, name=None),
        *cells.loc[cells["holds"], ["antecedent", "consequent", "segment"]].itertuples(
            index=False, name=None
        ),
    }
    rows = []
    for rule in world.rules:
        X = tuple(sorted(rule.antecedent))
        everywhere = len(rule.kinds) == len(world.shares)
        applies = np.isin(np.arange(len(world.shares)), rule.kinds) * world.shares
        lift, _ = _truth_of(X, rule.consequent, _mixture(distribution, applies), world.product_ids)
        rows.append(
            {
                "antecedent": X,
                "consequent": rule.consequent,
                "kinds": ("all",) if everywhere else tuple(KINDS[kind] for kind in rule.kinds),
                "true_lift": lift,
                "found": (X, rule.consequent) in overall
                if everywhere
                else any((X, rule.consequent, home[kind]) in in_segment for kind in rule.kinds),
            }
        )
    planted = pd.DataFrame(
        rows, columns=["antecedent", "consequent", "kinds", "true_lift", "found"]
    )
    return TruthCheck(planted=planted.astype({"found": bool}), rules=rules)


def draw_baskets(
    world: World, *, n_customers: int, seed: int, holdout_share: float = 0.5
) -> Baskets:
    """Draw the baskets of a simulated bank directly, without its other tables.

    The counts of all (kind, basket, half) are one multinomial draw from the exact distribution,
    so repeated simulations take milliseconds. Segments are the true kinds, 1 to 6.
    """
    rng = np.random.default_rng(seed)
    distribution = _distribution(world)
    n_products = len(world.product_ids)
    joint = (distribution * world.shares[:, None]).ravel()
    drawn = rng.multinomial(n_customers, joint / joint.sum())
    tested = rng.binomial(drawn, holdout_share)
    counts = np.concatenate([drawn - tested, tested])
    cell = np.flatnonzero(counts)
    kind, basket = np.divmod(cell % len(joint), distribution.shape[1])
    order = np.argsort(world.product_ids)
    return Baskets(
        products=tuple(world.product_ids[j] for j in order),
        held=(basket[:, None] >> np.arange(n_products)[order] & 1).astype(bool),
        customers=counts[cell],
        segment=kind + 1,
        holdout=cell >= len(joint),
    )


@lru_cache(maxsize=4)
def _distribution(world: World) -> np.ndarray:
    """P(basket | kind), computed once for many simulations."""
    return world.basket_distribution()


def _mixture(distribution: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.asarray(weights, dtype=float) @ distribution / np.sum(weights)


def _truth_of(
    X: tuple[str, ...], y: str, mixture: np.ndarray, product_ids: tuple[str, ...]
) -> tuple[float, bool]:
    """True lift of X → y, and whether every product of X adds to it."""
    basket = np.arange(len(mixture))

    def probability(products: set[str]) -> float:
        mask = sum(1 << product_ids.index(p) for p in products)
        return float(mixture[basket & mask == mask].sum())

    def confidence(products: set[str]) -> float:
        return probability(products | {y}) / probability(products)

    whole, alone = confidence(set(X)), confidence(set())
    shorter = [alone, *(confidence(set(X) - {x}) for x in X)]
    return whole / alone, all(whole > part + _EQUAL for part in shorter)


def simulate_findings(
    world: World,
    *,
    n_customers: int,
    seeds: Iterable[int],
    correction: Literal["holm", "bh"] = "holm",
    min_support: float = 0.01,
    min_confidence: float = 0.1,
    max_rule_length: int = 3,
) -> pd.DataFrame:
    """Repeat the analysis on many draws from one world, and count what is right.

    Parameters
    ----------
    world : pmlib.casebank.world.World
    n_customers : int
    seeds : iterable of int
        One draw each.
    correction, min_support, min_confidence, max_rule_length
        As in `pmlib.association.find_rules`.

    Returns
    -------
    pandas.DataFrame
        A row a seed: seed, tested, surviving, false (rules), planted, recalled (rules).
    """
    rows = []
    for seed in seeds:
        findings = find_rules(
            draw_baskets(world, n_customers=n_customers, seed=seed),
            min_support=min_support,
            min_confidence=min_confidence,
            max_rule_length=max_rule_length,
            correction=correction,
        )
        check = check_against_truth(findings, world)
        rows.append(
            {
                "seed": seed,
                "tested": len(findings.rules),
                "surviving": len(check.rules),
                "false": int((~check.rules["true"]).sum()),
                "planted": len(check.planted),
                "recalled": int(check.planted["found"].sum()),
            }
        )
    return pd.DataFrame(rows)


def kind_composition(assignments: nw.LazyFrame, kinds: nw.LazyFrame) -> np.ndarray:
    """Count the customers of each true kind in each segment, in the engine.

    Parameters
    ----------
    assignments : narwhals.LazyFrame
        customer_id, segment (1 to k).
    kinds : narwhals.LazyFrame
        customer_id, segment: the true kind, 1 to 6.

    Returns
    -------
    numpy.ndarray of int, shape (segments, kinds)
    """
    joined = assignments.select("customer_id", "segment").join(
        kinds.select("customer_id", kind=nw.col("segment")), on="customer_id", how="inner"
    )
    counted = collect(
        joined.group_by("segment", "kind").agg(customers=nw.len()), sort_by=["segment", "kind"]
    )
    composition = np.zeros((int(counted["segment"].max()), int(counted["kind"].max())), dtype=int)
    composition[counted["segment"] - 1, counted["kind"] - 1] = counted["customers"]
    return composition
