"""Small banks that are odd and yet valid: each lacks something, or has it in an unusual way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

AS_OF = dt.date(2024, 12, 31)
PRODUCTS = ("current", "savings", "card", "mortgage", "fund", "insurance")
DATES = ("birth_date", "joined_on", "opened_on", "closed_on", "booked_on", "contacted_on")
TYPES = {
    "risk_tolerance": "BIGINT", "risk_rating": "BIGINT", "annual_margin": "DOUBLE",
    "amount": "DOUBLE", "cost": "DOUBLE", "propensity": "DOUBLE", "value": "DOUBLE",
    "marketing_opt_out": "BOOLEAN", "responded": "BOOLEAN", "income": "DOUBLE", "score": "DOUBLE",
    "household": "BIGINT",
    **dict.fromkeys(DATES, "DATE"),
}  # fmt: skip
"""Types of the columns that are no text."""

Frames = dict[str, pd.DataFrame]


def bank(n: int = 240, products: tuple[str, ...] = PRODUCTS, seed: int = 7) -> Frames:
    """A bank that has everything: two kinds of customers, and a randomised campaign in May."""
    rng = np.random.default_rng(seed)
    ids = np.array([f"K{i:05d}" for i in range(n)])
    kind = rng.random(n) < 0.4
    day = np.datetime64(AS_OF)

    def before(days: Any) -> pd.Series:
        return pd.Series(day - np.asarray(days).astype("timedelta64[D]")).dt.date

    customers = pd.DataFrame(
        {
            "customer_id": ids,
            "birth_date": before(rng.integers(20 * 365, 80 * 365, n)),
            "gender": rng.choice(["f", "m"], n),
            "region": rng.choice(["North", "South", "East"], n),
            "joined_on": before(rng.integers(1_000, 5_000, n)),
            "risk_tolerance": rng.integers(1, 6, n),
            "marketing_opt_out": rng.random(n) < 0.05,
            "income": np.round(np.where(kind, 6_000, 2_000) * rng.lognormal(0, 0.2, n), 2),
            "job": rng.choice(["clerk", "nurse", "farmer"], n),
        }
    )
    catalogue = pd.DataFrame(
        {
            "product_id": products, "name": [p.title() for p in products], "family": "all",
            "risk_rating": [None, *[2] * (len(products) - 1)],
            "annual_margin": [20.0 + 10 * i for i in range(len(products))],
        }
    ).astype({"risk_rating": "Int64"})  # fmt: skip
    held = rng.random((n, len(products))) < np.where(kind, 0.5, 0.2)[:, None]
    who, what = np.nonzero(held)
    holdings = pd.DataFrame(
        {
            "customer_id": ids[who], "product_id": np.array(products)[what],
            "opened_on": before(rng.integers(10, 900, len(who))), "closed_on": None,
        }
    )  # fmt: skip
    payer = np.repeat(np.arange(n), rng.integers(5, 15, n))
    amount = rng.choice([-1, -1, 1], len(payer)) * np.where(kind, 900, 90)[payer]
    transactions = pd.DataFrame(
        {
            "customer_id": ids[payer], "booked_on": before(rng.integers(0, 720, len(payer))),
            "amount": np.round(amount * rng.lognormal(0, 0.5, len(payer)), 2),
            "kind": "card", "channel": rng.choice(["app", "branch"], len(payer)),
        }
    )  # fmt: skip
    control = rng.random(n) < 0.5
    bought = rng.random(n) < np.where(control, 0.1, 0.35)
    contacts = pd.DataFrame(
        {
            "campaign_id": "spring", "customer_id": ids, "contacted_on": dt.date(2024, 5, 1),
            "arm": np.where(control, "control", "offer"), "product_id": products[-1],
            "channel": "mail", "cost": np.where(control, 0.0, 1.0), "propensity": 0.5,
            "responded": bought, "value": np.where(bought, 100.0, 0.0),
        }
    )  # fmt: skip
    return {
        "customers": customers, "products": catalogue, "holdings": holdings,
        "transactions": transactions, "contacts": contacts,
    }  # fmt: skip


def without(*names: str, **more: Any) -> Frames:
    """The bank without some of its tables."""
    return {name: frame for name, frame in bank(**more).items() if name not in names}


def alone() -> Frames:
    return without("products", "holdings", "transactions", "contacts")


def changed(table: str, **columns: Any) -> Frames:
    """The bank with columns of a table set; a callable gets the table."""
    frames = bank()
    frames[table] = frames[table].assign(**columns)
    return frames


def cut(table: str, *names: str) -> Frames:
    """The bank with columns of a table emptied."""
    return changed(table, **dict.fromkeys(names))


def prospects(frames: Frames, *, known: bool = False) -> Frames:
    """Add prospects like the customers, whose answers have come in or not."""
    columns = [c for c in ("customer_id", "income", "job") if c in frames["customers"]]
    new = frames["customers"][columns].assign(customer_id=lambda t: "P" + t["customer_id"])
    if known:
        new["responded"] = np.arange(len(new)) % 4 == 0
    return {**frames, "prospects": new}


def several(*days: dt.date) -> Frames:
    """A bank with a campaign on each day, without control group."""
    frames = bank()
    one = frames["contacts"].assign(arm="offer", propensity=None)
    parts = [one.assign(campaign_id=f"wave {d}", contacted_on=d) for d in days]
    frames["contacts"] = pd.concat(parts, ignore_index=True)
    return frames


def only(arm: str) -> Frames:
    frames = bank()
    frames["contacts"] = frames["contacts"][frames["contacts"]["arm"] == arm]
    return frames


BANKS: dict[str, Callable[[], Frames]] = {
    "everything": bank,
    "customers_alone": alone,
    "ids_alone": lambda: {"customers": bank()["customers"][["customer_id"]]},
    "five_customers": lambda: bank(n=5),
    "one_customer": lambda: bank(n=1),
    "thirty_customers": lambda: bank(n=30),
    "holdings_undated": lambda: {
        k: v for k, v in cut("holdings", "opened_on").items()
        if k in ("customers", "products", "holdings")
    },
    "one_product": lambda: bank(products=("current",)),
    "forty_products": lambda: bank(products=tuple(f"p{i:02d}" for i in range(40))),
    "no_transactions": lambda: without("transactions"),
    "no_contacts": lambda: without("contacts"),
    "no_holdings": lambda: without("holdings"),
    "no_products": lambda: {
        k: v.assign(product_id=None) if k == "contacts" else v
        for k, v in without("products", "holdings").items()
    },
    "transactions_one_day": lambda: changed("transactions", booked_on=dt.date(2024, 6, 3)),
    "transactions_today": lambda: changed("transactions", booked_on=AS_OF),
    "transactions_old": lambda: changed("transactions", booked_on=dt.date(2020, 6, 3)),
    "amounts_equal": lambda: changed("transactions", amount=-10.0),
    "amounts_zero": lambda: changed("transactions", amount=0.0),
    "only_income": lambda: changed("transactions", amount=lambda t: t["amount"].abs()),
    "no_product_channel": lambda: cut("contacts", "product_id", "channel"),
    "product_unknown": lambda: cut("contacts", "product_id"),
    "channel_unknown": lambda: cut("contacts", "channel"),
    "control_without_product": lambda: changed(
        "contacts", product_id=lambda t: t["product_id"].where(t["arm"] != "control")
    ),
    "no_response_known": lambda: cut("contacts", "responded"),
    "no_outcome_at_all": lambda: cut("contacts", "responded", "value"),
    "half_response_known": lambda: changed(
        "contacts", responded=lambda t: t["responded"].where(t.index % 2 == 0)
    ),
    "all_responded": lambda: changed("contacts", responded=True),
    "nobody_responded": lambda: changed("contacts", responded=False, value=0.0),
    "control_never_bought": lambda: changed(
        "contacts", responded=lambda t: t["responded"] & (t["arm"] != "control")
    ),
    "only_control": lambda: only("control"),
    "only_offers": lambda: only("offer"),
    "chosen_targets": lambda: several(dt.date(2024, 5, 1)),
    "chosen_targets_twice": lambda: several(dt.date(2024, 2, 1), dt.date(2024, 5, 1)),
    "propensity_unknown": lambda: cut("contacts", "propensity"),
    "cost_unknown": lambda: cut("contacts", "cost"),
    "value_unknown": lambda: cut("contacts", "value"),
    "contacts_alone": lambda: {
        k: v.assign(product_id=None) if k == "contacts" else v
        for k, v in without("products", "holdings", "transactions").items()
    },
    "two_arms": lambda: changed(
        "contacts", arm=lambda t: np.where(t["arm"] == "control", "control",
                                           np.where(t.index % 2 == 0, "letter", "call"))
    ),
    "constant_attributes": lambda: changed("customers", income=1_000.0, job="clerk", region="N",
                                           gender="f", risk_tolerance=3),
    "one_level_text": lambda: changed("customers", job="clerk"),
    "empty_attributes": lambda: cut("customers", "income", "job", "birth_date", "gender",
                                    "region", "joined_on", "risk_tolerance"),
    "all_object": lambda: changed("customers", marketing_opt_out=True),
    "minors_only": lambda: changed(
        "customers", birth_date=dt.date(2012, 3, 4), joined_on=dt.date(2013, 1, 1)
    ),
    "no_margin": lambda: cut("products", "annual_margin"),
    "no_margin_no_value": lambda: {
        **cut("products", "annual_margin"), "contacts": cut("contacts", "value")["contacts"]
    },
    "no_margin_no_contacts": lambda: {
        k: v for k, v in cut("products", "annual_margin").items() if k != "contacts"
    },
    "some_margins": lambda: changed(
        "products", annual_margin=lambda t: t["annual_margin"].where(t.index < 3)
    ),
    "prospects": lambda: prospects(alone()),
    "prospects_and_contacts": lambda: prospects(several(dt.date(2024, 2, 1), dt.date(2024, 5, 1))),
    "prospects_answered": lambda: prospects(bank(), known=True),
    "all_hold_all": lambda: {
        k: v for k, v in bank().items() if k != "holdings"
    } | {"holdings": pd.DataFrame(
        [(c, p, dt.date(2020, 1, 1), None) for c in bank()["customers"]["customer_id"]
         for p in PRODUCTS], columns=["customer_id", "product_id", "opened_on", "closed_on"])},
    "forty_held_by_all": lambda: {
        **bank(n=60, products=tuple(f"p{i:02d}" for i in range(40))),
        "holdings": pd.DataFrame(
            [(f"K{c:05d}", f"p{i:02d}", dt.date(2020, 1, 1), None)
             for c in range(60) for i in range(40)],
            columns=["customer_id", "product_id", "opened_on", "closed_on"],
        ),
    },
    "joined_lately": lambda: changed("customers", joined_on=dt.date(2024, 12, 1)),
    "tables_without_rows": lambda: {
        name: frame if name == "customers" else frame.head(0) for name, frame in bank().items()
    },
    "ids_as_numbers": lambda: {
        name: frame.assign(customer_id=frame["customer_id"].str[1:])
        if "customer_id" in frame else frame for name, frame in bank(n=100).items()
    },
    "nobody_holds": lambda: changed(
        "holdings", opened_on=dt.date(2020, 1, 1), closed_on=dt.date(2024, 12, 1)
    ),
    "contacts_today": lambda: changed("contacts", contacted_on=AS_OF),
    "contacts_before_joining": lambda: changed("contacts", contacted_on=dt.date(1999, 1, 1)),
}  # fmt: skip
"""The banks by name."""

HOSTILE = {
    "current": "<script>alert('ZQX current')</script>",
    "savings": "R$ 5 ZQX savings R$ 10",
    "card": "{{ 7*7 }} {% raw %} {#sec-ZQX card}",
    "mortgage": "`ZQX` | *mortgage* _and_ [link](http://zqx.example) @fig-lift @x",
    "fund": f"ZQX {'fund ' * 59}",
    "insurance": "\u202eZQX \u05e2\u05d1\u05e8\u05d9\u05ea",
}
"""Names of products that are markup, formulas, templates, too long, or turn what follows them."""
HOSTILE_CHANNEL = "<u>ZQX mail</u> | $1$"
HOSTILE_STUDY: dict[str, Any] = {
    "title": "<script>alert('ZQX title')</script> R$ a R$ {{ x }} *b*",
    "description": "ZQX about <b>us</b>, R$ 1 a R$ 2 {{ x }} @fig-lift",
    "currency": "R$",
    "channels": [
        {"name": HOSTILE_CHANNEL, "cost": 1.0},
        {"name": "ZQX phone <em>*x*</em> R$", "cost": 5.0, "capacity": 50},
    ],
    "attributes": {
        "income": {"label": "income ZQX <b>$a$</b> *x*", "unit": "R$ a R$"},
        "job": {"label": "ZQX job | `x` @fig-lift", "role": "descriptor"},
    },
}
"""What study.yaml says of the hostile bank."""


def hostile() -> Frames:
    """The bank with names that would do harm as anything but text."""
    frames = bank(n=400)
    frames["products"]["name"] = list(HOSTILE.values())
    for table, column, names in (
        ("customers", "job", {"clerk": "<b>ZQX clerk</b>", "nurse": "$x^2$ ZQX nurse $y$",
                              "farmer": "ZQX two\nlines | [@knuth] **farmer**"}),
        ("customers", "region", {"North": "<i>ZQX North</i>", "South": "R$ ZQX South R$",
                                 "East": "`ZQX` {{ East }}"}),
        ("transactions", "channel", {"app": "<img src=x onerror=alert('ZQX app')>",
                                     "branch": "ZQX_*branch*_$b$"}),
        ("contacts", "arm", {"offer": "`ZQX offer` <s>$a$</s>", "control": "control"}),
    ):  # fmt: skip
        frames[table][column] = frames[table][column].map(names)
    frames["contacts"]["campaign_id"] = "<style>*{display:none}</style> ZQX spring R$ a R$"
    frames["contacts"]["channel"] = HOSTILE_CHANNEL
    return frames


CHANNELS = [{"name": "mail", "cost": 1.0}, {"name": "phone", "cost": 5.0, "capacity": 50}]
NO_CHANNELS = {"everything": "no_channels"}


def write(folder: Path, frames: Frames, **declared: Any) -> Path:
    """Write a bank's files, one SQL file a table and a study.yaml; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    attributes: dict[str, Any] = {
        "income": {"label": "Income", "unit": "EUR"}, "job": {"label": "Job", "role": "descriptor"}
    }  # fmt: skip
    for name, frame in frames.items():
        frame.to_csv(folder / f"raw_{name}.csv", index=False)
        casts = ", ".join(
            f'"{c}"::{TYPES[c]} AS "{c}"' if c in TYPES else f'"{c}"' for c in frame.columns
        )
        (folder / f"{name}.sql").write_text(f"SELECT {casts} FROM raw_{name}\n", encoding="utf-8")
    study = {
        "title": folder.name.replace("_", " "), "description": "A small bank.",
        "licence": "internal", "as_of": AS_OF, "currency": "EUR",
        "sources": [{"file": f"raw_{name}.csv"} for name in frames],
        "tables": {name: f"{name}.sql" for name in frames}, "channels": CHANNELS,
        "attributes": {k: v for k, v in attributes.items() if k in frames["customers"]},
    } | declared  # fmt: skip
    (folder / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    return folder


def write_named(folder: Path, name: str) -> Path:
    """Write one of `BANKS`; ``…:no_channels`` declares no channels."""
    known, _, option = name.partition(":")
    declared = {"channels": []} if option == "no_channels" else {}
    return write(folder / name.replace(":", "_"), BANKS[known](), **declared)
