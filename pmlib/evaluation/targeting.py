"""Targeting where no control exists: train on the past, judge on the future.

Without a control group nobody can say what a contact caused. What can be judged is a ranking:
would it have found the buyers among later contacts? A random split answers another question,
because it lets the model learn from the very weeks it is judged on.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pmlib.errors import StudyError
from pmlib.inference.learners import boosted_trees, one_thread
from pmlib.inference.proportions import equal_shares, wilson
from pmlib.inference.ranking import auc_interval
from pmlib.numbers import Finding, Level, Number, missing, needs

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

DEPTHS = np.round(np.arange(0.05, 1.001, 0.05), 2)
LATER, RANDOM = "later", "random"

TRAINING_SHARE, WINDOWS = 0.7, 4
"""Share of contacts, the earliest, to learn from, and the number of later windows to judge on."""

FEWEST = 5
"""A part to learn from or to judge on has at least so many buyers, and others."""


def classifiers(frame: pd.DataFrame, *, seed: int) -> dict[str, Pipeline]:
    """The two classifiers compared, a linear one and a tree ensemble, of features as `typed`."""
    # Most studies have a control group and need no classifier: sklearn is not imported for them.
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

    text = [c for c in frame if not pd.api.types.is_numeric_dtype(frame[c])]
    numbers = [c for c in frame if c not in text]
    indicators = OneHotEncoder(handle_unknown="ignore")
    scaled = make_column_transformer((StandardScaler(), numbers), (indicators, text))
    logistic = make_pipeline(scaled, LogisticRegression(max_iter=1000))
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    boosting = make_pipeline(
        make_column_transformer((codes, text), ("passthrough", numbers)),
        boosted_trees(learning_rate=0.05, leaves=15, smallest_leaf=50, stops_early=True, seed=seed),
    )
    return {"regression": logistic, "boosting": boosting}


def unjudged(contacts: pd.DataFrame, features: Sequence[str]) -> str | None:
    """Why a ranking learnt on the first contacts cannot be judged on the later; None if it can.

    ``no_outcome``, ``one_date``, ``no_feature``, or ``few_buyers``, see `FEWEST`. The contacts have
    a known outcome, in the order of time.
    """
    if contacts.empty:
        return "no_outcome"
    if contacts["contacted_on"].nunique() < 2:
        return "one_date"
    if not features:
        return "no_feature"
    y = contacts["responded"].astype(bool).to_numpy()
    cut = int(TRAINING_SHARE * len(y))
    parts = [y[:cut], *np.split(y[cut:], _edges(len(y), cut, WINDOWS)[1:-1] - cut)]
    enough = all(min(part.sum(), (~part).sum()) >= FEWEST for part in parts)
    return None if enough else "few_buyers"


@needs(section="targeting-over-time")
def judge_over_time(
    contacts: pd.DataFrame, features: Sequence[str], *, seed: int,
    windows: int = WINDOWS, confidence_level: float = 0.95,
) -> Finding:  # fmt: skip
    """Train on the first contacts, judge on the later ones, with a random split beside it.

    Contacts must be in the order of time, and features known before: one that only the contact
    itself reveals would make any figure here worthless.

    Parameters
    ----------
    windows : int
        Later windows for the rolling judgement, of equal numbers of contacts; 0 for none.

    Returns
    -------
    Finding
        ``split`` (later or random contacts), ``model, contacts, buyers, auc, low, high``. Further
        tables: *drift*, the response over time, with ``tenth, first_contact, last_contact,
        contacts, response, low, high``; *rolling*, trained on all contacts before each window,
        with ``window, first_contact, last_contact, model, contacts, buyers, auc, low, high``;
        *gains* on the later contacts, as `gains_table`, with ``model``.

    Raises
    ------
    StudyError
        No feature; contacts out of order.
    """
    if not features:
        raise StudyError(
            "Targeting needs attributes known before the contact.", where="study.yaml, attributes",
            found="none is declared with known_before_contact: true",
        )  # fmt: skip
    if not contacts["contacted_on"].is_monotonic_increasing:
        raise StudyError("Contacts must come in the order of time.", where="contacts.contacted_on")
    x, y = typed(contacts[list(features)]), contacts["responded"].astype(bool).to_numpy()
    n, cut = len(y), int(TRAINING_SHARE * len(y))
    rows, scores = [], {}
    orders = {LATER: np.arange(n), RANDOM: np.random.default_rng(seed).permutation(n)}
    for split, order in orders.items():
        scores[split], areas = _judged(x, y, order[:cut], order[cut:], seed, confidence_level)
        rows += [{"split": split, **row} for row in areas]
    found = [
        gains_table(score, y[cut:], confidence_level=confidence_level).assign(model=model)
        for model, score in scores[LATER].items()
    ]
    auc, gains = pd.DataFrame(rows), pd.concat(found, ignore_index=True)
    rolling = _rolling(x, y, contacts["contacted_on"], cut, windows, seed, confidence_level)
    drift = _drift(contacts["contacted_on"], y, confidence_level)
    best = auc.loc[auc.groupby("split")["auc"].idxmax()].set_index("split")
    # The two splits judge on different contacts, mostly, so their errors add up.
    gap = best.loc[RANDOM, "auc"] - best.loc[LATER, "auc"]
    error = np.hypot(*(best["high"] - best["low"])) / 2
    p_value = equal_shares(drift["response"] * drift["contacts"], drift["contacts"])
    ends = {end: Number("", drift["response"].agg(end), "share") for end in ("min", "max")}
    numbers = [
        Number(f"auc_{row.split}_{row.model}", row.auc, "ratio", row.low, row.high, decimals=3)
        for row in auc.itertuples()
    ]
    numbers += [
        Number(f"found_in_best_half_{row.model}", row.found, "share", row.found_low, row.found_high)
        for row in gains[gains["depth"] == 0.5].itertuples()
    ]
    numbers.append(Number("targeting_drift_p", p_value, "p"))
    facts = {
        "random_split": "flatters" if gap > error else "not_shown",
        "targeting_drift": "varied" if p_value < 1 - confidence_level else "level",
    }
    tables = {"drift": drift, "rolling": rolling, "gains": gains}
    return Finding(auc, tuple(numbers), facts, {"least": ends["min"], "most": ends["max"]}, tables)


def gains_table(
    score: np.ndarray, bought: np.ndarray, *, depths: np.ndarray = DEPTHS,
    confidence_level: float = 0.95,
) -> pd.DataFrame:  # fmt: skip
    """Share of buyers found among the best ranked, at each depth.

    Ties at the cut are shared out evenly (the expected number of buyers under random order
    within ties). The interval is Wilson's for the share of buyers.

    Returns
    -------
    DataFrame
        ``depth, contacts, buyers, found, found_low, found_high, lift, lift_low, lift_high``.
    """
    order = np.argsort(-score, kind="stable")
    ranked = pd.Series(bought[order].astype(float))
    ranked = ranked.groupby(score[order], sort=False).transform("mean")
    cumulative = ranked.cumsum().to_numpy()
    contacts = np.maximum((depths * len(score)).round().astype(int), 1)
    buyers = cumulative[contacts - 1]
    total = np.full(len(depths), bought.sum(), float)
    low, high = wilson(buyers, total, confidence_level=confidence_level)
    table = pd.DataFrame(
        {"depth": depths, "contacts": contacts, "buyers": buyers, "found": buyers / total,
         "found_low": low, "found_high": high}
    )  # fmt: skip
    for end in ("", "_low", "_high"):
        table[f"lift{end}"] = table[f"found{end}"] / table["depth"]
    return table


@needs(section="targeting-over-time")
def profit_curve(
    targeting: Finding, contacts: pd.DataFrame, *, margin: float | None,
    confidence_level: float = 0.95,
) -> Finding:  # fmt: skip
    """Profit of contacting the best ranked, were each sale due to its contact.

    Without control that is an upper bound: some would have bought anyway. The profit is that of
    the *gains* of `judge_over_time` at the mean ``cost`` of the contacts and the `margin` in
    currency a sale (None where it is not known).

    Returns
    -------
    Finding
        ``model, depth, contacts, profit, profit_low, profit_high``, with Wilson's interval of the
        response among those contacted.
    """
    if margin is None:
        return missing("no_margin")
    cost = float(contacts["cost"].mean())
    gains = targeting.of("gains")
    low, high = wilson(gains["buyers"], gains["contacts"], confidence_level=confidence_level)
    response = gains["buyers"] / gains["contacts"]
    curve = gains[["model", "depth", "contacts"]].copy()
    for end, share in (("", response), ("_low", low), ("_high", high)):
        curve[f"profit{end}"] = gains["contacts"] * (share * margin - cost)
    best = curve.loc[curve["profit"].idxmax()]
    pays, bought = (Number("", share, "share") for share in (cost / margin, response.iloc[-1]))
    quotes = {"pays": pays, "bought": bought, "model": Level("model", best["model"])}
    facts = {"calling_pays": "everybody" if best["depth"] == 1 else "the_best"}
    depth = Number("profit_best_depth", best["depth"], "share", decimals=0)
    return Finding(curve, (depth,), facts, quotes)


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Booleans and text as text with missing as a category of its own; numbers as float."""
    out = {}
    for column, values in frame.items():
        if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
            out[column] = values.astype(float).fillna(values.median())
        else:
            out[column] = values.astype(object).where(values.notna(), "unknown").astype(str)
    return pd.DataFrame(out).astype({c: object for c in out if out[c].dtype != float})


def _judged(
    x: pd.DataFrame, y: np.ndarray, train: np.ndarray, judge: np.ndarray, seed: int,
    confidence_level: float,
) -> tuple[dict[str, np.ndarray], list[dict[str, object]]]:  # fmt: skip
    """Scores of the contacts to judge by each model of those to train on, and its AUC."""
    with one_thread():
        scores = {
            name: model.fit(x.iloc[train], y[train]).predict_proba(x.iloc[judge])[:, 1]
            for name, model in classifiers(x, seed=seed).items()
        }
    size, rows = {"contacts": len(judge), "buyers": int(y[judge].sum())}, []
    for model, score in scores.items():
        auc, low, high = auc_interval(score, y[judge], confidence_level=confidence_level)
        rows.append({"model": model, **size, "auc": auc, "low": low, "high": high})
    return scores, rows


def _edges(n: int, first: int, windows: int) -> np.ndarray:
    """Where the windows of later contacts begin, and the last ends."""
    return np.linspace(first, n, windows + 1).astype(int)


def _rolling(
    x: pd.DataFrame, y: np.ndarray, dates: pd.Series, first: int, windows: int, seed: int,
    confidence_level: float,
) -> pd.DataFrame:  # fmt: skip
    """Judge each window on a model trained on everything before it."""
    edges = _edges(len(y), first, windows)
    rows = []
    for window, (start, end) in enumerate(pairwise(edges), start=1):
        parts = np.arange(start), np.arange(start, end)
        span = {"window": window, "first_contact": dates.iloc[start],
                "last_contact": dates.iloc[end - 1]}  # fmt: skip
        rows += [{**span, **row} for row in _judged(x, y, *parts, seed, confidence_level)[1]]
    return pd.DataFrame(rows)


def _drift(dates: pd.Series, bought: np.ndarray, confidence_level: float) -> pd.DataFrame:
    tenth = np.arange(len(bought)) * 10 // len(bought) + 1
    frame = pd.DataFrame({"tenth": tenth, "date": dates.to_numpy(), "bought": bought})
    table = frame.groupby("tenth", as_index=False).agg(
        first_contact=("date", "first"), last_contact=("date", "last"),
        contacts=("bought", "size"), buyers=("bought", "sum"),
    )  # fmt: skip
    buyers, contacts = table.pop("buyers"), table["contacts"]
    low, high = wilson(buyers, contacts, confidence_level=confidence_level)
    return table.assign(response=buyers / contacts, low=low, high=high)
