"""One small bank, written in the ways in which banks' exports are really written.

Only the writing differs from case to case, so what is right is known: the tables of `Bank`.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openpyxl

PRODUCTS = ("current", "savings", "card", "mortgage", "fund", "insurance")
Rows = list[list[Any]]
Put = Callable[[Path, str, list[str], Rows], None]


@dataclass
class Bank:
    """The truth: rows of customers, holdings, payments and contacts, as Python values."""

    customers: Rows = field(default_factory=list)
    holdings: Rows = field(default_factory=list)
    payments: Rows = field(default_factory=list)
    contacts: Rows = field(default_factory=list)


def bank(n: int = 120, seed: int = 7) -> Bank:
    """Draw the bank."""
    draw, made = random.Random(seed), Bank()
    for i in range(n):
        who = 2000 + i
        born, joined = (dt.date(1952 + i % 47, 1 + i % 12, 13 + i % 15),
                        dt.date(2009 + i % 9, 1 + (i + 5) % 12, 13 + i % 14))  # fmt: skip
        made.customers.append(
            [who, born, "MF"[i % 2], ("North", "South", "East")[i % 3], joined, i % 11 == 4]
        )
        for k, product in enumerate(PRODUCTS):
            if draw.random() < 0.3:
                made.holdings.append(
                    [who, product, dt.date(2018 + k % 5, 1 + (i + k) % 12, 13 + i % 15)]
                )
        for _ in range(5 + i % 4):
            day = dt.date(2023, 1, 1) + dt.timedelta(days=draw.randrange(690))
            amount = round(draw.choice((-1, -1, 1)) * draw.lognormvariate(6.5, 1.2), 2)
            made.payments.append([who, day, amount, "card"])
        offered = draw.random() < 0.5
        bought = draw.random() < (0.4 if offered else 0.15)
        arm, cost = ("offer", 1.0) if offered else ("control", 0.0)
        made.contacts.append(["spring", who, dt.date(2024, 5, 14), arm, "card", "mail", cost, 0.5,
                              bought, 80.0 if bought else 0.0])  # fmt: skip
    return made


def put(
    folder: Path,
    name: str,
    header: Sequence[str],
    rows: Rows,
    *,
    sep: str = ",",
    encoding: str = "utf-8",
) -> None:
    """Write a delimited text file."""
    lines = [
        sep.join(header),
        *(sep.join("" if v is None else str(v) for v in row) for row in rows),
    ]
    (folder / name).write_text("\n".join(lines) + "\n", encoding=encoding)


def iso(day: dt.date) -> str:
    return day.isoformat()


def plain(amount: float) -> str:
    return f"{amount:.2f}"


def write(
    folder: Path,
    made: Bank,
    *,
    day: Callable[[dt.date], str] = iso,
    amount: Callable[[float], str] = plain,
    ident: Callable[[int], str] = str,
    other_ident: Callable[[int], str] | None = None,
    sep: str = ",",
    encoding: str = "utf-8",
    opt_out: Callable[[bool], str] | None = None,
    customers: Put | None = None,
    holdings: Put | None = None,
    payments: Put | None = None,
    contacts: Callable[[Path, Rows], None] | None = None,
    words: dict[str, str] | None = None,
) -> None:
    """Write the bank; callables turn values into text, or write a table in a way of their own."""
    folder.mkdir(parents=True)
    other = other_ident or ident
    said = words or {}

    def usual(folder: Path, name: str, header: Sequence[str], rows: Rows) -> None:
        header = [said.get(cell, cell) for cell in header]
        rows = [[said.get(cell, cell) for cell in row] for row in rows]
        put(folder, name, header, rows, sep=sep, encoding=encoding)

    head = [
        "customer_id",
        "birth_date",
        "gender",
        "region",
        "joined",
        *(["marketing_opt_out"] if opt_out else []),
    ]
    people = [[ident(i), day(b), g, r, day(j), *([opt_out(o)] if opt_out else [])]
              for i, b, g, r, j, o in made.customers]  # fmt: skip
    (customers or usual)(folder, "customers.csv", head, people)
    held = [[other(i), p, day(o), None] for i, p, o in made.holdings]
    (holdings or usual)(
        folder, "holdings.csv", ["customer_id", "product", "opened", "closed"], held
    )
    paid = [[other(i), day(d), amount(a), k] for i, d, a, k in made.payments]
    (payments or usual)(folder, "payments.csv", ["customer_id", "date", "amount", "type"], paid)
    if contacts:
        contacts(folder, made.contacts)


# --- other shapes of a table --------------------------------------------------------------------


def direction(folder: Path, name: str, _: list[str], rows: Rows) -> None:
    put(folder, name, ["customer_id", "date", "amount", "direction"],
        [[i, d, a.lstrip("-"), "D" if a[0] == "-" else "C"] for i, d, a, _ in rows])  # fmt: skip


def debit_credit(folder: Path, name: str, _: list[str], rows: Rows) -> None:
    split = [[i, d, *((a[1:], "") if a[0] == "-" else ("", a))] for i, d, a, _ in rows]
    put(folder, name, ["customer_id", "date", "debit", "credit"], split)


def one_cell(column: int, text: str) -> Put:
    def instead(folder: Path, name: str, header: list[str], rows: Rows) -> None:
        rows[300][column] = text
        put(folder, name, header, rows)

    return instead


def repeated(folder: Path, name: str, header: list[str], rows: Rows) -> None:
    put(folder, name, header, [*rows, rows[5], [*rows[6][:3], "West", *rows[6][4:]]])


def snapshots(folder: Path, name: str, header: list[str], rows: Rows) -> None:
    months = ("2024-09-30", "2024-10-31", "2024-11-30")
    put(folder, name, ["month", *header], [[month, *row] for month in months for row in rows])


def wide(folder: Path, name: str, _: list[str], rows: Rows) -> None:
    held = {(row[0], row[1]) for row in rows}
    marks = [[i, *(int((str(i), p) in held) for p in PRODUCTS)] for i in range(2000, 2120)]
    put(folder, name, ["customer_id", *PRODUCTS], marks)


def monthly(folder: Path, _: str, header: list[str], rows: Rows) -> None:
    for month in sorted({row[1][:7] for row in rows}):
        own = [row for row in rows if row[1].startswith(month)]
        put(folder, f"payments_{month.replace('-', '')}.csv", header, own)


def headers_inside(folder: Path, name: str, header: list[str], rows: Rows) -> None:
    put(folder, name, header, [*rows[:200], list(header), *rows[200:]])


def preamble(folder: Path, name: str, header: list[str], rows: Rows) -> None:
    put(folder, name, header, rows)
    path = folder / name
    path.write_text("Movements of accounts\nMade on: 2024-12-01\n\n" + path.read_text())


def campaign(
    *, control: str = "control", offer: str = "offer", yes: str = "true", no: str = "false",
    propensity: str = "0.5", without: Sequence[str] = (),
) -> Callable[[Path, Rows], None]:  # fmt: skip
    head = [
        "campaign",
        "customer_id",
        "date",
        "arm",
        "product",
        "channel",
        "cost",
        "propensity",
        "responded",
        "value",
    ]

    def write_contacts(folder: Path, rows: Rows) -> None:
        arm, said = {"control": control, "offer": offer}, {True: yes, False: no}
        told = [
            [c, i, d, arm[a], p, ch, cost, propensity, said[r], v]
            for c, i, d, a, p, ch, cost, _, r, v in rows
        ]
        kept = [k for k, name in enumerate(head) if name not in without]
        put(
            folder,
            "contacts.csv",
            [head[k] for k in kept],
            [[row[k] for k in kept] for row in told],
        )

    return write_contacts


def german(amount: float) -> str:
    return f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))


CHINESE = {
    "customer_id": "客户号", "birth_date": "出生日期", "gender": "性别", "region": "地区",
    "joined": "开户日期", "product": "产品名称", "opened": "开通日期", "closed": "关闭日期",
    "date": "交易日期", "amount": "金额", "type": "交易类型", "North": "北京", "South": "上海",
    "East": "宁波", "current": "活期账户", "savings": "定期存款", "card": "信用卡",
    "mortgage": "房贷", "fund": "基金", "insurance": "保险",
}  # fmt: skip


def subtotals(folder: Path, name: str, header: list[str], rows: Rows) -> None:
    listed: Rows = []
    for n, row in enumerate(rows, 1):
        listed += [row] if n % 100 else [row, ["Subtotal", "", "123.45", ""]]
    put(folder, name, header, [*listed, ["", "", "999.99", "Grand Total"]])


def sheets(folder: Path, _: str, header: list[str], rows: Rows) -> None:
    book = openpyxl.Workbook()
    book.remove(book.active)
    ends = sorted({row[1][:7] for row in rows})[3::4]  # of four months, for every sheet takes time
    ends[-1] = max(row[1][:7] for row in rows)
    for first, last in zip(["", *ends], ends, strict=False):
        sheet = book.create_sheet(dt.date.fromisoformat(f"{last}-01").strftime("%b %Y"))
        sheet.append(header)
        for who, day, amount, kind in rows:
            if first < day[:7] <= last:
                sheet.append([who, dt.date.fromisoformat(day), float(amount), kind])
    book.save(folder / "payments.xlsx")


SPANISH = ["enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto",
           "septiembre", "octubre", "noviembre", "diciembre"]  # fmt: skip


def spanish(day: dt.date) -> str:
    return f"{day.day} de {SPANISH[day.month - 1]} de {day.year}"


def swiss(amount: float) -> str:
    return f"EUR {abs(amount):,.2f} {'DR' if amount < 0 else 'CR'}".replace(",", "'")


CASES: dict[str, dict[str, Any]] = {
    "as programs write it": {},
    "thousands by comma, quoted": {"amount": lambda a: f'"{a:,.2f}"'},
    "German amounts": {"sep": ";", "amount": german},
    "French amounts": {"sep": ";", "amount": lambda a: german(a).replace(".", "\u202f")},
    "Swiss amounts": {"amount": lambda a: f"{a:,.2f}".replace(",", "'")},
    "negative in parentheses": {"amount": lambda a: f"({-a:.2f})" if a < 0 else f"{a:.2f}"},
    "sign behind": {"amount": lambda a: f"{abs(a):.2f}{'-' if a < 0 else ''}"},
    "currency between sign and digits": {
        "amount": lambda a: f"{'-' if a < 0 else ''}€{abs(a):.2f}"
    },
    "currency code behind": {"amount": lambda a: f"{a:.2f} CHF"},
    "a minus of typesetters": {"amount": lambda a: f"{a:.2f}".replace("-", "\u2212")},
    "direction beside": {"payments": direction},
    "debit and credit": {"payments": debit_credit},
    "month names": {"day": lambda d: d.strftime("%d-%b-%Y")},
    "month first, with times": {"day": lambda d: f"{d.month}/{d.day}/{d.year} 8:26"},
    "Spanish days": {"day": spanish},
    "days in words, quoted": {"day": lambda d: d.strftime('"%A, %B %d, %Y"')},
    "French amounts, sign behind": {
        "sep": ";",
        "amount": lambda a: german(abs(a)).replace(".", " ") + ("-" if a < 0 else ""),
    },
    "German amounts in parentheses": {
        "sep": ";",
        "amount": lambda a: f"({german(-a)})" if a < 0 else german(a),
    },
    "currency, apostrophes, CR and DR": {"amount": swiss},
    "subtotals and a grand total": {"payments": subtotals},
    "a sheet a month": {"payments": sheets},
    "decimals behind the ids of one file": {"sep": ";", "other_ident": lambda i: f"{i},00"},
    "an arm called null": {"contacts": campaign(control="null")},
    "Chinese days": {"day": lambda d: f"{d.year}年{d.month}月{d.day}日"},
    "digits alone": {"day": lambda d: d.strftime("%Y%m%d")},
    "a row repeated, another changed": {"customers": repeated},
    "snapshots": {"customers": snapshots},
    "a column a product": {"holdings": wide},
    "a file a month": {"payments": monthly},
    "names of columns inside": {"payments": headers_inside},
    "titles above": {"payments": preamble},
    "zeros in one file": {"ident": lambda i: f"{i:08d}", "other_ident": str},
    "ids of 19 digits": {"ident": lambda i: f"900000000000000{i}"},
    "GB18030 in Chinese": {"encoding": "gb18030", "words": CHINESE},
    "objection as ja or nein": {"opt_out": lambda o: "ja" if o else "nein"},
    "objection as X or blank": {"opt_out": lambda o: "X" if o else ""},
    "arms 0 and 1": {"contacts": campaign(control="0", offer="1", yes="1", no="0")},
    "arms in Chinese": {"contacts": campaign(control="对照", offer="试验")},
    "no propensity": {"contacts": campaign(propensity="")},
    "response as oui or non": {"contacts": campaign(yes="oui", no="non")},
    "neither product nor channel": {"contacts": campaign(without=("product", "channel"))},
}
"""Ways of writing the bank that lose nothing: all of them must give the same tables."""
