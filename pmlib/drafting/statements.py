"""The SQL of a drafted study: one query a canonical table, every guess in it marked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pmlib.drafting.look import RawColumn
from pmlib.drafting.uses import CUSTOMER, Again, Owners, Table, Use
from pmlib.schema import CONTRACTS, HASH
from pmlib.studies.forms import quoted, quoted_text
from pmlib.studies.words import MARKETING, MISSING

_NULLS = {"key": "VARCHAR", "text": "VARCHAR", "number": "DOUBLE", "whole": "BIGINT",
          "date": "DATE", "flag": "BOOLEAN"}  # fmt: skip


_PER_CENT = 100
BLANK = "(blank)"
"""What an arm without a name is called."""


def arms_of(arm: RawColumn, rows: int) -> dict[str, int]:
    """Rows by arm; cells that are blank, or say that there is none, are one arm, `BLANK`."""
    named = {name: n for name, n in arm.values.items() if name.lower() not in MISSING["text"]}
    blank = rows - sum(named.values()) if arm.values else rows - arm.filled
    return named | ({BLANK: blank} if blank else {})


@dataclass
class Statement:
    """A query, and what it leaves out: sentences with ``{n}``, and the SQL that counts it."""

    sql: str
    notes: list[tuple[str, str]] = field(default_factory=list)


def statement(uses: Sequence[Use], as_of: dt.date, dangling: Mapping[str, str]) -> Statement:
    """Write the query of a canonical table.

    Parameters
    ----------
    uses : sequence of Use
        Of one kind; several are put below each other.
    as_of : datetime.date
        Ends that lie ahead of it are not known yet.
    dangling : mapping of str to str
        By raw table whose rows name unknown customers, the query of the known ones.
    """
    parts, notes = [], []
    for use in uses:
        sql, said = _select(use, as_of, dangling.get(use.table.name, ""))
        parts.append(sql)
        notes += [*use.counted, *said]
    # Several tables may name one product.
    together = "UNION\n" if uses[0].kind == "products" else "UNION ALL\n"
    return Statement(together.join(parts), notes)


def known_customers(use: Use, as_of: dt.date) -> str:
    """The query of the ids that the table of customers keeps."""
    table = use.table.name
    newest = f" WHERE {_newest(use, table, as_of).partition(' -- ')[0]}" if use.snapshot else ""
    return f"SELECT {own(use.mapped['customer_id'])} FROM {table}{newest}"  # noqa: S608


def _select(use: Use, as_of: dt.date, known: str) -> tuple[str, list[tuple[str, str]]]:
    columns = _columns(use, as_of)
    table = quoted(use.table.name) if not use.table.name.isidentifier() else use.table.name
    if use.owners is not None:
        table = _with_customers(table, use.owners)
    lines = [f"-- CHECK: {use.kind} read from {_flat(use.table.label)}{_how(use)}."]
    lines += [f"-- {_flat(note)}" for note in use.notes]
    lines += [f"-- Left out: {_flat(repr(raw.name))}, {_flat(why)}." for raw, why in use.left_out]
    distinct = use.shape == "distinct" or (use.shape == "ids" and not (use.products or use.product))
    lines.append("SELECT DISTINCT" if distinct else "SELECT")
    for number, (sql, comment) in enumerate(columns):
        comma = "," if number < len(columns) - 1 else ""
        lines.append(f"    {sql}{comma}" + (f" -- {_flat(comment)}" if comment else ""))
    source, where, tail = _source(use, table, as_of)
    lines.append(f"FROM {source}")
    conditions, notes = _conditions(use, table, known)
    conditions = [*where, *conditions]
    if conditions:
        lines.append("WHERE " + "\n    AND ".join(conditions))
    lines += tail
    return "\n".join(lines) + "\n", notes


def _with_customers(table: str, owners: Owners) -> str:
    """A table of accounts, with the customer of each."""
    account, customer = own(owners.account), own(owners.customer)
    whose = (f"SELECT {account} AS _account, min({customer}) AS _customer FROM {owners.table.name} "  # noqa: S608
             "GROUP BY _account")  # fmt: skip
    return (f"(SELECT t.*, _customer FROM {table} AS t LEFT JOIN ({whose}) AS owners "  # noqa: S608
            f"ON t.{own(owners.own)} = _account)")  # fmt: skip


def _how(use: Use) -> str:
    if use.again:
        return f"; rows that {' or '.join(a.other.table.label for a in use.again)} has count there"
    if use.overlap:
        return "; a row that several files have counts once"
    return {
        "rows": "",
        "distinct": ", each row once",
        "ids": "; no file lists them: those that are named there are taken",
        "wide": ", a column a product",
        "constants": "; a row a customer, with what never changes for one",
        "last": "; of several rows of a customer each column's last filled cell is taken",
        "newest": "; of several snapshots the newest is taken",
        "pairs": ", each pair of customer and product once",
    }[use.shape]


def _flat(text: str) -> str:
    return " ".join(text.split())  # a column's name may hold a line break


# --- columns ------------------------------------------------------------------------------------


def _columns(use: Use, as_of: dt.date) -> list[tuple[str, str]]:
    """Each column of the query: its SQL, and a comment where it is a guess."""
    found = []
    for target, column in CONTRACTS[use.kind].columns.items():
        if target == HASH:
            continue
        raw = use.mapped.get(target)
        if target == "marketing_opt_out" and MARKETING.keys() & use.mapped.keys():
            found.append(_objects(use))
        elif raw is not None:
            found.append(_taken(use, target, column.kind, raw, as_of))
        elif use.kind == "transactions" and target == "amount":
            found.append(_net(use.mapped["debit"], use.mapped["credit"]))
        elif use.kind == "holdings" and use.product and target == "product_id":
            sql = f"{quoted_text(use.product)} AS product_id"
            found.append((sql, "CHECK: the product is what the file is called"))
        elif use.shape == "wide" and target == "product_id":
            found.append(("product AS product_id", ""))
        elif (
            use.shape == "wide"
            and use.snapshot is not None
            and not use.newest
            and target in {"opened_on", "closed_on"}
        ):
            found.append((_since(target), "CHECK: from the snapshots"))
        elif use.kind == "products" and (use.products or use.product):
            found.append(_of_columns(target, column.kind))
        elif column.required:
            found.append(_filled(use, target, column.kind, as_of))
    for name, raw, _ in use.attributes:
        found.append((f"{_once(use, own(raw))} AS {name}", f"CHECK: from {raw.name!r}"))
    return found


def _objects(use: Use) -> tuple[str, str]:
    """Who objects to marketing: an objection in any column, or in any row, is one."""
    told = [(t, raw) for t, raw in use.mapped.items() if t in MARKETING] + use.objections
    each, said = [], []
    for target, raw in told:
        agrees = target == "marketing_consent"
        on_a_day = f"{own(raw)} IS {'' if agrees else 'NOT '}NULL"
        flag = f"{own(raw)} = false" if agrees else own(raw)
        each.append(on_a_day if raw.kind == "date" else flag)
        said.append(f"{raw.name!r}{', which says who agrees' if agrees else ''}")
    objects = " OR ".join(each)
    comment = f"CHECK: from {'; '.join(said)}"
    comment += "; an objection in any of them" if len(told) > 1 else ""
    if use.shape == "last":
        objects, comment = f"bool_or({objects})", f"{comment}; an objection in any row"
    else:
        objects = _once(use, objects)
    named = f"{objects} AS marketing_opt_out" if objects != "marketing_opt_out" else objects
    return named, comment


def _net(paid: RawColumn, got: RawColumn) -> tuple[str, str]:
    """Money that came in less money that went out, whatever the sign that it is written with."""
    minus = "+" if paid.fits and paid.signed and paid.fits[0].high <= 0 else "-"
    plus = "-" if got.fits and got.signed and got.fits[0].high <= 0 else ""
    net = f"{plus}coalesce({own(got)}, 0) {minus} coalesce({own(paid)}, 0)"
    sql = f"CASE WHEN coalesce({own(got)}, {own(paid)}) IS NOT NULL THEN {net} END AS amount"
    return sql, f"CHECK: {got.name!r} came in, {paid.name!r} went out"


def own(raw: RawColumn) -> str:
    """A raw column as SQL writes it."""
    return (
        raw.name
        if raw.name.isidentifier() and raw.name.isascii() and raw.name.islower()
        else quoted(raw.name)
    )


def _once(use: Use, sql: str) -> str:
    """One value a customer, where rows are put together."""
    if use.shape == "last":
        return f"arg_max({sql}, _row)"  # empty cells do not count
    return f"max({sql})" if use.shape == "constants" else sql


def _taken(use: Use, target: str, kind: str, raw: RawColumn, as_of: dt.date) -> tuple[str, str]:
    sql = own(raw)
    if use.shape == "pairs" and kind == "date":
        sql = f"min({sql})"
    if kind == "whole":
        sql = f"{sql}::BIGINT"
    if kind == "flag" and raw.kind == "whole" and raw.flag is None:
        sql = f"{sql} > 0"
    if kind == "flag" and raw.kind == "date":
        sql = f"{sql} IS NOT NULL"
    if target == "product_id" and raw.is_typed:
        sql = f"{sql}::VARCHAR"
    if target != "customer_id":
        sql = _once(use, sql)
    if target == "propensity" and raw.fits and 1 < raw.fits[0].high <= _PER_CENT:
        return f"{sql} / {_PER_CENT} AS propensity", f"CHECK: from {raw.name!r}, in per cent"
    if target == "arm" and BLANK in arms_of(raw, use.table.rows):
        sql = f"coalesce({sql}, {quoted_text(BLANK)})"
    if target == "campaign_id" and use.waves:
        return _wave(use, f"{sql}::VARCHAR"), f"CHECK: from {raw.name!r}, a campaign each day"
    source = f"from {raw.name!r}"
    if use.owners is not None and target == "customer_id":
        source = f"whose {use.owners.own.name!r} is, as {use.owners.table.label} says"
    said = f"CHECK: {source}" + (", by its type alone" if target in use.by_type else "")
    if target == "closed_on" and raw.latest and raw.latest > as_of:
        return (f"CASE WHEN {sql} <= DATE '{as_of}' THEN {sql} END AS closed_on",
                f"{said}, empty where the end lies ahead")  # fmt: skip
    named = target if sql != target else ""
    return f"{sql} AS {named}" if named else sql, said


def _of_columns(target: str, kind: str) -> tuple[str, str]:
    stated = {
        "product_id": "product AS product_id",
        "name": "product AS name",
        "family": "'other' AS family",
    }
    if target in stated:
        return stated[target], "CHECK: no column for family was found" if target == "family" else ""
    return f"NULL::{_NULLS[kind]} AS {target}", ""


def _filled(use: Use, target: str, kind: str, as_of: dt.date) -> tuple[str, str]:
    """Stand in for a column that the contract wants and the raw table does not seem to have."""
    product = use.mapped.get("product_id")
    stated = {
        "name": f"{own(product)}{'::VARCHAR' if product.is_typed else ''} AS name"
        if product
        else "'?' AS name",
        "family": "'other' AS family",
        "campaign_id": "'campaign' AS campaign_id",
        "contacted_on": f"DATE '{as_of}' AS contacted_on",
        "arm": "'offer' AS arm",
    }
    if target == "campaign_id" and use.waves:
        return _wave(use, "'campaign'"), "CHECK: no column for campaign_id; a campaign each day"
    if target in stated:
        return stated[target], f"CHECK: no column for {target} was found"
    return f"NULL::{_NULLS[kind]} AS {target}", ""


def _wave(use: Use, campaign: str) -> str:
    return f"{campaign} || ' ' || {own(use.mapped['contacted_on'])} AS campaign_id"


# --- rows ---------------------------------------------------------------------------------------


def _source(use: Use, table: str, as_of: dt.date) -> tuple[str, list[str], list[str]]:
    """What stands behind FROM, conditions that come with it, and what stands behind them."""
    customer = own(use.mapped["customer_id"]) if "customer_id" in use.mapped else ""
    if use.kind == "products" and (use.products or use.product):
        listed = [column.name for column in use.products] or [use.product]
        names = ", ".join(f"({quoted_text(name)})" for name in listed)
        return f"(VALUES {names}) AS listed (product)", [], []
    if use.shape == "wide":
        return _unpivoted(use, table, customer, as_of)
    if use.shape == "constants":
        return table, [f"{customer} IS NOT NULL"], [f"GROUP BY {customer}"]
    if use.shape == "pairs":
        product = own(use.mapped["product_id"])
        return table, [f"{product} IS NOT NULL"], [f"GROUP BY {customer}, {product}"]
    if use.shape == "ids":
        first = next(iter(use.mapped.values()))
        return table, [f"{own(first)} IS NOT NULL"], []
    for again in use.again:
        table = _apart(table, again)
    tail, where, source = [], [], table
    if use.overlap:
        every = ", ".join(own(c) for c in use.table.columns if c.name not in {"_file", CUSTOMER})
        nth = f"SELECT *, row_number() OVER (PARTITION BY {every}, _file) AS _n FROM {table}"  # noqa: S608
        source = (f"(SELECT * FROM ({nth})\n    QUALIFY row_number() OVER "  # noqa: S608
                  f"(PARTITION BY {every}, _n ORDER BY _file) = 1)")  # fmt: skip
    if use.snapshot is not None:
        where = [_newest(use, table, as_of)]
    if use.shape == "last":
        source = f"(SELECT *, row_number() OVER () AS _row FROM {table})"  # noqa: S608
        tail = [f"GROUP BY {customer}"]
    return source, where, tail


def _apart(table: str, again: Again) -> str:
    """A table without the rows that another has too, as often as that has them."""
    here, there = ", ".join(again.here), ", ".join(again.there)
    named = ", ".join(f"{sql} AS _{i}" for i, sql in enumerate(again.there))
    same = " AND ".join(f"_{i} IS NOT DISTINCT FROM {sql}" for i, sql in enumerate(again.here))
    other = (f"(SELECT {named}, row_number() OVER (PARTITION BY {there}) AS _m "  # noqa: S608
             f"FROM {again.other.table.name})")  # fmt: skip
    return (
        f"(SELECT * EXCLUDE (_n) FROM (SELECT *, row_number() OVER (PARTITION BY {here}) AS _n "  # noqa: S608
        f"FROM {table})\n"
        f"    WHERE NOT EXISTS (FROM {other}\n    WHERE {same} AND _m = _n))"
    )


def _newest(use: Use, table: str, as_of: dt.date) -> str:
    """The condition that only the newest snapshot meets."""
    assert use.snapshot is not None
    snapshot, name = use.snapshot, own(use.snapshot)
    if use.newest:
        text = name if snapshot.kind == "text" or name == "_file" else f"{name}::BIGINT::VARCHAR"
        return f"{text} = {quoted_text(use.newest)} -- CHECK: the newest snapshot"
    until = f" WHERE {name} <= DATE '{as_of}'" if snapshot.kind == "date" else ""
    return f"{name} = (SELECT max({name}) FROM {table}{until})"  # noqa: S608


def _unpivoted(
    use: Use, table: str, customer: str, as_of: dt.date
) -> tuple[str, list[str], list[str]]:
    held = ", ".join(
        f"{own(c)}{'' if c.flag is not None else ' > 0'} AS {quoted(c.name)}" for c in use.products
    )
    names = ", ".join(quoted(c.name) for c in use.products)
    dated = f"{own(use.snapshot)} AS seen, " if use.snapshot else ""
    only = f" WHERE {_newest(use, table, as_of)}\n    " if use.newest else ""
    inner = (f"(SELECT {dated}{customer}, {held} FROM {table}{only})\n"  # noqa: S608
             f"    UNPIVOT (held FOR product IN ({names}))")  # fmt: skip
    if use.snapshot is None or use.newest:
        return inner, ["held"], []
    seen = own(use.snapshot)
    days = f"(SELECT DISTINCT {seen} AS seen FROM {table})"  # noqa: S608
    ordered = ("(SELECT seen, lead(seen) OVER (ORDER BY seen) AS next_seen, "  # noqa: S608
               f"min(seen) OVER () AS first_seen FROM {days})")  # fmt: skip
    return f"{inner}\n    JOIN {ordered} USING (seen)", ["held"], [f"GROUP BY {customer}, product"]


def _since(target: str) -> str:
    if target == "opened_on":
        return "CASE WHEN min(seen) > min(first_seen) THEN min(seen) END AS opened_on"
    return "max_by(next_seen, seen) AS closed_on"


def _conditions(use: Use, table: str, known: str) -> tuple[list[str], list[tuple[str, str]]]:
    """Rows that cannot be used are left out and counted.

    Those without an id, a day or an amount, and those of customers that no file lists.
    """
    needed = [(name, use.mapped[name]) for name, column in CONTRACTS[use.kind].columns.items()
              if column.filled and name in use.mapped and name != "arm"]  # fmt: skip
    conditions, notes = [], []
    lacking = [own(raw) for _, raw in needed if _may_lack(raw, use.table)]
    if lacking and use.shape not in {"ids", "constants"}:
        conditions += [f"{name} IS NOT NULL" for name in lacking]
        empty = " OR ".join(f"{name} IS NULL" for name in lacking)
        names = " or ".join(raw.name for _, raw in needed if own(raw) in lacking)
        text = f"Of {use.table.label}, rows without {names} are left out of {use.kind}: {{n}}."
        notes.append((text, f"SELECT count(*) FROM {table} WHERE {empty}"))  # noqa: S608
    if known and use.kind != "customers" and "customer_id" in use.mapped:
        customer = own(use.mapped["customer_id"])
        conditions.append(
            f"{customer} IN ({known}) -- CHECK: rows of customers that no file lists are left out"
        )
        text = f"Of {use.table.label}, rows of customers that no file lists are left out: {{n}}."
        notes.append((text, f"SELECT count(*) FROM {table} WHERE {customer} NOT IN ({known})"))  # noqa: S608
    return conditions, notes


def _may_lack(raw: RawColumn, table: Table) -> bool:
    read = raw.fits[0].read if raw.fits and raw.kind in {"date", "number"} else raw.filled
    return read < table.rows
