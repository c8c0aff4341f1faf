"""Runs side by side on one page: what was asked, what differs and how far, and the figures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup, escape

from pmlib.errors import StudyError, nearest
from pmlib.figures.comparison import curves
from pmlib.figures.style import to_svg
from pmlib.files import written_whole
from pmlib.numbers import Fact, Finding, Number
from pmlib.params import PROJECT
from pmlib.report.bibliography import Bibliography
from pmlib.report.build import FRAME
from pmlib.report.numbering import Part, assemble
from pmlib.report.page import render_page
from pmlib.report.parts import frame_figure, frame_part, frame_table
from pmlib.report.runs import VERDICTS, RunComparison, plain
from pmlib.tables import image_html
from pmlib.texts import PAGE, Language, Look, Words, open_language

FILE = "comparison"
"""The text file with the words of the page."""

DRAWN = ("segments_supported", "n_rule_sets", "planned_contacts", "planned_profit",
         "profit_measured", "offer_rate_gap")  # fmt: skip
"""Numbers drawn over a parameter, where none are asked for."""


def compare(
    folders: Sequence[Path], *, numbers: Sequence[str] = (), out: Path = PROJECT / "reports"
) -> Path:
    """Write one page that sets runs side by side, and give its path.

    Parameters
    ----------
    folders : sequence of Path
        Run folders; the others are compared with the first.
    numbers : sequence of str
        Keys of ``results.json`` to draw where the runs differ in one number; `DRAWN` by default.
    out : Path
        Folder of the page, ``comparison-A-B.html``.

    Raises
    ------
    StudyError
        A folder holds no finished run, the runs cannot be compared, or a key is unknown.
    """
    found = RunComparison.of(folders)
    unknown = [key for key in numbers if key not in found.keys]
    if unknown:
        raise StudyError(
            "A number that was asked for is in none of the runs.",
            where="--numbers",
            rule="a key of results.json",
            found="; ".join(f"{key}, {nearest(key, found.keys)}" for key in unknown),
        )
    language = open_language(found.first.record["parameters"]["language"])
    currency = found.first.record["study"]["currency"]

    def say(block: str, **quotes: Any) -> str:
        return language.render(PAGE, block, quotes, plain=True)

    known = _known(found, numbers, language, currency)
    part = frame_part(FILE, "unnumbered", language, known, currency=currency)
    style = found.first.record["parameters"]["citation_style"]
    assemble([part], Bibliography(FRAME / "references.bib", style), say)
    page = render_page(
        "comparison.html.j2",
        [part],
        language,
        FRAME / "template",
        name=part.title,
        title=part.title,
        description=part.title,
        word=say,
        contents=_contents(part),
    )
    name = "-".join((FILE, found.first.record["study"]["name"], *found.runs))
    path = out / f"{re.sub(_UNFIT, '_', name)[:_LONGEST]}.html"
    with written_whole(path) as aside:
        aside.write_text(page, encoding="utf-8")
    return path


def _contents(part: Part) -> list[dict[str, Any]]:
    """Sections of the page, with the figures in theirs; the title stands over the page already."""
    part.soup.find_all("h2")[0].decompose()
    found: list[dict[str, Any]] = []
    for heading in part.soup.find_all(["h3", "h4"]):
        entry = {"label": heading["id"], "number": "", "title": heading.get_text()}
        if heading.name == "h3":
            found.append(entry | {"short_title": entry["title"], "sections": []})
        else:
            found[-1]["sections"].append(entry)
    return found


_UNFIT = r"[^\w.=-]+"
_LONGEST = 120


def _known(
    found: RunComparison, asked: Sequence[str], language: Language, currency: str
) -> dict[str, Any]:
    """What the text of the page looks up."""
    numbers, facts = found.differing(Number), found.differing(Fact)
    verdicts = [found.verdict(key) for key in numbers]
    curve, swept = Markup(), found.swept
    if swept:
        told = found.curve(asked or [key for key in DRAWN if key in numbers])
        if len(told):
            curve = _curves(told, swept, found, language, currency)
    return {
        "runs": list(found.runs),
        "first": next(iter(found.runs)),
        "two": len(found.runs) == _PAIR,
        "parameters": found.parameters,
        "other_data": len({run.asked["data"] for run in found.runs.values()}) > 1,
        "differing": Number("", len(numbers), "count"),
        "of": Number("", sum(isinstance(found.any(key), Number) for key in found.keys), "count"),
        "apart": Number("", verdicts.count("apart"), "count"),
        "changed": Number("", len(facts), "count"),
        "nothing": not numbers and not facts,
        "alike": [list(pair) for pair in found.alike],
        "asked": _asked(found, language),
        "numbers": _rows(found, numbers, language, currency, verdicts),
        "facts": _rows(found, facts, language, currency),
        "table": frame_table(language, currency, file=FILE, named=frozenset(found.runs)),
        "curve": curve,
        "figures": _pairs(found, language),
    }


_PAIR = 2


def _asked(found: RunComparison, language: Language) -> pd.DataFrame:
    """What was asked differently, in words."""
    shown = found.asked.copy()
    for name in found.runs:
        shown[name] = [language.number(plain(value)) for value in shown[name]]
    return shown


def _rows(
    found: RunComparison,
    keys: Sequence[str],
    language: Language,
    currency: str,
    verdicts: Sequence[str] = (),
) -> pd.DataFrame:
    """One row a number or fact that differs, those beyond their intervals first."""
    rows = []
    for place, key in enumerate(keys):
        made = found.any(key)
        meaning = made.meaning[:1].upper() + made.meaning[1:]
        row: dict[str, Any] = {"meaning": meaning, "chapter": found.chapter(key)}
        for name, run in found.runs.items():
            row[name] = _shown(run.found.get(key), language, currency)
        if verdicts:
            row["verdict"] = verdicts[place]
        rows.append(row)
    columns = ["meaning", *found.runs, *(["verdict"] if verdicts else []), "chapter"]
    table = pd.DataFrame(rows, columns=columns)
    if verdicts:
        order = table["verdict"].map(VERDICTS.index)
        table = table.iloc[order.argsort(kind="stable")]
    return table


def _shown(made: Number | Fact | None, language: Language, currency: str) -> str:
    if made is None or made.value is None:
        return language.forms["missing"]
    if isinstance(made, Fact):
        known = language.level(made.key, made.value) if isinstance(made.value, str) else made.value
        return language.number(known).replace("_", " ")
    value = language.plain_value(made, currency=currency)
    if made.low is None or made.high is None:
        return value
    return f"{value} ({language.interval(made, currency)})"


def _curves(
    told: pd.DataFrame, swept: str, found: RunComparison, language: Language, currency: str
) -> Markup:
    """The numbers over the parameter, one panel each."""
    about = {key: found.any(key) for key in told["key"].unique()}
    quotes = {"parameter": swept}
    look = Look(language, FILE, curves.label, currency)
    words = Words(language, FILE, look.label, quotes, currency)
    meanings = {key: made.meaning for key, made in about.items()}
    units = {key: made.unit for key, made in about.items() if isinstance(made, Number)}
    drawn = curves(
        Finding(told, quotes={"meanings": meanings, "units": units, "parameter": swept}), words
    )
    assert drawn is not None
    shown = told.assign(key=told["key"].map(meanings))
    return frame_figure(look, to_svg(drawn), shown, quotes)[0]


def _pairs(found: RunComparison, language: Language) -> Markup:
    """Each figure that is not the same in all runs, once a run, side by side."""
    drawings = {name: run.drawings() for name, run in found.runs.items()}
    labels = dict.fromkeys(label for drawn in drawings.values() for label in drawn)
    rows = []
    for label in labels:
        there = {name: drawn[label] for name, drawn in drawings.items() if label in drawn}
        if len(there) == len(drawings) and len({svg for _, svg in there.values()}) == 1:
            continue
        title = next(iter(there.values()))[0]
        shown = [
            f"<figure><figcaption>{escape(name)}</figcaption>" + (
                image_html(there[name][1], f"{title}: {name}") if name in there
                else f"<p>{escape(language.source(FILE, 'not-drawn'))}</p>"
            ) + "</figure>"
            for name in drawings
        ]  # fmt: skip
        rows.append(f"<h3>{escape(title)}</h3><div class='pm-pair'>{''.join(shown)}</div>")
    return Markup("".join(rows))  # noqa: S704 - escaped above
