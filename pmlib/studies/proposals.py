"""How the columns of a draft are to be read, and what must be asked of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from duckdb import DuckDBPyConnection as Connection

from pmlib.schema import CONTRACTS
from pmlib.studies import forms, shapes
from pmlib.studies.asks import ASK
from pmlib.studies.look import Fit, RawColumn
from pmlib.studies.mapping import Table, Use, plain
from pmlib.studies.reading import Part, as_text_sql, line_numbers, quoted
from pmlib.studies.words import MARKETING, SYNONYMS

LIMIT = 0.01
"""Share of unreadable cells above which the draft asks."""
_REFUNDS = 0.2
"""Up to this share of amounts below zero, they may be what was given back of purchases."""


@dataclass
class Entry:
    """How a column is read: the fields of study.yaml, a question above them, a guess beside."""

    fields: dict[str, Any]
    question: list[str] = field(default_factory=list)
    guess: str = ""
    unread: str = ""


class Cells:
    """Looks up single cells of raw tables, with the lines on which they stand."""

    def __init__(self, connection: Connection, parts: dict[str, list[Part]]) -> None:
        self._connection, self._parts = connection, parts

    def first(
        self, table: str, shown: Sequence[str], where: str, n: int = 3
    ) -> list[tuple[str, tuple]]:
        """The first rows that a condition holds for: where they stand, and what is shown of them."""
        for part in self._parts[table]:
            query = (
                f"SELECT n, {', '.join(shown)} FROM (SELECT *, row_number() OVER () AS n "  # noqa: S608
                f"FROM {quoted(part.view)}) WHERE {where} ORDER BY n LIMIT {n}"
            )
            rows = self._connection.execute(query).fetchall()
            if rows:
                lines = line_numbers(part, [row[0] for row in rows])
                word = "row" if part.path is None else "line"
                more = f" of {part.label}" if len(self._parts[table]) > 1 else ""
                return [
                    (f"{word} {line:,}{more}", row[1:])
                    for line, row in zip(lines, rows, strict=True)
                ]
        return []

    def count(self, table: str, where: str) -> int:
        """How many rows a condition holds for."""
        query = f"SELECT count(*) FROM {quoted(table)} WHERE {where}"  # noqa: S608
        return int(self._connection.execute(query).fetchall()[0][0])

    def type_of(self, table: str, column: str) -> str:
        """Type of a raw column."""
        rows = self._connection.execute(f"DESCRIBE {quoted(table)}").fetchall()
        return next(str(row[1]) for row in rows if row[0] == column)


def entries(uses: Sequence[Use], cells: Cells) -> dict[str, dict[str, Entry]]:
    """How each column that is used is read, by raw table and column."""
    found: dict[str, dict[str, Entry]] = {}
    for use in uses:
        own = found.setdefault(use.table.name, {})
        for target, raw in use.mapped.items():
            wanted = _kind_of(use.kind, target)
            if raw.name not in own:
                own[raw.name] = _entry(raw, wanted, use.table, cells, target)
        for _, raw, _ in use.attributes:
            if raw.name not in own:
                own[raw.name] = _entry(raw, "", use.table, cells)
        for raw in use.products:
            own[raw.name] = _entry(raw, "flag" if raw.flag else "number", use.table, cells)
        if (
            use.snapshot is not None
            and use.snapshot.name not in own
            and use.snapshot.name != "_file"
        ):
            own[use.snapshot.name] = _entry(use.snapshot, "", use.table, cells)
        if use.kind == "transactions":
            _direct(use, own, cells)
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
        return _flag(raw, table, cells, target)
    if not raw.fits:
        return _unknown_form(raw, wanted, table, cells) if wanted else Entry({"as": "text"})
    entry = Entry({"as": raw.fits[0].reading.as_, "form": raw.fits[0].reading.form})
    if raw.fits[0].reading.pivot is not None:
        pivot = raw.fits[0].reading.pivot
        entry.fields["pivot"] = pivot
        entry.guess = f"years of two digits up to {pivot:02d} are of this century"
    if len(raw.fits) > 1:
        entry.fields["form"] = ASK
        entry.question = _two_readings(raw, table, cells)
    _account(raw, entry, table, cells)
    return entry


def _customer(raw: RawColumn, table: Table, cells: Cells) -> Entry:
    """Ids as text; asked where a spreadsheet has rounded them."""
    own = forms.text_sql(as_text_sql(raw.name, cells.type_of(table.name, raw.name)))
    rounded = f"regexp_full_match({own}, {forms.quoted_text(_POWER)})"
    first = cells.first(table.name, [own], rounded, 1)
    if not first:
        return Entry({"as": "customer"})
    n = cells.count(table.name, rounded)
    ((place, (shown,)),) = first
    return Entry(
        {"as": ASK},
        [f"{table.label}, column {raw.name}, {place}: {shown!r} and {n - 1:,} more ids are numbers that a spreadsheet has rounded, "
         "so that customers cannot be told apart. Can the file be exported anew, as text?",
         'Then draft again. If these are their ids, write "customer".'],
    )  # fmt: skip


_POWER = r"[0-9]+(?:[.,][0-9]+)?[eE][+][0-9]+"


def _unknown_form(raw: RawColumn, wanted: str, table: Table, cells: Cells) -> Entry:
    """The question how a column is to be read that is called a day or an amount."""
    text = forms.text_sql(as_text_sql(raw.name, cells.type_of(table.name, raw.name)))
    shown = cells.first(table.name, [text], f"{text} IS NOT NULL")
    listed = ", ".join(f"{found!r} ({place})" for place, (found,) in shown)
    kind = "day" if wanted == "date" else "amount"
    known = forms.DAY_FORMS if kind == "day" else forms.AMOUNT_FORMS
    return Entry(
        {"as": kind, "form": ASK},
        [f"{table.label}, column {raw.name}: no form of {kind}s reads {listed}. How is it written?",
         f"Write one of {', '.join(known)}; or change 'as' to text, remove 'form', and read it in the SQL."],
    )  # fmt: skip


def _two_readings(raw: RawColumn, table: Table, cells: Cells) -> list[str]:
    """The question which of two forms is meant, with a cell that they read differently."""
    own = as_text_sql(raw.name, cells.type_of(table.name, raw.name))
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
            f"{table.label}, column {raw.name}: {unread.unreadable:,} of {unread.filled:,} filled cells "
            f"({share:.1%}) are no {fit.reading.as_} written as {fit.reading.form}: {shown}.",
            "May they count as empty? Then write the share that may, such as "
            f"{min(1.0, -(-share * 100 // 1) / 100):.2f}; else mend them, or the form.",
        ]


def _in_other_form(raw: RawColumn, entry: Entry, table: Table, cells: Cells) -> bool:
    """Ask where a column holds a second form too: cells that both can read may be of either."""
    reading = raw.fits[0].reading
    other = forms.other_form(reading.form)
    if not raw.fits[0].unread.unreadable or not other or entry.fields["form"] == ASK:
        return False
    own = as_text_sql(raw.name, cells.type_of(table.name, raw.name))
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
        f" So {found!r} ({place}) may be {_shown(a)} ({reading.form}) or {_shown(b)} ({other}): {cells.count(table.name, either):,} "
        "cells can be read both ways."
        for place, (found, a, b) in cells.first(table.name, [text, mine, others], either, 1)
    )
    unread = raw.fits[0].unread
    share = unread.unreadable / unread.filled
    entry.fields["unreadable"] = ASK
    entry.question += [
        f"{table.label}, column {raw.name}: most cells are written as {reading.form}, but {n:,} as {other}: {shown}.{doubtful}",
        "Mend the file; or, if all others are right, write the share of cells that may count as empty, such as "
        f"{min(1.0, -(-share * 1000 // 1) / 1000):.3f}.",
    ]  # fmt: skip
    return True


def _fillers(raw: RawColumn, entry: Entry, table: Table, cells: Cells) -> None:
    """Say which values are taken to stand for none."""
    text = forms.text_sql(as_text_sql(raw.name, cells.type_of(table.name, raw.name)))
    for word in raw.fits[0].reading.missing:
        same = f"{text} = {forms.quoted_text(word)}"
        place = "".join(f", first {place}" for place, _ in cells.first(table.name, ["1"], same, 1))
        entry.fields.setdefault("missing", []).append(word)
        n = cells.count(table.name, same)
        said = f"{word} ({n:,} cells{place}) stands for no {raw.fits[0].reading.as_}"
        entry.guess = "; ".join(filter(None, [entry.guess, said]))


def unread_cells(raw: RawColumn, fit: Fit, table: Table, cells: Cells) -> list[tuple[str, str]]:
    """Up to three cells that a form does not read, the unreadable before those without a value."""
    own = as_text_sql(raw.name, cells.type_of(table.name, raw.name))
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


def _flag(raw: RawColumn, table: Table, cells: Cells, target: str) -> Entry:
    """A flag by its words; where they are no known pair, the question which of them means yes."""
    reading = raw.flag or shapes.one_sided_flag(list(raw.values))
    if target in {*MARKETING, "responded"} and raw.kind == "date":
        return _entry(raw, "date", table, cells)  # a day on which it was said
    if reading is None and raw.kind == "whole" and target == "responded":
        return Entry({"as": "amount", "form": "1234.56"})  # how often: more than never
    certain = target not in MARKETING or plain(raw.name) in SYNONYMS["customers"][target].split()
    if reading is None or not certain:
        return _asked_words(raw, table, cells, target)
    yes, no = list(reading.yes_words), list(reading.no_words)
    entry = Entry({"as": "flag", "yes_words": yes, "no_words": no})
    blank = table.rows - raw.filled
    if blank and "" not in no and target:
        if not no or target == "marketing_consent":
            no.append("")
        elif not yes or target == "marketing_opt_out":
            entry.fields["no_words"] = ASK
            entry.question = [
                f"{table.label}, column {raw.name}{_first_blank(raw, table, cells)}: {blank:,} of {table.rows:,} cells are "
                f"blank, the others {_listed(raw)}. Does a blank cell mean that {_MEANING[target]}, that it is not so, or that "
                "nobody knows?",
                f'Write {json.dumps([*no, ""], ensure_ascii=False)} where it is not so, {json.dumps(no, ensure_ascii=False)} '
                'where nobody knows, and "" among yes_words where it is so.',
            ]  # fmt: skip
    if "" in no:
        entry.guess = f"a blank cell of {raw.name!r} means no"
    return entry


_MEANING = {
    "marketing_opt_out": "the customer objects to marketing",
    "marketing_consent": "the customer agrees to marketing",
    "responded": "the customer responded",
}


def _listed(raw: RawColumn) -> str:
    return ", ".join(f"{value!r} ({n:,})" for value, n in list(raw.values.items())[:8])


def _first_blank(raw: RawColumn, table: Table, cells: Cells) -> str:
    blank = f"{forms.text_sql(as_text_sql(raw.name, cells.type_of(table.name, raw.name)))} IS NULL"
    return "".join(f", {place}" for place, _ in cells.first(table.name, ["1"], blank, 1))


def _asked_words(raw: RawColumn, table: Table, cells: Cells, target: str) -> Entry:
    first = cells.first(table.name, ["1"], f"{quoted(raw.name)} IS NOT NULL", 1)
    place = "".join(f", {place}" for place, _ in first)
    example = json.dumps(next(iter(raw.values), "yes"), ensure_ascii=False)
    blank = table.rows - raw.filled
    no = [*raw.values, *([""] if blank else [])]
    return Entry(
        {"as": "flag", "yes_words": ASK, "no_words": no},
        [f"{table.label}, column {raw.name}{place}: it holds {_listed(raw)}{f', blank ({blank:,})' if blank else ''}. Which of them "
         f"mean that {_MEANING.get(target, 'yes')}?",
         f"Write them in brackets, such as [{example}]; all others mean that it is not so."],
    )  # fmt: skip


def _direct(use: Use, own: dict[str, Entry], cells: Cells) -> None:
    """Say which way the money went, where amounts carry no sign of their own."""
    raw = use.mapped.get("amount")
    if raw is None or not raw.fits:
        return
    entry, fit = own[raw.name], raw.fits[0]
    told = use.mapped.get("direction")
    text = forms.text_sql(as_text_sql(raw.name, cells.type_of(use.table.name, raw.name)))
    value = forms.reading_sql(
        as_text_sql(raw.name, cells.type_of(use.table.name, raw.name)), fit.reading
    )
    if told is not None:
        _by_direction(use.table, raw, told, entry, cells)
        return
    if fit.negative > _REFUNDS * fit.read:
        return
    entry.fields["sign"] = ASK
    first = cells.first(use.table.name, [text], f"{text} IS NOT NULL AND ({value}) > 0", 1)
    place = "".join(f", {place}: {shown!r}" for place, (shown,) in first)
    seen = f"all {fit.read:,} amounts are without a minus"
    if fit.negative:
        seen = f"only {fit.negative:,} of {fit.read:,} amounts are below zero"
    entry.question += [
        f"{use.table.label}, column {raw.name}{place}: {seen}, and no column says which way the money went. Did such an amount "
        "come in (as-written), or go out, as in a file of purchases (spending)?",
        'Write "as-written" or "spending".',
    ]  # fmt: skip


def _by_direction(
    table: Table, raw: RawColumn, told: RawColumn, entry: Entry, cells: Cells
) -> None:
    """Take the direction from its column, unless the signs of the amounts say the same already."""
    pair = shapes.as_direction(told.values)
    if pair is None:
        if not raw.signed:
            _ask_sides(table, told, entry, cells)
        return
    out, in_ = pair
    own = as_text_sql(raw.name, cells.type_of(table.name, raw.name))
    value = forms.reading_sql(own, raw.fits[0].reading)
    side = f"coalesce({forms.text_sql(quoted(told.name))}, '')"
    words = {
        key: ", ".join(map(forms.quoted_text, found)) for key, found in (("out", out), ("in", in_))
    }
    if raw.signed:
        against = f"(({value}) < 0 AND {side} IN ({words['in']})) OR (({value}) > 0 AND {side} IN ({words['out']}))"
        if not cells.count(table.name, against):
            return
    entry.fields |= {"direction": told.name, "out": out, "in": in_}
    entry.guess = (
        f"{told.name} {', '.join(out)}: money that went out; {', '.join(in_)}: that came in"
    )
    if raw.signed:
        entry.guess += "; an amount below zero turns it round"
    other = f"({value}) IS NOT NULL AND {side} NOT IN ({words['out']}, {words['in']})"
    n = cells.count(table.name, other)
    if n:
        shown = ", ".join(
            f"{word or 'blank'!r} ({place})"
            for place, (word,) in cells.first(table.name, [side], other)
        )
        entry.fields["unreadable"] = ASK
        entry.question += [
            f"{table.label}, column {told.name}: {n:,} of {table.rows:,} amounts of {raw.name} stand beside neither "
            f"{' or '.join(map(repr, out))} (out) nor {' or '.join(map(repr, in_))} (in): {shown}. Which way did that money go?",
            'Add the words to out or in ("" for blank cells) and write 0.01; or write the share of amounts that may count as '
            f"empty, such as {min(1.0, -(-n / table.rows * 100 // 1) / 100):.2f}.",
        ]  # fmt: skip


def _ask_sides(table: Table, told: RawColumn, entry: Entry, cells: Cells) -> None:
    blank = table.rows - told.filled
    first = cells.first(table.name, ["1"], f"{quoted(told.name)} IS NOT NULL", 1)
    place = "".join(f", {place}" for place, _ in first)
    entry.fields |= {"direction": told.name, "out": ASK,
                     "in": [*told.values, *([""] if blank else [])]}  # fmt: skip
    entry.question += [
        f"{table.label}, column {told.name}{place}: it holds {_listed(told)}{f', blank ({blank:,})' if blank else ''}. Which of "
        "them mean that the money went out?",
        f"Write them in brackets, such as [{json.dumps(next(iter(told.values)), ensure_ascii=False)}]; beside all others it came in.",
    ]  # fmt: skip
