"""One small bank, told by files of many shapes: each draft gives the same tables.

The truth is written down here by hand: four customers, five holdings, six payments.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import duckdb
import pytest

from pmlib.drafting import draft_study
from pmlib.errors import StudyError
from pmlib.params import Parameters
from pmlib.studies import Study, asks, confirm, prepare

TODAY = dt.date(2025, 6, 30)
CUSTOMERS = """customer_id,gender,region,joined
1001,F,North,2015-01-13
1002,M,South,2016-02-14
1003,F,East,2017-03-15
1004,M,North,2018-04-16
"""
HOLDINGS = """customer_id,product,opened
1001,current,2015-01-13
1001,card,2019-05-20
1002,current,2016-02-14
1003,savings,2020-06-21
1004,card,2021-07-22
"""
PAYMENTS = """customer_id,date,amount,type
1001,2024-01-15,-10.50,card
1001,2024-01-16,100.00,salary
1002,2024-01-17,-20.25,card
1003,2024-02-18,-30.00,card
1003,2024-02-19,40.00,salary
1004,2024-02-20,-5.75,card
"""
REGIONS = {"1001": "North", "1002": "South", "1003": "East", "1004": "North"}
HELD = {("1001", "current"), ("1001", "card"), ("1002", "current"), ("1003", "savings"),
        ("1004", "card")}  # fmt: skip
PAID = [("1001", "2024-01-15", -10.5), ("1001", "2024-01-16", 100.0),
        ("1002", "2024-01-17", -20.25), ("1003", "2024-02-18", -30.0),
        ("1003", "2024-02-19", 40.0), ("1004", "2024-02-20", -5.75)]  # fmt: skip
ROWS = PAYMENTS.splitlines()
JANUARY, FEBRUARY = "\n".join(ROWS[1:4]) + "\n", "\n".join(ROWS[4:]) + "\n"
HEAD = ROWS[0] + "\n"
TURNED = """date;customer_id;amount;type
2024-02-18;1003;-30.00;card
2024-02-19;1003;40.00;salary
2024-02-20;1004;-5.75;card
"""


def drafted(
    folder: Path, files: Mapping[str, str], answers: Mapping[str, str] | None = None
) -> tuple[Study, str]:
    """Draft from files, answer, confirm and prepare; the study, and what the draft said."""
    home = folder / "files"
    for name, text in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text, encoding="utf-8", newline="")
    said = draft_study(folder / "bank", [home], today=TODAY)
    path = folder / "bank" / "study.yaml"
    text = path.read_text(encoding="utf-8")
    for key, answer in (answers or {}).items():
        assert f"{key}: ASK" in text
        text = text.replace(f"{key}: ASK", f"{key}: {answer}")
    path.write_text(text, encoding="utf-8")
    confirm(folder / "bank")
    return prepare(folder / "bank", Parameters()), said


def regions(study: Study) -> dict[str, str]:
    path = study.tables["customers"]
    return dict(duckdb.sql(f"SELECT customer_id, region FROM '{path}'").fetchall())


def held(study: Study) -> list[tuple[str, str]]:
    path = study.tables["holdings"]
    found = duckdb.sql(f"SELECT customer_id, product_id FROM '{path}' ORDER BY ALL").fetchall()
    return [(customer, product) for customer, product in found]


def paid(study: Study) -> list[tuple[str, str, float]]:
    path = study.tables["transactions"]
    return duckdb.sql(
        f"SELECT customer_id, booked_on::VARCHAR, amount FROM '{path}' ORDER BY ALL"
    ).fetchall()


def bank(**other: str | None) -> dict[str, str]:
    """The files of the bank, some of them in another shape: name without ending, and text."""
    plain = {"customers": CUSTOMERS, "holdings": HOLDINGS, "payments": PAYMENTS}
    return {f"{name}.csv": text for name, text in {**plain, **other}.items() if text is not None}


def payments(*parts: tuple[str, str]) -> dict[str, str]:
    """The bank with its payments in files of their own."""
    return bank(payments=None) | dict(parts)


def marked(yes: str, no: str, names: str = "current,savings,card") -> str:
    """Holdings as a column a product."""
    products = ("current", "savings", "card")
    rows = [
        (customer, *(yes if (customer, product) in HELD else no for product in products))
        for customer in REGIONS
    ]
    return "\n".join([f"customer_id,{names}", *(",".join(row) for row in rows)]) + "\n"


def lines(text: str, change: Callable[[list[str]], list[str]]) -> str:
    return "\n".join(change(text.splitlines())) + "\n"


SHAPES: dict[str, dict[str, str]] = {
    "plain": bank(),
    # products as columns
    "wide 1/0": bank(holdings=marked("1", "0")),
    "wide 1/blank": bank(holdings=marked("1", "")),
    "wide counts": bank(holdings=marked("2", "0")),
    "wide Y/N": bank(holdings=marked("Y", "N")),
    "wide X/blank": bank(holdings=marked("X", "")),
    "wide snapshots by file": bank(holdings=None)
    | {"products_202404.csv": marked("0", "1"), "products_202405.csv": marked("1", "0")},
    # several files of one kind
    "a file a month": payments(("p_202401.csv", HEAD + JANUARY), ("p_202402.csv", HEAD + FEBRUARY)),
    "months by name": payments(
        ("p_Jan_2024.csv", HEAD + JANUARY), ("p_Feb_2024.csv", HEAD + FEBRUARY)
    ),
    "months with footers": payments(
        ("p_202401.csv", HEAD + JANUARY + "End\n"), ("p_202402.csv", HEAD + FEBRUARY + "End\n")
    ),
    "months with titles that differ": payments(
        ("p_202401.csv", "Export\n\n" + HEAD + JANUARY),
        ("p_202402.csv", "Export\nof movements\n\n" + HEAD + FEBRUARY),
    ),
    "months of other order and delimiter": payments(
        ("p_202401.csv", HEAD + JANUARY),
        ("p_202402.csv", TURNED),
    ),
    "a column that comes later": payments(
        ("p_202401.csv", HEAD + JANUARY),
        (
            "p_202402.csv",
            lines(HEAD + FEBRUARY, lambda rows: [rows[0] + ",app", *(r + ",1" for r in rows[1:])]),
        ),
    ),
    "kinds of payments": payments(
        ("giro_movements.csv", HEAD + JANUARY), ("card_movements.csv", HEAD + FEBRUARY)
    ),
    "customers in parts": bank(customers=None)
    | {
        "customers_north.csv": lines(CUSTOMERS, lambda rows: [rows[0], rows[1], rows[4]]),
        "customers_other.csv": lines(CUSTOMERS, lambda rows: [rows[0], rows[2], rows[3]]),
    },
    "products by the names of files": bank(
        holdings="customer_id,product\n1001,current\n1002,current\n1003,savings\n",
        card="customer_id,issued\n1001,2019-05-20\n1004,2021-07-22\n",
    ),
    # where the table stands
    "titles with a day": bank(payments="Movements\nfrom,2024-01-01,to,2024-12-31\n\n" + PAYMENTS),
    "sep=": bank(payments="sep=;\n" + PAYMENTS.replace(",", ";")),
    "names repeated in capitals": bank(payments=HEAD + JANUARY + HEAD.upper() + FEBRUARY),
    "subtotals and a total": bank(
        payments=HEAD + JANUARY + "Subtotal 1,,69.25,\n" + FEBRUARY + "Grand total,,73.50,\n"
    ),
    "totals of each customer": bank(
        payments=HEAD + JANUARY + "1001,Summe,89.50,\n1002,Summe,-20.25,\n" + FEBRUARY
    ),
    "a total in the last column": bank(payments=PAYMENTS + ",,73.50,Total\n"),
    "footers": bank(payments=PAYMENTS + "\nEnd of file\n"),
    "delimiters at the end": bank(payments=PAYMENTS.replace("\n", ",\n")),
    "an index without a name": bank(
        payments=lines(
            PAYMENTS, lambda rows: [f",{rows[0]}", *(f"{n},{r}" for n, r in enumerate(rows[1:]))]
        )
    ),
    "two columns of one name": bank(
        payments=lines(PAYMENTS, lambda rows: [rows[0] + ",type", *(r + ",x" for r in rows[1:])])
    ),
    "no names of columns": bank(payments=JANUARY + FEBRUARY),
    "line breaks in quotes": bank(
        payments=lines(
            PAYMENTS, lambda rows: [rows[0] + ",text", *(r + ',"a\nb"' for r in rows[1:])]
        )
    ),
    "line ends of Windows": {n: text.replace("\n", "\r\n") for n, text in bank().items()},
    # accounts instead of customers
    "payments by account": bank(
        holdings="account_no,customer_id,product\n9001,1001,current\n9002,1001,card\n"
        "9003,1002,current\n9004,1003,savings\n9005,1004,card\n",
        payments=lines(
            PAYMENTS,
            lambda rows: [
                re.sub(
                    "^[^,]*",
                    {
                        "customer_id": "account_no",
                        "1001": "9001",
                        "1002": "9003",
                        "1003": "9004",
                        "1004": "9005",
                    }[row.split(",")[0]],
                    row,
                )
                for row in rows
            ],
        ),
    ),
}


@pytest.mark.parametrize("files", SHAPES.values(), ids=SHAPES)
def test_one_bank_in_any_shape_gives_the_same_tables(tmp_path, files):
    study, _ = drafted(tmp_path, files)
    assert regions(study) == REGIONS
    assert held(study) == sorted(HELD)
    assert paid(study) == PAID


SNAPSHOTS = {
    "days": ("2024-10-31", "2025-01-31"),
    "months as text": ("2024-10", "2025-01"),
    "months as numbers": ("202410", "202501"),
    "months by name": ("Oct 2024", "Jan 2025"),
    "months before years": ("10/2024", "01/2025"),
}


@pytest.mark.parametrize("months", SNAPSHOTS.values(), ids=SNAPSHOTS)
def test_of_snapshots_the_newest_in_time_is_taken(tmp_path, months):
    head, *rows = CUSTOMERS.splitlines()
    old = [row.replace("North", "Nowhere") for row in rows]
    gone = "1005,F,Gone,2011-01-01"
    all_rows = [
        f"{month},{row}"
        for month in months
        for row in (rows if month == months[-1] else [*old, gone])
    ]
    text = "\n".join([f"month,{head}", *all_rows]) + "\n"
    study, _ = drafted(tmp_path, bank(customers=text))
    assert regions(study) == REGIONS
    notes = " ".join(study.notes)
    assert months[-1] in notes
    assert "customers that only older snapshots name are left out: 1." in notes


@pytest.mark.parametrize("days", [("31102024", "31012025"), ("2024-10-31", "2025-01-31")])
def test_snapshots_in_files_are_told_apart_by_the_day_in_their_names(tmp_path, days):
    old = CUSTOMERS.replace("North", "Nowhere")
    files = {f"customers_{day}.csv": text for day, text in zip(days, (old, CUSTOMERS), strict=True)}
    study, _ = drafted(tmp_path, bank(customers=None) | files)
    assert regions(study) == REGIONS


def test_of_snapshots_of_holdings_the_newest_is_taken(tmp_path):
    old = HOLDINGS.replace("1003,savings", "1003,fund")
    files = {"holdings_202404.csv": old, "holdings_202405.csv": HOLDINGS}
    study, said = drafted(tmp_path, bank(holdings=None) | files)
    assert held(study) == sorted(HELD)
    assert "holdings_202405.csv" in said


def test_of_a_customer_with_two_rows_no_filled_cell_is_lost(tmp_path):
    customers = lines(CUSTOMERS, lambda rows: [
        rows[0] + ",marketing_opt_out", *(f"{row},{'yes' if row[3] == '2' else 'no'}"
                                          for row in rows[1:] * 10)])  # fmt: skip
    head, *rows = customers.splitlines()
    many = [f"{int(row[:4]) + 10 * n}{row[4:]}" for n, row in enumerate(rows)]
    again = ["1001,,West,2015-01-13,no", "1012,,,,no"]  # row 2 of 40: 1002 + 10 objects
    study, said = drafted(
        tmp_path, bank(customers="\n".join([head, *many, *again]) + "\n", holdings=None,
                       payments="customer_id,date,amount\n1001,2024-01-01,-1.00\n"
                                "1001,2024-01-02,2.00\n1012,2024-01-02,2.00\n")
    )  # fmt: skip
    path = study.tables["customers"]
    found = duckdb.sql(
        f"SELECT customer_id, gender, region, marketing_opt_out FROM '{path}' "
        "WHERE customer_id IN ('1001', '1012') ORDER BY 1"
    ).fetchall()
    assert found == [("1001", "F", "West", False), ("1012", "M", "South", True)]
    assert "differ in" in said
    assert any("put together: 2;" in note for note in study.notes)


def test_marks_that_are_no_products_stay_attributes_of_customers(tmp_path):
    customers = """customer_id,region,employed,current,savings,card
1001,North,Y,Y,N,Y
1002,South,N,Y,N,N
1003,East,Y,N,Y,N
1004,North,N,N,N,Y
"""
    answer = {"objection": "none"}
    study, said = drafted(tmp_path, bank(customers=customers, holdings=None), answer)
    assert held(study) == sorted(HELD)
    assert "employed" in study.attributes
    assert "Not taken for products, though they say yes or no: employed." in said


def test_a_product_called_total_is_no_total(tmp_path):
    holdings = HOLDINGS.replace("savings", "Total Return Fund")
    study, _ = drafted(tmp_path, bank(holdings=holdings))
    assert ("1003", "Total Return Fund") in held(study)


CONTACTS = """campaign,customer_id,date,arm,responded
spring,1001,2024-05-01,offer,yes
spring,1002,2024-05-01,,no
spring,1003,2024-05-01,offer,no
spring,1004,2024-05-01,,yes
"""


def test_an_arm_without_a_name_is_asked_and_kept(tmp_path):
    answers = {"control": '["(blank)"]', "assignment": "randomised"}
    study, said = drafted(tmp_path, bank(contacts=CONTACTS), answers)
    assert "(blank) (2)" in said
    path = study.tables["contacts"]
    found = duckdb.sql(f"SELECT customer_id, arm FROM '{path}' ORDER BY 1").fetchall()
    assert found == [("1001", "offer"), ("1002", "control"), ("1003", "offer"), ("1004", "control")]


def test_contacts_that_repeat_are_dropped_and_waves_told_apart(tmp_path):
    named = CONTACTS.replace(",,", ",none,")
    again = named + "spring,1001,2024-05-01,offer,yes\nspring,1001,2024-05-20,offer,no\n"
    answers = {"control": "[none]", "assignment": "randomised"}
    study, _ = drafted(tmp_path, bank(contacts=again), answers)
    path = study.tables["contacts"]
    found = duckdb.sql(f"SELECT campaign_id, customer_id FROM '{path}' ORDER BY ALL").fetchall()
    assert found == [("spring 2024-05-01", "1001"), ("spring 2024-05-01", "1002"),
                     ("spring 2024-05-01", "1003"), ("spring 2024-05-01", "1004"),
                     ("spring 2024-05-20", "1001")]  # fmt: skip
    assert any("repeat others wholly are left out: 1." in note for note in study.notes)


def test_a_campaign_a_file_is_a_campaign_of_its_own(tmp_path):
    named = CONTACTS.replace(",,", ",none,").replace("spring,", "").replace("campaign,", "")
    files = {"mailing_spring.csv": named, "mailing_autumn.csv": named.replace("-05-", "-09-")}
    answers = {"control": "[none]", "assignment": "randomised"}
    study, _ = drafted(tmp_path, bank() | files, answers)
    path = study.tables["contacts"]
    found = duckdb.sql(f"SELECT campaign_id, count(*) FROM '{path}' GROUP BY 1 ORDER BY 1")
    assert found.fetchall() == [("mailing_autumn.csv", 4), ("mailing_spring.csv", 4)]


IDLE = {
    "weather.csv": "station,day,rain\nA,2024-01-01,3\nA,2024-01-02,0\n",
    "scores.csv": "customer_id,score\n1001,300\n1002,400\n1003,350\n1004,310\n",
    "README.txt": "These are our exports, made in December, by hand.\nAsk Mary, if unsure.\n"
    "She knows\n" + "all, or nearly, of it, and more\nand then\nsome, too\n",
}


@pytest.mark.parametrize(("name", "text"), IDLE.items(), ids=IDLE)
def test_a_file_that_nothing_uses_is_a_question_that_can_be_answered(tmp_path, name, text):
    with pytest.raises(StudyError, match=f"{name}.*nothing uses it"):
        drafted(tmp_path / "open", bank() | {name: text})
    study, _ = drafted(tmp_path / "answered", bank() | {name: text}, {"unused": '"not needed"'})
    assert paid(study) == PAID


def test_accounts_of_two_customers_count_for_one_and_are_reported(tmp_path):
    owners = "account_id,client_id\n1,1001\n1,1002\n2,1003\n3,1004\n"
    moves = "account_id,date,amount\n1,2024-01-15,-10.50\n2,2024-01-16,100.00\n3,2024-01-17,-1.00\n"
    clients = CUSTOMERS.replace("customer_id", "client_id")
    study, said = drafted(
        tmp_path, {"clients.csv": clients, "owners.csv": owners, "payments.csv": moves}
    )
    assert [row[0] for row in paid(study)] == ["1001", "1003", "1004"]
    assert any("accounts of several customers count for the first by id: 1." in note
               for note in study.notes)  # fmt: skip
    assert "account_id (customer_id by owners.csv)" in said


def test_every_question_names_file_and_place_and_stands_where_it_is_answered(tmp_path):
    (tmp_path / "purchases.csv").write_text(
        "customer_id,date,amount\n1001,2024-01-15,10.50\n1001,2024-01-16,1.00\n1002,2024-01-16,2.0\n"
    )
    draft_study(tmp_path / "bank", [tmp_path / "purchases.csv"], today=TODAY)
    (ask,) = asks.questions((tmp_path / "bank" / "study.yaml").read_text(), "study.yaml")
    for said in ("purchases.csv", "column amount", "line 2", "'10.50'", "as-written", "spending"):
        assert said in ask.said
