"""What passes between chapters arrives as it was, whole or not at all."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pmlib.errors import StudyError
from pmlib.files import (
    folder_written_whole,
    read_frame,
    read_json,
    write_frame,
    write_json,
    written_whole,
)
from pmlib.numbers import Number, to_records
from pmlib.tables import legacy_to_html as to_html


def test_frame_comes_back_with_its_tuples(tmp_path):
    frame = pd.DataFrame({"antecedent": [("a", "b"), ("c",)], "lift": [1.5, np.nan]})
    write_frame(frame, tmp_path / "rules.parquet")
    pd.testing.assert_frame_equal(read_frame(tmp_path / "rules.parquet"), frame)


def test_empty_frame_keeps_its_columns(tmp_path):
    write_frame(pd.DataFrame({"a": [], "b": []}), tmp_path / "empty.parquet")
    assert read_frame(tmp_path / "empty.parquet").columns.tolist() == ["a", "b"]


def write_half(path):
    with written_whole(path) as aside:
        aside.write_text("half of")
        raise KeyboardInterrupt


def test_interrupted_write_leaves_the_earlier_file(tmp_path):
    path = tmp_path / "value.json"
    write_json({"k": 1}, path)
    with pytest.raises(KeyboardInterrupt):
        write_half(path)
    assert read_json(path) == {"k": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["value.json"]


def test_json_keeps_twelve_digits_and_sorts_keys(tmp_path):
    write_json({"b": np.float64(1 / 3), "a": np.int64(2)}, tmp_path / "v.json")
    expected = '{\n "a": 2,\n "b": 0.333333333333\n}\n'
    assert (tmp_path / "v.json").read_text() == expected


def test_missing_artefact_says_what_to_run(tmp_path):
    with pytest.raises(StudyError, match=r"run_all\.py"):
        read_frame(tmp_path / "none.parquet")


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe\x00", b""])
def test_damaged_file_is_to_be_deleted(tmp_path, content):
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(StudyError, match="Delete it and run"):
        read_json(path)


def test_folder_is_replaced_whole_or_stays(tmp_path):
    folder = tmp_path / "tables"
    for name in ("first", "second"):
        with folder_written_whole(folder) as aside:
            (aside / name).touch()
    with pytest.raises(ZeroDivisionError), folder_written_whole(folder):
        raise ZeroDivisionError
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == [
        "tables", "tables/second",
    ]  # fmt: skip


def test_unwritable_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StudyError, match="file"):
        write_json(1, tmp_path / "file" / "value.json")


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (Number("a", 0.359, "share", 0.341, 0.377), "35.9\u00a0% (34.1 to 37.7\u00a0%)"),
        (Number("b", -12.5, "currency", -20, 3), "−12.50\u00a0EUR (−20 to 3\u00a0EUR)"),
        (Number("c", 1234.0, "customers"), "1,234 (no interval)"),
        (Number("d", None, "share"), "– (no interval)"),
        (Number("e", 0.00001, "share"), "0.0\u00a0% (no interval)"),
    ],
)
def test_number_is_shown_with_unit_and_interval(number, shown):
    assert f"{number.text('EUR')} ({number.interval('EUR')})" == shown


def test_unknown_unit_is_refused():
    with pytest.raises(ValueError, match="furlongs"):
        Number("a", 1, "furlongs")


def test_table_escapes_what_the_data_hold():
    html = to_html(pd.DataFrame({"name": ["<script>alert(1)</script>"]}))
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_table_refuses_a_unit_for_a_column_it_lacks():
    with pytest.raises(StudyError, match="prise"):
        to_html(pd.DataFrame({"price": [1.0]}), units={"prise": "currency"})


def test_counts_with_a_gap_are_shown_whole():
    html = to_html(pd.DataFrame({"name": ["a", "b"], "n": [71.0, np.nan]}))
    assert ">71<" in html
    assert ">–<" in html


def test_published_numbers_do_not_carry_the_last_bits():
    # Two orders of one sum, as a parallel engine may take them.
    one, other = sum([0.1] * 10 + [1e8]), sum([1e8] + [0.1] * 10)
    assert one != other
    assert to_records([Number("x", one)]) == to_records([Number("x", other)])
