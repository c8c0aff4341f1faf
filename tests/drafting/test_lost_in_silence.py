"""What a bank's files say and a draft does not understand is asked, or told right; never lost."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from pathlib import Path

import duckdb
import openpyxl
import pytest

from pmlib.drafting import draft_study
from pmlib.errors import StudyError
from pmlib.params import Parameters
from pmlib.studies import Study, check_study, confirm, prepare
from tests.drafting import bank_files

TODAY = dt.date(2026, 11, 27)
TRUTH = bank_files.bank()
HELD = sorted((str(who), product) for who, product, _ in TRUTH.holdings)
PAID = sorted((str(who), day, amount) for who, day, amount, _ in TRUTH.payments)
OBJECTS = [row[5] for row in TRUTH.customers]


def draft(tmp_path: Path, how: dict, *, copy: str = "") -> tuple[str, Path]:
    bank_files.write(tmp_path / "files", bank_files.bank(), **how)
    if copy:
        shutil.copy(tmp_path / "files" / "payments.csv", tmp_path / "files" / copy)
    said = draft_study(tmp_path / "bank", sorted((tmp_path / "files").iterdir()), today=TODAY)
    return said, tmp_path / "bank"


def answered(folder: Path, *answers: tuple[str, str]) -> Study:
    """The study with an answer in place of each question, in their order."""
    path = folder / "study.yaml"
    text = path.read_text(encoding="utf-8")
    for key, answer in answers:
        assert f"{key}: ASK" in text
        text = text.replace(f"{key}: ASK", f"{key}: {answer}", 1)
    path.write_text(text, encoding="utf-8")
    confirm(folder)
    return prepare(folder, Parameters())


def rows(study: Study, table: str, columns: str) -> list[tuple]:
    path = str(study.tables[table])
    return duckdb.execute(f"SELECT {columns} FROM read_parquet(?) ORDER BY ALL", [path]).fetchall()


def more(*named: tuple[str, list]) -> bank_files.Put:
    """A table with further columns."""

    def write(folder, name, header, lines):
        told = [[*row, *(words[n] for _, words in named)] for n, row in enumerate(lines)]
        bank_files.put(folder, name, [*header, *(column for column, _ in named)], told)

    return write


# --- who objects to marketing -------------------------------------------------------------------

AGAINST = ["sprzeciw_marketing", "reklamspärr", "recusa_contacto", "DM不可", "配信停止", "수신거부",
           "markkinointikielto", "opposizione_marketing", "rifiuto_pubblicita",
           "não perturbe", "マーケティング拒否"]  # fmt: skip
FOR = ["zgoda_marketingowa", "samtycke_marknadsföring", "consenso", "メール希望", "마케팅동의",
       "pazarlama_izni"]  # fmt: skip


@pytest.mark.parametrize("names", [AGAINST, FOR], ids=["against", "for"])
def test_who_objects_is_asked_in_any_language(tmp_path, names):
    yes, no = ("b", "a") if names is AGAINST else ("a", "b")
    word = [yes if objects else no for objects in OBJECTS]
    said, folder = draft(tmp_path, {"customers": more(*((name, word) for name in names))})
    for name in names:
        assert f"customers.csv, column {name}, line 2" in said
    study = answered(folder, *[("yes_words", "[b]")] * len(names))
    assert rows(study, "customers", "customer_id, marketing_opt_out") == [
        (str(row[0]), row[5]) for row in TRUTH.customers
    ]
    assert not study.attributes  # who objects forms and predicts nothing


TWO = [("xyz", "b", "a", "xyz = 'b'"), ("annons", "nej", "ja", "NOT annons"),
       ("ads", "1", "2", "ads = 1"), ("brief", "", "w", "brief IS NULL"),
       ("post", "x", "", "post"), ("Email X", "q", "r", "email_x = 'q'")]  # fmt: skip


@pytest.mark.parametrize(("name", "yes", "no", "answer"), TWO)
def test_a_column_of_two_values_may_say_who_objects(tmp_path, name, yes, no, answer):
    column = more((name, [yes if objects else no for objects in OBJECTS]))
    said, folder = draft(tmp_path, {"customers": column})
    assert said.count("who objects to marketing, or agrees to it.") == 1
    assert f"{name} holds " in said
    assert answer in said
    with pytest.raises(StudyError, match="asks 1 question"):
        prepare(folder, Parameters())
    study = answered(folder, ("objection", answer))
    assert rows(study, "customers", "customer_id, marketing_opt_out") == [
        (str(row[0]), row[5]) for row in TRUTH.customers
    ]
    assert not study.attributes


def test_no_column_may_say_who_objects_and_a_wrong_condition_is_named(tmp_path):
    _, folder = draft(tmp_path, {"customers": more(("xyz", ["a", "b"] * 60))})
    text = (folder / "study.yaml").read_text()
    study = answered(folder, ("objection", "none"))
    assert set(study.attributes) == {"xyz"}
    check_study(folder)  # what --check does
    for wrong in ("xyz", "zyx = 'b'", "1 = 1"):
        (folder / "study.yaml").write_text(text)
        with pytest.raises(StudyError, match="Who objects to marketing cannot be told"):
            answered(folder, ("objection", wrong))


def test_where_a_column_is_known_to_say_who_objects_nothing_is_asked(tmp_path):
    columns = more(("xyz", ["a", "b"] * 60), ("optin", ["yes", "no"] * 60))
    said, folder = draft(tmp_path, {"customers": columns})
    assert "who objects to marketing, or agrees to it." not in said
    assert "ASK" not in (folder / "study.yaml").read_text().split("title:")[1]


def test_an_objection_in_any_of_several_columns_counts(tmp_path):
    channels = [(f"optout_{n}", ["Y" if k % step == 0 else "N" for k in range(120)])
                for n, step in (("mail", 7), ("phone", 5), ("email", 3))]  # fmt: skip
    _, folder = draft(tmp_path, {"customers": more(*channels)})
    study = answered(folder, *[("yes_words", "[Y]")] * 3)
    objecting = {2000 + k for k in range(120) if not (k % 7 and k % 5 and k % 3)}
    found = rows(study, "customers", "customer_id, marketing_opt_out")
    assert {int(who) for who, objects in found if objects} == objecting


# --- who was left out of a campaign -------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "control", "offer"),
    [("mailed", "0", "1"), ("segment", "No E-Mail", "Womens E-Mail"), ("grupa", "K", "M")],
)
def test_an_arm_of_another_name_is_found_and_asked(tmp_path, name, control, offer):
    def contacts(folder, lines):
        word = {"control": control, "offer": offer}
        told = [[c, i, d, word[arm], int(r)] for c, i, d, arm, _, _, _, _, r, _ in lines]
        bank_files.put(folder, "contacts.csv",
                       ["campaign", "customer_id", "date", name, "responded"], told)  # fmt: skip

    said, folder = draft(tmp_path, {"contacts": contacts})
    assert f"column {name}, line 2" in said
    study = answered(folder, ("control", f'["{control}"]'), ("assignment", "randomised"))
    assert [row[0] == "control" for row in rows(study, "contacts", "arm, customer_id")].count(
        True
    ) == sum(row[3] == "control" for row in TRUTH.contacts)
    told = {
        (int(who), arm == "control") for who, arm in rows(study, "contacts", "customer_id, arm")
    }
    assert told == {(row[1], row[3] == "control") for row in TRUTH.contacts}


def test_a_column_that_may_be_the_arm_under_any_name_is_asked(tmp_path):
    def contacts(folder, lines):
        told = [[c, i, d, "p" if arm == "offer" else "q", int(r)]
                for c, i, d, arm, _, _, _, _, r, _ in lines]  # fmt: skip
        header = ["campaign", "customer_id", "date", "waarde", "responded"]
        bank_files.put(folder, "contacts.csv", header, told)

    said, folder = draft(tmp_path, {"contacts": contacts})
    assert "no column is called an arm" in said
    assert "(waarde holds 'p', 'q')" in said
    with pytest.raises(StudyError, match="asks 1 question"):
        prepare(folder, Parameters())


# --- rows that are none -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "yes", "no"),
    [("held", "Y", "N"), ("besitzt", "ja", "nein"), ("quantity", "2", "0"), ("X", "x", "")],
)
def test_a_row_that_says_that_a_product_is_not_held_is_asked(tmp_path, name, yes, no):
    def every(folder, file, *_):
        told = [[who, product, yes if (str(who), product) in HELD else no]
                for who in range(2000, 2120) for product in bank_files.PRODUCTS]  # fmt: skip
        bank_files.put(folder, file, ["customer_id", "product", name], told)

    said, folder = draft(tmp_path, {"holdings": every})
    assert f"holdings.csv, column {name}, line " in said
    study = answered(folder, (f'"{name}"', f'["{no}"]'))
    assert rows(study, "holdings", "customer_id, product_id") == HELD
    assert any(note.startswith("Of holdings.csv, ") and "486" in note for note in study.notes)


def test_ids_that_are_written_once_for_several_rows_are_asked(tmp_path):
    def once(folder, name, header, lines):
        before = [None, *(row[0] for row in lines)]
        told = [["" if row[0] == last else row[0], *row[1:]]
                for last, row in zip(before, lines, strict=False)]  # fmt: skip
        bank_files.put(folder, name, header, told)

    said, folder = draft(tmp_path, {"payments": once})
    assert "payments.csv, column customer_id, line 3: 660 of 780 cells are blank" in said
    assert len(rows(answered(folder, ('"customer_id"', '[""]')), "transactions", "amount")) == 120


@pytest.mark.parametrize(("each", "first", "line", "n"), [(60, 50, 52, 20), (24, 0, 2, 120)])
def test_customers_whom_only_branch_and_number_tell_apart_are_asked(
    tmp_path, each, first, line, n
):  # of a few branches, whose numbers meet for some customers or for all
    def numbered(folder, name, header, lines):
        told = [[100 + k % each + first * (k // each), f"B{k // each}", *row[1:]]
                for k, row in enumerate(lines)]  # fmt: skip
        bank_files.put(folder, name, [header[0], "branch", *header[1:]], told)

    said, folder = draft(tmp_path, {"customers": numbered})
    id_ = 98 + line
    told = f"customer_id, line {line}: '{id_}' and the like stand in {n} rows"
    assert f"customers.csv, column {told}, and those of one id differ in most columns" in said
    assert "whom 'customer_id' and 'branch' tell apart?" in said
    with pytest.raises(StudyError, match=r"Then make both one id in every file"):
        prepare(folder, Parameters())


@pytest.mark.parametrize("word", ["Summa", "Gesamtergebnis", "합계", "Toplam", "Sub-Total"])
def test_totals_in_any_language_are_no_customers(tmp_path, word):
    def summed(folder, name, header, lines):
        told = [[*row, 1000 + n] for n, row in enumerate(lines)]
        bank_files.put(folder, name, [*header, "income"], [*told, [word, *[""] * 4, 127_140]])

    said, folder = draft(tmp_path, {"customers": summed})
    assert f"1 row of totals ({word})" in said
    assert len(rows(answered(folder), "customers", "customer_id")) == 120


# --- files that overlap -------------------------------------------------------------------------


def test_a_copy_of_a_file_is_asked_and_counts_once(tmp_path):
    said, folder = draft(tmp_path, {}, copy="payments (1).csv")
    assert "payments (1).csv: 780 of 780 rows read, used for nothing" in said
    assert "All its rows stand in payments.csv too." in said
    study = answered(folder, ("unused", "a copy"))
    assert rows(study, "transactions", "customer_id, booked_on, amount") == PAID


def test_rows_that_two_files_of_one_table_have_count_once(tmp_path):
    def overlapping(folder, _, header, lines):
        again = [lines[0], *lines]  # one payment was made twice: both are in one file
        for year, first, last in ((2023, "2023", "2024-02"), (2024, "2024-01", "2025")):
            own = [row for row in again if first <= row[1] < last]
            bank_files.put(folder, f"payments_{year}.csv", header, own)

    said, folder = draft(tmp_path, {"payments": overlapping})
    both = sum(row[1].strftime("%Y-%m") == "2024-01" for row in TRUTH.payments)
    assert f"{both} rows stand in several of the files and count once" in said
    study = answered(folder)
    first = (str(TRUTH.payments[0][0]), *TRUTH.payments[0][1:3])
    assert rows(study, "transactions", "customer_id, booked_on, amount") == sorted([first, *PAID])
    assert any(note.endswith(f"has too are left out: {both}.") for note in study.notes)


# --- cells that a program has changed -----------------------------------------------------------


def test_days_that_a_spreadsheet_took_for_others_are_asked(tmp_path):
    def half(folder, _, header, lines):
        book = openpyxl.Workbook()
        book.active.append(header)
        for who, day, amount, kind in lines:
            own = dt.date.fromisoformat(day)
            text = f"{own:%d/%m/%Y}"
            turned = dt.date(own.year, own.day, own.month) if own.day <= 12 else text
            book.active.append([int(who), turned, float(amount), kind])
        book.save(folder / "payments.xlsx")

    said, _ = draft(tmp_path, {"payments": half})
    assert "taken day and month for each other: is it 03 January 2023?" in said
    assert re.search(r"column date, line 2: '2023-01-03' and \d+ more cells begin with", said)


# --- what describes customers -------------------------------------------------------------------


def test_codes_and_outcomes_of_any_language_are_no_features(tmp_path):
    columns = {
        "branch_id": [1 + k % 12 for k in range(120)], "advisor no": [k % 20 for k in range(120)],
        "CEP": [10_000_000 + k % 60 * 1000 for k in range(120)],
        "郵便番号": [1_000_000 + k % 70 * 13 for k in range(120)],
        "szegmens_kod": [k % 5 for k in range(120)], "köpt": ["ja", "nej"] * 60,
        "kupił": ["tak", "nie"] * 60, "conversione": ["sì", "no"] * 60, "購入": [0, 1] * 60,
        "paid": [k % 7 for k in range(120)], "income": [1000 + k for k in range(120)],
    }  # fmt: skip
    _, folder = draft(tmp_path, {"customers": more(*columns.items())})
    assert set(answered(folder).attributes) == {"paid", "income"}


def test_an_italian_workbook_is_understood(tmp_path):
    book = openpyxl.Workbook()
    named = {
        "Clienti": ["Codice cliente", "Data di nascita", "Sesso", "Provincia", "Cliente dal"],
        "Prodotti": ["Codice cliente", "Prodotto", "Data apertura"],
        "Movimenti": ["Codice cliente", "Data", "Importo", "Segno"],
    }
    lines = {
        "Clienti": [[str(row[0]), *row[1:5]] for row in TRUTH.customers],
        "Prodotti": [[str(row[0]), *row[1:]] for row in TRUTH.holdings],
        "Movimenti": [[str(w), d, abs(a), "D" if a < 0 else "A"] for w, d, a, _ in TRUTH.payments],
    }
    for name, header in named.items():
        sheet = book.create_sheet(name)
        for row in [header, *lines[name]]:
            sheet.append(row)
    book.remove(book.worksheets[0])
    book.save(tmp_path / "banca.xlsx")
    draft_study(tmp_path / "bank", [tmp_path / "banca.xlsx"], today=TODAY)
    study = answered(tmp_path / "bank")
    assert rows(study, "customers", "customer_id, birth_date, gender, region, joined_on") == sorted(
        (str(row[0]), *row[1:5]) for row in TRUTH.customers
    )
    assert rows(study, "holdings", "customer_id, product_id") == HELD
    assert rows(study, "transactions", "customer_id, booked_on, amount") == PAID


def test_a_product_is_taken_from_the_only_column_that_may_tell(
    tmp_path,
):
    def named(folder, _, __, lines):
        bank_files.put(folder, "loans.csv", ["customer_id", "voce"], [row[:2] for row in lines])

    said, folder = draft(tmp_path, {"holdings": named})
    assert "'voce' is taken for the product that is held" in said
    assert rows(answered(folder), "holdings", "customer_id, product_id") == HELD
