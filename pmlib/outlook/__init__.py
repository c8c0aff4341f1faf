"""The outlook: which sections of the report a study will fill, told before any chapter runs.

Each section asks the very functions that decide later whether its findings are absent, on what the
engine can count in a moment: no clusters, rules, plans or models. What only these can tell is said
to depend on them. Where a decision goes by segment, it is taken for all customers as one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from pmlib import association, evaluation, profiling, segmentation
from pmlib.engine import Engine
from pmlib.evaluation.before import fits_anything
from pmlib.evaluation.campaign import is_of_the_plan
from pmlib.evaluation.checks import design_matrix
from pmlib.evaluation.learners import comparable, parts
from pmlib.evaluation.looks import too_few_to_look
from pmlib.evaluation.prospects import unranked
from pmlib.numbers import Finding, Phrase, lacks
from pmlib.outlook.glance import Glance
from pmlib.params import CHAPTERS, Parameters
from pmlib.segmentation.drift import no_earlier_state
from pmlib.segmentation.rfm import scorable
from pmlib.strategy.policies import uncompared
from pmlib.strategy.trial import untried as untried_policies
from pmlib.studies import Study
from pmlib.texts import Language

FILE = "outlook"
"""The file of texts that has this module's own words: verdicts, and what is not known yet."""

Reason = Phrase | None


Ask = Callable[[Glance], Reason]
"""Why a part of a section will be absent (a block ``absent.…``), or on what that depends
(``found.…``); any other block, or None, where it will be shown."""


def _shown(_: Glance) -> Reason:
    return None


def _absence(found: Any) -> Reason:
    return found.absent if isinstance(found, Finding) else None


def _table(function: Callable[..., Any]) -> Ask:
    """Ask which tables a function declares to need."""
    return lambda glance: lacks(function, glance.tables)


# --- what each chapter asks -----------------------------------------------------------------------


def _several(glance: Glance) -> Reason:
    return Phrase("absent.one_segment") if glance.one_segment else Phrase("found.segments")


def _scored(glance: Glance) -> Reason:
    missing = not scorable(glance.features, glance.sample)
    return Phrase("absent.nothing_to_score") if missing else None


def _lifetime(glance: Glance) -> Reason:
    found = segmentation.lifetime_value(
        glance.tables, glance.everybody, glance.features, glance.params, names=["all"]
    )
    several = None if glance.one_segment else Phrase("found.retention")
    return found.absent or several


def _drift(glance: Glance) -> Reason:
    return no_earlier_state(glance.tables, glance.params, as_of=glance.as_of)


def _ruled(glance: Glance) -> Reason:
    return glance.mined or Phrase("found.rules")


def _true_rules(glance: Glance) -> Reason:
    return glance.mined or (None if glance.study.simulated else Phrase("absent.truth"))


def _case(glance: Glance) -> Reason:
    return _absence(glance.case)


def _case_told(glance: Glance) -> Reason:
    case = glance.case
    return case.absent if isinstance(case, Finding) else case.remarks


def _planned(glance: Glance) -> Reason:
    return _case(glance) or Phrase("found.plan")


def _compared(glance: Glance) -> Reason:
    case = glance.case
    return case.absent if isinstance(case, Finding) else uncompared(case)


def _tried(glance: Glance) -> Reason:
    case = glance.case
    if isinstance(case, Finding):
        return case.absent
    reason = untried_policies(case)
    # Segments and rules, which make rivals of the plan, are not known yet.
    depends = reason is not None and reason.block == "absent.trial_no_rival"
    return Phrase("found.plan") if depends or not reason else reason


def _judged(glance: Glance) -> Reason:
    if is_of_the_plan(glance.study, glance.params):
        known = _tried(glance)
        if known is None or known.block.startswith("found."):
            return known
    return Phrase("absent.no_trial")


def _true_offers(glance: Glance) -> Reason:
    real = Phrase("absent.real") if glance.study.truth is None else None
    return _case(glance) or real or _compared(glance)


def _campaign(glance: Glance) -> Reason:
    if is_of_the_plan(glance.study, glance.params):
        return Phrase("absent.nothing_planned" if _case(glance) else "found.campaign")
    return glance.campaign.absent


def _drawn(glance: Glance) -> Reason:
    return _campaign(glance) or _absence(glance.campaign.randomised)


def _read(glance: Glance) -> Reason:
    return _drawn(glance) or _absence(glance.contacts)


def _promised(glance: Glance) -> Reason:
    of_plan = is_of_the_plan(glance.study, glance.params)
    return _read(glance) or (None if of_plan else Phrase("absent.nothing_promised"))


def _ranked(glance: Glance) -> Reason:
    if (reason := _read(glance)) or isinstance(glance.contacts, Finding):
        return reason
    enough = comparable(*parts(glance.contacts, None))
    return None if enough else Phrase("absent.thin_arms")


def _adjusted(glance: Glance) -> Reason:
    if (reason := _ranked(glance)) or isinstance(glance.contacts, Finding):
        return reason
    known = glance.contacts[glance.contacts["responded"].notna()]
    thin = fits_anything(design_matrix(known, list(glance.campaign.covariates)))
    return Phrase("absent.fits_anything") if thin else None


def _looked(glance: Glance) -> Reason:
    if (reason := _read(glance)) or isinstance(glance.contacts, Finding):
        return reason
    few = too_few_to_look(int(glance.contacts["responded"].notna().sum()))
    return Phrase("absent.few_to_look") if few else None


def _later(glance: Glance) -> Reason:
    return _campaign(glance) or _absence(glance.campaign.later)


def _profit_curve(glance: Glance) -> Reason:
    no_margin = Phrase("absent.no_margin") if glance.params.default_margin is None else None
    return _later(glance) or no_margin


def _prospects(glance: Glance) -> Reason:
    if reason := lacks(evaluation.rank_prospects, glance.tables) or _campaign(glance):
        return reason
    there = glance.tables["prospects"].collect_schema().names()
    known = glance.campaign.contacts.dropna(subset=["responded"])
    why = unranked(known, [name for name in glance.campaign.features if name in there])
    return Phrase(f"absent.{why}") if why else None


def _true_effects(glance: Glance) -> Reason:
    return Phrase("found.campaign") if glance.study.simulated else Phrase("absent.no_truth")


def _ages(glance: Glance) -> Reason:
    return profiling.penetration_by_age(glance.tables, as_of=glance.as_of).absent


def _pyramid(glance: Glance) -> Reason:
    return profiling.age_by_gender(glance.tables, as_of=glance.as_of).absent


SECTIONS: Mapping[str, Mapping[str, tuple[Ask, ...]]] = {
    "data_profiling": {
        "tables": (_shown,),
        "good-data": (_shown,),
        "known-before-contact": (_shown,),
        "customers": (_shown, _pyramid),
        "active": (_table(profiling.monthly_activity),),
        "hold": (_table(profiling.product_penetration), _ages),
        "concentrated-value": (_shown,),
        "past-contacts-bring": (_table(profiling.contact_responses),),
        "wasted": (_table(profiling.wasted_contacts),),
        "repeating-help": (_table(profiling.repeated_contacts),),
        "response-change-over": (_table(profiling.response_drift),),
        "published": (lambda g: None if g.study.simulated else Phrase("absent.real"),),
        "means-bank": (_shown,),
        "limits": (_shown,),
    },
    "segmentation": {
        "features": (_shown,),
        "how-many": (lambda glance: glance.untried,),
        "made": (_shown,),
        "stability": (_shown,),
        "segments": (_shown,),
        "meaning": (_shown,),
        "rfm": (_scored,),
        "lifetime-value": (_lifetime,),
        "drift": (_drift,),
        "cards": (_several,),
        "segments-truth": (lambda g: None if g.study.simulated else Phrase("absent.truth"),),
        "means-bank": (_shown,),
        "limits": (_shown,),
    },
    "association_analysis": {
        "baskets": (_table(association.held_baskets),),
        "pairs": (_table(association.held_baskets),),
        "candidates": (lambda g: g.mined,),
        "rules": (lambda g: g.mined,),
        "rules-within": (_ruled,),
        "rules-words": (_ruled,),
        "order": (_table(association.acquisition_order),),
        "next-product": (lambda g: g.mined,),
        "rules-truth": (_true_rules,),
        "means-bank": (_shown,),
        "limits": (_shown,),
    },
    "strategy_design": {
        "eligibility": (_case,),
        "effects": (_case_told,),
        "plan": (_case,),
        "targets": (lambda glance: _case(glance) or _several(glance),),
        "lending": (_case,),
        "limits": (_planned,),
        "budget": (_planned,),
        "policies": (_compared,),
        "policy-trial": (_tried,),
        "survival": (_planned,),
        "control": (_planned,),
        "sheets": (_case,),
        "contact-plan": (_planned,),
        "plan-check": (_planned,),
        "strategy-truth": (_true_offers,),
        "means-bank": (_planned,),
        "limits-2": (_shown,),
    },
    "campaign_evaluation": {
        "which-campaign": (_campaign,),
        "campaign-checks": (_drawn,),
        "intention-to-treat": (_read,),
        "effect-by-segment": (_read,),
        "promise": (_promised,),
        "policy-trial": (_judged,),
        "uplift-ranking": (_ranked,),
        "policy-values": (_ranked,),
        "cuped": (_adjusted,),
        "interim-looks": (_looked, _read),
        "before-after": (_read,),
        "targeting-over-time": (_later, _profit_curve),
        "prospects": (_prospects,),
        "evaluation-truth": (_true_effects,),
        "means-bank": (_shown,),
        "limits": (_shown,),
    },
}
"""What each section asks, by chapter and by the block of texts that heads it, in their order."""


def outlook(study: Study, engine: Engine, params: Parameters, language: Language) -> pd.DataFrame:
    """Tell of each section whether a run will show it.

    Returns
    -------
    pandas.DataFrame
        One row a section: ``chapter`` and ``section`` (its heading), ``outlook`` (see `verdict`)
        and ``reason``, all in the words of the report.
    """
    glance, rows = Glance(study, engine, params), []
    for chapter in CHAPTERS:
        for block, asks in SECTIONS[chapter].items():
            reasons = [ask(glance) for ask in asks]
            told = dict.fromkeys(_worded(r, chapter, glance, language) for r in reasons if r)
            status = language.render(FILE, verdict(reasons), {}, plain=True)
            heading = language.heading(chapter, block)
            reason = language.forms["sentences"].join(told)
            rows.append((language.level("chapter", chapter), heading, status, reason))
    return pd.DataFrame(rows, columns=["chapter", "section", "outlook", "reason"])


def _worded(reason: Phrase, chapter: str, glance: Glance, language: Language) -> str:
    file = FILE if reason.block.startswith("found.") else chapter
    currency = glance.study.currency
    text = language.render(file, reason.block, reason.quotes, currency=currency, plain=True)
    return re.sub(r"@sec-([\w-]+)", lambda found: f"“{found[1].replace('-', ' ')}”", text)


def verdict(reasons: list[Reason]) -> str:
    """What the reasons of a section's parts come to: ``shown, partly, not, depends``."""
    absent = [reason is not None and reason.block.startswith("absent.") for reason in reasons]
    if all(absent):
        return "not"
    if any(reason is not None and reason.block.startswith("found.") for reason in reasons):
        return "depends"
    return "partly" if any(absent) else "shown"
