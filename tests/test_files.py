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


def test_frame_comes_back_with_its_tuples(tmp_path):
    frame = pd.DataFrame({"antecedent": [("a", "b"), ("c",)], "lift": [1.5, np.nan]})
    write_frame(frame, tmp_path / "rules.parquet")
    pd.testing.assert_frame_equal(read_frame(tmp_path / "rules.parquet"), frame)


def test_a_frame_keeps_twelve_digits_so_that_the_order_of_a_sum_is_not_seen(tmp_path):
    # In another order the last bit differs, and twelve digits do not.
    sums = [(0.1 + 0.2) + 0.3, 0.1 + (0.2 + 0.3)]
    assert sums[0] != sums[1]
    for name, x in zip("ab", sums, strict=True):
        frame = pd.DataFrame(
            {
                "x": [x, np.nan, np.inf], "n": [1, 2, 3], "name": ["k", None, "l"],
                "curve": [(x, 1.0), (-x,), ()], "either": pd.Series([x, None, 1.0], dtype=object),
                "when": pd.to_datetime(["2024-01-01"] * 3),
                "null": pd.array([x, None, 1], "Float64"),
            }
        )  # fmt: skip
        before = frame.copy(deep=True)
        write_frame(frame, tmp_path / name)
        pd.testing.assert_frame_equal(frame, before)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    back = read_frame(tmp_path / "a")
    assert back["x"].tolist()[0] == 0.6
    assert back["curve"].tolist() == [(0.6, 1.0), (-0.6,), ()]
    assert back["either"].tolist()[0] == 0.6
    assert back["n"].tolist() == [1, 2, 3]


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
