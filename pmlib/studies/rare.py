"""Names that too few customers share: as levels they are folded into others, else left unsaid."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pmlib.errors import StudyError
from pmlib.files import read_json, write_json
from pmlib.studies.forms import quoted

if TYPE_CHECKING:
    import narwhals as nw

_LEVELS = {"customers": None, "transactions": ("kind", "channel"), "contacts": ("channel",)}
"""Columns whose texts are levels, by table; None: every text but the id."""

_NAMED = {
    "campaign_id": "contacts", "arm": "contacts",
    "name": "(SELECT customer_id, name FROM holdings JOIN products USING (product_id))",
}  # fmt: skip
"""Names that are more than levels: campaigns, arms, products that somebody holds."""

Rare = Mapping[str, Any]
"""``levels``: table → column → ``[kept, names]``, where names are those kept or those folded;
``unsaid``: names that nothing shown may say; ``key``: of the code and channels it was made by."""


def rare_names(
    target: Path, tables: Mapping[str, Path], minimum: int, *, channels: Collection[str] = ()
) -> Rare:
    """Names in canonical tables that fewer than `minimum` customers share; kept beside them.

    Where the folded levels of a column together have fewer than `minimum` customers, the next
    smallest level is folded too. The `channels` that the study declares tell of no customer.
    """
    path = target / f"rare-{minimum}.json"
    made_by = hashlib.sha256(repr(sorted(channels)).encode() + Path(__file__).read_bytes())
    key = made_by.hexdigest()[:16]
    if path.is_file() and (kept := read_json(path)).get("key") == key:
        return dict(kept)
    import duckdb  # which a run with nothing to do need not wait for

    from pmlib.canon.contacts import CONTROL

    with duckdb.connect() as connection:
        for name, file in tables.items():
            connection.read_parquet(str(file)).create_view(name)
        levels: dict[str, dict[str, Any]] = {}
        for table, columns in _LEVELS.items():
            types = _texts(connection, table) if table in tables else []
            for column in types if columns is None else [c for c in columns if c in types]:
                said = channels if table == "contacts" else ()
                if (few := _folded(connection, table, column, minimum, said)) is not None:
                    levels.setdefault(table, {})[column] = few
        if "prospects" in tables:  # who are compared with customers: as theirs
            theirs = _texts(connection, "prospects")
            known = levels.get("customers", {})
            levels["prospects"] = {column: known[column] for column in theirs if column in known}
        unsaid = {
            str(name)
            for column, source in _NAMED.items()
            if all(
                table in tables for table in ("contacts", "holdings", "products") if table in source
            )
            for name, n in _counted(connection, source, column)
            if n < minimum and name != CONTROL
        }
    rare = {"key": key, "levels": levels, "unsaid": sorted(unsaid)}
    with suppress(StudyError):  # a folder for reading only
        write_json(rare, path)
        path.chmod(0o600)
    return rare


def folded(frame: nw.LazyFrame, levels: Mapping[str, Any]) -> nw.LazyFrame:
    """Fold the rare levels of a table's columns into others; `levels` as `rare_names` has them."""
    import narwhals as nw

    from pmlib.texts import OTHERS

    made = {}
    for column, (kept, names) in levels.items():
        value = nw.col(column)
        is_rare = ~value.is_null() if kept else nw.lit(value=False)
        if names:
            is_rare = ~value.is_null() & (~value.is_in(names) if kept else value.is_in(names))
        made[column] = nw.when(is_rare).then(nw.lit(OTHERS)).otherwise(value)
    return frame.with_columns(**made) if made else frame


def _texts(connection: Any, table: str) -> list[str]:
    described = connection.execute(f"DESCRIBE {table}").fetchall()
    return [name for name, kind, *_ in described if kind == "VARCHAR" and name != "customer_id"]


def _counted(connection: Any, source: str, column: str) -> list[tuple[str, int]]:
    """Each level or name with its customers, the rarest first."""
    query = (
        f"SELECT {quoted(column)}, count(DISTINCT customer_id) FROM {source} "  # noqa: S608 - ours
        f"WHERE {quoted(column)} IS NOT NULL GROUP BY 1 ORDER BY 2, 1"
    )
    return list(connection.execute(query).fetchall())


def _folded(
    connection: Any, table: str, column: str, minimum: int, said: Collection[str]
) -> list[Any] | None:
    """Whether the names that follow are kept, and these; None where no level is rare."""
    counted = [(name, n) for name, n in _counted(connection, table, column) if name not in said]
    names = [name for name, _ in counted]
    rare = sum(n < minimum for _, n in counted)
    if not rare:
        return None
    together = f"SELECT count(DISTINCT customer_id) FROM {table} WHERE {quoted(column)} IN "  # noqa: S608
    while rare < len(names):
        asked = f"{together} (SELECT unnest(?))"
        if connection.execute(asked, [names[:rare]]).fetchall()[0][0] >= minimum:
            break
        rare += 1
    kept = [*names[rare:], *said]
    return [False, names[:rare]] if rare <= len(kept) else [True, kept]
