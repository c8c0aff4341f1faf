"""What a notebook shows and saves, checked on what Jupyter receives."""

from __future__ import annotations

import datetime as dt
import re
from types import SimpleNamespace

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from matplotlib.figure import Figure

from pmlib import chapter as module
from pmlib.chapter import Chapter
from pmlib.errors import StudyError
from pmlib.figures.style import drawing, new_figure
from pmlib.files import read_frame, read_json
from pmlib.numbers import Finding, Level, Number, Phrase, missing
from pmlib.params import Parameters, names_of
from pmlib.texts import Language, Words

TEXTS = """
[gain] The gain of {{ name }} is {{ gain }} ({{ gain.interval }}).
[unknown] The gain is {{ gian }}.
[verdict] {% if verdict.more %}More{% elif verdict.less %}Less{% endif %}, {{ verdict }}.
[fig-line] A &lt;line&gt; of {{ name }} [@holm1979simple].
[fig-line.alt] says "up" of {{ name }}
[fig-line.x] cost of {{ name }}
[tbl-gains] Gains of {{ name }}.
[sentence] found in {{ n }}
[absent.contacts] No contacts.
"""
CATALOGUE = """
  gain: {unit: share, meaning: "gain of {name}"}
facts:
  verdict: {levels: [more, less], meaning: what was found}
columns:
  name: {label: Name}
  share: {label: Share, unit: share}
  verdict: {label: Verdict}
tables:
  tbl-gains: {sortable: true, columns: {share: {label: Gain}}}
levels:
  verdict: {more: more than before, less: less than before}
"""
HOSTILE = "<script>alert(1)</script> R$ 5 a R$ {x} `b` @fig-x [@y]"


@pytest.fixture
def shown(monkeypatch):
    outputs = []
    monkeypatch.setattr(module, "display", lambda item, **_: outputs.append(item.data))
    return outputs


@pytest.fixture
def chapter(engine, tmp_path, monkeypatch):
    texts = tmp_path / "texts"
    texts.mkdir()
    english = (module.parameters.TEXTS / "en" / "catalogue.yaml").read_text("utf-8")
    forms = english.partition("numbers:\n")[0]
    (texts / "catalogue.yaml").write_text(f"{forms}numbers:{CATALOGUE}", encoding="utf-8")
    (texts / "segmentation.md").write_text(TEXTS, encoding="utf-8")
    (texts / "report.md").write_text("[data-behind] Data\n", encoding="utf-8")
    monkeypatch.setattr(module, "open_language", lambda _: Language(texts))
    study = SimpleNamespace(
        currency="EUR",
        as_of=dt.date(2025, 12, 31),
        has=lambda table: table == "customers",
        names={},
        rare={},
    )
    return Chapter("segmentation", tmp_path, params=Parameters(), study=study, engine=engine)


GAIN = Number("gain", 0.021, "share", 0.01, 0.03, about={"name": "cards"})


@drawing("fig-line")
def line(found: Finding, words: Words) -> Figure | None:
    if len(found.table) < 2:
        return None
    figure = new_figure(1)
    axes = figure.add_subplot()
    axes.plot([0, 1], found.table["share"])
    axes.set_xlabel(words("x"))
    return figure


def finding(**more) -> Finding:
    table = pd.DataFrame({"name": ["a", "b"], "share": [0.5, 0.25]})
    return Finding(table, (GAIN,), {"verdict": "more"}, **{"quotes": {"name": "cards"}, **more})


def test_text_is_filled_with_what_was_recorded_and_quoted(chapter, shown):
    chapter.show(finding(), "gain", "verdict")
    assert shown == [
        "The gain of cards is 2.1&nbsp;% (1.0 to 3.0&nbsp;%).".replace("&nbsp;", "\u00a0"),
        "More, more than before.",
    ]


def test_text_that_quotes_an_unknown_number_is_an_error(chapter):
    with pytest.raises(StudyError, match="gian"):
        chapter.say("unknown")


def test_missing_text_is_an_error(chapter):
    with pytest.raises(StudyError, match=r"no block \[nothing\]"):
        chapter.say("nothing")


def test_meaning_comes_from_the_catalogue(chapter):
    chapter.show(finding())
    chapter.save()
    records = read_json(chapter.run / "artifacts" / "segmentation" / "numbers.json")
    assert [(r["key"], r["meaning"], r.get("kind")) for r in records] == [
        ("gain", "gain of cards", None),
        ("verdict", "what was found", "fact"),
    ]


def test_number_in_another_unit_than_the_catalogue_says_is_an_error(chapter):
    with pytest.raises(StudyError, match="not what the catalogue says"):
        chapter.record([Number("gain", 1.0, "currency")])


def test_fact_at_a_level_that_the_catalogue_lacks_is_an_error(chapter):
    with pytest.raises(StudyError, match="not what the catalogue says"):
        chapter.show(Finding(facts={"verdict": "rather more"}))


def test_one_key_cannot_mean_two_numbers(chapter):
    chapter.record([GAIN])
    with pytest.raises(StudyError, match="gain"):
        chapter.record([Number("gain", 0.5, "share", about={"name": "cards"})])


def test_absent_finding_says_why_once_in_sight_and_nothing_else(chapter, shown):
    nothing = missing("contacts")
    chapter.show(nothing, "gain", "tbl-gains", line)
    chapter.show(nothing, "gain")
    # Hidden where it was said before: the report shows it in a section that has nothing else.
    hidden = '<p class="pm-absent" hidden>No contacts.</p>'
    assert shown == ['<p class="pm-absent">No contacts.</p>', hidden]


def test_figure_has_alt_text_caption_and_data(chapter, shown):
    chapter.show(finding(), line)
    page = BeautifulSoup(shown[0], "html.parser")
    assert page.img["alt"] == 'says "up" of cards'
    assert page.figcaption.text.strip() == "A <line> of cards ."
    assert page.figcaption.find(class_="pm-cite")["data-keys"] == "@holm1979simple"
    assert [head.text for head in page.find("details").find_all("th")][:2] == ["Name", "Share"]


def test_figure_of_nothing_and_table_without_rows_are_not_shown(chapter, shown):
    chapter.show(finding(tables={"gains": pd.DataFrame()}), "tbl-gains")
    chapter.show(Finding(pd.DataFrame({"name": ["a"], "share": [0.5]})), line)
    assert shown == []


def test_last_bits_of_the_data_do_not_change_the_bytes_of_a_figure(chapter, shown):
    for noise in (0, 3e-14):
        table = pd.DataFrame({"name": ["a", "b"], "share": [0.5, 0.25 + noise]})
        chapter.show(Finding(table, quotes={"name": "n"}), line)
    images = [BeautifulSoup(page, "html.parser").img["src"] for page in shown]
    assert images[0] == images[1]


def test_table_is_worded_by_the_catalogue(chapter, shown):
    table = pd.DataFrame(
        {
            "name": [Level("verdict", "less"), Phrase("sentence", {"n": "x"}), GAIN],
            "share": [0.5, None, 0.25],
            "verdict": ["more", "other", None],
        }
    )
    chapter.show(Finding(table, quotes={"name": "cards"}), "tbl-gains")
    page = BeautifulSoup(shown[0], "html.parser")
    rows = [[cell.text for cell in row.find_all(["th", "td"])] for row in page.find_all("tr")]
    assert rows == [
        ["Name", "Gain", "Verdict"],
        ["less than before", "50.0\u00a0%", "more than before"],
        ["found in x", "–", "other"],
        ["2.1\u00a0%", "25.0\u00a0%", "–"],
    ]
    assert page.table["class"] == ["pm-sortable"]


def test_tables_of_one_kind_are_shown_one_by_one(chapter, shown):
    rows = pd.DataFrame({"share": [0.25]})
    tables = {"gains-1": rows, "other": rows, "gains-2": rows}
    quotes = {"gains-1": {"name": "Even"}, "gains-2": {"name": "Odd"}}
    chapter.show(Finding(tables=tables, quotes=quotes), "tbl-gains-*")
    figures = [BeautifulSoup(fragment, "html.parser").figure for fragment in shown]
    assert [figure["id"] for figure in figures] == ["tbl-gains-1", "tbl-gains-2"]
    assert [figure.figcaption.text for figure in figures] == ["Gains of Even.", "Gains of Odd."]


def test_column_without_words_is_an_error(chapter):
    with pytest.raises(StudyError, match="lacks a column"):
        chapter.show(Finding(pd.DataFrame({"rate": [1]}), quotes={"name": "n"}), "tbl-gains")


def test_what_is_quoted_from_data_is_never_markup(chapter, shown):
    found = finding(quotes={"name": HOSTILE})
    chapter.show(found, "gain", "tbl-gains", line)
    said, table, figure = shown
    for special in "<>$@[]{}`":
        # JupyterLab makes no formula of dollars that are elements of their own.
        assert special not in re.sub("</?span>", "", said.partition(" is ")[0])
    for page in (table, figure):
        caption = BeautifulSoup(page, "html.parser").figcaption
        assert HOSTILE in caption.text
        assert caption.find(["script", "math", "a"]) is None
    assert HOSTILE in BeautifulSoup(figure, "html.parser").img["alt"]


def test_saved_artefacts_come_back(chapter):
    chapter.record([GAIN])
    frame = pd.DataFrame({"segment": [1, 2]})
    lazy = chapter.engine.from_pandas(frame)
    chapter.save(frames={"segments": frame}, values={"scorer": {"a": 1}}, private={"all": lazy})
    later = Chapter(
        "strategy_design", chapter.run, params=chapter.params, study=chapter.study,
        engine=chapter.engine,
    )  # fmt: skip
    pd.testing.assert_frame_equal(later.load("segmentation", "segments"), frame)
    assert later.load_value("segmentation", "scorer") == {"a": 1}
    assert read_frame(later.load_private("segmentation", "all"))["segment"].tolist() == [1, 2]
    numbers = read_json(chapter.run / "artifacts" / "segmentation" / "numbers.json")
    assert [number["key"] for number in numbers] == ["gain"]


def test_absent_findings_leave_nothing_behind(chapter):
    kept = Finding(pd.DataFrame({"segment": [1]}))
    chapter.save(frames={"kept": kept, "gone": missing("contacts")})
    pd.testing.assert_frame_equal(chapter.load("segmentation", "kept"), kept.table)
    assert chapter.load("segmentation", "gone").empty
    with pytest.raises(StudyError):  # a chapter that was not run
        chapter.load("profiling", "gone")


def test_failed_save_leaves_the_earlier_artefacts(chapter):
    frame = pd.DataFrame({"segment": [1]})
    chapter.save(frames={"segments": frame})
    with pytest.raises(StudyError, match="column names"):
        chapter.save(frames={"a": frame, "segments": pd.DataFrame({1: [2]})})
    assert sorted(p.name for p in (chapter.run / "artifacts").iterdir()) == ["segmentation"]
    pd.testing.assert_frame_equal(chapter.load("segmentation", "segments"), frame)


def test_missing_private_artefact_says_what_to_run(chapter):
    with pytest.raises(StudyError, match=r"run_all\.py"):
        chapter.load_private("segmentation", "assignments")


def test_a_name_that_papermill_only_warns_of_stops_the_notebook():
    namespace = {name: getattr(Parameters(), name) for name in names_of("segmentation")}
    asked = ["", "seed = 1", "# Parameters\nstudy = 'x'\nsed = 4\n", "sed = sed + 1"]
    with pytest.raises(StudyError, match="sed: did you mean seed"):
        Chapter.open("segmentation", {**namespace, "In": asked, "sed": 4})
    own = [*asked[:2], "# Parameters\nseed = 4\n", "sed = 4"]  # a reader's own name is not asked
    with pytest.raises(KeyError, match="study"):  # the next step: to open the study
        Chapter.open("segmentation", {**namespace, "In": own, "sed": 4})
