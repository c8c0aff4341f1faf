"""Rules in the reader's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pmlib.association.measures import MEASURES
from pmlib.association.segments import WITHIN
from pmlib.numbers import format_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pmlib.association.findings import Findings


def rule_label(antecedent: Iterable[str], consequent: str, names: Mapping[str, str]) -> str:
    """Write a rule with the products' names.

    Examples
    --------
    >>> rule_label(("cc", "sav"), "ins", {"cc": "Card", "sav": "Savings", "ins": "Insurance"})
    'Card + Savings → Insurance'
    """
    return f"{' + '.join(names[x] for x in antecedent)} → {names[consequent]}"


def named(frame: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Replace product ids by names in the columns that hold products."""
    columns = [c for c in ("antecedent", "consequent", "product", "other", "itemset") if c in frame]
    shown = frame.copy()
    for column in columns:
        shown[column] = [
            tuple(names[x] for x in cell) if isinstance(cell, tuple) else names[cell]
            for cell in frame[column]
        ]
    return shown


def rule_sentences(
    findings: Findings, names: Mapping[str, str], segment_names: Mapping[int, str], *, n: int
) -> pd.DataFrame:
    """Say each leading rule in one or two sentences.

    Parameters
    ----------
    findings : Findings
    names : mapping
        Product id to name.
    segment_names : mapping
        Segment to name.
    n : int
        Most rules.

    Returns
    -------
    pandas.DataFrame
        rule, in_words; in the order of `Findings.leading`.
    """
    cells = findings.by_segment.cells
    by_rule = dict(list(cells.groupby(["antecedent", "consequent"], sort=False)))
    rows = []
    for rule in findings.leading(n).itertuples(index=False):
        key = (rule.antecedent, rule.consequent)
        where = f"In the segment “{segment_names[rule.scope]}”: of" if rule.scope else "Of"
        whom = "that segment’s" if rule.scope else "all"
        sentence = (
            f"{where} customers with {_listed(rule.antecedent, names)}, "
            f"{_share(rule.confidence)} ({_share(rule.confidence_low)} to "
            f"{_share(rule.confidence_high)}) hold {_quoted(names[rule.consequent])} too, "
            f"{_ratio(rule.lift)} times the share among {whom} customers."
        )
        within = _within(rule, by_rule[key], segment_names)
        rows.append((rule_label(*key, names), f"{sentence} {within}".strip()))
    return pd.DataFrame(rows, columns=["rule", "in_words"])


def rule_table(
    findings: Findings, names: Mapping[str, str], segment_names: Mapping[int, str]
) -> pd.DataFrame:
    """Return all tested rules as a reader wants to sort and filter them.

    Returns
    -------
    pandas.DataFrame
        antecedent (tuple of names), consequent (name), customers (All, or a segment's name),
        n_both, support, confidence, lift, lift_low, lift_high, lift_found, p_adjusted, result.
    """
    rules = findings.rules
    table = pd.DataFrame(
        {
            **named(rules[["antecedent", "consequent"]], names),
            "customers": [segment_names[s] if s else "All" for s in rules["scope"]],
        }
    )
    shown = ["n_both", "support", "confidence", "lift", "lift_low", "lift_high", "lift_found"]
    table = pd.concat([table, rules[[*shown, "p_adjusted"]]], axis=1)
    verdicts = ["survives"] * len(rules) if len(segment_names) == 1 else rules["within"].map(WITHIN)
    table["result"] = np.where(rules["survives"], verdicts, "does not survive")
    return table


def measure_table(findings: Findings, names: Mapping[str, str], *, n: int) -> pd.DataFrame:
    """Return the measures of at most `n` leading rules.

    Returns
    -------
    pandas.DataFrame
        rule, then the measures of `pmlib.association.measures.measures` without intervals; and
        without hyper-confidence, which is near 1 for every rule that survives.
    """
    rules = findings.leading(n)
    hidden = ("_low", "_high", "hyper_confidence")
    table = rules[[name for name in MEASURES if not name.endswith(hidden)]].copy()
    labels = zip(rules["antecedent"], rules["consequent"], strict=True)
    table.insert(0, "rule", [rule_label(X, y, names) for X, y in labels])
    return table


def _within(rule: Any, cells: pd.DataFrame, segment_names: Mapping[int, str]) -> str:
    odds = (
        f"odds ratio {_ratio(rule.common_odds_ratio)}, "
        f"{_ratio(rule.common_low)} to {_ratio(rule.common_high)}"
    )
    if rule.within == "holds_within":
        return f"This holds within segments ({odds})."
    if rule.within == "restates_segments":
        return f"Within segments less than half of it is left, if any ({odds}): it restates them."
    if rule.within == "differs_between_segments":
        known = cells.dropna(subset=["odds_ratio"]).sort_values("shrunk")
        weakest, strongest = known.iloc[0], known.iloc[-1]
        return (
            f"It differs between segments: strongest in “{segment_names[strongest['segment']]}” "
            f"(odds ratio {_ratio(strongest['shrunk'])}), weakest in "
            f"“{segment_names[weakest['segment']]}” ({_ratio(weakest['shrunk'])})."
        )
    if rule.within == "undecided":
        return f"Whether it holds within segments cannot be told from these customers ({odds})."
    return ""


def _listed(products: Iterable[str], names: Mapping[str, str]) -> str:
    return " and ".join(_quoted(names[product]) for product in products)


def _quoted(name: str) -> str:
    """Set a name off from the sentence where it has a comma or colon of its own."""
    return f"“{name}”" if {",", ":"} & set(name) else name


def _share(value: float) -> str:
    return format_number(float(value), "share", decimals=0 if value >= 0.1 else 1)


def _ratio(value: float) -> str:
    return f"{value:.{2 if value < 1 else 1 if value < 10 else 0}f}"
