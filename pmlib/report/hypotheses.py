"""What became of the study's four hypotheses: each verdict chosen once, by recorded facts.

The chapters decide each its own; what a hypothesis asks needs several of them, and the last
chapter's. Abstract, framework figure and conclusion read these.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pmlib.numbers import Fact

HYPOTHESES = ("segments", "rules", "combining", "effect")
"""H1 to H4, in the order of the chapters that try them."""


def hypotheses(known: Mapping[str, Any]) -> dict[str, Fact]:
    """Choose the verdicts ``hypothesis_<name>``, by key.

    Parameters
    ----------
    known : mapping
        Numbers and facts of all chapters by key, see `pmlib.numbers.from_records`.

    Returns
    -------
    dict
        Key to fact; the levels stand in the catalogue.
    """
    facts = {key: found.value for key, found in known.items() if isinstance(found, Fact)}
    verdicts = (_segments(facts), _rules(facts), _combining(facts), _effect(facts))
    keys = (f"hypothesis_{name}" for name in HYPOTHESES)
    return {key: Fact(key, verdict) for key, verdict in zip(keys, verdicts, strict=True)}


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
    field = [f"trial_combined_against_{rival}" for rival in ("segments", "rules")]
    held_out = [key.removeprefix("trial_") for key in field]
    # Lots in the field judge the plans themselves, held-out contacts plans made on half a pilot.
    against = [facts[key] for key in (field if {*field} <= {*facts} else held_out)]
    if "less" in against:
        return "less"
    return {2: "more", 1: "partly"}.get(against.count("more"), "open")


def _effect(facts: Mapping[str, Any]) -> str:
    """Whether the campaign paid, and where it carried out the plan, whether that kept its word."""
    paid = str(facts.get("campaign_paid", "unmeasured"))
    return f"paid_{facts['promise_kept']}" if paid == "paid" and "promise_kept" in facts else paid
