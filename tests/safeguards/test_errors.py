"""No message about a bad file tells what a customer's cell holds."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import yaml

from pmlib.errors import StudyError
from pmlib.params import Parameters
from pmlib.studies import prepare
from pmlib.studies.results_file import read_columns

NAME, PHONE, AMOUNT = "Zqxadalbert", "+49 1517 0008899", "98765432.10"
SECRETS = (NAME, NAME.upper(), PHONE, "0008899", AMOUNT, "98765432")

HEAD = "id;born;phone;income\n"
GOOD = "".join(f"K{i};1980-01-{i + 1:02d};1;{i}\n" for i in range(9))
QUERY = (
    "SELECT id AS customer_id, born::DATE AS birth_date, income::DOUBLE AS income,"
    " phone::BIGINT AS phone FROM people"
)


def study(folder: Path, query: str = QUERY, file: str = "people.csv", **member: Any) -> Path:
    folder.mkdir(exist_ok=True)
    members = [{"file": "people", "table": "people"} | member]
    if file == "people.csv":
        members = [{"file": file, "table": "people", "csv": {"delimiter": ";"}} | member]
    declared = {
        "title": "t", "description": "d", "licence": "l", "as_of": "2024-12-31",
        "currency": "EUR", "tables": {"customers": "customers.sql"},
        "attributes": {name: {"label": name} for name in ("income", "phone")},
        "sources": [{"file": file, "members": members}],
    }  # fmt: skip
    (folder / "study.yaml").write_text(yaml.safe_dump(declared))
    (folder / "customers.sql").write_text(query)
    return folder


AS_AMOUNT = {"read": {"income": {"as": "amount", "form": "1234.56"}}}

BAD: dict[str, tuple[str | bytes, str, dict[str, Any]]] = {
    "a name where a day is wanted": (f"K;{NAME};1;1\n", "born", {}),
    "a name where a number is wanted": (f"K;1980-01-01;1;{NAME}\n", "income", {}),
    "a telephone number": (f"K;1980-01-01;{PHONE};1\n", "phone", {}),
    "an amount that is no whole number of a few bytes": (
        f"K;1980-01-01;1;{AMOUNT}\n", "customers.sql",
        {"query": QUERY.replace("income::DOUBLE", "(income::DOUBLE)::TINYINT")},
    ),
    "a line of too many cells": (f"K;1980-01-01;{PHONE};{AMOUNT};{NAME}\n", "Line: 11", {}),
    "a quote left open": (f'K;1980-01-01;1;"{NAME};{AMOUNT}\n{PHONE}\n', "quote", {}),
    "bytes of another encoding": (
        f"K;1980-01-01;1;{NAME} M\xfcller\n".encode("cp1252"), "it seems to be cp125", {},
    ),
    "cells that are not read as declared": (
        f"K;1980-01-01;1;{NAME}\n", "'Xxxxxxxxxxx' (line 11)", AS_AMOUNT,
    ),
    "a first line that names no columns": (
        f"{NAME};;{PHONE};{AMOUNT}\n", "Xxxxxxxxxxx", {"first": True},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_cell_is_told_by_its_place_and_form(tmp_path: Path, case: str) -> None:
    row, place, more = BAD[case]
    more = dict(more)
    row = row if isinstance(row, bytes) else row.encode()
    before = b"" if more.pop("first", False) else (HEAD + GOOD).encode()
    folder = study(tmp_path / "bank", **more)
    (folder / "people.csv").write_bytes(before + row)
    with pytest.raises(StudyError) as caught:
        prepare(folder, Parameters())
    assert place in str(caught.value)
    assert [secret for secret in SECRETS if secret in str(caught.value)] == []


def test_a_word_that_many_cells_share_is_told(tmp_path: Path) -> None:
    folder = study(tmp_path / "bank", **AS_AMOUNT)
    rows = "".join(f"L{i};1980-01-01;1;not known\n" for i in range(10))
    (folder / "people.csv").write_text(HEAD + GOOD + rows)
    with pytest.raises(StudyError, match=r"10 unreadable, such as 'not known' \(line 11\)"):
        prepare(folder, Parameters())


def test_a_database_with_bytes_that_are_no_text(tmp_path: Path) -> None:
    folder = study(tmp_path / "bank", file="people.sqlite")
    broken = f"CAST(x'{NAME.encode().hex()}fc' AS TEXT)"
    with contextlib.closing(sqlite3.connect(folder / "people.sqlite")) as base, base:
        base.execute("CREATE TABLE people (id, born, phone, income)")
        base.execute(f"INSERT INTO people VALUES ('K', NULL, NULL, {broken})")
    with pytest.raises(StudyError, match=r"people\.sqlite[\s\S]*Could not decode") as caught:
        prepare(folder, Parameters())
    assert NAME not in str(caught.value)


RESULTS = "customer_id,contacted_on,arm,responded,value\n"


@pytest.mark.parametrize(
    "row",
    [f"K,{NAME},offer,1,1\n", f"K,2026-01-14,offer,1,{NAME}\n", f"K,2026-01-14,offer,{PHONE},1\n",
     "K,03.04.2026,offer,1,98.765\n"],
)  # fmt: skip
def test_results_of_a_campaign(tmp_path: Path, row: str) -> None:
    (tmp_path / "results.csv").write_text(RESULTS + row)
    with pytest.raises(StudyError) as caught:
        read_columns(tmp_path / "results.csv")
    said = str(caught.value)
    assert re.search("cannot be read|two ways|lack", said)
    assert [secret for secret in (*SECRETS, "98.765", "03.04.2026") if secret in said] == []
