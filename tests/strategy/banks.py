"""Two small banks, with files and without, and a pilot: what the tests of strategy design share."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from pmlib import strategy
from pmlib.engine import DuckDBEngine
from pmlib.params import Parameters
from pmlib.strategy.catalogue import Catalogue, catalogue
from pmlib.strategy.cells import Groups, Sources
from pmlib.strategy.evidence import Evidence
from pmlib.strategy.programme import Limits
from pmlib.studies import Channel, Study, prepare

AS_OF = dt.date(2025, 12, 31)


N = 4_000


RULES = pd.DataFrame(
    {
        "antecedent": [("card",)], "consequent": ["fund"], "scope": [0], "lift": [1.5],
        "survives": [True], "within": ["holds_within"],
    }
)  # fmt: skip


CHANNELS = [{"name": "email", "cost": 0.5}, {"name": "phone", "cost": 5.0, "capacity": 400}]


PARAMETERS = Parameters(budget=600.0, min_contacts=10, seed=5)


def tables(*, uplift: float = 0.12) -> dict[str, pd.DataFrame]:
    """A bank of two segments; only offers of the fund to holders of a card cause anything."""
    rng = np.random.default_rng(11)
    ids = np.array([f"c{i:05d}" for i in range(N)])
    card, loan = rng.random(N) < 0.4, rng.random(N) < 0.3
    customers = pd.DataFrame(
        {
            "customer_id": ids,
            "birth_date": [dt.date(1950 + int(i), 6, 1) for i in rng.integers(0, 55, N)],
            # Women hold the card more often, so the plan reaches more of them.
            "gender": np.where(rng.random(N) < np.where(card, 0.8, 0.3), "female", "male"),
            "risk_tolerance": rng.integers(1, 6, N),
            "marketing_opt_out": rng.random(N) < 0.1,
        }
    )
    products = pd.DataFrame(
        {
            "product_id": ["card", "fund", "loan"],
            "name": ["Card", "Fund", "Loan"],
            "family": ["card", "wealth", "loan"],
            "risk_rating": pd.array([None, 2, None], dtype="Int64"),
            "annual_margin": [10.0, 60.0, 40.0],
        }
    )
    holdings = pd.DataFrame(
        {
            "customer_id": np.concatenate([ids[card], ids[loan]]),
            "product_id": ["card"] * card.sum() + ["loan"] * loan.sum(),
            "opened_on": dt.date(2020, 1, 1),
        }
    )
    offered = rng.choice(["fund", "loan"], N)
    control, phone = rng.random(N) < 0.4, rng.random(N) < 0.5
    caused = uplift * ((offered == "fund") & card & ~control)
    contacts = pd.DataFrame(
        {
            "campaign_id": "pilot",
            "customer_id": ids,
            "contacted_on": dt.date(2025, 6, 1),
            "arm": np.where(control, "control", "offer"),
            "product_id": offered,
            "channel": np.where(control, None, np.where(phone, "phone", "email")),
            "cost": np.where(control, 0.0, np.where(phone, 5.0, 0.5)),
            "propensity": np.where(control, 0.4, 0.3) / 2,
            "responded": rng.random(N) < 0.03 + caused,
        }
    )
    return {
        "customers": customers, "products": products, "holdings": holdings, "contacts": contacts
    }  # fmt: skip


CASTS = {
    "holdings": "customer_id, product_id, opened_on, NULL::DATE AS closed_on",
    "contacts": "campaign_id, customer_id, contacted_on, arm, product_id, channel, cost, "
    "propensity, responded, NULL::DOUBLE AS value",
}


def study_of(
    folder: Path, frames: dict[str, pd.DataFrame], channels: list = CHANNELS, **declares: object
) -> Study:
    folder.mkdir(exist_ok=True)
    for name, frame in frames.items():
        frame.to_parquet(folder / f"raw_{name}.parquet")
        (folder / f"{name}.sql").write_text(f"SELECT {CASTS.get(name, '*')} FROM raw_{name}")
    declared = {
        "title": "Own", "description": "Own bank.", "licence": "internal", "currency": "EUR",
        "as_of": AS_OF, "channels": channels,
        "sources": [{"file": f"raw_{name}.parquet"} for name in frames],
        "tables": {name: f"{name}.sql" for name in frames},
        **declares,
    }  # fmt: skip
    (folder / "study.yaml").write_text(yaml.safe_dump(declared), encoding="utf-8")
    return prepare(folder, PARAMETERS)


def open_case(study: Study, engine: DuckDBEngine, params: Parameters = PARAMETERS) -> strategy.Case:
    folder = study.folder
    customers = pd.read_parquet(study.tables["customers"], columns=["customer_id"])
    customers["segment"] = np.arange(len(customers)) % 2 + 1
    customers.to_parquet(folder / "assignments.parquet")
    segments = pd.DataFrame(
        {"segment": [1, 2], "name": ["Even", "Odd"], "customers": len(customers) // 2}
    )
    return strategy.open_case(
        study, engine, params, segments, RULES, as_of=AS_OF,
        assignments=engine.scan(folder / "assignments.parquet"),
    )  # fmt: skip


def plan_with(study, engine, **limits) -> tuple[strategy.Case, strategy.Design]:
    params = PARAMETERS.model_copy(update=limits)
    case = open_case(study, engine, params)
    return case, strategy.plan_study(case)


def value(numbers, key: str) -> float:
    return next(number.value for number in numbers if number.key == key)


SMALL_CHANNELS = (Channel(name="email", cost=0.5), Channel(name="phone", cost=5.0, capacity=400))


ANTECEDENTS = {"fund": ((0, ("card",)), (2, ("loan",)))}


PRODUCTS = pd.DataFrame(
    {
        "product_id": ["card", "fund", "loan"],
        "name": ["Card", "Fund", "Loan"],
        "risk_rating": [np.nan, 3.0, np.nan],
        "annual_margin": [10.0, 100.0, 50.0],
    }
)


def menu() -> Catalogue:
    return catalogue(PRODUCTS, SMALL_CHANNELS, offered=["fund", "loan"], antecedents=ANTECEDENTS)


def small_bank(engine: DuckDBEngine, n: int = 400, seed: int = 0) -> tuple[Sources, pd.DataFrame]:
    """A small bank, and for each customer what may be offered, worked out row by row."""
    rng = np.random.default_rng(seed)
    ids = [f"c{i:04d}" for i in range(n)]
    customers = pd.DataFrame(
        {
            "customer_id": ids,
            "customer_hash": rng.integers(0, 2**32, n),
            "risk_tolerance": rng.integers(1, 6, n),
            "marketing_opt_out": rng.random(n) < 0.2,
        }
    )
    segment = rng.integers(1, 4, n)
    held = {p: rng.random(n) < 0.3 for p in ("card", "fund", "loan")}
    holdings = pd.concat(
        pd.DataFrame({"customer_id": np.array(ids)[h], "product_id": p}) for p, h in held.items()
    ).assign(opened_on=pd.Timestamp("2020-01-01"), closed_on=pd.NaT)
    recent = rng.random(n) < 0.1
    contacts = pd.DataFrame(
        {
            "campaign_id": "old",
            "customer_id": np.array(ids)[recent],
            "contacted_on": pd.Timestamp("2025-12-20"),
            "arm": "offer",
        }
    )
    dates = ["opened_on", "closed_on"]
    holdings[dates] = holdings[dates].apply(lambda c: c.dt.date)
    contacts["contacted_on"] = contacts["contacted_on"].dt.date
    holdings["closed_on"] = pd.Series([dt.date(2030, 1, 1)] * len(holdings), dtype=object).array
    sources = Sources(
        customers=engine.from_pandas(customers),
        assignments=engine.from_pandas(pd.DataFrame({"customer_id": ids, "segment": segment})),
        holdings=engine.from_pandas(holdings),
        contacts=engine.from_pandas(contacts),
        as_of=AS_OF,
    )
    antecedent = held["card"] | (held["loan"] & (segment == 2))
    suits = customers["risk_tolerance"].to_numpy() >= 3
    truth = customers.assign(
        segment=segment,
        reachable=~customers["marketing_opt_out"] & ~recent,
        fund=np.where(held["fund"] | ~suits, 0, 1 + antecedent),
        loan=np.where(held["loan"], 0, 1),
    )
    return sources, truth


def pilot(
    effect: np.ndarray, *, n: int, base: float = 0.05, seed: int = 0, kind: str = "uplift"
) -> Evidence:
    """Tallies of a pilot; `effect` is (segments, 2, products, channels), `n` customers a cell."""
    rng = np.random.default_rng(seed)
    rows = []
    offers = menu()
    for s, h, p, c in np.ndindex(effect.shape):
        sold = rng.binomial(n, np.clip(base + effect[s, h, p, c], 0, 1))
        rows.append((s + 1, bool(h), offers.product_ids[p], offers.channel_names[c], False, sold))
    if kind == "uplift":
        for s, h, p in np.ndindex(effect.shape[:3]):
            sold = rng.binomial(n, base)
            rows.append((s + 1, bool(h), offers.product_ids[p], "", True, sold))
    columns = ["segment", "holds", "product_id", "channel", "control", "wy"]
    tallies = pd.DataFrame(rows, columns=columns).assign(fold=0, rows=n, w=float(n), w2=float(n))
    tallies["wyy"] = tallies["wy"] = tallies["wy"].astype(float)
    return Evidence(tallies, kind, "response", common_control=False)  # type: ignore[arg-type]


def problem(
    seed: int, *, n_groups: int = 60, contact_limit: int = 1
) -> tuple[Groups, np.ndarray, np.ndarray, Limits]:
    rng = np.random.default_rng(seed)
    groups = Groups(
        segment=np.sort(rng.integers(1, 4, n_groups)),
        state=rng.integers(0, 3, (n_groups, 5)).astype(np.int8),
        size=rng.integers(1, 200, n_groups),
        products=tuple("abcde"),
        segments=(1, 2, 3),
    )
    cost = np.array([0.1, 1.0, 6.0])
    value = rng.normal(2, 6, (3, 2, 5, 3)) - cost
    limits = Limits(
        budget=float(rng.uniform(0, 6000)),
        capacity=(float("inf"), 2000.0, float(rng.integers(0, 500))),
        contact_limit=contact_limit,
        min_contacts=int(rng.integers(0, 30)),
    )
    return groups, value, cost, limits
