"""The five steps as one would write them in an afternoon: pandas, scikit-learn and mlxtend, plain.

    python benchmarks/plain.py FOLDER            # a folder of canonical tables, as a study has them

It describes the customers, clusters all of them for each k and takes the largest silhouette, finds
rules, offers each customer the product and channel that the pilot's raw rates let expect most from,
best first within budget and capacity, and compares the arms of the pilot. Nothing is tested on
other customers, nothing has an interval, nothing is drawn or written up. `make bench` sets the
whole study beside it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd
from mlxtend.frequent_patterns import association_rules, fpgrowth
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score
from sklearn.preprocessing import StandardScaler

COST = {"email": 0.25, "letter": 1.5, "phone": 6.0}
CAPACITY = {"email": 6_000, "letter": 5_000, "phone": 1_000}
BUDGET, K_MAX, SEED = 6_000.0, 10, 1


def features(tables: dict[str, pd.DataFrame], as_of: pd.Timestamp) -> pd.DataFrame:
    """(customers, features) behaviour over the year before the day, missing where there is none."""
    payments = tables["transactions"]
    days = pd.to_datetime(payments["booked_on"])
    window = payments[(days <= as_of) & (days > as_of - pd.Timedelta(days=365))]
    window = window.assign(booked_on=days, amount=window["amount"].astype(float))
    of = window.groupby("customer_id")
    found = pd.DataFrame(
        {
            "n_transactions": of.size(),
            "money_in": window["amount"].clip(lower=0).groupby(window["customer_id"]).sum(),
            "money_out": -window["amount"].clip(upper=0).groupby(window["customer_id"]).sum(),
            "recency": (as_of - of["booked_on"].max()).dt.days,
        }
    )
    customers = tables["customers"].set_index("customer_id")
    found = found.reindex(customers.index)
    found["tenure"] = (as_of - pd.to_datetime(customers["joined_on"])).dt.days
    held = holdings(tables, as_of)
    found["n_products"] = held.groupby("customer_id").size().reindex(found.index).fillna(0)
    return found.sort_index()


def holdings(tables: dict[str, pd.DataFrame], as_of: pd.Timestamp) -> pd.DataFrame:
    """Products held on the day, each once a customer."""
    held = tables["holdings"]
    opened, closed = (pd.to_datetime(held[name]) for name in ("opened_on", "closed_on"))
    held = held[(opened <= as_of) & ~(closed <= as_of)]
    return held.drop_duplicates(["customer_id", "product_id"])


def segments(known: pd.DataFrame) -> pd.Series:
    """Segment of each customer, of the k with the largest silhouette."""
    matrix = StandardScaler().fit_transform(known.fillna(0))
    labels = {
        k: KMeans(k, n_init=10, random_state=SEED).fit_predict(matrix) for k in range(2, K_MAX + 1)
    }
    scores = {k: silhouette_score(matrix, found) for k, found in labels.items()}
    return pd.Series(labels[max(scores, key=scores.__getitem__)], index=known.index)


def rules(held: pd.DataFrame) -> pd.DataFrame:
    """Rules among products, with mlxtend's measures."""
    table = pd.crosstab(held["customer_id"], held["product_id"]).astype(bool)
    return association_rules(fpgrowth(table, 0.01, use_colnames=True), min_threshold=0.1)


def plan(tables: dict[str, pd.DataFrame], segment: pd.Series, held: pd.DataFrame) -> pd.DataFrame:
    """One offer a customer: ``customer_id, product_id, channel, expected`` (currency)."""
    pilot = tables["contacts"].assign(segment=tables["contacts"]["customer_id"].map(segment))
    offered = pilot[pilot["arm"] != "control"]
    rates = offered.groupby(["segment", "product_id", "channel"])["responded"].mean()
    base = pilot[pilot["arm"] == "control"].groupby(["segment", "product_id"])["responded"].mean()
    cells = rates.rename("rate").reset_index().merge(
        base.rename("base").reset_index(), on=["segment", "product_id"], how="left"
    )  # fmt: skip
    margin = tables["products"].set_index("product_id")["annual_margin"]
    cells["cost"] = cells["channel"].map(COST)
    worth = (cells["rate"] - cells["base"].fillna(0)) * cells["product_id"].map(margin)
    cells["expected"] = worth - cells["cost"]
    people = tables["customers"][~tables["customers"]["marketing_opt_out"].astype(bool)]
    choices = people[["customer_id"]].assign(segment=people["customer_id"].map(segment))
    choices = choices.merge(cells[cells["expected"] > 0], on="segment")
    owned = held[["customer_id", "product_id"]].assign(owned=True)
    choices = choices.merge(owned, on=["customer_id", "product_id"], how="left")
    choices = choices[choices["owned"].isna()].sort_values("expected", ascending=False)
    choices = choices.drop_duplicates("customer_id")
    choices = choices[choices.groupby("channel").cumcount() < choices["channel"].map(CAPACITY)]
    return choices[choices["cost"].cumsum() <= BUDGET]


def study(folder: Path) -> dict[str, float]:
    """All five steps; what they come to."""
    tables = {path.stem: pd.read_parquet(path) for path in folder.glob("*.parquet")}
    as_of = pd.to_datetime(tables["customers"]["joined_on"]).max()
    known, held = features(tables, as_of), holdings(tables, as_of)
    known.describe()
    segment = segments(known)
    found, chosen = rules(held), plan(tables, segment, held)
    pilot = tables["contacts"]
    arms = pilot.groupby(pilot["arm"] == "control")["responded"].agg(["mean", "size"])
    return {
        "segments": int(segment.nunique()),
        "rules": len(found),
        "planned": len(chosen),
        "promised": float(chosen["expected"].sum()),
        "effect": float(arms["mean"].get(False, 0.0) - arms["mean"].get(True, 0.0)),
    }


if __name__ == "__main__":
    print(json.dumps(study(Path(sys.argv[1]))))
