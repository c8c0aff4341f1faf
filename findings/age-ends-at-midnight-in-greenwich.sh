#!/bin/sh
# Guess: in DuckDB age(birth) is age(current_date, birth), as in PostgreSQL whose semantics it
#   follows; and as its value changes overnight, the catalogue does not call it a constant function.
# What happens (DuckDB 2.0.0): age(timestamp) counts to midnight in UTC, current_date is the day in the
#   session's time zone, age(timestamptz) follows the zone. So age(x) and age(current_date, x) are a day
#   apart for the part of each day in which the two dates differ. duckdb_functions() lists age(x) and
#   current_localtimestamp() as CONSISTENT, but current_date as CONSISTENT_WITHIN_QUERY: an index on
#   the year of age(x) is accepted, where the same with current_date is refused for side effects.
# Why it matters: who is 18 today, or a customer for a year, is told as of yesterday until ten in the
#   morning in Sydney, and not where current_date is written; and a check "does this query depend on
#   the clock?" that trusts the catalogue lets the age of customers through.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check duckdb==2.0.0
"$folder/venv/bin/python" - <<'PYTHON'
import duckdb

print("duckdb", duckdb.__version__)
connection = duckdb.connect()
AGES = """
    SELECT current_date::VARCHAR, age(TIMESTAMP '2006-06-01')::VARCHAR,
           age(current_date::TIMESTAMP, TIMESTAMP '2006-06-01')::VARCHAR
"""
# UTC+14 and UTC-12 are 26 hours apart: at any moment one of them has another date than UTC.
days, ages, exact = set(), set(), []
for zone in ("Pacific/Kiritimati", "UTC", "Etc/GMT+12"):
    connection.execute(f"SET TimeZone = '{zone}'")
    [(today, one, two)] = connection.execute(AGES).fetchall()
    print(f"{zone:20} current_date {today}  age(x) {one}  age(current_date, x) {two}")
    days.add(today)
    ages.add(one)
    exact.append(one == two)

stability = dict(
    connection.execute(
        "SELECT DISTINCT function_name, stability FROM duckdb_functions() WHERE function_name IN "
        "('age', 'current_date', 'current_localtimestamp')"
    ).fetchall()
)
print(stability)


def index(key):
    connection.execute("CREATE OR REPLACE TABLE customers (birth TIMESTAMP)")
    try:
        connection.execute(f"CREATE INDEX by_age ON customers (({key}))")
    except duckdb.BinderException as error:
        return str(error).splitlines()[0]
    return "accepted"


by_age = index("extract('year' FROM age(birth))")
by_date = index("datediff('year', birth, current_date())")
print("index on age(birth):", by_age, "| on current_date:", by_date)

assert len(days) > 1 and len(ages) == 1 and exact[1] and not all(exact)
assert stability["age"] == stability["current_localtimestamp"] == "CONSISTENT"
assert stability["current_date"] == "CONSISTENT_WITHIN_QUERY"
assert by_age == "accepted" and "side effects" in by_date
PYTHON
echo "as stated"
