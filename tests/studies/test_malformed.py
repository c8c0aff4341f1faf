"""A corpus of malformed studies and files: each gives one clear error, or a stated result.

Every case changes a small good study and says what must come of it: a pattern that the error
matches, or the rows of the tables that differ from the good ones. Never a traceback of another
kind, never a half-written table.
"""

# ruff: noqa: E501  (a table: one case a line)
from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from pmlib.errors import StudyError
from pmlib.params import Parameters
from pmlib.studies import prepare

GOOD: dict[str, str] = {
    "study.yaml": """\
title: Mock bank
description: A small bank for tests.
licence: none
as_of: 2024-12-31
currency: EUR
sources:
  - {file: people.csv}
  - {file: catalogue.csv}
  - {file: held.csv}
  - {file: booked.csv}
  - {file: mailed.csv}
tables:
  customers: customers.sql
  products: products.sql
  holdings: holdings.sql
  transactions: transactions.sql
  contacts: contacts.sql
attributes:
  income: {label: Income, unit: EUR}
  town: {label: Town, role: descriptor}
structural_pairs: [[card, account]]
channels: [{name: letter, cost: 1.5, capacity: 100}]
parameters: {k_max: 5}
""",
    "people.csv": "id,born,income,town\na,1980-01-01,100.5,North\nb,1990-02-03,,South\n",
    "catalogue.csv": "id,name,family,risk,margin\ncard,Card,card,,9\naccount,Account,deposit,1,5\n",
    "held.csv": "who,what,since,until\na,card,2001-01-01,\nb,account,2002-01-01,2003-01-01\n",
    "booked.csv": "who,day,amount\na,2024-01-01,10.5\na,2024-01-02,-3\nb,2024-01-02,7\n",
    "mailed.csv": "wave,who,day,arm,what,p,cost,yes\n"
    "w1,a,2024-03-01,offer,account,0.5,1.5,true\nw1,b,2024-03-01,control,,0.5,0,\n",
    "customers.sql": "SELECT id AS customer_id, born::DATE AS birth_date, income::DOUBLE AS income, "
    "town FROM people",
    "products.sql": "SELECT id AS product_id, name, family, risk::BIGINT AS risk_rating, "
    "margin::DOUBLE AS annual_margin FROM catalogue",
    "holdings.sql": "SELECT who AS customer_id, what AS product_id, since::DATE AS opened_on, "
    "until::DATE AS closed_on FROM held",
    "transactions.sql": "SELECT who AS customer_id, day::DATE AS booked_on, amount::DOUBLE AS amount, "
    "NULL::VARCHAR AS kind, NULL::VARCHAR AS channel FROM booked",
    "contacts.sql": "SELECT wave AS campaign_id, who AS customer_id, day::DATE AS contacted_on, arm, "
    "what AS product_id, 'letter' AS channel, cost::DOUBLE AS cost, p::DOUBLE AS propensity, "
    "yes::BOOLEAN AS responded, NULL::DOUBLE AS value FROM mailed",
}
ROWS = {"customers": 2, "products": 2, "holdings": 2, "transactions": 3, "contacts": 2}

# A change is new content, None (the file is gone), or (old, new) within the good content.
Change = str | bytes | None | tuple[str, str]


def zipped(name: str) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr(name, GOOD["people.csv"])
    return memory.getvalue()


# Each line holds the one before it twice.
UNFOLDING = "l0: &l0 [a, b]\n" + "".join(
    f"l{n}: &l{n} [*l{n - 1}, *l{n - 1}]\n" for n in range(1, 20)
)


def spec(old: str, new: str) -> dict[str, Change]:
    return {"study.yaml": (old, new)}


def people(*lines: str) -> dict[str, Change]:
    return {"people.csv": GOOD["people.csv"] + "".join(f"{line}\n" for line in lines)}


CORPUS: list[tuple[str, dict[str, Change], str | dict[str, int]]] = [
    # --- study.yaml ---
    ("key misspelt", spec("title:", "titel:"), r"titel: unknown key, did you mean title"),
    ("key missing", spec("title: Mock bank\n", ""), r"title: missing"),
    ("several faults at once", spec("title: Mock bank\n", "nonsense: 1\n"), r"missing\n +nonsense"),
    ("as_of missing", spec("as_of: 2024-12-31\n", ""), r"as_of: missing"),
    ("as_of a word", spec("2024-12-31", "yesterday"), r"as_of: .*date.*yesterday"),
    ("as_of a time", spec("2024-12-31", "2024-12-31T10:00:00"), r"as_of: .*date"),
    ("as_of no day", spec("2024-12-31", "2024-02-30"), r"no YAML.*\n.*\n.*day"),
    ("title a number", spec("Mock bank", "2024"), r"title: .*string"),
    ("sources a mapping", spec("sources:\n  - {file: people.csv}", "sources:\n  a: b"), r"no YAML"),
    ("sources a text", {"study.yaml": "sources: people.csv\n"}, r"sources: .*list"),
    ("tables a list", {"study.yaml": "tables: [customers.sql]\n"}, r"tables: .*dictionary"),
    ("table misspelt", spec("  customers:", "  costumers:"), r"tables\.costumers"),
    ("no customers", spec("  customers: customers.sql\n", ""), r"SQL file of customers"),
    ("SQL file missing", {"products.sql": None}, r"SQL of a table cannot be read"),
    ("role unknown", spec("role: descriptor", "role: important"), r"role: .*'feature'"),
    ("attribute key misspelt", spec("unit: EUR", "units: EUR"), r"units: unknown key, did you mean unit"),
    ("attribute with a blank", spec("  town:", "  my town:"), r"attributes\.my town"),
    ("attribute without label", spec("{label: Income, unit: EUR}", "{unit: EUR}"), r"income\.label: missing"),
    ("leakage flag a word", spec("unit: EUR", "known_before_contact: maybe"), r"known_before_contact: .*boolean"),
    ("channel cost negative", spec("cost: 1.5", "cost: -1.5"), r"channels\.0\.cost: .*greater than or equal to 0"),
    ("channel cost a text", spec("cost: 1.5", "cost: cheap"), r"channels\.0\.cost: .*number"),
    ("channel capacity a fraction", spec("capacity: 100", "capacity: 1.5"), r"capacity: .*integer"),
    ("channels of one name", spec("[{name: letter, cost: 1.5, capacity: 100}]",
        "[{name: a, cost: 1}, {name: a, cost: 2}]"), r"two 'channels' have one name"),
    ("pair of three", spec("[[card, account]]", "[[a, b, c]]"), r"structural_pairs\.0"),
    ("pair unknown", spec("[[card, account]]", "[[cart, account]]"), r"unknown cart\n.*did you mean card"),
    ("pair of itself", spec("[[card, account]]", "[[card, card]]"), r"the same product twice"),
    ("parameter misspelt", spec("k_max", "k_maks"), r"k_maks.*did you mean k_max"),
    ("parameter out of range", spec("k_max: 5", "k_max: 1"), r"k_max \(study.yaml\): must be"),
    ("key twice", spec("currency: EUR", "currency: EUR\ncurrency: USD"), r"'currency' is given twice"),
    ("tab for a blank", spec("  customers:", "\tcustomers:"), r"no YAML"),
    ("brace left open", spec("unit: EUR}", "unit: EUR"), r"no YAML"),
    ("empty study.yaml", {"study.yaml": ""}, r"title: missing"),
    ("list for a study", {"study.yaml": "- a\n- b\n"}, r"holds no keys"),
    ("bytes for a study", {"study.yaml": b"title: \xff\xfe\x00"}, r"no YAML"),
    ("python in YAML", {"study.yaml": "title: !!python/object/apply:os.getcwd []\n"}, r"no YAML"),
    ("key that is a list", {"study.yaml": "? [a, b]\n: c\n"}, r"study\.yaml"),
    ("simulated with tables", spec("currency: EUR", "currency: EUR\nsimulated: true"), r"simulated study has neither"),
    ("source without file", spec("{file: people.csv}", "{table: people}"), r"sources\.0\.table: this key has no place here"),
    ("two sources of one name", spec("{file: held.csv}", "{file: held.csv, table: people}"), r"two sources are called people"),
    ("file name too long", spec("{file: people.csv}", "{file: " + "x" * 1001 + "}"), r"sources\.0"),
    ("delimiter of two signs", spec("people.csv}", 'people.csv, csv: {delimiter: ";;"}}'), r"delimiter: .*1 character"),
    ("encoding unknown", spec("people.csv}", "people.csv, csv: {encoding: utf-9}}"), r"no such text encoding"),
    ("encoding not of text", spec("people.csv}", "people.csv, csv: {encoding: hex}}"), r"not in the encoding"),
    ("no header, no names", spec("people.csv}", "people.csv, csv: {header: false}}"), r"give 'columns'"),
    ("hash no hash", spec("people.csv}", "people.csv, sha256: abc}"), r"sha256: .*pattern"),
    ("hash wrong", spec("people.csv}", f"people.csv, sha256: {'ab' * 32}}}"), r"truncated or altered(.|\n)*abab"),
    ("rows wrong", spec("people.csv}", "people.csv, rows: 3}"), r"3 rows\n.*2 rows"),
    ("rows a word", spec("people.csv}", "people.csv, rows: many}"), r"rows: .*integer"),
    ("database without tables", spec("people.csv}", "people.sqlite}"), r"a database needs 'tables'"),
    ("tables of a text file", spec("people.csv}", "people.csv, tables: {a: b}}"), r"'tables' is for databases"),
    ("password in study.yaml", spec("{file: people.csv}",
        "{server: {host: h, database: d, user: u, password: x}, tables: {people: p}}"), r"password: unknown key"),
    ("password not set", spec("{file: people.csv}", "{server: {host: h, database: d, user: u, "
        "password_variable: PMLIB_NOT_SET}, tables: {people: p}}"), r"PMLIB_NOT_SET is not set"),
    ("note that cannot be counted", spec("parameters:", "notes: [{text: a, sql: SELECT x}]\nparameters:"), r"note of study.yaml"),
    ("note of another number", spec("parameters:", "notes: [{text: '{m}', sql: SELECT 1}]\nparameters:"), r"note of study.yaml"),
    ("note that writes", spec("parameters:", "notes: [{text: a, sql: COPY people TO 'out.csv'}]\nparameters:"), r"not a query"),
    ("as_of in quotes", spec("2024-12-31", "'2024-12-31'"), ROWS),
    ("as_of before the data", spec("2024-12-31", "1970-01-01"), r"not after 1970-01-01"),
    ("title empty", spec("Mock bank", "''"), r"title: .*at least 1 character"),
    ("title nothing", spec("Mock bank", ""), r"title: .*string, found None"),
    ("currency empty", spec("EUR\n", "''\n"), r"currency: .*at least 1 character"),
    ("currency a number", spec("EUR\n", "5\n"), r"currency: .*string, found 5"),
    ("value of another kind", spec("currency:", "value_is: gold\ncurrency:"), r"value_is: .*'sales', found 'gold'"),
    ("channels a mapping", spec("[{name: letter, cost: 1.5, capacity: 100}]", "{letter: 1.5}"), r"channels: .*list"),
    ("channel without a name", spec("name: letter", "name: ''"), r"channels\.0\.name: .*at least 1 character"),
    ("channel cost infinite", spec("cost: 1.5", "cost: .inf"), r"cost: .*finite"),
    ("attribute of nothing", spec("{label: Town, role: descriptor}", ""), r"attributes\.town: .*None"),
    ("attribute that is the key", spec("  town:", "  customer_id:"), r"customer_id: a column of every study"),
    ("outcome of every study", spec("parameters:", "outcomes: {responded: {label: Bought}}\nparameters:"), r"responded: a column of every study"),
    ("outcome not selected", spec("parameters:", "outcomes: {visit: {label: Visit}}\nparameters:"), r"missing visit"),
    ("parameters a list", spec("{k_max: 5}", "[k_max]"), r"parameters: .*dictionary"),
    ("parameter a truth", spec("{k_max: 5}", "{k_max: true}"), r"k_max \(study.yaml\): must be"),
    ("alias of nothing", spec("Mock bank", "*bank"), r"no YAML(.|\n)*undefined alias"),
    ("YAML within itself", {"study.yaml": "title: &t [*t]\n"}, r"no YAML"),
    ("aliases of aliases", {"study.yaml": UNFOLDING}, r"no YAML(.|\n)*unfold into more than 100,000"),
    ("two documents", spec("parameters: {k_max: 5}", "---\na: 1"), r"no YAML(.|\n)*another document"),
    ("address of another kind", spec("people.csv}", "people.csv, url: 'ftp://a/b'}"), r"url: .*pattern"),
    ("size wrong", spec("people.csv}", "people.csv, size: 3}"), r"the size in study\.yaml\n.*of 3"),
    ("size below nothing", spec("people.csv}", "people.csv, size: -1}"), r"size: .*greater than 0"),
    ("source a folder", spec("{file: people.csv}", "{file: ., table: people}"), r"raw file is missing(.|\n)*a folder"),
    ("table name with a quote", spec("people.csv}", "people.csv, table: 'a\"b'}"), r"table: .*pattern"),
    ("delimiter empty", spec("people.csv}", "people.csv, csv: {delimiter: ''}}"), r"delimiter: .*at least 1 character"),
    ("columns beside a header", spec("people.csv}", "people.csv, csv: {columns: [id]}}"), r"if, and only if"),
    ("server port a word", spec("{file: people.csv}",
        "{server: {host: h, port: p, database: d, user: u}, tables: {people: p}}"), r"port: .*integer, found 'p'"),
    # --- files ---
    ("file missing", {"people.csv": None}, r"raw file is missing(.|\n)*people\.csv"),
    ("file empty", {"people.csv": ""}, r"raw file is empty"),
    ("header alone", {"people.csv": "id,born,income,town\n"}, r"table customers is empty"),
    ("two columns alike", {"people.csv": ("income,town", "income,ID")}, r"two columns called ID, id"),
    ("column without a name", {"people.csv": ("born,income", ",income")}, r"does not name its columns"),
    ("line too long", people("c,1990-01-01,5,North,extra"), r"Line: 4(.|\n)*Expected Number of Columns: 4 Found: 5"),
    ("line too short", people("c,1990-01-01"), r"Line: 4(.|\n)*Found: 2"),
    ("comment line", people("# end of export"), r"Line: 4(.|\n)*Found: 1"),
    ("quote left open", people('c,1990-01-01,5,"North'), r"unterminated quote"),
    ("text after a quote", people('c,1990-01-01,5,"North" East'), r"unterminated quote|cannot be read as declared"),
    ("mixed encodings", {"people.csv": GOOD["people.csv"].encode() + "c,,,Köln\n".encode("cp1252")}, r"not utf-8 encoded"),
    ("header in another encoding", {"people.csv": "id,born,income,Größe\n".encode("cp1252")}, r"first line of a raw file cannot be read"),
    ("byte unknown to the encoding", {**spec("people.csv}", "people.csv, csv: {encoding: cp1252}}"),
        "people.csv": GOOD["people.csv"].encode() + b"c,,,\x81\n"}, r"not in the encoding that is declared"),
    ("UTF-16 that is none", spec("people.csv}", "people.csv, csv: {encoding: utf-16}}"), r"not in the encoding|first line"),
    ("UTF-16 not declared", {"people.csv": GOOD["people.csv"].encode("utf-16")}, r"first line of a raw file cannot"),
    ("byte order mark", {"people.csv": "\ufeff" + GOOD["people.csv"]}, ROWS),
    ("lines of Windows", {"people.csv": GOOD["people.csv"].replace("\n", "\r\n").encode()}, ROWS),
    ("lines of old Macs", {"people.csv": GOOD["people.csv"].replace("\n", "\r").encode()}, ROWS),
    ("mixed line ends", {"people.csv": b"id,born,income,town\r\na,,,N\nb,,,S\r\n"}, r"lines that end in different ways"),
    ("no line end at the end", {"people.csv": GOOD["people.csv"].rstrip("\n")}, ROWS),
    ("blank lines at the end", people("", ""), ROWS),
    ("delimiter at each line's end", {"people.csv": GOOD["people.csv"].replace("\n", ",\n")}, ROWS),
    ("zero byte in a text", people("c,,,No\0rth"), {**ROWS, "customers": 3}),
    ("field of a megabyte", people("c,,," + "x" * 1_000_000), {**ROWS, "customers": 3}),
    ("field of three megabytes", people("c,,," + "x" * 3_000_000), r"Maximum line size"),
    ("another delimiter", {"people.csv": GOOD["people.csv"].replace(",", ";")}, r'SQL of a table fails(.|\n)*"id"'),
    ("archive for a text", {"people.csv": zipped("people.csv")}, ROWS),
    ("web page for a text", {"people.csv": "<!DOCTYPE html>\n<html><body>Not found</body></html>\n"}, r"not what can be read(.|\n)*a web page \(HTML\)"),
    ("Parquet that is none", {**spec("people.csv", "people.parquet"), "people.parquet": b"PAR1 no"}, r"raw file cannot be read(.|\n)*a Parquet file"),
    ("SQLite that is none", {**spec("{file: people.csv}", "{file: p.db, tables: {people: p}}"), "p.db": "text" * 99}, r"a SQLite file with a table p"),
    ("DuckDB that is none", {**spec("{file: people.csv}", "{file: p.duckdb, tables: {people: p}}"), "p.duckdb": "text" * 999}, r"a DuckDB file with a table p"),
    ("archive without the member", {**spec("{file: people.csv}", "{file: p.zip, members: [{file: x.csv, table: people}]}"),
        "p.zip": zipped("people.csv")}, r"no x\.csv in it; it holds people\.csv"),
    ("archive cut off", {**spec("{file: people.csv}", "{file: p.zip, members: [{file: people.csv, table: people}]}"),
        "p.zip": zipped("people.csv")[:-30]}, r"archive cannot be unpacked"),
    ("archive", {**spec("{file: people.csv}", "{file: p.zip, members: [{file: people.csv, table: people}]}"),
        "p.zip": zipped("people.csv")}, ROWS),
    ("archive with a folder", {**spec("{file: people.csv}", "{file: p.zip, members: [{file: people.csv, table: people}]}"),
        "p.zip": zipped("export/people.csv")}, ROWS),
    # --- values ---
    ("customer twice", people("a,1980-01-01,100.5,North"), r"customers\.customer_id\n.*unique(.|\n)*2 rows of 3 .* example a"),
    ("customer without id", people(",1980-01-01,1,North"), r"customers\.customer_id\n.*never empty"),
    ("birth date a word", people("c,unknown,1,North"), r"customers\.sql(.|\n)*xxxxxxx(.|\n)*born"),
    ("birth date of another form", people("c,31.12.1980,1,North"), r"customers\.sql(.|\n)*99\.99\.9999(.|\n)*born"),
    ("birth date no day", people("c,1980-02-30,1,North"), r"customers\.sql(.|\n)*9999-99-99(.|\n)*born"),
    ("born in the future", people("c,2031-01-01,1,North"), r"birth_date\n.*not after 2024-12-31(.|\n)*example c"),
    ("born in 1800", people("c,1800-01-01,1,North"), r"birth_date\n.*not before 1850-01-01"),
    ("number a word", people("c,,much,North"), r"customers\.sql(.|\n)*xxxx(.|\n)*income"),
    ("decimal comma", people('c,,"1,5",North'), r"customers\.sql(.|\n)*9,9(.|\n)*income"),
    ("number infinite", people("c,,inf,North"), r"customers\.income\n.*finite(.|\n)*example c"),
    ("number not a number", people("c,,NaN,North"), r"customers\.income\n.*finite"),
    ("number too large", people("c,,1e400,North"), r"customers\.(sql|income)"),
    ("one customer", {"people.csv": "id,born,income,town\na,,,\n", "held.csv": ("b,account", "a,account"),
        "booked.csv": ("b,2024", "a,2024"), "mailed.csv": ("\nw1,b,2024-03-01", "\nw2,a,2024-03-01")}, {**ROWS, "customers": 1}),
    ("all values equal", {"people.csv": "id,born,income,town\na,1980-01-01,1,N\nb,1980-01-01,1,N\n"}, ROWS),
    ("all values missing", {"people.csv": "id,born,income,town\na,,,\nb,,,\n"}, ROWS),
    ("id with zeros in front", people("007,,,"), {**ROWS, "customers": 3}),
    ("id that is SQL", people("'; DROP TABLE people; --,,,"), {**ROWS, "customers": 3}),
    ("id in other scripts", people("客户🏦,,,"), {**ROWS, "customers": 3}),
    ("cells with markup and formulas", people("c,,,<script>alert(1)</script>", "d,,,=1+1"), {**ROWS, "customers": 4}),
    ("product twice", {"catalogue.csv": GOOD["catalogue.csv"] + "card,Card,card,,9\n"}, r"products\.product_id\n.*unique"),
    ("product without name", {"catalogue.csv": (",Card,", ",,")}, r"products\.name\n.*never empty"),
    ("risk rating of six", {"catalogue.csv": ("deposit,1", "deposit,6")}, r"risk_rating\n.*at most 5(.|\n)*example account"),
    ("one product", {"catalogue.csv": ("card,Card,card,,9\n", ""), "held.csv": ("a,card", "a,account"),
        **spec("structural_pairs: [[card, account]]\n", "")}, {**ROWS, "products": 1}),
    ("holding of nobody", {"held.csv": ("a,card", "x,card")}, r"holdings\.customer_id\n.*found in customers(.|\n)*example x"),
    ("holding of nothing", {"held.csv": ("a,card", "a,cart")}, r"holdings\.product_id\n.*found in products"),
    ("closed before opened", {"held.csv": ("2003-01-01", "2001-01-01")}, r"closed_on\n.*not before opened_on"),
    ("opened in the future", {"held.csv": ("2001-01-01", "2031-01-01")}, r"opened_on\n.*not after"),
    ("amount missing", {"booked.csv": ("10.5", "")}, r"amount\n.*never empty"),
    ("amount a word", {"booked.csv": ("10.5", "EUR 10")}, r"transactions\.sql(.|\n)*XXX 99(.|\n)*amount"),
    ("amount infinite", {"booked.csv": ("10.5", "-Infinity")}, r"amount\n.*finite"),
    ("booked in the future", {"booked.csv": ("2024-01-01", "2025-01-01")}, r"booked_on\n.*not after"),
    ("booked on no day", {"booked.csv": ("2024-01-01", "")}, r"booked_on\n.*never empty"),
    ("transaction of nobody", {"booked.csv": ("b,", "B,")}, r"transactions\.customer_id(.|\n)*example B"),
    ("contact twice", {"mailed.csv": ("w1,b,2024-03-01,control", "w1,a,2024-03-02,control")}, r"campaign_id and customer_id\n.*unique(.|\n)*w1 / a"),
    ("arm missing", {"mailed.csv": ("control", "")}, r"contacts\.arm\n.*never empty"),
    ("probability of nought", {"mailed.csv": ("account,0.5", "account,0")}, r"propensity\n.*above 0"),
    ("probability above one", {"mailed.csv": ("account,0.5", "account,50")}, r"propensity\n.*at most 1"),
    ("cost negative", {"mailed.csv": ("1.5,true", "-1.5,true")}, r"contacts\.cost\n.*at least 0"),
    ("answer a word", {"mailed.csv": ("1.5,true", "1.5,perhaps")}, r"contacts\.sql(.|\n)*xxxxxxx(.|\n)*yes"),
    ("contact of no product", {"mailed.csv": ("account", "loan")}, r"contacts\.product_id\n.*found in products"),
    # --- SQL ---
    ("SQL with a fault", {"customers.sql": "SELEC id FROM people"}, r"customers\.sql(.|\n)*SELEC"),
    ("SQL empty", {"customers.sql": ""}, r"not a query"),
    ("SQL that only comments", {"customers.sql": "-- to do\n"}, r"not a query"),
    ("SQL a folder", spec("customers: customers.sql", "customers: ."), r"SQL of a table cannot be read(.|\n)*directory"),
    ("SQL that finds nobody", {"customers.sql": GOOD["customers.sql"] + " WHERE false"}, r"table customers is empty"),
    ("SQL that divides by nothing", {"customers.sql": ("income::DOUBLE", "(income::DOUBLE / 0)")}, r"customers\.income\n.*finite"),
    ("SQL of two queries", {"customers.sql": "SELECT 1; SELECT 2"}, r"not a query(.|\n)*2 statements"),
    ("SQL that writes", {"customers.sql": "COPY people TO 'out.csv'"}, r"not a query"),
    ("SQL that is no query", {"customers.sql": "CREATE TABLE t AS SELECT 1"}, r"not a query"),
    ("SQL that is bytes", {"customers.sql": b"SELECT \xff"}, r"SQL of a table cannot be read"),
    ("SQL of an unknown column", {"customers.sql": "SELECT ident AS customer_id FROM people"}, r"customers\.sql(.|\n)*ident"),
    ("SQL of an unknown table", {"customers.sql": "SELECT id AS customer_id FROM persons"}, r"customers\.sql(.|\n)*persons"),
    ("SQL of a file that is not there", {"customers.sql": "SELECT * FROM 'none.parquet'"}, r"customers\.sql(.|\n)*none\.parquet"),
    ("column missing", {"transactions.sql": ("amount::DOUBLE AS amount, ", "")}, r"transactions(.|\n)*missing amount"),
    ("column undeclared", {"customers.sql": ("town FROM", "town, 1 AS shoe FROM")}, r"unknown shoe(.|\n)*'attributes'"),
    ("attribute not selected", {"customers.sql": (", town FROM", " FROM")}, r"missing town"),
    ("two columns of one name", {"customers.sql": ("town FROM", "town, town FROM")}, r"unknown town_1|Duplicate|duplicate"),
    ("date left as text", {"customers.sql": ("born::DATE", "born")}, r"birth_date\n.*a date\n.*text"),
    ("number left as text", {"transactions.sql": ("amount::DOUBLE", "amount")}, r"amount\n.*a number\n.*text"),
    ("attribute a date", {"customers.sql": ("town FROM", "born::DATE AS town FROM")}, r"customers\.town\n.*number, text"),
    ("attribute a list", {"customers.sql": ("town FROM", "[town] AS town FROM")}, r"customers\.town\n.*number, text"),
    ("key a fraction", {"products.sql": ("id AS product_id", "1.5::DOUBLE AS product_id")}, r"product_id\n.*text or a whole number"),
    ("keys of two types", {"transactions.sql": ("who AS customer_id", "1::BIGINT AS customer_id")}, r"another type than the key"),
    ("holdings without products", spec("  products: products.sql\n", ""), r"no table products"),
    ("contacts without products", {"study.yaml": GOOD["study.yaml"].replace("  products: products.sql\n", "")
        .replace("  holdings: holdings.sql\n", "").replace("structural_pairs: [[card, account]]\n", "")}, r"contacts\.product_id\n.*no table products"),
    ("customers alone", {"study.yaml": GOOD["study.yaml"].split("  products:")[0] + "attributes:" +
        GOOD["study.yaml"].split("attributes:")[1].replace("structural_pairs: [[card, account]]\n", "")}, {"customers": 2}),
]  # fmt: skip


def write(folder: Path, changes: dict[str, Change]) -> None:
    folder.mkdir(exist_ok=True)
    for name in {**GOOD, **changes}:
        content = changes.get(name, GOOD.get(name))
        if isinstance(content, tuple):
            old, new = content
            assert old in GOOD[name], f"{old!r} is not in the good {name}"
            content = GOOD[name].replace(old, new, 1)
        if isinstance(content, str):
            content = content.encode()
        if content is not None:
            (folder / name).write_bytes(content)


def test_the_good_study_is_good(tmp_path):
    write(tmp_path / "bank", {})
    assert prepare(tmp_path / "bank", Parameters()).rows == ROWS


def test_the_corpus_has_a_hundred_cases_of_different_names():
    assert len({name for name, _, _ in CORPUS}) == len(CORPUS) >= 100


@pytest.mark.parametrize(
    ("changes", "expected"), [c[1:] for c in CORPUS], ids=[c[0] for c in CORPUS]
)
def test_a_malformed_study_gives_one_clear_error_or_a_stated_result(tmp_path, changes, expected):
    folder = tmp_path / "bank"
    write(folder, changes)
    if isinstance(expected, dict):
        assert prepare(folder, Parameters()).rows == expected
    else:
        with pytest.raises(StudyError, match=expected):
            prepare(folder, Parameters())
        assert not list((folder / "tables").glob("*")), "a table was left half-written"


def test_a_broken_change_leaves_the_earlier_tables_as_they_were(tmp_path):
    write(tmp_path / "bank", {})
    before = prepare(tmp_path / "bank", Parameters())
    write(tmp_path / "bank", people("a,1980-01-01,1,North"))
    with pytest.raises(StudyError, match="unique"):
        prepare(tmp_path / "bank", Parameters())
    write(tmp_path / "bank", {})
    assert prepare(tmp_path / "bank", Parameters()) == before
