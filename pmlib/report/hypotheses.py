"""What became of the study's four hypotheses: each verdict chosen once, by recorded facts.

The chapters decide each its own; what a hypothesis asks needs several of them, and the last
chapter's. Abstract, framework figure and conclusion read these.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pmlib.numbers import Fact, Number

HYPOTHESES = ("segments", "rules", "combining", "effect")
"""H1 to H4, in the order of the chapters that try them."""


def hypotheses(known: Mapping[str, Any]) -> dict[str, Fact]:
    """Choose the verdicts ``hypothesis_<name>`` and the fact ``promise_kept``, by key.

    Parameters
    ----------
    known : mapping
        Numbers and facts of all chapters by key, see `pmlib.numbers.from_records`.

    Returns
    -------
    dict
        Key to fact; the levels stand in the catalogue. ``promise_kept`` says where the profit that
        the plan expected lies beside the interval of what its campaign is measured to have added;
        it is there only where the campaign measured is the one that carried out the plan.
    """
    facts = {key: found.value for key, found in known.items() if isinstance(found, Fact)}
    kept = _promise(known, facts)
    verdicts = (_segments(facts), _rules(facts), _combining(facts), _effect(facts, kept))
    chosen = {f"hypothesis_{n}": v for n, v in zip(HYPOTHESES, verdicts, strict=True)}
    if kept:
        chosen["promise_kept"] = kept
    return {key: Fact(key, value) for key, value in chosen.items()}


def _segments(facts: Mapping[str, Any]) -> str:
    found = facts.get("segments")
    if found != "none" and found is not None:
        return str(found)
    if facts.get("homogeneity") in (None, "untestable", "few_customers", "no_feature"):
        return "untested"
    return "none"


def _rules(facts: Mapping[str, Any]) -> str:
    found = facts.get("rules_found")
    if found != "survive":
        return "none" if found == "none_survives" else "untested"
    readings = {"add": "beyond", "none_adds": "restated"}
    return readings.get(str(facts.get("rules_within")), "associated")


def _combining(facts: Mapping[str, Any]) -> str:
    if facts.get("combining_tested") != "tested":
        return "untested"
    against = [facts[f"combined_against_{rival}"] for rival in ("segments", "rules")]
    if "less" in against:
        return "less"
    return {2: "more", 1: "partly"}.get(against.count("more"), "open")


def _promise(known: Mapping[str, Any], facts: Mapping[str, Any]) -> str | None:
    """Where the planned profit lies beside the interval of the measured one."""
    planned, measured = known.get("planned_profit"), known.get("incremental_profit")
    if facts.get("campaign_source") not in ("field_test", "returned"):
        return None
    if not isinstance(planned, Number) or not isinstance(measured, Number):
        return None
    promised, low, high = planned.value, measured.low, measured.high
    if not isinstance(promised, int | float) or low is None or high is None:
        return None
    return "less" if high < promised else "more" if low > promised else "within"


def _effect(facts: Mapping[str, Any], kept: str | None) -> str:
    paid = facts.get("campaign_paid")
    if paid is None:
        return "unmeasured"
    if paid == "paid" and kept:
        return f"paid_{kept}"
    return str(paid)
