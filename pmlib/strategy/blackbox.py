"""A black-box uplift learner with the same budget: how much the cells leave on the table.

A T-learner: gradient boosting learns the response of those offered and of the control apart;
the difference of the two predictions is a customer's uplift. It sees every attribute known
before the contact, the segment, and the products held; no one can read it. It plans for each
customer of a sample by the same programme as the cells, on what it learnt from the other half.
"""

from __future__ import annotations

from dataclasses import replace

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.engine import collect, day_number, uniform
from pmlib.inference.learners import boosted_trees, one_thread
from pmlib.inference.normal import normal_quantile
from pmlib.numbers import Number, needs
from pmlib.strategy.case import Case
from pmlib.strategy.cells import ELIGIBLE, NOT_ELIGIBLE, Groups, customer_states, decode
from pmlib.strategy.evidence import contact_rows
from pmlib.strategy.plan import solve
from pmlib.strategy.policies import Comparison, verdict
from pmlib.strategy.programme import Programme

MAX_ROWS = 40_000
"""Pilot contacts used at most: the learner needs customers one by one."""

_STREAM = 4005


@needs()
def with_black_box(case: Case, comparison: Comparison) -> Comparison:
    """Add the black box to the policies compared, where a randomised pilot can teach it.

    It learns on one half of the pilot, plans and is judged on the other, and the other way round.
    The judge is inverse propensity weighting: of the customers of the other half who happened to
    get what the black box would have chosen for them, or were its control.

    Returns the comparison with the row ``black_box``, which has no ``combined_more``, its profit,
    and whether it earns more than the combined policy.
    """
    if case.evidence.kind != "uplift":
        return comparison
    rows, state = _sample(case)
    names = [c for c in rows.columns if c.startswith("x_")]
    results = []
    for fold in (0, 1):
        learnt, judged = rows[rows["fold"] == fold], rows[rows["fold"] != fold]
        uplift = _uplift(learnt, judged, names, case)
        results.append(_judge(judged, state[judged.index], uplift, case))
    columns = ["promised", "held_out", "variance", "contacts", "spend"]
    judged_twice = pd.DataFrame(results, columns=columns)
    mean = judged_twice.mean()
    # The two judgements need not be independent, as in `pmlib.strategy.policies.compare`.
    z = normal_quantile(case.params.confidence_level)
    half = z * np.sqrt(judged_twice["variance"]).mean()
    low, high = mean["held_out"] - half, mean["held_out"] + half
    told = mean[["promised", "held_out", "contacts", "spend"]].to_dict()
    row = pd.DataFrame([{"policy": "black_box", **told, "low": low, "high": high}])
    combined = comparison.held_out("combined")
    number = Number("profit_black_box", mean["held_out"], "currency", low, high)
    return replace(
        comparison,
        table=pd.concat([comparison.table, row], ignore_index=True),
        numbers=(*comparison.numbers, number),
        facts={**comparison.facts, "black_box": verdict(low - combined, high - combined)},
    )


def _sample(case: Case) -> tuple[pd.DataFrame, np.ndarray]:
    """Pilot contacts of customers who may be contacted now, with features, and their states."""
    seed = case.params.seed
    contacts = contact_rows(
        case.sources, case.catalogue, case.engine, outcome=case.evidence.outcome, seed=seed
    ).filter(nw.col("usable"))
    share = min(1.0, MAX_ROWS / case.evidence.tallies["rows"].sum())
    known = [
        name
        for name, attribute in case.study.attributes.items()
        if attribute.role != "sensitive" and attribute.known_before_contact
    ]
    columns = case.sources.customers.collect_schema()
    features = [nw.col(name).alias(f"x_{name}") for name in known if name in columns.names()]
    features += [
        day_number(name).alias(f"x_{name}")
        for name in ("birth_date", "joined_on")
        if name in columns.names()
    ]
    if "risk_tolerance" in columns.names():
        features.append(nw.col("risk_tolerance").alias("x_risk_tolerance"))
    people = case.sources.customers.select("customer_id", *features)
    # Who bought then is left in: judged without buyers, every policy would seem to sell nothing.
    before = case.study.scan("holdings", case.engine) if case.study.has("holdings") else None
    states = customer_states(
        replace(case.sources, holdings=before), case.catalogue, cool_down=case.params.cool_down
    )
    joined = (
        contacts.join(states.drop("segment"), on="customer_id", how="inner")
        .filter(uniform("customer_hash", seed=seed + _STREAM) < share)
        .join(people, on="customer_id", how="inner")
    )
    table = collect(joined, sort_by=["campaign_id", "customer_id", "product_id"])
    if case.evidence.common_control:  # its rows repeat for every product; here one is enough
        table = table.drop_duplicates(["campaign_id", "customer_id"], ignore_index=True)
    codes = [c for c in table.columns if c.startswith("code")]
    state = decode(table[codes].to_numpy(dtype=np.int64), n_products=len(case.catalogue.products))
    held = [c for c in table.columns if c.startswith("held_")]
    table = table.rename(columns={c: f"x_{c}" for c in [*held, "segment", "holds"]})
    for column in [c for c in table.columns if c.startswith("x_")]:
        if table[column].dtype == object or table[column].dtype == bool:
            table[column] = pd.factorize(table[column].astype(str), sort=True)[0]
        table[column] = table[column].astype(float)
    return table, state


def _uplift(learnt: pd.DataFrame, judged: pd.DataFrame, names: list[str], case: Case) -> np.ndarray:
    """(n, P, C) predicted uplift of every offer to every judged contact."""
    is_rate = case.evidence.outcome == "response"
    products, channels = case.catalogue.product_ids, case.catalogue.channel_names
    what = {p: float(i) for i, p in enumerate(products)}
    how = {c: float(i) for i, c in enumerate(channels)}

    def table(rows: pd.DataFrame, product: object, channel: object) -> np.ndarray:
        return rows[names].assign(product=product, channel=channel).to_numpy(dtype=float)

    def fit(rows: pd.DataFrame) -> object:
        X = table(rows, rows["product_id"].map(what), rows["channel"].map(how).fillna(-1.0))
        model = boosted_trees(
            "class" if is_rate else "number",
            learning_rate=0.08, trees=60, bins=63, stops_early=True, seed=0,
        )  # fmt: skip
        return model.fit(X, rows["y"], sample_weight=rows["weight"])

    def predict(model: object, X: np.ndarray) -> np.ndarray:
        return model.predict_proba(X)[:, 1] if is_rate else model.predict(X)  # type: ignore[attr-defined]

    uplift = np.empty((len(judged), len(products), len(channels)))
    with one_thread():
        offered, control = (fit(learnt[learnt["control"] == arm]) for arm in (False, True))
        for p, product in enumerate(products):
            base = predict(control, table(judged, what[product], -1.0))
            for c, channel in enumerate(channels):
                uplift[:, p, c] = predict(offered, table(judged, what[product], how[channel]))
                uplift[:, p, c] -= base
    return uplift


def _judge(
    judged: pd.DataFrame, state: np.ndarray, uplift: np.ndarray, case: Case
) -> tuple[float, float, float, float, float]:
    """Plan for the judged customers, each a group, and weigh up what they did."""
    menu, n = case.catalogue, len(judged)
    margin = menu.products["margin"].to_numpy()
    cost = menu.channels["cost"].to_numpy()
    tried = np.isin(menu.channel_names, judged["channel"])
    value = np.where(tried, uplift * margin[:, None] - cost, -np.inf)[:, None] * case.made
    everyone = Groups(
        segment=np.arange(n),
        state=np.where(state == NOT_ELIGIBLE, NOT_ELIGIBLE, ELIGIBLE).astype(np.int8),
        size=np.ones(n, dtype=np.int64),
        products=menu.product_ids,
        segments=tuple(range(n)),
    )
    scale = case.groups.n_customers / n
    planned_cost, limits = case.costs_and_limits()
    room = tuple(c / scale for c in limits.capacity)
    limits = replace(limits, budget=limits.budget / scale, capacity=room, min_contacts=0)
    plan = solve(Programme(everyone, np.repeat(value, 2, axis=1), planned_cost, limits))
    chosen = plan.contacts[:, 0].astype(float) * case.made  # (n, P, C)
    product = judged["product_id"].map({p: i for i, p in enumerate(menu.product_ids)}).to_numpy()
    channel = judged["channel"].map({c: i for i, c in enumerate(menu.channel_names)})
    control = judged["control"].to_numpy()
    at, through = np.arange(n), channel.fillna(0).astype(int).to_numpy()
    # A control stands for every channel, and for every product where it was assigned to none.
    loads = chosen * margin[:, None]
    of_control = (
        loads.sum(axis=(1, 2)) if case.evidence.common_control else (loads[at, product].sum(axis=1))
    )
    load = np.where(control, -of_control, loads[at, product, through])
    gains = load * (judged["weight"] * judged["y"]).to_numpy() - (chosen * cost).sum(axis=(1, 2))
    return (
        float(plan.profit * scale),
        float(gains.sum() * scale),
        float(gains.var() * n * scale**2),
        float(chosen.sum() * scale),
        float((chosen * cost).sum() * scale),
    )
