"""Rules found on one half of the customers, tested on the other half."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from pmlib.association.measures import measures
from pmlib.association.rules import fisher_p_values

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pmlib.association.baskets import Baskets


def rules_on_holdout(
    scopes: Iterable[tuple[int, pd.DataFrame, Baskets]],
    *,
    error_rate: float = 0.05,
    correction: Literal["holm", "bh"] = "holm",
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Test candidate rules on customers they were not found on.

    Parameters
    ----------
    scopes : iterable of (int, pandas.DataFrame, Baskets)
        Number of a scope (0: all customers, else a segment), its candidate rules (antecedent,
        consequent, lift on the discovery half), and the baskets of its hold-out half.
    error_rate : float
        Family-wise error rate (Holm) or false discovery rate (Benjamini–Hochberg) over all rules
        of all scopes together.
    correction : {"holm", "bh"}
    confidence_level : float
        Of the intervals.

    Returns
    -------
    pandas.DataFrame
        A row a rule, strongest evidence first: antecedent, consequent, scope; the counts and all
        of `pmlib.association.measures.measures` **on the hold-out half**; lift_found (lift on the
        discovery half); p_value (`pmlib.association.rules.fisher_p_values`), p_adjusted;
        survives (bool).

    Notes
    -----
    Correction by Holm (1979) or Benjamini & Hochberg (1995). Only the rules that come this far
    are corrected for: how many were looked at on the discovery half does not matter, because the
    hold-out half has not been seen (Webb 2007, doi:10.1007/s10994-007-5006-x).
    """
    from statsmodels.stats.multitest import multipletests

    tested = [
        _test(candidates, holdout, confidence_level=confidence_level).assign(scope=scope)
        for scope, candidates, holdout in scopes
    ]
    frame = pd.concat([part for part in tested if len(part)] or tested[:1], ignore_index=True)
    frame.insert(2, "scope", frame.pop("scope").astype("int64"))
    if len(frame):
        method = {"holm": "holm", "bh": "fdr_bh"}[correction]
        survives, adjusted, *_ = multipletests(frame["p_value"], alpha=error_rate, method=method)
    else:
        survives, adjusted = np.zeros(0, dtype=bool), np.zeros(0)
    frame["p_adjusted"], frame["survives"] = adjusted, survives
    frame = frame.sort_values(["p_value", "lift"], ascending=[True, False], kind="stable")
    return frame.reset_index(drop=True)


def _test(candidates: pd.DataFrame, holdout: Baskets, *, confidence_level: float) -> pd.DataFrame:
    """Measures and p-values of one scope's rules."""
    antecedents = [frozenset(X) for X in candidates["antecedent"]]
    targets = [frozenset({y}) for y in candidates["consequent"]]
    needed: dict[frozenset[str], None] = {frozenset(): None}
    for X, y in zip(antecedents, targets, strict=True):
        for part in (X, *(X - {x} for x in X)):
            needed |= {part: None, part | y: None}
        needed[y] = None
    count = dict(zip(needed, holdout.count(list(needed)).tolist(), strict=True))

    frame = candidates[["antecedent", "consequent"]].copy()
    frame["n"] = holdout.total
    frame["n_antecedent"] = _whole(count[X] for X in antecedents)
    frame["n_consequent"] = _whole(count[y] for y in targets)
    frame["n_both"] = _whole(count[X | y] for X, y in zip(antecedents, targets, strict=True))
    frame = pd.concat([frame, measures(frame, confidence_level=confidence_level)], axis=1)
    frame["lift_found"] = candidates["lift"]
    frame["p_value"] = fisher_p_values(frame, count)
    return frame


def _whole(values: Iterable[int]) -> np.ndarray:
    return np.fromiter(values, dtype=np.int64)
