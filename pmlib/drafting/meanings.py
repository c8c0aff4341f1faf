"""What words mean: yes and no, money that went out and came in; and what must be asked of them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from pmlib.drafting import shapes
from pmlib.drafting.cells import Cells, Entry
from pmlib.drafting.look import RawColumn
from pmlib.drafting.matching import SIDES
from pmlib.drafting.names import plain
from pmlib.drafting.uses import CUSTOMER, Table, Use
from pmlib.studies import forms
from pmlib.studies.asks import ASK
from pmlib.studies.forms import quoted
from pmlib.studies.words import CURRENCY, MARKETING, QUANTITY, STATUS, SYNONYMS

_STATES = 12
"""A column with more different words than this says no state of an account or payment."""
_MANY = 50
"""So many amounts without decimals are no accident."""
_NOTHING = 0.2
"""Above this share of holdings of nothing, they may say what is not held."""
LIMIT = 0.01
"""Share of unreadable or blank cells above which the draft asks."""
_REFUNDS = 0.2
"""Up to this share of amounts below zero, they may be what was given back of purchases."""


def flag(raw: RawColumn, table: Table, cells: Cells, target: str) -> Entry:
    """A flag by its words; where they are no known pair, the question which of them means yes."""
    reading = raw.flag or shapes.one_sided_flag(list(raw.values))
    if target in {*MARKETING, "responded"} and raw.kind == "date":
        day = raw.fits[0].reading  # on which it was said
        return Entry(
            {"as": "day", "form": day.form, **({} if day.pivot is None else {"pivot": day.pivot})}
        )
    if reading is None and raw.kind == "whole" and target == "responded" and raw.fits[0].low == 0:
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
                (f"{table.label}, column {raw.name}{_first_blank(raw, table, cells)}: {blank:,} "
                f"of {table.rows:,} cells are "
                f"blank, the others {listed(raw)}. Does a blank cell mean that "
                f"{_MEANING[target]}, that it is not so, or that nobody knows?"),
                (f'Write {_json([*no, ""])} where it is not so, {_json(no)} where nobody knows, '
                'and "" among yes_words where it is so.'),
            ]  # fmt: skip
    if "" in no:
        entry.guess = f"a blank cell of {raw.name!r} means no"
    return entry


_MEANING = {
    "marketing_opt_out": "the customer objects to marketing",
    "marketing_consent": "the customer agrees to marketing",
    "responded": "the customer responded",
}


def _json(words: list[str]) -> str:
    return json.dumps(words, ensure_ascii=False)


def listed(raw: RawColumn, blank: int = 0) -> str:
    """Its most frequent values with their rows, and how many cells are blank."""
    shown = [f"{value!r} ({n:,})" for value, n in list(raw.values.items())[:8]]
    return ", ".join([*shown, *([f"blank ({blank:,})"] if blank else [])])


def _first_blank(raw: RawColumn, table: Table, cells: Cells) -> str:
    blank = f"{cells.text(table, raw)} IS NULL"
    return "".join(f", {place}" for place, _ in cells.first(table.name, ["1"], blank, 1))


def _first_filled(raw: RawColumn, table: Table, cells: Cells) -> str:
    filled = f"{quoted(raw.name)} IS NOT NULL"
    return "".join(f", {place}" for place, _ in cells.first(table.name, ["1"], filled, 1))


def _asked_words(raw: RawColumn, table: Table, cells: Cells, target: str) -> Entry:
    place = _first_filled(raw, table, cells)
    blank = table.rows - raw.filled
    no = [*raw.values, *([""] if blank else [])]
    return Entry(
        {"as": "flag", "yes_words": ASK, "no_words": no},
        [(f"{table.label}, column {raw.name}{place}: it holds {listed(raw, blank)}. "
         f"Which of them mean that {_MEANING.get(target, 'yes')}?"),
         'Write them in brackets, such as ["…"]; all others mean that it is not so.'],
    )  # fmt: skip


def direct(use: Use, own: dict[str, Entry], cells: Cells) -> None:
    """Say which way the money went, where amounts carry no sign of their own, and in what units."""
    raw = use.mapped.get("amount")
    if raw is None or not raw.fits:
        return
    entry, fit = own[raw.name], raw.fits[0]
    _say_sides(use, raw, entry, cells)
    if not fit.fractions and fit.read >= _MANY and entry.fields["form"] != ASK:
        units = f"no amount has decimals: {raw.name} is in whole units, not in hundredths"
        entry.guess = "; ".join(filter(None, [entry.guess, units]))


def _say_sides(use: Use, raw: RawColumn, entry: Entry, cells: Cells) -> None:
    fit = raw.fits[0]
    told = use.mapped.get("direction")
    text = cells.text(use.table, raw)
    value = forms.reading_sql(cells.own(use.table, raw), fit.reading)
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
        (f"{use.table.label}, column {raw.name}{place}: {seen}, and no column says which way the "
         "money went. Did such an amount come in (as-written), or go out, as of purchases "
         "(spending)?"),
        f'Write "as-written" or "spending".{_perhaps(use.table)}',
    ]  # fmt: skip


def _perhaps(table: Table) -> str:
    """Columns of few words, any of which may say which way the money went."""
    few = [c for c in table.columns if c.kind in {"text", "flag"} and 2 <= len(c.values) <= SIDES]
    if not few:
        return ""
    shown = "; ".join(f"{column.name} holds {listed(column)}" for column in few[:3])
    example = json.dumps(next(iter(few[0].values)), ensure_ascii=False)
    return (
        f" Or, if a column tells ({shown}), write as-written and behind it, within the braces, "
        f"direction: {json.dumps(few[0].name, ensure_ascii=False)}, out: [{example}], and in "
        "likewise."
    )


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
    own = cells.own(table, raw)
    value = forms.reading_sql(own, raw.fits[0].reading)
    side = f"coalesce({forms.text_sql(quoted(told.name))}, '')"
    words = {
        key: ", ".join(map(forms.quoted_text, found)) for key, found in (("out", out), ("in", in_))
    }
    if raw.signed:
        against = (
            f"(({value}) < 0 AND {side} IN ({words['in']})) "
            f"OR (({value}) > 0 AND {side} IN ({words['out']}))"
        )
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
            (f"{table.label}, column {told.name}: {n:,} of {table.rows:,} amounts of {raw.name} "
            f"stand beside neither {' or '.join(map(repr, out))} (out) nor "
            f"{' or '.join(map(repr, in_))} (in): {shown}. Which way did that money go?"),
            ('Add the words to out or in ("" for blank cells) and write 0.01; or the share that '
            f"may count as empty, such as {min(1.0, -(-n / table.rows * 100 // 1) / 100):.2f}."),
        ]  # fmt: skip


def doubtful_rows(uses: Sequence[Use], cells: Cells) -> dict[str, dict[str, tuple[str, str]]]:
    """Which rows do not count, asked by raw table and column.

    Accounts that were closed without a day, products that a row says are not held, payments that
    were never made, amounts in another currency.
    """
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for use in uses:
        kinds = {other.kind for other in uses if other.table is use.table}
        if use.kind not in {"holdings", "transactions", "contacts"} or "customers" in kinds:
            continue  # rows of customers that are left out would take the customers with them
        found |= {use.table.name: told} if (told := _blank_cells(use, cells)) else {}
        if use.kind == "contacts":
            continue
        taken = [*use.mapped.values(), *use.products]
        for raw in use.table.columns:
            blank = use.table.rows - raw.filled if raw.flag is not None else 0
            if raw in taken or raw is use.snapshot or raw.name == "_file":
                continue
            few = 2 <= len(raw.values) + (blank > 0) <= _STATES
            zero = _zero(use, raw, cells)
            if not (few or zero):
                continue
            asked = ""
            if re.search(CURRENCY, raw.name, re.IGNORECASE) and use.kind == "transactions":
                asked = ("A study has one currency. Amounts in which of them are left out, or "
                         "have yet to be changed into it by the SQL?")  # fmt: skip
            elif re.search(STATUS, raw.name, re.IGNORECASE) and "closed_on" not in use.mapped:
                asked = {
                    "holdings": "Which of them say that the product is not held any more?",
                    "transactions": "Which of them say that the money never moved?",
                }[use.kind]
            elif use.kind == "holdings" and use.shape == "rows" and (raw.flag or zero):
                asked = "Which of them say that the product is not held?"
            if asked:
                place = _first_filled(raw, use.table, cells)
                words = [*raw.values, *([""] if blank else [])]
                no = raw.flag.no_words[0] if raw.flag and use.kind == "holdings" else words[-1]
                last = json.dumps(zero or no, ensure_ascii=False)
                shown = listed(raw, blank) if few else f"{zero!r} and other amounts"
                holds = f"{use.table.label}, column {raw.name}{place}: it holds {shown}."
                answer = (
                    f"Write them in brackets, such as [{last}]: those rows are then left out and "
                    "counted; or [] where all rows count."
                )
                found.setdefault(use.table.name, {})[raw.name] = (f"{holds} {asked}", answer)
    return found


def _blank_cells(use: Use, cells: Cells) -> dict[str, tuple[str, str]]:
    """Cells without which a row is nobody's, or says nothing, and that are often blank."""
    found = {}
    is_contact = use.kind == "contacts"
    named = ("product_id", "booked_on", "amount") if not is_contact else ("contacted_on",)
    for target in ("customer_id", *named):
        raw = use.mapped.get(target)
        blank = use.table.rows - raw.filled if raw is not None and raw.name != CUSTOMER else 0
        if raw is None or blank <= LIMIT * use.table.rows:
            continue
        place = _first_blank(raw, use.table, cells)
        found[raw.name] = (
            (f"{use.table.label}, column {raw.name}{place}: {blank:,} of {use.table.rows:,} cells "
            "are blank, and a row without it cannot be used. Is each written once for the rows "
            "below it, as where cells were merged? Then fill it in."
            + " Or were these people left out on purpose? Then give them the campaign's day."
            * is_contact),
            'Write [""] where these rows may be left out.',
        )  # fmt: skip
    return found


def _zero(use: Use, raw: RawColumn, cells: Cells) -> str:
    """How holdings of nothing are written in a column of how much is held, where they are many."""
    if use.kind != "holdings" or not raw.fits or raw.kind not in {"whole", "number", "flag"}:
        return ""
    if not re.search(QUANTITY, raw.name, re.IGNORECASE) or raw.fits[0].reading.as_ != "amount":
        return ""
    value = forms.reading_sql(cells.own(use.table, raw), raw.fits[0].reading)
    if cells.count(use.table.name, f"({value}) = 0") < _NOTHING * use.table.rows:
        return ""
    text = cells.text(use.table, raw)
    return str(cells.first(use.table.name, [text], f"({value}) = 0", 1)[0][1][0])


def _ask_sides(table: Table, told: RawColumn, entry: Entry, cells: Cells) -> None:
    blank = table.rows - told.filled
    place = _first_filled(told, table, cells)
    entry.fields |= {"direction": told.name, "out": ASK,
                     "in": [*told.values, *([""] if blank else [])]}  # fmt: skip
    entry.question += [
        (f"{table.label}, column {told.name}{place}: it holds {listed(told, blank)}. Which of them "
         "mean that the money went out?"),
        'Write them in brackets, such as ["…"]; beside all others it came in.',
    ]  # fmt: skip
