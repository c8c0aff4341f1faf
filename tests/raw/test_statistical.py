"""Files of SPSS, Stata and SAS, written by pyreadstat, against what was put in.

Nothing here writes .sas7bdat; tried by hand were the ten of pyreadstat's own tests.
"""

# ruff: noqa: E501  (tables: one case a line)
from __future__ import annotations

import datetime as dt

import duckdb
import numpy as np
import pandas as pd
import pyreadstat
import pytest

from pmlib.errors import StudyError
from pmlib.raw.signatures import recognise
from pmlib.raw.statistical import to_parquet

FRAME = pd.DataFrame(
    {
        "id": [1001.0, 1002.0, 1003.0, 1004.0],
        "sat": [3.0, 1.0, 2.0, 97.0],
        "nps": [0.0, 5.0, 10.0, 99.0],
        "seg": ["a", "b", "", "a"],
        "day": [dt.date(2020, 2, 29), None, dt.date(1950, 1, 1), dt.date(2024, 12, 31)],
        "at": [dt.datetime(2020, 1, 1, 3, 4, 5), None, dt.datetime(2020, 1, 1), None],
        "x": [0.1, None, -3.25, 7.0],
        "town": ["Köln", "客户", "", "Graz"],
    }
)
LABELS = {"sat": {3: "high", 1: "low", 2: "middle", 97: "refused"}, "nps": {0: "no way", 99: "none"},
          "seg": {"a": "Alpha", "b": "Beta"}}  # fmt: skip


def read(path, **how):
    """The rows of the Parquet file, its types, and what was said."""
    target = path.with_suffix(".parquet")
    said = to_parquet(path, target, recognise(path).ending, **how)
    table = duckdb.read_parquet(str(target))
    return table.fetchall(), dict(zip(table.columns, map(str, table.types), strict=True)), said


def spss(path, **more):
    labels = {"id": "Customer", "sat": "Satisfaction"}
    pyreadstat.write_sav(FRAME, path, column_labels=labels, variable_value_labels=LABELS,
                         missing_ranges={"sat": [97], "nps": [{"lo": 90, "hi": 99}]}, **more)  # fmt: skip


@pytest.mark.parametrize("how", [{}, {"row_compress": True}, {"compress": True}])
def test_spss_gives_labels_in_their_order_and_no_user_missing_values(tmp_path, how):
    spss(tmp_path / "a.sav", **how)
    rows, types, said = read(tmp_path / "a.sav")
    assert rows == [
        (1001, "high", 0, "Alpha", dt.date(2020, 2, 29), dt.datetime(2020, 1, 1, 3, 4, 5), 0.1, "Köln"),
        (1002, "low", 5, "Beta", None, None, None, "客户"),
        (1003, "middle", 10, None, dt.date(1950, 1, 1), dt.datetime(2020, 1, 1), -3.25, None),
        (1004, None, None, "Alpha", dt.date(2024, 12, 31), None, 7.0, "Graz"),
    ]  # fmt: skip
    assert list(types.values()) == [
        "BIGINT", "VARCHAR", "BIGINT", "VARCHAR", "DATE", "TIMESTAMP", "DOUBLE", "VARCHAR",
    ]  # fmt: skip
    assert (said.rows, said.labels) == (4, {"id": "Customer", "sat": "Satisfaction"})
    assert said.levels == {"sat": ("low", "middle", "high"), "seg": ("Alpha", "Beta")}
    assert said.notes == (
        "sat: values that the file declares missing, read as empty: 1.",
        "nps: values that the file declares missing, read as empty: 1.",
        "nps: only some values have a label, so all stay as they are; labelled: 0 (no way).",
    )


@pytest.mark.parametrize("version", [10, 14, 15])
def test_stata_gives_the_same(tmp_path, version):
    text = FRAME.assign(town=["Koln", "", "Wien", "Graz"]).drop(columns="seg")
    pyreadstat.write_dta(text, tmp_path / "a.dta", version=version,
                         variable_value_labels={"sat": LABELS["sat"]})  # fmt: skip
    rows, types, said = read(tmp_path / "a.dta")
    assert [row[:3] for row in rows] == [(1001, "high", 0), (1002, "low", 5), (1003, "middle", 10),
                                         (1004, "refused", 99)]  # fmt: skip
    assert rows[0][3:5] == (dt.date(2020, 2, 29), dt.datetime(2020, 1, 1, 3, 4, 5))
    assert (types["id"], types["x"], types["day"]) == ("BIGINT", "DOUBLE", "DATE")
    assert said.levels == {"sat": ("low", "middle", "high", "refused")}


def test_missing_values_of_stata_with_a_letter_are_counted(tmp_path):
    frame = pd.DataFrame({"a": pd.Series([1, 2, "a", "b"], dtype=object)})
    pyreadstat.write_dta(frame, tmp_path / "a.dta", missing_user_values={"a": ["a", "b"]},
                         variable_value_labels={"a": {1: "one", 2: "two", "a": "refused"}})  # fmt: skip
    rows, _, said = read(tmp_path / "a.dta")
    assert rows == [("one",), ("two",), (None,), (None,)]
    assert said.notes == ("a: values that the file declares missing, read as empty: 2.",)


@pytest.mark.parametrize("version", [5, 8])
def test_sas_transport_files(tmp_path, version):
    pyreadstat.write_xport(
        FRAME.drop(columns="seg"), tmp_path / "a.xpt", file_format_version=version
    )
    rows, types, said = read(tmp_path / "a.xpt")
    assert rows[0][:3] == (1001, 3, 0)
    assert rows[0][3] == dt.date(2020, 2, 29)
    assert (rows[1][-1], rows[2][-2], types["id"]) == ("客户", -3.25, "BIGINT")
    assert said.judgement is not None
    assert said.judgement.encoding == "utf-8"


def test_spss_portable_files(tmp_path):
    pyreadstat.write_por(FRAME[["id", "x", "day"]], tmp_path / "a.por")
    rows, _, _ = read(tmp_path / "a.por")
    assert rows == [(1001, 0.1, dt.date(2020, 2, 29)), (1002, None, None),
                    (1003, -3.25, dt.date(1950, 1, 1)), (1004, 7.0, dt.date(2024, 12, 31))]  # fmt: skip


TOWNS = ["Łódź", "Kraków", "Gdańsk", "Poznań", "Świętokrzyskie", "Małgorzata", "Woźniak", "Śląskie"]


def test_text_of_old_files_is_judged_and_said(tmp_path):
    # Stata 10 states no encoding: its text is put in as bytes of cp1250.
    held = [town.encode("cp1250").decode("iso8859-1") for town in TOWNS]
    pyreadstat.write_dta(
        pd.DataFrame({"t": ["x" * 15] * len(held)}), tmp_path / "a.dta", version=10
    )
    content = (tmp_path / "a.dta").read_bytes()
    for text in held:
        content = content.replace(b"x" * 15, text.encode("iso8859-1").ljust(15, b"\0"), 1)
    (tmp_path / "a.dta").write_bytes(content)
    rows, _, said = read(tmp_path / "a.dta")
    assert [row[0] for row in rows] == TOWNS
    assert said.notes == ("The file does not state its encoding; it was read as cp1250.",)
    rows, _, said = read(tmp_path / "a.dta", encoding="cp1252")
    assert rows[0] == (TOWNS[0].encode("cp1250").decode("cp1252"),)
    assert said.notes == ()


def test_a_file_of_several_pieces_keeps_its_rows_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr("pmlib.raw.statistical._ROWS", 100)
    n = 1000  # a multiple of the piece: the last one is empty
    frame = pd.DataFrame({"id": np.arange(n, dtype=float), "x": np.arange(n) / 3})
    for write, name in ((pyreadstat.write_sav, "a.sav"), (pyreadstat.write_dta, "a.dta"),
                        (pyreadstat.write_xport, "a.xpt"), (pyreadstat.write_por, "a.por")):  # fmt: skip
        write(frame, tmp_path / name)
        rows, _, said = read(tmp_path / name)
        assert said.rows == n
        assert [row[0] for row in rows] == list(range(n))
        assert [row[1] for row in rows] == pytest.approx([i / 3 for i in range(n)], rel=1e-12)


def test_two_codes_of_one_label_stay_apart(tmp_path):
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0]})
    pyreadstat.write_sav(frame, tmp_path / "a.sav",
                         variable_value_labels={"a": {1: "yes", 2: "yes", 3: "no"}})  # fmt: skip
    rows, _, said = read(tmp_path / "a.sav")
    assert rows == [("yes (1)",), ("yes (2)",), ("no",)]
    assert said.levels == {"a": ("yes (1)", "yes (2)", "no")}


@pytest.mark.parametrize("ending", [".sav", ".dta", ".xpt", ".por", ".sas7bdat"])
def test_a_damaged_file_is_told(tmp_path, ending):
    (tmp_path / "a").write_bytes(b"$FL2@(#) and nothing that follows")
    with pytest.raises(StudyError, match=rf"statistical file cannot be read(.|\n)*{ending}"):
        to_parquet(tmp_path / "a", tmp_path / "b.parquet", ending)
