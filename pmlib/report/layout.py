"""The page's layout: what stands beside its text, what is folded, and what is left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bs4 import BeautifulSoup, Tag

from pmlib.numbers import Number
from pmlib.report.numbering import FOLDERS, Part, Say, Target

FOLDED = frozenset(
    {
        "tbl-columns", "tbl-findings", "tbl-notes", "fig-feature-time", "tbl-amounts",
        "fig-age-gender", "fig-products-per-customer", "fig-held-by-age",
        "fig-responses", "fig-past-offers", "fig-waste", "tbl-published",
        "tbl-features", "tbl-criteria", "tbl-made-candidates", "fig-sensitivity", "fig-map",
        "fig-effects", "fig-rfm", "tbl-rfm", "tbl-drift",
        "tbl-rules", "tbl-measures", "tbl-rule-words", "tbl-precedence", "tbl-structural",
        "tbl-planted", "tbl-plan-cells", "tbl-lending-plans", "tbl-prices", "tbl-survival",
        "fig-pilot-control", "tbl-offer-rates", "tbl-true-differences",
        "fig-balance", "tbl-profit-by-segment", "tbl-arms-compared", "tbl-trial-policies",
        "tbl-rankings", "tbl-truth-segments", "tbl-truth-promise", "tbl-truth-rankings",
        "tbl-truth-policies", "tbl-campaign-published",
        "tbl-dictionary", "tbl-parameters", "tbl-sources", "tbl-numbers",
        "tbl-validation-default", "tbl-validation-easy", "tbl-validation-null",
        "tbl-validation-hard", "tbl-validation-trial", "tbl-validation-coverage",
    }
)  # fmt: skip
"""Figures and tables for whoever checks: folded on screen, on paper a line that names the file."""


def lay_out(part: Part) -> None:
    """Arrange a chapter before it is numbered, in place.

    A section of which nothing is known keeps its heading and the line that says why, and is left
    out where a section before it says the same; a figure drawn to stand beside its text goes
    before it.
    """
    given: set[str] = set()
    for heading, nodes in _sections(part.soup):
        _own_reasons(nodes)
        outputs = [node for node in nodes if "pm-output" in node.get_attribute_list("class")]
        absent = [node for output in outputs for node in output.select("p.pm-absent")]
        said = any("pm-said" in node.get_attribute_list("class") for node in nodes)
        if absent and len(absent) == len(outputs) and not said:
            reasons = {reason.get_text() for reason in absent}
            if reasons <= given:
                _remove([heading, *nodes])
            else:
                _leave_reasons(nodes, absent)
            given |= reasons
        else:
            _remove(node.parent for node in absent if node.has_attr("hidden"))
        figures = [node for node in outputs if node.select_one("figure.pm-beside")]
        for figure in reversed(figures):
            heading.insert_after(figure.extract())


def _sections(soup: BeautifulSoup) -> Iterator[tuple[Tag, list[Tag]]]:
    """Headings of level 2, each with what follows up to the next."""
    for heading in soup.find_all("h2", recursive=False):
        nodes = []
        for node in heading.find_next_siblings():
            if node.name == "h2":
                break
            nodes.append(node)
        yield heading, nodes


def _own_reasons(nodes: list[Tag]) -> None:
    """Count a text that only says that there is nothing to show as an output, not as prose."""
    for node in nodes:
        inner = node.find_all(recursive=False)
        if (
            "pm-said" in node.get_attribute_list("class")
            and inner
            and all("pm-absent" in one.get_attribute_list("class") for one in inner)
        ):
            node["class"] = "pm-output"


def _leave_reasons(nodes: list[Tag], absent: list[Tag]) -> None:
    """Leave of a section its code, and each reason once."""
    reasons: set[str] = set()
    for reason in absent:
        del reason["hidden"]
        if reason.get_text() in reasons:
            _remove([reason.parent])
        reasons.add(reason.get_text())
    kept = {"pm-code", "pm-output"}
    _remove(node for node in nodes if not kept & {*node.get_attribute_list("class")})


def _remove(nodes: object) -> None:
    for node in nodes:  # type: ignore[attr-defined]
        node.extract()


def fold(part: Part, targets: Mapping[str, Target], say: Say) -> None:
    """Fold what only checkers need, in place, once it is numbered: its caption stays."""
    for figure in part.soup.find_all("figure", id=lambda label: label in FOLDED):
        target, caption = targets[str(figure["id"])], figure.find("figcaption")
        assert caption is not None
        rows = Number("", len(figure.select("table:not(.pm-paper) tbody tr")), "count")
        note = BeautifulSoup(
            f'<details class="pm-folded"><summary>{say(f"folded.{target.kind}", rows=rows)}'
            f'</summary></details><p class="pm-print-note">{say("folded.printed")} '
            f"<code>{FOLDERS[target.kind]}/{target.file}.csv</code></p>",
            "html.parser",
        )
        details = note.find("details")
        assert details is not None
        for old in figure.select(".pm-print-note"):
            old.extract()
        for node in list(figure.find_all(recursive=False)):
            if node is not caption:
                details.append(node.extract())
        figure.append(note)
