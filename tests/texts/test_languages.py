"""Every language says what English says: the same blocks, which look up the same things."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Environment, nodes

from pmlib.markup import CITATION, REFERENCE, to_html
from pmlib.params import PSEUDO, TEXTS, Parameters, languages
from pmlib.texts import Language, open_language
from pmlib.texts.language import read_blocks

ENGLISH = open_language("en")
OTHERS = [code for code in languages() if code not in ("en", PSEUDO)]
FILES = sorted(path.stem for path in (TEXTS / "en").glob("*.md"))
NO_WORDS = ("unit", "levels", "decimals", "names", "value", "filters", "sortable")
SECTIONS = ("forms", "numbers", "facts", "columns", "told", "tables", "levels")
PARSER = Environment(  # noqa: S701 - it only parses
    comment_start_string="{%#", comment_end_string="#%}"
)

HAN = "\u4e00-\u9fff"
# What is no prose: code, markup, formulas, citations, labels and what templates look up.
FORMULAS = re.compile(r"\$\$.*?\$\$|\$[^$\n]+\$", re.DOTALL)
NO_PROSE = re.compile(
    r"\{%#.*?#%\}|\{\{.*?\}\}|\{%.*?%\}|\{#[\w-]+\}|\{\w+\}|<[^<>]*>|`[^`]*`|https?://\S+"
    r"|\[@[^\]]*\]|@(?:fig|tbl|sec|eq)-[\w-]+|\$\$.*?\$\$|\$[^$\n]+\$",
    re.DOTALL,
)
# Names, abbreviations and files, which are the same in every language.
SAME = set(re.findall(r"\w+", """
    H1 H2 H3 H4 T1 T2 AUC AUTOC BIC Benjamini Breslow CSV CUPED Calinski Cochran Cram DeLong
    Davies Bouldin Day er Fisher GDPR Haenszel Harabasz Hochberg Holm HiGHS Jaccard Kulczynski
    KPI MAP Mantel Matplotlib Newcombe PIPL PSI Parquet PyFIM Qini RACI RFM ROC SHA SPT STP
    Student Tarone Ward Welch Wilson Zhang Jupyter DuckDB pandas scikit learn prototypes
    mlxtend log1p easy hard null default study yaml private run_all py notebooks json csv
    scorer before_column n_segments made_segments min_support negligible_odds_ratio
"""))  # fmt: skip


def lookups(source: str) -> set[str]:
    """What a template looks up: ``n``, ``n.interval``, ``has:n``; not the grammatical number."""
    found = set()
    template = PARSER.parse(source)
    own = {node.target.name for node in template.find_all(nodes.Assign)}
    for node in template.find_all((nodes.Name, nodes.Getattr, nodes.Call)):
        if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name):
            found |= {f"{node.node.name}:{a.value}" for a in node.args if hasattr(a, "value")}
        elif isinstance(node, nodes.Getattr | nodes.Name):
            found.add(path(node))
    return {name for name in found - own if not name.endswith(".one")}


def path(node: Any) -> str:
    if isinstance(node, nodes.Getattr):
        return f"{path(node.node)}.{node.attr}"
    return node.name if isinstance(node, nodes.Name) else "…"


def marks(source: str) -> list[str]:
    """References, citations and labels of a block, and the places of the page's script."""
    source = FORMULAS.sub(" ", source)
    found = [*re.findall(REFERENCE, source), *re.findall(r"\{#[\w-]+\}|(?<!\{)\{\w+\}", source)]
    cited = re.findall(r"@([\w:-]+)", " ".join(re.findall(CITATION, source)))
    return sorted({*found, *cited})


def prose(source: str) -> str:
    return NO_PROSE.sub(" ", source)


def leaves(entries: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Every word of a catalogue with its place; keys are places, units are no words."""
    if isinstance(entries, dict):
        for key, value in entries.items():
            if key not in NO_WORDS or isinstance(value, dict):
                yield from leaves(value, f"{where}.{key}")
    elif isinstance(entries, str):
        yield where, entries


@pytest.fixture(scope="module", params=OTHERS)
def other(request: pytest.FixtureRequest) -> Language:
    return open_language(request.param)


def test_there_is_another_language() -> None:
    assert OTHERS


@pytest.mark.parametrize("file", FILES)
def test_blocks_look_up_refer_to_and_cite_the_same(other: Language, file: str) -> None:
    mine, theirs = (read_blocks(lang.folder / f"{file}.md") for lang in (other, ENGLISH))
    assert list(mine) == list(theirs)
    for name, source in theirs.items():
        lacking = lookups(source) - lookups(mine[name])
        added = lookups(mine[name]) - lookups(source)
        assert (name, lacking, added) == (name, set(), set())
        assert (name, marks(mine[name])) == (name, marks(source))


def test_every_p_value_is_written_in_one_way() -> None:
    told = ENGLISH.catalogue["numbers"]
    tests = [key for key, entry in told.items() if re.search("p-value|test that", entry["meaning"])]
    assert len(tests) >= 7
    assert {told[key].get("unit") for key in tests} == {"p"}


def test_catalogue_has_the_same_entries_units_and_levels(other: Language) -> None:
    def shape(entry: Any) -> Any:
        if isinstance(entry, dict):
            return {str(key): shape(value) for key, value in entry.items()}
        return sorted(re.findall(r"\{\w+", entry)) if isinstance(entry, str) else entry

    for section in SECTIONS:
        mine, theirs = (dict(lang.catalogue[section]) for lang in (other, ENGLISH))
        if section == "forms":
            assert mine.keys() == theirs.keys()
            continue
        if section == "levels":  # the schema says in English what a parameter sets
            assert mine.pop("parameter").keys() == Parameters.model_fields.keys()
        for key in NO_WORDS if section != "levels" else ():
            mine, theirs = (without_words(entries, key) for entries in (mine, theirs))
        assert shape(mine) == shape(theirs)


def without_words(entries: Any, key: str) -> Any:
    """Entries in which what is no word, but a code, counts as it is."""
    if not isinstance(entries, dict):
        return entries
    return {k: [v] if k == key and isinstance(v, str) else without_words(v, key)
            for k, v in entries.items()}  # fmt: skip


# --- what Chinese alone must keep ---------------------------------------------------------------

CHINESE = open_language("zh")
BLOCKS = [
    pytest.param(source, id=f"{file}:{name}")
    for file in FILES
    for name, source in read_blocks(CHINESE.folder / f"{file}.md").items()
    if (name or file not in ("report", "outlook")) and source
]


@pytest.mark.parametrize("source", BLOCKS)
def test_no_english_is_left_and_marks_are_full_width(source: str) -> None:
    text = prose(source)
    assert set(re.findall(r"[A-Za-z][A-Za-z_0-9]+", text)) <= SAME
    assert not re.search(rf"[{HAN}][,;:!?()]|[,;:!?()][{HAN}]", text)
    # Stress that begins or ends at a mark stays two asterisks in Markdown.
    filled = re.sub(r"^\{%[^\n]*%\}$", "", source, flags=re.MULTILINE)
    assert "**" not in to_html(re.sub(r"\{[{%].*?[%}]\}", "x", filled, flags=re.DOTALL))
    # So does stress on a name alone, where the name ends with a bracket.
    alone = r"(?<!\*)\*\{\{[^}]*\}\}\*(?=[\u4e00-\u9fff])"
    assert re.findall(alone, source) == []


def test_no_english_is_left_in_the_catalogue() -> None:
    words = {
        (where, word)
        for section in SECTIONS
        for where, text in leaves(CHINESE.catalogue[section], section)
        for word in re.findall(r"[A-Za-z][A-Za-z_0-9]+", re.sub(r"\{\w+\}", " ", text))
        if word not in SAME
    }
    levels = {
        code for fact in CHINESE.catalogue["facts"].values() for code in fact.get("levels", ())
    }
    assert {(where, word) for where, word in words if word not in levels} == set()


def test_each_term_is_chinese_in_one_way() -> None:
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|$", glossary(), flags=re.MULTILINE)[1:]
    assert len(rows) > 40
    texts = {path.name: path.read_text("utf-8") for path in sorted(CHINESE.folder.glob("*.*"))
             if path.name != "glossary.md"}  # fmt: skip
    everything = "\n".join(texts.values())
    for _, used, avoided in rows:
        terms = [term for term in re.split("、|（|）", used) if term]
        assert [term for term in terms if term not in everything] == []
        for term in avoided.split("、"):
            assert [name for name, text in texts.items() if term in text] == []


def glossary() -> str:
    return Path(CHINESE.folder / "glossary.md").read_text("utf-8")


def test_the_catalogue_is_plain_yaml() -> None:
    text = (CHINESE.folder / "catalogue.yaml").read_text("utf-8")
    assert yaml.safe_load(text)["language"] == "zh-CN"


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [(0.1234, "share", "12.3%"), (0.0052, "points", "0.52个百分点"),
     (-1234567.8, "currency", "−1,234,568欧元"), (3e-9, "p", "< 0.001")],
)  # fmt: skip
def test_numbers_in_chinese_form(value: float, unit: str, shown: str) -> None:
    assert CHINESE.number(value, unit, currency="EUR") == shown
