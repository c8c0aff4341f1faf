"""Numbers, lists, levels and texts in a language."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pmlib.errors import StudyError
from pmlib.numbers import Fact, Level, Number, Phrase
from pmlib.params import PROJECT, TEXTS
from pmlib.texts import Language, open_language
from pmlib.texts.language import read_blocks

ENGLISH = open_language("en")


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (Number("a", 0.359, "share", 0.341, 0.377), "35.9\u00a0% (34.1 to 37.7\u00a0%)"),
        (Number("b", -12.5, "currency", -20, 3), "−12.50\u00a0EUR (−20 to 3\u00a0EUR)"),
        (Number("c", 1234.0, "customers"), "1,234 (no interval)"),
        (Number("d", None, "share"), "– (no interval)"),
        (Number("e", 0.00001, "share"), "0.0\u00a0% (no interval)"),
        (Number("f", True), "yes (no interval)"),
        (Number("g", float("inf"), "currency"), "∞ (no interval)"),
    ],
)
def test_number_is_shown_with_unit_and_interval(number, shown):
    text = ENGLISH.number(number.value, number.unit, currency="EUR")
    assert f"{text} ({ENGLISH.interval(number, 'EUR')})" == shown


def test_another_language_may_mark_decimals_and_thousands_otherwise():
    language = Language(TEXTS / "en")
    language.forms = {**language.forms, "decimal": ",", "thousands": "."}
    assert language.number(-1234.5, "share") == "−123.450\u00a0%"


@pytest.mark.parametrize(
    ("names", "shown"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_names_are_joined(names, shown):
    assert ENGLISH.conjoin(names) == shown


@pytest.fixture
def language(tmp_path: Path) -> Language:
    catalogue = (TEXTS / "en" / "catalogue.yaml").read_text("utf-8")
    forms = catalogue.partition("numbers:\n")[0]
    (tmp_path / "catalogue.yaml").write_text(
        forms
        + """numbers:
  "profit_{policy}": {unit: currency, meaning: "profit of {policy}"}
  profit_all: {unit: currency, meaning: profit of all}
facts: {verdict: {levels: [more, less], meaning: what was found}}
columns: {}
tables: {}
levels: {policy: {mass: one offer for all}}
""",
        encoding="utf-8",
    )
    (tmp_path / "segmentation.md").write_text(
        "[said] {{ n }} {% if verdict.more %}more{% endif %}{% if has('gone') %}gone{% endif %}\n"
        "[one] {{ n }} offer{% if not n.one %}s{% endif %} {{ n.bare }} {{ n.has_interval }}\n"
        "[of] {{ what }}; {{ names|conjoin }}\n[joined] {{ names|join(', ') }}\n"
        "[p-value] (p = {{ p }})\n[inner] *{{ name }}*\n[wrong] {{ verdict.most }}\n",
        encoding="utf-8",
    )
    (tmp_path / "report.md").write_text("[shared] of all\n", encoding="utf-8")
    return Language(tmp_path)


def said(language: Language, block: str, **quotes) -> str:
    return language.render("segmentation", block, quotes, currency="EUR")


def test_meaning_is_found_by_key_then_by_pattern_with_its_level(language):
    assert language.described(Number("profit_all", 1, "currency")) == "profit of all"
    assert language.described(Number("profit_mass", 1, "currency")) == "profit of one offer for all"
    assert language.described(Number("profit_other", 1, "currency")) == "profit of other"


def test_number_that_the_catalogue_lacks_is_an_error(language):
    with pytest.raises(StudyError, match="lacks a number or fact"):
        language.described(Number("loss", 1))


def test_facts_are_looked_up_by_level(language):
    assert said(language, "said", n=2, verdict=Fact("verdict", "more")) == "2 more"
    assert said(language, "said", n=2, verdict=Fact("verdict", "less")) == "2"


def test_level_that_a_fact_cannot_have_is_an_error(language):
    with pytest.raises(StudyError, match="no attribute 'most'"):
        said(language, "wrong", verdict=Fact("verdict", "more"))


def test_number_without_value_is_not_there(language):
    assert (
        said(language, "said", n=1, verdict=Fact("verdict", "less"), gone=Number("", None)) == "1"
    )


def test_grammatical_number(language):
    assert said(language, "one", n=Number("", 1, "count")) == "1 offer 1 False"
    assert said(language, "one", n=Number("", 1234, "count")) == "1,234 offers 1,234 False"


def test_phrases_and_levels_inside_texts_are_worded_and_names_are_escaped(language):
    quotes = {"what": Phrase("inner", {"name": "a*b"}), "names": [Level("policy", "mass"), "<x>"]}
    text = said(language, "of", **quotes)
    assert text == "*a&#42;b*; one offer for all and &lt;x&gt;"


def test_names_joined_to_phrases_stay_names(language):
    names = [Phrase("inner", {"name": "a"}), "*b* `c` R$ [@holm1979simple]"]
    text = said(language, "joined", names=names)
    assert text.startswith("*a*, &#42;b&#42; &#96;c&#96; R<span>&#36;</span> &#91;&#64;holm")
    assert said(language, "of", what="x", names=names).count("*") == 2


def test_block_of_the_frame_is_found_from_a_chapter(language):
    assert said(language, "shared") == "of all"


def test_block_that_occurs_twice_is_an_error(tmp_path):
    path = tmp_path / "x.md"
    path.write_text("[a] one\n[a] two\n", encoding="utf-8")
    with pytest.raises(StudyError, match="occurs twice"):
        read_blocks(path)


def test_markdown_links_and_citations_start_no_block(tmp_path):
    path = tmp_path / "x.md"
    path.write_text("[a]\n[@holm1979simple] and\n[a link](x)\n", encoding="utf-8")
    assert read_blocks(path) == {"": "", "a": "[@holm1979simple] and\n[a link](x)"}


def test_folder_without_catalogue_is_an_error(tmp_path):
    with pytest.raises(StudyError, match="catalogue of a language"):
        Language(tmp_path)


CHAPTER_PACKAGES = ("profiling", "segmentation", "association", "strategy", "evaluation")


@pytest.mark.parametrize("package", CHAPTER_PACKAGES)
def test_every_headline_number_of_a_chapter_is_in_the_catalogue(package):
    """A key that it lacks stops the run of the one study that reaches it."""
    code = "".join(path.read_text("utf-8") for path in (PROJECT / "pmlib" / package).glob("*.py"))
    keys = re.findall(r'Number\(\s*"([a-z]\w+)"', code)
    assert keys
    for key in keys:
        assert ENGLISH.entry("numbers", key)[0]["meaning"], key


def test_levels_of_one_table_do_not_repeat_those_that_all_share():
    levels = ENGLISH.catalogue["levels"]
    shared = {kind: levels.get(kind.rpartition(".")[2], {}) for kind in levels if "." in kind}
    assert [kind for kind, common in shared.items() if levels[kind].items() <= common.items()] == []


def test_a_small_p_value_is_told_in_one_way(language):
    quotes = {"p": Number("", 3e-9, "p")}
    assert said(language, "p-value", **quotes) == "(p &lt; 0.001)"
    assert language.render("segmentation", "p-value", quotes, plain=True) == "(p < 0.001)"
    assert said(language, "p-value", p=Number("", 0.0123, "p")) == "(p = 0.012)"


def test_lines_that_meet_between_chinese_signs_are_joined(language):
    (language.folder / "segmentation.md").write_text(
        "[a] ## 标题\n一句。\n{% if True %}\n又一句，\n{% endif %}\nk-means。\n", encoding="utf-8"
    )
    language = Language(language.folder)
    assert said(language, "a") == "## 标题\n一句。又一句，\nk-means。"


def test_names_of_a_study_are_called_as_it_says(language):
    called = {"Mortgage": "房贷", "A bank.": "一家银行。", "other": "x"}
    spoken = language.with_names({language.folder.name: called, "en": {"Mortgage": "Loan"}})
    assert said(spoken, "inner", name="Mortgage → Savings") == "*房贷 → Savings*"
    assert spoken.level("policy", "mass") == "one offer for all"
    assert spoken.level("product", "Mortgage") == "房贷"
    assert spoken.names.text("A bank. 12 rows were lost.") == "一家银行。 12 rows were lost."


def test_names_are_called_as_a_whole_before_their_parts(language):
    called = {"Order: loan": "还贷", "loan": "贷款", "Type": "类型"}
    spoken = language.with_names({language.folder.name: called})
    assert spoken.names.name("Order: loan + loan → Order: loan") == "还贷 + 贷款 → 还贷"
    assert spoken.names.name("Type: loan") == "类型: 贷款"


def test_a_name_with_blanks_stands_for_all_that_fill_them(language):
    called = {"A bank.": "银行。", "So.": "如此。"}
    called["{n} of {all} rows are empty."] = "{all}行中有{n}行为空。"
    spoken = language.with_names({language.folder.name: called})
    assert spoken.names.name("3 of 1,200 rows are empty.") == "1,200行中有3行为空。"
    told = spoken.names.text("A bank. So. 3 of 1,200 rows are empty. More.")
    assert told == "银行。如此。1,200行中有3行为空。 More."
    assert said(language, "inner", name="Mortgage") == "*Mortgage*"
