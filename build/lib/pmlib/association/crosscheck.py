"""The miner and its measures against mlxtend, on the customers of the very run."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pmlib.association.itemsets import Itemsets, frequent_itemsets
from pmlib.association.measures import measures
from pmlib.association.rules import all_rules
from pmlib.errors import StudyError
from pmlib.numbers import Finding, Number

if TYPE_CHECKING:
    from pmlib.association.baskets import Baskets
    from pmlib.params import Parameters

_MEASURES = {
    "support": "support", "confidence": "confidence", "lift": "lift", "leverage": "leverage",
    "conviction": "conviction", "zhang": "zhangs_metric", "jaccard": "jaccard",
    "kulczynski": "kulczynski",
}  # fmt: skip
_LONGEST = 3  # products in a rule that is compared: mlxtend splits longer sets in every way


def compare_with_mlxtend(
    itemsets: Itemsets, baskets: Baskets, params: Parameters, *, max_customers: int = 20_000
) -> Finding:
    """Mine the same customers with mlxtend's `fpgrowth` and compare all that both compute.

    Parameters
    ----------
    itemsets : Itemsets
        Mined from `baskets` with min_support and max_rule_length of `params`.
    max_customers : int
        Of more customers so many are drawn, with replacement, and mined by both libraries.

    Returns
    -------
    Finding
        A row a kind: compared (itemsets, rules), number (of them, all equal).

    Raises
    ------
    StudyError
        An itemset, a support or a measure differs: one of the libraries is wrong.
    """
    from mlxtend.frequent_patterns import association_rules, fpgrowth

    of_customers = baskets.total
    if of_customers > max_customers:
        rng = np.random.default_rng(params.seed)
        drawn = rng.multinomial(max_customers, baskets.customers / of_customers)
        baskets = replace(baskets, customers=drawn)
        itemsets = frequent_itemsets(
            baskets, min_support=params.min_support, max_length=params.max_rule_length,
            max_itemsets=sys.maxsize,
        )  # fmt: skip
    # Half a customer below the threshold: mlxtend rounds products such as 0.07 * 100 upwards.
    theirs = fpgrowth(
        pd.DataFrame(np.repeat(baskets.held, baskets.customers, axis=0), columns=baskets.products),
        (itemsets.minimum - 0.5) / baskets.total if baskets.total else 1.0,
        use_colnames=True, max_len=params.max_rule_length,
    )  # fmt: skip
    supports = _by_key(itemsets.frame[["support"]], itemsets.frame["itemset"])
    _compare("support", supports, _by_key(theirs[["support"]], theirs["itemsets"]))

    short = itemsets.frame["length"] <= _LONGEST
    rules = all_rules(replace(itemsets, frame=itemsets.frame[short]))
    if len(rules):
        theirs = association_rules(
            theirs[theirs["itemsets"].map(len) <= _LONGEST], metric="support", min_threshold=0,
            return_metrics=list(_MEASURES.values()),
        )  # fmt: skip
        theirs = theirs[theirs["consequents"].map(len) == 1]
        targets = rules["consequent"].map(lambda y: (y,))
        _compare(
            "measures",
            _by_key(measures(rules)[list(_MEASURES)], rules["antecedent"], targets),
            _by_key(theirs[list(_MEASURES.values())], theirs["antecedents"], theirs["consequents"]),
        )
    checked = {"itemsets": len(supports), "rules": len(rules)}
    return Finding(
        pd.DataFrame({"compared": list(checked), "number": list(checked.values())}),
        tuple(Number(f"{what}_checked", number, "count") for what, number in checked.items()),
        facts={"crosscheck_on": "sample" if baskets.total < of_customers else "all"},
        quotes={
            "compared_customers": Number("", baskets.total, "count"),
            "discovery_customers": Number("", of_customers, "count"),
            "longest": _LONGEST,
        },
    )


def _by_key(values: pd.DataFrame, *products: pd.Series) -> dict[Any, np.ndarray]:
    """Rows of numbers by the sets of products that they belong to."""
    keys = zip(*(map(frozenset, column) for column in products), strict=True)
    return dict(zip(keys, values.to_numpy(dtype=float), strict=True))


def _compare(what: str, ours: dict[Any, np.ndarray], theirs: dict[Any, np.ndarray]) -> None:
    unlike = set(ours) ^ set(theirs) or {
        key for key, row in ours.items() if not np.allclose(row, theirs[key], rtol=1e-9, atol=1e-12)
    }
    if unlike:
        example = min(" → ".join(" + ".join(sorted(part)) for part in key) for key in unlike)
        raise StudyError(
            "This package and mlxtend do not find the same.",
            where=f"{what} of {example}",
            rule="equal in both libraries",
            found=f"{len(unlike):,} of {len(ours):,} differ",
            remedy="Report this, with run.json: one of the libraries is wrong.",
        )
