"""Files, sheets and members whose rows overlap: what stands in several counts once, and is told."""

from __future__ import annotations

import datetime as dt
import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.drafting import bank_files
from tests.drafting.test_lost_in_silence import HELD, PAID, TRUTH, answered, draft, rows
from tests.raw.test_inner import workbook

HEAD = ["customer_id", "date", "amount", "type"]
LINES = [[who, day, amount, kind] for who, day, amount, kind in TRUTH.payments]
EARLY = [row for row in LINES if row[1] <= dt.date(2024, 6, 30)]
LATE = [row for row in LINES if row[1] >= dt.date(2024, 6, 1)]
BOTH = len(EARLY) + len(LATE) - len(LINES)
"""Payments of June 2024, counted by hand in the rows of the bank: 36."""

Rows = list[list]


def text(head: list[str], lines: Rows) -> str:
    return "\n".join(",".join(map(str, row)) for row in [head, *lines]) + "\n"


def of_sheets(folder: Path) -> None:
    workbook(folder / "payments.xlsx", Jan=[HEAD, *EARLY], Feb=[HEAD, *LATE])


def of_a_zip(folder: Path) -> None:
    with zipfile.ZipFile(folder / "payments.zip", "w") as archive:
        archive.writestr("first.csv", text(HEAD, EARLY))
        archive.writestr("second.csv", text(HEAD, LATE))


def of_workbooks(folder: Path) -> None:
    workbook(folder / "payments_202405.xlsx", May=[HEAD, *EARLY])
    workbook(folder / "payments_202406.xlsx", June=[HEAD, *LATE])


def of_packed_months(folder: Path) -> None:
    for month, lines in (("05", EARLY), ("06", LATE)):
        packed = gzip.compress(text(HEAD, lines).encode())
        (folder / f"payments_2024{month}.csv.gz").write_bytes(packed)


def of_other_names(folder: Path) -> None:
    (folder / "payments.csv").write_text(text(HEAD, EARLY))
    (folder / "movements_new.csv").write_text(text(HEAD, LATE))


def of_another_layout(folder: Path) -> None:
    (folder / "payments.csv").write_text(text(HEAD, EARLY))
    told = [[f"{amount:.2f}", f"{day:%d.%m.%Y}", who, "shop"] for who, day, amount, _ in LATE]
    head = ["amount", "date", "customer_id", "merchant"]
    (folder / "movements_new.csv").write_text(text(head, told))


def of_debit_and_credit(folder: Path) -> None:
    (folder / "payments.csv").write_text(text(HEAD, EARLY))
    told = [[who, f"{day:%d.%m.%Y}", -amount if amount < 0 else "", amount if amount > 0 else ""]
            for who, day, amount, _ in LATE]  # fmt: skip
    head = ["customer_id", "date", "debit", "credit"]
    (folder / "movements_new.csv").write_text(text(head, told))


OVERLAPS = [of_sheets, of_a_zip, of_workbooks, of_packed_months, of_other_names, of_another_layout,
            of_debit_and_credit]  # fmt: skip


@pytest.mark.parametrize("write", OVERLAPS, ids=lambda write: write.__name__)
def test_payments_that_stand_in_two_places_count_once(tmp_path, write: Callable[[Path], None]):
    said, folder = draft(tmp_path, {"payments": lambda home, *_: write(home)})
    assert BOTH == 36
    assert "36 rows stand in " in said
    study = answered(folder)
    assert rows(study, "transactions", "customer_id, booked_on, amount") == PAID
    assert any(note.endswith("has too are left out: 36.") for note in study.notes)


def test_payments_of_another_kind_are_not_lost_where_few_are_alike(tmp_path):
    cards = [[who, "shop", day, amount] for who, day, amount, _ in LINES[1::2]]
    cards += [[who, "shop", day, amount] for who, day, amount, _ in LINES[:40:2]]  # by chance

    def write(folder: Path, *_: object) -> None:
        (folder / "payments.csv").write_text(text(HEAD, LINES[::2]))
        head = ["customer_id", "merchant", "date", "amount"]
        (folder / "card_payments.csv").write_text(text(head, cards))

    _, folder = draft(tmp_path, {"payments": write})
    study = answered(folder)
    twice = [(str(who), day, amount) for who, day, amount, _ in LINES[:40:2]]
    assert rows(study, "transactions", "customer_id, booked_on, amount") == sorted([*PAID, *twice])


def test_a_file_whose_payments_all_stand_in_another_of_other_columns_is_asked(tmp_path):
    cards = [[who, "shop", day, abs(amount)] for who, day, amount, _ in LINES[::5]]

    def write(folder: Path, *_: object) -> None:
        (folder / "payments.csv").write_text(text(HEAD, LINES))
        head = ["customer_id", "merchant", "date", "amount"]
        (folder / "card_payments.csv").write_text(text(head, cards))

    said, folder = draft(tmp_path, {"payments": write})
    assert "card_payments.csv: nothing uses it, of 156 rows." in said
    assert "All its rows stand in payments.csv too." in said
    study = answered(folder, ("unused", "a copy"))
    assert rows(study, "transactions", "customer_id, booked_on, amount") == PAID


def test_rows_that_repeat_within_one_file_count_and_are_a_guess_to_be_confirmed(tmp_path):
    def write(folder: Path, *_: object) -> None:
        (folder / "payments.csv").write_text(text(HEAD, [*LINES, *LINES[:300]]))

    said, folder = draft(tmp_path, {"payments": write})
    assert "CHECK: 300 rows repeat others of their file, and count." in said
    assert len(rows(answered(folder), "transactions", "amount")) == 1_080


@pytest.mark.parametrize("kind", ["sheets", "files"])
def test_holdings_and_customers_in_parts_that_overlap_count_once(tmp_path, kind):
    def parts(folder: Path, name: str, header: list[str], lines: Rows) -> None:
        named = {"north": lines[:80], "south": lines[60:]}
        if kind == "sheets":
            workbook(folder / name.replace(".csv", ".xlsx"),
                   **{part: [header, *own] for part, own in named.items()})  # fmt: skip
            return
        for part, own in named.items():
            bank_files.put(folder, name.replace(".csv", f"_{part}.csv"), header, own)

    said, folder = draft(tmp_path, {"holdings": parts, "customers": parts})
    study = answered(folder)
    assert rows(study, "holdings", "customer_id, product_id") == HELD
    assert rows(study, "customers", "customer_id") == [(str(row[0]),) for row in TRUTH.customers]
    assert "20 rows repeat others and are dropped" in said


def test_sheets_that_may_be_arms_are_asked(tmp_path):
    def write(folder: Path, lines: Rows) -> None:
        head = ["campaign", "customer_id", "date", "responded"]
        told = {arm: [[row[0], row[1], row[2], int(row[8])] for row in lines if row[3] == arm]
                for arm in ("offer", "control")}  # fmt: skip
        workbook(folder / "contacts.xlsx", Mailing=[head, *told["offer"]],
               Rest=[head, *told["control"]])  # fmt: skip

    said, _ = draft(tmp_path, {"contacts": write})
    assert "no column is called an arm" in said
    assert "(_file holds 'contacts.xlsx (Mailing)', 'contacts.xlsx (Rest)')" in said


def test_sheets_of_products_stay_apart(tmp_path):
    def write(folder: Path, _: str, __: list[str], lines: Rows) -> None:
        named = {product: [["customer_id", "opened"], *([row[0], row[2]] for row in lines
                 if row[1] == product)] for product in bank_files.PRODUCTS}  # fmt: skip
        workbook(folder / "holdings.xlsx", **named)

    _, folder = draft(tmp_path, {"holdings": write})
    assert rows(answered(folder), "holdings", "customer_id, product_id") == HELD


def test_files_in_several_encodings_are_never_read_in_one(tmp_path):
    towns = {"North": "Köln", "South": "Besançon"}, {"North": "Łódź", "South": "Świętochłowice"}

    def parts(folder: Path, _: str, header: list[str], lines: Rows) -> None:
        for part, (code, names) in enumerate(zip(("cp1252", "cp1250"), towns, strict=True)):
            own = [[*row[:3], names.get(row[3], row[3]), row[4]]
                   for row in lines[60 * part : 60 * part + 60]]  # fmt: skip
            bank_files.put(folder, f"customers_{part}.csv", header, own, encoding=code)

    said, _ = draft(tmp_path, {"customers": parts})
    assert "customers_0.csv: read as cp1252" in said
    assert "customers_1.csv: read as cp1250" in said
    assert "customers_1.csv: nothing uses it" in said


def test_of_files_together_the_one_with_letters_tells_the_encoding(tmp_path):
    def parts(folder: Path, _: str, header: list[str], lines: Rows) -> None:
        towns = [[*row[:3], "Köln" if row[3] == "North" else row[3], row[4]] for row in lines[60:]]
        bank_files.put(folder, "customers_0.csv", header, lines[:60])
        bank_files.put(folder, "customers_1.csv", header, towns, encoding="cp1252")

    said, folder = draft(tmp_path, {"customers": parts})
    assert "2 files customers_*.csv are read as one table" in said
    found = [row[0] for row in rows(answered(folder), "customers", "DISTINCT region")]
    assert found == ["East", "Köln", "North", "South"]


def test_spellings_of_a_product_and_ids_of_nobody_are_told(tmp_path):
    def held(folder: Path, name: str, header: list[str], lines: Rows) -> None:
        told = [[row[0], row[1].title() if n % 3 else row[1], *row[2:]]
                for n, row in enumerate(lines)]  # fmt: skip
        bank_files.put(folder, name, header, [*told, ["9999", "card", "2020-01-13", ""]])

    said, folder = draft(tmp_path, {"holdings": held})
    assert "'Card' and 'card' seem to be one product" in said
    assert "1 of 108 ids are of customers that no file lists; their rows are left out." in said
    guessed = (folder / "holdings.sql").read_text() + (folder / "products.sql").read_text()
    assert "CHECK: 'Card' and 'card'" in guessed
