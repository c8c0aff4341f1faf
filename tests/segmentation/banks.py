"""Small banks whose segments are known, or which have none."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from pmlib.params import Parameters
from pmlib.segmentation import Feature
from pmlib.studies import Attribute

AS_OF = dt.date(2025, 12, 31)
NUMBERS = tuple(Feature(name, unit="currency") for name in ("a", "b", "c", "d"))
QUICK = Parameters(k_max=4, n_bootstrap=20, seed=1)


def days(*before: int | None) -> pd.Series:
    """Dates so many days before the reference date, as a date column."""
    return pd.Series([None if n is None else AS_OF - dt.timedelta(days=int(n)) for n in before])


def small_bank(engine) -> dict:
    """Three customers: an active one, one with a single old payment, one without anything."""
    return {
        "customers": engine.from_pandas(
            pd.DataFrame(
                {
                    "customer_id": [1, 2, 3],
                    "customer_hash": [10, 20, 30],
                    "joined_on": days(1_000, 500, 10),
                    "birth_date": days(14_610, 7_305, 7_305),
                    "income": [10.0, 20.0, None],
                    "duration": [1.0, 2.0, 3.0],
                }
            )
        ),
        "products": engine.from_pandas(
            pd.DataFrame(
                {
                    "product_id": ["card", "loan"],
                    "name": ["Card", "Loan"],
                    "family": ["card", "loan"],
                    "risk_rating": [1, 1],
                    "annual_margin": [5.0, 100.0],
                }
            )
        ),
        "holdings": engine.from_pandas(
            pd.DataFrame(
                {
                    "customer_id": [1, 1, 2, 2],
                    "product_id": ["card", "loan", "card", "loan"],
                    "opened_on": days(900, 30, 400, 400),
                    "closed_on": [None, None, None, AS_OF - dt.timedelta(days=100)],
                }
            ).astype({"closed_on": "datetime64[s]"})
        ),
        "transactions": engine.from_pandas(
            pd.DataFrame(
                {
                    "customer_id": [1, 1, 1, 1, 2],
                    "booked_on": days(5, 40, 50, 60, 366),
                    "amount": [-10.0, -30.0, -20.0, 100.0, -1.0],
                    "kind": "any",
                    "channel": ["app", "app", "branch", "branch", "app"],
                }
            )
        ),
    }


ATTRIBUTES = {
    "income": Attribute("Income", "currency", "feature"),
    "duration": Attribute("Duration", "seconds", "feature", known_before_contact=False),
}


def planted(n: int = 400, *, k: int = 3, seed: int = 1) -> tuple[pd.DataFrame, np.ndarray]:
    """Customers of k well separated groups in four features."""
    generator = np.random.default_rng(seed)
    group = generator.integers(0, k, size=n)
    centres = 6 * generator.standard_normal((k, 4))
    values = centres[group] + generator.standard_normal((n, 4))
    return as_customers(values), group


def one_group(n: int = 400, *, seed: int = 1) -> pd.DataFrame:
    """Skewed, correlated customers without groups."""
    z = np.random.default_rng(seed).multivariate_normal(np.zeros(4), 0.5 * np.eye(4) + 0.5, size=n)
    return as_customers(np.column_stack([np.exp(z[:, :2]), np.round(np.exp(1 + z[:, 2])), z[:, 3]]))


def curved_group(n: int = 400, *, seed: int = 1) -> pd.DataFrame:
    """One group whose features bend and fan out: a plain Gaussian copula takes it for clusters."""
    z = np.random.default_rng(seed).standard_normal((n, 4))
    a = z[:, 0]
    bent, fanned = a**2 / 2 + z[:, 1], np.exp(a / 2) * z[:, 2]
    return as_customers(np.column_stack([a, bent, fanned, a / 2 + z[:, 3]]))


def as_customers(values: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(values, columns=list("abcd")).assign(
        customer_id=np.arange(len(values)), customer_hash=np.arange(len(values)) * 7_919
    )
