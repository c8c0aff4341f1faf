"""A raw table, and its use as a canonical one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pmlib.drafting.look import RawColumn

Shape = Literal["rows", "distinct", "ids", "wide", "constants", "last", "newest", "pairs"]


CUSTOMER = "_customer"
"""The column that the customer of an account becomes; no file has it."""


@dataclass
class Table:
    """A raw table: where it comes from, its rows, what its columns hold.

    `labels` are what its file calls the columns in words, `levels` the values of columns in the
    order that it gives them.
    """

    name: str
    label: str
    rows: int
    columns: list[RawColumn]
    labels: Mapping[str, str] = field(default_factory=dict)
    levels: Mapping[str, Sequence[str]] = field(default_factory=dict)
    copy_of: str = ""
    """Another table that has all its rows."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its columns."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> RawColumn:
        """The column of that name."""
        return next(column for column in self.columns if column.name == name)


@dataclass(frozen=True)
class Owners:
    """Another table that says whose an account is: there `account` and `customer`, here `own`."""

    table: Table
    account: RawColumn
    customer: RawColumn
    own: RawColumn


@dataclass(frozen=True)
class Again:
    """Another table that has some rows too: by which SQL here and there one is told."""

    other: Use
    here: list[str]
    there: list[str]


@dataclass
class Use:
    """A raw table as one canonical table.

    Attributes
    ----------
    mapped
        Columns of the contract, and where they come from.
    attributes
        Further columns of customers: name, raw column, role.
    left_out
        Raw columns that are not taken, and why.
    shape
        How rows become rows: as they are (`rows`); each once (`distinct`); the different ids named
        in it (`ids`); a product a column (`wide`); what is the same in all rows of a customer
        (`constants`); the last filled cell of each column of a customer (`last`); the rows of the
        newest snapshot (`newest`); pairs of customer and product (`pairs`).
    products
        Of `wide`: the columns that are products.
    product
        Of holdings without a column for it: the product that all rows are of.
    snapshot
        Of `newest` and `wide`: the column that dates them.
    newest
        The newest snapshot, where that column holds no days.
    owners
        Where a table names accounts and no customers: who owns them.
    overlap
        Of several files: rows that several of them have count once.
    again
        Of payments and holdings: other tables, whose rows are left out here.
    waves
        Of contacts: each day of a campaign is a campaign of its own.
    by_type
        Columns of the contract that no name told.
    objections
        Of customers: further columns that say who objects or agrees to marketing.
    notes
        What is to be said of it.
    counted
        What the report says of it: sentences with ``{n}``, and the SQL that counts it.
    """

    kind: str
    table: Table
    mapped: dict[str, RawColumn] = field(default_factory=dict)
    attributes: list[tuple[str, RawColumn, str]] = field(default_factory=list)
    left_out: list[tuple[RawColumn, str]] = field(default_factory=list)
    shape: Shape = "rows"
    products: list[RawColumn] = field(default_factory=list)
    product: str = ""
    snapshot: RawColumn | None = None
    newest: str = ""
    waves: bool = False
    overlap: bool = False
    again: list[Again] = field(default_factory=list)
    owners: Owners | None = None
    by_type: frozenset[str] = frozenset()
    objections: list[tuple[str, RawColumn]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    counted: list[tuple[str, str]] = field(default_factory=list)
