from __future__ import annotations

import datetime as dt

import duckdb
import narwhals as nw
import pytest

from pmlib.errors import StudyError
from pmlib.schema import CONTRACTS
from pmlib.studies.contracts import check

AS_OF = dt.date(2024, 12, 31)

# A small bank that keeps every contract; each test breaks one rule of it.
GOOD = {
    "customers": """
        SELECT * FROM (VALUES
            ('a', 7, DATE '1980-02-29', 'female', 'North', DATE '2001-01-01', 3, FALSE, 1.5),
            ('b', 8, DATE '1990-01-01', 'male', 'South', DATE '2011-01-01', 5, TRUE, 2.5),
            ('c', 9, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
        ) t(customer_id, customer_hash, birth_date, gender, region, joined_on, risk_tolerance,
            marketing_opt_out, income)""",
    "products": """
        SELECT * FROM (VALUES
            ('card', 'Card', 'card', NULL, 9.0), ('fund', 'Fund', 'wealth', 4, 9.0)
        ) t(product_id, name, family, risk_rating, annual_margin)""",
    "holdings": """
        SELECT * FROM (VALUES
            ('a', 'card', DATE '2005-05-05', NULL),
            ('b', 'fund', DATE '2015-05-05', DATE '2016-05-05')
        ) t(customer_id, product_id, opened_on, closed_on)""",
    "transactions": """
        SELECT * FROM (VALUES
            ('a', DATE '2024-01-01', -3.5, 'cash', 'atm'),
            ('b', DATE '2024-01-02', 10.0, NULL, NULL)
        ) t(customer_id, booked_on, amount, kind, channel)""",
    "contacts": """
        SELECT * FROM (VALUES
            ('pilot', 'a', DATE '2024-06-01', 'offer', 'fund', 'letter', 1.5, 0.5, TRUE, 9.0),
            ('pilot', 'b', DATE '2024-06-01', 'control', NULL, NULL, 0.0, 0.5, NULL, NULL)
        ) t(campaign_id, customer_id, contacted_on, arm, product_id, channel, cost, propensity,
            responded, value)""",
    "prospects": "SELECT 'p' AS customer_id, 5 AS customer_hash, 1.5 AS income",
}


def run(**changed: str | None) -> dict[str, int]:
    """Check the good bank with some of its tables replaced (or left out)."""
    connection = duckdb.connect()
    casts = {
        "annual_margin": "DOUBLE", "amount": "DOUBLE", "cost": "DOUBLE", "propensity": "DOUBLE",
        "value": "DOUBLE", "income": "DOUBLE",
    }  # fmt: skip
    frames = {}
    for name, sql in {**GOOD, **changed}.items():
        if sql is None:
            continue
        relation = connection.sql(sql)
        columns = ", ".join(
            f'CAST("{c}" AS {casts[c]}) AS "{c}"'
            if c in casts and str(t).startswith(("DECIMAL", '"NULL"'))
            else f'"{c}"'
            for c, t in zip(relation.columns, relation.types, strict=True)
        )
        frames[name] = nw.from_native(relation.select(columns))
    return check(frames, as_of=AS_OF, attributes=["income"])


def test_a_bank_that_keeps_every_contract_passes_with_its_row_counts():
    assert run() == {
        "customers": 3, "products": 2, "holdings": 2, "transactions": 2, "contacts": 2,
        "prospects": 1,
    }  # fmt: skip


def test_customers_alone_are_a_study():
    only = dict.fromkeys(table for table in CONTRACTS if table != "customers")
    assert run(**only) == {"customers": 3}


def with_row(table: str, **values: str) -> str:
    """The good table and one more row: the first row with some values replaced (SQL text)."""
    replaced = ", ".join(f"{sql} AS {name}" for name, sql in values.items())
    return f"{GOOD[table]} UNION ALL (SELECT * REPLACE ({replaced}) FROM ({GOOD[table]}) LIMIT 1)"


# table, the extra row's values, column named, rule named, key shown
BROKEN = [
    ("customers", {"region": "'West'"}, "customer_id", "unique", "a"),
    ("customers", {"customer_id": "NULL"}, "customer_id", "never empty", "None"),
    (
        "customers",
        {"customer_id": "'d'", "risk_tolerance": "6"},
        "risk_tolerance",
        "at most 5",
        "d",
    ),
    (
        "customers",
        {"customer_id": "'d'", "risk_tolerance": "0"},
        "risk_tolerance",
        "at least 1",
        "d",
    ),
    (
        "customers",
        {"customer_id": "'d'", "birth_date": "DATE '2031-01-01'", "joined_on": "NULL"},
        "birth_date",
        "not after 2024-12-31",
        "d",
    ),
    (
        "customers",
        {"customer_id": "'d'", "birth_date": "DATE '1800-01-01'"},
        "birth_date",
        "not before 1850-01-01",
        "d",
    ),
    (
        "customers",
        {"customer_id": "'d'", "joined_on": "DATE '1970-01-01'"},
        "joined_on",
        "not before birth_date",
        "d",
    ),
    ("customers", {"customer_id": "'d'", "income": "'NaN'::DOUBLE"}, "income", "finite", "d"),
    ("customers", {"customer_id": "'d'", "income": "'-inf'::DOUBLE"}, "income", "finite", "d"),
    ("products", {"product_id": "'card'"}, "product_id", "unique", "card"),
    ("products", {"product_id": "'x'", "name": "NULL"}, "name", "never empty", "x"),
    ("products", {"product_id": "'x'", "risk_rating": "9"}, "risk_rating", "at most 5", "x"),
    ("holdings", {"customer_id": "'zz'"}, "customer_id", "found in customers.customer_id", "zz"),
    ("holdings", {"product_id": "'zz'"}, "product_id", "found in products.product_id", "a"),
    (
        "holdings",
        {"closed_on": "DATE '1999-01-01'"},
        "closed_on",
        "not before opened_on",
        "a",
    ),
    ("transactions", {"amount": "'inf'::DOUBLE"}, "amount", "finite", "a"),
    ("transactions", {"amount": "NULL"}, "amount", "never empty", "a"),
    ("transactions", {"booked_on": "DATE '2025-01-01'"}, "booked_on", "not after 2024-12-31", "a"),
    ("transactions", {"customer_id": "'ghost'"}, "customer_id", "found in customers", "ghost"),
    ("contacts", {"arm": "'control'"}, "campaign_id and customer_id", "unique", "pilot / a"),
    ("contacts", {"campaign_id": "'p2'", "propensity": "0.0"}, "propensity", "above 0", "p2 / a"),
    ("contacts", {"campaign_id": "'p2'", "propensity": "1.1"}, "propensity", "at most 1", "p2 / a"),
    ("contacts", {"campaign_id": "'p2'", "cost": "-1.0"}, "cost", "at least 0", "p2 / a"),
    ("contacts", {"campaign_id": "'p2'", "product_id": "'zz'"}, "product_id", "products", "p2 / a"),
]


@pytest.mark.parametrize(
    ("table", "values", "column", "rule", "key"),
    BROKEN,
    ids=[f"{b[0]}-{b[2]}-{b[3]}" for b in BROKEN],
)
def test_a_broken_rule_names_table_column_rule_rows_and_key(table, values, column, rule, key):
    with pytest.raises(StudyError, match=f"table {table} breaks its contract") as caught:
        run(**{table: with_row(table, **values)})
    error = caught.value
    assert error.where == f"{table}.{column}"
    assert rule in error.rule
    assert f"example {key}" in error.found
    assert error.remedy


def test_the_number_of_rows_and_at_most_three_keys_are_given():
    twice = f"{GOOD['customers']} UNION ALL SELECT * FROM ({GOOD['customers']})"
    with pytest.raises(StudyError) as caught:
        run(customers=twice)
    assert caught.value.found == "6 rows of 6 break it, for example a, b, c"


def test_several_broken_rules_are_told_at_once():
    sql = with_row("transactions", amount="NULL", booked_on="DATE '2030-01-01'")
    with pytest.raises(StudyError, match="also amount, never empty: 1 row"):
        run(transactions=sql)


def test_a_missing_column_is_named():
    sql = f"SELECT * EXCLUDE (amount) FROM ({GOOD['transactions']})"
    with pytest.raises(StudyError, match="missing amount"):
        run(transactions=sql)


def test_an_undeclared_column_is_named_with_the_way_to_declare_it():
    sql = f"SELECT *, 1 AS shoe_size FROM ({GOOD['customers']})"
    with pytest.raises(StudyError, match=r"unknown shoe_size.*\n.*declare it under 'attributes'"):
        run(customers=sql)


def test_a_date_as_text_is_told_with_the_cast_that_mends_it():
    sql = f"SELECT * REPLACE (booked_on::VARCHAR AS booked_on) FROM ({GOOD['transactions']})"
    with pytest.raises(StudyError, match=r"transactions\.booked_on") as caught:
        run(transactions=sql)
    assert "strptime" in caught.value.remedy


def test_a_reference_of_another_type_is_told():
    sql = f"SELECT * REPLACE (1::BIGINT AS customer_id) FROM ({GOOD['transactions']})"
    with pytest.raises(StudyError, match="another type than the key it refers to"):
        run(transactions=sql)


def test_a_table_that_is_referred_to_must_be_there():
    with pytest.raises(StudyError, match="no table products"):
        run(products=None, contacts=None)


def test_contacts_without_a_table_of_products_name_no_product():
    with pytest.raises(StudyError, match="empty, as the study has no table products"):
        run(products=None, holdings=None)
    unnamed = f"SELECT * REPLACE (NULL::VARCHAR AS product_id) FROM ({GOOD['contacts']})"
    assert run(products=None, holdings=None, contacts=unnamed)["contacts"] == 2


def test_a_study_without_customers_is_none():
    with pytest.raises(StudyError, match="no table of customers"):
        run(customers=None)


@pytest.mark.parametrize("table", CONTRACTS)
def test_an_empty_table_is_told(table):
    with pytest.raises(StudyError, match=f"table {table} is empty"):
        run(**{table: f"SELECT * FROM ({GOOD[table]}) WHERE FALSE"})
