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
from pmlib.strategy.evidence import SECOND_HALF, contact_rows
from pmlib.strategy.plan import solve
from pmlib.strategy.policies import Comparison, verdict
from pmlib.strategy.programme import Programme

MAX_ROWS = 40_000
"""Pilot contacts used at most: the learner needs customers one by one."""

AT_REST = 0.05
"""Share of the pilot's contacts that may be so recent that their customers are left alone now."""

_STREAM = 4005


@needs()
def with_black_box(case: Case, comparison: Comparison) -> Comparison:
    """Add the black box to the policies compared, where a randomised pilot can teach it.

    It learns on one half of the pilot, plans and is judged on the other, and the other way round.
    The judge is inverse propensity weighting: of the customers of the other half who happened to
    get what the black box would have chosen for them, or were its control.

    Returns the comparison with the row ``black_box``, which has no ``combined_more``, its profit,
    and whether it earns more than the combined policy. Returns the comparison as it is where the
    pilot cannot teach: some half of an arm has no contact, or only buyers, or none; or more than
    `AT_REST` of those it contacted are in the cool-down, which leaves their controls behind.
    """
    if case.evidence.kind != "uplift":
        return comparison
    if _at_rest(case) > AT_REST:
        return comparison
    rows, state = _sample(case)
    rows["fold"] = rows["fold"].isin(SECOND_HALF).astype(int)
    outcomes = rows.groupby(["fold", "control"])["y"].nunique()
    through = rows["channel"].isin(case.catalogue.channel_names).any()
    if not through or len(outcomes) < 4 or outcomes.min() < 2:
        return comparison
    results = []
    for fold in (0, 1):
        learnt, judged = rows[rows["fold"] == fold], rows[rows["fold"] != fold]
        uplift = _uplift(learnt, judged, case)
        results.append(_judge(judged, state[judged.index], uplift, case))
    judged_twice = pd.DataFrame(results)
    mean = judged_twice.mean()
    # Customers of both halves give the error, as in `pmlib.strategy.judging`.
    z = normal_quantile(case.params.confidence_level)
    half = z * np.sqrt(mean["variance"] / len(results))
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


def _at_rest(case: Case) -> float:
    """Share of the pilot's contacts made within the cool-down."""
    rows = contact_rows(
        case.sources, case.catalogue, case.engine,
        outcome=case.evidence.outcome, seed=case.params.seed,
    ).filter(nw.col("usable"), ~nw.col("control"))  # fmt: skip
    rested = case.sources.as_of.toordinal() - case.params.cool_down
    late = (nw.col("day") > rested).cast(nw.Float64).mean()
    share = collect(rows.select(share=late), sort_by=())["share"].iloc[0]
    return 1.0 if pd.isna(share) else float(share)


def _sample(case: Case) -> tuple[pd.DataFrame, np.ndarray]:
    """Pilot contacts of customers who may be contacted now, with features, and their states."""
    seed, sources, menu = case.params.seed, case.sources, case.catalogue
    contacts = contact_rows(sources, menu, case.engine, outcome=case.evidence.outcome, seed=seed)
    contacts = contacts.filter(nw.col("usable"))
    share = min(1.0, MAX_ROWS / case.evidence.tallies["rows"].sum())
    known = [
        name
        for name, attribute in case.study.attributes.items()
        if attribute.role != "sensitive" and attribute.known_before_contact
    ]
    features = {name: nw.col(name) for name in known}
    features |= {name: day_number(name) for name in ("birth_date", "joined_on")}
    features["risk_tolerance"] = nw.col("risk_tolerance")
    columns = sources.customers.collect_schema().names()
    features = {f"x_{name}": told for name, told in features.items() if name in columns}
    people = sources.customers.select("customer_id", **features)
    # Who bought then is left in: judged without buyers, every policy would seem to sell nothing.
    before = case.study.scan("holdings", case.engine) if case.study.has("holdings") else None
    sources = replace(sources, holdings=before, flags=None)
    states = customer_states(sources, menu, cool_down=case.params.cool_down)
    drawn = states.drop("segment").filter(uniform("customer_hash", seed=seed + _STREAM) < share)
    joined = contacts.join(drawn, on="customer_id", how="inner")
    joined = joined.join(people, on="customer_id", how="inner")
    table = collect(joined, sort_by=["campaign_id", "customer_id", "product_id"])
    if case.evidence.common_control:  # its rows repeat for every product; here one is enough
        table = table.drop_duplicates(["campaign_id", "customer_id"], ignore_index=True)
    codes = [c for c in table.columns if c.startswith("code")]
    state = decode(table[codes].to_numpy(dtype=np.int64), n_products=len(menu.products))
    own = [c for c in table.columns if c.startswith("held_") or c in {"segment", "holds"}]
    table = table.rename(columns={c: f"x_{c}" for c in own})
    for column in [c for c in table.columns if c.startswith("x_")]:
        if table[column].dtype == object or table[column].dtype == bool:
            table[column] = pd.factorize(table[column].astype(str), sort=True)[0]
        table[column] = table[column].astype(float)
    return table, state


def _uplift(learnt: pd.DataFrame, judged: pd.DataFrame, case: Case) -> np.ndarray:
    """(n, P, C) predicted uplift of every offer to every judged contact."""
    is_rate = case.evidence.outcome == "response"
    names = [c for c in learnt.columns if c.startswith("x_")]

    def table(rows: pd.DataFrame, product: object, channel: object) -> np.ndarray:
        return rows[names].assign(product=product, channel=channel).to_numpy(dtype=float)

    def fit(rows: pd.DataFrame) -> object:
        X = table(rows, *_positions(rows, case))
        model = boosted_trees(
            "class" if is_rate else "number",
            learning_rate=0.08, trees=60, bins=63, stops_early=True, seed=0,
        )  # fmt: skip
        return model.fit(X, rows["y"], sample_weight=rows["weight"])

    def predict(model: object, X: np.ndarray) -> np.ndarray:
        return model.predict_proba(X)[:, 1] if is_rate else model.predict(X)  # type: ignore[attr-defined]

    uplift = np.empty((len(judged), len(case.catalogue.products), len(case.catalogue.channels)))
    with one_thread():
        offered, control = (fit(learnt[learnt["control"] == arm]) for arm in (False, True))
        for p in range(uplift.shape[1]):
            base = predict(control, table(judged, p, -1))
            for c in range(uplift.shape[2]):
                uplift[:, p, c] = predict(offered, table(judged, p, c)) - base
    return uplift


def _judge(
    judged: pd.DataFrame, state: np.ndarray, uplift: np.ndarray, case: Case
) -> dict[str, float]:
    """Plan for the judged customers, each a group, and weigh up what they did."""
    menu, n = case.catalogue, len(judged)
    margin = menu.net_margins
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
    product, through = _positions(judged, case)
    control, at = judged["control"].to_numpy(), np.arange(n)
    # A control stands for every channel, and for every product where it was assigned to none.
    loads = chosen * margin[:, None]
    everything = loads if case.evidence.common_control else loads[at, product, None]
    of_control = everything.sum(axis=(1, 2))
    load = np.where(control, -of_control, loads[at, product, through])
    gains = load * (judged["weight"] * judged["y"]).to_numpy() - (chosen * cost).sum(axis=(1, 2))
    return {
        "promised": plan.profit * scale,
        "held_out": gains.sum() * scale,
        "variance": gains.var() * n * scale**2,
        "contacts": chosen.sum() * scale,
        "spend": (chosen * cost).sum() * scale,
    }


def _positions(rows: pd.DataFrame, case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Product and channel of each row; -1 where it has no channel."""
    products, channels = (
        pd.Index(case.catalogue.product_ids),
        pd.Index(case.catalogue.channel_names),
    )
    return products.get_indexer(rows["product_id"]), channels.get_indexer(rows["channel"])
