"""How the columns of a draft are to be read, and what must be asked of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pmlib.drafting.cells import Cells, Entry
from pmlib.drafting.look import Fit, RawColumn
from pmlib.drafting.matching import hinted
from pmlib.drafting.meanings import LIMIT, direct, flag
from pmlib.drafting.uses import CUSTOMER, Table, Use
from pmlib.schema import CONTRACTS
from pmlib.studies import forms
from pmlib.studies.asks import ASK
from pmlib.studies.forms import quoted


def entries(uses: Sequence[Use], cells: Cells) -> dict[str, dict[str, Entry]]:
    """How each column that is used is read, by raw table and column."""
    found: dict[str, dict[str, Entry]] = {}
    signed = {use.table.names for use in uses if use.kind == "transactions"
              and "amount" in use.mapped and use.mapped["amount"].signed}  # fmt: skip
    for use in uses:
        own = found.setdefault(use.table.name, {})
        for target, raw in use.mapped.items():
            wanted = _kind_of(use.kind, target)
            if raw.name not in own and raw.name != CUSTOMER:
                own[raw.name] = _entry(raw, wanted, use.table, cells, target)
        one_each = use.kind == "customers" and hinted("customers", use.table.name)
        if one_each and use.shape in {"last", "constants"}:
            own |= _colliding(use.mapped["customer_id"], use.table, cells)
        for target, raw in use.objections:
            own.setdefault(raw.name, flag(raw, use.table, cells, target))
        for _, raw, _ in use.attributes:
            if raw.name not in own:
                own[raw.name] = _entry(raw, "", use.table, cells)
        for raw in use.products:
            own[raw.name] = _entry(raw, "flag" if raw.flag else "number", use.table, cells)
        if use.snapshot is not None and use.snapshot.name not in {*own, "_file"}:
            own[use.snapshot.name] = _entry(use.snapshot, "", use.table, cells)
        amount = use.mapped.get("amount")
        # A sheet of a few payments may hold none that went out: those beside it tell.
        if use.kind == "transactions" and (
            (amount and amount.signed) or use.table.names not in signed
        ):
            direct(use, own, cells)
    return found


def _kind_of(kind: str, target: str) -> str:
    if target in {"debit", "credit"}:
        return "number"
    if target == "marketing_consent":
        return "flag"
    if target == "direction":
        return "text"
    return "customer" if target == "customer_id" else CONTRACTS[kind].columns[target].kind


def _entry(raw: RawColumn, wanted: str, table: Table, cells: Cells, target: str = "") -> Entry:
    if wanted == "customer":
        return _customer(raw, table, cells)
    if wanted in {"key", "text"} or (not wanted and raw.kind in {"text", "empty"}):
        return Entry({"as": "text"})
    if wanted == "flag" or (not wanted and raw.kind == "flag"):
        return flag(raw, table, cells, target)
    if not raw.fits or (wanted == "date" and raw.kind != "date"):
        return _unknown_form(raw, wanted, table, cells) if wanted else Entry({"as": "text"})
    entry = Entry({"as": raw.fits[0].reading.as_, "form": raw.fits[0].reading.form})
    if raw.fits[0].reading.pivot is not None:
        pivot = raw.fits[0].reading.pivot
        entry.fields["pivot"] = pivot
        entry.guess = f"years of two digits up to {pivot:02d} are of this century"
    if len(raw.fits) > 1:
        entry.ask(*_two_readings(raw, table, cells))
    _account(raw, entry, table, cells)
    if wanted == "number" and entry.fields["form"] != ASK:
        _units(raw, entry, table, cells)
    return entry


def _units(raw: RawColumn, entry: Entry, table: Table, cells: Cells) -> None:
    """Ask where amounts of a column are in several currencies, or in thousands or hundredths."""
    form, head = entry.fields["form"], f"{table.label}, column {raw.name}"
    text = f"upper({cells.text(table, raw)})"
    bare = f"regexp_replace({text}, {forms.quoted_text(_NO_MONEY)}, '', 'g')"
    sign = f"nullif(regexp_replace({bare}, '[^\\p{{L}}\\p{{Sc}}]', '', 'g'), '')"
    for one, code in _CODES.items():
        sign = f"replace({sign}, '{one}', '{code}')"
    first = cells.first(table.name, [sign, text], f"{sign} IS NOT NULL", 1)
    for place, (currency, shown) in first if not raw.is_typed else []:
        other = f"{sign} <> {forms.quoted_text(currency)}"
        for there, (another,) in cells.first(table.name, [text], other, 1):
            entry.ask(
                (f"{head}: {cells.count(table.name, other):,} of {table.rows:,} amounts are in "
                 f"another currency than the first, {another!r} ({there}) beside {shown!r} "
                 f"({place}). A study has one currency. Change them into it in the file,"),
                f'and draft again; or, if all are in one, write "{form}".',
            )  # fmt: skip
    if re.search(_SCALED, raw.name):
        entry.ask(
            (f"{head}: is it in thousands, hundredths or the like of the currency, as its name "
             "seems to say? Then multiply it in the SQL, such as 1000 * "
             f"{quoted(raw.name)}."),
            f'Write "{form}", changed or not.',
        )  # fmt: skip


_NO_MONEY = r"\b(?:[CD]R?|[SH])\b|[0-9.,]E[-+]?[0-9]"
_CODES = {"€": "EUR", "EURO": "EUR", "EURS": "EUR", "US$": "USD", "$": "USD", "£": "GBP",
          "¥": "CNY", "￥": "CNY", "元": "CNY", "RMB": "CNY"}  # fmt: skip
_SCALED = (
    r"(?i)t€|k€|(?<![^\W_])(?:teur|tsd|k(?:eur|usd|gbp|chf)|thousands?|000|mio|mln|millions?|milliers?"
    r"|cents?|ct|rappen|pence|hundredths)(?![^\W_])|[万千亿]元|千円|百万"
)


def _colliding(raw: RawColumn, table: Table, cells: Cells) -> dict[str, Entry]:
    """The question whether an id is one customer, where its rows differ in most columns."""
    key, own = cells.text(table, raw), quoted(table.name)
    others = [c for c in table.columns if c is not raw and c.distinct > 1 and c.name != "_file"]
    told = [f"(count(DISTINCT {quoted(c.name)}) > 1)::INT" for c in others if c.distinct > 2]
    ids = f"SELECT {key} FROM {own} GROUP BY ALL HAVING "  # noqa: S608
    several = f"{key} IN ({ids}{' + '.join(told[:40])} > {len(told[:40]) / 2})"
    first = cells.first(table.name, [key], several, 1) if raw.distinct < raw.filled and told else []
    if not first:
        return {}
    pair = "({0}, {1}) IN (SELECT ({0}, {1}) FROM {2} GROUP BY ALL HAVING count(*) > 1)"
    few = [c.name for c in others[:40] if c.distinct <= table.rows / 2]
    beside = next((repr(name) for name in few if not cells.count(
        table.name, pair.format(key, quoted(name), own))), "another column")  # fmt: skip
    ((place, (shown,)),) = first
    return {raw.name: Entry({"as": ASK}, [
        (f"{table.label}, column {raw.name}, {place}: {shown!r} and the like stand in "
         f"{cells.count(table.name, several):,} rows, and those of one id differ in most columns. "
         f"Are they different customers, whom {raw.name!r} and {beside} tell apart?"),
        ("Then make both one id in every file, and draft again. If an id is one customer, write "
         '"customer".'),
    ])}  # fmt: skip


def _customer(raw: RawColumn, table: Table, cells: Cells) -> Entry:
    """Ids as text; asked where a spreadsheet has rounded them."""
    own = cells.text(table, raw)
    rounded = f"regexp_full_match({own}, {forms.quoted_text(_POWER)})"
    first = cells.first(table.name, [own], rounded, 1)
    if not first:
        return Entry({"as": "customer"})
    n = cells.count(table.name, rounded)
    ((place, (shown,)),) = first
    return Entry(
        {"as": ASK},
        [(f"{table.label}, column {raw.name}, {place}: {shown!r} and {n - 1:,} more ids are "
          "numbers that a spreadsheet has rounded, so that customers cannot be told apart. Can the "
          "file be exported anew, as text?"),
         'Then draft again. If these are their ids, write "customer".'],
    )  # fmt: skip


_POWER = r"[0-9]+(?:[.,][0-9]+)?[eE][+][0-9]+"


def _unknown_form(raw: RawColumn, wanted: str, table: Table, cells: Cells) -> Entry:
    """The question how a column is to be read that is called a day or an amount."""
    text = cells.text(table, raw)
    shown = cells.first(table.name, [text], f"{text} IS NOT NULL")
    listed = ", ".join(f"{found!r} ({place})" for place, (found,) in shown)
    kind = "day" if wanted == "date" else "amount"
    known = forms.DAY_FORMS if kind == "day" else forms.AMOUNT_FORMS
    return Entry(
        {"as": kind, "form": ASK},
        [(f"{table.label}, column {raw.name}: no one form of {kind}s reads its cells, such as "
          f"{listed}. How is it written?"),
         (f"Write one of {', '.join(known)}; or change 'as' to text, remove 'form', and read it "
         f"in the SQL.")],
    )  # fmt: skip


def _two_readings(raw: RawColumn, table: Table, cells: Cells) -> list[str]:
    """The question which of two forms is meant, with a cell that they read differently."""
    own = cells.own(table, raw)
    values = [forms.reading_sql(own, fit.reading) for fit in raw.fits]
    where = f"{forms.text_sql(own)} IS NOT NULL AND ({values[0]}) IS DISTINCT FROM ({values[1]})"
    shown = cells.first(table.name, [forms.text_sql(own), *values], where, 1)
    readings = []
    place = ""
    for where_, (text, *read) in shown:
        place = f", {where_}: {text!r}"
        readings = [
            f"{said} ({fit.reading.form})"
            for fit, said in zip(raw.fits, map(_shown, read), strict=True)
        ]
    answers = " or ".join(f'"{fit.reading.form}"' for fit in raw.fits)
    return [
        f"{table.label}, column {raw.name}{place} is {' or '.join(readings)}?",
        f"Write {answers}.",
    ]


def _shown(value: Any) -> str:
    return f"{value:,.10g}" if isinstance(value, float) else f"{value}"


def _account(raw: RawColumn, entry: Entry, table: Table, cells: Cells) -> None:
    """Say which cells a form does not read; ask where they are many."""
    fit = raw.fits[0]
    _fillers(raw, entry, table, cells)
    if fit.reading.as_ == "day" and not raw.is_typed:
        _half_turned(raw, entry, table, cells)
    unread = fit.unread
    if not (unread.unreadable or unread.missing):
        return
    shown = ", ".join(f"{text!r} ({place})" for place, text in unread_cells(raw, fit, table, cells))
    parts = [f"{unread.unreadable:,} unreadable"] if unread.unreadable else []
    parts += [f"{unread.missing:,} that say there is no value"] if unread.missing else []
    entry.unread = f"{raw.name}: of {unread.filled:,} filled cells {' and '.join(parts)}: {shown}"
    share = unread.unreadable / unread.filled
    if _in_other_form(raw, entry, table, cells):
        return
    if share > LIMIT:
        entry.fields["unreadable"] = ASK
        entry.question += [
            (f"{table.label}, column {raw.name}: {unread.unreadable:,} of {unread.filled:,} filled "
             f"cells ({share:.1%}) are no {fit.reading.as_} written as {fit.reading.form}: "
             f"{shown}."),
            ("May they count as empty? Then write the share that may, such as "
             f"{min(1.0, -(-share * 100 // 1) / 100):.2f}; else mend them, or the form."),
        ]  # fmt: skip


def _half_turned(raw: RawColumn, entry: Entry, table: Table, cells: Cells) -> None:
    """Ask where a spreadsheet has made days of some texts only: those that its own order fits."""
    form = raw.fits[0].reading.form
    if form not in {"day-month-year", "month-day-year"} or entry.fields["form"] == ASK:
        return
    own = cells.text(table, raw)
    value = forms.reading_sql(cells.own(table, raw), raw.fits[0].reading)
    turned = f"regexp_matches({own}, '^[0-9]{{4}}[^0-9]') AND ({value}) IS NOT NULL"
    n = cells.count(table.name, turned)
    if n < _TURNED or cells.count(table.name, f"{turned} AND day({value}) > 12"):
        return
    ((place, (shown, read)),) = cells.first(table.name, [own, value], turned, 1)
    entry.ask(
        (f"{table.label}, column {raw.name}, {place}: {shown!r} and {n - 1:,} more cells begin "
         f"with the year, the others are text as {form}; no day of theirs is after the 12th. A "
         f"spreadsheet may have taken day and month for each other: is it {read:%d %B %Y}?"),
        f'If so, write "{form}"; else export the file anew, with all days as text.',
    )  # fmt: skip


_TURNED = 10
"""So many days that are all before the 13th are no accident."""


def _in_other_form(raw: RawColumn, entry: Entry, table: Table, cells: Cells) -> bool:
    """Ask where a column holds a second form too: cells that both can read may be of either."""
    reading = raw.fits[0].reading
    other = forms.other_form(reading.form)
    if not raw.fits[0].unread.unreadable or not other or entry.fields["form"] == ASK:
        return False
    own = cells.own(table, raw)
    mine, others = (forms.reading_sql(own, reading.model_copy(update={"form": form}))
                    for form in (reading.form, other))  # fmt: skip
    only = f"({mine}) IS NULL AND ({others}) IS NOT NULL"
    n = cells.count(table.name, only)
    if not n:
        return False
    either = (
        f"({mine}) IS DISTINCT FROM ({others}) AND ({mine}) IS NOT NULL AND ({others}) IS NOT NULL"
    )
    text = forms.text_sql(own)
    shown = ", ".join(
        f"{found!r} ({place})" for place, (found,) in cells.first(table.name, [text], only)
    )
    doubtful = "".join(
        f" So {found!r} ({place}) may be {_shown(a)} ({reading.form}) or {_shown(b)} ({other}): "
        f"{cells.count(table.name, either):,} cells can be read both ways."
        for place, (found, a, b) in cells.first(table.name, [text, mine, others], either, 1)
    )
    unread = raw.fits[0].unread
    share = unread.unreadable / unread.filled
    entry.fields["unreadable"] = ASK
    entry.question += [
        (f"{table.label}, column {raw.name}: most cells are written as {reading.form}, but {n:,} "
        f"as {other}: {shown}.{doubtful}"),
        ("Mend the file; or, if all others are right, write the share of cells that may count as "
        "empty, such as "
        f"{min(1.0, -(-share * 1000 // 1) / 1000):.3f}."),
    ]  # fmt: skip
    return True


def _fillers(raw: RawColumn, entry: Entry, table: Table, cells: Cells) -> None:
    """Say which values are taken to stand for none."""
    text = cells.text(table, raw)
    for word in raw.fits[0].reading.missing:
        same = f"{text} = {forms.quoted_text(word)}"
        place = "".join(f", first {place}" for place, _ in cells.first(table.name, ["1"], same, 1))
        entry.fields.setdefault("missing", []).append(word)
        n = cells.count(table.name, same)
        said = f"{word} ({n:,} cells{place}) stands for no {raw.fits[0].reading.as_}"
        entry.guess = "; ".join(filter(None, [entry.guess, said]))


def unread_cells(raw: RawColumn, fit: Fit, table: Table, cells: Cells) -> list[tuple[str, str]]:
    """Up to three cells that a form does not read, the unreadable before those without a value."""
    own = cells.own(table, raw)
    text, value = forms.text_sql(own), forms.reading_sql(own, fit.reading)
    missing = forms.is_missing_sql(text, fit.reading)
    wrong = f"{text} IS NOT NULL AND ({value}) IS NULL"
    found = (
        cells.first(table.name, [text], f"{wrong} AND NOT {missing}")
        if fit.unread.unreadable
        else []
    )
    found += (
        cells.first(table.name, [text], f"{wrong} AND {missing}")
        if len(found) < 3 and fit.unread.missing
        else []
    )
    return [(place, str(shown)[:40]) for place, (shown,) in found[:3]]
