"""What a notebook shows and saves, checked on what Jupyter receives."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

import pandas as pd
import pytest
from bs4 import BeautifulSoup

from pmlib import chapter as module
from pmlib.chapter import Chapter
from pmlib.errors import StudyError
from pmlib.figures.style import new_figure
from pmlib.files import read_frame, read_json
from pmlib.numbers import Number
from pmlib.params import Parameters


@pytest.fixture
def shown(monkeypatch):
    outputs = []
    monkeypatch.setattr(module, "display", lambda item, **_: outputs.append(item.data))
    return outputs


@pytest.fixture
def chapter(engine, tmp_path):
    study = SimpleNamespace(
        currency="EUR",
        as_of=dt.date(2025, 12, 31),
        has=lambda table: table == "customers",
    )
    return Chapter("segmentation", tmp_path, params=Parameters(), study=study, engine=engine)


def test_sentence_is_filled_with_recorded_numbers(chapter, shown):
    chapter.record([Number("gain", 0.021, "share", 0.01, 0.03)])
    chapter.say("The gain is {gain} ({gain.interval}).")
    assert shown == ["The gain is 2.1\u00a0% (1.0 to 3.0\u00a0%)."]


def test_sentence_with_an_unknown_number_is_an_error(chapter):
    with pytest.raises(StudyError, match="gian"):
        chapter.say("The gain is {gian}.")


def test_one_key_cannot_mean_two_numbers(chapter):
    chapter.record([Number("gain", 1)])
    with pytest.raises(StudyError, match="gain"):
        chapter.record([Number("gain", 2)])


def test_missing_table_is_said_once_and_by_name(chapter, shown):
    assert not chapter.has("customers", "holdings")
    assert len(shown) == 1
    assert "<em>holdings</em>" in shown[0]


def test_present_table_is_not_talked_about(chapter, shown):
    assert chapter.has("customers")
    assert shown == []


def test_figure_has_alt_text_caption_and_data(chapter, shown):
    figure = new_figure(1)
    figure.add_subplot().plot([0, 1])
    data = pd.DataFrame({"x": [0, 1]})
    chapter.figure(figure, "fig-line", caption="A <line>", alt='says "up"', data=data)
    page = BeautifulSoup(shown[0], "html.parser")
    assert page.img["alt"] == 'says "up"'
    assert page.figcaption.text == "A <line>"
    assert len(page.find("details").find_all("tr")) == 3


def test_last_bits_of_the_data_do_not_change_the_bytes_of_a_figure(chapter, shown):
    for noise in (0, 3e-14):
        figure = new_figure(1)
        figure.add_subplot().plot([0, 1 + noise], [1, 2 + noise], "o-")
        chapter.figure(figure, "fig-s", caption="c", alt="a", data=pd.DataFrame({"x": [0]}))
    assert shown[0] == shown[1]


def test_label_must_say_what_it_labels(chapter):
    with pytest.raises(StudyError, match="table-one"):
        chapter.table(pd.DataFrame({"x": [0]}), "table-one", caption="c")


def test_saved_artefacts_come_back(chapter):
    chapter.record([Number("k", 3)])
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
    assert [number["key"] for number in numbers] == ["k"]


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
