"""Terms of the glossary, linked where a chapter first uses them."""

from __future__ import annotations

import pytest
from bs4 import BeautifulSoup

from pmlib.report.glossary import link_terms
from pmlib.report.numbering import Part

GLOSSARY = """<h2>Terms</h2><figure id="tbl-notation-abbreviations"><table><tbody>
<tr><th>Lift, silhouette</th><td>a ratio; a fit</td></tr><tr><th>AUC</th><td>an area</td></tr>
</tbody></table></figure>"""


@pytest.fixture
def chapter() -> BeautifulSoup:
    body = """<h2>Lift</h2><p><code>lift</code> and $lift$ uplift: <em>Silhouette</em>, AUC and auc.
    The lift &lt;b&gt; of a lift.</p><p>Silhouette and AUC again.</p>"""
    parts = [
        Part("one", BeautifulSoup(body, "html.parser")),
        Part("notation", BeautifulSoup(GLOSSARY, "html.parser"), kind="appendix"),
    ]
    link_terms(parts)
    return parts[0].soup


def test_only_the_first_use_in_prose_is_linked_with_its_own_meaning(chapter):
    links = [(link.text, link["href"], link["title"]) for link in chapter.select("a.pm-term")]
    assert links == [
        ("lift", "#term-lift", "a ratio"),
        ("Silhouette", "#term-lift", "a fit"),
        ("AUC", "#term-auc", "an area"),
    ]  # fmt: skip
    assert [link.parent.name for link in chapter.select("a.pm-term")] == ["p", "em", "p"]


def test_the_text_stays_as_it_was(chapter):
    assert "The lift <b> of a lift." in chapter.get_text()
    assert chapter.find("b") is None


def test_a_report_without_glossary_has_no_links():
    part = Part("one", BeautifulSoup("<h1>A</h1><p>lift</p>", "html.parser"))
    link_terms([part])
    assert part.soup.select("a") == []


def test_chinese_terms_are_found_within_sentences_that_have_no_room_between_words():
    glossary = GLOSSARY.replace("Lift, silhouette", "支持度、提升度").replace(
        "a ratio; a fit", "一；二"
    )
    parts = [
        Part("one", BeautifulSoup("<p>规则的提升度很高，AUC也高。</p>", "html.parser")),
        Part("notation", BeautifulSoup(glossary, "html.parser"), kind="appendix"),
    ]
    link_terms(parts)
    links = [(link.text, link["title"]) for link in parts[0].soup.select("a.pm-term")]
    assert links == [("提升度", "二"), ("AUC", "an area")]
