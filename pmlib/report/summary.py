"""The executive summary: the decisions that it lists, and what the plan promised as a figure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from pmlib.figures.evaluation import promise
from pmlib.figures.style import to_svg
from pmlib.files import read_frame
from pmlib.numbers import Fact, Finding
from pmlib.report.parts import frame_figure
from pmlib.texts import Language, Look, Words

MOST = 5
"""Decisions on the page."""

_SEVERAL = 2

DECISIONS = ("promise", "plan", "nobody", "gap", "campaign", "unsuitable", "waste", "limit")
"""In the order of the page; of more than `MOST` the last are left to their chapters."""


def decisions(known: Mapping[str, Any]) -> list[dict[str, bool]]:
    """Choose the decisions that the recorded facts ask for, at most `MOST`.

    A customer's objection, rest and suitability are no limits to bargain with, whatever they cost.

    Parameters
    ----------
    known : mapping
        Numbers and facts of all chapters by key, see `pmlib.numbers.from_records`.

    Returns
    -------
    list of dict
        One a decision: each of `DECISIONS`, true for its own.
    """
    facts = {key: found.value for key, found in known.items() if isinstance(found, Fact)}
    kept, planned = "promise_kept" in facts, facts.get("plan_outcome")
    asked = {
        "promise": kept and "campaign_decision" in facts,
        "plan": "plan_decision" in facts and planned == "made" and not kept,
        "nobody": planned is not None and planned != "made",
        "gap": facts.get("gap_decision") in ("equalise", "decide"),
        "campaign": "campaign_decision" in facts and not kept,
        "unsuitable": facts.get("unsuitable_sales_made") == "some",
        "waste": facts.get("waste") == "some" and "waste_cost" in known,
        "limit": facts.get("limit_to_question") is True,
    }
    chosen = [name for name in DECISIONS if asked[name]][:MOST]
    return [{name: name == own for name in DECISIONS} for own in chosen]


def promise_figure(
    run_dir: Path, language: Language, known: Mapping[str, Any], *, currency: str
) -> tuple[Markup, str]:
    """Draw what the plan promised, beside what was measured; nothing where a sentence says it.

    Returns the figure, and the CSV behind it.
    """
    chapters = ("campaign_evaluation", "strategy_design")
    paths = [run_dir / "artifacts" / chapter / "promise.parquet" for chapter in chapters]
    saved = next((path for path in paths if path.is_file()), None)
    rows = read_frame(saved) if saved else pd.DataFrame()
    if rows.empty or rows["promised"].isna().all():
        return Markup(), ""
    rows = rows[rows["by"].isin(["total", "segment"])].dropna(subset=["promised"])
    segments = int((rows["by"] == "segment").sum())
    if segments == 1:  # it would be the total again
        rows = rows[rows["by"] == "total"]
    if segments < _SEVERAL and "measured" not in rows:  # one dot is a sentence
        return Markup(), ""
    ends = [f"{name}{end}" for name in ("promised", "measured") for end in ("", "_low", "_high")]
    shown = rows[["contacts", *(end for end in ends if end in rows)]].copy()
    # An assumption has no interval: its ends are itself.
    for end in ("promised_low", "promised_high"):
        shown[end] = shown[end].fillna(shown["promised"])
    total = language.level("part", "total")
    parts = [
        total if by == "total" else name for by, name in zip(rows["by"], rows["name"], strict=True)
    ]
    shown.insert(0, "part", parts)
    look = Look(language, "abstract", promise.label, currency)
    words = Words(language, look.chapter, look.label, {}, currency)
    drawn = promise(Finding(shown.reset_index(drop=True)), words)
    assert drawn is not None
    return frame_figure(look, to_svg(drawn), shown, known)
