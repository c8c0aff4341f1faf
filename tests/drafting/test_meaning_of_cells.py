"""What cells mean where several things may be meant: read right or asked, not guessed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pmlib.errors import StudyError
from pmlib.params import Parameters
from pmlib.studies import prepare
from tests.drafting import bank_files
from tests.drafting.test_lost_in_silence import HELD, PAID, TRUTH, answered, draft, more, rows

TOLD = sorted((str(row[1]), row[8]) for row in TRUTH.contacts)
ARMS = (("control", "[control]"),)


def contacts(
    *, responded: str = "responded", yes: str = "1", no: str = "0",
    propensity: Callable[[float], str] = str,
) -> Callable[..., None]:  # fmt: skip
    """Contacts of which a quarter was left out by lot, with words and columns as they come."""

    def write(folder, lines):
        head = ["campaign", "customer_id", "date", "arm", "propensity", responded]
        told = [[c, i, d, arm, propensity(0.25 if arm == "control" else 0.75), yes if r else no]
                for c, i, d, arm, _, _, _, _, r, _ in lines]  # fmt: skip
        bank_files.put(folder, "contacts.csv", head, told)

    return write


# --- who responded ------------------------------------------------------------------------------

KNOWN = [("ja", "nein"), ("Y", "N"), ("WAHR", "FALSCH"), ("是", "否"), ("2", "0"), ("1", ""),
         ("2024-05-20", "")]  # fmt: skip


@pytest.mark.parametrize(("yes", "no"), KNOWN)
def test_words_for_a_response_that_are_known_are_read(tmp_path, yes, no):
    _, folder = draft(tmp_path, {"contacts": contacts(yes=yes, no=no)})
    assert rows(answered(folder, *ARMS), "contacts", "customer_id, responded") == TOLD


CODES = [("1", "2"), ("2", "1"), ("gekauft", "nicht"), ("成交", "未成交"), ("converted", ""),
         ("A", "B"), ("01", "00"), ("yes", "NA")]  # fmt: skip


@pytest.mark.parametrize(("yes", "no"), CODES)
def test_codes_for_a_response_are_asked(tmp_path, yes, no):
    said, folder = draft(tmp_path, {"contacts": contacts(yes=yes, no=no)})
    assert "contacts.csv, column responded, line 2: it holds " in said
    study = answered(folder, *ARMS, ("yes_words", f'["{yes}"]'))
    assert rows(study, "contacts", "customer_id, responded") == TOLD


@pytest.mark.parametrize("name", ["Kauf", "ordered", "esito", "Ergebnis", "Rückmeldung", "kupil"])
def test_a_column_of_responses_is_found_by_its_meaning(tmp_path, name):
    _, folder = draft(tmp_path, {"contacts": contacts(responded=name)})
    assert rows(answered(folder, *ARMS), "contacts", "customer_id, responded") == TOLD


def test_a_column_that_may_tell_who_responded_is_asked(tmp_path):
    said, folder = draft(tmp_path, {"contacts": contacts(responded="xyz", yes="p", no="q")})
    assert "no column is known to say who responded. Does one of these (xyz holds " in said
    with pytest.raises(StudyError, match="asks 2 questions"):
        prepare(folder, Parameters())
    path = folder / "contacts.sql"
    path.write_text(
        path.read_text().replace("NULL::BOOLEAN AS responded", "xyz = 'p' AS responded")
    )
    study = answered(folder, *ARMS, ("text", "Who responded is told by xyz."))
    assert rows(study, "contacts", "customer_id, responded") == TOLD
    assert "Who responded is told by xyz." in study.notes


# --- with what probability ----------------------------------------------------------------------

SHARES = {
    "a share": str, "per cent": lambda p: f"{100 * p:g} %", "a number of per cent": lambda p:
    f"{100 * p:.0f}", "decimals of per cent": lambda p: f'"{100 * p:.1f} %"'.replace(".", ","),
}  # fmt: skip


@pytest.mark.parametrize("written", SHARES.values(), ids=SHARES)
def test_a_propensity_is_a_share_however_it_is_written(tmp_path, written):
    _, folder = draft(tmp_path, {"contacts": contacts(propensity=written)})
    found = rows(answered(folder, *ARMS), "contacts", "DISTINCT arm, propensity")
    assert found == [("control", 0.25), ("offer", 0.75)]


def test_a_propensity_that_cannot_be_read_is_asked_and_not_denied(tmp_path):
    ratio = contacts(propensity=lambda p: f"{4 * p:.0f}/4")
    said, _ = draft(tmp_path, {"contacts": ratio})
    assert "column propensity: no one form of amounts reads its cells, such as '3/4'" in said
    assert "no column says with what probability" not in said


# --- how much money -----------------------------------------------------------------------------


def priced(change: Callable[[int, float], str], name: str = "amount") -> bank_files.Put:
    def write(folder, file, header, lines):
        told = [[who, day, change(n, float(amount)), kind]
                for n, (who, day, amount, kind) in enumerate(lines)]  # fmt: skip
        bank_files.put(folder, file, [*header[:2], name, header[3]], told)

    return write


@pytest.mark.parametrize("two", [("{} EUR", "{} USD"), ("€{}", "${}"), ("{} Kč", "{}")])
def test_amounts_in_two_currencies_are_asked(tmp_path, two):
    mixed = priced(lambda n, amount: two[n % 2].format(amount))
    said, _ = draft(tmp_path, {"payments": mixed})
    is_asked = "390 of 780 amounts are in another currency than the first" in said
    assert is_asked == (two[1] != "{}")  # a bare number is in the currency of the others


def test_one_currency_in_several_spellings_is_one(tmp_path):
    spelled = priced(lambda n, amount: ("{} EUR", "€{}", "{} Euro", "EUR {}")[n % 4].format(amount))
    said, folder = draft(tmp_path, {"payments": spelled})
    assert "another currency" not in said
    assert rows(answered(folder), "transactions", "customer_id, booked_on, amount") == PAID


@pytest.mark.parametrize("name", ["amount (TEUR)", "Betrag in TEUR", "amount_cents", "金额(万元)"])
def test_amounts_in_thousands_or_hundredths_are_asked(tmp_path, name):
    said, _ = draft(tmp_path, {"payments": priced(lambda _, amount: f"{amount:.2f}", name)})
    assert f"payments.csv, column {name}: is it in thousands, hundredths or the like" in said


# --- totals and letters -------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["Kokku", "Genel Toplam", "Összeg mind"])
def test_a_row_that_sums_up_all_others_is_no_customer_whatever_it_is_called(tmp_path, word):
    def summed(folder, name, header, lines):
        told = [[*row, 1000.5 + n] for n, row in enumerate(lines)]
        last = [word, *[""] * 4, sum(row[-1] for row in told)]
        bank_files.put(folder, name, [*header, "income"], [*told, last])

    said, folder = draft(tmp_path, {"customers": summed})
    assert word in said
    study = answered(folder)
    assert len(rows(study, "customers", "customer_id")) == len(TRUTH.customers)
    assert any(repr(word) in note and note.endswith("1 of 121.") for note in study.notes)


RENAMED = {
    "Polish": {"customer_id": "numer klienta", "birth_date": "data urodzenia", "gender": "płeć",
               "region": "województwo", "product": "produkt", "opened": "data otwarcia",
               "date": "data operacji", "amount": "kwota"},
    "Russian": {"customer_id": "Код клиента", "birth_date": "Дата рождения", "gender": "Пол",
                "region": "Регион", "product": "Продукт", "opened": "Дата открытия",
                "date": "Дата операции", "amount": "Сумма"},
}  # fmt: skip


@pytest.mark.parametrize("words", RENAMED.values(), ids=RENAMED)
def test_names_of_columns_in_other_letters_are_understood(tmp_path, words):
    said, folder = draft(tmp_path, {"words": words})
    assert "to be answered" not in said
    study = answered(folder)
    assert rows(study, "customers", "customer_id, birth_date, gender, region") == sorted(
        (str(row[0]), *row[1:4]) for row in TRUTH.customers
    )
    assert rows(study, "holdings", "customer_id, product_id") == HELD
    assert rows(study, "transactions", "customer_id, booked_on, amount") == PAID


def test_columns_of_fixed_width_are_named_as_what_they_may_be(tmp_path):
    def fixed(folder, _, __, lines):
        told = [f"{who:<8}{day}{amount:>14}{kind:<6}" for who, day, amount, kind in lines]
        (folder / "payments.txt").write_text("\n".join(told) + "\n")

    said, _ = draft(tmp_path, {"payments": fixed})
    assert "Where its columns have fixed widths, say so: csv: {widths:" in said


# --- who was left out, and who objects ----------------------------------------------------------


@pytest.mark.parametrize("name", ["no_response", "nicht_gekauft", "declined", "未购买"])
def test_a_column_that_denies_is_not_taken_for_a_response(tmp_path, name):
    said, _ = draft(tmp_path, {"contacts": contacts(responded=name, yes="0", no="1")})
    assert f"no column is known to say who responded. Does one of these ({name} holds " in said


def of(*columns: str) -> Callable[..., None]:
    """Contacts with some columns only; some tell in their own way who was left out."""

    def write(folder, lines):
        told = [{"campaign": c, "customer_id": i, "date": d, "responded": int(r),
                 "campaign ": f"{c}_{arm}", "way": "none" if arm == "control" else "mail",
                 "contact_date": "" if arm == "control" else d}
                for c, i, d, arm, _, _, _, _, r, _ in lines]  # fmt: skip
        names = [{"campaign ": "campaign", "way": "channel"}.get(name, name) for name in columns]
        bank_files.put(folder, "contacts.csv", names, [[row[n] for n in columns] for row in told])

    return write


LEFT_OUT = {
    "the campaign's name": (("campaign ", "customer_id", "date", "responded"),
                            "(campaign holds 'spring_offer', 'spring_control')"),
    "no channel": (("campaign", "customer_id", "date", "way", "responded"),
                   "(channel holds 'mail', 'none')"),
}  # fmt: skip


@pytest.mark.parametrize("case", LEFT_OUT)
def test_who_was_left_out_may_stand_in_campaign_or_channel_and_is_asked(tmp_path, case):
    columns, shown = LEFT_OUT[case]
    said, _ = draft(tmp_path, {"contacts": of(*columns)})
    assert f"Does any tell who was left out on purpose {shown}?" in said


def test_contacts_without_a_day_are_asked_before_they_are_left_out(tmp_path):
    said, _ = draft(
        tmp_path, {"contacts": of("campaign", "customer_id", "contact_date", "responded")}
    )
    assert "column contact_date, line 4: 56 of 120 cells are blank" in said
    assert "Or were these people left out on purpose?" in said


def test_a_value_alone_may_tell_who_responded_and_is_asked(tmp_path):
    def valued(folder, lines):
        told = [[c, i, d, arm, v] for c, i, d, arm, _, _, _, _, _, v in lines]
        header = ["campaign", "customer_id", "date", "arm", "value"]
        bank_files.put(folder, "contacts.csv", header, told)

    said, _ = draft(tmp_path, {"contacts": valued})
    assert "who responded. Does one of these (value, such as 0.0 or 80.0)?" in said


def test_who_withdrew_a_consent_objects(tmp_path):
    days = more(
        ("consent_given_on", ["2019-01-13"] * 120),
        ("consent_withdrawn_on", ["2021-02-14" if row[5] else "" for row in TRUTH.customers]),
    )
    _, folder = draft(tmp_path, {"customers": days})
    assert rows(answered(folder), "customers", "customer_id, marketing_opt_out") == [
        (str(row[0]), row[5]) for row in TRUTH.customers
    ]
