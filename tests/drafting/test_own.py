"""A bank's own data: every kind of source, the draft of a study, and the check of one."""

from __future__ import annotations

import datetime as dt
import sqlite3
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from pmlib.drafting import draft_study
from pmlib.errors import StudyError
from pmlib.params import Parameters
from pmlib.studies import Study, check_study, confirm, load_spec, prepare
from tests.studies import one_table

CUSTOMERS = pd.DataFrame(
    {
        "customer_id": ["007", "8", "Ä9"],
        "income": [1234.5, None, -3.25],
        "town": ["Köln", "", "Wien"],
    }
)
# What the study must make of them: an empty text is nothing.
EXPECTED = [("007", 1234.5, "Köln"), ("8", None, None), ("Ä9", -3.25, "Wien")]
SQL = "SELECT customer_id, income::DOUBLE AS income, nullif(town, '') AS town FROM people"


def study_of(folder: Path, source: dict, *, sql: str = SQL) -> Study:
    return one_table.study_of(folder, source, sql=sql)


def rows(study: Study) -> list[tuple]:
    query = "SELECT customer_id, income, town FROM read_parquet(?) ORDER BY 1"
    return duckdb.execute(query, [str(study.tables["customers"])]).fetchall()


# --- kinds of sources ---------------------------------------------------------------------------

TEXTS = {
    "comma": (",", "utf-8", "\n"),
    "semicolon-windows": (";", "cp1252", "\r\n"),
    "tab-bom": ("\t", "utf-8-sig", "\r\n"),
    "pipe-utf16": ("|", "utf-16", "\n"),
    "semicolon-latin2": (";", "iso8859-2", "\n"),
}


@pytest.mark.parametrize(("delimiter", "encoding", "ending"), TEXTS.values(), ids=TEXTS)
def test_delimited_text_of_any_kind(tmp_path, delimiter, encoding, ending):
    CUSTOMERS.to_csv(
        tmp_path / "people.csv",
        sep=delimiter,
        encoding=encoding,
        lineterminator=ending,
        index=False,
    )
    form = {"delimiter": delimiter, "encoding": encoding}
    assert rows(study_of(tmp_path, {"file": "people.csv", "csv": form})) == EXPECTED


def test_decimal_commas_are_read_by_the_sql(tmp_path):
    (tmp_path / "people.csv").write_text('customer_id;income;town\n007;"1.234,5";Köln\n')
    sql = SQL.replace("income::", "replace(replace(income, '.', ''), ',', '.')::")
    study = study_of(tmp_path, {"file": "people.csv", "csv": {"delimiter": ";"}}, sql=sql)
    assert rows(study) == [("007", 1234.5, "Köln")]


def test_text_without_a_header_gets_its_names_from_the_study(tmp_path):
    CUSTOMERS.to_csv(tmp_path / "people.csv", header=False, index=False)
    form = {"header": False, "columns": list(CUSTOMERS.columns)}
    assert rows(study_of(tmp_path, {"file": "people.csv", "csv": form})) == EXPECTED


def test_line_breaks_delimiters_and_quotes_inside_quotes_are_kept(tmp_path):
    text = 'customer_id,income,town\n1,2,"St. ""Veit"",\nGlan"\n'
    (tmp_path / "people.csv").write_text(text)
    assert rows(study_of(tmp_path, {"file": "people.csv"})) == [("1", 2.0, 'St. "Veit",\nGlan')]


def test_formulas_and_markup_are_nothing_but_text(tmp_path):
    text = "customer_id,income,town\n1,2,=HYPERLINK(0)\n2,3,<script>alert(1)</script>\n"
    (tmp_path / "people.csv").write_text(text)
    assert [row[2] for row in rows(study_of(tmp_path, {"file": "people.csv"}))] == [
        "=HYPERLINK(0)", "<script>alert(1)</script>",
    ]  # fmt: skip


def test_column_names_with_quotes_blanks_and_keywords(tmp_path):
    (tmp_path / "people.csv").write_text('"select","the ""big"" one",town\n1,2,Graz\n')
    sql = (
        """SELECT "select" AS customer_id, "the ""big"" one"::DOUBLE AS income, town FROM people"""
    )
    assert rows(study_of(tmp_path, {"file": "people.csv"}, sql=sql)) == [("1", 2.0, "Graz")]


def test_parquet(tmp_path):
    CUSTOMERS.to_parquet(tmp_path / "people.parquet")
    assert rows(study_of(tmp_path, {"file": "people.parquet"})) == EXPECTED


def test_sqlite(tmp_path):
    with sqlite3.connect(tmp_path / "bank.sqlite") as database:
        CUSTOMERS.to_sql("The People", database, index=False)
    database.close()
    source = {"file": "bank.sqlite", "tables": {"people": "The People"}}
    assert rows(study_of(tmp_path, source)) == EXPECTED


def test_duckdb(tmp_path):
    with duckdb.connect(str(tmp_path / "bank.duckdb")) as database:
        database.from_df(CUSTOMERS).create("The People")
    source = {"file": "bank.duckdb", "tables": {"people": "The People"}}
    assert rows(study_of(tmp_path, source)) == EXPECTED


def test_a_changed_file_of_ones_own_gives_new_tables(tmp_path):
    CUSTOMERS.to_csv(tmp_path / "people.csv", index=False)
    first = study_of(tmp_path, {"file": "people.csv"})
    CUSTOMERS[:2].to_csv(tmp_path / "people.csv", index=False)
    second = prepare(tmp_path, Parameters())
    assert (first.rows["customers"], second.rows["customers"]) == (3, 2)
    assert first.tables["customers"].is_file()


def test_the_customer_hash_is_the_start_of_the_md5_of_the_id(tmp_path):
    CUSTOMERS.to_csv(tmp_path / "people.csv", index=False)
    study = study_of(tmp_path, {"file": "people.csv"})
    hashes = pd.read_parquet(study.tables["customers"]).set_index("customer_id").customer_hash
    # printf 007 | md5sum | cut -c1-8 gives 9e94b15e
    assert hashes["007"] == 0x9E94B15E


def drafted(folder: Path, files: list[Path], answers: dict[str, str] | None = None) -> Study:
    """Draft a study, answer what it asks (by the key that asks), confirm its guesses."""
    draft_study(folder, files)
    text = (folder / "study.yaml").read_text(encoding="utf-8")
    for key, answer in (answers or {}).items():
        assert f"{key}: ASK" in text
        text = text.replace(f"{key}: ASK", f"{key}: {answer}")
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    confirm(folder)
    return prepare(folder, Parameters())


# --- the draft ----------------------------------------------------------------------------------


@pytest.fixture
def exports(tmp_path):
    """Files as a bank in Germany may export them: nothing is called as the contracts call it."""
    folder = tmp_path / "exports"
    folder.mkdir()
    people = "Kunden-Nr;Geschlecht;Geburtsdatum;Umsatz/Jahr;E-Mail;Größe\n"
    people += "".join(
        f"{i:05d};{'mw'[i % 2]};{i % 28 + 1:02d}.03.19{60 + i % 30};1.{i:03d},5;{i}@x.de;groß\n"
        for i in range(60)
    )
    (folder / "Kunden.csv").write_text(people, encoding="cp1252")
    booked = "kundennummer,datum,betrag\n" + "".join(
        f"{i % 60:05d},2024-0{i % 9 + 1}-15,{i - 50}.25\n" for i in range(200)
    )
    (folder / "trans.csv").write_text(booked)
    held = "kundennummer|produkt|since\n" + "".join(
        f"{i:05d}|{p}|20200101\n" for i in range(60) for p in ("Giro", "Karte")[: i % 3]
    )
    (folder / "bestand.csv").write_text(held)
    return folder


def test_a_draft_from_foreign_files_is_a_study_that_passes_its_check(exports, tmp_path):
    study = drafted(tmp_path / "bank", sorted(exports.glob("*.csv")))
    assert dict(study.rows) == {
        "customers": 60, "products": 2, "holdings": 60, "transactions": 200,
    }  # fmt: skip
    assert study.as_of == dt.date(2024, 9, 15)
    people = pd.read_parquet(study.tables["customers"]).set_index("customer_id")
    assert people.umsatz_jahr["00007"] == 1007.5
    assert str(people.birth_date["00007"]) == "1967-03-08"
    assert study.attributes["grosse"].label == "Größe"
    assert study.overrides == {"default_margin": 50.0}


FOREIGN = {
    "German": {
        "Kunden": "Kundennummer;Ort;Saldo;Beginn der Beziehung",
        "Verträge": "Kundennummer;Produkt;Angelegt;Valid to",
        "Bewegungen": "Kundennummer;Gebucht;Betrag;Text",
    },
    "French": {
        "Clients": "Numéro client;Ville;Solde;Première relation",
        "Comptes": "Numéro client;Produit;Création;Valid to",
        "Écritures": "N° client;Passée;Versement;Libellé",
    },
}


@pytest.mark.parametrize("language", FOREIGN)
@pytest.mark.parametrize("day", ["%d.%m.%Y", "%Y%m%d"])
def test_dates_and_amounts_under_unknown_names_are_told_by_their_types(tmp_path, language, day):
    days = [dt.date(2023, 1, 1) + dt.timedelta(3 * i) for i in range(60)]
    clients, accounts, payments = FOREIGN[language].items()
    # A balance with a sign and a date do not make customers transactions: a row is a customer.
    rows = {
        clients: [f"{i:05d};{'ABC'[i % 3]};{i - 30},50;{d:{day}}" for i, d in enumerate(days)],
        accounts: [f"{i:05d};{p};{d:{day}};{'9999-12-31' if i % 2 else days[-1]}"
                   for i, d in enumerate(days) for p in ("Depot", "Giro")],
        payments: [f"{i % 9:05d};{d:{day}};{'-' if i % 3 else ''}1.{i:03d},25;A"
                   for i, d in enumerate(days)],
    }  # fmt: skip
    for (name, head), lines in rows.items():
        (tmp_path / f"{name}.csv").write_text("\n".join([head, *lines]), encoding="utf-8")
    draft_study(tmp_path / "bank", sorted(tmp_path.glob("*.csv")))
    found = check_study(tmp_path / "bank").set_index(["table", "column"])
    told = {
        ("holdings", "opened_on"): [120, 0, "2023-01-01", "2023-06-27"],
        ("holdings", "closed_on"): [120, 60, "2023-06-27", "2023-06-27"],
        ("transactions", "booked_on"): [60, 0, "2023-01-01", "2023-06-27"],
        ("transactions", "amount"): [60, 0, "-1059.25", "1057.25"],
    }
    for column, values in told.items():
        assert found.loc[column, ["rows", "empty", "smallest", "largest"]].tolist() == values
    assert found.loc[("customers", "customer_id"), "rows"] == 60
    by_type = [
        line
        for sql in sorted((tmp_path / "bank").glob("*.sql"))
        for line in sql.read_text().splitlines()
        if "by its type alone" in line
    ]
    assert all("CHECK" in line for line in by_type)
    names = [line.split(" AS ")[1].split(",")[0].split(" ")[0] for line in by_type]
    assert names == ["opened_on", "booked_on", "amount"][: 2 if language == "German" else 3]


def test_one_product_a_customer_and_a_date_are_holdings(tmp_path):
    lines = "kunde;produkt;eröffnet\n" + "".join(
        f"{i};Giro;{i % 28 + 1}.1.2024\n" for i in range(40)
    )
    (tmp_path / "a.csv").write_text(lines)
    study = drafted(tmp_path / "bank", [tmp_path / "a.csv"])
    assert study.rows == {"customers": 40, "products": 1, "holdings": 40}
    assert pd.read_parquet(study.tables["holdings"]).opened_on.notna().all()


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("Konten", {"customers": 20}),
        ("Kontobewegungen", {"customers": 20, "transactions": 40}),
    ],
)
def test_a_balance_with_a_sign_makes_accounts_no_transactions(tmp_path, name, rows):
    lines = "kunde;tag;saldo\n" + "".join(
        f"{i % 20};{i % 28 + 1:02d}.01.2024;{i - 20},50\n" for i in range(40)
    )
    (tmp_path / f"{name}.csv").write_text(lines)
    assert drafted(tmp_path / "bank", [tmp_path / f"{name}.csv"]).rows == rows


def test_of_two_dates_under_unknown_names_none_is_taken(tmp_path):
    lines = "kunde,umsatz,von,bis\n" + "".join(
        f"{i % 9},{i - 20}.5,2024-01-{i % 28 + 1:02d},2024-02-01\n" for i in range(40)
    )
    (tmp_path / "a.csv").write_text(lines)
    assert drafted(tmp_path / "bank", [tmp_path / "a.csv"]).rows == {"customers": 9}


def test_every_guess_of_a_draft_is_marked(exports, tmp_path):
    draft_study(tmp_path / "bank", sorted(exports.glob("*.csv")))
    for sql in (tmp_path / "bank").glob("*.sql"):
        aliases = [line for line in sql.read_text().splitlines() if " AS " in line]
        assert all("CHECK" in line or line.strip().startswith("NULL::") for line in aliases)


def test_customers_are_drafted_from_ids_where_no_file_lists_them(exports, tmp_path):
    assert drafted(tmp_path / "bank", [exports / "trans.csv"]).rows == {
        "customers": 60,
        "transactions": 200,
    }


def test_a_draft_reads_databases_too(tmp_path):
    with sqlite3.connect(tmp_path / "bank.db") as database:
        CUSTOMERS.to_sql("clients", database, index=False)
    database.close()
    assert drafted(tmp_path / "bank", [tmp_path / "bank.db"]).rows == {"customers": 3}


def test_a_drafted_campaign_becomes_contacts(tmp_path):
    lines = "client_id,campaign,treatment,sent_date,response\n" + "".join(
        f"c{i},spring,{('offer', 'control')[i % 2]},2024-03-01,{i % 5 == 0:d}\n" for i in range(50)
    )
    (tmp_path / "mailing.csv").write_text(lines)
    answers = {"control": "[control]", "assignment": "chosen"}
    study = drafted(tmp_path / "bank", [tmp_path / "mailing.csv"], answers)
    contacts = pd.read_parquet(study.tables["contacts"])
    assert contacts.responded.sum() == 10
    assert set(contacts.arm) == {"offer", "control"}


def test_a_draft_overwrites_no_study(exports, tmp_path):
    draft_study(tmp_path / "bank", [exports / "Kunden.csv"])
    with pytest.raises(StudyError, match="holds a study already"):
        draft_study(tmp_path / "bank", [exports / "Kunden.csv"])


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("no.csv", None, "is missing"),
        ("empty.csv", "", "is empty"),
        ("weather.csv", "day,rain\n2024-01-01,3\n", "No file seems to speak of customers"),
        ("fake.sqlite", "this is no database, only text that says so", "cannot be read"),
        ("fake.parquet", "PAR1 nothing", "cannot be read"),
    ],
)
def test_files_that_nothing_can_be_drafted_from_are_told(tmp_path, name, text, message):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(StudyError, match=message):
        draft_study(tmp_path / "bank", [tmp_path / name])
    assert not (tmp_path / "bank" / "study.yaml").exists()


# --- the check ----------------------------------------------------------------------------------


def test_the_check_describes_each_column(tmp_path):
    CUSTOMERS.to_csv(tmp_path / "people.csv", index=False)
    study_of(tmp_path, {"file": "people.csv"})
    found = check_study(tmp_path).set_index("column")
    assert found.loc["customer_id", ["rows", "empty", "different", "role"]].tolist() == [
        3, 0, 3, "key",
    ]  # fmt: skip
    assert found.loc["income", ["empty", "smallest", "largest"]].tolist() == [1, "-3.25", "1234.5"]
    assert found.loc["town", ["smallest", "role"]].tolist() == ["", "descriptor"]


def test_a_spec_can_be_read_without_the_data(tmp_path):
    CUSTOMERS.to_csv(tmp_path / "people.csv", index=False)
    study_of(tmp_path, {"file": "people.csv"})
    (tmp_path / "people.csv").unlink()
    assert load_spec(tmp_path).title == "Own"


def test_signs_of_patterns_in_a_path_are_nothing_but_letters(tmp_path):
    for name, n in (("a?", 3), ("ab", 5), ("a*", 4), ("[a]", 6)):
        (tmp_path / name).mkdir()
        text = "customer_id,income\n" + "".join(f"{name}{i},{i}.5\n" for i in range(n))
        (tmp_path / name / "people.csv").write_text(text)
    for name, n in (("a?", 3), ("a*", 4), ("[a]", 6)):
        study = drafted(tmp_path / name / "bank", [tmp_path / name / "people.csv"])
        assert study.rows == {"customers": n}
        assert check_study(tmp_path / name / "bank").set_index("column").different["income"] == n


def test_labels_of_values_keep_their_order_in_the_draft(tmp_path):
    pyreadstat = pytest.importorskip("pyreadstat")
    codes = [3.0, 1.0, 2.0, 1.0, 3.0, 2.0] * 5
    frame = pd.DataFrame({"customer_id": [f"C{i}" for i in range(30)], "satisfied": codes})
    pyreadstat.write_sav(
        frame, tmp_path / "customers.sav", column_labels={"satisfied": "Satisfaction"},
        variable_value_labels={"satisfied": {1.0: "low", 2.0: "middle", 3.0: "high", 4.0: "top"}},
    )  # fmt: skip
    draft_study(tmp_path / "bank", [tmp_path / "customers.sav"])
    confirm(tmp_path / "bank")
    attribute = prepare(tmp_path / "bank", Parameters()).attributes["satisfied"]
    assert (attribute.label, attribute.levels) == ("Satisfaction", ["low", "middle", "high"])
