"""The appendix marks what the kept validation shows to be missed."""

from __future__ import annotations

import pytest

from pmlib.report.appendix import validation_tables


@pytest.mark.parametrize(
    ("mean", "low", "high", "expected", "verdict"),
    [
        (0.95, 0.91, 0.98, "0.93_to_0.97", "holds"),
        (0.92, 0.89, 0.94, "0.93_to_0.97", "open"),
        (0.98, 0.974, 0.985, "0.93_to_0.97", "missed"),
        (0.80, 0.76, 0.83, "0.93_to_0.97", "missed"),
        (0.476, 0.27, 0.68, "at_least_0.5", "open"),
        (0.3, 0.2, 0.4, "at_least_0.5", "missed"),
        (0.04, 0.01, 0.09, "at_most_0.05", "holds"),
        (0.2, 0.1, 0.3, "at_most_0.05", "missed"),
        (6, 6, 6, "6", "holds"),
        (5.9, 5.7, 6.1, "6", "open"),
        (5.2, 5.0, 5.4, "6", "missed"),
        (0.9, 0.6, 0.98, "most", "holds"),
        (8637, 8109, 9164, "", ""),
    ],
)
def test_what_should_hold_is_marked_by_mean_and_interval(
    tmp_path, mean, low, high, expected, verdict
):
    head = "world,measure,mean,low,high,banks,expected"
    rows = [f"{world},any,{mean},{low},{high},9,{expected}" for world in ("null", "coverage")]
    (tmp_path / "validation.csv").write_text("\n".join([head, *rows]))
    kept = validation_tables(tmp_path)
    for table in (kept["coverage"], kept["worlds"]["null"]):
        assert table["verdict"].tolist() == [verdict]
