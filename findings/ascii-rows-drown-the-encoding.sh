#!/bin/sh
# Guess: rows of plain ASCII say nothing about the encoding of a file, so adding some cannot change
#   what a detector finds in the rest; and to give it the whole file is the careful thing to do.
# What happens (chardet 7.7.0, charset-normalizer 3.5.2): thirty Russian rows are Windows-1251 alone
#   and among 100 ASCII rows, but iso8859-15 among 1,000: "Москва" becomes "Ìîñêâà" without an error.
#   Simplified Chinese turns from GB18030 into Big5. charset-normalizer depends on where the rows
#   stand: with 1,000 ASCII rows it says cp1251 where the Russian rows come first and cp1006 (Urdu)
#   where they are spread. Both read the cells with bytes above 127, alone, as they were written.
# Why it matters: a bank's payments are mostly ASCII with a name here and there, so the more complete
#   the sample given to a detector, the likelier names and cities are wrong, and nothing fails.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check chardet==7.7.0 charset-normalizer==3.5.2
"$folder/venv/bin/python" - <<'PYTHON'
import itertools
import re

import chardet
import charset_normalizer

print("chardet", chardet.__version__, "charset-normalizer", charset_normalizer.__version__)
RUSSIAN = "Москва Сбережения Кредит Перевод Оплата Вклад Ипотека Зарплата Иванов Петров".split()
CHINESE = "活期账户 定期存款 信用卡 房贷 基金 保险 转账 工资".split()


def export(words, plain, *, spread):
    """Payments: each word three times, and rows of ASCII between them or below them."""
    named = [f"{9000 + i},2023-04-{1 + i % 28:02},12.50,x,{w}\n" for i, w in enumerate(words * 3)]
    ascii_rows = [
        f"{1000 + i},2023-04-{1 + i % 28:02},{i * 0.37:.2f},x,card\n" for i in range(plain)
    ]
    if spread:
        step = plain // len(named)
        named = [row + "".join(ascii_rows[i * step : i * step + step]) for i, row in enumerate(named)]
        ascii_rows = ascii_rows[step * len(named) :]
    return "customer_id,date,amount,type,name\n" + "".join(named + ascii_rows)


def said(data):
    return chardet.detect(data)["encoding"], charset_normalizer.from_bytes(data).best().encoding


found = {}
for language, words, encoding in (("ru", RUSSIAN, "cp1251"), ("zh", CHINESE, "gb18030")):
    for plain, spread in itertools.product((0, 100, 1000), (False, True)):
        data = export(words, plain, spread=spread).encode(encoding)
        found[language, plain, spread] = said(data)
        print(language, f"{plain} ASCII rows", "spread" if spread else "below", *said(data))
    cells = b"\n".join(re.findall(rb"[^,\n]*[\x80-\xff][^,\n]*", data))
    found[language] = said(cells)
    print(language, "cells above ASCII only", *said(cells))

assert found["ru", 0, False][0] == found["ru", 100, True][0] == "Windows-1251"
assert found["ru", 1000, False][0] == found["ru", 1000, True][0] == "iso8859-15"
assert found["zh", 0, False][0] == found["zh", 100, True][0] == "GB18030"
assert found["zh", 1000, False][0] == found["zh", 1000, True][0] == "Big5"
assert found["ru", 1000, False][1] == "cp1251" and found["ru", 1000, True][1] == "cp1006"
assert found["ru"] == ("Windows-1251", "cp1251") and found["zh"] == ("GB18030", "gb18030")
PYTHON
echo "as stated"
