"""What the simulated bank is made of.

Six kinds of customers differ in income, activity, channels, age and taste; a catalogue of
products is taken up in order, a product's log-odds rising where a planted rule's antecedents are
already held; and an offer moves the log-odds of buying by an effect that depends on the kind of
customer, on what is held and on the channel. `pmlib.casebank.levels` has the figures. A *world*
scales these differences: in `default` and `easy` they are whole, in `null` zero, in `hard` weak,
unequal and heavy-tailed. The levels of `default` are published ones; those of the other worlds are
chosen so that every method meets a fair but solvable task.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from pmlib.casebank.levels import EASY, KINDS, PUBLISHED, RISK_CLASSES, Levels

_SHARES = {
    "default": (0.18, 0.26, 0.20, 0.10, 0.10, 0.16),
    "hard": (0.42, 0.26, 0.15, 0.09, 0.05, 0.03),
}


@dataclass(frozen=True)
class Rule:
    """A planted rule: holding all of `antecedent` raises the log-odds of `consequent`."""

    antecedent: tuple[str, ...]
    consequent: str
    strength: float
    kinds: tuple[int, ...] = (0, 1, 2, 3, 4, 5)


RULES = (
    Rule(("credit_card",), "travel_insurance", 1.4),
    Rule(("mortgage",), "home_insurance", 1.7),
    Rule(("overdraft",), "personal_loan", 1.2),
    Rule(("mutual_fund",), "securities", 1.8),
    Rule(("savings", "mobile_banking"), "mutual_fund", 1.2),
    Rule(("home_insurance", "travel_insurance"), "life_insurance", 1.4),
    Rule(("personal_loan",), "life_insurance", 1.0),
    Rule(("mobile_banking",), "securities", 2.2, kinds=(0,)),
    Rule(("term_deposit",), "mutual_fund", 1.6, kinds=(5,)),
    Rule(("overdraft",), "terminal", 1.5, kinds=(3,)),
)

# Kinds that buy without being asked, by product: a response model loves them, an offer adds little.
_SURE = {"mutual_fund": (4, 1.6), "securities": (4, 1.4), "home_insurance": (4, 0.8)}

CHANNELS = ("email", "letter", "phone")
CHANNEL_COST = {"email": 0.25, "letter": 1.5, "phone": 6.0}
_OFFER_BASE = 0.35  # every offer moves the log-odds by this, where effects are not null


@dataclass(frozen=True)
class World:
    """The settings of one simulated bank, a world and a seed.

    The strengths are factors on the differences between kinds of customers, on the planted rules,
    and on the effects of offers; 0 removes them. `hard` weakens them further, `null` removes them.
    """

    name: str
    seed: int
    segment_strength: float = 1.0
    rule_strength: float = 1.0
    effect_strength: float = 1.0

    def _scale(self, strength: float, hard: float) -> float:
        return strength * {"default": 1.0, "easy": 1.0, "null": 0.0, "hard": hard}[self.name]

    @property
    def levels(self) -> Levels:
        """Penetrations, money, response and credit: as published, or where structure is plain."""
        return PUBLISHED if self.name == "default" else EASY

    @property
    def heavy_tails(self) -> bool:
        """Whether incomes have heavy tails and the segments are bent and unequal."""
        return self.name == "hard"

    @property
    def confounded(self) -> bool:
        """Whether past campaigns picked customers who would have bought anyway."""
        return self.name == "hard"

    @cached_property
    def products(self) -> pd.DataFrame:
        """The catalogue, one row a product, columns as the canonical table ``products``."""
        columns = ["product_id", "name", "family", "risk_rating", "annual_margin"]
        frame = pd.DataFrame([row[:5] for row in self.levels.catalogue], columns=columns)
        return frame.astype({"risk_rating": "Int64", "annual_margin": float})

    @cached_property
    def product_ids(self) -> tuple[str, ...]:
        """Products in the order in which they are taken up."""
        return tuple(row[0] for row in self.levels.catalogue)

    @cached_property
    def loss_table(self) -> np.ndarray:
        """Loss expected of a sale, currency, (risk classes, products); 0 where none is recorded."""
        losses, nothing = self.levels.expected_loss or {}, (0.0,) * len(RISK_CLASSES)
        return np.array([losses.get(product, nothing) for product in self.product_ids]).T

    @property
    def offered(self) -> tuple[str, ...]:
        """Products that campaigns offer."""
        return tuple(self.levels.offers)

    @cached_property
    def shares(self) -> np.ndarray:
        """Shares of the kinds of customers, (6,), adding up to 1."""
        return np.array(_SHARES["hard" if self.name == "hard" else "default"])

    def trait(self, name: str) -> tuple[np.ndarray, float]:
        """Return the mean of a trait by kind, (6,), and its spread within a kind."""
        means, spread = self.levels.traits[name]
        centre = float(np.dot(means, self.shares))
        factor = self._scale(self.segment_strength, hard=0.6)
        # Without differences between kinds the spread is the whole population's: a null world
        # should look as varied as the default one.
        between = float(np.dot((np.array(means) - centre) ** 2, self.shares))
        within = np.sqrt(spread**2 + (1 - min(factor, 1.0)) * between)
        return centre + factor * (np.array(means) - centre), float(within)

    @cached_property
    def base_logits(self) -> np.ndarray:
        """Log-odds of holding each product before rules, (kinds, products)."""
        logits = _logit(np.array([row[5] for row in self.levels.catalogue]).T)
        centre = self.shares @ logits
        return centre + self._scale(self.segment_strength, hard=0.8) * (logits - centre)

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The planted rules at this world's strength; none where the strength is zero."""
        factor = self._scale(self.rule_strength, hard=0.6)
        scaled = (Rule(r.antecedent, r.consequent, factor * r.strength, r.kinds) for r in RULES)
        return tuple(scaled) if factor else ()

    def antecedents_held(self, rule: Rule, held: np.ndarray, kind: np.ndarray) -> np.ndarray:
        """Tell for whom a rule is in force: antecedents held, of a kind the rule applies to."""
        columns = [self.product_ids.index(product) for product in rule.antecedent]
        return held[:, columns].all(axis=1) & np.isin(kind, rule.kinds)

    def holding_probability(self, product: int, held: np.ndarray, kind: np.ndarray) -> np.ndarray:
        """P(customer takes up a product | kind, products earlier in the catalogue)."""
        logit = self.base_logits[kind, product]
        for rule in self.rules:
            if rule.consequent == self.product_ids[product]:
                logit = logit + rule.strength * self.antecedents_held(rule, held, kind)
        return _expit(logit)

    def response_probability(
        self, product_id: str, channel: str | None, held: np.ndarray, kind: np.ndarray
    ) -> np.ndarray:
        """P(customer buys within the outcome window), (n,).

        For the product offered, one of `offered`, by a channel, one of `CHANNELS`, or None for
        customers who are not contacted; `held` is (n, products) of bool, `kind` (n,) from 0 to 5.
        """
        base, effects = self.levels.offers[product_id]
        segment = self._scale(self.segment_strength, hard=0.8)
        sure_kind, sure = _SURE.get(product_id, (0, 0.0))
        logit = base + segment * sure * (kind == sure_kind)
        if channel is not None:
            by_channel = np.array(self.levels.channel_effect[channel])
            effect = (_OFFER_BASE + np.array(effects) + by_channel)[kind]
            in_force = np.zeros(len(kind), dtype=bool)
            for rule in self.rules:
                if rule.consequent == product_id:
                    in_force |= self.antecedents_held(rule, held, kind)
            effect = effect + self.levels.held_effect * in_force
            logit = logit + self._scale(self.effect_strength, hard=0.5) * effect
        return _expit(logit)

    def basket_distribution(self) -> np.ndarray:
        """P(basket | kind), exactly, for all baskets, (kinds, 2 ** products).

        Column ``b`` is the basket that holds product ``j`` where bit ``j`` of ``b`` is set.
        """
        n = len(self.product_ids)
        held = (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(bool)
        table = np.ones((len(KINDS), 2**n))
        for kind in range(len(KINDS)):
            kinds = np.full(2**n, kind)
            for product in range(n):
                p = self.holding_probability(product, held, kinds)
                table[kind] *= np.where(held[:, product], p, 1 - p)
        return table


def _logit(p: np.ndarray) -> np.ndarray:
    return np.log(p / (1 - p))


def _expit(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))
