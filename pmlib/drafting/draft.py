"""Draft a study from a bank's files: guesses marked, questions asked, and every file accounted for.

Nothing is run on a guess that numbers depend on: the user reads the draft, answers, and checks it
with ``--check``.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection as Connection

from pmlib.drafting import joins
from pmlib.drafting.cells import Cells, Entry
from pmlib.drafting.declare import Declared, declare, grouped
from pmlib.drafting.held import tell_spellings
from pmlib.drafting.look import RawColumn, look
from pmlib.drafting.mapping import assign
from pmlib.drafting.owners import read_owners, tell_owners
from pmlib.drafting.proposals import entries
from pmlib.drafting.repeats import without_copies
from pmlib.drafting.statements import known_customers, statement
from pmlib.drafting.study_yaml import study_yaml
from pmlib.drafting.totals import count_rows, take_out, take_out_sum
from pmlib.drafting.uses import Table, Use
from pmlib.errors import StudyError
from pmlib.files import written_whole
from pmlib.studies import asks
from pmlib.studies.fetch import RawFile, writable
from pmlib.studies.forms import quoted
from pmlib.studies.reading import RawPart, union_of
from pmlib.studies.sources import as_declared, parts_of
from pmlib.studies.spec import SPEC_FILE, Source


@dataclass
class Drafted(Declared):
    """A source of the draft: what study.yaml says of it, and its raw tables as they were seen."""

    files: list[Path] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    found: dict[str, int] = field(default_factory=dict)
    without: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    taken_out: dict[str, list[str]] = field(default_factory=dict)


def draft_study(folder: Path, files: Sequence[Path], *, today: dt.date | None = None) -> str:
    """Write a study.yaml and the SQL of its tables from what the files seem to be.

    Parameters
    ----------
    folder : pathlib.Path
        Where the study shall be; made if need be.
    files : sequence of pathlib.Path
        A bank's files of any kind that sources may have, or folders of them; they stay where they
        are.
    today : datetime.date, optional
        Dates after it are not taken for the end of the data; years of two digits up to its own are
        of its century.

    Returns
    -------
    str
        For each file what it is used for, what is left out and why, and what could not be read;
        then what is asked, and what to do next.

    Raises
    ------
    StudyError
        The folder holds a study already, a file cannot be read, or no file speaks of customers.
    """
    today = today or dt.date.today()
    if (folder / SPEC_FILE).exists():
        raise StudyError(
            "The folder holds a study already.",
            where=str(folder / SPEC_FILE),
            found="a study.yaml, which is not overwritten",
            remedy="Choose another folder, or remove the file.",
        )
    if not files:
        raise StudyError("No files are given.", rule="one file at least", where="--from")
    with tempfile.TemporaryDirectory() as staging:
        place = Path(staging)
        with duckdb.connect() as connection:
            # Columns may be many and texts long: what does not fit in memory is spilled, which is
            # quicker than to write everything into a file of the database.
            connection.execute("SET memory_limit = '600MB'")
            connection.execute("SET temp_directory = ?", [str(place / "spill")])
            return _draft(connection, folder, files, place, today)


def _draft(
    connection: Connection, folder: Path, files: Sequence[Path], staging: Path, today: dt.date
) -> str:
    names: set[str] = set()
    sources: list[Drafted] = []
    parts: dict[str, list[RawPart]] = {}
    for number, group in enumerate(grouped(files)):
        home = staging / str(number)
        home.mkdir()
        source = Drafted(**vars(declare(group, folder, names, home)), files=group)
        parts |= _look(connection, source, home, today)
        sources.append(source)
    tables = [table for source in sources for table in source.tables]
    customer_of, owners = joins.customer_columns(connection, tables)
    uses = without_copies(connection, assign(tables, customer_of))
    if not uses:
        raise _no_customers(tables, files)
    for use in uses:
        if use.table.name in owners and "customer_id" in use.mapped:
            tell_owners(use, owners[use.table.name])
        if "customer_id" in use.mapped:
            joins.settle_rows(connection, use, today)
    tell_spellings(uses)
    customers = next(use for use in uses if use.kind == "customers")
    met = joins.meetings(connection, customers, [use for use in uses if use is not customers])
    as_of = _end(tables, today)
    cells = Cells(connection, parts)
    read = entries(uses, cells)
    read_owners(read, {use.table.name: use.owners for use in uses if use.owners})
    known = known_customers(customers, as_of)
    for meeting in met:
        naming = [one for one in uses if one.table is meeting.table and "customer_id" in one.mapped]
        for use in naming:
            lost = meeting.ids - meeting.changed.get(meeting.best, meeting.as_written)
            if lost:
                ids = f"{lost:,} of {meeting.ids:,} ids are of customers that no file lists"
                use.notes.append(f"{ids}; their rows are left out.")
    missing = {m.table.name for m in met if m.changed.get(m.best, m.as_written) < m.ids}
    dangling = dict.fromkeys(missing, known)
    statements = {
        kind: statement([use for use in uses if use.kind == kind], as_of, dangling)
        for kind in dict.fromkeys(use.kind for use in uses)
    }
    text = study_yaml(folder, sources, uses, read, statements, met, cells, as_of)
    with writable(folder):
        for kind, made in statements.items():
            with written_whole(folder / f"{kind}.sql") as aside:
                aside.write_text(made.sql, encoding="utf-8")
        with written_whole(folder / SPEC_FILE) as aside:
            aside.write_text(text, encoding="utf-8")
    lines = [f"Drafted {folder / SPEC_FILE}"]
    for source in sources:
        lines += _account(source, uses, read)
    sql = tuple(f"{kind}.sql" for kind in statements)
    asked = [ask for ask in asks.open_asks(folder, (SPEC_FILE, *sql)) if ask.is_question]
    if asked:
        several = "questions" if len(asked) > 1 else "question"
        lines += ["", f"{len(asked)} {several} to be answered in {folder / SPEC_FILE}:"]
        lines += [f"  {ask}" for ask in asked]
    todo = " and answer ASK" if asked else ""
    command = f"python run_all.py --study {folder} --check"
    lines += ["", f"Read the lines marked CHECK{todo}, then: {command}"]
    return "\n".join(lines)


def _no_customers(tables: Sequence[Table], files: Sequence[Path]) -> StudyError:
    seen = [f"{table.label}: {', '.join(c.name for c in table.columns)}" for table in tables]
    return StudyError(
        "No file seems to speak of customers.",
        where=", ".join(path.name for path in files)[:300],
        rule="a column that identifies a customer, such as customer_id",
        found="; ".join(seen)[:400],
        remedy="Call the column that names a customer customer_id. Where each row is a customer "
        "and no column names one, add such a column and number the rows. Or write the study by "
        "hand, as in data/berka.",
    )


# --- what the files hold ------------------------------------------------------------------------


def _look(
    connection: Connection, drafted: Drafted, staging: Path, today: dt.date
) -> dict[str, list[RawPart]]:
    """Read the raw tables of a source as they stand, and look at their columns."""
    source = Source.model_validate({**drafted.fields, "file": drafted.files[0].name})
    members = tuple(source.raw_tables)
    files = [
        RawFile(
            source, path, members, packed=source.is_archive, sha256="", size=path.stat().st_size
        )
        for path in drafted.files
    ]
    found = {}
    for member in members:
        if member.table in drafted.prose:
            drafted.tables.append(Table(member.table, Path(member.file).name, 0, []))
            continue
        parts = list(parts_of(connection, source, member, files, staging))
        try:
            connection.execute(f"CREATE TABLE {quoted(member.table)} AS {union_of(parts)}")
        except duckdb.Error as error:
            if len(connection.table(parts[0].view).columns) == 1:  # some lines hold no delimiter
                drafted.prose.add(member.table)
                drafted.notes.append(f"{parts[0].label}: its lines are no rows; it is no table")
                drafted.tables.append(Table(member.table, parts[0].label, 0, []))
                continue
            raise as_declared(parts[0].label, parts[0].member, error) from None
        found[member.table] = parts
        # What was decided on a sheet is said where it was declared.
        drafted.notes += [f"{part.label}: {note}" for part in parts if not part.is_sheet
                          for note in part.notes]  # fmt: skip
        label = parts[0].label if len(parts) == 1 else Path(str(drafted.fields["file"])).name
        label = f"{parts[0].label} and {len(member.also)} more" if member.also else label
        drafted.found[member.table] = count_rows(connection, member.table)
        without, said = take_out(connection, member.table)
        columns = look(connection, member.table, today)
        if word := take_out_sum(connection, member.table, columns):
            without.setdefault(word[0], []).append(word[1])
            said.append(f"1 row that sums up all others ({word[1]})")
            columns = look(connection, member.table, today)
        drafted.without[member.table], drafted.taken_out[member.table] = without, said
        rows = count_rows(connection, member.table)
        drafted.tables.append(
            Table(member.table, label, rows, columns, parts[0].labels, parts[0].levels)
        )
    return found


def _end(tables: Sequence[Table], today: dt.date) -> dt.date:
    """The latest day that the data know, today at the latest."""
    latest = [column.latest for table in tables for column in table.columns if column.latest]
    return max((day for day in latest if day <= today), default=today)


# --- what is said of each file ------------------------------------------------------------------


def _account(source: Drafted, uses: Sequence[Use], read: dict[str, dict[str, Entry]]) -> list[str]:
    """For each raw table of a source: what it is used for, and all that is not taken."""
    lines: list[str] = []
    notes = [f"  {note}" for note in source.notes]
    for table in source.tables:
        own = [use for use in uses if use.table is table]
        found = source.found.get(table.name, 0)
        lines.append("")
        used_for = [f"{use.kind}.sql" for use in own]
        used_for += [f"the customers of {use.table.label}" for use in uses
                     if use.owners is not None and use.owners.table is table]  # fmt: skip
        lines.append(f"{table.label}: {table.rows:,} of {found:,} rows read, used for "
                     f"{', '.join(used_for) or 'nothing'}")  # fmt: skip
        lines, notes = [*lines, *notes], []  # below the first table, so that they belong to it
        lines += [f"  taken out: {said}" for said in source.taken_out.get(table.name, ())]
        entries_of = read.get(table.name, {})
        for use in own:
            columns = [
                f"{use.owners.own.name} (customer_id by {use.owners.table.label})"
                if use.owners is not None and target == "customer_id"
                else f"{raw.name} ({_said(target, entries_of.get(raw.name))})"
                for target, raw in use.mapped.items()
            ]
            columns += [f"{raw.name} ({target})" for target, raw in use.objections]
            columns += [f"{raw.name} ({role})" for _, raw, role in use.attributes]
            columns += [f"{raw.name} (product)" for raw in use.products]
            columns += [f"{use.product!r} (product)"] if use.product else []
            if use.snapshot is not None:
                columns.append(f"{use.snapshot.name} (snapshot)")
            lines.append(f"  {use.kind}: {', '.join(columns)}")
            lines += [f"    {note}" for note in use.notes]
        lines += [f"  left out {raw.name}: {why}" for raw, why in _left_out(table, own)]
        lines += [f"  not read {entry.unread}" for entry in entries_of.values() if entry.unread]
    return lines


def _said(target: str, entry: Entry | None) -> str:
    form = str(entry.fields.get("form", "")) if entry else ""
    return f"{target}, {form}" if form else target


def _unclaimed(raw: RawColumn, kinds: str) -> str:
    return "no value at all" if raw.kind == "empty" else f"it is no column of {kinds}"


def _left_out(table: Table, uses: Sequence[Use]) -> list[tuple[RawColumn, str]]:
    """Columns of a raw table that nothing uses, and why."""
    used = {
        raw.name
        for use in uses
        for raw in (
            *use.mapped.values(),
            *use.products,
            *(a[1] for a in use.attributes),
            *(raw for _, raw in use.objections),
        )
    }
    used |= {use.snapshot.name for use in uses if use.snapshot}
    used |= {use.owners.own.name for use in uses if use.owners}
    reasons = {raw.name: why for use in uses for raw, why in use.left_out}
    kinds = " and ".join(dict.fromkeys(use.kind for use in uses)) or "any table"
    return [
        (raw, reasons.get(raw.name) or _unclaimed(raw, kinds))
        for raw in table.columns
        if raw.name not in used and raw.name != "_file"
    ]
