"""Names that too few customers share, counted by hand."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pandas as pd
import pytest

from pmlib.engine import collect
from pmlib.files import folder_written_whole
from pmlib.params import Parameters
from pmlib.studies import prepare, rare
from pmlib.texts import OTHERS, open_language
from tests.own_banks import bank, prospects, write


def study_of(folder: Path, regions: list[str], minimum: int = 10, **more):
    frames = {"customers": bank(n=len(regions))["customers"].assign(region=regions, **more)}
    return prepare(write(folder, frames), Parameters(min_group_size=minimum))


def levels(study, engine, column="region"):
    frame = collect(study.scan("customers", engine), sort_by=["customer_id"])
    return frame[column].value_counts(dropna=False).to_dict()


@pytest.mark.parametrize(
    ("sizes", "minimum", "expected"),
    [
        ({"a": 20, "b": 20}, 10, {"a": 20, "b": 20}),
        ({"a": 20, "b": 6, "c": 5}, 10, {"a": 20, OTHERS: 11}),
        # Three are too few to stand alone: the next smallest level goes with them.
        ({"a": 20, "b": 15, "c": 3}, 10, {"a": 20, OTHERS: 18}),
        ({"a": 20, "b": 3}, 10, {OTHERS: 23}),
        ({"a": 20, "b": 3}, 2, {"a": 20, "b": 3}),
        ({f"n{i}": 1 for i in range(30)}, 10, {OTHERS: 30}),
    ],
)
def test_levels_of_too_few_are_folded(tmp_path, engine, sizes, minimum, expected):
    regions = [name for name, n in sizes.items() for _ in range(n)]
    assert levels(study_of(tmp_path / "bank", regions, minimum), engine) == expected


def test_what_is_not_known_stays_so(tmp_path, engine):
    regions = ["a"] * 20 + [None] * 4 + ["b"] * 2
    found = levels(study_of(tmp_path / "bank", regions), engine)
    assert found.pop(OTHERS) == 22
    assert [(pd.isna(key), n) for key, n in found.items()] == [(True, 4)]


def test_prospects_are_folded_as_customers(tmp_path, engine):
    frames = prospects({"customers": bank(n=40)["customers"].assign(job=["a"] * 28 + ["b"] * 12)})
    frames["customers"].loc[:2, "job"] = "c"
    frames["prospects"] = frames["prospects"].assign(job=["a"] * 20 + ["b"] * 15 + ["c"] * 5)
    study = prepare(write(tmp_path / "bank", frames), Parameters())
    for table, expected in (
        ("customers", {"a": 25, OTHERS: 15}),
        ("prospects", {"a": 20, OTHERS: 20}),
    ):
        frame = collect(study.scan(table, engine), sort_by=["customer_id"])
        assert frame["job"].value_counts().to_dict() == expected


def test_campaigns_arms_and_products_of_few_are_unsaid(tmp_path):
    frames = bank(n=60)
    contacts = frames["contacts"]
    tiny = contacts[contacts["arm"] == "offer"].head(3).assign(campaign_id="tiny", arm="rare")
    frames["contacts"] = pd.concat([contacts, tiny])
    frames["holdings"] = frames["holdings"][frames["holdings"]["product_id"] != "fund"]
    two = frames["holdings"].head(2).assign(product_id="fund")
    frames["holdings"] = pd.concat([frames["holdings"], two])
    study = prepare(write(tmp_path / "bank", frames), Parameters())
    assert {"Fund", "rare", "tiny"} <= set(study.rare["unsaid"])
    assert not {"spring", "offer", "control"} & set(study.rare["unsaid"])
    spoken = open_language("en").with_names({}, study.rare["unsaid"])
    assert spoken.names.name("Card → Fund") == "Card → others"
    assert open_language("zh").with_names({}, ["Fund"]).names.name("Fund") == "其他"


def test_private_folders_and_tables_are_for_their_owner_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        study = study_of(tmp_path / "bank", ["a"] * 20)
        with folder_written_whole(tmp_path / "run" / "private" / "x", private=True) as aside:
            assert stat.S_IMODE(aside.stat().st_mode) == 0o700  # while it is written, too
            (aside / "plan.csv").write_text("a")
    finally:
        os.umask(before)
    folders = [study.tables["customers"].parents[1], tmp_path / "run" / "private"]
    for folder in folders:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for path in folder.rglob("*"):
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_kept_names_are_those_of_this_code_and_these_channels(tmp_path, monkeypatch):
    study = study_of(tmp_path / "bank", ["a"] * 20 + ["b"] * 4)
    target, tables = study.tables["customers"].parents[1], study.tables
    kept, channels = target / "rare-10.json", [one.name for one in study.channels]
    made = json.loads(kept.read_text())
    for stale in ({**made, "key": "of other code", "levels": {}}, {"levels": {}, "unsaid": []}):
        kept.write_text(json.dumps(stale))
        assert rare.rare_names(target, tables, 10, channels=channels) == made
        assert json.loads(kept.read_text()) == made
    assert rare.rare_names(target, tables, 10, channels=["fax"])["key"] != made["key"]
    other = tmp_path / "rare.py"
    other.write_bytes(Path(rare.__file__).read_bytes() + b"#")
    monkeypatch.setattr(rare, "__file__", str(other))
    assert rare.rare_names(target, tables, 10, channels=channels)["key"] != made["key"]
