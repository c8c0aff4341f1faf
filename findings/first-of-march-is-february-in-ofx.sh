#!/bin/sh
# Guess: a payment that a bank's OFX file books on 1 March, at midnight of the bank's own clock as the
#   format's dates without a time mean it, is a payment of 1 March to whoever reads the file.
# What happens (ofxparse 0.21, ofxtools 1.1.1): both move it to Greenwich. DTPOSTED
#   20250301000000[8:CST], from China, is 28 February 16:00 in both; ofxparse gives it without a time
#   zone, so nothing tells that it was moved. The same payment written 20250301, or by a bank west of
#   Greenwich ([-5:EST], 05:00), stays on 1 March.
# Why it matters: east of Greenwich what is booked at midnight on the first of a month counts in the
#   month before: salaries, rents, standing orders. Monthly sums, recency and "customers with a payment
#   in the last month" are wrong, for such banks only, and a test file from America does not show it.
#   The day of the bank is in the text; read it there, or turn it back with the offset.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check ofxparse==0.21 ofxtools==1.1.1
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version
from pathlib import Path

from ofxparse import OfxParser
from ofxtools.Parser import OFXTree

POSTED = {"china": "20250301000000[8:CST]", "plain": "20250301", "america": "20250301000000[-5:EST]"}
HEAD = """OFXHEADER:100
DATA:OFXSGML
VERSION:102
SECURITY:NONE
ENCODING:USASCII
CHARSET:1252
COMPRESSION:NONE
OLDFILEUID:NONE
NEWFILEUID:NONE

"""
rows = "".join(
    f"<STMTTRN><TRNTYPE>CREDIT<DTPOSTED>{day}<TRNAMT>100.00<FITID>{name}<NAME>Salary</STMTTRN>"
    for name, day in POSTED.items()
)
good = "<STATUS><CODE>0<SEVERITY>INFO</STATUS>"
Path("bank.ofx").write_text(
    f"{HEAD}<OFX><SIGNONMSGSRSV1><SONRS>{good}<DTSERVER>20250401<LANGUAGE>ENG</SONRS></SIGNONMSGSRSV1>"
    f"<BANKMSGSRSV1><STMTTRNRS><TRNUID>1{good}<STMTRS><CURDEF>CNY"
    "<BANKACCTFROM><BANKID>1<ACCTID>2<ACCTTYPE>CHECKING</BANKACCTFROM>"
    f"<BANKTRANLIST><DTSTART>20250301<DTEND>20250331{rows}</BANKTRANLIST>"
    "<LEDGERBAL><BALAMT>300.00<DTASOF>20250331</LEDGERBAL>"
    "</STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>"
)

with open("bank.ofx", "rb") as file:
    one = {row.id: row.date for row in OfxParser.parse(file).account.statement.transactions}
tree = OFXTree()
tree.parse("bank.ofx")
other = {row.fitid: row.dtposted for row in tree.convert().statements[0].transactions}
for name, found in (("ofxparse", one), ("ofxtools", other)):
    print(name, version(name))
    for bank, day in found.items():
        print(f"  {POSTED[bank]:24} {day}")

for found in (one, other):
    days = {bank: day.date().isoformat() for bank, day in found.items()}
    assert days == {"china": "2025-02-28", "plain": "2025-03-01", "america": "2025-03-01"}
assert one["china"].tzinfo is None
assert other["china"].utcoffset().total_seconds() == 0
PYTHON
echo "as stated"
