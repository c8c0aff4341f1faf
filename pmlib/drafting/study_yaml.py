"""The study.yaml of a draft: what is known written down, what is guessed marked, the rest asked."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pmlib.drafting.cells import Cells, Entry
from pmlib.drafting.joins import Meeting
from pmlib.drafting.look import RawColumn
from pmlib.drafting.matching import may_be_arm
from pmlib.drafting.meanings import doubtful_rows, listed
from pmlib.drafting.statements import Statement, arms_of, own
from pmlib.drafting.uses import CUSTOMER, Table, Use
from pmlib.studies.asks import ASK
from pmlib.studies.forms import quoted, quoted_text
from pmlib.studies.words import LEFT_OUT, MARKETING

if TYPE_CHECKING:
    from pmlib.drafting.draft import Drafted

Lines = list[str]

_ANSWERS = 3
"""A column with more different words than this says not who responded."""
_MET = 0.5
"""Where a smaller share of a file's ids are those of customers, that is asked about."""


def study_yaml(
    folder: Path, sources: Sequence[Drafted], uses: Sequence[Use],
    read: Mapping[str, Mapping[str, Entry]], statements: Mapping[str, Statement],
    met: Sequence[Meeting], cells: Cells, as_of: dt.date,
) -> str:  # fmt: skip
    """Write the study.yaml of a draft."""
    of = {use.kind: use for use in uses}
    lines = [
        "# A draft. A comment that begins with CHECK is a guess: read it, mend it, remove the mark",
        "# (or all at once, once read: --confirm). ASK is a question: write the answer there.",
        f"title: {_json(folder.resolve().name)}  # CHECK: the bank's name, as the cover shows it",
        "description: Customers of a bank.  # CHECK: what, who, when",
        "licence: Internal.  # CHECK: who may see the data",
        f"as_of: {as_of}  # CHECK: the last day that the data know; the latest date seen",
        "currency: EUR  # CHECK: the currency of all amounts",
        *_contacts(of.get("contacts"), cells),
        *_ids(met, cells, of["customers"]),
        *_objection(of["customers"], uses),
        "",
        "sources:",
    ]
    doubtful = doubtful_rows(uses, cells)
    for source in sources:
        lines += _source(source, uses, read, doubtful)
    lines += ["", "tables:", *(f"  {kind}: {kind}.sql" for kind in statements)]
    lines += _attributes(of["customers"])
    lines += _channels(of)
    notes = [note for made in statements.values() for note in made.notes]
    silent = _no_response(of.get("contacts"))
    if notes or silent:
        lines += ["", "notes:", *silent]
        lines += [f"  - {{text: {_json(text)}{f', sql: {_json(sql)}' if sql else ''}}}"
                  for text, sql in dict.fromkeys(notes)]  # fmt: skip
    if "products" in of and "annual_margin" not in of["products"].mapped:
        lines += [
            "",
            "parameters:",
            "  default_margin: 50.0  # CHECK: what a product earns a year; no column was found",
        ]
    return "\n".join(lines) + "\n"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _commented(said: Sequence[str], indent: str) -> Lines:
    return [f"{indent}# {' '.join(line.split())}" for line in said]


# --- contacts -----------------------------------------------------------------------------------


def _contacts(use: Use | None, cells: Cells) -> Lines:
    """What must be asked of contacts: who was left out, by what draw, and what their value is."""
    if use is None:
        return []
    lines: Lines = []
    label = use.table.label
    value = use.mapped.get("value")
    if value is not None:
        asked = "is the value of a contact what it earned (margin), or what was sold (sales)?"
        lines += _commented([f"{label}, column {value.name}: {asked}"], "")
        lines.append(f"value_is: {ASK}")
    arm = use.mapped.get("arm")
    if arm is None:
        return lines + _no_arm(use)
    arms = arms_of(arm, use.table.rows)
    counts = ", ".join(f"{name} ({n:,})" for name, n in arms.items())
    if len(arms) > 1:
        first = cells.first(
            use.table.name, [quoted(arm.name)], f"{quoted(arm.name)} IS NOT NULL", 1
        )
        place = "".join(f", {where}: {shown[0]!r}" for where, shown in first)
        lines += _commented([
            (f"{label}, column {arm.name}{place}: the arms are {counts}. Which of them were left "
             'without contact on purpose, as a control group? Write them, such as ["…"];'),
            "write [] where every arm was contacted." + (
                f" If {arm.name} tells of something else, write 'offer' AS arm in contacts.sql."
                if "arm" in use.by_type else ""),
        ], "")  # fmt: skip
        lines.append(f"control: {ASK}")
        propensity = use.mapped.get("propensity")
        if propensity is None or propensity.filled < use.table.rows:
            told = (
                f"column {propensity.name} is not filled"
                if propensity
                else "no column says with what probability"
            )
            lines += _commented([
                (f"{label}: {told}. Did chance decide who was left out (randomised), or did "
                 "somebody choose (chosen)? Where shares were planned, add a line such as "
                 "shares: {control: 0.5, offer: 0.5}; else those counted are taken."),
            ], "")  # fmt: skip
            lines.append(f"assignment: {ASK}")
    return lines


def _no_arm(use: Use) -> Lines:
    """The question whether any column tells who was left out, where none is called so."""
    taken = [raw for raw in (*use.mapped.values(), use.snapshot) if raw and raw.name != "_file"]
    few = [c for c in use.table.columns if c not in taken and may_be_arm(c)]
    told = [use.mapped[name] for name in ("campaign_id", "channel") if name in use.mapped]
    few += [c for c in told if c not in few and may_be_arm(c)
            and re.search(LEFT_OUT, " ".join(c.values))]  # fmt: skip
    if not few:
        return []
    shown = "; ".join(f"{c.name} holds {', '.join(map(repr, list(c.values)[:6]))}" for c in few[:6])
    asked = f"{use.table.label}, line 2: no column is called an arm. Does any tell who was left out"
    return [
        *_commented([
            (f"{asked} on purpose ({shown})? Then take it for the arm in contacts.sql, such as "
             f"{own(few[0])} AS arm, and write here the words of those left out, in brackets;"),
            "write [] where everybody in the file was contacted.",
        ], ""),
        f"control: {ASK}",
    ]  # fmt: skip


def _no_response(use: Use | None) -> Lines:
    """The question whether any column tells who responded, where none is called so."""
    if use is None or "responded" in use.mapped:
        return []
    few = [c for c in use.table.columns if c not in use.mapped.values() and c.name != "_file"
           and (c.flag is not None or 1 <= len(c.values) <= _ANSWERS)]  # fmt: skip
    shown = "; ".join(f"{c.name} holds {listed(c, use.table.rows - c.filled)}" for c in few[:6])
    if not few and (value := use.mapped.get("value")) is not None:
        few, shown = [value], f"{value.name}, such as {' or '.join(value.samples)}"
    if not few:
        return []
    return [
        *_commented([
            (f"{use.table.label}, line 2: no column is known to say who responded. Does one of "
             f"these ({shown})? Then say so in contacts.sql, such as {own(few[0])} = '…' AS "
             f"responded, or {own(few[0])} > 0;"),
            ("write here what readers must know, such as Nobody recorded who responded."),
        ], "  "),
        f"  - {{text: {ASK}}}",
    ]  # fmt: skip


def _ids(met: Sequence[Meeting], cells: Cells, customers: Use) -> Lines:
    """The question whether ids are changed, where only then they join; else the counts."""
    asked = [m for m in met if m.column.name != CUSTOMER
             and (m.best != "as-written" or m.as_written < _MET * m.ids)]  # fmt: skip
    if not asked:
        return []
    key = customers.mapped["customer_id"]
    lines = ["#"]
    ours = cells.first(
        customers.table.name, [quoted(key.name)], f"{quoted(key.name)} IS NOT NULL", 1
    )
    for meeting in asked:
        theirs = cells.first(
            meeting.table.name,
            [quoted(meeting.column.name)],
            f"{quoted(meeting.column.name)} IS NOT NULL",
            1,
        )
        both = (meeting.table.label, theirs), (customers.table.label, ours)
        shown = " against ".join(
            f"{row[0]!r} ({label}, {place})" for label, found in both for place, row in found
        )
        ways = "; ".join(
            f"{n:,} {form}" for form, n in meeting.changed.items() if n > meeting.as_written
        ) or "and no known change brings more together"  # fmt: skip
        lines += _commented([
            (f"{meeting.table.label}, column {meeting.column.name}: of {meeting.ids:,} ids "
             f"{meeting.as_written:,} are found in {customers.table.label} as-written, {ways}: "
             f"{shown}."),
        ], "")  # fmt: skip
    best = next((m.best for m in asked if m.best != "as-written"), "")
    answer = f"Write as-written or {best}."
    if not best:
        answer = (
            "Mend the ids in the files, or write as-written: rows of unknown customers are then "
            "left out."
        )
    lines += _commented([answer], "")
    return [*lines[1:], f"customer_ids: {ASK}"]


def _objection(use: Use, uses: Sequence[Use]) -> Lines:
    """The question whether a column of two values tells who objects, where none is known to."""
    products = [raw for other in uses if other.table is use.table for raw in other.products]
    two = [(name, raw, use.table.rows - raw.filled) for name, raw, _ in use.attributes
           if raw not in products]  # fmt: skip
    two = [(name, raw, blank) for name, raw, blank in two
           if raw.flag or (len(raw.values) + (blank > 0) == 2 < use.table.rows)]  # fmt: skip
    if not two or MARKETING.keys() & use.mapped.keys():
        return []
    shown = "; ".join(f"{raw.name} holds {listed(raw, blank)}: {_ways(name, raw, blank)}"
                      for name, raw, blank in two)  # fmt: skip
    return [
        *_commented([
            (f"{use.table.label}, line 2: no column is known to say who objects to marketing, or "
             f"agrees to it. Does one of these ({shown})? Then write what holds for customers who "
             "object (of several, put OR between them);"),
            "write none where no column tells.",
        ], ""),
        f"objection: {ASK}",
    ]  # fmt: skip


def _ways(name: str, raw: RawColumn, blank: int) -> str:
    """The conditions among which a column of two values lets choose."""
    ways = [f"{name} = {quoted_text(value)}" for value in raw.values]
    if raw.kind == "flag":
        ways = [name, f"NOT {name}"]
    elif raw.fits and raw.kind != "text":
        ways = [f"{name} = {end:g}" for end in dict.fromkeys((raw.fits[0].low, raw.fits[0].high))]
    empty = blank and not (raw.flag and "" in raw.flag.no_words)
    return " or ".join([*ways, *([f"{name} IS NULL"] if empty else [])])


# --- sources ------------------------------------------------------------------------------------


def _source(
    source: Drafted, uses: Sequence[Use], read: Mapping[str, Mapping[str, Entry]],
    doubtful: Mapping[str, Mapping[str, Sequence[str]]],
) -> Lines:  # fmt: skip
    fields = {
        key: value
        for key, value in source.fields.items()
        if key not in {"table", "members", "csv", "skip", "footer"}
    }
    head = [f"{key}: {_json(value)}" for key, value in fields.items()]
    used = [use.table.name for use in uses]
    used += [use.owners.table.name for use in uses if use.owners is not None]
    idle = {table.name: _idle(table, uses) for table in source.tables if table.name not in used}
    if "members" not in source.fields:
        own = {key: value for key, value in source.fields.items() if key not in fields}
        lines = [*head, *_table(source, own, read, doubtful, idle)]
        return [f"  - {lines[0]}", *(f"    {line}" for line in lines[1:])]
    lines = [f"  - {head[0]}", *(f"    {line}" for line in head[1:]), "    members:"]
    for member in source.fields["members"]:
        first, *more = _table(source, member, read, doubtful, idle)
        lines += [f"      - {first}", *(f"        {line}" for line in more)]
    return lines


def _idle(table: Table, uses: Sequence[Use]) -> str:
    """The question whether a raw table may be left out, and what it has in common with others."""
    names = [c.name for c in table.columns if c.name not in {"_file", CUSTOMER}]
    shown = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
    customers = next(use for use in uses if use.kind == "customers")
    key = customers.mapped["customer_id"].name
    said = f" Its columns are {shown}." if names else ""
    if table.copy_of:
        said += f" All its rows stand in {table.copy_of} too."
    elif len(names) == 1 and re.search(r"\S\s{2,}\S", names[0]):
        said += (" Where its columns have fixed widths, say so: csv: {widths: [8, 10], header: "
                 "false, columns: [first, second]}, and draft the SQL by hand.")  # fmt: skip
    elif key in names:
        said += f" Its {key} may name the customers of {customers.table.label}."
    return (
        f"{table.label}: nothing uses it, of {table.rows:,} rows.{said} May it be left out? Then "
        f'write why, such as "not needed"; else remove this line and read {table.name} in the SQL.'
    )


def _table(
    source: Drafted, fields: Mapping[str, Any], read: Mapping[str, Mapping[str, Entry]],
    doubtful: Mapping[str, Mapping[str, Sequence[str]]], idle: Mapping[str, str],
) -> Lines:  # fmt: skip
    """What is said of a raw table: how it is written, and how its columns are read."""
    table, lines = fields["table"], []
    for key, value in fields.items():
        said = _json(value)
        if key == "csv" and table in source.unsure:
            lines += _commented(source.unsure[table], "")
            said = _unquoted(_json({**value, "encoding": ASK}))
        lines.append(f"{key}: {said}")
    without: dict[str, Any] = {**source.without.get(table, {})}
    said = f"  # CHECK: {'; '.join(source.taken_out[table])}" if without else ""
    for column, question in doubtful.get(table, {}).items():
        if column not in without:
            lines += _commented(question, "")
            without[column] = ASK
    if without:
        lines.append(f"without: {_unquoted(_json(without))}{said}")
    if read.get(table):
        lines.append("read:")
    for column, entry in read.get(table, {}).items():
        lines += _commented(entry.question, "  ")
        said = f"  # CHECK: {' '.join(entry.guess.split())}" if entry.guess else ""
        inner = ", ".join(
            f"{key}: {_unquoted(_json(value))}" for key, value in entry.fields.items()
        )
        lines.append(f"  {_json(column)}: {{{inner}}}{said}")
    if table in idle:
        lines += [*_commented([idle[table]], ""), f"unused: {ASK}"]
    return lines


def _unquoted(text: str) -> str:
    """ASK stands without quotes, so that it is seen for what it is."""
    return text.replace(f'"{ASK}"', ASK)


# --- what describes customers, and channels -----------------------------------------------------


def _attributes(use: Use) -> Lines:
    if not use.attributes:
        return []
    lines = [
        "",
        "# role: feature forms segments, descriptor only describes and predicts, sensitive is",
        "# kept for checks of fairness. known_before_contact: false for what comes too late.",
        "attributes:",
    ]
    for name, column, role in use.attributes:
        label = _json(use.table.labels.get(column.name, column.name))
        said, check = f"label: {label}, role: {role}", "label, unit, role"
        levels = [
            level for level in use.table.levels.get(column.name, ()) if level in column.values
        ]
        if len(levels) > 2 and column.kind == "text":
            said, check = f"{said}, levels: {_json(levels)}", f"{check}, order of levels"
        lines.append(f"  {name}: {{{said}}}  # CHECK: {check}")
    return lines


def _channels(of: Mapping[str, Use]) -> Lines:
    """The channels that the contacts name; where none does, one to be thought over."""
    channel = of["contacts"].mapped.get("channel") if "contacts" in of else None
    named = list(channel.values) if channel is not None else []
    if not named and not {"contacts", "holdings"} & of.keys():
        return []
    cost = of["contacts"].mapped.get("cost") if "contacts" in of else None
    dear = cost.fits[0].high if cost is not None and cost.fits else None
    said = "what one contact costs" + (
        f"; the dearest in the file is {dear:g}" if dear is not None else ""
    )
    amount = dear or 1.0
    return ["", "channels:", *(
        f"  - {{name: {_json(name)}, cost: {float(amount)}}}  # CHECK: {said}"
        for name in named or ["letter"]
    )]  # fmt: skip
