"""Rank people who were never contacted by models of those who were.

The model is chosen by cross-validation on the contacted only; what the prospects did is not
looked at, and where it is known it only judges the ranking afterwards. Contacted customers alike in
all features stay in one fold: who was learnt from is not who is judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from pmlib.engine import collect
from pmlib.evaluation.targeting import classifiers, gains_table, typed
from pmlib.inference.learners import one_thread
from pmlib.inference.proportions import wilson
from pmlib.inference.ranking import auc_interval
from pmlib.numbers import Finding, Number, missing, needs

BEST_SHARE = 0.2
"""Share of prospects that can be approached; the criterion of choice is buyers found in it."""

_FOLDS, _REPEATS = 5, 2
_PAIR = ("shrunken_regression", "boosting")


def unranked(contacted: pd.DataFrame, features: Sequence[str]) -> str | None:
    """Why prospects cannot be ranked, by contacts of known outcome and the common features.

    ``no_common_feature``, or ``few_contacted``: fewer profiles of buyers or of others than folds.
    """
    if not features:
        return "no_common_feature"
    bought = contacted["responded"].astype(bool).to_numpy()
    profile = profiles(contacted[list(features)])
    enough = min(len(np.unique(profile[side])) for side in (bought, ~bought)) >= _FOLDS
    return None if enough else "few_contacted"


@needs("prospects")
def rank_prospects(
    tables: Mapping[str, nw.LazyFrame], contacts: pd.DataFrame, features: Sequence[str], *,
    seed: int, confidence_level: float = 0.95,
) -> Finding:  # fmt: skip
    """Choose a model on the contacted, then rank the prospects.

    Parameters
    ----------
    tables : mapping
        Canonical tables; ``prospects`` has ``customer_id``, those features that can be used and,
        where known, ``responded``.

    Returns
    -------
    Finding
        ``model, found, standard_error, auc, chosen``: cross-validated share of buyers among the
        best `BEST_SHARE`, and AUC. Further tables: *gains*, as `gains_table`, of the chosen model
        on contacted customers it was not learnt from; *ranking* with ``customer_id, rank`` (1 is
        first), ``score``: customer-level, never for the report. Absent, see `unranked`.
    """
    if contacts.empty:
        return missing("no_contacts")
    there = tables["prospects"].collect_schema().names()
    used = [name for name in features if name in there]
    columns = [name for name in ("customer_id", *used, "responded") if name in there]
    prospects = collect(tables["prospects"].select(*columns), sort_by=["customer_id"])
    contacts = contacts[contacts["responded"].notna()]
    y = contacts["responded"].astype(bool).to_numpy()
    if reason := unranked(contacts, used):
        return missing(reason)
    both = typed(pd.concat([contacts[used], prospects[used]], ignore_index=True))
    x, new = both.iloc[: len(y)], both.iloc[len(y) :]
    candidates, unseen = _cross_validated(x, y, seed)
    chosen = str(candidates.loc[candidates["found"].idxmax(), "model"])
    candidates["chosen"] = candidates["model"] == chosen
    gains = gains_table(unseen[chosen], y, confidence_level=confidence_level).assign(model=chosen)
    with one_thread():
        score = _all_scores(x, y, new, seed)[chosen]
    # Ties are broken by a seeded draw, not by the order of the file.
    order = np.lexsort((np.random.default_rng(seed).random(len(score)), -score))
    ranking = pd.DataFrame(
        {"customer_id": prospects["customer_id"].to_numpy()[order],
         "rank": np.arange(1, len(order) + 1), "score": score[order]}
    )  # fmt: skip
    known = prospects["responded"].to_numpy()[order] if "responded" in prospects else None
    best = candidates["found"].max()
    near = candidates["found"] + candidates["standard_error"] > best
    numbers = [
        Number("prospects_ranked", len(ranking), "customers"),
        Number("prospects_found_cv", best, "share"),
    ]
    facts: dict[str, str | bool] = {
        "prospects_model": chosen,
        "prospects_model_lead": "close" if near.sum() > 1 else "clear",
        "prospects_scored": known is not None and not pd.isna(known).any(),
    }
    quotes: dict[str, Any] = {"best_share": Number("", BEST_SHARE, "share", decimals=0)}
    if facts["prospects_scored"]:
        of_known, scored = _scored(np.asarray(known, bool), confidence_level)
        numbers.append(of_known)
        quotes |= scored
    tables = {"gains": gains, "ranking": ranking}
    return Finding(candidates, tuple(numbers), facts, quotes, tables)


def _all_scores(
    x: pd.DataFrame, y: np.ndarray, new: pd.DataFrame, seed: int
) -> dict[str, np.ndarray]:
    """Scores of every candidate model for new people."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import BernoulliNB
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    models = classifiers(x, seed=seed)
    columns = models.pop("regression")[0]
    models[_PAIR[0]] = make_pipeline(columns, LogisticRegression(C=0.01, max_iter=1000))
    rare = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=20)
    models["naive_bayes"] = make_pipeline(rare, BernoulliNB())
    scores = {name: m.fit(x, y).predict_proba(new)[:, 1] for name, m in models.items()}
    ranks = [pd.Series(scores[name]).rank(pct=True).to_numpy() for name in _PAIR]
    return scores | {"mean_rank": np.mean(ranks, axis=0)}


def _cross_validated(
    x: pd.DataFrame, y: np.ndarray, seed: int
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Judge every candidate; return the table and each model's scores of unseen customers.

    Scores of different folds are made comparable by their rank within the fold, and averaged over
    the repeats. Customers of one profile, that is alike in all features, share a fold.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    profile = profiles(x)
    folds = [
        StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=seed + repeat).split(x, y, profile)
        for repeat in range(_REPEATS)
    ]
    rows = []
    unseen: dict[str, np.ndarray] = {}
    with one_thread():
        for train, test in chain.from_iterable(folds):
            both = len(np.unique(y[test])) == 2  # large profiles can fill a fold
            scores = _all_scores(x.iloc[train], y[train], x.iloc[test], seed)
            for model, score in scores.items():
                ranks = unseen.setdefault(model, np.zeros(len(y)))
                ranks[test] += pd.Series(score).rank(pct=True).to_numpy() / _REPEATS
                if not both:
                    continue
                best = np.argsort(-score, kind="stable")[: round(BEST_SHARE * len(test))]
                found = y[test][best].sum() / y[test].sum()
                rows.append((model, found, auc_interval(score, y[test])[0]))
    grouped = pd.DataFrame(rows, columns=["model", "found", "auc"]).groupby("model", sort=False)
    # Folds overlap in training, so this is a guide, not an exact error.
    error = grouped["found"].std() / np.sqrt(_FOLDS * _REPEATS)
    summary = grouped.mean()
    summary.insert(1, "standard_error", error)
    return summary.reset_index(), unseen


def profiles(x: pd.DataFrame) -> np.ndarray:
    """Number of each row's profile: rows alike in all columns have the same."""
    return x.groupby(list(x), dropna=False, observed=True, sort=False).ngroup().to_numpy()


def _scored(buyers: np.ndarray, confidence_level: float) -> tuple[Number, dict[str, Number]]:
    """Count the buyers among the best, and what the text compares them with."""
    first, total = round(BEST_SHARE * len(buyers)), int(buyers.sum())
    found = int(buyers[:first].sum())
    low, high = wilson(np.array([found]), np.array([total]), confidence_level=confidence_level)
    by_chance = Number("", total * BEST_SHARE, decimals=1)
    quotes = {"first": Number("", first), "total": Number("", total), "by_chance": by_chance}
    number = Number("prospects_found", found, "count", low[0] * total, high[0] * total,
                    decimals=0, about=quotes)  # fmt: skip
    return number, quotes
