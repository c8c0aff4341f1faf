"""Rules against the truth of a simulated bank: planted ones found, false ones counted."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pmlib import casebank
from pmlib.association.baskets import Baskets
from pmlib.association.rules import named
from pmlib.association.segments import ADDS
from pmlib.casebank.world import KINDS, World
from pmlib.numbers import Finding, Level, Number, Phrase, missing, needs
from pmlib.truth.segments import kind_composition, kinds_of_customers

if TYPE_CHECKING:
    from collections.abc import Iterable

    import narwhals as nw

    from pmlib.association import FoundRules, HeldProducts, RuleSet
    from pmlib.engine import Engine
    from pmlib.studies import Study

# Probabilities of a world without effects are equal only up to rounding.
_EQUAL = 1e-9


@needs()
def check_study(held: HeldProducts, found: FoundRules, engine: Engine) -> Finding:
    """Compare the rules of a simulated study with its truth: `study_recovery`, products by name."""
    if not held.study.simulated:
        return missing("truth")
    check = study_recovery(found.rule_set, held.study, engine, assigned=held.assigned)
    planted = named(check.of("planted"), held.names)
    planted["kinds"] = [
        Phrase("planted-kinds", {"kinds": [Level("kind", kind) for kind in kinds]})
        for kinds in planted["kinds"]
    ]
    return replace(check, tables={"planted": planted})


def study_recovery(
    found: RuleSet, study: Study, engine: Engine, *, assigned: nw.LazyFrame
) -> Finding:
    """Compare rules with the truth of the simulated study that they were found in.

    `assigned` has customer_id, segment, as saved by the segmentation.
    """
    composition = kind_composition(assigned, kinds_of_customers(study, engine))
    return rule_recovery(found, casebank.population(study).world, composition=composition)


def rule_recovery(
    found: RuleSet, world: World, *, composition: np.ndarray | None = None
) -> Finding:
    """Compare rules with the distribution that the baskets were drawn from.

    `composition`, (segments, kinds), counts the customers of each true kind in each segment, as
    `kind_composition`; by default the segments are the kinds.

    Returns
    -------
    Finding
        The surviving rules: antecedent, consequent, scope, within, lift (hold-out half),
        true_lift, true (bool): every product of the antecedent adds to the probability of the
        consequent; true_odds_ratio, over all customers, and true_within, common to the true
        kinds of customers. The table *planted* has a row a planted rule: antecedent, consequent,
        kinds (tuple of the names of the kinds of customers that it applies to, or of ``all``),
        true_lift (over these), found (bool).

    Notes
    -----
    A rule is true when, in the distribution of baskets of its scope, the consequent is more
    probable with the whole antecedent than with any one product of it left out, and than at all.
    A rule planted in some kinds only counts as found when it survives in the segment where most
    customers of such a kind are: tested there, or with an odds ratio that holds there.
    """
    if composition is None:
        composition = np.diag(world.shares)
    weights = {0: world.shares, **dict(enumerate(composition, start=1))}
    rules = found.surviving[["antecedent", "consequent", "scope", "within", "lift"]].copy()
    keys = list(rules[["antecedent", "consequent", "scope"]].itertuples(index=False, name=None))
    truth = [_truth_of(X, y, world, weights[scope]) for X, y, scope in keys]
    rules["true_lift"] = [lift for lift, _ in truth]
    rules["true"] = np.array([true for _, true in truth], dtype=bool)
    odds = np.array([_true_odds(X, y, world) for X, y, _ in keys]).reshape(-1, 2)
    rules["true_odds_ratio"], rules["true_within"] = odds.T

    home = composition.argmax(axis=0) + 1  # the segment that holds most customers of each kind
    cells = found.by_segment.cells
    cells = cells.loc[cells["holds"], ["antecedent", "consequent", "segment"]]
    holding = {*keys, *cells.itertuples(index=False, name=None)}
    rows = []
    for rule in world.rules:
        X, y = tuple(sorted(rule.antecedent)), rule.consequent
        everywhere = len(rule.kinds) == len(world.shares)
        lift, _ = _truth_of(
            X, y, world, np.isin(np.arange(len(world.shares)), rule.kinds) * world.shares
        )
        scopes = [0] if everywhere else [home[kind] for kind in rule.kinds]
        kinds = ("all",) if everywhere else tuple(KINDS[kind] for kind in rule.kinds)
        rows.append((X, y, kinds, lift, any((X, y, scope) in holding for scope in scopes)))
    columns = ["antecedent", "consequent", "kinds", "true_lift", "found"]
    return _judged(rules, pd.DataFrame(rows, columns=columns).astype({"found": bool}))


def _judged(rules: pd.DataFrame, planted: pd.DataFrame) -> Finding:
    """Recall of the planted rules; false ones, and false readings, among those that survive."""
    n_planted, n_found = len(planted), int(planted["found"].sum())
    n_false = int((~rules["true"]).sum())
    adds, restates = rules["within"].isin(ADDS), rules["within"] == "restates_segments"
    decided, within = int((adds | restates).sum()), rules["true_within"]
    # The opposite is true within the true kinds of customers.
    adds_not, more_is_left = within < 1 + _EQUAL, within**2 > rules["true_odds_ratio"]
    wrongly = int(((adds & adds_not) | (restates & more_is_left)).sum())
    return Finding(
        rules,
        (
            Number("n_rules_planted", n_planted, "count"),
            Number("rule_recall", n_found / n_planted if n_planted else None, "share"),
            Number("n_rules_false", n_false, "count"),
            Number("false_rule_share", n_false / max(len(rules), 1), "share"),
            Number("n_rules_decided", decided, "count"),
            Number("n_rules_decided_wrongly", wrongly, "count"),
        ),
        facts={
            "rules_planted": n_planted > 0,
            "rules_judged": "some_false" if n_false else "all_true",
            "rule_readings": "some_wrong" if wrongly else "all_right" if decided else "none",
        },
        quotes={"planted_found": Number("", n_found, "count")},
        tables={"planted": planted},
    )


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


def _holders(world: World, products: Iterable[str]) -> np.ndarray:
    """Which of all possible baskets hold all `products`."""
    mask = sum(1 << world.product_ids.index(product) for product in products)
    return np.arange(1 << len(world.product_ids)) & mask == mask


def _truth_of(X: tuple[str, ...], y: str, world: World, weights: np.ndarray) -> tuple[float, bool]:
    """True lift of X → y among kinds mixed by `weights`, and whether every product of X adds."""
    mixture = np.asarray(weights, dtype=float) @ _distribution(world) / np.sum(weights)

    def confidence(products: set[str]) -> float:
        inside = _holders(world, products)
        return float(mixture[inside & _holders(world, {y})].sum() / mixture[inside].sum())

    whole, alone = confidence(set(X)), confidence(set())
    shorter = [alone, *(confidence(set(X) - {x}) for x in X)]
    return whole / alone, all(whole > part + _EQUAL for part in shorter)


def _true_odds(X: tuple[str, ...], y: str, world: World) -> tuple[float, float]:
    """True odds ratio of X → y over all customers, and common (Mantel–Haenszel) within kinds."""
    has_x, has_y = _holders(world, X), _holders(world, {y})
    parts = (has_x & has_y, has_x & ~has_y, ~has_x & has_y, ~has_x & ~has_y)
    cells = np.stack(parts).astype(float) @ _distribution(world).T
    a, b, c, d = cells @ world.shares
    within = world.shares @ (cells[0] * cells[3]) / (world.shares @ (cells[1] * cells[2]))
    return float(a * d / (b * c)), float(within)
