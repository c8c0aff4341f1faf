"""The levels of the simulated bank: penetrations, money, response, credit; by kind of customer.

`EASY` are levels at which everything planted is easily seen. `PUBLISHED` keep the same structure at
levels that banks report; `pmlib.truth.published` sets them beside the published ranges.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

Row = tuple[str, str, str, int | None, float, tuple[float, ...]]
"""A product: id, name, family, risk rating, annual margin, P(held) by kind before rules."""

KINDS = ("starters", "everyday payers", "families", "self-employed", "affluent savers", "retired")
RISK_CLASSES = ("A", "B", "C", "D", "E")


@dataclass(frozen=True)
class Levels:
    """Levels of one bank; tuples by kind of customer in the order of `KINDS`.

    Attributes
    ----------
    catalogue : tuple of Row
        One row a product, in the order in which products are taken up.
    traits : dict
        What marks a kind: mean by kind, spread within a kind, on the scale given.
    offers : dict
        By product that campaigns offer: log-odds of buying uninvited, what an offer adds by kind.
    channel_effect : dict
        What a channel adds to the effect of an offer.
    held_effect : float
        What holding all that a planted rule starts from adds to the effect of an offer.
    pilot_share : float
        Share of the customers who may be contacted that the randomised pilot reaches.
    saving : tuple of float, optional
        Share of income not spent; without it payments follow the pace of bookings alone.
    expected_loss : dict
        By credit product: loss expected of a sale, currency, by risk class. Without any, the bank
        records nothing of its borrowers.
    """

    catalogue: tuple[Row, ...]
    traits: dict[str, tuple[tuple[float, ...], float]]
    offers: dict[str, tuple[float, tuple[float, ...]]]
    channel_effect: dict[str, tuple[float, ...]]
    held_effect: float
    pilot_share: float
    saving: tuple[float, ...] | None = None
    expected_loss: dict[str, tuple[float, ...]] | None = None


EASY = Levels(
    catalogue=(  # one line a product
    ("savings", "Savings account", "deposit", 1, 18, (0.45, 0.50, 0.55, 0.40, 0.70, 0.65)),
    ("term_deposit", "Term deposit", "deposit", 1, 35, (0.02, 0.06, 0.05, 0.05, 0.40, 0.45)),
    ("debit_card", "Debit card", "card", None, 6, (0.90, 0.85, 0.90, 0.80, 0.80, 0.60)),
    ("credit_card", "Credit card", "card", None, 45, (0.20, 0.25, 0.50, 0.55, 0.60, 0.10)),
    ("gold_card", "Gold card", "card", None, 90, (0.01, 0.02, 0.06, 0.15, 0.40, 0.03)),
    ("overdraft", "Overdraft line", "loan", None, 30, (0.25, 0.20, 0.25, 0.45, 0.08, 0.05)),
    ("personal_loan", "Personal loan", "loan", None, 120, (0.08, 0.15, 0.22, 0.20, 0.05, 0.05)),
    ("mortgage", "Mortgage", "loan", None, 400, (0.01, 0.08, 0.45, 0.20, 0.20, 0.02)),
    ("mobile_banking", "Mobile banking", "payment", None, 4, (0.92, 0.55, 0.75, 0.80, 0.55, 0.12)),
    ("terminal", "Card terminal", "payment", None, 150, (0.01, 0.01, 0.02, 0.50, 0.03, 0.01)),
    ("home_insurance", "Home insurance", "insurance", None, 40, (.03, .15, .30, .18, .35, .25)),
    ("travel_insurance", "Travel insurance", "insurance", None, 22, (.10, .10, .18, .18, .28, .08)),
    ("life_insurance", "Life insurance", "insurance", 2, 60, (0.02, 0.10, 0.20, 0.18, 0.20, 0.05)),
    ("mutual_fund", "Mutual fund", "wealth", 3, 110, (0.04, 0.05, 0.09, 0.11, 0.38, 0.11)),
    ("securities", "Securities account", "wealth", 4, 140, (0.03, 0.02, 0.04, 0.08, 0.28, 0.04)),
    ("pension_plan", "Pension plan", "wealth", 2, 70, (0.03, 0.12, 0.20, 0.20, 0.20, 0.02)),
    ),
    traits={
        "log_income": ((6.7, 7.9, 8.7, 8.9, 9.6, 7.0), 0.20),  # natural log of money a month
        "log_activity": ((1.0, 0.0, 1.3, 2.1, 0.0, -0.6), 0.16),  # log of payments a month
        "logit_digital": ((3.0, 0.5, 1.7, -0.4, -0.9, -2.0), 0.25),  # share of payments by app, web
        "logit_cash": ((-1.6, -1.3, -1.5, 0.9, -1.9, 0.2), 0.30),  # of the others: share in cash
        "age": ((24.0, 41.0, 39.0, 45.0, 56.0, 71.0), 5.0),
        "tenure": ((4.0, 9.0, 12.0, 6.5, 17.0, 20.0), 1.8),  # years with the bank
        "risk_tolerance": ((3.2, 2.6, 2.7, 3.4, 3.6, 1.7), 1.0),
    },
    offers={
        "credit_card": (-4.0, (1.6, 1.2, 0.3, 0.5, -0.3, 0.1)),
        "personal_loan": (-4.4, (0.6, 1.2, 0.7, 1.3, -0.4, 0.0)),
        "home_insurance": (-4.3, (0.1, 0.6, 1.7, 0.3, 0.6, 0.6)),
        "travel_insurance": (-4.0, (0.9, 0.2, 0.8, 0.4, 1.5, 0.2)),
        "life_insurance": (-4.6, (0.0, 0.5, 1.6, 0.6, 0.3, -0.3)),
        "mutual_fund": (-4.4, (0.4, 0.2, 0.5, 0.7, 0.2, 1.5)),
        "securities": (-4.6, (1.3, 0.0, 0.2, 0.6, 0.3, -0.2)),
        "pension_plan": (-4.4, (0.2, 1.1, 0.8, 1.5, 0.5, -0.5)),
    },
    channel_effect={
        "email": (0.3, 0.1, 0.2, 0.2, -0.1, -0.9),
        "letter": (-0.3, 0.2, 0.1, -0.1, 0.3, 0.5),
        "phone": (-0.2, 0.5, 0.5, 0.6, 0.6, 0.5),
    },
    held_effect=1.2,
    pilot_share=0.5,
)  # fmt: skip


def _as_published(row: Row) -> Row:
    """A product of the easy bank at the penetration and margin that `PUBLISHED` gives it."""
    held, margin = {
        "credit_card": (None, 70),
        "personal_loan": (None, 190),
        "mortgage": ((0.01, 0.12, 0.55, 0.30, 0.35, 0.02), 400),
        "life_insurance": ((0.02, 0.14, 0.25, 0.20, 0.25, 0.12), 75),
        "mutual_fund": ((0.04, 0.05, 0.09, 0.11, 0.34, 0.09), 100),
        "securities": ((0.04, 0.02, 0.06, 0.10, 0.36, 0.06), 105),
        "pension_plan": (None, 80),
        "home_insurance": (None, 60),
        "travel_insurance": (None, 33),
    }.get(row[0], (None, row[4]))
    return (*row[:4], margin, held or row[5])


PUBLISHED = replace(
    EASY,
    catalogue=tuple(_as_published(row) for row in EASY.catalogue),
    traits=EASY.traits | {"log_income": ((6.9, 7.5, 8.1, 8.2, 8.8, 7.2), 0.20)},
    # Uninvited, few buy, least of all what earns most; an offer multiplies the odds as before.
    offers={
        product: (
            {
                "credit_card": -4.8,
                "personal_loan": -6.3,
                "home_insurance": -5.4,
                "travel_insurance": -4.4,
                "life_insurance": -5.7,
                "mutual_fund": -5.7,
                "securities": -5.9,
                "pension_plan": -5.5,
            }[product],
            effects,
        )
        for product, (_, effects) in EASY.offers.items()
    },
    channel_effect={
        "email": (-0.5, -0.6, -0.6, -0.6, -0.8, -1.4),
        "letter": (-0.1, 0.4, 0.3, 0.1, 0.5, 0.7),
        "phone": (0.6, 1.3, 1.3, 1.4, 1.4, 1.3),
    },
    held_effect=1.1,
    pilot_share=0.9,
    saving=(0.04, 0.08, 0.12, 0.15, 0.30, 0.07),
    # Default within a year by class (0.35, 0.6, 1.1, 3.3, 15 %) x 45 % lost x 2,000 or 6,000.
    expected_loss={
        "credit_card": (3.0, 6.0, 10.0, 30.0, 140.0),
        "personal_loan": (10.0, 17.0, 30.0, 90.0, 410.0),
    },
)
