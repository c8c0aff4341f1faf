"""A bank's files as they come: the right tables, or a question; never something else in silence."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path

import duckdb
import pytest

from pmlib.drafting import draft_study
from pmlib.errors import StudyError
from pmlib.params import Parameters
from pmlib.studies import Study, confirm, prepare
from pmlib.studies.words import MARKETING
from tests.drafting import bank_files

pytestmark = pytest.mark.whole

TODAY = dt.date(2026, 11, 27)
ANSWERS = {  # what each question of the cases is answered with
    "value_is": "margin", "control": "[control]", "assignment": "randomised",
    "customer_ids": "without-leading-zeros",
}  # fmt: skip
OWN = {
    "arms 0 and 1": {"control": "[0]"}, "arms in Chinese": {"control": "[对照]"},
    "an arm called null": {"control": '["(blank)"]'},
    "decimals behind the ids of one file": {"customer_ids": "without-point-zero"},
}  # fmt: skip
ASKED = {  # all questions that the cases may ask, and no others
    "zeros in one file": {"customer_ids"},
    "decimals behind the ids of one file": {"customer_ids"},
    "an arm called null": {"value_is", "control"}, "arms 0 and 1": {"value_is", "control"},
    "arms in Chinese": {"value_is", "control"},
    "no propensity": {"value_is", "control", "assignment"},
    "response as oui or non": {"value_is", "control"},
    "neither product nor channel": {"value_is", "control"},
}  # fmt: skip
NOTED = {  # what the notes of a study say of rows that were taken out
    "names of columns inside": "rows are left out because they are marked 'customer_id'",
    "a row repeated, another changed": "rows that repeat a customer are put together: 2; "
    "the last filled cell is kept where they differ, as some do in region",
    "snapshots": "of the snapshots by month the newest is taken: 2024-11-30",
}


def draft(tmp_path: Path, how: dict, answers: dict[str, str]) -> tuple[str, set[str], Path]:
    """Write the bank, draft its study and answer; give what was said and the keys that asked."""
    bank_files.write(tmp_path / "files", bank_files.bank(), **how)
    said = draft_study(tmp_path / "bank", sorted((tmp_path / "files").iterdir()), today=TODAY)
    path = tmp_path / "bank" / "study.yaml"
    text = path.read_text(encoding="utf-8")
    asked = set(re.findall(r"(\w+): ASK", text))
    for key in asked & answers.keys():
        text = text.replace(f"{key}: ASK", f"{key}: {answers[key]}")
    path.write_text(text, encoding="utf-8")
    return said, asked, tmp_path / "bank"


def rows(study: Study, table: str, columns: str) -> list[tuple]:
    path = str(study.tables[table])
    return duckdb.execute(f"SELECT {columns} FROM read_parquet(?) ORDER BY ALL", [path]).fetchall()


@pytest.mark.parametrize("case", bank_files.CASES)
def test_every_way_of_writing_gives_the_tables_of_the_bank(tmp_path, case):
    how, truth = bank_files.CASES[case], bank_files.bank()
    _, asked, folder = draft(tmp_path, how, ANSWERS | OWN.get(case, {}))
    assert asked == ASKED.get(case, set())
    confirm(folder)
    study = prepare(folder, Parameters())
    assert case not in NOTED or any(NOTED[case] in note for note in study.notes)
    word = how.get("words", {})
    ident = how.get("ident", str) if case != "zeros in one file" else str
    regions = {row[3] for row in truth.customers}
    seen = rows(study, "customers", "customer_id, birth_date, gender, region, joined_on")
    expected = sorted((ident(i), b, g, word.get(r, r), j) for i, b, g, r, j, _ in truth.customers)
    if case == "a row repeated, another changed":
        region = expected[6][3]
        expected[6] = (*expected[6][:3], "West", expected[6][4])
        assert region in regions
    assert seen == expected
    held = sorted((ident(i), word.get(p, p), o) for i, p, o in truth.holdings)
    if case == "a column a product":  # which says no days
        assert rows(study, "holdings", "customer_id, product_id") == [row[:2] for row in held]
    else:
        assert rows(study, "holdings", "customer_id, product_id, opened_on") == held
    paid = sorted((ident(i), d, a) for i, d, a, _ in truth.payments)
    assert rows(study, "transactions", "customer_id, booked_on, amount") == paid
    if "opt_out" in how:
        objects = sorted((ident(row[0]), row[5]) for row in truth.customers)
        assert rows(study, "customers", "customer_id, marketing_opt_out") == objects
    if "contacts" in how:
        arm = {
            "control": "control",
            "offer": {"arms 0 and 1": "1", "arms in Chinese": "试验"}.get(case, "offer"),
        }
        told = sorted((ident(i), arm[a], r, v) for _, i, _, a, _, _, _, _, r, v in truth.contacts)
        assert rows(study, "contacts", "customer_id, arm, responded, value") == told
        share = {row[0] for row in rows(study, "contacts", "propensity")}
        control = sum(row[3] == "control" for row in truth.contacts) / len(truth.contacts)
        drawn = [control, 1 - control] if case == "no propensity" else [0.5]
        assert sorted(share) == pytest.approx(sorted(drawn))


LOST = {
    "an amount that is none": (2, "n/a", "amount"),
    "an amount that cannot be read": (2, "see letter", "amount"),
    "a day that is none": (1, "0000-00-00", "date"),
}


@pytest.mark.parametrize("case", LOST)
def test_one_cell_that_cannot_be_read_costs_one_row_and_is_named_with_its_line(tmp_path, case):
    column, text, name = LOST[case]
    how = {"payments": bank_files.one_cell(column, text)}
    said, asked, folder = draft(tmp_path, how, {})
    assert not asked
    assert f"{text!r} (line 302)" in said  # the 301st row, below the names of the columns
    confirm(folder)
    study = prepare(folder, Parameters())
    truth = bank_files.bank().payments
    kept = sorted((str(i), d, a) for i, d, a, _ in truth[:300] + truth[301:])
    assert rows(study, "transactions", "customer_id, booked_on, amount") == kept
    assert any(
        f"rows without {name} are left out of transactions: 1" in note for note in study.notes
    )


def test_more_than_a_hundredth_of_unreadable_cells_is_a_question(tmp_path):
    def spoilt(folder, name, header, lines):
        for row in lines[::20]:
            row[2] = "see letter"
        bank_files.put(folder, name, header, lines)

    said, asked, folder = draft(tmp_path, {"payments": spoilt}, {})
    assert asked == {"unreadable"}
    assert "payments.csv, column amount" in said
    assert "'see letter' (line 2)" in said
    with pytest.raises(StudyError, match="asks 1 question"):
        prepare(folder, Parameters())


DOUBTFUL = {  # how it is written, the answer, what is shown, what the answer makes of an amount
    "whole amounts in groups": (
        {"sep": ";", "amount": lambda a: f"{round(a * 10):,}".replace(",", ".")}, '"1.234,56"',
        ("payments.csv, column amount", "(1,234.56)", "(1.234,56)"), lambda a: float(round(a * 10)),
    ),
    "years of two digits": (
        {"day": lambda d: d.strftime("%d.%m.%y")}, "day-month-year",
        ("holdings.csv, column opened", "(year-month-day)", "(day-month-year)"), lambda a: a,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DOUBTFUL)
def test_two_readings_that_both_fit_are_a_question_with_file_column_line_and_both(tmp_path, case):
    how, answer, shown, expected = DOUBTFUL[case]
    said, asked, folder = draft(tmp_path, how, {"form": answer})
    assert asked == {"form"}
    assert all(part in said for part in (*shown, "line 2: "))
    confirm(folder)
    study = prepare(folder, Parameters())
    paid = sorted((str(i), d, expected(a)) for i, d, a, _ in bank_files.bank().payments)
    assert rows(study, "transactions", "customer_id, booked_on, amount") == paid
    born = sorted(row[1] for row in bank_files.bank().customers)
    assert [row[0] for row in sorted(rows(study, "customers", "birth_date"))] == born


def test_days_and_months_that_both_fit_are_a_question(tmp_path):
    def early(day: dt.date) -> str:
        return (
            f"{day.month:02d}/{day.month:02d}/{day.year}"
            if day.day > 12
            else f"{day.day:02d}/{day.month:02d}/{day.year}"
        )

    said, asked, _ = draft(tmp_path, {"day": early}, {})
    assert asked == {"form"}
    assert "(day-month-year) or" in said


def test_amounts_without_a_sign_are_asked_for_their_direction(tmp_path):
    said, asked, folder = draft(
        tmp_path, {"amount": lambda a: f"{abs(a):.2f}"}, {"sign": "spending"}
    )
    assert asked == {"sign"}
    assert "payments.csv, column amount, line 2" in said
    confirm(folder)
    amounts = [row[0] for row in rows(prepare(folder, Parameters()), "transactions", "amount")]
    assert sorted(amounts) == sorted(-abs(row[2]) for row in bank_files.bank().payments)


def test_words_of_objection_that_nobody_knows_are_asked(tmp_path):
    how = {"opt_out": lambda o: "gesperrt" if o else "frei"}
    said, asked, folder = draft(tmp_path, how, {"yes_words": "[gesperrt]"})
    assert asked == {"yes_words"}
    assert "the customer objects to marketing" in said
    confirm(folder)
    objecting = rows(prepare(folder, Parameters()), "customers", "marketing_opt_out")
    assert sum(row[0] for row in objecting) == sum(row[5] for row in bank_files.bank().customers)


@pytest.mark.parametrize(
    "name",
    ["DNC", "dnc_flag", "Do not call", "nicht kontaktieren", "niet_mailen", "ne_pas_contacter",
     "Stop Pub", "Robinsonliste", "non contattare", "blacklist", "keine_werbung", "no_contactar",
     "geen_mailing", "unsubscribed_at", "黑名单"],
)  # fmt: skip
def test_a_column_of_objection_is_known_and_forms_no_segment(name):
    part = MARKETING["marketing_opt_out"]
    assert re.search(part, name, re.IGNORECASE)
    for other in ("dnce", "Nichtraucher", "income", "pandncard", "nickname", "stoploss"):
        assert not re.search(part, other, re.IGNORECASE)


def test_days_that_no_form_reads_are_asked_though_they_are_numbers(tmp_path):
    _, asked, _ = draft(tmp_path, {"day": lambda d: d.strftime("%Y%j")}, {})
    assert asked == {"form"}


def test_words_of_direction_that_nobody_knows_are_shown(tmp_path):
    def worded(folder, name, _, lines):
        way = [[i, d, a.lstrip("-"), "weg" if a[0] == "-" else "da"] for i, d, a, _ in lines]
        bank_files.put(folder, name, ["customer_id", "date", "amount", "Weg"], way)

    said, asked, folder = draft(tmp_path, {"payments": worded}, {"sign": "as-written"})
    assert asked == {"sign"}
    assert 'direction: "Weg"' in said
    path = folder / "study.yaml"
    told = ', direction: "Weg", out: ["weg"], in: ["da"]'
    path.write_text(path.read_text().replace("sign: as-written", f"sign: as-written{told}"))
    confirm(folder)
    paid = sorted((str(i), d, a) for i, d, a, _ in bank_files.bank().payments)
    study = prepare(folder, Parameters())
    assert rows(study, "transactions", "customer_id, booked_on, amount") == paid


def beside(name: str, *words: str) -> bank_files.Put:
    """A table with a further column, which holds one word after another."""

    def write(folder, file, header, lines):
        told = [[*row, words[n % len(words)]] for n, row in enumerate(lines)]
        bank_files.put(folder, file, [*header, name], told)

    return write


ROWS_ASKED = {
    "accounts that were closed": ("holdings", "status", ("active", "active", "closed")),
    "payments that were not made": ("payments", "Statut", ("exécuté", "exécuté", "refusé")),
    "amounts in another currency": ("payments", "currency", ("EUR", "EUR", "USD")),
}


@pytest.mark.parametrize("case", ROWS_ASKED)
def test_rows_that_may_not_count_are_asked_for_and_left_out(tmp_path, case):
    table, name, words = ROWS_ASKED[case]
    said, asked, folder = draft(tmp_path, {table: beside(name, *words)}, {})
    assert not asked
    assert f"{table}.csv, column {name}, line 2: it holds {words[0]!r}" in said
    with pytest.raises(StudyError, match="asks 1 question"):
        prepare(folder, Parameters())
    path = folder / "study.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(f'"{name}": ASK', f'"{name}": ["{words[2]}"]'), encoding="utf-8")
    confirm(folder)
    study = prepare(folder, Parameters())
    truth = bank_files.bank()
    kept = [row for n, row in enumerate(getattr(truth, table)) if n % 3 != 2]
    if table == "holdings":
        assert rows(study, table, "customer_id, product_id, opened_on") == sorted(
            (str(i), p, o) for i, p, o in kept
        )
    else:
        assert rows(study, "transactions", "customer_id, booked_on, amount") == sorted(
            (str(i), d, a) for i, d, a, _ in kept
        )
    assert any(f"marked {words[2]!r} in {name}" in note for note in study.notes)


def test_amounts_without_decimals_are_a_guess_to_be_confirmed(tmp_path):
    _, asked, folder = draft(tmp_path, {"amount": lambda a: str(round(a * 100))}, {})
    assert not asked
    assert "CHECK: no amount has decimals" in (folder / "study.yaml").read_text()


def test_a_file_that_nothing_uses_is_asked_for(tmp_path):
    files = tmp_path / "more"
    files.mkdir()
    bank_files.put(files, "weather.csv", ["day", "rain"], [["2024-01-01", 3], ["2024-01-02", 4]])
    bank_files.write(tmp_path / "files", bank_files.bank())
    given = [*sorted((tmp_path / "files").iterdir()), files / "weather.csv"]
    said = draft_study(tmp_path / "bank", given, today=TODAY)
    assert "weather.csv: 2 of 2 rows read, used for nothing" in said
    path = tmp_path / "bank" / "study.yaml"
    assert "unused: ASK" in path.read_text()
    path.write_text(path.read_text().replace("unused: ASK", "unused: no weather"))
    confirm(tmp_path / "bank")
    assert prepare(tmp_path / "bank", Parameters()).rows["customers"] == 120


def test_guesses_stop_a_run_until_they_are_confirmed(tmp_path):
    _, _, folder = draft(tmp_path, {}, {})
    with pytest.raises(StudyError, match=r"customers\.sql, line 3: from 'customer_id'"):
        prepare(folder, Parameters())
    assert confirm(folder)
    assert not confirm(folder)
    assert json.loads(json.dumps(dict(prepare(folder, Parameters()).rows)))["customers"] == 120
